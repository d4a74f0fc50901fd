#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 40-idle: from the start of the process until /readyz answers, on a new database (with all its
# migrations) and on the same one again; and resident memory when it has been idle for two seconds.
# usage: 40-idle.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

STARTS=$((RUNS * 3))

machine

# Starts the service and waits for it by asking every millisecond; milliseconds to `took`.
start_timed() {
    python3 - "$HOLDFAST_BIN" "$stage" "$internal_port" <<'END' >"$stage/timed" &
import socket, subprocess, sys, time
program, stage, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
log = open(stage + "/service.log", "w")
begin = time.monotonic()
service = subprocess.Popen([program, "serve", "--config", stage + "/holdfast.yaml"],
                           stdout=log, stderr=log)
try:
    while time.monotonic() < begin + 20:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as asked:
                asked.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                              b"Connection: close\r\n\r\n")
                if asked.recv(64).startswith(b"HTTP/1.1 200"):
                    break
        except OSError:
            pass
        time.sleep(0.001)
    took = (time.monotonic() - begin) * 1000
    time.sleep(2)
    with open("/proc/%d/status" % service.pid, encoding="ascii") as status:
        resident = next(line.split()[1] for line in status if line.startswith("VmRSS"))
    print("ms=%.1f rss_kb=%s" % (took, resident))
finally:
    service.terminate()
    service.wait()
END
    pids+=($!)
    wait "$!"
    line=$(cat "$stage/timed")
}

for engine in sqlite postgres; do
    first=() again=() memory=()
    echo "command: holdfast serve --config FILE ($engine), GET /readyz every millisecond"
    for ((run = 0; run < STARTS; run++)); do
        if ((run % 3 == 0)); then
            new_stage
            new_store "$engine"
            read -r stripe_port paypal_port public_port internal_port < <(free_ports 4)
            cp "$here/../tests/vectors/paypal_ca.crt.pem" "$stage/paypal.ca"
            write_config
            start_timed
            first+=("$(field ms "$line")")
        fi
        start_timed
        again+=("$(field ms "$line")")
        memory+=("$(awk -v kb="$(field rss_kb "$line")" 'BEGIN { printf "%.1f", kb / 1024 }')")
    done
    printf 'start-up (%s): %s ms; on a new database %s ms\n' "$engine" "$(spread "${again[@]}")" \
        "$(spread "${first[@]}")"
    printf 'resident, idle (%s): %s MiB\n' "$engine" "$(spread "${memory[@]}")"
    bar "start-up in ms, $engine" "$(median "${again[@]}")" at-most 150
    bar "resident memory idle in MiB, $engine" "$(median "${memory[@]}")" at-most 40
done
