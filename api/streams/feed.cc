#include "api/streams/feed.h"

#include <algorithm>
#include <utility>

#include "api/streams/frames.h"
#include "api/streams/log_token.h"

namespace parley::api {
namespace {

Frame shared(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

Feed::Feed(AccountId owner, const EventViews& views, std::string log, const Ends& ends, Clock::time_point opened_at,
           const Limits& limits)
    : owner_(owner),
      views_(views),
      log_(std::move(log)),
      ends_(ends),
      opened_at_(opened_at),
      limits_(limits),
      places_(ends.size()) {}

void Feed::start(std::unique_ptr<Sink> sink, const std::string& opening) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  write(shared(opening));
}

void Feed::begin_at(int partition, std::int64_t position, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  place(partition) = {
      .position = position, .end_at_opening = now, .is_claimed = position > now, .is_live = false, .exhausted = {}};
}

void Feed::announce(bool is_reset, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (!ended_) write(shared(is_reset ? frames::feed_reset(id(), now) : frames::feed_id(id())));
}

Feed::Need Feed::catch_up(int partition, Window& window, const Confirmed& confirmed, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (ended_) return Need::end;
  Place& at = place(partition);
  if (at.is_live) return Need::nothing;
  if (const auto before = unreached(at, window, confirmed, now)) return *before;
  if (at.position < window.floor()) return has_room() ? uncovered(at, window) : Need::socket;
  Need need = Need::nothing;
  window.visit_from(at.position, [&](Window::Held& event, std::optional<AccountId> owner) {
    const auto frame = owner == owner_ ? window.frame(event, views_, Viewer::feed) : nullptr;
    if (!owner) {
      need = uncovered(at, window);
    } else if (frame) {
      if (!has_room()) {
        need = Need::socket;
      } else {
        at.position = event.offset + 1;
        if (!write_event(frame)) need = Need::end;
      }
    }
    if (need == Need::nothing) at.position = event.offset + 1;
    return need == Need::nothing;
  });
  if (need != Need::nothing) return need;
  at.position = std::max(at.position, window.end());
  at.is_live = true;
  at.exhausted.reset();
  if (std::ranges::all_of(places_, &Place::is_live)) has_said_delayed_ = false;
  return Need::nothing;
}

Feed::Need Feed::appended(int partition, Window& window, Window::Held& event, std::optional<AccountId> owner) {
  const std::lock_guard lock(mutex_);
  if (ended_) return Need::end;
  Place& at = place(partition);
  if (!at.is_live || event.offset < at.position)
    return Need::nothing;  // the window has it for later; or another process has delivered it
  const auto frame = owner == owner_ ? window.frame(event, views_, Viewer::feed) : nullptr;
  if (owner && !frame) return Need::nothing;
  if (!owner || !has_room()) {
    at.position = event.offset;
    at.is_live = false;
    return owner ? Need::socket : Need::history;
  }
  at.position = event.offset + 1;
  return write_event(frame) ? Need::nothing : Need::end;
}

void Feed::loaded(int partition, const FeedChapter& chapter, Timestamp now) {
  const std::lock_guard lock(mutex_);
  Place& at = place(partition);
  if (ended_ || at.is_live) return;
  if (chapter.has_gap && chapter.read_to > at.position && !write(shared(frames::feed_reset(id(), now)))) return;
  for (const auto& event : chapter.events) {
    if (event.offset < at.position) continue;
    if (!has_room()) return;
    at.position = event.offset + 1;
    if (!write_event(event.frame)) return;
  }
  at.position = std::max(at.position, chapter.read_to);
  at.exhausted.reset();
  if (at.position >= chapter.checkpoint) at.exhausted = chapter.checkpoint;
}

std::int64_t Feed::position(int partition) const {
  const std::lock_guard lock(mutex_);
  return places_[static_cast<std::size_t>(partition)].position;
}

void Feed::delay(Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (!sink_ || ended_ || std::exchange(has_said_delayed_, true)) return;
  write(shared(frames::feed_delayed(now)));
}

void Feed::ask_again(int partition) {
  const std::lock_guard lock(mutex_);
  place(partition).exhausted.reset();
}

void Feed::pass_on(const Frame& frame) {
  const std::lock_guard lock(mutex_);
  if (sink_ && !ended_ && has_room()) write(frame);
}

void Feed::finish(const Frame& last) {
  const std::lock_guard lock(mutex_);
  if (last && sink_ && !ended_) write(last);
  ended_ = true;
}

void Feed::ping(Clock::time_point now, Clock::duration interval) {
  const std::lock_guard lock(mutex_);
  // With its id: whoever comes back after a long silence has not to be brought through what happened to others.
  if (sink_ && !ended_ && now - written_at_ >= interval) write(shared(frames::part(id(), *frames::ping())));
}

Feed::Counts Feed::take_counts() {
  const std::lock_guard lock(mutex_);
  return std::exchange(counts_, {});
}

std::optional<Feed::Need> Feed::unreached(Place& place, const Window& window, const Confirmed& confirmed,
                                          Timestamp now) {
  if (!place.is_claimed) return std::nullopt;
  if (place.position > window.end()) {
    // Perhaps another process was ahead of this one when it gave that id. Only the end that the log had later tells
    // whether it is one of its positions.
    if (confirmed.at <= opened_at_) return Need::confirmation;
    if (place.position > confirmed.end) {
      // The client reads anew what there is as soon as it is told: nothing that came after may be missing then.
      place.position = place.end_at_opening;
      if (!std::exchange(has_said_reset_, true)) {
        ++counts_.resets;
        if (!write(shared(frames::feed_reset(id(), now)))) return Need::end;
      }
    }
  }
  place.is_claimed = false;
  return std::nullopt;
}

Feed::Need Feed::uncovered(const Place& place, const Window& window) {
  if (!place.exhausted) return Need::history;
  return window.checkpoint() > *place.exhausted ? Need::history : Need::checkpoint;
}

std::string Feed::id() const {
  std::vector<std::int64_t> positions(places_.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Place& at = places_[i];
    positions[i] = at.is_live ? std::max(at.position, ends_[i].load()) : at.position;
  }
  return write_log_token(log_, positions);
}

bool Feed::write(const Frame& frames) {
  written_at_ = Clock::now();
  if (sink_->write(frames)) return true;
  ended_ = true;
  return false;
}

bool Feed::write_event(const Frame& feed) {
  ++counts_.events;
  return write(shared(frames::part(id(), *feed)));
}

}  // namespace parley::api
