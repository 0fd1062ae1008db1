#!/usr/bin/python3
"""What others could have written is refused: hosts without a broker, as a user who is not root."""
import os
import re
import shutil
import subprocess
import time
import unittest

from harness.waiting import wait_for
from offline import BUILD, PATIENCE, TAKE5, Offline, environment

NOBODY = 65534  # who runs the host
SOMEBODY = 12345  # who would like to
EXIT_CONFIG = 78
GOOD = os.path.join(BUILD, "tests", "plugins", "good_v1.so")


@unittest.skipIf(os.geteuid() != 0, "only root can give files away and become somebody else")
class Trust(Offline):
    def setUp(self):
        super().setUp()
        os.umask(0o022)
        os.chmod(self.directory, 0o755)
        self.site = self.make("site")
        for name in ("strategies", "strategies.d"):
            self.make(f"site/{name}")
        self.lives = self.make("lives", owner=NOBODY)
        self.ini = self.write("site/take5.ini", f"""
[take5]
strategy_dir = {self.site}/strategies
state_dir = {self.lives}/state
cache_dir = {self.lives}/cache
run_dir = {self.lives}/run
[kafka]
bootstrap.servers = 127.0.0.1:1
group.id = trust
[signals]
sinks = log
[dead_letters]
to = none
[http]
enabled = no
""")
        self.good = shutil.copy(GOOD, self.path("site/strategies/good.so"))

    def make(self, name, mode=0o755, owner=0):
        os.makedirs(self.path(name), exist_ok=True)
        os.chmod(self.path(name), mode)
        os.chown(self.path(name), owner, owner)
        return self.path(name)

    def as_service(self, *arguments, user=NOBODY):
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                TAKE5, *map(str, arguments)]

    def refused(self, pattern, *options, code=EXIT_CONFIG):
        """A start that ends by itself, and says why."""
        done = subprocess.run(self.as_service("run", "-c", self.ini, *options), cwd="/",
                              env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60 * PATIENCE, check=False)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        self.assertRegex(said, pattern)
        self.assertNotIn("loaded", said)

    def run_host(self, *options, says=""):
        """A start that comes to work and says so; its process, its log and its status."""
        log = open(self.path("log"), "wb+")
        self.addCleanup(log.close)
        process = subprocess.Popen(self.as_service("run", "-c", self.ini, *options), cwd="/",
                                   env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=log)

        def end():
            process.kill()
            process.wait()

        self.addCleanup(end)
        until = time.monotonic() + 60 * PATIENCE
        while True:
            with open(self.path("log"), encoding="utf-8") as file:
                said = file.read()
            done = subprocess.run(
                [TAKE5, "ctl", "--run-dir", f"{self.lives}/run", "--json", "status"],
                capture_output=True, check=False, env=environment(), cwd="/")
            if done.returncode == 0 and re.search(says, said):
                return process, said, done.stdout.decode()
            self.assertIsNone(process.poll(), said)
            self.assertLess(time.monotonic(), until, said)
            time.sleep(0.05)

    def stopped(self, process):
        process.terminate()
        process.wait(60 * PATIENCE)

    def test_a_site_of_roots_and_directories_of_its_own_are_well(self):
        process, said, status = self.run_host()
        self.assertIn('"name":"good"', status)
        for name in ("state", "cache", "run"):
            self.assertEqual(os.stat(f"{self.lives}/{name}").st_mode & 0o7777, 0o700)
        self.assertNotRegex(said, "mode changed")
        self.stopped(process)

    def test_a_configuration_that_others_may_write(self):
        os.chmod(self.ini, 0o664)
        self.refused(r"take5\.ini: mode 0664 lets group 0 write")
        os.chmod(self.ini, 0o644)
        os.chown(self.ini, SOMEBODY, SOMEBODY)
        self.refused(r"take5\.ini: owned by user 12345")
        os.chown(self.ini, 0, 0)
        os.chmod(self.site, 0o777)
        self.refused(r"site: mode 0777 lets everyone write")
        os.chmod(self.site, 0o755)
        self.make("site/strategies.d", mode=0o775)
        self.refused(r"strategies\.d: mode 0775 lets group 0 write")
        self.make("site/strategies.d")
        alpha = self.write("site/strategies.d/alpha.ini", "[strategy:alpha]\nplugin = good\n")
        os.chmod(alpha, 0o666)
        self.refused(r"alpha\.ini: mode 0666 lets everyone write")
        os.chmod(alpha, 0o644)
        os.chmod(self.directory, 0o757)
        self.refused(r"mode 0757 lets everyone write")
        os.chmod(self.directory, 0o755)
        self.stopped(self.run_host()[0])

    def test_a_file_cannot_call_itself_trusted(self):
        with open(self.ini, "a", encoding="utf-8") as file:
            file.write("[log]\nlevel = INFO\n")
        with open(self.ini, encoding="utf-8") as file:
            text = file.read()
        with open(self.ini, "w", encoding="utf-8") as file:
            file.write(text.replace("[take5]", "[take5]\nstrict_modes = no", 1))
        os.chmod(self.ini, 0o666)
        self.refused(r"take5\.ini: mode 0666.*-s take5\.strict_modes=no")
        process, _, status = self.run_host("-s", "take5.strict_modes=no")
        self.assertIn('"name":"good"', status)
        self.stopped(process)
        os.chmod(self.ini, 0o644)
        os.chmod(self.good, 0o666)  # for what is not itself its word counts
        self.stopped(self.run_host()[0])

    def test_check_says_what_run_would(self):
        os.chmod(self.ini, 0o666)
        done = subprocess.run(self.as_service("check", "-c", self.ini), capture_output=True,
                              cwd="/", env=environment(), timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, EXIT_CONFIG)
        self.assertIn(b"take5.ini: mode 0666 lets everyone write", done.stderr)

    def test_the_control_group_may_write_strategies_and_their_ini_files_alone(self):
        for name in ("strategies", "strategies.d"):
            os.chown(self.path(f"site/{name}"), 0, 1)  # daemon
            os.chmod(self.path(f"site/{name}"), 0o2775)
        alpha = self.write("site/strategies.d/alpha.ini", "[strategy:alpha]\nplugin = good\n")
        for path in (alpha, self.good):
            os.chown(path, SOMEBODY, 1)
            os.chmod(path, 0o664)
        options = ("-s", "control.group=daemon")
        done = subprocess.run(self.as_service("check", "-c", self.ini, *options),
                              capture_output=True, cwd="/", env=environment(),
                              timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.refused(r"strategies\.d: mode 2775 lets group 1 write")
        os.chown(self.ini, 0, 1)
        os.chmod(self.ini, 0o664)
        self.refused(r"take5\.ini: mode 0664 lets group 1 write", *options)

    def test_strategies_on_a_way_that_others_may_write(self):
        """The directory and the file are well; what leads to them is not."""
        self.make("open/inner")
        shutil.copy(GOOD, self.path("open/inner/good.so"))
        os.chmod(self.path("open"), 0o777)
        options = ("-s", f"take5.strategy_dir={self.path('open/inner')}")
        self.refused(r"inner is not safe: .*open: mode 0777 lets everyone write", *options, code=1)

    def test_a_link_to_what_others_may_write(self):
        self.make("open", mode=0o777)
        shutil.copy(GOOD, self.path("open/good.so"))
        os.unlink(self.good)
        os.symlink(self.path("open/good.so"), self.good)
        process, _, status = self.run_host(
            says=r"good\.so is not safe: .*open: mode 0777 lets everyone write")
        self.assertNotIn('"name":"good"', status)
        self.stopped(process)

    def test_private_directories(self):
        os.chmod(self.lives, 0o777)
        self.refused(r"lives: mode 0777 lets everyone write", code=1)
        os.chmod(self.lives, 0o755)
        for name in ("state", "cache"):
            self.make(f"lives/{name}", mode=0o700, owner=SOMEBODY)
            self.refused(rf"{name}_dir: .*owned by user 12345", code=1)
            self.make(f"lives/{name}", mode=0o700, owner=NOBODY)
        for name in ("state", "cache"):
            os.chmod(f"{self.lives}/{name}", 0o775)
        process, said, _ = self.run_host()
        for name in ("state", "cache"):
            self.assertRegex(said, rf"{name}: mode changed from 0775 to 0700")
            self.assertEqual(os.stat(f"{self.lives}/{name}").st_mode & 0o7777, 0o700)
        self.stopped(process)
        # /tmp, a home: not to be closed, nor to be used.
        self.make("lives/other", mode=0o755, owner=NOBODY)
        self.write("lives/other/thesis.tex", "")
        self.refused(r"must be private", "-s", f"take5.state_dir={self.lives}/other", code=1)
        self.assertEqual(os.stat(f"{self.lives}/other").st_mode & 0o7777, 0o755)

    def test_a_foreign_good_copy_is_refused_and_said(self):
        self.make("lives/state", mode=0o700, owner=NOBODY)
        self.make("lives/state/good", mode=0o700, owner=NOBODY)
        copy = shutil.copy(GOOD, f"{self.lives}/state/good/good.so")
        self.write("site/strategies/good.so", "no strategy any more")
        self.write("site/strategies.d/good.ini", "[strategy:good]\n")

        os.chown(copy, NOBODY, NOBODY)
        process = self.run_host(says=r"good: running last known good version 1\.0\.0")[0]
        self.stopped(process)

        os.chown(copy, SOMEBODY, SOMEBODY)
        process, _, status = self.run_host(
            says=r"good: last known good version rejected: .*owned by user 12345")
        self.assertNotIn('"state":"running"', status)
        self.stopped(process)

        os.chown(copy, NOBODY, NOBODY)
        os.chown(os.path.dirname(copy), SOMEBODY, SOMEBODY)
        os.chmod(os.path.dirname(copy), 0o755)
        process = self.run_host(
            says=r"last known good version rejected: .*good: owned by user 12345")[0]
        self.stopped(process)

    def test_fifos_and_devices_make_nobody_wait(self):
        self.make("lives/state", mode=0o700, owner=NOBODY)
        for name in ("good", "instances"):
            self.make(f"lives/state/{name}", mode=0o700, owner=NOBODY)
        fifos = ["state/good/good.so", "state/instances/good.0.state", "state/.lock"]
        for name in fifos:
            os.mkfifo(f"{self.lives}/{name}")
            os.chown(f"{self.lives}/{name}", NOBODY, NOBODY)
        os.unlink(self.good)
        os.mkfifo(self.good)
        self.write("site/strategies.d/good.ini", "[strategy:good]\n")
        # Not even where paths are not looked at.
        self.refused(r"state/\.lock: not a regular file", "-s", "take5.strict_modes=no", code=1)
        os.unlink(f"{self.lives}/state/.lock")
        process = self.run_host("-s", "take5.strict_modes=no",
                                says=r"good\.so: not a regular file")[0]
        self.stopped(process)
        os.mkfifo(self.path("site/strategies.d/zeta.ini"))
        self.refused(r"zeta\.ini.*not a regular file", "-s", "take5.strict_modes=no")
        os.unlink(self.path("site/strategies.d/zeta.ini"))
        os.unlink(self.ini)
        os.mkfifo(self.ini)
        self.refused(r"take5\.ini.*not a regular file")

    def test_names_of_files_steer_no_terminal(self):
        """Neither do the log, a reload's answer and list."""
        process = self.run_host()[0]
        self.write("site/strategies/a\x1b[31m\u202eos.so", "no strategy")
        shown = rb"a\\x1b\[31m\\u202eos\.so"
        done = subprocess.run([TAKE5, "ctl", "--run-dir", f"{self.lives}/run", "reload"],
                              capture_output=True, check=False, env=environment(), cwd="/")

        def is_logged():
            with open(self.path("log"), "rb") as file:
                return re.search(shown, file.read())
        wait_for("the name in the log", is_logged)
        self.assertRegex(done.stdout, shown)
        listed = subprocess.run([TAKE5, "list", "-c", self.ini], capture_output=True, check=False,
                                env=environment(), cwd="/")
        self.assertRegex(listed.stderr, shown)
        for text in (done.stdout, done.stderr, listed.stdout, listed.stderr):
            self.assertNotIn(b"\x1b", text)
            self.assertNotIn("\u202e".encode(), text)
        self.stopped(process)

    def test_two_hosts_in_one_state_directory(self):
        process, _, _ = self.run_host()
        other = ("-s", f"take5.run_dir={self.lives}/run2",
                 "-s", f"take5.cache_dir={self.lives}/cache2")
        self.refused(rf"state_dir: .*in use by process {process.pid}\b", *other, code=1)
        process.kill()  # a crash leaves no lock
        process.wait()
        process, _, _ = self.run_host()
        self.stopped(process)


if __name__ == "__main__":
    unittest.main(verbosity=2)
