#pragma once
// Which call is made next: concurrent across streams, ordered within one, a bounded number at a time. Pure.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace parley::reactors {

/// The event that asks for the call.
struct Place {
  int partition = 0;
  std::int64_t offset = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// Not thread-safe.
class Queue {
 public:
  struct Limits {
    std::size_t kept_max = 2'000;  ///< Waiting and in flight; what is beyond stays in the store.
    std::size_t in_flight_max = 64;
  };
  explicit Queue(Limits limits) : limits_(limits) {}

  std::size_t room() const { return limits_.kept_max - places_.size(); }
  /// The calls of a stream are added in the order of their events. There must be room.
  void add(Place place, std::string stream);
  /// The one that has waited longest of those whose stream has none in flight; nothing when there is none, or when as
  /// many as allowed are in flight.
  std::optional<Place> start();
  /// It has come to its end, in flight or not. False when it is not here.
  bool finish(Place place);

  std::size_t kept() const { return places_.size(); }
  std::size_t in_flight() const { return in_flight_; }
  void clear();

 private:
  struct Lane {
    std::map<std::uint64_t, Place> calls;  ///< By number: the order in which they came.
    bool is_in_flight = false;             ///< The first of them.
  };
  struct Kept {
    std::string stream;
    std::uint64_t number;
  };
  Limits limits_;
  std::uint64_t next_number_ = 0;
  std::unordered_map<std::string, Lane> lanes_;
  std::map<Place, Kept> places_;
  std::map<std::uint64_t, std::string> ready_;  ///< Streams with none in flight, by the number of their first call.
  std::size_t in_flight_ = 0;
};

}  // namespace parley::reactors
