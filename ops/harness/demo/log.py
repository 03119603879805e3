"""What a plain consumer of the events' topic sees: CloudEvents in Kafka's binary mode, nothing of ours needed."""

import hashlib
import struct
import time
from collections import defaultdict
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

REQUEST_TIMEOUT_S = 15.0
BATCH_MAX = 1000
SLOTS = 1024


@dataclass(frozen=True)
class Event:
    partition: int
    offset: int
    headers: dict  # name -> bytes
    value: bytes
    key: bytes = b""

    def text(self, name):
        return self.headers.get(name, b"").decode()

    @property
    def subject(self):
        return self.text("ce_subject")

    @property
    def sequence(self):
        return self.text("ce_sequence")

    @property
    def is_seal(self):
        """What a decider says of its partition: no command leads to it."""
        return self.subject.startswith("seal/")


def place_of(position):
    """"partition:offset" of an X-Event-Position, which begins with the name of its log; None of none."""
    return position and position.rpartition(".")[2]


def chain_hash(previous, event):
    """SHA-256 over "parley.v1", the stream's previous hash and the length-prefixed fields, as schemas/README.md says."""
    digest = hashlib.sha256(b"parley.v1" + previous)
    for name in ("ce_subject", "ce_sequence", "ce_id", "ce_type", "ce_time", "ce_source", "ce_actor", "ce_correlationid", "ce_causationid",
                 "content-type"):
        field = event.headers.get(name, b"")
        digest.update(struct.pack(">I", len(field)) + field)
    digest.update(struct.pack(">I", len(event.value)) + event.value)
    return digest.digest()


def partition_digest(previous, event):
    """The running digest of a partition's events as they are stored, as schemas/README.md says. Their headers must be in the order of the record."""
    digest = hashlib.sha256(b"parley.seal.v1" + previous)
    for part in (event.key, *(part for name, value in event.headers.items() for part in (name.encode(), value)), event.value):
        digest.update(struct.pack(">I", len(part)) + part)
    return digest.digest()


class Log:
    """Reads the topic without a group's membership: from where the log ended at the start (or from its beginning) to where it ends later."""

    def __init__(self, brokers, topic, properties, from_beginning=False):
        self._config = {
            "bootstrap.servers": brokers, "group.id": "parley-demo", "enable.auto.commit": False, "auto.offset.reset": "error",
            "enable.partition.eof": True, "log_level": 2, **properties,
        }
        self._topic = topic
        self._start = self._ends()
        if from_beginning:
            self._start = dict.fromkeys(self._start, 0)

    @property
    def partitions(self):
        return len(self._start)

    def _ends(self):
        """The log's end as a read_uncommitted client sees it: nothing that was acknowledged is past it."""
        consumer = Consumer({**self._config, "isolation.level": "read_uncommitted"})
        try:
            topic = consumer.list_topics(self._topic, timeout=REQUEST_TIMEOUT_S).topics[self._topic]
            if topic.error is not None or not topic.partitions:
                raise KafkaException(topic.error or KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
            return {partition: consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=REQUEST_TIMEOUT_S)[1]
                    for partition in topic.partitions}
        finally:
            consumer.close()

    def read(self, patience_s):
        """Yields the committed events since the start. Raises KafkaException, or TimeoutError when the end is not reached."""
        ends = self._ends()
        missing = {partition for partition, end in ends.items() if end > self._start[partition]}
        consumer = Consumer({**self._config, "isolation.level": "read_committed"})
        consumer.assign([TopicPartition(self._topic, partition, self._start[partition]) for partition in missing])
        deadline = time.monotonic() + patience_s
        try:
            while missing:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the committed end of {self._topic} {sorted(missing)} was not reached in {patience_s} s")
                for record in consumer.consume(BATCH_MAX, timeout=0.5):
                    error = record.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        if error.retriable() or error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                            continue
                        raise KafkaException(error)
                    # Offsets have holes (transaction markers), so an end is reached at the end-of-partition notice.
                    if error is not None:
                        if record.offset() >= ends[record.partition()]:
                            missing.discard(record.partition())
                    elif record.offset() < ends[record.partition()]:
                        yield Event(record.partition(), record.offset(), dict(record.headers() or ()), record.value() or b"", record.key() or b"")
        finally:
            consumer.close()


def streams_of(events, subjects):
    """The events of these streams, each stream in the order of the log."""
    streams = defaultdict(list)
    for event in events:
        if event.subject in subjects:
            streams[event.subject].append(event)
    return streams
