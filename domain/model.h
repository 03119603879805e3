#pragma once
// The whole domain as one, for the machinery that must not care which context it handles: streams, principals as text,
// and what each context does with its events and commands. The contexts themselves are listed in contexts.def; nothing
// here includes one.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley {

/// The kind of a stream: the context that it belongs to.
enum class Kind : std::uint8_t {
#define PARLEY_CONTEXT(context, kind) kind,
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context)
#include "domain/contexts.def"
};
/// All of them.
std::vector<Kind> kinds();

/// Of a strong id: the kind of the streams that it names; nothing for an id of something inside a stream. An id without
/// it cannot stand in an event. Of an id that is declared in a context's own header, this is said there.
template <class AnyId>
inline constexpr std::optional<Kind> stream_kind = AnyId::an_id_says_which_kind_of_stream_it_names;
template <>
inline constexpr std::optional<Kind> stream_kind<AccountId> = Kind::account;
template <>
inline constexpr std::optional<Kind> stream_kind<AssistantId> = Kind::assistant;
template <>
inline constexpr std::optional<Kind> stream_kind<DialogId> = Kind::dialog;
template <>
inline constexpr std::optional<Kind> stream_kind<MessageId> = std::nullopt;
template <>
inline constexpr std::optional<Kind> stream_kind<ApiKeyId> = std::nullopt;

/// What a context with streams of its own does. Its own .cc fills this in (rules.h).
struct Rules {
  int fold_version;
  std::span<const Code> refusals;
  bool (*has_event)(const Event&);
  bool (*has_command)(const Command&);
  State (*initial)();
  State (*evolve)(const State&, const Event&, const Occurred&);
  Decision<Event, Answer> (*decide)(const State&, const Command&, Context&);
  std::vector<KeyChange> (*key_changes)(const Event&);
  std::optional<UniqueKey> (*wanted_key)(const Command&);
  std::optional<Answer> (*answer_of)(std::int64_t stream, const Event&);
};
const Rules& rules_of(Kind kind);
/// The version of a kind's fold: a state that was kept by another one is discarded, and folded again from the log.
inline int fold_version(Kind kind) { return rules_of(kind).fold_version; }

/// The kind of stream that the command is for; nothing for parking's, which are for every kind.
std::optional<Kind> kind_of(const Command& command);
/// The kind of stream that the event stands in; nothing for parking's and for seals'.
std::optional<Kind> kind_of(const Event& event);

/// A stream's identity. As text, and as the events' subject: "dialog/1387".
struct Stream {
  Kind kind{};
  std::int64_t id = 0;
  friend constexpr auto operator<=>(const Stream&, const Stream&) = default;
};
std::string_view to_string(Kind kind);
std::string to_string(const Stream& stream);
/// Nothing for text that names no stream of a known kind.
std::optional<Stream> parse_stream(std::string_view text);

/// As text, and as the events' actor: "anonymous", "account/5127", "operator/7175/5127" (that account, of that owner's
/// team), "admin/8199", "visitor/6151" (of that assistant's site), "administrator", "api_key/9223/5127" (with that key,
/// of that owner), "reactor".
std::string to_string(const Principal& principal);
std::optional<Principal> parse_principal(std::string_view text);

/// The state of a stream that has no event.
State initial_state(Kind kind);
/// Whether a stream of that kind may hold the event: one of its own context, or of parking.
bool belongs(const Event& event, Kind kind);
/// Total; events of parking change nothing. An event of another kind than the state's is a broken invariant and throws
/// std::logic_error.
State evolve(const State& state, const Event& event, const Occurred& when);
/// A command of another kind than the state's, or of parking, is a broken invariant and throws std::logic_error.
Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

/// The answer that the last event of a command makes by itself; nothing where its context makes none of events. Whether
/// it is the answer of that command, the decision says.
std::optional<Answer> answer_of(const Stream& stream, const Event& event);

/// Every refusal that a decision on some stream may be: the shared ones, those of each context and those of parking.
std::vector<Code> refusals();

/// What the event says of unique keys.
std::vector<KeyChange> key_changes_of(const Event& event);
/// The key that a command wants for its stream. Whether another one has it, the decision is told.
std::optional<UniqueKey> wanted_key_of(const Command& command);

}  // namespace parley
