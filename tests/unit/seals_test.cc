// Seals: made by the writer of a partition, and what a check finds in a copy of the log that somebody has touched.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "ops/cli/verify/partition_check.h"
#include "tests/unit/decider_memory_snapshot.h"

namespace parley::decider::testing {
namespace {

class Seals : public ::testing::Test {
 protected:
  /// Two dialogs, with messages before, between and after two seals: 0 o1, 1 o2, 2 m1, 3 m2, 4 seal, 5 m1, 6 m2, 7 m1,
  /// 8 seal, 9 m2.
  Seals() {
    std::string name = (std::filesystem::temp_directory_path() / "parley-seals-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const auto made = crypto::SigningKey::create_if_missing(folder_ + "/key");
    EXPECT_TRUE(made);
    key_ = *crypto::SigningKey::load(folder_ + "/key");
    keys_ = *crypto::PublicKeys::load(folder_ + "/key.pub");
    transact({open_dialog(), open_dialog()});
    one_ = log_.events[0].envelope.subject;
    two_ = log_.events[1].envelope.subject;
    transact({said(one_, "a"), said(two_, "b")});
    seal();
    transact({said(one_, "c"), said(two_, "d")});
    transact({said(one_, "e")});
    seal();
    transact({said(two_, "f")});
    for (const auto& event : log_.events) copy_.push_back(event.record);
  }
  ~Seals() override { std::filesystem::remove_all(folder_); }

  void transact(const std::vector<Sent>& commands) {
    Batch batch(log_.snapshot, kPartition, kPartitions, "/test");
    for (const auto& one : commands) batch.decide(one.input(offset_++), now_);
    log_.commit(std::move(batch));
  }
  void seal() { log_.commit(Seal(log_.snapshot, kPartition, "/test", *key_, now_)); }
  static Sent said(const std::string& subject, std::string text) {
    return post(DialogId{parse_stream(subject)->id}, std::move(text));
  }

  /// The record with another header, or without it.
  void set_header(std::size_t record, std::string_view name, std::optional<std::string> value) {
    auto& headers = copy_[record].headers;
    for (auto it = headers.begin(); it != headers.end(); ++it) {
      if (it->first != name) continue;
      if (value) {
        it->second = *value;
      } else {
        headers.erase(it);
      }
      return;
    }
    FAIL() << "no header " << name;
  }
  /// Whoever knows how hashes are made writes the stream anew from here on.
  void rehash() {
    std::map<std::string, std::string> hashes;
    for (std::size_t i = 0; i < copy_.size(); ++i) {
      auto envelope = *schema::read_envelope(lookup(copy_[i].headers));
      auto& hash = hashes.try_emplace(envelope.subject, std::string(schema::kHashBytes, '\0')).first->second;
      hash = crypto::sha256(schema::hash_input(hash, envelope, copy_[i].value));
      set_header(i, "ce_hash", crypto::hex(hash));
    }
  }

  verify::PartitionCheck checked(std::optional<verify::SealAt> anchor = {},
                                 const std::set<std::string, std::less<>>* streams = nullptr) {
    heads_.emplace_back(*verify::Heads::open(folder_));
    verify::PartitionCheck check({kPartition, kPartitions, &keys_, streams, anchor}, heads_.back());
    for (std::size_t i = 0; i < copy_.size(); ++i) {
      std::vector<std::pair<std::string_view, std::string_view>> headers;
      check.next(stored(copy_[i], headers), static_cast<std::int64_t>(i));
    }
    check.end();
    return check;
  }
  void expect_fault(std::int64_t at, const std::string& stream, const std::string& what) {
    const auto check = checked();
    ASSERT_TRUE(check.fault());
    EXPECT_EQ(check.fault()->offset, at) << check.fault()->what;
    EXPECT_EQ(check.fault()->stream, stream);
    EXPECT_NE(check.fault()->what.find(what), std::string::npos) << check.fault()->what;
  }

  const std::string seal_ = seals::subject_of(kPartition);
  std::string folder_, one_, two_;
  std::optional<crypto::SigningKey> key_;
  crypto::PublicKeys keys_;
  MemoryLog log_;
  std::vector<StagedRecord> copy_;
  std::deque<verify::Heads> heads_;
  Timestamp now_{std::chrono::milliseconds(1'800'000'000'000)};
  std::int64_t offset_ = 0;
};

TEST_F(Seals, fit_a_log_that_nobody_touched_and_count_what_is_not_sealed_yet) {
  const auto check = checked();
  EXPECT_FALSE(check.fault()) << check.fault()->what;
  EXPECT_EQ(check.events(), 10);
  EXPECT_EQ(check.unsealed(), 1);
  EXPECT_EQ(check.unsealed_since(), now_);
  EXPECT_EQ(check.last_seal()->version, 2);
  log_.judge();
}
TEST_F(Seals, are_folded_from_the_log_as_they_were_decided) {
  const auto folded = log_.folded();
  const auto &a = folded.progress().sealing, &b = log_.snapshot.progress().sealing;
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(a.sealed, 9);
  EXPECT_EQ(b.sealed, 9);
  EXPECT_EQ(folded.stream(seal_)->version, 2);
  EXPECT_TRUE(folded.parked().empty());
}
TEST_F(Seals, a_decider_does_not_go_on_on_a_log_that_they_do_not_fit) {
  log_.events.erase(log_.events.begin() + 7);
  EXPECT_THROW(log_.folded(), std::logic_error);
}
TEST_F(Seals, find_a_changed_value) {
  copy_[5].value.replace(copy_[5].value.find("\"c\""), 3, "\"x\"");
  expect_fault(5, one_, "its hash is not the hash");
}
TEST_F(Seals, find_a_changed_header_that_hashes_cover) {
  set_header(6, "ce_actor", "account/1");
  expect_fault(6, two_, "its hash is not the hash");
}
TEST_F(Seals, find_a_changed_header_that_hashes_do_not_cover) {
  set_header(6, "ce_slotcounter", "900");
  expect_fault(8, seal_, "was changed");
}
TEST_F(Seals, find_a_header_that_is_gone) {
  set_header(6, "ce_time", std::nullopt);
  expect_fault(6, "", "header ce_time is missing");
}
TEST_F(Seals, find_an_event_that_is_gone_from_the_middle_of_a_stream) {
  copy_.erase(copy_.begin() + 5);
  expect_fault(6, one_, "has version 4 where 3 must follow");
}
TEST_F(Seals, find_that_a_streams_last_event_is_gone) {
  copy_.erase(copy_.begin() + 7);
  expect_fault(7, seal_, "is a seal over 8 events, but 7 stand before it: an event after seal 1 is gone");
}
TEST_F(Seals, find_that_a_whole_stream_is_gone) {
  std::erase_if(copy_, [&](const auto& record) { return record.key == two_; });
  expect_fault(2, seal_, "is gone");
}
TEST_F(Seals, find_events_that_have_changed_places) {
  std::swap(copy_[5], copy_[7]);
  expect_fault(5, one_, "has version 4 where 3 must follow");
}
TEST_F(Seals, find_events_of_different_streams_that_have_changed_places) {
  std::swap(copy_[5], copy_[6]);
  expect_fault(8, seal_, "was changed");
}
TEST_F(Seals, find_an_event_that_is_there_twice) {
  copy_.insert(copy_.begin() + 6, copy_[5]);
  expect_fault(6, one_, "has version 3 where 4 must follow");
}
TEST_F(Seals, find_a_stream_that_was_written_anew_with_hashes_that_fit) {
  copy_[2].value.replace(copy_[2].value.find("\"a\""), 3, "\"x\"");
  rehash();
  expect_fault(4, seal_, "something else than what stands before it");
}
TEST_F(Seals, find_a_seal_that_was_made_with_another_key) {
  MemoryLog anew;
  std::swap(anew, log_);
  ASSERT_TRUE(crypto::SigningKey::create_if_missing(folder_ + "/other"));
  key_ = *crypto::SigningKey::load(folder_ + "/other");
  transact({open_dialog()});
  seal();
  copy_ = {log_.events[0].record, log_.events[1].record};
  expect_fault(1, seal_, "by a key that is not known");
}
TEST_F(Seals, find_a_seal_whose_signature_was_changed) {
  auto& value = copy_[4].value;
  auto& digit = value[value.find("\"signature\":\"") + 13];
  digit = digit == '0' ? '1' : '0';
  rehash();
  expect_fault(4, seal_, "whose signature is not that of its key");
}
TEST_F(Seals, find_an_event_that_belongs_elsewhere) {
  copy_[2].key = two_;
  expect_fault(2, one_, "its record's key is");
}
TEST_F(Seals, with_an_anchor_find_that_the_tail_is_gone_with_its_seals) {
  const auto anchor = checked().last_seal();
  copy_.resize(7);
  EXPECT_FALSE(checked().fault()) << "nothing inside the log can show this";
  const auto check = checked(anchor);
  ASSERT_TRUE(check.fault());
  EXPECT_NE(check.fault()->what.find("the log has lost its tail"), std::string::npos);
}
TEST_F(Seals, of_some_streams_alone_say_nothing_about_the_chains_of_others) {
  const std::set<std::string, std::less<>> streams{two_};
  copy_[9].value.replace(copy_[9].value.find("\"f\""), 3, "\"x\"");
  EXPECT_TRUE(checked({}, &streams).fault());
  const std::set<std::string, std::less<>> others{one_};
  EXPECT_FALSE(checked({}, &others).fault());
}

}  // namespace
}  // namespace parley::decider::testing
