"""The part of confluent_kafka that handlers use: names for what messages carry. Everything else is
that of the package in the script's own environment, if it has it there."""
import importlib
import importlib.machinery
import importlib.util
import sys

from _take5 import KafkaMessage as Message
from take5._bridge import Finder

TIMESTAMP_NOT_AVAILABLE, TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME = 0, 1, 2
OFFSET_BEGINNING, OFFSET_END, OFFSET_STORED, OFFSET_INVALID = -2, -1, -1000, -1001


class KafkaError:
    """What message.error() would give; take5 hands over no message that has one."""

    _ALL_BROKERS_DOWN = -187
    _PARTITION_EOF = -191
    _TIMED_OUT = -185
    UNKNOWN_TOPIC_OR_PART = 3
    NO_ERROR = 0

    def __init__(self, error=0, reason=None, fatal=False, retriable=False):
        self._code, self._reason = error, reason
        self._is_fatal, self._is_retriable = fatal, retriable

    def code(self):
        return self._code

    def str(self):
        return self._reason or ""

    def name(self):
        return str(self._code)

    def fatal(self):
        return self._is_fatal

    def retriable(self):
        return self._is_retriable

    def __str__(self):
        return f"KafkaError{{code={self._code},str={self._reason!r}}}"


class KafkaException(Exception):
    pass


class TopicPartition:
    def __init__(self, topic, partition=-1, offset=OFFSET_INVALID):
        self.topic, self.partition, self.offset = topic, partition, offset


class Consumer:
    """take5 is the consumer."""

    def __init__(self, *_, **__):
        raise KafkaException("under take5 a script consumes nothing itself: use "
                             "kafka.consumer.Take5KafkaConsumer, or take5.on()")


def __getattr__(name):
    """A producer, for instance: the real package's, beside this one."""
    if name.startswith("__"):
        raise AttributeError(name)
    real = sys.modules.get("take5_real_confluent_kafka") or _load_real(name)
    return getattr(real, name)


def _load_real(name):
    spec = importlib.machinery.PathFinder.find_spec(__name__)
    if spec is None:
        raise ImportError(f"confluent_kafka.{name} is not among what take5 has of it; for the "
                          "real one install confluent-kafka in the script's venv")
    # Its parts import each other under its name.
    ours = {key: sys.modules.pop(key) for key in list(sys.modules)
            if key.split(".")[0] == __name__}
    finder = next(one for one in sys.meta_path if isinstance(one, Finder))
    sys.meta_path.remove(finder)
    try:
        real = importlib.import_module(__name__)
    finally:
        sys.meta_path.insert(0, finder)
        parts = {key: value for key, value in sys.modules.items()
                 if key.startswith(__name__ + ".")}
        sys.modules.pop(__name__, None)
        sys.modules.update({**ours, **parts})
    sys.modules["take5_real_confluent_kafka"] = real
    return real
