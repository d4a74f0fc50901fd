/* SPDX-License-Identifier: Apache-2.0
 * statement.c: the names of what a statement can tell, and the choice of its reader. */
#include "statement/statement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "statement/seems.h"

static const struct {
    const char *name;
    enum row_family family;
    int sign;
} kinds[ROW_KIND_COUNT] = {
#define X(name, number, text, family, sign, what) [ROW_##name] = {text, FAMILY_##family, sign},
#include "statement/row_kinds.def"
#undef X
};

static const char *const statuses[] = {
#define X(name, number, text, what) [ROW_##name] = text,
#include "statement/row_statuses.def"
#undef X
};

static const char *const problems[] = {
#define X(name, text, what, mend) [PROBLEM_##name] = text,
#include "statement/problems.def"
#undef X
};

static const char *const mends[] = {
#define X(name, text, what, mend) [PROBLEM_##name] = mend,
#include "statement/problems.def"
#undef X
};

#define X(object) extern const struct statement_reader object;
#include "statement/readers.def"
#undef X
static const struct statement_reader *const readers[] = {
#define X(object) &object,
#include "statement/readers.def"
#undef X
    NULL,
};
enum { READER_COUNT = COUNT_OF(readers) - 1 };

static bool is_kind(int64_t kind) {
    return kind > 0 && kind < ROW_KIND_COUNT && kinds[kind].name != NULL;
}

const char *row_kind_name(enum row_kind kind) {
    return is_kind(kind) ? kinds[kind].name : "?";
}

bool row_kind_parse(const char *name, enum row_kind *ret_kind) {
    for (int i = 1; i < ROW_KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = (enum row_kind)i;
            return true;
        }
    }
    return false;
}

enum row_family row_kind_family(enum row_kind kind) {
    INVARIANT(is_kind(kind), "a kind that readers give");
    return kinds[kind].family;
}

int row_kind_sign(enum row_kind kind) {
    INVARIANT(is_kind(kind), "a kind that readers give");
    return kinds[kind].sign;
}

static const struct {
    unsigned bit;
    const char *name;
    enum row_kind kind;
} tellings[] = {
#define X(name, bit, text, row) {TELLS_##name, text, ROW_##row},
#include "statement/statement_tells.def"
#undef X
};

unsigned row_kind_tells(enum row_kind kind) {
    for (size_t i = 0; i < COUNT_OF(tellings); i++) {
        if (tellings[i].kind == kind) {
            return tellings[i].bit;
        }
    }
    return 0;
}

const char *statement_tells_text(unsigned tells, char ret_text[TELLS_TEXT_CHARS_MAX + 1]) {
    size_t used = 0;
    snprintf(ret_text, TELLS_TEXT_CHARS_MAX + 1, "nothing");
    for (size_t i = 0; i < COUNT_OF(tellings); i++) {
        if ((tells & tellings[i].bit) == 0) {
            continue;
        }
        bool last = (tells >> 1) < tellings[i].bit;
        used += (size_t)snprintf(ret_text + used, TELLS_TEXT_CHARS_MAX + 1 - used, "%s%s",
                                 used == 0 ? ""
                                 : last    ? " and "
                                           : ", ",
                                 tellings[i].name);
    }
    return ret_text;
}

const char *row_status_name(enum row_status status) {
    return status >= ROW_DONE && status <= ROW_FAILED ? statuses[status] : "?";
}

bool row_status_parse(const char *name, enum row_status *ret_status) {
    for (int i = ROW_DONE; i <= ROW_FAILED; i++) {
        if (strcmp(statuses[i], name) == 0) {
            *ret_status = (enum row_status)i;
            return true;
        }
    }
    return false;
}

const char *statement_problem_name(enum statement_problem problem) {
    return (size_t)problem < COUNT_OF(problems) ? problems[problem] : "?";
}

const char *statement_problem_mend(enum statement_problem problem) {
    return mends[problem];
}

bool statement_problem_of_map(enum statement_problem problem) {
    return problem != PROBLEM_REPEATED && problem != PROBLEM_UNKNOWN_KIND &&
           problem != PROBLEM_ORDER && problem != PROBLEM_TRAILING && problem != PROBLEM_LIMIT;
}

