#include "api/endpoint/file_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/http/url.h"
#include "platform/text/printable.h"

namespace parley::endpoint {
namespace {

constexpr std::size_t kNameBytesMax = 200;  // encoded three times as many, which a header field still holds

struct Range {
  std::size_t first;
  std::size_t bytes;
};

/// The one range of a Range field, as it lies in so many bytes; nothing for any other field.
std::optional<Range> range_of(std::string_view field, std::size_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!http::equals_ignoring_case(field.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  field = http::trimmed(field.substr(kUnit.size()));
  const auto dash = field.find('-');
  if (dash == std::string_view::npos || size == 0) return std::nullopt;
  const auto number = [](std::string_view text) -> std::optional<std::size_t> {
    constexpr std::size_t kDigitsMax = 18;
    if (text.empty() || text.size() > kDigitsMax) return std::nullopt;
    std::size_t value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<std::size_t>(c - '0');
    }
    return value;
  };
  const auto first = number(field.substr(0, dash)), last = number(field.substr(dash + 1));
  if (dash == 0) {  // the last so many
    if (!last || *last == 0) return std::nullopt;
    const auto bytes = std::min(*last, size);
    return Range{size - bytes, bytes};
  }
  if (!first || *first >= size || (!last && dash + 1 != field.size()) || (last && *last < *first)) return std::nullopt;
  return Range{*first, std::min(last.value_or(size - 1), size - 1) - *first + 1};
}

/// Whether If-None-Match names the tag (weak comparison, RFC 9110, 13.1.2).
bool is_known(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    auto element = http::take_element(list);
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == "*" || element == tag) return true;
  }
  return false;
}

/// A file's name without what would be a path or a control character.
std::string plain_name(std::string_view name) {
  std::string plain = text::valid_utf8(name);
  if (plain.size() > kNameBytesMax) {
    std::size_t end = kNameBytesMax;
    while (end > 0 && (plain[end] & 0xC0) == 0x80) --end;
    plain.resize(end);
  }
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F' || c == '/' || c == '\\') c = '_';
  }
  return plain;
}

}  // namespace

std::string content_disposition(std::string_view name, bool is_shown) {
  std::string field = is_shown ? "inline" : "attachment";
  if (name.empty()) return field;
  const auto plain = plain_name(name);
  std::string ascii;
  for (const char c : plain) {
    if ((c & 0xC0) == 0x80) continue;  // one sign for each character
    ascii += c < ' ' || c == '"' || c == '%' ? '_' : c;
  }
  field += fmt::format("; filename=\"{}\"", ascii);
  if (ascii != plain) field += "; filename*=UTF-8''" + http::percent_encode(plain);
  return field;
}

Failure failure_of(files::FileError error) {
  switch (error) {
    case files::FileError::not_found:
      return kNotFound;
    case files::FileError::busy:
      return kOverloaded;
    case files::FileError::unavailable:
      return kUnavailable;
  }
  return kInternalError;
}

http::Response file_response(File file, const http::Headers& request) {
  http::Response response{.status = 200,
                          .headers = {{"Content-Type", file.media_type},
                                      {"Content-Disposition", content_disposition(file.name, file.is_shown)},
                                      {"X-Content-Type-Options", "nosniff"}},
                          .body = {}};
  auto* found = std::get_if<files::FoundFile>(&file.content);
  if (!file.tag.empty()) response.headers.set("Cache-Control", "private, no-cache");  // kept, and asked for each time
  if (found != nullptr && !found->edge_path.empty()) {
    response.headers.set("X-Accel-Redirect", found->edge_path);
    return response;
  }
  const auto tag = file.tag.empty() ? std::string() : '"' + file.tag + '"';
  if (!tag.empty()) {
    response.headers.set("ETag", tag);
    if (is_known(request.get("If-None-Match"), tag)) {
      response.status = 304;
      return response;
    }
  }
  response.headers.set("Accept-Ranges", "bytes");
  const std::size_t size = found != nullptr ? found->content.bytes : std::get<std::string>(file.content).size();
  const bool is_divided = !request.has("If-Range") || (!tag.empty() && request.get("If-Range") == tag);
  const auto range = is_divided ? range_of(request.get("Range"), size) : std::nullopt;
  if (range) {
    response.status = 206;
    response.headers.set("Content-Range",
                         fmt::format("bytes {}-{}/{}", range->first, range->first + range->bytes - 1, size));
  }
  const auto part = range.value_or(Range{0, size});
  if (found != nullptr) {
    response.file = std::move(found->content);
    response.file->offset += part.first;
    response.file->bytes = part.bytes;
  } else {
    response.body = range ? std::get<std::string>(file.content).substr(part.first, part.bytes)
                          : std::move(std::get<std::string>(file.content));
  }
  return response;
}

}  // namespace parley::endpoint
