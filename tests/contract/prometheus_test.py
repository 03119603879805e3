"""A real Prometheus beside the running system: it scrapes every process, takes every rule, and has an answer to every query of the dashboard."""

import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from urllib.parse import urlsplit

import prometheus
from contract import BASE, ContractTest, main
from settings import ROOT, Settings
from supervisor import wait_for

TIMEOUT_S = 10
READY_S = 20
FILLED_S = 40
DASHBOARD = json.loads((ROOT / "ops" / "deploy" / "dashboards" / "parley.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] if panel["type"] != "row" for target in panel["targets"]]
# Nothing of it happens in a healthy system: a line at 0, whatever other tests do at the same time.
RIGHTLY_ZERO = {"Parked streams", "Parked in the last hour", "Dead letters in the last hour", "Hub: gaps"}


class Prometheus(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        system = Settings(data=os.environ["PARLEY_TEST_DATA"], port=urlsplit(BASE).port)
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder, True)
        settings = Settings(data=folder, port=system.port)
        (settings.data / "etc").mkdir()
        config = prometheus.write_config(settings, interval="1s")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            cls.address = f"127.0.0.1:{free.getsockname()[1]}"
        cls.log = open(settings.data / "log", "w+")
        cls.addClassCleanup(cls.log.close)
        cls.server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={cls.address}"],
                                      stdout=cls.log, stderr=subprocess.STDOUT)
        cls.addClassCleanup(cls.end)
        if not wait_for(cls.is_ready, READY_S):
            cls.log.seek(0)
            raise AssertionError(cls.log.read())

    @classmethod
    def end(cls):
        cls.server.terminate()
        cls.server.wait()

    @classmethod
    def is_ready(cls):
        try:
            with urllib.request.urlopen(f"http://{cls.address}/-/ready", timeout=TIMEOUT_S) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=TIMEOUT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            self.fail(f"{parameters}: {error.read().decode()}")

    def values(self, expression):
        """Of every series, as a panel would show it now; those that are not a number are left out, for these a panel shows nothing."""
        result = self.ask("query", query=expression.replace("$__rate_interval", "15s"))["result"]
        return [value for value in (float(series["value"][1]) for series in result) if math.isfinite(value)]

    def test_it_scrapes_every_process(self):
        self.assertTrue(wait_for(lambda: self.values('sum(up{job=~"parley.*"})') == [4.0], READY_S), self.ask("targets"))
        self.assertTrue(wait_for(lambda: self.values("sum(parley_process_ready)") == [4.0], READY_S))

    def test_it_evaluates_every_rule(self):
        def states():
            return {rule["health"] for group in self.ask("rules")["groups"] for rule in group["rules"]}

        self.assertTrue(wait_for(lambda: states() == {"ok"}, READY_S), self.ask("rules"))

    def test_every_panel_has_an_answer(self):
        dialog = self.open_dialog(first_name="Anna")
        stream = http.client.HTTPConnection(urlsplit(BASE).hostname, urlsplit(BASE).port, timeout=TIMEOUT_S)
        self.addCleanup(stream.close)
        stream.request("GET", f"{dialog.path}/events?last_event_id=0", headers={"Authorization": self.owner.headers["Authorization"]})
        self.assertEqual(stream.getresponse().status, 200)
        unanswered, deadline = QUERIES, time.monotonic() + FILLED_S
        while unanswered and time.monotonic() < deadline:
            for text in ("Hello!", "Are you open on Sunday?"):
                self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": text}).status, 201)
            dialog.texts()
            unanswered = [(title, expression) for title, expression in unanswered if not self.values(expression)]
        self.assertEqual(unanswered, [])
        self.assertEqual(len(self.values("sum by (phase) (parley_api_command_phase_seconds_count) > 0")), 2, "both phases of a command")
        for title, expression in QUERIES:
            if title in RIGHTLY_ZERO:
                self.assertEqual(set(self.values(expression)), {0.0}, expression)


if __name__ == "__main__":
    main()
