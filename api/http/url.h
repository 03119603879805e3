#pragma once
// One form for every spelling of a path, and percent-decoding of its segments and of queries. Pistache does neither.
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"

namespace parley::http {

/// The one form of a raw path (RFC 3986, 6.2.2): escaped unreserved characters are decoded, other escapes have
/// upper-case digits, dot segments are removed, and one slash at the end is dropped. What is escaped otherwise stays
/// data: `%2F` ends no segment. The edge matches its locations against a path that is normalised alike, so that both
/// choose by the same. Nothing for a path that does not begin with a slash, has an empty segment, leaves the root, has
/// an escape that is incomplete or not hexadecimal, or an escaped NUL.
std::optional<std::string> normalised_path(std::string_view raw);
/// Of one query. No endpoint has more than a dozen; unknown ones come in too.
inline constexpr std::size_t kQueryParametersMax = 100;

/// How `+` reads: literally in a path, as a space in a query (the form encoding that browsers send).
enum class Plus { literal, space };

/// Decodes %XX escapes. Nothing for an incomplete or non-hexadecimal escape, and for a decoded NUL: PostgreSQL text
/// cannot hold it.
std::optional<std::string> percent_decode(std::string_view encoded, Plus plus);

/// Everything but unreserved characters (RFC 3986, 2.3) as %XX: what percent_decode() reads in a path and in a query.
std::string percent_encode(std::string_view text);

/// Decodes `a=1&b=&c` (without the `?`); "c" has an empty value, empty pieces are skipped. Nothing for what
/// percent_decode refuses, and for a repeated key: choosing the first or the last would let two readers of one URL (an
/// edge's rule and ours) disagree about it. Nor for more than kQueryParametersMax; the rest of those is not read.
std::expected<Parameters, Refusal> parse_query(std::string_view query);

}  // namespace parley::http
