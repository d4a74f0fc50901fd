/* SPDX-License-Identifier: Apache-2.0
 * run_write.c: what a run leaves behind: where each movement stands, and the breaks, which live
 * from run to run.
 *
 * A break is known by its subject: its class, the movements that it is about and by how much they
 * differ, so the same difference found again is the same break, and another one of the same
 * movements is another break. One that is not found again has healed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "match/match_impl.h"
#include "payment/machine.h"
#include "recon/breaks_impl.h"
#include "recon/own.h"
#include "recon/payouts.h"
#include "recon/run_impl.h"

enum { DETAIL_BYTES_MAX = 1000, HEALED_A_WRITE = 50, ARENA_BYTES = 1024 * 1024 };

struct piece {
    struct run *run;
    size_t from, until; /* groups */
    int64_t opened;
};

static const struct match_row *member(const struct run *run, const struct match_group *group,
                                      enum match_side side, uint32_t i) {
    size_t at = group->first + (side == OURS ? 0 : group->ours) + i;
    return &run->match->rows[side][run->match->members[at]];
}

/* What another run may still settle: whatever stands alone because no rule found it anything, or is
 * waited for, or stands beside an attempt that has moved nothing here yet. A duplicate stands alone
 * by a rule: without its partner it would be something else the next time. */
static bool stays_open(const struct run *run, const struct match_group *group) {
    enum match_class class = group->class;
    if (own_group(run, group)) { /* half of it, or a payout that the rest of its rows may mend */
        return group->ours == 0 || group->theirs == 0 || class == CLASS_PAYOUT;
    }
    if (class == CLASS_NOTHING_MOVED || class == CLASS_GATEWAYS_OWN) {
        return false;
    }
    if (class == CLASS_PAYOUT) { /* the rest of it may come in another line */
        return true;
    }
    for (uint32_t i = 0; i < group->ours; i++) {
        if (recon_member_name(run, group, OURS, i)->passing) {
            return true;
        }
    }
    bool waits = class == CLASS_EXPECTED || class == CLASS_OPEN_THERE ||
                 class == CLASS_PAID_THERE || class == CLASS_REFUND_FAILED;
    return (group->ours == 0 || group->theirs == 0) && (group->rule < 0 || waits);
}

/* ---- movements ---- */

static int write_movement(struct store_tx *tx, const struct run *run,
                          const struct match_group *group, const char *match_id,
                          enum match_side side, uint32_t i, struct err *err) {
    const struct match_row *row = member(run, group, side, i);
    const struct side_row *name = recon_member_name(run, group, side, i);
    if (name->passing) {
        return 0;
    }
    const struct match_options *options = run->request->options;
    const char *rule = group->rule >= 0 ? options->rules[group->rule].name : "";
    return sql_put(tx, err,
                   "INSERT INTO movement (side, id, statement_id, number, gateway, class, rule, "
                   "match_id, open, run_id, first_us, at_us, due_us) VALUES ($1, $2, $3, $4, $5, "
                   "$6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (side, id) DO UPDATE SET class "
                   "= excluded.class, rule = excluded.rule, match_id = excluded.match_id, open = "
                   "excluded.open, run_id = excluded.run_id, due_us = excluded.due_us",
                   S_INT((int64_t)side + 1), S_TEXT(name->id), S_TEXT(name->statement_id),
                   S_INT(name->number), S_TEXT(run->request->gateway), S_INT(group->class),
                   S_TEXT(rule), S_TEXT(match_id), stays_open(run, group) ? S_INT(1) : S_NULL,
                   S_TEXT(run->id.text), S_INT(name->carried ? name->first_us : run->now_us),
                   S_INT(row->at_us), S_INT(row->due_us));
}

/* ---- breaks ---- */

struct found {
    char subject[SHA256_HEX_CHARS + 16];
    enum match_side side;
    const char *movement_id;
    int64_t sums[MATCH_SIDES];
    int64_t difference_minor, stake_minor; /* as in struct break_row */
    const struct match_row *first;
    const char *payment_id;
    char detail[DETAIL_BYTES_MAX];
};

/* Class, the names of all members, told apart by their lengths, and the difference. */
static void subject_of(const struct run *run, const struct match_group *group,
                       int64_t difference_minor, char *ret_subject, size_t bytes) {
    BUF_AUTO names;
    char digest[SHA256_HEX_CHARS + 1];
    buf_init(&names, (size_t)(group->ours + group->theirs + 2) * (MOVEMENT_ID_CHARS_MAX + 24));
    for (int side = OURS; side < MATCH_SIDES; side++) {
        uint32_t count = side == OURS ? group->ours : group->theirs;
        for (uint32_t i = 0; i < count; i++) {
            const char *id = recon_member_name(run, group, (enum match_side)side, i)->id;
            buf_addf(&names, "%d:%zu:%s", side, strlen(id), id);
        }
    }
    buf_addf(&names, "=%lld", (long long)difference_minor);
    crypto_sha256_hex(names.data, names.len, digest);
    snprintf(ret_subject, bytes, "%d:%s", (int)group->class, digest);
}

