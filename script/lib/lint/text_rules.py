# SPDX-License-Identifier: Apache-2.0
"""text_rules.py: the rules for every text file, for scripts and for Markdown."""
import json
import os
import posixpath
import re
import shutil
import subprocess

from .tree import line_of

LINE_COLUMNS_MAX = 100
FILE_LINES_WARN, FILE_LINES_MAX = 800, 1000
README_LINES_MAX = 60

SPDX = "SPDX-License-Identifier: Apache-2.0"
COMMENT_START = {
    "c": ("/* ",), "css": ("/* ",), "script": ("/* ", "// "), "sql": ("-- ",), "hash": ("# ",),
    "python": ("# ",), "shell": ("# ",),
}

# Test data may need any blanks and any length of line.
DATA = re.compile(r"^tests/(vectors|raw|cases|sdk/fixtures)/|package-lock\.json$")

MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:work|home|root|farm)/|/tmp/(?:bash[_]jobs|build-)")
REGISTRY_HOST = re.compile(
    r"\b(?:(?:deb|security|snapshot)\.debian\.org|registry\.(?:npmjs\.org|yarnpkg\.com)|pypi\.org"
    r"|files\.pythonhosted\.org|proxy\.golang\.org|crates\.io)\b")
# The third word is a currency code too, so it counts only where a remark begins.
UNFINISHED = re.compile(r"\b(?:TODO|FIXME)\b|\bXXX:|(?<=[/#*] )XXX\b")
HASH_COMMENT = re.compile(r"(?:^|\s)#.*")

FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.M | re.S)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)"
                  r"|^\[[^\]\n]+\]:\s+<?(\S+?)>?\s*$", re.M)


def check_spdx(tree):
    for source in tree.sources.values():
        starts = COMMENT_START.get(source.kind)
        if starts is None:
            continue
        line = 2 if source.shebang else 1
        first = source.lines[line - 1] if len(source.lines) >= line else ""
        if not first.startswith(tuple(start + SPDX for start in starts)):
            tree.report(source.path, line, "spdx", f"the first line must be `{starts[0]}{SPDX}`")


def check_lines(tree):
    for source in tree.sources.values():
        if DATA.search(source.path):
            continue
        code = source.kind != "other"
        for number, line in enumerate(source.lines, 1):
            if line != line.rstrip():
                tree.report(source.path, number, "blanks", "blanks at the end of the line")
            if not code:
                continue
            if "\t" in line:
                tree.report(source.path, number, "tab", "a tab; indent with spaces")
            if len(line) > LINE_COLUMNS_MAX and source.suffix != ".def":
                tree.report(source.path, number, "columns",
                            f"{len(line)} columns; at most {LINE_COLUMNS_MAX}")
        if source.text and not source.text.endswith("\n"):
            tree.report(source.path, len(source.lines), "blanks", "no line end at the file's end")


def check_file_length(tree):
    for source in tree.of_kind("c", "python", "shell", "script"):
        count = len(source.lines) - 1
        if count > FILE_LINES_MAX:
            tree.report(source.path, count, "file-length",
                        f"{count} lines; at most {FILE_LINES_MAX}, better {FILE_LINES_WARN}")
        elif count > FILE_LINES_WARN:
            tree.report(source.path, count, "file-length",
                        f"{count} lines; better {FILE_LINES_WARN}", level="warning")


def check_machine(tree):
    for source in tree.sources.values():
        for match in MACHINE_PATH.finditer(source.text):
            tree.report(source.path, line_of(source.text, match.start()), "machine-path",
                        f"`{match[0]}` is a path of one machine")
        for match in REGISTRY_HOST.finditer(source.text):
            tree.report(source.path, line_of(source.text, match.start()), "registry",
                        f"`{match[0]}`: where packages come from is each machine's own setting")
        if os.path.basename(source.path) == "package-lock.json":
            for number, line in enumerate(source.lines, 1):
                if '"resolved":' in line:
                    tree.report(source.path, number, "registry",
                                "`resolved` names a registry; see tests/sdk/.npmrc")


