#!/usr/bin/python3
"""A copy of a system that is at work, and another system with another number of partitions made from it: whoever was answered before finds
everything there, and nothing that is damaged, foreign or half done passes for it. With PARLEY_OLD_BIN, a program of the build before, the first system is
that build's: its copy becomes a system of this one."""

import contextlib
import http.client
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import time
import unittest
from collections import defaultdict

import psycopg2
from chaos import fold
from confluent_kafka.admin import AdminClient
from copies import Copy
from demo import verify
from demo.log import Log, place_of
from failures import OpsError
from load import Load
from parley_system import System, settings_for_test
from supervisor import wait_for

PORT, OTHER_PORT = 15800, 15900
PARTITIONS = 5  # of the second one
SKIPPED = 77
WAIT_S = 60.0
LOG_S = 30.0
MESSAGES_BEFORE, MESSAGES_AFTER = 200, 60
PASSPHRASE = "correct horse battery staple"
PASSWORD = "correct horse"
OLDER = {"binary": pathlib.Path(os.environ["PARLEY_OLD_BIN"])} if os.environ.get("PARLEY_OLD_BIN") else {}
COMMAND_OFFSETS = {"ce_commandoffset", "command_offset"}


class Person:
    """Asks a system as a client would; what it asked with a key can be asked again."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None, headers=(), key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            sent = {"Content-Type": "application/json", "Accept-Language": "en", **dict(headers), **({"Idempotency-Key": key} if key else {})}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            return response.status, json.load(response), {name.lower(): value for name, value in response.getheaders()}

    def stream(self, path, last_id, headers, count):
        """The (id, message) of so many messages after that id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={**headers, "Last-Event-ID": str(last_id), "Accept": "text/event-stream"})
            response, frame, found = connection.getresponse(), {}, []
            while len(found) < count:
                name, _, value = response.readline().decode().rstrip("\r\n").partition(":")
                if name:
                    frame[name] = value.removeprefix(" ")
                elif frame.keys() >= {"id", "data"}:
                    found.append((int(frame["id"]), json.loads(frame["data"])))
                    frame = {}
            return found


