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
known=$(awk -F'|' '/^[|] fault [|]/ { on = 1 } /^$/ { on = 0 }
    on && $2 ~ /`/ { gsub(/[ `]/, "", $2); gsub(/ /, "", $5); print $2 "=" $5 }' "$page" |
    paste -sd,)
# | `fault` | rule | check | seeds | s |
table=$("$sim" --table --jobs "$(nproc)" --count "$seeds" --tries "$known") || true
while IFS='|' read -r _ fault _ check seed _; do
    name=$(echo "$fault" | tr -d ' `')
    seed=${seed// /}
    if [[ $check == *'not caught'* ]]; then
        echo "not ok - $name is caught within $seeds seeds"
        status=1
    elif [[ ",$known," == *",$name=$seed,"* ]]; then
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
least=18
if [ "$caught" -lt "$least" ]; then
    echo "not ok - at least $least planted faults are caught"
    status=1
fi
exit "$status"
