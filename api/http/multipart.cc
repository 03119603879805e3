#include "api/http/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/http/message.h"

namespace parley::http {
namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046, 5.1.1

std::unexpected<MultipartProblem> malformed(std::string field, std::string issue) {
  return std::unexpected(MultipartProblem{std::move(field), std::move(issue)});
}

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_token_character(char c) { return is_alphanumeric(c) || std::string_view{"!#$%&'*+-.^_`|~"}.contains(c); }

struct Parameter {
  std::string_view name;
  std::string value;
};
/// Takes `; name=value` off the front; nothing for what is not one.
std::optional<Parameter> take_parameter(std::string_view& text) {
  text = trimmed(text);
  if (!text.starts_with(';')) return std::nullopt;
  text = trimmed(text.substr(1));
  const auto name_end = std::ranges::find_if_not(text, is_token_character) - text.begin();
  Parameter parameter{text.substr(0, static_cast<std::size_t>(name_end)), {}};
  text.remove_prefix(static_cast<std::size_t>(name_end));
  if (parameter.name.empty() || !text.starts_with('=')) return std::nullopt;
  text.remove_prefix(1);
  if (!text.starts_with('"')) {
    const auto end = std::ranges::find_if_not(text, is_token_character) - text.begin();
    parameter.value = text.substr(0, static_cast<std::size_t>(end));
    text.remove_prefix(static_cast<std::size_t>(end));
    return parameter.value.empty() ? std::nullopt : std::optional(std::move(parameter));
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return parameter;
    }
    // Of a path of Windows a backslash is itself; browsers write a quotation mark as %22.
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    parameter.value += text[i];
  }
  return std::nullopt;
}

std::string without_escapes(std::string text) {
  constexpr std::string_view kQuote = "%22";
  for (auto at = text.find(kQuote); at != std::string::npos; at = text.find(kQuote, at + 1))
    text.replace(at, kQuote.size(), "\"");
  return text;
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
}

/// Reads `form-data; name="a"; filename="b"`. False for anything else.
bool read_disposition(std::string_view value, MultipartReader::Part& part) {
  constexpr std::string_view kFormData = "form-data";
  if (!equals_ignoring_case(value.substr(0, kFormData.size()), kFormData)) return false;
  value.remove_prefix(kFormData.size());
  bool has_name = false;
  while (!trimmed(value).empty()) {
    auto parameter = take_parameter(value);
    if (!parameter) return false;
    if (equals_ignoring_case(parameter->name, "name")) {
      if (std::exchange(has_name, true)) return false;
      part.name = without_escapes(std::move(parameter->value));
    } else if (equals_ignoring_case(parameter->name, "filename")) {
      if (part.file_name) return false;
      part.file_name = without_escapes(std::move(parameter->value));
    }
  }
  return has_name && !part.name.empty();
}

/// False for lines that are not a part's head. `lines` ends with the last CRLF.
bool read_part(std::string_view lines, MultipartReader::Part& part) {
  bool has_disposition = false, has_type = false;
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        !std::ranges::all_of(line.substr(0, colon), is_token_character))
      return false;
    const auto value = trimmed(line.substr(colon + 1));
    if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; }))
      return false;
    const auto name = line.substr(0, colon);
    if (equals_ignoring_case(name, "content-disposition")) {
      if (std::exchange(has_disposition, true) || !read_disposition(value, part)) return false;
    } else if (equals_ignoring_case(name, "content-type")) {
      if (std::exchange(has_type, true)) return false;
      part.content_type = value;
    } else if (equals_ignoring_case(name, "content-transfer-encoding")) {
      if (!equals_ignoring_case(value, "binary") && !equals_ignoring_case(value, "8bit") &&
          !equals_ignoring_case(value, "7bit"))
        return false;
    }
  }
  return has_disposition && is_plain(part.name) && is_plain(part.file_name.value_or("")) && is_plain(part.content_type);
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  constexpr std::string_view kType = "multipart/form-data";
  if (!equals_ignoring_case(content_type.substr(0, kType.size()), kType)) return std::nullopt;
  content_type.remove_prefix(kType.size());
  std::optional<std::string> boundary;
  while (!trimmed(content_type).empty()) {
    auto parameter = take_parameter(content_type);
    if (!parameter) return std::nullopt;
    if (!equals_ignoring_case(parameter->name, "boundary")) continue;
    if (boundary) return std::nullopt;
    boundary = std::move(parameter->value);
  }
  const auto is_allowed = [](char c) { return is_alphanumeric(c) || std::string_view{"'()+_,-./:=? "}.contains(c); };
  if (!boundary || boundary->empty() || boundary->size() > kBoundaryMax || boundary->ends_with(' ') ||
      !std::ranges::all_of(*boundary, is_allowed))
    return std::nullopt;
  return boundary;
}

