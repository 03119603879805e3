#!/usr/bin/python3
"""That the check of ops/chaos can fail: a decider with faults built in is caught.

It sends offsets before it has flushed its events, and a new owner reads the events' end before it asks for the committed offsets. Either fault alone
is made harmless by the other order (README.md); with both, a new owner decides without knowing the last transaction.
"""

import contextlib
import os
import pathlib
import random
import subprocess
import sys
import unittest

import scenario
from chaos import check, run
from demo.log import Log
from groups import Group
from parley_system import settings_for_test
from settings import PARTITIONS

PORT = 14200
PRODUCE, LIST_OFFSETS, JOIN_GROUP = 0, 2, 11  # Kafka's numbers of requests
RUNS_MAX, ROUNDS_MAX = 3, 6
ANSWERS = 30
PATIENCE_S, TAKEN_OVER_S = 6.0, 20.0
# A transaction is ended for its writer 10 s after its beginning, a session 6 s after a pause: this much is left.
PENDING_S, READ_S = 4.0, 1.0


class FaultyDecider(unittest.TestCase):
    def test_a_decision_on_stale_state_is_caught(self):
        binary = pathlib.Path(os.environ["PARLEY_BUILD"]) / "tests" / "chaos" / "parley_faulty"
        wanted = {name_of(promise) for promise in (check.check_made_again, check.check_versions)}
        caught = set()
        for _ in range(RUNS_MAX):  # which stream meets the fault is chance: one that is new has no version twice
            caught |= self.broken_by(binary).keys()
            if wanted <= caught:
                return
        self.fail(f"only {sorted(caught)} broken in {RUNS_MAX} runs")

    @unittest.skipUnless(scenario.LONG, "PARLEY_TEST_LONG=1 only")
    def test_either_fault_alone_is_harmless(self):
        for name in ("parley_offsets_first", "parley_end_first"):
            with self.subTest(name):
                subprocess.run(["cmake", "--build", os.environ["PARLEY_BUILD"], "--target", name], check=True)
                self.assertEqual(self.broken_by(pathlib.Path(os.environ["PARLEY_BUILD"]) / "tests" / "chaos" / name), {})

    @unittest.skipUnless(scenario.LONG, "PARLEY_TEST_LONG=1 only")
    def test_the_same_is_harmless_to_the_decider_as_it_is(self):
        self.assertEqual(self.broken_by(pathlib.Path(os.environ["PARLEY_BIN"])), {})

    def broken_by(self, binary):
        """{promise: sentences} of a run with this executable, in which deciders stop between offsets and events."""
        seed = random.SystemRandom().randrange(1 << 32)
        given = settings_for_test("chaos-faulty", PORT)
        settings = run.settings_of(given.data, given.port, binary)
        settings.environment["PARLEY_SEAL_WITHIN_S"] = "3600"  # a seal would meet the fault before a command does
        result = run.Run(settings, seed, 0, rounds=stop_between_offsets_and_events, patience_s=PATIENCE_S).run()
        print("\n".join(run.summary(result)), flush=True)
        return {promise: faults for promise, faults in result.faults.items() if faults}


def stop_between_offsets_and_events(system, proxy, workload):
    """What a decider produces is held; when its offsets are pending it is stopped, and let go on when the other one has its partitions. Again and
    again, for what is held may be refusals alone, until a version is there twice, or deciders do not start any more on what was written."""
    log = Log(system.settings.kafka_brokers, "parley.events", {})
    with contextlib.closing(Group(system.settings.kafka_brokers, "parley.decider", "parley.commands", PARTITIONS)) as group:
        for number in range(ROUNDS_MAX):
            victim, other = ("decider-1", "decider-2") if number % 2 else ("decider-2", "decider-1")
            if not scenario.wait_for(lambda: all(group.members().get(name) for name in (victim, other)), TAKEN_OVER_S):
                return
            stop_and_let_go_on(system, proxy, workload, group, victim, other)
            events = list(log.read(TAKEN_OVER_S))
            if len({(event.subject, event.sequence) for event in events}) < len(events):
                return


def stop_and_let_go_on(system, proxy, workload, group, victim, other):
    held, taken = proxy.links[f"{victim}:kafka"], proxy.links[f"{other}:kafka"]
    goes_on(workload, ANSWERS)
    held.hold_requests(PRODUCE)
    pending = scenario.wait_for(group.has_pending_offsets, PENDING_S)  # a right decider has none: it waits for its events
    system.pause(victim)
    print(f"{victim} is stopped, its offsets {'are' if pending else 'are not'} pending", flush=True)
    scenario.wait_for(lambda: group.members().get(other) == set(range(PARTITIONS)), TAKEN_OVER_S)
    # A faulty one reads the ends of events and replies at once, a right one when the transaction has ended.
    before = taken.passed[LIST_OFFSETS]
    scenario.wait_for(lambda: taken.passed[LIST_OFFSETS] > before + 2, READ_S)
    held.hold_requests(JOIN_GROUP)  # what it produced passes now; the other keeps all partitions
    system.resume(victim)
    goes_on(workload, 4 * ANSWERS)
    held.mend()


def goes_on(workload, answers):
    before = workload.answered()
    scenario.wait_for(lambda: workload.answered() > before + answers, TAKEN_OVER_S)


def name_of(promise):
    return next(name for name, one in check.PROPERTIES.items() if one is promise)


if __name__ == "__main__":
    sys.exit(scenario.main())
