"""packaging/Dockerfile builds from a bookworm-slim of debootstrap's, and what it builds runs: not
as root, with a health check that tells, and process 1 ends at SIGTERM; as any user with a read-only
root and empty volumes, as compose.yaml and the manifests of Kubernetes say."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

import yaml

from images import (IMAGE, SOURCE, alone_with_images, build, build_packages, buildah,
                    forget_packages)
from machine import alone, leave_network, run, say


class Container:
    """A container as an engine would run it: what the image says, in a PID namespace of its own."""

    def __init__(self, entrypoint=None):
        self.name = buildah("from", "--pull-never", IMAGE).strip()
        self.root = buildah("mount", self.name).strip()
        self.settings = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        self.command = self.settings["Entrypoint"] + (entrypoint or self.settings["Cmd"])
        self.groups = []
        self.process = None
        self.environment = dict(entry.split("=", 1) for entry in self.settings["Env"])
        run(["mount", "-t", "proc", "proc", self.root + "/proc"])

    def user(self):
        return self.settings["User"].split(":")

    def inside(self, command):
        return ["/usr/sbin/chroot", f"--userspec={':'.join(self.user())}",
                f"--groups={','.join(self.groups)}", self.root, "/usr/bin/setpriv", "--no-new-privs",
                "--bounding-set=-all"] + command

    def start(self, **environment):
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child=KILL"] +
            self.inside(self.command),
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

    def wait_healthy(self):
        until = time.monotonic() + 60
        while self.health().returncode != 0:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until, self.health().stdout
            time.sleep(0.1)

    def stop(self):
        """What it had said."""
        os.kill(self.first(), signal.SIGTERM)
        output = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, output
        assert "stopped" in output, output
        return output

    @contextlib.contextmanager
    def read_only(self, *volumes):
        """The root as Kubernetes and `read_only` make it. Volumes: (path, mode, owner, fill), each a
        file system of its own that fill(directory) puts something into; read-only with one."""
        mounted = []
        for path, mode, owner, fill in volumes:
            os.makedirs(self.root + path, exist_ok=True)  # as an engine makes what is mounted over
        run(["mount", "--bind", self.root, self.root])
        mounted.append(self.root)
        run(["mount", "-t", "proc", "proc", self.root + "/proc"])
        mounted.append(self.root + "/proc")
        for path, mode, owner, fill in volumes:
            run(["mount", "-t", "tmpfs", "tmpfs", self.root + path])
            mounted.append(self.root + path)
            os.chmod(self.root + path, mode)
            os.chown(self.root + path, *owner)
            if fill:
                fill(self.root + path)
                run(["mount", "-o", "remount,ro", self.root + path])
        run(["mount", "-o", "remount,ro,bind", self.root])
        try:
            yield
        finally:
            for path in reversed(mounted):
                subprocess.run(["umount", "-l", path], check=False)


def manifest(name):
    with open(os.path.join(SOURCE, "packaging/kubernetes", name), encoding="utf-8") as file:
        return yaml.safe_load(file)


class Pod(Container):
    """The container of the StatefulSet, with its volumes as the kubelet makes them."""

    def __init__(self, user):
        spec = manifest("statefulset.yaml")["spec"]["template"]["spec"]
        container, = spec["containers"]
        super().__init__(container["args"])
        self.spec, self.container, self.number = spec, container, user
        self.groups = [str(spec["securityContext"]["fsGroup"])]
        self.environment.update({item["name"]: item["value"] for item in container["env"]},
                                KUBERNETES_SERVICE_HOST="10.0.0.1")

    def user(self):
        return [str(self.number)] * 2

    def fill(self, texts, mode, group):
        """A ConfigMap or Secret: files behind links, in a directory for everyone."""
        def put(directory):
            os.mkdir(directory + "/..2026")
            os.symlink("..2026", directory + "/..data")
            for name, text in texts.items():
                path = f"{directory}/..2026/{name}"
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(path, mode)
                os.chown(path, 0, group)
                os.symlink(f"..data/{name}", f"{directory}/{name}")
        return put

    def volumes(self):
        group = self.spec["securityContext"]["fsGroup"]
        kinds = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            kind, fill = kinds[mount["name"]], None
            if "configMap" in kind:
                fill = self.fill(manifest("configmap.yaml")["data"], 0o644, group)
            elif "secret" in kind:
                fill = self.fill(manifest("secret.yaml")["stringData"],
                                 kind["secret"]["defaultMode"], group)
            else:
                assert "emptyDir" in kind, kind
            yield mount["mountPath"], 0o2777, (0, group), fill

    def check_probe(self, name):
        """Whether the probe would have it that all is well."""
        probe = self.container[name]["httpGet"]
        port, = (port["containerPort"] for port in self.container["ports"]
                 if port["name"] == probe["port"])
        assert port == 8080
        return self.run(["/usr/libexec/take5/health", probe["path"]]).returncode == 0


def check_settings(container):
    say("what the image says of itself")
    settings = container.settings
    assert settings["User"] == "8100:8100", settings["User"]
    assert settings["Healthcheck"]["Test"][0] == "CMD", settings["Healthcheck"]
    assert settings["StopSignal"] in ("SIGTERM", "15"), settings["StopSignal"]
    assert sorted(settings["Volumes"]) == ["/strategies", "/var/lib/take5"]
    assert os.listdir(container.root + "/strategies") == []
    for tool in ("gcc", "cmake"):
        assert not os.path.exists(f"{container.root}/usr/bin/{tool}"), f"{tool} is in the image"


def check_life(container):
    say("without a host the health check fails")
    assert container.health().returncode == 1

    say("it runs as nobody in particular, and is well though the broker is not there")
    container.start(LOG_LEVEL="DEBUG")
    container.wait_healthy()
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
    for name in ("console", "cross", "momentum", "trend"):  # the image's own, though the volume is empty
        assert re.search(rf"^ *{name}\b", said.stdout, re.M), said.stdout
    listed = container.run(["take5", "check", "-c", "/etc/take5/take5.ini", "-s",
                            "take5.strategy_dir=/strategies"])
    assert listed.returncode == 0, listed.stdout

    say("process 1 ends at SIGTERM")
    output = container.stop()
    assert "broker_1:9092" in output, output  # RUN_MODE is the image's, LOG_LEVEL was heard


def check_formats(container):
    """An image in OCI format has no health check of its own: that of compose.yaml is the same one."""
    say("in OCI format")
    settings = container.settings
    run(["umount", container.root + "/proc"])
    buildah("commit", "--quiet", "--format", "oci", container.name, IMAGE + "-oci")
    run(["mount", "-t", "proc", "proc", container.root + "/proc"])
    oci = json.loads(buildah("inspect", "--type", "image", IMAGE + "-oci"))["OCIv1"]["config"]
    for name in ("User", "Entrypoint", "Cmd", "Volumes", "StopSignal"):
        assert oci[name] == settings[name], name
    health = compose_service()["healthcheck"]
    assert health["test"] == settings["Healthcheck"]["Test"], health


def compose_service():
    with open(os.path.join(SOURCE, "packaging/compose.yaml"), encoding="utf-8") as file:
        service, = yaml.safe_load(file)["services"].values()
    return service


def compose_volumes(service, config):
    """Those of compose.yaml, empty but for take5.d, which is root's."""
    yield "/etc/take5/take5.d", 0o755, (0, 0), config
    for entry in service["tmpfs"]:
        path, options = entry.split(":")
        given = dict(option.partition("=")[::2] for option in options.split(","))
        yield (path, int(given["mode"], 8), (int(given.get("uid", 0)), int(given.get("gid", 0))),
               None)
    for path in ("/strategies", "/var/lib/take5"):  # new ones begin as the image has them
        yield path, 0o755, (8100, 8100), None


