#!/usr/bin/python3
"""What a visitor writes is shown to whoever reads it, and never acts there: not on an auditor's terminal, not in a log. Needs PARLEY_TEST_BASE,
PARLEY_TEST_KAFKA and PARLEY_BIN; for the logs PARLEY_TEST_DATA."""

import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import contract
from contract import ContractTest

BINARY, KAFKA = os.environ.get("PARLEY_BIN", ""), os.environ.get("PARLEY_TEST_KAFKA", "")
LOGS = pathlib.Path(os.environ.get("PARLEY_TEST_DATA", "")) / "system" / "log"
DEADLINE_S = 60
# Whatever a terminal obeys, and what changes how the rest of a line is shown.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
HOSTILE = "ж\u009b2J\u001b]0;owned\u0007\u202emoc\u2066\u2028\u200f\ufeff\x7f\r\n2026-11-21T10:17:00.123Z  the owner logs in\tz"


def audit(*arguments):
    return subprocess.run([BINARY, "audit", *map(str, arguments), "--kafka-brokers", KAFKA], capture_output=True, timeout=DEADLINE_S)


class Output(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dialog = cls.open_dialog(first_name="Ivan")
        for poster, path, body in ((cls.dialog.visitor, cls.dialog.visitor_path, {"text": HOSTILE}), (cls.owner, cls.dialog.path + "/messages", {"text": HOSTILE, "operator_name": "Anna"})):
            posted = poster.post(path, body)
            assert posted.status == 201, posted
        cls.stream = f"dialog/{cls.dialog.id}"
        cls.events = cls.owner.get(cls.dialog.path + "/history").json["events"]
        cls.kept = cls.events[1]["data"]["text"]

    def shown(self, *arguments):
        """Text that may be read on any terminal."""
        run = audit(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        for output in (run.stdout, run.stderr):
            self.assertIsNone(UNSAFE.search(output.decode("utf-8", "strict")), output)
        return run.stdout.decode()

    def test_no_command_of_the_audit_lets_it_act(self):
        begun, personal = self.events[0]["time"], "--personal"
        for command in (("state", self.stream), ("history", self.stream, "--data"), ("replay", self.stream, "--speed", "0"), ("export", "--from", begun),
                        ("explain", self.events[1]["event_id"])):
            for flags in ((), ("--json",)):
                with self.subTest(command=command, flags=flags):
                    out = self.shown(*command, personal, *flags)
                    if command[0] != "explain":
                        self.assertIn("\\u009b2J", out)
                        self.assertIn("\\u202emoc", out)

    def test_a_line_of_a_replay_is_one_event_whatever_was_written(self):
        self.assertEqual(len(self.shown("replay", self.stream, "--speed", "0", "--personal").splitlines()), len(self.events))

    def test_json_has_the_text_as_it_was_written(self):
        state = json.loads(self.shown("state", self.stream, "--json", "--personal"))
        self.assertEqual([message["text"] for message in state["messages"]], [self.kept] * 2)
        history = [json.loads(line) for line in self.shown("history", self.stream, "--data", "--json", "--personal").split("\n")[:-1]]
        self.assertEqual([event["data"].get("text") for event in history[1:]], [self.kept] * 2)
        for line in self.shown("replay", self.stream, "--json", "--personal", "--speed", "0").split("\n")[:-1]:
            self.assertIn(json.loads(line)["event"]["data"].get("text"), (None, self.kept))
        with tempfile.TemporaryDirectory() as folder:
            self.shown("export", "--from", self.events[0]["time"], "--personal", "--out", folder)
            lines = [json.loads(line) for file in pathlib.Path(folder).glob("events-*.jsonl") for line in self.safe(file.read_bytes()).split("\n")[:-1]]
        self.assertEqual([line["data"]["text"] for line in lines if line["subject"] == self.stream and line["sequence"] > 1], [self.kept] * 2)

    def safe(self, output):
        text = output.decode("utf-8", "strict")
        self.assertIsNone(UNSAFE.search(text), output[:1000])
        return text

    def test_what_is_typed_wrongly_is_shown_the_same(self):
        for arguments in (("history", "cat\u009b/1"), ("history", "dialog/\u202e"), ("state", self.stream, "--at", "\u009b2J"), ("export", "--out", "/proc/\u202e")):
            run = audit(*arguments)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("\\u", self.safe(run.stdout + run.stderr))

    def test_every_line_of_every_log_is_utf8_and_json_whatever_a_client_sends(self):
        if not LOGS.is_dir():
            self.skipTest("PARLEY_TEST_DATA is not set")
        mark = "output-" + secrets.token_hex(8)
        for target in (b"/caf\xe9", b"/api/dialogs/\xc2\x9b\xe2\x80\xae", b"/api/\xff\xfe?x=\x80"):
            for name in (b"X-Other", b"User-Agent", b"Accept-Language", b"Authorization", b"X-Site-Token", b"X-Forwarded-For"):
                with socket.create_connection(self.owner.address, timeout=DEADLINE_S) as connection:
                    connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + name + b": \xe9\xc2\x9b\r\n\r\n")
                    while connection.recv(65536):
                        pass
        self.owner.get("/api/users/me", X_Request_Id=mark)
        access = LOGS / "edge-access.log"
        deadline = time.monotonic() + DEADLINE_S
        while mark.encode() not in access.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.1)
        logs = [access, *LOGS.glob("api-*.log"), *LOGS.glob("decider-*.log"), *LOGS.glob("projector-*.log")]
        self.assertGreaterEqual(len(logs), 4)
        for log in logs:
            for line in log.read_bytes().split(b"\n")[:-1]:
                with self.subTest(log=log.name):
                    self.assertIsInstance(json.loads(self.safe(line)), dict)


if __name__ == "__main__":
    if not BINARY or not KAFKA:
        print("PARLEY_BIN or PARLEY_TEST_KAFKA is not set: skipped")
        sys.exit(contract.SKIPPED)
    contract.main()
