#!/usr/bin/python3
"""Every list of the API has an end: what one answer holds at most, in rows and in bytes, is in the OpenAPI document."""

import copy
import json
import unittest

from sources import ROOT

DOCUMENT = ROOT / "schemas" / "openapi" / "replyx.json"
BYTES_MAX = 8 << 20  # projections::kPageBytesMax


class Document:
    def __init__(self, document):
        self.document = document

    def resolved(self, schema):
        reference = schema.get("$ref")
        return self.document["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema

    def faults(self):
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                for status, response in operation["responses"].items():
                    content = response.get("content", {}).get("application/json")
                    if status.startswith("2") and content:
                        yield from self.faults_of(f"{method.upper()} {path}", operation, self.resolved(content["schema"]))

    def faults_of(self, name, operation, answer):
        arrays = {"the answer": answer} if answer.get("type") == "array" else {
            field: schema for field, schema in answer.get("properties", {}).items() if schema.get("type") == "array"}
        for field, array in arrays.items():
            if "maxItems" not in array:
                yield f"{name}: {field} has no maxItems"
            rows = self.resolved(array["items"])
            if rows.get("type") != "object":
                continue
            page = operation.get("x-page", {})
            if not 0 < page.get("rows_max", 0) == array.get("maxItems"):
                yield f"{name}: its rows have no end (Spec::page, and the field's length_max)"
            if not 0 < page.get("bytes_max", 0) <= BYTES_MAX:
                yield f"{name}: its bytes have no end (Spec::page)"
            for inner, schema in rows["properties"].items():
                if schema.get("type") == "array" and "maxItems" not in schema:
                    yield f"{name}: {inner} of a row has no maxItems"

    def lists(self):
        return [operation["operationId"] for operations in self.document["paths"].values() for operation in operations.values() if "x-page" in operation]


class Lists(unittest.TestCase):
    document = json.loads(DOCUMENT.read_text())

    def test_every_list_says_how_much_one_answer_holds(self):
        self.assertEqual(list(Document(self.document).faults()), [])
        self.assertLessEqual({"getHistory", "listApiKeys", "listAssistants", "listDialogs", "listMessages", "listOperators", "listVisitorMessages"},
                             set(Document(self.document).lists()))

    def test_a_list_without_an_end_is_found(self):
        for path in ("/api/assistants", "/api/operators", "/api/dialogs", "/api/dialogs/{dialog_id}/messages"):
            changed = copy.deepcopy(self.document)
            del changed["paths"][path]["get"]["x-page"]
            self.assertEqual(len(list(Document(changed).faults())), 2, path)
        changed = copy.deepcopy(self.document)
        del changed["components"]["schemas"]["OperatorList"]["properties"]["operators"]["maxItems"]
        del changed["components"]["schemas"]["Assistant"]["properties"]["allowed_domains"]["maxItems"]
        self.assertEqual(len(list(Document(changed).faults())), 7, "of the list, and of whatever shows an assistant")


if __name__ == "__main__":
    unittest.main()
