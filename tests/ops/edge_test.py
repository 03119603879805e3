#!/usr/bin/python3
"""The edge's nginx with a small API behind it: what it passes on, what it answers itself, what it logs."""

import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import data_folder
import edge
from settings import Settings
from supervisor import wait_for

PORT = int(os.environ.get("PARLEY_TEST_EDGE_PORT") or 16000)
DEADLINE_SECONDS = 10


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/api/dialogs/"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.server.go_on.wait(DEADLINE_SECONDS)
            self.close_connection = True
            return
        body = json.dumps({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Edge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="parley-edge-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.folder.chmod(0o755)
        cls.settings = Settings(data=cls.folder, port=PORT)
        data_folder.lay_out(cls.folder)
        cls.api = http.server.ThreadingHTTPServer(("127.0.0.1", cls.settings.api_port(1)), Api)
        cls.api.go_on = threading.Event()
        threading.Thread(target=cls.api.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.api.server_close)
        cls.addClassCleanup(cls.api.shutdown)
        command = edge.command(cls.settings, root=os.getuid() == 0)
        nginx = subprocess.Popen([str(argument) for argument in command.arguments])
        cls.addClassCleanup(nginx.wait)
        cls.addClassCleanup(nginx.terminate)
        assert wait_for(command.ready, DEADLINE_SECONDS)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=DEADLINE_SECONDS)
        self.addCleanup(connection.close)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def ask_raw(self, request):
        with socket.create_connection(("127.0.0.1", PORT), timeout=DEADLINE_SECONDS) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def assert_error(self, answer, body, status, code):
        self.assertEqual((answer.status, json.loads(body)["error"]["code"]), (status, code))
        self.assertEqual(set(json.loads(body)["error"]), {"code", "message", "details"})
        self.assertIn("application/json", answer.getheader("Content-Type"))
        self.assertTrue(answer.getheader("X-Request-Id"))

    def test_a_request_passes_with_the_id_that_its_client_gave(self):
        seen = json.loads(self.ask("POST", "/api/auth/login?x=1", "{}", X_Request_Id="mine-1")[1])
        self.assertEqual((seen["path"], seen["headers"]["x-request-id"]), ("/api/auth/login?x=1", "mine-1"))

    def test_a_request_without_a_usable_id_gets_one(self):
        seen = json.loads(self.ask("GET", "/api/users/me", X_Request_Id='"bad\tid"')[1])
        self.assertRegex(seen["headers"]["x-request-id"], "^[0-9a-f]{32}$")

    def test_every_line_of_the_log_is_utf8_and_json_whatever_bytes_a_client_sends(self):
        for target in (b"/caf\xe9", b"/\xc2\x9b2J\xe2\x80\xae", b"/a\"b", b"/caf%C3%A9?token=secret", b"/plain?q=\xe9"):
            self.ask_raw(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nUser-Agent: \xe9\r\nConnection: close\r\n\r\n")
        log = self.folder / "log" / "edge-access.log"
        self.assertTrue(wait_for(lambda: len(log.read_bytes().splitlines()) >= 5 and b"/plain" in log.read_bytes(), DEADLINE_SECONDS))
        paths = [json.loads(line)["path"] for line in log.read_bytes().decode("utf-8", "strict").splitlines()]
        for path in ("(unprintable)", '/a"b', "/caf%C3%A9", "/plain"):
            self.assertIn(path, paths)
        self.assertGreaterEqual(paths.count("(unprintable)"), 2)

    def test_who_asks_is_said_by_the_edge_whatever_its_client_says(self):
        seen = json.loads(self.ask("GET", "/api/users/me", X_Forwarded_For="198.51.100.1")[1])
        self.assertEqual(seen["headers"]["x-forwarded-for"], "127.0.0.1")

    def test_a_stream_arrives_before_it_ends(self):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=DEADLINE_SECONDS)
        connection.request("GET", "/api/dialogs/7/events?token=secret")
        self.assertEqual(connection.getresponse().readline(), b"data: first\n")
        self.api.go_on.set()
        connection.close()

    def test_the_page_is_served_at_the_root(self):
        answer, body = self.ask("GET", "/")
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/html; charset=utf-8"))
        self.assertEqual(body, (self.settings.page / "index.html").read_text())
        self.assertEqual(self.ask("GET", "/page/page.js")[0].getheader("Content-Type"), "text/javascript; charset=utf-8")

    def test_the_apis_document_is_shown_by_a_page_that_may_ask_nobody_else(self):
        answer, body = self.ask("GET", "/docs")
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/html; charset=utf-8"))
        self.assertNotIn("http", body)
        policy = answer.getheader("Content-Security-Policy")
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"), policy)
        self.assertNotIn("unsafe", policy)

    def test_the_apis_document_has_one_address(self):
        answer, _ = self.ask("GET", "/docs/")
        self.assertEqual((answer.status, answer.getheader("Location")), (301, "/docs"))

    def test_the_edges_own_errors_have_the_apis_form(self):
        self.assert_error(*self.ask("POST", "/api/x", b" " * (3 << 20)), 413, "PAYLOAD_TOO_LARGE")
        self.assert_error(*self.ask("GET", "/page/none.js"), 404, "NOT_FOUND")
        self.assert_error(*self.ask("GET", "/" + "a" * 9000), 414, "URI_TOO_LONG")
        self.assert_error(*self.ask("GET", "/api/x", X="a" * 9000), 431, "HEADERS_TOO_LARGE")
        self.assert_error(*self.ask("GET", "/page/page.js", Range="bytes=9999999-"), 416, "BAD_REQUEST")
        answer, body = self.ask("POST", "/page/page.js")
        self.assert_error(answer, body, 405, "METHOD_NOT_ALLOWED")
        self.assertEqual(answer.getheader("Allow"), "GET, HEAD")

    def test_broken_http_is_answered_in_the_apis_form(self):
        for request in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
            with self.subTest(request=request):
                self.assertIn('{"error":{"code":"BAD_REQUEST"', self.ask_raw(request))

    def test_errors_speak_english_to_those_who_ask_for_it(self):
        for asked, language, letters in ({}, "ru", "[а-я]"), ({"Accept_Language": "en-US,en;q=0.9"}, "en", "^[^а-я]*$"):
            answer, body = self.ask("GET", "/page/none.js", **asked)
            self.assertEqual(answer.getheader("Content-Language"), language)
            self.assertRegex(body, letters)

    def test_large_bodies_that_come_slowly_are_bounded_and_what_is_small_passes(self):
        head = f"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: {200_000}\r\n\r\n".encode()
        slow = []
        for _ in range(edge.LARGE_BODIES_MAX):
            each = socket.create_connection(("127.0.0.1", PORT), timeout=DEADLINE_SECONDS)
            self.addCleanup(each.close)
            slow.append(each)
            each.sendall(head.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"))
        for each in slow:  # nginx says so once it has given the request a place
            self.assertIn(b" 100 ", each.recv(100))

        def one_more():
            with socket.create_connection(("127.0.0.1", PORT), timeout=DEADLINE_SECONDS) as connection:
                connection.sendall(head.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"x" * 200_000)
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

        answer = one_more()
        self.assertTrue(answer.startswith("HTTP/1.1 503 "), answer)
        self.assertIn("Retry-After: 1\r\n", answer)
        self.assertIn('{"error":{"code":"UNAVAILABLE"', answer)
        self.assertEqual(self.ask("POST", "/api/auth/login", "{}")[0].status, 200)
        for each in slow:
            each.close()
        self.assertTrue(wait_for(lambda: one_more().startswith("HTTP/1.1 200 "), DEADLINE_SECONDS))

    def test_query_strings_stay_out_of_the_logs(self):
        self.ask("GET", "/api/users/me?token=very-secret")
        self.ask("GET", "/page/none.js?token=very-secret")
        logs = list((self.folder / "log").glob("edge*"))
        self.assertTrue(wait_for(lambda: any("/page/none.js" in log.read_text() for log in logs), DEADLINE_SECONDS))
        self.assertFalse(any("secret" in log.read_text() for log in logs))


class EdgeAlone(unittest.TestCase):
    def test_without_an_api_it_says_unavailable_and_when_to_try_again(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="parley-edge-"))
        self.addCleanup(shutil.rmtree, folder)
        data_folder.lay_out(folder)
        settings = Settings(data=folder, port=PORT + 100)
        command = edge.command(settings, root=os.getuid() == 0)
        nginx = subprocess.Popen([str(argument) for argument in command.arguments])
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        self.assertTrue(wait_for(command.ready, DEADLINE_SECONDS))
        connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=DEADLINE_SECONDS)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/users/me?token=secret")
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["error"]["code"], answer.getheader("Retry-After")), (503, "UNAVAILABLE", "1"))
        self.assertNotIn("secret", "".join(log.read_text() for log in (folder / "log").iterdir()))


if __name__ == "__main__":
    unittest.main()
