// platform/kafka against a real broker.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <set>

#include "platform/kafka/group_consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/transactional_producer.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::kafka::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPoll{50};

class KafkaClients : public KafkaTest {
 protected:
  std::int64_t write(Producer& producer, const Record& record) {
    std::promise<Result<std::int64_t>> done;
    auto queued = producer.produce(record, [&](Result<std::int64_t> offset) { done.set_value(std::move(offset)); });
    EXPECT_TRUE(queued) << queued.error().text;
    auto delivered = done.get_future().get();
    EXPECT_TRUE(delivered) << delivered.error().text;
    return delivered.value_or(-1);
  }
  Producer producer() {
    auto opened = Producer::open(config_, {});
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
  }
  TransactionalProducer transactional(const std::string& id) {
    auto opened = TransactionalProducer::open(config_, {id, seconds(10)});
    EXPECT_TRUE(opened) << opened.error().text;
    auto ready = opened->init(seconds(20));
    EXPECT_TRUE(ready) << ready.error().error.text;
    return std::move(*opened);
  }
  std::int64_t end_of(const std::string& name, Isolation isolation) {
    const TopicPartition where{name, 0};
    auto ends = admin_->end(std::span(&where, 1), isolation);
    EXPECT_TRUE(ends) << ends.error().text;
    return ends ? ends->front().offset : -1;
  }
};

/// A group member and everything its callbacks said.
struct Member {
  std::vector<TopicPartition> owned;
  GroupMetadata metadata;
  int revoked = 0;
  int lost = 0;
  std::optional<GroupConsumer> consumer;
  std::vector<Message> records;

  Member(const Config& config, const std::string& group, const std::string& instance, const std::string& topic) {
    GroupConsumer::Options options;
    options.group = group;
    options.instance = instance;
    options.topics = {topic};
    auto opened = GroupConsumer::open(config, options,
                                      {[this](const auto& partitions, GroupMetadata captured) {
                                         owned = partitions;
                                         metadata = std::move(captured);
                                       },
                                       [this](const auto&, bool was_lost) {
                                         owned.clear();
                                         metadata = {};
                                         ++revoked;
                                         lost += was_lost ? 1 : 0;
                                       }});
    EXPECT_TRUE(opened) << opened.error().text;
    consumer.emplace(std::move(*opened));
  }
  void poll() { static_cast<void>(consumer->poll(records, 100, kPoll)); }
  bool until_owned(std::size_t count) {
    return eventually([&] {
      poll();
      return owned.size() == count;
    });
  }
};

TEST_F(KafkaClients, a_topic_is_created_once_and_described_with_its_identity) {
  const std::string name = topic(3);
  EXPECT_EQ(admin_->create_topic({name, 5, 1, {}}).value_or(true), false);
  const std::vector<std::string> names{name, unique_name("absent")};
  auto described = admin_->describe_topics(names);
  ASSERT_TRUE(eventually([&] {  // a broker answers from metadata that follow the controller's
    described = admin_->describe_topics(names);
    return !described || (*described)[0];
  }));
  ASSERT_TRUE(described) << described.error().text;
  EXPECT_EQ((*described)[0]->partitions, 3);
  EXPECT_FALSE((*described)[0]->id.empty());
  EXPECT_FALSE((*described)[1]);
}

