"""The compose files say what the old deployment said, and nothing that the program
does not know."""
import os
import re
import sys

import yaml

SOURCE = os.environ["TAKE5_SOURCE_DIR"]


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
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert mounted == inside, f"{mounted} are mounted, {inside} are the image's"
    assert {volume.split(":")[0] for volume in service["volumes"]} == set(compose["volumes"])
    assert re.search(r"^EXPOSE 8080$", text, re.M)


def check_broker(broker):
    """The other file makes the very network, and the broker that RUN_MODE=docker and local mean."""
    service = broker["services"]["broker_1"]
    network, = broker["networks"]
    assert f"{broker['name']}_{network}" == "kafka_broker_kafka-net"
    assert service["networks"] == [network] and service["container_name"] == "broker_1"
    advertised = service["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    schema = re.sub(r'"\s*"', "", read("host/config/schema.c"))  # one literal of adjacent ones
    modes = dict(re.findall(r"(local|docker) is (\S+?:\d+)", schema))
    assert len(modes) == 2, modes
    for address in modes.values():
        assert address in re.findall(r"://([^,]+)", advertised), f"{address}: {advertised}"
    outside = modes["local"]
    assert service["ports"] == [f"{outside}:{outside.split(':')[1]}"], service["ports"]


def check_times():
    """Who ends the host waits longer than a stop may take."""
    schema = read("host/config/schema.c")
    limit_s = int(re.search(r'"shutdown_timeout", SCHEMA_DURATION, "(\d+)s"', schema).group(1))
    service, = yaml.safe_load(read("packaging/compose.yaml"))["services"].values()
    unit = read("packaging/systemd/take5.service.in")
    for waits in (service["stop_grace_period"],
                  re.search(r"^TimeoutStopSec=(.*)$", unit, re.M).group(1)):
        assert int(waits.removesuffix("s")) >= limit_s + 5, f"{waits} for {limit_s} s"


def main():
    known = set(re.findall(r'VARIABLE\("([A-Z_]+)"\)', read("host/config/schema_kafka.c")))
    assert "KAFKA_BOOTSTRAP_SERVERS" in known and len(known) >= 10, known
    check_service(yaml.safe_load(read("packaging/compose.yaml")), known)
    check_times()
    check_broker(yaml.safe_load(read("packaging/compose.kafka.yaml")))
    # The same variables are offered to the systemd unit.
    offered = set(re.findall(r"^#([A-Z0-9_]+)=", read("packaging/systemd/environment"), re.M))
    assert offered == known | {"TAKE5_OPTIONS"}, offered ^ known
    return 0


sys.exit(main())
