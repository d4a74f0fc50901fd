/* SPDX-License-Identifier: Apache-2.0
 * handlers_risk.c: the fraud check: its rules, its lists, its switch, and what it would say. */
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "risk/rules.h"

enum { RISK_ANSWER_BYTES_MAX = 1024 * 1024, RULES_CHARS_MAX = 32 * 1024 };

/* `key` of the body is one of a few names; `allowed` lists them. */
static int unknown_name(const char *key, const char *value, const char *allowed, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", key, value);
    err_place(err, "%s", key);
    return err_hint(err, "One of: %s.", allowed);
}

static const char lists[] = "block, allow, watch";
static const char dimensions[] = "customer, card, ip, email, region";

/* ---- rules and switch ---- */

struct showing {
    struct risk *risk;
    const struct risk_list_filter *filter;
    const char *id;
    struct buf buf;
};

static int show_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct showing *showing = ctx;
    buf_clear(&showing->buf);
    return showing->filter != NULL ? risk_list_json(tx, showing->filter, &showing->buf, err)
           : showing->id != NULL   ? risk_list_one_json(tx, showing->id, &showing->buf, err)
                                   : risk_json(showing->risk, tx, &showing->buf, err);
}

static int show(struct ask *ask, const struct risk_list_filter *filter, const char *id,
                struct err *err) {
    struct showing showing = {.risk = ask->service->risk, .filter = filter, .id = id};
    buf_init(&showing.buf, RISK_ANSWER_BYTES_MAX);
    int r = store_read(ask->service->store, show_tx, &showing, err);
    r = r < 0 ? r : answer_take(&ask->answer, 200, &showing.buf, err);
    buf_release(&showing.buf);
    return r;
}

int risk_get(struct ask *ask, struct err *err) {
    return show(ask, NULL, NULL, err);
}

struct change {
    struct service *service;
    const struct caller *caller;
    bool on;
    const char *id, *reason;
    struct risk_listing listing;
};

static int switch_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct change *change = ctx;
    struct risk *risk = change->service->risk;
    BUF_AUTO buf;
    buf_init(&buf, RISK_ANSWER_BYTES_MAX);
    int r = risk_switch(risk, tx, change->on, change->caller->actor, change->reason, err);
    r = r < 0 ? r : risk_json(risk, tx, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int risk_switch_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"on", "reason", NULL};
    struct change change = {.service = ask->service, .caller = &ask->caller, .on = true};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "on", &change.on, err);
    r = r < 0 ? r : read_reason(ask->body, &change.reason, err);
    if (r >= 0 && !risk_configured(ask->service->risk)) {
        r = err_set(err, ERR_STATE, "no fraud rules are configured: there is nothing to switch");
    }
    return r < 0 ? r
                 : idempotent_run(ask->service->payments, &ask->caller, "risk.switch", switch_fn,
                                  &change, &ask->answer, err);
}

/* ---- lists ---- */

