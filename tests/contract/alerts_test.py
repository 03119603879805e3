"""The alert rules name metrics that a running system has."""

import os
import pathlib
import re
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from contract import BASE, ContractTest, main
from settings import Settings

RULES = pathlib.Path(__file__).resolve().parents[2] / "ops" / "alerts" / "parley.rules.yml"
TIMEOUT_S = 30
SUFFIX = re.compile(r"_(bucket|sum|count)$")


class Alerts(ContractTest):
    def test_every_metric_of_the_rules_is_there(self):
        settings = Settings(data=os.environ["PARLEY_TEST_DATA"], port=urlsplit(BASE).port)
        self.nobody.get("/api/users/me")  # an answered request, so that there is something to count
        exposed = set()
        for role in ("decider", "projector", "api"):
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.health_port(role, 1)}/metrics", timeout=TIMEOUT_S) as answer:
                text = answer.read().decode()
            exposed |= set(re.findall(r"^# TYPE (parley_\w+)", text, re.MULTILINE))
        expressions = [line for line in RULES.read_text().splitlines() if not re.match(r"\s*(#|summary|description|annotations)", line)]
        named = {SUFFIX.sub("", name) for line in expressions for name in re.findall(r"\bparley_\w+", line)}
        self.assertGreater(len(named), 15)
        self.assertEqual(named - exposed, set())

    def test_a_process_says_in_its_metrics_whether_it_is_ready(self):
        settings = Settings(data=os.environ["PARLEY_TEST_DATA"], port=urlsplit(BASE).port)
        for role in ("decider", "projector", "api"):
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.health_port(role, 1)}/metrics", timeout=TIMEOUT_S) as answer:
                self.assertRegex(answer.read().decode(), r"(?m)^parley_process_ready 1$", role)


if __name__ == "__main__":
    main()
