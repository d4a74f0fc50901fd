/* SPDX-License-Identifier: Apache-2.0
 * gate_recovered.c: whether payments succeed again, by Wald's test (watch/sequential.h) on those
 * that were begun after the fix. One that was begun before it says nothing of the fix, whenever it
 * ended.
 *
 * Each gateway, method and region that the scope names has a test of its own, so that a large one
 * that is well does not hide a small one that is not; a scope without names has one test in all.
 * Where gateways are named each attempt at one of them is an event, else each payment.
 *
 *   well when   the last verdict of the test was "well", and what came since has not gone
 *               half of the way to "bad"
 *
 * "Usual" is the share that failed in the day that ended an hour before the trouble began (declined
 * ones with it: a fault may look like declines), at least P_WELL.
 * Our own probes are no customers. They stand in only where too few customers come, and never
 * beside a customer whose payment failed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "incident/gate_impl.h"
#include "watch/sequential.h"

#define ALPHA 0.001
#define BETA 0.01
#define P_WELL 0.05
#define P_APART 0.15 /* between usual and bad */
#define P_USUAL_MAX 0.60
#define HOUR_US (3600 * US_PER_SECOND)

enum {
    SLICES_MAX = 3 * SCOPE_NAMES_MAX + 1,
    USUAL_LEAST = 200,   /* fewer payments say nothing of what is usual */
    USUAL_MOST = 20000,
    EVENTS_MOST = 100000000, /* all */
};

enum slice_kind { SLICE_ALL, SLICE_GATEWAY, SLICE_METHOD, SLICE_REGION };
static const char *const kind_names[] = {"all", "gateway", "method", "region"};

struct test {
    struct sprt sprt;
    enum sprt_verdict last;
    int64_t at_us; /* of the last verdict */
    double worse;  /* how much has spoken for "bad" since: as CUSUM counts, never below 0 */
};
#define WORSE_MAX (log((1 - BETA) / ALPHA) / 2)
struct slice {
    enum slice_kind kind;
    const char *name;
    struct test customers, all; /* all: with probes */
    int64_t good, bad, open, waiting, probes;
    int64_t usual_good, usual_bad;
    double p0, p1;
};
struct recovery {
    struct gate_look *look;
    struct slice slices[SLICES_MAX];
    int count;
    bool by_gateway;
    int64_t after_us;
};

/* ---- what became of one ---- */

enum fate { FATE_SKIPPED, FATE_GOOD, FATE_BAD, FATE_OPEN };

/* Columns: id, created, fate, probe?, gateway, method, region. */
#define PAYMENT_FATE                                                                               \
    "CASE WHEN p.state IN (4, 5) THEN 1 WHEN p.state = 6 OR (p.state = 3 AND p.action = "          \
    "'choose_method') THEN 2 WHEN p.state IN (1, 2) THEN 3 ELSE 0 END"
#define ATTEMPT_FATE                                                                               \
    "CASE WHEN a.state IN (5, 6) THEN 1 WHEN a.state IN (7, 8) THEN 2 WHEN a.state IN (1, 2, 4) "  \
    "THEN 3 ELSE 0 END"
#define OF_PAYMENTS(order)                                                                         \
    "SELECT p.id, p.created_us, " PAYMENT_FATE ", CASE WHEN p.purpose = '100' THEN 1 ELSE 0 END, " \
    "p.gateway, p.method, p.customer_region FROM payment p WHERE " SQL_BEGUN " AND ($5 = '' OR "   \
    "$5 <> '') AND " SQL_IN("$6", "CAST(p.method AS text)") " AND " SQL_IN("$7",                   \
    "p.customer_region") " AND " SQL_IN("$8", "p.currency") " ORDER BY p.id " order " LIMIT $9"
#define WAY "CASE WHEN a.method = 0 THEN p.method ELSE a.method END"
#define OF_ATTEMPTS(order)                                                                         \
    "SELECT a.id, p.created_us, " ATTEMPT_FATE ", CASE WHEN p.purpose = '100' THEN 1 ELSE 0 END, " \
    "a.gateway, " WAY ", p.customer_region FROM payment p JOIN attempt a ON a.payment_id = p.id "  \
    "WHERE " SQL_BEGUN " AND " SQL_ONLY_IN("$5", "a.gateway") " AND " SQL_IN("$6",                 \
    "CAST(" WAY " AS text)") " AND " SQL_IN("$7", "p.customer_region") " AND " SQL_IN("$8",        \
    "p.currency") " ORDER BY p.id " order ", a.number " order " LIMIT $9"
