#!/usr/bin/python3
"""The change that docs/contributing.md walks through can be made: every block of it applies to the sources as they are."""

import re
import subprocess
import unittest

from sources import ROOT

PAGE = ROOT / "docs" / "contributing.md"
BLOCK = re.compile(r"^```diff\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def applied(change):
    """What `git apply` says of it; nothing is changed."""
    return subprocess.run(["git", "-c", f"safe.directory={ROOT}", "apply", "--check", "-"], input=change, cwd=ROOT, capture_output=True, text=True).stderr


class Tour(unittest.TestCase):
    def setUp(self):
        self.change = "".join(BLOCK.findall(PAGE.read_text()))

    def test_its_change_applies(self):
        self.assertIn("+++ b/domain/dialogs/dialogs.h", self.change)
        self.assertEqual(applied(self.change), "")

    def test_one_around_which_the_code_has_moved_is_found(self):
        self.assertIn("patch does not apply", applied(self.change.replace("Status { active, archived }", "Status { active, closed }")))


if __name__ == "__main__":
    unittest.main()
