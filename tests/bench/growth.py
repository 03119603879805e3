#!/usr/bin/python3
"""What 1,000 messages add to the disk: the log, the deciders' stores, the read models. Needs a built Parley and a file of dialogs for ops/demo.

  PYTHONPATH=ops/harness tests/bench/growth.py dialogs.jsonl [--dialogs 100] [--port 20000]

Plays some dialogs so that everything is there, measures, plays more, measures again, and prints the difference for 1,000 messages. The figures in
docs/operations.md come from here.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import postgres
from command_test import default_data
from parley_system import System, settings_for_test
from settings import ROOT

WARM_UP_DIALOGS = 20
PARALLEL = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--dialogs", type=int, default=100)
    parser.add_argument("--port", type=int, default=20000)
    flags = parser.parse_args()
    settings = settings_for_test("growth", port=flags.port)
    if str(settings.data).startswith("/tmp"):
        settings.data = default_data() / "growth"
    with System(settings, lambda text: print(text, file=sys.stderr, flush=True)) as system:
        system.start(fresh=True)
        play(system, flags.file, WARM_UP_DIALOGS)
        before = measured(system)
        play(system, flags.file, flags.dialogs)
        after = measured(system)
    dialogs, messages = (after["counts"][name] - before["counts"][name] for name in ("dialogs", "messages"))
    print(f"{messages} messages in {dialogs} dialogs; bytes for 1,000 messages:")
    for part in ("log", "store", "read models", "read models' indexes", "text"):
        added = {name: round((size - before[part].get(name, 0)) * 1000 / messages) for name, size in after[part].items()}
        for name, size in added.items():
            if size:
                print(f"  {part:<22} {name:<24} {size:>10,}")
        if len(added) > 1:
            print(f"  {part:<22} {'together':<24} {sum(added.values()):>10,}")


def play(system, file, dialogs):
    subprocess.run([ROOT / "ops" / "demo", file, "--base", system.url, "--kafka", system.settings.kafka_brokers, "--dialogs", str(dialogs),
                    "--parallel", str(PARALLEL)], check=True, stdout=sys.stderr)


def measured(system):
    """Bytes by part and name. The demo's checks have waited for the projections."""
    # A decider that ends writes its stores out: what a running one still holds in memory is not on the disk.
    system.restart("decider-1")

    def query(sql):
        return postgres.query(system.settings, sql, database="parley")

    query("CHECKPOINT")
    tables = json.loads(query("SELECT json_object_agg(relname, json_build_array(pg_table_size(oid), pg_indexes_size(oid))) FROM pg_class "
                              "WHERE relkind = 'r' AND relnamespace = 'parley'::regnamespace"))
    return {
        "log": segments(system.settings.data / "kafka"),
        "store": {"deciders": sum(file.stat().st_size for file in (system.settings.data / "state").rglob("*.sst"))},
        "read models": {name: sizes[0] for name, sizes in tables.items()},
        "read models' indexes": {name: sizes[1] for name, sizes in tables.items()},
        "text": {"of the messages, UTF-8": int(query("SELECT coalesce(sum(octet_length(text)), 0) FROM parley.messages"))},
        "counts": {name: int(query(f"SELECT count(*) FROM parley.{name}")) for name in ("dialogs", "messages")},
    }


def segments(folder):
    """The records alone: the indexes of a segment that is written are allocated beforehand, and small in the end."""
    sizes = {}
    for file in folder.glob("*-*/*.log"):
        topic = file.parent.name.rpartition("-")[0]
        sizes[topic] = sizes.get(topic, 0) + file.stat().st_size
    return sizes


if __name__ == "__main__":
    main()
