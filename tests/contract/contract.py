"""An HTTP client that checks every answer against the API's own OpenAPI document, and the things that tests begin with."""

import base64
import http.client
import json
import os
import re
import secrets
import sys
import unittest
from urllib.parse import urlsplit

import jsonschema

BASE = os.environ.get("PARLEY_TEST_BASE", "")
SKIPPED = 77
TIMEOUT_S = 30.0
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
# What an operation does not answer: another method or path was asked for.
OTHER_STATUS = {404, 405}
OPTIONAL_HEADERS = {"x-event-position", "x-next-cursor", "x-projection", "idempotency-hit", "retry-after"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers}, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]

    @property
    def details(self):
        return self.json["error"]["details"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Contract:
    """The served document, as a judge of answers."""

    def __init__(self, document):
        self.document = document
        self.templates = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"), path) for path in sorted(document["paths"], key=lambda p: p.count("{"))]
        self.resolver = jsonschema.RefResolver.from_schema(document)

    def check(self, method, path, answer):
        """Raises when the answer is not one that the document promises."""
        if answer.status >= 400 and method != "HEAD":
            self.validate(answer.json, self.document["components"]["schemas"]["Error"])
        operation = self.operation(method, path)
        if operation is None:
            return
        if str(answer.status) not in operation["responses"]:
            assert answer.status in OTHER_STATUS, f"{method} {path}: {answer.status} is not in the document"
            return
        declared = self.resolved(operation["responses"][str(answer.status)])
        missing = {name.lower() for name in declared["headers"]} - answer.headers.keys() - OPTIONAL_HEADERS
        assert not missing, f"{method} {path}: {answer.status} has no {missing}"
        content = declared.get("content", {}).get("application/json")
        if content is None or not answer.body:
            return
        self.validate(answer.json, content["schema"])
        if answer.status >= 400:
            assert answer.code in content["examples"], f"{method} {path}: {answer.code} is not in the document"

    def resolved(self, described):
        """What a reference stands for."""
        while "$ref" in described:
            described = self.resolver.resolve(described["$ref"])[1]
        return described

    def operation(self, method, path):
        for pattern, template in self.templates:
            if pattern.match(path.split("?")[0]):
                return self.document["paths"][template].get(method.lower())
        return None

    def validate(self, value, schema):
        jsonschema.Draft202012Validator(schema, resolver=self.resolver).validate(value)


def read_numbers(token):
    """A token of the log (an id of a feed, a cursor): its log, and its numbers."""
    log, _, text = token.partition(".")
    numbers, number, shift = [], 0, 0
    for byte in base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return log, numbers


def write_numbers(log, numbers):
    """The token of which read_numbers() makes these."""
    out = bytearray()
    for number in numbers:
        while number >= 0x80:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return log + "." + base64.urlsafe_b64encode(bytes(out)).decode().rstrip("=")


class Caller:
    """Calls of somebody, with their headers. Not for two threads at once.

    Reads what was written, as clients should: when a write was answered before the read models had it, later reads wait for it.
    """

    contract = None
    read_after = None

    def __init__(self, base=BASE, **headers):
        parts = urlsplit(base)
        self.address = (parts.hostname, parts.port)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def call(self, method, path, body=None, **headers):
        """`body`: bytes go as they are, None is none, anything else as JSON."""
        sent = {"Accept-Language": "en", **self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if method == "GET" and Caller.read_after:
            sent.setdefault("X-Read-After", Caller.read_after)
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        if answer.headers.get("x-projection") == "pending":
            Caller.read_after = answer.headers.get("x-event-position", Caller.read_after)
        if Caller.contract is not None:
            Caller.contract.check(method, path, answer)
        return answer

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, {} if body is None else body, **headers)

    def put(self, path, body, **headers):
        return self.call("PUT", path, body, **headers)

    def delete(self, path, **headers):
        return self.call("DELETE", path, **headers)


class Dialog:
    """An opened dialog, and both sides of it."""

    def __init__(self, owner, site_token, **opening):
        self.owner = owner
        self.site = Caller(X_Site_Token=site_token)
        answer = self.site.post("/api/site/dialogs", opening)
        assert answer.status == 201, answer
        self.opened = answer.json
        self.id = self.opened["id"]
        self.visitor = Caller(X_Site_Token=site_token, X_Guest_Id=self.opened["guest_id"])
        self.visitor_path = f"/api/site/dialogs/{self.id}/messages"
        self.path = f"/api/dialogs/{self.id}"

    def texts(self):
        return [message["text"] for message in self.visitor.get(self.visitor_path).json["messages"]]


class ContractTest(unittest.TestCase):
    """One account with one assistant for each class."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.nobody = Caller()
        if Caller.contract is None:
            Caller.contract = Contract(cls.nobody.get("/openapi.json").json)
        cls.email, cls.password = new_email(), "correct horse"
        cls.owner = cls.register(cls.email, cls.password)
        cls.assistant = cls.owner.post("/api/assistants", {"name": "Техподдержка"}).json
        cls.site_token = cls.assistant["site_token"]

    @classmethod
    def register(cls, email=None, password="correct horse"):
        answer = Caller().post("/api/auth/register", {"email": email or new_email(), "password": password})
        assert answer.status == 201, answer
        return Caller(Authorization="Bearer " + answer.json["access_token"])

    @classmethod
    def open_dialog(cls, **opening):
        return Dialog(cls.owner, cls.site_token, **opening)

    def assert_error(self, answer, status, code, field=None):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        if field is not None:
            self.assertEqual(answer.details.get("field"), field, answer)
            self.assertTrue(answer.details["issue"])


def new_email():
    return f"test-{secrets.token_hex(8)}@example.com"


def new_key():
    return secrets.token_hex(16)


def main(*needed):
    """Skips the tests where a folder or program that they need is not there, or no system runs."""
    for tool in needed:
        if not tool.exists():
            print(f"{tool} is not there: skipped")
            sys.exit(SKIPPED)
    if not BASE:
        print("PARLEY_TEST_BASE is not set: no running system")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
