#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 60-recon: two files against each other, one in another order than the other, one row of a hundred
# different in six ways: `holdfast reconcile`, all of it from reading to the report.
#   peer, in the same run: DuckDB's strongest form (bench/duckdb/join.js), which reads the same
#   columns with explicit types, joins, keeps only what differs and writes it. Its start-up and its
#   instance are not counted; ours is. Before each run of either both files are read once, so that
#   both find them in the page cache.
#   What both write is compared after each run, break by break: class, key, amounts, currencies and
#   times of each must be the same.
# And once, on fewer rows and not timed, with charges that are there twice, the second time of
# another amount: our classes, their counts and sums are those of the SQL
# form (src/match/sql/match.sql) on PostgreSQL by currency, and its breaks one by one ours and
# DuckDB's.
# usage: 60-recon.sh (by script/bench); BENCH_RECON_ROWS ["2000000 10000000"]; with 50000000 in it
#   that size runs without the peer, which would need more memory than the bar allows us.
#   BENCH_RECON_SQL_ROWS [200000]: of the comparison of all three; 0: without.
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

SIZES=${BENCH_RECON_ROWS:-2000000 10000000}
SQL_ROWS=${BENCH_RECON_SQL_ROWS:-200000}
PEER_ROWS_MAX=20000000
MEMORY_KB=$((512 * 1024))
classes="amount_over amount_under paid_there_open_here currency missing_there missing_here"

machine
# `npm install`: it takes what the lock file says, too. From version 11 on `npm ci` wants the
# packages of all other machines in there as well.
[ -d "$here/duckdb/node_modules" ] ||
    (cd "$here/duckdb" && npm install --no-audit --no-fund >/dev/null 2>&1) || {
    echo "bench: DuckDB cannot be installed (npm install in bench/duckdb)" >&2
    exit 1
}

cat >"$root_folder/map.yaml" <<'END'
columns: {gateway_id: id, kind: kind, amount: amount, currency: currency, status: status,
          time: time}
END

# ours_once: wall_us, cpu_us and peak_kb of one run, as a line of figures.
ours_once() {
    rm -rf "$stage/out"
    python3 - "$HOLDFAST_BIN" reconcile --ours "$stage/ours.csv" --theirs "$stage/theirs.csv" \
        --map "$root_folder/map.yaml" --report "$stage/out" --csv-only <<'END'
import os, resource, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
wall = time.monotonic() - began
if os.waitstatus_to_exitcode(status) != 1:
    sys.exit("bench: reconcile ended with another status than 1")
print(f"wall_us={wall * 1e6:.0f} cpu_us={(used.ru_utime + used.ru_stime) * 1e6:.0f} "
      f"peak_kb={used.ru_maxrss}")
END
}

# warm: both files into the page cache, as far as it holds them.
warm() {
    cat "$stage/ours.csv" "$stage/theirs.csv" >/dev/null
}

# What was planted must be found, class by class; and with a peer, the very same breaks.
check_breaks() {
    local class have
    for class in $classes; do
        have=$(cut -d, -f1 "$stage/out/breaks.csv" | grep -cx "$class" || true)
        [ "$have" = "$(field "$class" "$planted")" ] || {
            echo "bench: we found $have of $class; planted: $planted" >&2
            return 1
        }
    done
    [ -z "$1" ] || python3 "$here/same_breaks.py" "$stage/out/breaks.csv" "$stage/peer.csv"
}

