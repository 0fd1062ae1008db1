#!/usr/bin/python3
"""The alert rules fire on what they are for, and rules, dashboard and README fit each other."""
import os
import re
import subprocess
import tempfile
import unittest

import queries

HERE = os.path.dirname(os.path.abspath(__file__))
RULES_TEST = os.path.join(HERE, "rules_test.yml")


class Monitoring(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def alerts(self):
        return re.findall(r"^ +- alert: (\w+)$", queries.text_of(queries.RULES), re.M)

    def test_rules_are_valid(self):
        self.promtool("check", "rules", queries.RULES)

    def test_rules_fire_on_what_they_are_for_and_are_quiet_otherwise(self):
        self.promtool("test", "rules", RULES_TEST)

    def test_every_alert_was_seen_to_fire_and_to_wait(self):
        text = queries.text_of(RULES_TEST)
        fired = re.findall(r"- alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n", text)
        waited = re.findall(r"alertname: (\w+), eval_time: \w+, exp_alerts: \[\]", text)
        self.assertEqual(sorted(set(fired)), sorted(self.alerts()))
        self.assertEqual(sorted(set(waited)), sorted(self.alerts()))

    def test_every_alert_has_a_line_in_the_runbook(self):
        rows = re.findall(r"^\| `(\w+)` \|", queries.readme_section("Alerts"), re.M)
        self.assertEqual(rows, self.alerts())
        runbooks = re.findall(r'runbook: "(\w+) in /usr/share/doc/take5/README.md, Alerts"',
                              queries.text_of(queries.RULES))
        self.assertEqual(runbooks, self.alerts())

    def test_rules_and_dashboard_ask_for_metrics_and_labels_that_the_readme_lists(self):
        listed = queries.listed_metrics()
        asked = queries.selectors(queries.dashboard_queries() + queries.rule_queries())
        self.assertGreater(len(asked), 40)
        for name, labels in asked:
            self.assertIn(name, listed)
            self.assertLessEqual(labels, listed[name], name)

    def test_the_dashboards_queries_are_valid(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as rules:
            rules.write("groups:\n  - name: dashboard\n    rules:\n")
            for number, query in enumerate(queries.dashboard_queries()):
                quoted = query.replace("'", "''")
                rules.write(f"      - {{record: 'q{number}', expr: '{quoted}'}}\n")
            rules.flush()
            self.promtool("check", "rules", rules.name)

    def test_the_dashboards_panels_do_not_overlap(self):
        panels = queries.dashboard()["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        cells = [(x, y) for panel in panels for at in [panel["gridPos"]]
                 for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])]
        self.assertEqual(len(set(cells)), len(cells))
        self.assertLessEqual({x for x, _ in cells}, set(range(24)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
