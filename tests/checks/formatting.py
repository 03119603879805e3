#!/usr/bin/python3
"""Every C++ source is formatted as .clang-format says."""

import subprocess
import unittest

from sources import ROOT, tracked_cpp


class Formatting(unittest.TestCase):
    def test_every_source_is_formatted(self):
        checked = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *tracked_cpp()], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, f"clang-format-19 -i mends this:\n{checked.stderr[-4000:]}")


if __name__ == "__main__":
    unittest.main()
