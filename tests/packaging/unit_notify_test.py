"""What take5.service says to systemd, heard by a socket of the test's own; and what protects the
service's files from other users. The unit's own commands are run, as the unit's user."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import debs
from machine import alone, leave_network, machine, say

INI = "/etc/take5/take5.ini"
DIRECTORIES = ("/run/take5", "/var/lib/take5", "/var/cache/take5", "/var/log/take5")


class Listener:
    """systemd's end of the notification."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0take5-test-notify")
        self.heard = []

    def hear(self, patience_s):
        self.socket.settimeout(patience_s)
        with contextlib.suppress(TimeoutError):
            self.heard += self.socket.recv(4096).decode().splitlines()

    def wait_for(self, *wanted, patience_s=60, process=None):
        """Until these were said, in this order, since the last time."""
        until = time.monotonic() + patience_s
        at = 0
        while at < len(wanted):
            found = next((i for i, line in enumerate(self.heard)
                          if line.startswith(wanted[at])), None)
            if found is not None:
                del self.heard[:found + 1]
                at += 1
                continue
            assert time.monotonic() < until, f"{wanted[at]} is not said; {self.heard}"
            assert process is None or process.poll() is None, process.communicate()[1]
            self.hear(0.2)

    def drain(self):
        """Forgets what was said so far."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)
        self.heard = []


class Unit:
    """What systemd would do with the unit's lines, as far as this test needs it."""

    def __init__(self, tree):
        self.tree = tree
        self.lines = tree.read("/usr/lib/systemd/system/take5.service").splitlines()
        self.environment = {}
        for line in self.of("Environment"):
            name, value = line.strip('"').split("=", 1)
            self.environment[name] = value

    def of(self, key):
        return [line.split("=", 1)[1] for line in self.lines if line.startswith(key + "=")]

    def make_directories(self):
        for path in DIRECTORIES:
            kind = {"run": "Runtime", "lib": "State", "cache": "Cache", "log": "Logs"}
            mode = self.of(kind[path.split("/")[-2]] + "DirectoryMode")[0]
            self.tree.run(["install", "-d", "-o", "take5", "-g", "take5", "-m", mode, path])

    def command(self, key):
        line = self.of(key)[0]
        for name, value in self.environment.items():
            line = line.replace("$" + name, value)
        return line.split()

    def start(self, *more):
        """ExecStart, as the unit's user, with no capability and none to be had."""
        return subprocess.Popen(
            self.tree.command(["setpriv", "--reuid=take5", "--regid=take5", "--clear-groups",
                               "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"] +
                              self.command("ExecStart") + list(more)),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "@take5-test-notify",
                 "WATCHDOG_USEC": "120000000", "HOME": "/tmp"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def reload(self):
        return self.tree.try_run(self.command("ExecReload"), user="take5:take5")


def end(process):
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[1]
    assert process.returncode == 0, f"it ended with {process.returncode}:\n{output}"


def check_life(tree, unit, listener):
    say("READY without a broker, WATCHDOG over and over, a status line")
    process = unit.start()
    listener.wait_for("READY=1", process=process)
    for _ in range(5):
        listener.wait_for("WATCHDOG=1")

    say("it runs without any privilege")
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        of = dict(re.findall(r"^(\w+):\t(.*)$", file.read(), flags=re.M))
    user = tree.run(["id", "-u", "take5"]).strip()
    assert of["Uid"].split() == [user] * 4 and user != "0", of["Uid"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(of[name], 16) == 0, f"{name}: {of[name]}"

    say("ExecReload waits for the outcome and gives it as its exit code")
    done = unit.reload()
    assert done.returncode == 0 and "kept" in done.stdout, done.stdout
    text = tree.read(INI)
    tree.write(INI, text.replace("[take5]\n", "[take5]\nno_such_key = 1\n", 1))
    done = unit.reload()
    assert done.returncode != 0 and "no_such_key" in done.stdout, done.stdout
    tree.write(INI, text)

    say("SIGHUP is told as a reload that begins and ends")
    listener.drain()
    process.send_signal(signal.SIGHUP)
    listener.wait_for("RELOADING=1", "MONOTONIC_USEC=", "READY=1")

    check_privacy(tree)

    say("STOPPING before it stops")
    listener.drain()
    end(process)
    listener.wait_for("STOPPING=1", patience_s=1)


def check_privacy(tree):
    say("nobody else sees the run directory, or steers the host")
    for path in DIRECTORIES[:3]:
        done = tree.try_run(["ls", path], user="nobody:nogroup")
        assert done.returncode != 0, f"{path} is open to others"
    done = tree.try_run(["take5", "ctl", "-c", INI, "status"], user="nobody:nogroup")
    assert done.returncode == 1, done.stdout
    # Even one who comes through the door is asked who they are.
    for path in ("/run/take5", "/run/take5/control.sock"):
        os.chmod(tree.path(path), 0o777)
    done = tree.try_run(["take5", "ctl", "-c", INI, "status"], user="nobody:nogroup")
    assert done.returncode == 1, f"a stranger was answered: {done.stdout}"
    tree.run(["take5", "ctl", "-c", INI, "status"])  # root is no stranger
    os.chmod(tree.path("/run/take5/control.sock"), 0o600)
    os.chmod(tree.path("/run/take5"), 0o700)


def check_watchdog(tree, unit, listener):
    say("a lane that hangs ends the beat of the watchdog")
    folder = "/srv/strategies"
    tree.run(["install", "-d", folder])
    shutil.copy(os.path.join(os.environ["TAKE5_BUILD_DIR"], "tests/plugins/hang_message.so"),
                tree.path(folder))
    process = unit.start("--demo", "-s", f"take5.strategy_dir={folder}", "-s",
                         "take5.on_stuck=report", "-s", "take5.stuck_ms=500", "-s",
                         "take5.slow_callback_ms=100", "-s", "take5.shutdown_timeout=1s")
    try:
        listener.wait_for("READY=1", "WATCHDOG=1", process=process)
        quiet_since = time.monotonic()
        until = quiet_since + 150  # the mock broker may be slow to let a group join
        while time.monotonic() - quiet_since < 3:
            assert time.monotonic() < until, "the watchdog is fed although a lane hangs"
            before = len(listener.heard)
            listener.hear(0.2)
            if any(line == "WATCHDOG=1" for line in listener.heard[before:]):
                quiet_since = time.monotonic()
        assert process.poll() is None, "it is quiet because it has ended"
    finally:
        process.kill()
        process.communicate()


def check_bad_configuration(tree, unit, listener):
    say("a bad configuration is exit 78, and READY is not said")
    listener.drain()
    text = tree.read(INI)
    tree.write(INI, text.replace("[take5]\n", "[take5]\nno_such_key = 1\n", 1))
    process = unit.start()
    output = process.communicate(timeout=60)[1]
    assert process.returncode == 78, process.returncode
    assert re.search(r"take5.ini:\d+: .*no_such_key", output), output
    listener.hear(0.1)
    assert not listener.heard, listener.heard
    assert "78" in unit.of("RestartPreventExitStatus")[0].split()
    tree.write(INI, text)


def check_workers(tree, unit, listener):
    say("without a privilege workers limit themselves; systemd hears one READY, of all")
    ini = "/etc/take5/strategies.d/alpha.ini"
    text = tree.read(INI)
    tree.write(ini, "[strategy:alpha]\nplugin = momentum\nworker = risky\n")
    tree.write(INI, text + "\n[worker:risky]\nmemory_max = 1GiB\ncpus = 0\nnice = 5\n")
    process = unit.start()
    try:
        listener.wait_for("EXTEND_TIMEOUT_USEC=", "READY=1", "WATCHDOG=1", process=process)
        ctl = ["take5", "ctl", "-c", INI]
        said = json.loads(tree.run([*ctl, "status", "--json"]))
        workers = {worker["name"]: worker["process"] for worker in said["workers"]}
        assert set(workers) == {"main", "risky"}, said["workers"]
        with open(f"/proc/{workers['risky']}/limits", encoding="utf-8") as file:
            assert re.search(rf"^Max address space +{1 << 30} ", file.read(), re.M)
        assert os.sched_getaffinity(workers["risky"]) == {0}
        assert os.getpriority(os.PRIO_PROCESS, workers["risky"]) == 5
        assert os.getpriority(os.PRIO_PROCESS, workers["main"]) == 0
        for worker in workers.values():
            with open(f"/proc/{worker}/status", encoding="utf-8") as file:
                of = dict(re.findall(r"^(\w+):\t(.*)$", file.read(), flags=re.M))
            assert int(of["CapBnd"], 16) == 0 and of["NoNewPrivs"] == "1", of

        say("what the kernel kills its supervisor begins again, and systemd hears of no end")
        assert unit.of("OOMPolicy") == ["continue"]
        os.kill(workers["risky"], signal.SIGKILL)
        until = time.monotonic() + 60
        while True:
            listener.drain()  # who sends waits while nobody takes it
            said = json.loads(tree.run([*ctl, "status", "--json"]))
            risky, = (worker for worker in said["workers"] if worker["name"] == "risky")
            if risky["state"] == "running" and risky["process"] != workers["risky"]:
                break
            assert time.monotonic() < until, risky
        listener.drain()
        listener.wait_for("WATCHDOG=1", process=process)
    finally:
        end(process)
        os.remove(tree.path(ini))
        tree.write(INI, text)


def check_strict_modes(tree):
    say("a strategy that others may write is refused")
    strategies = tree.run(["sh", "-c", "echo /usr/lib/*/take5/strategies"]).strip()
    check = ["take5", "check", "-c", INI]
    tree.run(check, user="take5:take5")
    for path, how in ((strategies + "/trend.so", "lets everyone write"),
                      (strategies, "lets everyone write")):
        mode = os.stat(tree.path(path)).st_mode & 0o7777
        os.chmod(tree.path(path), mode | 0o002)
        done = tree.try_run(check, user="take5:take5")
        assert done.returncode != 0 and how in done.stdout, done.stdout
        os.chmod(tree.path(path), mode)
    tree.run(["chown", "nobody", strategies + "/trend.so"])
    done = tree.try_run(check, user="take5:take5")
    assert done.returncode != 0 and "trend.so" in done.stdout, done.stdout
    tree.run(["chown", "root", strategies + "/trend.so"])


def check_no_shell(tree):
    say("the program has no way to a shell")
    symbols = subprocess.run(["nm", "--dynamic", "--undefined-only", tree.path("/usr/bin/take5")],
                             text=True, check=True, stdout=subprocess.PIPE).stdout
    used = set(re.findall(r" U (\w+)", symbols))
    assert "malloc" in used
    assert not used & {"system", "popen", "wordexp", "execlp", "execvp", "execl", "execle",
                       "posix_spawnp"}, used


def check_back_off(tree):
    say("the back-off doubles up to its bound, and a success or a long run forgets")
    script = "/usr/libexec/take5/back-off"

    def run(what, result="success", **more):
        return tree.run([script, what], environment={
            "RUNTIME_DIRECTORY": "/srv", "SERVICE_RESULT": result, "PATH": "/srv/bin:/usr/bin:/bin",
            "TAKE5_BACK_OFF_FIRST": "5", "TAKE5_BACK_OFF_LONGEST": "30", **more})

    # The sleep is only said.
    tree.write("/srv/bin/sleep", "#!/bin/sh\necho slept $1\n", 0o755)
    slept = []
    for _ in range(5):
        said = run("wait")
        slept.append((re.search(r"slept (\d+)", said) or [0, 0])[1])
        run("note", "signal")
    assert [int(seconds) for seconds in slept] == [0, 5, 10, 20, 30], slept
    tree.write("/srv/started", str(int(time.time()) - 3600))
    run("note", "signal")
    assert tree.read("/srv/failures") == "1\n"
    run("note", "success")
    assert run("wait") == ""


def main():
    with machine("base") as tree:
        debs.install(tree, "take5")
        leave_network()
        unit = Unit(tree)
        unit.make_directories()
        listener = Listener()
        check_life(tree, unit, listener)
        check_bad_configuration(tree, unit, listener)
        check_watchdog(tree, unit, listener)
        check_workers(tree, unit, listener)
        check_strict_modes(tree)
        check_no_shell(tree)
        check_back_off(tree)
    return 0


alone(main)
