#!/usr/bin/python3
"""Nothing that is needed to rebuild expires: stores, directory and read models are made again out of the events alone, and what is lost when the other
topics are empty is what the operations guide says: who asked the same again is not recognised."""

import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import unittest

import kafka
import psycopg2
from confluent_kafka.admin import AdminClient
from one_dialog import OneDialog
from parley_system import System, settings_for_test
from supervisor import wait_for

PORT = 14700
SKIPPED = 77
WAIT_S = 60.0
ROLES = ("decider-1", "projector-1", "api-1")
SHORT_LIVED = ("commands", "replies", "dead-letters", "signals")


class Retention(OneDialog):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.enterClassContext(System(settings_for_test("retention", PORT), cls.say))
        cls.data = cls.system.settings.data
        cls.system.start(fresh=True)

    def test_everything_is_made_again_out_of_the_events(self):
        self.open_a_dialog()
        self.talk()
        self.wait_read()
        key = secrets.token_hex(8)
        before = self.said_under(key)
        self.texts.append("once")
        self.wait_read()
        self.assertEqual(self.said_under(key), before, "recognised while it is remembered")
        assistant = self.assistant_under(key)
        self.assertEqual(self.assistant_under(key), assistant, "recognised while it is remembered")
        rows = self.rows()

        for name in ROLES:
            self.system.stop_process(name)
        self.empty_short_lived_topics()
        self.lose_what_is_derived()
        self.system.task("topics")
        self.system.task("migrate")
        self.system.launch("decider-1")
        self.assertTrue(wait_for(lambda: "has lost outcomes of the last hours" in self.ready("decider-1")[1], WAIT_S), self.ready("decider-1"))
        self.system.stop()
        self.system = self.enterContext(System(settings_for_test("retention", PORT, role_arguments={"decider": ["--forget-outcomes"]}), self.say))
        self.system.start(fresh=False)
        self.wait_read()
        self.assertEqual(self.rows(), rows)
        self.say("stores, directory and read models are what they were")

        self.made("/api/auth/login", self.login, {}, success=200)
        self.talk()
        self.wait_read()
        self.assertEqual(self.said_under(key), before, "its outcome is its event, and that is there")
        self.assertNotEqual(self.assistant_under(key)["id"], assistant["id"], "its outcome is forgotten, and it is done again: what the guide says")
        self.wait_read()

    def said_under(self, key):
        status, answer = self.post(self.messages, {"text": "once"}, {**self.guest, "Idempotency-Key": key})
        self.assertEqual(status, 201, answer)
        return answer

    def assistant_under(self, key):
        token = self.made("/api/auth/login", self.login, {}, success=200)["access_token"]
        status, answer = self.post("/api/assistants", {"name": "B"}, {"Authorization": f"Bearer {token}", "Idempotency-Key": key})
        self.assertEqual(status, 201, answer)
        return answer

    def empty_short_lived_topics(self):
        admin = AdminClient({"bootstrap.servers": self.system.settings.kafka_brokers})
        topics = admin.list_topics(timeout=WAIT_S).topics
        to_their_ends = {"version": 1, "partitions": [{"topic": f"parley.{name}", "partition": partition, "offset": -1} for name in SHORT_LIVED
                                                      for partition in topics[f"parley.{name}"].partitions]}
        offsets = self.data / "etc" / "offsets.json"
        offsets.write_text(json.dumps(to_their_ends))
        subprocess.run(kafka.java("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.system.settings.kafka_brokers,
                                  "--offset-json-file", offsets), check=True, capture_output=True, timeout=WAIT_S)
        # What is compacted does not expire, but is derived too.
        admin.delete_topics(["parley.directory"])["parley.directory"].result()
        self.assertTrue(wait_for(lambda: "parley.directory" not in admin.list_topics(timeout=WAIT_S).topics, WAIT_S))

    def lose_what_is_derived(self):
        shutil.rmtree(self.data / "state" / "decider-1")
        with psycopg2.connect(self.system.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA parley CASCADE")

    def rows(self):
        """Of the read models, whatever they are, but for when they were written."""
        with psycopg2.connect(self.system.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path = parley")
            out = {}
            for table in ("accounts", "assistants", "dialogs", "messages"):
                cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
                out[table] = [row for row, in cursor.fetchall()]
            return out


if __name__ == "__main__":
    if os.environ.get("PARLEY_BIN") and not pathlib.Path(os.environ["PARLEY_BIN"]).exists():
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
