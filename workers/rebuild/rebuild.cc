#include "workers/rebuild/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <expected>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/opened.h"
#include "platform/postgres/migrator.h"
#include "platform/process/process.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/comparison.h"
#include "projections/engine/generation.h"
#include "projections/engine/parking.h"
#include "projections/schema.h"
#include "workers/rebuild/filling.h"

namespace parley::rebuild {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using projections::Certificate;
using projections::Checkpoint;
using projections::Outcome;

constexpr auto kLeaseWait = 5s;
constexpr auto kControlStatement = 10s;
// A process that is paused in the middle of a switch holds everybody up no longer than this.
constexpr auto kControlIdle = 1s;
constexpr auto kLook = 200ms;
constexpr auto kSayEvery = 1s;
constexpr auto kLagLook = 2ms;
// So little is folded well within what a switch may hold up.
constexpr std::int64_t kSwitchNear = 200;
constexpr int kRoundsMax = 50;
// PostgreSQL broke the connection during the commit of a switch: so long it is asked what became of it.
constexpr auto kInDoubtMax = 60s;

/// Why it ends here.
struct End {
  Outcome outcome = Outcome::failed;
  std::string reason;
};
template <class T = void>
using Step = std::expected<T, End>;

std::unexpected<End> failed(std::string why) { return std::unexpected(End{Outcome::failed, std::move(why)}); }
std::unexpected<End> failed(const postgres::Error& error) {
  return failed(fmt::format("PostgreSQL: {}: {}", postgres::name_of(error.kind), error.detail));
}

Timestamp now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }
double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }
double ms_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

std::string digits_of(Timestamp time) {
  std::string text = schema::format_time(time);
  std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
  return text;
}

std::int64_t offsets(const std::vector<Checkpoint>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::int64_t{0},
                         [](std::int64_t sum, const Checkpoint& row) { return sum + row.next; });
}

class Run {
 public:
  Run(const Options& options, const std::stop_token& stop) : options_(options), stop_(stop) {
    certificate_.started = now();
    certificate_.id = digits_of(certificate_.started);
    certificate_.projection = projections::kReadModels;
    certificate_.migration = projections::migrations().back().name;
    green_name_ = projections::generation_name(options.schema, projections::Role::green, certificate_.id);
    old_name_ = projections::generation_name(options.schema, projections::Role::old, certificate_.id);
  }

  Certificate run() {
    auto ended = steps();
    if (!ended) {
      certificate_.outcome = ended.error().outcome;
      certificate_.reason = stop_.stop_requested() ? "told to end" : std::move(ended.error().reason);
    }
    clean_up();
    return std::move(certificate_);
  }

 private:
  Step<> steps() {
    if (auto done = prepare(); !done) return done;
    if (auto done = make_green(); !done) return done;
    if (auto done = fold(); !done) return done;
    if (auto done = compare(); !done) return done;
    if (options_.compare_alone) {
      certificate_.outcome = Outcome::equal;
      return {};
    }
    return replace();
  }

  // The steps.

  Step<> prepare() {
    begin("preparing");
    const auto migrated = postgres::expect_migrated({.connection = options_.postgres, .schema = options_.schema},
                                                    projections::migrations());
    if (!migrated) return failed(migrated.error());
    auto control = control_pool_.lease(kLeaseWait);
    if (!control) return failed(control.error());
    control_.emplace(std::move(*control));
    const auto reserved = projections::reserve(*control_);
    if (!reserved) return failed(reserved.error());
    if (!*reserved) return failed("another rebuild of these read models is under way");
    is_alone_ = true;
    auto old = old_pool_.lease(kLeaseWait);
    if (!old) return failed(old.error());
    old_.emplace(std::move(*old));
    if (auto done = drop_leftovers(); !done) return done;
    auto rows = projections::checkpoints(*control_);
    if (!rows) return failed(rows.error());
    if (auto done = expect_this_log(*rows); !done) return done;
    return expect_nothing_parked(*control_, false);
  }

  /// Of rebuilds that were killed: nobody else rebuilds now.
  Step<> drop_leftovers() {
    const auto names = projections::other_generations(*old_);
    if (!names) return failed(names.error());
    for (const auto& name : *names) {
      const auto dropped = projections::drop_generation(*old_, name, options_.drop_wait_max);
      if (dropped) {
        certificate_.notes.push_back("dropped " + name + ", which an earlier rebuild had left");
      } else {
        certificate_.notes.push_back(
            fmt::format("the schema {} of an earlier rebuild cannot be dropped: {}", name, dropped.error().detail));
      }
    }
    return {};
  }

