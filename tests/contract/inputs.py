# SPDX-License-Identifier: Apache-2.0
"""inputs.py: what the contract says about requests is what the service does with them. From each
body's schema and each query parameter come values at its limits, which must get past reading, and
values just beyond them, which must not."""
import copy
import urllib.parse

NOT_THERE = {
    "PaymentId": "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "RefundId": "re_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "EndpointId": "ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "KeyId": "key_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "PlanId": "pln_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "SubscriptionId": "sub_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "UserId": "usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "CaseId": "case_nobody",
    "CallbackId": "cb_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "DeliveryId": "dlv_nobody",
    "GatewayName": "nobody", "OrderId": "nobody", "CustomerId": "nobody",
    "DisputeId": "dsp_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "EvidenceId": "evd_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "RiskEntryId": "rl_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "BreakId": "brk_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "MovementId": "nobody",
    "ReconciliationId": "rec_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "RepairRuleName": "nobody", "RepairId": "rep_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "MessageId": "msg_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "StatusIncidentId": "sti_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "StatusUpdateId": "stu_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "StatusComponentId": "nobody", "StatusToken": "nobody",
    "AlertId": "alr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "RotaName": "nobody",
    "AlertRuleName": "nobody", "PlaybookName": "nobody",
    "BacktestId": "bkt_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "SilenceId": "sil_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "AlertChannelName": "nobody",
    "AlertDeliveryId": "dlv_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "RefundRequestId": "apr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "KnowledgePage": "volume",
    "TicketId": "tkt_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "IncidentId": "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "MeasureId": "ctm_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "ActionItemId": "act_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "UploadId": "upl_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "StatementId": "stm_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
    "BankRowId": "bkr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "PayoutId": "re_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
}
# Another system's message, which may say more in its next version: its refusals are in the scenes.
OPEN_BODIES = {"receiveAlertmanager"}
# Another protocol inside one body, which refuses in its own words: those are in the scenes.
OTHER_PROTOCOLS = {"callAgentTool"}
# Limits that JSON Schema says less exactly than the sentence beside it.
FINER = {
    ("createWebhookEndpoint", "url"), ("updateWebhookEndpoint", "url"), ("createKey", "scopes"),
    ("createKey", "expires_at"), ("recordDispute", "due_at"), ("runbookChargeback", "due_at"),
    ("createWebhookEndpoint", "types"),
    ("updateWebhookEndpoint", "types"), ("createPayment", "currency"),
    ("dryRunRisk", "rules"), ("dryRunRisk", "since"), ("addRiskEntry", "expires_at"),
    ("checkRisk", "currency"), ("checkRisk", "return_url"), ("checkRisk", "cancel_url"),
    ("explainRouting", "currency"), ("createPayment", "return_url"),
    ("createPayment", "cancel_url"), ("switchPrimaryGateway", "gateway"),
    # Steps and names are in the scenes; an end is a time to come.
    ("setMode", "step"), ("setMode", "until"), ("setMode", "end_read_only"),
    ("setSwitch", "name"), ("setSwitch", "until"), ("setSwitch", "on"),
    # Plain words; countries, currencies and moments that there are; an amount needs its currency.
    ("observe", "gateway"), ("observe", "method"), ("observe", "segment"), ("observe", "code"),
    ("observe", "region"), ("observe", "currency"), ("observe", "at"), ("observe", "amount"),
    # Either a text or a file with all that belongs to it: what goes together is in the scenes.
    ("attachEvidence", "text"), ("attachEvidence", "file_name"), ("attachEvidence", "media_type"),
    ("attachEvidence", "content"),
    ("attachManualEvidence", "text"), ("attachManualEvidence", "file_name"),
    ("attachManualEvidence", "media_type"), ("attachManualEvidence", "content"),
    ("createManualPayment", "received_at"), ("createManualPayment", "reason"),
    ("createManualPayment", "currency"),
    # Held or queued: only one, and only where it is configured.
    ("createPayment", "defer"), ("createPayment", "queue"), ("checkRisk", "defer"),
    ("checkRisk", "queue"),
    # Times, and a gateway that there is.
    ("proveWindow", "from"), ("proveWindow", "until"), ("proveWindow", "gateway"),
    ("runReconciliation", "gateway"), ("runReconciliation", "until"),
    # Matchers, and times to come; whom the configuration knows.
    ("createSilence", "matchers"), ("createSilence", "from"), ("createSilence", "until"),
    ("overrideRota", "from"), ("overrideRota", "until"), ("overrideRota", "person"),
    # A payment that there is, or an order, and times that have just been.
    ("recordComplaint", "payment_id"), ("recordComplaint", "order_id"),
    ("recordComplaint", "at"), ("recordChange", "at"),
    # A rule's own settings, in the scenes; times.
    ("setAlertRule", "set"), ("backtestAlertRule", "set"), ("backtestAlertRule", "since"),
    ("backtestAlertRule", "until"), ("listAlertRuleChanges", "rule"),
    # Times, and ids of things that there are.
    ("openIncident", "impact_start"), ("openIncident", "follows"), ("openIncident", "alerts"),
    ("moveIncident", "at"), ("correctIncident", "impact_start"),
    # Gateways, methods, steps that there are, and ends to come: each kind is in the scenes.
    ("takeMeasure", "name"), ("takeMeasure", "until"), ("previewMeasure", "name"),
    ("previewMeasure", "until"), ("freezeDeploys", "until"),
    # A playbook that there is.
    ("followPlaybook", "name"),
    ("addActionItem", "owner"), ("addActionItem", "due_at"), ("addActionItem", "what"),
    ("addActionItem", "proof"), ("assignActionItem", "owner"), ("assignActionItem", "due_at"),
    # Texts and fields that there are; ways to reach people: what fits is in the scenes.
    ("draftMessage", "template"), ("draftMessage", "language"), ("draftMessage", "fields"),
    ("draftMessage", "channels"), ("draftMessage", "recipients"), ("draftMessage", "incident_id"),
    ("lintText", "audience"), ("lintText", "language"), ("setCustomerContact", "email"),
    ("setCustomerContact", "phone"), ("setCustomerContact", "language"),
    # Either a page with its front matter or the version that is restored; a payment that there is.
    ("editKnowledgePage", "text"), ("editKnowledgePage", "restore"), ("askForRefund", "payment_id"),
    # Texts that the linter lets pass, statuses that may follow, times to come, components that
    # there are: all of it in the scenes.
    *((f"draftStatus{what}", part) for what in ("Incident", "Update", "Maintenance")
      for part in ("title", "body", "status", "impact", "components", "fields", "incident_id",
                   "from", "until")),
    # Another system's message, read as a whole.
    ("receiveAlertmanager", "alerts"),
    # Either ids, or a filter with how many it told: what goes together is in the scenes.
    ("decideBreaks", "ids"), ("decideBreaks", "filter"), ("decideBreaks", "expect"),
    ("decideBreaks", "reason"), ("decideBreaks", "owner"), ("assignBreak", "owner"),
}
# Good values where the example of the operation has none.
GOOD = {
    "createPayment": {"order_id": "A-1", "amount": 1, "currency": "USD", "method": "card"},
    "checkRisk": {"order_id": "A-1", "amount": 1, "currency": "USD", "method": "card"},
    "updateWebhookEndpoint": {}, "rotateWebhookSecret": {}, "capturePayment": {},
    "cancelPayment": {}, "refundPayment": {}, "runbookRefund": {}, "runbookEnableFallback": {},
    "runbookDisableFallback": {}, "closeCase": {"resolution": "x"},
    "enableGateway": {"reason": "x"}, "disableGateway": {"reason": "x"},
    "drainGateway": {"reason": "x"}, "setFallbackMode": {"reason": "x"},
    "reloadCredentials": {"reason": "x"}, "retireCredentials": {"reason": "x"},
    "rotateMasterKey": {"reason": "x"}, "runbookReloadApiKeys": {},
    # Such that everything is taken again afterwards.
    "setMode": {"step": "auto", "end_read_only": True, "reason": "x"},
    "setSimplifiedFlow": {"on": False, "reason": "x"},
    "setSwitch": {"kind": "method", "name": "card", "on": True, "reason": "x"},
    # Of the type that may have every outcome.
    "observe": {"type": "callback", "gateway": "elsewhere", "outcome": "ok"},
    "runbookEnableSimplifiedFlow": {}, "runbookDisableSimplifiedFlow": {},
}
# What a query cannot do without.
NEEDED = {"lookUpForCustomer": "&q=nobody"}
ANY_TYPE = {"integer": 7, "string": "x", "boolean": True, "object": {}, "array": [], "null": None,
            "number": 1.5}


