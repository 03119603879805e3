"""Whether the promises were kept: decided from the clients' records, the topics and the tables alone. Every check returns sentences, none when it
holds; PROPERTIES names them all."""

import collections
import json

from demo.log import SLOTS, chain_hash, partition_digest

from . import answers, api_keys
from .decide import CHANGES_ASSISTANT, check_decisions, shown
from .records import REUSED
from .sessions import Sessions, fold as fold_sessions

# What one command may append, in this order: one of these.
DECISIONS = {
    "register": [("parley.account.registered.v1", "parley.account.welcome_bonus_granted.v1")],
    "log_in": [("parley.account.logged_in.v2",)],
    "log_out": [("parley.account.logged_out.v1",)],
    "change_password": [("parley.account.password_changed.v1",)],
    "change_profile": [("parley.account.profile_changed.v1",)],
    "create_api_key": [("parley.account.api_key_created.v1",)],
    "revoke_api_key": [("parley.account.api_key_revoked.v1",)],
    "change_email": [("parley.account.email_change_requested.v1", "parley.account.email_changed.v1")],
    "create_assistant": [("parley.assistant.created.v1",), ("parley.assistant.creation_requested.v1", "parley.assistant.created.v1", "parley.assistant.bot_claimed.v1")],
    "update_assistant": [("parley.assistant.updated.v1",), ("parley.assistant.updated.v1", "parley.assistant.bot_released.v1"),
                         ("parley.assistant.update_requested.v1", "parley.assistant.updated.v1", "parley.assistant.bot_claimed.v1"),
                         ("parley.assistant.update_requested.v1", "parley.assistant.updated.v1", "parley.assistant.bot_claimed.v1",
                          "parley.assistant.bot_released.v1")],
    "rotate_site_token": [("parley.assistant.site_token_rotated.v1",)],
    "delete_assistant": [("parley.assistant.deleted.v1",), ("parley.assistant.deleted.v1", "parley.assistant.bot_released.v1")],
    "open_dialog": [("parley.dialog.opened.v1",)],
    "visitor_message": [("parley.dialog.message_created.v1",), ("parley.dialog.message_created.v1", "parley.dialog.unarchived.v1")],
    "operator_message": [("parley.dialog.message_created.v1",)],
    "archive": [("parley.dialog.archived.v1",), ()],  # what is so already needs no event
    "unarchive": [("parley.dialog.unarchived.v1",), ()],
}
MESSAGE = "parley.dialog.message_created.v1"
KEY_USED = "parley.account.api_key_used.v1"
EMAIL_CHANGED = "parley.account.email_changed.v1"
BOT_CLAIMED = "parley.assistant.bot_claimed.v1"
BEGINS = ("parley.account.email_change_requested.v1", "parley.assistant.creation_requested.v1", "parley.assistant.update_requested.v1")
# Of what spans slots: that it was asked for, and has come to nothing, is in the log, and no effect.
NO_EFFECTS = {*BEGINS, "parley.account.email_change_refused.v1", "parley.account.email_reservation_declined.v1", "parley.assistant.creation_refused.v1",
              "parley.assistant.update_refused.v1", "parley.assistant.bot_released.v1", "parley.claim.reserved.v1", "parley.claim.refused.v1",
              "parley.claim.confirmed.v1", "parley.claim.released.v1"}


