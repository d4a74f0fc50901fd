/* SPDX-License-Identifier: Apache-2.0
 * tuning_rows.c: what was changed, as rows; and a change. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/audit.h"
#include "watch/tuning_impl.h"

enum { REASON_BYTES_MAX = 2000, CHANGES_BYTES_MAX = 12 * 1024, ROWS_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- rows ---- */

int tuning_rows_load(struct store_tx *tx, struct arena *arena, struct tuning_rows *ret_rows,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_rows = (struct tuning_rows){
        .rows = arena_alloc(arena, sizeof *ret_rows->rows * TUNING_ROWS_MAX)};
    int r = sql_query(tx, err, &rows,
                      "SELECT h.number, t.scope, t.key, t.value, c.at_us, c.actor, c.reason "
                      "FROM tuning_head h LEFT JOIN tuning t ON 1 = 1 "
                      "LEFT JOIN tuning_change c ON c.number = t.number "
                      "WHERE h.id = 1 ORDER BY t.scope, t.key");
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        ret_rows->number = sql_int(rows, 0);
        if (sql_null(rows, 1) || ret_rows->count == TUNING_ROWS_MAX) {
            continue;
        }
        ret_rows->rows[ret_rows->count++] = (struct tuning_row){
            .scope = arena_copy(arena, sql_text(rows, 1)),
            .key = arena_copy(arena, sql_text(rows, 2)),
            .value = arena_copy(arena, sql_text(rows, 3)),
            .at_us = sql_int(rows, 4),
            .actor = sql_null(rows, 5) ? "" : arena_copy(arena, sql_text(rows, 5)),
            .reason = sql_null(rows, 6) ? "" : arena_copy(arena, sql_text(rows, 6)),
        };
    }
    return r;
}

/* A rule that has settings under this name, and which. */
static const struct alert_rule *rule_of_scope(const char *name, enum tuning_scope *ret_scope) {
    for (int i = 0; i < alert_rule_count(); i++) {
        for (int scope = TUNING_RULE; scope < TUNING_SCOPES; scope++) {
            const char *of = tuning_of(alert_rule_at(i), (enum tuning_scope)scope);
            if (of != NULL && strcmp(of, name) == 0) {
                *ret_scope = (enum tuning_scope)scope;
                return alert_rule_at(i);
            }
        }
    }
    return NULL;
}

static bool apply_scope(struct tuned_values *values, const struct tuning_row *rows, int count) {
    struct tuning_pair pairs[TUNING_PAIRS_MAX];
    enum tuning_scope scope = TUNING_RULE;
    struct err err = {0};
    const struct alert_rule *rule = rule_of_scope(rows[0].scope, &scope);
    if (rule == NULL || count > TUNING_PAIRS_MAX) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        pairs[i] = (struct tuning_pair){rows[i].key, rows[i].value};
    }
    return tuning_apply(values, rule, scope, pairs, count, &err) >= 0;
}

void tuning_rows_apply(const struct tuned_values *file, struct tuning_rows *rows,
                       struct tuned_values *ret_values) {
    *ret_values = *file;
    for (int i = 0, count; i < rows->count; i += count) {
        count = 1;
        while (i + count < rows->count &&
               strcmp(rows->rows[i].scope, rows->rows[i + count].scope) == 0) {
            count++;
        }
        bool taken = apply_scope(ret_values, &rows->rows[i], count);
        for (int j = 0; j < count; j++) {
            rows->rows[i + j].in_force = taken;
        }
    }
}

/* ---- looking ---- */

struct looking {
    struct tuning *tuning;
    struct arena *arena;
    struct tuning_rows rows;
    int64_t known;
    bool changed;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    looking->changed = false;
    int r = sql_query(tx, err, &rows, "SELECT number FROM tuning_head WHERE id = 1");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0 || sql_int(rows, 0) == looking->known) {
        return r < 0 ? r : 0;
    }
    sql_rows_free(rows);
    rows = NULL;
    looking->changed = true;
    return tuning_rows_load(tx, looking->arena, &looking->rows, err);
}