static void detail_of(const struct run *run, const struct match_group *group, struct found *found) {
    char money[MATCH_SIDES][MONEY_TEXT_MAX];
    const uint32_t counts[MATCH_SIDES] = {group->ours, group->theirs};
    size_t used = (size_t)snprintf(found->detail, sizeof found->detail, "%s",
                                   match_class_what(group->class));
    static const char *const words[MATCH_SIDES] = {"here", "there"};
    for (int side = OURS; side < MATCH_SIDES; side++) {
        if (counts[side] == 0) {
            continue;
        }
        const struct side_row *name = recon_member_name(run, group, (enum match_side)side, 0);
        struct currency currency = member(run, group, (enum match_side)side, 0)->currency;
        (void)money_show(found->sums[side], currency, money[side]);
        int more = snprintf(found->detail + used, sizeof found->detail - used,
                            "; %s %s in %u %s (%s%s)", words[side], money[side], counts[side],
                            counts[side] == 1 ? "row" : "rows", name->id,
                            counts[side] == 1 ? "" : ", …");
        used += more > 0 && used + (size_t)more < sizeof found->detail ? (size_t)more : 0;
    }
}

/* What the gateway kept more is what came to us less. */
static int64_t difference_of(const struct run *run, const struct match_group *group) {
    if (group->class != CLASS_FEE) {
        return group->difference_minor;
    }
    const struct side_fee *fee = &recon_member_name(run, group, OURS, 0)->fee;
    int64_t less = 0;
    return money_sub(fee->expected_minor, fee->kept_minor, &less) ? less : 0;
}

static int64_t magnitude(int64_t minor) {
    return minor < 0 ? -(minor + (minor == INT64_MIN)) : minor;
}

static int64_t stake_of(const struct found *found) {
    int64_t ours = magnitude(found->sums[OURS]), theirs = magnitude(found->sums[THEIRS]);
    int64_t larger = ours > theirs ? ours : theirs;
    return found->difference_minor != 0 ? magnitude(found->difference_minor) : larger;
}

/* Amounts are the same there: what differs is what was kept of them. */
static void add_fees(const struct run *run, const struct match_group *group, struct found *found) {
    size_t used = strlen(found->detail);
    char text[DETAIL_BYTES_MAX];
    recon_fee_tell(&recon_member_name(run, group, OURS, 0)->fee, found->first->currency, text,
                   sizeof text);
    snprintf(found->detail + used, sizeof found->detail - used, "; %s", text);
}

/* A row in suspense names it and is another amount: that is what was received, and differs. */
static void add_altered(const struct run *run, const struct match_group *group,
                        const struct payout_altered *altered, struct found *found) {
    size_t used = strlen(found->detail);
    char money[MONEY_TEXT_MAX], difference[MONEY_TEXT_MAX];
    const struct match_row *row = member(run, group, OURS, 0);
    found->sums[THEIRS] = altered->minor;
    if (!money_sub(altered->minor, match_bank_amount(row), &found->difference_minor)) {
        found->difference_minor = 0;
    }
    snprintf(found->detail + used, sizeof found->detail - used,
             "; its name stands in %s of the bank%s, which lies in suspense with a case: %s "
             "received, %s to what was paid out",
             altered->row_id, altered->rows > 1 ? " and others" : "",
             money_show(altered->minor, row->currency, money),
             money_show(found->difference_minor, row->currency, difference));
}

