"""ops/test: installs, builds and tests Parley, on ports and data of its own; its exit code is ctest's.

  ops/test                    every kind of test
  ops/test unit               one kind (unit needs no servers); 'unit|integration' for two
  ops/test e2e -R page        what follows goes to ctest as it is

Not part of "every kind", because each needs a build of its own and much time:

  ops/test asan               unit, property and integration tests under the address and undefined-behaviour sanitizers
  ops/test tsan               the same under the thread sanitizer
  ops/test --preset tsan integration -R decider
  ops/test fuzz               every fuzz target for a minute (--seconds N)
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import failures
import fuzz
import prerequisites
from failures import Exit, OpsError
from parley_system import System
from settings import ROOT, Settings, add_data_flag, parser

TEST_PORT = 18000
JOBS = "3"
NEED_SERVERS = {"integration", "contract", "e2e"}
NEED_SYSTEM = {"contract", "e2e"}
# Under a sanitizer the tests of whole systems would measure the sanitizer: their deadlines are for the release.
SANITIZED_KINDS = "unit|property|integration"
SUPPRESSIONS = ROOT / "ops" / "sanitizers"
SANITIZERS = {
    "asan": {"ASAN_OPTIONS": f"detect_stack_use_after_return=1:strict_string_checks=1:suppressions={SUPPRESSIONS / 'asan.supp'}",
             "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS / 'lsan.supp'}", "UBSAN_OPTIONS": "print_stacktrace=1"},
    "tsan": {"TSAN_OPTIONS": f"suppressions={SUPPRESSIONS / 'tsan.supp'}:history_size=4:second_deadlock_stack=1"},
}
NEED_JARS = NEED_SERVERS | {"chaos", "bench"}


def main():
    flags_parser = parser(__doc__)
    add_data_flag(flags_parser, default_data())
    flags_parser.add_argument("--port", type=int, default=TEST_PORT, help="the edge's port; the other ports move with it (default %(default)s)")
    flags_parser.add_argument("kind", nargs="?", help="a regular expression of ctest's labels, or asan, tsan, fuzz")
    flags_parser.add_argument("--preset", default="release", choices=("release", "dev", *SANITIZERS), help="the build to test (default %(default)s)")
    flags_parser.add_argument("--seconds", type=int, default=60, metavar="N", help="how long each fuzz target runs (default %(default)s)")
    flags, ctest_arguments = flags_parser.parse_known_args()
    # An interruption is an exception here, so that whatever was started is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    if flags.kind in SANITIZERS:
        flags.preset, flags.kind = flags.kind, SANITIZED_KINDS

    build = ROOT / "build" / flags.preset
    settings = Settings(data=flags.data / "system", port=flags.port, binary=build / "ops" / "cli" / "parley")
    if needs_servers(flags.kind, ctest_arguments):
        with System(settings, prerequisites.say) as system:
            system.check(fresh=True)
    prerequisites.librdkafka()
    if flags.kind == "fuzz":
        sys.exit(fuzz.run(flags.seconds))
    prerequisites.parley(preset=flags.preset, parts=prerequisites.PARTS)
    selection = ["ctest", "--test-dir", str(build), *(["-L", f"^({flags.kind})$"] if flags.kind else []), *ctest_arguments]
    kinds = kinds_of(selection)
    if kinds & NEED_JARS:
        prerequisites.kafka()

    if "contract" in kinds:
        prerequisites.asyncapi()
        prerequisites.contract_tools()
    if kinds & NEED_SYSTEM:
        prerequisites.swagger_ui()

    environment = {"PARLEY_BIN": settings.binary, "PARLEY_BUILD": build, "PARLEY_TEST_DATA": flags.data, **SANITIZERS.get(flags.preset, {})}
    with System(settings, prerequisites.say) as system:
        if kinds & NEED_SERVERS:
            system.start_servers(fresh=True)
            environment |= {"PARLEY_TEST_KAFKA": settings.kafka_brokers, "PARLEY_TEST_POSTGRES": settings.postgres}
        if kinds & NEED_SYSTEM:
            system.start_parley()
            environment |= {"PARLEY_TEST_BASE": settings.url, "PARLEY_TEST_API": f"http://127.0.0.1:{settings.api_port(1)}"}
        status = run_tests([*selection, "--output-on-failure", "--no-tests=error", "--parallel", JOBS], environment)
    sys.exit(status)


def run_tests(command, environment):
    """ctest's exit code. When this is interrupted, ctest and its tests end too."""
    tests = subprocess.Popen(command, env={**os.environ, **{name: str(value) for name, value in environment.items()}}, stdin=subprocess.DEVNULL,
                             start_new_session=True)
    try:
        return tests.wait()
    except BaseException:
        os.killpg(tests.pid, signal.SIGTERM)
        tests.wait()
        raise


def default_data():
    """Where PostgreSQL's own user can go when root tests; in the tree otherwise."""
    return pathlib.Path(os.environ.get("PARLEY_TEST_DATA") or ("/var/lib/parley-test" if os.getuid() == 0 else ROOT / ".run" / "test"))


def needs_servers(kind, ctest_arguments):
    """Whether servers will be started for certain: what is selected by name is known only when it is built."""
    try:
        return not ctest_arguments and (kind is None or any(re.fullmatch(kind, each) for each in NEED_SERVERS))
    except re.error as error:
        raise OpsError(f"{kind} is not a regular expression of labels ({error}): ops/test unit, or ops/test 'unit|integration'", Exit.USAGE) from None


def kinds_of(selection):
    """The labels of the tests that ctest would run."""
    listed = subprocess.run([*selection, "--show-only=json-v1"], stdout=subprocess.PIPE, text=True)
    if listed.returncode != 0:
        raise OpsError("ctest does not understand what it was given: its words are above", Exit.USAGE)
    if not listed.stdout.startswith("{"):
        raise OpsError(f"there is no such test (KIND comes before -R: ops/test 'unit|integration' -R NAME); ctest --test-dir {selection[2]} -N names all", Exit.USAGE)
    properties = (each for test in json.loads(listed.stdout)["tests"] for each in test.get("properties", []))
    return {label for each in properties if each["name"] == "LABELS" for label in each["value"]}


if __name__ == "__main__":
    failures.run(main)
