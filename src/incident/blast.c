/* SPDX-License-Identifier: Apache-2.0
 * blast.c: the counts of a blast radius, in one snapshot and one pass over the payments. */
#include "incident/blast.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "incident/blast_impl.h"

#define MINUTE_US (60 * US_PER_SECOND)

enum money { MONEY_NONE, MONEY_CHARGED, MONEY_LOST, MONEY_RISK };

static const struct {
    const char *name, *what, *what_zh;
    int affected;
    enum money money;
} fates[BLAST_FATES] = {
#define X(NAME, number, name, affected, money, what, what_zh, sql)                                 \
    [number] = {name, what, what_zh, affected, MONEY_##money},
#include "incident/blast_fates.def"
#undef X
};

const char *blast_fate_name(int64_t fate) {
    return fate > 0 && fate < BLAST_FATES ? fates[fate].name : "?";
}

int blast_check(const struct incident_scope *scope, struct blast_look *ret_look, struct err *err) {
    int64_t now_us = clock_wall_us();
    struct blast_look look = {
        .scope = scope,
        .now_us = now_us,
        .from_us = scope->from_us,
        .until_us = scope->until_us > 0 ? scope->until_us : now_us,
    };
    if (look.from_us <= 0 || look.from_us >= look.until_us) {
        err_set(err, ERR_VALIDATION, "the time begins when it ends, or later");
        return err_place(err, "since");
    }
    if (look.until_us - look.from_us > BLAST_US_MAX) {
        err_set(err, ERR_VALIDATION, "it is longer than 31 days");
        return err_place(err, "since");
    }
    int r = gate_names_read(scope, &look.names, err);
    look.ids = gate_ids("pay", look.from_us, look.until_us);
    *ret_look = look;
    return r;
}

/* ---- folding ---- */

enum dim { DIM_GATEWAY, DIM_METHOD, DIM_REGION, DIM_CURRENCY, DIMS };
static const char *const dim_names[DIMS] = {"gateways", "methods", "regions", "currencies"};

struct share {
    char name[SCOPE_NAME_CHARS_MAX + 1];
    int64_t payments, affected; /* inside of the scope */
    int64_t all, all_affected;  /* outside as well */
};
struct shares {
    int count;
    struct share rows[BLAST_NAMES_MAX + 1]; /* the last: "other" */
};
struct sums {
    char currency[4];
    int64_t affected, charged, lost, risk, to_return;
};
struct point {
    int64_t payments, affected;
};
struct blast {
    struct blast_look look;
    struct point points[BLAST_POINTS_MAX + 1]; /* from begin_us on, each_us apart */
    int64_t begin_us, each_us;
    GArray *order_digests, *customer_digests; /* of the affected: 8 bytes each */
    struct shares dims[DIMS];
    struct sums sums[BLAST_NAMES_MAX];
    int sum_count;
    int64_t fates[BLAST_FATES], payments, affected, orders, customers;
    struct buf *buf;
};

/* So that each counts once, however often it comes: 64 bits of it are kept. */
static void add_digest(GArray *digests, const char *text) {
    uint64_t digest = XXH3_64bits(text, strlen(text));
    if (text[0] != '\0') {
        g_array_append_val(digests, digest);
    }
}

static gint by_digest(gconstpointer a, gconstpointer b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t count_digests(GArray *digests) {
    int64_t count = 0;
    g_array_sort(digests, by_digest);
    for (guint i = 0; i < digests->len; i++) {
        count += i == 0 || g_array_index(digests, uint64_t, i) !=
                               g_array_index(digests, uint64_t, i - 1);
    }
    return count;
}

static struct share *share_of(struct shares *shares, const char *name) {
    for (int i = 0; i < shares->count; i++) {
        if (strcmp(shares->rows[i].name, name) == 0) {
            return &shares->rows[i];
        }
    }
    bool room = shares->count < BLAST_NAMES_MAX;
    struct share *share = &shares->rows[room ? shares->count++ : BLAST_NAMES_MAX];
    snprintf(share->name, sizeof share->name, "%s", room ? name : "other");
    return share;
}

/* NULL: there are more currencies than any shop has. */
static struct sums *sums_of(struct blast *blast, const char *currency) {
    for (int i = 0; i < blast->sum_count; i++) {
        if (strcmp(blast->sums[i].currency, currency) == 0) {
            return &blast->sums[i];
        }
    }
    if (blast->sum_count == BLAST_NAMES_MAX) {
        return NULL;
    }
    struct sums *sums = &blast->sums[blast->sum_count++];
    snprintf(sums->currency, sizeof sums->currency, "%.3s", currency);
    return sums;
}

static void add_money(struct blast *blast, const char *currency, int64_t fate, int64_t amount_minor,
                      int64_t captured_minor) {
    struct sums *sums = sums_of(blast, currency);
    if (sums == NULL) {
        return;
    }
    sums->affected += amount_minor;
    sums->charged += fates[fate].money == MONEY_CHARGED ? captured_minor : 0;
    sums->lost += fates[fate].money == MONEY_LOST ? amount_minor : 0;
    sums->risk += fates[fate].money == MONEY_RISK ? amount_minor : 0;
}

/* Columns: fate, inside, gateway, method, region, currency, amount, captured, created, order,
 * customer. A row a payment: grouped by the store they would have to be sorted there, in memory
 * that grows with them. */
static const char payments_sql[] =
    "SELECT fate, inside, gateway, method, region, currency, amount_minor, captured_minor, "
    "created_us, order_id, customer_id FROM " BLAST_PAYMENTS
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_FATE(number, affected, sql)
#include "incident/blast_fates.def"
#undef X
    BLAST_PAYMENTS_END;

static void fold(struct blast *blast, const struct sql_rows *row) {
    bool hit = sql_int(row, 0) > BLAST_AFFECTED, inside = sql_int(row, 1) != 0;
    int64_t fate = sql_int(row, 0) % BLAST_AFFECTED;
    INVARIANT(fate > 0 && fate < BLAST_FATES, "a fate of the table");
    const char *const values[DIMS] = {sql_text(row, 2),
                                      method_name((enum payment_method)sql_int(row, 3)),
                                      sql_text(row, 4), sql_text(row, 5)};
    for (int dim = 0; dim < DIMS; dim++) {
        struct share *share = share_of(&blast->dims[dim], values[dim]);
        share->all++;
        share->all_affected += hit;
        share->payments += inside;
        share->affected += inside && hit;
    }
    if (inside) {
        struct point *point = &blast->points[(sql_int(row, 8) - blast->begin_us) / blast->each_us];
        blast->payments++;
        blast->fates[fate]++;
        blast->affected += hit;
        point->payments++;
        point->affected += hit;
    }
    if (inside && hit) {
        add_money(blast, sql_text(row, 5), fate, sql_int(row, 6), sql_int(row, 7));
        add_digest(blast->order_digests, sql_text(row, 9));
        add_digest(blast->customer_digests, sql_text(row, 10));
    }
}

static int read_payments(struct blast *blast, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(blast->look.tx, err, &rows, payments_sql, BLAST_ARGS(&blast->look));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        fold(blast, rows);
    }
    return r;
}

/* What lies in suspense of payments of the scope. */
static int read_returns(struct blast *blast, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        blast->look.tx, err, &rows,
        "SELECT s.currency, CAST(SUM(CASE WHEN s.kind IN (11, 12, 23, 24) THEN -s.amount_minor "
        "ELSE s.amount_minor END) AS bigint) FROM payment p JOIN posting s ON s.payment_id = p.id "
        "WHERE " SQL_BEGUN " AND p.review <> '' AND " SQL_OF_SCOPE
        " AND s.kind IN (10, 11, 12, 15, 16, 23, 24) GROUP BY s.currency",
        BLAST_ARGS(&blast->look));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct sums *sums = sql_int(rows, 1) > 0 ? sums_of(blast, sql_text(rows, 0)) : NULL;
        if (sums != NULL) {
            sums->to_return = sql_int(rows, 1);
        }
    }
    return r;
}

