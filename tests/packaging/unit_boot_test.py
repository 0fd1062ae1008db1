"""take5.service under a real systemd: it starts, works behind all of its hardening, reloads, is
restarted when it fails and not when its configuration is bad, and leaves with its package."""
import http.client
import json
import os
import re
import shutil

import debs
from booted import boot
from machine import alone, machine, say

INI = "/etc/take5/take5.ini"
UNIT = "/usr/lib/systemd/system/take5.service"


def check_files(tree):
    say("systemd-analyze has nothing to say of the unit")
    said = tree.run(["systemd-analyze", "verify", "take5.service"])
    assert not said.strip(), said
    said = tree.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                     UNIT])
    exposure = re.search(r"Overall exposure level for take5.service: ([0-9.]+)", said)
    assert exposure and float(exposure.group(1)) < 2.5, said
    said = tree.run(["logrotate", "--debug", "/etc/logrotate.d/take5"])
    assert "error:" not in said, said

    say("a shell can read the environment file, all of it")
    settings = re.sub(r"^#([A-Z0-9_]+=)", r"\1", tree.read("/etc/default/take5"), flags=re.M)
    tree.write("/tmp/environment", settings)
    said = tree.run(["sh", "-ec", 'set -a; . /tmp/environment; echo "$TAKE5_OPTIONS"'])
    assert said == "-s log.format=journald\n", said


# Is called by C, for which code is made at run time.
SCRIPT = """
import ctypes
import json
from kafka.consumer import Take5KafkaConsumer

add = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)

def handle(message):
    print("handled", json.loads(message.value())["symbol"], add(3))

consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", handle)
consumer.start()
"""


def status(host):
    return json.loads(host.run("take5", "ctl", "--json", "status"))


def main_pid(host):
    return host.show("take5", "MainPID")


def process_status(host, pid):
    text = host.run("cat", f"/proc/{pid}/status")
    return dict(re.findall(r"^(\w+):\t(.*)$", text, flags=re.M))


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return str(answer.status), answer.read().decode()


