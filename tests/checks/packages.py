#!/usr/bin/python3
"""What a command of ops/ builds, imports and runs is in the packages that this command installs: a bare machine has nothing else."""

import ast
import functools
import pathlib
import re
import sys
import unittest

from sources import ROOT, tracked_cpp, tracked_files

LIB = ROOT / "ops" / "harness"
COMMANDS = ("run", "test", "bench", "chaos")
OF_ANOTHER_PYTHON = ("tests/contract/clients/*", "tests/contract/schemathesis_hooks.py")  # the virtual environment that contract_tools() fills
ENTRY = re.compile(r"^parley_ops (\w+) (.*?)-- ", re.MULTILINE)
LIST = re.compile(r"packages-\w+\.txt")
ASKED_OF_CMAKE = re.compile(r"\bfind_package\((\S+)[ )]|\bpkg_check_modules\(\w+((?:\s+[^\s)]+)+)\)")
WORDS_OF_PKG_CONFIG = {"REQUIRED", "IMPORTED_TARGET", "QUIET", "GLOBAL"}
INCLUDE = re.compile(r"^\s*#\s*include <([^>]+)>", re.MULTILINE)
RUNNERS = {"run", "Popen", "check_call", "check_output", "call", "execute"}

# Where Debian 12 has what is asked for. None: of every Debian system, or of the compiler; librdkafka is built, where there is none.
CMAKE = {"Threads": None, "rdkafka": None, "rdkafka-static": None, "PkgConfig": {"pkg-config"}, "libsodium": {"libsodium-dev"}, "libpqxx": {"libpqxx-dev"},
         "libpistache": {"libpistache-dev"}, "CLI11": {"libcli11-dev"}, "prometheus-cpp": {"prometheus-cpp-dev"}, "OpenSSL": {"libssl-dev"},
         "RocksDB": {"librocksdb-dev"}, "icu-uc": {"libicu-dev"}, "jemalloc": {"libjemalloc-dev"}, "libcurl": {"libcurl4-openssl-dev"}, "fmt": {"libfmt-dev"}, "libpq": {"libpq-dev"}, "GTest": {"libgtest-dev", "libgmock-dev"}}
HEADERS = {"CLI": {"libcli11-dev"}, "CivetServer.h": {"prometheus-cpp-dev"}, "curl": {"libcurl4-openssl-dev"}, "fmt": {"libfmt-dev"}, "gmock": {"libgmock-dev"}, "gtest": {"libgtest-dev"}, "libpq-fe.h": {"libpq-dev"},
           "librdkafka": None, "openssl": {"libssl-dev"}, "pistache": {"libpistache-dev"}, "pqxx": {"libpqxx-dev"}, "prometheus": {"prometheus-cpp-dev"},
           "rapidjson": {"rapidjson-dev"}, "rocksdb": {"librocksdb-dev"}, "sanitizer": None, "sodium.h": {"libsodium-dev"},
           "unicode": {"libicu-dev"}}
OF_THE_C_LIBRARY = {"arpa", "cxxabi.h", "fcntl.h", "linux", "malloc.h", "netdb.h", "net", "netinet", "poll.h", "pthread.h", "pwd.h", "signal.h", "spawn.h", "stdlib.h", "sys", "termios.h", "time.h", "unistd.h"}
MODULES = {"confluent_kafka": {"python3-confluent-kafka"}, "jsonschema": {"python3-jsonschema"}, "psycopg2": {"python3-psycopg2"}}
PROGRAMS = {"/usr/bin/python3": {"python3"}, "bash": None, "chown": None, "cp": None, "mount": None, "setpriv": None, "sh": None, "umount": None, "unshare": None, "sudo": None,
            "chromium": {"chromium"}, "clang-format-19": {"clang-format-19"}, "clang-tidy-19": {"clang-tidy-19"}, "cmake": {"cmake", "ninja-build", "ccache", "g++"}, "git": {"git"}, "make": {"build-essential"},
            "mvn": {"maven"}, "node": {"npm"}, "npm": {"npm"}, "patch": {"build-essential"}, "pkg-config": {"pkg-config"}, "prometheus": {"prometheus"}, "promtool": {"prometheus"},
            "shellcheck": {"shellcheck"}, "wrk": {"wrk"}}


def commands_of(path):
    """The commands that build or run this file: tests are built by ops/test alone, the load generator by ops/bench too, everything else by all."""
    parts = path.parts
    if parts[0] != "tests":
        return COMMANDS
    return ("test", "bench") if parts[1] == "bench" else ("test",)


