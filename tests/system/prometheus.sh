#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# prometheus: deploy/prometheus and deploy/grafana against the real programs. The rules pass their
# own tests, and every metric that a rule or a dashboard's panel names is one that a service has.
# Then a service, a Prometheus and an Alertmanager: Prometheus scrapes; a figure past its threshold
# fires a rule, and Alertmanager hands it to the service; the service tells that Alertmanager of its
# own alerts, and what it told does not come back to it. What is not installed is skipped, and says
# so (Debian: prometheus, prometheus-alertmanager).
#
# The functions are called by name, as arguments of say.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

# ---- what is written ----
if command -v promtool >/dev/null; then
    say 'promtool takes the rules' quietly promtool check rules deploy/prometheus/rules.yml
    say 'the rules do what they say' quietly promtool test rules deploy/prometheus/rules_test.yml
    sed 's/unknown) > 20/unknown) > 21/' deploy/prometheus/rules.yml >"$work/rules.yml"
    cp deploy/prometheus/rules_test.yml "$work/"
    refused() { ! quietly promtool test rules "$work/rules_test.yml"; }
    say 'and a rule that says something else is found' refused
    say 'promtool takes the example of a configuration' \
        quietly promtool check config --syntax-only deploy/prometheus/prometheus.yml
else
    skip 'the rules do what they say' promtool
fi
if command -v amtool >/dev/null; then
    say 'amtool takes the example of a configuration' \
        quietly amtool check-config deploy/prometheus/alertmanager.yml
else
    skip 'amtool takes the example of a configuration' amtool
fi

# ---- a service ----
read -r public internal prometheus_port alertmanager_port mesh_port <<<"$(free_ports 5)"
service_url=http://127.0.0.1:$internal
alertmanager_url=http://127.0.0.1:$alertmanager_port
prometheus_url=http://127.0.0.1:$prometheus_port
export KEY=sk_test_nobody HOOK=whsec_nobody
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
gateways:
  - name: stripe
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:KEY"}
      - {name: webhook_secret, from: "env:HOOK"}
figures:
  - {name: payment_success_rate, warning: 99, critical: 95, events_min: 3}
channels:
  - {name: outside, kind: alertmanager, options: [{name: url, value: "$alertmanager_url"}]}
alerts:
  group_wait_s: 0
  group_interval_s: 0
  routes: [{name: all, channels: [outside]}]
YAML
"$holdfast" serve --config "$work/holdfast.yaml" >"$work/service.log" 2>&1 &
processes+=($!)
say 'a service starts' await 20 get_has "$service_url/readyz" ready
pay() { # ORDER: nobody answers for its only gateway
    "$holdfast" payment create --url "$service_url" --order "$1" --amount 12.50 --currency EUR \
        --method card --token pm_card_visa >>"$work/out" 2>&1 || true
}
for order in 1 2 3 4; do
    pay "P-$order"
done
say 'its payments fail' get_has "$service_url/metrics" \
    '^holdfast_figure_state\{figure="payment_success_rate"\} 2$'

# ---- every name is one that there is ----
say 'every metric of the rules and the dashboard is one of the service' \
    quietly python3 - "$service_url/metrics" src/meter/meter.def src/api/handlers_system.c <<'PY'