def check_unfinished(tree):
    for source in tree.sources.values():
        if source.kind == "c":
            comments = source.comments
        elif source.kind in ("python", "shell", "hash"):
            comments = [(number, match[0]) for number, line in enumerate(source.lines, 1)
                        if (match := HASH_COMMENT.search(line))]
        elif source.kind in ("script", "css", "sql") or source.suffix == ".md":
            comments = [(1, source.text)]
        else:
            continue
        for line, text in comments:
            for match in UNFINISHED.finditer(text):
                tree.report(source.path, line + text.count("\n", 0, match.start()), "unfinished",
                            f"`{match[0]}`: finish it or write an issue")


def check_readmes(tree):
    folders = {posixpath.dirname(source.path) for source in tree.of_kind("c")
               if source.in_folder("src")}
    for folder in sorted(folders - {"src"}):
        readme = tree.sources.get(folder + "/README.md")
        if readme is None:
            tree.report(folder, 1, "readme", "this folder has no README.md")
        elif len(readme.lines) - 1 > README_LINES_MAX:
            tree.report(readme.path, README_LINES_MAX + 1, "readme",
                        f"{len(readme.lines) - 1} lines; at most {README_LINES_MAX}")


def heading_anchors(text):
    """The names that Markdown viewers give to headings: small letters, blanks as hyphens."""
    anchors = set()
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*\s*$", FENCE.sub("", text), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        copy = 1
        name = anchor
        while name in anchors:
            name = f"{anchor}-{copy}"
            copy += 1
        anchors.add(name)
    return anchors | set(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", text))


def link_problem(tree, source, target):
    """Says what is wrong with a link, or None."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
        return None
    path, _, anchor = target.partition("#")
    goal = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), path))
    if not path:
        goal = source.path
    if not os.path.exists(os.path.join(tree.root, goal)):
        return f"there is no {goal}"
    if anchor and goal.endswith(".md"):
        text = tree.sources[goal].text if goal in tree.sources else ""
        if anchor not in heading_anchors(text):
            return f"{goal} has no heading #{anchor}"
    return None


def check_links(tree):
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    for source in tree.sources.values():
        if source.suffix != ".md":
            continue
        text = INLINE_CODE.sub(blank, FENCE.sub(blank, source.text))
        for match in LINK.finditer(text):
            problem = link_problem(tree, source, match[1] or match[2])
            if problem:
                tree.report(source.path, line_of(text, match.start()), "link", problem)


def check_scripts(tree):
    for source in tree.of_kind("shell"):
        if source.shebang and not re.search(r"^set -eu(o pipefail)?$", source.text, re.M):
            tree.report(source.path, 1, "strict", "no line `set -euo pipefail`")
    for source in tree.sources.values():
        if source.shebang and not source.executable:
            tree.report(source.path, 1, "executable", "has a #! line but may not be executed")
    for source in tree.of_kind("python"):
        try:
            compile(source.text, source.path, "exec")
        except SyntaxError as error:
            tree.report(source.path, error.lineno or 1, "python", error.msg)
    for source in tree.sources.values():
        if source.suffix == ".json":
            try:
                json.loads(source.text)
            except ValueError as error:
                tree.report(source.path, getattr(error, "lineno", 1), "json", str(error))


def shellcheck_is_here():
    return shutil.which("shellcheck") is not None


def check_shellcheck(tree):
    paths = [source.path for source in tree.of_kind("shell")]
    if not paths or not shellcheck_is_here():
        return
    output = subprocess.run(
        ["shellcheck", "--external-sources", "--format=gcc", "--severity=info", *paths],
        cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    for line in output.stdout.splitlines():
        match = re.match(r"(.*?):(\d+):\d+: \w+: (.*)", line)
        if match:
            tree.report(match[1], int(match[2]), "shellcheck", match[3])


CHECKS = {
    "spdx": check_spdx, "blanks": check_lines, "tab": check_lines, "columns": check_lines,
    "file-length": check_file_length, "machine-path": check_machine, "registry": check_machine,
    "unfinished": check_unfinished, "readme": check_readmes, "link": check_links,
    "strict": check_scripts, "executable": check_scripts, "python": check_scripts,
    "json": check_scripts, "shellcheck": check_shellcheck,
}
