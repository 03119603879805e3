// No input costs more than its size deserves: whatever a stranger may send is read in time that is at most linear in
// its bytes. Each row of the tables is the worst that is known of one input, at the size of its limit and at half of
// it; both are measured here, in one process, in time of the thread's own. An input that is new gets a row.
#include <gtest/gtest.h>
#include <pistache/http.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>

#include "api/auth/api_keys.h"
#include "api/auth/email.h"
#include "api/auth/tokens.h"
#include "api/endpoint/bodies.h"
#include "api/endpoint/cors.h"
#include "api/endpoint/file_answer.h"
#include "api/endpoint/idempotency.h"
#include "api/http/multipart.h"
#include "api/http/request_reader.h"
#include "api/http/routes.h"
#include "api/http/url.h"
#include "api/limits/address.h"
#include "api/streams/log_token.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/keyring.h"
#include "platform/text/address.h"
#include "platform/text/mailbox.h"
#include "platform/text/text.h"
#include "schemas/contexts/accounts.h"
#include "schemas/json_limits.h"
#include "schemas/point_in_time.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlower = 20;
#else
constexpr int kSlower = 1;
#endif
/// Twice the bytes cost twice the time; 4 is what a quadratic reader shows. What is sorted, and what caches do, lies
/// between.
constexpr double kRatioMax = 3;
/// So that a factor that hides in both sizes is seen too: a reader of ours takes 1 to 20 ns for a byte.
constexpr auto kByteMax = kSlower * 150ns;
constexpr auto kInputMax = kSlower * 30us;      // whatever its size
constexpr auto kCopiedByteMax = kSlower * 4ns;  // what does no more than copy depends on caches and pages, not on us
constexpr int kSpellingsMax = 4;  // forms() makes some spellings of an address, each of which costs what one text does
constexpr auto kAddressMax = kSlower * 1ms;
constexpr auto kMeasured = 1ms;
constexpr int kRounds = 3;
constexpr int kTries = 4;  // the machine is shared

std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

using Reader = std::function<void(const std::string&)>;
using Maker = std::function<std::string(std::size_t)>;

/// The least of some measurements, for neighbours only add to them.
std::chrono::duration<double, std::nano> cost(const Reader& read, const std::string& input) {
  std::chrono::duration<double, std::nano> least = 1h;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = thread_time();
    int times = 0;
    auto spent = 0ns;
    for (; spent < kMeasured || times == 0; spent = thread_time() - begin) {
      read(input);
      ++times;
    }
    least = std::min(least, std::chrono::duration<double, std::nano>(spent) / times);
  }
  return least;
}

/// `make` gives an input of about so many bytes.
void expect_linear(const std::string& name, const Maker& make, const Reader& read, std::size_t bytes_max,
                   int texts = 1) {
  const auto whole = make(bytes_max), half = make(bytes_max / 2);
  ASSERT_LE(whole.size(), bytes_max) << name;
  ASSERT_GE(whole.size(), bytes_max * 9 / 10) << name << ": is not of the size of the limit";
  std::string problem;
  for (int i = 0; i < kTries; ++i) {
    const auto of_whole = cost(read, whole), of_half = cost(read, half);
    problem.clear();
    if (of_whole > of_half * kRatioMax + kInputMax / 10 + whole.size() * kCopiedByteMax)
      problem = "grows faster than its bytes";
    if (of_whole > texts * (kInputMax + whole.size() * kByteMax)) problem += " takes too long for its bytes";
    if (problem.empty()) return;
    problem += ": " + std::to_string(of_whole.count() / 1e3) + " us for " + std::to_string(whole.size()) + " bytes, " +
               std::to_string(of_half.count() / 1e3) + " us for half of them";
  }
  ADD_FAILURE() << name << " " << problem;
}

