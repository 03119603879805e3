#!/usr/bin/python3
"""A new build goes in while people work, one process after the other, in the order of docs/upgrades.md, and out again: both builds run side by side, and
everything is what was acknowledged. PARLEY_OLD_BIN is the program of the build before; without it there is nothing to try."""

import json
import os
import pathlib
import sys

import scenario

OLD = os.environ.get("PARLEY_OLD_BIN")


class Upgrade(scenario.Chaos):
    NAME, PORT = "upgrade", 16000
    COUNTS = {"deciders": 2, "projectors": 2, "apis": 2}

    @classmethod
    def start(cls):
        cls.new = cls.system.settings.binary
        cls.system.settings.binary = pathlib.Path(OLD)
        super().start()

    def test_both_builds_serve_one_log(self):
        def faults(load):
            load.wait_all_go_on()
            self.system.settings.binary = self.new
            for task in ("topics", "migrate"):
                self.system.task(task)
            self.go_over(load, self.new, "projector", "reactor", "decider", "api")
            self.go_over(load, OLD, "api", "decider")
            self.go_over(load, self.new, "decider", "api")

        load = self.play(faults)
        self.assert_nothing_differs(load)
        compared = json.loads(self.system.task("rebuild", "--compare", "--json"))
        self.assertEqual(compared["differences"], [])
        self.system.task("audit", "verify")
        self.say(f"the new build's rows are the old one's: {compared['events']} events compared")
        for name in self.names("decider", "projector", "reactor", "api"):
            self.assertEqual(self.system.restarts(name), 0, name)

    def go_over(self, load, binary, *roles):
        """Each of them is another build's from now on, and people go on."""
        for role in roles:
            back = binary == OLD and role == "decider"  # it may not find outcomes that are events; those who ask again do so within seconds
            for name in self.names(role):
                self.system.restart(name, binary, ["--forget-outcomes"] if back else [])
            load.wait_all_go_on()
            self.say(f"{role}s are {'the new' if binary == self.new else 'the old'} build's")


if __name__ == "__main__":
    if not OLD:
        print("PARLEY_OLD_BIN names no program of an earlier build: skipped")
        sys.exit(scenario.SKIPPED)
    scenario.main()
