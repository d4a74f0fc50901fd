# SPDX-License-Identifier: Apache-2.0
"""document.py: the contract as a document: read, looked up, and compared with the tables of the
sources from which the program is made."""
import os
import re

import jsonschema
import yaml

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
METHODS = ("get", "post", "put", "patch", "delete")
# Objects whose members are free on purpose: what the shop gives is what it gets.
OPEN_OBJECTS = {"metadata", "tokens", "fields", "bank_transfer", "facts", "labels", "evidence",
                "AlertRuleWanted", "actions", "places"}


def source(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def rows(path, pattern):
    """The rows of a .def table, by a pattern for what stands between X( and its end."""
    found = re.findall(r"^X\(" + pattern, source(path), re.M)
    assert found, f"{path} has no rows"
    return found


class Operation:
    def __init__(self, contract, path, method, node):
        self.contract, self.path, self.method, self.node = contract, path, method, node
        self.name = node["operationId"]
        self.listener = node["x-holdfast-listener"]
        self.role = node["x-holdfast-role"]
        self.parameters = [contract.follow(item) for item in node.get("parameters", [])]
        self.pattern = re.compile("^" + re.sub(r"\{\w+\}", "([^/]+)", path) + "$")

    def body_schema(self):
        content = self.node.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def response(self, status):
        """The response that is documented for this status, and under which name."""
        responses = self.node["responses"]
        name = str(status) if str(status) in responses else "default"
        return name, self.contract.follow(responses[name])


class Contract:
    def __init__(self):
        self.text = source("api/openapi.yaml")
        self.document = yaml.safe_load(self.text)
        self.operations = {}
        for path, methods in self.document["paths"].items():
            for method in METHODS:
                if method in methods:
                    operation = Operation(self, path, method.upper(), methods[method])
                    assert operation.name not in self.operations, f"twice: {operation.name}"
                    self.operations[operation.name] = operation

    def follow(self, node):
        while "$ref" in node and len(node) == 1:
            node = self.look_up(node["$ref"])
        return node

    def look_up(self, reference):
        assert reference.startswith("#/"), reference
        node = self.document
        for step in reference[2:].split("/"):
            node = node[step]
        return node

    def validator(self, schema):
        """Its references point into the contract, so it gets the contract's components."""
        return jsonschema.Draft202012Validator(
            {"allOf": [schema], "components": self.document["components"]})

    def validate(self, schema, value, what):
        errors = sorted(self.validator(schema).iter_errors(value),
                        key=lambda error: error.json_path)
        texts = [f"{error.json_path}: {error.message[:200]}" for error in errors[:5]]
        assert not errors, f"{what} departs from its schema:\n" + "\n".join(texts)


def walk(node, path=()):
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, path + (str(key),))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, path + (str(index),))


def every_row_of_the_routes_is_an_operation_and_the_reverse(contract):
    table = rows("src/api/routes.def",
                 r'(\w+), "([^"]+)", \w+, (\w+), (\w+), (\w+), "(\w+)"\)')
    served = {(name, method, path, listener.lower(), role.lower())
              for method, path, listener, role, _, name in table}
    written = {(operation.name, operation.method, operation.path, operation.listener,
                operation.role) for operation in contract.operations.values()}
    assert served == written, f"only in the table: {sorted(served - written)}\n" \
                              f"only in the contract: {sorted(written - served)}"


def the_idempotency_key_is_asked_for_where_the_table_says(contract):
    for method, _, _, _, wanted, name in rows(
            "src/api/routes.def", r'(\w+), "([^"]+)", (\w+), (\w+), \w+, (\w+), "(\w+)"\)'):
        found = [parameter for parameter in contract.operations[name].parameters
                 if parameter["name"] == "Idempotency-Key"]
        written = "NO" if not found else "KEY" if found[0].get("required") else "MAY"
        wanted = "NO" if wanted in ("FORM", "LINES") else wanted
        assert written == wanted, f"{method} {name}: {written}, the table says {wanted}"


def queries_of(operation):
    return [item["name"] for item in operation.parameters if item["in"] == "query"]


def the_query_parameters_are_those_of_the_table(contract):
    table = {name: re.findall(r'"(\w+)"', names)
             for name, names in rows("src/api/queries.def", r'"(\w+)",([^)]+)\)')}
    for name, names in table.items():
        assert len(set(names)) == len(names), f"{name} has one twice"
    written = {operation.name: queries_of(operation)
               for operation in contract.operations.values() if queries_of(operation)}
    assert {name: sorted(names) for name, names in table.items()} == \
        {name: sorted(names) for name, names in written.items()}, f"{table}\n{written}"


