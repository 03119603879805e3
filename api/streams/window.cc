#include "api/streams/window.h"

#include <algorithm>
#include <utility>

#include "platform/invariant.h"

namespace parley::api {
namespace {

void complete(DialogFacts& facts, const DialogFacts& more) {
  if (more.owner) facts.owner = more.owner;
  if (more.assistant) facts.assistant = more.assistant;
}

}  // namespace

bool Window::append(std::int64_t offset, DialogId dialog, std::int64_t sequence, Frame frame, const DialogFacts& facts,
                    Frame feed, std::optional<AccountId> owner) {
  end_ = offset + 1;
  Stream& stream = touch(dialog.value);
  complete(stream.facts, facts);
  const bool follows = stream.seen == 0 || sequence == stream.seen + 1;
  if (sequence <= stream.seen) return false;

  const bool was_idle = stream.first == 0;
  entries_.push_back({.offset = offset,
                      .sequence = sequence,
                      .dialog = dialog.value,
                      .frame = std::move(frame),
                      .feed = std::move(feed),
                      .owner = owner});
  bytes_ += bytes_of(entries_.back());
  const Number number = first_number_ + entries_.size() - 1;
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

void Window::learn(DialogId dialog, const DialogFacts& facts, std::int64_t version) {
  Stream& stream = touch(dialog.value);
  complete(stream.facts, facts);
  stream.learnt = std::max(stream.learnt, version);
}

std::optional<DialogFacts> Window::facts(DialogId dialog) {
  const Stream* const stream = find(dialog);
  return stream == nullptr ? std::nullopt : std::optional(stream->facts);
}

std::optional<std::int64_t> Window::version(DialogId dialog) {
  const Stream* const stream = find(dialog);
  return stream == nullptr ? std::nullopt : std::optional(std::max(stream->seen, stream->learnt));
}

Window::Coverage Window::coverage(DialogId dialog, std::int64_t sequence) {
  const Stream* const stream = find(dialog);
  if (stream == nullptr) return Coverage::unknown;
  if (stream->first != 0) {
    if (sequence + 1 < entry(stream->first).sequence) return Coverage::unknown;
    if (sequence < stream->seen) return Coverage::more;
  } else if (sequence < (stream->seen != 0 ? stream->seen : stream->learnt)) {
    return Coverage::unknown;
  }
  return sequence <= std::max(stream->seen, stream->learnt) ? Coverage::complete : Coverage::beyond;
}

Window::Stream& Window::touch(std::int64_t dialog) {
  const auto [found, is_new] = streams_.try_emplace(dialog);
  Stream& stream = found->second;
  if (is_new) {
    idle_.push_front(dialog);
    stream.idle = idle_.begin();
    forget_idle();
  } else if (stream.first == 0) {
    idle_.splice(idle_.begin(), idle_, stream.idle);
  }
  return stream;
}

Window::Stream* Window::find(DialogId dialog) {
  return streams_.contains(dialog.value) ? &touch(dialog.value) : nullptr;
}

void Window::forget_idle() {
  while (idle_.size() > std::max<std::size_t>(limits_.dialogs_max, 1)) {
    streams_.erase(idle_.back());
    idle_.pop_back();
  }
}

void Window::trim() {
  const auto exceeds = [this](std::size_t events_max, std::size_t bytes_max) {
    return entries_.size() > events_max || bytes_ > bytes_max;
  };
  // The newest event always stays: a checkpoint then reaches the floor as soon as the projector has caught up.
  while (entries_.size() > 1 &&
         (exceeds(limits_.events_max, limits_.bytes_max) ||
          (entries_.front().offset < checkpoint_ && exceeds(limits_.tail_events_max, limits_.tail_bytes_max)))) {
    drop_oldest();
  }
}

void Window::drop_oldest() {
  const Entry& oldest = entries_.front();
  Stream& stream = streams_.at(oldest.dialog);
  if (stream.first == first_number_) {  // otherwise it lies before a gap
    stream.first = oldest.next;
    if (stream.first == 0) {
      stream.last = 0;
      idle_.push_front(oldest.dialog);
      stream.idle = idle_.begin();
    }
  }
  floor_ = oldest.offset + 1;
  invariant(floor_ <= end_, "a window's floor is not above its end");
  bytes_ -= bytes_of(oldest);
  entries_.pop_front();
  ++first_number_;
  forget_idle();
}

}  // namespace parley::api
