/* SPDX-License-Identifier: Apache-2.0
 * machine.c: the tables of machine.h and the look-ups in them. Nothing here has an effect. */
#include "payment/machine.h"

static const char *const payment_names[] = {
    [PAYMENT_NONE] = "?",
#define X(name, number, text, holds_order, final, meaning) [number] = text,
#include "payment/payment_states.def"
#undef X
};
static_assert(COUNT_OF(payment_names) == PAYMENT_STATE_COUNT, "every payment state has a name");

static const bool payment_holds[] = {
    [PAYMENT_NONE] = false,
#define X(name, number, text, holds_order, final, meaning) [number] = (holds_order),
#include "payment/payment_states.def"
#undef X
};

static const bool payment_finals[] = {
    [PAYMENT_NONE] = false,
#define X(name, number, text, holds_order, final, meaning) [number] = (final),
#include "payment/payment_states.def"
#undef X
};

static const char *const attempt_names[] = {
    [ATTEMPT_NONE] = "?",
#define X(name, number, text, live, meaning) [number] = text,
#include "payment/attempt_states.def"
#undef X
};
static_assert(COUNT_OF(attempt_names) == ATTEMPT_STATE_COUNT, "every attempt state has a name");

static const bool attempt_lives[] = {
    [ATTEMPT_NONE] = false,
#define X(name, number, text, live, meaning) [number] = (live),
#include "payment/attempt_states.def"
#undef X
};

static const char *const operation_names[] = {
    [OPERATION_NONE] = "?",
#define X(name, number, text, open, meaning) [number] = text,
#include "payment/operation_states.def"
#undef X
};
static_assert(COUNT_OF(operation_names) == OPERATION_STATE_COUNT,
              "every operation state has a name");

static const bool operation_opens[] = {
    [OPERATION_NONE] = false,
#define X(name, number, text, open, meaning) [number] = (open),
#include "payment/operation_states.def"
#undef X
};

static const struct {
    enum payment_state from;
    enum payment_event event;
    struct payment_move move;
} payment_moves[] = {
#define X(from, event, to, tells) {PAYMENT_##from, EVENT_##event, {PAYMENT_##to, tells}},
#include "payment/payment_moves.def"
#undef X
};

static const struct {
    enum attempt_state from;
    enum gateway_outcome outcome;
    enum attempt_state to;
} attempt_moves[] = {
#define X(from, outcome, to) {ATTEMPT_##from, GW_##outcome, ATTEMPT_##to},
#include "payment/attempt_moves.def"
#undef X
};

static const char *name_of(const char *const *names, int64_t count, int64_t number) {
    return number > 0 && number < count ? names[number] : "?";
}

const char *payment_state_name(int64_t state) {
    return name_of(payment_names, PAYMENT_STATE_COUNT, state);
}

const char *attempt_state_name(int64_t state) {
    return name_of(attempt_names, ATTEMPT_STATE_COUNT, state);
}

const char *operation_state_name(int64_t state) {
    return name_of(operation_names, OPERATION_STATE_COUNT, state);
}

const char *operation_kind_name(int64_t kind) {
    static const char *const names[] = {"?", "capture", "cancel", "refund", "return"};
    return name_of(names, (int64_t)COUNT_OF(names), kind);
}

const char *payment_event_name(enum payment_event event) {
    static const char *const names[] = {
        "?",    "send",   "wait",   "ask_customer", "no_candidate", "authorize", "charge",
        "fail", "cancel", "accept", "defer",        "expire",       "queue",     "receive",
        "take_back"};
    return name_of(names, (int64_t)COUNT_OF(names), event);
}

bool payment_state_holds_order(enum payment_state state) {
    INVARIANT(state >= 0 && state < PAYMENT_STATE_COUNT, "a payment state out of its table");
    return payment_holds[state];
}

bool payment_state_final(enum payment_state state) {
    INVARIANT(state >= 0 && state < PAYMENT_STATE_COUNT, "a payment state out of its table");
    return payment_finals[state];
}

bool attempt_state_live(enum attempt_state state) {
    INVARIANT(state >= 0 && state < ATTEMPT_STATE_COUNT, "an attempt state out of its table");
    return attempt_lives[state];
}

bool operation_state_open(enum operation_state state) {
    INVARIANT(state >= 0 && state < OPERATION_STATE_COUNT, "an operation state out of its table");
    return operation_opens[state];
}

const struct payment_move *payment_move_find(enum payment_state from, enum payment_event event) {
    for (size_t i = 0; i < COUNT_OF(payment_moves); i++) {
        if (payment_moves[i].from == from && payment_moves[i].event == event) {
            return &payment_moves[i].move;
        }
    }
    return NULL;
}

enum attempt_state attempt_move_find(enum attempt_state from, enum gateway_outcome outcome) {
    for (size_t i = 0; i < COUNT_OF(attempt_moves); i++) {
        if (attempt_moves[i].from == from && attempt_moves[i].outcome == outcome) {
            return attempt_moves[i].to;
        }
    }
    return ATTEMPT_NONE;
}
