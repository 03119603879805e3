#!/usr/bin/python3
"""Disks that fill up: PostgreSQL's, the deciders', Kafka's; and a broker that takes nothing. Who can go on goes on, who cannot says so and comes back by itself."""

import asyncio
import contextlib
import json
import re
import secrets
import time
import urllib.request

import data_folder
import disks
import postgres
import scenario
from demo.client import Base, Connection
from failures import OpsError
from parley_system import settings_for_test
from supervisor import wait_for

POSTGRES_MB, STATE_MB, KAFKA_MB = 160, 160, 256  # of the state 64 must stay free
REFUSED_MAX_S = 18.0  # a command is given up 10 s after it was sent, and answered after 12 s at most; the machine is busy
FILL_THE_LOG = "SELECT count(pg_logical_emit_message(false, 'parley', repeat('x', 1000000))) FROM generate_series(1, 400)"
RETRIES_MAX = 20  # of the projector within one step of a test: it waits up to 2 s between them


class FullDisks(scenario.Chaos):
    NAME, PORT = "full-disks", 14000
    COUNTS = {"deciders": 1, "projectors": 1, "apis": 1}

    @classmethod
    def setUpClass(cls):
        data = settings_for_test(f"chaos-{cls.NAME}", cls.PORT).data
        data_folder.lock(data).close()
        cls.disks = {}
        for name in ("postgres", "state", "kafka"):
            if (data / name).is_mount():  # of a test that was killed
                disks.unmount(data / name)
        data_folder.empty(data)
        for name, mb in (("postgres", POSTGRES_MB), ("state", STATE_MB), ("kafka", KAFKA_MB)):
            (data / name).mkdir()
            cls.disks[name] = cls.enterClassContext(disks.Disk(data / name, mb))
        super().setUpClass()

    @classmethod
    def start(cls):
        cls.system.start()  # it is fresh; the folders of the disks must stay

    def test_1_postgresqls_disk_is_full(self):
        def faults(load):
            load.wait_all_go_on()
            disk = self.disks["postgres"]
            with self.full(disk):
                scenario.wait_until(lambda: "53100" in self.ready_answer("projector-1")[1], "the projector to say that the disk is full")
                self.assertEqual(self.ready_answer("projector-1")[0], 503)
                retries = self.retries()
                load.wait_all_go_on()
                self.assert_pending(self.say_something())
                self.assertEqual(self.read().status, 200, "what is there can be read")
                load.wait_all_go_on()
                self.assertLess(self.retries() - retries, RETRIES_MAX, "the projector must not hurry")
                self.say("PostgreSQL's disk is full: the projector waits, writes are accepted, reads are answered")
                # Now the write-ahead log needs a new file: PostgreSQL itself goes down, perhaps again and again.
                with contextlib.suppress(OpsError):
                    postgres.query(self.system.settings, FILL_THE_LOG)
                scenario.wait_until(lambda: "PANIC" in self.system.log("postgres").read_text(), "PostgreSQL to give up")
                load.wait_all_go_on()
                self.assert_pending(self.say_something())
                self.say(f"its log has no room: PostgreSQL takes {'' if self.system.ready('postgres') else 'no '}connections, was started again "
                         f"{self.system.restarts('postgres')} times; writes are accepted")
            self.system.wait_ready()
            scenario.wait_until(lambda: self.say_something().headers.get("x-projection") is None, "writes to be readable again when they are answered")

        load = self.play(faults)
        self.assert_nothing_differs(load)
        self.assertEqual(self.system.restarts("projector-1"), 0, "the projector waits, it does not end")

    def test_2_the_deciders_disk_is_full(self):
        def faults(load):
            load.wait_all_go_on()
            with self.full(self.disks["state"]):
                self.system.kill("decider-1")  # what it has not written out is lost with it
                scenario.wait_until(lambda: re.search("cannot go on.*no space for state", self.system.log("decider-1").read_text()), "the decider to say why it ends")
                began = time.monotonic()
                answer = self.say_something(patience_s=0)
                if answer.status != 201:  # it may have managed to start and decide in memory
                    self.assertIn(answer.status, (503, 504))
                    self.assertLess(time.monotonic() - began, REFUSED_MAX_S)
                self.say(f"the deciders' disk is full: a message is answered {answer.status}, the decider was started again "
                         f"{self.system.restarts('decider-1')} times")
            self.system.wait_ready()
            load.wait_all_go_on()

        self.assert_nothing_differs(self.play(faults))

    def test_3_kafka_takes_nothing(self):
        def faults(load):
            load.wait_all_go_on()
            self.system.pause("kafka")
            try:
                self.assert_refused_in_time()
                self.assertEqual(self.read().status, 200, "what is there can be read")
            finally:
                self.system.resume("kafka")
            self.system.wait_ready()
            load.wait_all_go_on()

        self.assert_nothing_differs(self.play(faults))

    def test_4_kafkas_disk_is_full(self):
        def faults(load):
            load.wait_all_go_on()
            with self.full(self.disks["kafka"]):
                scenario.wait_until(lambda: self.system.restarts("kafka") > 0, "Kafka to end")
                self.assert_refused_in_time(or_undecided=True)  # it may take a command before it ends once more
                self.assertEqual(self.read().status, 200, "what is there can be read")
            self.system.wait_ready()
            load.wait_all_go_on()

        self.assert_nothing_differs(self.play(faults))

    @contextlib.contextmanager
    def full(self, disk):
        disk.fill()
        try:
            yield
        finally:
            disk.free()

    def setUp(self):
        self.base = Base.parse(self.system.url)
        if not hasattr(type(self), "dialog"):
            type(self).dialog = self.open_dialog()

    def open_dialog(self):
        """An owner, an assistant and a visitor's dialog of this test's own."""
        def post(path, body, headers=None):
            return self.accepted(path, body, headers or {}).json()

        account = post("/api/auth/register", {"email": f"{secrets.token_hex(8)}@example.com", "password": secrets.token_hex(8)})
        assistant = post("/api/assistants", {"name": "A"}, {"Authorization": f"Bearer {account['access_token']}"})
        dialog = post("/api/site/dialogs", {}, {"X-Site-Token": assistant["site_token"]})
        self.subjects |= {f"account/{account['user']['id']}", f"assistant/{assistant['id']}", f"dialog/{dialog['id']}"}
        return f"/api/site/dialogs/{dialog['id']}/messages", {"X-Site-Token": assistant["site_token"], "X-Guest-Id": dialog["guest_id"]}

    def exchange(self, method, path, headers, body=None):
        async def ask():
            connection = Connection(self.base)
            try:
                return await asyncio.wait_for(connection.exchange(method, path, headers, b"" if body is None else json.dumps(body).encode()), 30)
            finally:
                connection.close()
        return asyncio.run(ask())

    def accepted(self, path, body, headers, patience_s=scenario.WAIT_S):
        """The answer of a command; refusals are repeated with the same key, and the last one is returned when the patience is over."""
        headers = {**headers, "Idempotency-Key": secrets.token_hex(8)}
        answers = []

        def is_accepted():
            answers.append(self.exchange("POST", path, headers, body))
            return answers[-1].status // 100 == 2

        wait_for(is_accepted, patience_s)
        return answers[-1]

    def say_something(self, patience_s=scenario.WAIT_S):
        path, headers = self.dialog
        return self.accepted(path, {"text": "?"}, headers, patience_s)

    def read(self):
        path, headers = self.dialog
        return self.exchange("GET", path, headers)

    def assert_pending(self, answer):
        self.assertEqual((answer.status, answer.headers.get("x-projection")), (201, "pending"))

    def assert_refused_in_time(self, or_undecided=False):
        began = time.monotonic()
        answer = self.say_something(patience_s=0)
        took = time.monotonic() - began
        self.say(f"a message is answered {answer.status} after {took:.1f} s")
        if not (or_undecided and answer.status == 504):
            self.assertEqual((answer.status, answer.headers.get("retry-after")), (503, "1"))
        self.assertLess(took, REFUSED_MAX_S)

    def retries(self):
        with urllib.request.urlopen(f"{self.system.health_url('projector-1')}/metrics", timeout=scenario.PROBE_S) as answer:
            return float(re.search(rb"^parley_projector_retries_total (\S+)", answer.read(), re.MULTILINE)[1])


if __name__ == "__main__":
    scenario.main()
