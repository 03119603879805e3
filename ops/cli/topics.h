#pragma once
#include <string>

#include "platform/kafka/config.h"

namespace parley::cli {

struct TopicsOptions {
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = 16;  ///< Fixed for the life of a log.
  int replication = 1;  ///< Three in production, with the broker's min.insync.replicas 2.
};

/// `parley topics`: creates the topics that are missing, checks those that are there, and writes the deciders' first positions where they have none;
/// says on standard output what it did. May be run at any time: what is there is never changed. A directory that is empty beside events was lost, and
/// is made again out of them. The process's exit code: 0 when all is as this program needs it; 1 otherwise, with the reason on standard error.
/// Another partition count is such a reason (another number needs a new log), and so are events without their commands, or the other way round.
int topics(const TopicsOptions& options);

}  // namespace parley::cli