  /// The topic is the one that the read models were made from, and reaches to where they are.
  Step<> expect_this_log(const std::vector<Checkpoint>& rows) {
    auto admin = kafka::Admin::open(options_.kafka);
    if (!admin) return failed("Kafka: " + admin.error().text);
    const auto topic = admin->describe_topic(options_.events_topic);
    if (!topic) return failed("Kafka: " + topic.error().text);
    if (const auto wrong = kafka::wrong_partitions(*topic, options_.partitions))
      return failed("another log: " + *wrong);
    certificate_.topic_id = topic->id;
    for (const auto& row : rows) {
      if (row.topic_id && *row.topic_id != topic->id) {
        return failed(fmt::format("another log: {} ({}) is not the topic that the read models were made from ({})",
                                  options_.events_topic, topic->id, *row.topic_id));
      }
    }
    const auto ends = admin->end(kafka::every_partition(options_.events_topic, options_.partitions),
                                 kafka::Isolation::read_committed);
    if (!ends) return failed("Kafka: " + ends.error().text);
    for (const auto& row : rows) {
      if (row.partition < 0 || row.partition >= options_.partitions)
        return failed("the read models have a checkpoint of a partition that is not there");
      const auto end = (*ends)[static_cast<std::size_t>(row.partition)].offset;
      if (row.next <= end) continue;
      return failed(fmt::format("another log: partition {} ends at {}, but the read models reflect it to {}",
                                row.partition, end, row.next));
    }
    return {};
  }

  Step<> expect_nothing_parked(postgres::Reader& reader, bool in_rebuilt) {
    const auto streams = projections::parked_streams(reader, options_.parked_max + 1);
    if (!streams) return failed(streams.error());
    if (streams->empty()) return {};
    for (const auto& each : *streams) {
      if (certificate_.parked.size() == options_.parked_max) {
        certificate_.notes.emplace_back("more streams are parked");
        break;
      }
      certificate_.parked.push_back({each.stream, each.first.version, each.reason, in_rebuilt});
    }
    return std::unexpected(End{Outcome::parked, in_rebuilt
                                                    ? "this program cannot apply an event that the read models reflect"
                                                    : "a stream stands still: `parley parked` lets it go on"});
  }

  Step<> make_green() {
    const auto made = postgres::migrate({.connection = options_.postgres,
                                         .application_name = "parley rebuild",
                                         .schema = green_name_,
                                         .statement_timeout = options_.statement_timeout},
                                        projections::migrations());
    if (!made) return failed(fmt::format("the schema {} cannot be made: {}", green_name_, made.error().detail));
    green_pool_.emplace(postgres::PoolOptions{.session = session(green_name_), .connections_max = 1});
    auto green = green_pool_->lease(kLeaseWait);
    if (!green) return failed(green.error());
    green_.emplace(std::move(*green));
    const auto why_not = projections::why_not_replaceable(*control_, green_name_);
    if (!why_not) return failed(why_not.error());
    if (const auto& text = *why_not) return failed(*text);
    if (auto granted = projections::grant_the_same(*control_, green_name_); !granted) return failed(granted.error());
    return cancel_when_stopped();
  }

  /// Statements that read whole tables end when the run is told to.
  Step<> cancel_when_stopped() {
    std::array<std::int64_t, 2> backends{};
    for (std::size_t i = 0; auto* lease : {&*old_, &*green_}) {
      const auto rows = lease->query("SELECT pg_backend_pid()::bigint");
      if (!rows) return failed(rows.error());
      (*rows)[0].into(backends[i++]);
    }
    on_stop_.emplace(stop_, [this, backends] {
      postgres::Pool pool({.session = control_session(), .connections_max = 1});
      auto lease = pool.lease(kLeaseWait);
      for (const auto backend : backends) {
        if (lease) static_cast<void>(lease->query("SELECT pg_cancel_backend($1::integer)", postgres::Params(backend)));
      }
    });
    return {};
  }

