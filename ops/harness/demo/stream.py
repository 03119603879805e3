"""A subscriber of a dialog's server-sent events that resumes with Last-Event-ID wherever it was cut."""

import asyncio
import json
import time
from urllib.parse import urlencode

from .client import RETRIED_STATUS, BrokenConnection, Connection, backoff_s

SILENCE_MAX_S = 45.0  # the server pings every 15 s


class Frames:
    """Cuts bytes into frames as the HTML standard says: CR, LF or CRLF end a line, an empty line ends a frame."""

    def __init__(self):
        self._rest = b""
        self._id = None
        self._data = []
        self._any = False

    def feed(self, piece):
        """Yields (id or None, data or None) for each frame that is complete; comments yield nothing."""
        buffer = self._rest + piece
        if buffer.endswith(b"\r"):  # its LF may be still to come
            buffer, held = buffer[:-1], b"\r"
        else:
            held = b""
        *lines, rest = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = rest + held
        for line in lines:
            if line:
                name, _, value = line.decode().partition(":")
                value = value.removeprefix(" ")
                if name == "id":
                    self._id, self._any = value, True
                elif name == "data":
                    self._data.append(value)
                    self._any = True
                continue
            if self._any:
                yield self._id, "\n".join(self._data) if self._data else None
            self._id, self._data, self._any = None, [], False


class Subscriber:
    """Keeps one stream open until it is closed; `messages` holds (version, message) as delivered.

    `cut_every` drops the connection on purpose after so many messages, to try the seam between history and live.
    """

    def __init__(self, base, dialog_id, headers, query, counters, cut_every=0):
        self._base = base
        self._path = f"/api/dialogs/{dialog_id}/events" + ("?" + urlencode(query) if query else "")
        self._headers = {**headers, "Accept": "text/event-stream"}
        self._counters = counters
        self._cut_every = cut_every
        self._changed = asyncio.Event()
        self._task = None
        self.dialog_id = dialog_id
        self.messages = []
        self.last_id = 0
        self.connected = False
        self.faults = []
        self.refused = None

    def start(self):
        self._task = asyncio.create_task(self._run(), name=f"stream of {self.dialog_id}")

    async def open(self, patience_s):
        self.start()
        return await self._until(lambda: self.connected, patience_s)

    async def received(self, count, patience_s):
        return await self._until(lambda: len(self.messages) >= count, patience_s)

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _until(self, condition, patience_s):
        deadline = time.monotonic() + patience_s
        while not condition() and self.refused is None:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                break
        return condition()

    async def _run(self):
        failures = 0
        while self.refused is None:
            connection = Connection(self._base)
            before = self.last_id
            try:
                await self._read(connection)
            except (OSError, BrokenConnection, asyncio.TimeoutError):
                pass
            finally:
                connection.close()
            if self.connected or self.last_id > before:
                self._counters["reconnected"] += 1
                failures = 0
            self.connected = False
            await asyncio.sleep(backoff_s(failures))
            failures += 1

    async def _read(self, connection):
        async with asyncio.timeout(SILENCE_MAX_S):
            answer = await connection.head("GET", self._path, {**self._headers, "Last-Event-ID": self.last_id})
        if answer.status != 200:
            if answer.status not in RETRIED_STATUS:
                body = b"".join([piece async for piece in connection.chunks(answer)])
                self.refused = f"the stream answered {answer.status}: {body[:300].decode(errors='replace')}"
                self._changed.set()
            return
        frames, pieces = Frames(), connection.chunks(answer)
        while True:
            async with asyncio.timeout(SILENCE_MAX_S):
                piece = await anext(pieces, None)
            if piece is None:
                return
            before = len(self.messages)
            for event_id, data in frames.feed(piece):
                if not self._take(event_id, data):
                    return
            self._changed.set()
            if self._cut_every and len(self.messages) // self._cut_every > before // self._cut_every:
                return

    def _take(self, event_id, data):
        """Takes one frame; false asks for a new connection."""
        if event_id is not None:
            version = int(event_id) if event_id.isdigit() else -1
            if version != self.last_id + 1:
                self.faults.append(f"id {event_id} came after {self.last_id}")
            self.last_id = max(version, self.last_id)
        if data is None or data == "__ping__":
            return True
        event = json.loads(data)
        kind = event.get("type")
        if kind == "connection.established":
            self.connected = True
        elif kind == "dialog.message.created":
            if event_id is None or event.get("dialog_id") != self.dialog_id:
                self.faults.append(f"a message without id, or of another dialog: {data[:120]}")
            self.messages.append((self.last_id, event["message"]))
        elif kind == "stream.reset":
            self._counters["reset"] += 1
            self.messages, self.last_id = [], 0
            return False
        elif kind == "stream.delayed":
            self._counters["delayed"] += 1
        return True
