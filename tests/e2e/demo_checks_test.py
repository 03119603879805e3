#!/usr/bin/python3
"""ops/demo's own checks, shown views that are right and views that are wrong: a check that cannot fail checks nothing."""

import asyncio
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

OPS = pathlib.Path(__file__).resolve().parents[2] / "ops"
sys.path.insert(0, str(OPS / "harness"))

from demo import verify  # noqa: E402
from demo.client import Base, Connection  # noqa: E402
from demo.dialogs import InputError, parse_line, read_dialogs  # noqa: E402
from demo.log import Event, chain_hash  # noqa: E402
from demo.replay import Message, Played  # noqa: E402
from demo.stream import Frames  # noqa: E402

PARTITIONS = 16
DIALOG = 5 * 1024 + 130  # slot 130: partition 2


def dialog_of(texts):
    """A dialog as acknowledged, and the log that belongs to it."""
    played = Played("a dialog", id=DIALOG, watched_by="visitor")
    events, previous = [], bytes(32)
    for version, text in enumerate([None, *texts], 1):
        kind = "message_created" if text else "opened"
        value = {"message_id": version * 1024, "sender": "user", "text": text} if text else {"assistant_id": 7}
        headers = {"ce_specversion": "1.0", "ce_id": f"id-{version}", "ce_source": "/parley/decider/a", "ce_type": f"parley.dialog.{kind}.v1",
                   "ce_subject": f"dialog/{DIALOG}", "ce_time": f"2026-11-21T10:00:0{version}.000Z", "content-type": "application/json",
                   "ce_sequence": str(version), "ce_correlationid": "c", "ce_causationid": f"cause-{version}", "ce_actor": "guest"}
        event = Event(2, version, {name: text.encode() for name, text in headers.items()}, json.dumps(value).encode())
        previous = chain_hash(previous, event)
        event.headers["ce_hash"] = previous.hex().encode()
        events.append(event)
        if text:
            played.messages.append(Message(version * 1024, "user", text, headers["ce_time"]))
            played.delivered.append((version, {"id": version * 1024, "sender": "user", "text": text, "created_at": headers["ce_time"]}))
    return played, events


class Answers(unittest.TestCase):
    def test_one_that_has_no_body_ends_with_its_head(self):
        async def serve(reader, writer):
            for head in (b"204 No Content\r\n\r\n", b"200 OK\r\nContent-Length: 2\r\n\r\n{}"):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 " + head)
            writer.close()

        async def ask():
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                connection = Connection(Base("http", *server.sockets[0].getsockname()))
                answers = [await asyncio.wait_for(connection.exchange("GET", "/", {}), 5) for _ in range(2)]
                connection.close()
            return [(answer.status, answer.body) for answer in answers]

        self.assertEqual(asyncio.run(ask()), [(204, b""), (200, b"{}")])


