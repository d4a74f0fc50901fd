#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""detection.py RATE BAR: what bench_detection printed, as a table; whether the bars are met.
Ends 1 when one is not. BAR: seconds for the p95 of a total outage, or -."""
import sys

ALARMS_A_DAY = 0.05


def read(lines):
    rows, other = [], {}
    for line in lines:
        pairs = dict(pair.split("=", 1) for pair in line.split())
        if "kind" in pairs:
            rows.append(pairs)
        else:
            other.update(pairs)
    return rows, other


def delay(row):
    if "p50_s" not in row:
        return "never"
    missed = f", {row['missed']} missed" if row["missed"] != "0" else ""
    return f"{float(row['p50_s']):,.1f} / {float(row['p95_s']):,.1f} s{missed}"


def main():
    rate, bar = sys.argv[1], sys.argv[2]
    rows, other = read(sys.stdin)
    names = list(dict.fromkeys(row["by"] for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    at = {(row["kind"], row["by"]): row for row in rows}
    print(f"{'at ' + rate + ' a minute':<18}" + "".join(f"{name:>36}" for name in names))
    for kind in kinds:
        cells = []
        for name in names:
            row = at[kind, name]
            cells.append(f"{float(row['per_day']):.3f} alarms a day" if kind == "quiet"
                         else delay(row))
        ours = at[kind, names[0]]
        scope = f"   scope right {ours['scope_right']}/{ours['outages']}" if kind != "quiet" else ""
        print(f"{kind:<18}" + "".join(f"{cell:>36}" for cell in cells) + scope)
    met = []
    if "quiet" in kinds:
        alarms = float(at["quiet", names[0]]["per_day"])
        met.append((f"false alarms {alarms:.3f} a day, bar {ALARMS_A_DAY}", alarms <= ALARMS_A_DAY))
    if bar != "-" and "total" in kinds:
        row = at["total", names[0]]
        late = float(row.get("p95_s", "inf"))
        met.append((f"total outage p95 {late:.1f} s, bar {bar} s",
                    late <= float(bar) and row["missed"] == "0"))
    for text, well in met:
        print(f"  {text}: {'met' if well else 'NOT met'}")
    print(f"  ({int(other.get('events', 0)):,} payments, {other.get('slices', '?')} slices)")
    sys.exit(0 if rows and all(well for _, well in met) else 1)


main()
