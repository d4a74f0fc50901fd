#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 80-metering: what recording an outcome costs: nanoseconds for an event, by one task and by two at
# once, on 9,700 slices as traffic is (mixed), on all alike (uniform, the worst there is), and on
# one (same); allocations on the way; memory of them all.
# usage: 80-metering.sh (by script/bench); BENCH_METERING_EVENTS [3000000] a task
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

machine
echo "-- bench_metering 2 ${BENCH_METERING_EVENTS:-3000000}"
"$HOLDFAST_BUILD/bench/bench_metering" 2 "${BENCH_METERING_EVENTS:-3000000}" | tee /dev/stderr |
    awk '
        $3 == "ns" && $4 > 300 {
            print "over the bar: an event takes " $4 " ns; at most 300"
            bad = 1
        }
        $1 == "allocations" && $2 > 0 {
            print "over the bar: " $2 " allocations; none"
            bad = 1
        }
        $1 == "slices" && $4 * 10000 / $2 > 64 * 1024 * 1024 {
            print "over the bar: " $4 " bytes; at most 64 MiB for 10,000"
            bad = 1
        }
        END { exit bad }'
