#!/usr/bin/python3
"""docs/settings.md is what --help says. PARLEY_WRITE_DOCS=1 writes it."""

import os
import pathlib
import sys
import unittest

import settings_page

SKIPPED = 77
PARLEY = os.environ.get("PARLEY_BIN")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "settings.md"


class SettingsPage(unittest.TestCase):
    def test_it_is_what_help_says(self):
        made = settings_page.page(PARLEY)
        if os.environ.get("PARLEY_WRITE_DOCS"):
            PAGE.write_text(made)
        self.assertEqual(PAGE.read_text(), made, "write it anew: PARLEY_WRITE_DOCS=1 PARLEY_BIN=… tests/ops/settings_page_test.py")

    def test_it_names_what_a_deployment_must_know(self):
        made = settings_page.page(PARLEY)
        for wanted in ("## parley api", "## parley decider", "### parley audit verify", "| `--kafka-brokers` | `PARLEY_KAFKA_BROKERS` | `127.0.0.1:9092` |",
                       "| `--keys-file` | `PARLEY_KEYS_FILE` | required |"):
            self.assertIn(wanted, made)


if __name__ == "__main__":
    sys.exit(SKIPPED) if not PARLEY or not pathlib.Path(PARLEY).exists() else unittest.main()
