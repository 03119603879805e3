"""Which sessions of an account are over although their tokens are still good, a second time (domain/accounts/sessions.h)."""

import datetime

LIFETIME = datetime.timedelta(hours=24)
CLOCKS_DIFFER = datetime.timedelta(hours=1)
ENDED_MAX = 50
NEVER = "1970-01-01T00:00:00.000Z"


class Sessions:
    """Times are texts as events have them: they sort as they are."""

    def __init__(self):
        self.over_through, self.over_until, self.kept, self.ended = 0, NEVER, None, []

    def is_over(self, session):
        return (self.over_through != 0 and session["version"] <= self.over_through and session["id"] != self.kept) or any(one["id"] == session["id"] for one in self.ended)

    def entry(self):
        """What the directory has of them; None when nothing is over."""
        if self.over_through == 0 and not self.ended:
            return None
        return {"over_through": self.over_through, **({"kept": self.kept} if self.kept is not None else {}), "over_until": self.over_until,
                "ended": self.ended}

    def end(self, session, now):
        self.forget(now)
        if session["id"] == self.kept:
            self.kept = None
        if self.is_over(session):
            return
        self.ended = sorted([*self.ended, session], key=lambda one: one["version"])
        if len(self.ended) > ENDED_MAX:
            oldest = self.ended.pop(0)
            self.over_through = max(self.over_through, oldest["version"], 1)
            self.over_until = max(self.over_until, oldest["expires_at"])

    def end_all(self, version, now, kept=None):
        self.over_through, self.over_until, self.kept, self.ended = version, later(now, LIFETIME), kept, []

    def forget(self, now):
        self.ended = [one for one in self.ended if later(one["expires_at"], CLOCKS_DIFFER) > now]
        if self.over_through and later(self.over_until, CLOCKS_DIFFER) <= now:
            self.over_through, self.over_until, self.kept = 0, NEVER, None


def later(time, by):
    moment = datetime.datetime.fromisoformat(time) + by
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fold(sessions, kind, value, version, now):
    """An event of the account, as far as its sessions care; `kind` is its type's name in the middle."""
    if kind == "logged_in":
        sessions.forget(now)
    elif kind == "logged_out":
        sessions.end(value["session"], now)
    elif kind in ("password_changed", "email_changed"):
        sessions.end_all(version, now, value.get("kept_session"))
    elif kind in ("joined_team", "left_team") or (kind == "team_member_changed" and value.get("is_active") is False):
        sessions.end_all(version, now)
