#!/usr/bin/python3
"""Nothing that the API accepts ends as 500: the values at the edges of every parameter and field that its document has. Needs PARLEY_TEST_BASE."""

import base64
import http.client
import json
import re
import urllib.parse

from contract import Caller, ContractTest, main, new_email

INTEGERS = (0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30)
OTHER_NUMBERS = ("-0", "+1", "01", "1.0", "1e3", "1e400", "nan", "inf", "0x10", "٣")
TIMES = ("0000-01-01", "0000-12-31T23:59:59.999Z", "0001-01-01", "0001-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "1970-01-01", "9999-12-31", "9999-12-31T23:59:59.999Z",
         "10000-01-01", "-0001-01-01", "-4713-01-01", "294277-01-01", "2026-02-29", "2026-11-21T24:00:00Z", "2026-12-31T23:59:60Z", "2026-11-21T10:17:00+23:59", "2026-11-21T10:17:00-23:59",
         "infinity", "-infinity", "now", "epoch")
# Characters that PostgreSQL, JSON, search and headers have their own ideas of.
TEXTS = ("", " ", "\u00a0\u2003", "'", '"', "\\", "%", "%00", "\x00", "\x7f", "\u0085", "\u202e", "\ufeff", "\ufffd", "\U0010ffff", "e\u0301" * 200, "&|!():*<->", '"a" or -b', "a" * 3_000,
         ("a" * 2_100 + " ") * 2, "🏽" * 500)
LONG = "9" * 6_500  # the target of a request may have 8 kB
EDGES = (*map(str, INTEGERS), *OTHER_NUMBERS, *TIMES, *TEXTS, LONG)
# A header's value goes as bytes: whatever may stand in one.
HEADER_EDGES = tuple(edge for edge in EDGES if not re.search(r"[\x00-\x08\x0a-\x1f]", edge))
TRIES = 5
STREAM = "text/event-stream"


def leb128(number):
    groups = []
    while number >= 128:
        groups.append(number % 128 | 128)
        number >>= 7
    return bytes([*groups, number])


