#pragma once
// Events in words, for people who watch a stream go by.
#include <string>

#include "projections/record.h"
#include "schemas/disclosed.h"

namespace parley::audit {

/// One line, without its time and its newline: who did what. An event of a type that this build does not know is its
/// type, actor and data.
std::string describe_event(const projections::Record& record, schema::Disclosure disclosure);

}  // namespace parley::audit
