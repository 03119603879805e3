// What of the audit needs no log: masking, moments, folding up to one, trees of causes, lines and the files that they
// are in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ops/cli/audit/describe_event.h"
#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/files.h"
#include "ops/cli/audit/log.h"
#include "ops/cli/audit/tree.h"
#include "projections/contexts/dialogs.h"
#include "projections/stream_fold.h"
#include "schemas/contexts/accounts.h"
#include "schemas/contexts/assistants.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/disclosed.h"
#include "schemas/events.h"
#include "schemas/point_in_time.h"

namespace parley::audit {
struct Inner {
  Personal said;
  std::vector<Personal> names;
  std::vector<Sealed> keys;
};
struct Outer {
  std::int64_t number = 0;
  std::optional<Inner> inner;
  std::vector<Inner> list;
  std::optional<Sealed> secret;
};
}  // namespace parley::audit

namespace parley::schema {
template <>
inline constexpr auto fields<audit::Inner> = std::tuple{
    field("said", &audit::Inner::said), field("names", &audit::Inner::names), field("keys", &audit::Inner::keys)};
template <>
inline constexpr auto fields<audit::Outer> =
    std::tuple{field("number", &audit::Outer::number), field("inner", &audit::Outer::inner),
               field("list", &audit::Outer::list), field("secret", &audit::Outer::secret)};
}  // namespace parley::schema

