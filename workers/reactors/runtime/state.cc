#include "workers/reactors/runtime/state.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "domain/effects/effects.h"
#include "domain/seals/seals.h"
#include "platform/invariant.h"
#include "platform/log/log.h"
#include "platform/store/packed.h"
#include "schemas/events.h"
#include "workers/reactors/runtime/ids.h"
#include "workers/runtime/known_event_types.h"

namespace parley::reactors {
namespace {

using store::from_ordered;
using store::ordered;
using store::Packer;
using store::Unpacker;

// Keys: "m" meta; "w/<offset>" the record of an event whose call is not finished, "b/<offset>" when that was begun;
// "t/<due><timer>" timers by time, "i/<timer>" where a timer stands; "c/<command id>" what an event of that command
// means. Numbers are 8 bytes, big-endian. A timer is "<subject> <name>": a subject has no space.
constexpr const char* kMeta = "m";
std::string call_key(std::int64_t offset) { return "w/" + ordered(offset); }
std::string begun_key(std::int64_t offset) { return "b/" + ordered(offset); }
std::string due_key(Timestamp due, std::string_view timer) {
  return ("t/" + ordered(due.time_since_epoch().count())).append(timer);
}
std::string timer_key(std::string_view timer) { return std::string("i/").append(timer); }
std::string command_key(std::string_view id) { return std::string("c/").append(id); }
constexpr std::string_view kAfterCalls = "w0", kTimers = "t/", kAfterTimers = "t0";
constexpr std::size_t kPrefix = 2, kOrdered = 8;
constexpr std::string_view kAttempt = "attempt", kOutcome = "outcome", kTimer = "timer";

std::string fold_version(const Reactor& reactor) {
  return "layout 1 " + std::string(reactor.name()) + " " + std::to_string(reactor.fold_version()) + " " +
         runtime::known_event_types();
}

std::string pack(const schema::Envelope& envelope, std::string_view value) {
  Packer out;
  out.text(value);
  for (const auto& [name, text] : schema::to_headers(envelope)) out.text(name).text(text);
  return out.take();
}
Cause unpack(std::string_view stored) {
  Unpacker in(stored);
  const auto value = in.text();
  std::map<std::string_view, std::string_view> headers;
  while (!in.at_end()) {
    const auto name = in.text();
    headers.emplace(name, in.text());
  }
  auto envelope = schema::read_envelope([&](std::string_view name) -> std::optional<std::string_view> {
    const auto found = headers.find(name);
    return found == headers.end() ? std::nullopt : std::optional(found->second);
  });
  if (!envelope) throw store::Failure("a stored event cannot be read: " + envelope.error());
  const auto read = schema::decode_event(envelope->type, value);
  const auto event = read.value_or(std::nullopt);
  const auto stream = parse_stream(envelope->subject);
  if (!event || !stream) throw store::Failure("a stored event cannot be read: " + envelope->type);
  return {std::move(*envelope), *stream, *event};
}

std::string timer_of(std::string_view subject, std::string_view name) {
  return std::string(subject).append(" ").append(name);
}

}  // namespace

State::State(std::string log, const Reactor& reactor, store::Store store, std::int64_t begin)
    : log_(std::move(log)), reactor_(&reactor), store_(std::move(store)), begin_(begin) {}

std::expected<State, std::string> State::open(std::string path, const store::Memory& memory, const std::string& log,
                                              const Reactor& reactor, std::int64_t begin) {
  std::string why;
  if (auto opened = store::Store::open(path, memory)) {
    State found(log, reactor, std::move(*opened), begin);
    try {
      const auto meta = found.store_.get(kMeta);
      if (!meta) return found;
      if (found.read_meta(*meta)) {
        found.count();
        return found;
      }
      why = "folded by another build";
    } catch (const store::DiskFull&) {
      throw;
    } catch (const store::Failure& broken) {
      why = broken.what();
    }
  } else {
    why = opened.error();
  }
  log::warn("the state is discarded and folded again", {{"store", path}, {"reason", why}});
  if (auto gone = store::Store::destroy(path); !gone) return std::unexpected(std::move(gone.error()));
  auto fresh = store::Store::open(path, memory);
  if (!fresh) return std::unexpected(std::move(fresh.error()));
  return State(log, reactor, std::move(*fresh), begin);
}

std::optional<std::string> State::log_at(const std::string& path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return std::nullopt;
  try {
    const auto store = store::Store::open_read_only(path);
    if (!store) return "";
    const auto meta = store->get(kMeta);
    if (!meta) return std::nullopt;
    Unpacker in(*meta);
    in.text();  // the version of its fold
    return std::string(in.text());
  } catch (const store::Failure&) {
    return "";
  }
}

/// False for one of another fold.
bool State::read_meta(std::string_view text) {
  Unpacker in(text);
  if (in.text() != fold_version(*reactor_)) return false;
  log_ = in.text();
  begin_ = in.number();
  next_ = in.number();
  last_ = in.number();
  last_id_ = in.text();
  are_effects_on_ = in.number() != 0;
  return true;
}

void State::count() {
  const auto counts = [](std::size_t& n) {
    return [&n](std::string_view, std::string_view) {
      ++n;
      return true;
    };
  };
  store_.scan(call_key(0), kAfterCalls, counts(calls_));
  store_.scan(kTimers, kAfterTimers, counts(timers_));
}

void State::keep() {
  if (staged_.empty()) return;
  put(kMeta, Packer()
                 .text(fold_version(*reactor_))
                 .text(log_)
                 .number(begin_)
                 .number(next_)
                 .number(last_)
                 .text(last_id_)
                 .number(are_effects_on_ ? 1 : 0)
                 .take());
  store::Batch batch;
  for (const auto& [key, value] : staged_) {
    if (value) {
      batch.put(key, *value);
    } else {
      batch.erase(key);
    }
  }
  store_.write(std::move(batch));
  staged_.clear();
}

std::optional<std::string> State::get(const std::string& key) const {
  if (const auto staged = staged_.find(key); staged != staged_.end()) return staged->second;
  return store_.get(key);
}

void State::fold(std::int64_t offset, const schema::Envelope& envelope, const std::optional<Event>& event,
                 std::string_view value) {
  if (offset < next_) return;
  next_ = offset + 1;
  last_ = offset;
  last_id_ = envelope.id;
  put(kMeta, {});  // keep() fills it in
  if (seals::is_seal(envelope.subject)) return;
  if (envelope.is_restored()) are_effects_on_ = false;
  settle(envelope.causation);
  const auto stream = parse_stream(envelope.subject);
  if (!stream || !event) return;
  const Cause cause{envelope, *stream, *event};
  if (!envelope.is_restored() && event->alternative<effects::SwitchedOn>() != nullptr) are_effects_on_ = true;
  for (const auto& fact : reactor_->timers_of(cause)) set_timer(cause, fact);
  if (offset >= begin_ && reactor_->wants_call(cause)) open_call(offset, envelope, value);
}

/// An event of that command stands in the log.
void State::settle(std::string_view command_id) {
  const auto meaning = get(command_key(command_id));
  if (!meaning) return;
  Unpacker in(*meaning);
  const auto what = in.text();
  if (what == kAttempt) {
    put(begun_key(in.number()), {});
  } else if (what == kOutcome) {
    close(in.number());
  } else {
    drop_timer(std::string(in.text()));
  }
}

void State::open_call(std::int64_t offset, const schema::Envelope& envelope, std::string_view value) {
  ++calls_;
  put(call_key(offset), pack(envelope, value));
  put(command_key(id_of(reactor_->name(), envelope.id, Step::attempt)), Packer().text(kAttempt).number(offset).take());
  put(command_key(id_of(reactor_->name(), envelope.id, Step::outcome)), Packer().text(kOutcome).number(offset).take());
}

void State::close(std::int64_t offset) {
  const auto record = get(call_key(offset));
  if (!record) return;
  const auto event_id = unpack(*record).envelope.id;
  --calls_;
  erase(call_key(offset));
  erase(begun_key(offset));
  for (const auto step : {Step::attempt, Step::outcome}) erase(command_key(id_of(reactor_->name(), event_id, step)));
  closed_.calls.push_back(offset);
}

std::optional<State::Call> State::call(std::int64_t offset) const {
  const auto record = get(call_key(offset));
  if (!record) return std::nullopt;
  return Call{offset, unpack(*record), get(begun_key(offset)).has_value()};
}

std::vector<State::Open> State::open_calls(std::int64_t from, std::size_t count_max) {
  std::vector<Open> out;
  if (count_max == 0) return out;
  keep();
  store_.scan(call_key(std::max(from, oldest_)), kAfterCalls, [&](std::string_view key, std::string_view record) {
    out.push_back({from_ordered(key.substr(kPrefix)), unpack(record).envelope.subject});
    return out.size() < count_max;
  });
  return out;
}

std::int64_t State::oldest_unfinished() {
  keep();
  auto oldest = next_;
  store_.scan(call_key(oldest_), kAfterCalls, [&](std::string_view key, std::string_view) {
    oldest = from_ordered(key.substr(kPrefix));
    return false;
  });
  return oldest_ = oldest;
}

std::optional<Timestamp> State::oldest_time() {
  const auto oldest = call(oldest_unfinished());
  return oldest ? std::optional(oldest->cause.envelope.time) : std::nullopt;
}

void State::set_timer(const Cause& cause, const TimerFact& fact) {
  const auto timer = timer_of(cause.envelope.subject, fact.name);
  drop_timer(timer);
  if (!fact.due) return;
  const auto id = timer_id(reactor_->name(), cause.envelope.id, fact.name);
  const auto due = std::max(*fact.due, Timestamp{});
  ++timers_;
  put(due_key(due, timer), Packer().text(id).text(cause.envelope.correlation).take());
  put(timer_key(timer), Packer().number(due.time_since_epoch().count()).text(id).take());
  put(command_key(id), Packer().text(kTimer).text(timer).take());
  earliest_ = std::min(earliest_, due);
}

void State::drop_timer(const std::string& timer) {
  const auto stands = get(timer_key(timer));
  if (!stands) return;
  Unpacker in(*stands);
  const Timestamp due{std::chrono::milliseconds(in.number())};
  const std::string id(in.text());
  --timers_;
  erase(due_key(due, timer));
  erase(timer_key(timer));
  erase(command_key(id));
  closed_.timers.push_back(id);
}

void State::close_timer(std::string_view command_id) {
  const auto meaning = get(command_key(command_id));
  if (!meaning) return;
  Unpacker in(*meaning);
  if (in.text() == kTimer) drop_timer(std::string(in.text()));
}

std::vector<State::Due> State::due(Timestamp now, std::size_t count_max) {
  keep();
  std::vector<Due> out;
  std::optional<Timestamp> first;
  const auto until = due_key(now + std::chrono::milliseconds(1), {});
  store_.scan(due_key(earliest_, {}), until, [&](std::string_view key, std::string_view value) {
    if (out.size() == count_max) return false;
    const Timestamp due{std::chrono::milliseconds(from_ordered(key.substr(kPrefix)))};
    if (!first) first = due;
    const auto timer = key.substr(kPrefix + kOrdered);
    const auto space = timer.find(' ');
    const auto stream = parse_stream(timer.substr(0, space));
    if (space == std::string_view::npos || !stream) throw store::Failure("a stored timer is malformed");
    Unpacker in(value);
    const std::string id(in.text());
    out.push_back({{*stream, std::string(timer.substr(space + 1)), due}, id, std::string(in.text())});
    return true;
  });
  earliest_ = first.value_or(std::max(earliest_, now));  // one that is set earlier later on moves it back
  return out;
}

}  // namespace parley::reactors
