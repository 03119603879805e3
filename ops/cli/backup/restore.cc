// `parley restore`: a copy into an empty log. README.md says in which order, and why.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "domain/model.h"
#include "domain/seals/seals.h"
#include "ops/cli/backup/backup.h"
#include "ops/cli/backup/manifest.h"
#include "ops/cli/backup/merge.h"
#include "ops/cli/backup/placement.h"
#include "ops/cli/backup/records.h"
#include "ops/cli/backup/task.h"
#include "ops/cli/directory.h"
#include "ops/cli/topics.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/passphrase.h"
#include "platform/crypto/secret_file.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "platform/process/process.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"
#include "schemas/replies.h"

namespace parley::backup {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kTask = "restore";
constexpr milliseconds kFlushWait{60'000};
constexpr std::chrono::seconds kTopicGoneWithin{30};
constexpr milliseconds kLookEvery{100};
constexpr std::size_t kQueuedMax = 50'000;
constexpr std::string_view kCommands = "commands";

/// Writes records of a topic whose partitions are empty and which nobody else writes, so that each record's offset is
/// known before it is written.
class Filling {
 public:
  Filling(kafka::Producer& producer, std::string topic, int partitions)
      : producer_(producer), topic_(std::move(topic)), next_(static_cast<std::size_t>(partitions), 0) {}

  /// The record's offset.
  Result<std::int64_t> write(int partition, const StoredRecord& record) {
    const auto headers = kafka::header_views(record.headers);
    const kafka::Record out{.topic = topic_,
                            .partition = partition,
                            .key = record.key,
                            .value = record.value ? std::optional<std::string_view>(*record.value) : std::nullopt,
                            .headers = headers,
                            .time = record.time};
    const auto offset = next_[static_cast<std::size_t>(partition)]++;
    const auto delivered = [state = state_, offset, partition](const kafka::Result<std::int64_t>& at) {
      if (at && *at == offset) return;
      const std::lock_guard lock(state->mutex);
      if (!state->failure.empty()) return;
      state->failure = at ? fmt::format("partition {} has a record at {} that should be at {}: another program writes",
                                        partition, *at, offset)
                          : at.error().text;
    };
    auto queued = producer_.produce(out, delivered);
    while (!queued && queued.error().kind == kafka::Kind::queue_full) {
      if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
      queued = producer_.produce(out, delivered);
    }
    if (!queued) return std::unexpected(topic_ + ": " + queued.error().text);
    return offset;
  }
  /// Everything that was written is acknowledged where it should be.
  Result<> flush() {
    const auto flushed = producer_.flush(kFlushWait);
    const std::lock_guard lock(state_->mutex);
    if (!state_->failure.empty()) return std::unexpected(topic_ + ": " + state_->failure);
    if (!flushed) return std::unexpected(topic_ + ": " + flushed.error().text);
    return {};
  }

 private:
  struct State {
    std::mutex mutex;
    std::string failure;  // the first one; guarded
  };
  kafka::Producer& producer_;
  const std::string topic_;
  std::vector<std::int64_t> next_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class Restoring {
 public:
  Restoring(const RestoreOptions& options, const Manifest& manifest)
      : options_(options),
        manifest_(manifest),
        partitions_{static_cast<int>(manifest.partitions),
                    options.partitions.value_or(static_cast<int>(manifest.partitions))},
        topics_{.kafka = options.kafka,
                .prefix = options.prefix,
                .partitions = partitions_.new_count,
                .replication = options.replication},
        translation_(partitions_.old_count),
        reactors_(manifest.reactors.value_or(std::vector<ReactorEntry>{})) {}

  Result<> run() {
    for (const auto step :
         {&Restoring::open_secrets, &Restoring::open_log, &Restoring::write_secrets, &Restoring::make_topics,
          &Restoring::fill_events, &Restoring::fill_replies, &Restoring::fill_letters, &Restoring::make_directory,
          &Restoring::place_reactors, &Restoring::let_decide}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    return {};
  }
  const Partitions& partitions() const { return partitions_; }
  std::int64_t seals() const { return seals_; }
  std::int64_t entries() const { return entries_; }
  /// Files of keys that stand where they were wanted.
  const std::vector<std::string>& keys() const { return written_; }
  bool has_begun() const { return has_begun_; }

 private:
  std::string topic(std::string_view name) const { return fmt::format("{}.{}", options_.prefix, name); }

  // The keys.

  Result<> open_secrets() {
    if (!manifest_.keys.inside || options_.keys.keys.empty()) return {};
    const auto given = passphrase(options_.passphrase_file);
    if (!given) return std::unexpected(given.error());
    if (given->empty()) return {};
    const auto path = fmt::format("{}/{}", options_.folder, kSecrets);
    const auto sealed = read_file(path);
    if (!sealed) return std::unexpected(sealed.error());
    const auto opened = crypto::open_with_passphrase(*sealed, *given);
    if (!opened) return std::unexpected(path + ": " + opened.error());
    auto secrets = read_secrets(*opened);
    if (!secrets) return std::unexpected(path + ": " + secrets.error());
    secrets_ = std::move(*secrets);
    return {};
  }

  Result<> write_secrets() {
    for (const auto& [name, file] : options_.keys.named()) {
      const auto secret = std::ranges::find(secrets_, name, &Secret::name);
      if (file.empty() || secret == secrets_.end()) continue;
      const auto bytes = crypto::unbase64url(secret->value);
      if (!bytes) return std::unexpected(fmt::format("{}: the secret {} is malformed", kSecrets, secret->name));
      const auto made = crypto::create_secret_file(file, *bytes);
      if (!made) return std::unexpected(made.error());
      if (const auto stands = read_file(file); !stands || *stands != *bytes)
        return std::unexpected(file + ": another key stands there than the copy's, and is not replaced");
      if (const auto usable = check_key_file(name, file); !usable) return usable;
      written_.push_back(file);
    }
    return {};
  }

  // The topics.

  /// Nothing is changed here; a log that is not empty is refused.
  Result<> open_log() {
    auto admin = kafka::Admin::open(options_.kafka);
    if (!admin) return std::unexpected(admin.error().text);
    admin_.emplace(std::move(*admin));
    std::vector<std::string> names;
    for (const auto& name : cli::topic_names()) names.push_back(topic(name));
    const auto described = admin_->describe_topics(names);
    if (!described) return std::unexpected(described.error().text);
    std::vector<std::string> used;
    for (const auto& one : *described) {
      if (!one) continue;
      const auto is = cli::is_used(*admin_, one->name, one->partitions);
      if (!is) return std::unexpected(is.error().text);
      if (*is) used.push_back(one->name);
    }
    const bool has_commands =
        described->at(static_cast<std::size_t>(std::ranges::find(names, topic(kCommands)) - names.begin())).has_value();
    if (!used.empty() && !has_commands) {
      return std::unexpected(
          fmt::format("an earlier restore has not ended: {} holds records and there is no {}. Delete all topics {}.*, "
                      "and begin anew",
                      used.front(), topic(kCommands), options_.prefix));
    }
    if (!used.empty()) return std::unexpected(used.front() + " holds records: a copy goes into an empty log alone");
    for (const auto& one : *described) {
      if (!one || one->name == topic("signals")) continue;
      if (const auto wrong = kafka::wrong_partitions(*one, partitions_.new_count))
        return std::unexpected(*wrong + ". Or delete the topic, it is empty");
    }
    if (has_commands) return nobody_decides();
    return {};
  }

  /// A group with members does not let its positions be set.
  Result<> nobody_decides() {
    const auto begin = admin_->begin(kafka::every_partition(topic(kCommands), partitions_.new_count));
    if (!begin) return std::unexpected(begin.error().text);
    if (const auto set = admin_->set_group_offsets(options_.prefix + ".decider", *begin); !set)
      return std::unexpected("deciders must not run while a log is filled: " + set.error().text);
    return {};
  }

  /// All but the commands', which is what makes a log one that can be decided on: without it deciders wait and `parley
  /// topics` refuses.
  Result<> make_topics() {
    has_begun_ = true;
    if (const auto gone = delete_commands(); !gone) return gone;
    auto names = cli::topic_names();
    std::erase(names, kCommands);
    if (const auto made = cli::create_topics(*admin_, topics_, names); !made) return std::unexpected(made.error().text);
    auto producer = kafka::Producer::open(options_.kafka, {.queued_max = kQueuedMax, .delivery_timeout = kFlushWait});
    if (!producer) return std::unexpected(producer.error().text);
    producer_.emplace(std::move(*producer));
    return {};
  }

  Result<> delete_commands() {
    const std::vector<std::string> names{topic(kCommands)};
    const auto deadline = SteadyClock::now() + kTopicGoneWithin;
    while (true) {
      const auto found = admin_->describe_topics(names);
      if (!found) return std::unexpected(found.error().text);
      if (!found->front()) return {};
      if (SteadyClock::now() > deadline) return std::unexpected(names.front() + " cannot be deleted");
      const auto deleted = admin_->delete_topic(names.front());
      if (!deleted && !deleted.error().retryable && deleted.error().kind != kafka::Kind::unknown_topic)
        return std::unexpected(deleted.error().text);
      std::this_thread::sleep_for(kLookEvery);
    }
  }

  /// Each goes on with what was not finished when the copy was made; nothing is called before an operator says so
  /// (`parley effects`).
  Result<> place_reactors() {
    for (const auto& [group, starts] : reactor_starts_) {
      std::vector<kafka::PartitionOffset> positions;
      for (int i = 0; i < partitions_.new_count; ++i) {
        const auto& start = starts[static_cast<std::size_t>(i)];
        positions.push_back({{topic(kEvents), i}, start.value_or(event_ends_[static_cast<std::size_t>(i)])});
      }
      const auto set = admin_->set_group_offsets(topic(group), positions);
      if (!set) return std::unexpected("the reactor " + topic(group) + " must not run: " + set.error().text);
    }
    return {};
  }
  /// `offset` is where the event is now.
  void note_starts(int from, const StoredRecord& record, int to, std::int64_t offset) {
    for (const auto& reactor : reactors_) {
      auto& start = reactor_starts_.at(reactor.group)[static_cast<std::size_t>(to)];
      if (!start && record.offset >= reactor.positions[static_cast<std::size_t>(from)]) start = offset;
    }
    event_ends_[static_cast<std::size_t>(to)] = offset + 1;
  }

  /// Once everything stands there.
  Result<> let_decide() {
    if (const auto made = cli::create_topics(*admin_, topics_, {std::string(kCommands)}); !made)
      return std::unexpected(made.error().text);
    if (const auto written = cli::write_first_positions(*admin_, topics_, manifest_.replies_since); !written)
      return std::unexpected(written.error().text);
    return {};
  }

  // The records.

  /// Hands out all records of a topic's files, the earliest first, with the partition that each comes from.
  Result<> merged(std::string_view name, const Merge::Time& time,
                  const std::function<Result<>(int, StoredRecord&)>& each) const {
    std::vector<std::shared_ptr<RecordReader>> readers;
    std::vector<Merge::Next> sources;
    for (int i = 0; i < partitions_.old_count; ++i) {
      auto reader = RecordReader::open(options_.folder + "/" + file_name(name, i));
      if (!reader) return std::unexpected(reader.error());
      sources.emplace_back([one = std::make_shared<RecordReader>(std::move(*reader))] { return one->next(); });
    }
    const auto total = std::ranges::find(manifest_.totals, name, &TotalEntry::topic);
    Progress progress(kTask, topic(name), total == manifest_.totals.end() ? 0 : total->records);
    Merge merge(std::move(sources), time);
    while (true) {
      auto item = merge.next();
      if (!item) return std::unexpected(item.error());
      if (!*item) return {};
      if (auto done = each((*item)->source, (*item)->record); !done) return done;
      if (!progress.add(1)) return std::unexpected(std::string(kStopped));
    }
  }
  Result<> wrong(std::string_view name, int partition, const StoredRecord& record, const std::string& why) const {
    return std::unexpected(fmt::format("{}/{}: the record of offset {}: {}", options_.folder,
                                       file_name(name, partition), record.offset, why));
  }
  static std::int64_t record_time(const StoredRecord& record) { return record.time.time_since_epoch().count(); }
  static std::int64_t event_time(const StoredRecord& record) {
    const auto time = schema::parse_time(record.header("ce_time").value_or(""));
    return time ? time->time_since_epoch().count() : record_time(record);
  }

  Result<> fill_events() {
    const auto count = static_cast<std::size_t>(partitions_.new_count);
    event_ends_.assign(count, 0);
    for (const auto& reactor : reactors_) reactor_starts_[reactor.group].resize(count);
    Filling filling(*producer_, topic(kEvents), partitions_.new_count);
    const auto filled = merged(kEvents, event_time, [&](int from, StoredRecord& record) -> Result<> {
      if (seals::is_seal(record.header("ce_subject").value_or(""))) {
        ++seals_;
        return {};
      }
      const auto to = place_of_event(record, from, partitions_);
      if (!to) return wrong(kEvents, from, record, to.error());
      translate_event(record);
      const auto offset = filling.write(*to, record);
      if (!offset) return std::unexpected(offset.error());
      note_starts(from, record, *to, *offset);
      // No outcome within the window names an older event.
      if (event_time(record) >= manifest_.replies_since.time_since_epoch().count())
        translation_.add(from, record.offset, *offset);
      return {};
    });
    if (!filled) return filled;
    return filling.flush();
  }

  Result<> fill_replies() {
    Filling filling(*producer_, topic(kReplies), partitions_.new_count);
    const auto filled = merged(kReplies, record_time, [&](int from, StoredRecord& record) -> Result<> {
      const auto outcome = schema::read_outcome(record.value.value_or(""));
      if (!outcome)
        return wrong(kReplies, from, record,
                     fmt::format("is no outcome: {} {}", outcome.error().field, outcome.error().issue));
      const auto places = places_of_reply(*outcome, from, partitions_);
      std::optional<schema::Position> position;
      if (outcome->position) {
        const auto offset = translation_.find(from, outcome->position->offset);
        if (offset) position = schema::Position{places.front(), *offset};
      }
      if (auto translated = translate_reply(record, *outcome, position); !translated)
        return wrong(kReplies, from, record, translated.error());
      for (const int to : places) {
        if (const auto offset = filling.write(to, record); !offset) return std::unexpected(offset.error());
      }
      return {};
    });
    if (!filled) return filled;
    return filling.flush();
  }

  Result<> fill_letters() {
    Filling filling(*producer_, topic(kDeadLetters), partitions_.new_count);
    const auto filled = merged(kDeadLetters, record_time, [&](int from, StoredRecord& record) -> Result<> {
      const auto offset = filling.write(place_of_letter(record, from, partitions_), record);
      if (!offset) return std::unexpected(offset.error());
      return {};
    });
    if (!filled) return filled;
    return filling.flush();
  }

  /// A fold of the events, and the same as was copied.
  Result<> make_directory() {
    std::cerr << "parley restore: " << topic(kDirectory) << "\n";
    const auto filled = cli::fill_directory({options_.kafka, options_.prefix, partitions_.new_count});
    if (!filled) return std::unexpected(topic(kDirectory) + ": " + filled.error().text);
    using Entries = std::map<std::string, std::string, std::less<>>;
    const auto take = [](Entries& entries, std::string_view key, const std::optional<std::string>& value) {
      if (key.starts_with(schema::kParkedPrefix)) return;  // deciders announce anew what stands still
      if (value) {
        entries.insert_or_assign(std::string(key), *value);
      } else if (const auto it = entries.find(key); it != entries.end()) {
        entries.erase(it);
      }
    };
    Entries copied, made;
    for (int i = 0; i < partitions_.old_count; ++i) {
      auto reader = RecordReader::open(options_.folder + "/" + file_name(kDirectory, i));
      if (!reader) return std::unexpected(reader.error());
      while (true) {
        const auto record = reader->next();
        if (!record) return std::unexpected(record.error());
        if (!*record) break;
        take(copied, (*record)->key, (*record)->value);
      }
    }
    auto consumer = kafka::Consumer::open(options_.kafka, {});
    if (!consumer) return std::unexpected(consumer.error().text);
    const auto stretches = kafka::all_of(*consumer, kafka::every_partition(topic(kDirectory), partitions_.new_count));
    if (!stretches) return std::unexpected(stretches.error().text);
    const auto read = kafka::read_through(*consumer, *stretches, [&](const kafka::Message& message) {
      take(made, message.key(), message.is_tombstone() ? std::nullopt : std::optional(std::string(message.value())));
      return true;
    });
    if (!read) return std::unexpected(read.error().text);
    entries_ = static_cast<std::int64_t>(made.size());
    for (const auto& [key, value] : copied) {
      const auto same = made.find(key);
      if (same == made.end() || same->second != value) return differs(key);
    }
    for (const auto& [key, value] : made) {
      if (!copied.contains(key)) return differs(key);
    }
    return {};
  }
  Result<> differs(const std::string& key) const {
    return std::unexpected(
        fmt::format("{}: what the events make of {} is not what was copied", topic(kDirectory), key));
  }

  const RestoreOptions& options_;
  const Manifest& manifest_;
  const Partitions partitions_;
  const cli::TopicsOptions topics_;
  std::vector<Secret> secrets_;
  std::vector<std::string> written_;
  std::optional<kafka::Admin> admin_;
  std::optional<kafka::Producer> producer_;
  Translation translation_;
  const std::vector<ReactorEntry> reactors_;
  std::vector<std::int64_t> event_ends_;  // by new partition
  /// By group and new partition: the first event that may ask for a call.
  std::map<std::string, std::vector<std::optional<std::int64_t>>> reactor_starts_;
  std::int64_t seals_ = 0;
  std::int64_t entries_ = 0;
  bool has_begun_ = false;
};

int fail(std::string_view why) {
  std::cerr << "parley restore: " << why << "\n";
  return 1;
}

/// What has to be true of the copy before anything is done with it.
Result<Manifest> checked(const std::string& folder) {
  auto manifest = read_manifest(folder);
  if (!manifest) return manifest;
  std::int64_t bytes = 0;
  for (const auto& file : manifest->files) bytes += file.bytes;
  Progress progress(kTask, "checking " + folder, bytes);
  if (auto whole = check_files(folder, *manifest, [&](std::int64_t read) { return progress.add(read); }); !whole)
    return std::unexpected(whole.error());
  return manifest;
}

void print(const RestoreOptions& options, const Manifest& manifest, const Restoring* restored) {
  if (restored == nullptr) {
    std::cout << options.folder << " is a whole copy of " << manifest.topic_prefix << " as of "
              << schema::format_time(manifest.time) << ", " << manifest.partitions << " partitions\n";
    return print_contents(manifest);
  }
  std::cout << options.prefix << " is restored as of " << schema::format_time(manifest.time) << ", "
            << restored->partitions().new_count << " partitions\n";
  print_contents(manifest);
  for (const auto& file : restored->keys()) std::cout << "  key: " << file << "\n";
  if (!restored->keys().empty()) return;
  if (manifest.keys.inside) {
    std::cout << "  keys were left in the copy: --keys-file and the passphrase bring them out. The system needs them, "
                 "or the old file\n";
  } else {
    std::cout << "  the system needs the keys file of the one that was copied\n";
  }
}

void print_json(const RestoreOptions& options, const Manifest& manifest, const Restoring* restored, double seconds) {
  json::Writer w;
  w.begin_object();
  w.key("folder");
  w.string(options.folder);
  w.key("seconds");
  w.number(seconds);
  if (restored != nullptr) {
    w.key("partitions");
    w.integer(restored->partitions().new_count);
    w.key("keys_written");
    w.boolean(!restored->keys().empty());
    w.key("seals_left_behind");
    w.integer(restored->seals());
    w.key("directory_entries");
    w.integer(restored->entries());
  }
  w.key("copy");
  w.raw(manifest_json(manifest));
  w.end_object();
  std::cout << w.text() << "\n";
}

}  // namespace

int restore(const RestoreOptions& options) {
  const auto began = SteadyClock::now();
  process::raise_open_files_limit();
  const auto manifest = checked(options.folder);
  if (!manifest) return fail(manifest.error());
  std::optional<Restoring> restoring;
  if (!options.check_only) {
    restoring.emplace(options, *manifest);
    if (const auto done = restoring->run(); !done) {
      return fail(done.error() + (restoring->has_begun() ? ". The log is not whole: delete all topics " +
                                                               options.prefix + ".* and begin anew"
                                                         : ""));
    }
  }
  const auto* restored = restoring ? &*restoring : nullptr;
  if (options.json) {
    print_json(options, *manifest, restored, std::chrono::duration<double>(SteadyClock::now() - began).count());
  } else {
    print(options, *manifest, restored);
  }
  return 0;
}

}  // namespace parley::backup
