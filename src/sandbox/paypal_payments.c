/* SPDX-License-Identifier: Apache-2.0
 * paypal_payments.c: authorizations, captures, refunds and disputes of the simulated PayPal. */
#include "base/clock.h"
#include "sandbox/paypal.h"

enum { NOTE_CHARS_MAX = 255, ID_CHARS_MAX = 127 };

static struct sb_hoard *hoard_of(struct sb_place *place, const struct sb_order *order) {
    return &sb_order_shard(place, order)->hoard;
}

/* ---- invoices and declines ---- */

bool sb_invoice_blocked(struct sandbox *sandbox, const char *invoice_id) {
    struct sb_invoices *invoices = sandbox->own[SB_PAYPAL];
    if (invoice_id == NULL || sandbox->paypal_duplicate_invoices) {
        return false;
    }
    lock_take(&invoices->lock);
    bool paid = g_hash_table_contains(invoices->paid, invoice_id);
    lock_give(&invoices->lock);
    return paid;
}

static void invoice_paid(struct sandbox *sandbox, const char *invoice_id) {
    struct sb_invoices *invoices = sandbox->own[SB_PAYPAL];
    if (invoice_id != NULL) {
        lock_take(&invoices->lock);
        (void)g_hash_table_add(invoices->paid, (gpointer)invoice_id);
        lock_give(&invoices->lock);
    }
}

bool sb_decline_is_inside(const char *decline) {
    return strcmp(decline, "DECLINED") == 0 || strcmp(decline, "PENDING") == 0 ||
           strspn(decline, "0123456789") == strlen(decline);
}

const char *sb_paypal_decline(const struct sb_paypal_call *call, const char *vault_id,
                              char room[SB_ISSUE_CHARS_MAX + 1]) {
    static const char declined[] = "vault_declined";
    const char *fault = call->verdict->decline;
    const char *code = NULL;
    if (call->mock[0] != '\0') {
        code = call->mock;
    } else if (fault != NULL) {
        code = fault;
    } else if (vault_id != NULL && strncmp(vault_id, declined, sizeof(declined) - 1) == 0) {
        code = vault_id + sizeof(declined) - 1;
        code += code[0] == '_' ? 1 : 0;
    }
    if (code == NULL) {
        return NULL;
    }
    /* What follows the dot tells vaulted cards of one kind apart. */
    int count = (int)strcspn(code, ".");
    if (count == 0) {
        code = "INSTRUMENT_DECLINED";
        count = (int)strlen(code);
    }
    snprintf(room, SB_ISSUE_CHARS_MAX + 1, "%.*s", count, code);
    return room;
}

/* ---- authorizations ---- */

