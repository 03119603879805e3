// platform/text/printable.h, and what logs and the console do with it: nothing that somebody wrote acts on the terminal
// of those who read it.
#include "platform/text/printable.h"

#include <gmock/gmock.h>

#include <iostream>
#include <sstream>

#include "platform/log/log.h"
#include "schemas/json.h"

namespace parley::text {
namespace {

/// Each with how a value that has it is shown.
const std::vector<std::pair<std::string, std::string>> kUnsafe{
    {std::string(1, '\0'), "\\u0000"},
    {"\x1B[2J", "\\u001b[2J"},
    {"\r", "\\u000d"},
    {"\n", "\\n"},
    {"\t", "\\t"},
    {"\x7F", "\\u007f"},
    {"\u009B2J", "\\u009b2J"},
    {"\u0085", "\\u0085"},
    {"\u061C", "\\u061c"},
    {"\u200E\u200F", "\\u200e\\u200f"},
    {"\u2028\u2029", "\\u2028\\u2029"},
    {"\u202A\u202E", "\\u202a\\u202e"},
    {"\u2066\u2069", "\\u2066\\u2069"},
    {"\uFEFF", "\\ufeff"},
    {"\x9B", "\\x9b"},
    {"\xE9t\xE9", "\\xe9t\\xe9"},
    {"\xC0\x80", "\\xc0\\x80"},           // overlong
    {"\xED\xA0\x80", "\\xed\\xa0\\x80"},  // a surrogate
    {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"\xD0", "\\xd0"},
};

TEST(Printable, what_is_written_for_people_passes_as_it_is) {
  for (const std::string text :
       {"", "Order 4711 \\ \"x\"", "Привет, мир", "שלום", "👋🏽 👨‍👩‍👧", "\u00A0\u200B\u200D"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(escaped(text), text);
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(Printable, whatever_could_act_on_a_terminal_is_shown_instead) {
  for (const auto& [text, shown] : kUnsafe) EXPECT_EQ(printable("ж" + text + "z"), "ж" + shown + "z");
}

TEST(Printable, json_stays_json_of_the_same_value) {
  for (const auto& [text, shown] : kUnsafe) {
    if (shown.starts_with("\\x")) continue;  // bytes have no form in JSON
    json::Writer w;
    w.string("ж" + text);
    const auto out = escaped(w.text());
    EXPECT_EQ(printable(out), out);
    EXPECT_EQ(json::Document::parse(out, json::Strict::no)->root().string(), "ж" + text);
  }
  EXPECT_EQ(escaped("[\n\t\"a\xFF\"\n]"), "[\n\t\"a\\ufffd\"\n]");
}

TEST(Printable, a_guarded_stream_lets_nothing_through_however_it_comes) {
  std::ostringstream shown;
  auto* const before = std::cout.rdbuf(shown.rdbuf());
  {
    const GuardedOutput guard;
    std::cout << "a\n\tж";
    for (const char c : std::string("\u202E\u009B👋\x9B.")) std::cout << c << std::flush;
    std::cout << "\xD0" << std::flush << "\xB6" << 7 << "\xF0\x9F";
  }
  EXPECT_EQ(std::cout.rdbuf(before), shown.rdbuf());
  EXPECT_EQ(shown.str(), "a\n\tж\\u202e\\u009b👋\\ufffd.ж7\\ufffd\\ufffd");
}

TEST(Log, every_line_is_utf8_and_json_and_acts_on_no_terminal) {
  for (const auto& [text, shown] : kUnsafe) {
    testing::internal::CaptureStderr();
    log::error("m" + text, {{"path", "/" + text}});
    const auto line = testing::internal::GetCapturedStderr();
    EXPECT_EQ(printable(line.substr(0, line.size() - 1)), line.substr(0, line.size() - 1));
    const auto read = json::Document::parse(line, json::Strict::no);
    ASSERT_TRUE(read) << line;
    EXPECT_EQ(read->root().member("path").string(), "/" + (shown.starts_with("\\x") ? shown : text));
  }
}

}  // namespace
}  // namespace parley::text
