"""People at work, several kinds at once: each asks until there is an answer, with the same key, and writes down every answer.

Conversations with their streams; crowds that race for one dialog by its version; newcomers two of whom want one e-mail; twins who ask the same
under one key at once through every API; keepers, who change their assistants and delete them; movers, who change their e-mails; strangers, who must be
refused; tinkerers, who want the same few bots for their assistants.
"""

import asyncio
import dataclasses
import hashlib
import json
import secrets
import threading
import time

from demo.client import Base, BrokenConnection, Connection, backoff_s
from demo.log import place_of
from demo.stream import Subscriber

from .records import Ask, Attempt, Records, Watch

CONVERSATIONS, CROWDS, CROWD, NEWCOMERS, TWINS, KEEPERS, STRANGERS, CAREFUL, MOVERS, TINKERERS = 5, 1, 3, 1, 2, 1, 1, 1, 1, 2
BOTS = 3  # that all tinkerers want
FILES_EVERY = 5  # turns of a conversation: then the owner puts it away, or takes it out again
TURNS_MAX = 200  # of a conversation: then another one begins
GIVES_UP = 0.25  # of the callers in a conversation, when they got no answer
THINKS_S_MAX = 0.15
AGAIN_AT_ONCE = 16
CREATED, SIGNED_IN, NOTHING_SAID = ((201, None),), ((200, None),), ((204, None),)
NOBODYS = ((401, "INVALID_CREDENTIALS"),)
TAKEN = ((201, None), (409, "EMAIL_TAKEN"))
MOVED = ((200, None), (409, "EMAIL_TAKEN"))
CHANGED, DELETED = ((200, None),), ((204, None),)
WITH_BOT, REFUSED_BOT = ((201, None), (409, "BOT_ALREADY_EXISTS")), ((200, None), (409, "BOT_ALREADY_EXISTS"), (409, "VERSION_CONFLICT"))
RACED_CHANGE = ((200, None), (409, "VERSION_CONFLICT"))
CLOSED = ((401, "NOT_AUTHENTICATED"), (403, "ASSISTANT_INACTIVE"))  # an assistant, to its visitors, as far as the API that is asked has heard
UNKNOWN_ASSISTANT = ((404, "ASSISTANT_NOT_FOUND"),)
UNKNOWN_DIALOG = ((404, "DIALOG_NOT_FOUND"),)
RACED = ((201, None), (409, "VERSION_CONFLICT"))
REUSED = ((422, "IDEMPOTENCY_KEY_REUSED"),)


@dataclasses.dataclass
class Owner:
    account: int
    email: str
    password: str
    token: str
    assistant: int = 0
    site_token: str = ""

    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    def site(self, guest=None):
        return {"X-Site-Token": self.site_token, **({"X-Guest-Id": guest} if guest else {})}


@dataclasses.dataclass
class Dialog:
    owner: Owner
    id: int
    guest: str

    def visitor(self):
        return f"/api/site/dialogs/{self.id}/messages", self.owner.site(self.guest)

    def operator(self):
        return f"/api/dialogs/{self.id}/messages", self.owner.headers()


