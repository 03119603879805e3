#pragma once
// The words that every context of the domain shares. Pure: std only; no I/O, no clock, no JSON.
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parley {

/// Ids are n * kSlots + slot, and so carry their own route; a slot belongs to one partition for the life of a log.
inline constexpr int kSlots = 1024;
/// Ids stay below 2^53, so that every JSON reader keeps them exact.
inline constexpr std::int64_t kIdMax = (std::int64_t{1} << 53) - 1;

/// A strong integer id that carries its own route.
template <class Tag>
struct Id {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
};
constexpr int slot_of(std::int64_t id) { return static_cast<int>(id % kSlots); }
/// The partition that a slot belongs to in a log of `partitions` partitions.
constexpr int partition_of(int slot, int partitions) { return slot * partitions / kSlots; }

using AccountId = Id<struct AccountTag>;
using AssistantId = Id<struct AssistantTag>;
using DialogId = Id<struct DialogTag>;
using MessageId = Id<struct MessageTag>;
using ApiKeyId = Id<struct ApiKeyTag>;

/// UTC, milliseconds: the resolution of every time in events and answers.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// Text about a person: left out of logs and of exports unless asked for, and erasable.
struct Personal {
  std::string text;
  friend bool operator==(const Personal&, const Personal&) = default;
};
/// A secret encrypted under a server key; only platform/crypto can open it. Base64url, with the key's id.
struct Sealed {
  std::string box;
  friend bool operator==(const Sealed&, const Sealed&) = default;
};
/// One field of a partial update: left as it is, cleared, or given a value.
template <class T>
struct Patch {
  bool given = false;
  std::optional<T> value;  ///< Nothing, when given: cleared.

  Patch() = default;
  Patch(std::optional<T> to) : given(true), value(std::move(to)) {}
  /// Whether anything changes by it.
  bool changes(const std::optional<T>& now) const { return given && value != now; }
  void apply_to(std::optional<T>& now) const {
    if (given) now = value;
  }
  friend bool operator==(const Patch&, const Patch&) = default;
};
/// Money: an integer count of minor units.
struct Kopecks {
  std::int64_t amount = 0;
  friend constexpr auto operator<=>(Kopecks, Kopecks) = default;
};

/// A key that one stream at most owns; it must hash to that stream's slot.
struct UniqueKey {
  std::string index;  ///< For example "account_email".
  std::string key;
  friend bool operator==(const UniqueKey&, const UniqueKey&) = default;
};
/// What an event says of a key: its stream has it from now on, or, if it had it, has it no longer.
struct KeyChange {
  UniqueKey key;
  bool is_taken = true;
  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

/// Why something is refused, by its name on the wire: "DIALOG_NOT_FOUND". A value that holds its name, so that one of
/// another build, which this one does not know, is read, kept and passed on as it is. Every name is a constant,
/// declared beside what refuses so and called like it (kDialogNotFound); it is never renamed once released. How it is
/// answered, a surface says (api/endpoint/failure.h).
class Code {
 public:
  static constexpr std::size_t kNameMax = 47;  ///< Characters.

  /// No name: of an Error that is still to be filled in.
  constexpr Code() = default;
  /// A literal that is no name does not compile.
  template <std::size_t size>
  explicit consteval Code(const char (&name)[size]) : Code(named({name, size - 1}).value()) {}
  /// Nothing for text that is no name: 1 to kNameMax of A-Z, 0-9 and '_'.
  static constexpr std::optional<Code> named(std::string_view text) {
    if (text.empty() || text.size() > kNameMax) return std::nullopt;
    Code code;
    for (const char c : text) {
      if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return std::nullopt;
      code.name_[code.size_++] = c;
    }
    return code;
  }
  constexpr std::string_view name() const { return {name_.data(), size_}; }
  friend constexpr bool operator==(const Code&, const Code&) = default;

 private:
  std::array<char, kNameMax> name_{};
  std::uint8_t size_ = 0;
};

// The refusals that every part of the system may give. Those of a context are in its header.

/// Something that was asked for is not valid; the details may say what.
inline constexpr Code kValidationError{"VALIDATION_ERROR"};
/// Nobody knows who asks, or not any more.
inline constexpr Code kNotAuthenticated{"NOT_AUTHENTICATED"};
/// Who asks may not do this.
inline constexpr Code kInsufficientPermissions{"INSUFFICIENT_PERMISSIONS"};
/// There is no such thing, or who asks may not know of it.
inline constexpr Code kNotFound{"NOT_FOUND"};
/// The stream has another version than the command expects, or is not what the command needs.
inline constexpr Code kVersionConflict{"VERSION_CONFLICT"};
/// Too much was asked at once.
inline constexpr Code kOverloaded{"OVERLOADED"};
/// It cannot be done for now.
inline constexpr Code kUnavailable{"UNAVAILABLE"};
/// It could not be done through a fault of the system's own, which a log names.
inline constexpr Code kInternalError{"INTERNAL_ERROR"};
inline constexpr std::array kSharedRefusals{kValidationError, kNotAuthenticated, kInsufficientPermissions,
                                            kNotFound,        kVersionConflict,  kOverloaded,
                                            kUnavailable,     kInternalError};

/// What an answer may say beside its code. Typed, and free of personal text: it may be shown to somebody else.
struct CurrentVersion {
  std::int64_t version = 0;
  friend bool operator==(const CurrentVersion&, const CurrentVersion&) = default;
};
/// A field of the request that only a decision could find wrong. The issue is in English, a constant of the program
/// (api/endpoint/issues.cc has it in other languages).
struct InvalidField {
  std::string name;
  std::string issue;
  friend bool operator==(const InvalidField&, const InvalidField&) = default;
};
using Details = std::variant<std::monostate, CurrentVersion, InvalidField>;

/// A refusal is a value.
struct Error {
  Code code{};
  Details details;
  friend bool operator==(const Error&, const Error&) = default;
};

/// Who asks. The API authenticates; a decision authorises by the principal and its own stream's facts.
struct Anonymous {
  friend bool operator==(const Anonymous&, const Anonymous&) = default;
};
struct Owner {
  AccountId account;
  friend bool operator==(const Owner&, const Owner&) = default;
};
/// A member of an owner's team: an account of its own that works on the owner's dialogs.
struct Operator {
  AccountId account;
  AccountId owner;
  friend bool operator==(const Operator&, const Operator&) = default;
};
/// An account that looks after its whole realm, through an API.
struct Admin {
  AccountId account;
  friend bool operator==(const Admin&, const Admin&) = default;
};
/// Somebody on a site that carries the assistant's token. For a dialog the API has checked the guest's secret too.
struct Visitor {
  AssistantId assistant;
  friend bool operator==(const Visitor&, const Visitor&) = default;
};
/// The person who runs the system, at its console (`parley admin`); "administrator" on the wire. No request of an API
/// comes from one.
struct ConsoleOperator {
  friend bool operator==(const ConsoleOperator&, const ConsoleOperator&) = default;
};
/// A program that has one of an owner's API keys. What the key is good for, the API looks at.
struct ApiClient {
  ApiKeyId key;
  AccountId owner;
  friend bool operator==(const ApiClient&, const ApiClient&) = default;
};
/// The system itself, which goes on with what an event began: no request of an API comes from it.
struct Reactor {
  friend bool operator==(const Reactor&, const Reactor&) = default;
};
using Principal = std::variant<Anonymous, Owner, Operator, Admin, Visitor, ConsoleOperator, ApiClient, Reactor>;
/// The owner who asks, in person or through a program; nothing for whoever works for one.
inline std::optional<AccountId> asking_owner(const Principal& principal) {
  if (const auto* owner = std::get_if<Owner>(&principal)) return owner->account;
  if (const auto* program = std::get_if<ApiClient>(&principal)) return program->owner;
  return std::nullopt;
}
/// The owner on whose behalf somebody may work: the owner itself, or that of a team's member, or of a program.
inline std::optional<AccountId> owner_behind(const Principal& principal) {
  if (const auto* member = std::get_if<Operator>(&principal)) return member->owner;
  return asking_owner(principal);
}

/// The account that asks, whatever its role; a program is none.
inline std::optional<AccountId> account_behind(const Principal& principal) {
  if (const auto* owner = std::get_if<Owner>(&principal)) return owner->account;
  if (const auto* member = std::get_if<Operator>(&principal)) return member->account;
  if (const auto* admin = std::get_if<Admin>(&principal)) return admin->account;
  return std::nullopt;
}

/// Gives ids of one slot, one after the other. Its owner keeps `last` for the slot when the decision is staged.
struct IdSource {
  int slot = 0;
  std::int64_t last = 0;  ///< The last n used in this slot.
  std::int64_t take() { return ++last * kSlots + slot; }
};

/// When an event happened, as its envelope says it: for the folds that need it, so that no value repeats it.
struct Occurred {
  Timestamp time;
  std::int64_t version = 0;  ///< Of its stream, with this event.
};

/// What a decision is given beside state and command. Decisions read no clock and draw no random number.
struct Context {
  Principal principal;
  Timestamp now;           ///< The decider's stamp for the command.
  std::int64_t stream_id;  ///< The id of the stream that is decided; of a new one: the id that it gets.
  IdSource& ids;
  std::string_view command_id = {};
  bool key_is_taken =
      false;  ///< Whether another stream owns the unique key that the command wants (wanted_key_of() in model.h).
};

/// The end of what an earlier command began and was not answered for: its answer.
template <class Answer>
struct Closing {
  std::string command_id;
  std::variant<Answer, Error> result;
};

/// What a command led to: the events to append, in order, and the answer for the caller.
template <class Event, class Answer>
struct Accepted {
  std::vector<Event> events;
  Answer answer;
  /// The command is under way: its sender is not answered yet, and this answer is not shown. A later decision of the
  /// same stream closes it.
  bool is_deferred = false;
  std::optional<Closing<Answer>> closing = {};
};
template <class Event, class Answer>
using Decision = std::expected<Accepted<Event, Answer>, Error>;

inline std::unexpected<Error> refuse(const Code& code, Details details = {}) {
  return std::unexpected(Error{code, std::move(details)});
}

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};

}  // namespace parley
