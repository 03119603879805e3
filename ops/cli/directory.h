#pragma once
#include <cstddef>
#include <string>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"

namespace parley::cli {

/// Writes the directory anew out of the events, of which it is a fold: for a directory that was lost. The number of entries. Takes as long as reading
/// all events; gives up when none came for half a minute.
kafka::Result<std::size_t> fill_directory(const kafka::Config& config, const std::string& prefix, int partitions);

}  // namespace parley::cli
