#pragma once
// An account's stream on the wire: the contexts that share it, each described in its own file, and its money.
#include "domain/accounts/accounts.h"
#include "schemas/contexts/api_keys.h"
#include "schemas/contexts/identity.h"
#include "schemas/contexts/team.h"

namespace parley::schema {

template <>
inline constexpr auto wire<accounts::WelcomeBonusGranted> = event_type<accounts::WelcomeBonusGranted>(
    "parley.account.welcome_bonus_granted.v1", "A new account was given a welcome bonus",
    [](const auto& e, const auto&) { return "the account is given " + roubles(e.amount) + " of welcome bonus"; },
    field("amount_kopecks", &accounts::WelcomeBonusGranted::amount, {}, "Minor units of RUB"));

}  // namespace parley::schema
