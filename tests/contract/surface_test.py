#!/usr/bin/python3
"""Every endpoint does what the product's document says. Needs PARLEY_TEST_BASE."""

import secrets
import unicodedata
from urllib.parse import urlencode

from contract import TIME, Caller, ContractTest, Dialog, main, new_email
from demo.log import place_of


class Surface(ContractTest):
    def test_an_account_registers_logs_in_and_reads_itself(self):
        email = new_email()
        body = {"email": email, "password": "password123", "first_name": "John", "last_name": "Doe"}
        registered = self.nobody.post("/api/auth/register", body)
        self.assertEqual(registered.status, 201)
        self.assertEqual(registered.json["token_type"], "bearer")
        user = registered.json["user"]
        self.assertEqual(user, {"id": user["id"], "email": email, "role": "owner", "is_admin": False, "balance": 500.0})
        self.assertRegex(registered.headers["x-event-position"], r"^[A-Za-z0-9_-]{8}\.\d+:\d+$")

        logged_in = self.nobody.post("/api/auth/login", {"email": email.upper(), "password": "password123"})
        self.assertEqual(logged_in.status, 200)
        self.assertEqual(logged_in.json["user"], user)

        me = Caller(Authorization="Bearer " + logged_in.json["access_token"]).get("/api/users/me", X_Read_After=registered.headers["x-event-position"]).json
        self.assertEqual({name: me[name] for name in user}, user)
        self.assertEqual((me["first_name"], me["last_name"], me["welcome_bonus"], me["plan"]), ("John", "Doe", 500.0, "trial"))
        self.assertRegex(me["created_at"], TIME)

    def test_names_may_be_absent_and_are_null_then(self):
        me = self.owner.get("/api/users/me").json
        self.assertEqual((me["first_name"], me["last_name"]), (None, None))

    def test_an_email_is_registered_once_and_wrong_passwords_are_refused(self):
        again = self.nobody.post("/api/auth/register", {"email": " " + self.email.upper(), "password": "another password"})
        self.assert_error(again, 409, "EMAIL_TAKEN")
        for email, password in ((self.email, "wrong password"), (new_email(), self.password)):
            refused = self.nobody.post("/api/auth/login", {"email": email, "password": password})
            self.assert_error(refused, 401, "INVALID_CREDENTIALS")
            self.assertIn("www-authenticate", refused.headers)

    def test_an_assistant_is_created_and_listed(self):
        owner = self.register()
        bot = 1_000_000_000 + secrets.randbelow(1_000_000_000)
        sent = {"name": "Мой ассистент", "description": "Описание", "system_prompt": "Ты техподдержка", "ai_model": "gpt-3.5-turbo",
                "telegram_bot_token": f"{bot}:" + "A" * 31 + "wxyz", "website_integration": True, "allowed_domains": ["example.com", "*.test.com"]}
        created = owner.post("/api/assistants", sent)
        self.assertEqual(created.status, 201)
        self.assertEqual({name: created.json[name] for name in sent}, {**sent, "telegram_bot_token": f"{bot}:…wxyz"})
        self.assertTrue(created.json["is_active"])
        self.assertRegex(created.json["site_token"], "^st_[A-Za-z0-9_-]{32}$")
        least = owner.post("/api/assistants", {"name": "Least"}).json
        self.assertEqual((least["description"], least["telegram_bot_token"], least["website_integration"], least["allowed_domains"]), (None, None, True, []))
        self.assertEqual(owner.get("/api/assistants").json, [created.json, least])
        self.assertNotIn(created.json["id"], [each["id"] for each in self.owner.get("/api/assistants").json])

    def test_a_dialog_is_held_by_a_visitor_and_an_operator(self):
        dialog = self.open_dialog(first_name="Иван")
        self.assertEqual((dialog.opened["assistant_id"], dialog.opened["platform"], dialog.opened["status"]), (self.assistant["id"], "website", "active"))
        asked = dialog.visitor.post(dialog.visitor_path, {"text": "Привет! \n👋 \u2028 </script> \"\\"})
        self.assertEqual(asked.status, 201)
        self.assertEqual((asked.json["dialog_id"], asked.json["sender"], asked.json["text"]), (dialog.id, "user", "Привет! \n👋 \u2028 </script> \"\\"))
        self.assertNotIn("operator_name", asked.json)
        answered = self.owner.post(dialog.path + "/messages", {"text": " Добрый день ", "operator_name": "Анна"})
        self.assertEqual(answered.status, 201)
        self.assertEqual((answered.json["sender"], answered.json["operator_name"], answered.json["text"]), ("operator", "Анна", " Добрый день "))

        expected = [{name: value for name, value in each.json.items() if name != "dialog_id"} for each in (asked, answered)]
        for reader, path in ((dialog.visitor, dialog.visitor_path), (self.owner, dialog.path + "/messages")):
            read = reader.get(path).json
            self.assertEqual(read, {"messages": expected, "has_more": False, "version": 3, "first_version": 2})

        one = self.owner.get(dialog.path).json
        self.assertEqual((one["id"], one["assistant_name"], one["first_name"], one["status"], one["handoff_status"], one["is_taken_over"]),
                         (dialog.id, "Техподдержка", "Иван", "active", "none", False))
        self.assertEqual((one["handoff_reason"], one["taken_over_by"], one["telegram_chat_id"], one["last_name"]), (None, None, None, None))
        self.assertEqual(one["created_at"], dialog.opened["created_at"])

        listed = self.owner.get("/api/dialogs?limit=1").json["dialogs"][0]
        self.assertEqual((listed["id"], listed["last_message"], listed["last_message_time"]), (dialog.id, " Добрый день ", answered.json["created_at"]))

    def test_messages_are_read_page_by_page(self):
        dialog = self.open_dialog()
        for number in range(5):
            dialog.visitor.post(dialog.visitor_path, {"text": str(number)})
        latest = dialog.visitor.get(dialog.visitor_path + "?limit=2").json
        self.assertEqual(([m["text"] for m in latest["messages"]], latest["has_more"], latest["version"]), (["3", "4"], True, 6))
        texts, after = [], 0
        while True:
            page = self.owner.get(f"{dialog.path}/messages?limit=2&after={after}").json
            texts += [m["text"] for m in page["messages"]]
            after = page["version"]
            if not page["has_more"]:
                break
        self.assertEqual((texts, after), (["0", "1", "2", "3", "4"], 6))
        self.assertEqual(self.owner.get(f"{dialog.path}/messages?after=6").json, {"messages": [], "has_more": False, "version": 6, "first_version": 0})
        for reader, path in ((self.owner, dialog.path + "/messages"), (dialog.visitor, dialog.visitor_path)):
            back, page = [], latest
            while page["has_more"]:
                page = reader.get(f"{path}?limit=2&before={page['first_version']}").json
                back = [m["text"] for m in page["messages"]] + back
            self.assertEqual(back, ["0", "1", "2"])
            self.assert_error(reader.get(path + "?before=3&after=1"), 422, "VALIDATION_ERROR", "before")

    def test_dialogs_are_listed_by_filter_and_page(self):
        owner = self.register()
        site_token = owner.post("/api/assistants", {"name": "Another"}).json["site_token"]
        site = Caller(X_Site_Token=site_token)
        ids = [site.post("/api/site/dialogs").json["id"] for _ in range(3)]
        first, second = (owner.get(f"/api/dialogs?limit=2&offset={offset}").json for offset in (0, 2))
        self.assertEqual([d["id"] for d in first["dialogs"] + second["dialogs"]], ids[::-1])
        self.assertEqual([(page["total"], page["has_more"]) for page in (first, second)], [(3, True), (3, False)])
        for query, total in (("status=active", 3), ("status=archived", 0), ("handoff_status=none", 3), ("handoff_status=requested", 0), ("platform=website", 3),
                             ("platform=telegram", 0), ("status=active&handoff_status=none&platform=website", 3)):
            self.assertEqual(owner.get("/api/dialogs?" + query).json["total"], total, query)

    def test_a_dialog_is_archived_until_its_visitor_writes_again(self):
        dialog, stranger = self.open_dialog(), self.register()
        for _ in range(2):
            archived = self.owner.post(dialog.path + "/archive")
            self.assertEqual((archived.status, archived.json, archived.headers["etag"]), (200, {"id": dialog.id, "status": "archived"}, '"2"'))
        self.assertNotIn("x-event-position", archived.headers)
        self.owner.post(dialog.path + "/messages", {"text": "До свидания"})
        self.assertEqual(self.owner.get(dialog.path).json["status"], "archived")
        self.assertEqual([d["id"] for d in self.owner.get("/api/dialogs?status=archived").json["dialogs"]], [dialog.id])
        self.assertNotIn(dialog.id, [d["id"] for d in self.owner.get("/api/dialogs?status=active").json["dialogs"]])
        dialog.visitor.post(dialog.visitor_path, {"text": "Ещё вопрос"})
        self.assertEqual(self.owner.get(dialog.path).json["status"], "active")
        self.assertEqual(self.owner.get(dialog.path + "?at=4").json["status"], "archived")
        self.assertEqual([e["type"].split(".")[2] for e in self.owner.get(dialog.path + "/history").json["events"]],
                         ["opened", "archived", "message_created", "message_created", "unarchived"])
        self.assertEqual(self.owner.post(dialog.path + "/archive").json["status"], "archived")
        for _ in range(2):
            active = self.owner.post(dialog.path + "/unarchive")
            self.assertEqual((active.json, active.headers["etag"]), ({"id": dialog.id, "status": "active"}, '"7"'))
        for how in ("archive", "unarchive"):
            self.assert_error(stranger.post(f"{dialog.path}/{how}"), 404, "DIALOG_NOT_FOUND")
            self.assert_error(self.nobody.post(f"{dialog.path}/{how}"), 401, "NOT_AUTHENTICATED")
        self.assert_error(self.owner.post(dialog.path + "/archive", If_Match='"6"'), 409, "VERSION_CONFLICT")

    def test_dialogs_are_found_by_their_words_and_names(self):
        owner = self.register()
        assistant = owner.post("/api/assistants", {"name": "Поиск"}).json
        said = Dialog(owner, assistant["site_token"], first_name="Алёна")
        said.visitor.post(said.visitor_path, {"text": "Хочу вернуть чайники, please refund"})
        other = Dialog(owner, assistant["site_token"])
        other.visitor.post(other.visitor_path, {"text": "доставка"})
        for words, expected in (("чайник", [said]), ("refunds", [said]), ("алена", [said]), ("доставку or чайник", [other, said]), ("чайник доставка", []),
                                ("-чайник", [other]), ("'; drop table messages; --", []), ("the", []), ("", [other, said]), ("  ", [other, said])):
            found = owner.get("/api/dialogs?" + urlencode({"q": words})).json
            self.assertEqual((sorted(d["id"] for d in found["dialogs"]), found["total"]), (sorted(d.id for d in expected), len(expected)), words)
        self.assertEqual(owner.get(f"/api/dialogs?assistant_id={assistant['id']}&{urlencode({'q': 'чайник'})}").json["total"], 1)
        self.assertEqual(owner.get(f"/api/dialogs?assistant_id={assistant['id'] + 1024}").json["total"], 0)
        self.assertEqual(self.owner.get("/api/dialogs?" + urlencode({"q": "чайник"})).json["total"], 0)
        for query in ("q=%FF", "q=" + "a" * 501, "assistant_id=x"):
            self.assert_error(owner.get("/api/dialogs?" + query), 422, "VALIDATION_ERROR", query.partition("=")[0])

    def test_what_stands_in_a_message_is_found_by_the_same_characters(self):
        owner = self.register()
        site_token = owner.post("/api/assistants", {"name": "Поиск"}).json["site_token"]
        said = Dialog(owner, site_token)
        url = "https://shop.example/orders/58213/track?utm_source=mail&id=4412#top"
        for text in ("Мой чайник сломался", unicodedata.normalize("NFD", "Зелёный йогурт"), f"See {url}, please", "It broke.Please send a new one.",
                     "Do you offer refund/exchange?", "Заказ A-1234, телефон +7 (912) 345-67-89, почта anna@example.com"):
            said.visitor.post(said.visitor_path, {"text": text})
        total = lambda words: owner.get("/api/dialogs?" + urlencode({"q": words})).json["total"]
        nfd = unicodedata.normalize("NFD", "мой чайник")
        for words in (nfd, "зелёный йогурт", "зеленые йогурты", url, f"see {url}", "broke", "please", "It broke.Please", "refund", "exchange", "refund/exchange",
                      "A-1234", "8 912 345 67 89", "+79123456789", "anna@example.com"):
            self.assertEqual(total(words), 1, words)
        for words in (url.replace("4412", "4413"), "refund/return", "broke.Thanks", "B-1234", "8 912 345 67 88", "boris@example.com", "йог", "?!", '"'):
            self.assertEqual(total(words), 0, words)

    def test_a_cursor_neither_skips_nor_repeats_while_dialogs_move(self):
        owner = self.register()
        site_token = owner.post("/api/assistants", {"name": "Pages"}).json["site_token"]
        dialogs = [Dialog(owner, site_token) for _ in range(9)]
        before = [d["id"] for d in owner.get("/api/dialogs?limit=100").json["dialogs"]]
        seen, cursor = [], None
        while True:
            page = owner.get("/api/dialogs?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
            seen += [d["id"] for d in page["dialogs"]]
            cursor = page["next_cursor"]
            self.assertEqual(page["has_more"], cursor is not None)
            if cursor is None:
                break
            for dialog in (dialogs[0], dialogs[4], dialogs[-1]):
                dialog.visitor.post(dialog.visitor_path, {"text": "moves"})
            Dialog(owner, site_token)
        self.assertEqual(seen, before)
        first = owner.get("/api/dialogs?limit=2").json["next_cursor"]
        self.assert_error(owner.get(f"/api/dialogs?offset=2&cursor={first}"), 422, "VALIDATION_ERROR", "cursor")
        for wrong in ("x", first[:-1], "zzzzzzzz." + first.partition(".")[2], first + "AA"):
            self.assert_error(owner.get("/api/dialogs?cursor=" + wrong), 422, "VALIDATION_ERROR", "cursor")

    def test_a_history_has_every_event_with_its_cause(self):
        dialog = self.open_dialog()
        request = "contract-" + secrets.token_hex(8)
        posted = dialog.visitor.post(dialog.visitor_path, {"text": "a"}, X_Request_Id=request)
        self.assertEqual(posted.headers["x-request-id"], request)
        events = self.owner.get(dialog.path + "/history").json["events"]
        self.assertEqual([(e["version"], e["type"]) for e in events], [(1, "parley.dialog.opened.v1"), (2, "parley.dialog.message_created.v1")])
        self.assertEqual([e["actor"] for e in events], [f"visitor/{self.assistant['id']}"] * 2)
        self.assertEqual(events[1]["correlation_id"], request)
        self.assertEqual("{partition}:{offset}".format(**events[1]["position"]), place_of(posted.headers["x-event-position"]))
        self.assertEqual(events[1]["time"], posted.json["created_at"])
        self.assertTrue(all(len(e["hash"]) == 64 for e in events))
        self.assertEqual(self.owner.get(dialog.path + "/history?after=1").json["events"], events[1:])

    def test_a_version_that_must_be_is_compared(self):
        dialog = self.open_dialog()
        self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": "a"}, If_Match='"1"').status, 201)
        late = dialog.visitor.post(dialog.visitor_path, {"text": "b"}, If_Match='"1"')
        self.assert_error(late, 409, "VERSION_CONFLICT")
        self.assertEqual(late.details["current_version"], 2)
        self.assertEqual(dialog.texts(), ["a"])

    def test_what_was_written_is_read_at_once(self):
        dialog = self.open_dialog()
        for number in range(20):
            posted = dialog.visitor.post(dialog.visitor_path, {"text": str(number)})
            read = dialog.visitor.get(dialog.visitor_path, X_Read_After=posted.headers["x-event-position"])
            self.assertNotIn("x-projection", read.headers)
            self.assertEqual(read.json["messages"][-1], {name: value for name, value in posted.json.items() if name != "dialog_id"})

    def test_errors_speak_russian_unless_english_is_asked_for(self):
        for language, message, issue in ((None, "Некорректные данные", "обязательное поле"), ("ru", "Некорректные данные", "обязательное поле"),
                                         ("en-GB,en;q=0.9,ru;q=0.5", "The data is not valid", "is required")):
            answer = self.nobody.post("/api/auth/login", {}, Accept_Language=language)
            self.assertEqual(answer.json["error"], {"code": "VALIDATION_ERROR", "message": message, "details": {"field": "email", "issue": issue}})

    def test_the_document_names_every_limit(self):
        contract = Caller.contract
        text = contract.document["components"]["schemas"]["VisitorMessage"]["properties"]["text"]
        self.assertEqual((text["minLength"], text["maxLength"]), (1, 10_000))
        for path, operations in contract.document["paths"].items():
            for method, operation in operations.items():
                names = {contract.resolved(parameter)["name"] for parameter in operation["parameters"]}
                self.assertEqual("Idempotency-Key" in names, method != "get" and not path.endswith("/typing"), path)
                self.assertTrue({name[1:-1] for name in path.split("/") if name.startswith("{")} <= names, path)


if __name__ == "__main__":
    main()
