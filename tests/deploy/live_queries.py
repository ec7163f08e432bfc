"""live_queries.py PROMETHEUS <status.json: asks a real Prometheus about services under traffic."""
import datetime
import json
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import grafana
import guide_queries
import project

import yaml

LISTENERS = 8
SECONDS = 45
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fail(message):
    print(message)
    sys.exit(1)


def call(url, method="GET", token=None, body=None):
    request = urllib.request.Request(url, method=method)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    data = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body).encode()
    with OPENER.open(request, data, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def dev(*arguments):
    done = subprocess.run(
        [os.path.join(project.ROOT, "dev"), *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Evening:
    """One stream, with listeners that come, report how they hear, and go."""

    def __init__(self, api):
        self.api = api
        free = (
            "SELECT s.owner_did, s.id FROM visible_scenes s WHERE NOT EXISTS"
            " (SELECT 1 FROM active_streams a WHERE a.subject_id = s.id) ORDER BY s.indexed_at DESC LIMIT 1"
        )
        until = time.monotonic() + 60
        while not (row := dev("psql", "-qAt", "-F", " ", "-c", free)):
            if time.monotonic() > until:
                fail("the sample Jetstream has brought no scene")
        owner, scene = row.split()
        self.host = dev("token", "--did", owner)
        self.stream = api + "/streams/" + call(api + "/streams", "POST", self.host, {"scene_id": scene})["id"]
        self.listeners = [dev("token", "--did", "did:plc:listener%d" % i) for i in range(LISTENERS)]
        self.seq = int(time.time() * 1000)

    def windows(self, listener):
        self.seq += 1
        poor = listener == 0
        return [
            {
                "seq": self.seq,
                "measured_at": now(),
                "window_ms": 1000,
                "direction": "downlink",
                "bitrate_kbps": 48 if not poor else 20,
                "jitter_ms": 4 if not poor else 45,
                "packet_loss_percent": 0.2 if not poor else 9,
                "rtt_ms": 40 if not poor else 350,
                "audio_level": 0.4,
            }
        ]

    def play(self, done):
        for listener, token in enumerate(self.listeners):
            call(self.stream + "/join", "POST", token, {"token_issued_at": now()})
            if listener % 2:
                call(self.stream + "/leave", "POST", token)
                call(self.stream + "/join", "POST", token, {"token_issued_at": now()})
        error = {"errors": [{"error_type": "ice_failed", "count": 1}]}
        try:
            call(self.api + "/telemetry/client-errors", "POST", self.listeners[0], error)
        except urllib.error.HTTPError:
            pass  # its shape is not what this is about; the series is there at 0
        while not done.wait(2):
            for listener, token in enumerate(self.listeners):
                call(self.stream + "/quality-metrics", "POST", token, {"windows": self.windows(listener)})
            call(self.stream + "/quality-metrics/collect", "POST", self.host)

    def end(self):
        for token in self.listeners:
            call(self.stream + "/leave", "POST", token)
        call(self.stream + "/end", "POST", self.host)


class Prometheus:
    def __init__(self, binary, status, folder):
        config = project.load("deploy", "prometheus", "prometheus.yml")
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s"}
        config["rule_files"] = project.rule_files()
        del config["alerting"]
        for job, url in zip(config["scrape_configs"], (status["api_url"], status["indexer_url"])):
            job["scrape_interval"] = "1s"
            job["static_configs"] = [{"targets": [url.split("//")[1]]}]
            token = os.environ.get("METRICS_AUTH_TOKEN", "") if "api" in job["job_name"] else status["internal_token"]
            job.pop("authorization")
            if token:
                job["authorization"] = {"credentials": token}
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [
                    binary,
                    "--config.file=" + path,
                    "--storage.tsdb.path=" + os.path.join(folder, "data"),
                    "--web.listen-address=" + self.address,
                ],
                stdout=log,
                stderr=log,
            )

        self.asked = 0

    def ask(self, path, **parameters):
        return call("http://%s%s?%s" % (self.address, path, urllib.parse.urlencode(parameters)))["data"]

    def wait_until_up(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                states = [t["health"] for t in self.ask("/api/v1/targets", state="active")["activeTargets"]]
                if states == ["up", "up"]:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        fail("Prometheus does not see both services")

    def values(self, query):
        """Values of an instant query that are numbers; None where Prometheus refuses the query."""
        self.asked += 1
        try:
            found = self.ask("/api/v1/query", query=query)
        except urllib.error.HTTPError as error:
            if error.code == 400:
                return None
            raise
        samples = [found["result"]] if found["resultType"] == "scalar" else [s["value"] for s in found["result"]]
        return [float(v) for _, v in samples if not math.isnan(float(v))]


# Queries of documents and panels that may find nothing in this scenario, by a part of them.
MAY_BE_EMPTY = {
    "indexer_backpressure_pause_duration_seconds": "reading is never paused",
    "changes(process_start_time_seconds": "nothing is started again",
    "stream_active_participants": "the series of a session goes with it, and the only one has ended",
    "stream_duration_seconds": "the only stream ends with the traffic, perhaps after the last scrape",
    "http_requests_total{status=\"503\"}": "a status that was never answered has no series",
}


def fault(prometheus, query):
    """What is wrong with what a query of documents or panels finds, or None."""
    found = prometheus.values(query)
    if found is None:
        return "is refused"
    if not found and not any(part in query for part in MAY_BE_EMPTY):
        return "returns nothing"
    return None


def documents():
    for name in ("observability.md", "quality.md"):
        for block in re.findall(r"```promql\n(.*?)```", project.read("docs", name), re.DOTALL):
            yield from filter(None, block.split("\n"))


def mistakes(prometheus):
    """What is wrong with any of the queries, as sentences."""
    for query in guide_queries.PRINTED:
        if not prometheus.values(query):
            yield "the guide's query returns nothing: " + query
    for query in guide_queries.QUIET:
        if prometheus.values(query) is None:
            yield "the guide's query is refused: " + query
    for broken, mended in guide_queries.MENDED.items():
        if prometheus.values(broken) is not None:
            yield "runs after all, so nothing is to be mended: " + broken
        if not prometheus.values(mended):
            yield "the mended query returns nothing: " + mended
    for query in documents():
        if wrong := fault(prometheus, query):
            yield "a query of the documents %s: %s" % (wrong, query)
    for where, query in grafana.queries(grafana.load()):
        if wrong := fault(prometheus, grafana.expanded(query)):
            yield "a panel's query %s: %s: %s" % (wrong, where, query)
    for group in prometheus.ask("/api/v1/rules")["groups"]:
        for rule in group["rules"]:
            if rule["health"] != "ok":
                yield "a rule does not evaluate: %s: %s" % (rule["name"], rule.get("lastError"))


def main():
    status = json.load(sys.stdin)
    done = threading.Event()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        prometheus = Prometheus(sys.argv[1], status, folder)
        try:
            prometheus.wait_until_up()
            evening = Evening(status["api_url"])

            def play():
                try:
                    evening.play(done)
                except Exception as error:  # pylint: disable=broad-except
                    failures.append("the traffic broke off: %r" % error)

            player = threading.Thread(target=play)
            player.start()
            done.wait(SECONDS)
            done.set()
            player.join()
            evening.end()
            time.sleep(3)  # a scrape and an evaluation more
            failures += list(mistakes(prometheus))
        finally:
            prometheus.process.terminate()
            prometheus.process.wait(20)
    if failures:
        fail("\n".join(failures))
    print("%d queries asked of a Prometheus that scraped both services" % prometheus.asked)


if __name__ == "__main__":
    main()
