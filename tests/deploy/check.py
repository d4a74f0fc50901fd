#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py: holds deploy/ against schemas and against the sources: what a manifest, a container
file or a proxy's configuration says of ports, paths, metrics, users and times is what the program
has. Every rule is also shown a tree with a planted error that it must find.

    check.py [PROGRAM]      PROGRAM: whose libraries the image must hold

Prints one line a test, `ok - name` or `not ok - name`, and ends 1 if one failed.
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INTERNAL_PORT = 3000


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


class UniqueKeys(yaml.SafeLoader):
    """A key that stands twice is an error here; YAML's usual loaders keep the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"a key stands twice {node.start_mark}")
        return super().construct_mapping(node, deep)


def load_tree():
    folder = os.path.join(ROOT, "deploy", "kubernetes")
    documents = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yaml"):
            documents += yaml.load_all(read("deploy", "kubernetes", name), UniqueKeys)
    return {
        "documents": documents,
        "adapter": yaml.load(read("deploy", "prometheus-adapter.yaml"), UniqueKeys),
        "containerfile": read("deploy", "Containerfile"),
        "ignored": read(".dockerignore"),
        "nginx": read("deploy", "nginx.conf"),
        "haproxy": read("deploy", "haproxy.cfg"),
        "unit": read("deploy", "holdfast.service"),
    }


# ---- what the sources have ----

ROUTES = set(re.findall(r'^X\((\w+), "([^"]+)", \w+, (\w+),', read("src/api/routes.def"), re.M))
METRICS = set(re.findall(r'^X\(\w+, \w+, "([a-z_]+)"', read("src/meter/meter.def"), re.M)) | set(
    re.findall(r'gauge\(&buf, "([a-z_]+)"', read("src/api/handlers_system.c")))
VERSION = re.search(r"version: '([^']+)'", read("meson.build"))[1]


def served_publicly(path):
    """Whether the path, or one below it, has a row on the public listener."""
    return any(listener != "INTERNAL" and (route == path or
               (path.endswith("/") and route.startswith(path))) for _, route, listener in ROUTES)


# ---- looking into the tree ----

def of_kind(tree, kind):
    return [document for document in tree["documents"] if document.get("kind") == kind]


def one(tree, kind):
    return of_kind(tree, kind)[0]


def pod_specs(tree):
    return [document["spec"]["template"]["spec"] for document in
            of_kind(tree, "Deployment") + of_kind(tree, "Job")]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def server(tree):
    return next(container for container in one(tree, "Deployment")["spec"]["template"]["spec"][
        "containers"] if container["name"] == "holdfast")


def config(tree):
    return yaml.load(one(tree, "ConfigMap")["data"]["holdfast.yaml"], UniqueKeys)


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def public_port(tree):
    return port_of(config(tree)["public"]["address"])


def named_ports(tree):
    spec = one(tree, "Deployment")["spec"]["template"]["spec"]
    return {port["name"]: port["containerPort"] for container in spec["containers"]
            for port in container.get("ports", [])}


def instructions(text):
    """The container file's instructions, continuation lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


# ---- rules: each gives its complaints ----

SCHEMA = json.loads(read("tests", "deploy", "manifests.schema.json"))


def complaints_of(schema_name, document, where):
    if schema_name not in SCHEMA["$defs"]:
        return [f"{where}: there is no schema for {schema_name}"]
    schema = {"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{schema_name}"}
    return [f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message[:120]}"
            for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def manifests_fit_their_schemas(tree):
    said = []
    for document in tree["documents"]:
        kind = document.get("kind", "nothing")
        said += complaints_of(kind, document, kind)
    return said + complaints_of("AdapterRules", tree["adapter"], "the adapter's rules")


