#!/usr/bin/python3
"""The proxy of ops/chaos, with a server that gives back what it is sent."""

import contextlib
import pathlib
import socket
import struct
import tempfile
import threading
import time
import unittest

from chaos.proxy import Proxy

ANSWER_S = 10.0
SILENCE_S = 0.2
DELAY_S = 0.3


class Echo:
    """Gives back what each of its connections sends."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._give_back, args=self._server.accept()[:1], daemon=True).start()

    def _give_back(self, connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    def close(self):
        self._server.close()


class Links(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = str(pathlib.Path(folder) / "link")
        echo = self.enterContext(contextlib.closing(Echo()))
        self.link = self.enterContext(Proxy()).link("link", self.path, echo.port, kafka=True)

    def connect(self):
        connection = self.enterContext(socket.socket(socket.AF_UNIX))
        connection.settimeout(ANSWER_S)
        connection.connect(self.path)
        return connection

    def exchange(self, connection, key=3):
        connection.sendall(request(key))
        self.assertEqual(connection.recv(4096), request(key))

    def assert_silent(self, connection):
        connection.settimeout(SILENCE_S)
        with self.assertRaises(TimeoutError):
            connection.recv(4096)
        connection.settimeout(ANSWER_S)

    def test_what_is_sent_passes_and_is_counted_by_its_kind(self):
        connection = self.connect()
        self.exchange(connection, 3)
        self.exchange(connection, 3)
        self.exchange(connection, 0)
        self.assertEqual(self.link.passed, {3: 2, 0: 1})

    def test_a_delay_holds_up_both_directions(self):
        connection = self.connect()
        self.exchange(connection)
        self.link.delay(DELAY_S)
        began = time.monotonic()
        self.exchange(connection)
        self.assertGreaterEqual(time.monotonic() - began, 2 * DELAY_S)

    def test_what_is_held_passes_when_it_is_mended(self):
        connection = self.connect()
        self.exchange(connection)
        self.link.hold()
        connection.sendall(request(3))
        self.assert_silent(connection)
        self.link.mend()
        self.assertEqual(connection.recv(4096), request(3))

    def test_requests_of_one_kind_are_held_and_others_pass(self):
        connection, other = self.connect(), self.connect()
        self.link.hold_requests(0)
        connection.sendall(request(0))
        self.exchange(other, 3)
        self.assert_silent(connection)
        self.link.hold_requests(11)
        self.assertEqual(connection.recv(4096), request(0))

    def test_a_cut_ends_what_is_connected_and_what_comes_until_it_is_mended(self):
        connection = self.connect()
        self.exchange(connection)
        self.link.cut()
        self.assertEqual(ended(connection), b"")
        self.assertEqual(ended(self.connect()), b"")
        self.link.mend()
        self.exchange(self.connect())


def request(key):
    body = struct.pack(">hh", key, 0) + b"body"
    return struct.pack(">i", len(body)) + body


def ended(connection):
    try:
        return connection.recv(4096)
    except ConnectionError:
        return b""


if __name__ == "__main__":
    unittest.main(verbosity=2)
