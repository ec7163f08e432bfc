"""promtool's own verdict on rules, on what they do, on queries of dashboards and on configurations."""
import copy
import json
import os
import tempfile
import unittest

import grafana
import project

import yaml

PROMTOOL = project.promtool()
if PROMTOOL is None:
    project.skip("promtool is not installed")


class Promtool(unittest.TestCase):
    def assert_accepted(self, *arguments, cwd=None):
        done = project.run([PROMTOOL, *arguments], cwd=cwd)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_rules_are_accepted(self):
        said = self.assert_accepted("check", "rules", *project.rule_files())
        self.assertNotIn("0 rules found", said)

    def test_alerts_fire_and_are_quiet_as_their_tests_say(self):
        for path in project.rule_tests():
            with self.subTest(file=os.path.basename(path)):
                self.assert_accepted("test", "rules", path, cwd=os.path.dirname(path))

    def test_queries_of_dashboards_are_accepted(self):
        found = grafana.queries(grafana.load())
        rules = [
            {"record": "panel:query%d" % number, "expr": grafana.expanded(expression)}
            for number, (_, expression) in enumerate(found)
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            self.assert_accepted("check", "rules", file.name)

    # Debian's build knows no discovery in Kubernetes, and no version before 2.55 headers of its own. What
    # they are about is checked by hand, and the rest of the file by promtool.
    def without_what_old_ones_do_not_know(self, config):
        config = copy.deepcopy(config)
        for job in config["scrape_configs"] + config["alerting"]["alertmanagers"]:
            if job.pop("kubernetes_sd_configs", None):
                job["static_configs"] = [{"targets": ["one:1"]}]
            for header in job.pop("http_headers", {}):
                self.assertEqual(header, "X-Internal-Token")
        return config

    def test_configurations_are_accepted(self):
        folder = os.path.join(project.DEPLOY, "prometheus")
        for name in ("prometheus", "prometheus-header", "prometheus-kubernetes"):
            config = project.load(folder, name + ".yml")
            jobs = {job["job_name"]: job for job in config["scrape_configs"]}
            self.assertEqual(set(jobs), {"subcults-api", "subcults-indexer"})
            self.assertEqual(jobs["subcults-api"]["metrics_path"], "/metrics")
            self.assertEqual(jobs["subcults-indexer"]["metrics_path"], "/internal/indexer/metrics")
            for job in jobs.values():
                self.assertEqual(job["scrape_interval"], "15s")
                self.assertTrue("authorization" in job or "http_headers" in job)
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                yaml.safe_dump(self.without_what_old_ones_do_not_know(config), file)
                file.flush()
                self.assert_accepted("check", "config", "--syntax-only", file.name)

    def test_the_static_configuration_needs_no_help(self):
        self.assert_accepted(
            "check", "config", "--syntax-only", os.path.join(project.DEPLOY, "prometheus", "prometheus.yml")
        )


if __name__ == "__main__":
    unittest.main()
