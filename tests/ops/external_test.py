#!/usr/bin/python3
"""The page on servers of one's own, as it stands: Kafka with TLS, SASL and ACLs, PostgreSQL with TLS, a name of its own for each role. Needs PARLEY_BIN."""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

import kafka
import postgres
from settings import ROOT
from supervisor import Command, Supervisor, wait_for

SKIPPED = 77
PARLEY = os.environ.get("PARLEY_BIN")
PAGE = ROOT / "docs" / "external.md"
FOLDER = pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or "/tmp/parley-test") / "external"
PORT = int(os.environ.get("PARLEY_TEST_EXTERNAL_PORT") or 12600)
SASL, CERTIFICATES, CONTROLLER, POSTGRES, API = (PORT + number for number in range(5))
HEALTH = PORT + 10  # of the decider 1 above, of the projector 2, of the API 3, of the reactor 4
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# (\S+\.\w+)\n")
ROLE = re.compile(r"^as (\w+) ([\w ]+) &$", re.MULTILINE)
DEADLINE_S = 300
QUICK_JAVA = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
# What the page says of its machines, and what stands for it here. In this order.
HERE = ((r"kafka-1\.example(:\d+),kafka-2.example:\d+,kafka-3.example:\d+", r"localhost\1"), (r"kafka-1.example kafka-2.example kafka-3.example", "localhost"),
        (r"kafka-1\.example|pg\.example", "localhost"), (r"(?<=[:/])9093\b", str(SASL)), (r"(?<=[:/])9094\b", str(CERTIFICATES)), (r"(?<=[:/])9095\b", str(CONTROLLER)),
        (r"\bport=5432\b", f"port={POSTGRES}"), (r"\b8010\b", str(API)), (r"\b802(?=[1234]\b)", str(HEALTH)[:-1]), (r"--replication 3", "--replication 1"),
        (r"/var/lib/parley", str(FOLDER / "lib")), (r"/etc/parley", str(FOLDER / "etc")))


def here(text):
    for pattern, replacement in HERE:
        text = re.sub(pattern, replacement, text)
    return text


class Page:
    """The page's blocks, in their order: files as {path: text}, commands and SQL as lists."""

    def __init__(self, text):
        self.files, self.commands, self.sql = {}, [], []
        for kind, block in BLOCK.findall(here(text)):
            named = FILE.match(block)
            if named:
                self.files[named[1]] = block
            else:
                (self.sql if kind == "sql" else self.commands).append(block)


