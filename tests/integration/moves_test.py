#!/usr/bin/python3
"""A deployment that gets another worker keeps what it knows and misses nothing.

The strategy `chain` says with its signals which messages it was handed and digests of all before
(tests/integration/durable_test.py). Here what it says in all the workers where it ran is judged as
one: nothing is missing, forgotten, or known twice, and what it says again after a kill is the same:
it is handed the messages in the order that the worker before had noted.
"""
import contextlib
import json
import os
import shutil
import signal

from harness import paths
from harness.chain import EVERY
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.exact_scenario import ExactScenario
from harness.process import children, is_alive
from harness.scenario import main


def states(status):
    return {worker["name"]: worker["state"] for worker in status.get("workers", [])}


def kill_all(scenario, host, also=()):
    workers = children(host.process.pid)
    for process in also:
        os.kill(process, signal.SIGKILL)
    scenario.kill(host)
    scenario.wait_for("the workers to end", lambda: not any(map(is_alive, workers)))


def checkpoint_that_counts(scenario, host, worker):
    """Takes one: after a kill only what is at or below what was committed counts."""
    code, out, err = host.ctl("checkpoint")
    scenario.assertEqual(code, 0, out + err)
    group = host.group if worker == "main" else f"{host.group}.{worker}"
    ends = scenario.kafka.ends(scenario.fed_topics(), PARTITIONS)
    scenario.kafka.wait_committed(group, ends, at_least=True)


