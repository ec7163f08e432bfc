"""What kubectl makes of the overlays has the required fields, fits itself and fits the services."""
import os
import shutil
import unittest

import project

import yaml

K8S = os.path.join(project.DEPLOY, "k8s")
if shutil.which("kubectl") is None:
    project.skip("kubectl is not installed")

PORTS = {"subcults-api": 8080, "subcults-indexer": 9090}
METRICS = {"subcults-api": "/metrics", "subcults-indexer": "/internal/indexer/metrics"}
SECRETS = {
    "DATABASE_URL", "DATABASE_DIRECT_URL", "JWT_SECRET_CURRENT", "JWT_SECRET_PREVIOUS", "PRIVACY_HMAC_KEY",
    "PRIVACY_HMAC_KEYS_PREVIOUS", "INTERNAL_AUTH_TOKEN", "METRICS_AUTH_TOKEN", "LIVEKIT_URL",
    "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "STRIPE_WEBHOOK_SECRET",
}  # fmt: skip
# Of each kind: its API, and fields that must be there.
SCHEMA = {
    "Namespace": ("v1", []),
    "ServiceAccount": ("v1", []),
    "ConfigMap": ("v1", ["data"]),
    "Service": ("v1", ["spec.selector", "spec.ports"]),
    "Deployment": ("apps/v1", ["spec.selector.matchLabels", "spec.template.spec.containers"]),
    "StatefulSet": ("apps/v1", ["spec.selector.matchLabels", "spec.serviceName", "spec.template.spec.containers"]),
    "Job": ("batch/v1", ["spec.backoffLimit", "spec.template.spec.restartPolicy"]),
    "HorizontalPodAutoscaler": ("autoscaling/v2", ["spec.scaleTargetRef.name", "spec.minReplicas", "spec.maxReplicas"]),
    "PodDisruptionBudget": ("policy/v1", ["spec.selector.matchLabels"]),
    "NetworkPolicy": ("networking.k8s.io/v1", ["spec.podSelector", "spec.policyTypes"]),
    "ServiceMonitor": ("monitoring.coreos.com/v1", ["spec.selector.matchLabels", "spec.endpoints"]),
    "PrometheusRule": ("monitoring.coreos.com/v1", ["spec.groups"]),
}


def built(folder):
    done = project.run(["kubectl", "kustomize", folder])
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def at(document, path):
    for part in path.split("."):
        document = (document or {}).get(part)
    return document


