#pragma once
// A dialog: the conversation of one visitor with one assistant and, when they ask for it, with people.
#include <array>
#include <optional>
#include <variant>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::dialogs {

enum class Platform { website };
enum class Sender { user, assistant, operator_ };
enum class Status { active, archived };

// Events.

struct Opened {
  AssistantId assistant;
  AccountId owner;
  Platform platform{};
  std::optional<Personal> first_name;
  friend bool operator==(const Opened&, const Opened&) = default;
};
struct MessageCreated {
  MessageId message;
  Sender sender{};
  Personal text;
  std::optional<Personal> operator_name;
  friend bool operator==(const MessageCreated&, const MessageCreated&) = default;
};
/// The people behind the assistant are done with it, for now.
struct Archived {
  friend bool operator==(const Archived&, const Archived&) = default;
};
/// It is among the active ones again: somebody wanted that, or its visitor has written.
struct Unarchived {
  friend bool operator==(const Unarchived&, const Unarchived&) = default;
};
using Event = std::variant<Opened, MessageCreated, Archived, Unarchived>;

// State.

struct NoDialog {
  friend bool operator==(const NoDialog&, const NoDialog&) = default;
};
struct Dialog {
  AssistantId assistant;
  AccountId owner;
  Status status{};
  friend bool operator==(const Dialog&, const Dialog&) = default;
};
using State = std::variant<NoDialog, Dialog>;

/// Total, as every fold.
State evolve(const State& state, const Event& event);

// Commands.

/// A visitor opens a dialog with the assistant whose site token they carry (the principal); the owner is the
/// directory's. The assistant is another slot's: that it is there, and active, is what the API's directory said when
/// the visitor was let in. One that was deleted in that moment may get a dialog still, or a message: what an API
/// promises is that it hears of the end within a second.
struct Open {
  AccountId owner;
  Platform platform{};
  std::optional<Personal> first_name;
};
struct PostVisitorMessage {
  Personal text;
};
/// By the dialog's owner or a member of its team, as an operator.
struct PostOperatorMessage {
  Personal text;
  std::optional<Personal> operator_name;
};
/// Both by the owner or its team, and done already when the dialog is what they ask for.
struct Archive {};
struct Unarchive {};
using Command = std::variant<Open, PostVisitorMessage, PostOperatorMessage, Archive, Unarchive>;

// Answers.

struct DialogOpened {
  DialogId dialog;
  Opened opened;
  friend bool operator==(const DialogOpened&, const DialogOpened&) = default;
};
struct MessagePosted {
  DialogId dialog;
  MessageCreated message;
  friend bool operator==(const MessagePosted&, const MessagePosted&) = default;
};
struct DialogIs {
  DialogId dialog;
  Status status{};
  friend bool operator==(const DialogIs&, const DialogIs&) = default;
};
using Answer = std::variant<DialogOpened, MessagePosted, DialogIs>;

// Refusals.

/// There is no such dialog, or who asks may not know of it.
inline constexpr Code kDialogNotFound{"DIALOG_NOT_FOUND"};
inline constexpr std::array kRefusals{kDialogNotFound};

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);
/// What a command of the dialog is answered with when this event, its last one, says all of it.
Answer answer_of(std::int64_t dialog, const Event& event);

}  // namespace parley::dialogs

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<dialogs::Event> = Part::event;
template <>
inline constexpr Part part_of<dialogs::State> = Part::state;
template <>
inline constexpr Part part_of<dialogs::Command> = Part::command;
template <>
inline constexpr Part part_of<dialogs::Answer> = Part::answer;
}  // namespace parley
