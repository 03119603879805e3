// `parley backup`: a running log into a folder. README.md says in which order, and why.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/model.h"
#include "domain/seals/seals.h"
#include "ops/cli/backup/backup.h"
#include "ops/cli/backup/cut.h"
#include "ops/cli/backup/manifest.h"
#include "ops/cli/backup/placement.h"
#include "ops/cli/backup/records.h"
#include "ops/cli/backup/task.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/passphrase.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/process/process.h"
#include "platform/version/version.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"
#include "schemas/fields.h"
#include "schemas/replies.h"
#include "workers/decider/state.h"
#include "workers/processes/processes.h"

namespace parley::backup {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::string_view kTask = "backup";
constexpr std::string_view kReactors = "reactor.";
/// Of a message of 50 characters, as docs/operations.md says.
constexpr std::int64_t kBytesAnEvent = 718;
/// As for deciders: replies older than the window and this are not needed, and records' times may be off by as much.
constexpr std::chrono::hours kWindowMargin{1};

Timestamp now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

template <class T>
Result<T> plain(kafka::Result<T>&& result) {
  if (result) return std::move(*result);
  return std::unexpected(std::move(result.error().text));
}

class Copying {
 public:
  explicit Copying(const BackupOptions& options)
      : options_(options),
        partitions_(options.partitions),
        cut_(partitions_, {}),
        first_left_out_(static_cast<std::size_t>(partitions_)) {}

  Result<Manifest> run() {
    auto sealed = seal_keys();
    if (!sealed) return std::unexpected(sealed.error());
    if (auto done = open_log(); !done) return std::unexpected(done.error());
    if (auto done = make_folder(); !done) return std::unexpected(done.error());
    for (const auto step :
         {&Copying::note_reactors, &Copying::copy_events, &Copying::close_cut, &Copying::finish_events,
          &Copying::copy_replies, &Copying::copy_letters, &Copying::copy_directory}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    if (*sealed) {
      if (auto done = add_secrets(**sealed); !done) return std::unexpected(done.error());
    }
    return finish();
  }
  /// Whether anything was written.
  bool has_begun() const { return has_begun_; }

 private:
  std::string topic(std::string_view name) const { return fmt::format("{}.{}", options_.prefix, name); }
  std::string path(std::string_view topic, int partition) const {
    return options_.folder + "/" + file_name(topic, partition);
  }
  std::vector<kafka::TopicPartition> all(std::string_view name) const {
    return kafka::every_partition(topic(name), partitions_);
  }

  // What is needed before anything is written.

  /// Nothing when keys are left out.
  Result<std::optional<std::string>> seal_keys() {
    if (!options_.with_keys) {
      manifest_.keys = {false, "left out: a restore needs the keys of the copied system", {}};
      return std::optional<std::string>{};
    }
    const auto given = passphrase(options_.passphrase_file);
    if (!given) return std::unexpected(given.error());
    if (given->empty())
      return std::unexpected(
          "keys go into a copy under a passphrase (--passphrase-file, PARLEY_BACKUP_PASSPHRASE), or not at all "
          "(--without-keys)");
    if (options_.keys.keys.empty())
      return std::unexpected("--keys-file names the keys that go into the copy; or --without-keys");
    manifest_.keys = {true, "libsodium: XSalsa20-Poly1305 under Argon2id of a passphrase", {}};
    std::vector<Secret> secrets;
    for (const auto& [name, file] : options_.keys.named()) {
      if (file.empty()) continue;
      if (const auto usable = check_key_file(name, file); !usable) return std::unexpected(usable.error());
      const auto bytes = read_file(file);
      if (!bytes) return std::unexpected(bytes.error());
      manifest_.keys.secrets.emplace_back(name);
      secrets.push_back({std::string(name), crypto::base64url(*bytes)});
    }
    return std::optional(crypto::seal_with_passphrase(write_secrets(secrets), *given));
  }

  Result<> open_log() {
    auto admin = plain(kafka::Admin::open(options_.kafka));
    if (!admin) return std::unexpected(admin.error());
    std::vector<std::string> names;
    for (const auto name : {kEvents, kReplies, kDeadLetters, kDirectory}) names.push_back(topic(name));
    const auto described = admin->describe_topics(names);
    if (!described) return std::unexpected(described.error().text);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& one = (*described)[i];
      if (!one) return std::unexpected("there is no topic " + names[i]);
      if (const auto wrong = kafka::wrong_partitions(*one, partitions_)) return std::unexpected(*wrong);
      manifest_.topics.push_back({one->name, one->id});
    }
    auto reader = plain(kafka::Consumer::open(options_.kafka, {}));
    if (!reader) return std::unexpected(reader.error());
    reader_.emplace(std::move(*reader));
    return {};
  }

