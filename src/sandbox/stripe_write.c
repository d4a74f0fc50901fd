/* SPDX-License-Identifier: Apache-2.0
 * stripe_write.c: Stripe's objects as JSON. The same version of an object gives the same bytes each
 * time: answers that are kept under a key are written again from it. */
#include "base/clock.h"
#include "sandbox/stripe.h"

const char *const sb_intent_status_names[SB_INTENT_STATUSES] = {
    [SB_INTENT_METHOD] = "requires_payment_method",
    [SB_INTENT_CONFIRMATION] = "requires_confirmation",
    [SB_INTENT_ACTION] = "requires_action",
    [SB_INTENT_PROCESSING] = "processing",
    [SB_INTENT_CAPTURE] = "requires_capture",
    [SB_INTENT_CANCELED] = "canceled",
    [SB_INTENT_SUCCEEDED] = "succeeded",
};
static const char *const refund_statuses[] = {"pending", "succeeded", "failed", "canceled"};
static const char *const refund_reasons[] = {"", "duplicate", "fraudulent",
                                             "requested_by_customer"};
static const char *const cancellations[] = {
    "", "duplicate", "fraudulent", "requested_by_customer", "abandoned", "automatic"};
static const char *const dispute_statuses[] = {
    "needs_response", "warning_needs_response", "won",
    "lost",           "under_review",           "warning_under_review"};

int64_t sb_stripe_fee(int64_t amount) {
    return (amount * 29 + 500) / 1000 + 30;
}

static void text_or_null(const char *text, struct buf *out) {
    if (text == NULL || text[0] == '\0') {
        buf_add(out, "null", 4);
    } else {
        buf_add_json(out, text);
    }
}

static void key_text(struct buf *out, const char *key, const char *text) {
    buf_add_text(out, key);
    text_or_null(text, out);
}

static void key_int(struct buf *out, const char *key, int64_t value) {
    buf_add_text(out, key);
    buf_add_int(out, value);
}

static void key_bool(struct buf *out, const char *key, bool value) {
    buf_add_text(out, key);
    buf_add_text(out, value ? "true" : "false");
}

static void key_id(struct buf *out, const char *key, struct sandbox *sandbox, enum sb_kind kind,
                   uint32_t number) {
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], kind, number);
    buf_add_text(out, key);
    buf_add_char(out, '"');
    buf_add_text(out, id.text);
    buf_add_char(out, '"');
}

static void key_currency(struct buf *out, struct currency currency) {
    char lower[CURRENCY_CHARS + 1];
    buf_add_text(out, ",\"currency\":\"");
    buf_add_text(out, currency_lower(currency, lower));
    buf_add_char(out, '"');
}

static void key_metadata(struct buf *out, const char *metadata) {
    buf_add_text(out, ",\"metadata\":{");
    for (bool first = true; metadata != NULL && metadata[0] != '\0'; first = false) {
        buf_add_text(out, first ? "" : ",");
        buf_add_json(out, metadata);
        buf_add_char(out, ':');
        metadata += strlen(metadata) + 1;
        buf_add_json(out, metadata);
        metadata += strlen(metadata) + 1;
    }
    buf_add_char(out, '}');
}

/* ---- payment intents ---- */

static void next_action_write(struct sandbox *sandbox, const struct sb_intent *intent,
                              const struct sb_intent_now *now, struct buf *out) {
    buf_add_text(out, ",\"next_action\":");
    if (now->status != SB_INTENT_ACTION) {
        buf_add_text(out, "null");
        return;
    }
    if (now->texts->return_url == NULL) {
        buf_add_text(out, "{\"type\":\"use_stripe_sdk\",\"use_stripe_sdk\":{\"type\":"
                          "\"three_d_secure_redirect\"}}");
        return;
    }
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], SB_STRIPE_INTENT, intent->number);
    buf_addf(out,
             "{\"type\":\"redirect_to_url\",\"redirect_to_url\":{\"url\":\"%s/3ds/%s\","
             "\"return_url\":",
             sandbox->base_urls[SB_STRIPE], id.text);
    buf_add_json(out, now->texts->return_url);
    buf_add_text(out, "}}");
}

