"""What the gate makes of a run of tests: nothing that went wrong may count as passed."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.sax.saxutils

import project

TALLY = os.path.join(project.ROOT, "deploy", "local", "tally")
WAITED = "due to unexpected exception with message:\n  did not happen in time: it is there\n"


def case(name, failed=False, output="", skipped=None):
    inside = "<failure message='Failed'/>" if failed else ""
    if skipped is not None:
        inside = "<skipped message='%s'/>" % skipped
    return "<testcase name=%s status='%s'>%s<system-out>%s</system-out></testcase>" % (
        xml.sax.saxutils.quoteattr(name), "notrun" if skipped is not None else "run", inside,
        xml.sax.saxutils.escape(output))


class Tally(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def report(self, name, *cases):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("<testsuite>" + "".join(cases) + "</testsuite>")
        return path

    def run_tally(self, *arguments):
        done = subprocess.run([sys.executable, "-B", TALLY, *arguments], check=True,
                              capture_output=True, text=True)
        return done.stdout.strip()

    def late(self, *cases):
        return self.run_tally("--late", self.report("late.xml", *cases))

    def test_counts(self):
        path = self.report("a.xml", case("a"), case("b", failed=True),
                           case("c", skipped="SKIP_REGULAR_EXPRESSION_MATCHED"),
                           case("d", skipped="could not be run"))
        self.assertEqual(self.run_tally("x", "8", path), "1 2 1")

    def test_a_failed_run_is_never_passed(self):
        self.assertEqual(self.run_tally("x", "8", self.report("a.xml", case("a"))), "1 1 0")
        self.assertEqual(self.run_tally("x", "8", os.path.join(self.folder.name, "none")), "0 1 0")
        broken = os.path.join(self.folder.name, "broken.xml")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("<testsuite><testcase")
        self.assertEqual(self.run_tally("x", "0", broken), "0 1 0")
        # The gate asks this first, and must get to the count.
        self.assertEqual(self.run_tally("--late", broken), "")
        self.assertEqual(self.run_tally("--late", os.path.join(self.folder.name, "none")), "")

    def test_another_try_counts_for_the_tests_it_ran(self):
        first = self.report("a.xml", case("a"), case("b", failed=True), case("c", failed=True))
        second = self.report("b.xml", case("b"), case("c", failed=True))
        self.assertEqual(self.run_tally("x", "8", first, second), "2 1 0")
        missing = os.path.join(self.folder.name, "none")
        self.assertEqual(self.run_tally("x", "8", first, missing), "1 2 0")

    def test_only_patience_deserves_another_try(self):
        self.assertEqual(self.late(case("a"), case("b: it waits (twice)?", True, WAITED)),
                         r"^(b: it waits \(twice\)\?)$")
        self.assertEqual(self.late(case("a", True, "CHECK( x == 1 )\n" + WAITED)), "")
        self.assertEqual(self.late(case("a", True, WAITED + "ERROR: AddressSanitizer: ...")), "")
        self.assertEqual(self.late(case("a", True, "SIGSEGV")), "")
        self.assertEqual(self.late(case("some_oracle:nothing is lost", True, WAITED)), "")

    def test_one_real_failure_ends_it(self):
        self.assertEqual(self.late(case("a", True, WAITED), case("b", True, "CHECK( x )")), "")

    def test_many_late_ones_are_no_accident(self):
        self.assertEqual(self.late(*[case("t%d" % i, True, WAITED) for i in range(6)]), "")

    def test_the_words_are_those_of_eventually(self):
        source = project.read("tests", "support", "process.cpp")
        self.assertTrue(re.search(r'"did not happen in time: "', source))


if __name__ == "__main__":
    unittest.main()
