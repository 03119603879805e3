"""What the processes export is what docs/metrics.md says, word by word, and named as Prometheus' own tool asks for."""

import os
import re
import subprocess
import urllib.request
from urllib.parse import urlsplit

import prometheus
from contract import BASE, ContractTest, main
from settings import Settings

TIMEOUT_S = 30
SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? \S+$", re.MULTILINE)


class Metrics(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()  # requests are answered, so that there is something to count
        settings = Settings(data=os.environ["PARLEY_TEST_DATA"], port=urlsplit(BASE).port)
        cls.texts = {}
        for role in prometheus.ROLES:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.health_port(role, 1)}/metrics", timeout=TIMEOUT_S) as answer:
                cls.texts[role] = answer.read().decode()

    def exported(self):
        """name -> (type, labels, roles, help), as docs/metrics.md has it."""
        found = {}
        for role, text in self.texts.items():
            helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
            for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
                _, labels, roles, _ = found.setdefault(name, (kind, set(), set(), helps.get(name)))
                roles.add(role)
                for sample, pairs in SAMPLE.findall(text):
                    if sample == name or kind == "histogram" and prometheus.named_in(sample) == {name}:
                        labels |= set(re.findall(r'(\w+)="', pairs)) - {"le"}
        return found

    def test_the_page_lists_what_is_exported_and_nothing_else(self):
        documented, exported = prometheus.documented(), self.exported()
        self.assertGreater(len(exported), 60)
        self.assertEqual(sorted(exported.keys() - documented.keys()), [], "exported, but not in docs/metrics.md")
        self.assertEqual(sorted(documented.keys() - exported.keys()), [], "in docs/metrics.md, but not exported")
        for name, found in exported.items():
            self.assertEqual(documented[name], found, name)

    def test_names_and_helps_are_as_prometheus_asks(self):
        for role, text in self.texts.items():
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((done.returncode, done.stdout), (0, ""), f"{role}: {done.stdout}{done.stderr}")

    def test_no_label_grows_with_the_data(self):
        for role, text in self.texts.items():
            changing = "\n".join(line for line in text.splitlines() if not line.startswith("parley_build_info{"))  # a build has one commit
            for value in re.findall(r'\b(?!le=)\w+="([^"]*)"', changing):
                self.assertNotRegex(value, r"\d{4}|[0-9a-f]{8}|@", f"{role}: an id, or an address?")

    def test_a_process_says_whether_it_is_ready(self):
        for role, text in self.texts.items():
            self.assertRegex(text, r"(?m)^parley_process_ready 1$", role)


if __name__ == "__main__":
    main()