static void decline_fields(const struct sb_decline *decline, struct buf *out) {
    if (decline->advice[0] != '\0') {
        key_text(out, "\"advice_code\":", decline->advice);
        buf_add_char(out, ',');
    }
    key_text(out, "\"code\":", decline->code);
    if (decline->decline_code[0] != '\0') {
        key_text(out, ",\"decline_code\":", decline->decline_code);
    }
    buf_add_text(out, ",\"doc_url\":\"https://stripe.com/docs/error-codes/");
    for (const char *c = decline->code; *c != '\0'; c++) {
        buf_add_char(out, *c == '_' ? '-' : *c);
    }
    key_text(out, "\",\"message\":", decline->message);
}

static void method_write(int method, int64_t created_s, struct buf *out) {
    const struct sb_method *row = sb_method_row(method);
    if (row == NULL) {
        buf_add_text(out, "null");
        return;
    }
    key_text(out, "{\"id\":", row->id);
    buf_add_text(out,
                 ",\"object\":\"payment_method\",\"allow_redisplay\":\"unspecified\",\"card\":{");
    key_text(out, "\"brand\":", row->brand);
    buf_add_text(out,
                 ",\"country\":\"US\",\"exp_month\":12,\"exp_year\":2034,\"funding\":\"credit\"");
    key_text(out, ",\"last4\":", row->last4);
    key_int(out, "},\"created\":", created_s);
    buf_add_text(out, ",\"customer\":null,\"livemode\":false,\"metadata\":{},\"type\":\"card\"}");
}

/* The error itself, without braces around it. */
static void error_write(struct sandbox *sandbox, const struct sb_intent *intent,
                        const struct sb_intent_now *now, struct buf *out) {
    if (now->charge != NULL && now->charge->status == SB_CHARGE_FAILED) {
        key_id(out, "\"charge\":", sandbox, SB_STRIPE_CHARGE, now->charge->number);
        buf_add_char(out, ',');
    }
    decline_fields(sb_decline_row(now->decline), out);
    buf_add_text(out, ",\"payment_method\":");
    int method = now->charge != NULL ? now->charge->method : now->method;
    method_write(method, intent->created_us / US_PER_SECOND, out);
    buf_add_text(out, ",\"type\":\"card_error\"");
}

void sb_last_error_write(struct sandbox *sandbox, const struct sb_intent *intent,
                         const struct sb_intent_now *now, struct buf *out) {
    if (now->decline == 0) {
        buf_add_text(out, "null");
        return;
    }
    buf_add_char(out, '{');
    error_write(sandbox, intent, now, out);
    buf_add_char(out, '}');
}

void sb_stripe_declined_write(struct sandbox *sandbox, const struct sb_intent *intent,
                              const struct sb_intent_now *now, struct buf *out) {
    buf_add_text(out, "{\"error\":{");
    error_write(sandbox, intent, now, out);
    buf_add_text(out, ",\"payment_intent\":");
    sb_intent_write(sandbox, intent, now, 0, out);
    buf_add_text(out, "}}");
}

static void latest_charge_write(struct sandbox *sandbox, const struct sb_intent_now *now,
                                unsigned expand, struct buf *out) {
    if (now->charge == NULL) {
        buf_add_text(out, ",\"latest_charge\":null");
    } else if ((expand & SB_EXPAND_CHARGE) != 0) {
        buf_add_text(out, ",\"latest_charge\":");
        sb_charge_write(sandbox, now->charge, now->charge_now, expand & ~(unsigned)SB_EXPAND_INTENT,
                        out);
    } else {
        key_id(out, ",\"latest_charge\":", sandbox, SB_STRIPE_CHARGE, now->charge->number);
    }
}

