#!/usr/bin/python3
"""ops/run, ops/status and ops/stop as their user meets them. Needs PARLEY_BIN: the program is built."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

from data_folder import read_state, runs
from failures import Exit
from settings import ROOT
from supervisor import wait_for

sys.path.append(str(ROOT / "tests" / "chaos"))

from ops_run import READY_SECONDS_MAX, Run  # noqa: E402

PORT = 15000
FOLDER = pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or "/tmp/parley-test") / "run"
DEADLINE_SECONDS = 60


def command(name, *arguments, **others):
    return subprocess.run([ROOT / "ops" / name, "--data", FOLDER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=READY_SECONDS_MAX, **others)


class RunTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_command = Run(FOLDER, PORT, "--fresh")
        cls.addClassCleanup(lambda: cls.run_command.process.poll() is None and cls.run_command.end())
        cls.run_command.wait_ready()

    def test_1_what_it_prints_to_try_works_as_printed(self):
        printed = self.run_command.text().split("in another terminal:")[1].split("What runs:")[0]
        tried = subprocess.Popen(["bash", "-c", printed + "\nwait"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        watchdog = threading.Timer(DEADLINE_SECONDS, os.killpg, (tried.pid, signal.SIGKILL))
        watchdog.start()
        streamed = any("dialog.message.created" in line and "Are you open on Sunday?" in line for line in tried.stdout if line.startswith("data:"))
        watchdog.cancel()
        os.killpg(tried.pid, signal.SIGKILL)
        tried.wait()
        tried.stdout.close()
        self.assertTrue(streamed)

    def test_2_status_shows_every_process_ready(self):
        status = command("status")
        self.assertEqual(status.returncode, 0, status.stdout + status.stderr)
        for name in ("kafka", "postgres", "decider-1", "projector-1", "reactor-1", "api-1", "edge"):
            self.assertRegex(status.stdout, rf"(?m)^{name} .* ready ")

    def test_2_tasks_run_on_it_without_being_told_where_it_is(self):
        self.assertEqual(self.task("parked", "list"), (0, "no stream is parked\n"))
        self.assertEqual(self.task("rebuild", "--list"), (0, "the read models were never rebuilt\n"))
        code, said = self.task("audit", "verify")
        self.assertEqual(code, 0, said)
        copy = FOLDER / "log" / "copy"  # a folder of the data's, so that it goes with them
        self.assertEqual(self.task("backup", copy, "--without-keys")[0], 0)
        self.assertEqual(self.task("restore", copy, "--check")[0], 0)
        elsewhere = subprocess.run([ROOT / "ops" / "parley", "backup", copy / "of" / "a" / "copy", "--without-keys"], env={**os.environ, "PARLEY_DATA": str(FOLDER)},
                                   capture_output=True, text=True, timeout=DEADLINE_SECONDS)
        self.assertEqual(elsewhere.returncode, 1)
        self.assertIn("is no folder: is its disk mounted?", elsewhere.stderr)
        self.assertFalse((copy / "of").exists())

    def task(self, *arguments):
        done = subprocess.run([ROOT / "ops" / "parley", *arguments], env={**os.environ, "PARLEY_DATA": str(FOLDER)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, timeout=DEADLINE_SECONDS)
        return done.returncode, done.stdout

    def test_3_a_second_one_on_the_same_data_or_ports_is_refused_and_said_why(self):
        again = command("run", "--port", str(PORT))
        self.assertEqual(again.returncode, Exit.IN_USE)
        self.assertIn("already runs", again.stderr)
        other = FOLDER.with_name("run-other")
        self.addCleanup(shutil.rmtree, other)
        taken = subprocess.run([ROOT / "ops" / "run", "--data", other, "--port", str(PORT)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=READY_SECONDS_MAX)
        self.assertEqual(taken.returncode, Exit.IN_USE)
        self.assertRegex(taken.stderr, r"port \d+ for .* cannot be used .*--port")

    def test_4_a_killed_process_is_started_again(self):
        decider = self.noted("decider-1")
        os.kill(decider["pid"], signal.SIGKILL)
        self.assertTrue(wait_for(lambda: self.noted("decider-1")["restarts"] == decider["restarts"] + 1 and self.noted("decider-1")["pid"], DEADLINE_SECONDS))
        self.assertTrue(wait_for(lambda: command("status").returncode == 0, DEADLINE_SECONDS))

    def test_5_keys_are_their_users_alone(self):
        self.assertEqual((FOLDER / "keys").stat().st_mode & 0o777, 0o600)

    def test_6_stop_ends_everything_and_a_second_start_finds_the_data(self):
        processes = read_state(FOLDER)["processes"]
        keys = (FOLDER / "keys").read_bytes()
        stopped = command("stop")
        self.assertEqual((stopped.returncode, stopped.stdout), (0, "parley: stopped\n"))
        self.assertEqual(self.run_command.process.wait(DEADLINE_SECONDS), 0)
        self.assertEqual([process["name"] for process in processes if runs(process)], [])
        self.assertEqual(command("status").returncode, 1)
        self.assertEqual(command("stop").returncode, 0)

        again = Run(FOLDER, PORT)
        again.wait_ready()
        self.assertEqual((FOLDER / "keys").read_bytes(), keys)
        self.assertEqual(again.end(), 0)

    def noted(self, name):
        return next(process for process in read_state(FOLDER)["processes"] if process["name"] == name)


if __name__ == "__main__":
    if not os.environ.get("PARLEY_BIN"):
        sys.exit(77)
    unittest.main()
