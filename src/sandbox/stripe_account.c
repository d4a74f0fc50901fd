/* SPDX-License-Identifier: Apache-2.0
 * stripe_account.c: the calls that only look (charges, disputes, balance, events), and webhooks. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/random.h"
#include "sandbox/stripe.h"

enum { LIMIT_USUAL = 10, SECRET_BYTES = 16 };

static void show(struct sb_stripe_call *call, enum sb_shape shape, const void *object,
                 const char *what) {
    if (object == NULL) {
        sb_stripe_missing(call, what, "id", call->id);
        return;
    }
    struct sb_shard *shard = sb_shape_shard(call->place, shape, object);
    struct sb_outcome outcome = {200, (int)shape, call->expand, object, NULL};
    lock_take(&shard->lock);
    outcome.version = shape == SB_SHAPE_CHARGE
                          ? (const void *)((const struct sb_charge *)object)->now
                          : ((const struct sb_dispute *)object)->now;
    lock_give(&shard->lock);
    sb_stripe_show(call, &outcome);
}

void sb_charge_retrieve(struct sb_stripe_call *call) {
    show(call, SB_SHAPE_CHARGE, sb_place_find(call->place, SB_STRIPE_CHARGE, call->id), "charge");
}

void sb_dispute_retrieve(struct sb_stripe_call *call) {
    show(call, SB_SHAPE_DISPUTE, sb_place_find(call->place, SB_STRIPE_DISPUTE, call->id),
         "dispute");
}

static struct buf *begin(struct sb_stripe_call *call) {
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json");
    return &call->reply->body;
}

void sb_method_retrieve(struct sb_stripe_call *call) {
    const struct sb_method *method = sb_method_row(sb_method_find(call->id));
    if (method == NULL) {
        sb_stripe_missing(call, "PaymentMethod", "payment_method", call->id);
        return;
    }
    buf_addf(
        begin(call),
        "{\"id\":\"%s\",\"object\":\"payment_method\",\"card\":{\"brand\":\"%s\",\"country\":"
        "\"US\","
        "\"exp_month\":12,\"exp_year\":2034,\"funding\":\"credit\",\"last4\":\"%s\"},\"created\":"
        "1700000000,\"customer\":null,\"livemode\":false,\"metadata\":{},\"type\":\"card\"}",
        method->id, method->brand, method->last4);
}

/* ---- balance ---- */

/* What the book says the account has: taken, less refunds, disputes and fees. */
static void balance_list(struct sb_stripe_call *call, struct buf *out) {
    static const char *const usual[] = {"usd", "eur", "gbp"};
    struct sb_book *book = &call->sandbox->book;
    bool first = true;
    const struct sb_sums *sums = book->sums;
    lock_take(&book->lock);
    for (int i = 0; i < book->sum_count; i++) {
        if (sums[i].gateway == SB_STRIPE) {
            char lower[CURRENCY_CHARS + 1];
            int64_t net = sums[i].charged_minor - sums[i].refunded_minor - sums[i].disputed_minor -
                          sums[i].fees_minor;
            buf_addf(out,
                     "%s{\"amount\":%" PRId64
                     ",\"currency\":\"%s\",\"source_types\":{\"card\":%" PRId64 "}}",
                     first ? "" : ",", sb_stripe_from_minor(net, sums[i].currency),
                     currency_lower(sums[i].currency, lower),
                     sb_stripe_from_minor(net, sums[i].currency));
            first = false;
        }
    }
    lock_give(&book->lock);
    if (first) {
        buf_addf(out, "{\"amount\":0,\"currency\":\"%s\",\"source_types\":{\"card\":0}}", usual[0]);
    }
}

void sb_balance_retrieve(struct sb_stripe_call *call) {
    struct buf *out = begin(call);
    buf_add_text(out, "{\"object\":\"balance\",\"available\":[");
    balance_list(call, out);
    buf_add_text(out, "],\"livemode\":false,\"pending\":[{\"amount\":0,\"currency\":\"usd\","
                      "\"source_types\":{\"card\":0}}]}");
}

