#include "workers/decider/partition_store.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "platform/log/log.h"
#include "platform/store/packed.h"
#include "schemas/events.h"
#include "workers/runtime/known_event_types.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::decider {
namespace {

using store::Packer;
using store::Unpacker;

// Keys: "m" meta, "s/<subject>", "u/<index>/<key>", "n/<slot>", "o/<command id>", "p/<subject>" for streams that stand
// still, "t/<time, 8 bytes big-endian><command id>" for outcomes by age.
constexpr std::string_view kMeta = "m";
constexpr std::string_view kByAge = "t/", kParked = "p/", kAfterParked = "p0";
/// Forgetting is spread: never more than this in one transaction's write.
constexpr std::size_t kForgottenMax = 2'000;

std::string key_of(char kind, std::string_view text) { return std::string{kind, '/'}.append(text); }
std::string owner_key(const UniqueKey& key) { return key_of('u', key.index + "/" + key.key); }
std::string age_key(Timestamp time, std::string_view command_id = {}) {
  return std::string(kByAge).append(store::ordered(time.time_since_epoch().count())).append(command_id);
}
constexpr std::size_t kAgePrefix = 2 + 8;

std::int64_t since_epoch(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp at(std::int64_t ms) { return Timestamp(std::chrono::milliseconds(ms)); }

/// Of what is stored, beside the version of each context's fold: the second one names the log by all topics whose
/// offsets it holds.
constexpr const char* kLayout = " layout 4 ";

std::string pack(const Progress& p, std::string_view log) {
  return Packer()
      .text(fold_versions())
      .text(log)
      .number(p.next_event)
      .number(p.last_event)
      .text(p.last_event_id)
      .number(p.next_reply)
      .number(p.last_command)
      .number(since_epoch(p.last_stamp))
      .number(p.sealing.events)
      .text(p.sealing.digest)
      .number(p.sealing.sealed)
      .number(since_epoch(p.sealing.unsealed_since))
      .take();
}

constexpr std::string_view kCommand = "command", kUnknownEvent = "unknown event";

std::string pack(const StreamEntry& entry) {
  Packer out;
  out.number(entry.version).text(entry.hash).text(entry.state ? schema::encode_state(*entry.state) : "");
  if (const auto& by = entry.stopped_by) {
    out.text(kCommand).number(by->version).number(since_epoch(by->since));
    out.text(by->parked.command_id)
        .number(by->parked.command_offset)
        .text(by->parked.fingerprint)
        .text(by->parked.reason);
  }
  if (const auto& event = entry.unknown)
    out.text(kUnknownEvent).number(event->version).number(since_epoch(event->since)).text(event->type);
  return out.take();
}

StreamEntry unpack_entry(std::string_view value) {
  Unpacker in(value);
  StreamEntry entry{.version = in.number(), .hash = std::string(in.text()), .state = std::nullopt};
  if (const auto state = in.text(); !state.empty()) {
    auto decoded = schema::decode_state(state);
    if (!decoded)
      throw StateUnavailable(
          fmt::format("a stored state cannot be read: {} {}", decoded.error().field, decoded.error().issue));
    entry.state = std::move(*decoded);
  }
  while (!in.at_end()) {
    const bool command = in.text() == kCommand;
    const auto version = in.number();
    const auto since = at(in.number());
    if (command) {
      const std::string id(in.text());
      const auto offset = in.number();
      const std::string fingerprint(in.text());
      entry.stopped_by = StreamEntry::Command{{id, offset, fingerprint, std::string(in.text())}, version, since};
    } else {
      entry.unknown = StreamEntry::UnknownEvent{std::string(in.text()), version, since};
    }
  }
  return entry;
}

/// The store's own failures in the words of this folder.
template <class Action>
auto guarded(Action action) {
  try {
    return action();
  } catch (const store::DiskFull& full) {
    throw StateDiskFull(full.what());
  } catch (const store::Failure& failure) {
    throw StateUnavailable(failure.what());
  }
}

/// The part of the meta value after the fold versions and the log.
Progress read_progress(Unpacker& in) {
  Progress p;
  p.next_event = in.number();
  p.last_event = in.number();
  p.last_event_id = in.text();
  p.next_reply = in.number();
  p.last_command = in.number();
  p.last_stamp = at(in.number());
  p.sealing.events = in.number();
  p.sealing.digest = in.text();
  p.sealing.sealed = in.number();
  p.sealing.unsealed_since = at(in.number());
  return p;
}

/// What a key is of, in words.
std::string kind_of_key(std::string_view key) {
  if (key == kMeta) return "progress";
  const auto group = key.substr(0, 2), rest = key.substr(std::min<std::size_t>(2, key.size()));
  const auto first_part = [&] { return std::string(rest.substr(0, rest.find('/'))); };
  if (group == "s/") return "streams: " + first_part();
  if (group == "u/") return "unique keys: " + first_part();
  if (group == "n/") return "counters of slots";
  if (group == "o/") return "outcomes of commands";
  if (group == kByAge) return "outcomes by age";
  if (group == kParked) return "parked streams";
  return "unknown keys";
}

}  // namespace

// What folding depends on beside the log: an event that was passed over as unknown is known to another build.
const std::string& fold_versions() {
  static const std::string version = [] {
    std::string folds;
    for (const auto kind : kinds()) folds += fmt::format("{} {},", to_string(kind), parley::fold_version(kind));
    return folds + kLayout + runtime::known_event_types();
  }();
  return version;
}

PartitionStore::PartitionStore(std::string path, std::string log, store::Store store)
    : path_(std::move(path)), log_(std::move(log)), store_(std::move(store)), oldest_outcome_(kByAge) {}

std::expected<PartitionStore, std::string> PartitionStore::open(std::string path, const store::Memory& memory,
                                                                std::string log) {
  auto begin_anew = [&](std::string_view reason) -> std::expected<PartitionStore, std::string> {
    log::warn("the state is discarded and folded again", {{"store", path}, {"reason", reason}});
    if (auto gone = store::Store::destroy(path); !gone) return std::unexpected(std::move(gone.error()));
    auto fresh = guarded([&] { return store::Store::open(path, memory); });
    if (!fresh) return std::unexpected(std::move(fresh.error()));
    return PartitionStore(path, log, std::move(*fresh));
  };
  auto opened = guarded([&] { return store::Store::open(path, memory); });
  if (!opened) return begin_anew(opened.error());
  std::string reason;
  {
    PartitionStore found(path, log, std::move(*opened));
    try {
      const auto meta = guarded([&] { return found.store_.get(kMeta); });
      if (!meta) return found;
      Unpacker in(*meta);
      const bool same_fold = in.text() == fold_versions();
      if (same_fold) {
        if (const auto folded_from = in.text(); folded_from != log) {
          throw runtime::another_log(
              fmt::format("{} was folded from other topics ({}, not {})", path, folded_from, log));
        }
        found.progress_ = read_progress(in);
        found.read_parked();
        return found;
      }
      reason = "folded by another build";
    } catch (const StateUnavailable& e) {
      reason = e.what();
    } catch (const store::Failure& e) {
      reason = e.what();
    }
  }
  return begin_anew(reason);
}

std::expected<PartitionStore, std::string> PartitionStore::open_read_only(const std::string& path) {
  auto opened = store::Store::open_read_only(path);
  if (!opened) return std::unexpected(std::move(opened.error()));
  PartitionStore found(path, {}, std::move(*opened));
  try {
    const auto meta = guarded([&] { return found.store_.get(kMeta); });
    if (!meta) {
      for (const auto& count : found.count_keys())
        return std::unexpected(
            fmt::format("{} is not a decider's store: it holds {} and no progress", path, count.what));
      return found;
    }
    Unpacker in(*meta);
    if (const auto versions = in.text(); versions != fold_versions()) {
      return std::unexpected(
          fmt::format("{} is a store of another build of Parley ({}): the build that wrote it can show it, and this "
                      "build's deciders fold it anew",
                      path, versions));
    }
    found.log_ = in.text();
    found.progress_ = read_progress(in);
    found.read_parked();
  } catch (const StateUnavailable& broken) {
    return std::unexpected(path + " is a broken store: " + broken.what());
  } catch (const store::Failure& broken) {
    return std::unexpected(path + " is a broken store: " + broken.what());
  }
  return found;
}

void PartitionStore::read_parked() {
  guarded([&] {
    store_.scan(kParked, kAfterParked, [&](std::string_view key, std::string_view) {
      parked_.emplace(key.substr(kParked.size()));
      return true;
    });
  });
}

std::vector<KeyCount> PartitionStore::count_keys() const {
  std::vector<KeyCount> counts;
  guarded([&] {
    store_.scan(std::string(1, '\0'), std::string(1, '\xff'), [&](std::string_view key, std::string_view value) {
      auto what = kind_of_key(key);
      if (counts.empty() || counts.back().what != what) counts.push_back({.what = std::move(what)});
      counts.back().keys += 1;
      counts.back().bytes += static_cast<std::int64_t>(key.size() + value.size());
      return true;
    });
  });
  return counts;
}

std::optional<StreamEntry> PartitionStore::stream(std::string_view subject) const {
  return guarded([&]() -> std::optional<StreamEntry> {
    const auto value = store_.get(key_of('s', subject));
    if (!value) return std::nullopt;
    return unpack_entry(*value);
  });
}

std::optional<Stream> PartitionStore::owner(const UniqueKey& key) const {
  const auto value = guarded([&] { return store_.get(owner_key(key)); });
  return value ? parse_stream(*value) : std::nullopt;
}

std::int64_t PartitionStore::counter(int slot) const {
  return guarded([&] {
    const auto value = store_.get(key_of('n', std::to_string(slot)));
    return value ? Unpacker(*value).number() : 0;
  });
}

std::optional<Remembered> PartitionStore::outcome(std::string_view command_id) const {
  return guarded([&]() -> std::optional<Remembered> {
    const auto value = store_.get(key_of('o', command_id));
    if (!value) return std::nullopt;
    Unpacker in(*value);
    const auto time = at(in.number());
    const std::string fingerprint(in.text());
    const std::string outcome(in.text());
    return Remembered{time, fingerprint, outcome, in.number() != 0};
  });
}

void PartitionStore::write(const Changes& changes) {
  guarded([&] {
    store::Batch batch;
    // Before the puts: an outcome that is decided again after its window must not be taken for the old one.
    const auto before = age_key(changes.progress.last_stamp - kOutcomeWindow);
    std::size_t forgotten = 0;
    std::string next = oldest_outcome_;
    if (since_epoch(changes.progress.last_stamp) > 0) {
      store_.scan(oldest_outcome_, before, [&](std::string_view key, std::string_view) {
        const auto command_id = key.substr(kAgePrefix);
        const auto kept = outcome(command_id);
        if (kept && age_key(kept->time, command_id) == key) batch.erase(key_of('o', command_id));
        batch.erase(key);
        next = std::string(key) + '\0';
        return ++forgotten < kForgottenMax;
      });
    }
    auto parked = parked_;
    for (const auto& [subject, entry] : changes.streams) {
      batch.put(key_of('s', subject), pack(entry));
      if (entry.stands_still() && parked.insert(subject).second) batch.put(std::string(kParked) + subject, "");
      if (!entry.stands_still() && parked.erase(subject) > 0) batch.erase(std::string(kParked) + subject);
    }
    for (const auto& [key, stream] : changes.owners) {
      if (stream) {
        batch.put(owner_key(key), to_string(*stream));
      } else {
        batch.erase(owner_key(key));
      }
    }
    for (const auto& [slot, last] : changes.counters)
      batch.put(key_of('n', std::to_string(slot)), Packer().number(last).take());
    for (const auto& [id, kept] : changes.outcomes) {
      batch.put(key_of('o', id), Packer()
                                     .number(since_epoch(kept.time))
                                     .text(kept.fingerprint)
                                     .text(kept.outcome)
                                     .number(kept.is_under_way ? 1 : 0)
                                     .take());
      batch.put(age_key(kept.time, id), "");
    }
    batch.put(kMeta, pack(changes.progress, log_));
    store_.write(std::move(batch));
    oldest_outcome_ = std::move(next);
    progress_ = changes.progress;
    parked_ = std::move(parked);
  });
}

}  // namespace parley::decider
