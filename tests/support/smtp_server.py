#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A mail server for tests, as strict as the strictest: STARTTLS, AUTH, and a look at every byte.

usage: smtp_server.py CERTIFICATE KEY USER PASSWORD [--tls] [--refuse ADDRESS]

Prints its port on a line of its own, then one line of JSON for each mail that it took:
{"from", "to", "headers": {name: decoded value}, "text", "raw_subject", "problems"}. `problems` says
what no real server would like: a bare line end, a line that is too long, a header that is not
ASCII, a name without a pair of brackets. Ends at the end of its input.

Nothing but EHLO, STARTTLS and QUIT is taken in the clear. --tls: TLS from the first byte. --refuse:
550 for that recipient.
"""
import base64
import email
import email.policy
import json
import re
import socket
import ssl
import sys
import threading


class Talk:
    """One connection."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.tls = server.tls
        self.held = b""
        self.known = False
        self.forget()

    def forget(self):
        self.sender, self.recipients = None, []

    def line(self):
        while b"\n" not in self.held:
            got = self.connection.recv(65536)
            if not got:
                raise ConnectionError
            self.held += got
        line, self.held = self.held.split(b"\n", 1)
        return line + b"\n"

    def say(self, text):
        self.connection.sendall(text.encode() + b"\r\n")

    def login(self, user, password):
        self.known = (user, password) == (self.server.user, self.server.password)
        self.say("235 welcome" if self.known else "535 5.7.8 who are you?")

    def auth(self, words):
        if words[1].upper() == "PLAIN":
            if len(words) < 3:
                self.say("334 ")
                words.append(self.line().decode().strip())
            parts = base64.b64decode(words[2]).decode().split("\0")
            self.login(parts[1], parts[2])
        else:
            self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.say("334 UGFzc3dvcmQ6")
            self.login(user, base64.b64decode(self.line()).decode())

    def take(self):
        lines, problems = [], []
        self.say("354 go on")
        while (line := self.line()) != b".\r\n":
            if not line.endswith(b"\r\n"):
                problems.append("a bare line end")
            if len(line) > 1000:
                problems.append("a line of %d bytes" % len(line))
            lines.append(line[1:] if line.startswith(b"..") else line)
        whole = b"".join(lines)
        head, body = whole.split(b"\r\n\r\n", 1)
        if any(byte > 126 for byte in head):
            problems.append("a header that is not ASCII")
        if any(len(line) > 78 for line in head.split(b"\r\n") if not line.startswith(b"References")
               and not line.startswith(b"Message-ID") and not line.startswith(b"In-Reply-To")):
            problems.append("a long header line")
        if any(len(line) > 76 for line in body.split(b"\r\n")):
            problems.append("a line too long for quoted-printable")
        message = email.message_from_bytes(whole, policy=email.policy.default)
        problems += [str(defect) for defect in message.defects]
        if not re.fullmatch(r"<[^<>@ ]+@[^<>@ ]+>", message["Message-ID"]):
            problems.append("a name that is none")
        subject = re.search(rb"^Subject: (.*?)\r\n(?![ \t])", head + b"\r\n", re.S | re.M)
        print(json.dumps({
            "from": self.sender, "to": self.recipients, "problems": problems,
            "headers": {name: str(value) for name, value in message.items()},
            "raw_subject": subject.group(1).decode() if subject else "",
            "text": message.get_content().replace("\r\n", "\n"),
        }), flush=True)
        self.forget()
        self.say("250 2.0.0 taken")

    def obey(self, line):
        words = line.decode("ascii").split()
        word = words[0].upper() if words else ""
        if word == "EHLO":
            self.say("250-localhost")
            self.say("250-SIZE 1000000")
            self.say("250 AUTH PLAIN LOGIN" if self.tls else "250 STARTTLS")
        elif word == "STARTTLS" and not self.tls:
            self.say("220 go on")
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
            self.tls, self.held = True, b""
        elif word == "QUIT":
            self.say("221 bye")
            raise ConnectionError
        elif not self.tls:
            self.say("530 5.7.0 not in the clear")
        elif word == "AUTH":
            self.auth(words)
        elif not self.known:
            self.say("530 5.7.0 log in first")
        elif word == "MAIL":
            self.sender = re.match(r"MAIL FROM:<([^>]*)>", line.decode(), re.I).group(1)
            self.say("250 2.1.0 yes")
        elif word == "RCPT":
            recipient = re.match(r"RCPT TO:<([^>]*)>", line.decode(), re.I).group(1)
            if recipient == self.server.refused:
                self.say("550 5.1.1 no such mailbox")
            else:
                self.recipients.append(recipient)
                self.say("250 2.1.5 yes")
        elif word == "DATA" and self.recipients:
            self.take()
        else:
            self.say("503 5.5.1 not now")

    def run(self):
        try:
            if self.tls:
                self.connection = self.server.context.wrap_socket(self.connection,
                                                                  server_side=True)
            self.say("220 localhost ESMTP")
            while True:
                self.obey(self.line())
        except (ConnectionError, ssl.SSLError, OSError):
            self.connection.close()


class Server:
    def __init__(self, arguments):
        certificate, key, self.user, self.password = arguments[:4]
        self.tls = "--tls" in arguments
        refused = arguments[arguments.index("--refuse") + 1:] if "--refuse" in arguments else []
        self.refused = refused[0] if refused else None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate, key)
        self.socket = socket.create_server(("127.0.0.1", 0))

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=Talk(self, connection).run, daemon=True).start()


def main():
    server = Server(sys.argv[1:])
    print(server.socket.getsockname()[1], flush=True)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()


main()
