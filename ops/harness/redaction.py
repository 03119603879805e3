"""What may leave a machine in a bug report. A log line keeps the fields that are known to hold no secret and no text of a person, and of those the values are
scrubbed once more. What is not known is left out."""

import collections
import hashlib
import json
import re

from settings import ROOT

TEXT_CHARS_MAX = 500
ID_FIELDS = {"correlation_id", "request_id", "event", "command_id", "position"}
# Fields of log lines in JSON: numbers pass, texts are scrubbed. A field that is not here is left out, and counted.
FIELDS = ID_FIELDS | {
    "time", "level", "role", "instance", "message", "reason", "partition", "partitions", "topic", "offset", "outcome", "error", "dialog", "sequence", "count", "client", "waiting",
    "stream", "step", "route", "lost", "facility", "text", "decided_to", "cause", "version", "type", "times", "store", "seconds", "retry_ms", "restore_seconds", "port",
    "matched", "events", "commands", "command_id", "pool", "phase", "group", "limit", "certificates", "is_sure_not_sent", "line", "kind", "host", "function", "from_checkpoints", "folded_to", "file", "field", "end", "what", "method", "status", "bytes", "streaming", "upstream",
    "upstream_status", "upstream_seconds", "path"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUOTING_FIELDS = {"reason", "error", "what", "text"}  # errors quote what they were given
MADE_HERE = re.compile(r"[0-9a-f]{16,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+(:\d+)?")
EMAIL = re.compile(r"[^\s@\"'<>(),;:=\[\]/]+@[^\s@\"'<>(),;:=\[\]/]+")
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+\S+")
NAMED_SECRET = re.compile(r"(?i)\b([\w.-]*(?:password|passwd|secret|token|api[_-]?key|credential|authorization|cookie|jaas)[\w.-]*)(\s*[=:]\s*)(?!\[)\S+")
LONG_RUN = re.compile(r"[A-Za-z0-9_+/=.~-]{40,}")
SIGNS = re.compile(r"[._/$:+=~-]")  # a long run of words and numbers between these is the name of a class, a metric or a file
WORD = re.compile(r"[A-Za-z]{0,60}\d{0,12}|[A-Z][a-z]+\d[A-Za-z]{1,30}")
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|“[^”]*”|«[^»]*»|`[^`]*`")
KEY_VALUES = re.compile(r"=\(.*\)")
LEFT_OUT = "[left out]"
# What the settings of a process may be shown by. Of a connection string and of Kafka's properties, these parts.
SETTINGS = {"PARLEY_KAFKA_BROKERS", "PARLEY_KEYS_FILE", "PARLEY_SEAL_KEY_FILE", "PARLEY_PARTITIONS", "PARLEY_LOG_LEVEL", "PARLEY_TOPIC_PREFIX", "PARLEY_RATE_PROFILE",
            "PARLEY_STATE_DIR", "PARLEY_INSTANCE", "PARLEY_HEALTH_HOST", "PARLEY_HEALTH_PORT", "PARLEY_HTTP_HOST", "PARLEY_HTTP_PORT"}
LIMIT_SETTING = re.compile(r"PARLEY_\w+_(MAX|THREADS|S|MS)")
CONNECTION_PARTS = {"host", "hostaddr", "port", "dbname", "user", "sslmode", "connect_timeout", "application_name"}
KAFKA_PROPERTIES = {"security.protocol", "sasl.mechanism", "sasl.mechanisms", "client.id", "broker.address.family"}
POSTGRES_LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \w+) \[(?P<pid>\d+)\] (?:\S+ )?(?P<level>LOG|WARNING|ERROR|FATAL|PANIC):\s+(?P<text>.*)")
NGINX_LINE = re.compile(r"(?P<head>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: )(?P<text>.*)")
KAFKA_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\S* \[[^\]]*\] (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) .*|\s+at [\w.$<>/]+\(.*\)|(?:Caused by: )?[\w.$]+(?:Exception|Error)(?:: .*)?")


def scrubbed(text):
    """A text of a program without what looks like an address, a key or a token."""
    text = EMAIL.sub("[e-mail]", BEARER.sub(r"\1 [token]", text))
    text = NAMED_SECRET.sub(rf"\1\2{LEFT_OUT}", text)
    return LONG_RUN.sub(lambda run: run[0] if MADE_HERE.fullmatch(run[0]) or all(map(WORD.fullmatch, SIGNS.split(run[0]))) else "[token]", text)


def without_values(text):
    """Further without what it quotes: errors of PostgreSQL and of parsers quote what they were given."""
    return scrubbed(KEY_VALUES.sub("=(…)", QUOTED.sub("[…]", text)))


def json_without_values(document):
    """A document of the program's own, its names as they are and of its texts what without_values() leaves."""
    if isinstance(document, dict):
        return {name: json_without_values(value) for name, value in document.items()}
    if isinstance(document, list):
        return [json_without_values(value) for value in document]
    return without_values(document) if isinstance(document, str) else document


def made_here(value):
    """An id as Parley makes it stands as it is; another one was chosen by a client, and its digest still shows which lines belong together."""
    return value if MADE_HERE.fullmatch(value) else "digest:" + hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:16]


def path_segments():
    """The words of the API's own paths."""
    document = json.loads((ROOT / "schemas" / "openapi" / "replyx.json").read_text())
    return {segment for path in document["paths"] for segment in path.split("/") if "{" not in segment} | {"docs"}


class Lines:
    """Redacts the lines of one log after the other. Counts what it leaves out: `fields` by name, `lines` as a number."""

    def __init__(self):
        self.fields, self.lines = collections.Counter(), 0
        self._segments = path_segments()

    def redacted(self, log, line):
        """The line as it may be shown, or None."""
        kept = self._of_json(line) if line.startswith("{") else self._of_text(log, line)
        self.lines += kept is None
        return kept

    def _of_json(self, line):
        try:
            fields = json.loads(line)
        except ValueError:
            return None
        if not isinstance(fields, dict):
            return None
        kept = {}
        for name, value in fields.items():
            shown = self._field(name, value, fields)
            if shown is None:
                self.fields[name] += 1
            else:
                kept[name] = shown
        return json.dumps(kept, ensure_ascii=False)

    def _field(self, name, value, fields):
        if name not in FIELDS or not isinstance(value, (str, int, float, bool)):
            return None
        if name == "text" and not str(fields.get("message")).startswith("kafka client"):
            return None
        if not isinstance(value, str):
            return value
        if name in ID_FIELDS:
            return made_here(value)
        if name == "path":
            return self.path(value)
        if name == "method":
            return value if value in METHODS else "*"
        return (without_values(value) if name in QUOTING_FIELDS else scrubbed(value))[:TEXT_CHARS_MAX]

    def path(self, path):
        """A path of which the API's own words and numbers are left."""
        return "/".join(segment if segment in self._segments or re.fullmatch(r"\d{0,19}", segment) else "*" for segment in path.partition("?")[0].split("/"))

    def _of_text(self, log, line):
        if log.startswith("postgres"):
            match = POSTGRES_LINE.fullmatch(line)
            return match and f"{match['time']} [{match['pid']}] {match['level']}: {without_values(match['text'])}"
        if log.startswith("edge"):
            match = NGINX_LINE.fullmatch(line)
            return match and match["head"] + without_values(match["text"].partition(", client:")[0])
        if log.startswith("kafka"):
            return without_values(line) if KAFKA_LINE.fullmatch(line) else None
        return None


def settings(environment):
    """PARLEY_* variables: what holds no secret, and of what may hold one the parts that do not."""
    shown = {}
    for name, value in sorted(environment.items()):
        if name in SETTINGS or LIMIT_SETTING.fullmatch(name):
            shown[name] = scrubbed(value)
        elif name == "PARLEY_POSTGRES":
            shown[name] = " ".join(part if part.partition("=")[0] in CONNECTION_PARTS else f"{part.partition('=')[0]}={LEFT_OUT}" for part in value.split()
                                   ) if "://" not in value else LEFT_OUT
        elif name == "PARLEY_KAFKA_PROPERTY":
            shown[name] = ";".join(part if part.partition("=")[0] in KAFKA_PROPERTIES else f"{part.partition('=')[0]}={LEFT_OUT}" for part in value.split(";"))
        else:
            shown[name] = LEFT_OUT
    return shown
