"""The rules a second time: what each command of the log must have led to, from the fold of what stands before it.

Written from the public contract (schemas/, domain/README.md), for one partition at a time, whose commands are decided in their order. A decision
that was made on anything but the fold of all that stands before it (a version, an id, an e-mail's owner, an outcome that is to be given again)
comes out differently here.
"""

import collections
import dataclasses
import hashlib
import json

from demo.log import SLOTS, chain_hash

from . import api_keys
from .sessions import Sessions, fold as fold_sessions

WELCOME_BONUS_KOPECKS = 50_000
ENDS_SESSIONS = ("password_changed", "joined_team", "left_team", "email_changed")
CHANGES_ASSISTANT = ("created", "updated", "site_token_rotated", "deleted")
NO_HASH = bytes(32)


def slot_of_text(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % SLOTS


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a command leads to. `memory`: first, repeat, under_way, still_under_way. `outcome`: the reply without its time and position; of a repetition
    its bytes. `closing`: the outcome that a command which was under way gets by it, in the same form."""

    memory: str
    outcome: object
    events: tuple = ()  # of (headers, value)
    closing: object = None


@dataclasses.dataclass
class Stream:
    version: int = 0
    hash: bytes = NO_HASH
    state: dict = dataclasses.field(default_factory=dict)
    bot: dict = None  # of an assistant: what it has a claim on, as its event says
    pending: dict = None  # of an assistant: what waits for its bot, as its event says
    was_created: bool = False  # of an assistant


class Fold:
    """What is known of a partition when some of its events and replies were read."""

    def __init__(self):
        self.streams = collections.defaultdict(Stream)
        self.owners = {}
        self.counters = collections.Counter()
        self.first = {}  # command id -> (fingerprint, the reply's value, whether it is under way)

    def event(self, event):
        subject, value = event.subject, json.loads(event.value)
        stream = self.streams[subject]
        stream.version = int(event.sequence)
        stream.hash = chain_hash(stream.hash, event)
        kind = event.text("ce_type")
        if kind.startswith("parley.account."):
            fold_account(stream, kind.split(".")[2], value, event.text("ce_time"))
            if kind == "parley.account.registered.v1":
                self.owners[f"account_email/{value['email_index']}"] = subject
            elif kind == "parley.account.email_changed.v1":
                self.release(f"account_email/{value['previous_email_index']}", subject)
        elif kind.startswith("parley.claim."):
            fold_claim(stream, kind.split(".")[2], value)
            if "index" in value:
                key = f"{value['index']}/{value['key']}"
                if kind == "parley.claim.released.v1":
                    self.release(key, subject)
                else:
                    self.owners[f"claim.{key}"] = subject
                if kind == "parley.claim.reserved.v1":
                    self.owners[key] = subject
        elif kind.startswith("parley.assistant."):
            fold_assistant(stream, kind.split(".")[2], value, event.text("ce_time"))
        elif kind == "parley.dialog.opened.v1":
            stream.state = {"owner": value["owner_id"], "assistant": value["assistant_id"], "status": "active"}
        elif kind == "parley.dialog.archived.v1":
            stream.state["status"] = "archived"
        elif kind == "parley.dialog.unarchived.v1":
            stream.state["status"] = "active"
        slot = int(subject.rpartition("/")[2]) % SLOTS
        self.counters[slot] = max(self.counters[slot], int(event.text("ce_slotcounter")))

    def release(self, key, subject):
        if self.owners.get(key) == subject:
            del self.owners[key]

    def reply(self, reply):
        command_id, memory = reply.text("command_id"), reply.text("memory")
        if memory in ("first", "under_way") and self.first.get(command_id, (None, None, True))[2]:
            self.first[command_id] = json.loads(reply.value)["fingerprint"], reply.value, memory == "under_way"


def fold_claim(stream, kind, value):
    if kind == "reserved":
        stream.state = {name: value[name] for name in ("process_id", "holder_id", "holder_version")}
    elif kind == "confirmed" and stream.state.get("process_id") == value["process_id"]:
        stream.state["confirmed"] = True
    elif kind == "released" and stream.state.get("process_id") == value["process_id"]:
        stream.state = {}


def fold_assistant(stream, kind, value, time):
    state = stream.state
    if kind in CHANGES_ASSISTANT:
        stream.pending = None
    if kind == "created":
        stream.state, stream.was_created = {"is_active": True, **value, "created_at": time}, True
    elif kind == "updated":
        stream.state = updated(state, value)
    elif kind == "site_token_rotated":
        stream.state = {**state, **value}
    elif kind == "deleted":
        stream.state, stream.bot = {}, None
    elif kind in ("creation_requested", "update_requested"):
        stream.pending = value
    elif kind in ("creation_refused", "update_refused"):
        if stream.pending and stream.pending["process_id"] == value["process_id"]:
            stream.pending = None
    elif kind == "bot_claimed":
        stream.bot = value
    elif kind == "bot_released" and stream.bot and stream.bot["process_id"] == value["process_id"]:
        stream.bot = None


def fold_account(stream, kind, value, time):
    state = stream.state
    if kind in ENDS_SESSIONS or (kind == "team_member_changed" and value.get("is_active") is False):
        state["pending"] = None
    if kind == "registered":
        names = {name: value[name] for name in ("first_name", "last_name") if name in value}
        state = stream.state = {"email": value["email"], "index": value["email_index"], "process": None, "pending": None,
                                "verifier": value["password_verifier"], "created_at": time, "balance": 0, "bonus": 0, "role": "owner",
                                "profile": {**names, "onboarding_completed": False}, "team": None, "sessions": Sessions(), "api_keys": {}}
    elif kind == "welcome_bonus_granted":
        state["balance"] += value["amount_kopecks"]
        state["bonus"] += value["amount_kopecks"]
    elif kind == "password_changed":
        state["verifier"] = value["password_verifier"]
    elif kind == "profile_changed":
        state["profile"] = profile_after(state["profile"], value)
    elif kind == "joined_team":
        state |= {"role": "operator", "team": {"owner": value["owner_id"], "name": value["name"], "is_active": True}}
    elif kind == "team_member_changed":
        state["team"] = {**state["team"], **value}
    elif kind == "left_team":
        state["team"] = None
    elif kind == "admin_appointed":
        state["role"] = "admin"
    elif kind == "email_change_requested":
        state["pending"] = value
    elif kind == "email_changed":
        if value["email"] == state["email"]:
            kind = "email_index_changed"  # which ends no session
        state |= {"email": value["email"], "index": value["email_index"], "process": value["process_id"]}
    elif kind == "email_change_refused" and (state["pending"] or {}).get("process_id") == value["process_id"]:
        state["pending"] = None
    fold_sessions(state["sessions"], kind, value, stream.version, time)
    api_keys.fold(state["api_keys"], kind, value, time)


def profile_after(profile, changes):
    return {name: value for name, value in {**profile, **changes}.items() if value is not None}


class Refusal(Exception):
    """A rule says no, and perhaps what is wrong."""

    def __init__(self, code, **details):
        super().__init__(code)
        self.details = details


def decide(fold, command, now=None):
    """What `command`, a record of parley.commands, must lead to on this fold. `now`: the decider's stamp, as the reply has it. Deadlines are not looked
    at: clocks are not in the log."""
    header = command.text
    command_id, fingerprint = header("command_id"), header("fingerprint")
    outcome = {"command_id": command_id, "fingerprint": fingerprint}
    if command_id in fold.first:
        first_fingerprint, value, is_under_way = fold.first[command_id]
        if first_fingerprint == fingerprint:
            return Expected("still_under_way" if is_under_way else "repeat", value)
        return Expected("repeat", {**outcome, "error": "IDEMPOTENCY_KEY_REUSED"})

    kind = KINDS[header("type")]
    target, slot = header("target"), int(command.key)
    existing = None if target == "new" else fold.owners.get(target.removeprefix("unique/")) if target.startswith("unique/") else target
    if existing and existing.partition("/")[0] != kind.stream:  # a claim has the e-mail
        existing = None
    counter = fold.counters[slot]
    if existing is None:
        counter += 1
    subject = existing or f"{kind.stream}/{counter * SLOTS + slot}"
    stream = fold.streams[subject] if subject in fold.streams else Stream()
    if existing:
        outcome |= {"stream": subject, "version": stream.version}
    value = json.loads(command.value)
    wanted = fold.owners.get(wanted_key(kind, value), subject)
    asked = Asked(stream.state, value, header("principal"), int(subject.partition("/")[2]), slot, counter, now, command_id, wanted != subject, stream.bot,
                  stream.pending, stream.was_created)
    try:
        events, answer = kind.rule(asked)
    except Refusal as refusal:
        return Expected("first", {**outcome, "error": str(refusal), **refusal.details})
    expected_version = header("expected_version")
    if expected_version and int(expected_version) != stream.version:
        return Expected("first", {**outcome, "error": "VERSION_CONFLICT", "current_version": stream.version})
    written = tuple(({"ce_type": event_type, "ce_subject": subject, "ce_sequence": str(stream.version + number), "ce_correlationid": header("correlation_id"),
                      "ce_causationid": command_id, "ce_actor": asked.principal, "ce_commandoffset": str(command.offset),
                      "ce_slotcounter": str(asked.counter)}, value) for number, (event_type, value) in enumerate(events, 1))
    done = {"stream": subject, "version": stream.version + len(events)}
    closing = closing_of(fold, kind.stream, stream, asked, events, done)
    answer_type = "account.changed" if asked.is_deferred and kind.stream == "account" else kind.answer
    return Expected("under_way" if asked.is_deferred else "first", {**outcome, **done, "answer_type": answer_type, "answer": answer}, written, closing)


def wanted_key(kind, value):
    if kind.rule in (register, add_operator, create_admin):
        return f"account_email/{value['email_index']}"
    return f"{value['index']}/{value['key']}" if kind.rule is reserve else ""


def closing_of(fold, kind, stream, asked, events, done):
    """The outcome of a command that was under way and has come to its end with these events."""
    closes = asked.closes
    if not closes and kind == "account":
        closes = given_up_email(stream.state.get("pending"), events)
    elif not closes and kind == "assistant":
        closes = given_up_update(stream.pending, events)
    if not closes or not fold.first.get(closes[0], (None, None, False))[2]:
        return None
    return {"command_id": closes[0], "fingerprint": fold.first[closes[0]][0], **done, **closes[1]}


def given_up_email(pending, events):
    ends = [kind.split(".")[2] for kind, value in events]
    if pending and (any(one in ENDS_SESSIONS + ("email_change_requested",) for one in ends) or any(
            kind == "parley.account.team_member_changed.v1" and value.get("is_active") is False for kind, value in events)):
        return pending["command_id"], {"error": "VERSION_CONFLICT"}
    return None


def given_up_update(pending, events):
    ends = [kind.split(".")[2] for kind, _ in events]
    if pending and any(one in CHANGES_ASSISTANT + ("update_requested",) for one in ends):
        return pending["command_id"], {"error": "ASSISTANT_NOT_FOUND" if "deleted" in ends else "VERSION_CONFLICT"}
    return None


@dataclasses.dataclass
class Asked:
    """What a rule sees."""

    state: dict
    value: dict
    principal: str
    id: int
    slot: int
    counter: int
    now: str
    command_id: str
    key_is_taken: bool
    bot: dict = None
    pending: dict = None
    was_created: bool = False
    is_deferred: bool = False
    closes: tuple = ()  # of a command that was under way: its id, and what its outcome says

    def principal_of(self, kind):
        """The id of a principal of this kind."""
        name, _, number = self.principal.partition("/")
        if name != kind:
            raise Refusal("INSUFFICIENT_PERMISSIONS")
        return int(number)

    def asking_owner(self):
        """The owner's id, who asks in person or through a program; None of everybody else."""
        name, _, rest = self.principal.partition("/")
        return int(rest.rpartition("/")[2]) if name in ("account", "api_key") else None

    def must_be_owner_itself(self):
        if not self.state:
            raise Refusal("NOT_FOUND")
        if self.principal != f"account/{self.id}":
            raise Refusal("INSUFFICIENT_PERMISSIONS")

    def must_be_self(self):
        """Somebody who has a token of this account."""
        if not self.state:
            raise Refusal("NOT_FOUND")
        name, *numbers = self.principal.split("/")
        if name not in ("account", "operator", "admin") or int(numbers[0]) != self.id:
            raise Refusal("INSUFFICIENT_PERMISSIONS")

    def must_be_in_session(self):
        self.must_be_self()
        if self.state["sessions"].is_over(self.value["session"]):
            raise Refusal("NOT_AUTHENTICATED")

    def must_be_own_operator(self):
        team = self.state.get("team")
        if not team or self.principal != f"account/{team['owner']}":
            raise Refusal("OPERATOR_NOT_FOUND")
        return team

    def must_be_administrator(self):
        if self.principal != "administrator":
            raise Refusal("INSUFFICIENT_PERMISSIONS")

    def next_id(self):
        self.counter += 1
        return self.counter * SLOTS + self.slot


def register(asked):
    if asked.state or asked.key_is_taken:
        raise Refusal("EMAIL_TAKEN")
    return ([("parley.account.registered.v1", asked.value), ("parley.account.welcome_bonus_granted.v1", {"amount_kopecks": WELCOME_BONUS_KOPECKS})],
            {"account_id": asked.id, "email": asked.value["email"], "balance_kopecks": WELCOME_BONUS_KOPECKS})


def log_in(asked):
    state = asked.state
    if not state or asked.value.get("email_index", state["index"]) != state["index"] or not asked.value["password_matches"] or asked.value.get("compared_with", state["verifier"]) != state["verifier"]:
        raise Refusal("INVALID_CREDENTIALS")
    if state["role"] == "operator" and not (state["team"] and state["team"]["is_active"]):
        raise Refusal("INSUFFICIENT_PERMISSIONS")
    answer = {"account_id": asked.id, "email": state["email"], "balance_kopecks": state["balance"]}
    if state["role"] != "owner":
        answer["role"] = state["role"]
    if state["team"]:
        answer["owner_id"] = state["team"]["owner"]
    return [("parley.account.logged_in.v2", {"method": "password"})], answer


def log_out(asked):
    asked.must_be_in_session()
    return [("parley.account.logged_out.v1", {"session": asked.value["session"]})], {"account_id": asked.id}


def change_password(asked):
    asked.must_be_in_session()
    value = asked.value
    if not value["password_matches"] or value["compared_with"] != asked.state["verifier"]:
        raise Refusal("VALIDATION_ERROR", field="current_password", issue="must be the current password")
    changed = {"password_verifier": value["password_verifier"], "kept_session": value["session"]["id"]}
    return [("parley.account.password_changed.v1", changed)], {"account_id": asked.id}


def change_profile(asked):
    asked.must_be_self()
    changes = {name: value for name, value in asked.value.items() if asked.state["profile"].get(name) != value}
    return [("parley.account.profile_changed.v1", changes)] if changes else [], profile_of(asked, changes)


def profile_of(asked, changes={}, **others):
    state = asked.state
    return {"account_id": asked.id, "email": state["email"], "created_at": state["created_at"], "role": state["role"],
            **profile_after(state["profile"], changes), "balance_kopecks": state["balance"], "welcome_bonus_kopecks": state["bonus"], **others}


def change_email(asked):
    if asked.principal == "administrator":
        return change_email_index(asked)
    asked.must_be_in_session()
    value = asked.value
    if not value["password_matches"] or value["compared_with"] != asked.state["verifier"]:
        raise Refusal("VALIDATION_ERROR", field="current_password", issue="must be the current password")
    if value["email_index"] == asked.state["index"]:
        return [], profile_of(asked)
    requested = {**begun(asked), **{name: value[name] for name in ("email", "email_index", "session")}}
    return [("parley.account.email_change_requested.v1", requested)], {"account_id": asked.id}


def change_email_index(asked):
    """The same e-mail under another index."""
    if not asked.state:
        raise Refusal("NOT_FOUND")
    if asked.value["email_index"] == asked.state["index"]:
        return [], profile_of(asked)
    if asked.value["email"] != asked.state["email"] or asked.state["pending"]:
        raise Refusal("VERSION_CONFLICT")
    session = {"id": "", "version": 0, "expires_at": "1970-01-01T00:00:00.000Z"}
    requested = {**begun(asked), "email": asked.state["email"], "email_index": asked.value["email_index"], "session": session}
    return [("parley.account.email_change_requested.v1", requested)], {"account_id": asked.id}


def begun(asked):
    """What goes on in another slot: its name, and who is answered when it ends."""
    asked.is_deferred = True
    return {"process_id": str(asked.next_id()), "command_id": asked.command_id}


def must_be_reactor(asked):
    if asked.principal != "reactor":
        raise Refusal("INSUFFICIENT_PERMISSIONS")


def finish_email_change(asked):
    if not asked.state:
        raise Refusal("NOT_FOUND")
    must_be_reactor(asked)
    state, process, done = asked.state, asked.value["process_id"], {"account_id": asked.id}
    pending = state["pending"]
    if not pending or pending["process_id"] != process:
        if not asked.value["is_reserved"] or state["process"] == process:
            return [], done
        return [("parley.account.email_reservation_declined.v1", {"process_id": process, "email_index": asked.value["email_index"]})], done
    if not asked.value["is_reserved"]:
        asked.closes = pending["command_id"], {"error": "EMAIL_TAKEN"}
        return [("parley.account.email_change_refused.v1", {"process_id": process})], done
    changed = {"process_id": process, "email": pending["email"], "email_index": pending["email_index"], "previous_email_index": state["index"]}
    if state["process"]:
        changed["previous_process_id"] = state["process"]
    if not state["sessions"].is_over(pending["session"]):
        changed["kept_session"] = pending["session"]["id"]
    asked.closes = pending["command_id"], {"answer_type": "account.profile", "answer": profile_of(asked, email=pending["email"])}
    return [("parley.account.email_changed.v1", changed)], done


def reserve(asked):
    must_be_reactor(asked)
    held, value = asked.state, asked.value
    refused = [("parley.claim.refused.v1", {name: value[name] for name in ("index", "key", "process_id", "holder_id")})], {}
    if not held:
        return refused if asked.key_is_taken else ([("parley.claim.reserved.v1", value)], {})
    if held["process_id"] == value["process_id"]:
        return [], {}
    if held["holder_id"] != value["holder_id"] or held["holder_version"] >= value["holder_version"]:
        return refused
    return [("parley.claim.reserved.v1", value)], {}


def confirm(asked):
    must_be_reactor(asked)
    is_so = asked.state.get("process_id") != asked.value["process_id"] or asked.state.get("confirmed")
    return [] if is_so else [("parley.claim.confirmed.v1", asked.value)], {}


def release(asked):
    must_be_reactor(asked)
    return [("parley.claim.released.v1", asked.value)] if asked.state.get("process_id") == asked.value["process_id"] else [], {}


def add_operator(asked):
    owner, value, state = asked.principal_of("account"), asked.value, asked.state
    if asked.key_is_taken:
        raise Refusal("EMAIL_TAKEN")
    joined = ("parley.account.joined_team.v1", {"owner_id": owner, "name": value["name"]})
    if not state:
        registered = {name: value[name] for name in ("email", "email_index", "password_verifier")}
        return ([("parley.account.registered.v1", registered), joined],
                {"account_id": asked.id, "email": value["email"], "created_at": asked.now, "name": value["name"], "is_active": True})
    if state["role"] != "operator" or state["team"] or state["index"] != value["email_index"]:
        raise Refusal("EMAIL_TAKEN")
    return ([("parley.account.password_changed.v1", {"password_verifier": value["password_verifier"]}), joined],
            {"account_id": asked.id, "email": state["email"], "created_at": state["created_at"], "name": value["name"], "is_active": True})


def change_operator(asked):
    team, value, events = asked.must_be_own_operator(), dict(asked.value), []
    verifier = value.pop("password_verifier", None)
    changes = {name: one for name, one in value.items() if team[name] != one}
    if changes:
        events.append(("parley.account.team_member_changed.v1", changes))
    if verifier:
        events.append(("parley.account.password_changed.v1", {"password_verifier": verifier}))
    team = {**team, **changes}
    return events, {"account_id": asked.id, "email": asked.state["email"], "created_at": asked.state["created_at"], "name": team["name"],
                    "is_active": team["is_active"]}


def remove_operator(asked):
    asked.must_be_own_operator()
    return [("parley.account.left_team.v1", {})], {"account_id": asked.id}


def create_admin(asked):
    asked.must_be_administrator()
    if asked.state or asked.key_is_taken:
        raise Refusal("EMAIL_TAKEN")
    return [("parley.account.registered.v1", asked.value), ("parley.account.admin_appointed.v1", {})], {"account_id": asked.id}


def reset_password(asked):
    if not asked.state:
        raise Refusal("NOT_FOUND")
    asked.must_be_administrator()
    return [("parley.account.password_changed.v1", {"password_verifier": asked.value["password_verifier"]})], {"account_id": asked.id}


def create_api_key(asked):
    asked.must_be_owner_itself()
    if len(asked.state["api_keys"]) >= api_keys.KEYS_MAX:
        raise Refusal("API_KEY_LIMIT_REACHED")
    shown = {"key_id": asked.next_id(), **{name: asked.value[name] for name in ("name", "scopes", "hint")}}
    return [("parley.account.api_key_created.v1", {**shown, "digest": asked.value["digest"]})], {**shown, "key": asked.value["key"]}


def revoke_api_key(asked):
    asked.must_be_owner_itself()
    if asked.value["key_id"] not in asked.state["api_keys"]:
        raise Refusal("API_KEY_NOT_FOUND")
    return [("parley.account.api_key_revoked.v1", asked.value)], asked.value


def note_api_key_use(asked):
    if not asked.state:
        raise Refusal("NOT_FOUND")
    name, *numbers = asked.principal.split("/")
    if name != "api_key" or int(numbers[1]) != asked.id:
        raise Refusal("INSUFFICIENT_PERMISSIONS")
    key = asked.state["api_keys"].get(int(numbers[0]))
    if key is None:
        raise Refusal("API_KEY_NOT_FOUND")
    events = [("parley.account.api_key_used.v1", {"key_id": int(numbers[0])})] if api_keys.is_news(key, asked.now) else []
    return events, {"account_id": asked.id}


def create_assistant(asked):
    owner = asked.asking_owner()
    if owner is None:
        raise Refusal("INSUFFICIENT_PERMISSIONS")
    created = {"owner_id": owner, **asked.value}
    if created.pop("owner_is_full", False):
        raise Refusal("ASSISTANT_LIMIT_REACHED")
    bot = created.pop("bot_index", None)
    answer = {"assistant_id": asked.id, "created": created}
    if bot is None or "telegram_bot_token" not in created:
        return [("parley.assistant.created.v1", created)], answer
    return [("parley.assistant.creation_requested.v1", {**wants(asked, bot, created), "assistant": without_token(created)})], answer


def wants(asked, bot, values):
    """What waits for a bot."""
    return {**begun(asked), "bot_index": bot, "telegram_bot_token": values["telegram_bot_token"]}


def without_token(values):
    return {name: value for name, value in values.items() if name != "telegram_bot_token"}


def updated(assistant, change):
    """With what changed; what is cleared is absent."""
    return {name: value for name, value in {**assistant, **change}.items() if value is not None}


def own_assistant(asked):
    if not asked.state or asked.asking_owner() != asked.state["owner_id"]:
        raise Refusal("ASSISTANT_NOT_FOUND")
    return asked.state


def update_assistant(asked):
    assistant = own_assistant(asked)
    news = {name: value for name, value in asked.value["change"].items() if assistant.get(name) != value}
    bot, is_now = asked.value.get("bot_index"), {"assistant_id": asked.id, "now": updated(assistant, news)}
    if not news:
        return [], is_now
    is_same_bot = asked.bot is not None and asked.bot["bot_index"] == bot
    if news.get("telegram_bot_token") is not None and bot is not None and not is_same_bot:
        requested = {**wants(asked, bot, news), "change": without_token(news)}
        return [("parley.assistant.update_requested.v1", requested)], {"assistant_id": asked.id, "now": assistant}
    events = [("parley.assistant.updated.v1", news)]
    if asked.bot and "telegram_bot_token" in news and not is_same_bot:
        events.append(("parley.assistant.bot_released.v1", asked.bot))
    return events, is_now


def rotate_site_token(asked):
    now = {**own_assistant(asked), **asked.value}
    return [("parley.assistant.site_token_rotated.v1", asked.value)], {"assistant_id": asked.id, "now": now}


def delete_assistant(asked):
    own_assistant(asked)
    released = [("parley.assistant.bot_released.v1", asked.bot)] if asked.bot else []
    return [("parley.assistant.deleted.v1", {}), *released], {"assistant_id": asked.id}


def finish_bot_change(asked):
    must_be_reactor(asked)
    process, bot, is_reserved, pending = asked.value["process_id"], asked.value["bot_index"], asked.value["is_reserved"], asked.pending
    claimed = {"process_id": process, "bot_index": bot}
    if pending and "assistant" in pending:
        if not is_reserved:
            asked.closes = pending["command_id"], {"error": "BOT_ALREADY_EXISTS"}
            return [("parley.assistant.creation_refused.v1", claimed)], {}
        created = {**pending["assistant"], "telegram_bot_token": pending["telegram_bot_token"]}
        asked.closes = pending["command_id"], {"answer_type": "assistant.created", "answer": {"assistant_id": asked.id, "created": created}}
        return [("parley.assistant.created.v1", created), ("parley.assistant.bot_claimed.v1", claimed)], {}
    if not pending or pending["process_id"] != process:
        if not is_reserved or (asked.bot and asked.bot["process_id"] == process):
            return [], {}
        return [(f"parley.assistant.{'bot_released' if asked.was_created else 'creation_refused'}.v1", claimed)], {}
    if not is_reserved:
        asked.closes = pending["command_id"], {"error": "BOT_ALREADY_EXISTS"}
        return [("parley.assistant.update_refused.v1", {"process_id": process})], {}
    change = {**pending["change"], "telegram_bot_token": pending["telegram_bot_token"]}
    answer = {"assistant_id": asked.id, "now": updated(asked.state, change)}
    asked.closes = pending["command_id"], {"answer_type": "assistant.changed", "answer": answer}
    released = [("parley.assistant.bot_released.v1", asked.bot)] if asked.bot else []
    return [("parley.assistant.updated.v1", change), ("parley.assistant.bot_claimed.v1", claimed), *released], {}


def open_dialog(asked):
    opened = {"assistant_id": asked.principal_of("visitor"), **asked.value}
    return [("parley.dialog.opened.v1", opened)], {"dialog_id": asked.id, "opened": opened}


def visitor_message(asked):
    if asked.principal != f"visitor/{asked.state.get('assistant')}":
        raise Refusal("DIALOG_NOT_FOUND")
    events, answer = message(asked, "user")
    if asked.state["status"] == "archived":
        events.append(("parley.dialog.unarchived.v1", {}))
    return events, answer


def operator_message(asked):
    refuse_strangers(asked)
    return message(asked, "operator")


def archive(asked):
    return become(asked, "archived", "parley.dialog.archived.v1")


def unarchive(asked):
    return become(asked, "active", "parley.dialog.unarchived.v1")


def become(asked, status, event):
    refuse_strangers(asked)
    return [] if asked.state["status"] == status else [(event, {})], {"dialog_id": asked.id, "status": status}


def refuse_strangers(asked):
    """Only the owner, and those who work for it."""
    kind, _, rest = asked.principal.partition("/")
    owner = rest.rpartition("/")[2] if kind in ("account", "operator", "api_key") else None
    if not asked.state or owner != str(asked.state["owner"]):
        raise Refusal("DIALOG_NOT_FOUND")


def message(asked, sender):
    created = {"message_id": asked.next_id(), "sender": sender, **asked.value}
    return [("parley.dialog.message_created.v1", created)], {"dialog_id": asked.id, "message": created}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A type of command: its stream's kind, its rule, its answer's type."""

    stream: str
    rule: object
    answer: str


KINDS = {
    "parley.account.register.v1": Kind("account", register, "account.signed_in"),
    "parley.account.log_in.v1": Kind("account", log_in, "account.signed_in"),
    "parley.account.log_out.v1": Kind("account", log_out, "account.changed"),
    "parley.account.change_password.v1": Kind("account", change_password, "account.changed"),
    "parley.account.change_profile.v1": Kind("account", change_profile, "account.profile"),
    "parley.account.add_operator.v1": Kind("account", add_operator, "account.team_member"),
    "parley.account.change_operator.v1": Kind("account", change_operator, "account.team_member"),
    "parley.account.remove_operator.v1": Kind("account", remove_operator, "account.changed"),
    "parley.account.create_admin.v1": Kind("account", create_admin, "account.changed"),
    "parley.account.reset_password.v1": Kind("account", reset_password, "account.changed"),
    "parley.account.create_api_key.v1": Kind("account", create_api_key, "account.api_key_created"),
    "parley.account.revoke_api_key.v1": Kind("account", revoke_api_key, "account.api_key_ended"),
    "parley.account.note_api_key_use.v1": Kind("account", note_api_key_use, "account.changed"),
    "parley.account.change_email.v1": Kind("account", change_email, "account.profile"),
    "parley.account.finish_email_change.v1": Kind("account", finish_email_change, "account.changed"),
    "parley.claim.reserve.v1": Kind("claim", reserve, "claim.noted"),
    "parley.claim.confirm.v1": Kind("claim", confirm, "claim.noted"),
    "parley.claim.release.v1": Kind("claim", release, "claim.noted"),
    "parley.assistant.create.v1": Kind("assistant", create_assistant, "assistant.created"),
    "parley.assistant.update.v1": Kind("assistant", update_assistant, "assistant.changed"),
    "parley.assistant.rotate_site_token.v1": Kind("assistant", rotate_site_token, "assistant.changed"),
    "parley.assistant.delete.v1": Kind("assistant", delete_assistant, "assistant.deleted"),
    "parley.assistant.finish_bot_change.v1": Kind("assistant", finish_bot_change, "assistant.noted"),
    "parley.dialog.open.v1": Kind("dialog", open_dialog, "dialog.opened"),
    "parley.dialog.post_visitor_message.v1": Kind("dialog", visitor_message, "dialog.message_posted"),
    "parley.dialog.post_operator_message.v1": Kind("dialog", operator_message, "dialog.message_posted"),
    "parley.dialog.archive.v1": Kind("dialog", archive, "dialog.is"),
    "parley.dialog.unarchive.v1": Kind("dialog", unarchive, "dialog.is"),
}


def check_decisions(commands, events, replies, partitions):
    """Every command was decided once, as the rules say on the fold of what stands before it. Each topic's records in the order of their partitions."""
    faults = []
    for partition in range(partitions):
        faults += check_partition(*([record for record in topic if record.partition == partition] for topic in (commands, events, replies)), partitions)
    return faults


def check_partition(commands, events, replies, partitions):
    faults, fold, folded = [], Fold(), 0
    decided, answered = collections.defaultdict(list), collections.defaultdict(list)
    places = {}
    for place, event in enumerate(events):
        offset = int(event.text("ce_commandoffset"))
        decided[offset].append(event)
        places.setdefault(offset, place)
    for reply in replies:
        answered[int(reply.text("command_offset"))].append(reply)
    known = {command.offset for command in commands}
    faults += [f"{shown(event)}: no command at its offset {event.text('ce_commandoffset')}" for event in events
               if int(event.text("ce_commandoffset")) not in known]

    for command in commands:
        # What stands before it: before its first event; when it has none, what was decided of earlier commands.
        while folded < len(events) and (folded < places[command.offset] if command.offset in places
                                        else int(events[folded].text("ce_commandoffset")) < command.offset):
            fold.event(events[folded])
            folded += 1
        where = f"command {command.text('command_id')} at {command.partition}:{command.offset}"
        replies_here, own = answered[command.offset], decided[command.offset]
        those = [reply for reply in replies_here if reply.text("command_id") == command.text("command_id")]
        closed = [reply for reply in replies_here if reply.text("command_id") != command.text("command_id")]
        if len(those) != 1:
            faults.append(f"{where}: {f'decided {len(those)} times' if those else 'never decided'}")
        if those:
            faults += [f"{where}: {fault}" for fault in check_decision(fold, command, own, those[0], closed, partitions)]
            for reply in closed + those:
                fold.reply(reply)
        elif own:
            faults.append(f"{where}: {len(own)} events and no reply")
    return faults


def check_decision(fold, command, events, reply, closed, partitions):
    """Compares what was decided with what the rules say. Sentences."""
    slot = int(command.key)
    if slot * partitions // SLOTS != command.partition or slot != slot_of_target(command):
        return [f"its slot {slot} is not its target's or its partition's"]
    outcome = json.loads(reply.value)
    if reply.text("memory") == "none":
        if outcome.get("error") != "COMMAND_EXPIRED":
            return [f"was not decided: {outcome.get('error')}"]
        if outcome["time"] <= command.text("not_after") or events:
            return [f"expired at {outcome['time']} although it was good until {command.text('not_after')}, or with {len(events)} events"]
        return []
    expected = decide(fold, command, outcome["time"])
    faults = []
    if reply.text("memory") != expected.memory:
        faults.append(f"its reply is called {reply.text('memory')}, from what stands before it it is {expected.memory}")
    if isinstance(expected.outcome, bytes):
        if reply.value != expected.outcome:
            faults.append("is answered otherwise than the first time")
    else:
        seen = {name: value for name, value in outcome.items() if name not in ("time", "position")}
        if seen != expected.outcome:
            faults.append(f"stale decision: {differences(expected.outcome, seen)}")
    seen = [({name: event.text(name) for name in headers}, json.loads(event.value)) for event, (headers, _) in zip(events, expected.events)]
    if len(events) != len(expected.events):
        faults.append(f"stale decision: {len(events)} events, from what stands before it {len(expected.events)}")
    for (headers, value), (seen_headers, seen_value) in zip(expected.events, seen):
        if (headers, value) != (seen_headers, seen_value):
            faults.append(f"stale decision: {differences({**headers, 'value': value}, {**seen_headers, 'value': seen_value})}")
    closings = [{name: value for name, value in json.loads(one.value).items() if name not in ("time", "position")} for one in closed]
    if closings != ([expected.closing] if expected.closing else []) or any(one.text("memory") != "first" for one in closed):
        faults.append(f"it ends {len(closed)} commands that were under way otherwise than from what stands before it")
    if events and not isinstance(expected.outcome, bytes):
        last = {"partition": events[-1].partition, "offset": events[-1].offset}
        if outcome.get("position") != last or any(event.text("ce_time") != outcome["time"] for event in events):
            faults.append(f"its reply names {outcome.get('position')} at {outcome['time']}, its events end at {last}")
    return faults


def slot_of_target(command):
    target = command.text("target")
    if target == "new":
        return slot_of_text(command.text("command_id"))
    if target.startswith("unique/"):
        return slot_of_text(target.split("/", 2)[2])
    return int(target.partition("/")[2]) % SLOTS


def differences(expected, seen):
    """Without what people wrote: a text is named, not shown."""
    names = [name for name in expected.keys() | seen.keys() if expected.get(name) != seen.get(name)]
    return ", ".join(f"{name} {brief(seen.get(name))} and not {brief(expected.get(name))}" for name in sorted(names))


def brief(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {brief(part)}" for name, part in value.items() if name not in ("text", "email", "first_name", "last_name")) + "}"
    return "nothing" if value is None else str(value)


def shown(event):
    return f"{event.subject} version {event.sequence} at {event.partition}:{event.offset}"
