#pragma once
// What commands to accounts share: one's own, those of one's team, and those on API keys.
#include <optional>
#include <string>
#include <string_view>

#include "api/auth/email.h"
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/registry.h"
#include "api/surfaces/replyx/texts.h"
#include "api/surfaces/replyx/values.h"
#include "platform/crypto/keyring.h"

namespace parley::replyx {

/// As api::by_email().
inline schema::Target by_email(const std::optional<schema::AccountEntry>& known, const std::string& email_index) {
  return api::by_email(known ? std::optional(known->account) : std::nullopt, email_index);
}

/// Of the account that asks, in person.
inline Stream own_stream(const endpoint::Caller& caller) {
  return {Kind::account, account_behind(caller.principal).value().value};
}

/// Whose an e-mail is, and by what it is indexed: that of the account where one is known, by whatever spelling that was
/// registered; else its key. So whoever has it owns it, for everybody who asks with this index.
struct Mailbox {
  std::string index;
  std::optional<schema::AccountEntry> account;
};
inline Mailbox find_mailbox(const Email& email, const endpoint::Deps& deps) {
  for (const auto& form : email.forms) {
    auto index = deps.tokens.email_index(form);
    if (auto account = deps.directory.account(index)) return {std::move(index), std::move(account)};
  }
  return {deps.tokens.email_index(email.key), std::nullopt};
}

/// Takes as long as Argon2id does.
inline Sealed sealed_verifier(const NewPassword& password, const endpoint::Deps& deps) {
  return deps.keys.seal(crypto::password_verifier(password.form), api::kPasswordVerifierContext);
}

/// Whether this process knows that the decision, with its last event, has ended the account's sessions.
inline bool knows_of_end(AccountId account, const endpoint::Decided& decided) {
  return decided.deps.directory.sessions(account).over_through >= decided.outcome.version;
}
inline bool sessions_ended(const accounts::Changed& answer, const endpoint::Decided& decided) {
  return knows_of_end(answer.account, decided);
}

/// The answer has no body.
inline endpoint::Nothing nothing(const accounts::Changed&, const endpoint::Decided&) { return {}; }

}  // namespace parley::replyx
