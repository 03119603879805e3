#include "platform/text/mailbox.h"

#include <unicode/casemap.h>
#include <unicode/idna.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "platform/text/icu.h"
#include "platform/text/text.h"

namespace parley::text {
namespace {

using icu::IDNA;
using icu::Normalizer2;
using Why = NoMailbox::Why;

std::unexpected<NoMailbox> no_mailbox(Why why, char32_t character = 0) { return std::unexpected(NoMailbox{why, character}); }

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string nfkc(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* rules = Normalizer2::getNFKCInstance(status);
  check(status);
  return normalised(*rules, text);
}

/// NFKC and case folding at once, which is stable: what it made, it does not change.
std::string folded(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* rules = Normalizer2::getNFKCCasefoldInstance(status);
  check(status);
  return normalised(*rules, text);
}

/// In the root locale: a dotted İ becomes i with a dot above, which is not i.
std::string lower_case(std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, status);
  check(status);
  return out;
}

const IDNA& idna() {
  static const std::unique_ptr<const IDNA> rules = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<const IDNA> made(IDNA::createUTS46Instance(
        UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE, status));
    check(status);
    return made;
  }();
  return *rules;
}

/// Hyphens are the business of whoever checks the form of labels: names like "r3---sn.example" exist.
constexpr std::uint32_t kNotOurs = UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

/// In Unicode; nothing when IDNA does not permit it, or it is too long as it travels.
std::optional<std::string> domain_form(std::string_view domain) {
  const icu::StringPiece piece(domain.data(), static_cast<std::int32_t>(domain.size()));
  std::string out, as_it_travels;
  icu::StringByteSink<std::string> sink(&out), ascii_sink(&as_it_travels);
  UErrorCode status = U_ZERO_ERROR;
  icu::IDNAInfo info, ascii_info;
  idna().nameToUnicodeUTF8(piece, sink, info, status);
  idna().nameToASCII_UTF8(piece, ascii_sink, ascii_info, status);
  check(status);
  if (((info.getErrors() | ascii_info.getErrors()) & ~kNotOurs) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::expected<Mailbox, NoMailbox> mailbox(std::string_view typed) {
  typed = trimmed(typed);
  if (typed.size() > kAddressBytesMax) return no_mailbox(Why::too_long);
  if (const auto hidden = hidden_character(typed)) return no_mailbox(Why::hidden_character, *hidden);
  const auto text = nfkc(typed);  // the @ and the dots may be full-width too
  const auto at = text.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == text.size() || text.find('@', at + 1) != std::string::npos) return no_mailbox(Why::malformed);
  const auto local = std::string_view(text).substr(0, at);
  const auto domain = domain_form(std::string_view(text).substr(at + 1));
  if (!domain) return no_mailbox(Why::domain);
  return Mailbox{nfkc(lower_case(local)) + "@" + *domain, folded(local) + "@" + *domain};
}

std::string ascii_form(std::string_view typed) {
  std::string out(trimmed(typed));
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace parley::text
