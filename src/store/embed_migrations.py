#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table `migrations` (store/migrate.h) from the files of a folder.

usage: embed_migrations.py FOLDER OUTPUT.c DEPFILE

A file is named NNNN_title.sql; numbers begin at 1 and have no gap, so that a file that was
forgotten is noticed here and not on somebody's database. The folder itself is among the
dependencies: adding or
removing a file changes its time stamp, and the next build runs this again.
"""
import hashlib
import pathlib
import re
import sys

NAME = re.compile(r"([0-9]{4})_([a-z0-9_]{1,63})\.sql")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\r": "\\r", "\n": "\\n"}


def c_string(text):
    """The text as adjacent C string literals, one for each line."""
    lines = []
    for line in text.splitlines(keepends=True):
        quoted = "".join(ESCAPES.get(c, c) for c in line)
        quoted = quoted.replace("??", '?""?')  # no trigraphs
        lines.append('        "%s"' % quoted)
    return "\n".join(lines) or '        ""'


def read(path, number_wanted):
    match = NAME.fullmatch(path.name)
    if match is None:
        sys.exit("%s: a migration is named NNNN_title.sql" % path)
    if int(match.group(1)) != number_wanted:
        sys.exit("%s: the next number is %04d" % (path, number_wanted))
    data = path.read_bytes()
    if b"\0" in data:
        sys.exit("%s: has a NUL byte" % path)
    return match.group(2), data.decode("utf-8"), hashlib.sha256(data).hexdigest()


def main():
    folder, output, depfile = (pathlib.Path(arg) for arg in sys.argv[1:4])
    paths = sorted(folder.glob("*.sql"))
    rows = []
    for number, path in enumerate(paths, start=1):
        title, text, digest = read(path, number)
        rows.append('    {\n        %d, "%s",\n%s,\n        "%s",\n    },\n'
                    % (number, title, c_string(text), digest))
    output.write_text(
        "/* Made by embed_migrations.py. */\n"
        '#include "store/migrate.h"\n\n'
        "const struct migration migrations[] = {\n%s    {0},\n};\n"
        "const int migrations_count = %d;\n" % ("".join(rows), len(rows)),
        encoding="utf-8")
    depends = [str(folder)] + [str(path) for path in paths]
    depfile.write_text("%s: %s\n" % (output, " ".join(d.replace(" ", "\\ ") for d in depends)))


main()
