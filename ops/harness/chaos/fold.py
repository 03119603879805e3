"""The read models' rows as a fold of the log, written a second time from the public contract, and read from PostgreSQL to be compared."""

import contextlib
import json

from supervisor import wait_for

ROWS_SHOWN_MAX = 3
TIME = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"  # as ce_time has it

# table: (columns of its key, columns beside them); a column is its name, or (name, expression).
TABLES = {
    "accounts": (("id",), ("version", "email", "first_name", "last_name", "balance_kopecks", "welcome_bonus_kopecks", ("last_login_at", TIME),
                           ("created_at", TIME), "role", "plan", "onboarding_completed", "team_owner_id", "team_name", "is_active")),
    "api_keys": (("id",), ("account_id", "name", "scopes", "hint", ("created_at", TIME), ("last_used_at", TIME))),
    "assistants": (("id",), ("version", "owner_id", "name", "description", "system_prompt", "ai_model", "is_active", "site_token",
                             "telegram_bot_token", "website_integration", "allowed_domains", ("deleted_at", TIME), ("created_at", TIME))),
    "dialogs": (("id",), ("version", "owner_id", "assistant_id", "platform", "status", "handoff_status", "first_name", "last_name",
                          "telegram_chat_id", "telegram_username", "message_count", "last_message", ("last_message_time", TIME),
                          ("last_activity_at", TIME), ("created_at", TIME))),
    "messages": (("dialog_id", "version"), ("id", "owner_id", "sender", "text", "operator_name", ("created_at", TIME))),
    "event_index": (("kind", "stream_id", "version"), ("event_id", "type", "cause", "correlation", "actor", ("at", TIME),
                                                       ("hash", "encode({}, 'hex')"), "partition", "position")),
}


def fold(events):
    """{table: {key: {column: value}}} of events in the order of their partitions."""
    rows = {table: {} for table in TABLES}
    for event in events:
        kind, _, number = event.subject.partition("/")
        stream, version, at = int(number), int(event.sequence), event.text("ce_time")
        rows["event_index"][(kind, stream, version)] = {
            "event_id": event.text("ce_id"), "type": event.text("ce_type"), "cause": event.text("ce_causationid"),
            "correlation": event.text("ce_correlationid"), "actor": event.text("ce_actor"), "at": at, "hash": event.text("ce_hash"),
            "partition": event.partition, "position": event.offset}
        if not event.is_seal:
            APPLY[event.text("ce_type")](rows, stream, version, at, json.loads(event.value))
    return rows


def registered(rows, account, version, at, value):
    rows["accounts"][(account,)] = {
        "version": version, "email": value["email"], "first_name": value.get("first_name"), "last_name": value.get("last_name"),
        "balance_kopecks": 0, "welcome_bonus_kopecks": 0, "last_login_at": None, "created_at": at, "role": "owner", "plan": "trial",
        "onboarding_completed": False, "team_owner_id": None, "team_name": None, "is_active": True}


def welcome_bonus_granted(rows, account, version, at, value):
    row = rows["accounts"][(account,)]
    row["version"] = version
    row["balance_kopecks"] += value["amount_kopecks"]
    row["welcome_bonus_kopecks"] += value["amount_kopecks"]


def logged_in(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, "last_login_at": at}


def account_version(rows, account, version, at, value):
    rows["accounts"][(account,)]["version"] = version


def profile_changed(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, **value}


def email_changed(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, "email": value["email"]}


def of_no_row(rows, stream, version, at, value):
    pass


def joined_team(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, "role": "operator", "team_owner_id": value["owner_id"], "team_name": value["name"],
                                     "is_active": True}


def team_member_changed(rows, account, version, at, value):
    row = rows["accounts"][(account,)]
    row |= {"version": version, "team_name": value.get("name", row["team_name"]), "is_active": value.get("is_active", row["is_active"])}


def left_team(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, "team_owner_id": None}


def admin_appointed(rows, account, version, at, value):
    rows["accounts"][(account,)] |= {"version": version, "role": "admin"}


