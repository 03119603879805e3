#!/usr/bin/python3
"""`ops/run --repartition N`: a log gets another number of partitions and is the same log, and one whose change was killed half-way is as it was before."""

import os
import signal
import subprocess
import sys
import types
import unittest

import one_dialog
import repartition
from failures import Exit
from kafka import partitions_of
from parley_system import settings_for_test
from settings import ROOT
from supervisor import wait_for

PORT = 16300
BEFORE, AFTER = 16, 4
READY_S, END_S = 300, 60
SKIPPED = 77


class Repartition(one_dialog.OneDialog):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.settings = settings_for_test("repartition", PORT)
        cls.system = types.SimpleNamespace(settings=cls.settings)
        cls.output = cls.settings.data.with_name("repartition.log")
        cls.output.parent.mkdir(parents=True, exist_ok=True)

    def setUp(self):
        self.process = None
        self.addCleanup(self.end, signal.SIGINT)

    def test_the_log_is_the_same_and_what_was_killed_half_way_is_as_before(self):
        self.run_until("What runs:", "--fresh", "--partitions", str(BEFORE))
        self.open_a_dialog()
        self.talk()
        self.wait_read()
        again = {"text": "said once"}, {**self.guest, "Idempotency-Key": "said-before-the-change"}
        first = self.post(self.messages, *again)
        self.assertEqual(first[0], 201)
        self.texts.append(again[0]["text"])
        self.end(signal.SIGINT)

        refused = subprocess.run(self.command("--partitions", str(AFTER)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=END_S)
        self.assertEqual(refused.returncode, Exit.USAGE, refused.stderr)
        self.assertIn(f"has {BEFORE} partitions, and --partitions says {AFTER}", refused.stderr)

        for step, times in (("2 of 3", 1), ("kafka, postgres: ready", 2)):
            self.run_until(step, "--repartition", str(AFTER), times=times)
            self.end(signal.SIGKILL)
            self.run_until("What runs:")
            self.assertIn("the log is as it was before", self.output.read_text())
            self.assertEqual(partitions_of(self.settings.data), BEFORE)
            self.wait_read()
            self.talk()
            self.wait_read()
            self.end(signal.SIGINT)
            self.say(f"killed at {step}: as before")

        self.run_until("What runs:", "--repartition", str(AFTER))
        self.assertEqual(partitions_of(self.settings.data), AFTER)
        self.wait_read()
        self.assertEqual(self.post(self.messages, *again), first)
        self.talk()
        self.wait_read()
        self.assertEqual(self.request("GET", "/api/users/me", None, self.owner)[0], 200)
        self.end(signal.SIGINT)
        self.say(f"{AFTER} partitions")

        self.run_until("What runs:")
        self.assertEqual(partitions_of(self.settings.data), AFTER)
        self.assertEqual([name for name in (repartition.BEFORE, repartition.AFTER) if (self.settings.data / name).exists()], [])
        self.talk()
        self.wait_read()

    @property
    def owner(self):
        account = self.made("/api/auth/login", self.login, {}, success=200)
        return {"Authorization": f"Bearer {account['access_token']}"}

    def command(self, *arguments):
        return [ROOT / "ops" / "run", "--data", self.settings.data, "--port", str(PORT), *arguments]

    def run_until(self, line, *arguments, times=1):
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        wait_for(lambda: self.output.read_text().count(line) >= times or self.process.poll() is not None, READY_S)
        self.assertGreaterEqual(self.output.read_text().count(line), times, self.output.read_text())

    def end(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(END_S)


if __name__ == "__main__":
    if not os.environ.get("PARLEY_BIN"):
        sys.exit(SKIPPED)
    unittest.main()
