#pragma once
// An owner's team on the wire: events and commands. Names and fields are never edited after release: a changed event is
// a new type (.v2) with an upcaster.
#include "domain/accounts/team.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

// Events.

template <>
inline constexpr auto wire<accounts::JoinedTeam> = event_type<accounts::JoinedTeam>(
    "parley.account.joined_team.v1", "The account joined an owner's team as an operator; its sessions ended",
    [](const auto& e, const auto& t) {
      return "the account joins the team of account/" + std::to_string(e.owner.value) + " as " + told(e.name, t);
    },
    field("owner_id", &accounts::JoinedTeam::owner), field("name", &accounts::JoinedTeam::name));
template <>
inline constexpr auto wire<accounts::TeamMemberChanged> = event_type<accounts::TeamMemberChanged>(
    "parley.account.team_member_changed.v1",
    "An operator was renamed, deactivated (its sessions ended) or activated again",
    [](const auto& e, const auto& t) { return by(t) + " changes the operator:" + changed_parts(e); },
    field("name", &accounts::TeamMemberChanged::name), field("is_active", &accounts::TeamMemberChanged::is_active));
template <>
inline constexpr auto wire<accounts::LeftTeam> = event_type<accounts::LeftTeam>(
    "parley.account.left_team.v1", "An operator left its team; its sessions ended",
    [](const auto&, const auto& t) { return by(t) + " removes the operator from the team"; });

// Commands.

template <>
inline constexpr auto wire<accounts::AddOperator> =
    named_type("parley.account.add_operator.v1", field("email", &accounts::AddOperator::email),
               field("email_index", &accounts::AddOperator::email_index), field("name", &accounts::AddOperator::name),
               field("password_verifier", &accounts::AddOperator::password_verifier));
template <>
inline constexpr auto wire<accounts::ChangeOperator> =
    named_type("parley.account.change_operator.v1", field("name", &accounts::ChangeOperator::name),
               field("is_active", &accounts::ChangeOperator::is_active),
               field("password_verifier", &accounts::ChangeOperator::password_verifier));
template <>
inline constexpr auto wire<accounts::RemoveOperator> = named_type("parley.account.remove_operator.v1");

}  // namespace parley::schema
