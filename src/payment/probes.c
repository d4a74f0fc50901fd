/* SPDX-License-Identifier: Apache-2.0
 * probes.c: the rows of probes: made from the configuration, looked at, asked for. What a run does
 * is in probe_run.c. */
#include "payment/probes.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "payment/probes_impl.h"

/* A new one first runs after its interval, or so long; several not all at once. */
#define FIRST_US (5 * 60 * US_PER_SECOND)
#define APART_US (5 * US_PER_SECOND)

static const struct {
    const char *name, *means;
} results[] = {
    [PROBE_NO_RESULT] = {"", ""},
#define X(name, number, text, what) [PROBE_##name] = {(text), (what)},
#include "payment/probe_results.def"
#undef X
};

const char *probe_result_name(int64_t result) {
    return result > 0 && result < (int64_t)COUNT_OF(results) ? results[result].name : "";
}

const char *probe_result_means(int64_t result) {
    return result > 0 && result < (int64_t)COUNT_OF(results) ? results[result].means : "";
}

static const char *state_name(enum probe_state state) {
    return state == PROBE_PAYS ? "paying" : state == PROBE_UNDOES ? "undoing" : "waiting";
}

const struct probe_settings *probe_settings_find(const struct payments *payments,
                                                 const char *name) {
    for (int i = 0; i < payments->options.probe_count; i++) {
        if (strcmp(payments->options.probes[i].name, name) == 0) {
            return &payments->options.probes[i];
        }
    }
    return NULL;
}

bool probe_is_leftover(const struct probe_view *view, int64_t now_us) {
    return view->state == PROBE_UNDOES && now_us - view->judged_us > PROBE_LEFT_US;
}

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "name, number, state, asked, payment_id, gateway, method, way, result, code, duration_us, "    \
    "begun_us, judged_us, ended_us, due_us, failures, failing_us, ok_us, note"

static void text_into(char *ret_text, size_t bytes, const struct sql_rows *rows, int column) {
    snprintf(ret_text, bytes, "%s", sql_text(rows, column));
}

static void row_read(const struct payments *payments, const struct sql_rows *rows,
                     struct probe_row *ret_row) {
    struct probe_view *view = &ret_row->view;
    *ret_row = (struct probe_row){
        .view = {.number = sql_int(rows, 1),
                 .state = (enum probe_state)sql_int(rows, 2),
                 .method = (enum payment_method)sql_int(rows, 6),
                 .way = (enum probe_way)sql_int(rows, 7),
                 .result = (enum probe_result)sql_int(rows, 8),
                 .duration_us = sql_int(rows, 10),
                 .begun_us = sql_int(rows, 11),
                 .judged_us = sql_int(rows, 12),
                 .ended_us = sql_int(rows, 13),
                 .due_us = sql_int(rows, 14),
                 .failures = sql_int(rows, 15),
                 .failing_us = sql_int(rows, 16),
                 .ok_us = sql_int(rows, 17)},
        .asked = sql_int(rows, 3) != 0,
    };
    text_into(view->name, sizeof view->name, rows, 0);
    text_into(view->payment_id, sizeof view->payment_id, rows, 4);
    text_into(view->gateway, sizeof view->gateway, rows, 5);
    text_into(view->code, sizeof view->code, rows, 9);
    text_into(view->note, sizeof view->note, rows, 18);
    view->settings = probe_settings_find(payments, view->name);
}

int probe_row_load(struct payments *payments, struct store_tx *tx, const char *name,
                   struct probe_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " COLUMNS " FROM probe WHERE name = $1 FOR UPDATE",
                      S_TEXT(name));
    r = r < 0 ? r : row_found(rows, "probe", name, err);
    if (r >= 0) {
        row_read(payments, rows, ret_row);
    }
    return r < 0 ? r : 0;
}

