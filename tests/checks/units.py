"""Runs a compiler or an analyzer over the units of a build.

    units.py BUILD [--headers] [--remember] FOLDER... [--without FOLDER...] -- TOOL...

TOOL is called for every source of BUILD/compile_commands.json that lies in a FOLDER, with the flags
that the unit is compiled with but those of optimising, from as many processes as TAKE5_JOBS says (1).
{build} in TOOL is BUILD; clang-tidy, which finds the flags itself, gets the source alone. --headers:
for every header instead, included twice by an otherwise empty unit. A unit fails when the tool does or
says anything. --remember: what passed is remembered in BUILD, by the files that ninja has seen its compiler
read, by the flags and by the tool, and not looked at again. A unit that was not built since it changed is
looked at, and not remembered.
"""
import concurrent.futures
import functools
import hashlib
import json
import math
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


def read_entries(build):
    """{source below ROOT: its first entry}."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    found = {}
    for entry in entries:
        source = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        found.setdefault(os.path.relpath(source, ROOT), entry)
    return found


def read_units(build):
    return {source: flags_of(entry) for source, entry in read_entries(build).items()}


def read_inputs(build):
    """{source below ROOT: all files that its compiler read}, of what is built as they are now."""
    changed = functools.cache(lambda path: os.path.getmtime(path) if os.path.exists(path) else math.inf)
    said = subprocess.run(["ninja", "-n", "-C", build, "-t", "deps"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    inputs = {}
    for block in said.split("\n\n"):
        head, *files = block.split("\n")
        if head.endswith("(VALID)"):
            inputs[head.split(": #deps")[0]] = [
                os.path.join(build, file.strip()) for file in files if file.strip()]
    found = {}
    for source, entry in read_entries(build).items():
        words = shlex.split(entry["command"])
        output = words[words.index("-o") + 1]
        read = inputs.get(output)
        if read and max(map(changed, read)) <= changed(os.path.join(build, output)):
            found[source] = read
    return found


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
        self.passed = os.path.join(build, "checks")
        os.makedirs(self.passed, exist_ok=True)
        key = hashlib.sha256(repr(tool).encode())
        key.update(subprocess.run([tool[0], "--version"], stdout=subprocess.PIPE, check=True).stdout)
        if self.is_tidy:
            with open(os.path.join(ROOT, ".clang-tidy"), "rb") as file:
                key.update(file.read())
        self.key = key
        self.inputs = read_inputs(build) if does_remember else {}
        self.digests = {}

    def digest(self, path):
        """Of a file; many units read the same ones."""
        if path not in self.digests:
            with open(path, "rb") as file:
                self.digests[path] = hashlib.sha256(file.read()).digest()
        return self.digests[path]

    def remembered(self, path, flags):
        """The file that is there when just this has passed."""
        inputs = self.inputs.get(path)
        if not inputs:
            return None
        key = self.key.copy()
        key.update(repr((path, flags)).encode())
        for file in inputs:
            key.update(self.digest(file))
        return os.path.join(self.passed, key.hexdigest())

    def run(self, path, flags, is_header):
        """What there is to say against it, or nothing."""
        text = f'#include "{os.path.join(ROOT, path)}"\n' * 2 if is_header else None
        language = ["-x", "c++" if path.endswith(("pp", ".cc")) else "c"]
        unit = language + ["-"] if is_header else [os.path.join(ROOT, path)]
        passed = None if is_header else self.remembered(path, flags)
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