class Views(unittest.TestCase):
    def setUp(self):
        self.played, self.events = dialog_of(["one", "two", "three"])
        self.subject = f"dialog/{DIALOG}"

    def with_header(self, index, name, value):
        event = self.events[index]
        self.events[index] = dataclasses.replace(event, headers={**event.headers, name: value})

    def test_right_views_have_no_faults(self):
        self.assertEqual(verify.check_stream(self.played), [])
        self.assertEqual(verify.check_chain(self.subject, self.events, PARTITIONS), [])
        self.assertEqual(verify.check_dialog_events(self.played, self.events), [])
        self.assertEqual(verify.check_unique_ids(self.events), [])

    def test_a_missing_message_is_named(self):
        del self.played.delivered[1]
        self.assertIn("1 missing; first at 2", verify.check_stream(self.played)[0])

    def test_a_message_that_comes_twice_is_named(self):
        self.played.delivered.append(self.played.delivered[0])
        self.assertIn("1 more than once; first at 4", verify.check_stream(self.played)[0])

    def test_a_wrong_order_is_named(self):
        self.played.delivered.reverse()
        self.assertIn("order or content; first at 1", verify.check_stream(self.played)[0])

    def test_a_message_that_nobody_sent_is_named(self):
        self.played.messages.pop()
        self.assertIn("1 unknown", verify.check_stream(self.played)[0])

    def test_a_gap_in_the_versions_is_named(self):
        del self.events[1]
        self.assertIn("versions 1 3 4", verify.check_chain(self.subject, self.events, PARTITIONS)[0])

    def test_a_changed_value_breaks_the_chain_there(self):
        self.events[2] = dataclasses.replace(self.events[2], value=self.events[2].value.replace(b"two", b"TWO"))
        self.assertIn("version 3 (partition 2, offset 3): ce_hash", verify.check_chain(self.subject, self.events, PARTITIONS)[0])

    def test_every_field_is_in_the_chain(self):
        for name in ("ce_id", "ce_type", "ce_time", "ce_source", "ce_actor", "ce_correlationid", "ce_causationid", "content-type"):
            with self.subTest(name):
                self.played, self.events = dialog_of(["one"])
                self.with_header(1, name, b"forged")
                self.assertIn("ce_hash", verify.check_chain(self.subject, self.events, PARTITIONS)[0])

    def test_a_wrong_partition_is_named(self):
        self.assertIn("belongs to partition 1", verify.check_chain(self.subject, self.events, PARTITIONS // 2)[0])

    def test_stream_ids_that_are_not_the_versions_are_named(self):
        self.played.delivered = [(version + 1, message) for version, message in self.played.delivered]
        self.assertEqual(verify.check_dialog_events(self.played, self.events), ["the stream's ids are not the events' versions"])

    def test_one_command_that_caused_two_events_is_named(self):
        self.with_header(2, "ce_causationid", b"cause-2")
        self.assertEqual(verify.check_dialog_events(self.played, self.events), ["two events have the same cause"])

    def test_an_event_id_that_is_there_twice_is_named(self):
        self.with_header(2, "ce_id", b"id-1")
        self.assertEqual(verify.check_unique_ids(self.events), ["ce_id id-1 is there more than once"])


class Streams(unittest.TestCase):
    def test_frames_are_the_same_wherever_the_bytes_are_cut(self):
        for end in (b"\n", b"\r\n", b"\r"):
            text = b": comment\n\nid: 7\ndata: {\"a\":\ndata: \xd0\xb6}\n\ndata: __ping__\n\nid: 8\n\n".replace(b"\n", end) + b"x"
            expected = [("7", '{"a":\nж}'), (None, "__ping__"), ("8", None)]
            for cut in range(len(text)):
                frames = Frames()
                self.assertEqual([*frames.feed(text[:cut]), *frames.feed(text[cut:])], expected, f"cut at {cut} of {text}")


class Input(unittest.TestCase):
    def test_wrong_lines_are_refused_with_what_is_wrong(self):
        for line, said in (("{", "not JSON"), ("[]", "must be a JSON object"), ('{"turns":[]}', '"dialogue_id"'), ('{"dialogue_id":"a"}', '"turns"'),
                           ('{"dialogue_id":"a","turns":[]}', "at least one"), ('{"dialogue_id":"a","turns":[1]}', "turn 1 must be an object"),
                           ('{"dialogue_id":"a","turns":[{"speaker":"bot","text":"x"}]}', 'turn 1: "speaker"'),
                           ('{"dialogue_id":"a","turns":[{"speaker":"user","text":" "}]}', 'turn 1: "text"')):
            with self.subTest(line), self.assertRaisesRegex(InputError, said):
                parse_line(line)

    def test_the_line_is_named_and_nothing_is_started(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write('{"dialogue_id":"a","turns":[{"speaker":"user","text":"x"}]}\n\n{"dialogue_id":')
            file.flush()
            run = subprocess.run([OPS / "demo", file.name], capture_output=True, text=True, timeout=30)
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        self.assertIn(f"{file.name}, line 3: not JSON", run.stderr)

    def test_our_own_dialogs_can_be_read(self):
        self.assertEqual(sum(len(dialog.turns) for dialog in read_dialogs(OPS / "harness/demo/dialogs.jsonl")), 31)


if __name__ == "__main__":
    unittest.main(verbosity=2)
