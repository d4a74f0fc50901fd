/* SPDX-License-Identifier: Apache-2.0
 * blast.c: the counts of a blast radius, in one snapshot. The store groups; what it gives is folded
 * here by gateway, method, region and currency, so that one pass over the payments serves all. */
#include "incident/blast.h"

#include <stdio.h>
#include <string.h>

#include "incident/blast_impl.h"

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
struct blast {
    struct blast_look look;
    struct shares dims[DIMS];
    struct sums sums[BLAST_NAMES_MAX];
    int sum_count;
    int64_t fates[BLAST_FATES], payments, affected, orders, customers;
    struct buf *buf;
};

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

/* Columns: fate, inside, gateway, method, region, currency, how many, amount, captured. */
static const char groups_sql[] =
    "SELECT fate, inside, gateway, method, region, currency, COUNT(*), CAST(SUM(amount_minor) AS "
    "bigint), CAST(SUM(captured_minor) AS bigint) FROM " BLAST_PAYMENTS
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_FATE(number, affected, sql)
#include "incident/blast_fates.def"
#undef X
    BLAST_PAYMENTS_END " GROUP BY fate, inside, gateway, method, region, currency";

static void fold(struct blast *blast, const struct sql_rows *row) {
    bool hit = sql_int(row, 0) > BLAST_AFFECTED, inside = sql_int(row, 1) != 0;
    int64_t fate = sql_int(row, 0) % BLAST_AFFECTED, count = sql_int(row, 6);
    INVARIANT(fate > 0 && fate < BLAST_FATES, "a fate of the table");
    const char *const values[DIMS] = {sql_text(row, 2),
                                      method_name((enum payment_method)sql_int(row, 3)),
                                      sql_text(row, 4), sql_text(row, 5)};
    for (int dim = 0; dim < DIMS; dim++) {
        struct share *share = share_of(&blast->dims[dim], values[dim]);
        share->all += count;
        share->all_affected += hit ? count : 0;
        share->payments += inside ? count : 0;
        share->affected += inside && hit ? count : 0;
    }
    if (inside) {
        blast->payments += count;
        blast->fates[fate] += count;
        blast->affected += hit ? count : 0;
    }
    if (inside && hit) {
        add_money(blast, sql_text(row, 5), fate, sql_int(row, 7), sql_int(row, 8));
    }
}

static int read_groups(struct blast *blast, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(blast->look.tx, err, &rows, groups_sql, BLAST_ARGS(&blast->look));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        fold(blast, rows);
    }
    return r;
}

static const char people_sql[] =
    "SELECT COUNT(DISTINCT order_id), COUNT(DISTINCT CASE WHEN customer_id <> '' THEN customer_id "
    "END) FROM " BLAST_PAYMENTS
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_FATE(number, affected, sql)
#include "incident/blast_fates.def"
#undef X
    BLAST_PAYMENTS_END " WHERE inside = 1 AND fate > 100";

static int read_people(struct blast *blast, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(blast->look.tx, err, &rows, people_sql, BLAST_ARGS(&blast->look));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        blast->orders = sql_int(rows, 0);
        blast->customers = sql_int(rows, 1);
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

/* ---- the course ---- */

static const char course_sql[] =
    "SELECT (created_us - $9) / $10, COUNT(*), CAST(SUM(CASE WHEN fate > 100 THEN 1 ELSE 0 END) AS "
    "bigint) FROM " BLAST_PAYMENTS
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_FATE(number, affected, sql)
#include "incident/blast_fates.def"
#undef X
    BLAST_PAYMENTS_END " WHERE inside = 1 GROUP BY (created_us - $9) / $10 ORDER BY 1";

static int put_course(struct blast *blast, struct err *err) {
    const struct blast_look *look = &blast->look;
    int64_t minute_us = 60 * US_PER_SECOND, from_us = look->from_us / minute_us * minute_us;
    int64_t minutes = (look->until_us - from_us + minute_us - 1) / minute_us;
    int64_t each = (minutes + BLAST_POINTS_MAX - 1) / BLAST_POINTS_MAX;
    SQL_ROWS_AUTO rows = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = sql_query(look->tx, err, &rows, course_sql, BLAST_ARGS(look), S_INT(from_us),
                      S_INT(each * minute_us));
    buf_addf(blast->buf, ",\"trend\":{\"minutes\":%lld,\"points\":[", (long long)each);
    for (int i = 0; r >= 0 && (r = sql_next(rows, err)) > 0; i++) {
        clock_format(from_us + sql_int(rows, 0) * each * minute_us, time);
        buf_addf(blast->buf, "%s{\"at\":\"%s\",\"payments\":%lld,\"affected\":%lld}",
                 i > 0 ? "," : "", time, (long long)sql_int(rows, 1), (long long)sql_int(rows, 2));
    }
    buf_add_text(blast->buf, "]}");
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

static int blast_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct blast *blast = ctx;
    struct blast_look look = blast->look;
    *blast = (struct blast){.look = look, .buf = blast->buf}; /* it may run again */
    blast->look.tx = tx;
    buf_clear(blast->buf);
    int r = read_groups(blast, err);
    r = r < 0 ? r : read_people(blast, err);
    r = r < 0 ? r : read_returns(blast, err);
    if (r < 0) {
        return r;
    }
    put_head(blast);
    put_fates(blast);
    put_money(blast);
    for (int dim = 0; dim < DIMS; dim++) {
        put_dim(blast, (enum dim)dim);
    }
    r = blast_put_codes(&blast->look, blast->buf, err);
    r = r < 0 ? r : put_course(blast, err);
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
    int r = blast_check(scope, &blast->look, err);
    r = r < 0 ? r : store_read(store, blast_tx, blast, err);
    free(blast);
    if (r >= 0 && !buf_ok(buf)) {
        r = err_set(err, ERR_INTERNAL, "a blast radius is larger than its cap");
    }
    return r;
}
