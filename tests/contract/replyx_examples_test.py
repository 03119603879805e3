#!/usr/bin/python3
"""Every example of the product's document is answered in the documented form (replyx_examples.json). Needs PARLEY_TEST_BASE."""

import json
import pathlib
import re
import secrets
import unittest

from contract import Caller, ContractTest, main, new_email

DOCUMENT = json.loads(pathlib.Path(__file__).with_name("replyx_examples.json").read_text())
DOCUMENTED_EMAIL, DOCUMENTED_OLD_PASSWORD, OLD_PASSWORD = "user@example.com", "old_password", "password123"
DOCUMENTED_BOT = "1234567890:"
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


class Examples(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.email = new_email()  # the documented one can be registered once, and one assistant can have the bot
        cls.bot = f"{1_000_000_000 + secrets.randbelow(1_000_000_000)}:"
        cls.callers = {"nobody": Caller(Accept_Language=None)}
        cls.ids = {}

    def test_every_example_is_answered_in_the_documented_form(self):
        for example in DOCUMENT["examples"]:
            with self.subTest(example=f"{example['method']} {example['path']}, {example['status']}"):
                answer = self.send(example)
                self.assertEqual(answer.status, example["status"], answer)
                if "answer" in example:
                    self.check(answer.json, self.own(example["answer"]), example)
                for query in example.get("queries", ()):
                    filtered = self.send(example, "?" + query)
                    self.assertEqual(filtered.status, example["status"], filtered)
                    self.assertLessEqual(example["answer"].keys(), filtered.json.keys())
                self.keep(example, answer)

    def send(self, example, query=""):
        path = example["path"].format(**self.ids) + query
        return self.callers[example["as"]].call(example["method"], path, self.own(example.get("body")))

    def own(self, documented):
        return json.loads(json.dumps(documented).replace(DOCUMENTED_EMAIL, self.email).replace(DOCUMENTED_OLD_PASSWORD, OLD_PASSWORD)
                          .replace(DOCUMENTED_BOT, self.bot))

    def keep(self, example, answer):
        """What later examples need of this one."""
        if example["path"] == "/api/auth/login" and answer.status == 200:
            self.callers["user"] = Caller(Accept_Language=None, Authorization="Bearer " + answer.json["access_token"])
        if example.get("keep") == "assistant":
            self.callers["site"] = Caller(Accept_Language=None, X_Site_Token=answer.json["site_token"])
        if example.get("keep") == "dialog":
            self.callers["visitor"] = Caller(Accept_Language=None, X_Guest_Id=answer.json["guest_id"], **self.callers["site"].headers)
        if "keep" in example:
            self.ids[example["keep"]] = answer.json["id"]

    def check(self, value, documented, example, path=""):
        """`path`: the field's, without the places in lists."""
        if path in example.get("null", ()):
            self.assertIsNone(value, path)
        elif isinstance(documented, dict):
            self.assertIsInstance(value, dict, path)
            for name, inner in documented.items():
                field = f"{path}.{name}".lstrip(".")
                self.assertIn(name, value, f"{field} is documented")
                self.check(value[name], inner, example, field)
        elif isinstance(documented, list):
            self.assertIsInstance(value, list, path)
            self.assertTrue(value, f"{path} is shown with something in it")
            for number, element in enumerate(value):
                self.check(element, documented[number % len(documented)], example, path)
        elif path in example.get("same", ()):
            self.assertEqual(value, documented, path)
        elif isinstance(documented, bool) or not isinstance(documented, float):
            self.assertIs(type(value), type(documented), f"{path} is {value!r}")
            if isinstance(documented, str) and TIME.match(documented):
                self.assertRegex(value, TIME, path)
        else:
            self.assertIsInstance(value, (int, float), path)
            self.assertNotIsInstance(value, bool, path)


class TheCheckItself(unittest.TestCase):
    """It says what is missing or of another type."""

    def test_it_refuses_what_is_not_documented(self):
        documented = {"id": 1, "name": "a", "list": [{"at": "2025-08-01T10:00:00Z", "flag": True}], "balance": 1.0}
        good = {"id": 7, "name": "b", "list": [{"at": "2026-08-01T10:00:00.123Z", "flag": False}] * 2, "balance": 2, "more": None}
        example = {"same": ["list.flag"]}
        check = Examples().check
        check({**good, "list": [{"at": "2026-08-01T10:00:00.123Z", "flag": True}]}, documented, example)
        for wrong in (good, {}, {**good, "id": "7"}, {**good, "id": True}, {**good, "name": None}, {**good, "list": []}, {**good, "list": [{"flag": True}]},
                      {**good, "list": [{"at": "yesterday", "flag": True}]}, {**good, "balance": "2"}):
            with self.assertRaises(AssertionError, msg=wrong):
                check(wrong, documented, example)


if __name__ == "__main__":
    main()
