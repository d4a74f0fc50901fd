/* SPDX-License-Identifier: Apache-2.0
 * paypal_webhooks.c: webhooks of the simulated PayPal: registered, listed, signed, verified. */
#include "base/clock.h"
#include "base/random.h"
#include "gateway/paypal/paypal_sign.h"
#include "sandbox/paypal.h"

enum { EVENTS_LISTED_MAX = 100, EVENTS_LISTED = 10 };

static struct buf *begin(struct sb_paypal_call *call, int status) {
    call->reply->status = status;
    http_reply_header(call->reply, "Content-Type", "application/json");
    return &call->reply->body;
}

static void hook_write(struct sandbox *sandbox, const struct sb_endpoint *hook, struct buf *out) {
    buf_addf(out, "{\"id\":\"%s\",\"url\":", hook->id);
    buf_add_json(out, hook->url);
    buf_add_text(out, ",\"event_types\":[");
    if (hook->types == UINT64_MAX) {
        buf_add_text(out, "{\"name\":\"*\",\"description\":\"ALL\"}");
    }
    bool first = true;
    for (int i = 0; hook->types != UINT64_MAX && i < SB_EVENT_TYPES; i++) {
        if ((hook->types >> i & 1) != 0) {
            buf_addf(out, "%s{\"name\":\"%s\"}", first ? "" : ",",
                     sb_event_name((enum sb_event_type)i));
            first = false;
        }
    }
    buf_addf(out,
             "],\"links\":[{\"href\":\"%s/v1/notifications/webhooks/%s\",\"rel\":\"self\","
             "\"method\":\"GET\"}]}",
             sandbox->base_urls[SB_PAYPAL], hook->id);
}

/* Types that the real one has and the sandbox does not make are taken and never sent. */
static uint64_t read_types(const json_t *body) {
    const json_t *list = json_peek(body, "event_types", NULL);
    uint64_t types = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_peek_text(json_array_get(list, i), "name", NULL);
        enum sb_event_type type;
        if (name != NULL && strcmp(name, "*") == 0) {
            types = UINT64_MAX;
        } else if (name != NULL && sb_event_parse(SB_PAYPAL, name, &type)) {
            types |= UINT64_C(1) << type;
        }
    }
    return types;
}

void sb_hook_create(struct sb_paypal_call *call) {
    struct sb_endpoint hook = {.types = read_types(call->body)};
    const char *url = NULL;
    if (!sb_paypal_text(call, call->body, "url", "", SB_URL_CHARS_MAX, &url)) {
        return;
    }
    if (url == NULL || strncmp(url, "http", 4) != 0) {
        sb_paypal_fail(call, &(struct sb_paypal_error){400, "INVALID_PARAMETER_VALUE", "/url",
                                                       "Not a valid webhook URL."});
        return;
    }
    if (!sb_place_add(call->place, SB_PAYPAL_WEBHOOK, &hook.number, &hook.created_us)) {
        sb_paypal_full(call);
        return;
    }
    snprintf(hook.url, sizeof(hook.url), "%s", url);
    snprintf(hook.id, sizeof(hook.id), "%s",
             sb_id_of(call->place, SB_PAYPAL_WEBHOOK, hook.number).text);
    if (!sb_endpoint_add(&call->sandbox->events[SB_PAYPAL], &hook)) {
        sb_paypal_refuse(call, "WEBHOOK_NUMBER_LIMIT_EXCEEDED");
        return;
    }
    hook_write(call->sandbox, &hook, begin(call, 201));
}

void sb_hook_list(struct sb_paypal_call *call) {
    struct sb_events *events = &call->sandbox->events[SB_PAYPAL];
    struct buf *out = begin(call, 200);
    bool first = true;
    buf_add_text(out, "{\"webhooks\":[");
    lock_take(&events->lock);
    for (int i = 0; i < SB_ENDPOINTS_MAX; i++) {
        if (events->endpoints[i].live) {
            buf_add_text(out, first ? "" : ",");
            hook_write(call->sandbox, &events->endpoints[i], out);
            first = false;
        }
    }
    lock_give(&events->lock);
    buf_add_text(out, "]}");
}

