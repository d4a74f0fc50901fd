#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# reconcile_files: `holdfast reconcile` as a finance team uses it: two files, a map, no service.
# Every kind of break is found and nothing else; reports and exit status; bad input is told.
# usage: reconcile_files.sh (HOLDFAST_BIN, or build/holdfast)
set -euo pipefail
cd "$(dirname "$0")/../.."
holdfast=$(realpath "${HOLDFAST_BIN:-build/holdfast}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "reconcile_files: $*" >&2
    cat said >&2 || true
    exit 1
}
# expect STATUS ARGUMENT...: what it said is in `said` afterwards.
expect() {
    local status=$1 have=0
    shift
    "$holdfast" reconcile "$@" >said 2>&1 || have=$?
    [ "$have" = "$status" ] || fail "exit status $have instead of $status: reconcile $*"
}
says() {
    grep -qF -- "$1" said || fail "it does not say: $1"
}
# breaks REPORT: class, our line, their line, key, difference.
breaks() {
    cut -d, -f1,5,6,7,10 "$1/breaks.csv" | tail -n +2
}

cat >map.yaml <<'END'
ours:
  columns: {reference: Order, gateway_id: Payment, kind: Type, amount: Amount,
            currency: Currency, status: Status, time: Time}
  kinds: {sale: charge, refund: refund}
  statuses: {paid: done, open: pending, failed: failed}
theirs:
  delimiter: semicolon
  columns: {reference: order_id, gateway_id: id, original_id: charge, kind: type,
            amount: gross, currency: ccy, status: state, time: booked}
  kinds: {payment: charge, refund: refund, dispute: chargeback, fee: fee}
  statuses: {ok: done, pending: pending}
  time: {format: "DD.MM.YYYY hh:mm:ss", zone: "Europe/Berlin"}
  amount: {decimal: ",", group: "."}
END
cat >ours.csv <<'END'
Order,Payment,Type,Amount,Currency,Status,Time
A1,p1,sale,10.00,EUR,paid,2026-11-20T09:00:00Z
A2,p2,sale,1200.00,EUR,paid,2026-11-20T09:00:00Z
A3,p3,sale,30.00,EUR,paid,2026-11-20T09:00:00Z
A4,p4,sale,40.00,EUR,paid,2026-11-20T09:00:00Z
A5,p5,sale,50.00,EUR,open,2026-11-20T09:00:00Z
A6,p6,sale,60.00,EUR,paid,2026-11-20T09:00:00Z
A7,p7,sale,70.00,EUR,paid,2026-11-20T09:00:00Z
A8,p8,sale,80.00,EUR,failed,2026-11-20T09:00:00Z
A9,p9,refund,-9.00,EUR,paid,2026-11-20T09:00:00Z
A10,p10,refund,-10.00,EUR,paid,2026-11-20T09:00:00Z
A11,p11,sale,11.00,EUR,paid,2026-11-20T09:00:00Z
A12,,sale,12.00,EUR,paid,2026-11-20T09:00:00Z
"A,13",p13,sale,13.00,EUR,paid,2026-11-20T09:00:00Z
A14,p14,sale,14.00,EUR,paid,2026-11-20T09:00:00Z
A14,p14,sale,14.00,EUR,paid,2026-11-20T09:00:01Z
END
cat >theirs.csv <<'END'
order_id;id;charge;type;gross;ccy;state;booked
A13;x1;;fee;-0,30;EUR;ok;20.11.2026 10:00:00
A14;p14;;payment;14,00;EUR;ok;20.11.2026 10:00:00
"A,13";p13;;payment;13,00;EUR;ok;20.11.2026 10:00:00
A12;p12;;payment;12,00;EUR;ok;20.11.2026 10:00:00
A11;p11;;payment;11,00;EUR;ok;20.11.2026 10:00:00
A11;p11b;;payment;11,00;EUR;ok;20.11.2026 10:00:05
A10;r77;;refund;-7,00;EUR;ok;20.11.2026 10:00:00
A9;p9;;refund;-8,00;EUR;ok;20.11.2026 10:00:00
A7;p7;;payment;70,00;EUR;pending;20.11.2026 10:00:00
A6;p6;;payment;60,00;USD;ok;20.11.2026 10:00:00
A5;p5;;payment;50,00;EUR;ok;20.11.2026 10:00:00
A4;p4;;payment;39,50;EUR;ok;20.11.2026 10:00:00
A2;p2;;payment;1.200,01;EUR;ok;20.11.2026 10:00:00
A1;p1;;payment;10,00;EUR;ok;20.11.2026 10:00:00
Z1;z1;;payment;99,00;EUR;ok;20.11.2026 10:00:00
Z2;z2;p1;refund;-1,00;EUR;ok;20.11.2026 10:00:00
Z3;z3;p1;dispute;-2,00;EUR;ok;20.11.2026 10:00:00
END

