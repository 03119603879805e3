#!/usr/bin/python3
"""The checks of faults, shown a right log and wrong ones: a check that cannot fail checks nothing."""

import copy
import dataclasses
import json
import unittest

import checks
from chaos import fold
from demo.log import Event, chain_hash
from groups import assigned
from load import Command

PARTITIONS = 16
SLOT = 130
PARTITION = SLOT * PARTITIONS // 1024
ACCOUNT, ASSISTANT, DIALOG = (n * 1024 + SLOT for n in (1, 2, 3))
STORY = (  # subject, type, command, value
    (f"account/{ACCOUNT}", "parley.account.registered.v1", 1, {"email": "a@example.com", "email_index": "i", "password_verifier": "v"}),
    (f"account/{ACCOUNT}", "parley.account.welcome_bonus_granted.v1", 1, {"amount_kopecks": 100}),
    (f"assistant/{ASSISTANT}", "parley.assistant.created.v1", 2, {"owner_id": ACCOUNT, "name": "A", "ai_model": "m", "site_token": "s",
                                                                 "website_integration": True, "allowed_domains": []}),
    (f"dialog/{DIALOG}", "parley.dialog.opened.v1", 3, {"assistant_id": ASSISTANT, "owner_id": ACCOUNT, "platform": "website"}),
    (f"dialog/{DIALOG}", "parley.dialog.message_created.v1", 4, {"message_id": 4 * 1024 + SLOT, "sender": "user", "text": "one"}),
    (f"dialog/{DIALOG}", "parley.dialog.message_created.v1", 5, {"message_id": 5 * 1024 + SLOT, "sender": "operator", "text": "two"}),
    (f"account/{ACCOUNT}", "parley.account.logged_in.v2", 6, {"method": "password"}),
)


def log_of(story):
    events, versions, hashes = [], {}, {}
    for offset, (subject, kind, command, value) in enumerate(story):
        versions[subject] = versions.get(subject, 0) + 1
        headers = {"ce_specversion": "1.0", "ce_id": f"id-{offset}", "ce_source": "/parley/decider/a", "ce_type": kind, "ce_subject": subject,
                   "ce_time": f"2026-11-21T10:00:0{command}.000Z", "content-type": "application/json", "ce_sequence": str(versions[subject]),
                   "ce_correlationid": "c", "ce_causationid": f"command-{command}", "ce_actor": "anonymous", "ce_commandoffset": str(command * 2),
                   "ce_slotcounter": str(command)}
        event = Event(PARTITION, offset * 2, {name: text.encode() for name, text in headers.items()}, json.dumps(value).encode())
        hashes[subject] = chain_hash(hashes.get(subject, bytes(32)), event)
        event.headers["ce_hash"] = hashes[subject].hex().encode()
        events.append(event)
    return events


def with_headers(event, **headers):
    return dataclasses.replace(event, headers={**event.headers, **{name: text.encode() for name, text in headers.items()}})


class TheLog(unittest.TestCase):
    def setUp(self):
        self.events = log_of(STORY)

    def assert_said(self, faults, said):
        self.assertTrue(any(said in fault for fault in faults), faults)

    def test_a_right_log_has_no_faults(self):
        self.assertEqual(checks.check_log(self.events, PARTITIONS), [])
        self.assertEqual(checks.check_nobody_else(self.events, {event.subject for event in self.events}), [])

    def test_a_missing_event_is_named(self):
        del self.events[4]
        self.assert_said(checks.check_log(self.events, PARTITIONS), f"dialog/{DIALOG}: versions 1 3")

    def test_an_event_that_is_there_twice_is_named(self):
        self.assert_said(checks.check_log([*self.events, self.events[5]], PARTITIONS), "versions 1 2 3 3")

    def test_a_command_that_was_decided_twice_into_a_right_chain_is_named(self):
        self.events = log_of((*STORY[:5], STORY[4], *STORY[5:]))
        self.assert_said(checks.check_decisions(self.events), "command command-4 led to")

    def test_a_command_of_which_a_part_is_missing_is_named(self):
        self.assert_said(checks.check_decisions(self.events[:1]), "command command-1 led to")

    def test_a_command_that_was_decided_into_two_streams_is_named(self):
        self.events[1] = with_headers(self.events[1], ce_subject="account/5")
        self.assert_said(checks.check_decisions(self.events), "in several streams or times")

    def test_commands_out_of_their_order_are_named(self):
        self.events[5] = with_headers(self.events[5], ce_commandoffset="7")
        self.assert_said(checks.check_partition_order(self.events), "command offset 7 after 8")

    def test_two_commands_at_one_offset_are_named(self):
        self.events[5] = with_headers(self.events[5], ce_commandoffset="8")
        self.assert_said(checks.check_partition_order(self.events), "command offset 8 after 8")

    def test_time_that_goes_back_is_named(self):
        self.events[6] = with_headers(self.events[6], ce_time="2026-11-21T10:00:00.000Z")
        self.assert_said(checks.check_partition_order(self.events), "ce_time 2026-11-21T10:00:00.000Z after")

    def test_a_counter_of_ids_that_goes_back_is_named(self):
        self.events[6] = with_headers(self.events[6], ce_slotcounter="2")
        self.assert_said(checks.check_partition_order(self.events), "the slot's counter is 2 after 5")

    def test_a_message_id_that_is_there_twice_is_named(self):
        value = {**STORY[5][3], "message_id": 4 * 1024 + SLOT}
        self.assert_said(checks.check_log(log_of((*STORY[:5], (*STORY[5][:3], value))), PARTITIONS), "message id")

    def test_a_message_id_of_another_slot_is_named(self):
        value = {**STORY[4][3], "message_id": 4 * 1024}
        self.assert_said(checks.check_message_ids(log_of((*STORY[:4], (*STORY[4][:3], value)))), "is of slot 0")

    def test_what_nobody_was_told_of_is_named(self):
        self.assert_said(checks.check_nobody_else(self.events, {f"account/{ACCOUNT}", f"dialog/{DIALOG}"}), f"assistant/{ASSISTANT}")


