# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2120
# stage.sh: what the benchmarks share; sourced, never run. Starts the sandbox and the service with a
# database of their own in a folder that is thrown away, ends what it started (by process id), and
# prints figures. Everything runs on this machine, the load as well.
#
#   HOLDFAST_BIN, HOLDFAST_BUILD      from script/bench
#   HOLDFAST_TEST_PG_URL              a PostgreSQL that flushes; each run makes a database in it
#   BENCH_RUNS [3]  BENCH_SECONDS [4] how often, how long
set -euo pipefail
: "${HOLDFAST_BIN:?script/bench runs this}" "${HOLDFAST_BUILD:?script/bench runs this}"
RUNS=${BENCH_RUNS:-3}
SECONDS_EACH=${BENCH_SECONDS:-4}
LOAD=$HOLDFAST_BUILD/bench/bench_load
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_folder=$(mktemp -d)
stage=
pids=()
databases=0

end_all() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    pids=()
}
trap 'end_all; rm -rf "$root_folder"' EXIT

free_ports() {
    python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in held:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in held))' "$1"
}

# Waits until a URL answers 2xx, at most ten seconds.
await() {
    local tries
    for ((tries = 0; tries < 1000; tries++)); do
        ! curl -fsS -o "$root_folder/answer" "$1" 2>/dev/null || return 0
        sleep 0.01
    done
    echo "bench: nobody answers at $1" >&2
    tail -5 "$stage"/*.log >&2 || true
    return 1
}

# CPU time that a process has used so far, in microseconds.
cpu_us() {
    awk -v hertz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000000 / hertz }' \
        "/proc/$1/stat"
}

# sqlite, or a new database of the PostgreSQL.
new_store() {
    if [ "$1" = sqlite ]; then
        store="sqlite:$stage/holdfast.db"
        return
    fi
    databases=$((databases + 1))
    psql -q "$HOLDFAST_TEST_PG_URL" -c "CREATE DATABASE bench_$$_$databases" >/dev/null
    store=${HOLDFAST_TEST_PG_URL/\/postgres\?/\/bench_$$_$databases?}
}

# start_sandbox [OPTION...]: sandbox_pid, stripe_port, paypal_port, control_port.
start_sandbox() {
    read -r stripe_port paypal_port control_port < <(free_ports 3)
    "$HOLDFAST_BIN" sandbox --stripe-port="$stripe_port" --paypal-port="$paypal_port" \
        --alipay-port=-1 --wechat-port=-1 --unionpay-port=-1 \
        --control-port="$control_port" --seed=1 "$@" >"$stage/sandbox.log" 2>&1 &
    sandbox_pid=$!
    pids+=("$sandbox_pid")
    await "http://127.0.0.1:$control_port/"
}

# With the lines of $more_gateways, if there are any, as further gateways.
write_config() {
    printf '64656d6f206b657920666f722061206461746162617365207468617420646965' >"$stage/master.key"
    printf 'sk_test_holdfast_sandbox' >"$stage/stripe.key"
    printf 'whsec_holdfast_sandbox' >"$stage/stripe.whsec"
    printf 'holdfast-sandbox-client' >"$stage/paypal.id"
    printf 'holdfast-sandbox-secret' >"$stage/paypal.secret"
    printf '8PT597110X687430L' >"$stage/paypal.webhook"
    [ -f "$stage/paypal.ca" ] ||
        curl -fsS -o "$stage/paypal.ca" "http://127.0.0.1:$control_port/paypal/ca.pem"
    cat >"$stage/holdfast.yaml" <<END
public: {address: "127.0.0.1:$public_port"}
internal: {address: "127.0.0.1:$internal_port"}
store: {url: "$store", migrate: true}
master_key: "file:$stage/master.key"
log_level: warn
limits: {requests_per_second: 0}
gateways:
  - name: stripe-eu
    adapter: stripe
    base_url: http://127.0.0.1:$stripe_port
    priority: 1
    concurrency: 1024
    credentials:
      - {name: api_key, from: "file:$stage/stripe.key"}
      - {name: webhook_secret, from: "file:$stage/stripe.whsec"}
  - name: paypal-eu
    adapter: paypal
    base_url: http://127.0.0.1:$paypal_port
    priority: 2
    credentials:
      - {name: client_id, from: "file:$stage/paypal.id"}
      - {name: client_secret, from: "file:$stage/paypal.secret"}
      - {name: webhook_id, from: "file:$stage/paypal.webhook"}
      - {name: webhook_ca, from: "file:$stage/paypal.ca"}
${more_gateways:-}
END
}

# start_service sqlite|postgres: service_pid, public_port, internal_port, HOLDFAST_BENCH_KEY.
start_service() {
    new_store "$1"
    read -r public_port internal_port < <(free_ports 2)
    write_config
    "$HOLDFAST_BIN" serve --config "$stage/holdfast.yaml" >"$stage/service.log" 2>&1 &
    service_pid=$!
    pids+=("$service_pid")
    await "http://127.0.0.1:$internal_port/readyz"
    HOLDFAST_BENCH_KEY=$(curl -fsS -H 'Idempotency-Key: bench' -H 'Content-Type: application/json' \
        -d '{"name":"bench","role":"admin"}' "http://127.0.0.1:$internal_port/v1/keys" |
        sed 's/.*"key": *"\([^"]*\)".*/\1/')
    export HOLDFAST_BENCH_KEY
}

# A new folder for one run; ends what the one before had started.
new_stage() {
    end_all
    stage=$(mktemp -d -p "$root_folder")
}

# field NAME LINE: the value of NAME=VALUE in a line of figures.
field() {
    local rest=${2#*"$1"=}
    echo "${rest%% *}"
}

# spread NUMBER...: min, median and max as "min / median / max".
spread() {
    printf '%s\n' "$@" | sort -g |
        awk '{ v[NR] = $1 } END { printf "%.0f / %.0f / %.0f", v[1], v[int((NR + 1) / 2)], v[NR] }'
}

median() {
    printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "?" }'
}

# bar WHAT FIGURE at-least|at-most BAR: says whether it is met.
bar() {
    local verdict
    verdict=$(awk -v x="$2" -v how="$3" -v y="$4" \
        'BEGIN { print (how == "at-least" ? x >= y : x <= y) ? "met" : "NOT met" }')
    printf 'bar: %s: %s, %s %s: %s\n' "$1" "$2" "${3/-/ }" "$4" "$verdict"
}

machine() {
    local model
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)
    echo "machine: $(nproc) cores ($model)," \
        "load average $(cut -d' ' -f1-3 /proc/loadavg) before;" \
        "$RUNS runs of $SECONDS_EACH s, figures are min / median / max"
}
