#include "ops/cli/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "ops/cli/directory.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/text/printable.h"
#include "workers/decider/state.h"
#include "workers/processes/processes.h"

namespace parley::cli {
namespace {

using kafka::Admin;
using kafka::Result;
using std::chrono::milliseconds;

constexpr std::string_view kSignals = "signals";
constexpr int kSignalPartitions = 4;
constexpr std::chrono::seconds kPatience{30};  // for a broker that is just starting, and for a new topic's leaders
constexpr milliseconds kPause{100};
/// Less than deciders remember outcomes for: what is done again is known to be done.
constexpr std::chrono::hours kReactorsGoBack{20};
static_assert(kReactorsGoBack < decider::kOutcomeWindow);

std::string ms(std::chrono::milliseconds time) { return std::to_string(time.count()); }

struct Topic {
  std::string_view name;
  int partitions;
  std::map<std::string, std::string> config;
};

std::vector<Topic> wanted(int partitions) {
  using std::chrono::days;
  using std::chrono::minutes;
  const std::map<std::string, std::string> forever{
      {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
  auto kept = [](milliseconds time) {
    return std::map<std::string, std::string>{{"cleanup.policy", "delete"}, {"retention.ms", ms(time)}};
  };
  auto signals = kept(minutes(10));
  signals["segment.ms"] = ms(minutes(10));  // a segment is deleted as a whole, and only after it is closed
  return {
      {"commands", partitions, kept(days(7))},
      {"events", partitions, forever},
      {"replies", partitions, kept(days(3))},  // at least two windows of idempotency (24 hours each)
      {"directory", partitions, {{"cleanup.policy", "compact"}}},
      {"dead-letters", partitions, kept(days(90))},
      {kSignals, kSignalPartitions, std::move(signals)},
  };
}

/// Repeats while the broker says that the same may succeed later.
template <class Call>
auto patiently(Call call) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  auto result = call();
  while (!result && (result.error().retryable || result.error().kind == kafka::Kind::unknown_topic) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
    result = call();
  }
  return result;
}

int fail(std::string_view what, std::string_view why) {
  std::cerr << "parley topics: " << text::printable(what) << ": " << text::printable(why) << "\n";
  return 1;
}

/// What may not be put in the place of a topic that is gone from a log that was used: why, or nothing when all that is
/// missing may be created.
Result<std::optional<std::string>> lost(Admin& admin, const std::vector<std::string>& names) {
  const auto found = patiently([&] { return admin.describe_topics(names); });
  if (!found) return std::unexpected(found.error());
  const auto topic = [&](std::string_view name) {
    return std::ranges::find_if(*found,
                                [&](const auto& one) { return one && one->name.ends_with("." + std::string(name)); });
  };
  const auto used = [&](std::string_view name) -> Result<bool> {
    const auto one = topic(name);
    if (one == found->end()) return false;
    return is_used(admin, (*one)->name, (*one)->partitions);
  };
  const auto events = used("events");
  if (!events) return std::unexpected(events.error());
  if (*events && topic("commands") == found->end()) {
    return "the topic of commands is gone from a log with events. An empty one in its place would count from 0 again, "
           "and deciders pass over what "
           "they have counted: restore it, or the whole log";
  }
  if (topic("events") == found->end()) {
    for (const auto* other : {"replies", "directory"}) {
      const auto is = used(other);
      if (!is) return std::unexpected(is.error());
      if (*is)
        return fmt::format(
            "the topic of events is gone from a log with {}: restore it, or delete the other topics too and begin anew",
            other);
    }
  }
  if (*events && topic("replies") == found->end()) {
    std::cerr << "parley topics: the replies are gone from a log with events, and with them the outcomes that no "
                 "decider's state remembers\n";
  }
  return std::nullopt;
}

/// Why a topic that is there is not the wanted one: its number of partitions is fixed for the life of a log.
std::optional<std::string> unfit(const kafka::TopicDescription& topic, const Topic& wanted) {
  if (wanted.name != kSignals) return kafka::wrong_partitions(topic, wanted.partitions);
  if (topic.partitions == wanted.partitions) return std::nullopt;
  return fmt::format("has {} partitions and not {}", topic.partitions, wanted.partitions);
}

/// Those of the topics, when all of them can be described.
Result<std::vector<kafka::TopicDescription>> describe_all(Admin& admin, const std::vector<std::string>& names) {
  return patiently([&]() -> Result<std::vector<kafka::TopicDescription>> {
    auto found = admin.describe_topics(names);
    if (!found) return std::unexpected(found.error());
    std::vector<kafka::TopicDescription> out;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!(*found)[i])
        return std::unexpected(kafka::Error{kafka::Kind::unknown_topic, true, names[i] + " is not there yet"});
      out.push_back(*(*found)[i]);
    }
    return out;
  });
}

}  // namespace

Result<bool> is_used(Admin& admin, const std::string& topic, int partitions) {
  const auto all = kafka::every_partition(topic, partitions);
  const auto ends = patiently([&] { return admin.end(all, kafka::Isolation::read_uncommitted); });
  if (!ends) return std::unexpected(ends.error());
  return std::ranges::any_of(*ends, [](const auto& end) { return end.offset > 0; });
}

