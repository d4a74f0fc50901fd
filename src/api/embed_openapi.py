#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a text file as the C array of a header: embed_openapi.py INPUT OUTPUT [NAME [FOLDER]].

NAME ("openapi" when it is not given) is that of the header FOLDER/NAME.h (in "api" when it is not
given), which declares NAME_text and NAME_bytes.
"""
import sys


def main() -> None:
    name = sys.argv[3] if len(sys.argv) > 3 else "openapi"
    folder = sys.argv[4] if len(sys.argv) > 4 else "api"
    with open(sys.argv[1], "rb") as source:
        data = source.read()
    rows = [data[i:i + 16] for i in range(0, len(data), 16)]
    with open(sys.argv[2], "w", encoding="ascii") as out:
        out.write(f'#include "{folder}/{name}.h"\n')
        out.write(f"const char {name}_text[] = {{\n")
        for row in rows:
            signed = [str(byte if byte < 128 else byte - 256) for byte in row]
            out.write("    " + ", ".join(signed) + ",\n")
        out.write("    0,\n};\n")
        out.write(f"const size_t {name}_bytes = {len(data)};\n")


main()
