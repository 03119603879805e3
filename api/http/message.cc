#include "api/http/message.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

namespace parley::http {
namespace {

constexpr std::size_t kRequestIdLengthMax = 128;
constexpr std::string_view kHexDigits = "0123456789abcdef";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_alphanumeric(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

void join(Headers::Field& field, std::string_view value) {
  field.second.append(equals_ignoring_case(field.first, "cookie") ? "; " : ", ").append(value);
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kOptionalWhiteSpace = " \t";
  const auto first = text.find_first_not_of(kOptionalWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kOptionalWhiteSpace) - first + 1);
}

std::string_view take_element(std::string_view& list) {
  const auto element = list.substr(0, list.find(','));
  list.remove_prefix(std::min(list.size(), element.size() + 1));
  return trimmed(element);
}

const Headers::Field* Headers::find(std::string_view name) const {
  const auto it =
      std::ranges::find_if(fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
  return it == fields_.end() ? nullptr : &*it;
}

Headers Headers::joined(std::vector<Field> lines) {
  std::vector<std::pair<std::string, std::size_t>> by_name;  // in lower case, and where its line is
  by_name.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    by_name.emplace_back(lines[i].first, i);
    std::ranges::transform(by_name.back().first, by_name.back().first.begin(), lower);
  }
  std::ranges::sort(by_name);
  std::vector<bool> is_joined(lines.size());
  for (std::size_t i = 1, first = 0; i < by_name.size(); ++i) {
    if (by_name[i].first != by_name[first].first) {
      first = i;
      continue;
    }
    join(lines[by_name[first].second], lines[by_name[i].second].second);
    is_joined[by_name[i].second] = true;
  }
  Headers headers;
  headers.fields_.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!is_joined[i]) headers.fields_.push_back(std::move(lines[i]));
  }
  return headers;
}

void Headers::combine(std::string_view name, std::string_view value) {
  const auto it =
      std::ranges::find_if(fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
  if (it == fields_.end()) {
    fields_.emplace_back(name, value);
  } else {
    join(*it, value);
  }
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
  fields_.emplace_back(name, std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  const Field* field = find(name);
  return field == nullptr ? std::string_view{} : std::string_view{field->second};
}

std::optional<std::string_view> Parameters::find(std::string_view name) const {
  const auto it = std::ranges::find(items_, name, &Item::first);
  if (it == items_.end()) return std::nullopt;
  return it->second;
}

OpenFile::~OpenFile() { ::close(descriptor_); }

Response Response::json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

bool is_well_formed_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdLengthMax &&
         std::ranges::all_of(id, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

std::string new_request_id() {
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  const std::uint64_t high = (milliseconds << 16) | 0x7000U | (random() & 0x0FFFU);
  const std::uint64_t low = (random() & 0x3FFFFFFFFFFFFFFFULL) | 0x8000000000000000ULL;

  std::string id;
  id.reserve(36);
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) id.push_back('-');
    const std::uint64_t half = nibble < 16 ? high : low;
    id.push_back(kHexDigits[(half >> (60 - 4 * (nibble % 16))) & 0xFU]);
  }
  return id;
}

}  // namespace parley::http