std::expected<void, MultipartProblem> MultipartReader::feed(std::string_view bytes) {
  // What a step takes off the front is short, unless it is all that there is.
  pending_.append(bytes);
  for (;;) {
    const auto went_on = step();
    if (!went_on) return std::unexpected(went_on.error());
    if (!*went_on) return {};
  }
}

std::expected<void, MultipartProblem> MultipartReader::finish() const {
  if (state_ != State::after || pending_ == "\r") return malformed("body", "must end with its last boundary");
  return {};
}

MultipartReader::Step MultipartReader::step() {
  switch (state_) {
    case State::begin:
      return read_begin();
    case State::boundary:
      return read_boundary();
    case State::head:
      return read_head();
    case State::data:
      return read_data();
    case State::after:
      return read_after();
  }
  std::unreachable();
}

MultipartReader::Step MultipartReader::read_begin() {
  const auto boundary = std::string_view{delimiter_}.substr(2);
  const auto come = std::min(pending_.size(), boundary.size());
  if (std::string_view{pending_}.substr(0, come) != boundary.substr(0, come))
    return malformed("body", "must begin with its boundary");
  if (come < boundary.size()) return false;
  pending_.erase(0, boundary.size());
  state_ = State::boundary;
  return true;
}

MultipartReader::Step MultipartReader::read_boundary() {
  if (pending_.size() < 2) return false;
  const bool is_last = pending_.starts_with("--");
  if (!is_last && !pending_.starts_with("\r\n"))
    return malformed("body", "must have boundaries that stand alone in their lines");
  pending_.erase(0, 2);
  if (!is_last && parts_++ == parts_max_)
    return malformed("body", fmt::format("must have at most {} parts", parts_max_));
  state_ = is_last ? State::after : State::head;
  return true;
}

MultipartReader::Step MultipartReader::read_head() {
  const auto end = pending_.find("\r\n\r\n");
  const auto lines = std::string_view{pending_}.substr(0, end == std::string::npos ? end : end + 2);
  // The last three bytes of an unfinished head may belong to its end.
  if (lines.size() > kHeadBytesMax + (end == std::string::npos ? 3 : 0))
    return malformed("body", fmt::format("must have parts whose head is at most {} bytes", kHeadBytesMax));
  if (end == std::string::npos) return false;
  Part part;
  if (!read_part(lines, part))
    return malformed(
        "body",
        fmt::format("must have parts with a form-data Content-Disposition and a name: part {} has none", parts_));
  pending_.erase(0, end + 4);
  state_ = State::data;
  if (auto begun = receiver_.begin(std::move(part)); !begun) return std::unexpected(std::move(begun.error()));
  return true;
}

MultipartReader::Step MultipartReader::read_data() {
  const auto at = pending_.find(delimiter_);
  const bool is_whole = at != std::string::npos;
  const std::size_t come = is_whole ? at : pending_.size() - std::min(pending_.size(), delimiter_.size() - 1);
  if (come != 0) {
    if (auto taken = receiver_.data(std::string_view{pending_}.substr(0, come)); !taken)
      return std::unexpected(std::move(taken.error()));
  }
  pending_.erase(0, is_whole ? at + delimiter_.size() : come);
  if (!is_whole) return false;
  state_ = State::boundary;
  if (auto ended = receiver_.end(); !ended) return std::unexpected(std::move(ended.error()));
  return true;
}

MultipartReader::Step MultipartReader::read_after() {
  if (!std::string_view{"\r\n"}.starts_with(pending_)) return malformed("body", "must end with its last boundary");
  return false;
}

}  // namespace parley::http
