#!/usr/bin/python3
"""Every code of the error table is expected by name in a test of the running system, or it is said here why not."""

import re
import unittest

from sources import ROOT, tracked_files

TABLE = ROOT / "schemas" / "errors.cc"
ROW = re.compile(r'\{Code::(\w+), "([A-Z_]+)"')
# Where answers come from processes that run: by their text over HTTP, or as the outcome of a command on a real broker.
RUNNING = {"contract", "chaos", "e2e", "ops", "integration"}

NOT_EXPECTED = {
    "COMMAND_TIMEOUT": "an API that waits 12 s for a decider; its text is a unit test's, what becomes of it chaos's (504 is asked again)",
    "EXPECTATION_FAILED": "the kernel's: tests/unit asks it over a socket, by status",
    "HTTP_VERSION_NOT_SUPPORTED": "the kernel's: tests/contract/bad_http_test.py expects its status, which the edge may answer in its place",
    "LENGTH_REQUIRED": "the kernel's: tests/contract/bad_http_test.py expects its status",
    "REQUEST_TIMEOUT": "the kernel's: tests/contract/bad_http_test.py expects its status",
    "STREAM_NOT_PARKED": "an operator's, not an API's: a unit test of the decider expects it",
}


class ErrorCodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = ROW.findall(TABLE.read_text())
        tests = [path for path in tracked_files() if path.parts[0] == "tests" and path.parts[1] in RUNNING and path.suffix in (".py", ".cc")]
        cls.said = "\n".join((ROOT / path).read_text() for path in tests)

    def expected(self, value, name):
        return re.search(rf"\b(Code::{value}|{name})\b", self.said) is not None

    def test_each_is_expected_somewhere(self):
        self.assertGreater(len(self.rows), 30)
        lacking = [name for value, name in self.rows if name not in NOT_EXPECTED and not self.expected(value, name)]
        self.assertEqual(lacking, [], "write a test in which the running system answers it")

    def test_what_is_said_to_be_expected_nowhere_is_so(self):
        self.assertLessEqual(NOT_EXPECTED.keys(), {name for _, name in self.rows})
        self.assertEqual([name for value, name in self.rows if name in NOT_EXPECTED and self.expected(value, name)], [], "take it out of NOT_EXPECTED")


if __name__ == "__main__":
    unittest.main()
