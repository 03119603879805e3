#!/usr/bin/python3
"""More than can be done at once is refused at once, with a time to ask again. Needs PARLEY_TEST_BASE; disturbs whoever logs in meanwhile."""

from concurrent.futures import ThreadPoolExecutor

from contract import ContractTest, main, new_email

LOGINS_AT_ONCE = 200  # far more than the queue before the password hashing and what it works off meanwhile


class Overload(ContractTest):
    def test_more_logins_than_can_be_checked_are_refused_and_then_they_are_checked_again(self):
        with ThreadPoolExecutor(LOGINS_AT_ONCE) as pool:
            answers = list(pool.map(lambda _: self.nobody.post("/api/auth/login", {"email": new_email(), "password": "password123"}), range(LOGINS_AT_ONCE)))
        self.assertEqual({(a.status, a.code) for a in answers}, {(401, "INVALID_CREDENTIALS"), (503, "OVERLOADED")})
        self.assertTrue(all(int(a.headers["retry-after"]) > 0 for a in answers if a.status == 503))
        self.assertEqual(self.nobody.post("/api/auth/login", {"email": self.email, "password": self.password}).status, 200)


if __name__ == "__main__":
    main()
