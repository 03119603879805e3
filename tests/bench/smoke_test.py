#!/usr/bin/python3
"""ops/bench measures something in each of its parts."""

import os
import pathlib
import tempfile
import unittest

import command_bench
from benchmark.parts import PARTS, QUICK
from parley_system import settings_for_test


class Smoke(unittest.TestCase):
    def test_every_part_has_figures_and_nothing_is_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            results = command_bench.measure(settings_for_test("bench", port=19000), pathlib.Path(os.environ["PARLEY_BUILD"]), list(PARTS), QUICK,
                                            pathlib.Path(folder))
            self.assertEqual(len(list(pathlib.Path(folder).iterdir())), 1)
        self.assertEqual(list(results), list(PARTS))
        for figures in results.values():
            for figure in figures:
                if figure.unit != "MiB":  # so few streams may fit into what was there
                    self.assertGreater(figure.value, 0, figure)
                for fault in ("other", "lost"):
                    self.assertEqual(figure.more.get("load", {}).get(fault, 0), 0, figure)


if __name__ == "__main__":
    unittest.main()
