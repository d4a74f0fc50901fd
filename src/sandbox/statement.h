/* SPDX-License-Identifier: Apache-2.0
 * statement.h: the statements of the simulated gateways: what a day's file has in it.
 *
 *   journal (book.h) ──line_fill()──▶ lines ──faults──▶ the file's lines ──write()──▶ bytes
 *
 * A day is one of the gateway's place. Its file is made anew each time that it is asked for, from
 * the journal alone: once the day is over it is the same bytes each time. Payouts follow from the
 * journal too: at the beginning of each day (00:00:00 there) the gateway pays out, by currency,
 * what the days up to `payout_days` before it came to (after fees, refunds and disputes), if that
 * is more than nothing; else it is carried to the next day.
 *
 * Faults of rows (fault.h) are planted between the lines and the file; what was planted is told on
 * the control port, so that who reconciles knows what there is to be found. The file's totals and
 * balances are those of its rows, unless a fault leaves them alone (totals=kept).
 * Owns: struct sb_statement is the caller's until sb_statement_free(). Threads: any. Errors:
 * ERR_VALIDATION (no such kind, no such day), ERR_NOT_FOUND (not published yet), ERR_GONE (there is
 * nothing that day, and so no file). Limits: SB_STATEMENT_BYTES_MAX bytes, SB_LINES_MAX lines. */
#ifndef HOLDFAST_SANDBOX_STATEMENT_H
#define HOLDFAST_SANDBOX_STATEMENT_H

#include "sandbox/sandbox_impl.h"

enum {
    SB_LINES_MAX = 1000000,
    SB_REFERENCE_CHARS_MAX = 128,
    SB_STATEMENT_NAME_MAX = 128,
    SB_STATEMENT_KIND_MAX = 24,
    SB_DATE_CHARS = 10,
};
#define SB_STATEMENT_BYTES_MAX (INT64_C(512) * 1024 * 1024)
#define SB_DAY_US (INT64_C(86400) * US_PER_SECOND)

/* One movement as a statement tells it. */
struct sb_line {
    enum sb_move_kind kind;
    uint32_t number;                /* of the movement; of a payout, of the payout */
    int64_t at_us, begun_us;        /* wall: when it moved; when its object was made */
    int64_t gross_minor, fee_minor; /* + comes to the shop, - goes from it; + is kept */
    struct currency currency;
    int64_t ended_us;     /* wall: when it was decided, if it was; 0 */
    bool pending, failed; /* its money has not moved (yet), or never will */
    bool copy;            /* a fault: the row before this one once more, byte for byte */
    bool undone;          /* not a refund that was asked for: the payment was taken back */
    const struct sb_entry *entry;
    const void *object;
    char id[SB_ID_CHARS_MAX + 1];   /* the gateway's, of this movement */
    char flow[SB_ID_CHARS_MAX + 1]; /* of the row itself, where rows have names of their own */
    char original_id[SB_ID_CHARS_MAX + 1];
    char batch[SB_ID_CHARS_MAX + 1];            /* the payout that it is part of */
    char reference[SB_REFERENCE_CHARS_MAX + 1]; /* the shop's; of a refund, the refund's */
    char original_reference[SB_REFERENCE_CHARS_MAX + 1];
};

struct sb_payout {
    int64_t at_us;               /* wall */
    int64_t first_day, last_day; /* of the movements in it; days of the gateway since 1970 */
    struct currency currency;
    int64_t amount_minor;
    uint32_t number;
};

/* What a fault made of a line. */
struct sb_planted {
    enum sb_fault_kind fault;
    bool copy;           /* the very same row once more */
    struct sb_line line; /* the truth */
    struct sb_line told; /* as the file has it besides or instead; of a missing row the truth */
};

struct sb_statement {
    struct sandbox *sandbox;
    enum sb_gateway gateway;
    const struct sb_statement_kind *kind;
    char date[SB_DATE_CHARS + 1];
    int64_t from_us, until_us;
    GArray *lines;   /* of struct sb_line: the file's */
    GArray *truth;   /* the same without faults */
    GArray *planted; /* of struct sb_planted */
    bool totals_kept;
    bool corrected;  /* it is without faults */
    char batch[SB_ID_CHARS_MAX + 1]; /* the payout whose rows alone are written; "": all */
    bool full;       /* there were more lines than it takes: it is not handed out */
    GArray *moves;   /* the journal, of struct sb_move */
    GArray *payouts; /* all that were made until the day's end, of struct sb_payout */
};

/* Which files there are. */
enum sb_statement_wish {
    SB_PUBLISHED,  /* such as are published */
    SB_UNFINISHED, /* that of a day which is not over as well */
    SB_FIRST,      /* the same, as the first one who asks gets it, whatever was corrected since */
};
MUST_USE int sb_statement_open(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                               const char *date, enum sb_statement_wish wish,
                               struct sb_statement **ret_statement, struct err *err);
/* The same of any time, which is not published but asked for; of no day. */
struct sb_statement *sb_statement_between(struct sandbox *sandbox, enum sb_gateway gateway,
                                          const struct sb_statement_kind *kind, int64_t from_us,
                                          int64_t until_us, bool corrected);
void sb_statement_free(struct sb_statement *statement); /* NULL is fine */
/* Somebody has it now: the next one is a corrected one, if there is such a fault. */
void sb_statement_handed(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                         const char *date);
/* Whether it was handed out before, and is to be corrected since. */
bool sb_statement_corrected(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                            const char *date);
void sb_statement_forget(struct sandbox *sandbox); /* who has which; at a reset */
/* The file's bytes and its name. False: it is larger than any that is handed out. A writer that is
 * called by other ways looks at `full` itself. */
