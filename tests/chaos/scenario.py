"""What the tests of faults have in common: a system of their own, a seed, and the question whether anything differs at the end."""

import json
import os
import pathlib
import random
import sys
import time
import unittest
import urllib.error
import urllib.request

from demo.log import Log
from load import Load
from parley_system import System, settings_for_test
from supervisor import wait_for

SKIPPED = 77
PROBE_S = 10.0
WAIT_S = 60.0
FAULTS_SHOWN_MAX = 20
LONG = os.environ.get("PARLEY_TEST_LONG") == "1"


class Chaos(unittest.TestCase):
    """Subclasses name their system. It is started once for a class, with empty data; its log of events is read from the start."""

    NAME = ""
    PORT = 0
    COUNTS = {"deciders": 2, "projectors": 2, "apis": 2}

    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("PARLEY_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
        cls.random = random.Random(seed)
        cls.started_at = time.monotonic()
        cls.say(f"PARLEY_TEST_SEED={seed}")
        cls.system = cls.enterClassContext(System(settings_for_test(f"chaos-{cls.NAME}", cls.PORT, **cls.COUNTS), cls.say))
        cls.start()
        cls.subjects = set()
        cls.log = Log(cls.system.settings.kafka_brokers, "parley.events", {})

    @classmethod
    def start(cls):
        cls.system.start(fresh=True)

    @classmethod
    def say(cls, line):
        print(f"{time.monotonic() - cls.started_at:6.1f} {line}", flush=True)

    def names(self, *roles):
        return [name for name in self.system.names() if name.partition("-")[0] in roles]

    def play(self, faults, **load):
        """Visitors and owners work while faults(load) happens; the Load, when everything is ready again and what was begun is ended."""
        load = Load(self.system.url, **load)
        load.run(lambda: faults(load))
        self.system.wait_ready()
        self.say(load.figures())
        return load

    def assert_nothing_differs(self, load):
        self.subjects |= load.subjects()
        faults = load.faults(self.log, self.subjects, self.system.settings.postgres)
        for fault in faults[:FAULTS_SHOWN_MAX]:
            self.say(f"differs: {fault}")
        self.assertEqual(len(faults), 0, f"{len(faults)} differences from what was acknowledged")
        self.say("log, hashes, streams, reads and tables are what was acknowledged")

    def ready_answer(self, name):
        """(status, what it says) of a process's /readyz."""
        try:
            with urllib.request.urlopen(f"{self.system.health_url(name)}/readyz", timeout=PROBE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def wait_until(condition, what, seconds=WAIT_S):
    if not wait_for(condition, seconds):
        raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


def main():
    binary = os.environ.get("PARLEY_BIN")
    if binary and not pathlib.Path(binary).exists():
        print(f"{binary} is not there: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
