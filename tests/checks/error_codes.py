#!/usr/bin/python3
"""Every refusal is called as its name, listed for the surfaces, answered by ReplyX, and expected by name in a test of the running system, or it is said here why not."""

import re
import unittest

from sources import ROOT, tracked_cpp, tracked_files

DECLARED = re.compile(r'\binline constexpr Code (k\w+)\{"([A-Z0-9_]+)"\};')
# What surfaces must answer: kRefusals of a context, kSharedRefusals, …; api/endpoint/refusals.cc adds those of an API's parts.
LISTED = re.compile(r"\bstd::array(?: k\w*Refusals)?\{([^}]*)\}")
ANSWERED = re.compile(r"^\| `([A-Z0-9_]+)` \|", re.MULTILINE)
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
        cls.texts = {path: (ROOT / path).read_text() for path in tracked_cpp() if path.parts[0] != "tests"}
        cls.declared = [(path, constant, name) for path, text in cls.texts.items() for constant, name in DECLARED.findall(text)]
        tests = [path for path in tracked_files() if path.parts[0] == "tests" and path.parts[1] in RUNNING and path.suffix in (".py", ".cc")]
        cls.said = "\n".join((ROOT / path).read_text() for path in tests)

    def expected(self, constant, name):
        return re.search(rf"\b({constant}|{name})\b", self.said) is not None

    def test_each_is_declared_once_and_called_as_its_name(self):
        self.assertGreater(len(self.declared), 30)
        self.assertEqual([constant for _, constant, name in self.declared if constant != "k" + "".join(map(str.capitalize, name.split("_")))], [])
        names = [name for _, _, name in self.declared]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_each_that_is_not_a_surfaces_own_is_listed_for_all_of_them(self):
        listed = set(re.findall(r"\bk\w+", " ".join(names for text in self.texts.values() for names in LISTED.findall(text))))
        lacking = [constant for path, constant, _ in self.declared if constant not in listed and path.parts[:2] != ("api", "surfaces")]
        self.assertEqual(lacking, [], "add it to the kRefusals of its context")

    def test_each_is_answered(self):
        answered = ANSWERED.findall((ROOT / "docs" / "errors.md").read_text())
        self.assertEqual(sorted(answered), sorted(name for _, _, name in self.declared), "give it a row in api/surfaces/replyx/errors.cc, and write docs/errors.md anew")

    def test_each_is_expected_somewhere(self):
        lacking = [name for _, constant, name in self.declared if name not in NOT_EXPECTED and not self.expected(constant, name)]
        self.assertEqual(lacking, [], "write a test in which the running system answers it")

    def test_what_is_said_to_be_expected_nowhere_is_so(self):
        self.assertLessEqual(NOT_EXPECTED.keys(), {name for _, _, name in self.declared})
        self.assertEqual([name for _, constant, name in self.declared if name in NOT_EXPECTED and self.expected(constant, name)], [], "take it out of NOT_EXPECTED")


if __name__ == "__main__":
    unittest.main()
