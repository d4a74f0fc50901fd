/* SPDX-License-Identifier: Apache-2.0
 * run_impl.h: what the files of a run share. */
#ifndef HOLDFAST_RECON_RUN_IMPL_H
#define HOLDFAST_RECON_RUN_IMPL_H

#include <glib.h>

#include "ledger/ledger.h"
#include "recon/run.h"

enum { MOVEMENT_ID_CHARS_MAX = RUN_MOVEMENT_CHARS_MAX };

/* A movement of either side, beside its match_row of the same index. */
struct side_row {
    const char *id;           /* "pst_charge_att_…", "stm_…#12" */
    const char *payment_id;   /* of ours; "" */
    const char *statement_id; /* of theirs; "" */
    int64_t number;
    bool carried;
    /* An attempt that has moved nothing here, beside a row of theirs that says it has: looked up
     * anew by each run, and no movement of ours. */
    bool passing;
    bool paid_elsewhere; /* and its order is paid at another gateway */
    /* The gateway's own (recon/own.h): what was booked from a row, or a row that is booked. */
    bool own;
    /* A payout that a bank account of ours should receive, and of whom; "". */
    const char *sender;
    /* A row of the bank that is known as one (payment/bank.h); and its payment has not been looked
     * for yet. */
    bool bank_row, waits;
    /* Of theirs: its id as the gateway tells it, where own or bank rows are known by ours. */
    const char *told_id;
    /* Of a payout: what the rows come to that say that they are part of it. */
    bool batch_told;
    int64_t batch_minor;
    /* An earlier run has settled it, in this class; it is compared again beside what names it. */
    bool settled;
    enum match_class was;
    int64_t first_us;
};
struct side {
    GArray *rows;  /* struct match_row */
    GArray *names; /* struct side_row */
};
struct run {
    struct store *store;
    const struct run_request *request;
    struct time_zone *zone;
    struct reconciliation_id id, before; /* the last one that was done; "" */
    int64_t now_us;
    int64_t since_us; /* postings before this were looked at by earlier runs */
    int64_t posts_us; /* what it posts is of this moment: within its own time */
    char account[ACCOUNT_CHARS_MAX];
    GStringChunk *texts;
    GPtrArray *statements; /* ids (in `texts`) of those whose rows were all looked at now */
    struct side sides[MATCH_SIDES];
    struct match *match;
    struct run_figures *figures;
};

/* Movements of ours are read by these columns of posting p with these tables, so that everybody
 * knows them by the same names. A cause (journal_id) is an attempt's id, an operation's, a
 * dispute's (with a number after it when it was taken again), or the subject of a case; of two
 * cases about one posting there are two rows, one after the other. */
#define BANK_POSTINGS(row)                                                                         \
    "('pst_deposit_' || " row ", 'pst_deposit_used_' || " row ", 'pst_suspense_' || " row          \
    ", 'pst_suspense_returned_' || " row ")"
#define BANK_MOVED(row)                                                                            \
    "(SELECT CAST(SUM(CASE WHEN q.kind IN (10, 21) THEN q.amount_minor ELSE -q.amount_minor END) " \
    "AS bigint) FROM posting q WHERE q.id IN " BANK_POSTINGS(row) ")"
#define OUR_COLUMNS                                                                                \
    "SELECT p.id, p.kind, p.journal_id, p.payment_id, p.amount_minor, p.currency, p.at_us, "       \
    "a.charge_id, a.gateway_id, o.refund_id, oa.charge_id, oa.gateway_id, d.gateway_id, "          \
    "c.charge_id, c.gateway_id, c.refund_id, o.attempt_id, o.target, (SELECT f.amount_minor FROM " \
    "posting f WHERE f.id = 'pst_fee_' || p.journal_id), (SELECT CAST(COALESCE(SUM("               \
    "w.signed_minor), 0) AS bigint) FROM recon_write_off w WHERE w.movement_id = p.id AND w.part " \
    "= 1), (SELECT CAST(COALESCE(SUM(w.signed_minor), 0) AS bigint) FROM recon_write_off w WHERE " \
    "w.movement_id = p.id AND w.part = 2), "                                                       \
    "ob.kind, ob.gross_minor, ob.fee_minor, ob.at_us, ob.due_us, ob.reference, ob.batch, ob.id, "  \
    "ob.gateway, CASE WHEN ob.due_id = p.id THEN 1 ELSE 0 END, "                                   \
    "COALESCE(br.id, bo.id), CASE WHEN br.id IS NULL THEN NULL ELSE " BANK_MOVED("br.id") " END, "
#define OUR_TABLES                                                                                 \
    "LEFT JOIN attempt a ON a.id = p.journal_id "                                                  \
    "LEFT JOIN operation o ON o.id = p.journal_id "                                                \
    "LEFT JOIN dispute d ON d.id = substr(p.journal_id, 1, 30) "                                   \
    "LEFT JOIN attempt oa ON oa.id = COALESCE(o.attempt_id, d.attempt_id) "                        \
    "LEFT JOIN review_case c ON c.subject = p.journal_id AND c.posted = p.kind "                   \
    "LEFT JOIN own_booking ob ON ob.id = p.journal_id "                                            \
    "LEFT JOIN bank_row br ON br.id = p.journal_id "                                               \
    "LEFT JOIN bank_row bo ON bo.operation_id = o.id AND bo.operation_id <> '' AND bo.credit = "   \
    "CASE WHEN p.kind = 4 THEN 1 ELSE 0 END "
/* Kinds of postings that are movements of their own: see run_load.c. Of a gateway; and of a bank
 * account, where they are what the bank's rows were booked as, and payouts that are due there. */
