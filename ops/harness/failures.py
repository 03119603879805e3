"""How a command of ops/ ends that cannot do what it was asked to do: details first, one sentence last, and an exit code that says what kind of failure it was."""

import contextlib
import enum
import errno
import json
import os
import pathlib
import pwd
import re
import select
import shlex
import signal
import subprocess
import sys
import traceback

import printable

FREE_MB_MIN = 64  # on the disk of the data: a start writes about so much
REASON_CHARS_MAX = 300


class Exit(enum.IntEnum):
    """Apart from what ctest and ops/chaos end with; the numbers are those of sysexits.h. ops/README.md has them for operators."""

    USAGE = 2  # as argparse has it
    BROKEN_DATA = 65
    MISSING = 69  # a package, a program, a download; or Parley does not build
    FAULT = 70  # a process failed, or one of these commands itself
    FOLDER = 73
    DISK_FULL = 74
    IN_USE = 75


class OpsError(Exception):
    """A failure that its reader can remove. `sentence`: what, which path or setting, and the way out. `details`: what may help, of any length."""

    def __init__(self, sentence, code=Exit.FAULT, details=""):
        super().__init__(sentence)
        self.sentence, self.code, self.details = sentence, code, details

    def __str__(self):
        return f"{self.sentence}\n{self.details}".rstrip()


def run(main):
    """Runs a command's main() and ends the process: never with a traceback for a failure of the machine or of its settings.
    What it prints acts on no terminal, whichever program wrote it. A reader that has seen enough (`| head`) ends it without a word."""
    printable.guard()
    try:
        try:
            main()
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()  # here, and not when the interpreter ends: it would report the failure in its own way
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:  # the last place: there is nothing behind it
        if isinstance(error, BrokenPipeError) and reader_is_gone():
            drop_stdout()
            sys.exit(128 + signal.SIGPIPE)
        failure = explained(error)
        if failure is None:
            traceback.print_exc()
            failure = OpsError(f"{type(error).__name__}: this is a fault of the command itself, please report it with the lines above", Exit.FAULT)
        end(failure)


def end(failure):
    """Shows an OpsError and ends the process."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    print(*([failure.details.rstrip()] if failure.details else []), f"parley: {failure.sentence}", sep="\n", file=sys.stderr, flush=True)
    drop_stdout()
    sys.exit(failure.code)


def reader_is_gone():
    """Whether the program that read stdout has closed its end of the pipe."""
    stdout = select.poll()
    stdout.register(1, 0)
    return any(events & select.POLLERR for _, events in stdout.poll(0))


def drop_stdout():
    """What a full disk or a closed pipe left in the buffer of stdout is written nowhere."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextlib.contextmanager
def on(folder, way_out="choose another folder with --data"):
    """What the machine refuses inside the block is said of this folder."""
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise explained(error, folder, way_out) from error


def explained(error, folder=None, way_out="correct that"):
    """The OpsError that says what an OpsError, OSError or SubprocessError means; None for anything else."""
    if isinstance(error, OpsError):
        return error
    if isinstance(error, subprocess.TimeoutExpired):
        return OpsError(f"{first_words(error.cmd)} has not ended after {error.timeout:g} s: try again when the machine is less busy", Exit.FAULT, text_of(error.output))
    if isinstance(error, subprocess.CalledProcessError):
        return OpsError(f"{first_words(error.cmd)} ended with {error.returncode}", Exit.FAULT, text_of(error.output))
    if not isinstance(error, OSError):
        return None
    place = error.filename if error.filename is not None else folder
    if isinstance(place, bytes):
        place = os.fsdecode(place)
    what = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        disk = folder or place
        return OpsError(f"no space is left on {f'the disk of {disk}' if disk else 'a disk'}: free some, or {way_out}", Exit.DISK_FULL)
    if error.errno == errno.EADDRINUSE:
        return OpsError(f"a port is in use ({what}): choose others with --port", Exit.IN_USE)
    if error.errno == errno.ENOENT and isinstance(place, str) and "/" not in place:
        return missing_program(place)
    asked = place or "what was asked of it"
    place = place or "a file or folder that the system does not name"
    if error.errno in (errno.EACCES, errno.EPERM):
        return OpsError(f"{place} cannot be used by the user {user()} ({what}): {way_out}, or run as its owner", Exit.FOLDER)
    if error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS, errno.ENOTEMPTY, errno.EIO):
        return OpsError(f"{place} cannot be used ({what}): {way_out}", Exit.FOLDER)
    return OpsError(f"the system refuses {asked} ({what})", Exit.FAULT)


def program(path, package):
    """The path of a program that can be run; OpsError where it cannot."""
    if not os.access(path, os.X_OK) or pathlib.Path(path).is_dir():
        raise OpsError(f"the program {path} is missing or cannot be run: apt-get install --reinstall {package} brings it back", Exit.MISSING)
    return path


def missing_program(name):
    return OpsError(f"the program {name} is not found on the PATH ({os.environ.get('PATH', '')}): correct PATH, or install the package that has it", Exit.MISSING)


def no_room(folders, way_out="choose another folder with --data", details=""):
    """The OpsError about the first of these folders whose disk is full, or None."""
    for folder in folders:
        with contextlib.suppress(OSError):
            disk = os.statvfs(folder)
            free_mb = disk.f_bavail * disk.f_frsize >> 20
            if free_mb < FREE_MB_MIN:
                return OpsError(f"no space is left on the disk of {folder} ({free_mb} MB are free, {FREE_MB_MIN} MB are needed): free some, or {way_out}",
                                Exit.DISK_FULL, details)
            if disk.f_files and not disk.f_favail:
                return OpsError(f"no inode is left on the disk of {folder}: remove files, or {way_out}", Exit.DISK_FULL, details)
    return None


# How the programs of a system say why they end: PostgreSQL, Kafka and Java, nginx, parley. And what the scripts around them say, which is worth less.
TELLING = re.compile(r'(?:FATAL|PANIC):\s+(?P<postgres>.+)|\[emerg\] (?:\d+#\d+: )?(?P<nginx>.+)|"level":"error".*?"message":"(?P<parley>(?:[^"\\]|\\.)*)"'
                     r"|^(?:Caused by: )?(?P<cause>[\w.$]+(?:Exception|Error): .+)|^Exception in thread \S+ (?P<thrown>.+)|\bERROR (?P<kafka>.+)|^(?:Error|ERROR): (?P<java>.+)|^(?P<task>parley[\w ]*: .+)",
                     re.MULTILINE)
SCRIPTS = re.compile(r"^(?P<script>(?:start|setpriv): .+)", re.MULTILINE)


def reason(log_text):
    """The last line of a log that tells why its program ended, or its very last one."""
    *_, found = [None, *(list(TELLING.finditer(log_text)) or SCRIPTS.finditer(log_text))]
    lines = [line for line in log_text.splitlines() if line.strip()]
    text = next(filter(None, found.groups())) if found else lines[-1] if lines else "it wrote nothing"
    if found and found.groupdict().get("parley"):
        text = json.loads(f'"{text}"')
    return text.strip().rstrip(".")[:REASON_CHARS_MAX]


def first_words(command):
    return shlex.join(map(str, command[:2])) if isinstance(command, (list, tuple)) else str(command)


def text_of(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def user():
    """The name of who runs this; its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
