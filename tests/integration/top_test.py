#!/usr/bin/python3
"""`take5 top` on a screen of 80 columns and 24 lines."""
import os
import re
import shlex
import subprocess
import unittest

from harness import paths
from harness.demo import Demo
from harness.host import environment
from harness.waiting import PATIENCE, wait_for


class Screen:
    """A terminal of its own, by tmux."""

    def __init__(self, test, command, width=80, height=24):
        # On a busy machine tmux sometimes gives up on the server that it has just started.
        for attempt in range(5):
            self.socket = os.path.join(test.directory, f"tmux-{id(self)}-{attempt}")
            try:
                self.tmux("new-session", "-d", "-x", str(width), "-y", str(height),
                          f"timeout --foreground 300 {command}; echo ended with $?; sleep 60")
                break
            except subprocess.CalledProcessError as error:
                if attempt == 4:
                    raise AssertionError(f"tmux: {error.stderr}") from error
        test.addCleanup(self.tmux, "kill-server")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, *arguments],
                              capture_output=True, text=True, check=True,
                              env={**environment(), "TERM": "screen", "LC_ALL": "C.UTF-8"},
                              timeout=30 * PATIENCE).stdout

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")

    def press(self, key):
        self.tmux("send-keys", key)

    def wait(self, what, probe, timeout_s=60):
        last = [[]]

        def look():
            last[0] = self.lines()
            return probe(last[0])

        wait_for(lambda: f"{what}; the screen is\n" + "\n".join(last[0]), look, timeout_s)
        return last[0]


def names(lines):
    """Of the strategies, in the order shown."""
    start = next((i for i, line in enumerate(lines) if line.startswith("STRATEGY")), len(lines))
    return [line.split()[0] for line in lines[start + 1:]
            if line.strip() and not line.startswith("q quit")]


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
        self.assertEqual(names(lines), ["cross", "momentum", "trend"])
        self.assertTrue(lines[23].startswith("q quit"))
        self.assertTrue(lines[23].rstrip().endswith("i invert"), lines[23])
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_keys_sort(self):
        screen = self.top()
        screen.wait("rates", lambda lines: re.search(r"(?m)^trend +running +[1-9]",
                                                     "\n".join(lines)))
        # trend gets three topics, the others one.
        screen.press("r")
        screen.wait("order by rate", lambda lines: names(lines)[:1] == ["trend"])
        screen.press("n")
        screen.press("i")
        screen.wait("order by name, inverted",
                    lambda lines: names(lines) == ["trend", "momentum", "cross"])
        screen.press("i")
        screen.wait("order by name", lambda lines: names(lines) == ["cross", "momentum", "trend"])

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
