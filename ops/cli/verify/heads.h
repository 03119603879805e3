#pragma once
// Where each stream of the log stands while it is read.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "platform/store/store.h"

namespace parley::verify {

/// Bounded memory for any number of streams: what is not in memory is in a store of its own, which is deleted at the
/// end. One thread. Throws store::Failure when the disk does not work.
class Heads {
 public:
  struct Head {
    std::int64_t version = 0;
    std::string hash;  ///< Of the last event, 32 raw bytes.
  };
  /// Streams in memory at most: about 200 bytes each.
  static constexpr std::size_t kInMemoryMax = 200'000;

  /// In a new folder under `scratch`. The error says why there can be none.
  static std::expected<Heads, std::string> open(const std::string& scratch);
  Heads(Heads&&) noexcept = default;
  Heads& operator=(Heads&&) = delete;
  ~Heads();

  /// Where the stream stands: version 0 and zeros before its first event.
  Head& at(std::string_view subject);
  /// Streams that were asked for.
  std::int64_t count() const { return count_; }

 private:
  Heads(std::string path, store::Memory memory, store::Store store);
  void spill();

  std::string path_;
  store::Memory memory_;
  std::optional<store::Store> store_;
  std::unordered_map<std::string, Head> recent_;
  std::int64_t count_ = 0;
};

}  // namespace parley::verify
