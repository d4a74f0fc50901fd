# SPDX-License-Identifier: Apache-2.0
"""pictures.py: the pictures of the README, from a run of the demo that a Prometheus watches.

    pictures.py HOLDFAST FOLDER

Starts the demo (its ports must be free) and a Prometheus with deploy/prometheus/rules.yml; keeps
what `metric show` and `alert list` print to a terminal, and, when the demo is over, draws the first
panels of deploy/grafana/holdfast.json from what Prometheus has. Writes FOLDER/*.svg.
"""
import html
import json
import math
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

SERVICE = "http://127.0.0.1:3000"
LOOK_AFTER_S = 52       # the demo's third trouble: a gateway that charges and does not answer
COLUMNS, CELL_WIDTH, CELL_HEIGHT = 164, 8.4, 18
COLOURS = {"31": "#f0717a", "32": "#7ec98f", "33": "#e3c567", "36": "#6fc3d8"}
LINES = ["#7ec98f", "#f0717a", "#e3c567", "#6fc3d8", "#c792ea", "#f2a365"]
BACK, INK, DIM, RULE = "#16191f", "#d7dae0", "#8a919c", "#2c323c"
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" '
        'viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}">\n'
        '<!-- SPDX-License-Identifier: Apache-2.0; drawn by script/pictures -->\n'
        '<rect width="100%" height="100%" rx="6" fill="' + BACK + '"/>\n')


# ---- a terminal ----

