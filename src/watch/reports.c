/* SPDX-License-Identifier: Apache-2.0
 * reports.c: rows of complaints and changes. */
#include "watch/reports.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/id.h"
#include "base/pan.h"
#include "meter/slices.h"
#include "store/audit.h"
#include "watch/alert_impl.h"

enum { DIGITS_SHOWN = 4, DIGITS_MASKED_MIN = 9 };

/* ---- words and texts ---- */

struct kind {
    int64_t number;
    const char *name;
};
static const struct kind complaint_kinds[] = {
#define X(NAME, number, name) {number, name},
#include "watch/complaint_kinds.def"
#undef X
};
static const struct kind change_kinds[] = {
#define X(NAME, number, name) {number, name},
#include "watch/change_kinds.def"
#undef X
};

static const char *kind_name(const struct kind *kinds, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (kinds[i].number == number) {
            return kinds[i].name;
        }
    }
    return "?";
}

static int kind_read(const struct kind *kinds, size_t count, const char *name, int64_t *ret_number,
                     struct err *err) {
    char list[200] = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_number = kinds[i].number;
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", kinds[i].name);
    }
    err_set(err, ERR_VALIDATION, "it must be one of %s", list);
    return err_place(err, "/kind");
}

static int check_moment(int64_t *at_us, int64_t now_us, struct err *err) {
    *at_us = *at_us == 0 ? now_us : *at_us;
    if (*at_us <= now_us + REPORT_AHEAD_US && *at_us >= now_us - REPORT_OLD_US) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, *at_us > now_us ? "it is in the future"
                                                 : "it is more than 30 days ago");
    return err_place(err, "/at");
}

/* Long numbers: an account, a telephone. A number may have blanks and hyphens within. */
static void mask_numbers(char *text) {
    for (char *at = text; *at != '\0';) {
        char *end = at;
        int digits = 0;
        while (isdigit((unsigned char)*end) ||
               (digits > 0 && (*end == ' ' || *end == '-') && isdigit((unsigned char)end[1]))) {
            digits += isdigit((unsigned char)*end) ? 1 : 0;
            end++;
        }
        for (int left = digits; digits >= DIGITS_MASKED_MIN && left > DIGITS_SHOWN; at++) {
            if (isdigit((unsigned char)*at)) {
                *at = '*';
                left--;
            }
        }
        at = end > at ? end : at + 1;
    }
}

static void mask_addresses(char *text) {
    for (char *sign = strchr(text, '@'); sign != NULL; sign = strchr(sign + 1, '@')) {
        for (char *at = sign; at > text && !isspace((unsigned char)at[-1]) &&
                              strchr("<>(),;:\"'", at[-1]) == NULL;
             at--) {
            at[-1] = (unsigned char)at[-1] < 0x80 ? '*' : at[-1];
        }
    }
}

void report_mask(char *text) {
    (void)pan_mask(text, strlen(text));
    mask_numbers(text);
    mask_addresses(text);
}

/* ---- complaints ---- */

struct count_later {
    char labels[SLICE_DIMENSIONS][SLICE_LABEL_CHARS_MAX + 1];
    char code[SLICE_LABEL_CHARS_MAX + 1];
    uint64_t customer;
};

static void count_now(void *what) {
    struct count_later *later = what;
    struct slice_event event = {.operation = SLICE_COMPLAINT,
                                .outcome = SLICE_OK,
                                .code = later->code,
                                .duration_us = -1,
                                .customer = later->customer};
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        event.labels[i] = later->labels[i];
    }
    slice_record(&event);
}

static void count_after(struct store_tx *tx, const struct complaint *complaint) {
    struct count_later *later = store_after(tx, count_now, sizeof *later);
    const char *const labels[SLICE_DIMENSIONS] = {complaint->gateway, complaint->method,
                                                  complaint->region, complaint->currency,
                                                  complaint->segment};
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        snprintf(later->labels[i], sizeof later->labels[i], "%s", labels[i]);
    }
    snprintf(later->code, sizeof later->code, "%s", complaint->kind);
    later->customer = slice_customer(complaint->customer);
}

#define COMPLAINT_COLUMNS                                                                          \
    "id, at_us, created_us, payment_id, order_id, channel, kind, customer, gateway, method, "      \
    "region, currency, text, reference, actor"

