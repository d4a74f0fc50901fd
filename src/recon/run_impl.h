/* SPDX-License-Identifier: Apache-2.0
 * run_impl.h: what the files of a run share. */
#ifndef HOLDFAST_RECON_RUN_IMPL_H
#define HOLDFAST_RECON_RUN_IMPL_H

#include <glib.h>

#include "ledger/ledger.h"
#include "recon/fee_schedule.h"
#include "recon/run.h"

enum { MOVEMENT_ID_CHARS_MAX = RUN_MOVEMENT_CHARS_MAX };

/* What is expected of a fee, by what; stored. */
enum fee_basis { FEE_BY_NOTHING = 0, FEE_BY_ANSWER = 1, FEE_BY_SCHEDULE = 2 };
const char *fee_basis_name(int64_t basis); /* "answer", "schedule", "statement" */

/* What bears on the fee of a movement: of ours but for `statement_method`. */
struct side_fee {
    int64_t answered_minor; /* kept as its answers told and our books have it; AMOUNT_UNSAID */
    int64_t written_minor;  /* written off of it: + came to us; what is expected moves by it */
    int64_t moved_minor;    /* of that, what moved the gateway's account, as it once did */
    int64_t linked_minor, linked_kept_minor; /* rows of their own that name it; the kept ones */
    int64_t posted_minor;                    /* by what statements told */
    bool linked, known;                      /* there are such rows; it has a row in recon_fee */
    /* what a schedule asks for */
    bool asks;
    enum fee_kind kind;
    enum payment_method method;
    const char *region, *statement_method;
    int64_t charge_minor, charge_at_us, charge_fee_minor;
    /* as it was judged (run_fees.c) */
    enum fee_basis basis;
    const struct fee_line *line; /* of a refund that of its charge, where no other speaks */
    int64_t expected_minor, kept_minor;
    bool judged;
};

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
    bool probe;          /* of a payment of ours that only probes the gateway */
    bool paid_elsewhere; /* and its order is paid at another gateway */
    /* Passing, and no row there names it: nobody knows what became of it since then (wall). */
    bool unknown;
    int64_t unknown_us;
    /* The gateway's own (recon/own.h): what was booked from a row, or a row that is booked. */
    bool own;
    /* Of a payout that is due: what a row in suspense bears its name with (payout_suspense.c). */
    const struct payout_altered *altered;
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
    struct side_fee fee;
};
struct side {
    GArray *rows;  /* struct match_row */
    GArray *names; /* struct side_row */
};
/* Rows of the bank that lie in suspense and name one payout, and are not what was paid out. */
struct payout_altered {
    const char *due_id; /* the posting that is due */
    const char *row_id; /* the first of them */
    int rows;
    int64_t minor; /* together, with what has arrived of it besides */
};
struct run_rules {
    struct match_rule rules[MATCH_RULES_MAX];
    int count;
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
    struct match_options said; /* the rules as they are configured, for whoever asks later */
    struct run_rules rules;    /* and as they are tried */
    GArray *altered;           /* struct payout_altered, by due_id */
};

/* A charge that was taken back (kind 60) is no movement of ours any more. */
#define NOT_TAKEN_BACK                                                                             \
    "NOT EXISTS (SELECT 1 FROM posting t WHERE t.id = 'pst_taken_back_' || p.id)"
/* What an attempt moved; the last is what it told after that was taken back (payment/late.c). */
#define CHARGED_AS(id)                                                                             \
    "('pst_charge_' || " id ", 'pst_suspense_' || " id ", 'pst_suspense_' || " id " || '.2')"
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
    "c.charge_id, c.gateway_id, c.refund_id, o.attempt_id, o.target, " OUR_ANSWERED                \
    ", (SELECT CAST(COALESCE(SUM(w.signed_minor), 0) AS bigint) FROM recon_write_off w WHERE "     \
    "w.movement_id = p.id AND w.part = 1), " OUR_FEES                                              \
    "ob.kind, ob.gross_minor, ob.fee_minor, ob.at_us, ob.due_us, ob.reference, ob.batch, ob.id, "  \
    "ob.gateway, CASE WHEN ob.due_id = p.id THEN 1 ELSE 0 END, "                                   \
    "COALESCE(br.id, bo.id), CASE WHEN br.id IS NULL THEN NULL ELSE " BANK_MOVED("br.id") " END, " \
    "CASE WHEN py.purpose = '100' THEN 1 ELSE 0 END, "
