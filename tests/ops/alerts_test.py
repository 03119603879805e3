"""The alert rules: Prometheus takes them, each fires when it must, and people are told what to do then."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import prometheus
from settings import ROOT, Settings

ALERTS = ROOT / "ops" / "deploy" / "alerts"
RULES = prometheus.RULES.read_text()
NAMES = set(re.findall(r"- alert: (\w+)", RULES))


def promtool(*arguments, folder=ALERTS):
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


class Alerts(unittest.TestCase):
    def assert_taken(self, *arguments, **others):
        done = promtool(*arguments, **others)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_takes_the_rules(self):
        self.assert_taken("check", "rules", "parley.rules.yml")

    def test_each_rule_fires_when_it_must_and_not_before(self):
        self.assert_taken("test", "rules", "parley.rules.test.yml")

    def test_each_rule_is_seen_to_fire(self):
        seen = re.findall(r"alertname: (\w+)\s+exp_alerts", (ALERTS / "parley.rules.test.yml").read_text())
        self.assertEqual(set(seen), NAMES)

    def test_the_page_says_of_each_alert_what_to_do(self):
        rows = re.findall(r"^\| (`Parley.*?`) \|", (ALERTS / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(name for row in rows for name in re.findall(r"\w+", row)), sorted(NAMES))

    def test_each_rule_names_metrics_that_there_are(self):
        expressions = re.sub(r"(?m)^\s*(#|annotations|summary|description).*$", "", RULES)
        named = prometheus.named_in(expressions)
        self.assertGreater(len(named), 20)
        self.assertEqual(named - set(prometheus.documented()), set())


class Configuration(unittest.TestCase):
    def assert_taken(self, config):
        done = promtool("check", "config", config, folder=config.parent)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_takes_what_a_start_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data=folder, deciders=2, projectors=1, apis=3)
            (settings.data / "etc").mkdir()
            config = prometheus.write_config(settings)
            self.assert_taken(config)
            targets = re.findall(r"127\.0\.0\.1:(\d+)\".*instance: ([\w-]+)", config.read_text())
        self.assertEqual(targets, [("8021", "decider-1"), ("8031", "decider-2"), ("8022", "projector-1"), ("8024", "reactor-1"), ("8023", "api-1"), ("8033", "api-2"), ("8043", "api-3")])

    def test_prometheus_takes_what_is_written_for_production(self):
        page = (ROOT / "ops" / "deploy" / "prometheus" / "README.md").read_text()
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "parley.rules.yml").write_text(RULES)
            config = pathlib.Path(folder) / "prometheus.yml"
            config.write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
            self.assert_taken(config)


if __name__ == "__main__":
    unittest.main()
