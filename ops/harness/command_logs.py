"""ops/logs: shows what every process logged about one request, in the order of time.

  ops/logs 3a157e143c00…        a correlation id: the X-Request-Id of a response
  ops/logs 3a157e143c00… --json the lines exactly as they are in the logs

Ends with 1 when no line names the id.
"""

import json
import sys

import failures
from failures import OpsError
from settings import add_data_flag, default_data, parser

ID_FIELDS = ("correlation_id", "request_id")
# Said before the message, or the same in every line of a process.
COMMON = {"time", "ts", "level", "role", "instance", "message", "msg", *ID_FIELDS}


def main():
    flags_parser = parser(__doc__)
    add_data_flag(flags_parser, default_data())
    flags_parser.add_argument("--json", action="store_true", help="print the lines exactly as they are in the logs, each after the name of its log")
    flags_parser.add_argument("id", metavar="CORRELATION-ID")
    flags = flags_parser.parse_args()
    folder = flags.data / "log"
    if not folder.is_dir():
        raise OpsError(f"{folder} is not a folder of logs: --data names the data folder of a system that ops/run started")
    lines = sorted(lines_of(folder, flags.id), key=lambda line: line[0])
    for time, log, text, fields in lines:
        print(f"{log}: {text}" if flags.json else in_words(time, log, fields))
    if not lines:
        print(f"no line in {folder} names {flags.id}: it may be of another system, or its logs have been removed", file=sys.stderr)
        sys.exit(1)


def lines_of(folder, wanted):
    """(time, log's name, line, fields) of each line that names the id. Logs that were put aside are read too; a line that is no JSON is passed over."""
    for path in sorted(folder.glob("*.log*")):
        with open(path, encoding="utf-8", errors="surrogateescape") as log:
            for line in log:
                if wanted not in line:
                    continue
                try:
                    fields = json.loads(line)
                except ValueError:
                    continue
                if isinstance(fields, dict) and any(fields.get(name) == wanted for name in ID_FIELDS):
                    yield str(fields.get("time") or fields.get("ts") or ""), path.name.split(".log")[0], line.rstrip("\n"), fields


def in_words(time, log, fields):
    message = fields.get("message") or fields.get("msg") or "request"
    rest = "  ".join(f"{name}={value}" for name, value in fields.items() if name not in COMMON and value != "")
    level = fields.get("level", "")
    mark = f"{level.upper()} " if level in ("warn", "error") else ""
    return f"{time}  {log:<12} {mark}{message}  {rest}".rstrip()


if __name__ == "__main__":
    failures.run(main)