class Topics:
    """All records of the topics, each in the order of its partitions, and what is looked up in them."""

    def __init__(self, commands, events, replies, directory, partitions):
        self.commands, self.replies, self.directory, self.partitions = commands, replies + answers.by_event(events), directory, partitions
        self.stored = events  # with what deciders say of their partitions
        self.events = events = [event for event in events if not event.is_seal]
        self.ids = collections.defaultdict(set)  # correlation id -> command ids; without what the system went on with by itself
        self.partitions_of = collections.defaultdict(set)  # command id -> where it was sent to
        for command in commands:
            self.partitions_of[command.text("command_id")].add(command.partition)
            if command.text("principal") != "reactor":
                self.ids[command.text("correlation_id")].add(command.text("command_id"))
        self.effects = collections.defaultdict(list)  # command id -> events
        self.streams = collections.defaultdict(list)  # subject -> events
        begun, began = {}, {}  # process id -> the command that began it; command id -> that one, whose process it has ended
        for event in events:
            kind, value = event.text("ce_type"), json.loads(event.value)
            if kind in BEGINS:
                begun[value["process_id"]] = value["command_id"]
            elif kind in (EMAIL_CHANGED, BOT_CLAIMED):
                began[event.text("ce_causationid")] = begun.get(value["process_id"])
        for event in events:
            # What was begun by a command and ended by another one's decision is the first one's effect.
            self.effects[began.get(event.text("ce_causationid"), event.text("ce_causationid"))].append(event)
            self.streams[event.subject].append(event)
        self.outcomes = {}  # command id -> what was decided, when it was
        for reply in self.replies:
            if reply.text("memory") == "first":
                self.outcomes.setdefault(reply.text("command_id"), json.loads(reply.value))

    def command_of(self, ask):
        """The id of the command that these requests became, of several (Ask.may_go_elsewhere) that which was acknowledged first; None when they became
        none."""
        ids = sorted(self.ids.get(ask.correlation, ()))
        position = next((attempt.position for attempt in ask.definite if attempt.is_success), None)
        acknowledged = [one for one in ids if any(f"{event.partition}:{event.offset}" == position for event in self.effects.get(one, ()))]
        return next(iter(acknowledged or ids), None)

    def went_elsewhere(self, ask):
        return ask.may_go_elsewhere and len(self.ids.get(ask.correlation, ())) > 1


# What clients were told, and what stands in the log.

def check_answers(records, topics):
    """Everybody got an answer that they may get."""
    faults = []
    for ask in records.asks:
        if ask.final is None:
            if not ask.gave_up:
                faults.append(f"{name(ask)}: has no answer")
            continue
        for attempt in ask.definite:
            if (attempt.outcome, attempt.code) not in [tuple(one) for one in ask.expected]:
                faults.append(f"{name(ask)}: answered {attempt.outcome} {attempt.code or ''}, expected {' or '.join(map(str, ask.expected))}")
                break
    return faults


def check_one_command(records, topics):
    """What has one key is one command, however often and by whichever way it was sent, and goes to one partition. A login is one in each."""
    faults, of_identity = [], collections.defaultdict(list)
    for ask in records.asks:
        of_identity[ask.identity].append(ask)
    for identity, asks in of_identity.items():
        ids = set().union(*(topics.ids.get(ask.correlation, ()) for ask in asks))
        may_be = len(set().union(*(topics.partitions_of[one] for one in ids))) if asks[0].may_go_elsewhere else 1
        if len(ids) > may_be:
            faults.append(f"key of {identity}: became the commands {', '.join(sorted(ids))}")
    return faults + [f"command {one}: is in the partitions {', '.join(map(str, sorted(partitions)))}" for one, partitions in topics.partitions_of.items()
                     if len(partitions) > 1]


def check_effects(records, topics):
    """Every acknowledged command has exactly one effect: the one that its answer tells of."""
    faults = []
    standing = {f"{event.partition}:{event.offset}": event for event in topics.events}
    for ask in records.asks:
        answer = next((attempt for attempt in ask.definite if attempt.is_success), None)
        if answer is None:
            continue
        effect = topics.effects.get(topics.command_of(ask), [])
        types = tuple(event.text("ce_type") for event in effect)
        if types not in DECISIONS[ask.kind]:
            faults.append(f"{name(ask)}: acknowledged, and " + (f"has not one effect but {', '.join(map(shown, effect))}" if effect else "without an effect"))
        elif not effect:
            faults += [f"{name(ask)}: answered with position {answer.position}, and has no effect"] if answer.position else []
        elif standing.get(answer.position) is not effect[-1]:
            faults.append(f"{name(ask)}: answered with position {answer.position}, its effect is {shown(effect[-1])}")
        else:
            faults += [f"{name(ask)}: {fault}" for fault in check_content(ask, answer.answer, effect)]
    return faults