void sb_txn_retrieve(struct sb_stripe_call *call) {
    static const struct {
        enum sb_kind txn, source;
        enum sb_shape shape;
    } kinds[] = {
        {SB_STRIPE_TXN_CHARGE, SB_STRIPE_CHARGE, SB_SHAPE_CHARGE},
        {SB_STRIPE_TXN_REFUND, SB_STRIPE_REFUND, SB_SHAPE_REFUND},
        {SB_STRIPE_TXN_DISPUTE, SB_STRIPE_DISPUTE, SB_SHAPE_DISPUTE},
    };
    struct sb_move move;
    uint32_t of_move = 0;
    if (sb_id_number(call->place, SB_STRIPE_TXN_MOVE, call->id, &of_move) &&
        sb_book_move(&call->sandbox->book, SB_STRIPE, of_move, &move) &&
        move.kind != SB_MOVE_REFUND && move.kind != SB_MOVE_DISPUTE) {
        sb_txn_of_move_write(call->sandbox, &move, begin(call));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        uint32_t number = 0;
        const void *object = NULL;
        if (sb_id_number(call->place, kinds[i].txn, call->id, &number)) {
            object = sb_place_get(call->place, kinds[i].source, number);
        }
        if (object != NULL) {
            struct sb_shard *shard = sb_shape_shard(call->place, kinds[i].shape, object);
            lock_take(&shard->lock);
            struct sb_charge_now first = {0};
            if (i == 0) {
                first = *((const struct sb_charge *)object)->now;
                first.txn_amount = first.first_amount;
                first.txn_fee = first.first_fee;
                first.txn_move = 0;
            }
            sb_txn_write(call->sandbox, kinds[i].txn, object, &first, begin(call));
            lock_give(&shard->lock);
            return;
        }
    }
    sb_stripe_missing(call, "balance transaction", "id", call->id);
}

/* ---- events ---- */

void sb_event_retrieve(struct sb_stripe_call *call) {
    uint32_t number = 0;
    struct sb_event event;
    if (!sb_id_number(call->place, SB_STRIPE_EVENT, call->id, &number) ||
        !sb_event_get(&call->sandbox->events[SB_STRIPE], number, &event)) {
        sb_stripe_missing(call, "event", "id", call->id);
        return;
    }
    sb_stripe_event_write(call->sandbox, &event, 0, begin(call));
}

struct event_filter {
    int64_t limit, from_s;
    int64_t at; /* begin below this number */
    const char *type;
};

/* "payment_intent.succeeded", "payment_intent.*" or "*". */
static bool type_fits(const char *pattern, const char *type) {
    size_t count = strlen(pattern);
    if (count > 0 && pattern[count - 1] == '*') {
        return strncmp(pattern, type, count - 1) == 0;
    }
    return strcmp(pattern, type) == 0;
}

static bool event_fits(struct sb_stripe_call *call, const struct event_filter *filter,
                       const struct sb_event *event) {
    const char *name = sb_event_name((enum sb_event_type)event->type);
    bool any = false, listed = false;
    for (int i = 0; i < call->form.count; i++) {
        if (strncmp(call->form.params[i].name, "types[", 6) == 0) {
            any = true;
            listed |= type_fits(call->form.params[i].value, name);
        }
    }
    return (filter->type == NULL || type_fits(filter->type, name)) && (!any || listed);
}

void sb_event_list(struct sb_stripe_call *call) {
    struct sb_events *events = &call->sandbox->events[SB_STRIPE];
    struct event_filter filter = {
        .limit = LIMIT_USUAL, .from_s = INT64_MIN, .type = sb_form_get(&call->form, "type")};
    const char *after = sb_form_get(&call->form, "starting_after");
    uint32_t number = 0;
    if (!sb_param_int(call, "limit", &filter.limit) ||
        !sb_param_int(call, "created[gte]", &filter.from_s)) {
        return;
    }
    filter.limit = filter.limit < 1 ? 1 : filter.limit > SB_LIST_MAX ? SB_LIST_MAX : filter.limit;
    lock_take(&events->lock);
    filter.at = events->made;
    lock_give(&events->lock);
    if (after != NULL && sb_id_number(call->place, SB_STRIPE_EVENT, after, &number)) {
        filter.at = number;
    }
    struct buf *out = begin(call);
    int64_t listed = 0;
    bool more = false;
    struct sb_event event;
    buf_add_text(out, "{\"object\":\"list\",\"data\":[");
    for (int64_t n = filter.at - 1; n >= 0 && !more; n--) {
        if (!sb_event_get(events, (uint32_t)n, &event) ||
            event.created_us / US_PER_SECOND < filter.from_s) {
            break;
        }
        if (!event_fits(call, &filter, &event)) {
            continue;
        }
        more = listed == filter.limit;
        if (!more) {
            buf_add_text(out, listed++ > 0 ? "," : "");
            sb_stripe_event_write(call->sandbox, &event, 0, out);
        }
    }
    buf_addf(out, "],\"has_more\":%s,\"url\":\"/v1/events\"}", more ? "true" : "false");
}

/* ---- webhooks ---- */

