/* SPDX-License-Identifier: Apache-2.0
 * files.h: two files against each other, without a service and however large they are.
 *
 *   read      each file by a task of its own: records bound to the map's columns, each row checked
 *             whole, its key and what must agree put into a partition by the key's hash
 *   join      partition by partition: a key that stands once on each side, and agrees in kind,
 *             status DONE, currency, amount and fee, is MATCHED: counted and summed, nothing more
 *   the rest  what is left, usually a hundredth, is read again and goes to match_run()
 *   report    every row in exactly one bucket; what is a break, one by one
 *
 *   1. The classes are those that match_run() with these rules gives for all rows at once. A
 *      group that a key makes is never torn: all rows of a key go the same way. The key is the
 *      gateway's id where both files have the column; what no id puts together, and where there is
 *      none, is joined by reference.
 *   2. When the rest does not fit into memory it is worked through in pieces. A piece has whole
 *      groups by id and by reference, and of what no key puts together all rows of one currency and
 *      amount: what ORIGINAL and AMOUNT_TIME compare is in one piece. Batches come before them,
 *      each whole. Only a batch, or what is of one currency and one amount, beyond memory is
 *      refused.
 *   3. The same two files give the same bytes, whatever the memory and the number of tasks.
 *   4. A file is taken whole or not at all: with one damaged row there are problems.csv and
 *      ERR_VALIDATION, and nothing is matched.
 *   5. Reports have their names only when all is done (base/outfile.h), and only if neither file
 *      changed meanwhile (base/mapped.h).
 *   6. Asked to wait, ours is EXPECTED, not missing, until so many business days after it moved are
 *      over at the moment up to which their file tells. Where nobody names it, that is the end of
 *      the period that the file tells, or else the last moment at which, by its rows, money has
 *      moved: not a payout's, which may be dated when it will arrive, nor one of what is open or
 *      failed; and nothing that is still to come. expected.csv has such rows, and when they are
 *      due.
 *   7. Other rules are those of match/match_set.h, of which gateway_id stands before reference, and
 *      both before batch, original and amount_time, in that order. Where a rule by a key says what
 *      time is usual, its pairs are looked at whole and not settled by their key: slower, the same
 *      answers.
 * Memory: rows as refs (16 bytes for most: files_impl.h) up to what is allowed, beyond it in a file
 * without a name in the report's folder; beside it about one byte a row, and some megabytes.
 * Owns: nothing. Threads: one at a time; starts `tasks` of its own. Errors: ERR_VALIDATION (damaged
 * rows, a column that is not there), ERR_IO, ERR_EXISTS (the report's folder), ERR_TOO_LARGE,
 * ERR_AMOUNT (sums beyond int64), ERR_GONE (tick() said no). Limits: 4,000 million rows a file. */
#ifndef HOLDFAST_MATCH_FILES_H
#define HOLDFAST_MATCH_FILES_H

#include "match/match_set.h"
#include "match/report.h"
#include "statement/map.h"

#define FILES_MEMORY_USUAL (INT64_C(512) << 20)
#define FILES_MEMORY_LEAST (INT64_C(64) << 20)
enum { FILES_PROBLEMS_SHOWN = 20, FILES_CURRENCIES_MAX = 200 };
enum { FILES_SUMS_MAX = FILES_CURRENCIES_MAX * CLASS_COUNT };

struct files_progress {
    const char *doing;   /* "reading" */
    int64_t done, whole; /* of the same thing, bytes or rows */
};

struct files_side {
    const char *path;
    const struct csv_map *map;             /* of the file; or of none, with `reader` */
    const struct statement_reader *reader; /* NULL: by the map alone */
    const char *time_zone;                 /* for the reader; NULL */
};
struct files_request {
    struct files_side sides[MATCH_SIDES];
    const char *report;   /* the folder: a new one, or an empty one */
    const char *spill;    /* the folder for what does not fit into memory; NULL: the report's */
    int64_t memory_bytes; /* 0: FILES_MEMORY_USUAL */
    int tasks;            /* 1 or 2; 0: 2 */
    /* Beside breaks.csv and the summaries a page and a workbook: report.html (match/report.h: the
     * first REPORT_BREAKS_SHOWN rows), breaks.xlsx (base/xlsx.h: the first ten million). They take
     * some microseconds a row of a break, and the files are read once more, for their digests
     * (crypto_init() comes first). */
    bool for_people;
    /* Rule 6: business days (Monday to Friday, of the zone of their map, else of UTC), and up to
     * when their file tells; 0: as it says itself, for which each of their rows is read whole. */
    bool waits;
    int wait_days;
    int64_t told_until_us;
    /* Rows later than this by more than ROW_AHEAD_US are problems; 0: none is. */
    int64_t now_us;
    const struct match_set *rules; /* rule 7; NULL: the usual ones */
    enum report_language language;
    const char *command; /* by which it is done again, for the page; NULL */
    /* Called about ten times a second by whoever called; false ends it. NULL is fine. */
    bool (*tick)(void *ctx, const struct files_progress *progress);
    void *ctx;
    /* For tests: so few rows of the rest in a piece, bytes in a chunk, partitions; 0: as fits. */
    int64_t piece_rows, chunk_bytes;
    int partitions;
};

