#!/usr/bin/python3
"""The API's own document: valid by public judges, the committed one is served, and nothing of an operation is left unsaid. Needs PARLEY_TEST_BASE."""

import json
import subprocess

import contract
import jsonschema
from settings import DEPS, ROOT

PYTHON = DEPS / "contract-python" / "bin" / "python"
NPM = DEPS / "contract-npm"
DOCUMENT = ROOT / "schemas" / "openapi" / "replyx.json"
TIMEOUT_S = 60
# Everything that Redocly recommends, as errors; examples must be what their schemas say.
LINT = """
const { createRequire } = require('node:module');
const { createConfig, lint } = createRequire(process.argv[1] + '/')('@redocly/openapi-core');
const rules = { 'info-license': 'off', 'tag-description': 'error', 'tags-alphabetical': 'off', 'operation-singular-tag': 'error', 'path-params-defined': 'error',
                'operation-parameters-unique': 'error', 'no-invalid-schema-examples': 'error', 'no-invalid-parameter-examples': 'error',
                'response-contains-header': { severity: 'error', names: { '2xx': ['X-Request-Id'], '4xx': ['X-Request-Id', 'Content-Language'], 503: ['Retry-After'],
                                                                          401: ['WWW-Authenticate'] } } };
createConfig({ extends: ['recommended-strict'], rules })
  .then((config) => lint({ ref: process.argv[2], config }))
  .then((problems) => console.log(JSON.stringify(problems.map((p) => `${p.ruleId}: ${p.message} (${p.location[0]?.pointer})`))));
"""


class OpenApi(contract.ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract = contract.Caller.contract
        cls.document = cls.contract.document
        cls.operations = [(f"{method} {path}", operation) for path, operations in cls.document["paths"].items() for method, operation in operations.items()]

    def test_the_committed_one_is_served(self):
        self.assertEqual(self.document, json.loads(DOCUMENT.read_text()))

    def test_it_is_valid(self):
        done = subprocess.run([PYTHON, "-m", "openapi_spec_validator", "--schema", "3.1", DOCUMENT], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_linter_has_nothing_to_say(self):
        done = subprocess.run(["node", "-e", LINT, NPM, DOCUMENT], stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_S)
        self.assertEqual(json.loads(done.stdout), [])

    def test_every_operation_says_all_of_itself(self):
        names = [operation["operationId"] for _, operation in self.operations]
        self.assertEqual(len(names), len(set(names)))
        tags = {tag["name"] for tag in self.document["tags"]}
        for name, operation in self.operations:
            with self.subTest(operation=name):
                self.assertTrue(operation["summary"])
                self.assertEqual(len(operation["tags"]), 1)
                self.assertLessEqual(set(operation["tags"]), tags)
                self.assertLessEqual({"400", "500", "503"}, operation["responses"].keys())
                self.assertEqual("401" in operation["responses"], bool(operation["security"]) or name == "post /api/auth/login", "who must say who they are may be refused")
                self.assertEqual("409" in operation["responses"], name.startswith(("post", "put", "patch", "delete")) and not name.endswith("/typing"))
                if "requestBody" in operation:
                    self.assertIn("413", operation["responses"])
                for status, response in operation["responses"].items():
                    response = self.contract.resolved(response)
                    if int(status) >= 400:
                        content = response["content"]["application/json"]
                        self.assertEqual(content["schema"], {"$ref": "#/components/schemas/Error"})
                        self.assertTrue(content["examples"])

    def test_every_schema_is_a_component(self):
        """Whoever makes a client gets one type for one thing, with a name."""
        for name, operation in self.operations:
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for described in bodies + [self.contract.resolved(response) for response in operation["responses"].values()]:
                schema = described.get("content", {}).get("application/json", {}).get("schema")
                if schema is not None:
                    self.assertIn("$ref", schema["items"] if schema.get("type") == "array" else schema, name)

    def test_every_error_is_shown_as_it_is_answered(self):
        for title, response in self.document["components"]["responses"].items():
            for code, example in response["content"]["application/json"]["examples"].items():
                self.assertEqual(example["value"]["error"]["code"], code, title)
                self.contract.validate(example["value"], self.document["components"]["schemas"]["Error"])
        answered = self.nobody.post("/api/auth/register", {"email": "user", "password": "password123"}, Accept_Language=None)
        response = self.contract.resolved(self.document["paths"]["/api/auth/register"]["post"]["responses"]["422"])
        self.assertEqual(response["content"]["application/json"]["examples"]["VALIDATION_ERROR"]["value"], answered.json)

    def test_documented_examples_are_shown_and_are_what_their_schemas_say(self):
        shown = {name for name, schema in self.document["components"]["schemas"].items() if "examples" in schema}
        self.assertLessEqual({"RegisterRequest", "LogInRequest", "Session", "User", "CreateAssistantRequest", "Assistant", "DialogList", "Dialog", "Messages",
                              "OperatorMessage"}, shown)
        for name in shown:
            for example in self.document["components"]["schemas"][name]["examples"]:
                self.contract.validate(example, {"$ref": f"#/components/schemas/{name}"})

    def test_the_judge_of_the_other_tests_refuses_what_is_not_declared(self):
        declared = self.contract.resolved(self.document["paths"]["/api/users/me"]["get"]["responses"]["401"])["headers"]
        bearer = [(name, "Bearer") for name in declared]
        headers = [each for each in bearer if each[0] != "WWW-Authenticate"]
        good = {"error": {"code": "NOT_AUTHENTICATED", "message": "x", "details": {}}}
        self.contract.check("GET", "/api/users/me", contract.Answer(401, bearer, json.dumps(good).encode()))
        wrong = {"error": {**good["error"], "code": "DIALOG_NOT_FOUND"}}
        for status, sent, body in ((401, bearer, wrong), (401, headers, good), (402, headers, good), (200, headers, {"id": "1"}), (401, bearer, {"error": "x"})):
            with self.assertRaises((AssertionError, jsonschema.ValidationError), msg=(status, body)):
                self.contract.check("GET", "/api/users/me", contract.Answer(status, sent, json.dumps(body).encode()))


if __name__ == "__main__":
    contract.main(PYTHON, NPM)
