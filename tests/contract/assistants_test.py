#!/usr/bin/python3
"""An assistant from its creation to its end, and what its visitors see of that. Needs PARLEY_TEST_BASE."""

import json
import secrets
import time

from contract import Caller, ContractTest, Dialog, main, new_key
from streams_test import Stream

DIES_WITHIN_S = 1.0  # as the documentation promises, at every API
RELEASED_WITHIN_S = 10.0
NONEXISTENT = 9007199254739968


def telegram_token(end="wxyz"):
    return f"{1_000_000_000 + secrets.randbelow(1_000_000_000)}:" + secrets.token_hex(16)[:31] + end


class Assistants(ContractTest):
    def create(self, **body):
        """The path of a new assistant, and it."""
        created = self.owner.post("/api/assistants", {"name": "A", **body})
        # With a bot it was asked for first, and has claimed that.
        self.assertEqual((created.status, created.headers["etag"]), (201, '"3"' if "telegram_bot_token" in body else '"1"'), created)
        return f"/api/assistants/{created.json['id']}", created.json

    def change(self, path, body, **headers):
        changed = self.owner.put(path, body, **headers)
        self.assertEqual(changed.status, 200, changed)
        return changed

    def assert_soon(self, ask, status, code):
        """Another API may hear of it a moment later."""
        deadline = time.monotonic() + DIES_WITHIN_S
        while (answer := ask()).status != status and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assert_error(answer, status, code)

    def assert_ended(self, stream, code):
        """Whatever it has to say, its last words are the refusal."""
        last = None
        while not last or last.get("type") != "error":
            _, data = stream.frame()
            last = None if data in (None, "__ping__") else json.loads(data)
        self.assertEqual(last["error"]["code"], code)
        self.assertRaises(EOFError, stream.frame)

    def follow(self, dialog, **query):
        stream = Stream(dialog.path + "/events", {"site_token": dialog.site.headers["X-Site-Token"], "guest_id": dialog.opened["guest_id"], **query})
        self.assertEqual(stream.status, 200)
        stream.frame()
        return stream

    # Reading and changing.

    def test_one_is_read_with_its_version(self):
        path, assistant = self.create(description="d")
        read = self.owner.get(path)
        self.assertEqual((read.status, read.json, read.headers["etag"]), (200, assistant, '"1"'))

    def test_what_is_absent_stays_and_null_clears(self):
        path, assistant = self.create(description="d", system_prompt="p", telegram_bot_token=telegram_token(), allowed_domains=["a.example"])
        for body, change in (({"name": "B"}, {"name": "B"}), ({"description": None}, {"description": None}), ({"description": "e"}, {"description": "e"}),
                             ({"system_prompt": None, "ai_model": "m"}, {"system_prompt": None, "ai_model": "m"}),
                             ({"telegram_bot_token": None}, {"telegram_bot_token": None}), ({"is_active": False}, {"is_active": False}),
                             ({"is_active": True, "website_integration": False, "allowed_domains": []},
                              {"is_active": True, "website_integration": False, "allowed_domains": []})):
            with self.subTest(body=body):
                assistant |= change
                changed = self.change(path, body)
                self.assertEqual(changed.json, assistant)
                read = self.owner.get(path)
                self.assertEqual((read.json, read.headers["etag"]), (assistant, changed.headers["etag"]))
        self.assertEqual(read.headers["etag"], '"11"', "six events, and two when the bot went")
        self.assertIn(assistant, self.owner.get("/api/assistants").json)

    def test_what_is_so_already_is_no_change(self):
        path, assistant = self.create(description="d")
        for body in ({}, {"name": "A"}, assistant):  # what a client got it may send back
            changed = self.change(path, body)
            self.assertEqual((changed.json, changed.headers["etag"]), (assistant, '"1"'))
            self.assertNotIn("x-event-position", changed.headers)

    def test_null_is_refused_where_it_would_clear_nothing(self):
        path, _ = self.create()
        for name in ("name", "ai_model", "is_active", "website_integration", "allowed_domains"):
            self.assert_error(self.owner.put(path, {name: None}), 422, "VALIDATION_ERROR", name)
        for body, field in (({"name": ""}, "name"), ({"is_active": 1}, "is_active"), ({"allowed_domains": ["a b"]}, "allowed_domains[0]")):
            self.assert_error(self.owner.put(path, body), 422, "VALIDATION_ERROR", field)

    def test_a_version_that_must_be_is_compared(self):
        path, _ = self.create()
        first = self.change(path, {"name": "B"}, If_Match='"1"')
        late = self.owner.put(path, {"name": "C"}, If_Match='"1"')
        self.assert_error(late, 409, "VERSION_CONFLICT")
        self.assertEqual(late.details["current_version"], 2)
        self.assertEqual(first.headers["etag"], '"2"')
        self.assert_error(self.owner.delete(path, If_Match='"1"'), 409, "VERSION_CONFLICT")
        self.assertEqual(self.owner.delete(path, If_Match='"2"').status, 204)

    def test_a_repeated_change_is_one(self):
        path, _ = self.create()
        key = new_key()
        first, again = (self.owner.put(path, {"name": "B"}, Idempotency_Key=key) for _ in range(2))
        self.assertEqual((again.status, again.json, again.headers["idempotency-hit"]), (200, first.json, "true"))
        self.assert_error(self.owner.put(path, {"name": "C"}, Idempotency_Key=key), 422, "IDEMPOTENCY_KEY_REUSED")

    def test_the_list_is_whole_or_comes_in_pages(self):
        owner = self.register()
        ids = [owner.post("/api/assistants", {"name": str(number), "system_prompt": "p" * 10_000}).json["id"] for number in range(5)]
        whole = owner.get("/api/assistants")
        self.assertEqual([assistant["id"] for assistant in whole.json], ids)
        self.assertNotIn("x-next-cursor", whole.headers)
        seen, query = [], "limit=2"
        while query:
            page = owner.get("/api/assistants?" + query)
            self.assertLessEqual(len(page.json), 2)
            seen += [assistant["id"] for assistant in page.json]
            cursor = page.headers.get("x-next-cursor")
            query = cursor and "limit=2&cursor=" + cursor
            if len(seen) == 2:
                owner.delete(f"/api/assistants/{ids[1]}")  # where the next page begins
        self.assertEqual(seen, ids)
        self.assertEqual([assistant["id"] for assistant in owner.get("/api/assistants?cursor=0.1").json], [ids[0], *ids[2:]])
        for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=x", "cursor"), ("cursor=1", "cursor"), ("cursor=9.99999999999999999", "cursor")):
            self.assert_error(owner.get("/api/assistants?" + query), 422, "VALIDATION_ERROR", field)

    def test_a_list_larger_than_an_answer_is_refused_whole_and_answered_in_pages(self):
        owner = self.register()
        large = "👋" * 20_000  # four bytes a character
        ids = [owner.post("/api/assistants", {"name": "A", "system_prompt": large}).json["id"] for _ in range(110)]
        refused = owner.get("/api/assistants")
        self.assert_error(refused, 422, "VALIDATION_ERROR", "limit")
        self.assertIn("whole list", refused.details["issue"])
        page = owner.get("/api/assistants?limit=1000")
        self.assertLess(len(page.json), len(ids))
        self.assertLessEqual(len(page.body), 8 << 20)
        rest = owner.get("/api/assistants?limit=1000&cursor=" + page.headers["x-next-cursor"])
        self.assertEqual([assistant["id"] for assistant in page.json + rest.json], ids)

    def test_somebody_elses_does_not_exist(self):
        path, _ = self.create()
        stranger = self.register()
        for one in (path, f"/api/assistants/{NONEXISTENT}"):
            for answer in (stranger.get(one), stranger.put(one, {"name": "B"}), stranger.delete(one), stranger.post(one + "/site-token"),
                           stranger.put(one, {"name": "B"}, If_Match='"9"'), stranger.delete(one, If_Match='"9"')):
                self.assert_error(answer, 404, "ASSISTANT_NOT_FOUND")
        for answer in (self.nobody.get(path), self.nobody.put(path, {"name": "B"}), self.nobody.delete(path), self.nobody.post(path + "/site-token")):
            self.assert_error(answer, 401, "NOT_AUTHENTICATED")
        self.assertEqual(self.owner.get(path).headers["etag"], '"1"')

    # The Telegram token.

    def test_a_telegram_token_must_have_its_form(self):
        path, _ = self.create()
        for token in ("1234567890:ABC...", "x", "", "0123456789:" + "a" * 35, "123:" + "a" * 34, "123:" + "a" * 36, "123:" + "a" * 34 + "."):
            for answer in (self.owner.post("/api/assistants", {"name": "A", "telegram_bot_token": token}), self.owner.put(path, {"telegram_bot_token": token})):
                self.assert_error(answer, 422, "INVALID_TELEGRAM_TOKEN", "telegram_bot_token")
        self.assert_error(self.owner.post("/api/assistants", {"name": "A", "telegram_bot_token": "1234567890:…wxyz"}), 422, "INVALID_TELEGRAM_TOKEN")

    def test_a_telegram_token_is_never_shown_and_survives_being_sent_back(self):
        token = telegram_token()
        shown = token[:token.index(":") + 1] + "…wxyz"
        path, assistant = self.create(telegram_bot_token=token)
        self.assertEqual(assistant["telegram_bot_token"], shown)
        self.assertEqual(self.owner.get(path).json["telegram_bot_token"], shown)
        self.assertEqual(self.change(path, {**assistant, "name": "B"}).json["telegram_bot_token"], shown)
        other = self.change(path, {"telegram_bot_token": telegram_token("1234")}).json["telegram_bot_token"]
        self.assertTrue(other.endswith(":…1234"))
        self.assertEqual(self.change(path, {"telegram_bot_token": shown}).json["telegram_bot_token"], other)

    def test_a_telegram_bot_is_one_assistant_s(self):
        token, other = telegram_token(), telegram_token()
        bot = token.partition(":")[0]
        path, assistant = self.create(telegram_bot_token=token)
        second, _ = self.create(telegram_bot_token=other)
        count = len(self.owner.get("/api/assistants").json)
        for caller in (self.owner, self.register()):  # whoever owns the one that has it
            self.assert_error(caller.post("/api/assistants", {"name": "A", "telegram_bot_token": f"{bot}:" + "b" * 35}), 409, "BOT_ALREADY_EXISTS")
        before = self.owner.get(second).json
        self.assert_error(self.owner.put(second, {"name": "B", "telegram_bot_token": token}), 409, "BOT_ALREADY_EXISTS")
        self.assertEqual(self.owner.get(second).json, before)
        self.assertEqual(len(self.owner.get("/api/assistants").json), count)
        again = self.change(path, {"telegram_bot_token": f"{bot}:" + "c" * 31 + "wxyz"})  # BotFather has given it another
        self.assertEqual(again.json, {**assistant, "telegram_bot_token": f"{bot}:…wxyz"})

    def test_a_telegram_bot_that_an_assistant_has_no_more_is_anybody_s(self):
        token = telegram_token()
        path, _ = self.create(telegram_bot_token=token)

        def assert_free():
            """As soon as it is released."""
            deadline = time.monotonic() + RELEASED_WITHIN_S
            while (created := self.owner.post("/api/assistants", {"name": "A", "telegram_bot_token": token})).status == 409:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            self.assertEqual(created.status, 201, created)
            return f"/api/assistants/{created.json['id']}"

        self.change(path, {"telegram_bot_token": telegram_token()})
        second = assert_free()
        self.change(second, {"telegram_bot_token": None})
        third = assert_free()
        self.assertEqual(self.owner.delete(third).status, 204)
        assert_free()

    # What visitors see.

    def test_an_inactive_assistant_refuses_its_visitors_and_shows_its_owner_what_was_said(self):
        path, assistant = self.create()
        dialog = Dialog(self.owner, assistant["site_token"])
        dialog.visitor.post(dialog.visitor_path, {"text": "before"})
        with self.follow(dialog) as stream:
            self.change(path, {"is_active": False})
            self.assert_ended(stream, "ASSISTANT_INACTIVE")
        for ask in (lambda: dialog.site.post("/api/site/dialogs"), lambda: dialog.visitor.post(dialog.visitor_path, {"text": "no"}),
                    lambda: dialog.visitor.get(dialog.visitor_path),
                    lambda: self.nobody.get(f"{dialog.path}/events?assistant_id={assistant['id']}&guest_id={dialog.opened['guest_id']}")):
            self.assert_soon(ask, 403, "ASSISTANT_INACTIVE")
        self.assertEqual([m["text"] for m in self.owner.get(dialog.path + "/messages").json["messages"]], ["before"])
        self.change(path, {"is_active": True})
        deadline = time.monotonic() + DIES_WITHIN_S
        while dialog.visitor.post(dialog.visitor_path, {"text": "again"}).status != 201:
            self.assertLess(time.monotonic(), deadline)

    def test_a_rotated_token_is_dead_and_dialogs_go_on_with_the_new_one(self):
        path, assistant = self.create()
        dialog = Dialog(self.owner, assistant["site_token"])
        with self.follow(dialog) as stream:
            rotated = self.owner.post(path + "/site-token")
            self.assert_ended(stream, "NOT_AUTHENTICATED")
        self.assertEqual((rotated.status, rotated.headers["etag"]), (200, '"2"'))
        token = rotated.json["site_token"]
        self.assertRegex(token, "^st_[A-Za-z0-9_-]{32}$")
        self.assertEqual(rotated.json, {**assistant, "site_token": token})
        self.assertNotEqual(token, assistant["site_token"])
        for ask in (lambda: dialog.site.post("/api/site/dialogs"), lambda: dialog.visitor.post(dialog.visitor_path, {"text": "no"}),
                    lambda: dialog.visitor.get(dialog.visitor_path)):
            self.assert_soon(ask, 401, "NOT_AUTHENTICATED")
        visitor = Caller(X_Site_Token=token, X_Guest_Id=dialog.opened["guest_id"])
        self.assertEqual(visitor.post(dialog.visitor_path, {"text": "hi"}).status, 201)
        self.follow(dialog, site_token=token).__exit__()
        with Stream(dialog.path + "/events", {"assistant_id": assistant["id"], "guest_id": dialog.opened["guest_id"]}) as stream:
            self.assertEqual(stream.status, 200)

    def test_a_deleted_assistant_is_gone_and_its_dialogs_stay(self):
        path, assistant = self.create(name="Прежний")
        dialog = Dialog(self.owner, assistant["site_token"])
        dialog.visitor.post(dialog.visitor_path, {"text": "before"})
        key = new_key()
        with self.follow(dialog) as stream:
            deleted = self.owner.delete(path, Idempotency_Key=key)
            self.assertEqual((deleted.status, deleted.body), (204, b""))
            self.assert_ended(stream, "NOT_AUTHENTICATED")
        self.assertEqual(self.owner.delete(path, Idempotency_Key=key).status, 204)
        for answer in (self.owner.get(path), self.owner.put(path, {"name": "B"}), self.owner.delete(path), self.owner.post(path + "/site-token")):
            self.assert_error(answer, 404, "ASSISTANT_NOT_FOUND")
        self.assertNotIn(assistant["id"], [each["id"] for each in self.owner.get("/api/assistants").json])
        for ask in (lambda: dialog.site.post("/api/site/dialogs"), lambda: dialog.visitor.post(dialog.visitor_path, {"text": "no"}),
                    lambda: dialog.visitor.get(dialog.visitor_path),
                    lambda: self.nobody.get(f"{dialog.path}/events?assistant_id={assistant['id']}&guest_id={dialog.opened['guest_id']}")):
            self.assert_soon(ask, 401, "NOT_AUTHENTICATED")
        self.assertEqual(self.owner.get(dialog.path).json["assistant_name"], "Прежний")
        self.assertEqual([m["text"] for m in self.owner.get(dialog.path + "/messages").json["messages"]], ["before"])

    def test_a_dialog_of_the_past_has_the_name_of_then(self):
        path, assistant = self.create(name="first")
        dialog = Dialog(self.owner, assistant["site_token"])
        self.change(path, {"name": "second"})
        dialog.visitor.post(dialog.visitor_path, {"text": "a"})
        time_of_second = self.owner.get(f"{dialog.path}/messages").json["messages"][0]["created_at"]
        self.change(path, {"name": "third"})
        self.owner.delete(path)
        for at, name in ((dialog.opened["created_at"], "first"), (1, "first"), (2, "second"), (time_of_second, "second")):
            self.assertEqual(self.owner.get(f"{dialog.path}?at={at}").json["assistant_name"], name, at)
        self.assertEqual(self.owner.get(dialog.path).json["assistant_name"], "third")

    def test_the_domains_of_now_bound_the_pages_that_may_ask(self):
        path, assistant = self.create()

        def status(origin):
            return Caller(X_Site_Token=assistant["site_token"], Origin=origin).post("/api/site/dialogs").status

        self.assertEqual(status("https://evil.example"), 201)
        self.change(path, {"allowed_domains": ["shop.example", "*.test.example"]})
        self.assert_soon(lambda: Caller(X_Site_Token=assistant["site_token"], Origin="https://evil.example").post("/api/site/dialogs"), 403,
                         "INSUFFICIENT_PERMISSIONS")
        for origin, expected in (("https://shop.example", 201), ("https://a.test.example:8443", 201), ("https://test.example", 403), ("https://eviltest.example", 403)):
            self.assertEqual(status(origin), expected, origin)
        # A preflight has no credentials, so it is answered for any origin; the call itself is what is checked.
        preflight = self.nobody.call("OPTIONS", "/api/site/dialogs", Origin="https://evil.example", Access_Control_Request_Method="POST",
                                     Access_Control_Request_Headers="x-site-token")
        self.assertEqual((preflight.status, preflight.headers["access-control-allow-origin"]), (204, "https://evil.example"))
        self.assertNotIn("access-control-allow-credentials", preflight.headers)
        refused = Caller(X_Site_Token=assistant["site_token"], Origin="https://evil.example").post("/api/site/dialogs")
        self.assertEqual(refused.headers["access-control-allow-origin"], "https://evil.example")  # its page may read why
        self.change(path, {"allowed_domains": []})
        deadline = time.monotonic() + DIES_WITHIN_S
        while status("https://evil.example") != 201:
            self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    main()
