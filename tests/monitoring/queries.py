"""What the alert rules and the dashboard ask of Prometheus, and what packaging/README.md lists."""
import json
import os
import re

PACKAGING = os.path.join(os.environ["TAKE5_SOURCE_DIR"], "packaging")
RULES = os.path.join(PACKAGING, "prometheus", "rules.yml")
DASHBOARD = os.path.join(PACKAGING, "grafana", "take5.json")


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def readme_section(title):
    return re.search(rf"^##+ {title}\n(.*?)^##", text_of(os.path.join(PACKAGING, "README.md")),
                     re.M | re.S).group(1)


def groups_of_metrics():
    """{group: {name: labels}} of the table."""
    groups, group = {}, None
    for line in readme_section("Metrics").splitlines():
        title = re.match(r"\| \*\*(.+)\*\*", line)
        row = re.match(r"\| `([a-z]\w+)`[^|]*\|([^|]*)\|", line)
        if title:
            group = groups.setdefault(title.group(1), {})
        elif row:
            group[row.group(1)] = set(re.findall(r"`(\w+)`", row.group(2)))
    return groups


# Of a host that is set up for them.
OPTIONAL = ("Exactly once", "Shadows", "Workers")


def listed_metrics(without=()):
    """{name: labels} of the table."""
    return {name: labels for group, rows in groups_of_metrics().items() if group not in without
            for name, labels in rows.items()}


def dashboard():
    return json.loads(text_of(DASHBOARD))


def dashboard_queries():
    """Of panels, annotations and variables, with something in the place of each variable."""
    board = dashboard()
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    queries += [annotation["expr"] for annotation in board["annotations"]["list"]]
    queries += [re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"]).group(1)
                for variable in board["templating"]["list"] if variable["type"] == "query"]
    return [query.replace("$__rate_interval", "5m") for query in queries]


def rule_queries():
    """The rules as a text: names and matchers are found in it as in a query."""
    return [re.sub(r"annotations:.*?(?=- alert|\Z)", "", text_of(RULES), flags=re.S)]


def selectors(queries):
    """(metric, labels that are matched) of each selector; histograms by their own names."""
    found = []
    for query in queries:
        for name, matchers in re.findall(r"\b((?:take5|process)_\w+)(?:\{([^}]*)\})?", query):
            labels = set(re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"', matchers)) - {"job", "instance"}
            found.append((re.sub(r"_bucket$", "", name), labels))
    return found
