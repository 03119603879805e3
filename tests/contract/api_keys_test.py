#!/usr/bin/python3
"""API keys: made by an owner, shown once, good for what their scopes name until they are revoked. Needs PARLEY_TEST_BASE."""

import json
import time

from contract import Caller, ContractTest, main, new_email, new_key
from streams_test import Stream

FORM = r"^prl_[A-Za-z0-9_-]{43}$"
KEYS_MAX = 20
SOON_S = 1.0  # within which a revoked key is dead everywhere
DEADLINE_S = 20
READ, WRITE = "dialogs:read", "dialogs:write"
ASSISTANTS_READ, ASSISTANTS_WRITE = "assistants:read", "assistants:write"
ALL = [ASSISTANTS_READ, ASSISTANTS_WRITE, READ, WRITE]


def program(created):
    return Caller(Authorization="Bearer " + created["key"])


class ApiKeys(ContractTest):
    def make(self, *scopes, name="CRM", owner=None, **headers):
        answer = (owner or self.owner).post("/api/api-keys", {"name": name, "scopes": list(scopes)}, **headers)
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def listed(self, owner=None):
        answer = (owner or self.owner).get("/api/api-keys")
        self.assertEqual(answer.status, 200, answer)
        return answer.json["api_keys"]

    def listed_one(self, key):
        answer = self.owner.get(f"/api/api-keys/{key['id']}")
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.headers["etag"])
        return answer.json

    # Making them.

    def test_a_key_is_shown_once_and_then_only_its_end(self):
        made = self.make(WRITE, READ, WRITE, name="CRM of Anna")
        self.assertRegex(made["key"], FORM)
        self.assertEqual(made["hint"], made["key"][-4:])
        self.assertEqual((made["name"], made["scopes"], made["last_used_at"]), ("CRM of Anna", [READ, WRITE], None))
        shown = {name: value for name, value in made.items() if name != "key"}
        self.assertIn(shown, self.listed())
        self.assertEqual(self.listed_one(made), shown)
        self.assertNotEqual(self.make(READ)["key"], made["key"])

    def test_a_creation_that_is_asked_again_is_answered_again(self):
        owner = self.register()
        key, body = new_key(), {"name": "CRM", "scopes": [READ]}
        first, again = (owner.post("/api/api-keys", body, Idempotency_Key=key) for _ in range(2))
        self.assertEqual((first.status, again.status, again.headers.get("idempotency-hit")), (201, 201, "true"))
        self.assertEqual(first.json, again.json)
        self.assertEqual(len(self.listed(owner)), 1)
        self.assert_error(owner.post("/api/api-keys", {**body, "scopes": ALL}, Idempotency_Key=key), 422, "IDEMPOTENCY_KEY_REUSED")

    def test_what_is_wrong_with_a_request_is_named(self):
        for body, field in (({"scopes": [READ]}, "name"), ({"name": " ", "scopes": [READ]}, "name"), ({"name": "n" * 101, "scopes": [READ]}, "name"), ({"name": "CRM"}, "scopes"),
                            ({"name": "CRM", "scopes": []}, "scopes"), ({"name": "CRM", "scopes": [READ, "billing:read"]}, "scopes[1]")):
            self.assert_error(self.owner.post("/api/api-keys", body), 422, "VALIDATION_ERROR", field)

    def test_an_account_has_so_many_and_no_more(self):
        owner = self.register()
        made = [self.make(READ, name=f"key {number}", owner=owner) for number in range(KEYS_MAX)]
        self.assert_error(owner.post("/api/api-keys", {"name": "one more", "scopes": [READ]}), 409, "API_KEY_LIMIT_REACHED")
        self.assertEqual([key["name"] for key in self.listed(owner)], [key["name"] for key in made])
        self.assertEqual(owner.delete(f"/api/api-keys/{made[0]['id']}").status, 204)
        self.make(READ, owner=owner)

    def test_they_are_the_owners_alone(self):
        made, stranger = self.make(READ), self.register()
        self.assertEqual(self.listed(stranger), [])
        for call in (stranger.get, stranger.delete):
            self.assert_error(call(f"/api/api-keys/{made['id']}"), 404, "API_KEY_NOT_FOUND")
        email = new_email()
        self.assertEqual(self.owner.post("/api/operators", {"email": email, "name": "Olga", "password": self.password}).status, 201)
        member = Caller(Authorization="Bearer " + self.nobody.post("/api/auth/login", {"email": email, "password": self.password}).json["access_token"])
        for answer in (member.get("/api/api-keys"), member.post("/api/api-keys", {"name": "CRM", "scopes": [READ]}), member.delete(f"/api/api-keys/{made['id']}")):
            self.assert_error(answer, 403, "INSUFFICIENT_PERMISSIONS")
        for answer in (self.nobody.get("/api/api-keys"), self.nobody.post("/api/api-keys", {"name": "CRM", "scopes": [READ]})):
            self.assert_error(answer, 401, "NOT_AUTHENTICATED")

    # Asking with them.

    def endpoints(self):
        """(scope, a call that who has it may make)."""
        dialog, spare = self.open_dialog(), self.owner.post("/api/assistants", {"name": "Spare"}).json["id"]
        return [
            (ASSISTANTS_READ, lambda who: who.get("/api/assistants")),
            (ASSISTANTS_READ, lambda who: who.get(f"/api/assistants/{spare}")),
            (ASSISTANTS_WRITE, lambda who: who.post("/api/assistants", {"name": "Of a program"})),
            (ASSISTANTS_WRITE, lambda who: who.put(f"/api/assistants/{spare}", {"name": "Renamed"})),
            (ASSISTANTS_WRITE, lambda who: who.post(f"/api/assistants/{spare}/site-token")),
            (READ, lambda who: who.get("/api/dialogs")),
            (READ, lambda who: who.get(dialog.path)),
            (READ, lambda who: who.get(dialog.path + "/messages")),
            (READ, lambda who: who.get(dialog.path + "/history")),
            (WRITE, lambda who: who.post(dialog.path + "/messages", {"text": "Hello", "operator_name": "Robot"})),
            (WRITE, lambda who: who.post(dialog.path + "/typing")),
            (WRITE, lambda who: who.post(dialog.path + "/archive")),
            (WRITE, lambda who: who.post(dialog.path + "/unarchive")),
            (ASSISTANTS_WRITE, lambda who: who.delete(f"/api/assistants/{spare}")),
        ]

    def test_a_key_opens_what_its_scopes_name_and_nothing_else(self):
        for scope in ALL:
            who = program(self.make(scope))
            for needed, call in self.endpoints():
                with self.subTest(scope=scope, needed=needed):
                    answer = call(who)
                    if needed == scope:
                        self.assertIn(answer.status, (200, 201, 204), answer)
                    else:
                        self.assert_error(answer, 403, "INSUFFICIENT_PERMISSIONS")

    def test_no_scope_covers_accounts_teams_and_keys(self):
        made = self.make(*ALL)
        who = program(made)
        for call in (lambda: who.get("/api/users/me"), lambda: who.put("/api/users/me", {"first_name": "A"}), lambda: who.post("/api/auth/logout"),
                     lambda: who.post("/api/users/change-password", {"current_password": self.password, "new_password": "another password"}),
                     lambda: who.get("/api/operators"), lambda: who.post("/api/operators", {"email": new_email(), "name": "O", "password": self.password}),
                     lambda: who.get("/api/api-keys"), lambda: who.post("/api/api-keys", {"name": "CRM", "scopes": ALL}),
                     lambda: who.get(f"/api/api-keys/{made['id']}"), lambda: who.delete(f"/api/api-keys/{made['id']}")):
            self.assert_error(call(), 403, "INSUFFICIENT_PERMISSIONS")

    def test_the_document_says_what_each_endpoint_needs(self):
        found = {scope for path in Caller.contract.document["paths"].values() for operation in path.values() for one in operation["security"] for scope in one.get("apiKey", ())}
        self.assertEqual(found, set(ALL))
        archive = Caller.contract.document["paths"]["/api/dialogs/{dialog_id}/archive"]["post"]
        self.assertIn({"apiKey": [WRITE]}, archive["security"])
        self.assertIn(f"`{WRITE}`", archive["description"])
        self.assertEqual(Caller.contract.document["components"]["securitySchemes"]["apiKey"]["scheme"], "bearer")

    def test_what_a_program_does_names_its_key(self):
        dialog, made = self.open_dialog(), self.make(READ, WRITE)
        who = program(made)
        posted = who.post(dialog.path + "/messages", {"text": "From the CRM"})
        self.assertEqual(posted.status, 201, posted)
        events = self.owner.get(dialog.path + "/history").json["events"]
        me = self.owner.get("/api/users/me").json["id"]
        self.assertEqual(events[-1]["actor"], f"api_key/{made['id']}/{me}")
        self.assertEqual(self.owner.get(dialog.path + "/messages").json["messages"][-1]["sender"], "operator")
        self.assertIn("From the CRM", dialog.texts())

    def test_other_peoples_things_are_as_if_they_were_not(self):
        dialog, stranger = self.open_dialog(), self.register()
        who = program(self.make(*ALL, owner=stranger))
        self.assertEqual(who.get("/api/dialogs").json["total"], 0)
        for answer in (who.get(dialog.path), who.get(dialog.path + "/history"), who.post(dialog.path + "/messages", {"text": "a"}), who.post(dialog.path + "/archive")):
            self.assert_error(answer, 404, "DIALOG_NOT_FOUND")
        for answer in (who.get(f"/api/assistants/{self.assistant['id']}"), who.put(f"/api/assistants/{self.assistant['id']}", {"name": "Mine"})):
            self.assert_error(answer, 404, "ASSISTANT_NOT_FOUND")

    def test_text_that_is_no_key_opens_nothing(self):
        key = self.make(READ)["key"]
        for text in ("prl_", key[:-1], key + "A", key[:-1] + ("A" if key[-1] != "A" else "B"), key.removeprefix("prl_"), "prl_" + "A" * 43):
            self.assert_error(Caller(Authorization="Bearer " + text).get("/api/dialogs"), 401, "NOT_AUTHENTICATED")
        with Stream("/api/events", {"token": key}) as refused:  # queries end up in histories and logs
            self.assert_error(refused.answer(), 401, "NOT_AUTHENTICATED")

    def test_the_last_use_is_shown(self):
        made, untouched = self.make(READ), self.make(READ)
        who = program(made)
        self.assert_error(who.get("/api/assistants"), 403, "INSUFFICIENT_PERMISSIONS")
        self.assertEqual(who.get("/api/dialogs").status, 200)
        deadline = time.monotonic() + DEADLINE_S
        while (shown := self.listed_one(made))["last_used_at"] is None and time.monotonic() < deadline:
            pass
        self.assertGreaterEqual(shown["last_used_at"] or "", made["created_at"])
        self.assertIsNone(self.listed_one(untouched)["last_used_at"])

    # Revoking them.

    def test_a_revoked_key_is_dead_and_no_other(self):
        made, other = self.make(*ALL), self.make(READ)
        who, path = program(made), f"/api/api-keys/{made['id']}"
        self.assertEqual(who.get("/api/dialogs").status, 200)
        answer = self.owner.delete(path)
        self.assertEqual((answer.status, answer.body), (204, b""))
        for refused in (who.get("/api/dialogs"), who.post("/api/assistants", {"name": "A"}), who.get("/api/users/me")):
            self.assert_error(refused, 401, "NOT_AUTHENTICATED")
        self.assertEqual(program(other).get("/api/dialogs").status, 200)
        self.assertEqual(self.owner.get("/api/dialogs").status, 200)
        for missing in (self.owner.get(path), self.owner.delete(path)):
            self.assert_error(missing, 404, "API_KEY_NOT_FOUND")
        self.assertNotIn(made["id"], [key["id"] for key in self.listed()])

    def test_streams_end_with_the_key(self):
        dialog = self.open_dialog()
        for path in (dialog.path + "/events", "/api/events"):
            made = self.make(READ)
            with Stream(path, headers={"Authorization": "Bearer " + made["key"]}) as stream:
                self.assertIn(b"connection.established", stream.response.readline())
                self.assertEqual(self.owner.delete(f"/api/api-keys/{made['id']}").status, 204)
                began, last = time.monotonic(), ""
                while time.monotonic() < began + SOON_S and (line := stream.response.readline().decode()):
                    last = line.strip() or last
                self.assertLess(time.monotonic() - began, SOON_S)
                self.assertEqual(json.loads(last.removeprefix("data: "))["error"]["code"], "NOT_AUTHENTICATED")

    def test_a_key_goes_on_when_sessions_end(self):
        email = new_email()
        owner = self.register(email)
        who = program(self.make(READ, owner=owner))
        self.assertEqual(owner.post("/api/users/change-password", {"current_password": "correct horse", "new_password": "battery staple"}).status, 204)
        self.assertEqual(owner.post("/api/auth/logout").status, 204)
        self.assertEqual(who.get("/api/dialogs").status, 200)


if __name__ == "__main__":
    main()
