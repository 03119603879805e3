#!/usr/bin/python3
"""ops/deploy/kafka/start, with a script in place of Kafka: a broker that has run before starts when its old session has ended, and not before."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from settings import ROOT

DEADLINE_SECONDS = 20
REGISTERED = 'echo "Replayed initial RegisterBrokerRecord for broker 1"'
UNFENCED = 'echo "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: (fenced=-1)"'
FENCED = 'echo "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: (fenced=1)"'
ACTIVE = 'echo "Becoming the active controller at epoch 2"'
STAYS = "exec sleep 1000"


class KafkaStart(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, controller, has_run=True, seconds_max=DEADLINE_SECONDS):
        """Its exit code and what it said. The broker says that it is up and ends."""
        kafka = self.folder / "kafka"
        kafka.write_text(f'#!/bin/bash\nif [[ $1 == server ]]; then echo "the broker is up"; exit 0; fi\n{controller}\n')
        kafka.chmod(0o755)
        data = self.folder / "data"
        data.mkdir()
        if has_run:
            (data / "__cluster_metadata-0").mkdir()
        done = subprocess.run([ROOT / "ops/deploy/kafka/start", data, "controller", kafka, "server"], stdout=subprocess.PIPE, text=True, timeout=DEADLINE_SECONDS,
                              env={**os.environ, "FENCE_SECONDS_MAX": str(seconds_max)})
        return done.returncode, done.stdout

    def test_the_first_time_the_broker_starts_at_once(self):
        self.assertEqual(self.start("exit 1", has_run=False), (0, "the broker is up\n"))

    def test_later_it_starts_when_the_controller_has_ended_the_old_session(self):
        code, said = self.start(f"{REGISTERED}\n{UNFENCED}\n{ACTIVE}\n{FENCED}\n{STAYS}")
        self.assertEqual(code, 0, said)
        self.assertIn("the broker is up", said)

    def test_it_does_not_start_while_the_old_session_lasts(self):
        code, said = self.start(f"{REGISTERED}\n{UNFENCED}\n{ACTIVE}\nwhile echo busy; do sleep 0.1; done", seconds_max=2)
        self.assertEqual(code, 1, said)
        self.assertIn("the old session has not ended", said)
        self.assertNotIn("the broker is up", said)

    def test_it_does_not_start_when_the_controller_says_nothing(self):
        code, said = self.start(STAYS, seconds_max=1)
        self.assertEqual(code, 1, said)
        self.assertNotIn("the broker is up", said)

    def test_it_does_not_start_when_the_controller_has_ended(self):
        code, said = self.start(f"{REGISTERED}\nexit 1")
        self.assertEqual(code, 1, said)
        self.assertNotIn("the broker is up", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
