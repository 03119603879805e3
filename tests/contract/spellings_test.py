#!/usr/bin/python3
"""What HTTP and URIs let a client write in several ways is the same request, at the edge and (PARLEY_TEST_API) at the API itself. Needs PARLEY_TEST_BASE."""

import os
import socket
import unittest
from urllib.parse import urlsplit

from contract import BASE, Caller, ContractTest, main

API = os.environ.get("PARLEY_TEST_API", "")
DEADLINE_S = 10.0


class Spellings(ContractTest):
    base = BASE

    def setUp(self):
        self.me = Caller(self.base, **{name.replace("-", "_"): value for name, value in self.owner.headers.items()})
        self.token = self.owner.headers["Authorization"].removeprefix("Bearer ")

    def test_of_a_path(self):
        host = urlsplit(self.base).netloc
        expected = self.me.get("/api/users/me").json
        for path in ("/api/users/me/", "/%61pi/us%65rs/me", "/api/./users/me", "/api/x/../users/me", "/api/users/me/.", "/api/users/%6d%65?x=/",
                     f"http://{host}/api/users/me", f"HTTP://{host}/api/users/me/", "http://elsewhere.example/api/users/me", f"https://{host}/api/users/me?x"):
            with self.subTest(path=path):
                answer = self.me.get(path)
                self.assertEqual((answer.status, answer.json), (200, expected))
        self.assertEqual(self.me.get(f"http://{host}").status, 200 if self.base == BASE else 404)  # of the edge: its page
        for path, status in (("/api/users%2Fme", 404), ("/api/users//me", 400), ("/API/users/me", 404), ("/../api/users/me", 400), ("/api/users/me%20", 404), ("/api/users/%6", 400),
                             ("http://user@host/api/users/me", 400)):
            with self.subTest(path=path):
                self.assertEqual(self.me.get(path).status, status)

    def test_of_a_path_is_one_request_for_its_idempotency_key(self):
        first = self.me.post("/api/assistants", {"name": "a"}, Idempotency_Key="k1")
        again = self.me.post("/api/%61ssistants/", {"name": "a"}, Idempotency_Key="k1")
        self.assertEqual((first.json["id"], again.headers.get("idempotency-hit")), (again.json["id"], "true"))

    def test_of_a_credential(self):
        for value in (f"Bearer  {self.token}", f"bearer {self.token}", f"BEARER    {self.token}", f"Bearer {self.token} \t"):
            with self.subTest(value=value[:12]):
                self.assertEqual(self.me.get("/api/users/me", Authorization=value).status, 200)
        for value in (f"Bearer\t{self.token}", f"Bearer{self.token}", f"Bearer , {self.token}"):
            with self.subTest(value=value[:12]):
                self.assertEqual(self.me.get("/api/users/me", Authorization=value).status, 401)

    def test_of_a_content_type(self):
        for value in ("application/json", "application/json\t;charset=utf-8", "Application/JSON ;\tcharset=UTF-8", "application/problem+JSON"):
            with self.subTest(value=value):
                self.assertEqual(self.me.post("/api/assistants", {"name": "a"}, Content_Type=value).status, 201)
        self.assertEqual(self.me.post("/api/assistants", {"name": "a"}, Content_Type="text/plain\t;application/json").status, 415)

    def test_of_an_entity_tag(self):
        made = self.me.post("/api/assistants", {"name": "a"})
        path = f"/api/assistants/{made.json['id']}"
        tag = made.headers["etag"]
        for value in (f"{tag} ,", f",\t{tag}\t,{tag}", tag, "*"):
            with self.subTest(value=value):
                version = self.me.get(path, X_Read_After=made.headers["x-event-position"]).headers["etag"]
                made = self.me.put(path, {"name": value}, If_Match=value.replace(tag, version))
                self.assertEqual(made.status, 200, made)
        self.assert_error(self.me.put(path, {"name": "b"}, If_Match=tag), 409, "VERSION_CONFLICT")
        self.assert_error(self.me.put(path, {"name": "b"}, If_Match=f'{tag}, "999"'), 422, "VALIDATION_ERROR", "If-Match")

    def test_of_a_streams_path_is_a_stream(self):
        """That it ends with its client at the edge: tests/ops/edge_test.py."""
        parts = urlsplit(self.base)
        for path in ("/api/events", "/api/events/", "/api/%65vents", "/api/./events/", f"http://{parts.netloc}/api/events/"):
            with self.subTest(path=path), socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode())
                received = b""
                while b"connection.established" not in received:
                    received += connection.recv(65536) or self.fail(received)


@unittest.skipUnless(API, "PARLEY_TEST_API is not set")
class SpellingsToTheApi(Spellings):
    base = API


if __name__ == "__main__":
    main()
