/* SPDX-License-Identifier: Apache-2.0
 * control.c: the control port: what the book says, which faults there are, and what people do. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/statement.h"

enum { LIST_USUAL = 1000, LIST_MAX = 20000, DUPLICATES_LISTED = 100, TEXT_MAX = 512 };
enum { AHEAD_SECONDS_MAX = 20 * 366 * 86400 };

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
    struct buf *out = begin(control, 200);
    buf_addf(out, "{\"status\":\"ok\",\"seed\":%" PRIu64, control->sandbox->seed);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        buf_addf(out, ",\"%s\":\"%s\"", sb_gateway_name((enum sb_gateway)i),
                 control->sandbox->base_urls[i]);
    }
    buf_add_text(out, "}\n");
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
        done(control, sb_gateway_unknown(name, &err), &err);
        return;
    }
    if (name == NULL && wanted.reference == NULL && wanted.order_id == NULL) {
        err_set(&err, ERR_VALIDATION, "say which: gateway=stripe, reference=… or order_id=…");
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

static void publish_call(struct control *control) {
    sb_publish_call(control->sandbox, control->reply);
}

static void batch_call(struct control *control) {
    sb_adyen_call(control->sandbox, control->request, control->parts[0], control->parts[1],
                  control->reply);
}

static void statement_call(struct control *control) {
    sb_statement_call(control->sandbox, control->request, control->reply);
}

static void planted_call(struct control *control) {
    sb_planted_call(control->sandbox, control->request, control->reply);
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

static int read_fault(struct control *control, const json_t *json, struct sb_fault *ret_fault,
                      struct err *err) {
    int rc = sb_fault_read_json(json, ret_fault, err);
    return rc < 0 ? rc : sb_fault_fits(ret_fault, control->gateway, err);
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
        int rc = read_fault(control, body, &list[0], err);
        return rc < 0 ? rc : 1;
    }
    if (!json_is_array(many) || json_array_size(many) > SB_FAULTS_MAX) {
        return err_set(err, ERR_VALIDATION, "faults is a list of at most %d", SB_FAULTS_MAX);
    }
    int count = (int)json_array_size(many);
    for (int i = 0; i < count; i++) {
        int rc = read_fault(control, json_array_get(many, (size_t)i), &list[i], err);
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

static void clock_call(struct control *control) {
    static const char *const keys[] = {"ahead_seconds", NULL};
    const struct http_request *request = control->request;
    JSON_AUTO body = NULL;
    struct err err = {0};
    char now[CLOCK_TEXT_MAX];
    int64_t seconds = 0;
    int r = json_read(request->body, request->body_bytes, JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX,
                      &body, &err);
    r = r < 0 ? r : json_only(body, "", keys, &err);
    r = r < 0 ? r : json_need_int(body, "", "ahead_seconds", 0, AHEAD_SECONDS_MAX, &seconds, &err);
    if (r < 0) {
        refuse(control, &err);
        return;
    }
    clock_shift(seconds * US_PER_SECOND - clock_shifted_us());
    buf_addf(begin(control, 200), "{\"ahead_seconds\":%" PRId64 ",\"now\":\"%s\"}\n", seconds,
             clock_format(clock_wall_us(), now));
}

static void reset_call(struct control *control) {
    sb_gate_leave(control->sandbox); /* nobody may be inside, not even who asks */
    sb_reset(control->sandbox);
    sb_gate_enter(control->sandbox);
    sb_refusals_apply(control->sandbox);
    buf_add_text(begin(control, 200), "{\"done\":true}\n");
}

/* ---- what people do ---- */

static int refuse_act(enum sb_gateway gateway, const char *what, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "%s cannot be made to %s here", sb_gateway_name(gateway),
                   what);
}

static int act(struct control *control, enum sb_gateway gateway, const char *name, enum sb_act act,
               struct err *err) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    return kind->customer != NULL ? kind->customer(control->sandbox, name, act, err)
                                  : refuse_act(gateway, "wait for a customer", err);
}

static void approve_call(struct control *control) {
    struct err err;
    done(control, act(control, SB_PAYPAL, control->parts[0], SB_ACT_PAY, &err), &err);
}

static void cancel_call(struct control *control) {
    struct err err;
    done(control, act(control, SB_PAYPAL, control->parts[0], SB_ACT_CANCEL, &err), &err);
}

static void authenticate_call(struct control *control) {
    struct err err;
    done(control, act(control, SB_STRIPE, control->parts[0], SB_ACT_PAY, &err), &err);
}

static void authenticate_fail_call(struct control *control) {
    struct err err;
    done(control, act(control, SB_STRIPE, control->parts[0], SB_ACT_CANCEL, &err), &err);
}

