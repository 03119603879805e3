#!/usr/bin/python3
"""Accounts: sessions and how they end, the profile, an owner's team, admins. Needs PARLEY_TEST_BASE; for what the console does PARLEY_TEST_KAFKA and
PARLEY_BIN too."""

import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import time
import unittest

from contract import Caller, ContractTest, main, new_email, new_key
from streams_test import Stream

BINARY, KAFKA = os.environ.get("PARLEY_BIN", ""), os.environ.get("PARLEY_TEST_KAFKA", "")
KEYS = pathlib.Path(os.environ.get("PARLEY_TEST_DATA", "")) / "system" / "keys"
SOON_S = 1.0  # within which a session that has ended is over everywhere
DEADLINE_S = 60
AT_ONCE = 50
TIMED = 7
PASSWORD, ANOTHER = "correct horse", "battery staple"


def console(*arguments, password):
    return subprocess.run([BINARY, "admin", *arguments, "--kafka-brokers", KAFKA, "--keys-file", str(KEYS)], input=f"{password}\n", capture_output=True,
                          text=True, timeout=DEADLINE_S)


class Accounts(ContractTest):
    def setUp(self):
        self.email = new_email()
        self.me = self.register(self.email, PASSWORD)

    def login(self, email=None, password=PASSWORD, **headers):
        return self.nobody.post("/api/auth/login", {"email": email or self.email, "password": password}, **headers)

    def session(self, email=None, password=PASSWORD):
        answer = self.login(email, password)
        self.assertEqual(answer.status, 200, answer)
        return Caller(Authorization="Bearer " + answer.json["access_token"])

    def assert_over(self, caller):
        self.assert_error(caller.get("/api/users/me"), 401, "NOT_AUTHENTICATED")

    # Sessions.

    def test_logging_out_ends_the_session_and_no_other(self):
        other = self.session()
        answer = self.me.post("/api/auth/logout", None)
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assert_over(self.me)
        for path in ("/api/assistants", "/api/dialogs"):
            self.assert_error(self.me.get(path), 401, "NOT_AUTHENTICATED")
        self.assert_error(self.me.post("/api/assistants", {"name": "A"}), 401, "NOT_AUTHENTICATED")
        self.assertEqual(other.get("/api/users/me").status, 200)
        self.assertEqual(self.session().get("/api/users/me").status, 200)

    def test_logging_out_again_is_no_answer_but_the_first_one_again(self):
        key = new_key()
        first = self.me.post("/api/auth/logout", Idempotency_Key=key)
        again = self.me.post("/api/auth/logout", Idempotency_Key=key)
        self.assertEqual((first.status, again.status, again.headers.get("idempotency-hit")), (204, 204, "true"))
        self.assert_error(self.me.post("/api/auth/logout"), 401, "NOT_AUTHENTICATED")

    def test_streams_end_with_the_session(self):
        assistant = self.me.post("/api/assistants", {"name": "A"}).json
        site = Caller(X_Site_Token=assistant["site_token"])
        dialog = site.post("/api/site/dialogs").json["id"]
        path, token = f"/api/dialogs/{dialog}/events", self.me.headers["Authorization"].removeprefix("Bearer ")
        with Stream(path, {"token": token}) as stream:
            self.assertEqual(json.loads(stream.frame()[1])["type"], "connection.established")
            self.assertEqual(self.me.post("/api/auth/logout").status, 204)
            began, last = time.monotonic(), None
            with self.assertRaises(EOFError):
                while time.monotonic() < began + DEADLINE_S:
                    last = stream.frame()[1]
            self.assertLess(time.monotonic() - began, SOON_S)
            self.assertEqual(json.loads(last)["error"]["code"], "NOT_AUTHENTICATED")
        with Stream(path, {"token": token}) as refused:
            self.assert_error(refused.answer(), 401, "NOT_AUTHENTICATED")

    def test_another_password_ends_all_other_sessions(self):
        others = [self.session() for _ in range(3)]
        answer = self.me.post("/api/users/change-password", {"current_password": PASSWORD, "new_password": ANOTHER})
        self.assertEqual((answer.status, answer.body), (204, b""))
        for other in others:
            self.assert_over(other)
        self.assertEqual(self.me.get("/api/users/me").status, 200)
        self.assert_error(self.login(), 401, "INVALID_CREDENTIALS")
        self.assertEqual(self.session(password=ANOTHER).get("/api/users/me").status, 200)
        self.assertEqual(self.me.post("/api/auth/logout").status, 204)
        self.assert_over(self.me)

    def test_a_password_is_changed_by_who_knows_it(self):
        change = {"current_password": "wrong horse", "new_password": ANOTHER}
        self.assert_error(self.me.post("/api/users/change-password", change), 422, "VALIDATION_ERROR", "current_password")
        self.assert_error(self.me.post("/api/users/change-password", {**change, "new_password": "short"}), 422, "VALIDATION_ERROR", "new_password")
        self.assert_error(self.nobody.post("/api/users/change-password", change), 401, "NOT_AUTHENTICATED")
        self.assertEqual(self.login().status, 200)

    def test_a_change_that_is_asked_again_is_answered_again(self):
        key, change = new_key(), {"current_password": PASSWORD, "new_password": ANOTHER}
        answers = [self.me.post("/api/users/change-password", change, Idempotency_Key=key) for _ in range(2)]
        self.assertEqual([answer.status for answer in answers], [204, 204])
        self.assertEqual(answers[1].headers.get("idempotency-hit"), "true")

    def test_another_email_is_ones_own_from_then_on_and_the_one_before_is_anybodys(self):
        other, new = self.session(), new_email()
        answer = self.me.post("/api/users/me/email", {"email": new.upper(), "current_password": PASSWORD})
        self.assertEqual((answer.status, answer.json["email"], answer.json["id"]), (200, new, self.me.get("/api/users/me").json["id"]), answer)
        self.assertEqual(self.me.get("/api/users/me").json, answer.json)
        self.assert_over(other)
        self.assertEqual((self.login().status, self.login(new).status), (401, 200))
        self.register(self.email, ANOTHER)
        self.assert_error(self.me.post("/api/users/me/email", {"email": self.email, "current_password": PASSWORD}), 409, "EMAIL_TAKEN")
        self.assert_error(self.nobody.post("/api/auth/register", {"email": new, "password": PASSWORD}), 409, "EMAIL_TAKEN")

    def test_an_email_is_changed_by_who_knows_the_password(self):
        change = {"email": new_email(), "current_password": "wrong horse"}
        self.assert_error(self.me.post("/api/users/me/email", change), 422, "VALIDATION_ERROR", "current_password")
        self.assert_error(self.me.post("/api/users/me/email", {"email": "nothing", "current_password": PASSWORD}), 422, "VALIDATION_ERROR", "email")
        self.assert_error(self.nobody.post("/api/users/me/email", change), 401, "NOT_AUTHENTICATED")
        self.assertEqual(self.me.get("/api/users/me").json["email"], self.email)

    @unittest.skipUnless(KAFKA and KEYS.is_file() and pathlib.Path(BINARY).is_file(), "needs the program and the system's keys")
    def test_the_console_finds_an_account_by_the_email_that_it_has_now(self):
        new = new_email()
        self.assertEqual(self.me.post("/api/users/me/email", {"email": new, "current_password": PASSWORD}).status, 200)
        self.assertNotEqual(console("reset-password", "--email", self.email, password=ANOTHER).returncode, 0)
        done = console("reset-password", "--email", new, password=ANOTHER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.session(new, ANOTHER).get("/api/users/me").status, 200)

    def test_an_operator_who_has_another_email_may_join_again_with_it(self):
        email, new = new_email(), new_email()
        made = self.me.post("/api/operators", {"email": email, "name": "Olga", "password": PASSWORD})
        self.assertEqual(made.status, 201, made)
        self.assertEqual(self.session(email).post("/api/users/me/email", {"email": new, "current_password": PASSWORD}).status, 200)
        self.assertEqual(self.me.delete(f"/api/operators/{made.json['id']}").status, 204)
        again = self.me.post("/api/operators", {"email": new, "name": "Olga", "password": ANOTHER})
        self.assertEqual((again.status, again.json["id"]), (201, made.json["id"]), again)
        self.assertEqual(self.session(new, ANOTHER).get("/api/users/me").json["role"], "operator")

    def test_of_two_changes_at_once_one_is_made(self):
        callers = [self.me, self.session()]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda caller: caller.post("/api/users/change-password", {"current_password": PASSWORD, "new_password": ANOTHER}),
                                    [Caller(**caller.headers) for caller in callers]))
        self.assertIn(sorted(answer.status for answer in answers), ([204, 401], [204, 422]), answers)

    def test_a_login_tells_nobody_who_has_an_account(self):
        wrong, unknown = self.login(password="wrong horse"), self.login(email=new_email())
        self.assertEqual(wrong.body, unknown.body)
        self.assert_error(unknown, 401, "INVALID_CREDENTIALS")

        def seconds(email):
            began = time.monotonic()
            self.assertEqual(self.login(email, "wrong horse").status, 401)
            return time.monotonic() - began

        times = [(seconds(self.email), seconds(new_email())) for _ in range(TIMED)]
        known, unknown = (statistics.median(one) for one in zip(*times))
        self.assertLess(max(known, unknown) / min(known, unknown), 2.0, times)

    # The profile.

    def test_a_profile_is_what_was_sent_and_what_it_was(self):
        self.assertEqual(self.me.get("/api/users/me").json | {"id": 0, "created_at": ""},
                         {"id": 0, "email": self.email, "first_name": None, "last_name": None, "role": "owner", "is_admin": False, "balance": 500.0,
                          "welcome_bonus": 500.0, "plan": "trial", "onboarding_completed": False, "created_at": ""})
        for change, expected in (({"first_name": "Анна", "last_name": "Смит"}, {"first_name": "Анна", "last_name": "Смит"}),
                                 ({"onboarding_completed": True}, {"first_name": "Анна", "onboarding_completed": True}),
                                 ({"first_name": None}, {"first_name": None, "last_name": "Смит", "onboarding_completed": True}),
                                 ({}, {"last_name": "Смит"})):
            with self.subTest(change=change):
                answer = self.me.call("PUT", "/api/users/me", change)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual({name: answer.json[name] for name in expected}, expected)
                read = self.me.get("/api/users/me")
                self.assertEqual(read.json, answer.json)
                self.assertEqual(read.headers["etag"], answer.headers["etag"])

    def test_a_profile_is_changed_only_while_it_is_as_it_was_known(self):
        tag = self.me.get("/api/users/me").headers["etag"]
        self.assertEqual(self.me.call("PUT", "/api/users/me", {"first_name": "A"}, If_Match=tag).status, 200)
        refused = self.me.call("PUT", "/api/users/me", {"first_name": "B"}, If_Match=tag)
        self.assert_error(refused, 409, "VERSION_CONFLICT")
        self.assertEqual(self.me.call("PUT", "/api/users/me", {"first_name": "B"}, If_Match=f'"{refused.details["current_version"]}"').status, 200)

    def test_a_profile_has_limits(self):
        for change, field in (({"first_name": "x" * 101}, "first_name"), ({"last_name": 7}, "last_name"), ({"onboarding_completed": "yes"}, "onboarding_completed")):
            self.assert_error(self.me.call("PUT", "/api/users/me", change), 422, "VALIDATION_ERROR", field)

    def test_of_many_who_want_one_email_at_once_one_gets_it(self):
        email = new_email()
        spellings = [email, email.upper(), f"  {email}", email.title()]

        def register(number):
            return Caller().post("/api/auth/register", {"email": spellings[number % len(spellings)], "password": f"password-{number}"})

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(register, range(AT_ONCE)))
        made = [answer for answer in answers if answer.status == 201]
        self.assertEqual(len(made), 1)
        self.assertEqual(made[0].json["user"]["email"], email)
        for answer in answers:
            if answer.status == 503:  # more passwords than may wait
                self.assertEqual(answer.code, "OVERLOADED")
            elif answer.status != 201:
                self.assert_error(answer, 409, "EMAIL_TAKEN")

    # A team.

    def add(self, **changes):
        email = new_email()
        answer = self.me.post("/api/operators", {"email": email, "name": "Анна", "password": PASSWORD, **changes})
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def test_an_operator_works_for_the_owner_and_for_nobody_else(self):
        added = self.add()
        self.assertEqual((added["name"], added["is_active"]), ("Анна", True))
        logged_in = self.login(added["email"]).json
        self.assertEqual((logged_in["user"]["id"], logged_in["user"]["role"], logged_in["user"]["is_admin"]), (added["id"], "operator", False))
        operator = Caller(Authorization="Bearer " + logged_in["access_token"])
        me = operator.get("/api/users/me").json
        self.assertEqual((me["id"], me["role"], me["is_admin"], me["balance"]), (added["id"], "operator", False, 0.0))
        for method, path, body in (("POST", "/api/assistants", {"name": "A"}), ("GET", "/api/assistants", None), ("GET", "/api/operators", None),
                                   ("POST", "/api/operators", {"email": new_email(), "name": "B", "password": PASSWORD}),
                                   ("DELETE", f"/api/operators/{added['id']}", None)):
            self.assert_error(operator.call(method, path, body), 403, "INSUFFICIENT_PERMISSIONS")
        assistant = self.me.post("/api/assistants", {"name": "A"}).json
        dialog = Caller(X_Site_Token=assistant["site_token"]).post("/api/site/dialogs").json["id"]
        self.assertEqual(operator.get(f"/api/dialogs/{dialog}/history").status, 200)
        with Stream(f"/api/dialogs/{dialog}/events", headers=operator.headers) as stream:
            self.assertEqual(stream.status, 200)
        others = self.open_dialog()
        self.assert_error(operator.get(others.path + "/history"), 404, "DIALOG_NOT_FOUND")
        with Stream(others.path + "/events", headers=operator.headers) as refused:
            self.assert_error(refused.answer(), 404, "DIALOG_NOT_FOUND")
        self.assertEqual(operator.post("/api/users/change-password", {"current_password": PASSWORD, "new_password": ANOTHER}).status, 204)

    def test_a_team_is_listed_and_its_members_are_changed(self):
        added = [self.add(name=name) for name in ("Анна", "Борис")]
        listed = self.me.get("/api/operators").json["operators"]
        self.assertEqual([one["id"] for one in listed], [one["id"] for one in added])
        self.assertEqual([one["last_login_at"] for one in listed], [None, None])
        first = self.me.get("/api/operators?limit=1").json
        rest = self.me.get("/api/operators?limit=1&cursor=" + first["next_cursor"]).json
        self.assertEqual((first["operators"] + rest["operators"], first["has_more"], rest["has_more"], rest["next_cursor"]), (listed, True, False, None))
        self.assert_error(self.me.get("/api/operators?cursor=x"), 422, "VALIDATION_ERROR", "cursor")
        path = f"/api/operators/{added[0]['id']}"
        read = self.me.get(path)
        changed = self.me.call("PATCH", path, {"name": "Анна С."}, If_Match=read.headers["etag"])
        self.assertEqual((changed.status, changed.json["name"], changed.json["is_active"]), (200, "Анна С.", True), changed)
        self.assertEqual(self.me.get(path).headers["etag"], changed.headers["etag"])
        self.assert_error(self.me.call("PATCH", path, {"name": "Б"}, If_Match=read.headers["etag"]), 409, "VERSION_CONFLICT")
        for answer in (self.owner.get(path), self.owner.call("PATCH", path, {"name": "X"}), self.owner.call("DELETE", path), self.me.get("/api/operators/1024")):
            self.assert_error(answer, 404, "OPERATOR_NOT_FOUND")
        self.assertEqual(self.owner.get("/api/operators").json, {"operators": [], "has_more": False, "next_cursor": None})

    def test_who_may_not_work_any_more_is_out_at_once(self):
        added = self.add()
        path, operator = f"/api/operators/{added['id']}", self.session(added["email"])
        self.assertEqual(self.me.call("PATCH", path, {"is_active": False}).json["is_active"], False)
        self.assert_soon_over(operator)
        self.assert_error(self.login(added["email"]), 403, "INSUFFICIENT_PERMISSIONS")
        self.assert_error(self.login(added["email"], "wrong horse"), 401, "INVALID_CREDENTIALS")
        self.me.call("PATCH", path, {"is_active": True})
        self.assert_over(operator)
        again = self.session(added["email"])
        self.me.call("PATCH", path, {"password": ANOTHER})
        self.assert_soon_over(again)
        last = self.session(added["email"], ANOTHER)
        self.assertEqual(self.me.call("DELETE", path).status, 204)
        self.assert_over(last)
        self.assert_error(self.login(added["email"], ANOTHER), 403, "INSUFFICIENT_PERMISSIONS")
        self.assert_error(self.me.call("DELETE", path), 404, "OPERATOR_NOT_FOUND")
        self.assertEqual(self.me.get("/api/operators").json["operators"], [])
        rejoined = self.owner.post("/api/operators", {"email": added["email"], "name": "Анна", "password": "third password"})
        self.assertEqual((rejoined.status, rejoined.json["id"]), (201, added["id"]))
        self.assertEqual(self.session(added["email"], "third password").get("/api/users/me").json["role"], "operator")
        self.assertEqual(self.owner.call("DELETE", f"/api/operators/{added['id']}").status, 204)

    def assert_soon_over(self, caller):
        deadline = time.monotonic() + SOON_S
        while caller.get("/api/users/me").status == 200 and time.monotonic() < deadline:
            pass
        self.assert_over(caller)

    def test_an_operator_has_an_email_of_their_own(self):
        added = self.add()
        for email in (self.email, added["email"]):
            self.assert_error(self.owner.post("/api/operators", {"email": email, "name": "A", "password": PASSWORD}), 409, "EMAIL_TAKEN")
        self.assert_error(self.nobody.post("/api/auth/register", {"email": added["email"], "password": PASSWORD}), 409, "EMAIL_TAKEN")
        for body, field in (({"email": "x", "name": "A", "password": PASSWORD}, "email"), ({"email": new_email(), "name": " ", "password": PASSWORD}, "name"),
                            ({"email": new_email(), "name": "A", "password": "short"}, "password")):
            self.assert_error(self.me.post("/api/operators", body), 422, "VALIDATION_ERROR", field)

    # The console.

    @unittest.skipUnless(KAFKA and KEYS.is_file() and pathlib.Path(BINARY).is_file(), "needs the program and the system's keys")
    def test_an_admin_is_made_at_the_console_and_may_read_what_happened(self):
        email = new_email()
        made = console("create", "--email", email, password=PASSWORD)
        self.assertEqual(made.returncode, 0, made)
        self.assertNotIn(PASSWORD, made.stdout + made.stderr)
        logged_in = self.login(email).json
        self.assertEqual((logged_in["user"]["is_admin"], logged_in["user"]["role"]), (True, "admin"))
        admin, dialog = Caller(Authorization="Bearer " + logged_in["access_token"]), self.open_dialog(first_name="Иван")
        self.assertEqual(admin.get("/api/users/me").json["is_admin"], True)
        history = admin.get(dialog.path + "/history")
        self.assertEqual(history.status, 200, history)
        self.assertEqual(history.json, self.owner.get(dialog.path + "/history").json)
        for path in ("/api/dialogs", "/api/assistants", "/api/operators", dialog.path + "/events"):
            self.assert_error(admin.get(path), 403, "INSUFFICIENT_PERMISSIONS")
        self.assertEqual(console("create", "--email", email, password=PASSWORD).returncode, 1)
        self.assertEqual(console("create", "--email", new_email(), password="short").returncode, 1)

    @unittest.skipUnless(KAFKA and KEYS.is_file() and pathlib.Path(BINARY).is_file(), "needs the program and the system's keys")
    def test_a_lost_password_is_replaced_at_the_console(self):
        done = console("reset-password", "--email", self.email.upper(), password=ANOTHER)
        self.assertEqual(done.returncode, 0, done)
        self.assert_soon_over(self.me)
        self.assert_error(self.login(), 401, "INVALID_CREDENTIALS")
        self.assertEqual(self.session(password=ANOTHER).get("/api/users/me").status, 200)
        unknown = console("reset-password", "--email", new_email(), password=ANOTHER)
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("no account has this e-mail", unknown.stderr)


if __name__ == "__main__":
    main()