def check_compose():
    """A configuration that is refused does not end it; then it goes on."""
    say("as compose.yaml says, with a configuration that is refused")
    service = compose_service()
    container = Container(service["command"])
    bad = "[http]\nport = none\n"

    def config(directory):
        with open(directory + "/mine.ini", "w", encoding="utf-8") as file:
            file.write(bad)
    try:
        run(["umount", container.root + "/proc"])
        with container.read_only(*compose_volumes(service, config)):
            container.start()
            for line in container.process.stderr:
                if "send SIGHUP to try again" in line:
                    break
                assert "stopped" not in line, line
            assert container.health().returncode == 1 and container.process.poll() is None
            first = container.first()
            run(["mount", "-o", "remount,rw", container.root + "/etc/take5/take5.d"])
            bad = "[take5]\nservice = repaired\n"
            config(container.root + "/etc/take5/take5.d")
            os.kill(first, signal.SIGHUP)
            container.wait_healthy()
            assert container.first() == first
            assert "repaired" in container.run(["/usr/libexec/take5/health", "/health"]).stdout
            container.stop()
    finally:
        buildah("rm", container.name)


def check_pod(user):
    say(f"as the manifests say, as user {user}")
    pod = Pod(user)
    try:
        run(["umount", pod.root + "/proc"])
        with pod.read_only(*pod.volumes()):
            run(["hostname", "take5-0"])
            pod.start()
            pod.wait_healthy()
            assert pod.check_probe("startupProbe") and pod.check_probe("livenessProbe")
            assert not pod.check_probe("readinessProbe"), "ready without a broker"
            settings = pod.run(["take5", "check", *pod.container["args"][1:], "--settings"]).stdout
            for line in ("take5.lanes = 2 (/etc/take5/take5.d/10-cluster.ini:3)",
                         "kafka.bootstrap.servers = ${BROKERS} (",
                         "kafka.sasl.password = *** (/etc/take5/take5.d/10-cluster.ini:",
                         "take5.host_id = take5-0 (default)"):
                assert line in settings, settings
            said = pod.run(["take5", "ctl", "status"])
            assert said.returncode == 0, said.stdout
            for name in ("cross", "momentum", "trend"):
                assert re.search(rf"^ *{name}\b", said.stdout, re.M), said.stdout
            assert not re.search(r"^ *console\b", said.stdout, re.M), said.stdout
            again = pod.run(["take5", "ctl", "reload"])
            assert again.returncode == 0, again.stdout
            output = pod.stop()
            assert "change-me" not in output and '"level"' in output, output
    finally:
        buildah("rm", pod.name)


def main():
    with alone_with_images():
        return build_and_run()


def build_and_run():
    say("building the image")  # from the packages that package_build has made in it
    build(build_packages(), "--tag", IMAGE)
    leave_network()
    container = Container()
    try:
        check_settings(container)
        check_life(container)
        check_formats(container)
    finally:
        subprocess.run(["umount", container.root + "/proc"], check=False)
        buildah("rm", container.name)
        forget_packages()
    check_compose()
    for user in (8100, 1234567):
        check_pod(user)
    return 0


alone(main)
