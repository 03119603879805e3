// multipart/form-data: what is read, however its bytes come, and what is refused.
#include "api/http/multipart.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace parley::http {
namespace {

struct Received : MultipartReader::Receiver {
  struct One {
    MultipartReader::Part part;
    std::string bytes;
    bool ended = false;
  };
  std::vector<One> parts;
  std::expected<void, MultipartProblem> begin(MultipartReader::Part part) override {
    if (part.name == "unwanted") return std::unexpected(MultipartProblem{"unwanted", "is not wanted"});
    parts.push_back({std::move(part), {}});
    return {};
  }
  std::expected<void, MultipartProblem> data(std::string_view bytes) override {
    EXPECT_FALSE(bytes.empty());
    parts.back().bytes += bytes;
    return {};
  }
  std::expected<void, MultipartProblem> end() override {
    EXPECT_FALSE(std::exchange(parts.back().ended, true));
    return {};
  }
};

/// What a body comes to, fed in these pieces: its parts as one text, or "field: issue".
std::string read(const std::vector<std::string_view>& pieces, std::string_view boundary = "B",
                 std::size_t parts_max = 3) {
  Received received;
  MultipartReader reader(boundary, parts_max, received);
  for (const auto piece : pieces) {
    if (const auto fed = reader.feed(piece); !fed) return fed.error().field + ": " + fed.error().issue;
  }
  if (const auto whole = reader.finish(); !whole) return whole.error().field + ": " + whole.error().issue;
  std::string text;
  for (const auto& [part, bytes, ended] : received.parts) {
    EXPECT_TRUE(ended);
    text += part.name + "|" + part.file_name.value_or("-") + "|" + part.content_type + "|" + bytes + "\n";
  }
  return text;
}
std::string part(std::string_view head, std::string_view bytes) {
  return "--B\r\n" + std::string(head) + "\r\n\r\n" + std::string(bytes) + "\r\n";
}
const std::string kName = "Content-Disposition: form-data; name=\"a\"";

/// Almost a boundary, again and again.
const std::string kBytes("\r\n--\r\n--C\r\r\n--\n--B\r\n-B\0\xFF", 24);
const std::string kBody = part(kName, "x") +
                          part(
                              "content-disposition: Form-Data; filename=\"C:\\dir\\%22q%22.txt\"; x=y; "
                              "name=file\r\nContent-Type: image/png; a=b",
                              kBytes) +
                          part("X-Other: 1\r\nContent-Transfer-Encoding: binary\r\n" + kName, "") + "--B--\r\n";
TEST(Multipart, is_read_part_by_part) {
  EXPECT_EQ(read({kBody}), "a|-||x\nfile|C:\\dir\\\"q\".txt|image/png; a=b|" + kBytes + "\na|-||\n");
  EXPECT_EQ(read({"--B--"}), "");
}
TEST(Multipart, is_the_same_wherever_its_bytes_are_split) {
  const auto whole = read({kBody});
  ASSERT_FALSE(whole.contains("body: ")) << whole;
  for (std::size_t i = 0; i <= kBody.size(); ++i) {
    const std::string_view body = kBody;
    ASSERT_EQ(read({body.substr(0, i), body.substr(i)}), whole) << i;
    for (std::size_t j = i; j <= kBody.size(); j += 7)
      ASSERT_EQ(read({body.substr(0, i), body.substr(i, j - i), body.substr(j)}), whole) << i << " " << j;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kBody.size(); ++i) bytes.push_back(std::string_view{kBody}.substr(i, 1));
  EXPECT_EQ(read(bytes), whole);
}
TEST(Multipart, that_is_cut_off_anywhere_is_refused) {
  const auto end = kBody.size() - 2;  // the last CRLF may be missing
  for (std::size_t i = 0; i < end; ++i)
    ASSERT_TRUE(read({std::string_view{kBody}.substr(0, i)}).starts_with("body: ")) << i;
  EXPECT_EQ(read({std::string_view{kBody}.substr(0, end)}), read({kBody}));
  EXPECT_TRUE(read({std::string_view{kBody}.substr(0, end + 1)}).starts_with("body: "));
}
TEST(Multipart, with_one_byte_changed_is_read_or_refused_alike_in_pieces_and_whole) {
  std::mt19937 random(7);
  for (int i = 0; i < 2'000; ++i) {
    auto body = kBody;
    body[random() % body.size()] = "\r\n-B;\"=:\0 x"[random() % 11];
    const auto at = random() % body.size();
    const std::string_view view = body;
    ASSERT_EQ(read({view}), read({view.substr(0, at), view.substr(at)})) << body;
  }
}
TEST(Multipart, that_is_not_strict_is_refused_with_the_reason) {
  const auto no_name = "body: must have parts with a form-data Content-Disposition and a name: part 1 has none";
  for (const auto* head :
       {"X: y", "Content-Disposition: form-data", "Content-Disposition: form-data; name=\"\"",
        "Content-Disposition: attachment; name=a", "Content-Disposition: form-data; name=a; name=b",
        "Content-Disposition: form-data; name=a; filename=b; filename=c", "Content-Disposition: form-data; name=\"a",
        "Content-Disposition: form-data; name=\"a\"x", "Content-Disposition: form-data name=a",
        "Content-Disposition: form-data; name=\"a\x01\"", "Content-Disposition: form-data; name=a\nX: y",
        "Content-Disposition : form-data; name=a", " folded", ": x",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "Content-Disposition: form-data; name=a\r\nContent-Type: a\r\nContent-Type: b",
        "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"})
    EXPECT_EQ(read({part(head, "x") + "--B--"}), no_name) << head;
  const auto good = part(kName, "x");
  EXPECT_EQ(read({"preamble\r\n" + good + "--B--"}), "body: must begin with its boundary");
  EXPECT_EQ(read({"\r\n" + good + "--B--"}), "body: must begin with its boundary");
  EXPECT_EQ(read({good + "--B--\r\nepilogue"}), "body: must end with its last boundary");
  EXPECT_EQ(read({good + "--B --"}), "body: must have boundaries that stand alone in their lines");
  EXPECT_EQ(read({good + "--Bx\r\n"}), "body: must have boundaries that stand alone in their lines");
  EXPECT_EQ(read({good + good + good + good + "--B--"}), "body: must have at most 3 parts");
  EXPECT_EQ(read({part("X: " + std::string(1'100, 'x') + "\r\n" + kName, "") + "--B--"}),
            "body: must have parts whose head is at most 1024 bytes");
  EXPECT_EQ(read({part("Content-Disposition: form-data; name=unwanted", "x")}), "unwanted: is not wanted");
}
TEST(Multipart, has_a_boundary_that_the_standard_allows) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data;charset=utf-8 ; Boundary=\"a b'()+_,-./:=?\""), "a b'()+_,-./:=?");
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(70, 'b')), std::string(70, 'b'));
  for (const auto& none : std::vector<std::string>{
           "", "multipart/form-data", "multipart/form-datax; boundary=a", "multipart/mixed; boundary=a",
           "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
           "multipart/form-data; boundary=\"a \"", "multipart/form-data; boundary=\"a",
           "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=\"a\x01\"",
           "multipart/form-data; boundary=" + std::string(71, 'b')})
    EXPECT_EQ(multipart_boundary(none), std::nullopt) << none;
}

}  // namespace
}  // namespace parley::http
