// Commands decided, without Kafka: what is staged, what is remembered, what is refused, what is undone.
#include "workers/decider/batch.h"

#include <gtest/gtest.h>

#include "tests/unit/decider_memory_snapshot.h"

namespace parley::decider::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class DeciderBatch : public ::testing::Test {
 protected:
  /// Decides the commands in one transaction and keeps what it changed.
  std::vector<Verdict> transact(const std::vector<Sent>& commands) {
    Batch batch(log_.snapshot, kPartition, kPartitions, "/test");
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

  MemoryLog log_;
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
  EXPECT_EQ(transact({opening, post(dialog, "a"), post(dialog, "b")}), (std::vector{Verdict::accepted, Verdict::accepted, Verdict::accepted}));
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

TEST_F(DeciderBatch, a_refusal_is_remembered_too) {
  const auto nobody = post(DialogId{1'000 * kSlots + kSlotOfPartition}, "a");
  EXPECT_EQ(transact(nobody), Verdict::refused);
  EXPECT_EQ(refusal(), Code::dialog_not_found);
  EXPECT_EQ(transact(nobody), Verdict::repeated);
  EXPECT_EQ(log_.replies[0].text, log_.replies[1].text);
}

TEST_F(DeciderBatch, another_request_under_the_same_id_is_refused_and_changes_no_memory) {
  auto opening = open_dialog();
  transact(opening);
  auto other = opening;
  other.envelope.fingerprint = "other";
  EXPECT_EQ(transact(other), Verdict::reused);
  EXPECT_EQ(refusal(), Code::idempotency_key_reused);
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
  EXPECT_EQ(refusal(), Code::command_expired);
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
  EXPECT_EQ(std::get<Error>(last().outcome.result), (Error{Code::version_conflict, CurrentVersion{1}}));
  auto right = post(DialogId{1 * kSlots + opening.envelope.slot}, "a");
  right.envelope.expected_version = 1;
  EXPECT_EQ(transact(right), Verdict::accepted);
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
  EXPECT_EQ(transact({register_account(email), register_account(email)}), (std::vector{Verdict::accepted, Verdict::refused}));
  EXPECT_EQ(refusal(), Code::email_taken);
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
  EXPECT_EQ(refusal(), Code::internal_error);
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

TEST_F(DeciderBatch, a_stream_with_an_event_from_the_future_refuses_commands_and_keeps_its_version) {
  const auto opening = open_dialog();
  transact(opening);
  const auto subject = log_.events[0].envelope.subject;
  {
    Overlay overlay(log_.snapshot);
    auto future = log_.events[0].envelope;
    future.sequence = 2;
    overlay.apply(future, std::nullopt);
    log_.snapshot.merge(std::move(overlay).take());
  }
  EXPECT_EQ(transact(post(DialogId{1 * kSlots + opening.envelope.slot}, "a")), Verdict::parked);
  EXPECT_EQ(refusal(), Code::stream_parked);
  EXPECT_EQ(last().envelope.memory, schema::Memory::none);
  EXPECT_EQ(log_.snapshot.stream(subject)->version, 2);
}

TEST_F(DeciderBatch, a_gap_or_a_repetition_in_the_log_is_never_folded) {
  transact(open_dialog());
  Overlay overlay(log_.snapshot);
  auto same = log_.events[0].envelope;
  EXPECT_THROW(overlay.apply(same, log_.events[0].event), std::logic_error);
  same.sequence = 3;
  EXPECT_THROW(overlay.apply(same, log_.events[0].event), std::logic_error);
}

}  // namespace
}  // namespace parley::decider::testing
