#!/usr/bin/python3
"""Every folder that holds something says in a README what lives there and what may not."""

import unittest

from sources import tracked_files

SAID_BY_ITS_PARENT = {".ci", *(f"tests/fuzz/corpus/{target}" for target in ("codec", "events", "request"))}


class Readmes(unittest.TestCase):
    def test_every_folder_has_a_readme(self):
        folders = {path.parent for path in tracked_files()}
        described = {path.parent for path in tracked_files() if path.name == "README.md"}
        lacking = sorted(str(folder) for folder in folders - described if str(folder) not in SAID_BY_ITS_PARENT)
        self.assertEqual(lacking, [])


if __name__ == "__main__":
    unittest.main()
