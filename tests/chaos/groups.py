"""What Kafka says of a consumer group: who has which partitions, and whose offsets are still pending in a transaction."""

import struct

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

ANSWER_S = 10.0
PENDING_S = 0.3  # an answer takes some milliseconds; the offsets of an open transaction are not answered


class Group:
    """Asks; takes no part in the group."""

    def __init__(self, brokers, group, topic, partitions):
        self._group = group
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._admin = AdminClient({"bootstrap.servers": brokers})
        self._consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "isolation.level": "read_committed", "enable.auto.commit": False})

    def close(self):
        self._consumer.close()

    def members(self):
        """{client id: its partitions}; nothing while the group is being rebalanced."""
        groups = self._admin.list_groups(self._group, timeout=ANSWER_S)
        if not groups or groups[0].state != "Stable":
            return {}
        return {member.client_id: assigned(member.assignment) for member in groups[0].members}

    def has_pending_offsets(self):
        """Whether somebody has sent offsets to a transaction that has not ended."""
        try:
            return any(place.error is not None for place in self._consumer.committed(self._places, timeout=PENDING_S))
        except KafkaException:
            return True


def assigned(assignment):
    """The partitions in a member's assignment: version, then per topic its name and its partitions."""
    partitions, place = set(), 6
    topics, = struct.unpack_from(">i", assignment, 2) if len(assignment) > place else (0,)
    for _ in range(topics):
        length, = struct.unpack_from(">h", assignment, place)
        place += 2 + length
        count, = struct.unpack_from(">i", assignment, place)
        partitions.update(struct.unpack_from(f">{count}i", assignment, place + 4))
        place += 4 + 4 * count
    return partitions
