#!/usr/bin/python3
"""The supervisor that ops/run and ops/test rest on, with small programs in place of servers."""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import supervisor
from supervisor import Command, Supervisor, wait_for

DEADLINE_SECONDS = 20
IGNORES_SIGTERM = "trap '' TERM; echo up; while :; do read -t 1 < <(:); done"
LEAVES_WITHOUT_STOPPING = """
import sys, pathlib
from supervisor import Command, Supervisor, wait_for
log = pathlib.Path(sys.argv[1])
kept = Supervisor(announce=lambda line: None)
kept.add(Command(name="child", arguments=["sleep", "1000"], log=log, ready=lambda: True))
kept.start("child")
wait_for(lambda: kept.process("child").pid, 10)
print(kept.process("child").pid, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.lines = []
        self.supervisor = Supervisor(announce=self.lines.append)
        self.addCleanup(self.end)

    def end(self):
        self.supervisor.stop(self.supervisor.names())
        self.supervisor.close()

    def add(self, name, *arguments, **others):
        self.supervisor.add(Command(name=name, arguments=arguments, log=pathlib.Path(self.folder.name) / f"{name}.log", ready=lambda: True, **others))
        self.supervisor.start(name)
        return self.supervisor.process(name)

    def until(self, condition):
        self.assertTrue(wait_for(condition, DEADLINE_SECONDS))

    def test_a_killed_process_is_started_again_at_once_and_said_so(self):
        process = self.add("server", "sleep", "1000")
        self.until(lambda: process.pid)
        first = process.pid
        self.supervisor.signal("server", signal.SIGKILL)
        self.until(lambda: process.pid not in (None, first))
        self.assertEqual(process.restarts, 1)
        self.assertIn("server ended (SIGKILL), started again in 0 s", self.lines[0])

    def test_one_that_crashes_at_once_waits_longer_each_time(self):
        process = self.add("server", "false")
        self.until(lambda: process.crashes == 3)
        self.assertEqual([line.split("started again in ")[1].split(" s")[0] for line in self.lines], ["0", "0.5", "1"])

    def test_a_stopped_process_stays_away(self):
        process = self.add("server", "sleep", "1000")
        self.until(lambda: process.pid)
        self.supervisor.stop(["server"])
        self.assertIsNone(process.pid)
        self.assertEqual(process.restarts, 0)

    def test_one_that_was_paused_can_be_stopped(self):
        process = self.add("server", "sleep", "1000")
        self.until(lambda: process.pid)
        self.supervisor.signal("server", signal.SIGSTOP)
        self.supervisor.stop(["server"])
        self.assertEqual(process.last_exit, -signal.SIGTERM)

    def test_one_that_does_not_end_is_killed_after_its_time(self):
        process = self.add("server", "bash", "-c", IGNORES_SIGTERM, stop_seconds=0.2)
        self.until(lambda: process.command.log.exists() and process.command.log.read_text())
        self.supervisor.stop(["server"])
        self.assertEqual(process.last_exit, -signal.SIGKILL)

    def test_a_full_disk_does_not_end_the_supervision(self):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        told = []

        def announce(line):
            raise full

        def changed():
            told.append(is_full)
            if is_full:
                raise full

        is_full = True
        self.supervisor.close()
        self.supervisor = Supervisor(announce, changed)
        process = self.add("server", "sleep", "1000")
        self.until(lambda: process.pid)
        first = process.pid
        self.supervisor.signal("server", signal.SIGKILL)
        self.until(lambda: process.pid not in (None, first))
        self.until(lambda: len(told) > 2)
        is_full = False
        self.until(lambda: not told[-1])

    def test_what_cannot_even_be_started_is_tried_again(self):
        in_the_way = pathlib.Path(self.folder.name) / "no-folder"
        in_the_way.write_text("")
        self.supervisor.add(Command(name="server", arguments=["sleep", "1000"], log=in_the_way / "server.log", ready=lambda: True))
        self.supervisor.start("server")
        process = self.supervisor.process("server")
        self.until(lambda: process.crashes == 1)
        self.assertIn("server cannot be started", self.lines[0])
        in_the_way.unlink()
        self.until(lambda: process.pid)

    def test_nothing_outlives_a_killed_supervisor(self):
        left = subprocess.run([sys.executable, "-c", LEAVES_WITHOUT_STOPPING, f"{self.folder.name}/log"], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(pathlib.Path(supervisor.__file__).parent)}, timeout=DEADLINE_SECONDS)
        child = int(left.stdout)
        self.until(lambda: not pathlib.Path(f"/proc/{child}/stat").exists() or ") Z " in pathlib.Path(f"/proc/{child}/stat").read_text())

    def test_a_child_whose_parent_ended_before_it_could_be_told_of_it_runs_nothing(self):
        log = pathlib.Path(self.folder.name) / "child.log"
        with unittest.mock.patch("os.getpid", return_value=1 << 30):  # the parent is this process, not that one
            child = supervisor.spawn(Command(name="child", arguments=["echo", "ran"], log=log, ready=lambda: True))
        self.assertNotEqual(child.wait(DEADLINE_SECONDS), 0)
        self.assertEqual(log.read_text(), "")

    def test_a_large_log_is_put_aside_and_only_so_many_are_kept(self):
        log = pathlib.Path(self.folder.name) / "x.log"
        for number in range(supervisor.LOGS_KEPT + 2):
            log.write_bytes(b"%d" % number + b" " * supervisor.LOG_BYTES_MAX)
            supervisor.rotate(log)
        kept = sorted(path.name for path in log.parent.glob("x.log*"))
        self.assertEqual(kept, ["x.log.1", "x.log.2", "x.log.3"])
        self.assertEqual((log.parent / "x.log.1").read_bytes()[:1], b"%d" % (supervisor.LOGS_KEPT + 1))


if __name__ == "__main__":
    unittest.main()