sed -n '/^ours:/,/^theirs:/{/^ /s/^  //p}' map.yaml >ours.yaml

# Every kind of break, each row on one line.
expect 1 --ours ours.csv --theirs theirs.csv --map map.yaml --report out
says 'double_charge'
says 'out/breaks.csv'
breaks out >have
cat >want <<'END'
amount_over,3,14,A2,0.01
missing_there,4,,A3,-30.00
amount_under,5,13,A4,-0.50
paid_there_open_here,6,12,A5,0.00
currency,7,11,A6,
paid_here_open_there,8,10,A7,0.00
refund_mismatch,10,9,A9,1.00
refund_mismatch,11,8,A10,3.00
duplicate_here,16,,A14,-14.00
double_charge,,7,A11,11.00
missing_here,,16,Z1,99.00
orphan_refund,,17,Z2,-1.00
orphan_dispute,,18,Z3,-2.00
END
diff want have || fail "other breaks than were planted"
time=2026-11-20T09:00:00Z
grep -q "^amount_over,medium,charge,EUR,3,14,A2,1200.00,1200.01,0.01,$time,$time," \
    out/breaks.csv || fail "a break is told in another way"
grep -qE '^EUR +gateways_own +0 +0\.00 +1 +-0\.30 ' out/summary.txt ||
    fail "a row of the gateway's own"
grep -qE '^EUR +nothing_moved +1 +80\.00 ' out/summary.txt || fail "a payment that failed"
# Each row of both files is in one class.
grep -qE '^EUR +all +15 .* 16 ' out/summary.txt || fail "rows of EUR are lost"
grep -qE '^USD +all +0 .* 1 ' out/summary.txt || fail "rows of USD are lost"
python3 -c '
import json
whole = json.load(open("out/summary.json"))
assert whole["breaks"] == 13, whole
assert sum(each["our_rows"] for each in whole["sums"]) == whole["ours"]["rows"] == 15
assert sum(each["their_rows"] for each in whole["sums"]) == whole["theirs"]["rows"] == 17
' || fail "summary.json"

# The page and the workbook tell the same as breaks.csv, and what stands in the files stays text.
sed '3s/^A2,p2/"<script>=1+1",p2/' ours.csv >hostile.csv
expect 1 --ours hostile.csv --theirs theirs.csv --map map.yaml --report out9
says 'report.html'
expect 1 --ours hostile.csv --theirs theirs.csv --map map.yaml --report out10 --language zh
grep -q '13 笔差异' out10/report.html || fail "the page in Chinese"
python3 - <<'END' || fail "the page or the workbook"
import csv, hashlib, html.parser, re, xml.etree.ElementTree as ET, zipfile
from decimal import Decimal
breaks = list(csv.DictReader(open("out9/breaks.csv")))
page = open("out9/report.html").read()

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.text = set(), []
    def handle_starttag(self, name, attributes):
        self.names.add(name)
        assert not [key for key, value in attributes if key in ("src", "href") or key[:2] == "on"]
    def handle_data(self, text):
        self.text.append(text)

