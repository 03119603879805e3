"""A whole Parley on this machine: Kafka, PostgreSQL, the Parley processes and the edge, started and stopped as one.

`ops/run` is one System in the foreground; `ops/test` starts one for the end-to-end tests; tests of faults make their own:

    from parley_system import System, settings_for_test

    with System(settings_for_test("takeover", deciders=2)) as system:   # own ports, own data folder
        system.start(fresh=True)                                    # returns when everything is ready
        requests_go_to = system.url                                 # http://localhost:13000
        system.kill("decider-1")                                    # SIGKILL; the supervisor starts it again
        system.wait_ready("decider-1")
        system.pause("decider-2"); ...; system.resume("decider-2")  # SIGSTOP, SIGCONT
        system.stop_process("postgres"); ...; system.start_process("postgres")
        assert system.restarts("decider-1") == 1
    # leaving the block stops everything, in order

Names of processes: "kafka" (of three nodes "kafka-1"…), "postgres", "decider-1"…, "projector-1"…, "reactor-1"…, "api-1"…, "edge". PARLEY_TEST_DATA, where set, is the
folder under which settings_for_test() makes data folders; logs stay there afterwards, in <data>/log/<name>.log.
"""

import contextlib
import errno
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import data_folder
import edge
import kafka
import postgres
import prometheus
import repartition
from failures import REASON_CHARS_MAX, Exit, OpsError, no_room, on, reason
from settings import PARTITIONS, Settings
from supervisor import Command, Supervisor, rotate, wait_for

READY_SECONDS_MAX = 240  # from the start of a process until it can do its work; Kafka after kill -9 needs 12, and beside other systems on two cores 80
START_CRASHES_MAX = 4
TASK_SECONDS_MAX = 120
LEFTOVER_SECONDS_MAX = 45
PROBE_SECONDS = 2
LOG_TAIL_BYTES = 4000
PREPARATIONS = ("keys", "topics", "migrate")
DISKS = ("kafka", "postgres", "state", "log")  # folders that may be on disks of their own
STOP_ORDER = ("edge", "api", "projector", "reactor", "decider")  # then the servers: nobody loses what it still needs