static void add_complaint(struct buf *buf, const struct sql_rows *rows) {
    buf_addf(buf, "{\"id\":\"%s\"", sql_text(rows, 0));
    alert_json_time(buf, "at", sql_int(rows, 1));
    alert_json_time(buf, "created_at", sql_int(rows, 2));
    alert_json_text(buf, "payment_id", sql_text(rows, 3));
    alert_json_text(buf, "order_id", sql_text(rows, 4));
    alert_json_text(buf, "channel", sql_text(rows, 5));
    alert_json_text(buf, "kind",
                    kind_name(complaint_kinds, COUNT_OF(complaint_kinds), sql_int(rows, 6)));
    alert_json_text(buf, "gateway", sql_text(rows, 8));
    alert_json_text(buf, "method", sql_text(rows, 9));
    alert_json_text(buf, "region", sql_text(rows, 10));
    alert_json_text(buf, "currency", sql_text(rows, 11));
    alert_json_text(buf, "text", sql_text(rows, 12));
    alert_json_text(buf, "reference", sql_text(rows, 13));
    alert_json_text(buf, "actor", sql_text(rows, 14));
    buf_add_char(buf, '}');
}

static int show_complaint(struct store_tx *tx, const char *id, const char *reference,
                          struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " COMPLAINT_COLUMNS " FROM complaint WHERE id = $1 OR (reference = "
                      "$2 AND reference <> '')",
                      S_TEXT(id), S_TEXT(reference));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the complaint was just written");
    }
    buf_clear(buf);
    add_complaint(buf, rows);
    return 0;
}

int complaint_check(const struct complaint *complaint, struct err *err) {
    int64_t kind, at_us = complaint->at_us;
    int r = kind_read(complaint_kinds, COUNT_OF(complaint_kinds), complaint->kind, &kind, err);
    return r < 0 ? r : check_moment(&at_us, clock_wall_us(), err);
}

int complaint_record(struct store_tx *tx, const struct complaint *complaint, const char *actor,
                     struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(64 * 1024);
    int64_t kind, now_us = clock_wall_us(), at_us = complaint->at_us;
    char customer[ALERT_DIGEST_CHARS + 1] = "";
    char *text = arena_copy(arena, complaint->text);
    struct complaint_id id = complaint_id_new();
    int r = kind_read(complaint_kinds, COUNT_OF(complaint_kinds), complaint->kind, &kind, err);
    r = r < 0 ? r : check_moment(&at_us, now_us, err);
    if (r < 0) {
        return r;
    }
    report_mask(text);
    if (complaint->customer[0] != '\0') {
        alert_digest("customer", complaint->customer, customer);
    }
    int64_t made = sql_exec(
        tx, err,
        "INSERT INTO complaint (" COMPLAINT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        "$10, $11, $12, $13, $14, $15) ON CONFLICT (reference) WHERE reference <> '' DO NOTHING",
        S_TEXT(id.text), S_INT(at_us), S_INT(now_us), S_TEXT(complaint->payment_id),
        S_TEXT(complaint->order_id), S_TEXT(complaint->channel), S_INT(kind), S_TEXT(customer),
        S_TEXT(complaint->gateway), S_TEXT(complaint->method), S_TEXT(complaint->region),
        S_TEXT(complaint->currency), S_TEXT(text), S_TEXT(complaint->reference), S_TEXT(actor));
    if (made < 0) {
        return (int)made;
    }
    r = show_complaint(tx, id.text, complaint->reference, buf, err);
    if (r >= 0 && made > 0) {
        count_after(tx, complaint);
        r = audit_append(tx, actor, "complaint.record", id.text, "", "{}", err);
    }
    return r < 0 ? r : (int)made;
}

/* ---- changes ---- */

#define CHANGE_COLUMNS "id, at_us, created_us, kind, what, done_by, reference, actor"

static void add_change(struct buf *buf, const struct sql_rows *rows) {
    buf_addf(buf, "{\"id\":\"%s\"", sql_text(rows, 0));
    alert_json_time(buf, "at", sql_int(rows, 1));
    alert_json_time(buf, "created_at", sql_int(rows, 2));
    alert_json_text(buf, "kind",
                    kind_name(change_kinds, COUNT_OF(change_kinds), sql_int(rows, 3)));
    alert_json_text(buf, "what", sql_text(rows, 4));
    alert_json_text(buf, "by", sql_text(rows, 5));
    alert_json_text(buf, "reference", sql_text(rows, 6));
    alert_json_text(buf, "actor", sql_text(rows, 7));
    buf_add_char(buf, '}');
}

static int show_change(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " CHANGE_COLUMNS " FROM change WHERE id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the change was just written");
    }
    buf_clear(buf);
    add_change(buf, rows);
    return 0;
}

int change_check(const struct change *change, struct err *err) {
    int64_t kind, at_us = change->at_us;
    int r = kind_read(change_kinds, COUNT_OF(change_kinds), change->kind, &kind, err);
    return r < 0 ? r : check_moment(&at_us, clock_wall_us(), err);
}

