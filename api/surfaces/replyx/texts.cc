#include "api/surfaces/replyx/texts.h"

#include <algorithm>

#include "platform/text/address.h"
#include "platform/text/text.h"

namespace parley::replyx {
namespace {

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr std::string_view kHidden = "…";

bool is_telegram_id(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= kTelegramIdMax && text.front() != '0' && std::ranges::all_of(text, is_digit);
}
bool is_of_telegram_secret(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

}  // namespace

bool is_telegram_token(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto secret = text.substr(colon + 1);
  return is_telegram_id(text.substr(0, colon)) && secret.size() == kTelegramSecretSize && is_of_telegram_secret(secret);
}

std::string_view telegram_bot_id(std::string_view token) { return token.substr(0, token.find(':')); }

std::string shown_telegram_token(std::string_view token) {
  if (!is_telegram_token(token)) return std::string(kHidden);
  return std::string(telegram_bot_id(token))
      .append(":")
      .append(kHidden)
      .append(token.substr(token.size() - kTelegramShownSize));
}

bool is_shown_telegram_token(std::string_view text) {
  if (text == kHidden) return true;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !is_telegram_id(text.substr(0, colon))) return false;
  text.remove_prefix(colon + 1);
  if (!text.starts_with(kHidden)) return false;
  text.remove_prefix(kHidden.size());
  return text.size() == kTelegramShownSize && is_of_telegram_secret(text);
}

bool is_blank(std::string_view text) {
  // ASCII white space, NBSP, OGHAM SPACE, U+2000..U+200F, line and paragraph separators, NNBSP, MMSP, WORD JOINER,
  // IDEOGRAPHIC SPACE, BOM.
  while (!text.empty()) {
    std::size_t n = 0;
    if (text.front() == ' ' || (text.front() >= '\t' && text.front() <= '\r')) n = 1;
    if (text.starts_with("\u00A0")) n = 2;
    for (const std::string_view space :
         {"\u1680", "\u2028", "\u2029", "\u202F", "\u205F", "\u2060", "\u3000", "\uFEFF"}) {
      if (text.starts_with(space)) n = 3;
    }
    if (text.starts_with("\xE2\x80") && text.size() > 2 && static_cast<unsigned char>(text[2]) <= 0x8F) n = 3;
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

}  // namespace parley::replyx

namespace parley::schema {
namespace {

/// A text in another form, which may be longer than the one that was sent: the limits hold for both.
Read<std::string> read_as(std::string (*form)(std::string_view), json::Value v, const Limits& limits) {
  auto text = Codec<std::string>::read(v, limits);
  if (!text) return text;
  auto out = form(*text);
  const auto length = characters(out);
  if (length < limits.length_min)
    return problem("must be at least " + std::to_string(limits.length_min) + " characters");
  if (limits.length_max != 0 && length > limits.length_max)
    return problem("must be at most " + std::to_string(limits.length_max) + " characters");
  return out;
}

}  // namespace

Read<replyx::Email> Codec<replyx::Email>::read(json::Value v, const Limits& limits) {
  auto typed = Codec<replyx::TypedEmail>::read(v, limits);
  if (!typed) return std::unexpected(std::move(typed.error()));
  if (!typed->issue.empty()) return problem(std::move(typed->issue));
  return std::move(typed->email);
}
void Codec<replyx::Email>::schema(json::Writer& w, const Limits& limits) {
  text_schema(w, limits);
  w.key("format");
  w.string("email");
}

Read<replyx::TypedEmail> Codec<replyx::TypedEmail>::read(json::Value v, const Limits& limits) {
  auto text = Codec<std::string>::read(v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  auto typed = api::typed_email(*text);
  if (!typed.issue.empty() && !text::is_email(typed.email.text))
    return problem(std::move(typed.issue));  // and never could
  return typed;
}

Read<replyx::NewPassword> Codec<replyx::NewPassword>::read(json::Value v, const Limits& limits) {
  auto form = read_as(text::password_form, v, limits);
  if (!form) return std::unexpected(std::move(form.error()));
  return replyx::NewPassword{std::move(*form)};
}

Read<replyx::Words> Codec<replyx::Words>::read(json::Value v, const Limits& limits) {
  auto text = read_as(text::nfc, v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  return replyx::Words{std::move(*text)};
}

Read<replyx::Text> Codec<replyx::Text>::read(json::Value v, const Limits& limits) {
  auto text = read_as(text::nfc, v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  if (replyx::is_blank(*text)) return problem("must not be empty");
  return replyx::Text{std::move(*text)};
}
void Codec<replyx::Text>::schema(json::Writer& w, const Limits& limits) {
  text_schema(w, limits, R"(^[^\u0000]*[^\u0000\s\u200B-\u200F\u2060\uFEFF][^\u0000]*$)");  // see is_blank()
}

Read<replyx::TelegramToken> Codec<replyx::TelegramToken>::read(json::Value v, const Limits& limits) {
  auto text = Codec<std::string>::read(v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  return replyx::TelegramToken{std::move(*text)};
}
void Codec<replyx::TelegramToken>::schema(json::Writer& w, const Limits& limits) {
  text_schema(w, limits, "^[1-9][0-9]{0,15}:[A-Za-z0-9_-]{35}$");
}

Read<replyx::ShownTelegramToken> Codec<replyx::ShownTelegramToken>::read(json::Value v, const Limits& limits) {
  auto text = Codec<std::string>::read(v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  return replyx::ShownTelegramToken{std::move(*text)};
}
void Codec<replyx::ShownTelegramToken>::schema(json::Writer& w, const Limits& limits) {
  text_schema(w, limits, "^([1-9][0-9]{0,15}:([A-Za-z0-9_-]{35}|…[A-Za-z0-9_-]{4})|…)$");
}

Read<replyx::Domain> Codec<replyx::Domain>::read(json::Value v, const Limits& limits) {
  auto text = Codec<std::string>::read(v, limits);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!text::is_domain(*text)) return problem("must be a host name in ASCII form");
  return replyx::Domain{std::move(*text)};
}
void Codec<replyx::Domain>::schema(json::Writer& w, const Limits& limits) {
  text_schema(
      w, limits,
      "^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$");
}

}  // namespace parley::schema

namespace parley::endpoint {

schema::Read<replyx::Search> ParameterCodec<replyx::Search>::read(std::string_view text, const Bounds&) {
  if (!text::is_utf8(text)) return schema::problem("must be UTF-8");
  if (schema::characters(text) > replyx::kSearchMax)
    return schema::problem("must be at most " + std::to_string(replyx::kSearchMax) + " characters");
  return replyx::Search{std::string(text)};
}
void ParameterCodec<replyx::Search>::schema(json::Writer& w, const Bounds&) {
  schema::Codec<std::string>::schema(w, {.length_max = replyx::kSearchMax});
}

}  // namespace parley::endpoint
