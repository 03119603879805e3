#pragma once
// The forms of e-mail addresses and of host names. Pure, linear in the text's length, thread-safe.
#include <string_view>

namespace parley::text {

/// local@domain with at least two labels; dots neither at the ends nor doubled; letters of any script. Deliverability
/// is another question. Text is UTF-8.
bool is_email(std::string_view utf8);
/// LDH labels (RFC 1035 2.3.1), ASCII; "*." may come first.
bool is_domain(std::string_view text);

}  // namespace parley::text