struct sb_authorization *sb_authorization_make(struct sb_paypal_call *call,
                                               struct sb_order *order) {
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(call->place, SB_PAYPAL_AUTHORIZATION, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = hoard_of(call->place, order);
    const struct sb_order_texts *texts = order->now->texts;
    struct sb_authorization *made = sb_hoard_take(hoard, sizeof(*made));
    *made = (struct sb_authorization){
        .number = number,
        .order = order,
        .created_us = created_us,
        .amount_minor = order->now->amount_minor,
        .now = sb_hoard_take(hoard, sizeof(struct sb_authorization_now)),
    };
    made->now->updated_us = created_us;
    if (order->last_authorization != NULL) {
        made->entry = order->last_authorization->entry; /* one hold, renewed */
        order->last_authorization->next = made;
    } else {
        made->entry = sb_book_enter(&call->sandbox->book, SB_PAYPAL,
                                    sb_id_of(call->place, SB_PAYPAL_AUTHORIZATION, number).text,
                                    texts->custom_id, texts->reference_id, made->amount_minor,
                                    order->now->currency);
        sb_book_hold(&call->sandbox->book, made->entry, made->amount_minor);
        order->authorizations = made;
    }
    order->last_authorization = made;
    sb_place_put(call->place, SB_PAYPAL_AUTHORIZATION, number, made);
    invoice_paid(call->sandbox, texts->invoice_id);
    sb_paypal_tell(call, SB_EV_PAYPAL_AUTHORIZATION_CREATED, made, made->now);
    return made;
}

static struct sb_authorization_now *authorization_next(struct sb_place *place,
                                                       struct sb_authorization *authorization) {
    struct sb_authorization_now *next = sb_hoard_take(hoard_of(place, authorization->order),
                                                      sizeof(*next));
    *next = *authorization->now;
    next->updated_us = clock_wall_us();
    authorization->now = next;
    return next;
}

static struct sb_authorization *named_authorization(struct sb_paypal_call *call) {
    struct sb_authorization *found = sb_place_find(call->place, SB_PAYPAL_AUTHORIZATION, call->id);
    if (found == NULL) {
        sb_paypal_missing(call);
    }
    return found;
}

void sb_authorization_retrieve(struct sb_paypal_call *call) {
    struct sb_authorization *authorization = named_authorization(call);
    if (authorization != NULL) {
        sb_paypal_show(call, 200, SB_SHOW_AUTHORIZATION, authorization);
    }
}

/* The lock is held. */
static void hold_the_rest(struct sb_paypal_call *call, struct sb_authorization *authorization) {
    struct sb_book *book = &call->sandbox->book;
    int64_t rest = authorization->amount_minor - authorization->now->captured_minor;
    sb_book_release_hold(book, authorization->entry);
    if (authorization->now->status == SB_AUTHORIZATION_PARTLY && rest > 0) {
        sb_book_hold(book, authorization->entry, rest);
    }
}

struct capture_params {
    int64_t amount_minor;
    struct currency currency;
    const char *invoice_id;
    bool given, final;
};

static bool read_amount(struct sb_paypal_call *call, struct capture_params *params) {
    const json_t *amount = json_peek(call->body, "amount", NULL);
    params->given = json_is_object(amount);
    return !params->given ||
           sb_paypal_money(call, amount, "/amount", &params->amount_minor, &params->currency);
}

/* Why it cannot be captured, or NULL. The lock is held. */
static const char *capture_refusal(const struct sb_authorization *authorization,
                                   const struct capture_params *params) {
    switch ((enum sb_authorization_status)authorization->now->status) {
    case SB_AUTHORIZATION_CAPTURED:
        return "AUTHORIZATION_ALREADY_CAPTURED";
    case SB_AUTHORIZATION_VOIDED:
        return "AUTHORIZATION_VOIDED";
    case SB_AUTHORIZATION_CREATED:
    case SB_AUTHORIZATION_PARTLY:
    default:
        break;
    }
    if (params->given && !currency_equal(params->currency, authorization->order->now->currency)) {
        return "AUTH_CAPTURE_CURRENCY_MISMATCH";
    }
    return params->amount_minor > authorization->amount_minor - authorization->now->captured_minor
               ? "MAX_CAPTURE_AMOUNT_EXCEEDED"
               : NULL;
}

void sb_authorization_capture(struct sb_paypal_call *call) {
    struct capture_params params = {.final = true};
    struct sb_authorization *authorization = named_authorization(call);
    if (authorization == NULL || !read_amount(call, &params) ||
        !sb_paypal_text(call, call->body, "invoice_id", "", ID_CHARS_MAX, &params.invoice_id) ||
        !sb_paypal_begin(call)) {
        return;
    }
    params.final = !json_is_false(json_peek(call->body, "final_capture", NULL)) &&
                   (!params.given || json_is_true(json_peek(call->body, "final_capture", NULL)));
    struct sb_order *order = authorization->order;
    struct sb_shard *shard = sb_order_shard(call->place, order);
    char room[SB_ISSUE_CHARS_MAX + 1];
    lock_take(&shard->lock);
    if (!params.given) {
        params.amount_minor = authorization->amount_minor - authorization->now->captured_minor;
    }
    const char *refusal = capture_refusal(authorization, &params);
    const char *decline = sb_paypal_decline(call, NULL, room);
    refusal = refusal != NULL                                     ? refusal
              : decline != NULL && !sb_decline_is_inside(decline) ? decline
                                                                  : NULL;
    if (refusal != NULL) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, refusal);
        return;
    }
    const char *invoice = sb_hoard_text(&shard->hoard, params.invoice_id);
    const struct sb_capture_wish wish = {order,
                                         authorization,
                                         params.amount_minor,
                                         invoice != NULL ? invoice : order->now->texts->invoice_id,
                                         order->now->texts->custom_id,
                                         params.final};
    struct sb_capture *capture = sb_capture_make(call, &wish, decline);
    lock_give(&shard->lock);
    if (capture == NULL) {
        sb_paypal_full(call);
        return;
    }
    sb_paypal_answer(call, 201, SB_SHOW_CAPTURE, capture);
}