def api_key_created(rows, account, version, at, value):
    account_version(rows, account, version, at, value)
    rows["api_keys"][(value["key_id"],)] = {"account_id": account, "name": value["name"], "scopes": value["scopes"], "hint": value["hint"], "created_at": at,
                                            "last_used_at": None}


def api_key_used(rows, account, version, at, value):
    account_version(rows, account, version, at, value)
    rows["api_keys"][(value["key_id"],)]["last_used_at"] = at


def api_key_revoked(rows, account, version, at, value):
    account_version(rows, account, version, at, value)
    del rows["api_keys"][(value["key_id"],)]


def assistant_created(rows, assistant, version, at, value):
    rows["assistants"][(assistant,)] = {
        "version": version, "owner_id": value["owner_id"], "name": value["name"], "description": value.get("description"),
        "system_prompt": value.get("system_prompt"), "ai_model": value["ai_model"], "is_active": True, "site_token": value["site_token"],
        "telegram_bot_token": value.get("telegram_bot_token"), "website_integration": value["website_integration"],
        "allowed_domains": value["allowed_domains"], "deleted_at": None, "created_at": at}


def assistant_updated(rows, assistant, version, at, value):
    rows["assistants"][(assistant,)] |= {"version": version, **value}


def site_token_rotated(rows, assistant, version, at, value):
    rows["assistants"][(assistant,)] |= {"version": version, "site_token": value["site_token"]}


def assistant_deleted(rows, assistant, version, at, value):
    rows["assistants"][(assistant,)] |= {"version": version, "telegram_bot_token": None, "deleted_at": at}


def assistant_version(rows, assistant, version, at, value):
    rows["assistants"][(assistant,)]["version"] = version


def dialog_opened(rows, dialog, version, at, value):
    rows["dialogs"][(dialog,)] = {
        "version": version, "owner_id": value["owner_id"], "assistant_id": value["assistant_id"], "platform": value["platform"],
        "status": "active", "handoff_status": "none", "first_name": value.get("first_name"), "last_name": None, "telegram_chat_id": None,
        "telegram_username": None, "message_count": 0, "last_message": None, "last_message_time": None, "last_activity_at": at,
        "created_at": at}


def message_created(rows, dialog, version, at, value):
    row = rows["dialogs"][(dialog,)]
    row |= {"version": version, "message_count": row["message_count"] + 1, "last_message": value["text"], "last_message_time": at,
            "last_activity_at": at}
    rows["messages"][(dialog, version)] = {"id": value["message_id"], "owner_id": row["owner_id"], "sender": value["sender"], "text": value["text"],
                                           "operator_name": value.get("operator_name"), "created_at": at}


def dialog_archived(rows, dialog, version, at, value):
    rows["dialogs"][(dialog,)] |= {"version": version, "status": "archived"}


def dialog_unarchived(rows, dialog, version, at, value):
    rows["dialogs"][(dialog,)] |= {"version": version, "status": "active"}