import json, re, sys, urllib.request
served = urllib.request.urlopen(sys.argv[1], timeout=30).read().decode()
names = set(re.findall(r"^# TYPE (\S+)", served, re.M))
# A series is there from its first event on, so those of meter.def count as well.
names |= set(re.findall(r'^X\(\w+, \w+, "(\w+)"', open(sys.argv[2]).read(), re.M))
names |= set(re.findall(r'gauge\(&buf, "(\w+)"', open(sys.argv[3]).read()))
rules = open("deploy/prometheus/rules.yml").read()
names |= set(re.findall(r"record: (\S+)", rules)) | {"up", "ALERTS"}
texts = re.findall(r"expr: (?:>-\n((?:\s{10}.*\n)+)|(.*))", rules)
texts = [a or b for a, b in texts]
board = json.load(open("deploy/grafana/holdfast.json"))
texts += [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
texts += [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
assert len(texts) > 40, len(texts)
ids = [p["id"] for p in board["panels"]]
assert len(ids) == len(set(ids)), "two panels have one id"
words = set("by on and or unless sum max min rate increase changes absent offset sort topk le "
            "histogram_quantile label_values job instance gateway method outcome operation".split())
unknown = set()
for text in texts:
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|\b\d\w*", " ", text)
    bare = re.sub(r"\b(?:by|on|group_left)\s*\([^)]*\)", " ", bare)
    for name in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if name not in words and name not in names and base not in names:
            unknown.add(name)
assert not unknown, sorted(unknown)
PY

if ! command -v prometheus >/dev/null || ! command -v prometheus-alertmanager >/dev/null; then
    skip 'a figure goes to Prometheus, Alertmanager and back' 'one of the two'
    exit "$status"
fi

# ---- with the two ----
cat >"$work/alertmanager.yml" <<YAML
route: {receiver: holdfast, group_by: [alertname], group_wait: 0s, group_interval: 1s,
  repeat_interval: 1h}
receivers:
  - name: holdfast
    webhook_configs: [{url: "$service_url/v1/alertmanager", max_alerts: 100}]
YAML
cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:$alertmanager_port"]}]}]}
scrape_configs:
  - {job_name: holdfast, static_configs: [{targets: ["127.0.0.1:$internal"]}]}
YAML
# The rules as they are, but without their waiting.
sed -E 's/^( +)for: .*/\1for: 0s/; s/^( +)interval: .*/\1interval: 1s/' \
    deploy/prometheus/rules.yml >"$work/rules.yml"
prometheus-alertmanager --config.file="$work/alertmanager.yml" --storage.path="$work/am" \
    --web.listen-address="127.0.0.1:$alertmanager_port" \
    --cluster.listen-address="127.0.0.1:$mesh_port" >"$work/alertmanager.log" 2>&1 &
processes+=($!)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$prometheus_port" >"$work/prometheus.log" 2>&1 &
processes+=($!)
say 'Alertmanager starts' await 60 get_has "$alertmanager_url/-/ready" .
say 'Prometheus starts' await 60 get_has "$prometheus_url/-/ready" .
say 'Prometheus scrapes the service' await 60 get_has "$prometheus_url/api/v1/targets" \
    '"health":"up"'
say 'and has the figure' await 60 get_has \
    "$prometheus_url/api/v1/query?query=payment_success_rate" '"value":\[[0-9.]+,"0"\]'
say 'the rule fires' await 60 get_has "$prometheus_url/api/v1/alerts" \
    '"alertname":"PaymentServiceHighErrorRate".*"state":"firing"'
alerts() { "$holdfast" alert list --url "$service_url" --json >"$work/out" 2>&1 || true; }
taken() { alerts && grep -q 'Only 0.0 % of payments succeed' "$work/out"; }
say 'Alertmanager hands it to the service' await 60 taken
say 'its other rules are quiet' has_not "$prometheus_url/api/v1/alerts" \
    '"alertname":"(HoldfastDown|HoldfastAbsent|PaymentServiceDatabaseIssues|CredentialExpiry)"'

notifications() {
    curl -sf "$alertmanager_url/metrics" |
        sed -n 's/^alertmanager_notifications_total{integration="webhook"} //p'
}
handed_on() { [ "$(notifications)" -gt "$before" ]; }
none_of_ours() { alerts && ! grep -q reported_by "$work/out"; }
before=$(notifications)
quietly "$holdfast" alert test-channel outside --url "$service_url" || true
say 'the service tells the Alertmanager of its own, by its channel' await 60 get_has \
    "$alertmanager_url/api/v2/alerts" '"reported_by":"holdfast"'
say 'which hands it on' await 60 handed_on
say 'and what it told does not come back' none_of_ours
exit "$status"
