#!/usr/bin/python3
"""The page at the edge's root, as a newcomer sees it. Needs PARLEY_TEST_BASE; screenshots are kept in the build's folder."""

from browser import BASE, PageTest, SCREENSHOTS, main

READY = "document.getElementById('play') && !document.getElementById('play').disabled"
DEADLINE_S = 30.0


def count(selector):
    return f"document.querySelectorAll({selector!r}).length"


class Page(PageTest):
    def test_a_played_conversation_is_seen_on_both_sides_with_its_events(self):
        self.browser.screen(1280, 800, language="ru-RU")
        self.browser.open(f"{BASE}/#demo")
        for side in ("visitor", "owner"):
            self.browser.wait(f"{count(f'#{side}-messages .message:not(.pending)')} === 5", DEADLINE_S)
        self.browser.wait(f"{count('#events tr[data-version] td.hash[title]')} === 6", DEADLINE_S)
        self.browser.wait(count(".stage.lit") + " > 0", DEADLINE_S)
        self.browser.screenshot(SCREENSHOTS / "page.png")
        versions = self.browser.value("[...document.querySelectorAll('#events tr')].map(row => Number(row.dataset.version))")
        self.assertEqual(versions, [6, 5, 4, 3, 2, 1])
        causes = self.browser.value("[...document.querySelectorAll('#events td.cause')].map(cell => cell.title)")
        self.assertEqual(len(set(causes)), 6)
        self.assertEqual(self.browser.value("document.documentElement.lang"), "ru")
        overflow = "document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight"
        self.assertFalse(self.browser.value(overflow), "the page does not fit 1280 x 800")

    def test_what_is_typed_is_shown_as_text_and_is_there_again_after_a_reload(self):
        text = "<img src=x onerror=\"document.title='broken'\"> & \"quotes\""
        self.browser.screen(1280, 800)
        self.browser.open(f"{BASE}/")
        self.browser.wait(READY, DEADLINE_S)
        self.browser.type_into("visitor-text", text)
        self.browser.wait(f"{count('#owner-messages .message.by-visitor:not(.pending)')} === 1", DEADLINE_S)
        self.browser.type_into("owner-text", "One moment, please.")
        self.browser.wait(f"{count('#visitor-messages .message.by-owner:not(.pending)')} === 1", DEADLINE_S)
        self.browser.open("about:blank")
        self.browser.open(f"{BASE}/")
        self.browser.wait(f"{count('#visitor-messages .message:not(.pending)')} === 2", DEADLINE_S)
        shown = self.browser.value("[...document.querySelectorAll('#visitor-messages .message p')].map(each => each.textContent)")
        self.assertEqual(shown, [text, "One moment, please."])
        self.assertEqual(self.browser.value("document.title"), "Parley")
        self.assertEqual(self.browser.value(count("#visitor-messages img")), 0)

    def test_what_is_typed_in_another_spelling_or_direction_arrives_and_changes_nothing_around_it(self):
        self.browser.screen(1280, 800)
        self.browser.open(f"{BASE}/")
        self.browser.wait(READY, DEADLINE_S)
        self.browser.type_into("visitor-text", "Андреи\u0306 \u202egnp.exe")  # й of two characters, and an override
        self.browser.wait(f"{count('#visitor-messages .message:not(.pending)')} === 1", DEADLINE_S)
        self.browser.wait(f"{count('#visitor-messages .message.pending')} === 0", DEADLINE_S)
        shown = self.browser.value("document.querySelector('#visitor-messages .message p').textContent")
        self.assertEqual(shown, "Андре\u0439 \u202egnp.exe")
        for selector, isolation in ((".message .meta bdi", "isolate"), (".message p", "plaintext"), ("#dialogs strong", "plaintext"), ("#dialogs span", "plaintext"),
                                    ("#events td span", "isolate")):
            self.browser.wait(f"{count(selector)} > 0", DEADLINE_S)
            self.assertEqual(self.browser.value(f"getComputedStyle(document.querySelector({selector!r})).unicodeBidi"), isolation, selector)

    def test_it_fits_a_phone_in_the_dark(self):
        self.browser.screen(390, 844, phone=True, dark=True, language="ru-RU")
        self.browser.open(f"{BASE}/#demo")
        self.browser.wait(f"{count('#owner-messages .message:not(.pending)')} === 5", DEADLINE_S)
        self.browser.wait(f"{count('#events tr[data-version] td.hash[title]')} === 6", DEADLINE_S)
        self.assertEqual(self.browser.value("document.documentElement.scrollWidth"), 390, "the page is wider than the phone")
        self.browser.screenshot(SCREENSHOTS / "page-phone.png", whole=True)


if __name__ == "__main__":
    main()
