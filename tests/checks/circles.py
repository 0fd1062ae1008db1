#!/usr/bin/env python3
"""No circle between the sources of one room: of two that need each other, one holds what belongs below both.

usage: circles.py BUILD
By the symbols of the room's objects, as the linker sees them (nm); BUILD holds host/*.a."""

import pathlib
import re
import subprocess
import sys


def symbols_of(library):
    """For each object: what it defines for others, and what it needs."""
    text = subprocess.run(["nm", "-A", "-P", library], check=True, capture_output=True, text=True).stdout
    objects = {}
    for line in text.splitlines():
        place, name, kind = re.match(r"\S*\[(.*?)\.o\]: (\S+) (\S)", line).groups()
        defined, needed = objects.setdefault(place, (set(), set()))
        if kind == "U":
            needed.add(name)
        elif kind.isupper():
            defined.add(name)
    return objects


def needs_of(objects):
    """For each object the others that it needs, each with one of the symbols."""
    home = {name: place for place, (defined, _) in objects.items() for name in defined}
    needs = {place: {} for place in objects}
    for place, (_, needed) in objects.items():
        for name in sorted(needed):
            if home.get(name, place) != place:
                needs[place].setdefault(home[name], name)
    return needs


def reached(needs, start):
    found, left = set(), [start]
    while left:
        for other in needs[left.pop()]:
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def circles_of(needs):
    reach = {place: reached(needs, place) for place in needs}
    seen = set()
    for place in sorted(needs):
        if place in reach[place] and place not in seen:
            circle = {other for other in reach[place] if place in reach[other]}
            seen |= circle
            yield sorted(circle)


def main():
    libraries = sorted(pathlib.Path(sys.argv[1], "host").rglob("*.a"))
    if not libraries:
        sys.exit("nothing to look at")
    count = 0
    for library in libraries:
        needs = needs_of(symbols_of(library))
        for circle in circles_of(needs):
            count += 1
            print(f"{library.stem}: a circle of {', '.join(circle)}:")
            for place in circle:
                for other, name in sorted(needs[place].items()):
                    if other in circle:
                        print(f"    {place} needs {other}: {name}")
    print(f"{len(libraries)} rooms, {count} circles")
    sys.exit(1 if count else 0)


main()
