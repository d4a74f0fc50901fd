/* SPDX-License-Identifier: Apache-2.0
 * control.c: the control port: what the book says, which faults there are, and what people do. */
#include <inttypes.h>

#include "base/json.h"
#include "sandbox/paypal_identity.h"
#include "sandbox/sandbox_impl.h"

enum { LIST_USUAL = 1000, LIST_MAX = 20000, DUPLICATES_LISTED = 100, TEXT_MAX = 512 };

struct control {
    struct sandbox *sandbox;
    const struct http_request *request;
    struct http_reply *reply;
    char parts[3][SB_ID_CHARS_MAX + 1]; /* what stands for each '*' */
    enum sb_gateway gateway;            /* parts[0], when the route begins with one */
};

typedef void control_handler(struct control *control);

static struct buf *begin(struct control *control, int status) {
    control->reply->status = status;
    http_reply_header(control->reply, "Content-Type", "application/json");
    return &control->reply->body;
}

static void refuse(struct control *control, const struct err *err) {
    struct buf *out = begin(control, err_http_status(err->code));
    buf_addf(out, "{\"type\":\"%s\",\"title\":", err_type(err->code));
    buf_add_json(out, err_title(err->code));
    buf_add_text(out, ",\"detail\":");
    buf_add_json(out, err->detail);
    if (err->hint[0] != '\0') {
        buf_add_text(out, ",\"hint\":");
        buf_add_json(out, err->hint);
    }
    buf_add_char(out, '}');
}

static void done(struct control *control, int rc, const struct err *err) {
    if (rc < 0) {
        refuse(control, err);
    } else {
        buf_add_text(begin(control, 200), "{\"done\":true}\n");
    }
}

/* ---- help ---- */

static const struct {
    const char *name, *help;
} fault_helps[] = {
#define X(name, text, group, help) {text, help},
#include "sandbox/fault_kinds.def"
#undef X
};

static void help_call(struct control *control);

static void health_call(struct control *control) {
    buf_addf(begin(control, 200),
             "{\"status\":\"ok\",\"seed\":%" PRIu64 ",\"stripe\":\"%s\",\"paypal\":\"%s\"}\n",
             control->sandbox->seed, control->sandbox->base_urls[SB_STRIPE],
             control->sandbox->base_urls[SB_PAYPAL]);
}

/* ---- the book ---- */

static void book_call(struct control *control) {
    sb_book_write(&control->sandbox->book, DUPLICATES_LISTED, begin(control, 200));
}

/* A query parameter into `text`; NULL when it is not there or cannot be read. */
static const char *query(struct control *control, const char *name, char text[TEXT_MAX]) {
    struct err err;
    return http_query_get(control->request, name, text, TEXT_MAX, &err) == 1 ? text : NULL;
}

static int64_t query_number(struct control *control, const char *name, int64_t usual) {
    char text[TEXT_MAX];
    return query(control, name, text) != NULL ? strtoll(text, NULL, 10) : usual;
}

static void charges_call(struct control *control) {
    char gateway_text[TEXT_MAX], reference[TEXT_MAX], order[TEXT_MAX];
    struct sb_book_query wanted = {
        .gateway = -1,
        .reference = query(control, "reference", reference),
        .order_id = query(control, "order_id", order),
        .cursor = query_number(control, "cursor", 0),
        .limit = (int)query_number(control, "limit", LIST_USUAL),
    };
    enum sb_gateway gateway;
    const char *name = query(control, "gateway", gateway_text);
    struct err err = {0};
    if (name != NULL && !sb_gateway_parse(name, &gateway)) {
        err_set(&err, ERR_VALIDATION, "gateway is stripe or paypal");
        refuse(control, &err);
        return;
    }
    if (name == NULL && wanted.reference == NULL && wanted.order_id == NULL) {
        err_set(&err, ERR_VALIDATION,
                "say which: gateway=stripe or paypal, reference=… or order_id=…");
        refuse(control, &err);
        return;
    }
    wanted.gateway = name != NULL ? (int)gateway : -1;
    wanted.limit = wanted.limit < 1 ? 1 : wanted.limit > LIST_MAX ? LIST_MAX : wanted.limit;
    sb_book_list(&control->sandbox->book, &wanted, begin(control, 200));
}