def selects(selector, labels):
    """Whether a label selector picks an object with these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        if rule["operator"] != "In" or labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


class Overlay:
    def __init__(self, documents):
        self.documents = documents

    def of(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def workloads(self):
        return self.of("Deployment", "StatefulSet", "Job")

    def pods(self):
        return [w["spec"]["template"] for w in self.workloads()]

    def config_of(self, container):
        """What a container gets from ConfigMaps and by value."""
        maps = {m["metadata"]["name"]: m["data"] for m in self.of("ConfigMap")}
        config = {}
        for source in container.get("envFrom", []):
            config.update(maps[source["configMapRef"]["name"]])
        config.update({e["name"]: e["value"] for e in container.get("env", []) if "value" in e})
        return config


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        here = os.path.dirname(os.path.abspath(__file__))
        folders = [os.path.join(K8S, "overlays", name) for name in ("dev", "production")]
        folders.append(os.path.join(here, "two-shards"))
        cls.overlays = {os.path.basename(folder): Overlay(built(folder)) for folder in folders}

    def each(self):
        return self.overlays.values()

    def test_objects_have_what_their_kind_requires(self):
        for overlay in self.each():
            seen = set()
            for document in overlay.documents:
                kind, name = document["kind"], document["metadata"]["name"]
                self.assertNotIn((kind, name), seen)
                seen.add((kind, name))
                version, fields = SCHEMA[kind]
                self.assertEqual(document["apiVersion"], version, name)
                for field in fields:
                    self.assertIsNotNone(at(document, field), (kind, name, field))

    def test_selectors_pick_what_they_are_meant_for(self):
        for overlay in self.each():
            labels = [pod["metadata"]["labels"] for pod in overlay.pods()]
            for workload in overlay.of("Deployment", "StatefulSet"):
                own = workload["spec"]["template"]["metadata"]["labels"]
                self.assertTrue(selects(workload["spec"]["selector"], own))
                # Two that select the same pods would fight over them.
                self.assertEqual(sum(selects(workload["spec"]["selector"], other) for other in labels), 1)
            for service in overlay.of("Service"):
                self.assertTrue(any(selects({"matchLabels": service["spec"]["selector"]}, l) for l in labels))
            for budget in overlay.of("PodDisruptionBudget"):
                self.assertTrue(any(selects(budget["spec"]["selector"], l) for l in labels))
            for policy in overlay.of("NetworkPolicy"):
                self.assertTrue(any(selects(policy["spec"]["podSelector"], l) for l in labels))
            for scaler in overlay.of("HorizontalPodAutoscaler"):
                target = scaler["spec"]["scaleTargetRef"]
                found = [w for w in overlay.of(target["kind"]) if w["metadata"]["name"] == target["name"]]
                self.assertEqual(len(found), 1)
                self.assertNotIn("replicas", found[0]["spec"], "the autoscaler and apply would take turns")

    def test_ports_and_probes_are_those_of_the_services(self):
        for overlay in self.each():
            for pod in overlay.pods():
                name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
                container = pod["spec"]["containers"][0]
                if name not in PORTS:
                    continue
                self.assertEqual(container["ports"], [{"name": "http", "containerPort": PORTS[name]}])
                for probe, path in (("liveness", "live"), ("readiness", "ready"), ("startup", "live")):
                    asked = container[probe + "Probe"]
                    self.assertEqual(asked["httpGet"], {"path": "/health/" + path, "port": "http"})
                    # One late answer takes no pod away.
                    self.assertGreaterEqual(asked["failureThreshold"], 2)
            for service in overlay.of("Service"):
                port = service["spec"]["ports"][0]
                self.assertEqual((port["name"], port["port"]), ("http", PORTS[service["metadata"]["name"]]))

    def test_services_get_variables_that_they_read(self):
        for overlay in self.each():
            for pod in overlay.pods():
                container = pod["spec"]["containers"][0]
                service = "indexer" if container["name"] == "indexer" else "api"
                given = set(overlay.config_of(container)) | {e["name"] for e in container.get("env", [])}
                self.assertEqual(given - project.variables(service), set(), container["name"])

    def test_the_end_of_a_pod_leaves_time_for_the_end_of_its_process(self):
        for overlay in self.each():
            for workload in overlay.of("Deployment", "StatefulSet"):
                pod = workload["spec"]["template"]["spec"]
                config = overlay.config_of(pod["containers"][0])
                needed = sum(int(config.get(k, 0)) for k in ("SHUTDOWN_DELAY_SECONDS", "SHUTDOWN_GRACE_SECONDS"))
                self.assertGreater(needed, 0)
                self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], needed + 5)

    def test_pods_may_do_nothing_that_they_need_not(self):
        for overlay in self.each():
            for pod in overlay.pods():
                spec = pod["spec"]
                self.assertIs(spec["automountServiceAccountToken"], False)
                self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                for container in spec["containers"]:
                    self.assertEqual(
                        container["securityContext"],
                        {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    )
                    self.assertIn("memory", container["resources"]["limits"])
                    self.assertEqual(set(container["resources"]["requests"]), {"cpu", "memory"})

    def test_secrets_are_references(self):
        for overlay in self.each():
            self.assertEqual(overlay.of("Secret"), [])
            for pod in overlay.pods():
                for container in pod["spec"]["containers"]:
                    for variable in container.get("env", []):
                        if "value" in variable:
                            self.assertNotIn(variable["name"], SECRETS)
                            continue
                        reference = variable["valueFrom"]["secretKeyRef"]
                        self.assertEqual(reference["name"], "subcults-secrets")
                        self.assertEqual(reference["key"], variable["name"])
            for config in overlay.of("ConfigMap"):
                self.assertEqual(set(config["data"]) & SECRETS, set())
                for value in config["data"].values():
                    self.assertNotRegex(value, r"://[^/\s]*:[^/\s]*@")

    def test_prometheus_is_let_in_and_asks_the_right_paths(self):
        for name, overlay in self.overlays.items():
            for service, port in PORTS.items():
                with self.subTest(overlay=name, service=service):
                    labels = next(
                        p["metadata"]["labels"]
                        for p in overlay.pods()
                        if p["metadata"]["labels"]["app.kubernetes.io/name"] == service
                    )
                    let_in = [
                        rule
                        for policy in overlay.of("NetworkPolicy")
                        if selects(policy["spec"]["podSelector"], labels)
                        for rule in policy["spec"].get("ingress", [])
                        for peer in rule.get("from", [])
                        if at(peer, "namespaceSelector.matchLabels") == {"kubernetes.io/metadata.name": "monitoring"}
                        and {"protocol": "TCP", "port": "http"} in rule["ports"]
                    ]
                    self.assertTrue(let_in)
        monitors = {m["metadata"]["name"]: m for m in self.overlays["production"].of("ServiceMonitor")}
        self.assertEqual(set(monitors), set(PORTS))
        for name, monitor in monitors.items():
            endpoint = monitor["spec"]["endpoints"][0]
            self.assertEqual((endpoint["port"], endpoint["path"]), ("http", METRICS[name]))
            self.assertIn(endpoint["authorization"]["credentials"]["key"], SECRETS)
            # The rules ask for jobs of these names.
            self.assertEqual(monitor["spec"]["jobLabel"], "app.kubernetes.io/name")
            service = next(s for s in self.overlays["production"].of("Service") if s["metadata"]["name"] == name)
            self.assertTrue(selects(monitor["spec"]["selector"], service["metadata"]["labels"]))
            self.assertEqual(service["metadata"]["labels"]["app.kubernetes.io/name"], name)

    def test_every_shard_is_there_once(self):
        for overlay in self.each():
            shards = [
                overlay.config_of(s["spec"]["template"]["spec"]["containers"][0])["INDEXER_SHARD"]
                for s in overlay.of("StatefulSet")
            ]
            count = int(shards[0].split("/")[1])
            self.assertEqual(sorted(shards), ["%d/%d" % (i, count) for i in range(count)])

    def test_each_shard_is_a_label_of_its_targets(self):
        monitors = {m["metadata"]["name"]: m for m in self.overlays["production"].of("ServiceMonitor")}
        operator = [
            (r["sourceLabels"], r["targetLabel"])
            for r in monitors["subcults-indexer"]["spec"]["endpoints"][0]["relabelings"]
        ]
        config = project.load("deploy", "prometheus", "prometheus-kubernetes.yml")
        job = next(j for j in config["scrape_configs"] if j["job_name"] == "subcults-indexer")
        alone = [(r["source_labels"], r.get("target_label")) for r in job["relabel_configs"]]
        # As Prometheus writes the pods' label subcult.tv/shard.
        expected = (["__meta_kubernetes_pod_label_subcult_tv_shard"], "shard")
        self.assertIn(expected, operator)
        self.assertIn(expected, alone)
        for overlay in self.each():
            for workload in overlay.of("StatefulSet"):
                pod = workload["spec"]["template"]
                index = overlay.config_of(pod["spec"]["containers"][0])["INDEXER_SHARD"].split("/")[0]
                self.assertEqual(pod["metadata"]["labels"]["subcult.tv/shard"], index)

    def test_every_image_has_a_tag(self):
        for name, overlay in self.overlays.items():
            for pod in overlay.pods():
                for container in pod["spec"]["containers"]:
                    with self.subTest(overlay=name, image=container["image"]):
                        self.assertRegex(container["image"], r"subcults-(api|indexer):[\w.]+$")

    def test_releases_have_a_version(self):
        for pod in self.overlays["production"].pods():
            for container in pod["spec"]["containers"]:
                self.assertRegex(container["image"], r"^[^:]+/subcults-(api|indexer):\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