static void look_at(const struct run *run, const struct match_group *group, struct found *found) {
    *found = (struct found){.payment_id = ""};
    const uint32_t counts[MATCH_SIDES] = {group->ours, group->theirs};
    for (int side = OURS; side < MATCH_SIDES; side++) {
        for (uint32_t i = 0; i < counts[side]; i++) {
            const struct side_row *name = recon_member_name(run, group, (enum match_side)side, i);
            if (found->movement_id == NULL && !name->passing) {
                found->side = (enum match_side)side;
                found->movement_id = name->id;
            }
            const struct match_row *row = member(run, group, (enum match_side)side, i);
            found->first = found->first == NULL ? row : found->first;
            /* match_run() has summed all rows of a side within int64. */
            found->sums[side] += row->amount_minor;
        }
    }
    if (found->movement_id == NULL) { /* an attempt that nothing stands beside */
        found->movement_id = recon_member_name(run, group, OURS, 0)->id;
    }
    if (group->ours > 0) {
        found->payment_id = recon_member_name(run, group, OURS, 0)->payment_id;
    }
    const struct payout_altered *altered =
        group->ours > 0 ? recon_member_name(run, group, OURS, 0)->altered : NULL;
    found->difference_minor = difference_of(run, group);
    detail_of(run, group, found);
    if (altered != NULL) {
        add_altered(run, group, altered, found);
    }
    found->stake_minor = stake_of(found);
    subject_of(run, group, found->difference_minor, found->subject, sizeof found->subject);
    if (group->class == CLASS_FEE) {
        add_fees(run, group, found);
    }
}

void recon_tell(const struct run *run, const struct match_group *group, char *ret_text,
                size_t bytes) {
    struct found found;
    look_at(run, group, &found);
    snprintf(ret_text, bytes, "%s", found.detail);
}

/* What it is about stays on record with it, whatever its movements are put together with later. */
static int members_insert(struct store_tx *tx, const struct run *run,
                          const struct match_group *group, const char *break_id, struct err *err) {
    int r = 0;
    for (int side = OURS; side < MATCH_SIDES; side++) {
        uint32_t count = side == OURS ? group->ours : group->theirs;
        for (uint32_t i = 0; r >= 0 && i < count; i++) {
            r = sql_put(tx, err,
                        "INSERT INTO recon_break_member (break_id, side, movement_id) VALUES ($1, "
                        "$2, $3)",
                        S_TEXT(break_id), S_INT((int64_t)side + 1),
                        S_TEXT(recon_member_name(run, group, (enum match_side)side, i)->id));
        }
    }
    const struct payout_altered *altered =
        group->ours > 0 ? recon_member_name(run, group, OURS, 0)->altered : NULL;
    return r < 0 || altered == NULL ? r
                                    : sql_put(tx, err,
                                              "INSERT INTO recon_break_member (break_id, side, "
                                              "movement_id) VALUES ($1, 1, 'pst_suspense_' || $2)",
                                              S_TEXT(break_id), S_TEXT(altered->row_id));
}

