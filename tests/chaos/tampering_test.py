#!/usr/bin/python3
"""Somebody who can write to Kafka changes a copy of the log; `parley audit verify` finds every change and names the first event that does not fit."""

import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import unittest

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from demo.log import Log, chain_hash
from one_dialog import OneDialog
from parley_system import System, settings_for_test
from settings import PARTITIONS
from supervisor import wait_for

PORT = 14800
SKIPPED = 77
WAIT_S = 60.0


class Tampering(OneDialog):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.enterClassContext(System(settings_for_test("tampering", PORT, environment={"PARLEY_SEAL_WITHIN_S": "1"}), cls.say))
        cls.system.start_servers(fresh=True)
        cls.system.task("keys")
        cls.system.task("topics")
        cls.log = Log(cls.system.settings.kafka_brokers, "parley.events", {})
        cls.system.start_parley()
        cls.copies = itertools.count(1)

    def test_every_change_of_a_copy_is_found(self):
        self.open_a_dialog()
        self.talk()
        self.assertTrue(wait_for(lambda: self.verified("parley")[1]["unsealed_events"] == 0, WAIT_S), self.verified("parley"))
        self.talk()
        self.assertTrue(wait_for(lambda: self.verified("parley")[1]["unsealed_events"] == 0, WAIT_S), self.verified("parley"))
        self.events = list(self.log.read(WAIT_S))
        dialog = [n for n, event in enumerate(self.events) if event.subject.startswith("dialog/")]
        first, last = dialog[0], dialog[-1]
        subject, partition = self.events[first].subject, self.events[first].partition
        here = [n for n, event in enumerate(self.events) if event.partition == partition]
        # With its neighbours of the same dialog: on a slow machine seals come between.
        before, middle = next((here[n], here[n + 1]) for n in range(1, len(here)) if all(self.events[one].subject == subject for one in here[n - 1:n + 3]))
        seal = f"seal/{partition}"

        self.assertEqual(self.fault(list), None, "an honest copy")
        self.expect(subject, "its hash is not the hash", self.with_value(middle, text="not what was said"))
        self.expect(subject, "its hash is not the hash", self.with_header(middle, "ce_actor", b"account/1"))
        self.expect(seal, "was changed", self.with_header(middle, "ce_slotcounter", b"900"))
        self.expect(subject, "must follow", self.without({middle}))
        self.expect(seal, "is gone", self.without({last}))
        self.expect(seal, "is gone", self.without(set(dialog)))
        self.expect(subject, "must follow", self.swapped(before, middle))
        self.expect(subject, "must follow", lambda events: [*events[:middle + 1], events[middle], *events[middle + 1:]])
        self.expect(seal, "something else than what stands before it", lambda events: self.rehashed(self.with_value(middle, text="x")(events), subject))
        self.say("each was found")

        anchor = self.system.settings.data / "etc" / "anchor.json"
        self.assertEqual(self.verified("parley", "--anchor", anchor)[0], 0)
        self.assertEqual(self.verified("parley", "--anchor", anchor)[1]["anchored"], True)
        seals = json.loads(anchor.read_text())
        of_partition = next(one for one in seals["partitions"] if one["partition"] == partition)
        of_partition["seal"] += 1
        anchor.write_text(json.dumps(seals))
        code, report = self.verified("parley", "--anchor", anchor)
        self.assertEqual(code, 1)
        self.assertIn("lost its tail", self.fault_of(report)["what"])

    # Changes.

    def with_value(self, number, **changed):
        def change(events):
            events[number] = dataclasses.replace(events[number], value=json.dumps({**json.loads(events[number].value), **changed}).encode())
            return events
        return change

    def with_header(self, number, name, value):
        def change(events):
            events[number] = dataclasses.replace(events[number], headers={**events[number].headers, name: value})
            return events
        return change

    def without(self, numbers):
        return lambda events: [event for number, event in enumerate(events) if number not in numbers]

    def swapped(self, one, other):
        def change(events):
            events[one], events[other] = events[other], events[one]
            return events
        return change

    def rehashed(self, events, subject):
        previous = bytes(32)
        for number, event in enumerate(events):
            if event.subject == subject:
                previous = chain_hash(previous, event)
                events[number] = dataclasses.replace(event, headers={**event.headers, "ce_hash": previous.hex().encode()})
        return events

    # What is found.

    def expect(self, stream, what, change):
        fault = self.fault(change)
        self.assertIsNotNone(fault, what)
        self.assertEqual(fault["stream"], stream, fault)
        self.assertIn(what, fault["what"])

    def fault(self, change):
        """Of a copy of the log that was changed so."""
        prefix = f"copy-{next(self.copies)}"
        brokers = {"bootstrap.servers": self.system.settings.kafka_brokers}
        admin = AdminClient(brokers)  # what it promises comes only while it lives
        admin.create_topics([NewTopic(f"{prefix}.events", PARTITIONS, 1)])[f"{prefix}.events"].result()
        producer = Producer({**brokers, "enable.idempotence": True})
        for event in change(list(self.events)):
            producer.produce(f"{prefix}.events", event.value, event.key, event.partition, headers=list(event.headers.items()))
        self.assertEqual(producer.flush(WAIT_S), 0)
        code, report = self.verified(prefix)
        self.assertEqual(code, 0 if report["fits"] else 1)
        return self.fault_of(report)

    def fault_of(self, report):
        return next((partition["fault"] for partition in report["partitions"] if "fault" in partition), None)

    def verified(self, prefix, *arguments):
        settings = self.system.settings
        done = subprocess.run([settings.binary, "audit", "verify", "--json", "--kafka-brokers", settings.kafka_brokers, "--topic-prefix", prefix,
                               "--seal-keys", f"{settings.seal_key_file}.pub", *arguments], capture_output=True, text=True, timeout=WAIT_S)
        self.assertTrue(done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout)


if __name__ == "__main__":
    if os.environ.get("PARLEY_BIN") and not pathlib.Path(os.environ["PARLEY_BIN"]).exists():
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
