#include "platform/text/mailbox.h"

#include <unicode/casemap.h>
#include <unicode/idna.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "platform/text/icu.h"
#include "platform/text/text.h"

namespace parley::text {
namespace {

using icu::IDNA;
using icu::Normalizer2;
using Why = NoMailbox::Why;

std::unexpected<NoMailbox> no_mailbox(Why why, char32_t character = 0) {
  return std::unexpected(NoMailbox{why, character});
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

icu::StringPiece piece_of(std::string_view text) { return {text.data(), static_cast<std::int32_t>(text.size())}; }

std::string nfkc(std::string_view text) { return normalised(rules_of(Normalizer2::getNFKCInstance), text); }
std::string nfd(std::string_view text) { return normalised(rules_of(Normalizer2::getNFDInstance), text); }
/// NFKC and case folding at once, which is stable: what it made, it does not change.
std::string folded(std::string_view text) { return normalised(rules_of(Normalizer2::getNFKCCasefoldInstance), text); }

using CaseMapping = void (*)(const char*, std::uint32_t, icu::StringPiece, icu::ByteSink&, icu::Edits*, UErrorCode&);
/// In the root locale: a dotted İ becomes i with a dot above, which is not i.
std::string in_case(CaseMapping to_case, std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  to_case("", 0, piece_of(text), sink, nullptr, status);
  check(status);
  return out;
}
std::string lower_case(std::string_view text) { return in_case(icu::CaseMap::utf8ToLower, text); }
std::string upper_case(std::string_view text) { return in_case(icu::CaseMap::utf8ToUpper, text); }

std::string capitalised(std::string_view text) {
  std::size_t first = 0;
  if (!text.empty()) next_character(text, first);
  return upper_case(text.substr(0, first)).append(text.substr(first));
}

const IDNA& idna() {
  static const std::unique_ptr<const IDNA> rules = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<const IDNA> made(IDNA::createUTS46Instance(
        UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
        status));
    check(status);
    return made;
  }();
  return *rules;
}

/// Hyphens are the business of whoever checks the form of labels: names like "r3---sn.example" exist.
constexpr std::uint32_t kNotOurs = UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

/// A domain in one of its forms, and what IDNA says against it.
struct Domain {
  std::string text = {};
  std::uint32_t errors = 0;
};
Domain mapped(std::string_view domain, decltype(&IDNA::nameToUnicodeUTF8) map) {
  Domain out;
  icu::StringByteSink<std::string> sink(&out.text);
  UErrorCode status = U_ZERO_ERROR;
  icu::IDNAInfo info;
  (idna().*map)(piece_of(domain), sink, info, status);
  check(status);
  out.errors = info.getErrors();
  return out;
}
Domain as_it_travels(std::string_view domain) { return mapped(domain, &IDNA::nameToASCII_UTF8); }

/// In Unicode; nothing when IDNA does not permit it, or it is too long as it travels.
std::optional<std::string> domain_form(std::string_view domain) {
  auto in_unicode = mapped(domain, &IDNA::nameToUnicodeUTF8);
  if (((in_unicode.errors | as_it_travels(domain).errors) & ~kNotOurs) != 0) return std::nullopt;
  return std::move(in_unicode.text);
}

using Parts = std::pair<std::string_view, std::string_view>;
Parts parts_of(std::string_view address) {
  const auto at = address.find('@');
  return at == std::string_view::npos ? Parts{address, {}} : Parts{address.substr(0, at), address.substr(at + 1)};
}

}  // namespace

std::expected<Mailbox, NoMailbox> mailbox(std::string_view typed) {
  typed = trimmed(typed);
  if (typed.size() > kAddressBytesMax) return no_mailbox(Why::too_long);
  if (const auto hidden = hidden_character(typed)) return no_mailbox(Why::hidden_character, *hidden);
  const auto text = nfkc(typed);  // the @ and the dots may be full-width too
  const auto at = text.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == text.size() || text.find('@', at + 1) != std::string::npos)
    return no_mailbox(Why::malformed);
  const auto local = std::string_view(text).substr(0, at);
  const auto domain = domain_form(std::string_view(text).substr(at + 1));
  if (!domain) return no_mailbox(Why::domain);
  return Mailbox{nfkc(lower_case(local)) + "@" + *domain, folded(local) + "@" + *domain};
}

std::string ascii_form(std::string_view typed) {
  std::string out(trimmed(typed));
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::vector<std::string> forms(std::string_view typed) {
  std::vector<std::string> out{ascii_form(typed)};
  const auto found = mailbox(typed);
  if (!found) return out;
  if (found->key == out.front() && is_ascii(found->key))
    return out;  // plain ASCII, in lower case: its other spellings are this one
  // Capitals are not always another spelling: those of a dotless ı are another mailbox's.
  const auto add = [&](std::string form) {
    if (std::ranges::find(out, form) != out.end()) return;
    if (const auto of_form = mailbox(form); of_form && of_form->key == found->key) out.push_back(std::move(form));
  };
  add(found->key);
  const auto before = out.front();
  const auto [local, domain] = parts_of(before);
  const auto [name, host] = parts_of(found->address);
  const std::array names{std::string(local), nfc(local),        nfd(local),      std::string(name),
                         nfd(name),          capitalised(name), upper_case(name)};
  const std::array hosts{std::string(domain), std::string(host), nfd(host), as_it_travels(host).text, upper_case(host)};
  for (const auto& one : names) {
    for (const auto& other : hosts) add(ascii_form(one + "@" + other));
  }
  return out;
}

}  // namespace parley::text
