// The parts of a request that every endpoint reads alike: parameters, idempotency keys, origins.
#include <gmock/gmock.h>

#include "api/endpoint/cors.h"
#include "api/endpoint/header_fields.h"
#include "api/endpoint/idempotency.h"
#include "api/endpoint/parameters.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/events.h"

namespace parley::endpoint {

struct Page {
  DialogId dialog;
  std::optional<dialogs::Sender> sender;
  std::int64_t limit = 50;
  std::optional<std::int64_t> after;
  std::optional<std::string> last;
};
template <>
inline constexpr auto parameters<Page> = std::tuple{
    path("dialog_id", &Page::dialog),
    query("sender", &Page::sender),
    query("limit", &Page::limit, {.min = 1, .max = 100}),
    query("after", &Page::after),
    header("Last-Event-ID", &Page::last, {.length_max = 4}),
};

namespace {

http::Request request(std::string dialog, std::vector<http::Parameters::Item> query, http::Headers headers = {}) {
  http::Request r;
  r.method = "POST";
  r.route = "/api/dialogs/{dialog_id}/messages";
  r.path = http::Parameters({{"dialog_id", std::move(dialog)}});
  r.query = http::Parameters(std::move(query));
  r.headers = std::move(headers);
  return r;
}
std::string refused_field(const http::Request& r) {
  const auto page = read_parameters<Page>(r);
  return page ? "(accepted)" : page.error().problem.field;
}

TEST(Parameters, are_read_into_their_types) {
  const auto page = read_parameters<Page>(request(
      "1387", {{"sender", "operator"}, {"limit", "100"}, {"after", "0"}, {"unknown", "x"}}, {{"last-event-id", "7"}}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->dialog, DialogId{1387});
  EXPECT_EQ(page->sender, dialogs::Sender::operator_);
  EXPECT_EQ(page->limit, 100);
  EXPECT_EQ(page->after, 0);
  EXPECT_EQ(page->last, "7");
}
TEST(Parameters, that_are_not_given_keep_their_defaults) {
  const auto page = read_parameters<Page>(request("1", {}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->limit, 50);
  EXPECT_FALSE(page->sender || page->after || page->last);
}
TEST(Parameters, that_are_not_valid_are_named) {
  for (const char* id : {"", "0", "-1", "+1", "01", "1.0", " 1", "1x", "9007199254740992", "99999999999999999999"})
    EXPECT_EQ(refused_field(request(id, {})), "dialog_id") << id;
  for (const char* limit : {"", "0", "101", "-5", "ten", "1e2", "0x10"})
    EXPECT_EQ(refused_field(request("1", {{"limit", limit}})), "limit") << limit;
  EXPECT_EQ(refused_field(request("1", {{"sender", "Operator"}})), "sender");
  EXPECT_EQ(refused_field(request("1", {{"after", "-1"}})), "after");
  EXPECT_EQ(refused_field(request("1", {}, {{"Last-Event-ID", "12345"}})), "Last-Event-ID");
  EXPECT_EQ(refused_field(request("9007199254740991", {})), "(accepted)");
}

TEST(IdempotencyKey, is_1_to_255_visible_ascii_characters) {
  EXPECT_FALSE(idempotency_key({}).value());
  EXPECT_EQ(idempotency_key({{"idempotency-key", "a b"}}).error().problem.field, "Idempotency-Key");
  for (const auto& bad : std::vector<std::string>{"", std::string(256, 'k'), "ключ", "a\x7F", "k, k"}) {
    EXPECT_FALSE(idempotency_key({{"Idempotency-Key", bad}})) << bad;
  }
  for (const auto& good : std::vector<std::string>{"!", "~", std::string(255, 'k')}) {
    const auto key = idempotency_key({{"Idempotency-Key", good}, {"X-Edge-Request-Id", "edge"}}).value();
    EXPECT_EQ(key->text, good);
    EXPECT_TRUE(key->of_client);
  }
}
TEST(IdempotencyKey, is_the_edges_when_the_client_has_none) {
  const auto key = idempotency_key({{"X-Edge-Request-Id", "0a1b"}}).value();
  ASSERT_TRUE(key);
  EXPECT_FALSE(key->of_client);
  EXPECT_NE(key->text, "0a1b");  // a client could choose that as its key
  EXPECT_FALSE(idempotency_key({{"X-Edge-Request-Id", "not one"}}).value());
}
TEST(CommandId, is_the_same_for_the_same_request_alone) {
  const auto id = command_id("account/7", "POST", "/api/assistants", "key");
  EXPECT_EQ(id.size(), 36u);
  EXPECT_EQ(id, command_id("account/7", "POST", "/api/assistants", "key"));
  EXPECT_NE(id, command_id("account/8", "POST", "/api/assistants", "key"));
  EXPECT_NE(id, command_id("account/7", "PUT", "/api/assistants", "key"));
  EXPECT_NE(id, command_id("account/7", "POST", "/api/assistants/1", "key"));
  EXPECT_NE(id, command_id("account/7", "POST", "/api/assistants", "yek"));
}
TEST(CommandId, does_not_depend_on_where_one_part_ends) {
  EXPECT_NE(command_id("account/7", "POST", "/api", "x"), command_id("account/7P", "OST", "/api", "x"));
  EXPECT_NE(command_id("a", "POST", "/api/1", "2"), command_id("a", "POST", "/api/", "12"));
}
TEST(CommandId, without_a_key_is_new_each_time) {
  EXPECT_NE(command_id("account/7", "POST", "/api/assistants", ""),
            command_id("account/7", "POST", "/api/assistants", ""));
}
TEST(ConcretePath, has_the_parameters_in_their_places) {
  EXPECT_EQ(concrete_path(request("1387", {})), "/api/dialogs/1387/messages");
}

TEST(BearerToken, follows_its_scheme_in_any_case_after_one_blank_or_several) {
  for (const char* spelling : {"Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"})
    EXPECT_EQ(bearer_token(spelling), "a.b.c") << spelling;
  for (const char* none : {"", "Bearer", "Bearer ", "a.b.c", "Bearera.b.c", "Basic a.b.c", "Bearer\ta.b.c", " Bearer"})
    EXPECT_EQ(bearer_token(none), "") << none;
}
TEST(ContentType, is_json_in_any_case_and_with_any_parameters) {
  for (const char* json :
       {"application/json", "Application/JSON", "application/json;charset=utf-8", "application/json\t;\tcharset=utf-8",
        "application/json ; x=\"a;b\"", "application/problem+json", "application/merge-patch+JSON\t"}) {
    EXPECT_TRUE(is_json(json)) << json;
  }
  for (const char* other : {"", ";", "text/plain", "json", "application/jsonp", "application/json2",
                            "text/plain;application/json", "application/json, text/plain"}) {
    EXPECT_FALSE(is_json(other)) << other;
  }
}
TEST(ContentEncoding, identity_is_none) {
  for (const char* none : {"", "identity", "Identity\t, identity", ", "}) EXPECT_FALSE(is_encoded(none)) << none;
  for (const char* coding : {"gzip", "identity, gzip", "br"}) EXPECT_TRUE(is_encoded(coding)) << coding;
}
TEST(IfMatch, names_one_version_in_every_spelling_of_a_list) {
  const auto version_of = [](std::string text) { return expected_version({{"If-Match", std::move(text)}}).value(); };
  EXPECT_EQ(expected_version({}).value(), std::nullopt);
  EXPECT_EQ(version_of("*"), std::nullopt);
  for (const char* spelling : {"\"7\"", "\"7\",", ", \"7\"\t,\t\"7\""}) EXPECT_EQ(version_of(spelling), 7) << spelling;
  const auto refused = [](std::string text) {
    return expected_version({{"If-Match", std::move(text)}}).error().problem.issue;
  };
  for (const char* none :
       {"", ",", "7", "\"\"", "\"seven\"", "W/\"7\"", "\"7", "\"", "*, \"7\"", "\"-7\"", "\"7\" \"7\""}) {
    EXPECT_EQ(refused(none), "must be a version in quotes, like \"7\"") << none;
  }
  EXPECT_EQ(refused("\"7\", \"8\""), "must name one version");
}

TEST(Origin, has_a_host) {
  EXPECT_EQ(origin_host("https://shop.example:8443"), "shop.example");
  EXPECT_EQ(origin_host("http://shop.example"), "shop.example");
  EXPECT_EQ(origin_host("http://[::1]:3000"), "[::1]");
  for (const char* none : {"", "null", "shop.example", "http://[::1"}) EXPECT_EQ(origin_host(none), "") << none;
}
TEST(Domain, covers_its_host_alone_or_all_below_it) {
  EXPECT_TRUE(covers("example.com", "EXAMPLE.com"));
  EXPECT_FALSE(covers("example.com", "www.example.com"));
  EXPECT_FALSE(covers("example.com", "badexample.com"));
  EXPECT_TRUE(covers("*.example.com", "www.example.com"));
  EXPECT_TRUE(covers("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(covers("*.example.com", "example.com"));
  EXPECT_FALSE(covers("*.example.com", "badexample.com"));
  EXPECT_FALSE(covers("example.com", ""));
}
TEST(Cors, answers_name_the_origin_and_vary_by_it) {
  http::Headers headers{{"Vary", "Accept-Language"}};
  allow_origin(headers, "https://shop.example");
  EXPECT_EQ(headers.get("Access-Control-Allow-Origin"), "https://shop.example");
  EXPECT_EQ(headers.get("Vary"), "Accept-Language, Origin");
  for (const char* name : {"Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"})
    EXPECT_THAT(std::string(headers.get("Access-Control-Expose-Headers")), testing::HasSubstr(name));
  http::Headers same_origin;
  allow_origin(same_origin, "");
  EXPECT_EQ(same_origin.begin(), same_origin.end());
}

TEST(Cors, a_list_of_domains_covers_the_origins_of_its_hosts) {
  const std::vector<std::string> domains{"shop.example", "*.pages.example"};
  for (const auto* origin : {"https://shop.example", "http://SHOP.example:8080", "https://a.pages.example"})
    EXPECT_TRUE(cover_origin(domains, origin)) << origin;
  for (const auto* origin : {"null", "", "https://pages.example", "https://evil.example", "shop.example"})
    EXPECT_FALSE(cover_origin(domains, origin)) << origin;
  EXPECT_FALSE(cover_origin({}, "https://shop.example"));
}

}  // namespace
}  // namespace parley::endpoint
