#!/usr/bin/python3
"""A repeated request is done once. Needs PARLEY_TEST_BASE."""

from concurrent.futures import ThreadPoolExecutor

from contract import ContractTest, main, new_email, new_key

AT_ONCE = 8


class Idempotency(ContractTest):
    def assert_repeats(self, caller, path, body, key=None):
        """The same request twice: the second is the first one's answer again."""
        key = key or new_key()
        first, second = (caller.post(path, body, Idempotency_Key=key) for _ in range(2))
        self.assertNotIn("idempotency-hit", first.headers)
        self.assertEqual(second.headers.get("idempotency-hit"), "true")
        self.assertEqual((second.status, second.body), (first.status, first.body))
        self.assertEqual(second.headers.get("x-event-position"), first.headers.get("x-event-position"))
        return first

    def test_every_post_gives_its_first_answer_again(self):
        email = new_email()
        self.assertEqual(self.assert_repeats(self.nobody, "/api/auth/register", {"email": email, "password": "password123"}).status, 201)
        self.assertEqual(self.assert_repeats(self.nobody, "/api/auth/login", {"email": email, "password": "password123"}).status, 200)
        self.assertEqual(self.assert_repeats(self.owner, "/api/assistants", {"name": "Once"}).status, 201)
        self.assertEqual(len([a for a in self.owner.get("/api/assistants").json if a["name"] == "Once"]), 1)
        site = self.open_dialog().site
        opened = self.assert_repeats(site, "/api/site/dialogs", {"first_name": "Иван"})
        self.assertEqual(opened.status, 201)
        dialog = self.open_dialog()
        self.assertEqual(self.assert_repeats(dialog.visitor, dialog.visitor_path, {"text": "a"}).status, 201)
        self.assertEqual(self.assert_repeats(self.owner, dialog.path + "/messages", {"text": "b"}).status, 201)
        self.assertEqual(dialog.texts(), ["a", "b"])

    def test_refusals_are_given_again_too(self):
        self.assertEqual(self.assert_repeats(self.nobody, "/api/auth/register", {"email": self.email, "password": "password123"}).code, "EMAIL_TAKEN")
        self.assertEqual(self.assert_repeats(self.nobody, "/api/auth/login", {"email": self.email, "password": "wrong"}).code, "INVALID_CREDENTIALS")
        others = self.register()
        self.assertEqual(self.assert_repeats(others, self.open_dialog().path + "/messages", {"text": "a"}).code, "DIALOG_NOT_FOUND")

    def test_another_body_under_the_same_key_is_refused(self):
        dialog, key = self.open_dialog(), new_key()
        dialog.visitor.post(dialog.visitor_path, {"text": "a"}, Idempotency_Key=key)
        for _ in range(2):
            refused = dialog.visitor.post(dialog.visitor_path, {"text": "b"}, Idempotency_Key=key)
            self.assert_error(refused, 422, "IDEMPOTENCY_KEY_REUSED")
            self.assertNotIn("idempotency-hit", refused.headers)
        self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": "a"}, Idempotency_Key=key).headers.get("idempotency-hit"), "true")
        self.assertEqual(dialog.texts(), ["a"])
        email = new_email()
        self.nobody.post("/api/auth/register", {"email": email, "password": "password123"}, Idempotency_Key=key)
        self.assert_error(self.nobody.post("/api/auth/register", {"email": email, "password": "password456"}, Idempotency_Key=key), 422,
                          "IDEMPOTENCY_KEY_REUSED")

    def test_a_key_belongs_to_whoever_used_it_and_to_what_it_was_used_for(self):
        key, one, two = new_key(), self.open_dialog(), self.open_dialog()
        answers = [one.visitor.post(one.visitor_path, {"text": "a"}, Idempotency_Key=key), two.visitor.post(two.visitor_path, {"text": "a"}, Idempotency_Key=key),
                   self.owner.post(one.path + "/messages", {"text": "a"}, Idempotency_Key=key), self.owner.post("/api/assistants", {"name": "a"}, Idempotency_Key=key),
                   self.nobody.post("/api/auth/register", {"email": new_email(), "password": "password123"}, Idempotency_Key=key),
                   self.nobody.post("/api/auth/register", {"email": new_email(), "password": "password123"}, Idempotency_Key=key)]
        self.assertEqual([(a.status, a.headers.get("idempotency-hit")) for a in answers], [(201, None)] * len(answers))

    def test_requests_at_once_with_one_key_are_done_once(self):
        dialog, key = self.open_dialog(), new_key()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda _: dialog.visitor.post(dialog.visitor_path, {"text": "a"}, Idempotency_Key=key), range(AT_ONCE)))
        self.assertEqual({(a.status, a.body) for a in answers}, {(201, answers[0].body)})
        self.assertEqual(sorted(a.headers.get("idempotency-hit", "") for a in answers), [""] + ["true"] * (AT_ONCE - 1))
        self.assertEqual(dialog.texts(), ["a"])

    def test_an_email_registered_at_once_is_registered_once(self):
        email = new_email()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda _: self.nobody.post("/api/auth/register", {"email": email, "password": "password123"}), range(AT_ONCE)))
        self.assertEqual(sorted(a.status for a in answers), [201] + [409] * (AT_ONCE - 1))

    def test_without_a_key_every_request_is_its_own(self):
        dialog = self.open_dialog()
        for _ in range(2):
            self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": "a"}).status, 201)
        self.assertEqual(dialog.texts(), ["a", "a"])

    def test_a_key_that_is_none_is_refused_by_name(self):
        dialog = self.open_dialog()
        for key in ("", "a b", "x" * 256, "ключ".encode()):
            self.assert_error(dialog.visitor.post(dialog.visitor_path, {"text": "a"}, Idempotency_Key=key), 422, "VALIDATION_ERROR", "Idempotency-Key")
        for key in ("!", "x" * 255):
            self.assertEqual(dialog.visitor.post(dialog.visitor_path, {"text": key}, Idempotency_Key=key).status, 201)
        self.assertEqual(len(dialog.texts()), 2)


if __name__ == "__main__":
    main()
