#pragma once
// The kinds of text that callers of this surface send, each with its own rule and its part of the schema.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth/email.h"
#include "api/endpoint/parameters.h"
#include "domain/accounts/credentials.h"
#include "schemas/fields.h"

namespace parley::replyx {

// Limits, in characters (of UTF-8, not bytes) unless said otherwise.
using accounts::kEmailMax;
using accounts::kPasswordMax;
using accounts::kPasswordMin;
inline constexpr std::size_t kPersonNameMax = 100;
inline constexpr std::size_t kApiKeyNameMax = 100;
inline constexpr std::size_t kScopesMax = 20;  // elements: more than there are
inline constexpr std::size_t kMessageMax = 10'000;
inline constexpr std::size_t kAssistantNameMax = 200;
inline constexpr std::size_t kDescriptionMax = 2'000;
inline constexpr std::size_t kSystemPromptMax = 20'000;
inline constexpr std::size_t kModelNameMax = 100;
inline constexpr std::size_t kTelegramTokenMax = 100;
inline constexpr std::size_t kTelegramIdMax = 16;  // digits: the id of a bot is below 2^54
inline constexpr std::size_t kTelegramSecretSize = 35;
inline constexpr std::size_t kTelegramShownSize = 4;  // of the secret, at its end
inline constexpr std::size_t kDomainsMax = 50;        // elements
inline constexpr std::size_t kDomainMax = 253;        // RFC 1035
inline constexpr std::size_t kSearchMax = 500;

// Bytes of the bodies that anybody may send, with or without a login. The largest legal ones are of characters that are
// all escaped, twelve bytes each.
inline constexpr std::size_t kEntryBodyMax = 16 << 10;            // who comes in: an e-mail, a password, two names
inline constexpr std::size_t kVisitorMessageBodyMax = 128 << 10;  // a message of kMessageMax characters

using api::Email;
using api::TypedEmail;

/// A password as it is hashed from now on: see text::password_form(). The limits hold for this form too.
struct NewPassword {
  std::string form;
};
/// Something to read: not only space. In NFC, which the limits hold for too.
struct Text {
  std::string text;
};
/// A name or a text that may be empty. In NFC, which the limits hold for too.
struct Words {
  std::string text;
};
inline std::optional<std::string> text_of(const std::optional<Words>& words) {
  return words ? std::optional(words->text) : std::nullopt;
}
inline Patch<std::string> text_of(const Patch<Words>& words) {
  return words.given ? Patch(text_of(words.value)) : Patch<std::string>();
}
inline std::optional<Personal> personal(const std::optional<Words>& words) {
  return words ? std::optional(Personal{words->text}) : std::nullopt;
}
inline Patch<Personal> personal(const Patch<Words>& words) {
  return words.given ? Patch(personal(words.value)) : Patch<Personal>();
}
/// What to search for; nothing in particular when it is blank.
struct Search {
  std::string text;
};
/// The name of a site's host, or "*.example.com" for every host below one.
struct Domain {
  std::string text;
};

/// The token of a Telegram bot, as a request may hold it: its form is another question, with a code of its own.
struct TelegramToken {
  std::string text;
};
/// The same where a token may be sent back as answers show it.
struct ShownTelegramToken {
  std::string text;
};

/// "<the bot's id>:<35 characters of A-Za-z0-9_->", as Telegram gives them out.
bool is_telegram_token(std::string_view text);
/// The id of the bot whose token that is: BotFather gives a bot another token, and the same id.
std::string_view telegram_bot_id(std::string_view token);
/// The form in which answers show a token: "1234567890:…wxyz". Of what is no token (any more), less.
std::string shown_telegram_token(std::string_view token);
/// Whether it is text that shown_telegram_token() makes.
bool is_shown_telegram_token(std::string_view text);

/// Whether UTF-8 text has nothing but Unicode white space and invisible separators.
bool is_blank(std::string_view text);

}  // namespace parley::replyx

namespace parley::schema {

template <>
struct Codec<replyx::Email> {
  static Read<replyx::Email> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};
template <>
struct Codec<replyx::TypedEmail> {
  static Read<replyx::TypedEmail> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits) { Codec<replyx::Email>::schema(w, limits); }
};
template <>
struct Codec<replyx::NewPassword> {
  static Read<replyx::NewPassword> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::string>::schema(w, limits); }
};
template <>
struct Codec<replyx::Words> {
  static Read<replyx::Words> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::string>::schema(w, limits); }
};
template <>
struct Codec<replyx::Text> {
  static Read<replyx::Text> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};
template <>
struct Codec<replyx::TelegramToken> {
  static Read<replyx::TelegramToken> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};
template <>
struct Codec<replyx::ShownTelegramToken> {
  static Read<replyx::ShownTelegramToken> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};
template <>
struct Codec<replyx::Domain> {
  static Read<replyx::Domain> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};

}  // namespace parley::schema

namespace parley::endpoint {

template <>
struct ParameterCodec<replyx::Search> {
  static schema::Read<replyx::Search> read(std::string_view text, const Bounds&);
  static void schema(json::Writer& w, const Bounds&);
};

}  // namespace parley::endpoint
