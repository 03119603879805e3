"""What happens to whom, in which order: decided by a seed alone."""

import dataclasses
import random

SESSION_S = 6.0  # of a member of a consumer group: then its partitions go to others
AT_ONCE_MAX = 3
LINKS_FIRST = 4
PROCESSES, SERVERS = ("decider", "projector", "reactor", "api"), ("postgres", "kafka")
BROKER_KINDS = ("isolate", "wipe", "unsync", "alone")  # of one of several Kafka nodes
WAYS = (("decider", "kafka"), ("reactor", "kafka"), ("projector", "kafka"), ("projector", "postgres"), ("api", "kafka"), ("api", "postgres"))


@dataclasses.dataclass(frozen=True)
class Step:
    """`kind`: kill (-9), pause (SIGSTOP, later SIGCONT), end (SIGTERM, then a start), drain (that, and nothing else is wrong), cut, hold or delay (a
    link). Of one of three Kafka nodes also: isolate (the others and it do not reach each other), wipe (it is killed and comes back with an empty disk),
    unsync (it is killed and comes back with what it had on the disk `for_s` before, but for the synced log of the controllers), alone (the others are
    killed and stay away). `target`: a process, or a link's name, PROCESS:SERVER; the SERVER "kafka" is all its nodes. `after_s`: since its round began;
    `for_s`: until it is over; `by_s`: of a delay."""

    kind: str
    target: str
    after_s: float = 0.0
    for_s: float = 0.0
    by_s: float = 0.0

    @property
    def process(self):
        return self.target.partition(":")[0]

    @property
    def unit(self):
        """What only one step of a round may be about: brokers fail one at a time."""
        return "kafka" if self.process.startswith("kafka") else self.process

    def __str__(self):
        how = f" by {self.by_s * 1000:.0f} ms" if self.by_s else ""
        return f"{self.kind} {self.target}{how}" + (f" for {self.for_s:.1f} s" if self.for_s else "") + (f" after {self.after_s:.1f} s" if self.after_s else "")


@dataclasses.dataclass(frozen=True)
class Round:
    """Steps that overlap. `heals`: whether everything must be ready before the next round; if not, that one comes `pause_s` later."""

    steps: tuple
    heals: bool
    pause_s: float

    def __str__(self):
        return "; ".join(map(str, self.steps)) + ("" if self.heals else f"; the next in {self.pause_s:.1f} s, healed or not")


def plan(seed, counts, kafka_nodes=1):
    """Yields rounds without end. Each pass through the deck does everything once to one process of each role, what hurts
    most in its first half. `counts`: role -> how many."""
    rng = random.Random(seed)
    while True:
        first = [("kill", role) for role in PROCESSES + SERVERS] + [("pause", role) for role in PROCESSES + SERVERS]
        links = [(kind, way) for kind in ("cut", "hold", "delay") for way in WAYS]
        rng.shuffle(links)
        first += links[:LINKS_FIRST]
        if kafka_nodes > 1:
            first += [(kind, "kafka") for kind in BROKER_KINDS]
        later = [("end", role) for role in ("decider", "projector", "reactor") + SERVERS] + links[LINKS_FIRST:]
        rng.shuffle(first)
        rng.shuffle(later)
        deck = [("drain", "api")] + first + later
        while deck:
            size = 1 if deck[0][0] == "drain" else rng.choices((1, 2, AT_ONCE_MAX), (1, 2, 1))[0]
            steps = []
            for card in list(deck):
                if len(steps) == size or (card[0] == "drain" and steps):
                    break
                step = step_of(rng, *card, counts, kafka_nodes, first=not steps)
                if all(step.unit != other.unit for other in steps):
                    steps.append(step)
                    deck.remove(card)
            yield Round(tuple(steps), heals=deck[:1] == [("drain", "api")] or rng.random() < 0.6, pause_s=round(rng.uniform(0, 3), 1))


def step_of(rng, kind, where, counts, kafka_nodes, first):
    role, server = where if isinstance(where, tuple) else (where, None)
    process = role if role in SERVERS else f"{role}-{rng.randint(1, counts[role])}"
    if kafka_nodes > 1 and role == "kafka":
        process = f"kafka-{rng.randint(1, kafka_nodes)}"
    elif kafka_nodes > 1 and server == "kafka":
        server = rng.choice(("kafka", f"kafka-{rng.randint(1, kafka_nodes)}"))
    after = 0.0 if first else round(rng.uniform(0, 3), 1)
    if kind == "pause":
        # Members of groups are paused past their session's end, some of them only just, some past their transaction's too.
        for_s = rng.uniform(2, 7) if role in SERVERS else rng.choice((rng.uniform(SESSION_S, SESSION_S + 2), rng.uniform(SESSION_S + 2, SESSION_S + 7)))
        return Step(kind, process, after, round(for_s, 1))
    if kind in ("isolate", "alone"):
        return Step(kind, process, after, round(rng.uniform(2, 14), 1))  # some longer than a broker's session, 9 s
    if kind == "unsync":
        return Step(kind, process, after, round(rng.uniform(2, 6), 1))
    if kind == "cut":
        return Step(kind, f"{process}:{server}", after, round(rng.uniform(0.2, 5), 1))
    if kind == "hold":
        return Step(kind, f"{process}:{server}", after, round(rng.uniform(1, SESSION_S + 4), 1))
    if kind == "delay":
        return Step(kind, f"{process}:{server}", after, round(rng.uniform(4, 10), 1), round(rng.choice((0.02, 0.1, 0.4)), 2))
    return Step(kind, process, after)
