#!/usr/bin/python3
"""ops/logs finds every line of a request, whichever process wrote it."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

LOGS = pathlib.Path(__file__).resolve().parents[2] / "ops" / "logs"


class Logs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name)
        (self.data / "log").mkdir()

    def write(self, name, *lines):
        (self.data / "log" / name).write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))

    def logs(self, *arguments):
        return subprocess.run([LOGS, "--data", self.data, *arguments], capture_output=True, text=True, env={**os.environ, "LANG": "C.UTF-8"})

    def test_lines_of_all_processes_come_in_the_order_of_time(self):
        self.write("decider-1.log", {"time": "2026-11-30T10:00:00.002Z", "level": "info", "message": "command", "correlation_id": "r1", "outcome": "accepted"},
                   {"time": "2026-11-30T10:00:00.004Z", "level": "info", "message": "command", "correlation_id": "r2"})
        self.write("api-1.log", {"time": "2026-11-30T10:00:00.003Z", "level": "error", "message": "answered", "correlation_id": "r1", "status": 201}, "no JSON: r1")
        self.write("edge-access.log.1", {"time": "2026-11-30T10:00:00.001Z", "request_id": "r1", "path": "/api/events"})
        done = self.logs("r1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["edge-access", "decider-1", "api-1"])
        self.assertIn("outcome=accepted", lines[1])
        self.assertIn("ERROR answered  status=201", lines[2])
        self.assertEqual(json.loads(self.logs("r2", "--json").stdout.split(": ", 1)[1])["correlation_id"], "r2")

    def test_an_id_that_no_line_names_and_a_folder_that_has_no_logs_are_said(self):
        self.write("api-1.log", {"time": "t", "correlation_id": "r1"})
        done = self.logs("r9")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no line in", done.stderr)
        (self.data / "log" / "api-1.log").unlink()
        (self.data / "log").rmdir()
        self.assertIn("is not a folder of logs", self.logs("r1").stderr)


if __name__ == "__main__":
    unittest.main()