int tuning_look(struct tuning *tuning, struct err *err) {
    ARENA_AUTO arena = arena_new(ROWS_BYTES_MAX);
    struct looking looking = {
        .tuning = tuning, .arena = arena, .known = tuning_number(tuning)};
    int r = store_read(tuning->store, look_tx, &looking, err);
    if (r < 0 || !looking.changed) {
        return r < 0 ? r : 0;
    }
    struct tuned_values *values = arena_alloc(arena, sizeof *values);
    tuning_rows_apply(&tuning->file, &looking.rows, values);
    lock_take(&tuning->lock);
    tuning->now = *values;
    tuning->number = looking.rows.number;
    lock_give(&tuning->lock);
    log_event(SETTINGS_TAKEN, LI("number", looking.rows.number), LI("count", looking.rows.count));
    for (int i = 0; i < looking.rows.count; i++) {
        if (!looking.rows.rows[i].in_force) {
            log_event(SETTING_NOT_IN_FORCE, LT("of", looking.rows.rows[i].scope),
                      LT("key", looking.rows.rows[i].key));
        }
    }
    return 0;
}

/* ---- a change ---- */

static int check_words(const char *text, const char *key, struct err *err) {
    if (text == NULL || text[0] == '\0' || strlen(text) > REASON_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the audit log");
        return err_place(err, "/%s", key);
    }
    return 0;
}

/* The back-test of these very values that ended within the hour; "" where there is none. */
static int find_backtest(struct store_tx *tx, struct arena *arena, const struct alert_rule *rule,
                         const char *proposal, const char **ret_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM backtest WHERE rule = $1 AND proposal = $2 AND state = 2 "
                      "AND ended_us >= $3 ORDER BY ended_us DESC LIMIT 1",
                      S_TEXT(rule->name), S_TEXT(proposal),
                      S_INT(clock_wall_us() - TUNING_TRIED_US));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_id = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

static int not_tried(const struct alert_rule *rule, struct err *err) {
    struct tuning_sources sources = tuning_sources_of(rule);
    if (!tuning_can_be_tried(&sources)) {
        err_set(err, ERR_STATE,
                "%s is raised by what is not kept: it cannot be tried on the past first",
                rule->name);
        return err_hint(err, "Say so: --untested \"nothing to try it on\".");
    }
    err_set(err, ERR_STATE,
            "%s was not tried with these values on the past within the last hour", rule->name);
    return err_hint(err, "`holdfast alert backtest --rule %s --set …` first; or say why not with "
                         "--untested.", rule->name);
}

static int put_pair(struct store_tx *tx, const struct alert_rule *rule,
                    const struct tuned_values *values, const struct tuned_values *file,
                    const struct tuning_setting *setting, int64_t number, struct err *err) {
    const char *of = tuning_of(rule, setting->scope);
    char text[TUNING_TEXT_MAX + 1], in_file[TUNING_TEXT_MAX + 1];
    tuning_value(values, rule, setting, text);
    tuning_value(file, rule, setting, in_file);
    if (strcmp(text, in_file) == 0) {
        return sql_put(tx, err, "DELETE FROM tuning WHERE scope = $1 AND key = $2", S_TEXT(of),
                       S_TEXT(setting->key));
    }
    return sql_put(tx, err,
                   "INSERT INTO tuning (scope, key, value, number) VALUES ($1, $2, $3, $4) "
                   "ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value, number = "
                   "excluded.number",
                   S_TEXT(of), S_TEXT(setting->key), S_TEXT(text), S_INT(number));
}

/* The keys that the request names, as they are now: a value that is the file's needs no row. */
static int put_pairs(struct store_tx *tx, const struct tuning *tuning,
                     const struct tuning_request *request, const struct tuned_values *values,
                     int64_t number, struct err *err) {
    const struct alert_rule *rule = alert_rule_find(request->rule);
    int r = 0;
    for (int i = 0; r >= 0 && i < tuning_setting_count(); i++) {
        const struct tuning_setting *setting = tuning_setting_at(i);
        for (int j = 0; r >= 0 && j < request->pair_count; j++) {
            if (tuning_has(rule, setting) &&
                strcmp(request->pairs[j].key, setting->key) == 0) {
                r = put_pair(tx, rule, values, &tuning->file, setting, number, err);
            }
        }
    }
    return r;
}

