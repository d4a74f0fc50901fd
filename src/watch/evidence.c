/* SPDX-License-Identifier: Apache-2.0
 * evidence.c: see evidence.h. */
#include "watch/evidence.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/lookout_words.h"

enum { NAMED_MAX = 6 };
enum b_is { B_TEXT, B_CLASS };

static const struct evidence_row {
    const char *check, *summary_zh, *cause_sql;
    enum b_is b_is;
    const char *cause[NOTICE_LANGUAGES], *scope_sql;
} table[] = {
#define X(check, summary_zh, cause_sql, b_is, en, zh, scope_sql)                                   \
    {check, summary_zh, cause_sql, B_##b_is, {en, zh}, scope_sql},
#include "watch/evidence.def"
#undef X
};

static const struct evidence_row *find(const char *check) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].check, check) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

bool evidence_is_known(const char *check) {
    return find(check) != NULL;
}

static int ask_sql(struct store_tx *tx, const char *sql, int64_t now_us,
                   struct sql_rows **ret_rows, struct err *err) {
    return strstr(sql, "$1") != NULL ? sql_query(tx, err, ret_rows, sql, S_INT(now_us))
                                     : sql_query(tx, err, ret_rows, sql);
}

/* What somebody else wrote, on one line and short enough to be one of several. */
static char *plain(struct arena *arena, const char *text) {
    char *copy = arena_copy(arena, text);
    for (char *c = copy; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7F ? ' ' : *c;
    }
    (void)notice_cut(copy, EVIDENCE_WHY_BYTES_MAX);
    return copy;
}

static const char *text_of_b(const struct evidence_ask *ask, const struct evidence_row *row,
                             struct arena *arena, const char *b) {
    return row->b_is == B_CLASS && ask->class_name != NULL
               ? ask->class_name(strtoll(b, NULL, 10))
               : plain(arena, b);
}

/* The cause, and the names of where it is: "a, b". */
static int take_cause(const struct evidence_ask *ask, const struct evidence_row *row,
                      struct store_tx *tx, struct arena *arena, struct evidence *evidence,
                      const char **ret_where, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char *cause = NULL, *where = NULL;
    int r = ask_sql(tx, row->cause_sql, ask->now_us, &rows, err);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *a = plain(arena, sql_text(rows, 0));
        const char *b = text_of_b(ask, row, arena, sql_text(rows, 1));
        const char *why = b[0] == '\0' ? "" : arena_printf(arena, " (%s)", b);
        char *one = PHRASE(arena, row->cause[ask->language], {"a", a}, {"b", b}, {"why", why},
                           {"count", phrase_number(arena, sql_int(rows, 2))},
                           {"since", phrase_moment(arena, sql_int(rows, 3))});
        cause = cause == NULL ? one
                              : arena_printf(arena, "%s%s%s", cause,
                                             look_word(ask->language, LOOK_SEMICOLON), one);
        where = where == NULL ? arena_copy(arena, a)
                              : arena_printf(arena, "%s%s%s", where,
                                             look_word(ask->language, LOOK_COMMA), a);
    }
    evidence->cause = cause;
    *ret_where = where;
    return r < 0 ? r : 0;
}

/* ---- whom it concerns ---- */

struct names {
    const char *names[NAMED_MAX];
    int count;
};

static void name(struct names *names, struct arena *arena, const char *text) {
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], text) == 0) {
            return;
        }
    }
    if (text[0] != '\0' && names->count < NAMED_MAX) {
        names->names[names->count++] = arena_copy(arena, text);
    }
}

static const char *joined(const struct names *names, struct arena *arena,
                          enum notice_language language) {
    const char *text = names->count > 0 ? names->names[0] : "?";
    for (int i = 1; i < names->count; i++) {
        text = arena_printf(arena, "%s%s%s", text, look_word(language, LOOK_COMMA),
                            names->names[i]);
    }
    return text;
}

static void add_money(struct evidence *evidence, const char *currency, int64_t minor) {
    for (int i = 0; i < ALERT_MONEY_MAX && currency[0] != '\0' && minor > 0; i++) {
        struct alert_money *money = &evidence->money[i];
        if (i == evidence->money_count) {
            *money = (struct alert_money){0};
            (void)snprintf(money->currency, sizeof money->currency, "%.3s", currency);
            evidence->money_count++;
        }
        if (strcmp(money->currency, currency) == 0) {
            money->sum_minor += minor;
            return;
        }
    }
}

static int take_scope(const struct evidence_ask *ask, const struct evidence_row *row,
                      struct store_tx *tx, struct arena *arena, struct evidence *evidence,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    g_autoptr(GHashTable) customers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct names gateways = {.count = 0}, methods = {.count = 0};
    int64_t payments = 0, seen = 0;
    int r = ask_sql(tx, row->scope_sql, ask->now_us, &rows, err);
    while (r >= 0 && seen <= EVIDENCE_ROWS_MAX && (r = sql_next(rows, err)) > 0) {
        seen++;
        name(&gateways, arena, sql_text(rows, 0));
        name(&methods, arena,
             sql_int(rows, 1) == 0 ? "" : look_method_of(ask->language, sql_int(rows, 1)));
        if (sql_text(rows, 3)[0] != '\0') {
            g_hash_table_add(customers, g_strdup(sql_text(rows, 3)));
        }
        payments += sql_int(rows, 4);
        add_money(evidence, sql_text(rows, 2), sql_int(rows, 5));
    }
    bool many = seen > EVIDENCE_ROWS_MAX;
    enum look_word word = many ? LOOK_CHECK_SCOPE_MANY : LOOK_CHECK_SCOPE;
    evidence->scope = PHRASE(arena, look_word(ask->language, word),
                             {"count", phrase_number(arena, payments)},
                             {"customers", phrase_number(arena, g_hash_table_size(customers))},
                             {"gateways", joined(&gateways, arena, ask->language)},
                             {"methods", joined(&methods, arena, ask->language)});
    return r < 0 ? r : 0;
}

int evidence_take(const struct evidence_ask *ask, struct store_tx *tx, struct arena *arena,
                  struct evidence *ret_evidence, struct err *err) {
    const struct evidence_row *row = find(ask->check->name);
    const char *where = NULL;
    char english[CHECK_TEXT_BYTES];
    check_text(ask->check, ask->count, english);
    *ret_evidence = (struct evidence){.summary = arena_copy(arena, english)};
    if (row == NULL) {
        return 0;
    }
    if (ask->language == NOTICE_ZH) {
        ret_evidence->summary = PHRASE(arena, row->summary_zh,
                                       {"count", phrase_number(arena, ask->count)});
    }
    int r = take_cause(ask, row, tx, arena, ret_evidence, &where, err);
    if (r >= 0 && row->scope_sql[0] != '\0') {
        r = take_scope(ask, row, tx, arena, ret_evidence, err);
    } else if (where != NULL && where[0] != '\0') {
        ret_evidence->scope = PHRASE(arena, look_word(ask->language, LOOK_CHECK_SCOPE_WHERE),
                                     {"gateways", where});
    }
    return r;
}
