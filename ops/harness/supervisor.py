"""Child processes that are wanted: started, logged, started again when they crash, stopped in order."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import threading
import time
from typing import Callable, Optional

POLL_SECONDS = 0.05
BACKOFF_SECONDS = (0, 0.5, 1, 2, 5, 10)  # before the 1st, 2nd, … start after a crash; the last for all later ones
STEADY_SECONDS = 30  # a process that lived this long starts its backoff anew
LOG_BYTES_MAX = 16 << 20  # a larger log is put aside when its system starts
LOGS_KEPT = 3
# Run by the child once it is to be told of its parent's end: a parent that had ended before that would never be missed.
UNLESS_ORPHANED = 'parent=$1; shift; [ "$PPID" = "$parent" ] && exec "$@"'


@dataclasses.dataclass
class Command:
    """How to run one process. `user`: run as this user (needs root). `ready`: whether it can do its work now."""

    name: str
    arguments: list
    log: pathlib.Path
    ready: Callable[[], bool]
    environment: dict = dataclasses.field(default_factory=dict)
    directory: pathlib.Path = pathlib.Path("/")
    user: Optional[str] = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 20  # then SIGKILL
    ports: dict = dataclasses.field(default_factory=dict)


class Process:
    """The state of one command. Written by the Supervisor under its lock; reading a field needs none."""

    def __init__(self, command):
        self.command = command
        self.wanted = False
        self.child = None
        self.pid = None
        self.started_at = 0.0
        self.start_due = 0.0
        self.crashes = 0  # in a row
        self.restarts = 0
        self.last_exit = None


class Supervisor:
    """Keeps the wanted processes running. Thread-safe.

    One thread starts every child: a child is told to end (PR_SET_PDEATHSIG) when the thread that started it ends, so
    nothing outlives this process, not even after kill -9. Children have sessions of their own: Ctrl-C in a terminal
    reaches this process alone, which then stops them in order.
    """

    def __init__(self, announce=print, changed=lambda: None):
        """`announce` gets a line when a process crashed; `changed` is called after every start and end, again while it raises OSError.

        Nothing that a full disk does to the two ends the supervision: children would end with it.
        """
        self._announce = announce
        self._changed = changed
        self._lock = threading.RLock()
        self._processes = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def add(self, command):
        with self._lock:
            assert command.name not in self._processes
            self._processes[command.name] = Process(command)

    def names(self):
        return list(self._processes)

    def process(self, name):
        return self._processes[name]

    def start(self, name):
        """Wants it; it is started within POLL_SECONDS. Nothing happens to one that runs."""
        with self._lock:
            process = self._processes[name]
            if not process.wanted:
                process.wanted, process.start_due, process.crashes = True, 0.0, 0

    def stop(self, names, number=None):
        """Ends these at once, each with its signal or this one, then SIGKILL, and returns when all have ended."""
        deadlines = {}
        with self._lock:
            for name in names:
                process = self._processes[name]
                process.wanted = False
                if process.child and process.child.poll() is None:
                    self.signal(name, number or process.command.stop_signal)
                    self.signal(name, signal.SIGCONT)  # one that a test paused must be able to end
                    deadlines[name] = time.monotonic() + process.command.stop_seconds
        for name, deadline in deadlines.items():
            if not wait_for(lambda: self._processes[name].child is None, max(0, deadline - time.monotonic())):
                self._announce(f"{name} does not end within {self._processes[name].command.stop_seconds} s: killed")
                self.signal(name, signal.SIGKILL)
                wait_for(lambda: self._processes[name].child is None, 10)

    def signal(self, name, number):
        """Sends a signal to the process itself, if it runs. True when it was sent."""
        with self._lock:
            child = self._processes[name].child
            if child is None or child.poll() is not None:
                return False
            os.kill(child.pid, number)
            return True

    def close(self):
        """Ends the thread. What still runs is told to end by the kernel."""
        self._ending.set()
        self._thread.join()

    def _run(self):
        is_told = True
        while not self._ending.wait(POLL_SECONDS):
            with self._lock:
                acted = [self._look_after(process) for process in self._processes.values()]
            is_told = is_told and not any(acted)
            if not is_told:
                with contextlib.suppress(OSError):
                    self._changed()
                    is_told = True

    def _say(self, line):
        with contextlib.suppress(OSError):
            self._announce(line)

    def _look_after(self, process):
        now = time.monotonic()
        if process.child:
            status = process.child.poll()
            if status is None:
                return False
            process.child, process.pid, process.last_exit = None, None, status
            if process.wanted:
                if now - process.started_at > STEADY_SECONDS:
                    process.crashes = 0
                self._start_later(process, now, f"ended ({describe_exit(status)})")
            return True
        if process.wanted and now >= process.start_due:
            try:
                process.child = spawn(process.command)
            except OSError as error:  # no room for its log, no memory, no process left: as if it had crashed
                self._start_later(process, now, f"cannot be started ({error.strerror})")
                return True
            process.pid, process.started_at = process.child.pid, now
            return True
        return False

    def _start_later(self, process, now, why):
        delay = BACKOFF_SECONDS[min(process.crashes, len(BACKOFF_SECONDS) - 1)]
        process.crashes += 1
        process.restarts += 1
        process.start_due = now + delay
        self._say(f"{process.command.name} {why}, started again in {delay} s: see {process.command.log}")


def spawn(command):
    arguments = ["/usr/bin/setpriv", "--pdeathsig", signal.Signals(command.stop_signal).name.removeprefix("SIG")]
    if command.user:
        arguments += ["--reuid", command.user, "--regid", command.user, "--init-groups"]
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with open(command.log, "ab") as log:
        arguments += ["--", "/bin/sh", "-c", UNLESS_ORPHANED, "sh", str(os.getpid())]
        return subprocess.Popen(arguments + [str(argument) for argument in command.arguments], stdin=subprocess.DEVNULL, stdout=log,
                                stderr=log, cwd=command.directory, env={**os.environ, **command.environment}, start_new_session=True)


def describe_exit(status):
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name


def wait_for(condition, seconds):
    """True as soon as `condition()` is, False after the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def rotate(log):
    """Puts a large log aside: x.log -> x.log.1 -> x.log.2 …"""
    if not log.exists() or log.stat().st_size <= LOG_BYTES_MAX:
        return
    for number in range(LOGS_KEPT, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if newer.exists():
            newer.replace(older)