static const char payments_since[] = OF_PAYMENTS("");
static const char payments_before[] = OF_PAYMENTS("DESC");
static const char attempts_since[] = OF_ATTEMPTS("");
static const char attempts_before[] = OF_ATTEMPTS("DESC");

static bool slice_has(const struct slice *slice, const struct sql_rows *row) {
    switch (slice->kind) {
    case SLICE_GATEWAY:
        return strcmp(sql_text(row, 4), slice->name) == 0;
    case SLICE_METHOD:
        return strcmp(method_name((enum payment_method)sql_int(row, 5)), slice->name) == 0;
    case SLICE_REGION:
        return strcmp(sql_text(row, 6), slice->name) == 0;
    default:
        return true;
    }
}

static void step(struct test *test, const struct slice *slice, bool bad, int64_t at_us) {
    enum sprt_verdict verdict =
        sprt_step(&test->sprt, slice->p0, slice->p1, ALPHA, BETA, bad);
    double by = bad ? log(slice->p1 / slice->p0) : log((1 - slice->p1) / (1 - slice->p0));
    test->worse = fmax(0, test->worse + by);
    if (verdict != SPRT_UNDECIDED) {
        test->last = verdict;
        test->at_us = at_us;
        test->worse = verdict == SPRT_WELL ? 0 : test->worse;
    }
}

/* How many successes in a row it takes until it is well. */
static int to_go(const struct test *test, const struct slice *slice) {
    double no = log((1 - slice->p0) / (1 - slice->p1));
    if (test->last != SPRT_WELL) {
        return sprt_events_left(&test->sprt, slice->p0, slice->p1, ALPHA, BETA);
    }
    return (int)ceil(fmax(0, test->worse - WORSE_MAX) / no);
}

static void take(const struct recovery *recovery, struct slice *slice, const struct sql_rows *row) {
    const struct gate_look *look = recovery->look;
    int64_t created_us = sql_int(row, 1);
    int64_t answer_us = look->gate->limits.of[GATE_LIMIT_ANSWER] * US_PER_SECOND;
    enum fate fate = (enum fate)sql_int(row, 2);
    bool probe = sql_int(row, 3) != 0;
    bool late = fate == FATE_OPEN && look->now_us - created_us > answer_us;
    bool bad = fate == FATE_BAD || late;
    if (!bad && fate != FATE_GOOD) {
        slice->waiting += probe ? 0 : 1;
        return;
    }
    step(&slice->all, slice, bad, created_us);
    if (probe) {
        slice->probes += bad ? 0 : 1;
        return;
    }
    step(&slice->customers, slice, bad, created_us);
    slice->good += bad ? 0 : 1;
    slice->bad += bad;
    slice->open += late;
}

/* ---- which tests there are, and what is usual ---- */

static void add_slices(struct recovery *recovery, enum slice_kind kind,
                       const struct scope_names *names) {
    for (int i = 0; i < names->count; i++) {
        recovery->slices[recovery->count++] =
            (struct slice){.kind = kind, .name = names->names[i]};
    }
}

static void begin(struct recovery *recovery, struct gate_look *look) {
    const struct incident_scope *scope = &look->subject->scope;
    *recovery = (struct recovery){
        .look = look,
        .by_gateway = scope->gateways.count > 0,
        .after_us = look->subject->mitigated_us,
    };
    add_slices(recovery, SLICE_GATEWAY, &scope->gateways);
    add_slices(recovery, SLICE_METHOD, &scope->methods);
    add_slices(recovery, SLICE_REGION, &scope->regions);
    if (recovery->count == 0) {
        recovery->slices[recovery->count++] = (struct slice){.kind = SLICE_ALL, .name = ""};
    }
}

typedef void take_fn(const struct recovery *recovery, struct slice *slice,
                     const struct sql_rows *row);

static int each(struct recovery *recovery, struct sql_rows *rows, take_fn *fn, struct err *err) {
    int r = 0;
    while ((r = sql_next(rows, err)) > 0) {
        for (int i = 0; i < recovery->count; i++) {
            if (slice_has(&recovery->slices[i], rows)) {
                fn(recovery, &recovery->slices[i], rows);
            }
        }
    }
    return r;
}

