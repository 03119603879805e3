// A partition's state on disk: what was written is read again, outcomes are forgotten in order, a store that does not
// fit is begun anew.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/unit/decider_memory_snapshot.h"
#include "workers/decider/partition_store.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::decider::testing {
namespace {

class DeciderStore : public ::testing::Test {
 protected:
  DeciderStore() {
    std::string name = (std::filesystem::temp_directory_path() / "parley-decider-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~DeciderStore() override { std::filesystem::remove_all(path_); }
  PartitionStore open(const std::string& topic_id = "topic") {
    auto opened = PartitionStore::open(path_ + "/1", memory_, topic_id);
    if (!opened) throw std::runtime_error(opened.error());
    return std::move(*opened);
  }

  std::string path_;
  store::Memory memory_{store::Memory::Budget{}};
  Timestamp now_{std::chrono::milliseconds(1'800'000'000'000)};
};

TEST_F(DeciderStore, gives_back_everything_that_was_decided) {
  MemoryLog log;
  {
    auto store = open();
    for (int i = 0; i < 5; ++i) {
      Batch batch(log.snapshot, kPartition, kPartitions, "/test");
      const auto opening = open_dialog();
      batch.decide(opening.input(3 * i), now_);
      batch.decide(register_account(email_of_partition()).input(3 * i + 1), now_);
      batch.decide(post(DialogId{77 * kSlots + kSlotOfPartition}, "nobody's").input(3 * i + 2), now_);
      log.commit(std::move(batch));
      store.write(log.snapshot.all());
    }
  }
  const auto store = open();
  const auto& all = log.snapshot.all();
  EXPECT_EQ(store.progress().next_event, all.progress.next_event);
  EXPECT_EQ(store.progress().last_event, all.progress.last_event);
  EXPECT_EQ(store.progress().last_event_id, all.progress.last_event_id);
  EXPECT_EQ(store.progress().next_reply, all.progress.next_reply);
  EXPECT_EQ(store.progress().last_command, 14);
  EXPECT_EQ(store.progress().last_stamp, now_);
  for (const auto& [subject, entry] : all.streams) {
    const auto found = store.stream(subject);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->version, entry.version);
    EXPECT_EQ(found->hash, entry.hash);
    EXPECT_EQ(found->state, entry.state);
  }
  for (const auto& [key, stream] : all.owners) EXPECT_EQ(store.owner(key), stream);
  for (const auto& [slot, last] : all.counters) EXPECT_EQ(store.counter(slot), last);
  for (const auto& [id, kept] : all.outcomes) {
    const auto found = store.outcome(id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->time, kept.time);
    EXPECT_EQ(found->fingerprint, kept.fingerprint);
    EXPECT_EQ(found->outcome, kept.outcome);
  }
}

TEST_F(DeciderStore, forgets_outcomes_past_their_window_and_keeps_one_that_was_decided_again) {
  auto store = open();
  auto write = [&](Timestamp at, std::initializer_list<const char*> ids) {
    Changes changes;
    changes.progress = store.progress();
    changes.progress.last_stamp = at;
    for (const char* id : ids) changes.outcomes[id] = {at, "f\n:7", std::string("text\0:", 6)};
    store.write(changes);
  };
  write(now_, {"a", "b"});
  write(now_ + std::chrono::hours(1), {"c"});
  write(now_ + kOutcomeWindow + std::chrono::minutes(1), {"b"});
  EXPECT_FALSE(store.outcome("a"));
  EXPECT_TRUE(store.outcome("b"));
  EXPECT_TRUE(store.outcome("c"));
  EXPECT_EQ(store.outcome("b")->outcome, std::string("text\0:", 6));
  write(now_ + kOutcomeWindow + std::chrono::hours(2), {});
  EXPECT_TRUE(store.outcome("b"));
  EXPECT_FALSE(store.outcome("c"));
}

TEST_F(DeciderStore, of_another_log_is_refused_and_left_as_it_is) {
  {
    auto store = open();
    Changes changes;
    changes.progress.next_event = 7;
    changes.counters[3] = 5;
    store.write(changes);
  }
  EXPECT_THROW(open("another topic"), runtime::LogMismatch);
  EXPECT_EQ(open().counter(3), 5);
}

// As a rollback or an upgrade leaves it: an event that one of the two passed over, the other folds.
TEST_F(DeciderStore, of_a_build_that_knew_other_types_of_events_is_begun_anew) {
  MemoryLog log;
  {
    auto store = open();
    Batch batch(log.snapshot, kPartition, kPartitions, "/test");
    batch.decide(open_dialog().input(0), now_);
    log.commit(std::move(batch));
    store.write(log.snapshot.all());
  }
  ASSERT_EQ(open().progress().last_command, 0);
  {
    auto raw = store::Store::open(path_ + "/1", memory_);
    ASSERT_TRUE(raw);
    auto meta = raw->get("m").value();
    auto& digest_digit = meta.at(meta.find(':') + static_cast<std::size_t>(std::stoi(meta)));
    digest_digit = digest_digit == '0' ? '1' : '0';
    store::Batch change;
    change.put("m", meta);
    raw->write(std::move(change));
  }
  EXPECT_EQ(open().progress().last_command, -1);
}

TEST_F(DeciderStore, knows_after_a_restart_which_streams_stand_still_and_why) {
  MemoryLog log;
  const auto opening = open_dialog();
  const DialogId dialog{1 * kSlots + opening.envelope.slot};
  const auto subject = "dialog/" + std::to_string(dialog.value);
  const auto poison = post(dialog, "poison");
  const auto transact = [&](PartitionStore& store, const Sent& command, std::int64_t offset, Timestamp now,
                            const Decide& decide) {
    Batch batch(log.snapshot, kPartition, kPartitions, "/test", decide);
    batch.decide(command.input(offset), now);
    log.commit(std::move(batch));
    store.write(log.snapshot.all());
  };
  {
    auto store = open();
    transact(store, opening, 0, now_, parley::decide);
    transact(store, poison, 1, now_, decide_or_throw);
    EXPECT_EQ(store.parked().size(), 1u);
  }
  {
    auto store = open();
    EXPECT_EQ(store.parked(), (std::set<std::string, std::less<>>{subject}));
    const auto entry = store.stream(subject);
    ASSERT_TRUE(entry && entry->stopped_by);
    EXPECT_EQ(entry->stopped_by->parked, log.snapshot.stream(subject)->stopped_by->parked);
    EXPECT_EQ(entry->stopped_by->version, 2);
    EXPECT_EQ(entry->stopped_by->since, now_);
    EXPECT_EQ(entry->state, log.snapshot.stream(subject)->state);
    transact(store, retry(subject, poison), 2, now_, parley::decide);
    EXPECT_TRUE(store.parked().empty());
  }
  EXPECT_TRUE(open().parked().empty());
}

// The file CURRENT names the manifest, which names all others.
TEST_F(DeciderStore, that_has_lost_or_garbled_its_file_current_is_begun_anew_and_says_so) {
  for (const bool missing : {false, true}) {
    {
      auto store = open();
      Changes changes;
      changes.counters[3] = 5;
      changes.progress.last_command = 7;
      store.write(changes);
    }
    ASSERT_EQ(open().counter(3), 5);
    const auto current = path_ + "/1/CURRENT";
    if (missing) {
      std::filesystem::remove(current);
    } else {
      std::ofstream(current, std::ios::trunc) << "garbled";
    }
    ::testing::internal::CaptureStderr();
    {
      const auto store = open();
      EXPECT_EQ(store.counter(3), 0);
      EXPECT_EQ(store.progress().last_command, -1);
    }
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(said.contains("the state is discarded and folded again")) << said;
    EXPECT_TRUE(said.contains("CURRENT")) << said;
  }
}

TEST_F(DeciderStore, is_shown_without_being_changed_while_its_decider_writes) {
  MemoryLog log;
  const auto opening = open_dialog();
  const auto subject = "dialog/" + std::to_string(1 * kSlots + opening.envelope.slot);
  const auto decide_and_write = [&](PartitionStore& store, const Sent& command, std::int64_t offset) {
    Batch batch(log.snapshot, kPartition, kPartitions, "/test", decide_or_throw);
    batch.decide(command.input(offset), now_);
    log.commit(std::move(batch));
    store.write(log.snapshot.all());
  };
  {
    auto store = open();
    decide_and_write(store, opening, 0);
    decide_and_write(store, post(DialogId{1 * kSlots + opening.envelope.slot}, "poison"), 1);
  }
  auto writer = open();
  const auto shown = PartitionStore::open_read_only(path_ + "/1");
  ASSERT_TRUE(shown) << shown.error();
  EXPECT_EQ(shown->log(), "topic");
  EXPECT_EQ(shown->progress().last_command, 1);
  EXPECT_EQ(shown->parked(), (std::set<std::string, std::less<>>{subject}));
  EXPECT_EQ(shown->stream(subject)->state, writer.stream(subject)->state);
  EXPECT_TRUE(shown->outcome(opening.envelope.command_id));
  std::map<std::string, std::int64_t> counts;
  for (const auto& count : shown->count_keys()) counts[count.what] = count.keys;
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{"progress", 1},
                                                         {"streams: dialog", 1},
                                                         {"counters of slots", 1},
                                                         {"outcomes of commands", 1},
                                                         {"outcomes by age", 1},
                                                         {"parked streams", 1}}));
}

TEST_F(DeciderStore, of_something_else_is_refused_in_a_sentence) {
  {
    auto store = open();
  }
  EXPECT_TRUE(PartitionStore::open_read_only(path_ + "/1")) << "nothing has been written out";
  const auto put = [&](std::string_view key, std::string_view value) {
    auto raw = store::Store::open(path_ + "/1", memory_);
    ASSERT_TRUE(raw);
    store::Batch change;
    change.put(key, value);
    raw->write(std::move(change));
  };
  const auto error = [&] { return PartitionStore::open_read_only(path_ + "/1").error(); };
  put("x", "y");
  EXPECT_TRUE(error().contains("is not a decider's store: it holds unknown keys and no progress")) << error();
  put("m", "3:old");
  EXPECT_TRUE(error().contains("is a store of another build of Parley (old)")) << error();
  put("m", "garbled");
  EXPECT_TRUE(error().contains("is a broken store: a stored value is malformed")) << error();
}

}  // namespace
}  // namespace parley::decider::testing