void sb_intent_write(struct sandbox *sandbox, const struct sb_intent *intent,
                     const struct sb_intent_now *now, unsigned expand, struct buf *out) {
    const struct sb_intent_texts *texts = now->texts;
    const struct sb_method *method = sb_method_row(now->method);
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], SB_STRIPE_INTENT, intent->number);
    buf_add_text(out, "{\"id\":\"");
    buf_add_text(out, id.text);
    key_int(out, "\",\"object\":\"payment_intent\",\"amount\":", now->amount);
    key_int(out, ",\"amount_capturable\":", now->amount_capturable);
    key_int(out, ",\"amount_details\":{\"tip\":{}},\"amount_received\":", now->amount_received);
    buf_add_text(out, ",\"application\":null,\"application_fee_amount\":null,"
                      "\"automatic_payment_methods\":null,\"canceled_at\":");
    if (now->canceled_us > 0) {
        buf_add_int(out, now->canceled_us / US_PER_SECOND);
    } else {
        buf_add_text(out, "null");
    }
    key_text(out, ",\"cancellation_reason\":", cancellations[now->cancellation]);
    key_text(out, ",\"capture_method\":", now->manual_capture ? "manual" : "automatic");
    buf_add_text(out, ",\"client_secret\":\"");
    buf_add_text(out, id.text);
    buf_add_text(out, "_secret_");
    buf_add_text(out, id.text + 4);
    key_int(out, "\",\"confirmation_method\":\"automatic\",\"created\":",
            intent->created_us / US_PER_SECOND);
    key_currency(out, intent->currency);
    key_text(out, ",\"customer\":", texts->customer);
    key_text(out, ",\"description\":", texts->description);
    buf_add_text(out, ",\"last_payment_error\":");
    sb_last_error_write(sandbox, intent, now, out);
    latest_charge_write(sandbox, now, expand, out);
    buf_add_text(out, ",\"livemode\":false");
    key_metadata(out, now->metadata);
    next_action_write(sandbox, intent, now, out);
    key_text(out, ",\"on_behalf_of\":null,\"payment_method\":", method != NULL ? method->id : NULL);
    buf_add_text(
        out, ",\"payment_method_configuration_details\":null,\"payment_method_options\":{\"card\":"
             "{\"installments\":null,\"request_three_d_secure\":\"automatic\"}},"
             "\"payment_method_types\":[\"card\"],\"processing\":null");
    key_text(out, ",\"receipt_email\":", texts->receipt_email);
    buf_add_text(out,
                 ",\"review\":null,\"setup_future_usage\":null,\"shipping\":null,\"source\":null");
    key_text(out, ",\"statement_descriptor\":", texts->descriptor);
    key_text(out, ",\"statement_descriptor_suffix\":", texts->descriptor_suffix);
    key_text(out, ",\"status\":", sb_intent_status_names[now->status]);
    buf_add_text(out, ",\"transfer_data\":null,\"transfer_group\":null}");
}

/* ---- charges ---- */

static void outcome_write(const struct sb_charge *charge, struct buf *out) {
    const struct sb_method *method = sb_method_row(charge->method);
    const struct sb_decline *decline = sb_decline_row(charge->decline);
    bool elevated = method != NULL && method->effect == SB_EFFECT_ELEVATED;
    if (decline == NULL) {
        buf_add_text(out,
                     ",\"outcome\":{\"network_status\":\"approved_by_network\",\"reason\":null");
        buf_add_text(out, elevated ? ",\"risk_level\":\"elevated\",\"risk_score\":72"
                                   : ",\"risk_level\":\"normal\",\"risk_score\":11");
        buf_add_text(out, ",\"seller_message\":\"Payment complete.\",\"type\":\"authorized\"}");
        return;
    }
    bool blocked = method != NULL && method->effect == SB_EFFECT_BLOCK;
    buf_add_text(out, blocked ? ",\"outcome\":{\"network_status\":\"not_sent_to_network\""
                              : ",\"outcome\":{\"network_status\":\"declined_by_network\"");
    key_text(out, ",\"reason\":",
             decline->decline_code[0] != '\0' ? decline->decline_code : decline->code);
    buf_add_text(out, ",\"risk_level\":\"normal\",\"risk_score\":34,\"seller_message\":\"The bank "
                      "declined the payment.\"");
    key_text(out, ",\"type\":", blocked ? "blocked" : "issuer_declined");
    buf_add_char(out, '}');
}

