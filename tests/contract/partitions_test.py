#!/usr/bin/python3
"""A task at the console that is told a wrong number of partitions does nothing and says which number it is. Needs PARLEY_TEST_KAFKA,
PARLEY_TEST_POSTGRES and PARLEY_BIN."""

import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time
import unittest

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

BINARY, KAFKA, POSTGRES = (os.environ.get(name, "") for name in ("PARLEY_BIN", "PARLEY_TEST_KAFKA", "PARLEY_TEST_POSTGRES"))
SKIPPED = 77
DEADLINE_S = 60
RETRY_S = 0.1
PARTITIONS = 4
WRONG = (2, 16)
TOPICS = ("commands", "events", "replies", "directory", "dead-letters")


class Partitions(unittest.TestCase):
    """A log of four partitions, made as operators make one."""

    @classmethod
    def setUpClass(cls):
        cls.prefix = "partitions-" + secrets.token_hex(4)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.keys = str(pathlib.Path(cls.folder.name) / "keys")
        cls.admin = AdminClient({"bootstrap.servers": KAFKA})
        made = cls.parley("topics", partitions=PARTITIONS)
        assert made.returncode == 0, made.stderr
        cls.addClassCleanup(lambda: [done.result() for done in cls.admin.delete_topics(cls.topics()).values()])
        assert subprocess.run([BINARY, "keys", "--keys-file", cls.keys], capture_output=True, timeout=DEADLINE_S).returncode == 0

    @classmethod
    def parley(cls, *command, partitions, variable=False, text=""):
        """The number as a flag, or as the variable that stands for it."""
        flags = ["--kafka-brokers", KAFKA, "--topic-prefix", cls.prefix, *([] if variable else ["--partitions", str(partitions)])]
        environment = {**os.environ, **({"PARLEY_PARTITIONS": str(partitions)} if variable else {})}
        return subprocess.run([BINARY, *command, *flags], input=text, capture_output=True, text=True, timeout=DEADLINE_S, env=environment)

    @classmethod
    def topics(cls):
        return sorted(name for name in cls.admin.list_topics(timeout=DEADLINE_S).topics if name.startswith(cls.prefix + "."))

    def ends(self):
        """Of every partition of every topic of the log."""
        consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": "partitions-test"})
        try:
            topics = self.admin.list_topics(timeout=DEADLINE_S).topics
            return {(name, partition): self.watermarks(consumer, TopicPartition(name, partition))
                    for name in self.topics() for partition in topics[name].partitions}
        finally:
            consumer.close()

    @staticmethod
    def watermarks(consumer, place):
        """A partition that was made a moment ago may be without a leader yet."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return consumer.get_watermark_offsets(place, timeout=DEADLINE_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)

    def tasks(self):
        """Each with what it reads from standard input."""
        keys, email = ("--keys-file", self.keys), ("--email", "a@example.com")
        yield from (((*("admin", task), *keys, *email), "correct horse\n") for task in ("create", "reset-password"))
        yield from ((command, "") for command in (
            ("parked", "list"), ("parked", "list", "--json"), ("parked", "show", "dialog/1387"), ("parked", "retry", "dialog/1387"),
            ("parked", "retry", "dialog/1387", "--projection", "read_models", "--version", "1"), ("parked", "skip", "dialog/1387", "--reason", "a test"),
            ("audit", "history", "dialog/1387"), ("audit", "state", "dialog/1387"), ("audit", "replay", "dialog/1387"), ("audit", "export"), ("audit", "verify"),
            ("audit", "explain", "01a1ffd4-6c15-721e-8160-000000000000"), ("backup", self.folder.name + "/copy", "--without-keys"), ("topics",)))

    def assert_refused(self, ended, partitions, command):
        self.assertNotEqual(ended.returncode, 0, command)
        self.assertIn(f"this log has {PARTITIONS} partitions ({self.prefix}.", ended.stderr, command)
        self.assertIn(f"--partitions says {partitions} (PARLEY_PARTITIONS={PARTITIONS})", ended.stderr, command)
        self.assertNotIn("no stream is parked", ended.stdout)

    def test_every_task_refuses_before_it_reads_or_writes(self):
        before = self.ends()
        self.assertEqual(len([place for place in before if place[0] != self.prefix + ".signals"]), PARTITIONS * len(TOPICS))
        for partitions in WRONG:
            for command, text in self.tasks():
                for variable in (False, True):
                    with self.subTest(command=command, partitions=partitions, variable=variable):
                        self.assert_refused(self.parley(*command, partitions=partitions, variable=variable, text=text), partitions, command)
        self.assertEqual(self.ends(), before)
        self.assertFalse(pathlib.Path(self.folder.name, "copy").exists())

    def test_a_rebuild_refuses_too(self):
        before = self.ends()
        for partitions in WRONG:
            ended = self.parley("rebuild", "--compare", "--postgres", POSTGRES, partitions=partitions)
            self.assertNotEqual(ended.returncode, 0)
        self.assertEqual(self.ends(), before)

    def test_a_topic_that_is_missing_is_not_made_with_another_number(self):
        name = self.prefix + ".dead-letters"
        self.admin.delete_topics([name])[name].result()
        try:
            for partitions in WRONG:
                self.assert_refused(self.parley("topics", partitions=partitions), partitions, "topics")
                self.assertNotIn(name, self.topics())
                self.assert_refused(self.parley("parked", "list", partitions=partitions), partitions, "parked list")
        finally:
            made = self.parley("topics", partitions=PARTITIONS)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn(name, self.topics())

    def test_the_right_number_is_not_refused(self):
        ended = self.parley("parked", "list", partitions=PARTITIONS)
        self.assertEqual((ended.returncode, ended.stdout), (0, "no stream is parked\n"), ended.stderr)


if __name__ == "__main__":
    sys.exit(SKIPPED) if not (BINARY and KAFKA) else unittest.main(verbosity=2)
