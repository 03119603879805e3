#!/usr/bin/python3
"""Rate limits, by an API process of this test's own beside those of the running system, because theirs are set for tests. Whoever asks it from another
address of loopback is somebody else. Needs PARLEY_TEST_BASE, PARLEY_TEST_DATA and PARLEY_BIN."""

import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

from contract import BASE, SKIPPED, Answer, Caller, ContractTest, main, new_email, new_key
from supervisor import wait_for

PARLEY = os.environ.get("PARLEY_BIN")
DATA = pathlib.Path(os.environ.get("PARLEY_TEST_DATA", "/nowhere")) / "system"
PORTS_ABOVE_EDGE = 95  # of the test's own API
READY_SECONDS = 60
PROXY = "127.0.0.99"
RATES = {"visitor": 3, "address": 7, "open-dialog": 4, "login-email": 3}  # small, because their own numbers are much to send; the documented ones are as they are
ASSISTANTS, AT_ONCE = 5, 50
LOGIN, LOGIN_PERIOD_S, GENERAL, GENERAL_PERIOD_S = 5, 300, 100, 60

addresses = (f"127.9.{number // 250}.{1 + number % 250}" for number in itertools.count())


class From(Caller):
    """Asks from an address of its own."""

    def __init__(self, base, address, **headers):
        super().__init__(base, **headers)
        self.from_address = address

    def call(self, method, path, body=None, **headers):
        sent = {"Accept-Language": "en", **self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection(*self.address, timeout=30, source_address=(self.from_address, 0))
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            stream = response.getheader("Content-Type") == "text/event-stream"
            answer = Answer(response.status, response.getheaders(), b"" if stream else response.read())
        finally:
            connection.close()
        self.contract.check(method, path, answer)
        return answer


def standing(answer):
    return int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])