static void charge_money_write(struct sandbox *sandbox, const struct sb_charge *charge,
                               const struct sb_charge_now *now, unsigned expand, struct buf *out) {
    int64_t refunded = now->released ? charge->amount : now->amount_refunded;
    key_int(out, ",\"amount\":", charge->amount);
    key_int(out, ",\"amount_captured\":", now->amount_captured);
    key_int(out, ",\"amount_refunded\":", refunded);
    buf_add_text(out, ",\"application\":null,\"application_fee\":null,\"balance_transaction\":");
    if (!now->captured) {
        buf_add_text(out, "null");
    } else if ((expand & SB_EXPAND_BALANCE) != 0) {
        sb_txn_write(sandbox, SB_STRIPE_TXN_CHARGE, charge, now, out);
    } else {
        key_id(out, "", sandbox, now->txn_move > 0 ? SB_STRIPE_TXN_MOVE : SB_STRIPE_TXN_CHARGE,
               now->txn_move > 0 ? now->txn_move : charge->number);
    }
}

static void charge_failure_write(const struct sb_charge *charge, struct buf *out) {
    const struct sb_decline *decline = sb_decline_row(charge->decline);
    buf_add_text(out, ",\"failure_balance_transaction\":null");
    key_text(out, ",\"failure_code\":", decline != NULL ? decline->code : NULL);
    key_text(out, ",\"failure_message\":", decline != NULL ? decline->message : NULL);
}

void sb_charge_write(struct sandbox *sandbox, const struct sb_charge *charge,
                     const struct sb_charge_now *now, unsigned expand, struct buf *out) {
    const struct sb_method *method = sb_method_row(charge->method);
    bool failed = charge->status == SB_CHARGE_FAILED;
    bool refunded = now->released ||
                    (now->captured && now->amount_refunded >= now->amount_captured);
    key_id(out, "{\"id\":", sandbox, SB_STRIPE_CHARGE, charge->number);
    buf_add_text(out, ",\"object\":\"charge\"");
    charge_money_write(sandbox, charge, now, expand, out);
    buf_add_text(
        out, ",\"billing_details\":{\"address\":null,\"email\":null,\"name\":null,\"phone\":null},"
             "\"calculated_statement_descriptor\":\"HOLDFAST SANDBOX\"");
    key_bool(out, ",\"captured\":", now->captured);
    key_int(out, ",\"created\":", charge->created_us / US_PER_SECOND);
    key_currency(out, charge->intent->currency);
    buf_add_text(out, ",\"customer\":null,\"description\":null,\"dispute\":");
    if (charge->dispute > 0 && now->disputed) {
        key_id(out, "", sandbox, SB_STRIPE_DISPUTE, charge->dispute - 1);
    } else {
        buf_add_text(out, "null");
    }
    key_bool(out, ",\"disputed\":", now->disputed);
    charge_failure_write(charge, out);
    buf_add_text(out, ",\"fraud_details\":{},\"livemode\":false");
    key_metadata(out, charge->metadata);
    outcome_write(charge, out);
    key_bool(out, ",\"paid\":", !failed);
    if ((expand & SB_EXPAND_INTENT) != 0) {
        buf_add_text(out, ",\"payment_intent\":");
        sb_intent_write(sandbox, charge->intent, charge->intent->now, 0, out);
    } else {
        key_id(out, ",\"payment_intent\":", sandbox, SB_STRIPE_INTENT, charge->intent->number);
    }
    key_text(out, ",\"payment_method\":", method != NULL ? method->id : NULL);
    key_text(out, ",\"payment_method_details\":{\"card\":{\"brand\":", method->brand);
    key_text(out,
             ",\"country\":\"US\",\"exp_month\":12,\"exp_year\":2034,\"funding\":\"credit\","
             "\"last4\":",
             method->last4);
    buf_add_text(out, "},\"type\":\"card\"},\"receipt_email\":null,\"receipt_url\":null");
    key_bool(out, ",\"refunded\":", refunded);
    key_text(out, ",\"review\":null,\"source\":null,\"statement_descriptor\":null,\"status\":",
             failed ? "failed" : "succeeded");
    buf_add_text(out, ",\"transfer_data\":null,\"transfer_group\":null}");
}

