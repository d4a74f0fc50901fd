#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# statements: a service before the simulated gateways. A customer pays by WeChat Pay; the clock goes
# on to the next day: the statement is fetched by itself and settles the payment; another one is
# fetched by hand; files are given by hand: good, known, damaged, too much, a bank's.
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
field() { # NAME: of the JSON in out
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/out" "$1"
}

read -r control wechat stripe public internal <<<"$(free_ports 5)"

"$holdfast" sandbox --control-port="$control" --wechat-port="$wechat" --stripe-port="$stripe" \
    --paypal-port=-1 --alipay-port=-1 --unionpay-port=-1 --seed=7 \
    --callback-stripe="http://127.0.0.1:$public/callbacks/stripe" >"$work/sandbox.log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$control/" >/dev/null && break
    sleep 0.1
done
curl -sf "http://127.0.0.1:$control/wechat/merchant.key.pem" >"$work/wechat.pem"
serial=$(curl -sf "http://127.0.0.1:$control/wechat/merchant.crt.pem" |
    openssl x509 -noout -serial | cut -d= -f2)
export V3=holdfast-sandbox-api-v3-key-0001
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
gateways:
  - name: wechat
    adapter: wechatpay
    base_url: http://127.0.0.1:$wechat
    callback_url: http://127.0.0.1:$public/callbacks/wechat
    currencies: [CNY]
    options:
      - {name: appid, value: wxd678efh567hg6787}
      - {name: mchid, value: "1900000001"}
      - {name: merchant_serial, value: "$serial"}
    credentials:
      - {name: private_key, from: "file:$work/wechat.pem"}
      - {name: api_v3_key, from: "env:V3"}
  - name: bank
    adapter: bank
    currencies: [EUR]
    options:
      - {name: account_holder, value: Shop GmbH}
      - {name: account, value: DE02 1203 0000 0000 2020 51}
      - {name: bank, value: Test Bank}
test_clock: true
test_clock_sandbox: http://127.0.0.1:$control
YAML
"$holdfast" serve --config "$work/holdfast.yaml" >"$work/service.log" 2>&1 &
service=$!
processes+=("$service")
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$internal/readyz" >/dev/null && break
    sleep 0.1
done

advance() { # SECONDS
    curl -sf -X POST "http://127.0.0.1:$internal/internal/api/test-clock/advance" \
        -H 'Content-Type: application/json' -d "{\"seconds\": $1}" >/dev/null
}
now() { curl -sf "http://127.0.0.1:$internal/internal/api/test-clock" |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["now"])'; }

# ---- fetched ----
run 0 payment create --order W-1 --amount 12.50 --currency CNY --method wechatpay --json
payment=$(field id)
reference=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["action"]["data"])' \
    "$work/out")
curl -sf -X POST "http://127.0.0.1:$control/pay" -H 'Content-Type: application/json' \
    -d "{\"gateway\":\"wechat\",\"code\":\"$reference\",\"act\":\"pay\"}" >"$work/out"
say 'a payment by WeChat Pay succeeds' await 20 run_and_has 0 \
    '"state":"succeeded"' payment show "$payment" --json
run 0 statement fetches --json
say 'what is fetched, and when, is listed before anything was' \
    has '"wechatpay","fetch":true,"kinds":\["fund"\],"time_zone":"Asia/Shanghai"'
read -r day seconds <<<"$(now | python3 -c '
import datetime, sys
now = datetime.datetime.fromisoformat(sys.stdin.read().strip().replace("Z", "+00:00"))
here = now.astimezone(datetime.timezone(datetime.timedelta(hours=8)))
then = (here + datetime.timedelta(days=1)).replace(hour=10, minute=31)
print(here.date(), int((then - here).total_seconds()))')"
say 'a day that is not over is not fetched' \
    run_and_has 1 'is not over yet' statement fetch --gateway wechat --day "$day"
advance "$seconds"
say 'the day after, its statement is fetched by itself' \
    await 30 run_and_has 0 \
    "\"day\":\"$day\",\"state\":\"fetched\"" statement fetches --gateway wechat --json
say 'it is listed' run_and_has 0 "wechat-fund .*taken" statement list --gateway wechat
statement=$(grep -o 'stm_[0-9A-Z]*' "$work/out" | head -1)
say 'its row is settled with the payment' \
    await 30 run_and_has 0 '"class":"matched"' statement show "$statement" --rows --json
say 'and people see so' run_and_has 0 'charge .*12.50 CNY .*matched' \
    statement show "$statement" --rows
say 'fetched again by hand nothing changes' \
    run_and_has 0 "fetched .*$statement" statement fetch --gateway wechat --day "$day"
say 'the gateway is asked again on request, and it is said that nothing has changed' \
    run_and_has 0 'nothing has changed' statement fetch --gateway wechat --day "$day" --again
say 'of the day before there is nothing, and that is known' \
    run_and_has 0 ' none ' statement fetch --gateway wechat --day "$(date -d "$day -1 day" +%F)"
say 'a bank has no statement to be fetched' \
    run_and_has 1 'publishes no statements' statement fetch --gateway bank --day "$day"

# ---- given by hand ----
head=gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,net
head=$head,time,method,description
when=2026-09-01T10:00:00Z
printf '%s\nx1,A-1,,,,charge,done,CNY,100,,,%s,card,\n' "$head" "$when" >"$work/good.csv"
printf '%s\nx2,A-2,,,,charge,done,CNY,1.5,,,%s,card,\nx3,,,,,what,done,CNY,1,,,%s,,\n' \
    "$head" "$when" "$when" >"$work/damaged.csv"
