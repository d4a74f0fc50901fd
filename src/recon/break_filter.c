/* SPDX-License-Identifier: Apache-2.0
 * break_filter.c: which breaks somebody asked for, and in which order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recon/break_desk_impl.h"
#include "recon/search.h"

#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)
#define USER "user:"
#define KEY "key:"
#define TEAM "team:"

static const struct age {
    const char *name;
    int64_t from_days, until_days; /* 0: no end */
} ages[] = {
#define X(name, from, until) {name, from, until},
#include "recon/break_ages.def"
#undef X
};
static_assert(COUNT_OF(ages) == BREAK_AGES, "break_totals() tells them one by one");

static const char *const sort_names[BREAK_SORTS] = {[SORT_RISK] = "risk",
                                                    [SORT_OLDEST] = "oldest",
                                                    [SORT_NEWEST] = "newest",
                                                    [SORT_AMOUNT] = "amount"};

const char *break_age_name(int64_t opened_us, int64_t now_us) {
    int64_t days = (now_us - opened_us) / US_PER_DAY;
    size_t i = 0;
    while (i + 1 < COUNT_OF(ages) && days >= ages[i].until_days) {
        i++;
    }
    return ages[i].name;
}

bool break_sort_parse(const char *name, enum break_sort *ret_sort) {
    for (int i = 0; i < BREAK_SORTS; i++) {
        if (strcmp(name, sort_names[i]) == 0) {
            *ret_sort = (enum break_sort)i;
            return true;
        }
    }
    return false;
}

int64_t break_sort_key(enum break_sort sort, const struct break_row *row) {
    return sort == SORT_RISK ? (int64_t)row->risk : sort == SORT_AMOUNT ? row->stake_minor : 0;
}

/* ---- people ---- */

int break_person(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                 const char **ret_person, struct err *err) {
    *ret_person = "";
    if (caller == NULL || strncmp(caller->actor, USER, strlen(USER)) == 0) {
        *ret_person = caller == NULL ? "" : arena_copy(arena, caller->actor);
        return 0;
    }
    if (strncmp(caller->actor, KEY, strlen(KEY)) != 0) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT user_id, created_by FROM api_key WHERE id = $1",
                      S_TEXT(caller->actor + strlen(KEY)));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    const char *user_id = sql_text(rows, 0), *maker = sql_text(rows, 1);
    if (user_id[0] != '\0') {
        *ret_person = arena_printf(arena, USER "%s", user_id);
    } else if (strncmp(maker, USER, strlen(USER)) == 0) {
        *ret_person = arena_copy(arena, maker);
    }
    return 0;
}

static int no_such(const char *what, const char *name, const char *place, const char *hint,
                   struct err *err) {
    (void)err_set(err, ERR_VALIDATION, "there is no %s \"%.80s\"", what, name);
    (void)err_place(err, "%s", place);
    return err_hint(err, "%s", hint);
}

int break_owner(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                const char *name, const char *place, const char **ret_owner, struct err *err) {
    if (name[0] == '\0' || strncmp(name, TEAM, strlen(TEAM)) == 0) {
        *ret_owner = name;
        return 0;
    }
    if (strcmp(name, "me") == 0) {
        int r = break_person(tx, arena, caller, ret_owner, err);
        if (r < 0 || (*ret_owner)[0] != '\0') {
            return r;
        }
        return no_such("person behind", name, place,
                       "Log in, or use an API key that was made for a user.", err);
    }
    const char *bare = strncmp(name, USER, strlen(USER)) == 0 ? name + strlen(USER) : name;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM app_user WHERE name = $1 OR id = $1",
                      S_TEXT(bare));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0
                   ? r
                   : no_such("user", name, place, "An owner is a user's name, or team:NAME.", err);
    }
    *ret_owner = arena_printf(arena, USER "%s", sql_text(rows, 0));
    return 0;
}

/* ---- reading the filter ---- */

static const char *or_none(const char *text) {
    return text != NULL ? text : "";
}

static int ask_class(const char *name, int64_t *ret_class, struct err *err) {
    for (int i = 1; name[0] != '\0' && i < CLASS_COUNT; i++) {
        if (strcmp(match_class_name((enum match_class)i), name) == 0) {
            *ret_class = i;
            return 0;
        }
    }
    return name[0] == '\0'
               ? 0
               : no_such("class", name, "class", "docs/reconciliation.md lists them.", err);
}