void sb_authorization_void(struct sb_paypal_call *call) {
    struct sb_authorization *authorization = named_authorization(call);
    if (authorization == NULL || !sb_paypal_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, authorization->order);
    lock_take(&shard->lock);
    uint8_t status = authorization->now->status;
    const char *refusal = status == SB_AUTHORIZATION_CAPTURED ? "PREVIOUSLY_CAPTURED"
                          : status == SB_AUTHORIZATION_VOIDED ? "PREVIOUSLY_VOIDED"
                                                              : NULL;
    if (refusal != NULL) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, refusal);
        return;
    }
    struct sb_authorization_now *next = authorization_next(call->place, authorization);
    next->status = SB_AUTHORIZATION_VOIDED;
    sb_book_release_hold(&call->sandbox->book, authorization->entry);
    sb_paypal_tell(call, SB_EV_PAYPAL_AUTHORIZATION_VOIDED, authorization, next);
    lock_give(&shard->lock);
    sb_paypal_answer(call, call->full ? 200 : 204, SB_SHOW_AUTHORIZATION, authorization);
}

void sb_authorization_reauthorize(struct sb_paypal_call *call) {
    struct sb_authorization *authorization = named_authorization(call);
    if (authorization == NULL || !sb_paypal_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, authorization->order);
    lock_take(&shard->lock);
    bool can = authorization->now->status == SB_AUTHORIZATION_CREATED;
    struct sb_authorization *renewed = can ? sb_authorization_make(call, authorization->order)
                                           : NULL;
    if (renewed != NULL) {
        authorization_next(call->place, authorization)->status = SB_AUTHORIZATION_VOIDED;
    }
    lock_give(&shard->lock);
    if (!can) {
        sb_paypal_refuse(call, "REAUTHORIZATION_NOT_SUPPORTED");
    } else if (renewed == NULL) {
        sb_paypal_full(call);
    } else {
        sb_paypal_answer(call, 201, SB_SHOW_AUTHORIZATION, renewed);
    }
}

/* ---- captures ---- */

static struct sb_capture_now *capture_next(struct sb_place *place, struct sb_capture *capture) {
    struct sb_capture_now *next = sb_hoard_take(hoard_of(place, capture->order), sizeof(*next));
    *next = *capture->now;
    next->updated_us = clock_wall_us();
    capture->now = next;
    return next;
}

/* The money itself, once a capture is completed. The lock is held. */
static void take_money(struct sandbox *sandbox, struct sb_capture *capture) {
    struct currency currency = capture->order->now->currency;
    const struct sb_order_texts *texts = capture->order->now->texts;
    if (capture->authorization != NULL) {
        capture->entry = capture->authorization->entry;
    } else {
        struct sb_id id = sb_id_of(sandbox->places[SB_PAYPAL], SB_PAYPAL_CAPTURE, capture->number);
        capture->entry = sb_book_enter(&sandbox->book, SB_PAYPAL, id.text, capture->custom_id,
                                       texts->reference_id, capture->amount_minor, currency);
    }
    (void)sb_book_take(&sandbox->book, capture->entry, capture->amount_minor,
                       sb_paypal_fee(capture->amount_minor, currency), capture);
    invoice_paid(sandbox, capture->invoice_id);
}

