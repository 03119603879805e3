#!/usr/bin/python3
"""More clients at once than there is room for: each is served or told 503 and when to come back, through the edge and directly, and afterwards all is
as before. Needs PARLEY_TEST_BASE; PARLEY_TEST_LONG=1 makes it 20,000 connections."""

import asyncio
import collections
import multiprocessing
import os
import resource
import unittest
from urllib.parse import urlsplit

from contract import BASE, ContractTest, main
from supervisor import wait_for

API = os.environ.get("PARLEY_TEST_API", "")
LONG = os.environ.get("PARLEY_TEST_LONG") == "1"
CONNECTIONS = 20_000 if LONG else 2_000
PROCESSES = 2  # a process may have 20,000 open files at most on many machines
AT_ONCE = 500
ANSWER_MAX_S = 60.0
ADDRESSES = 4  # of loopback, to connect from: one has 28,000 ports


class Flood:
    """Clients in processes of their own, which all ask the same and keep their connections until the block ends."""

    def __init__(self, base, request, count):
        parts = urlsplit(base)
        self._over = multiprocessing.Event()
        self._answers = multiprocessing.Queue()
        self._processes = [multiprocessing.Process(target=run, args=(parts.hostname, parts.port, request, count // PROCESSES, self._answers, self._over))
                           for _ in range(PROCESSES)]

    def __enter__(self):
        """What they were answered: how often each status, and how often a 503 without Retry-After."""
        for process in self._processes:
            process.start()
        return sum((self._answers.get(timeout=4 * ANSWER_MAX_S) for _ in self._processes), collections.Counter())

    def __exit__(self, *_):
        self._over.set()
        for process in self._processes:
            process.join()


def run(host, port, request, count, answers, over):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    asyncio.run(hold(host, port, request, count, answers, over))


async def hold(host, port, request, count, answers, over):
    gate, found, connections = asyncio.Semaphore(AT_ONCE), collections.Counter(), []

    async def ask(number):
        async with gate:
            try:
                reader, writer = await asyncio.open_connection(host, port, local_addr=(f"127.0.0.{2 + number % ADDRESSES}", 0))
                connections.append(writer)
                writer.write(request)
                head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_MAX_S)).decode("latin-1")
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                found[type(error).__name__] += 1
                return
            status = int(head.split(" ")[1])
            found["503 without a time" if status == 503 and "retry-after:" not in head.lower() else status] += 1

    await asyncio.gather(*(ask(number) for number in range(count)))
    answers.put(found)
    await asyncio.to_thread(over.wait)
    for writer in connections:
        writer.transport.abort()


class Floods(ContractTest):
    def flood(self, base):
        dialog = self.open_dialog()
        visitor = dialog.visitor.headers
        request = (f"GET {dialog.path}/events?site_token={visitor['X-Site-Token']}&guest_id={visitor['X-Guest-Id']} HTTP/1.1\r\nHost: test\r\n\r\n").encode()
        with Flood(base, request, CONNECTIONS) as answers:
            print(f"{CONNECTIONS} streams asked of {base}: {dict(answers)}", flush=True)
            self.assertEqual(sum(answers.values()), CONNECTIONS)
            self.assertLessEqual(set(answers), {200, 503})
            self.assertGreater(answers[200], 1_000)
            if base == BASE:  # an API that is flooded directly may have no place for anybody else
                self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": "a"}).status, 201)
                self.assertEqual(dialog.texts(), ["a"])
        self.assertTrue(wait_for(lambda: dialog.visitor.post(dialog.visitor_path, {"text": "b"}).status == 201, ANSWER_MAX_S))
        self.assertEqual(dialog.texts()[-1], "b")

    def test_through_the_edge_each_gets_a_stream_or_a_time_to_come_back_and_others_go_on(self):
        self.flood(BASE)

    @unittest.skipUnless(API, "PARLEY_TEST_API is not set")
    def test_directly_each_gets_a_stream_or_a_time_to_come_back(self):
        self.flood(API)


if __name__ == "__main__":
    main()