namespace {

/// (auto.offset.reset is "error" everywhere: a group that has lost its positions says so instead of skipping or
/// repeating.)
Result<std::size_t> write_missing(Admin& admin, const std::string& group,
                                  const Result<std::vector<kafka::PartitionOffset>>& first) {
  if (!first) return std::unexpected(first.error());
  std::vector<kafka::TopicPartition> all;
  for (const auto& one : *first) all.push_back(one.where);
  const auto positions = patiently([&] { return admin.group_offsets(group, all); });
  if (!positions) return std::unexpected(positions.error());
  std::vector<kafka::PartitionOffset> missing;
  for (const auto& one : *first) {
    const auto known = std::ranges::find(*positions, one.where, &kafka::PartitionOffset::where);
    if (known == positions->end() || known->offset < 0) missing.push_back(one);
  }
  if (missing.empty()) return 0;
  if (const auto written = patiently([&] { return admin.set_group_offsets(group, missing); }); !written)
    return std::unexpected(written.error());
  return missing.size();
}

}  // namespace

Result<std::map<std::string, std::size_t>> write_first_positions(Admin& admin, const TopicsOptions& options,
                                                                 kafka::RecordTime reactors_from) {
  const std::string deciders = options.prefix + ".decider",
                    reactors = fmt::format("{}.{}", options.prefix, processes::kGroup);
  const auto commands = kafka::every_partition(options.prefix + ".commands", options.partitions);
  const auto of_deciders = write_missing(admin, deciders, patiently([&] { return admin.begin(commands); }));
  if (!of_deciders) return std::unexpected(of_deciders.error());
  auto reader = kafka::Consumer::open(options.kafka, {});
  if (!reader) return std::unexpected(std::move(reader.error()));
  const auto events = kafka::every_partition(options.prefix + ".events", options.partitions);
  const auto of_reactors =
      write_missing(admin, reactors, patiently([&] { return reader->at_time(events, reactors_from); }));
  if (!of_reactors) return std::unexpected(of_reactors.error());
  return std::map<std::string, std::size_t>{{deciders, *of_deciders}, {reactors, *of_reactors}};
}

std::vector<std::string> topic_names() {
  std::vector<std::string> out;
  for (const auto& topic : wanted(1)) out.emplace_back(topic.name);
  return out;
}

Result<std::vector<kafka::TopicDescription>> create_topics(Admin& admin, const TopicsOptions& options,
                                                           const std::vector<std::string>& names) {
  const auto all = wanted(options.partitions);
  std::vector<std::string> full;
  for (const auto& name : names) {
    const auto topic = std::ranges::find(all, name, &Topic::name);
    full.push_back(options.prefix + "." + name);
    const auto created = patiently(
        [&] { return admin.create_topic({full.back(), topic->partitions, options.replication, topic->config}); });
    if (!created) return std::unexpected(created.error());
  }
  return describe_all(admin, full);
}

int topics(const TopicsOptions& options) {
  if (options.partitions < 1 || options.partitions > 1024)
    return fail("partitions", "must be between 1 and 1024, the number of slots");
  auto admin = Admin::open(options.kafka);
  if (!admin) return fail("kafka", admin.error().text);

  const auto all = wanted(options.partitions);
  std::vector<std::string> names;
  for (const auto& topic : all) names.push_back(fmt::format("{}.{}", options.prefix, topic.name));
  const auto why_not = lost(*admin, names);
  if (!why_not) return fail("describe", why_not.error().text);
  if (*why_not) return fail(options.prefix, **why_not);
  const auto there = patiently([&] { return admin->describe_topics(names); });
  if (!there) return fail("describe", there.error().text);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& topic = (*there)[i];
    if (const auto why = topic ? unfit(*topic, all[i]) : std::nullopt) return fail(topic->name, *why);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const kafka::NewTopic topic{names[i], all[i].partitions, options.replication, all[i].config};
    const auto created = patiently([&] { return admin->create_topic(topic); });
    if (!created) return fail(names[i], created.error().text);
    if (*created) std::cout << "created " << names[i] << " with " << all[i].partitions << " partitions\n";
  }
  const auto described = describe_all(*admin, names);
  if (!described) return fail("describe", described.error().text);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& topic = (*described)[i];
    if (const auto why = unfit(topic, all[i])) return fail(topic.name, *why);  // somebody else has made it meanwhile
    std::cout << topic.name << " " << topic.id << " " << topic.partitions << "\n";
  }

  // Whoever registers is written into the directory in the same transaction.
  const auto has_events = is_used(*admin, options.prefix + ".events", options.partitions);
  if (!has_events) return fail("events", has_events.error().text);
  const auto has_directory = is_used(*admin, options.prefix + ".directory", options.partitions);
  if (!has_directory) return fail("directory", has_directory.error().text);
  if (*has_events && !*has_directory) {
    const auto filled = fill_directory({options.kafka, options.prefix, options.partitions});
    if (!filled) return fail("the directory was lost and cannot be made again", filled.error().text);
    std::cout << "the directory was lost: made again out of the events, " << *filled << " entries\n";
  }

  const auto written = write_first_positions(
      *admin, options, std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) - kReactorsGoBack);
  if (!written) return fail("first positions", written.error().text);
  for (const auto& [group, partitions] : *written) {
    if (partitions > 0) std::cout << "wrote the first position of " << group << " in " << partitions << " partitions\n";
  }
  return 0;
}

}  // namespace parley::cli