/* What its answers told of its fee: a charge's, that of a dispute, or what came back of that. */
#define OUR_ANSWERED                                                                               \
    "(SELECT CAST(SUM(CASE WHEN f.kind = 18 THEN -f.amount_minor ELSE f.amount_minor END) AS "     \
    "bigint) FROM posting f WHERE f.id IN (CASE WHEN p.kind IN (1, 2, 10) THEN 'pst_fee_' || "     \
    "p.journal_id ELSE '' END, CASE WHEN p.kind IN (6, 11) THEN 'pst_dispute_fee_' || "            \
    "p.journal_id WHEN p.kind IN (7, 10) THEN 'pst_dispute_fee_back_' || p.journal_id ELSE '' "    \
    "END))"
/* Rows of their own that name it, and of those what was kept: what several statements tell of one
 * moment is told once. */
#define OUR_LINKED(which)                                                                          \
    "(SELECT CAST(SUM(lt.fee_minor * lt.n) AS bigint) FROM (SELECT lo.fee_minor, lo.at_us, "       \
    "MAX(lo.n) AS n FROM (SELECT l.fee_minor, l.at_us, l.statement_id, COUNT(*) AS n FROM "        \
    "recon_fee_row l WHERE l.movement_id = p.id AND l.movement_id <> '' " which                    \
    "GROUP BY l.fee_minor, l.at_us, l.statement_id) lo GROUP BY lo.fee_minor, lo.at_us) lt)"
/* And the rest that bears on it (struct side_fee), in its order. */
#define OUR_FEES                                                                                   \
    "(SELECT CAST(COALESCE(SUM(w.signed_minor), 0) AS bigint) FROM recon_write_off w WHERE "       \
    "w.movement_id = p.id AND w.part IN (2, 3)), (SELECT CAST(COALESCE(SUM(w.signed_minor), 0) "   \
    "AS bigint) FROM recon_write_off w WHERE w.movement_id = p.id AND w.part = 2), "               \
    OUR_LINKED("") ", COALESCE(" OUR_LINKED("AND l.fee_minor > 0 ")                                \
    ", 0), rf.posted_minor, "                                                                      \
    "COALESCE(NULLIF(a.method, 0), NULLIF(oa.method, 0), py.method, 0), "                          \
    "COALESCE(py.customer_region, ''), COALESCE(cp.amount_minor, 0), COALESCE(cp.at_us, 0), "      \
    "(SELECT f.amount_minor FROM posting f WHERE f.id = 'pst_fee_' || oa.id), "
#define OUR_TABLES                                                                                 \
    "LEFT JOIN attempt a ON a.id = p.journal_id "                                                  \
    "LEFT JOIN operation o ON o.id = p.journal_id "                                                \
    "LEFT JOIN dispute d ON d.id = substr(p.journal_id, 1, 30) "                                   \
    "LEFT JOIN attempt oa ON oa.id = COALESCE(o.attempt_id, d.attempt_id) "                        \
    "LEFT JOIN review_case c ON c.subject = p.journal_id AND c.posted = p.kind "                   \
    "LEFT JOIN own_booking ob ON ob.id = p.journal_id "                                            \
    "LEFT JOIN bank_row br ON br.id = p.journal_id "                                               \
    "LEFT JOIN bank_row bo ON bo.operation_id = o.id AND bo.operation_id <> '' AND bo.credit = "   \
    "CASE WHEN p.kind = 4 THEN 1 ELSE 0 END "                                                      \
    "LEFT JOIN payment py ON py.id = p.payment_id "                                                \
    "LEFT JOIN posting cp ON cp.id IN ('pst_charge_' || oa.id, 'pst_capture_' || oa.id, "          \
    "'pst_suspense_' || oa.id) "                                                                   \
    "LEFT JOIN recon_fee rf ON rf.movement_id = p.id "
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
enum { OUR_COLUMN_COUNT = 43 };
struct our_read { /* texts are borrowed until the next row */
    const char *id, *payment_id;
    enum row_kind kind;
    struct currency currency;
    int64_t amount_minor, fee_minor; /* with what of them was written off */
    struct side_fee fee;             /* its texts are borrowed as well */
    int64_t at_us;
    const char *gateway_id, *reference, *original_id;
    /* Of what was booked for a gateway's own row; of a payout due at a bank: its sender; "". */
    bool own;
    const char *sender, *batch;
    int64_t due_us; /* 0: as of any movement */
    bool probe;     /* as in struct side_row */
};
void recon_our_read(const struct sql_rows *rows, struct our_read *ret_read);
struct side_fee recon_fee_read(const struct sql_rows *rows, enum row_kind kind);
struct side_fee recon_fee_none(void); /* of what nobody keeps a fee of */

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

