"""The handlers of service.py in the form of the service that take5 replaces, as they are."""
import json
import os
import time

from kafka.consumer import Take5KafkaConsumer
from service import Meter, Service

service, meter = Service(), Meter()
COUNT = int(os.environ["TAKE5_BENCH_COUNT"])
IS_LATENCY = "TAKE5_BENCH_LATENCY" in os.environ
latencies = []


def measured(handler):
    def handle(message):
        if meter.first is None:
            meter.first = meter.read()
        handler(message)
        if service.processed == COUNT:
            meter.last = meter.read()
            meter.report(COUNT, latencies, os.environ["TAKE5_BENCH_REPORT"], service.own_ns(measured))
    return handle


def parsed(handler):
    def handle(message):
        value = json.loads(message.value())
        handler(value)
        if IS_LATENCY:
            latencies.append(time.time_ns() - value["sentNs"])
    return measured(handle)


consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", parsed(service.on_bar_trends))
consumer.set_message_handler("historic_stats", parsed(service.on_historic_stats))
consumer.set_message_handler("asset_trends", parsed(service.on_asset_trends))
consumer.start()
