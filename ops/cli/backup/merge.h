#pragma once
// Several sequences of records as one. Pure.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ops/cli/backup/records.h"

namespace parley::backup {

/// Each source's records in their order, the earliest of all first; of two with one time, the one of the lower source,
/// so that what stands together in one stays together. Not thread-safe.
class Merge {
 public:
  using Next = std::function<std::expected<std::optional<StoredRecord>, std::string>()>;
  using Time = std::function<std::int64_t(const StoredRecord&)>;
  struct Item {
    int source = 0;
    StoredRecord record;
  };
  Merge(std::vector<Next> sources, Time time)
      : sources_(std::move(sources)), time_(std::move(time)), heads_(sources_.size()) {}

  /// Nothing at the end of all; the first error of a source ends it.
  std::expected<std::optional<Item>, std::string> next() {
    if (!begun_) {
      begun_ = true;
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (auto filled = fill(i); !filled) return std::unexpected(filled.error());
      }
    }
    if (order_.empty()) return std::optional<Item>{};
    const auto source = order_.extract(order_.begin()).value().second;
    Item out{static_cast<int>(source), std::move(*heads_[source])};
    if (auto filled = fill(source); !filled) return std::unexpected(filled.error());
    return out;
  }

 private:
  std::expected<void, std::string> fill(std::size_t source) {
    auto record = sources_[source]();
    if (!record) return std::unexpected(record.error());
    heads_[source] = std::move(*record);
    if (heads_[source]) order_.emplace(time_(*heads_[source]), source);
    return {};
  }

  std::vector<Next> sources_;
  Time time_;
  std::vector<std::optional<StoredRecord>> heads_;
  std::set<std::pair<std::int64_t, std::size_t>> order_;
  bool begun_ = false;
};

}  // namespace parley::backup
