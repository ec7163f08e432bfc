"""Units and the package fit the services."""
import os
import re
import unittest

import project

SERVICES = ("api", "indexer")


def unit(name):
    """A unit's settings; one that is given several times is a list of its values."""
    settings = {}
    for line in project.read("deploy", "systemd", name + ".service").split("\n"):
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def fallback(service, variable):
    source = project.read("services", service, "config.cpp")
    match = re.search(r'"%s".*?\.fallback = (\d+)' % variable, source, re.DOTALL)
    return int(match.group(1))


def example(name):
    """Variables that an example of configuration has, those that are commented out too."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", project.read("deploy", "debian", name + ".env"), re.MULTILINE))


class Hosts(unittest.TestCase):
    def test_units_run_the_services_as_nobody_special(self):
        for name in SERVICES:
            settings = unit("subcults-" + name)
            self.assertEqual(settings["ExecStart"], ["/usr/bin/subcults-" + name])
            self.assertEqual(settings["User"], ["subcults"])
            self.assertEqual(settings["CapabilityBoundingSet"], [""])
            self.assertEqual(settings["ProtectSystem"], ["strict"])
            self.assertEqual(settings["RestartPreventExitStatus"], ["2"])

    def test_units_wait_for_the_end_of_a_service(self):
        for name in SERVICES:
            needed = fallback(name, "SHUTDOWN_GRACE_SECONDS") + 5
            if name == "api":
                needed += fallback(name, "SHUTDOWN_DELAY_SECONDS")
            self.assertGreaterEqual(int(unit("subcults-" + name)["TimeoutStopSec"][0].rstrip("s")), needed)

    def test_examples_name_variables_that_are_read(self):
        for name in SERVICES:
            known = project.variables(name)
            self.assertEqual((example("database") | example(name)) - known, set())
            self.assertEqual(
                unit("subcults-" + name)["EnvironmentFile"],
                ["/etc/subcults/database.env", "/etc/subcults/%s.env" % name],
            )

    def test_what_is_packaged_is_there(self):
        text = project.read("cmake", "Packaging.cmake")
        paths = re.findall(r"(?<![\w/])(?:deploy|docs)/[\w./\-]+", text)
        self.assertGreater(len(paths), 12)
        for path in paths:
            self.assertTrue(os.path.exists(os.path.join(project.ROOT, path)), path)
        for script in ("postinst", "prerm", "postrm"):
            self.assertTrue(os.access(os.path.join(project.DEPLOY, "debian", script), os.X_OK))


if __name__ == "__main__":
    unittest.main()
