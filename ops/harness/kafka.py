"""The Kafka of a system, one node or three: storage, commands, and the questions asked of it."""

import base64
import dataclasses
import pathlib
import socket
import struct
import subprocess
import uuid

import data_folder
from failures import Exit, OpsError, program, reason
from settings import DEPS, ROOT
from supervisor import Command

LIBRARIES = DEPS / "kafka"
JAVA_FOLDER = pathlib.Path("/usr/lib/jvm")
JAVA_PACKAGE = "openjdk-17-jre-headless"
META_KEYS = ("version", "cluster.id", "node.id")
FORMAT_SECONDS_MAX = 60
NODES_TOGETHER = 3  # the fewest that go on with one away
PROBE_SECONDS = 1


@dataclasses.dataclass(frozen=True)
class Node:
    """One of a system's nodes, broker and controller in one. `number`: from 1, Kafka's node.id."""

    name: str
    number: int
    folder: pathlib.Path
    port: int
    controller_port: int


def nodes(settings):
    ports = [(settings.kafka_port + 2 * above, settings.kafka_port + 2 * above + 1) for above in range(settings.kafka_nodes)]
    if settings.kafka_nodes == 1:
        return [Node("kafka", 1, settings.data / "kafka", *ports[0])]
    return [Node(f"kafka-{number}", number, settings.data / "kafka" / f"node-{number}", *both) for number, both in enumerate(ports, 1)]


def nodes_of(data):
    """How many nodes the Kafka in a data folder has; 0: there is none."""
    if any((data / "kafka").glob("node-*")):
        return NODES_TOGETHER
    return 1 if (data / "kafka").is_dir() and any((data / "kafka").iterdir()) else 0


def check(settings, fresh):
    """OpsError when Java is missing, or when what Kafka keeps cannot be read (`fresh`: it will be removed). Changes nothing."""
    program(java_runtime(), JAVA_PACKAGE)
    for node in nodes(settings):
        file = node.folder / "meta.properties"
        if fresh or not node.folder.exists() or not any(node.folder.iterdir()):
            continue
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        absent = [key for key in META_KEYS if not any(line.startswith(f"{key}=") and line != f"{key}=" for line in lines)]
        if absent:
            raise OpsError(f"{file} is broken ({', '.join(absent)} missing): restore {node.folder} from a copy, or begin with no data at all with --fresh",
                           Exit.BROKEN_DATA)


def partitions_of(data, topic="parley.events"):
    """How many partitions the log in a data folder has, as its folders on the disk say; 0: there is no log."""
    folders = [*(data / "kafka").glob(f"{topic}-*"), *(data / "kafka").glob(f"node-*/{topic}-*")]
    return len({folder.name for folder in folders if folder.name.removeprefix(f"{topic}-").isdigit()})


def prepare(settings):
    """Writes each node's configuration and, the first time, formats its storage. Returns their commands."""
    return [command(settings, node) for node in nodes(settings)]


def command(settings, node):
    alone = settings.kafka_nodes == 1
    template = ROOT / "ops/deploy/kafka"
    config = data_folder.write_config(settings, template / "server.properties.in", f"{node.name}.properties", **values(settings, node))
    with open(config, "a") as file:
        file.write((template / ("alone.properties" if alone else "together.properties")).read_text())
    format_storage(settings, node)
    start = java("kafka.Kafka", config, options=("-Xms512m", "-Xmx1g") if alone else ("-Xms256m", "-Xmx512m"))
    if alone:
        controller = data_folder.write_config(settings, template / "controller.properties.in", "kafka-controller.properties", data=node.folder,
                                              controller_port=node.controller_port)
        start = [template / "start", node.folder, controller, *start]
    return Command(name=node.name, log=settings.data / "log" / f"{node.name}.log", ready=lambda: answers(node.port), arguments=start,
                   directory=settings.data / "kafka", stop_seconds=40, ports={"kafka": node.port, "controller": node.controller_port})