@functools.cache
def python_of(command):
    """The modules that the command runs: its own, what they import of ops/harness, and of ops/test every test."""
    tests = [ROOT / path for path in tracked_files() if path.parts[0] == "tests" and path.suffix == ".py" and not any(map(path.match, OF_ANOTHER_PYTHON))] if command == "test" else []
    folders = [LIB, *{file.parent for file in tests}]
    seen, todo = set(), [LIB / f"command_{command}.py", *tests]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in [*imported(file), *imported(file, of_its_folder=True)]:
            parts = pathlib.PurePath(*name.split("."))
            todo += [found for folder in (file.parent, *folders) for found in (folder / parts.with_suffix(".py"), folder / parts / "__init__.py") if found.exists()]
    return seen


@functools.cache
def nodes_of(file):
    """What imports and calls there are."""
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom, ast.Call))]


def imported(file, of_its_folder=False):
    """Names of modules, with what is imported from them as a name too, which may be a module. `of_its_folder`: those of `from . import` instead of all others."""
    for node in nodes_of(file):
        if isinstance(node, ast.Import) and not of_its_folder:
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and bool(node.level) == of_its_folder:
            yield from ([node.module] if node.module else [])
            yield from (f"{node.module}.{each.name}" if node.module else each.name for each in node.names)


def programs(file):
    """Programs that are run by a literal list of words."""
    for node in nodes_of(file):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in RUNNERS and node.args:
            words = node.args[0]
            if isinstance(words, ast.List) and words.elts and isinstance(words.elts[0], ast.Constant) and isinstance(words.elts[0].value, str):
                yield words.elts[0].value


def installed_by(command):
    """The packages that the command installs: first of all, and later where one of its modules names a list."""
    (module, lists), = ENTRY.findall((ROOT / "ops" / command).read_text())
    names = {*lists.split(), *(name for file in python_of(module) if file.is_relative_to(LIB) for name in LIST.findall(file.read_text()))}
    return {line for name in names for line in (LIB / name).read_text().splitlines() if line and not line.startswith("#")}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installed = {command: installed_by(command) for command in COMMANDS}

    def assert_installed(self, table, name, commands, where):
        self.assertIn(name, table, f"{where} asks for {name}: say in {pathlib.Path(__file__).name} which of Debian's packages has it")
        for command in commands:
            absent = sorted((table[name] or set()) - self.installed[command])
            self.assertEqual(absent, [], f"{where} asks for {name}, and ops/{command} does not install it")

    def test_what_cmake_looks_for(self):
        files = [path for path in tracked_files() if path.name == "CMakeLists.txt"]
        self.assertGreater(len(files), 10)
        for path in files:
            for package, modules in ASKED_OF_CMAKE.findall((ROOT / path).read_text()):
                for name in [package] if package else [re.split("[<>=]", word)[0] for word in modules.split() if word not in WORDS_OF_PKG_CONFIG]:
                    self.assert_installed(CMAKE, name, commands_of(path), path)

    def test_what_sources_include(self):
        for path in tracked_cpp():
            for header in INCLUDE.findall((ROOT / path).read_text()):
                name = header.partition("/")[0]
                if ("." in name or "/" in header) and name not in OF_THE_C_LIBRARY:
                    self.assert_installed(HEADERS, name, commands_of(path), path)

    def test_what_modules_import_and_run(self):
        for command in COMMANDS:
            files = python_of(command)
            own = {part for file in files for part in (file.stem, file.parent.name)}
            for file in sorted(files):
                where = file.relative_to(ROOT)
                for name in {name.partition(".")[0] for name in imported(file)} - own - sys.stdlib_module_names:
                    self.assert_installed(MODULES, name, [command], where)
                for name in programs(file):
                    self.assert_installed(PROGRAMS, name, [command], where)

    def test_it_sees_what_a_bare_machine_would_lack(self):
        for name, command, path in (("GTest", "run", "CMakeLists.txt"), ("GTest", "run", "platform/log/CMakeLists.txt"), ("GTest", "bench", "tests/bench/CMakeLists.txt")):
            with self.assertRaisesRegex(AssertionError, f"ops/{command} does not install it"):
                self.assert_installed(CMAKE, name, commands_of(pathlib.PurePath(path)), path)
        with self.assertRaisesRegex(AssertionError, "which of Debian's packages has it"):
            self.assert_installed(HEADERS, "boost", ["run"], "domain/model.cc")


if __name__ == "__main__":
    unittest.main()
