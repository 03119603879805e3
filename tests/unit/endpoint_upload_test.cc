// Uploads into a real server: the file is on the disk as it comes, bounded, and gone again whatever happens.
#include <gmock/gmock.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "api/endpoint/upload.h"
#include "platform/crypto/crypto.h"
#include "tests/unit/endpoint_server.h"

namespace parley::endpoint {

struct Document {
  std::string title;
  std::optional<std::int64_t> pages;
};

}  // namespace parley::endpoint

namespace parley::schema {
template <>
inline constexpr auto fields<endpoint::Document> = std::tuple{
    field("title", &endpoint::Document::title, {.length_min = 1, .length_max = 10}),
    field("pages", &endpoint::Document::pages),
};
}  // namespace parley::schema

namespace parley::endpoint {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using http::test::Answer;
using http::test::Client;
using testing::HasSubstr;

constexpr std::size_t kFileMax = 3 << 20;
const UploadBounds kBounds{.file_bytes_max = kFileMax, .fields_bytes_max = 1'000, .parts_max = 4};

Result<Caller> with_login(const http::Request& request, const Deps&) {
  if (!request.headers.has("Authorization")) return fail(kNotAuthenticated);
  return Caller{Anonymous{}, {}, {}};
}
const AccessPolicy kLogin{.admit = with_login, .refusals = {kNotAuthenticated}, .security = {{}}};

/// What a test's folder is, for handlers, which keep nothing.
fs::path kept_folder() { return fs::temp_directory_path() / ("parley-kept-" + std::to_string(::getpid())); }

Result<PlainText> describe(const Call<Nothing, Upload<Document>>& call, const Deps&) {
  const auto& [fields, file] = call.body;
  return PlainText{fields.title + "|" + std::to_string(fields.pages.value_or(0)) + "|" + file.name + "|" +
                   file.content_type + "|" + std::to_string(file.bytes) + "|" + file.sha256};
}
Result<PlainText> keep(const Call<Nothing, Upload<Nothing>>& call, const Deps&) {
  if (!call.body.file.content->move_to(kept_folder() / "kept")) return fail(kInternalError);
  return PlainText{"kept"};
}

void declare(Registry& registry) {
  registry.reply({.method = "POST",
                  .path = "/documents",
                  .access = &kLogin,
                  .operation = "upload",
                  .summary = "Upload",
                  .upload = &kBounds},
                 describe);
  registry.reply({.method = "POST",
                  .path = "/kept",
                  .access = &kLogin,
                  .operation = "keep",
                  .summary = "Keep",
                  .upload = &kBounds},
                 keep);
}

std::string part(std::string_view disposition, std::string_view bytes, std::string_view more = "") {
  return "--XyZ\r\nContent-Disposition: form-data; " + std::string(disposition) + std::string(more) + "\r\n\r\n" +
         std::string(bytes) + "\r\n";
}
std::string file_part(std::string_view bytes) {
  return part("name=\"file\"; filename=\"счёт.pdf\"", bytes, "\r\nContent-Type: application/pdf");
}
const std::string kEnd = "--XyZ--\r\n";
const std::string kTitle = part("name=\"title\"", "Отчёт");

std::string some_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 2'654'435'761U >> 13);
  return bytes;
}

class EndpointUpload : public testing::Test {
 protected:
  static fs::path folder() { return kept_folder() / "uploads"; }
  static const test::Server& server() {
    // Never ended: a client of a Kafka that is nowhere takes seconds to give up.
    static const auto& server = *[] {
      fs::create_directories(folder());
      std::ofstream(folder() / "upload-left-behind") << "of a process that was killed";
      std::ofstream(folder() / "other") << "of somebody else";
      http::ServerOptions options;
      options.timeouts.body = 1'000ms;
      options.timeouts.linger = 200ms;
      return new test::Server(declare, {}, {.folder = folder(), .bytes_max = 2 * kFileMax, .files_max = 3}, options);
    }();
    return server;
  }
  static void TearDownTestSuite() { fs::remove_all(kept_folder()); }

  static std::string head(std::string_view path, std::size_t length) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: test\r\nAuthorization: x\r\nAccept-Language: en\r\nContent-Type: multipart/form-data; "
           "boundary=XyZ\r\nContent-Length: " +
           std::to_string(length) + "\r\n\r\n";
  }
  static Answer send(const std::string& body, std::string_view path = "/documents") {
    Client client(server().port());
    client.send(head(path, body.size()));
    client.send(body);
    return client.read().value_or(Answer{});
  }
  static std::size_t uploads_on_disk() {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder()))
      count += entry.path().filename().string().starts_with("upload-") ? 1 : 0;
    return count;
  }
  template <class Condition>
  static bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + http::test::kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  static bool nothing_is_left() {
    return eventually(
        [] { return uploads_on_disk() == 0 && server().uploads().files() == 0 && server().uploads().bytes() == 0; });
  }
};

