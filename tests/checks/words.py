#!/usr/bin/python3
"""What people read first is in words that they understand the first time: `--help` of every command, OpenAPI, the catalogue of events, the errors and the first pages."""

import ast
import json
import re
import unittest

from sources import ROOT

PAGES = ("README.md", "docs/getting-started.md", "docs/concepts.md", "docs/rest.md", "docs/events.md", "docs/audit.md", "docs/operations.md",
         "docs/settings.md", "docs/errors.md", "docs/event-types.md")  # the last three are made of the program's own texts
OPENAPI = "schemas/openapi/replyx.json"
HELP = ("ops/demo", "ops/harness/settings.py", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "ops" / "harness").glob("command_*.py")))
CODE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$|(`+)(?!`).*?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE)
# A pattern, and what to write. The actor is named: a client, an operator, a decider, the API.
BANNED = [(re.compile(pattern, re.IGNORECASE | re.MULTILINE), advice) for pattern, advice in (
    (r"\b(?:whoever|whosoever|somebody|nobody|anybody)\b", "name who it is: a client, an operator, another account"),
    (r"\b(?:whatever|whichever)\b", "say which: every, all, also when"),
    (r"(?:^|[.:;|(] +|\| )Of (?:a|an|the|its|this|these|those|what|which|all|one|any)\b", "begin with the subject"),
    (r"\bstands? still\b", "parked"),
    (r"\bmend(?:s|ed|ing)?\b", "fix"),
    (r"(?<!\bthere )\b(?:is|are) no (?!longer\b|more\b)[a-z]+", "is not a …, or has no …"),
    (r"\bso many more\b|\bit is called otherwise\b|\bis answered the same\b", "say what happens"),
)]
# Where such a word is the right one: the place, and a part of the text around it.
ALLOWED = {("docs/rest.md", "Anybody there?")}


def texts_of_openapi(value):
    """Every summary, description and title."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("summary", "description", "title") and isinstance(inner, str):
                yield inner
            else:
                yield from texts_of_openapi(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of_openapi(inner)


def texts_of_help(source):
    """What argparse shows: the module's own text, and every help=."""
    tree = ast.parse(source)
    yield ast.get_docstring(tree) or ""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            shown = [keyword.value for keyword in call.keywords if keyword.arg in ("help", "description", "epilog")]
            if isinstance(call.func, ast.Name) and call.func.id == "add":  # settings.py: flag, type, default, text
                shown += call.args[3:4]
            for part in (part for value in shown for part in ast.walk(value)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def places():
    for page in PAGES:
        yield page, [CODE.sub("CODE", (ROOT / page).read_text())]
    yield OPENAPI, texts_of_openapi(json.loads((ROOT / OPENAPI).read_text()))
    for file in HELP:
        yield file, texts_of_help((ROOT / file).read_text())


def faults(place, text):
    for pattern, advice in BANNED:
        for match in pattern.finditer(text):
            around = text[max(0, match.start() - 40):match.end() + 40].replace("\n", " ")
            if not any(place == where and part in around for where, part in ALLOWED):
                yield f"{place}: “{match[0].strip()}” in “…{around}…”: {advice}"


class Words(unittest.TestCase):
    def test_what_people_read_first_names_its_actors(self):
        found = [fault for place, texts in places() for text in texts for fault in faults(place, text)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_a_text_that_does_not_is_found(self):
        for text in ("Whoever else has the bot", "Shown to nobody.", "| `x` | Of the command that began it |", "whatever happens", "the stream stands still", "Mend the cause",
                     "It is no stream"):
            with self.subTest(text=text):
                self.assertTrue(list(faults("page", text)))
        for text in ("There is no such dialog", "The token is no longer valid", "One of the account's keys", "A list of all of them"):
            with self.subTest(text=text):
                self.assertEqual(list(faults("page", text)), [])

    def test_every_place_has_texts(self):
        for place, texts in places():
            with self.subTest(place=place):
                self.assertTrue(any(text.strip() for text in texts))


if __name__ == "__main__":
    unittest.main()
