#!/usr/bin/python3
"""schemas/asyncapi.yaml is valid by AsyncAPI's own parser, names every event type, and describes the headers of the events that are really written."""

import json
import os
import subprocess

import contract
from demo.log import Log
from settings import ROOT

PARSER = ROOT / ".deps" / "asyncapi"
DOCUMENT = ROOT / "schemas" / "asyncapi.yaml"
TIMEOUT_S = 60
ERRORS_AND_WARNINGS = (0, 1)
PARSE = """
const { createRequire } = require('node:module');
const { Parser, fromFile } = createRequire(process.argv[1] + '/')('@asyncapi/parser');
fromFile(new Parser(), process.argv[2]).parse().then(({ document, diagnostics }) => console.log(JSON.stringify({
  diagnostics: diagnostics.map((d) => ({ severity: d.severity, where: d.path.join('.'), message: d.message })),
  messages: document ? document.messages().all().map((m) => ({ name: m.name(), payload: m.payload().json(), headers: m.headers().json() })) : [],
})));
"""


class AsyncApi(contract.ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = subprocess.run(["node", "-e", PARSE, PARSER, DOCUMENT], stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_S)
        cls.parsed = json.loads(done.stdout)
        cls.messages = {message["name"]: message for message in cls.parsed["messages"]}

    def test_the_document_is_valid(self):
        self.assertEqual([d for d in self.parsed["diagnostics"] if d["severity"] in ERRORS_AND_WARNINGS], [])

    def test_it_has_every_event_type_with_its_schema(self):
        schemas = {file.name.removesuffix(".json"): json.loads(file.read_text()) for file in (ROOT / "schemas" / "events").glob("*.json")}
        entries = {f"directory/{file.stem}": json.loads(file.read_text()) for file in (ROOT / "schemas" / "directory").glob("*.json")}
        self.assertEqual(self.messages.keys() - {"command", "reply", "deadLetter", "typing"}, schemas.keys() | entries.keys())
        for name, schema in schemas.items():
            self.assertEqual(self.messages[name]["payload"]["title"], schema["title"])
        for name, schema in entries.items():
            self.assertEqual(self.messages[name]["payload"]["properties"].keys(), schema["properties"].keys())

    def test_it_describes_the_headers_that_are_written(self):
        names = {"events": lambda record: record.text("ce_type"), "commands": lambda _: "command", "replies": lambda _: "reply",
                 "directory": lambda record: "directory/" + record.key.decode().partition("/")[0], "signals": lambda _: "typing"}
        logs = {topic: Log(os.environ["PARLEY_TEST_KAFKA"], f"parley.{topic}", {}) for topic in names}
        somebody = self.register()
        wrong = {"current_password": "not it", "new_password": "correct horse 2"}
        self.assert_error(somebody.post("/api/users/change-password", wrong), 422, "VALIDATION_ERROR")
        self.assertEqual(somebody.post("/api/api-keys", {"name": "CRM", "scopes": ["dialogs:read"]}).status, 201)
        self.assertEqual(somebody.post("/api/auth/logout").status, 204)
        assistant = self.owner.post("/api/assistants", {"name": "A", "description": "d"}).json
        path = f"/api/assistants/{assistant['id']}"
        self.owner.put(path, {"description": None, "is_active": False})
        self.assert_error(self.owner.put(path, {"name": "B"}, If_Match='"1"'), 409, "VERSION_CONFLICT")
        self.owner.post(path + "/site-token")
        self.owner.delete(path)
        dialog = self.open_dialog(first_name="Ivan")
        self.assertEqual(self.owner.post(dialog.path + "/typing", {"operator_name": "Anna"}).status, 204)
        for topic, log in logs.items():
            records = list(log.read(TIMEOUT_S))
            self.assertTrue(records, topic)
            for record in records:
                described = self.messages[names[topic](record)]
                self.assertLessEqual(record.headers.keys(), described["headers"]["properties"].keys(), topic)
                self.assertLessEqual(set(described["headers"]["required"]), record.headers.keys(), topic)
                if topic != "commands" and record.value:  # a directory's entry that goes has none
                    self.assertLessEqual(json.loads(record.value).keys(), described["payload"].get("properties", {}).keys(), topic)


if __name__ == "__main__":
    contract.main(PARSER / "node_modules")
