"""The tree that the tests look at, and what several of them need to know of it."""
import glob
import os
import re
import shutil
import subprocess
import sys

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def load(*parts):
    return yaml.safe_load(read(*parts))


def rule_files():
    return sorted(glob.glob(os.path.join(DEPLOY, "prometheus", "rules", "*.yml")))


def rule_tests():
    return sorted(glob.glob(os.path.join(DEPLOY, "prometheus", "tests", "*_test.yml")))


def rules():
    """All rules, as (file, group, rule)."""
    for path in rule_files():
        with open(path, encoding="utf-8") as file:
            for group in yaml.safe_load(file)["groups"]:
                for rule in group["rules"]:
                    yield os.path.basename(path), group["name"], rule


def alerts():
    return {rule["alert"]: rule for _, _, rule in rules() if "alert" in rule}


def dashboards():
    return sorted(glob.glob(os.path.join(DEPLOY, "grafana", "dashboards", "*.json")))


def skip(reason):
    """Ends the test; CTest counts a line that begins so as skipped."""
    print("SKIPPED: " + reason)
    sys.exit(0)


def promtool():
    """Path of promtool, or None. `./dev test` names the one that it has unpacked."""
    chosen = os.environ.get("SUBCULTS_PROMTOOL", "")
    unpacked = os.path.join(ROOT, ".local", "tools", "usr", "bin", "promtool")
    for candidate in [chosen, unpacked, "promtool"]:
        if candidate and shutil.which(candidate):
            return shutil.which(candidate)
    return None


def run(command, **options):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options
    )


def anchors(text):
    """Anchors of a Markdown document's headings, as its viewers make them."""
    found = set()
    for title in re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", title.lower())
        found.add(plain.replace(" ", "-"))
    return found


# Tables of the services' configuration: table.text("NAME", …), also with a line break in it.
_VARIABLE = re.compile(
    r"\btable\.(?:text|secret|secrets|list|integer|flag|choice|host_port)\(\s*\"([A-Z][A-Z0-9_]*)\""
)


def variables(service):
    """Names of the environment variables that a service reads."""
    names = set()
    for path in glob.glob(os.path.join(ROOT, "services", service, "**", "*.cpp"), recursive=True):
        with open(path, encoding="utf-8") as file:
            names |= set(_VARIABLE.findall(file.read()))
    return names
