/* SPDX-License-Identifier: Apache-2.0
 * handlers_tickets.c: /v1/tickets: what only a person can do, whose it is, what was done; and
 * /v1/sops, the pages that say how. */
#include <string.h>

#include "api/read.h"
#include "api/sheet_reply.h"
#include "base/json.h"
#include "desk/kb.h"
#include "desk/ticket.h"

enum {
    NAME_CHARS_MAX = 80,
    WORD_CHARS_MAX = 40,
    DETAIL_CHARS_MAX = 2000,
    FILE_BYTES_MAX = 32 * 1024 * 1024,
    FACTS_BYTES_MAX = 12 * 1024,
};
static_assert(TICKET_CAN_WORK == (int)ROLE_SUPPORT, "who works on tickets may call what does it");

static int read_ticket_id(const struct ask *ask, struct ticket_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "a ticket", ticket_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of tickets begin with tkt_.") : 0;
}

/* ---- looking ---- */

/* What a query says, as long as the handler runs. */
struct asked {
    char queue[QUERY_CHARS_MAX], state[QUERY_CHARS_MAX], assignee[QUERY_CHARS_MAX];
    char team[QUERY_CHARS_MAX], class[QUERY_CHARS_MAX], gateway[QUERY_CHARS_MAX];
    char payment_id[QUERY_CHARS_MAX], risk[QUERY_CHARS_MAX], text[QUERY_CHARS_MAX];
    char currency[QUERY_CHARS_MAX], cursor[QUERY_CHARS_MAX];
    struct ticket_filter filter;
};

static int read_filter(const struct ask *ask, struct asked *asked, struct err *err) {
    const struct {
        const char *name;
        char *value;
    } texts[] = {
        {"queue", asked->queue},
        {"state", asked->state},
        {"assignee", asked->assignee},
        {"team", asked->team},
        {"class", asked->class},
        {"gateway", asked->gateway},
        {"payment_id", asked->payment_id},
        {"risk", asked->risk},
        {"q", asked->text},
        {"currency", asked->currency},
    };
    int64_t overdue = 0, since_us = 0, until_us = 0;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = read_query_text(ask, texts[i].name, texts[i].value, err);
    }
    r = r < 0 ? r : read_query_int(ask, "overdue", 0, 1, &overdue, err);
    r = r < 0 ? r : read_query_since(ask, "since", &since_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &until_us, err);
    asked->filter = (struct ticket_filter){
        .queue = asked->queue,
        .state = asked->state,
        .assignee = asked->assignee,
        .team = asked->team,
        .class = asked->class,
        .gateway = asked->gateway,
        .payment_id = asked->payment_id,
        .risk = asked->risk,
        .text = asked->text,
        .currency = asked->currency,
        .since_us = since_us,
        .until_us = until_us,
        .overdue = overdue == 1,
    };
    return r;
}

int tickets_list(struct ask *ask, struct err *err) {
    struct asked asked = {0};
    int64_t limit = 0;
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", asked.cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    asked.filter.cursor = asked.cursor;
    asked.filter.limit = (int)limit;
    return r < 0 ? r
                 : ticket_list(ask->service->desk, &ask->caller, &asked.filter, &ask->answer, err);
}

static int export(struct ask *ask, enum sheet_format format, struct err *err) {
    struct asked asked = {0};
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    int r = read_filter(ask, &asked, err);
    r = r < 0 ? r
              : ticket_export(ask->service->desk, &ask->caller, &asked.filter, format, &file, err);
    if (r >= 0) {
        reply_sheet(ask, format, "tickets", &file);
    }
    return r < 0 ? r : 0;
}

int tickets_csv_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_CSV, err);
}

int tickets_xlsx_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_XLSX, err);
}

int ticket_get_one(struct ask *ask, struct err *err) {
    struct ticket_id id;
    int r = read_ticket_id(ask, &id, err);
    return r < 0 ? r : ticket_get(ask->service->desk, id.text, &ask->answer, err);
}

int ticket_teams_get(struct ask *ask, struct err *err) {
    return ticket_teams(ask->service->desk, &ask->answer, err);
}

