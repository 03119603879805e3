#!/usr/bin/python3
"""What is restarted cleanly drops no request; Kafka killed under load loses nothing that was acknowledged."""

import asyncio
import threading

import scenario
from demo.client import Base, BrokenConnection, Connection

RESTARTS_OF_EACH = 3
READERS = 4
MESSAGES_BETWEEN_MAX = 60


class Restarts(scenario.Chaos):
    NAME, PORT = "restart", 13400

    def test_an_api_that_is_told_to_end_drops_no_request(self):
        stop, reads = threading.Event(), []
        readers = threading.Thread(target=lambda: asyncio.run(self.read_all_the_time(stop, reads)))

        def faults(load):
            readers.start()
            try:
                load.wait_all_go_on()
                for name in self.names("api") * RESTARTS_OF_EACH:
                    load.wait_messages(self.random.randrange(1, MESSAGES_BETWEEN_MAX))
                    self.system.restart(name)
                load.wait_all_go_on()
            finally:
                stop.set()
                readers.join()

        load = self.play(faults)
        unfinished = [(command.path, command.attempts) for command in load.commands if len(command.attempts) != 1]
        dropped = [outcome for outcome in reads if outcome != 200]
        self.say(f"{len(load.commands)} commands, {len(reads)} reads; asked more than once: {unfinished[:5]}; reads without an answer: {dropped[:5]}")
        self.assertEqual((len(unfinished), len(dropped)), (0, 0))
        self.assertEqual({name: self.system.restarts(name) for name in self.names("api")}, dict.fromkeys(self.names("api"), 0))
        self.assert_nothing_differs(load)

    async def read_all_the_time(self, stop, outcomes):
        """Clients with keep-alive connections through the edge."""
        async def read():
            connection = Connection(Base.parse(self.system.url))
            while not stop.is_set():
                try:
                    outcomes.append((await connection.exchange("GET", "/openapi.json", {})).status)
                except (OSError, BrokenConnection, asyncio.TimeoutError) as error:
                    outcomes.append(repr(error))
            connection.close()

        await asyncio.gather(*(read() for _ in range(READERS)))

    def test_kafka_killed_under_load_loses_and_doubles_nothing(self):
        def faults(load):
            load.wait_all_go_on()
            load.wait_messages(self.random.randrange(1, MESSAGES_BETWEEN_MAX))
            self.system.kill("kafka")
            self.system.wait_ready("kafka")
            load.wait_all_go_on()
            self.system.wait_ready()

        load = self.play(faults)
        self.say(f"started again: { {name: self.system.restarts(name) for name in self.system.names()} }")
        self.assertEqual(self.system.restarts("kafka"), 1)
        self.assert_nothing_differs(load)


if __name__ == "__main__":
    scenario.main()
