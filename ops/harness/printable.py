"""What others wrote, on its way to a terminal: it is shown, and never acts there. C++'s half is platform/text/printable.h, of the same characters in
the same form: \\u202e for a character, \\xe9 for a byte that is not UTF-8."""

import re
import sys

# Controls (C0, DEL, C1), what changes the direction of text, separators of lines and paragraphs, U+FEFF; lone surrogates stand for bytes that are not
# UTF-8 (surrogateescape), or came out of JSON.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff]")
UNSAFE_OUTPUT = re.compile(UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
SHORT = {"\n": "\\n", "\t": "\\t"}


def _shown(match):
    character = match[0]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return SHORT.get(character) or f"\\u{ord(character):04x}"


def printable(text):
    """A value that stands in a line for people: no character of it ends the line."""
    return UNSAFE.sub(_shown, str(text))


def escaped(output):
    """Whole output, of lines or JSON: newlines and tabs stay."""
    return UNSAFE_OUTPUT.sub(_shown, output)


class Guarded:
    """A stream whose writes are escaped() on the way."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        self._stream.write(escaped(text))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def guard():
    """From here on nothing that is printed acts on a terminal. A program's own control sequences go to sys.__stdout__ or sys.__stderr__."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, Guarded):
            setattr(sys, name, Guarded(stream))
