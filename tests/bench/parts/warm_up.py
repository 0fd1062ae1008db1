"""What others notice of a strategy that is warmed up beside the stream."""
from .figures import at_most
from .latency import SHARES, ratios
from .rows import PARTITIONS
from .site import measuring, strategy

RATE = 1_000
NAME = "momentum"
# How far its warm-up reaches back, by what is measured.
WARM, COLD = "it is warmed up", "it begins without"
REACH = {COLD: "0", WARM: "7d"}


def run(site, reach, tally, prefix, count):
    """Milliseconds by share, from before a message is sent to the callback of a strategy that runs
    all the time; a second one is deployed meanwhile."""
    host = site.new_host(prefix, sections={"kafka": {"auto.offset.reset": "latest"}})
    report = measuring(host, [count], stamped="yes")
    host.start()
    host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
    host.wait_log("starting at")
    stream = site.start_fill(prefix, count, "-r", str(RATE), "-s", "-X", "linger.ms=0")
    host.wait_status("the stream", lambda status: status["totals"]["messages"] >= RATE)
    host.drop(strategy(NAME))
    host.deploy(NAME, plugin=NAME, window="1s", threshold=100, quiet="7d", warm_up=reach)
    code, out, err = host.ctl("reload")
    if code != 0:
        raise RuntimeError(f"the reload went wrong: {out}{err}\n{host.log_tail()}")
    if reach != "0":
        begun = host.wait_event("catch_up.begun", r"with (\d+) messages")
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"partition {number}: .*{NAME}")
        if int(begun.group(1)) < tally["messages"] // 4:  # it reads one topic of three
            raise RuntimeError(f"it was fed only {begun.group(1)} messages")
        if not stream.is_running():
            raise RuntimeError("the stream ended before the warm-up")
    site.finish(stream, 2 * count / RATE + 60)
    measured = site.finish_host(host, report, 60)
    return {share: ns / 1e6 for share, ns in measured["latencies"]}


def measure(site, plan, figures):
    count = RATE * plan.warm_up_seconds
    rounds = {what: [] for what in REACH}
    for number in range(plan.seen_rounds):
        for what, reach in REACH.items():
            site.progress.say(f"latency beside a strategy that is deployed, round {number + 1} of "
                              f"{plan.seen_rounds}: {what}")
            prefix = site.unique("warm-") + "."
            tally = site.fill(prefix, plan.warm_up_messages)
            rounds[what].append(run(site, reach, tally, prefix, count))
            site.delete(prefix)
    for name in ("p50", "p99"):
        for what, its in rounds.items():
            figures.add(f"latency {name} at {RATE} messages/s beside a strategy that is deployed: "
                        f"{what}", "ms", [shares[SHARES[name]] for shares in its])
    cold, warm = rounds[COLD], rounds[WARM]
    figures.add(f"latency p99 at {RATE} messages/s beside a strategy that is deployed: {WARM} with "
                f"{plan.warm_up_messages} messages against {COLD}", "ratio",
                ratios([shares[SHARES["p99"]] for shares in warm],
                       [shares[SHARES["p99"]] for shares in cold]), at_most(1.2, True))
