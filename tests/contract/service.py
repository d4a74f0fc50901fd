# SPDX-License-Identifier: Apache-2.0
"""service.py: a running service, and requests to it, whose answers must be as the contract says."""
import hashlib
import hmac
import http.client
import json
import subprocess
import time

PATIENCE_S = 60
# Answers that the server gives before it knows which operation is meant.
PROTOCOL_STATUSES = (405, 408, 414, 417, 431, 500, 501, 505)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.type = headers.get("Content-Type", "").split(";")[0]
        self.json = None
        if self.type in ("application/json", "application/problem+json"):
            self.json = json.loads(body.decode("utf-8"))

    def __getitem__(self, key):
        return self.json[key]

    def problem(self):
        return self.json["type"].rsplit("/", 1)[1] if "problem" in self.type else None

    def __str__(self):
        return f"{self.status} {self.body[:600].decode('utf-8', 'replace')}"


class Service:
    def __init__(self, program, contract):
        self.program, self.contract = program, contract
        self.seen = set()     # (operation, status name) of the answers that were checked
        self.numbers = 0
        self.keys = {}        # role: API key

    def __enter__(self):
        self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline().split()
        assert len(first) == 3, "the server did not start"
        self.public, self.internal = int(first[0]), int(first[1])
        self.webhook_secret = first[2]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        status = self.process.wait(timeout=PATIENCE_S)
        assert status == 0, f"the server ended with {status}"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        assert answer, f"the server did not do: {line}"
        return answer

    def fresh(self, prefix):
        self.numbers += 1
        return f"{prefix}-{self.numbers}"

    def send(self, method, path, body=None, headers=None, internal=True):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.internal if internal else self.public, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def ask(self, name, values=None, body=None, query="", raw=None, key=None, once="*",
            internal=None, headers=None):
        """Asks for an operation and checks the answer. `values`: what stands for {…}; `body`: JSON;
        `raw`: bytes instead; `key`: an API key; `once`: Idempotency-Key ("*": a new one)."""
        operation = self.contract.operations[name]
        if internal is None:
            internal = operation.listener != "public"
        path = operation.path
        for value in values if values and "{" in path else ():
            path = path[:path.index("{")] + value + path[path.index("}") + 1:]
        sent = {}
        wants_key = any(item["name"] == "Idempotency-Key" for item in operation.parameters)
        if wants_key and once is not None:
            sent["Idempotency-Key"] = self.fresh("once") if once == "*" else once
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        answer = self.send(operation.method, path + (f"?{query}" if query else ""), raw, sent,
                           internal)
        self.check(operation, answer)
        return answer

    def expect(self, status, name, *arguments, **options):
        answer = self.ask(name, *arguments, **options)
        assert answer.status == status, f"{name}: {answer}; expected {status}"
        return answer

    def check(self, operation, answer):
        what = f"{operation.name}: {answer}"
        documented, response = operation.response(answer.status)
        assert documented != "default" or answer.status in PROTOCOL_STATUSES, \
            f"{what}: this status is not in the contract"
        assert answer.headers.get("Request-Id"), f"{what}: no Request-Id"
        assert answer.headers.get("Cache-Control"), f"{what}: no Cache-Control"
        for header in ("Idempotent-Replayed", "Retry-After", "Set-Cookie", "WWW-Authenticate",
                       "Allow"):
            if answer.headers.get(header) is not None:
                assert header in response["headers"], f"{what}: {header} is not in the contract"
                schema = self.contract.follow(response["headers"][header])["schema"]
                value = answer.headers[header]
                value = int(value) if schema.get("type") == "integer" else value
                self.contract.validate(schema, value, f"{what}: {header}")
        content = response.get("content", {})
        if content:
            assert answer.type in content, f"{what}: {answer.type} is not in the contract"
            schema = content[answer.type].get("schema")
            if answer.json is not None:
                self.contract.validate(schema, answer.json, what)
        if answer.problem():
            assert answer["status"] == answer.status, what
            assert answer.json.get("request_id", answer.headers["Request-Id"]) == \
                answer.headers["Request-Id"], what
        self.seen.add((operation.name, documented))

    def role_key(self, role):
        if role not in self.keys:
            made = self.expect(201, "createKey", body={"name": role, "role": role})
            self.keys[role] = made["key"]
        return self.keys[role]

    def person_key(self, role):
        """A key of a user of its own: somebody who can ask and approve."""
        name = self.fresh("person")
        user = self.expect(201, "createUser", body={
            "name": name, "role": role, "password": "a dozen letters"})
        return self.expect(201, "createKey", body={
            "name": name, "role": role, "user_id": user["id"]})["key"]

    def pay(self, **more):
        card = self.fresh("pm_good")  # each customer his own: what one card did counts for it alone
        order = {"order_id": self.fresh("order"), "amount": 1999, "currency": "USD",
                 "method": "card", "tokens": {"stripe-a": card, "stripe-b": card}}
        order.update(more)
        return self.ask("createPayment", body=order)

    def callback(self, gateway, body):
        """A genuine one of Stripe's."""
        moment = int(time.time())
        digest = hmac.new(self.webhook_secret.encode(), f"{moment}.".encode() + body,
                          hashlib.sha256).hexdigest()
        return self.ask("receiveCallback", [gateway], raw=body,
                        headers={"Stripe-Signature": f"t={moment},v1={digest}"})

    def await_that(self, what, question):
        """Asks again until the answer is true; what runs by itself needs a moment."""
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            answer = question()
            if answer:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"waited in vain: {what}")