def check_content(ask, answer, effect):
    """The effect is what was asked and what was answered."""
    event = next(one for one in effect if one.text("ce_type") not in NO_EFFECTS or ask.kind == "change_email")
    value = json.loads(event.value)
    stands = {"id": int(event.subject.rpartition("/")[2]), **value}
    if ask.kind in ("visitor_message", "operator_message"):
        stands |= {"dialog_id": stands["id"], "id": value["message_id"], "created_at": event.text("ce_time")}
        names = ("id", "dialog_id", "sender", "text", "created_at", "operator_name")
        asked, wrong_stream = ask.body.items() <= value.items(), ask.subject not in (None, event.subject)
        if not asked or wrong_stream:
            return [f"{shown(event)} is not what was asked"]
    elif ask.kind == "update_assistant":
        plain = {name: changed for name, changed in value.items() if name != "telegram_bot_token" or changed is None}  # else it is sealed, and masked
        if any(ask.body.get(name) != changed for name, changed in plain.items()):
            return [f"{shown(event)} is not what was asked"]
        names = ("id", *plain)
    elif ask.kind == "rotate_site_token":
        names = ("id", "site_token")
    elif ask.kind == "delete_assistant":
        return []  # it has no answer
    elif ask.kind == "change_email":
        if value["email"] != ask.body["email"]:
            return [f"{shown(event)} is not what was asked"]
        names = ("id", "email")
    elif ask.kind in ("log_out", "change_password", "revoke_api_key"):
        return []  # nothing is shown, and what was asked is a secret
    elif ask.kind == "create_api_key":
        stands |= {"id": value["key_id"]}
        names = ("id", "name", "scopes", "hint")
        if not ask.body.items() <= value.items():
            return [f"{shown(event)} is not what was asked"]
    elif ask.kind == "change_profile":
        names = ("id",)
        if not ask.body.items() <= value.items():
            return [f"{shown(event)} is not what was asked"]
    elif ask.kind in ("register", "log_in"):
        answer, names = answer["user"], ("id", "email") if ask.kind == "register" else ("id",)
    else:
        names = ("id", "name", "assistant_id", "site_token")
    differing = [one for one in names if one in answer and answer[one] != stands.get(one)]
    return [f"{shown(event)} has another {', '.join(differing)} than the answer"] if differing else []


def check_refusals(records, topics):
    """Nothing that was refused has an effect."""
    acknowledged = {topics.command_of(ask) for ask in records.asks if any(attempt.is_success for attempt in ask.definite)}
    correlated = collections.defaultdict(list)
    for event in topics.events:
        correlated[event.text("ce_correlationid")].append(event)
    faults = []
    for ask in records.asks:
        refused = next((attempt for attempt in ask.definite if not attempt.is_success), None)
        if refused is None or may_be_done_at_another_time(ask, refused):
            continue
        if topics.went_elsewhere(ask):
            continue  # the attempt that was refused need not be the one that led to something
        command = topics.command_of(ask)
        effect = list(correlated.get(ask.correlation, []))
        if refused.code != REUSED and command not in acknowledged:
            effect += topics.effects.get(command, [])
        effect = [event for event in effect if event.text("ce_type") not in NO_EFFECTS]
        if effect:
            faults.append(f"{name(ask)}: refused with {refused.outcome} {refused.code}, and led to {shown(effect[0])}")
    return faults


def may_be_done_at_another_time(ask, refused):
    """Who asks may lose the right to, and get it back: no decider said that refusal, and another attempt may have come to one."""
    return not refused.is_decision and any(attempt.is_success or not attempt.is_definite for attempt in ask.attempts)


