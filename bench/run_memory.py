#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run of the service holds in memory. Fills a new SQLite database with that many payments
of one gateway (payment, attempt, charge and fee, as the service writes them), takes in a statement
of all of them, one row of a hundred with another amount, by `holdfast statement import`, and lets
the service reconcile it. Tells the peak of resident memory (VmHWM) of both, and the CPU time.

usage: bench/run_memory.py HOLDFAST ROWS      BENCH_FOLDER: where its files lie for the while [/tmp]
"""
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

MAP = """columns: {gateway_id: id, reference: reference, kind: kind, amount: amount, fee: fee,
          currency: currency, status: status, time: time}
"""
DAY_S = 24 * 3600


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    return [each.getsockname()[1] for each in held]


class Service:
    def __init__(self, program, folder):
        public, self.internal = free_ports(2)
        self.program, self.config = program, f"{folder}/holdfast.yaml"
        with open(self.config, "w") as out:
            out.write(f"""public: {{address: "127.0.0.1:{public}"}}
internal: {{address: "127.0.0.1:{self.internal}"}}
store: {{url: "sqlite:{folder}/holdfast.db"}}
log_level: warn
payments: {{probe_s: 0}}
gateways:
  - name: shop
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {{name: api_key, from: "env:BENCH_KEY"}}
      - {{name: webhook_secret, from: "env:BENCH_KEY"}}
    statements: {{fetch: false, time_zone: UTC, business_days: 0}}
""")
        with open(f"{folder}/map.yaml", "w") as out:
            out.write(MAP)
        self.log = open(f"{folder}/service.log", "ab")

    def start(self):
        self.child = subprocess.Popen(
            [self.program, "serve", "--config", self.config], stdout=self.log, stderr=self.log,
            env=dict(os.environ, BENCH_KEY="sk_test_of_the_bench"))
        for _ in range(2000):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.internal}/readyz"):
                    return
            except OSError:
                if self.child.poll() is not None:
                    sys.exit("run_memory: it did not start:\n" + open(self.log.name).read())
                time.sleep(0.02)
        sys.exit("run_memory: the service does not answer")

    def stop(self):
        self.child.terminate()
        self.child.wait()

    def peak_mib(self):
        text = open(f"/proc/{self.child.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) / 1024

    def forget_peak(self):
        with open(f"/proc/{self.child.pid}/clear_refs", "w") as out:
            out.write("5")

    def cpu_s(self):
        fields = open(f"/proc/{self.child.pid}/stat").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments, "--url", f"http://127.0.0.1:{self.internal}", "--json"],
            capture_output=True, text=True, check=False)
        if done.returncode > 1:
            sys.exit(f"run_memory: {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def insert(db, table, rows_of, count):
    """As many rows as `count`; columns that a row does not name are 0 or ''."""
    columns = db.execute(f"SELECT name, type, \"notnull\" FROM "
                         f"pragma_table_info('{table}')").fetchall()
    named = next(rows_of(0)).keys()
    values = [f":{name}" if name in named else
              "NULL" if not notnull else "0" if kind == "bigint" else "''"
              for name, kind, notnull in columns]
    db.executemany(f"INSERT INTO {table} VALUES ({', '.join(values)})",
                   (row for n in range(count) for row in rows_of(n)))


def fill(folder, count, begin_us):
    """What the service would have written of `count` charges of a day."""
    db = sqlite3.connect(f"{folder}/holdfast.db")
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    step = DAY_S * 1000000 // (count + 1)

    def names(n):
        return f"pay_{n:026d}", f"att_{n:026d}", begin_us + n * step

    def payments(n):
        payment, _, at = names(n)
        yield dict(id=payment, version=2, order_id=f"order-{n}", holds_order=1, state=5,
                   amount_minor=1000 + n % 9000, currency="EUR", method=1, attempts=1,
                   captured_minor=1000 + n % 9000, authorized_minor=1000 + n % 9000, tokens="{}",
                   metadata="{}", gateway="shop", created_us=at, updated_us=at)

    def attempts(n):
        payment, attempt, at = names(n)
        yield dict(id=attempt, payment_id=payment, number=1, gateway="shop", state=6, live=1,
                   amount_minor=1000 + n % 9000, currency="EUR", gateway_id=f"pi_{n:024d}",
                   charge_id=f"ch_{n:024d}", created_us=at, settled_us=at, method=1)

    def postings(n):
        payment, attempt, at = names(n)
        one = dict(journal_id=attempt, payment_id=payment, currency="EUR", at_us=at)
        yield dict(one, id=f"pst_charge_{attempt}", kind=1, amount_minor=1000 + n % 9000,
                   debit_account="gateway:shop:receivable", credit_account="merchant:sales")
        yield dict(one, id=f"pst_fee_{attempt}", kind=5, amount_minor=25 + n % 50,
                   debit_account="gateway:shop:fees", credit_account="gateway:shop:receivable")

    for table, rows_of in (("payment", payments), ("attempt", attempts), ("posting", postings)):
        insert(db, table, rows_of, count)
    db.commit()
    db.close()
    with open(f"{folder}/statement.csv", "w") as out:
        out.write("id,reference,kind,amount,fee,currency,status,time\n")
        for n in range(count):
            _, attempt, at = names(n)
            amount = 1000 + n % 9000 + (7 if n % 100 == 50 else 0)
            fee = 25 + n % 50
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // 1000000))
            out.write(f"ch_{n:024d},{attempt},charge,{amount // 100}.{amount % 100:02d},"
                      f"{fee // 100}.{fee % 100:02d},EUR,done,{moment}\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, count = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    base = os.environ.get("BENCH_FOLDER", "/tmp")
    with tempfile.TemporaryDirectory(dir=base) as folder:
        service = Service(program, folder)
        service.start()  # makes the tables
        service.stop()
        begin_s = int(time.time()) // DAY_S * DAY_S - 7 * DAY_S
        fill(folder, count, begin_s * 1000000)
        service.start()
        idle = service.peak_mib()
        service.ask("statement", "import", f"{folder}/statement.csv", "--map",
                    f"{folder}/map.yaml", "--gateway", "shop")
        taken, cpu = service.peak_mib(), service.cpu_s()
        service.forget_peak()
        run = None
        for _ in range(2):
            run = service.ask("reconcile", "run", "--gateway", "shop", "--wait")
        most, used = service.peak_mib(), service.cpu_s() - cpu
        runs = service.ask("reconcile", "list", "--gateway", "shop")["data"]
        looked = max(each["figures"]["our_rows"] for each in runs)
        open_now = run["figures"]["breaks_open"]
        print(f"{count} rows a side: idle {idle:.0f} MiB; statement taken in: peak {taken:.0f} "
              f"MiB; runs: {len(runs)}, the largest of {looked} rows of ours, peak {most:.0f} MiB, "
              f"{(most - idle) * 1048576 / count:.0f} bytes a pair, {used:.1f} s of CPU; "
              f"{open_now} breaks open")
        service.stop()


if __name__ == "__main__":
    main()
