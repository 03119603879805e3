#pragma once
// A body that is taken as it comes, instead of being kept in memory until it is complete.
#include <cstddef>
#include <string_view>

namespace parley::http {

/// Made for one request when its head is there (Routes::Intake); given to the handler with the request, whole or not.
/// Owned by the request; called by one thread at a time.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// False: it wants no more of the body. The handler is called then, and the connection ends with its answer. Must not
  /// wait for anything but the disk.
  virtual bool take(std::string_view bytes) = 0;
  /// What it holds in memory at most: counted in Limits::input_bytes_max from the beginning.
  virtual std::size_t memory_bytes_max() const = 0;
};

}  // namespace parley::http
