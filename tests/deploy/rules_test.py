"""Alerts ask for series that exist, have a firing and a quiet case, and lead to a section that says
what to do. What is written by a generator is what the generator writes."""
import os
import re
import unittest

import catalogue
import project
import promql

import yaml

# What the guide's users know these alerts by.
PROMISED = {
    "HighStreamJoinLatency", "HighStreamChurnRate",
    "HighStreamPacketLoss", "HighStreamJitter", "HighStreamLatency", "FrequentQualityAlerts", "LowAudioBitrate",
    "HighIndexerProcessingLag", "FrequentIndexerReconnections", "HighIndexerErrorRate",
    "IndexerDatabaseWriteFailures", "IndexerBackpressure",
    "HighBackgroundJobFailureRate", "BackgroundJobSlow", "BackgroundJobStalled", "BackgroundJobTimeouts",
    "BackgroundJobDatabaseErrors",
}  # fmt: skip
OBJECTIVES = {
    "join_p50", "join_p95", "join_p99", "packet_loss_p95", "packet_loss_p99", "jitter_p95", "jitter_p99",
    "rtt_p95", "rtt_p99", "bitrate_p50", "bitrate_p95",
}  # fmt: skip
KNOWN = catalogue.series(catalogue.read())
OTHERS = {"up"}  # Prometheus makes it


def cases():
    """Every expectation about an alert in the rule tests, as (alert, number of alerts expected)."""
    for path in project.rule_tests():
        with open(path, encoding="utf-8") as file:
            for test in yaml.safe_load(file)["tests"]:
                for case in test.get("alert_rule_test", []):
                    yield case["alertname"], len(case.get("exp_alerts") or [])


class Rules(unittest.TestCase):
    def test_everything_asked_for_exists(self):
        recorded = {rule["record"] for _, _, rule in project.rules() if "record" in rule}
        for file, _, rule in project.rules():
            with self.subTest(file=file, rule=rule.get("alert") or rule["record"]):
                self.assertEqual(promql.mistakes(rule["expr"], KNOWN, recorded | OTHERS), [])

    def test_every_promised_alert_is_there_once(self):
        names = [rule["alert"] for _, _, rule in project.rules() if "alert" in rule]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(PROMISED - set(names), set())

    def test_every_objective_is_recorded_over_all_windows(self):
        windows = {}
        for _, _, rule in project.rules():
            if rule.get("record", "").startswith("subcults_slo:bad_ratio:rate"):
                windows.setdefault(rule["labels"]["slo"], set()).add(rule["record"].rsplit("rate", 1)[1])
        self.assertEqual(OBJECTIVES - set(windows), set())
        for slo, found in windows.items():
            self.assertEqual(found, {"5m", "30m", "1h", "2h", "6h", "1d", "3d"}, slo)

    def test_every_alert_has_a_firing_and_a_quiet_case(self):
        firing = {name for name, count in cases() if count > 0}
        quiet = {name for name, count in cases() if count == 0}
        self.assertEqual(set(project.alerts()) - firing, set(), "never fires in a test")
        self.assertEqual(set(project.alerts()) - quiet, set(), "is never quiet in a test")
        self.assertEqual((firing | quiet) - set(project.alerts()), set(), "no such alert")

    def test_every_alert_says_how_bad_what_and_what_to_do(self):
        sections = project.anchors(project.read("docs", "operations.md"))
        for name, rule in project.alerts().items():
            with self.subTest(alert=name):
                self.assertIn(rule["labels"]["severity"], ("warning", "critical"))
                notes = rule["annotations"]
                self.assertTrue(notes["summary"] and notes["description"])
                page, _, anchor = notes["runbook_url"].partition("#")
                self.assertTrue(page.endswith("/docs/operations.md"), page)
                self.assertEqual(anchor, name.lower())
                self.assertIn(anchor, sections)

    def test_every_alert_is_explained_with_its_expression(self):
        text = project.read("docs", "observability.md")
        blocks = [" ".join(block.split()) for block in re.findall(r"```PromQL\n(.*?)```", text, re.DOTALL)]
        for name, rule in project.alerts().items():
            with self.subTest(alert=name):
                self.assertIn("`%s`" % name, text)
                if name in PROMISED:
                    self.assertIn(" ".join(rule["expr"].split()), blocks)

    def test_generated_files_are_as_generated(self):
        for generator in ("slo", "prometheus-rule"):
            done = project.run([os.path.join(project.DEPLOY, "prometheus", generator), "--check"])
            self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
