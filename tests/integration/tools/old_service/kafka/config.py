import os


class KafkaConfig:
    def __init__(self):
        self.run_mode = os.environ.get("RUN_MODE", "local")
        self.bootstrap_servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        self.group_id = os.environ.get("KAFKA_GROUP_ID", "take5_algo1_group")
        self.topics = ["bar_trends", "historic_stats", "asset_trends"]
        self.log_level = os.environ.get("LOG_LEVEL", "INFO")
        self.enable_color_logs = False
        self.consumer_config = {"bootstrap.servers": self.bootstrap_servers,
                                "group.id": self.group_id, "auto.offset.reset": "earliest",
                                "enable.auto.commit": True}

    def get_consumer_config(self):
        return dict(self.consumer_config)
