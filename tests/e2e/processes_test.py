#!/usr/bin/python3
"""What spans slots. An account changes its e-mail, and a Telegram bot belongs to one assistant: of many who want the same one, one gets it, whatever is killed
meanwhile; the one that is left is anybody's. On a system of its own."""

import concurrent.futures
import os
import pathlib
import secrets
import sys
import unittest

from one_api import OneApi
from parley_system import System, settings_for_test
from supervisor import wait_for

SKIPPED = 77
PORT = int(os.environ.get("PARLEY_TEST_PROCESSES_PORT") or 15600)
PATIENCE_S = 60.0
PASSWORD = "correct horse"
PEOPLE, ADDRESSES, BOTS = 6, 3, 3


class Api(OneApi):
    def insist(self, method, path, body, token=None):
        """Asks under one key until there is an answer that stays."""
        key, answers = secrets.token_hex(8), []

        def answered():
            try:
                answers.append(self.call(method, path, body, token, key))
            except OSError:
                return False
            return answers[-1][0] < 500 and answers[-1][0] != 429
        if not wait_for(answered, PATIENCE_S):
            raise AssertionError(f"no answer to {path}, the last is {answers[-1:]}")
        return answers[-1]

    def register(self, email):
        return self.insist("POST", "/api/auth/register", {"email": email, "password": PASSWORD})

    def login(self, email, password=PASSWORD):
        return self.insist("POST", "/api/auth/login", {"email": email, "password": password})

    def change(self, token, email, password=PASSWORD):
        return self.insist("POST", "/api/users/me/email", {"email": email, "current_password": password}, token)

    def me(self, token):
        return self.call("GET", "/api/users/me", None, token)


def address():
    return f"{secrets.token_hex(8)}@example.com"


def bot_token(bot):
    """Another one each time, of the same bot."""
    return f"{bot}:{secrets.token_hex(17)}x"


def new_bot():
    return 1_000_000_000 + secrets.randbelow(1_000_000_000)


def setUpModule():
    system = unittest.enterModuleContext(System(settings_for_test("processes", PORT, apis=2)))
    system.start(fresh=True)
    OnASystem.system = system
    OnASystem.one, OnASystem.other = (Api(system.settings.api_port(number), PATIENCE_S) for number in (1, 2))


class OnASystem(unittest.TestCase):
    def registered(self, api, email):
        status, answer = api.register(email)
        self.assertEqual(status, 201, answer)
        return answer["access_token"]


