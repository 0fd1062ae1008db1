#!/usr/bin/python3
"""Hosts of one group at work on a real Kafka, and what a bad day does to them, for as long as asked:

  every three seconds the next host is killed (SIGKILL), and started again at once;
  in between another one is reloaded, stopped cleanly and started, or stands still (SIGSTOP) for
  longer than its session lasts and goes on (a zombie); of several one leaves the group, or dies, and
  comes back when the others have its partitions; or the broker is killed and started.

Then everything is brought to its end, and what the hosts said is compared with what an uninterrupted
replay of the same messages says (verifier.py). Their strategies (tests/plugins/chain.c) tell with
every signal digests of all that they were handed, so that one message that is lost, doubled or in
another place shows in all signals behind it:

  chain     joins three topics, with timers of event time
  solo      the same of one topic

and three with a planted fault, which the verifier has to find, each for what it is; otherwise the
run fails as well.

What is promised of the content of chain's signals: everything, on one host. With several and
`[checkpoint] store = directory` a host does not know in which order another one was handed the
records of several topics, so then all its signals have to be there, whatever they say.

  nemesis.py [--for 2m] [--hosts 3,1] [--delivery at_least_once] [--store directory] [--rate 1000]
             [--every 3] [--seed N] [--keep]
"""
import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
# pylint: disable=wrong-import-position
from harness import chain, paths, records  # noqa: E402
from harness.host import Host  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.process import Process, end_everything  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

import verifier  # noqa: E402

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 4
SESSION_MS = 6000  # longer than the broker is away
HEAL_S = 300
# {deployment: what the verifier has to say of it (at least, at most)}
PLANTED = {
    "plants_loss": ({verifier.LOST}, {verifier.LOST}),
    # One that was not killed but stopped says nothing again.
    "plants_repeat": ({verifier.CHANGED}, {verifier.CHANGED, verifier.WRONG}),
    "plants_state": ({verifier.WRONG}, {verifier.WRONG}),
}
SIGNALS = "signals"
END = "end"  # of what the reader is to read


def seconds(text):
    """"90", "2m", "1h" """
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    return float(text) if unit is None else float(text[:-1]) * unit


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="duration", type=seconds, default=120.0)
    parser.add_argument("--hosts", default="3,1", help="a run for each number, of equal length")
    parser.add_argument("--delivery", default="at_least_once",
                        choices=("at_least_once", "exactly_once"))
    parser.add_argument("--store", default="directory", choices=("directory", "kafka"))
    parser.add_argument("--rate", type=int, default=1000, help="messages a second")
    parser.add_argument("--every", type=seconds, default=3.0, help="between two kills")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="the directory, also without a fault")
    return parser.parse_args(arguments)


