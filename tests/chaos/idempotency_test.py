#!/usr/bin/python3
"""The same Idempotency-Key asked at once through several APIs while deciders are killed, and again after everything was started anew."""

import asyncio
import collections
import dataclasses
import itertools
import json
import secrets
import shutil
import threading

import scenario
import checks
from demo.client import Base, Client, Refused
from load import PATIENCE_S, Commands, check_tables
from supervisor import wait_for

KILLS_OF_EACH = 4 if scenario.LONG else 3
CALLERS = 6  # who ask the same at once
BURSTS_AT_ONCE = 4
BURSTS_BETWEEN_MAX = 12
DIALOGS = 6
REPEATS_AT_ONCE = 16


@dataclasses.dataclass
class Request:
    path: str
    body: dict
    headers: dict
    key: str
    status: int
    answers: list = dataclasses.field(default_factory=list)

    def other_body(self):
        return {**self.body, **{name: f"{self.body[name]}!" for name in ("text", "name", "first_name", "password") if name in self.body}}


class Idempotency(scenario.Chaos):
    NAME, PORT = "idempotency", 13800

    def setUp(self):
        settings = self.system.settings
        self.bases = [Base.parse(url) for url in (*(f"http://127.0.0.1:{settings.api_port(number)}" for number in (1, 2)), self.system.url)]
        self.counters = {"repeated": 0}
        self.requests = []
        self.bursts = 0
        self.stopping = threading.Event()

    def test_one_effect_and_one_answer_whatever_is_killed_and_after_a_start_from_the_log(self):
        asyncio.run(self.ask_while_deciders_are_killed())
        for request in self.requests:
            self.check(request)
        self.say(f"{len(self.requests)} keys, {sum(len(request.answers) for request in self.requests)} answers, {self.counters['repeated']} repeated; "
                 f"killed: { {name: self.system.restarts(name) for name in self.names('decider')} }")

        self.system.stop()
        shutil.rmtree(self.system.settings.data / "state" / "decider-1")  # its memory has to come back out of the log
        self.system.start()
        asyncio.run(self.ask_everything_again())
        self.check_log()

    async def ask_while_deciders_are_killed(self):
        kinds = itertools.cycle(await self.prepare())
        happening = asyncio.create_task(self.kill_deciders())

        async def ask():
            while not self.stopping.is_set():
                await self.burst(next(kinds)())
                self.bursts += 1

        await asyncio.gather(happening, *(ask() for _ in range(BURSTS_AT_ONCE)))

    async def kill_deciders(self):
        def kill():
            for victim in self.names("decider") * KILLS_OF_EACH:
                self.system.wait_ready(victim)
                wanted = self.bursts + self.random.randrange(1, BURSTS_BETWEEN_MAX)
                if not wait_for(lambda: self.bursts >= wanted, scenario.WAIT_S):
                    raise AssertionError("nobody gets answers any more")
                self.system.kill(victim)
            self.system.wait_ready()

        try:
            await asyncio.to_thread(kill)
        finally:
            self.stopping.set()

    async def prepare(self):
        """An owner with dialogs; functions that make a new request each."""
        email, password = f"{secrets.token_hex(8)}@example.com", "a password of hers"
        account = await self.once("/api/auth/register", {"email": email, "password": password}, {})
        owner = {"Authorization": f"Bearer {account['access_token']}"}
        assistant = await self.once("/api/assistants", {"name": "A"}, owner)
        site = {"X-Site-Token": assistant["site_token"]}
        opened = [await self.once("/api/site/dialogs", {}, site) for _ in range(DIALOGS)]
        turns = itertools.count()

        def request(path, body, headers, status=201):
            return Request(path, body, headers, secrets.token_hex(12), status)

        def said():
            turn = next(turns)
            dialog = opened[turn % DIALOGS]
            return request(f"/api/site/dialogs/{dialog['id']}/messages", {"text": f"{turn}"}, {**site, "X-Guest-Id": dialog["guest_id"]})

        def answered():
            turn = next(turns)
            return request(f"/api/dialogs/{opened[turn % DIALOGS]['id']}/messages", {"text": f"{turn}"}, owner)

        return (said, answered, lambda: request("/api/site/dialogs", {"first_name": "V"}, site), said, answered,
                lambda: request("/api/assistants", {"name": "B"}, owner), said, answered,
                lambda: request("/api/auth/login", {"email": email, "password": "not hers"}, {}, 401), said, answered,
                lambda: request("/api/auth/register", {"email": email, "password": "another one"}, {}, 409), said, answered,
                lambda: request("/api/auth/register", {"email": f"{secrets.token_hex(8)}@example.com", "password": password}, {}))

    async def once(self, path, body, headers):
        request = Request(path, body, headers, secrets.token_hex(12), 201)
        await self.ask(request, self.bases[0])
        self.requests.append(request)
        return request.answers[0].json()

    async def burst(self, request):
        self.requests.append(request)
        await asyncio.gather(*(self.ask(request, self.bases[caller % len(self.bases)]) for caller in range(CALLERS)))
        await self.ask(request, self.random.choice(self.bases))

    async def ask(self, request, base):
        request.answers.append(await self.answer(request.path, request.body, request.headers, request.key, base))

    async def answer(self, path, body, headers, key, base):
        client = Client(base, PATIENCE_S, Commands(), self.counters)
        try:
            return await client.post(path, body, headers, key)
        except Refused as refused:
            return refused.answer
        finally:
            client.close()

    async def ask_everything_again(self):
        limit = asyncio.Semaphore(REPEATS_AT_ONCE)

        async def again(request):
            async with limit:
                await self.ask(request, self.random.choice(self.bases))
                last = request.answers[-1]
                self.assertIn("idempotency-hit", last.headers, f"{request.path} {last.status} after the start")
                self.check(request)
                other = await self.answer(request.path, request.other_body(), request.headers, request.key, self.random.choice(self.bases))
                if request.other_body() != request.body:
                    self.assertEqual((other.status, other.json()["error"]["code"]), (422, "IDEMPOTENCY_KEY_REUSED"), request.path)

        await asyncio.gather(*(again(request) for request in self.requests))

    def check(self, request):
        """One answer, word for word; at most one was told that it was the first."""
        first = request.answers[0]
        self.assertEqual(first.status, request.status, f"{request.path}: {first.body!r}")
        seen = collections.Counter((answer.status, answer.body, answer.headers.get("x-event-position")) for answer in request.answers)
        self.assertEqual(len(seen), 1, f"{request.path} {request.key} has several answers: {seen}")
        firsts = [answer for answer in request.answers if "idempotency-hit" not in answer.headers]
        self.assertLessEqual(len(firsts), 1, f"{request.path} {request.key} was the first one several times: {[answer.attempts for answer in firsts]}")
        if all(len(answer.attempts) == 1 for answer in request.answers):
            self.assertEqual(len(firsts), 1, f"{request.path} {request.key} was never the first one")

    def check_log(self):
        """As many events as effects, each where its answer says."""
        events = list(self.log.read(PATIENCE_S))
        standing = {f"{event.partition}:{event.offset}": event for event in events}
        effects = [request for request in self.requests if request.status == 201]
        faults = checks.check_log(events, self.log.partitions) + check_tables(events, self.system.settings.postgres)
        for request in effects:
            event = standing.get(request.answers[0].headers["x-event-position"])
            if event is None:
                faults.append(f"{request.path} {request.key}: no event at {request.answers[0].headers['x-event-position']}")
            elif "text" in request.body and json.loads(event.value)["text"] != request.body["text"]:
                faults.append(f"{request.path} {request.key}: another message stands at its position")
        commands = len({event.text("ce_causationid") for event in events})
        self.say(f"{len(events)} events of {commands} commands")
        self.assertEqual((faults[:scenario.FAULTS_SHOWN_MAX], commands), ([], len(effects)))


if __name__ == "__main__":
    scenario.main()
