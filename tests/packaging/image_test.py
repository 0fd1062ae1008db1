"""packaging/Dockerfile builds from a bookworm-slim of debootstrap's, and what it builds runs: not
as root, with a health check that tells, and process 1 ends at SIGTERM."""
import json
import os
import re
import signal
import subprocess
import time

from machine import alone, cache_directory, layers, leave_network, locked, run, say, work_directory

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BASE = "localhost/take5-test/bookworm-slim"
IMAGE = "localhost/take5-test/take5"


def buildah(*arguments, timeout=900):
    # Layers that do not change are kept with the machines.
    store = os.path.join(cache_directory(), "containers")
    return run(["buildah", "--root", store, "--runroot", os.path.join(work_directory(), "run"),
                "--storage-driver", "overlay"] + list(arguments), timeout=timeout)


def make_base():
    tree = layers("base")[0]
    name = f"{BASE}:{os.path.basename(tree)}"
    if name in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return name
    say("an image of the clean machine, once")
    container = buildah("from", "scratch").strip()
    buildah("add", "--quiet", container, tree, "/")
    buildah("commit", "--quiet", "--rm", container, name)
    return name


def build(base):
    say("building the image")
    # The tools under a name, which keeps them for the next time.
    for more in (["--target", "tools", "--tag", IMAGE + "-tools"], ["--tag", IMAGE]):
        buildah("build", "--quiet", "--isolation", "chroot", "--format", "docker", "--layers",
                "--build-arg", f"BASE={base}", "--file",
                os.path.join(SOURCE, "packaging/Dockerfile"), *more, SOURCE)


class Container:
    """A container as an engine would run it: what the image says, in a PID namespace of its own."""

    def __init__(self):
        self.name = buildah("from", "--pull-never", IMAGE).strip()
        self.root = buildah("mount", self.name).strip()
        self.settings = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        self.process = None
        self.environment = dict(entry.split("=", 1) for entry in self.settings["Env"])
        run(["mount", "-t", "proc", "proc", self.root + "/proc"])

    def user(self):
        with open(self.root + "/etc/passwd", encoding="utf-8") as file:
            return re.search(rf"^{self.settings['User']}:x:(\d+):(\d+):", file.read(),
                             flags=re.M).groups()

    def inside(self, command):
        return ["/usr/sbin/chroot", f"--userspec={':'.join(self.user())}", self.root] + command

    def start(self, **environment):
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child=KILL"] +
            self.inside(self.settings["Entrypoint"] + self.settings["Cmd"]),
            env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def first(self):
        """The container's process 1, by its number here."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return int(file.read().split()[0])

    def run(self, command):
        return subprocess.run(self.inside(command), env=self.environment, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30)

    def health(self):
        return self.run(self.settings["Healthcheck"]["Test"][1:])


def check_settings(container):
    say("what the image says of itself")
    settings = container.settings
    assert settings["User"] not in ("", "root", "0"), settings["User"]
    assert settings["Healthcheck"]["Test"][0] == "CMD", settings["Healthcheck"]
    assert settings["StopSignal"] in ("SIGTERM", "15"), settings["StopSignal"]
    assert sorted(settings["Volumes"]) == ["/etc/take5", "/strategies", "/var/lib/take5"]
    assert sorted(os.listdir(container.root + "/strategies")) == \
        ["console.so", "cross.so", "momentum.so", "trend.so"]
    for tool in ("gcc", "cmake"):
        assert not os.path.exists(f"{container.root}/usr/bin/{tool}"), f"{tool} is in the image"


def check_life(container):
    say("without a host the health check fails")
    assert container.health().returncode == 1

    say("it runs as nobody in particular, and is well though the broker is not there")
    container.start(LOG_LEVEL="DEBUG")
    until = time.monotonic() + 60
    while container.health().returncode != 0:
        assert container.process.poll() is None, container.process.communicate()[1]
        assert time.monotonic() < until, container.health().stdout
        time.sleep(0.1)
    live = json.loads(container.health().stdout)
    assert live, live
    ready = container.run(["/usr/libexec/take5/health", "/health/ready"])
    assert ready.returncode == 1, f"ready without a broker: {ready.stdout}"
    first = container.first()
    with open(f"/proc/{first}/status", encoding="utf-8") as file:
        of = dict(re.findall(r"^(\w+):\t(.*)$", file.read(), flags=re.M))
    assert of["Uid"].split() == [container.user()[0]] * 4 and of["NSpid"].split()[-1] == "1", of
    said = container.run(["take5", "ctl", "status"])
    assert said.returncode == 0 and "NOT CONNECTED" in said.stdout, said.stdout
    listed = container.run(["take5", "check", "-c", "/etc/take5/take5.ini", "-s",
                            "take5.strategy_dir=/strategies"])
    assert listed.returncode == 0, listed.stdout

    say("process 1 ends at SIGTERM")
    os.kill(first, signal.SIGTERM)
    output = container.process.communicate(timeout=60)[1]
    assert container.process.returncode == 0, output
    assert "stopped" in output, output
    assert "broker_1:9092" in output, output  # RUN_MODE is the image's, LOG_LEVEL was heard


def main():
    with locked(os.path.join(cache_directory(), "containers.lock")):
        return build_and_run()


def build_and_run():
    build(make_base())
    leave_network()
    container = Container()
    try:
        check_settings(container)
        check_life(container)
    finally:
        subprocess.run(["umount", container.root + "/proc"], check=False)
        buildah("rm", container.name)
        buildah("rmi", "--prune")
    return 0


alone(main)
