#!/usr/bin/python3
"""The edge's nginx with a small API behind it: what it passes on, what it answers itself, what it logs."""

import contextlib
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
import unittest.mock

import data_folder
import edge
from failures import OpsError
from settings import ROOT, Settings
from supervisor import wait_for

PORT = int(os.environ.get("PARLEY_TEST_EDGE_PORT") or 16000)
DEADLINE_SECONDS = 10
SURFACES = "replyx,second=/second"
LANGUAGES = json.loads((ROOT / "tests" / "contract" / "accept_language.json").read_text())


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "nts" in self.path:  # events, in some spelling
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.connection.settimeout(DEADLINE_SECONDS)
            with contextlib.suppress(OSError):
                if not self.connection.recv(1):
                    self.server.left.add(self.path)
            self.close_connection = True
            return
        if self.path.startswith("/api/file/"):
            self.send_response(200)
            for name, value in (("X-Accel-Redirect", edge.FILES + self.path.removeprefix("/api/file/")), ("Content-Type", "image/png"), ("Content-Length", "0"),
                                ("Content-Disposition", 'attachment; filename="a.png"'), ("Cache-Control", "private, no-cache"), ("X-RateLimit-Limit", "7")):
                self.send_header(name, value)
            self.end_headers()
            return
        body = json.dumps({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def two_surfaces(folder, uploads):
    """ReplyX with these uploads, and a second product with a form of errors and languages of its own."""
    first = json.loads((edge.ANSWERS / "replyx.answers.json").read_text()) | {"uploads": uploads}
    languages = ["uk", "ru", "en"]

    def in_its_form(error):
        own = {"code": error["code"], "status": error["status"]}
        for language in languages:
            headers = error["en"]["headers"] | {"Content-Type": "application/problem+json", "Content-Language": language}
            own[language] = {"headers": headers, "body": json.dumps({"ok": False, "why": error["code"], "text": f"in {language}"})}
        return own

    second = {"languages": languages, "errors": [in_its_form(error) for error in first["errors"]], "streams": ["/agents"], "uploads": {"/pictures": 4 << 20},
              "cross_origin": first["cross_origin"] | {"paths": {"/widgets/{widget_id}": "POST, OPTIONS"}}}
    for name, answers in (("replyx", first), ("second", second)):
        (folder / f"{name}.answers.json").write_text(json.dumps(answers))
    with unittest.mock.patch.object(edge, "ANSWERS", folder):
        yield


class Edge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="parley-edge-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.folder.chmod(0o755)
        cls.settings = Settings(data=cls.folder, port=PORT, surfaces=SURFACES)
        data_folder.lay_out(cls.folder)
        cls.api = http.server.ThreadingHTTPServer(("127.0.0.1", cls.settings.api_port(1)), Api)
        cls.api.left = set()  # the streams whose client has left
        threading.Thread(target=cls.api.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.api.server_close)
        cls.addClassCleanup(cls.api.shutdown)
        # No endpoint of the product takes a file yet.
        with two_surfaces(cls.folder, uploads={"/api/pictures/{picture_id}/file": 4 << 20}):
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
        self.assertEqual(answer.getheader("Content-Type"), "application/json")
        self.assertEqual(answer.getheader("Cache-Control"), "no-store")
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
        # Each of nginx's workers writes its own lines, when its buffer is flushed.
        self.assertTrue(wait_for(lambda: all(path in log.read_bytes() for path in (b"(unprintable)", b'/a\\"b', b"/caf%C3%A9", b"/plain")), DEADLINE_SECONDS))
        paths = [json.loads(line)["path"] for line in log.read_bytes().decode("utf-8", "strict").splitlines()]
        for path in ("(unprintable)", '/a"b', "/caf%C3%A9", "/plain"):
            self.assertIn(path, paths)
        self.assertGreaterEqual(paths.count("(unprintable)"), 2)

    def test_a_file_that_the_api_names_is_sent_whole_and_in_part_and_none_can_be_asked_for(self):
        folder = self.folder / "files" / "of a"
        folder.mkdir(parents=True)
        (folder / "é%.png").write_bytes(b"0123456789")
        (self.folder / "files" / "link").symlink_to(self.folder / "log" / "edge-error.log")
        path = "/api/file/of%20a/%C3%A9%25.png"
        answer, body = self.ask("GET", path)
        self.assertEqual((answer.status, body), (200, "0123456789"))
        for name, value in (("Content-Type", "image/png"), ("Content-Disposition", 'attachment; filename="a.png"'), ("X-Content-Type-Options", "nosniff"),
                            ("Cache-Control", "private, no-cache"), ("X-RateLimit-Limit", "7"), ("X-Accel-Redirect", None), ("Accept-Ranges", "bytes")):
            self.assertEqual(answer.getheader(name), value, name)
        self.assertTrue(answer.getheader("X-Request-Id"))
        part, body = self.ask("GET", path, Range="bytes=2-4")
        self.assertEqual((part.status, body, part.getheader("Content-Range")), (206, "234", "bytes 2-4/10"))
        self.assertEqual(self.ask("GET", path, If_None_Match=answer.getheader("ETag"))[0].status, 304)
        self.assertEqual(self.ask("HEAD", path)[0].getheader("Content-Length"), "10")
        for missing in (edge.FILES + "of%20a/%C3%A9%25.png", "/api/file/none", "/api/file/link", "/api/file/..%2Flog%2Fedge-error.log"):
            with self.subTest(missing):
                self.assertIn(self.ask("GET", missing)[0].status, (403, 404))

    def test_a_path_that_takes_files_has_larger_bodies_and_no_other_has(self):
        for size, path, status in ((3 << 20, "/api/pictures/7/file", 200), (3 << 20, "/api/pictures/7/file/", 200), (3 << 20, "/api/pictures/7", 413),
                                   (3 << 20, "/api/pictures/7/files", 413), (6 << 20, "/api/pictures/7/file", 413)):
            with self.subTest(path=path, size=size):
                answer, body = self.ask("POST", path, b"x" * size)
                self.assertEqual(answer.status, status)
                if status == 413:
                    self.assert_error(answer, body, 413, "PAYLOAD_TOO_LARGE")

    def test_who_asks_is_said_by_the_edge_whatever_its_client_says(self):
        seen = json.loads(self.ask("GET", "/api/users/me", X_Forwarded_For="198.51.100.1")[1])
        self.assertEqual(seen["headers"]["x-forwarded-for"], "127.0.0.1")

    def test_a_stream_arrives_before_it_ends_and_ends_with_its_client_however_its_path_is_spelled(self):
        for path in ("/api/dialogs/7/events?token=secret", "/api/events", "/api/events/", "/api/ev%65nts", "/%61pi/dialogs/%37/events/?x=/", "/api/./events/", "/api/x/../events",
                     f"http://127.0.0.1:{PORT}/api/events/?absolute"):
            with self.subTest(path=path):
                with socket.create_connection(("127.0.0.1", PORT), timeout=DEADLINE_SECONDS) as connection:
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    received = b""
                    while b"data: first\n" not in received:
                        piece = connection.recv(65536)
                        self.assertTrue(piece, received)
                        received += piece
                self.assertTrue(wait_for(lambda: path.removeprefix(f"http://127.0.0.1:{PORT}") in self.api.left, DEADLINE_SECONDS), "its client has left")

    def test_a_target_in_absolute_form_passes_as_its_path(self):
        answer = self.ask_raw(f"GET HTTP://elsewhere.example:{PORT}/api/users/me?x=1 HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n".encode())
        seen = json.loads(answer.partition("\r\n\r\n")[2])
        self.assertEqual((seen["path"], seen["headers"]["host"]), ("/api/users/me?x=1", "elsewhere.example"))

    def test_a_request_that_needs_no_host_passes_with_one(self):
        self.assertTrue(json.loads(self.ask_raw(b"GET /api/users/me HTTP/1.0\r\n\r\n").partition("\r\n\r\n")[2])["headers"]["host"])

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
        answer, body = self.ask("POST", "/page/page.js")
        self.assert_error(answer, body, 405, "METHOD_NOT_ALLOWED")
        self.assertEqual(answer.getheader("Allow"), "GET, HEAD")

    def assert_error_of_second(self, answer, body, status, code, language="uk"):
        self.assertEqual((answer.status, json.loads(body)), (status, {"ok": False, "why": code, "text": f"in {language}"}))
        self.assertEqual((answer.getheader("Content-Type"), answer.getheader("Content-Language")), ("application/problem+json", language))
        self.assertTrue(answer.getheader("X-Request-Id"))

    def test_an_error_under_a_surfaces_prefix_has_the_form_and_the_languages_of_that_surface(self):
        large = b" " * (3 << 20)
        for path in ("/second", "/second/x", "/second/x?/api/x", "/s%65cond/./x"):
            with self.subTest(path=path):
                self.assert_error_of_second(*self.ask("POST", path, large), 413, "PAYLOAD_TOO_LARGE")
        for path in ("/secondary", "/api/second", "/", "/second/../api/x"):
            with self.subTest(path=path):
                self.assert_error(*self.ask("POST", path, large), 413, "PAYLOAD_TOO_LARGE")
        self.assert_error(*self.ask("GET", "/second/" + "a" * 9000), 414, "URI_TOO_LONG")  # nginx has not read its path
        self.assert_error_of_second(*self.ask("GET", "/second/x", X="a" * 9000), 431, "HEADERS_TOO_LARGE")
        broken = self.ask_raw(b"POST /second/x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
        self.assertIn('{"ok": false, "why": "BAD_REQUEST", "text": "in uk"}', broken)
        for asked, language in (("en", "en"), ("ru;q=0.3, en;q=0.5", "en"), ("en;q=0.5, ru", "ru"), ("uk;q=0.5, ru;q=0.5", "uk"), ("de", "uk"), ("uk;q=0, *", "ru"),
                                ("uk;q=0.1, ru;q=0.2, en;q=0.15", "ru"), ("en-GB;q=0.9, uk;q=0.899", "en")):
            with self.subTest(asked=asked):
                self.assert_error_of_second(*self.ask("POST", "/second/x", large, Accept_Language=asked), 413, "PAYLOAD_TOO_LARGE", language)

    def test_streams_files_and_pages_of_other_origins_are_a_surfaces_under_its_prefix_alone(self):
        large = b" " * (3 << 20)
        origin = "https://shop.example"
        for path, allowed in (("/second/widgets/7", origin), ("/widgets/7", None), ("/second/api/site/dialogs", None)):
            with self.subTest(path=path):
                self.assertEqual(self.ask("POST", path, large, Origin=origin)[0].getheader("Access-Control-Allow-Origin"), allowed)
        self.assertEqual(self.ask("POST", "/second/pictures", large)[0].status, 200)
        self.assertEqual(self.ask("POST", "/pictures", large)[0].status, 413)
        with socket.create_connection(("127.0.0.1", PORT), timeout=DEADLINE_SECONDS) as connection:
            connection.sendall(b"GET /second/agents HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while b"data: first\n" not in received:
                piece = connection.recv(65536)
                self.assertTrue(piece, received)
                received += piece

    def test_broken_http_is_answered_in_the_apis_form(self):
        for request in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
            with self.subTest(request=request):
                self.assertIn('{"error":{"code":"BAD_REQUEST"', self.ask_raw(request))

    def test_errors_have_the_language_that_the_api_would_choose(self):
        """The table is the API's: tests/unit/endpoint_failure_test.cc."""
        self.assertGreater(len(LANGUAGES), 50)
        for asked, language in [*LANGUAGES, (None, "ru")]:
            with self.subTest(asked=asked):
                answer, body = self.ask("GET", "/page/none.js", **({} if asked is None else {"Accept_Language": asked}))
                self.assertEqual(answer.getheader("Content-Language"), language)
                self.assertRegex(body, "^[^а-я]*$" if language == "en" else "[а-я]")

    def test_pages_of_other_origins_read_the_errors_of_what_they_may_ask(self):
        large = b" " * (3 << 20)
        for path in ("/api/site/dialogs", "/api/site/dialogs/?x=1", "/api/s%69te/./dialogs", "/api/site/dialogs/7/messages", "/api/dialogs/7/events"):
            with self.subTest(path=path):
                answer, body = self.ask("POST", path, large, Origin="https://shop.example")
                self.assert_error(answer, body, 413, "PAYLOAD_TOO_LARGE")
                self.assertEqual((answer.getheader("Access-Control-Allow-Origin"), answer.getheader("Vary")), ("https://shop.example", "Origin"))
                self.assertIn("X-Request-Id", answer.getheader("Access-Control-Expose-Headers"))
                self.assertEqual(self.ask("POST", path, large)[0].getheader("Access-Control-Allow-Origin"), None)
        for path in ("/api/users/me", "/api/site", "/api/site/dialogs/7", "/page/none.js", "/api/x?/api/site/dialogs"):
            with self.subTest(path=path):
                answer, body = self.ask("POST", path, large, Origin="https://shop.example")
                self.assertEqual((answer.status, answer.getheader("Access-Control-Allow-Origin"), answer.getheader("Vary")), (413, None, None))

    def test_an_error_of_a_broken_request_can_be_read_where_its_path_and_origin_were_understood(self):
        for fields, readable in (("Origin: https://shop.example\r\nContent-Length: x", True), ("Origin: https://shop.example\r\nX: " + "a" * 9000, True),
                                 ("Host: b\r\nOrigin: https://shop.example", False)):
            with self.subTest(fields=fields[:60]):
                answer = self.ask_raw(f"POST /api/site/dialogs HTTP/1.1\r\nHost: a\r\n{fields}\r\nConnection: close\r\n\r\n".encode())
                self.assertRegex(answer, "^HTTP/1.1 4(00|31) ")
                self.assertEqual("Access-Control-Allow-Origin: https://shop.example\r\n" in answer, readable, answer)

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
        self.assertIn('{"error":{"code":"OVERLOADED"', answer)
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

    def test_the_log_says_what_was_asked_also_when_the_edge_refused_it(self):
        self.ask("POST", "/api/logged", b" " * (3 << 20))
        log = self.folder / "log" / "edge-access.log"
        self.assertTrue(wait_for(lambda: "/api/logged" in log.read_text(), DEADLINE_SECONDS))
        line = next(json.loads(line) for line in log.read_text().splitlines() if "/api/logged" in line)
        self.assertEqual((line["method"], line["status"]), ("POST", 413))


class EdgeAlone(unittest.TestCase):
    def test_without_an_api_it_says_unavailable_and_when_to_try_again(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="parley-edge-"))
        self.addCleanup(shutil.rmtree, folder)
        data_folder.lay_out(folder)
        settings = Settings(data=folder, port=PORT + 100, surfaces=SURFACES)
        with two_surfaces(folder, uploads={}):
            command = edge.command(settings, root=os.getuid() == 0)
        nginx = subprocess.Popen([str(argument) for argument in command.arguments])
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        self.assertTrue(wait_for(command.ready, DEADLINE_SECONDS))
        connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=DEADLINE_SECONDS)
        self.addCleanup(connection.close)

        def ask(method, path, **headers):
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer, answer.read()

        answer, body = ask("GET", "/api/users/me?token=secret")
        self.assertEqual((answer.status, json.loads(body)["error"]["code"], answer.getheader("Retry-After")), (503, "UNAVAILABLE", "1"))

        answer, body = ask("GET", "/second/x", Accept_Language="en")
        self.assertEqual((answer.status, json.loads(body), answer.getheader("Retry-After")), (503, {"ok": False, "why": "UNAVAILABLE", "text": "in en"}, "1"))

        # A page of another origin is let ask, so that it reads why it has no answer.
        answer, _ = ask("OPTIONS", "/api/site/dialogs", Origin="https://shop.example", Access_Control_Request_Method="POST")
        self.assertEqual((answer.status, answer.getheader("Access-Control-Allow-Origin"), answer.getheader("Access-Control-Allow-Methods")),
                         (204, "https://shop.example", "POST, OPTIONS"))
        self.assertIn("X-Site-Token", answer.getheader("Access-Control-Allow-Headers"))
        answer, body = ask("POST", "/api/site/dialogs", Origin="https://shop.example", Accept_Language="ru;q=0, en")
        self.assertEqual((answer.status, json.loads(body)["error"]["message"], answer.getheader("Access-Control-Allow-Origin")),
                         (503, "The service is unavailable for now", "https://shop.example"))
        for path, headers in (("/api/users/me", {"Origin": "https://shop.example"}), ("/api/site/dialogs", {})):
            answer, body = ask("OPTIONS", path, **headers)
            self.assertEqual((answer.status, answer.getheader("Access-Control-Allow-Origin")), (503, None))
            self.assertTrue(json.loads(body))
        self.assertNotIn("secret", "".join(log.read_text() for log in (folder / "log").iterdir()))

    def test_a_surface_that_has_no_answers_is_refused(self):
        with self.assertRaisesRegex(OpsError, "no answers of a surface other"):
            edge.mounts("replyx,other=/other")


if __name__ == "__main__":
    unittest.main()
