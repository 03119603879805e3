#!/usr/bin/python3
"""A 500 says nothing to whoever asked, and its cause to the log, under the id of the request; no text of a person stands there."""

import json
import os
import pathlib
import secrets
import sys
import unittest
import urllib.error
import urllib.request

import postgres
from one_dialog import OneDialog
from parley_system import System, settings_for_test
from supervisor import wait_for

PORT = 15600
SKIPPED = 77
WAIT_S = 60.0


class Causes(OneDialog):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.enterClassContext(System(settings_for_test("causes", PORT), cls.say))
        cls.system.start(fresh=True)

    def test_a_statement_that_postgresql_refuses_is_logged_with_its_state_and_without_its_values(self):
        self.open_a_dialog()
        self.talk()
        self.wait_read()
        request, word = "cause-" + secrets.token_hex(8), "personal-" + secrets.token_hex(8)
        # A database that is not the one that this build was made for: every query of messages is refused.
        self.query("ALTER TABLE messages RENAME COLUMN text TO said")
        self.assertEqual(self.status_of(self.messages + "?after=0&limit=7", {**self.guest, "X-Request-Id": request, "X-Word": word}), 500)
        line = self.cause_of(request)
        self.query("ALTER TABLE messages RENAME COLUMN said TO text")
        self.assertEqual(line["level"], "error")
        self.assertEqual(line["route"], "/api/site/dialogs/{dialog_id}/messages")
        for part in ("PostgreSQL: rejected: 42703", " in: "):
            self.assertIn(part, line["cause"])
        log = self.log().read_text()
        for text in (word, self.guest["X-Guest-Id"]):
            self.assertNotIn(text, log)
        self.wait_read()

    def query(self, sql):
        postgres.query(self.system.settings, "SET search_path = parley; " + sql, database="parley")

    def log(self):
        return self.system.settings.data / "log" / "api-1.log"

    def status_of(self, path, headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.system.settings.api_port(1)}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            body = json.load(error)
            self.assertNotIn("cause", json.dumps(body))
            return error.code

    def cause_of(self, request):
        def lines():
            found = (json.loads(line) for line in self.log().read_bytes().decode("utf-8", "strict").splitlines() if request in line)
            return [line for line in found if "cause" in line]

        self.assertTrue(wait_for(lines, WAIT_S), f"no cause of {request}")
        self.assertEqual(len(lines()), 1, lines())
        return lines()[0]


if __name__ == "__main__":
    if os.environ.get("PARLEY_BIN") and not pathlib.Path(os.environ["PARLEY_BIN"]).exists():
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