/* ---- refunds, disputes ---- */

void sb_refund_write(struct sandbox *sandbox, const struct sb_refund *refund,
                     const struct sb_refund_now *now, unsigned expand, struct buf *out) {
    const struct sb_charge *charge = refund->charge;
    key_id(out, "{\"id\":", sandbox, SB_STRIPE_REFUND, refund->number);
    key_int(out, ",\"object\":\"refund\",\"amount\":", refund->amount);
    buf_add_text(out, ",\"balance_transaction\":");
    if (now->status == SB_REFUND_PENDING) {
        buf_add_text(out, "null");
    } else if ((expand & SB_EXPAND_BALANCE) != 0 && (expand & SB_EXPAND_CHARGE) == 0) {
        sb_txn_write(sandbox, SB_STRIPE_TXN_REFUND, refund, NULL, out);
    } else {
        key_id(out, "", sandbox, SB_STRIPE_TXN_REFUND, refund->number);
    }
    if ((expand & SB_EXPAND_CHARGE) != 0) {
        buf_add_text(out, ",\"charge\":");
        sb_charge_write(sandbox, charge, charge->now, expand & SB_EXPAND_BALANCE, out);
    } else {
        key_id(out, ",\"charge\":", sandbox, SB_STRIPE_CHARGE, charge->number);
    }
    key_int(out, ",\"created\":", refund->created_us / US_PER_SECOND);
    key_currency(out, charge->intent->currency);
    buf_add_text(out,
                 ",\"destination_details\":{\"card\":{\"type\":\"refund\"},\"type\":\"card\"}");
    if (now->status == SB_REFUND_FAILED) {
        buf_add_text(out, ",\"failure_reason\":\"expired_or_canceled_card\"");
    }
    key_metadata(out, refund->metadata);
    if ((expand & SB_EXPAND_INTENT) != 0) {
        buf_add_text(out, ",\"payment_intent\":");
        sb_intent_write(sandbox, charge->intent, charge->intent->now, 0, out);
    } else {
        key_id(out, ",\"payment_intent\":", sandbox, SB_STRIPE_INTENT, charge->intent->number);
    }
    key_text(out, ",\"reason\":", refund_reasons[refund->reason]);
    key_text(out, ",\"receipt_number\":null,\"source_transfer_reversal\":null,\"status\":",
             refund_statuses[now->status]);
    buf_add_text(out, ",\"transfer_reversal\":null}");
}

void sb_dispute_write(struct sandbox *sandbox, const struct sb_dispute *dispute,
                      const struct sb_dispute_now *now, struct buf *out) {
    enum { DAYS_TO_ANSWER = 9 };
    const struct sb_charge *charge = dispute->charge;
    int64_t created_s = dispute->created_us / US_PER_SECOND;
    key_id(out, "{\"id\":", sandbox, SB_STRIPE_DISPUTE, dispute->number);
    key_int(out, ",\"object\":\"dispute\",\"amount\":", dispute->amount);
    buf_add_text(out, ",\"balance_transactions\":[");
    if (!dispute->inquiry) {
        sb_txn_write(sandbox, SB_STRIPE_TXN_DISPUTE, dispute, NULL, out);
    }
    key_id(out, "],\"charge\":", sandbox, SB_STRIPE_CHARGE, charge->number);
    key_int(out, ",\"created\":", created_s);
    key_currency(out, charge->intent->currency);
    key_int(out, ",\"evidence\":{},\"evidence_details\":{\"due_by\":",
            created_s + DAYS_TO_ANSWER * 24 * 3600);
    bool answered = now->status == SB_DISPUTE_REVIEW || now->status == SB_DISPUTE_WARNING_REVIEW;
    buf_addf(out, ",\"has_evidence\":%s,\"past_due\":false,\"submission_count\":%d}",
             answered ? "true" : "false", answered);
    key_bool(out, ",\"is_charge_refundable\":", dispute->inquiry);
    buf_add_text(out, ",\"livemode\":false,\"metadata\":{},\"network_reason_code\":\"10\"");
    key_id(out, ",\"payment_intent\":", sandbox, SB_STRIPE_INTENT, charge->intent->number);
    key_text(out, ",\"reason\":", dispute->reason);
    key_text(out, ",\"status\":", dispute_statuses[now->status]);
    buf_add_char(out, '}');
}

