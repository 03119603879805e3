#!/usr/bin/python3
"""The check of ops/chaos, shown what is right and, for each promise, what breaks it: it must say so, by that promise's name."""

import copy
import dataclasses
import hashlib
import json
import random
import unittest

from chaos import answers, check, decide, fold
from chaos.plan import plan
from chaos.records import Ask, Attempt, Drain, Records, Watch
from demo.log import Event, chain_hash

PARTITIONS = 16
CREATED, CHANGED = ((201, None),), ((200, None),)
COMMANDS = {"register": "account.register", "log_in": "account.log_in", "create_assistant": "assistant.create", "update_assistant": "assistant.update",
            "rotate_site_token": "assistant.rotate_site_token", "delete_assistant": "assistant.delete", "open_dialog": "dialog.open",
            "visitor_message": "dialog.post_visitor_message", "operator_message": "dialog.post_operator_message",
            "archive": "dialog.archive"}


class Story:
    """A system of a few lines: what it is asked it decides by the rules, and it writes everything down. No faults but those put in afterwards."""

    def __init__(self):
        self.records, self.logs = Records(), {name: [] for name in ("commands", "events", "replies", "directory")}
        self._folds = [decide.Fold() for _ in range(PARTITIONS)]
        self._offsets = dict.fromkeys(range(PARTITIONS), 0)
        self._now = 0.0
        self.register = self.ask("register", "anonymous", "unique/account_email/index", {"email": "e", "email_index": "index", "password_verifier": "v"},
                                 {"email": "e"})
        self.owner = f"account/{self.register.final.answer['user']['id']}"
        self.assistant = self.ask("create_assistant", self.owner, "new", {"name": "A", "ai_model": "m", "site_token": "s", "website_integration": True,
                                                                          "allowed_domains": []}, {"name": "A"})
        self.visitor = f"visitor/{self.assistant.final.answer['id']}"
        opened = self.ask("open_dialog", self.visitor, "new", {"owner_id": int(self.owner[8:]), "platform": "website"}, {})
        self.dialog = f"dialog/{opened.final.answer['id']}"
        self.first = self.say("one")
        self.second = self.say("two")
        self.refused = self.ask("operator_message", "account/5", self.dialog, {"text": "no"}, {"text": "no"}, ((404, "DIALOG_NOT_FOUND"),))
        self.third = self.say("three")
        changed = f"assistant/{self.visitor[8:]}"
        self.updated = self.ask("update_assistant", self.owner, changed, {"change": {"name": "B", "description": None, "is_active": False}},
                                {"name": "B", "description": None, "is_active": False}, CHANGED)
        self.ask("rotate_site_token", self.owner, changed, {"site_token": "t"}, {}, CHANGED)
        self.watch = Watch(int(self.dialog[7:]), "owner", [
            (int(event.sequence), {"id": value["message_id"], "sender": value["sender"], "text": value["text"], "created_at": event.text("ce_time")})
            for event in self.stream(self.dialog) if event.text("ce_type") == check.MESSAGE for value in [json.loads(event.value)]], [])
        self.records.watches.append(self.watch)

    def say(self, text):
        return self.ask("visitor_message", self.visitor, self.dialog, {"text": text}, {"text": text})

    def ask(self, kind, principal, target, value, body, expected=CREATED):
        """Asks, decides and answers, each in its second."""
        number = len(self.records.asks) + 1
        ask = Ask(f"correlation-{number}", kind, f"identity-{number}", body, expected, target if target.startswith("dialog/") else None)
        self.records.asks.append(ask)
        self.send(ask, f"command-{number}", principal, target, value, hit=False)
        return ask

    def send(self, ask, command_id, principal, target, value, hit):
        wire = f"parley.{COMMANDS[ask.kind]}.v1"
        self._now += 1
        stamp = f"2026-11-21T10:00:{self._now:06.3f}Z"
        command = Event(0, 0, encoded({"type": wire, "command_id": command_id, "attempt_id": f"{self._now}", "fingerprint": ask.body_text(),
                                       "principal": principal, "target": target, "not_after": "2026-11-21T11:00:00.000Z",
                                       "correlation_id": ask.correlation}), json.dumps(value).encode())
        slot = decide.slot_of_target(command)
        partition = slot * PARTITIONS // 1024
        command = dataclasses.replace(command, partition=partition, offset=self._take(partition), key=str(slot).encode())
        known = self._folds[partition]
        expected = decide.decide(known, command)
        self.logs["commands"].append(command)
        position = None
        for headers, event_value in expected.events:
            event = Event(partition, self._take(partition), encoded({**headers, "ce_id": f"{command_id}-{headers['ce_type']}", "ce_time": stamp}),
                          json.dumps(event_value).encode())
            event.headers["ce_hash"] = chain_hash(known.streams[event.subject].hash, event).hex().encode()
            known.event(event)
            self.logs["events"].append(event)
            position = {"partition": partition, "offset": event.offset}
        outcome = expected.outcome
        if not isinstance(outcome, bytes):
            outcome = json.dumps({**outcome, "time": stamp, **({"position": position} if position else {})}).encode()
        reply = Event(partition, self._take(partition), encoded({"command_id": command_id, "memory": expected.memory,
                                                                "command_offset": str(command.offset)}), outcome)
        known.reply(reply)
        self.logs["replies"].append(reply)
        ask.attempts.append(self._answer(ask.kind, json.loads(outcome), hit))

    def let_events_answer(self):
        """As if every sender of a dialog's command had taken its event for the answer: the replies that said the same are gone."""
        for reply in [one for one in self.logs["replies"] if one.text("memory") == "first"]:
            outcome = json.loads(reply.value)
            if not outcome.get("answer_type", "").startswith("dialog.") or "position" not in outcome:
                continue
            event = next(one for one in self.logs["events"] if (one.partition, one.offset) == tuple(outcome["position"].values()))
            if event.text("ce_causationid") != reply.text("command_id"):
                continue
            event.headers.update(encoded({"attempt_id": "a", "fingerprint": outcome["fingerprint"]}))
            self.logs["replies"].remove(reply)
            said = answers.reply_of(event).value
            self.logs["replies"] = [dataclasses.replace(one, value=said) if one.text("command_id") == reply.text("command_id") and
                                    one.text("memory") == "repeat" and one.value == reply.value else one for one in self.logs["replies"]]

    def _answer(self, kind, outcome, hit):
        began, position = self._now, outcome.get("position")
        if "error" in outcome:
            status = {"DIALOG_NOT_FOUND": 404, "IDEMPOTENCY_KEY_REUSED": 422}[outcome["error"]]
            return Attempt(began, began + 0.5, "edge", status, outcome["error"], hit=hit, digest=outcome["error"])
        answer = outcome["answer"]
        if kind in ("register", "log_in"):
            answer = {"user": {"id": answer["account_id"], "email": answer["email"]}}
        elif kind == "create_assistant":
            answer = {"id": answer["assistant_id"], "name": answer["created"]["name"], "site_token": answer["created"]["site_token"]}
        elif kind in ("update_assistant", "rotate_site_token"):
            answer = {"id": answer["assistant_id"], **answer["now"]}
        elif kind == "open_dialog":
            answer = {"id": answer["dialog_id"], "assistant_id": answer["opened"]["assistant_id"]}
        elif kind == "archive":
            place = position and f"{position['partition']}:{position['offset']}"
            answer = {"id": answer["dialog_id"], "status": answer["status"]}
            return Attempt(began, began + 0.5, "edge", 200, None, place, hit, hashlib.sha256(json.dumps(answer).encode()).hexdigest(), answer)
        else:
            answer = {**answer["message"], "id": answer["message"]["message_id"], "dialog_id": answer["dialog_id"], "created_at": outcome["time"]}
        status = 200 if kind in ("log_in", "update_assistant", "rotate_site_token") else 201
        return Attempt(began, began + 0.5, "edge", status, None, f"{position['partition']}:{position['offset']}", hit,
                       hashlib.sha256(json.dumps(answer).encode()).hexdigest(), answer)

    def _take(self, partition):
        self._offsets[partition] += 1
        return self._offsets[partition]

    # For putting faults in.

    def again(self, ask, body=None):
        """Sends it once more under its id."""
        number = self.records.asks.index(ask) + 1
        command = next(one for one in self.logs["commands"] if one.text("command_id") == f"command-{number}")
        if body is not None:
            ask = Ask(f"correlation-other-{number}", ask.kind, ask.identity, body, ((422, "IDEMPOTENCY_KEY_REUSED"),))
            self.records.asks.append(ask)
        self.send(ask, command.text("command_id"), command.text("principal"), command.text("target"), json.loads(command.value), hit=body is None)
        return ask

    def stream(self, subject):
        return [event for event in self.logs["events"] if event.subject == subject]

    def event_of(self, ask):
        return next(event for event in self.logs["events"] if event.text("ce_correlationid") == ask.correlation)

    def replace(self, event, value=None, **headers):
        """Another one in an event's place; the chain of hashes is made right again."""
        changed = dataclasses.replace(event, headers={**event.headers, **encoded(headers)}, **({} if value is None else {"value": json.dumps(value).encode()}))
        self.logs["events"][self.logs["events"].index(event)] = changed
        self.rechain()
        return changed

    def rechain(self):
        hashes = {}
        for event in self.logs["events"]:
            hashes[event.subject] = chain_hash(hashes.get(event.subject, bytes(32)), event)
            event.headers["ce_hash"] = hashes[event.subject].hex().encode()

    def broken(self):
        """{promise: sentences} of those that are broken."""
        topics = check.Topics(*(sorted(self.logs[name], key=lambda one: (one.partition, one.offset))
                                for name in ("commands", "events", "replies")), self.directory(), PARTITIONS)
        return {name: faults for name, faults in check.check(self.records, topics).items() if faults}

    def directory(self):
        if not self.logs["directory"]:
            for event in self.logs["events"]:
                value, number = json.loads(event.value), int(event.subject.rpartition("/")[2])
                if event.text("ce_type") == "parley.account.registered.v1":
                    self.logs["directory"].append(Event(0, 0, {}, json.dumps({"account_id": number, "password_verifier": "v"}).encode(),
                                                        b"account_email/" + value["email_index"].encode()))
                elif event.text("ce_type") == "parley.assistant.created.v1":
                    entry = {"assistant_id": number, **{name: value[name] for name in ("owner_id", "website_integration", "allowed_domains")}}
                    self.logs["directory"].append(Event(0, 0, {}, json.dumps(entry).encode(), b"site_token/s"))
                elif event.text("ce_type") == "parley.assistant.site_token_rotated.v1":
                    self.logs["directory"].append(Event(0, 0, {}, b"", b"site_token/s"))
                    self.logs["directory"].append(Event(0, 0, {}, json.dumps({**entry, "is_active": False}).encode(), b"site_token/t"))
        return self.logs["directory"]


