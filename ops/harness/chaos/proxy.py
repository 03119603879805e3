"""A proxy between processes and the servers that they talk to, whose links can be delayed, held or cut."""

import asyncio
import collections
import contextlib
import glob
import os
import pathlib
import socket
import struct
import threading

CHUNK_BYTES = 64 * 1024
READY_SECONDS_MAX = 10
LOOK_S = 0.05
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset, as a broken network does


class Link:
    """One way from a process to a server: every connection that the process makes to it. Methods may be called on any thread.

    delay(s): each piece of data, in both directions, waits so long; its order stays.
    hold(): connections stay, nothing passes; what was sent is kept.
    hold_requests(key): Kafka's requests of this kind wait, and what their connection sends after them. For links made with `kafka`.
    cut(): connections are reset, new ones too.
    part(names): that, for the connections of these processes. For links made with `source`.
    mend(): everything passes again.
    passed: of a link made with `kafka`: how many requests of each kind the server was sent.
    """

    def __init__(self, name, listen, target, loop, kafka=False, source=None):
        self.name = name
        self.source = source
        self._parted = set()
        self._pieces = requests if kafka else chunks
        self.passed = collections.Counter()
        self._listen, self._target, self._loop = listen, target, loop
        self._server = None
        self._delay_s = 0.0
        self._is_cut = False
        self._passes = asyncio.Event()
        self._passes.set()
        self._held_key = None
        self._connections = {}  # task -> whose it is

    def delay(self, seconds):
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def hold(self):
        self._do(self._passes.clear)

    def hold_requests(self, key):
        self._do(lambda: setattr(self, "_held_key", key))

    def cut(self):
        def cut():
            self._is_cut = True
            for task in self._connections:
                task.cancel()

        self._do(cut)

    def part(self, names):
        def part():
            self._parted |= set(names)
            for task, name in self._connections.items():
                if name in self._parted:
                    task.cancel()

        self._do(part)

    def mend(self):
        def mend():
            self._delay_s, self._is_cut, self._held_key = 0.0, False, None
            self._parted.clear()
            self._passes.set()

        self._do(mend)

    def _do(self, action):
        self._loop.call_soon_threadsafe(action)

    async def open(self):
        if isinstance(self._listen, int):
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._listen)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._listen)
            self._server = await asyncio.start_unix_server(self._accept, self._listen)

    async def close(self):
        self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # for the transports that they aborted

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._connections[task] = None
        writers = [writer]
        try:
            if self.source:
                self._connections[task] = await asyncio.to_thread(self.source, writer.get_extra_info("peername")[1])
            if self._is_cut or self._connections[task] in self._parted:
                return
            there_reader, there_writer = await self._connect()
            writers.append(there_writer)
            # When one side has ended, the other one is ended too.
            both = [asyncio.create_task(self._pump(self._to_server(reader), there_writer, self._is_held)), asyncio.create_task(self._pump(chunks(there_reader), writer))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the server is away, or the link is cut
        finally:
            del self._connections[task]
            for one in writers:
                reset(one)

    async def _connect(self):
        if isinstance(self._target, int):
            return await asyncio.open_connection("127.0.0.1", self._target)
        return await asyncio.open_unix_connection(self._target)

    async def _to_server(self, reader):
        async for data in self._pieces(reader):
            yield data
            if self._pieces is requests:
                self.passed[key_of(data)] += 1

    def _is_held(self, data):
        return self._held_key is not None and key_of(data) == self._held_key

    async def _pump(self, pieces, writer, is_held=lambda data: False):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async for data in pieces:
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                while is_held(data):
                    await asyncio.sleep(LOOK_S)
                await self._passes.wait()
                writer.write(data)
                await writer.drain()


async def chunks(reader):
    while data := await reader.read(CHUNK_BYTES):
        yield data


async def requests(reader):
    """Kafka's: each after its length; the first two bytes are its kind."""
    while True:
        length = await reader.readexactly(4)
        yield length + await reader.readexactly(int.from_bytes(length, "big"))


def key_of(request):
    return int.from_bytes(request[4:6], "big")


def reset(writer):
    one = writer.get_extra_info("socket")
    if one is not None and one.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    writer.transport.abort()


class Proxy:
    """Its links, on an event loop of a thread of its own, from entering to leaving it."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.links = {}

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        for link in self.links.values():
            asyncio.run_coroutine_threadsafe(link.close(), self._loop).result(READY_SECONDS_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def link(self, name, listen, target, kafka=False, source=None):
        """Opens a link from `listen` to `target`: a port on loopback, or the path of a socket. `kafka`: Kafka's protocol passes there. `source`: which
        process's connection comes from a port, a function that may take a while."""
        link = Link(name, listen, target, self._loop, kafka, source)
        asyncio.run_coroutine_threadsafe(link.open(), self._loop).result(READY_SECONDS_MAX)
        self.links[name] = link
        return link

    def part(self, one, all_of_them):
        """Of servers that reach each other by links SERVER:WAY made with `source`: this one and the others do not any more, until mend_parted()."""
        others = [name for name in all_of_them if name != one]
        for name, link in self.links.items():
            server = name.partition(":")[0]
            if link.source and server in all_of_them:
                link.part(others if server == one else [one])

    def mend_parted(self):
        for link in self.links.values():
            if link.source:
                link.mend()

    def mend(self):
        for link in self.links.values():
            link.mend()


def source_of(port, pids):
    """Which of the processes has the connection whose local end on loopback is `port`: a name of `pids`, name -> pid; or None."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    for name, pid in pids.items():
        for file in glob.iglob(f"/proc/{pid}/fd/*"):
            with contextlib.suppress(OSError):  # it has been closed
                if os.readlink(file) in sockets:
                    return name
    return None
