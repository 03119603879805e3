#!/usr/bin/python3
"""kill -9 of deciders, projectors and APIs, again and again, while people work."""

import scenario

KILLS_OF_EACH = 3 if scenario.LONG else 2  # of each process: two processes in each role
MESSAGES_BETWEEN_MAX = 150


class Kills(scenario.Chaos):
    NAME, PORT = "kills", 13000

    def test_nothing_acknowledged_is_lost_doubled_or_moved(self):
        kills = dict.fromkeys(self.names("decider", "projector", "api"), 0)

        def faults(load):
            victims = list(kills) * KILLS_OF_EACH
            self.random.shuffle(victims)
            for victim in victims:
                # Some are killed while they get ready, and while another one does.
                if self.random.random() < 0.5:
                    self.system.wait_ready(victim)
                load.wait_messages(self.random.randrange(MESSAGES_BETWEEN_MAX))
                scenario.wait_until(lambda: self.system.pid(victim), f"{victim} to run")
                self.system.kill(victim)
                kills[victim] += 1
            self.system.wait_ready()
            load.wait_all_go_on()

        load = self.play(faults)
        self.say(f"killed: {kills}")
        self.assert_nothing_differs(load)
        # A kill of one process is the end of no other one.
        self.assertEqual({name: self.system.restarts(name) for name in kills}, kills)


if __name__ == "__main__":
    scenario.main()
