#pragma once
// Types of events that are not written any more but stand in logs: as they were written, and what each means today (an upcaster). When an event's
// type has to change, the domain gets the new form, the type of events.h the next version, and the old form comes here, with its upcaster and its
// schema as it was; a line of the frozen corpus (tests/unit/schemas_test.cc) keeps each readable. Nothing else of the system knows that there was
// another form.
#include <variant>

#include "domain/model.h"
#include "schemas/fields.h"

namespace parley::schema {
namespace old {

/// Before there was more than one way to log in.
struct LoggedInV1 {};
inline Event upcast(const LoggedInV1&) { return accounts::Event{accounts::LoggedIn{accounts::LoginMethod::password}}; }

}  // namespace old

using OldEvent = std::variant<old::LoggedInV1>;

template <>
inline constexpr std::string_view type_name<old::LoggedInV1> = "parley.account.logged_in.v1";
template <>
inline constexpr std::string_view about<old::LoggedInV1> = "As version 2, before there was more than one way; not written any more";
template <>
inline constexpr auto fields<old::LoggedInV1> = std::tuple<>{};

}  // namespace parley::schema
