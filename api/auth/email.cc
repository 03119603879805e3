#include "api/auth/email.h"

#include <fmt/format.h>

#include "domain/accounts/accounts.h"
#include "domain/accounts/credentials.h"
#include "domain/model.h"
#include "platform/text/address.h"
#include "platform/text/mailbox.h"
#include "platform/text/text.h"
#include "schemas/fields.h"

namespace parley::api {

TypedEmail typed_email(std::string_view typed) {
  const auto found = text::mailbox(typed);
  const auto refused = [&](std::string issue) {
    const auto form = text::ascii_form(typed);
    return TypedEmail{{form, form, {form}}, std::move(issue)};
  };
  if (!found && found.error().why == text::NoMailbox::Why::hidden_character) {
    return refused("must not contain invisible characters: " + text::code_point_text(found.error().character));
  }
  if (!found || !text::is_email(found->address)) return refused("must be an e-mail address");
  if (schema::characters(found->address) > accounts::kEmailMax)
    return refused(fmt::format("must be at most {} characters", accounts::kEmailMax));
  return {{found->address, found->key, text::forms(typed)}, {}};
}

schema::Target by_email(const std::optional<AccountId>& known, const std::string& email_index) {
  if (known) return Stream{Kind::account, known->value};
  return accounts::email_key(email_index);
}

}  // namespace parley::api