static void memory_call(struct control *control) {
    struct sandbox *sandbox = control->sandbox;
    struct buf *out = begin(control, 200);
    buf_addf(out, "{\"book_bytes\":%zu", sb_book_bytes(&sandbox->book));
    for (int i = 0; i < SB_GATEWAYS; i++) {
        buf_addf(out, ",\"%s\":{\"objects\":%lld,\"object_bytes\":%zu,\"key_bytes\":%zu}",
                 sb_gateway_name((enum sb_gateway)i),
                 (long long)atomic_load(&sandbox->places[i]->objects),
                 sb_place_bytes(sandbox->places[i]), sb_keys_bytes(&sandbox->keys[i]));
    }
    buf_add_text(out, "}\n");
}

/* ---- faults ---- */

static void faults_of(struct control *control, enum sb_gateway gateway, struct buf *out) {
    buf_add_text(out, "{\"faults\":");
    sb_faults_write(&control->sandbox->faults, gateway, out);
    buf_addf(out, ",\"latency_ms\":%" PRId64 "}",
             sb_faults_latency_ms(&control->sandbox->faults, gateway));
}

static void faults_all_call(struct control *control) {
    struct buf *out = begin(control, 200);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        buf_addf(out, "%s\"%s\":", i == 0 ? "{" : ",", sb_gateway_name((enum sb_gateway)i));
        faults_of(control, (enum sb_gateway)i, out);
    }
    buf_add_char(out, '}');
}

static void faults_call(struct control *control) {
    faults_of(control, control->gateway, begin(control, 200));
}

/* One fault, or {"faults":[…],"latency_ms":n}. Returns how many, or negative. */
static int read_faults(struct control *control, const json_t *body,
                       struct sb_fault list[SB_FAULTS_MAX], struct err *err) {
    const json_t *many = json_peek(body, "faults", NULL);
    const json_t *latency = json_peek(body, "latency_ms", NULL);
    if (latency != NULL) {
        int rc = sb_faults_latency(&control->sandbox->faults, control->gateway,
                                   json_is_integer(latency) ? json_integer_value(latency) : -1,
                                   err);
        if (rc < 0 || many == NULL) {
            return rc;
        }
    }
    if (many == NULL) {
        int rc = sb_fault_read_json(body, &list[0], err);
        return rc < 0 ? rc : 1;
    }
    if (!json_is_array(many) || json_array_size(many) > SB_FAULTS_MAX) {
        return err_set(err, ERR_VALIDATION, "faults is a list of at most %d", SB_FAULTS_MAX);
    }
    int count = (int)json_array_size(many);
    for (int i = 0; i < count; i++) {
        int rc = sb_fault_read_json(json_array_get(many, (size_t)i), &list[i], err);
        if (rc < 0) {
            return rc;
        }
    }
    return count;
}

static void change_faults(struct control *control, bool add) {
    struct err err = {0};
    struct sb_fault list[SB_FAULTS_MAX];
    json_t *body = sb_body_json(control->request, &err);
    if (body == NULL) {
        refuse(control, &err);
        return;
    }
    int count = read_faults(control, body, list, &err);
    bool only_latency = json_peek(body, "faults", NULL) == NULL &&
                        json_peek(body, "kind", NULL) == NULL;
    json_decref(body);
    int rc = count;
    if (rc >= 0 && !add && !only_latency) {
        rc = sb_faults_set(&control->sandbox->faults, control->gateway, list, count, &err);
    }
    for (int i = 0; rc >= 0 && add && i < count; i++) {
        rc = sb_faults_add(&control->sandbox->faults, control->gateway, &list[i], &err);
    }
    if (rc < 0) {
        refuse(control, &err);
        return;
    }
    sb_refusals_apply(control->sandbox);
    faults_call(control);
}

static void faults_put_call(struct control *control) {
    change_faults(control, false);
}

static void faults_post_call(struct control *control) {
    change_faults(control, true);
}

static void faults_delete_call(struct control *control) {
    struct err err;
    int rc = sb_faults_set(&control->sandbox->faults, control->gateway, NULL, 0, &err);
    sb_refusals_apply(control->sandbox);
    if (rc == 0) {
        faults_call(control);
    }
}

static void heal_call(struct control *control) {
    sandbox_heal(control->sandbox);
    faults_all_call(control);
}

/* ---- callbacks ---- */

