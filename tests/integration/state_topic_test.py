#!/usr/bin/python3
"""[checkpoint] store = kafka: what strategies know is there for any host of the group."""
import os
import shutil

from harness.chain import PARTITIONS, RATE, ChainScenario, read_said
from harness.scenario import main


class StateTopic(ChainScenario):
    def setUp(self):
        super().setUp()
        self.topic = f"{self.name}.state"

    def state_host(self, name="host", **options):
        return self.chain_host(name, checkpoint={"interval": "1s", "store": "kafka",
                                                 "topic": self.topic}, **options)

    def wait_written(self, host, more=1):
        """So many more checkpoints of each partition number that it has."""
        def numbers(status):
            return {part["partition"]: part["number"] for part in status["checkpoints"]["parts"]}
        before = host.status()["checkpoints"]["written"]
        host.wait_status(f"{more} checkpoints more", lambda status:
                         status["checkpoints"]["written"] >= before + more * PARTITIONS)

    def judge_all(self, hosts, tally):
        """As judge(), of several hosts, of which the last one came to the end."""
        said = [item for host in hosts for item in read_said(host.signals)]
        chains, orders, gaps = self.chains_of(said, tally)
        self.assertEqual(gaps, [])
        final = {item.id: item.line for chain in chains.values() for item in chain}
        self.assert_same(final, self.replay(hosts[-1], orders))
        for host in hosts:
            self.assert_only_ends_differ(read_said(host.signals), final)
            self.assertEqual(host.events("state.discarded"), [])
            self.assertEqual(host.events("checkpoint.rejected"), [])
            self.assertEqual(host.events("checkpoint.order_unknown"), [])

    def test_an_empty_disk(self):
        host = self.state_host()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        for _ in range(2):
            self.wait_written(host)
            self.wait_lines(host, self.random.randrange(20, RATE // 5))
            self.kill(host)
            self.assertFalse(os.path.exists(
                os.path.join(host.directory, "state", "checkpoints")))
            shutil.rmtree(os.path.join(host.directory, "state"))
            host.start()
            self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.judge_all([host], tally)

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers", lambda status: len(
            {part["partition"] for part in status["assignment"]}) == count)

    def test_it_moves_between_hosts(self):
        first, second = self.state_host("first"), self.state_host("second")
        first.start()
        self.start_stream()
        self.wait_lines(first, 200)
        for end in (self.kill, lambda host: host.stop(), self.kill):
            second.start()
            self.wait_owned(second, 1)
            self.wait_lines(second, 200)
            self.wait_written(first)
            end(second)
            self.wait_owned(first, PARTITIONS)
            self.wait_lines(first, 200)
        tally = self.end_stream(first)
        first.stop()
        self.judge_all([second, first], tally)


if __name__ == "__main__":
    main()