int probe_row_save(struct store_tx *tx, const struct probe_row *row, struct err *err) {
    const struct probe_view *view = &row->view;
    return sql_put_one(
        tx, err,
        "UPDATE probe SET number = $2, state = $3, asked = $4, payment_id = $5, gateway = $6, "
        "method = $7, way = $8, result = $9, code = $10, duration_us = $11, begun_us = $12, "
        "judged_us = $13, ended_us = $14, due_us = $15, failures = $16, failing_us = $17, ok_us = "
        "$18, note = $19 WHERE name = $1",
        S_TEXT(view->name), S_INT(view->number), S_INT(view->state), S_INT(row->asked),
        S_TEXT(view->payment_id), S_TEXT(view->gateway), S_INT(view->method), S_INT(view->way),
        S_INT(view->result), S_TEXT(view->code), S_INT(view->duration_us), S_INT(view->begun_us),
        S_INT(view->judged_us), S_INT(view->ended_us), S_INT(view->due_us), S_INT(view->failures),
        S_INT(view->failing_us), S_INT(view->ok_us), S_TEXT(view->note));
}

/* ---- from the configuration ---- */

static int plan_one(struct store_tx *tx, const struct probe_settings *settings, int64_t due_us,
                    struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO probe (" COLUMNS ") VALUES ($1, 0, 1, 0, '', $2, $3, $4, 0, '', "
                    "0, 0, 0, 0, $5, 0, 0, 0, '') ON CONFLICT (name) DO NOTHING",
                    S_TEXT(settings->name), S_TEXT(settings->gateway), S_INT(settings->method),
                    S_INT(settings->way), S_INT(due_us));
    r = r < 0 ? r : job_add(tx, JOB_PROBE, settings->name, due_us, "", err);
    return r < 0 ? r : 0;
}

static int plan_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct payments *payments = ctx;
    int64_t now = clock_wall_us();
    int r = 0;
    for (int i = 0; r >= 0 && i < payments->options.probe_count; i++) {
        const struct probe_settings *settings = &payments->options.probes[i];
        int64_t first_us = settings->every_us < FIRST_US ? settings->every_us : FIRST_US;
        r = plan_one(tx, settings, now + first_us + i * APART_US, err);
    }
    return r;
}

int probes_plan(struct payments *payments, struct err *err) {
    return payments->options.probe_count > 0
               ? store_write(payments->options.store, plan_tx, payments, err)
               : 0;
}

/* ---- looking ---- */

struct viewing {
    struct payments *payments;
    struct probe_view *views;
    int max, count;
};

static int view_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct viewing *viewing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " COLUMNS " FROM probe ORDER BY name LIMIT $1",
                      S_INT(viewing->max));
    viewing->count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct probe_row row;
        row_read(viewing->payments, rows, &row);
        viewing->views[viewing->count++] = row.view;
    }
    return r < 0 ? r : 0;
}

int probes_view(struct payments *payments, struct probe_view *ret_views, int max,
                struct err *err) {
    struct viewing viewing = {payments, ret_views, max, 0};
    int r = store_read(payments->options.store, view_tx, &viewing, err);
    return r < 0 ? r : viewing.count;
}

static void put_time(struct buf *buf, const char *key, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    if (at_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(at_us, text));
    } else {
        buf_addf(buf, ",\"%s\":null", key);
    }
}

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void render(struct buf *buf, const struct probe_view *view) {
    buf_addf(buf, "{\"name\":");
    buf_add_json(buf, view->name);
    put_text(buf, "gateway", view->gateway);
    put_text(buf, "method", method_name(view->method));
    put_text(buf, "way", probe_way_name(view->way));
    if (view->settings != NULL) {
        buf_addf(buf, ",\"configured\":true,\"amount\":%lld,\"currency\":\"%s\",\"every_s\":%lld",
                 (long long)view->settings->amount_minor, view->settings->currency.code,
                 (long long)(view->settings->every_us / US_PER_SECOND));
    } else {
        buf_add_text(buf, ",\"configured\":false,\"amount\":null,\"currency\":null,"
                          "\"every_s\":null");
    }
    put_text(buf, "state", state_name(view->state));
    buf_addf(buf, ",\"number\":%lld", (long long)view->number);
    put_text(buf, "payment_id", view->payment_id);
    put_text(buf, "result", probe_result_name(view->result));
    put_text(buf, "means", probe_result_means(view->result));
    put_text(buf, "code", view->code);
    if (view->result != PROBE_NO_RESULT) {
        buf_addf(buf, ",\"duration_ms\":%lld", (long long)(view->duration_us / US_PER_MS));
    } else {
        buf_add_text(buf, ",\"duration_ms\":null");
    }
    put_time(buf, "begun_at", view->begun_us);
    put_time(buf, "judged_at", view->judged_us);
    put_time(buf, "ended_at", view->ended_us);
    put_time(buf, "next_at", view->settings != NULL ? view->due_us : 0);
    buf_addf(buf, ",\"failures\":%lld", (long long)view->failures);
    put_time(buf, "failing_since", view->failing_us);
    put_time(buf, "succeeded_at", view->ok_us);
    put_text(buf, "note", view->note);
    buf_add_char(buf, '}');
}

