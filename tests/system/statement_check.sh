#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# statement_check: `holdfast statement` on files alone: what it says of a good one, of a damaged one
# and of one that it does not know, and how it ends.
set -euo pipefail
cd "$(dirname "$0")/../.."
holdfast=${HOLDFAST_BIN:-$PWD/build/holdfast}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# check NAME EXPECTED_STATUS TEXT... -- ARGUMENTS...: every text must be in what is printed.
check() {
    local name=$1 expected=$2 ended=0 texts=() text
    shift 2
    while [ "$1" != -- ]; do
        texts+=("$1")
        shift
    done
    shift
    "$holdfast" statement "$@" >"$work/out" 2>&1 || ended=$?
    if [ "$ended" -ne "$expected" ]; then
        echo "# it ended with $ended, not $expected:"
        sed 's/^/#   /' "$work/out"
        echo "not ok - $name"
        status=1
        return
    fi
    for text in "${texts[@]}"; do
        if ! grep -qF -- "$text" "$work/out"; then
            echo "# \"$text\" is not in:"
            sed 's/^/#   /' "$work/out"
            echo "not ok - $name"
            status=1
            return
        fi
    done
    echo "ok - $name"
}

cat >"$work/day.sta" <<'EOF'
:20:DEMO0901
:25:NL00DEMO0000000001
:28C:00001/001
:60F:C250831EUR1000,00
:61:2509010901C45,10NTRFORDER7//BR00231
:86:SHOPPER 7
:61:2509010901D5,00NMSCNONREF//BR00232
:86:FEE
:62F:C250901EUR1040,10
-
EOF
sed 's/1040,10/1040,11/' "$work/day.sta" >"$work/wrong.sta"
head -c 120 "$work/day.sta" >"$work/cut.sta"
gzip -k "$work/day.sta"
cat >"$work/shop.csv" <<'EOF'
Order No;Paid;Ccy;Date
A-1;1.234,50;EUR;01.09.2025
A-2;7,00;EUR;31.02.2025
EOF
cat >"$work/map.yaml" <<'EOF'
delimiter: semicolon
columns: {reference: "Order No", gross: "Paid", currency: "Ccy", time: "Date"}
kind: charge
time: {format: "DD.MM.YYYY", zone: "Europe/Berlin"}
amount: {decimal: ",", group: "."}
EOF

check "the formats are listed" 0 stripe-report paypal-stl wechat-trade alipay-trade unionpay-zm \
    adyen-settlement camt053 mt940 -- formats
check "a good file is described and summed" 0 'mt940' 'NL00DEMO0000000001' '1,040.10 EUR' \
    '45.10 EUR' '-5.00 EUR' -- check "$work/day.sta"
check "a packed file is unpacked" 0 '1,040.10 EUR' -- check "$work/day.sta.gz"
check "a balance that does not add up is told with its line" 1 'balance' '1040.10 EUR' ' 9 ' \
    'would not be taken in: 1 thing is wrong' -- check "$work/wrong.sta"
check "a file that was cut is told" 1 'would not be taken in' 'cut' -- check "$work/cut.sta"
check "a file by a map: a day that no calendar has" 1 "'31.02.2025'" ' 3 ' '1,234.50 EUR' \
    -- check --map "$work/map.yaml" "$work/shop.csv"
head=gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,net
{
    echo "$head,time,method,description"
    echo 'ch_1,p1,,,,charge,done,USD,500,,,2025-09-01T10:00:00Z,card,'
    echo 'ch_2,p2,,,,charge,done,USD,700,,,2025-09-01T23:00:00Z,card,'
} >"$work/rows.csv"
check "a period that holds its rows is said" 0 '2025-09-01T00:00:00Z to 2025-09-02T00:00:00Z' \
    'as --period says' -- check "$work/rows.csv" --period 2025-09-01
check "a row outside of the period is told with its line" 1 'would not be taken in: 1 thing is' \
    ' 3  period' 'outside the period that was said' \
    -- check "$work/rows.csv" --period 2025-09-01 --zone Asia/Shanghai
check "another period than the file's own is told" 1 'says itself that it is of' \
    'the period that was said is 2025-09-03' -- check "$work/day.sta" --period 2025-09-03
check "a period that is none is said before anything" 2 '"2025-09-31" is no day of the calendar' \
    '--period 2026-11-20' -- check "$work/rows.csv" --period 2025-09-31
check "without one it is said what that means" 0 'proves no window' -- check "$work/rows.csv"
check "what it tells is said" 0 'credits and debits' -- check "$work/day.sta"
check "a format that is not known says what to do" 1 'the format of this file is not known' \
    '--format' -- check "$work/shop.csv"
check "a format that there is not" 2 "no format 'mt94'" -- check --format mt94 "$work/day.sta"
check "a file that is not there" 1 'No such file' -- check "$work/none.sta"
sed 's/gross:/grss:/' "$work/map.yaml" >"$work/odd.yaml"
check "a map that is wrong is told with its line" 1 'odd.yaml:2' \
    -- check --map "$work/odd.yaml" "$work/shop.csv"
check "as JSON for machines" 1 '"problem_count":1' '"format":"mt940"' \
    -- check --json "$work/wrong.sta"
exit "$status"
