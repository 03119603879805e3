"""ops/bench: measures Parley beside the bare engines under it, in one run on this machine; prints the figures with their ratios and keeps them as JSON.

  ops/bench                   every part, in about two minutes
  ops/bench writes reads      these parts
  ops/bench start --events 1000000
  ops/bench peer --peer DIR   beside another program of the same job: app.py for uvicorn, post.lua and get.lua for wrk

The parts: {parts}. What each measures: tests/bench/README.md.
"""

import pathlib
import signal
import sys
import time

import failures
import prerequisites
from benchmark import report
from benchmark.parts import PARTS, WITH_PEER, Bench, Size
from command_test import default_data
from parley_system import System
from settings import BUILD, PARTITIONS, ROOT, Settings, add_data_flag, duration, parser

PORT = 20000
TOOL = "parley_bench"


def main():
    flags_parser = parser(__doc__.format(parts=", ".join(PARTS)))
    add_data_flag(flags_parser, default_data())
    flags_parser.add_argument("--port", type=int, default=PORT, help="the edge's port; the other ports move with it (default %(default)s)")
    flags_parser.add_argument("--kafka-port", type=int, default=0, help="Kafka's port; 0: the edge's port + 11092")
    flags_parser.add_argument("--events", type=int, default=Size.events, help="events in the log, for catch-up and start (default %(default)s)")
    flags_parser.add_argument("--partitions", type=int, default=PARTITIONS, help="partitions of the log (default %(default)s)")
    flags_parser.add_argument("--seconds", type=duration, default=Size.seconds, help="seconds of each load (default %(default)s)")
    flags_parser.add_argument("--peer", type=pathlib.Path, metavar="DIR", help="the folder of the program that the part \"peer\" compares with")
    flags_parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench", help="folder for the JSON (default build/bench)")
    flags_parser.add_argument("parts", nargs="*", metavar="PART", help="the parts to measure; all when none is named")
    flags = flags_parser.parse_args()
    for part in flags.parts:
        if part not in WITH_PEER:
            flags_parser.error(f"{part}: the parts are {', '.join(WITH_PEER)}")
    if ("peer" in flags.parts) != (flags.peer is not None):
        flags_parser.error("the part \"peer\" and --peer DIR need each other")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    settings = Settings(data=flags.data / "bench", port=flags.port, kafka_port=flags.kafka_port, partitions=flags.partitions)
    with System(settings, prerequisites.say) as system:
        system.check(fresh=True)
    with prerequisites.meanwhile(prerequisites.kafka):
        prerequisites.librdkafka()
        prerequisites.parley("parley", TOOL, parts=[prerequisites.BENCH])
    measure(settings, BUILD, flags.parts or list(PARTS), Size(seconds=flags.seconds, events=flags.events, peer=flags.peer and flags.peer.absolute()), flags.out)


def measure(settings, build, parts, size, folder):
    """Runs these parts on a system of its own, prints and keeps their figures, and returns them as {part: [Figure]}."""
    results = {}
    with System(settings, prerequisites.say) as system:
        system.start(fresh=True)
        bench = Bench(system, build / "tests" / "bench" / TOOL, size)
        for part in (part for part in WITH_PEER if part in parts):
            begun = time.monotonic()
            results[part] = WITH_PEER[part](bench)
            print(f"\n{part} ({time.monotonic() - begun:.0f} s)", flush=True)
            for figure in results[part]:
                print(report.line(figure), flush=True)
    print(f"\nkept in {report.keep(folder, results, size, settings.partitions)}", flush=True)
    return results


if __name__ == "__main__":
    failures.run(main)
