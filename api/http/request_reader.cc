#include "api/http/request_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "api/http/url.h"

namespace parley::http {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kMethodLengthMax = 32;
constexpr std::size_t kBodyBytesFirst =
    4'096;  // room is made for what has come, not for what is announced, and doubled from here
constexpr Refusal kBadRequest{};
constexpr Refusal kLengthRequired{411, "LENGTH_REQUIRED"};
constexpr Refusal kUriTooLong{414, "URI_TOO_LONG"};
constexpr Refusal kExpectationFailed{417, "EXPECTATION_FAILED"};
constexpr Refusal kHeadersTooLarge{431, "HEADERS_TOO_LARGE"};
constexpr Refusal kOverloaded{503, "OVERLOADED"};
constexpr Refusal kVersionNotSupported{505, "HTTP_VERSION_NOT_SUPPORTED"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_token(std::string_view text) {  // RFC 9110, 5.6.2
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || is_letter(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }
bool is_visible_ascii(char c) { return c > 0x20 && c < 0x7F; }

/// In `text` from `begin` on.
bool has_bare_line_feed(std::string_view text, std::size_t begin) {
  for (auto at = text.find('\n', begin); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return true;
  }
  return false;
}

bool lists_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    if (equals_ignoring_case(take_element(list), token)) return true;
  }
  return false;
}

bool is_host(std::string_view host) {
  return std::ranges::all_of(host, [](char c) {
    return is_visible_ascii(c) && std::string_view{"/?#@,\\<>\"{}|^`"}.find(c) == std::string_view::npos;
  });
}

/// A target in origin form as it is, and one in absolute form without its scheme and authority; nothing for any other.
std::optional<std::string> origin_form(std::string_view target) {
  if (target.starts_with('/')) return std::string(target);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::string_view authority = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(authority.size());
    if (authority.empty() || !is_host(authority)) return std::nullopt;
    return (target.starts_with('/') ? "" : "/") + std::string(target);
  }
  return std::nullopt;
}

std::optional<Refusal> read_request_line(std::string_view line, const RequestLimits& limits, RequestHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return kBadRequest;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);

  if (method.size() > kMethodLengthMax || !is_token(method)) return kBadRequest;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool is_version = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                            version[6] == '.' && is_digit(version[7]);
    return is_version ? kVersionNotSupported : kBadRequest;
  }
  if (target.size() > limits.target_bytes_max) return kUriTooLong;
  head.method = method;
  head.http10 = version == "HTTP/1.0";
  if (target.contains('#') || !std::ranges::all_of(target, is_visible_ascii)) return kBadRequest;
  const auto asked = origin_form(target);
  if (!asked) return kBadRequest;
  const auto question = asked->find('?');
  auto path = normalised_path(std::string_view{*asked}.substr(0, question));
  if (!path) return kBadRequest;
  head.path = std::move(*path);
  if (question != std::string::npos) head.query = asked->substr(question + 1);
  return std::nullopt;
}

Refusal too_many_lines(const RequestLimits& limits) {
  auto refusal = kHeadersTooLarge;
  refusal.field = "header";
  refusal.issue = "must have at most # lines";
  refusal.most = limits.header_lines_max;
  return refusal;
}

std::optional<Refusal> read_fields(std::string_view lines, const RequestLimits& limits,
                                   std::vector<Headers::Field>& fields) {
  constexpr std::array<std::string_view, 2> kOnce{"content-length", "host"};
  std::array<bool, kOnce.size()> came{};
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    if (fields.size() == limits.header_lines_max) return too_many_lines(limits);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return kBadRequest;
    const std::string_view name = line.substr(0, colon);  // also refuses a folded line: it begins with a blank
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name) || std::ranges::any_of(value, is_control)) return kBadRequest;
    for (std::size_t i = 0; i < kOnce.size(); ++i) {
      if (equals_ignoring_case(name, kOnce[i]) && std::exchange(came[i], true)) return kBadRequest;
    }
    fields.emplace_back(name, value);
  }
  return std::nullopt;
}

/// What was understood before a refusal stays in the head: the answer's language is among it.
std::optional<Refusal> read_header_lines(std::string_view lines, const RequestLimits& limits, RequestHead& head) {
  std::vector<Headers::Field> fields;
  const auto refusal = read_fields(lines, limits, fields);
  head.headers = Headers::joined(std::move(fields));
  return refusal;
}

std::optional<Refusal> read_framing(const RequestLimits& limits, RequestHead& head) {
  const Headers& headers = head.headers;
  if (!(headers.has("host") || head.http10) || !is_host(headers.get("host"))) return kBadRequest;
  if (headers.has("transfer-encoding")) return kLengthRequired;
  if (headers.has("content-length")) {
    const std::string_view length = headers.get("content-length");
    if (length.empty() || !std::ranges::all_of(length, is_digit)) return kBadRequest;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), head.content_length);
    if (error != std::errc{}) return body_too_large(limits.body_bytes_max);
  }
  if (headers.has("expect") && !head.http10) {
    if (!equals_ignoring_case(headers.get("expect"), "100-continue")) return kExpectationFailed;
    head.expects_continue = true;
  }
  const std::string_view connection = headers.get("connection");
  head.keep_alive = head.http10 ? lists_token(connection, "keep-alive") : !lists_token(connection, "close");
  return std::nullopt;
}

