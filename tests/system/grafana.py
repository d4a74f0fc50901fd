#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""grafana: deploy/grafana/holdfast.json is what a Grafana's import takes, as far as that can be
known without one (Grafana's documentation, "JSON model" of a dashboard): the shape of the model;
ids that are unique; panels that lie side by side and not on each other; variables that are there;
every expression is PromQL to promtool (in a rule of its own, with
Grafana's variables filled in); and names only metrics and labels that the program exports
(src/meter/meter.def, the gauges of src/api/handlers_system.c, rules.yml). Then each fault is put
into a copy and must be found."""
import copy
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARD = json.loads((ROOT / "deploy/grafana/holdfast.json").read_text(encoding="utf-8"))
# schemaVersion: Grafana brings older ones forward, and refuses ones it does not know yet.
SCHEMA_OLDEST, SCHEMA_NEWEST, COLUMNS = 30, 41, 24
PANELS = {"row", "stat", "timeseries", "state-timeline", "gauge", "bargauge", "table", "text"}
FILLED = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}
# Of Prometheus itself, and of every process.
ALWAYS = {"up": {"instance", "job"}, "ALERTS": {"alertname", "alertstate", "severity"}}
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def exported():
    """Each metric's labels; None: whatever its expression leaves."""
    known = {name: set(labels) for name, labels in ALWAYS.items()}
    table = (ROOT / "src/meter/meter.def").read_text(encoding="utf-8")
    for kind, name, labels in re.findall(r'^X\(\w+, (\w+), "(\w+)", "([\w,]*)"', table, re.M):
        known[name] = set(filter(None, labels.split(","))) | {"instance", "job"}
        if kind == "HISTOGRAM":
            for suffix in ("_bucket", "_sum", "_count"):
                known[name + suffix] = known[name] | ({"le"} if suffix == "_bucket" else set())
    system = (ROOT / "src/api/handlers_system.c").read_text(encoding="utf-8")
    for name in re.findall(r'"((?:holdfast|process)_\w+)"', system):
        known.setdefault(name, None)
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8")
    for name in re.findall(r"record: (\S+)", rules):
        known[name] = None
    return known


def expressions(board):
    for panel in board.get("panels", []):
        for target in panel.get("targets", []):
            yield f"panel {panel.get('id')} ({panel.get('title')})", target.get("expr", "")
    for variable in board.get("templating", {}).get("list", []):
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            yield f"variable {variable['name']}", inner.group(1) if inner else ""


def shape(board):
    """What is wrong with the model."""
    for key, kind in (("title", str), ("uid", str), ("schemaVersion", int), ("panels", list),
                      ("templating", dict), ("time", dict), ("tags", list)):
        if not isinstance(board.get(key), kind):
            yield f"{key} is no {kind.__name__}"
            return
    if not SCHEMA_OLDEST <= board["schemaVersion"] <= SCHEMA_NEWEST:
        yield f"schemaVersion {board['schemaVersion']}"
    if not re.fullmatch(r"[\w-]{1,40}", board["uid"]):
        yield f"uid {board['uid']!r}"
    if board.get("id") is not None:
        yield "an id: it is another dashboard's where it is imported"
    ids = [panel.get("id") for panel in board["panels"]]
    if len(set(ids)) != len(ids) or not all(isinstance(one, int) and one > 0 for one in ids):
        yield "panels without an id of their own"
    taken = {}
    for panel in board["panels"]:
        name = f"panel {panel.get('id')} ({panel.get('title')})"
        place = panel.get("gridPos", {})
        if panel.get("type") not in PANELS:
            yield f"{name}: type {panel.get('type')!r}"
        if set(place) != {"x", "y", "w", "h"} or place["x"] + place["w"] > COLUMNS:
            yield f"{name}: gridPos {place}"
            continue
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), name)
                if other != name:
                    yield f"{name} lies on {other}"
                    return
        refs = [target.get("refId") for target in panel.get("targets", [])]
        if panel["type"] not in ("row", "text") and not refs:
            yield f"{name} shows nothing"
        if len(set(refs)) != len(refs) or not all(refs):
            yield f"{name}: targets without a refId of their own"
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    for name in sorted(used - variables - {key[1:] for key in FILLED}):
        if not name.startswith("__"):
            yield f"variable ${name} is not there"
    for source in re.findall(r'"uid": "([^"]*)"', json.dumps(board["panels"])):
        if source != "${source}":
            yield f"data source {source!r} is one machine's"


