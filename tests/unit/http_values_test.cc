// Decoding, headers, request ids and the route table.
#include <gtest/gtest.h>

#include <stdexcept>

#include "api/http/message.h"
#include "api/http/routes.h"
#include "api/http/url.h"

namespace parley::http {
namespace {

TEST(PercentDecode, DecodesEscapes) {
  EXPECT_EQ(percent_decode("a%2Fb%20c+d", Plus::literal), "a/b c+d");
  EXPECT_EQ(percent_decode("a+b%2b", Plus::space), "a b+");
  EXPECT_EQ(percent_decode("%D0%B0", Plus::literal), "а");
}

TEST(PercentDecode, RefusesBrokenEscapesAndNul) {
  for (const char* text : {"%", "%4", "%zz", "%4g", "a%", "%-1", "%+1", "%00", "%%41"})
    EXPECT_FALSE(percent_decode(text, Plus::literal)) << text;
}

TEST(NormalisedPath, IsTheSameForEverySpellingOfAPath) {
  for (const char* spelling :
       {"/api/dialogs/7/events", "/api/dialogs/7/events/", "/%61pi/dialogs/%37/ev%65nts", "/api/./dialogs/7/events/.",
        "/x/../api/dialogs/8/%2E%2e/7/events", "/api/dialogs/7/events/a/.."}) {
    EXPECT_EQ(normalised_path(spelling), "/api/dialogs/7/events") << spelling;
  }
  for (const char* spelling : {"/", "/.", "/a/..", "/a/../"}) EXPECT_EQ(normalised_path(spelling), "/") << spelling;
  EXPECT_EQ(normalised_path("/~a/-._%7E%2D%2E%5f"), "/~a/-._~-._");
}

TEST(NormalisedPath, KeepsWhatIsData) {
  EXPECT_EQ(normalised_path("/a%2fb/..%2Fc"), "/a%2Fb/..%2Fc");
  EXPECT_EQ(normalised_path("/%d0%b0%20%25%3F%3a"), "/%D0%B0%20%25%3F%3A");
  EXPECT_EQ(normalised_path("/A/a:b;c=1/.../.b"), "/A/a:b;c=1/.../.b");
  EXPECT_EQ(normalised_path("/%252e%252e/a"), "/%252e%252e/a") << "decoded once";
}

TEST(NormalisedPath, RefusesWhatIsNoneOrLeavesTheRoot) {
  for (const char* path : {"", "a", "//", "//a", "/a//", "/a//b", "/%", "/%4", "/%zz", "/%00", "/a%", "/..", "/../a",
                           "/a/../..", "/%2e%2e"}) {
    EXPECT_FALSE(normalised_path(path)) << path;
  }
}

TEST(ParseQuery, ReadsPairs) {
  const auto query = parse_query("limit=10&&empty=&flag&name=a+b%26c");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->find("limit"), "10");
  EXPECT_EQ(query->find("empty"), "");
  EXPECT_EQ(query->find("flag"), "");
  EXPECT_EQ(query->find("name"), "a b&c");
  EXPECT_EQ(query->find("absent"), std::nullopt);
}

TEST(ParseQuery, RefusesRepeatedKeysAlsoWhenEscaped) {
  EXPECT_FALSE(parse_query("a=1&a=2"));
  EXPECT_FALSE(parse_query("a=1&%61=2"));
  EXPECT_FALSE(parse_query("a=%00"));
}

TEST(ParseQuery, ReadsABoundedNumberOfParameters) {
  std::string query;
  for (std::size_t i = 0; i < kQueryParametersMax; ++i) query += "p" + std::to_string(i) + "=1&";
  EXPECT_EQ(parse_query(query)->find("p99"), "1");
  const auto refused = parse_query(query + "one=more&%");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "query");
  EXPECT_EQ(refused.error().issue, "must have at most # parameters");
  EXPECT_EQ(refused.error().most, 100U);
}

