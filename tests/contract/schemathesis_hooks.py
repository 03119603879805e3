"""What schemathesis does before each request of schemathesis_test.py: the headers of a request that is meant to be good are made so where a schema alone
cannot say what is good, or schemathesis, which writes headers of letters and digits alone, cannot do what it says."""

import os
import re
import uuid

import requests
import schemathesis

VERSION = re.compile(r'"(0|[1-9][0-9]{0,14})"|\*')


@schemathesis.hook
def before_call(_, case, kwargs):
    if case.operation.path.endswith("/auth/logout"):
        end_another_session(case.headers)
        end_another_session(kwargs.get("headers"))
    if case.method != "GET" and str((case.path_parameters or {}).get("assistant_id")) == os.environ["ASSISTANT_ID"]:
        case.path_parameters["assistant_id"] = int(os.environ["SPARE_ASSISTANT_ID"])  # on the other one hangs the dialog
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.operation.path.endswith("/change-password") and isinstance(case.body, dict):  # into itself: others log in with it
        case.body |= {"current_password": os.environ["PASSWORD"], "new_password": os.environ["PASSWORD"]}
    if case.operation.path.endswith("/users/me/email") and isinstance(case.body, dict):
        case.body |= {"current_password": os.environ["PASSWORD"], "email": os.environ["EMAIL"]}
    if not case.headers:
        return
    if "Idempotency-Key" in case.headers:  # the same one with another body is refused, and so it should be
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if "X-Read-After" in case.headers:  # a position has the name of its log: one of another log is refused
        case.headers["X-Read-After"] = os.environ["POSITION"]
    if "If-Match" in case.headers and not VERSION.fullmatch(case.headers["If-Match"]):
        case.headers["If-Match"] = "*"


def end_another_session(headers):
    """Instead of the one that everything else is done in."""
    if headers and headers.get("Authorization") == f"Bearer {os.environ['ACCESS_TOKEN']}":
        answer = requests.post(os.environ["PARLEY_TEST_BASE"] + "/api/auth/login", json={"email": os.environ["EMAIL"], "password": os.environ["PASSWORD"]}, timeout=30)
        headers["Authorization"] = "Bearer " + answer.json()["access_token"]
