#!/usr/bin/python3
"""A flag of the parley executable wins over its variable."""

import os
import pathlib
import subprocess
import sys
import unittest

SKIPPED = 77
PARLEY = os.environ.get("PARLEY_BIN")


class Flags(unittest.TestCase):
    def test_a_flag_wins_over_the_variable_that_other_subcommands_read_too(self):
        """There are no keys at either place; it says where it looked."""
        ended = subprocess.run([PARLEY, "api", "--keys-file", "/nowhere/flag", "--instance", "a", "--health-port", "1"], text=True, timeout=30,
                               env={**os.environ, "PARLEY_KEYS_FILE": "/nowhere/variable"}, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
        self.assertIn("/nowhere/flag", ended.stdout)
        self.assertNotIn("/nowhere/variable", ended.stdout)


if __name__ == "__main__":
    sys.exit(SKIPPED) if not PARLEY or not pathlib.Path(PARLEY).exists() else unittest.main()
