#!/usr/bin/python3
"""`parley rebuild` while people write, read and watch: no read fails or goes back in time, every write is acknowledged; and killed at any moment it
leaves everything as it was."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import threading
import time

import psycopg2
import scenario
from demo.client import Base, BrokenConnection, Client, Connection
from demo.replay import Owner
from load import Commands, PATIENCE_S

SWITCHES = 4 if scenario.LONG else 2
# Killed at most so long after it has said that it begins this. The switch is in the last of them.
KILLS = [("preparing", 0.1), ("folding", 0.2), ("comparing", 0.0), ("catching up", 0.1), ("catching up", 0.6), ("catching up", 0.6)]
AUTHORS, READERS_EACH = 3, 2
MESSAGES_MAX = 800  # a read shows 1,000


class Rebuild(scenario.Chaos):
    NAME, PORT = "rebuild", 15700
    COUNTS = {"deciders": 1, "projectors": 2, "apis": 2}

    def test_nobody_notices_a_switch_and_a_kill_leaves_everything_as_it_was(self):
        def faults(load):
            load.wait_all_go_on()
            with Readers(self.system.url) as readers:
                for _ in range(SWITCHES):
                    self.switch()
                    load.wait_all_go_on()
                for step, after_s_max in KILLS:
                    self.kill_at(step, self.random.uniform(0, after_s_max))
                    load.wait_all_go_on()
                self.switch()
                load.wait_all_go_on()
            self.subjects |= readers.subjects
            self.say(readers.figures())
            self.assertEqual(readers.faults[:scenario.FAULTS_SHOWN_MAX], [])

        load = self.play(faults)
        attempts = [attempt["outcome"] for command in load.commands for attempt in command.attempts]
        self.assertEqual([outcome for outcome in attempts if outcome not in (200, 201)], [], "what the load asked was answered at once")
        self.assert_nothing_differs(load)
        kept = json.loads(self.system.task("rebuild", "--list", "--json"))["certificates"]
        self.assertGreaterEqual(len([one for one in kept if one["outcome"] == "switched"]), SWITCHES + 1)
        for name in self.names("decider", "projector", "api"):
            self.assertEqual(self.system.restarts(name), 0, name)

    def switch(self):
        certificate = json.loads(self.system.task("rebuild", "--json"))
        self.assertEqual((certificate["outcome"], certificate["differences"]), ("switched", []))
        self.assertEqual(self.generations(), ["parley"], certificate["notes"])
        self.say(f"switched: {certificate['events']} events in {certificate['seconds']:.1f} s, the projector held for "
                 f"{certificate['writers_held_ms']:.0f} ms, reads for {certificate['readers_held_ms']:.0f} ms; {certificate['notes']}")

    def kill_at(self, step, after_s):
        command = [self.system.settings.binary, "rebuild"]
        with subprocess.Popen(command, env={**os.environ, **self.system.environment()}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as rebuild:
            for line in rebuild.stderr:
                if line.startswith(step):
                    break
            with contextlib.suppress(subprocess.TimeoutExpired):
                rebuild.wait(after_s)
            rebuild.kill()
        self.say(f"killed {after_s:.2f} s after {step!r}; there are {self.generations()}")

    def generations(self):
        with contextlib.closing(psycopg2.connect(self.system.settings.postgres)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'parley%' ORDER BY 1")
            return [name for name, in cursor.fetchall()]


class Readers:
    """Authors, each of a dialog of its own, and readers of these dialogs that remember what they have seen."""

    def __init__(self, url):
        self._base = Base.parse(url)
        self._stopping = False
        self.faults = []
        self.subjects = set()
        self.reads = self.writes = self.pending = 0
        self.slowest_s = 0.0

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()

    def figures(self):
        return f"{self.reads} reads, {self.writes} writes ({self.pending} pending), the slowest answer after {self.slowest_s * 1000:.0f} ms"

    async def _run(self):
        client = Client(self._base, PATIENCE_S, Commands(), {"repeated": 0})
        key = secrets.token_hex(8)
        account = (await client.post("/api/auth/register", {"email": f"{key}@example.com", "password": secrets.token_urlsafe(12)}, {},
                                     f"{key}-register")).json()
        token = account["access_token"]
        assistant = (await client.post("/api/assistants", {"name": "A"}, {"Authorization": f"Bearer {token}"}, f"{key}-assistant")).json()
        client.close()
        owner = Owner(account["user"]["id"], token, assistant["id"], assistant["site_token"])
        self.subjects |= {f"account/{owner.account_id}", f"assistant/{owner.assistant_id}"}
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AUTHORS):
                    group.create_task(self._author(owner))
        except ExceptionGroup as errors:
            self.faults.append(f"somebody ended: {errors.exceptions}")

    async def _author(self, owner):
        while not self._stopping:
            connection = Connection(self._base)
            dialog = (await self._ask(connection, "POST", "/api/site/dialogs", owner.visitor_headers(), {})).json()
            self.subjects.add(f"dialog/{dialog['id']}")
            readable = []  # ids of messages that were acknowledged as readable, in order
            ended = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for number in range(READERS_EACH):
                    group.create_task(self._reader(owner, dialog["id"], readable, ended, by_list=number % 2 == 1))
                for number in range(MESSAGES_MAX):
                    if self._stopping:
                        break
                    answer = await self._ask(connection, "POST", f"/api/site/dialogs/{dialog['id']}/messages",
                                             owner.visitor_headers(dialog["guest_id"]), {"text": str(number + 1)})
                    self.writes += 1
                    if "x-projection" in answer.headers:
                        self.pending += 1
                    else:
                        readable.append(answer.json()["id"])
                ended.set()
            connection.close()

    async def _reader(self, owner, dialog, readable, ended, by_list):
        connection = Connection(self._base)
        most = 0
        while not ended.is_set():
            wanted = readable[:]
            if by_list:
                answer = await self._ask(connection, "GET", "/api/dialogs?limit=100", owner.headers())
                last = next((one["last_message"] for one in answer.json()["dialogs"] if one["id"] == dialog), None)
                count = int(last or 0)
            else:
                answer = await self._ask(connection, "GET", f"/api/dialogs/{dialog}/messages", owner.headers())
                ids = [message["id"] for message in answer.json()["messages"]]
                count = len(ids)
                if missing := set(wanted) - set(ids):
                    self.faults.append(f"dialog/{dialog}: {len(missing)} of {len(wanted)} acknowledged messages are not there")
                if ids != sorted(ids):
                    self.faults.append(f"dialog/{dialog}: another order")
            if count < max(most, len(wanted)):
                self.faults.append(f"dialog/{dialog}: {count} messages where {most} were seen and {len(wanted)} acknowledged")
            most = max(most, count)
            self.reads += 1
        connection.close()

    async def _ask(self, connection, method, path, headers, body=None):
        """Asks once: everything must be answered."""
        began = time.monotonic()
        if method == "POST":
            headers = {**headers, "Idempotency-Key": secrets.token_hex(8)}
        try:
            answer = await connection.exchange(method, path, headers, b"" if body is None else json.dumps(body).encode())
        except (OSError, BrokenConnection, asyncio.TimeoutError) as error:
            raise AssertionError(f"{method} {path}: {error!r}") from None
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        if answer.status not in (200, 201):
            raise AssertionError(f"{method} {path} was answered {answer.status}: {answer.body[:200]}")
        return answer


if __name__ == "__main__":
    scenario.main()