TEST_F(KafkaClients, what_was_produced_is_read_with_key_value_headers_and_time) {
  const std::string name = topic(2);
  Producer writer = producer();
  const RecordTime time{milliseconds(1'700'000'000'123)};
  const std::vector<Header> headers{{"ce_id", "one"}, {"empty", ""}, {"ce_id", "two"}};
  EXPECT_EQ(write(writer, {name, 1, "key", "value", headers, time}), 0);
  EXPECT_EQ(write(writer, {name, 1, "key", std::nullopt, {}, std::nullopt}), 1);
  EXPECT_EQ(write(writer, {name, 1, "key", "", {}, std::nullopt}), 2);
  Consumer reader = consumer();
  auto records = read(reader, name, 3, 1);
  EXPECT_EQ(records[0].topic(), name);
  EXPECT_EQ(records[0].partition(), 1);
  EXPECT_EQ(records[0].offset(), 0);
  EXPECT_EQ(records[0].key(), "key");
  EXPECT_EQ(records[0].value(), "value");
  EXPECT_EQ(records[0].time(), time);
  EXPECT_EQ(records[0].header("ce_id"), "two");
  EXPECT_EQ(records[0].header("empty"), "");
  EXPECT_EQ(records[0].header("absent"), std::nullopt);
  EXPECT_EQ(records[0].headers().size(), 3u);
  EXPECT_TRUE(records[1].is_tombstone());
  EXPECT_FALSE(records[2].is_tombstone());
  EXPECT_TRUE(records[2].headers().empty());
}

TEST_F(KafkaClients, a_full_queue_is_a_value_and_its_callback_is_never_called) {
  Config nowhere = config_;
  nowhere.brokers = "127.0.0.1:1";
  std::atomic<int> called{0};
  int queued = 0;
  {
    auto writer = Producer::open(nowhere, {.queued_max = 10, .delivery_timeout = seconds(60)});
    ASSERT_TRUE(writer) << writer.error().text;
    std::optional<Error> refused;
    for (int i = 0; i < 20 && !refused; ++i) {
      auto result = writer->produce({"nowhere", 0, "", "value", {}, std::nullopt}, [&](Result<std::int64_t> offset) {
        EXPECT_FALSE(offset);
        ++called;
      });
      if (result) ++queued;
      if (!result) refused = result.error();
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, Kind::queue_full);
    EXPECT_TRUE(refused->retryable);
  }
  EXPECT_EQ(queued, 10);
  EXPECT_EQ(called, queued);
}

TEST_F(KafkaClients, a_tailer_seeks_and_knows_begin_end_and_times) {
  const std::string name = topic();
  Producer writer = producer();
  for (int i = 0; i < 5; ++i)
    write(writer, {name, 0, "", std::to_string(i), {}, RecordTime{milliseconds(1'700'000'000'000 + i)}});
  Consumer reader = consumer();
  const TopicPartition where{name, 0};
  EXPECT_EQ(reader.begin(std::span(&where, 1))->front().offset, 0);
  EXPECT_EQ(reader.end(std::span(&where, 1), Isolation::read_committed)->front().offset, 5);
  EXPECT_EQ(reader.at_time(std::span(&where, 1), RecordTime{milliseconds(1'700'000'000'003)})->front().offset, 3);
  EXPECT_EQ(reader.at_time(std::span(&where, 1), RecordTime{milliseconds(1'700'000'001'000)})->front().offset, 5);
  EXPECT_EQ(read(reader, name, 5).back().value(), "4");
  ASSERT_TRUE(reader.seek({where, 2}));
  std::vector<Message> again;
  ASSERT_TRUE(eventually([&] {
    static_cast<void>(reader.poll(again, 1, kPoll));
    return !again.empty();
  }));
  EXPECT_EQ(again.front().value(), "2");
}