class Day:
    """One run: some hosts, and what happens to them."""

    def __init__(self, options, kafka, pool, directory, count, duration):
        self.options = options
        self.kafka = kafka
        self.pool = pool  # a process ends with the thread that has started it: none of these ends
        self.directory = directory
        self.duration = duration
        self.name = f"day{count}"
        self.random = random.Random(f"{options.seed} {count}")
        self.topics = {role: f"{self.name}.{role}" for role in ROLES}
        self.is_once = options.delivery == "exactly_once"
        self.done = collections.Counter()
        self.producer = self.reader = self.read_path = None
        self.builds = collections.Counter()
        self.begun = {}  # by directory: where the log of this life begins
        kafka.create(*(f"{topic}:{PARTITIONS}" for topic in self.topics.values()))
        if self.is_once:
            kafka.create(f"{self.name}.{SIGNALS}:1")  # so that they are read in their order
        self.hosts = [self.make_host(f"{self.name}-{number}") for number in range(count)]
        self.free = list(self.hosts)
        self.is_free = threading.Condition()
        self.is_over = threading.Event()

    # ---- hosts ----

    def make_host(self, name):
        sections = {f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}
        sections["checkpoint"] = {"interval": "1s"}
        sections["kafka"] = {"session.timeout.ms": SESSION_MS}
        # Kills from outside may come twice at one message, which is not the strategy's doing.
        sections["take5"] = {"on_crash": "run"}
        if self.options.store == "kafka":
            sections["checkpoint"] |= {"store": "kafka", "topic": f"{self.name}.state"}
        if self.is_once:
            sections["signals"] = {"sinks": "kafka", "delivery": "exactly_once"}
            sections["sink:kafka"] = {"topic": f"{self.name}.{SIGNALS}"}
            sections["take5"]["host_id"] = name
        host = Host(self.directory, self.kafka.servers, name=name, group=self.name,
                    sections=sections)
        for deployment in ("chain", "solo"):
            host.drop(f"{deployment}_1", f"{deployment}.so")
            host.deploy(deployment)
        for deployment in PLANTED:
            host.drop(deployment)
            host.deploy(deployment)
        return host

    def start(self, host):
        self.begun[host.directory] = host.log_size()
        host.start()
        self.done["starts"] += 1

    def wait_begun(self, host):
        """Until it listens to signals; before, any of them ends it."""
        host.wait_log("Run mode:", start=self.begun[host.directory])

    def revive(self, host):
        """One whose session ended while the broker was away may have to end, and says so."""
        if self.is_up(host):
            return
        code = host.process.wait(1)
        assert code == 1 and host.events("group.session_mixed", self.begun[host.directory]), \
            f"{host.directory} ended by itself with {code}:\n{host.log_tail()}"
        self.done["mixed sessions"] += 1
        self.start(host)

    def is_up(self, host):
        return host.process is not None and host.process.is_running()

    def committed(self):
        parts = {topic: {str(number): 0 for number in range(PARTITIONS)}
                 for topic in self.topics.values()}
        return self.kafka.committed(self.name, parts)

    def begin(self):
        """The first host begins alone, and all others with what it knows then: a state directory
        does not move by itself."""
        first = self.hosts[0]
        if self.is_once:
            self.start_reader()
        self.start(first)
        self.producer = self.kafka.start_produce(
            1_000_000_000, topics=",".join(self.topics.values()), partitions=PARTITIONS, symbols=40,
            rate=self.options.rate)
        wait_for("offsets of all partitions", lambda: all(
            offset for numbers in self.committed().values() for offset in numbers.values()))
        first.stop()
        for host in self.hosts[1:]:
            if self.options.store == "directory":
                shutil.copytree(os.path.join(first.directory, "state"),
                                os.path.join(host.directory, "state"))
        for host in self.hosts:
            self.start(host)

    def start_reader(self):
        topic = f"{self.name}.{SIGNALS}"
        self.kafka.read(topic)  # to whom a topic is unknown that was just made, kcat ends
        self.read_path = os.path.join(self.directory, f"{self.name}.read")
        self.reader = Process(
            ["kcat", "-b", self.kafka.servers, "-C", "-E", "-q", "-u", "-t", topic,
             "-o", "beginning", "-X", "isolation.level=read_committed"],
            os.path.join(self.directory, f"{self.name}.reader"), stdout=self.read_path)

    # ---- what happens ----

    def kill(self, host):
        assert self.is_up(host), f"{host.directory} ended by itself:\n{host.log_tail()}"
        host.process.signal(signal.SIGKILL)
        assert host.process.wait(60) == -signal.SIGKILL
        self.done["kills"] += 1
        self.start(host)

    def reload(self, host):
        self.wait_begun(host)
        self.builds[host.directory] += 1
        for deployment in ("chain", "solo"):
            host.drop(f"{deployment}_{1 + self.builds[host.directory] % 2}", f"{deployment}.so")
        mark = host.log_size()
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "reload:", start=mark)
        # One that was just starting had the new files already.
        self.done["reloads"] += "2 replaced" in host.events("reload.summary", mark)[-1]

    def stop(self, host):
        """Clean, unless the group was in the middle of something and took no offsets: it says so."""
        self.wait_begun(host)
        mark = host.log_size()
        host.process.signal(signal.SIGTERM)
        code = host.process.wait(60)
        has_left = bool(host.events("stop.left_behind", mark))
        assert code == (1 if has_left else 0), f"ended with {code}:\n{host.log_tail()}"
        self.done["hurried stops" if has_left else "clean stops"] += 1
        self.start(host)

    def zombie(self, host):
        """Whoever had partitions has to hear that they are another one's by now."""
        status = host.status()
        mark = host.log_size()
        host.process.signal(signal.SIGSTOP)
        time.sleep(1.5 * SESSION_MS / 1000)  # longer than the session: the fault itself
        host.process.signal(signal.SIGCONT)
        if status is not None and status["assignment"]:
            host.wait_log(r" event=partitions\.(lost|revoked)$", start=mark)
            self.done["zombies"] += 1

    def leave(self, host):
        """For good, as it says; and joins again when the others have what it had."""
        wait_for("an answer", host.status)
        mark = host.log_size()
        code, out, error = host.ctl("stop", "--leave")
        assert code == 0, out + error
        code = host.process.wait(60)
        has_left = bool(host.events("stop.left_behind", mark))
        assert code == (1 if has_left else 0), f"ended with {code}:\n{host.log_tail()}"
        self.wait_taken_over(host)
        self.done["leaves"] += 1
        self.start(host)

    def stay_away(self, host):
        """Dead for longer than its session lasts."""
        host.process.signal(signal.SIGKILL)
        assert host.process.wait(60) == -signal.SIGKILL
        self.wait_taken_over(host)
        self.done["absences"] += 1
        self.start(host)

    def wait_taken_over(self, gone):
        """Others are killed meanwhile: so nobody need have all of them at one moment."""
        others = [host for host in self.hosts if host is not gone]
        missing = {(topic, number) for topic in self.topics.values()
                   for number in range(PARTITIONS)}
        def is_complete():
            for status in filter(None, (host.status() for host in others)):
                missing.difference_update(
                    (part["topic"], part["partition"]) for part in status["assignment"])
            return not missing
        wait_for(lambda: f"{missing} to be taken over from {gone.directory}", is_complete, 120)

    def restart_broker(self):
        self.kafka.kill()
        self.kafka.start()
        self.done["broker kills"] += 1

    def take_host(self, turn):
        """The next one that nothing happens to just now; to be given back to `self.free`."""
        wanted = self.hosts[turn % len(self.hosts)]
        with self.is_free:
            self.is_free.wait_for(lambda: self.free)
            host = wanted if wanted in self.free else self.free[0]
            self.free.remove(host)
            return host

    def give_host(self, host):
        with self.is_free:
            self.free.append(host)
            self.is_free.notify_all()

    def happen(self, act, turn):
        host = self.take_host(turn)
        try:
            self.revive(host)
            act(host)
        finally:
            self.give_host(host)

    def kill_in_turn(self):
        turn = 0
        while not self.is_over.wait(self.options.every):
            self.happen(self.kill, turn)
            turn += 1

    def vary(self, until):
        """Each thing at least once; what happened to a host that was just starting is none."""
        acts = [self.reload, self.zombie, self.stop, None]
        if len(self.hosts) > 1:
            acts += [self.stay_away, self.leave]
        turn = 0
        while time.monotonic() < until or turn < len(acts) or not all(
                self.done[what] for what in self.must_happen()):
            time.sleep(self.random.uniform(0, self.options.every))
            act = acts[turn % len(acts)]
            if act is not None:
                self.happen(act, self.random.randrange(len(self.hosts)))
            else:
                self.restart_broker()
            turn += 1

    def must_happen(self):
        return ("zombies", "reloads", "clean stops") + (
            ("leaves", "absences") if len(self.hosts) > 1 else ())

    def rage(self):
        """Until the time is over."""
        killing = self.pool.submit(self.kill_in_turn)
        try:
            self.vary(time.monotonic() + self.duration)
        finally:
            self.is_over.set()
        killing.result()

    # ---- the end ----

    def heal(self):
        """Gives the tally, when everybody is through."""
        tally = self.producer.stop()
        for host in self.hosts:
            self.revive(host)
        self.kafka.wait_committed(self.name, tally["partitions"], HEAL_S)
        for host in self.hosts:
            self.wait_begun(host)
            host.stop()
        self.count_what_happened()
        return tally

    def count_what_happened(self):
        """By the hosts' own account."""
        for host in self.hosts:
            self.done["recoveries"] += len(host.events("catch_up.begun"))
        for what in ("kills", "broker kills", "recoveries", *self.must_happen()):
            assert self.done[what] > 0, f"no {what}: {dict(self.done)}"

    def end_reader(self):
        """When it has read all that there is: behind the last signal there may be marks alone."""
        self.kafka.send(f"{self.name}.{SIGNALS}", END)
        wait_for("the reader", lambda: records.last_line(self.read_path) == END)
        self.reader.kill()

    def plant_repeat(self):
        """A committed signal once more, which the verifier has to find."""
        line = verifier.read_lines(self.read_path, deployment="solo")[0][1]
        self.kafka.send(f"{self.name}.{SIGNALS}", line.rstrip("\n"))
        return verifier.id_of(line)

    def lines(self, deployment):
        """All that it said."""
        files = [self.read_path] if self.is_once else [host.signals for host in self.hosts]
        said = verifier.read_lines(*files, deployment=deployment)
        assert said and verifier.check_is_signal(said[0][1]), said[:1]
        return said

    def counts(self, tally, partition):
        return [int(tally["partitions"][name].get(str(partition), 0))
                for name in self.topics.values()]

    def orders(self, tally, knows_order):
        """In which order the replay is to have the messages: as chain was handed them, or any that
        keeps each partition's."""
        orders = {}
        for partition in range(PARTITIONS):
            counts = self.counts(tally, partition)
            orders[partition] = [(topic, offset) for topic, count in enumerate(counts)
                                 for offset in range(count)]
            if knows_order:
                said = [chain.Said(line).slim() for _, line in self.lines("chain")
                        if verifier.part_and_offset(verifier.id_of(line))[0][1] == partition]
                gaps = []
                orders[partition] = chain.order_of(chain.final_chain(said, partition), partition,
                                                   counts, gaps)
                assert not gaps, f"chain was told of gaps: {gaps[:3]}"
        return orders

    def replay(self, orders):
        host = self.hosts[0]
        for deployment in PLANTED:
            host.withdraw(deployment)
        host.sections["signals"] = {"sinks": "jsonl"}
        host.write_ini()
        return chain.replay(host, host.directory, list(self.topics.values()), orders)

    @staticmethod
    def expected(out, deployment):
        """{id: line} of what an uninterrupted run says."""
        twin = "solo" if deployment in PLANTED else deployment
        lines = {verifier.id_of(line): line
                 for _, line in verifier.read_lines(out, deployment=twin)}
        return verifier.as_said_by(lines, twin, deployment) if twin != deployment else lines

    def planted(self, deployment):
        """What the verifier has to find: at least, at most."""
        if self.is_once and deployment == "plants_repeat":  # who says nothing again, says it wrong
            return {verifier.WRONG}, {verifier.WRONG}
        return PLANTED.get(deployment, (set(), set()))

    def judge(self, tally):
        """What is wrong, as text; "" when nothing is."""
        repeated = None
        if self.is_once:
            repeated = self.plant_repeat()
            self.end_reader()
        knows_order = len(self.hosts) == 1 or self.options.store == "kafka" and self.is_once
        replayed = self.replay(self.orders(tally, knows_order))
        wrong = []
        for deployment in sorted(("chain", "solo", *PLANTED)):
            its, lines = self.expected(replayed, deployment), self.lines(deployment)
            faults = verifier.judge(lines, its, self.is_once,
                                    ids_alone=deployment == "chain" and not knows_order)
            if deployment == "solo" and repeated is not None:
                found = [fault for fault in faults if fault.id == repeated]
                if [fault.kind for fault in found] != [verifier.TWICE]:
                    wrong.append(f"{repeated}: said twice, and this was found: {found}")
                faults = [fault for fault in faults if fault.id != repeated]
            kinds = set(verifier.count_kinds(faults))
            least, most = self.planted(deployment)
            again = len(lines) - len({verifier.id_of(line) for _, line in lines})
            print(f"{self.name}: {deployment}: {len(its)} signals, {again} again, "
                  f"{verifier.count_kinds(faults) or 'no fault'}"
                  f"{' (planted)' if deployment in PLANTED else ''}", flush=True)
            if not least <= kinds <= most:
                wrong.append(f"{deployment}: {sorted(least)} to be found, and no other than "
                             f"{sorted(most)}\n{verifier.describe(faults)}")
        return "\n".join(wrong)

    def run(self):
        self.begin()
        self.rage()
        tally = self.heal()
        print(f"{self.name}: {len(self.hosts)} hosts, {tally['delivered']} messages, "
              f"{', '.join(f'{count} {what}' for what, count in self.done.items())}", flush=True)
        return self.judge(tally)

    def close(self):
        for host in self.hosts:
            host.close()


def main():
    options = parse(sys.argv[1:])
    directory = tempfile.mkdtemp(prefix="take5-nemesis-")
    numbers = [int(number) for number in options.hosts.split(",")]
    wrong, is_whole = "", False
    print(f"nemesis: seed {options.seed}, {paths.HOST}, {directory}", flush=True)
    kafka = Kafka(directory)
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        for number in numbers:
            day = Day(options, kafka, pool, directory, number, options.duration / len(numbers))
            try:
                wrong += day.run()
            finally:
                day.close()
        is_whole = True
    finally:
        kafka.close()
        pool.shutdown()
        if is_whole and not wrong and not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            print(f"kept: {directory}", file=sys.stderr)
    left = end_everything()
    print(wrong or "nemesis: nothing was lost, changed or forgotten", flush=True)
    sys.exit(1 if wrong or left else 0)


if __name__ == "__main__":
    main()
