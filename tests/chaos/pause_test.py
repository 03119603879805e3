#!/usr/bin/python3
"""A process that stops past its session's end (SIGSTOP) and comes back when another one has its partitions: what it still writes counts nothing."""

import contextlib

import scenario
from chaos import fold
import psycopg2
from demo.log import place_of
from groups import Group
from settings import PARTITIONS

DECIDERS_GROUP, COMMANDS = "parley.decider", "parley.commands"
PROJECTORS_GROUP, EVENTS = "parley.projector", "parley.events"
ATTEMPTS_MAX = 400  # to stop a process at a place that it passes hundreds of times a second
ROUNDS = 3 if scenario.LONG else 1


class Pauses(scenario.Chaos):
    NAME, PORT = "pause", 13200

    def setUp(self):
        self.deciders = self.group(DECIDERS_GROUP, COMMANDS)
        self.projectors = self.group(PROJECTORS_GROUP, EVENTS)
        self.postgres = self.enterContext(contextlib.closing(psycopg2.connect(self.system.settings.postgres)))

    def group(self, name, topic):
        return self.enterContext(contextlib.closing(Group(self.system.settings.kafka_brokers, name, topic, PARTITIONS)))

    def test_a_process_that_comes_back_writes_nothing_twice(self):
        def faults(load):
            self.stopped_at = []
            for _ in range(ROUNDS):
                # Its transaction is still open when it comes back: the new owner has to have waited for the outcome.
                self.decider_round(load, self.deciders.has_pending_offsets, back_when=lambda: None)
                # Its transaction was ended for it, and the new owner has decided.
                self.decider_round(load, self.deciders.has_pending_offsets, back_when=load.wait_all_go_on)
                self.projector_round(load)
            self.system.wait_ready()
            load.wait_all_go_on()

        load = self.play(faults)
        self.say(f"stopped {', '.join(self.stopped_at)}; ended by themselves and were started again: "
                 f"{ {name: self.system.restarts(name) for name in self.names('decider', 'projector', 'api')} }")
        self.assert_nothing_differs(load)
        for name in self.names("projector", "api"):
            self.assertEqual(self.system.restarts(name), 0, name)

    def decider_round(self, load, at_the_place, back_when):
        victim, other = self.random.sample(self.names("decider"), 2)
        scenario.wait_until(lambda: all(self.deciders.members().get(name) for name in (victim, other)), "both deciders to have partitions")
        self.stop_at(victim, load, at_the_place)
        with self.back_at_the_end(victim):
            self.wait_takeover(self.deciders, other)
            back_when()
        load.wait_all_go_on()

    def projector_round(self, load):
        victim, other = self.random.sample(self.names("projector"), 2)
        scenario.wait_until(lambda: all(self.projectors.members().get(name) for name in (victim, other)), "both projectors to have partitions")
        self.stop_at(victim, load, lambda: self.is_in_transaction(victim))
        with self.back_at_the_end(victim):
            self.wait_takeover(self.projectors, other)
            load.wait_all_go_on()
            self.wait_projected(load)
        load.wait_all_go_on()

    def stop_at(self, victim, load, at_the_place):
        for attempt in range(1, ATTEMPTS_MAX):
            load.wait_messages(self.random.randrange(1, 4))
            self.system.pause(victim)
            if at_the_place():
                self.stopped_at.append(f"{victim} (attempt {attempt})")
                return
            self.system.resume(victim)
        self.fail(f"{victim} was never stopped where it should be")

    @contextlib.contextmanager
    def back_at_the_end(self, victim):
        try:
            yield
        finally:
            self.system.resume(victim)
        self.system.wait_ready(victim)

    def wait_takeover(self, group, other):
        scenario.wait_until(lambda: group.members().get(other) == set(range(PARTITIONS)), f"{other} to have all partitions")

    def is_in_transaction(self, victim):
        """Stopped between two statements of a transaction, whose locks PostgreSQL still holds for it."""
        with self.postgres, self.postgres.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s AND state = 'idle in transaction'", (f"%{victim}",))
            return cursor.fetchone() is not None

    def wait_projected(self, load):
        """Until the tables reflect everything that was acknowledged until now."""
        acknowledged = {}
        for command in list(load.commands):
            partition, _, offset = place_of(command.headers.get("x-event-position", "")).partition(":")
            if offset:
                acknowledged[int(partition)] = max(acknowledged.get(int(partition), 0), int(offset))

        def reached():
            checkpoints = fold.read_checkpoints(self.postgres)
            return all(partition in checkpoints and checkpoints[partition][0] > offset for partition, offset in acknowledged.items())

        scenario.wait_until(reached, "the other projector to project what was acknowledged")


if __name__ == "__main__":
    scenario.main()
