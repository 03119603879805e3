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

    def test_a_rate_limit_that_there_is_not_is_refused_with_the_names_of_those_that_there_are(self):
        for flags, variables in ((["--rate-limit", "login=5/300,logins=1/2"], {}), ([], {"PARLEY_RATE_LIMIT": "logins=1/2"})):
            with self.subTest(flags=flags, variables=variables):
                self.assert_refused(flags, variables, "there is no limit logins: the limits are general, login, ")

    def test_a_rate_limit_that_is_none_is_refused_and_told_how_it_is_written(self):
        self.assert_refused(["--rate-limit", "login=5"], {}, "login=5/300")
        self.assert_refused(["--rate-profile", "lax"], {}, "public,local")

    def test_a_trusted_proxy_that_is_no_network_is_refused(self):
        self.assert_refused(["--trusted-proxy", "10.0.0.1/8"], {}, "10.0.0.1/8: has bits behind its prefix")

    def assert_refused(self, flags, variables, text):
        command = [PARLEY, "api", "--keys-file", "/nowhere/flag", "--instance", "a", "--health-port", "1", *flags]
        ended = subprocess.run(command, text=True, timeout=30, env={**os.environ, **variables}, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(text, ended.stdout)
        self.assertNotIn("/nowhere/flag", ended.stdout, "it began to start")


if __name__ == "__main__":
    sys.exit(SKIPPED) if not PARLEY or not pathlib.Path(PARLEY).exists() else unittest.main()