/* ---- telling ---- */

static void put_percent(struct buf *buf, const char *name, int64_t part, int64_t all) {
    int64_t hundredths = all > 0 ? part * 10000 / all : 0;
    buf_addf(buf, ",\"%s\":%lld.%02lld", name, (long long)(hundredths / 100),
             (long long)(hundredths % 100));
}

static void put_fates(const struct blast *blast) {
    buf_add_text(blast->buf, ",\"fates\":[");
    for (int i = 1, told = 0; i < BLAST_FATES; i++) {
        if (blast->fates[i] == 0) {
            continue;
        }
        buf_addf(blast->buf, "%s{\"name\":\"%s\",\"count\":%lld,\"affected\":%s,\"what\":",
                 told++ > 0 ? "," : "", fates[i].name, (long long)blast->fates[i],
                 fates[i].affected != 0 ? "true" : "false");
        buf_add_json(blast->buf, fates[i].what);
        buf_add_text(blast->buf, ",\"what_zh\":");
        buf_add_json(blast->buf, fates[i].what_zh);
        buf_add_char(blast->buf, '}');
    }
    buf_add_char(blast->buf, ']');
}

static void put_money(const struct blast *blast) {
    buf_add_text(blast->buf, ",\"money\":[");
    for (int i = 0; i < blast->sum_count; i++) {
        const struct sums *sums = &blast->sums[i];
        buf_addf(blast->buf,
                 "%s{\"currency\":\"%s\",\"affected\":%lld,\"charged\":%lld,\"lost\":%lld,"
                 "\"at_risk\":%lld,\"to_return\":%lld}",
                 i > 0 ? "," : "", sums->currency, (long long)sums->affected,
                 (long long)sums->charged, (long long)sums->lost, (long long)sums->risk,
                 (long long)sums->to_return);
    }
    buf_add_char(blast->buf, ']');
}

