"""What one running Parley is made of: its data folder, its ports, how many of each process.

Every setting is a flag and an environment variable; the flag wins. `--port` moves all ports together, so that two
systems need only two values of it.
"""

import argparse
import dataclasses
import ipaddress
import math
import os
import pathlib

from failures import Exit, OpsError

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = (ROOT / ".deps").resolve()  # worktrees may share one by a link
BUILD = ROOT / "build" / "release"

RATE_PROFILES = ("public", "local")
EDGE_PORT = 8000  # what the other default ports are counted from
INSTANCES_MAX = 8  # of a role: the ports of the next role begin behind them
PORT_MAX = 65535
PARTITIONS = 4  # of a new log
PARTITIONS_MAX = 1024  # one for each slot
SOCKET_PATH_BYTES_MAX = 107  # sun_path of Linux, without its final zero


@dataclasses.dataclass
class Settings:
    """All a System needs to know. Plain values; the properties derive from them."""

    data: pathlib.Path
    host: str = "127.0.0.1"  # what the edge listens on; everything else is on loopback
    port: int = EDGE_PORT
    kafka_port: int = 0  # of the first node, 0: counted from `port`; a node takes two
    kafka_nodes: int = 0  # 1 or 3; 0: as many as the data has, and 1 for new ones
    deciders: int = 1
    projectors: int = 1
    reactors: int = 1
    apis: int = 1
    partitions: int = 0  # 0: as many as the log has, and PARTITIONS for a new one; a log keeps its number
    binary: pathlib.Path = BUILD / "ops" / "cli" / "parley"
    page: pathlib.Path = ROOT / "ops" / "page"
    log_level: str = "info"
    rate_profile: str = "local"  # of the rate limits: tests, benchmarks and ops/demo must not meet any; public: as documented
    surfaces: str = "replyx"  # the products whose API is served, each with the prefix of its paths when it has one: "replyx,other=/other"
    # Added to every parley process's environment (PARLEY_...), and to the command line of a role ("decider") or of one process ("decider-1"):
    # for tests of faults.
    environment: dict = dataclasses.field(default_factory=dict)
    role_arguments: dict = dataclasses.field(default_factory=dict)
    # Of each Kafka node by its number, for proxies. Further listeners: [(port, port under which those who come by it are told to come again)].
    kafka_doors: dict = dataclasses.field(default_factory=dict)
    # How its other nodes come to it: (port of a broker's listener for them, port under which they are told of it, and of its controller).
    kafka_links: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.data = pathlib.Path(self.data).absolute()
        self.kafka_port = self.kafka_port or self.port + 11092
        for role in ("deciders", "projectors", "reactors", "apis"):
            if not 1 <= getattr(self, role) <= INSTANCES_MAX:
                raise OpsError(f"--{role} must be between 1 and {INSTANCES_MAX}", Exit.USAGE)
        if not 0 <= self.partitions <= PARTITIONS_MAX:
            raise OpsError(f"--partitions must be between 1 and {PARTITIONS_MAX}", Exit.USAGE)
        if self.kafka_nodes not in (0, 1, 3):
            raise OpsError("--kafka-nodes must be 1 or 3", Exit.USAGE)
        if self.rate_profile not in RATE_PROFILES:
            raise OpsError(f"--rate-profile must be one of: {', '.join(RATE_PROFILES)}", Exit.USAGE)
        for port in (self.port, self.kafka_port + 2 * (self.kafka_nodes or 1) - 1, self.postgres_port):
            if not 1 <= port <= PORT_MAX:
                raise OpsError(f"port {port} (counted from --port {self.port}) is not between 1 and {PORT_MAX}: choose another --port", Exit.USAGE)
        if len(os.fsencode(self.postgres_socket / f".s.PGSQL.{self.postgres_port}")) > SOCKET_PATH_BYTES_MAX:
            raise OpsError(f"{self.data} is too long a path for PostgreSQL's socket: choose a shorter one with --data", Exit.USAGE)

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    @property
    def kafka_brokers(self):
        return ",".join(f"127.0.0.1:{self.kafka_port + 2 * above}" for above in range(self.kafka_nodes or 1))

    @property
    def postgres_port(self):
        """Names the socket's file; PostgreSQL listens on no TCP port."""
        return self.port + 7432

    @property
    def postgres_socket(self):
        return self.data / "socket"

    @property
    def postgres(self):
        """A libpq connection string."""
        return f"host={self.postgres_socket} port={self.postgres_port} dbname=parley user=parley"

    @property
    def keys_file(self):
        return self.data / "keys"

    @property
    def seal_key_file(self):
        """The deciders' signing key; its public half is beside it, .pub."""
        return self.data / "seal-key"

    def api_port(self, number):
        return self.port + 9 + number

    def health_port(self, role, number):
        """Of the role's instance `number` (from 1): decider 8021, 8031, …; projector 8022, 8032, …; api 8023, …; reactor 8024, …"""
        return self.port + 11 + 10 * number + ("decider", "projector", "api", "reactor").index(role)


