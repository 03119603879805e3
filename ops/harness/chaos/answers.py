"""The outcomes of commands whose event is the answer, as a reply would have said them: schemas/README.md says how they are read."""

import json

from demo.log import Event

# Type of the event -> type of the answer, and what stands beside the dialog's id: the event's own value, or a status.
ANSWERS = {
    "parley.dialog.opened.v1": ("dialog.opened", '"opened":'),
    "parley.dialog.message_created.v1": ("dialog.message_posted", '"message":'),
    "parley.dialog.archived.v1": ("dialog.is", '"status":"archived"'),
    "parley.dialog.unarchived.v1": ("dialog.is", '"status":"active"'),
}


def by_event(events):
    """One for each event that answers its command."""
    return [reply_of(event) for event in events if "fingerprint" in event.headers]


def reply_of(event):
    """Byte for byte what the memory of outcomes holds, and a repeated command gets."""
    answer_type, beside = ANSWERS[event.text("ce_type")]
    facts = json.dumps({"command_id": event.text("ce_causationid"), "fingerprint": event.text("fingerprint"), "time": event.text("ce_time"),
                        "stream": event.subject, "version": int(event.sequence),
                        "position": {"partition": event.partition, "offset": event.offset}, "answer_type": answer_type},
                       separators=(",", ":")).encode()
    answer = f'{{"dialog_id":{event.subject.partition("/")[2]},{beside}'.encode() + (event.value if beside.endswith(":") else b"")
    headers = {"command_id": event.headers["ce_causationid"], "attempt_id": event.headers["attempt_id"],
               "correlation_id": event.headers["ce_correlationid"], "memory": b"first", "command_offset": event.headers["ce_commandoffset"]}
    return Event(event.partition, event.offset, headers, facts[:-1] + b',"answer":' + answer + b"}}")
