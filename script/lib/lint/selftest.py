# SPDX-License-Identifier: Apache-2.0
"""selftest.py: proves that the linter bites.

tests/lint/good-tree.txt is a small tree without a finding. Each other tests/lint/*.txt lays files
over it and says exactly which findings must come, no more and no fewer. A sample reads:

    Free text: why this is bad.
    expect src/store/up.c:3: floor
    expect-warning src/store/long.c:900: file-length
    mode 0644 script/sleepy
    delete src/base/README.md
    --- src/store/up.c
    the file's lines, up to the next `--- `

{slash}, {dot}, {tab} and {blank} stand for what must not stand in a file of this project; a line
`{repeat 120}x` stands for 120 lines `x`, and `{end}` for a file that stops without a line end.
"""
import os
import re
import tempfile

from . import text_rules

ESCAPES = {"{slash}": "/", "{dot}": ".", "{tab}": "\t", "{blank}": " "}


class Sample:
    def __init__(self, path):
        self.name = os.path.basename(path)[:-len(".txt")]
        self.expected, self.files, self.modes, self.deleted = set(), {}, {}, set()
        with open(path, encoding="utf-8") as file:
            head, *parts = re.split(r"^--- (\S+)\n", file.read(), flags=re.M)
        for line in head.splitlines():
            self.read_head_line(line)
        for name, body in zip(parts[::2], parts[1::2]):
            self.files[name] = unescaped(body)

    def read_head_line(self, line):
        word, _, rest = line.partition(" ")
        if word in ("expect", "expect-warning"):
            path, number, rule = re.fullmatch(r"(\S+):(\d+): ([\w-]+)", rest).groups()
            level = "warning" if word == "expect-warning" else "error"
            self.expected.add((path, int(number), rule, level))
        elif word == "mode":
            mode, path = rest.split(" ")
            self.modes[path] = int(mode, 8)
        elif word == "delete":
            self.deleted.add(rest)


def unescaped(body):
    body = re.sub(r"^\{repeat (\d+)\}(.*\n)", lambda match: match[2] * int(match[1]), body,
                  flags=re.M)
    for name, text in ESCAPES.items():
        body = body.replace(name, text)
    return body.replace("{end}\n", "")


def write_tree(folder, files, modes):
    for name, body in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(body)
        os.chmod(path, modes.get(name, 0o755 if body.startswith("#!") else 0o644))


def problems_of(lint, good, sample):
    files = {name: body for name, body in {**good.files, **sample.files}.items()
             if name not in sample.deleted}
    with tempfile.TemporaryDirectory() as folder:
        write_tree(folder, files, sample.modes)
        findings, _ = lint(folder)
    found = {(path, line, rule, level) for path, line, rule, _, level in findings}
    return ([f"missed    {row}" for row in sorted(sample.expected - found)]
            + [f"unfounded {row}" for row in sorted(found - sample.expected)])


def run(lint, checks, folder):
    """Prints `ok - name` or `not ok - name` for each sample and rule; returns the exit status."""
    samples = [Sample(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
               if name.endswith(".txt")]
    good = next(sample for sample in samples if sample.name == "good-tree")
    failed = 0
    for sample in samples:
        skipped = ""
        problems = []
        if any(rule == "shellcheck" for _, _, rule, _ in sample.expected) \
                and not text_rules.shellcheck_is_here():
            skipped = " # SKIP shellcheck is not installed"
        else:
            problems = problems_of(lint, good, sample)
        failed += bool(problems)
        verdict = "not ok" if problems else "ok"
        print(f"{verdict} - lint catches exactly what is bad in {sample.name}{skipped}")
        for problem in problems:
            print(f"    {problem}")
    caught = {rule for sample in samples for _, _, rule, _ in sample.expected}
    for rule in sorted(checks):
        failed += rule not in caught
        print(f"{'ok' if rule in caught else 'not ok'} - the rule {rule} has a bad sample")
    return 1 if failed else 0