def check_repetitions(records, topics):
    """A repeated id got the same answer, word for word; at most one was told that it was the first; something else under it was refused."""
    faults, of_command = [], collections.defaultdict(list)
    for ask in records.asks:
        command = topics.command_of(ask)
        if command is not None and not topics.went_elsewhere(ask):
            of_command[command].append(ask)
    for command, asks in of_command.items():
        bodies = collections.defaultdict(list)
        for ask in asks:
            bodies[ask.body_text()] += [attempt for attempt in ask.definite if attempt.is_decision]
        decided = {body: attempts for body, attempts in bodies.items() if attempts}
        if len(decided) > 1:
            faults.append(f"command {command}: two different requests under one key were decided")
        for attempts in decided.values():
            answers = {(attempt.outcome, attempt.digest, attempt.position) for attempt in attempts}
            if len(answers) > 1:
                faults.append(f"command {command}: has {len(answers)} different answers: "
                              + ", ".join(f"{status} at {position} ({digest[:8]})" for status, digest, position in sorted(answers, key=str)))
            firsts = sum(not attempt.hit for attempt in attempts)
            sent = [attempt for ask in asks for attempt in ask.attempts]
            if firsts > 1:
                faults.append(f"command {command}: {firsts} answers say that they are the first")
            elif firsts == 0 and len(sent) == len(attempts) and all(attempt.via != "edge" for attempt in sent):  # the edge repeats by itself
                faults.append(f"command {command}: every answer says that it is a repetition")
    return faults


def check_strangers(records, topics):
    """Nothing is in the log that nobody asked for; that a key was used, APIs tell by themselves."""
    known = {ask.correlation for ask in records.asks}
    return [f"{shown(event)}: nobody asked for it (correlation {event.text('ce_correlationid')})" for event in topics.events
            if event.text("ce_correlationid") not in known and event.text("ce_type") != KEY_USED]


def check_order(records, topics):
    """In every stream: what was acknowledged before something else was asked for stands before it."""
    places = {f"{event.partition}:{event.offset}": event for event in topics.events}
    of_stream = collections.defaultdict(list)
    for ask in records.asks:
        answers = [attempt for attempt in ask.definite if attempt.is_success]
        event = places.get(answers[0].position) if answers else None
        if event is not None:
            of_stream[event.subject].append((int(event.sequence), ask.attempts[0].began, answers[0].ended, ask))
    faults = []
    for stream, asked in of_stream.items():
        asked.sort(key=lambda one: one[0], reverse=True)
        later, first_end = None, float("inf")
        for version, began, ended, ask in asked:
            if first_end < began:
                faults.append(f"{stream}: version {version} ({name(ask)}) was asked for after version {later} had been acknowledged")
                break
            if ended < first_end:
                later, first_end = version, ended
    return faults


def check_drains(records, topics):
    """While an API is told to end and starts again, no request through the edge is without an answer."""
    faults = []
    for drain in records.drains:
        for ask in records.asks:
            for attempt in ask.attempts:
                if attempt.via == "edge" and drain.began <= attempt.began and attempt.ended <= drain.ended and not attempt.is_definite:
                    faults.append(f"{name(ask)}: got {attempt.outcome} while {drain.name} was told to end")
    return faults


# The log by itself.

def check_versions(records, topics):
    """Each stream's versions are 1..n."""
    faults = []
    for subject, events in topics.streams.items():
        versions = [event.sequence for event in events]
        wrong = next((n for n, version in enumerate(versions) if version != str(n + 1)), None)
        if wrong is not None:
            faults.append(f"{subject}: version {versions[wrong]} after {versions[wrong - 1] if wrong else 'nothing'} ({shown(events[wrong])})")
    return faults


def check_hashes(records, topics):
    """Each stream is a chain of hashes."""
    faults = []
    for subject, events in topics.streams.items():
        previous = bytes(32)
        for event in events:
            previous = chain_hash(previous, event)
            if event.text("ce_hash") != previous.hex():
                faults.append(f"{shown(event)}: its ce_hash is {event.text('ce_hash')[:16]}…, recomputed {previous.hex()[:16]}…")
                break
    return faults


