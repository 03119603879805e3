#!/usr/bin/python3
"""Kafka away for a while: no process works meanwhile, none ends, and everything goes on when it is back."""

import time

import scenario

AWAY_S = 60 if scenario.LONG else 20
SETTLED_S = 3.0  # until each process has noticed
BUSY_SHARE_MAX = 0.2  # of a core, for each process


class KafkaAway(scenario.Chaos):
    NAME, PORT = "kafka-away", 13800

    def test_no_process_is_busy_while_kafka_is_away_and_all_go_on_when_it_is_back(self):
        names = self.names("decider", "projector", "reactor", "api")
        self.system.stop_process("kafka")
        time.sleep(SETTLED_S)
        before = {name: self.system.processor_seconds(name) for name in names}
        time.sleep(AWAY_S)
        shares = {name: (self.system.processor_seconds(name) - before[name]) / AWAY_S for name in names}
        self.say("share of a core while Kafka was away: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
        self.system.start_process("kafka")
        load = self.play(lambda load: load.wait_all_go_on())
        self.assert_nothing_differs(load)
        self.assertEqual({name: share for name, share in shares.items() if share > BUSY_SHARE_MAX}, {})
        self.assertEqual({name: self.system.restarts(name) for name in names if self.system.restarts(name)}, {})


if __name__ == "__main__":
    scenario.main()
