#!/usr/bin/python3
"""An account changes its e-mail: of many who want the same one, one gets it, whatever is killed meanwhile; the one that it leaves is anybody's. On a
system of its own."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import secrets
import sys
import unittest

from parley_system import System, settings_for_test
from supervisor import wait_for

SKIPPED = 77
PORT = int(os.environ.get("PARLEY_TEST_EMAILS_PORT") or 15600)
PATIENCE_S = 60.0
PASSWORD = "correct horse"
PEOPLE, ADDRESSES = 6, 3


class Api:
    """One API process, asked past the edge."""

    def __init__(self, port):
        self._port = port

    def call(self, method, path, body=None, token=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {}), **({"Idempotency-Key": key} if key else {})}
        try:
            connection.request(method, path, "" if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def insist(self, method, path, body, token=None):
        """Asks under one key until there is an answer that stays."""
        key, answers = secrets.token_hex(8), []

        def answered():
            try:
                answers.append(self.call(method, path, body, token, key))
            except OSError:
                return False
            return answers[-1][0] < 500 and answers[-1][0] != 429
        if not wait_for(answered, PATIENCE_S):
            raise AssertionError(f"no answer to {path}, the last is {answers[-1:]}")
        return answers[-1]

    def register(self, email):
        return self.insist("POST", "/api/auth/register", {"email": email, "password": PASSWORD})

    def login(self, email, password=PASSWORD):
        return self.insist("POST", "/api/auth/login", {"email": email, "password": password})

    def change(self, token, email, password=PASSWORD):
        return self.insist("POST", "/api/users/me/email", {"email": email, "current_password": password}, token)

    def me(self, token):
        return self.call("GET", "/api/users/me", None, token)


def address():
    return f"{secrets.token_hex(8)}@example.com"


class Emails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = cls.enterClassContext(System(settings_for_test("emails", PORT, apis=2)))
        cls.system.start(fresh=True)
        cls.one, cls.other = (Api(cls.system.settings.api_port(number)) for number in (1, 2))

    def registered(self, api, email):
        status, answer = api.register(email)
        self.assertEqual(status, 201, answer)
        return answer["access_token"]

    def test_a_change_is_answered_when_it_is_so_everywhere_and_the_left_email_is_anybodys(self):
        old, new, next_one = address(), address(), address()
        token = self.registered(self.one, old)
        elsewhere = self.other.login(old)[1]["access_token"]
        status, answer = self.one.change(token, new)
        self.assertEqual((status, answer.get("email")), (200, new), answer)
        self.assertEqual(self.one.me(token)[1]["email"], new)
        self.assertEqual(self.one.me(elsewhere)[0], 401, "the other sessions are over")
        self.assertEqual(self.one.login(new)[0], 200)
        self.assertEqual(self.other.login(new)[0], 200)
        self.assertEqual(self.one.login(old)[0], 401)
        self.assertEqual(self.other.register(new)[1]["error"]["code"], "EMAIL_TAKEN")
        self.registered(self.other, old)
        self.assertEqual(self.one.change(token, old)[1]["error"]["code"], "EMAIL_TAKEN")
        self.assertEqual(self.one.me(token)[1]["email"], new)
        self.assertEqual(self.one.change(token, new)[0], 200, "to one's own")

        self.assertEqual(self.other.change(token, next_one)[0], 200)
        self.assertTrue(wait_for(lambda: self.one.register(new)[0] == 201, PATIENCE_S), "what was claimed once is released")
        self.assertEqual(self.one.login(next_one)[0], 200)

    def test_the_same_key_gets_the_same_answer(self):
        token, new, key = self.registered(self.one, address()), address(), secrets.token_hex(8)
        body = {"email": new, "current_password": PASSWORD}
        first = self.one.call("POST", "/api/users/me/email", body, token, key)
        self.assertEqual(first[0], 200, first)
        self.assertEqual(self.other.call("POST", "/api/users/me/email", body, token, key), first)
        self.assertEqual(self.other.call("POST", "/api/users/me/email", {**body, "email": address()}, token, key)[0], 422)

    def test_a_token_alone_changes_nothing(self):
        email = address()
        token = self.registered(self.one, email)
        status, answer = self.one.change(token, address(), "wrong horse")
        self.assertEqual((status, answer["error"]["details"]["field"]), (422, "current_password"), answer)
        self.assertEqual(self.one.me(token)[1]["email"], email)

    def test_of_many_who_want_one_email_one_gets_it_while_reactors_and_deciders_die(self):
        tokens = [[self.registered(self.one, address()) for _ in range(PEOPLE)] for _ in range(ADDRESSES)]
        wanted = [address() for _ in range(ADDRESSES)]
        with concurrent.futures.ThreadPoolExecutor(ADDRESSES * (PEOPLE + 1)) as pool:
            asked = [[pool.submit((self.one, self.other)[n % 2].change, token, email) for n, token in enumerate(people)]
                     + [pool.submit(self.other.register, email)] for email, people in zip(wanted, tokens)]
            for name in ("reactor-1", "decider-1", "reactor-1"):
                self.system.kill(name)
            answers = [[one.result() for one in those] for those in asked]
        for email, those in zip(wanted, answers):
            self.assertEqual(sorted(status for status, _ in those)[1:], [409] * PEOPLE, those)
            self.assertEqual({answer["error"]["code"] for status, answer in those if status == 409}, {"EMAIL_TAKEN"})
            self.assertEqual(self.one.login(email)[0], 200)
        self.system.wait_ready()


if __name__ == "__main__":
    if not pathlib.Path(os.environ.get("PARLEY_BIN", "")).is_file():
        print("no parley executable: skipped")
        sys.exit(SKIPPED)
    unittest.main()
