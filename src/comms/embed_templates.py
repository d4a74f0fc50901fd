#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the texts of templates/ as a C table: embed_templates.py OUTPUT AUDIENCE/FILE.txt…"""
import os
import sys


def main() -> None:
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write('#include "comms/template_impl.h"\n')
        rows = []
        for number, path in enumerate(sys.argv[2:]):
            with open(path, "rb") as source:
                data = source.read()
            audience = os.path.basename(os.path.dirname(path))
            situation, language, _ = os.path.basename(path).split(".")
            rows.append(f'    {{"{audience}", "{situation}", "{language}", text_{number}}},\n')
            out.write(f"static const char text_{number}[] = {{\n")
            for at in range(0, len(data), 16):
                signed = [str(byte if byte < 128 else byte - 256) for byte in data[at:at + 16]]
                out.write("    " + ", ".join(signed) + ",\n")
            out.write("    0,\n};\n")
        out.write("const struct template_source template_sources[] = {\n" + "".join(rows) + "};\n")
        out.write("const int template_source_count = "
                  "sizeof template_sources / sizeof template_sources[0];\n")


main()