class System:
    """One Parley. Its processes live at most as long as this object's process. The methods are thread-safe.

    Errors are OpsError, with a text for people. `announce` gets a line of progress at a time.
    """

    def __init__(self, settings, announce=print):
        self.settings = settings
        self.announce = announce
        self._supervisor = None
        self._lock = None
        self._logs_begin = {}  # where the log of each process begins that was started last
        self._root = os.getuid() == 0

    def __enter__(self):
        return self

    def __exit__(self, _, failure, __):
        """Stops everything. What fails meanwhile never takes the place of what failed before."""
        try:
            self.stop()
        except Exception as second:
            if failure is None:
                raise
            with contextlib.suppress(OSError):
                self.announce(f"and stopping failed: {second}")

    # Starting and stopping everything.

    def start(self, fresh=False):
        """Starts what is not started and returns when all of it is ready. `fresh`: with empty data."""
        self.start_servers(fresh)
        self.start_parley()

    def check(self, fresh=False):
        """OpsError when a start would fail for its folder, its data, its ports or its programs: known at once, before anything is built.

        Makes the folder, and holds it until stop(). `fresh`: of a start with empty data.
        """
        settings = self.settings
        with on(settings.data):
            if not self._lock:
                self._lock = data_folder.lock(settings.data)
                self._wait_for_leftovers()
                repartition.settle(settings.data, self.announce)
            self._choose_nodes(fresh)
            self._choose_partitions(fresh)
            edge.check()
            postgres.check(settings, self._root, fresh)
            kafka.check(settings, fresh)
            self._refuse_full_disks()
            self._refuse_taken_ports()

    def start_servers(self, fresh=False):
        """Kafka and PostgreSQL alone, with an empty database; what integration tests need."""
        settings = self.settings
        self.check(fresh)
        with on(settings.data):
            if fresh:
                data_folder.empty(settings.data)
            data_folder.lay_out(settings.data)
            for log in (settings.data / "log").glob("*.log"):
                rotate(log)
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))  # for all children: an open stream is an open file
            with self._disks_looked_at():
                commands = [*kafka.prepare(settings), postgres.prepare(settings, self._root), *self._parley_commands(), edge.command(settings, self._root)]
                self._supervisor = Supervisor(self.announce, self._write_state)
                for command in commands:
                    self._supervisor.add(command)
                self._start(self._servers())
                postgres.make_database(settings)

    def start_parley(self):
        """Keys, topics and tables, then the Parley processes, then the edge."""
        binary = self.settings.binary
        if not os.access(binary, os.X_OK):
            raise OpsError(f"{binary} is missing: cmake --build --preset release builds it", Exit.MISSING)
        with on(self.settings.data), self._disks_looked_at():
            prometheus.write_config(self.settings)
            for task in PREPARATIONS:
                self.task(task)
            self._start([name for name in self.names() if name not in (*self._servers(), "edge")])
            self._start(["edge"])

    def stop(self):
        """Ends everything cleanly, in order, and lets go of the folder. Nothing happens when nothing runs."""
        self.stop_processes()
        if self._lock:
            self._lock.close()
            self._lock = None

    def stop_processes(self):
        """The same, but the folder stays held: nobody else starts on it meanwhile."""
        if self._supervisor:
            for role in STOP_ORDER:
                self._supervisor.stop([name for name in self.names() if name.startswith(role)])
            self._supervisor.stop(self._servers())
            self._supervisor.close()
            self._supervisor = None
            (self.settings.data / "run.json").unlink(missing_ok=True)

    # One process.

    def names(self):
        """All processes, in the order in which they are started."""
        return self._supervisor.names()

    def kill(self, name, number=signal.SIGKILL):
        """Sends the signal and waits until the process has ended; then it is started again like after any crash."""
        pid = self.pid(name)
        self._supervisor.signal(name, number)
        if not wait_for(lambda: self.pid(name) != pid, 30):
            raise OpsError(f"{name} (pid {pid}) did not end 30 s after {signal.Signals(number).name}")

    def pause(self, name):
        """SIGSTOP: it holds its connections and does nothing."""
        self._supervisor.signal(name, signal.SIGSTOP)

    def resume(self, name):
        self._supervisor.signal(name, signal.SIGCONT)

    def stop_process(self, name, number=None):
        """Ends it, cleanly or by this signal; it stays away until start_process()."""
        self._supervisor.stop([name], number)

    def start_process(self, name):
        """Starts it and returns when it is ready."""
        self._start([name])

    def launch(self, name):
        """Starts it and returns at once: for one that is to say why it does not get ready."""
        self._supervisor.start(name)

    def restart(self, name, binary=None, more=()):
        """`binary`: another program from now on; `more`: arguments of this start alone."""
        self.stop_process(name)
        command = self._supervisor.process(name).command
        if binary:
            command.arguments[0] = binary
        given, command.arguments = command.arguments, [*command.arguments, *more]
        self.start_process(name)
        command.arguments = given

    def wait_ready(self, *names, seconds=READY_SECONDS_MAX):
        """Returns when these (all when none is named) run and are ready; OpsError when they are not within the time."""
        for name in names or self.names():
            deadline = time.monotonic() + seconds
            if not wait_for(lambda: self.ready(name), seconds):
                raise self._not_ready(name)
            seconds = max(0, deadline - time.monotonic())

    def ready(self, name):
        process = self._supervisor.process(name)
        return process.child is not None and process.command.ready()

    def why_not_ready(self, name):
        """What its /readyz says; of a server, which has none, nothing."""
        health = self._supervisor.process(name).command.ports.get("health")
        return ready_answer(health)[1] if health else ""

    def pid(self, name):
        """None while it does not run."""
        return self._supervisor.process(name).pid

    def pids(self, name):
        """The running process and its children."""
        pids = [self.pid(name)]
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{pid}/children") as children:
                pids += [int(child) for child in children.read().split()]
        return pids

    def processor_seconds(self, name):
        """What the running process and its children have used of the processors."""
        own, ticks = self.pid(name), 0
        for pid in self.pids(name):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    fields = stat.read().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # a child that has ended is in its parent's sum
            ticks += sum(map(int, fields[11:15] if pid == own else fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def restarts(self, name):
        """How often it was started again after it ended unasked."""
        return self._supervisor.process(name).restarts

    def log(self, name):
        return self._supervisor.process(name).command.log

    # Where things are.

    @property
    def url(self):
        return self.settings.url

    def health_url(self, name):
        """http://127.0.0.1:PORT of a Parley process: /metrics, /livez, /readyz."""
        return f"http://127.0.0.1:{self._supervisor.process(name).command.ports['health']}"

    def environment(self):
        """What a Parley process or task of this system needs to know, as PARLEY_* variables."""
        settings = self.settings
        return {"PARLEY_KAFKA_BROKERS": settings.kafka_brokers, "PARLEY_POSTGRES": settings.postgres, "PARLEY_KEYS_FILE": str(settings.keys_file),
                "PARLEY_SEAL_KEY_FILE": str(settings.seal_key_file), "PARLEY_PARTITIONS": str(settings.partitions),
                "PARLEY_REPLICATION": str(settings.kafka_nodes or 1), "PARLEY_SURFACES": settings.surfaces, "PARLEY_FILES_FOLDER": str(settings.data / "files"), "PARLEY_FILES_AT_EDGE": edge.FILES, "PARLEY_UPLOADS_FOLDER": str(settings.data / "uploads"),
                "PARLEY_LOG_LEVEL": settings.log_level, **settings.environment}

    def start_role(self, role):
        """The processes of one role alone, with the keys, topics and tables that they need, until they are ready: for what is done while nobody writes."""
        with on(self.settings.data), self._disks_looked_at():
            for task in PREPARATIONS:
                self.task(task)
            self._start([name for name in self.names() if name.startswith(role)])

    def task(self, *arguments, seconds=TASK_SECONDS_MAX):
        """Runs `parley ARGUMENT...` on this system to its end; OpsError when it fails. Returns what it wrote to stdout. `seconds`: None for no limit."""
        log = self.settings.data / "log" / f"{arguments[0]}.log"
        begin = log.stat().st_size if log.exists() else 0
        with open(log, "ab") as errors:
            done = subprocess.run([self.settings.binary, *arguments], env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=errors, text=True, timeout=seconds)
        if done.returncode != 0:
            raise OpsError(f"parley {' '.join(map(str, arguments))} failed with {done.returncode}: {reason(tail(log, begin) or done.stdout)}", Exit.FAULT,
                           done.stdout + tail(log, begin))
        return done.stdout

    # How it is done.

    def _parley_commands(self):
        settings = self.settings
        commands = []
        for role, count in (("decider", settings.deciders), ("projector", settings.projectors), ("reactor", settings.reactors),
                            ("api", settings.apis)):
            for number in range(1, count + 1):
                name = f"{role}-{number}"
                ports = {"health": settings.health_port(role, number)}
                arguments = [settings.binary, role, *(["processes"] if role == "reactor" else []), "--instance", name, "--health-port", ports["health"]]
                if role == "decider":
                    arguments += ["--state-dir", settings.data / "state" / name]
                if role == "api":
                    ports["http"] = settings.api_port(number)
                    arguments += ["--http-host", "127.0.0.1", "--http-port", ports["http"]]
                    arguments += ["--rate-profile", settings.rate_profile, "--trusted-proxy", "127.0.0.1"]  # its edge: the only one that asks it from there
                commands.append(Command(name=name, arguments=arguments + settings.role_arguments.get(role, [])
                                        + settings.role_arguments.get(name, []), environment=self.environment(),
                                        log=settings.data / "log" / f"{name}.log", ready=lambda port=ports["health"]: ready_answer(port)[0] == 200,
                                        directory=settings.data, ports=ports))
        return commands

    def _servers(self):
        return [*(node.name for node in kafka.nodes(self.settings)), "postgres"]

    def _start(self, names):
        began = time.monotonic()
        for name in names:
            log = self.log(name)
            self._logs_begin[name] = log.stat().st_size if log.exists() else 0
            self._supervisor.start(name)
        for name in names:  # what crashes again and again before it was ready will go on doing so
            process = self._supervisor.process(name)
            wait_for(lambda: self.ready(name) or process.crashes >= START_CRASHES_MAX, READY_SECONDS_MAX)
            self.wait_ready(name, seconds=0)
        self.announce(f"{', '.join(names)}: ready in {time.monotonic() - began:.1f} s")

    def _choose_nodes(self, fresh):
        """Kafka keeps the number of its nodes; only a new one gets the setting's, or one."""
        settings = self.settings
        there = 0 if fresh else kafka.nodes_of(settings.data)
        if there and settings.kafka_nodes not in (0, there):
            raise OpsError(f"the Kafka in {settings.data} has {there} node{'s' if there > 1 else ''}, and --kafka-nodes says {settings.kafka_nodes}: leave it out, or "
                           f"move the log by parley backup and ops/run --fresh --kafka-nodes {settings.kafka_nodes} --restore", Exit.USAGE)
        settings.kafka_nodes = there or settings.kafka_nodes or 1

    def _choose_partitions(self, fresh):
        """A log keeps its number of partitions; only a new one gets the setting's, or the default."""
        settings = self.settings
        there = 0 if fresh else kafka.partitions_of(settings.data)
        if there and settings.partitions not in (0, there):
            raise OpsError(f"the log in {settings.data} has {there} partitions, and --partitions says {settings.partitions}: leave --partitions out, or "
                           f"ops/run --repartition {settings.partitions} makes the log anew with that number", Exit.USAGE)
        settings.partitions = there or settings.partitions or PARTITIONS

    def _wait_for_leftovers(self):
        """Processes of a run that was killed are ending by themselves; only then are their ports and files free."""
        try:
            state = data_folder.read_state(self.settings.data)
        except OpsError as broken:  # a power cut, a full disk: who started it has ended, for the folder is not locked
            self.announce(f"{broken.sentence.partition(':')[0]}: it is written anew")
            return
        for process in state["processes"] if state else []:
            if not wait_for(lambda: not data_folder.runs(process), LEFTOVER_SECONDS_MAX):
                raise OpsError(f"{process.get('name')} of an earlier run (pid {process['pid']}) still runs: end it first", Exit.IN_USE)

    def _refuse_taken_ports(self):
        settings = self.settings
        ports = {"the edge": settings.port}
        for node in kafka.nodes(settings):
            ports |= {node.name: node.port, f"{node.name}'s controller": node.controller_port}
            ports |= {f"{node.name}'s door {number}": port for number, (port, _) in enumerate(settings.kafka_doors.get(node.number, []), 1)}
        for command in self._parley_commands():
            ports.update({f"{command.name} ({use})": port for use, port in command.ports.items()})
        for name, port in ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((settings.host if name == "the edge" else "127.0.0.1", port))
                except OSError as error:
                    flag = "--kafka-port" if name.startswith("kafka") and "door" not in name else "--port"
                    way_out = f"choose another one with {flag} (--port moves all of them)"
                    if name == "the edge" and (isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL):
                        way_out = f"--host {settings.host} must be an address of this machine"
                    raise OpsError(f"port {port} for {name} cannot be used ({error.strerror}): {way_out}",
                                   Exit.IN_USE if error.errno == errno.EADDRINUSE else Exit.USAGE) from None

    def _refuse_full_disks(self):
        full = no_room(self._folders())
        if full:
            raise full

    @contextlib.contextmanager
    def _disks_looked_at(self):
        """Whatever fails inside the block while a disk is full fails for that."""
        try:
            yield
        except OpsError as failure:
            full = no_room(self._folders(), details=str(failure))
            if full is None:
                raise
            raise full from failure

    def _folders(self):
        return [folder for folder in (self.settings.data, *(self.settings.data / name for name in DISKS)) if folder.is_dir()]

    def _not_ready(self, name):
        log = self.log(name)
        end = tail(log, self._logs_begin.get(name, 0))
        why = " ".join(self.why_not_ready(name).split())[:REASON_CHARS_MAX] or reason(end)
        return OpsError(f"{name} does not get ready: {why} (all of it is in {log})", Exit.FAULT, f"The end of {log}:\n{end}")

    def _write_state(self):
        processes = []
        for name in self.names():
            process = self._supervisor.process(name)
            processes.append({"name": name, "wanted": process.wanted, "pid": process.pid, "ticks": process.pid and data_folder.start_ticks(process.pid),
                              "restarts": process.restarts, "last_exit": process.last_exit, "ports": process.command.ports, "log": str(process.command.log)})
        data_folder.write_state(self.settings.data, {"pid": os.getpid(), "ticks": data_folder.start_ticks(os.getpid()), "url": self.url, "binary": str(self.settings.binary),
                                                     "environment": self.environment(), "processes": processes})


def settings_for_test(name, port=13000, **others):
    """Settings of a test's own system: `name` is its data folder's, `port` moves all ports; others as in Settings."""
    folder = pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or "/tmp/parley-test") / name
    binary = os.environ.get("PARLEY_BIN")
    return Settings(data=folder, port=port, **{**({"binary": pathlib.Path(binary)} if binary else {}), **others})


def ready_answer(port):
    """(status, body) of a Parley process's /readyz; status 0 when there is no answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PROBE_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


def tail(log, begin=0):
    """The end of a log, of what stands from `begin` on."""
    try:
        with open(log, "rb") as file:
            file.seek(max(begin, log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
