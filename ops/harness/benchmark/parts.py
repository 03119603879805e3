"""The parts of ops/bench. Each brings the system to where it must be, loads it, and returns its figures; what it stopped, it starts again."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import time
import urllib.request

import postgres
import psycopg2
from failures import Exit, OpsError, reason
from supervisor import wait_for

from . import peer as beside
from . import scene

CROWD = 1_000  # commands under way at a time, to write many
MESSAGES_READ = 50
READ_MODELS = ("accounts", "assistants", "dialogs", "messages", "event_index", "checkpoints")
TOOL_SECONDS_MAX = 600
CATCH_UP_SECONDS_MAX = 300
LOOK_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured."""

    seconds: float = 5.0  # of a load
    clients: int = 64  # and dialogs
    streams: int = 5_000
    rounds: int = 20  # messages to all streams
    rate: int = 500  # messages a second, for live streams
    events: int = 200_000  # to catch up with, to fold
    peer: pathlib.Path | None = None  # the folder of the program to compare with
    warm_up: float = 15.0  # seconds of messages, of commands and of messages again, before everything: Kafka's JVM compiles what it runs often


QUICK = Size(warm_up=0, seconds=0.3, clients=8, streams=50, rounds=3, rate=50, events=2_000)


@dataclasses.dataclass
class Figure:
    """One line of the report. The ratio is measured / baseline; `target` is what the two should be, in words."""

    name: str
    value: float
    unit: str
    target: str = ""
    baseline: float | None = None
    of: str = ""  # what the baseline is
    more: dict = dataclasses.field(default_factory=dict)

    @property
    def ratio(self):
        return self.value / self.baseline if self.baseline else None


