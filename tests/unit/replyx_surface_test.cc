// ReplyX's contract as far as it can be seen without a running system.
#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "api/endpoint/access_policy.h"
#include "api/endpoint/edge.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/limits.h"
#include "api/surfaces/replyx/messages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "platform/text/address.h"
#include "platform/text/text.h"

namespace parley::replyx {
namespace {

using testing::HasSubstr;

class Surface : public testing::Test {
 protected:
  static const endpoint::Registry& registry() {
    static const endpoint::Registry made(surface());
    return made;
  }
  static const endpoint::Endpoint& endpoint_of(std::string_view operation) {
    for (const auto& e : registry().endpoints()) {
      if (e.spec.operation == operation) return e;
    }
    throw std::out_of_range(std::string(operation));
  }
  static json::Value at(json::Value value, std::initializer_list<std::string_view> path) {
    for (const auto name : path) value = value.member(name);
    return value;
  }
  /// What a body is refused with: "code field"; "" when it is not.
  static std::string refusal(std::string_view operation, std::string body, http::Headers headers = {}) {
    http::Request request;
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.path =
        http::Parameters(std::vector<http::Parameters::Item>{{"dialog_id", "1387"}, {"assistant_id", "1386"}});
    const auto prepared = endpoint_of(operation).prepare(request, {});
    if (prepared) return "";
    return std::string(prepared.error().code.name()) + " " + prepared.error().problem.field;
  }
  static std::string message(const std::string& text) { return R"({"text":")" + text + "\"}"; }
};

TEST_F(Surface, is_described_by_a_document_with_every_path_and_limit) {
  const auto document = json::Document::parse(registry().openapi(), json::Strict::no);
  ASSERT_TRUE(document) << document.error().issue;
  const auto root = document->root();
  EXPECT_EQ(root.member("openapi").string(), "3.1.0");
  for (const auto& e : registry().endpoints()) {
    std::string method(e.spec.method);
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto operation = at(root, {"paths", e.path, method});
    ASSERT_TRUE(operation.is_object()) << e.path;
    EXPECT_EQ(at(operation, {"responses", std::to_string(e.spec.status), "content"}).is_object(), e.spec.status != 204)
        << e.path;
    EXPECT_TRUE(at(operation, {"responses", "500"}).is_object()) << e.path;
  }
  const auto post = at(root, {"paths", "/api/dialogs/{dialog_id}/messages", "post"});
  const auto text = at(root, {"components", "schemas", "OperatorMessage", "properties", "text"});
  EXPECT_EQ(text.member("maxLength").integer(), 10'000);
  EXPECT_EQ(text.member("minLength").integer(), 1);
  std::set<std::string> parameters;
  for (std::size_t i = 0; i < post.member("parameters").size(); ++i) {
    const auto parameter = post.member("parameters").at(i);
    parameters.emplace(
        *(parameter.member("name").present() ? parameter.member("name") : parameter.member("$ref")).string());
  }
  const std::string common = "#/components/parameters/";
  EXPECT_EQ(parameters, (std::set<std::string>{common + "Accept-Language", common + "Idempotency-Key",
                                               common + "If-Match", "dialog_id"}));
  for (const char* status : {"400", "401", "404", "409", "413", "422", "503", "504"})
    EXPECT_TRUE(at(post, {"responses", status}).is_object()) << status;
  for (const char* scheme : {"bearer", "siteToken", "guestId"})
    EXPECT_TRUE(at(root, {"components", "securitySchemes", scheme}).is_object()) << scheme;
  EXPECT_TRUE(at(root, {"components", "schemas", "Error", "properties", "error"}).is_object());
}

void expect_committed(const std::string& file_path, const std::string& document) {
  const auto path = std::string(PARLEY_SOURCE_DIR) + "/" + file_path;
  if (std::getenv("PARLEY_WRITE_SCHEMAS") != nullptr) std::ofstream(path) << document;
  std::ifstream file(path);
  // No EXPECT_EQ: it would print both documents.
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == document)
      << path
      << " is not what the endpoints declare. Write it again: PARLEY_WRITE_SCHEMAS=1 ops/test unit -R "
         "the_committed_document";
}
// The files are for those who make clients, and for the edge. PARLEY_WRITE_SCHEMAS=1 writes them anew:
//   PARLEY_WRITE_SCHEMAS=1 ops/test unit -R the_committed_document
TEST_F(Surface, the_committed_document_is_that_of_the_declarations) {
  expect_committed("schemas/openapi/replyx.json", json::pretty(registry().openapi()));
}
TEST_F(Surface, the_committed_document_of_the_edge_is_that_of_the_declarations) {
  expect_committed("ops/deploy/nginx/replyx.answers.json", json::pretty(endpoint::edge_answers(registry())));
}
TEST_F(Surface, all_methods_of_a_path_are_for_the_same_pages) {
  std::map<std::string, std::set<bool>> cross_origin;
  for (const auto& e : registry().endpoints()) cross_origin[e.path].insert(e.spec.access->cross_origin);
  for (const auto& [path, kinds] : cross_origin)
    EXPECT_EQ(kinds.size(), 1U) << path;  // an error may come before the method is looked at
}

/// Bytes of the largest text that a schema allows, with every character escaped.
std::size_t largest(const rapidjson::Value& schema, const schema::Components& components) {
  constexpr std::size_t kCharacter = 12, kNumber = 20, kAround = 4;
  const auto limit = [&](const char* name) {
    return std::size_t{schema[name].GetUint()};
  };  // each text and list has one
  if (schema.HasMember("$ref")) {
    rapidjson::Document named;
    named.Parse(components.schemas.at(schema["$ref"].GetString() + schema::Components::kPrefix.size()).c_str());
    return largest(named, components);
  }
  std::size_t sum = kAround;
  if (schema.HasMember("anyOf")) {
    for (const auto& choice : schema["anyOf"].GetArray()) sum = std::max(sum, largest(choice, components));
    return sum;
  }
  if (schema.HasMember("enum")) {
    for (const auto& word : schema["enum"].GetArray())
      sum = std::max<std::size_t>(sum, word.GetStringLength() + kAround);
    return sum;
  }
  const std::string_view type = schema["type"].GetString();
  if (type == "string") return kCharacter * limit("maxLength") + kAround;
  if (type == "array") return limit("maxItems") * largest(schema["items"], components) + kAround;
  if (type != "object") return kNumber;
  for (const auto& property : schema["properties"].GetObject())
    sum += property.name.GetStringLength() + kAround + largest(property.value, components);
  return sum;
}

TEST_F(Surface, reads_of_strangers_no_more_than_their_largest_legal_request) {
  for (const auto& e : registry().endpoints()) {
    if (e.body_schema.empty()) {
      EXPECT_EQ(e.spec.body_bytes_max, endpoint::kUnreadBodyBytesMax) << e.path;
      continue;
    }
    rapidjson::Document described;
    described.Parse(e.body_schema.c_str());
    const auto needed = largest(described, e.body_components);
    EXPECT_LE(needed, e.spec.body_bytes_max) << e.path;
    const bool may_be_anybody = e.spec.access == &kAnybody || e.spec.access == &kSite || e.spec.access == &kGuest;
    if (!may_be_anybody) continue;
    EXPECT_LE(e.spec.body_bytes_max, std::max<std::size_t>(16 << 10, needed + needed / 4)) << e.path;
  }
}
TEST_F(Surface, takes_a_message_of_which_every_character_is_escaped) {
  std::string escaped;
  for (int i = 0; i < 10'000; ++i) escaped += R"(\ud83d\udc4b)";
  EXPECT_EQ(refusal("postVisitorMessage", message(escaped)), "");
  EXPECT_LE(message(escaped).size(), endpoint_of("postVisitorMessage").spec.body_bytes_max);
}
TEST_F(Surface, refuses_more_members_than_any_request_needs) {
  std::string many = R"({"text":"a")";
  for (int i = 0; i < 1'000; ++i) many += ",\"" + std::to_string(i) + "\":0";
  EXPECT_EQ(refusal("postVisitorMessage", many + "}"), "BAD_REQUEST body");
}

TEST_F(Surface, has_the_documented_limits_and_names_one_for_each_endpoint) {
  const auto rate_of = [](std::string_view operation) {
    return limits::to_string(endpoint_of(operation).spec.limit->rate);
  };
  EXPECT_EQ(rate_of("logIn"), "5/300");
  for (const char* operation :
       {"getMe", "createAssistant", "listAssistants", "listDialogs", "getDialog", "postOperatorMessage"})
    EXPECT_EQ(rate_of(operation), "100/60") << operation;
  std::set<std::string_view> names;
  for (const auto* limit : all_limits()) names.insert(limit->name);
  EXPECT_EQ(names.size(), all_limits().size());
  for (const auto& e : registry().endpoints()) {
    for (const auto* limit : {e.spec.limit, e.spec.address_limit}) {
      EXPECT_TRUE(limit == nullptr || std::ranges::find(all_limits(), limit) != all_limits().end()) << e.path;
    }
    EXPECT_NE(e.spec.limit, nullptr) << e.path;
    EXPECT_TRUE(e.spec.access->personal || e.spec.limit != &kGeneralLimit)
        << e.path << ": all who share an address or a site would share it";
  }
}

TEST_F(Surface, api_keys_are_for_assistants_and_dialogs_and_to_read_is_not_to_write) {
  for (const auto& e : registry().endpoints()) {
    const auto one_of = [&](auto read, auto write) { return e.spec.method == "GET" ? read : write; };
    std::string_view expected;
    if (e.path.starts_with("/api/assistants")) expected = one_of(kAssistantsRead, kAssistantsWrite);
    if (e.path.starts_with("/api/dialogs") || e.path == "/api/events") expected = one_of(kDialogsRead, kDialogsWrite);
    EXPECT_EQ(e.spec.right, expected) << e.spec.method << " " << e.path;
    EXPECT_TRUE(e.spec.right.empty() || e.spec.access->api_key != nullptr) << e.path;
  }
}
TEST_F(Surface, can_be_mounted_on_a_prefix) {
  const endpoint::Registry prefixed(surface(), "/replyx");
  EXPECT_THAT(prefixed.openapi(), HasSubstr(R"("/replyx/api/users/me")"));
}

TEST_F(Surface, reads_the_documented_examples) {
  EXPECT_EQ(refusal("register",
                    R"({"email":"user@example.com","password":"password123","first_name":"John","last_name":"Doe"})"),
            "");
  EXPECT_EQ(refusal("logIn", R"({"email":"user@example.com","password":"password123"})"), "");
  EXPECT_EQ(refusal("updateMe", R"({"first_name":"John","last_name":"Smith"})"), "");
  EXPECT_EQ(refusal("changePassword", R"({"current_password":"old_password","new_password":"new_password123"})"), "");
  EXPECT_EQ(refusal("createApiKey", R"({"name":"CRM","scopes":["dialogs:read","dialogs:write"]})"), "");
  EXPECT_EQ(
      refusal("createAssistant",
              R"({"name":"Мой ассистент","description":"Описание ассистента","system_prompt":"Системный промпт для AI",
                    "ai_model":"gpt-3.5-turbo","telegram_bot_token":"1234567890:ABC...","website_integration":true,"allowed_domains":["example.com","test.com"]})"),
      "");
  EXPECT_EQ(
      refusal("updateAssistant", R"({"name":"Обновленное имя","system_prompt":"Новый промпт","is_active":false})"), "");
  EXPECT_EQ(refusal("postOperatorMessage", R"({"text":"Сообщение от оператора","operator_name":"Анна"})"), "");
}

TEST_F(Surface, names_the_field_that_is_not_valid) {
  EXPECT_EQ(refusal("register", R"({})"), "VALIDATION_ERROR email");
  EXPECT_EQ(refusal("register", ""), "VALIDATION_ERROR email");
  EXPECT_EQ(refusal("register", R"({"email":null,"password":"password123"})"), "VALIDATION_ERROR email");
  EXPECT_EQ(refusal("register", R"({"email":"user","password":"password123"})"), "VALIDATION_ERROR email");
  EXPECT_EQ(refusal("register", R"({"email":"user@example.com","password":"1234567"})"), "VALIDATION_ERROR password");
  EXPECT_EQ(refusal("register", R"({"email":"user@example.com","password":12345678})"), "VALIDATION_ERROR password");
  EXPECT_EQ(refusal("updateMe", R"({"first_name":7})"), "VALIDATION_ERROR first_name");
  EXPECT_EQ(refusal("updateMe", R"({"onboarding_completed":"yes"})"), "VALIDATION_ERROR onboarding_completed");
  EXPECT_EQ(refusal("updateMe", R"({"last_name":")" + std::string(101, 'a') + "\"}"), "VALIDATION_ERROR last_name");
  EXPECT_EQ(refusal("changePassword", R"({"new_password":"password123"})"), "VALIDATION_ERROR current_password");
  EXPECT_EQ(refusal("changePassword", R"({"current_password":"a","new_password":"1234567"})"),
            "VALIDATION_ERROR new_password");
  EXPECT_EQ(refusal("addOperator", R"({"email":"o@example.com","name":" ","password":"password123"})"),
            "VALIDATION_ERROR name");
  EXPECT_EQ(refusal("createApiKey", R"({"name":" ","scopes":["dialogs:read"]})"), "VALIDATION_ERROR name");
  EXPECT_EQ(refusal("createApiKey", R"({"name":"CRM"})"), "VALIDATION_ERROR scopes");
  EXPECT_EQ(refusal("createApiKey", R"({"name":"CRM","scopes":[]})"), "VALIDATION_ERROR scopes");
  EXPECT_EQ(refusal("createApiKey", R"({"name":"CRM","scopes":["dialogs:read","everything"]})"),
            "VALIDATION_ERROR scopes[1]");
  EXPECT_EQ(refusal("createAssistant", R"({"name":" "})"), "VALIDATION_ERROR name");
  EXPECT_EQ(refusal("createAssistant", R"({"name":"a","website_integration":"yes"})"),
            "VALIDATION_ERROR website_integration");
  EXPECT_EQ(refusal("createAssistant", R"({"name":"a","allowed_domains":["example.com","http://x"]})"),
            "VALIDATION_ERROR allowed_domains[1]");
  EXPECT_EQ(refusal("createAssistant", R"({"name":"a","allowed_domains":"example.com"})"),
            "VALIDATION_ERROR allowed_domains");
  EXPECT_EQ(refusal("postVisitorMessage", "[]"), "VALIDATION_ERROR body");
}

TEST_F(Surface, of_a_change_takes_null_where_it_clears_and_nowhere_else) {
  EXPECT_EQ(refusal("updateAssistant", "{}"), "");
  EXPECT_EQ(refusal("updateAssistant", R"({"description":null,"system_prompt":null,"telegram_bot_token":null})"), "");
  for (const std::string name : {"name", "ai_model", "is_active", "website_integration", "allowed_domains"}) {
    EXPECT_EQ(refusal("updateAssistant", "{\"" + name + "\":null}"), "VALIDATION_ERROR " + name);
  }
  EXPECT_EQ(refusal("updateAssistant", R"({"name":" "})"), "VALIDATION_ERROR name");
  EXPECT_EQ(refusal("updateAssistant", R"({"allowed_domains":["x y"]})"), "VALIDATION_ERROR allowed_domains[0]");
}

TEST_F(Surface, takes_texts_of_1_to_10000_characters_whatever_their_bytes) {
  std::string long_text;
  for (int i = 0; i < 10'000; ++i) long_text += "ж";
  EXPECT_EQ(refusal("postVisitorMessage", message(long_text)), "");
  EXPECT_EQ(refusal("postVisitorMessage", message(long_text + "ж")), "VALIDATION_ERROR text");
  for (const char* blank : {"", " ", "\\n\\t ", "\u00A0\u2003\u200B", "\uFEFF"})
    EXPECT_EQ(refusal("postVisitorMessage", message(blank)), "VALIDATION_ERROR text") << blank;
}

TEST_F(Surface, refuses_json_that_must_not_pass) {
  EXPECT_EQ(refusal("postVisitorMessage", message("\\u0000")), "VALIDATION_ERROR text");
  EXPECT_EQ(refusal("postVisitorMessage", message("\\udc00")), "VALIDATION_ERROR text");
  EXPECT_EQ(refusal("postVisitorMessage", R"({"text":"a","text":"b"})"), "VALIDATION_ERROR text");
  EXPECT_EQ(refusal("postVisitorMessage", message("\xC3")), "BAD_REQUEST body");
  EXPECT_EQ(refusal("postVisitorMessage", message("\\ud800")), "BAD_REQUEST body");
  EXPECT_EQ(refusal("postVisitorMessage", "{\"text\":\"a\"}\0{}" + std::string(1, '\0')), "BAD_REQUEST body");
  for (const char* malformed : {"{", "{]", "{\"text\":\"a\"} x", "text=a", "{\"text\":'a'}", "\xEF\xBB\xBF{"}) {
    EXPECT_EQ(refusal("postVisitorMessage", malformed), "BAD_REQUEST body") << malformed;
  }
  EXPECT_EQ(
      refusal("postVisitorMessage", R"({"text":"a","x":)" + std::string(10'000, '[') + std::string(10'000, ']') + "}"),
      "BAD_REQUEST body");
}

TEST_F(Surface, ignores_unknown_fields) {
  EXPECT_EQ(refusal("postVisitorMessage", R"({"text":"a","unknown":{"deep":[1,2]}})"), "");
}

TEST_F(Surface, reads_json_alone) {
  EXPECT_EQ(refusal("postVisitorMessage", message("a"), {{"Content-Type", "application/json; charset=utf-8"}}), "");
  EXPECT_EQ(refusal("postVisitorMessage", message("a"), {{"Content-Type", "text/plain"}}),
            "UNSUPPORTED_MEDIA_TYPE Content-Type");
  EXPECT_EQ(refusal("postVisitorMessage", message("a"), {{"Content-Type", "application/x-www-form-urlencoded"}}),
            "UNSUPPORTED_MEDIA_TYPE Content-Type");
  EXPECT_EQ(refusal("postVisitorMessage", message("a"), {{"Content-Encoding", "gzip"}}),
            "UNSUPPORTED_MEDIA_TYPE Content-Encoding");
  EXPECT_EQ(refusal("openDialog", "", {{"Content-Type", "application/x-www-form-urlencoded"}}), "")
      << "nothing is of that type";
}

TEST(Search, takes_utf8_alone) {
  for (const char* good : {"", "возврат", "a b", "\U0001F44B", "\u00A0"}) EXPECT_TRUE(text::is_utf8(good)) << good;
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "a\x80"})
    EXPECT_FALSE(text::is_utf8(bad)) << bad;
}
TEST(Email, is_an_address_somebody_could_have) {
  for (const char* good : {"user@example.com", "a@b.ru", "first.last+tag@sub.example.co.uk", "o'neil@example.com",
                           "иван@пример.рф", "x@xn--e1afmkfd.xn--p1ai"}) {
    EXPECT_TRUE(text::is_email(good)) << good;
  }
  for (const char* bad : {"",
                          "@",
                          "user",
                          "user@",
                          "@example.com",
                          "user@localhost",
                          "a b@example.com",
                          "a@@example.com",
                          "a@b@example.com",
                          ".a@example.com",
                          "a.@example.com",
                          "a..b@example.com",
                          "a@example..com",
                          "a@-example.com",
                          "a@example-.com",
                          "a@.com",
                          "a@example.",
                          "a@exa mple.com",
                          "\"a\"@example.com",
                          "a@[127.0.0.1]",
                          "a\n@example.com"}) {
    EXPECT_FALSE(text::is_email(bad)) << bad;
  }
  EXPECT_TRUE(text::is_email(std::string(64, 'a') + "@example.com"));
  EXPECT_FALSE(text::is_email(std::string(65, 'a') + "@example.com"));
}
TEST(Domains, are_names_of_hosts) {
  for (const char* good : {"example.com", "localhost", "*.example.com", "127.0.0.1", "xn--e1afmkfd.xn--p1ai"})
    EXPECT_TRUE(text::is_domain(good)) << good;
  for (const char* bad : {"", "*", "*.", "a.*.com", "http://example.com", "example.com:80", "example.com/", "пример.рф",
                          "a b", "-a.com"}) {
    EXPECT_FALSE(text::is_domain(bad)) << bad;
  }
}

const std::string kSecret = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsa-_";

TEST(TelegramTokens, have_the_form_that_telegram_gives_them) {
  for (const auto& good : {"1234567890:" + kSecret, "7:" + kSecret, "1234567890123456:" + kSecret})
    EXPECT_TRUE(is_telegram_token(good)) << good;
  for (const auto& bad :
       {std::string(), std::string("1234567890:ABC..."), "0123:" + kSecret, ":" + kSecret, kSecret, "12a:" + kSecret,
        "12345678901234567:" + kSecret, "123:" + kSecret + "x", "123:" + kSecret.substr(1),
        "123:" + kSecret.substr(1) + ".", "123:" + kSecret.substr(1) + ":", " 123:" + kSecret, "123:" + kSecret + "\n",
        shown_telegram_token("123:" + kSecret)}) {
    EXPECT_FALSE(is_telegram_token(bad)) << bad;
  }
}
TEST(TelegramTokens, are_shown_without_their_secret_and_known_when_they_come_back) {
  EXPECT_EQ(shown_telegram_token("1234567890:" + kSecret), "1234567890:…sa-_");
  EXPECT_EQ(shown_telegram_token("1234567890:ABC..."), "…");
  for (const auto& token : {"1234567890:" + kSecret, std::string("no token")})
    EXPECT_TRUE(is_shown_telegram_token(shown_telegram_token(token)));
  for (const auto& other : {std::string(), "123:" + kSecret, std::string("123:..sa-_"), std::string("123:…sa-"),
                            std::string("123:…sa-_x"), std::string("x:…sa-_"), std::string("…sa-_")}) {
    EXPECT_FALSE(is_shown_telegram_token(other)) << other;
  }
}

TEST(TypingInAStream, has_the_documented_form) {
  const Timestamp time{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + std::chrono::milliseconds{123}};
  const schema::Typing of_operator{DialogId{1387}, AccountId{5}, dialogs::Sender::operator_, Personal{"Анна"}, time};
  for (const auto viewer : {api::Viewer::owner, api::Viewer::visitor, api::Viewer::feed}) {
    EXPECT_EQ(
        surface().events.show(of_operator, viewer),
        R"({"type":"operator.typing","dialog_id":1387,"operator_name":"Анна","timestamp":"2026-11-21T00:00:00.123Z"})");
  }
  const schema::Typing of_visitor{DialogId{1387}, AccountId{5}, dialogs::Sender::user, {}, time};
  for (const auto viewer : {api::Viewer::owner, api::Viewer::feed}) {
    EXPECT_EQ(surface().events.show(of_visitor, viewer),
              R"({"type":"visitor.typing","dialog_id":1387,"timestamp":"2026-11-21T00:00:00.123Z"})");
  }
  EXPECT_EQ(surface().events.show(of_visitor, api::Viewer::visitor), std::nullopt) << "a visitor knows that they type";
}
TEST(EventViewsOfReplyX, show_each_event_in_the_documented_form) {
  const Timestamp time{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + std::chrono::milliseconds{123}};
  const auto show = [&](const dialogs::Event& event, api::Viewer viewer) {
    return surface().events.show(
        api::EventRecord{.stream = {Kind::dialog, 1387}, .sequence = 3, .at = time, .event = Event(event)}, viewer);
  };
  const dialogs::MessageCreated message{MessageId{2411}, dialogs::Sender::operator_, Personal{"Привет!\n"},
                                        Personal{"Анна"}};
  for (const auto viewer : {api::Viewer::owner, api::Viewer::visitor, api::Viewer::feed}) {
    EXPECT_EQ(
        show(message, viewer),
        R"({"type":"dialog.message.created","dialog_id":1387,"message":{"id":2411,"sender":"operator","text":"Привет!\n","operator_name":"Анна",)"
        R"("created_at":"2026-11-21T00:00:00.123Z"},"timestamp":"2026-11-21T00:00:00.123Z"})");
  }
  EXPECT_EQ(show(dialogs::Archived{}, api::Viewer::feed),
            R"({"type":"dialog.archived","dialog_id":1387,"timestamp":"2026-11-21T00:00:00.123Z"})");
  EXPECT_EQ(show(dialogs::Unarchived{}, api::Viewer::feed),
            R"({"type":"dialog.unarchived","dialog_id":1387,"timestamp":"2026-11-21T00:00:00.123Z"})");
  const dialogs::Opened opened{AssistantId{9}, AccountId{5}, dialogs::Platform::website, {}};
  EXPECT_EQ(
      show(opened, api::Viewer::feed),
      R"({"type":"dialog.created","dialog_id":1387,"dialog":{"id":1387,"assistant_id":9,"platform":"website","first_name":null,)"
      R"("status":"active","created_at":"2026-11-21T00:00:00.123Z"},"timestamp":"2026-11-21T00:00:00.123Z"})");
  for (const auto viewer : {api::Viewer::owner, api::Viewer::visitor}) {
    for (const dialogs::Event& event : {dialogs::Event(opened), dialogs::Event(dialogs::Archived{})})
      EXPECT_EQ(show(event, viewer), std::nullopt) << "a dialog's own stream shows messages";
  }
}

}  // namespace
}  // namespace parley::replyx
