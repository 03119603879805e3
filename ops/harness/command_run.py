"""ops/run: installs, builds and runs all of Parley, in the foreground, until Ctrl-C."""

import json
import pathlib
import signal
import sys

import failures
import prerequisites
import repartition
from failures import Exit, OpsError
from parley_system import System
from settings import PARTITIONS_MAX, add_system_flags, from_flags, parser

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXAMPLES = """
Parley is ready:  {url}/   (a page to look at it)

Try, in another terminal:

  TOKEN=$(curl -s {url}/api/auth/register -H 'Content-Type: application/json' \\
    -d '{{"email":"me'$RANDOM'@example.com","password":"correct horse battery"}}' | jq -r .access_token)
  SITE=$(curl -s {url}/api/assistants -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"name":"Reception","website_integration":true}}' | jq -r .site_token)
  read DIALOG GUEST < <(curl -s {url}/api/site/dialogs -H "X-Site-Token: $SITE" -H 'Content-Type: application/json' \\
    -d '{{"first_name":"Anna"}}' | jq -r '"\\(.id) \\(.guest_id)"')
  curl -sN "{url}/api/dialogs/$DIALOG/events?last_event_id=0" -H "Authorization: Bearer $TOKEN" &
  curl -s {url}/api/site/dialogs/$DIALOG/messages -H "X-Site-Token: $SITE" -H "X-Guest-Id: $GUEST" \\
    -H 'Content-Type: application/json' -d '{{"text":"Hello! Are you open on Sunday?"}}'

The API's document: {url}/docs to read and try, {url}/openapi.json for programs.
Rate limits: {rates}.
What runs: ops/status{flag}.  Logs and data: {data}.  Ctrl-C stops everything; the data stays.
"""

RATES = {"local": "none that you would meet (--rate-profile public: as documented)", "public": "as documented (--rate-profile local: none that you would meet)"}


def main():
    flags_parser = parser(__doc__)
    add_system_flags(flags_parser)
    flags_parser.add_argument("--fresh", action="store_true", help="start with empty data: deletes everything in the data folder first")
    flags_parser.add_argument("--restore", metavar="DIR", help="start with the data of a copy that `parley backup` made; the data folder must be new, or add --fresh")
    flags_parser.add_argument("--repartition", type=int, metavar="N", help="first make the log anew with N partitions; Parley must not run, and needs three times the room of its data")
    flags = flags_parser.parse_args()
    settings = from_flags(flags)
    if flags.repartition is not None and (flags.fresh or flags.restore or flags.partitions):
        raise OpsError("--repartition changes the log that is there: leave out --fresh, --restore and --partitions", Exit.USAGE)
    if flags.repartition is not None and not 1 <= flags.repartition <= PARTITIONS_MAX:
        raise OpsError(f"--repartition must be between 1 and {PARTITIONS_MAX}", Exit.USAGE)
    if flags.restore and not pathlib.Path(flags.restore).is_dir():
        raise OpsError(f"--restore {flags.restore}: there is no such folder", Exit.USAGE)

    if flags.restore and not settings.partitions:
        settings.partitions = partitions_of_copy(pathlib.Path(flags.restore))

    for number in END_SIGNALS:
        signal.signal(number, interrupt)
    with System(settings, prerequisites.say) as system:
        try:
            system.check(flags.fresh)
            with prerequisites.meanwhile(prerequisites.kafka, prerequisites.swagger_ui):
                prerequisites.librdkafka()
                prerequisites.parley("parley")
            if flags.repartition is not None and flags.repartition != settings.partitions:
                repartition.change(system, flags.repartition, prerequisites.say)
            system.start_servers(flags.fresh)
            if flags.restore:
                prerequisites.say(system.task("restore", flags.restore, seconds=None))
            system.start_parley()
            flag = "" if str(settings.data) == "/var/lib/parley" else f" --data {settings.data}"
            print(EXAMPLES.format(url=settings.url, data=settings.data, flag=flag, rates=RATES[settings.rate_profile]), flush=True)
            while True:
                signal.pause()
        except KeyboardInterrupt:
            prerequisites.say("stopping")
        system.stop()
    prerequisites.say("stopped")


def partitions_of_copy(folder):
    """0 where the copy does not say it: what is wrong with it, the restore will say."""
    try:
        return int(json.loads((folder / "manifest.json").read_text())["partitions"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def interrupt(*_):
    """The first signal begins the end; more of them do not disturb it."""
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    failures.run(main)
