# SPDX-License-Identifier: Apache-2.0
"""c_rules.py: floors, doors, headers and functions: the rules for C."""
import os
import posixpath
import re

from .tree import line_of

FUNCTION_LINES_MAX = 100

# The house from the ground up. Folders of one row stand side by side and do not know each other.
FLOORS = [
    ["base"], ["net", "store", "meter"], ["watch", "ledger", "risk", "gateway"], ["mode"],
    ["payment"], ["billing", "desk"], ["statement"], ["match"], ["recon"], ["comms"], ["incident"],
    ["api"], ["cli"],
]
FLOOR_OF = {folder: height for height, row in enumerate(FLOORS) for folder in row}
# The sandbox plays the gateways: it may know how they sign, and nothing else of the service.
SANDBOX_MAY = re.compile(r"^(base|net|sandbox)/|^gateway/\w+/(\w+_)?sign\w*\.h$")

INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([\"<])([^\">]+)[\">]", re.M)


def calls(words):
    """Matches a call of one of these functions; members (x.send, x->send) are something else."""
    return re.compile(r"(?<![\w.>])(?:" + words.replace(" ", "|") + r")(?=\s*\()")


def names(pattern):
    return re.compile(r"(?<![\w.>])(?:" + pattern + r")")


# The world door: what may be called only behind it. Each row: what, what it forbids, the system
# headers that lead there, who may, and what the others use instead. Paths are below src/.
DOORS = [
    ("time", [calls(
        "time clock clock_gettime clock_getres clock_settime gettimeofday ftime timespec_get times "
        "nanosleep clock_nanosleep usleep sleep alarm setitimer timer_create timerfd_create "
        "g_get_real_time g_get_monotonic_time g_get_current_time g_usleep "
        r"g_date_time_new_now\w* g_timer_\w+ g_timeout_\w+")],
     r"sys/time\.h|sys/timerfd\.h", r"base/world_real\.c", "base/clock.h and task_sleep_us()"),
    ("calendar", [calls("gmtime_r localtime_r timegm timelocal mktime strftime strptime")],
     None, r"base/", "base/clock.h"),
    ("chance", [calls(
        r"rand rand_r srand random random_r srandom [dejlmn]rand48 srand48 arc4random\w* getrandom "
        r"getentropy g_random_\w+ g_rand_\w+ g_uuid_string_random RAND_\w+ "
        "randombytes randombytes_(?:buf|random|uniform)")],
     r"sys/random\.h|openssl/rand\.h", r"base/(world_real\.c|openssl\.h)", "base/random.h"),
    ("threads", [names(
        r"pthread_\w+|PTHREAD_\w+|thrd_\w+|mtx_\w+|cnd_\w+|sem_(?:init|open|wait|timedwait|post)\b"
        r"|g_(?:thread|mutex|rec_mutex|rw_lock|cond|once|async_queue|private)_\w+|call_once\b")],
     r"pthread\.h|threads\.h|semaphore\.h", r"base/world_real\.c", "base/task.h"),
    ("processes", [calls(
        r"fork vfork clone exec[lv]p?e? fexecve posix_spawnp? system popen pclose wait waitpid "
        r"waitid wait[34] kill killpg daemon syscall g_spawn_\w+ setsid")],
     r"sys/wait\.h|spawn\.h|sys/syscall\.h", r"base/(proc|world_real)\.c", "base/proc.h"),
    ("network", [calls(
        "socket socketpair connect bind listen accept accept4 send sendto sendmsg recv recvfrom "
        "recvmsg getaddrinfo getnameinfo gethostbyname setsockopt getsockopt getsockname "
        "getpeername shutdown"), names(
            r"curl_\w+|CURL(?:E|M|OPT|INFO|MOPT)_\w+|http_parser_(?:init|execute|settings)\w*"
            r"|(?:event_base|evbuffer|bufferevent|evconnlistener|evhttp|evutil|evthread|evdns)_\w+"
            r"|event_(?:new|add|del|free|assign|active|self_cbarg)\b|SSL_\w+")],
     r"sys/socket\.h|netinet/.*|arpa/.*|netdb\.h|event2/.*|curl/.*|http_parser\.h|openssl/ssl\.h",
     r"net/|base/openssl\.h", "net/http_client.h or net/http_server.h"),
    ("waiting", [calls(r"poll ppoll select pselect epoll_\w+")],
     r"poll\.h|sys/epoll\.h|sys/select\.h", r"net/|store/|base/(proc|world_real)\.c",
     "net/ or base/task.h"),
    ("database", [names(r"sqlite3_\w+|PQ[a-z]\w*|PG_DIAG_\w+")],
     r"sqlite3\.h|libpq-fe\.h|libpq/.*", r"store/|sim/disk_vfs\.c", "store/store.h"),
    # The simulated disk serves SQLite; it may not use it: everybody else is told by the row above.
    ("database", [calls(r"sqlite3_(?:open|close|exec|prepare|step|bind|column|finalize)\w*")],
     None, r"(?!sim/disk_vfs\.c)", "store/store.h"),
    ("disk", [calls(
        r"fopen fdopen freopen open openat creat read write pread pwrite unlink unlinkat rename "
        r"remove mkdir rmdir opendir mkstemp mkdtemp tmpfile fsync fdatasync truncate ftruncate "
        r"flock stat fstat lstat g_file_\w+ g_dir_\w+ g_mkstemp\w* g_mkdir\w* g_unlink g_remove")],
     r"dirent\.h|sys/file\.h", r"base/|net/|store/|cli/|main\.c", "base/ or store/"),
    ("terminal", [calls("printf vprintf puts putchar perror psignal"),
                  names(r"(?:stdout|stderr)\b")],
     None, r"base/|cli/|main\.c|sim/(main|table)\.c", "base/log.h"),
]
RANDOM_DEVICE = re.compile(r'"/dev/u?random"')

# Where an amount is at home, nothing may be rounded.
MONEY_FILES = re.compile(r"^src/(ledger|payment)/|^src/base/money\.[ch]$")
FLOATING = re.compile(
    r"(?<![\w.>])(?:double|float|strtod|strtof|strtold|json_real\w*|json_number_value)\b")

# A static function of the same name hides the system's, so calling it opens no door.
STATIC_FUNCTION = re.compile(r"^static\b[^;={}()]*?\b(\w+)\s*\(", re.M)

BANNED_DEFINE = re.compile(r"^#define (\w+)\(.*\) BANNED\(", re.M)
INT_FUNCTION = re.compile(r"(?<![\w*])int\s+(\w+)\s*\(")


def own_path(source):
    return source.path[len("src/"):]


def in_src(tree):
    return [source for source in tree.of_kind("c") if source.in_folder("src")]


def includes_of(source):
    for match in INCLUDE.finditer(source.directives):
        yield line_of(source.directives, match.start(1)), match[1], match[2]


def floor_problem(own, target):
    """Says why the file `own` may not include `target` (both below src/), or None."""
    own_folder, target_folder = own.split("/")[0], target.split("/")[0]
    if "/" not in own:
        return None  # main.c stands on the roof
    if own_folder == target_folder:
        own_parts, target_parts = own.split("/")[1:-1], target.split("/")[1:-1]
        if own_parts and target_parts and own_parts[0] != target_parts[0]:
            return f"{own_folder}/{own_parts[0]} may not know {own_folder}/{target_parts[0]}"
        return None
    if own_folder == "sandbox":
        if SANDBOX_MAY.match(target):
            return None
        return "sandbox may include base/, net/ and gateway/*/…sign….h only"
    if own_folder == "sim":
        return None if target_folder != "cli" else "sim stands beside cli, not on it"
    if target_folder == "sandbox" and own_folder == "cli":
        return None
    for folder in (own_folder, target_folder):
        if folder not in FLOOR_OF:
            return f"{folder}/ is not below {own_folder}/ on any floor"
    if FLOOR_OF[target_folder] == FLOOR_OF[own_folder]:
        return f"{own_folder}/ and {target_folder}/ stand side by side and may not know each other"
    if FLOOR_OF[target_folder] > FLOOR_OF[own_folder]:
        return f"{target_folder}/ is above {own_folder}/; a file includes only from below"
    return None


def check_floors(tree):
    for source in in_src(tree):
        for line, quote, target in includes_of(source):
            if quote != '"':
                continue
            if "/" not in target:
                beside = posixpath.join(posixpath.dirname(source.path), target)
                if beside in tree.sources:
                    tree.report(source.path, line, "floor",
                                f'write "{beside[len("src/"):]}" so that the floor shows')
                continue
            if target.startswith("."):
                tree.report(source.path, line, "floor", "write paths from src/ on")
                continue
            problem = floor_problem(own_path(source), target)
            if problem:
                tree.report(source.path, line, "floor", problem)


def check_circles(tree):
    """Walks the includes depth first; an include of a file still open is a circle."""
    graph = {own_path(source): [(line, target) for line, quote, target in includes_of(source)
                                if quote == '"' and "src/" + target in tree.sources]
             for source in in_src(tree)}
    finished = set()
    for start in graph:
        if start in finished:
            continue
        trail = [start]
        pending = [iter(graph[start])]
        while trail:
            step = next(pending[-1], None)
            if step is None:
                finished.add(trail.pop())
                pending.pop()
                continue
            line, target = step
            if target in trail:
                circle = " → ".join(trail[trail.index(target):] + [target])
                tree.report("src/" + trail[-1], line, "circle", circle)
            elif target not in finished:
                trail.append(target)
                pending.append(iter(graph[target]))


def check_doors(tree):
    for source in in_src(tree):
        own = own_path(source)
        own_functions = set(STATIC_FUNCTION.findall(source.code))
        headers = [(line, target) for line, quote, target in includes_of(source) if quote == "<"]
        for what, patterns, header_pattern, may, instead in DOORS:
            if re.match(may, own):
                continue
            message = f"the {what} is behind the door; use {instead}"
            for pattern in patterns:
                for match in pattern.finditer(source.code):
                    if match[0] not in own_functions:
                        tree.report(source.path, line_of(source.code, match.start()), "door",
                                    f"`{match[0]}`: {message}")
            for line, header in headers:
                if header_pattern and re.fullmatch(header_pattern, header):
                    tree.report(source.path, line, "door", f"<{header}>: {message}")
        for match in RANDOM_DEVICE.finditer(source.directives):
            tree.report(source.path, line_of(source.directives, match.start()), "door",
                        f"{match[0]}: use base/random.h")


def check_banned(tree):
    """The compiler already refuses the calls; this also finds who takes a ban off."""
    home = tree.sources.get("src/base/banned.h")
    if home is None:
        return
    words = "|".join(BANNED_DEFINE.findall(home.directives))
    call = re.compile(rf"(?<![\w.>])(?:{words})(?=\s*\()")
    lifted = re.compile(rf"#[ \t]*undef[ \t]+(?:{words})\b")
    for source in tree.of_kind("c"):
        if source is home:
            continue
        for pattern in (call, lifted):
            for match in pattern.finditer(source.code):
                tree.report(source.path, line_of(source.code, match.start()), "banned",
                            f"`{match[0]}` is banned; see src/base/banned.h")


def check_openings(tree):
    for source in tree.of_kind("c"):
        if source.suffix not in (".c", ".h"):
            continue
        name = os.path.basename(source.path)
        opening = source.comments[0] if source.comments else (0, "")
        if opening[0] != 1 or f"{name}: " not in opening[1]:
            tree.report(source.path, 1, "opening",
                        f"the first comment must say `{name}: what it is`")


def check_guards(tree):
    seen = {}
    for source in tree.of_kind("c"):
        if source.suffix != ".h":
            continue
        match = re.match(r"\s*#ifndef (HOLDFAST_\w+_H)\n#define (\w+)\n", source.directives)
        if not match or match[1] != match[2]:
            tree.report(source.path, 1, "guard",
                        "must begin with #ifndef HOLDFAST_…_H and #define of the same name")
        elif match[1] in seen:
            tree.report(source.path, 1, "guard", f"{match[1]} is the guard of {seen[match[1]]} too")
        else:
            seen[match[1]] = source.path


def function_bodies(code):
    """Yields (first line, last line) of each function's braces. Preprocessor lines do not count; a
    brace in the first column ends whatever is open: two branches of an #if may both open one."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]),
                  code, flags=re.M)
    depth, start, before = 0, None, ""
    for match in re.finditer(r"[^\s{}]|[{}]", code):
        character = match[0]
        if character == "{":
            if depth == 0 and before == ")":
                start = match.start()
            depth += 1
        elif character == "}":
            first_column = match.start() == 0 or code[match.start() - 1] == "\n"
            depth = 0 if first_column else max(depth - 1, 0)
            if depth == 0 and start is not None:
                yield line_of(code, start), line_of(code, match.start())
                start = None
        before = character


def check_function_length(tree):
    for source in tree.of_kind("c"):
        if source.suffix == ".def":
            continue
        for first, last in function_bodies(source.code):
            length = last - first + 1
            if length > FUNCTION_LINES_MAX:
                tree.report(source.path, first, "function-length",
                            f"{length} lines; at most {FUNCTION_LINES_MAX}, better 70")


def check_money(tree):
    for source in tree.of_kind("c"):
        if not MONEY_FILES.search(source.path):
            continue
        for match in FLOATING.finditer(source.code):
            tree.report(source.path, line_of(source.code, match.start()), "money",
                        f"`{match[0]}`: amounts are integers, and nothing here may be rounded")


def closing_parenthesis(code, opening):
    depth = 0
    for match in re.finditer(r"[()]", code[opening:]):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return opening + match.start()
    return len(code)


def check_must_use(tree):
    """In headers, where the contract is: an int whose last argument is the error is looked at.

    A function named …_error makes an error for its caller to return; it does not meet one.
    """
    for source in in_src(tree):
        if source.suffix != ".h":
            continue
        code = source.code
        for match in INT_FUNCTION.finditer(code):
            if match[1].endswith("_error"):
                continue
            end = closing_parenthesis(code, match.end() - 1)
            if not re.search(r"(?:^|,)\s*struct\s+err\s*\*\s*\w*\s*$", code[match.end():end]):
                continue
            before = code[:match.start()]
            before = before[max(before.rfind(mark) for mark in ";}{") + 1:]
            if not re.search(r"\b(?:MUST_USE|typedef)\b", before):
                tree.report(source.path, line_of(code, match.start()), "must-use",
                            f"{match[1]}() can fail: mark it MUST_USE")


def listing_of(tree, path):
    """The nearest meson.build up the tree, and the path as seen from there."""
    folder = posixpath.dirname(path)
    while True:
        meson = tree.sources.get(posixpath.join(folder, "meson.build"))
        if meson is not None or not folder:
            return meson, posixpath.relpath(path, folder or ".")
        folder = posixpath.dirname(folder)


def check_listed(tree):
    for source in tree.of_kind("c"):
        if source.suffix != ".c" or not source.in_folder("src", "tests", "bench"):
            continue
        meson, seen_as = listing_of(tree, source.path)
        stem = posixpath.basename(source.path)[:-2]
        spellings = {seen_as, stem, re.sub(r"^(test|fuzz|bench)_", "", stem)}
        if meson is None or not any(f"'{spelling}'" in meson.text for spelling in spellings):
            tree.report(source.path, 1, "listed",
                        f"{meson.path if meson else 'no meson.build'} does not name it")
    root = tree.sources.get("meson.build")
    for source in tree.sources.values():
        match = re.fullmatch(r"src/(\w+)/meson\.build", source.path)
        if match and (root is None or f"'{match[1]}'" not in root.text):
            tree.report(source.path, 1, "listed",
                        f"meson.build does not name the folder '{match[1]}'")


CHECKS = {
    "floor": check_floors, "circle": check_circles, "door": check_doors, "banned": check_banned,
    "opening": check_openings, "guard": check_guards, "function-length": check_function_length,
    "money": check_money, "must-use": check_must_use, "listed": check_listed,
}
