#!/usr/bin/python3
"""One mailbox, one account, however its address is typed; one password, however it is typed; texts in one form. Needs PARLEY_TEST_BASE; for accounts of
earlier builds PARLEY_TEST_KAFKA, PARLEY_BIN and PARLEY_BUILD too."""

import os
import pathlib
import secrets
import subprocess
import time
import unicodedata
import unittest

from accounts_test import BINARY, DEADLINE_S, KAFKA, KEYS, console
from contract import Caller, ContractTest, main

OLD_ACCOUNT = pathlib.Path(os.environ.get("PARLEY_BUILD", "")) / "tests" / "contract" / "old_account"
PASSWORD = "пароль йёй"  # й and ё have two spellings
NFD = unicodedata.normalize("NFD", PASSWORD)
HIDDEN = {"NBSP": "\u00a0", "ZWSP": "\u200b", "BOM": "\ufeff", "LRM": "\u200e", "RLO": "\u202e", "soft hyphen": "\u00ad"}


def wide(text):
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


class Mailboxes(ContractTest):
    def setUp(self):
        self.tag = secrets.token_hex(6)

    def make(self, email, password=PASSWORD):
        return self.nobody.post("/api/auth/register", {"email": email, "password": password})

    def log_in(self, email, password=PASSWORD):
        return self.nobody.post("/api/auth/login", {"email": email, "password": password})

    def spellings(self):
        """Of mailboxes: the key's own spelling first, as it is shown."""
        tag = self.tag
        return [
            [f"test-{tag}@example.com", f"TEST-{tag}@Example.COM", f"  test-{tag}@example.com\n", wide(f"test-{tag}@example.com")],
            [f"иван-{tag}@почта.рф", f"ИВАН-{tag.upper()}@ПОЧТА.РФ", f"Иван-{tag}@xn--80a1acny.xn--p1ai", f"иван-{tag}@XN--80A1ACNY.xn--P1AI"],
            [f"андрей-{tag}@example.com", unicodedata.normalize("NFD", f"андрей-{tag}@example.com"), f"АНДРЕЙ-{tag}@example.com"],
            [f"straße-{tag}@example.com", f"STRASSE-{tag}@example.com"],
            [f"office-{tag}@example.com", f"oﬃce-{tag}@example.com"],
        ]

    def test_every_spelling_of_an_address_is_one_account(self):
        for shown, *others in self.spellings():
            made = self.make(shown)
            self.assertEqual((made.status, made.json["user"]["email"]), (201, shown), made)
            for typed in [shown, *others]:
                with self.subTest(typed=typed):
                    self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")
                    entered = self.log_in(typed)
                    self.assertEqual((entered.status, entered.json["user"]["id"]), (200, made.json["user"]["id"]), entered)

    def test_an_address_that_was_registered_in_capitals_is_the_same_one(self):
        made = self.make(f"ИВАН-{self.tag}@ПОЧТА.РФ")
        self.assertEqual((made.status, made.json["user"]["email"]), (201, f"иван-{self.tag}@почта.рф"), made)
        self.assert_error(self.make(f"иван-{self.tag}@почта.рф"), 409, "EMAIL_TAKEN")
        self.assertEqual(self.log_in(f"иван-{self.tag}@почта.рф").json["user"]["id"], made.json["user"]["id"])

    def test_addresses_that_are_not_equal_are_two_accounts(self):
        tag = self.tag
        for one, other in ((f"ivan-{tag}@example.com", f"ıvan-{tag}@example.com"), (f"a-{tag}@example.com", f"а-{tag}@example.com"),
                           (f"x-{tag}@faß.de", f"x-{tag}@fass.de"), (f"i-{tag}@example.com", f"İ-{tag}@example.com")):
            self.assertEqual((self.make(one).status, self.make(other).status), (201, 201), one)

    def test_what_nobody_sees_in_an_address_is_refused_and_named(self):
        email = f"test-{self.tag}@example.com"
        self.assertEqual(self.make(email).status, 201)
        me = Caller(Authorization="Bearer " + self.log_in(email).json["access_token"])
        for name, hidden in HIDDEN.items():
            for typed in (email + hidden, hidden + email, email.replace("@", hidden + "@")):
                for answer in (self.make(typed), self.log_in(typed), me.post("/api/users/me/email", {"email": typed, "current_password": PASSWORD}),
                               me.post("/api/operators", {"email": typed, "name": "A", "password": PASSWORD})):
                    with self.subTest(name=name):
                        self.assert_error(answer, 422, "VALIDATION_ERROR", "email")
                        self.assertIn(f"U+{ord(hidden):04X}", answer.details["issue"])

    def test_a_password_is_one_in_every_spelling(self):
        self.assertNotEqual(PASSWORD, NFD)
        for registered in (PASSWORD, NFD, PASSWORD.replace(" ", "\u00a0")):
            email = f"test-{secrets.token_hex(6)}@example.com"
            self.assertEqual(self.make(email, registered).status, 201)
            for typed in (PASSWORD, NFD, NFD.replace(" ", "\u2003")):
                self.assertEqual(self.log_in(email, typed).status, 200)
            self.assert_error(self.log_in(email, PASSWORD.upper()), 401, "INVALID_CREDENTIALS")
            self.assert_error(self.log_in(email, PASSWORD + "\u200b"), 401, "INVALID_CREDENTIALS")
        me = Caller(Authorization="Bearer " + self.log_in(email, PASSWORD).json["access_token"])
        changed = me.post("/api/users/change-password", {"current_password": NFD, "new_password": NFD + "1"})
        self.assertEqual(changed.status, 204, changed)
        self.assertEqual(self.log_in(email, PASSWORD + "1").status, 200)

    def test_another_email_and_an_operators_are_of_the_same_rule(self):
        taken, mine = f"иван-{self.tag}@почта.рф", f"test-{self.tag}@example.com"
        self.assertEqual((self.make(taken).status, self.make(mine).status), (201, 201))
        me = Caller(Authorization="Bearer " + self.log_in(mine).json["access_token"])
        same = f"ИВАН-{self.tag}@xn--80a1acny.xn--p1ai"
        self.assert_error(me.post("/api/users/me/email", {"email": same, "current_password": PASSWORD}), 409, "EMAIL_TAKEN")
        self.assert_error(me.post("/api/operators", {"email": same, "name": "A", "password": PASSWORD}), 409, "EMAIL_TAKEN")
        other = f"АННА-{self.tag}@ПОЧТА.РФ"
        changed = me.post("/api/users/me/email", {"email": other, "current_password": NFD})
        self.assertEqual((changed.status, changed.json["email"]), (200, f"анна-{self.tag}@почта.рф"), changed)
        self.assertEqual(self.log_in(f"анна-{self.tag}@xn--80a1acny.xn--p1ai").status, 200)
        self.assert_error(self.make(other), 409, "EMAIL_TAKEN")

    def test_names_and_texts_are_kept_in_nfc_and_overrides_are_text(self):
        name = unicodedata.normalize("NFD", "Андрей")
        me = Caller(Authorization="Bearer " + self.nobody.post("/api/auth/register", {
            "email": f"test-{self.tag}@example.com", "password": PASSWORD, "first_name": name, "last_name": "\u202egnp.exe"}).json["access_token"])
        shown = me.get("/api/users/me").json
        self.assertEqual((shown["first_name"], shown["last_name"]), ("Андрей", "\u202egnp.exe"))
        self.assertEqual(me.put("/api/users/me", {"last_name": name}).json["last_name"], "Андрей")
        assistant = me.post("/api/assistants", {"name": name, "description": name, "system_prompt": name}).json
        self.assertEqual({assistant[one] for one in ("name", "description", "system_prompt")}, {"Андрей"})
        self.assertEqual(me.post("/api/api-keys", {"name": name, "scopes": ["dialogs:read"]}).json["name"], "Андрей")
        self.assertEqual(me.post("/api/operators", {"email": f"op-{self.tag}@example.com", "name": name, "password": PASSWORD}).json["name"], "Андрей")
        dialog = self.open_dialog(first_name=name)
        self.assertEqual(self.owner.get(dialog.path).json["first_name"], "Андрей")
        self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": name}).json["text"], "Андрей")
        said = self.owner.post(dialog.path + "/messages", {"text": name, "operator_name": name}).json
        self.assertEqual((said["text"], said["operator_name"]), ("Андрей", "Андрей"))