def security_follows_from_role_and_listener(contract):
    for operation in contract.operations.values():
        security = operation.node.get("security", contract.document["security"])
        schemes = {name for entry in security for name in entry}
        if operation.role == "none":
            assert security == [], operation.name
        elif operation.listener == "internal":
            assert schemes == {"bearerKey"} and {} in security, operation.name
        else:
            assert "session" in schemes and {} not in security, operation.name
        csrf = any(parameter["name"] == "X-CSRF-Token" for parameter in operation.parameters)
        by_session = operation.role != "none" and operation.listener != "internal"
        assert csrf == (by_session and operation.method != "GET"), operation.name


def every_reference_leads_somewhere_and_every_component_is_used(contract):
    used = set()
    for _, node in walk(contract.document):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            contract.look_up(node["$ref"])
            used.add(node["$ref"])
    for kind, components in contract.document["components"].items():
        for name in components if kind != "securitySchemes" else ():
            assert f"#/components/{kind}/{name}" in used, f"{kind}/{name} is not used"


def what_stands_in_braces_is_a_parameter(contract):
    for operation in contract.operations.values():
        named = set(re.findall(r"\{(\w+)\}", operation.path))
        declared = {parameter["name"] for parameter in operation.parameters
                    if parameter["in"] == "path"}
        assert named == declared, operation.name
        assert all(parameter.get("required") for parameter in operation.parameters
                   if parameter["in"] == "path"), operation.name


def the_problems_are_those_of_the_table(contract):
    prefix = re.search(r'define ERR_TYPE_PREFIX "([^"]+)"', source("src/base/err.h"))[1]
    table = rows("src/base/errors.def", r'\w+, \d+, (\d+), "([\w-]+)", \w+, "([^"]+)"\)')
    problem = contract.document["components"]["schemas"]["Problem"]
    assert problem["properties"]["type"]["enum"] == [prefix + name for _, name, _ in table]
    described = problem["description"].splitlines()[1:]
    assert described == [f"- `{name}` {status}: {title}" for status, name, title in table]


def the_states_are_those_of_the_tables(contract):
    schemas = contract.document["components"]["schemas"]
    tables = (
        ("src/payment/payment_states.def", r'\w+, \d+, "(\w+)"', schemas["Payment"], "state"),
        ("src/payment/attempt_states.def", r'\w+, \d+, "(\w+)"', schemas["Attempt"], "state"),
        ("src/payment/operation_states.def", r'\w+, \d+, "(\w+)"', schemas["Operation"], "state"),
    )
    for path, pattern, schema, member in tables:
        assert schema["properties"][member]["enum"] == rows(path, pattern), path
    outcomes = rows("src/gateway/outcomes.def", r'\w+, \d+, "(\w+)"')
    assert schemas["Attempt"]["properties"]["outcome"]["enum"] == ["none"] + outcomes
    postings = schemas["Story"]["properties"]["postings"]["items"]["properties"]["kind"]["enum"]
    assert postings == rows("src/ledger/postings.def", r'\w+, \d+, "(\w+)"')


def every_object_is_closed(contract):
    for path, node in walk(contract.document):
        if isinstance(node, dict) and node.get("type") in ("object", ["object", "null"]):
            closed = node.get("additionalProperties") is False or node.get("maxProperties") == 0
            inside = "allOf" in path  # the other part closes it
            assert closed or inside or path[-1] in OPEN_OBJECTS, "/".join(path)


def every_example_is_good(contract):
    for path, node in walk(contract.document):
        if not isinstance(node, dict):
            continue
        if "example" in node and "schema" in node:
            contract.validate(node["schema"], node["example"], "/".join(path))
        if isinstance(node.get("examples"), list):
            schema = {key: value for key, value in node.items() if key != "examples"}
            for example in node["examples"]:
                contract.validate(schema, example, "/".join(path))


def every_answer_documents_its_request_id(contract):
    for operation in contract.operations.values():
        for status in operation.node["responses"]:
            _, response = operation.response(status)
            assert "Request-Id" in response["headers"], f"{operation.name} {status}"


TESTS = [(function.__name__.replace("_", " "), function) for function in (
    every_row_of_the_routes_is_an_operation_and_the_reverse,
    the_idempotency_key_is_asked_for_where_the_table_says,
    the_query_parameters_are_those_of_the_table,
    security_follows_from_role_and_listener,
    every_reference_leads_somewhere_and_every_component_is_used,
    what_stands_in_braces_is_a_parameter,
    the_problems_are_those_of_the_table,
    the_states_are_those_of_the_tables,
    every_object_is_closed,
    every_example_is_good,
    every_answer_documents_its_request_id,
)]
