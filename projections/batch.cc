#include "projections/batch.h"

#include <charconv>

#include "projections/project.h"
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

namespace {

template <class Event>
void project_any(const Event& event, const Position& position, Batch& batch) {
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { project(e, position, batch); }) {
          project(e, position, batch);
        } else if constexpr (requires { e.index(); }) {
          project_any(e, position, batch);  // a context's own variant
        }
      },
      event);
}

}  // namespace

std::expected<void, std::string> Batch::add(const schema::Envelope& envelope, std::string_view value, std::int32_t partition, std::int64_t offset) {
  const auto refused = [&](std::string_view why) { return std::unexpected(envelope.type + " " + envelope.id + ": " + std::string(why)); };
  const auto subject = parse_subject(envelope.subject);
  if (!subject) return refused("its subject names no stream");
  auto event = schema::decode_event(envelope.type, value);
  if (!event) return refused("its data cannot be read");
  const auto stream = parse_stream(envelope.subject);
  if (stream) {
    const Position position{*stream, envelope.sequence, envelope.time};
    if (*event) {
      if (!belongs(**event, stream->kind)) return refused("it stands in a stream of another kind");
    }
    const bool is_of_parking = *event && std::holds_alternative<parking::Event>(**event);
    if (*event && !is_of_parking) {
      project_any(**event, position, *this);
    } else {
      touch(position, is_of_parking);
    }
  } else if (*event && !(std::holds_alternative<seals::Event>(**event) && seals::is_seal(envelope.subject))) {
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

void Batch::note(const schema::Envelope& envelope, const Subject& subject, std::int32_t partition, std::int64_t offset) {
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

template <class Change>
Change& Batch::change(Changes<Change>& changes, const Position& position) {
  const auto [found, first] = changes.try_emplace(position.stream.id);
  Change& row = found->second;
  if (first) row.from = position.version - 1;
  if (!first && position.version != row.to + 1) row.contradicts_itself = true;
  row.to = position.version;
  row.is_of_parking_alone = false;
  return row;
}

AccountChange& Batch::account(const Position& position) { return change(accounts_, position); }
AssistantChange& Batch::assistant(const Position& position) { return change(assistants_, position); }
DialogChange& Batch::dialog(const Position& position) { return change(dialogs_, position); }

void Batch::touch(const Position& position, bool is_of_parking) {
  const auto move = [&](auto& changes) {
    const auto found = changes.find(position.stream.id);
    const bool was_of_parking = found == changes.end() || found->second.is_of_parking_alone;
    change(changes, position).is_of_parking_alone = is_of_parking && was_of_parking;
  };
  switch (position.stream.kind) {
    case Kind::account:
      return move(accounts_);
    case Kind::assistant:
      return move(assistants_);
    case Kind::dialog:
      return move(dialogs_);
    case Kind::claim:
      return;  // no row tells of them
  }
}

postgres::Result<void> Batch::write(postgres::Transaction& transaction) const {
  if (auto r = projections::write(transaction, accounts_); !r) return r;
  if (auto r = projections::write(transaction, api_keys_); !r) return r;
  if (auto r = projections::write(transaction, assistants_); !r) return r;
  if (auto r = projections::write(transaction, dialogs_); !r) return r;
  if (auto r = projections::write(transaction, messages_); !r) return r;
  return projections::write(transaction, index_);
}

}  // namespace parley::projections
