/* SPDX-License-Identifier: Apache-2.0
 * handlers_modes.c: the ladder of degraded modes, switches, the simplified flow, and what shops'
 * pages are told. */
#include <stdio.h>
#include <string.h>

#include "api/notice.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

enum { MODES_BYTES_MAX = 256 * 1024, NOTICE_BYTES_MAX = 64 * 1024 };

/* ---- looking ---- */

typedef int show_fn(struct service *service, struct store_tx *tx, struct buf *buf, struct err *err);

static int show_mode(struct service *service, struct store_tx *tx, struct buf *buf,
                     struct err *err) {
    return mode_json(service->mode, tx, buf, err);
}

/* A purpose that the billing switch holds is off, whoever threw it. */
static int show_switches(struct service *service, struct store_tx *tx, struct buf *buf,
                         struct err *err) {
    bool paused = false;
    int r = billing_paused(tx, &paused, err);
    return r < 0 ? r
                 : mode_switches_json(service->mode, tx,
                                      paused ? "all renewals are paused: GET /v1/billing" : NULL,
                                      buf, err);
}

struct look {
    struct service *service;
    show_fn *show;
    struct buf buf;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    buf_clear(&look->buf);
    return look->show(look->service, tx, &look->buf, err);
}

static int answer_look(struct ask *ask, show_fn *show, struct err *err) {
    struct look look = {.service = ask->service, .show = show};
    buf_init(&look.buf, MODES_BYTES_MAX);
    int r = store_read(ask->service->store, look_tx, &look, err);
    r = r < 0 ? r : answer_take(&ask->answer, 200, &look.buf, err);
    buf_release(&look.buf);
    return r;
}

/* Asked most when the database is down: then from memory. */
int mode_get(struct ask *ask, struct err *err) {
    int r = answer_look(ask, show_mode, err);
    if (r >= 0 || r == -ERR_INTERNAL) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, MODES_BYTES_MAX);
    err_clear(err);
    r = mode_json(ask->service->mode, NULL, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int switches_get(struct ask *ask, struct err *err) {
    return answer_look(ask, show_switches, err);
}

/* ---- changing: one transaction with the Idempotency-Key's row ---- */

struct change {
    struct service *service;
    struct mode_order order;
    struct mode_switching switching;
    struct mode_simplifying simplifying;
    int (*write)(struct change *change, struct store_tx *tx, struct err *err);
    show_fn *show;
};

static int write_order(struct change *change, struct store_tx *tx, struct err *err) {
    return mode_set(change->service->mode, tx, &change->order, err);
}

static bool is_renewals(const struct mode_switching *switching) {
    return switching->kind == SWITCH_PURPOSE &&
           strcmp(switching->name, purpose_name(PURPOSE_SUBSCRIPTION)) == 0;
}

static int write_switch(struct change *change, struct store_tx *tx, struct err *err) {
    bool renewals = false;
    return billing_mode_switch(tx, change->service->mode, &change->switching, true, &renewals, err);
}

static int write_simplified(struct change *change, struct store_tx *tx, struct err *err) {
    return billing_mode_simplify(tx, change->service->mode, &change->simplifying, err);
}

static int change_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct change *change = ctx;
    BUF_AUTO buf;
    buf_init(&buf, MODES_BYTES_MAX);
    int r = change->write(change, tx, err);
    r = r < 0 ? r : change->show(change->service, tx, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

static int run_change(struct ask *ask, struct change *change, const char *operation,
                      struct err *err) {
    int r = idempotent_run(ask->service->payments, &ask->caller, operation, change_fn, change,
                           &ask->answer, err);
    if (r < 0 || ask->answer.replayed) {
        return r;
    }
    payments_wake(ask->service->payments);
    return mode_reload(ask->service->mode, err);
}

static int read_until(const json_t *body, int64_t *ret_until_us, struct err *err) {
    const char *until = NULL;
    int r = json_may_text(body, "", "until", 1, 40, &until, err);
    if (r >= 0 && until != NULL && !clock_parse(until, ret_until_us)) {
        err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
        r = err_place(err, "/until");
    }
    return r;
}

int mode_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"step", "pin", "until", "end_read_only", "reason", NULL};
    const char *step = NULL;
    bool pin = false;
    struct change change = {.service = ask->service,
                            .order = {.actor = ask->caller.actor},
                            .write = write_order,
                            .show = show_mode};
    struct mode_order *order = &change.order;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "step", 1, 20, &step, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "pin", &pin, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "end_read_only", &order->end_read_only, err);
    r = r < 0 ? r : read_until(ask->body, &order->until_us, err);
    r = r < 0 ? r : read_reason(ask->body, &order->reason, err);
    if (r < 0) {
        return r;
    }
    order->automatic = strcmp(step, "auto") == 0;
    order->hand = pin ? HAND_EXACTLY : HAND_AT_LEAST;
    if (!order->automatic && !mode_step_parse(step, &order->step)) {
        err_set(err, ERR_VALIDATION, "there is no step \"%.20s\"", step);
        err_place(err, "/step");
        return err_hint(err, "One of: auto, normal, reroute, reduced, deferred, read_only.");
    }
    return run_change(ask, &change, "mode.set", err);
}