void sb_hook_retrieve(struct sb_paypal_call *call) {
    struct sb_endpoint hook;
    if (sb_endpoint_get(&call->sandbox->events[SB_PAYPAL], call->id, &hook)) {
        hook_write(call->sandbox, &hook, begin(call, 200));
    } else {
        sb_paypal_missing(call);
    }
}

void sb_hook_delete(struct sb_paypal_call *call) {
    if (sb_endpoint_drop(&call->sandbox->events[SB_PAYPAL], call->id)) {
        call->reply->status = 204;
    } else {
        sb_paypal_missing(call);
    }
}

/* ---- events ---- */

void sb_hook_events(struct sb_paypal_call *call) {
    struct sb_events *events = &call->sandbox->events[SB_PAYPAL];
    struct err err;
    char text[16];
    long wanted = EVENTS_LISTED;
    if (http_query_get(call->request, "page_size", text, sizeof(text), &err) == 1) {
        wanted = strtol(text, NULL, 10);
    }
    wanted = wanted < 1 ? 1 : wanted > EVENTS_LISTED_MAX ? EVENTS_LISTED_MAX : wanted;
    lock_take(&events->lock);
    int64_t at = events->made;
    lock_give(&events->lock);
    struct buf *out = begin(call, 200);
    long listed = 0;
    struct sb_event event;
    buf_add_text(out, "{\"events\":[");
    for (; at > 0 && listed < wanted && sb_event_get(events, (uint32_t)(at - 1), &event); at--) {
        buf_add_text(out, listed++ > 0 ? "," : "");
        sb_paypal_event_write(call->sandbox, &event, 0, out);
    }
    buf_addf(out, "],\"count\":%ld,\"links\":[]}", listed);
}

static bool named_event(struct sb_paypal_call *call, struct sb_event *ret_event) {
    uint32_t number = 0;
    if (sb_id_number(call->place, SB_PAYPAL_EVENT, call->id, &number) &&
        sb_event_get(&call->sandbox->events[SB_PAYPAL], number, ret_event)) {
        return true;
    }
    sb_paypal_missing(call);
    return false;
}

void sb_hook_event(struct sb_paypal_call *call) {
    struct sb_event event;
    if (named_event(call, &event)) {
        sb_paypal_event_write(call->sandbox, &event, 0, begin(call, 200));
    }
}

void sb_hook_resend(struct sb_paypal_call *call) {
    struct sb_event event;
    if (named_event(call, &event)) {
        sb_event_resend(call->sandbox, &event);
        sb_paypal_event_write(call->sandbox, &event, 0, begin(call, 202));
    }
}

/* ---- signatures ---- */

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" */
static void transmission_id(char ret_id[40]) {
    unsigned char bytes[16];
    char hex[33];
    random_bytes(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), hex);
    snprintf(ret_id, 40, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int sb_paypal_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                   const struct buf *body, struct sb_signed_headers *ret_headers, struct err *err) {
    const struct sb_paypal_identity *identity = sb_paypal_identity(sandbox);
    bool forged = delivery->forgery == SB_FORGED;
    char id[40];
    char time[CLOCK_TEXT_MAX];
    char *signature = NULL;
    transmission_id(id);
    clock_format(delivery->signed_us / US_PER_SECOND * US_PER_SECOND, time);
    /* A forger has seen a genuine transmission of another body. */
    const struct paypal_transmission transmission = {
        .id = id,
        .time = time,
        .webhook_id = delivery->endpoint->id,
        .body = forged ? "{}" : body->data,
        .body_bytes = forged ? 2 : body->len,
    };
    int rc = paypal_sign(identity->key, &transmission, &signature, err);
    if (rc < 0) {
        return rc;
    }
    int written = snprintf(ret_headers->room, sizeof(ret_headers->room),
                           "%s%c%s%c%s%c%s/v1/notifications/certs/%s", id, 0, time, 0, signature, 0,
                           sandbox->base_urls[SB_PAYPAL], identity->cert_name);
    free(signature);
    INVARIANT(written > 0 && (size_t)written < sizeof(ret_headers->room), "the headers fit");
    const char *at = ret_headers->room;
    static const char *const names[] = {"PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME",
                                        "PAYPAL-TRANSMISSION-SIG", "PAYPAL-CERT-URL"};
    for (int i = 0; i < 4; i++) {
        ret_headers->headers[i] = (struct http_header){names[i], at};
        at += strlen(at) + 1;
    }
    ret_headers->headers[4] = (struct http_header){"PAYPAL-AUTH-ALGO", PAYPAL_AUTH_ALGO};
    ret_headers->headers[5] = (struct http_header){"CORRELATION-ID", ret_headers->room};
    ret_headers->headers[6] = (struct http_header){"Content-Type", "application/json"};
    ret_headers->headers[7] = (struct http_header){"User-Agent",
                                                   "PayPal/AUHR-214.0 (Holdfast sandbox)"};
    ret_headers->count = 8;
    return 0;
}

