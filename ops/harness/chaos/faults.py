"""Carries out a plan on a system."""

import concurrent.futures
import os
import pathlib
import signal
import time

from supervisor import wait_for

from .records import Drain

HEALED_S = 90.0  # from the end of a fault until everything works again; Kafka serves 12 s after kill -9, a session ends after 6
RUNS_S = 60.0
GOES_ON_ANSWERS = 10
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

    def _cut(self, step):
        self._link(step, lambda link: link.cut())

    def _hold(self, step):
        self._link(step, lambda link: link.hold())

    def _delay(self, step):
        self._link(step, lambda link: link.delay(step.by_s))

    def _link(self, step, hurt):
        link = self._proxy.links[step.target]
        hurt(link)
        time.sleep(step.for_s)
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
