#!/usr/bin/python3
"""`take5 check --connect`: what the brokers would refuse, before a start meets it."""
import os
import unittest

from harness.kafka import ROLES
from harness.scenario import Scenario


class Preflight(Scenario):
    USERS = {"reader": "right", "stranger": "right"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(2, "secret:1")
        topics = [word for role in ROLES for word in ("--topic", role)]
        cls.kafka.allow("reader", "Read", *topics, "--group", "allowed")
        cls.kafka.allow("stranger", "Describe", "--topic", ROLES[0])

    def check(self, user="reader", password="right", group="allowed", **sections):
        host = self.new_host(f"host{len(self.hosts)}", group=group,
                             servers=self.kafka.guarded_servers, sections={
                                 "kafka": {"security.protocol": "SASL_PLAINTEXT",
                                           "sasl.mechanism": "PLAIN", "sasl.username": user,
                                           "sasl.password.env": "PASSWORD"}, **sections})
        os.environ["PASSWORD"] = password
        host.drop("good_v1")
        code, out, said = host.take5("check", "-c", host.ini, "--connect", timeout_s=120)
        self.assertIn("1 fit, 0 not", out)
        self.assertNotIn(password, said)
        return code, said

    def test_who_has_all_rights_may_start(self):
        self.assertEqual(self.check(), (0, ""))

    def test_the_right_to_read_is_asked_for_and_not_only_the_one_to_see(self):
        code, said = self.check(user="stranger")
        self.assertEqual(code, 1)
        for role in ROLES:
            self.assertRegex(said, rf"(?m)= {role}: not authorized: grant Read$")
        self.assertRegex(said, r"(?m)^\S+take5\.ini:\d+: \[kafka\] group\.id = allowed: not authorized")

    def test_a_login_that_is_refused_is_told_as_the_broker_tells_it(self):
        code, said = self.check(password="wrong")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"(?m)take5\.ini:\d+: brokers \S+: .*[Aa]uthentication failed")

    def test_a_group_of_somebody_else(self):
        code, said = self.check(group="theirs")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"group\.id = theirs: not authorized: grant Read on the group")

    def test_topics_that_are_not_there(self):
        code, said = self.check(**{"topic:bar_trends": {"topic": "secret"},
                                   "signals": {"sinks": "kafka"},
                                   "sink:kafka": {"topic": "secret"}})
        self.assertEqual(code, 78, said)  # it would read its own output
        code, said = self.check(**{"topic:bar_trends": {"topic": "nowhere"}})
        self.assertEqual(code, 1)
        self.assertRegex(said, r"(?m)take5\.ini:\d+: \[topic:bar_trends\] topic = nowhere: ")

    def test_topics_that_are_written_are_looked_for_and_not_made(self):
        host = self.new_host(sections={"signals": {"sinks": "kafka"},
                                       "sink:kafka": {"topic": "later"},
                                       "dead_letters": {"to": "kafka", "topic": "secret"}})
        host.drop("good_v1")
        code, _, said = host.take5("check", "-c", host.ini, "--connect")
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"(?m)^warning: \S+ \[sink:kafka\] topic = later: the brokers have no ")
        self.assertNotIn("secret", said)
        self.assertEqual(len(said.splitlines()), 1, said)
        again = host.take5("check", "-c", host.ini, "--connect")
        self.assertEqual(again[2], said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
