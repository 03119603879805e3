#!/usr/bin/python3
"""The commands of the first steps and of the guide to the REST API, as they stand there, print what stands there, ids and times aside. Needs PARLEY_TEST_BASE."""

import re
import secrets
import subprocess
import unittest

import contract
from settings import ROOT

GUIDE, FIRST_STEPS = ROOT / "docs" / "rest.md", ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL)
GUIDE_API, GUIDE_EMAIL = "http://localhost:8000", "anna@example.com"
END = "=== the end of a block ==="
TIMEOUT_S = 60
# What is another one each time; in this order.
VARYING = ((r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"), (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"), (r"st_[\w-]{32}", "SITE TOKEN"),
           (r"\b[\w-]{8}\.\d+:\d+", "POSITION"), (r'(?<="id":)\d+|(?<="dialog_id":)\d+|^\d{4,}$', "ID"))


def lasting(text):
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


class Guides(contract.ContractTest):
    def test_the_commands_of_the_guide_to_the_api_print_what_stands_there(self):
        self.assert_prints(GUIDE, 9)

    def test_the_commands_of_the_first_steps_print_what_stands_there(self):
        self.assert_prints(FIRST_STEPS, 3)

    def assert_prints(self, page, blocks_min):
        email = f"anna-{secrets.token_hex(6)}@example.com"
        blocks = BLOCK.findall(page.read_text())
        self.assertGreaterEqual(len(blocks), blocks_min)
        script = f"\nprintf '\\n{END}\\n'\n".join(commands for commands, _ in blocks).replace(GUIDE_API, contract.BASE).replace(GUIDE_EMAIL, email)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        printed = done.stdout.replace(email, GUIDE_EMAIL).split(END + "\n")
        self.assertEqual(len(printed), len(blocks))
        for (commands, expected), output in zip(blocks, printed):
            lines, expected_lines = ([line.rstrip() for line in lasting(text).rstrip("\n").split("\n")] for text in (output, expected))
            self.assertEqual(lines, expected_lines, commands)


class TheComparison(unittest.TestCase):
    def test_it_sees_what_is_not_an_id_or_a_time(self):
        self.assertEqual(lasting('{"id":7,"at":"2026-11-22T00:00:42.965Z"}\n4105\n'), lasting('{"id":1033,"at":"2026-11-23T00:00:42.965Z"}\n9225\n'))
        for one, other in (('{"total":1}', '{"total":2}'), ("201", "200"), ('{"id":7}', '{"id":null}'), ("id: 4", "id: 5")):
            self.assertNotEqual(lasting(one), lasting(other))


if __name__ == "__main__":
    contract.main()
