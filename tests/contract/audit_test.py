#!/usr/bin/python3
"""The log tells what the API told: `parley audit` and the API's own past. Needs PARLEY_TEST_BASE, PARLEY_TEST_KAFKA and PARLEY_BIN."""

import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

import contract
from contract import Caller, ContractTest

BINARY, KAFKA = os.environ.get("PARLEY_BIN", ""), os.environ.get("PARLEY_TEST_KAFKA", "")
DEADLINE_S = 60
SECRETS = ("password_verifier", "telegram_bot_token")


def audit(*arguments):
    return subprocess.run([BINARY, "audit", *map(str, arguments), "--kafka-brokers", KAFKA], capture_output=True, text=True, timeout=DEADLINE_S)


def lines_of(text):
    return [json.loads(line) for line in text.split("\n")[:-1]]  # splitlines() would split at U+2028 in a text too


def files_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Audit(ContractTest):
    """One dialog, with what the API answered at each of its versions."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.word = "personal-" + secrets.token_hex(8)  # in every text about a person
        cls.dialog = cls.open_dialog(first_name=cls.word)
        cls.posts, cls.seen = [], {}
        cls.look(1)
        for version in range(2, 6):
            by_visitor = version % 2 == 0
            poster, path = (cls.dialog.visitor, cls.dialog.visitor_path) if by_visitor else (cls.owner, cls.dialog.path + "/messages")
            posted = poster.post(path, {"text": f"{cls.word} {version}", **({} if by_visitor else {"operator_name": cls.word})})
            assert posted.status == 201, posted
            cls.posts.append(posted)
            cls.look(version)
        cls.stream = f"dialog/{cls.dialog.id}"
        cls.events = cls.owner.get(cls.dialog.path + "/history").json["events"]
        cls.begun = cls.events[0]["time"]  # the log may be long: others test here too

    @classmethod
    def look(cls, version):
        cls.seen[version] = (cls.owner.get(cls.dialog.path).json, cls.owner.get(cls.dialog.path + "/messages").json)

    def asked(self, *arguments):
        run = audit(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_a_history_says_what_the_api_says_data_too(self):
        lines = lines_of(self.asked("history", self.stream, "--json", "--data", "--personal"))
        names = {"version": "sequence", "type": "type", "event_id": "id", "time": "time", "actor": "actor", "causation_id": "causationid",
                 "correlation_id": "correlationid", "hash": "hash", "position": "position", "data": "data"}
        self.assertEqual([{ours: line[theirs] for ours, theirs in names.items()} for line in lines], self.events)
        self.assertEqual([event["data"].get("text") for event in self.events[1:]], [post.json["text"] for post in self.posts])
        table = self.asked("history", self.stream).splitlines()
        self.assertEqual(len(table), 1 + len(self.events))
        self.assertIn(self.events[4]["causation_id"], table[5])

    def test_a_state_at_each_version_and_time_is_what_the_api_answered_then(self):
        for version, (dialog, messages) in self.seen.items():
            for at in (version, self.events[version - 1]["time"]):
                with self.subTest(at=at):
                    self.assertEqual(self.owner.get(f"{self.dialog.path}?at={at}").json, dialog)
                    self.assertEqual(self.owner.get(f"{self.dialog.path}/messages?at={at}").json, messages)
                    state = json.loads(self.asked("state", self.stream, "--at", at, "--json", "--personal"))
                    self.assertEqual(state["version"], version)
                    self.assertEqual([{name: m[name] for name in m if name != "version"} for m in state["messages"]], messages["messages"])
                    row = state["dialog"]
                    for name in ("id", "assistant_id", "platform", "status", "handoff_status", "first_name", "created_at"):
                        self.assertEqual(row[name], dialog[name])
                    self.assertEqual(row["message_count"], version - 1)
        self.assertEqual(json.loads(self.asked("state", self.stream, "--json"))["version"], 5)
        account = self.owner.get("/api/users/me").json
        row = json.loads(self.asked("state", f"account/{account['id']}", "--json", "--personal"))["account"]
        self.assertEqual((row["email"], row["balance_kopecks"]), (self.email, 100 * account["balance"]))

    def test_the_past_is_its_owners_and_a_moment_is_checked(self):
        for path in (self.dialog.path, self.dialog.path + "/messages"):
            self.assert_error(self.register().get(path + "?at=1"), 404, "DIALOG_NOT_FOUND")
            for before in ("0", "2020-01-01", "2020-01-01T00:00:00Z"):
                self.assert_error(self.owner.get(f"{path}?at={before}"), 404, "DIALOG_NOT_FOUND")
            for malformed in ("yesterday", "-1", "2026-13-01", "6"):  # 6: it has come to 5
                self.assert_error(self.owner.get(f"{path}?at={malformed}"), 422, "VALIDATION_ERROR", "at")
        page = self.owner.get(self.dialog.path + "/messages?at=4&after=1&limit=2").json
        self.assertEqual(([m["text"] for m in page["messages"]], page["has_more"], page["version"]), ([f"{self.word} 2", f"{self.word} 3"], True, 3))

    def test_an_explanation_has_the_request_and_all_events_of_a_post(self):
        request = "audit-" + secrets.token_hex(8)
        registered = Caller().post("/api/auth/register", {"email": contract.new_email(), "password": "correct horse"}, X_Request_Id=request)
        account = f"account/{registered.json['user']['id']}"
        events = lines_of(self.asked("history", account, "--json"))
        self.assertGreater(len(events), 1)
        tree = json.loads(self.asked("explain", events[-1]["id"], "--json"))
        self.assertEqual((tree["kind"], tree["id"], tree["actor"]), ("request", request, "anonymous"))
        [command] = tree["children"]
        self.assertEqual((command["kind"], command["type"], command["id"]), ("command", "parley.account.register.v1", events[0]["causationid"]))
        self.assertEqual([(e["kind"], e["id"], e["stream"], e["version"]) for e in command["children"]],
                         [("event", e["id"], account, e["sequence"]) for e in events])
        self.assertEqual(json.loads(self.asked("explain", events[0]["id"], "--json", "--whole-log")), tree)
        for name in (request, command["id"], f"{account}@2"):
            self.assertEqual(json.loads(self.asked("explain", name, "--json")), tree, name)
        drawn = self.asked("explain", events[0]["id"])
        for found in (request, command["id"], *(e["id"] for e in events)):
            self.assertIn(found, drawn)

    def test_an_explanation_goes_from_slot_to_slot_with_the_process(self):
        request, caller = "audit-" + secrets.token_hex(8), self.register()
        changed = caller.post("/api/users/me/email", {"email": contract.new_email(), "current_password": "correct horse"}, X_Request_Id=request)
        self.assertEqual(changed.status, 200, changed)
        last = lines_of(self.asked("history", f"account/{changed.json['id']}", "--json"))[-1]
        node, chain = json.loads(self.asked("explain", last["id"], "--json")), []
        self.assertEqual(node["id"], request)
        while node["children"] and node["id"] != last["id"]:
            [node] = node["children"]
            chain.append(node["type"].removeprefix("parley.").removesuffix(".v1"))
        self.assertEqual(chain, ["account.change_email", "account.email_change_requested", "claim.reserve", "claim.reserved",
                                 "account.finish_email_change", "account.email_changed"])

    def test_a_replay_says_who_said_what_when(self):
        told = self.asked("replay", self.stream, "--speed", 0, "--personal").splitlines()
        self.assertEqual([line.split()[0] for line in told], [event["time"] for event in self.events])
        self.assertIn(f"visitor: {self.word} 2", told[1])
        self.assertIn(f"operator {self.word}: {self.word} 3", told[2])

    def test_personal_text_is_nowhere_unless_it_is_asked_for(self):
        for command in (("history", self.stream, "--data"), ("history", self.stream, "--data", "--json"), ("state", self.stream),
                        ("state", self.stream, "--json"), ("replay", self.stream, "--speed", 0), ("export", "--from", self.begun), ("explain", self.events[0]["event_id"])):
            self.assertNotIn(self.word, self.asked(*command), command)
        exported = self.asked("export", "--personal", "--from", self.begun)
        self.assertEqual(exported.count(self.word), 1 + len(self.posts) + 2)  # its first name, the texts, the operator's name twice
        for line in lines_of(exported):
            for secret in SECRETS:
                self.assertIsNone(line.get("data", {}).get(secret))

    def test_two_exports_of_one_period_are_the_same_lines_in_order(self):
        start, end = self.begun, self.events[3]["time"]
        first, again = (self.asked("export", "--from", start, "--to", end) for _ in range(2))
        self.assertEqual(first, again)
        lines = lines_of(first)
        mine = [line for line in lines if line["subject"] == self.stream]
        self.assertEqual([line["id"] for line in mine], [event["event_id"] for event in self.events if start <= event["time"] < end])
        self.assertTrue(all(start <= line["time"] < end for line in lines))
        places = [(line["position"]["partition"], line["position"]["offset"]) for line in lines]
        self.assertEqual(places, sorted(places))
        opened = lines_of(self.asked("export", "--from", start, "--type", "parley.dialog.opened.v1"))
        self.assertEqual({line["type"] for line in opened}, {"parley.dialog.opened.v1"})
        self.assertIn(self.stream, [line["subject"] for line in opened])

    def test_an_export_that_is_killed_and_torn_goes_on_without_loss_or_repetition(self):
        with tempfile.TemporaryDirectory(prefix="parley-audit-") as folder:
            whole, torn = pathlib.Path(folder, "whole"), pathlib.Path(folder, "torn")
            end = lines_of(self.asked("history", self.stream, "--json"))[-1]["time"]  # others go on writing meanwhile
            period = ("--from", self.begun, "--to", end)
            self.asked("export", "--out", whole, *period)
            running = subprocess.Popen([BINARY, "audit", "export", "--out", torn, *period, "--kafka-brokers", KAFKA])
            deadline = time.monotonic() + DEADLINE_S
            while not list(torn.glob("events-*")) and time.monotonic() < deadline:
                if running.poll() is not None:
                    break
            running.send_signal(signal.SIGKILL)
            running.wait(DEADLINE_S)
            self.asked("export", "--out", torn, *period)
            self.assertEqual(files_of(torn), files_of(whole))
            # What a death in the middle of a write leaves: each file up to any byte of it.
            for name, content in files_of(whole).items():
                if name.startswith("events-"):
                    (torn / name).write_bytes(content[:len(content) * 2 // 3])
            self.asked("export", "--out", torn, *period)
            self.assertEqual(files_of(torn), files_of(whole))
            self.assertTrue(any(len(content) > 100 for content in files_of(whole).values()))
            other = audit("export", "--out", torn, "--personal")
            self.assertEqual(other.returncode, 1)
            self.assertIn("holds another export", other.stderr)

    def test_what_is_wrong_is_said_in_a_sentence(self):
        for command, sentence in ((("history", "cat/1"), "no kind of stream named cat"), (("history", "dialog"), "is no stream"),
                                  (("history", "dialog/1048575"), "no such stream"), (("state", self.stream, "--at", "6"), "has no version 6"),
                                  (("state", self.stream, "--at", "2020-01-01"), "had not begun"), (("state", self.stream, "--at", "2099-01-01"), "is in the future"), (("explain", "x"), "no event, command or request x"),
                                  (("explain", "01a1ffd4-6c15-721e-8160-000000000000"), "no event, command or request 01a1ffd4"),
                                  (("explain", self.stream + "@99"), "no event, command or request " + self.stream + "@99"),
                                  (("history", self.stream, "--topic-prefix", "none"), "no topic none.events")):
            run = audit(*command)
            self.assertEqual((run.returncode, run.stdout), (1, ""), command)
            last = run.stderr.splitlines()[-1]  # on a slow machine it says before how far it is
            self.assertTrue(last.startswith("parley audit: ") and sentence in last, (command, run.stderr))


if __name__ == "__main__":
    if not BINARY or not KAFKA:
        print("PARLEY_BIN or PARLEY_TEST_KAFKA is not set: skipped")
        sys.exit(contract.SKIPPED)
    contract.main()
