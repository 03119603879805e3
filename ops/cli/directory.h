#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "domain/kernel.h"
#include "ops/cli/log_place.h"
#include "platform/kafka/error.h"

namespace parley::cli {

/// Writes the directory anew out of the events, of which it is a fold: for a directory that was lost. The number of
/// entries. Takes as long as reading all events; gives up when none came for half a minute.
kafka::Result<std::size_t> fill_directory(const LogPlace& log);

/// An account, and which of the indexes that were looked for it has.
struct IndexedAccount {
  AccountId account;
  std::string email_index;
};
/// The account that has the first of these indexes of an e-mail that anybody has, as the directory says now: it need
/// not live in the slot of the e-mail. Reads all of it.
kafka::Result<std::optional<IndexedAccount>> account_of_email(const LogPlace& log,
                                                              const std::vector<std::string>& email_indexes);

}  // namespace parley::cli
