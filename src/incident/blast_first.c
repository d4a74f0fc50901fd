/* SPDX-License-Identifier: Apache-2.0
 * blast_first.c: the signature of a trouble: its error codes; what failed first, and what was
 * changed just before that. Where nothing is known it is null: nothing is guessed. */
#include "incident/blast_impl.h"
#include "watch/reports.h"

#define FIRST_BYTES_MAX (256 * 1024)
/* A symptom may be seen before what people take for the beginning. */
#define SYMPTOM_BEFORE_US (30 * 60 * US_PER_SECOND)

/* Attempts that failed at, or are not answered by, the scope's gateways; payments for which no
 * gateway was asked have the code of the nearest one. Columns: gateway, code, common code,
 how many,
 * the first. */
static const char codes_sql[] =
    "SELECT gateway, code, common_code, COUNT(*), MIN(at_us) FROM (SELECT a.gateway, a.code, "
    "a.common_code, a.created_us AS at_us FROM payment p JOIN attempt a ON a.payment_id = p.id "
    "WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE " AND a.state IN (4, 7, 8) AND " SQL_IN("$5",
                                                                                 "a.gateway")
    " UNION ALL SELECT n.gateway, n.code, n.common_code, n.at_us FROM payment p JOIN not_sent n ON "
    "n.payment_id = p.id WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE
    ") AS c GROUP BY gateway, code, common_code ORDER BY COUNT(*) DESC, gateway, code, common_code "
    "LIMIT $9";

int blast_put_codes(const struct blast_look *look, struct buf *buf, struct err *err) {
    static const char *const names[] = {"gateway", "code", "common_code"};
    SQL_ROWS_AUTO rows = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = sql_query(look->tx, err, &rows, codes_sql, BLAST_ARGS(look), S_INT(BLAST_CODES_MAX));
    buf_add_text(buf, ",\"codes\":[");
    for (int i = 0; r >= 0 && (r = sql_next(rows, err)) > 0; i++) {
        buf_add_text(buf, i > 0 ? ",{" : "{");
        for (int j = 0; j < (int)COUNT_OF(names); j++) {
            buf_addf(buf, "\"%s\":", names[j]);
            buf_add_json(buf, sql_text(rows, j));
            buf_add_char(buf, ',');
        }
        buf_addf(buf, "\"count\":%lld,\"first_at\":\"%s\"}", (long long)sql_int(rows, 3),
                 clock_format(sql_int(rows, 4), time));
    }
    buf_add_char(buf, ']');
    return r;
}

/* ---- what came first ---- */

static int put_alert(const struct blast_look *look, struct buf *buf, int64_t *ret_first_us,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = sql_query(look->tx, err, &rows,
                      "SELECT id, rule, labels, first_symptom_us FROM alert WHERE "
                      "first_symptom_us >= $1 AND first_symptom_us < $2 ORDER BY first_symptom_us, "
                      "id",
                      S_INT(look->from_us - SYMPTOM_BEFORE_US), S_INT(look->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (gate_alert_is_of_scope(look->scope, sql_text(rows, 1), sql_text(rows, 2))) {
            *ret_first_us = sql_int(rows, 3);
            buf_addf(buf, "\"alert\":{\"id\":\"%s\",\"rule\":", sql_text(rows, 0));
            buf_add_json(buf, sql_text(rows, 1));
            buf_add_text(buf, ",\"labels\":");
            buf_add_json(buf, sql_text(rows, 2));
            buf_addf(buf, ",\"at\":\"%s\"}", clock_format(*ret_first_us, time));
            return 0;
        }
    }
    buf_add_text(buf, "\"alert\":null");
    return r;
}

static int put_failure(const struct blast_look *look, struct buf *buf, int64_t *first_us,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = sql_query(look->tx, err, &rows,
                      "SELECT a.id, a.gateway, a.code, a.created_us FROM payment p JOIN attempt a "
                      "ON a.payment_id = p.id WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE
                      " AND (a.state IN (4, 8) OR a.was_unknown = 1) AND " SQL_IN("$5", "a.gateway")
                      " ORDER BY a.created_us, a.id LIMIT 1",
                      BLAST_ARGS(look));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        buf_add_text(buf, ",\"failure\":null");
        return r;
    }
    int64_t at_us = sql_int(rows, 3);
    *first_us = *first_us == 0 || at_us < *first_us ? at_us : *first_us;
    buf_addf(buf, ",\"failure\":{\"attempt_id\":\"%s\",\"gateway\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_add_text(buf, ",\"code\":");
    buf_add_json(buf, sql_text(rows, 2));
    buf_addf(buf, ",\"at\":\"%s\"}", clock_format(at_us, time));
    return 0;
}

int blast_put_first(const struct blast_look *look, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(FIRST_BYTES_MAX);
    const char *change = NULL;
    int64_t first_us = 0;
    buf_add_text(buf, ",\"first\":{");
    int r = put_alert(look, buf, &first_us, err);
    r = r < 0 ? r : put_failure(look, buf, &first_us, err);
    r = r < 0 ? r
              : change_before(look->tx, arena, first_us > 0 ? first_us : look->from_us, &change,
                              err);
    buf_add_text(buf, ",\"change\":");
    if (change != NULL) {
        buf_add_json(buf, change);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, '}');
    return r;
}
