"""Ports of the loopback for what a test starts."""
import errno
import random
import socket

LOWEST = 10_000

# The names by which this process keeps its ports from other tests; the system drops them with it.
_kept = []


def _first_ephemeral():
    """From there on the system gives ports to connections, at any moment: also to one that a server
    let go for a restart."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first, last = map(int, file.read().split())
    return first if first >= LOWEST + 1_000 else last


def _keep(port):
    """Whether no other test has it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0take5-test-port-{port}")
    except OSError as error:
        name.close()
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    _kept.append(name)
    return True


def _is_free(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    """Ports that nothing listens on; all different, and no other test's while this process runs."""
    found = []
    for port in random.SystemRandom().sample(range(LOWEST, _first_ephemeral()), 1_000):
        if len(found) == count:
            return found
        if _keep(port) and _is_free(port):
            found.append(port)
    raise AssertionError(f"no {count} ports of the loopback are free")
