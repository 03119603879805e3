#!/usr/bin/python3
"""The changes that the guides for contributors walk through can be made: every block of each applies to the sources as they are."""

import re
import subprocess
import unittest

from sources import ROOT

PAGES = {"docs/contributing.md": "+++ b/domain/dialogs/dialogs.h", "docs/contributing-context.md": "+++ b/domain/contexts.def"}
BLOCK = re.compile(r"^```diff\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def change_of(page):
    return "".join(BLOCK.findall((ROOT / page).read_text()))


def applied(change):
    """What `git apply` says of it; nothing is changed."""
    return subprocess.run(["git", "-c", f"safe.directory={ROOT}", "apply", "--check", "-"], input=change, cwd=ROOT, capture_output=True, text=True).stderr


class Tour(unittest.TestCase):
    def test_each_change_applies(self):
        for page, line in PAGES.items():
            self.assertIn(line, change_of(page))
            self.assertEqual(applied(change_of(page)), "", page)

    def test_one_around_which_the_code_has_moved_is_found(self):
        moved = change_of("docs/contributing.md").replace("Status { active, archived }", "Status { active, closed }")
        self.assertIn("patch does not apply", applied(moved))


if __name__ == "__main__":
    unittest.main()
