#include "schemas/replies.h"

#include "schemas/context.h"

namespace parley::schema {

template <>
inline constexpr auto fields<Position> =
    std::tuple{field("partition", &Position::partition), field("offset", &Position::offset)};

namespace {

/// The parts of an outcome that are the same whatever was decided.
struct Facts {
  std::string command_id;
  std::string fingerprint;
  Timestamp time;
  std::optional<std::string> stream;
  std::optional<std::int64_t> version;
  std::optional<Position> position;
  std::optional<Code> code;
  std::optional<std::int64_t> current_version;
  std::optional<std::string> field;
  std::optional<std::string> issue;
  std::optional<std::string> answer_type;
};

}  // namespace

template <>
inline constexpr auto fields<Facts> = std::tuple{
    field("command_id", &Facts::command_id),
    field("fingerprint", &Facts::fingerprint),
    field("time", &Facts::time),
    field("stream", &Facts::stream),
    field("version", &Facts::version),
    field("position", &Facts::position),
    field("error", &Facts::code),
    field("current_version", &Facts::current_version),
    field("field", &Facts::field),
    field("issue", &Facts::issue),
    field("answer_type", &Facts::answer_type),
};

namespace {

std::string with_answer(const Facts& facts, std::string_view answer) {
  auto text = write(facts);
  text.pop_back();
  return text.append(R"(,"answer":)").append(answer).append("}");
}

}  // namespace

std::string write_outcome(const Outcome& o) {
  Facts facts{.command_id = o.command_id,
              .fingerprint = o.fingerprint,
              .time = o.time,
              .stream = {},
              .version = {},
              .position = o.position,
              .code = {},
              .current_version = {},
              .field = {},
              .issue = {},
              .answer_type = {}};
  if (!o.stream.empty()) {
    facts.stream = o.stream;
    facts.version = o.version;
  }
  if (const auto* error = std::get_if<Error>(&o.result)) {
    facts.code = error->code;
    if (const auto* conflict = std::get_if<CurrentVersion>(&error->details)) facts.current_version = conflict->version;
    if (const auto* invalid = std::get_if<InvalidField>(&error->details)) {
      facts.field = invalid->name;
      facts.issue = invalid->issue;
    }
    return write(facts);
  }
  auto answer = encode_answer(std::get<Answer>(o.result));
  facts.answer_type = std::string(answer.type);
  return with_answer(facts, answer.json);
}

Read<std::string> disclosed_outcome(std::string_view value, Disclosure disclosure) {
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return problem(document.error().issue);
  const auto facts = read<Facts>(document->root());
  if (!facts) return std::unexpected(facts.error());
  if (!facts->answer_type) return write(*facts);
  const auto answer = disclosed_answer(*facts->answer_type, document->root().member("answer"), disclosure);
  if (!answer) return std::unexpected(answer.error());
  if (!*answer) return problem("unknown type of answer");
  return with_answer(*facts, **answer);
}

Read<Outcome> read_outcome(std::string_view value) {
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return problem(document.error().issue);
  auto facts = read<Facts>(document->root());
  if (!facts) return std::unexpected(std::move(facts.error()));
  Outcome o{std::move(facts->command_id),
            std::move(facts->fingerprint),
            facts->time,
            facts->stream.value_or(""),
            facts->version.value_or(0),
            facts->position,
            Error{}};
  if (facts->code) {
    Details details;
    if (facts->current_version) details = CurrentVersion{*facts->current_version};
    if (facts->field && facts->issue) details = InvalidField{std::move(*facts->field), std::move(*facts->issue)};
    o.result = Error{*facts->code, std::move(details)};
    return o;
  }
  auto answer = decode_answer(facts->answer_type.value_or(""), document->root().member("answer"));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return problem("unknown type of answer");
  o.result = std::move(**answer);
  return o;
}

Headers to_headers(const ReplyEnvelope& e) {
  return {
      {"command_id", e.command_id},
      {"attempt_id", e.attempt_id},
      {"correlation_id", e.correlation},
      {"memory", std::string(name_of(e.memory))},
      {"command_offset", std::to_string(e.command_offset)},
      {"content-type", std::string(kJson)},
  };
}

Headers to_headers(const AnswerMark& mark) {
  return {{"attempt_id", mark.attempt_id}, {"fingerprint", mark.fingerprint}};
}

std::optional<AnswerMark> read_answer_mark(const HeaderLookup& header) {
  const auto attempt = header("attempt_id"), fingerprint = header("fingerprint");
  if (!attempt || !fingerprint) return std::nullopt;
  return AnswerMark{std::string(*attempt), std::string(*fingerprint)};
}

Read<Outcome> outcome_of(const Envelope& envelope, const AnswerMark& mark, const Event& event,
                         const Position& position) {
  const auto stream = parse_stream(envelope.subject);
  auto answer = stream ? answer_of(*stream, event) : std::nullopt;
  if (!answer) return problem(envelope.type + " is the answer of no command");
  return Outcome{envelope.causation, mark.fingerprint, envelope.time,     envelope.subject,
                 envelope.sequence,  position,         std::move(*answer)};
}

std::expected<ReplyEnvelope, std::string> read_reply_envelope(const HeaderLookup& header) {
  auto text = [&](std::string_view name) { return std::string(header(name).value_or("")); };
  ReplyEnvelope e{text("command_id"), text("attempt_id"), text("correlation_id"), {}, kBeforeEveryCommand};
  const auto memory = named<Memory>(header("memory").value_or(""));
  if (!memory) return std::unexpected("header memory is missing or malformed");
  e.memory = *memory;
  const auto offset = parse_integer(header("command_offset").value_or(""));
  if (!offset || *offset < kBeforeEveryCommand) return std::unexpected("header command_offset is missing or malformed");
  e.command_offset = *offset;
  return e;
}

}  // namespace parley::schema