static void take_usual(const struct recovery *recovery, struct slice *slice,
                       const struct sql_rows *row) {
    (void)recovery;
    bool counts = sql_int(row, 3) == 0;
    slice->usual_good += counts && sql_int(row, 2) == FATE_GOOD;
    slice->usual_bad += counts && sql_int(row, 2) == FATE_BAD;
}

static int read_usual(struct recovery *recovery, struct err *err) {
    struct gate_look *look = recovery->look;
    int64_t until_us = look->subject->scope.from_us - HOUR_US, from_us = until_us - 24 * HOUR_US;
    struct gate_ids ids = gate_ids("pay", from_us, until_us);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(look->tx, err, &rows,
                      recovery->by_gateway ? attempts_before : payments_before,
                      SQL_SCOPE_ARGS(ids, from_us, until_us, &look->names), S_INT(USUAL_MOST));
    r = r < 0 ? r : each(recovery, rows, take_usual, err);
    double bad_share = (double)look->gate->limits.of[GATE_LIMIT_BAD_PERCENT] / 100.0;
    for (int i = 0; i < recovery->count; i++) {
        struct slice *slice = &recovery->slices[i];
        int64_t all = slice->usual_good + slice->usual_bad;
        double usual = all >= USUAL_LEAST ? (double)slice->usual_bad / (double)all : 0;
        slice->p0 = fmin(fmax(usual, P_WELL), P_USUAL_MAX);
        slice->p1 = fmax(bad_share, slice->p0 + P_APART);
    }
    return r;
}

/* ---- the verdict ---- */

static bool is_well(const struct test *test) {
    return test->last == SPRT_WELL && test->worse < WORSE_MAX;
}

static bool slice_is_well(const struct slice *slice) {
    return is_well(&slice->customers) || (slice->bad == 0 && is_well(&slice->all));
}

static void write_slice(struct buf *buf, const struct slice *slice) {
    char time[CLOCK_TEXT_MAX];
    const struct test *test = &slice->customers;
    buf_addf(buf, "{\"of\":\"%s\",\"name\":", kind_names[slice->kind]);
    buf_add_json(buf, slice->name);
    buf_addf(buf,
             ",\"succeeded\":%lld,\"failed\":%lld,\"without_outcome\":%lld,\"waiting\":%lld,"
             "\"probes_succeeded\":%lld,\"usual_percent_failed\":%.1f,\"bad_percent_failed\":%.1f,"
             "\"well\":%s,\"successes_to_go\":%d,\"accepted_at\":",
             (long long)slice->good, (long long)slice->bad, (long long)slice->open,
             (long long)slice->waiting, (long long)slice->probes, slice->p0 * 100, slice->p1 * 100,
             slice_is_well(slice) ? "true" : "false",
             to_go(test, slice));
    if (test->last == SPRT_WELL) {
        buf_addf(buf, "\"%s\"}", clock_format(test->at_us, time));
    } else {
        buf_add_text(buf, "null}");
    }
}

