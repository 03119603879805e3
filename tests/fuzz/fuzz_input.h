#pragma once
// What the targets share: how their inputs are laid out, and how a broken promise ends the run.
#include <sanitizer/allocator_interface.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::fuzz {

/// Ends the process, which libFuzzer takes for a crash: it keeps the input. Not assert(): a release build keeps it too.
inline void must(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

namespace internal {
inline std::size_t allocated_bytes = 0;
inline const bool kCounts =
    __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t size) { allocated_bytes += size; },
                                              [](const volatile void*) {}) != 0;
}  // namespace internal

/// Runs `work` on an input of so many bytes, and breaks the promise when it asks the allocator for more than a multiple
/// of them: what builds something anew for each part of an input does. Counted, because time would differ from run to
/// run.
template <class Work>
void must_be_linear(std::size_t input_bytes, const char* promise, Work work) {
  constexpr std::size_t kOfEachByteMax = 64;      // a document's values are 16 bytes, and its stack doubles
  constexpr std::size_t kOfNothingMax = 256'000;  // RapidJSON's first pieces of memory
  must(internal::kCounts, "the sanitizer counts what is allocated");
  const auto before = internal::allocated_bytes;
  work();
  must(internal::allocated_bytes - before <= kOfNothingMax + kOfEachByteMax * input_bytes, promise);
}

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// A Kafka record as text, so that seeds can be read and written by hand: a line "name: value" for each header, an
/// empty line, the value.
struct Record {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view value;

  /// As a record's header is looked up; a missing one is nothing.
  std::optional<std::string_view> operator()(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};
inline Record record_of(std::string_view text) {
  Record record;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
    if (line.empty()) break;
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) record.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  record.value = text;
  return record;
}

}  // namespace parley::fuzz
