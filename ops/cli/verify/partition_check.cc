#include "ops/cli/verify/partition_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "platform/crypto/crypto.h"
#include "schemas/contexts/seals.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::verify {
namespace {

schema::HeaderLookup lookup(const schema::StoredRecord& record) {
  return [&record](std::string_view name) -> std::optional<std::string_view> {
    const auto found = std::ranges::find(record.headers, name, [](const auto& header) { return header.first; });
    return found != record.headers.end() ? std::optional(found->second) : std::nullopt;
  };
}

std::optional<std::int64_t> number_of(std::string_view subject) {
  const auto slash = subject.rfind('/');
  std::int64_t number = 0;
  if (slash == std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(subject.data() + slash + 1, subject.data() + subject.size(), number);
  if (error != std::errc{} || end != subject.data() + subject.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

PartitionCheck::PartitionCheck(CheckOptions options, Heads& heads) : options_(std::move(options)), heads_(heads) {}

void PartitionCheck::next(const schema::StoredRecord& record, std::int64_t offset) {
  if (fault_) return;
  Fault about{.offset = offset, .stream = {}, .version = 0, .what = {}};
  if (auto what = check(record, about)) {
    about.what = std::move(*what);
    fault_ = std::move(about);
    return;
  }
  digest_ = crypto::sha256(schema::digest_input(digest_, record));
  ++events_;
  if (seals::is_seal(about.stream)) sealed_ = events_;
}

std::optional<std::string> PartitionCheck::check(const schema::StoredRecord& record, Fault& about) {
  const auto envelope = schema::read_envelope(lookup(record));
  if (!envelope) return "is no event: " + envelope.error();
  about.stream = envelope->subject;
  about.version = envelope->sequence;
  if (record.key != envelope->subject) return fmt::format("its record's key is \"{}\", not its stream", record.key);
  const auto number = number_of(envelope->subject);
  if (!number) return "its subject names no stream";
  const bool is_seal = seals::is_seal(envelope->subject);
  const auto home = is_seal ? *number : partition_of(slot_of(*number), options_.partitions);
  if (home != options_.partition) return fmt::format("belongs to partition {}", home);
  if (last_time_ && envelope->time < *last_time_)
    return "its time is before that of the event before it in the partition";

  if (is_seal || options_.streams == nullptr || options_.streams->contains(envelope->subject)) {
    auto& head = heads_.at(envelope->subject);
    if (envelope->sequence != head.version + 1) {
      return fmt::format("has version {} where {} must follow", envelope->sequence, head.version + 1);
    }
    auto hash = crypto::sha256(schema::hash_input(head.hash, *envelope, record.value));
    if (crypto::hex(hash) != envelope->hash)
      return "its hash is not the hash of what it says and of the event before it";
    head = {envelope->sequence, std::move(hash)};
  }
  if (is_seal) {
    if (auto what = check_seal(record, envelope->sequence)) return what;
  } else if (unsealed() == 0) {
    unsealed_since_ = envelope->time;
  }
  last_time_ = envelope->time;
  return std::nullopt;
}

std::optional<std::string> PartitionCheck::check_seal(const schema::StoredRecord& record, std::int64_t version) {
  const auto seal = schema::read_text<seals::PartitionSealed>(record.value);
  if (!seal) return fmt::format("is a seal that cannot be read: {} {}", seal.error().field, seal.error().issue);
  const auto between = last_seal_ ? fmt::format("after seal {}", last_seal_->version) : std::string("before it");
  if (seal->events != events_) {
    return fmt::format("is a seal over {} events, but {} stand before it: an event {}{}", seal->events, events_,
                       between, seal->events > events_ ? " is gone" : " was added");
  }
  if (seal->digest != crypto::hex(digest_))
    return "is a seal over something else than what stands before it: an event " + between + " was changed";
  if (options_.keys != nullptr) {
    if (!options_.keys->knows(seal->key_id)) return "is a seal by a key that is not known: " + seal->key_id;
    const auto signature = crypto::unhex(seal->signature);
    if (!signature ||
        !options_.keys->verify(seal->key_id, schema::signed_text(options_.partition, *seal), *signature)) {
      return "is a seal whose signature is not that of its key";
    }
  }
  last_seal_ = SealAt{version, seal->events, seal->digest};
  if (options_.anchor && options_.anchor->version == version) {
    if (options_.anchor->events != seal->events || options_.anchor->digest != seal->digest) {
      return "is another seal than the one that was verified earlier: the log was written anew";
    }
    anchored_ = true;
  }
  return std::nullopt;
}

void PartitionCheck::end() {
  if (fault_ || !options_.anchor || anchored_) return;
  fault_ = Fault{.offset = -1,
                 .stream = seals::subject_of(options_.partition),
                 .version = options_.anchor->version,
                 .what = fmt::format("was verified earlier, over {} events, and is gone: the log has lost its tail",
                                     options_.anchor->events)};
}

}  // namespace parley::verify
