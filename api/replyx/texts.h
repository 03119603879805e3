#pragma once
// The kinds of text that callers of this surface send, each with its own rule and its part of the schema.
#include <string>
#include <string_view>

#include "schemas/fields.h"

namespace parley::replyx {

// Limits, in characters (of UTF-8, not bytes) unless said otherwise.
inline constexpr std::size_t kEmailMax = 254;  // RFC 5321 4.5.3.1.3, without the brackets
inline constexpr std::size_t kPasswordMin = 8;
inline constexpr std::size_t kPasswordMax = 128;
inline constexpr std::size_t kPersonNameMax = 100;
inline constexpr std::size_t kMessageMax = 10'000;
inline constexpr std::size_t kAssistantNameMax = 200;
inline constexpr std::size_t kDescriptionMax = 2'000;
inline constexpr std::size_t kSystemPromptMax = 20'000;
inline constexpr std::size_t kModelNameMax = 100;
inline constexpr std::size_t kTelegramTokenMax = 100;
inline constexpr std::size_t kDomainsMax = 50;  // elements
inline constexpr std::size_t kDomainMax = 253;  // RFC 1035

/// An e-mail address, normalised: no surrounding space, ASCII in lower case.
struct Email {
  std::string text;
};
/// Something to read: not only space. Kept as it was sent.
struct Text {
  std::string text;
};
/// The name of a site's host, or "*.example.com" for every host below one.
struct Domain {
  std::string text;
};

/// local@domain with at least two labels; dots neither at the ends nor doubled; letters of any script. Deliverability is another question.
bool is_email(std::string_view text);
/// LDH labels (RFC 1035 2.3.1), ASCII; "*." may come first.
bool is_domain(std::string_view text);
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
struct Codec<replyx::Text> {
  static Read<replyx::Text> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};
template <>
struct Codec<replyx::Domain> {
  static Read<replyx::Domain> read(json::Value v, const Limits& limits);
  static void schema(json::Writer& w, const Limits& limits);
};

}  // namespace parley::schema
