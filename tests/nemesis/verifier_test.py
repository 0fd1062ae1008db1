#!/usr/bin/python3
"""The verifier of the nemesis finds in what hosts once said (recorded.jsonl: four signals of each of
two partitions, from a run with a kill, so that some were said again) what is planted there, and
nothing else."""
import os
import unittest

import verifier

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded.jsonl")


def change(line):
    """The digest of a strategy that knew something else."""
    at = line.index('"digest":"') + len('"digest":"')
    return line[:at] + ("1" if line[at] == "0" else "0") + line[at + 1:]


class Verifier(unittest.TestCase):
    def setUp(self):
        self.lines = verifier.read_lines(RECORDED)
        self.expected = {verifier.id_of(line): line for _, line in self.lines}
        self.again = next(at for at, (_, line) in enumerate(self.lines) if line in
                          [before for _, before in self.lines[:at]])

    def kinds(self, **options):
        return verifier.count_kinds(verifier.judge(self.lines, self.expected, **options))

    def plant(self, at, line):
        self.lines[at] = (self.lines[at][0], line)

    def test_what_was_said_again_with_the_same_content_is_no_fault(self):
        self.assertGreater(len(self.lines), len(self.expected))
        self.assertTrue(all(verifier.check_is_signal(line) for _, line in self.lines))
        self.assertEqual(self.kinds(), {})

    def test_a_loss_is_found(self):
        lost = verifier.id_of(self.lines[0][1])
        self.lines = [item for item in self.lines if verifier.id_of(item[1]) != lost]
        faults = verifier.judge(self.lines, self.expected)
        self.assertEqual([(fault.kind, fault.id) for fault in faults], [(verifier.LOST, lost)])
        self.assertEqual(self.kinds(ids_alone=True), {verifier.LOST: 1})

    def test_a_repeat_with_other_content_is_found(self):
        self.plant(self.again, change(self.lines[self.again][1]))
        self.assertEqual(self.kinds(), {verifier.CHANGED: 1})
        self.assertEqual(self.kinds(ids_alone=True), {})

    def test_a_first_one_with_other_content_is_found(self):
        first = [line for _, line in self.lines].index(self.lines[self.again][1])
        self.plant(first, change(self.lines[first][1]))
        self.assertEqual(self.kinds(), {verifier.CHANGED: 1})

    def test_a_state_that_was_not_right_is_found(self):
        """In all that was said behind it."""
        wrong = [verifier.id_of(line) for _, line in self.lines[:2]]
        for at, (_, line) in enumerate(self.lines):
            if verifier.id_of(line) in wrong:
                self.plant(at, change(line))
        self.assertEqual(self.kinds(), {verifier.WRONG: len(set(wrong))})

    def test_what_nobody_should_say_is_found(self):
        self.expected.pop(verifier.id_of(self.lines[0][1]))
        self.assertEqual(self.kinds(), {verifier.UNKNOWN: 1})
        self.assertEqual(self.kinds(ids_alone=True), {verifier.UNKNOWN: 1})

    def test_with_exactly_once_a_repeat_is_a_fault(self):
        again = len(self.lines) - len(self.expected)
        self.assertEqual(self.kinds(is_once=True), {verifier.TWICE: again})

    def test_with_exactly_once_the_order_counts(self):
        self.lines = [self.lines[at] for at in
                      (max(at for at, (_, other) in enumerate(self.lines) if other == line)
                       for line in self.expected.values())]
        self.lines.sort(key=lambda item: verifier.part_and_offset(verifier.id_of(item[1])))
        self.assertEqual(self.kinds(is_once=True), {})
        self.lines[0], self.lines[1] = self.lines[1], self.lines[0]
        self.assertEqual(self.kinds(is_once=True), {verifier.DISORDER: 1})

    def test_a_line_that_a_kill_cut_short_is_none(self):
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"nemesis-{os.getpid()}.jsonl")
        with open(RECORDED, encoding="utf-8") as file:
            text = file.read()
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text[:40] + "\n" + text + text[:40])
            self.assertEqual([line for _, line in verifier.read_lines(path)],
                             [line for _, line in self.lines])
        finally:
            os.unlink(path)

    def test_a_twin_is_judged_by_the_other_ones_lines(self):
        twins = verifier.as_said_by(self.expected, "solo", "twin")
        self.assertEqual(len(twins), len(self.expected))
        self.assertTrue(all(verifier.deployment_of(line) == "twin" and '"solo"' not in line and
                            verifier.check_is_signal(line) for line in twins.values()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