reader = Page()
reader.feed(page)
text = re.sub(r"\s+", " ", " ".join(reader.text))
assert not reader.names & {"script", "link", "img", "iframe", "object"}, reader.names
assert "svg" in reader.names and "<script>=1+1" in text
assert " 13 breaks: 341.51 EUR at stake" in text, text[:4000]
assert hashlib.sha256(open("hostile.csv", "rb").read()).hexdigest() in text
assert "holdfast reconcile --ours 'hostile.csv' --theirs 'theirs.csv' --map 'map.yaml'" in text
for each in breaks:
    for key in ("our_amount", "their_amount", "difference"):
        assert each[key] == "" or f"{Decimal(each[key]):,}" in text, each
assert "All 15 1,585.00 16 1,511.21 -73.79" in text, text

main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# In Chinese altogether: sentences that breaks.csv has in English are told anew.
with zipfile.ZipFile("out10/breaks.xlsx") as book:
    for n in (1, 2):
        sheet = ET.fromstring(book.read(f"xl/worksheets/sheet{n}.xml"))
        texts = {each.text for each in sheet.iter(f"{main}t")}
        assert not {"charge", "refund", "high", "critical", "low"} & texts, texts
        assert not [each for each in texts if each and ("there" in each.split() or " is " in each)]
    assert "渠道流水号相同: 对方金额大于我方" in {
        each.text for each in ET.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(f"{main}t")}
with zipfile.ZipFile("out9/breaks.xlsx") as book:
    sheets = [ET.fromstring(book.read(f"xl/worksheets/sheet{n}.xml")) for n in (1, 2)]

def rows(sheet):
    for row in sheet.find(main + "sheetData"):
        yield {re.match("[A-Z]+", cell.get("r")).group():
               "".join(cell.itertext()) if cell.find(main + "f") is None
               else cell.find(main + "v").text for cell in row}

first = list(rows(sheets[0]))
assert first[0]["A"] == "Class" and first[0]["L"] == "Our time (UTC)", first[0]
columns = {"A": "class", "B": "risk", "C": "kind", "G": "key", "H": "our_amount",
           "J": "their_amount", "K": "difference", "N": "why", "O": "group_difference",
           "P": "group"}
for row, each in zip(first[1:], breaks):
    for column, key in columns.items():
        assert row.get(column, "") == each[key], (row, each)
assert first[2 + len(breaks) - 1]["A"] == "All EUR"
totals = {row["A"]: row for row in first[1 + len(breaks):]}
for column, key in (("H", "our_amount"), ("K", "difference")):
    assert Decimal(totals["All EUR"][column]) == sum(
        Decimal(each[key] or 0) for each in breaks), column
assert totals["All USD"]["J"] == "60.00"
formulas = {cell.get("r")[0]: cell.find(main + "f").text for cell in sheets[0].iter(main + "c")
            if cell.find(main + "f") is not None}
assert formulas["H"] == 'SUMIF(D2:D14,"EUR",H2:H14)', formulas
assert formulas["J"] == 'SUMIF(I2:I14,"USD",J2:J14)', formulas
classes = {(row["C"], row["A"]): row for row in rows(sheets[1]) if row["A"][:3] != "All"}
assert classes["EUR", "amount_over"]["G"] == "1200.01"
END
[ "$(echo out9/*)" = "$(echo out9/{breaks.{csv,xlsx},report.html,summary.{json,txt}})" ] ||
    fail "other files than are told"
sed -n '1p;s/^A1,p1,sale,10.00/A1,p1,sale,100.00/p' ours.csv | uniq >whole.csv
part='s/^A1;p1;;payment;10,00/A1;p1;;payment;'
{
    head -1 theirs.csv
    sed -n "${part}60,00/p" theirs.csv
    sed -n "${part}30,00/p" theirs.csv
} >parts.csv
expect 1 --ours whole.csv --theirs parts.csv --map map.yaml --report out12
[ "$(breaks out12)" = $'split,2,2,A1,-10.00\nsplit,,3,A1,' ] || fail "a break of two rows"