static int ask_risk(const char *name, int64_t *ret_risk, struct err *err) {
    for (int i = RISK_LOW; name[0] != '\0' && i <= RISK_CRITICAL; i++) {
        if (strcmp(match_risk_name((enum match_risk)i), name) == 0) {
            *ret_risk = i;
            return 0;
        }
    }
    return name[0] == '\0'
               ? 0
               : no_such("risk", name, "risk", "One of: low, medium, high, critical.", err);
}

static int ask_state(const char *name, struct break_asked *asked, struct err *err) {
    enum break_state state = BREAK_NONE;
    asked->live = name[0] == '\0' || strcmp(name, "live") == 0;
    if (asked->live || strcmp(name, "all") == 0) {
        return 0;
    }
    if (!break_state_parse(name, &state)) {
        return no_such("state", name, "state",
                       "One of: live, all, open, assigned, healed, resolved, written_off.", err);
    }
    asked->state = (int64_t)state;
    return 0;
}

static int ask_age(const char *name, int64_t now_us, struct break_asked *asked, struct err *err) {
    asked->from_us = 0;
    asked->until_us = INT64_MAX;
    for (size_t i = 0; name[0] != '\0' && i < COUNT_OF(ages); i++) {
        if (strcmp(ages[i].name, name) == 0) {
            bool ends = ages[i].until_days > 0;
            asked->from_us = ends ? now_us - ages[i].until_days * US_PER_DAY + 1 : 0;
            asked->until_us = now_us - ages[i].from_days * US_PER_DAY + 1;
            return 0;
        }
    }
    return name[0] == '\0'
               ? 0
               : no_such("age", name, "age", "One of: 0-1, 2-3, 4-7, 8-30, over_30.", err);
}

static int ask_text(struct arena *arena, const char *text, struct break_asked *asked,
                    struct err *err) {
    char like[SEARCH_LIKE_BYTES];
    int r = search_read(text, like, err);
    asked->like = arena_copy(arena, like);
    asked->word = text;
    return r;
}

/* "risk.3.brk_…" of the last row of a page. */
static int ask_cursor(const char *cursor, struct break_asked *asked, struct err *err) {
    if (cursor[0] == '\0') {
        return 0;
    }
    const char *name = sort_names[asked->sort];
    size_t chars = strlen(name);
    struct break_id id;
    char *end = NULL;
    bool ours = strncmp(cursor, name, chars) == 0 && cursor[chars] == '.';
    long long key = ours ? strtoll(cursor + chars + 1, &end, 10) : -1;
    if (!ours || key < 0 || *end != '.' || break_id_parse(end + 1, &id, NULL) < 0) {
        (void)err_set(err, ERR_VALIDATION, "this is not a cursor that a list in this order gave");
        return err_place(err, "cursor");
    }
    asked->after_key = key;
    snprintf(asked->after_id, sizeof asked->after_id, "%s", id.text);
    return 0;
}

static int ask_owner(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                     const char *name, struct break_asked *asked, struct err *err) {
    asked->unowned = strcmp(name, "nobody") == 0;
    asked->owner = "";
    return asked->unowned ? 0 : break_owner(tx, arena, caller, name, "owner", &asked->owner, err);
}

int break_ask(struct store_tx *tx, struct arena *arena, const struct caller *caller,
              const struct break_filter *filter, int64_t now_us, struct break_asked *ret_asked,
              struct err *err) {
    *ret_asked = (struct break_asked){
        .gateway = or_none(filter->gateway),
        .currency = or_none(filter->currency),
        .payment_id = or_none(filter->payment_id),
        .amount_min = filter->amount_min_minor,
        .amount_max = filter->amount_max_minor > 0 ? filter->amount_max_minor : INT64_MAX,
        .limit = filter->limit > 0 ? filter->limit : PAGE_ROWS,
    };
    const char *sort = or_none(filter->sort);
    if (sort[0] != '\0' && !break_sort_parse(sort, &ret_asked->sort)) {
        return no_such("order", sort, "sort", "One of: risk, oldest, newest, amount.", err);
    }
    int r = ask_class(or_none(filter->class), &ret_asked->class, err);
    r = r < 0 ? r : ask_risk(or_none(filter->risk), &ret_asked->risk, err);
    r = r < 0 ? r : ask_state(or_none(filter->state), ret_asked, err);
    r = r < 0 ? r : ask_age(or_none(filter->age), now_us, ret_asked, err);
    r = r < 0 ? r : ask_text(arena, or_none(filter->text), ret_asked, err);
    r = r < 0 ? r : ask_cursor(or_none(filter->cursor), ret_asked, err);
    return r < 0 ? r : ask_owner(tx, arena, caller, or_none(filter->owner), ret_asked, err);
}