def encoded(headers):
    return {name: text.encode() for name, text in headers.items()}


class Checker(unittest.TestCase):
    def setUp(self):
        self.story = Story()

    def assert_broken(self, check_function, said=""):
        promise = next(name for name, one in check.PROPERTIES.items() if one is check_function)
        broken = self.story.broken()
        self.assertIn(promise, broken)
        self.assertTrue(any(said in sentence for sentence in broken[promise]), broken[promise])

    def archive(self):
        return self.story.ask("archive", self.story.owner, self.story.dialog, {}, {}, ((200, None),))

    def test_archiving_twice_is_one_event_and_a_visitor_s_message_ends_it(self):
        archived, again = self.archive(), self.archive()
        self.assertIsNone(again.final.position)
        said = self.story.say("four")
        self.story.watch.messages.append((6, {**said.final.answer, "id": said.final.answer["message_id"]}))
        self.assertEqual(self.story.broken(), {})
        self.assertEqual([event.text("ce_type").split(".")[2] for event in self.story.stream(self.story.dialog)[4:]],
                         ["archived", "message_created", "unarchived"])
        again.final.position = archived.final.position
        self.assert_broken(check.check_effects, "and has no effect")

    def test_a_visitor_s_message_that_leaves_an_archived_dialog_archived(self):
        self.archive()
        self.story.say("four")
        self.story.logs["events"].pop()
        self.assert_broken(check.check_made_again, "1 events, from what stands before it 2")

    def test_what_is_right_is_kept(self):
        self.story.again(self.story.first)
        self.story.again(self.story.refused)
        self.story.again(self.story.second, {"text": "other"})
        self.assertEqual(self.story.broken(), {})

    def test_a_login_whose_email_has_come_to_another_account_meanwhile_is_another_command(self):
        other = self.story.ask("register", "anonymous", "unique/account_email/other", {"email": "o", "email_index": "other", "password_verifier": "v"},
                               {"email": "o"})
        asked = {"password_matches": True, "email_index": "index", "compared_with": "v"}
        login = self.story.ask("log_in", "anonymous", self.story.owner, asked, {}, CHANGED)
        self.story.send(login, "command-elsewhere", "anonymous", f"account/{other.final.answer['user']['id']}", {**asked, "email_index": "other"}, hit=False)
        self.assertEqual(self.story.broken(), {})
        self.story.send(login, "command-twice", "anonymous", self.story.owner, asked, hit=False)
        self.assert_broken(check.check_one_command, "became the commands command-")

    def test_a_command_that_was_sent_to_two_partitions(self):
        command = self.story.logs["commands"][-1]
        self.story.logs["commands"].append(dataclasses.replace(command, partition=(command.partition + 1) % PARTITIONS))
        self.assert_broken(check.check_one_command, "is in the partitions")

    def test_an_acknowledged_command_without_an_effect(self):
        self.story.logs["events"].remove(self.story.event_of(self.story.third))
        self.assert_broken(check.check_effects, "without an effect")
        self.assert_broken(check.check_made_again, "0 events, from what stands before it 1")

    def test_an_acknowledged_command_with_two_effects(self):
        event = self.story.event_of(self.story.third)
        self.story.logs["events"].append(dataclasses.replace(event, offset=event.offset + 50))
        self.assert_broken(check.check_effects, "has not one effect but")
        self.assert_broken(check.check_versions, "version 4 after 4")
        self.assert_broken(check.check_places, "is in")

    def test_an_answer_that_tells_of_another_effect(self):
        self.story.third.attempts[0].position = self.story.second.attempts[0].position
        self.assert_broken(check.check_effects, "answered with position")

    def test_an_answer_with_another_content(self):
        self.story.third.attempts[0].answer["id"] += 1024
        self.assert_broken(check.check_effects, "has another id than the answer")

    def test_an_effect_that_is_not_what_was_asked(self):
        self.story.third.body = {"text": "something else"}
        self.assert_broken(check.check_effects, "is not what was asked")

    def test_a_refused_command_with_an_effect(self):
        attempt = self.story.third.attempts[0]
        attempt.outcome, attempt.code = 404, "DIALOG_NOT_FOUND"
        self.assert_broken(check.check_refusals, "refused with 404 DIALOG_NOT_FOUND, and led to")

    def test_an_answer_that_nobody_may_get(self):
        self.story.third.expected = ((404, "DIALOG_NOT_FOUND"),)
        self.assert_broken(check.check_answers, "answered 201")

    def test_a_request_without_an_end(self):
        self.story.third.attempts.clear()
        self.assert_broken(check.check_answers, "has no answer")

    def test_a_repetition_with_another_answer(self):
        self.story.again(self.story.third)
        self.story.third.attempts[1].digest = "another"
        self.assert_broken(check.check_repetitions, "2 different answers")

    def test_a_repetition_that_is_called_the_first(self):
        self.story.again(self.story.third)
        self.story.third.attempts[1].hit = False
        self.assert_broken(check.check_repetitions, "2 answers say that they are the first")

    def test_a_first_answer_that_is_called_a_repetition(self):
        self.story.third.attempts[0].hit, self.story.third.attempts[0].via = True, "api-1"
        self.assert_broken(check.check_repetitions, "every answer says that it is a repetition")

    def test_two_requests_under_one_key_that_were_both_decided(self):
        other = self.story.again(self.story.third, {"text": "other"})
        other.attempts[0].outcome, other.attempts[0].code = 201, None
        self.assert_broken(check.check_repetitions, "two different requests under one key")

    def test_a_key_that_became_two_commands(self):
        self.story.third.identity = self.story.second.identity
        self.assert_broken(check.check_one_command, "became the commands")

    def test_an_event_that_nobody_asked_for(self):
        self.story.records.asks.remove(self.story.third)
        self.assert_broken(check.check_strangers, "nobody asked for it")

    def test_a_gap(self):
        self.story.logs["events"].remove(self.story.event_of(self.story.first))
        self.assert_broken(check.check_versions, "version 3 after 1")

    def test_a_broken_hash(self):
        event = self.story.event_of(self.story.second)
        event.headers["ce_hash"] = b"0" * 64
        self.assert_broken(check.check_hashes, "recomputed")
        self.assertEqual(list(self.story.broken()), ["hashes verify"])

    def test_a_value_that_was_changed_afterwards(self):
        place = self.story.logs["events"].index(self.story.event_of(self.story.second))
        event = self.story.logs["events"][place]
        self.story.logs["events"][place] = dataclasses.replace(event, value=event.value.replace(b"two", b"2wo"))
        self.assert_broken(check.check_hashes)

    def test_an_event_in_another_partition(self):
        event = self.story.event_of(self.story.third)
        self.story.logs["events"][self.story.logs["events"].index(event)] = dataclasses.replace(event, partition=(event.partition + 1) % PARTITIONS)
        self.assert_broken(check.check_places, "is not of this partition")

    def test_two_writers_at_a_time(self):
        self.story.replace(self.story.event_of(self.story.third), ce_commandoffset="1")
        self.assert_broken(check.check_places, "ce_commandoffset 1 after")

    def test_time_that_goes_back(self):
        self.story.replace(self.story.event_of(self.story.third), ce_time="2026-11-21T09:00:00.000Z")
        self.assert_broken(check.check_places, "ce_time 2026-11-21T09:00:00.000Z after")

    def test_an_order_that_is_not_the_acknowledged_one(self):
        first, third = self.story.first.attempts[0], self.story.third.attempts[0]
        first.began, first.ended, third.began, third.ended = third.began, third.ended, first.began, first.ended
        self.assert_broken(check.check_order, "was asked for after version")

    def test_an_event_may_be_the_answer_of_its_command(self):
        replies = len(self.story.logs["replies"])
        self.story.let_events_answer()
        self.assertLess(len(self.story.logs["replies"]), replies)
        self.assertEqual(self.story.broken(), {})

    def test_an_event_that_is_not_the_answer_leaves_its_command_undecided(self):
        self.story.let_events_answer()
        next(event for event in self.story.logs["events"] if "fingerprint" in event.headers).headers.pop("fingerprint")
        self.assert_broken(check.check_made_again, "never decided")

    def test_a_decision_on_stale_state_a_version(self):
        """Decided by somebody who did not know of the message before: a version twice, and an id twice."""
        third, second = self.story.event_of(self.story.third), json.loads(self.story.event_of(self.story.second).value)
        self.story.replace(third, value={**json.loads(third.value), "message_id": second["message_id"]}, ce_sequence="3")
        self.assert_broken(check.check_made_again, "stale decision")
        self.assert_broken(check.check_versions, "version 3 after 3")

    def test_a_decision_on_stale_state_a_refusal(self):
        """An e-mail that was taken is taken again, as by somebody who did not know of its owner."""
        value = {"email": "e", "email_index": "index", "password_verifier": "w"}
        self.story._folds[decide.slot_of_text("index") * PARTITIONS // 1024].owners.clear()
        self.story.ask("register", "anonymous", "unique/account_email/index", value, {"email": "e"})
        self.assert_broken(check.check_made_again, "error nothing and not EMAIL_TAKEN")

    def test_a_decision_on_stale_state_a_repetition(self):
        """A command that was decided is decided again, as by somebody who did not know its outcome."""
        self.story._folds[decide.slot_of_target(self.story.logs["commands"][3]) * PARTITIONS // 1024].first.clear()
        self.story.again(self.story.third)
        self.assert_broken(check.check_made_again, "from what stands before it it is repeat")
        self.assert_broken(check.check_effects, "has not one effect but")

    def test_a_command_that_was_never_decided(self):
        self.story.logs["replies"].pop()
        self.assert_broken(check.check_made_again, "1 events and no reply")

    def test_a_refusal_that_the_rules_do_not_know(self):
        place = next(n for n, reply in enumerate(self.story.logs["replies"]) if b"DIALOG_NOT_FOUND" in reply.value)
        reply = self.story.logs["replies"][place]
        self.story.logs["replies"][place] = dataclasses.replace(reply, value=reply.value.replace(b"DIALOG_NOT_FOUND", b"EMAIL_TAKEN"))
        self.assert_broken(check.check_made_again, "error EMAIL_TAKEN and not DIALOG_NOT_FOUND")

    def test_a_message_that_a_stream_left_out(self):
        del self.story.watch.messages[1]
        self.assert_broken(check.check_streams, "the first difference at 2: version 4, expected 3")

    def test_a_message_that_a_stream_showed_twice(self):
        self.story.watch.messages.insert(1, self.story.watch.messages[0])
        self.assert_broken(check.check_streams, "the first difference at 2: version 2, expected 3")

    def test_what_a_stream_s_client_complained_of(self):
        self.story.watch.faults.append("id 4 came after 2")
        self.assert_broken(check.check_streams, "id 4 came after 2")

    def test_a_directory_that_is_not_the_log(self):
        self.story.directory().pop()
        self.assert_broken(check.check_directory, "is not as the log says")

    def test_a_site_token_that_did_not_die(self):
        self.story.logs["directory"] = [record for record in self.story.directory() if record.value]
        self.assert_broken(check.check_directory, "is not as the log says")

    def test_a_change_of_what_was_so_already(self):
        updated = self.story.event_of(self.story.updated)
        self.story.replace(updated, value={**json.loads(updated.value), "ai_model": "m"})
        self.assert_broken(check.check_made_again, "stale decision")
        self.assert_broken(check.check_effects, "is not what was asked")

    def test_a_request_that_an_ending_api_dropped(self):
        attempt = self.story.third.attempts[0]
        self.story.third.attempts.insert(0, Attempt(attempt.began, attempt.began + 0.1, "edge", "BrokenConnection"))
        self.story.records.drains.append(Drain("api-1", attempt.began - 1, attempt.ended + 1))
        self.assert_broken(check.check_drains, "got BrokenConnection while api-1 was told to end")

    def test_a_read_model_that_is_not_the_log(self):
        events = [event for event in self.story.logs["events"]]
        for event in events:
            event.headers.setdefault("ce_correlationid", b"")
        rows = copy.deepcopy(fold.fold(events))
        next(iter(rows["dialogs"].values()))["message_count"] = 2
        self.assertIn("message_count is 2, the log says 3", fold.compare_tables(fold.fold(events), rows)[0])

    def test_what_was_ambiguous_is_resolved(self):
        lost = Attempt(0.0, 0.1, "edge", "BrokenConnection")
        self.story.third.attempts.insert(0, lost)
        self.story.second.attempts[:] = [dataclasses.replace(lost, outcome=504)]
        self.story.second.gave_up = True
        never = Ask("correlation-never", "visitor_message", "never", {"text": "?"}, CREATED, attempts=[dataclasses.replace(lost, outcome=503)], gave_up=True)
        self.story.records.asks.append(never)
        topics = check.Topics(self.story.logs["commands"], self.story.logs["events"], self.story.logs["replies"], [], PARTITIONS)
        self.assertEqual(check.resolve(self.story.records, topics), {
            "BrokenConnection": {"asked again, answered then: done": 1}, "504": {"given up, found done": 1}, "503": {"given up, found not done": 1}})
        self.assertEqual(self.story.broken(), {})


class Emails(unittest.TestCase):
    """An account registered with "a" has "b" now, by a claim; the steps of that, in their order."""

    RIGHT = (("account.registered", "account/1025", {"email": "a", "email_index": "a", "password_verifier": "v"}),
             ("account.email_change_requested", "account/1025", {"process_id": "p", "command_id": "c", "email": "b", "email_index": "b", "session": {}}),
             ("claim.reserved", "claim/2049", {"index": "account_email", "key": "b", "process_id": "p", "holder_id": 1025, "holder_version": 2}),
             ("account.email_changed", "account/1025", {"process_id": "p", "email": "b", "email_index": "b", "previous_email_index": "a"}),
             ("claim.confirmed", "claim/2049", {"process_id": "p"}))

    def faults(self, *steps):
        events = [Event(0, offset, encoded({"ce_type": f"parley.{kind}.v1", "ce_subject": subject}), json.dumps(value).encode())
                  for offset, (kind, subject, value) in enumerate(steps)]
        return check.check_emails(None, check.Topics([], events, [], [], PARTITIONS))

    def test_a_change_that_has_ended_is_right_and_so_is_one_that_was_refused_and_one_that_was_let_go(self):
        self.assertEqual(self.faults(*self.RIGHT), [])
        self.assertEqual(self.faults(*self.RIGHT[:2], ("account.email_change_refused", "account/1025", {"process_id": "p"})), [])
        gone = ("account.email_changed", "account/1025", {"process_id": "q", "email": "a", "email_index": "a", "previous_email_index": "b", "previous_process_id": "p"})
        again = ("claim.reserved", "claim/3073", {**self.RIGHT[2][2], "key": "a", "process_id": "q"})
        released = ("claim.released", "claim/2049", {"index": "account_email", "key": "b", "process_id": "p"})
        self.assertEqual(self.faults(*self.RIGHT, again, gone, ("claim.confirmed", "claim/3073", {"process_id": "q"}), released), [])

    def test_what_has_not_ended_is_said(self):
        for count, said in ((2, "has not ended"), (3, "has not ended"), (4, "is not confirmed")):
            self.assertTrue(any(said in fault for fault in self.faults(*self.RIGHT[:count])), count)

    def test_two_accounts_with_one_email_are_said(self):
        other = ("account.registered", "account/4097", {"email": "b", "email_index": "b", "password_verifier": "v"})
        self.assertIn("2 accounts have the e-mail b…", self.faults(*self.RIGHT, other))

    def test_an_email_that_nobody_guards_and_a_claim_that_nobody_needs_are_said(self):
        released = ("claim.released", "claim/2049", {"index": "account_email", "key": "b", "process_id": "p"})
        self.assertEqual(self.faults(*self.RIGHT, released), ["account/1025: nobody guards its e-mail"])
        lost = ("claim.reserved", "claim/3073", {**self.RIGHT[2][2], "key": "c", "process_id": "q"})
        self.assertEqual(self.faults(*self.RIGHT, lost, ("claim.confirmed", "claim/3073", {"process_id": "q"})),
                         ["account/1025: a claim keeps for it another e-mail than it has"])


class Bots(unittest.TestCase):
    """An assistant is created with the bot "x" and has "y" now; the steps of that, in their order."""

    ME = "assistant/1026"
    RIGHT = (("assistant.creation_requested", ME, {"process_id": "p", "command_id": "c", "bot_index": "x", "telegram_bot_token": "s", "assistant": {}}),
             ("claim.reserved", "claim/2049", {"index": "telegram_bot", "key": "x", "process_id": "p", "holder_id": 1026, "holder_version": 1}),
             ("assistant.created", ME, {}),
             ("assistant.bot_claimed", ME, {"process_id": "p", "bot_index": "x"}),
             ("claim.confirmed", "claim/2049", {"process_id": "p"}),
             ("assistant.update_requested", ME, {"process_id": "q", "command_id": "d", "bot_index": "y", "telegram_bot_token": "t", "change": {}}),
             ("claim.reserved", "claim/3073", {"index": "telegram_bot", "key": "y", "process_id": "q", "holder_id": 1026, "holder_version": 4}),
             ("assistant.updated", ME, {}),
             ("assistant.bot_claimed", ME, {"process_id": "q", "bot_index": "y"}),
             ("assistant.bot_released", ME, {"process_id": "p", "bot_index": "x"}),
             ("claim.confirmed", "claim/3073", {"process_id": "q"}),
             ("claim.released", "claim/2049", {"index": "telegram_bot", "key": "x", "process_id": "p"}))

    def topics(self, *steps):
        events = [Event(0, offset, encoded({"ce_type": f"parley.{kind}.v1", "ce_subject": subject, "ce_causationid": f"{value.get('process_id')}"}),
                        json.dumps(value).encode()) for offset, (kind, subject, value) in enumerate(steps)]
        return check.Topics([], events, [], [], PARTITIONS)

    def faults(self, *steps):
        return check.check_bots(None, self.topics(*steps))

    def test_what_has_ended_is_right_however_it_did(self):
        self.assertEqual(self.faults(*self.RIGHT), [])
        self.assertEqual(self.faults(self.RIGHT[0], ("assistant.creation_refused", self.ME, {"process_id": "p", "bot_index": "x"})), [])
        self.assertEqual(self.faults(*self.RIGHT[:6], ("assistant.update_refused", self.ME, {"process_id": "q"})), [])
        gone = (("assistant.deleted", self.ME, {}), ("assistant.bot_released", self.ME, {"process_id": "p", "bot_index": "x"}), self.RIGHT[-1])
        self.assertEqual(self.faults(*self.RIGHT[:5], *gone), [])

    def test_what_has_not_ended_is_said(self):
        for count, said in ((1, "waits for a bot, p, for ever"), (2, "waits for a bot, p, for ever"), (4, "is not confirmed"), (6, "waits for a bot, q, for ever"),
                            (7, "waits for a bot, q, for ever"), (10, "is not confirmed"), (11, "a claim keeps for it another bot than it has")):
            self.assertTrue(any(said in fault for fault in self.faults(*self.RIGHT[:count])), count)

    def test_two_assistants_with_one_bot_are_said(self):
        other = ("assistant.bot_claimed", "assistant/4098", {"process_id": "r", "bot_index": "y"})
        self.assertEqual(self.faults(*self.RIGHT, other), ["2 assistants have the bot y…", "assistant/4098: nobody guards its bot"])

    def test_an_end_is_the_effect_of_the_command_that_began_it(self):
        effects = self.topics(*self.RIGHT).effects
        for command, bot in (("c", "x"), ("d", "y")):
            claimed = next(event for event in effects[command] if event.text("ce_type") == check.BOT_CLAIMED)
            self.assertEqual(json.loads(claimed.value)["bot_index"], bot)


class Plans(unittest.TestCase):
    COUNTS = {"decider": 2, "projector": 2, "reactor": 2, "api": 2}

    def rounds(self, seed, count=60):
        rounds = plan(seed, self.COUNTS)
        return [next(rounds) for _ in range(count)]

    def test_a_seed_decides_it(self):
        self.assertEqual(self.rounds(7), self.rounds(7))
        self.assertNotEqual(self.rounds(7), self.rounds(8))

    def test_everything_happens_to_everybody_and_an_api_is_drained_alone(self):
        for seed in random.Random(1).sample(range(1 << 32), 20):
            seen = set()
            for one in self.rounds(seed, 100):
                self.assertEqual(len({step.process for step in one.steps}), len(one.steps))
                self.assertTrue(len(one.steps) == 1 or all(step.kind != "drain" for step in one.steps))
                seen |= {(step.kind, step.process.partition("-")[0]) for step in one.steps}
            expected = {(kind, role) for kind in ("kill", "pause") for role in ("decider", "projector", "reactor", "api", "postgres", "kafka")}
            expected |= {(kind, role) for kind in ("cut", "hold", "delay") for role in self.COUNTS} | {("drain", "api")}
            self.assertLessEqual(expected, seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
