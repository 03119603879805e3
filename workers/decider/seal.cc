#include "workers/decider/seal.h"

#include <algorithm>

#include "platform/crypto/crypto.h"
#include "schemas/events.h"

namespace parley::decider {

Seal::Seal(const Snapshot& snapshot, int partition, const std::string& source, const crypto::SigningKey& key,
           Timestamp now)
    : overlay_(snapshot), event_id_(crypto::uuid7()) {
  const auto& progress = snapshot.progress();
  const auto subject = seals::subject_of(partition);
  auto entry = overlay_.stream(subject).value_or(new_entry(subject));
  seals::PartitionSealed seal{progress.sealing.events, crypto::hex(progress.sealing.digest), key.id(), ""};
  seal.signature = crypto::hex(key.sign(schema::signed_text(partition, seal)));
  const Event event = seals::Event{seal};
  auto encoded = schema::encode_event(event);
  // Its own cause, as whatever begins something is. Positions stay where they are: no command was taken.
  schema::Envelope envelope{event_id_,
                            source,
                            std::string(encoded.type),
                            subject,
                            std::max(now, progress.last_stamp),
                            entry.version + 1,
                            event_id_,
                            event_id_,
                            std::string(kSealActor),
                            progress.last_command,
                            0,
                            "",
                            ""};
  event_ = event_record(envelope, entry.hash, std::move(encoded));
  overlay_.apply(envelope, event);
}

Changes Seal::finish(std::int64_t offset) && {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  overlay_.passed_event(offset, event_id_, stored(event_, headers));
  return std::move(overlay_).take();
}

}  // namespace parley::decider