int sop_get_one(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    BUF_AUTO body;
    buf_init(&body, ARENA_REQUEST_BYTES_MAX);
    int r = read_lang(ask, language, err);
    r = r < 0 ? r : kb_body(ask->service->kb, ask->param, language, &body, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"object\":\"sop\",\"page\":");
    buf_add_json(&buf, ask->param);
    buf_addf(&buf, ",\"language\":\"%s\",\"text\":", language);
    buf_add_json(&buf, body.data);
    buf_add_char(&buf, '}');
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- opening one by hand ---- */

static int bad_value(const char *place, const char *value, const char *hint, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", place + 1, value);
    err_place(err, "%s", place);
    return err_hint(err, "%s", hint);
}

static int read_risk(const json_t *body, enum ticket_risk *ret_risk, struct err *err) {
    const char *name = "medium";
    int r = json_may_text(body, "", "risk", 1, WORD_CHARS_MAX, &name, err);
    for (int risk = TICKET_RISK_LOW; r >= 0 && risk <= TICKET_RISK_CRITICAL; risk++) {
        if (strcmp(ticket_risk_name(risk), name) == 0) {
            *ret_risk = (enum ticket_risk)risk;
            return 0;
        }
    }
    return r < 0 ? r : bad_value("/risk", name, "One of: low, medium, high, critical.", err);
}

/* Both or neither. */
static int read_sum(const json_t *body, int64_t *ret_minor, struct currency *ret_currency,
                    struct err *err) {
    const char *code = NULL;
    int r = json_may_int(body, "", "amount", 1, AMOUNT_MINOR_MAX, ret_minor, err);
    r = r < 0 ? r : json_may_text(body, "", "currency", 1, WORD_CHARS_MAX, &code, err);
    if (r >= 0 && code != NULL && currency_parse(code, ret_currency, err) < 0) {
        r = err_place(err, "/currency");
    }
    if (r >= 0 && (code == NULL) != (*ret_minor == 0)) {
        err_set(err, ERR_VALIDATION, "an amount has a currency, and a currency an amount");
        r = err_place(err, code == NULL ? "/amount" : "/currency");
    }
    return r;
}

static int read_payment(const json_t *body, const char **ret_payment_id, struct err *err) {
    struct payment_id id;
    int r = json_may_text(body, "", "payment_id", 1, WORD_CHARS_MAX, ret_payment_id, err);
    if (r >= 0 && *ret_payment_id != NULL && payment_id_parse(*ret_payment_id, &id, err) < 0) {
        r = err_place(err, "/payment_id");
    }
    return r;
}

static int read_note(const json_t *body, struct ticket_note *note, const char **ret_detail,
                     struct err *err) {
    static const char *const keys[] = {"title",   "class",      "risk",       "amount", "currency",
                                       "gateway", "payment_id", "suggestion", "detail", NULL};
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : json_need_text(body, "", "title", 1, TICKET_TITLE_CHARS_MAX, &note->title, err);
    r = r < 0 ? r : json_may_text(body, "", "class", 1, WORD_CHARS_MAX, &note->class, err);
    r = r < 0 ? r : read_risk(body, &note->risk, err);
    r = r < 0 ? r : read_sum(body, &note->amount_minor, &note->currency, err);
    r = r < 0 ? r : json_may_text(body, "", "gateway", 1, NAME_CHARS_MAX, &note->gateway, err);
    r = r < 0 ? r : read_payment(body, &note->payment_id, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "suggestion", 1, TICKET_SUGGESTION_CHARS_MAX,
                               &note->suggestion, err);
    return r < 0 ? r : json_may_lines(body, "", "detail", 1, DETAIL_CHARS_MAX, ret_detail, err);
}

int tickets_post(struct ask *ask, struct err *err) {
    struct ticket_note note = {.class = "other"};
    const char *detail = NULL;
    BUF_AUTO facts;
    buf_init(&facts, FACTS_BYTES_MAX);
    int r = read_note(ask->body, &note, &detail, err);
    if (r < 0) {
        return r;
    }
    if (detail != NULL) {
        buf_add_text(&facts, "{\"detail\":");
        buf_add_json(&facts, detail);
        buf_add_char(&facts, '}');
        note.facts_json = facts.data;
    }
    return ticket_create(ask->service->desk, &ask->caller, &note, &ask->answer, err);
}

/* ---- whose it is ---- */

static int read_to(const json_t *body, struct ticket_to *to, struct err *err) {
    int r = json_may_text(body, "", "user", 1, NAME_CHARS_MAX, &to->user, err);
    return r < 0 ? r : json_may_text(body, "", "team", 1, WORD_CHARS_MAX, &to->team, err);
}

static int give(struct ask *ask, bool transfer, struct err *err) {
    static const char *const keys[] = {"user", "team", "reason", NULL};
    struct ticket_to to = {"", ""};
    struct ticket_id id;
    const char *reason = "";
    int r = read_ticket_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_to(ask->body, &to, err);
    r = r < 0      ? r
        : transfer ? read_reason(ask->body, &reason, err)
                   : json_may_lines(ask->body, "", "reason", 1, REASON_CHARS_MAX, &reason, err);
    if (r < 0) {
        return r;
    }
    return transfer ? ticket_transfer(ask->service->desk, &ask->caller, id.text, &to, reason,
                                      &ask->answer, err)
                    : ticket_assign(ask->service->desk, &ask->caller, id.text, &to, reason,
                                    &ask->answer, err);
}

int ticket_assign_post(struct ask *ask, struct err *err) {
    return give(ask, false, err);
}

int ticket_transfer_post(struct ask *ask, struct err *err) {
    return give(ask, true, err);
}

/* ---- what is done with it ---- */

int ticket_comments_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"text", NULL};
    struct ticket_id id;
    const char *text = "";
    int r = read_ticket_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_lines(ask->body, "", "text", 1, TICKET_COMMENT_CHARS_MAX, &text, err);
    return r < 0
               ? r
               : ticket_comment(ask->service->desk, &ask->caller, id.text, text, &ask->answer, err);
}

