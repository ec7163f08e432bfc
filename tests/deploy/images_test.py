"""The images hold what the services need and no more, and docker-compose.yml fits them."""
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import project

DOCKERFILE = project.read("deploy", "docker", "Dockerfile")
COMPOSE = project.load("docker-compose.yml")
PORTS = {"api": 8080, "indexer": 9090}


def stages():
    """Dockerfile instructions by stage, continuation lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    found, current = {}, None
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        match = re.match(r"FROM (\S+) AS (\S+)", line)
        if match:
            current = match.group(2)
            found[current] = []
        if current:
            found[current].append(line)
    return found


def packages():
    """Debian packages that the build stages install."""
    names = set()
    for line in DOCKERFILE.replace("\\\n", " ").split("\n"):
        for installed in re.findall(r"apt-get install (.*?)&&", line):
            names |= {word for word in installed.split() if not word.startswith("-")}
    return names


class Images(unittest.TestCase):
    def test_shipped_images_stand_on_nothing_and_run_as_nobody(self):
        found = stages()
        for name in ("api", "indexer", "sim"):
            with self.subTest(name):
                lines = found[name]
                self.assertTrue(lines[0].startswith("FROM scratch"))
                self.assertIn("USER 10001:10001", lines)
                # Without a shell nothing could run them.
                self.assertFalse([line for line in lines if line.startswith("RUN")])
                self.assertTrue(any(line.startswith("LABEL") for line in lines))
        for name, port in PORTS.items():
            with self.subTest(name):
                self.assertIn("EXPOSE %d" % port, found[name])
                health = [line for line in found[name] if line.startswith("HEALTHCHECK")]
                self.assertEqual(len(health), 1)
                self.assertIn('CMD ["/probe", "%d", "/health/live"]' % port, health[0])
                self.assertIn('ENTRYPOINT ["/subcults-%s"]' % name, found[name])

    def test_images_have_the_version_of_the_project(self):
        version = re.search(r"project\(subcults VERSION ([\d.]+)", project.read("CMakeLists.txt")).group(1)
        self.assertEqual(set(re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE)), {version})

    def test_the_build_installs_what_development_does(self):
        script = project.read("deploy", "local", "packages.sh")
        known = set()
        for body in re.findall(r"packages_(?:build|run)=\((.*?)\)", script, re.DOTALL):
            known |= set(body.split())
        self.assertEqual(packages() - known, set())

    def test_everything_that_is_copied_is_there(self):
        for line in DOCKERFILE.split("\n"):
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    self.assertTrue(os.path.exists(os.path.join(project.ROOT, source)), source)


class Compose(unittest.TestCase):
    def test_services_get_variables_that_they_read(self):
        for name in ("api", "indexer"):
            known = project.variables(name)
            self.assertGreater(len(known), 10)
            self.assertEqual(set(COMPOSE["services"][name]["environment"]) - known, set())

    def test_our_containers_are_locked_down(self):
        for name in ("migrate", "api", "indexer", "jetstream"):
            with self.subTest(name):
                service = COMPOSE["services"][name]
                self.assertTrue(service["read_only"])
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])

    def test_nothing_starts_before_what_it_needs(self):
        for name in ("api", "indexer"):
            service = COMPOSE["services"][name]
            self.assertEqual(
                service["depends_on"], {"migrate": {"condition": "service_completed_successfully"}}
            )
            self.assertEqual(service["healthcheck"]["test"][1:], ["/probe", str(PORTS[name]), "/health/ready"])
        migrate = COMPOSE["services"]["migrate"]
        self.assertEqual(migrate["depends_on"], {"postgres": {"condition": "service_healthy"}})
        self.assertTrue(COMPOSE["services"]["postgres"]["healthcheck"]["test"])

    def test_no_secret_is_written_here_and_all_are_generated(self):
        text = project.read("docker-compose.yml")
        required = set(re.findall(r"\$\{(\w+):\?run \./dev secrets\}", text))
        script = project.read("deploy", "local", "secrets.sh")
        generated = set(re.search(r"compose_secrets=\((.*?)\)", script, re.DOTALL).group(1).split())
        generated |= set(re.findall(r"add_to_env (\w+) ", script))
        self.assertEqual(required - generated, set())
        for name in generated - {"LIVEKIT_URL"}:
            self.assertIn(name, required)

    def test_ports_are_open_to_this_machine_only(self):
        for name, service in COMPOSE["services"].items():
            for port in service.get("ports", []):
                media = name == "livekit" and str(port).split("/")[0] in ("7881:7881", "7882:7882")
                self.assertTrue(media or str(port).startswith("127.0.0.1:"), (name, port))

    def test_prometheus_finds_both_services_and_its_tokens(self):
        config = project.load("deploy/prometheus/prometheus.yml")
        for job in config["scrape_configs"]:
            host, port = job["static_configs"][0]["targets"][0].split(":")
            self.assertEqual(PORTS[host], int(port))
            token = os.path.basename(job["authorization"]["credentials_file"])
            self.assertIn(token, COMPOSE["services"]["prometheus"]["secrets"])
            self.assertIn(token, COMPOSE["secrets"])
            self.assertEqual(COMPOSE["secrets"][token]["file"], ".local/secrets/" + token)

    def test_images_have_a_version(self):
        for name, service in COMPOSE["services"].items():
            image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])
            self.assertRegex(image, r":[\w.\-]+$", name)
            self.assertFalse(image.endswith(":latest"), name)


class Secrets(unittest.TestCase):
    """./dev secrets, in a tree of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        shutil.copy(os.path.join(project.ROOT, "dev"), self.root)
        shutil.copytree(os.path.join(project.DEPLOY, "local"), os.path.join(self.root, "deploy", "local"))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def generate(self):
        subprocess.run([self.path("dev"), "secrets"], check=True, stderr=subprocess.DEVNULL)
        with open(self.path(".env"), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split("=", 1) for line in file)

    def token(self, name):
        with open(self.path(".local", "secrets", name), encoding="utf-8") as file:
            return file.read()

    def test_what_is_there_stays_and_nobody_else_reads_it(self):
        first = self.generate()
        self.assertEqual(self.generate(), first)
        for name, value in first.items():
            self.assertGreaterEqual(len(value), 32 if name not in ("LIVEKIT_API_KEY", "LIVEKIT_URL") else 1, name)
        self.assertEqual(stat.S_IMODE(os.stat(self.path(".env")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path(".local", "secrets")).st_mode), 0o700)
        self.assertEqual(self.token("metrics_auth_token"), first["METRICS_AUTH_TOKEN"])
        self.assertEqual(self.token("internal_auth_token"), first["INTERNAL_AUTH_TOKEN"])

    def test_a_changed_token_reaches_who_has_the_file_mounted(self):
        self.generate()
        with open(self.path(".local", "secrets", "internal_auth_token"), encoding="utf-8") as mounted:
            with open(self.path(".env"), "a", encoding="utf-8") as env:
                env.write('INTERNAL_AUTH_TOKEN="another one"\n')
            self.generate()
            self.assertEqual(mounted.read(), "another one")


if __name__ == "__main__":
    unittest.main()
