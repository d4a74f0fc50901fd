/* SPDX-License-Identifier: Apache-2.0
 * handlers_alerts.c: alerts, their rules, silences and rotas (watch/alert.h). */
#include "api/read.h"
#include "api/service_impl.h"
#include "base/json.h"
#include "watch/alert.h"

enum { ALERTS_BYTES_MAX = 16 * 1024 * 1024, MOMENT_CHARS_MAX = 40, NAME_CHARS_MAX = 60 };

/* ---- looking ---- */

int alerts_get(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "", rule[QUERY_CHARS_MAX] = "", team[QUERY_CHARS_MAX] = "";
    char severity[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    int64_t limit = PAGE_ROWS;
    const struct {
        const char *name;
        char *value;
    } queries[] = {{"state", state},       {"rule", rule},     {"team", team},
                   {"severity", severity}, {"cursor", cursor}};
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(queries); i++) {
        r = read_query_text(ask, queries[i].name, queries[i].value, err);
    }
    const struct alerts_filter filter = {state, rule, team, severity, cursor, (int)limit};
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    r = r < 0 ? r : alerts_list(ask->service->alerts, &filter, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int alert_get_one(struct ask *ask, struct err *err) {
    struct alert_id id;
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    int r = READ_LISTED_ID(ask, "an alert", alert_id, "alert list", &id, err);
    r = r < 0 ? r : alert_get(ask->service->alerts, id.text, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int alert_rules_get(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    alert_rules_list(ask->service->alerts, &buf);
    return answer_take(&ask->answer, 200, &buf, err);
}

int silences_get(struct ask *ask, struct err *err) {
    int64_t all = 0;
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    int r = read_query_int(ask, "all", 0, 1, &all, err);
    r = r < 0 ? r : silences_list(ask->service->alerts, all == 1, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int rotas_get(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    int r = rotas_list(ask->service->alerts, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

/* ---- doing: one transaction with the Idempotency-Key's row ---- */

struct act {
    struct ask *ask;
    const char *id, *reason;
    struct silence_request silence;
    struct rota_override override;
    int status;
    int (*write)(struct act *act, struct store_tx *tx, struct buf *buf, struct err *err);
};

static int act_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    BUF_AUTO buf;
    buf_init(&buf, ALERTS_BYTES_MAX);
    int r = act->write(act, tx, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, act->status, &buf, err);
}

static int run_act(struct act *act, const char *operation, struct err *err) {
    struct service *service = act->ask->service;
    int r = idempotent_run(service->payments, &act->ask->caller, operation, act_fn, act,
                           &act->ask->answer, err);
    if (r >= 0) {
        payments_wake(service->payments);
    }
    return r;
}

/* Absent, where it may be: `*ret_wall_us` stays as it was. */
static int read_moment(const json_t *body, const char *name, bool need, int64_t *ret_wall_us,
                       struct err *err) {
    const char *text = NULL;
    int r = need ? json_need_text(body, "", name, 1, MOMENT_CHARS_MAX, &text, err)
                 : json_may_text(body, "", name, 1, MOMENT_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || clock_parse(text, ret_wall_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
    return err_place(err, "/%s", name);
}

static int write_ack(struct act *act, struct store_tx *tx, struct buf *buf, struct err *err) {
    return alert_acknowledge(act->ask->service->alerts, tx, act->id, act->ask->caller.actor,
                             act->reason, buf, err);
}

int alert_ack_post(struct ask *ask, struct err *err) {
    struct act act = {.ask = ask, .reason = "", .status = 200, .write = write_ack};
    struct alert_id id;
    int r = READ_LISTED_ID(ask, "an alert", alert_id, "alert list", &id, err);
    r = r < 0 ? r : read_reason_or(ask->body, &act.reason, err);
    act.id = id.text;
    return r < 0 ? r : run_act(&act, "alert.acknowledge", err);
}

static int write_silence(struct act *act, struct store_tx *tx, struct buf *buf, struct err *err) {
    return silence_add(act->ask->service->alerts, tx, &act->silence, act->ask->caller.actor, buf,
                       err);
}

static int read_matchers(const json_t *body, struct silence_request *request, struct err *err) {
    const json_t *list = NULL;
    const json_t *item;
    size_t i;
    int r = json_may_array(body, "", "matchers", MATCHERS_MAX, &list, err);
    if (r >= 0 && json_array_size(list) == 0) {
        err_set(err, ERR_VALIDATION, "a silence says what it is about: at least one matcher");
        r = err_place(err, "/matchers");
    }
    if (r < 0) {
        return r;
    }
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        if (text == NULL) {
            err_set(err, ERR_VALIDATION, "a matcher is a text like gateway=stripe-eu");
            return err_place(err, "/matchers/%zu", i);
        }
        request->matchers[request->matcher_count++] = text;
    }
    return 0;
}

int silences_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"matchers", "from", "until", "reason", NULL};
    struct act act = {.ask = ask, .status = 201, .write = write_silence};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_matchers(ask->body, &act.silence, err);
    r = r < 0 ? r : read_moment(ask->body, "from", false, &act.silence.from_us, err);
    r = r < 0 ? r : read_moment(ask->body, "until", true, &act.silence.until_us, err);
    r = r < 0 ? r : read_reason(ask->body, &act.silence.reason, err);
    return r < 0 ? r : run_act(&act, "silence.create", err);
}

static int write_end(struct act *act, struct store_tx *tx, struct buf *buf, struct err *err) {
    return silence_end(act->ask->service->alerts, tx, act->id, act->ask->caller.actor, buf, err);
}

int silence_delete(struct ask *ask, struct err *err) {
    struct act act = {.ask = ask, .status = 200, .write = write_end};
    struct silence_id id;
    int r = READ_LISTED_ID(ask, "a silence", silence_id, "alert silences", &id, err);
    act.id = id.text;
    return r < 0 ? r : run_act(&act, "silence.end", err);
}

static int write_override(struct act *act, struct store_tx *tx, struct buf *buf,
                          struct err *err) {
    return rota_override_add(act->ask->service->alerts, tx, &act->override,
                             act->ask->caller.actor, act->reason, buf, err);
}

int rota_override_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"person", "from", "until", "reason", NULL};
    struct act act = {.ask = ask, .status = 201, .write = write_override};
    act.override.rota = ask->param;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "person", 1, NAME_CHARS_MAX, &act.override.person,
                               err);
    r = r < 0 ? r : read_moment(ask->body, "from", false, &act.override.from_us, err);
    r = r < 0 ? r : read_moment(ask->body, "until", true, &act.override.until_us, err);
    r = r < 0 ? r : read_reason(ask->body, &act.reason, err);
    return r < 0 ? r : run_act(&act, "rota.override", err);
}
