#include "api/endpoint/header_fields.h"

#include <algorithm>

#include "api/endpoint/parameters.h"

namespace parley::endpoint {

std::string_view bearer_token(std::string_view authorization) {
  const auto blank = std::min(authorization.find(' '), authorization.size());
  if (!http::equals_ignoring_case(authorization.substr(0, blank), "Bearer")) return {};
  return authorization.substr(std::min(authorization.find_first_not_of(' ', blank), authorization.size()));
}

namespace {
std::string_view without_parameters(std::string_view content_type) {
  return http::trimmed(content_type.substr(0, content_type.find(';')));
}
}  // namespace

bool is_media_type(std::string_view content_type, std::string_view media_type) {
  return http::equals_ignoring_case(without_parameters(content_type), media_type);
}

bool is_json(std::string_view content_type) {
  constexpr std::string_view kSuffix = "+json";
  const auto type = without_parameters(content_type);
  return http::equals_ignoring_case(type, "application/json") ||
         http::equals_ignoring_case(type.substr(type.size() - std::min(type.size(), kSuffix.size())), kSuffix);
}

bool is_encoded(std::string_view content_encoding) {
  while (!content_encoding.empty()) {
    const auto coding = http::take_element(content_encoding);
    if (!coding.empty() && !http::equals_ignoring_case(coding, "identity")) return true;
  }
  return false;
}

Result<std::optional<std::int64_t>> expected_version(const http::Headers& headers) {
  const auto malformed = [] { return invalid("If-Match", "must be a version in quotes, like \"7\""); };
  auto list = headers.get("If-Match");
  std::optional<std::int64_t> expected;
  if (!headers.has("If-Match") || list == "*") return expected;
  while (!list.empty()) {
    const auto tag = http::take_element(list);
    if (tag.empty()) continue;
    if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return malformed();
    const auto version = plain_integer(tag.substr(1, tag.size() - 2));
    if (!version) return malformed();
    if (expected.value_or(*version) != *version) return invalid("If-Match", "must name one version");
    expected = version;
  }
  if (!expected) return malformed();
  return expected;
}

}  // namespace parley::endpoint
