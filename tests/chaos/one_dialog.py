"""One owner, one dialog, and what was said in it: for tests of a system that is taken apart and put together again."""

import itertools
import json
import secrets
import time
import unittest
import urllib.error
import urllib.request

from parley_system import ready_answer
from supervisor import wait_for

WAIT_S = 60.0
LINES = 5  # messages at a time


class OneDialog(unittest.TestCase):
    """Subclasses make a `system` with one of each process."""

    @classmethod
    def setUpClass(cls):
        cls.began = time.monotonic()

    @classmethod
    def say(cls, line):
        print(f"{time.monotonic() - cls.began:6.1f} {line}", flush=True)

    def ready(self, name):
        """(status, what it says) of a process's /readyz."""
        role, _, number = name.partition("-")
        return ready_answer(self.system.settings.health_port(role, int(number)))

    def open_a_dialog(self):
        self.texts, self.numbers = [], itertools.count(1)
        self.login = {"email": "owner@example.com", "password": secrets.token_hex(8)}
        account = self.made("/api/auth/register", self.login, {})
        assistant = self.made("/api/assistants", {"name": "A"}, {"Authorization": f"Bearer {account['access_token']}"})
        self.site = {"X-Site-Token": assistant["site_token"]}
        dialog = self.made("/api/site/dialogs", {}, self.site)
        self.messages = f"/api/site/dialogs/{dialog['id']}/messages"
        self.guest = {**self.site, "X-Guest-Id": dialog["guest_id"]}

    def talk(self):
        for _ in range(LINES):
            text = str(next(self.numbers))
            self.made(self.messages, {"text": text}, self.guest)
            self.texts.append(text)

    def wait_read(self):
        def read():
            status, answer = self.request("GET", self.messages, None, self.guest)
            self.seen = [message["text"] for message in answer["messages"]] if status == 200 else status
            return self.seen == self.texts

        if not wait_for(read, WAIT_S):
            self.fail(f"{self.seen} is read and not {self.texts}")

    def made(self, path, body, headers, success=201):
        """Repeated with the same key until it is answered, as clients do."""
        key = secrets.token_hex(8)

        def answered():
            self.answer = self.post(path, body, {**headers, "Idempotency-Key": key})
            return self.answer[0] == success

        self.assertTrue(wait_for(answered, WAIT_S), f"{path}: {getattr(self, 'answer', None)}")
        return self.answer[1]

    def post(self, path, body, headers):
        return self.request("POST", path, body, headers)

    def request(self, method, path, body, headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.system.settings.api_port(1)}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError as error:
            return 0, str(error)