# `difference` adds up to the sums, and `group_difference` of one line a group does.
cat >ties_out.py <<'END'
import csv, json, sys
from decimal import Decimal
sums, groups = {}, {}
for row in csv.DictReader(open(sys.argv[1] + "/breaks.csv")):
    key = row["currency"], row["class"]
    if row["class"] != "currency":
        sums[key] = sums.get(key, 0) + Decimal(row["difference"] or 0)
        groups[row["group"]] = key, Decimal(row["group_difference"])
of_groups = {key: sum(each for own, each in groups.values() if own == key) for key in sums}
told = {(each["currency"], each["class"]):
        Decimal(each["their_amount_minor"] - each["our_amount_minor"]) / 100
        for each in json.load(open(sys.argv[1] + "/summary.json"))["sums"]}
assert sums and sums == of_groups == {key: told[key] for key in sums}, (sums, of_groups, told)
END
for report in out out12; do
    python3 ties_out.py "$report" || fail "$report does not tie out"
done
grep -q '>1 break: 10.00 EUR at stake<' out12/report.html || fail "a break of two rows is one"
expect 1 --ours hostile.csv --theirs theirs.csv --map map.yaml --report out11 --csv-only
[ "$(echo out11/*)" = "$(echo out11/{breaks.csv,summary.json,summary.txt})" ] || fail "--csv-only"

# The same bytes again: in little memory, with one task, in another folder.
expect 1 --ours ours.csv --theirs theirs.csv --map map.yaml --report out1 --memory 64M --tasks 1 \
    --spill . --json
python3 -c 'import json; assert json.load(open("said"))["breaks"] == 13' || fail "--json"
diff -r out out1 || fail "another report of the same files"

# Their file in another character set, and packed: a reader reads it, and the lines stay.
iconv -t UTF-16 theirs.csv | gzip >theirs.utf16.gz
sed 's/^theirs:/&\n  charset: utf-16/' map.yaml >utf16.yaml
expect 1 --ours ours.csv --theirs theirs.utf16.gz --map utf16.yaml --report out5
diff out/breaks.csv out5/breaks.csv || fail "another character set makes other breaks"

# A format that has a reader, without a map.
printf '%s' gateway_id,reference,original_id,original_reference,batch,kind,status,currency, \
    >canonical.csv
cat >>canonical.csv <<'END'
gross,fee,net,time,method,description

p1,A1,,,,charge,done,EUR,1000,,,2026-11-20T09:00:00Z,,
p2,A2,,,,charge,done,EUR,120001,,,2026-11-20T09:00:00Z,,"a ""note"""
END
sed -n '1,3p' ours.csv >two.csv
expect 1 --ours two.csv --theirs canonical.csv --ours-map ours.yaml --theirs-format canonical \
    --report out6
[ "$(breaks out6)" = amount_over,3,4,A2,0.01 ] || fail "rows that a reader read"
sed -i '4s/charge/gift/' canonical.csv
expect 2 --ours two.csv --theirs canonical.csv --ours-map ours.yaml --theirs-format canonical \
    --report out7
grep -q '^theirs,4,unknown_kind,' out7/problems.csv || fail "a problem that a reader told"
expect 2 --ours two.csv --theirs canonical.csv --ours-map ours.yaml --theirs-format nonsense \
    --report out8
says 'stripe'

# Nothing differs: status 0. A map for each side, and lines that end as Windows ends them.
head -2 ours.csv | sed 's/$/\r/' >same.csv
sed -n '1p;15p' theirs.csv >same_there.csv
expect 0 --ours same.csv --theirs same_there.csv --map map.yaml --ours-map ours.yaml --report out2
says 'Both tell the same'
[ "$(wc -l <out2/breaks.csv)" = 1 ] || fail "a break where there is none"

