#!/usr/bin/python3
"""What the shells offer: the scripts of `take5 completion` in bash and zsh themselves."""
import os
import re
import subprocess
import unittest

from offline import TAKE5, Offline

ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_take5
if [ ${#COMPREPLY[@]} -gt 0 ]; then printf '%s\\n' "${COMPREPLY[@]}"; fi
"""

# What _take5 would give to zsh's own functions, a call a line.
ASK_ZSH = """
compdef() { : }
source "$1"; shift
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- "${(@P)2}" }
words=("$@") CURRENT=$#
_take5
"""


class Completion(Offline):
    def setUp(self):
        super().setUp()
        self.scripts = {shell: self.write(f"completion.{shell}",
                                          self.take5("completion", shell).stdout)
                        for shell in ("bash", "zsh")}

    def ask(self, shell, text, *words):
        options = {"bash": ["--norc"], "zsh": ["-f"]}[shell]
        done = subprocess.run([shell, *options, "-c", text, shell, self.scripts[shell], *words],
                              capture_output=True, text=True, cwd=self.directory, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout.splitlines()

    def bash(self, *words):
        return self.ask("bash", ASK_BASH, "take5", *words)

    def zsh(self, *words):
        return self.ask("zsh", ASK_ZSH, "take5", *words)

    def commands(self):
        return re.findall(r"^  ([\w-]+) ", self.take5("help").stdout.decode(), re.M)

    def options(self, command):
        text = self.take5(command, "--help").stdout.decode()
        return {option for row in re.findall(r"^  (?:    |(-\w)(?:, )?)(--[\w-]+)?", text, re.M)
                for option in row if option}

    def test_the_commands_are_offered(self):
        self.assertEqual(set(self.bash("")), {*self.commands(), "help"})
        self.assertEqual(self.bash("check"), ["check", "checkpoint"])
        self.assertEqual({line.split(":")[0] for line in self.zsh("")}, set(self.commands()))

    def test_the_options_of_each_command_are_offered(self):
        for command in self.commands():
            expected = self.options(command)
            self.assertIn("--help", expected)
            self.assertEqual(set(self.bash(command, "-")), expected, command)
            specs = self.zsh(command, "-")
            offered = {option for spec in specs
                       for option in re.findall(r"^\*(--?[\w-]*\w)[+=-]*\[", spec)}
            self.assertEqual(offered, expected - {"-h", "--help"}, command)

    def test_values_follow_their_options(self):
        self.write("take5.ini", "")
        self.write("day.jsonl", "")
        os.mkdir(self.path("folder"))
        self.assertEqual(self.bash("run", "-c", "take5"), ["take5.ini"])
        self.assertEqual(self.bash("ctl", "--run-dir", ""), ["folder"])
        self.assertEqual(set(self.bash("new", "--lang", "c")), {"c", "c++"})
        self.assertEqual(self.bash("feed", "--rate", ""), [])
        self.assertEqual(self.bash("replay", "d"), ["day.jsonl"])
        self.assertTrue(any(":FILE:_files" in spec for spec in self.zsh("run", "-c", "")))
        self.assertTrue(any(":(c c++ python)" in spec for spec in self.zsh("new", "")))

    def test_words_that_a_command_takes_are_offered(self):
        self.assertEqual(set(self.bash("ctl", "re")), {"reload", "reopen", "restart", "resume"})
        self.assertEqual(set(self.bash("dlq", "")), {"list", "show", "redrive"})
        self.assertEqual(set(self.bash("completion", "")), {"bash", "zsh"})
        self.assertTrue(any(":(list show verify)" in spec for spec in self.zsh("checkpoint", "")))

    def test_another_shell_is_refused(self):
        self.assertIn(b"usage: take5 completion", self.take5("completion", "fish", code=2).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
