// What the screening lets through, and what it refuses before Pistache sees a byte.
#include "api/http/request_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace parley::http {
namespace {

constexpr RequestLimits kLimits{
    .target_bytes_max = 8'000, .head_bytes_max = 16'384, .header_lines_max = 100, .body_bytes_max = 1'000};

/// The status of the refusal; 0: complete; 1: needs more; 2: needs the body.
int outcome(std::string_view bytes) {
  RequestReader reader(kLimits);
  const auto progress = reader.feed(bytes);
  if (const auto* refusal = std::get_if<Refusal>(&progress)) return refusal->status;
  return std::holds_alternative<RequestReader::Complete>(progress)   ? 0
         : std::holds_alternative<RequestReader::NeedMore>(progress) ? 1
                                                                     : 2;
}
std::string get(std::string_view target) { return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
std::string with(std::string_view lines) { return "POST /a HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n"; }

TEST(RequestReader, ReadsARequestInOnePiece) {
  RequestReader reader(kLimits);
  const auto progress = reader.feed(
      "POST /a/b%20c?x=1 HTTP/1.1\r\nhOsT: here:8000\r\nX-A:  one \r\nX-A: two\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(std::holds_alternative<RequestReader::Complete>(progress));
  const RequestHead head = reader.take_head();
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/a/b%20c");
  EXPECT_EQ(head.query, "x=1");
  EXPECT_EQ(head.headers.get("x-a"), "one, two");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(reader.take_body(), "body");
}

TEST(RequestReader, ReadsTheSameRequestByteByByteAndThenTheNext) {
  const std::string text = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz";
  RequestReader reader(kLimits);
  for (int round = 0; round < 2; ++round) {
    int heads = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto progress = reader.feed(text.substr(i, 1));
      heads += std::holds_alternative<RequestReader::HeadDone>(progress) ? 1 : 0;
      EXPECT_EQ(std::holds_alternative<RequestReader::Complete>(progress), i + 1 == text.size()) << i;
    }
    EXPECT_EQ(heads, 1);
    EXPECT_EQ(reader.take_head().path, "/a");
    EXPECT_EQ(reader.take_body(), "xyz");
  }
}

TEST(RequestReader, AnEmptyLineBeforeARequestIsSkippedInPiecesToo) {
  RequestReader reader(kLimits);
  for (int round = 0; round < 2; ++round) {
    for (const char* piece : {"\r", "\nGET /a HTTP/1.1\r\nHost: a\r\n\r"}) {
      EXPECT_TRUE(std::holds_alternative<RequestReader::NeedMore>(reader.feed(piece))) << piece;
    }
    EXPECT_TRUE(std::holds_alternative<RequestReader::Complete>(reader.feed("\n")));
    EXPECT_EQ(reader.take_head().path, "/a");
  }
  EXPECT_EQ(outcome("\r\n\r\n" + get("/a")), 400) << "one empty line, no more";
  RequestReader empty_lines(kLimits);
  EXPECT_TRUE(std::holds_alternative<RequestReader::NeedMore>(empty_lines.feed("\r\n")));
  EXPECT_TRUE(std::holds_alternative<Refusal>(empty_lines.feed("\r\n" + get("/a"))));
}

TEST(RequestReader, AHeadThatJustFitsIsReadByteByByteToo) {
  const std::string head = get("/a");
  const RequestLimits tight{.head_bytes_max = head.size() - 2};
  RequestReader reader(tight);
  for (const char byte : head.substr(0, head.size() - 1)) {
    ASSERT_TRUE(std::holds_alternative<RequestReader::NeedMore>(reader.feed({&byte, 1})));
  }
  EXPECT_TRUE(std::holds_alternative<RequestReader::Complete>(reader.feed("\n")));
}

TEST(RequestReader, AcceptsWhatIsLegal) {
  EXPECT_EQ(outcome(get("/a?b=//&c=%00")), 0);
  EXPECT_EQ(outcome("\r\n" + get("/a")), 0);
  EXPECT_EQ(outcome("GET /a HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(outcome("QUERY /a HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(outcome(with("Accept: */*\r\nCookie: foo\r\nCache-Control: what\r\nContent-Type: foo\r\nDate: never\r\n")),
            0);
  EXPECT_EQ(outcome(with("X-Empty:\r\nX-Utf8: \xD0\xB0\r\n")), 0);
  EXPECT_EQ(outcome(with("Content-Length: 1000\r\n")), 2);
}

TEST(RequestReader, TakesTheAbsoluteFormForThePathInIt) {
  const auto path_and_query = [](std::string_view target) {
    RequestReader reader(kLimits);
    if (!std::holds_alternative<RequestReader::Complete>(reader.feed(get(target)))) return std::string("refused");
    const auto head = reader.take_head();
    return head.path + "|" + head.query;
  };
  for (const char* target :
       {"http://a/b?c=http://d", "HTTP://a:8000/b/?c=http://d", "https://[::1]:80/%62?c=http://d"}) {
    EXPECT_EQ(path_and_query(target), "/b|c=http://d") << target;
  }
  for (const char* target : {"http://a", "http://a/"}) EXPECT_EQ(path_and_query(target), "/|") << target;
  EXPECT_EQ(path_and_query("http://a?b=1"), "/|b=1");
  for (const char* target : {"http://", "http:///b", "http://user@a/b", "http://a\\b/", "http://a//b", "http:/a/b",
                             "ftp://a/b", "a/b", "a:80", "?b"}) {
    EXPECT_EQ(path_and_query(target), "refused") << target;
  }
  EXPECT_EQ(outcome("GET http://a/b HTTP/1.1\r\n\r\n"), 400) << "a Host is needed all the same";
}

TEST(RequestReader, NormalisesThePath) {
  RequestReader reader(kLimits);
  ASSERT_TRUE(std::holds_alternative<RequestReader::Complete>(reader.feed(get("/%61/./b%2fc/?d=%65"))));
  EXPECT_EQ(reader.head().path, "/a/b%2Fc");
  EXPECT_EQ(reader.head().query, "d=%65");
  EXPECT_EQ(outcome(get("/%zz")), 400);
  EXPECT_EQ(outcome(get("/../a")), 400);
}

TEST(RequestReader, RefusesBrokenRequestLines) {
  EXPECT_EQ(outcome("GET\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET /a\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(outcome("G(T /a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(outcome("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(outcome(get("//a")), 400);
  EXPECT_EQ(outcome(get("/a//b")), 400);
  EXPECT_EQ(outcome(get("/a#b")), 400);
  EXPECT_EQ(outcome(get("/\xD0\xB0")), 400);
  EXPECT_EQ(outcome(get(std::string("/a\0b", 4))), 400);
  EXPECT_EQ(outcome("GET /a HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(outcome("GET /a HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(outcome("GET /a HTTP/9.9\r\n"), 1);
  EXPECT_EQ(outcome("GET /a HTTX/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(outcome("\x16\x03\x01 TLS\r\n\r\n"), 400);
}

TEST(RequestReader, RefusesBrokenHeaders) {
  EXPECT_EQ(outcome("GET /a HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(outcome(with("Host: b\r\n")), 400) << "two Hosts";
  EXPECT_EQ(outcome("GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(outcome(with("X-A: 1\r\n folded\r\n")), 400);
  EXPECT_EQ(outcome(with("X-A : 1\r\n")), 400);
  EXPECT_EQ(outcome(with("NoColon\r\n")), 400);
  EXPECT_EQ(outcome(with(": empty\r\n")), 400);
  EXPECT_EQ(outcome(with(std::string("X-A: a\0b\r\n", 10))), 400);
  EXPECT_EQ(outcome(with("X-A: a\rb\r\n")), 400);
  EXPECT_EQ(outcome(with("X-A: a\nb\r\n")), 400);
  EXPECT_EQ(outcome(with("X-A: \x7F\r\n")), 400);
}

TEST(RequestReader, RefusesAmbiguousFraming) {
  for (const char* length : {"", "-1", "+1", "1 2", "0x10", "1,1", "1.0", "abc"}) {
    EXPECT_EQ(outcome(with("Content-Length: " + std::string(length) + "\r\n")), 400) << length;
  }
  EXPECT_EQ(outcome(with("Content-Length: 1\r\nContent-Length: 1\r\n")), 400);
  EXPECT_EQ(outcome(with("Content-Length: 1001\r\n")), 413);
  EXPECT_EQ(outcome(with("Content-Length: 99999999999999999999999\r\n")), 413);
  EXPECT_EQ(outcome(with("Transfer-Encoding: chunked\r\n")), 411);
  EXPECT_EQ(outcome(with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n")), 411);
  EXPECT_EQ(outcome(with("Content-Length: 1\r\n") + "ab"), 400) << "more than was announced";
  EXPECT_EQ(outcome(get("/a") + get("/b")), 400) << "pipelined";
}

TEST(RequestReader, UnderstandsExpectAndConnection) {
  EXPECT_EQ(outcome(with("Expect: the unexpected\r\n")), 417);
  RequestReader reader(kLimits);
  ASSERT_TRUE(std::holds_alternative<RequestReader::HeadDone>(
      reader.feed(with("Expect: 100-Continue\r\nContent-Length: 2\r\nConnection: x, Close\r\n"))));
  EXPECT_TRUE(reader.head().expects_continue);
  EXPECT_FALSE(reader.head().keep_alive);
}

TEST(RequestReader, HoldsItsLimits) {
  EXPECT_EQ(outcome(get("/" + std::string(7'999, 'a'))), 0);
  EXPECT_EQ(outcome(get("/" + std::string(8'000, 'a'))), 414);
  EXPECT_EQ(outcome(get(std::string(16'000, '/'))), 414);
  EXPECT_EQ(outcome("GET /" + std::string(20'000, 'a')), 414) << "the line does not end";
  EXPECT_EQ(outcome(with("X-A: " + std::string(16'384, 'a') + "\r\n")), 431);
  EXPECT_EQ(outcome("GET /a HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(16'384, 'a')), 431) << "the head does not end";
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(outcome(with(lines)), 0);
  EXPECT_EQ(outcome(with(lines + "X-One-More: 1\r\n")), 431);
}

TEST(RequestReader, SaysWhichLimitARequestIsOver) {
  const auto refusal = [](const std::string& bytes) {
    RequestReader reader(kLimits);
    return std::get<Refusal>(reader.feed(bytes));
  };
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "X-" + std::to_string(i) + ": 1\r\n";
  const auto of_lines = refusal(with(lines));
  EXPECT_EQ(of_lines.field, "header");
  EXPECT_EQ(of_lines.most, 100U);
  const auto of_body = refusal(with("Content-Length: 1001\r\n"));
  EXPECT_EQ(of_body.field, "body");
  EXPECT_EQ(of_body.issue, "must be at most # bytes");
  EXPECT_EQ(of_body.most, 1'000U);
}

TEST(RequestReader, KeepsWhatItUnderstoodOfAHeadThatItRefuses) {
  std::string lines = "Accept-Language: en\r\n";
  for (int i = 0; i < 100; ++i) lines += "X-" + std::to_string(i) + ": 1\r\n";
  for (const auto& refused : {with(lines), with("Accept-Language: en\r\nNoColon\r\n")}) {
    RequestReader reader(kLimits);
    ASSERT_TRUE(std::holds_alternative<Refusal>(reader.feed(refused)));
    EXPECT_EQ(reader.head().headers.get("accept-language"), "en");
  }
}

TEST(RequestReader, FindsABareLineFeedInWhateverPieceItComes) {
  for (const std::string head : {"\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
                                 "GET /a HTTP/1.1\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\n\r\n\r\n",
                                 "GET /a HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n"}) {
    for (std::size_t piece = 1; piece <= head.size(); ++piece) {
      RequestReader reader(kLimits);
      bool is_refused = false;
      for (std::size_t at = 0; at < head.size() && !is_refused; at += piece) {
        is_refused = std::holds_alternative<Refusal>(reader.feed(std::string_view{head}.substr(at, piece)));
      }
      EXPECT_TRUE(is_refused) << head << " in pieces of " << piece;
    }
  }
}

TEST(RequestReader, HoldsNoMoreTogetherThanTheBudget) {
  const auto budget = std::make_shared<ByteBudget>(1'000);
  const auto is_refused = [](const RequestReader::Progress& progress) {
    const auto* refusal = std::get_if<Refusal>(&progress);
    return refusal != nullptr && refusal->status == 503;
  };
  {
    RequestReader first(kLimits, budget);
    EXPECT_FALSE(is_refused(first.feed("GET /" + std::string(700, 'a'))));
    RequestReader second(kLimits, budget);
    EXPECT_TRUE(is_refused(second.feed("GET /" + std::string(700, 'b'))));
  }
  EXPECT_EQ(budget->bytes(), 0U);
  RequestReader third(kLimits, budget);
  EXPECT_FALSE(is_refused(third.feed(with("Content-Length: 990\r\n"))));
  EXPECT_LT(budget->bytes(), 200U) << "a body that was only announced is not counted";
  EXPECT_TRUE(is_refused(third.feed(std::string(100, 'c'))));
}

TEST(RequestReader, GivesTheShareAwayWithTheRequest) {
  const auto budget = std::make_shared<ByteBudget>(10'000);
  RequestReader reader(kLimits, budget);
  ASSERT_TRUE(std::holds_alternative<RequestReader::Complete>(
      reader.feed(with("Content-Length: 500\r\n") + std::string(500, 'x'))));
  {
    const auto share = reader.take_share();
    const auto body = reader.take_body();
    reader.take_head();
    EXPECT_GE(budget->bytes(), 500U);
    ASSERT_TRUE(std::holds_alternative<RequestReader::Complete>(reader.feed(get("/next"))));
    EXPECT_GE(budget->bytes(), 520U);
  }
  EXPECT_LT(budget->bytes(), 500U);
}

}  // namespace
}  // namespace parley::http