static void callbacks_call(struct control *control) {
    struct buf *out = begin(control, 200);
    size_t waiting = 0;
    int busy = 0;
    sb_clerk_count(&control->sandbox->clerk, &waiting, &busy);
    buf_addf(out, "{\"waiting\":%zu,\"under_way\":%d", waiting, busy);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        struct sb_events *events = &control->sandbox->events[i];
        lock_take(&events->lock);
        const struct sb_callback_counts counts = events->counts;
        lock_give(&events->lock);
        buf_addf(out,
                 ",\"%s\":{\"events\":%" PRId64 ",\"due\":%" PRId64 ",\"lost\":%" PRId64
                 ",\"sent\":%" PRId64 ",\"delivered\":%" PRId64 ",\"refused\":%" PRId64
                 ",\"given_up\":%" PRId64 ",\"forged_sent\":%" PRId64
                 ",\"forged_accepted\":%" PRId64 "}",
                 sb_gateway_name((enum sb_gateway)i), counts.events, counts.due, counts.lost,
                 counts.sent, counts.delivered, counts.refused, counts.given_up, counts.forged_sent,
                 counts.forged_accepted);
    }
    buf_add_text(out, "}\n");
}

static void flush_call(struct control *control) {
    sb_clerk_hurry(&control->sandbox->clerk);
    callbacks_call(control);
}

static void reset_call(struct control *control) {
    sb_gate_leave(control->sandbox); /* nobody may be inside, not even who asks */
    sb_reset(control->sandbox);
    sb_gate_enter(control->sandbox);
    sb_refusals_apply(control->sandbox);
    buf_add_text(begin(control, 200), "{\"done\":true}\n");
}

/* ---- what people do ---- */

static void approve_call(struct control *control) {
    struct err err;
    done(control, sb_paypal_approve(control->sandbox, control->parts[0], true, &err), &err);
}

static void cancel_call(struct control *control) {
    struct err err;
    done(control, sb_paypal_approve(control->sandbox, control->parts[0], false, &err), &err);
}

static void authenticate_call(struct control *control) {
    struct err err;
    done(control, sb_stripe_authenticate(control->sandbox, control->parts[0], true, &err), &err);
}

static void authenticate_fail_call(struct control *control) {
    struct err err;
    done(control, sb_stripe_authenticate(control->sandbox, control->parts[0], false, &err), &err);
}

static void tokens_expire_call(struct control *control) {
    atomic_fetch_add(&control->sandbox->paypal_token_epoch, 1);
    done(control, 0, NULL);
}

static void ca_call(struct control *control) {
    const char *pem = sandbox_paypal_ca(control->sandbox);
    control->reply->status = 200;
    http_reply_body(control->reply, "application/x-pem-file", pem, strlen(pem));
}

/* Text of a member of the body, checked; `usual` when it is not there. NULL: refused already. */
static bool body_text(struct control *control, const char *key, const char *usual,
                      char text[TEXT_MAX]) {
    struct err err = {0};
    json_t *body = sb_body_json(control->request, &err);
    if (body == NULL) {
        refuse(control, &err);
        return false;
    }
    const char *given = json_peek_text(body, key, NULL);
    snprintf(text, TEXT_MAX, "%s", given != NULL ? given : usual);
    json_decref(body);
    return true;
}

static void dispute_call(struct control *control) {
    struct err err;
    char reason[TEXT_MAX];
    bool stripe = control->gateway == SB_STRIPE;
    BUF_AUTO id;
    buf_init(&id, TEXT_MAX);
    if (!body_text(control, "reason", stripe ? "fraudulent" : "UNAUTHORISED", reason)) {
        return;
    }
    int rc = stripe ? sb_stripe_dispute(control->sandbox, control->parts[1], reason, &id, &err)
                    : sb_paypal_dispute(control->sandbox, control->parts[1], reason, &id, &err);
    if (rc < 0) {
        refuse(control, &err);
    } else {
        buf_addf(begin(control, 201), "{\"id\":\"%s\"}\n", id.data);
    }
}

static void dispute_close_call(struct control *control) {
    struct err err;
    char outcome[TEXT_MAX];
    if (!body_text(control, "outcome", "lost", outcome)) {
        return;
    }
    bool won = strcmp(outcome, "won") == 0;
    int rc = control->gateway == SB_STRIPE
                 ? sb_stripe_dispute_close(control->sandbox, control->parts[1], won, &err)
                 : sb_paypal_dispute_close(control->sandbox, control->parts[1], won, &err);
    done(control, rc, &err);
}

/* ---- routes ---- */

