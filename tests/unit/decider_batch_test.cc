// Commands decided, without Kafka: what is staged, what is remembered, what is refused, what is undone.
#include "workers/decider/batch.h"

#include <gtest/gtest.h>

#include "schemas/contexts/accounts.h"
#include "schemas/contexts/claims.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/contexts/parking.h"
#include "tests/unit/decider_memory_snapshot.h"

namespace parley::decider::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class DeciderBatch : public ::testing::Test {
 protected:
  /// Decides the commands in one transaction and keeps what it changed.
  std::vector<Verdict> transact(const std::vector<Sent>& commands) {
    Batch batch(log_.snapshot, kPartition, kPartitions, "/test", decide_);
    std::vector<Verdict> verdicts;
    for (const auto& one : commands) verdicts.push_back(batch.decide(one.input(offset_++), now_));
    log_.commit(std::move(batch));
    return verdicts;
  }
  Verdict transact(const Sent& command) { return transact(std::vector{command}).front(); }
  const Reply& last() const { return log_.replies.back(); }
  std::optional<Code> refusal() const {
    const auto* error = std::get_if<Error>(&last().outcome.result);
    return error != nullptr ? std::optional(error->code) : std::nullopt;
  }

  /// A dialog that stands still because of `poison_`, and one that does not.
  void poison() {
    decide_ = decide_or_throw;
    transact({open_dialog(), open_dialog()});
    poisoned_ = log_.events[0].envelope.subject;
    other_ = log_.events[1].envelope.subject;
    poison_ = post(DialogId{parse_stream(poisoned_)->id}, "poison");
    EXPECT_EQ(transact({post_to(poisoned_, "before"), poison_, post_to(poisoned_, "after"), post_to(other_, "b")}),
              (std::vector{Verdict::accepted, Verdict::parks, Verdict::parked, Verdict::accepted}));
  }
  static Sent post_to(const std::string& subject, std::string text) {
    return post(DialogId{parse_stream(subject)->id}, std::move(text));
  }
  const Event& event(std::size_t from_last) const { return log_.events[log_.events.size() - 1 - from_last].event; }
  std::vector<std::string> parked_in_directory() const {
    std::vector<std::string> out;
    for (auto it = log_.directory.rbegin(); it != log_.directory.rend(); ++it) {
      if (it->key != "parked/1") continue;
      const auto entry = schema::read_text<schema::ParkedEntry>(*it->value);
      for (const auto& one : entry->streams) out.push_back(one.stream);
      break;
    }
    return out;
  }

  MemoryLog log_;
  Decide decide_ = parley::decide;
  std::string poisoned_, other_;
  Sent poison_;
  Timestamp now_{milliseconds(1'800'000'000'000)};
  std::int64_t offset_ = 0;
};

TEST_F(DeciderBatch, the_first_event_of_a_stream_has_version_1_and_its_id_carries_the_slot) {
  const auto opening = open_dialog();
  EXPECT_EQ(transact(opening), Verdict::accepted);
  ASSERT_EQ(log_.events.size(), 1u);
  EXPECT_EQ(log_.events[0].envelope.sequence, 1);
  EXPECT_EQ(log_.events[0].envelope.subject, "dialog/" + std::to_string(1 * kSlots + opening.envelope.slot));
  EXPECT_EQ(log_.events[0].envelope.slot_counter, 1);
  EXPECT_EQ(log_.events[0].envelope.causation, opening.envelope.command_id);
  EXPECT_EQ(last().outcome.position, (schema::Position{kPartition, log_.events[0].offset}));
}

TEST_F(DeciderBatch, a_message_in_the_same_transaction_sees_the_dialog_that_was_opened_before_it) {
  const auto opening = open_dialog();
  const auto dialog = DialogId{1 * kSlots + opening.envelope.slot};
  EXPECT_EQ(transact({opening, post(dialog, "a"), post(dialog, "b")}),
            (std::vector{Verdict::accepted, Verdict::accepted, Verdict::accepted}));
  EXPECT_EQ(log_.events.back().envelope.sequence, 3);
  log_.judge();
}

