/* SPDX-License-Identifier: Apache-2.0
 * bank.c: the same transfer told of twice: as a row of the bank's that lies in suspense, which is a
 * case (payment/bank.h), and as a row of a statement that a run found nothing of ours for. Both
 * come from one line of one file (recon/bank_feed.h), or of two files that name it alike. */
#include <string.h>

#include "recon/repair/repair_impl.h"

#define BANK_ROW "bkr_"
enum { MEMBERS_MAX = 5 };

bool repair_is_transfer(const struct repair_case *held) {
    return strncmp(held->subject, BANK_ROW, strlen(BANK_ROW)) == 0 && (held->came || held->went);
}

/* By the bank's name for it; a row without one by its line. Banks call many files by one name: the
 * row was handed on from the last of that name before it. */
int repair_break_of_transfer(struct store_tx *tx, struct arena *arena,
                             const struct repair_case *held, const char **ret_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT k.id FROM bank_row b JOIN statement_row r ON r.gateway_id = b.bank_id AND "
        "r.gateway_id <> '' JOIN recon_break_member m ON m.movement_id = r.statement_id || '#' || "
        "CAST(r.number AS text) JOIN recon_break k ON k.id = m.break_id WHERE b.id = $1 AND "
        "m.side = 2 AND k.gateway = $2 AND k.our_rows = 0 AND k.state IN (1, 2) UNION SELECT k.id "
        "FROM bank_row b JOIN statement s ON s.id = (SELECT t.id FROM statement t WHERE t.gateway "
        "= b.gateway AND t.name = b.source AND t.taken_us <= b.taken_us ORDER BY t.taken_us DESC, "
        "t.id DESC LIMIT 1) JOIN statement_row r ON r.statement_id = s.id AND r.line = b.line AND "
        "r.gateway_id = '' JOIN recon_break_member m ON m.movement_id = r.statement_id || '#' || "
        "CAST(r.number AS text) JOIN recon_break k ON k.id = m.break_id WHERE b.id = $1 AND m.side "
        "= 2 AND k.gateway = $2 AND k.our_rows = 0 AND k.state IN (1, 2) ORDER BY 1 LIMIT 1",
        S_TEXT(held->subject), S_TEXT(held->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    *ret_id = arena_copy(arena, sql_text(rows, 0));
    return 1;
}
static_assert(BREAK_OPEN == 1 && BREAK_ASSIGNED == 2, "the states above");

static int case_of_row(struct store_tx *tx, struct arena *arena, const char *gateway,
                       const struct break_member *member, const char **ret_id, struct err *err) {
    static const char by_name[] =
        "SELECT c.id FROM bank_row b JOIN review_case c ON c.subject = b.id WHERE b.gateway = $1 "
        "AND b.bank_id = $2 AND c.state = 1 AND c.posted IN (10, 11) ORDER BY c.id LIMIT 1";
    static const char by_line[] =
        "SELECT c.id FROM bank_row b JOIN review_case c ON c.subject = b.id WHERE b.id = (SELECT "
        "o.id FROM statement s JOIN bank_row o ON o.gateway = s.gateway AND o.source = s.name AND "
        "o.line = $3 AND o.taken_us >= s.taken_us WHERE s.id = $2 AND s.gateway = $1 ORDER BY "
        "o.taken_us, o.id LIMIT 1) AND c.state = 1 AND c.posted IN (10, 11) ORDER BY c.id LIMIT 1";
    bool named = member->gateway_id[0] != '\0';
    SQL_ROWS_AUTO rows = NULL;
    int r = named ? sql_query(tx, err, &rows, by_name, S_TEXT(gateway), S_TEXT(member->gateway_id))
                  : sql_query(tx, err, &rows, by_line, S_TEXT(gateway),
                              S_TEXT(member->statement_id), S_INT(member->line));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    *ret_id = arena_copy(arena, sql_text(rows, 0));
    return 1;
}

int repair_transfer_of_break(struct store_tx *tx, struct arena *arena,
                             const struct repair_facts *facts, const char **ret_id,
                             struct err *err) {
    int r = 0;
    if (facts->row.our_rows > 0) {
        return 0;
    }
    for (int i = 0; r == 0 && i < facts->members.count && i < MEMBERS_MAX; i++) {
        const struct break_member *member = &facts->members.rows[i];
        bool bank = member->side == THEIRS && !member->gone &&
                    (member->kind == ROW_BANK_CREDIT || member->kind == ROW_BANK_DEBIT);
        r = bank ? case_of_row(tx, arena, facts->row.gateway, member, ret_id, err) : 0;
    }
    return r;
}
