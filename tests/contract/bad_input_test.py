#!/usr/bin/python3
"""Bad input gets a clear error, and nothing is half done. Needs PARLEY_TEST_BASE."""

import json
import time

from contract import ContractTest, main, read_numbers, write_numbers

BODY_MAX = 1 << 20
ENTRY_BODY_MAX = 16 << 10
VISITOR_MESSAGE_BODY_MAX = 128 << 10
REFUSAL_MAX_S = 5.0  # of all of them; 20 s and more where a body is read in quadratic time


class BadInput(ContractTest):
    def setUp(self):
        self.dialog = self.open_dialog()

    def tearDown(self):
        self.assertEqual(self.dialog.texts(), [], "something was done")

    def post(self, body, **headers):
        return self.dialog.visitor.post(self.dialog.visitor_path, body, **headers)

    def position(self):
        """Of something that was written elsewhere."""
        dialog = self.open_dialog()
        return dialog.visitor.post(dialog.visitor_path, {"text": "a"}).headers["x-event-position"]

    def assert_fields(self, caller, path, cases):
        for body, field in cases:
            with self.subTest(path=path, body=body):
                self.assert_error(caller.post(path, body), 422, "VALIDATION_ERROR", field)

    def test_what_is_no_json(self):
        for body in (b"{", b"{]", b"text=a", b'{"text":"a"} x', b"{'text':'a'}", b'{"text":"a",}', b"\xef\xbb\xbf{}", b'{"text":"\xc3"}', b'{"text":"\xed\xa0\x80"}',
                     b'{"text":"a"}\x00', b'{"text":"\\ud800"}', b'{"text":"a\nb"}', b'{"text":nan}', b'{"text":"a","n":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
                     b'{"text":"a","n":' + b'{"n":' * 40 + b"1" + b"}" * 40 + b"}"):
            with self.subTest(body=body[:40]):
                self.assert_error(self.post(body), 400, "BAD_REQUEST", "body")

    def test_what_is_not_sent_as_json(self):
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            self.assert_error(self.post(b'{"text":"a"}', Content_Type=content_type), 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type")
        self.assert_error(self.post(b'{"text":"a"}', Content_Encoding="gzip"), 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Encoding")

    def test_texts_that_must_not_be(self):
        self.assert_fields(self.dialog.visitor, self.dialog.visitor_path, (
            (b"", "text"), ({}, "text"), ({"text": None}, "text"), ({"text": 7}, "text"), ({"text": ["a"]}, "text"), ({"text": {"a": 1}}, "text"), ({"text": ""}, "text"),
            ({"text": " \n\t\u00a0\u2003\u200b\u3000"}, "text"), ({"text": "x" * 10_001}, "text"), ({"text": "ж" * 10_001}, "text"), ({"text": "👋" * 10_001}, "text"),
            (b'{"text":"a\\u0000b"}', "text"), (b'{"text":"\\udc00"}', "text"), (b'{"text":"a","text":"b"}', "text"), (b"[]", "body"), (b'"a"', "body"), (b"null", "body"), (b"7", "body")))
        self.assert_fields(self.owner, self.dialog.path + "/messages", (({"text": "a", "operator_name": "x" * 101}, "operator_name"), ({"text": "a", "operator_name": 7}, "operator_name")))

    def test_accounts_that_must_not_be(self):
        good = {"email": "a@example.com", "password": "password123"}
        self.assert_fields(self.nobody, "/api/auth/register", (
            ({"password": "password123"}, "email"), ({**good, "email": "user"}, "email"), ({**good, "email": "a@b"}, "email"), ({**good, "email": "a b@example.com"}, "email"),
            ({**good, "email": "a@example.com\u0000"}, "email"), ({**good, "email": "a" * 250 + "@example.com"}, "email"), ({"email": "a@example.com"}, "password"),
            ({**good, "password": "short12"}, "password"), ({**good, "password": "x" * 129}, "password"), ({**good, "password": 12345678}, "password"),
            ({**good, "first_name": "x" * 101}, "first_name"), ({**good, "last_name": []}, "last_name")))
        self.assert_fields(self.nobody, "/api/auth/login", (({}, "email"), ({"email": "a@example.com"}, "password"), ({"email": "a@example.com", "password": ""}, "password")))

    def test_assistants_that_must_not_be(self):
        before = self.owner.get("/api/assistants").json
        self.assert_fields(self.owner, "/api/assistants", (
            ({}, "name"), ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": "x" * 201}, "name"), ({"name": "a", "description": "x" * 2_001}, "description"),
            ({"name": "a", "system_prompt": "x" * 20_001}, "system_prompt"), ({"name": "a", "ai_model": ""}, "ai_model"), ({"name": "a", "website_integration": "true"}, "website_integration"),
            ({"name": "a", "website_integration": 1}, "website_integration"), ({"name": "a", "allowed_domains": "example.com"}, "allowed_domains"),
            ({"name": "a", "allowed_domains": ["example.com", 7]}, "allowed_domains[1]"), ({"name": "a", "allowed_domains": ["https://example.com"]}, "allowed_domains[0]"),
            ({"name": "a", "allowed_domains": ["example.com"] * 51}, "allowed_domains"), ({"name": "a", "telegram_bot_token": "x" * 101}, "telegram_bot_token")))
        self.assertEqual(self.owner.get("/api/assistants").json, before)

    def test_parameters_that_must_not_be(self):
        for query, field in (("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("limit=", "limit"), ("limit=-1", "limit"), ("offset=-1", "offset"),
                             ("offset=1000001", "offset"), ("status=Active", "status"), ("status=", "status"), ("handoff_status=x", "handoff_status"), ("platform=vk", "platform")):
            with self.subTest(query=query):
                self.assert_error(self.owner.get("/api/dialogs?" + query), 422, "VALIDATION_ERROR", field)
        for query, field in (("limit=1001", "limit"), ("after=-1", "after"), ("after=x", "after")):
            self.assert_error(self.owner.get(self.dialog.path + "/messages?" + query), 422, "VALIDATION_ERROR", field)
        for identity in ("0", "-1", "01", "x", "1.0", "9007199254740992", "99999999999999999999", "%D0%96", "1%2F2"):
            with self.subTest(id=identity):
                self.assert_error(self.owner.get(f"/api/dialogs/{identity}"), 422, "VALIDATION_ERROR", "dialog_id")
        for query in ("limit=1&limit=2", "limit=%", "limit=%zz", "status=%00"):
            self.assert_error(self.owner.get("/api/dialogs?" + query), 400, "BAD_REQUEST")

    def test_headers_that_must_not_be(self):
        for value in ("", "1", '"x"', '""', 'W/"1"', '"1", "2"', '"-1"'):
            self.assert_error(self.post({"text": "a"}, If_Match=value), 422, "VALIDATION_ERROR", "If-Match")
        log, _, _ = self.position().partition(".")
        for value in ("", "1", ":", "1:", "0:1", ".0:1", "0:1.", *(f"{log}.{place}" for place in ("", "1", "1:", ":1", "x:1", "-1:0", "99999:0", "1:2:3"))):
            self.assert_error(self.owner.get("/api/users/me", X_Read_After=value), 422, "VALIDATION_ERROR", "X-Read-After")

    def test_a_position_of_another_log_is_refused_and_said_to_be_one(self):
        place = self.position()
        refused = self.owner.get("/api/users/me", X_Read_After="another_" + place[8:])
        self.assert_error(refused, 422, "VALIDATION_ERROR", "X-Read-After")
        self.assertIn("another log", refused.details["issue"])

    def test_a_position_that_the_log_has_not_reached_is_refused_and_keeps_nobody_else_waiting(self):
        place, _, offset = self.position().rpartition(":")
        refused = self.owner.get("/api/users/me", X_Read_After=f"{place}:{int(offset) + 1_000_000}")
        self.assert_error(refused, 422, "VALIDATION_ERROR", "X-Read-After")
        self.assertIn("has not reached", refused.details["issue"])
        other = self.open_dialog()
        posted = other.visitor.post(other.visitor_path, {"text": "seen at once"})
        self.assertNotIn("x-projection", posted.headers, "the read model does not stand still for it")

    def test_a_cursor_of_a_longer_log_is_refused(self):
        self.open_dialog()
        page = self.owner.get("/api/dialogs?limit=1").json
        log, numbers = read_numbers(page["next_cursor"])
        activity, last, *cut = numbers
        cursor = write_numbers(log, [activity, last, *(next_ + 1_000_000 for next_ in cut)])
        refused = self.owner.get("/api/dialogs?limit=1&cursor=" + cursor)
        self.assert_error(refused, 422, "VALIDATION_ERROR", "cursor")
        self.assertIn("longer log", refused.details["issue"])
        self.assertEqual(self.owner.get("/api/dialogs?limit=1&cursor=" + page["next_cursor"]).status, 200)

    def test_unknown_paths_and_wrong_methods(self):
        for path in ("/api", "/api/nothing", "/api/dialogs/1/nothing", "/api/site", "/nothing", "/api/users/me/more"):
            self.assert_error(self.owner.get(path), 404, "NOT_FOUND")
        for method, path, allowed in (("DELETE", "/api/users/me", {"GET", "HEAD", "PUT", "OPTIONS"}), ("GET", "/api/auth/login", {"POST", "OPTIONS"}),
                                      ("PUT", "/api/assistants", {"GET", "HEAD", "POST", "OPTIONS"}), ("PATCH", "/api/dialogs/1", {"GET", "HEAD", "OPTIONS"}),
                                      ("QUERY", "/api/dialogs", {"GET", "HEAD", "OPTIONS"}), ("DELETE", self.dialog.visitor_path, {"GET", "HEAD", "POST", "OPTIONS"})):
            answer = self.owner.call(method, path)
            self.assert_error(answer, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(set(answer.headers["allow"].split(", ")), allowed)

    def test_bodies_over_the_limit(self):
        for size in (BODY_MAX + 1, 3 * BODY_MAX):
            self.assert_error(self.post(json.dumps({"text": "a", "x": "x" * size}).encode()), 413, "PAYLOAD_TOO_LARGE")
        for path, most in (("/api/auth/login", ENTRY_BODY_MAX), ("/api/auth/register", ENTRY_BODY_MAX), ("/api/site/dialogs", ENTRY_BODY_MAX),
                           (self.dialog.visitor_path, VISITOR_MESSAGE_BODY_MAX)):
            with self.subTest(path=path):
                refused = self.dialog.visitor.post(path, b'{"text":"a","x":"' + b"x" * most + b'"}')
                self.assert_error(refused, 413, "PAYLOAD_TOO_LARGE", "body")
                self.assertIn(str(most), refused.details["issue"])

    def test_more_than_is_read(self):
        """What is refused is refused in no time, whatever it is made of."""
        began = time.monotonic()
        many = b'{"text":"a","' + b"a" * 50_000 + b'":[' + b"0," * 30_000 + b"0]}"
        self.assert_error(self.post(many), 400, "BAD_REQUEST", "body")
        self.assert_error(self.nobody.get("/api/dialogs?" + "&".join(f"{n}" for n in range(101))), 400, "BAD_REQUEST", "query")
        self.assert_error(self.owner.get("/api/users/me", **{f"X_{n}": "x" for n in range(100)}), 431, "HEADERS_TOO_LARGE", "header")
        self.assertLess(time.monotonic() - began, REFUSAL_MAX_S)


class GoodInput(ContractTest):
    def test_the_limits_are_characters_and_inclusive(self):
        dialog = self.open_dialog(first_name="ж" * 100)
        for character in ("x", "ж", "👋"):
            self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": character * 10_000}).status, 201)
        self.assertEqual(dialog.texts(), [character * 10_000 for character in ("x", "ж", "👋")])

    def test_unknown_fields_and_null_are_ignored(self):
        dialog = self.open_dialog(first_name=None, unknown={"a": [1]})
        posted = self.owner.post(dialog.path + "/messages", {"text": "a", "operator_name": None, "sender": "user", "id": 7})
        self.assertEqual((posted.status, posted.json["sender"]), (201, "operator"))

    def test_a_body_may_be_absent_where_nothing_is_required(self):
        self.assertEqual(self.open_dialog().site.call("POST", "/api/site/dialogs").status, 201)

    def test_escapes_are_characters(self):
        dialog = self.open_dialog()
        self.assertEqual(dialog.visitor.post(dialog.visitor_path, b'{"text":"\\u0436\\ud83d\\udc4b\\/\\u0001"}').status, 201)
        self.assertEqual(dialog.texts(), ["ж👋/\u0001"])


if __name__ == "__main__":
    main()
