"""The compose files say what the old deployment said, and nothing that the program
does not know."""
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BUILD = os.environ["TAKE5_BUILD_DIR"]


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def check_service(compose, known):
    service, = compose["services"].values()
    assert service["restart"] == "unless-stopped"
    assert service["ports"] == ["8100:8080"]
    assert service["networks"] == ["kafka_broker_kafka-net"]
    assert compose["networks"]["kafka_broker_kafka-net"] == {"external": True}
    assert set(service["environment"]) == known, set(service["environment"]) ^ known
    for name, value in service["environment"].items():
        # What the shell has, else nothing, which counts as not set.
        assert re.fullmatch(rf"\$\{{{name}:-(docker)?\}}", value), f"{name}: {value}"

    dockerfile = os.path.normpath(os.path.join("packaging", service["build"]["context"],
                                               service["build"]["dockerfile"]))
    text = read(dockerfile)
    inside = set(re.findall(r'"(/[^"]+)"', re.search(r"^VOLUME (.*)$", text, re.M).group(1)))
    # ${NAME:-DEFAULT} has colons too.
    volumes = [re.fullmatch(r"(\$\{.*\}|[^:]*):([^:]*)(:ro)?", volume).groups()
               for volume in service["volumes"]]
    mounted = {inner for _, inner, _ in volumes}
    assert mounted == inside | {"/etc/take5/take5.d"}, f"{mounted}, and the image has {inside}"
    assert {outer for outer, _, _ in volumes if not outer.startswith("${")} == \
        set(compose["volumes"])
    assert re.search(r"^EXPOSE 8080$", text, re.M)
    check_command(service, text)


def check_command(service, dockerfile):
    """It is the image's own, and does not end for a configuration that is refused: an engine would
    start it again and again."""
    words = re.search(r"^CMD (\[.*?\])$", dockerfile, re.M | re.S).group(1).replace("\\\n", "")
    assert service["command"] == json.loads(words) + ["--wait-for-config"], service["command"]


def check_limits(service):
    """What it may take of the machine, and that its logs do not fill the disk."""
    limits = service["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}, limits
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}, service["logging"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    writable = {entry.split(":")[0]: entry.split(":")[1].split(",") for entry in service["tmpfs"]}
    assert set(writable) == {"/run/take5", "/var/cache/take5", "/tmp"}, writable
    assert "exec" in writable["/var/cache/take5"]  # strategies are loaded from there
    for path, options in writable.items():
        assert any(option.startswith("size=") for option in options), f"{path} has no limit"


def check_worker(text):
    """The example of a worker is one that the program takes."""
    example = "".join(line + "\n" for line in re.findall(r"^    #   (.*)$", text, re.M))
    with tempfile.TemporaryDirectory() as folder:
        ini = os.path.join(folder, "take5.ini")
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nstrategy_dir = {BUILD}/strategies\nstate_dir = {folder}/state\n"
                       f"cache_dir = {folder}/cache\nrun_dir = {folder}/run\n{example}")
        done = subprocess.run([os.path.join(BUILD, "host", "take5"), "check", "-c", ini],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^worker risky \(group \S+\.risky, .*\): alpha$", done.stdout, re.M), done.stdout


def check_broker(broker):
    """The other file makes the very network, and the broker that RUN_MODE=docker and local mean."""
    service = broker["services"]["broker_1"]
    network, = broker["networks"]
    assert f"{broker['name']}_{network}" == "kafka_broker_kafka-net"
    assert service["networks"] == [network] and service["container_name"] == "broker_1"
    advertised = service["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    schema = re.sub(r'"\s*"', "", read("host/config/schema/schema.c"))  # one literal of adjacent ones
    modes = dict(re.findall(r"(local|docker) is (\S+?:\d+)", schema))
    assert len(modes) == 2, modes
    for address in modes.values():
        assert address in re.findall(r"://([^,]+)", advertised), f"{address}: {advertised}"
    outside = modes["local"]
    assert service["ports"] == [f"{outside}:{outside.split(':')[1]}"], service["ports"]


def check_times():
    """Who ends the host waits longer than a stop may take."""
    schema = read("host/config/schema/schema.c")
    limit_s = int(re.search(r'"shutdown_timeout", SCHEMA_DURATION, "(\d+)s"', schema).group(1))
    service, = yaml.safe_load(read("packaging/compose.yaml"))["services"].values()
    unit = read("packaging/systemd/take5.service.in")
    for waits in (service["stop_grace_period"],
                  re.search(r"^TimeoutStopSec=(.*)$", unit, re.M).group(1)):
        assert int(waits.removesuffix("s")) >= limit_s + 5, f"{waits} for {limit_s} s"


def main():
    known = set(re.findall(r'VARIABLE\("([A-Z_]+)"\)', read("host/config/schema/schema_kafka.c")))
    assert "KAFKA_BOOTSTRAP_SERVERS" in known and len(known) >= 10, known
    check_service(yaml.safe_load(read("packaging/compose.yaml")), known)
    check_limits(*yaml.safe_load(read("packaging/compose.yaml"))["services"].values())
    check_times()
    check_worker(read("packaging/compose.yaml"))
    check_broker(yaml.safe_load(read("packaging/compose.kafka.yaml")))
    # The same variables are offered to the systemd unit.
    offered = set(re.findall(r"^#([A-Z0-9_]+)=", read("packaging/systemd/environment"), re.M))
    assert offered == known | {"TAKE5_OPTIONS"}, offered ^ known
    return 0


sys.exit(main())
