"""ops/parley: runs a task of the parley executable on the Parley that ops/run started, whose addresses, keys and log it is told.

  ops/parley parked list
  ops/parley audit history dialog/1387

All that follows is the task's own: ops/parley --help lists them. PARLEY_DATA names the folder of a Parley that was started with --data.
"""

import os
import sys

import data_folder
import failures
from failures import Exit, OpsError
from settings import BUILD, default_data


def main():
    data = default_data()
    state = data_folder.read_state(data)
    if not state:
        raise OpsError(f"no Parley runs on {data}: ops/run starts one, and PARLEY_DATA names the folder of another", Exit.USAGE)
    binary = os.environ.get("PARLEY_BIN") or state.get("binary") or BUILD / "ops" / "cli" / "parley"
    os.environ.update(state["environment"])
    try:
        os.execv(binary, ["parley", *sys.argv[1:]])
    except OSError as error:
        raise OpsError(f"{binary} cannot be run ({error.strerror})", Exit.MISSING) from None


if __name__ == "__main__":
    failures.run(main)
