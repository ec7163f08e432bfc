"""The dashboards, and the queries in them."""
import json
import os
import re

import project


def load():
    """Dashboards by the name of their file."""
    found = {}
    for path in project.dashboards():
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path)[: -len(".json")]] = json.load(file)
    return found


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expanded(expression):
    """A query as Grafana sends it."""
    text = expression.replace("$__rate_interval", "1m").replace("$__range", "1h")
    return re.sub(r"\$\{?(\w+)\}?", ".*", text)


def queries(dashboards):
    """Every query, as (where it stands, expression): panels, annotations, variables."""
    for name, dashboard in dashboards.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield name + ": " + panel["title"], target["expr"]
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                yield name + ": " + annotation["name"], annotation["expr"]
        for variable in dashboard["templating"]["list"]:
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
            if match:
                yield name + ": $" + variable["name"], match.group(1)
