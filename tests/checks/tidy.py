#!/usr/bin/python3
"""clang-tidy-19 on the C++ sources that have changed, as .clang-tidy says. Not a test of `ops/test`: a source takes it 5 to 30 seconds.

  tests/checks/tidy.py                      what differs from where this branch left main, committed or not
  tests/checks/tidy.py --since HEAD~3       what differs from that commit
  tests/checks/tidy.py projections/lists.cc     these

It needs a configured build (build/release, or --build), for the compiler's arguments. Sources that no target compiles there are named and left
out. Faults in a header are shown when the header has changed too. Ends with 1 when it has found something.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from sources import ROOT, tracked_cpp


def git(*arguments):
    return subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout


def changed(since):
    base = git("rev-parse", since).strip() if since else git("merge-base", "main", "HEAD").strip()
    names = git("diff", "--name-only", "-z", base).split("\0") + git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    tracked = {*tracked_cpp()}
    paths = {pathlib.PurePath(name) for name in names if name}
    return sorted(path for path in paths if path in tracked or (path.suffix in (".h", ".cc") and (ROOT / path).is_file()))


def compiled(build):
    """The sources that the build compiles, relative to the root."""
    database = json.loads((build / "compile_commands.json").read_text())
    files = ((pathlib.Path(entry["directory"]) / entry["file"]).resolve() for entry in database)
    return {pathlib.PurePath(file.relative_to(ROOT)) for file in files if file.is_relative_to(ROOT)}


@contextlib.contextmanager
def arguments(build):
    """A folder with the compiler's arguments, without what is g++'s alone: precompiled headers, which would hide a header that a file forgot, and its parameters."""
    with tempfile.TemporaryDirectory() as folder:
        text = (build / "compile_commands.json").read_text()
        (pathlib.Path(folder) / "compile_commands.json").write_text(re.sub(r"-Winvalid-pch -include [^ ]+|--param=[^ ]+", "", text))
        yield folder


def tidy(build, source, headers):
    judged = "|".join(re.escape(f"{ROOT}/{header}") for header in headers)
    command = ["clang-tidy-19", "--quiet", "-p", build, f"--header-filter=^({judged})$" if judged else "--header-filter=^$", ROOT / source]
    done = subprocess.run(command, capture_output=True, text=True)
    # Without its own configuration or a source that it can parse it says so on the other channel.
    return done.stdout if done.stdout or done.returncode == 0 else done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--since", metavar="COMMIT")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    options = parser.parse_args()
    if not (options.build / "compile_commands.json").exists():
        parser.error(f"{options.build} has no compile_commands.json: cmake --preset release")
    wanted = [pathlib.PurePath(file.resolve().relative_to(ROOT)) for file in options.files] if options.files else changed(options.since)
    known = compiled(options.build)
    headers = [path for path in wanted if path.suffix == ".h"]
    sources = [path for path in wanted if path.suffix == ".cc" and path in known]
    for path in wanted:
        if path.suffix == ".cc" and path not in known:
            print(f"{path}: not compiled by {options.build}, left out", file=sys.stderr)
    found = set()
    with arguments(options.build) as database, ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, said in zip(sources, pool.map(lambda source: tidy(database, source, headers), sources)):
            fresh = {line for line in said.splitlines() if re.search(r": (warning|error): |^error: ", line)} - found  # a header's are said for each source
            found |= fresh
            print(f"{source}: {len(fresh) or 'nothing'}", file=sys.stderr)
            print("".join(f"{line.removeprefix(f'{ROOT}/')}\n" for line in sorted(fresh)), end="", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