# three_way: what the three make of the same two files.
three_way() {
    local peer
    new_stage
    planted=$("$HOLDFAST_BUILD/bench/bench_recon_make" "$SQL_ROWS" "$stage/ours.csv" \
        "$stage/theirs.csv" twice)
    ours_once >/dev/null
    peer=$(node "$here/duckdb/join.js" "$stage/ours.csv" "$stage/theirs.csv" "$stage/peer.csv" \
        twice)
    classes="$classes duplicate_there" check_breaks "$peer"
    new_store postgres
    psql -qX -v ON_ERROR_STOP=1 "$store" -f "$here/../src/match/sql/match.sql" -f - \
        >"$stage/sums.json" <<END
SET client_min_messages = warning;
CREATE TABLE file (id text, "order" text, kind text, amount numeric, currency text, status text,
    time timestamptz);
\\copy file FROM '$stage/ours.csv' CSV HEADER
INSERT INTO recon_match.canonical (gateway_id, kind, status, currency, gross, time)
    SELECT id, kind, status, currency, amount * 100, time FROM file;
CALL recon_match.load('ours');
TRUNCATE file;
\\copy file FROM '$stage/theirs.csv' CSV HEADER
INSERT INTO recon_match.canonical (gateway_id, kind, status, currency, gross, time)
    SELECT id, kind, status, currency, amount * 100, time FROM file;
CALL recon_match.load('theirs');
ANALYZE;
CALL recon_match.usual_rules();
CALL recon_match.run(0, -1);
\\pset tuples_only
\\pset format unaligned
SELECT json_agg(s) FROM recon_match.sums s;
CREATE VIEW told AS SELECT class, max(gateway_id) AS key,
    round(max(amount_minor) FILTER (WHERE side = 1) / 100.0, 2) AS our_amount,
    round(max(amount_minor) FILTER (WHERE side = 2) / 100.0, 2) AS their_amount,
    max(currency) FILTER (WHERE side = 1) AS our_currency,
    max(currency) FILTER (WHERE side = 2) AS their_currency,
    to_timestamp(max(at_us) FILTER (WHERE side = 1) / 1e6) AT TIME ZONE 'UTC' AS our_time,
    to_timestamp(max(at_us) FILTER (WHERE side = 2) / 1e6) AT TIME ZONE 'UTC' AS their_time
    FROM recon_match.breaks GROUP BY class, group_side, group_number;
\\copy (SELECT * FROM told) TO '$stage/sql.csv' CSV HEADER
END
    python3 "$here/same_breaks.py" "$stage/out/breaks.csv" "$stage/sql.csv" \
        "$here/../src/match/match_classes.def" >/dev/null
    python3 - "$stage" "$here/../src/match/match_classes.def" "$peer" <<'END'
import json, re, sys
stage, classes, peer = sys.argv[1:]
names = {int(number): name for number, name in
         re.findall(r'^X\(\w+, (\d+), "(\w+)"', open(classes).read(), re.M)}
ours = {(each["currency"], each["class"]): each
        for each in json.load(open(stage + "/out/summary.json"))["sums"]}
sql = {(each["currency"], names[each["class"]]): each
       for each in json.load(open(stage + "/sums.json"))}
keys = ["our_rows", "our_amount_minor", "their_rows", "their_amount_minor"]
if {name: [ours[name][key] for key in keys] for name in ours} != \
        {name: [sql[name][key] for key in keys] for name in sql}:
    sys.exit(f"bench: SQL found other sums than we did: {sql} instead of {ours}")
figures = dict(each.split("=") for each in peer.split())
breaks = [name[len("ours_"):] for name in figures if name.startswith("ours_")]
for name in breaks:
    for key, side in (("our_amount_minor", "ours_"), ("their_amount_minor", "theirs_")):
        have = sum(each[key] for each in ours.values() if each["class"] == name)
        if have != int(figures[side + name].replace(".", "")):
            sys.exit(f"bench: DuckDB has {figures[side + name]} of {name}, {key}, we {have}")
rows = [sum(each[key] for each in ours.values()) for key in ("our_rows", "their_rows")]
print(f"the matcher, its SQL on PostgreSQL and DuckDB agree on {rows[0]} and {rows[1]} rows: "
      f"{len(ours)} sums by currency and class, {len(breaks)} classes of breaks")
END
}

if [ "$SQL_ROWS" -gt 0 ]; then
    three_way
fi

for rows in $SIZES; do
    new_stage
    planted=$("$HOLDFAST_BUILD/bench/bench_recon_make" "$rows" "$stage/ours.csv" \
        "$stage/theirs.csv")
    bytes=$(($(stat -c %s "$stage/ours.csv") + $(stat -c %s "$stage/theirs.csv")))
    walls=() cpus=() peaks=() peer_walls=() peer_cpus=() peer_peaks=()
    echo "command: holdfast reconcile --ours ours.csv --theirs theirs.csv --map map.yaml" \
        "--report out --csv-only ($rows rows a side, $bytes bytes)"
    for ((run = 0; run < RUNS; run++)); do
        peer=
        warm
        if [ "$rows" -le "$PEER_ROWS_MAX" ]; then
            peer=$(node "$here/duckdb/join.js" "$stage/ours.csv" "$stage/theirs.csv" \
                "$stage/peer.csv")
            peer_walls+=("$(field wall_us "$peer")")
            peer_cpus+=("$(field cpu_us "$peer")")
            peer_peaks+=("$(field peak_kb "$peer")")
            warm
        fi
        line=$(ours_once)
        walls+=("$(field wall_us "$line")")
        cpus+=("$(field cpu_us "$line")")
        peaks+=("$(field peak_kb "$line")")
        check_breaks "$peer"
    done
    wall=$(median "${walls[@]}") peak=$(median "${peaks[@]}")
    printf 'holdfast: %s us wall, %s us CPU, %s KiB peak; %s MB a second\n' \
        "$(spread "${walls[@]}")" "$(spread "${cpus[@]}")" "$(spread "${peaks[@]}")" \
        "$(ratio "$bytes" "$wall")"
    if [ ${#peer_walls[@]} -gt 0 ]; then
        printf 'DuckDB:   %s us wall, %s us CPU, %s KiB peak; %s MB a second\n' \
            "$(spread "${peer_walls[@]}")" "$(spread "${peer_cpus[@]}")" \
            "$(spread "${peer_peaks[@]}")" "$(ratio "$bytes" "$(median "${peer_walls[@]}")")"
        peer_cpu=$(median "${peer_cpus[@]}")
        echo "CPU of DuckDB to ours: $(ratio "$peer_cpu" "$(median "${cpus[@]}")")"
        bar "$rows rows: times as fast as DuckDB" \
            "$(ratio "$(median "${peer_walls[@]}")" "$wall")" at-least 3
        bar "$rows rows: part of DuckDB's peak memory" \
            "$(ratio "$peak" "$(median "${peer_peaks[@]}")")" at-most 0.5
    fi
    bar "$rows rows: peak memory, KiB" "$peak" at-most "$MEMORY_KB"
    parsed=$("$HOLDFAST_BUILD/bench/bench_recon_parse" "$stage/ours.csv" 3)
    bar "the parser alone, MB a second and core" \
        "$(ratio "$(field bytes "$parsed")" "$(field cpu_us "$parsed")")" at-least 1000
done
