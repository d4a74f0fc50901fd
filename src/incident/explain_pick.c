/* SPDX-License-Identifier: Apache-2.0
 * explain_pick.c: which situation fits the evidence: the first row of the table whose condition
 * holds. Each state of a payment has a row of its own behind those that need more, so that there is
 * always one. */
#include <string.h>

#include "incident/explain.h"

static const struct explain_words words[] = {
#define X(NAME, name, may_pay, condition, english, chinese, script, script_zh)                     \
    {name, may_pay, {english, chinese}, {script, script_zh}},
#include "incident/explain_situations.def"
#undef X
};
static_assert(COUNT_OF(words) == EXPLAIN_SITUATIONS, "every situation has its words");

/* A new state of a payment has no row until somebody writes one. */
static_assert(PAYMENT_STATE_COUNT == 8, "seven states, and 0");

const struct explain_words *explain_words(enum explain_situation situation) {
    return &words[situation];
}

enum explain_situation explain_pick(const struct explain_evidence *e) {
#define X(NAME, name, may_pay, condition, english, chinese, script, script_zh)                     \
    if (condition) {                                                                               \
        return EXPLAIN_##NAME;                                                                     \
    }
#include "incident/explain_situations.def"
#undef X
    return EXPLAIN_UNKNOWN; /* a number that the store should not have: nobody knows */
}

void explain_fill(const char *text, const char *const *pairs, struct buf *buf) {
    while (*text != '\0') {
        size_t plain = strcspn(text, "{"), name = 0;
        const char *value = NULL;
        buf_add(buf, text, plain);
        text += plain;
        name = strcspn(text, "}");
        for (int i = 0; *text == '{' && pairs[i] != NULL; i += 2) {
            if (strlen(pairs[i]) == name - 1 && strncmp(text + 1, pairs[i], name - 1) == 0) {
                value = pairs[i + 1];
            }
        }
        if (value != NULL) {
            buf_add_text(buf, value);
            text += name + 1;
        } else if (*text != '\0') {
            buf_add_char(buf, *text++);
        }
    }
}
