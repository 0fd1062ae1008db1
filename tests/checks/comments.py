#!/usr/bin/env python3
"""What comments name is there: every function f(), every file, every struct. A source that is named
without its folder lies beside the comment.

usage: comments.py SOURCE_DIR
Of the sources of the host, the SDK and the bundled strategies. A name of a library's is known by OTHERS."""

import pathlib
import re
import sys

FOLDERS = ("host", "sdk/include", "sdk/testkit", "plugins")
OTHERS = re.compile(r"rd_kafka_|MHD_|PQ|curl_|dw(arf|fl)_|pthread_|std::")
# Of the C library, the system and what strategies' authors write, where no code calls them.
KNOWN = {"PyArg_Parse", "clone", "vfork", "setsid", "make_thing", "take5_add_strategy"}
EXAMPLES = {"alpha.c"}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'')


def split(text):
    """The code without comments, and the comments with the number of their first line."""
    code, comments, at = [], [], 0
    pattern = re.compile(COMMENT.pattern + "|" + QUOTED.pattern, re.DOTALL)
    for found in pattern.finditer(text):
        if found[0].startswith("/"):
            code.append(text[at:found.start()])
            comments.append((text.count("\n", 0, found.start()) + 1, found[0]))
            at = found.end()
    code.append(text[at:])
    return " ".join(code), comments


def is_there(path, name, names):
    if name in EXAMPLES or (path.parent / name).exists():
        return True
    is_beside = "/" not in name and not name.endswith(("h", "hpp"))
    return not is_beside and any(known.endswith("/" + name) for known in names)


def main():
    root = pathlib.Path(sys.argv[1])
    paths = [path for folder in FOLDERS for pattern in ("*.c", "*.h", "*.hpp", "*.cpp")
             for path in sorted((root / folder).rglob(pattern))]
    parts = {path: split(path.read_text(encoding="utf-8")) for path in paths}
    words = {word for code, _ in parts.values() for word in re.findall(r"\w+", code)}
    names = ["/" + path.relative_to(root).as_posix() for path in root.rglob("*.[ch]*")
             if "build" not in path.relative_to(root).parts[0]]
    faults = []
    for path, (_, comments) in parts.items():
        for line, comment in comments:
            for name in re.findall(r"(?<![\w.>:-])([A-Za-z_]\w*)\(\)", comment):
                if name not in words | KNOWN and not OTHERS.match(name):
                    faults.append(f"{path}:{line}: there is no {name}()")
            for name in re.findall(r"\bstruct (\w+)", comment):
                if name not in words:
                    faults.append(f"{path}:{line}: there is no struct {name}")
            for name in re.findall(r"(?<![\w/.<-])([\w/]*\w\.[ch](?:pp)?)\b(?!\w)", comment):
                if not is_there(path, name, names):
                    faults.append(f"{path}:{line}: there is no file {name}")
    for fault in faults:
        print(fault)
    print(f"{sum(len(comments) for _, comments in parts.values())} comments, "
          f"{len(faults)} with a name that is nowhere")
    sys.exit(1 if faults else 0)


main()
