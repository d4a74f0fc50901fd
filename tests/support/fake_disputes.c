/* SPDX-License-Identifier: Apache-2.0
 * fake_disputes.c: the disputes of the gateways in memory, as Stripe shows them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/fake_gateway_impl.h"

static struct fake_dispute *find(const struct fake_gateway *fake, const char *id) {
    for (guint i = 0; i < fake->disputes->len; i++) {
        struct fake_dispute *dispute = g_ptr_array_index(fake->disputes, i);
        if (strcmp(dispute->id, id) == 0) {
            return dispute;
        }
    }
    return NULL;
}

static const char *literal(const char *status) {
    static const char *const statuses[] = {
        "needs_response",         "under_review",         "won",           "lost",
        "warning_needs_response", "warning_under_review", "warning_closed"};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i], status) == 0) {
            return statuses[i];
        }
    }
    INVARIANT(false, "a status of Stripe's disputes");
    return "";
}

bool fake_dispute_holds(const struct fake_dispute *dispute) {
    return strncmp(dispute->status, "warning", 7) != 0 && strcmp(dispute->status, "won") != 0;
}

static void write_dispute(const struct fake_dispute *dispute, struct buf *body) {
    const struct fake_intent *intent = dispute->intent;
    buf_addf(body,
             "{\"id\":\"%s\",\"object\":\"dispute\",\"amount\":%lld,\"currency\":\"%s\","
             "\"status\":\"%s\",\"reason\":\"%s\",\"charge\":\"%s\",\"payment_intent\":\"%s\","
             "\"balance_transactions\":[",
             dispute->id, (long long)dispute->amount, intent->currency, dispute->status,
             dispute->reason, intent->charge_id, intent->id);
    if (strncmp(dispute->status, "warning", 7) != 0) {
        buf_addf(body, "{\"amount\":%lld,\"currency\":\"%s\",\"fee\":%lld}",
                 (long long)-dispute->amount, intent->currency, (long long)dispute->fee);
    }
    buf_addf(body, "],\"evidence_details\":{\"due_by\":%lld}}", (long long)dispute->due_s);
}

static int tell(struct fake_gateway *fake, const struct fake_dispute *dispute, const char *type) {
    BUF_AUTO body;
    buf_init(&body, 64 * 1024);
    write_dispute(dispute, &body);
    fake_stripe_add_event(fake, dispute->intent->account, type, body.data);
    return (int)fake->events->len - 1;
}

const char *fake_dispute_open(struct fake_gateway *fake, int account, const char *order_id,
                              int64_t amount_minor, const char *status) {
    lock_take(&fake->lock);
    struct fake_dispute *made = g_new0(struct fake_dispute, 1);
    made->intent = fake_newest(fake, account, order_id);
    made->amount = amount_minor;
    made->status = literal(status);
    made->reason = "fraudulent";
    made->fee = 15;
    made->due_s = clock_wall_us() / US_PER_SECOND + 7 * 86400;
    snprintf(made->id, sizeof made->id, "du_fake_%lld", (long long)++fake->last_id);
    g_ptr_array_add(fake->disputes, made);
    (void)tell(fake, made, "charge.dispute.created");
    lock_give(&fake->lock);
    return made->id;
}

int fake_dispute_becomes(struct fake_gateway *fake, const char *id, const char *status) {
    lock_take(&fake->lock);
    struct fake_dispute *dispute = find(fake, id);
    INVARIANT(dispute != NULL, "a dispute of the fake's");
    dispute->status = literal(status);
    bool over = strcmp(status, "won") == 0 || strcmp(status, "lost") == 0;
    int index = tell(fake, dispute, over ? "charge.dispute.closed" : "charge.dispute.updated");
    lock_give(&fake->lock);
    return index;
}

void fake_dispute_due(struct fake_gateway *fake, const char *id, int64_t due_us) {
    lock_take(&fake->lock);
    find(fake, id)->due_s = due_us / US_PER_SECOND;
    lock_give(&fake->lock);
}

void fake_dispute_amount(struct fake_gateway *fake, const char *id, int64_t amount_minor) {
    lock_take(&fake->lock);
    find(fake, id)->amount = amount_minor;
    lock_give(&fake->lock);
}

int fake_dispute_answers(struct fake_gateway *fake, const char *id, char *ret_evidence,
                         size_t bytes) {
    lock_take(&fake->lock);
    const struct fake_dispute *dispute = find(fake, id);
    int answers = dispute->answers;
    snprintf(ret_evidence, bytes, "%s", dispute->evidence != NULL ? dispute->evidence : "");
    lock_give(&fake->lock);
    return answers;
}

int64_t fake_disputes_out(struct fake_gateway *fake, int account, const char *currency) {
    int64_t sum = 0;
    for (guint i = 0; i < fake->disputes->len; i++) {
        const struct fake_dispute *dispute = g_ptr_array_index(fake->disputes, i);
        bool fits = dispute->intent->account == account &&
                    g_ascii_strcasecmp(dispute->intent->currency, currency) == 0;
        sum += fits && fake_dispute_holds(dispute) ? dispute->amount : 0;
    }
    return sum;
}

/* Evidence is taken once, while it is waited for; giving up ends it. */
static int answer(struct fake_gateway *fake, struct fake_dispute *dispute, bool gives_up,
                  const struct http_call *call, struct buf *body) {
    bool open = strcmp(dispute->status, "needs_response") == 0 ||
                strcmp(dispute->status, "warning_needs_response") == 0;
    if (!open && !(gives_up && strcmp(dispute->status, "under_review") == 0)) {
        buf_add_text(body, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                           "\"parameter_unknown\",\"message\":\"this dispute is closed\"}}");
        return 400;
    }
    dispute->answers++;
    g_free(dispute->evidence);
    dispute->evidence = g_strndup(call->body != NULL ? call->body : "", call->body_bytes);
    dispute->status = gives_up                                      ? "lost"
                      : strncmp(dispute->status, "warning", 7) == 0 ? "warning_under_review"
                                                                    : "under_review";
    (void)tell(fake, dispute, gives_up ? "charge.dispute.closed" : "charge.dispute.updated");
    write_dispute(dispute, body);
    return 200;
}

int fake_stripe_dispute(struct fake_gateway *fake, int account, const struct http_call *call,
                        const char *path, const char *id, struct buf *body) {
    struct fake_dispute *dispute = find(fake, id);
    if (dispute == NULL || dispute->intent->account != account) {
        buf_add_text(body, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                           "\"resource_missing\",\"message\":\"no such dispute\"}}");
        return 404;
    }
    if (strcmp(call->method, "POST") == 0) {
        return answer(fake, dispute, g_str_has_suffix(path, "/close"), call, body);
    }
    write_dispute(dispute, body);
    return 200;
}

void fake_dispute_free(void *item) {
    struct fake_dispute *dispute = item;
    g_free(dispute->evidence);
    g_free(dispute);
}
