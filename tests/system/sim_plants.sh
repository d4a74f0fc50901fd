#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sim_plants: the simulator can fail: each fault of src/base/plants.def, planted alone, breaks a
# check within 2,000 seeds. docs/simulator.md has the table. The faults are in a build of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=2000
script/build plants holdfast-sim
sim=build-plants/holdfast-sim
page=docs/simulator.md
status=0
caught=0
# As long as no history has changed, the seed that the page names catches it; else all are tried.
# | `fault` | rule | check | seeds |
rows=$(awk -F'|' '/^[|] fault [|]/ { on = 1 } /^$/ { on = 0 }
    on && $2 ~ /`/ { gsub(/[ `]/, "", $2); gsub(/ /, "", $4); gsub(/ /, "", $5)
    print $2 "=" $5 " " $4 }' "$page")
known=$(cut -d' ' -f1 <<<"$rows" | paste -sd,)
# | `fault` | rule | check | seeds | s |
table=$("$sim" --table --jobs "$(nproc)" --count "$seeds" --tries "$known") || true
declare -A measured=()
while IFS='|' read -r _ fault _ check seed _; do
    name=$(echo "$fault" | tr -d ' `')
    seed=${seed// /}
    check=${check# }
    check=${check% }
    measured[$name]=$seed
    if [[ $check == *'not caught'* ]]; then
        echo "not ok - $name is caught within $seeds seeds"
        status=1
    elif grep -qxF "$name=$seed $check" <<<"$rows"; then
        echo "ok - $name is caught: seed $seed, as the page says"
        caught=$((caught + 1))
    else
        echo "ok - $name is caught within $seeds seeds: by $check, seed $seed"
        caught=$((caught + 1))
    fi
done < <(grep '^| `' <<<"$table")
name="each planted fault has its row in docs/simulator.md"
if diff <("$sim" --plants | awk '{print $1}') \
    <(sed -n 's/^| .\([a-z-]*\). .*| [0-9]* |$/\1/p' "$page"); then
    echo "ok - $name"
else
    echo "not ok - $name"
    status=1
fi
# What a failing seed prints: a line to replay it, which leads to the same failure and to its story;
# and a smaller run that fails the same check. One that an assertion ends has a story as well.
# failure NAME SEED [OPTION...]: the fault's row of this table, run again.
failure() {
    "$sim" --seed "$2" --plant "$1" "${@:3}" 2>/dev/null || true
}
fewer=
for name in resolver-gives-up refunds-pending-ignored; do
    seed=${measured[$name]:-0}
    said=$(failure "$name" "$seed")
    replay=$(sed -n 's/^  replay: //p' <<<"$said")
    # shellcheck disable=SC2086 # a line of words
    again=$($replay 2>/dev/null) || true
    if [ -n "$replay" ] && [ "$(grep ^FAILED <<<"$again")" = "$(grep ^FAILED <<<"$said")" ] &&
        [ "$(grep -c '^ *[0-9]*[.][0-9][0-9][0-9]  ' <<<"$again")" -ge 5 ]; then
        echo "ok - the replay of $name leads to the same failure, and tells its story"
    else
        echo "not ok - the replay of $name leads to the same failure, and tells its story: $replay"
        status=1
    fi
    check=$(sed -n 's/^FAILED seed [0-9]*: \([^:]*\):.*/\1/p' <<<"$said")
    smaller=$(failure "$name" "$seed" --shrink)
    if grep -q "^FAILED seed $seed: $check: " <<<"$smaller" &&
        grep -q '^  replay: .* --\(customers\|purchases\) [0-9]* .*--without ' <<<"$smaller"; then
        echo "ok - the seed of $name shrinks"
        fewer+=$(grep -o -- '--customers [0-9]*' <<<"$smaller" || true)
    else
        echo "not ok - the seed of $name shrinks: $smaller"
        status=1
    fi
done
# Some failures need all the customers of their run, and only fewer purchases; not each of them.
if [ -z "$fewer" ]; then
    echo "not ok - no seed shrinks to fewer customers"
    status=1
fi
least=18
if [ "$caught" -lt "$least" ]; then
    echo "not ok - at least $least planted faults are caught"
    status=1
fi
exit "$status"
