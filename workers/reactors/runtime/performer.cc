#include "workers/reactors/runtime/performer.h"

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "platform/log/log.h"

namespace parley::reactors {

/// Where calls put their ends, on whatever thread. Thread-safe.
class Performer::Ends {
 public:
  struct Ended {
    Place place;
    std::uint64_t call;
    CallEnd end;
  };
  void put(Ended ended) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(ended));
  }
  std::vector<Ended> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Ended> ended_;
};

Performer::Performer(Reactor& reactor, Commands& commands, const Options& options)
    : reactor_(reactor),
      commands_(commands),
      options_(options),
      queue_(options.queue),
      ends_(std::make_shared<Ends>()) {}

void Performer::take_over(std::map<int, State>* states) {
  for (const auto& [id, place] : by_command_) commands_.forget(id);
  for (const auto& [id, partition] : timers_) commands_.forget(id);
  states_ = states;
  queue_.clear();
  loaded_.clear();
  flights_.clear();
  by_command_.clear();
  timers_.clear();
}

void Performer::turn(const Now& now) {
  if (states_ == nullptr) return;
  drain_closed();
  drain_ends(now);
  wake_paused(now);
  if (begins_) {
    load();
    start(now);
    fire(now);
  }
  for (auto& [partition, state] : *states_) state.keep();
}

/// Events tell that it has come to its end.
void Performer::drain_closed() {
  for (auto& [partition, state] : *states_) {
    auto closed = state.take_closed();
    for (const auto offset : closed.calls) finish({partition, offset});
    for (const auto& id : closed.timers) {
      if (timers_.erase(id) > 0) commands_.forget(id);
    }
  }
}

void Performer::drain_ends(const Now& now) {
  for (auto& [place, call, end] : ends_->take()) {
    const auto flight = flights_.find(place);
    if (flight == flights_.end() || flight->second.call != call) continue;  // of what is not its business any more
    flight->second.call = 0;
    advance(flight, flight->second.attempt.ended(std::move(end)), now);
  }
}

void Performer::wake_paused(const Now& now) {
  std::vector<Flights::iterator> due;
  for (auto flight = flights_.begin(); flight != flights_.end(); ++flight) {
    const auto& until = flight->second.paused_until;
    if (until && *until <= now.steady) due.push_back(flight);
  }
  for (const auto flight : due) {
    flight->second.paused_until.reset();
    advance(flight, flight->second.attempt.waited(), now);
  }
}

void Performer::load() {
  for (auto& [partition, state] : *states_) {
    auto& loaded = loaded_[partition];
    if (!state.are_effects_on() || loaded >= state.next()) continue;
    const auto room = queue_.room();
    const auto open = state.open_calls(loaded, room);
    for (const auto& [offset, stream] : open) queue_.add({partition, offset}, stream);
    if (open.size() < room) {
      loaded = state.next();
    } else if (!open.empty()) {
      loaded = open.back().offset + 1;
    }
  }
}

void Performer::start(const Now& now) {
  while (const auto place = queue_.start()) {
    auto call = states_->at(place->partition).call(place->offset);
    if (!call) {  // closed a moment ago
      queue_.finish(*place);
      continue;
    }
    const auto seed = std::hash<std::string>{}(call->cause.envelope.id);
    Flight flight{.cause = std::move(call->cause), .attempt = Attempt(reactor_.on_unknown(), options_.attempt, seed)};
    const auto it = flights_.emplace(*place, std::move(flight)).first;
    const auto& cause = it->second.cause;
    auto first = reactor_.attempt(cause);
    const auto next = it->second.attempt.begin(first.has_value(), call->was_begun, cause.envelope.is_restored());
    if (first && next == Next::record_attempt) {
      send(it, Step::attempt, std::move(*first));
    } else {
      advance(it, next, now);
    }
  }
}

void Performer::fire(const Now& now) {
  for (auto& [partition, state] : *states_) {
    if (!state.are_effects_on()) continue;
    for (auto& due : state.due(now.wall, options_.timers_in_flight_max)) {
      if (!timers_.try_emplace(due.command_id, partition).second) continue;
      ++counts_.timers;
      commands_.send(command_to(due.timer.stream, due.command_id, due.correlation), reactor_.when_due(due.timer));
    }
  }
}

void Performer::advance(Flights::iterator flight, Next next, const Now& now) {
  auto& [place, one] = *flight;
  const auto done = [&] {
    one.call = ++next_call_;
    return [ends = ends_, place = place, call = one.call](CallEnd end) { ends->put({place, call, std::move(end)}); };
  };
  const auto key = [&] { return id_of(reactor_.name(), one.cause.envelope.id, Step::call); };
  switch (next) {
    case Next::record_attempt:
      return;  // start() has sent it
    case Next::call:
      ++counts_.calls;
      if (std::exchange(one.was_called, true)) ++counts_.again;
      return reactor_.call(one.cause, key(), done());
    case Next::ask:
      return reactor_.ask(one.cause, key(), done());
    case Next::pause:
      one.paused_until = now.steady + one.attempt.pause();
      return;
    case Next::record_outcome: {
      const auto& result = one.attempt.result();
      ++(result.kind == Result::Kind::done     ? counts_.done
         : result.kind == Result::Kind::failed ? counts_.failed
                                               : counts_.unknown);
      return send(flight, Step::outcome, reactor_.outcome(one.cause, result));
    }
    case Next::nothing:
      ++counts_.unwanted;
      const auto closed = place;  // the flight is gone with it
      states_->at(closed.partition).close(closed.offset);
      return finish(closed);
  }
}

void Performer::send(Flights::iterator flight, Step step, Command command) {
  auto& [place, one] = *flight;
  auto envelope =
      command_to(one.cause.stream, id_of(reactor_.name(), one.cause.envelope.id, step), one.cause.envelope.correlation);
  one.command_id = envelope.command_id;
  by_command_.emplace(one.command_id, place);
  commands_.send(std::move(envelope), std::move(command));
}

void Performer::forget_command(Flight& flight) {
  if (by_command_.erase(flight.command_id) > 0) commands_.forget(flight.command_id);
  flight.command_id.clear();
}

bool Performer::waits_for(const std::string& command_id) const {
  return by_command_.contains(command_id) || timers_.contains(command_id);
}

void Performer::decided(const std::string& command_id, Decision decision, const Now& now) {
  if (const auto timer = timers_.find(command_id); timer != timers_.end()) {
    states_->at(timer->second).close_timer(command_id);
    timers_.erase(timer);
    return commands_.forget(command_id);
  }
  const auto found = by_command_.find(command_id);
  if (found == by_command_.end()) return;
  const auto place = found->second;
  const auto flight = flights_.find(place);
  auto& one = flight->second;
  const bool is_attempt = command_id == id_of(reactor_.name(), one.cause.envelope.id, Step::attempt);
  forget_command(one);
  if (is_attempt) return advance(flight, one.attempt.decided(decision), now);
  if (decision == Decision::refused) {
    log::warn("an outcome was refused", {{"reactor", reactor_.name()},
                                         {"stream", one.cause.envelope.subject},
                                         {"correlation_id", one.cause.envelope.correlation}});
  }
  states_->at(place.partition).close(place.offset);
  finish(place);
}

void Performer::finish(Place place) {
  queue_.finish(place);
  const auto flight = flights_.find(place);
  if (flight == flights_.end()) return;
  forget_command(flight->second);
  flights_.erase(flight);
}

}  // namespace parley::reactors
