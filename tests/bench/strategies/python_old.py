"""The handlers of service.py in the form of the service that take5 replaces, as they are."""
import json
import os

from kafka.consumer import Take5KafkaConsumer
from service import Meter, Service

service, meter = Service(), Meter()
COUNT = int(os.environ["TAKE5_BENCH_COUNT"])


def measured(handler):
    def handle(message):
        if meter.first is None:
            meter.first = meter.read()
        handler(message)
        if service.processed == COUNT:
            meter.last = meter.read()
            meter.report(COUNT, [], os.environ["TAKE5_BENCH_REPORT"], service.own_ns(measured))
    return handle


def parsed(handler):
    return measured(lambda message: handler(json.loads(message.value())))


consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", parsed(service.on_bar_trends))
consumer.set_message_handler("historic_stats", parsed(service.on_historic_stats))
consumer.set_message_handler("asset_trends", parsed(service.on_asset_trends))
consumer.start()