  /// Of the folder in which the copy's own is made: another one would be a disk that is not mounted.
  Result<> look_at_parent() {
    const auto parent = fs::absolute(options_.folder).lexically_normal().parent_path();
    std::error_code failed;
    if (!fs::is_directory(parent, failed))
      return std::unexpected(parent.string() + " is no folder: is its disk mounted?");
    const auto events = ends(kEvents);
    if (!events) return std::unexpected(events.error());
    std::int64_t needed = 0;
    for (const auto& end : *events) needed += end.offset * kBytesAnEvent;
    const auto space = fs::space(parent, failed);
    if (failed) return std::unexpected(parent.string() + ": " + failed.message());
    if (static_cast<std::int64_t>(space.available) > needed) return {};
    return std::unexpected(fmt::format("{} has room for {}, and the copy may take {}", parent.string(),
                                       size_text(static_cast<std::int64_t>(space.available)), size_text(needed)));
  }

  Result<> make_folder() {
    if (auto fits = look_at_parent(); !fits) return fits;
    std::error_code failed;
    fs::create_directory(options_.folder, failed);
    if (!failed) fs::permissions(options_.folder, fs::perms::owner_all, failed);
    if (failed) return std::unexpected(options_.folder + ": " + failed.message());
    const bool empty = fs::is_empty(options_.folder, failed);
    if (failed) return std::unexpected(options_.folder + ": " + failed.message());
    if (!empty) return std::unexpected(options_.folder + ": is not empty");
    has_begun_ = true;
    return {};
  }

  // Reading.

  /// As a read_uncommitted client sees it: what was acknowledged stands below, though the mark of its commit may not be
  /// there yet. Reading up to there waits for what is under way.
  Result<std::vector<kafka::PartitionOffset>> ends(std::string_view name) {
    return plain(reader_->end(all(name), kafka::Isolation::read_uncommitted));
  }
  Result<> read(std::string_view name, const std::vector<kafka::PartitionOffset>& from,
                const std::vector<kafka::PartitionOffset>& to,
                const std::function<Result<>(const kafka::Message&)>& each) {
    std::vector<kafka::Stretch> stretches;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < to.size(); ++i) {
      stretches.push_back({to[i].where, from[i].offset, to[i].offset});
      total += std::max<std::int64_t>(0, to[i].offset - from[i].offset);
    }
    Progress progress(kTask, topic(name), total);
    Result<> so_far;
    bool goes_on = true;
    const auto read = kafka::read_through(
        *reader_, stretches,
        [&](const kafka::Message& message) {
          so_far = each(message);
          return so_far.has_value() && goes_on;
        },
        [&](const kafka::ReadSoFar& at) { goes_on = progress.at(at.done); });
    if (!so_far) return so_far;
    if (!goes_on || process::termination_requested()) return std::unexpected(std::string(kStopped));
    if (!read) return std::unexpected(read.error().text);
    return {};
  }

  static Result<schema::Envelope> envelope_of(const StoredRecord& record) {
    return schema::read_envelope([&](std::string_view name) { return record.header(name); });
  }
  /// What has to be known of an event that is not in the copy.
  void note_left_out(int partition, const schema::Envelope& envelope) {
    if (seals::is_seal(envelope.subject)) return;  // no command led to it
    auto& first = first_left_out_[static_cast<std::size_t>(partition)];
    if (!first || envelope.command_offset < *first) first = envelope.command_offset;
    const auto stream = parse_stream(envelope.subject);
    if (stream && schema::is_in_directory(stream->kind))
      later_.try_emplace(*stream, Later{partition, initial_state(stream->kind)});
  }

  // The steps.

