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
    # Sweeps
    sweep_points: int
    sweep_messages: int
    sweep_rounds: int
    # Reload, by number of symbols
    reload_rounds: int
    # A lane slower than its client
    slow_lane_rounds: int
    # Signals into PostgreSQL
    database_messages: int
    database_rounds: int
    # Durable strategies
    seen_rounds: int         # of the latencies of signals
    seen_seconds: int
    pause_rounds: int
    kills: int
    warm_up_messages: int
    warm_up_seconds: int     # of the stream beside it
    # Workers
    worker_messages: int
    worker_rounds: int
    supervisor_seconds: int
    worker_deaths: int


FULL = Plan(
    messages=3_000_000, rounds=5, slow_messages=400_000, peer_messages=1_200_000,
    latency_rounds=3, latency_seconds={1_000: 10, 20_000: 5},
    symbol_messages={10: 900_000, 1_000: 900_000, 100_000: 900_000}, symbol_rounds=3,
    decode_rounds=15, decode_round_ms=60, replay_messages=1_000_000, replay_rounds=5,
    sweep_points=1_000, sweep_messages=1_000_000, sweep_rounds=1,
    reload_rounds=11, slow_lane_rounds=3, database_messages=300_000, database_rounds=3,
    seen_rounds=3, seen_seconds=10, pause_rounds=11, kills=5,
    warm_up_messages=1_500_000, warm_up_seconds=15,
    worker_messages=1_500_000, worker_rounds=5, supervisor_seconds=10, worker_deaths=5)

QUICK = Plan(
    messages=600_000, rounds=1, slow_messages=100_000, peer_messages=400_000,
    latency_rounds=1, latency_seconds={1_000: 3, 20_000: 2},
    symbol_messages={10: 450_000, 1_000: 450_000, 100_000: 600_000}, symbol_rounds=1,
    decode_rounds=5, decode_round_ms=20, replay_messages=300_000, replay_rounds=1,
    sweep_points=200, sweep_messages=100_000, sweep_rounds=1,
    reload_rounds=3, slow_lane_rounds=1, database_messages=100_000, database_rounds=1,
    seen_rounds=1, seen_seconds=3, pause_rounds=3, kills=1,
    warm_up_messages=600_000, warm_up_seconds=8,
    worker_messages=300_000, worker_rounds=1, supervisor_seconds=3, worker_deaths=1)
