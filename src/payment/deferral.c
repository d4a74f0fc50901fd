/* SPDX-License-Identifier: Apache-2.0
 * deferral.c: orders that are held for their customer: the link, the reminders, the end (later.h).
 *
 *   CREATED ──DEFER──► REQUIRES_ACTION (pay_later) ──EXPIRE──► CANCELED
 *                        │ ▲
 *                 choose ▼ │ DEFER: declined, unreachable, closed, not paid in time
 *                     PROCESSING … SUCCEEDED
 *
 * One job a held order looks at it when a reminder or its end is due. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/plant.h"
#include "payment/internal.h"
#include "payment/later.h"

#define EXPIRE_AGAIN_US (60 * US_PER_SECOND)

/* ---- the link ---- */

bool deferral_configured(const struct payments *payments) {
    return payments->options.deferral.public_url != NULL;
}

/* Letters only: what looks like a card number is refused in an address. */
static void token_of(const struct payments *payments, const char *payment_id,
                     char ret_token[PAY_TOKEN_CHARS + 1]) {
    char text[ID_TEXT_MAX + 16], hex[65];
    unsigned char bytes[32];
    int length = snprintf(text, sizeof text, "pay-later %s", payment_id);
    seal_digest(payments->options.seal, text, (size_t)length, hex);
    INVARIANT(crypto_unhex(hex, bytes, sizeof bytes), "a digest is hexadecimal");
    for (int i = 0; i < PAY_TOKEN_CHARS; i++) {
        ret_token[i] = (char)('a' + (i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15));
    }
    ret_token[PAY_TOKEN_CHARS] = '\0';
}

void pay_later_url(const struct payments *payments, const char *payment_id,
                   char ret_url[PAY_URL_CHARS_MAX + 1]) {
    ret_url[0] = '\0';
    if (deferral_configured(payments)) {
        char token[PAY_TOKEN_CHARS + 1];
        token_of(payments, payment_id, token);
        snprintf(ret_url, PAY_URL_CHARS_MAX + 1, "%s/pay/%s", payments->options.deferral.public_url,
                 token);
    }
}

void pay_later_add_url(const struct payments *payments, struct buf *json) {
    static const char head[] = "{\"id\":\"", waits[] = "\"action\":{\"type\":\"pay_later\"";
    char url[PAY_URL_CHARS_MAX + 1], id[ID_TEXT_MAX];
    bool rendered = strncmp(json->data, head, sizeof head - 1) == 0 &&
                    json->data[json->len - 1] == '}';
    if (!rendered || strstr(json->data, waits) == NULL) {
        return;
    }
    const char *start = json->data + sizeof head - 1;
    snprintf(id, sizeof id, "%.*s", (int)strcspn(start, "\""), start);
    pay_later_url(payments, id, url);
    if (url[0] == '\0') {
        return;
    }
    json->data[--json->len] = '\0';
    buf_add_text(json, ",\"pay_later_url\":");
    buf_add_json(json, url);
    buf_add_char(json, '}');
}

/* ---- when ---- */

/* How many reminders are due by then. They are in the order in which they come. */
static int reminders_due(const struct payments *payments, int64_t until_us, int64_t now_us) {
    const struct deferral_options *options = &payments->options.deferral;
    int due = 0;
    while (due < options->reminder_count && until_us - options->reminders_us[due] <= now_us) {
        due++;
    }
    return due;
}

/* The next moment at which there is something to do, after `now_us`. */
static int64_t next_us(const struct payments *payments, int64_t until_us, int64_t now_us) {
    const struct deferral_options *options = &payments->options.deferral;
    int due = reminders_due(payments, until_us, now_us);
    return due < options->reminder_count ? until_us - options->reminders_us[due] : until_us;
}

/* ---- holding ---- */

static void ask_to_pay(struct payment_row *payment) {
    payment->action = "pay_later";
    payment->action_data = "";
    payment->action_expires_us = payment->deferred_until_us;
}