  /// Before the cut is made: what a reactor has done since then is not in the copy, and counts there as what may have
  /// been done.
  Result<> note_reactors() {
    auto admin = plain(kafka::Admin::open(options_.kafka));
    if (!admin) return std::unexpected(admin.error());
    const auto groups = plain(admin->groups());
    if (!groups) return std::unexpected(groups.error());
    manifest_.reactors.emplace();
    for (const auto& group : *groups) {
      // Of processes a restore finds the first position by itself.
      if (!group.starts_with(topic(kReactors)) || group == topic(processes::kGroup)) continue;
      const auto positions = plain(admin->group_offsets(group, all(kEvents)));
      if (!positions) return std::unexpected(positions.error());
      ReactorEntry entry{group.substr(options_.prefix.size() + 1),
                         std::vector<std::int64_t>(static_cast<std::size_t>(partitions_), -1)};
      for (const auto& one : *positions) entry.positions.at(static_cast<std::size_t>(one.where.partition)) = one.offset;
      if (std::ranges::find(entry.positions, -1) == entry.positions.end())
        manifest_.reactors->push_back(std::move(entry));
    }
    return {};
  }

  Result<> copy_events() {
    // A stamp of this millisecond may be given after the ends were asked for.
    manifest_.time = now() - milliseconds(1);
    cut_ = Cut(partitions_, manifest_.time);
    const auto first_ends = ends(kEvents);
    if (!first_ends) return std::unexpected(first_ends.error());
    const auto begin = plain(reader_->begin(all(kEvents)));
    if (!begin) return std::unexpected(begin.error());
    std::vector<RecordWriter> writers;
    for (int i = 0; i < partitions_; ++i) {
      auto writer = RecordWriter::create(path(kEvents, i));
      if (!writer) return std::unexpected(writer.error());
      writers.push_back(std::move(*writer));
      cut_.end_at(i, (*first_ends)[static_cast<std::size_t>(i)].offset);
    }
    const auto each = [&](const kafka::Message& message) -> Result<> {
      const auto record = stored(message);
      const auto envelope = envelope_of(record);
      if (!envelope) {
        return std::unexpected(
            fmt::format("the event at {}:{}: {}", message.partition(), message.offset(), envelope.error()));
      }
      if (!cut_.pass(message.partition(), fact_of(*envelope, message.value(), message.offset()))) {
        note_left_out(message.partition(), *envelope);
        return {};
      }
      return writers[static_cast<std::size_t>(message.partition())].write(record);
    };
    if (auto done = read(kEvents, *begin, *first_ends, each); !done) return done;
    for (auto& writer : writers) {
      if (auto closed = writer.close(); !closed) return closed;
    }
    // All that is inside is committed now, and so what stands in the other topics because of it stands below their
    // ends.
    for (const auto name : {kReplies, kDeadLetters, kDirectory}) {
      auto those = ends(name);
      if (!those) return std::unexpected(those.error());
      ends_.emplace(name, std::move(*those));
    }
    // And their records stand there because of events below these ends.
    const auto second_ends = ends(kEvents);
    if (!second_ends) return std::unexpected(second_ends.error());
    return read(kEvents, *first_ends, *second_ends, each);
  }

  /// Calls `each` with the events of the file, in order, until it returns false; it gets where each record begins too.
  Result<> reread(int partition, const std::function<bool(const StoredRecord&, std::int64_t begins_at)>& each) const {
    auto reader = RecordReader::open(path(kEvents, partition));
    if (!reader) return std::unexpected(reader.error());
    while (true) {
      if (process::termination_requested()) return std::unexpected(std::string(kStopped));
      const auto begins_at = reader->bytes();
      const auto record = reader->next();
      if (!record) return std::unexpected(record.error());
      if (!*record || !each(**record, begins_at)) return {};
    }
  }

  Result<> close_cut() {
    Result<> so_far;
    cut_.close([&](int partition, const std::function<bool(const Fact&)>& each) {
      if (!so_far) return;
      so_far = reread(partition, [&](const StoredRecord& record, std::int64_t) {
        const auto envelope = envelope_of(record);
        return !envelope || each(fact_of(*envelope, record.value.value_or(""), record.offset));
      });
    });
    manifest_.cut = cut_.ends();
    manifest_.ends_moved = cut_.moved();
    return so_far;
  }