/* A row r that is a fee and names the payment that it was kept of: it is booked as a part of that
 * (run_fees_book.c). Other fees are the gateway's own (own.h). */
#define FEE_OF_PAYMENT "(r.kind = 6 AND (r.original_id <> '' OR r.original_reference <> ''))"
/* And rows r of statements by these. */
#define THEIR_COLUMNS                                                                              \
    "SELECT r.statement_id, r.number, r.kind, r.status, r.currency, r.gross_minor, r.fee_minor, "  \
    "r.at_us, r.gateway_id, r.reference, r.original_id, r.batch, r.description, r.method, "        \
    "CASE WHEN r.kind < 6 THEN NULL ELSE (SELECT ob.id FROM own_booking ob WHERE ob.statement_id " \
    "= r.statement_id AND ob.number = r.number AND ob.booked = 1) END, "                           \
    "CASE WHEN r.kind IN (14, 15) THEN " BANK_ROW_OF " END, "
enum { THEIR_COLUMN_COUNT = 16 };
/* One row more of a side; behind the columns stand whether it is carried, and since when it is
 * known. */
MUST_USE int recon_add_ours(struct run *run, const struct sql_rows *rows, struct err *err);
MUST_USE int recon_add_theirs(struct run *run, const struct sql_rows *rows, struct err *err);
/* id, payment_id, state, amount_minor, currency, created_us, charge_id and gateway_id of an attempt
 * that has moved nothing here. */
MUST_USE int recon_add_passing(struct run *run, const struct sql_rows *rows, struct err *err);
/* run_settled.c: what rows of this run name again, and a group of such that is as it was, which
 * counts for nothing in this run. */
MUST_USE int recon_settled_begin(struct run *run, struct err *err); /* before anything is read */
MUST_USE int recon_load_settled(struct run *run, struct store_tx *tx, struct err *err);
bool recon_as_it_was(const struct run *run, const struct match_group *group);
void recon_leave_out_settled(struct run *run);
const struct side_row *recon_member_name(const struct run *run, const struct match_group *group,
                                         enum match_side side, uint32_t i);
/* The rules that are said, and of a bank those for payouts (recon/payouts.h), where they are not
 * among them yet; texts are those of `said`, tolerances those of `terms` (NULL: none). */
void recon_rules_of(const struct match_options *said, bool bank, const struct payout_terms *terms,
                    struct run_rules *ret_rules);

/* run_unknown.c: attempts of unknown fate that a statement of their time does not tell; and their
 * class, once all were compared. */
MUST_USE int recon_load_unknown(struct run *run, struct store_tx *tx, struct err *err);
void recon_unknown_judge(struct run *run);

/* run_class.c: what the classes of the matcher mean where more is known; before anything is left
 * out of the sums. And whether a class that was kept follows from one that it found. */
void recon_classes(struct run *run);
/* run_again.c: second charges of what our operations captured; after recon_classes(). */
MUST_USE int recon_charged_again(struct run *run, struct err *err);
/* The group counts for another class: its rows move from one sum to the other. */
void recon_become(struct run *run, struct match_group *group, enum match_class to);
/* run_fees_again.c: what is to be looked at again because of a fee. run_fees.c: what was expected
 * of each fee that is told, which may make a group one of the class FEE. run_fees_book.c: the
 * books, in the transaction that writes the group. */
MUST_USE int recon_fees_begin(struct run *run, struct err *err);
void recon_fees_judge(struct run *run);
MUST_USE int recon_fees_write(struct store_tx *tx, const struct run *run,
                              const struct match_group *group, struct err *err);
/* "fee expected 0.59 EUR (agreed: eu cards), kept 0.60 EUR" of a movement that was judged. */
void recon_fee_tell(const struct side_fee *fee, struct currency currency, char *ret_text,
                    size_t bytes);
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