TEST(Headers, OfLinesAreInTheirOrderAndEachNameOnce) {
  const auto headers = Headers::joined(
      {{"B", "1"}, {"cookie", "a=1"}, {"a", "2"}, {"b", "3"}, {"A", "4"}, {"Cookie", "b=2"}, {"c", ""}, {"B", "5"}});
  const std::vector<Headers::Field> expected{{"B", "1, 3, 5"}, {"cookie", "a=1; b=2"}, {"a", "2, 4"}, {"c", ""}};
  EXPECT_EQ(std::vector<Headers::Field>(headers.begin(), headers.end()), expected);
  EXPECT_FALSE(Headers::joined({}).has(""));
}

TEST(Headers, CompareNamesWithoutCaseAndJoinRepeatedOnes) {
  Headers headers;
  headers.combine("Accept-Language", "ru");
  headers.combine("accept-language", "en");
  headers.combine("cookie", "a=1");
  headers.combine("Cookie", "b=2");
  EXPECT_EQ(headers.get("ACCEPT-LANGUAGE"), "ru, en");
  EXPECT_EQ(headers.get("Cookie"), "a=1; b=2");
  EXPECT_FALSE(headers.has("accept"));
}

TEST(RequestId, IsAUuidOfVersion7AndRefusesWhatCouldForgeALogLine) {
  const std::string id = new_request_id();
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '7');
  EXPECT_LE(id, new_request_id().substr(0, 8) + "g");
  EXPECT_TRUE(is_well_formed_request_id(id));
  EXPECT_FALSE(is_well_formed_request_id(""));
  EXPECT_FALSE(is_well_formed_request_id("a b"));
  EXPECT_FALSE(is_well_formed_request_id("a\"b"));
  EXPECT_FALSE(is_well_formed_request_id(std::string(129, 'a')));
}

const Handler kNothing = [](const Request&, const Responder&) {};

TEST(Routes, FindsPathsAndTheirMethods) {
  Routes routes;
  routes.add("GET", "/api/dialogs", kNothing);
  routes.add("GET", "/api/dialogs/{id}/messages", kNothing);
  routes.add("POST", "/api/dialogs/{dialog_id}/messages", kNothing);
  routes.add("GET", "/api/dialogs/latest", kNothing);
  routes.add("GET", "/api/dialogs/{id}", kNothing);

  const auto messages = routes.match("/api/dialogs/a%2Fb/messages");
  ASSERT_NE(messages.path, nullptr);
  EXPECT_EQ(messages.segments, std::vector<std::string>{"a%2Fb"});
  EXPECT_EQ(Routes::allow(*messages.path), "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(Routes::endpoint(*messages.path, "POST")->parameter_names, std::vector<std::string>{"dialog_id"});
  EXPECT_EQ(Routes::endpoint(*messages.path, "QUERY"), nullptr);
  EXPECT_EQ(Routes::pattern(*routes.match("/api/dialogs/5").path), "/api/dialogs/{id}");

  EXPECT_EQ(Routes::endpoint(*routes.match("/api/dialogs/latest").path, "GET")->pattern, "/api/dialogs/latest");
  EXPECT_EQ(Routes::endpoint(*routes.match("/api/dialogs/5").path, "GET")->pattern, "/api/dialogs/{id}");
  for (const char* path : {"/", "/api", "/api/dialogs/5/6", "/api/dialogs/5/messages/7", "/API/dialogs", "/*", "/:0"}) {
    EXPECT_EQ(routes.match(path).path, nullptr) << path;
  }
}

TEST(Routes, RefusesWhatCannotBeServed) {
  Routes routes;
  routes.add("GET", "/a/{id}", kNothing);
  EXPECT_THROW(routes.add("GET", "/a/{other}", kNothing), std::invalid_argument);
  for (const char* pattern : {"", "/", "a", "/a/", "/a//b", "/a/{}", "/a/{b", "/a/:b", "/*"}) {
    EXPECT_THROW(routes.add("GET", pattern, kNothing), std::invalid_argument) << pattern;
  }
}

}  // namespace
}  // namespace parley::http
