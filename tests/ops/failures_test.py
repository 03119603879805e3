#!/usr/bin/python3
"""How a start fails: whatever stands in the way is said in one sentence, the last line, with its path or setting and the way out; and the code says what kind it is."""

import contextlib
import errno
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import data_folder
import failures
import kafka
import parley_system
import postgres
import prerequisites
from failures import Exit, OpsError
from parley_system import System
from settings import ROOT, Settings

sys.path.append(str(ROOT / "tests" / "chaos"))
import disks  # noqa: E402

PORT = 15400
COMMANDS = {"run": ".", "test": "system", "bench": "bench", "chaos": "system"}  # and the folder below --data that each takes
WITH_FRESH_DATA = ("test", "bench", "chaos")  # whatever was there before
SECONDS_MAX = 60
IS_ROOT = os.getuid() == 0


def command(name, *arguments, before=(), **others):
    """One command of ops/, ended; `before`: words in front of it."""
    return subprocess.run([*before, ROOT / "ops" / name, "--port", str(PORT), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS_MAX, **others)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="parley-failures")))
        self.folder.chmod(0o755)

    def assert_said(self, done, code, *words):
        *_, last = done.stderr.splitlines() or [""]
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertTrue(last.startswith("parley: "), done.stderr)
        for word in words:
            self.assertIn(str(word), last)