std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes);
  while (text.size() + piece.size() <= bytes) text += piece;
  return text;
}
/// So many pieces, told apart by their last digits, with `between` them.
std::string numbered(std::string_view piece, std::size_t count, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text.append(i == 0 ? "" : between).append(piece).append(std::to_string(100'000 + i));
  return text;
}

struct Shape {
  std::string name;
  Maker make;
};
Shape filled(std::string name, std::string before, std::string piece, std::string after) {
  return {std::move(name),
          [=](std::size_t bytes) { return before + repeated(piece, bytes - before.size() - after.size()) + after; }};
}

/// Bodies, for whatever field.
std::vector<Shape> bodies() {
  return {
      {"a long name over many elements",
       [](std::size_t bytes) {
         const auto zeros = repeated("0,", bytes / 2 - 10);
         return R"({")" + std::string(bytes - zeros.size() - 10, 'a') + R"(":[)" + zeros + "0]}";
       }},
      {"a long name over as many elements as may be",
       [](std::size_t bytes) {
         const auto zeros = repeated("0,", 2 * (json::kValuesMax - 4));
         return R"({")" + std::string(bytes - zeros.size() - 10, 'a') + R"(":[)" + zeros + "0]}";
       }},
      {"long names in long names",
       [](std::size_t bytes) {
         constexpr int kDeep = json::kDepthMax - 1;
         std::string text, end;
         for (int i = 0; i < kDeep; ++i) {
           text += R"({")" + std::string(bytes / kDeep - 10, 'a') + R"(":)";
           end += "}";
         }
         return text + std::string(bytes - text.size() - end.size() - 1, ' ') + "0" + end;
       }},
      {"long names in long names, and a problem behind them",
       [](std::size_t bytes) {
         constexpr int kDeep = json::kDepthMax - 1;
         std::string text, end;
         for (int i = 0; i < kDeep; ++i) {
           text += R"({")" + std::string(bytes / kDeep - 10, 'a') + R"(":)";
           end += "}";
         }
         return text + std::string(bytes - text.size() - end.size() - 8, ' ') + R"("\u0000")" + end;
       }},
      {"names that differ at their ends alone",
       [](std::size_t bytes) {
         constexpr std::size_t kMembers = json::kValuesMax / 4;
         std::string text;
         for (std::size_t i = 0; i < kMembers; ++i) {
           text.append(text.empty() ? "{" : ",")
               .append(R"(")")
               .append(bytes / kMembers - 20, 'a')
               .append(std::to_string(100'000 + i))
               .append(R"(":0)");
         }
         return text + std::string(bytes - text.size() - 1, ' ') + "}";
       }},
      filled("many members", "{", R"("name":0,)", R"("z":0})"),
      filled("many empty objects", R"({"a":[)", "{},", "{}]}"),
      filled("deep brackets", "", "[", "]"),
      filled("deep objects", "", R"({"a":)", "0"),
      filled("a list in every field", R"({"allowed_domains":[)", R"("example.com",)", R"("example.com"]})"),
      filled("white space", R"({"text":)", " \n", R"("a"})"),
      filled("one number", R"({"text":0.)", "1", "}"),
      filled("escapes", R"({"text":")", R"(\ud83d\udc4b)", R"("})"),
      filled("blanks", R"({"text":")", "\u2003", R"("})"),
      filled("an e-mail of blanks", R"({"password":"password123","email":")", " ", R"("})"),
      filled("an e-mail of dots", R"({"password":"password123","email":"a@)", "a.", R"("})"),
      filled("no JSON", "", "a", ""),
      filled("a string that does not end", R"({"text":")", "a", ""),
  };
}

const endpoint::Registry& registry() {
  static const endpoint::Registry made(replyx::surface());
  return made;
}
http::Response error_response(const endpoint::Failure& failure) {
  return endpoint::error_response(failure, "ru", replyx::surface().errors);
}
http::Request request_to(const endpoint::Endpoint& e) {
  http::Request request;
  request.method = e.spec.method;
  request.route = e.path;
  request.path = http::Parameters(std::vector<http::Parameters::Item>{
      {"dialog_id", "1387"}, {"assistant_id", "1386"}, {"operator_id", "1388"}, {"api_key_id", "1389"}});
  return request;
}

TEST(InputCost, of_a_body_is_linear_at_every_endpoint) {
  for (const auto& e : registry().endpoints()) {
    if (e.body_schema.empty() || !e.prepare) continue;
    auto request = request_to(e);
    const auto read = [&](const std::string& body) {
      request.body = body;
      const auto prepared = e.prepare(request, {});
      if (!prepared) (void)error_response(prepared.error());
    };
    for (const auto& shape : bodies())
      expect_linear(e.path + ": " + shape.name, shape.make, read, e.spec.body_bytes_max);
  }
}

TEST(InputCost, a_refusal_is_short_however_long_the_body) {
  for (const auto& e : registry().endpoints()) {
    if (e.body_schema.empty() || !e.prepare) continue;
    auto request = request_to(e);
    for (const auto& shape : bodies()) {
      request.body = shape.make(e.spec.body_bytes_max);
      const auto prepared = e.prepare(request, {});
      if (prepared) continue;
      EXPECT_LE(error_response(prepared.error()).body.size(), 1'000U) << e.path << ": " << shape.name;
    }
  }
}

TEST(InputCost, of_a_body_that_is_no_json_is_nothing_and_nothing_reads_multipart) {
  for (const auto& e : registry().endpoints()) {
    if (e.body_schema.empty() || !e.prepare) continue;
    auto request = request_to(e);
    request.headers = {{"Content-Type", "multipart/form-data; boundary=" + std::string(10'000, '-')}};
    const auto read = [&](const std::string& body) {
      request.body = body;
      const auto prepared = e.prepare(request, {});
      ASSERT_TRUE(!prepared && prepared.error().code == endpoint::kUnsupportedMediaType) << e.path;
    };
    expect_linear(e.path, filled("multipart", "", "--\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", "").make,
                  read, e.spec.body_bytes_max);
  }
}

TEST(InputCost, of_a_head_is_linear) {
  constexpr http::RequestLimits kLimits;
  const std::string line = "GET /api/dialogs HTTP/1.1\r\nHost: a\r\n";
  const auto head = [&](std::string name, std::function<std::string(std::size_t)> lines) {
    return Shape{std::move(name),
                 [=](std::size_t bytes) { return line + lines(bytes - line.size() - 4) + "\r\n\r\n"; }};
  };
  const auto lines_of = [&](std::size_t bytes, std::size_t count, auto one) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : "\r\n").append(one(bytes / count - 2, i));
    return text;
  };
  const std::size_t most = kLimits.header_lines_max - 1;
  const auto alike = [](std::size_t bytes, std::size_t i) {
    return "X-" + std::string(bytes - 9, 'a') + std::to_string(1'000 + i) + ": 1";
  };
  const auto cookie = [](std::size_t bytes, std::size_t) { return "Cookie: " + std::string(bytes - 8, 'a'); };
  const std::vector<Shape> heads{
      // As many bytes for each name, so that half a head has half as many of them.
      head("names that differ at their ends alone",
           [&](std::size_t bytes) {
             std::string text;
             const std::size_t each = kLimits.head_bytes_max / most - 2;
             for (std::size_t i = 0; text.size() + each + 2 <= bytes; ++i)
               text.append(text.empty() ? "" : "\r\n").append(alike(each, i));
             return text;
           }),
      head("names that differ, as many as may be", [&](std::size_t bytes) { return lines_of(bytes, most, alike); }),
      head("cookies", [&](std::size_t bytes) { return lines_of(bytes, most, cookie); }),
      head("one name", [](std::size_t bytes) { return std::string(bytes - 2, 'a') + ":1"; }),
      head("one value", [](std::size_t bytes) { return "a:" + std::string(bytes - 2, ' '); }),
      head("more lines than may be", [](std::size_t bytes) { return repeated("a:\r\n", bytes - 2) + "a:"; }),
      head("lists of connections", [](std::size_t bytes) { return "Connection:" + repeated(",", bytes - 11); }),
      head("no header", [](std::size_t bytes) { return std::string(bytes, 'a'); }),
  };
  const auto whole = [&](const std::string& text) {
    http::RequestReader reader(kLimits);
    (void)reader.feed(text);
  };
  const auto bytewise = [&](const std::string& text) {
    http::RequestReader reader(kLimits);
    for (const char& byte : text) {
      if (std::holds_alternative<http::Refusal>(reader.feed({&byte, 1}))) return;
    }
  };
  for (const auto& shape : heads) {
    expect_linear(shape.name, shape.make, whole, kLimits.head_bytes_max);
    expect_linear(shape.name + ", byte by byte", shape.make, bytewise, kLimits.head_bytes_max);
  }
}

TEST(InputCost, of_a_query_is_linear) {
  constexpr std::size_t kBytes = http::RequestLimits{}.target_bytes_max;
  const auto read = [](const std::string& query) { (void)http::parse_query(query); };
  std::vector<Shape> queries{
      {"two-letter names",
       [](std::size_t bytes) {
         std::string text;
         for (std::size_t i = 0; text.size() + 3 <= bytes; ++i)
           text.append({static_cast<char>('a' + i % 26), static_cast<char>('A' + i / 26 % 58), '&'});
         return text;
       }},
      {"names that differ at their ends alone",
       [](std::size_t bytes) {
         return numbered(std::string(bytes / http::kQueryParametersMax - 7, 'a'), http::kQueryParametersMax, "&");
       }},
      {"half as many of them",
       [](std::size_t bytes) {
         constexpr std::size_t kEach = kBytes / http::kQueryParametersMax;
         return numbered(std::string(kEach - 7, 'a'), bytes / kEach, "&");
       }},
      filled("nothing", "", "&", ""),
      filled("escapes", "a=", "%41", ""),
      filled("escaped names", "", "%41", ""),
      filled("equal signs", "", "=", ""),
      filled("spaces", "", "+", ""),
  };
  for (const auto& shape : queries) expect_linear(shape.name, shape.make, read, kBytes);
}

TEST(InputCost, of_an_upload_is_linear) {
  constexpr std::size_t kBytes = 1 << 20, kPiece = 4'096;  // as they come from a socket
  struct Nobody : http::MultipartReader::Receiver {
    std::expected<void, http::MultipartProblem> begin(http::MultipartReader::Part) override { return {}; }
    std::expected<void, http::MultipartProblem> data(std::string_view) override { return {}; }
    std::expected<void, http::MultipartProblem> end() override { return {}; }
  };
  const std::string boundary(70, '-');
  const auto read = [&](const std::string& body) {
    Nobody nobody;
    http::MultipartReader reader(boundary, 20, nobody);
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      if (!reader.feed(std::string_view{body}.substr(at, kPiece))) return;
    }
  };
  const auto head = "--" + boundary + "\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  for (const auto& shape : {filled("letters", head, "a", ""), filled("line ends", head, "\r\n", ""),
                            filled("returns", head, "\r", ""), filled("hyphens", head, "-", ""),
                            filled("boundaries but for their ends", head, "\r\n--" + boundary.substr(1), "")})
    expect_linear(shape.name, shape.make, read, kBytes);
}

TEST(InputCost, of_a_form_is_linear) {
  constexpr std::size_t kBytes = http::RequestLimits{}.body_bytes_max;
  for (const auto& shape : {filled("nothing", "", "&", ""), filled("a value", "a=", "a", ""),
                            filled("escapes", "a=", "%41", ""), filled("an escaped name", "", "%41", "=a"),
                            filled("many names", "", "a=&", ""), filled("no UTF-8", "a=", "%FF", "")})
    expect_linear(shape.name, shape.make, [](const std::string& form) { (void)endpoint::form_pairs(form); }, kBytes);
}

TEST(InputCost, of_a_path_is_linear) {
  constexpr std::size_t kBytes = http::RequestLimits{}.target_bytes_max;
  http::Routes routes;
  for (const auto& e : registry().endpoints())
    routes.add(std::string(e.spec.method), e.path, [](const http::Request&, const http::Responder&) {});
  const auto match = [&](const std::string& path) {
    for (const auto& segment : routes.match(path).segments) (void)http::percent_decode(segment, http::Plus::literal);
  };
  Pistache::Http::RequestParser parser(http::RequestLimits{}.head_bytes_max);
  const auto parse = [&](const std::string& path) {
    const std::string line = "GET " + path + " HTTP/1.1\r\n\r\n";
    parser.reset();
    ASSERT_TRUE(parser.feed(line.data(), line.size()));
    ASSERT_EQ(parser.parse(), Pistache::Http::Private::State::Done);
  };
  for (const auto& shape :
       {filled("segments", "/api", "/a", ""), filled("segments of a route", "/api/dialogs/1/events", "/a", ""),
        filled("one segment", "/api/dialogs/", "a", ""), filled("escapes", "/api/dialogs/", "%41", ""),
        filled("an id and its escapes", "/api/site/dialogs/", "%41", "/messages"), filled("dots", "/api", "/..", "")}) {
    expect_linear(shape.name, shape.make, match, kBytes);
    expect_linear(shape.name + ", parsed", shape.make, parse, kBytes);
    expect_linear(
        shape.name + ", normalised", shape.make, [](const std::string& path) { (void)http::normalised_path(path); },
        kBytes);
  }
}

class KeyedInputs : public testing::Test {
 protected:
  static std::optional<crypto::Keyring> made() {
    const auto path = testing::TempDir() + "/keys-" + crypto::uuid7();
    if (!crypto::Keyring::create_if_missing(path)) return std::nullopt;
    auto keys = crypto::Keyring::load(path);
    std::filesystem::remove(path);
    return keys ? std::optional(std::move(*keys)) : std::nullopt;
  }
  const crypto::Keyring keys = made().value();
  const api::Tokens tokens{keys};
};
using InputCostOfCredentials = KeyedInputs;

TEST_F(InputCostOfCredentials, is_linear) {
  const auto header = [&] {  // of tokens of this deployment: what follows it is read and hashed
    const auto token = tokens.issue(Owner{AccountId{1}}, Timestamp{}, "1", 1);
    return token.substr(0, token.find('.'));
  }();
  const Reader access = [&](const std::string& token) { (void)tokens.verify(token, Timestamp{}); };
  const Reader guest = [&](const std::string& id) { (void)tokens.is_guest(DialogId{1}, AssistantId{1}, id); };
  const Reader key = [&](const std::string& text) {
    if (api::is_api_key(text)) (void)api::api_key_digest(text, keys, {});
  };
  constexpr std::size_t kBytes = 16'000;
  expect_linear("a token of dots", filled("", "", ".", "").make, access, kBytes);
  expect_linear("a long token", filled("", header + ".", "a", ".a").make, access, kBytes);
  expect_linear("a long signature", filled("", header + ".a.", "a", "").make, access, kBytes);
  expect_linear("a long header", filled("", "", "a", ".a.a").make, access, kBytes);
  expect_linear("a guest id", filled("", "k1.", "a", "").make, guest, kBytes);
  expect_linear("an API key", filled("", "prl_", "a", "").make, key, kBytes);
}

TEST(InputCost, of_a_header_is_linear) {
  constexpr std::size_t kBytes = 16'000;
  const std::vector<std::string> domains(replyx::kDomainsMax, "*.shop.example.com");
  const limits::Proxies proxies(
      {limits::Network::parse("127.0.0.0/8").value(), limits::Network::parse("10.0.0.0/8").value()});
  struct Row {
    std::string header;
    Reader read;
    std::vector<Shape> worst;
  };
  const std::vector<Row> rows{
      {"Accept-Language",
       [](const std::string& text) { (void)endpoint::preferred_language(text, replyx::surface().errors.languages); },
       {filled("languages", "en", ",ru", ""), filled("weights", "en", ",en;q=0.5", ""),
        filled("a long weight", "en;q=0.", "1", ""), filled("an exponent", "en;q=1e", "9", ""),
        filled("commas", "", ",", ""), filled("blanks", "", " ", ",en"), filled("a long tag", "en-", "a", ";q=")}},
      {"X-Forwarded-For",
       [&](const std::string& text) { (void)proxies.client_of("127.0.0.1", text); },
       {filled("proxies", "1.2.3.4", ",10.0.0.1", ""),
        filled("proxies with ports", "1.2.3.4", ",[::1]:1,10.0.0.1:1", ""), filled("commas", "", ",", ",10.0.0.1"),
        filled("blanks", "", " ", ",10.0.0.1"), filled("colons", "", ":", ""), filled("brackets", "", "[", "]")}},
      {"Content-Type of an upload",
       [](const std::string& text) { (void)http::multipart_boundary(text); },
       {filled("parameters", "multipart/form-data", ";a=b", ""),
        filled("a quoted one", "multipart/form-data;a=\"", "\\\\", "\""),
        filled("blanks", "multipart/form-data", " ", ";boundary=a"),
        filled("a boundary", "multipart/form-data;boundary=", "a", "")}},
      {"Range",
       [](const std::string& text) {
         (void)endpoint::file_response({.tag = "a", .content = "0123"}, {{"Range", text}, {"If-None-Match", text}});
       },
       {filled("ranges", "bytes=0-1", ",0-1", ""), filled("digits", "bytes=", "9", "-"),
        filled("tags", "\"b\"", ",\"b\"", "")}},
      {"Origin",
       [&](const std::string& text) { (void)endpoint::cover_origin(domains, text); },
       {filled("a host", "https://", "a", ".shop.example.com"), filled("colons", "https", ":", ""),
        filled("a bracket", "https://[", ":", ""), filled("dots", "https://", ".", "")}},
      {"Idempotency-Key",
       [](const std::string& text) { (void)endpoint::idempotency_key({{"Idempotency-Key", text}}); },
       {filled("a long key", "", "a", "")}},
      {"If-Match and positions",
       [](const std::string& text) { (void)endpoint::plain_integer(text); },
       {filled("digits", "", "1", ""), filled("zeros", "", "0", "")}},
      {"Last-Event-ID of a feed, and cursors",
       [](const std::string& text) { (void)api::read_log_token(text); },
       {filled("zeros", "log.", "AAAA", ""), filled("a number without an end", "log.", "____", ""),
        filled("large numbers", "log.", "_____3__", ""), filled("dots", "", ".", ""),
        filled("the name of a log", "", "a", ".AA")}},
      {"X-Request-Id",
       [](const std::string& text) { (void)http::is_well_formed_request_id(text); },
       {filled("letters", "", "a", "")}},
  };
  for (const auto& row : rows) {
    for (const auto& shape : row.worst) expect_linear(row.header + ": " + shape.name, shape.make, row.read, kBytes);
  }
}

TEST(InputCost, of_a_text_is_linear) {
  constexpr std::size_t kBytes = 1 << 20;  // each is read after its length was: linear here too
  const std::vector<Shape> texts{filled("letters", "", "a", ""),          filled("blanks", "", " ", ""),
                                 filled("wide blanks", "", "\u2003", ""), filled("dots", "a@", "a.", ""),
                                 filled("at signs", "", "@", ""),         filled("hyphens", "a@a", "-", ".b"),
                                 filled("labels", "*.", "a.", "b"),       filled("digits", "", "1", ""),
                                 filled("colons", "", ":", ""),           filled("escapes", "", "%41", "")};
  const std::vector<std::pair<std::string, Reader>> readers{
      {"characters()", [](const std::string& text) { (void)schema::characters(text); }},
      {"typed_email()", [](const std::string& text) { (void)api::typed_email(text); }},
      {"is_email()", [](const std::string& text) { (void)text::is_email(text); }},
      {"is_domain()", [](const std::string& text) { (void)text::is_domain(text); }},
      {"is_blank()", [](const std::string& text) { (void)replyx::is_blank(text); }},
      {"is_utf8()", [](const std::string& text) { (void)text::is_utf8(text); }},
      {"is_telegram_token()", [](const std::string& text) { (void)replyx::is_telegram_token(text); }},
      {"a time or a version",
       [](const std::string& text) { (void)endpoint::ParameterCodec<schema::PointInTime>::read(text, {}); }},
      {"a number",
       [](const std::string& text) { (void)endpoint::ParameterCodec<std::int64_t>::read(text, {.min = 1, .max = 9}); }},
      {"a word", [](const std::string& text) { (void)endpoint::ParameterCodec<accounts::Role>::read(text, {}); }},
      {"what to search for",
       [](const std::string& text) { (void)endpoint::ParameterCodec<replyx::Search>::read(text, {}); }},
      {"percent_decode()", [](const std::string& text) { (void)http::percent_decode(text, http::Plus::space); }},
      {"unbase64url()", [](const std::string& text) { (void)crypto::unbase64url(text); }},
      {"issue_in()",
       [](const std::string& text) {
         (void)endpoint::issue_in(replyx::surface().errors.languages.front(), "at byte " + text);
       }},
  };
  for (const auto& [name, read] : readers) {
    for (const auto& shape : texts) expect_linear(name + ": " + shape.name, shape.make, read, kBytes);
  }
}

TEST(InputCost, of_unicode_is_linear) {
  constexpr std::size_t kBytes = 4 * replyx::kSystemPromptMax;  // no text that is kept is longer
  const std::vector<Shape> texts{filled("letters", "", "a", ""),
                                 filled("composed letters", "", "é", ""),
                                 filled("one letter and its marks", "a", "\u0301", ""),
                                 filled("marks out of their order", "a", "\u0301\u0323", ""),
                                 filled("marks before their letter", "", "\u0323\u0301", "a"),
                                 filled("jamo", "", "\u1112\u1161\u11AB", ""),
                                 filled("what grows", "", "\uFDFA", ""),
                                 filled("spaces", "", "\u2003", ""),
                                 filled("overrides that stay open", "", "\u202E", "a"),
                                 filled("isolates that stay open", "", "\u2067", "a"),
                                 filled("lines", "", "\u05D0\n", "")};
  const std::vector<std::pair<std::string, Reader>> readers{
      {"nfc()", [](const std::string& text) { (void)text::nfc(text); }},
      {"password_form()", [](const std::string& text) { (void)text::password_form(text); }},
      {"hidden_character()", [](const std::string& text) { (void)text::hidden_character(text); }},
      {"isolated()", [](const std::string& text) { (void)text::isolated(text); }},
      {"forms()", [](const std::string& text) { (void)text::forms(text + "@example.com"); }},
      {"mailbox()", [](const std::string& text) { (void)text::mailbox(text + "@example.com"); }},
  };
  for (const auto& [name, read] : readers) {
    const int made = name == "forms()" ? kSpellingsMax : 1;
    for (const auto& shape : texts) expect_linear(name + ": " + shape.name, shape.make, read, kBytes, made);
    // ICU sorts an address's marks by insertion: they are few, and what that takes is bounded by its length.
    for (const auto& shape : texts)
      EXPECT_LE(cost(read, shape.make(text::kAddressBytesMax - 20)), made * kAddressMax) << name << ": " << shape.name;
  }
}

}  // namespace
}  // namespace parley