static int move(struct ask *ask, const char *name, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct ticket_id id;
    const char *reason = "";
    int r = read_ticket_id(ask, &id, err);
    if (r >= 0 && strcmp(name, "start") == 0) {
        r = read_reason_or(ask->body, &reason, err);
    } else if (r >= 0) {
        r = json_only(ask->body, "", keys, err);
        r = r < 0 ? r : read_reason(ask->body, &reason, err);
    }
    return r < 0 ? r
                 : ticket_move(ask->service->desk, &ask->caller, id.text, name, reason,
                               &ask->answer, err);
}

int ticket_start_post(struct ask *ask, struct err *err) {
    return move(ask, "start", err);
}

int ticket_wait_post(struct ask *ask, struct err *err) {
    return move(ask, "wait", err);
}

int ticket_close_post(struct ask *ask, struct err *err) {
    return move(ask, "close", err);
}

int ticket_reopen_post(struct ask *ask, struct err *err) {
    return move(ask, "reopen", err);
}

int ticket_resolve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"resolution", "reason", "amount", "currency", NULL};
    struct ticket_resolution resolution = {
        .how = "",
        .reason = "",
        .may_alone = ask->identity.role >= ROLE_FINANCE,
    };
    struct ticket_id id;
    int r = read_ticket_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0
            ? r
            : json_need_text(ask->body, "", "resolution", 1, WORD_CHARS_MAX, &resolution.how, err);
    r = r < 0 ? r : read_reason(ask->body, &resolution.reason, err);
    r = r < 0 ? r : read_sum(ask->body, &resolution.amount_minor, &resolution.currency, err);
    return r < 0 ? r
                 : ticket_resolve(ask->service->desk, &ask->caller, id.text, &resolution,
                                  &ask->answer, err);
}

static int decide(struct ask *ask, bool approve, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct ticket_id id;
    const char *reason = NULL;
    int r = read_ticket_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : ticket_decide(ask->service->desk, &ask->caller, id.text, approve, reason,
                                 &ask->answer, err);
}

int ticket_approve_post(struct ask *ask, struct err *err) {
    return decide(ask, true, err);
}

int ticket_reject_post(struct ask *ask, struct err *err) {
    return decide(ask, false, err);
}

/* ---- many at once ---- */

static int read_ids(const json_t *list, const char *ids[TICKET_BULK_MAX], int *ret_count,
                    struct err *err) {
    struct ticket_id id;
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        if (text == NULL || ticket_id_parse(text, &id, NULL) < 0) {
            err_set(err, ERR_VALIDATION, "it is not a ticket's id");
            return err_place(err, "/ids/%zu", i);
        }
        ids[(*ret_count)++] = text;
    }
    return 0;
}