def check_places(records, topics):
    """No id twice; every stream in its partition; in each partition one writer at a time: commands in order, time that never goes back."""
    faults, ids, last = [], {}, {}
    for event in topics.events:
        slot = int(event.subject.rpartition("/")[2]) % SLOTS
        if event.partition != slot * topics.partitions // SLOTS:
            faults.append(f"{shown(event)}: its slot {slot} is not of this partition")
        own = [event.text("ce_id")]
        if event.text("ce_type") == MESSAGE:
            own.append(f"message {json.loads(event.value)['message_id']}")
        for one in own:
            if one in ids:
                faults.append(f"{one} is in {shown(ids[one])} and in {shown(event)}")
            ids[one] = event
        before = last.get(event.partition)
        if before is not None:
            for header, value in (("ce_commandoffset", int), ("ce_time", str)):
                if value(event.text(header)) < value(before.text(header)):
                    faults.append(f"{shown(event)}: {header} {event.text(header)} after {before.text(header)}")
        last[event.partition] = event
    return faults


def check_seals(records, topics):
    """Every seal is over what stands before it in its partition, and the seals of a partition are a chain of their own."""
    faults, counts, digests, numbers = [], collections.Counter(), collections.defaultdict(lambda: bytes(32)), collections.Counter()
    for event in topics.stored:
        partition = event.partition
        if event.is_seal:
            value, numbers[partition] = json.loads(event.value), numbers[partition] + 1
            said = (event.subject, event.sequence, value["events"], value["digest"])
            seen = (f"seal/{partition}", str(numbers[partition]), counts[partition], digests[partition].hex())
            if said != seen:
                faults.append(f"{shown(event)}: says {said}, before it stands {seen}")
        counts[partition] += 1
        digests[partition] = partition_digest(digests[partition], event)
    return faults


def check_made_again(records, topics):
    """No decision was made on stale state: each is made again, from the fold of what stands before it."""
    return check_decisions(topics.commands, topics.events, topics.replies, topics.partitions)


def check_directory(records, topics):
    """The directory's last entries are a fold of the log; those of parked streams name them together."""
    expected, sites, seen, parked, announced, emails, sessions = {}, {}, {}, set(), {}, {}, collections.defaultdict(Sessions)
    keys, addresses = collections.defaultdict(dict), {}
    for event in topics.events:
        value, number = json.loads(event.value), int(event.subject.rpartition("/")[2])
        if event.text("ce_type").startswith("parley.account."):
            if event.text("ce_type") != EMAIL_CHANGED or value["email"] != addresses[number]:  # under another index alone: no session is over
                fold_sessions(sessions[number], event.text("ce_type").split(".")[2], value, int(event.sequence), event.text("ce_time"))
            addresses[number] = value["email"] if event.text("ce_type") in ("parley.account.registered.v1", EMAIL_CHANGED) else addresses.get(number)
            api_keys.fold(keys[number], event.text("ce_type").split(".")[2], value, event.text("ce_time"))
        if event.text("ce_type") == "parley.account.registered.v1":
            emails[number] = [value["email_index"], value["password_verifier"]]
        elif event.text("ce_type") == EMAIL_CHANGED:
            emails[number][0] = value["email_index"]
        elif event.text("ce_type") == "parley.account.password_changed.v1":
            emails[number][1] = value["password_verifier"]
        elif event.text("ce_type") == "parley.assistant.created.v1":
            sites[number] = value
        elif event.text("ce_type") in ("parley.assistant.updated.v1", "parley.assistant.site_token_rotated.v1"):
            sites[number] = {**sites[number], **value}
        elif event.text("ce_type") == "parley.assistant.deleted.v1":
            del sites[number]
        elif event.text("ce_type") == "parley.stream.parked.v1":
            parked.add(event.subject)
        elif event.text("ce_type") == "parley.stream.unparked.v1" and "version" not in value:
            parked.discard(event.subject)
    for number, (index, verifier) in emails.items():
        expected[f"account_email/{index}"] = {"account_id": number, "password_verifier": verifier}
    for number, site in sites.items():
        expected[f"site_token/{site['site_token']}"] = {
            "assistant_id": number, "owner_id": site["owner_id"], "website_integration": site["website_integration"],
            "allowed_domains": site["allowed_domains"], **({} if site.get("is_active", True) else {"is_active": False})}
    for number, those in sessions.items():
        if those.entry():
            expected[f"sessions/{number}"] = {"account_id": number, "sessions": those.entry()}
    for number, those in keys.items():
        expected |= api_keys.entries(those, number)
    for record in topics.directory:
        key, value = record.key.decode(), json.loads(record.value) if record.value else None
        if key.startswith("parked/"):
            announced[key] = {stream["stream"] for stream in value["streams"]}
        elif value is None:  # a tombstone takes away what its own partition said
            seen.pop((record.partition, key), None)
        else:
            seen[record.partition, key] = value
    seen = {key: value for (_, key), value in seen.items()}
    faults = [f"directory: {key[:24]}… is not as the log says" for key in sorted(expected.keys() | seen.keys()) if expected.get(key) != seen.get(key)]
    wrong = parked ^ set().union(*announced.values())
    return faults + [f"directory: whether {stream} is parked is not as the log says" for stream in sorted(wrong)]


