"""Judges what hosts said in spite of all that was done to them, against an uninterrupted run.

What is said of an id may be said more than once (delivery = at_least_once), and has to be the same
each time. The faults that are told apart:

  LOST      an id that was never said
  CHANGED   said more than once, once as it should be and once otherwise
  WRONG     never said as it should be: its strategy did not know what it should have known
  UNKNOWN   an id that nobody should say
  TWICE     said more than once where that may not be (delivery = exactly_once)
  DISORDER  said behind a later one of its topic and partition, likewise
"""
import collections
import json

LOST, CHANGED, WRONG, UNKNOWN, TWICE, DISORDER = (
    "LOST", "CHANGED", "WRONG", "UNKNOWN", "TWICE", "DISORDER")

Fault = collections.namedtuple("Fault", "kind id detail")


def read_lines(*paths, deployment=""):
    """[(where, line)] of files of signals, in their order: of one deployment, as all that hosts say
    in an hour has no room in memory. A line that a kill cut short is none: its signal was not
    acknowledged."""
    lines = []
    begin = '{"id":"' + (f"{deployment}/" if deployment else "")
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.endswith("}\n") and line.startswith(begin):
                    lines.append((f"{path}:{number}", line))
    return lines


def id_of(line):
    """Without reading all of it: there are many."""
    return line[7:line.index('"', 7)]


def deployment_of(line):
    return id_of(line).split("/", 1)[0]


def part_and_offset(signal_id):
    """((topic, partition), (offset, ordinal)) of DEPLOYMENT/TOPIC/PARTITION/OFFSET/ORDINAL."""
    _, topic, partition, offset, ordinal = signal_id.rsplit("/", 4)
    return (topic, int(partition)), (int(offset), int(ordinal))


def _judge_content(said, expected):
    faults = []
    for signal_id, lines in said.items():
        right = expected.get(signal_id)
        others = [(where, line) for where, line in lines if line != right]
        if right is None:
            faults.append(Fault(UNKNOWN, signal_id, f"{lines[0][0]}: {lines[0][1]}"))
        elif len(others) == len(lines):
            faults.append(Fault(WRONG, signal_id, f"{others[0][0]}: {others[0][1]}instead of\n"
                                f"{right}"))
        elif others:
            faults.append(Fault(CHANGED, signal_id, f"{others[0][0]}: {others[0][1]}instead of\n"
                                f"{right}"))
    return faults


def _judge_once(lines):
    faults = []
    seen = {}
    last = {}
    for where, line in lines:
        signal_id = id_of(line)
        part, offset = part_and_offset(signal_id)
        if signal_id in seen:
            faults.append(Fault(TWICE, signal_id, f"{seen[signal_id]} and {where}"))
        elif offset < last.get(part, (-1, 0)):
            faults.append(Fault(DISORDER, signal_id, f"{where}: behind {last[part]}"))
        seen[signal_id] = where
        last[part] = max(offset, last.get(part, offset))
    return faults


def judge(lines, expected, is_once=False, ids_alone=False):
    """Faults of one deployment's `lines` ([(where, line)]), which should be `expected` ({id: line}).
    `ids_alone`: what they say may differ, as where nobody can promise in which order topics were
    read. For `is_once`, the lines are in the order in which a reader got them."""
    said = collections.defaultdict(list)
    for where, line in lines:
        said[id_of(line)].append((where, line))
    faults = [Fault(LOST, signal_id, line) for signal_id, line in expected.items()
              if signal_id not in said]
    if ids_alone:
        faults += [Fault(UNKNOWN, signal_id, lines[0][0]) for signal_id, lines in said.items()
                   if signal_id not in expected]
    else:
        faults += _judge_content(said, expected)
    return faults + (_judge_once(lines) if is_once else [])


def count_kinds(faults):
    return dict(collections.Counter(fault.kind for fault in faults))


def as_said_by(expected, deployment, twin):
    """What `twin` should say that has the messages of `deployment`, and the code."""
    renamed = {}
    for line in expected.values():
        twins = line.replace(f'{{"id":"{deployment}/', f'{{"id":"{twin}/', 1)
        for key in ("deployment", "strategy"):
            twins = twins.replace(f'"{key}":"{deployment}"', f'"{key}":"{twin}"', 1)
        renamed[id_of(twins)] = twins
    return renamed


def describe(faults, most=3):
    """The first ones of each kind."""
    text = []
    for kind, count in sorted(count_kinds(faults).items()):
        text.append(f"{kind}: {count}")
        first = [fault for fault in faults if fault.kind == kind][:most]
        text += [f"  {fault.id}: {fault.detail.strip()}" for fault in first]
    return "\n".join(text)


def check_is_signal(line):
    """Whether it is what the quick look takes it for."""
    signal = json.loads(line)
    return signal["id"] == id_of(line) and signal["deployment"] == deployment_of(line)