class Moves(ChainScenario):
    def where(self, host, worker):
        """The file in which the worker's signals are."""
        return host.signals if worker == "main" else f"{host.signals}.{worker}"

    def wait_said(self, host, worker, more=RATE // EVERY // 2):
        whole, host.signals = host.signals, self.where(host, worker)
        try:
            self.wait_lines(host, more)
        finally:
            host.signals = whole

    def move(self, host, worker, name="chain", **keys):
        """At a reload."""
        host.deploy(name, worker=worker, **keys)
        mark = host.log_size()
        code, text = host.reload(120)
        self.assertEqual(code, 0, text)
        host.wait_event("deployment.moved", start=mark)
        self.assertEqual(host.events("state.discarded", mark), [])

    def end_in(self, host, worker, workers, judge=None, also=()):
        """The stream ends, that one and those that are named also have read all of it, and all that
        was said in the workers, that one last, is judged. Gives how much was said again."""
        tally = self.producer.stop()
        for name in (worker, *also):
            group = host.group if name == "main" else f"{host.group}.{name}"
            self.kafka.wait_committed(group, tally["partitions"], 120)
        host.wait_status("all to be level", lambda status: all(
            strategy["state"] == "running" for strategy in status["strategies"]))
        host.stop()
        together = self.path("together.jsonl")
        with open(together, "wb") as out:
            for name in workers:
                with contextlib.suppress(FileNotFoundError), \
                        open(self.where(host, name), "rb") as file:
                    out.write(file.read())
        host.signals = together
        return (judge or self.judge)(host, tally)

    def moved_at_reloads(self, **sections):
        host = self.chain_host(**sections)
        host.deploy("anchor", plugin="chain", worker="stays")  # so that there is a supervisor
        host.start()
        self.start_stream()
        self.wait_said(host, "main")
        for worker in ("other", "third", "main"):
            self.move(host, worker)
            self.wait_said(host, worker)
        self.assertEqual(sorted(states(host.status())), ["main", "stays"])
        self.assertEqual(self.end_in(host, "main", ("other", "third", "main")), 0)

    def test_at_reloads(self):
        self.moved_at_reloads()

    def test_at_reloads_with_state_in_kafka(self):
        self.moved_at_reloads(checkpoint={"interval": "1s", "store": "kafka",
                                          "topic": f"{self.name}.state"})

    def settle(self, host, worker):
        """A checkpoint has it where it is now, and it has gone on from there."""
        host.wait_status("all to be level", lambda status: all(
            strategy["state"] == "running" for strategy in status["strategies"]))
        checkpoint_that_counts(self, host, worker)
        self.wait_said(host, worker)

    def move_between_runs(self, host, name, worker, is_killed, **keys):
        """Killed, no state lies where the offsets are."""
        if is_killed:
            kill_all(self, host)
        else:
            host.stop()
        host.deploy(name, worker=worker, **keys)
        mark = host.log_size()
        host.start()
        host.wait_event("deployment.moved", f"{name} on ", start=mark)
        self.wait_said(host, worker)
        self.settle(host, worker)
        self.assertEqual(host.events("state.discarded", mark), [])
        self.assertEqual(host.events("checkpoint.order_unknown", mark), [])

    def moved_between_two_runs(self, **sections):
        """From a host without workers into one, to another one, and back."""
        host = self.chain_host(**sections)
        host.start()
        self.start_stream()
        self.wait_said(host, "main")
        self.settle(host, "main")
        for worker, is_killed in (("other", True), ("third", False), ("main", True)):
            self.move_between_runs(host, "chain", worker, is_killed)
        self.end_in(host, "main", ("other", "third", "main"))

    def test_between_two_runs(self):
        self.moved_between_two_runs()

    def test_between_two_runs_with_state_in_kafka(self):
        self.moved_between_two_runs(checkpoint={"interval": "1s", "store": "kafka",
                                                "topic": f"{self.name}.state"})

    def test_global(self):
        """One instance for all partitions, between workers that have others to run: their offsets
        are not where it was."""
        host = self.chain_host()
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop("good_global", "good.so")
        host.drop("mute")
        for worker in ("main", "other"):
            host.deploy(f"mute_{worker}", plugin="mute", worker=worker)
        host.deploy("good", every=1)
        host.start()
        self.start_stream()
        self.wait_said(host, "main", RATE)
        self.settle(host, "main")
        for worker, is_killed in (("other", True), ("main", True), ("other", False),
                                  ("main", True)):
            self.move_between_runs(host, "good", worker, is_killed, every=1)
        for worker in ("other", "main"):
            self.move(host, worker, name="good", every=1)
            self.wait_said(host, worker, RATE)
        self.end_in(host, "main", ("other", "main"), self.judge_counts)

    def test_killed_before_its_first_checkpoint(self):
        """Where it has come to, again and again: what the worker before left is what it goes on with,
        also after it has said something there."""
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.wait_said(host, "main")
        self.settle(host, "main")
        for worker, end in (("other", lambda: kill_all(self, host)), ("third", host.stop)):
            end()
            host.deploy("chain", worker=worker)
            mark = host.log_size()
            host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_KILL_AT="sync:1")
            host.wait_event("worker.down", f"worker {worker} ", start=mark)
            self.assertIn(f"[{worker}]", "".join(host.events("deployment.moved", mark)))
            kill_all(self, host)
            host.start()
            self.wait_said(host, worker)
            self.settle(host, worker)
        self.assertEqual(host.events("state.discarded"), [])
        self.assertEqual(host.events("checkpoint.order_unknown"), [])
        self.end_in(host, "third", ("main", "other", "third"))

    def test_moved_and_killed_on_a_full_disk(self):
        """Neither what the old worker knew at its end is on the disk, nor anything of the new one."""
        full = self.path("full")
        host = self.chain_host(is_joined=False)
        host.deploy("anchor", plugin="chain", worker="stays")
        host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_FULL=full)
        self.start_stream()
        self.wait_said(host, "main")
        self.settle(host, "main")
        with open(full, "w", encoding="utf-8"):
            pass
        host.deploy("chain", worker="other")
        mark = host.log_size()
        host.reload(120)
        host.wait_event("deployment.moved", "chain on ", start=mark)
        host.wait_event("checkpoint.failing", r"\[other\] .*No space left on device", start=mark)
        self.wait_said(host, "other")
        kill_all(self, host)
        os.unlink(full)
        mark = host.log_size()
        host.start()
        host.wait_event("deployment.moved", "chain on ", start=mark)
        self.wait_said(host, "other")
        self.settle(host, "other")
        self.assertEqual(host.events("state.discarded"), [])
        self.assertGreater(self.end_in(host, "other", ("main", "other")), 0,
                           "it was killed with nothing in progress")

    def test_into_a_worker_that_is_behind(self):
        """It waits there until the stream has come to where it was."""
        host = self.chain_host(is_joined=False)
        host.drop("slow_message")
        host.deploy("slow_message", worker="slow", takes="4ms")
        host.start()
        self.producer = self.kafka.start_produce(10_000_000, rate=600, **self.options())
        self.wait_said(host, "main", 300)
        self.move(host, "slow")
        host.wait_status("it to wait for the stream", lambda status: any(
            strategy["name"] == "chain" and strategy["catching_up"] > 0
            for strategy in status["strategies"]) and any(lag["lag"] > 0 for lag in status["lag"]))
        self.assertEqual(self.end_in(host, "slow", ("main", "slow")), 0)

    def test_killed_at_random_moments(self):
        """The supervisor, each worker, and all of them: neither loses anything, and nobody is
        left."""
        host = self.chain_host(is_joined=False)
        host.deploy("chain", worker="other")
        host.deploy("anchor", plugin="chain")
        host.start()
        self.start_stream()
        self.wait_said(host, "other", RATE // EVERY)
        for victim in ("supervisor", "main", "other", "all"):
            self.wait_said(host, "other", self.random.randrange(10, RATE // EVERY))
            processes = {worker["name"]: worker["process"] for worker in host.status()["workers"]}
            if victim in processes:
                os.kill(processes[victim], signal.SIGKILL)
                host.wait_status("it to be back", lambda status: any(
                    worker["name"] == victim and worker["state"] == "running" and
                    worker["process"] != processes[victim] for worker in status["workers"]))
                continue
            kill_all(self, host, list(processes.values()) if victim == "all" else ())
            host.start()
        self.wait_said(host, "other")
        self.assertEqual(host.events("state.discarded"), [])
        self.end_in(host, "other", ("main", "other"), self.judge_both, also=("main",))

    def judge_both(self, host, tally):
        return self.judge(host, tally) + self.judge(host, tally, "anchor")

    def test_a_new_program_over_the_old_one(self):
        """A reload that a worker dies in, and an upgrade in place: state is kept."""
        program = self.path("take5")
        shutil.copy(paths.HOST, program)
        host = self.chain_host(is_joined=False)
        host.deploy("chain", worker="other")
        host.start(program=program)
        self.start_stream()
        self.wait_said(host, "other")
        process, = (worker["process"] for worker in host.status()["workers"]
                    if worker["name"] == "other")
        host.process.signal(signal.SIGHUP)
        os.kill(process, signal.SIGKILL)
        host.wait_event("worker.died", "worker other")
        self.wait_said(host, "other")
        shutil.copy(paths.HOST, f"{program}.new")
        os.rename(f"{program}.new", program)
        process, = (worker["process"] for worker in host.status()["workers"]
                    if worker["name"] == "other")
        os.kill(process, signal.SIGKILL)  # it begins again from the supervisor's own program
        self.wait_said(host, "other")
        host.process.signal(signal.SIGHUP)
        host.stop()
        host.start(program=program)
        self.wait_said(host, "other")
        self.assertEqual(host.events("state.discarded"), [])
        self.end_in(host, "other", ("other",))


class ExactMoves(ExactScenario):
    def muted_host(self):
        """Whose workers main and other run without chain too."""
        host = self.exact_host()
        host.drop("mute")
        for worker in ("main", "other"):
            host.deploy(f"mute_{worker}", plugin="mute", worker=worker)
        host.start()
        self.start_stream()
        self.wait_read(RATE // EVERY, host)
        return host

    def test_exactly_once(self):
        """A reader of committed records sees each signal once, in order, whichever worker said it;
        at reloads, and between runs that end in a kill."""
        host = self.muted_host()
        for worker in ("other", "main"):
            host.deploy("chain", worker=worker)
            mark = host.log_size()
            code, text = host.reload(120)
            self.assertEqual(code, 0, text)
            host.wait_event("deployment.moved", start=mark)
            self.wait_read(RATE // EVERY, host)
        for worker in ("other", "main"):
            kill_all(self, host)
            host.deploy("chain", worker=worker)
            mark = host.log_size()
            host.start()
            host.wait_event("deployment.moved", start=mark)
            self.wait_read(RATE // EVERY, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_killed_as_soon_as_it_is_level(self):
        """Where it has come to, and back: what it says in a worker is known there before anybody reads
        it, and so to the worker that it goes back to."""
        host = self.muted_host()
        for worker in ("other", "main"):
            kill_all(self, host)
            host.deploy("chain", worker=worker)
            mark = host.log_size()
            host.start()
            for number in range(2):
                host.wait_event("strategy.caught_up", rf"\[{worker}\] partition {number}: .*chain",
                                start=mark)
        self.wait_read(RATE // EVERY, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def move_and_die(self, host, worker, moment):
        """Into the worker, which dies at that moment, and everything with it."""
        host.deploy("chain", worker=worker)
        mark = host.log_size()
        host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_KILL_AT=moment,
                   TAKE5_KILL_IN=worker)
        workers = children(host.process.pid)
        self.assertEqual(host.process.wait(60), -signal.SIGKILL)
        self.wait_for("the workers to end", lambda: not any(map(is_alive, workers)))
        self.assertIn(f"[{worker}]", "".join(host.events("deployment.moved", mark)))

    def test_killed_around_its_first_checkpoint(self):
        """Between that checkpoint, which has it in its new worker, and the commit that makes it count:
        both count or neither, whether it goes on there or returns."""
        host = self.muted_host()
        here, there = "main", "other"
        for moment, returns in (("rename:1", True), ("rename:2", False), ("rename:3", True),
                                ("offsets:1", True), ("offsets:1", False), ("end:1", True),
                                ("end:1", False)):
            kill_all(self, host)
            self.move_and_die(host, there, moment)
            if returns:
                host.deploy("chain", worker=here)
            else:
                here, there = there, here
            host.start()
            self.wait_read(RATE // EVERY, host)
            host.wait_status("all to be level", lambda status: all(
                strategy["state"] == "running" for strategy in status["strategies"]))
            checkpoint_that_counts(self, host, here)
        tally = self.end_stream(f"{host.group}.other" if here == "other" else host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_returns_from_one_that_does_not_count_to_the_one_before(self):
        """The state is neither where it ran last, as that worker was killed before its first commit, nor
        where it runs now."""
        host = self.muted_host()
        host.deploy("mute_third", plugin="mute", worker="third")
        for _ in range(2):  # at the second start main learns that other has it
            kill_all(self, host)
            host.deploy("chain", worker="other")
            host.start()
            self.wait_read(RATE // EVERY, host)
        host.stop()
        self.move_and_die(host, "third", "offsets:1")
        host.deploy("chain", worker="main")
        host.start()
        self.wait_read(RATE // EVERY, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_the_clock_is_set_back_between_two_workers(self):
        """Where it ran last is known all the same: what it said since is not said again."""
        host = self.muted_host()
        for hours, worker in enumerate(("other", "main", "other", "main"), 1):
            kill_all(self, host)
            host.deploy("chain", worker=worker)
            mark = host.log_size()
            host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_CLOCK=str(-3600 * hours))
            host.wait_event("deployment.moved", start=mark)
            self.wait_read(RATE // EVERY, host)
        tally = self.end_stream(host.group)
        kill_all(self, host)  # a stop waits for its threads by the clock that was set back
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_a_removed_worker_that_stands_still(self):
        """Its process is ended before anybody goes on from what it committed, and what it left open is
        waited for: it writes nothing any more."""
        host = self.exact_host(take5={"host_id": "host", "lanes": 2, "on_crash": "run",
                                      "shutdown_timeout": "1s"})
        host.deploy("chain", worker="other")
        host.start()
        self.start_stream()
        self.wait_read(RATE // EVERY, host)
        process, = (worker["process"] for worker in host.status()["workers"]
                    if worker["name"] == "other")
        os.kill(process, signal.SIGSTOP)
        host.deploy("chain", worker="main")
        mark = host.log_size()
        host.process.signal(signal.SIGHUP)
        host.wait_event("worker.stopped", "worker other stopped: killed by SIGKILL", start=mark)
        host.wait_event("deployment.moved", start=mark)
        self.assertFalse(is_alive(process))
        self.wait_read(RATE // EVERY, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_global_exactly_once(self):
        """The same of one instance for all partitions, which says with each message how many of its
        symbol it has had: each once, and no count is missing, or there twice."""
        host = self.exact_host(take5={"host_id": "host", "lanes": 1, "on_crash": "run"})
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop("good_global", "good.so")
        host.drop("mute")
        for worker in ("main", "other"):
            host.deploy(f"mute_{worker}", plugin="mute", worker=worker)
        host.deploy("good", every=1)
        host.start()
        self.start_stream()
        self.wait_read(RATE, host)
        for worker, is_killed in (("other", True), ("main", True), ("other", False)):
            if is_killed:
                kill_all(self, host)
            else:
                host.stop()
            host.deploy("good", every=1, worker=worker)
            mark = host.log_size()
            host.start()
            host.wait_event("deployment.moved", "good on ", start=mark)
            self.wait_read(RATE, host)
        tally = self.producer.stop()
        goal = sum(int(count) for numbers in tally["partitions"].values()
                   for count in numbers.values())
        self.wait_for(lambda: f"{goal} signals; there are {self.reader.count()}",
                      lambda: self.reader.count() >= goal, 120)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        said = [json.loads(record["payload"]) for record in self.kafka.read(self.signals)]
        self.assertEqual(len({item["id"] for item in said}), len(said), "said twice")
        counts = {}
        for item in said:
            counts.setdefault(item["symbol"], []).append(item["value"])
        self.assertEqual(len(said), goal)
        for symbol, its in counts.items():
            self.assertEqual(sorted(its), list(range(1, len(its) + 1)), symbol)

    def said_by_numbers(self):
        """Signals of `ticks` (tests/plugins/ticks.c) in their order: [[(id, messages, timers)]]."""
        said = [[] for _ in range(PARTITIONS)]
        for line in map(json.loads, self.reader.payloads()):
            said[line["partition"]].append((line["id"], *divmod(int(line["value"]), 1000)))
        return said

    def wait_ticks(self, host, count):
        """Until that many messages were had, by all numbers together, and their timers fired."""
        def is_through():
            said = self.said_by_numbers()
            return all(len(its) > 1 and its[-1][1] == its[-2][1] for its in said) and \
                sum(its[-1][1] for its in said) >= count

        self.wait_for(lambda: f"{count} messages and their timers; the log ends:\n{host.log_tail()}",
                      is_through, 120)

    def test_wall_clock_timers(self):
        """What a timer said behind the last message is not said again elsewhere: what was committed
        tells up to which time timers have fired, and there is no checkpoint that does."""
        host = self.exact_host(checkpoint={"interval": "1h"})
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop("mute")
        host.drop("ticks")
        for worker in ("main", "other"):
            host.deploy(f"mute_{worker}", plugin="mute", worker=worker)
        host.start()
        count = 0
        for worker in ("main", "other", "main"):
            if count > 0:
                kill_all(self, host)
                host.deploy("ticks", worker=worker)
                mark = host.log_size()
                host.start()
                host.wait_event("deployment.moved", "ticks on ", start=mark)
            tally = self.kafka.produce(200, first=count, topics=self.topics["bar_trends"],
                                       partitions=PARTITIONS, symbols=40)
            count += tally["delivered"]
            self.wait_ticks(host, count)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        for said in self.said_by_numbers():
            self.assertEqual(len({item[0] for item in said}), len(said), "said twice")
            for before, after in zip(said, said[1:]):
                self.assertEqual(after[1] + after[2], before[1] + before[2] + 1, after[0])


if __name__ == "__main__":
    main()