namespace parley::audit {
namespace {

using schema::Disclosure;
using testing::HasSubstr;
using testing::Not;

Timestamp at(int second) { return *schema::parse_time("2026-11-21T10:17:0" + std::to_string(second) + ".500Z"); }

projections::Record record(std::int64_t version, const Event& event, Timestamp time, std::string& value,
                           std::string subject = "dialog/1387") {
  auto encoded = schema::encode_event(event);
  value = encoded.json;
  schema::Envelope e;
  e.id = "01a1ffca-c48e-7e32-a1a0-98f112a34cb" + std::to_string(version);
  e.type = encoded.type;
  e.subject = std::move(subject);
  e.time = time;
  e.sequence = version;
  e.actor = "visitor/1530";
  return {e, value, 15, 40 + version};
}
std::expected<void, std::string> add(projections::StreamFold& fold, std::int64_t version, const Event& event,
                                     std::string subject = "dialog/1387") {
  std::string value;
  const auto r = record(version, event, at(static_cast<int>(version)), value, std::move(subject));
  return fold.add(r.envelope, r.value);
}
Event opened() { return dialogs::Event{dialogs::Opened{{1026}, {1025}, dialogs::Platform::website, Personal{"Ivan"}}}; }
Event message(std::int64_t id, const std::string& text) {
  return dialogs::Event{dialogs::MessageCreated{{id}, dialogs::Sender::operator_, Personal{text}, Personal{"Anna"}}};
}

// Masking.

TEST(Disclosed, personal_text_is_null_at_every_depth_unless_it_is_asked_for) {
  const Outer outer{7, Inner{{"a"}, {{"b"}}, {}}, {Inner{{"c"}, {}, {}}}, {}};
  EXPECT_EQ(
      schema::disclosed(outer, Disclosure::masked),
      R"({"number":7,"inner":{"said":null,"names":[null],"keys":[]},"list":[{"said":null,"names":[],"keys":[]}]})");
  EXPECT_EQ(schema::disclosed(outer, Disclosure::personal), schema::write(outer));
}
TEST(Disclosed, secrets_are_null_always) {
  const Outer outer{7, Inner{{"a"}, {}, {Sealed{"box1"}}}, {}, Sealed{"box2"}};
  for (const auto disclosure : {Disclosure::masked, Disclosure::personal})
    EXPECT_THAT(schema::disclosed(outer, disclosure), Not(HasSubstr("box")));
}
TEST(Disclosed, an_event_of_every_type_hides_what_its_type_declares) {
  const std::vector<Event> events{
      accounts::Event{accounts::Registered{Personal{"PERSONAL"}, "index", Personal{"PERSONAL"}, Personal{"PERSONAL"},
                                           Sealed{"SEALED"}}},
      dialogs::Event{dialogs::Opened{{1}, {2}, {}, Personal{"PERSONAL"}}}, message(3, "PERSONAL")};
  for (const auto& event : events) {
    const auto encoded = schema::encode_event(event);
    const auto masked = schema::disclosed_event(encoded.type, encoded.json, Disclosure::masked);
    const auto shown = schema::disclosed_event(encoded.type, encoded.json, Disclosure::personal);
    ASSERT_TRUE(masked && *masked && shown && *shown) << encoded.type;
    EXPECT_THAT(**masked, Not(HasSubstr("PERSONAL"))) << encoded.type;
    EXPECT_THAT(**shown, HasSubstr("PERSONAL")) << encoded.type;
    EXPECT_THAT(**shown, Not(HasSubstr("SEALED"))) << encoded.type;
  }
}
TEST(Disclosed, fields_that_a_type_does_not_declare_are_left_out) {
  const auto data =
      schema::disclosed_event("parley.account.logged_in.v1", R"({"from":"somewhere"})", Disclosure::personal);
  EXPECT_EQ(data->value(), "{}");
}
TEST(EventLine, is_safe_to_show_and_json_of_the_same_value) {
  std::string value;
  const auto one = record(2, message(3, "\u009B2J\u202Eж"), at(0), value);
  const auto line = event_line(one, Disclosure::personal);
  EXPECT_THAT(line, HasSubstr("\\u009b2J\\u202eж"));
  EXPECT_EQ(json::Document::parse(line, json::Strict::no)->root().member("data").member("text").string(),
            "\u009B2J\u202Eж");
  EXPECT_EQ(position_of_line(line)->first, one.partition);
}
TEST(EventLine, data_of_an_unknown_type_is_left_out_and_said_to_be) {
  std::string value = R"({"name":"PERSONAL"})";
  schema::Envelope e;
  e.type = "parley.dialog.from_the_future.v1";
  const auto line = event_line({e, value, 3, 17}, Disclosure::personal);
  EXPECT_THAT(line, Not(HasSubstr("PERSONAL")));
  EXPECT_THAT(line, HasSubstr(R"("data_left_out":"this build does not know the type")"));
  EXPECT_EQ(position_of_line(line), (std::pair<std::int32_t, std::int64_t>{3, 17}));
}
TEST(Disclosed, a_change_of_an_assistant_hides_its_token) {
  const Event event = assistants::Event{
      assistants::Updated{.name = "N", .description = {std::nullopt}, .telegram_bot_token = {Sealed{"SEALED"}}}};
  const auto encoded = schema::encode_event(event);
  EXPECT_EQ(schema::disclosed_event(encoded.type, encoded.json, Disclosure::personal).value(),
            R"({"name":"N","description":null,"telegram_bot_token":null})");
}
TEST(Words, of_a_change_name_what_changed) {
  std::string value;
  const assistants::Updated change{
      .name = "N", .description = {std::nullopt}, .telegram_bot_token = {Sealed{"SEALED"}}};
  EXPECT_EQ(describe_event(record(2, assistants::Event{change}, at(0), value, "assistant/1386"), Disclosure::masked),
            "visitor/1530 changes the assistant: name, description (cleared), telegram_bot_token");
}
TEST(Words, of_an_assistant_s_bot) {
  std::string value;
  const auto words = [&](assistants::Event event) {
    return describe_event(record(2, std::move(event), at(0), value, "assistant/1386"), Disclosure::masked);
  };
  EXPECT_EQ(words(assistants::CreationRequested{"p1", "c1", "b1", Sealed{"SEALED"}, {AccountId{1025}, "N"}}),
            "visitor/1530 wants the assistant \"N\", with a Telegram bot");
  EXPECT_EQ(words(assistants::UpdateRequested{"p1", "c1", "b1", Sealed{"SEALED"}, {}}),
            "visitor/1530 wants another Telegram bot for the assistant");
  EXPECT_EQ(words(assistants::BotClaimed{"p1", "b1"}), "the Telegram bot is this assistant's");
}
TEST(Disclosed, what_waits_for_a_bot_hides_its_token) {
  const Event event = assistants::Event{assistants::UpdateRequested{"p1", "c1", "b1", Sealed{"SEALED"}, {.name = "N"}}};
  const auto encoded = schema::encode_event(event);
  EXPECT_EQ(
      schema::disclosed_event(encoded.type, encoded.json, Disclosure::personal).value(),
      R"({"process_id":"p1","command_id":"c1","bot_index":"b1","telegram_bot_token":null,"change":{"name":"N"}})");
}
TEST(Words, nothing_that_a_visitor_writes_moves_the_cursor) {
  std::string value;
  const auto one = record(2, message(3, "a\x1b[2J\n\xC2\x9Bz ж"), at(0), value);
  EXPECT_EQ(describe_event(one, Disclosure::personal), "operator Anna: a\\u001b[2J\\n\\u009bz ж");
  EXPECT_EQ(describe_event(one, Disclosure::masked), "operator: (10 characters)");
}

// Moments.

TEST(PointInTime, is_a_version_or_a_time_in_one_of_three_forms) {
  const auto time = [](const char* text) { return schema::PointInTime{schema::AtTime{*schema::parse_time(text)}}; };
  EXPECT_EQ(schema::parse_point_in_time("7"), schema::PointInTime{schema::AtVersion{7}});
  EXPECT_EQ(schema::parse_point_in_time("0"), schema::PointInTime{schema::AtVersion{0}});
  EXPECT_EQ(schema::parse_point_in_time("2026-11-21T10:17:00.123Z"), time("2026-11-21T10:17:00.123Z"));
  EXPECT_EQ(schema::parse_point_in_time("2026-11-21T10:17:00Z"), time("2026-11-21T10:17:00.000Z"));
  EXPECT_EQ(schema::parse_point_in_time("2026-11-21"), time("2026-11-21T00:00:00.000Z"));
  EXPECT_EQ(schema::parse_point_in_time("0001-01-01"), time("0001-01-01T00:00:00.000Z"));
  EXPECT_EQ(schema::parse_point_in_time("9999-12-31T23:59:59.999Z"), time("9999-12-31T23:59:59.999Z"));
  for (const auto* text :
       {"", "-1", "07", "9007199254740992", "7.5", "0000-01-01", "0000-12-31T23:59:59.999Z", "10000-01-01",
        "2026-11-21T24:00:00Z", "2026-12-31T23:59:60Z", "2026-13-01", "2026-11-31", "2026-11-21T10:17",
        "2026-11-21T10:17:00", "2026-11-21T10:17:00+00:00", "2026-11-21T25:00:00Z", "now", "20261121T101700Z", " 7"}) {
    EXPECT_FALSE(schema::parse_point_in_time(text)) << text;
  }
}

// Folding.

TEST(StreamFold, at_each_version_has_what_had_happened_by_then) {
  projections::StreamFold fold({Kind::dialog, 1387});
  EXPECT_FALSE(fold.row<projections::DialogRow>());
  ASSERT_TRUE(add(fold, 1, opened()));
  EXPECT_EQ(fold.row<projections::DialogRow>()->message_count, 0);
  EXPECT_EQ(fold.row<projections::DialogRow>()->status, "active");
  EXPECT_FALSE(fold.row<projections::DialogRow>()->last_message);
  ASSERT_TRUE(add(fold, 2, message(3, "a")));
  ASSERT_TRUE(add(fold, 3, message(4, "b")));
  EXPECT_EQ(fold.version(), 3);
  EXPECT_EQ(fold.row<projections::DialogRow>()->version, 3);
  EXPECT_EQ(fold.row<projections::DialogRow>()->message_count, 2);
  EXPECT_EQ(fold.row<projections::DialogRow>()->last_message->text, "b");
  EXPECT_EQ(fold.row<projections::DialogRow>()->last_message_time, at(3));
  EXPECT_EQ(fold.row<projections::DialogRow>()->created_at, at(1));
  EXPECT_EQ(fold.row<std::vector<projections::MessageRow>>().value().size(), 2U);
  EXPECT_EQ(fold.row<std::vector<projections::MessageRow>>().value()[0].text.text, "a");
}
TEST(StreamFold, refuses_what_does_not_follow_and_keeps_what_it_has) {
  projections::StreamFold fold({Kind::dialog, 1387});
  std::string value;
  ASSERT_TRUE(add(fold, 1, opened()));
  EXPECT_FALSE(add(fold, 3, message(3, "a")));
  EXPECT_FALSE(add(fold, 2, message(3, "a"), "dialog/1388"));
  EXPECT_FALSE(fold.add(record(2, message(3, "a"), at(2), value).envelope, "{}"));
  EXPECT_EQ(fold.version(), 1);
  EXPECT_EQ(fold.row<projections::DialogRow>()->message_count, 0);
}
TEST(StreamFold, an_event_of_an_unknown_type_moves_the_version_alone) {
  projections::StreamFold fold({Kind::dialog, 1387});
  std::string value;
  ASSERT_TRUE(add(fold, 1, opened()));
  auto unknown = record(2, message(3, "a"), at(2), value).envelope;
  unknown.type = "parley.dialog.from_the_future.v1";
  ASSERT_TRUE(fold.add(unknown, "{}"));
  EXPECT_EQ(fold.row<projections::DialogRow>()->version, 2);
  EXPECT_EQ(fold.row<projections::DialogRow>()->message_count, 0);
}
TEST(StreamNamed, says_what_is_wrong_with_a_name) {
  EXPECT_TRUE(stream_named("dialog/1387"));
  EXPECT_THAT(stream_named("cat/1387").error(), HasSubstr("no kind of stream named cat"));
  for (const auto* text : {"dialog", "dialog/", "dialog/x", "dialog/-1", "/7", ""})
    EXPECT_THAT(stream_named(text).error(), HasSubstr("is no stream")) << text;
}

TEST(PlaceNamed, is_the_partition_of_the_id_or_of_the_seal) {
  EXPECT_EQ(place_named("dialog/1387", 16)->partition, 5);  // slot 363
  EXPECT_EQ(place_named("seal/15", 16)->partition, 15);
  for (const auto* text : {"seal/16", "seal/-1", "seal/", "seal/x", "dialog/x"})
    EXPECT_THAT(place_named(text, 16).error(), HasSubstr("is no stream")) << text;
}

// Causes and effects.

SeenEvent event(const std::string& id, const std::string& cause, int second, std::int64_t version = 1) {
  return {id, "t", "dialog/1", version, "account/5", "r", cause, at(second), "0:1", {}};
}
SeenEvent asking(SeenEvent event, const std::string& command) {
  event.asked_for.push_back(command);
  return event;
}
SeenCommand command(const std::string& id, int second) { return {id, "c", "account/5", "r", at(second), "0:0"}; }
std::string drawn(const Node& node) {
  std::string out = node.id;
  if (!node.children.empty()) {
    out += "(";
    for (const auto& child : node.children) out += (&child == &node.children.front() ? "" : " ") + drawn(child);
    out += ")";
  }
  return out;
}

TEST(Tree, events_hang_below_their_command_and_what_they_caused_below_them) {
  const auto tree = build_tree(
      "r", {command("c1", 1), command("c2", 4)},
      {event("e3", "c2", 5, 3), asking(event("e2", "c1", 2, 2), "c2"), event("e1", "c1", 2, 1), event("e4", "e3", 6)});
  EXPECT_EQ(drawn(tree), "r(c1(e1 e2(c2(e3(e4)))))");
  EXPECT_EQ(tree.actor, "account/5");
  EXPECT_EQ(tree.time, at(1));
}
TEST(Tree, a_command_that_is_not_kept_is_told_by_its_events) {
  const auto tree = build_tree("r", {}, {event("e2", "c1", 3, 2), event("e1", "c1", 2, 1)});
  EXPECT_EQ(drawn(tree), "r(c1(e1 e2))");
  EXPECT_TRUE(tree.children[0].is_gone.value_or(false));
  EXPECT_EQ(tree.children[0].time, at(2));
  EXPECT_EQ(drawn(build_tree("r", {}, {event("e2", "c2", 3), asking(event("e1", "c1", 2), "c2")})),
            "r(c1(e1(c2(e2))))");
}
TEST(Tree, a_command_that_was_sent_again_is_one_and_one_without_events_is_there) {
  const auto tree = build_tree("r", {command("c1", 1), command("c1", 2), command("c0", 3)}, {event("e1", "c1", 2)});
  EXPECT_EQ(drawn(tree), "r(c1(e1) c0)");
  EXPECT_EQ(tree.children[0].attempts, 2);
}
TEST(Tree, whatever_has_no_known_cause_hangs_below_the_request_even_in_a_circle) {
  EXPECT_EQ(drawn(build_tree("r", {}, {asking(event("e2", "gone", 3), "c0"), event("e1", "c1", 2)})),
            "r(c1(e1) gone(e2))");
  const auto circle = build_tree("r", {command("c1", 1)}, {asking(event("e1", "c1", 2), "c1")});
  EXPECT_EQ(drawn(circle), "r(c1 e1)");
}
TEST(Ids, a_uuid_of_version_7_tells_its_time) {
  EXPECT_EQ(time_of_uuid7("01a1ffca-c48e-7e32-a1a0-98f112a34cb3"),
            Timestamp(std::chrono::milliseconds(0x01a1ffcac48e)));
  EXPECT_FALSE(time_of_uuid7("6be589b2-f562-52cd-8151-2c438b6af489"));
  EXPECT_FALSE(time_of_uuid7("59279bede8d55beb1236fcf322a1ea99"));
  EXPECT_FALSE(is_uuid("01a1ffca-c48e-7e32-a1a0-98f112a34cbg"));
}

// Files.

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "parley-audit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file() const { return folder_ / "lines"; }
  void put(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }
  std::string text() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path folder_;
};

TEST_F(Files, a_torn_line_is_cut_and_the_last_whole_one_is_told) {
  const std::string large(200'000, 'x');
  const std::vector<std::array<std::string, 3>> cases{
      {"", "", "-"},  // what stood there, what stays, the last line
      {"torn", "", "-"},
      {"a\n", "a\n", "a"},
      {"a\nb\n", "a\nb\n", "b"},
      {"a\nb\nto", "a\nb\n", "b"},
      {"a\n" + large, "a\n", "a"},
      {"a\n" + large + "\nto", "a\n" + large + "\n", large},
      {large + "\n", large + "\n", large},
  };
  for (const auto& [before, after, last] : cases) {
    put(before);
    {
      const auto opened = LineFile::open(file());
      ASSERT_TRUE(opened) << opened.error();
      EXPECT_EQ(opened->last_line().value_or("-"), last);
    }
    EXPECT_EQ(text(), after);
  }
}
TEST_F(Files, lines_are_added_behind_those_that_are_there) {
  put("a\nto");
  auto opened = LineFile::open(file());
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->add("b"));
  ASSERT_TRUE(opened->add(std::string(300'000, 'y')));
  ASSERT_TRUE(opened->close());
  EXPECT_EQ(text(), "a\nb\n" + std::string(300'000, 'y') + "\n");
}
TEST_F(Files, a_folder_is_one_export_and_one_writer) {
  const auto folder = folder_ / "out";
  {
    const auto first = ExportFolder::open(folder, "{\"personal\":false}\n");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->file_of(7).filename(), "events-07.jsonl");
    EXPECT_THAT(ExportFolder::open(folder, "{\"personal\":false}\n").error(), HasSubstr("another export writes there"));
  }
  EXPECT_TRUE(ExportFolder::open(folder, "{\"personal\":false}\n"));
  EXPECT_THAT(ExportFolder::open(folder, "{\"personal\":true}\n").error(), HasSubstr("holds another export"));
}

}  // namespace
}  // namespace parley::audit
