#!/usr/bin/python3
"""ops/bundle of a running system: nothing that people wrote or that opens anything is in it, wherever the API took it. Needs PARLEY_TEST_BASE and PARLEY_TEST_DATA."""

import json
import os
import pathlib
import secrets
import subprocess
import sys
import tarfile
import tempfile
import unittest

from settings import ROOT

sys.path.append(str(ROOT / "tests" / "contract"))
from contract import BASE, SKIPPED, Caller  # noqa: E402

DATA = pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or "/") / "system"


class Canaries(unittest.TestCase):
    def setUp(self):
        """Each place of the API that takes a text or a secret, or gives one, and each place where a client chooses a text that may be logged."""
        mark = secrets.token_hex(6)
        self.canaries = {f"canary-{mark}@example.org", f"Passw0rd-{mark}-canary", f"canaryname{mark}", f"canary words {mark}", f"canarysite{mark}.example",
                         f"{secrets.randbelow(10**9) + 10**9}:AA{secrets.token_hex(16)}q", f"canary-request-{mark}", f"CANARY{mark}"}
        email, password, name, words, site, bot, request, odd = sorted(self.canaries, key=lambda text: (
            "@" not in text, "Passw0rd" not in text, "canaryname" not in text, " " not in text, "canarysite" not in text, ":AA" not in text, "request" not in text))
        answer = Caller().post("/api/auth/register", {"email": email, "password": password, "first_name": name})
        self.assertEqual(answer.status, 201, answer)
        self.secret(answer.json["access_token"])
        owner = Caller(Authorization="Bearer " + answer.json["access_token"], X_Request_Id=request)
        assistant = owner.post("/api/assistants", {"name": name, "system_prompt": words, "telegram_bot_token": bot, "allowed_domains": [site]})
        if assistant.status >= 400:
            assistant = owner.post("/api/assistants", {"name": name})
        self.assertEqual(assistant.status, 201, assistant)
        self.secret(assistant.json["site_token"])
        key = owner.post("/api/api-keys", {"name": name, "scopes": ["dialogs:read"]})
        if key.status == 201:
            self.secret(next(value for value in key.json.values() if isinstance(value, str) and len(value) > 30))
        visitor = Caller(X_Site_Token=assistant.json["site_token"])
        opened = visitor.post("/api/site/dialogs", {"first_name": name})
        self.assertEqual(opened.status, 201, opened)
        self.secret(opened.json["guest_id"])
        guest = Caller(X_Site_Token=assistant.json["site_token"], X_Guest_Id=opened.json["guest_id"])
        self.assertEqual(guest.post(f"/api/site/dialogs/{opened.json['id']}/messages", {"text": words}).status, 201)
        # What is refused is logged too.
        for path in (f"/api/{odd}", f"/api/dialogs/{odd}/messages?token={odd}&q={odd}", f"/{odd}?{odd}={odd}"):
            owner.get(path)
        Caller().call(odd.upper()[:12], "/api/users/me")
        Caller().post("/api/auth/login", {"email": email, "password": "wrong " + password})
        Caller(Authorization="Bearer " + odd).get("/api/users/me", X_Forwarded_For=odd)

    def secret(self, text):
        self.canaries.add(text)

    def test_none_is_in_the_bundle_and_what_a_report_needs_is(self):
        with tempfile.TemporaryDirectory(prefix="parley-bundle") as folder:
            out = pathlib.Path(folder) / "bundle.tar.gz"
            done = subprocess.run([ROOT / "ops" / "bundle", "--data", DATA, "--out", out], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            with tarfile.open(out) as tar:
                files = {member.name.partition("/")[2]: tar.extractfile(member).read().decode() for member in tar.getmembers()}
        for text in self.canaries:
            for shown in (text, text.lower(), json.dumps(text)[1:-1]):
                found = [name for name, content in files.items() if shown in content]
                self.assertEqual(found, [], f"{shown} is in the bundle")
        self.assertEqual(json.loads(files["manifest.json"])["not_collected"], [], done.stdout)
        self.assertLessEqual({"decider-1", "projector-1", "reactor-1", "api-1"}, {name.split("/")[1].removesuffix(".json") for name in files if name.startswith("readyz/")})
        self.assertEqual(json.loads(files["readyz/decider-1.json"])["status"], 200)
        self.assertIn("parley_process_ready 1", files["metrics/decider-1.txt"])
        topics = json.loads(files["kafka.json"])["topics"]
        self.assertGreater(sum(partition["end"] for partition in topics["parley.events"]["partitions"]), 0)
        self.assertIn("messages", {table["relname"] for table in json.loads(files["postgres/tables.json"])})
        self.assertEqual({row["projection"] for row in json.loads(files["postgres/checkpoints.json"])} & {"read_models"}, {"read_models"})
        requests = [json.loads(line) for line in files["log/api-1.log"].splitlines() if '"request"' in line]
        self.assertIn("/api/site/dialogs", {request.get("route") for request in requests})


if __name__ == "__main__":
    if not BASE or not DATA.is_dir():
        print("PARLEY_TEST_BASE or PARLEY_TEST_DATA is not set: no running system")
        sys.exit(SKIPPED)
    unittest.main()