def ports_are_those_of_the_configuration(tree):
    said = []
    public, ports = public_port(tree), named_ports(tree)
    if ports.get("public") != public:
        said.append(f"containerPort {ports.get('public')}, the configuration says {public}")
    for port in one(tree, "Service")["spec"]["ports"]:
        if ports.get(port["targetPort"], port["targetPort"]) != public:
            said.append(f"the Service leads to {port['targetPort']}, not to {public}")
    exposed = [words[1] for words in instructions(tree["containerfile"]) if words[0] == "EXPOSE"]
    if exposed != [str(public)]:
        said.append(f"the image exposes {exposed}")
    template = one(tree, "Deployment")["spec"]["template"]
    scraped = template["metadata"]["annotations"]["prometheus.io/port"]
    listen = re.search(r"listen (\d+);", one(tree, "ConfigMap")["data"]["metrics.conf"])[1]
    if not scraped == listen == str(ports["metrics"]):
        said.append(f"metrics: scraped at {scraped}, relayed at {listen}, port {ports['metrics']}")
    return said


def labels_find_the_pods(tree):
    said = []
    labels = one(tree, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [("Service", one(tree, "Service")["spec"]["selector"])]
    selectors += [(kind, one(tree, kind)["spec"]["selector"]["matchLabels"])
                  for kind in ("Deployment", "PodDisruptionBudget")]
    policy = one(tree, "NetworkPolicy")["spec"]
    selectors.append(("NetworkPolicy", policy["podSelector"]["matchLabels"]))
    for where, selector in selectors:
        if not selector.items() <= labels:
            said.append(f"{where} selects none of our pods")
    migrating = one(tree, "Job")["spec"]["template"]["metadata"]["labels"].items()
    if one(tree, "Service")["spec"]["selector"].items() <= migrating:
        said.append("the Service would send requests to the migration")
    target = one(tree, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
    if target != one(tree, "Deployment")["metadata"]["name"]:
        said.append(f"the autoscaler scales {target}")
    return said


def probes_ask_paths_that_are_served(tree):
    said = []
    wanted = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in wanted.items():
        get = server(tree).get(probe, {}).get("httpGet", {})
        if get.get("path") != path or not served_publicly(get.get("path", "")):
            said.append(f"{probe} asks {get.get('path')}")
        if named_ports(tree).get(get.get("port")) != public_port(tree):
            said.append(f"{probe} asks port {get.get('port')}")
    lines = instructions(tree["containerfile"])
    health = [words[1] for words in lines if words[0] == "HEALTHCHECK"]
    if len(health) != 1 or f"127.0.0.1:{public_port(tree)}/readyz" not in health[0]:
        said.append("the image's health check does not ask /readyz")
    return said


def the_end_is_long_enough(tree):
    said = []
    limits = config(tree)["limits"]
    asked = limits["drain_notice_s"] + limits["drain_s"]
    spec = one(tree, "Deployment")["spec"]["template"]["spec"]
    if spec["terminationGracePeriodSeconds"] < asked + 10:
        said.append(f"killed after {spec['terminationGracePeriodSeconds']} s, drained in {asked} s")
    probe = server(tree)["readinessProbe"]
    if limits["drain_notice_s"] <= probe["periodSeconds"] * probe["failureThreshold"]:
        said.append("connections are refused before readiness has failed")
    if probe["timeoutSeconds"] < 2:
        said.append("/readyz may take a second, and is given less than two")
    example = yaml.load(read("deploy", "holdfast.yaml"), UniqueKeys)["limits"]
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", tree["unit"], re.M)[1])
    if stop < example["drain_notice_s"] + example["drain_s"] + 10:
        said.append(f"the unit is killed after {stop} s")
    return said


def scaling_uses_metrics_that_exist(tree):
    said = []
    given = {rule["name"]["as"]: rule for rule in tree["adapter"]["rules"]}
    for rule in given.values():
        series = rule["seriesQuery"].split("{")[0]
        if series not in METRICS:
            said.append(f"there is no metric {series}")
        if rule["name"]["matches"] != f"^{series}$":
            said.append(f"the rule of {series} matches {rule['name']['matches']}")
        for label in re.findall(r'(\w+)=', rule["metricsQuery"]):
            if f'"{series}", "' in read("src/meter/meter.def") and not re.search(
                    rf'"{series}", "([a-z,]*,)?{label}[,"]', read("src/meter/meter.def")):
                said.append(f"{series} has no label {label}")
    for metric in one(tree, "HorizontalPodAutoscaler")["spec"]["metrics"]:
        if metric["type"] == "Pods" and metric["pods"]["metric"]["name"] not in given:
            said.append(f"the adapter gives no {metric['pods']['metric']['name']}")
    scale = one(tree, "HorizontalPodAutoscaler")["spec"]
    if scale["minReplicas"] > scale["maxReplicas"]:
        said.append("the least number of pods is above the largest")
    return said


def the_internal_listener_stays_inside(tree):
    said = []
    if config(tree)["internal"]["address"] != f"127.0.0.1:{INTERNAL_PORT}":
        said.append("the internal listener leaves loopback")
    policy = one(tree, "NetworkPolicy")["spec"]
    allowed = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    if allowed != {public_port(tree), named_ports(tree)["metrics"]}:
        said.append(f"the network policy lets in {sorted(allowed)}")
    if INTERNAL_PORT in named_ports(tree).values():
        said.append("a container names the internal port")
    relay = one(tree, "ConfigMap")["data"]["metrics.conf"]
    if re.findall(r"location ([^{]+?) \{", relay) != ["= /metrics", "/"]:
        said.append("the relay serves more than /metrics")
    if re.findall(r"proxy_pass ([^;]+);", relay) != [f"http://127.0.0.1:{INTERNAL_PORT}/metrics"]:
        said.append("the relay leads elsewhere than to /metrics")
    if ("GET", "/metrics", "INTERNAL") not in ROUTES:
        said.append("the service has no /metrics on its internal listener")
    if "limit_except GET { deny all; }" not in relay:
        said.append("the relay lets more than GET through")
    if re.search(r"X-Forwarded|X-Real-IP|Forwarded|Via", relay):
        said.append("the internal listener refuses a forwarding header")
    return said


def secrets_are_files_and_none_is_here(tree):
    said = []
    references = [credential["from"] for gateway in config(tree)["gateways"]
                  for credential in gateway["credentials"]] + [config(tree)["master_key"]]
    said += [f"{reference} is no file of /etc/holdfast" for reference in references
             if not reference.startswith("file:/etc/holdfast/")]
    if of_kind(tree, "Secret"):
        said.append("a Secret stands among the manifests")
    for spec in pod_specs(tree):
        for container in containers(spec):
            names = [variable["name"] for variable in container.get("env", [])]
            if names not in ([], ["PGPASSFILE"]):
                said.append(f"{container['name']} has {names} in its environment")
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            if not mounted <= {volume["name"] for volume in spec["volumes"]}:
                said.append(f"{container['name']} mounts what is no volume")
    return said


def who_runs_is_the_images_user(tree):
    said = []
    users = [words[1] for words in instructions(tree["containerfile"]) if words[0] == "USER"]
    for spec in pod_specs(tree):
        context = spec["securityContext"]
        if users != [f"{context['runAsUser']}:{context['runAsGroup']}"]:
            said.append(f"the image runs as {users}, the pod as {context['runAsUser']}")
        for container in containers(spec):
            if "holdfast" in container["image"] and container["image"] != f"holdfast:{VERSION}":
                said.append(f"{container['image']} is not version {VERSION}")
    name = one(tree, "Job")["metadata"]["name"]
    if name != "holdfast-migrate-" + VERSION.replace(".", "-"):
        said.append(f"the Job {name} is not named by version {VERSION}")
    return said


def the_image_is_built_in_stages_and_holds_no_more_than_it_needs(tree):
    said = []
    lines = instructions(tree["containerfile"])
    froms = [words[1] for words in lines if words[0] == "FROM"]
    if froms != ["debian:12-slim AS build", "debian:12-slim"]:
        said.append(f"FROM {froms}")
    start = max(index for index, words in enumerate(lines) if words[0] == "FROM")
    last = lines[start:]
    copied = [words[1] for words in last if words[0] == "COPY"]
    if any(not words.startswith("--from=build ") for words in copied) or len(copied) != 1:
        said.append(f"the last stage copies {copied}")
    for words in lines:
        if words[0] == "ADD":
            said.append("ADD is not used: COPY says what it does")
        if words[0] in ("ENV", "ARG") and re.search(r"KEY|SECRET|PASSWORD|TOKEN", words[1], re.I):
            said.append(f"{words[0]} {words[1]}: a secret would stay in the image")
        if words[0] == "COPY" and not words[1].startswith("--from="):
            for source in words[1].split()[:-1]:
                if not os.path.exists(os.path.join(ROOT, source)):
                    said.append(f"there is no {source} to be copied")
    if last[-1][0] != "CMD" or not any(words[0] == "USER" for words in last):
        said.append("the last stage ends as root, or without a command")
    if re.search(r"-dev\b|build-essential|meson|ninja", " ".join(words[-1] for words in last)):
        said.append("the last stage holds what builds")
    return said


def copied_paths(tree):
    """What the first stage copies from the tree, folders without a slash at their end."""
    found = []
    for words in instructions(tree["containerfile"]):
        if words[0] == "COPY" and not words[1].startswith("--from="):
            found += [os.path.normpath(source) for source in words[1].split()[:-1]]
    return found


def is_ignored(tree, path):
    """By .dockerignore: the last line that fits decides, and a line fits what is below it, too."""
    ignored = False
    for line in tree["ignored"].splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(pattern + "(/.*)?", path):
            ignored = not line.startswith("!")
    return ignored


def read_by_the_build():
    """What Meson reads when it sets the build up, and what it says that the build will read: each
    meson.build, and each path in one that leaves its own folder. Pairs of a path and who reads it.
    """
    found = [("script/bootstrap", "RUN"), ("script/build", "RUN")]
    places = [os.path.relpath(where, ROOT) for top in ("src", "tests", "bench")
              for where, _, names in os.walk(os.path.join(ROOT, top)) if "meson.build" in names]
    for folder in ["."] + places:
        here = os.path.normpath(os.path.join(folder, "meson.build"))
        text = read(here)
        found.append((here, here))
        named = [os.path.join(folder, path) for path in re.findall(r"'((?:\.\./)+[^'@]*)'", text)]
        named += re.findall(r"project_source_root\(\) / '([^']+)'", text)
        found += [(os.path.normpath(path), here) for path in named]
    return found


def what_the_build_reads_is_copied(tree):
    said = []
    copied = copied_paths(tree)
    for path, reader in read_by_the_build():
        inside = any(path == whole or path.startswith(whole + "/") for whole in copied)
        if not inside and not any(part.startswith(path + "/") for part in copied):
            said.append(f"{reader} reads {path}, which is not copied")
        elif is_ignored(tree, path) and not any(part.startswith(path + "/") for part in copied):
            said.append(f"{reader} reads {path}, which .dockerignore leaves out")
    return said


def proxies_forward_what_is_public_and_nothing_internal(tree):
    said = []
    for name in ("nginx", "haproxy"):
        text = re.sub(r"(?m)^\s*#.*$", "", tree[name])
        if re.search(rf":{INTERNAL_PORT}\b|/internal|/metrics", text):
            said.append(f"{name}: the internal listener is named")
        if re.search(r"sub_filter|gzip on|compression", text):
            said.append(f"{name}: bodies are changed on their way")
        backends = re.findall(r"^\s*server (?:\w+ )?[0-9.]+:(\d+)", text, re.M)
        if len(backends) < 2 or set(backends) != {"8080"}:
            said.append(f"{name}: leads to ports {backends}")
        if "ssl" not in text or "max-age=31536000" not in text:
            said.append(f"{name}: TLS does not end here")
    paths = re.findall(r"location (?:= )?(/\S+) \{", tree["nginx"])
    acl = " ".join(re.findall(r"acl served \w+ (.+)", tree["haproxy"])).split()
    for name, served in (("nginx", paths), ("haproxy", acl)):
        said += [f"{name}: nothing public is served at {path}" for path in served
                 if not served_publicly(path)]
        said += [f"{name}: {path} is not forwarded" for path in ("/v1/", "/callbacks/", "/payment/")
                 if path not in served]
    if "non_idempotent" in re.sub(r"#.*", "", tree["nginx"]):
        said.append("nginx would send a payment twice")
    if re.search(r"retry-on (?!conn-failure$)", tree["haproxy"], re.M):
        said.append("haproxy would send a payment twice")
    if "http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host" not in tree["haproxy"]:
        said.append("haproxy does not ask /readyz")
    return said


# ---- planted errors: (rule, what, how the tree is spoilt) ----

def spoil_text(key, old, new):
    def spoil(tree):
        assert old in tree[key], (key, old)
        tree[key] = tree[key].replace(old, new, 1)
    return spoil


def spoil_data(key, old, new):
    def spoil(tree):
        data = one(tree, "ConfigMap")["data"]
        assert old in data[key], (key, old)
        data[key] = data[key].replace(old, new, 1)
    return spoil


def spoil_at(kind, path, value):
    def spoil(tree):
        place = one(tree, kind)
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return spoil


POD = ("spec", "template", "spec")
SERVER = POD + ("containers", 0)
PLANTED = [
    (manifests_fit_their_schemas, "a probe's misspelt field",
     spoil_at("Deployment", SERVER + ("readinessProbe", "periodSecond"), 3)),
    (manifests_fit_their_schemas, "a writable root",
     spoil_at("Deployment", SERVER + ("securityContext", "readOnlyRootFilesystem"), False)),
    (manifests_fit_their_schemas, "no seccomp profile",
     spoil_at("Job", POD + ("securityContext", "seccompProfile"), None)),
    (manifests_fit_their_schemas, "an image by no tag",
     spoil_at("Deployment", SERVER + ("image",), "holdfast")),
    (manifests_fit_their_schemas, "a port as text",
     spoil_at("Service", ("spec", "ports", 0, "port"), "80")),
    (manifests_fit_their_schemas, "an old API version",
     spoil_at("PodDisruptionBudget", ("apiVersion",), "policy/v1beta1")),
    (manifests_fit_their_schemas, "an adapter's rule without a query",
     lambda tree: tree["adapter"]["rules"][0].pop("metricsQuery")),
    (ports_are_those_of_the_configuration, "another public port",
     spoil_data("holdfast.yaml", "0.0.0.0:8080", "0.0.0.0:8081")),
    (ports_are_those_of_the_configuration, "a Service that leads elsewhere",
     spoil_at("Service", ("spec", "ports", 0, "targetPort"), "metrics")),
    (ports_are_those_of_the_configuration, "an image that exposes 3000",
     spoil_text("containerfile", "EXPOSE 8080", "EXPOSE 3000")),
    (ports_are_those_of_the_configuration, "a relay on another port",
     spoil_data("metrics.conf", "listen 9464", "listen 9465")),
    (labels_find_the_pods, "a Service that selects nothing",
     spoil_at("Service", ("spec", "selector", "app.kubernetes.io/name"), "holdfats")),
    (labels_find_the_pods, "a Service that selects the migration, too",
     spoil_at("Service", ("spec", "selector"), {"app.kubernetes.io/name": "holdfast"})),
    (labels_find_the_pods, "an autoscaler of nothing",
     spoil_at("HorizontalPodAutoscaler", ("spec", "scaleTargetRef", "name"), "other")),
    (probes_ask_paths_that_are_served, "liveness by the database",
     spoil_at("Deployment", SERVER + ("livenessProbe", "httpGet", "path"), "/readyz")),
    (probes_ask_paths_that_are_served, "readiness at an internal path",
     spoil_at("Deployment", SERVER + ("readinessProbe", "httpGet", "path"), "/metrics")),
    (probes_ask_paths_that_are_served, "a health check of no path",
     spoil_text("containerfile", "8080/readyz", "8080/health")),
    (the_end_is_long_enough, "killed while it drains",
     spoil_at("Deployment", POD + ("terminationGracePeriodSeconds",), 30)),
    (the_end_is_long_enough, "refused before it is known",
     spoil_data("holdfast.yaml", "drain_notice_s: 10", "drain_notice_s: 6")),
    (the_end_is_long_enough, "a unit that is killed while it drains",
     spoil_text("unit", "TimeoutStopSec=45", "TimeoutStopSec=20")),
    (scaling_uses_metrics_that_exist, "a metric that is none",
     lambda tree: tree["adapter"]["rules"][0].update(seriesQuery="holdfast_busy{}")),
    (scaling_uses_metrics_that_exist, "a label that is none",
     lambda tree: tree["adapter"]["rules"][1].update(metricsQuery='x{listner="public"}')),
    (scaling_uses_metrics_that_exist, "a metric that the adapter does not give",
     spoil_at("HorizontalPodAutoscaler", ("spec", "metrics", 0, "pods", "metric", "name"), "busy")),
    (the_internal_listener_stays_inside, "an internal listener for all",
     spoil_data("holdfast.yaml", "127.0.0.1:3000", "0.0.0.0:3000")),
    (the_internal_listener_stays_inside, "a policy that lets 3000 in",
     lambda tree: one(tree, "NetworkPolicy")["spec"]["ingress"][0]["ports"].append(
         {"port": 3000, "protocol": "TCP"})),
    (the_internal_listener_stays_inside, "a relay for all paths",
     spoil_data("metrics.conf", "location = /metrics", "location /")),
    (the_internal_listener_stays_inside, "a relay for every method",
     spoil_data("metrics.conf", "limit_except GET { deny all; }", "")),
    (the_internal_listener_stays_inside, "a relay that adds what is refused",
     spoil_data("metrics.conf", "proxy_set_header Host", "proxy_set_header X-Forwarded-For")),
    (secrets_are_files_and_none_is_here, "a secret in the environment",
     lambda tree: server(tree)["env"].append({"name": "STRIPE_API_KEY", "value": "x"})),
    (secrets_are_files_and_none_is_here, "a credential from the environment",
     spoil_data("holdfast.yaml", "file:/etc/holdfast/stripe-eu.key", "env:STRIPE_API_KEY")),
    (secrets_are_files_and_none_is_here, "a mount of no volume",
     lambda tree: server(tree)["volumeMounts"][0].update(name="confg")),
    (who_runs_is_the_images_user, "an image of root's",
     spoil_text("containerfile", "USER 10001:10001", "USER root")),
    (who_runs_is_the_images_user, "another user in the pod",
     spoil_at("Deployment", POD + ("securityContext", "runAsUser"), 10002)),
    (who_runs_is_the_images_user, "another version",
     spoil_at("Deployment", SERVER + ("image",), "holdfast:0.0.9")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "an image by no tag",
     spoil_text("containerfile", "FROM debian:12-slim\n", "FROM debian\n")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "ADD of an address",
     spoil_text("containerfile", "COPY api api", "ADD https://example.com/api api")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "a secret at build time",
     spoil_text("containerfile", "WORKDIR /src", "ARG MASTER_KEY")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "a copy of what is not there",
     spoil_text("containerfile", "COPY api api", "COPY apis api")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "the sources in the last stage",
     spoil_text("containerfile", "COPY --from=build", "COPY . /src\nCOPY --from=build")),
    (the_image_is_built_in_stages_and_holds_no_more_than_it_needs, "what builds in the last stage",
     spoil_text("containerfile", "ca-certificates curl libglib2.0-0", "libglib2.0-dev")),
    (what_the_build_reads_is_copied, "a script in web/ that the build embeds",
     spoil_text("containerfile", "COPY web web\n", "")),
    (what_the_build_reads_is_copied, "the sources themselves",
     spoil_text("containerfile", "COPY src src\n", "")),
    (what_the_build_reads_is_copied, "a page that a test is built from, ignored",
     spoil_text("ignored", "!docs/adding-a-gateway.md\n", "")),
    (proxies_forward_what_is_public_and_nothing_internal, "nginx to the internal port",
     spoil_text("nginx", "10.0.0.11:8080", "10.0.0.11:3000")),
    (proxies_forward_what_is_public_and_nothing_internal, "haproxy for the internal paths",
     spoil_text("haproxy", "path_beg /v1/", "path_beg /internal/ /v1/")),
    (proxies_forward_what_is_public_and_nothing_internal, "nginx that repeats payments",
     spoil_text("nginx", "next_upstream error;", "next_upstream error non_idempotent;")),
    (proxies_forward_what_is_public_and_nothing_internal, "haproxy that repeats payments",
     spoil_text("haproxy", "retry-on conn-failure", "retry-on all-retryable-errors")),
    (proxies_forward_what_is_public_and_nothing_internal, "nginx that forgets callbacks",
     spoil_text("nginx", "location /callbacks/", "location /v1/callbacks/")),
]


def the_images_libraries(program):
    """Each library that the program is linked with is in a package that the image has."""
    linked = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    needed = re.findall(r"NEEDED.*\[(.+)\]", linked.stdout)
    if len(needed) < 5:
        return [f"{program} is linked with {needed} only"]
    last = read("deploy", "Containerfile").rsplit("\nFROM ", 1)[1]
    present = set(re.findall(r"[a-z0-9.+-]+", last)) | {"libc6"}
    said = []
    for library in needed:
        found = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True,
                               check=False).stdout
        packages = set(re.findall(r"^([a-z0-9.+-]+)[:,]", found, re.M))
        if not packages:
            said.append(f"no package has {library}")
        elif not packages & present:
            said.append(f"{library} is in {sorted(packages)}, which the image does not have")
    return said


def copy_as_the_image_does(tree, folder):
    for source in copied_paths(tree):
        whole = os.path.join(ROOT, source)
        files = [whole] if os.path.isfile(whole) else [
            os.path.join(where, name) for where, _, names in os.walk(whole) for name in names]
        for file in files:
            path = os.path.relpath(file, ROOT)
            if not is_ignored(tree, path):
                os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
                shutil.copy(file, os.path.join(folder, path))


def the_build_begins_with_what_is_copied(tree):
    """Meson sets it up there, each generated source is made, and Ninja misses nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy_as_the_image_does(tree, folder)

        def run(*command):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr
        status, words = run("meson", "setup", "build-release", "-Dbuildtype=release")
        if status == 0:
            _, listed = run("ninja", "-C", "build-release", "-t", "targets", "rule",
                            "CUSTOM_COMMAND")
            made = [line for line in listed.splitlines()
                    if line.endswith(".c") and not line.startswith("tests/")]
            if len(made) < 3:
                return [f"only {made} are generated"]
            status, words = run("ninja", "-C", "build-release", *made)
        if status == 0:
            status, words = run("ninja", "-C", "build-release", "-n", "holdfast")
        return words.splitlines()[-5:] if status != 0 else []


def main():
    tree = load_tree()
    failed = 0

    def say(name, complaints):
        nonlocal failed
        failed += bool(complaints)
        print(("not ok - " if complaints else "ok - ") + name)
        for complaint in complaints:
            print(f"  # {complaint}")

    for rule in dict.fromkeys(row[0] for row in PLANTED):
        say(rule.__name__.replace("_", " "), rule(tree))
    for rule, what, spoil in PLANTED:
        spoilt = copy.deepcopy(tree)
        spoil(spoilt)
        say(f"it is found: {what}", [] if rule(spoilt) else [f"{rule.__name__} said nothing"])
    if len(sys.argv) > 1:
        say("the image has every library that the program is linked with",
            the_images_libraries(sys.argv[1]))
        say("the build begins with what the image copies",
            the_build_begins_with_what_is_copied(tree))
        spoilt = copy.deepcopy(tree)
        spoil_text("containerfile", "COPY web web\n", "")(spoilt)
        say("it is found: a build that misses a file",
            [] if the_build_begins_with_what_is_copied(spoilt) else ["it began all the same"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
