"""Prometheus with the packaged rules, and something that takes its alerts as Alertmanager would.

The rules wait for minutes; here a minute is MINUTE seconds, and what waits for hours or days waits for
five such minutes."""
import http.server
import json
import os
import re
import threading
import urllib.parse
import urllib.request

import queries
from harness.ports import free_ports
from harness.process import Process
from harness.waiting import wait_for

MINUTE = 2


def shortened(rules):
    def duration(match):
        minutes = int(match.group(1)) if match.group(2) == "m" else 5
        return f"{minutes * MINUTE}s"
    # "for: 5m", "[10m]", "offset 10m"; and the rate of a second, times the seconds of a minute.
    text = re.sub(r"(?<=for: )(\d+)([mhd])\b|(?<=\[)(\d+)([mhd])(?=\])|(?<=offset )(\d+)([mhd])\b",
                  lambda found: duration(re.match(r"(\d+)([mhd])", found.group())), rules)
    return text.replace("60 * rate", f"{MINUTE} * rate")


class Alertmanager:
    """Takes alerts: {(alert, instance, rest of its labels): the times at which it began to fire}."""

    def __init__(self):
        self.fired = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for alert in json.loads(body):
                    outer.take(alert)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, alert):
        labels = dict(alert["labels"])
        name, instance = labels.pop("alertname"), labels.pop("instance")
        with self.lock:
            key = (name, instance, tuple(sorted(labels.items())))
            self.fired.setdefault(key, set()).add(alert["startsAt"])

    def of(self, instance):
        """{alert: [how often it began to fire, for each set of its other labels]}"""
        found = {}
        with self.lock:
            for (name, where, _), begins in self.fired.items():
                if where == instance:
                    found.setdefault(name, []).append(len(begins))
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus:
    """Scrapes `targets`, {name: port}; the name is the instance."""

    def __init__(self, directory, targets):
        self.directory = directory
        self.alerts = Alertmanager()
        self.port, = free_ports(1)
        self.write("rules.yml", shortened(queries.text_of(queries.RULES)))
        labelled = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}}
                    for name, port in targets.items()]
        self.write("prometheus.yml", json.dumps({
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "take5", "static_configs": labelled}],
            "alerting": {"alertmanagers": [{"static_configs": [
                {"targets": [f"127.0.0.1:{self.alerts.port}"]}]}]},
        }))
        self.process = Process(
            ["prometheus", f"--config.file={directory}/prometheus.yml",
             f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], f"{directory}/prometheus.log")

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            file.write(text)

    def ask(self, query):
        """{instance: value} of an instant query."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?" + \
            urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(address, timeout=30) as answer:
            rows = json.load(answer)["data"]["result"]
        return {row["metric"].get("instance"): float(row["value"][1]) for row in rows}

    def wait(self, query, instance, probe=bool, timeout_s=60):
        def look():
            try:
                value = self.ask(query).get(instance)
            except OSError:  # it is still starting
                return False
            return value is not None and probe(value)
        wait_for(lambda: f"{query} of {instance}; {self.process.log_tail()}", look, timeout_s, 0.2)

    def wait_alert(self, name, instance, timeout_s=120):
        wait_for(lambda: f"{name} of {instance}; there are {self.alerts.of(instance)}",
                 lambda: name in self.alerts.of(instance), timeout_s, 0.2)

    def close(self):
        self.process.kill()
        self.alerts.close()
