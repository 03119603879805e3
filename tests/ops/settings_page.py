"""docs/settings.md, made of what the parley executable's --help says."""

import re
import subprocess

HEADER = """# Settings of every process

What each role and each task of `parley` takes: flags, the variables that stand for them (a flag wins), and what holds without either. Made of
`parley … --help`.
"""
OPTION = re.compile(r"^(?:-\w,)?(?P<name>--[\w-]+|\w[\w-]*)(?: (?P<type>[A-Z]+)(?::(?P<range>[^=]*?))?(?:=(?P<default>.*?))?)?(?P<required> REQUIRED)?(?P<many> \.\.\.)?"
                    r"(?: \(Env:(?P<variable>\w+)\))?(?: Excludes: (?P<others>--[\w -]+))?$")
FIRST_COLUMN = 30


def page(binary):
    lines = [HEADER]
    for command, about in subcommands(help_of(binary)):
        lines += section(binary, (command,), about, level=2)
    return "\n".join(lines) + "\n"


def section(binary, path, about, level):
    text = help_of(binary, *path)
    lines = [f"{'#' * level} parley {' '.join(path)}", "", about + ".", ""]
    options = [option for option in options_of(text) if option[0] != "--help"]
    if options:
        lines += ["| setting | variable | default | |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {f'`{variable}`' if variable else ''} | {default} | {about} |" for name, variable, default, about in options]
        lines.append("")
    for command, what in subcommands(text):
        lines += section(binary, (*path, command), what, level + 1)
    return lines


def help_of(binary, *path):
    return subprocess.run([binary, *path, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout


def subcommands(text):
    """[(name, what it does)]"""
    _, _, listed = text.partition("\nSubcommands:\n")
    return [tuple(line.strip().split(maxsplit=1)) for line in listed.splitlines() if line.strip()]


def options_of(text):
    """[(name, variable, default, what it is)]"""
    found = []
    for line in text.partition("\nSubcommands:\n")[0].splitlines():
        if re.match(r"  \S", line):
            head, about = line, ""
            option = OPTION.match(head.strip())
            if option is None:  # a short one has what it is beside it
                head, about = line[:FIRST_COLUMN], line[FIRST_COLUMN:]
                option = OPTION.match(head.strip())
            if option is None:
                raise ValueError(f"an option that cannot be read: {line}")
            found.append([option["name"], option["variable"], default_of(option), about.strip()])
        elif found and line.startswith(" " * FIRST_COLUMN):
            found[-1][3] = f"{found[-1][3]} {line.strip()}".strip()
    return [tuple(option) for option in found]


def default_of(option):
    parts = []
    if option["required"]:
        parts.append("required")
    elif option["default"] and option["default"] != "[]":
        parts.append(f"`{option['default']}`")
    if option["range"] and option["range"] != "POSITIVE":
        parts.append(option["range"].replace("INT in ", "").replace("|", "\\|"))
    if option["many"]:
        parts.append("repeatable")
    if option["others"]:
        parts.append("not with " + ", ".join(f"`{other}`" for other in option["others"].split()))
    return ", ".join(parts)
