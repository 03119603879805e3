#pragma once
// What the hub holds of one partition: the log's newest part, so that history below and this above are together
// everything.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/streams/followed.h"
#include "api/streams/views.h"
#include "domain/model.h"

namespace parley::api {

/// A part of a stream's text as subscribers get it; built once and shared by all of them.
using Frame = std::shared_ptr<const std::string>;

struct StreamHash {
  std::size_t operator()(const Stream& stream) const {
    constexpr std::size_t kKindsMax = 64;
    return std::hash<std::int64_t>()(stream.id) * kKindsMax + static_cast<std::size_t>(stream.kind);
  }
};

/// Every followed event of one partition from the floor to the end, decoded, in a list by offset and, within it, in one
/// list per stream. The floor follows the projector's checkpoint, a tail behind it; past a limit it rises above the
/// checkpoint, and then a subscriber that needs what lies between waits for the projector. Beside that, facts and
/// versions of the streams that were seen or learnt last, and what surfaces show of the newest events. Not thread-safe.
class Window {
 public:
  struct Limits {
    std::size_t events_max = 65'536;
    std::size_t bytes_max = 16 << 20;      ///< Of events and frames, as bytes() counts them.
    std::size_t tail_events_max = 4'096;   ///< kept although PostgreSQL has them: a resume within them asks nobody
    std::size_t tail_bytes_max = 2 << 20;  ///< as bytes_max
    std::size_t streams_max = 8'192;       ///< remembered without a held event; the one used longest ago is forgotten
  };
  /// Beside the bytes that an event has in the log, which are no fewer than those of its texts when it is decoded: the
  /// decoded event, its place here, and what an allocator takes for both.
  static constexpr std::size_t kEventOverhead = 256;
  /// Beside a frame's text.
  static constexpr std::size_t kFrameOverhead = 96;
  /// The newest events keep their frames for the next subscriber. An older event is rendered for each that asks.
  static constexpr std::size_t kEventsWithFrames = 64;

  /// An event that is held.
  struct Held {
    std::int64_t offset = 0;
    EventRecord record;
    std::optional<AccountId> owner;  ///< Whose stream it is, as far as the event itself says that.
    std::uint64_t next = 0;          ///< Of the same stream: its number, 0 for none.
    std::size_t bytes = 0;           ///< Of the event, and of its frames.
    struct Rendered {
      const EventViews* views;
      Viewer viewer;
      Frame frame;
    };
    std::vector<Rendered> frames;
  };

  explicit Window(const Limits& limits) : limits_(limits) {}

  /// Where reading begins. Once, before the first event.
  void start_at(std::int64_t offset) { floor_ = end_ = offset; }
  /// False when the event does not follow the last one seen of its stream: one that is not newer is dropped; at a gap,
  /// what lies before it is no longer offered. `log_bytes` is what the event has in the log; `owner` whose stream it
  /// is, as far as the event itself says that.
  bool append(std::int64_t offset, EventRecord record, std::size_t log_bytes, std::optional<AccountId> owner = {});
  /// The projector's. It may go back, when PostgreSQL lost its last transactions; the floor does not.
  void move_checkpoint(std::int64_t checkpoint);
  /// From a snapshot of the read model whose checkpoint was not below the floor: what is missing above `version` comes,
  /// or came, from here.
  void learn(const Stream& stream, const StreamFacts& facts, std::int64_t version);

  /// Every followed event from this offset on is held.
  std::int64_t floor() const { return floor_; }
  std::int64_t checkpoint() const { return checkpoint_; }
  /// Every followed event below this offset has been appended, or stood below the start.
  std::int64_t end() const { return end_; }
  std::size_t events() const { return held_.size(); }
  std::size_t bytes() const { return bytes_; }

  std::optional<StreamFacts> facts(const Stream& stream);
  /// The stream's version as far as it is known here.
  std::optional<std::int64_t> version(const Stream& stream);

  /// What there is for a subscriber that has everything up to a sequence.
  enum class Coverage {
    complete,  ///< nothing more; what follows will be appended
    more,      ///< visit_after() has it
    unknown,   ///< not enough is held to say
    beyond,    ///< no event seen or learnt has that sequence yet
  };
  Coverage coverage(const Stream& stream, std::int64_t sequence);
  /// Calls `visit(held)` for the events after `sequence`, in order, until it returns false. Only where coverage() is
  /// `more`. `visit` may call frame().
  template <class Visit>
  void visit_after(const Stream& stream, std::int64_t sequence, Visit visit) {
    const Known& known = streams_.at(stream);
    // Nearly always one event, the last, is asked for.
    const bool is_last = sequence + 1 == known.seen;
    for (auto number = is_last ? known.last : known.first; number != 0; number = entry(number).next) {
      Held& event = entry(number);
      if (event.record.sequence > sequence && !visit(event)) return;
    }
  }

  /// Of any stream: `visit(held, owner)` for the events from an offset on that is not below the floor, in the order of
  /// the log, until it returns false. `visit` may call frame().
  template <class Visit>
  void visit_from(std::int64_t offset, Visit visit) {
    for (auto at = std::ranges::lower_bound(held_, offset, {}, &Held::offset); at != held_.end(); ++at) {
      if (!visit(*at, owner_of(*at))) return;
    }
  }

  /// What a viewer gets of a held event: on a stream always a frame, on a feed nothing where nothing is shown. `views`
  /// must outlive this.
  Frame frame(Held& event, const EventViews& views, Viewer viewer);

 private:
  /// Events are numbered from 1 on; 0 is none.
  using Number = std::uint64_t;
  struct Known {
    StreamFacts facts;
    Number first = 0, last = 0;        // held
    std::int64_t seen = 0;             // the last sequence that was appended, held or not
    std::int64_t learnt = 0;           // the version that PostgreSQL had; may be ahead of `seen`
    std::list<Stream>::iterator idle;  // in idle_, while nothing is held
  };

  Held& entry(Number number) { return held_[number - first_number_]; }
  std::optional<AccountId> owner_of(const Held& event) const {
    const auto& known = streams_.at(event.record.stream).facts.owner;
    return known ? known : event.owner;
  }
  Known& touch(const Stream& stream);
  Known* find(const Stream& stream);
  void forget_idle();
  void forget_frames(Held& event);
  void trim();
  void drop_oldest();

  const Limits limits_;
  std::deque<Held> held_;
  Number first_number_ = 1;
  std::size_t bytes_ = 0;
  std::int64_t floor_ = 0;
  std::int64_t end_ = 0;
  std::int64_t checkpoint_ = 0;
  std::unordered_map<Stream, Known, StreamHash> streams_;
  std::list<Stream> idle_;  // without a held event, the one used last in front
};

}  // namespace parley::api