class Backup(unittest.TestCase):
    """One story, in this order."""

    @classmethod
    def setUpClass(cls):
        cls.began = time.monotonic()
        cls.first = cls.enterClassContext(System(settings_for_test("backup-first", PORT, deciders=2,
                                                                       role_arguments={"decider": ["--seal-events-max", "10"]}, **OLDER), cls.say))
        cls.second = cls.enterClassContext(System(settings_for_test("backup-second", OTHER_PORT, partitions=PARTITIONS), cls.say))
        cls.folder = cls.second.settings.data.parent / "backup-copies"
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.folder.mkdir(parents=True)
        (cls.folder / "passphrase").write_text(PASSPHRASE + "\n")
        cls.first.start(fresh=True)

    @classmethod
    def say(cls, line):
        print(f"{time.monotonic() - cls.began:6.1f} {line}", flush=True)

    def test_a_copy_made_under_load_becomes_a_system_that_goes_on(self):
        log = Log(self.first.settings.kafka_brokers, "parley.events", {})
        self.person = Person(PORT)
        self.people_come()
        self.copy_under_load()
        self.events = list(log.read(LOG_S))
        self.the_cut_is_closed_and_holds_what_was_acknowledged()
        self.reads = self.read_all(self.person)
        self.what_cannot_be_copied_is_said()
        self.damage_is_refused()
        self.first.stop()
        self.second.start_servers(fresh=True)
        self.a_restore_that_has_not_ended_is_no_log()
        self.restore()
        self.second.start_parley()
        self.the_second_log_is_the_first_one()
        self.tables_are_the_same()
        self.rows_are_what_a_rebuild_makes()
        self.person = Person(OTHER_PORT)
        self.everybody_finds_everything_and_goes_on()

    # The first system.

    def people_come(self):
        self.account = {"email": f"owner-{secrets.token_hex(4)}@example.com", "password": PASSWORD}
        self.asked = []
        registered = self.ask("/api/auth/register", self.account)
        self.owner = {"Authorization": "Bearer " + registered["access_token"]}
        assistant = self.ask("/api/assistants", {"name": "A"}, self.owner)
        self.site = {"X-Site-Token": assistant["site_token"]}
        self.dialogs = []
        for number in range(4):
            opened = self.ask("/api/site/dialogs", {"first_name": f"V{number}"}, self.site)
            self.dialogs.append((opened["id"], {**self.site, "X-Guest-Id": opened["guest_id"]}))
            for turn in range(3):
                self.ask(f"/api/site/dialogs/{opened['id']}/messages", {"text": f"{number} {turn}"}, self.dialogs[-1][1])
            self.ask(f"/api/dialogs/{opened['id']}/messages", {"text": "answer", "operator_name": "N"}, self.owner)
        self.ask("/api/auth/register", {**self.account, "password": "another one"}, expected=409)
        self.ask("/api/auth/login", {"email": "nobody@example.com", "password": PASSWORD}, expected=401)

    def ask(self, path, body, headers=(), expected=(200, 201)):
        """Remembers the question and its answer."""
        key = secrets.token_hex(16)
        status, answer, got = self.person.call("POST", path, body, headers, key)
        self.assertIn(status, (expected,) if isinstance(expected, int) else expected, (path, answer))
        self.asked.append((path, body, dict(headers), key, status, answer, got.get("x-event-position")))
        return answer

    def copy_under_load(self):
        def faults():
            load.wait_messages(MESSAGES_BEFORE)
            self.acknowledged = list(load.commands)
            before, began = load.messages(), time.monotonic()
            summary = json.loads(self.task(self.first, "backup", self.copy_path, "--passphrase-file", self.folder / "passphrase", "--json"))
            self.say(f"copied in {time.monotonic() - began:.1f} s, {load.messages() - before} messages meanwhile: {summary['copy']['totals']}")
            load.wait_messages(MESSAGES_AFTER)

        load = Load(self.first.url, long=4, short=2)
        load.run(faults)
        self.first.wait_ready()
        self.copy = Copy(self.copy_path)

    @property
    def copy_path(self):
        return self.folder / "copy"

    def the_cut_is_closed_and_holds_what_was_acknowledged(self):
        cut = self.copy.manifest["cut"]
        self.inside = [event for event in self.events if event.offset < cut[event.partition]]
        self.assertLess(len(self.inside), len(self.events), "something was written after the copy")
        subjects = {event.subject for event in self.inside}
        for event in self.inside:
            value, actor = json.loads(event.value), event.text("ce_actor")
            needed = {f"{kind}/{value[name]}" for name, kind in (("assistant_id", "assistant"), ("owner_id", "account")) if name in value}
            if "/" in actor:
                needed.add(actor.replace("visitor/", "assistant/"))
            self.assertLessEqual(needed, subjects, f"{event.subject} at {event.partition}:{event.offset}")
        copied = {(partition, record.offset): record for partition, records in self.copy.records("events").items() for record in records}
        self.assertEqual(copied.keys(), {(event.partition, event.offset) for event in self.inside})
        for event in self.inside:
            record = copied[event.partition, event.offset]
            self.assertEqual((record.key, record.value, dict(record.headers)), (event.key, event.value, event.headers))
        standing = {f"{event.partition}:{event.offset}" for event in self.inside}
        positions = [command.headers.get("x-event-position") for command in self.acknowledged] + [one[-1] for one in self.asked]
        missing = [position for position in positions if position and place_of(position) not in standing]
        self.assertEqual(missing, [], "acknowledged before the copy was begun")
        self.assertGreater(len(positions), MESSAGES_BEFORE)

    def read_all(self, person):
        """Everything that can be read of what these people wrote; histories without positions."""
        paths = [("/api/users/me", self.owner), ("/api/dialogs?limit=100", self.owner)]
        for dialog, guest in self.dialogs:
            paths += [(f"/api/dialogs/{dialog}", self.owner), (f"/api/dialogs/{dialog}/messages", self.owner), (f"/api/dialogs/{dialog}/history", self.owner),
                      (f"/api/site/dialogs/{dialog}/messages", guest)]
        reads = {}
        for path, headers in paths:
            status, answer, _ = person.call("GET", path, headers=headers)
            self.assertEqual(status, 200, (path, answer))
            for event in answer.get("events", ()):
                del event["position"]
            reads[path, "X-Guest-Id" in headers] = answer
        return reads

    # What must be refused.

    def what_cannot_be_copied_is_said(self):
        self.assert_fails(self.first, "is not empty", "backup", self.copy_path, "--without-keys")
        self.assert_fails(self.first, "--without-keys", "backup", self.folder / "none")
        self.assertFalse((self.folder / "none").exists())
        away = {"PARLEY_KAFKA_BROKERS": "127.0.0.1:1"}
        self.assert_fails(self.first, "", "backup", self.folder / "away", "--without-keys", environment=away)
        self.assertFalse((self.folder / "away" / "manifest.json").exists())

    def damage_is_refused(self):
        self.assertIn("whole copy", self.task(self.first, "restore", self.copy_path, "--check"))
        largest = max(self.copy.manifest["files"], key=lambda file: file["bytes"])["name"]

        def changed(folder):
            with open(folder / largest, "r+b") as file:
                file.seek(largest_bytes // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes((byte[0] ^ 1,)))

        largest_bytes = (self.copy_path / largest).stat().st_size
        for spoil, said in ((changed, largest), (lambda folder: (folder / "replies-3.records").unlink(), "replies-3.records"),
                            (lambda folder: os.truncate(folder / "manifest.json", 500), "manifest.json"),
                            (lambda folder: (folder / "manifest.json").unlink(), "manifest.json")):
            spoiled = self.folder / "spoiled"
            shutil.copytree(self.copy_path, spoiled)
            spoil(spoiled)
            self.assert_fails(self.second, said, "restore", spoiled, "--check")
            shutil.rmtree(spoiled)

    def a_restore_that_has_not_ended_is_no_log(self):
        """It ends where the directory is compared: what was copied of it is not what the events say."""
        spoiled = self.folder / "spoiled"
        shutil.copytree(self.copy_path, spoiled)
        copy = Copy(spoiled)
        partition, records = next((partition, records) for partition, records in copy.records("directory").items()
                                  if any(record.key.startswith(b"site_token/") for record in records))
        lost = next(record for record in records if record.key.startswith(b"site_token/"))
        copy.replace("directory", partition, [record for record in records if record != lost])
        self.assert_fails(self.second, lost.key.decode(), "restore", spoiled)
        self.assert_fails(self.second, "an earlier restore has not ended", "restore", self.copy_path)
        with self.assertRaisesRegex(OpsError, "commands is gone from a log with events"):
            self.second.task("topics")
        admin = AdminClient({"bootstrap.servers": self.second.settings.kafka_brokers})
        names = [name for name in admin.list_topics(timeout=WAIT_S).topics if name.startswith("parley.")]
        for done in admin.delete_topics(names).values():
            done.result()

    # The second system.

    def restore(self):
        wrong = {"PARLEY_BACKUP_PASSPHRASE": "a wrong passphrase"}
        self.assert_fails(self.second, "another passphrase", "restore", self.copy_path, environment=wrong)
        self.second.task("topics")  # as on any new system
        began = time.monotonic()
        said = json.loads(self.task(self.second, "restore", self.copy_path, "--json", environment={"PARLEY_BACKUP_PASSPHRASE": PASSPHRASE}))
        self.say(f"restored in {time.monotonic() - began:.1f} s, {said['partitions']} partitions")
        self.assertTrue(said["keys_written"])
        for file in ("keys_file", "seal_key_file"):
            self.assertEqual(getattr(self.second.settings, file).read_text(), getattr(self.first.settings, file).read_text())
        self.assertEqual(said["seals_left_behind"], self.copy.manifest["seals"])
        self.assert_fails(self.second, "holds records", "restore", self.copy_path)
        self.assertNotIn("created", self.second.task("topics"), "all is as `parley topics` makes it")

    def the_second_log_is_the_first_one(self):
        """But for places and what names them; seen by copying it again."""
        again = self.folder / "again"
        self.task(self.second, "backup", again, "--without-keys")
        second = Copy(again)
        self.assertEqual(second.partitions, PARTITIONS)

        def without_offsets(record):
            return record.time, record.key, record.value, tuple(one for one in record.headers if one[0] not in COMMAND_OFFSETS)

        def by_key(copy, topic, form):
            out = defaultdict(list)
            for partition, records in copy.records(topic).items():
                for record in records:
                    if not record.text("ce_subject").startswith("seal/"):
                        out[record.key].append(form(record, partition))
            return out

        self.assertEqual(by_key(self.copy, "events", lambda record, _: without_offsets(record)),
                         by_key(second, "events", lambda record, _: without_offsets(record)))
        for partition, records in second.records("events").items():
            times = [record.text("ce_time") for record in records]
            self.assertEqual(times, sorted(times), f"partition {partition}")
            self.assertEqual({record.text("ce_commandoffset") for record in records} - {"-1"}, set())

        def remembered(copy):
            """{command id: (its outcome, the event that it names)}"""
            events = {(partition, record.offset): record.text("ce_id") for partition, records in copy.records("events").items() for record in records}
            out = {}
            for records in copy.records("replies").values():
                for record in records:
                    outcome = json.loads(record.value)
                    position = outcome.pop("position", None)
                    out[record.key] = (outcome, position and events[position["partition"], position["offset"]])
            return out

        self.assertEqual(remembered(self.copy), remembered(second))
        self.second_events = Log(self.second.settings.kafka_brokers, "parley.events", {}, from_beginning=True).read(LOG_S)
        self.second_events = list(self.second_events)
        streams = defaultdict(list)
        for event in self.second_events:
            if not event.is_seal:  # the second system's own
                streams[event.subject].append(event)
        self.assertGreater(self.copy.manifest["seals"], 0, "there were some to be left behind")
        faults = [fault for subject, events in streams.items() for fault in verify.check_chain(subject, events, PARTITIONS)]
        self.assertEqual(faults, [])
        self.second.task("audit", "verify")

    def tables_are_the_same(self):
        with contextlib.closing(psycopg2.connect(self.second.settings.postgres)) as connection:
            self.assertEqual(fold.check_tables(self.second_events, connection, WAIT_S), [])

            def without_places(rows):
                rows["event_index"] = {key: row | {"partition": None, "position": None} for key, row in rows["event_index"].items() if key[0] != "seal"}
                return rows

            self.assertEqual(fold.compare_tables(without_places(fold.fold(self.inside)), without_places(fold.read_tables(connection)[0])), [])

    def rows_are_what_a_rebuild_makes(self):
        compared = json.loads(self.task(self.second, "rebuild", "--compare", "--json"))
        self.assertEqual(compared["differences"], [])
        self.say(f"verified, and a rebuild finds the same rows: {compared['events']} events")

    def everybody_finds_everything_and_goes_on(self):
        reads = self.read_all(self.person)
        for place, answer in self.reads.items():
            self.assertEqual(reads[place], answer, place)
        self.assertEqual(self.person.call("POST", "/api/auth/login", self.account)[0], 200)
        places = {place: answer for place, answer in ((f"{event.partition}:{event.offset}", event) for event in self.second_events)}
        for path, body, headers, key, status, answer, position in self.asked:
            again, same, got = self.person.call("POST", path, body, headers, key)
            self.assertEqual((again, got.get("idempotency-hit")), (status, "true"), (path, same))
            for volatile in ("access_token", "expires_in"):
                answer.pop(volatile, None), same.pop(volatile, None)
            self.assertEqual(same, answer, path)
            if position:
                self.assertIn(place_of(got["x-event-position"]), places)
                refused, error, _ = self.person.call("GET", "/api/users/me", headers={**self.owner, "X-Read-After": position})
                self.assertEqual((refused, error["error"]["details"]["field"]), (422, "X-Read-After"))
                self.assertIn("another log", error["error"]["details"]["issue"])
                self.assertEqual(self.person.call("GET", "/api/users/me", headers={**self.owner, "X-Read-After": got["x-event-position"]})[0], 200)
        self.ids_and_versions_go_on()

    def ids_and_versions_go_on(self):
        used = {int(event.subject.partition("/")[2]) for event in self.inside if not event.is_seal}
        used |= {json.loads(event.value)["message_id"] for event in self.inside if event.text("ce_type").startswith("parley.dialog.message")}
        given = []
        for dialog, guest in self.dialogs:
            history = self.person.call("GET", f"/api/dialogs/{dialog}/history", headers=self.owner)[1]["events"]
            last = history[-1]["version"]
            given.append(self.ask(f"/api/site/dialogs/{dialog}/messages", {"text": "goes on"}, guest)["id"])
            followed = self.person.stream(f"/api/dialogs/{dialog}/events", last - 2, self.owner, 3)
            self.assertEqual([version for version, _ in followed], [last - 1, last, last + 1])
            self.assertIn("goes on", json.dumps(followed[-1][1]))
        for _ in range(60):
            opened = self.ask("/api/site/dialogs", {}, self.site)
            given.append(opened["id"])
            message = self.ask(f"/api/site/dialogs/{opened['id']}/messages", {"text": "new"}, {**self.site, "X-Guest-Id": opened["guest_id"]})
            given.append(message["id"])
        self.assertEqual(len(set(given)), len(given))
        self.assertEqual(set(given) & used, set(), "no id is given twice")

    # How.

    def run_task(self, system, *arguments, environment=None):
        variables = {**os.environ, **system.environment(), **(environment or {})}
        return subprocess.run([system.settings.binary, *map(str, arguments)], env=variables, capture_output=True, text=True, timeout=WAIT_S)

    def task(self, system, *arguments, environment=None):
        done = self.run_task(system, *arguments, environment=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_fails(self, system, said, *arguments, environment=None):
        done = self.run_task(system, *arguments, environment=environment)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(said, done.stderr)


if __name__ == "__main__":
    if os.environ.get("PARLEY_BIN") and not pathlib.Path(os.environ["PARLEY_BIN"]).exists():
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
