"""The alert rules: Prometheus takes them, and each fires when it must."""

import pathlib
import shutil
import subprocess
import sys
import unittest

ALERTS = pathlib.Path(__file__).resolve().parents[2] / "ops" / "alerts"


class Alerts(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *arguments], cwd=ALERTS, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_takes_the_rules(self):
        self.promtool("check", "rules", "parley.rules.yml")

    def test_each_rule_fires_when_it_must_and_not_before(self):
        self.promtool("test", "rules", "parley.rules.test.yml")


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("promtool is not installed: skipped")
        sys.exit(77)
    unittest.main()