class EveryCommand(Case):
    """Each of ops/run, ops/test, ops/bench and ops/chaos, before anything is built."""

    def each(self, code, *words, prepare=lambda data: None):
        """Runs each with a folder of its own, which `prepare` fills; asserts that it ends with the code, and names the folder and the words."""
        for name, below in COMMANDS.items():
            with self.subTest(command=name):
                data = (self.folder / name / below).resolve()
                data.mkdir(parents=True)
                prepare(data)
                self.assert_said(command(name, "--data", self.folder / name), code, data, *words)

    @unittest.skipUnless(IS_ROOT, "only where root runs it does PostgreSQL have another user")
    def test_a_folder_that_postgresqls_user_cannot_enter(self):
        self.folder.chmod(0o700)
        self.each(Exit.FOLDER, "the user postgres cannot enter", "--data")

    def test_a_folder_that_is_a_file(self):
        file = self.folder / "file"
        file.touch()
        for each in COMMANDS:
            with self.subTest(command=each):
                self.assert_said(command(each, "--data", file), Exit.FOLDER, file, "--data")

    def test_a_folder_with_something_of_somebody_else(self):
        self.each(Exit.FOLDER, "not Parley's", "--data", prepare=lambda data: (data / "letter").touch())

    @unittest.skipUnless(IS_ROOT, "only root can give a folder away")
    def test_a_folder_of_another_user(self):
        self.each(Exit.FOLDER, "another user (nobody)", "--data", prepare=lambda data: shutil.chown(data, "nobody"))

    @unittest.skipUnless(IS_ROOT, "only root can mount")
    def test_a_folder_that_can_only_be_read(self):
        def mount(data):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "parley-test", data], check=True)
            self.addCleanup(disks.unmount, data)

        self.each(Exit.FOLDER, "Read-only file system", "--data", prepare=mount)

    def test_a_folder_where_one_runs(self):
        self.each(Exit.IN_USE, "already runs", "--data", prepare=lambda data: self.addCleanup(data_folder.lock(data).close))

    def test_a_port_in_use(self):
        settings = Settings(data=self.folder, port=PORT)
        for name, port in {"the edge": settings.port, "kafka": settings.kafka_port, "kafka's controller": settings.kafka_port + 1,
                           "api-1 (http)": settings.api_port(1), "decider-1 (health)": settings.health_port("decider", 1)}.items():
            with socket.create_server(("127.0.0.1", port)):
                for each in COMMANDS if name == "the edge" else ("run",):  # they ask for all ports in one place
                    with self.subTest(port=name, command=each):
                        self.assert_said(command(each, "--data", self.folder / each), Exit.IN_USE, f"port {port} for {name}", "Address already in use", "--port")

    @unittest.skipUnless(IS_ROOT, "only root can mount a small disk")
    def test_a_full_disk(self):
        def fill(data):
            disk = self.enterContext(disks.Disk(data, 8))
            (data / data_folder.MARK).touch()
            disk.fill()

        self.each(Exit.DISK_FULL, "no space is left", "--data", prepare=fill)

    @unittest.skipUnless(IS_ROOT, "only root can put something over a program")
    def test_a_missing_program(self):
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            self.skipTest("mounts of a process's own cannot be made here: the root folder is no mount, as in a chroot")
        for program, hidden, package in (("/usr/sbin/nginx", "mount --bind /dev/null /usr/sbin/nginx", "nginx"), ("java", "mount -t tmpfs none /usr/lib/jvm", "openjdk-17-jre-headless"),
                                         ("initdb", "mount -t tmpfs none /usr/lib/postgresql", "postgresql-15")):
            for each in COMMANDS:
                with self.subTest(program=program, command=each):
                    done = command(each, "--data", self.folder / each, before=["unshare", "--mount", "sh", "-c", f'{hidden} && exec "$@"', "sh"])
                    self.assert_said(done, Exit.MISSING, program, f"apt-get install --reinstall {package}")

    def test_a_path_without_the_programs_that_build(self):
        path = self.folder / "bin"
        path.mkdir()
        for program in ("apt-get", "bash", "cat", "dirname", "dpkg-query", "grep", "readlink", "setpriv", "test"):
            (path / program).symlink_to(shutil.which(program))
        environment = {name: value for name, value in os.environ.items() if name != "PARLEY_BIN"} | {"PATH": str(path)}
        for each in COMMANDS:
            with self.subTest(command=each):
                self.assert_said(command(each, "--data", self.folder / each, env=environment), Exit.MISSING, "PATH", path)

    def test_a_setting_that_cannot_be(self):
        for each in COMMANDS:
            with self.subTest(command=each):
                self.assert_said(command(each, "--data", self.folder / each, "--port", "65000"), Exit.USAGE, "--port")
                self.assert_said(command(each, "--data", self.folder / ("long" * 30)), Exit.USAGE, "--data")

    def test_data_of_an_earlier_run_that_is_broken_does_not_keep_those_that_begin_anew(self):
        """They get as far as the next thing in the way."""
        with socket.create_server(("127.0.0.1", PORT)):
            for name in WITH_FRESH_DATA:
                with self.subTest(command=name):
                    break_everything(self.folder / name / COMMANDS[name])
                    self.assert_said(command(name, "--data", self.folder / name), Exit.IN_USE, f"port {PORT}")
            break_everything(self.folder / "run")
            self.assert_said(command("run", "--data", self.folder / "run", "--fresh"), Exit.IN_USE, f"port {PORT}")


def break_everything(data):
    """A folder of Parley's in which nothing is as it was written."""
    for name in ("kafka", "postgres"):
        (data / name).mkdir(parents=True)
    (data / data_folder.MARK).touch()
    (data / "kafka" / "meta.properties").touch()
    (data / "postgres" / "PG_VERSION").write_text("14\n")
    (data / "run.json").write_text("{")