/* What is told once more stands alone; its names lead to the payment that was charged. */
static int payment_named(struct store_tx *tx, const struct run *run,
                         const struct match_group *group, const struct found *found,
                         char ret_id[ID_TEXT_MAX], struct err *err) {
    const struct match_row *row = found->first;
    const struct match_text *const names[] = {&row->reference, &row->gateway_id, &row->original_id};
    char texts[COUNT_OF(names)][ROW_ID_CHARS_MAX + 1];
    bool again = group->class == CLASS_DOUBLE_CHARGE || group->class == CLASS_DUPLICATE_THERE;
    snprintf(ret_id, ID_TEXT_MAX, "%s", found->payment_id);
    if (ret_id[0] != '\0' || !again) {
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(texts[i], sizeof texts[i], "%.*s", (int)names[i]->count, names[i]->bytes);
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT 0, payment_id FROM attempt WHERE id = $1 AND gateway = $4 UNION "
                      "SELECT 0, payment_id FROM operation WHERE id = $1 AND gateway = $4 UNION "
                      "SELECT 1, payment_id FROM attempt WHERE charge_id IN ($2, $3) AND charge_id "
                      "<> '' AND gateway = $4 UNION SELECT 2, payment_id FROM attempt WHERE "
                      "gateway_id IN ($2, $3) AND gateway_id <> '' AND gateway = $4 ORDER BY 1, 2 "
                      "LIMIT 1",
                      S_TEXT(texts[0]), S_TEXT(texts[1]), S_TEXT(texts[2]),
                      S_TEXT(run->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(ret_id, ID_TEXT_MAX, "%s", sql_text(rows, 1));
    }
    return r < 0 ? r : 0;
}

static int break_insert(struct store_tx *tx, const struct run *run, const struct match_group *group,
                        const struct found *found, struct err *err) {
    struct break_id id = break_id_new();
    char payment_id[ID_TEXT_MAX];
    int r = payment_named(tx, run, group, found, payment_id, err);
    if (r < 0) {
        return r;
    }
    r = sql_put(
        tx, err,
        "INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, "
        "state, owner, kind, payment_id, currency, our_minor, their_minor, difference_minor, "
        "our_rows, their_rows, detail, at_us, opened_us, updated_us, closed_us, first_run, "
        "last_run, resolution, decided_by, stake_minor, risk_why) VALUES ($1, 1, $2, $3, $4, $5, "
        "$6, $7, $20, '', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, 0, $19, $19, "
        "'', '', $21, '')",
        S_TEXT(id.text), S_TEXT(run->request->gateway), S_INT(group->class), S_TEXT(found->subject),
        S_INT(match_class_risk(group->class)), S_INT((int64_t)found->side + 1),
        S_TEXT(found->movement_id), S_INT(found->first->kind), S_TEXT(payment_id),
        S_TEXT(found->first->currency.code), S_INT(found->sums[OURS]), S_INT(found->sums[THEIRS]),
        S_INT(found->difference_minor), S_INT(group->ours), S_INT(group->theirs),
        S_TEXT(found->detail), S_INT(found->first->at_us), S_INT(run->now_us), S_TEXT(run->id.text),
        S_INT(BREAK_OPEN), S_INT(found->stake_minor));
    r = r < 0 ? r : members_insert(tx, run, group, id.text, err);
    return r < 0 ? r
                 : break_event_put(tx, id.text, 1, run->now_us, run->request->actor, "opened",
                                   found->detail, err);
}

static int find_again(struct store_tx *tx, const struct run *run, const struct found *found,
                      const char *id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    struct break_row row;
    const struct break_change change = {
        .actor = run->request->actor, .detail = found->detail, .now_us = run->now_us};
    int r = break_load(tx, arena, id, true, &row, err);
    return r < 0 ? r : break_find_again(tx, &row, run->id.text, &change, err);
}

/* Found again: a live one is touched, one that had healed is open again; what a person has decided
 * stays decided. 1: it was opened, or opened again. */
static int write_break(struct store_tx *tx, const struct run *run, const struct match_group *group,
                       struct err *err) {
    struct found found;
    look_at(run, group, &found);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, state FROM recon_break WHERE subject = $1 FOR UPDATE",
                      S_TEXT(found.subject));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    bool known = r > 0;
    struct break_id id = break_id_stored(known ? sql_text(rows, 0) : "");
    int64_t state = known ? sql_int(rows, 1) : BREAK_NONE;
    sql_rows_free(rows);
    rows = NULL;
    if (!known) {
        r = break_insert(tx, run, group, &found, err);
        return r < 0 ? r : 1;
    }
    if (state == BREAK_HEALED) {
        r = find_again(tx, run, &found, id.text, err);
        return r < 0 ? r : 1;
    }
    return sql_put(tx, err, "UPDATE recon_break SET last_run = $2 WHERE id = $1", S_TEXT(id.text),
                   S_TEXT(run->id.text));
}

/* How far it has come, for whoever waits for it. */
static int write_progress(struct store_tx *tx, const struct piece *piece, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE reconciliation SET groups_done = $2, groups_all = $3 WHERE id = $1",
                   S_TEXT(piece->run->id.text), S_INT((int64_t)piece->until),
                   S_INT((int64_t)piece->run->match->group_count));
}

static int groups_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct piece *piece = ctx;
    struct run *run = piece->run;
    piece->opened = 0;
    for (size_t i = piece->from; i < piece->until; i++) {
        const struct match_group *group = &run->match->groups[i];
        if (recon_as_it_was(run, group)) {
            continue;
        }
        char match_id[ID_TEXT_MAX + 24] = "";
        if (group->ours + group->theirs > 1) {
            snprintf(match_id, sizeof match_id, "%s#%zu", run->id.text, i + 1);
        }
        int r = 0;
        for (int side = OURS; r >= 0 && side < MATCH_SIDES; side++) {
            uint32_t count = side == OURS ? group->ours : group->theirs;
            for (uint32_t j = 0; r >= 0 && j < count; j++) {
                r = write_movement(tx, run, group, match_id, (enum match_side)side, j, err);
            }
        }
        r = r < 0 ? r : recon_fees_write(tx, run, group, err);
        r = r < 0 ? r : payout_charges_write(tx, run, group, err);
        if (r >= 0 && match_class_risk(group->class) != RISK_NONE) {
            r = write_break(tx, run, group, err);
            piece->opened += r > 0;
        }
        if (r < 0) {
            return r;
        }
    }
    return write_progress(tx, piece, err);
}

/* ---- healing ---- */

struct healing {
    struct run *run;
    int64_t healed;
    bool more;
};

struct sick {
    char id[ID_TEXT_MAX];
};

/* What an attempt is that stood alone, and does no more. 0: it is none. */
static int reason_ended(struct store_tx *tx, const char *movement_id, char *ret_reason,
                        size_t bytes, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT state FROM attempt WHERE id = $1",
                      S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    enum attempt_state state = (enum attempt_state)sql_int(rows, 0);
    snprintf(ret_reason, bytes, "%s is %s %s", movement_id, attempt_state_name(state),
             state == ATTEMPT_UNKNOWN
                 ? "still: a row there names it now, or no statement of its time counts any more"
                 : "now");
    return 1;
}

