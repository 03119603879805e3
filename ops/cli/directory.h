#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "domain/kernel.h"
#include "platform/kafka/config.h"
#include "platform/kafka/error.h"

namespace parley::cli {

/// Writes the directory anew out of the events, of which it is a fold: for a directory that was lost. The number of entries. Takes as long as reading
/// all events; gives up when none came for half a minute.
kafka::Result<std::size_t> fill_directory(const kafka::Config& config, const std::string& prefix, int partitions);

/// The account that has the e-mail, as the directory says now: it need not live in the slot of the e-mail. Reads all of it.
kafka::Result<std::optional<AccountId>> account_of_email(const kafka::Config& config, const std::string& prefix, int partitions,
                                                         std::string_view email_index);

}  // namespace parley::cli
