#!/usr/bin/python3
"""ops/bundle: what a bug report needs is in the file, and no secret, address or text of a person is."""

import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

import data_folder
import redaction
from failures import Exit
from settings import ROOT

SECRET = "kq3Zp0cVx7YtB2mW9sLd4fHaNe6RuJgXoT1iC8bK5"
TEXTS = ("anna.canary@example.org", "canary words", SECRET)


def bundle(*arguments):
    return subprocess.run([ROOT / "ops" / "bundle", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


class Redaction(unittest.TestCase):
    def setUp(self):
        self.lines = redaction.Lines()

    def kept(self, log, line):
        return self.lines.redacted(log, line if isinstance(line, str) else json.dumps(line, ensure_ascii=False))

    def test_a_line_keeps_the_fields_that_are_known(self):
        line = {"time": "2026-11-30T10:00:00.001Z", "level": "info", "role": "api", "message": "request", "correlation_id": "19a8c087000a3bdf3fa53edbad39e8fd",
                "route": "/api/dialogs/{id}/messages", "status": 201, "seconds": 0.001, "streaming": False}
        self.assertEqual(json.loads(self.kept("api-1.log", line)), line)
        self.assertEqual(json.loads(self.kept("api-1.log", {"message": "m", "peer": "10.1.2.3", "body": "canary words", "nested": {"text": "x"}})), {"message": "m"})
        self.assertEqual(dict(self.lines.fields), {"peer": 1, "body": 1, "nested": 1})

    def test_texts_of_a_line_are_scrubbed(self):
        for field, value, shown in (
                ("reason", 'Key (email)=(anna.canary@example.org) already exists; near "canary words"', "Key (email)=(…) already exists; near […]"),
                ("reason", f"cannot log in with Bearer {SECRET}", "cannot log in with Bearer [token]"),
                ("message", "sent to anna.canary@example.org", "sent to [e-mail]"),
                ("store", "/var/lib/parley/state/decider-1/12", "/var/lib/parley/state/decider-1/12"),
                ("reason", f"sasl.password={SECRET} is refused", "sasl.password=[left out] is refused"),
                ("reason", SECRET, "[token]"),
                ("correlation_id", "anna-canary", redaction.made_here("anna-canary")),
                ("path", f"/api/site/dialogs/1322/messages/{SECRET}?token={SECRET}", "/api/site/dialogs/1322/messages/*"),
                ("method", "CANARY", "*")):
            with self.subTest(field=field, value=value):
                self.assertEqual(json.loads(self.kept("api-1.log", {field: value}))[field], shown)
        self.assertNotIn("text", json.loads(self.kept("api-1.log", {"message": "message", "text": "canary words"})))
        self.assertEqual(json.loads(self.kept("api-1.log", {"message": "kafka client", "text": "1/1 brokers are down"}))["text"], "1/1 brokers are down")

    def test_lines_of_the_servers_keep_what_the_server_says_and_not_what_it_quotes(self):
        for log, line, shown in (
                ("postgres.log", '2026-11-30 23:30:10.636 UTC [18822] ERROR:  duplicate key value violates unique constraint "accounts_email"',
                 "2026-11-30 23:30:10.636 UTC [18822] ERROR: duplicate key value violates unique constraint […]"),
                ("postgres.log", "2026-11-30 23:30:10.636 UTC [18822] DETAIL:  Key (email)=(anna.canary@example.org) already exists.", None),
                ("postgres.log", "2026-11-30 23:30:10.636 UTC [18822] STATEMENT:  INSERT INTO messages VALUES ('canary words')", None),
                ("postgres.log", "\tcanary words", None),
                ("edge-error.log", '2026/11/30 23:30:10 [error] 7#7: *1 upstream timed out, client: 10.1.2.3, server: , request: "GET /?token=canary"',
                 "2026/11/30 23:30:10 [error] 7#7: *1 upstream timed out"),
                ("kafka.log", "2026-11-30T23:38:59.111Z [kafka-shutdown-hook] INFO org.apache.kafka.common.utils.AppInfoParser - App info kafka.server for 1 unregistered",
                 "2026-11-30T23:38:59.111Z [kafka-shutdown-hook] INFO org.apache.kafka.common.utils.AppInfoParser - App info kafka.server for 1 unregistered"),
                ("kafka.log", "canary words", None), ("api-1.log", "canary words", None), ("api-1.log", '{"message": "cut off', None)):
            with self.subTest(line=line):
                self.assertEqual(self.kept(log, line), shown)

    def test_settings_show_what_holds_no_secret(self):
        shown = redaction.settings({"PARLEY_POSTGRES": f"host=/s port=1 dbname=parley user=parley password={SECRET}", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1",
                                    "PARLEY_KAFKA_PROPERTY": f"security.protocol=SASL_SSL;sasl.password={SECRET}", "PARLEY_STREAMS_MAX": "7", "PARLEY_NEW": SECRET})
        self.assertEqual(shown, {"PARLEY_POSTGRES": "host=/s port=1 dbname=parley user=parley password=[left out]", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1",
                                 "PARLEY_KAFKA_PROPERTY": "security.protocol=SASL_SSL;sasl.password=[left out]", "PARLEY_STREAMS_MAX": "7", "PARLEY_NEW": "[left out]"})
        self.assertEqual(redaction.settings({"PARLEY_POSTGRES": f"postgresql://u:{SECRET}@h/d"}), {"PARLEY_POSTGRES": "[left out]"})


class Bundle(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="parley-bundle")))
        self.data, self.out = self.folder / "data", self.folder / "bundle.tar.gz"
        (self.data / "log").mkdir(parents=True)
        (self.data / data_folder.MARK).touch()
        (self.data / "run.json").write_text(json.dumps({
            "pid": 1, "ticks": 1, "url": "http://localhost:1", "environment": {"PARLEY_KAFKA_BROKERS": "127.0.0.1:1", "PARLEY_POSTGRES": f"host=/none password={SECRET}"},
            "processes": [{"name": "api-1", "pid": None, "ticks": None, "wanted": False, "restarts": 3, "last_exit": 70, "ports": {"health": 1}}]}))
        (self.data / "log" / "api-1.log").write_text("".join(json.dumps({"message": "request", "reason": f'"{text}" {SECRET}', "peer": text}) + "\n" for text in TEXTS))

    def files(self):
        with tarfile.open(self.out) as tar:
            return {member.name.partition("/")[2]: tar.extractfile(member).read().decode() for member in tar.getmembers()}

    def test_of_a_system_that_does_not_run_everything_else_is_collected_and_named(self):
        done = bundle("--data", self.data, "--out", self.out)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout + done.stderr)
        files = self.files()
        manifest = json.loads(files["manifest.json"])
        self.assertEqual({part["name"] for part in manifest["parts"]} | {"manifest.json"}, set(files))
        self.assertEqual({part["name"] for part in manifest["not_collected"]} & {"kafka.json", "postgres/tables.json"}, {"kafka.json", "postgres/tables.json"})
        for part in manifest["parts"] + manifest["not_collected"]:
            self.assertIn(part["name"], done.stdout)
        self.assertEqual(json.loads(files["settings.json"])["processes"][0]["restarts"], 3)
        self.assertIn("commit", json.loads(files["versions.json"]))
        self.assertEqual(json.loads(files["log/api-1.log"].splitlines()[0]), {"message": "request", "reason": "[…] [token]"})
        for text in TEXTS:
            self.assertNotIn(text, "".join(files.values()) + done.stdout)
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)

    def test_only_the_end_of_a_large_log_is_collected(self):
        (self.data / "log" / "api-1.log").write_text("".join(json.dumps({"message": "request", "count": number}) + "\n" for number in range(100_000)))
        self.assertEqual(bundle("--data", self.data, "--out", self.out, "--log-mb", "1").returncode, 0)
        kept = self.files()["log/api-1.log"].splitlines()
        self.assertEqual(json.loads(kept[-2])["count"], 99_999)
        self.assertLess(len(kept), 40_000)

    def test_a_folder_that_is_not_parleys_and_a_file_that_exists_are_refused(self):
        done = bundle("--data", self.folder, "--out", self.out)
        self.assertEqual(done.returncode, Exit.FOLDER)
        self.assertIn("is not a data folder of Parley", done.stderr)
        self.out.write_text("mine")
        done = bundle("--data", self.data, "--out", self.out)
        self.assertEqual(done.returncode, Exit.USAGE)
        self.assertIn("--out", done.stderr)
        self.assertEqual(self.out.read_text(), "mine")


if __name__ == "__main__":
    unittest.main(verbosity=2)