/* Why a row's statement no longer counts. */
static int reason_gone(struct store_tx *tx, const char *movement_id, char *ret_reason, size_t bytes,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT s.id, w.reason FROM statement s JOIN audit_entry w ON w.subject = "
                      "s.id AND w.action = 'statement.withdraw' WHERE s.id = substr($1, 1, 30) AND "
                      "s.state = 5",
                      S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(ret_reason, bytes, "its statement %s was withdrawn: %.300s", sql_text(rows, 0),
                 sql_text(rows, 1));
    } else {
        snprintf(ret_reason, bytes,
                 "its statement no longer counts: a corrected one took its place");
    }
    return r < 0 ? r : 0;
}
static_assert(ID_ULID_CHARS + sizeof "stm_" - 1 == 30, "so many characters");

/* In words: where the movement stands now. */
static int reason_read(struct store_tx *tx, const struct break_row *row, char *ret_reason,
                       size_t bytes, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT m.class, m.rule, (SELECT MIN(o.id) FROM movement o WHERE o.match_id = "
        "m.match_id AND o.match_id <> '' AND o.side <> m.side) FROM movement m WHERE "
        "m.side = $1 AND m.id = $2",
        S_INT((int64_t)row->side + 1), S_TEXT(row->movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        r = reason_ended(tx, row->movement_id, ret_reason, bytes, err);
        return r != 0 ? (r < 0 ? r : 0)
                      : reason_gone(tx, row->movement_id, ret_reason, bytes, err);
    }
    if (r > 0 && sql_text(rows, 2) != NULL) {
        snprintf(ret_reason, bytes, "it is %s now: %s with %s by the rule %s",
                 match_class_name((enum match_class)sql_int(rows, 0)), row->movement_id,
                 sql_text(rows, 2), sql_text(rows, 1));
    } else if (r > 0) {
        snprintf(ret_reason, bytes, "it is %s now",
                 match_class_name((enum match_class)sql_int(rows, 0)));
    }
    return r < 0 ? r : 0;
}

static int heal(struct store_tx *tx, const struct run *run, const char *id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    struct break_row row;
    char reason[400] = "";
    int r = break_load(tx, arena, id, true, &row, err);
    r = r < 0 ? r : reason_read(tx, &row, reason, sizeof reason, err);
    if (r < 0) {
        return r;
    }
    const struct break_change change = {
        .actor = run->request->actor,
        .detail = reason,
        .resolution = reason,
        .now_us = run->now_us,
    };
    return break_heal(tx, &row, run->id.text, &change, err);
}

/* A break that this run did not find again, although it has looked at its movement, or although
 * that is gone. One about rows that were put together is not looked at again, and stays. */
static int heal_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct healing *healing = ctx;
    const struct run *run = healing->run;
    struct sick sick[HEALED_A_WRITE];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id FROM recon_break b WHERE gateway = $1 "
        "AND state IN (1, 2) AND last_run <> $2 AND (NOT EXISTS (SELECT 1 FROM "
        "movement m WHERE m.side = b.side AND m.id = b.movement_id) OR EXISTS (SELECT "
        "1 FROM movement m WHERE m.side = b.side AND m.id = b.movement_id AND "
        "m.run_id = $2)) ORDER BY id LIMIT 50 FOR UPDATE",
        S_TEXT(run->request->gateway), S_TEXT(run->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(sick[count++].id, ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = heal(tx, run, sick[i].id, err);
    }
    healing->healed = count;
    healing->more = count == HEALED_A_WRITE;
    return r < 0 ? r : 0;
}

int recon_write(struct run *run, struct err *err) {
    struct run_figures *figures = run->figures;
    int r = 0;
    for (size_t at = 0; r >= 0 && at < run->match->group_count; at += RUN_GROUPS_A_WRITE) {
        size_t until = at + RUN_GROUPS_A_WRITE;
        struct piece piece = {
            .run = run,
            .from = at,
            .until = until < run->match->group_count ? until : run->match->group_count,
        };
        r = store_write(run->store, groups_tx, &piece, err);
        figures->breaks_opened += piece.opened;
    }
    struct healing healing = {.run = run, .more = true};
    while (r >= 0 && healing.more) {
        r = store_write(run->store, heal_tx, &healing, err);
        figures->breaks_healed += healing.healed;
    }
    return r < 0 ? r : 0;
}
