#!/usr/bin/python3
"""Writes the decider's source with faults in it: make_faulty.py SOURCE TARGET FAULT...

Each fault moves statements whose order keeps a promise. A statement that is not found any more, or found twice, fails the build: the tests that
the checks of faults can fail would test nothing.
"""

import pathlib
import sys

FLUSH_EVENTS = """  if (!event_numbers.empty()) {
    if (auto flushed = producer->flush(kFlushWait); !flushed) return flushed;
  }
"""
SEND_OFFSETS = """  if (auto sent = producer->send_offsets(positions, member.metadata(), kOffsetsWait); !sent) return sent;
  observe(Step::offsets_sent);
"""
SENT_ALREADY = "  static_cast<void>(positions);\n"
ASK_COMMITTED = """  while (next_command.empty()) {
    if (!member.still_assigned()) return false;
    auto committed = member.committed();
    if (!committed) return std::unexpected(std::move(committed.error()));
    if (*committed) next_command = std::move(**committed);  // else an earlier owner's transaction is under way
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


def offsets_first(source):
    """Offsets are sent to the transaction before its events are flushed."""
    return source.replace(once(source, SEND_OFFSETS), SENT_ALREADY).replace(once(source, FLUSH_EVENTS), SEND_OFFSETS + FLUSH_EVENTS)


def end_first(source):
    """On an assignment the events' end is read, and folded to, before the committed offsets are asked for."""
    source = source.replace(once(source, ASK_COMMITTED), "").replace(once(source, STORES), STORES_OF_ALL)
    return source.replace(once(source, FOLDED), FOLDED + ASK_COMMITTED)


FAULTS = {"offsets_first": offsets_first, "end_first": end_first}


def main():
    source, target, *faults = sys.argv[1:]
    text = pathlib.Path(source).read_text()
    for fault in faults:
        text = FAULTS[fault](text)
    pathlib.Path(target).parent.mkdir(exist_ok=True)
    pathlib.Path(target).write_text(text)


if __name__ == "__main__":
    main()
