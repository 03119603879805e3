#!/usr/bin/python3
"""Honest health, and another log: what Kafka does not answer, does not hold any more, or never held is said by every process, and nothing is
passed over, done twice, or mixed."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

import kafka
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from failures import OpsError
from one_dialog import OneDialog
from parley_system import System, settings_for_test
from settings import PARTITIONS
from supervisor import wait_for

PORT = 14600
SKIPPED = 77
WAIT_S = 60.0
NOTICED_S = 10.0  # by /readyz
HICCUP_S = 2.0
ROLES = ("decider-1", "projector-1", "api-1")


class AnotherLog(OneDialog):
    """One system lives through all of it, in this order; each part begins with what the one before left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.enterClassContext(System(settings_for_test("another-log", PORT), cls.say))
        cls.data = cls.system.settings.data
        cls.system.start(fresh=True)

    def test_it_is_noticed_and_said(self):
        self.open_a_dialog()
        self.kafka_stands_still()
        self.talk()
        self.keep_a_copy()
        self.talk()
        self.the_tables_are_older_than_the_log()
        self.deciders_positions_are_set_back()
        self.a_partition_count_is_changed_by_hand()
        self.the_log_is_older_than_everything_else()
        self.what_is_lost_is_accepted()
        self.the_log_loses_its_tail_under_running_processes()
        self.the_log_is_empty()

    # The parts.

    def kafka_stands_still(self):
        """A hiccup is none of health's business; what lasts is, in each process, and goes by itself."""
        self.system.pause("kafka")
        until = time.monotonic() + HICCUP_S
        while time.monotonic() < until:
            self.assertEqual(self.readiness(), {name: 200 for name in ROLES}, "during a hiccup")
        self.system.resume("kafka")
        self.talk()
        self.system.pause("kafka")
        since = time.monotonic()
        try:
            for name in ROLES:
                self.wait_not_ready(name, NOTICED_S + since - time.monotonic())
            self.say(f"all said within {time.monotonic() - since:.1f} s that Kafka does not answer")
            self.assertEqual(self.post("/api/site/dialogs", {}, self.site)[0], 503, "refused at once while nothing can be decided")
        finally:
            self.system.resume("kafka")
        self.system.wait_ready()
        self.assertEqual({name: self.system.restarts(name) for name in ("api-1", "projector-1")}, {"api-1": 0, "projector-1": 0})

    def keep_a_copy(self):
        self.stop(*ROLES, "kafka", "postgres")
        for name in ("kafka", "postgres"):
            self.copy(self.data / name, self.copy_of(name))
        self.at_the_copy = list(self.texts)
        for name in ("kafka", "postgres", *ROLES):
            self.system.launch(name)
        self.system.wait_ready(*ROLES)
        self.say("a copy is kept")

    def the_tables_are_older_than_the_log(self):
        self.stop("projector-1", "postgres")
        self.put_copy("postgres")
        self.system.start_process("postgres")
        self.system.start_process("projector-1")
        self.wait_read()
        self.say("older tables have caught up")

    def deciders_positions_are_set_back(self):
        self.stop("decider-1")
        consumer = Consumer({"bootstrap.servers": self.system.settings.kafka_brokers, "group.id": "parley.decider"})

        def is_set_back():
            try:
                consumer.commit(offsets=[TopicPartition("parley.commands", partition, 0) for partition in range(PARTITIONS)], asynchronous=False)
            except KafkaException as error:  # the member's place is kept until its session ends
                self.refused = error
                return False
            return True

        if not wait_for(is_set_back, WAIT_S):
            self.fail(f"the positions cannot be set: {self.refused}")
        consumer.close()
        self.system.start_process("decider-1")
        self.talk()
        self.wait_read()
        self.assertIn("behind what was decided", self.system.log("decider-1").read_text())
        self.say("positions were set back: nothing was decided twice")

    def a_partition_count_is_changed_by_hand(self):
        admin = AdminClient({"bootstrap.servers": self.system.settings.kafka_brokers})
        admin.create_partitions([NewPartitions("parley.events", PARTITIONS + 1)])["parley.events"].result()
        self.all_say(f"{PARTITIONS + 1} partitions")
        self.assertEqual(self.post("/api/site/dialogs", {}, self.site)[0], 503)
        self.assertFalse(self.try_topics())

    def the_log_is_older_than_everything_else(self):
        self.stop(*ROLES, "kafka")
        self.put_copy("kafka")
        self.system.start_process("kafka")
        for name in ROLES:
            self.system.launch(name)
        self.all_say("parley.events")
        for name in ROLES:
            self.assertIn("lost its tail", self.ready(name)[1], name)

    def what_is_lost_is_accepted(self):
        """The folder of states removed, and tables from before the copy: what the operations guide says."""
        self.stop(*ROLES, "postgres")
        shutil.rmtree(self.data / "state" / "decider-1")
        self.put_copy("postgres")
        for name in ("postgres", *ROLES):
            self.system.launch(name)
        self.system.wait_ready(*ROLES)
        self.texts = list(self.at_the_copy)
        self.talk()
        self.wait_read()
        self.say("goes on from the copy")

    def the_log_loses_its_tail_under_running_processes(self):
        self.stop("kafka")
        self.put_copy("kafka")
        self.system.start_process("kafka")
        self.all_say("")
        self.assertEqual(self.post("/api/site/dialogs", {}, self.site)[0], 503)

    def the_log_is_empty(self):
        self.stop(*ROLES, "reactor-1", "kafka")  # a reactor that comes back just then is a member, and first positions are refused
        shutil.rmtree(self.data / "kafka")
        (self.data / "kafka").mkdir(mode=0o700)
        kafka.prepare(self.system.settings)
        self.system.start_process("kafka")
        self.system.task("topics")
        for name in ROLES:
            self.system.launch(name)
        self.all_say("another log")

    # What they are made of.

    def all_say(self, what):
        since = time.monotonic()
        for name in ROLES:
            self.wait_not_ready(name, WAIT_S, what)
        self.say(f"all said within {time.monotonic() - since:.1f} s: " + " | ".join(f"{name}: {self.ready(name)[1]}" for name in ROLES))

    def wait_not_ready(self, name, seconds, what=""):
        def is_said():
            status, body = self.ready(name)
            return status == 503 and what in body

        if not wait_for(is_said, seconds):
            self.fail(f"{name} does not say {what!r} after {seconds:.0f} s but {self.ready(name)}")

    def readiness(self):
        return {name: self.ready(name)[0] for name in ROLES}

    def stop(self, *names):
        for name in names:
            self.system.stop_process(name)

    def copy_of(self, name):
        return self.data / "etc" / f"{name}-copy"

    def copy(self, source, target):
        subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)

    def put_copy(self, name):
        shutil.rmtree(self.data / name)
        self.copy(self.copy_of(name), self.data / name)

    def try_topics(self):
        try:
            self.system.task("topics")
        except OpsError as error:
            self.say(str(error).splitlines()[-1])
            return False
        return True


if __name__ == "__main__":
    if os.environ.get("PARLEY_BIN") and not pathlib.Path(os.environ["PARLEY_BIN"]).exists():
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
