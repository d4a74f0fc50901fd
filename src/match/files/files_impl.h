/* SPDX-License-Identifier: Apache-2.0
 * files_impl.h: what the files of files.c's pipeline share. Nobody else includes it.
 *
 *   files_side    a file as rows by number: its index, which rows are open, what is wrong with it
 *   files_quick   what a ref needs of a row, without turning every field into something
 *   files_keys    keys in few words, without losing any of them
 *   files_parts   refs by partition, in memory or beyond
 *   files_join    the partitions of one side against the other's
 *   files_rows    rows as match_run() has them, into it and out of it
 *   files_rest    what is left: at once, or in
 *   files_pieces  pieces, of which
 *   files_batch   finds the batches
 *   files_explain why a row is where it is
 *   files_report  the report's folder */
#ifndef HOLDFAST_MATCH_FILES_IMPL_H
#define HOLDFAST_MATCH_FILES_IMPL_H

#include <glib.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "base/mapped.h"
#include "base/outfile.h"
#include "base/task.h"
#include "match/files/files.h"
#include "statement/map_impl.h"

/* Few bytes, without a call. */
static inline bool same_bytes(const char *a, const char *b, uint32_t count) {
    uint64_t x, y;
    uint32_t at = 0, v, w;
    for (; at + sizeof x <= count; at += (uint32_t)sizeof x) {
        __builtin_memcpy(&x, a + at, sizeof x);
        __builtin_memcpy(&y, b + at, sizeof y);
        if (x != y) {
            return false;
        }
    }
    if (at + sizeof v <= count) {
        __builtin_memcpy(&v, a + at, sizeof v);
        __builtin_memcpy(&w, b + at, sizeof w);
        if (v != w) {
            return false;
        }
        at += (uint32_t)sizeof v;
    }
    for (; at < count; at++) {
        if (a[at] != b[at]) {
            return false;
        }
    }
    return true;
}

static inline void copy_bytes(char *to, const char *from, uint32_t count) {
    uint64_t eight;
    uint32_t at = 0;
    if (count < sizeof eight) {
        for (; at < count; at++) {
            to[at] = from[at];
        }
        return;
    }
    for (; at + sizeof eight < count; at += (uint32_t)sizeof eight) {
        __builtin_memcpy(&eight, from + at, sizeof eight);
        __builtin_memcpy(to + at, &eight, sizeof eight);
    }
    at = count - (uint32_t)sizeof eight; /* the last ones once more, where they overlap */
    __builtin_memcpy(&eight, from + at, sizeof eight);
    __builtin_memcpy(to + at, &eight, sizeof eight);
}

/* ---- refs: rows as partitions hold them ---- */

/* What must agree of two rows of one key, in one number: kind (5 bits), status (2), currency (3
 * letters of 5 bits). */
typedef uint32_t row_face;
enum { FACE_BITS = 22, STATUS_SHIFT = 5, CURRENCY_SHIFT = 7, LETTER_BITS = 5 };

static inline row_face face_of(enum row_kind kind, enum row_status status,
                               struct currency currency) {
    uint32_t letters = 0;
    for (int i = 0; i < CURRENCY_CHARS; i++) {
        letters = letters << LETTER_BITS | (uint32_t)(currency.code[i] - 'A');
    }
    return (uint32_t)kind | (uint32_t)status << STATUS_SHIFT | letters << CURRENCY_SHIFT;
}
static inline enum row_kind face_kind(row_face face) {
    return (enum row_kind)(face & 31);
}
static inline enum row_status face_status(row_face face) {
    return (enum row_status)(face >> STATUS_SHIFT & 3);
}
static inline struct currency face_currency(row_face face) {
    struct currency currency = {{0}};
    for (int i = 0; i < CURRENCY_CHARS; i++) {
        int shift = CURRENCY_SHIFT + LETTER_BITS * (CURRENCY_CHARS - 1 - i);
        currency.code[i] = (char)('A' + (face >> shift & 31));
    }
    return currency;
}

/* What the quick look at a row finds. `key` is borrowed. */
struct quick_row {
    int64_t amount_minor, fee_minor;
    row_face face;
    uint32_t key_bytes; /* 0: the row has none */
    const char *key;
    uint32_t other_bytes; /* of the other key, the reference, in a pass by id */
    const char *other;
};

/* ---- keys ---- */

/* What the keys of a run look like (files_keys.c): so many bytes, the first of them always the
 * same; what follows are digits of base 16 where `letters` is not 0, else any bytes. */