/* The bytes of the value of "webhook_event" as they stand in the request: the signature is over
 * them, and writing the parsed value again might change them. False: there is no such object. */
static bool raw_event(const char *body, size_t count, const char **ret_bytes, size_t *ret_count) {
    static const char key[] = "\"webhook_event\"";
    const char *at = memmem(body, count, key, sizeof(key) - 1);
    const char *end = body + count;
    if (at == NULL) {
        return false;
    }
    at += sizeof(key) - 1;
    at += strspn(at, " \t\r\n:");
    int depth = 0;
    bool quoted = false;
    for (const char *c = at; c < end; c++) {
        if (quoted) {
            quoted = *c != '"';
            c += *c == '\\' ? 1 : 0; /* what is escaped ends nothing */
            continue;
        }
        quoted = *c == '"';
        depth += *c == '{' || *c == '[' ? 1 : *c == '}' || *c == ']' ? -1 : 0;
        if (depth == 0) {
            *ret_bytes = at;
            *ret_count = (size_t)(c + 1 - at);
            return *at == '{';
        }
    }
    return false;
}

void sb_hook_verify(struct sb_paypal_call *call) {
    const json_t *body = call->body;
    const char *bytes = NULL, *url = json_peek_text(body, "cert_url", NULL);
    const char *algorithm = json_peek_text(body, "auth_algo", NULL);
    const char *signature = json_peek_text(body, "transmission_sig", NULL);
    size_t count = 0;
    const struct sb_paypal_identity *identity = sb_paypal_identity(call->sandbox);
    struct sb_endpoint hook;
    const char *id = json_peek_text(body, "webhook_id", NULL);
    if (!raw_event(call->request->body, call->request->body_bytes, &bytes, &count)) {
        sb_paypal_fail(call, &(struct sb_paypal_error){400, "MISSING_REQUIRED_PARAMETER",
                                                       "/webhook_event",
                                                       "A required field / parameter is missing."});
        return;
    }
    const struct paypal_transmission transmission = {
        .id = json_peek_text(body, "transmission_id", NULL),
        .time = json_peek_text(body, "transmission_time", NULL),
        .webhook_id = id,
        .body = bytes,
        .body_bytes = count,
    };
    bool known = id != NULL && sb_endpoint_get(&call->sandbox->events[SB_PAYPAL], id, &hook);
    const char *name = url != NULL ? strrchr(url, '/') : NULL;
    bool good = known && name != NULL && strcmp(name + 1, identity->cert_name) == 0 &&
                algorithm != NULL && strcmp(algorithm, PAYPAL_AUTH_ALGO) == 0 &&
                paypal_sign_verify(identity->public_key, &transmission, signature);
    buf_addf(begin(call, 200), "{\"verification_status\":\"%s\"}", good ? "SUCCESS" : "FAILURE");
}