TEST_F(KafkaClients, an_offset_that_is_not_there_is_no_offset_and_not_a_silent_jump) {
  const std::string name = topic();
  Consumer reader = consumer();
  const PartitionOffset beyond{{name, 0}, 1'000};
  ASSERT_TRUE(reader.assign(std::span(&beyond, 1)));
  std::vector<Message> records;
  std::optional<Kind> kind;
  eventually([&] {
    auto polled = reader.poll(records, 1, kPoll);
    if (!polled) kind = polled.error().kind;
    return kind.has_value();
  });
  EXPECT_EQ(kind, Kind::no_offset);
}

TEST_F(KafkaClients, a_transaction_is_read_when_it_is_committed_and_never_when_it_is_aborted) {
  const std::string name = topic();
  auto writer = transactional(unique_name("txn"));
  ASSERT_TRUE(writer.begin());
  ASSERT_TRUE(writer.produce({name, 0, "", "aborted", {}, std::nullopt}));
  ASSERT_TRUE(writer.flush(seconds(10)));
  ASSERT_TRUE(writer.abort(seconds(10)));

  ASSERT_TRUE(writer.begin());
  auto number = writer.produce({name, 0, "", "committed", {}, std::nullopt});
  ASSERT_TRUE(number);
  ASSERT_TRUE(writer.flush(seconds(10)));
  EXPECT_EQ(writer.offset_of(*number), 2);  // after the aborted record and its control record
  EXPECT_EQ(end_of(name, Isolation::read_committed), 2);
  EXPECT_EQ(end_of(name, Isolation::read_uncommitted), 3);
  ASSERT_TRUE(writer.commit(seconds(10)));

  Consumer reader = consumer();
  auto records = read(reader, name, 1);
  EXPECT_EQ(records[0].value(), "committed");
  // The control record after it is passed, so "until position = end" ends.
  EXPECT_EQ(end_of(name, Isolation::read_uncommitted), 4);
  EXPECT_TRUE(eventually([&] {
    static_cast<void>(reader.poll(records, 1, kPoll));
    return reader.position()->front().offset == 4;
  }));
  EXPECT_EQ(records.size(), 1u);
}

TEST_F(KafkaClients, a_second_producer_of_the_same_id_fences_the_first) {
  const std::string name = topic();
  const std::string id = unique_name("txn");
  auto first = transactional(id);
  ASSERT_TRUE(first.begin());
  ASSERT_TRUE(first.produce({name, 0, "", "zombie", {}, std::nullopt}));
  ASSERT_TRUE(first.flush(seconds(10)));
  auto second = transactional(id);
  auto committed = first.commit(seconds(10));
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().severity, Severity::fatal);
  EXPECT_EQ(committed.error().error.kind, Kind::fenced) << committed.error().error.text;
  ASSERT_TRUE(second.begin());
  ASSERT_TRUE(second.produce({name, 0, "", "successor", {}, std::nullopt}));
  ASSERT_TRUE(second.flush(seconds(10)));
  ASSERT_TRUE(second.commit(seconds(10)));
  Consumer reader = consumer();
  EXPECT_EQ(read(reader, name, 1)[0].value(), "successor");
}

TEST_F(KafkaClients, a_record_that_is_too_large_is_said_so) {
  const std::string name = topic(1, {{"max.message.bytes", "10000"}});
  auto writer = transactional(unique_name("txn"));
  ASSERT_TRUE(writer.begin());
  ASSERT_TRUE(writer.produce({name, 0, "", std::string(20'000, 'x'), {}, std::nullopt}));
  auto flushed = writer.flush(seconds(10));
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().severity, Severity::abort_required);
  EXPECT_EQ(flushed.error().error.kind, Kind::too_large) << flushed.error().error.text;
}

TEST_F(KafkaClients, assigned_partitions_deliver_nothing_before_they_are_resumed) {
  const std::string name = topic(2);
  const std::string group = unique_name("group");
  Producer writer = producer();
  for (int i = 0; i < 4; ++i) write(writer, {name, i % 2, "", "x", {}, std::nullopt});
  const std::vector<PartitionOffset> first{{{name, 0}, 0}, {{name, 1}, 1}};
  ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(group, first).has_value(); }))
      << "a new broker has no coordinator yet";
  Member member(config_, group, "one", name);
  ASSERT_TRUE(member.until_owned(2));
  EXPECT_TRUE(member.metadata);
  EXPECT_EQ(member.consumer->committed(member.owned), first);
  for (int i = 0; i < 5; ++i) member.poll();
  EXPECT_TRUE(member.records.empty());
  ASSERT_TRUE(member.consumer->resume(member.owned));
  EXPECT_TRUE(eventually([&] {
    member.poll();
    return member.records.size() == 3;
  }));
  EXPECT_TRUE(
      std::ranges::any_of(member.records, [](const Message& m) { return m.partition() == 1 && m.offset() == 1; }));
}

