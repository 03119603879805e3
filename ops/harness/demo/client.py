"""An HTTP/1.1 client on asyncio: one keep-alive connection, bounded repeats with the same Idempotency-Key.

A demo of a thousand messages a second is limited by its client; this one does no more than the protocol asks for.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

RETRIED_STATUS = frozenset((429, 502, 503, 504))
WITHOUT_BODY = frozenset((204, 304))  # RFC 9112, section 6.3: they end with their head
ATTEMPT_TIMEOUT_S = 20.0
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 2.0
HEAD_BYTES_MAX = 64 * 1024


class Unreachable(Exception):
    """No answer within the patience, however often it was asked."""


class Refused(Exception):
    """An answer that repeating does not change."""

    def __init__(self, request, answer):
        super().__init__(f"{request} answered {answer.status}: {answer.body[:300].decode(errors='replace')}")
        self.answer = answer


IDLE_S_MAX = 30.0  # servers close connections that lie idle (the edge after 60 s), and a request may meet that


class BrokenConnection(Exception):
    """The other side closed, or does not speak HTTP."""


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes = b""
    attempts: list = field(default_factory=list)
    elapsed_s: float = 0.0

    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Base:
    scheme: str
    host: str
    port: int

    @staticmethod
    def parse(url):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"{url}: expected http://host:port")
        return Base(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def backoff_s(attempt):
    return min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 16)) * random.uniform(0.5, 1.0)


class Connection:
    """One connection; not for two requests at a time. Any error closes it; the next request opens it again."""

    def __init__(self, base):
        self._base = base
        self._reader = self._writer = None
        self._used_at = 0.0

    async def head(self, method, target, headers, body=b""):
        """Sends a request and reads the answer's head; the body is still to be read."""
        if time.monotonic() - self._used_at > IDLE_S_MAX:
            self.close()
        self._used_at = time.monotonic()
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._base.host, self._base.port, limit=1024 * 1024, ssl=True if self._base.scheme == "https" else None)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._base.host}:{self._base.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method in ("POST", "PUT"):
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise BrokenConnection("closed before an answer") from None
        status_line, *fields = head[:-4].decode("latin-1").split("\r\n")
        parts = status_line.split(" ", 2)
        if len(head) > HEAD_BYTES_MAX or not parts[0].startswith("HTTP/1.") or not parts[1:] or not parts[1].isdigit():
            raise BrokenConnection("not an HTTP answer")
        return Answer(int(parts[1]), {name.strip().lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)})

    async def chunks(self, answer):
        """The body, piece by piece, as it comes."""
        headers = answer.headers
        try:
            if answer.status in WITHOUT_BODY:
                pass
            elif headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    yield (await self._reader.readexactly(size + 2))[:-2]
                await self._reader.readuntil(b"\r\n")
            elif "content-length" in headers:
                if length := int(headers["content-length"]):
                    yield await self._reader.readexactly(length)
            else:
                while piece := await self._reader.read(64 * 1024):
                    yield piece
                self.close()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise BrokenConnection("the answer was cut") from None

    async def exchange(self, method, target, headers, body=b""):
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                answer = await self.head(method, target, headers, body)
                answer.body = b"".join([piece async for piece in self.chunks(answer)])
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self):
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


class Client:
    """A patient caller: what got no answer is asked again with the same key, until `patience_s` is over."""

    def __init__(self, base, patience_s, record, counters):
        self._connection = Connection(base)
        self._patience_s = patience_s
        self._record = record
        self._counters = counters

    async def post(self, path, body, headers, key, **about):
        headers = {**headers, "Idempotency-Key": key}
        return await self._call("POST", path, headers, json.dumps(body, ensure_ascii=False).encode(), {"key": key, **about})

    async def get(self, path, headers):
        return await self._call("GET", path, headers, b"", None)

    async def _call(self, method, path, headers, body, about):
        start = time.monotonic()
        attempts = []
        while True:
            began = time.monotonic()
            answer, wait_s = None, backoff_s(len(attempts))
            try:
                answer = await self._connection.exchange(method, path, headers, body)
                outcome = answer.status
                if answer.status in RETRIED_STATUS and answer.headers.get("retry-after", "").isdigit():
                    wait_s = max(wait_s, float(answer.headers["retry-after"]))
            except (OSError, BrokenConnection, asyncio.TimeoutError) as error:
                outcome = f"{type(error).__name__}: {error}".rstrip(": ")
            attempts.append({"at": round(time.time(), 3), "ms": round((time.monotonic() - began) * 1000, 1), "outcome": outcome})
            final = answer is not None and answer.status not in RETRIED_STATUS
            over = time.monotonic() + wait_s - start > self._patience_s
            if about is not None and (final or over):
                self._record.write(method, path, about, attempts, answer)
            if final:
                answer.attempts, answer.elapsed_s = attempts, time.monotonic() - start
                if answer.status >= 400:
                    raise Refused(f"{method} {path}", answer)
                return answer
            if over:
                raise Unreachable(f"{method} {path}: no answer in {len(attempts)} attempts, the last one: {outcome}")
            self._counters["repeated"] += 1
            await asyncio.sleep(wait_s)

    def close(self):
        self._connection.close()


class Record:
    """JSON lines of every command: its key, every attempt, the answer. Without a path it writes nothing."""

    def __init__(self, file=None):
        self._file = file

    def write(self, method, path, about, attempts, answer):
        if self._file is None:
            return
        line = {"method": method, "path": path, **about, "attempts": attempts}
        if answer is not None:
            line["status"] = answer.status
            line["headers"] = {name: answer.headers[name] for name in ("x-event-position", "x-projection", "idempotency-hit", "x-request-id")
                               if name in answer.headers}
            try:
                line["answer"] = answer.json()
                if isinstance(line["answer"], dict) and "access_token" in line["answer"]:
                    line["answer"]["access_token"] = "(not recorded)"
            except ValueError:
                line["answer"] = answer.body.decode(errors="replace")
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self):
        if self._file is not None:
            self._file.close()