def resolved(contract, schema):
    """The schema with its reference put in place, and what it may be when it is not null."""
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**contract.look_up(schema["$ref"]), **rest}
    if "oneOf" in schema:
        schema = {**resolved(contract, schema["oneOf"][0]), "nullable": True}
    return schema


def types_of(schema):
    kind = schema.get("type", [])
    found = set(kind if isinstance(kind, list) else [kind])
    return found | ({"null"} if schema.get("nullable") else set())


def beyond(schema):
    """Values just outside the schema."""
    kinds = types_of(schema)
    for kind, value in ANY_TYPE.items():
        if kind not in kinds:
            yield value
    if "enum" in schema and "string" in kinds:
        yield "nothing_of_the_kind"
    if "string" in kinds and "enum" not in schema:
        yield "a\x01b"  # a control character is in no text
    if schema.get("minLength", 0) > 0 and "enum" not in schema:
        yield "a" * (schema["minLength"] - 1)
    if "maxLength" in schema:
        yield "a" * (schema["maxLength"] + 1)
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if "object" in kinds and "properties" in schema:
        yield {"nothing_of_the_kind": 1}
        for name, inner in schema["properties"].items():
            for value in beyond(inner):
                yield {name: value}
    if "object" in kinds and isinstance(schema.get("additionalProperties"), dict):
        for value in beyond(schema["additionalProperties"]):
            yield {"a": value}
        if "propertyNames" in schema:
            for name in beyond(schema["propertyNames"] | {"type": "string"}):
                if isinstance(name, str):
                    yield {name: "x"}
        yield {f"k{number}": "x" for number in range(schema["maxProperties"] + 1)}


