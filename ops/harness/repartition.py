"""Another number of partitions for the log of a data folder: a copy, a new log of that number, and the old one goes when the new one is whole.

What was there before waits in DATA/repartition. The folder's new name is the step after which the new log counts: a change that was interrupted
earlier, by whatever, is undone by the next start, and one that was interrupted later is done.
"""

import os
import shutil

from failures import Exit, OpsError

MOVED = ("kafka", "postgres", "state")  # the log, and what is made from it
BEFORE, AFTER = "repartition", "repartition.done"  # in DATA
COPY = "copy"  # in BEFORE


def change(system, partitions, announce):
    """Makes the log anew. The system is checked, so that it holds the folder, and nothing of it runs; so it is at the end. OpsError: it failed, and all is
    as it was."""
    settings, there = system.settings, system.settings.partitions
    data = settings.data
    for name in MOVED:
        if (data / name).is_symlink() or os.path.ismount(data / name):
            raise OpsError(f"{data / name} is on a disk of its own, and cannot be moved aside: parley backup, and ops/run --fresh --restore --partitions "
                           f"{partitions}, do the same", Exit.USAGE)
    try:
        announce(f"1 of 3: copying the log of {there} partitions; nothing is lost if this is interrupted")
        system.start_servers()
        system.start_role("decider")  # ends what a decider that was killed left open
        (data / BEFORE).mkdir()
        system.task("backup", data / BEFORE / COPY, "--without-keys", seconds=None)
        system.stop_processes()
        announce(f"2 of 3: making the log of {partitions} partitions")
        for name in MOVED:
            (data / name).rename(data / BEFORE / name)
        settings.partitions = partitions
        system.start_servers()
        announce(system.task("restore", data / BEFORE / COPY, seconds=None).strip())
        system.stop_processes()
    except BaseException:
        system.stop_processes()
        settle(data, announce)
        settings.partitions = there
        raise
    (data / BEFORE).rename(data / AFTER)
    announce("3 of 3: the tables are made from the log while Parley starts")
    settle(data, announce)


def settle(data, announce):
    """Puts back what an interrupted change moved, or removes what a finished one left. Nothing happens when there was none."""
    before = data / BEFORE
    if before.exists():
        for name in MOVED:
            if (before / name).exists():
                if (data / name).exists():
                    shutil.rmtree(data / name)
                (before / name).rename(data / name)
        shutil.rmtree(before)
        announce("the change of the number of partitions did not come to its end: the log is as it was before")
    shutil.rmtree(data / AFTER, ignore_errors=True)
