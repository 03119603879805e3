#pragma once
// What the hub retains of one partition: the log's newest part, so that PostgreSQL below and this above are together
// everything.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "domain/kernel.h"

namespace parley::api {

/// One event as subscribers get it; built once and shared by all of them.
using Frame = std::shared_ptr<const std::string>;

/// What may be known of a dialog without PostgreSQL.
struct DialogFacts {
  std::optional<AccountId> owner;
  std::optional<AssistantId> assistant;
  friend bool operator==(const DialogFacts&, const DialogFacts&) = default;
};

/// Every dialog event of one partition from the floor to the end, in a list by offset and, within it, in one list per
/// dialog. The floor follows the projector's checkpoint, a tail behind it; past a limit it rises above the checkpoint,
/// and then whoever needs what lies between waits for the projector. Beside that, facts and versions of the dialogs
/// that were seen or learnt last. Not thread-safe.
class Window {
 public:
  struct Limits {
    std::size_t events_max = 65'536;
    std::size_t bytes_max = 16 << 20;      ///< of frames, and kEventOverhead for each
    std::size_t tail_events_max = 4'096;   ///< kept although PostgreSQL has them: a resume within them asks nobody
    std::size_t tail_bytes_max = 2 << 20;  ///< as bytes_max
    std::size_t dialogs_max = 8'192;  ///< remembered without a retained event; the one used longest ago is forgotten
  };
  static constexpr std::size_t kEventOverhead = 160;

  explicit Window(const Limits& limits) : limits_(limits) {}

  /// Where reading begins. Once, before the first event.
  void start_at(std::int64_t offset) { floor_ = end_ = offset; }
  /// False when the event does not follow the last one seen of its dialog: one that is not newer is dropped; at a gap,
  /// what lies before it is no longer offered. `feed` is what feeds show of it, perhaps the same frame; `owner` whose
  /// dialog it is, as far as the event itself says that.
  bool append(std::int64_t offset, DialogId dialog, std::int64_t sequence, Frame frame, const DialogFacts& facts = {},
              Frame feed = {}, std::optional<AccountId> owner = {});
  /// The projector's. It may go back, when PostgreSQL lost its last transactions; the floor does not.
  void move_checkpoint(std::int64_t checkpoint);
  /// From a snapshot of the read model whose checkpoint was not below the floor: what is missing above `version` comes,
  /// or came, from here.
  void learn(DialogId dialog, const DialogFacts& facts, std::int64_t version);

  /// Every dialog event from this offset on is retained.
  std::int64_t floor() const { return floor_; }
  std::int64_t checkpoint() const { return checkpoint_; }
  /// Every dialog event below this offset has been appended, or stood below the start.
  std::int64_t end() const { return end_; }
  std::size_t events() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

  std::optional<DialogFacts> facts(DialogId dialog);
  /// The dialog's version as far as it is known here.
  std::optional<std::int64_t> version(DialogId dialog);

  /// What there is for somebody who has everything up to a sequence.
  enum class Coverage {
    complete,  ///< nothing more; what follows will be appended
    more,      ///< visit_after() has it
    unknown,   ///< not enough is retained to say
    beyond,    ///< no event seen or learnt has that sequence yet
  };
  Coverage coverage(DialogId dialog, std::int64_t sequence);
  /// Calls `visit(sequence, frame)` for the events after `sequence`, in order, until it returns false. Only where
  /// coverage() is `more`.
  template <class Visit>
  void visit_after(DialogId dialog, std::int64_t sequence, Visit visit) const {
    const Stream& stream = streams_.at(dialog.value);
    // Nearly always one event, the last, is asked for.
    const bool is_last = sequence + 1 == stream.seen;
    for (auto number = is_last ? stream.last : stream.first; number != 0; number = entry(number).next) {
      const Entry& event = entry(number);
      if (event.sequence > sequence && !visit(event.sequence, event.frame)) return;
    }
  }

  /// Of any dialog: `visit(offset, owner, feed)` for the events from an offset on that is not below the floor, in the
  /// order of the log, until it returns false.
  template <class Visit>
  void visit_from(std::int64_t offset, Visit visit) const {
    for (auto at = std::ranges::lower_bound(entries_, offset, {}, &Entry::offset); at != entries_.end(); ++at) {
      if (!visit(at->offset, owner_of(*at), at->feed)) return;
    }
  }

 private:
  /// Entries are numbered from 1 on; 0 is none.
  using Number = std::uint64_t;
  struct Entry {
    std::int64_t offset;
    std::int64_t sequence;
    std::int64_t dialog;
    Frame frame;
    Frame feed;
    std::optional<AccountId> owner;
    Number next = 0;  // of the same dialog
  };
  struct Stream {
    DialogFacts facts;
    Number first = 0, last = 0;              // retained
    std::int64_t seen = 0;                   // the last sequence that was appended, retained or not
    std::int64_t learnt = 0;                 // the version that PostgreSQL had; may be ahead of `seen`
    std::list<std::int64_t>::iterator idle;  // in idle_, while nothing is retained
  };

  Entry& entry(Number number) { return entries_[number - first_number_]; }
  const Entry& entry(Number number) const { return entries_[number - first_number_]; }
  std::optional<AccountId> owner_of(const Entry& event) const {
    const auto& known = streams_.at(event.dialog).facts.owner;
    return known ? known : event.owner;
  }
  static std::size_t bytes_of(const Entry& event) {
    return event.frame->size() + (event.feed && event.feed != event.frame ? event.feed->size() : 0) + kEventOverhead;
  }
  Stream& touch(std::int64_t dialog);
  Stream* find(DialogId dialog);
  void forget_idle();
  void trim();
  void drop_oldest();

  const Limits limits_;
  std::deque<Entry> entries_;
  Number first_number_ = 1;
  std::size_t bytes_ = 0;
  std::int64_t floor_ = 0;
  std::int64_t end_ = 0;
  std::int64_t checkpoint_ = 0;
  std::unordered_map<std::int64_t, Stream> streams_;
  std::list<std::int64_t> idle_;  // dialogs without a retained event, the one used last in front
};

}  // namespace parley::api
