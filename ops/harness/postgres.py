"""The PostgreSQL of a system: a cluster of its own, reached through a socket in the data folder alone."""

import getpass
import json
import os
import pathlib
import pwd
import signal
import subprocess

import data_folder
from failures import Exit, OpsError, program, reason
from settings import ROOT
from supervisor import Command

VERSION = "15"
PACKAGE = f"postgresql-{VERSION}"
BINARIES = pathlib.Path(f"/usr/lib/postgresql/{VERSION}/bin")
PROGRAMS = ("initdb", "pg_isready", "postgres", "psql")
SERVER_USER = "postgres"  # runs the server where Parley runs as root, whom PostgreSQL refuses
TASK_SECONDS_MAX = 60


def check(settings, root, fresh):
    """OpsError when PostgreSQL is missing, when its user cannot reach the data, or when the data is not this version's (`fresh`: it will be removed)."""
    for name in PROGRAMS:
        program(BINARIES / name, PACKAGE)
    reach(settings.data, root)
    cluster = settings.data / "postgres"
    version = cluster / "PG_VERSION"
    if fresh or not cluster.exists() or not any(cluster.iterdir()):
        return
    found = version.read_text(errors="replace").strip() if version.exists() else ""
    if found != VERSION:
        what = f"is data of PostgreSQL {found}, and this is PostgreSQL {VERSION}" if found.isdecimal() else f"is broken (its PG_VERSION says {found!r})"
        raise OpsError(f"{cluster} {what}: stop, move the folder away and start, and its tables are made again from the events in Kafka", Exit.BROKEN_DATA)


def prepare(settings, root):
    """Writes the configuration and, the first time, makes the cluster. Returns the command."""
    cluster = settings.data / "postgres"
    server_user = SERVER_USER if root else getpass.getuser()
    for folder in (cluster, settings.postgres_socket):
        folder.mkdir(mode=0o700, exist_ok=True)
        if root:
            subprocess.run(["chown", server_user, folder], check=True)
    reach(cluster, root, "w")
    for name in ("pg_hba.conf", "pg_ident.conf"):
        data_folder.write_config(settings, ROOT / f"ops/deploy/postgres/{name}.in", name, user=getpass.getuser(), server_user=server_user)
    config = data_folder.write_config(settings, ROOT / "ops/deploy/postgres/postgresql.conf.in", "postgresql.conf", data=cluster,
                                      etc=settings.data / "etc", socket=settings.postgres_socket, port=settings.postgres_port)
    if not (cluster / "PG_VERSION").exists():
        run(root, [BINARIES / "initdb", "-D", cluster, "-U", "postgres", "-A", "peer", "-E", "UTF8", "--locale", "C.UTF-8", "--data-checksums"])
    return Command(name="postgres", log=settings.data / "log" / "postgres.log", ready=lambda: answers(settings.postgres),
                   arguments=[BINARIES / "postgres", "-c", f"config_file={config}"], user=SERVER_USER if root else None,
                   stop_signal=signal.SIGINT, ports={"socket": settings.postgres_port})  # SIGINT: without waiting for clients


def reach(folder, root, right="x"):
    """PostgreSQL's user must be able to enter every folder above its own."""
    if not root:
        return
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        raise OpsError(f"there is no user {SERVER_USER}: apt-get install --reinstall {PACKAGE} makes it", Exit.MISSING) from None
    if subprocess.run(["setpriv", "--reuid", SERVER_USER, "--regid", SERVER_USER, "--init-groups", "test", f"-{right}", folder], cwd="/").returncode != 0:
        raise OpsError(f"the user {SERVER_USER} cannot enter {folder}: choose a folder outside /root with --data", Exit.FOLDER)


def make_database(settings):
    """The role and the database that Parley uses; they may exist. The role may make databases: tests do."""
    if query(settings, "SELECT 1 FROM pg_roles WHERE rolname = 'parley'") != "1":
        query(settings, "CREATE ROLE parley LOGIN CREATEDB")
    if query(settings, "SELECT 1 FROM pg_database WHERE datname = 'parley'") != "1":
        query(settings, "CREATE DATABASE parley OWNER parley")


def query(settings, sql, database="postgres", user="postgres"):
    """One value, or nothing, as text."""
    done = subprocess.run([BINARIES / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", settings.postgres_socket, "-p",
                           str(settings.postgres_port), "-U", user, "-d", database, "-c", sql],
                          capture_output=True, text=True, timeout=TASK_SECONDS_MAX)
    if done.returncode != 0:
        raise OpsError(f"PostgreSQL refuses {sql!r}: {reason(done.stderr)}", Exit.FAULT, done.stderr)
    return done.stdout.strip()


def ask_json(connection, sql):
    """The one JSON document that a query answers, of the database behind a libpq connection string; nothing is changed."""
    done = subprocess.run([BINARIES / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", connection, "-c", sql], capture_output=True, text=True,
                          timeout=TASK_SECONDS_MAX, env={**os.environ, "PGOPTIONS": "-c default_transaction_read_only=on -c statement_timeout=20000"})
    if done.returncode != 0:
        raise OpsError(f"PostgreSQL does not answer: {done.stderr.partition(chr(10))[0]}", Exit.FAULT, done.stderr)
    return json.loads(done.stdout.strip() or "null")


def answers(connection):
    """Whether the server behind a libpq connection string takes connections."""
    return subprocess.run([BINARIES / "pg_isready", "-q", "-d", connection]).returncode == 0


def run(root, arguments):
    prefix = ["setpriv", "--reuid", SERVER_USER, "--regid", SERVER_USER, "--init-groups"] if root else []
    done = subprocess.run(prefix + arguments, cwd="/", capture_output=True, text=True, timeout=TASK_SECONDS_MAX)
    if done.returncode != 0:
        raise OpsError(f"{arguments[0]} failed: {reason(done.stdout + done.stderr)}", Exit.FAULT, done.stdout + done.stderr)
