#include "workers/reactors/runtime/queue.h"

#include <utility>

#include "platform/invariant.h"

namespace parley::reactors {

void Queue::add(Place place, std::string stream) {
  invariant(room() > 0, "a call is added where there is room for it");
  const auto number = next_number_++;
  auto& lane = lanes_[stream];
  invariant(lane.calls.empty() || lane.calls.rbegin()->second < place, "calls of a stream come in their events' order");
  if (lane.calls.empty()) ready_.emplace(number, stream);
  lane.calls.emplace(number, place);
  const bool is_new = places_.emplace(place, Kept{std::move(stream), number}).second;
  invariant(is_new, "a call is added once");
}

std::optional<Place> Queue::start() {
  if (in_flight_ >= limits_.in_flight_max || ready_.empty()) return std::nullopt;
  auto& lane = lanes_.at(ready_.begin()->second);
  ready_.erase(ready_.begin());
  lane.is_in_flight = true;
  ++in_flight_;
  return lane.calls.begin()->second;
}

bool Queue::finish(Place place) {
  const auto found = places_.find(place);
  if (found == places_.end()) return false;
  const auto [stream, number] = std::move(found->second);
  places_.erase(found);
  auto& lane = lanes_.at(stream);
  const bool was_first = lane.calls.begin()->first == number;
  if (was_first && std::exchange(lane.is_in_flight, false)) --in_flight_;
  lane.calls.erase(number);
  if (was_first) ready_.erase(number);
  if (lane.calls.empty()) {
    lanes_.erase(stream);
  } else if (was_first) {
    ready_.emplace(lane.calls.begin()->first, stream);
  }
  return true;
}

void Queue::clear() {
  lanes_.clear();
  places_.clear();
  ready_.clear();
  in_flight_ = 0;
}

}  // namespace parley::reactors