void statement_row_init(struct statement_row *row) {
    *row = (struct statement_row){
        .fee_minor = AMOUNT_UNSAID,
        .net_minor = AMOUNT_UNSAID,
        .gateway_id = "",
        .reference = "",
        .original_id = "",
        .original_reference = "",
        .batch = "",
        .method = "",
        .native_kind = "",
        .description = "",
        .account = "",
        .party = "",
        .party_account = "",
        .sent_to = "",
    };
}

const struct statement_reader *statement_reader_find(const char *name) {
    for (int i = 0; i < READER_COUNT; i++) {
        if (strcmp(readers[i]->name, name) == 0) {
            return readers[i];
        }
    }
    return NULL;
}

const struct statement_reader *const *statement_readers(int *ret_count) {
    *ret_count = READER_COUNT;
    return readers;
}

const struct statement_reader *statement_detect(const char *name, const void *bytes, size_t count,
                                                int *ret_sure, struct err *err) {
    const struct statement_reader *best = NULL, *second = NULL;
    int most = 0;
    for (int i = 0; i < READER_COUNT; i++) {
        int sure = readers[i]->detect(name, bytes, count);
        if (sure > most) {
            most = sure;
            best = readers[i];
            second = NULL;
        } else if (sure == most && sure > 0) {
            second = readers[i];
        }
    }
    if (best == NULL || second != NULL) {
        (void)(best == NULL
                   ? err_set(err, ERR_VALIDATION, "the format of this file is not known")
                   : err_set(err, ERR_VALIDATION, "this file may be of the format %s or %s",
                             best->name, second->name));
        char seeming[SEEMS_CHARS_MAX + 1];
        if (best == NULL && seems_unreadable(bytes, count, seeming)) {
            (void)err_hint(err, "%s", seeming);
            return NULL;
        }
        (void)err_hint(err, "Say which it is with --format NAME; `holdfast statement formats` "
                            "lists them. Any delimited file can be read with a map.");
        return NULL;
    }
    *ret_sure = most;
    return best;
}

bool statement_row_outside(const struct statement_row *row, int64_t from_us, int64_t until_us,
                           char ret_text[ROW_AHEAD_CHARS_MAX + 1]) {
    char at[CLOCK_TEXT_MAX], from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
    if (row->at_us >= from_us && row->at_us < until_us) {
        return false;
    }
    snprintf(ret_text, ROW_AHEAD_CHARS_MAX + 1,
             "the row is of %s, outside the period that was said: %s to %s",
             clock_format(row->at_us, at), clock_format(from_us, from),
             clock_format(until_us, until));
    return true;
}

int statement_period_same(const char *name, const struct statement_head *head, int64_t from_us,
                          int64_t until_us, struct err *err) {
    char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
    char said_from[CLOCK_TEXT_MAX], said_until[CLOCK_TEXT_MAX];
    if (head->until_us == 0 || (head->from_us == from_us && head->until_us == until_us)) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION,
                  "%.80s says itself that it is of %s to %s, and the period that was said is %s to "
                  "%s",
                  name, clock_format(head->from_us, from), clock_format(head->until_us, until),
                  clock_format(from_us, said_from), clock_format(until_us, said_until));
    (void)err_place(err, "/period");
    return err_hint(err, "Is it the file that you meant? What a file says of itself counts: if it "
                         "is right, leave --period out.");
}

bool statement_row_ahead(const struct statement_row *row, int64_t now_us,
                         char ret_text[ROW_AHEAD_CHARS_MAX + 1]) {
    char at[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
    bool payout = row->kind == ROW_PAYOUT || row->kind == ROW_PAYOUT_RETURNED;
    if (row->at_us - ROW_AHEAD_US <= now_us || row->status != ROW_DONE || payout) {
        return false;
    }
    snprintf(ret_text, ROW_AHEAD_CHARS_MAX + 1,
             "time: %s has not come yet (it is %s): are day and month the right way round?",
             clock_format(row->at_us, at), clock_format(now_us, now));
    return true;
}

void statement_tell(const struct statement_sink *sink, enum statement_problem problem, int64_t line,
                    const char *format, ...) {
    char text[400], shown[201];
    va_list args;
    va_start(args, format);
    int count = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = count < 0 ? 0 : (size_t)count < sizeof text ? (size_t)count : sizeof text - 1;
    text_shown(text, used, shown, sizeof shown);
    sink->problem(sink->ctx, problem, line, shown);
}
