#include "projections/engine/batch.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "domain/parking/parking.h"
#include "domain/seals/seals.h"
#include "schemas/events.h"

namespace parley::projections {

// Any "<kind>/<number>" has its place in the index, kinds that this program does not know too.
struct Batch::Subject {
  std::string_view kind;
  std::int64_t id = 0;
};
std::optional<Batch::Subject> Batch::parse_subject(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  Subject subject{text.substr(0, slash)};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, subject.id);
  if (error != std::errc() || stop != end) return std::nullopt;
  return subject;
}

// One a context with streams, each in its own file.
#define PARLEY_CONTEXT(context, kind) std::unique_ptr<ContextRows> context##_rows();
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context)
#include "domain/contexts.def"

std::unique_ptr<ContextRows> rows_of(Kind kind) {
  switch (kind) {
#define PARLEY_CONTEXT(context, kind) \
  case Kind::kind:                    \
    return context##_rows();
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context)
#include "domain/contexts.def"
  }
  throw std::logic_error("unknown kind of stream");
}

ContextRows& Batch::rows_for(Kind kind) {
  auto& rows = rows_[kind];
  if (!rows) rows = rows_of(kind);
  return *rows;
}
const ContextRows* Batch::rows(Kind kind) const {
  const auto found = rows_.find(kind);
  return found == rows_.end() ? nullptr : found->second.get();
}

std::expected<void, std::string> Batch::add(const schema::Envelope& envelope, std::string_view value,
                                            std::int32_t partition, std::int64_t offset) {
  const auto refused = [&](std::string_view why) {
    return std::unexpected(fmt::format("{} {}: {}", envelope.type, envelope.id, why));
  };
  const auto subject = parse_subject(envelope.subject);
  if (!subject) return refused("its subject names no stream");
  auto event = schema::decode_event(envelope.type, value);
  if (!event) return refused("its data cannot be read");
  const auto stream = parse_stream(envelope.subject);
  if (stream) {
    const Position position{*stream, envelope.sequence, envelope.time};
    if (*event && !belongs(**event, stream->kind)) return refused("it stands in a stream of another kind");
    const bool is_of_parking = *event && (*event)->holds<parking::Event>();
    if (*event && !is_of_parking) {
      rows_for(stream->kind).project(**event, position);
    } else {
      rows_for(stream->kind).touch(position, is_of_parking);
    }
  } else if (*event && !((*event)->holds<seals::Event>() && seals::is_seal(envelope.subject))) {
    return refused("it stands in a stream of another kind");
  }
  note(envelope, *subject, partition, offset);
  return {};
}

bool Batch::note(const schema::Envelope& envelope, std::int32_t partition, std::int64_t offset) {
  const auto subject = parse_subject(envelope.subject);
  if (subject) note(envelope, *subject, partition, offset);
  return subject.has_value();
}

void Batch::note(const schema::Envelope& envelope, const Subject& subject, std::int32_t partition,
                 std::int64_t offset) {
  index_.push_back({.kind = std::string(subject.kind),
                    .stream_id = subject.id,
                    .version = envelope.sequence,
                    .event_id = envelope.id,
                    .type = envelope.type,
                    .cause = envelope.causation,
                    .correlation = envelope.correlation,
                    .actor = envelope.actor,
                    .at = envelope.time,
                    .hash = envelope.hash,
                    .partition = partition,
                    .position = offset});
}

postgres::Result<void> Batch::write(postgres::Transaction& transaction) const {
  for (const auto& [kind, rows] : rows_) {
    if (auto written = rows->write(transaction); !written) return written;
  }
  return projections::write(transaction, index_);
}

}  // namespace parley::projections
