#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/record.h"

namespace parley::cli {

struct TopicsOptions {
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = kafka::kPartitionsDefault;  ///< Fixed for the life of a log.
  int replication = 1;                         ///< Three in production, with the broker's min.insync.replicas 2.
};

/// `parley topics`: creates the topics that are missing, checks those that are there, and writes the deciders' and
/// reactors' first positions where they have none; says on standard output what it did. May be run at any time: what is
/// there is never changed. A directory that is empty beside events was lost, and is made again out of them. The
/// process's exit code: 0 when all is as this program needs it; 1 otherwise, with the reason on standard error. Another
/// partition count is such a reason (another number needs a new log), and so are events without their commands, or the
/// other way round.
int topics(const TopicsOptions& options);

// Its steps, for a log that is restored.

/// Without the prefix; the commands' first.
std::vector<std::string> topic_names();
/// Creates those of the topics that are missing, as topics() does, and waits until they can be used. In the order of
/// `names` (without the prefix).
kafka::Result<std::vector<kafka::TopicDescription>> create_topics(kafka::Admin& admin, const TopicsOptions& options,
                                                                  const std::vector<std::string>& names);
/// Writes first positions where a group has none, the deciders' and the reactors': in how many partitions, by group.
/// Reactors go on with the events since that time: what is older has come to its end, and the deciders may have
/// forgotten that its commands were decided.
kafka::Result<std::map<std::string, std::size_t>> write_first_positions(kafka::Admin& admin,
                                                                        const TopicsOptions& options,
                                                                        kafka::RecordTime reactors_from);
/// Whether the topic holds, or has held, records. It must be there.
kafka::Result<bool> is_used(kafka::Admin& admin, const std::string& topic, int partitions);

}  // namespace parley::cli
