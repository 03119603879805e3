#pragma once
// The simplest system outside: it is asked for effects, and a checker counts them.
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ops/simulators/simulator.h"

namespace parley::simulators {

/// POST /effects {"id":"a1"} has the effect, each time: 201 {"id":"a1","count":1}, in the journal as "effect a1". With
/// an Idempotency-Key that was seen before it has none, and answers 200 with the first one's id and today's count. GET
/// /effects/{id} asks how often: 200 {"id":"a1","count":1}, or 404 with the count 0.
///
/// Thread-safe. Forgets everything when it ends; holds one number for each id and one id for each key.
class Effects {
 public:
  /// Declares its routes on the simulator, which it must outlive.
  void declare_on(Simulator& simulator);
  std::int64_t count(const std::string& id) const;

 private:
  Done post(const http::Request& request);
  Done answered(int status, const std::string& id, std::string did) const;

  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
  std::map<std::string, std::string> ids_by_key_;
};

}  // namespace parley::simulators
