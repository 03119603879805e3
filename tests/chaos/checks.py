"""What must hold in the whole log and in all answers, whatever was killed. Every check returns sentences; none means that it holds."""

import collections
import json

from demo import verify
from demo.log import SLOTS, place_of

# What one command may append, in this order.
DECISIONS = {
    ("parley.account.registered.v1", "parley.account.welcome_bonus_granted.v1"),
    ("parley.account.logged_in.v2",),
    ("parley.account.logged_out.v1",),
    ("parley.account.password_changed.v1",),
    ("parley.account.profile_changed.v1",),
    ("parley.account.registered.v1", "parley.account.joined_team.v1"),
    ("parley.account.password_changed.v1", "parley.account.joined_team.v1"),
    ("parley.account.team_member_changed.v1",),
    ("parley.account.team_member_changed.v1", "parley.account.password_changed.v1"),
    ("parley.account.left_team.v1",),
    ("parley.account.registered.v1", "parley.account.admin_appointed.v1"),
    ("parley.account.api_key_created.v1",),
    ("parley.account.api_key_used.v1",),
    ("parley.account.api_key_revoked.v1",),
    ("parley.assistant.created.v1",),
    ("parley.dialog.opened.v1",),
    ("parley.dialog.message_created.v1",),
    ("parley.dialog.message_created.v1", "parley.dialog.unarchived.v1"),
    ("parley.dialog.archived.v1",),
    ("parley.dialog.unarchived.v1",),
}


def check_log(events, partitions):
    """Each stream by itself, and what spans streams: events in the order of the log, partition by partition."""
    events = [event for event in events if not event.is_seal]
    streams = collections.defaultdict(list)
    for event in events:
        streams[event.subject].append(event)
    faults = [fault for subject, stream in streams.items() for fault in verify.check_chain(subject, stream, partitions)]
    return faults + verify.check_unique_ids(events) + check_decisions(events) + check_partition_order(events) + check_message_ids(events)


def check_decisions(events):
    """Every command was decided once: its events are what one decision appends, in one stream."""
    decided = collections.defaultdict(list)
    for event in events:
        decided[event.text("ce_causationid")].append(event)
    faults = []
    for cause, those in decided.items():
        if tuple(event.text("ce_type") for event in those) not in DECISIONS:
            faults.append(f"command {cause} led to {', '.join(place(event) for event in those)}")
        elif len({(event.subject, event.partition, event.text("ce_commandoffset"), event.text("ce_time")) for event in those}) != 1:
            faults.append(f"command {cause} was decided in several streams or times: {', '.join(place(event) for event in those)}")
    return faults


def check_partition_order(events):
    """Within a partition one writer at a time: commands are decided in their order, time and the slots' counters never go back."""
    faults = []
    last, counters = {}, {}
    for event in events:
        before = last.get(event.partition)
        if before is not None:
            offset, offset_before = int(event.text("ce_commandoffset")), int(before.text("ce_commandoffset"))
            if offset < offset_before or (offset == offset_before) != (event.text("ce_causationid") == before.text("ce_causationid")):
                faults.append(f"{place(event)}: command offset {offset} after {offset_before}")
            if event.text("ce_time") < before.text("ce_time"):
                faults.append(f"{place(event)}: ce_time {event.text('ce_time')} after {before.text('ce_time')}")
        last[event.partition] = event
        slot, counter = int(event.subject.rpartition("/")[2]) % SLOTS, int(event.text("ce_slotcounter"))
        if counter < counters.get(slot, 0):
            faults.append(f"{place(event)}: the slot's counter is {counter} after {counters[slot]}")
        counters[slot] = counter
    return faults


def check_message_ids(events):
    """No message id twice in the whole log, and each routes to where its dialog is."""
    faults, seen = [], {}
    for event in events:
        if event.text("ce_type") != "parley.dialog.message_created.v1":
            continue
        message, dialog = json.loads(event.value)["message_id"], int(event.subject.rpartition("/")[2])
        if message in seen:
            faults.append(f"message id {message} is in {place(seen[message])} and {place(event)}")
        if message % SLOTS != dialog % SLOTS:
            faults.append(f"{place(event)}: message id {message} is of slot {message % SLOTS}, its dialog of {dialog % SLOTS}")
        seen[message] = event
    return faults


def check_nobody_else(events, subjects):
    """Everything in the log was acknowledged to somebody."""
    return [f"{subject}: is in the log, nobody was told" for subject in sorted({event.subject for event in events if not event.is_seal} - set(subjects))]


def check_answers(commands, events):
    """Every acknowledged message stands at the position that its answer named."""
    faults = []
    standing = {f"{event.partition}:{event.offset}": event for event in events}
    for command in commands:
        if command.status != 201:
            continue
        event = standing.get(place_of(command.headers.get("x-event-position")))
        if event is None:
            faults.append(f"{command.path} {command.key}: no event at {command.headers.get('x-event-position')}")
        elif command.path.endswith("/messages") and json.loads(event.value).get("message_id") != command.answer["id"]:
            faults.append(f"{command.path} {command.key}: message {command.answer['id']} is not what stands at {command.headers['x-event-position']}")
    return faults


def place(event):
    return f"{event.subject} version {event.sequence} {event.text('ce_type')} at {event.partition}:{event.offset}"
