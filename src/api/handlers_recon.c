/* SPDX-License-Identifier: Apache-2.0
 * handlers_recon.c: runs of the reconciliation, movements and breaks. */
#include <string.h>

#include "api/read.h"
#include "api/sheet_reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "recon/break_desk.h"
#include "recon/run_look.h"

enum {
    MOMENT_CHARS_MAX = 40,
    BREAK_NAME_CHARS_MAX = 120,
    EXPORT_BYTES_MAX = 96 * 1024 * 1024,
    EXPECT_MAX = 1000 * 1000,
};

/* Of a filter: more than any sum that is ever told. */
#define STAKE_MINOR_MAX INT64_C(1000000000000000)

/* ---- runs ---- */

int reconciliations_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"gateway", "until", NULL};
    const char *gateway = NULL, *until = NULL;
    int64_t until_us = 0;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "gateway", 1, GATEWAY_NAME_CHARS_MAX, &gateway, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "until", 1, MOMENT_CHARS_MAX, &until, err);
    if (r >= 0 && until != NULL && !read_since(until, &until_us)) {
        (void)err_set(err, ERR_VALIDATION, "\"%.40s\" is no time", until);
        (void)err_place(err, "/until");
        r = err_hint(err, "A time is 2026-11-20T08:00:00Z, or how long ago it was: 24h. Without "
                          "one all up to now is reconciled.");
    }
    return r < 0 ? r
                 : reconciliation_ask(ask->service->recon, &ask->caller, gateway, until_us,
                                      &ask->answer, err);
}

