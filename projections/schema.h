#pragma once
#include <span>

#include "platform/postgres/migrator.h"

namespace parley::projections {

/// The read models' schema, step by step: what postgres::migrate applies and a process expects.
std::span<const postgres::Migration> migrations();

}  // namespace parley::projections
