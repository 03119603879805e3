#pragma once
// Header fields that endpoints read alike, in every spelling that HTTP has for them.
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/endpoint/failure.h"
#include "api/http/message.h"

namespace parley::endpoint {

/// The token of `Authorization: Bearer <token>` (RFC 9110, 11.4): the scheme in any case, then one blank or several.
/// Empty for anything else.
std::string_view bearer_token(std::string_view authorization);

/// Whether a Content-Type is "application/json" or of some "+json", in any case and whatever its parameters (RFC
/// 9110, 8.3).
bool is_json(std::string_view content_type);
/// Whether a Content-Type is this media type, in any case and whatever its parameters.
bool is_media_type(std::string_view content_type, std::string_view media_type);

/// Whether a Content-Encoding says that the body is encoded; "identity" is no coding.
bool is_encoded(std::string_view content_encoding);

/// If-Match: an entity tag as this API gives it, the version in quotes, or a list of them that names one version: a
/// command is for one. "*" asks for nothing that a command does not ask anyway.
Result<std::optional<std::int64_t>> expected_version(const http::Headers& headers);

}  // namespace parley::endpoint
