"""What the strategy `chain` (tests/plugins/chain.c) said, and the order in which it was handed its
messages, which its signals tell."""
import collections
import contextlib
import json
import os

EVERY = 5  # of chain.c
START = "cbf29ce484222325"


class Said:
    """A line of a host's signals."""

    def __init__(self, line):
        self.line = line
        self.json = json.loads(line)
        self.id = self.json["id"]
        self.data = self.json["data"]
        self.partition = self.json["partition"]

    def slim(self):
        """Without the text: of many there is no room."""
        self.line = self.json = None
        self.data = {key: self.data[key] for key in ("before", "after", "seen")}
        return self

    def seen(self):
        """[(topic, from, to)], `to` None for a message."""
        for entry in self.data["seen"].split(","):
            topic, offsets = entry.split(":")
            first, _, to = offsets.partition("-")
            yield int(topic), int(first), int(to) if to else None


def read_said(path, deployment="chain"):
    """All that a deployment said, in order. A line that a kill cut short is none."""
    said = []
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        for line in file:
            if f'"deployment":"{deployment}"' not in line:
                continue
            with contextlib.suppress(json.JSONDecodeError):
                said.append(Said(line))
    return said


def _check(condition, text):
    if not condition:
        raise AssertionError(text)


def final_chain(said, partition):
    """The signals that lead to the last one, in their order."""
    mine = [item for item in said if item.partition == partition]
    after = {item.data["after"]: item for item in mine}
    chain = [mine[-1]]
    while chain[-1].data["before"] != START:
        before = after.get(chain[-1].data["before"])
        _check(before is not None, f"what this one knew nobody has said: {chain[-1].line}")
        _check(len(chain) < len(mine), "a ring")
        chain.append(before)
    return chain[::-1]


def order_of(chain, partition, counts, gaps):
    """[(topic, offset)] of all messages, as the chain was handed them; those behind its end in any
    order. `counts`: how many each topic has. Complains of one that is missing, doubled, or in
    another place; appends (topic, partition, from, to) to `gaps`."""
    order = []
    expect = collections.Counter()
    for item in chain:
        for topic, first, to in item.seen():
            _check(first == expect[topic], f"of topic {topic}, partition {partition}: {first} is "
                   f"not {expect[topic]}: {item.line}")
            if to is not None:
                gaps.append((topic, partition, first, to))
            else:
                order.append((topic, first))
            expect[topic] = to if to is not None else first + 1
    for topic, count in enumerate(counts):
        _check(expect[topic] > count - 1 - (count - 1) % EVERY,
               f"topic {topic}, partition {partition}: signals end at {expect[topic]} of {count}")
        order += ((topic, offset) for offset in range(expect[topic], count))
    return order


def replay(host, directory, topics, orders):
    """All that an uninterrupted run with the host's configuration says: the path. `orders` is the
    order of the messages, {partition: [(topic, offset)]}, `topics` are their names."""
    journal, recording, out = (os.path.join(directory, name)
                               for name in ("order", "recording", "replayed"))
    with open(journal, "w", encoding="utf-8") as file:
        for partition, order in orders.items():
            file.writelines(f"{topics[topic]} {partition} {offset} 1\n" for topic, offset in order)
    for command in (("record", "-q", "-c", host.ini, "-o", recording),
                    ("replay", "-q", "-c", host.ini, "--journal", journal, "-o", out, recording)):
        code, _, error = host.take5(*command, timeout_s=600)
        _check(code == 0, error)
    return out
