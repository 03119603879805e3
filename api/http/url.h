#pragma once
// Percent-decoding of path segments and queries. Pistache decodes neither.
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"

namespace parley::http {

/// How `+` reads: literally in a path, as a space in a query (the form encoding that browsers send).
enum class Plus { literal, space };

/// Decodes %XX escapes. Nothing for an incomplete or non-hexadecimal escape, and for a decoded NUL: PostgreSQL text cannot hold it.
std::optional<std::string> percent_decode(std::string_view encoded, Plus plus);

/// Decodes `a=1&b=&c` (without the `?`); "c" has an empty value, empty pieces are skipped. Nothing for what percent_decode refuses, and for a
/// repeated key: choosing the first or the last would let two readers of one URL (an edge's rule and ours) disagree about it.
std::optional<Parameters> parse_query(std::string_view query);

}  // namespace parley::http
