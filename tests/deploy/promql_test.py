"""The reader of PromQL finds what is wrong, and nothing that is right."""
import unittest

import catalogue
import promql

METRICS = catalogue.read()
KNOWN = catalogue.series(METRICS)


class Catalogue(unittest.TestCase):
    def test_the_headers_are_read_completely(self):
        self.assertGreater(len(METRICS), 80)
        self.assertEqual(METRICS["stream_joins_total"].kind, "counter")
        self.assertEqual(METRICS["stream_network_rtt_ms"].bounds[0], "10")
        self.assertIn("timeout", METRICS["background_job_errors_total"].labels["error_type"])
        self.assertIn("index_backfill", METRICS["background_jobs_total"].labels["job_type"])
        self.assertIsNone(METRICS["http_requests_total"].labels["route"])
        self.assertIn("process_cpu_seconds_total", METRICS)


class Expressions(unittest.TestCase):
    def assert_right(self, expression):
        self.assertEqual(promql.mistakes(expression, KNOWN), [], expression)

    def assert_wrong(self, expression, what):
        found = promql.mistakes(expression, KNOWN)
        self.assertTrue(any(what in mistake for mistake in found), (expression, found))

    def test_what_exists_passes(self):
        self.assert_right('sum by (le) (rate(stream_audio_jitter_ms_bucket{le=~"30(\\\\.0)?"}[5m])) > 1')
        self.assert_right('time() - max(background_job_last_success_timestamp_seconds{job_type="stream_cleanup"})')
        self.assert_right('sum(rate(http_requests_total{route!~"/health/.*|/metrics",status=~"5.."}[5m])) or vector(0)')
        self.assert_right("indexer_pending_messages and on (job) indexer_writing == 1")

    def test_what_does_not_exist_is_named(self):
        self.assert_wrong("rate(stream_join_total[5m])", "no series stream_join_total")
        self.assert_wrong("stream_audio_jitter_ms", "no series stream_audio_jitter_ms")
        self.assert_wrong('stream_joins_total{scene_id="x"}', "has no label scene_id")
        self.assert_wrong('background_jobs_total{status="failed"}', "is never status")
        self.assert_wrong('background_jobs_total{job_type=~"trust_recompute|cleanup"}', "cleanup is never")
        self.assert_wrong('stream_join_latency_seconds_bucket{le="3"}', "has no bound 3")
        self.assert_wrong("sum by (error_type) (rate(stream_joins_total[5m]))", "the label error_type")


if __name__ == "__main__":
    unittest.main()