def at_limits(schema):
    """Values just inside."""
    kinds = types_of(schema)
    if "null" in kinds:
        yield None
    if "enum" in schema:
        yield from (value for value in schema["enum"] if value is not None)
    elif "string" in kinds and "pattern" not in schema:
        yield "\u00e9" * max(schema.get("minLength", 0), 1)
        if "maxLength" in schema:
            yield "\u00e9" * schema["maxLength"]
    if "boolean" in kinds:
        yield from (True, False)
    for name in ("minimum", "maximum"):
        if name in schema:
            yield schema[name]
    if "object" in kinds and "properties" in schema:
        base = schema.get("examples", [{}])[0] if schema.get("required") else {}
        yield base
        for name, inner in schema["properties"].items():
            for value in at_limits(inner):
                yield {**base, name: value}
    if "object" in kinds and isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
        yield {"a" * schema.get("propertyNames", {"maxLength": 1})["maxLength"]: "x"}
        yield {"a": "x" * inner["maxLength"]}
        yield {f"k{number}": "x" for number in range(schema["maxProperties"])}


def place_in(answer, path):
    """Does a refusal name this field, or something in it?"""
    place = answer.json.get("place", "") if answer.json else ""
    return place == path or place.startswith(path + "/")


class Case:
    """One operation, with a body that is good but for what the path's thing is."""

    def __init__(self, service, operation):
        self.service, self.operation = service, operation
        schema = operation.body_schema()
        self.schema = resolved(service.contract, schema)
        media = operation.node["requestBody"]["content"]["application/json"]
        self.good = GOOD.get(operation.name, media.get("example"))
        assert self.good is not None, f"{operation.name} has no example"
        self.values = []
        for item in operation.node.get("parameters", []):
            name = item.get("$ref", "").rsplit("/", 1)[-1]
            if name in NOT_THERE:
                self.values.append(NOT_THERE[name])
        self.key = service.role_key("admin") if operation.listener == "public" else None

    def ask(self, body):
        return self.service.ask(self.operation.name, self.values, body=body, key=self.key)

    def with_value(self, name, value):
        body = copy.deepcopy(self.good)
        body[name] = value
        if self.operation.name == "createPayment" and name != "order_id":
            body["order_id"] = self.service.fresh("input")
        return body


def cases(service):
    for operation in service.contract.operations.values():
        if operation.body_schema() is not None and operation.name not in OTHER_PROTOCOLS:
            yield Case(service, operation)


