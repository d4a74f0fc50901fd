# SPDX-License-Identifier: Apache-2.0
"""page.py: docs/runbook.md as a list of lines to be run.

What stands in the page, unseen by its reader, after a command's fence:
  <!-- sees: REGEX -->          must be found in what the command prints
  <!-- ends: 1 -->              its exit status, 0 if it is not said; several: any of them
  <!-- then: COMMAND | REGEX -->  another command, afterwards, that shows what has changed
  <!-- rehearsed: FILE -->      it is run there, not here
and after a `Was:` line of something that Holdfast does not do yet:
  <!-- not yet -->
"""
import re

WAS = re.compile(r"^Was: `(.+)`$")
NOTE = re.compile(r"^<!-- (sees|ends|then|rehearsed|not yet):? ?(.*?) ?-->$")
ELSEWHERE = ("kubectl ", "aws ")


class Line:
    """A command of ours and what is expected of it."""

    def __init__(self, text, number):
        self.text, self.number = text, number
        self.sees, self.ends, self.then, self.rehearsed = [], [0], [], None

    def is_elsewhere(self):
        return self.text.startswith(ELSEWHERE)


class Was:
    """A command of the old runbook, and ours beside it."""

    def __init__(self, text):
        self.text, self.lines, self.not_yet = text, [], False


def note_to(line, kind, value):
    if kind == "sees":
        line.sees.append(value)
    elif kind == "ends":
        line.ends = [int(word) for word in value.split()]
    elif kind == "then":
        command, _, pattern = value.rpartition(" | ")
        line.then.append((command, pattern))
    elif kind == "rehearsed":
        line.rehearsed = value


def read(path):
    """(the old commands in order, all of our lines in order)"""
    old, ours, fence = [], [], None
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        was, note = WAS.match(text), NOTE.match(text)
        if text == "```sh":
            fence = []
        elif text == "```":
            ours.append(Line("\n".join(fence), number - len(fence)))
            if old:
                old[-1].lines.append(ours[-1])
            fence = None
        elif fence is not None:
            fence.append(text)
        elif was:
            old.append(Was(was[1]))
        elif note and note[1] == "not yet":
            old[-1].not_yet = True
        elif note:
            note_to(ours[-1], note[1], note[2])
        elif text.startswith("<!--"):
            raise ValueError(f"{path.name}:{number}: what is this: {text}")
    return old, ours
