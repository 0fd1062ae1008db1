"""How much is measured: all of it, or a look."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Plan:
    # Throughput
    messages: int            # in the three topics
    rounds: int
    slow_messages: int       # that rows which are much slower than the others take of them
    peer_messages: int       # that Kafka Streams takes of them
    # Latency
    latency_rounds: int
    latency_seconds: dict    # by rate
    # Cost by symbols
    symbol_messages: dict    # by number of symbols
    symbol_rounds: int
    # Alone
    decode_rounds: int
    decode_round_ms: int
    replay_messages: int
    replay_rounds: int
    # Reload, by number of symbols
    reload_rounds: int
    # A lane slower than its client
    slow_lane_rounds: int
    # Signals into PostgreSQL
    database_messages: int
    database_rounds: int


FULL = Plan(
    messages=3_000_000, rounds=5, slow_messages=400_000, peer_messages=1_200_000,
    latency_rounds=3, latency_seconds={1_000: 10, 20_000: 5},
    symbol_messages={10: 900_000, 1_000: 900_000, 100_000: 900_000}, symbol_rounds=3,
    decode_rounds=15, decode_round_ms=60, replay_messages=1_000_000, replay_rounds=5,
    reload_rounds=11, slow_lane_rounds=3, database_messages=300_000, database_rounds=3)

QUICK = Plan(
    messages=600_000, rounds=1, slow_messages=100_000, peer_messages=400_000,
    latency_rounds=1, latency_seconds={1_000: 3, 20_000: 2},
    symbol_messages={10: 450_000, 1_000: 450_000, 100_000: 600_000}, symbol_rounds=1,
    decode_rounds=5, decode_round_ms=20, replay_messages=300_000, replay_rounds=1,
    reload_rounds=3, slow_lane_rounds=1, database_messages=100_000, database_rounds=1)
