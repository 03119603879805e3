#pragma once
// What commands to accounts share: one's own, those of one's team, and those on API keys.
#include <optional>
#include <string>
#include <string_view>

#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/registry.h"
#include "api/replyx/values.h"
#include "platform/crypto/keyring.h"

namespace parley::replyx {

/// Where a command about that e-mail is to go: to the account that has it, wherever that lives; where none is known, to whoever owns the e-mail.
inline schema::Target by_email(const std::optional<AccountId>& known, const std::string& email_index) {
  if (known) return Stream{Kind::account, known->value};
  return email_key(email_index);
}
inline schema::Target by_email(const std::optional<schema::AccountEntry>& known, const std::string& email_index) {
  return by_email(known ? std::optional(known->account) : std::nullopt, email_index);
}

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
