"""`Take5KafkaConsumer` and `KafkaConsumerThread`, as scripts of the replaced service know them. The
host consumes; start() waits beside it, and the handlers are called by the host."""
import json
import logging
import sys
import threading
import time

from take5 import _bridge

from .config import KafkaConfig

SIGNS = {"bar_trends": "📊", "historic_stats": "📈", "asset_trends": "🔮"}


class _ToStdout(logging.StreamHandler):
    """To what sys.stdout is when a line comes."""

    def __init__(self):
        logging.Handler.__init__(self)

    @property
    def stream(self):
        return sys.stdout


def _make_logger(config):
    logger = logging.getLogger(__name__)
    logger.setLevel(getattr(logging, str(config.log_level).upper(), logging.INFO))
    if not logger.handlers:
        logger.addHandler(_ToStdout())
        logger.propagate = False
    return logger


def _print_message(message):
    """The handler of a topic that was given none."""
    kind, stamp = message.timestamp()
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp / 1000)) if kind else "None"
    key = message.key()
    print(f"{SIGNS.get(message.topic(), '📨')} [{message.topic().upper()}] Received message:")
    print(f"   Key: {key.decode('utf-8', 'replace') if key is not None else None}")
    print(f"   Timestamp: {text}")
    print(f"   Partition: {message.partition()}")
    print(f"   Offset: {message.offset()}")
    value = json.dumps(json.loads(message.value()), indent=2, ensure_ascii=False)
    for number, line in enumerate(value.splitlines()):
        print(f"   {'' if number else 'Value: '}{line}")


class Take5KafkaConsumer:
    def __init__(self, config=None):
        self.config = config if config is not None else KafkaConfig()
        self.topics = list(self.config.topics)
        self.message_handlers = {topic: _print_message for topic in self.topics}
        self.running = False
        self.logger = _make_logger(self.config)
        self._is_over = threading.Event()

    def set_message_handler(self, topic, handler):
        """Replaces the topic's handler."""
        if topic not in self.topics:
            self.logger.warning("Unknown topic: %s", topic)
            return
        self.message_handlers[topic] = handler

    def start(self):
        """Waits until stop(), or until the host stops the script."""
        self.running = True
        self._is_over.clear()
        print(f"🚀 Take5 Kafka Consumer started, listening to topics: {self.topics}")
        print(f"📡 Bootstrap servers: {self.config.bootstrap_servers}")
        print(f"🏃 Run mode: {self.config.run_mode}")
        print("⏹ Press Ctrl+C to stop")
        _bridge.current().start(self)
        self._is_over.wait()

    def stop(self):
        self.running = False
        self._is_over.set()


class KafkaConsumerThread(threading.Thread):
    """A consumer in a thread of its own."""

    def __init__(self, config=None):
        super().__init__(name="kafka-consumer", daemon=True)
        self.consumer = Take5KafkaConsumer(config)

    def run(self):
        try:
            self.consumer.start()
        except _bridge.Described:
            pass

    def stop(self):
        self.consumer.stop()
