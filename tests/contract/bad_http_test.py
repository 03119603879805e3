#!/usr/bin/python3
"""Slow and broken HTTP, through the edge and (PARLEY_TEST_API) to the API itself: each ends with an error or the connection, and harms nobody.

Needs PARLEY_TEST_BASE.
"""

import json
import os
import socket
import unittest
from contextlib import ExitStack
from urllib.parse import urlsplit

from contract import BASE, Answer, ContractTest, main

ANSWER_MAX_S = 40.0  # above every timeout of edge and API for a slow request
API = os.environ.get("PARLEY_TEST_API", "")


class Raw:
    """A connection that sends bytes as they are."""

    def __init__(self, base):
        parts = urlsplit(base)
        self.host = f"{parts.hostname}:{parts.port}"
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_MAX_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # it was answered and closed before all was sent
        return self

    def received(self):
        """Everything until the other side closes."""
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def answers(self):
        """The final answers of what came; 100 Continue is left out."""
        data, answers = self.received(), []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            status_line, *fields = head.decode("latin-1").split("\r\n")
            answer = Answer(int(status_line.split(" ")[1]), [tuple(field.split(": ", 1)) for field in fields], b"")
            length = int(answer.headers.get("content-length", 0))
            answer.body, data = data[:length], data[length:]
            if answer.status != 100:
                answers.append(answer)
        return answers


