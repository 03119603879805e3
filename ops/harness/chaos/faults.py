"""Carries out a plan on a system."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import time

import kafka
from supervisor import wait_for

from .records import Drain

HEALED_S = 90.0  # from the end of a fault until everything works again; Kafka serves 12 s after kill -9, a session ends after 6
RUNS_S = 60.0
GOES_ON_ANSWERS = 10
SHOWN_MAX = 5
SYNCED = ("__cluster_metadata-0", "meta.properties", "bootstrap.checkpoint")  # of a Kafka node: on its disk at once
LOOK_S = 0.5
CALM_ANSWERS = 30  # answered before a drain begins: what was behind is done


class NotHealed(Exception):
    """The system did not come back."""


class Faults:
    """`answered()`: how many commands have an answer until now. carry_out() may be called on any thread, once at a time."""

    def __init__(self, system, proxy, answered, drains, say):
        self._system, self._proxy, self._answered, self._drains, self._say = system, proxy, answered, drains, say
        self.done = []  # of (seconds since the start, Step)
        self._started = time.monotonic()

    def carry_out(self, rounds, seconds):
        """Rounds as long as there is time; at the end everything is healed. Raises NotHealed."""
        ends = time.monotonic() + seconds
        self.heal()
        with concurrent.futures.ThreadPoolExecutor(max_workers=8, thread_name_prefix="fault") as threads:
            for one in rounds:
                if time.monotonic() > ends:
                    break
                self._say(f"{one}")
                began = time.monotonic()
                for running in [threads.submit(self._step, step, began) for step in one.steps]:
                    running.result()
                if one.heals:
                    self.heal()
                else:
                    time.sleep(one.pause_s)
        self.heal()

    def heal(self, answers=GOES_ON_ANSWERS):
        """Returns when every process is ready and commands are answered."""
        deadline = time.monotonic() + HEALED_S
        self._proxy.mend()
        waiting = [name for name in self._system.names() if not wait_for(lambda: self._system.ready(name), max(0, deadline - time.monotonic()))]
        if waiting:
            raise NotHealed(f"not ready {HEALED_S:.0f} s after the last fault: {', '.join(map(self._why_not, waiting))}")
        before = self._answered()
        if not wait_for(lambda: self._answered() >= before + answers, HEALED_S):
            raise NotHealed(f"everything is ready, and no more than {self._answered() - before} commands were answered in {HEALED_S:.0f} s")

    def _why_not(self, name):
        return f"{name} ({self._system.why_not_ready(name)})"

    def _step(self, step, began):
        time.sleep(max(0, began + step.after_s - time.monotonic()))
        if step.process.startswith("kafka-"):
            self._wait_in_sync()
        self.done.append((round(time.monotonic() - self._started, 1), step))
        getattr(self, f"_{step.kind}")(step)

    def _kill(self, step):
        if wait_for(lambda: self._system.pid(step.target), RUNS_S):
            self._system.kill(step.target)

    def _pause(self, step):
        if not wait_for(lambda: self._system.pid(step.target), RUNS_S):
            return
        paused = family(self._system.pid(step.target))
        send(paused, signal.SIGSTOP)
        time.sleep(step.for_s)
        send(paused, signal.SIGCONT)

    def _end(self, step):
        self._system.stop_process(step.target)
        self._system.start_process(step.target)

    def _drain(self, step):
        self.heal(CALM_ANSWERS)
        began = time.monotonic()
        self._system.restart(step.target)
        self._drains.append(Drain(step.target, began, time.monotonic()))

    def _isolate(self, step):
        self._proxy.part(step.target, [node.name for node in kafka.nodes(self._system.settings)])
        time.sleep(step.for_s)
        self._proxy.mend_parted()

    def _wipe(self, step):
        node = self._node(step)
        self._system.stop_process(node.name, signal.SIGKILL)
        shutil.rmtree(node.folder)
        kafka.format_storage(self._system.settings, node)
        self._system.start_process(node.name)

    def _unsync(self, step):
        node = self._node(step)
        earlier = self._system.settings.data / "kafka" / "earlier"
        shutil.rmtree(earlier, ignore_errors=True)
        earlier.mkdir()
        unsynced = lambda folder: [path for path in folder.iterdir() if path.name not in SYNCED]
        # Files come and go meanwhile, and each is as it was at a moment of its own: a disk promises no more of what was not synced.
        subprocess.run(["cp", "-a", "--sparse=always", *unsynced(node.folder), earlier], capture_output=True)
        time.sleep(step.for_s)
        self._system.stop_process(node.name, signal.SIGKILL)
        for path in unsynced(node.folder):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in earlier.iterdir():
            path.rename(node.folder / path.name)
        self._system.start_process(node.name)

    def _alone(self, step):
        others = [node.name for node in kafka.nodes(self._system.settings) if node.name != step.target]
        for name in others:
            self._system.stop_process(name, signal.SIGKILL)
        time.sleep(step.for_s)
        for name in others:
            self._system.launch(name)  # neither is ready without the other

    def _node(self, step):
        return next(node for node in kafka.nodes(self._system.settings) if node.name == step.target)

    def _wait_in_sync(self):
        """Brokers fail one at a time: until each follows again what the others have."""
        deadline = time.monotonic() + HEALED_S
        while behind := self._out_of_sync():
            if time.monotonic() > deadline:
                raise NotHealed(f"after {HEALED_S:.0f} s not every replica is in sync: {', '.join(behind[:SHOWN_MAX])}")
            time.sleep(LOOK_S)

    def _out_of_sync(self):
        try:
            return kafka.out_of_sync(self._system.settings.kafka_brokers)
        except Exception as error:  # the client's own type; no broker answers
            return [str(error)]

    def _cut(self, step):
        self._link(step, lambda link: link.cut())

    def _hold(self, step):
        self._link(step, lambda link: link.hold())

    def _delay(self, step):
        self._link(step, lambda link: link.delay(step.by_s))

    def _link(self, step, hurt):
        links = [link for name, link in self._proxy.links.items() if name == step.target or name.startswith(step.target + "-")]
        for link in links:
            hurt(link)
        time.sleep(step.for_s)
        for link in links:
            link.mend()


def family(pid):
    """A process and its children: PostgreSQL is several."""
    pids = [pid]
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                pids.append(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return pids


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
