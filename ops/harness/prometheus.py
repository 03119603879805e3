"""Prometheus beside a system: its configuration, and what docs/metrics.md says that there is to be scraped."""

import re

import data_folder
from settings import ROOT

RULES = ROOT / "ops" / "deploy" / "alerts" / "parley.rules.yml"
METRICS_PAGE = ROOT / "docs" / "metrics.md"
ROLES = ("decider", "projector", "reactor", "api")
OUTSIDE = "outside"  # a reactor that acts outside: no process of the product yet
INTERVAL = "15s"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\| ([\w, ]+) \| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:parley|process)_\w+")
PART_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def write_config(settings, interval=INTERVAL):
    """DATA/etc/prometheus.yml: every Parley process under its name, and the alert rules. Returns its path."""
    return data_folder.write_config(settings, ROOT / "ops/deploy/prometheus/prometheus.yml.in", "prometheus.yml", data=settings.data, interval=interval,
                                    rules=RULES, jobs="\n".join(job(settings, role) for role in ROLES))


def job(settings, role):
    targets = "\n".join(f'      - {{targets: ["127.0.0.1:{settings.health_port(role, number)}"], labels: {{instance: {role}-{number}}}}}'
                        for number in range(1, getattr(settings, role + "s") + 1))
    return f"  - job_name: parley-{role}\n    static_configs:\n{targets}"


def documented():
    """name -> (type, labels, roles, help), as docs/metrics.md has it of the product's processes."""
    rows = {name: (kind, set(re.findall(r"`(\w+)`", labels)), set(ROLES) if roles == "each" else set(roles.split(", ")) - {OUTSIDE}, text)
            for name, kind, labels, roles, text in ROW.findall(METRICS_PAGE.read_text())}
    return {name: row for name, row in rows.items() if row[2]}


def named_in(expression):
    """The metrics of an expression of PromQL, with a histogram's parts under its own name."""
    return {PART_OF_HISTOGRAM.sub("", name) for name in NAME.findall(expression)}
