"""People at work while something happens to the system: every answer is kept, and at the end compared with everything that can be seen."""

import asyncio
import contextlib
import dataclasses
import itertools
import threading

import checks
from chaos import fold
import psycopg2
from demo import verify
from demo.client import Base
from demo.dialogs import read_dialogs
from demo.log import streams_of
from demo.replay import Replay
from settings import ROOT
from supervisor import wait_for

PATIENCE_S = 120.0  # for which a client repeats what got no answer
GOES_ON_S = 90.0  # within which work must go on after any fault; Kafka serves 12 s after kill -9, a session ends after 6 s
LONG_TURNS_MAX = 900  # a read shows 1,000 messages
SHORT_TURNS_MAX = 12
READERS = 16


@dataclasses.dataclass
class Command:
    """A command as its caller saw it, to its end."""

    method: str
    path: str
    key: str
    attempts: list  # of {"at", "ms", "outcome"}
    status: int | None = None
    headers: dict = dataclasses.field(default_factory=dict)
    answer: object = None


class Commands(list):
    """Takes the place of ops/demo's record."""

    def write(self, method, path, about, attempts, answer):
        if answer is None:
            self.append(Command(method, path, about["key"], attempts))
        else:
            self.append(Command(method, path, about["key"], attempts, answer.status, answer.headers, answer.json()))


@dataclasses.dataclass
class Turns:
    """The turns of a dialog, until there are enough or the load stops. `given` says how far its author is."""

    load: "Load"
    most: int
    given: int = 0
    ended: bool = False

    def __iter__(self):
        for speaker, text in itertools.islice(self.load.script(), self.most):
            if self.load.stopping.is_set():
                break
            self.given += 1
            yield speaker, f"{self.given}. {text}"
        self.ended = True


@dataclasses.dataclass
class Script:
    name: str
    turns: Turns


@dataclasses.dataclass
class Round:
    replay: Replay
    played: list


