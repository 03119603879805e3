"""API keys of an account, a second time (domain/accounts/api_keys.h): {id: {"scopes", "digest", "used"}}, oldest first. Times are texts as events have them."""

KEYS_MAX = 20
HOUR = len("2026-11-21T10")  # of a time's text: uses in one hour of the clock are one


def fold(keys, kind, value, now):
    """An event of the account, as far as its keys care; `kind` is its type's name in the middle."""
    if kind == "api_key_created":
        keys[value["key_id"]] = {"scopes": value["scopes"], "digest": value["digest"], "used": ""}
    elif kind == "api_key_revoked":
        keys.pop(value["key_id"], None)
    elif kind == "api_key_used" and value["key_id"] in keys:
        keys[value["key_id"]]["used"] = now


def entries(keys, account):
    """What the directory has of them."""
    return {f"api_key/{key['digest']}": {"account_id": account, "key_id": number, "scopes": key["scopes"]} for number, key in keys.items()}


def is_news(key, now):
    return key["used"][:HOUR] < now[:HOUR]
