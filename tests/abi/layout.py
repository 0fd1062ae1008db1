#!/usr/bin/python3
"""The layout of the SDK's ABI against committed baselines.

    layout.py check INCLUDE_DIR BASELINE_DIR    fails with every difference
    layout.py print INCLUDE_DIR                 the table of these headers, for a new baseline

Every struct and enumeration that the headers define is found in them by name, then the compiler is
asked for sizes, offsets and values. A baseline is a file MAJOR.MINOR.layout. The headers must equal
the newest one; towards each older one of the same major they may only have grown: all that it has
is where it was, structs that are frozen have the same size, the others are no smaller.
"""
import os
import re
import subprocess
import sys
import tempfile

# Passed by value, lying in arrays, or written into files: never to change at all.
FROZEN = {"t5_str", "t5_value", "t5_named_value", "t5_setting", "t5_host", "t5_note"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def read_headers(include):
    """What take5.h includes: the border. Helper headers are compiled into a strategy."""
    folder = os.path.join(include, "take5")
    with open(os.path.join(folder, "take5.h"), encoding="utf-8") as file:
        names = re.findall(r'^#include "(\w+\.h)"', file.read(), flags=re.M)
    text = ""
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text += without_comments(file.read())
    return text


def members(body):
    """Names of the members in a struct's body, which has no nested braces."""
    names = []
    for declaration in body.split(";"):
        declaration = declaration.strip()
        if not declaration:
            continue
        pointer_to_function = re.match(r".*?\(\s*\*\s*(\w+)\s*\)\s*\(", declaration, flags=re.S)
        if pointer_to_function:
            names.append(pointer_to_function.group(1))
            continue
        name = re.search(r"(\w+)\s*(\[[^\]]*\])?\s*$", declaration)
        names.append(name.group(1))
    return names


def find_types(text):
    structs = {}
    for match in re.finditer(r"(?:typedef\s+)?struct\s+(t5_\w+)\s*\{([^{}]*)\}", text):
        structs[match.group(1)] = members(match.group(2))
    enums = []
    for match in re.finditer(r"enum\s+(t5_\w+)\s*\{([^{}]*)\}", text):
        for item in match.group(2).split(","):
            name = re.match(r"\s*(\w+)", item)
            if name:
                enums.append((match.group(1), name.group(1)))
    macros = re.findall(r"#\s*define\s+(T5_(?:ABI_MAJOR|NOTE_TYPE|NO_SYMBOL|FORMAT_MAX))\b", text)
    return structs, enums, macros


def table(include):
    structs, enums, macros = find_types(read_headers(include))
    lines = ["#include <take5/take5.h>", "#include <stdio.h>", "int main(void) {"]

    def show(label, value):
        lines.append(f'    printf("{label} %lld\\n", (long long)({value}));')

    for struct, names in sorted(structs.items()):
        show(f"sizeof {struct}", f"sizeof({struct})")
        for name in names:
            show(f"offset {struct}.{name}", f"offsetof({struct}, {name})")
            show(f"length {struct}.{name}", f"sizeof((({struct} *)0)->{name})")
    for enum, name in sorted(enums):
        show(f"value {enum}.{name}", name)
    for name in sorted(macros):
        show(f"macro {name}", name)
    lines += ["    return 0;", "}"]

    with tempfile.TemporaryDirectory() as work:
        source, program = os.path.join(work, "layout.c"), os.path.join(work, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        subprocess.run(["cc", "-std=c11", "-I", include, source, "-o", program], check=True)
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(line.rsplit(" ", 1) for line in output.splitlines())


def read_baseline(path):
    with open(path, encoding="utf-8") as file:
        return dict(line.rstrip("\n").rsplit(" ", 1) for line in file if not line.startswith("#"))


def differences(now, then, is_newest):
    for key, value in then.items():
        if key not in now:
            yield f"{key}: was {value}, is gone"
        elif now[key] != value:
            kind, name = key.split(" ", 1)
            may_grow = kind == "sizeof" and name not in FROZEN and not is_newest
            if not (may_grow and int(now[key]) > int(value)):
                yield f"{key}: was {value}, is {now[key]}"
    for key, value in now.items():
        if key in then:
            continue
        struct = key.split(" ", 1)[1].split(".")[0]
        if is_newest:
            yield f"{key}: new ({value}); a new minor needs a baseline of its own"
        elif key.startswith("offset ") and f"sizeof {struct}" in then:
            if int(value) < int(then[f"sizeof {struct}"]):
                yield f"{key}: new at {value}, inside of what old strategies have"


def check(include, folder):
    now = table(include)
    if not any(key.startswith("offset ") for key in now):
        sys.exit("no struct was found in the headers")
    names = [name for name in os.listdir(folder) if name.endswith(".layout")]
    names.sort(key=lambda name: [int(part) for part in name.split(".")[:2]])
    if not names:
        sys.exit(f"no baseline in {folder}")
    faults = 0
    for name in names:
        then = read_baseline(os.path.join(folder, name))
        for fault in differences(now, then, name == names[-1]):
            print(f"{name}: {fault}")
            faults += 1
    print(f"{len(now)} facts, {len(names)} baselines, {faults} differences")
    return 1 if faults else 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "print":
        for key, value in table(sys.argv[2]).items():
            print(key, value)
        return 0
    if len(sys.argv) == 4 and sys.argv[1] == "check":
        return check(sys.argv[2], sys.argv[3])
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