TEST_F(DeciderBatch, the_same_command_twice_in_one_transaction_is_decided_once_and_answered_twice_alike) {
  const auto opening = open_dialog();
  EXPECT_EQ(transact({opening, opening}), (std::vector{Verdict::accepted, Verdict::repeated}));
  EXPECT_EQ(log_.events.size(), 1u);
  ASSERT_EQ(log_.replies.size(), 2u);
  EXPECT_EQ(log_.replies[0].text, log_.replies[1].text);
  EXPECT_EQ(log_.replies[1].envelope.memory, schema::Memory::repeat);
}

/// Whether the last event says that it is the answer of this sending.
bool is_answer_of(const Written& event, const Sent& command) {
  const auto mark = schema::read_answer_mark(lookup(event.record.headers));
  return mark && mark->attempt_id == command.envelope.attempt_id && mark->fingerprint == command.envelope.fingerprint;
}

TEST_F(DeciderBatch, an_event_that_says_all_of_it_is_the_answer_for_a_sender_who_takes_it) {
  const auto opening = open_dialog().taking_events();
  EXPECT_EQ(transact(opening), Verdict::accepted);
  EXPECT_TRUE(log_.replies.empty());
  ASSERT_TRUE(is_answer_of(log_.events.back(), opening));
  log_.judge();
}

TEST_F(DeciderBatch, what_an_event_answered_is_remembered_word_for_word_also_by_a_decider_that_has_only_the_log) {
  const auto by_reply = open_dialog();
  transact(by_reply);
  const auto dialog = DialogId{parse_stream(log_.events.back().envelope.subject)->id};
  for (const auto& command : {open_dialog().taking_events(), post(dialog, "a \"\n\x01 ж").taking_events()}) {
    transact(command);
    const auto replies = log_.replies.size();
    const auto kept = log_.snapshot.outcome(command.envelope.command_id);
    ASSERT_TRUE(kept);
    EXPECT_EQ(log_.folded().outcome(command.envelope.command_id)->outcome, kept->outcome);
    EXPECT_EQ(transact(command), Verdict::repeated);
    ASSERT_EQ(log_.replies.size(), replies + 1);
    EXPECT_EQ(last().text, kept->outcome);
    EXPECT_EQ(last().outcome.position, (schema::Position{kPartition, log_.events.back().offset}));
    auto other = command;
    other.envelope.fingerprint = "other";
    EXPECT_EQ(transact(other), Verdict::reused);
  }
}

TEST_F(DeciderBatch, a_repetition_in_the_same_transaction_gets_the_answer_that_the_event_is) {
  const auto opening = open_dialog().taking_events();
  EXPECT_EQ(transact({opening, opening}), (std::vector{Verdict::accepted, Verdict::repeated}));
  ASSERT_EQ(log_.replies.size(), 1u);
  EXPECT_EQ(last().text, log_.snapshot.outcome(opening.envelope.command_id)->outcome);
}

TEST_F(DeciderBatch, an_answer_that_is_not_what_the_last_event_says_is_a_reply) {
  const auto opening = open_dialog();
  transact(opening);
  const auto dialog = DialogId{parse_stream(log_.events.back().envelope.subject)->id};
  transact(sent(Stream{Kind::dialog, dialog.value}, slot_of(dialog.value), crypto::uuid7(), Owner{AccountId{9}},
                dialogs::Command{dialogs::Archive{}})
               .taking_events());
  EXPECT_EQ(log_.replies.size(), 1u) << "the event says that the dialog is archived";
  const auto message = post(dialog, "a").taking_events();
  EXPECT_EQ(transact(message), Verdict::accepted);
  EXPECT_EQ(log_.replies.size(), 2u) << "the message's own event is not the last one";
  EXPECT_FALSE(is_answer_of(log_.events.back(), message));
  EXPECT_EQ(transact(register_account(email_of_partition()).taking_events()), Verdict::accepted);
  EXPECT_EQ(log_.replies.size(), 3u) << "the answer is more than the event";
}