/* What the authorization shows after a capture of it. The lock is held. */
static void lessen(struct sb_paypal_call *call, const struct sb_capture_wish *wish) {
    struct sb_authorization_now *next = authorization_next(call->place, wish->authorization);
    next->captured_minor += wish->amount_minor;
    next->status = wish->final || next->captured_minor >= wish->authorization->amount_minor
                       ? SB_AUTHORIZATION_CAPTURED
                       : SB_AUTHORIZATION_PARTLY;
    hold_the_rest(call, wish->authorization);
}

static enum sb_capture_status status_after(const char *decline) {
    return decline == NULL                   ? SB_CAPTURE_COMPLETED
           : strcmp(decline, "PENDING") == 0 ? SB_CAPTURE_PENDING
                                             : SB_CAPTURE_DECLINED;
}

struct sb_capture *sb_capture_make(struct sb_paypal_call *call, const struct sb_capture_wish *wish,
                                   const char *decline) {
    uint32_t number = 0;
    int64_t created_us = 0;
    struct sb_order *order = wish->order;
    if (!sb_place_add(call->place, SB_PAYPAL_CAPTURE, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = hoard_of(call->place, order);
    enum sb_capture_status status = status_after(decline);
    struct sb_capture *capture = sb_hoard_take(hoard, sizeof(*capture));
    *capture = (struct sb_capture){
        .what = SB_SETTLED_CAPTURE,
        .number = number,
        .order = order,
        .authorization = wish->authorization,
        .created_us = created_us,
        .amount_minor = wish->amount_minor,
        .invoice_id = wish->invoice_id,
        .custom_id = wish->custom_id,
        .now = sb_hoard_take(hoard, sizeof(struct sb_capture_now)),
        .final = wish->final,
    };
    *capture->now = (struct sb_capture_now){0, created_us, (uint8_t)status};
    *(order->captures != NULL ? &order->last_capture->next : &order->captures) = capture;
    order->last_capture = capture;
    sb_place_put(call->place, SB_PAYPAL_CAPTURE, number, capture);
    if (wish->authorization != NULL && status != SB_CAPTURE_DECLINED) {
        lessen(call, wish);
    }
    if (status == SB_CAPTURE_COMPLETED) {
        take_money(call->sandbox, capture);
        sb_paypal_tell(call, SB_EV_PAYPAL_CAPTURE_COMPLETED, capture, capture->now);
    } else if (status == SB_CAPTURE_PENDING) {
        sb_paypal_tell(call, SB_EV_PAYPAL_CAPTURE_PENDING, capture, capture->now);
        sb_settle_later(call->sandbox, SB_PAYPAL, capture);
    } else {
        capture->processor_code = sb_hoard_text(hoard, strcmp(decline, "DECLINED") == 0 ? "0500"
                                                                                        : decline);
        sb_paypal_tell(call, SB_EV_PAYPAL_CAPTURE_DECLINED, capture, capture->now);
    }
    return capture;
}

void sb_capture_retrieve(struct sb_paypal_call *call) {
    struct sb_capture *capture = sb_place_find(call->place, SB_PAYPAL_CAPTURE, call->id);
    if (capture == NULL) {
        sb_paypal_missing(call);
        return;
    }
    sb_paypal_show(call, 200, SB_SHOW_CAPTURE, capture);
}

/* ---- refunds ---- */

/* Why it cannot be paid back, or NULL. The lock is held. */
static const char *refund_refusal(const struct sb_capture *capture,
                                  const struct capture_params *params) {
    if (capture->now->status == SB_CAPTURE_PENDING) {
        return "PENDING_CAPTURE";
    }
    if (capture->now->status == SB_CAPTURE_DECLINED) {
        return "REFUND_NOT_ALLOWED";
    }
    if (capture->dispute > 0) {
        return "TRANSACTION_DISPUTED";
    }
    if (capture->now->refunded_minor >= capture->amount_minor) {
        return "CAPTURE_FULLY_REFUNDED";
    }
    if (params->given && !currency_equal(params->currency, capture->order->now->currency)) {
        return "REFUND_CAPTURE_CURRENCY_MISMATCH";
    }
    return params->amount_minor > capture->amount_minor - capture->now->refunded_minor
               ? "REFUND_AMOUNT_EXCEEDED"
               : NULL;
}

/* How a refund by a fault ends; NULL: well. */
static const char *refund_decline(const struct sb_paypal_call *call) {
    const char *code = call->verdict->decline;
    return code != NULL && code[0] == '\0' ? "REFUND_FAILED_INSUFFICIENT_FUNDS" : code;
}

/* What the capture shows of its refunds. The lock is held. */
static void show_refunded(struct sb_place *place, struct sb_capture *capture,
                          int64_t amount_minor) {
    struct sb_capture_now *next = capture_next(place, capture);
    next->refunded_minor += amount_minor;
    next->status = next->refunded_minor == 0                       ? SB_CAPTURE_COMPLETED
                   : next->refunded_minor == capture->amount_minor ? SB_CAPTURE_REFUNDED
                                                                   : SB_CAPTURE_PARTLY;
}

struct payback_texts {
    const char *invoice_id, *custom_id, *note;
};

/* NULL: the place is full. The lock is held. */
static struct sb_payback *payback_make(struct sb_paypal_call *call, struct sb_capture *capture,
                                       int64_t amount_minor, const struct payback_texts *texts,
                                       const char *decline) {
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(call->place, SB_PAYPAL_REFUND, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = hoard_of(call->place, capture->order);
    struct sb_payback *made = sb_hoard_take(hoard, sizeof(*made));
    *made = (struct sb_payback){
        .what = SB_SETTLED_PAYBACK,
        .number = number,
        .capture = capture,
        .created_us = created_us,
        .amount_minor = amount_minor,
        .invoice_id = sb_hoard_text(hoard, texts->invoice_id),
        .custom_id = sb_hoard_text(hoard, texts->custom_id),
        .note = sb_hoard_text(hoard, texts->note),
        .now = sb_hoard_take(hoard, sizeof(struct sb_payback_now)),
    };
    made->now->updated_us = created_us;
    *(capture->paybacks != NULL ? &capture->last_payback->next : &capture->paybacks) = made;
    capture->last_payback = made;
    sb_place_put(call->place, SB_PAYPAL_REFUND, number, made);
    if (decline != NULL && strcmp(decline, "FAILED") == 0) {
        made->now->status = SB_PAYBACK_FAILED;
        sb_paypal_tell(call, SB_EV_PAYPAL_REFUND_FAILED, made, made->now);
        return made;
    }
    show_refunded(call->place, capture, amount_minor);
    sb_book_refund(&call->sandbox->book, capture->entry, amount_minor, made);
    if (decline != NULL) {
        made->now->status = SB_PAYBACK_PENDING;
        sb_paypal_tell(call, SB_EV_PAYPAL_REFUND_PENDING, made, made->now);
        sb_settle_later(call->sandbox, SB_PAYPAL, made);
    } else {
        sb_paypal_tell(call, SB_EV_PAYPAL_CAPTURE_REFUNDED, made, made->now);
    }
    return made;
}

void sb_capture_refund(struct sb_paypal_call *call) {
    struct capture_params params = {0};
    struct payback_texts texts = {0};
    struct sb_capture *capture = sb_place_find(call->place, SB_PAYPAL_CAPTURE, call->id);
    if (capture == NULL) {
        sb_paypal_missing(call);
        return;
    }
    if (!read_amount(call, &params) ||
        !sb_paypal_text(call, call->body, "invoice_id", "", ID_CHARS_MAX, &texts.invoice_id) ||
        !sb_paypal_text(call, call->body, "custom_id", "", ID_CHARS_MAX, &texts.custom_id) ||
        !sb_paypal_text(call, call->body, "note_to_payer", "", NOTE_CHARS_MAX, &texts.note) ||
        !sb_paypal_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, capture->order);
    lock_take(&shard->lock);
    if (!params.given) {
        params.amount_minor = capture->amount_minor - capture->now->refunded_minor;
    }
    const char *refusal = refund_refusal(capture, &params);
    const char *decline = refund_decline(call);
    bool refused = decline != NULL && strcmp(decline, "PENDING") != 0 &&
                   strcmp(decline, "FAILED") != 0;
    if (refusal != NULL || refused) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, refusal != NULL ? refusal : decline);
        return;
    }
    struct sb_payback *made = payback_make(call, capture, params.amount_minor, &texts, decline);
    lock_give(&shard->lock);
    if (made == NULL) {
        sb_paypal_full(call);
        return;
    }
    sb_paypal_answer(call, 201, SB_SHOW_PAYBACK, made);
}

void sb_payback_retrieve(struct sb_paypal_call *call) {
    struct sb_payback *payback = sb_place_find(call->place, SB_PAYPAL_REFUND, call->id);
    if (payback == NULL) {
        sb_paypal_missing(call);
        return;
    }
    sb_paypal_show(call, 200, SB_SHOW_PAYBACK, payback);
}

/* The end of what was pending. */
void sb_paypal_settle(struct sandbox *sandbox, void *object) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    enum sb_settled what = *(enum sb_settled *)object;
    struct sb_capture *capture = what == SB_SETTLED_CAPTURE
                                     ? object
                                     : ((struct sb_payback *)object)->capture;
    struct sb_shard *shard = sb_order_shard(place, capture->order);
    lock_take(&shard->lock);
    if (what == SB_SETTLED_CAPTURE) {
        struct sb_capture_now *next = capture_next(place, capture);
        next->status = SB_CAPTURE_COMPLETED;
        take_money(sandbox, capture);
        sb_tell(sandbox, SB_PAYPAL, SB_EV_PAYPAL_CAPTURE_COMPLETED, capture, next, NULL);
    } else {
        struct sb_payback *payback = object;
        struct sb_payback_now *next = sb_hoard_take(&shard->hoard, sizeof(*next));
        *next = (struct sb_payback_now){clock_wall_us(), SB_PAYBACK_COMPLETED};
        payback->now = next;
        sb_tell(sandbox, SB_PAYPAL, SB_EV_PAYPAL_CAPTURE_REFUNDED, payback, next, NULL);
    }
    lock_give(&shard->lock);
}