APPLY = {
    "parley.account.registered.v1": registered,
    "parley.account.welcome_bonus_granted.v1": welcome_bonus_granted,
    "parley.account.logged_in.v2": logged_in,
    "parley.account.logged_out.v1": account_version,
    "parley.account.password_changed.v1": account_version,
    "parley.account.profile_changed.v1": profile_changed,
    "parley.account.joined_team.v1": joined_team,
    "parley.account.team_member_changed.v1": team_member_changed,
    "parley.account.left_team.v1": left_team,
    "parley.account.admin_appointed.v1": admin_appointed,
    "parley.account.api_key_created.v1": api_key_created,
    "parley.account.api_key_used.v1": api_key_used,
    "parley.account.api_key_revoked.v1": api_key_revoked,
    "parley.account.email_change_requested.v1": account_version,
    "parley.account.email_changed.v1": email_changed,
    "parley.account.email_change_refused.v1": account_version,
    "parley.account.email_reservation_declined.v1": account_version,
    "parley.claim.reserved.v1": of_no_row,
    "parley.claim.refused.v1": of_no_row,
    "parley.claim.confirmed.v1": of_no_row,
    "parley.claim.released.v1": of_no_row,
    "parley.assistant.created.v1": assistant_created,
    "parley.assistant.updated.v1": assistant_updated,
    "parley.assistant.site_token_rotated.v1": site_token_rotated,
    "parley.assistant.deleted.v1": assistant_deleted,
    "parley.assistant.creation_requested.v1": of_no_row,
    "parley.assistant.creation_refused.v1": of_no_row,
    "parley.assistant.update_requested.v1": assistant_version,
    "parley.assistant.update_refused.v1": assistant_version,
    "parley.assistant.bot_claimed.v1": assistant_version,
    "parley.assistant.bot_released.v1": assistant_version,
    "parley.dialog.opened.v1": dialog_opened,
    "parley.dialog.message_created.v1": message_created,
    "parley.dialog.archived.v1": dialog_archived,
    "parley.dialog.unarchived.v1": dialog_unarchived,
}


def name_and_expression(column):
    return (column, column) if isinstance(column, str) else (column[0], column[1].format(f'"{column[0]}"'))


@contextlib.contextmanager
def snapshot(connection):
    """A cursor on the read models, all of whose queries see one state."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_schema FROM information_schema.tables WHERE table_name = 'event_index'")
        (schema,), = cursor.fetchall()
        cursor.execute(f'SET LOCAL search_path TO "{schema}"')
        yield cursor


def read_tables(connection):
    """The same form, and {partition: [next, last event's id, its position]} of the checkpoints, in one snapshot."""
    rows = {}
    with snapshot(connection) as cursor:
        for table, (key, others) in TABLES.items():
            names, expressions = zip(*(name_and_expression(column) for column in (*key, *others)))
            cursor.execute(f"SELECT {', '.join(expressions)} FROM {table}")
            rows[table] = {row[:len(key)]: dict(zip(names[len(key):], row[len(key):])) for row in cursor.fetchall()}
        return rows, checkpoints_of(cursor)


def read_checkpoints(connection):
    with snapshot(connection) as cursor:
        return checkpoints_of(cursor)


def checkpoints_of(cursor):
    cursor.execute("SELECT partition, next, last_event_id, last_position FROM checkpoints")
    return {partition: place for partition, *place in cursor.fetchall()}


def ends(events):
    """{partition: [next, last event's id, its position]}: where checkpoints stand when all of these are projected."""
    return {event.partition: [event.offset + 1, event.text("ce_id"), event.offset] for event in events}


def compare_tables(expected, read):
    """Sentences; none when every row is there once, with these values, and no other."""
    faults = []
    for table in TABLES:
        keys = sorted(key for key in expected[table].keys() | read[table].keys() if expected[table].get(key) != read[table].get(key))
        faults += [f"{table} {key}: {difference(expected[table].get(key), read[table].get(key))}" for key in keys[:ROWS_SHOWN_MAX]]
        if len(keys) > ROWS_SHOWN_MAX:
            faults.append(f"{table}: {len(keys) - ROWS_SHOWN_MAX} more rows differ")
    return faults


def difference(expected, read):
    if expected is None or read is None:
        return "not in the tables" if read is None else "not in the log"
    return ", ".join(f"{name} is {read[name]!r}, the log says {value!r}" for name, value in expected.items() if read[name] != value)


def compare_checkpoints(events, checkpoints):
    return [f"checkpoint of partition {partition} is {checkpoints.get(partition)}, the log ends at {end}"
            for partition, end in sorted(ends(events).items()) if checkpoints.get(partition) != end]


def check_tables(events, connection, patience_s):
    """The tables are the fold of the log, once the projection is at its end."""
    wait_for(lambda: not compare_checkpoints(events, read_checkpoints(connection)), patience_s)
    rows, checkpoints = read_tables(connection)
    return compare_checkpoints(events, checkpoints) + compare_tables(fold(events), rows)
