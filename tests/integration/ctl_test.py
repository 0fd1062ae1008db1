#!/usr/bin/python3
"""`take5 ctl`: every request says what it did."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.error

from harness import paths
from harness.demo import Demo
from harness.host import environment
from harness.waiting import PATIENCE, wait_for


class Ctl(Demo):
    OPTIONS = ("take5.keep_state=yes",)

    def setUp(self):
        self.host.wait_json("it works", "/strategies/trend", lambda a: a["messages"] > 0)

    def test_the_status_is_a_table_for_people(self):
        code, out, _ = self.host.ctl("status")
        self.assertEqual(code, 0)
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^take5  running, up \d+ s$")
        self.assertRegex(out, r"(?m)^source     connected, 12 partitions of topics, lag ")
        self.assertRegex(out, r"(?m)^messages   [\d,]+, bad [\d,]+; signals ")
        self.assertRegex(out, r"(?m)^lane 0     [\d,]+ messages, 4 partitions, unconfirmed ")
        self.assertRegex(out, r"(?m)^sink       log \(signals\): ok, ")
        self.assertRegex(out, r"(?m)^STRATEGY +VERSION +GEN STATE +MESSAGES +SIGNALS ")
        for name in ("cross", "momentum", "trend"):
            self.assertRegex(out, rf"(?m)^{name} +1\.0\.0 +\d running ")
        self.assertLessEqual(max(map(len, lines[:1] + lines[5:])), 100)

    def test_the_status_as_json(self):
        code, out, _ = self.host.ctl("--json", "status")
        self.assertEqual(code, 0)
        self.assertEqual([s["name"] for s in json.loads(out)["strategies"]],
                         ["cross", "momentum", "trend"])

    def test_watching_shows_rates_until_it_is_ended(self):
        with subprocess.Popen([paths.HOST, "ctl", f"-stake5.run_dir={self.host.run_dir}", "status",
                               "--watch=200ms"], stdout=subprocess.PIPE, text=True,
                              env=environment()) as watching:
            seen = ""
            while seen.count("MESSAGES/s") < 2:
                line = watching.stdout.readline()
                self.assertTrue(line, seen)
                seen += line
            watching.send_signal(signal.SIGINT)
        self.assertRegex(seen, r"(?m)^messages   [\d,]+ \(\d+/s\)")

    def test_reloads_in_a_row_are_each_told_of(self):
        mark = self.host.process.log_size()
        for _ in range(2):
            self.assertEqual(self.host.ctl("reload")[0], 0)
        wait_for(lambda: f"both; the log says {self.host.process.log(mark)}",
                 lambda: len(self.host.process.events("reload.summary", mark)) == 2, 20)

    def test_suspend_and_resume(self):
        code, out, _ = self.host.ctl("suspend", "momentum")
        self.assertEqual((code, out), (0, "momentum: suspended; resume delivers its messages\n"))
        out = self.host.ctl("status")[1]
        self.assertRegex(out, r"(?m)^momentum +1\.0\.0 +\d suspended ")
        self.assertIn("suspended: operator", out)
        code, out, _ = self.host.ctl("resume", "momentum")
        self.assertEqual((code, out), (0, "momentum: resumed\n"))
        wait_for(lambda: self.host.ctl("status")[1],
                 lambda: re.search(r"(?m)^momentum +1\.0\.0 +\d running ",
                                   self.host.ctl("status")[1]), 30)

    def test_a_checkpoint_is_taken_now(self):
        def taken():
            code, out, _ = self.host.ctl("checkpoint")
            self.assertEqual(code, 0, out)
            return re.fullmatch(r"[1-4] checkpoints? written\n", out)

        wait_for(lambda: "a checkpoint, since messages come all the time", taken, 30)
        self.assertRegex(self.host.ctl("status")[1],
                         r"(?m)^state      saved \d+ s to \d+ s ago, [\d,]+ bytes, "
                         r"\d+ checkpoints; pause ")
        kept = json.loads(self.host.ctl("--json", "status")[1])["checkpoints"]
        self.assertTrue(kept["kept"] and kept["ok"], kept)
        self.assertGreater(kept["written"], 0)
        metrics = self.host.ask("/metrics")[2]
        self.assertRegex(metrics, r'(?m)^take5_checkpoint_age_seconds\{partition="\d"\} [\d.]+$')
        self.assertRegex(metrics, r"(?m)^take5_checkpoint_up 1$")
        self.assertEqual(self.host.ctl("checkpoint", "trend")[0], 1)

    def test_state_that_cannot_be_saved_is_seen_everywhere_and_so_is_its_end(self):
        host = self.start("full")
        checkpoints = glob.glob(os.path.join(self.directory, "full", "**", "checkpoints"),
                                recursive=True)
        self.assertEqual(len(checkpoints), 1)
        host.wait_json("messages", "/strategies/trend", lambda a: a["messages"] > 0)
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        host.wait_json("one of each", "/stats",
                       lambda a: len(a["checkpoints"]["partitions"]) == 4)
        for number in range(4):  # where their directories are to be
            place = os.path.join(checkpoints[0], str(number))
            shutil.rmtree(place, ignore_errors=True)
            with open(place, "w", encoding="utf-8"):
                pass

        def checks():
            return {c["name"]: c for c in json.loads(host.ask("/health/ready")[2])["checks"]}

        wait_for(lambda: "a checkpoint that fails", lambda: host.ctl("checkpoint")[0] == 1, 30)
        self.assertIn("state      NOT SAVED", host.ctl("status")[1])
        self.assertEqual(checks()["checkpoints"]["status"], "warn")
        self.assertEqual(host.ask("/health/ready")[0], 200)
        self.assertRegex(host.ask("/metrics")[2], r"(?m)^take5_checkpoint_up 0$")
        host.process.wait_event("checkpoint.failing")
        for number in range(4):
            os.remove(os.path.join(checkpoints[0], str(number)))
        wait_for(lambda: host.ctl("checkpoint")[1],
                 lambda: host.ctl("checkpoint")[0] == 0 and
                 checks()["checkpoints"]["status"] == "ok", 30)
        host.process.wait_event("checkpoint.recovered")
        host.process.kill()

    def test_without_state_there_is_no_checkpoint_to_take(self):
        host = self.start("forgetful", ["take5.keep_state=no"])
        code, out, _ = host.ctl("checkpoint")
        self.assertEqual((code, out), (1, "no state is saved ([take5] keep_state = no)\n"))
        self.assertIn("state      is not kept", host.ctl("status")[1])
        host.process.kill()

    def test_what_cannot_be_done_says_so(self):
        code, out, _ = self.host.ctl("suspend", "nobody")
        self.assertEqual((code, out), (1, 'deployment "nobody" is not running\n'))
        code, out, _ = self.host.ctl("conquer")
        self.assertEqual(code, 1)
        self.assertIn("drain", out)
        code, out, _ = self.host.ctl("--json", "suspend", "nobody")
        self.assertEqual((code, json.loads(out)),
                         (1, {"ok": False, "answer": 'deployment "nobody" is not running'}))
        # Somebody who means to suspend one does not end the host.
        code, out, _ = self.host.ctl("stop", "momentum")
        self.assertEqual(code, 1)
        self.assertIn("suspend NAME", out)
        self.assertEqual(self.host.ctl("status")[0], 0)
        self.assertEqual(self.host.ctl()[0], 2)
        self.assertEqual(self.host.ctl("--watch=1", "status")[0], 2)
        self.assertEqual(self.host.ctl("--watch", "reload")[0], 2)

    def test_the_log_level_of_a_room(self):
        code, out, _ = self.host.ctl("log-level", "ops", "debug")
        self.assertEqual((code, out), (0, "ops: DEBUG\n"))
        start = self.host.process.log_size()
        self.host.ask("/health")
        self.host.process.wait_log(r"DEBUG +ops +http: GET /health: 200", start=start)
        self.assertEqual(self.host.ctl("log-level", "ops", "INFO")[0], 0)
        self.assertEqual(self.host.ctl("log-level", "loud")[0], 1)

    def test_a_reload_tells_what_became_of_each(self):
        code, out, _ = self.host.ctl("reload")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"(?m)^trend: kept 1\.0\.0$")
        self.assertRegex(out, r"(?m)^pause [\d.]+ ms, took \d+ ms$")
        self.assertTrue(json.loads(self.host.ctl("--json", "reload")[1])["ok"])

    def ask(self, *arguments):
        return subprocess.run([paths.HOST, "ctl", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=environment(),
                              timeout=60 * PATIENCE, check=False)

    def test_a_configuration_that_is_broken_just_now_is_no_hindrance(self):
        path = os.path.join(self.directory, "broken.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nrun_dir = {self.host.run_dir}\nlanes = ma\n[kafka]\n"
                       "sasl.password.file = /none\n[strategy:x\n")
        done = self.ask("-c", path, "status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the configuration has errors", done.stderr)
        self.assertRegex(done.stdout, r"^take5  running")

    def test_the_place_alone_is_enough(self):
        for option in (f"--run-dir={self.host.run_dir}",
                       f"--socket={self.host.run_dir}/control.sock"):
            done = self.ask("-c", "/none", option, "status")
            self.assertEqual((done.returncode, done.stderr), (0, ""), option)
            self.assertRegex(done.stdout, r"^take5  running")
        self.assertEqual(self.ask("--run-dir=/a", "--socket=/b", "status").returncode, 2)

    def test_no_host_is_an_error_that_says_what_to_do(self):
        done = self.ask("--run-dir", f"{self.directory}/none", "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.directory}/none/control.sock", done.stderr)
        self.assertIn("Start it: ", done.stderr)

    def test_a_host_that_was_killed_is_told_from_one_that_never_was(self):
        path = os.path.join(self.directory, "dead.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        done = self.ask("--socket", path, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("after a crash or a kill", done.stderr)

    def test_no_host_is_an_error_that_names_the_socket(self):
        done = subprocess.run([paths.HOST, "ctl", f"-stake5.run_dir={self.directory}/none",
                               "status"], capture_output=True, text=True, env=environment(),
                              timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.directory}/none/control.sock", done.stderr)


class Told(Demo):
    """What `systemctl status` shows, heard by a socket of the test's own."""

    OPTIONS = ("take5.stats_interval=0",)

    @classmethod
    def setUpClass(cls):
        cls.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.heard.bind("")  # a free abstract name
        os.environ["NOTIFY_SOCKET"] = "@" + cls.heard.getsockname()[1:].decode()
        try:
            super().setUpClass()
        finally:
            del os.environ["NOTIFY_SOCKET"]

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.heard.close()

    def hear(self, pattern):
        """Until a status line of that kind comes."""
        self.heard.settimeout(60 * PATIENCE)
        while True:
            for line in self.heard.recv(4096).decode().splitlines():
                if re.search(pattern, line):
                    return line

    def test_the_status_line_tells_broker_partitions_and_that_it_drains(self):
        self.hear(r"^STATUS=connected to 127\.0\.0\.1:\d+, 12 partitions$")
        code, out, _ = self.host.ctl("drain")
        self.assertEqual(code, 0, out)
        self.hear(r"^STATUS=draining, no messages are read; connected to .*, 12 partitions$")
        self.assertEqual(self.host.ctl("drain", "off")[0], 0)
        self.hear(r"^STATUS=connected to .*, 12 partitions$")
        self.assertNotRegex(self.host.process.log(), r"\bengine +messages \d", "0 is never")


