#!/usr/bin/python3
"""ops/harness/printable.py: nothing that somebody wrote acts on the terminal of those who run a command."""

import io
import json
import pathlib
import re
import subprocess
import sys
import unittest

import printable

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNSAFE = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x2070), 0xFEFF]


class Printable(unittest.TestCase):
    def test_what_is_written_for_people_passes_as_it_is(self):
        for text in ("", "Order 4711 \\ \"x\"", "Привет", "שלום", "👨‍👩‍👧", "\u00a0\u200b"):
            self.assertEqual((printable.printable(text), printable.escaped(text)), (text, text))

    def test_whatever_could_act_on_a_terminal_is_shown_instead(self):
        for point in UNSAFE:
            expected = {9: "\\t", 10: "\\n"}.get(point) or "\\u" + f"{point:04x}"
            self.assertEqual(printable.printable(f"ж{chr(point)}z"), f"ж{expected}z")
        self.assertEqual(printable.printable(b"\xe9\x9b".decode("utf-8", "surrogateescape")), "\\xe9\\x9b")
        self.assertEqual(printable.printable("\ud83d"), "\\ud83d")

    def test_output_keeps_its_lines_and_json_its_value(self):
        self.assertEqual(printable.escaped("a\n\tb\r\u202e"), "a\n\tb\\u000d\\u202e")
        for point in UNSAFE:
            text = json.dumps(chr(point), ensure_ascii=False)
            self.assertEqual(json.loads(printable.escaped(text)), chr(point))

    def test_a_guarded_stream_passes_on_what_is_escaped(self):
        shown = io.StringIO()
        print("\u009b2J", "\u202e", "ok", file=printable.Guarded(shown), flush=True)
        self.assertEqual(shown.getvalue(), "\\u009b2J \\u202e ok\n")

    def test_every_command_guards_its_output(self):
        commands = [*(ROOT / "ops" / "harness").glob("command_*.py"), ROOT / "ops" / "demo"]
        self.assertGreater(len(commands), 6)
        for command in commands:
            self.assertRegex(command.read_text(), re.compile(r'^if __name__ == "__main__":\n    (printable.guard\(\)|failures.run\(main\))$', re.MULTILINE), command.name)

    def test_a_command_that_is_given_a_control_character_shows_it(self):
        ended = subprocess.run([sys.executable, ROOT / "ops/harness/command_status.py", "--data", "/nowhere/\x9b\u202e"], stderr=subprocess.PIPE, timeout=60)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(b"/nowhere/\\u009b\\u202e", ended.stderr)

    def test_a_duration_is_a_number_above_nothing(self):
        for flag in ("nan", "inf", "-1", "0", "", "soon"):
            ended = subprocess.run([sys.executable, ROOT / "ops/harness/command_chaos.py", "--minutes=" + flag], stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn("--minutes", ended.stderr)


if __name__ == "__main__":
    unittest.main()
