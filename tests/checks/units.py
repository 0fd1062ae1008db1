"""Runs a compiler or an analyzer over the units of a build.

    units.py BUILD [--headers] [--remember] FOLDER... [--without FOLDER...] -- TOOL...

TOOL is called for every source of BUILD/compile_commands.json that lies in a FOLDER, with the flags
that the unit is compiled with but those of optimising, from as many processes as TAKE5_JOBS says (1).
{build} in TOOL is BUILD; clang-tidy, which finds the flags itself, gets the source alone. --headers:
for every header instead, included twice by an otherwise empty unit. A unit fails when the tool does or
says anything. --remember: what passed is remembered in BUILD, by what the preprocessor makes of it and by
the tool, and not looked at again; for tools that take longer than the preprocessor.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("TAKE5_SOURCE_DIR") or os.path.dirname(os.path.dirname(HERE))
HEADERS = (".h", ".hpp")


def is_in(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def flags_of(entry):
    """What decides about meaning: no input, no output, no optimiser."""
    words = shlex.split(entry["command"])
    while not words[0].startswith("-"):
        words.pop(0)  # compiler, and its launcher
    flags = []
    for word in words:
        if flags and flags[-1] in ("-o", "-c"):
            flags.pop()
        elif not re.match(r"-(O|flto|ffat-lto|M|g$)", word):
            flags.append(word)
    return flags


def read_units(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    units = {}
    for entry in entries:
        source = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        units.setdefault(os.path.relpath(source, ROOT), flags_of(entry))
    return units


def headers_in(folders):
    for folder in folders:
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(names):
                if name.endswith(HEADERS):
                    yield os.path.relpath(os.path.join(directory, name), ROOT)


def flags_near(path, units):
    """Of a unit in the header's folder, or below the nearest one above it that has any."""
    is_cxx = path.endswith(".hpp")
    folder = os.path.dirname(path)
    while True:
        for unit, flags in units.items():
            if unit.startswith(folder) and unit.endswith((".cc", ".cpp")) == is_cxx:
                return flags
        if not folder:
            raise SystemExit(f"{path}: no unit whose flags it could be compiled with")
        folder = os.path.dirname(folder)


class Check:
    def __init__(self, build, tool, does_remember):
        self.build = build
        self.tool = [word.replace("{build}", build) for word in tool]
        self.is_tidy = "tidy" in os.path.basename(tool[0])
        self.does_remember = does_remember
        self.passed = os.path.join(build, "checks")
        os.makedirs(self.passed, exist_ok=True)
        key = hashlib.sha256(repr(tool).encode())
        key.update(subprocess.run([tool[0], "--version"], stdout=subprocess.PIPE, check=True).stdout)
        if self.is_tidy:
            with open(os.path.join(ROOT, ".clang-tidy"), "rb") as file:
                key.update(file.read())
        self.key = key

    def remembered(self, flags, unit):
        """The file that is there when just this has passed."""
        if not self.does_remember:
            return None
        compiler = "clang" if self.is_tidy else self.tool[0]
        seen = subprocess.run([compiler, "-E", *flags, *unit], cwd=self.build,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        key = self.key.copy()
        key.update(repr(flags).encode() + seen.stdout)
        return os.path.join(self.passed, key.hexdigest())

    def run(self, path, flags, is_header):
        """What there is to say against it, or nothing."""
        text = f'#include "{os.path.join(ROOT, path)}"\n' * 2 if is_header else None
        language = ["-x", "c++" if path.endswith(("pp", ".cc")) else "c"]
        unit = language + ["-"] if is_header else [os.path.join(ROOT, path)]
        passed = None if is_header else self.remembered(flags, unit)
        if passed and os.path.exists(passed):
            return None
        command = [*self.tool, *([] if self.is_tidy else flags), *unit]
        result = subprocess.run(command, input=text, text=True, cwd=self.build,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL if self.is_tidy else subprocess.STDOUT)
        if result.returncode == 0 and not result.stdout.strip():
            if passed:
                with open(passed, "w", encoding="utf-8"):
                    pass
            return None
        return result.stdout.strip() or f"{path}: {self.tool[0]} ends with {result.returncode}"


def main(arguments):
    build, arguments = os.path.abspath(arguments[0]), arguments[1:]
    split = arguments.index("--")
    folders, tool = arguments[:split], arguments[split + 1:]
    is_header = "--headers" in folders
    does_remember = "--remember" in folders
    folders = [folder for folder in folders if not folder.startswith("--") or folder == "--without"]
    without = []
    if "--without" in folders:
        split = folders.index("--without")
        folders, without = folders[:split], folders[split + 1:]

    os.environ["LC_ALL"] = "C"  # findings read the same everywhere
    units = read_units(build)
    if is_header:
        chosen = [(path, flags_near(path, units)) for path in headers_in(folders)]
    else:
        chosen = [(path, units[path]) for path in sorted(units) if is_in(path, folders)]
    chosen = [(path, flags) for path, flags in chosen if not is_in(path, without)]
    if not chosen:
        raise SystemExit("nothing to look at in " + " ".join(folders))

    check = Check(build, tool, does_remember)
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TAKE5_JOBS", 1))) as pool:
        found = list(pool.map(lambda unit: check.run(*unit, is_header), chosen))
    found = [text for text in found if text]
    for text in dict.fromkeys(found):
        print(text)
    print(f"{len(chosen)} {'headers' if is_header else 'units'}, {len(found)} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