class Limits(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        edge = urlsplit(BASE).port
        cls.base, health = f"http://127.0.0.1:{edge + PORTS_ABOVE_EDGE}", edge + PORTS_ABOVE_EDGE + 1
        environment = json.loads((DATA / "run.json").read_text())["environment"]
        log = cls.enterClassContext(open(DATA / "log" / "api-limits.log", "ab"))
        api = subprocess.Popen([PARLEY, "api", "--instance", "api-limits", "--http-port", str(edge + PORTS_ABOVE_EDGE), "--health-port", str(health),
                                "--assistants-max", str(ASSISTANTS), "--trusted-proxy", f"{PROXY},10.0.0.0/8", *itertools.chain(*(("--rate-limit", f"{name}={rate}/60") for name, rate in RATES.items()))],
                               env={**os.environ, **environment}, stderr=log, stdin=subprocess.DEVNULL)
        cls.addClassCleanup(api.wait)
        cls.addClassCleanup(api.terminate)
        cls.health = f"http://127.0.0.1:{health}"

        def ready():
            assert api.poll() is None, "the API has ended: see api-limits.log"
            try:
                return urllib.request.urlopen(cls.health + "/readyz", timeout=2).status == 200
            except OSError:
                return False

        assert wait_for(ready, READY_SECONDS)

    def somebody(self, **headers):
        """From an address that nobody had before."""
        return From(self.base, next(addresses), **headers)

    def log_in(self, caller, email=None):
        """With a wrong password: an answer takes up to a second."""
        return caller.post("/api/auth/login", {"email": email or new_email(), "password": "not the password"})

    def ask(self, caller, **headers):
        """The same limit, at once: nothing is there to log in with."""
        return caller.post("/api/auth/login", {}, **headers)

    def assert_refused(self, answer, limit, period_s):
        self.assert_error(answer, 429, "RATE_LIMIT_EXCEEDED")
        self.assertEqual(standing(answer), (limit, 0))
        retry_after, reset = int(answer.headers["retry-after"]), int(answer.headers["x-ratelimit-reset"])
        self.assertTrue(0 < retry_after <= period_s, answer.headers)
        self.assertAlmostEqual(reset, time.time() + retry_after, delta=5)

    # Who is counted, and how.

    def test_the_sixth_login_from_an_address_is_refused_and_says_when_to_come_again(self):
        caller = self.somebody()
        for left in reversed(range(LOGIN)):
            answer = self.log_in(caller)
            self.assert_error(answer, 401, "INVALID_CREDENTIALS")
            self.assertEqual(standing(answer), (LOGIN, left))
            self.assertLessEqual(abs(int(answer.headers["x-ratelimit-reset"]) - time.time() - LOGIN_PERIOD_S), LOGIN_PERIOD_S / 10)
        self.assert_refused(self.log_in(caller), LOGIN, LOGIN_PERIOD_S)
        self.assert_refused(caller.post("/api/auth/login", {"email": self.email, "password": self.password}), LOGIN, LOGIN_PERIOD_S)
        self.assertEqual(self.somebody().post("/api/auth/login", {"email": self.email, "password": self.password}).status, 200)

    def test_an_api_key_is_counted_by_itself_wherever_it_asks_from(self):
        owner = self.register()
        keys = [owner.post("/api/api-keys", {"name": "CRM", "scopes": ["dialogs:read"]}).json["key"] for _ in range(2)]
        one, again, other = (self.somebody(Authorization=f"Bearer {key}") for key in (keys[0], keys[0], keys[1]))
        self.assertEqual(standing(one.get("/api/dialogs")), (GENERAL, GENERAL - 1))
        self.assertEqual(standing(again.get("/api/dialogs")), (GENERAL, GENERAL - 2))
        self.assertEqual(standing(other.get("/api/dialogs")), (GENERAL, GENERAL - 1))
        self.assertEqual(standing(self.somebody(**owner.headers).get("/api/dialogs")), (GENERAL, GENERAL - 1))

    def test_an_account_gets_as_many_assistants_as_it_may_however_many_are_asked_for_at_once(self):
        owner = self.register()
        keys = [new_key() for _ in range(AT_ONCE)]

        def create(key):
            return self.somebody(**owner.headers).post("/api/assistants", {"name": "A"}, Idempotency_Key=key)

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(create, keys))
        created = {key: answer.json for key, answer in zip(keys, answers) if answer.status == 201}
        self.assertEqual(len(created), ASSISTANTS)
        for answer in answers:
            if answer.status != 201:
                self.assert_error(answer, 409, "ASSISTANT_LIMIT_REACHED")
        listed = self.somebody(**owner.headers).get("/api/assistants")
        self.assertEqual(sorted(assistant["id"] for assistant in listed.json), sorted(assistant["id"] for assistant in created.values()))
        key, assistant = next(iter(created.items()))
        again = create(key)
        self.assertEqual((again.status, again.json, again.headers["idempotency-hit"]), (201, assistant, "true"), "it was created before")
        path = f"/api/assistants/{assistant['id']}"
        self.assertEqual(self.somebody(**owner.headers).put(path, {"name": "B"}).status, 200, "those that are there stay usable")
        self.assertEqual(self.somebody(**owner.headers).delete(path).status, 204)
        self.assertEqual(create(new_key()).status, 201)
        self.assert_error(create(new_key()), 409, "ASSISTANT_LIMIT_REACHED")

    def test_what_a_client_says_of_its_address_has_no_effect(self):
        caller = self.somebody()
        for number in range(LOGIN):
            self.ask(caller, X_Forwarded_For=f"198.51.100.{number}", X_Real_IP=f"198.51.100.{number}", Forwarded=f"for=198.51.100.{number}")
        self.assert_refused(self.ask(caller, X_Forwarded_For="198.51.100.77, 10.0.0.1"), LOGIN, LOGIN_PERIOD_S)

    def test_what_a_trusted_proxy_says_is_believed_up_to_the_first_that_is_not_trusted(self):
        proxy, client = From(self.base, PROXY), f"203.0.113.{1 + int(new_key()[:2], 16) % 250}"
        for number in range(LOGIN):
            self.assertEqual(self.ask(proxy, X_Forwarded_For=f"8.8.8.{number}, {client}, 10.0.0.1").status, 422)
        self.assert_refused(self.ask(proxy, X_Forwarded_For=client), LOGIN, LOGIN_PERIOD_S)
        self.assertEqual(standing(self.ask(proxy, X_Forwarded_For="203.0.113.254")), (LOGIN, LOGIN - 1))

    def test_the_edge_says_who_asks_and_the_system_believes_its_edge_alone(self):
        told = [self.ask(Caller(), X_Forwarded_For=f"198.51.100.{number}") for number in range(2)]
        limit, remaining = standing(told[1])
        self.assertLess(remaining, limit - 1, "the second is counted with the first, whatever they said")

    def test_addresses_of_ipv6_are_counted_by_64_bits(self):
        proxy, prefix = From(self.base, PROXY), f"2001:db8:{new_key()[:4]}:{new_key()[:4]}"
        for number in range(LOGIN):
            self.ask(proxy, X_Forwarded_For=f"{prefix}::{number + 1}")
        self.assert_refused(self.ask(proxy, X_Forwarded_For=f"{prefix}:ffff::9"), LOGIN, LOGIN_PERIOD_S)

    def test_one_accounts_password_is_not_tried_from_many_addresses_and_nobody_learns_whether_there_is_one(self):
        refusals, registered = [], new_email()
        self.register(registered)
        for email in (registered, new_email()):
            for _ in range(RATES["login-email"]):
                self.assert_error(self.log_in(self.somebody(), email), 401, "INVALID_CREDENTIALS")
            refusals.append(self.log_in(self.somebody(), email.upper()))
            self.assert_refused(refusals[-1], RATES["login-email"], 60)
        self.assertEqual(refusals[0].body, refusals[1].body)
        self.assertEqual(refusals[0].headers.keys(), refusals[1].headers.keys())

    def test_what_is_left_for_an_email_is_not_told_for_others_may_have_used_it(self):
        email = new_email()
        for _ in range(2):
            self.assertEqual(standing(self.log_in(self.somebody(), email)), (LOGIN, LOGIN - 1))

    def test_accounts_are_counted_one_by_one_wherever_they_ask_from(self):
        address = next(addresses)
        one, another = (From(self.base, address, Authorization=self.register().headers["Authorization"]) for _ in range(2))
        for left in reversed(range(GENERAL)):
            answer = one.get("/api/users/me")
            self.assertEqual((answer.status, standing(answer)), (200, (GENERAL, left)))
        self.assert_refused(one.get("/api/assistants"), GENERAL, GENERAL_PERIOD_S)
        self.assert_refused(self.somebody(**one.headers).get("/api/users/me"), GENERAL, GENERAL_PERIOD_S)
        self.assertEqual(standing(another.get("/api/users/me")), (GENERAL, GENERAL - 1))
        self.assertEqual(standing(From(self.base, address).get("/api/users/me")), (GENERAL, GENERAL - 1), "and nobody is counted by address")

    def test_a_repeated_request_is_a_request(self):
        caller, key = self.somebody(Authorization=self.register().headers["Authorization"]), new_key()
        for left in (GENERAL - 1, GENERAL - 2):
            answer = caller.post("/api/assistants", {"name": "Repeated"}, Idempotency_Key=key)
            self.assertEqual((answer.status, standing(answer)), (201, (GENERAL, left)))
        self.assertEqual(answer.headers["idempotency-hit"], "true")

    def test_visitors_of_one_site_and_one_address_are_counted_one_by_one_and_then_together(self):
        address = next(addresses)
        dialogs = [self.open_dialog() for _ in range(3)]
        visitors = [From(self.base, address, **dialog.visitor.headers) for dialog in dialogs]
        for dialog, visitor in zip(dialogs[:2], visitors):
            for left in reversed(range(RATES["visitor"])):
                answer = visitor.get(dialog.visitor_path)
                self.assertEqual((answer.status, standing(answer)), (200, (RATES["visitor"], left)))
        self.assert_refused(visitors[0].get(dialogs[0].visitor_path), RATES["visitor"], 60)
        self.assertEqual(visitors[2].post(dialogs[2].visitor_path, {"text": "the seventh of this address"}).status, 201)
        self.assert_refused(visitors[2].get(dialogs[2].visitor_path), RATES["address"], 60)
        self.assert_refused(visitors[2].get(f"{dialogs[2].path}/events?site_token={self.site_token}&guest_id={dialogs[2].opened['guest_id']}"), RATES["address"], 60)

    def test_a_site_has_as_many_visitors_as_come_but_one_address_does_not_open_dialogs_without_end(self):
        one, another = (self.somebody(X_Site_Token=self.site_token) for _ in range(2))
        for _ in range(RATES["open-dialog"]):
            self.assertEqual(one.post("/api/site/dialogs", {}).status, 201)
        self.assert_refused(one.post("/api/site/dialogs", {}), RATES["open-dialog"], 60)
        self.assertEqual(another.post("/api/site/dialogs", {}).status, 201)

    # What answers say.

    def test_every_answer_of_an_endpoint_says_how_its_limit_stands(self):
        owner, dialog, nobody = self.somebody(**self.owner.headers), self.open_dialog(), self.somebody()
        for answer, status in ((owner.get("/api/users/me"), 200), (nobody.get("/api/users/me"), 401), (owner.get("/api/dialogs/999"), 404),
                               (owner.get(dialog.path + "/messages?limit=x"), 422), (owner.post("/api/assistants", {"name": ""}), 422),
                               (owner.call("POST", "/api/assistants", [1]), 422), (self.somebody(X_Site_Token="st_wrong").post("/api/site/dialogs", {}), 401),
                               (self.somebody(X_Site_Token=self.site_token, X_Guest_Id="wrong").get(dialog.visitor_path), 404),
                               (owner.get(dialog.path + "/events"), 200), (owner.call("HEAD", "/api/users/me"), 200)):
            with self.subTest(status=status, answer=answer):
                self.assertEqual(answer.status, status)
                limit, remaining = standing(answer)
                self.assertTrue(0 <= remaining < limit)
                self.assertGreater(int(answer.headers["x-ratelimit-reset"]), time.time() - 1)
                self.assertEqual(answer.headers.get("retry-after"), None)

    def test_pages_of_other_origins_may_read_it(self):
        answer = self.somebody(X_Site_Token=self.site_token).post("/api/site/dialogs", {}, Origin="https://shop.example")
        self.assertLessEqual({"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"},
                             {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")})

    def test_refusals_are_counted_by_limit(self):
        caller = self.somebody()
        for _ in range(LOGIN + 1):
            self.ask(caller)
        metrics = urllib.request.urlopen(self.health + "/metrics", timeout=10).read().decode()
        self.assertRegex(metrics, r'(?m)^parley_http_rate_limited_total\{limit="login"\} [1-9]')
        self.assertRegex(metrics, r'(?m)^parley_http_rate_limited_total\{limit="register"\} 0$')


if __name__ == "__main__":
    main() if PARLEY else sys.exit(SKIPPED)