static void endpoint_write(const struct sb_endpoint *endpoint, bool with_secret, struct buf *out) {
    buf_addf(out,
             "{\"id\":\"%s\",\"object\":\"webhook_endpoint\",\"api_version\":\"" SB_STRIPE_VERSION
             "\",\"application\":null,\"created\":%" PRId64 ",\"description\":null,"
             "\"enabled_events\":[",
             endpoint->id, endpoint->created_us / US_PER_SECOND);
    if (endpoint->types == UINT64_MAX) {
        buf_add_text(out, "\"*\"");
    } else {
        bool first = true;
        for (int i = 0; i < SB_EVENT_TYPES; i++) {
            if ((endpoint->types >> i & 1) != 0) {
                buf_addf(out, "%s\"%s\"", first ? "" : ",", sb_event_name((enum sb_event_type)i));
                first = false;
            }
        }
    }
    buf_add_text(out, "],\"livemode\":false,\"metadata\":{}");
    if (with_secret) {
        buf_add_text(out, ",\"secret\":");
        buf_add_json(out, endpoint->secret);
    }
    buf_add_text(out, ",\"status\":\"enabled\",\"url\":");
    buf_add_json(out, endpoint->url);
    buf_add_char(out, '}');
}

/* Events that the real one makes and the sandbox does not are taken and never sent. */
static uint64_t read_types(const struct sb_form *form) {
    uint64_t types = 0;
    for (int i = 0; i < form->count; i++) {
        enum sb_event_type type;
        if (strncmp(form->params[i].name, "enabled_events[", 15) != 0) {
            continue;
        }
        if (strcmp(form->params[i].value, "*") == 0) {
            types = UINT64_MAX;
        } else if (sb_event_parse(SB_STRIPE, form->params[i].value, &type)) {
            types |= UINT64_C(1) << type;
        }
    }
    return types;
}

void sb_endpoint_create(struct sb_stripe_call *call) {
    struct sb_endpoint endpoint = {.types = read_types(&call->form)};
    const char *url = sb_form_get(&call->form, "url");
    struct sb_stripe_error error = {400, "invalid_request_error", "url_invalid", "url"};
    if (url == NULL || strlen(url) > SB_URL_CHARS_MAX || strncmp(url, "http", 4) != 0) {
        sb_stripe_fail(call, &error, "Invalid URL: a webhook needs an explicit scheme.");
        return;
    }
    if (!sb_place_add(call->place, SB_STRIPE_ENDPOINT, &endpoint.number, &endpoint.created_us)) {
        sb_stripe_full(call);
        return;
    }
    unsigned char bytes[SECRET_BYTES];
    char hex[2 * SECRET_BYTES + 1];
    random_bytes(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), hex);
    snprintf(endpoint.secret, sizeof(endpoint.secret), "whsec_%s", hex);
    snprintf(endpoint.url, sizeof(endpoint.url), "%s", url);
    snprintf(endpoint.id, sizeof(endpoint.id), "%s",
             sb_id_of(call->place, SB_STRIPE_ENDPOINT, endpoint.number).text);
    if (!sb_endpoint_add(&call->sandbox->events[SB_STRIPE], &endpoint)) {
        error.code = NULL;
        sb_stripe_fail(call, &error, "You have reached the maximum of %d webhook endpoints.",
                       SB_ENDPOINTS_MAX);
        return;
    }
    endpoint_write(&endpoint, true, begin(call));
}

void sb_endpoint_retrieve(struct sb_stripe_call *call) {
    struct sb_endpoint endpoint;
    if (sb_endpoint_get(&call->sandbox->events[SB_STRIPE], call->id, &endpoint)) {
        endpoint_write(&endpoint, false, begin(call));
    } else {
        sb_stripe_missing(call, "webhook endpoint", "id", call->id);
    }
}

void sb_endpoint_list(struct sb_stripe_call *call) {
    struct sb_events *events = &call->sandbox->events[SB_STRIPE];
    struct buf *out = begin(call);
    bool first = true;
    buf_add_text(out, "{\"object\":\"list\",\"data\":[");
    lock_take(&events->lock);
    for (int i = 0; i < SB_ENDPOINTS_MAX; i++) {
        if (events->endpoints[i].live) {
            buf_add_text(out, first ? "" : ",");
            endpoint_write(&events->endpoints[i], false, out);
            first = false;
        }
    }
    lock_give(&events->lock);
    buf_add_text(out, "],\"has_more\":false,\"url\":\"/v1/webhook_endpoints\"}");
}

void sb_endpoint_delete(struct sb_stripe_call *call) {
    if (!sb_endpoint_drop(&call->sandbox->events[SB_STRIPE], call->id)) {
        sb_stripe_missing(call, "webhook endpoint", "id", call->id);
        return;
    }
    buf_addf(begin(call), "{\"id\":\"%s\",\"object\":\"webhook_endpoint\",\"deleted\":true}",
             call->id);
}