/* Shares of what is inside, the most affected first. */
static void put_dim(const struct blast *blast, enum dim dim) {
    const struct shares *shares = &blast->dims[dim];
    bool told[BLAST_NAMES_MAX + 1] = {false};
    buf_addf(blast->buf, ",\"%s\":[", dim_names[dim]);
    for (int written = 0;; written++) {
        int best = -1;
        for (int i = 0; i <= BLAST_NAMES_MAX; i++) {
            const struct share *share = &shares->rows[i];
            if (!told[i] && share->payments > 0 &&
                (best < 0 || share->affected > shares->rows[best].affected)) {
                best = i;
            }
        }
        if (best < 0) {
            break;
        }
        const struct share *share = &shares->rows[best];
        told[best] = true;
        buf_add_text(blast->buf, written > 0 ? ",{\"name\":" : "{\"name\":");
        buf_add_json(blast->buf, share->name);
        buf_addf(blast->buf, ",\"payments\":%lld,\"affected\":%lld", (long long)share->payments,
                 (long long)share->affected);
        put_percent(blast->buf, "affected_percent", share->affected, share->payments);
        buf_add_char(blast->buf, '}');
    }
    buf_add_char(blast->buf, ']');
}

/* What had payments in that time, within the scope or not, and not one that was affected. */
static void put_spared(const struct blast *blast) {
    buf_add_text(blast->buf, ",\"not_affected\":{");
    for (int dim = 0; dim < DIM_CURRENCY; dim++) {
        buf_addf(blast->buf, "%s\"%s\":[", dim > 0 ? "," : "", dim_names[dim]);
        for (int i = 0, told = 0; i < blast->dims[dim].count; i++) {
            const struct share *share = &blast->dims[dim].rows[i];
            if (share->all_affected == 0 && share->name[0] != '\0') {
                buf_add_text(blast->buf, told++ > 0 ? ",{\"name\":" : "{\"name\":");
                buf_add_json(blast->buf, share->name);
                buf_addf(blast->buf, ",\"payments\":%lld}", (long long)share->all);
            }
        }
        buf_add_char(blast->buf, ']');
    }
    buf_add_char(blast->buf, '}');
}