enum { KEY_WORDS_MAX = 8 };
struct key_shape {
    uint32_t prefix_bytes, key_bytes; /* with the prefix; 0: no key is as it says */
    uint64_t letters, prefix_mask;    /* which bits of its first eight bytes are the prefix */
    int words;                        /* of a key, at least 1 */
    char prefix[ROW_ID_CHARS_MAX];
};
/* From some records of both files; MAP_ROLE_COUNT: there are no keys. */
struct files_run;
void keys_look(const struct files_run *run, enum map_role role, struct key_shape *ret_shape);
/* True: the key is as the shape says, and these are its words; no other key has them. False: it is
 * not, and words[0] is a hash of it. Either way words[0] has no pattern that the keys had. */
bool key_to_words(const struct key_shape *shape, const char *key, uint32_t bytes,
                  uint64_t words[KEY_WORDS_MAX]);

/* ---- refs: rows as partitions hold them ---- */

/* A ref is words of 64 bits, two for most rows:
 *   what    from its lowest bit: how many rows after the ref before it in its chunk (14 bits),
 *           MORE, kind (5), currency (3 letters of 5), amount (29, with a sign)
 *   key     words[0] of key_to_words()
 *   more    with MORE: the other key's hash (32), words of the ref (8), bytes of a raw key (8),
 *           OTHER, FEE, WIDE
 *   the other words of a key that is as the shape says
 *   fee     with FEE
 *   wide    with WIDE: the amount, then the row (32) and the face (32): a row that is not DONE, is
 *           far from the one before it, or has an amount of many digits
 *   raw     a key that is not as the shape says, zeros behind it
 * What is DONE and has no MORE agrees when `what` does, but for the row. */
struct ref {
    uint64_t what, key, more;
};
enum {
    REF_STEP_BITS = 14,
    REF_MORE_SHIFT = REF_STEP_BITS,
    REF_KIND_SHIFT = REF_MORE_SHIFT + 1,
    REF_LETTERS_SHIFT = REF_KIND_SHIFT + 5,
    REF_AMOUNT_SHIFT = REF_LETTERS_SHIFT + CURRENCY_CHARS * LETTER_BITS,
    REF_WORDS_SHIFT = 32,
    REF_RAW_SHIFT = REF_WORDS_SHIFT + 8,
    REF_OTHER_SHIFT = REF_RAW_SHIFT + 8,
    REF_FEE_SHIFT = REF_OTHER_SHIFT + 1,
    REF_WIDE_SHIFT = REF_FEE_SHIFT + 1,
    REF_BYTE_BITS = 255,
    REF_WORDS_MAX = 3 + KEY_WORDS_MAX - 1 + 1 + 2 + ROW_ID_CHARS_MAX / 8,
    REF_BYTES_MAX = REF_WORDS_MAX * 8,
};
#define REF_STEP_MAX ((UINT64_C(1) << REF_STEP_BITS) - 1)
#define REF_MORE (UINT64_C(1) << REF_MORE_SHIFT)
#define REF_AMOUNT_MAX ((INT64_C(1) << (63 - REF_AMOUNT_SHIFT)) - 1)

/* What a ref tells, but for its key. */
struct ref_told {
    int64_t amount_minor, fee_minor; /* AMOUNT_UNSAID: no fee is told */
    uint32_t other;
    bool has_other;
    row_face face;
};

static inline uint32_t ref_words(const struct ref *ref, int key_words) {
    return (ref->what & REF_MORE) != 0 ? (uint32_t)(ref->more >> REF_WORDS_SHIFT) & REF_BYTE_BITS
                                       : (uint32_t)key_words + 1;
}
static inline uint32_t ref_bytes(const struct ref *ref, int key_words) {
    return ref_words(ref, key_words) * (uint32_t)sizeof(uint64_t);
}
static inline bool ref_has(const struct ref *ref, int shift) {
    return (ref->what & REF_MORE) != 0 && (ref->more >> shift & 1) != 0;
}
static inline uint32_t ref_raw_bytes(const struct ref *ref) {
    return (ref->what & REF_MORE) != 0 ? (uint32_t)(ref->more >> REF_RAW_SHIFT) & REF_BYTE_BITS : 0;
}
static inline enum row_kind ref_kind(const struct ref *ref) {
    return (enum row_kind)(ref->what >> REF_KIND_SHIFT & 31);
}
/* Of the ref that stands behind the row `before`; of a chunk's first, before is its chunk's row. */
uint32_t ref_row(const struct ref *ref, int key_words, uint32_t before);
void ref_tell(const struct ref *ref, int key_words, struct ref_told *ret_told);
/* A key that is kept as it is, and how many bytes it has. */
const char *ref_raw(const struct ref *ref, int key_words, uint32_t *ret_bytes);
/* Whether both are of one family and have one key. */
bool ref_same_key(const struct ref *a, const struct ref *b, int key_words);

