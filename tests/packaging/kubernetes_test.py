#!/usr/bin/python3
"""The manifests of Kubernetes: right by the published schemas, and of one mind with each other, with
the image and with the alert rules. That the container runs as they say is seen by the test image."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

import yaml

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
FOLDER = os.path.join(SOURCE, "packaging/kubernetes")
HERE = os.path.dirname(os.path.abspath(__file__))


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/"), ".cache")
    return os.environ.get("TAKE5_CACHE") or os.path.join(home, "take5")


# Where tests/setup.sh put it.
PYTHON = os.path.join(cache(), "kubernetes-1.37.0", "bin", "python")


def text_of(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def files():
    return sorted(glob.glob(FOLDER + "/**/*.yaml", recursive=True))


def documents():
    found = {}
    for path in files():
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                found[document["kind"]] = document
    return found


def seconds(text):
    return int(text.removesuffix("s"))


# What a schema must refuse: (file, right, wrong).
WRONG = [("statefulset.yaml", "readOnlyRootFilesystem", "readOnlyRoot"),
         ("service.yaml", "port: 8080", "port: http"),
         ("poddisruptionbudget.yaml", "maxUnavailable", "maxMissing"),
         ("prometheus-operator/servicemonitor.yaml", "interval: 15s", "interval: 15"),
         ("prometheus-operator/servicemonitor.yaml", "scrapeTimeout", "timeout")]


@unittest.skipUnless(os.path.exists(PYTHON), f"the schemas could not be fetched: no {PYTHON}")
class Schemas(unittest.TestCase):
    def check(self, *paths):
        return subprocess.run([PYTHON, "-B", os.path.join(HERE, "kubernetes_schemas.py"), *paths],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)

    def test_all_manifests_are_right_and_wrong_ones_are_found(self):
        wrong = []
        with tempfile.TemporaryDirectory() as directory:
            for name, right, other in WRONG:
                text = text_of("packaging/kubernetes/" + name)
                self.assertIn(right, text)
                wrong.append(os.path.join(directory, f"{len(wrong)}.yaml"))
                with open(wrong[-1], "w", encoding="utf-8") as file:
                    file.write(text.replace(right, other))
            done = self.check(*files(), *wrong)
        self.assertEqual(done.returncode, 1, done.stdout)
        for path in files():
            self.assertNotIn(path, done.stdout)
        for path, what in zip(wrong, WRONG):
            self.assertIn(f"{path}: ", done.stdout, what)


class OfOneMind(unittest.TestCase):
    def setUp(self):
        self.all = documents()
        self.pod = self.all["StatefulSet"]["spec"]["template"]
        self.container, = self.pod["spec"]["containers"]

    def test_everything_is_there(self):
        self.assertEqual(set(self.all), {"StatefulSet", "Service", "ConfigMap", "Secret",
                                         "PodDisruptionBudget", "ServiceMonitor"})

    def test_names_and_labels_lead_from_one_to_the_other(self):
        labels = self.pod["metadata"]["labels"]
        stateful = self.all["StatefulSet"]["spec"]
        service = self.all["Service"]
        self.assertEqual(stateful["selector"]["matchLabels"], labels)
        self.assertEqual(stateful["serviceName"], service["metadata"]["name"])
        self.assertEqual(service["spec"]["selector"], labels)
        self.assertEqual(self.all["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], labels)
        monitor = self.all["ServiceMonitor"]["spec"]
        self.assertEqual(monitor["selector"]["matchLabels"], service["metadata"]["labels"])
        self.assertEqual([end["port"] for end in monitor["endpoints"]],
                         [port["name"] for port in service["spec"]["ports"]])
        self.assertEqual([port["targetPort"] for port in service["spec"]["ports"]],
                         [port["name"] for port in self.container["ports"]])

    def test_the_scrape_job_is_that_of_the_alert_rules(self):
        rules = text_of("packaging/prometheus/rules.yml")
        jobs = set(re.findall(r'job="(\w+)"', rules))
        self.assertEqual(jobs, {self.all["Service"]["metadata"]["name"]})

    def test_volumes_are_mounted_and_named(self):
        volumes = {volume["name"]: volume for volume in self.pod["spec"]["volumes"]}
        self.assertEqual({mount["name"] for mount in self.container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["config"]["configMap"]["name"],
                         self.all["ConfigMap"]["metadata"]["name"])
        self.assertEqual(volumes["secrets"]["secret"]["secretName"],
                         self.all["Secret"]["metadata"]["name"])

    def test_a_stop_has_the_time_that_it_may_take(self):
        limit = re.search(r'"shutdown_timeout", SCHEMA_DURATION, "(\d+s)"',
                          text_of("host/config/schema/schema.c")).group(1)
        self.assertGreaterEqual(self.pod["spec"]["terminationGracePeriodSeconds"],
                                seconds(limit) + 5)

    def test_it_runs_as_the_images_user_and_writes_nothing_but_volumes(self):
        user, group = re.search(r"^USER (\d+):(\d+)$", text_of("packaging/Dockerfile"),
                                re.M).groups()
        security = self.pod["spec"]["securityContext"]
        self.assertEqual((security["runAsUser"], security["runAsGroup"]), (int(user), int(group)))
        self.assertTrue(self.container["securityContext"]["readOnlyRootFilesystem"])
        self.assertEqual(self.container["securityContext"]["capabilities"], {"drop": ["ALL"]})

    def test_variables_of_the_configuration_are_set(self):
        used = set()
        for text in self.all["ConfigMap"]["data"].values():
            used |= set(re.findall(r"\$\{(\w+)", re.sub(r"^ *[#;].*$", "", text, flags=re.M)))
        self.assertEqual(used, {item["name"] for item in self.container["env"]})

    def test_the_secret_has_the_files_that_the_configuration_names(self):
        mount, = (mount["mountPath"] for mount in self.container["volumeMounts"]
                  if mount["name"] == "secrets")
        named = set()
        for text in self.all["ConfigMap"]["data"].values():
            named |= set(re.findall(rf"\.file = {mount}/(\S+)", text))
        self.assertEqual(named, set(self.all["Secret"]["stringData"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