def head(dialog, raw, *fields, host=True):
    """The head of a visitor's message, with these fields."""
    visitor = dialog.visitor.headers
    lines = [f"POST {dialog.visitor_path} HTTP/1.1", *([f"Host: {raw.host}"] if host else []), "Content-Type: application/json",
             f"X-Site-Token: {visitor['X-Site-Token']}", f"X-Guest-Id: {visitor['X-Guest-Id']}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class BadHttp(ContractTest):
    base = BASE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dialog = cls.open_dialog()

    def tearDown(self):
        self.assertEqual(self.dialog.texts(), [], "something was done")

    def head(self, raw, *fields, host=True):
        return head(self.dialog, raw, *fields, host=host)

    def exchange(self, *pieces):
        with Raw(self.base) as raw:
            for piece in pieces:
                raw.send(piece(raw) if callable(piece) else piece)
            return raw.answers()

    def assert_refused(self, answers, *statuses):
        """One answer in the product's form, or (edge or API saw nothing that could be answered) none."""
        self.assertLessEqual(len(answers), 1)
        for answer in answers:
            self.assertIn(answer.status, statuses)
            self.assertTrue(json.loads(answer.body)["error"]["code"])

    def test_what_is_no_http(self):
        for data in (b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, b"GET\r\n\r\n", b"GET /api/dialogs\r\n\r\n",
                     b"GET  /api/dialogs HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /api/dialogs HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", b"GET /api/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /api/dialogs HTTP/1.1\r\nHost: x\r\nbad name: x\r\n\r\n", b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /api/auth/login HTTP/9.9\r\nHost: x\r\n\r\n"):
            with self.subTest(data=data[:40]), Raw(self.base) as raw:
                raw.send(data).socket.shutdown(socket.SHUT_WR)
                received = raw.received()
                if received.startswith(b"HTTP/1."):
                    self.assertIn(int(received.split(b" ")[1]), (400, 401, 404, 405, 408, 414, 505))

    def test_a_host_is_needed_once(self):
        self.assert_refused(self.exchange(lambda raw: self.head(raw, "Content-Length: 0", "Connection: close", host=False)), 400)
        self.assert_refused(self.exchange(lambda raw: self.head(raw, "Host: other", "Content-Length: 0", "Connection: close")), 400)

    def test_lengths_that_are_none_or_two(self):
        for fields in (("Content-Length: -1",), ("Content-Length: x",), ("Content-Length: +12",), ("Content-Length: 12", "Content-Length: 13"), ("Content-Length: 99999999999999999999",),
                       ("Content-Length: 12", "Transfer-Encoding: chunked"), ("Transfer-Encoding: gzip",), ("Transfer-Encoding: chunked, chunked",)):
            with self.subTest(fields=fields):
                self.assert_refused(self.exchange(lambda raw: self.head(raw, *fields, "Connection: close"), b'{"text":"a"}'), 400, 411, 413, 501)

    def test_broken_chunks(self):
        for chunks in (b"zz\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n"):
            with self.subTest(chunks=chunks), Raw(self.base) as raw:
                raw.send(self.head(raw, "Transfer-Encoding: chunked", "Connection: close")).send(chunks).socket.shutdown(socket.SHUT_WR)
                self.assert_refused(raw.answers(), 400, 411)

    def test_heads_over_the_limits(self):
        self.assert_refused(self.exchange(lambda raw: f"GET /api/dialogs?x={'x' * 20_000} HTTP/1.1\r\nHost: {raw.host}\r\nConnection: close\r\n\r\n".encode()), 414)
        self.assert_refused(self.exchange(lambda raw: self.head(raw, "X-Long: " + "x" * 40_000, "Content-Length: 0", "Connection: close")), 400, 431)
        self.assert_refused(self.exchange(lambda raw: self.head(raw, *(f"X-{n}: x" for n in range(5_000)), "Content-Length: 0", "Connection: close")), 400, 431)

    def test_a_body_that_is_cut_is_not_done(self):
        with Raw(self.base) as raw:
            raw.send(self.head(raw, "Content-Length: 1000")).send(b'{"text":"half')
        with Raw(self.base) as raw:
            raw.send(self.head(raw, "Content-Length: 1000")).send(b'{"text":"half').socket.shutdown(socket.SHUT_WR)
            self.assert_refused(raw.answers(), 400, 408)

    def test_a_body_longer_than_it_says_is_two_requests_at_most(self):
        body = b'{"text":7}'
        answers = self.exchange(lambda raw: self.head(raw, f"Content-Length: {len(body)}") + body + b"garbage\r\n\r\n")
        self.assertIn(answers[0].status, (400, 422))
        self.assertTrue(all(answer.status == 400 for answer in answers[1:]))

    def test_many_connections_that_say_nothing_do_not_stop_others(self):
        silent = [Raw(self.base) for _ in range(200)]
        try:
            self.assertEqual(self.owner.get("/api/users/me").status, 200)
        finally:
            for raw in silent:
                raw.socket.close()


class GoodHttp(ContractTest):
    def test_chunks_in_pieces_and_bytes_one_by_one_are_read(self):
        dialog, body = self.open_dialog(), '{"text":"по частям"}'.encode()
        with Raw(BASE) as raw:
            chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
            raw.send(head(dialog, raw, "Transfer-Encoding: chunked", "Connection: close")).send(chunks)
            self.assertEqual([answer.status for answer in raw.answers()], [201])
        for base in filter(None, (BASE, API)):
            with Raw(base) as raw:
                for byte in head(dialog, raw, f"Content-Length: {len(body)}", "Connection: close") + body:
                    raw.send(bytes([byte]))
                self.assertEqual([answer.status for answer in raw.answers()], [201])
        self.assertEqual(set(dialog.texts()), {"по частям"})

    def test_a_client_that_waits_for_100_is_told_to_go_on(self):
        dialog, body = self.open_dialog(), b'{"text":"a"}'
        with Raw(API or BASE) as raw:
            raw.send(head(dialog, raw, f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"))
            self.assertTrue(raw.socket.recv(65536).startswith(b"HTTP/1.1 100 "))
            self.assertEqual([answer.status for answer in raw.send(body).answers()], [201])


class SlowHttp(ContractTest):
    def test_what_never_ends_is_given_up(self):
        """All at once: the edge waits 20 s, the API 10 s for a head and 30 s for a body."""
        dialog = self.open_dialog()
        with ExitStack() as open_connections:
            waiting = []
            for base in filter(None, (BASE, API)):
                no_body, no_head = (open_connections.enter_context(Raw(base)) for _ in range(2))
                waiting += [no_body.send(head(dialog, no_body, "Content-Length: 1000")), no_head.send(b"POST /api/auth/login HTTP/1.1\r\nHost:")]
            for raw in waiting:
                for answer in raw.answers():
                    self.assertEqual(answer.status, 408)
        self.assertEqual(dialog.texts(), [])


@unittest.skipUnless(API, "PARLEY_TEST_API is not set")
class BadHttpToTheApi(BadHttp):
    base = API

    def test_chunks_are_the_edges_business(self):
        with Raw(API) as raw:
            raw.send(self.head(raw, "Transfer-Encoding: chunked")).send(b"0\r\n\r\n")
            self.assert_refused(raw.answers(), 411)


if __name__ == "__main__":
    main()
