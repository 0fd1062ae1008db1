"""What the recorder strategy (tests/plugins/recorder.c) wrote down, and judgements of it."""
import collections
import os

Record = collections.namedtuple("Record", "topic partition offset symbol version count")


def count_lines(path):
    if not os.path.exists(path):
        return 0
    lines = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
    return lines


def last_line(path):
    """Of a file that somebody appends whole lines to."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(-min(file.tell(), 1 << 16), os.SEEK_CUR)
        lines = file.read().decode("utf-8", "replace").splitlines()
    return lines[-1] if lines else ""


def read(path):
    """All records, in the order they were written. A last line that a kill cut short is none."""
    if not os.path.exists(path):
        return []
    records = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                break
            topic, partition, offset, symbol, version, count = line[:-1].split("\t")
            records.append(Record(topic, int(partition), int(offset), symbol, version, int(count)))
    return records


def offsets(records):
    """{(topic, partition): [offset...]}, in the order seen."""
    seen = collections.defaultdict(list)
    for record in records:
        seen[record.topic, record.partition].append(record.offset)
    return seen


def expected_offsets(tally):
    """{(topic, partition): how many} of a producer's tally."""
    return {(topic, int(partition)): count
            for topic, partitions in tally["partitions"].items()
            for partition, count in partitions.items()}


def add_tallies(*tallies):
    """The tally of producers that ran one after the other."""
    total = {"partitions": {}, "symbols": collections.Counter(), "delivered": 0}
    for tally in tallies:
        for topic, partitions in tally["partitions"].items():
            into = total["partitions"].setdefault(topic, collections.Counter())
            into.update(partitions)
        total["symbols"].update(tally["symbols"])
        total["delivered"] += tally["delivered"]
    total["partitions"] = {topic: dict(parts) for topic, parts in total["partitions"].items()}
    total["symbols"] = dict(total["symbols"])
    return total


def _some(numbers):
    numbers = sorted(numbers)
    return f"{len(numbers)} ({', '.join(map(str, numbers[:5]))}{', ...' if numbers[5:] else ''})"


def check_all_seen(test, records, tally):
    """Every offset at least once."""
    seen = offsets(records)
    for part, count in expected_offsets(tally).items():
        missing = set(range(count)) - set(seen.get(part, ()))
        test.assertFalse(missing, f"{part}: never seen: {_some(missing)} of {count}")


def check_exactly_once(test, records, tally):
    """Every offset once, in order."""
    seen = offsets(records)
    expected = expected_offsets(tally)
    test.assertEqual(set(seen), {part for part, count in expected.items() if count > 0})
    for part, count in expected.items():
        got = seen.get(part, [])
        if got == list(range(count)):
            continue
        repeated = [n for n, times in collections.Counter(got).items() if times > 1]
        missing = set(range(count)) - set(got)
        test.fail(f"{part}: missing {_some(missing)}, repeated {_some(repeated)} of {count}"
                  f"{'' if missing or repeated else ', and out of order'}")


def check_in_order(test, records):
    """Never an offset twice or backwards."""
    for part, got in offsets(records).items():
        for before, after in zip(got, got[1:]):
            test.assertLess(before, after, f"{part}: {after} came after {before}")


def check_counts_run_on(test, records, tally=None):
    """Each symbol counted 1, 2, 3 ...: no state was lost or doubled; at the end as many as sent."""
    counts = collections.Counter()
    for record in records:
        counts[record.symbol] += 1
        test.assertEqual(record.count, counts[record.symbol],
                         f"{record}: its count should be {counts[record.symbol]}")
    if tally is not None:
        test.assertEqual(dict(counts), tally["symbols"])
