/* SPDX-License-Identifier: Apache-2.0
 * bank_payers.c: customers who pay by bank transfer, and what they get wrong. What one does is
 * drawn from the seed, the customer and the purchase alone. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/bank_impl.h"
#include "sim/shop.h"

enum {
    PAYERS_MAX = 3,
    PURCHASES_MAX = 3,
    TRANSFERS_MAX = 3,
    LOOKS_MAX = 12,
    REFUND_PERCENT = 45,
    FIRST_NUMBER = RUN_CUSTOMERS_MAX + 100,
};

/* How a transfer says what it is for. */
enum naming {
    BY_VIRTUAL,        /* it came to the payment's own account */
    BY_VIRTUAL_BESIDE, /* and the bank tells that beside the account's number */
    BY_REFERENCE,
    BY_BOTH,
    NAMINGS,
    BY_MISTAKE = NAMINGS, /* a reference that is none */
};

struct transfer {
    int64_t amount, after_us;
    bool other_currency, late; /* when the payment is over */
    bool reversed;
    enum naming naming;
};

struct plan {
    struct transfer transfers[TRANSFERS_MAX];
    int count;
    enum { NOTHING_ELSE, GIVES_UP, ANOTHER_WAY } before;
};

/* What the customer was told to pay by. */
struct told {
    char reference[48], account[40], currency[4];
};

/* ---- what he is going to do ---- */

enum way {
    WHOLE,
    IN_PARTS,
    LESS_FEES,
    TOO_LITTLE,
    TOO_MUCH,
    TWICE,
    WRONG_CURRENCY,
    MISTYPED,
    NEVER,
    TOO_LATE,
    AFTER_ITS_END,
    AFTER_ANOTHER_WAY,
    REVERSED,
    PART_REVERSED,
    WAYS
};
/* Of a hundred. */
static const int weights[WAYS] = {26, 12, 6, 6, 8, 5, 6, 6, 3, 4, 5, 4, 5, 4};

static enum way draw_way(struct prng *prng) {
    int left = (int)prng_below(prng, 100);
    int way = 0;
    while (left >= weights[way]) {
        left -= weights[way++];
    }
    return (enum way)way;
}

static struct transfer *add(struct plan *plan, struct prng *prng, int64_t amount) {
    struct transfer *transfer = &plan->transfers[plan->count++];
    *transfer = (struct transfer){
        .amount = amount,
        .after_us = (int64_t)prng_below(prng, 20 * US_PER_SECOND),
        .naming = (enum naming)prng_below(prng, NAMINGS),
    };
    return transfer;
}

static void plan_parts(struct plan *plan, struct prng *prng, int64_t amount) {
    int64_t first = 1 + (int64_t)prng_below(prng, (uint64_t)amount - 1);
    add(plan, prng, first);
    if (amount - first > 1 && prng_below(prng, 2) == 0) {
        int64_t second = 1 + (int64_t)prng_below(prng, (uint64_t)(amount - first - 1));
        add(plan, prng, second);
        first += second;
    }
    add(plan, prng, amount - first);
}

static void plan_it(struct plan *plan, struct prng *prng, int64_t amount) {
    enum way way = draw_way(prng);
    int64_t some = 1 + (int64_t)prng_below(prng, (uint64_t)amount);
    switch (way) {
    case WHOLE:
    case MISTYPED:
    case TOO_LATE:
    case REVERSED:
        add(plan, prng, amount);
        break;
    case IN_PARTS:
    case PART_REVERSED:
        plan_parts(plan, prng, amount);
        break;
    case LESS_FEES:
        add(plan, prng, amount - 1 - some % BANK_SHORT_MAX);
        break;
    case TOO_LITTLE:
        add(plan, prng, (amount + some) / 3);
        break;
    case TOO_MUCH:
        add(plan, prng, amount + some);
        break;
    case TWICE:
        add(plan, prng, amount);
        add(plan, prng, amount);
        break;
    case WRONG_CURRENCY:
        add(plan, prng, amount)->other_currency = true;
        if (prng_below(prng, 2) == 0) {
            add(plan, prng, amount);
        }
        break;
    case AFTER_ITS_END:
    case AFTER_ANOTHER_WAY:
        plan->before = way == AFTER_ITS_END ? GIVES_UP : ANOTHER_WAY;
        if (prng_below(prng, 3) > 0) {
            add(plan, prng, amount);
        }
        break;
    case NEVER:
    case WAYS:
        break;
    }
    if (way == MISTYPED) {
        plan->transfers[0].naming = BY_MISTAKE;
    } else if (way == TOO_LATE) {
        plan->transfers[0].late = true;
    } else if (way == REVERSED || way == PART_REVERSED) {
        plan->transfers[0].reversed = true;
    }
}

/* ---- what he writes ---- */