class Bench:
    """A running system and what is measured on it. `folder`: for the scene's files."""

    def __init__(self, system, tool, size):
        self.system = system
        self.tool = tool
        self.size = size
        self.folder = system.settings.data / "etc"
        self.scene = scene.make(system.url, self.folder / "scene", size.clients)
        self.one_dialog = scene.first_dialogs(self.scene, 1, self.folder / "scene-one")
        self.api = system.settings.api_port(1)
        self.edge = system.settings.port
        if size.warm_up:
            messages = {"scene": self.scene, "port": self.api, "clients": size.clients, "seconds": size.warm_up}
            self.run("posts", **messages)
            self.commands(clients=CROWD, seconds=size.warm_up)
            self.settle()
            self.run("posts", **messages)

    def run(self, name, *flags, **options):
        """Runs one task of the load generator and returns its figures, and what one operation took of each process ("processor_us")."""
        begun, spent = time.monotonic(), self.processor_seconds()
        done = subprocess.run(self.command(name, *flags, **options), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX)
        if done.returncode != 0:
            raise OpsError(f"the load generator failed at {name}: {reason(done.stderr)}", Exit.FAULT, done.stderr)
        figures = json.loads(done.stdout)
        if operations := figures["per_second"] * (time.monotonic() - begun):
            now = self.processor_seconds()
            figures["processor_us"] = {each: round((now[each] - spent.get(each, 0)) / operations * 1e6) for each in now}
        return figures

    def command(self, name, *flags, **options):
        words = [str(self.tool), name, *flags]
        for option, value in options.items():
            words += ["--" + option.replace("_", "-"), str(value)]
        return words

    def posts(self, port, clients):
        return self.run("posts", scene=self.scene, port=port, clients=clients, seconds=self.size.seconds)

    def commands(self, **options):
        return self.run("commands", scene=self.scene, brokers=self.system.settings.kafka_brokers, partitions=self.system.settings.partitions, **options)

    def stop_readers(self):
        """Leaves Kafka, PostgreSQL and the decider."""
        for name in ("edge", "api-1", "projector-1"):
            self.system.stop_process(name)

    def start_readers(self):
        for name in ("projector-1", "api-1", "edge"):
            self.system.start_process(name)
        self.settle()

    def settle(self):
        """Until the read models have every event that the decider wrote since it started."""
        if not wait_for(lambda: self.sql("SELECT count(*) FROM event_index")[0] >= self.events(), CATCH_UP_SECONDS_MAX):
            raise OpsError("the projector does not catch up")

    def events(self):
        return self.metric("decider-1", "parley_decider_events_total")

    def metric(self, process, name):
        """The sum of a metric's samples."""
        with urllib.request.urlopen(self.system.health_url(process) + "/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def processor_seconds(self):
        """What each running process and its children have used of the processors."""
        return {process: self.system.processor_seconds(process) for process in self.system.names() if self.system.pid(process)}

    def memory_mib(self, process):
        """What the process and its children hold in memory, each page once."""
        kib = 0
        for pid in self.system.pids(process):
            with open(f"/proc/{pid}/smaps_rollup") as sums:
                kib += sum(int(line.split()[1]) for line in sums if line.startswith("Pss:"))
        return kib / 1024

    def sql(self, statement):
        with psycopg2.connect(self.system.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None


def writes(bench):
    """Acknowledged, readable message writes."""
    clients = bench.size.clients
    at_api = bench.posts(bench.api, clients)
    at_edge = bench.posts(bench.edge, clients)
    alone = bench.posts(bench.api, 1)
    bench.stop_readers()
    bare = bench.commands(clients=clients, seconds=bench.size.seconds)
    bench.start_readers()
    of = f"command round trip alone, {clients} under way"
    return [
        Figure(f"writes, {clients} clients", at_api["per_second"], "/s", ">= 1/3 and 5,000", bare["per_second"], of, {"load": at_api, "baseline": bare}),
        Figure("  p99", at_api["p99_ms"], "ms", "< 250", bare["p99_ms"], of),
        Figure("  through the edge", at_edge["per_second"], "/s", "", bare["per_second"], of, {"load": at_edge}),
        Figure("write, 1 client, p50", alone["p50_ms"], "ms", "< 15", more={"load": alone}),
    ]


def reads(bench):
    """Reading a dialog of 50 messages."""
    clients = bench.size.clients
    dialogs = scene.make(bench.system.url, bench.folder / "scene-reads", clients)
    bench.run("commands", scene=dialogs, brokers=bench.system.settings.kafka_brokers, clients=clients, each=MESSAGES_READ)
    bench.settle()
    bench.sql("ANALYZE")
    load = {"scene": dialogs, "seconds": bench.size.seconds}
    at_api = bench.run("gets", port=bench.api, clients=clients, **load)
    at_edge = bench.run("gets", port=bench.edge, clients=clients, **load)
    bare = max((bench.run("select", postgres=bench.system.settings.postgres, connections=connections, **load) for connections in (8, clients)),
               key=lambda figures: figures["per_second"])
    of = "the same SELECT through libpq alone"
    return [
        Figure(f"reads of {MESSAGES_READ} messages, {clients} clients", at_api["per_second"], "/s", ">= 1/2 and 8,000", bare["per_second"], of,
               {"load": at_api, "baseline": bare}),
        Figure("  p99", at_api["p99_ms"], "ms", "", bare["p99_ms"], of),
        Figure("  through the edge", at_edge["per_second"], "/s", "", bare["per_second"], of, {"load": at_edge}),
    ]


def streams(bench):
    """Many open streams, and a message to all of them."""
    figures = []
    for name, port, holders in ((f"{bench.size.streams:,} streams", bench.api, ("api-1",)), ("  through the edge", bench.edge, ("api-1", "edge"))):
        before = [bench.memory_mib(holder) for holder in holders]
        command = bench.command("fan-out", scene=bench.one_dialog, port=port, streams=bench.size.streams, messages=bench.size.rounds)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as viewers:
            opened = viewers.stdout.readline()
            held = [bench.memory_mib(holder) - earlier for holder, earlier in zip(holders, before)] if opened else []
            out, errors = viewers.communicate("\n", timeout=TOOL_SECONDS_MAX)
        if viewers.returncode != 0:
            raise OpsError(f"the load generator failed at fan-out: {reason(errors)}", Exit.FAULT, errors)
        load = json.loads(out)
        wanted = ("< 100", "< 64") if port == bench.api else ("", "")
        figures += [Figure(f"{name}: a message to each, p50", load["p50_ms"], "ms", wanted[0], more={"load": load}),
                    Figure(f"{name}: memory", sum(held), "MiB", wanted[1], more={"mib": dict(zip(holders, held))})]
    return figures


def live(bench):
    """A message's way to an open stream under a steady load."""
    figures = []
    for name, port, target in (("way to a stream", bench.api, "< 20"), ("  through the edge", bench.edge, "")):
        load = bench.run("live", scene=bench.scene, port=port, per_second=bench.size.rate, seconds=bench.size.seconds)
        figures.append(Figure(f"{name} at {bench.size.rate} messages/s, p50", load["p50_ms"], "ms", target, more={"load": load}))
    return figures


def fill(bench):
    """Brings the log to the size, as fast as the decider takes commands."""
    missing = int(bench.size.events - bench.events())
    if missing <= 0:
        return None
    return bench.commands(clients=CROWD, each=-(-missing // CROWD))


def catch_up(bench):
    """The read models from nothing, beside a COPY of the same rows."""
    bench.stop_readers()
    filled = fill(bench)
    bench.sql("TRUNCATE " + ", ".join(READ_MODELS))
    postgres.query(bench.system.settings, "CHECKPOINT")  # what earlier parts wrote is not this one's to write out
    events = bench.events()
    started = time.monotonic()
    bench.system.start_process("projector-1")
    done = lambda: bench.metric("projector-1", "parley_projector_events_total")
    wait_for(lambda: done() > 0, CATCH_UP_SECONDS_MAX)
    begun, at_first = time.monotonic(), done()
    if at_first >= events:  # too few to see it on its way
        begun, at_first = started, 0
    while (now := done()) < events:
        if time.monotonic() - begun > CATCH_UP_SECONDS_MAX:
            raise OpsError("the projector does not catch up")
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - begun
    rows = bench.sql("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM event_index)")[0]
    per_second = rows * (now - at_first) / events / seconds
    bare = bench.run("copy", postgres=bench.system.settings.postgres)
    bench.start_readers()
    figures = [Figure("catch-up of the read models", per_second, "rows/s", ">= 1/3", bare["per_second"], "COPY of the same rows",
                      {"events": events, "seconds": seconds, "baseline": bare}),
               *rebuild(bench, (now - at_first) / seconds)]
    if filled:
        figures.append(Figure(f"commands, {CROWD:,} under way", filled["per_second"], "/s", more={"load": filled}))
    return figures


def rebuild(bench, caught_up_per_second):
    """The same events, folded beside the read models that are there, compared and switched to."""
    certificate = json.loads(bench.system.task("rebuild", "--json"))
    if certificate["outcome"] != "switched":
        raise OpsError(f"the rebuild says {certificate['outcome']}: {certificate}")
    return [Figure("rebuild, folding", certificate["events"] / certificate["seconds"], "/s", "", caught_up_per_second, "the catch-up's events",
                   {"certificate": certificate}),
            Figure("  comparing", certificate["compare_seconds"], "s"),
            Figure("  held by the switch: the projector", certificate["writers_held_ms"], "ms", "< 500"),
            Figure("  held by the switch: reads", certificate["readers_held_ms"], "ms")]


def start(bench):
    """A decider's start: with its state, and without it."""
    if fill(bench):
        bench.settle()
    events = int(bench.events())
    seconds = {}
    for state in ("intact", "folded"):
        bench.system.stop_process("decider-1")
        if state == "folded":
            shutil.rmtree(bench.system.settings.data / "state" / "decider-1")
        begun = time.monotonic()
        bench.system.start_process("decider-1")
        seconds[state] = time.monotonic() - begun
    return [Figure("decider's start, intact state", seconds["intact"], "s", "< 2"),
            Figure(f"decider's start, {events:,} events to fold", seconds["folded"], "s", "" if events < 1_000_000 else "< 60"),
            Figure("  events folded", events / seconds["folded"], "/s", "> 16,667 (a million in 60 s)")]


def peer(bench):
    """Parley beside another program of the same job."""
    return beside.figures(bench, Figure)


PARTS = {"writes": writes, "reads": reads, "streams": streams, "live": live, "catch-up": catch_up, "start": start}
WITH_PEER = {**PARTS, "peer": peer}
