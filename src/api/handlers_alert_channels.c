/* SPDX-License-Identifier: Apache-2.0
 * handlers_alert_channels.c: channels, what was and is to be sent by them, and what another system
 * sends here (watch/delivery.h, watch/alertmanager.h). */
#include "api/member.h"
#include "api/read.h"
#include "api/service_impl.h"
#include "store/audit.h"
#include "watch/alertmanager.h"

enum { LIST_BYTES_MAX = 4 * 1024 * 1024, DETAIL_BYTES_MAX = 512 };

int alert_channels_get(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    int r = alert_channels_list(ask->service->alerts, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

/* ---- a test ---- */

struct tested {
    const struct ask *ask;
    const struct channel_verdict *verdict;
};

static int audit_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct tested *tested = ctx;
    const struct channel_verdict *verdict = tested->verdict;
    BUF_AUTO detail;
    buf_init(&detail, DETAIL_BYTES_MAX);
    buf_addf(&detail, "{\"sent\":%s", verdict->outcome == CHANNEL_SENT ? "true" : "false");
    member_text(&detail, "code", verdict->code);
    buf_add_char(&detail, '}');
    return audit_append(tx, tested->ask->caller.actor, "alert.test_channel", tested->ask->param, "",
                        detail.data, err);
}

/* Blocks until the provider has answered, CHANNEL_TIMEOUT_US at the longest. */
int alert_channel_test_post(struct ask *ask, struct err *err) {
    struct channel_verdict verdict = {0};
    int r = deliveries_test(ask->service->deliveries, ask->param, &verdict, err);
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? err_hint(err, "`holdfast alert channels` lists them.") : r;
    }
    struct tested tested = {ask, &verdict};
    r = store_write(ask->service->store, audit_tx, &tested, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    buf_add_text(&buf, "{\"channel\":");
    buf_add_json(&buf, ask->param);
    buf_addf(&buf, ",\"sent\":%s", verdict.outcome == CHANNEL_SENT ? "true" : "false");
    member_text(&buf, "code", verdict.code);
    member_text(&buf, "reason", verdict.reason);
    member_text(&buf, "provider_id", verdict.provider_id);
    buf_add_char(&buf, '}');
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- deliveries ---- */

int alert_deliveries_get(struct ask *ask, struct err *err) {
    char channel[QUERY_CHARS_MAX] = "", fingerprint[QUERY_CHARS_MAX] = "";
    char state[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    struct deliveries_filter filter = {
        .channel = channel, .fingerprint = fingerprint, .before = cursor};
    int64_t limit = PAGE_ROWS;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_query_text(ask, "channel", channel, err);
    r = r < 0 ? r : read_query_text(ask, "fingerprint", fingerprint, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    if (r >= 0 && state[0] != '\0' && !delivery_state_parse(state, &filter.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: waiting, sent, folded, failed.");
    }
    filter.limit = (int)limit;
    BUF_AUTO list;
    BUF_AUTO buf;
    buf_init(&list, LIST_BYTES_MAX);
    buf_init(&buf, LIST_BYTES_MAX);
    r = r < 0 ? r : deliveries_list(ask->service->deliveries, &filter, &list, err);
    if (r < 0) {
        return r;
    }
    buf_add_text(&buf, "{\"data\":");
    buf_add_text(&buf, list.data);
    buf_add_char(&buf, '}');
    return answer_take(&ask->answer, 200, &buf, err);
}

static int again_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct ask *ask = ctx;
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    int r = delivery_again_tx(tx, ask->caller.actor, ask->param, err);
    buf_addf(&buf, "{\"id\":\"%s\",\"state\":\"waiting\"}", ask->param);
    return r < 0 ? r : answer_take(ret_answer, 202, &buf, err);
}

int alert_delivery_again_post(struct ask *ask, struct err *err) {
    struct delivery_id id;
    int r = READ_LISTED_ID(ask, "a delivery", delivery_id, "alert deliveries", &id, err);
    r = r < 0 ? r
              : idempotent_run(ask->service->payments, &ask->caller, "alert.delivery.again",
                               again_fn, ask, &ask->answer, err);
    if (r >= 0) {
        payments_wake(ask->service->payments);
    }
    return r;
}

/* ---- an Alertmanager's webhook ---- */

int alertmanager_post(struct ask *ask, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct notice *notices = NULL;
    int count = 0;
    int r = alertmanager_read(ask->request->body, ask->request->body_bytes, clock_wall_us(), arena,
                              &notices, &count, err);
    r = r < 0 || count == 0 ? r : alert_take_notices(ask->service->alerts, notices, count, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    buf_addf(&buf, "{\"taken\":%d}", count);
    return answer_take(&ask->answer, 200, &buf, err);
}