class BrokenData(Case):
    """ops/run, which goes on with the data that is there."""

    def data(self, **files):
        """A folder of Parley's with these files."""
        (self.folder / data_folder.MARK).touch()
        for name, text in files.items():
            file = self.folder / name.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return self.folder

    def assert_run_says(self, code, *words):
        self.assert_said(command("run", "--data", self.folder), code, *words)

    def test_kafkas_properties_cut_off(self):
        for text, absent in (("", "version"), ("version=1\ncluster.id=\n", "cluster.id"), ("version=1\ncluster.id=a\n", "node.id")):
            with self.subTest(text=text):
                self.data()
                (self.folder / "kafka").mkdir(exist_ok=True)
                (self.folder / "kafka" / "meta.properties").write_text(text)
                self.assert_run_says(Exit.BROKEN_DATA, self.folder / "kafka" / "meta.properties", absent, "--fresh")

    def test_a_log_of_kafka_without_its_properties_is_never_given_new_ones(self):
        self.data()
        (self.folder / "kafka" / "parley.events-0").mkdir(parents=True)
        self.assert_run_says(Exit.BROKEN_DATA, self.folder / "kafka" / "meta.properties", "--fresh")

    def test_postgresqls_data_of_another_version(self):
        self.data(postgres__PG_VERSION="14\n")
        self.assert_run_says(Exit.BROKEN_DATA, self.folder / "postgres", "PostgreSQL 14", "move the folder away")

    def test_postgresqls_data_without_a_version(self):
        for text in ("", "\0\0"):
            with self.subTest(text=text):
                self.data(postgres__PG_VERSION=text)
                self.assert_run_says(Exit.BROKEN_DATA, self.folder / "postgres", "broken", "move the folder away")

    def test_what_was_noted_of_an_earlier_run_may_be_broken(self):
        """It is written anew at every start: the next thing in the way is what is said."""
        for text in ("", "{", "[]", '{"processes": 3}', '{"processes": [{}]}', "\udcff"):
            with self.subTest(text=text), socket.create_server(("127.0.0.1", PORT)):
                self.data()
                (self.folder / "run.json").write_bytes(text.encode(errors="surrogateescape"))
                self.assert_run_says(Exit.IN_USE, f"port {PORT}")

    def test_status_and_stop_say_what_is_broken(self):
        self.data(**{"run.json": "{"})
        for name in ("status", "stop"):
            done = subprocess.run([ROOT / "ops" / name, "--data", self.folder], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX)
            self.assert_said(done, Exit.BROKEN_DATA, self.folder / "run.json")

    def test_the_number_of_an_earlier_process_that_another_one_has_now_does_not_matter(self):
        mine = {"name": "decider-1", "pid": os.getpid(), "ticks": data_folder.start_ticks(os.getpid()) - 1}
        self.data(**{"run.json": json.dumps({"pid": os.getpid(), "ticks": 1, "processes": [mine]})})
        with socket.create_server(("127.0.0.1", PORT)):
            self.assert_run_says(Exit.IN_USE, f"port {PORT}")

    def test_an_earlier_process_that_does_not_end_is_named(self):
        mine = {"name": "decider-1", "pid": os.getpid(), "ticks": data_folder.start_ticks(os.getpid())}
        data = self.data(**{"run.json": json.dumps({"pid": 1, "ticks": 1, "processes": [mine]})})
        with mock.patch.object(parley_system, "LEFTOVER_SECONDS_MAX", 0.1), System(Settings(data=data, port=PORT), announce=lambda line: None) as system:
            with self.assertRaisesRegex(OpsError, rf"decider-1 of an earlier run \(pid {os.getpid()}\) still runs") as raised:
                system.check()
        self.assertEqual(raised.exception.code, Exit.IN_USE)

    def test_a_copy_to_restore_that_is_not_there(self):
        self.assert_said(command("run", "--data", self.folder, "--restore", self.folder / "copy"), Exit.USAGE, "--restore", self.folder / "copy")


class CleaningUp(Case):
    """What fails first is what is said."""

    def settings(self):
        return Settings(data=self.folder / "data", port=PORT)

    def test_servers_that_were_never_started_are_not_stopped(self):
        for module in (kafka, postgres):
            with self.subTest(fails=module.__name__), self.assertRaisesRegex(OpsError, "^the first cause$"):
                with mock.patch.object(postgres, "prepare", return_value=mock.Mock()), mock.patch.object(kafka, "prepare", return_value=[mock.Mock()]):
                    with mock.patch.object(module, "prepare", side_effect=OpsError("the first cause")), System(self.settings(), announce=lambda line: None) as system:
                        system.start_servers()

    def test_what_fails_while_stopping_is_said_and_takes_nothings_place(self):
        lines = []
        with self.assertRaisesRegex(OpsError, "^the first cause$"), mock.patch.object(System, "stop", side_effect=OSError(errno.EIO, "broken")):
            with System(self.settings(), announce=lines.append):
                raise OpsError("the first cause")
        self.assertRegex(lines[0], "stopping failed: .*broken")
        with self.assertRaises(OSError), mock.patch.object(System, "stop", side_effect=OSError(errno.EIO, "broken")):
            with System(self.settings(), announce=lines.append):
                pass


