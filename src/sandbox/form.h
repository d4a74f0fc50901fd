/* SPDX-License-Identifier: Apache-2.0
 * form.h: reads application/x-www-form-urlencoded with nested brackets, as Stripe takes it.
 *
 * Names are kept in one spelling, "metadata[order_id]", whether their brackets came raw or encoded;
 * '+' and "%20" are blanks. Owns: one block of memory, until sb_form_release(). Threads: one at a
 * time. Errors: ERR_BAD_REQUEST (a bad escape, a NUL, no name), ERR_TOO_LARGE (more than
 * SB_FORM_MAX). */
#ifndef HOLDFAST_SANDBOX_FORM_H
#define HOLDFAST_SANDBOX_FORM_H

#include "base/compiler.h"
#include "base/err.h"

enum { SB_FORM_MAX = 160 };

struct sb_param {
    const char *name, *value;
};

struct sb_form {
    struct sb_param params[SB_FORM_MAX];
    int count;
    char *memory;
};

/* What stands in the query and in the body together. */
MUST_USE int sb_form_read(struct sb_form *form, const char *query, const char *body,
                          size_t body_bytes, struct err *err);
void sb_form_release(struct sb_form *form); /* may be called twice */
/* The last value of that name, or NULL. */
const char *sb_form_get(const struct sb_form *form, const char *name);
/* Length of the part before the first bracket. */
size_t sb_form_stem(const char *name);

#endif