/* ---- sets of rows ---- */

struct rowset {
    _Atomic uint64_t *words;
    size_t words_max;
};
void rowset_init(struct rowset *set);
void rowset_release(struct rowset *set);
/* Room for these rows; while nobody else uses it. */
void rowset_grow(struct rowset *set, uint32_t rows);
static inline void rowset_add(struct rowset *set, uint32_t row) {
    atomic_fetch_or_explicit(&set->words[row / 64], UINT64_C(1) << row % 64, memory_order_relaxed);
}
static inline void rowset_remove(struct rowset *set, uint32_t row) {
    atomic_fetch_and_explicit(&set->words[row / 64], ~(UINT64_C(1) << row % 64),
                              memory_order_relaxed);
}
static inline bool rowset_has(const struct rowset *set, uint32_t row) {
    return (atomic_load_explicit(&set->words[row / 64], memory_order_relaxed) >> row % 64 & 1) != 0;
}
int64_t rowset_count(const struct rowset *set, uint32_t rows);
void rowset_empty(struct rowset *set);

/* Hashes of 32 bits. Beyond HASHSET_EXACT_MAX it has more than were put in, never fewer. */
enum { HASHSET_EXACT_MAX = 8 * 1024 * 1024 };
struct hashset {
    uint32_t *slots; /* 0 is free */
    size_t slot_count, used;
    uint64_t *bits;
    bool has_zero;
};
uint32_t key_hash(const char *key, size_t bytes);
void hashset_init(struct hashset *set);
void hashset_release(struct hashset *set); /* twice is fine */
void hashset_add(struct hashset *set, uint32_t hash);
bool hashset_has(const struct hashset *set, uint32_t hash);

/* ---- one side's file ---- */

enum { INDEX_ROWS = 64, STEP_ROWS = 16, PROBLEMS_KEPT = 10000 };
struct side_mark { /* where each 64th row is to be found */
    uint64_t at;
    int64_t line;
    /* Where these rows are on lines of their own: how far behind it each 16th is; else 0. */
    uint16_t steps[INDEX_ROWS / STEP_ROWS - 1];
};
struct side {
    enum match_side which;
    const struct files_side *source;
    struct mapped *file;
    char sha256[SHA256_HEX_CHARS + 1]; /* "": not asked for */
    /* Of a file that a reader read: its rows, one a line, as csv_map_canonical() has them, and on
     * which line of the file each was. */
    struct mapped *told;
    struct spill *rows_told;
    GArray *lines; /* int64_t; NULL: the file is read as it is */
    const char *bytes;
    size_t count;
    const struct csv_map *map;
    struct map_shape shape;
    struct map_binding binding;
    size_t begin; /* of the rows */
    int64_t begin_line;
    struct side_mark *index;
    size_t index_max;
    uint32_t rows;
    /* Not settled by its key alone; such as the rules by id, by reference take (a key of both
     * sides); such as an id settles whose reference is on the other side once more. */
    struct rowset open, by_id, by_reference, linked;
    struct rowset picked; /* such as are to be read next */
    GArray *loose;    /* uint32_t: hashes of the other key of rows without a key */
    GArray *problems; /* struct files_problem */
    int64_t problem_count;
    /* Whether it must be known up to when the file tells; then when money moved last by its rows,
     * the end of the period that it tells (0: it does not), and which columns tell that (-1). */
    bool asks_until;
    int64_t last_us, until_us;
    int period_columns[2];
    _Atomic int64_t done; /* bytes, for the progress */
    _Atomic bool *stop;
};

struct side_records {
    const struct side *side;
    struct csv csv;
    bool ended; /* by the footer */
    int count;
    int64_t line;
    const char *why;
    struct csv_field fields[CSV_FIELDS_MAX];
};

/* Maps the file and binds its header, unless a reader reads it: then side_told() does, into a file
 * without a name in `folder`. What is wrong with the header is an error; with rows, problems. */
MUST_USE int side_open(struct side *side, enum match_side which, const struct files_side *source,
                       struct err *err);