/* Points in which there were payments. */
static void put_course(const struct blast *blast) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(blast->buf, ",\"trend\":{\"minutes\":%lld,\"points\":[",
             (long long)(blast->each_us / MINUTE_US));
    for (int i = 0, told = 0; i <= BLAST_POINTS_MAX; i++) {
        const struct point *point = &blast->points[i];
        if (point->payments > 0) {
            clock_format(blast->begin_us + i * blast->each_us, time);
            buf_addf(blast->buf, "%s{\"at\":\"%s\",\"payments\":%lld,\"affected\":%lld}",
                     told++ > 0 ? "," : "", time, (long long)point->payments,
                     (long long)point->affected);
        }
    }
    buf_add_text(blast->buf, "]}");
}

static void put_head(const struct blast *blast) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(blast->buf, "{\"at\":\"%s\"", clock_format(blast->look.now_us, time));
    buf_addf(blast->buf, ",\"from\":\"%s\"", clock_format(blast->look.from_us, time));
    buf_addf(blast->buf, ",\"until\":\"%s\",\"scope\":", clock_format(blast->look.until_us, time));
    scope_write(blast->look.scope, blast->buf);
    buf_addf(blast->buf,
             ",\"payments\":%lld,\"affected\":%lld,\"orders\":%lld,\"customers\":%lld",
             (long long)blast->payments, (long long)blast->affected, (long long)blast->orders,
             (long long)blast->customers);
    put_percent(blast->buf, "affected_percent", blast->affected, blast->payments);
}

/* It may run again, from the start. */
static void begin(struct blast *blast, struct store_tx *tx) {
    /* Not by a copy: it is large, and stacks are small. */
    memset(blast->dims, 0, sizeof blast->dims);
    memset(blast->sums, 0, sizeof blast->sums);
    memset(blast->fates, 0, sizeof blast->fates);
    memset(blast->points, 0, sizeof blast->points);
    blast->sum_count = 0;
    blast->payments = blast->affected = 0;
    blast->look.tx = tx;
    blast->begin_us = blast->look.from_us / MINUTE_US * MINUTE_US;
    int64_t minutes = (blast->look.until_us - blast->begin_us + MINUTE_US - 1) / MINUTE_US;
    blast->each_us = (minutes + BLAST_POINTS_MAX - 1) / BLAST_POINTS_MAX * MINUTE_US;
    g_array_set_size(blast->order_digests, 0);
    g_array_set_size(blast->customer_digests, 0);
    buf_clear(blast->buf);
}

static int blast_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct blast *blast = ctx;
    begin(blast, tx);
    int r = read_payments(blast, err);
    r = r < 0 ? r : read_returns(blast, err);
    if (r < 0) {
        return r;
    }
    blast->orders = count_digests(blast->order_digests);
    blast->customers = count_digests(blast->customer_digests);
    put_head(blast);
    put_fates(blast);
    put_money(blast);
    for (int dim = 0; dim < DIMS; dim++) {
        put_dim(blast, (enum dim)dim);
    }
    r = blast_put_codes(&blast->look, blast->buf, err);
    put_course(blast);
    r = r < 0 ? r : blast_put_first(&blast->look, blast->buf, err);
    put_spared(blast);
    buf_add_char(blast->buf, '}');
    return r < 0 ? r : 0;
}

int blast_take(struct store *store, const struct incident_scope *scope, struct buf *buf,
               struct err *err) {
    struct blast *blast = calloc(1, sizeof *blast);
    if (blast == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for a blast radius");
    }
    blast->buf = buf;
    blast->order_digests = g_array_new(false, false, sizeof(uint64_t));
    blast->customer_digests = g_array_new(false, false, sizeof(uint64_t));
    int r = blast_check(scope, &blast->look, err);
    r = r < 0 ? r : store_read(store, blast_tx, blast, err);
    g_array_free(blast->order_digests, true);
    g_array_free(blast->customer_digests, true);
    free(blast);
    if (r >= 0 && !buf_ok(buf)) {
        r = err_set(err, ERR_INTERNAL, "a blast radius is larger than its cap");
    }
    return r;
}
