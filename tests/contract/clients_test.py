#!/usr/bin/python3
"""Clients that are generated from the served document, for Python and TypeScript, hold a dialog (clients/). Needs PARLEY_TEST_BASE."""

import json
import os
import pathlib
import subprocess
import tempfile

import contract
from settings import DEPS

PYTHON = DEPS / "contract-python" / "bin"
NPM = DEPS / "contract-npm" / "node_modules"
PROGRAMS = pathlib.Path(__file__).parent / "clients"
TIMEOUT_S = 60
SEEN = {"dialog": True, "assistant_name": "Support", "first_name": "Анна", "total": 1, "messages": [["user", "Привет!", None], ["operator", "Добрый день", "Иван"]]}


class Clients(contract.ContractTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.document = self.folder / "openapi.json"
        self.document.write_bytes(self.nobody.get("/openapi.json").body)

    def run_in(self, *command, **environment):
        """What it wrote. Warnings of generators are failures: something of the document would be missing."""
        done = subprocess.run(list(map(str, command)), cwd=self.folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, f"{command[0]}:\n{done.stdout}{done.stderr}")
        self.assertNotIn("warning", (done.stdout + done.stderr).lower())
        return done.stdout

    def test_one_for_python(self):
        (self.folder / "config.yml").write_text("post_hooks: []\n")
        self.run_in(PYTHON / "openapi-python-client", "generate", "--path", self.document, "--config", "config.yml", "--meta", "none", "--output-path", "replyx")
        seen = self.run_in(PYTHON / "python", "-B", PROGRAMS / "client.py", contract.BASE, PYTHONPATH=str(self.folder))
        self.assertEqual(json.loads(seen), SEEN)

    def test_one_for_typescript(self):
        (self.folder / "node_modules").symlink_to(NPM)
        (self.folder / "package.json").write_text('{"type":"module"}')
        for name in ("client.ts", "tsconfig.json"):
            (self.folder / name).write_text((PROGRAMS / name).read_text())
        # Node.js has what of these a client needs; its own declarations are a package more.
        (self.folder / "node.d.ts").write_text(
            'declare const process: { argv: string[] };\ndeclare module "node:crypto" { export function randomUUID(): string; }\n')
        self.run_in("node", NPM / "openapi-typescript" / "bin" / "cli.js", self.document, "--output", "replyx.d.ts")
        self.run_in("node", NPM / "typescript" / "bin" / "tsc", "--project", "tsconfig.json")
        self.assertEqual(json.loads(self.run_in("node", "client.js", contract.BASE)), SEEN)


if __name__ == "__main__":
    contract.main(PYTHON, NPM)