/* As people and their banks write a reference; each of these is found all the same. */
static void write_reference(const char *reference, struct prng *prng, char *text, size_t bytes) {
    char as_is[48];
    snprintf(as_is, sizeof as_is, "%s", reference);
    switch (prng_below(prng, 5)) {
    case 0:
        snprintf(text, bytes, "%s", as_is);
        return;
    case 1:
        for (char *c = as_is; *c != '\0'; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        snprintf(text, bytes, "Invoice, ref. %s", as_is);
        return;
    case 2:
        for (char *c = as_is; *c != '\0'; c++) {
            *c = *c == ' ' ? '-' : *c;
        }
        snprintf(text, bytes, "%s thank you", as_is);
        return;
    case 3:
        snprintf(text, bytes, "no. %s", as_is + 2);
        return;
    default:
        for (char *c = as_is + 2; *c != '\0'; c++) {
            *c = *c == '0' ? 'O' : *c == '5' ? 'S' : *c;
        }
        snprintf(text, bytes, "EREF+%s", as_is);
        return;
    }
}

/* Two of its characters change places, or one is another: its check digits are wrong then. */
static void mistype(const char *reference, struct prng *prng, char *text, size_t bytes) {
    snprintf(text, bytes, "%s", reference);
    char *at = text + 5 + prng_below(prng, 4);
    *at = *at == '7' ? '3' : '7';
}

/* A text that says which payment it is for, or tries to. */
static void name_it(const struct transfer *transfer, const struct told *told, struct prng *prng,
                    struct bank_line *line) {
    bool virtual = transfer->naming == BY_VIRTUAL || transfer->naming == BY_VIRTUAL_BESIDE ||
                   transfer->naming == BY_BOTH;
    bool beside = transfer->naming == BY_VIRTUAL_BESIDE;
    line->meaning = transfer->naming == BY_MISTAKE ? BANK_STRAY : BANK_FOR_PAYMENT;
    snprintf(line->account, sizeof line->account, "%s",
             virtual && !beside ? told->account : BANK_ACCOUNT);
    snprintf(line->virtual_account, sizeof line->virtual_account, "%s",
             beside ? told->account : "");
    if (transfer->naming == BY_MISTAKE) {
        mistype(told->reference, prng, line->remittance, sizeof line->remittance);
    } else if (transfer->naming == BY_REFERENCE || transfer->naming == BY_BOTH) {
        write_reference(told->reference, prng, line->remittance, sizeof line->remittance);
    } else {
        snprintf(line->remittance, sizeof line->remittance, "%s",
                 prng_below(prng, 2) == 0 ? "" : "for the shoes");
    }
}

static void send_it(struct purchase *purchase, const struct transfer *transfer,
                    const struct told *told, struct prng *prng) {
    struct run *run = purchase->customer->run;
    struct bank_line *line = g_new0(struct bank_line, 1);
    bool other = transfer->other_currency;
    line->credit = true;
    line->amount = transfer->amount;
    line->currency = (strcmp(told->currency, "EUR") == 0) != other ? "EUR" : "USD";
    name_it(transfer, told, prng, line);
    snprintf(line->order, sizeof line->order, "%s", purchase->order);
    snprintf(line->payment, sizeof line->payment, "%s",
             line->meaning == BANK_STRAY ? "" : purchase->payment);
    snprintf(line->party, sizeof line->party, "Customer %d", purchase->customer->number);
    /* Personal accounts in China may have numbers that are cards'. */
    snprintf(line->party_account, sizeof line->party_account, "%s",
             prng_below(prng, 12) == 0 ? SIM_CARD_NUMBER : "DE89 3704 0044 0532 0130 00");
    if (transfer->late) {
        g_ptr_array_add(run->bank->later, line);
        return;
    }
    bank_book(run, line);
    if (transfer->reversed) {
        task_sleep_us((int64_t)prng_below(prng, 40 * US_PER_SECOND));
        bank_reverse(run, line);
    }
}

/* ---- buying ---- */

static bool read_told(const json_t *payment, struct told *ret_told) {
    const json_t *by = json_peek(payment, "action", "bank_transfer", NULL);
    const char *reference = json_peek_text(by, "reference", NULL);
    const char *account = json_peek_text(by, "account", NULL);
    const char *currency = json_peek_text(by, "currency", NULL);
    if (reference == NULL || account == NULL || currency == NULL) {
        return false;
    }
    snprintf(ret_told->reference, sizeof ret_told->reference, "%s", reference);
    snprintf(ret_told->account, sizeof ret_told->account, "%s", account);
    snprintf(ret_told->currency, sizeof ret_told->currency, "%s", currency);
    return true;
}

/* Looks until it is as he waits for it; false: he has had enough. */
static bool await(struct purchase *purchase, struct prng *prng, const char *state,
                  struct told *ret_told) {
    for (int i = 0; i < LOOKS_MAX; i++) {
        json_t *payment = shop_look(purchase);
        const char *now = json_peek_text(payment, "state", NULL);
        bool there = now != NULL && strcmp(now, state) == 0 &&
                     (ret_told == NULL || read_told(payment, ret_told));
        json_decref(payment);
        if (there) {
            return true;
        }
        task_sleep_us(US_PER_SECOND + (int64_t)prng_below(prng, 6 * US_PER_SECOND));
    }
    return false;
}

static void give_up(struct purchase *purchase, struct prng *prng, bool another_way) {
    char path[128], key[128], body[200];
    int status = 0;
    snprintf(path, sizeof path, "/v1/payments/%s/%s", purchase->payment,
             another_way ? "method" : "cancel");
    snprintf(key, sizeof key, "%s-end", purchase->order);
    snprintf(body, sizeof body,
             another_way ? "{\"method\":\"card\",\"tokens\":{\"stripe-eu\":\"pm_card_visa.%d\","
                           "\"paypal-eu\":\"vault_visa.%d\"}}"
                         : "{\"reason\":\"the customer went away\"}",
             purchase->customer->number, purchase->customer->number);
    json_decref(
        shop_ask(purchase, prng, another_way ? "choose" : "cancel", path, key, body, &status));
}

static void ask_back(struct purchase *purchase, struct prng *prng) {
    char path[128], key[128], body[BODY_CHARS];
    int count = 1 + (int)prng_below(prng, 2);
    snprintf(path, sizeof path, "/v1/payments/%s/refunds", purchase->payment);
    for (int i = 0; i < count; i++) {
        int64_t part = prng_below(prng, 3) == 0
                           ? purchase->amount
                           : 1 + (int64_t)prng_below(prng, (uint64_t)purchase->amount);
        snprintf(key, sizeof key, "%s-refund-%d", purchase->order, i);
        snprintf(body, sizeof body, "{\"amount\":%lld,\"reason\":\"requested_by_customer\"%s}",
                 (long long)part, prng_below(prng, 8) == 0 ? ",\"to_original_method\":false" : "");
        shop_beside(purchase, "refund", path, key, body);
    }
    shop_await_parts(purchase);
}

static void buy(struct purchase *purchase, struct prng *prng) {
    char key[128];
    int status = 0;
    struct told told;
    struct plan plan = {.count = 0};
    purchase->amount = 200 + (int64_t)prng_below(prng, 20000);
    plan_it(&plan, prng, purchase->amount);
    snprintf(purchase->order, sizeof purchase->order, "bank-%d-%d", purchase->customer->number,
             purchase->number);
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"%s\",\"method\":"
             "\"bank_transfer\",\"customer\":{\"id\":\"customer-%d\",\"region\":\"DE\",\"vip\":"
             "true}}",
             purchase->order, (long long)purchase->amount, prng_below(prng, 3) == 0 ? "USD" : "EUR",
             purchase->customer->number);
    snprintf(key, sizeof key, "%s-pay", purchase->order);
    json_t *answer = shop_ask(purchase, prng, "pay", "/v1/payments", key, purchase->body, &status);
    const char *id = json_peek_text(answer, "id", NULL);
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    json_decref(answer);
    if (purchase->payment[0] == '\0' || !await(purchase, prng, "requires_action", &told)) {
        return;
    }
    if (plan.before != NOTHING_ELSE) {
        task_sleep_us((int64_t)prng_below(prng, 10 * US_PER_SECOND));
        give_up(purchase, prng, plan.before == ANOTHER_WAY);
    }
    for (int i = 0; i < plan.count; i++) {
        task_sleep_us(plan.transfers[i].after_us);
        send_it(purchase, &plan.transfers[i], &told, prng);
    }
    if (plan.count > 0 && await(purchase, prng, "succeeded", NULL) &&
        prng_below(prng, 100) < REFUND_PERCENT) {
        ask_back(purchase, prng);
    }
}

static void payer_main(void *arg) {
    struct customer *customer = arg;
    struct run *run = customer->run;
    struct prng prng;
    run_prng(run, &prng, "payer", customer->number);
    int purchases = 1 + (int)prng_below(&prng, PURCHASES_MAX);
    for (int i = 0; i < purchases && !run_failed(run); i++) {
        task_sleep_us((int64_t)prng_below(&prng, 15 * US_PER_SECOND));
        struct purchase purchase = {.customer = customer, .number = i};
        run_prng(run, &purchase.prng, "transfers", customer->number * 1000 + i);
        buy(&purchase, &purchase.prng);
    }
    run->bank->payers--;
    run->shopping--;
    g_free(customer);
}

void bank_payers_open(struct run *run, struct prng *prng) {
    int count = 1 + (int)prng_below(prng, PAYERS_MAX);
    for (int i = 0; i < count; i++) {
        struct customer *customer = g_new0(struct customer, 1);
        *customer = (struct customer){run, FIRST_NUMBER + i};
        run->bank->payers++;
        run->shopping++;
        sim_process_run(run->shop_process, "payer", payer_main, customer);
    }
}
