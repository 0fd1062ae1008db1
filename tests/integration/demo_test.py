#!/usr/bin/python3
"""`take5 run --demo` brings its own broker and feed, and sums up at its end."""
import re
import signal
import subprocess
import tempfile
import unittest

from harness import paths
from harness.host import environment
from harness.process import Process
from harness.waiting import PATIENCE

SUMMARY = (r"(\d+) messages in, (\d+) decoded, (\d+) bad, (\d+) signals, "
           r"\d+ messages/s")


class Demo(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="take5-")
        self.addCleanup(self.directory.cleanup)

    def check_summary(self, text):
        match = re.search(SUMMARY, text)
        self.assertIsNotNone(match, text)
        messages, decoded, bad, signals = map(int, match.groups())
        self.assertEqual(messages, decoded + bad)
        self.assertGreater(messages, 0)
        self.assertGreater(signals, 0)

    def test_it_ends_by_itself_with_a_summary(self):
        done = subprocess.run([paths.HOST, "run", "--demo", "--for", f"{int(12 * PATIENCE)}s"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=environment(),
                              cwd=self.directory.name, timeout=120 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.check_summary(done.stdout)
        for strategy in ("momentum", "trend", "cross"):
            self.assertIn(f"{strategy}: loaded", done.stdout)

    def test_ctrl_c_ends_it_as_well(self):
        log = f"{self.directory.name}/log"
        demo = Process([paths.HOST, "run", "--demo"], log, environment=environment(),
                       directory=self.directory.name)
        demo.wait_log(r"by trend", 60)
        demo.signal(signal.SIGINT)
        self.assertEqual(demo.wait(30), 0)
        self.check_summary(demo.log())

    def test_a_configurations_strategies_are_used(self):
        ini = f"{self.directory.name}/take5.ini"
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nstrategy_dir = {paths.BUILD}/strategies\n"
                       "[strategy:momentum]\nenabled = no\n[strategy:mine]\nplugin = momentum\n"
                       "window = 1s\nthreshold = 0.001\n")
        done = subprocess.run([paths.HOST, "run", "--demo", "-c", ini, "--for",
                               f"{int(8 * PATIENCE)}s"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment(), cwd=self.directory.name, timeout=120 * PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("mine: loaded", done.stdout)
        self.assertNotIn("momentum: loaded", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
