#pragma once
// Access tokens (JWT, HS256) and secrets of guests, of one realm. Pure computations over the keyring; thread-safe.
#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "domain/accounts/realm.h"
#include "domain/accounts/sessions.h"
#include "domain/kernel.h"
#include "platform/crypto/keyring.h"

namespace parley::api {

/// An access token was ours, and good until it expired.
inline constexpr Code kTokenExpired{"TOKEN_EXPIRED"};

/// What a token of ours says: who has come in, and in which session.
struct Entered {
  Principal principal;
  accounts::Session session;
};

class Tokens {
 public:
  /// `keys` must outlive this.
  explicit Tokens(const crypto::Keyring& keys, accounts::Realm realm = {}) : keys_(keys), realm_(std::move(realm)) {}

  const accounts::Realm& realm() const { return realm_; }

  /// For an Owner, an Operator or an Admin, good for accounts::kSessionLifetime. The same arguments give the same token
  /// as long as the same key signs, so that a repeated login gets its first answer again. The session is named by the
  /// command that began it; `version` is the account's then.
  std::string issue(const Principal& principal, Timestamp issued_at, std::string_view command_id,
                    std::int64_t version) const;
  /// kNotAuthenticated for a token that is none of ours, or of another realm; kTokenExpired for one that was. Whether
  /// the session has ended before, it does not know.
  std::expected<Entered, Error> verify(std::string_view token, Timestamp now) const;

  /// A visitor's secret for one dialog of one assistant: derived, so that nothing has to be stored to check it.
  std::string guest_id(DialogId dialog, AssistantId assistant) const;
  bool is_guest(DialogId dialog, AssistantId assistant, std::string_view guest_id) const;

  /// The unique key of an e-mail in this realm: HMAC of the key of its mailbox (platform/text), or of what accounts of
  /// earlier builds are indexed by.
  std::string email_index(std::string_view form) const;
  /// The unique key of a Telegram bot: HMAC of its id, the digits before its tokens' colon, whichever of its tokens
  /// that is. The same in every realm: Telegram sends what a bot receives to one place.
  std::string bot_index(std::string_view bot_id) const;
  /// Who asks for what: the same idempotency key with another fingerprint is another request.
  std::string fingerprint(std::string_view principal, std::string_view method, std::string_view route,
                          std::string_view body) const;

 private:
  const crypto::Keyring& keys_;
  accounts::Realm realm_;
};

}  // namespace parley::api
