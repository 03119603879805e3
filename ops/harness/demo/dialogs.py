"""The dialogs to replay: one JSON object a line."""

import json
from dataclasses import dataclass

SPEAKERS = ("user", "system")


class InputError(Exception):
    """The file cannot be replayed; the text names the line."""


@dataclass(frozen=True)
class Dialog:
    name: str
    turns: tuple  # of (speaker, text)


def parse_line(line):
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError("a line must be a JSON object")
    name, turns = value.get("dialogue_id"), value.get("turns")
    if not isinstance(name, str) or not name:
        raise InputError('"dialogue_id" must be a text')
    if not isinstance(turns, list) or not turns:
        raise InputError('"turns" must be a list of at least one turn')
    return Dialog(name, tuple(parse_turn(number, turn) for number, turn in enumerate(turns, 1)))


def parse_turn(number, turn):
    if not isinstance(turn, dict):
        raise InputError(f"turn {number} must be an object")
    speaker, text = turn.get("speaker"), turn.get("text")
    if speaker not in SPEAKERS:
        raise InputError(f'turn {number}: "speaker" must be "user" or "system"')
    if not isinstance(text, str) or not text.strip():
        raise InputError(f'turn {number}: "text" must be a text that is not empty')
    return speaker, text


def read_dialogs(path, limit=None):
    """Reads the first `limit` dialogs (all without one); empty lines are skipped."""
    dialogs = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if limit is not None and len(dialogs) == limit:
                    break
                if not line.strip():
                    continue
                try:
                    dialogs.append(parse_line(line))
                except InputError as error:
                    raise InputError(f"{path}, line {number}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if not dialogs:
        raise InputError(f"{path}: no dialogs in it")
    return dialogs
