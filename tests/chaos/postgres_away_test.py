#!/usr/bin/python3
"""PostgreSQL away for a while: messages are accepted, decided and streamed meanwhile; afterwards reads show everything."""

import asyncio
import re
import secrets
import time
import urllib.request

import scenario
from demo.client import Base, Client, Connection
from demo.replay import Owner
from demo.stream import Subscriber
from load import Commands, PATIENCE_S

AWAY_S = 60 if scenario.LONG else 20
STREAMED_S = 5.0
NOTICED_S = 10.0
BEFORE = 3  # messages


class PostgresAway(scenario.Chaos):
    NAME, PORT = "postgres-away", 13600

    def test_writes_streams_and_logins_go_on_and_reads_catch_up(self):
        def faults(load):
            load.wait_all_go_on()
            asyncio.run(Outage(self, load).run())
            self.system.wait_ready()
            load.wait_all_go_on()

        load = self.play(faults)
        self.assert_nothing_differs(load)

    def tearDown(self):
        for name in self.names("decider", "projector", "api"):
            self.assertEqual(self.system.restarts(name), 0, f"{name} must wait for PostgreSQL, not end")


class Outage:
    """One visitor, one owner and their streams, beside the load, through the time without PostgreSQL."""

    def __init__(self, test, load):
        self._test, self._system, self._load = test, test.system, load
        self._base = Base.parse(self._system.url)
        self._counters = {"repeated": 0, "reconnected": 0, "reset": 0, "delayed": 0}
        self._client = Client(self._base, PATIENCE_S, Commands(), self._counters)
        self._password = secrets.token_urlsafe(12)

    async def run(self):
        owner = await self._newcomer("before")
        dialog = await self._open_dialog(owner)
        said = [await self._say(owner, dialog) for _ in range(BEFORE)]
        live = self._stream(owner, dialog)
        self._test.assertTrue(await live.open(STREAMED_S), "the stream before the outage")
        self._test.assertTrue(await live.received(BEFORE, STREAMED_S))

        await asyncio.to_thread(self._system.stop_process, "postgres")
        away_at, away_since = time.time(), time.monotonic()
        await asyncio.to_thread(self._check_health)
        said += [await self._say(owner, dialog, pending=True) for _ in range(BEFORE)]
        self._test.assertTrue(await live.received(len(said), STREAMED_S), "streamed live while PostgreSQL is away")
        resumed = self._stream(owner, dialog, last_id=1 + BEFORE)
        self._test.assertTrue(await resumed.open(STREAMED_S), "a stream that resumes meanwhile is opened")
        self._test.assertTrue(await resumed.received(BEFORE, STREAMED_S), "the hub has what came after the projection stopped")
        delayed = self._counters["delayed"]
        from_start = self._stream(owner, dialog)
        self._test.assertTrue(await from_start.open(STREAMED_S), "a stream from the beginning is opened meanwhile")
        whole = await from_start.received(len(said), STREAMED_S)
        self._test.assertTrue(whole or (self._counters["delayed"] > delayed and not from_start.messages), "all of it, or delayed and nothing of it")
        await self._check_reads(owner, dialog)
        await self._newcomer_at_work()
        await self._log_in()
        while time.monotonic() < away_since + AWAY_S:
            await asyncio.to_thread(self._load.wait_all_go_on)
        said.append(await self._say(owner, dialog, pending=True))
        self._test.assertGreater(await asyncio.to_thread(self._behind), AWAY_S - NOTICED_S, "the metrics say how old what waits is")
        back_at = time.time()
        self._test.say(f"PostgreSQL was away for {time.monotonic() - away_since:.0f} s; a stream from the beginning was "
                       f"{'served' if whole else 'delayed'} meanwhile")
        await asyncio.to_thread(self._system.start_process, "postgres")

        expected = [message["id"] for message in said]
        for stream in (live, from_start):
            await stream.received(len(said), scenario.WAIT_S)
            self._test.assertEqual([message["id"] for _, message in stream.messages], expected)
        await resumed.received(1 + BEFORE, scenario.WAIT_S)
        self._test.assertEqual([message["id"] for _, message in resumed.messages], expected[BEFORE:])
        for stream in (live, resumed, from_start):
            self._test.assertEqual((stream.faults, stream.refused), ([], None))
            await stream.close()
        self._test.assertEqual(self._counters["reset"], 0)
        await asyncio.to_thread(scenario.wait_until, lambda: self._behind() < NOTICED_S, "reads to be as new as the log")
        self._check_marks(away_at, back_at)
        self._client.close()

    def _check_health(self):
        test = self._test
        for name in test.names("projector"):
            scenario.wait_until(lambda: test.ready_answer(name)[0] == 503, f"{name} to be not ready", NOTICED_S)
        for name in test.names("api"):
            scenario.wait_until(lambda: "degraded" in test.ready_answer(name)[1], f"{name} to say that it is degraded", NOTICED_S)
            test.assertEqual(test.ready_answer(name)[0], 200, name)
        for name in test.names("decider"):
            test.assertEqual(test.ready_answer(name)[0], 200, name)

    def _behind(self):
        """Seconds, of the partition that is behind most."""
        texts = [urllib.request.urlopen(f"{self._system.health_url(name)}/metrics", timeout=scenario.PROBE_S).read().decode()
                 for name in self._test.names("projector")]
        return max(float(value) for text in texts for value in re.findall(r"^parley_projector_lag_seconds\{.*\} (\S+)$", text, re.MULTILINE))

    async def _check_reads(self, owner, dialog):
        """A read says soon that it cannot be answered now."""
        connection = Connection(self._base)
        began = time.monotonic()
        answer = await connection.exchange("GET", f"/api/dialogs/{dialog['id']}/messages", owner.headers())
        connection.close()
        self._test.assertEqual((answer.status, answer.json()["error"]["code"]), (503, "UNAVAILABLE"))
        self._test.assertIn("retry-after", answer.headers)
        self._test.assertLess(time.monotonic() - began, NOTICED_S)

    def _check_marks(self, away_at, back_at):
        """What was answered when the projection had stood still for long enough says so."""
        meanwhile = [command for command in self._load.commands if command.status == 201
                     and command.attempts[-1]["at"] - command.attempts[-1]["ms"] / 1000 > away_at + 1 and command.attempts[-1]["at"] < back_at]
        unmarked = [command for command in meanwhile if command.headers.get("x-projection") != "pending"]
        self._test.say(f"{len(meanwhile)} commands of the load were acknowledged meanwhile, all marked as pending")
        self._test.assertGreater(len(meanwhile), 0)
        self._test.assertEqual([(command.path, command.attempts, command.headers) for command in unmarked[:3]], [])

    async def _newcomer_at_work(self):
        """Register, an assistant, a visitor's dialog, its stream: nothing of it needs PostgreSQL."""
        owner = await self._newcomer("meanwhile")
        dialog = await self._open_dialog(owner)
        said = await self._say(owner, dialog)
        stream = self._stream(owner, dialog)
        self._test.assertTrue(await stream.open(STREAMED_S) and await stream.received(1, STREAMED_S), "a new dialog's stream")
        self._test.assertEqual([(version, message["id"]) for version, message in stream.messages], [(2, said["id"])])
        await stream.close()

    async def _newcomer(self, when):
        key = secrets.token_hex(8)
        self._email = f"{when}-{key}@example.com"
        account = (await self._client.post("/api/auth/register", {"email": self._email, "password": self._password}, {}, f"{key}-register")).json()
        token = account["access_token"]
        assistant = (await self._client.post("/api/assistants", {"name": "A"}, {"Authorization": f"Bearer {token}"}, f"{key}-assistant")).json()
        self._test.subjects |= {f"account/{account['user']['id']}", f"assistant/{assistant['id']}"}
        return Owner(account["user"]["id"], token, assistant["id"], assistant["site_token"])

    async def _log_in(self):
        session = (await self._client.post("/api/auth/login", {"email": self._email, "password": self._password}, {}, secrets.token_hex(8))).json()
        self._test.assertEqual(session["user"]["email"], self._email)

    async def _open_dialog(self, owner):
        dialog = (await self._client.post("/api/site/dialogs", {}, owner.visitor_headers(), secrets.token_hex(8))).json()
        self._test.subjects.add(f"dialog/{dialog['id']}")
        return dialog

    async def _say(self, owner, dialog, pending=False):
        answer = await self._client.post(f"/api/site/dialogs/{dialog['id']}/messages", {"text": "?"}, owner.visitor_headers(dialog["guest_id"]),
                                         secrets.token_hex(8))
        if pending:
            self._test.assertEqual((answer.headers.get("x-projection"), len(answer.attempts)), ("pending", 1))
        return answer.json()

    def _stream(self, owner, dialog, last_id=0):
        query = {"site_token": owner.site_token, "guest_id": dialog["guest_id"]}
        stream = Subscriber(self._base, dialog["id"], {}, query, self._counters)
        stream.last_id = last_id
        return stream


if __name__ == "__main__":
    scenario.main()