MUST_USE bool sb_statement_write(const struct sb_statement *statement, struct buf *out,
                                 char ret_name[SB_STATEMENT_NAME_MAX]);
/* What the file's totals are of. */
const GArray *sb_statement_totals(const struct sb_statement *statement);
#define sb_line_at(lines, i) (&g_array_index((lines), struct sb_line, (i)))
static inline int64_t sb_line_net(const struct sb_line *line) {
    return line->pending || line->failed ? 0 : line->gross_minor - line->fee_minor;
}
/* A text for a row that has no quotes: with `comma` in a comma's place. NULL is "". */
void sb_statement_plain(const char *text, const char *comma, struct buf *out);
/* The currencies of the lines, at most `max`, in the order in which they come; returns how many. */
int sb_statement_currencies(const GArray *lines, struct currency *ret_list, int max);
/* What the account had before the first line. */
int64_t sb_statement_opening(const struct sb_statement *statement, struct currency currency);

/* All payouts that the gateway has made before `until_us`, the oldest first; g_array_unref(). */
GArray *sb_payouts(struct sandbox *sandbox, enum sb_gateway gateway, const GArray *moves,
                   int64_t until_us);
struct sb_id sb_payout_id(const struct sandbox *sandbox, enum sb_gateway gateway, uint32_t number);
/* Whether the movement is part of that payout. */
bool sb_payout_has(enum sb_gateway gateway, const struct sb_payout *payout,
                   const struct sb_move *move);

/* A fault may have the file end in the middle: cuts what was written. Chance goes by `name`. */
void sb_statement_truncate(struct sandbox *sandbox, enum sb_gateway gateway, bool bank,
                           const char *name, struct buf *out);
/* Chance that belongs to a thing by its name: the same each time that it is asked. */
MUST_USE bool sb_statement_strikes(const struct sandbox *sandbox, const struct sb_fault *fault,
                                   const char *name);
/* Another name that looks like one of the same kind. */
void sb_other_name(char *id);
/* "bank/camt053/2026-11-21": whether somebody has had that file, and that somebody has now. */
MUST_USE bool sb_handed_has(struct sandbox *sandbox, const char *name);
void sb_handed_add(struct sandbox *sandbox, const char *name);

/* ---- bank_days.c: the bank to which the gateways pay out ---- */
/* "camt053" or "mt940" of that day in UTC: every payout that a gateway made on it is a credit, but
 * for the faults with operation=payout. ERR_VALIDATION, ERR_NOT_FOUND (the day is not over, or it
 * is late, and the wish is for what is published). */
MUST_USE int sb_bank_day(struct sandbox *sandbox, const char *kind, const char *date,
                         enum sb_statement_wish wish, struct buf *out,
                         char ret_name[SB_STATEMENT_NAME_MAX], struct err *err);
/* What was planted in it, of struct sb_planted, and how many rows it has; g_array_unref(). */
MUST_USE int sb_bank_planted(struct sandbox *sandbox, const char *kind, const char *date,
                             GArray **ret_planted, unsigned *ret_rows, bool *ret_corrected,
                             struct err *err);

/* ---- bank_credits.c: what came to the account, as the bank tells it ---- */
struct sb_credit {
    struct sb_payout payout;
    enum sb_gateway gateway;
    char id[SB_ID_CHARS_MAX + 1];      /* the payout's */
    char bank_id[SB_ID_CHARS_MAX + 1]; /* what the bank calls it goes by this */
};
/* Of struct sb_credit, up to `until_us`, the oldest first, each day's with its faults; what was
 * planted since `from_us` is added to `planted`, which may be NULL. g_array_unref(). */
GArray *sb_bank_credits(struct sandbox *sandbox, const char *kind, int64_t from_us,
                        int64_t until_us, enum sb_statement_wish wish, GArray *planted);
/* "bank/camt053/2026-11-21", and whether that file was handed out and is to be corrected since. */
void sb_bank_file(const char *kind, const char *date, char ret_name[SB_STATEMENT_NAME_MAX]);
MUST_USE bool sb_bank_corrected(struct sandbox *sandbox, const char *kind, const char *date);

/* ---- adyen_batches.c: settlement details in Adyen's layout, under Adyen's URL ---- */
#define SB_REPORT_BYTES_MAX (INT64_C(64) * 1024 * 1024)
void sb_adyen_write(const struct sb_statement *statement, struct buf *out);
void sb_adyen_name(const struct sb_statement *statement, char *ret_name, size_t bytes);
/* GET /reports/download/MerchantAccount/GATEWAY/settlement_detail_report_batch_N.csv */
void sb_adyen_call(struct sandbox *sandbox, const struct http_request *request,
                   const char *account, const char *file, struct http_reply *reply);

/* ---- statement_publish.c: files put into a folder, as PayPal's and banks' are ---- */
/* Those of the last days that are published and not there yet, or other ones since; as JSON, which
 * files. ERR_STATE: there is no folder. */
MUST_USE int sb_statement_publish(struct sandbox *sandbox, struct buf *out, struct err *err);
void sb_publish_call(struct sandbox *sandbox, struct http_reply *reply);

/* ---- statement_control.c: of the control port ---- */
void sb_statement_call(struct sandbox *sandbox, const struct http_request *request,
                       struct http_reply *reply);
void sb_planted_call(struct sandbox *sandbox, const struct http_request *request,
                     struct http_reply *reply);

#endif
