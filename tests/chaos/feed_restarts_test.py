#!/usr/bin/python3
"""The feed of an account over kill -9 of the API: every event once, in the order of its dialog, with PostgreSQL and, for a while, without it."""

import http.client
import json
import threading
import unittest

from one_dialog import OneDialog
from parley_system import System, settings_for_test
from supervisor import wait_for

WAIT_S = 60.0
ROUNDS = 3  # kills


class FeedRestarts(OneDialog):
    def test_it_has_each_event_once_over_kills_and_goes_on_live_without_postgresql(self):
        with System(settings_for_test("feed-restarts", port=13950)) as self.system:
            self.system.start(fresh=True)
            self.open_a_dialog()
            token = self.made("/api/auth/login", self.login, {}, 200)["access_token"]
            feed = Feed(self.system.settings.api_port(1), token)
            self.assertTrue(wait_for(lambda: feed.last, WAIT_S), feed.trouble)
            for number in range(ROUNDS):
                self.talk()
                talker = threading.Thread(target=self.talk)
                talker.start()
                self.system.kill("api-1")
                talker.join()
                self.system.wait_ready("api-1")
                self.say(f"killed {number + 1} times, {len(feed.texts)} messages seen over {feed.connections} connections")
            self.expect(feed)
            self.system.stop_process("postgres")
            self.talk()
            self.expect(feed)
            self.say("without PostgreSQL it goes on live")
            self.system.kill("api-1")
            self.talk()
            self.system.start_process("postgres")
            self.talk()
            self.expect(feed)
            self.assertGreater(feed.connections, ROUNDS)
            self.assertEqual(feed.resets, 0)
            feed.stop()

    def expect(self, feed):
        wait_for(lambda: feed.texts == self.texts, WAIT_S)
        self.assertEqual(feed.texts, self.texts)


class Feed:
    """A client that comes back with its last id."""

    def __init__(self, port, token):
        self.last, self.texts, self.connections, self.resets, self.trouble = "", [], 0, 0, None
        self._port, self._token, self._stopping = port, token, threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopping.set()

    def _follow(self):
        while not self._stopping.is_set():
            try:
                self._connect()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.trouble = error
                self._stopping.wait(0.1)

    def _connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Authorization": f"Bearer {self._token}", **({"Last-Event-ID": self.last} if self.last else {})}
        connection.request("GET", "/api/events", headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"{response.status}: {response.read()}")
        self.connections += 1
        identity = data = None
        while line := response.readline().decode():
            if line.startswith("id: "):
                identity = line[4:].strip()
            elif line.startswith("data: {"):
                data = json.loads(line[6:])
            elif line == "\n":
                if data and data["type"] == "dialog.message.created":
                    self.texts.append(data["message"]["text"])
                self.resets += bool(data) and data["type"] == "stream.reset"
                self.last = identity or self.last
                identity = data = None


if __name__ == "__main__":
    unittest.main(verbosity=2)