TEST_F(DeciderBatch, a_refusal_is_remembered_too) {
  const auto nobody = post(DialogId{1'000 * kSlots + kSlotOfPartition}, "a");
  EXPECT_EQ(transact(nobody), Verdict::refused);
  EXPECT_EQ(refusal(), dialogs::kDialogNotFound);
  EXPECT_EQ(transact(nobody), Verdict::repeated);
  EXPECT_EQ(log_.replies[0].text, log_.replies[1].text);
}

TEST_F(DeciderBatch, another_request_under_the_same_id_is_refused_and_changes_no_memory) {
  auto opening = open_dialog();
  transact(opening);
  auto other = opening;
  other.envelope.fingerprint = "other";
  EXPECT_EQ(transact(other), Verdict::reused);
  EXPECT_EQ(refusal(), schema::kIdempotencyKeyReused);
  EXPECT_EQ(transact({opening, other}), (std::vector{Verdict::repeated, Verdict::reused}));
  EXPECT_EQ(log_.replies[2].text, log_.replies[0].text);
}

TEST_F(DeciderBatch, an_outcome_is_remembered_for_the_window_and_not_longer) {
  const auto opening = open_dialog();
  transact(opening);
  now_ += kOutcomeWindow;
  EXPECT_EQ(transact(opening.until(now_)), Verdict::repeated);
  now_ += milliseconds(1);
  EXPECT_EQ(transact(opening.until(now_)), Verdict::accepted);
  EXPECT_EQ(log_.events.size(), 2u);
}

TEST_F(DeciderBatch, a_late_command_is_refused_and_not_remembered) {
  const auto opening = open_dialog();
  EXPECT_EQ(transact(opening.until(now_ - milliseconds(1))), Verdict::expired);
  EXPECT_EQ(refusal(), schema::kCommandExpired);
  EXPECT_EQ(last().envelope.memory, schema::Memory::none);
  EXPECT_EQ(transact(opening), Verdict::accepted);
}

TEST_F(DeciderBatch, a_repetition_that_comes_late_still_gets_the_first_answer) {
  const auto opening = open_dialog();
  transact(opening);
  EXPECT_EQ(transact(opening.until(now_ - milliseconds(1))), Verdict::repeated);
}

TEST_F(DeciderBatch, another_expected_version_is_a_conflict_that_names_the_current_one) {
  const auto opening = open_dialog();
  transact(opening);
  auto message = post(DialogId{1 * kSlots + opening.envelope.slot}, "a");
  message.envelope.expected_version = 7;
  EXPECT_EQ(transact(message), Verdict::refused);
  EXPECT_EQ(std::get<Error>(last().outcome.result), (Error{kVersionConflict, CurrentVersion{1}}));
  auto right = post(DialogId{1 * kSlots + opening.envelope.slot}, "a");
  right.envelope.expected_version = 1;
  EXPECT_EQ(transact(right), Verdict::accepted);
}

TEST_F(DeciderBatch, whoever_is_refused_is_not_told_the_version) {
  const auto opening = open_dialog();
  transact(opening);
  auto message = post(DialogId{1 * kSlots + opening.envelope.slot}, "a");
  message.envelope.principal = Owner{AccountId{7}};
  message.envelope.expected_version = 7;
  EXPECT_EQ(transact(message), Verdict::refused);
  EXPECT_EQ(std::get<Error>(last().outcome.result), (Error{dialogs::kDialogNotFound, {}}));
}

TEST_F(DeciderBatch, the_memory_is_asked_before_the_expected_version) {
  const auto opening = open_dialog();
  transact(opening);
  auto message = post(DialogId{1 * kSlots + opening.envelope.slot}, "a");
  message.envelope.expected_version = 1;
  EXPECT_EQ(transact({message, message}), (std::vector{Verdict::accepted, Verdict::repeated}));
}

TEST_F(DeciderBatch, a_command_at_or_below_the_highest_offset_is_not_decided_again) {
  const auto opening = open_dialog();
  transact(opening);
  offset_ = 0;
  EXPECT_EQ(transact(opening), Verdict::skipped);
  EXPECT_EQ(log_.replies.size(), 1u);
}

TEST_F(DeciderBatch, the_stamp_never_goes_back_when_the_clock_does) {
  transact(open_dialog());
  now_ -= hours(1);
  transact(open_dialog());
  EXPECT_EQ(log_.events[1].envelope.time, log_.events[0].envelope.time);
}

TEST_F(DeciderBatch, a_clock_that_was_ahead_does_not_make_commands_expire) {
  transact(open_dialog());
  now_ -= hours(1);
  EXPECT_EQ(transact(open_dialog().until(now_ + milliseconds(1))), Verdict::accepted);
}

TEST_F(DeciderBatch, an_email_belongs_to_one_account_also_within_one_transaction) {
  const auto email = email_of_partition();
  EXPECT_EQ(transact({register_account(email), register_account(email)}),
            (std::vector{Verdict::accepted, Verdict::refused}));
  EXPECT_EQ(refusal(), accounts::kEmailTaken);
  EXPECT_EQ(transact(register_account(email)), Verdict::refused);
  EXPECT_EQ(log_.events.size(), 2u);
  EXPECT_EQ(log_.directory.size(), 1u);
}

TEST_F(DeciderBatch, a_refused_creation_uses_no_id) {
  const auto email = email_of_partition();
  auto log_in = register_account(email);
  log_in.command = accounts::Command{accounts::LogIn{true}};
  EXPECT_EQ(transact(log_in), Verdict::refused);
  transact(register_account(email));
  EXPECT_EQ(log_.events[0].envelope.slot_counter, 1);
}

TEST_F(DeciderBatch, what_is_no_command_is_a_dead_letter_and_its_sender_is_told) {
  auto broken = open_dialog();
  broken.value = "not json";
  EXPECT_EQ(transact(broken), Verdict::dead);
  EXPECT_EQ(refusal(), kInternalError);
  EXPECT_EQ(last().envelope.memory, schema::Memory::none);
  ASSERT_EQ(log_.dead_letters.size(), 1u);
  EXPECT_EQ(log_.dead_letters[0].value, "not json");
}

TEST_F(DeciderBatch, a_slot_that_is_not_the_targets_or_another_partitions_is_a_dead_letter) {
  auto astray = open_dialog();
  astray.envelope.slot = astray.envelope.slot % 2 == 0 ? astray.envelope.slot + 1 : astray.envelope.slot - 1;
  EXPECT_EQ(transact(astray), Verdict::dead);
  auto elsewhere = post(DialogId{5 * kSlots}, "a");
  elsewhere.envelope.slot = 0;
  EXPECT_EQ(transact(elsewhere), Verdict::dead);
  EXPECT_TRUE(log_.events.empty());
}

TEST_F(DeciderBatch, a_command_for_another_kind_of_stream_is_a_dead_letter) {
  auto confused = post(DialogId{5 * kSlots + kSlotOfPartition}, "a");
  confused.envelope.target = Stream{Kind::account, 5 * kSlots + kSlotOfPartition};
  EXPECT_EQ(transact(confused), Verdict::dead);
}

TEST_F(DeciderBatch, an_event_too_large_for_the_log_is_a_dead_letter_and_leaves_the_rest_of_the_batch) {
  const auto opening = open_dialog();
  const auto dialog = DialogId{1 * kSlots + opening.envelope.slot};
  EXPECT_EQ(transact({opening, post(dialog, std::string(kRecordBytesMax + 1, 'x')), post(dialog, "small")}),
            (std::vector{Verdict::accepted, Verdict::dead, Verdict::accepted}));
  EXPECT_EQ(log_.events.back().envelope.sequence, 2);
  EXPECT_EQ(log_.events.back().envelope.slot_counter, 2);  // the failed one used no id
  log_.judge();
}

TEST_F(DeciderBatch, a_header_too_long_is_a_dead_letter_without_a_reply) {
  auto endless = open_dialog();
  endless.envelope.correlation = std::string(kIdentifierBytesMax + 1, 'x');
  EXPECT_EQ(transact(endless), Verdict::dead);
  EXPECT_TRUE(log_.replies.empty());
}

TEST_F(DeciderBatch, a_decision_that_throws_parks_its_stream_and_leaves_the_others) {
  poison();
  const auto entry = log_.snapshot.stream(poisoned_);
  EXPECT_TRUE(entry->stands_still());
  EXPECT_EQ(entry->version, 3);  // opened, "before", parked
  const auto& parked = std::get<parking::Parked>(log_.events[log_.events.size() - 2].event.get<parking::Event>());
  EXPECT_EQ(parked, (parking::Parked{poison_.envelope.command_id, 3, "f", "poisoned"}));
  EXPECT_FALSE(log_.snapshot.stream(other_)->stands_still());
  ASSERT_EQ(log_.dead_letters.size(), 1u);
  EXPECT_EQ(log_.dead_letters[0].headers.at("dead_stream"), poisoned_);
  EXPECT_EQ(log_.dead_letters[0].headers.at("dead_reason"), "poisoned");
  EXPECT_EQ(std::get<Error>(log_.replies[3].outcome.result).code, kInternalError);
  EXPECT_EQ(log_.replies[3].envelope.memory, schema::Memory::none);
  EXPECT_EQ(parked_in_directory(), std::vector{poisoned_});
  log_.judge();
}

TEST_F(DeciderBatch, a_parked_stream_refuses_commands_until_it_is_brought_back) {
  poison();
  EXPECT_EQ(transact(post_to(poisoned_, "later")), Verdict::parked);
  EXPECT_EQ(refusal(), parking::kStreamParked);
  EXPECT_EQ(last().envelope.memory, schema::Memory::none);
  EXPECT_EQ(transact(poison_), Verdict::parked);
  EXPECT_EQ(log_.snapshot.stream(poisoned_)->version, 3);
}

TEST_F(DeciderBatch, a_creation_that_throws_is_a_dead_letter_and_parks_nothing) {
  decide_ = [](const State&, const Command&, Context&) -> Decision<Event, Answer> { throw std::out_of_range("no"); };
  EXPECT_EQ(transact(open_dialog()), Verdict::dead);
  EXPECT_EQ(refusal(), kInternalError);
  EXPECT_TRUE(log_.events.empty());
  decide_ = [](const State&, const Command&, Context&) -> Decision<Event, Answer> { throw 7; };
  EXPECT_EQ(transact(open_dialog()), Verdict::dead);
}

TEST_F(DeciderBatch, no_memory_is_no_reason_to_park) {
  decide_ = [](const State&, const Command&, Context&) -> Decision<Event, Answer> { throw std::bad_alloc(); };
  EXPECT_THROW(transact(open_dialog()), std::bad_alloc);
}

TEST_F(DeciderBatch, what_a_decision_throws_stands_in_the_log_in_plain_characters_and_is_bounded) {
  transact(open_dialog());
  decide_ = [](const State&, const Command&, Context&) -> Decision<Event, Answer> {
    throw std::runtime_error("\xFF\n" + std::string(9'999, 'x'));
  };
  EXPECT_EQ(transact(post_to(log_.events[0].envelope.subject, "a")), Verdict::parks);
  const auto& reason = std::get<parking::Parked>(event(0).get<parking::Event>()).reason;
  EXPECT_EQ(reason.substr(0, 3), "??x");
  EXPECT_EQ(reason.size(), kReasonBytesMax);
}

TEST_F(DeciderBatch, a_retry_decides_the_command_again_in_its_place_and_under_its_own_id) {
  poison();
  decide_ = parley::decide;
  now_ = Timestamp(milliseconds(1'900'000'000'001));  // past the command's deadline
  const auto command = retry(poisoned_, poison_).until(now_);
  EXPECT_EQ(transact({command, post_to(poisoned_, "after").until(now_)}),
            (std::vector{Verdict::accepted, Verdict::accepted}));
  EXPECT_EQ(event(2).get<parking::Event>(),
            (parking::Event{parking::Unparked{parking::Action::retry, "mended", {}, {}}}));
  EXPECT_EQ(std::get<dialogs::MessageCreated>(event(1).get<dialogs::Event>()).text.text, "poison");
  EXPECT_EQ(std::get<dialogs::MessageCreated>(event(0).get<dialogs::Event>()).text.text, "after");
  EXPECT_EQ(log_.events[log_.events.size() - 2].envelope.causation, poison_.envelope.command_id);
  EXPECT_EQ(log_.events[log_.events.size() - 2].envelope.command_offset, offset_ - 2)
      << "where the retry stands: offsets never go back";
  EXPECT_EQ(log_.events[log_.events.size() - 3].envelope.actor, "administrator");
  EXPECT_TRUE(parked_in_directory().empty());
  EXPECT_EQ(transact(poison_.until(now_)), Verdict::repeated);
  EXPECT_TRUE(std::holds_alternative<Answer>(last().outcome.result));
  EXPECT_EQ(transact(command), Verdict::repeated);
  log_.judge();
}

TEST_F(DeciderBatch, a_retry_that_throws_again_parks_again) {
  poison();
  EXPECT_EQ(transact(retry(poisoned_, poison_)), Verdict::parks);
  EXPECT_EQ(std::get<parking::Parked>(event(0).get<parking::Event>()).command_offset, 3) << "where the command stands";
  EXPECT_TRUE(std::holds_alternative<parking::Unparked>(event(1).get<parking::Event>()));
  EXPECT_EQ(log_.dead_letters.size(), 2u);
  EXPECT_EQ(log_.dead_letters[1].headers.at("command_id"), poison_.envelope.command_id);
  EXPECT_EQ(transact(post_to(poisoned_, "later")), Verdict::parked);
  decide_ = parley::decide;
  EXPECT_EQ(transact(retry(poisoned_, poison_)), Verdict::accepted);
  EXPECT_FALSE(log_.snapshot.stream(poisoned_)->stands_still());
  log_.judge();
}

TEST_F(DeciderBatch, a_retry_whose_command_is_refused_lets_the_stream_go_on) {
  poison();
  decide_ = [](const State& state, const Command& command, Context& context) -> Decision<Event, Answer> {
    if (std::holds_alternative<dialogs::PostVisitorMessage>(command.get<dialogs::Command>()))
      return refuse(kInsufficientPermissions);
    return parley::decide(state, command, context);
  };
  EXPECT_EQ(transact(retry(poisoned_, poison_)), Verdict::accepted);
  EXPECT_EQ(refusal(), kInsufficientPermissions);
  EXPECT_EQ(last().envelope.memory, schema::Memory::first);
  EXPECT_FALSE(log_.snapshot.stream(poisoned_)->stands_still());
}

TEST_F(DeciderBatch, a_retry_with_another_command_is_refused) {
  poison();
  EXPECT_EQ(transact(retry(poisoned_, post_to(poisoned_, "other"))), Verdict::refused);
  EXPECT_EQ(refusal(), kValidationError);
  EXPECT_TRUE(log_.snapshot.stream(poisoned_)->stands_still());
}

TEST_F(DeciderBatch, a_skipped_command_is_refused_for_good_and_the_stream_goes_on) {
  poison();
  EXPECT_EQ(transact({skip(poisoned_), post_to(poisoned_, "after")}),
            (std::vector{Verdict::accepted, Verdict::accepted}));
  EXPECT_EQ(event(1).get<parking::Event>(),
            (parking::Event{parking::Unparked{parking::Action::skip, "not worth it", {}, {}}}));
  decide_ = parley::decide;
  EXPECT_EQ(transact(poison_), Verdict::repeated);
  EXPECT_EQ(refusal(), parking::kCommandSkipped);
  auto other = poison_;
  other.envelope.fingerprint = "other";
  EXPECT_EQ(transact(other), Verdict::reused);
  EXPECT_TRUE(parked_in_directory().empty());
  log_.judge();
}

TEST_F(DeciderBatch, only_a_console_operator_brings_a_stream_back_and_only_with_a_reason) {
  poison();
  auto visitor = skip(poisoned_);
  visitor.envelope.principal = Visitor{AssistantId{7}};
  EXPECT_EQ(transact(visitor), Verdict::refused);
  EXPECT_EQ(refusal(), kInsufficientPermissions);
  EXPECT_EQ(transact(administers(poisoned_, parking::Skip{})), Verdict::refused);
  EXPECT_EQ(refusal(), kValidationError);
  EXPECT_EQ(transact(skip(other_)), Verdict::refused);
  EXPECT_EQ(refusal(), parking::kStreamNotParked);
  EXPECT_EQ(transact(skip("dialog/" + std::to_string(99 * kSlots + kSlotOfPartition))), Verdict::refused);
  EXPECT_EQ(refusal(), kNotFound);
  EXPECT_TRUE(log_.snapshot.stream(poisoned_)->stands_still());
}

TEST_F(DeciderBatch, what_a_projection_is_told_is_an_event_whether_the_stream_stands_still_or_not) {
  poison();
  EXPECT_EQ(transact(administers(poisoned_, parking::Skip{"no", "read_models", 2})), Verdict::accepted);
  EXPECT_EQ(event(0).get<parking::Event>(),
            (parking::Event{parking::Unparked{parking::Action::skip, "no", "read_models", 2}}));
  EXPECT_TRUE(log_.snapshot.stream(poisoned_)->stands_still());
  EXPECT_EQ(transact(administers(other_, parking::Retry{"", {}, "read_models", 1})), Verdict::accepted);
}

TEST_F(DeciderBatch, a_command_that_must_not_be_decided_parks_its_stream) {
  transact(open_dialog());
  const auto subject = log_.events[0].envelope.subject;
  decide_ = [](const State&, const Command&, Context&) -> Decision<Event, Answer> { std::abort(); };
  const auto park = [&](Sent command) {
    Batch batch(log_.snapshot, kPartition, kPartitions, "/test", decide_);
    const auto verdict = batch.park(command.input(offset_++), now_, "it crashes");
    log_.commit(std::move(batch));
    return verdict;
  };
  auto unreadable = post_to(subject, "a");
  unreadable.value = "{";
  EXPECT_EQ(park(unreadable), Verdict::parks);
  EXPECT_EQ(parked_in_directory(), std::vector{subject});
  EXPECT_EQ(park(post_to(subject, "b")), Verdict::dead);  // it stands still already
  EXPECT_EQ(park(open_dialog()), Verdict::dead);
  EXPECT_EQ(log_.events.size(), 2u);
}

TEST_F(DeciderBatch, a_stream_with_an_event_from_the_future_refuses_commands_until_it_is_skipped) {
  const auto opening = open_dialog();
  transact(opening);
  const auto subject = log_.events[0].envelope.subject;
  {
    Overlay overlay(log_.snapshot);
    auto future = log_.events[0].envelope;
    future.sequence = 2;
    future.type = "parley.dialog.renamed.v7";
    overlay.apply(future, std::nullopt);
    log_.snapshot.merge(std::move(overlay).take());
  }
  EXPECT_EQ(transact(post_to(subject, "a")), Verdict::parked);
  EXPECT_EQ(refusal(), parking::kStreamParked);
  EXPECT_EQ(last().envelope.memory, schema::Memory::none);
  EXPECT_EQ(log_.snapshot.stream(subject)->version, 2);
  EXPECT_EQ(parked_entry(log_.snapshot).streams.at(0).reason,
            "an event of a type that this build does not know: parley.dialog.renamed.v7");
  EXPECT_EQ(transact(retry(subject, opening)), Verdict::parked);
  EXPECT_EQ(transact({skip(subject), post_to(subject, "a")}), (std::vector{Verdict::accepted, Verdict::accepted}));
  EXPECT_EQ(event(1).get<parking::Event>(),
            (parking::Event{parking::Unparked{parking::Action::skip, "not worth it", {}, 2}}));
  EXPECT_EQ(log_.events.back().envelope.sequence, 4);
}

TEST_F(DeciderBatch, a_gap_or_a_repetition_in_the_log_is_never_folded) {
  transact(open_dialog());
  Overlay overlay(log_.snapshot);
  auto same = log_.events[0].envelope;
  EXPECT_THROW(overlay.apply(same, log_.events[0].event), std::logic_error);
  same.sequence = 3;
  EXPECT_THROW(overlay.apply(same, log_.events[0].event), std::logic_error);
}

// What begins in one transaction and ends in another.

class DeciderProcess : public DeciderBatch {
 protected:
  DeciderProcess() {
    transact(register_account(email_of_partition()));
    account_ = parse_stream(log_.events[0].envelope.subject)->id;
    change_ = to_account(Owner{{account_}},
                         accounts::ChangeEmail{{"b@example.org"}, "other", true, {"sealed"}, {"s", 9, now_}});
    const auto process = std::to_string(account_ + kSlots);  // the slot's next id
    finish_ = to_account(Reactor{}, accounts::FinishEmailChange{process, "other", true});
  }
  Sent to_account(Principal who, accounts::Command command) const {
    return sent(Stream{Kind::account, account_}, slot_of(account_), crypto::uuid7(), std::move(who),
                std::move(command));
  }
  std::vector<Reply> replies_to(const Sent& command) const {
    std::vector<Reply> out;
    for (const auto& one : log_.replies) {
      if (one.envelope.command_id == command.envelope.command_id) out.push_back(one);
    }
    return out;
  }

  std::int64_t account_ = 0;
  Sent change_, finish_;
};

TEST_F(DeciderProcess, is_answered_when_it_has_ended_and_remembers_that_answer) {
  EXPECT_EQ(transact(change_), Verdict::accepted);
  EXPECT_EQ(last().envelope.memory, schema::Memory::under_way);
  EXPECT_EQ(transact(change_), Verdict::repeated);
  EXPECT_EQ(last().envelope.memory, schema::Memory::still_under_way);
  EXPECT_EQ(transact(finish_), Verdict::accepted);
  const auto replies = replies_to(change_);
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_EQ(replies[2].envelope.memory, schema::Memory::first);
  EXPECT_EQ(replies[2].outcome.fingerprint, change_.envelope.fingerprint);
  EXPECT_EQ(replies[2].outcome.position, (schema::Position{kPartition, log_.events.back().offset}));
  const auto& answer = std::get<Answer>(replies[2].outcome.result).get<accounts::Answer>();
  EXPECT_EQ(std::get<accounts::Profile>(answer).email.text, "b@example.org");
  EXPECT_EQ(transact(change_), Verdict::repeated);
  EXPECT_EQ(last().envelope.memory, schema::Memory::repeat);
  EXPECT_EQ(last().text, replies[2].text);
  auto other = change_;
  other.envelope.fingerprint = "other";
  EXPECT_EQ(transact(other), Verdict::reused);
}
TEST_F(DeciderProcess, may_begin_and_end_in_one_transaction) {
  EXPECT_EQ(transact({change_, change_, finish_, change_}),
            (std::vector{Verdict::accepted, Verdict::repeated, Verdict::accepted, Verdict::repeated}));
  const auto replies = replies_to(change_);
  ASSERT_EQ(replies.size(), 4u);
  const std::vector memories{replies[0].envelope.memory, replies[1].envelope.memory, replies[2].envelope.memory,
                             replies[3].envelope.memory};
  EXPECT_EQ(memories, (std::vector{schema::Memory::under_way, schema::Memory::still_under_way, schema::Memory::first,
                                   schema::Memory::repeat}));
  EXPECT_EQ(replies[3].text, replies[2].text);
}
TEST_F(DeciderProcess, that_is_under_way_is_still_so_for_a_decider_that_has_only_the_log) {
  transact(change_);
  log_.snapshot = log_.folded();
  EXPECT_EQ(transact(change_), Verdict::repeated);
  EXPECT_EQ(last().envelope.memory, schema::Memory::still_under_way);
  transact(finish_);
  const auto answer = replies_to(change_).back().text;
  log_.snapshot = log_.folded();
  EXPECT_EQ(transact(change_), Verdict::repeated);
  EXPECT_EQ(last().text, answer);
}
TEST_F(DeciderProcess, that_nobody_remembers_ends_without_an_answer) {
  transact(change_);
  now_ += kOutcomeWindow + hours(1);
  auto changes = log_.folded().all();
  changes.outcomes.clear();
  log_.snapshot = {};
  log_.snapshot.merge(std::move(changes));
  EXPECT_EQ(transact(finish_), Verdict::accepted);
  EXPECT_EQ(replies_to(change_).size(), 1u);
}
TEST_F(DeciderProcess, a_claimed_email_refuses_a_registration_and_a_released_one_takes_it) {
  const auto email = email_of_partition();
  const auto to_claim = [&](claims::Command command) {
    return sent(claims::claim_key(accounts::email_key(email)), crypto::slot_of(email), crypto::uuid7(), Reactor{},
                std::move(command));
  };
  EXPECT_EQ(transact(to_claim(claims::Reserve{"account_email", email, "p1", account_, 2})), Verdict::accepted);
  EXPECT_EQ(transact(register_account(email)), Verdict::refused);
  EXPECT_EQ(refusal(), accounts::kEmailTaken);
  EXPECT_EQ(transact(to_claim(claims::Release{"account_email", email, "p1"})), Verdict::accepted);
  EXPECT_EQ(transact(register_account(email)), Verdict::accepted);
  EXPECT_EQ(transact(to_claim(claims::Reserve{"account_email", email, "p2", account_, 3})), Verdict::accepted);
  EXPECT_TRUE(std::holds_alternative<claims::Refused>(log_.events.back().event.get<claims::Event>()));
  log_.judge();
}
TEST_F(DeciderProcess, the_email_that_an_account_leaves_is_free_at_once) {
  const auto email = std::get<accounts::Registered>(log_.events[0].event.get<accounts::Event>()).email_index;
  EXPECT_EQ(transact(register_account(email)), Verdict::refused);
  EXPECT_EQ(transact({change_, finish_, register_account(email)}),
            (std::vector{Verdict::accepted, Verdict::accepted, Verdict::accepted}));
  EXPECT_EQ(log_.snapshot.owner(accounts::email_key(email)), parse_stream(log_.events.back().envelope.subject));
}

}  // namespace
}  // namespace parley::decider::testing