/* ---- balance transactions ---- */

struct txn {
    const char *type;
    enum sb_kind source;
    uint32_t number;
    int64_t amount, fee, created_us;
    struct currency currency;
};

static struct txn txn_of(enum sb_kind kind, const void *object, const struct sb_charge_now *now) {
    if (kind == SB_STRIPE_TXN_CHARGE) {
        const struct sb_charge *charge = object;
        return (struct txn){
            "charge",     SB_STRIPE_CHARGE,   charge->number,          now->txn_amount,
            now->txn_fee, charge->created_us, charge->intent->currency};
    }
    if (kind == SB_STRIPE_TXN_REFUND) {
        const struct sb_refund *refund = object;
        return (struct txn){"refund",
                            SB_STRIPE_REFUND,
                            refund->number,
                            -refund->amount,
                            0,
                            refund->created_us,
                            refund->charge->intent->currency};
    }
    const struct sb_dispute *dispute = object;
    return (struct txn){"adjustment",
                        SB_STRIPE_DISPUTE,
                        dispute->number,
                        -dispute->amount,
                        0,
                        dispute->created_us,
                        dispute->charge->intent->currency};
}

static void txn_write(struct sandbox *sandbox, const struct txn *txn, const char *id,
                      const char *category, struct buf *out) {
    int64_t created_s = txn->created_us / US_PER_SECOND;
    char lower[CURRENCY_CHARS + 1];
    buf_addf(out, "{\"id\":\"%s\"", id);
    key_int(out, ",\"object\":\"balance_transaction\",\"amount\":", txn->amount);
    key_int(out, ",\"available_on\":", created_s + 2 * 24 * 3600);
    key_int(out, ",\"created\":", created_s);
    key_currency(out, txn->currency);
    key_int(out, ",\"description\":null,\"exchange_rate\":null,\"fee\":", txn->fee);
    buf_add_text(out, ",\"fee_details\":[");
    if (txn->fee > 0) {
        key_int(out, "{\"amount\":", txn->fee);
        key_text(out, ",\"application\":null,\"currency\":", currency_lower(txn->currency, lower));
        buf_add_text(out, ",\"description\":\"Stripe processing fees\",\"type\":\"stripe_fee\"}");
    }
    key_int(out, "],\"net\":", txn->amount - txn->fee);
    key_text(out, ",\"reporting_category\":", category);
    key_id(out, ",\"source\":", sandbox, txn->source, txn->number);
    key_text(out, ",\"status\":\"pending\",\"type\":", txn->type);
    buf_add_char(out, '}');
}

void sb_txn_write(struct sandbox *sandbox, enum sb_kind kind, const void *object,
                  const struct sb_charge_now *now, struct buf *out) {
    const struct txn txn = txn_of(kind, object, now);
    bool later = kind == SB_STRIPE_TXN_CHARGE && now->txn_move > 0;
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], later ? SB_STRIPE_TXN_MOVE : kind,
                               later ? now->txn_move : txn.number);
    txn_write(sandbox, &txn, id.text, kind == SB_STRIPE_TXN_DISPUTE ? "dispute" : txn.type, out);
}

