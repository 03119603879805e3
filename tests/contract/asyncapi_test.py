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
        self.assertEqual(self.messages.keys() - {"command", "reply", "directoryEntry", "deadLetter", "typing"}, schemas.keys())
        for name, schema in schemas.items():
            self.assertEqual(self.messages[name]["payload"]["title"], schema["title"])

    def test_it_describes_the_headers_that_are_written(self):
        names = {"events": None, "commands": "command", "replies": "reply", "directory": "directoryEntry", "signals": "typing"}
        logs = {topic: Log(os.environ["PARLEY_TEST_KAFKA"], f"parley.{topic}", {}) for topic in names}
        self.register()
        assistant = self.owner.post("/api/assistants", {"name": "A", "description": "d"}).json
        self.owner.put(f"/api/assistants/{assistant['id']}", {"description": None, "is_active": False})
        self.owner.post(f"/api/assistants/{assistant['id']}/site-token")
        self.owner.delete(f"/api/assistants/{assistant['id']}")
        dialog = self.open_dialog(first_name="Ivan")
        self.assertEqual(self.owner.post(dialog.path + "/typing", {"operator_name": "Anna"}).status, 204)
        for topic, log in logs.items():
            records = list(log.read(TIMEOUT_S))
            self.assertTrue(records, topic)
            for record in records:
                described = self.messages[names[topic] or record.text("ce_type")]
                self.assertLessEqual(record.headers.keys(), described["headers"]["properties"].keys(), topic)
                self.assertLessEqual(set(described["headers"]["required"]), record.headers.keys(), topic)
                if topic != "commands" and record.value:  # a directory's entry that goes has none
                    self.assertLessEqual(json.loads(record.value).keys(), described["payload"].get("properties", {}).keys(), topic)


if __name__ == "__main__":
    contract.main(PARSER / "node_modules")