TEST_F(KafkaClients, a_group_that_never_committed_is_no_offset_and_never_starts_anywhere) {
  const std::string name = topic();
  Member member(config_, unique_name("group"), "one", name);
  ASSERT_TRUE(member.until_owned(1));
  auto committed = member.consumer->committed(member.owned);
  ASSERT_TRUE(committed) << committed.error().text;
  EXPECT_EQ(committed->front().offset, -1);
}

TEST_F(KafkaClients, offsets_travel_in_the_transaction_and_an_open_one_holds_back_the_answer) {
  const std::string name = topic();
  const std::string group = unique_name("group");
  const std::vector<PartitionOffset> first{{{name, 0}, 0}};
  ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(group, first).has_value(); }))
      << "a new broker has no coordinator yet";
  Member member(config_, group, "one", name);
  ASSERT_TRUE(member.until_owned(1));
  auto writer = transactional(unique_name("txn"));
  ASSERT_TRUE(writer.begin());
  const PartitionOffset next{{name, 0}, 7};
  ASSERT_TRUE(writer.send_offsets(std::span(&next, 1), member.metadata, seconds(10)));
  auto pending = member.consumer->committed(member.owned, milliseconds(300));
  EXPECT_FALSE(pending && pending->front().offset != 0) << "offsets of an open transaction were taken for committed";
  EXPECT_FALSE(pending) << "must wait for the open transaction";
  EXPECT_TRUE(pending || pending.error().retryable);
  ASSERT_TRUE(writer.commit(seconds(10)));
  EXPECT_TRUE(eventually([&] {
    auto committed = member.consumer->committed(member.owned, milliseconds(500));
    return committed && committed->front().offset == 7;
  }));
}

TEST_F(KafkaClients, without_metadata_there_is_no_transaction) {
  const std::string name = topic();
  auto writer = transactional(unique_name("txn"));
  ASSERT_TRUE(writer.begin());
  const PartitionOffset next{{name, 0}, 7};
  auto sent = writer.send_offsets(std::span(&next, 1), GroupMetadata{}, seconds(10));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().severity, Severity::abort_required);
}

TEST_F(KafkaClients, metadata_of_an_earlier_generation_is_refused_and_the_rebalance_is_counted) {
  const std::string name = topic(2);
  const std::string group = unique_name("group");
  const std::vector<PartitionOffset> first{{{name, 0}, 0}, {{name, 1}, 0}};
  ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(group, first).has_value(); }))
      << "a new broker has no coordinator yet";
  Member one(config_, group, "one", name);
  ASSERT_TRUE(one.until_owned(2));
  const GroupMetadata early = one.metadata;
  const auto generation = one.consumer->generation();
  Member two(config_, group, "two", name);
  ASSERT_TRUE(eventually([&] {
    one.poll();
    two.poll();
    return one.owned.size() == 1 && two.owned.size() == 1;
  }));
  EXPECT_GT(one.consumer->generation(), generation);
  EXPECT_GE(one.revoked, 1);
  auto writer = transactional(unique_name("txn"));
  ASSERT_TRUE(writer.begin());
  const PartitionOffset next{{name, 0}, 7};
  auto sent = writer.send_offsets(std::span(&next, 1), early, seconds(10));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().severity, Severity::abort_required);
  EXPECT_EQ(sent.error().error.kind, Kind::rebalanced) << sent.error().error.text;
  EXPECT_TRUE(writer.abort(seconds(10)));
}

TEST_F(KafkaClients, a_broken_property_is_invalid_and_names_itself) {
  Config broken = config_;
  broken.properties["no.such.property"] = "1";
  auto opened = Consumer::open(broken, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Kind::invalid);
  EXPECT_NE(opened.error().text.find("no.such.property"), std::string::npos);
}

}  // namespace
}  // namespace parley::kafka::testing
