#!/usr/bin/python3
"""Flags of the parley executable: one wins over its variable, and what a value cannot mean is refused before anything is done."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

import settings_page

SKIPPED = 77
USAGE = 2  # the exit code of what is refused
SENTENCE_MAX = 200
NOT_NUMBERS = ("nan", "-nan", "inf", "-inf", "-1", "1e999", "99999999999999999999", "-9223372036854775809", "seven", "7 days", " ", "0x", "1,5")
NOT_TIMES = ("", " ", "now", "0000-01-01", "10000-01-01", "2026-13-01", "2026-02-30", "2026-11-21T24:00:00Z", "2026-12-31T23:59:60Z",
             "2026-11-21T10:17:00+23:59", "-1", "9007199254740992", "9223372036854775808", "1e3", "nan", "2026-11-21T10:17:00.123456Z")
TIMES = {("audit", "state"): ("--at",), ("audit", "export"): ("--from", "--to")}
FRACTIONS = {"--speed": {"99999999999999999999"}}  # what a number with a fraction may be
ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"^\s+(--[\w-]+) (?:INT|UINT|FLOAT)\b", re.MULTILINE)
PARLEY = os.environ.get("PARLEY_BIN")


def run(command):
    return subprocess.run(command, text=True, capture_output=True, timeout=30)


def subcommands(path=()):
    """Those that do something, as paths."""
    inner = settings_page.subcommands(settings_page.help_of(PARLEY, *path))
    if path:
        yield path  # flags of a parent are its own, and given to it
    for name, _ in inner:
        yield from subcommands((*path, name))


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

    def test_a_surface_that_there_is_not_and_a_prefix_that_is_none_are_refused(self):
        self.assert_refused(["--surfaces", "replyx,other"], {}, "there is no surface other: the surfaces are replyx")
        self.assert_refused([], {"PARLEY_SURFACES": "other"}, "there is no surface other")
        for prefix in ("", "/", "api", "/api/", "//api", "/API", "/a b"):
            with self.subTest(prefix=prefix):
                self.assert_refused(["--surfaces", f"replyx={prefix}"], {}, "a prefix is like /replyx")

    def test_a_trusted_proxy_that_is_no_network_is_refused(self):
        self.assert_refused(["--trusted-proxy", "10.0.0.1/8"], {}, "10.0.0.1/8: has bits behind its prefix")

    def test_a_number_that_is_none_is_refused_in_a_sentence_by_every_subcommand(self):
        tried = set()
        for path in subcommands():
            for flag in sorted(set(NUMBER.findall(settings_page.help_of(PARLEY, *path)))):
                for value in (value for value in NOT_NUMBERS if value not in FRACTIONS.get(flag, ())):
                    with self.subTest(command=" ".join(path), flag=flag, value=value):
                        self.assert_usage(path, flag, value)
                tried.add(flag)
        self.assertLessEqual({"--speed", "--partitions", "--http-port", "--seal-within-s", "--streams-max", "--replication", "--version"}, tried)

    def test_a_time_that_is_none_is_refused_in_a_sentence(self):
        for path, flags in TIMES.items():
            for flag in flags:
                for value in NOT_TIMES:
                    # A number is a version, where one may be meant.
                    with self.subTest(command=" ".join(path), flag=flag, value=value):
                        self.assert_usage(path, flag, value)

    def test_what_is_no_flag_and_no_subcommand_is_refused_the_same(self):
        for arguments in (["api", "--none"], ["none"], [], ["audit"], ["audit", "history"]):
            ended = run([PARLEY, *arguments])
            self.assertEqual((ended.returncode, ended.stdout), (USAGE, ""), arguments)

    def assert_usage(self, path, flag, value):
        """What else is missing is not complained of: the value is looked at first."""
        ended = run([PARLEY, *path, flag, value] if value[:1] != "-" else [PARLEY, *path, f"{flag}={value}"])
        first, _, rest = ended.stderr.partition("\n")
        self.assertEqual((ended.returncode, ended.stdout), (USAGE, ""), ended.stderr)
        self.assertTrue(first.startswith(flag) or flag in first, ended.stderr)
        self.assertLess(len(first), SENTENCE_MAX)
        self.assertEqual(rest, "Run with --help for more information.\n")

    def test_the_version_is_the_changelogs_and_names_the_commit_and_the_folds(self):
        said = run([PARLEY, "--version"]).stdout.splitlines()
        number = re.match(r"parley (\d+\.\d+\.\d+)", said[0])[1]
        self.assertRegex((ROOT / "CHANGELOG.md").read_text(), rf"(?m)^## {re.escape(number)}\b")
        self.assertRegex(said[1], r"^commit ([0-9a-f]{12}\+?|unknown), \w+")
        self.assertRegex(said[2], r"^folds of state: \w+ \d+")

    def test_a_task_that_there_is_not_is_said_with_the_nearest(self):
        for words, said in ((("parkd", "list"), "parley: there is no parkd: did you mean parked?"), (("audit", "histroy"), "parley audit: there is no histroy: did you mean history?"),
                            (("frobnicate",), "parley: there is no frobnicate: there are api, decider, "), (("parked", "dead", "lst"), "did you mean list?")):
            with self.subTest(words=words):
                ended = run([PARLEY, *words])
                self.assertEqual(ended.returncode, USAGE)
                self.assertIn(said, ended.stderr)
                self.assertEqual(ended.stderr.count("\n"), 1)

    def assert_refused(self, flags, variables, text):
        command = [PARLEY, "api", "--keys-file", "/nowhere/flag", "--instance", "a", "--health-port", "1", *flags]
        ended = subprocess.run(command, text=True, timeout=30, env={**os.environ, **variables}, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(text, ended.stdout)
        self.assertNotIn("/nowhere/flag", ended.stdout, "it began to start")


if __name__ == "__main__":
    sys.exit(SKIPPED) if not PARLEY or not pathlib.Path(PARLEY).exists() else unittest.main()