static int write_evidence(const struct recovery *recovery, struct gate_line *line,
                          struct err *err) {
    char since[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    buf_addf(&buf, "{\"begun_after\":\"%s\",\"alpha\":%g,\"beta\":%g,\"tests\":[",
             clock_format(recovery->after_us, since), ALPHA, BETA);
    for (int i = 0; i < recovery->count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        write_slice(&buf, &recovery->slices[i]);
    }
    buf_add_text(&buf, "]}");
    return gate_evidence(recovery->look, line, &buf, err);
}

/* What brings payments where none come: of a gateway its probe. */
static const char *probe_command(const struct gate_look *look, const struct slice *slice) {
    const struct scope_names *gateways = &look->subject->scope.gateways;
    const char *gateway = slice->kind == SLICE_GATEWAY ? slice->name
                          : gateways->count > 0        ? gateways->names[0]
                                                       : "GATEWAY";
    return slice->kind == SLICE_METHOD
               ? arena_printf(look->arena, "holdfast gateway probe %s --method %s", gateway,
                              slice->name)
               : arena_printf(look->arena, "holdfast gateway probe %s", gateway);
}

/* A probe has no customer, and so no region. */
static void say_nobody(struct gate_look *look, const struct slice *slice, struct gate_line *line,
                       struct phrase_word name, struct phrase_word more) {
    if (look->subject->scope.regions.count > 0) {
        GATE_SAY(look, line,
                 "Nobody has paid since the fix{name}, so nothing shows that it works, and no "
                 "probe is of a region: have somebody there pay. {more} successes in a row are "
                 "enough.",
                 "修复后没有任何支付{name},无法证明已恢复。探测支付不属于任何地区,请安排当地人员付款:连续成功 {more} 笔即可。",
                 name, more);
        line->command = "holdfast payment list";
        return;
    }
    GATE_SAY(look, line,
             "Nobody has paid since the fix{name}, so nothing shows that it works. Pay with "
             "probes: {more} successes in a row are enough.",
             "修复后没有任何支付{name},无法证明已恢复。请发起探测支付:连续成功 {more} 笔即可。", name, more);
    line->command = probe_command(look, slice);
}

static void say_missing(const struct recovery *recovery, const struct slice *slice,
                        struct gate_line *line) {
    struct gate_look *look = recovery->look;
    const struct test *test = slice->bad == 0 ? &slice->all : &slice->customers;
    int left = to_go(test, slice);
    const struct phrase_word name = {"name", slice->kind == SLICE_ALL
                                                 ? ""
                                                 : arena_printf(look->arena, " (%s)", slice->name)};
    const struct phrase_word good = {"good", gate_number(look, slice->good)},
                             bad = {"bad", gate_number(look, slice->bad)},
                             more = {"more", gate_number(look, left < 1 ? 1 : left)},
                             probes = {"probes", gate_number(look, slice->probes)};
    if (slice->customers.last == SPRT_BAD || slice->bad > slice->good) {
        GATE_SAY(look, line,
                 "Payments still fail{name}: of those begun after the fix {good} succeeded and "
                 "{bad} failed. The fix does not hold, or it began to hold later: say so.",
                 "支付仍然失败{name}:修复后发起的支付成功 {good} 笔,失败 {bad} 笔。修复未生效,或生效时间更晚,请更正。",
                 name, good, bad);
        line->command = "holdfast payment failed --last 15m";
        return;
    }
    if (slice->good + slice->bad == 0 && slice->probes == 0) {
        say_nobody(look, slice, line, name, more);
        return;
    }
    GATE_SAY(look, line,
             "Too few payments to be sure{name}: {good} succeeded and {bad} failed since the fix, "
             "and {probes} probes succeeded. {more} more successes in a row are enough.",
             "支付数量不足以确认{name}:修复后成功 {good} 笔、失败 {bad} 笔,探测成功 {probes} 笔。再连续成功 {more} 笔即可。",
             name, good, bad, probes, more);
    line->command = slice->bad == 0 ? probe_command(look, slice) : line->command;
}

static void say(const struct recovery *recovery, struct gate_line *line) {
    struct gate_look *look = recovery->look;
    int64_t good = 0, bad = 0;
    for (int i = 0; i < recovery->count; i++) {
        const struct slice *slice = &recovery->slices[i];
        good = slice->good > good ? slice->good : good;
        bad = slice->bad > bad ? slice->bad : bad;
        if (!slice_is_well(slice)) {
            say_missing(recovery, slice, line);
            return;
        }
    }
    line->passed = true;
    GATE_SAY(look, line,
             "Accepted as recovered: {good} payments begun after the fix succeeded, {bad} failed.",
             "已确认恢复:修复后发起的支付成功 {good} 笔,失败 {bad} 笔。", {"good", gate_number(look, good)},
             {"bad", gate_number(look, bad)});
}

int gate_recovered(struct gate_look *look, struct gate_line *line, struct err *err) {
    if (look->subject->mitigated_us <= 0 || look->subject->mitigated_us > look->now_us) {
        GATE_SAY(look, line, "There is no time of the fix, after which payments would count.",
                 "没有修复时间,无法判断哪些支付属于修复之后。", {"", ""});
        return 0;
    }
    struct recovery *recovery = arena_alloc(look->arena, sizeof *recovery);
    begin(recovery, look);
    int r = read_usual(recovery, err);
    if (r < 0) {
        return r;
    }
    /* What is begun in the very microsecond of the fix was begun before it. */
    int64_t from_us = recovery->after_us + 1, until_us = look->now_us + 1;
    struct gate_ids ids = gate_ids("pay", from_us, until_us);
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(look->tx, err, &rows,
                  recovery->by_gateway ? attempts_since : payments_since,
                  SQL_SCOPE_ARGS(ids, from_us, until_us, &look->names), S_INT(EVENTS_MOST));
    r = r < 0 ? r : each(recovery, rows, take, err);
    r = r < 0 ? r : write_evidence(recovery, line, err);
    if (r >= 0) {
        say(recovery, line);
    }
    return r < 0 ? r : 0;
}