  /// Folds the log to exactly where the read models are in a snapshot, which stays open. It is taken late: as long as
  /// it is open, PostgreSQL keeps what others have replaced meanwhile.
  Step<> fold() {
    begin("folding");
    const auto begun = Clock::now();
    std::int64_t reached = 0;
    for (int round = 0; round < kRoundsMax; ++round) {
      const auto rows = projections::checkpoints(*control_);
      if (!rows) return failed(rows.error());
      const std::int64_t ahead = offsets(*rows) - std::exchange(reached, offsets(*rows));
      if (round > 0 && ahead <= options_.near_offsets) break;
      if (auto done = fold_to(*rows); !done) return done;
    }
    auto snapshot = projections::snapshot(*old_);
    if (!snapshot) return failed(snapshot.error());
    snapshot_.emplace(std::move(*snapshot));
    auto rows = projections::checkpoints(*snapshot_);
    if (!rows) return failed(rows.error());
    before("folding to the snapshot");
    if (auto done = fold_to(*rows); !done) return done;
    for (const auto& row : *rows) certificate_.checkpoints.push_back({row.partition, row.next});
    certificate_.seconds = seconds_since(begun);
    if (auto done = expect_nothing_parked(*snapshot_, false); !done) return done;
    if (auto done = expect_nothing_parked(*green_, true); !done) return done;
    return compare_checkpoints(*rows);
  }

  Step<> fold_to(const std::vector<Checkpoint>& rows) {
    auto options = of_projector();
    options.until.emplace();
    for (const auto& row : rows) (*options.until)[row.partition] = row.next;
    const std::int64_t total = offsets(rows);
    Filling filling(std::move(options));
    Pace pace;
    while (!filling.over(kLook) && !stop_.stop_requested()) {
      const auto at = projections::checkpoints(*green_);
      if (!at) return failed(at.error());
      if (auto moving = advancing(filling, pace, offsets(*at), total); !moving) return moving;
    }
    auto ended = filling.stop();
    certificate_.events += filling.events();
    if (!ended) return failed(std::move(ended.error()));
    if (stop_.stop_requested()) return failed("told to end");
    return {};
  }

  /// The event that both sides name as their last one must be the same.
  Step<> compare_checkpoints(const std::vector<Checkpoint>& old) {
    const auto rebuilt = projections::checkpoints(*green_);
    if (!rebuilt) return failed(rebuilt.error());
    for (const auto& row : old) {
      const auto other = std::ranges::find(*rebuilt, row.partition, &Checkpoint::partition);
      if (other == rebuilt->end() || other->next != row.next) {
        return failed(fmt::format("the fold has not come to where the read models are in partition {}", row.partition));
      }
      if (row == *other) continue;
      Certificate::Difference difference{
          "checkpoints", fmt::format("partition={}", row.partition), projections::Found::differs, {}};
      if (row.topic_id != other->topic_id) difference.columns.emplace_back("topic_id");
      if (row.last_event_id != other->last_event_id) difference.columns.emplace_back("last_event_id");
      if (row.last_position != other->last_position) difference.columns.emplace_back("last_position");
      certificate_.differences.push_back(std::move(difference));
    }
    return {};
  }

  Step<> compare() {
    begin("comparing");
    const auto begun = Clock::now();
    const auto tables = projections::folded_tables(*green_);
    if (!tables) return failed(tables.error());
    const auto old_tables = projections::folded_tables(*snapshot_);
    if (!old_tables) return failed(old_tables.error());
    bool is_same = certificate_.differences.empty();
    for (const auto& table : *tables) {
      const auto old = std::ranges::find(*old_tables, table.name, &projections::FoldedTable::name);
      if (old == old_tables->end() || old->columns != table.columns || old->key != table.key) {
        return failed("the table " + table.name + " is not as the migrations made it");
      }
      say({.step = "comparing " + table.name});
      const auto mine = projections::digest(*snapshot_, table);
      if (!mine) return failed(mine.error());
      const auto theirs = projections::digest(*green_, table);
      if (!theirs) return failed(theirs.error());
      certificate_.tables.push_back(
          {table.name, mine->whole.rows, theirs->whole.rows, projections::hex(*mine), projections::hex(*theirs)});
      if (mine->whole == theirs->whole) continue;
      is_same = false;
      const auto named = std::min(options_.differences_max, certificate_.differences.size());
      const auto found =
          projections::differences(*snapshot_, *mine, *green_, *theirs, table, options_.differences_max - named);
      if (!found) return failed(found.error());
      std::ranges::copy(*found, std::back_inserter(certificate_.differences));
    }
    snapshot_.reset();
    certificate_.compare_seconds = seconds_since(begun);
    if (is_same) return {};
    if (!options_.accept || options_.compare_alone)
      return std::unexpected(End{Outcome::differs, "the read models are not what the log says"});
    certificate_.accepted = options_.accept;
    return {};
  }

