#include "api/streams/stream_subscription.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "api/streams/frames.h"

namespace parley::api {
namespace {

Frame shared(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

StreamSubscription::StreamSubscription(const Stream& stream, Principal viewer, const EventViews& views,
                                       std::optional<std::int64_t> last_id, Clock::time_point opened_at,
                                       const Limits& limits)
    : stream_(stream),
      viewer_(std::move(viewer)),
      views_(views),
      looks_as_(std::holds_alternative<Visitor>(viewer_) ? Viewer::visitor : Viewer::owner),
      opened_at_(opened_at),
      limits_(limits),
      cursor_(last_id),
      is_claimed_(last_id.has_value()),
      limit_(limits.events_min) {}

void StreamSubscription::begin(Window& window) {
  end_at_opening_ = window.end();
  if (cursor_) return;
  cursor_ = window.version(stream_);
  says_cursor_ = cursor_.has_value();  // so that a client which is cut off before the first event resumes from here,
                                       // not from a later "now"
}

void StreamSubscription::start(std::unique_ptr<Sink> sink, const std::string& opening) {
  sink_ = std::move(sink);
  write(shared(says_cursor_ && may_see() ? opening + frames::hidden(*cursor_) : opening));
}

StreamSubscription::Need StreamSubscription::advance(Window& window, Clock::time_point confirmed_at, Timestamp now) {
  if (ended_) return Need::end;
  if (access_ == Access::unknown) decide(window.facts(stream_));
  if (access_ == Access::denied) return Need::refusal;
  if (access_ == Access::unknown) return undecided(window, confirmed_at);
  if (!sink_ || !cursor_) return Need::nothing;
  switch (window.coverage(stream_, *cursor_)) {
    case Window::Coverage::complete:
      return live();
    case Window::Coverage::more:
      has_said_delayed_ = false;
      return write_window(window);
    case Window::Coverage::unknown:
      if (is_live_) return Need::nothing;  // the window has forgotten a quiet stream
      return uncovered(window);
    case Window::Coverage::beyond:
      if (!is_claimed_) return live();  // the read model was ahead of the hub, which will come to it
      // Perhaps another process was ahead of this one when it delivered that id. Only when all that was in the log then
      // is here and the id is not, it is of another log.
      if (confirmed_at <= opened_at_) return Need::confirmation;
      reset(window, now);
      return ended_ ? Need::end : live();
  }
  std::unreachable();
}

void StreamSubscription::appended(std::int64_t sequence) {
  if (!cursor_) cursor_ = sequence - 1;
  if (sequence > *cursor_) is_live_ = false;
}

void StreamSubscription::loaded(const Chapter& chapter, Window& window) {
  absent_.reset();
  if (sink_ && !cursor_ && chapter.reflected <= end_at_opening_) {  // nothing has happened since now
    if (!write(shared(frames::hidden(chapter.version)))) return;
    pass(chapter.version);
  }
  if (sink_ && cursor_ && *cursor_ >= chapter.after && !write_chapter(chapter)) return;
  if (chapter.has_more || chapter.reflected < window.floor()) return;
  StreamFacts facts;
  if (const auto owner = owner_behind(viewer_)) facts.owner = owner;
  if (const auto* visitor = std::get_if<Visitor>(&viewer_)) facts.assistant = visitor->assistant;
  window.learn(stream_, facts, chapter.version);
}

/// What the viewer is not shown has a frame for each id as in live delivery, so that a client may count them.
bool StreamSubscription::write_chapter(const Chapter& chapter) {
  bool has_all = true;
  std::string joined;
  std::int64_t last = *cursor_;
  const auto flush = [&] {
    if (joined.empty()) return true;
    if (!write(shared(std::exchange(joined, {})))) return false;
    pass(last);
    return true;
  };
  for (const auto& event : chapter.events) {
    if (event.version <= *cursor_) continue;
    if (joined.empty() && !has_room()) {
      has_all = false;
      break;
    }
    while (++last < event.version) joined += frames::hidden(last);
    joined += *event.frame;
    ++counts_.events;
    if (joined.size() >= limits_.write_bytes && !flush()) return false;
  }
  if (!flush()) return false;
  limit_ = has_all ? std::min(limit_ * 2, limits_.events_max) : limits_.events_min;

  exhausted_.reset();
  if (!has_all) return false;
  if (chapter.has_more) return true;
  exhausted_ = chapter.checkpoint;
  if (chapter.version <= *cursor_) return true;
  for (auto version = *cursor_ + 1; version <= chapter.version; ++version) joined += frames::hidden(version);
  last = chapter.version;
  ++counts_.events;
  return flush();
}

void StreamSubscription::absent(std::int64_t reflected, std::int64_t checkpoint) {
  absent_ = reflected;
  exhausted_ = checkpoint;
}

void StreamSubscription::delay(Timestamp now) {
  if (!sink_ || has_said_delayed_ || ended_) return;
  has_said_delayed_ = true;
  ++counts_.delays;
  write(shared(frames::delayed(stream_, now)));
}

void StreamSubscription::ask_again() {
  absent_.reset();
  exhausted_.reset();
}

void StreamSubscription::pass_on(const Frame& frame) {
  if (sink_ && !ended_ && may_see() && has_room()) write(frame);
}

void StreamSubscription::ping(Clock::time_point now, Clock::duration interval) {
  if (sink_ && !ended_ && now - written_at_ >= interval) write(frames::ping());
}

void StreamSubscription::finish(const std::string& frame) {
  if (sink_ && !ended_) write(shared(frame));
  ended_ = true;
}

std::int64_t StreamSubscription::after(Window& window) const {
  const bool has_all =
      !cursor_ || (access_ == Access::unknown && window.coverage(stream_, *cursor_) != Window::Coverage::unknown);
  return has_all ? std::numeric_limits<std::int64_t>::max() : *cursor_;
}

StreamSubscription::Counts StreamSubscription::take_counts() { return std::exchange(counts_, {}); }

void StreamSubscription::decide(const std::optional<StreamFacts>& facts) {
  if (!facts) return;
  const auto same = [this](const auto& known, const auto& asked) {
    if (known) access_ = *known == asked ? Access::granted : Access::denied;
  };
  if (const auto owner = owner_behind(viewer_)) {
    same(facts->owner, *owner);
  } else if (const auto* visitor = std::get_if<Visitor>(&viewer_)) {
    same(facts->assistant, visitor->assistant);
  } else {
    access_ = Access::denied;
  }
}

StreamSubscription::Need StreamSubscription::undecided(Window& window, Clock::time_point confirmed_at) {
  if (!absent_) return Need::history;
  // The read model had nothing below its checkpoint, the window has nothing from its floor on: there is nothing, once
  // they meet and the window is known to be complete.
  if (*absent_ < window.floor()) {
    const bool has_moved_on = !exhausted_ || window.checkpoint() > *exhausted_;
    if (!has_moved_on || window.checkpoint() < window.floor()) return Need::checkpoint;
    absent_.reset();
    return Need::history;
  }
  if (confirmed_at <= opened_at_) return Need::confirmation;
  access_ = Access::denied;
  return Need::refusal;
}

StreamSubscription::Need StreamSubscription::uncovered(const Window& window) const {
  if (!has_room()) return Need::socket;
  if (!exhausted_) return Need::history;
  const bool has_moved_on = window.checkpoint() > *exhausted_ && window.checkpoint() >= window.floor();
  return has_moved_on ? Need::history : Need::checkpoint;
}

StreamSubscription::Need StreamSubscription::write_window(Window& window) {
  bool has_all = true;
  window.visit_after(stream_, *cursor_, [&](Window::Held& event) {
    has_all = has_room();
    if (!has_all || !write(window.frame(event, views_, looks_as_))) return false;
    pass(event.record.sequence);
    ++counts_.events;
    return true;
  });
  if (ended_) return Need::end;
  return has_all ? live() : Need::socket;
}

StreamSubscription::Need StreamSubscription::live() {
  is_live_ = true;
  has_said_delayed_ = false;
  return Need::nothing;
}

void StreamSubscription::reset(Window& window, Timestamp now) {
  pass(window.version(stream_).value_or(0));
  ++counts_.resets;
  write(shared(frames::reset(stream_, *cursor_, now)));
}

void StreamSubscription::pass(std::int64_t version) {
  cursor_ = version;
  is_claimed_ = false;
}

bool StreamSubscription::write(const Frame& frames) {
  written_at_ = Clock::now();
  if (sink_->write(frames)) {
    counts_.bytes += frames->size();
    return true;
  }
  ended_ = true;
  return false;
}

}  // namespace parley::api
