#include "api/endpoint/answers.h"

#include <algorithm>
#include <stdexcept>

#include "api/http/url.h"

namespace parley::endpoint {

bool is_target(std::string_view url) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7F' && c != '\\' && c != '?' && c != '#' && c != '"'; };
  if (!std::ranges::all_of(url, is_plain)) return false;
  if (url.starts_with('/')) return !url.starts_with("//");
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!url.starts_with(scheme)) continue;
    const auto authority = url.substr(scheme.size(), url.find('/', scheme.size()) - scheme.size());
    return !authority.empty() && !authority.contains('@');
  }
  return false;
}

std::string location(const Redirect& redirect) {
  auto url = redirect.to->url;
  char before = '?';
  for (const auto& [name, value] : redirect.query) {
    url.append(1, before).append(http::percent_encode(name)).append("=").append(http::percent_encode(value));
    before = '&';
  }
  if (url.size() > kLocationBytesMax) throw std::length_error("a Location is too long");
  return url;
}

Body AnswerCodec<PlainText>::body(const PlainText& out) {
  return {{.status = 0,
           .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
           .body = out.text}};
}

Body AnswerCodec<Redirect>::body(const Redirect& out) {
  if (out.to == nullptr) throw std::logic_error("a redirect without a target");
  // A state in the query is the next page's alone.
  return {.response = {.status = 0,
                       .headers = {{"Location", location(out)}, {"Referrer-Policy", "no-referrer"}},
                       .body = {}},
          .redirect = out.to};
}

}  // namespace parley::endpoint