class Emails(OnASystem):
    def test_a_change_is_answered_when_it_is_so_everywhere_and_the_left_email_is_anybodys(self):
        old, new, next_one = address(), address(), address()
        token = self.registered(self.one, old)
        elsewhere = self.other.login(old)[1]["access_token"]
        status, answer = self.one.change(token, new)
        self.assertEqual((status, answer.get("email")), (200, new), answer)
        self.assertEqual(self.one.me(token)[1]["email"], new)
        self.assertEqual(self.one.me(elsewhere)[0], 401, "the other sessions are over")
        self.assertEqual(self.one.login(new)[0], 200)
        self.assertEqual(self.other.login(new)[0], 200)
        self.assertEqual(self.one.login(old)[0], 401)
        self.assertEqual(self.other.register(new)[1]["error"]["code"], "EMAIL_TAKEN")
        self.registered(self.other, old)
        self.assertEqual(self.one.change(token, old)[1]["error"]["code"], "EMAIL_TAKEN")
        self.assertEqual(self.one.me(token)[1]["email"], new)
        self.assertEqual(self.one.change(token, new)[0], 200, "to one's own")

        self.assertEqual(self.other.change(token, next_one)[0], 200)
        self.assertTrue(wait_for(lambda: self.one.register(new)[0] == 201, PATIENCE_S), "what was claimed once is released")
        self.assertEqual(self.one.login(next_one)[0], 200)

    def test_the_same_key_gets_the_same_answer(self):
        token, new, key = self.registered(self.one, address()), address(), secrets.token_hex(8)
        body = {"email": new, "current_password": PASSWORD}
        first = self.one.call("POST", "/api/users/me/email", body, token, key)
        self.assertEqual(first[0], 200, first)
        self.assertEqual(self.other.call("POST", "/api/users/me/email", body, token, key), first)
        self.assertEqual(self.other.call("POST", "/api/users/me/email", {**body, "email": address()}, token, key)[0], 422)

    def test_a_token_alone_changes_nothing(self):
        email = address()
        token = self.registered(self.one, email)
        status, answer = self.one.change(token, address(), "wrong horse")
        self.assertEqual((status, answer["error"]["details"]["field"]), (422, "current_password"), answer)
        self.assertEqual(self.one.me(token)[1]["email"], email)

    def test_of_many_who_want_one_email_one_gets_it_while_reactors_and_deciders_die(self):
        tokens = [[self.registered(self.one, address()) for _ in range(PEOPLE)] for _ in range(ADDRESSES)]
        wanted = [address() for _ in range(ADDRESSES)]
        with concurrent.futures.ThreadPoolExecutor(ADDRESSES * (PEOPLE + 1)) as pool:
            asked = [[pool.submit((self.one, self.other)[n % 2].change, token, email) for n, token in enumerate(people)]
                     + [pool.submit(self.other.register, email)] for email, people in zip(wanted, tokens)]
            for name in ("reactor-1", "decider-1", "reactor-1"):
                self.system.kill(name)
            answers = [[one.result() for one in those] for those in asked]
        for email, those in zip(wanted, answers):
            self.assertEqual(sorted(status for status, _ in those)[1:], [409] * PEOPLE, those)
            self.assertEqual({answer["error"]["code"] for status, answer in those if status == 409}, {"EMAIL_TAKEN"})
            self.assertEqual(self.one.login(email)[0], 200)
        self.system.wait_ready()


