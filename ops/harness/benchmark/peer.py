"""Parley beside another program of the same job, one after the other under the same load of wrk: A B A B, in one run on one machine."""

import contextlib
import dataclasses
import os
import re
import subprocess

import postgres
import prerequisites
from failures import Exit, OpsError, reason
from settings import DEPS
from supervisor import wait_for

from . import scene

PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "asyncpg", "pyjwt")
PORT_ABOVE = 8  # of the edge's
WORKERS = 2
ROUNDS = 2
CROWDS = (64, 256, 1)
DIALOGS = 64
MESSAGES_READ = 50
START_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 30
TIMES = {"us": 1e-3, "ms": 1.0, "s": 1e3}
GUARANTEES = """What an answer says:
  Parley  the message is in the log, once however often it is asked with its key, in its dialog's order, hashed, and can be read; it was shown to streams, or will be
  peer    the row is committed in PostgreSQL; asked again it is there twice"""


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two. `dialogs`: ids for wrk's scripts."""

    name: str
    port: int
    token: str
    dialogs: str


@contextlib.contextmanager
def serving(bench, folder):
    """The peer, from app.py in the folder, with a database of its own in the same PostgreSQL."""
    environment = DEPS / "bench-peer"
    prerequisites.once(environment, PACKAGES, install)
    settings = bench.system.settings
    port = settings.port + PORT_ABOVE
    postgres.query(settings, "CREATE DATABASE peer OWNER parley")
    log = open(settings.data / "log" / "peer.log", "ab")
    database = f"postgresql://parley@/peer?host={settings.postgres_socket}&port={settings.postgres_port}"
    with subprocess.Popen([environment / "bin" / "uvicorn", "app:app", "--port", str(port), "--workers", str(WORKERS), "--log-level", "warning"], cwd=folder,
                          env={**os.environ, "PG": database, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            token = subprocess.run([environment / "bin" / "python", "-c", "import jwt; print(jwt.encode({'sub': '1'}, 's' * 32))"], capture_output=True, text=True,
                                   check=True).stdout.strip()
            if not wait_for(lambda: answers(port, token), START_SECONDS_MAX):
                raise OpsError(f"the peer does not answer: see {log.name}", Exit.FAULT)
            yield Side("peer", port, token, ",".join(map(str, range(1, DIALOGS + 1))))
        finally:
            process.terminate()
            log.close()


def install(target):
    prerequisites.say(f"downloading {', '.join(PACKAGES)} for the peer")
    prerequisites.execute(["/usr/bin/python3", "-m", "venv", target], "a virtual environment cannot be made (python3-venv)", quiet=True)
    prerequisites.execute([target / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], "the download failed", quiet=True)


def answers(port, token):
    """A new database may have it fail at first: both workers make the tables."""
    with contextlib.suppress(OSError):
        return scene.status(f"http://127.0.0.1:{port}/api/dialogs/1/messages", {"Authorization": f"Bearer {token}"}) == 200
    return False


def parley(bench):
    owner, dialogs = scene.owned(bench.system.url, bench.folder / "scene-peer", DIALOGS)
    return Side("Parley", bench.api, owner, ",".join(map(str, dialogs)))


def load(bench, side, script, clients):
    """wrk's figures: a second, and p50 and p99 in ms."""
    done = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{bench.size.seconds:.0f}s", "--timeout", f"{ANSWER_SECONDS_MAX}s", "--latency", "-s", script, f"http://127.0.0.1:{side.port}"],
                          env={**os.environ, "TOKEN": side.token, "DIALOGS": side.dialogs}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    rate, failed = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout), re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", done.stdout)
    if done.returncode != 0 or not rate or failed:
        raise OpsError(f"{side.name} under {script.name}: {failed[0] if failed else reason(done.stdout + done.stderr)}", Exit.FAULT, done.stdout + done.stderr)
    p50, p99 = (float(value) * TIMES[unit] for value, unit in re.findall(r"(?:50|99)%\s+([\d.]+)(us|ms|s)\b", done.stdout))
    return {"per_second": float(rate[1]), "p50_ms": p50, "p99_ms": p99}


def compare(bench, sides, script, clients):
    """{side: figures}, each the mean of its rounds."""
    rounds = [{side.name: load(bench, side, script, clients) for side in sides} for _ in range(ROUNDS)]
    return {side.name: {figure: sum(one[side.name][figure] for one in rounds) / ROUNDS for figure in rounds[0][side.name]} for side in sides}


def figures(bench, figure):
    """`figure`: the report's type of a line."""
    folder = bench.size.peer
    of = "the peer"
    print(GUARANTEES, flush=True)
    lines = []
    with serving(bench, folder) as other:
        sides = (other, parley(bench))
        for side in sides:  # each once before, for what is compiled, cached or made at first
            load(bench, side, folder / "post.lua", CROWDS[0])
        for clients in CROWDS:
            theirs, ours = compare(bench, sides, folder / "post.lua", clients).values()
            more = {"parley": ours, "peer": theirs}
            if clients == 1:
                lines.append(figure("write, 1 client, p50: theirs / ours", theirs["p50_ms"], "ms", ">= 0.6", ours["p50_ms"], "Parley's", more))
                continue
            wanted = {64: ">= 4", 256: ">= 9"}[clients]
            lines.append(figure(f"writes, {clients} clients", ours["per_second"], "/s", wanted, theirs["per_second"], of, more))
            lines.append(figure("  p99: theirs / ours", theirs["p99_ms"], "ms", ">= 5" if clients == 64 else "", ours["p99_ms"], "Parley's"))
        bench.settle()
        fill(bench)
        theirs, ours = compare(bench, sides, folder / "get.lua", CROWDS[0]).values()
        lines.append(figure(f"reads of {MESSAGES_READ} messages, {CROWDS[0]} clients", ours["per_second"], "/s", ">= 8", theirs["per_second"], of,
                            {"parley": ours, "peer": theirs}))
    return lines


def fill(bench):
    """Each dialog has MESSAGES_READ messages at least, on both sides: the writes before may have been fewer."""
    bench.run("commands", scene=bench.folder / "scene-peer", brokers=bench.system.settings.kafka_brokers, clients=DIALOGS, each=MESSAGES_READ,
              partitions=bench.system.settings.partitions)
    bench.settle()
    postgres.query(bench.system.settings, f"INSERT INTO messages(dialog_id, seq, sender, text) SELECT dialog, 1000000 + number, 'operator', "
                   f"'Hello, I would like to know when my order will arrive, number ' || number FROM generate_series(1, {DIALOGS}) dialog, "
                   f"generate_series(1, {MESSAGES_READ}) number", database="peer")
    postgres.query(bench.system.settings, "ANALYZE", database="peer")
    bench.sql("ANALYZE")
