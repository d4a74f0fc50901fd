# SPDX-License-Identifier: Apache-2.0
"""tree.py: the files of one source tree, read once, and what is found in them."""
import os
import re
import shutil
import subprocess

CODE_SUFFIXES = {
    ".c": "c", ".h": "c", ".def": "c", ".py": "python", ".sh": "shell", ".js": "script",
    ".mjs": "script", ".cjs": "script", ".ts": "script", ".tsx": "script", ".yaml": "hash",
    ".yml": "hash", ".supp": "hash", ".service": "hash", ".sql": "sql", ".css": "css",
}
CODE_NAMES = {"meson.build": "hash", "meson.options": "hash", "meson_options.txt": "hash",
              "Containerfile": "hash"}
SHEBANG = re.compile(r"^#!.*\b(bash|sh|python3|node)\b")
SHEBANG_KINDS = {"bash": "shell", "sh": "shell", "python3": "python", "node": "script"}

# Foreign bytes (fuzz corpora) and the self-test's own samples of bad code are not ours to judge.
SKIPPED = re.compile(
    r"^tests/lint/|(^|/)(corpus|node_modules|[.]git|build(-\w+)?)/|^LICENSE$")

C_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')", re.S)


def blanked(text):
    """The same text with everything but line ends made blank, so that places stay as they are."""
    return re.sub(r"[^\n]", " ", text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Source:
    """One text file. `kind` is its language: c, python, shell, script, hash, sql, css, other."""

    def __init__(self, root, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.suffix = os.path.splitext(path)[1]
        self.executable = os.access(os.path.join(root, path), os.X_OK)
        shebang = SHEBANG.match(self.lines[0])
        self.shebang = self.lines[0].startswith("#!")
        self.kind = CODE_NAMES.get(os.path.basename(path)) or CODE_SUFFIXES.get(self.suffix)
        if self.kind is None:
            self.kind = SHEBANG_KINDS[shebang[1]] if shebang else "other"
        self.comments = []   # (line, text), C only
        self.directives = text  # C without its comments
        self.code = text     # C without its comments, strings and characters
        if self.kind == "c":
            self.split_c()

    def split_c(self):
        for match in C_TOKEN.finditer(self.text):
            if match["comment"]:
                self.comments.append((line_of(self.text, match.start()), match["comment"]))
        self.directives = C_TOKEN.sub(
            lambda match: blanked(match[0]) if match["comment"] else match[0], self.text)
        self.code = C_TOKEN.sub(lambda match: blanked(match[0]), self.text)

    def in_folder(self, *folders):
        return self.path.startswith(tuple(folder + "/" for folder in folders))


class Tree:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.sources = {}
        for path in sorted(self.paths()):
            if SKIPPED.search(path):
                continue
            text = self.read(path)
            if text is not None:
                self.sources[path] = Source(root, path, text)

    def paths(self):
        """What git has or would add; without git (an unpacked release) everything. CI may have
        checked out as another user, which git would refuse to read without safe.directory."""
        if os.path.exists(os.path.join(self.root, ".git")) and shutil.which("git"):
            listed = subprocess.run(
                ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"], cwd=self.root, stdout=subprocess.PIPE, check=True).stdout
            return {path for path in listed.decode().split("\0") if path}
        found = set()
        for folder, _, names in os.walk(self.root):
            found.update(os.path.relpath(os.path.join(folder, name), self.root) for name in names)
        return found

    def read(self, path):
        """None for what is no text: binary files, dangling links, deleted files git still lists."""
        full = os.path.join(self.root, path)
        if not os.path.isfile(full):
            return None
        with open(full, "rb") as file:
            raw = file.read()
        if b"\0" in raw:
            return None
        return raw.decode("utf-8", errors="replace")

    def of_kind(self, *kinds):
        return [source for source in self.sources.values() if source.kind in kinds]

    def report(self, path, line, rule, message, level="error"):
        self.findings.append((path, line, rule, message, level))