def typed(command):
    """What the command prints to a terminal of COLUMNS columns."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES="50")
        os.execvp(command[0], command)
    import fcntl
    import struct
    import termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    text = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.waitpid(process, 0)
    os.close(terminal)
    return text.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")


def terminal_svg(screens):
    """screens: (command as typed, what it printed). Colours by their ANSI codes."""
    rows = []
    for command, text in screens:
        rows.append(f'<tspan fill="{DIM}">$ </tspan><tspan>{html.escape(command)}</tspan>')
        for line in text.split("\n"):
            parts, fill, bold = [], None, False
            for piece in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", line):
                code = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
                if code:
                    for one in (code[1] or "0").split(";"):
                        fill = COLOURS.get(one, None if one == "0" else fill)
                        fill = DIM if one == "2" else fill
                        bold = one == "1" or (bold and one != "0")
                elif piece and not piece.startswith("\x1b"):
                    style = (f' fill="{fill}"' if fill else "") + (
                        ' font-weight="bold"' if bold else "")
                    parts.append(f"<tspan{style}>{html.escape(piece)}</tspan>")
            rows.append("".join(parts))
        rows.append("")
    width, height = COLUMNS * CELL_WIDTH + 32, (len(rows) - 1) * CELL_HEIGHT + 28
    svg = HEAD.format(w=width, h=height, label="what a terminal shows")
    svg += (f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" '
            f'fill="{INK}" xml:space="preserve">\n')
    for i, row in enumerate(rows):
        if row:
            svg += f'<text x="16" y="{24 + i * CELL_HEIGHT}">{row}</text>\n'
    return svg + "</g>\n</svg>\n"


# ---- a Prometheus ----

def get(url, **query):
    if query:
        url += "?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def start_prometheus(folder):
    port = free_port()
    rules = open("deploy/prometheus/rules.yml", encoding="utf-8").read()
    # Figures of the last half minute, since a scene is that long; otherwise the rules as they are.
    rules = rules.replace("[5m]", "[30s]").replace("interval: 15s", "interval: 1s")
    open(f"{folder}/rules.yml", "w", encoding="utf-8").write(rules)
    open(f"{folder}/prometheus.yml", "w", encoding="utf-8").write(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        "scrape_configs:\n"
        "  - {job_name: holdfast, static_configs: [{targets: ['127.0.0.1:3000']}]}\n")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml",
         f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, f"http://127.0.0.1:{port}"


# ---- charts ----

PANELS = [
    ("Attempts a second, by outcome", "/s",
     "sum by (outcome) (holdfast:attempts:rate5m)", "{outcome}"),
    ("Technical failures by gateway", "%",
     "100 * max by (gateway) (holdfast:attempt_failure:ratio5m)", "{gateway}"),
    ("Calls to gateways, p95", "s",
     "max by (gateway) (holdfast:gateway_call_seconds:p95_5m{operation=\"charge\"})", "{gateway}"),
    ("Payments not final", "",
     "max by (kind) (label_replace(holdfast_payments_unknown, \"kind\", \"unknown\", \"\", \"\") "
     "or label_replace(holdfast_payments_processing, \"kind\", \"processing\", \"\", \"\"))",
     "{kind}"),
]
PANEL_WIDTH, PANEL_HEIGHT, GAP = 540, 230, 20


def nice_top(value):
    if value <= 0:
        return 1
    scale = 10 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= value)


def panel_svg(x, y, title, unit, series, begin, end):
    left, right, top, bottom = x + 46, x + PANEL_WIDTH - 10, y + 34, y + PANEL_HEIGHT - 44
    most = nice_top(max((v for _, points in series for _, v in points), default=0))
    svg = f'<text x="{x + 8}" y="{y + 20}" font-weight="bold" fill="{INK}">{title}</text>\n'
    for i in range(5):
        value, at = most * i / 4, bottom - (bottom - top) * i / 4
        svg += (f'<line x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" stroke="{RULE}"/>'
                f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}{unit}</text>\n')
    for i in range(0, int(end - begin) + 1, 20):
        at = left + (right - left) * i / (end - begin)
        svg += f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{i} s</text>\n'
    at = left
    for n, (name, points) in enumerate(series):
        across, up = (right - left) / (end - begin), (bottom - top) / most
        path = "M" + " L".join(f"{left + across * (t - begin):.1f} {bottom - up * v:.1f}"
                               for t, v in points)
        colour = LINES[n % len(LINES)]
        svg += f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>\n'
        svg += (f'<rect x="{at:.0f}" y="{y + PANEL_HEIGHT - 18}" width="10" height="4" '
                f'fill="{colour}"/><text x="{at + 14:.0f}" y="{y + PANEL_HEIGHT - 12}">'
                f'{html.escape(name)}</text>\n')
        at += 26 + 7 * len(name)
    return svg


def charts_svg(url, begin, end):
    width, height = 2 * PANEL_WIDTH + 3 * GAP, 2 * PANEL_HEIGHT + 3 * GAP
    svg = HEAD.format(w=width, h=height, label="the dashboard over the demo")
    svg += f'<g font-family="DejaVu Sans, Helvetica, sans-serif" font-size="12" fill="{DIM}">\n'
    for i, (title, unit, query, legend) in enumerate(PANELS):
        found = get(url + "/api/v1/query_range", query=query, start=begin, end=end, step=1)
        series = []
        for one in found["data"]["result"]:
            points = [(t, float(v)) for t, v in one["values"] if not math.isnan(float(v))]
            series.append((legend.format(**one["metric"]), points))
        series.sort()
        if not series:
            raise SystemExit(f"pictures: there is nothing to draw of: {title}")
        svg += panel_svg(GAP + (i % 2) * (PANEL_WIDTH + GAP), GAP + i // 2 * (PANEL_HEIGHT + GAP),
                         title, unit, series, begin, end)
    return svg + "</g>\n</svg>\n"


def main():
    holdfast, folder = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory() as work:
        demo = subprocess.Popen([holdfast, "demo", "--once", "--folder", f"{work}/demo"],
                                stdout=subprocess.DEVNULL)
        prometheus, url = start_prometheus(work)
        try:
            begin = time.time() + 5
            time.sleep(LOOK_AFTER_S)
            screens = []
            for words in ("metric show", "metric show gateway_error_rate --by gateway",
                          "alert list"):
                screens.append((f"holdfast {words}", typed([holdfast, *words.split()])))
            if demo.wait(timeout=240) != 0:
                raise SystemExit("pictures: the demo did not end well")
            charts = charts_svg(url, begin, time.time() - 3)
        finally:
            for process in (demo, prometheus):
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait()
    os.makedirs(folder, exist_ok=True)
    open(f"{folder}/terminal.svg", "w", encoding="utf-8").write(terminal_svg(screens))
    open(f"{folder}/dashboard.svg", "w", encoding="utf-8").write(charts)
    print(f"pictures: {folder}/terminal.svg, {folder}/dashboard.svg")


main()
