#!/usr/bin/env python3
"""The events of the log (log/log.h) and the table of them in packaging/README.md are the same.

usage: events.py SOURCE_DIR
An event is a string literal of the form "what.happened", given to one of CALLS in its place."""

import pathlib
import re
import sys

# The function or macro, and which of its arguments the event is.
CALLS = {"log_event": 3, "log_change_event": 3, "log_put": 4, "group_log": 2, "gather_add": 2}
NAME = r"[a-z][a-z0-9_]*\.[a-z0-9_]+"
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text, at):
    """Those of the call whose opening bracket is at `at`."""
    found, depth, begin = [], 0, at + 1
    i = at
    while i < len(text):
        if text[i] == '"':
            i = LITERAL.match(text, i).end()
            continue
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return found + [text[begin:i]]
        elif text[i] == "," and depth == 1:
            found.append(text[begin:i])
            begin = i + 1
        i += 1
    raise SystemExit("a call without an end")


def in_source(folder):
    """Event to the first place where it is."""
    events, faults = {}, []
    for path in sorted(folder.rglob("*.c")):
        text = path.read_text(encoding="utf-8")
        for call in re.finditer(r"\b(" + "|".join(CALLS) + r")\(", text):
            given = arguments(text, call.end() - 1)
            argument = given[CALLS[call[1]]] if CALLS[call[1]] < len(given) else ""
            if re.fullmatch(r"\s*[a-z_]+\s*", argument):  # a variable: what it is set to
                variable = argument.strip()
                values = re.findall(rf"\b{variable} =([^;]*);", text)
                argument = " ".join(values)
            place = f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
            for literal in LITERAL.findall(argument):
                if re.fullmatch(NAME, literal):
                    events.setdefault(literal, place)
                else:
                    faults.append(f'{place}: "{literal}" is not of the form what.happened')
    return events, faults


def main():
    root = pathlib.Path(sys.argv[1])
    table = root / "packaging" / "README.md"
    events, faults = in_source(root / "host")
    rows = re.findall(rf"^\| `({NAME})` \|", table.read_text(encoding="utf-8"), re.M)
    faults += [f"{place}: {event} is not in the table of {table}"
               for event, place in events.items() if event not in rows]
    faults += [f"{table}: no line of the log has the event {event}"
               for event in rows if event not in events]
    faults += [f"{table}: {event} is listed twice"
               for event in sorted(set(rows)) if rows.count(event) > 1]
    if not events:
        faults.append("no events found")
    print("\n".join(faults) or f"{len(events)} events")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