int reconciliations_list(struct ask *ask, struct err *err) {
    char gateway[QUERY_CHARS_MAX] = "", currency[QUERY_CHARS_MAX] = "";
    char state[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    struct run_filter filter = {
        .gateway = gateway, .currency = currency, .state = state, .cursor = cursor};
    int64_t limit = 0, open_breaks = 0;
    int r = read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "currency", currency, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_since(ask, "since", &filter.since_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &filter.until_us, err);
    r = r < 0 ? r : read_query_int(ask, "open_breaks", 0, 1, &open_breaks, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    filter.open_breaks = open_breaks == 1;
    filter.limit = (int)limit;
    return r < 0 ? r : reconciliation_list(ask->service->recon, &filter, &ask->answer, err);
}

int reconciliation_get_one(struct ask *ask, struct err *err) {
    struct reconciliation_id id;
    int r = READ_LISTED_ID(ask, "a run", reconciliation_id, "reconcile list", &id, err);
    return r < 0 ? r : reconciliation_get(ask->service->recon, id.text, &ask->answer, err);
}

int reconciliation_rules_get(struct ask *ask, struct err *err) {
    char gateway[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, "gateway", gateway, err);
    return r < 0 ? r : reconciliation_rules(ask->service->recon, gateway, &ask->answer, err);
}

int movement_get_one(struct ask *ask, struct err *err) {
    return movement_explain(ask->service->recon, ask->param, &ask->answer, err);
}

/* ---- looking for breaks ---- */

struct asked_filter {
    struct break_filter filter;
    char gateway[QUERY_CHARS_MAX], class[QUERY_CHARS_MAX], risk[QUERY_CHARS_MAX];
    char state[QUERY_CHARS_MAX], owner[QUERY_CHARS_MAX], age[QUERY_CHARS_MAX];
    char currency[QUERY_CHARS_MAX], payment[QUERY_CHARS_MAX], text[QUERY_CHARS_MAX];
    char sort[QUERY_CHARS_MAX], cursor[QUERY_CHARS_MAX];
};

static int read_filter(struct ask *ask, struct asked_filter *ret_asked, struct err *err) {
    *ret_asked = (struct asked_filter){{0}};
    struct break_filter *filter = &ret_asked->filter;
    struct {
        const char *name;
        char *value;
        const char **member;
    } texts[] = {
        {"gateway", ret_asked->gateway, &filter->gateway},
        {"class", ret_asked->class, &filter->class},
        {"risk", ret_asked->risk, &filter->risk},
        {"state", ret_asked->state, &filter->state},
        {"owner", ret_asked->owner, &filter->owner},
        {"age", ret_asked->age, &filter->age},
        {"currency", ret_asked->currency, &filter->currency},
        {"payment_id", ret_asked->payment, &filter->payment_id},
        {"q", ret_asked->text, &filter->text},
        {"sort", ret_asked->sort, &filter->sort},
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = read_query_text(ask, texts[i].name, texts[i].value, err);
        *texts[i].member = texts[i].value;
    }
    r = r < 0
            ? r
            : read_query_int(ask, "amount_min", 0, STAKE_MINOR_MAX, &filter->amount_min_minor, err);
    return r < 0 ? r
                 : read_query_int(ask, "amount_max", 0, STAKE_MINOR_MAX, &filter->amount_max_minor,
                                  err);
}

int breaks_list(struct ask *ask, struct err *err) {
    struct asked_filter asked;
    int64_t limit = 0;
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", asked.cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    asked.filter.cursor = asked.cursor;
    asked.filter.limit = (int)limit;
    return r < 0 ? r
                 : break_list(ask->service->recon, &ask->caller, &asked.filter, &ask->answer, err);
}

int break_get_one(struct ask *ask, struct err *err) {
    struct break_id id;
    int r = READ_LISTED_ID(ask, "a break", break_id, "break list", &id, err);
    return r < 0 ? r : break_get(ask->service->recon, id.text, &ask->answer, err);
}

int breaks_export(struct ask *ask, struct err *err) {
    struct asked_filter asked;
    enum sheet_format format = SHEET_CSV;
    BUF_AUTO file;
    buf_init(&file, EXPORT_BYTES_MAX);
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r : read_sheet_format(ask, &format, err);
    if (r >= 0) {
        r = format == SHEET_CSV
                ? break_export_csv(ask->service->recon, &ask->caller, &asked.filter, &file, err)
                : break_export_xlsx(ask->service->recon, &ask->caller, &asked.filter, &file, err);
    }
    if (r >= 0) {
        reply_sheet(ask, format, "breaks", &file);
    }
    return r < 0 ? r : 0;
}

/* ---- deciding ---- */

static int act_on_one(struct ask *ask, struct break_action *action, struct err *err) {
    struct break_id id;
    const char *ids[] = {id.text};
    int r = READ_LISTED_ID(ask, "a break", break_id, "break list", &id, err);
    action->ids = ids;
    action->id_count = 1;
    return r < 0 ? r : break_act(ask->service->recon, &ask->caller, action, &ask->answer, err);
}

static int act_with_reason(struct ask *ask, enum break_act act, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct break_action action = {.act = act, .owner = "", .reason = ""};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &action.reason, err);
    return r < 0 ? r : act_on_one(ask, &action, err);
}

/* Owner "" gives it back. */
int break_assign_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"owner", "reason", NULL};
    struct break_action action = {.act = ACT_ASSIGN, .owner = "", .reason = ""};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0
            ? r
            : json_need_text(ask->body, "", "owner", 0, BREAK_OWNER_CHARS_MAX, &action.owner, err);
    r = r < 0 ? r
              : json_may_lines(ask->body, "", "reason", 0, REASON_CHARS_MAX, &action.reason, err);
    return r < 0 ? r : act_on_one(ask, &action, err);
}

int break_write_off_post(struct ask *ask, struct err *err) {
    return act_with_reason(ask, ACT_WRITE_OFF, err);
}

int break_approve_post(struct ask *ask, struct err *err) {
    return act_with_reason(ask, ACT_APPROVE, err);
}

int break_reject_post(struct ask *ask, struct err *err) {
    return act_with_reason(ask, ACT_REJECT, err);
}

int break_resolve_post(struct ask *ask, struct err *err) {
    return act_with_reason(ask, ACT_RESOLVE, err);
}

int break_reopen_post(struct ask *ask, struct err *err) {
    return act_with_reason(ask, ACT_REOPEN, err);
}

/* ---- several at once ---- */

