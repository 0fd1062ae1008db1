"""A script of the replaced service, as its README shows them. It runs there and under take5."""
import decimal
import json
import logging

from kafka.config import KafkaConfig
from kafka.consumer import Take5KafkaConsumer

logging.basicConfig(level=logging.INFO)
seen = {}
decimal.getcontext().prec = 6


def show(kind, message):
    data = json.loads(message.value().decode('utf-8'))
    place = (message.topic(), message.partition())
    seen[place] = seen.get(place, 0) + 1
    print(f"{kind} {message.topic()}/{message.partition()}/{message.offset()} "
          f"{message.key().decode('utf-8')} {data['symbol']} {message.timestamp()} "
          f"{len(message)} {message.headers()} {message.error()} {seen[place]}")
    return data


def handle_bar_trends(message):
    show("BAR", message)
    print("  --- new bar ---")
    print("  ---")
    print(f"  a third is {decimal.Decimal(1) / 3}")
    print("  ---")
    if message.offset() % 50 == 7:
        raise ValueError(f"no luck at {message.partition()}/{message.offset()}")


def handle_historic_stats(message):
    data = show("STATS", message)
    print(f"  z_score {data['z_score']}")


def handle_asset_trends(message):
    show("TRENDS", message)


def main():
    consumer = Take5KafkaConsumer(KafkaConfig())
    consumer.set_message_handler('bar_trends', handle_bar_trends)
    consumer.set_message_handler('historic_stats', handle_historic_stats)
    consumer.message_handlers['asset_trends'] = handle_asset_trends
    consumer.start()


if __name__ == "__main__":
    main()
