#!/usr/bin/python3
"""Who may come in, and from where. Needs PARLEY_TEST_BASE."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import time
import unittest

from contract import Caller, ContractTest, main


def altered(token):
    """The token with other claims, under its old signature."""
    head, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    changed["sub"] = "account/1025"
    return ".".join((head, base64url(json.dumps(changed).encode()), signature))


def unsigned(token):
    head = base64url(b'{"alg":"none","typ":"JWT"}')
    return f"{head}.{token.split('.')[1]}."


KEYS = pathlib.Path(os.environ.get("PARLEY_TEST_DATA", "")) / "system" / "keys"


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(token, **claims):
    """The token with other claims, signed with the system's own key: libsodium's crypto_kdf for the purpose 1, then HMAC-SHA256."""
    master = KEYS.read_text().split()[1]
    master = base64.urlsafe_b64decode(master + "=" * (-len(master) % 4))
    key = hashlib.blake2b(b"", digest_size=32, key=master, salt=(1).to_bytes(8, "little"), person=b"parleyv1").digest()
    head, old, _ = token.split(".")
    changed = {**json.loads(base64.urlsafe_b64decode(old + "=" * (-len(old) % 4))), **claims}
    text = f"{head}.{base64url(json.dumps(changed, separators=(',', ':')).encode())}"
    return f"{text}.{base64url(hmac.digest(key, text.encode(), 'sha256'))}"


class Entry(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = cls.owner.headers["Authorization"].removeprefix("Bearer ")
        cls.others = cls.register()
        cls.others_site_token = cls.others.post("/api/assistants", {"name": "Others"}).json["site_token"]

    def test_a_token_is_needed_and_must_be_ours(self):
        dialog = self.open_dialog()
        for value in (None, "", "Bearer", "Bearer ", "Basic YTpi", self.token, "Bearer x", "Bearer a.b.c", "Bearer " + self.token[:-2], "Bearer " + self.token + "x",
                      "Bearer " + altered(self.token), "Bearer " + unsigned(self.token), "Bearer " + "x" * 5000):
            for method, path in (("GET", "/api/users/me"), ("GET", "/api/dialogs"), ("POST", "/api/assistants"), ("POST", dialog.path + "/messages"),
                                 ("GET", dialog.path + "/history"), ("GET", dialog.path + "/events")):
                with self.subTest(authorization=str(value)[:40], path=path):
                    answer = Caller(Authorization=value).call(method, path)
                    self.assert_error(answer, 401, "NOT_AUTHENTICATED")
                    self.assertTrue(answer.headers["www-authenticate"].startswith("Bearer"))

    @unittest.skipUnless(KEYS.is_file(), "the system's keys cannot be read")
    def test_a_token_is_good_for_its_time(self):
        self.assertEqual(Caller(Authorization="Bearer " + signed(self.token)).get("/api/users/me").status, 200)
        expired = Caller(Authorization="Bearer " + signed(self.token, exp=int(time.time()) - 1))
        for path in ("/api/users/me", self.open_dialog().path + "/events"):
            answer = expired.get(path)
            self.assert_error(answer, 401, "TOKEN_EXPIRED")
            self.assertEqual(answer.headers["www-authenticate"], 'Bearer error="invalid_token"')

    def test_authentication_comes_before_validation(self):
        self.assertEqual(self.nobody.post("/api/assistants", b"{").status, 401)

    def test_the_scheme_may_be_in_any_case(self):
        self.assertEqual(Caller(Authorization="bearer " + self.token).get("/api/users/me").status, 200)

    def test_other_peoples_dialogs_do_not_exist(self):
        dialog = self.open_dialog()
        nonexistent = "/api/dialogs/9007199254739968"
        for path in (dialog.path, nonexistent):
            for suffix in ("", "/messages", "/history", "/events"):
                with self.subTest(path=path + suffix):
                    self.assert_error(self.others.get(path + suffix), 404, "DIALOG_NOT_FOUND")
            self.assert_error(self.others.post(path + "/messages", {"text": "a"}), 404, "DIALOG_NOT_FOUND")
        self.assertEqual(dialog.texts(), [])
        self.assertEqual(self.others.get("/api/dialogs").json["total"], 0)

    def test_a_dialog_id_alone_opens_nothing(self):
        dialog, another = self.open_dialog(), self.open_dialog()
        guest = dialog.opened["guest_id"]
        for headers, status, code in (
                ({}, 401, "NOT_AUTHENTICATED"), ({"X_Guest_Id": guest}, 401, "NOT_AUTHENTICATED"), ({"X_Site_Token": "st_wrong", "X_Guest_Id": guest}, 401, "NOT_AUTHENTICATED"),
                ({"X_Site_Token": self.site_token}, 401, "NOT_AUTHENTICATED"), ({"X_Site_Token": self.site_token, "X_Guest_Id": "wrong"}, 404, "DIALOG_NOT_FOUND"),
                ({"X_Site_Token": self.site_token, "X_Guest_Id": guest[:-1]}, 404, "DIALOG_NOT_FOUND"),
                ({"X_Site_Token": self.site_token, "X_Guest_Id": another.opened["guest_id"]}, 404, "DIALOG_NOT_FOUND"),
                ({"X_Site_Token": self.others_site_token, "X_Guest_Id": guest}, 404, "DIALOG_NOT_FOUND")):
            with self.subTest(headers=headers):
                self.assert_error(Caller(**headers).get(dialog.visitor_path), status, code)
                self.assert_error(Caller(**headers).post(dialog.visitor_path, {"text": "a"}), status, code)
        self.assertEqual(dialog.texts(), [])

    def test_a_site_token_is_needed_to_open_a_dialog(self):
        for headers in ({}, {"X_Site_Token": ""}, {"X_Site_Token": "st_" + secrets.token_urlsafe(24)}, {"Authorization": "Bearer " + self.token}):
            self.assert_error(Caller(**headers).post("/api/site/dialogs"), 401, "NOT_AUTHENTICATED")

    def test_an_assistant_without_website_integration_has_no_visitors(self):
        token = self.owner.post("/api/assistants", {"name": "Closed", "website_integration": False}).json["site_token"]
        self.assert_error(Caller(X_Site_Token=token).post("/api/site/dialogs"), 403, "INSUFFICIENT_PERMISSIONS")

    def test_allowed_domains_bound_the_pages_that_may_ask(self):
        token = self.owner.post("/api/assistants", {"name": "Bound", "allowed_domains": ["shop.example", "*.test.example"]}).json["site_token"]
        for origin, status in (("https://shop.example", 201), ("http://SHOP.example:8080", 201), ("https://a.b.test.example", 201), (None, 201),
                               ("https://evil.example", 403), ("https://sub.shop.example", 403), ("https://test.example", 403), ("https://shop.example.evil.example", 403), ("null", 403)):
            with self.subTest(origin=origin):
                self.assertEqual(Caller(X_Site_Token=token, Origin=origin).post("/api/site/dialogs").status, status)

    def test_pages_of_other_origins_may_ask_and_read(self):
        dialog, origin = self.open_dialog(), "https://shop.example"
        for path in ("/api/site/dialogs", dialog.visitor_path, dialog.path + "/events"):
            preflight = self.nobody.call("OPTIONS", path, Origin=origin, Access_Control_Request_Method="POST", Access_Control_Request_Headers="x-site-token,idempotency-key")
            self.assertEqual(preflight.status, 204)
            self.assertEqual(preflight.headers["access-control-allow-origin"], origin)
            allowed = preflight.headers["access-control-allow-headers"].lower()
            for name in ("x-site-token", "x-guest-id", "idempotency-key", "content-type", "last-event-id"):
                self.assertIn(name, allowed)
            self.assertIn("GET" if path.endswith("events") else "POST", preflight.headers["access-control-allow-methods"])
        for answer in (dialog.visitor.get(dialog.visitor_path, Origin=origin), dialog.visitor.post(dialog.visitor_path, {}, Origin=origin)):
            self.assertEqual(answer.headers["access-control-allow-origin"], origin)
            self.assertIn("Origin", answer.headers["vary"])
            self.assertIn("X-Event-Position", answer.headers["access-control-expose-headers"])

    def test_owners_endpoints_are_for_pages_of_this_origin(self):
        self.assertNotIn("access-control-allow-origin", self.owner.get("/api/users/me", Origin="https://evil.example").headers)
        self.assertNotIn("access-control-allow-origin", self.nobody.call("OPTIONS", "/api/users/me", Origin="https://evil.example").headers)


if __name__ == "__main__":
    main()
