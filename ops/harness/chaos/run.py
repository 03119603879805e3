"""One run: a system of its own, people, faults, and the check at the end."""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import json
import random
import re
import shutil
import time
import urllib.request

import kafka
import psycopg2
from demo.log import Log
from failures import OpsError
from parley_system import System
from settings import Settings
from supervisor import wait_for

from . import check, fold
from .faults import Faults, NotHealed
from .plan import plan
from .proxy import Proxy, source_of
from .workload import Workload

COUNTS = {"decider": 2, "projector": 2, "reactor": 2, "api": 2}
WITHOUT_POSTGRES = ("decider", "reactor")
BEHIND = re.compile(r"^parley_reactor_(?:lag_events|waiting_commands)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
TOPICS = ("commands", "events", "replies", "directory")
PATIENCE_S = 150.0  # for which clients repeat, and for which views may be late
ASKED_AGAIN_MAX = 400  # of the commands, after a start without a decider's store
OTHERS_EVERY = 10  # of those: asked with another body too
SHOWN_MAX = 10  # sentences of one property
DOORS_ABOVE_PORT = 60  # a door of Kafka and the proxy's port before it, for each process


@dataclasses.dataclass
class Result:
    """What came out. `faults`: {property: sentences}."""

    seed: int
    seconds: float
    faults: dict
    figures: dict

    @property
    def kept(self):
        return not any(self.faults.values())

    def as_json(self):
        return {"seed": self.seed, "seconds": round(self.seconds, 1), "kept": self.kept, "violations": self.faults, **self.figures}


SEAL_WITHIN_S = 5  # often, so that faults meet it


def settings_of(data, port, binary=None, kafka_port=0, kafka_nodes=1):
    """A system whose processes reach Kafka and PostgreSQL through links, and whose Kafka nodes each other, when they are several."""
    names = [f"{role}-{number}" for role, count in COUNTS.items() for number in range(1, count + 1)]
    ports = itertools.count(port + DOORS_ABOVE_PORT)
    doors = {node: [(next(ports), next(ports)) for _ in names] for node in range(1, kafka_nodes + 1)}
    between = {node: (next(ports), next(ports), next(ports)) for node in doors} if kafka_nodes > 1 else {}
    settings = Settings(data=data, port=port, kafka_port=kafka_port, kafka_nodes=kafka_nodes, deciders=COUNTS["decider"], projectors=COUNTS["projector"],
                        reactors=COUNTS["reactor"], apis=COUNTS["api"], environment={"PARLEY_SEAL_WITHIN_S": str(SEAL_WITHIN_S)}, kafka_doors=doors,
                        kafka_links=between, **({"binary": binary} if binary else {}))
    for number, name in enumerate(names):
        settings.role_arguments[name] = ["--kafka-brokers", ",".join(f"127.0.0.1:{of_node[number][1]}" for of_node in doors.values())]
        if not name.startswith(WITHOUT_POSTGRES):
            settings.role_arguments[name] += ["--postgres", settings.postgres.replace(str(settings.postgres_socket), str(settings.postgres_socket / name))]
    return settings


def open_links_between_nodes(proxy, system):
    nodes = kafka.nodes(system.settings)

    def source(port):
        return source_of(port, {node.name: system.pid(node.name) for node in nodes})

    for node in nodes if system.settings.kafka_links else []:
        broker, broker_by_proxy, controller_by_proxy = system.settings.kafka_links[node.number]
        proxy.link(f"{node.name}:brokers", broker_by_proxy, broker, source=source)
        proxy.link(f"{node.name}:controllers", controller_by_proxy, node.controller_port, source=source)


def open_links(proxy, settings):
    for number, name in enumerate(settings.role_arguments):
        for node in kafka.nodes(settings):
            door, by_proxy = settings.kafka_doors[node.number][number]
            proxy.link(f"{name}:{node.name}", by_proxy, door, kafka=True)
        if not name.startswith(WITHOUT_POSTGRES):
            socket = f".s.PGSQL.{settings.postgres_port}"
            (settings.postgres_socket / name).mkdir(mode=0o700, exist_ok=True)
            proxy.link(f"{name}:postgres", str(settings.postgres_socket / name / socket), str(settings.postgres_socket / socket))


class Run:
    """Lives for one run() call."""

    def __init__(self, settings, seed, seconds, say=print, rounds=None, records_file=None, patience_s=PATIENCE_S):
        """`rounds`: what happens instead of the seed's plan and of the start without a store: a function of the system, the proxy and the people, on a
        thread of its own. `patience_s`: of clients, streams and views."""
        self._settings, self._seed, self._seconds, self._say, self._rounds, self._records_file = settings, seed, seconds, say, rounds, records_file
        self._patience_s = patience_s
        self._not_healed = []

    def run(self):
        with Proxy() as proxy, System(self._settings, self._say) as system:
            open_links_between_nodes(proxy, system)
            system.start_servers(fresh=True)
            open_links(proxy, self._settings)
            system.task("topics")
            logs = {topic: Log(self._settings.kafka_brokers, f"parley.{topic}", {}) for topic in TOPICS}
            system.start_parley()
            began = time.monotonic()
            ways = {"edge": f"http://127.0.0.1:{self._settings.port}",
                    **{f"api-{number}": f"http://127.0.0.1:{self._settings.api_port(number)}" for number in range(1, self._settings.apis + 1)}}
            workload = Workload(ways, random.Random(self._seed), self._patience_s)
            faults = Faults(system, proxy, workload.answered, workload.records.drains, self._say)
            topics = asyncio.run(self._play(system, proxy, workload, faults, logs))
            seconds = time.monotonic() - began
            found = check.check(workload.records, topics)
            found["every read model is a fold of the log"] = self._check_tables(topics.stored)
            found["it works again after every fault"] = self._not_healed
            if self._records_file:
                workload.records.write(self._records_file)
            restarts = {name: system.restarts(name) for name in system.names()}
        return Result(self._seed, seconds, found, figures(workload, faults, topics, restarts))

    async def _play(self, system, proxy, workload, faults, logs):
        def hurt():
            try:
                if self._rounds:
                    self._rounds(system, proxy, workload)
                else:
                    faults.carry_out(plan(self._seed, COUNTS, self._settings.kafka_nodes), self._seconds)
            except NotHealed as broken:
                self._not_healed.append(str(broken))
            finally:
                proxy.mend()
                workload.stop()

        hurting = asyncio.create_task(asyncio.to_thread(hurt))
        await workload.run()
        await hurting
        if not self._not_healed and not self._rounds:
            await self._ask_again(system, workload)
        await asyncio.to_thread(self._processes_end, system)
        await asyncio.to_thread(self._stop_deciders, system)  # nothing is written from here on, no seal either: topics and tables can be read one after the other
        topics = await asyncio.to_thread(self._read, logs)
        await workload.watched({int(subject.partition("/")[2]): len(events) for subject, events in topics.streams.items() if subject.startswith("dialog/")})
        return topics

    async def _ask_again(self, system, workload):
        """What was answered stays the answer, from the log alone too."""
        try:
            await asyncio.to_thread(self._start_without_a_store, system)
        except OpsError as broken:
            self._not_healed.append(f"after a start without a store: {str(broken).splitlines()[0]}")
            return
        asks = [ask for ask in workload.records.asks if ask.final]
        asks = random.Random(self._seed).sample(asks, min(len(asks), ASKED_AGAIN_MAX))
        await workload.ask_again(asks, OTHERS_EVERY)

    def _start_without_a_store(self, system):
        names = self._stop_deciders(system)
        shutil.rmtree(self._settings.data / "state" / names[0])
        for name in names:
            system.start_process(name)

    @staticmethod
    def _stop_deciders(system):
        names = [name for name in system.names() if name.startswith("decider")]
        for name in names:
            system.stop_process(name)
        return names

    def _processes_end(self, system):
        """Nobody may wait for the end of what spans slots; it comes all the same."""
        names = [name for name in system.names() if name.startswith("reactor")]
        if not wait_for(lambda: not any(has_work(system, name) for name in names), self._patience_s):
            self._not_healed.append("processes over slots have not ended")

    def _read(self, logs):
        try:
            return check.Topics(*(list(logs[topic].read(self._patience_s)) for topic in TOPICS), partitions=logs["events"].partitions)
        except TimeoutError as stuck:  # nothing can be checked then; what had broken before says more
            raise OpsError("; ".join([*self._not_healed, str(stuck)])) from stuck

    def _check_tables(self, events):
        with contextlib.closing(psycopg2.connect(self._settings.postgres)) as connection:
            return fold.check_tables(events, connection, self._patience_s)


def has_work(system, name):
    """Whether a reactor has something to read or to wait for; so also while it does not answer."""
    try:
        with urllib.request.urlopen(system.health_url(name) + "/metrics", timeout=5) as answer:
            return any(float(value) > 0 for value in BEHIND.findall(answer.read().decode()))
    except OSError:
        return True


def figures(workload, faults, topics, restarts):
    asks = workload.records.asks
    kinds = collections.Counter(ask.kind for ask in asks)
    answers = collections.Counter(f"{ask.final.outcome} {ask.final.code or ''}".strip() if ask.final else "none" for ask in asks)
    unanswered = collections.Counter(str(attempt.outcome) for ask in asks for attempt in ask.ambiguous)
    ends = sorted(ask.final.ended for ask in asks if ask.final)
    return {
        "faults": [{"at_s": at, "what": str(step)} for at, step in sorted(faults.done, key=lambda one: one[0])],
        "faults_by_kind": dict(collections.Counter(f"{step.kind} {role_of(step)}" for _, step in faults.done)),
        "commands": len(asks), "requests": sum(len(ask.attempts) for ask in asks), "commands_by_kind": dict(kinds), "answers": dict(answers),
        "attempts_without_an_answer": dict(unanswered), "resolved": check.resolve(workload.records, topics),
        "longest_silence_s": round(max((after - before for before, after in itertools.pairwise(ends)), default=0), 1),
        "streams": len(workload.records.watches), "streams_resumed": workload.reconnected(), "drains": len(workload.records.drains),
        "records": {name: len(getattr(topics, name)) for name in TOPICS}, "restarts": restarts,
    }


def role_of(step):
    process, _, server = step.target.partition(":")
    return process.partition("-")[0] + (f":{server}" if server else "")


def summary(result):
    """For people: lines."""
    f = result.figures
    lines = [f"seed {result.seed}, {result.seconds:.0f} s, {len(f['faults'])} faults: " + counted(f["faults_by_kind"]),
             f"{f['commands']} commands in {f['requests']} requests: " + counted(f["commands_by_kind"]),
             "  answered: " + counted(f["answers"]),
             "  attempts without an answer that stays: " + (counted(f["attempts_without_an_answer"]) or "none"),
             f"{sum(sum(ways.values()) for ways in f['resolved'].values())} ambiguous commands, by the first outcome:"]
    lines += [f"  {outcome}: {counted(ways)}" for outcome, ways in sorted(f["resolved"].items())]
    lines += [f"{f['streams']} streams, resumed {f['streams_resumed']} times; {f['drains']} APIs drained; longest time without an answer {f['longest_silence_s']} s",
              "in the topics: " + counted(f["records"]), "started again: " + counted(f["restarts"])]
    for text, sentences in result.faults.items():
        lines.append(f"  {'BROKEN' if sentences else 'kept  '}  {text}" + (f": {len(sentences)}" if sentences else ""))
        lines += [f"            - {sentence}" for sentence in sentences[:SHOWN_MAX]]
    return lines


def counted(counts):
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda one: str(one[0])) if count)


def write_json(result, path):
    path.write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n")
