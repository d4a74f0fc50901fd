/* SPDX-License-Identifier: Apache-2.0
 * handlers_disputes.c: disputes, their evidence, and store credit. */
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

#define UNKEYED_REPEAT_US (60 * US_PER_SECOND)
enum { REFERENCE_CHARS_MAX = 95, FILE_NAME_CHARS_MAX = 120, CONTENT_CHARS_MAX = 62000 };

/* ---- telling of one ---- */

/* Both paths read the same body but for the reference's name. */
static int record(struct ask *ask, const char *const *keys, const char *reference_key,
                  struct err *err) {
    struct payment_id id;
    struct chargeback chargeback = {.reason = ""};
    const char *due = NULL;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", reference_key, 1, REFERENCE_CHARS_MAX,
                               &chargeback.reference, err);
    r = r < 0 ? r : read_amount(ask->body, true, &chargeback.amount_minor, err);
    r = r < 0
            ? r
            : json_may_lines(ask->body, "", "reason", 1, REASON_CHARS_MAX, &chargeback.reason, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "due_at", 1, 40, &due, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "force", &chargeback.force, err);
    if (r >= 0 && due != NULL && !clock_parse(due, &chargeback.due_us)) {
        err_set(err, ERR_VALIDATION, "it must be a time like 2026-11-20T08:00:00Z");
        r = err_place(err, "/due_at");
    }
    return r < 0 ? r
                 : dispute_record(ask->service->payments, &ask->caller, id.text, &chargeback,
                                  &ask->answer, err);
}

int payment_disputes_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reference", "amount", "reason", "due_at", "force", NULL};
    return record(ask, keys, "reference", err);
}

/* As the runbook writes it; sent again without a key within a minute it is the first one. */
int runbook_chargeback_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {
        "chargebackReference", "amount", "reason", "due_at", "force", NULL};
    if (ask->caller.key == NULL) {
        snprintf(ask->own_key, sizeof ask->own_key, "no key %s", ask->request_hash);
        ask->caller.key = ask->own_key;
        ask->caller.repeat_us = UNKEYED_REPEAT_US;
    }
    return record(ask, keys, "chargebackReference", err);
}

/* ---- looking ---- */

static int read_dispute_id(const struct ask *ask, struct dispute_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "a dispute", dispute_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of disputes begin with dsp_.") : 0;
}

int disputes_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "", payment[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "payment_id", payment, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : dispute_list(ask->service->payments, state, payment, (int)limit, &ask->answer,
                                err);
}

int dispute_get_one(struct ask *ask, struct err *err) {
    struct dispute_id id;
    int r = read_dispute_id(ask, &id, err);
    return r < 0 ? r : dispute_get(ask->service->payments, id.text, &ask->answer, err);
}

int evidence_get_one(struct ask *ask, struct err *err) {
    struct evidence_id id;
    int r = READ_ID(ask, "a piece of evidence", evidence_id, &id, err);
    return r < 0 ? r : evidence_get(ask->service->payments, id.text, &ask->answer, err);
}

/* ---- answering ---- */

int read_evidence(const json_t *body, struct evidence *ret_evidence, struct err *err) {
    static const char *const keys[] = {"kind", "text", "file_name", "media_type", "content", NULL};
    struct evidence evidence = {"", "", "", "", ""};
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : json_need_text(body, "", "kind", 1, 40, &evidence.kind, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "text", 1, EVIDENCE_TEXT_CHARS_MAX, &evidence.text, err);
    r = r < 0 ? r
              : json_may_text(body, "", "file_name", 1, FILE_NAME_CHARS_MAX, &evidence.file_name,
                              err);
    r = r < 0 ? r : json_may_text(body, "", "media_type", 1, 80, &evidence.media_type, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "content", 1, CONTENT_CHARS_MAX, &evidence.content, err);
    if (r >= 0 && evidence.media_type[0] != '\0' && evidence.content[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a text has no media type: only files have");
        r = err_place(err, "/media_type");
    }
    if (r >= 0 && evidence.content[0] != '\0' && evidence.file_name[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a file needs a name");
        r = err_place(err, "/file_name");
    }
    if (r >= 0) {
        *ret_evidence = evidence;
    }
    return r;
}

int dispute_evidence_post(struct ask *ask, struct err *err) {
    struct dispute_id id;
    struct evidence evidence;
    int r = read_dispute_id(ask, &id, err);
    r = r < 0 ? r : read_evidence(ask->body, &evidence, err);
    return r < 0 ? r
                 : dispute_attach(ask->service->payments, &ask->caller, id.text, &evidence,
                                  &ask->answer, err);
}

int dispute_submit_post(struct ask *ask, struct err *err) {
    struct dispute_id id;
    int r = read_dispute_id(ask, &id, err);
    return r < 0 ? r
                 : dispute_submit(ask->service->payments, &ask->caller, id.text, &ask->answer, err);
}

int dispute_accept_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct dispute_id id;
    const char *reason = NULL;
    int r = read_dispute_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : dispute_accept(ask->service->payments, &ask->caller, id.text, reason,
                                  &ask->answer, err);
}

int dispute_resolve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"status", "reason", NULL};
    struct dispute_id id;
    const char *status = NULL, *reason = NULL;
    int r = read_dispute_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "status", 1, 20, &status, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : dispute_resolve(ask->service->payments, &ask->caller, id.text, status, reason,
                                   &ask->answer, err);
}

/* ---- store credit ---- */

static int check_customer(const struct ask *ask, struct err *err) {
    size_t chars = strlen(ask->param);
    if (chars > 0 && chars <= CUSTOMER_ID_CHARS_MAX) {
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "ids of customers have 1 to %d characters",
                   CUSTOMER_ID_CHARS_MAX);
}

int credit_get_one(struct ask *ask, struct err *err) {
    int r = check_customer(ask, err);
    return r < 0 ? r : credit_get(ask->service->payments, ask->param, &ask->answer, err);
}

int credit_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"act", "amount", "currency", "reason", NULL};
    const char *act = NULL, *code = NULL, *reason = NULL;
    struct currency currency;
    int64_t amount = 0;
    int r = check_customer(ask, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "act", 1, 20, &act, err);
    r = r < 0 ? r : read_amount(ask->body, false, &amount, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "currency", 1, 10, &code, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    if (r < 0) {
        return r;
    }
    if (currency_parse(code, &currency, err) < 0) {
        return err_place(err, "/currency");
    }
    bool take = strcmp(act, "take") == 0;
    if (!take && strcmp(act, "grant") != 0) {
        err_set(err, ERR_VALIDATION, "there is no act \"%.40s\"", act);
        err_place(err, "/act");
        return err_hint(err, "One of: grant, take.");
    }
    return credit_adjust(ask->service->payments, &ask->caller, ask->param, amount, currency, take,
                         reason, &ask->answer, err);
}
