#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# metrics: a service before a simulated gateway. Payments are made, one is declined; promtool takes
# /metrics (where promtool is there: Debian's prometheus); the figures tell of the payments, now
# and, after the end of the minute, from the store; a threshold that is passed is told; a rule is
# tried on what is stored, then changed; what is asked wrongly is refused.
#
# The functions are called by name, as arguments of say.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

run() { # EXPECTED_STATUS ARGUMENTS...: what it prints goes to out
    local expected=$1 ended=0
    shift
    "$holdfast" "$@" --url "http://127.0.0.1:$internal" >"$work/out" 2>&1 || ended=$?
    [ "$ended" -eq "$expected" ] && return 0
    echo "# holdfast $1 $2 ended with $ended, not $expected" >>"$work/out"
    return 1
}
run_and_has() { # EXPECTED_STATUS TEXT ARGUMENTS...
    local expected=$1 text=$2
    shift 2
    run "$expected" "$@" && has "$text"
}
scrape() { curl -sf "http://127.0.0.1:$internal/metrics" >"$work/metrics"; }
metric() { scrape && cp "$work/metrics" "$work/out" && has "$1"; }
# Its wishes for names end with 3, what it cannot read with 1.
promtool_takes() {
    local ended=0
    scrape && promtool check metrics <"$work/metrics" >"$work/out" 2>&1 || ended=$?
    [ "$ended" -eq 0 ] && [ ! -s "$work/out" ]
}

read -r control stripe public internal <<<"$(free_ports 4)"

"$holdfast" sandbox --control-port="$control" --stripe-port="$stripe" --wechat-port=-1 \
    --paypal-port=-1 --alipay-port=-1 --unionpay-port=-1 --seed=7 \
    --callback-stripe="http://127.0.0.1:$public/callbacks/stripe" >"$work/sandbox.log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$control/" >/dev/null && break
    sleep 0.1
done
export KEY=sk_test_holdfast_sandbox HOOK=whsec_holdfast_sandbox
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
gateways:
  - name: stripe
    adapter: stripe
    base_url: http://127.0.0.1:$stripe
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:KEY"}
      - {name: webhook_secret, from: "env:HOOK"}
figures:
  - {name: payment_success_rate, warning: 99, critical: 95, events_min: 3}
  - {name: payment_processing_latency, events_min: 1}
test_clock: true
test_clock_sandbox: http://127.0.0.1:$control
YAML
"$holdfast" serve --config "$work/holdfast.yaml" >"$work/service.log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$internal/readyz" >/dev/null && break
    sleep 0.1
done
advance() { # SECONDS
    curl -sf -X POST "http://127.0.0.1:$internal/internal/api/test-clock/advance" \
        -H 'Content-Type: application/json' -d "{\"seconds\": $1}" >/dev/null
}
pay() { # ORDER TOKEN EXPECTED_STATUS
    run "$3" payment create --order "$1" --amount 12.50 --currency EUR --method card \
        --token "$2" --region DE --segment wholesale --json
}

# ---- before anything happened ----
say 'with no payment nothing is claimed' \
    run_and_has 0 'payment_success_rate +- +no data' metric show payment_success_rate
say 'what is not known is NaN on /metrics' metric '^payment_success_rate NaN$'

# ---- payments ----
say 'a payment is made' pay M-1 pm_card_visa 0
say 'another' pay M-2 pm_card_visa 0
say 'a third' pay M-3 pm_card_visa 0
say 'one is declined' pay M-4 pm_card_chargeDeclined 1
say 'the figures tell of them, by segment' \
    run_and_has 1 'payment_success_rate +stripe +wholesale +75.0 % +critical +3 +1 +0' \
    metric show payment_success_rate --by gateway,segment
say 'the decline is no error of the gateway' \
    run_and_has 0 '"failed":0' metric show gateway_error_rate --json
say 'the value is on /metrics' metric '^payment_success_rate 75$'
say 'and its state' metric '^holdfast_figure_state\{figure="payment_success_rate"\} 2$'
say 'and what it is judged by' \
    metric '^holdfast_figure_threshold\{figure="payment_success_rate",level="warning"\} 99$'
if command -v promtool >/dev/null; then
    say 'promtool takes /metrics' promtool_takes
else
    echo 'ok - promtool takes /metrics # SKIP there is no promtool: it comes with Debian prometheus'
fi

# ---- from the store ----
advance 70
say 'a minute later they are stored' \
    await 20 run_and_has 0 'payment_success_rate +75.0 % +critical +3 +1 +0' \
    metric show payment_success_rate --since 10m
advance 7200
say 'hours later they come from the hours' \
    await 20 run_and_has 0 'payment_success_rate +wholesale +75.0 % +critical +3 +1 +0' \
    metric show payment_success_rate --since 2d --by segment
say 'the present knows nothing of them' \
    run_and_has 0 'payment_success_rate +- +no data' metric show payment_success_rate

# ---- changed while it runs ----
tune() { # EXPECTED_STATUS ARGUMENTS...
    run "$1" alert tune PaymentServiceHighErrorRate --reason 'a test' "${@:2}"
}
say 'what was not tried on the past is refused' tune 1 --set alert=critical
say 'and says what to do first' has 'alert backtest --rule PaymentServiceHighErrorRate'
say 'on the past it would have fired, where what is in force did not' run_and_has 0 \
    'proposed values +1 ' alert backtest --rule PaymentServiceHighErrorRate \
    --set alert=critical --since 1d
say 'by how much, and that no such alert was there' has '75.00 percent +-'
say 'now it may be changed' tune 0 --set alert=critical
say 'and is in force' run_and_has 0 'alert +payment_success_rate +critical +off' \
    alert rule PaymentServiceHighErrorRate
say 'the file is the measure again' tune 0 --back alert --untested 'as it was'
say 'who did what is listed' run_and_has 0 'alert critical to off +no: as it was' alert changes

# ---- asked wrongly ----
say 'a figure that is none is refused' run_and_has 1 'there is no figure "speed"' metric show speed
say 'a dimension that is none is refused' \
    run_and_has 1 'there is no dimension "color"' metric show --by color
say 'a segment that is none is refused' run_and_has 1 'small letters' payment create \
    --order M-5 --amount 1 --currency EUR --method card --token pm_card_visa --segment 'John Smith'
exit "$status"
