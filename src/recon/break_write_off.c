/* SPDX-License-Identifier: Apache-2.0
 * break_write_off.c: a difference that is given up, in the books and out of them again.
 *
 * The posting moves the difference between the gateway's account and merchant:write_off; that of a
 * fee, which is in the books as it was kept, between its fees and merchant:write_off.
 * recon_write_off says of which movement it is a part. Each time is a posting of its own: the cause
 * is the break with the number of the time. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/rows.h"
#include "recon/breaks.h"
#include "recon/breaks_impl.h"

enum { CAUSE_CHARS_MAX = ID_TEXT_MAX + 24 };

static const struct {
    enum match_class class;
    enum write_off_part part;
} parts[] = {
#define X(class, part) {CLASS_##class, WRITE_OFF_##part},
#include "recon/write_offs.def"
#undef X
};

static bool part_of(enum match_class class, enum write_off_part *ret_part) {
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].class == class) {
            *ret_part = parts[i].part;
            return true;
        }
    }
    return false;
}

bool break_class_writes_off(enum match_class class) {
    enum write_off_part part;
    return part_of(class, &part);
}

int break_may_write_off(const struct break_row *row, struct err *err) {
    if (!break_is_live(row->state)) {
        (void)err_set(err, ERR_STATE, "break %s is %s: nothing of it can be written off",
                      row->id.text, break_state_name(row->state));
        return err_hint(err, "Reopen it first, if that was wrong.");
    }
    if (!break_class_writes_off(row->class)) {
        (void)err_set(err, ERR_STATE, "break %s is of the class %s, which is not written off",
                      row->id.text, match_class_name(row->class));
        return err_hint(err, "Differences of amounts and fees are. Money that is missing or was "
                             "taken twice is found, returned or explained.");
    }
    if (row->difference_minor == 0 || row->difference_minor == INT64_MIN || row->side != OURS) {
        (void)err_set(err, ERR_STATE, "break %s has no difference that could be written off",
                      row->id.text);
        return err_hint(err, "Resolve it, and say how it came about.");
    }
    return 0;
}

/* One more posting of `signed_minor` (+ came to us). */
static int post(struct store_tx *tx, struct break_row *row, int64_t signed_minor, struct err *err) {
    char cause[CAUSE_CHARS_MAX], id[POSTING_ID_CHARS_MAX];
    enum write_off_part part = WRITE_OFF_AMOUNT;
    bool known = part_of(row->class, &part);
    INVARIANT(known, "a class that is not written off");
    row->write_offs++;
    snprintf(cause, sizeof cause, "%s_%lld", row->id.text, (long long)row->write_offs);
    enum posting_kind less = part == WRITE_OFF_FEE ? POST_FEE_WRITE_OFF : POST_WRITE_OFF;
    enum posting_kind more = part == WRITE_OFF_FEE ? POST_FEE_WRITE_OFF_GAIN : POST_WRITE_OFF_GAIN;
    struct posting posting = {
        .kind = signed_minor < 0 ? less : more,
        .cause = cause,
        .payment_id = row->payment_id,
        .gateway = row->gateway,
        .customer = "",
        .amount_minor = signed_minor < 0 ? -signed_minor : signed_minor,
        .currency = row->currency,
        .at_us = clock_wall_us(),
    };
    int r = payment_is_probe(tx, row->payment_id, &posting.probe, err);
    r = r < 0 ? r : ledger_post(tx, &posting, err);
    snprintf(id, sizeof id, "pst_%s_%s", posting_kind_name(posting.kind), cause);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO recon_write_off (posting_id, break_id, movement_id, part, "
                        "signed_minor) VALUES ($1, $2, $3, $4, $5)",
                        S_TEXT(id), S_TEXT(row->id.text), S_TEXT(row->movement_id), S_INT(part),
                        S_INT(signed_minor));
    row->written_off_minor += signed_minor;
    return r;
}

int break_write_off(struct store_tx *tx, struct arena *arena, struct break_row *row,
                    const char *actor, const char *reason, struct err *err) {
    char money[MONEY_TEXT_MAX];
    int r = break_may_write_off(row, err);
    r = r < 0 ? r : post(tx, row, row->difference_minor, err);
    if (r < 0) {
        return r;
    }
    const struct break_change change = {
        .actor = actor,
        .detail = arena_printf(arena, "%s%s%s",
                               money_show(row->difference_minor, row->currency, money),
                               reason[0] != '\0' ? ": " : "", reason),
        .resolution = reason[0] != '\0' ? reason : "written off",
        .now_us = clock_wall_us(),
    };
    return break_move(tx, row, BREAK_WRITE_OFF, "written off", &change, err);
}

int break_write_off_undo(struct store_tx *tx, struct break_row *row, struct err *err) {
    return post(tx, row, -row->written_off_minor, err);
}
