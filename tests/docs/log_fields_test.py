"""docs/observability.md explains every field of the services' log lines, and no other."""
import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Of every line, written by libs/base/log.cpp itself.
OF_EVERY_LINE = {"time", "level", "service", "event", "truncated"}
CALL = re.compile(r"\blog_?(?:\.|->)(?:debug|info|warn|error|line)\(")
FIELD = re.compile(r'\{\s*"([a-z_]+)"\s*,')
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def arguments(text, start):
    """What stands in the parentheses that were opened before `start`."""
    depth = 1
    at = start
    while depth > 0:
        string = STRING.match(text, at)
        if string:
            at = string.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start : at - 1]


def logged(folder):
    fields = set()
    for path in sorted(glob.glob(os.path.join(ROOT, folder, "**", "*.cpp"), recursive=True)):
        text = read(path)
        for call in CALL.finditer(text):
            fields.update(FIELD.findall(arguments(text, call.end())))
    # A field must not be called like one of every line.
    return {name + "_" if name in OF_EVERY_LINE else name for name in fields}


def documented():
    section = re.search(r"\n## Logs\n(.*?)\n## ", read("docs/observability.md"), re.DOTALL).group(1)
    table = {}
    for names, owner in re.findall(r"^\| (`.*?) \| (both|API|indexer) \|", section, re.MULTILINE):
        for name in re.findall(r"`([a-z_]+)`", names):
            assert name not in table, name
            table[name] = owner
    return table


class LogFields(unittest.TestCase):
    def test_every_field_is_explained_and_exists(self):
        self.assertGreater(len(logged("services/api")), 30)
        self.assertGreater(len(logged("services/indexer")), 20)
        written = OF_EVERY_LINE | logged("libs") | logged("services")
        self.assertEqual(written, set(documented()))

    def test_fields_are_ascribed_to_who_writes_them(self):
        table = documented()
        for name in logged("services/api"):
            self.assertIn(table[name], ("API", "both"), name)
        for name in logged("services/indexer"):
            self.assertIn(table[name], ("indexer", "both"), name)


if __name__ == "__main__":
    unittest.main()
