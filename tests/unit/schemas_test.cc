#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "schemas/commands.h"
#include "schemas/contexts/accounts.h"
#include "schemas/contexts/assistants.h"
#include "schemas/contexts/claims.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"
#include "schemas/json_limits.h"
#include "schemas/replies.h"

namespace parley::schema {
namespace {

struct Sample {
  std::string name;
  std::optional<std::string> note;
  std::vector<std::string> tags;
};
struct SampleChange {
  Patch<std::string> note;
  std::optional<bool> done;
};
struct SampleRequest {
  Given<std::string> name;
};

}  // namespace
template <>
inline constexpr auto fields<Sample> = std::tuple{
    field("name", &Sample::name, {.length_min = 1, .length_max = 5}),
    field("note", &Sample::note),
    field("tags", &Sample::tags, {.length_max = 2, .element_length_max = 3}),
};
template <>
inline constexpr auto fields<SampleChange> =
    std::tuple{field("note", &SampleChange::note, {.length_max = 3}), field("done", &SampleChange::done)};
template <>
inline constexpr auto fields<SampleRequest> = std::tuple{field("name", &SampleRequest::name, {.length_max = 3})};
namespace {

Read<Sample> sample(const std::string& text) {
  auto document = json::Document::parse(text, json::Strict::yes);
  if (!document) return std::unexpected(Problem{document.error().field, document.error().issue});
  return read<Sample>(document->root());
}
HeaderLookup lookup(const Headers& headers) {
  return [headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : headers) {
      if (key == name) return std::string_view(value);
    }
    return std::nullopt;
  };
}

TEST(Fields, what_was_written_is_read) {
  const auto text = write(Sample{"Anna", "hi", {"a", "b"}});
  EXPECT_EQ(text, R"({"name":"Anna","note":"hi","tags":["a","b"]})");
  EXPECT_EQ(sample(text)->tags, (std::vector<std::string>{"a", "b"}));
}
TEST(Fields, the_first_problem_is_named_with_its_path) {
  const std::map<std::string, std::string> cases{
      {R"({"tags":[]})", "name is required"},
      {R"({"name":7,"tags":[]})", "name must be a string"},
      {R"({"name":"","tags":[]})", "name must not be empty"},
      {R"({"name":"абвгде","tags":[]})", "name must be at most 5 characters"},
      {R"({"name":"a","tags":["x","long"]})", "tags[1] must be at most 3 characters"},
      {R"({"name":"a","tags":["x","y","z"]})", "tags must have at most 2 elements"},
      {R"({"name":"a","tags":{}})", "tags must be a list"},
      {R"({"name":"a\u0000","tags":[]})", "name must not contain the NUL character"},
      {R"({"name":"\uDC00","tags":[]})", "name must not contain lone surrogates"},
      {R"({"name":"a","name":"b","tags":[]})", "name must not be given twice"},
      {R"({"name":"a","tags":[],"x":[10e308]})", "x[0] must be a number that fits"},
      {R"([])", " must be an object"},
  };
  for (const auto& [text, expected] : cases) {
    const auto read = sample(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().field + " " + read.error().issue, expected) << text;
  }
}
TEST(Fields, of_a_partial_update_tell_absent_from_null) {
  const auto change = [](const char* text) { return read_text<SampleChange>(text).value(); };
  EXPECT_EQ(change("{}").note, Patch<std::string>());
  EXPECT_EQ(change(R"({"note":null})").note, Patch<std::string>(std::nullopt));
  EXPECT_EQ(change(R"({"note":"a"})").note, Patch<std::string>("a"));
  for (const auto* text : {"{}", R"({"note":null})", R"({"note":"a","done":true})"})
    EXPECT_EQ(write(change(text)), text);
  EXPECT_EQ(read_text<SampleChange>(R"({"note":"long"})").error().issue, "must be at most 3 characters");
  EXPECT_EQ(
      json_schema<SampleChange>(),
      R"({"type":"object","properties":{"note":{"anyOf":[{"type":"string","maxLength":3},{"type":"null"}]},"done":{"type":"boolean"}}})");
  EXPECT_EQ(disclosed(change(R"({"note":null})"), Disclosure::masked), R"({"note":null})");
  std::optional<std::string> note = "was";
  EXPECT_FALSE(change("{}").note.changes(note));
  EXPECT_FALSE(change(R"({"note":"was"})").note.changes(note));
  EXPECT_TRUE(change(R"({"note":null})").note.changes(note));
  change("{}").note.apply_to(note);
  EXPECT_EQ(note, "was");
  change(R"({"note":null})").note.apply_to(note);
  EXPECT_EQ(note, std::nullopt);
}
TEST(Fields, that_may_be_absent_and_never_null_refuse_null) {
  EXPECT_FALSE(read_text<SampleRequest>("{}")->name.value);
  EXPECT_EQ(read_text<SampleRequest>(R"({"name":"a"})")->name.value, "a");
  EXPECT_EQ(read_text<SampleRequest>(R"({"name":null})").error().issue, "must not be null");
  EXPECT_EQ(read_text<SampleRequest>(R"({"name":"long"})").error().issue, "must be at most 3 characters");
  EXPECT_EQ(json_schema<SampleRequest>(), R"({"type":"object","properties":{"name":{"type":"string","maxLength":3}}})");
}
TEST(Fields, lengths_are_characters_and_unknown_fields_are_ignored) {
  EXPECT_TRUE(sample(R"({"name":"абвгд","tags":[],"later":{"x":[1]}})"));
}
TEST(Json, what_is_no_json_is_refused_and_deep_nesting_overflows_nothing) {
  for (const std::string& text : {std::string("{"), std::string("{\"a\":\"\xFF\"}"), std::string("{} {}"),
                                  std::string(""), std::string(R"({"a":"\uD800"})"), std::string("{}\0{}", 5)}) {
    EXPECT_FALSE(json::Document::parse(text, json::Strict::yes)) << text;
  }
  // Cut characters, without room behind them (a sanitizer would see a read there).
  for (const std::string_view cut : {"\xC3", "\xEA", "\xEA\x80", "\xF0", "\xF0\x90", "\xF0\x90\x80"}) {
    std::string text = "{\"long enough to stand in memory of its own\":\"" + std::string(cut);
    text.shrink_to_fit();
    EXPECT_FALSE(json::Document::parse(std::move(text), json::Strict::yes)) << cut.size();
  }
  const auto deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_FALSE(json::Document::parse(deep, json::Strict::yes));
  EXPECT_TRUE(json::Document::parse(deep, json::Strict::no));
}
TEST(Json, of_a_caller_has_a_bounded_number_of_members_and_elements_and_of_the_log_any) {
  const auto list = [](std::size_t elements) {
    std::string text = "[0";
    for (std::size_t i = 1; i < elements; ++i) text += ",0";
    return text + "]";
  };
  const auto object = [](std::size_t members) {
    std::string text;
    for (std::size_t i = 0; i < members; ++i) text += (i == 0 ? "{\"" : ",\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  const auto issue = [](std::string text) {
    const auto document = json::Document::parse(std::move(text), json::Strict::yes);
    return document ? std::string() : document.error().issue;
  };
  const std::string too_many = "must have at most 1000 members and elements";
  EXPECT_EQ(issue(list(json::kValuesMax)), "");
  EXPECT_EQ(issue(object(json::kValuesMax)), "");
  EXPECT_EQ(issue(list(json::kValuesMax + 1)), too_many);
  EXPECT_EQ(issue(object(json::kValuesMax + 1)), too_many);
  EXPECT_EQ(issue("{\"a\":" + list(json::kValuesMax / 2) + ",\"b\":" + object(json::kValuesMax / 2) + "}"), too_many)
      << "all together";
  EXPECT_EQ(issue(list(json::kValuesMax + 1) + " and what is no JSON"), too_many) << "the rest is not read";
  EXPECT_TRUE(json::Document::parse(list(2 * json::kValuesMax), json::Strict::no));
}
TEST(Json, a_problem_is_reported_with_a_path_that_is_not_long) {
  const auto field = [](const std::string& name) {
    return json::Document::parse("{\"list\":[{},{\"" + name + "\":\"\\u0000\"}]}", json::Strict::yes).error().field;
  };
  EXPECT_EQ(field("a"), "list[1].a");
  for (const std::string_view letter : {"a", "ж", "\U0001F44B"}) {
    std::string name;
    while (name.size() < 100'000) name += letter;
    const auto path = field(name);
    EXPECT_LE(path.size(), json::kPathBytesMax);
    EXPECT_TRUE(path.starts_with("list[1]." + name.substr(0, letter.size() * 50)) && path.ends_with("…")) << path;
    EXPECT_TRUE(json::Document::parse("\"" + path + "\"", json::Strict::yes)) << "no character is cut";
  }
}
TEST(Times, are_written_and_read_back) {
  const Timestamp time{std::chrono::milliseconds{1'763'720'220'007}};
  EXPECT_EQ(parse_time(format_time(time)), time);
  EXPECT_EQ(format_time(Timestamp{}), "1970-01-01T00:00:00.000Z");
  for (const auto* text : {"", "2026-02-30T00:00:00.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01 00:00:00.000Z",
                           "2026-01-01T00:00:00Z", "-000-01-01T00:00:00.000Z", "2026-01-01T-0:00:00.000Z"})
    EXPECT_FALSE(parse_time(text)) << text;
}

/// The file is what this build makes. PARLEY_WRITE_SCHEMAS=1 writes it anew.
void expect_committed(const std::string& name, const std::string& made) {
  const auto path = std::string(PARLEY_SOURCE_DIR) + "/" + name;
  if (std::getenv("PARLEY_WRITE_SCHEMAS") != nullptr) std::ofstream(path) << made;
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), made) << path;
}
// The files are for consumers in other languages; a change to a released type must not be committed.
TEST(Events, the_committed_json_schemas_are_those_of_the_types) {
  for (const auto& [type, schema] : event_schemas())
    expect_committed("schemas/events/" + std::string(type) + ".json", schema);
}
TEST(Events, stand_in_the_committed_asyncapi_document) {
  std::ifstream file(std::string(PARLEY_SOURCE_DIR) + "/schemas/asyncapi.yaml");
  expect_committed("schemas/asyncapi.yaml",
                   asyncapi_with_event_types(std::string(std::istreambuf_iterator<char>(file), {})));
}
TEST(Events, the_committed_catalogue_is_that_of_the_types) {
  expect_committed("docs/event-types.md", event_catalogue());
}
TEST(Events, that_were_written_before_their_type_had_a_field_are_read) {
  const auto decoded = decode_event(
      "parley.account.email_change_requested.v1",
      R"({"process_id":"p1","email":"c@d.e","email_index":"cd","session":{"id":"c0ffee","version":3,"expires_at":"2025-11-22T10:17:00.000Z"}})");
  ASSERT_TRUE(decoded && *decoded);
  EXPECT_FALSE(std::get<accounts::EmailChangeRequested>((*decoded)->get<accounts::Event>()).command_id);
}
TEST(Events, a_type_from_the_future_is_nothing_and_not_an_error) {
  const auto decoded = decode_event("parley.dialog.renamed.v7", R"({"x":1})");
  ASSERT_TRUE(decoded);
  EXPECT_FALSE(*decoded);
}
TEST(Events, a_value_that_cannot_be_read_names_its_field) {
  EXPECT_EQ(decode_event("parley.dialog.opened.v1", R"({"assistant_id":1})").error().field, "owner_id");
}
TEST(States, survive_a_store) {
  std::vector<State> states{claims::State{}, claims::State{claims::Held{"p1", 1025, 4, true}}, dialogs::State{},
                            assistants::State{assistants::Assistant{AccountId{1}}}};
  assistants::Assistant with_bot{AccountId{1}};
  with_bot.bot = assistants::Bot{"p1", "b1"};
  with_bot.pending_update =
      assistants::PendingUpdate{"p2", "c2", "b2", {.name = "n", .telegram_bot_token = {Sealed{"k1.z"}}}};
  states.emplace_back(assistants::State{with_bot});
  states.emplace_back(assistants::State{assistants::RequestedAssistant{"p1", "c1", "b1", {AccountId{1}, "n"}}});
  for (const auto& state : states) EXPECT_EQ(decode_state(encode_state(state)), state);
}

TEST(Envelope, survives_its_headers) {
  const Envelope e{"id",
                   "/parley/decider/1",
                   "t",
                   "dialog/1",
                   Timestamp{std::chrono::milliseconds{7}},
                   3,
                   "c",
                   "k",
                   "anonymous",
                   9,
                   2,
                   std::string(64, 'a'),
                   "00-x"};
  const auto read = read_envelope(lookup(to_headers(e)));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(to_headers(*read), to_headers(e));
}
TEST(Envelope, a_missing_header_is_named) {
  auto headers = to_headers(Envelope{.hash = std::string(64, 'a')});
  std::erase_if(headers, [](const auto& h) { return h.first == "ce_sequence"; });
  EXPECT_EQ(read_envelope(lookup(headers)).error(), "header ce_sequence is missing");
}
TEST(Envelope, a_number_has_one_form) {
  for (const auto* text : {"0", "7", "-1", "-9223372036854775808", "9223372036854775807"})
    EXPECT_EQ(std::to_string(*parse_integer(text)), text);
  for (const auto* text : {"", "-", "-0", "00", "07", "-07", "+7", " 7", "7 ", "7.0", "9223372036854775808"})
    EXPECT_FALSE(parse_integer(text)) << text;
  for (const auto* version : {"0", "-1", "03"}) {
    auto headers = to_headers(Envelope{.sequence = 3, .hash = std::string(64, 'a')});
    std::ranges::find(headers, std::string_view("ce_sequence"), &Headers::value_type::first)->second = version;
    EXPECT_FALSE(read_envelope(lookup(headers))) << version;
  }
}
TEST(Envelope, the_hash_covers_every_part_with_its_length) {
  const Envelope e{"i", "s", "t", "dialog/1", {}, 3, "c", "k", "a", 9, 2, "", ""};
  const auto input = hash_input(std::string(kHashBytes, '\0'), e, "{}");
  std::string expected = "parley.v1" + std::string(kHashBytes, '\0');
  for (const std::string_view part :
       {"dialog/1", "3", "i", "t", "1970-01-01T00:00:00.000Z", "s", "a", "c", "k", "application/json", "{}"}) {
    expected += std::string("\0\0\0", 3) + static_cast<char>(part.size()) + std::string(part);
  }
  EXPECT_EQ(input, expected);
}

TEST(Commands, survive_the_wire) {
  const CommandEnvelope envelope{"",
                                 "id",
                                 "attempt",
                                 "f",
                                 Visitor{AssistantId{1026}},
                                 Stream{Kind::dialog, 1027},
                                 3,
                                 Timestamp{std::chrono::milliseconds{5}},
                                 4,
                                 "c"};
  const auto record = to_record(envelope, dialogs::Command{dialogs::PostVisitorMessage{Personal{"hi"}}});
  const auto read = read_command(record.key, lookup(record.headers), record.value);
  ASSERT_TRUE(read) << read.error().reason;
  EXPECT_EQ(read->first.type, "parley.dialog.post_visitor_message.v1");
  EXPECT_EQ(read->first.principal, envelope.principal);
  EXPECT_EQ(read->first.target, envelope.target);
  EXPECT_EQ(read->first.slot, 3);
  EXPECT_EQ(read->first.expected_version, 4);
  EXPECT_EQ(std::get<dialogs::PostVisitorMessage>(read->second.get<dialogs::Command>()).text.text, "hi");
}
TEST(Commands, every_target_survives_the_wire) {
  for (const Target& target :
       {Target{NewStream{}}, Target{Stream{Kind::account, 5}}, Target{UniqueKey{"account_email", "ab"}}}) {
    const auto record = to_record({.target = target}, accounts::Command{accounts::LogIn{true}});
    EXPECT_EQ(read_command(record.key, lookup(record.headers), record.value)->first.target, target);
  }
}
TEST(Commands, a_record_that_is_none_says_why_and_keeps_what_an_answer_needs) {
  auto record = to_record({.attempt_id = "attempt"}, accounts::Command{accounts::LogIn{true}});
  const auto broken = read_command(record.key, lookup(record.headers), "{}");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().envelope->attempt_id, "attempt");
  EXPECT_FALSE(read_command("1024", lookup(record.headers), record.value).error().envelope);
  EXPECT_FALSE(read_command("0", lookup({}), record.value));
}

