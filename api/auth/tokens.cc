#include "api/auth/tokens.h"

#include <fmt/format.h>

#include "domain/model.h"
#include "platform/crypto/crypto.h"
#include "schemas/contexts/identity.h"
#include "schemas/fields.h"

namespace parley::api {

/// The claims of RFC 7519 that we use; times are seconds since the epoch.
struct Claims {
  std::string subject;  // the principal: "account/5127", "operator/7175/5127", "admin/8199"
  std::int64_t issued_at = 0;
  std::int64_t expires_at = 0;
  std::string id;
  std::optional<std::int64_t>
      version;  // our own: the account's when the session began; absent in tokens of earlier builds
  std::optional<std::string> audience;  // the realm; absent: the first one
};

}  // namespace parley::api

namespace parley::schema {

template <>
inline constexpr auto fields<api::Claims> = std::tuple{
    field("sub", &api::Claims::subject), field("iat", &api::Claims::issued_at), field("exp", &api::Claims::expires_at),
    field("jti", &api::Claims::id),      field("ver", &api::Claims::version),   field("aud", &api::Claims::audience),
};

}  // namespace parley::schema

namespace parley::api {
namespace {

using crypto::Purpose;

/// The algorithm is fixed: a token with any header but these is none of ours, so nobody can choose "none" or another
/// key's algorithm.
std::string header_of(std::string_view key_id) {
  return crypto::base64url(R"({"alg":"HS256","typ":"JWT","kid":")" + std::string(key_id) + "\"}");
}
/// Of tokens of earlier builds, which had one key.
constexpr std::string_view kHeaderWithoutKey = R"({"alg":"HS256","typ":"JWT"})";

/// The key that a token's header names; nothing when it is not a header of ours.
std::optional<std::string> key_named_by(std::string_view header, const crypto::Keyring& keys) {
  if (header == crypto::base64url(kHeaderWithoutKey)) return keys.key_id();
  for (const auto& id : keys.token_keys()) {
    if (header == header_of(id)) return id;
  }
  return std::nullopt;
}

std::int64_t seconds(Timestamp t) { return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(); }

std::string guest_subject(DialogId dialog, AssistantId assistant) {
  return fmt::format("dialog/{} assistant/{}", dialog.value, assistant.value);
}

}  // namespace

std::string Tokens::issue(const Principal& principal, Timestamp issued_at, std::string_view command_id,
                          std::int64_t version) const {
  const auto& key = keys_.token_keys().front();
  Claims claims{to_string(principal),
                seconds(issued_at),
                seconds(issued_at + accounts::kSessionLifetime),
                std::string(command_id),
                version,
                {}};
  if (!realm_.name.empty()) claims.audience = realm_.name;
  const auto signed_part = header_of(key) + "." + crypto::base64url(schema::write(claims));
  return signed_part + "." + crypto::base64url(keys_.token_mac(key, signed_part));
}

std::expected<Entered, Error> Tokens::verify(std::string_view token, Timestamp now) const {
  const auto refused = std::unexpected(Error{kNotAuthenticated, {}});
  const auto dot = token.find('.'), last_dot = token.rfind('.');
  if (dot == std::string_view::npos || dot == last_dot) return refused;
  const auto key = key_named_by(token.substr(0, dot), keys_);
  const auto signed_part = token.substr(0, last_dot);
  const auto signature = crypto::unbase64url(token.substr(last_dot + 1));
  if (!key || !signature || !crypto::equal(*signature, keys_.token_mac(*key, signed_part))) return refused;
  // From here on it is a token that was issued with our key.
  const auto text = crypto::unbase64url(signed_part.substr(dot + 1));
  if (!text) return refused;
  const auto claims = schema::read_text<Claims>(*text);
  if (!claims) return refused;
  if (claims->audience.value_or("") != realm_.name) return refused;
  const auto principal = parse_principal(claims->subject);
  if (!principal || !account_behind(*principal)) return refused;
  if (seconds(now) >= claims->expires_at) return std::unexpected(Error{kTokenExpired, {}});
  return Entered{*principal,
                 {claims->id, claims->version.value_or(0), Timestamp(std::chrono::seconds(claims->expires_at))}};
}

std::string Tokens::guest_id(DialogId dialog, AssistantId assistant) const {
  return keys_.key_id() + "." + crypto::base64url(keys_.mac(Purpose::guests, guest_subject(dialog, assistant)));
}
bool Tokens::is_guest(DialogId dialog, AssistantId assistant, std::string_view text) const {
  return crypto::equal(text, guest_id(dialog, assistant));
}

std::string Tokens::email_index(std::string_view form) const {
  const auto mac = keys_.mac(Purpose::unique_index, fmt::format("{} {}", realm_.qualify("account_email"), form));
  return realm_.qualify(crypto::hex(mac));
}
std::string Tokens::bot_index(std::string_view bot_id) const {
  return crypto::hex(keys_.mac(Purpose::unique_index, "telegram_bot " + std::string(bot_id)));
}

std::string Tokens::fingerprint(std::string_view principal, std::string_view method, std::string_view route,
                                std::string_view body) const {
  std::string text;
  for (const auto part : {principal, method, route, body}) (text += std::to_string(part.size()) += ':') += part;
  return crypto::hex(keys_.mac(Purpose::fingerprints, text));
}

}  // namespace parley::api
