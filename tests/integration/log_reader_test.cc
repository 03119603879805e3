// Records at positions that a read model knows, from a real broker.
#include "api/log/log_reader.h"

#include <latch>
#include <thread>

#include "platform/kafka/producer.h"
#include "tests/integration/event_log.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::api {
namespace {

using testing::EventLog;
using Clock = std::chrono::steady_clock;

class LogReaderTest : public kafka::testing::KafkaTest {
 protected:
  /// Writes so many events of one dialog, a partition in turn, and tells where they stand.
  std::vector<EventPlace> write(const std::string& topic, int partitions, int count) {
    auto producer = kafka::Producer::open(config_, {});
    EXPECT_TRUE(producer);
    EventLog log;
    std::vector<EventPlace> places(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      auto& place = places[static_cast<std::size_t>(i)];
      const auto written =
          log.event({Kind::dialog, 1387}, testing::message(1024 * (i + 1), "text " + std::to_string(i)));
      const auto headers = schema::to_headers(written.envelope);
      std::vector<kafka::Header> sent;
      for (const auto& [name, value] : headers) sent.push_back({name, value});
      place = {i % partitions, 0, written.envelope.id};
      const auto produced =
          producer->produce({.topic = topic,
                             .partition = place.partition,
                             .key = "1",
                             .value = written.value,
                             .headers = sent,
                             .time = std::nullopt},
                            [&place](kafka::Result<std::int64_t> offset) { place.offset = offset.value_or(-1); });
      EXPECT_TRUE(produced);
    }
    EXPECT_TRUE(producer->flush(kafka::testing::kTestDeadline));
    return places;
  }
  LogReader::Options options(const std::string& topic) const { return {.kafka = config_, .topic = topic}; }
};

TEST_F(LogReaderTest, every_place_gives_its_own_record_whether_near_or_far_and_on_whichever_partition) {
  const auto name = topic(2);
  const auto places = write(name, 2, 12'000);
  LogReader reader(options(name));
  std::vector<EventPlace> wanted;
  for (std::size_t i = 0; i < places.size(); i += 200) wanted.push_back(places[i]);  // near, partition 0
  wanted.push_back(places[1]);
  wanted.push_back(places[11'999]);  // far
  wanted.push_back(places[3]);       // back again
  for (int round = 0; round < 2; ++round) {
    std::size_t next = 0;
    const auto read = reader.read(wanted, [&](const projections::Record& record) {
      EXPECT_EQ(record.envelope.id, wanted[next].event_id);
      EXPECT_EQ(record.offset, wanted[next].offset);
      EXPECT_EQ(record.partition, wanted[next].partition);
      return ++next > 0;
    });
    ASSERT_TRUE(read) << static_cast<int>(read.error());
    EXPECT_EQ(next, wanted.size());
  }
}

TEST_F(LogReaderTest, ends_when_enough_was_read) {
  const auto name = topic();
  const auto places = write(name, 1, 10);
  LogReader reader(options(name));
  int count = 0;
  ASSERT_TRUE(reader.read(places, [&](const auto&) { return ++count < 3; }));
  EXPECT_EQ(count, 3);
}

TEST_F(LogReaderTest, another_event_at_a_position_is_no_answer) {
  const auto name = topic();
  auto places = write(name, 1, 3);
  places[1].event_id = places[2].event_id;
  LogReader reader(options(name));
  int count = 0;
  const auto read = reader.read(places, [&](const auto&) { return ++count > 0; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), LogReader::Failure::another_event);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(reader.read(std::span(places).first(1), [](const auto&) { return true; }));
}

TEST_F(LogReaderTest, a_position_behind_the_end_is_given_up_after_the_patience) {
  const auto name = topic();
  auto places = write(name, 1, 1);
  places[0].offset = 7;
  auto impatient = options(name);
  impatient.patience = std::chrono::milliseconds(300);
  LogReader reader(impatient);
  const auto read = reader.read(places, [](const auto&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), LogReader::Failure::late);
}

TEST_F(LogReaderTest, many_at_once_are_all_answered_while_kafka_answers) {
  const auto name = topic();
  const auto places = write(name, 1, 20);
  LogReader reader(options(name));
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { answered += reader.read(places, [](const auto&) { return true; }) ? 1 : 0; });
    }
  }
  EXPECT_EQ(answered, 8);
}

TEST_F(LogReaderTest, while_kafka_is_away_one_finds_out_and_the_others_do_not_wait_for_it_one_after_the_other) {
  LogReader reader({.kafka = {.brokers = "127.0.0.1:1"},
                    .topic = "none",
                    .readers_max = 1,
                    .wait_max = std::chrono::seconds(20),
                    .patience = std::chrono::milliseconds(1'500)});
  const std::vector<EventPlace> places{{0, 0, "id"}};
  for (int round = 0; round < 2; ++round) {
    const auto begun = Clock::now();
    std::atomic<int> late = 0, busy = 0;
    {
      std::vector<std::jthread> threads;
      std::latch together(8);
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
          together.arrive_and_wait();
          const auto read = reader.read(places, [](const auto&) { return true; });
          if (!read && read.error() == LogReader::Failure::late) ++late;
          if (!read && read.error() == LogReader::Failure::busy) ++busy;
        });
      }
    }
    EXPECT_EQ(late + busy, 8);
    EXPECT_GE(busy, 6);
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(8));
  }
}

}  // namespace
}  // namespace parley::api
