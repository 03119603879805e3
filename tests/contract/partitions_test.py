#!/usr/bin/python3
"""Tasks at the console ask Kafka which log it is and of how many partitions; what makes a log is told, and refuses another number. Needs PARLEY_TEST_KAFKA,
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
NOBODY = "127.0.0.1:1"
SOON_S = 8  # 3 s for the question, and what a busy machine adds
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
    def parley(cls, *command, partitions=None, brokers=None, prefix=None, **variables):
        """`partitions`: of what makes a log, as a flag."""
        flags = ["--kafka-brokers", brokers or KAFKA, "--topic-prefix", prefix or cls.prefix, *([] if partitions is None else ["--partitions", str(partitions)])]
        return subprocess.run([BINARY, *command, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
                              env={**os.environ, **variables})

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
        """Each with its exit code and what it says of this log, in which nothing has happened yet."""
        yield from ((("parked", "list"), 2, "no stream is parked for its decider\nread models: not asked (--postgres, PARLEY_POSTGRES)\n"),
                    (("parked", "list", "--json"), 2, '{"parked":[],"more":0,"asked":["decider"]}\n'),
                    (("parked", "dead", "list"), 0, "there is no dead letter\n"),
                    (("parked", "show", "dialog/1387"), 1, "parley parked: dialog/1387 is not parked"),
                    (("parked", "retry", "dialog/1387"), 1, "parley parked: dialog/1387 is not parked for its decider"),
                    (("parked", "skip", "dialog/1387", "--reason", "a test"), 1, "parley parked: dialog/1387 is not parked for its decider"),
                    (("parked", "retry", "dialog/1387", "--projection", "foo", "--version", "2"), 1, "there is no projection foo: there is read_models"),
                    (("parked", "retry", "dialog/1387", "--projection", "read_models", "--version", "2"), 1, "--projection needs --postgres"),
                    (("parked", "dead", "show", "3:17"), 1, "there is no dead letter 3:17"),
                    (("audit", "history", "dialog/1387"), 1, "dialog/1387"), (("audit", "export"), 0, ""), (("audit", "verify"), 0, ""))

    def test_tasks_ask_kafka_whatever_a_variable_says(self):
        before = self.ends()
        for partitions in WRONG:
            for command, code, said in self.tasks():
                with self.subTest(command=command, variable=partitions):
                    ended = self.parley(*command, PARLEY_PARTITIONS=str(partitions))
                    self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
                    self.assertIn(said, ended.stdout + ended.stderr)
        self.assertEqual(self.ends(), before)

    def test_what_makes_a_log_refuses_another_number_and_writes_nothing(self):
        before = self.ends()
        self.assertEqual(len([place for place in before if place[0] != self.prefix + ".signals"]), PARTITIONS * len(TOPICS))
        for partitions in WRONG:
            self.assert_refused(self.parley("topics", partitions=partitions), partitions)
        name = self.prefix + ".dead-letters"
        self.admin.delete_topics([name])[name].result()
        try:
            for partitions in WRONG:
                self.assert_refused(self.parley("topics", partitions=partitions), partitions)
                self.assertNotIn(name, self.topics())
        finally:
            made = self.parley("topics", partitions=PARTITIONS)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn(name, self.topics())

    def assert_refused(self, ended, partitions):
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(f"this log has {PARTITIONS} partitions ({self.prefix}.", ended.stderr)
        self.assertIn(f"--partitions says {partitions} (PARLEY_PARTITIONS={PARTITIONS})", ended.stderr)

    def test_another_kafka_or_log_is_one_sentence_soon_and_nothing_is_written(self):
        commands = (("parked", "list"), ("parked", "dead", "list"), ("audit", "verify"), ("backup", self.folder.name + "/copy", "--without-keys"),
                    ("rebuild", "--compare", "--postgres", POSTGRES), ("effects", "on", "--reason", "a test"),
                    *(("admin", task, "--keys-file", self.keys, "--email", "a@example.com") for task in ("create", "reset-password")),
                    ("admin", "mailboxes", "--keys-file", self.keys))
        for command in commands:
            for wrong, said in (({"brokers": NOBODY}, f"Kafka at {NOBODY} cannot be reached (--kafka-brokers, PARLEY_KAFKA_BROKERS)"),
                                ({"prefix": "nope"}, f"there is no topic nope.events at {KAFKA} (--topic-prefix, --kafka-brokers)")):
                with self.subTest(command=command, **wrong):
                    began = time.monotonic()
                    ended = self.parley(*command, **wrong)
                    self.assertLess(time.monotonic() - began, SOON_S)
                    self.assertIn(ended.returncode, (1, 2))
                    self.assertEqual(ended.stderr.count("\n"), 1, ended.stderr)
                    self.assertIn(said, ended.stderr)
        self.assertFalse(pathlib.Path(self.folder.name, "copy").exists())


if __name__ == "__main__":
    sys.exit(SKIPPED) if not (BINARY and KAFKA) else unittest.main(verbosity=2)