/* ---- asking ---- */

#define LIKE(column) SEARCH(column, "13")
#define FITS(state)                                                                                \
    " WHERE " state " AND ($1 = '' OR b.gateway = $1) AND ($2 = 0 OR b.class = $2) AND b.risk >= " \
    "$3 AND ($4 = 0 OR b.state = $4) AND ($5 = '' OR b.owner = $5) AND ($6 = 0 OR b.owner = '') "  \
    "AND ($7 = '' OR b.currency = $7) AND b.stake_minor >= $8 AND b.stake_minor <= $9 AND ($10 = " \
    "'' OR b.payment_id = $10) AND b.opened_us >= $11 AND b.opened_us < $12 AND ($13 = '' "        \
    "OR " LIKE("b.id") " OR " LIKE("b.detail") " OR " LIKE("b.payment_id") " OR " LIKE(            \
        "b.resolution") " OR b.payment_id IN (SELECT py.id FROM payment py WHERE py.order_id = "   \
                        "$14) OR b.payment_id IN (SELECT a.payment_id FROM attempt a WHERE "       \
                        "a.charge_id <> '' AND a.charge_id = $14) OR b.payment_id IN (SELECT "     \
                        "a.payment_id FROM attempt a WHERE a.gateway_id <> '' AND a.gateway_id = " \
                        "$14) OR b.id IN (SELECT m.break_id FROM statement_row r JOIN "            \
                        "recon_break_member m ON m.movement_id = r.statement_id || '#' || "        \
                        "CAST(r.number AS text) WHERE r.gateway_id <> '' AND r.gateway_id = $14) " \
                        "OR b.id IN (SELECT m.break_id FROM statement_row r JOIN "                 \
                        "recon_break_member m ON m.movement_id = r.statement_id || '#' || "        \
                        "CAST(r.number AS text) WHERE r.reference <> '' AND r.reference = $14))"
#define LIVE "b.state IN (1, 2)"
#define ANY "b.state >= 1"
/* After the last row of the page before: $15 is its id, "" on the first, $16 its place in order. */
#define BY_KEY(key)                                                                                \
    " AND ($15 = '' OR " key " < $16 OR (" key " = $16 AND b.id > $15)) ORDER BY " key             \
    " DESC, b.id LIMIT $17"
#define BY_RISK BY_KEY("b.risk")
#define BY_AMOUNT BY_KEY("b.stake_minor")
#define BY_AGE " AND ($15 = '' OR b.id > $15) AND $16 >= 0 ORDER BY b.id LIMIT $17"
#define BY_YOUTH " AND ($15 = '' OR b.id < $15) AND $16 >= 0 ORDER BY b.id DESC LIMIT $17"
#define FILTER_ARGS(asked)                                                                         \
    S_TEXT((asked)->gateway), S_INT((asked)->class), S_INT((asked)->risk), S_INT((asked)->state),  \
        S_TEXT((asked)->owner), S_INT((asked)->unowned), S_TEXT((asked)->currency),                \
        S_INT((asked)->amount_min), S_INT((asked)->amount_max), S_TEXT((asked)->payment_id),       \
        S_INT((asked)->from_us), S_INT((asked)->until_us), S_TEXT((asked)->like),                  \
        S_TEXT((asked)->word)

