/* SPDX-License-Identifier: Apache-2.0
 * fee_look.c: schedules of fees, and the judgement of a fee, as JSON. */
#include "recon/fee_look.h"

#include "base/clock.h"
#include "recon/recon_impl.h"
#include "recon/run_impl.h"

enum { LOOK_BYTES_MAX = 1024 * 1024 };

static void add_name(struct buf *buf, const char *key, const struct fee_line *line) {
    buf_addf(buf, ",\"%s\":", key);
    if (line != NULL) {
        buf_add_json(buf, line->name);
    } else {
        buf_add_text(buf, "null");
    }
}

static void add_example(struct buf *buf, const struct fee_schedule *schedule,
                        const struct fee_case *asked) {
    struct fee_expected expected = {0};
    char time[CLOCK_TEXT_MAX];
    bool said = fee_expect(schedule, asked, &expected) == 1;
    buf_addf(buf, "{\"kind\":\"%s\",\"amount\":%lld,\"currency\":\"%s\",\"at\":\"%s\",\"fee\":",
             fee_kind_name(asked->kind), (long long)asked->amount_minor, asked->currency.code,
             clock_format(asked->at_us, time));
    if (said) {
        buf_add_int(buf, expected.fee_minor);
    } else {
        buf_add_text(buf, "null");
    }
    add_name(buf, "line", expected.line);
    add_name(buf, "charge_line", expected.charge_line);
    buf_add_char(buf, '}');
}

int fees_look(const struct recon *recon, const char *gateway, const struct fee_case *asked,
              struct answer *ret_answer, struct err *err) {
    const struct source *source = recon_source(recon, gateway);
    if (source == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"", gateway);
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    int count = 0;
    const struct fee_line *lines = fee_schedule_lines(source->fees, &count);
    BUF_AUTO buf;
    buf_init(&buf, LOOK_BYTES_MAX);
    buf_add_text(&buf, "{\"object\":\"gateway_fees\",\"gateway\":");
    buf_add_json(&buf, gateway);
    buf_add_text(&buf, ",\"time_zone\":");
    buf_add_json(&buf, source->time_zone);
    buf_add_text(&buf, ",\"lines\":[");
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        fee_line_json(&lines[i], &buf);
    }
    buf_add_text(&buf, "],\"tolerance\":[");
    for (int i = 0; i < source->fee_tolerance_count; i++) {
        buf_addf(&buf, "%s{\"currency\":\"%s\",\"amount\":%lld}", i > 0 ? "," : "",
                 source->fee_tolerances[i].currency.code,
                 (long long)source->fee_tolerances[i].minor);
    }
    buf_add_text(&buf, "],\"example\":");
    if (asked != NULL) {
        add_example(&buf, source->fees, asked);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return answer_take(ret_answer, 200, &buf, err);
}

static void add_minor(struct buf *buf, const char *key, const struct sql_rows *rows, int column) {
    buf_addf(buf, ",\"%s\":", key);
    if (sql_null(rows, column)) {
        buf_add_text(buf, "null");
    } else {
        buf_add_int(buf, sql_int(rows, column));
    }
}

int fee_render(struct store_tx *tx, const char *movement_id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT basis, line, expected_minor, kept_minor, answered_minor, "
                      "posted_minor FROM recon_fee WHERE movement_id = $1",
                      S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        buf_addf(buf, ",\"fee\":{\"by\":\"%s\",\"line\":", fee_basis_name(sql_int(rows, 0)));
        buf_add_json(buf, sql_text(rows, 1));
        add_minor(buf, "expected", rows, 2);
        add_minor(buf, "kept", rows, 3);
        add_minor(buf, "answered", rows, 4);
        add_minor(buf, "booked", rows, 5);
        buf_add_char(buf, '}');
    }
    return r < 0 ? r : 0;
}
