/* SPDX-License-Identifier: Apache-2.0
 * handlers_rules.c: /v1/repair-rules and /v1/repairs: what rules may do about breaks, what they
 * would, and what they did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/read.h"
#include "api/sheet_reply.h"
#include "base/json.h"
#include "recon/repair/repair.h"

enum {
    EXPORT_BYTES_MAX = 64 * 1024 * 1024,
    COUNT_MAX = 1000 * 1000 * 1000,
    ASKED_CHARS_MAX = 255,
};
#define SUM_MINOR_MAX (INT64_MAX / 2)

int repair_rules_list(struct ask *ask, struct err *err) {
    return repair_rules_get(ask->service->recon, &ask->answer, err);
}

int repair_dry_run_get(struct ask *ask, struct err *err) {
    char rule[QUERY_CHARS_MAX] = "", gateway[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, "rule", rule, err);
    r = r < 0 ? r : read_query_text(ask, "gateway", gateway, err);
    return r < 0 ? r
                 : repair_dry_run(ask->service->recon, rule[0] != '\0' ? rule : NULL,
                                  gateway[0] != '\0' ? gateway : NULL, &ask->answer, err);
}

/* What the answers before have summed up. */
static int read_sums(const json_t *list, struct repair_dry_asked *asked, struct err *err) {
    static const char *const sum_keys[] = {"rule", "currency", "count", "amount", NULL};
    size_t i;
    json_t *item;
    int r = 0;
    json_array_foreach(list, i, item) {
        struct repair_dry_sum *sum = &asked->sums[i];
        const char *currency = "";
        char where[40];
        snprintf(where, sizeof where, "/sums/%zu", i);
        r = json_only(item, where, sum_keys, err);
        r = r < 0 ? r : json_need_text(item, where, "rule", 1, ASKED_CHARS_MAX, &sum->rule, err);
        r = r < 0 ? r : json_need_text(item, where, "currency", 3, 3, &currency, err);
        r = r < 0 ? r : json_need_int(item, where, "count", 0, COUNT_MAX, &sum->count, err);
        r = r < 0 ? r
                  : json_need_int(item, where, "amount", 0, SUM_MINOR_MAX, &sum->amount_minor, err);
        r = r < 0 ? r : currency_parse(currency, &sum->currency, err);
        if (r < 0) {
            return r;
        }
        asked->sum_count++;
    }
    return 0;
}

int repair_dry_run_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"rule", "gateway", "cursor", "limit", "sums", NULL};
    const json_t *list = NULL;
    struct repair_dry_asked *asked = calloc(1, sizeof *asked);
    INVARIANT(asked != NULL, "out of memory");
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "rule", 1, ASKED_CHARS_MAX, &asked->rule, err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "gateway", 1, ASKED_CHARS_MAX, &asked->gateway, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "cursor", 1, ASKED_CHARS_MAX, &asked->cursor, err);
    r = r < 0
            ? r
            : json_may_int(ask->body, "", "limit", 1, REPAIR_DRY_LIMIT_MAX, &asked->limit, err);
    r = r < 0 ? r : json_may_array(ask->body, "", "sums", REPAIR_DRY_SUMS_MAX, &list, err);
    r = r < 0 ? r : read_sums(list, asked, err);
    r = r < 0 ? r : repair_dry_run_page(ask->service->recon, asked, &ask->answer, err);
    free(asked);
    return r;
}

/* The body that is a reason and nothing else. */
static int read_only_reason(const struct ask *ask, const char **ret_reason, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    int r = json_only(ask->body, "", keys, err);
    return r < 0 ? r : read_reason(ask->body, ret_reason, err);
}

static int turn(struct ask *ask, bool enable, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_rule_switch(ask->service->recon, &ask->caller, ask->param, enable, reason,
                                      &ask->answer, err);
}

int repair_rule_enable_post(struct ask *ask, struct err *err) {
    return turn(ask, true, err);
}

int repair_rule_disable_post(struct ask *ask, struct err *err) {
    return turn(ask, false, err);
}

int repair_rules_start_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_rules_start(ask->service->recon, &ask->caller, reason, &ask->answer, err);
}

/* What a query says, as long as the handler runs. */
struct asked {
    char rule[QUERY_CHARS_MAX], gateway[QUERY_CHARS_MAX], state[QUERY_CHARS_MAX];
    char broken[QUERY_CHARS_MAX], text[QUERY_CHARS_MAX], cursor[QUERY_CHARS_MAX];
    struct repair_filter filter;
};

static int read_filter(const struct ask *ask, struct asked *asked, struct err *err) {
    *asked = (struct asked){{0}};
    struct repair_filter *filter = &asked->filter;
    const struct {
        const char *name;
        char *value;
        const char **member; /* NULL: it is not a text in the filter */
    } texts[] = {
        {"rule", asked->rule, &filter->rule},
        {"gateway", asked->gateway, &filter->gateway},
        {"break_id", asked->broken, &filter->break_id},
        {"q", asked->text, &filter->text},
        {"state", asked->state, NULL},
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = read_query_text(ask, texts[i].name, texts[i].value, err);
        if (texts[i].member != NULL) {
            *texts[i].member = texts[i].value;
        }
    }
    r = r < 0 ? r : read_query_since(ask, "since", &filter->since_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &filter->until_us, err);
    if (r >= 0 && asked->state[0] != '\0' && !repair_state_parse(asked->state, &filter->state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\" of a repair", asked->state);
        err_place(err, "query parameter state");
        r = err_hint(err, "planned, asked, doing, done, refused, failed, moot or reversed.");
    }
    return r;
}

int repairs_list(struct ask *ask, struct err *err) {
    struct asked asked;
    struct repair_id from;
    int64_t limit = 0;
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", asked.cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    if (r >= 0 && asked.cursor[0] != '\0' && repair_id_parse(asked.cursor, &from, NULL) < 0) {
        err_set(err, ERR_VALIDATION, "that is no cursor of this list");
        r = err_place(err, "query parameter cursor");
    }
    asked.filter.cursor = asked.cursor;
    asked.filter.limit = (int)limit;
    return r < 0 ? r : repair_list(ask->service->recon, &asked.filter, &ask->answer, err);
}

int repairs_export(struct ask *ask, struct err *err) {
    struct asked asked;
    enum sheet_format format = SHEET_CSV;
    BUF_AUTO file;
    buf_init(&file, EXPORT_BYTES_MAX);
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r : read_sheet_format(ask, &format, err);
    r = r < 0 ? r : repair_export(ask->service->recon, &asked.filter, format, &file, err);
    if (r >= 0) {
        reply_sheet(ask, format, "repairs", &file);
    }
    return r < 0 ? r : 0;
}

int repair_get_one(struct ask *ask, struct err *err) {
    struct repair_id id;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    return r < 0 ? r : repair_get(ask->service->recon, id.text, &ask->answer, err);
}

int repair_reverse_post(struct ask *ask, struct err *err) {
    struct repair_id id;
    const char *reason = NULL;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    r = r < 0 ? r : read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_reverse(ask->service->recon, &ask->caller, id.text, reason, &ask->answer,
                                  err);
}

static int decide_reversal(struct ask *ask, bool approve, struct err *err) {
    struct repair_id id;
    const char *reason = NULL;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    r = r < 0 ? r : read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_reverse_decide(ask->service->recon, &ask->caller, id.text, approve,
                                         reason, &ask->answer, err);
}

int repair_approve_post(struct ask *ask, struct err *err) {
    return decide_reversal(ask, true, err);
}

int repair_reject_post(struct ask *ask, struct err *err) {
    return decide_reversal(ask, false, err);
}
