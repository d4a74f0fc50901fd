# SPDX-License-Identifier: Apache-2.0
"""results.py: counts what test programs said, one test at a time; used by script/test.

    results.py meson RESULTS LABEL TESTLOG_JSON        what `meson test` logged
    results.py program RESULTS LABEL STATUS LOG        what one program printed, and its exit status
    results.py summary RESULTS                         names the failures, then N passed, N failed

Each of the first two appends `pass|fail|skip <tab> label: name` lines to RESULTS and prints the end
of the output of whatever failed, then one line of progress. `summary` ends 1 if anything failed,
and prints the last lines of that once more, for whoever sees only the end.

Three ways of speaking are understood: cmocka's standard output (`[ RUN      ] name` …), TAP and
anything like it (`ok - name`, `not ok 3 - name # SKIP why`), and a program's bare exit status.
"""
import json
import re
import sys

TAIL_LINES = 60
AGAIN_LINES = 16
TAIL_COLUMNS = 400

CMOCKA = re.compile(r"^\[ +(RUN|OK|SKIPPED) +\] (.+)$", re.M)
TAP = re.compile(r"^( *)(not )?ok\b(?: +\d+)?(?: +-)? *(.*)$")
TAP_SKIP = re.compile(r" # *(skip|todo)\b", re.I)


def cmocka_outcomes(text):
    """A test passed if it says OK; one that began and said neither OK nor SKIPPED did not."""
    begun, ended = [], {}
    for word, name in CMOCKA.findall(text):
        if word == "RUN":
            begun.append(name)
        else:
            ended.setdefault(name, []).append("pass" if word == "OK" else "skip")
    return [(ended[name].pop(0) if ended.get(name) else "fail", name) for name in begun]


def tap_outcomes(text):
    """Indented lines are subtests: their parent's own line counts only if it alone failed."""
    outcomes = []  # (depth, outcome, name)
    for line in text.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        depth, name = len(match[1]), match[3].strip() or "(no name)"
        outcome = "skip" if TAP_SKIP.search(name) else "fail" if match[2] else "pass"
        children = []
        index = len(outcomes)
        while index > 0 and outcomes[index - 1][0] > depth:
            index -= 1
            children.append(outcomes[index])
        for position in range(index, len(outcomes)):
            outcomes[position] = (depth, *outcomes[position][1:])
        if not children or (outcome == "fail" and all(child[1] != "fail" for child in children)):
            outcomes.append((depth, outcome, name))
    return [(outcome, name) for _, outcome, name in outcomes]


def outcomes_of(text, ended_well, how_it_ended):
    """A program that ended badly without naming a failed test counts as one failure itself."""
    outcomes = cmocka_outcomes(text) or tap_outcomes(text)
    if not ended_well and not any(outcome == "fail" for outcome, _ in outcomes):
        outcomes.append(("fail", f"the program itself ({how_it_ended})"))
    if not outcomes:
        outcomes.append(("pass", ""))
    return outcomes


def print_tail(results_path, title, text):
    lines = text.rstrip().splitlines()
    with open(results_path, "a", encoding="utf-8") as results:
        for line in [title, *("  | " + line for line in lines[-AGAIN_LINES:])]:
            results.write(f"why\t{line[:TAIL_COLUMNS]}\n")
    print(f"---- {title}" + (f" (last {TAIL_LINES} lines)" if len(lines) > TAIL_LINES else ""))
    for line in lines[-TAIL_LINES:]:
        print("  | " + line[:TAIL_COLUMNS])
    sys.stdout.flush()


def record(results_path, rows):
    """Appends the rows (outcome, name) and returns how many passed, failed and were skipped."""
    counts = {"pass": 0, "fail": 0, "skip": 0}
    with open(results_path, "a", encoding="utf-8") as results:
        for outcome, name in rows:
            counts[outcome] += 1
            results.write(f"{outcome}\t{name.replace(chr(9), ' ')}\n")
    return counts


def say_counts(label, counts, seconds=None):
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    took = f" ({seconds:.1f} s)" if seconds is not None else ""
    print(f"test: {label}: {counts['pass']} passed, {counts['fail']} failed{skipped}{took}",
          flush=True)


def meson_command(results_path, label, testlog_path):
    rows, tails, seconds = [], [], 0.0
    with open(testlog_path, encoding="utf-8", errors="replace") as testlog:
        for line in testlog:
            test = json.loads(line)
            name = test["name"].split(" / ")[-1]
            text = test.get("stdout") or ""
            how = f"{test['result'].lower()}, status {test['returncode']}"
            seconds += test.get("duration") or 0
            if test["result"] == "SKIP":
                found = [("skip", "")]
            else:
                found = outcomes_of(text, test["result"] in ("OK", "EXPECTEDFAIL"), how)
            rows += [(outcome, f"{label}: {name}: {case}".rstrip(": ")) for outcome, case in found]
            if any(outcome == "fail" for outcome, _ in found):
                failed = "; ".join(case or name for outcome, case in found if outcome == "fail")
                errors = test.get("stderr") or ""
                tails.append((f"{label}: {name}: {failed}", text + "\n" + errors))
    if not rows:
        rows.append(("fail", f"{label}: no test was run"))
    for title, text in tails:
        print_tail(results_path, title, text)
    say_counts(label, record(results_path, rows), seconds)


def program_command(results_path, label, status, log_path):
    with open(log_path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    how = "timed out" if status in ("124", "137") else f"status {status}"
    found = outcomes_of(text, status == "0", how)
    if any(outcome == "fail" for outcome, _ in found):
        print_tail(results_path, label, text)
    say_counts(label, record(results_path, [(o, f"{label}: {n}".rstrip(": ")) for o, n in found]))


def summary_command(results_path):
    with open(results_path, encoding="utf-8") as results:
        rows = [line.rstrip("\n").split("\t", 1) for line in results]
    print()
    for word, title in (("skip", "skipped: "), ("why", ""), ("fail", "FAILED: ")):
        for outcome, name in rows:
            if outcome == word:
                print(title + name)
    passed = sum(outcome == "pass" for outcome, _ in rows)
    failed = sum(outcome == "fail" for outcome, _ in rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(arguments):
    commands = {"meson": meson_command, "program": program_command, "summary": summary_command}
    if not arguments or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