MUST_USE int side_told(struct side *side, const char *folder, struct err *err);
MUST_USE int side_bind(struct side *side, struct err *err);
/* The line of the file on which the row is that stands on this line of what is read. */
int64_t side_line(const struct side *side, int64_t line);
/* These bytes of what is read were used. */
void side_forget(const struct side *side, size_t from, size_t until);
void side_close(struct side *side); /* what was never opened is fine */
void side_tell(struct side *side, enum statement_problem problem, int64_t line, const char *text);
void side_records_begin(const struct side *side, struct side_records *records);
/* From the row that this mark is of. */
void side_records_at(const struct side *side, struct side_records *records, size_t mark);
MUST_USE enum csv_result side_next(struct side_records *records);
void side_mark_row(struct side *side, const struct side_records *before);
/* The last row that was marked, and the 63 behind it, are these records. */
void side_mark_steps(struct side *side, const struct csv_alike *alike);

/* Rows of a set, in their order, whole. The words of a set that are wanted, from how they stand. */
typedef uint64_t side_wanted(const struct side *side, size_t word);
typedef int side_visit(void *ctx, const struct side *side, uint32_t row,
                       const struct statement_row *told, struct err *err);
MUST_USE int side_sweep(struct side *side, side_wanted *wanted, side_visit *visit, void *ctx,
                        struct err *err);
/* One row by its number: `records` and `text` are the caller's room. */
MUST_USE int side_row(const struct side *side, uint32_t row, struct side_records *records,
                      struct map_text *text, struct statement_row *ret_row, struct err *err);

/* ---- partitions ---- */

enum { PARTS_MAX = 2048 };
struct chunk {
    struct chunk *next;
    char *memory; /* NULL: in the spill, `at` */
    int64_t at;
    uint32_t used;
    uint32_t row; /* its first ref's step is from here */
};
struct part {
    struct chunk *first, *last;
    int64_t refs;
};
struct parts {
    int count;            /* a power of two */
    int shift;            /* of a hash, to the number of its partition */
    uint32_t chunk_bytes; /* a power of two */
    struct key_shape shape;
    _Atomic int64_t chunks_left;
    struct spill **spill; /* opened when it is needed */
    const char *folder;
    struct lock lock; /* of `spill` being opened */
    struct part of[MATCH_SIDES][PARTS_MAX];
    GPtrArray *slabs[MATCH_SIDES]; /* each side's writer has its own */
    uint32_t slab_used[MATCH_SIDES];
};
/* `shape`: of the keys; NULL: there are none. */
void parts_init(struct parts *parts, int count, uint32_t chunk_bytes, int64_t memory_bytes,
                const struct key_shape *shape, struct spill **spill, const char *folder);
void parts_release(struct parts *parts);

/* One side's way into the partitions; one task each. Rows come in their order. */
struct parts_writer {
    struct parts *parts;
    enum match_side side;
    struct {
        char *at;
        uint32_t row;              /* of the last ref */
        uint16_t words_left, refs; /* of the chunk at hand */
    } cursors[PARTS_MAX];
};
void parts_writer_init(struct parts_writer *writer, struct parts *parts, enum match_side side);
/* Into the partition of its key; or a row alone, without one, into this partition. */
MUST_USE int parts_add(struct parts_writer *writer, const struct quick_row *row, uint32_t number,
                       struct err *err);
MUST_USE int parts_put_row(struct parts_writer *writer, int to, uint32_t number, struct err *err);
/* Before the partitions are read. */
void parts_writer_end(struct parts_writer *writer);
/* The refs of a chunk: in memory, or read into `room` (chunk_bytes). */
MUST_USE int chunk_refs(const struct parts *parts, const struct chunk *chunk, char *room,
                        const char **ret_refs, struct err *err);

/* ---- sums ---- */

struct sums {
    struct match_sum rows[FILES_SUMS_MAX];
    int count, last;
};
/* False: beyond int64. */
MUST_USE bool sums_add(struct sums *sums, const struct match_sum *more);
/* By currency, then class; what came to nothing is none. And what is allowed, by currency. */
void sums_out(const struct sums *sums, struct files_figures *figures);
/* A group that differs by so much within its rule's tolerance. ERR_AMOUNT, ERR_TOO_LARGE. */
MUST_USE int files_allow(struct files_figures *figures, struct currency currency,
                         int64_t difference_minor, struct err *err);

/* ---- a run ---- */

