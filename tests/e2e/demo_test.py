#!/usr/bin/python3
"""ops/demo against a running system. Needs PARLEY_TEST_BASE and PARLEY_TEST_KAFKA."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

DEMO = pathlib.Path(__file__).resolve().parents[2] / "ops/demo"
BASE, KAFKA = os.environ.get("PARLEY_TEST_BASE", ""), os.environ.get("PARLEY_TEST_KAFKA", "")
SKIPPED = 77
DEADLINE_S = 120


def demo(*arguments):
    return subprocess.run([DEMO, "--base", BASE, "--kafka", KAFKA, *arguments], capture_output=True, text=True, timeout=DEADLINE_S)


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="parley-demo-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def passes(self, *arguments):
        run = demo(*arguments)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("PASSED", run.stdout)
        return run.stdout

    def test_its_own_dialogs_are_the_same_in_every_view(self):
        self.assertIn("31 messages acknowledged of 31", self.passes())

    def test_streams_that_are_cut_after_every_message_miss_nothing(self):
        self.assertNotIn(" 0 streams resumed", self.passes("--cut-every", "1"))

    def test_many_dialogs_at_a_time_and_a_record_of_every_command(self):
        dialogs, turns = 60, 12
        file, record = self.folder / "many.jsonl", self.folder / "record.jsonl"
        file.write_text("".join(
            json.dumps({"dialogue_id": f"many-{d}", "turns": [{"speaker": "user" if t % 3 else "system", "text": f"{d}.{t} {'ж' * (d * t)}"}
                                                             for t in range(turns)]}) + "\n" for d in range(dialogs)))
        self.passes(str(file), "--parallel", "32", "--record", str(record))
        commands = [json.loads(line) for line in record.read_text().splitlines()]
        self.assertEqual(len(commands), 2 + dialogs * (1 + turns))
        self.assertEqual(len({command["key"] for command in commands}), len(commands))
        self.assertEqual({command["status"] for command in commands}, {201})
        self.assertEqual(record.stat().st_mode & 0o777, 0o600)

    def test_a_text_that_the_system_refuses_is_reported(self):
        file = self.folder / "long.jsonl"
        file.write_text(json.dumps({"dialogue_id": "long", "turns": [{"speaker": "user", "text": "x" * 10_001}]}))
        run = demo(str(file))
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn("422", run.stdout)

    def test_no_system_at_the_address_is_said_within_the_patience(self):
        run = subprocess.run([DEMO, "--base", "http://127.0.0.1:1", "--kafka", KAFKA, "--patience", "1"], capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(run.returncode, 3)
        self.assertIn("no answer in", run.stderr)


if __name__ == "__main__":
    if not BASE or not KAFKA:
        print("PARLEY_TEST_BASE or PARLEY_TEST_KAFKA is not set: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
