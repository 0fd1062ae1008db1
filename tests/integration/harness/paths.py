"""Where things are; told by tests/CMakeLists.txt through the environment."""
import os

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BUILD = os.environ["TAKE5_BUILD_DIR"]
HOST = os.path.join(BUILD, "host", "take5")


def _kafka_lib():
    """tests/run.sh sets it; without it, where tests/setup.sh puts it by default."""
    given = os.environ.get("TAKE5_KAFKA_LIB")
    if given:
        return given
    cache = os.environ.get("TAKE5_CACHE")
    if not cache:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        cache = os.path.join(home, "take5")
    found = os.path.join(cache, "kafka-3.9.1")
    if not os.path.exists(os.path.join(found, "complete")):
        raise SystemExit("Apache Kafka is not here: run tests/setup.sh first")
    return found


KAFKA_LIB = _kafka_lib()


def tool(name):
    return os.path.join(BUILD, "tests", "integration", name)


def strategy(name):
    """A strategy of the tests' (tests/plugins), or one that is bundled."""
    for folder in ("tests/plugins", "strategies"):
        path = os.path.join(BUILD, folder, f"{name}.so")
        if os.path.exists(path):
            return path
    raise AssertionError(f"no strategy {name}.so was built in {BUILD}")
