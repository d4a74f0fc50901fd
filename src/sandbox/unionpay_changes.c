/* SPDX-License-Identifier: Apache-2.0
 * unionpay_changes.c: what can be done to a trade of the simulated UnionPay that was paid. */
#include "base/clock.h"
#include "sandbox/unionpay.h"

static int64_t fee_of(int64_t amount_minor) {
    return amount_minor * 6 / 1000;
}

/* Beijing's day, which is the settlement day here. */
static bool same_day(int64_t a_us, int64_t b_us) {
    char a[UNIONPAY_TIME_MAX], b[UNIONPAY_TIME_MAX];
    unionpay_time(a_us, a);
    unionpay_time(b_us, b);
    return strncmp(a, b, 8) == 0;
}

const char *sb_up_why_not(const struct sb_up_trade *of, int operation, int64_t amount_minor) {
    /* By operation: of what it is; whether it needs the whole amount. */
    static const struct {
        int operation, of, or_of;
        bool whole;
    } rules[] = {
        {3, 2, 2, false}, {4, 1, 3, false}, {31, 1, 1, true}, {32, 2, 2, true}, {33, 3, 3, true},
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (rules[i].operation != operation) {
            continue;
        }
        if (of->now->state != SB_UP_DONE || of->finished ||
            (of->operation != rules[i].of && of->operation != rules[i].or_of)) {
            return "35";
        }
        if (rules[i].whole && amount_minor != of->amount_minor) {
            return "36";
        }
        if (rules[i].whole && of->given_back_minor > 0) {
            return "35";
        }
        if (operation == 31 && !same_day(of->now->ended_us, clock_wall_us())) {
            return "35";
        }
        return amount_minor > of->amount_minor - of->given_back_minor ? "33" : NULL;
    }
    return "32";
}

void sb_up_do(struct sandbox *sandbox, struct sb_up_trade *trade) {
    struct sb_book *book = &sandbox->book;
    struct sb_up_trade *of = trade->of;
    struct sb_entry *entry = of != NULL ? of->entry : trade->entry;
    trade->entry = entry;
    switch (trade->operation) {
    case 1:
        (void)sb_book_take(book, entry, trade->amount_minor, fee_of(trade->amount_minor), trade);
        break;
    case 2:
        sb_book_hold(book, entry, trade->amount_minor);
        break;
    case 3:
        of->finished = true;
        sb_book_release_hold(book, entry);
        (void)sb_book_take(book, entry, trade->amount_minor, fee_of(trade->amount_minor), trade);
        break;
    case 4:
        sb_book_refund(book, entry, trade->amount_minor, trade);
        break;
    case 32:
        of->finished = true;
        sb_book_release_hold(book, entry);
        break;
    default: /* 31, 33 */
        of->finished = true;
        sb_book_refund(book, entry, trade->amount_minor, trade);
        break;
    }
}

enum sb_event_type sb_up_event_of(int operation) {
    switch (operation) {
    case 1:
        return SB_EV_UNIONPAY_CONSUME;
    case 2:
        return SB_EV_UNIONPAY_PREAUTH;
    case 3:
        return SB_EV_UNIONPAY_COMPLETE;
    case 4:
        return SB_EV_UNIONPAY_REFUND;
    default:
        return SB_EV_UNIONPAY_UNDO;
    }
}

void sb_up_end(struct sandbox *sandbox, struct sb_up_trade *trade, enum sb_up_state state,
               const char *code) {
    struct sb_shard *shard = sb_place_shard(sandbox->places[SB_UNIONPAY], trade->root->number);
    struct sb_up_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
    now->state = (uint8_t)state;
    now->ended_us = clock_wall_us();
    snprintf(now->code, sizeof(now->code), "%s", code);
    trade->now = now;
    if (state == SB_UP_DONE) {
        sb_up_do(sandbox, trade);
    } else if (trade->operation == 4) {
        trade->of->given_back_minor -= trade->amount_minor;
    }
    /* Of what a customer does on a page only success is told. */
    if (state == SB_UP_DONE || (state == SB_UP_FAILED && trade->of != NULL)) {
        sb_tell_url(sandbox, SB_UNIONPAY, sb_up_event_of(trade->operation), trade, now,
                    trade->back_url);
    }
}