# Damaged rows: told with their lines, nothing is matched, nothing looks like a report.
sed '4s/30.00/30.0x/; 6s/sale/gift/; 9s/,failed//' ours.csv >damaged.csv
expect 2 --ours damaged.csv --theirs theirs.csv --map map.yaml --report out3
says 'bad_value'
says 'unknown_kind'
says 'nothing was matched'
printf '%s\n' 'side,line,problem,what' >want
cut -d, -f1-3 out3/problems.csv >have
printf '%s\n' side,line,problem ours,4,bad_value ours,6,unknown_kind ours,9,bad_row >want
diff want have || fail "other problems than were made"
[ "$(ls out3)" = problems.csv ] || fail "a report beside the problems"

# What cannot be begun is told, with status 2, and makes nothing.
expect 2 --ours absent.csv --theirs theirs.csv --map map.yaml --report out4
says 'absent.csv cannot be opened'
sed '1s/Amount/Sum/' ours.csv >column.csv
expect 2 --ours column.csv --theirs theirs.csv --map map.yaml --report out4
says "has no column 'Amount'"
expect 2 --ours ours.csv --theirs theirs.csv --report out4
says 'nothing says how the file of --ours is to be read'
expect 2 --ours ours.csv --theirs theirs.csv --map absent.yaml --report out4
sed 's/columns: {reference: Order/columns: {referenz: Order/' map.yaml >wrong.yaml
expect 2 --ours ours.csv --theirs theirs.csv --map wrong.yaml --report out4
says 'wrong.yaml:2'
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --report out4 --memory 1M
says '--memory'
expect 2 --ours . --theirs theirs.csv --map map.yaml --report out4
says 'not a regular file'
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --report no/such/folder
[ ! -e out4 ] || fail "a folder for a report that never began"

# What moved here shortly before their file ends is expected, until its days are over.
expect 1 --ours ours.csv --theirs theirs.csv --map map.yaml --report out13 --window-days 1
says 'Their file tells up to 2026-11-20T09:00:05'
says 'expected, not due yet'
says 'out13/expected.csv'
head -1 out13/expected.csv | grep -q ',due,why,group_difference,group$' ||
    fail "the columns of what is expected"
[ "$(grep -c '^expected,' out13/expected.csv)" -ge 3 ] || fail "what is expected is not listed"
cut -d, -f1-12 --complement out13/expected.csv | grep -q '^2026-11-23T23:00:00Z,' ||
    fail "nobody says when it is due"
[ ! -e out/expected.csv ] || fail "something is expected though nothing is waited for"
grep -q '^missing_there' out/breaks.csv || fail "nothing is missing without days"
grep -q '^missing_there' out13/breaks.csv && fail "a row is missing before its time"
grep -q 'theirs tell up to 2026-11-20T09:00:05' out13/summary.txt || fail "no moment in the summary"
expect 1 --ours ours.csv --theirs theirs.csv --map map.yaml --report out14 --window-days 1 \
    --told-until 2026-11-23T23:00:00Z
grep -q '^missing_there' out14/breaks.csv || fail "nothing is missing after its time"
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --report out15 --window-days 1 \
    --told-until soon
says '--told-until is a time'
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --report out15 \
    --told-until 2026-11-23T23:00:00Z
says 'goes with --window-days'

# Why a row is where it is, rule by rule, without a report.
expect 0 --ours ours.csv --theirs theirs.csv --map map.yaml --explain A2
says 'ours 3 is a charge of'
says 'took it together with'
says 'so it is amount_over'
expect 0 --ours ours.csv --theirs theirs.csv --map map.yaml --explain theirs:2
says "so it is gateways_own"
expect 0 --ours ours.csv --theirs theirs.csv --map map.yaml --explain A2 --json
python3 -c 'import json; told = json.load(open("said")); one = told["explained"][0]
assert (one["side"], one["line"], one["class"]) == ("ours", 3, "amount_over"), one
assert len(one["explanation"]) > 2 and told["rows"], told' || fail "the explanation as JSON"
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --explain A2 --report out16
says 'leave out --report'
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --explain B77
says 'neither file has a row'