static const struct route {
    const char *method, *path;
    bool gateway; /* the first '*' names one */
    control_handler *handler;
    const char *help;
} routes[] = {
    {"GET", "/", false, help_call, "this list"},
    {"GET", "/health", false, health_call, "addresses and the seed"},
    {"GET", "/book", false, book_call, "sums by gateway and currency, and what was charged twice"},
    {"GET", "/book/charges", false, charges_call,
     "?gateway=&cursor=&limit= or ?reference= or ?order_id="},
    {"GET", "/memory", false, memory_call, "what the book costs"},
    {"GET", "/faults", false, faults_all_call, "all faults"},
    {"DELETE", "/faults", false, heal_call, "no more faults"},
    {"GET", "/faults/*", true, faults_call, "faults of stripe or paypal"},
    {"PUT", "/faults/*", true, faults_put_call,
     "{\"kind\":…} or {\"faults\":[…],\"latency_ms\":n}: these "
     "and no others"},
    {"POST", "/faults/*", true, faults_post_call, "the same, in addition"},
    {"DELETE", "/faults/*", true, faults_delete_call, "no more faults of this gateway"},
    {"GET", "/callbacks", false, callbacks_call, "how many were sent, lost, delivered"},
    {"POST", "/callbacks/flush", false, flush_call, "whatever waits is sent now"},
    {"POST", "/reset", false, reset_call, "forget everything: book, objects, faults"},
    {"POST", "/paypal/orders/*/approve", false, approve_call, "the buyer approves"},
    {"POST", "/paypal/orders/*/cancel", false, cancel_call, "the buyer goes back"},
    {"POST", "/paypal/tokens/expire", false, tokens_expire_call, "all access tokens end"},
    {"GET", "/paypal/ca.pem", false, ca_call,
     "the CA of the certificate that signs PayPal's callbacks"},
    {"POST", "/stripe/payment_intents/*/authenticate", false, authenticate_call,
     "3-D Secure passed"},
    {"POST", "/stripe/payment_intents/*/fail", false, authenticate_fail_call, "3-D Secure failed"},
    {"POST", "/*/charges/*/dispute", true, dispute_call,
     "{\"reason\":…}: the customer's bank objects"},
    {"POST", "/*/disputes/*/close", true, dispute_close_call, "{\"outcome\":\"won\"|\"lost\"}"},
};

static void help_call(struct control *control) {
    struct buf *out = begin(control, 200);
    buf_add_text(out, "{\"paths\":[");
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        buf_addf(out, "%s\"%s %s: ", i > 0 ? "," : "", routes[i].method, routes[i].path);
        for (const char *c = routes[i].help; *c != '\0'; c++) {
            buf_add_text(out, *c == '"' ? "\\" : "");
            buf_add_char(out, *c);
        }
        buf_add_char(out, '"');
    }
    buf_add_text(out, "],\"faults\":{");
    for (size_t i = 0; i < COUNT_OF(fault_helps); i++) {
        buf_addf(out, "%s\"%s\":\"%s\"", i > 0 ? "," : "", fault_helps[i].name,
                 fault_helps[i].help);
    }
    buf_add_text(out, "}}\n");
}

/* Like sb_path_fits(), for patterns with several '*'. */
static bool fits(const char *pattern, const char *path, char parts[3][SB_ID_CHARS_MAX + 1]) {
    int part = 0;
    for (; *pattern == '/' && *path == '/' && part < 3;) {
        size_t wanted = strcspn(++pattern, "/");
        size_t given = strcspn(++path, "/");
        if (wanted == 1 && *pattern == '*') {
            if (given == 0 || given > SB_ID_CHARS_MAX) {
                return false;
            }
            memcpy(parts[part], path, given);
            parts[part++][given] = '\0';
        } else if (wanted != given || memcmp(pattern, path, wanted) != 0) {
            return false;
        }
        pattern += wanted;
        path += given;
    }
    return *pattern == '\0' && *path == '\0';
}

void sb_control_handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct control control = {.sandbox = ctx, .request = request, .reply = reply};
    struct err err = {0};
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        bool here = strcmp(routes[i].method, request->method) == 0 &&
                    fits(routes[i].path, request->path, control.parts);
        if (!here || (routes[i].gateway && !sb_gateway_parse(control.parts[0], &control.gateway))) {
            continue;
        }
        sb_gate_enter(control.sandbox);
        routes[i].handler(&control);
        sb_gate_leave(control.sandbox);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "there is no %.8s %.100s here; GET / lists what there is",
            request->method, request->path);
    refuse(&control, &err);
}
