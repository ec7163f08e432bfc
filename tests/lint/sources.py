#!/usr/bin/env -S python3 -B
"""The project's own files, for the lints and for `./dev lint`.

Run as a program it prints the paths of one kind (cpp, shell, yaml, all), each ended by a NUL byte. What git
ignores is left out; without git, build/ and dot directories are.
"""
import os
import re
import subprocess
import sys

CPP = (".cpp", ".hpp", ".h", ".cc")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _git_files(root):
    # The checkout may belong to somebody else (a container's root looks at a user's files).
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-zco", "--exclude-standard"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode().split("\0")[:-1]


def _walked_files(root):
    for folder, folders, names in os.walk(root):
        top = folder == root
        folders[:] = [n for n in folders if n not in (".git", ".local") and not (top and n == "build")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def _is_shell(root, path):
    if path.endswith(".sh"):
        return True
    if os.path.splitext(path)[1]:
        return False
    with open(os.path.join(root, path), "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and re.search(rb"\b(ba|da)?sh\b", first) is not None


def files(root=ROOT, kind="all", folders=None):
    """Sorted relative paths of regular files; folders restricts to top-level folders."""
    found = _git_files(root) if os.path.exists(os.path.join(root, ".git")) else None
    for path in sorted(_walked_files(root) if found is None else set(found)):
        full = os.path.join(root, path)
        if not os.path.isfile(full) or os.path.islink(full):
            continue
        if folders and path.split("/", 1)[0] not in folders:
            continue
        if kind == "cpp" and not path.endswith(CPP):
            continue
        if kind == "yaml" and not path.endswith((".yml", ".yaml")):
            continue
        if kind == "shell" and not _is_shell(root, path):
            continue
        yield path


def read(root, path):
    """A file's text, or None for a binary one."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    return None if b"\0" in data else data.decode("utf-8", "replace")


_LITERAL = re.compile(
    r"""//(?:[^\\\n]|\\.|\\\n)*            # line comment
      | /\*.*?\*/                          # block comment
      | (?:u8|[uUL])?R"([^()\s\\]*)\(.*?\)\1"   # raw string
      | (?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"   # string
      | \b[0-9](?:'?[\w.])*                # number, with its separators
      | (?:u8|[uUL])?'(?:[^'\\\n]|\\.)*'   # character
    """,
    re.DOTALL | re.VERBOSE,
)


def blank_literals(text):
    """C++ source with comments gone and string contents emptied; lines keep their numbers."""

    def replace(match):
        found = match.group()
        if found[0].isdigit():
            return found
        lines = "\n" * found.count("\n")
        return lines if found.startswith(("//", "/*")) else '""' + lines

    return _LITERAL.sub(replace, text)


def report(findings):
    """Prints `path:line: message` findings; the exit status of a lint."""
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    return 1 if findings else 0


def chosen_root(arguments):
    """The tree a lint looks at: its first argument, or the project."""
    return os.path.abspath(arguments[1]) if len(arguments) > 1 else ROOT


if __name__ == "__main__":
    sys.stdout.write("".join(path + "\0" for path in files(kind=sys.argv[1])))
