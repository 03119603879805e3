#pragma once
// What its owner opens after it was made: connections, files.
#include <optional>
#include <source_location>
#include <utility>

#include "platform/invariant.h"

namespace parley {

/// A std::optional of which every use is checked: to use it while it is not open is a broken invariant and ends the
/// process. As thread-safe as a T.
template <class T>
class Opened {
 public:
  template <class... Arguments>
  void emplace(Arguments&&... arguments) {
    value_.emplace(std::forward<Arguments>(arguments)...);
  }
  /// Closes it.
  void reset() { value_.reset(); }
  explicit operator bool() const { return value_.has_value(); }

  T& operator*() { return present(value_, kIsOpen); }
  const T& operator*() const { return present(value_, kIsOpen); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

 private:
  static constexpr std::string_view kIsOpen = "it is open when it is used";
  std::optional<T> value_;
};

}  // namespace parley
