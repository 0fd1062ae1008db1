"""`KafkaConfig`, as scripts of the replaced service know it: from the environment. What the host
really consumes is in its own configuration; here it can be read, and changes nothing."""
import os

TOPICS = ["bar_trends", "historic_stats", "asset_trends"]
SERVERS = {"local": "127.0.0.1:29092", "docker": "broker_1:9092"}


class KafkaConfig:
    def __init__(self):
        self.run_mode = os.environ.get("RUN_MODE", "local")
        self.bootstrap_servers = os.environ.get(
            "KAFKA_BOOTSTRAP_SERVERS", SERVERS.get(self.run_mode, SERVERS["local"]))
        self.group_id = os.environ.get("KAFKA_GROUP_ID", "take5_algo1_group")
        self.topics = list(TOPICS)
        self.log_level = os.environ.get("LOG_LEVEL", "INFO")
        self.enable_color_logs = os.environ.get("ENABLE_COLOR_LOGS", "true").lower() == "true"
        self.consumer_config = {
            "bootstrap.servers": self.bootstrap_servers,
            "group.id": self.group_id,
            "auto.offset.reset": os.environ.get("KAFKA_AUTO_OFFSET_RESET", "earliest"),
            "enable.auto.commit": True,
            "auto.commit.interval.ms": _number("KAFKA_AUTO_COMMIT_INTERVAL", 1000),
            "session.timeout.ms": _number("KAFKA_SESSION_TIMEOUT", 45000),
            "heartbeat.interval.ms": _number("KAFKA_HEARTBEAT_INTERVAL", 3000),
            "max.poll.interval.ms": _number("KAFKA_MAX_POLL_INTERVAL", 300000),
        }

    def get_consumer_config(self):
        return dict(self.consumer_config)


def _number(name, default):
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default