def values(settings, node):
    """What fills server.properties.in."""
    between, between_advertised, controller_advertised = settings.kafka_links.get(node.number, (0, 0, 0))
    further = doors(settings.kafka_doors.get(node.number, []))
    if between:
        further["door_listeners"] += f",BETWEEN://127.0.0.1:{between}"
        further["door_advertised"] += f",BETWEEN://127.0.0.1:{between_advertised},CONTROLLER://127.0.0.1:{controller_advertised}"
        further["door_protocols"] += ",BETWEEN:PLAINTEXT"
    voters = ",".join(f"{each.number}@127.0.0.1:{settings.kafka_links[each.number][2] if between else each.controller_port}" for each in nodes(settings))
    return {"node": node.number, "voters": voters, "data": node.folder, "port": node.port, "controller_port": node.controller_port,
            "between": "BETWEEN" if between else "PLAINTEXT", **further}


def format_storage(settings, node):
    """Makes the node's storage when there is none, of the same cluster as the other nodes'. Its configuration is written."""
    if (node.folder / "meta.properties").exists():
        return
    node.folder.mkdir(mode=0o700, exist_ok=True)
    others = [cluster_of(each) for each in nodes(settings) if (each.folder / "meta.properties").exists()]
    cluster = others[0] if others else base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # the zero: never a leading '-'
    config = settings.data / "etc" / f"{node.name}.properties"
    done = subprocess.run(java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", config), capture_output=True, text=True, timeout=FORMAT_SECONDS_MAX)
    if done.returncode != 0:
        raise OpsError(f"Kafka's storage cannot be made in {node.folder}: {reason(done.stdout + done.stderr)}", Exit.FAULT, done.stdout + done.stderr)


def cluster_of(node):
    lines = (node.folder / "meta.properties").read_text().splitlines()
    return next(line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id="))


def out_of_sync(brokers):
    """[topic/partition] of those that not all of their replicas follow, and of those without a leader."""
    from confluent_kafka.admin import AdminClient  # only here: the rest works without the package

    topics = AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(timeout=5).topics
    return [f"{name}/{number}" for name, topic in topics.items() for number, partition in topic.partitions.items()
            if len(partition.isrs) < len(partition.replicas) or partition.leader < 0]


def doors(ports):
    """What further listeners add to the three settings of listeners."""
    names = [f"DOOR{number}" for number in range(len(ports))]
    return {"door_listeners": "".join(f",{name}://127.0.0.1:{port}" for name, (port, _) in zip(names, ports)),
            "door_advertised": "".join(f",{name}://127.0.0.1:{advertised}" for name, (_, advertised) in zip(names, ports)),
            "door_protocols": "".join(f",{name}:PLAINTEXT" for name in names)}


def java(main_class, *arguments, options=()):
    """The command line of one of Kafka's programs."""
    logging = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-Dorg.slf4j.simpleLogger.showDateTime=true",
               "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "-Duser.timezone=UTC")
    return [java_runtime(), *options, *logging, "-cp", f"{LIBRARIES}/*", main_class, *arguments]


def java_runtime():
    """The one that was installed for this; PATH may have another."""
    return next(JAVA_FOLDER.glob("java-17-openjdk-*/bin/java"), JAVA_FOLDER / "java-17-openjdk/bin/java")


def answers(port):
    """Whether the broker serves: it accepts connections earlier, but answers ApiVersions (key 18, version 0) only then."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PROBE_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def group_lags(brokers):
    """[(group, topic, messages not yet consumed)] of every consumer group that commits to Kafka."""
    from confluent_kafka import Consumer, TopicPartition  # only here: the rest works without the package
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": brokers})
    topics = {name: sorted(topic.partitions) for name, topic in admin.list_topics(timeout=5).topics.items() if not name.startswith("__")}
    lags = []
    for group in sorted(group.id for group in admin.list_groups(timeout=5)):
        consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False})
        for topic, partitions in sorted(topics.items()):
            committed = [p for p in consumer.committed([TopicPartition(topic, p) for p in partitions], timeout=5) if p.offset >= 0]
            if committed:
                ends = (consumer.get_watermark_offsets(p, timeout=5)[1] for p in committed)
                lags.append((group, topic, sum(end - p.offset for p, end in zip(committed, ends))))
        consumer.close()
    return lags
