"""How many lines of host/ ran, by room: `coverage.py BUILD`, after tests of a build with TAKE5_COVERAGE.

A line that several rooms' tests ran counts once; one that no test binary has is none.
"""
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def reports(build):
    """gcov's, of every object of the host, run or not."""
    host = os.path.join(build, "host")
    notes = [os.path.join(directory, name) for directory, _, names in os.walk(host)
             for name in names if name.endswith(".gcno")]
    if not notes:
        raise SystemExit(f"{host} was not built with TAKE5_COVERAGE")
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["gcov", "--json-format", "--hash-filenames", *notes], cwd=work, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in os.listdir(work):
            with gzip.open(os.path.join(work, name)) as file:
                report = json.load(file)
            for source in report["files"]:
                path = os.path.join(report["current_working_directory"], source["file"])
                yield os.path.relpath(os.path.realpath(path), ROOT), source["lines"]


def main(build):
    ran = collections.defaultdict(lambda: collections.defaultdict(bool))
    for path, lines in reports(os.path.abspath(build)):
        if path.startswith("host/"):
            for line in lines:
                ran[path][line["line_number"]] |= line["count"] > 0
    rooms = collections.defaultdict(lambda: [0, 0])
    for path, lines in ran.items():
        for room in (os.path.relpath(os.path.dirname(path), "host"), "all"):
            rooms[room][0] += sum(lines.values())
            rooms[room][1] += len(lines)
    print("lines that the unit tests run:")
    for room, (run, total) in sorted(rooms.items(), key=lambda item: (item[0] == "all", item[0])):
        print(f"  {room:20} {100 * run / total:5.1f} %  of {total}")


if __name__ == "__main__":
    main(*sys.argv[1:])
