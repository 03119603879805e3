#!/usr/bin/python3
"""The reader of the consumers' guide, as it stands there: it sees what the product's own export sees, once, also after it was killed."""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile

import contract
from settings import ROOT
from supervisor import wait_for

GUIDE = ROOT / "docs" / "events.md"
TIMEOUT_S = 60


def without_nulls(event):
    *about, data = event
    return *about, {name: value for name, value in data.items() if value is not None}


class EventsGuide(contract.ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.open_dialog(first_name="Ivan")
        cls.brokers = os.environ["PARLEY_TEST_KAFKA"]
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.program = cls.folder / "follow.py"
        cls.program.write_text(re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1])

    def command(self, database):
        return [sys.executable, self.program, self.brokers, self.folder / database, ROOT / "schemas" / "events"]

    def rows(self, database):
        with sqlite3.connect(self.folder / database) as connection:
            return {event: (stream, version, kind, time, json.loads(data)) for event, stream, version, kind, time, data in
                    connection.execute("SELECT id, stream, version, type, time, data FROM events")}

    def exported(self):
        done = subprocess.run([os.environ["PARLEY_BIN"], "audit", "export", "--kafka-brokers", self.brokers], capture_output=True, text=True, timeout=TIMEOUT_S,
                              check=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return {event["id"]: (event["subject"], event["sequence"], event["type"], event["time"], event["data"]) for event in events}

    def test_it_keeps_what_the_export_shows_and_nothing_twice(self):
        before = self.exported()
        for _ in range(2):
            subprocess.run(self.command("one.db"), check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)
        rows, after = self.rows("one.db"), self.exported()  # others write meanwhile
        self.assertGreater(len(before), 3)
        self.assertEqual(before.keys() - rows.keys(), set())
        for event, row in rows.items():
            self.assertEqual(without_nulls(row), without_nulls(after[event]))  # the export has null where the reader leaves out what is personal

    def test_killed_at_any_moment_it_goes_on_without_a_gap(self):
        for kept in (1, 200):
            running = subprocess.Popen(self.command("two.db"), stdout=subprocess.DEVNULL)
            wait_for(lambda: running.poll() is not None or (self.folder / "two.db").exists() and self.count("two.db") >= kept, TIMEOUT_S)
            running.kill()
            running.wait()
        subprocess.run(self.command("two.db"), check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)
        versions = {}
        for stream, version, *_ in self.rows("two.db").values():
            versions.setdefault(stream, []).append(version)
        for stream, those in versions.items():
            self.assertEqual(sorted(those), list(range(1, len(those) + 1)), stream)

    def count(self, database):
        try:
            with sqlite3.connect(self.folder / database) as connection:
                return connection.execute("SELECT count(*) FROM events").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


if __name__ == "__main__":
    contract.main()
