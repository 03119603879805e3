"""The Kafka node of a system: its storage, its command, and the questions asked of it."""

import base64
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
PROBE_SECONDS = 1


def check(settings, fresh):
    """OpsError when Java is missing, or when what Kafka keeps cannot be read (`fresh`: it will be removed). Changes nothing."""
    program(java_runtime(), JAVA_PACKAGE)
    folder = settings.data / "kafka"
    file = folder / "meta.properties"
    if fresh or not folder.exists() or not any(folder.iterdir()):
        return
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    absent = [key for key in META_KEYS if not any(line.startswith(f"{key}=") and line != f"{key}=" for line in lines)]
    if absent:
        raise OpsError(f"{file} is broken ({', '.join(absent)} missing): restore {folder} from a copy, or begin with no data at all with --fresh", Exit.BROKEN_DATA)


def partitions_of(data, topic="parley.events"):
    """How many partitions the log in a data folder has, as its folders on the disk say; 0: there is no log."""
    return len([folder for folder in (data / "kafka").glob(f"{topic}-*") if folder.name.removeprefix(f"{topic}-").isdigit()])


def prepare(settings):
    """Writes the configuration and, the first time, formats the storage. Returns the command."""
    folder = settings.data / "kafka"
    config = data_folder.write_config(settings, ROOT / "ops/deploy/kafka/server.properties.in", "kafka.properties", data=folder,
                                      port=settings.kafka_port, controller_port=settings.kafka_controller_port,
                                      **doors(settings.kafka_doors))
    controller = data_folder.write_config(settings, ROOT / "ops/deploy/kafka/controller.properties.in", "kafka-controller.properties", data=folder,
                                          controller_port=settings.kafka_controller_port)
    if not (folder / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # the zero: never a leading '-'
        done = subprocess.run(java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", config), capture_output=True, text=True,
                              timeout=FORMAT_SECONDS_MAX)
        if done.returncode != 0:
            raise OpsError(f"Kafka's storage cannot be made in {folder}: {reason(done.stdout + done.stderr)}", Exit.FAULT, done.stdout + done.stderr)
    return Command(name="kafka", log=settings.data / "log" / "kafka.log", ready=lambda: answers(settings.kafka_port),
                   arguments=[ROOT / "ops/deploy/kafka/start", folder, controller, *java("kafka.Kafka", config, options=("-Xms512m", "-Xmx1g"))],
                   directory=folder, stop_seconds=40,
                   ports={"kafka": settings.kafka_port, "controller": settings.kafka_controller_port})


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
