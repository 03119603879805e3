#pragma once
// Signals on the wire (parley.signals): what is passed on to those who look now, and never kept. The key is the
// dialog's id, the value JSON.
#include <optional>
#include <string_view>

#include "domain/dialogs/dialogs.h"
#include "schemas/events.h"
#include "schemas/fields.h"

namespace parley::schema {

/// In the header "type".
inline constexpr std::string_view kTypingType = "parley.dialog.typing.v1";
/// Somebody is writing.
struct Typing {
  DialogId dialog;
  AccountId owner;                        ///< The dialog's.
  dialogs::Sender sender{};               ///< Which side writes.
  std::optional<Personal> operator_name;  ///< As the operator calls themselves.
  Timestamp at;
};
template <>
inline constexpr auto fields<Typing> = std::tuple{
    field("dialog_id", &Typing::dialog),
    field("owner_id", &Typing::owner),
    field("sender", &Typing::sender),
    field("operator_name", &Typing::operator_name),
    field("at", &Typing::at),
};

}  // namespace parley::schema