int break_query(struct store_tx *tx, const struct break_asked *asked, int limit,
                struct sql_rows **ret_rows, struct err *err) {
    static const char *const statements[2][BREAK_SORTS] = {
        {
            [SORT_RISK] = BREAK_SELECT FITS(ANY) BY_RISK,
            [SORT_OLDEST] = BREAK_SELECT FITS(ANY) BY_AGE,
            [SORT_NEWEST] = BREAK_SELECT FITS(ANY) BY_YOUTH,
            [SORT_AMOUNT] = BREAK_SELECT FITS(ANY) BY_AMOUNT,
        },
        {
            [SORT_RISK] = BREAK_SELECT FITS(LIVE) BY_RISK,
            [SORT_OLDEST] = BREAK_SELECT FITS(LIVE) BY_AGE,
            [SORT_NEWEST] = BREAK_SELECT FITS(LIVE) BY_YOUTH,
            [SORT_AMOUNT] = BREAK_SELECT FITS(LIVE) BY_AMOUNT,
        },
    };
    return sql_query(tx, err, ret_rows, statements[asked->live][asked->sort], FILTER_ARGS(asked),
                     S_TEXT(asked->after_id), S_INT(asked->after_key), S_INT(limit));
}

int break_count(struct store_tx *tx, const struct break_asked *asked, int64_t *ret_count,
                struct err *err) {
    static const char *const statements[] = {"SELECT COUNT(*) FROM recon_break b" FITS(ANY),
                                             "SELECT COUNT(*) FROM recon_break b" FITS(LIVE)};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, statements[asked->live], FILTER_ARGS(asked));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_count = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

/* ---- totals ---- */

/* $15 to $18: opened after these moments it is younger than 2, 4, 8, 31 days. */
#define TOTALS                                                                                     \
    "SELECT b.currency, b.class, COUNT(*), CAST(SUM(b.difference_minor) AS bigint), "              \
    "CAST(SUM(b.stake_minor) AS bigint), CAST(SUM(CASE WHEN b.opened_us > $15 THEN 1 ELSE 0 END) " \
    "AS bigint), CAST(SUM(CASE WHEN b.opened_us <= $15 AND b.opened_us > $16 THEN 1 ELSE 0 END) "  \
    "AS bigint), CAST(SUM(CASE WHEN b.opened_us <= $16 AND b.opened_us > $17 THEN 1 ELSE 0 END) "  \
    "AS bigint), CAST(SUM(CASE WHEN b.opened_us <= $17 AND b.opened_us > $18 THEN 1 ELSE 0 END) "  \
    "AS bigint), CAST(SUM(CASE WHEN b.opened_us <= $18 THEN 1 ELSE 0 END) AS bigint) FROM "        \
    "recon_break b"
#define GROUPED " GROUP BY b.currency, b.class ORDER BY b.currency, b.class"

int break_totals(struct store_tx *tx, const struct break_asked *asked, int64_t now_us,
                 struct buf *buf, struct err *err) {
    static const char *const statements[] = {TOTALS FITS(ANY) GROUPED, TOTALS FITS(LIVE) GROUPED};
    SQL_ROWS_AUTO rows = NULL;
    int64_t count = 0, aged[BREAK_AGES] = {0};
    int r = sql_query(tx, err, &rows, statements[asked->live], FILTER_ARGS(asked),
                      S_INT(now_us - ages[0].until_days * US_PER_DAY),
                      S_INT(now_us - ages[1].until_days * US_PER_DAY),
                      S_INT(now_us - ages[2].until_days * US_PER_DAY),
                      S_INT(now_us - ages[3].until_days * US_PER_DAY));
    buf_add_text(buf, ",\"totals\":{\"classes\":[");
    for (bool first = true; r >= 0 && (r = sql_next(rows, err)) > 0; first = false) {
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"class\":\"%s\",\"count\":%lld,\"difference\":%lld,"
                 "\"at_stake\":%lld}",
                 first ? "" : ",", sql_text(rows, 0),
                 match_class_name((enum match_class)sql_int(rows, 1)), (long long)sql_int(rows, 2),
                 (long long)sql_int(rows, 3), (long long)sql_int(rows, 4));
        count += sql_int(rows, 2);
        for (int i = 0; i < BREAK_AGES; i++) {
            aged[i] += sql_int(rows, 5 + i);
        }
    }
    buf_addf(buf, "],\"count\":%lld,\"ages\":{", (long long)count);
    for (int i = 0; i < BREAK_AGES; i++) {
        buf_addf(buf, "%s\"%s\":%lld", i > 0 ? "," : "", ages[i].name, (long long)aged[i]);
    }
    buf_add_text(buf, "}}");
    return r < 0 ? r : 0;
}
