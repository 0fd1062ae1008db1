#!/usr/bin/python3
"""The figures that have a target, as a table in the README.
    table.py RESULTS README [--check]
Writes the table between the README's two comments; with --check it only tells whether what stands
there is what RESULTS says, and exits with 1 when it is not."""
import sys

from parts import results
from parts.figures import format_number, is_at_least

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def bound(figure):
    return "≥" if is_at_least(figure["name"]) else "≤"


def verdict(figure):
    if figure["median"] is None:
        return "not measured"
    return "yes" if figure["met"] else "**no**"


def table(document):
    rows = ["| figure | unit | median | min to max | target | met |", "|---|---|---|---|---|---|"]
    for figure in document["figures"]:
        if figure["target"] is None:
            continue
        is_measured = figure["median"] is not None
        spread = (f"{format_number(figure['min'])} to {format_number(figure['max'])}"
                  if is_measured else "")
        median = f"**{format_number(figure['median'])}**" if is_measured else ""
        rows.append(f"| {figure['name']} | {figure['unit']} | {median} | {spread} | "
                    f"{bound(figure)} {format_number(figure['target'])} | "
                    f"{verdict(figure)} |")
    where = (f"Measured on {document['machine']}, {results.dates(document)}, by "
             "`sh tests/bench/run.sh`.")
    return "\n".join([where, "", *rows])


def main():
    path, readme = sys.argv[1:3]
    wanted = table(results.read(path))
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    head, rest = text.split(BEGIN, 1)
    there, tail = rest.split(END, 1)
    if "--check" in sys.argv[3:]:
        if there.strip() != wanted:
            sys.exit(f"{readme} does not show what {path} says:\n{there}\n--- but ---\n{wanted}")
        return
    with open(readme, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{wanted}\n{END}{tail}")


if __name__ == "__main__":
    main()