struct files_problem {
    enum match_side side;
    enum statement_problem problem;
    int64_t line;
    char text[201];
};
/* Of a currency: groups whose sums differ by no more than their rule allows, and by how much in
 * all, where it is more there and where it is less (both without a sign). */
struct files_allowed {
    struct currency currency;
    int64_t groups, more_minor, less_minor;
};
struct files_figures {
    int64_t rows[MATCH_SIDES], bytes[MATCH_SIDES];
    int64_t joined;            /* pairs that were matched by their key alone */
    int64_t rest[MATCH_SIDES]; /* rows that match_run() saw */
    int64_t pieces;            /* in which it saw them */
    int64_t spilled;           /* bytes that did not fit into memory */
    int64_t breaks;            /* groups whose class is a break */
    int64_t told_until_us;     /* of rule 6; 0: nothing was waited for */
    bool told_by_period;       /* it is the end of the period that their file tells */
    int64_t problems[MATCH_SIDES];
    struct files_problem shown[FILES_PROBLEMS_SHOWN]; /* the first, ours before theirs */
    int shown_count;
    int sum_count;
    struct match_sum sums[FILES_SUMS_MAX]; /* by currency, then class */
    int allowed_count;
    struct files_allowed allowed[FILES_CURRENCIES_MAX]; /* by currency */
};

/* Whether both told the very same: every row is MATCHED. */
bool files_same(const struct files_figures *figures);
/* What is no break and yet not the same, as one sentence: what differs within the rules' tolerance
 * and by how much, what is expected, the gateway's own rows, what moved nothing. "" when
 * files_same(), or when nothing but breaks is left. */
enum { FILES_WORDS_MAX = 4096 };
const char *files_words(const struct files_figures *figures, char ret_words[FILES_WORDS_MAX]);

/* The maps of both sides from one file: what stands under its keys `ours` and `theirs`; without
 * them the file is one map, for both (*ret_theirs is another copy). ERR_CONFIG, ERR_IO. */
MUST_USE int files_maps_load(const char *path, struct csv_map **ret_ours,
                             struct csv_map **ret_theirs, struct err *err);

/* The same of a text; `name` for messages. ERR_CONFIG. */
MUST_USE int files_maps_read(const char *name, const char *text, size_t count,
                             struct csv_map **ret_ours, struct csv_map **ret_theirs,
                             struct err *err);

/* `ret_figures` is large: not for a stack. It is filled as far as it came, also on failure. */
MUST_USE int files_reconcile(const struct files_request *request, struct files_figures *ret_figures,
                             struct err *err);

/* Why a row is where it is, rule by rule (match_explain()). `row` is a line, "ours:12" or
 * "theirs:7", or else the reference or id of rows: then it is about those of ours, where ours have
 * it. Both files are read once, and once more for each rule, for what bears on these rows; that is
 * matched as all rows would be. Numbers in the sentences are lines of the files.
 * `request` as for files_reconcile(); its `report` is not asked for, but `spill` or it where a file
 * needs a reader. ERR_NOT_FOUND; ERR_TOO_LARGE: more bears on it than fits into memory. */
enum { FILES_EXPLAINED_MAX = 10, FILES_NAMED_MAX = 60 };
struct files_explained {
    int count;
    int64_t more; /* rows that bear the name beyond these */
    struct files_explained_row {
        enum match_side side;
        int64_t line;
        enum match_class class;
        char *text; /* owned; sentences of one line each */
    } rows[FILES_EXPLAINED_MAX];
    /* What the sentences may name; first what is in one group with them. `key` is masked. */
    int named_count;
    struct files_named_row {
        enum match_side side;
        int64_t line;
        enum row_kind kind;
        enum row_status status;
        struct currency currency;
        int64_t amount_minor, at_us;
        enum match_class class;
        char key[65];
    } named[FILES_NAMED_MAX];
};
MUST_USE int files_explain(const struct files_request *request, const char *row,
                           struct files_figures *ret_figures,
                           struct files_explained *ret_explained, struct err *err);
void files_explained_release(struct files_explained *explained); /* twice is fine */

#endif
