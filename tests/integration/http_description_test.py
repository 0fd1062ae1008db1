#!/usr/bin/python3
"""/openapi.json, and the host tried against it by schemathesis."""
import os
import subprocess
import unittest

from harness import paths
from harness.demo import Demo
from harness.waiting import PATIENCE

# Where tests/setup.sh put it: beside Kafka.
SCHEMATHESIS = os.path.join(os.path.dirname(paths.KAFKA_LIB), "schemathesis-4.32.5", "bin",
                            "schemathesis")


class Description(Demo):
    def test_every_reference_leads_somewhere(self):
        description = self.host.json("/openapi.json")

        def visit(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    found = description
                    for part in node["$ref"].removeprefix("#/").split("/"):
                        self.assertIn(part, found, node["$ref"])
                        found = found[part]
                for value in node.values():
                    visit(value)
            elif isinstance(node, list):
                for value in node:
                    visit(value)

        visit(description)
        self.assertRegex(description["info"]["version"], r"^\d+\.\d+\.\d+$")
        for path, item in description["paths"].items():
            self.assertEqual(set(item), {"get"}, path)
            self.assertTrue(item["get"]["summary"], path)

    @unittest.skipUnless(os.path.exists(SCHEMATHESIS),
                         f"schemathesis could not be fetched: {SCHEMATHESIS} is not there")
    def test_the_host_answers_as_it_is_described(self):
        self.host.wait_json("signals and points", "/algorithm-results",
                            lambda a: a["totalRecords"] > 0)
        examples = "60" if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else "10"
        environment = {**os.environ, "HOME": self.directory}
        done = subprocess.run(
            [SCHEMATHESIS, "run", f"{self.host.url}/openapi.json", "--phases",
             "examples,coverage,fuzzing", "--max-examples", examples, "--seed", "5",
             "--no-color", "--request-timeout", str(int(30 * PATIENCE))],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.directory, env=environment, timeout=150 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"Tested: \d\d")
        self.assertEqual(self.host.json("/health/live")["status"], "live")


if __name__ == "__main__":
    unittest.main(verbosity=2)