/* ---- disputes ---- */

void sb_case_retrieve(struct sb_paypal_call *call) {
    struct sb_claim_case *claim = sb_place_find(call->place, SB_PAYPAL_DISPUTE, call->id);
    if (claim == NULL) {
        sb_paypal_missing(call);
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, claim->capture->order);
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json");
    lock_take(&shard->lock);
    sb_case_write(call->sandbox, claim, claim->now, &call->reply->body);
    lock_give(&shard->lock);
}

/* The lock is held; NULL: the place is full. */
static struct sb_claim_case *claim_make(struct sandbox *sandbox, struct sb_capture *capture,
                                        const char *reason) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(place, SB_PAYPAL_DISPUTE, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = hoard_of(place, capture->order);
    struct sb_claim_case *claim = sb_hoard_take(hoard, sizeof(*claim));
    *claim = (struct sb_claim_case){number,
                                    capture,
                                    created_us,
                                    capture->amount_minor - capture->now->refunded_minor,
                                    sb_hoard_text(hoard, reason),
                                    sb_hoard_take(hoard, sizeof(struct sb_claim_now))};
    claim->now->updated_us = created_us;
    capture->dispute = number + 1;
    sb_place_put(place, SB_PAYPAL_DISPUTE, number, claim);
    sb_book_dispute(&sandbox->book, capture->entry, claim->amount_minor, claim);
    sb_tell(sandbox, SB_PAYPAL, SB_EV_PAYPAL_DISPUTE_CREATED, claim, claim->now, NULL);
    return claim;
}