struct files_run {
    const struct files_request *request;
    struct side sides[MATCH_SIDES];
    struct parts parts;
    struct spill *spill;
    struct sums *sums;
    struct files_figures *figures;
    /* Of the days that are waited; NULL: nothing is waited for. `utc` is its own. */
    const struct time_zone *zone;
    struct time_zone *utc;
    int64_t memory_bytes;
    int tasks;
    enum map_role key;            /* of the pass at hand */
    bool by_batch;                /* there is such a rule */
    bool looks_whole;             /* rule 7: a pair of one key is not settled by what it tells */
    bool second;                  /* it is one over what the first left */
    bool links;                   /* both files have both keys */
    struct hashset wanted, found; /* other keys: of theirs that are left; of ours that are linked */
    struct rest *rest;            /* while files_rest() runs */
    struct explaining *explaining; /* while explain_row() does */
    const char *doing;
    _Atomic int64_t done;
    int64_t whole; /* 0: the bytes of the sides tell */
    _Atomic int next_part;
    _Atomic bool stop;
};
/* Runs `work(run, number, err)` for numbers below `count` (1 or 2), in tasks of their own, and
 * tells the progress. The error of the lower number is the one. */
typedef int files_work(struct files_run *run, int number, struct err *err);
MUST_USE int files_together(struct files_run *run, const char *doing, int64_t whole,
                            files_work *work, int count, struct err *err);

/* The rules of the run, against the moment up to which their file tells. */
void files_options(const struct files_run *run, struct match_options *ret_options);
MUST_USE int files_read(struct files_run *run, int number, struct err *err);
MUST_USE int files_join(struct files_run *run, int number, struct err *err);
/* After a pass by id, before its partitions go: what match.h's REFERENCE looks at once more, rows
 * that an id has settled whose reference stands on a row of theirs that no id has. files_want()
 * finds such references (one task), files_link() opens the rows. */
MUST_USE int files_want(struct files_run *run, int number, struct err *err);
MUST_USE int files_link(struct files_run *run, int number, struct err *err);

/* ---- what is left, as match_run() has it ---- */

struct texts {
    GPtrArray *blocks;
    size_t used;
};
struct rows {
    const struct files_run *run;
    GArray *of[MATCH_SIDES];         /* struct match_row */
    GArray *numbers[MATCH_SIDES];    /* uint32_t: which row of its file each is */
    struct texts texts[MATCH_SIDES]; /* each side's task has its own */
};
void rows_init(struct rows *rows, const struct files_run *run);
void rows_release(struct rows *rows);
void rows_add(struct rows *rows, enum match_side side, uint32_t number,
              const struct statement_row *told);
/* A side_visit, of a struct rows; counts for the progress. */
MUST_USE int rows_keep(void *ctx, const struct side *side, uint32_t row,
                       const struct statement_row *told, struct err *err);

enum report_list { LIST_BREAKS, LIST_EXPECTED, LISTS };
/* Before the lines of a group, where they are held until those of all pieces are there. */
struct list_head {
    uint64_t order, bytes, list;
};
/* Where the lines of a piece are, and how far they are read. */
struct piece_run {
    int64_t at, end; /* in the spill */
    GByteArray *held;
    size_t used;
    struct list_head head; /* order UINT64_MAX: all are read */
};
struct matching {
    struct files_run *run;
    struct report *report;
    GString *lines; /* of the group at hand */
    bool in_pieces;
    GByteArray *held; /* of the piece at hand: heads, each with its lines behind it */
    GArray *runs;     /* struct piece_run */
};
/* With `taken_only`, what no rule took stays open for whoever comes next. */
MUST_USE int matching_run(struct matching *matching, const struct rows *rows,
                          const struct match_options *options, bool taken_only, struct err *err);

/* What the tasks of files_rest() share. */
struct rest {
    struct rows rows;
    struct matching matching;
    struct parts_writer writer[MATCH_SIDES];
    int pieces; /* a power of two */
    struct batching *batching; /* while files_batches() runs */
    uint32_t load;             /* of its batches, the one at hand */
};
/* What match_run() is to see, and into the report with what it says. */
MUST_USE int files_rest(struct files_run *run, struct report *report, struct err *err);
/* How many rows of the rest fit into memory; the folder for what does not. */
int64_t files_rest_fits(const struct files_run *run);
const char *files_spill(const struct files_run *run);
MUST_USE int files_pieces(struct files_run *run, int64_t left, struct err *err);
/* ERR_TOO_LARGE: so many rows, which belong together, are too many. */
MUST_USE int piece_fits(const struct files_run *run, int64_t rows, const char *what,
                        struct err *err);
