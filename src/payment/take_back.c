/* SPDX-License-Identifier: Apache-2.0
 * take_back.c: a payment that counts as paid, and of which its gateway itself says that it never
 * charged it (repair.h, docs/decisions/0025). A person asks for it; what the gateway says decides.
 *
 * 1. Only what nothing was done with since is taken back: all of the payment's money came by this
 *    one charge, none of it was refunded, is being refunded or is disputed.
 * 2. One posting undoes the charge and another one the fee that came with it. Each is named after
 *    the posting that it undoes (pst_charge_…, pst_capture_…, pst_suspense_…; pst_fee_…), so that
 *    it happens once.
 * 3. The attempt counts as not charged, the payment as failed, and its order may be paid anew. What
 *    its gateway tells of it later is late money in a case of its own (late.c). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/cases.h"
#include "payment/repair_impl.h"

/* ---- what the gateway says ---- */

static int judge(const struct repair_about *about, const struct gateway *gateway,
                 const struct gateway_result *result, struct repair_answer *answer) {
    const char *name = about->attempt.gateway, *said = gateway_outcome_name(result->outcome);
    int64_t age = clock_wall_us() - about->attempt.created_us;
    int64_t conclusive = gateway->adapter->can.not_found_conclusive_us;
    switch (result->outcome) {
    case GW_DECLINED:
    case GW_CANCELED:
        break;
    case GW_NOT_FOUND:
        if (conclusive > 0 && age >= REPEAT_WINDOW_US + conclusive) {
            break;
        }
        return repair_says(answer, REPAIR_WAIT,
                           "%s does not know %s, and of one so young that is no last word", name,
                           about->attempt_id);
    case GW_CHARGED:
    case GW_AUTHORIZED:
    case GW_REFUNDED:
        return repair_says(answer, REPAIR_REFUSED, "%s itself says %s of %s: the money is there",
                           name, said, about->attempt_id);
    case GW_PENDING:
    case GW_ACTION_NEEDED:
    case GW_APPROVED:
        return repair_says(answer, REPAIR_WAIT,
                           "%s says %s of %s: it may be charged in a moment", name, said,
                           about->attempt_id);
    default:
        return repair_says(answer, REPAIR_WAIT, "%s has not said what became of %s (%s)", name,
                           about->attempt_id, result->code[0] != '\0' ? result->code : said);
    }
    return repair_says(answer, REPAIR_CONFIRMED, "%s itself says %s: nothing was charged", name,
                       said);
}

int repair_charge_doubt(struct payments *payments, const char *attempt_id,
                        struct repair_answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct repair_about about = {.arena = arena, .attempt_id = attempt_id};
    struct gateway_result result;
    bool open = false;
    *ret_answer = (struct repair_answer){0};
    int r = store_read(payments->options.store, repair_about_tx, &about, err);
    if (r < 0) {
        return r;
    }
    const struct gateway *gateway = gateway_find(payments->options.registry, about.attempt.gateway);
    if (gateway == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s is not configured any more",
                       about.attempt.gateway);
    }
    if (gateway->adapter->can.offline) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s cannot be asked: its own rows tell",
                           about.attempt.gateway);
    }
    r = resolve_attempt(payments, attempt_id, "check", &open, &result, err);
    return r < 0 ? r : judge(&about, gateway, &result, ret_answer);
}

/* ---- what came by it ---- */

struct charge { /* the one that all of the payment's money came by */
    char movement_id[POSTING_ID_CHARS_MAX]; /* what it is known by there */
    char fee_id[POSTING_ID_CHARS_MAX];
    char attempt_id[ID_TEXT_MAX]; /* "": of none, or of a capture of ours */
    int64_t amount_minor, fee_minor;
    int count;
};

/* An attempt's own charge, or its late money that was accepted; what was taken back before counts
 * no more. */
static int find_charge(struct store_tx *tx, const char *payment_id, struct charge *ret_charge,
                       struct err *err) {
    *ret_charge = (struct charge){0};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT m.id, m.amount_minor, COALESCE(a.id, ''), f.id, COALESCE(f.amount_minor, 0) FROM "
        "(SELECT CASE WHEN p.kind = 12 THEN 'pst_suspense_' || c.subject ELSE p.id END AS id, CASE "
        "WHEN p.kind = 12 THEN c.subject ELSE p.journal_id END AS cause, COALESCE(c.attempt_id, "
        "p.journal_id) AS attempt_id, p.amount_minor FROM posting p LEFT JOIN review_case c ON "
        "c.id = p.journal_id WHERE p.payment_id = $1 AND p.kind IN (1, 2, 12, 25)) m LEFT JOIN "
        "attempt a ON a.id = m.attempt_id LEFT JOIN posting f ON f.id = 'pst_fee_' || m.cause "
        "WHERE NOT EXISTS (SELECT 1 FROM posting t WHERE t.id = 'pst_taken_back_' || m.id)",
        S_TEXT(payment_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *fee = sql_text(rows, 3);
        snprintf(ret_charge->movement_id, sizeof ret_charge->movement_id, "%s", sql_text(rows, 0));
        snprintf(ret_charge->attempt_id, sizeof ret_charge->attempt_id, "%s", sql_text(rows, 2));
        snprintf(ret_charge->fee_id, sizeof ret_charge->fee_id, "%s", fee != NULL ? fee : "");
        ret_charge->amount_minor = sql_int(rows, 1);
        ret_charge->fee_minor = sql_int(rows, 4);
        ret_charge->count++;
    }
    return r < 0 ? r : 0;
}
static_assert(POST_CHARGE == 1 && POST_CAPTURE == 2 && POST_SUSPENSE_ACCEPTED == 12 &&
                  POST_MANUAL == 25,
              "the kinds above");

