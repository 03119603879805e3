#!/usr/bin/python3
"""Every link between pages leads somewhere: to a file that is there, and to a heading in it."""

import functools
import posixpath
import re
import unittest
from urllib.parse import unquote

from sources import ROOT, tracked_files

FENCE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.*?)[ #]*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")  # what needs a network is not asked for


def anchors(text):
    """As GitHub makes them: lower case, words and hyphens alone, a number behind what comes again."""
    seen, found = {}, set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
        seen[slug] = seen.get(slug, 0) + 1
    return found


class Pages:
    """Pages as {path: text}, and what else there is to lead to."""

    def __init__(self, pages, paths):
        self.pages, self.paths = pages, set(paths) | {folder for path in paths for folder in above(path)}
        self.anchors = functools.cache(lambda path: anchors(self.pages[path]))

    def faults(self):
        return [f"{path}: {fault}" for path, text in self.pages.items() for fault in self.faults_of(path, text)]

    def faults_of(self, path, text):
        for pair in LINK.findall(CODE.sub("", FENCE.sub("", text))):
            link = pair[0] or pair[1]
            if ELSEWHERE.match(link):
                continue
            target, _, anchor = unquote(link).partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
            if target not in self.paths:
                yield f"{link} is not there"
            elif anchor and target not in self.pages:
                yield f"{link} names a heading of what is no page"
            elif anchor and anchor not in self.anchors(target):
                yield f"{link} names a heading that {target} has not"


def above(path):
    while path := posixpath.dirname(path):
        yield path


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        paths = [str(path) for path in tracked_files()]
        pages = {path: (ROOT / path).read_text() for path in paths if path.endswith(".md")}
        faults = Pages(pages, paths).faults()
        self.assertEqual(faults, [], "\n" + "\n".join(faults))

    def test_a_link_that_leads_nowhere_is_found(self):
        for link in ("[a](c.md)", "[a](../README.md)", "[a](b.md#three)", "[a](#none)", "![a](picture.svg)", "[a](b.txt#x)", "[`a`](c.md)", '<img src="none.svg">'):
            with self.subTest(link=link):
                self.assertEqual(len(self.pages(link).faults()), 1)

    def test_a_link_that_leads_somewhere_passes(self):
        for link in ("[a](b.md)", "[a](b.md#two-words-and-code)", "[a](b.md#one-1)", "[a](../c)", "[a](#here)", "[a](https://example.com/x)", "`[a](c.md)`",
                     "```sh\n[a](c.md)\n```", "[a](mailto:a@example.com)"):
            with self.subTest(link=link):
                self.assertEqual(self.pages(link).faults(), [])

    @staticmethod
    def pages(text):
        return Pages({"a/a.md": "# Here\n" + text, "a/b.md": "# One\n## Two words, and `code`\n# One\n```\n# Three\n```\n"}, ["a/a.md", "a/b.md", "a/b.txt", "c/d.md"])


if __name__ == "__main__":
    unittest.main()
