#!/usr/bin/python3
"""Three Kafka nodes, one of which fails at a time, in every way: what was acknowledged stays, and the others go on. With one left of three nothing is written,
and nothing is half done."""

import os
import random
import threading
import time
import unittest

import scenario
from chaos import run
from chaos.faults import Faults
from chaos.plan import Round, Step
from parley_system import settings_for_test
from supervisor import wait_for

PORT = 14400
LONGER_THAN_A_BROKERS_SESSION_S = 12.0
MINUTES = 30  # of PARLEY_TEST_LONG=1
NOTICED_S = 2.0
GOES_ON_S = 60.0


class ThreeBrokers(unittest.TestCase):
    def run_with(self, seconds, rounds=None):
        seed = int(os.environ.get("PARLEY_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"PARLEY_TEST_SEED={seed}", flush=True)
        given = settings_for_test("three-brokers", PORT)
        settings = run.settings_of(given.data, given.port, given.binary, kafka_nodes=3)
        result = run.Run(settings, seed, seconds, lambda line: print(line, flush=True), rounds).run()
        print("\n".join(run.summary(result)), flush=True)
        self.assertEqual({promise: faults[:run.SHOWN_MAX] for promise, faults in result.faults.items() if faults}, {})

    def test_each_fault_once(self):
        one_after_the_other = [
            Step("kill", "kafka-1"), Step("isolate", "kafka-2", for_s=LONGER_THAN_A_BROKERS_SESSION_S), Step("wipe", "kafka-3"),
            Step("unsync", "kafka-1", for_s=4.0), Step("pause", "kafka-2", for_s=LONGER_THAN_A_BROKERS_SESSION_S)]

        def rounds(system, proxy, workload):
            faults = Faults(system, proxy, workload.answered, workload.records.drains, lambda line: print(line, flush=True))
            faults.carry_out([Round((step,), heals=True, pause_s=0) for step in one_after_the_other], float("inf"))
            self.alone(system, faults, workload)

        self.run_with(0, rounds)

    def alone(self, system, faults, workload):
        """Two of three are away: whatever is asked meanwhile is refused for now. That it is done once, asked again, is in the run's promises."""
        away = threading.Thread(target=faults.carry_out, args=([Round((Step("alone", "kafka-3", for_s=2 * LONGER_THAN_A_BROKERS_SESSION_S),), True, 0)], float("inf")))
        away.start()
        self.assertTrue(wait_for(lambda: not system.pid("kafka-1") and not system.pid("kafka-2"), GOES_ON_S))
        began = time.monotonic() + NOTICED_S
        wait_for(lambda: system.pid("kafka-1"), GOES_ON_S)
        ended = time.monotonic()
        away.join()
        answers = {attempt.outcome for ask in workload.records.asks for attempt in ask.attempts if began < attempt.ended < ended and may_write(attempt)}
        print(f"answers while two of three were away: {answers}", flush=True)
        self.assertIn(503, answers)
        self.assertLessEqual({outcome for outcome in answers if isinstance(outcome, int)}, {503, 504})

    @unittest.skipUnless(scenario.LONG, "PARLEY_TEST_LONG=1 only")
    def test_half_an_hour_of_them(self):
        self.run_with(MINUTES * 60)


def may_write(attempt):
    """What an API refuses by itself, and what it remembers, is answered without Kafka."""
    return not attempt.hit and (attempt.is_success or not attempt.is_definite)


if __name__ == "__main__":
    scenario.main()