/* ---- taking it back ---- */

static int used_since(const struct payment_row *payment, struct err *err) {
    err_set(err, ERR_STATE, "of payment %s money was refunded, is being refunded or is disputed",
            payment->id.text);
    return err_hint(err, "What its gateway holds and gave back is for a person: look at the "
                         "payment and at its breaks.");
}

static int not_by_this(const struct payment_row *payment, const char *attempt_id,
                       struct err *err) {
    err_set(err, ERR_STATE, "the money of payment %s did not come by %s alone", payment->id.text,
            attempt_id);
    return err_hint(err, "Send what came back with `holdfast payment refund %s`.",
                    payment->id.text);
}

static int post(struct store_tx *tx, const struct attempt_row *attempt, enum posting_kind kind,
                const char *cause, int64_t amount_minor, struct err *err) {
    struct posting posting = {
        .kind = kind,
        .cause = cause,
        .payment_id = attempt->payment_id.text,
        .gateway = attempt->gateway,
        .customer = "",
        .amount_minor = amount_minor,
        .currency = attempt->currency,
        .at_us = clock_wall_us(),
    };
    int r = payment_is_probe(tx, posting.payment_id, &posting.probe, err);
    return r < 0 ? r : ledger_post(tx, &posting, err);
}

/* Under the payment's lock. */
static int undo(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                struct attempt_row *attempt, const struct charge *charge, struct err *err) {
    int r = post(tx, attempt, POST_TAKEN_BACK, charge->movement_id, charge->amount_minor, err);
    r = r < 0 || charge->fee_minor == 0
            ? r
            : post(tx, attempt, POST_FEE_TAKEN_BACK, charge->fee_id, charge->fee_minor, err);
    if (r < 0) {
        return r;
    }
    attempt->state = ATTEMPT_NOT_CHARGED;
    attempt->source = "person";
    attempt->settled_us = clock_wall_us();
    attempt->callback_due_us = 0;
    r = attempt_row_save(tx, attempt, err);
    if (r < 0) {
        return r;
    }
    payment->captured_minor -= charge->amount_minor;
    payment->authorized_minor = 0;
    payment->failure_code = "processing_error";
    payment->failure_message = "The gateway says that it never charged it.";
    return payment_move(payments, tx, payment, EVENT_TAKE_BACK, err);
}

int repair_charge_take_back(struct payments *payments, struct store_tx *tx, struct arena *arena,
                            const char *attempt_id, char ret_movement_id[REPAIR_MOVEMENT_CHARS],
                            struct err *err) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct charge charge;
    int r = attempt_row_load(tx, arena, attempt_id, &attempt, err);
    r = r < 0 ? r : payment_row_load(tx, arena, attempt.payment_id.text, true, &payment, err);
    r = r < 0 ? r : attempt_row_load(tx, arena, attempt_id, &attempt, err);
    r = r < 0 ? r : find_charge(tx, payment.id.text, &charge, err);
    if (r < 0) {
        return r;
    }
    if (attempt.state != ATTEMPT_CHARGED || payment.state != PAYMENT_SUCCEEDED) {
        return err_set(err, ERR_STATE,
                       "payment %s is %s and %s is %s: there is nothing to take back",
                       payment.id.text, payment_state_name(payment.state), attempt_id,
                       attempt_state_name(attempt.state));
    }
    if (payment.refund_reserved_minor != 0 || payment.refunded_minor != 0 ||
        payment.disputed_minor != 0) {
        return used_since(&payment, err);
    }
    if (charge.count != 1 || strcmp(charge.attempt_id, attempt_id) != 0 ||
        charge.amount_minor != payment.captured_minor) {
        return not_by_this(&payment, attempt_id, err);
    }
    snprintf(ret_movement_id, REPAIR_MOVEMENT_CHARS, "%s", charge.movement_id);
    return undo(payments, tx, &payment, &attempt, &charge, err);
}
static_assert(REPAIR_MOVEMENT_CHARS == (int)POSTING_ID_CHARS_MAX, "a movement is a posting");