#define OUR_OWN_MOVEMENTS "26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41"
#define OUR_MOVEMENTS "(1, 2, 10, 3, 11, 4, 6, 7, 21, 22, " OUR_OWN_MOVEMENTS ")"
/* Which of these are one: what was booked for a row that is in force, not what takes it back. Of a
 * bank's row the first posting stands for all. */
#define OUR_ONES                                                                                   \
    " AND (ob.id IS NULL OR (ob.booked = 1 AND p.id IN (ob.posting_id, ob.due_id))) AND (br.id "   \
    "IS NULL OR (br.state <> 8 AND p.id = (SELECT MIN(q.id) FROM posting q WHERE q.id IN "         \
    BANK_POSTINGS("br.id") "))) "
/* At a gateway; and at a bank account, where a charge is what deposits are used up for. */
#define OUR_GATEWAYS " AND p.kind NOT IN (21, 22)" OUR_ONES
#define OUR_BANKS                                                                                  \
    " AND p.kind IN (3, 4, 10, 11, 21, 22, 40, 41) AND (br.id IS NOT NULL OR ob.id IS NOT NULL "   \
    "OR o.id IS NOT NULL AND p.kind IN (3, 4, 11))" OUR_ONES
enum { OUR_COLUMN_COUNT = 33 };
struct our_read { /* texts are borrowed until the next row */
    const char *id, *payment_id;
    enum row_kind kind;
    struct currency currency;
    int64_t amount_minor, fee_minor; /* with what of them was written off */
    int64_t at_us;
    const char *gateway_id, *reference, *original_id;
    /* Of what was booked for a gateway's own row; of a payout due at a bank: its sender; "". */
    bool own;
    const char *sender, *batch;
    int64_t due_us; /* 0: as of any movement */
};
void recon_our_read(const struct sql_rows *rows, struct our_read *ret_read);

/* Of an attempt that has moved nothing here. */
enum row_status recon_attempt_status(int64_t state);

/* The row of the bank that was handed on to what waits for transfers (bank_feed.c): by its line, or
 * by the bank's own name for it where an earlier file told it. One that turned out to be a payout
 * (state 8) is none of them. Its id, and its state before it. */
/* clang-format off */
#define BANK_ROW_OF                                                                                \
    "(SELECT COALESCE("                                                                            \
    "(SELECT MIN(b.state || b.id) FROM bank_row b WHERE b.gateway = h.gateway AND b.source = "     \
    "h.name AND b.line = r.line AND b.amount_minor = ABS(r.gross_minor) AND b.currency = "         \
    "r.currency AND (b.bank_id = r.gateway_id OR b.bank_id LIKE 'sha256:%' OR b.bank_id LIKE "     \
    "r.gateway_id || '#%') AND b.taken_us >= h.begun_us AND b.state <> 8), "                       \
    "(SELECT MIN(b.state || b.id) FROM bank_row b WHERE b.gateway = h.gateway AND b.bank_id = "    \
    "r.gateway_id AND r.gateway_id <> '' AND b.state <> 8)) "                                      \
    "FROM statement h WHERE h.id = r.statement_id)"
/* clang-format on */

/* And rows r of statements by these. */
#define THEIR_COLUMNS                                                                              \
    "SELECT r.statement_id, r.number, r.kind, r.status, r.currency, r.gross_minor, r.fee_minor, "  \
    "r.at_us, r.gateway_id, r.reference, r.original_id, r.batch, r.description, "                  \
    "CASE WHEN r.kind < 6 THEN NULL ELSE (SELECT ob.id FROM own_booking ob WHERE ob.statement_id " \
    "= r.statement_id AND ob.number = r.number AND ob.booked = 1) END, "                           \
    "CASE WHEN r.kind IN (14, 15) THEN " BANK_ROW_OF " END, "
enum { THEIR_COLUMN_COUNT = 15 };
/* One row more of a side; behind the columns stand whether it is carried, and since when it is
 * known. */
MUST_USE int recon_add_ours(struct run *run, const struct sql_rows *rows, struct err *err);
MUST_USE int recon_add_theirs(struct run *run, const struct sql_rows *rows, struct err *err);
/* id, payment_id, state, amount_minor, currency, created_us, charge_id and gateway_id of an attempt
 * that has moved nothing here. */
MUST_USE int recon_add_passing(struct run *run, const struct sql_rows *rows, struct err *err);
/* run_settled.c: what rows of this run name again, and a group of such that is as it was, which
 * counts for nothing in this run. */
MUST_USE int recon_load_settled(struct run *run, struct store_tx *tx, struct err *err);
bool recon_as_it_was(const struct run *run, const struct match_group *group);
void recon_leave_out_settled(struct run *run);
const struct side_row *recon_member_name(const struct run *run, const struct match_group *group,
                                         enum match_side side, uint32_t i);
/* The rules of a run: the usual ones, and for payouts on a bank's statement. */
const struct match_rule *recon_rules(int *ret_count);

/* run_class.c: what the classes of the matcher mean where more is known; before anything is left
 * out of the sums. And whether a class that was kept follows from one that it found. */
void recon_classes(struct run *run);
bool recon_class_follows(enum match_class found, enum match_class kept);
void run_open(struct run *run); /* what it holds in memory */
void run_close(struct run *run);

/* All that is compared, read in one snapshot; or ours alone. */
MUST_USE int recon_load(struct run *run, struct err *err);
/* Movements, breaks, and the healing of those that are gone. */
MUST_USE int recon_write(struct run *run, struct err *err);
MUST_USE int recon_load_ours(struct run *run, struct err *err);
/* What a group of theirs and ours is about, for people. */
void recon_tell(const struct run *run, const struct match_group *group, char *ret_text,
                size_t bytes);
MUST_USE int recon_books(struct run *run, struct store_tx *tx, struct err *err);

#endif