int payment_defer(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  struct err *err) {
    char token[PAY_TOKEN_CHARS + 1], hash[SHA256_HEX_CHARS + 1];
    int64_t now = clock_wall_us();
    INVARIANT(deferral_configured(payments), "an order is held only where it has a link");
    payment->deferred_until_us = now + payments->options.deferral.hold_us;
    token_of(payments, payment->id.text, token);
    crypto_sha256_hex(token, PAY_TOKEN_CHARS, hash);
    if (PLANTED(LINK_LOGGED)) {
        log_event_after(tx, PAYMENT_EXPIRED, LT("payment", payment->id.text), LT("link", token));
    }
    int r = sql_put(tx, err,
                    "INSERT INTO deferral (payment_id, token_hash, reminded, created_us) VALUES "
                    "($1, $2, $3, $4)",
                    S_TEXT(payment->id.text), S_TEXT(hash),
                    S_INT(reminders_due(payments, payment->deferred_until_us, now)), S_INT(now));
    r = r < 0 ? r
              : job_put(tx, JOB_DEFERRAL, payment->id.text,
                        next_us(payments, payment->deferred_until_us, now), "", err);
    ask_to_pay(payment);
    return r < 0 ? r : payment_move(payments, tx, payment, EVENT_DEFER, err);
}

int deferral_ask_again(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                       struct err *err) {
    ask_to_pay(payment);
    return payment_move(payments, tx, payment, EVENT_DEFER, err);
}

bool payment_asks_for_method(const struct payment_row *payment) {
    return payment->state == PAYMENT_REQUIRES_ACTION &&
           (strcmp(payment->action, "choose_method") == 0 ||
            strcmp(payment->action, "pay_later") == 0);
}

/* ---- the job ---- */

struct due {
    struct payments *payments;
    struct arena *arena;
    const char *payment_id;
    struct payment_row payment;
    int64_t again_us; /* 0: there is nothing more to do */
    bool close;       /* it waits at a gateway: that ends first */
};

static int remind(struct due *due, struct store_tx *tx, int64_t now_us, struct err *err) {
    struct payments *payments = due->payments;
    struct payment_row *payment = &due->payment;
    int reached = reminders_due(payments, payment->deferred_until_us, now_us);
    int64_t told = sql_exec(tx, err,
                            "UPDATE deferral SET reminded = $2 WHERE payment_id = $1 AND "
                            "reminded < $2",
                            S_TEXT(payment->id.text), S_INT(reached));
    if (told <= 0 || payment->state != PAYMENT_REQUIRES_ACTION || payment_took_late(payment)) {
        return told < 0 ? (int)told : 0; /* who has paid, or may have, is not asked to */
    }
    int r = payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, payment);
    return outbox_event(payments, tx, payment, "payment.reminder", buf.data, err);
}

static int expire(struct due *due, struct store_tx *tx, struct err *err) {
    payment_failed_by(&due->payment, "expired", 0);
    int r = payment_move(due->payments, tx, &due->payment, EVENT_EXPIRE, err);
    log_event_after(tx, PAYMENT_EXPIRED, LT("payment", due->payment_id));
    return r;
}

static int due_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct due *due = ctx;
    struct payment_row *payment = &due->payment;
    due->again_us = 0;
    due->close = false;
    int r = payment_row_load(tx, due->arena, due->payment_id, true, payment, err);
    bool open = r >= 0 && payment->deferred_until_us > 0 &&
                (payment->state == PAYMENT_REQUIRES_ACTION || payment->state == PAYMENT_PROCESSING);
    if (r < 0 || !open) {
        return r;
    }
    int64_t now = clock_wall_us();
    if (now < payment->deferred_until_us) {
        due->again_us = next_us(due->payments, payment->deferred_until_us, now);
        return remind(due, tx, now, err);
    }
    if (payment_asks_for_method(payment)) {
        return expire(due, tx, err);
    }
    /* What he was given to pay with keeps its time; then it is closed, and we are back here. */
    due->again_us = payment->action_expires_us > now ? payment->action_expires_us
                                                     : now + EXPIRE_AGAIN_US;
    due->close = payment->state == PAYMENT_REQUIRES_ACTION && payment->action_expires_us <= now;
    return 0;
}

int deferral_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct due due = {.payments = payments, .arena = arena, .payment_id = job->key};
    int r = store_write(payments->options.store, due_tx, &due, err);
    if (r >= 0 && due.close) {
        r = attempt_expire(payments, job->key, false, err);
        if (r == -ERR_STATE || r == -ERR_NO_GATEWAY) {
            err_clear(err); /* it was paid at this very moment, or cannot be closed now */
            r = 0;
        } else if (r >= 0) {
            r = store_write(payments->options.store, due_tx, &due, err);
        }
    }
    if (r >= 0) {
        *ret_again_us = due.again_us;
        jobs_wake(payments);
    }
    return r;
}