std::optional<Refusal> read_head(std::string_view text, const RequestLimits& limits, RequestHead& head) {
  const auto line_end = text.find("\r\n");
  const auto refusal = read_request_line(text.substr(0, line_end), limits, head);
  if (text.size() > limits.head_bytes_max) return refusal ? refusal : kHeadersTooLarge;
  // Those of a request line that is refused too: they name the language of the answer, and the origin of the page that
  // may read it.
  const auto fields_refusal = read_header_lines(text.substr(line_end + 2), limits, head);
  if (refusal || fields_refusal) return refusal ? refusal : fields_refusal;
  return read_framing(limits, head);
}

}  // namespace

Refusal body_too_large(std::size_t bytes_max) {
  return {413, "PAYLOAD_TOO_LARGE", "body", "must be at most # bytes", bytes_max};
}

RequestReader::Progress RequestReader::feed(std::string_view bytes) {
  if (in_body_) return feed_body(bytes);

  const std::size_t seen = raw_head_.size();
  if (!share_.resize(seen + bytes.size())) return kOverloaded;
  raw_head_.append(bytes);
  if (!begun_ && raw_head_.size() >= 2) {
    begun_ = true;
    if (raw_head_.starts_with("\r\n")) raw_head_.erase(0, 2);  // RFC 9112, 2.2: an empty line before a request
  }
  const auto end = raw_head_.find(kHeadEnd, seen < kHeadEnd.size() ? 0 : seen - kHeadEnd.size());
  const std::string_view text = std::string_view{raw_head_}.substr(0, end == std::string::npos ? end : end + 2);
  // What came before this piece was looked at then; but for the first two bytes, which may have been an empty line.
  if (has_bare_line_feed(text, seen < 2 ? 0 : seen)) return kBadRequest;
  if (end == std::string::npos) {
    // All of kHeadEnd but its last byte may have come: a head that fits must not be refused for the pieces in which it
    // comes.
    if (text.size() < limits_.head_bytes_max + 2) return NeedMore{};
    return text.contains("\r\n") ? kHeadersTooLarge : kUriTooLong;
  }
  if (auto refusal = read_head(text, limits_, head_)) return *refusal;

  const std::string rest = raw_head_.substr(end + kHeadEnd.size());
  raw_head_ = {};  // frees it: most connections are idle most of the time
  begun_ = false;
  in_body_ = true;
  head_bytes_ = end;
  if (auto ended = begin_body()) return *ended;
  const Progress progress = feed_body(rest);
  return std::holds_alternative<NeedMore>(progress) ? HeadDone{} : progress;
}

std::optional<RequestReader::Progress> RequestReader::begin_body() {
  auto plan = plan_ ? plan_(head_) : BodyPlan{};
  if (const auto* refusal = std::get_if<Refusal>(&plan)) return *refusal;
  auto* into = std::get_if<IntoSink>(&plan);
  if (into == nullptr) {
    if (head_.content_length > limits_.body_bytes_max) return body_too_large(limits_.body_bytes_max);
    return std::nullopt;
  }
  if (!into->sink) return end_early();
  if (!share_.resize(head_bytes_ + into->sink->memory_bytes_max())) return kOverloaded;
  sink_ = std::move(into->sink);
  return std::nullopt;
}

RequestReader::Progress RequestReader::end_early() {
  head_.keep_alive = false;
  in_body_ = false;
  return Complete{};
}

RequestReader::Progress RequestReader::feed_sink(std::string_view bytes) {
  if (bytes.size() > head_.content_length - sunk_bytes_) return kBadRequest;
  sunk_bytes_ += bytes.size();
  if (!bytes.empty() && !sink_->take(bytes)) return end_early();
  if (sunk_bytes_ < head_.content_length) return NeedMore{};
  in_body_ = false;
  return Complete{};
}

RequestReader::Progress RequestReader::feed_body(std::string_view bytes) {
  if (sink_) return feed_sink(bytes);
  if (bytes.size() > head_.content_length - body_.size()) return kBadRequest;
  if (const std::size_t needed = body_.size() + bytes.size(); needed > body_.capacity()) {
    const std::size_t room = std::min(head_.content_length, std::max({needed, 2 * body_.size(), kBodyBytesFirst}));
    if (!share_.resize(head_bytes_ + room)) return kOverloaded;
    body_.reserve(room);
  }
  body_.append(bytes);
  if (body_.size() < head_.content_length) return NeedMore{};
  in_body_ = false;
  return Complete{};
}

RequestHead RequestReader::take_head() { return std::exchange(head_, {}); }
std::string RequestReader::take_body() { return std::exchange(body_, {}); }
std::shared_ptr<BodySink> RequestReader::take_sink() {
  sunk_bytes_ = 0;
  return std::exchange(sink_, {});
}
ByteBudget::Share RequestReader::take_share() { return std::exchange(share_, ByteBudget::Share(budget_)); }

}  // namespace parley::http