TEST(Outcomes, survive_the_wire) {
  const Outcome accepted{"id",
                         "f",
                         Timestamp{std::chrono::milliseconds{5}},
                         "dialog/1027",
                         3,
                         Position{2, 77},
                         Answer{dialogs::Answer{dialogs::MessagePosted{
                             DialogId{1027}, {MessageId{2051}, dialogs::Sender::user, Personal{"hi"}, std::nullopt}}}}};
  const Outcome refused{"id", "f", {}, "", 0, std::nullopt, Error{kVersionConflict, CurrentVersion{4}}};
  const Outcome invalid{
      "id", "f", {}, "account/5", 2, std::nullopt, Error{kValidationError, InvalidField{"name", "must be another"}}};
  for (const auto& outcome : {accepted, refused, invalid}) {
    const auto read = read_outcome(write_outcome(outcome));
    ASSERT_TRUE(read) << read.error().field << read.error().issue;
    EXPECT_EQ(read->result, outcome.result);
    EXPECT_EQ(read->position, outcome.position);
    EXPECT_EQ(write_outcome(*read), write_outcome(outcome));
  }
}
TEST(Outcomes, refused_by_a_name_that_this_build_does_not_know_are_read_and_written_as_they_are) {
  constexpr auto kText =
      R"({"command_id":"id","fingerprint":"f","time":"1970-01-01T00:00:00.000Z","error":"OF_A_NEWER_BUILD"})";
  const auto read = read_outcome(kText);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Error>(read->result).code.name(), "OF_A_NEWER_BUILD");
  EXPECT_EQ(write_outcome(*read), kText);
}
TEST(Replies, survive_their_headers) {
  const ReplyEnvelope e{"id", "attempt", "c", Memory::repeat, 12};
  EXPECT_EQ(to_headers(*read_reply_envelope(lookup(to_headers(e)))), to_headers(e));
  const ReplyEnvelope restored{"id", "attempt", "c", Memory::first, kBeforeEveryCommand};
  EXPECT_EQ(to_headers(*read_reply_envelope(lookup(to_headers(restored)))), to_headers(restored));
  auto headers = to_headers(e);
  for (const auto* malformed : {"12x", "-2", ""}) {
    std::ranges::find(headers, std::string_view("command_offset"), &Headers::value_type::first)->second = malformed;
    EXPECT_FALSE(read_reply_envelope(lookup(headers))) << malformed;
  }
}
const std::vector<Event> kSamples{
    accounts::Event{accounts::Registered{Personal{"a@b.c"}, "ab", Personal{"Анна"}, std::nullopt, Sealed{"k1.x"}}},
    accounts::Event{accounts::LoggedIn{}},
    accounts::Event{accounts::LoggedOut{{"c0ffee", 3, Timestamp{std::chrono::milliseconds{1'763'806'620'000}}}}},
    accounts::Event{accounts::ApiKeyCreated{
        ApiKeyId{2049}, "CRM", {accounts::Scope{"dialogs:read"}, accounts::Scope{"assistants:write"}}, "d1", "wxyz"}},
    accounts::Event{accounts::ApiKeyUsed{ApiKeyId{2049}}},
    accounts::Event{accounts::ApiKeyRevoked{ApiKeyId{2049}}},
    assistants::Event{assistants::Created{AccountId{1025}, "Support", "d", "p", "gpt-4o-mini", "st_1"}},
    assistants::Event{assistants::CreationRequested{
        "p2", "c2", "b1", Sealed{"k1.y"}, {AccountId{1025}, "Support", "d", "p", "gpt-4o-mini", "st_1"}}},
};
const Event& sample_of(std::string_view type) {
  return *std::ranges::find(kSamples, type, [](const Event& event) { return encode_event(event).type; });
}
TEST(Directory, holds_what_lets_somebody_in_and_nothing_else) {
  const auto of = [](Stream stream, const Event& event) {
    return directory_of(stream, evolve(initial_state(stream.kind), event, {{}, 1}));
  };
  const auto account = of({Kind::account, 1025}, kSamples[0]);
  ASSERT_EQ(account.size(), 1);
  EXPECT_EQ(account[0].key, "account_email/ab");
  EXPECT_EQ(account[0].value, R"({"account_id":1025,"password_verifier":"k1.x"})");
  EXPECT_EQ(stream_of_entry(account[0].key, *account[0].value), (Stream{Kind::account, 1025}));
  const Stream stream{Kind::account, 1025};
  const auto registered = evolve(initial_state(Kind::account), kSamples[0], {{}, 1});
  EXPECT_TRUE(
      directory_changes(stream, registered, evolve(registered, sample_of("parley.account.logged_in.v2"), {{}, 2}))
          .empty())
      << "nothing is over";
  const auto ended =
      directory_changes(stream, registered, evolve(registered, sample_of("parley.account.logged_out.v1"), {{}, 2}));
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].key, "sessions/1025");
  EXPECT_EQ(stream_of_entry(ended[0].key, *ended[0].value), stream);
  EXPECT_EQ(read_text<SessionsEntry>(*ended[0].value)->sessions.ended.front().id, "c0ffee");
  const auto with_key = evolve(registered, sample_of("parley.account.api_key_created.v1"), {{}, 2});
  const auto key = directory_changes(stream, registered, with_key);
  ASSERT_EQ(key.size(), 1);
  EXPECT_EQ(key[0].key, "api_key/d1");
  EXPECT_EQ(key[0].value, R"({"account_id":1025,"key_id":2049,"scopes":["dialogs:read","assistants:write"]})");
  EXPECT_EQ(stream_of_entry(key[0].key, *key[0].value), stream);
  EXPECT_TRUE(
      directory_changes(stream, with_key, evolve(with_key, sample_of("parley.account.api_key_used.v1"), {{}, 3}))
          .empty());
  EXPECT_EQ(
      directory_changes(stream, with_key, evolve(with_key, sample_of("parley.account.api_key_revoked.v1"), {{}, 3})),
      (std::vector<DirectoryRecord>{{"api_key/d1", std::nullopt}}));
  const auto site = of({Kind::assistant, 1026}, sample_of("parley.assistant.created.v1"));
  ASSERT_EQ(site.size(), 1);
  EXPECT_EQ(site[0].key, "site_token/st_1");
  EXPECT_EQ(stream_of_entry(site[0].key, *site[0].value), (Stream{Kind::assistant, 1026}));
  EXPECT_TRUE(of({Kind::assistant, 1026}, sample_of("parley.assistant.creation_requested.v1")).empty())
      << "its site is not open yet";
  EXPECT_TRUE(
      of({Kind::dialog, 1027}, dialogs::Event{dialogs::Opened{AssistantId{1026}, AccountId{1025}, {}, {}}}).empty());
}
TEST(Directory, the_committed_json_schemas_are_those_of_the_entries) {
  for (const auto& [under, schema] : directory_schemas())
    expect_committed("schemas/directory/" + under + ".json", schema);
}
TEST(Directory, entries_of_earlier_builds_are_read) {
  const auto entry =
      read_text<SiteEntry>(R"({"assistant_id":1026,"owner_id":1025,"website_integration":true,"allowed_domains":[]})");
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->is_active.value_or(true));
}
TEST(Directory, is_written_where_it_changes) {
  const Stream stream{Kind::assistant, 1026};
  const auto none = initial_state(Kind::assistant);
  const assistants::State here = assistants::Assistant{.owner = AccountId{1}, .name = "a", .site_token = "st_1"};
  const assistants::State renamed = assistants::Assistant{.owner = AccountId{1}, .name = "b", .site_token = "st_1"};
  const assistants::State moved = assistants::Assistant{.owner = AccountId{1}, .name = "a", .site_token = "st_2"};
  const assistants::State inactive =
      assistants::Assistant{.owner = AccountId{1}, .name = "a", .is_active = false, .site_token = "st_1"};
  EXPECT_EQ(directory_changes(stream, none, here), directory_of(stream, here));
  EXPECT_TRUE(directory_changes(stream, here, here).empty());
  const std::vector<DirectoryRecord> expected{{"site_token/st_1", std::nullopt}, directory_of(stream, moved)[0]};
  EXPECT_EQ(directory_changes(stream, here, moved), expected);
  EXPECT_TRUE(directory_changes(stream, here, renamed).empty());
  EXPECT_EQ(directory_changes(stream, here, inactive), directory_of(stream, inactive));
  EXPECT_EQ(directory_changes(stream, here, assistants::State{assistants::DeletedAssistant{}}),
            (std::vector<DirectoryRecord>{{"site_token/st_1", std::nullopt}}));
}

}  // namespace
}  // namespace parley::schema
