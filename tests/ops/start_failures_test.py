#!/usr/bin/python3
"""A start of ops/run that fails half-way: on a disk that fills up meanwhile, or with data whose break only its program sees. Needs PARLEY_BIN: the program is built."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from failures import Exit
from settings import ROOT

sys.path.append(str(ROOT / "tests" / "chaos"))
import disks  # noqa: E402

PORT = 16500
FOLDER = pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or "/tmp/parley-test") / "start-failures"
SECONDS_MAX = 300
SMALL_DISK_MB = 90  # more than a start asks for, less than PostgreSQL and Kafka fill


class StartFailures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(FOLDER, ignore_errors=True)
        cls.data = FOLDER / "data"
        cls.addClassCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
        with subprocess.Popen([ROOT / "ops" / "run", "--data", cls.data, "--port", str(PORT)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as run:
            deadline = threading.Timer(SECONDS_MAX, run.kill)
            deadline.start()
            is_ready = any("Parley is ready" in line for line in run.stdout)
            run.send_signal(signal.SIGINT)
            ended = run.wait()
            deadline.cancel()
        assert is_ready and ended == 0, "ops/run does not start at all"

    @contextlib.contextmanager
    def broken(self, name):
        """The file or folder of the data, to be broken; it is as it was afterwards."""
        path = self.data / name
        with tempfile.TemporaryDirectory(dir=FOLDER) as aside:
            subprocess.run(["cp", "-a", path, f"{aside}/kept"], check=True)
            try:
                yield path
            finally:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                subprocess.run(["cp", "-a", f"{aside}/kept", path], check=True)

    def assert_run_ends(self, data, code, *words):
        done = subprocess.run([ROOT / "ops" / "run", "--data", data, "--port", str(PORT)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX)
        *_, last = done.stderr.splitlines() or [""]
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertTrue(last.startswith("parley: "), done.stderr)
        for word in words:
            self.assertIn(str(word), last)
        self.assertFalse((data / "run.json").exists(), "it did not stop what it had started")

    def test_a_disk_that_fills_up_meanwhile(self):
        folder = FOLDER / "small"
        folder.mkdir()
        with disks.Disk(folder, SMALL_DISK_MB):
            self.assert_run_ends(folder, Exit.DISK_FULL, "no space is left", folder, "--data")

    def test_postgresqls_control_file_cut_off(self):
        with self.broken("postgres") as folder:
            os.truncate(folder / "global" / "pg_control", 10)
            self.assert_run_ends(self.data, Exit.FAULT, "postgres does not get ready", "pg_control", self.data / "log" / "postgres.log")

    def test_kafkas_data_of_another_node(self):
        with self.broken("kafka") as folder:
            file = folder / "meta.properties"
            file.write_text(file.read_text().replace("node.id=1", "node.id=2"))
            self.assert_run_ends(self.data, Exit.FAULT, "kafka does not get ready", "node", self.data / "log" / "kafka.log")

    def test_keys_that_are_none(self):
        with self.broken("keys") as file:
            file.write_text("none")
            self.assert_run_ends(self.data, Exit.FAULT, "parley keys", file)


if __name__ == "__main__":
    if not os.environ.get("PARLEY_BIN"):
        sys.exit(77)
    unittest.main(verbosity=2)
