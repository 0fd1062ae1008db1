#!/usr/bin/python3
"""`take5 capsule` of crashes that `take5 check` finds: each comes again, and a debugger stops at it."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import unittest

from harness.crash_sites import SITES, line
from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, environment

# By plugin: how its crash reads. What a case of check does that a replay of messages does not is below.
CRASHES = {
    "crash_message": r"SIGSEGV in on_message at bar_trends/0/\d+",
    "crash_timer": r"SIGSEGV in on_timer at bar_trends/0/\d+",
    "crash_save": r"SIGABRT in save on partition 0",
    "crash_load": r"SIGSEGV in load on partition 0",
    "crash_create": r"SIGSEGV in create on partition 0",
    "crash_constructor": r"SIGSEGV in open",
    "crash_maximum": r"SIGSEGV in create on partition 0",
    "few_partitions": r"SIGSEGV in create on partition [1-9]\d*",
    "exit_create": r"exit in create on partition 0",
    "fragile_missing": r"SIGSEGV in on_message at bar_trends/0/\d+",
    "fragile_extreme": r"SIGSEGV in on_message at bar_trends/0/\d+",
    "fragile_text": r"SIGSEGV in on_message at bar_trends/0/\d+",
    **{name: rf"SIG\w+ in on_message at bar_trends/0/\d+, in {site}$"
       for name, site in SITES.items()},
}

# An event of a kind that no host knows; the end of the process; a state that is damaged.
NOT_BY_MESSAGES = ("crash_event", "crash_exit", "state_trusts")


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


@unittest.skipIf(VARIANT != "plain", "a sanitizer has handlers of its own")
class Capsule(Offline):
    def setUp(self):
        super().setUp()
        self.capsule = self.path("capsule")

    def check(self, name, *arguments):
        return self.take5("check", "--capsule", self.capsule, *arguments, plugin(name),
                          code=1).stderr.decode()

    def verify(self, code=0):
        return json.loads(self.take5("capsule", "verify", "--json", self.capsule, code=code).stdout)

    def deep(self):
        """One whose lines are known."""
        self.check("crash_deep_store", "--case", "signals")
        return self.capsule

    def gdb(self, *arguments):
        return self.take5("capsule", "run", "--gdb", self.capsule, "--", "-batch", "-nx",
                          *arguments).stdout.decode()

    # ---- what comes again ----

    def test_each_crash_comes_again_three_times(self):
        for name, crash in CRASHES.items():
            with self.subTest(name):
                said = self.check(name)
                self.assertRegex(said, r"(?m)^capsule: ")
                found = self.verify()
                self.assertEqual((found["deployment"], found["reproduced"], found["same"]),
                                 (name, True, 3), found)
                self.assertRegex(found["crash"], f"^{crash}")
                self.assertEqual(found["attempts"], [found["crash"]] * 3)
                shutil.rmtree(self.capsule)

    def test_what_messages_do_not_bring_about_is_no_capsule(self):
        for name in NOT_BY_MESSAGES:
            with self.subTest(name):
                self.assertIn("no capsule: ", self.check(name))
                self.assertFalse(os.path.exists(self.capsule))

    def test_who_does_not_crash_has_none(self):
        self.take5("check", "--capsule", self.capsule, "--case", "life", plugin("good_v1"))
        self.assertFalse(os.path.exists(self.capsule))

    def test_settings_and_messages_are_those_that_crash(self):
        self.check("crash_message", "--set", "symbol=SPY", "--case", "signals")
        with open(os.path.join(self.capsule, "messages.jsonl"), encoding="utf-8") as file:
            messages = [json.loads(item) for item in file]
        symbols = [json.loads(message["payload"])["symbol"] for message in messages]
        self.assertEqual(symbols.index("SPY"), len(symbols) - 1, "it ends with the fatal message")
        self.assertGreater(len(symbols), 1)
        found = self.verify()
        self.assertTrue(found["crash"].startswith(
            f"SIGSEGV in on_message at bar_trends/0/{messages[-1]['offset']}"), found)

    def test_the_author_s_own_messages_are_those_of_its_capsule(self):
        day = self.write("day.jsonl", "".join(
            f'{{"topic":"bar_trends","partition":3,"offset":{number + 70},"ts":1718658930000,'
            f'"payload":"{{\\"symbol\\":\\"S{number}\\",\\"price\\":1}}"}}\n' for number in range(9)))
        self.check("crash_message", "--input", day, "--set", "symbol=S5", "--case", "signals")
        with open(os.path.join(self.capsule, "messages.jsonl"), encoding="utf-8") as file:
            self.assertEqual([json.loads(json.loads(item)["payload"])["symbol"] for item in file],
                             [f"S{number}" for number in range(6)])
        self.assertTrue(self.verify()["reproduced"])

    def test_its_messages_are_an_ordinary_recording(self):
        self.deep()
        done = subprocess.run(
            [TAKE5, "replay", "-q", "-c", os.path.join(self.capsule, "0.ini"),
             os.path.join(self.capsule, "strategies", "0-crash_deep_store.so"),
             os.path.join(self.capsule, "messages.jsonl")],
            env=environment({"TMPDIR": self.directory}), cwd=self.directory, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE)
        self.assertEqual(done.returncode, -signal.SIGSEGV, done.stderr)

    def test_it_is_for_this_user_alone(self):
        self.deep()
        for folder, _, names in os.walk(self.capsule):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700, folder)
            for name in names:
                path = os.path.join(folder, name)
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)

    def test_nothing_is_left_behind(self):
        self.deep()
        moment = self.path("moment")
        os.mkdir(moment)
        for arguments in (["verify", self.capsule],
                          ["run", "--gdb", self.capsule, "--", "-batch", "-nx", "-ex", "continue"]):
            self.take5("capsule", *arguments, variables={"TMPDIR": moment})
            self.assertEqual(os.listdir(moment), [], arguments)

    # ---- the debugger ----

    def test_gdb_stops_before_the_fatal_message_and_at_the_line(self):
        self.deep()
        said = self.gdb("-ex", "echo FIRST\\n", "-ex", "info symbol $pc", "-ex", "continue",
                        "-ex", "echo SECOND\\n", "-ex", "frame", "-ex", "up", "-ex", "info source")
        before, after = said.split("FIRST\n")[1].split("SECOND\n")
        self.assertIn("capsule_fatal_message_follows", before)
        self.assertIn("SIGSEGV", before.split("capsule_fatal_message_follows")[1])
        self.assertRegex(after, rf"(?m)^#0 .*deepest \(.*crash_deep\.c:{line('store')}$")
        self.assertRegex(after, rf"(?m)^#1 .*deep \(.*crash_deep\.c:{line('call')}$")

    def test_a_breakpoint_of_the_strategy_s_is_met_at_the_fatal_message_first(self):
        """All before it have been processed when gdb stops."""
        self.check("crash_deep_store", "--set", "offset=7", "--case", "signals")
        said = self.gdb("-ex", "break crash_deep.c:on_message", "-ex", "continue",
                        "-ex", "print message->offset")
        self.assertRegex(said, r"(?m)^\$1 = 7$")

    def test_without_gdb_it_stops_for_any_debugger(self):
        self.deep()
        process = self.start("capsule", "run", self.capsule, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             variables={"TMPDIR": self.directory})
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status), status)
        self.assertEqual(os.WSTOPSIG(status), signal.SIGSTOP)
        self.assertRegex(process.stderr.readline(), rb"fatal message comes next.*gdb -p")
        os.kill(process.pid, signal.SIGCONT)
        self.assertEqual(self.wait(process), -signal.SIGSEGV)

    def test_a_missing_gdb_is_said_with_its_package(self):
        self.deep()
        said = self.take5("capsule", "run", "--gdb", self.capsule, code=1,
                          variables={"PATH": self.directory}).stderr.decode()
        self.assertIn("install the package gdb", said)

    # ---- what is wrong with it ----

    def test_a_damaged_capsule_is_refused_by_the_name_of_the_file(self):
        self.deep()
        names = [os.path.relpath(os.path.join(folder, name), self.capsule)
                 for folder, _, names in os.walk(self.capsule) for name in names]
        self.assertIn("strategies/0-crash_deep_store.so", names)
        for name in names:
            path = os.path.join(self.capsule, name)
            with open(path, "rb") as file:
                whole = file.read()
            if not whole:
                continue
            for damage in ("flipped", "gone"):
                with self.subTest(f"{name} {damage}"):
                    if damage == "gone":
                        os.unlink(path)
                    else:
                        self.write(path, bytes([whole[0] ^ 1]) + whole[1:])
                    for verb in ("verify", "run"):
                        said = self.take5("capsule", verb, self.capsule, code=2).stderr.decode()
                        self.assertIn(name, said)
                    self.write(path, whole)
                    os.chmod(path, 0o600)
        self.assertTrue(self.verify()["reproduced"])

    def test_a_directory_that_is_not_empty_is_left_alone(self):
        os.mkdir(self.capsule)
        kept = self.write(os.path.join(self.capsule, "kept"), "mine")
        self.assertIn("not empty", self.check("crash_deep_store", "--case", "signals"))
        self.assertEqual(os.listdir(self.capsule), ["kept"])
        self.assertTrue(os.path.exists(kept))

    def test_wrong_uses(self):
        for arguments, said in ((["make", "x"], "-o DIRECTORY"), (["explode", "x"], "must be make"),
                                (["verify"], "give a crash file"),
                                (["run", "x", "--", "-batch"], "give --gdb")):
            self.assertIn(said, self.take5("capsule", *arguments, code=2).stderr.decode())
        self.take5("check", "--capsule", self.capsule, code=2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