TEST_F(EndpointUpload, gives_the_file_with_its_size_and_digest_and_the_fields_in_their_type) {
  const auto bytes = some_bytes(kFileMax);
  const auto answer = send(kTitle + file_part(bytes) + part("name=\"pages\"", "7") + kEnd);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body,
            "Отчёт|7|счёт.pdf|application/pdf|" + std::to_string(kFileMax) + "|" + crypto::hex(crypto::sha256(bytes)));
  EXPECT_TRUE(nothing_is_left());
  EXPECT_EQ(send(file_part("") + kTitle + kEnd).status, 200);
}
TEST_F(EndpointUpload, is_never_whole_in_memory) {
  const auto body = kTitle + file_part(some_bytes(kFileMax)) + kEnd;
  Client client(server().port());
  client.send(head("/documents", body.size()));
  client.send(std::string_view{body}.substr(0, body.size() - 10));
  // All but the last bytes are on the disk.
  EXPECT_TRUE(eventually([] { return server().uploads().bytes() > kFileMax - 1'000; }));
  EXPECT_EQ(uploads_on_disk(), 1U);
  client.send(std::string_view{body}.substr(body.size() - 10));
  EXPECT_EQ(client.read().value_or(Answer{}).status, 200);
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, that_its_endpoint_moves_stays) {
  EXPECT_EQ(send(file_part("0123") + kEnd, "/kept").body, "kept");
  std::ifstream file(kept_folder() / "kept");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "0123");
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, that_is_wrong_is_refused_with_the_part_and_the_problem) {
  struct Case {
    std::string body;
    int status;
    std::string field, issue;
  };
  for (const auto& [body, status, field, issue] : std::vector<Case>{
           {kTitle + kEnd, 422, "file", "is required"},
           {file_part("x") + kEnd, 422, "title", "is required"},
           {part("name=\"title\"", "12345678901") + file_part("x") + kEnd, 422, "title",
            "must be at most 10 characters"},
           {kTitle + kTitle + file_part("x") + kEnd, 422, "title", "must not be given twice"},
           {kTitle + file_part("x") + part("name=\"pages\"", "x") + kEnd, 422, "pages", "must be an integer"},
           {kTitle + file_part("x") + file_part("y") + kEnd, 422, "file", "must not be given twice"},
           {kTitle + part("name=\"file\"", "x") + kEnd, 422, "file", "must be a file"},
           {part("name=\"title\"; filename=\"a\"", "x") + file_part("x") + kEnd, 422, "title", "must not be a file"},
           {kTitle + part("name=\"file\"; filename=\"\xFF\"", "x") + kEnd, 400, "file", "must be UTF-8"},
           {part("name=\"title\"", "\xFF") + file_part("x") + kEnd, 400, "title", "must be UTF-8"},
           {part("name=\"title\"", std::string(1, '\0')) + file_part("x") + kEnd, 400, "title",
            "must not contain the NUL character"},
           {part("name=\"title\"", std::string(1'001, 'x')) + file_part("x") + kEnd, 413, "title",
            "must be at most 1000 bytes"},
           {kTitle + file_part(std::string(kFileMax + 1, 'x')) + kEnd, 413, "file",
            "must be at most " + std::to_string(kFileMax) + " bytes"},
           {kTitle + file_part("x") + kTitle + kTitle + kTitle + kEnd, 400, "body", "must have at most 4 parts"},
           {"x" + kTitle + file_part("x") + kEnd, 400, "body", "must begin with its boundary"},
           {kTitle + file_part("x"), 400, "body", "must end with its last boundary"},
           {"", 400, "body", "must end with its last boundary"},
       }) {
    const auto answer = send(body);
    EXPECT_EQ(answer.status, status) << body.substr(0, 200) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("\"field\":\"" + field + "\",\"issue\":\"" + issue + "\""));
  }
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, is_multipart) {
  const auto answer =
      server().ask("POST /documents HTTP/1.1\r\nAuthorization: x\r\nContent-Type: application/json", "{}");
  EXPECT_EQ(answer.status, 415);
  EXPECT_TRUE(answer.has("Connection: close"));
}
TEST_F(EndpointUpload, that_is_too_large_is_refused_before_it_is_read) {
  Client client(server().port());
  client.send(head("/documents", kBounds.body_bytes_max() + 1));
  EXPECT_EQ(client.read().value_or(Answer{}).status, 413);
  EXPECT_EQ(uploads_on_disk(), 0U);
}
TEST_F(EndpointUpload, of_a_caller_who_may_not_is_refused_before_it_is_read) {
  Client client(server().port());
  client.send(
      "POST /documents HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=XyZ\r\nExpect: "
      "100-continue\r\nContent-Length: 2000000\r\n\r\n");
  const auto answer = client.read().value_or(Answer{});
  EXPECT_EQ(answer.status, 401);
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_EQ(server().uploads().files(), 0U);
}
TEST_F(EndpointUpload, whose_client_waits_to_be_asked_is_asked) {
  const auto body = kTitle + file_part("x") + kEnd;
  auto with_expect = head("/documents", body.size());
  with_expect.insert(with_expect.size() - 2, "Expect: 100-continue\r\n");
  Client client(server().port());
  client.send(with_expect);
  ASSERT_TRUE(client.read_to("HTTP/1.1 100 Continue\r\n\r\n"));
  client.take_unread();
  client.send(body);
  EXPECT_EQ(client.read().value_or(Answer{}).status, 200);
}
TEST_F(EndpointUpload, that_is_broken_off_leaves_nothing) {
  {
    Client client(server().port());
    client.send(head("/documents", 100'000) + kTitle + file_part(some_bytes(50'000)));
    ASSERT_TRUE(eventually([] { return uploads_on_disk() == 1; }));
    client.abort();
  }
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, that_does_not_come_in_time_leaves_nothing) {
  Client client(server().port());
  client.send(head("/documents", 100'000) + kTitle + file_part(some_bytes(50'000)));
  EXPECT_EQ(client.read().value_or(Answer{}).status, 408);
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, is_bounded_by_the_number_and_by_the_bytes_of_all_together) {
  const auto refused = [](const Answer& answer) {
    EXPECT_EQ(answer.status, 503);
    EXPECT_THAT(answer.body, HasSubstr(R"("field":"file","issue":"cannot be received now: too many files are")"));
  };
  {
    std::vector<std::unique_ptr<Client>> slow;
    for (int i = 0; i < 3; ++i) {
      slow.push_back(std::make_unique<Client>(server().port()));
      slow.back()->send(head("/documents", 100'000) + kTitle + file_part(some_bytes(10'000)));
    }
    ASSERT_TRUE(eventually([] { return server().uploads().files() == 3; }));
    refused(send(kTitle + file_part("x") + kEnd));
  }
  ASSERT_TRUE(nothing_is_left());
  {
    std::vector<std::unique_ptr<Client>> slow;
    for (int i = 0; i < 2; ++i) {
      slow.push_back(std::make_unique<Client>(server().port()));
      slow.back()->send(head("/documents", kFileMax) + kTitle + file_part(some_bytes(kFileMax - 100'000)));
    }
    ASSERT_TRUE(eventually([] { return server().uploads().bytes() > 2 * (kFileMax - 101'000); }));
    refused(send(kTitle + file_part(some_bytes(kFileMax)) + kEnd));
  }
  EXPECT_TRUE(nothing_is_left());
}
TEST_F(EndpointUpload, of_a_process_that_was_killed_is_removed_at_the_start_and_nothing_else) {
  server();
  EXPECT_FALSE(fs::exists(folder() / "upload-left-behind"));
  EXPECT_TRUE(fs::exists(folder() / "other"));
  // What another process is receiving has its lock.
  std::ofstream(folder() / "upload-of-another") << "x";
  const int locked = ::open((folder() / "upload-of-another").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(locked, LOCK_EX), 0);
  {
    const files::TemporaryFolder next({.folder = folder()});
  }
  EXPECT_TRUE(fs::exists(folder() / "upload-of-another"));
  ::close(locked);
  {
    const files::TemporaryFolder next({.folder = folder()});
  }
  EXPECT_FALSE(fs::exists(folder() / "upload-of-another"));
}
TEST_F(EndpointUpload, stands_in_the_document_with_its_file_and_fields) {
  const auto document = json::Document::parse(server().registry().openapi(), json::Strict::no);
  const auto operation = document->root().member("paths").member("/documents").member("post");
  const auto schema =
      operation.member("requestBody").member("content").member("multipart/form-data").member("schema").member("allOf");
  EXPECT_EQ(schema.at(0).member("$ref").string(), "#/components/schemas/Document");
  EXPECT_TRUE(schema.at(1).member("properties").member("file").is_object());
}
TEST(TemporaryFolder, says_that_the_disk_is_full) {
  for (const int full : {ENOSPC, EDQUOT, EFBIG})
    EXPECT_EQ(files::temporary_error(full), files::TemporaryError::disk_full);
  EXPECT_EQ(files::temporary_error(EIO), files::TemporaryError::unavailable);
}
TEST(TemporaryFolder, that_is_not_there_takes_nothing) {
  EXPECT_EQ(files::TemporaryFolder({}).create().error(), files::TemporaryError::unavailable);
}

}  // namespace
}  // namespace parley::endpoint
