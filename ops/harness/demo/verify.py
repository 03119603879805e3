"""Compares what each view shows with what was acknowledged. Every check returns sentences; none means that it holds."""

import asyncio
import json
import time
from collections import Counter

from .client import Refused, backoff_s
from .log import SLOTS, chain_hash
from .replay import Message

PAGE = 100
TEXT_SHOWN_MAX = 40  # characters


def compare(view, expected, seen):
    """Same messages, same order, each once: the first difference, said so that it can be looked up."""
    if expected == seen:
        return []
    ids = Counter(message.id for message in seen)
    known = {message.id for message in expected}
    notes = [f"{len(known - ids.keys())} missing" if known - ids.keys() else "",
             f"{sum(count > 1 for count in ids.values())} more than once" if max(ids.values(), default=0) > 1 else "",
             f"{len(ids.keys() - known)} unknown" if ids.keys() - known else ""]
    place = next((n for n, pair in enumerate(zip(expected, seen)) if pair[0] != pair[1]), min(len(expected), len(seen)))
    counts = ", ".join(filter(None, notes)) or "order or content"
    return [f"{view}: {len(seen)} of {len(expected)} messages, {counts}; first at {place + 1}: expected {shown(expected, place)}, seen {shown(seen, place)}"]


def shown(messages, place):
    if place >= len(messages):
        return "nothing"
    message = messages[place]
    text = message.text if len(message.text) <= TEXT_SHOWN_MAX else message.text[:TEXT_SHOWN_MAX] + "…"
    return f"{message.id} {message.operator_name or message.sender} {message.created_at} {text!r}"


def message_of(item, with_operator=True):
    return Message(item["id"], item["sender"], item["text"], item["created_at"], item.get("operator_name") if with_operator else None)


def without_operator(messages):
    return [Message(m.id, m.sender, m.text, m.created_at) for m in messages]


def check_stream(played):
    """What the live stream delivered; that its ids had no gap was watched while it came."""
    return compare(f"stream of the {played.watched_by}", without_operator(played.messages),
                   [message_of(message, with_operator=False) for _, message in played.delivered])


async def check_reads(client, owner, played, patience_s):
    """What REST reads back, to the owner and to the visitor. A projection may be late, never wrong: a shorter list is asked again."""
    faults = []
    for view, path, headers, expected in (
            ("REST read of the owner", f"/api/dialogs/{played.id}/messages", owner.headers(), played.messages),
            ("REST read of the visitor", f"/api/site/dialogs/{played.id}/messages", owner.visitor_headers(played.guest_id),
             without_operator(played.messages))):
        deadline, attempt = time.monotonic() + patience_s, 0
        while True:
            try:
                items = (await client.get(path, headers)).json()["messages"]
            except Refused as refused:
                faults.append(f"{view}: {refused}")
                break
            seen = [message_of(item, with_operator=expected is played.messages) for item in items]
            late = len(seen) < len(expected) and seen == expected[:len(seen)]
            if not late or time.monotonic() > deadline:
                faults += compare(view, expected, seen)
                break
            await asyncio.sleep(backoff_s(attempt))
            attempt += 1
    return faults


async def check_list(client, owner, dialogs):
    """The owner's list of dialogs, page by page, holds each of them once."""
    listed = Counter()
    while True:
        page = (await client.get(f"/api/dialogs?limit={PAGE}&offset={listed.total()}", owner.headers())).json()
        listed.update(dialog["id"] for dialog in page["dialogs"])
        if not page["has_more"] or not page["dialogs"]:
            break
    expected = Counter(played.id for played in dialogs)
    if listed == expected and page["total"] == len(dialogs):
        return []
    return [f"list of dialogs: {listed.total()} listed, total {page['total']}, expected {len(dialogs)}; "
            f"{len(expected - listed)} missing, {len(listed - expected)} too many"]


def check_chain(subject, events, partitions):
    """One stream of the log: versions 1..n without a gap, the chain of hashes, its partition, time that never goes back."""
    versions = [event.sequence for event in events]
    if versions != [str(n) for n in range(1, len(events) + 1)]:
        return [f"{subject}: versions {' '.join(versions)}"]
    previous, time_before = bytes(32), ""
    for event in events:
        previous = chain_hash(previous, event)
        where = f"{subject} version {event.sequence} (partition {event.partition}, offset {event.offset})"
        if event.text("ce_hash") != previous.hex():
            return [f"{where}: ce_hash is {event.text('ce_hash')}, recomputed {previous.hex()}"]
        slot = int(subject.rpartition("/")[2]) % SLOTS
        if event.partition != slot * partitions // SLOTS:
            return [f"{where}: its slot {slot} belongs to partition {slot * partitions // SLOTS}"]
        if event.text("ce_time") < time_before:
            return [f"{where}: ce_time {event.text('ce_time')} is before {time_before}"]
        if event.text("ce_specversion") != "1.0" or event.text("content-type") != "application/json":
            return [f"{where}: not a CloudEvent 1.0 with JSON"]
        time_before = event.text("ce_time")
    return []


def check_dialog_events(played, events):
    """The dialog's events say what was acknowledged, at the versions that its stream named, each caused by a command of its own."""
    types = [event.text("ce_type") for event in events]
    if types != ["parley.dialog.opened.v1"] + ["parley.dialog.message_created.v1"] * (len(events) - 1):
        return [f"events: unexpected types {' '.join(types)}"]
    seen = []
    for event in events[1:]:
        value = json.loads(event.value)
        seen.append(Message(value["message_id"], value["sender"], value["text"], event.text("ce_time"), value.get("operator_name")))
    faults = compare("events", played.messages, seen)
    if not faults and [version for version, _ in played.delivered] != [int(event.sequence) for event in events[1:]]:
        faults.append("the stream's ids are not the events' versions")
    if len({event.text("ce_causationid") for event in events}) != len(events):
        faults.append("two events have the same cause")
    return faults


def check_unique_ids(events):
    repeated = [ce_id for ce_id, count in Counter(event.text("ce_id") for event in events).items() if count > 1]
    return [f"ce_id {ce_id} is there more than once" for ce_id in repeated]