class Answers(unittest.TestCase):
    def setUp(self):
        self.events = log_of(STORY)
        self.command = Command("POST", f"/api/site/dialogs/{DIALOG}/messages", "key", [{"outcome": 201}], 201, {"x-event-position": f"log-name.{PARTITION}:8"},
                               {"id": 4 * 1024 + SLOT})

    def faults(self, **changed):
        return checks.check_answers([dataclasses.replace(self.command, **changed)], self.events)

    def test_a_right_answer_has_no_faults(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.faults(headers={**self.command.headers, "idempotency-hit": "true"}), [])

    def test_a_position_where_nothing_stands_is_named(self):
        self.assertIn("no event at", self.faults(headers={"x-event-position": f"{PARTITION}:9"})[0])

    def test_a_position_where_another_message_stands_is_named(self):
        self.assertIn("is not what stands at", self.faults(headers={"x-event-position": f"{PARTITION}:10"})[0])


class Tables(unittest.TestCase):
    def setUp(self):
        self.events = log_of(STORY)
        self.expected = fold.fold(self.events)
        self.read = copy.deepcopy(self.expected)

    def test_the_fold_is_what_the_story_says(self):
        self.assertEqual(self.expected["accounts"][(ACCOUNT,)]["balance_kopecks"], 100)
        self.assertEqual(self.expected["accounts"][(ACCOUNT,)]["last_login_at"], "2026-11-21T10:00:06.000Z")
        dialog = self.expected["dialogs"][(DIALOG,)]
        self.assertEqual((dialog["version"], dialog["message_count"], dialog["last_message"]), (3, 2, "two"))
        self.assertEqual(len(self.expected["event_index"]), len(STORY))
        self.assertEqual(fold.compare_tables(self.expected, self.read), [])

    def test_a_row_that_is_missing_is_named(self):
        del self.read["messages"][(DIALOG, 2)]
        self.assertEqual(fold.compare_tables(self.expected, self.read), [f"messages {(DIALOG, 2)}: not in the tables"])

    def test_a_row_too_many_is_named(self):
        self.read["messages"][(DIALOG, 4)] = self.read["messages"][(DIALOG, 3)]
        self.assertEqual(fold.compare_tables(self.expected, self.read), [f"messages {(DIALOG, 4)}: not in the log"])

    def test_what_was_counted_twice_is_named(self):
        self.read["dialogs"][(DIALOG,)]["message_count"] = 3
        self.assertEqual(fold.compare_tables(self.expected, self.read), [f"dialogs {(DIALOG,)}: message_count is 3, the log says 2"])

    def test_a_checkpoint_that_is_not_at_the_end_is_named(self):
        end = [self.events[-1].offset + 1, "id-6", self.events[-1].offset]
        self.assertEqual(fold.compare_checkpoints(self.events, {PARTITION: end}), [])
        self.assertIn("the log ends at", fold.compare_checkpoints(self.events, {PARTITION: [1, "id-0", 0]})[0])


class Groups(unittest.TestCase):
    def test_a_member_s_assignment_is_read(self):
        self.assertEqual(assigned(b"\0\0\0\0\0\1\0\2ab\0\0\0\2\0\0\0\3\0\0\0\7\xff\xff\xff\xff"), {3, 7})
        self.assertEqual(assigned(b""), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
