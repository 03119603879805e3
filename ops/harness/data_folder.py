"""The folder in which a system keeps everything: made, recognised, locked, emptied."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess

from failures import Exit, OpsError, user

MARK = ".parley"  # a folder without it is not ours, and nothing in it is touched
CONTENTS = ("edge", "etc", "files", "kafka", "keys", "log", "postgres", "repartition", "repartition.done", "seal-key", "seal-key.pub", "socket", "state", "uploads", "run.json")


def lock(data):
    """Makes `data` when missing and locks it. Returns the lock, held until it is closed."""
    make(data)
    if data.stat().st_uid != os.getuid():
        raise OpsError(f"{data} belongs to another user ({data.owner()}): choose another folder with --data, or run as that user", Exit.FOLDER)
    if not (data / MARK).exists():
        if any(data.iterdir()):
            raise OpsError(f"{data} holds something that is not Parley's: choose an empty or new folder with --data", Exit.FOLDER)
        (data / MARK).write_text("Everything in this folder belongs to Parley (ops/run, ops/test).\n")
    held = open(data / MARK)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise OpsError(f"a Parley already runs on {data}: ops/stop --data {data} stops it, --data chooses another folder", Exit.IN_USE) from None
    return held


def empty(data):
    """Removes everything that Parley keeps there, and nothing else."""
    for name in CONTENTS:
        path = data / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def lay_out(data):
    for name, mode in (("etc", 0o755), ("files", 0o755), ("log", 0o755), ("kafka", 0o700), ("state", 0o700)):
        (data / name).mkdir(mode=mode, exist_ok=True)


def make(data):
    if data.is_dir():
        return
    try:
        data.mkdir(mode=0o755, parents=True)
        if os.getuid() == 0:
            data.chmod(0o755)  # whatever the umask: PostgreSQL's own user must come through
    except PermissionError:
        print(f"parley: making {data} with sudo", flush=True)
        if not shutil.which("sudo") or subprocess.run(["sudo", "--", "install", "-d", "-m", "755", "-o", user(), "-g", str(os.getgid()), data]).returncode != 0:
            raise OpsError(f"the user {user()} cannot make {data}: choose a folder of your own with --data", Exit.FOLDER) from None


def write_config(settings, template, name, **values):
    """Fills the {{…}} of a template and writes it to DATA/etc/name. Returns its path."""
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: str(values[match[1]]), pathlib.Path(template).read_text())
    path = settings.data / "etc" / name
    path.write_text(text)
    return path


def write_state(data, state):
    """What ops/status and ops/stop read; replaced as a whole."""
    written = data / "run.json.new"
    written.write_text(json.dumps(state, indent=1) + "\n")
    written.replace(data / "run.json")


def read_state(data):
    """The state of the last run, or None."""
    file = data / "run.json"
    try:
        state = json.loads(file.read_text())
        if not all(key in process for process in [state, *state["processes"]] for key in ("pid", "ticks")):
            raise ValueError("something is missing")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, LookupError, TypeError) as error:
        raise OpsError(f"{file} is not what ops/run wrote ({error}): end ops/run where it was started, the next start writes the file anew", Exit.BROKEN_DATA) from None
    return state


def start_ticks(pid):
    """When this process started, in the kernel's ticks: with the pid it names one process for good. None if it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def runs(process):
    """Whether the process noted as {"pid", "ticks"} still runs, and is not another one with its number."""
    return bool(process["pid"]) and start_ticks(process["pid"]) == process["ticks"]
