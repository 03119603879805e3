#!/usr/bin/python3
"""schemathesis finds nothing to say of the running API, with all its checks, as a real account with a real dialog. Needs PARLEY_TEST_BASE.

By hand, longer, against the system of ops/run:

  PARLEY_TEST_BASE=http://localhost:8000 PYTHONPATH=ops/harness tests/contract/schemathesis_test.py --max-examples 500 --seed 7

Whatever follows goes to `schemathesis run` as it is (`--max-time 600`, `--include-operation-id getDialog`, `--report har`).
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import contract
from settings import DEPS

FOLDER = pathlib.Path(__file__).parent
PROGRAM = DEPS / "contract-python" / "bin" / "schemathesis"
EXAMPLES, SEED = 5, 20261121
TIMEOUT_S = 400
VERSIONS = 10  # of the dialog: the examples of `at` have one of one digit


class Schemathesis(contract.ContractTest):
    arguments = ["--max-examples", str(EXAMPLES), "--seed", str(SEED)]
    timeout_s = TIMEOUT_S

    def make_key(self):
        return self.owner.post("/api/api-keys", {"name": "A program", "scopes": ["assistants:read", "assistants:write", "dialogs:read", "dialogs:write"]}).json

    def test_it_finds_nothing(self):
        dialog = self.open_dialog(first_name="Ivan")
        for _ in range(VERSIONS):
            posted = dialog.visitor.post(dialog.visitor_path, {"text": "Привет!"})
        values = {"PARLEY_TEST_BASE": contract.BASE, "ACCESS_TOKEN": self.owner.headers["Authorization"].removeprefix("Bearer "), "SITE_TOKEN": self.site_token,
                  "GUEST_ID": dialog.opened["guest_id"], "ASSISTANT_ID": str(self.assistant["id"]), "DIALOG_ID": dialog.id,
                  "SPARE_ASSISTANT_ID": self.owner.post("/api/assistants", {"name": "Changed and deleted"}).json["id"], "EMAIL": self.email,
                  "PASSWORD": self.password, "API_KEY": self.make_key()["key"], "SPARE_API_KEY_ID": self.make_key()["id"],
                  "SPARE_OPERATOR_ID": self.owner.post("/api/operators", {"email": contract.new_email(), "name": "Olga", "password": self.password}).json["id"]}
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        settings = re.sub(r'"\$\{(\w+)\}"', lambda found: repr(values[found[1]]), (FOLDER / "schemathesis.toml").read_text())
        (folder / "schemathesis.toml").write_text(settings)
        done = subprocess.run([PROGRAM, "--no-color", "run", f"{contract.BASE}/openapi.json", *self.arguments], cwd=folder, timeout=self.timeout_s,
                              env={**os.environ, "PYTHONPATH": str(FOLDER), "POSITION": posted.headers["x-event-position"],
                                   **{name: str(value) for name, value in values.items()}}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, "schemathesis has something to say, see above")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
        sys.exit()
    if len(sys.argv) > 1:
        Schemathesis.arguments, Schemathesis.timeout_s = sys.argv[1:], None
        del sys.argv[1:]
    contract.main(PROGRAM)