def claims_of(index, events):
    """By stream, what is held: (process, holder, key, whether that is confirmed)."""
    claims = {}
    for event in events:
        kind, value, subject = event.text("ce_type"), json.loads(event.value), event.subject
        if kind == "parley.claim.reserved.v1" and value["index"] == index:
            claims[subject] = value["process_id"], value["holder_id"], value["key"], False
        elif kind == "parley.claim.confirmed.v1" and subject in claims:
            claims[subject] = (*claims[subject][:3], True)
        elif kind == "parley.claim.released.v1":
            claims.pop(subject, None)
    return claims


def compare_claims(claims, used, holder, what):
    """What is claimed is had, and the other way round. `used`: (process, holder, key) of what has to be claimed."""
    held = {(process, number, key) for process, number, key, confirmed in claims.values() if confirmed}
    faults = [f"{claim}: is not confirmed" for claim, (*_, confirmed) in claims.items() if not confirmed]
    faults += [f"{holder}/{number}: nobody guards its {what}" for _, number, _ in sorted(used - held)]
    return faults + [f"{holder}/{number}: a claim keeps for it another {what} than it has" for _, number, _ in sorted(held - used)]


def check_emails(records, topics):
    """Every account has one e-mail and no two have the same; what is claimed is had; nothing is under way for ever."""
    emails, pending = {}, {}  # by account: (index, process); by account: process
    for event in topics.events:
        kind, value, subject = event.text("ce_type"), json.loads(event.value), event.subject
        number = int(subject.rpartition("/")[2])
        if kind == "parley.account.registered.v1":
            emails[number] = value["email_index"], None
        elif kind == "parley.account.email_change_requested.v1":
            pending[number] = value["process_id"]
        elif kind == EMAIL_CHANGED:
            emails[number] = value["email_index"], value["process_id"]
            pending.pop(number, None)
        elif kind in ("parley.account.password_changed.v1", "parley.account.joined_team.v1", "parley.account.left_team.v1"):
            pending.pop(number, None)
        elif kind == "parley.account.team_member_changed.v1" and value.get("is_active") is False:
            pending.pop(number, None)
        elif kind == "parley.account.email_change_refused.v1" and pending.get(number) == value["process_id"]:
            del pending[number]
    faults = [f"account/{number}: its change of the e-mail, {process}, has not ended" for number, process in pending.items()]
    having = collections.Counter(index for index, _ in emails.values())
    faults += [f"{count} accounts have the e-mail {index[:16]}…" for index, count in having.items() if count > 1]
    used = {(process, number, index) for number, (index, process) in emails.items() if process}
    return faults + compare_claims(claims_of("account_email", topics.events), used, "account", "e-mail")


