#pragma once
// Why a worker may not go on before an operator has looked.
#include <stdexcept>
#include <string>

namespace parley::runtime {

/// The log is not the one that the worker's state or positions speak of, or has lost what it had acknowledged, or the
/// worker's positions are lost. The text says which. Starting again changes nothing, so GroupMember::run() stays for a
/// while, not ready and saying why. Thrown on the worker's thread (and on threads that it waits for).
class LogMismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One whose text begins with "another log: ".
inline LogMismatch another_log(const std::string& why) { return LogMismatch("another log: " + why); }

}  // namespace parley::runtime
