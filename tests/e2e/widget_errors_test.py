#!/usr/bin/python3
"""A page of another origin reads why its request was refused, whoever refused it. Needs chromium, and for half of it PARLEY_TEST_BASE."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import data_folder
import edge
from browser import BASE, SKIPPED, Browser
from settings import Settings
from supervisor import wait_for

PORT = int(os.environ.get("PARLEY_TEST_WIDGET_PORT") or 16300)
DEADLINE_S = 20
# What a widget sends: a header of its own makes the browser ask first whether it may.
REQUEST = """fetch(%s, {method: %s, body: %s, headers: {'X-Site-Token': 'st_wrong', 'Accept-Language': 'ru;q=0, en'}}).then(
  async answer => ({status: answer.status, id: answer.headers.get('X-Request-Id'), retry: answer.headers.get('Retry-After'),
                    allow: answer.headers.get('Allow'), ...(await answer.json()).error}),
  error => ({message: String(error)}))"""


class Widget(unittest.TestCase):
    """The page is a shop's, on an edge without an API: its origin is another one than BASE, and than the edge by its other name."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="parley-widget-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.folder.chmod(0o755)
        data_folder.lay_out(cls.folder)
        shop = cls.folder / "shop"
        shop.mkdir()
        (shop / "index.html").write_text("<!doctype html><title>Shop</title>")
        command = edge.command(Settings(data=cls.folder, port=PORT, page=shop), root=os.getuid() == 0)
        nginx = subprocess.Popen([str(argument) for argument in command.arguments])
        cls.addClassCleanup(nginx.wait)
        cls.addClassCleanup(nginx.terminate)
        assert wait_for(command.ready, DEADLINE_S)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.browser.open(f"http://localhost:{PORT}/")
        cls.browser.wait("document.title === 'Shop' && document.readyState === 'complete'", DEADLINE_S)

    def ask(self, base, method, path, body="null"):
        return self.browser.value(REQUEST % (json.dumps(base + path), json.dumps(method), body))

    def assert_read(self, answer, status, code, message):
        self.assertEqual((answer.get("status"), answer.get("code"), answer["message"]), (status, code, message))
        self.assertTrue(answer["id"])

    def test_what_the_edge_refuses_without_an_api(self):
        edge_alone = f"http://127.0.0.1:{PORT}"
        answer = self.ask(edge_alone, "POST", "/api/site/dialogs", "'{}'")
        self.assert_read(answer, 503, "UNAVAILABLE", "The service is unavailable for now")
        self.assertEqual(answer["retry"], "1")
        self.assert_read(self.ask(edge_alone, "POST", "/api/site/dialogs/7/messages/", "'x'.repeat(3 << 20)"), 413, "PAYLOAD_TOO_LARGE", "The body is too large")
        self.assertIn("Failed to fetch", self.ask(edge_alone, "GET", "/api/users/me")["message"])  # is for pages of its own origin

    @unittest.skipUnless(BASE, "PARLEY_TEST_BASE is not set")
    def test_what_edge_and_api_refuse_of_a_running_system(self):
        base = BASE.replace("localhost", "127.0.0.1")
        answer = self.ask(base, "GET", "/api/site/dialogs", "undefined")
        self.assert_read(answer, 405, "METHOD_NOT_ALLOWED", "The method is not allowed here")
        self.assertIn("POST", answer["allow"])
        self.assert_read(self.ask(base, "GET", "/api/site/dialogs/7/messages?limit=1&limit=2", "undefined"), 400, "BAD_REQUEST", "The request is malformed")
        self.assert_read(self.ask(base, "POST", "/api/site/dialogs", "'x'.repeat(3 << 19)"), 413, "PAYLOAD_TOO_LARGE", "The body is too large")
        self.assert_read(self.ask(base, "POST", "/api/site/dialogs", "'x'.repeat(3 << 20)"), 413, "PAYLOAD_TOO_LARGE", "The body is too large")
        self.assert_read(self.ask(base, "POST", "/api/site/dialogs", "'{}'"), 401, "NOT_AUTHENTICATED", "Authentication is required")


if __name__ == "__main__":
    if not shutil.which("chromium"):
        print("chromium is not there: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
