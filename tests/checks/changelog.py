#!/usr/bin/python3
"""CHANGELOG.md names every setting, error code, metric and event type that was not there when it was begun."""

import re
import unittest

from sources import ROOT

BEGUN_WITH = ROOT / "tests" / "checks" / "names_before_the_changelog.txt"


def names():
    """Everything that users may rely on by its name, as the committed documents have it."""
    for page, name in (("docs/settings.md", r"^\| `(--[a-z-]+)`"), ("docs/errors.md", r"^\| `([A-Z_]+)`"), ("docs/metrics.md", r"^\| `(parley_[a-z_]+)`")):
        yield from re.findall(name, (ROOT / page).read_text(), re.MULTILINE)
    yield from (path.stem for path in (ROOT / "schemas" / "events").glob("*.json"))


def unnamed(changelog, known, now):
    return sorted(name for name in set(now) - set(known) if f"`{name}`" not in changelog and name not in re.findall(r"[\w.-]+", changelog))


class Changelog(unittest.TestCase):
    def test_every_new_name_stands_in_it(self):
        self.assertEqual(unnamed((ROOT / "CHANGELOG.md").read_text(), BEGUN_WITH.read_text().split(), names()), [], "name these in CHANGELOG.md")

    def test_one_that_is_missing_is_found(self):
        self.assertEqual(unnamed("`--a-max` is new, and 409 B_TAKEN", ["--old"], ["--old", "--a-max", "B_TAKEN", "parley_c_total"]), ["parley_c_total"])


if __name__ == "__main__":
    unittest.main()