class Sentences(Case):
    """What becomes of an error that nobody thought of."""

    def ended(self, error):
        """The code and what stderr has when a command's main() raises this."""
        def main():
            raise error

        with contextlib.redirect_stderr(io.StringIO()) as said, mock.patch.object(os, "dup2"), self.assertRaises(SystemExit) as ended:
            failures.run(main)
        return ended.exception.code, said.getvalue()

    def test_errors_of_the_system_are_sentences(self):
        for error, code, word in ((OSError(errno.ENOSPC, "No space left on device", "/d/f"), Exit.DISK_FULL, "/d/f"),
                                  (PermissionError(errno.EACCES, "Permission denied", "/d/f"), Exit.FOLDER, "/d/f"),
                                  (FileNotFoundError(errno.ENOENT, "No such file or directory", "mvn"), Exit.MISSING, "mvn"),
                                  (OSError(errno.ENOSPC, "No space left on device"), Exit.DISK_FULL, "on a disk: free some"),
                                  (PermissionError(errno.EACCES, "Permission denied"), Exit.FOLDER, "a file or folder that the system does not name cannot be used by"),
                                  (OSError(errno.EROFS, "Read-only file system"), Exit.FOLDER, "a file or folder that the system does not name cannot be used"),
                                  (OSError(errno.ENOMEM, "Cannot allocate memory"), Exit.FAULT, "Cannot allocate memory"),
                                  (subprocess.TimeoutExpired(["initdb", "-D"], 60), Exit.FAULT, "initdb"),
                                  (subprocess.CalledProcessError(3, ["chown", "postgres"]), Exit.FAULT, "chown")):
            with self.subTest(error=repr(error)):
                got, said = self.ended(error)
                self.assertEqual(got, code)
                self.assertRegex(said, "^parley: .*\n$")
                self.assertIn(word, said)
                self.assertNotIn("None", said)

    def piped_to_head(self, main, lines=1):
        """The exit code and stderr of a command with this main(), whose stdout is read for so many lines and closed."""
        program = f"import failures\nfailures.run({main})"
        process = subprocess.Popen([sys.executable, "-B", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "PYTHONPATH": str(ROOT / "ops" / "harness")})
        with process:
            for _ in range(lines):
                process.stdout.readline()
            process.stdout.close()
            said = process.stderr.read()
        return process.returncode, said

    def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word(self):
        pipe_closed = (128 + signal.SIGPIPE, "")
        self.assertEqual(self.piped_to_head("lambda: print('line\\n' * 1_000_000)"), pipe_closed)
        late = "lambda: (print('first', flush=True), __import__('time').sleep(1), print('second'){end})"
        self.assertEqual(self.piped_to_head(late.format(end="")), pipe_closed)
        self.assertEqual(self.piped_to_head(late.format(end=", __import__('sys').exit(0)")), pipe_closed)

    def test_a_pipe_that_breaks_elsewhere_is_a_failure(self):
        code, said = self.ended(BrokenPipeError(errno.EPIPE, "Broken pipe"))
        self.assertEqual(code, Exit.FAULT)
        self.assertIn("Broken pipe", said)

    def test_details_come_first_and_the_sentence_last(self):
        self.assertEqual(self.ended(OpsError("that is why", Exit.FOLDER, "a\nb\n")), (Exit.FOLDER, "a\nb\nparley: that is why\n"))

    def test_a_fault_of_a_command_itself_is_shown_and_called_one(self):
        code, said = self.ended(KeyError("kafka"))
        self.assertEqual(code, Exit.FAULT)
        self.assertIn("Traceback", said)
        self.assertRegex(said.splitlines()[-1], "^parley: KeyError.*fault of the command")

    def test_an_interruption_ends_as_a_shell_expects(self):
        self.assertEqual(self.ended(KeyboardInterrupt()), (128 + signal.SIGINT, ""))

    def test_the_reason_is_found_in_each_programs_log(self):
        for log, reason in (
                ("", "it wrote nothing"), ("a\nb\n\n", "b"),
                ("2026-01-01 00:00:00.000 UTC [7] LOG:  starting\n2026-01-01 00:00:00.000 UTC [7] FATAL:  data directory has wrong ownership\nHINT: x\n", "data directory has wrong ownership"),
                ("nginx: [emerg] bind() to 127.0.0.1:80 failed (98: Address already in use)\nnginx: configuration\n", "bind() to 127.0.0.1:80 failed (98: Address already in use)"),
                ('{"time":"t","level":"info","message":"up"}\n{"time":"t","level":"error","role":"decider","message":"it is \\"gone\\""}\n{"level":"info","message":"bye"}\n', 'it is "gone"'),
                ("t [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception\njava.lang.RuntimeException: x\nCaused by: java.io.IOException: y\n\tat z\n", "java.io.IOException: y"),
                ("start: the old session has not ended in 180 s\n", "start: the old session has not ended in 180 s"),
                ("setpriv: failed to execute /usr/sbin/nginx: No such file or directory\n", "setpriv: failed to execute /usr/sbin/nginx: No such file or directory")):
            with self.subTest(log=log):
                self.assertEqual(failures.reason(log), reason)

    def test_a_build_that_fails_ends_in_a_sentence(self):
        with self.assertRaises(OpsError) as raised:
            prerequisites.execute(["sh", "-c", "echo no compiler; exit 3"], "Parley does not build", quiet=True)
        self.assertEqual((raised.exception.code, raised.exception.details), (Exit.MISSING, "no compiler\n"))
        self.assertRegex(raised.exception.sentence, "^Parley does not build: sh -c .* ended with 3")