  /// Follows the log until the rebuilt tables are where the others are, and switches.
  Step<> replace() {
    begin("catching up");
    // Reads use them at once, and nobody has counted what is in them.
    if (const auto counted = green_->query("ANALYZE " + tables_of_certificate()); !counted)
      return failed(counted.error());
    Opened<Filling> filling;
    std::string why_not;
    for (int tries = 0; tries < options_.switch_tries; ++tries) {
      if (tries > 0 && !process::pause(stop_, options_.switch_pause)) break;
      if (!filling) filling.emplace(of_projector());
      if (auto done = come_near(*filling); !done) return done;
      before("switching");
      auto tried = try_switch(filling);
      if (!tried) return std::unexpected(std::move(tried.error()));
      auto& refused = *tried;
      if (!refused) return {};
      why_not = std::move(*refused);
      say({.step = "switching is tried again: " + why_not});
    }
    return failed(fmt::format("the switch could not be made in {} tries: {}", options_.switch_tries, why_not));
  }

  Step<> come_near(Filling& filling) {
    Pace pace;
    std::optional<std::int64_t> at_first;
    for (;;) {
      if (filling.over(0ms)) return failed(ended_early(filling));
      if (stop_.stop_requested()) return failed("told to end");
      const auto lag = projections::behind(*control_, green_name_);
      if (!lag) return failed(lag.error());
      if (*lag <= kSwitchNear) return {};
      if (!at_first) at_first = *lag;
      if (auto moving = advancing(filling, pace, *at_first - *lag, *at_first); !moving) return moving;
      process::pause(stop_, kLook);
    }
  }

  static std::string ended_early(Filling& filling) {
    auto ended = filling.stop();
    return ended ? "the fold has ended by itself" : std::move(ended.error());
  }

  /// Nothing: it is done. A text: why it cannot be done now; nothing has changed then.
  Step<std::optional<std::string>> try_switch(Opened<Filling>& filling) {
    auto transaction = control_->transaction();
    if (!transaction) return failed(transaction.error());
    if (const auto held = projections::hold_maintenance(*transaction, options_.vacuum_wait_max); !held) {
      return not_now(held.error(), "a vacuum, or work on an index, does not end");
    }
    if (const auto held = projections::hold_writers(*transaction, options_.hold_max); !held) {
      return not_now(held.error(), "the projector's transaction does not end");
    }
    const auto writers_held = Clock::now();
    for (;;) {
      const auto lag = projections::behind(*transaction, green_name_);
      if (!lag) return failed(lag.error());
      if (*lag == 0) break;
      if (filling->over(kLagLook)) return failed(ended_early(*filling));
      if (Clock::now() - writers_held > options_.hold_max)
        return std::optional<std::string>("the fold does not come to the projector's end in time");
    }
    filling->tell_to_end();
    if (!filling->over(options_.hold_max)) {
      transaction = std::unexpected(postgres::Error{});  // rolled back: whoever waits goes on
      filling.reset();
      return std::optional<std::string>("the fold's transaction does not end in time");
    }
    auto ended = filling->stop();
    filling.reset();
    if (!ended) return failed(std::move(ended.error()));
    const auto why_not = projections::why_not_switch(*transaction, green_name_);
    if (!why_not) return failed(why_not.error());
    if (const auto& text = *why_not) return std::unexpected(End{Outcome::parked, *text});
    if (const auto held = projections::hold_readers(*transaction, options_.readers_wait_max); !held) {
      transaction = std::unexpected(held.error());  // rolled back
      const auto names = projections::holders(*control_);
      std::string who;
      for (std::size_t i = 0; names && i < names->size(); ++i) who += (i == 0 ? ": " : ", ") + (*names)[i];
      return not_now(held.error(), "reads do not end" + who);
    }
    const auto readers_held = Clock::now();
    if (const auto renamed = projections::switch_to(*transaction, green_name_, old_name_); !renamed)
      return failed(renamed.error());
    certificate_.outcome = Outcome::switched;
    certificate_.finished = now();
    certificate_.readers_held_ms = ms_since(readers_held);
    certificate_.writers_held_ms = ms_since(writers_held);
    if (const auto kept = projections::keep(*transaction, certificate_); !kept) return failed(kept.error());
    before("commit");
    const auto committed = transaction->commit();
    certificate_.readers_held_ms = ms_since(readers_held);
    certificate_.writers_held_ms = ms_since(writers_held);
    if (!committed && (committed.error().kind != postgres::ErrorKind::in_doubt || !settle()))
      return failed(committed.error());
    is_switched_ = true;
    return std::optional<std::string>();
  }

  static Step<std::optional<std::string>> not_now(const postgres::Error& error, std::string why) {
    if (error.kind == postgres::ErrorKind::timeout || error.kind == postgres::ErrorKind::conflict)
      return std::optional(std::move(why));
    return failed(error);
  }

