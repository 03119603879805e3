#!/usr/bin/python3
"""That the check of ops/chaos can fail: a decider with faults built in is caught.

It sends offsets before it has flushed its events, and a new owner reads the events' end before it asks for the committed offsets. One of the two alone
is made harmless by the other's right order (README.md); with both, a new owner decides without knowing the last transaction.
"""

import contextlib
import os
import pathlib
import random
import sys
import unittest

import scenario
from chaos import check, run
from groups import Group
from parley_system import settings_for_test

PORT = 14200
PRODUCE = 0  # Kafka's number of the request
RUNS_MAX = 3
ANSWERS = 30
PATIENCE_S = 15.0
TRANSACTION_S = 4.0  # for the other to read the end; the transaction ends 10 s after its beginning, the session 6 s after the pause


class FaultyDecider(unittest.TestCase):
    def test_a_decision_on_stale_state_is_caught(self):
        binary = pathlib.Path(os.environ["PARLEY_BUILD"]) / "tests" / "chaos" / "parley_faulty"
        caught = self.run_until_caught(binary)
        for promise in (check.check_made_again, check.check_versions):
            self.assertIn(name_of(promise), caught)

    @unittest.skipUnless(scenario.LONG, "PARLEY_TEST_LONG=1 only")
    def test_either_fault_alone_is_harmless(self):
        for fault in ("offsets_first", "end_first"):
            with self.subTest(fault):
                self.assertEqual(self.broken_by(pathlib.Path(os.environ["PARLEY_BUILD"]) / "tests" / "chaos" / f"parley_{fault}"), {})

    def test_the_same_is_harmless_to_the_decider_as_it_is(self):
        self.assertEqual(self.broken_by(pathlib.Path(os.environ["PARLEY_BIN"])), {})

    def run_until_caught(self, binary):
        for _ in range(RUNS_MAX):
            broken = self.broken_by(binary)
            if broken:
                return broken
        self.fail(f"not caught in {RUNS_MAX} runs")

    def broken_by(self, binary):
        """{promise: sentences} of a run with this executable, in which a decider stops between offsets and events."""
        seed = random.SystemRandom().randrange(1 << 32)
        given = settings_for_test("chaos-faulty", PORT)
        result = run.Run(run.settings_of(given.data, given.port, binary), seed, 0, rounds=stop_between_offsets_and_events, patience_s=PATIENCE_S).run()
        print("\n".join(run.summary(result)), flush=True)
        return {promise: faults for promise, faults in result.faults.items() if faults}


def stop_between_offsets_and_events(system, proxy, people):
    """What a decider produces is held; when its offsets are pending it is stopped, and let go on when the other one has its partitions."""
    victim, other = "decider-1", "decider-2"
    with contextlib.closing(Group(system.settings.kafka_brokers, "parley.decider", "parley.commands", scenario.PARTITIONS)) as group:
        scenario.wait_until(lambda: all(group.members().get(name) for name in (victim, other)), "both deciders to have partitions")
        scenario.wait_until(lambda: people.answered() > ANSWERS, "people at work")
        proxy.links[f"{victim}:kafka"].hold_requests(PRODUCE)
        scenario.wait_for(group.has_pending_offsets, TRANSACTION_S)  # a right decider has none: it waits for its events
        system.pause(victim)
        scenario.wait_until(lambda: group.members().get(other) == set(range(scenario.PARTITIONS)), f"{other} to have all partitions")
        system.resume(victim)
        proxy.mend()
        answered = people.answered()
        scenario.wait_for(lambda: people.answered() > answered + 5 * ANSWERS, PATIENCE_S)


def name_of(promise):
    return next(name for name, one in check.PROPERTIES.items() if one is promise)


if __name__ == "__main__":
    sys.exit(scenario.main())