int sb_paypal_dispute(struct sandbox *sandbox, const char *id, const char *reason,
                      struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    struct sb_capture *capture = sb_place_find(place, SB_PAYPAL_CAPTURE, id);
    if (capture == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such capture");
    }
    struct sb_shard *shard = sb_order_shard(place, capture->order);
    lock_take(&shard->lock);
    bool can = capture->dispute == 0 && capture->entry != NULL &&
               capture->amount_minor > capture->now->refunded_minor;
    struct sb_claim_case *claim = can ? claim_make(sandbox, capture, reason) : NULL;
    lock_give(&shard->lock);
    if (claim == NULL) {
        return can ? err_set(err, ERR_OVERLOADED, "the sandbox's book is full")
                   : err_set(err, ERR_STATE, "this capture holds no money, or was disputed before");
    }
    buf_add_text(ret_id, sb_id_of(place, SB_PAYPAL_DISPUTE, claim->number).text);
    return 0;
}

int sb_paypal_dispute_close(struct sandbox *sandbox, const char *id, bool won, struct err *err) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    struct sb_claim_case *claim = sb_place_find(place, SB_PAYPAL_DISPUTE, id);
    if (claim == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such dispute");
    }
    struct sb_shard *shard = sb_order_shard(place, claim->capture->order);
    lock_take(&shard->lock);
    bool open = claim->now->status == 0 || claim->now->status == 3;
    if (open) {
        struct sb_claim_now *next = sb_hoard_take(&shard->hoard, sizeof(*next));
        *next = (struct sb_claim_now){clock_wall_us(), won ? 2 : 1};
        claim->now = next;
        if (won) {
            sb_book_dispute(&sandbox->book, claim->capture->entry, -claim->amount_minor, claim);
        }
        sb_tell(sandbox, SB_PAYPAL, SB_EV_PAYPAL_DISPUTE_RESOLVED, claim, next, NULL);
    }
    lock_give(&shard->lock);
    return open ? 0 : err_set(err, ERR_STATE, "this dispute is not open");
}

