#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sim_plants: the simulator can fail: each fault of src/base/plants.def, planted alone, breaks a
# check within 2,000 seeds. docs/simulator.md has the table. The faults are in a build of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=2000
script/build plants holdfast-sim
sim=build-plants/holdfast-sim
table=$(mktemp)
trap 'rm -f "$table"' EXIT
status=0
"$sim" --table --count "$seeds" --jobs "$(nproc)" >"$table" || status=$?
cat "$table"
# | `fault` | rule | check | seeds | seconds |
caught=0
while IFS='|' read -r _ fault _ check after _; do
    name=$(echo "$fault" | tr -d ' `')
    check=$(echo "$check" | tr -d ' ')
    case "$check" in
    *notcaught*) echo "not ok - $name is caught within $seeds seeds" ;;
    *)
        echo "ok - $name is caught: $check, seed ${after// /}"
        caught=$((caught + 1))
        ;;
    esac
done < <(grep '^| `' "$table")
name="each planted fault has its row in docs/simulator.md"
if diff <("$sim" --plants | awk '{print $1}') \
    <(sed -n 's/^| .\([a-z-]*\). .*| [0-9]* |$/\1/p' docs/simulator.md); then
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