static int body_since(const json_t *object, const char *name, int64_t *ret_us, struct err *err) {
    const char *text = NULL;
    int r = json_may_text(object, "/filter", name, 1, WORD_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || read_since(text, ret_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "\"%.40s\" is no time", text);
    err_place(err, "/filter/%s", name);
    return err_hint(err, "A time is 2026-11-20T08:00:00Z, or how long ago it was: 24h.");
}

static int read_bulk_filter(const json_t *object, struct ticket_filter *filter, struct err *err) {
    static const char *const keys[] = {"queue",      "state",   "assignee", "team",     "class",
                                       "risk",       "gateway", "q",        "currency", "since",
                                       "payment_id", "overdue", "until",    NULL};
    const struct {
        const char *name, **value;
    } texts[] = {
        {"queue", &filter->queue},     {"state", &filter->state},
        {"team", &filter->team},       {"assignee", &filter->assignee},
        {"class", &filter->class},     {"risk", &filter->risk},
        {"gateway", &filter->gateway}, {"payment_id", &filter->payment_id},
        {"q", &filter->text},          {"currency", &filter->currency},
    };
    int r = json_only(object, "/filter", keys, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = json_may_text(object, "/filter", texts[i].name, 1, NAME_CHARS_MAX, texts[i].value, err);
    }
    r = r < 0 ? r : body_since(object, "since", &filter->since_us, err);
    r = r < 0 ? r : body_since(object, "until", &filter->until_us, err);
    return r < 0 ? r : json_may_bool(object, "/filter", "overdue", &filter->overdue, err);
}

/* Ids, or a filter and how many it should find. */
static int read_which(const json_t *body, struct ticket_bulk *bulk, struct ticket_filter *filter,
                      const char *ids[TICKET_BULK_MAX], struct err *err) {
    const json_t *list = NULL, *object = NULL;
    int64_t expected = 0;
    int r = json_may_array(body, "", "ids", TICKET_BULK_MAX, &list, err);
    r = r < 0 || list == NULL ? r : read_ids(list, ids, &bulk->id_count, err);
    r = r < 0 ? r : json_may_object(body, "", "filter", &object, err);
    r = r < 0 || object == NULL ? r : read_bulk_filter(object, filter, err);
    r = r < 0 ? r : json_may_int(body, "", "expected", 1, TICKET_BULK_MAX, &expected, err);
    if (r >= 0 && (list == NULL) == (object == NULL)) {
        err_set(err, ERR_VALIDATION, "it takes ids or a filter, one of the two");
        r = err_place(err, list == NULL ? "/filter" : "/ids");
    }
    if (r >= 0 && object != NULL && expected == 0) {
        err_set(err, ERR_VALIDATION, "with a filter, say how many tickets it should find");
        r = err_place(err, "/expected");
    }
    bulk->ids = ids;
    bulk->filter = object != NULL ? filter : NULL;
    bulk->expected = expected;
    return r;
}

static int read_action(const json_t *body, struct ticket_bulk *bulk, struct err *err) {
    static const char *const actions[] = {"assign", "transfer", "close"};
    int r = json_need_text(body, "", "action", 1, WORD_CHARS_MAX, &bulk->action, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(actions); i++) {
        if (strcmp(bulk->action, actions[i]) == 0) {
            return 0;
        }
    }
    return r < 0 ? r : bad_value("/action", bulk->action, "One of: assign, transfer, close.", err);
}

int tickets_bulk_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"action", "ids",  "filter", "expected",
                                       "user",   "team", "reason", NULL};
    const char *ids[TICKET_BULK_MAX];
    struct ticket_filter filter = {0};
    struct ticket_bulk bulk = {.to = {"", ""}};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_action(ask->body, &bulk, err);
    r = r < 0 ? r : read_to(ask->body, &bulk.to, err);
    r = r < 0 ? r : read_reason(ask->body, &bulk.reason, err);
    r = r < 0 ? r : read_which(ask->body, &bulk, &filter, ids, err);
    return r < 0 ? r : ticket_bulk(ask->service->desk, &ask->caller, &bulk, &ask->answer, err);
}