int change_record(struct store_tx *tx, const struct change *change, const char *actor,
                  struct buf *buf, struct err *err) {
    int64_t kind, now_us = clock_wall_us(), at_us = change->at_us;
    struct change_id id = change_id_new();
    int r = kind_read(change_kinds, COUNT_OF(change_kinds), change->kind, &kind, err);
    r = r < 0 ? r : check_moment(&at_us, now_us, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO change (" CHANGE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, "
                        "$7, $8)",
                        S_TEXT(id.text), S_INT(at_us), S_INT(now_us), S_INT(kind),
                        S_TEXT(change->what), S_TEXT(change->by), S_TEXT(change->reference),
                        S_TEXT(actor));
    r = r < 0 ? r : show_change(tx, id.text, buf, err);
    return r < 0 ? r : audit_append(tx, actor, "change.record", id.text, "", buf->data, err);
}

int change_before(struct store_tx *tx, struct arena *arena, int64_t wall_us, const char **ret_line,
                  struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char at[CLOCK_TEXT_MAX];
    int r = sql_query(tx, err, &rows,
                      "SELECT " CHANGE_COLUMNS " FROM change WHERE at_us <= $1 AND at_us >= $2 "
                      "ORDER BY at_us DESC, id DESC LIMIT 1",
                      S_INT(wall_us), S_INT(wall_us - CHANGE_BEFORE_US));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_line = NULL;
    if (r <= 0) {
        return r;
    }
    int64_t at_us = sql_int(rows, 1);
    const char *by = sql_text(rows, 5), *reference = sql_text(rows, 6);
    clock_format(at_us / US_PER_SECOND * US_PER_SECOND, at);
    *ret_line = arena_printf(
        arena, "%s %s%s%s%s%s%s, %s (%lld min)",
        kind_name(change_kinds, COUNT_OF(change_kinds), sql_int(rows, 3)), sql_text(rows, 4),
        by[0] != '\0' ? ", " : "", by, reference[0] != '\0' ? " [" : "", reference,
        reference[0] != '\0' ? "]" : "", at, (long long)((wall_us - at_us) / US_PER_SECOND / 60));
    return 0;
}

/* ---- lists ---- */

static int list(struct sql_rows *rows, void (*add)(struct buf *, const struct sql_rows *),
                struct buf *buf, struct err *err) {
    int r, count = 0;
    buf_clear(buf);
    buf_add_text(buf, "{\"data\":[");
    while ((r = sql_next(rows, err)) > 0) {
        buf_add_text(buf, count++ > 0 ? "," : "");
        add(buf, rows);
    }
    buf_add_text(buf, "]}");
    return r;
}

int complaints_list(struct store_tx *tx, int64_t since_us, int limit, struct buf *buf,
                    struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " COMPLAINT_COLUMNS " FROM complaint WHERE at_us >= $1 ORDER BY "
                      "at_us DESC, id DESC LIMIT $2",
                      S_INT(since_us), S_INT(limit));
    return r < 0 ? r : list(rows, add_complaint, buf, err);
}

int changes_list(struct store_tx *tx, int64_t since_us, int limit, struct buf *buf,
                 struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " CHANGE_COLUMNS " FROM change WHERE at_us >= $1 ORDER BY at_us "
                      "DESC, id DESC LIMIT $2",
                      S_INT(since_us), S_INT(limit));
    return r < 0 ? r : list(rows, add_change, buf, err);
}

/* ---- what is too old ---- */

int reports_prune(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    int64_t complaints = sql_exec(
        tx, err,
        "DELETE FROM complaint WHERE id IN (SELECT c.id FROM complaint c WHERE c.created_us < $1 "
        "AND NOT EXISTS (SELECT 1 FROM review_case r WHERE r.state = 1 AND r.payment_id = "
        "c.payment_id AND c.payment_id <> '') AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.rule = "
        "'Complaints' AND a.first_symptom_us <= c.at_us AND (a.state <> 4 OR a.resolved_us >= "
        "c.at_us)) ORDER BY c.created_us LIMIT $2)",
        S_INT(before_us), S_INT(limit));
    int64_t changes =
        complaints < 0
            ? complaints
            : sql_exec(tx, err,
                       "DELETE FROM change WHERE id IN (SELECT c.id FROM change c WHERE "
                       "c.created_us < $1 AND NOT EXISTS (SELECT 1 FROM alert a WHERE "
                       "a.first_symptom_us >= c.at_us AND a.first_symptom_us <= c.at_us + $2) "
                       "ORDER BY c.created_us LIMIT $3)",
                       S_INT(before_us), S_INT(CHANGE_BEFORE_US), S_INT(limit));
    return changes < 0 ? (int)changes : (int)(complaints + changes);
}