def what_a_schema_refuses_is_refused_at_its_place(service):
    tried = 0
    for case in cases(service):
        for name, schema in case.schema["properties"].items():
            for value in beyond(resolved(service.contract, schema)):
                body = case.with_value(name, value)
                if case.operation.name == "logIn" and name == "password" and value == "a" * 200:
                    continue
                answer = case.ask(body)
                assert answer.problem() == "validation" and place_in(answer, f"/{name}"), \
                    f"{case.operation.name} with {name} = {str(value)[:80]!r}: {answer}"
                tried += 1
        if case.operation.name in OPEN_BODIES:
            continue
        answer = case.ask(case.with_value("nothing_of_the_kind", 1))
        assert answer.problem() == "validation" and place_in(answer, "/nothing_of_the_kind"), \
            f"{case.operation.name}: {answer}"
        for name in case.schema.get("required", []):
            body = copy.deepcopy(case.good)
            del body[name]
            answer = case.ask(body)
            assert answer.problem() == "validation" and place_in(answer, f"/{name}"), \
                f"{case.operation.name} without {name}: {answer}"
    assert tried > 500, f"only {tried} values were tried"


def what_a_schema_takes_is_taken(service):
    tried = 0
    for case in cases(service):
        for name, schema in case.schema["properties"].items():
            if (case.operation.name, name) in FINER:
                continue
            for value in at_limits(resolved(service.contract, schema)):
                body = case.with_value(name, value)
                service.contract.validate(case.operation.body_schema(), body, case.operation.name)
                answer = case.ask(body)
                assert not (answer.problem() == "validation" and place_in(answer, f"/{name}")), \
                    f"{case.operation.name} with {name} = {str(value)[:80]!r}: {answer}"
                tried += 1
    assert tried > 100, f"only {tried} values were tried"


def queries_have_the_limits_that_are_written(service):
    for operation in service.contract.operations.values():
        for item in operation.node.get("parameters", []):
            parameter = service.contract.follow(item)
            if parameter["in"] != "query":
                continue
            name = parameter["name"]
            schema = resolved(service.contract, parameter["schema"])
            wrong = []
            if "enum" in schema:
                wrong = ["nothing_of_the_kind"]
            elif schema["type"] == "integer":
                wrong = [schema["minimum"] - 1, schema["maximum"] + 1, "x", "1.5"]
            elif name in ("since", "until"):
                wrong = ["yesterday", "1w", "0h"]
            elif schema.get("maxLength", 0) >= 255:
                wrong = ["a" * (schema["maxLength"] + 1)]
            for value in wrong:
                query = f"{name}={urllib.parse.quote(str(value))}"
                answer = service.ask(operation.name, ["nobody"], query=query)
                assert answer.status in (400, 422), f"{operation.name}?{query}: {answer}"
            right = schema.get("enum", [])
            if schema["type"] == "integer" and "enum" not in schema:
                right = [schema["minimum"], schema["maximum"]]
            elif "examples" in schema:
                right = schema["examples"]
            for value in right if "{" not in operation.path else ():
                query = f"{name}={urllib.parse.quote(str(value))}{NEEDED.get(operation.name, '')}"
                service.expect(200, operation.name, query=query)


def queries_have_no_other_names_and_none_twice(service):
    """On every route that is asked with GET: a typo must not list everything."""
    key = service.role_key("admin")
    tried = 0
    for operation in service.contract.operations.values():
        if operation.method != "GET":
            continue
        names = [item["name"] for item in operation.parameters if item["in"] == "query"]
        values = ["nobody"] * operation.path.count("{")
        wrong = ["nothing_of_the_kind=1", "nothing_of_the_kind", "=1", "%6eothing_of_the_kind="]
        wrong += [query for name in names for query in (
            f"{name}=1&{name}=1", f"{name}=1&x=2", f"{name[:-1]}=1", f"{name.upper()}=1",
            f"{name}=1&%{ord(name[0]):02x}{name[1:]}=2")]
        for query in wrong:
            answer = service.ask(operation.name, values, query=query,
                                 key=key if operation.listener == "public" else None)
            place = answer.json.get("place", "") if answer.json else ""
            assert (answer.status, answer.problem()) == (422, "validation") and \
                place.startswith("query parameter "), f"{operation.name}?{query}: {answer}"
            assert all(name in answer["detail"] for name in names), f"{query}: {answer}"
            tried += 1
    assert tried > 150, f"only {tried} queries were tried"


# What is refused is asked for by bad_input.py, which looks at the rows besides.
TESTS = [(f"inputs: {function.__name__.replace('_', ' ')}", function) for function in (
    what_a_schema_takes_is_taken,
    queries_have_the_limits_that_are_written,
    queries_have_no_other_names_and_none_twice,
)]
