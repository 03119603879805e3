#!/usr/bin/python3
"""The page at /docs shows the API's document, and asks no other host. Needs PARLEY_TEST_BASE; screenshots are kept in the build's folder."""

import json
import os
import pathlib
import sys
import tempfile
import unittest
import urllib.request
from urllib.parse import urlsplit

from browser import Browser

BASE = os.environ.get("PARLEY_TEST_BASE", "")
SCREENSHOTS = pathlib.Path(os.environ.get("PARLEY_BUILD") or tempfile.gettempdir()) / "screenshots"
SKIPPED = 77
DEADLINE_S = 30.0
SHOWN = "[...document.querySelectorAll('.opblock')].map(each => each.querySelector('.opblock-summary-method').textContent.toLowerCase() + ' ' + each.querySelector('[data-path]').dataset.path)"


class Docs(unittest.TestCase):
    def setUp(self):
        self.browser = Browser()
        self.addCleanup(self.browser.close)
        self.browser.screen(1280, 1600)

    def tearDown(self):
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual({urlsplit(url).netloc for url in self.browser.requests if url.startswith("http")}, {urlsplit(BASE).netloc})

    def test_every_operation_is_shown(self):
        with urllib.request.urlopen(f"{BASE}/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        self.browser.open(f"{BASE}/docs")
        self.browser.wait("document.querySelectorAll('.opblock').length > 0", DEADLINE_S)
        self.assertEqual(sorted(self.browser.value(SHOWN)), sorted(f"{method} {path}" for path, operations in paths.items() for method in operations))
        self.browser.screenshot(SCREENSHOTS / "docs.png")


if __name__ == "__main__":
    if not BASE:
        print("PARLEY_TEST_BASE is not set: skipped")
        sys.exit(SKIPPED)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    unittest.main(verbosity=2)
