#pragma once
// What commands to accounts share: one's own, those of one's team, and those on API keys.
#include <string>
#include <string_view>

#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/registry.h"
#include "api/replyx/values.h"
#include "platform/crypto/keyring.h"

namespace parley::replyx {

inline UniqueKey email_key(std::string email_index) { return {"account_email", std::move(email_index)}; }

/// Of the account that asks, in person.
inline Stream own_stream(const endpoint::Caller& caller) { return {Kind::account, account_behind(caller.principal).value().value}; }

/// Takes as long as Argon2id does.
inline Sealed sealed_verifier(std::string_view password, const endpoint::Deps& deps) {
  return deps.keys.seal(crypto::password_verifier(password), kPasswordVerifierContext);
}

/// Whether this process knows that the decision, with its last event, has ended the account's sessions.
inline bool knows_of_end(AccountId account, const endpoint::Decided& decided) {
  return decided.deps.directory.sessions(account).over_through >= decided.outcome.version;
}
inline bool sessions_ended(const accounts::Changed& answer, const endpoint::Decided& decided) { return knows_of_end(answer.account, decided); }

/// The answer has no body.
inline endpoint::Nothing nothing(const accounts::Changed&, const endpoint::Decided&) { return {}; }

}  // namespace parley::replyx