/* The seller's word. Evidence is taken while it is waited for; a claim can be accepted until it is
 * decided. A repeat under the same key finds it done: only the state is looked at. */
static void seller_says(struct sb_paypal_call *call, bool accept) {
    struct sb_claim_case *claim = sb_place_find(call->place, SB_PAYPAL_DISPUTE, call->id);
    if (claim == NULL) {
        sb_paypal_missing(call);
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, claim->capture->order);
    lock_take(&shard->lock);
    bool open = claim->now->status == 0 || (accept && claim->now->status == 3);
    if (open) {
        struct sb_claim_now *next = sb_hoard_take(&shard->hoard, sizeof(*next));
        *next = (struct sb_claim_now){clock_wall_us(), accept ? 1 : 3};
        claim->now = next;
        sb_paypal_tell(call, accept ? SB_EV_PAYPAL_DISPUTE_RESOLVED : SB_EV_PAYPAL_DISPUTE_UPDATED,
                       claim, next);
    }
    lock_give(&shard->lock);
    if (!open) {
        sb_paypal_refuse(call, "INVALID_DISPUTE_STATUS");
        return;
    }
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json");
    buf_add_text(&call->reply->body, "{\"links\":[]}");
}

void sb_case_evidence(struct sb_paypal_call *call) {
    if (memmem(call->request->body, call->request->body_bytes, "\"evidences\"", 11) == NULL) {
        sb_paypal_fail(call, &(struct sb_paypal_error){400, "MISSING_REQUIRED_PARAMETER", NULL,
                                                       "There is no evidence."});
        return;
    }
    seller_says(call, false);
}

void sb_case_accept(struct sb_paypal_call *call) {
    seller_says(call, true);
}
