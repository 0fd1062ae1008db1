"""The handlers of service.py in the form of the service that take5 replaces, as they are."""
import json
import os
import time

from kafka.consumer import Take5KafkaConsumer
from service import Service, Stages

IS_LATENCY = "TAKE5_BENCH_LATENCY" in os.environ
service = Service()
stages = Stages(service, int(os.environ["TAKE5_BENCH_COUNT"]), os.environ["TAKE5_BENCH_REPORT"],
                IS_LATENCY)


def parsed(handler):
    def handle(message):
        value = json.loads(message.value().decode("utf-8"))
        handler(value)
        if IS_LATENCY:
            stages.latencies.append(time.time_ns() - value["sentNs"])
    return stages.measured(handle)


consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", parsed(service.on_bar_trends))
consumer.set_message_handler("historic_stats", parsed(service.on_historic_stats))
consumer.set_message_handler("asset_trends", parsed(service.on_asset_trends))
consumer.start()