class Bots(OnASystem):
    def setUp(self):
        self.mine, self.others = (self.registered(self.one, address()) for _ in range(2))

    def create(self, token, bot, api=None, **others):
        return (api or self.one).insist("POST", "/api/assistants", {"name": "A", "telegram_bot_token": bot_token(bot), **others}, token)

    def change(self, token, assistant, api=None, **body):
        return (api or self.one).insist("PUT", f"/api/assistants/{assistant}", body, token)

    def created(self, token, bot, **others):
        status, answer = self.create(token, bot, **others)
        self.assertEqual(status, 201, answer)
        return answer

    def listed(self, token):
        return [{**one, "telegram_bot_token": (one["telegram_bot_token"] or "").split(":")[0]} for one in self.one.call("GET", "/api/assistants", None, token)[1]]

    def assert_taken(self, answer):
        self.assertEqual((answer[0], answer[1]["error"]["code"]), (409, "BOT_ALREADY_EXISTS"), answer)

    def assert_free(self, bot):
        """As soon as it is released: somebody creates an assistant with it, and deletes that."""
        answers = []

        def is_created():
            answers.append(self.create(self.others, bot, self.other))
            return answers[-1][0] == 201
        self.assertTrue(wait_for(is_created, PATIENCE_S), answers[-1:])
        self.assertEqual(self.other.insist("DELETE", f"/api/assistants/{answers[-1][1]['id']}", None, self.others)[0], 204)

    def test_a_bot_is_one_assistant_s_whoever_owns_the_other_and_what_is_refused_changes_nothing(self):
        bot, another = new_bot(), new_bot()
        first, second = self.created(self.mine, bot), self.created(self.others, another, name="B")
        before = self.listed(self.mine), self.listed(self.others)
        self.assertEqual([one["telegram_bot_token"] for one in before[0]], [str(bot)])
        for token in (self.mine, self.others):
            self.assert_taken(self.create(token, bot, self.other))
        self.assert_taken(self.change(self.others, second["id"], self.other, name="C", description="d", telegram_bot_token=bot_token(bot)))
        self.assert_taken(self.change(self.mine, first["id"], name="C", telegram_bot_token=bot_token(another)))
        self.assertEqual((self.listed(self.mine), self.listed(self.others)), before)

    def test_another_token_of_ones_own_bot_is_no_conflict(self):
        bot = new_bot()
        assistant = self.created(self.mine, bot)["id"]
        status, answer = self.change(self.mine, assistant, telegram_bot_token=f"{bot}:{'a' * 31}wxyz", name="B")
        self.assertEqual((status, answer["telegram_bot_token"], answer["name"]), (200, f"{bot}:…wxyz", "B"))
        self.assert_taken(self.create(self.others, bot))

    def test_a_bot_that_is_taken_away_replaced_or_deleted_with_its_assistant_is_free(self):
        bot, another = new_bot(), new_bot()
        assistant = self.created(self.mine, bot)["id"]
        status, answer = self.change(self.mine, assistant, name="B", telegram_bot_token=bot_token(another))
        self.assertEqual((status, answer["name"], answer["telegram_bot_token"].split(":")[0]), (200, "B", str(another)))
        self.assert_free(bot)
        self.assertEqual(self.change(self.mine, assistant, telegram_bot_token=None)[0], 200)
        self.assert_free(another)
        self.assertEqual(self.change(self.mine, assistant, telegram_bot_token=bot_token(bot))[0], 200)
        self.assertEqual(self.one.insist("DELETE", f"/api/assistants/{assistant}", None, self.mine)[0], 204)
        self.assert_free(bot)

    def test_the_same_key_gets_the_same_answer_and_one_assistant(self):
        key, body = secrets.token_hex(8), {"name": "A", "telegram_bot_token": bot_token(new_bot())}
        first = self.one.call("POST", "/api/assistants", body, self.mine, key)
        self.assertEqual(first[0], 201, first)
        self.assertEqual(self.other.call("POST", "/api/assistants", body, self.mine, key), first)
        taken = secrets.token_hex(8)
        refused = [api.call("POST", "/api/assistants", body, self.mine, taken) for api in (self.one, self.other)]
        self.assert_taken(refused[0])
        self.assertEqual(refused[1], refused[0])
        self.assertEqual(len(self.listed(self.mine)), 1)

    def test_of_many_who_want_one_bot_one_gets_it_while_reactors_and_deciders_die(self):
        bots = [new_bot() for _ in range(BOTS)]
        assistants = [self.one.insist("POST", "/api/assistants", {"name": f"{number}"}, self.others)[1]["id"] for number in range(BOTS)]
        with concurrent.futures.ThreadPoolExecutor(BOTS * (PEOPLE + 1)) as pool:
            asked = [[pool.submit(self.create, self.mine, bot, (self.one, self.other)[n % 2], name=f"{bot}") for n in range(PEOPLE)]
                     + [pool.submit(self.change, self.others, assistant, self.other, name=f"{bot}", telegram_bot_token=bot_token(bot))]
                     for bot, assistant in zip(bots, assistants)]
            for name in ("decider-1", "reactor-1", "decider-1"):
                self.system.kill(name)
            answers = [[one.result() for one in those] for those in asked]
        self.system.wait_ready()
        for those in answers:
            self.assertEqual(sum(status < 300 for status, _ in those), 1, those)
            for answer in those:
                if answer[0] >= 300:
                    self.assert_taken(answer)
        created = sum(status == 201 for those in answers for status, _ in those)
        wait_for(lambda: len(self.listed(self.mine)) == created, PATIENCE_S)  # an answer does not wait for ever until it can be read
        mine, others = self.listed(self.mine), self.listed(self.others)
        self.assertEqual((len(mine), len(others)), (created, BOTS))
        self.assertEqual(sorted(one["telegram_bot_token"] for one in mine + others if one["telegram_bot_token"]), sorted(map(str, bots)))
        self.assertEqual([one["name"] for one in mine + others if one["telegram_bot_token"] not in ("", one["name"])], [])


if __name__ == "__main__":
    if not pathlib.Path(os.environ.get("PARLEY_BIN", "")).is_file():
        print("no parley executable: skipped")
        sys.exit(SKIPPED)
    unittest.main()
