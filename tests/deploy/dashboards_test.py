"""Dashboards are complete, and every query in them asks for what exists. (Whether it is
PromQL is asked by promtool_test.)"""
import unittest

import catalogue
import grafana
import project
import promql

KNOWN = catalogue.series(catalogue.read())
VARIABLES = {"datasource", "job", "instance"}
# What the guide lists; a panel's limit where it names one.
PROMISED = {
    "streaming": {
        "Join Rate Timeline": None, "Leave Rate Timeline": None, "Join Latency Heatmap": None,
        "P95 Latency": 3, "Active Sessions": None,
    },
    "indexer": {
        "Message Processing Rate": None, "Error Rate": None, "Processing Lag": 60, "Queue Depth": 1000,
        "Reconnection Rate": None, "P95 Ingest Latency": None, "Backpressure Events": None,
        "Database Write Failures": None,
    },
    "audio-quality": {
        "Packet Loss (p95)": 5, "Jitter (p95)": 30, "Network RTT (p95)": 300, "Quality Alerts Rate": None,
        "High Packet Loss Events": None,
    },
    "background-jobs": {"P95 Duration": 60, "Failure Rate": 0.1},
    "service-overview": {"Instances up": None},
}  # fmt: skip


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = grafana.load()

    def test_none_that_was_promised_is_missing(self):
        for name, titles in PROMISED.items():
            found = {panel["title"]: panel for panel in grafana.panels(self.dashboards[name])}
            for title, limit in titles.items():
                with self.subTest(dashboard=name, panel=title):
                    self.assertIn(title, found)
                    steps = found[title]["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
                    if limit is not None:
                        self.assertIn(limit, [step["value"] for step in steps])

    def test_every_query_asks_for_what_exists(self):
        recorded = {rule["record"] for _, _, rule in project.rules() if "record" in rule}
        count = 0
        for where, expression in grafana.queries(self.dashboards):
            count += 1
            with self.subTest(where):
                self.assertEqual(promql.mistakes(grafana.expanded(expression), KNOWN, recorded | {"up", "ALERTS"}), [])
        self.assertGreater(count, 100)

    def test_every_dashboard_can_be_provisioned(self):
        identities = [dashboard["uid"] for dashboard in self.dashboards.values()]
        self.assertEqual(len(identities), len(set(identities)))
        for name, dashboard in self.dashboards.items():
            with self.subTest(name):
                variables = {variable["name"] for variable in dashboard["templating"]["list"]}
                self.assertEqual(VARIABLES - variables, set())
                numbers = [panel["id"] for panel in dashboard["panels"]]
                self.assertEqual(len(numbers), len(set(numbers)))
                # A number would be taken for a dashboard of this one database.
                self.assertNotIn("id", dashboard)
                for panel in grafana.panels(dashboard):
                    self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                    unit = panel["fieldConfig"]["defaults"].get("unit") or panel["options"]["yAxis"]["unit"]
                    self.assertTrue(unit)

    def test_panels_do_not_overlap(self):
        for name, dashboard in self.dashboards.items():
            taken = set()
            for panel in dashboard["panels"]:
                grid = panel["gridPos"]
                self.assertLessEqual(grid["x"] + grid["w"], 24)
                for x in range(grid["x"], grid["x"] + grid["w"]):
                    for y in range(grid["y"], grid["y"] + grid["h"]):
                        self.assertNotIn((x, y), taken, (name, panel["title"]))
                        taken.add((x, y))

    def test_heatmaps_and_runbooks_lead_somewhere(self):
        sections = project.anchors(project.read("docs", "operations.md"))
        for name, dashboard in self.dashboards.items():
            links = [link["url"] for panel in grafana.panels(dashboard) for link in panel.get("links", [])]
            self.assertTrue(links, name)
            for link in links:
                self.assertIn(link.partition("#")[2], sections, name)
            self.assertTrue(any(panel["type"] == "heatmap" for panel in grafana.panels(dashboard)) or name == "service-overview")

    def test_provisioning_points_at_them(self):
        provider = project.load("deploy/grafana/provisioning/dashboards/subcults.yml")["providers"][0]
        mounted = project.load("docker-compose.yml")["services"]["grafana"]["volumes"]
        self.assertIn("./deploy/grafana/dashboards:" + provider["options"]["path"] + ":ro", mounted)
        source = project.load("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
        self.assertEqual(source["url"], "http://prometheus:9090")


if __name__ == "__main__":
    unittest.main()