@unittest.skipUnless(KAFKA and KEYS.is_file() and OLD_ACCOUNT.is_file() and pathlib.Path(BINARY).is_file(), "needs the program and the system's keys")
class OldAccounts(ContractTest):
    """Accounts that were registered when addresses were lower-cased in ASCII alone, and passwords hashed as they were typed."""

    def setUp(self):
        self.tag = secrets.token_hex(6)

    def old_account(self, email, password=PASSWORD):
        done = subprocess.run([OLD_ACCOUNT, "--kafka-brokers", KAFKA, "--keys-file", str(KEYS), email, password], capture_output=True, text=True,
                              timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done)
        number = int(done.stdout.split("/")[1])
        until = time.monotonic() + DEADLINE_S
        while self.log_in(email, password).status != 200:  # the API knows of it in a moment
            self.assertLess(time.monotonic(), until, email)
            time.sleep(0.02)
        return number

    def log_in(self, email, password=PASSWORD):
        return self.nobody.post("/api/auth/login", {"email": email, "password": password})

    def make(self, email):
        return self.nobody.post("/api/auth/register", {"email": email, "password": PASSWORD})

    def assert_enters(self, email, account, password=PASSWORD):
        entered = self.log_in(email, password)
        self.assertEqual((entered.status, entered.json.get("user", {}).get("id")), (200, account), (email, entered))

    def test_a_password_of_an_earlier_build_opens_as_it_was_typed(self):
        email = f"test-{self.tag}@example.com"
        account = self.old_account(email, NFD)
        self.assert_enters(email, account, NFD)
        self.assert_error(self.log_in(email, PASSWORD), 401, "INVALID_CREDENTIALS")  # its verifier is of the other bytes
        done = console("reset-password", "--email", email, password=PASSWORD)
        self.assertEqual(done.returncode, 0, done)

    def test_an_account_of_an_earlier_build_is_found_by_spellings_that_tell_its_own(self):
        for registered, others in ((f"ИВАН-{self.tag}@ПОЧТА.РФ", (f"ИВАН-{self.tag}@почта.рф", f"ИВАН-{self.tag}@xn--80a1acny.xn--p1ai")),
                                   (unicodedata.normalize("NFD", f"андрей-{self.tag}@example.com"), (f"андрей-{self.tag}@example.com",)),
                                   (f"пётр-{self.tag}@xn--80a1acny.xn--p1ai", (f"пётр-{self.tag}@почта.рф", f"ПЁТР-{self.tag}@ПОЧТА.рф"))):
            account = self.old_account(registered)
            for typed in (registered, *others):
                with self.subTest(registered=registered, typed=typed):
                    self.assert_enters(typed, account)
                    self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")
                    self.assert_error(self.owner.post("/api/operators", {"email": typed, "name": "A", "password": PASSWORD}), 409, "EMAIL_TAKEN")

    def test_two_accounts_of_one_mailbox_keep_their_own_spellings(self):
        small, large = f"иван-{self.tag}@почта.рф", f"ИВАН-{self.tag}@ПОЧТА.РФ"
        first, second = self.old_account(small), self.old_account(large)
        self.assert_enters(small, first)
        self.assert_enters(large, second)
        self.assert_enters(f"Иван-{self.tag}@почта.рф", first)  # the one whose spelling is the mailbox's key
        for typed in (small, large, f"Иван-{self.tag}@почта.рф"):
            self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")

    def mailboxes(self, *flags):
        """What the console says of each account, by its id, and the exit code."""
        done = subprocess.run([BINARY, "admin", "mailboxes", *flags, "--kafka-brokers", KAFKA, "--keys-file", str(KEYS)], capture_output=True, text=True,
                              timeout=DEADLINE_S * 2)
        self.assertIn(done.returncode, (0, 2), done)
        lines = [line.split("  ") for line in done.stdout.splitlines()[:-1]]
        return {int(account.split("/")[1]): (state.strip(), *rest) for state, *parts in lines for account, *rest in [[part for part in parts if part]]}, done.returncode

    def test_what_the_console_lists_is_indexed_by_its_mailbox_and_then_every_spelling_leads_to_it(self):
        registered, name = f"иВАн-{self.tag}@ПОЧТА.РФ", f"иван-{self.tag}@почта.рф"
        mixed = [f"иВаН-{self.tag}@почта.рф", f"ИваН-{self.tag}@ПочтА.xn--p1ai", f"ИВАн-{self.tag}@XN--80A1ACNY.рф", wide(f"-{self.tag}").join(("иван", "@почта.рф"))]
        account = self.old_account(registered)
        entered = self.log_in(registered)
        before = Caller(Authorization="Bearer " + entered.json["access_token"])
        self.assert_error(self.log_in(mixed[0]), 401, "INVALID_CREDENTIALS")  # nobody can know that
        said, code = self.mailboxes()
        self.assertEqual((said[account], code), (("to index", registered, f"is {name}"), 2))
        said, _ = self.mailboxes("--write")
        self.assertNotIn(account, said)
        for typed in (name, registered, *mixed):
            with self.subTest(typed=typed):
                self.assert_soon(lambda: self.assert_enters(typed, account))
                self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")
                self.assert_error(self.owner.post("/api/users/me/email", {"email": typed, "current_password": self.password}), 409, "EMAIL_TAKEN")
        self.assertEqual(before.get("/api/users/me").json["email"], registered, "neither the address nor a session has changed")

    def test_accounts_of_one_mailbox_are_listed_and_never_merged(self):
        spellings = [f"Иван-{self.tag}@почта.рф", f"ИВАН-{self.tag}@почта.рф", f"иван-{self.tag}@ПОЧТА.РФ"]
        first, *others = [self.old_account(email) for email in spellings]
        said, code = self.mailboxes()
        self.assertEqual(code, 2)
        self.assertEqual(said[first][0], "to index", "the oldest gets it")
        for one, email in zip(others, spellings[1:]):
            self.assertEqual(said[one][:2], ("shared", email))
            self.assertIn(f"account/{first} has", said[one][2])
        said, code = self.mailboxes("--write")
        self.assertEqual((code, first in said, [said[one][0] for one in others]), (2, False, ["shared", "shared"]))
        for one, email in zip((first, *others), spellings):
            self.assert_soon(lambda: self.assert_enters(email, one))  # each by its own
        for typed in (f"иВаН-{self.tag}@почта.рф", f"иван-{self.tag}@xn--80a1acny.xn--p1ai"):
            self.assert_enters(typed, first)
            self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")
        for typed in spellings:
            self.assert_error(self.make(typed), 409, "EMAIL_TAKEN")
        # One of them takes another address, and then two are left.
        me = Caller(Authorization="Bearer " + self.log_in(spellings[1]).json["access_token"])
        changed = me.post("/api/users/me/email", {"email": f"other-{self.tag}@example.com", "current_password": PASSWORD})
        self.assertEqual(changed.status, 200, changed)
        said, _ = self.mailboxes("--write")
        self.assertEqual((others[0] in said, said[others[1]][0]), (False, "shared"))

    def assert_soon(self, check):
        until = time.monotonic() + DEADLINE_S
        while True:
            try:
                return check()
            except AssertionError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def test_an_address_that_is_refused_today_opens_its_account_still(self):
        email = f"test-{self.tag}@example.com\u200b"
        account = self.old_account(email)
        self.assert_enters(email, account)
        self.assert_error(self.make(email), 422, "VALIDATION_ERROR", "email")
        self.assert_error(self.log_in(f"test-{self.tag}@example.com"), 401, "INVALID_CREDENTIALS")
        self.assertEqual(self.mailboxes()[0][account][0], "no mailbox")


if __name__ == "__main__":
    main()