int risk_lists_get(struct ask *ask, struct err *err) {
    char list[QUERY_CHARS_MAX] = "", by[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    enum risk_list wanted = RISK_BLOCK;
    enum risk_by dimension = RISK_BY_CUSTOMER;
    int64_t limit = 0, all = 0;
    int r = read_query_text(ask, "list", list, err);
    r = r < 0 ? r : read_query_text(ask, "by", by, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_int(ask, "all", 0, 1, &all, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    if (r >= 0 && list[0] != '\0' && !risk_list_parse(list, &wanted)) {
        r = unknown_name("query parameter list", list, lists, err);
    }
    if (r >= 0 && by[0] != '\0' && !risk_by_parse(by, &dimension)) {
        r = unknown_name("query parameter by", by, dimensions, err);
    }
    const struct risk_list_filter filter = {
        .list = list[0] != '\0' ? (int)wanted : -1,
        .by = by[0] != '\0' ? (int)dimension : 0,
        .all = all == 1,
        .cursor = cursor,
        .limit = (int)limit,
    };
    return r < 0 ? r : show(ask, &filter, NULL, err);
}

int risk_entry_get(struct ask *ask, struct err *err) {
    struct listing_id id;
    int r = READ_ID(ask, "a list entry", listing_id, &id, err);
    return r < 0 ? r : show(ask, NULL, id.text, err);
}

static int answer_entry(struct store_tx *tx, const char *id, int status, struct answer *ret_answer,
                        struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, RISK_ANSWER_BYTES_MAX);
    int r = risk_list_one_json(tx, id, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, status, &buf, err);
}

static int add_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct change *change = ctx;
    struct listing_id id;
    int r = risk_list_add(tx, &change->listing, &id, err);
    return r < 0 ? r : answer_entry(tx, id.text, 201, ret_answer, err);
}

static int read_listing(struct ask *ask, struct risk_listing *listing, struct err *err) {
    static const char *const keys[] = {"list", "by", "value", "reason", "expires_at", NULL};
    const char *list = NULL, *by = NULL, *expires = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "list", 1, 20, &list, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "by", 1, 20, &by, err);
    r = r < 0
            ? r
            : json_need_text(ask->body, "", "value", 1, RISK_VALUE_CHARS_MAX, &listing->value, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "expires_at", 1, 40, &expires, err);
    r = r < 0 ? r : read_reason(ask->body, &listing->reason, err);
    if (r >= 0 && !risk_list_parse(list, &listing->list)) {
        r = unknown_name("/list", list, lists, err);
    }
    if (r >= 0 && !risk_by_parse(by, &listing->by)) {
        r = unknown_name("/by", by, dimensions, err);
    }
    if (r >= 0 && expires != NULL &&
        (!clock_parse(expires, &listing->expires_us) || listing->expires_us <= clock_wall_us())) {
        err_set(err, ERR_VALIDATION, "it must be a time to come, like 2027-01-31T00:00:00Z");
        r = err_place(err, "/expires_at");
    }
    return r;
}

int risk_lists_post(struct ask *ask, struct err *err) {
    struct change change = {
        .service = ask->service, .caller = &ask->caller, .listing = {.actor = ask->caller.actor}};
    int r = read_listing(ask, &change.listing, err);
    return r < 0 ? r
                 : idempotent_run(ask->service->payments, &ask->caller, "risk.list_add", add_fn,
                                  &change, &ask->answer, err);
}

static int remove_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct change *change = ctx;
    int r = risk_list_remove(tx, change->id, change->caller->actor, change->reason, err);
    return r < 0 ? r : answer_entry(tx, change->id, 200, ret_answer, err);
}

int risk_entry_remove_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct listing_id id;
    struct change change = {.service = ask->service, .caller = &ask->caller, .id = id.text};
    int r = READ_ID(ask, "a list entry", listing_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &change.reason, err);
    return r < 0 ? r
                 : idempotent_run(ask->service->payments, &ask->caller, "risk.list_remove",
                                  remove_fn, &change, &ask->answer, err);
}

/* ---- what it would say ---- */

int risk_check_post(struct ask *ask, struct err *err) {
    struct payment_order order = {0};
    int r = read_order(ask->body, &order, err);
    return r < 0 ? r : payment_risk_check(ask->service->payments, &order, &ask->answer, err);
}

/* The rules in force when none are given. */
int risk_dry_run_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"rules", "since", NULL};
    const char *text = NULL, *since = "7d";
    int64_t since_us = 0;
    struct risk_file *file = NULL;
    struct risk_rules *tried = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_lines(ask->body, "", "rules", 1, RULES_CHARS_MAX, &text, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "since", 1, 40, &since, err);
    if (r >= 0 && !read_since(since, &since_us)) {
        err_set(err, ERR_VALIDATION,
                "it must be a time like 2026-11-20T08:00:00Z or a length like 1h, 30m, 7d");
        r = err_place(err, "/since");
    }
    if (r >= 0 && text == NULL && !risk_configured(ask->service->risk)) {
        r = err_set(err, ERR_STATE, "no fraud rules are configured, and none were given");
    }
    if (r >= 0 && text != NULL) {
        r = risk_config_read("/rules", text, &file, err);
        r = r < 0 ? r : risk_rules_new(file->risk, &tried, err);
        /* It is the caller's text that is wrong, not our configuration. */
        if (r == -ERR_CONFIG) {
            err->code = ERR_VALIDATION;
            r = -ERR_VALIDATION;
        }
    }
    const struct risk_rules *rules = text != NULL ? tried : risk_rules_of(ask->service->risk);
    r = r < 0 ? r : payment_dry_run(ask->service->payments, rules, since_us, &ask->answer, err);
    risk_rules_free(tried);
    risk_config_free(file);
    return r;
}
