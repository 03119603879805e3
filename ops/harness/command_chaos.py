"""ops/chaos: runs a whole Parley of its own under load and under faults, and checks from the outside whether it kept its promises.

Two of each process, PostgreSQL and Kafka are killed (-9), paused until their sessions expire, stopped and started again; a proxy cuts, holds
and delays their connections. The seed decides what happens when. ops/harness/chaos/README.md lists what is checked.
"""

import os
import pathlib
import random
import signal
import sys

import failures
import prerequisites
from chaos import run
from parley_system import System
from settings import ROOT, add_data_flag, duration, parser

PORT = 14000
EXIT_BROKEN = 1


def main():
    flags_parser = parser(f"{__doc__}\nEnds with 0 when every promise was kept, {EXIT_BROKEN} when one was broken, another code of ops/README.md when it could not run.")
    add_data_flag(flags_parser, default_data())
    flags_parser.add_argument("--minutes", type=duration, default=2.0, metavar="N", help="minutes in which faults happen (default %(default)s)")
    flags_parser.add_argument("--seed", type=int, metavar="S", help="the seed of an earlier run, to repeat its plan of faults; default: a new seed")
    flags_parser.add_argument("--port", type=int, default=PORT, help="the edge's port; the other ports move with it (default %(default)s)")
    flags_parser.add_argument("--kafka-port", type=int, default=0, help="Kafka's port; 0: the edge's port + 11092")
    flags_parser.add_argument("--kafka-nodes", type=int, choices=(1, 3), default=1, help="with 3, brokers also are cut from each other, lose their disks, and "
                              "what they had not synced (default %(default)s)")
    flags_parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all results to this file")
    flags_parser.add_argument("--records", type=pathlib.Path, metavar="FILE", help="write the records of the clients to this file, as JSON lines")
    flags = flags_parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    sys.stdout.reconfigure(line_buffering=True)

    binary = os.environ.get("PARLEY_BIN")
    settings = run.settings_of(flags.data / "system", flags.port, binary and pathlib.Path(binary), flags.kafka_port, flags.kafka_nodes)
    with System(settings, prerequisites.say) as system:
        system.check(fresh=True)
    with prerequisites.meanwhile(prerequisites.kafka):
        if not binary:
            prerequisites.librdkafka()
            prerequisites.parley("parley")

    seed = flags.seed if flags.seed is not None else random.SystemRandom().randrange(1 << 32)
    prerequisites.say(f"seed {seed}")
    result = run.Run(settings, seed, flags.minutes * 60, prerequisites.say, records_file=flags.records).run()
    print("\n".join(run.summary(result)))
    if flags.json:
        run.write_json(result, flags.json)
    print(f"{'PASSED: every promise was kept' if result.kept else 'FAILED'} (seed {seed}); logs are in {settings.data / 'log'}")
    sys.exit(0 if result.kept else EXIT_BROKEN)


def default_data():
    """Where PostgreSQL's own user can go when root runs it; in the tree otherwise."""
    return pathlib.Path("/var/lib/parley-chaos" if os.getuid() == 0 else ROOT / ".run" / "chaos")


if __name__ == "__main__":
    failures.run(main)