def check_bots(records, topics):
    """No two assistants have one bot; what is claimed is had; nothing waits for a bot for ever."""
    bots, pending = {}, {}  # by assistant: (process, bot); process
    for event in topics.events:
        kind, _, number = event.subject.partition("/")
        if kind != "assistant":
            continue
        value, number, kind = json.loads(event.value), int(number), event.text("ce_type").split(".")[2]
        if kind in ("creation_requested", "update_requested"):
            pending[number] = value["process_id"]
        elif kind in CHANGES_ASSISTANT or (kind in ("creation_refused", "update_refused") and pending.get(number) == value["process_id"]):
            pending.pop(number, None)
        if kind == "bot_claimed":
            bots[number] = value["process_id"], value["bot_index"]
        elif kind == "deleted" or (kind == "bot_released" and bots.get(number, (None,))[0] == value["process_id"]):
            bots.pop(number, None)
    faults = [f"assistant/{number}: waits for a bot, {process}, for ever" for number, process in pending.items()]
    having = collections.Counter(bot for _, bot in bots.values())
    faults += [f"{count} assistants have the bot {bot[:16]}…" for bot, count in having.items() if count > 1]
    used = {(process, number, bot) for number, (process, bot) in bots.items()}
    return faults + compare_claims(claims_of("telegram_bot", topics.events), used, "assistant", "bot")


# What is seen elsewhere.

def check_streams(records, topics):
    """Clients of streams saw everything that they may see, in order, once."""
    faults = []
    for watch in records.watches:
        expected = []
        for event in topics.streams.get(f"dialog/{watch.dialog}", []):
            if event.text("ce_type") == MESSAGE:
                value = json.loads(event.value)
                expected.append((int(event.sequence), value["message_id"], value["sender"], value["text"], event.text("ce_time")))
        seen = [(version, message["id"], message["sender"], message["text"], message["created_at"]) for version, message in watch.messages]
        where = f"stream of dialog/{watch.dialog} to its {watch.watcher}"
        faults += [f"{where}: {fault}" for fault in watch.faults[:1]]
        if watch.resets:
            faults.append(f"{where}: was reset")
        if seen != expected:
            place = next((n for n, pair in enumerate(zip(expected, seen)) if pair[0] != pair[1]), min(len(seen), len(expected)))
            faults.append(f"{where}: {len(seen)} of {len(expected)} messages, the first difference at {place + 1}: "
                          f"version {seen[place][0] if place < len(seen) else 'nothing'}, expected "
                          f"{expected[place][0] if place < len(expected) else 'nothing'}")
    return faults


PROPERTIES = {
    "everybody got an answer that they may get": check_answers,
    "one key is one command": check_one_command,
    "every acknowledged command has exactly one effect": check_effects,
    "nothing that was refused has an effect": check_refusals,
    "a repeated id got the same answer": check_repetitions,
    "nothing is in the log that nobody asked for": check_strangers,
    "versions are 1..n without a gap": check_versions,
    "hashes verify": check_hashes,
    "seals are over what stands before them": check_seals,
    "ids are unique, partitions have one writer at a time": check_places,
    "what was acknowledged first stands first": check_order,
    "no decision was made on stale state": check_made_again,
    "the directory is a fold of the log": check_directory,
    "every account has an e-mail of its own": check_emails,
    "every bot is one assistant's": check_bots,
    "streams showed everything, in order, once": check_streams,
    "an API that is told to end drops no request": check_drains,
}


def check(records, topics):
    """{property: sentences}, for all of them."""
    return {text: one(records, topics) for text, one in PROPERTIES.items()}


def resolve(records, topics):
    """How what was ambiguous (no answer, 429, 502, 503, 504) came out: {outcome: {resolution: how many requests}}."""
    resolved = collections.defaultdict(collections.Counter)
    for ask in records.asks:
        if not ask.ambiguous:
            continue
        if ask.final is not None:
            how = f"asked again, answered {'as before it' if ask.final.hit else 'then'}: {'done' if ask.final.is_success else 'refused'}"
        else:
            command = topics.command_of(ask)
            outcome = topics.outcomes.get(command)
            how = "given up, found done" if topics.effects.get(command) else "given up, found refused" if outcome else "given up, found not done"
        resolved[str(ask.ambiguous[0].outcome)][how] += 1
    return {outcome: dict(ways) for outcome, ways in resolved.items()}


def name(ask):
    return f"{ask.kind} {ask.correlation}"