static int read_body_filter(const json_t *object, struct break_filter *filter, struct err *err) {
    static const char *const keys[] = {"gateway",    "class",      "risk",     "state",
                                       "owner",      "age",        "currency", "payment_id",
                                       "amount_min", "amount_max", "q",        NULL};
    const struct {
        const char *name;
        const char **member;
    } texts[] = {
        {"gateway", &filter->gateway},
        {"class", &filter->class},
        {"risk", &filter->risk},
        {"state", &filter->state},
        {"owner", &filter->owner},
        {"age", &filter->age},
        {"currency", &filter->currency},
        {"payment_id", &filter->payment_id},
        {"q", &filter->text},
    };
    int r = json_only(object, "/filter", keys, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = json_may_text(object, "/filter", texts[i].name, 0, BREAK_NAME_CHARS_MAX,
                          texts[i].member, err);
    }
    r = r < 0 ? r
              : json_may_int(object, "/filter", "amount_min", 0, STAKE_MINOR_MAX,
                             &filter->amount_min_minor, err);
    return r < 0 ? r
                 : json_may_int(object, "/filter", "amount_max", 0, STAKE_MINOR_MAX,
                                &filter->amount_max_minor, err);
}

static int read_ids(const json_t *body, struct break_id ids[BREAK_BULK_MAX],
                    const char *texts[BREAK_BULK_MAX], int *ret_count, struct err *err) {
    const json_t *array = NULL;
    size_t i;
    json_t *item;
    int r = json_may_array(body, "", "ids", BREAK_BULK_MAX, &array, err);
    if (r < 0) {
        return r;
    }
    json_array_foreach(array, i, item) {
        const char *text = json_string_value(item);
        if (text == NULL || break_id_parse(text, &ids[i], NULL) < 0) {
            (void)err_set(err, ERR_VALIDATION, "this is not a break's id");
            return err_place(err, "/ids/%zu", i);
        }
        texts[(*ret_count)++] = ids[i].text;
    }
    return 0;
}

static int read_act(struct ask *ask, struct break_action *action, struct err *err) {
    const char *name = NULL;
    int r = json_need_text(ask->body, "", "action", 1, 20, &name, err);
    if (r >= 0 && !break_act_parse(name, &action->act)) {
        (void)err_set(err, ERR_VALIDATION, "there is no action \"%.20s\"", name);
        (void)err_place(err, "/action");
        return err_hint(err, "One of: assign, write_off, approve, reject, resolve, reopen.");
    }
    if (r >= 0 && action->act != ACT_ASSIGN && ask->identity.role < ROLE_FINANCE) {
        (void)err_set(err, ERR_FORBIDDEN, "this takes the role finance");
        return err_place(err, "/action");
    }
    r = r < 0
            ? r
            : json_may_text(ask->body, "", "owner", 0, BREAK_OWNER_CHARS_MAX, &action->owner, err);
    return r < 0 || action->act == ACT_ASSIGN
               ? (r < 0 ? r
                        : json_may_lines(ask->body, "", "reason", 0, REASON_CHARS_MAX,
                                         &action->reason, err))
               : read_reason(ask->body, &action->reason, err);
}

static int one_of_both(const struct ask *ask, struct err *err) {
    bool ids = json_object_get(ask->body, "ids") != NULL;
    bool filter = json_object_get(ask->body, "filter") != NULL;
    bool expect = json_object_get(ask->body, "expect") != NULL;
    if (ids != filter && filter == expect) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION, "it takes either ids, or filter and expect");
    (void)err_place(err, "%s", ids ? "/ids" : "/filter");
    return err_hint(err, "expect is how many the list told: totals.count.");
}

int breaks_bulk_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"action", "ids",    "filter", "expect",
                                       "owner",  "reason", NULL};
    struct break_id ids[BREAK_BULK_MAX];
    const char *texts[BREAK_BULK_MAX];
    struct break_filter filter = {0};
    struct break_action action = {.several = true, .ids = texts, .owner = "", .reason = ""};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_act(ask, &action, err);
    r = r < 0 ? r : one_of_both(ask, err);
    r = r < 0 ? r : read_ids(ask->body, ids, texts, &action.id_count, err);
    const json_t *object = json_object_get(ask->body, "filter");
    if (r >= 0 && object != NULL) {
        r = read_body_filter(object, &filter, err);
        r = r < 0 ? r
                  : json_need_int(ask->body, "", "expect", 0, EXPECT_MAX, &action.expected, err);
        action.filter = &filter;
    }
    return r < 0 ? r : break_act(ask->service->recon, &ask->caller, &action, &ask->answer, err);
}
