#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of kb/ as a C table: embed_kb.py OUTPUT PAGE.md…

PAGE.md is the English page, PAGE.zh-CN.md the Chinese one.
"""
import os
import sys

CHINESE = ".zh-CN"


def main() -> None:
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write('#include "desk/kb_impl.h"\n')
        rows = []
        for number, path in enumerate(sys.argv[2:]):
            with open(path, "rb") as source:
                data = source.read()
            page = os.path.basename(path)[:-len(".md")]
            language = "zh" if page.endswith(CHINESE) else "en"
            page = page[:-len(CHINESE)] if language == "zh" else page
            rows.append(f'    {{"{page}", "{language}", page_{number}}},\n')
            out.write(f"static const char page_{number}[] = {{\n")
            for at in range(0, len(data), 16):
                signed = [str(byte if byte < 128 else byte - 256) for byte in data[at:at + 16]]
                out.write("    " + ", ".join(signed) + ",\n")
            out.write("    0,\n};\n")
        out.write("const struct kb_source kb_sources[] = {\n" + "".join(rows) + "};\n")
        out.write("const int kb_source_count = sizeof kb_sources / sizeof kb_sources[0];\n")


main()
