/* SPDX-License-Identifier: Apache-2.0
 * machine.c: reads the .def tables of this folder. */
#include "billing/machine.h"

#include <string.h>

static const struct {
    const char *name;
    bool renews, final;
} states[SUBSCRIPTION_STATE_COUNT] = {
#define X(name, number, text, renews, final, meaning) [number] = {text, renews, final},
#include "billing/subscription_states.def"
#undef X
};

static const char *const invoice_names[INVOICE_STATE_COUNT] = {
#define X(name, number, text, final, meaning) [number] = text,
#include "billing/invoice_states.def"
#undef X
};

static const char *const event_names[] = {
    "?",     "trial_over", "paid",         "declined",     "give_up",      "reopen",
    "pause", "resume",     "resume_start", "resume_trial", "resume_owing", "cancel"};
static_assert(COUNT_OF(event_names) == SUB_EVENT_COUNT, "every event has a name");

static const struct {
    enum subscription_state from;
    enum subscription_event event;
    struct subscription_move move;
} moves[] = {
#define X(from, event, to, tells) {SUBSCRIPTION_##from, SUB_##event, {SUBSCRIPTION_##to, tells}},
#include "billing/subscription_moves.def"
#undef X
};

static const struct {
    const char *code;
    enum advice advice;
} dunning[] = {
#define X(code, advice) {code, DUNNING_##advice},
#include "billing/dunning.def"
#undef X
};

const char *subscription_state_name(int64_t state) {
    return state > 0 && state < SUBSCRIPTION_STATE_COUNT ? states[state].name : "?";
}

const char *subscription_event_name(enum subscription_event event) {
    return event > 0 && event < SUB_EVENT_COUNT ? event_names[event] : event_names[0];
}

const char *invoice_state_name(int64_t state) {
    return state > 0 && state < INVOICE_STATE_COUNT ? invoice_names[state] : "?";
}

const char *advice_name(int64_t advice) {
    static const char *const names[] = {"", "try_again_later", "ask_customer",
                                        "ask_for_other_method", "try_again_soon"};
    return advice > 0 && (size_t)advice < COUNT_OF(names) ? names[advice] : "";
}

bool subscription_state_renews(enum subscription_state state) {
    return states[state].renews;
}

bool subscription_state_final(enum subscription_state state) {
    return states[state].final;
}

const struct subscription_move *subscription_move_find(enum subscription_state from,
                                                       enum subscription_event event) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from == from && moves[i].event == event) {
            return &moves[i].move;
        }
    }
    return NULL;
}

enum advice dunning_advice(const char *common_code, bool *ret_known) {
    for (size_t i = 0; i < COUNT_OF(dunning); i++) {
        if (strcmp(dunning[i].code, common_code) == 0) {
            if (ret_known != NULL) {
                *ret_known = true;
            }
            return dunning[i].advice;
        }
    }
    if (ret_known != NULL) {
        *ret_known = false;
    }
    return DUNNING_CUSTOMER;
}
