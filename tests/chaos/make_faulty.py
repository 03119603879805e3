#!/usr/bin/python3
"""Writes the decider's sources with faults in them: make_faulty.py FOLDER TARGET FAULT...

Each fault moves statements whose order keeps a promise. A statement that is not found any more, or found twice, fails the build: the tests that
the checks of faults can fail would test nothing.
"""

import pathlib
import sys

SOURCES = ("decider.cc", "transactions.cc")

FLUSH_EVENTS = """  if (!numbers.empty()) {
    if (auto flushed = producer_->flush(kFlushWait); !flushed) return std::unexpected(std::move(flushed.error()));
  }
"""
EVENTS_WRITTEN = """  if (!event_numbers) return std::unexpected(event_numbers.error());
"""
SEND_OFFSETS = """  if (auto sent = producer_->send_offsets(positions, metadata, kOffsetsWait); !sent) return sent;
  observe(Step::offsets_sent);
"""
SENT_ALREADY = """  static_cast<void>(positions);
  static_cast<void>(metadata);
"""
SEND_EARLY = """  std::vector<kafka::PartitionOffset> early;
  for (const auto& [partition, batch] : batches) early.push_back(position_of(partition, membership));
  if (auto sent = producer_->send_offsets(early, membership.metadata, kOffsetsWait); !sent) return std::unexpected(std::move(sent.error()));
  observe(Step::offsets_sent);
  if (!event_numbers->empty()) {
    if (auto flushed = producer_->flush(kFlushWait); !flushed) return std::unexpected(std::move(flushed.error()));
  }
"""
ASK_COMMITTED = """  while (next_command.empty()) {
    if (!member.still_assigned()) return false;
    auto committed = member.committed();
    if (!committed) return std::unexpected(std::move(committed.error()));
    if (auto& positions = *committed) next_command = std::move(*positions);
    // Else an earlier owner's transaction is under way.
  }
"""
STORES = """  for (const auto& [partition, offset] : next_command) {
    if (stores.contains(partition)) continue;
"""
STORES_OF_ALL = """  for (const auto& [topic, partition] : member.assigned()) {
    if (stores.contains(partition)) continue;
"""
FOLDED = """  if (!restored || !*restored) return restored;
"""


def once(source, part):
    if source.count(part) != 1:
        sys.exit(f"make_faulty.py: found {source.count(part)} times, and not once:\n{part}")
    return part


def offsets_first(sources):
    """Offsets are sent to the transaction before its events are flushed."""
    source = sources["transactions.cc"]
    source = source.replace(once(source, SEND_OFFSETS), SENT_ALREADY).replace(once(source, FLUSH_EVENTS), "")
    sources["transactions.cc"] = source.replace(once(source, EVENTS_WRITTEN), EVENTS_WRITTEN + SEND_EARLY)


def end_first(sources):
    """On an assignment the events' end is read, and folded to, before the committed offsets are asked for."""
    source = sources["decider.cc"]
    source = source.replace(once(source, ASK_COMMITTED), "").replace(once(source, STORES), STORES_OF_ALL)
    sources["decider.cc"] = source.replace(once(source, FOLDED), FOLDED + ASK_COMMITTED)


FAULTS = {"offsets_first": offsets_first, "end_first": end_first}


def main():
    folder, target, *faults = sys.argv[1:]
    sources = {name: (pathlib.Path(folder) / name).read_text() for name in SOURCES}
    for fault in faults:
        FAULTS[fault](sources)
    pathlib.Path(target).mkdir(exist_ok=True)
    for name, text in sources.items():
        (pathlib.Path(target) / name).write_text(text)


if __name__ == "__main__":
    main()
