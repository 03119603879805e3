#!/usr/bin/python3
"""`ops/run --repartition N`: a log gets another number of partitions and is the same log, and one whose change was killed half-way is as it was before."""

import os
import signal
import subprocess
import sys
import types
import unittest

import one_dialog
import ops_run
import repartition
from failures import Exit
from kafka import partitions_of
from parley_system import settings_for_test

PORT = 16300
BEFORE, AFTER = 16, 4
SKIPPED = 77


class Repartition(one_dialog.OneDialog):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.settings = settings_for_test("repartition", PORT)
        cls.system = types.SimpleNamespace(settings=cls.settings)

    def test_the_log_is_the_same_and_what_was_killed_half_way_is_as_before(self):
        run = self.run_parley("--fresh", "--partitions", str(BEFORE))
        run.wait_ready()
        self.open_a_dialog()
        self.talk()
        self.wait_read()
        again = {"text": "said once"}, {**self.guest, "Idempotency-Key": "said-before-the-change"}
        first = self.post(self.messages, *again)
        self.assertEqual(first[0], 201)
        self.texts.append(again[0]["text"])
        run.end()

        refused = subprocess.run(ops_run.command(self.settings.data, PORT, "--partitions", str(AFTER)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 timeout=ops_run.END_SECONDS_MAX)
        self.assertEqual(refused.returncode, Exit.USAGE, refused.stderr)
        self.assertIn(f"has {BEFORE} partitions, and --partitions says {AFTER}", refused.stderr)

        for step, times in (("2 of 3", 1), ("kafka, postgres: ready", 2)):
            run = self.run_parley("--repartition", str(AFTER))
            run.wait_for(step, times)
            run.end(signal.SIGKILL)
            run = self.run_parley()
            run.wait_ready()
            self.assertIn("the log is as it was before", run.text())
            self.assertEqual(partitions_of(self.settings.data), BEFORE)
            self.wait_read()
            self.talk()
            self.wait_read()
            run.end()
            self.say(f"killed at {step}: as before")

        run = self.run_parley("--repartition", str(AFTER))
        run.wait_ready()
        self.assertEqual(partitions_of(self.settings.data), AFTER)
        self.wait_read()
        self.assertEqual(self.post(self.messages, *again), first)
        self.talk()
        self.wait_read()
        self.assertEqual(self.request("GET", "/api/users/me", None, self.owner)[0], 200)
        run.end()
        self.say(f"{AFTER} partitions")

        self.run_parley().wait_ready()
        self.assertEqual(partitions_of(self.settings.data), AFTER)
        self.assertEqual([name for name in (repartition.BEFORE, repartition.AFTER) if (self.settings.data / name).exists()], [])
        self.talk()
        self.wait_read()

    @property
    def owner(self):
        account = self.made("/api/auth/login", self.login, {}, success=200)
        return {"Authorization": f"Bearer {account['access_token']}"}

    def run_parley(self, *arguments):
        run = ops_run.Run(self.settings.data, PORT, *arguments)
        self.addCleanup(lambda: run.process.poll() is None and run.end())
        return run


if __name__ == "__main__":
    if not os.environ.get("PARLEY_BIN"):
        sys.exit(SKIPPED)
    unittest.main()
