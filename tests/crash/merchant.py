# SPDX-License-Identifier: Apache-2.0
"""merchant.py: the merchant's own system, which is told by webhooks and remembers it.

It checks each signature by Standard Webhooks (HMAC-SHA256 over id.timestamp.body), refuses a few
first deliveries to see them again, and expects a repeat to say the same.
"""
import base64
import hashlib
import hmac
import http.server
import json
import random
import threading
import time


class Merchant:
    def __init__(self, seed):
        self.rng = random.Random(f"{seed}/merchant")
        self.lock = threading.Lock()
        self.key = b""
        self.told = {}  # webhook-id: what it said
        self.refused = set()
        self.wrong = []
        self.deliveries = 0
        merchant = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(merchant.take(self.headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # who delivers may be killed in the middle

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def trust(self, secret):
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def signed_well(self, headers, body):
        name, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signed = name.encode() + b"." + moment.encode() + b"." + body
        good = "v1," + base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()
        fresh = moment.isdigit() and abs(int(moment) - time.time()) < 300
        return fresh and any(hmac.compare_digest(good, each)
                             for each in headers.get("webhook-signature", "").split())

    def take(self, headers, body):
        """What came; returns the HTTP status of the answer."""
        name = headers.get("webhook-id", "")
        with self.lock:
            self.deliveries += 1
            if not self.signed_well(headers, body):
                self.wrong.append(f"webhook {name} is not signed well")
                return 400
            if name not in self.told and name not in self.refused and self.rng.random() < 0.02:
                self.refused.add(name)
                return 500
            said = json.loads(body)
            if self.told.setdefault(name, said) != said:
                self.wrong.append(f"webhook {name} said {self.told[name]}, then {said}")
            return 204

    def close(self):
        self.server.shutdown()
        self.server.server_close()