def check_start(host):
    say("it is neither enabled nor started by the installation")
    assert host.try_run("systemctl", "is-enabled", "take5").stdout.strip() == "disabled"
    assert host.show("take5", "ActiveState") == "inactive"

    say("it starts without a broker, and says what is missing")
    host.run("systemctl", "start", "take5")
    assert host.show("take5", "ActiveState") == "active"
    assert status(host)["source"]["connected"] is False
    host.wait_for("a status line", lambda: host.show("take5", "StatusText") != "")

    say("as an ordinary user, without any capability, behind filters")
    of = process_status(host, main_pid(host))
    user = host.run("id", "-u", "take5").strip()
    assert of["Uid"].split() == [user] * 4, of["Uid"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(of[name], 16) == 0, f"{name}: {of[name]}"
    assert of["NoNewPrivs"] == "1" and of["Seccomp"] == "2", of

    say("it answers over HTTP")
    for path, wanted in (("/health/live", "200"), ("/health/ready", "503"), ("/metrics", "200")):
        code, body = get(path)
        assert code == wanted, f"{path}: {code} {body}"
    assert "take5_build_info" in body, body

    say("its directories are its own")
    for path, mode in (("/run/take5", "700"), ("/var/lib/take5", "700"),
                       ("/var/cache/take5", "700"), ("/var/log/take5", "750")):
        found = host.run("stat", "-c", "%a %U", path).strip()
        assert found == f"{mode} take5", f"{path}: {found}"
    assert host.run("stat", "-c", "%a", "/run/take5/control.sock").strip() == "600"
    refused = host.try_run("setpriv", "--reuid=nobody", "--clear-groups", "take5", "ctl", "status")
    assert refused.returncode == 1, refused.stdout


def workers(host):
    return {worker["name"]: worker for worker in status(host)["workers"]}


def shown_processes(host):
    """Those that `systemctl status` shows, with their commands."""
    shown = host.run("systemctl", "status", "--no-pager", "--full", "--lines=0", "take5")
    return {int(pid): command for pid, command in re.findall(r"[├└]─ *(\d+) (.*)", shown)}


def check_workers(host):
    say("systemctl status shows the processes of workers, and a restart brings all of them back")
    ini = "/etc/take5/strategies.d/risky.ini"
    host.tree.write(ini, "[strategy:risky]\nplugin = momentum\nworker = risky\n")
    before = {int(main_pid(host))}
    for _ in range(2):
        host.run("systemctl", "restart", "take5")
        found = workers(host)
        assert {name: of["state"] for name, of in found.items()} == {
            "main": "running", "risky": "running"}, found
        shown = shown_processes(host)
        assert shown.keys() == {int(main_pid(host)), *(
            of["process"] for of in found.values())}, f"{shown}: {found}"
        for name, of in found.items():
            assert shown[of["process"]].endswith(f" --worker {name}"), shown
        assert not before & shown.keys(), f"{before} and {shown}"
        before = shown.keys()
    for of in found.values():
        process = process_status(host, of["process"])
        assert process["NoNewPrivs"] == "1" and process["Seccomp"] == "2", process
        assert int(process["CapEff"], 16) == 0, process

    say("a worker that is killed is the service's own affair")
    supervisor = main_pid(host)
    host.run("sh", "-c", f"kill -KILL {found['risky']['process']}")
    host.wait_for("it to be back", lambda: (
        workers(host)["risky"]["state"], workers(host)["risky"]["deaths"]) == ("running", 1))
    assert main_pid(host) == supervisor and host.show("take5", "NRestarts") == "0"
    assert shown_processes(host).keys() == {int(supervisor), *(
        of["process"] for of in workers(host).values())}
    os.remove(host.tree.path(ini))


def check_work(host):
    say("strategies work behind the hardening")
    # With a broker and a feed of its own; the demo would hide its socket.
    host.tree.write("/etc/default/take5", 'TAKE5_OPTIONS="-s log.format=journald '
                    '-s take5.run_dir=/run/take5"\n')
    start = re.search("^ExecStart=(.*)$", host.tree.read(UNIT), flags=re.M).group(1)
    host.tree.write("/etc/systemd/system/take5.service.d/demo.conf",
                    f"[Service]\nExecStart=\nExecStart={start} --demo\n")
    host.tree.write("/etc/take5/strategies.d/script.py", SCRIPT)
    host.tree.write("/etc/take5/strategies.d/script.ini",
                    "[strategy:script]\nplugin = python\nfile = script.py\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "take5")
    host.wait_for("messages", lambda: status(host)["totals"]["messages"] > 100)
    of = {strategy["name"]: strategy for strategy in status(host)["strategies"]}
    for name in ("console", "cross", "momentum", "script", "trend"):
        host.wait_for(f"messages for {name}", lambda: {
            strategy["name"]: strategy for strategy in status(host)["strategies"]
        }[name]["messages"] > 0)
        assert of[name]["errors"] == 0, of[name]
    levels = host.run("journalctl", "-u", "take5", "-o", "json", "--output-fields=PRIORITY")
    assert '"PRIORITY":"6"' in levels
    journal = host.run("journalctl", "-u", "take5", "--no-pager")
    assert re.search(r"script: handled \S+ 4$", journal, re.M), journal
    for name in ("script.py", "script.ini"):
        os.remove(host.tree.path(f"/etc/take5/strategies.d/{name}"))


def check_quants(host):
    say("members of a group drop strategies and steer, others do not")
    host.run("groupadd", "quants")
    for user in ("alice", "bob"):
        host.run("useradd", "--no-create-home", user)
    for user in ("take5", "alice"):
        host.run("usermod", "--append", "--groups", "quants", user)
    host.run("install", "-d", "-g", "quants", "-m", "2775", "/srv/strategies")
    host.run("install", "-o", "root", "-g", "take5", "-m", "0640", "/dev/null",
             "/etc/take5/kafka.password")
    host.tree.write("/etc/take5/kafka.password", "something", 0o640)
    text = host.tree.read(INI)
    host.tree.write(INI, text.replace("[take5]\n", "[take5]\nstrategy_dir = /srv/strategies\n", 1)
                    .replace("[control]\n", "[control]\ngroup = quants\n", 1)
                    .replace("[kafka]\n", "[kafka]\nsasl.password.file = kafka.password\n", 1))
    host.run("systemctl", "restart", "take5")
    modes = host.run("stat", "-c", "%a %U %G", "/run/take5", "/run/take5/control.sock")
    assert modes.splitlines() == ["710 take5 quants", "660 take5 quants"], modes

    def as_user(user, *command):
        return host.try_run("runuser", "-u", user, "--", *command)

    ctl = ["take5", "ctl"]  # with a configuration that names a secret which they may not read
    for refused in (as_user("bob", *ctl, "status"), as_user("bob", "touch", "/srv/strategies/x")):
        assert refused.returncode != 0, refused.stdout
    strategy = host.run("sh", "-c", "ls /usr/lib/*/take5/strategies/momentum.so").strip()
    assert as_user("alice", "cp", strategy, "/srv/strategies/").returncode == 0
    host.run("dpkg-statoverride", "--update", "--add", "root", "quants", "2775",
             "/etc/take5/strategies.d")
    host.tree.write("/srv/alpha.ini", "[strategy:alpha]\nplugin = momentum\nwindow = 30s\n")
    assert as_user("bob", "cp", "/srv/alpha.ini", "/etc/take5/strategies.d/").returncode != 0
    assert as_user("alice", "cp", "/srv/alpha.ini", "/etc/take5/strategies.d/").returncode == 0
    done = as_user("alice", *ctl, "reload")
    assert "momentum: loaded" in done.stdout and "alpha: loaded" in done.stdout, done.stdout
    host.wait_for("its work", lambda: any(
        of["name"] == "momentum" and of["messages"] > 0 for of in status(host)["strategies"]))
    host.tree.write(INI, text)
    os.remove(host.tree.path("/etc/take5/strategies.d/alpha.ini"))
    # Without the group what it may write is not trusted.
    assert host.try_run("systemctl", "restart", "take5").returncode != 0
    host.run("dpkg-statoverride", "--remove", "/etc/take5/strategies.d")
    host.run("chown", "root:root", "/etc/take5/strategies.d")
    host.run("chmod", "0755", "/etc/take5/strategies.d")
    host.run("systemctl", "reset-failed", "take5")
    host.run("systemctl", "restart", "take5")
    modes = host.run("stat", "-c", "%a %G", "/run/take5")
    assert modes.strip() == "700 take5", modes


def check_reload(host):
    say("a reload waits for its outcome, and tells it")
    host.run("systemctl", "reload", "take5")
    before = main_pid(host)
    text = host.tree.read(INI)
    host.tree.write(INI, text + "\n[take5]\nno_such_key = 1\n")
    refused = host.try_run("systemctl", "reload", "take5")
    assert refused.returncode != 0, "a reload of a bad configuration was good"
    assert host.show("take5", "ActiveState") == "active" and main_pid(host) == before
    journal = host.run("journalctl", "-u", "take5", "--no-pager")
    assert "take5.ini:" in journal and "no_such_key" in journal, journal

    say("a bad configuration is not tried again and again")
    failed = host.try_run("systemctl", "restart", "take5")
    assert failed.returncode != 0
    assert host.show("take5", "ActiveState") == "failed"
    assert host.show("take5", "ExecMainStatus") == "78"
    assert host.show("take5", "NRestarts") == "0"
    host.tree.write(INI, text)


def check_failures(host):
    say("a crash is followed by a restart, and the next by a slower one")
    host.tree.write("/etc/systemd/system/take5.service.d/quick.conf",
                    "[Service]\nWatchdogSec=2s\nEnvironment=TAKE5_BACK_OFF_FIRST=1\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "take5")
    for failures in (1, 2):
        before = main_pid(host)
        host.run("systemctl", "kill", "--kill-who=main", "--signal=SEGV", "take5")
        host.wait_for("a restart", lambda: main_pid(host) not in ("0", before) and
                      host.show("take5", "ActiveState") == "active")
        assert host.run("cat", "/run/take5/failures").strip() == str(failures)
    journal = host.run("journalctl", "-u", "take5", "--no-pager")
    assert "failed 1 times in a row: waiting 1 s" in journal, journal
    assert "failed 2 times in a row: waiting 2 s" in journal, journal

    say("a host that stands still is restarted by the watchdog")
    before = main_pid(host)
    host.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "take5")
    host.wait_for("the watchdog", lambda: main_pid(host) not in ("0", before) and
                  host.show("take5", "ActiveState") == "active")
    assert "Watchdog timeout" in host.run("journalctl", "-u", "take5", "--no-pager")


def stop_cleanly(host):
    host.run("systemctl", "stop", "take5")
    state, result = host.show("take5", "ActiveState"), host.show("take5", "Result")
    assert (state, result) == ("inactive", "success"), f"{state}, {result}\n{host.journal()}"


def check_end(host):
    say("it stops cleanly, and the count of failures goes with it")
    # A demo that had no message has failed.
    host.wait_for("messages", lambda: status(host)["totals"]["messages"] > 0)
    stop_cleanly(host)
    assert host.try_run("test", "-e", "/run/take5").returncode != 0

    say("so it does just after a start, and without a broker")
    os.remove(host.tree.path("/etc/systemd/system/take5.service.d/demo.conf"))
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "take5")
    stop_cleanly(host)

    say("an upgrade restarts it where it runs, and keeps what was enabled")
    host.run("systemctl", "enable", "--now", "take5")
    before = main_pid(host)
    host.run("cp", "/var/lib/packages/take5.deb", "/tmp/")
    host.run("dpkg", "--force-confold", "--install", "/tmp/take5.deb")
    host.wait_for("a restart", lambda: main_pid(host) not in ("0", before))
    assert host.run("systemctl", "is-enabled", "take5").strip() == "enabled"

    say("a purge stops it and leaves nothing")
    shutil.rmtree(host.tree.path("/etc/systemd/system/take5.service.d"))  # the test's own
    host.run("dpkg", "--purge", "take5-python", "take5")
    assert host.try_run("pgrep", "-x", "take5").returncode == 1 or \
        host.show("take5", "MainPID") == "0"
    assert host.show("take5", "LoadState") == "not-found"
    left = host.run("find", "/etc", "/var", "/run", "/usr", "-name", "*take5*", "-not", "-path",
                    "/var/lib/packages/*", "-not", "-path", "/var/cache/man/*").split()
    assert not left, left
    assert host.try_run("id", "take5").returncode != 0


def main():
    with machine("booting") as tree:
        debs.install(tree, "take5", "take5-python")
        tree.write("/var/lib/packages/take5.deb", "")
        os.replace(tree.path(debs.put(tree, "take5")[0]), tree.path("/var/lib/packages/take5.deb"))
        check_files(tree)
        with boot(tree) as host:
            for check in (check_start, check_workers, check_work, check_quants, check_reload, check_failures,
                          check_end):
                check(host)
    return 0


alone(main)