  /// Cuts the files off where the cut was moved to, and takes what else has to be known of the events.
  Result<> finish_events() {
    for (int i = 0; i < partitions_ && cut_.moved() > 0; ++i) {
      std::optional<std::int64_t> cut_at;
      const auto done = reread(i, [&](const StoredRecord& record, std::int64_t begins_at) {
        if (cut_.holds(i, record.offset)) return true;
        if (!cut_at) cut_at = begins_at;
        if (const auto envelope = envelope_of(record)) note_left_out(i, *envelope);
        return true;
      });
      if (!done) return done;
      if (!cut_at) continue;
      if (auto cut = truncate_file(path(kEvents, i), *cut_at); !cut) return cut;
    }
    for (int i = 0; i < partitions_; ++i) {
      const auto done = add_file(kEvents, i, [&](const StoredRecord& record) {
        const auto subject = record.header("ce_subject").value_or("");
        manifest_.seals += seals::is_seal(subject);
        const auto stream = later_.empty() ? std::nullopt : parse_stream(subject);
        const auto found = stream ? later_.find(*stream) : later_.end();
        if (found == later_.end()) return;
        const auto event = schema::decode_event(record.header("ce_type").value_or(""), record.value.value_or(""));
        const auto envelope = envelope_of(record);
        if (envelope && event && *event) {
          found->second.state = evolve(found->second.state, **event, {envelope->time, envelope->sequence});
        }
      });
      if (!done) return done;
    }
    return {};
  }

  /// Whether what a command led to without an event, a refusal or a dead letter, was decided on what is inside.
  bool stands_before_the_cut(int partition, Timestamp time, std::int64_t command_offset) const {
    const auto& first = first_left_out_[static_cast<std::size_t>(partition)];
    return time <= manifest_.time && (!first || command_offset < *first);
  }

