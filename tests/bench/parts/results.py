"""results.json: figures, each with the day and the commit of its measurement."""
import json
import os
import platform
import subprocess
import time


class OtherMachine(Exception):
    """Figures of two machines do not belong into one table."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write(path, figures, earlier=None):
    """`figures` as Figures.as_json gives them. `earlier` is what read() gave: its figures stay, but for
    those that were measured again."""
    document = stamped(figures)
    if earlier is not None:
        document = merged(earlier, document)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{{"machine": {json.dumps(document["machine"])},\n'
                   f' "date": {json.dumps(document["date"])},\n "figures": [\n  ')
        file.write(",\n  ".join(json.dumps(figure, ensure_ascii=False)
                                for figure in document["figures"]))
        file.write("\n]}\n")


def stamped(figures):
    date, of = time.strftime("%Y-%m-%d"), commit()
    return {"machine": machine(), "date": date,
            "figures": [figure | {"date": date, "commit": of} for figure in figures]}


def require_same_machine(earlier):
    if earlier["machine"] != machine():
        raise OtherMachine(f"the results there are of another machine, {earlier['machine']}; "
                           f"this is {machine()}")


def key_of(figure):
    """Some are there in two units."""
    return figure["name"], figure["unit"]


def merged(earlier, later):
    """New figures take the places of the old ones, those that were not there come last."""
    require_same_machine(earlier)
    figures = {key_of(figure): {"date": earlier["date"], "commit": None} | figure
               for figure in earlier["figures"]}
    figures.update((key_of(figure), figure) for figure in later["figures"])
    return later | {"figures": list(figures.values())}


def dates(document):
    """The days of the measurements, for people."""
    days = sorted({figure.get("date", document["date"]) for figure in document["figures"]})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def commit():
    """Of the sources, with a mark when they were changed since; None where there is no git."""
    try:
        done = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe",
                               "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                              capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} "
            f"{platform.machine()}")