def names(board, known):
    for where, text in expressions(board):
        if not text:
            yield f"{where}: no expression"
        for name, within in re.findall(r"([a-zA-Z_:][\w:]*)?\{([^}]*)\}", text):
            labels = re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', within)
            for label, value in labels:
                if label == "__name__":
                    every = re.compile(value)
                    if not any(every.fullmatch(one) for one in known):
                        yield f"{where}: no metric is {value}"
                    for one in re.findall(r"\((.*)\)", value)[0].split("|"):
                        if not any(each.endswith(one) for each in known):
                            yield f"{where}: no metric ends with {one}"
                elif known.get(name) is not None and label not in known[name]:
                    yield f"{where}: {name} has no label {label}"
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", text)
        bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
        for name in re.findall(r"(?<![\w$])([a-zA-Z_:][\w:]*)(?!\s*\()\b", bare):
            if name not in known and SUFFIX.sub("", name) not in known and name not in (
                    "and", "or", "unless", "offset", "bool", "by", "on", "Inf", "NaN"):
                yield f"{where}: no metric {name}"


def parses(board):
    """What promtool says of the expressions; None where it is not installed."""
    if shutil.which("promtool") is None:
        return None
    rules = []
    for number, (_, text) in enumerate(expressions(board)):
        for variable, value in FILLED.items():
            text = text.replace(variable, value)
        text = re.sub(r"\$\{?(\w+)\}?", "x", text)
        rules.append({"record": f"dashboard:number_{number}", "expr": text})
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.yml"  # JSON is YAML
        path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True,
                              text=True, check=False)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


failed = False


def say(name, wrong, expected=None):
    """Nothing may be wrong; or, of a copy with a fault, something that holds `expected`."""
    global failed
    wrong = list(wrong)
    well = not wrong if expected is None else any(expected in one for one in wrong)
    failed = failed or not well
    print(("ok" if well else "not ok"), "-", name)
    for one in [] if well else wrong or ["nothing was found"]:
        print("#  ", one)


def with_fault(change):
    board = copy.deepcopy(BOARD)
    change(board, next(one for one in board["panels"] if one.get("targets")))
    return board


def main():
    known = exported()
    say("the dashboard has the shape that an import asks for", shape(BOARD))
    say("it names only metrics and labels that the program exports", names(BOARD, known))
    faults = (
        ("two panels with one id", shape, "id of their own",
         lambda board, panel: board["panels"][-1].update(id=panel["id"])),
        ("a panel on another", shape, "lies on",
         lambda board, panel: board["panels"][-1]["gridPos"].update(panel["gridPos"])),
        ("a variable that is not there", shape, "variable $region",
         lambda board, panel: panel["targets"][0].update(expr='up{instance=~"$region"}')),
        ("a data source of one machine", shape, "one machine's",
         lambda board, panel: panel["datasource"].update(uid="P1809F7CD0C75ACF3")),
        ("a metric that is none", lambda board: names(board, known), "no metric holdfast_refund",
         lambda board, panel: panel["targets"][0].update(expr="rate(holdfast_refund[1m])")),
        ("a label that is none", lambda board: names(board, known), "has no label colour",
         lambda board, panel: panel["targets"][0].update(
             expr='holdfast_refunds_total{colour="red"}')))
    for name, check, expected, change in faults:
        say(f"{name} is found", check(with_fault(change)), expected)
    if parses(BOARD) is None:
        print("ok - every expression is PromQL # SKIP promtool is not installed")
        return
    say("every expression is PromQL", parses(BOARD))
    broken = with_fault(lambda board, panel: panel["targets"][0].update(expr="sum(rate(up[1m])"))
    say("one that is none is found", parses(broken), "parse")


main()
sys.exit(failed)