class Workload:
    """`ways`: name -> URL of the edge ("edge") and of each API. `patience_s`: for which a caller repeats, and for which a stream may be late. Everything
    that happens is in `records`."""

    def __init__(self, ways, random, patience_s):
        self._ways = {name: Base.parse(url) for name, url in ways.items()}
        self._apis = [name for name in ways if name != "edge"]
        self._random = random
        self._patience_s = patience_s
        self._idle = {name: [] for name in ways}  # connections that nobody uses now
        self._counters = {"reconnected": 0, "reset": 0, "delayed": 0}
        self._streams = []
        self._headers = {}  # of each ask, for asking again; held here alone: they are secrets
        self._bots = [1_000_000_000 + secrets.randbelow(1_000_000_000) for _ in range(BOTS)]
        self._stopping = threading.Event()
        self.records = Records()

    # From other threads.

    def stop(self):
        self._stopping.set()

    def answered(self):
        return sum(1 for ask in list(self.records.asks) if ask.final)

    def reconnected(self):
        return self._counters["reconnected"]

    # The work.

    async def run(self):
        """Until stop(); then what was begun is ended, and streams have delivered everything. Raises what a lane raised."""
        lanes = [self._conversation] * CONVERSATIONS + [self._crowd] * CROWDS + [self._newcomers] * NEWCOMERS + [self._twins] * TWINS
        lanes += [self._keepers] * KEEPERS + [self._strangers] * STRANGERS + [self._careful] * CAREFUL + [self._movers] * MOVERS
        lanes += [self._tinkerers] * TINKERERS
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._again_and_again(lane))

    async def watched(self, ends):
        """Waits until every stream delivered up to its dialog's version in `ends` ({dialog: version}); then closes them."""
        deadline = time.monotonic() + self._patience_s
        for watcher, stream in self._streams:
            while stream.last_id < ends.get(stream.dialog_id, 0) and stream.refused is None and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            await stream.close()
            faults = stream.faults + ([stream.refused] if stream.refused else [])
            self.records.watches.append(Watch(stream.dialog_id, watcher, stream.messages, faults, self._counters["reset"]))
        self._streams = []

    async def ask_again(self, asks, others_every):
        """Asks these once more, as they were asked; every so many of them that were done also with another body under the same key."""
        limit = asyncio.Semaphore(AGAIN_AT_ONCE)

        async def again(number, ask):
            async with limit:
                path, headers, key = self._headers[ask.correlation]
                await self._repeat(ask, path, headers, key, "edge", gives_up=False)
                if number % others_every == 0 and succeeded(ask) and ask.body:
                    await self._reuse(ask)

        await asyncio.gather(*(again(number, ask) for number, ask in enumerate(asks)))

    async def _again_and_again(self, lane):
        while not self._stopping.is_set():
            await lane()

    async def _think(self):
        await asyncio.sleep(self._random.random() * THINKS_S_MAX)

    # One request.

    async def _ask(self, kind, path, body, headers, expected, *, via="edge", key=None, subject=None, if_match=None, gives_up=False, scope="",
                   method="POST"):
        """Asks until there is an answer that stays. Returns the Ask."""
        key = key or secrets.token_hex(10)
        ask = Ask(secrets.token_hex(12), kind, f"{scope or headers.get('Authorization') or headers.get('X-Site-Token', '')} {path} {key}", body, expected,
                  subject, if_match, method)
        ask.identity = hashlib.sha256(ask.identity.encode()).hexdigest()[:24]  # tokens stay out of what is written down
        if if_match is not None:
            headers = {**headers, "If-Match": f'"{if_match}"'}
        self._headers[ask.correlation] = path, headers, key
        self.records.asks.append(ask)
        await self._repeat(ask, path, headers, key, via, gives_up)
        return ask

    async def _repeat(self, ask, path, headers, key, via, gives_up):
        headers = {**headers, "Idempotency-Key": key, "X-Request-Id": ask.correlation}
        started, failures = time.monotonic(), 0
        while True:
            attempt = await self._attempt(ask.method, path, headers, json.dumps(ask.body, ensure_ascii=False).encode(), via)
            ask.attempts.append(attempt)
            if attempt.is_definite:
                return
            if gives_up or time.monotonic() - started > self._patience_s:
                ask.gave_up = True
                return
            await asyncio.sleep(backoff_s(failures))
            failures += 1
            if via != "edge" and failures % 3 == 0:  # one that is away is not asked for ever
                via = "edge"

    async def _attempt(self, method, path, headers, body, via):
        connection = self._idle[via].pop() if self._idle[via] else Connection(self._ways[via])
        began = time.monotonic()
        try:
            answer = await connection.exchange(method, path, headers, b"" if method == "DELETE" else body)
        except (OSError, BrokenConnection, asyncio.TimeoutError) as error:
            return Attempt(began, time.monotonic(), via, type(error).__name__)
        self._idle[via].append(connection)
        attempt = Attempt(began, time.monotonic(), via, answer.status, position=place_of(answer.headers.get("x-event-position")),
                          hit="idempotency-hit" in answer.headers, digest=hashlib.sha256(answer.body).hexdigest())
        if answer.status == 204:
            return attempt
        try:
            attempt.answer = answer.json()
            attempt.code = attempt.answer["error"]["code"] if answer.status >= 400 else None
        except (ValueError, KeyError, TypeError):
            attempt.code = "UNREADABLE"
        return attempt

    # What is asked.

    async def _register(self, email, password, expected=CREATED, via="edge", key=None):
        return await self._ask("register", "/api/auth/register", {"email": email, "password": password, "first_name": "N"}, {}, expected, via=via,
                               key=key, scope=email)

    async def _log_in(self, email, password, expected, via="edge"):
        return await self._ask("log_in", "/api/auth/login", {"email": email, "password": password}, {}, expected, via=via, scope=email)

    async def _owner(self):
        """A new account with an assistant; None when somebody got no answer."""
        email, password = f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(12)
        registered = await self._register(email, password)
        if not succeeded(registered):
            return None
        answer = registered.final.answer
        owner = Owner(answer["user"]["id"], email, password, answer["access_token"])
        created = await self._ask("create_assistant", "/api/assistants", {"name": f"A {email[:6]}", "description": "d"}, owner.headers(), CREATED)
        if not succeeded(created):
            return None
        owner.assistant, owner.site_token = created.final.answer["id"], created.final.answer["site_token"]
        return owner

    async def _open(self, owner, expected=CREATED, **how):
        opened = await self._ask("open_dialog", "/api/site/dialogs", {"first_name": "V"}, owner.site(), expected, **how)
        return Dialog(owner, opened.final.answer["id"], opened.final.answer["guest_id"]) if succeeded(opened) else None

    async def _say(self, dialog, text, by_owner, expected=CREATED, **how):
        path, headers = dialog.operator() if by_owner else dialog.visitor()
        body = {"text": text, **({"operator_name": "O"} if by_owner else {})}
        return await self._ask("operator_message" if by_owner else "visitor_message", path, body, headers, expected, subject=f"dialog/{dialog.id}",
                               scope="" if by_owner else f"guest/{dialog.id}", **how)

    async def _file(self, dialog, how):
        return await self._ask(how, f"/api/dialogs/{dialog.id}/{how}", {}, dialog.owner.headers(), CHANGED, subject=f"dialog/{dialog.id}")

    def _watch(self, dialog):
        for watcher, headers, query in (("owner", dialog.owner.headers(), {}),
                                        ("visitor", {}, {"site_token": dialog.owner.site_token, "guest_id": dialog.guest})):
            stream = Subscriber(self._ways["edge"], dialog.id, headers, query, self._counters)
            stream.start()
            self._streams.append((watcher, stream))

    # The lanes.

    async def _conversation(self):
        """A visitor and an owner in turns, both of whom watch."""
        owner = await self._owner()
        dialog = owner and await self._open(owner)
        if not dialog:
            return
        self._watch(dialog)
        for turn in range(TURNS_MAX):
            if self._stopping.is_set():
                break
            await self._say(dialog, f"turn {turn}", by_owner=turn % 3 == 2, gives_up=self._random.random() < GIVES_UP)
            if turn % FILES_EVERY == FILES_EVERY - 1:
                await self._file(dialog, self._random.choice(("archive", "archive", "unarchive")))
            await self._think()

    async def _crowd(self):
        """Several who write into one dialog only while it is as they know it: of those who know the same version one wins."""
        owner = await self._owner()
        dialog = owner and await self._open(owner)
        if not dialog:
            return
        self._watch(dialog)

        async def racer(name):
            version = 1
            for turn in range(TURNS_MAX // CROWD):
                if self._stopping.is_set():
                    return
                raced = await self._say(dialog, f"{name} {turn}", by_owner=name % 2 == 0, expected=RACED, if_match=version, gives_up=False)
                if raced.final and raced.final.code == "VERSION_CONFLICT":
                    version = raced.final.answer["error"]["details"]["current_version"]
                elif raced.final:
                    version += 1
                await self._think()

        await asyncio.gather(*(racer(name) for name in range(CROWD)))

    async def _newcomers(self):
        """Two who want one e-mail at once, each through another API; both log in then, and somebody who is not there."""
        email, passwords = f"{secrets.token_hex(8)}@example.com", [secrets.token_urlsafe(12) for _ in self._apis]
        registered = await asyncio.gather(*(self._register(email, password, TAKEN, via) for password, via in zip(passwords, self._apis)))
        won = [succeeded(ask) for ask in registered]
        if not any(won) or not all(ask.final for ask in registered):
            return
        for password, via, one in zip(passwords, self._apis, won):  # each where it registered: another API may hear of the account later
            await self._log_in(email, password, SIGNED_IN if one else NOBODYS, via)
        await self._log_in(f"nobody-{email}", passwords[0], NOBODYS)
        await self._think()

    async def _careful(self):
        """Somebody who looks after an account: says a name, makes an API key and revokes it, ends another session, changes the password: the old one opens
        nothing from then on."""
        email, password = f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(12)
        registered = await self._register(email, password)
        if not succeeded(registered):
            return
        mine = {"Authorization": f"Bearer {registered.final.answer['access_token']}"}
        for turn in range(TURNS_MAX // 40):
            if self._stopping.is_set():
                return
            elsewhere = await self._log_in(email, password, SIGNED_IN)
            await self._ask("change_profile", "/api/users/me", {"first_name": f"N {turn}"}, mine, CHANGED, method="PUT")
            if succeeded(elsewhere):
                await self._ask("log_out", "/api/auth/logout", {}, {"Authorization": f"Bearer {elsewhere.final.answer['access_token']}"}, NOTHING_SAID)
            made = await self._ask("create_api_key", "/api/api-keys", {"name": f"K {turn}", "scopes": ["dialogs:read"]}, mine, CREATED)
            if succeeded(made) and turn % 2:  # the others stay
                await self._ask("revoke_api_key", f"/api/api-keys/{made.final.answer['id']}", {}, mine, NOTHING_SAID, method="DELETE")
            old, password = password, secrets.token_urlsafe(12)
            changed = await self._ask("change_password", "/api/users/change-password", {"current_password": old, "new_password": password}, mine, NOTHING_SAID)
            if not succeeded(changed):
                return  # nobody knows which of them holds
            await self._log_in(email, old, NOBODYS)
            await self._think()

    async def _movers(self):
        """Two who want another e-mail, the same one, and somebody who registers with it at once. Who got it goes on to the next; what it left is somebody
        else's."""
        emails, password = [f"{secrets.token_hex(8)}@example.com" for _ in self._apis], secrets.token_urlsafe(12)
        registered = await asyncio.gather(*(self._register(email, password) for email in emails))
        if not all(succeeded(ask) for ask in registered):
            return
        tokens = [{"Authorization": f"Bearer {ask.final.answer['access_token']}"} for ask in registered]

        async def move(mover, email, expected, via="edge"):
            return await self._ask("change_email", "/api/users/me/email", {"email": email, "current_password": password}, tokens[mover], expected, via=via)

        wanted, next_one = (f"{secrets.token_hex(8)}@example.com" for _ in range(2))
        asked = await asyncio.gather(*(move(mover, wanted, MOVED, via) for mover, via in enumerate(self._apis)), self._register(wanted, password, TAKEN))
        for mover, ask in enumerate(asked[:-1]):
            if not succeeded(ask):
                continue
            await self._register(emails[mover], password)
            await self._log_in(wanted, password, SIGNED_IN + NOBODYS)  # by then it may have gone on to the next, when that is asked again
            if succeeded(await move(mover, next_one, CHANGED)):
                await self._register(wanted, password, TAKEN)  # as soon as it is released
                await self._log_in(next_one, password, SIGNED_IN)
        await self._think()

    async def _twins(self):
        """The same under one key at once through every way; then something else under that key."""
        owner = await self._owner()
        dialog = owner and await self._open(owner)
        if not dialog:
            return
        for turn in range(TURNS_MAX // 20):
            if self._stopping.is_set():
                return
            key = secrets.token_hex(10)
            what = turn % 3
            if what == 0:
                asks = [self._say(dialog, f"twin {turn}", by_owner=turn % 2 == 0, via=via, key=key) for via in self._ways]
            elif what == 1:
                asks = [self._ask("open_dialog", "/api/site/dialogs", {"first_name": "T"}, owner.site(), CREATED, via=via, key=key) for via in self._ways]
            else:
                asks = [self._ask("create_assistant", "/api/assistants", {"name": f"T {turn}"}, owner.headers(), CREATED, via=via, key=key)
                        for via in self._ways]
            asked = await asyncio.gather(*asks)
            if asked[0].final:
                await self._reuse(asked[0])
            await self._think()

    async def _keepers(self):
        """An owner who changes an assistant again and again, twice at once too, gives its site another token, and in the end deletes it; the visitor's
        messages meanwhile are taken or refused, as each API has heard of it."""
        owner = await self._owner()
        dialog = owner and await self._open(owner, CREATED + CLOSED)  # what is asked once more at the end is refused: the token is dead then
        if not dialog:
            return
        path, subject, version = f"/api/assistants/{owner.assistant}", f"assistant/{owner.assistant}", 1

        async def change(body, expected=CHANGED, **how):
            return await self._ask("update_assistant", path, body, owner.headers(), expected, subject=subject, method="PUT", **how)

        async def visit(site_token):
            await self._say(Dialog(dataclasses.replace(owner, site_token=site_token), dialog.id, dialog.guest), "a visit", by_owner=False,
                            expected=CREATED + CLOSED)

        for turn in range(TURNS_MAX // 20):
            if self._stopping.is_set():
                break
            raced = await asyncio.gather(*(change({"name": f"K {turn} {via}", "description": None if turn % 2 else "d"}, RACED_CHANGE, via=via, if_match=version)
                                           for via in self._apis))
            if not all(ask.final for ask in raced):
                return
            version += sum(succeeded(ask) for ask in raced)
            for is_active in (False, True):
                if not succeeded(await change({"is_active": is_active})):
                    return
                version += 1
                await visit(owner.site_token)
            rotated = await self._ask("rotate_site_token", path + "/site-token", {}, owner.headers(), CHANGED, subject=subject)
            if not succeeded(rotated):
                return
            version += 1
            before, owner.site_token = owner.site_token, rotated.final.answer["site_token"]
            await visit(before)
            await visit(owner.site_token)
            await self._think()
        if not succeeded(await self._ask("delete_assistant", path, {}, owner.headers(), DELETED, subject=subject, method="DELETE")):
            return
        await self._ask("delete_assistant", path, {}, owner.headers(), UNKNOWN_ASSISTANT, subject=subject, method="DELETE")
        await change({"name": "gone"}, UNKNOWN_ASSISTANT)
        await visit(owner.site_token)

    async def _tinkerers(self):
        """An owner who creates assistants with bots that others want too, gives them others' bots while they are renamed, takes one away, and deletes them,
        sometimes while another bot is on its way."""
        owner = await self._owner()
        for turn in range(TURNS_MAX // 20 if owner else 0):
            if self._stopping.is_set():
                return
            created = await self._ask("create_assistant", "/api/assistants", {"name": f"B {turn}", "telegram_bot_token": self._bot_token()}, owner.headers(),
                                      WITH_BOT)
            if not created.final:
                return
            await self._think()
            if not succeeded(created):
                continue
            path = f"/api/assistants/{created.final.answer['id']}"
            subject = path.removeprefix("/api/").replace("assistants", "assistant")

            async def change(body, expected=CHANGED, via="edge"):
                return await self._ask("update_assistant", path, body, owner.headers(), expected, subject=subject, method="PUT", via=via)

            for number in range(2):
                changed = await asyncio.gather(change({"name": f"B {turn}.{number}", "telegram_bot_token": self._bot_token()}, REFUSED_BOT, self._apis[0]),
                                               change({"description": f"d {turn}.{number}"}, via=self._apis[-1]))
                if not all(ask.final for ask in changed):
                    return
            if self._random.random() < 0.5 and not succeeded(await change({"telegram_bot_token": None})):
                return
            last = self._ask("delete_assistant", path, {}, owner.headers(), DELETED, subject=subject, method="DELETE")
            await asyncio.gather(last, change({"telegram_bot_token": self._bot_token()}, REFUSED_BOT + UNKNOWN_ASSISTANT))

    def _bot_token(self):
        return f"{self._random.choice(self._bots)}:{secrets.token_hex(16)}{'x' * 3}"

    async def _reuse(self, ask):
        """Another body under the key of something that was answered."""
        path, headers, key = self._headers[ask.correlation]
        body = {name: f"{value}!" if name in ("text", "name", "first_name", "password", "new_password") else value for name, value in ask.body.items()}
        if ask.kind in ("archive", "unarchive"):  # their bodies are not read
            return
        if body == ask.body:
            body["another"] = "field"
        expected = REUSED + tuple(refusal for refusal in CLOSED if refusal in ask.expected)
        if ask.may_go_elsewhere:
            expected += NOBODYS  # another has the e-mail by now, or nobody
        other = Ask(secrets.token_hex(12), ask.kind, ask.identity, body, expected, ask.subject, ask.if_match, ask.method)
        self._headers[other.correlation] = path, headers, key
        self.records.asks.append(other)
        await self._repeat(other, path, headers, key, "edge", gives_up=False)

    async def _strangers(self):
        """People who may not: all are refused, and nothing comes of it."""
        one, other = await asyncio.gather(self._owner(), self._owner())
        dialog = one and await self._open(one)
        if not dialog or not other:
            return
        for turn in range(TURNS_MAX // 20):
            if self._stopping.is_set():
                return
            subject, path = f"dialog/{dialog.id}", f"/api/dialogs/{dialog.id}/messages"
            site_path = f"/api/site/dialogs/{dialog.id}/messages"
            body = {"text": f"stranger {turn}"}
            await self._ask("operator_message", path, body, other.headers(), UNKNOWN_DIALOG, subject=subject)
            await self._ask("operator_message", f"/api/dialogs/{dialog.id + 1024 * 1_000_000}/messages", body, one.headers(), UNKNOWN_DIALOG)
            await self._ask("operator_message", path, body, other.headers(), UNKNOWN_DIALOG, subject=subject, if_match=1000 + turn)
            await self._ask("visitor_message", site_path, body, other.site(dialog.guest), UNKNOWN_DIALOG, subject=subject)
            await self._ask("visitor_message", site_path, body, one.site("nobody"), UNKNOWN_DIALOG, subject=subject)
            await self._ask("operator_message", path, body, {}, ((401, "NOT_AUTHENTICATED"),), subject=subject)
            await self._ask("operator_message", path, {"text": ""}, one.headers(), ((422, "VALIDATION_ERROR"),), subject=subject)
            await self._ask("operator_message", path, body, one.headers(), ((409, "VERSION_CONFLICT"),), subject=subject, if_match=1000 + turn)
            await self._register(one.email, "somebody else's", ((409, "EMAIL_TAKEN"),))
            await self._say(dialog, f"turn {turn}", by_owner=False)
            await self._think()


def succeeded(ask):
    return ask.final is not None and ask.final.is_success
