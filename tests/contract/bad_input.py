# SPDX-License-Identifier: Apache-2.0
"""bad_input.py: each kind of bad input, byte by byte over HTTP: the answer is a problem document
that says what is wrong and where, no gateway is called, and no table has a row more or fewer."""
import inputs

BODY_BYTES_MAX = 65536
DEPTH_MAX = 16
GOOD = ('{"order_id":"bad-input","amount":1999,"currency":"USD","method":"card",'
        '"tokens":{"stripe-a":"pm_good"}}')


def order(member, text):
    """The good order with another text for one member."""
    good = {"order_id": '"bad-input"', "amount": "1999", "currency": '"USD"', "method": '"card"',
            "tokens": '{"stripe-a":"pm_good"}'}
    good[member] = text
    return "{" + ",".join(f'"{name}":{value}' for name, value in good.items()) + "}"


def deep(levels):
    return '{"metadata":' + '{"a":' * levels + "1" + "}" * levels + "}"


# What is sent; status, problem and place of the answer. A place that ends with "…" may go on.
ROWS = (
    ("malformed: cut off", '{"order_id":"A', 400, "bad-json", "line 1, column …"),
    ("malformed: a comma too many", '{"amount":1,}', 400, "bad-json", "line 1, column …"),
    ("malformed: on its third line", '{\n"amount":1,\n"currency":}', 400, "bad-json", "line 3, …"),
    ("malformed: two documents", GOOD + GOOD, 400, "bad-json", "line 1, column …"),
    ("malformed: not UTF-8", b'{"order_id":"\xff\xfe"}', 400, "bad-json", "line 1, column …"),
    ("malformed: no JSON at all", "order_id=A&amount=1", 400, "bad-json", "line 1, column …"),
    ("malformed: an array", f"[{GOOD}]", 422, "validation", "/"),
    ("oversized", GOOD + " " * BODY_BYTES_MAX, 413, "too-large", None),
    ("oversized: a text", order("order_id", '"' + "a" * 60000 + '"'), 422, "validation",
     "/order_id"),
    ("oversized: many members", '{"metadata":{' + ",".join(
        f'"k{number}":"v"' for number in range(51)) + "}," + GOOD[1:], 422, "validation",
     "/metadata"),
    ("deep", deep(DEPTH_MAX + 1), 400, "bad-json", "line 1, column …"),
    ("deep: thousands of levels", "[" * 30000, 400, "bad-json", "line 1, column …"),
    ("a key twice", '{"amount":1,"amount":2}', 400, "bad-json", "line 1, column …"),
    ("a key twice, escaped", '{"amount":1,"\\u0061mount":2}', 400, "bad-json",
     "line 1, column …"),
    ("wrong type: order_id", order("order_id", "7"), 422, "validation", "/order_id"),
    ("wrong type: tokens", order("tokens", "[]"), 422, "validation", "/tokens"),
    ("wrong type: one token", order("tokens", '{"stripe-a":5}'), 422, "validation",
     "/tokens/stripe-a"),
    ("wrong type: null", order("method", "null"), 422, "validation", "/method"),
    ("an unknown member", order("amonut", "1"), 422, "validation", "/amonut"),
    ("amount: zero", order("amount", "0"), 422, "validation", "/amount"),
    ("amount: negative", order("amount", "-1"), 422, "validation", "/amount"),
    ("amount: fractional", order("amount", "19.99"), 422, "validation", "/amount"),
    ("amount: a whole number with a point", order("amount", "1999.0"), 422, "validation",
     "/amount"),
    ("amount: an exponent", order("amount", "1e3"), 422, "validation", "/amount"),
    ("amount: beyond int64", order("amount", "9223372036854775808"), 400, "bad-json",
     "line 1, column …"),
    ("amount: below int64", order("amount", "-9223372036854775809"), 400, "bad-json",
     "line 1, column …"),
    ("amount: the largest int64", order("amount", "9223372036854775807"), 422, "validation",
     "/amount"),
    ("amount: a text", order("amount", '"1999"'), 422, "validation", "/amount"),
    ("amount: a decimal text", order("amount", '"12.345"'), 422, "validation", "/amount"),
    ("amount: an object with decimals", order("amount", '{"value":"12.345","currency":"USD"}'),
     422, "validation", "/amount"),
    ("exponent: yen with decimals", order("currency", '"JPY"').replace("1999", "19.99"), 422,
     "validation", "/amount"),
    ("exponent: dinar with three decimals", order("currency", '"KWD"').replace("1999", "1.999"),
     422, "validation", "/amount"),
    ("exponent: given besides", order("exponent", "2"), 422, "validation", "/exponent"),
    ("currency: unknown", order("currency", '"XXX"'), 422, "validation", "/currency"),
    ("currency: of old", order("currency", '"DEM"'), 422, "validation", "/currency"),
    ("currency: too long", order("currency", '"USDT"'), 422, "validation", "/currency"),
    ("currency: a number", order("currency", "840"), 422, "validation", "/currency"),
    ("a card number", order("order_id", '"4242424242424242"'), 422, "card-number", "/order_id"),
)