  Result<> copy_replies() {
    manifest_.replies_since = manifest_.time - decider::kOutcomeWindow;
    const auto from = plain(reader_->at_time(all(kReplies), manifest_.replies_since - kWindowMargin));
    if (!from) return std::unexpected(from.error());
    return copy(kReplies, *from, [&](int partition, const StoredRecord& record) {
      const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name); });
      const auto outcome = schema::read_outcome(record.value.value_or(""));
      if (!envelope || !outcome) {
        ++manifest_.unreadable_replies;
        return false;
      }
      // The others remember nothing.
      const bool is_remembered =
          envelope->memory == schema::Memory::first || envelope->memory == schema::Memory::under_way;
      if (!is_remembered || outcome->time < manifest_.replies_since) return false;
      if (outcome->position) return cut_.holds(partition, outcome->position->offset);
      return stands_before_the_cut(partition, outcome->time, envelope->command_offset);
    });
  }

  Result<> copy_letters() {
    const auto from = plain(reader_->begin(all(kDeadLetters)));
    if (!from) return std::unexpected(from.error());
    return copy(kDeadLetters, *from, [&](int partition, const StoredRecord& record) {
      const auto time = schema::parse_time(record.header("dead_time").value_or(""));
      const auto offset = schema::parse_integer(record.header("dead_offset").value_or(""));
      return !time || !offset || stands_before_the_cut(partition, *time, *offset);
    });
  }

  Result<> copy_directory() {
    const auto from = plain(reader_->begin(all(kDirectory)));
    if (!from) return std::unexpected(from.error());
    return copy(kDirectory, *from, [&](int, const StoredRecord& record) {
      const auto stream = record.value ? schema::stream_of_entry(record.key, *record.value) : std::nullopt;
      return !stream || !later_.contains(*stream);
    });
  }

  /// A topic beside the events, from there to its end; those records that `holds` says.
  Result<> copy(std::string_view name, const std::vector<kafka::PartitionOffset>& from,
                const std::function<bool(int partition, const StoredRecord&)>& holds) {
    std::vector<RecordWriter> writers;
    std::vector<std::int64_t> last(static_cast<std::size_t>(partitions_), -1);
    for (int i = 0; i < partitions_; ++i) {
      auto writer = RecordWriter::create(path(name, i));
      if (!writer) return std::unexpected(writer.error());
      writers.push_back(std::move(*writer));
    }
    const auto done = read(name, from, ends_.at(name), [&](const kafka::Message& message) -> Result<> {
      const auto record = stored(message);
      last[static_cast<std::size_t>(message.partition())] = record.offset;
      if (!holds(message.partition(), record)) return {};
      return writers[static_cast<std::size_t>(message.partition())].write(record);
    });
    if (!done) return done;
    if (name == kDirectory) {
      // What events outside have changed is as the last event inside left it.
      for (const auto& [stream, later] : later_) {
        const auto i = static_cast<std::size_t>(later.partition);
        for (auto& entry : schema::directory_of(stream, later.state)) {
          auto written = writers[i].write(
              {++last[i], manifest_.time, entry.key, entry.value, {{"content-type", std::string(schema::kJson)}}});
          if (!written) return written;
        }
      }
    }
    for (auto& writer : writers) {
      if (auto closed = writer.close(); !closed) return closed;
    }
    for (int i = 0; i < partitions_; ++i) {
      if (auto added = add_file(name, i, [](const StoredRecord&) {}); !added) return added;
    }
    return {};
  }

  /// Reads a file back from the disk and takes it into the manifest.
  Result<> add_file(std::string_view name, int partition, const std::function<void(const StoredRecord&)>& each) {
    auto reader = RecordReader::open(path(name, partition));
    if (!reader) return std::unexpected(reader.error());
    while (true) {
      const auto record = reader->next();
      if (!record) return std::unexpected(record.error());
      if (!*record) break;
      if (process::termination_requested()) return std::unexpected(std::string(kStopped));
      each(**record);
    }
    const auto records = reader->records(), bytes = reader->bytes();
    manifest_.files.push_back(
        {file_name(name, partition), std::string(name), partition, records, bytes, reader->finish_digest()});
    auto total = std::ranges::find(manifest_.totals, name, &TotalEntry::topic);
    if (total == manifest_.totals.end()) total = manifest_.totals.insert(total, {std::string(name), 0, 0});
    total->records += records;
    total->bytes += bytes;
    return {};
  }

  Result<> add_secrets(const std::string& sealed) {
    const auto text = sealed + "\n";
    if (auto written = write_file(fmt::format("{}/{}", options_.folder, kSecrets), text); !written) return written;
    manifest_.files.push_back(
        {std::string(kSecrets), "", 0, 0, static_cast<std::int64_t>(text.size()), crypto::hex(crypto::sha256(text))});
    return {};
  }

  Result<Manifest> finish() {
    manifest_.product = fmt::format("parley {} {}", version::number(), version::commit());
    for (const auto kind : kinds())
      manifest_.fold_version = std::max<std::int64_t>(manifest_.fold_version, fold_version(kind));
    manifest_.topic_prefix = options_.prefix;
    manifest_.partitions = partitions_;
    manifest_.finished = now();
    if (auto written = write_manifest(options_.folder, manifest_); !written) return std::unexpected(written.error());
    return manifest_;
  }

  const BackupOptions& options_;
  const int partitions_;
  bool has_begun_ = false;
  Manifest manifest_;
  std::optional<kafka::Consumer> reader_;
  Cut cut_;
  std::map<std::string_view, std::vector<kafka::PartitionOffset>> ends_;  // of the topics beside the events
  std::vector<std::optional<std::int64_t>> first_left_out_;  // by partition: the lowest command with an event outside
  /// A stream of the directory that has events outside: what it is with those inside alone.
  struct Later {
    int partition = 0;
    State state;
  };
  std::map<Stream, Later> later_;
};

void print(const std::string& folder, const Manifest& manifest) {
  std::cout << "a copy of " << manifest.topic_prefix << " as of " << schema::format_time(manifest.time) << " is in "
            << folder << "\n";
  print_contents(manifest);
}

}  // namespace

int backup(const BackupOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  process::raise_open_files_limit();
  Copying copying(options);
  const auto manifest = copying.run();
  if (!manifest) {
    std::cerr << "parley backup: " << manifest.error()
              << (copying.has_begun() ? "; what stands in " + options.folder + " is no copy" : "") << "\n";
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (options.json) {
    json::Writer w;
    w.begin_object();
    w.key("folder");
    w.string(options.folder);
    w.key("seconds");
    w.number(took.count());
    w.key("copy");
    w.raw(manifest_json(*manifest));
    w.end_object();
    std::cout << w.text() << "\n";
  } else {
    print(options.folder, *manifest);
  }
  return 0;
}

}  // namespace parley::backup
