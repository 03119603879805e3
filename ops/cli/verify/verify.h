#pragma once
#include <string>
#include <vector>

#include "platform/kafka/config.h"

namespace parley::cli {

struct VerifyOptions {
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = 16;
  std::vector<std::string> streams;  ///< The chains of these, and the seals of their partitions; empty: everything.
  std::string seal_keys_file;        ///< Public halves of the deciders' keys; empty: signatures are not checked.
  std::string anchor_file;           ///< The last seals that were verified: must stand in the log, and are written anew afterwards. Empty: none.
  std::string scratch;               ///< A folder for what does not fit in memory; empty: the system's own.
  bool json = false;
};

/// `parley audit verify`: whether the log is what its deciders wrote. The process's exit code: 0 when everything that was read fits, 1 when something
/// does not or nothing could be found out, with the reason on standard error.
int audit_verify(const VerifyOptions& options);

}  // namespace parley::cli