  /// After a COMMIT that nobody answered: whether it happened.
  bool settle() {
    postgres::Pool pool({.session = control_session(), .connections_max = 1});
    for (const auto until = Clock::now() + kInDoubtMax; Clock::now() < until; process::pause({}, kLook)) {
      auto lease = pool.lease(kLeaseWait);
      if (!lease) continue;
      if (const auto is_there = projections::is_there(*lease, green_name_)) return !*is_there;
    }
    return false;
  }

  /// Drops what is not current, and keeps the certificate of a run that has not switched; the switch has kept its own.
  void clean_up() {
    on_stop_.reset();
    snapshot_.reset();
    if (!is_switched_) certificate_.finished = now();
    if (!is_alone_) {
      certificate_.notes.emplace_back("it had not begun, and this certificate is not kept");
    } else if (!is_switched_) {
      if (const auto kept = projections::keep(*control_, certificate_); !kept) {
        certificate_.notes.push_back("this certificate could not be kept: " + kept.error().detail);
      }
    }
    if (!old_) return;
    const auto& name = is_switched_ ? old_name_ : green_name_;
    if (const auto there = projections::is_there(*old_, name); there && !*there) return;
    if (!is_switched_ && options_.keep) {
      certificate_.notes.push_back("the rebuilt tables are kept in the schema " + name + " until the next rebuild");
      return;
    }
    before("dropping");
    const auto dropped = projections::drop_generation(*old_, name, options_.drop_wait_max);
    if (!dropped)
      certificate_.notes.push_back(
          fmt::format("the schema {} is left, the next rebuild drops it: {}", name, dropped.error().detail));
  }

  // What the steps share.

  /// How a fold moves: what was said, and when it moved last.
  struct Pace {
    Clock::time_point begun = Clock::now();
    Clock::time_point moved = begun;
    Clock::time_point said{};
    std::int64_t done = -1;
  };

  /// Says how far it is; fails when it has stood still for too long.
  Step<> advancing(const Filling& filling, Pace& pace, std::int64_t done, std::int64_t total) {
    const auto now = Clock::now();
    if (done > pace.done) {
      pace.done = done;
      pace.moved = now;
    }
    if (now - pace.moved > options_.patience) {
      const std::string trouble = filling.trouble();
      return failed("the fold does not advance" + (trouble.empty() ? "" : ": " + trouble));
    }
    if (now - pace.said >= kSayEvery) {
      pace.said = now;
      say({.step = step_,
           .done = done,
           .total = total,
           .events_per_second = static_cast<double>(filling.events()) / seconds_since(pace.begun)});
    }
    return {};
  }

  void begin(std::string_view step) {
    step_ = step;
    say({.step = step_});
    before(step);
  }
  void before(std::string_view step) const {
    if (options_.before) options_.before(step);
  }
  void say(const Progress& progress) const {
    if (options_.progress) options_.progress(progress);
  }

  std::string tables_of_certificate() const {
    std::string names = "checkpoints";
    for (const auto& table : certificate_.tables) names += ", " + postgres::identifier(table.name);
    return names;
  }

  projector::Options of_projector() const {
    return {.kafka = options_.kafka,
            .events_topic = options_.events_topic,
            .partitions = options_.partitions,
            .group = "",  // nobody else fills these tables
            .instance = "rebuild",
            .postgres = options_.postgres,
            .schema = green_name_,
            .batch_events_max = options_.batch_events_max};
  }

  postgres::SessionOptions session(const std::string& schema) const {
    return {.connection = options_.postgres,
            .application_name = "parley rebuild",
            .schema = schema,
            .statement_timeout = options_.statement_timeout,
            .idle_in_transaction_timeout = 0ms};
  }
  postgres::SessionOptions control_session() const {
    auto options = session(options_.schema);
    options.statement_timeout = kControlStatement;
    options.idle_in_transaction_timeout = kControlIdle;
    return options;
  }

  const Options& options_;
  const std::stop_token& stop_;
  Certificate certificate_;
  std::string green_name_, old_name_;
  std::string step_;
  bool is_alone_ = false;
  bool is_switched_ = false;

  // Three sessions: one that has the right to switch, and loses it with its connection; one for the old tables, one for
  // the new ones.
  postgres::Pool control_pool_{{.session = control_session(), .connections_max = 1}};
  postgres::Pool old_pool_{{.session = session(options_.schema), .connections_max = 1}};
  Opened<postgres::Pool> green_pool_;
  Opened<postgres::Lease> control_, old_, green_;
  Opened<postgres::Snapshot> snapshot_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace

Certificate rebuild(const Options& options, const std::stop_token& stop) { return Run(options, stop).run(); }

}  // namespace parley::rebuild