/* Whether it puts something back to the file's that is not in force anyway. */
static bool clears_dead_row(const struct tuning_request *request, const struct tuning_rows *rows) {
    const struct alert_rule *rule = alert_rule_find(request->rule);
    for (int i = 0; i < rows->count; i++) {
        const struct tuning_row *row = &rows->rows[i];
        enum tuning_scope scope = TUNING_RULE;
        const char *of = !row->in_force && rule_of_scope(row->scope, &scope) != NULL
                             ? tuning_of(rule, scope)
                             : NULL;
        bool ours = of != NULL && strcmp(of, row->scope) == 0;
        for (int j = 0; ours && j < request->pair_count; j++) {
            if (strcmp(request->pairs[j].key, row->key) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Takes the lock of all changes. */
static int next_number(struct store_tx *tx, int64_t *ret_number, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT number FROM tuning_head WHERE id = 1 FOR UPDATE");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the head of the settings is gone");
    }
    *ret_number = sql_int(rows, 0) + 1;
    sql_rows_free(rows);
    rows = NULL;
    return sql_put(tx, err, "UPDATE tuning_head SET number = $1 WHERE id = 1", S_INT(*ret_number));
}

static int write_change(struct store_tx *tx, const struct tuning_request *request,
                        const char *actor, const char *backtest, int64_t number,
                        const char *changes, struct buf *buf, struct err *err) {
    const char *untested = request->untested != NULL ? request->untested : "";
    int64_t now_us = clock_wall_us();
    char at[CLOCK_TEXT_MAX];
    buf_clear(buf);
    buf_addf(buf, "{\"number\":%lld,\"rule\":\"%s\",\"changes\":%s,\"at\":\"%s\",\"actor\":",
             (long long)number, request->rule, changes, clock_format(now_us, at));
    buf_add_json(buf, actor);
    buf_add_text(buf, ",\"reason\":");
    buf_add_json(buf, request->reason);
    if (untested[0] != '\0') {
        buf_add_text(buf, ",\"untested\":");
        buf_add_json(buf, untested);
    } else {
        buf_addf(buf, ",\"backtest\":\"%s\"", backtest);
    }
    buf_add_char(buf, '}');
    int r = sql_put(tx, err,
                    "INSERT INTO tuning_change (number, rule, changes, at_us, actor, reason, "
                    "untested, backtest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    S_INT(number), S_TEXT(request->rule), S_TEXT(changes), S_INT(now_us),
                    S_TEXT(actor), S_TEXT(request->reason), S_TEXT(untested), S_TEXT(backtest));
    return r < 0 ? r
                 : audit_append(tx, actor, "alert_rule.set", request->rule, request->reason,
                                buf->data, err);
}

int tuning_set(struct tuning *tuning, struct store_tx *tx, const struct tuning_request *request,
               const char *actor, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(ROWS_BYTES_MAX);
    struct tuned_values *was = arena_alloc(arena, sizeof *was);
    struct tuned_values *is = arena_alloc(arena, sizeof *is);
    struct tuning_rows rows;
    const char *backtest = "";
    int64_t number = 0;
    BUF_AUTO changes;
    BUF_AUTO proposal;
    buf_init(&changes, CHANGES_BYTES_MAX);
    buf_init(&proposal, CHANGES_BYTES_MAX);
    int r = check_words(request->reason, "reason", err);
    if (r >= 0 && request->untested != NULL) {
        r = check_words(request->untested, "untested", err);
    }
    r = r < 0 ? r : next_number(tx, &number, err);
    r = r < 0 ? r : tuning_rows_load(tx, arena, &rows, err);
    if (r < 0) {
        return r;
    }
    tuning_rows_apply(&tuning->file, &rows, was);
    *is = *was;
    r = tuning_apply_request(&tuning->file, request, is, err);
    if (r < 0) {
        return r;
    }
    const struct alert_rule *rule = alert_rule_find(request->rule);
    if (tuning_changes(rule, was, is, &changes) == 0 && !clears_dead_row(request, &rows)) {
        return err_set(err, ERR_STATE, "%s has these values already", rule->name);
    }
    tuning_text(rule, is, &proposal);
    r = find_backtest(tx, arena, rule, proposal.data, &backtest, err);
    if (r >= 0 && backtest[0] == '\0' && request->untested == NULL) {
        r = not_tried(rule, err);
    }
    r = r < 0 ? r : put_pairs(tx, tuning, request, is, number, err);
    return r < 0 ? r
                 : write_change(tx, request, actor, backtest, number, changes.data, buf, err);
}
