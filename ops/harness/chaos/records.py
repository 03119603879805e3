"""What clients know: everything that they asked, every answer to it, and what their streams showed them."""

import dataclasses
import json

RETRIED = frozenset((429, 502, 503, 504))


@dataclasses.dataclass
class Attempt:
    """One sending of a request. Times are monotonic seconds; `outcome` is a status, or a text when no answer came."""

    began: float
    ended: float
    via: str
    outcome: object
    code: str | None = None  # of an error
    position: str | None = None  # X-Event-Position
    hit: bool = False  # Idempotency-Hit
    digest: str = ""  # of the answer's body
    answer: object = None  # the body, without secrets

    @property
    def is_definite(self):
        return isinstance(self.outcome, int) and self.outcome not in RETRIED

    @property
    def is_success(self):
        return self.outcome in (200, 201, 204)

    @property
    def is_decision(self):
        """An answer that a decider may have given. What the API refuses by itself (401 without a session, 422 of a field) is none."""
        return self.is_success or (self.is_definite and self.code in DECIDED)


# Refusals that a decider remembers. DIALOG_NOT_FOUND is a refusal of the API itself too: whether there was a command says the log.
DECIDED = frozenset(("EMAIL_TAKEN", "INVALID_CREDENTIALS", "DIALOG_NOT_FOUND", "ASSISTANT_NOT_FOUND", "VERSION_CONFLICT", "INSUFFICIENT_PERMISSIONS"))
REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclasses.dataclass
class Ask:
    """A command as its caller knows it. Asked again and again under one correlation id and one key until there is an answer, or until the caller
    gave up. `identity`: who asks for what under which key; those who share it are to get one answer, and one effect between them."""

    correlation: str
    kind: str
    identity: str
    body: dict
    expected: tuple  # of (status, code): what the answer may be
    subject: str | None = None  # the stream it is for, where its caller knows it
    if_match: int | None = None
    method: str = "POST"
    attempts: list = dataclasses.field(default_factory=list)
    gave_up: bool = False

    @property
    def final(self):
        """The last attempt, if it had an answer that stays."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].is_definite else None

    @property
    def definite(self):
        return [attempt for attempt in self.attempts if attempt.is_definite]

    @property
    def ambiguous(self):
        return [attempt for attempt in self.attempts if not attempt.is_definite]

    @property
    def may_go_elsewhere(self):
        """A login is for whoever has the e-mail, and that may be another account at the next attempt: it is another command there."""
        return self.kind == "log_in"

    def body_text(self):
        return json.dumps(self.body, sort_keys=True)


@dataclasses.dataclass
class Watch:
    """What one stream of a dialog delivered, from its beginning."""

    dialog: int
    watcher: str
    messages: list  # of (version, message)
    faults: list
    resets: int = 0


@dataclasses.dataclass
class Drain:
    """A time in which an API was told to end and started again, and nothing else was wrong: no request through the edge may notice."""

    name: str
    began: float
    ended: float


@dataclasses.dataclass
class Records:
    asks: list = dataclasses.field(default_factory=list)
    watches: list = dataclasses.field(default_factory=list)
    drains: list = dataclasses.field(default_factory=list)

    def write(self, path):
        """JSON lines. Bodies are left out: what people wrote, and their passwords."""
        with open(path, "w", encoding="utf-8") as file:
            for ask in self.asks:
                line = dataclasses.asdict(ask)
                line.pop("body")
                for attempt in line["attempts"]:
                    attempt.pop("answer")
                file.write(json.dumps(line) + "\n")
