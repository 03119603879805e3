// Endpoints whose body or answer is not JSON, in a real server: forms, raw bodies that are verified, redirects, texts.
#include <gmock/gmock.h>

#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "api/endpoint/file_answer.h"
#include "platform/crypto/crypto.h"
#include "tests/unit/endpoint_server.h"

namespace parley::endpoint {

struct Lead {
  std::string name;
  std::optional<std::int64_t> age;
  std::optional<bool> agreed;
  std::vector<std::string> topics;
  std::optional<double> budget;
};
struct Signature {
  std::optional<std::string> secret;
};
struct LoginPage {
  std::string state;
};
struct FilePath {
  std::string path;
};
template <>
inline constexpr auto parameters<FilePath> = std::tuple{query("path", &FilePath::path)};
template <>
inline constexpr auto parameters<Signature> = std::tuple{header("X-Secret", &Signature::secret, {.length_max = 64})};
template <>
inline constexpr auto parameters<LoginPage> = std::tuple{query("state", &LoginPage::state, {.length_max = 9'000})};

}  // namespace parley::endpoint

namespace parley::schema {
template <>
inline constexpr auto fields<endpoint::Lead> = std::tuple{
    field("name", &endpoint::Lead::name, {.length_min = 1, .length_max = 10}),
    field("age", &endpoint::Lead::age),
    field("agreed", &endpoint::Lead::agreed),
    field("topics", &endpoint::Lead::topics, {.length_max = 3, .element_length_max = 5}),
    field("budget", &endpoint::Lead::budget),
};
}  // namespace parley::schema

namespace parley::endpoint {
namespace {

using http::test::Answer;
using testing::HasSubstr;

const RedirectTarget kProvider{"https://oauth.example/authorize"};
const RedirectTarget kHome{"/home"};
const RedirectTarget kUndeclared{"https://elsewhere.example/"};
std::atomic<int> webhooks_read = 0;

Result<PlainText> echo(const Call<Nothing, FormEncoded<Lead>>& call, const Deps&) {
  return PlainText{schema::write(call.body.fields)};
}

Result<void> secret_is_known(const http::Request& request, const Deps&) {
  const bool known = crypto::equal(request.headers.get("X-Secret"), "s3cret");
  if (!known) return fail(kNotAuthenticated);
  return {};
}
Result<PlainText> webhook(const Call<Signature, RawBody>& call, const Deps&) {
  ++webhooks_read;
  return PlainText{"OK " + std::to_string(call.body.bytes.size()) + " " + call.body.content_type};
}
Result<Redirect> login(const Call<LoginPage>& call, const Deps&) {
  return Redirect{&kProvider, {{"client_id", "parley"}, {"state", call.parameters.state}}};
}
Result<File> bytes(const Call<Nothing>&, const Deps&) {
  return File{.media_type = "text/html", .name = "Счёт \"7\"/%.html", .tag = "v1", .content = "0123456789"};
}
Result<File> on_disk(const Call<FilePath>& call, const Deps& deps) {
  auto found = deps.files.find(call.parameters.path);
  if (!found) return fail(failure_of(found.error()));
  return File{.name = "a.bin", .content = std::move(*found)};
}
Result<Redirect> astray(const Call<Nothing>&, const Deps&) { return Redirect{&kUndeclared}; }

void declare(Registry& registry) {
  registry.reply({.method = "POST",
                  .path = "/form",
                  .access = &test::kAnybody,
                  .operation = "form",
                  .summary = "Form",
                  .body_bytes_max = 2'048},
                 echo);
  registry.reply({.method = "POST",
                  .path = "/hook",
                  .access = &test::kAnybody,
                  .operation = "hook",
                  .summary = "Hook",
                  .errors = {kNotAuthenticated},
                  .body_bytes_max = 1'000,
                  .verify = secret_is_known},
                 webhook);
  registry.reply({.method = "GET",
                  .path = "/login",
                  .access = &test::kAnybody,
                  .status = 302,
                  .operation = "login",
                  .summary = "Log in",
                  .redirects = {&kHome, &kProvider}},
                 login);
  registry.reply({.method = "GET",
                  .path = "/astray",
                  .access = &test::kAnybody,
                  .status = 303,
                  .operation = "astray",
                  .summary = "Astray",
                  .redirects = {&kHome}},
                 astray);
  registry.reply({.method = "GET",
                  .path = "/bytes",
                  .access = &test::kAnybody,
                  .operation = "bytes",
                  .summary = "Bytes",
                  .media_type = "text/html"},
                 bytes);
  registry.reply({.method = "GET",
                  .path = "/file",
                  .access = &test::kAnybody,
                  .operation = "file",
                  .summary = "File",
                  .errors = {kNotFound}},
                 on_disk);
}

/// A folder with a file, links that lead out of it, and what is no file.
class Folder {
 public:
  Folder() {
    namespace fs = std::filesystem;
    char name[] = "/tmp/parley-forms-XXXXXX";
    root_ = ::mkdtemp(name);
    fs::create_directories(root_ / "files" / "in er");
    std::ofstream(root_ / "secret") << "secret";
    std::ofstream(root_ / "files" / "in er" / "é%.bin") << contents();
    std::ofstream(root_ / "files" / "empty");
    fs::create_symlink("../secret", root_ / "files" / "link");
    fs::create_directory_symlink("..", root_ / "files" / "up");
    ::mkfifo((root_ / "files" / "pipe").c_str(), 0600);
  }
  ~Folder() { std::filesystem::remove_all(root_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  static const std::string& contents() {
    static const std::string made = [] {
      std::string bytes(5 << 20, '\0');
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2'654'435'761U >> 16);
      return bytes;
    }();
    return made;
  }
  std::filesystem::path files() const { return root_ / "files"; }

 private:
  std::filesystem::path root_;
};

class EndpointForms : public testing::Test {
 protected:
  static const test::Server& server() {
    static const Folder folder;
    // Never ended: a client of a Kafka that is nowhere takes seconds to give up.
    static const auto& server =
        *new test::Server(declare, {.folder = folder.files(), .edge_location = {}, .open_max = 8});
    return server;
  }
  static Answer form(std::string_view body, const std::string& type = "application/x-www-form-urlencoded") {
    return server().ask("POST /form HTTP/1.1\r\nAccept-Language: en\r\nContent-Type: " + type, body);
  }
  static json::Document document() {
    return std::move(*json::Document::parse(server().registry().openapi(), json::Strict::no));
  }
  static json::Value at(json::Value value, std::initializer_list<std::string_view> path) {
    for (const auto name : path) value = value.member(name);
    return value;
  }
};

TEST_F(EndpointForms, a_form_is_read_into_the_type_that_json_is_read_into) {
  const auto answer = form("name=J%C3%BCrgen+M&age=42&agreed=true&topics=a&topics=b%26c&unknown=x&&budget=1.5",
                           "Application/X-WWW-Form-Urlencoded; charset=utf-8");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"name":"Jürgen M","age":42,"agreed":true,"topics":["a","b&c"],"budget":1.5})");
}
TEST_F(EndpointForms, what_is_wrong_with_a_form_is_said_by_field_as_of_json) {
  struct Case {
    std::string body, field, issue;
    int status = 422;
  };
  for (const auto& [body, field, issue, status] : std::vector<Case>{
           {"", "name", "is required"},
           {"topics=a", "name", "is required"},
           {"name=&topics=a", "name", "must not be empty"},
           {"name=12345678901&topics=a", "name", "must be at most 10 characters"},
           {"name=a&name=b&topics=a", "name", "must not be given twice"},
           {"name=a&topics=a&age=4x", "age", "must be an integer"},
           {"name=a&topics=a&age=1.5", "age", "must be an integer"},
           {"name=a&topics=a&age=99999999999999999999", "age", "must be an integer"},
           {"name=a&topics=a&agreed=yes", "agreed", "must be true or false"},
           {"name=a&topics=a&budget=nan", "budget", "must be a number"},
           {"name=a&topics=1&topics=2&topics=3&topics=4", "topics", "must have at most 3 elements"},
           {"name=a&topics=1&topics=123456", "topics[1]", "must be at most 5 characters"},
           {"name=a%FF&topics=a", "name", "must be UTF-8", 400},
           {"name=a%2&topics=a", "name", "must be percent-encoded, and not contain the NUL character", 400},
           {"name=a%00&topics=a", "name", "must be percent-encoded, and not contain the NUL character", 400},
           {"na%FFme=a", "body", "a field's name must be plain text", 400},
       }) {
    const auto answer = form(body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_THAT(answer.body, HasSubstr("\"field\":\"" + field + "\",\"issue\":\"" + issue + "\"")) << body;
  }
}
TEST_F(EndpointForms, a_form_is_bounded_by_number_and_by_size) {
  std::string many = "name=a&topics=a";
  for (int i = 0; i < 98; ++i) many += "&x" + std::to_string(i) + "=";
  EXPECT_EQ(form(many).status, 200);
  EXPECT_THAT(form(many + "&y=").body, HasSubstr("must have at most 100 parameters"));
  EXPECT_EQ(form("name=" + std::string(2'044, 'a')).status, 413);
}
TEST_F(EndpointForms, a_form_is_of_its_media_type) {
  const auto answer = form("{}", "application/json");
  EXPECT_EQ(answer.status, 415);
  EXPECT_THAT(answer.body, HasSubstr("must be application/x-www-form-urlencoded"));
}

TEST_F(EndpointForms, a_webhook_gets_the_bytes_as_they_came_and_its_answer_is_exactly_the_text) {
  const std::string body("{\"a\":\0\xFF not JSON", 16);
  const auto answer = server().ask("POST /hook HTTP/1.1\r\nX-Secret: s3cret\r\nContent-Type: application/json", body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "OK 16 application/json");
  EXPECT_TRUE(answer.has("Content-Type: text/plain; charset=utf-8\r\n"));
}
TEST_F(EndpointForms, a_webhook_is_verified_before_anything_of_it_is_read) {
  const int before = webhooks_read;
  // The header is not valid by its bounds either: who is not verified is told nothing about it.
  for (const auto& secret : {std::string("s3creT"), std::string("s3cre"), std::string(), std::string(100, 'x')}) {
    EXPECT_EQ(server().ask("POST /hook HTTP/1.1\r\nX-Secret: " + secret, "{").status, 401) << secret;
  }
  EXPECT_EQ(server().ask("POST /hook HTTP/1.1", "{").status, 401);
  EXPECT_EQ(webhooks_read, before);
  EXPECT_EQ(server().ask("POST /hook HTTP/1.1\r\nX-Secret: s3cret", std::string(1'001, 'x')).status, 413);
}

TEST_F(EndpointForms, a_redirect_goes_to_its_target_with_what_the_client_sent_in_the_query_alone) {
  const auto answer = server().ask("GET /login?state=a%26b%3Dc%0D%0AX-Evil%3A1%23%2F%2Fevil.example%20%C3%A9 HTTP/1.1");
  EXPECT_EQ(answer.status, 302);
  EXPECT_TRUE(
      answer.has("Location: https://oauth.example/authorize?client_id=parley&state="
                 "a%26b%3Dc%0D%0AX-Evil%3A1%23%2F%2Fevil.example%20%C3%A9\r\n"))
      << answer.head;
  EXPECT_TRUE(answer.has("Referrer-Policy: no-referrer\r\n") && answer.has("Cache-Control: no-store\r\n"));
  EXPECT_EQ(answer.body, "");
}
TEST_F(EndpointForms, a_redirect_answers_head) {
  const auto answer = server().ask("HEAD /login?state=x HTTP/1.1");
  EXPECT_EQ(answer.status, 302);
  EXPECT_TRUE(answer.has("state=x\r\n") && answer.has("Content-Length: 0\r\n"));
}
TEST_F(EndpointForms, no_redirect_leaves_the_targets_that_its_endpoint_declares) {
  const auto answer = server().ask("GET /astray HTTP/1.1");
  EXPECT_EQ(answer.status, 500);
  EXPECT_FALSE(answer.has("Location"));
}
TEST_F(EndpointForms, a_location_is_bounded) {
  EXPECT_EQ(server().ask("GET /login?state=" + std::string(7'900, 'a') + " HTTP/1.1").status, 302);
  // A blank takes one character of the target and three of the Location.
  EXPECT_EQ(server().ask("GET /login?state=" + std::string(7'900, '+') + " HTTP/1.1").status, 500);
}
TEST(RedirectTarget, is_a_path_of_this_host_or_a_whole_address) {
  for (const char* good : {"/", "/home", "https://a.example", "https://a.example:8443/x/y", "http://localhost:3000/"})
    EXPECT_TRUE(is_target(good)) << good;
  for (const char* bad :
       {"", "home", "//evil.example", "/\\evil.example", "https://", "https:///x", "https://u@a.example",
        "javascript:alert(1)", "ftp://a.example", "https://a.example/?q", "/a#b", "/a b", "/\r\nx"})
    EXPECT_FALSE(is_target(bad)) << bad;
}
TEST(Declaration, that_contradicts_itself_is_refused) {
  const auto refuses = [](void (*declare)(Registry&)) {
    const auto surface = test::surface(declare);
    EXPECT_THROW(Registry{surface}, std::invalid_argument);
  };
  static const RedirectTarget open{"//evil.example"};
  refuses([](Registry& r) { r.reply({.method = "POST", .path = "/a", .access = &test::kAnybody}, webhook); });
  refuses([](Registry& r) {
    r.reply({.method = "POST", .path = "/a", .access = &test::kAnybody, .verify = secret_is_known}, echo);
  });
  refuses(
      [](Registry& r) { r.reply({.method = "GET", .path = "/a", .access = &test::kAnybody, .status = 302}, login); });
  refuses([](Registry& r) {
    r.reply({.method = "GET", .path = "/a", .access = &test::kAnybody, .redirects = {&kHome}}, login);
  });
  refuses([](Registry& r) {
    r.reply({.method = "GET", .path = "/a", .access = &test::kAnybody, .status = 302, .redirects = {&open}}, login);
  });
}

TEST_F(EndpointForms, bytes_are_answered_as_what_they_are_and_under_their_name) {
  const auto answer = server().ask("GET /bytes HTTP/1.1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "0123456789");
  for (const char* line : {"Content-Type: text/html\r\n", "X-Content-Type-Options: nosniff\r\n", "ETag: \"v1\"\r\n",
                           "Accept-Ranges: bytes\r\n", "Cache-Control: private, no-cache\r\n", "Content-Length: 10\r\n",
                           "Content-Disposition: attachment; filename=\"____ _7___.html\"; "
                           "filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82%20%227%22_%25.html\r\n"})
    EXPECT_TRUE(answer.has(line)) << line << answer.head;
  EXPECT_EQ(server().ask("HEAD /bytes HTTP/1.1").status, 200);
}
TEST_F(EndpointForms, a_client_that_has_the_bytes_is_told_so) {
  for (const char* known : {"\"v1\"", "W/\"v1\"", "\"v0\", \"v1\"", "*"}) {
    const auto answer = server().ask(std::string("GET /bytes HTTP/1.1\r\nIf-None-Match: ") + known);
    EXPECT_EQ(answer.status, 304) << known;
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_EQ(server().ask("GET /bytes HTTP/1.1\r\nIf-None-Match: \"v2\", v1").status, 200);
}
TEST_F(EndpointForms, one_range_is_answered_with_its_part_and_any_other_with_the_whole) {
  struct Case {
    std::string range, body, content_range;
  };
  for (const auto& [range, body, content_range] : std::vector<Case>{
           {"bytes=0-0", "0", "bytes 0-0/10"},
           {"bytes=2-4", "234", "bytes 2-4/10"},
           {"Bytes= 8-99", "89", "bytes 8-9/10"},
           {"bytes=7-", "789", "bytes 7-9/10"},
           {"bytes=-3", "789", "bytes 7-9/10"},
           {"bytes=-99", "0123456789", "bytes 0-9/10"},
       }) {
    const auto answer = server().ask("GET /bytes HTTP/1.1\r\nRange: " + range);
    EXPECT_EQ(answer.status, 206) << range;
    EXPECT_EQ(answer.body, body) << range;
    EXPECT_TRUE(answer.has("Content-Range: " + content_range + "\r\n")) << answer.head;
  }
  for (const char* whole : {"bytes=10-", "bytes=4-2", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "bytes=a-1", "lines=0-1",
                            "bytes=0-1x", "bytes=99999999999999999999-", ""})
    EXPECT_EQ(server().ask(std::string("GET /bytes HTTP/1.1\r\nRange: ") + whole).status, 200) << whole;
  EXPECT_EQ(server().ask("GET /bytes HTTP/1.1\r\nRange: bytes=0-0\r\nIf-Range: \"v1\"").status, 206);
  EXPECT_EQ(server().ask("GET /bytes HTTP/1.1\r\nRange: bytes=0-0\r\nIf-Range: \"v0\"").status, 200);
}
TEST_F(EndpointForms, a_file_is_sent_from_the_disk_whole_and_in_part) {
  const auto whole = server().ask("GET /file?path=in%20er%2F%C3%A9%25.bin HTTP/1.1");
  EXPECT_EQ(whole.status, 200);
  EXPECT_TRUE(whole.body == Folder::contents());
  EXPECT_TRUE(whole.has("Content-Type: application/octet-stream\r\n"));
  const auto part = server().ask("GET /file?path=in%20er/%C3%A9%25.bin HTTP/1.1\r\nRange: bytes=4000000-4999999");
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == Folder::contents().substr(4'000'000, 1'000'000));
  const auto head = server().ask("HEAD /file?path=in%20er/%C3%A9%25.bin HTTP/1.1");
  EXPECT_TRUE(head.has("Content-Length: 5242880\r\n")) << head.head;
  EXPECT_EQ(server().ask("GET /file?path=empty HTTP/1.1").status, 200);
}
TEST_F(EndpointForms, no_path_leaves_the_folder_and_only_a_file_is_one) {
  for (const char* path :
       {"", "none", "..%2Fsecret", "in%20er%2F..%2F..%2Fsecret", "link", "up%2Fsecret", "%2Fetc%2Fpasswd", "in%20er",
        "in%20er%2F", "in%20er%2F%2F%C3%A9%25.bin", ".%2Fempty", "pipe", "empty%2Fx", "..", "a%5Cb", "a%0Ab"})
    EXPECT_EQ(server().ask(std::string("GET /file?path=") + path + " HTTP/1.1").status, 404) << path;
  EXPECT_EQ(server().ask("GET /file?path=" + std::string(1'025, 'a') + " HTTP/1.1").status, 404);
}
TEST_F(EndpointForms, files_that_are_read_slowly_are_bounded_by_number_and_take_no_memory) {
  {
    std::vector<std::unique_ptr<http::test::Client>> slow;
    for (int i = 0; i < 8; ++i) {
      slow.push_back(std::make_unique<http::test::Client>(server().port(), 4'096));
      slow.back()->get("/file?path=in%20er/%C3%A9%25.bin");
      ASSERT_TRUE(slow.back()->read_to("\r\n\r\n"));
    }
    EXPECT_LT(server().counters().unsent_bytes, 10'000);
    EXPECT_EQ(server().ask("GET /file?path=in%20er/%C3%A9%25.bin HTTP/1.1").status, 503);
  }
  // Their clients have left.
  const auto deadline = std::chrono::steady_clock::now() + http::test::kPatience;
  while (server().ask("GET /file?path=in%20er/%C3%A9%25.bin HTTP/1.1").status != 200)
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}
TEST(FileAnswer, that_the_edge_sends_names_it_by_a_path_that_stays_in_its_folder) {
  const Folder folder;
  const files::FileFolder files({.folder = folder.files(), .edge_location = "/_files"});
  auto found = files.find("in er/é%.bin");
  ASSERT_TRUE(found);
  const auto response = file_response({.media_type = "image/png", .name = "p.png", .is_shown = true, .content = *found},
                                      {{"Range", "bytes=0-1"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("X-Accel-Redirect"), "/_files/in%20er/%C3%A9%25.bin");
  EXPECT_EQ(response.headers.get("Content-Type"), "image/png");
  EXPECT_EQ(response.headers.get("Content-Disposition"), "inline; filename=\"p.png\"");
  EXPECT_FALSE(response.file || response.headers.has("Content-Range"));
  EXPECT_EQ(files.find("../secret").error(), files::FileError::not_found);
}

TEST_F(EndpointForms, the_document_says_what_each_takes_and_answers) {
  const auto whole = document();
  const auto operation = [&](std::string_view path, std::string_view method) {
    return at(whole.root(), {"paths", path, method});
  };
  const auto content = at(operation("/form", "post"), {"requestBody", "content"});
  EXPECT_EQ(at(content, {"application/x-www-form-urlencoded", "schema", "$ref"}).string(), "#/components/schemas/Lead");
  EXPECT_FALSE(content.member("application/json").present());
  const auto hook = operation("/hook", "post");
  EXPECT_TRUE(at(hook, {"requestBody", "content", "*/*"}).is_object());
  EXPECT_EQ(at(hook, {"responses", "200", "content", "text/plain", "schema", "type"}).string(), "string");
  EXPECT_FALSE(at(hook, {"responses", "415"}).present());
  const auto found = at(operation("/login", "get"), {"responses", "302"});
  EXPECT_TRUE(at(found, {"headers", "Location"}).is_object());
  EXPECT_FALSE(found.member("content").present());
  const auto bytes = at(operation("/bytes", "get"), {"responses"});
  EXPECT_TRUE(at(bytes, {"200", "content", "text/html", "schema"}).is_object());
  EXPECT_TRUE(at(bytes, {"200", "headers", "Content-Disposition"}).is_object());
  EXPECT_TRUE(bytes.member("206").is_object() && bytes.member("304").is_object());
}

}  // namespace
}  // namespace parley::endpoint

/// The test's servers have threads that are not waited for (a client of a Kafka that is nowhere takes seconds to give
/// up): the process ends without taking away what these use.
int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  std::fflush(nullptr);
  std::_Exit(failed);
}
