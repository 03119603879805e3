#!/usr/bin/python3
"""Who may include whom (the architecture's rule), and which part alone may touch which library."""

import re
import unittest

from sources import ROOT, tracked_cpp

# Folder -> what of the project it may include, besides itself. tests/ may include everything.
MAY_INCLUDE = {
    "domain": (),
    "schemas": ("domain",),
    "platform": ("domain/kernel.h",),
    "projections": ("domain", "schemas", "platform"),
    "workers": ("domain", "schemas", "projections", "platform"),
    "api": ("domain", "schemas", "projections", "platform"),
    "ops": ("domain", "schemas", "projections", "platform", "workers", "api"),
    "tests": (),
}
# Start of a library's header -> the folders that may touch it; a header that does is internal to its folder.
LIBRARIES = {
    "curl/": ("platform/http_client",),
    "librdkafka/": ("platform/kafka",),
    "pqxx/": ("platform/postgres",),
    "sodium": ("platform/crypto",),
    "rocksdb/": ("platform/store",),
    "prometheus/": ("platform/metrics", "platform/health"),
    "pistache/": ("api/http",),
    "unicode/": ("platform/text",),
    "rapidjson/": ("schemas", "platform", "api"),
}
# What only folds events is done again by a rebuild. So it must reach nothing that can be seen from outside, but for its tables.
FOLDS = ("projections", "workers/runtime", "workers/projector", "workers/rebuild")
EFFECTS = ("platform/kafka/producer.h", "platform/kafka/transactional_producer.h", "platform/http_client", "schemas/commands.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def under(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


class Sources:
    """The project's C++ as {path from the root: text}, and what is wrong with its includes."""

    def __init__(self, texts):
        self.includes = {path: INCLUDE.findall(text) for path, text in texts.items()}

    def faults(self):
        return [fault for path in self.includes if not path.startswith("tests/") for fault in self.faults_of(path)]

    def faults_of(self, path):
        top, folder = path.split("/")[0], path.rpartition("/")[0]
        for bracket, included in self.includes[path]:
            ours = included.split("/")[0] in MAY_INCLUDE
            if bracket == '"' and not ours:
                yield f"{path}: {included} is not rooted at the project"
            elif ours and not under(included, (top, *MAY_INCLUDE[top])):
                yield f"{path} may not include {included}"
            if under(path, FOLDS) and any(under(included, EFFECTS) or ours and self.brings(included, effect, set()) for effect in EFFECTS):
                yield f"{path} only folds events, and includes {included}: a rebuild would have effects"
            for library, folders in LIBRARIES.items():
                if included.startswith(library) and not under(path, folders):
                    yield f"{path} may not touch {included}: only {', '.join(folders)} may"
                elif ours and not under(folder, (included.rpartition("/")[0],)) and self.brings(included, library, set()):
                    yield f"{path} includes {included}, which brings {library}: that header is internal to its folder"

    def brings(self, header, library, seen):
        """Whether including `header` includes the library, however deep."""
        if header in seen:
            return False
        seen.add(header)
        return any(included.startswith(library) or self.brings(included, library, seen) for _, included in self.includes.get(header, ()))


class Includes(unittest.TestCase):
    def test_every_source_keeps_the_include_rules(self):
        faults = Sources({str(path): (ROOT / path).read_text() for path in tracked_cpp()}).faults()
        self.assertEqual(faults, [], "\n" + "\n".join(faults))

    def test_what_breaks_a_rule_is_found(self):
        session = {"platform/postgres/session.h": "#include <pqxx/pqxx>", "platform/postgres/pool.h": '#include "platform/postgres/session.h"'}
        for path, line in (("workers/decider/decider.cc", '#include "api/http/server.h"'), ("domain/kernel.h", '#include "schemas/json.h"'),
                           ("platform/kafka/consumer.cc", '#include "domain/dialogs/dialogs.h"'), ("api/http/server.cc", "#include <pqxx/pqxx>"),
                           ("projections/dialogs.cc", '#include "platform/postgres/pool.h"'), ("projections/dialogs.cc", '#include "schemas/commands.h"'),
                           ("workers/projector/projector.cc", '#include "platform/kafka/producer.h"'), ("projections/dialogs.cc", '#include "platform/http_client/client.h"'),
                           ("workers/decider/decider.cc", "#include <curl/curl.h>"), ("workers/decider/decider.cc", '#include "decider.h"')):
            with self.subTest(path=path, line=line):
                self.assertEqual(len(Sources({**session, path: line}).faults()), 1)

    def test_what_keeps_the_rules_passes(self):
        session = {"platform/postgres/session.h": "#include <pqxx/pqxx>"}
        for path, line in (("platform/kafka/consumer.cc", '#include "domain/kernel.h"'), ("platform/kafka/consumer.cc", "#include <librdkafka/rdkafkacpp.h>"),
                           ("workers/decider/decider.cc", '#include "workers/decider/batch.h"'), ("api/http/server.cc", "#include <pistache/http.h>"),
                           ("platform/postgres/pool.cc", '#include "platform/postgres/session.h"')):
            with self.subTest(path=path, line=line):
                self.assertEqual(Sources({**session, path: line}).faults(), [])


if __name__ == "__main__":
    unittest.main()
