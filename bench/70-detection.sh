#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 70-detection: how soon outages are noticed, how many are missed, and how often nothing is taken
# for one: the detector of src/watch beside a fixed threshold and a z-score rule (bench/detection.c
# says what the traffic is and what the rules do). Time is virtual and chance comes from a seed, so
# the machine does not matter and the same command prints the same figures.
# usage: 70-detection.sh (by script/bench); BENCH_DETECTION_RATES ["1 10 60 600 6000"] payments a
#   minute; BENCH_DETECTION_DAYS [90] without trouble, after three weeks of history;
#   BENCH_DETECTION_OUTAGES [200] of each kind. 6,000 a minute take some ten minutes of a processor.
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

rates=${BENCH_DETECTION_RATES:-1 10 60 600 6000}
days=${BENCH_DETECTION_DAYS:-90}
outages=${BENCH_DETECTION_OUTAGES:-200}
status=0

# bar RATE: p95 of a total outage in seconds, where there is a bar.
bar() {
    case $1 in
    10) echo 76 ;;
    60) echo 14 ;;
    600) echo 2 ;;
    *) echo - ;;
    esac
}

machine
for rate in $rates; do
    echo "-- bench_detection $rate $days $outages"
    "$HOLDFAST_BUILD/bench/bench_detection" "$rate" "$days" "$outages" |
        python3 "$here/detection.py" "$rate" "$(bar "$rate")" || status=1
done
exit "$status"
