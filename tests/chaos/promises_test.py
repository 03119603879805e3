#!/usr/bin/python3
"""Two minutes of ops/chaos: whatever is killed, paused, ended, cut, held or delayed, every promise is kept."""

import os
import random
import unittest

import scenario
from chaos import run
from parley_system import settings_for_test

MINUTES = 10 if scenario.LONG else 2
PORT = 14000


class Promises(unittest.TestCase):
    def test_they_are_kept_under_load_and_faults(self):
        seed = int(os.environ.get("PARLEY_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"PARLEY_TEST_SEED={seed}", flush=True)
        given = settings_for_test("chaos-promises", PORT)
        result = run.Run(run.settings_of(given.data, given.port, given.binary), seed, MINUTES * 60, lambda line: print(line, flush=True)).run()
        print("\n".join(run.summary(result)), flush=True)
        self.assertEqual({promise: faults[:run.SHOWN_MAX] for promise, faults in result.faults.items() if faults}, {})


if __name__ == "__main__":
    scenario.main()