class Meanwhile(Case):
    """Downloads beside a build."""

    def test_they_run_beside_the_block_and_have_ended_after_it(self):
        begun, ended = threading.Event(), threading.Event()
        with prerequisites.meanwhile(lambda: (begun.set(), ended.wait(SECONDS_MAX))):
            self.assertTrue(begun.wait(SECONDS_MAX))
            ended.set()

    def test_a_download_that_fails_is_the_failure(self):
        with self.assertRaisesRegex(OpsError, "^no network$"), prerequisites.meanwhile(mock.Mock(side_effect=OpsError("no network"))):
            pass

    def test_what_fails_in_the_block_comes_first(self):
        with self.assertRaisesRegex(OpsError, "^no compiler$"), prerequisites.meanwhile(mock.Mock(side_effect=OpsError("no network"))):
            raise OpsError("no compiler")


class Packages(Case):
    """install-packages, with programs in place of Debian's."""

    def install(self, **programs):
        path = self.folder / "bin"
        path.mkdir(exist_ok=True)
        for name in ("bash", "cat", "grep"):
            (path / name).unlink(missing_ok=True)
            (path / name).symlink_to(shutil.which(name))
        for name, text in programs.items():
            (path / name.replace("_", "-")).write_text(f"#!/bin/bash\n{text}\n")
            (path / name.replace("_", "-")).chmod(0o755)
        wanted = self.folder / "packages.txt"
        wanted.write_text("# needed\nno-such-package\n")
        return subprocess.run([ROOT / "ops/harness/install-packages", wanted], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX, env={"PATH": str(path)})

    def test_a_system_that_is_not_debian(self):
        self.assert_said(self.install(), Exit.MISSING, "not Debian", self.folder / "packages.txt")

    def test_a_user_without_sudo(self):
        self.assert_said(self.install(apt_get="exit 1", dpkg_query="exit 1", id="echo 1000"), Exit.MISSING, "no sudo", "no-such-package")

    def test_a_user_whom_sudo_refuses(self):
        self.assert_said(self.install(apt_get="exit 1", dpkg_query="exit 1", id="echo 1000", sudo="echo a password is required >&2; exit 1"), Exit.MISSING, "sudo could not", "no-such-package")


if __name__ == "__main__":
    unittest.main(verbosity=2)
