#!/usr/bin/python3
"""An error looks the same whoever found it: an endpoint, the API's HTTP kernel, the edge. Needs PARLEY_TEST_BASE, and PARLEY_TEST_API for what is compared."""

import json
import os
import pathlib
import random
import re
import unittest

from contract import BASE, Caller, ContractTest, main

API = os.environ.get("PARLEY_TEST_API", "")
LANGUAGES = json.loads((pathlib.Path(__file__).parent / "accept_language.json").read_text())
SEED = 7
RANDOM_CHOICES = 300
ORIGIN = "https://shop.example"
OF_THE_CONNECTION = {"date", "server", "connection", "x-request-id", "transfer-encoding", "keep-alive"}
LARGE = {"the API": b" " * (3 << 19), "the edge": b" " * (3 << 20)}  # above its own limit, and above the edge's


def random_choice(rng):
    """An Accept-Language that is mostly legal, often near a tie."""
    def element():
        language = rng.choice(["ru", "en", "*", "en-GB", "ru-RU", "fr"])
        weight = rng.choice(["", ";q=0", ";q=1", ";q=1.0", ";q=0.5", ";q=0.50", ";q=0.501", ";q=0.49", ";q=0.1", ";q=0.09", ";Q=0.9", "\t;\tq=0.5", ";q=x", ";q=0." + str(rng.randrange(1000))])
        return language + weight
    return rng.choice([",", ", ", " ,\t"]).join(element() for _ in range(rng.randint(1, 5)))


class ErrorForm(ContractTest):
    def comparable(self, answer):
        self.assertTrue(answer.headers["x-request-id"])
        error = answer.json["error"]
        # The API names the limit of the endpoint; the edge has one limit for all of them.
        details = {} if error["code"] == "PAYLOAD_TOO_LARGE" else error["details"]
        headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_CONNECTION and name != "content-length"}
        return answer.status, error["code"], error["message"], details, headers

    @unittest.skipUnless(API, "PARLEY_TEST_API is not set")
    def test_what_the_edge_refuses_is_answered_as_the_api_would(self):
        for language in ("ru", "en", "ru;q=0, en"):
            for path in ("/api/site/dialogs", "/api/users/me", "/api/nowhere"):
                for origin in (ORIGIN, None):
                    with self.subTest(language=language, path=path, origin=origin):
                        answers = [Caller(base).call("POST", path, LARGE[who], Accept_Language=language, Origin=origin) for base, who in ((API, "the API"), (BASE, "the edge"))]
                        self.assertEqual(*map(self.comparable, answers))
                        self.assertEqual(answers[1].headers.get("access-control-allow-origin"), origin if path.startswith("/api/site") else None)

    def test_both_choose_the_language_by_the_same_rule(self):
        rng = random.Random(SEED)
        choices = [*LANGUAGES, *((random_choice(rng), None) for _ in range(RANDOM_CHOICES))]
        of_edge, of_api = Caller(BASE), Caller(API or BASE)
        for asked, language in choices:
            with self.subTest(asked=asked):
                answers = [of_edge.call("GET", "/page/none", Accept_Language=asked), of_api.call("GET", "/api/none", Accept_Language=asked),
                           of_api.call("GET", "/api/users/me", Accept_Language=asked)]
                self.assertEqual({answer.headers["content-language"] for answer in answers}, {language or answers[0].headers["content-language"]})
                for answer in answers:
                    self.assertEqual(re.search("[а-я]", answer.json["error"]["message"]) is None, answer.headers["content-language"] == "en")

    def test_what_pages_of_other_origins_may_ask_they_may_read_when_it_is_refused(self):
        dialog = self.open_dialog()
        for base in filter(None, (BASE, API)):
            asked = Caller(base, X_Site_Token=self.site_token, X_Guest_Id=dialog.opened["guest_id"], Origin=ORIGIN)
            for answer, status in ((asked.call("DELETE", "/api/site/dialogs"), 405), (asked.call("GET", "/api/site/dialogs/"), 405), (asked.post(dialog.path + "/events"), 405),
                                   (asked.get(dialog.visitor_path + "?limit=1&limit=2"), 400), (asked.post(dialog.visitor_path, LARGE["the API"]), 413),
                                   (asked.post(dialog.visitor_path, LARGE["the edge"]), 413), (asked.post(dialog.visitor_path, {"text": 7}), 422),
                                   (asked.post(dialog.visitor_path, {"text": "a"}, X_Site_Token="wrong"), 401)):
                with self.subTest(base=base, answer=answer):
                    self.assertEqual((answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")), (status, ORIGIN, "Origin"))
                    if status == 405:
                        self.assertTrue(answer.headers["allow"])
                        self.assertIn("Allow", answer.headers["access-control-expose-headers"])
            for answer in (asked.call("DELETE", "/api/users/me"), asked.get("/api/nowhere"), asked.get("/api/users/me?a=1&a=2"), asked.call("OPTIONS", "/api/users/me"),
                           asked.call("OPTIONS", "/api/nowhere")):
                with self.subTest(base=base, answer=answer):
                    self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_a_request_keeps_its_id_wherever_it_is_refused(self):
        mine = "a.b_c-" + "x" * 122
        for method, path, body in (("GET", "/api/nowhere", None), ("GET", "/page/none", None), ("POST", "/api/site/dialogs", LARGE["the edge"]), ("GET", "/api/users/me", None)):
            self.assertEqual(Caller(BASE).call(method, path, body, X_Request_Id=mine).headers["x-request-id"], mine)

    def test_an_issue_is_in_the_language_of_its_message(self):
        for body in (b"", b"{", b"[1 2]", b'{"text":"a" "b"}', b'{"text":1e999}', b'{"text":1.}', b'"\xff"', b'{"text":"a\tb"}', b'{"text":7}', b'{"a":[10e308]}'):
            with self.subTest(body=body):
                issue = Caller(X_Site_Token=self.site_token).post(self.open_dialog().visitor_path, body, Accept_Language="ru").json["error"]["details"].get("issue", "я")
                self.assertRegex(issue, "[а-я]")


if __name__ == "__main__":
    main()