class Stop(Demo):
    def test_a_stop_waits_until_it_is_gone(self):
        pid = self.host.process.pid
        # A demo that had no message has failed.
        wait_for("a message", lambda: json.loads(self.host.ctl("status", "--json")[1])
                 ["totals"]["messages"] > 0, 60)
        code, out, err = self.host.ctl("stop")
        self.assertEqual(code, 0, out + err)
        self.assertRegex(out, r"stopped after [\d.]+ s")
        # It is ours to reap.
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            self.assertEqual(file.read().rsplit(")", 1)[1].split()[0], "Z")
        self.assertEqual(self.host.process.wait(1), 0)
        self.assertEqual(self.host.ctl("stop")[0], 1)


class Stopping(Demo):
    """A callback that hangs holds a stop up: time to look."""

    OPTIONS = ("take5.on_stuck=report", "take5.shutdown_timeout=3s", "take5.rehearsal_messages=0")

    @classmethod
    def setUpClass(cls):
        cls.OPTIONS = (*cls.OPTIONS,
                       f"take5.strategy_dir={os.path.dirname(paths.strategy('hang_message'))}/only")
        folder = cls.OPTIONS[-1].split("=", 1)[1]
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(folder, "hang_message.so")
        with open(paths.strategy("hang_message"), "rb") as source, open(link, "wb") as target:
            target.write(source.read())
        os.chmod(link, 0o755)
        super().setUpClass()

    def test_not_ready_as_soon_as_it_stops(self):
        self.host.wait_json("it hangs", "/stats",
                            lambda a: any(lane["in_callback"] for lane in a["lanes"]))
        self.host.process.signal(signal.SIGTERM)
        seen = []

        def is_stopping():
            try:
                status, _, body = self.host.ask("/health/ready")
            except (urllib.error.URLError, ConnectionError):
                return True
            seen.append((status, json.loads(body)["checks"][0]))
            return seen[-1][1]["detail"] == "stopping"

        wait_for("a stop to show", is_stopping, 20)
        self.assertTrue(seen and seen[-1][0] == 503 and seen[-1][1]["detail"] == "stopping", seen)
        began = time.monotonic()
        self.assertEqual(self.host.process.wait(60), 1)
        self.assertLess(time.monotonic() - began, 60 * PATIENCE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