gzip -k "$work/good.csv"
say 'a file is taken in' run_and_has 0 'taken in as stm_.*1 rows' \
    statement import "$work/good.csv.gz" --gateway wechat
say 'the same file again is known, and that is no error' run_and_has 0 'known already as stm_' \
    statement import "$work/good.csv" --gateway wechat
say 'a damaged one is refused, with every line' run_and_has 1 '2 things are wrong' \
    statement import "$work/damaged.csv" --gateway wechat
say 'its lines are told' has ' 3 +unknown_kind'
say 'as JSON too' run_and_has 1 '"state":"refused".*"problem_count":2' \
    statement import "$work/damaged.csv" --gateway wechat --json
say 'what no reader knows is refused' run_and_has 1 'Nothing was taken in' \
    statement import tests/system/statements.sh --gateway wechat
say 'an unknown gateway is refused' run_and_has 1 'no gateway' \
    statement import "$work/good.csv" --gateway nobody
python3 - "$work/bomb.gz" <<'PY'
import gzip, sys
with gzip.open(sys.argv[1], "wb") as out:
    for _ in range(1100):
        out.write(b"0" * (1 << 20))
PY
say 'a bomb is refused before it goes off' run_and_has 1 'bytes when it is unpacked' \
    statement import "$work/bomb.gz" --gateway wechat
python3 - "$work/large.csv" "$head" <<'PY'
import sys
with open(sys.argv[1], "w") as out:
    out.write(sys.argv[2] + "\n")
    for i in range(2000):
        out.write(f"g{i},R-{i},,,,charge,done,CNY,{i + 1},,,2026-09-01T10:00:00Z,card,\n")
PY
say 'one of many parts is taken in' run_and_has 0 'taken in as stm_.*2,000 rows' \
    statement import "$work/large.csv" --gateway wechat
large=$(grep -o 'stm_[0-9A-Z]*' "$work/out" | head -1)
sed -n '1p; 500,900p' "$work/large.csv" >"$work/part.csv"
say 'what it tells is not taken a second time in other bytes' \
    run_and_has 1 "tells nothing new.*$large" statement import "$work/part.csv" --gateway wechat
say 'of so many rows that nobody knows there is one ticket' \
    await 60 run_and_has 0 'Of 2000 rows of statement' ticket list
run 0 ticket list --json
say 'and no other one of them' has '"total":[12][,}]'
say 'withdrawn it no longer counts' \
    run_and_has 0 'no longer counts' statement withdraw "$large" --reason mistaken
say 'and its breaks are gone' await 60 run_and_has 0 '"total":[01][,}]' ticket list --json
cat >"$work/shop.csv" <<'CSV'
Order No;Paid;Ccy;Date
A-7;1.234,50;CNY;01.09.2026
CSV
cat >"$work/shop.yaml" <<'YAML'
delimiter: semicolon
columns: {reference: Order No, amount: Paid, currency: Ccy, time: Date}
time: {format: DD.MM.YYYY, zone: Europe/Berlin}
amount: {decimal: ",", group: "."}
kind: charge
YAML
say 'any delimited file by a map' run_and_has 0 'taken in as stm_.*csv' \
    statement import "$work/shop.csv" --gateway wechat --map "$work/shop.yaml"

# ---- a bank's ----
run 0 payment create --order B-1 --amount 45.10 --currency EUR --method bank_transfer --json
transfer=$(field id)
reference=$(python3 -c \
    'import json,sys; print(json.load(open(sys.argv[1]))["action"]["bank_transfer"]["reference"])' \
    "$work/out")
cat >"$work/day.sta" <<STA
:20:DEMO0901
:25:DE02120300000000202051
:28C:00001/001
:60F:C260901EUR1000,00
:61:2609020902C45,10NTRFNONREF//BR00231
:86:${reference}
:61:2609020902D5,00NMSCNONREF//BR00232
:86:ACCOUNT FEE
:62F:C260902EUR1040,10
-
STA
say "a bank's file is taken in, and its row is handed on" run_and_has 0 'bank rows: 1 new' \
    statement import "$work/day.sta" --gateway bank
say 'it pays for the order' await 20 run_and_has 0 \
    '"state":"succeeded"' payment show "$transfer" --json
say 'given twice it pays once' run_and_has 0 'bank rows: 0 new, 1 known' \
    statement import "$work/day.sta" --gateway bank
run 0 bank rows --json
say "the bank's own name is the row's" has '"bank_id":"BR00231"'

# ---- a crash between parts, and another start ----
kill -9 "$service"
wait "$service" 2>/dev/null || true
"$holdfast" serve --config "$work/holdfast.yaml" >>"$work/service.log" 2>&1 &
service=$!
processes+=("$service")
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$internal/readyz" >/dev/null && break
    sleep 0.1
done
advance 259200
say 'days that nobody was there for are caught up' \
    await 30 run_and_has 0 \
    "\"day\":\"$(date -d "$day +3 days" +%F)\"" statement fetches --gateway wechat --json
say 'each of them' has "\"day\":\"$(date -d "$day +1 day" +%F)\".*\"day\":\"$day\""
exit "$status"
