#include "api/streams/window.h"

#include <algorithm>
#include <utility>

#include "api/streams/frames.h"
#include "platform/invariant.h"

namespace parley::api {
namespace {

void complete(StreamFacts& facts, const StreamFacts& more) {
  if (more.owner) facts.owner = more.owner;
  if (more.assistant) facts.assistant = more.assistant;
}

std::size_t bytes_of(const Window::Held::Rendered& rendered) {
  return Window::kFrameOverhead + (rendered.frame ? rendered.frame->size() : 0);
}

}  // namespace

bool Window::append(std::int64_t offset, EventRecord record, std::size_t log_bytes, std::optional<AccountId> owner) {
  end_ = offset + 1;
  Known& stream = touch(record.stream);
  complete(stream.facts, facts_of(record.event));
  const auto sequence = record.sequence;
  const bool follows = stream.seen == 0 || sequence == stream.seen + 1;
  if (sequence <= stream.seen) return false;

  const bool was_idle = stream.first == 0;
  const auto bytes = log_bytes + kEventOverhead;
  held_.push_back({.offset = offset, .record = std::move(record), .owner = owner, .bytes = bytes});
  bytes_ += bytes;
  if (held_.size() > kEventsWithFrames) forget_frames(held_[held_.size() - 1 - kEventsWithFrames]);
  const Number number = first_number_ + held_.size() - 1;
  if (was_idle) {
    idle_.erase(stream.idle);
    stream.first = number;
  } else if (follows) {
    entry(stream.last).next = number;
  } else {
    stream.first = number;
  }
  stream.last = number;
  stream.seen = sequence;
  trim();
  return follows;
}

void Window::move_checkpoint(std::int64_t checkpoint) {
  checkpoint_ = checkpoint;
  trim();
}

void Window::learn(const Stream& stream, const StreamFacts& facts, std::int64_t version) {
  Known& known = touch(stream);
  complete(known.facts, facts);
  known.learnt = std::max(known.learnt, version);
}

std::optional<StreamFacts> Window::facts(const Stream& stream) {
  const Known* const known = find(stream);
  return known == nullptr ? std::nullopt : std::optional(known->facts);
}

std::optional<std::int64_t> Window::version(const Stream& stream) {
  const Known* const known = find(stream);
  return known == nullptr ? std::nullopt : std::optional(std::max(known->seen, known->learnt));
}

Window::Coverage Window::coverage(const Stream& stream, std::int64_t sequence) {
  const Known* const known = find(stream);
  if (known == nullptr) return Coverage::unknown;
  if (known->first != 0) {
    if (sequence + 1 < entry(known->first).record.sequence) return Coverage::unknown;
    if (sequence < known->seen) return Coverage::more;
  } else if (sequence < (known->seen != 0 ? known->seen : known->learnt)) {
    return Coverage::unknown;
  }
  return sequence <= std::max(known->seen, known->learnt) ? Coverage::complete : Coverage::beyond;
}

Frame Window::frame(Held& event, const EventViews& views, Viewer viewer) {
  for (const auto& rendered : event.frames) {
    if (rendered.views == &views && rendered.viewer == viewer) return rendered.frame;
  }
  auto frame =
      viewer == Viewer::feed ? frames::of_feed(event.record, views) : frames::of_stream(event.record, views, viewer);
  const auto newest = held_.size() - std::min(held_.size(), kEventsWithFrames);
  if (event.offset >= held_[newest].offset) {
    event.frames.push_back({&views, viewer, frame});
    event.bytes += bytes_of(event.frames.back());
    bytes_ += bytes_of(event.frames.back());
  }
  return frame;
}

Window::Known& Window::touch(const Stream& stream) {
  const auto [found, is_new] = streams_.try_emplace(stream);
  Known& known = found->second;
  if (is_new) {
    idle_.push_front(stream);
    known.idle = idle_.begin();
    forget_idle();
  } else if (known.first == 0) {
    idle_.splice(idle_.begin(), idle_, known.idle);
  }
  return known;
}

Window::Known* Window::find(const Stream& stream) { return streams_.contains(stream) ? &touch(stream) : nullptr; }

void Window::forget_idle() {
  while (idle_.size() > std::max<std::size_t>(limits_.streams_max, 1)) {
    streams_.erase(idle_.back());
    idle_.pop_back();
  }
}

void Window::forget_frames(Held& event) {
  for (const auto& rendered : event.frames) {
    event.bytes -= bytes_of(rendered);
    bytes_ -= bytes_of(rendered);
  }
  event.frames = {};
}

void Window::trim() {
  const auto exceeds = [this](std::size_t events_max, std::size_t bytes_max) {
    return held_.size() > events_max || bytes_ > bytes_max;
  };
  // The newest event always stays: a checkpoint then reaches the floor as soon as the projector has caught up.
  while (held_.size() > 1 &&
         (exceeds(limits_.events_max, limits_.bytes_max) ||
          (held_.front().offset < checkpoint_ && exceeds(limits_.tail_events_max, limits_.tail_bytes_max)))) {
    drop_oldest();
  }
}

void Window::drop_oldest() {
  const Held& oldest = held_.front();
  Known& stream = streams_.at(oldest.record.stream);
  if (stream.first == first_number_) {  // otherwise it lies before a gap
    stream.first = oldest.next;
    if (stream.first == 0) {
      stream.last = 0;
      idle_.push_front(oldest.record.stream);
      stream.idle = idle_.begin();
    }
  }
  floor_ = oldest.offset + 1;
  invariant(floor_ <= end_, "a window's floor is not above its end");
  bytes_ -= oldest.bytes;
  held_.pop_front();
  ++first_number_;
  forget_idle();
}

}  // namespace parley::api