class Edges(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = Caller.contract.document
        cls.dialog = cls.open_dialog()
        cls.place = cls.dialog.visitor.post(cls.dialog.visitor_path, {"text": "a"}).headers["x-event-position"]
        operator = cls.owner.post("/api/operators", {"email": new_email(), "password": "correct horse", "name": "Anna"})
        key = cls.owner.post("/api/api-keys", {"name": "a", "scopes": ["dialogs:read"]})
        cls.ids = {"dialog_id": cls.dialog.id, "assistant_id": cls.assistant["id"], "operator_id": operator.json.get("id", 1), "api_key_id": key.json.get("id", 1)}
        cls.failed = []

    def tearDown(self):
        self.assertEqual(self.failed, [], "answered 5xx, with the request's id for the log")

    def caller(self, path):
        return self.dialog.visitor if path.startswith("/api/site/") else self.owner

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                parameters = [Caller.contract.resolved(one) for one in operation.get("parameters", [])]
                yield path, method.upper(), operation, parameters

    def ask(self, method, path, body=None, headers=None):
        """The answer's status; of a stream, its head's. Header values go as UTF-8. Others ask here too: what they have overloaded is asked again."""
        for _ in range(TRIES):
            status, request_id = self.answer(method, path, body, headers)
            if status != 503:
                break
        if status >= 500:
            self.failed.append((status, method, path[:200], str(headers)[:200], str(body)[:200], request_id))
        return status

    def answer(self, method, path, body, headers):
        caller = self.caller(path)
        sent = {"Accept-Language": "en", **caller.headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(*caller.address, timeout=30)
        try:
            connection.request(method, path, body, {name: value.encode() if isinstance(value, str) else value for name, value in sent.items()})
            answer = connection.getresponse()
            return answer.status, answer.getheader("X-Request-Id")
        finally:
            connection.close()

    def filled(self, path, **others):
        """A path with ids of things that are there."""
        return re.sub(r"\{(\w+)\}", lambda one: urllib.parse.quote(others.get(one[1], str(self.ids[one[1]])), safe=""), path)

    @staticmethod
    def changes(path, method):
        """What would end this test's own session or things."""
        return method == "DELETE" or path in ("/api/auth/logout", "/api/users/change-password", "/api/assistants/{assistant_id}/site-token", "/api/users/me/email")

    def test_of_every_parameter_in_a_path(self):
        for path, method, _, parameters in self.operations():
            for parameter in parameters:
                if parameter["in"] != "path":
                    continue
                for edge in EDGES:
                    if edge in ("", ".", ".."):
                        continue  # another path
                    if edge == str(self.ids[parameter["name"]]) and self.changes(path, method):
                        continue
                    self.ask(method, self.filled(path, **{parameter["name"]: edge}), "{}" if method in ("POST", "PUT", "PATCH") else None)

    def test_of_every_parameter_in_a_query(self):
        asked = 0
        for path, method, _, parameters in self.operations():
            for parameter in parameters:
                if parameter["in"] != "query":
                    continue
                for edge in EDGES:
                    status = self.ask(method, f"{self.filled(path)}?{parameter['name']}={urllib.parse.quote(edge, safe='')}")
                    asked += 1
                    schema = parameter["schema"]
                    if schema.get("type") == "integer" and edge not in map(str, range(schema["minimum"], min(schema["maximum"], 100) + 1)) and not edge.isascii():
                        self.assertEqual(status, 422, (path, parameter["name"], edge))
        self.assertGreater(asked, 15 * len(EDGES))

    def test_of_every_header(self):
        asked = 0
        for path, method, _, parameters in self.operations():
            for parameter in parameters:
                if parameter["in"] != "header" or self.changes(path, method):
                    continue
                body = "{}" if method in ("POST", "PUT", "PATCH") else None
                for edge in (*HEADER_EDGES, *(f'"{edge}"' for edge in HEADER_EDGES[:30])):
                    self.ask(method, self.filled(path), body, {parameter["name"]: edge})
                    asked += 1
        self.assertGreater(asked, 20 * len(HEADER_EDGES))

    def test_of_positions_and_ids_of_streams(self):
        log, partition = self.place.partition(":")[0].rsplit(".", 1)
        for number in INTEGERS:
            for place in (f"{log}.{partition}:{number}", f"{log}.{number}:0"):
                self.ask("GET", "/api/users/me", headers={"X-Read-After": place})
        partitions = self.partitions(log)
        for number in (number for number in INTEGERS if 0 <= number < 2**64):
            for count in (partitions, 0, 1, partitions + 2):
                for numbers in ([number] * count, [0, number] + [number] * partitions):
                    token = f"{log}.{base64.urlsafe_b64encode(b''.join(map(leb128, numbers))).decode().rstrip('=')}"
                    self.ask("GET", f"/api/dialogs?cursor={token}")
                    self.ask("GET", f"/api/events?last_event_id={token}")
                    self.ask("GET", "/api/events", headers={"Last-Event-ID": token})
            for name in ("after", "before"):
                for limit in (1, 100, 1000):
                    self.ask("GET", f"{self.dialog.path}/messages?{name}={number}&limit={limit}")
                    self.ask("GET", f"{self.dialog.path}/messages?{name}={number}&limit={limit}&at=1")
            self.ask("GET", f"{self.dialog.path}/events?last_event_id={number}")

    def partitions(self, log):
        """As the ids of a feed tell: one number for each."""
        with_head = http.client.HTTPConnection(*self.owner.address, timeout=30)
        try:
            with_head.request("GET", "/api/events", headers=self.owner.headers)
            answer = with_head.getresponse()
            self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, STREAM))
            for line in answer:
                if line.startswith(b"id: "):
                    token = line[4:].strip().decode().partition(".")[2]
                    return sum(byte < 128 for byte in base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        finally:
            with_head.close()
        raise AssertionError("the feed gave no id")

    def test_of_every_field_of_every_body(self):
        asked = 0
        for path, method, operation, _ in self.operations():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if schema is None:
                continue
            described = Caller.contract.resolved(schema)
            examples = [example["value"] for example in operation["requestBody"]["content"]["application/json"].get("examples", {}).values()]
            good = next(iter(examples), described.get("example", {}))
            for name in described["properties"]:
                for edge in (*INTEGERS, 0.5, -0.0, 1e308, True, None, [], {}, [[]], [None] * 100, *TIMES, *(text for text in TEXTS if len(text) < 3_000), "x" * 100_000):
                    if isinstance(edge, str) and name in ("password", "current_password", "new_password") and 8 <= len(edge) <= 128:
                        continue  # hashing it takes a core for a while, and is the same for all
                    self.ask(method, self.filled(path), json.dumps({**good, name: edge}))
                    asked += 1
                self.ask(method, self.filled(path), ('{"%s":' % name + LONG + "}").encode())
        self.assertGreater(asked, 500)

    def test_a_year_that_postgresql_has_not_is_named(self):
        for path in (self.dialog.path, self.dialog.path + "/messages"):
            for moment in ("0000-01-01", "0000-12-31T23:59:59.999Z", "10000-01-01"):
                self.assert_error(self.owner.get(f"{path}?at={moment}"), 422, "VALIDATION_ERROR", "at")
            self.assert_error(self.owner.get(f"{path}?at=0001-01-01"), 404, "DIALOG_NOT_FOUND")
            self.assertEqual(self.owner.get(f"{path}?at=9999-12-31T23:59:59.999Z").status, 200)


if __name__ == "__main__":
    main()
