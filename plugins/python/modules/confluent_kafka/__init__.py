"""The confluent_kafka of scripts. `Message` and `Consumer` are take5's. All else is that of the package
in the script's own environment; without one there are stand-ins for what messages carry and handlers
name."""
import importlib
import importlib.machinery
import os
import sys

from _take5 import KafkaMessage as Message
from take5._bridge import Finder


def _load_real():
    """The package's own module of this name; None: there is none."""
    spec = importlib.machinery.PathFinder.find_spec(__name__)
    if spec is None:
        return None
    # Its parts import each other under its name, and it comes with a librdkafka, whose functions are
    # not those of the host's.
    ours, flags = sys.modules.pop(__name__), sys.getdlopenflags()
    finder = next(one for one in sys.meta_path if isinstance(one, Finder))
    sys.meta_path.remove(finder)
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        return importlib.import_module(__name__)
    finally:
        sys.setdlopenflags(flags)
        sys.meta_path.insert(0, finder)
        sys.modules[__name__] = ours


_real = _load_real()
if _real is not None:
    __path__ = _real.__path__  # of confluent_kafka.admin and the like
    globals().update({name: value for name, value in vars(_real).items()
                      if not name.startswith("__") and name != "Message"})
else:
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

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"confluent_kafka.{name} is not among what take5 has of it; for the real "
                          "one install confluent-kafka in the script's venv")


class Consumer:
    """take5 is the consumer."""

    def __init__(self, *_, **__):
        raise KafkaException("under take5 a script consumes nothing itself: use "
                             "kafka.consumer.Take5KafkaConsumer, or take5.on()")