static void tokens_expire_call(struct control *control) {
    atomic_fetch_add(&control->sandbox->paypal_token_epoch, 1);
    done(control, 0, NULL);
}

static void rotate_call(struct control *control) {
    struct err err = {0};
    const struct sb_gateway_kind *kind = sb_gateway_kind(control->gateway);
    done(control,
         kind->rotate != NULL ? kind->rotate(control->sandbox, &err)
                              : refuse_act(control->gateway, "change its key", &err),
         &err);
}

static void paper_call(struct control *control) {
    struct err err = {0};
    const char *pem = sandbox_paper(control->sandbox, (enum sandbox_port)control->gateway,
                                    control->parts[1]);
    if (pem == NULL) {
        err_set(&err, ERR_NOT_FOUND, "%s has no document '%.60s'",
                sb_gateway_name(control->gateway), control->parts[1]);
        refuse(control, &err);
        return;
    }
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

static void made(struct control *control, int rc, const struct buf *id, const struct err *err) {
    if (rc < 0) {
        refuse(control, err);
    } else {
        buf_addf(begin(control, 201), "{\"id\":\"%s\"}\n", id->data);
    }
}

static void dispute_call(struct control *control) {
    struct err err;
    char reason[TEXT_MAX];
    const struct sb_gateway_kind *kind = sb_gateway_kind(control->gateway);
    BUF_AUTO id;
    buf_init(&id, TEXT_MAX);
    if (!body_text(control, "reason", kind->dispute_reason != NULL ? kind->dispute_reason : "",
                   reason)) {
        return;
    }
    int rc = kind->dispute != NULL
                 ? kind->dispute(control->sandbox, control->parts[1], reason, &id, &err)
                 : refuse_act(control->gateway, "open a dispute", &err);
    made(control, rc, &id, &err);
}

static void dispute_close_call(struct control *control) {
    struct err err;
    char outcome[TEXT_MAX];
    const struct sb_gateway_kind *kind = sb_gateway_kind(control->gateway);
    if (!body_text(control, "outcome", "lost", outcome)) {
        return;
    }
    bool won = strcmp(outcome, "won") == 0;
    int rc = kind->dispute_close != NULL
                 ? kind->dispute_close(control->sandbox, control->parts[1], won, &err)
                 : refuse_act(control->gateway, "close a dispute", &err);
    done(control, rc, &err);
}

/* Which gateway, which order, and what its customer does with it. */
static int read_pay(const json_t *body, enum sb_gateway *ret_gateway, const char **ret_name,
                    enum sb_act *ret_act, struct err *err) {
    const char *gateway = json_peek_text(body, "gateway", NULL);
    const char *reference = json_peek_text(body, "reference", NULL);
    const char *code = json_peek_text(body, "code", NULL);
    const char *act_name = json_peek_text(body, "act", NULL);
    *ret_name = reference != NULL ? reference : code;
    if (gateway == NULL || *ret_name == NULL) {
        return err_set(err, ERR_VALIDATION, "say which gateway, and the reference or the code");
    }
    if (!sb_gateway_parse(gateway, ret_gateway)) {
        return sb_gateway_unknown(gateway, err);
    }
    if (!sb_act_parse(act_name != NULL ? act_name : "pay", ret_act)) {
        return err_set(err, ERR_VALIDATION, "act is pay, cancel, scan, expire or late");
    }
    return 0;
}

static void pay_call(struct control *control) {
    struct err err = {0};
    const char *name = NULL;
    enum sb_gateway gateway = SB_STRIPE;
    enum sb_act wish = SB_ACT_PAY;
    json_t *body = sb_body_json(control->request, &err);
    int rc = body != NULL ? read_pay(body, &gateway, &name, &wish, &err) : -(int)err.code;
    rc = rc == 0 ? act(control, gateway, name, wish, &err) : rc;
    done(control, rc, &err);
    json_decref(body);
}

/* An amount of at least one; 0: there is none, and it was refused. */
static int64_t body_amount(struct control *control, struct currency *ret_currency) {
    struct err err = {0};
    json_t *body = sb_body_json(control->request, &err);
    int64_t amount_minor = json_peek_int(body, 0, "amount_minor", NULL);
    const char *code = json_peek_text(body, "currency", NULL);
    int rc = body != NULL ? 0 : -(int)err.code;
    if (rc == 0 && amount_minor < 1) {
        rc = err_set(&err, ERR_VALIDATION, "amount_minor is at least 1");
    }
    if (rc == 0 && ret_currency != NULL) {
        rc = currency_parse(code != NULL ? code : "", ret_currency, &err);
    }
    json_decref(body);
    if (rc < 0) {
        refuse(control, &err);
        return 0;
    }
    return amount_minor;
}

static void desk_charge_call(struct control *control) {
    struct err err;
    struct currency currency;
    const struct sb_gateway_kind *kind = sb_gateway_kind(control->gateway);
    BUF_AUTO id;
    buf_init(&id, TEXT_MAX);
    int64_t amount_minor = body_amount(control, &currency);
    if (amount_minor > 0) {
        int rc = kind->desk_charge != NULL
                     ? kind->desk_charge(control->sandbox, amount_minor, currency, &id, &err)
                     : refuse_act(control->gateway, "charge somebody", &err);
        made(control, rc, &id, &err);
    }
}

static void desk_refund_call(struct control *control) {
    struct err err;
    const struct sb_gateway_kind *kind = sb_gateway_kind(control->gateway);
    BUF_AUTO id;
    buf_init(&id, TEXT_MAX);
    int64_t amount_minor = body_amount(control, NULL);
    if (amount_minor > 0) {
        int rc = kind->desk_refund != NULL ? kind->desk_refund(control->sandbox, control->parts[1],
                                                               amount_minor, &id, &err)
                                           : refuse_act(control->gateway, "give back", &err);
        made(control, rc, &id, &err);
    }
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
    {"GET", "/statement", false, statement_call,
     "?gateway=&kind=&day=2026-11-21 (&unfinished=true): the file; without a kind: which there "
     "are"},
    {"GET", "/statement/planted", false, planted_call,
     "?gateway=&kind=&day=: which rows the faults of statements strike, and what the truth is"},
    {"POST", "/statement/publish", false, publish_call,
     "PayPal's and the bank's files of the last days are put into the folder of --statement-dir"},
    {"GET", "/reports/download/MerchantAccount/*/*", false, batch_call,
     "settlement_detail_report_batch_N.csv of a gateway, in Adyen's layout, for its report user"},
    {"GET", "/faults", false, faults_all_call, "all faults"},
    {"DELETE", "/faults", false, heal_call, "no more faults"},
    {"GET", "/faults/*", true, faults_call, "faults of a gateway, as in /faults/stripe"},
    {"PUT", "/faults/*", true, faults_put_call,
     "{\"kind\":…} or {\"faults\":[…],\"latency_ms\":n}: these "
     "and no others"},
    {"POST", "/faults/*", true, faults_post_call, "the same, in addition"},
    {"DELETE", "/faults/*", true, faults_delete_call, "no more faults of this gateway"},
    {"GET", "/callbacks", false, callbacks_call, "how many were sent, lost, delivered"},
    {"POST", "/callbacks/flush", false, flush_call, "whatever waits is sent now"},
    {"POST", "/clock", false, clock_call,
     "the clock stands {\"ahead_seconds\":N} before the real one; what waits goes on waiting"},
    {"POST", "/reset", false, reset_call, "forget everything: book, objects, faults"},
    {"POST", "/paypal/orders/*/approve", false, approve_call, "the buyer approves"},
    {"POST", "/paypal/orders/*/cancel", false, cancel_call, "the buyer goes back"},
    {"POST", "/paypal/tokens/expire", false, tokens_expire_call, "all access tokens end"},
    {"POST", "/stripe/payment_intents/*/authenticate", false, authenticate_call,
     "3-D Secure passed"},
    {"POST", "/stripe/payment_intents/*/fail", false, authenticate_fail_call, "3-D Secure failed"},
    {"POST", "/*/charges/*/dispute", true, dispute_call,
     "{\"reason\":…}: the customer's bank objects"},
    {"POST", "/*/disputes/*/close", true, dispute_close_call, "{\"outcome\":\"won\"|\"lost\"}"},
    {"POST", "/pay", false, pay_call,
     "{\"gateway\":…,\"reference\" or \"code\":…,\"act\":\"pay\"|\"cancel\"|\"scan\"|\"expire\"}: "
     "the customer"},
    {"POST", "/*/charges", true, desk_charge_call,
     "{\"amount_minor\":n,\"currency\":…}: a charge at the gateway's own desk"},
    {"POST", "/*/charges/*/refund", true, desk_refund_call,
     "{\"amount_minor\":n}: a refund at the gateway's own desk"},
    {"POST", "/*/keys/rotate", true, rotate_call, "it signs with its next key from now on"},
    {"GET", "/*/*", true, paper_call,
     "a document of a gateway: /paypal/ca.pem is the CA behind the signatures of its callbacks"},
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