/* The lines that a piece has made are put aside. */
MUST_USE int piece_end(struct matching *matching, struct err *err);
/* A side_wanted: what is open and no rule by a key takes. */
uint64_t side_keyless(const struct side *side, size_t word);
/* After both files were read without a key (files_explain()). */
MUST_USE int explain_row(struct files_run *run, const char *row,
                         struct files_explained *ret_explained, struct err *err);
/* In pieces: what BATCH takes. Behind what is asked once more, since REFERENCE comes first. */
MUST_USE int files_batches(struct files_run *run, int64_t left, struct err *err);

/* ---- the report ---- */

struct report;
MUST_USE int report_open(const struct files_run *run, struct report **ret_report, struct err *err);
/* Adds the lines of a group that is listed: a break, or expected. */
void report_group(const struct files_run *run, const struct match *match,
                  const struct match_options *options, const struct match_group *group,
                  GString *lines);
/* The lines of the next group, onto which its number is put. */
void report_lines(struct report *report, enum report_list list, const char *lines, size_t count);
/* The summary, and the names; the struct is gone, whatever comes of it. */
MUST_USE int report_close(struct report *report, const struct files_run *run, struct err *err);
void report_drop(struct report *report); /* NULL is fine */
/* problems.csv alone. */
MUST_USE int report_problems(const struct files_run *run, struct err *err);

/* The page and the workbook, from the lines of breaks.csv as they come. */
struct people;
MUST_USE int people_open(const struct files_run *run, struct people **ret_people, struct err *err);
/* The lines of one break. */
void people_group(struct people *people, const char *lines, size_t count);
/* When all figures are there. Afterwards people_take() gives the files that are to be finished and
 * named, and the struct is gone. */
MUST_USE int people_write(struct people *people, const struct files_run *run, struct err *err);
enum { PEOPLE_FILES = 2 };
void people_take(struct people *people, struct outfile *ret_files[PEOPLE_FILES]);
void people_drop(struct people *people); /* NULL is fine */
/* The digest of a side's file, into the side. */
MUST_USE int people_digest(struct files_run *run, int number, struct err *err);

/* ---- the quick look ---- */

enum { QUICK_TIME_MAX = 32, QUICK_CURRENCY_BITS = 6, QUICK_CURRENCIES = 1 << QUICK_CURRENCY_BITS };
enum quick_number {
    QUICK_CENTURY,
    QUICK_MONTH,
    QUICK_DAY,
    QUICK_HOUR,
    QUICK_MINUTE,
    QUICK_SECOND,
    QUICK_NUMBERS
};
/* A time's pattern whose pieces are of fixed width: which bytes are digits, and what the others
 * are. `count` 0: it is none. */
struct quick_form {
    int count;
    uint32_t date_bytes; /* so many at its beginning tell the day, the others the time; 0: mixed */
    int8_t at[QUICK_NUMBERS]; /* -1: it is not told */
    uint8_t digits[QUICK_TIME_MAX], literals[QUICK_TIME_MAX];
};
struct quick {
    const struct csv_map *map;
    const struct map_binding *binding;
    bool possible;
    int key, other;                        /* roles; -1: it is not wanted */
    int texts[MAP_ROLE_COUNT], text_count; /* columns of ids and names */
    struct quick_form forms[MAP_PATTERNS_MAX];
    /* What the last row had: words of no more than eight bytes, the form of its time. */
    struct quick_word {
        uint64_t eight, mask;
        uint32_t bytes;
        const struct map_word *word;
    } kind, status;
    int form;
    struct quick_currency {
        struct currency currency;
        int decimals;
        uint32_t code; /* as the file writes it; 0: none yet */
        row_face face;
    } currencies[QUICK_CURRENCIES];
    const struct quick_currency *currency; /* of the row at hand */
    int8_t signs[ROW_KIND_COUNT];
    /* The last date, as 20250901, and whether the clocks of the map's zone changed on it. */
    int date;
    bool changes;
    /* What the last row's time began with, of its form: a day that was found sound. */
    char day[QUICK_TIME_MAX];
    int day_form; /* -1: none yet */
    int date_last; /* later ones are left to csv_map_row() */
};
/* `key` MAP_ROLE_COUNT: none; `other`: the reference is wanted beside it. */
void quick_init(struct quick *quick, const struct map_binding *binding, enum map_role key,
                bool other);
/* False: it takes more than a quick look (csv_map_row()). */
MUST_USE bool quick_look(struct quick *quick, const struct side_records *records,
                         struct quick_row *ret_row);

#endif