void sb_txn_of_move_write(struct sandbox *sandbox, const struct sb_move *move, struct buf *out) {
    struct currency currency = move->entry->currency;
    int64_t amount = sb_stripe_from_minor(move->amount_minor, currency);
    struct txn txn = {
        "charge",    SB_STRIPE_CHARGE, 0, amount, sb_stripe_from_minor(move->fee_minor, currency),
        move->at_us, currency};
    const char *category = "charge";
    if (move->kind == SB_MOVE_REFUND_BACK) {
        txn.type = category = "refund_failure";
        txn.source = SB_STRIPE_REFUND;
        txn.number = ((const struct sb_refund *)move->object)->number;
    } else if (move->kind == SB_MOVE_DISPUTE_BACK) {
        txn.type = "adjustment";
        category = "dispute_reversal";
        txn.source = SB_STRIPE_DISPUTE;
        txn.number = ((const struct sb_dispute *)move->object)->number;
    } else {
        txn.number = ((const struct sb_charge *)move->object)->number;
    }
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], SB_STRIPE_TXN_MOVE, move->number);
    txn_write(sandbox, &txn, id.text, category, out);
}

/* ---- events ---- */

/* What an event's object looks like; the amounts of the version it shows may be altered by a fault.
 */
static void event_object_write(struct sandbox *sandbox, const struct sb_event *event, int64_t more,
                               struct buf *out) {
    if (event->type <= SB_EV_STRIPE_INTENT_CANCELED) {
        const struct sb_intent *intent = event->object;
        struct sb_intent_now now = *(const struct sb_intent_now *)event->now;
        now.amount += more;
        now.amount_received += now.amount_received > 0 ? more : 0;
        sb_intent_write(sandbox, intent, &now, 0, out);
    } else if (event->type <= SB_EV_STRIPE_CHARGE_REFUNDED) {
        struct sb_charge charge = *(const struct sb_charge *)event->object;
        struct sb_charge_now now = *(const struct sb_charge_now *)event->now;
        charge.amount += more;
        now.amount_captured += now.captured ? more : 0;
        sb_charge_write(sandbox, &charge, &now, 0, out);
    } else if (event->type <= SB_EV_STRIPE_REFUND_FAILED) {
        struct sb_refund refund = *(const struct sb_refund *)event->object;
        refund.amount += more;
        sb_refund_write(sandbox, &refund, event->now, 0, out);
    } else {
        struct sb_dispute dispute = *(const struct sb_dispute *)event->object;
        dispute.amount += more;
        sb_dispute_write(sandbox, &dispute, event->now, out);
    }
}

/* What charge.refunded says the sum was before: that of the refunds but for the latest. */
static void previous_write(const struct sb_event *event, struct buf *out) {
    if (event->type != SB_EV_STRIPE_CHARGE_REFUNDED) {
        return;
    }
    const struct sb_charge_now *now = event->now;
    key_int(out, ",\"previous_attributes\":{\"amount_refunded\":", now->refunded_before);
    buf_add_char(out, '}');
}

static struct sb_shard *shard_of_event(struct sandbox *sandbox, const struct sb_event *event) {
    enum sb_shape shape = event->type <= SB_EV_STRIPE_INTENT_CANCELED   ? SB_SHAPE_INTENT
                          : event->type <= SB_EV_STRIPE_CHARGE_REFUNDED ? SB_SHAPE_CHARGE
                          : event->type <= SB_EV_STRIPE_REFUND_FAILED   ? SB_SHAPE_REFUND
                                                                        : SB_SHAPE_DISPUTE;
    return sb_shape_shard(sandbox->places[SB_STRIPE], shape, event->object);
}

void sb_stripe_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out) {
    struct sb_shard *shard = shard_of_event(sandbox, event);
    lock_take(&shard->lock);
    key_id(out, "{\"id\":", sandbox, SB_STRIPE_EVENT, event->number);
    key_int(out, ",\"object\":\"event\",\"api_version\":\"" SB_STRIPE_VERSION "\",\"created\":",
            event->created_us / US_PER_SECOND);
    buf_add_text(out, ",\"data\":{\"object\":");
    event_object_write(sandbox, event, amount_minor, out);
    previous_write(event, out);
    buf_add_text(out, "},\"livemode\":false,\"pending_webhooks\":1,\"request\":{\"id\":null");
    key_text(out, ",\"idempotency_key\":", event->key != NULL ? event->key->text : NULL);
    key_text(out, "},\"type\":", sb_event_name((enum sb_event_type)event->type));
    buf_add_char(out, '}');
    lock_give(&shard->lock);
}
