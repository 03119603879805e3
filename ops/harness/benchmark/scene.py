"""The dialogs that a benchmark uses: one owner, one assistant, and visitors."""

import json
import secrets
import time
import urllib.error
import urllib.request

OPEN_SECONDS_MAX = 60


def make(url, path, dialogs):
    """Opens so many dialogs and writes them to `path`, as the load generator reads them."""
    owned(url, path, dialogs)
    return path


def owned(url, path, dialogs):
    """The same. Returns their owner's token and their ids."""
    owner = post(url, "/api/auth/register", {"email": f"bench-{secrets.token_hex(8)}@example.com", "password": secrets.token_hex(16)})
    assistant = post(url, "/api/assistants", {"name": "Bench", "website_integration": True}, {"Authorization": f"Bearer {owner['access_token']}"})
    words = [assistant["site_token"], str(assistant["id"])]
    for _ in range(dialogs):
        dialog = post(url, "/api/site/dialogs", {}, {"X-Site-Token": assistant["site_token"]})
        words += [str(dialog["id"]), dialog["guest_id"]]
    path.write_text("\n".join(words) + "\n")
    return owner["access_token"], words[2::2]


def first_dialogs(path, count, into):
    """The same scene with its first dialogs alone."""
    words = path.read_text().split()
    into.write_text("\n".join(words[:2 + 2 * count]) + "\n")
    return into


def post(url, path, body, headers=None):
    """A request is repeated while the system is still warming up; its key makes that harmless."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16), **(headers or {})}
    deadline = time.monotonic() + OPEN_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode(), headers), timeout=OPEN_SECONDS_MAX) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            if refused.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def status(url, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=OPEN_SECONDS_MAX) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
