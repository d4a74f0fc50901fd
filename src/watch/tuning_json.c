/* SPDX-License-Identifier: Apache-2.0
 * tuning_json.c: a rule with its settings, and what was changed when, as JSON. */
#include <string.h>

#include "watch/tuning_impl.h"

enum { JSON_ARENA_BYTES = 16 * 1024 * 1024 };

static void add_text(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    buf_add_json(buf, value);
}

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, text));
}

/* ---- one rule ---- */

struct showing {
    struct tuning *tuning;
    struct arena *arena;
    struct tuning_rows rows;
    const char *rule;
    int64_t before;
    int limit;
    struct buf *buf;
};

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct showing *showing = ctx;
    return tuning_rows_load(tx, showing->arena, &showing->rows, err);
}

static void add_setting(struct showing *showing, const struct alert_rule *rule,
                        const struct tuning_setting *setting, const struct tuned_values *values) {
    struct buf *buf = showing->buf;
    const char *of = tuning_of(rule, setting->scope);
    char now[TUNING_TEXT_MAX + 1], file[TUNING_TEXT_MAX + 1];
    tuning_value(values, rule, setting, now);
    tuning_value(&showing->tuning->file, rule, setting, file);
    buf_addf(buf, "{\"key\":\"%s\",\"of\":\"%s\",\"value\":", setting->key, of);
    tuning_add_value(buf, setting, now);
    buf_add_text(buf, ",\"file_value\":");
    tuning_add_value(buf, setting, file);
    add_text(buf, "meaning", setting->meaning);
    for (int i = 0; i < showing->rows.count; i++) {
        const struct tuning_row *row = &showing->rows.rows[i];
        if (strcmp(row->scope, of) != 0 || strcmp(row->key, setting->key) != 0) {
            continue;
        }
        buf_add_text(buf, ",\"changed\":{\"value\":");
        tuning_add_value(buf, setting, row->value);
        buf_addf(buf, ",\"in_force\":%s", row->in_force ? "true" : "false");
        add_time(buf, "at", row->at_us);
        add_text(buf, "actor", row->actor);
        add_text(buf, "reason", row->reason);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, '}');
}

static void add_sources(struct buf *buf, const struct alert_rule *rule,
                        const struct tuning_sources *sources) {
    const char *const names[] = {
        sources->figure ? figure_table[sources->figure_id].name : NULL,
        sources->detector ? "detector" : NULL,
        sources->share ? "share" : NULL,
        sources->volume ? "volume" : NULL,
    };
    const char *separator = "";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i] != NULL) {
            buf_addf(buf, "%s\"%s\"", separator, names[i]);
            separator = ",";
        }
    }
    for (int i = 0; i < MEASURES; i++) {
        if (strcmp(measure_table[i].rule, rule->name) == 0) {
            buf_addf(buf, "%s\"%s\"", separator, measure_table[i].name);
            separator = ",";
        }
    }
}

static void add_rule(struct showing *showing, const struct alert_rule *rule,
                     const struct tuned_values *values) {
    struct buf *buf = showing->buf;
    struct tuning_sources sources = tuning_sources_of(rule);
    buf_clear(buf);
    buf_addf(buf, "{\"name\":\"%s\",\"title\":", rule->name);
    buf_add_json(buf, rule->title[NOTICE_EN]);
    buf_addf(buf, ",\"guide\":\"/guides/%s\",\"raised_by\":[", rule->guide);
    add_sources(buf, rule, &sources);
    buf_addf(buf, "],\"can_be_backtested\":%s,\"settings\":[",
             tuning_can_be_tried(&sources) ? "true" : "false");
    const char *separator = "";
    for (int i = 0; i < tuning_setting_count(); i++) {
        const struct tuning_setting *setting = tuning_setting_at(i);
        if (tuning_has(rule, setting)) {
            buf_add_text(buf, separator);
            add_setting(showing, rule, setting, values);
            separator = ",";
        }
    }
    buf_add_text(buf, "]}");
}

int tuning_rule_json(struct tuning *tuning, const char *name, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(JSON_ARENA_BYTES);
    struct showing showing = {.tuning = tuning, .arena = arena, .buf = buf};
    struct tuned_values *values = arena_alloc(arena, sizeof *values);
    const struct alert_rule *rule = alert_rule_find(name);
    if (rule == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no rule \"%.60s\"", name);
        return err_hint(err, "`holdfast alert rules` lists them.");
    }
    int r = store_read(tuning->store, load_tx, &showing, err);
    if (r >= 0) {
        tuning_rows_apply(&tuning->file, &showing.rows, values);
        add_rule(&showing, rule, values);
    }
    return r;
}

/* ---- changes ---- */

static void add_change(struct buf *buf, const struct sql_rows *rows) {
    buf_addf(buf, "{\"number\":%lld,\"rule\":\"%s\",\"changes\":%s", (long long)sql_int(rows, 0),
             sql_text(rows, 1), sql_text(rows, 2));
    add_time(buf, "at", sql_int(rows, 3));
    add_text(buf, "actor", sql_text(rows, 4));
    add_text(buf, "reason", sql_text(rows, 5));
    if (sql_text(rows, 6)[0] != '\0') {
        add_text(buf, "untested", sql_text(rows, 6));
    } else {
        add_text(buf, "backtest", sql_text(rows, 7));
    }
    buf_add_char(buf, '}');
}

static int changes_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct showing *showing = ctx;
    struct buf *buf = showing->buf;
    SQL_ROWS_AUTO rows = NULL;
    int64_t last = 0;
    int count = 0;
    buf_clear(buf);
    buf_add_text(buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT number, rule, changes, at_us, actor, reason, untested, backtest "
                      "FROM tuning_change WHERE ($1 = '' OR rule = $1) AND number < $2 "
                      "ORDER BY number DESC LIMIT $3",
                      S_TEXT(showing->rule), S_INT(showing->before), S_INT(showing->limit + 1));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0 && count < showing->limit; r = sql_next(rows, err)) {
        last = sql_int(rows, 0);
        buf_add_text(buf, count++ > 0 ? "," : "");
        add_change(buf, rows);
    }
    if (r > 0) {
        buf_addf(buf, "],\"next_cursor\":\"%lld\"}", (long long)last);
    } else {
        buf_add_text(buf, "],\"next_cursor\":null}");
    }
    return r < 0 ? r : 0;
}

int tuning_changes_json(struct tuning *tuning, const char *rule, int64_t before, int limit,
                        struct buf *buf, struct err *err) {
    struct showing showing = {.rule = rule,
                              .before = before > 0 ? before : INT64_MAX,
                              .limit = limit,
                              .buf = buf};
    if (rule[0] != '\0' && alert_rule_find(rule) == NULL) {
        err_set(err, ERR_VALIDATION, "there is no rule \"%.60s\"", rule);
        return err_place(err, "rule");
    }
    return store_read(tuning->store, changes_tx, &showing, err);
}