class Load:
    """`long`: dialogs that last as long as the load, so that they live through all faults; `short`: owners, assistants and dialogs that come and
    go. Its methods may be called on any thread while run() runs."""

    def __init__(self, url, long=6, short=3):
        self._base = Base.parse(url)
        self._long, self._short = long, short
        self._texts = [turn for dialog in read_dialogs(ROOT / "ops/harness/demo/dialogs.jsonl") for turn in dialog.turns]
        self._running = []
        self._replays = []
        self.stopping = threading.Event()
        self.rounds = []
        self.commands = Commands()

    def script(self):
        return itertools.cycle(self._texts)

    def run(self, faults):
        """Plays while `faults()` runs on a thread of its own. An error there, or of a client that got no answer, ends it."""
        asyncio.run(self._run(faults))

    async def _run(self, faults):
        async def happen():
            try:
                await asyncio.to_thread(faults)
            finally:
                self.stopping.set()

        lanes = [("long", self._long, LONG_TURNS_MAX), ("short", self._short, SHORT_TURNS_MAX)]
        lanes = [asyncio.create_task(self._lane(*lane)) for lane in lanes if lane[1]]
        happening = asyncio.create_task(happen())
        try:
            await asyncio.gather(happening, *lanes)
        except BaseException:
            self.stopping.set()
            await asyncio.gather(happening, *lanes, return_exceptions=True)
            raise

    async def _lane(self, lane, dialogs, turns_max):
        while not self.stopping.is_set():
            replay = Replay(self._base, self.commands, PATIENCE_S, dialogs, 0)
            self._replays.append(replay)
            await replay.enter()
            scripts = [Script(f"{lane} {len(self.rounds)}.{n}", Turns(self, turns_max)) for n in range(dialogs)]
            self._running = [turns for turns in self._running if not turns.ended] + [script.turns for script in scripts]
            self.rounds.append(Round(replay, await replay.play(scripts)))

    # What the faults wait for.

    def messages(self):
        return self._count("messages")

    def _count(self, name):
        return sum(replay.counters[name] for replay in list(self._replays))

    def wait_messages(self, count):
        """Until so many more messages were acknowledged."""
        wanted = self.messages() + count
        self._wait(lambda: self.messages() >= wanted, f"{count} more messages")

    def wait_all_go_on(self):
        """Until every dialog that is under way got an answer to something that was asked after this call."""
        self._wait(lambda: any(turns.given for turns in self._running), "dialogs to begin")
        before = [(turns, turns.given) for turns in self._running]
        self._wait(lambda: all(turns.ended or turns.given >= given + 2 for turns, given in before), "every dialog to go on")

    def _wait(self, condition, what):
        wait_for(lambda: condition() or self.stopping.is_set() or self._refused(), GOES_ON_S)
        if refused := self._refused():
            raise AssertionError(f"{refused[0].method} {refused[0].path} was refused: {refused[0].status} {refused[0].answer} {refused[0].attempts}")
        if not condition():
            raise AssertionError(f"waited in vain for {what}")

    def _refused(self):
        """Nothing that these people ask may be refused for good."""
        return [command for command in list(self.commands) if command.status is not None and command.status >= 400]

    # Afterwards.

    def figures(self):
        answered = [command for command in self.commands if command.status is not None]
        slowest = max((attempt["ms"] for command in answered for attempt in command.attempts), default=0)
        outcomes = {}
        for command in self.commands:
            for attempt in command.attempts:
                if attempt["outcome"] not in (200, 201):
                    outcomes[attempt["outcome"]] = outcomes.get(attempt["outcome"], 0) + 1
        return (f"{self.messages()} messages in {sum(len(one.played) for one in self.rounds)} dialogs of {len(self.rounds)} owners, "
                f"{len(answered)} commands answered, {self._count('repeated')} requests repeated, {self._count('pending')} answered before the projection, "
                f"{self._count('reconnected')} streams resumed, {self._count('delayed')} delayed, slowest attempt {slowest:.0f} ms; "
                f"attempts without a success: {outcomes or 'none'}")

    def subjects(self):
        """The streams that its clients were told of."""
        return {subject for one in self.rounds for subject in subjects_of(one)}

    def faults(self, log, subjects, postgres):
        """What differs from what was acknowledged, in sentences. `log` was opened before the first event, and holds these `subjects` alone."""
        events = list(log.read(PATIENCE_S))
        streams = streams_of(events, subjects)
        found = checks.check_log(events, log.partitions) + checks.check_nobody_else(events, subjects) + checks.check_answers(self.commands, events)
        found += [f"{subject}: acknowledged, but not in the log" for subject in sorted(subjects - streams.keys())]
        for one in self.rounds:
            for played in one.played:
                those = [*played.faults, *verify.check_stream(played)]
                if played.id:
                    those += verify.check_dialog_events(played, streams.get(f"dialog/{played.id}", []))
                found += [f"{played.name} (dialog/{played.id}) {fault}" for fault in those]
            if one.replay.counters["reset"]:
                found.append(f"owner {one.replay.owner.account_id}: {one.replay.counters['reset']} streams were reset")
        found += asyncio.run(self._check_reads())
        return found + check_tables(events, postgres)

    async def _check_reads(self):
        limit = asyncio.Semaphore(READERS)

        async def read(one, played):
            async with limit:
                with contextlib.closing(one.replay.client()) as client:
                    return [f"{played.name} (dialog/{played.id}) {fault}" for fault in
                            await verify.check_reads(client, one.replay.owner, played, GOES_ON_S)]

        async def listed(one):
            async with limit:
                with contextlib.closing(one.replay.client()) as client:
                    return await verify.check_list(client, one.replay.owner, [played for played in one.played if played.id])

        results = await asyncio.gather(*(read(one, played) for one in self.rounds for played in one.played if played.id),
                                       *(listed(one) for one in self.rounds))
        return [fault for those in results for fault in those]


def subjects_of(one):
    owner = one.replay.owner
    return [f"account/{owner.account_id}", f"assistant/{owner.assistant_id}", *(f"dialog/{played.id}" for played in one.played if played.id)]


def check_tables(events, postgres):
    with contextlib.closing(psycopg2.connect(postgres)) as connection:
        return fold.check_tables(events, connection, GOES_ON_S)
