"""Where the strategies of tests/plugins/crash_deep.c die, as the host says it."""
import os
import re

SOURCE = os.path.join(os.environ["TAKE5_SOURCE_DIR"], "tests", "plugins", "crash_deep.c")


def line(mark):
    """The number of the one line of the source with that mark."""
    with open(SOURCE, encoding="utf-8") as file:
        found = [number for number, text in enumerate(file, 1) if f"/* here: {mark} */" in text]
    assert len(found) == 1, (mark, found)
    return found[0]


def place(mark, function="deepest"):
    return f"{function} (crash_deep.c:{line(mark)})"


# By plugin: the place as a pattern.
SITES = {
    **{f"crash_deep_{way}": re.escape(place(way)) for way in ("store", "library", "stop")},
    "crash_deep_symbols": r"deepest[.\w]*\+0x[0-9a-f]+ \(crash_deep_symbols\.so\)",
    "crash_deep_stripped": r"crash_deep_stripped\.so\+0x[0-9a-f]+",
}
