#pragma once
// What goes wrong in a simulated system, and when: on demand or by a seed.
#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace parley::simulators {

/// What becomes of a request. Each says whether the simulator acts on it.
enum class FaultKind {
  refuse,        ///< does not act; ends the connection without an answer
  hang,          ///< does not act; never answers
  error,         ///< does not act; answers Fault::status
  too_many,      ///< does not act; answers 429 with Retry-After
  delay,         ///< acts; answers after Fault::delay
  break_off,     ///< acts; ends the connection in the middle of the answer's body
  answer_twice,  ///< acts; sends the same answer twice, and ends the connection
  lose_answer,   ///< acts; ends the connection without an answer
  act_and_hang,  ///< acts; never answers
};
std::string_view name(FaultKind kind);
bool acts(FaultKind kind);

/// A fault and the requests that it befalls. A value.
struct Fault {
  FaultKind kind = FaultKind::error;
  std::string route;  ///< "POST /effects", as it was declared; empty: every route
  int after = 0;      ///< so many requests of the route pass first
  int times = 0;      ///< then so many are befallen; 0: all that come
  int percent = 100;  ///< of those, by the seed
  int status = 503;
  std::chrono::milliseconds delay{1'000};
  std::chrono::seconds retry_after{1};

  /// From a query: "kind=error&route=POST+/effects&times=2&status=500"; delay_ms and retry_after_s are whole numbers.
  /// The error says what is wrong with which.
  static std::expected<Fault, std::string> parse(std::string_view query);
  static std::expected<Fault, std::string> read(const http::Parameters& parameters);
  /// The same form, for people: not escaped.
  std::string text() const;
};

/// The faults of a simulator, in the order in which they were added: of those that befall a request the first counts.
/// The same seed, faults and order of requests give the same again. Thread-safe.
class Faults {
 public:
  explicit Faults(std::uint64_t seed) : seed_(seed) {}
  void add(Fault fault);
  void clear();
  std::vector<Fault> all() const;
  /// For each request, once.
  std::optional<Fault> befalling(std::string_view route);

 private:
  struct Rule {
    Fault fault;
    std::uint64_t number = 0;  ///< of all that were ever added
    std::uint64_t seen = 0;
    int used = 0;
  };
  const std::uint64_t seed_;
  mutable std::mutex mutex_;
  std::uint64_t added_ = 0;
  std::vector<Rule> rules_;
};

}  // namespace parley::simulators
