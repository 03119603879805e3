#!/usr/bin/python3
"""Every shell script is one that shellcheck has nothing to say about."""

import subprocess
import unittest

from sources import ROOT, tracked_files


def is_shell(path):
    with (ROOT / path).open("rb") as file:
        first = file.readline(80)
    return path.suffix == ".sh" or (first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh")))


class Shell(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        scripts = [path for path in tracked_files() if is_shell(path)]
        self.assertTrue(scripts)
        # What a script sources is looked for beside it, and judged too. The shell is bash: files that are sourced do not say so themselves.
        checked = subprocess.run(["shellcheck", "--shell=bash", "--external-sources", "--source-path=SCRIPTDIR", "--severity=style", *scripts], cwd=ROOT,
                                 capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, f"{checked.stdout}{checked.stderr}")


if __name__ == "__main__":
    unittest.main()
