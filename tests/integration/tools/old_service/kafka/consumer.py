import logging
import sys
import threading

from confluent_kafka import Consumer, KafkaError

from .config import KafkaConfig


class Take5KafkaConsumer:
    def __init__(self, config=None):
        self.config = config or KafkaConfig()
        self.topics = self.config.topics
        self.message_handlers = {}
        self.running = False
        self.logger = logging.getLogger(__name__)
        self.consumer = None

    def set_message_handler(self, topic, handler):
        if topic in self.topics:
            self.message_handlers[topic] = handler
        else:
            self.logger.warning("Unknown topic: %s", topic)

    def start(self):
        self.consumer = Consumer(self.config.get_consumer_config())
        self.consumer.subscribe(self.topics)
        self.running = True
        print(f"🚀 Take5 Kafka Consumer started, listening to topics: {self.topics}")
        print(f"📡 Bootstrap servers: {self.config.bootstrap_servers}")
        print(f"🏃 Run mode: {self.config.run_mode}")
        print("⏹ Press Ctrl+C to stop", flush=True)
        try:
            while self.running:
                message = self.consumer.poll(0.2)
                if message is None:
                    continue
                if message.error():
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        self.logger.error("Consumer error: %s", message.error())
                    continue
                self._process(message)
        finally:
            self.consumer.close()

    def _process(self, message):
        try:
            handler = self.message_handlers.get(message.topic())
            if handler:
                handler(message)
        except Exception as error:
            print(f"Error processing message: {error}")
        sys.stdout.flush()

    def stop(self):
        self.running = False


class KafkaConsumerThread(threading.Thread):
    def __init__(self, config=None):
        super().__init__(daemon=True)
        self.consumer = Take5KafkaConsumer(config)

    def run(self):
        self.consumer.start()

    def stop(self):
        self.consumer.stop()
