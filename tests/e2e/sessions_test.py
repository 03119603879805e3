#!/usr/bin/python3
"""A session that ends is over in every API, whichever was asked, without PostgreSQL, after starts; so is an API key that is revoked; keys of tokens change under
way. On a system of its own."""

import base64
import http.client
import os
import pathlib
import secrets
import subprocess
import sys
import time
import unittest

from demo.log import Log
from one_api import OneApi
from parley_system import System, settings_for_test

SKIPPED = 77
PORT = int(os.environ.get("PARLEY_TEST_SESSIONS_PORT") or 15400)
SOON_S = 1.0
PATIENCE_S = 30.0
PASSWORD = "correct horse"


class Api(OneApi):
    def register(self, email):
        status, answer = self.call("POST", "/api/auth/register", {"email": email, "password": PASSWORD})
        assert status == 201, answer
        return answer["access_token"]

    def login(self, email):
        status, answer = self.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
        assert status == 200, answer
        return answer["access_token"]

    def make_key(self, token):
        status, answer = self.call("POST", "/api/api-keys", {"name": "A program", "scopes": ["dialogs:read", "dialogs:write"]}, token)
        assert status == 201, answer
        return answer

    def revoke(self, token, key):
        return self.call("DELETE", f"/api/api-keys/{key['id']}", None, token)[0]

    def logout(self, token):
        return self.call("POST", "/api/auth/logout", None, token)[0]

    def lets_in(self, token):
        """By a command, which needs no PostgreSQL; one that is refused whoever may come in."""
        status, answer = self.call("POST", "/api/dialogs/9007199254739968/messages", {"text": "a"}, token)
        assert status in (401, 404), (status, answer)
        return status == 404


class Follower:
    """A program that follows everything in its owner's account."""

    def __init__(self, port, key):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {key}"})
        self._stream = self._connection.getresponse()
        assert self._stream.status == 200, self._stream.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()
        self._connection.close()

    def last_frame(self):
        deadline, last = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < deadline and (line := self._stream.readline().decode()):
            last = line.strip() or last
        return last


class Sessions(unittest.TestCase):
    def test_sessions_that_end_and_keys_that_are_revoked_open_nothing_anywhere(self):
        with System(settings_for_test("sessions", PORT, apis=2)) as system:
            system.start(fresh=True)
            one, other = (Api(system.settings.api_port(number), PATIENCE_S) for number in (1, 2))
            email = f"{secrets.token_hex(8)}@example.com"
            first = one.register(email)
            second = one.login(email)
            self.assertTrue(all(api.lets_in(token) for api in (one, other) for token in (first, second)))
            key, kept = (one.make_key(second) for _ in range(2))
            self.assertTrue(other.lets_in(key["key"]), "as soon as it is there")

            system.stop_process("postgres")
            self.assertEqual(one.logout(first), 204)
            self.assertFalse(one.lets_in(first))
            self.assert_soon_refused(other, first)
            self.assertTrue(other.lets_in(second), "no other session ends")
            with Follower(system.settings.api_port(2), key["key"]) as follower:
                self.assertEqual(one.revoke(second, key), 204)
                self.assertFalse(one.lets_in(key["key"]))
                self.assert_soon_refused(other, key["key"])
                self.assertIn("NOT_AUTHENTICATED", follower.last_frame())
            made = one.make_key(second)
            self.assertTrue(other.lets_in(made["key"]), "without PostgreSQL too")
            self.assertTrue(other.lets_in(kept["key"]), "no other key ends")
            for name in ("api-2", "decider-1"):
                system.kill(name)
            system.start_process("postgres")
            system.wait_ready()
            self.assertFalse(other.lets_in(first) or other.lets_in(key["key"]), "after a start")
            self.assertTrue(other.lets_in(kept["key"]))
            self.assertTrue(other.lets_in(second))

            # A key that is added verifies everywhere before it signs anywhere.
            keys = ["keys", "--keys-file", str(system.settings.keys_file)]
            system.task("keys", "--add-token-key")
            listed = subprocess.run([system.settings.binary, *keys], stdout=subprocess.PIPE, text=True, check=True).stdout
            added = listed.split()[-1]
            for name in ("api-1", "api-2"):
                system.restart(name)
            system.task("keys", "--sign-with", added)
            system.restart("api-1")
            third = one.login(email)
            self.assertIn(added, header_of(third))
            for api in (one, other):
                self.assertTrue(api.lets_in(second) and api.lets_in(third), "nobody was logged out")
                self.assertFalse(api.lets_in(first))
            self.assert_nowhere(system, [that["key"] for that in (key, kept, made)])

    def assert_nowhere(self, system, keys):
        """In no topic, in clear."""
        for topic in ("commands", "events", "replies", "directory"):
            log = Log(system.settings.kafka_brokers, f"parley.{topic}", {}, from_beginning=True)
            records = list(log.read(PATIENCE_S))
            self.assertTrue(records, topic)
            for record in records:
                text = b" ".join((record.key or b"", *(value or b"" for value in record.headers.values()), record.value or b""))
                self.assertFalse([key for key in keys if key.encode() in text or key.removeprefix("prl_").encode() in text], topic)

    def assert_soon_refused(self, api, token):
        deadline = time.monotonic() + SOON_S
        while api.lets_in(token) and time.monotonic() < deadline:
            pass
        self.assertFalse(api.lets_in(token))


def header_of(token):
    head = token.split(".")[0]
    return base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode()


if __name__ == "__main__":
    if not pathlib.Path(os.environ.get("PARLEY_BIN", "/nowhere")).exists():
        print("PARLEY_BIN is not there: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
