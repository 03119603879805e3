// A projector as a process of its own, for tests that kill and pause it. Arguments: brokers topic partitions group
// instance postgres schema.
#include <cstdlib>
#include <iostream>
#include <string>

#include "workers/projector/projector.h"

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  parley::kafka::Config kafka;
  kafka.brokers = argv[1];
  parley::projector::Projector projector({.kafka = kafka,
                                          .events_topic = argv[2],
                                          .partitions = std::atoi(argv[3]),
                                          .group = argv[4],
                                          .instance = argv[5],
                                          .postgres = argv[6],
                                          .schema = argv[7]});
  const auto ended = projector.run({});
  if (!ended) std::cerr << ended.error() << "\n";
  return ended ? 0 : 1;
}