# What the service writes by itself when a minute is over, of whatever came before: its figures by
# slice, and what its detectors counted (watch/rollup_store.c, watch/looks.c).
BY_THE_MINUTE = {"metric_slice", "metric_minute", "metric_hour", "metric_hour_due", "look_minute"}


class Unchanged:
    """Within it no table gets or loses a row (`but` one, perhaps, and those BY_THE_MINUTE), and no
    gateway is called."""

    def __init__(self, service, but=None):
        self.service, self.left_out = service, BY_THE_MINUTE | {but}

    def rows(self):
        counts = self.service.tell("rows").split(", ")
        names = {count.split(" ")[0] for count in counts}
        unknown = self.left_out - names - {None}
        assert not unknown, f"there is no table {unknown}"
        return [count for count in counts if count.split(" ")[0] not in self.left_out]

    def __enter__(self):
        self.before = self.rows()

    def __exit__(self, kind, *_):
        after = self.rows()
        assert kind is not None or after == self.before, f"before {self.before}\nafter {after}"


def must_refuse(answer, name, status, problem, place):
    found = answer.json.get("place") if answer.json else None
    at_place = place is None or found == place or (
        place.endswith("…") and str(found).startswith(place[:-1]))
    assert (answer.status, answer.problem()) == (status, problem) and at_place, f"{name}: {answer}"
    assert answer.json.get("detail") and answer.json.get("title"), f"{name}: {answer}"


def each_kind_is_refused_where_it_is_and_changes_nothing(service):
    for name, body, status, problem, place in ROWS:
        with Unchanged(service):
            raw = body if isinstance(body, bytes) else body.encode()
            must_refuse(service.ask("createPayment", raw=raw), name, status, problem, place)
    paid = service.expect(201, "createPayment", raw=GOOD.encode())
    assert paid["state"] == "succeeded", "what the rows spoil is good"


def a_wrong_role_is_refused_and_changes_nothing(service):
    paid = service.pay()
    keys = {role: service.role_key(role) for role in ("viewer", "support", "operator", "finance")}
    reason = {"reason": "x"}
    rows = (
        ("viewer", "createPayment", [], {"order_id": "A", "amount": 1, "currency": "USD",
                                         "method": "card"}),
        ("viewer", "refundPayment", [paid["id"]], {}),
        ("support", "capturePayment", [paid["id"]], {}),
        ("support", "disableGateway", ["stripe-a"], reason),
        ("operator", "resolvePayment", [paid["id"]], {"status": "failed", **reason}),
        ("operator", "closeCase", ["case_1"], {"resolution": "x"}),
        ("finance", "createKey", [], {"name": "x", "role": "admin"}),
        ("finance", "createUser", [], {"name": "x", "password": "long enough for it",
                                       "role": "admin"}),
        ("finance", "setUserPassword", ["usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"],
         {"password": "long enough for it"}),
    )
    for role, operation, values, body in rows:
        with Unchanged(service):
            answer = service.ask(operation, values, body=body, key=keys[role], internal=False)
            must_refuse(answer, f"{operation} as {role}", 403, "forbidden", None)
            assert role in answer["detail"], answer


def a_replay_with_another_body_is_refused_and_changes_nothing(service):
    once = service.fresh("replay")
    first = service.expect(201, "createPayment", raw=GOOD.replace("bad-input", once).encode(),
                           once=once)
    other = GOOD.replace("bad-input", once).replace("1999", "1998").encode()
    with Unchanged(service):
        must_refuse(service.ask("createPayment", raw=other, once=once), "another amount", 422,
                    "idempotency-mismatch", "Idempotency-Key")
        must_refuse(service.ask("refundPayment", [first["id"]], body={}, once=once),
                    "another call", 422, "idempotency-mismatch", "Idempotency-Key")
        again = service.expect(201, "createPayment",
                               raw=GOOD.replace("bad-input", once).encode(), once=once)
        assert again.headers["Idempotent-Replayed"] == "true" and again["id"] == first["id"]
    # The refusal is kept under its key, and nothing else is.
    with Unchanged(service, but="idempotency"):
        new = service.fresh("replay")
        for _ in range(2):
            answer = service.ask("createPayment", raw=GOOD.replace("bad-input", once).encode(),
                                 once=new)
            must_refuse(answer, "the order again with a new key", 409, "order-taken", None)
        assert answer.headers["Idempotent-Replayed"] == "true"


def what_schemas_refuse_changes_nothing(service):
    service.role_key("admin")
    with Unchanged(service):
        inputs.what_a_schema_refuses_is_refused_at_its_place(service)


TESTS = [(f"bad input: {function.__name__.replace('_', ' ')}", function) for function in (
    each_kind_is_refused_where_it_is_and_changes_nothing,
    a_wrong_role_is_refused_and_changes_nothing,
    a_replay_with_another_body_is_refused_and_changes_nothing,
    what_schemas_refuse_changes_nothing,
)]
