"""ops/stop: ends the Parley that ops/run started, cleanly, and returns when it has ended."""

import os
import signal
import sys

import data_folder
import failures
from failures import OpsError
from settings import add_data_flag, default_data, parser
from supervisor import wait_for

STOP_SECONDS_MAX = 120


def main():
    flags_parser = parser(__doc__)
    add_data_flag(flags_parser, default_data())
    data = flags_parser.parse_args().data
    state = data_folder.read_state(data)
    if not state or not data_folder.runs(state):
        print(f"parley: none runs on {data}")
        return
    try:
        os.kill(state["pid"], signal.SIGTERM)
    except PermissionError:
        raise OpsError(f"pid {state['pid']} belongs to another user") from None
    if not wait_for(lambda: not data_folder.runs(state), STOP_SECONDS_MAX):
        raise OpsError(f"pid {state['pid']} has not ended after {STOP_SECONDS_MAX} s")
    print("parley: stopped")


if __name__ == "__main__":
    failures.run(main)