# Within a tolerance is not the same, and is said with how much it is.
head -3 ours.csv >near.csv
sed -n '1p;15p' theirs.csv >near_there.csv
grep ';p2;' theirs.csv >>near_there.csv
cat >tolerant.yaml <<'END'
rules:
  - {by: gateway_id, tolerance: [{currency: EUR, amount: 100000}]}
END
expect 0 --ours near.csv --theirs near_there.csv --map map.yaml --rules tolerant.yaml \
    --report out17
says 'No breaks'
says "1 in EUR"
says "differ within the rules' tolerance"
grep -q 'tell the same' said && fail "what differs is called the same"
grep -q 'tell the same' out17/summary.txt && fail "the summary calls the same what differs"
python3 -c 'import json; told = json.load(open("out17/summary.json"))["within_tolerance"]
assert [(t["currency"], t["groups"]) for t in told] == [("EUR", 1)], told' || fail "its sum as JSON"

# Payments against the bank's line for all of them: by the name of their payout.
cat >batch.yaml <<'END'
ours: {columns: {reference: Order, batch: Payout, amount: Amount, time: Time}, kind: charge,
       currency: EUR}
theirs: {columns: {reference: Ref, amount: Amount, time: Time, description: Text},
         kind: bank_credit, currency: EUR}
END
printf '%s\n' Order,Payout,Amount,Time o1,po_1,1.00,2026-11-02T00:00:00Z \
    o2,po_1,2.00,2026-11-02T00:00:00Z o3,po_2,3.00,2026-11-02T00:00:00Z \
    o4,po_2,4.00,2026-11-02T00:00:00Z >sales.csv
printf '%s\n' Ref,Amount,Time,Text 'b1,3.00,2026-11-03T00:00:00Z,PAYOUT (po_1)' \
    'b2,6.50,2026-11-03T00:00:00Z,ref:7;po_2' >bank.csv
printf 'rules:\n  - by: reference\n  - by: batch\n' >by_batch.yaml
expect 1 --ours sales.csv --theirs bank.csv --map batch.yaml --rules by_batch.yaml --report out18
python3 -c 'import csv
for row in csv.DictReader(open("out18/breaks.csv")):
    told = ("class", "our_line", "their_line", "difference", "group_difference", "group")
    print(*[row[name] for name in told])' >have
printf '%s\n' 'payout 4 3 -0.50 -0.50 1' 'payout 5   -0.50 1' >want
diff want have || fail "a batch that is not whole"
grep -qE '^EUR +matched +2 +3.00 +1 +3.00' out18/summary.txt || fail "a batch that is whole"

# The same of a file that a reader reads: what a bank's line says comes through.
{
    head -1 canonical.csv
    echo ',b1,,,,bank_credit,done,EUR,300,,300,2026-11-03T00:00:00Z,,"PAYOUT, (po_1)"'
    echo ',b2,,,,bank_credit,done,EUR,700,,700,2026-11-03T00:00:00Z,,ref:7;po_2'
} >bank_read.csv
printf '%s\n' 'columns: {reference: Order, batch: Payout, amount: Amount, time: Time}' \
    'kind: charge' 'currency: EUR' >sales.yaml
expect 0 --ours sales.csv --theirs bank_read.csv --ours-map sales.yaml --theirs-format canonical \
    --rules by_batch.yaml --report out19
says 'Both tell the same'

# A torn file is compared with nothing; of a map with two parts, theirs is for a statement.
head -c -9 theirs.csv >torn.csv
expect 2 --ours ours.csv --theirs torn.csv --map map.yaml --report out16
says 'the last line has no end'
"$holdfast" statement check theirs.csv --map map.yaml >said 2>&1 || fail "their file is refused"
says 'chargeback'
"$holdfast" statement check torn.csv --map map.yaml >said 2>&1 && fail "a torn file passes"

# Nothing is ever written over.
expect 2 --ours ours.csv --theirs theirs.csv --map map.yaml --report out
says 'is not empty'
diff -r out out1 || fail "a report was written over"

echo "reconcile_files: ok"
