#!/usr/bin/python3
"""One statement a line: no C++ statement is two that a comma operator joins."""

import re
import unittest

from sources import ROOT, tracked_cpp

NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'|^[ \t]*#(?:[^\n\\]|\\.)*', re.DOTALL | re.MULTILINE)
TOKEN = re.compile(r"[()\[\]{};]|[^()\[\]{};]+")
DIGITS = re.compile(r"(?<=\d)'(?=\d)")
TEMPLATE_ARGUMENTS = re.compile(r"(?<=\w)<[^<>;&|]*(?:&&?[^<>;&|]*)*>")
BEGINNINGS = re.compile(r"^(?:\s|\{\}|(?:else|do|try|return|co_return|throw)\b|(?:if(?: constexpr)?|for|while|switch|catch)\s*\(\)|case\b[^:]*:(?!:)|default:|(?:public|private|protected):|\w+:(?!:))+")
NOT_STATEMENTS = re.compile(r"^(?:using|typedef|enum|class|struct|union|friend|template|namespace|extern|operator)\b")
DECLARED = re.compile(r"[\w>\])&*]\s*[\s&*]\s*[&*]*\w+(?:\[\])*$")  # a type, and a name


def statements(text):
    """(offset of its end, text without what is in brackets) of each statement."""
    text = DIGITS.sub(" ", text)
    text = NOISE.sub(lambda noise: re.sub(r"[^\n]", " ", noise[0]), text)
    frames = [["", ""]]  # an opening bracket, and what stands in it so far
    for token in TOKEN.finditer(text):
        if token[0] in "([{":
            frames.append([token[0], ""])
        elif token[0] in ")]}" and len(frames) > 1:
            opened, _ = frames.pop()
            frames[-1][1] += opened + token[0]
        elif token[0] == ";":
            if frames[-1][0] in ("", "{"):
                yield token.start(), frames[-1][1]
            frames[-1][1] = ""
        else:
            frames[-1][1] += token[0]


def is_two(statement):
    """Whether a comma operator joins it."""
    # What ended with a block is behind: a function, a loop.
    statement = re.split(r"\{\}(?!\s*[,;.)(\[?:=+-]|\s*(?:and|or)\b|\s*$)", statement)[-1]
    while (shorter := TEMPLATE_ARGUMENTS.sub("", statement)) != statement:
        statement = shorter
    statement = BEGINNINGS.sub("", statement).strip()
    if "," not in statement or NOT_STATEMENTS.match(statement):
        return False
    first = re.split(r"(?<![=!<>+\-*/|&^%])=(?!=)|\{\}|\(\)|,", statement)[0].strip()
    return not DECLARED.search(first) and not first.startswith(("[[", "auto []", "const auto []"))


def faults(text):
    return [text.count("\n", 0, offset) + 1 for offset, statement in statements(text) if is_two(statement)]


class Commas(unittest.TestCase):
    def test_a_statement_is_one(self):
        self.assertEqual([f"{path}:{line}" for path in tracked_cpp() for line in faults((ROOT / path).read_text())], [])

    def test_two_are_found(self):
        for text in ("void f() { a = 1, b = 2; }", "if (x) add(1), add(2);", "void f() {\n  ++i, ++j;\n}", "auto g = [&] { x.y = 1, z(); };", "for (;;) {\n}\nout += a, out += b;"):
            with self.subTest(text=text):
                self.assertTrue(faults(text))

    def test_what_is_one_is_not(self):
        for text in ("int a = 1, b = 2;", "const auto begin = f(), end = g();", "std::map<int, long> m;", "f(a, b);", "T x{a, b};", "(f(args), ...);", "for (int i = 0, j = 1; i < j; ++i, --j) {}",
                     "struct P { double x, y; };", "Foo() : a(1), b(2) {}\nint c;", "return std::pair{a, b};", "auto [a, b] = f();", "template <class A, class B> struct C;",
                     "std::vector<kafka::Offset> events, replies;", "enum E { a, b };", "Row* first = nullptr, *last = nullptr;"):
            with self.subTest(text=text):
                self.assertEqual(faults(text), [])


if __name__ == "__main__":
    unittest.main()