class External(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(FOLDER, ignore_errors=True)
        for name in ("etc", "lib", "kafka", "bin", "log"):
            (FOLDER / name).mkdir(parents=True)
        cls.page = Page(PAGE.read_text())
        certificates, names, once, roles, cls.looks = cls.page.commands
        for path, text in cls.page.files.items():
            if path.startswith("/"):
                pathlib.Path(path).write_text(text)
        for name, main_class in (("kafka-configs.sh", "kafka.admin.ConfigCommand"), ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand")):
            command = " ".join(map(str, kafka.java(main_class, options=QUICK_JAVA))).replace(" -cp ", " -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp ")
            cls.tool(name, re.sub(r"(\S+/\*)", r"'\1'", command))
        cls.tool("parley", str(PARLEY))
        cls.run_commands(certificates)
        cls.supervisor = Supervisor(cls.say)
        cls.addClassCleanup(cls.supervisor.close)
        cls.start_kafka()
        cls.run_commands(names)
        cls.start_postgres()
        cls.run_commands(once)
        cls.certificate = re.search(r"^certificate\(\) .*?^}", certificates, re.DOTALL | re.MULTILINE)[0]
        cls.functions = once.split("\n")[0]
        for name, arguments in ROLE.findall(roles):
            cls.serve(Command(name=arguments, log=FOLDER / "log" / "roles.log", ready=lambda: True, directory=FOLDER, environment=cls.environment(),
                              arguments=["bash", "-c", f"set -a; . {FOLDER}/etc/{name}.env; exec parley {arguments}"]))

    @classmethod
    def say(cls, line):
        print(line, flush=True)

    @classmethod
    def tool(cls, name, command):
        file = FOLDER / "bin" / name
        file.write_text(f'#!/bin/bash\nexec {command} "$@"\n')
        file.chmod(0o755)

    @classmethod
    def environment(cls):
        return {"PATH": f"{FOLDER / 'bin'}:{os.environ['PATH']}", "HOME": "/nonexistent"}

    @classmethod
    def run_commands(cls, commands, fails=False):
        began = time.monotonic()
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=cls.environment(), cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=DEADLINE_S)
        cls.say(f"{time.monotonic() - began:.1f} s: {commands.strip().splitlines()[-1]}")
        assert fails == (done.returncode != 0), f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    @classmethod
    def start_kafka(cls):
        """The page's settings after those of a single node, which they replace where both have one."""
        folder = ROOT / "ops/deploy/kafka"
        values = {"node": 1, "voters": f"1@localhost:{CONTROLLER}", "data": FOLDER / "kafka", "port": SASL, "controller_port": CONTROLLER, "between": "PLAINTEXT",
                  "door_listeners": "", "door_advertised": "", "door_protocols": ""}
        single = re.sub(r"{{(\w+)}}", lambda name: str(values[name[1]]), (folder / "server.properties.in").read_text()) + (folder / "alone.properties").read_text()
        config = FOLDER / "etc" / "server.properties"
        config.write_text(single + cls.page.files["server.properties"])
        formatted = subprocess.run(kafka.java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", config, options=QUICK_JAVA),
                                   capture_output=True, text=True)
        assert formatted.returncode == 0, formatted.stdout + formatted.stderr
        cls.serve(Command(name="kafka", log=FOLDER / "log" / "kafka.log", ready=lambda: b"Kafka Server started" in (FOLDER / "log" / "kafka.log").read_bytes(),
                          arguments=kafka.java("kafka.Kafka", config, options=("-Xmx512m", *QUICK_JAVA)), directory=FOLDER))

    @classmethod
    def start_postgres(cls):
        root = os.getuid() == 0
        cluster = FOLDER / "postgres"
        cluster.mkdir(mode=0o700)
        if root:
            FOLDER.chmod(0o755)
            for path in (cluster, FOLDER / "etc/tls/postgres.key"):
                shutil.chown(path, postgres.SERVER_USER)
        postgres.run(root, [postgres.BINARIES / "initdb", "-D", cluster, "-U", "postgres", "-A", "peer", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"])
        config, access = (cluster / name for name in ("postgresql.conf", "pg_hba.conf"))
        config.write_text(config.read_text() + cls.page.files["postgresql.conf"] + f"port = {POSTGRES}\nunix_socket_directories = '{cluster}'\n")
        access.write_text("local all postgres trust\n" + cls.page.files["pg_hba.conf"])
        cls.serve(Command(name="postgres", log=FOLDER / "log" / "postgres.log", user=postgres.SERVER_USER if root else None,
                          ready=lambda: postgres.answers(f"host={cluster} port={POSTGRES}"), arguments=[postgres.BINARIES / "postgres", "-D", cluster],
                          stop_signal=signal.SIGINT))
        done = subprocess.run([postgres.BINARIES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", cluster, "-p", str(POSTGRES), "-U", "postgres", "-d", "postgres"],
                              input="".join(cls.page.sql), capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 0, done.stderr

    @classmethod
    def serve(cls, command):
        cls.supervisor.add(command)
        cls.addClassCleanup(cls.supervisor.stop, [command.name])
        cls.supervisor.start(command.name)
        assert wait_for(lambda: command.log.exists() and command.ready(), DEADLINE_S), command.log.read_text()[-4000:]

    def ask(self, method, path, body=None, **headers):
        """As a client should: what may be asked again is asked again, under the same key."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Idempotency-Key": secrets.token_hex(16)}
        headers |= {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(f"http://127.0.0.1:{API}{path}", json.dumps(body).encode() if body else None, headers, method=method)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code not in (503, 504) or time.monotonic() > deadline:
                    raise

    def test_1_every_role_does_its_work_with_what_it_may(self):
        ready, *tasks = self.looks.strip().splitlines()
        self.run_commands(ready)
        owner = self.ask("POST", "/api/auth/register", {"email": f"{secrets.token_hex(6)}@example.com", "password": "correct horse"})
        bearer = {"Authorization": "Bearer " + owner["access_token"]}
        site = {"X_Site_Token": self.ask("POST", "/api/assistants", {"name": "Support"}, **bearer)["site_token"]}
        opened = self.ask("POST", "/api/site/dialogs", {"first_name": "Ivan"}, **site)
        dialog = f"dialogs/{opened['id']}/messages"
        self.ask("POST", f"/api/site/{dialog}", {"text": "Are you open on Sunday?"}, X_Guest_Id=opened["guest_id"], **site)
        self.ask("POST", f"/api/{dialog}", {"text": "From 10 to 18."}, **bearer)
        read = [message["text"] for message in self.ask("GET", f"/api/{dialog}", **bearer)["messages"]]
        self.assertEqual(read, ["Are you open on Sunday?", "From 10 to 18."])
        for task in tasks:
            self.run_commands(f"{self.functions}\n{task}")
        said = "".join((FOLDER / "log" / name).read_text() for name in ("roles.log", "postgres.log"))
        self.assertNotRegex(said, "denied|authorization failed")

    def test_2_a_rebuilt_schema_may_be_read_and_written_as_the_one_before(self):
        self.run_commands(f"{self.functions}\nas owner rebuild")
        tables = "SELECT count(*) FROM parley.dialogs"
        self.assertEqual((self.sql("parley_api", tables), self.sql("parley_projector", tables)), ("1\n", "1\n"))

    def test_3_nobody_may_do_what_another_role_does(self):
        for role, statement in (("parley_api", "DELETE FROM parley.messages"), ("parley_projector", "DROP TABLE parley.messages"), ("parley_api", "CREATE TABLE t (n int)"),
                                ("parley_projector", "TRUNCATE parley.messages")):
            with self.subTest(role=role, statement=statement):
                self.assertRegex(self.sql(role, statement, fails=True), "permission denied|must be owner")
        for role, topic in (("api", "parley.events"), ("api", "parley.directory"), ("decider", "parley.commands"), ("auditor", "parley.events"), ("projector", "parley.events")):
            with self.subTest(role=role, topic=topic):
                self.assertIn("authorization failed", self.produce(role, topic))
        self.assertIn("delivered", self.produce("api", "parley.signals"))  # that the question can be answered otherwise

    def test_4_nobody_comes_in_without_tls(self):
        self.assertIn("no encryption", self.sql("parley_api", "SELECT 1", fails=True, sslmode="disable"))

    def sql(self, role, statement, fails=False, sslmode="verify-full"):
        variables = (FOLDER / "etc" / (role.removeprefix("parley_") + ".env")).read_text()
        connection = re.search(r'PARLEY_POSTGRES="(.*)"', variables)[1].replace("verify-full", sslmode)
        return self.run_commands(f'{postgres.BINARIES}/psql -X -A -t -c "{statement}" "{connection}"', fails)

    def produce(self, role, topic):
        """What becomes of a record that this role sends by itself. By a certificate of its name: Debian's librdkafka does not know SCRAM as Kafka 4 has it."""
        from confluent_kafka import Producer

        name, tls = f"parley_{role}", FOLDER / "etc" / "tls"
        self.run_commands(f"cd {tls}\n{self.certificate}\ncertificate {name} {name}")
        results = []
        producer = Producer({"bootstrap.servers": f"localhost:{CERTIFICATES}", "security.protocol": "ssl", "ssl.ca.location": str(tls / "ca.pem"),
                             "ssl.certificate.location": str(tls / f"{name}.pem"), "ssl.key.location": str(tls / f"{name}.key"),
                             "message.timeout.ms": 1000 * DEADLINE_S})
        producer.produce(topic, b"{}", partition=0, on_delivery=lambda error, _: results.append(str(error or "delivered")))
        producer.flush(DEADLINE_S)
        return "".join(results).lower()


if __name__ == "__main__":
    if not PARLEY:
        print("PARLEY_BIN is not set: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
