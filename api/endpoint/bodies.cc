#include "api/endpoint/bodies.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/endpoint/header_fields.h"
#include "api/http/url.h"
#include "platform/text/printable.h"

namespace parley::endpoint {
namespace {

std::unexpected<Failure> unsupported(std::string field, std::string issue) {
  return fail({kUnsupportedMediaType, {std::move(field), std::move(issue)}});
}
std::unexpected<Failure> malformed(std::string field, std::string issue) {
  return fail({kBadRequest, {std::move(field), std::move(issue)}});
}

}  // namespace

Result<std::vector<FormPair>> form_pairs(std::string_view encoded) {
  std::vector<FormPair> pairs;
  while (!encoded.empty()) {
    const auto piece = encoded.substr(0, encoded.find('&'));
    encoded.remove_prefix(std::min(encoded.size(), piece.size() + 1));
    if (piece.empty()) continue;
    if (pairs.size() == kFormPairsMax)
      return malformed("body", fmt::format("must have at most {} parameters", kFormPairsMax));
    const auto equals = std::min(piece.find('='), piece.size());
    auto name = http::percent_decode(piece.substr(0, equals), http::Plus::space);
    if (!name || text::valid_utf8(*name) != *name) return malformed("body", "a field's name must be plain text");
    auto value = http::percent_decode(piece.substr(std::min(equals + 1, piece.size())), http::Plus::space);
    if (!value) return malformed(*name, "must be percent-encoded, and not contain the NUL character");
    if (text::valid_utf8(*value) != *value) return malformed(*name, "must be UTF-8");
    pairs.push_back({std::move(*name), std::move(*value)});
  }
  return pairs;
}

Result<std::vector<FormPair>> form_of(const http::Request& request) {
  if (!request.body.empty()) {
    const auto type = request.headers.get("Content-Type");
    if (!type.empty() && !is_media_type(type, "application/x-www-form-urlencoded"))
      return unsupported("Content-Type", "must be application/x-www-form-urlencoded");
    if (is_encoded(request.headers.get("Content-Encoding"))) return unsupported("Content-Encoding", "is not supported");
  }
  return form_pairs(request.body);
}

Result<json::Document> json_of(const http::Request& request) {
  if (!request.body.empty()) {
    const auto type = request.headers.get("Content-Type"), coding = request.headers.get("Content-Encoding");
    if (!type.empty() && !is_json(type)) return unsupported("Content-Type", "must be application/json");
    if (is_encoded(coding)) return unsupported("Content-Encoding", "is not supported");
  }
  if (request.body.contains('\0')) return malformed("body", "must not contain the NUL character");
  auto document = json::Document::parse(request.body.empty() ? "{}" : request.body, json::Strict::yes);
  if (document) return std::move(*document);
  auto& error = document.error();
  if (!error.of_a_field) return malformed("body", std::move(error.issue));
  return fail(at_body({std::move(error.field), std::move(error.issue)}));
}

schema::Problem at_body(schema::Problem problem) {
  if (problem.field.empty()) problem.field = "body";
  return problem;
}

}  // namespace parley::endpoint
