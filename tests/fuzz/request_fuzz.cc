// The screening of requests, and the decoding of what passes it. The first byte of an input seeds the sizes of the
// pieces in which the rest arrives, because that must make no difference.
#include <pistache/http.h>

#include <algorithm>
#include <string>

#include "api/http/request_reader.h"
#include "api/http/routes.h"
#include "api/http/url.h"
#include "tests/fuzz/fuzz_input.h"

namespace parley::http {
namespace {

using fuzz::must;

constexpr RequestLimits kLimits{
    .target_bytes_max = 96, .head_bytes_max = 256, .header_lines_max = 6, .body_bytes_max = 64};  // within reach

struct Reading {
  enum class End { complete, refused, unfinished } end = End::unfinished;
  std::size_t used = 0;  ///< Bytes fed until then.
  int heads = 0;         ///< How often the head alone was reported.
  RequestHead head;
  std::string body;
};

template <class PieceSize>
Reading read(std::string_view bytes, PieceSize piece_size) {
  RequestReader reader(kLimits);
  Reading reading;
  while (reading.used < bytes.size() && reading.end == Reading::End::unfinished) {
    const auto piece = bytes.substr(reading.used, piece_size());
    reading.used += piece.size();
    const auto progress = reader.feed(piece);
    reading.heads += std::holds_alternative<RequestReader::HeadDone>(progress) ? 1 : 0;
    if (std::holds_alternative<Refusal>(progress)) reading.end = Reading::End::refused;
    if (std::holds_alternative<RequestReader::Complete>(progress)) reading.end = Reading::End::complete;
  }
  if (reading.end == Reading::End::complete) {
    reading.head = reader.take_head();
    reading.body = reader.take_body();
  }
  return reading;
}

bool same(const RequestHead& a, const RequestHead& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && std::ranges::equal(a.headers, b.headers) &&
         a.content_length == b.content_length && a.http10 == b.http10 && a.keep_alive == b.keep_alive &&
         a.expects_continue == b.expects_continue;
}

void check_same(const Reading& whole, const Reading& pieces, std::string_view bytes) {
  must(pieces.heads <= 1, "a head is reported once");
  if (pieces.end == Reading::End::complete && pieces.used < bytes.size()) {
    // Whoever reads in pieces stops at the request's end; in one piece, what follows it is refused as pipelining.
    must(whole.end == Reading::End::refused, "bytes beyond a request are refused");
    const auto alone = read(bytes.substr(0, pieces.used), [&] { return bytes.size(); });
    must(alone.end == Reading::End::complete && same(alone.head, pieces.head) && alone.body == pieces.body,
         "pieces make no difference");
    return;
  }
  must(whole.end == pieces.end, "pieces decide nothing");
  must(same(whole.head, pieces.head) && whole.body == pieces.body, "pieces make no difference");
}

std::string percent_encode_all(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string encoded;
  for (const char c : text)
    encoded.append({'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[static_cast<unsigned char>(c) & 15]});
  return encoded;
}

void check_decoding(std::string_view encoded, Plus plus) {
  const auto decoded = percent_decode(encoded, plus);
  if (!decoded) return;
  must(decoded->size() <= encoded.size(), "decoding does not lengthen");
  must(decoded->find('\0') == std::string::npos, "nothing decodes to NUL");
  must(percent_decode(percent_encode_all(*decoded), plus) == decoded, "what was decoded survives its encoding");
}

void check_query(std::string_view query) {
  auto parameters = parse_query("");
  fuzz::must_be_linear(query.size(), "a query is read in linear space", [&] { parameters = parse_query(query); });
  if (!parameters) return;
  must(static_cast<std::size_t>(std::ranges::distance(*parameters)) <= kQueryParametersMax,
       "a query has a bounded number of parameters");
  std::string again;
  for (const auto& [name, value] : *parameters) {
    must(parameters->find(name) == value, "a key stands once");
    again.append(again.empty() ? "" : "&")
        .append(percent_encode_all(name))
        .append("=")
        .append(percent_encode_all(value));
  }
  const auto reparsed = parse_query(again);
  must(reparsed && std::ranges::equal(*reparsed, *parameters), "a query survives its encoding");
}

void check_path(std::string_view raw) {
  const auto path = normalised_path(raw);
  if (!path) return;
  must(path->size() <= raw.size() && path->starts_with('/') && (path->size() == 1 || !path->ends_with('/')),
       "a normalised path is a path");
  must(normalised_path(*path) == path, "a normalised path stays as it is");
  must(percent_decode(*path, Plus::literal).has_value(), "a normalised path can be decoded");
}

/// As the acceptor asks Pistache: a GET of the path, without headers.
void check_parser(const std::string& path) {
  static Pistache::Http::RequestParser parser(kLimits.head_bytes_max);
  const std::string line = "GET " + path + " HTTP/1.1\r\n\r\n";
  try {
    parser.reset();
    if (!parser.feed(line.data(), line.size()) || parser.parse() != Pistache::Http::Private::State::Done) return;
  } catch (const std::exception&) {
    return;  // refused
  }
  must(parser.request.resource() == path, "the parser sees the path that was screened");
}

const Routes& routes() {
  static const Routes table = [] {
    Routes routes;
    for (const char* pattern :
         {"/api/dialogs", "/api/dialogs/{id}", "/api/dialogs/{id}/messages", "/api/{section}/mine", "/openapi.json"}) {
      routes.add("GET", pattern, [](Request, const Responder&) {});
    }
    return routes;
  }();
  return table;
}

void check_route(std::string_view path) {
  const auto match = routes().match(path);
  if (match.path == nullptr) return;
  const auto* endpoint = Routes::endpoint(*match.path, "GET");
  must(endpoint != nullptr && endpoint->parameter_names.size() == match.segments.size(),
       "a match has all its parameters");
  for (const auto& segment : match.segments) {
    must(!segment.contains('/') && path.contains(segment), "a parameter is a piece of the path");
    check_decoding(segment, Plus::literal);
  }
}

}  // namespace
}  // namespace parley::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace parley::http;
  if (size == 0) return 0;
  const auto bytes = parley::fuzz::text_of(input + 1, size - 1);
  Reading whole;
  parley::fuzz::must_be_linear(bytes.size(), "a request is read in linear space",
                               [&] { whole = read(bytes, [&] { return bytes.size(); }); });
  check_same(whole, read(bytes, [] { return 1; }), bytes);
  check_same(
      whole,
      read(bytes, [seed = static_cast<unsigned>(input[0])]() mutable { return 1 + (seed = seed * 197 + 41) % 23; }),
      bytes);
  check_query(bytes);
  check_path(bytes);
  check_decoding(bytes, Plus::literal);
  check_decoding(bytes, Plus::space);
  if (whole.end == Reading::End::complete) {
    parley::fuzz::must(static_cast<std::size_t>(std::ranges::distance(whole.head.headers)) <= kLimits.header_lines_max,
                       "a head has a bounded number of fields");
    parley::fuzz::must(
        normalised_path(whole.head.path) == whole.head.path && whole.body.size() == whole.head.content_length,
        "a request is whole");
    check_query(whole.head.query);
    check_parser(whole.head.path);
    check_route(whole.head.path);
  }
  return 0;
}
