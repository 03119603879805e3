"""Visitors and owners at work: dialogs in parallel, the turns of one dialog strictly in order."""

import asyncio
import secrets
from dataclasses import dataclass, field

from .client import Client, Refused
from .stream import Subscriber

OPERATOR_NAME = "Анна"


@dataclass
class Message:
    """A message as its author's request was answered."""

    id: int
    sender: str
    text: str
    created_at: str
    operator_name: str | None = None


@dataclass
class Played:
    """One dialog as it was acknowledged, and as its live stream delivered it."""

    name: str
    id: int = 0
    guest_id: str = ""
    messages: list = field(default_factory=list)
    delivered: list = field(default_factory=list)  # of (version, message)
    watched_by: str = ""
    faults: list = field(default_factory=list)


@dataclass
class Owner:
    account_id: int
    token: str
    assistant_id: int
    site_token: str

    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    def visitor_headers(self, guest_id=None):
        return {"X-Site-Token": self.site_token, **({"X-Guest-Id": guest_id} if guest_id else {})}


class Replay:
    """Owns the connections of one run. `counters` says at any time how far it is."""

    def __init__(self, base, record, patience_s, parallel, cut_every):
        self._base = base
        self._record = record
        self._patience_s = patience_s
        self._parallel = parallel
        self._cut_every = cut_every
        self.run = secrets.token_hex(6)
        self.counters = {"dialogs": 0, "messages": 0, "repeated": 0, "reconnected": 0, "reset": 0, "delayed": 0, "pending": 0}
        self.latencies_s = []
        self.owner = None

    def client(self):
        return Client(self._base, self._patience_s, self._record, self.counters)

    async def enter(self):
        """Registers an owner and creates the assistant whose visitors will come."""
        client = self.client()
        account = (await client.post("/api/auth/register",
                                     {"email": f"demo-{self.run}@example.com", "password": secrets.token_urlsafe(18), "first_name": "Demo"},
                                     {}, f"{self.run}-register")).json()
        token = account["access_token"]
        assistant = (await client.post("/api/assistants", {"name": "Demo", "website_integration": True},
                                       {"Authorization": f"Bearer {token}"}, f"{self.run}-assistant")).json()
        client.close()
        self.owner = Owner(account["user"]["id"], token, assistant["id"], assistant["site_token"])

    async def play(self, dialogs):
        """Plays all; a dialog that was refused keeps its fault, a system that cannot be reached ends the run."""
        return await self.in_parallel(list(enumerate(dialogs)), lambda client, item: self._dialog(client, *item))

    async def in_parallel(self, items, work):
        """work(client, item) for each, `parallel` at a time, results in the order of the items."""
        results = [None] * len(items)
        positions = iter(range(len(items)))

        async def worker():
            client = self.client()
            try:
                for position in positions:
                    results[position] = await work(client, items[position])
            finally:
                client.close()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._parallel, len(items))):
                    group.create_task(worker())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return results

    async def _dialog(self, client, number, dialog):
        played = Played(dialog.name)
        try:
            opened = (await client.post("/api/site/dialogs", {"first_name": f"Visitor {number + 1}"}, self.owner.visitor_headers(),
                                        f"{self.run}-{number}-open", dialog=dialog.name)).json()
        except Refused as refused:
            played.faults.append(str(refused))
            return played
        played.id, played.guest_id = opened["id"], opened["guest_id"]
        stream = self._stream(played, by_owner=number % 2 == 0)
        try:
            if await stream.open(self._patience_s):
                for turn, (speaker, text) in enumerate(dialog.turns, 1):
                    await self._say(client, played, f"{self.run}-{number}-{turn}", speaker, text)
                await stream.received(len(played.messages), self._patience_s)
            elif stream.refused is None:
                played.faults.append("the stream could not be opened")
        except Refused as refused:
            played.faults.append(str(refused))
        finally:
            await stream.close()
        played.delivered = stream.messages
        played.faults += [*stream.faults, *filter(None, (stream.refused,))]
        self.counters["dialogs"] += 1
        return played

    def _stream(self, played, by_owner):
        """Every second dialog is watched by its owner, the others by their visitor."""
        played.watched_by = "owner" if by_owner else "visitor"
        headers = self.owner.headers() if by_owner else {}
        query = {} if by_owner else {"site_token": self.owner.site_token, "guest_id": played.guest_id}
        return Subscriber(self._base, played.id, headers, query, self.counters, self._cut_every)

    async def _say(self, client, played, key, speaker, text):
        if speaker == "user":
            path, headers, body = f"/api/site/dialogs/{played.id}/messages", self.owner.visitor_headers(played.guest_id), {"text": text}
        else:
            path, headers, body = f"/api/dialogs/{played.id}/messages", self.owner.headers(), {"text": text, "operator_name": OPERATOR_NAME}
        answer = await client.post(path, body, headers, key, dialog=played.name)
        said = answer.json()
        expected = {"dialog_id": played.id, "sender": "user" if speaker == "user" else "operator", "text": text}
        if answer.status != 201 or any(said.get(name) != value for name, value in expected.items()):
            played.faults.append(f"message {len(played.messages) + 1} was answered {answer.status} {answer.body[:200].decode(errors='replace')}")
        played.messages.append(Message(said["id"], said["sender"], said["text"], said["created_at"], said.get("operator_name")))
        self.counters["messages"] += 1
        self.counters["pending"] += "x-projection" in answer.headers
        self.latencies_s.append(answer.elapsed_s)
