#pragma once
// Internal to workers/rebuild.
#include <chrono>
#include <cstdint>
#include <expected>
#include <future>
#include <string>
#include <thread>

#include "workers/projector/projector.h"

namespace parley::rebuild {

/// A projector on a thread of its own ("filling"), which ends with this object. One thread uses it.
class Filling {
 public:
  explicit Filling(projector::Options options);

  /// Waits so long for the projector to end by itself. Whether it has.
  bool over(std::chrono::milliseconds wait);
  void tell_to_end() { thread_.request_stop(); }
  /// Tells it to end if it has not, waits for that, and says how it ended.
  std::expected<void, std::string> stop();
  std::int64_t events() const { return projector_.events(); }
  /// What it says is wrong at the moment; empty when it says nothing.
  std::string trouble() const;

 private:
  projector::Projector projector_;
  std::promise<std::expected<void, std::string>> promise_;
  std::future<std::expected<void, std::string>> ended_;
  std::jthread thread_;
};

}  // namespace parley::rebuild
