#pragma once
// E-mails and passwords, as accounts are entered with. Pure; thread-safe.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"
#include "schemas/commands.h"

namespace parley::api {

/// The context in which a password's verifier is sealed: what was sealed for another one is not opened as one.
inline constexpr std::string_view kPasswordVerifierContext = "password_verifier";

/// An e-mail address, as one that somebody may register with.
struct Email {
  std::string text;                ///< To show and to send to.
  std::string key;                 ///< By which it is compared: that of every spelling of the mailbox.
  std::vector<std::string> forms;  ///< What its account may be indexed by, in the order in which to look: accounts of
                                   ///< earlier builds had no key.
};
/// An e-mail address with which somebody may have registered once.
struct TypedEmail {
  Email email;
  std::string issue;  ///< Why it may not be registered with any more; empty: it may.
};
TypedEmail typed_email(std::string_view typed);

/// Where a command about an e-mail is to go: to the account that has it, wherever that lives; where none is known, to
/// whoever owns the e-mail.
schema::Target by_email(const std::optional<AccountId>& known, const std::string& email_index);

}  // namespace parley::api