int probes_list(struct payments *payments, struct answer *ret_answer, struct err *err) {
    struct probe_view *views = g_new0(struct probe_view, 2 * PROBES_MAX);
    int count = probes_view(payments, views, 2 * PROBES_MAX, err);
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        render(&buf, &views[i]);
    }
    buf_add_text(&buf, "]}");
    g_free(views);
    return count < 0 ? count : answer_take(ret_answer, 200, &buf, err);
}

/* ---- asked for ---- */

bool probe_is_blocked(struct payments *payments, const struct probe_settings *settings,
                      char ret_why[PROBE_NOTE_BYTES]) {
    struct gateway_control_view view;
    struct mode_admission admission;
    gateway_control_view(payments->options.control, &view);
    ret_why[0] = '\0';
    for (int i = 0; i < gateway_count(payments->options.registry); i++) {
        const char *name = gateway_at(payments->options.registry, i)->name;
        if (strcmp(name, settings->gateway) == 0 && view.state[i] != GATEWAY_ENABLED) {
            snprintf(ret_why, PROBE_NOTE_BYTES, "gateway %s is %s: %.100s", name,
                     gateway_switch_name(view.state[i]), view.reason[i]);
            return true;
        }
    }
    mode_admits(payments->options.mode, PURPOSE_ORDER, settings->method, &admission);
    if (admission.verdict != MODE_TAKEN) {
        snprintf(ret_why, PROBE_NOTE_BYTES, "no orders are taken by %s now%s%.120s",
                 method_name(settings->method), admission.why[0] != '\0' ? ": " : "",
                 admission.why);
        return true;
    }
    return false;
}

struct asking {
    struct payments *payments;
    const char *name;
    struct probe_row row;
};

static int ask_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    int r = probe_row_load(asking->payments, tx, asking->name, &asking->row, err);
    if (r < 0) {
        return r;
    }
    asking->row.asked = asking->row.view.state == PROBE_WAITS;
    r = probe_row_save(tx, &asking->row, err);
    int64_t now = clock_wall_us();
    r = r < 0 ? r : job_add(tx, JOB_PROBE, asking->name, now, "", err);
    r = r == 0 ? job_hasten(tx, JOB_PROBE, asking->name, now, err) : r;
    return r < 0 ? r : 0;
}

int probe_ask(struct payments *payments, const char *name, struct answer *ret_answer,
              struct err *err) {
    const struct probe_settings *settings = probe_settings_find(payments, name);
    char why[PROBE_NOTE_BYTES];
    if (settings == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no probe \"%.60s\"", name);
        return err_hint(err, "`holdfast gateway probes` lists them; docs/probes.md has the rest.");
    }
    if (probe_is_blocked(payments, settings, why)) {
        return err_set(err, ERR_STATE, "%s is not probed now: %s", name, why);
    }
    struct asking asking = {.payments = payments, .name = name};
    int r = probes_plan(payments, err);
    r = r < 0 ? r : store_write(payments->options.store, ask_tx, &asking, err);
    if (r < 0) {
        return r;
    }
    jobs_wake(payments);
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render(&buf, &asking.row.view);
    return answer_take(ret_answer, 202, &buf, err);
}
