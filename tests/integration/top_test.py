#!/usr/bin/python3
"""`take5 top` on a screen of 80 columns and 24 lines."""
import re
import shlex
import subprocess
import unittest

from harness import paths
from harness.demo import Demo
from harness.host import environment
from harness.screen import Screen, strategies
from harness.waiting import PATIENCE


class Top(Demo):
    def top(self, **size):
        command = [paths.HOST, "top", f"-stake5.run_dir={self.host.run_dir}", "--interval=300ms"]
        return Screen(self, shlex.join(command), **size)

    def test_it_fits_eighty_columns_and_twenty_four_lines(self):
        lines = self.top().wait("rates", lambda lines: re.search(
            r"(?m)^trend +running +[1-9]\d* +\d+\.\d% +\S+ [num]s +\S+ [num]s", "\n".join(lines)))
        self.assertRegex(lines[0], r"^take5  running, up \d.* \d\d:\d\d:\d\d$")
        self.assertEqual(len(lines[0]), 80)
        self.assertRegex(lines[1], r"^source  ok, lag (-|\d+), 12 partitions, connected to ")
        self.assertRegex(lines[2], r"^in \d+/s  bad \d+/s  signals \d+/s  dead letters \d+  "
                                   r"unconfirmed \d+")
        self.assertRegex(lines[3], r"^lane 0  \d+/s, 4 partitions, unconfirmed \d+")
        self.assertRegex(lines[4], r"^sink    log \(signals\) ok, queued \d+")
        self.assertRegex(lines[6], r"^STRATEGY +STATE +MSG/s +TIME +p50 +p99 +SIG/s +ERRORS$")
        self.assertEqual(len(lines[6]), 80)
        self.assertEqual(strategies(lines), ["cross", "momentum", "trend"])
        self.assertTrue(lines[23].startswith("q quit"))
        self.assertTrue(lines[23].rstrip().endswith("i invert"), lines[23])
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_keys_sort(self):
        screen = self.top()
        screen.wait("rates", lambda lines: re.search(r"(?m)^trend +running +[1-9]",
                                                     "\n".join(lines)))
        # trend gets three topics, the others one.
        screen.press("r")
        screen.wait("order by rate", lambda lines: strategies(lines)[:1] == ["trend"])
        screen.press("n")
        screen.press("i")
        screen.wait("order by name, inverted",
                    lambda lines: strategies(lines) == ["trend", "momentum", "cross"])
        screen.press("i")
        screen.wait("order by name", lambda lines: strategies(lines) == ["cross", "momentum", "trend"])

    def test_a_suspended_strategy_stands_out(self):
        screen = self.top()
        screen.wait("messages", lambda lines: re.search(r"(?m)^cross +running +[1-9]",
                                                        "\n".join(lines)))
        self.assertEqual(self.host.ctl("suspend", "cross")[0], 0)
        screen.wait("its state", lambda lines: re.search(r"(?m)^cross +OPERATOR +0 ",
                                                         "\n".join(lines)))
        self.assertEqual(self.host.ctl("resume", "cross")[0], 0)
        screen.wait("its state", lambda lines: re.search(r"(?m)^cross +running", "\n".join(lines)))

    def test_a_small_screen_shows_what_fits(self):
        lines = self.top(width=40, height=8).wait("something",
                                                  lambda lines: lines[0].startswith("take5"))
        self.assertTrue(lines[7].startswith("q quit"))

    def test_q_ends_it(self):
        screen = self.top()
        screen.wait("something", lambda lines: lines[0].startswith("take5"))
        screen.press("q")
        screen.wait("its end", lambda lines: "ended with 0" in lines[0])

    def test_without_a_terminal_it_says_what_to_use(self):
        done = subprocess.run([paths.HOST, "top", f"-stake5.run_dir={self.host.run_dir}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=environment(), timeout=30 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("take5 ctl status --watch", done.stderr)


class Gone(Demo):
    def test_a_host_that_is_gone_is_told_and_waited_for(self):
        command = [paths.HOST, "top", f"-stake5.run_dir={self.host.run_dir}", "--interval=200ms"]
        screen = Screen(self, shlex.join(command))
        screen.wait("something", lambda lines: lines[0].startswith("take5"))
        self.assertEqual(self.host.ctl("stop")[0], 0)
        screen.wait("word of it", lambda lines: "no response from take5 at" in lines[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
