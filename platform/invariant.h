#pragma once
// Assertions for what the program's own code guarantees, always on: a process that finds one broken would go on to
// write what is wrong. Said where it is relied on, and in pairs where two places must agree. What comes from outside
// (requests, records, files, other builds) is never an invariant.
#include <source_location>
#include <string_view>

namespace parley {

namespace internal {
/// Logs what is broken and where, and ends the process with SIGABRT.
[[noreturn]] void invariant_broken(std::string_view what, const std::source_location& where);
}  // namespace internal

/// `what` is the guarantee, as a sentence: "a checkpoint never moves back". Thread-safe; costs a comparison.
inline void invariant(bool holds, std::string_view what,
                      const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    internal::invariant_broken(what, where);
}

/// The value of an optional that is guaranteed to have one.
template <class Optional>
auto& present(Optional& value, std::string_view what,
              const std::source_location& where = std::source_location::current()) {
  if (!value) [[unlikely]]
    internal::invariant_broken(what, where);
  return *value;
}

}  // namespace parley