int switches_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"kind", "name", "on", "until", "force", "reason", NULL};
    const char *kind = NULL;
    bool on = true;
    struct change change = {.service = ask->service,
                            .switching = {.actor = ask->caller.actor},
                            .write = write_switch,
                            .show = show_switches};
    struct mode_switching *switching = &change.switching;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "kind", 1, 20, &kind, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "name", 1, 60, &switching->name, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "on", &on, err);
    if (r >= 0 && !json_is_boolean(json_object_get(ask->body, "on"))) {
        err_set(err, ERR_VALIDATION, "it must be said whether it is to be on or off");
        r = err_place(err, "/on");
    }
    r = r < 0 ? r : json_may_bool(ask->body, "", "force", &switching->force, err);
    r = r < 0 ? r : read_until(ask->body, &switching->until_us, err);
    r = r < 0 ? r : read_reason(ask->body, &switching->reason, err);
    if (r < 0) {
        return r;
    }
    switching->off = !on;
    if (!mode_switch_kind_parse(kind, &switching->kind)) {
        err_set(err, ERR_VALIDATION, "there is no kind of switch \"%.20s\"", kind);
        err_place(err, "/kind");
        return err_hint(err, "One of: purpose, method, gateway.");
    }
    if (is_renewals(switching) && switching->off && switching->until_us > 0) {
        err_set(err, ERR_VALIDATION, "renewals are resumed by a person, not by the clock");
        err_place(err, "/until");
        return err_hint(err, "Leave it out, and switch them on when it is time.");
    }
    return run_change(ask, &change, "switch.set", err);
}

/* ---- the simplified flow ---- */

static int simplify(struct ask *ask, bool on, const char *reason, struct err *err) {
    struct change change = {.service = ask->service,
                            .simplifying = {.on = on, .actor = ask->caller.actor, .reason = reason},
                            .write = write_simplified,
                            .show = show_mode};
    return run_change(ask, &change, "mode.simplified", err);
}

int mode_simplified_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"on", "reason", NULL};
    const char *reason = NULL;
    bool on = true;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "on", &on, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r : simplify(ask, on, reason, err);
}

/* The runbook calls these two without a body; then the reason names the path itself. */
static int runbook_simplified(struct ask *ask, bool on, struct err *err) {
    const char *reason = on ? "enable-simplified-flow was called"
                            : "disable-simplified-flow was called";
    int r = read_reason_or(ask->body, &reason, err);
    return r < 0 ? r : simplify(ask, on, reason, err);
}

int runbook_simplified_on(struct ask *ask, struct err *err) {
    return runbook_simplified(ask, true, err);
}

int runbook_simplified_off(struct ask *ask, struct err *err) {
    return runbook_simplified(ask, false, err);
}

/* ---- for shops' pages: anybody may read it, from any site, and keep it for a moment ---- */

static int read_notices(struct ask *ask, struct buf *state, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    int r = read_query_text(ask, "lang", language, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(language, "en") != 0 && strcmp(language, "zh") != 0) {
        err_set(err, ERR_VALIDATION, "there is no language \"%.20s\" here", language);
        err_place(err, "query parameter lang");
        return err_hint(err, "One of: en, zh.");
    }
    mode_notices_json(ask->service->mode, language, state);
    return 0;
}

static void send_public(struct ask *ask, const char *type, const struct buf *body) {
    http_reply_header(ask->reply, "Access-Control-Allow-Origin", "*");
    http_reply_header(ask->reply, "Cross-Origin-Resource-Policy", "cross-origin");
    http_reply_header(ask->reply, "Cache-Control", "public, max-age=5");
    http_reply_body(ask->reply, type, body->data, body->len);
    ask->reply->status = 200;
}

int notices_get(struct ask *ask, struct err *err) {
    BUF_AUTO state;
    buf_init(&state, NOTICE_BYTES_MAX);
    int r = read_notices(ask, &state, err);
    if (r >= 0) {
        send_public(ask, "application/json", &state);
    }
    return r;
}

int notices_script_get(struct ask *ask, struct err *err) {
    BUF_AUTO state;
    BUF_AUTO script;
    buf_init(&state, NOTICE_BYTES_MAX);
    buf_init(&script, NOTICE_BYTES_MAX);
    int r = read_notices(ask, &state, err);
    if (r < 0) {
        return r;
    }
    const char *place = strstr(notice_text, NOTICE_STATE);
    INVARIANT(place != NULL, "the script has a place for the state");
    buf_add(&script, notice_text, (size_t)(place - notice_text));
    buf_add(&script, state.data, state.len);
    buf_add_text(&script, place + sizeof NOTICE_STATE - 2);
    send_public(ask, "text/javascript; charset=utf-8", &script);
    return 0;
}
