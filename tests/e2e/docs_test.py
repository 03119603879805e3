#!/usr/bin/python3
"""The page at /docs shows the API's document, and asks no other host. Needs PARLEY_TEST_BASE; screenshots are kept in the build's folder."""

import json
import urllib.request

from browser import BASE, PageTest, SCREENSHOTS, main

DEADLINE_S = 30.0
SHOWN = "[...document.querySelectorAll('.opblock')].map(each => each.querySelector('.opblock-summary-method').textContent.toLowerCase() + ' ' + each.querySelector('[data-path]').dataset.path)"


class Docs(PageTest):
    def setUp(self):
        super().setUp()
        self.browser.screen(1280, 1600)

    def test_every_operation_is_shown(self):
        with urllib.request.urlopen(f"{BASE}/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        self.browser.open(f"{BASE}/docs")
        self.browser.wait("document.querySelectorAll('.opblock').length > 0", DEADLINE_S)
        self.assertEqual(sorted(self.browser.value(SHOWN)), sorted(f"{method} {path}" for path, operations in paths.items() for method in operations))
        self.browser.screenshot(SCREENSHOTS / "docs.png")

    def test_an_operation_opens_with_its_schemas_and_is_tried_out(self):
        self.browser.open(f"{BASE}/docs#/Authentication/logIn")
        self.browser.wait("document.querySelector('.opblock.is-open .try-out__btn') !== null", DEADLINE_S)
        self.browser.screenshot(SCREENSHOTS / "docs-operation.png")
        self.browser.value("document.querySelector('.opblock.is-open .try-out__btn').click()")
        self.browser.wait("document.querySelector('.opblock.is-open textarea.body-param__text') !== null", DEADLINE_S)
        example = json.loads(self.browser.value("document.querySelector('.opblock.is-open textarea.body-param__text').value"))
        self.assertEqual(example, {"email": "user@example.com", "password": "password123"})
        self.browser.value("document.querySelector('.opblock.is-open .execute').click()")
        self.browser.wait("document.querySelector('.opblock.is-open .live-responses-table .response-col_status') !== null", DEADLINE_S)
        answer = self.browser.value("document.querySelector('.opblock.is-open .live-responses-table').textContent")
        self.assertIn("x-request-id", answer)
        self.assertRegex(answer, "access_token|INVALID_CREDENTIALS")  # whether somebody has registered with the example's address
        # What the browser itself says of a 401; everything else would be the page's fault.
        self.browser.complaints = [each for each in self.browser.complaints if not ("401" in each and "/api/auth/login" in each)]


if __name__ == "__main__":
    main()