def default_data():
    return pathlib.Path(os.environ.get("PARLEY_DATA") or "/var/lib/parley")


def add_data_flag(parser, default):
    parser.add_argument("--data", type=pathlib.Path, default=default, metavar="DIR",
                        help="the folder of all data (PARLEY_DATA; default %(default)s)")


def add_system_flags(parser):
    """The flags of Settings, with their environment variables as defaults."""

    def add(flag, kind, default, text):
        variable = "PARLEY_" + flag.upper().replace("-", "_")
        otherwise = "" if default == "" else "; default %(default)s"
        parser.add_argument("--" + flag, type=kind, default=os.environ.get(variable) or default, metavar=kind.__name__.upper(),
                            help=f"{text} ({variable}{otherwise})")

    add_data_flag(parser, default_data())
    add("host", str, "127.0.0.1", "the address that the edge, an nginx, listens on (without TLS)")
    add("port", int, EDGE_PORT, "the edge's port; the other ports move with it")
    add("kafka-port", int, 0, "Kafka's port; its controller takes the next one, and each further node two more; 0: the edge's port + 11092")
    add("kafka-nodes", int, 0, "Kafka nodes for new data: 1, or 3 on this machine to try what three brokers do; 0: 1, and of data that are there as many as they have")
    add("deciders", int, 1, "the number of deciders")
    add("projectors", int, 1, "the number of projectors")
    add("reactors", int, 1, "the number of reactors (parley reactor processes)")
    add("apis", int, 1, "the number of API processes")
    add("partitions", int, 0, f"the number of partitions of a new log; 0: {PARTITIONS}, and of a log that is there as many as it has")
    add("surfaces", str, "replyx", "the products whose API is served, each with the prefix of its paths when it has one (name=/prefix), separated by ','")
    add("log-level", str, "info", "the lowest level that the Parley processes log")
    add("rate-profile", str, "", "rate limits: public (as documented) or local (so high that one developer never reaches them); default: local when --host is a loopback address, public otherwise")


def duration(text):
    """A flag's value: a number of seconds or minutes."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(text)
    return number


def from_flags(flags):
    return Settings(data=flags.data, host=flags.host, port=flags.port, kafka_port=flags.kafka_port, kafka_nodes=flags.kafka_nodes, deciders=flags.deciders,
                    projectors=flags.projectors, reactors=flags.reactors, apis=flags.apis, partitions=flags.partitions, log_level=flags.log_level, surfaces=flags.surfaces,
                    rate_profile=flags.rate_profile or ("local" if is_loopback(flags.host) else "public"))


def is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parser(description):
    """Of a command whose description begins with its name, "ops/run: ..."."""
    return argparse.ArgumentParser(prog=description.partition(":")[0], description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
