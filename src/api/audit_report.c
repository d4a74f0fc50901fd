/* SPDX-License-Identifier: Apache-2.0
 * audit_report.c: one month of the audit log with users, keys, credentials and what stands out. */
#include "api/audit_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "base/arena.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/json.h"
#include "meter/slices.h"
#include "store/audit.h"
#include "watch/phrase.h"

#define DAY_US (INT64_C(24) * 3600 * US_PER_SECOND)

enum audit_group {
#define X(NAME, name, listed, title, title_zh, words) GROUP_##NAME,
#include "api/audit_groups.def"
#undef X
    GROUPS
};
static const struct {
    const char *name, *title[2], *words;
    bool listed;
} groups[GROUPS] = {
#define X(NAME, name, listed, title, title_zh, words)                                              \
    {name, {title, title_zh}, words, (listed) != 0},
#include "api/audit_groups.def"
#undef X
};

enum audit_finding {
#define X(NAME, name, requirement, sentence, sentence_zh) FOUND_##NAME,
#include "api/audit_findings.def"
#undef X
    FINDINGS
};
static const struct {
    const char *name, *requirement, *sentence[2];
} findings[FINDINGS] = {
#define X(NAME, name, requirement, sentence, sentence_zh)                                          \
    {name, requirement, {sentence, sentence_zh}},
#include "api/audit_findings.def"
#undef X
};

struct gathering {
    const struct audit_month *month;
    struct store_tx *tx;
    struct arena *arena;
    int64_t now_us, at_us; /* at_us: the month's end, or now where that is earlier */
    json_t *report, *findings;
    int64_t finding_count;
    struct audit_verdict chain;
};

bool audit_month_parse(const char *text, struct audit_month *ret_month) {
    int year = 0, month = 0, read = 0;
    int64_t from_s = 0;
    if (strlen(text) != 7 || sscanf(text, "%4d-%2d%n", &year, &month, &read) != 2 || read != 7 ||
        year < 2000 || year > 9998 || !calendar_date(year, month, 1, &from_s)) {
        return false;
    }
    int64_t until_s = calendar_step(from_s, 1, UNIT_MONTH, 1);
    *ret_month = (struct audit_month){.from_us = from_s * US_PER_SECOND,
                                      .until_us = until_s * US_PER_SECOND};
    snprintf(ret_month->name, sizeof ret_month->name, "%s", text);
    return true;
}

static json_t *moment(int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    return wall_us > 0 ? json_string(clock_format(wall_us, text)) : json_null();
}

static enum audit_group group_of(const char *action) {
    char word[48];
    snprintf(word, sizeof word, " %.*s ", (int)strcspn(action, "."), action);
    for (int i = 0; i < GROUPS; i++) {
        if (strstr(groups[i].words, word) != NULL) {
            return (enum audit_group)i;
        }
    }
    return (enum audit_group)(GROUPS - 1);
}

/* ---- findings ---- */

static void found(struct gathering *gathering, enum audit_finding finding, const char *what,
                  int64_t n) {
    if (gathering->finding_count++ >= AUDIT_REPORT_ROWS_MAX) {
        return;
    }
    const struct phrase_word words[] = {{"what", what},
                                        {"n", phrase_number(gathering->arena, (long long)n)}};
    const char *text[2];
    for (int i = 0; i < 2; i++) {
        text[i] = phrase(gathering->arena, findings[finding].sentence[i], words, 2);
    }
    json_array_append_new(gathering->findings,
                          json_pack("{s:s, s:s, s:s, s:s}", "name", findings[finding].name,
                                    "requirement", findings[finding].requirement, "en", text[0],
                                    "zh", text[1]));
}

static int64_t days_since(const struct gathering *gathering, int64_t wall_us) {
    return wall_us > 0 && wall_us < gathering->at_us ? (gathering->at_us - wall_us) / DAY_US : 0;
}

/* ---- the log of the month ---- */

static void add_entry(json_t *told, const struct sql_rows *row) {
    enum audit_group group = group_of(sql_text(row, 3));
    json_t *one = json_array_get(told, (size_t)group), *entries = json_object_get(one, "entries");
    json_object_set_new(one, "count", json_integer(json_peek_int(one, 0, "count", NULL) + 1));
    json_t *actions = json_object_get(one, "actions");
    const char *action = sql_text(row, 3);
    json_object_set_new(actions, action,
                        json_integer(json_integer_value(json_object_get(actions, action)) + 1));
    if (groups[group].listed && json_array_size(entries) < AUDIT_REPORT_LISTED_MAX) {
        json_array_append_new(entries,
                              json_pack("{s:I, s:o, s:s, s:s, s:s, s:s}", "number",
                                        (json_int_t)sql_int(row, 0), "at", moment(sql_int(row, 1)),
                                        "actor", sql_text(row, 2), "action", action, "subject",
                                        sql_text(row, 4), "reason", sql_text(row, 5)));
    }
}

/* {"id": {"opened", "refused"}} of sessions. */
static void count_session(json_t *sessions, const struct sql_rows *row) {
    const char *action = sql_text(row, 3), *user = sql_text(row, 4);
    bool opened = strcmp(action, "session.open") == 0;
    if (!opened && strcmp(action, "session.refused") != 0) {
        return;
    }
    json_t *one = json_object_get(sessions, user);
    if (one == NULL) {
        one = json_pack("{s:i, s:i}", "opened", 0, "refused", 0);
        json_object_set_new(sessions, user, one);
    }
    const char *key = opened ? "opened" : "refused";
    json_object_set_new(one, key, json_integer(json_peek_int(one, 0, key, NULL) + 1));
}

static json_t *empty_groups(void) {
    json_t *told = json_array();
    for (int i = 0; i < GROUPS; i++) {
        json_array_append_new(told, json_pack("{s:s, s:s, s:s, s:i, s:{}, s:[]}", "name",
                                              groups[i].name, "en", groups[i].title[0], "zh",
                                              groups[i].title[1], "count", 0, "actions",
                                              "entries"));
    }
    return told;
}

static int gather_entries(struct gathering *gathering, json_t *sessions, struct err *err) {
    json_t *told = empty_groups();
    int64_t count = 0, first = 0, last = 0;
    char last_hash[80] = "";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(gathering->tx, err, &rows,
                      "SELECT number, at_us, actor, action, subject, reason, hash FROM audit_entry "
                      "WHERE at_us >= $1 AND at_us < $2 ORDER BY number",
                      S_INT(gathering->month->from_us), S_INT(gathering->month->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        add_entry(told, rows);
        count_session(sessions, rows);
        first = count++ == 0 ? sql_int(rows, 0) : first;
        last = sql_int(rows, 0);
        snprintf(last_hash, sizeof last_hash, "%s", sql_text(rows, 6));
    }
    json_object_set_new(gathering->report, "groups", told);
    json_object_set_new(gathering->report, "entries",
                        json_pack("{s:I, s:I, s:I, s:s}", "count", (json_int_t)count, "first",
                                  (json_int_t)first, "last", (json_int_t)last, "last_hash",
                                  last_hash));
    return r;
}

/* ---- who may do what ---- */

static int gather_users(struct gathering *gathering, const json_t *sessions, struct err *err) {
    json_t *users = json_array();
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(gathering->tx, err, &rows,
                      "SELECT u.id, u.name, u.role, u.enabled, u.locked_until_us, u.created_us, "
                      "COALESCE((SELECT MAX(a.at_us) FROM audit_entry a WHERE a.subject = u.id AND "
                      "a.action = 'session.open' AND a.at_us < $1), 0) FROM app_user u WHERE "
                      "u.created_us < $1 ORDER BY u.name LIMIT $2",
                      S_INT(gathering->month->until_us), S_INT(AUDIT_REPORT_ROWS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *id = sql_text(rows, 0), *name = sql_text(rows, 1);
        const json_t *seen = json_object_get(sessions, id);
        int64_t created_us = sql_int(rows, 5), last_us = sql_int(rows, 6);
        int64_t refused = json_peek_int(seen, 0, "refused", NULL);
        int64_t idle = days_since(gathering, last_us > 0 ? last_us : created_us);
        bool enabled = sql_int(rows, 3) != 0;
        json_array_append_new(
            users, json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:I, s:I}", "id", id, "name",
                             name, "role", role_name(sql_int(rows, 2)), "enabled", (int)enabled,
                             "locked", sql_int(rows, 4) > gathering->now_us, "created_at",
                             moment(created_us), "last_login_at", moment(last_us), "logins",
                             (json_int_t)json_peek_int(seen, 0, "opened", NULL), "refused",
                             (json_int_t)refused));
        if (enabled && idle >= AUDIT_IDLE_DAYS) {
            found(gathering, FOUND_IDLE_USER, name, idle);
        }
        if (refused >= AUDIT_REFUSED_MIN) {
            found(gathering, FOUND_REFUSED, name, refused);
        }
    }
    json_object_set_new(gathering->report, "users", users);
    return r;
}

static int gather_keys(struct gathering *gathering, struct err *err) {
    json_t *keys = json_array();
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(gathering->tx, err, &rows,
                      "SELECT id, name, role, scopes, created_by, created_us, expires_us, "
                      "revoked_us, last_used_us FROM api_key WHERE created_us < $1 ORDER BY "
                      "created_us, id LIMIT $2",
                      S_INT(gathering->month->until_us), S_INT(AUDIT_REPORT_ROWS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *name = sql_text(rows, 1);
        int64_t created_us = sql_int(rows, 5), expires_us = sql_int(rows, 6),
                revoked_us = sql_int(rows, 7), used_us = sql_int(rows, 8);
        bool live = revoked_us == 0 && (expires_us == 0 || expires_us > gathering->now_us);
        int64_t idle = days_since(gathering, used_us > 0 ? used_us : created_us);
        json_array_append_new(
            keys, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "id",
                            sql_text(rows, 0), "name", name, "role", role_name(sql_int(rows, 2)),
                            "scopes", sql_text(rows, 3), "created_by", sql_text(rows, 4), "live",
                            (int)live, "created_at", moment(created_us), "expires_at",
                            moment(expires_us), "revoked_at", moment(revoked_us), "last_used_at",
                            moment(used_us)));
        if (live && idle >= AUDIT_IDLE_DAYS) {
            found(gathering, FOUND_IDLE_KEY, name, idle);
        }
        if (live && expires_us == 0) {
            found(gathering, FOUND_ENDLESS_KEY, name, 0);
        }
    }
    json_object_set_new(gathering->report, "keys", keys);
    return r;
}

/* Fingerprints are public: they name a credential and tell nothing of it. */
static int gather_credentials(struct gathering *gathering, struct err *err) {
    json_t *credentials = json_array();
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(gathering->tx, err, &rows,
                      "SELECT gateway, name, fingerprint, first_us, actor, replaced_us FROM "
                      "credential WHERE first_us < $1 AND (replaced_us = 0 OR replaced_us >= $2) "
                      "ORDER BY gateway, name, first_us LIMIT $3",
                      S_INT(gathering->month->until_us), S_INT(gathering->month->from_us),
                      S_INT(AUDIT_REPORT_ROWS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t first_us = sql_int(rows, 3), replaced_us = sql_int(rows, 5);
        int64_t age = days_since(gathering, first_us);
        json_array_append_new(
            credentials,
            json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:I}", "gateway", sql_text(rows, 0), "name",
                      sql_text(rows, 1), "fingerprint", sql_text(rows, 2), "since",
                      moment(first_us), "by", sql_text(rows, 4), "replaced_at",
                      moment(replaced_us), "days", (json_int_t)age));
        if (replaced_us == 0 && age >= AUDIT_CREDENTIAL_DAYS) {
            found(gathering, FOUND_OLD_CREDENTIAL,
                  arena_printf(gathering->arena, "%s %s", sql_text(rows, 0), sql_text(rows, 1)),
                  age);
        }
    }
    json_object_set_new(gathering->report, "credentials", credentials);
    return r;
}

/* ---- card numbers that somebody sent ---- */

/* "body:3 query:1" into the counts of the places. */
static void add_places(json_t *places, const char *codes) {
    char text[512], *rest = NULL;
    snprintf(text, sizeof text, "%s", codes);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *colon = strrchr(word, ':');
        if (colon != NULL) {
            *colon = '\0';
            int64_t count = json_integer_value(json_object_get(places, word));
            json_object_set_new(places, word,
                                json_integer(count + strtoll(colon + 1, NULL, 10)));
        }
    }
}

static int gather_card_numbers(struct gathering *gathering, struct err *err) {
    json_t *places = json_object(), *count;
    const char *place;
    int64_t refused = 0, minute_us = 60 * US_PER_SECOND;
    BUF_AUTO what;
    buf_init(&what, 1024);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(gathering->tx, err, &rows,
                      "SELECT m.declined, m.codes FROM metric_minute m JOIN metric_slice s ON s.id "
                      "= m.slice WHERE s.operation = $1 AND m.minute >= $2 AND m.minute < $3",
                      S_INT(SLICE_CARD_NUMBER), S_INT(gathering->month->from_us / minute_us),
                      S_INT(gathering->month->until_us / minute_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        refused += sql_int(rows, 0);
        add_places(places, sql_text(rows, 1));
    }
    json_object_foreach(places, place, count) {
        buf_addf(&what, "%s%s", what.len > 0 ? ", " : "", place);
    }
    if (refused > 0) {
        found(gathering, FOUND_CARD_NUMBERS, what.len > 0 ? what.data : "", refused);
    }
    json_object_set_new(gathering->report, "card_numbers",
                        json_pack("{s:I, s:o}", "refused", (json_int_t)refused, "places", places));
    return r;
}

/* ---- the report ---- */

static void tell_chain(struct gathering *gathering) {
    const struct audit_verdict *chain = &gathering->chain;
    bool whole = chain->broken_number == 0;
    json_object_set_new(gathering->report, "chain",
                        json_pack("{s:b, s:I, s:I, s:s}", "whole", (int)whole, "entries",
                                  (json_int_t)chain->entries, "broken_number",
                                  (json_int_t)chain->broken_number, "why", chain->why));
    if (!whole) {
        found(gathering, FOUND_CHAIN,
              arena_printf(gathering->arena, "entry %lld, %s", (long long)chain->broken_number,
                           chain->why),
              0);
    }
}

static int gather_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct gathering *gathering = ctx;
    JSON_AUTO sessions = json_object();
    gathering->tx = tx;
    json_array_clear(gathering->findings); /* a snapshot may have to be read again */
    gathering->finding_count = 0;
    tell_chain(gathering);
    int r = gather_entries(gathering, sessions, err);
    r = r < 0 ? r : gather_users(gathering, sessions, err);
    r = r < 0 ? r : gather_keys(gathering, err);
    r = r < 0 ? r : gather_credentials(gathering, err);
    return r < 0 ? r : gather_card_numbers(gathering, err);
}

int audit_report(struct store *store, const struct audit_month *month, struct buf *buf,
                 struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    JSON_AUTO report = json_object();
    int64_t now_us = clock_wall_us();
    struct gathering gathering = {
        .month = month,
        .arena = arena,
        .now_us = now_us,
        .at_us = now_us < month->until_us ? now_us : month->until_us,
        .report = report,
        .findings = json_array(),
    };
    json_object_set_new(report, "month", json_string(month->name));
    json_object_set_new(report, "from", moment(month->from_us));
    json_object_set_new(report, "until", moment(month->until_us));
    json_object_set_new(report, "at", moment(now_us));
    json_object_set_new(report, "over", json_boolean(now_us >= month->until_us));
    json_object_set_new(report, "findings", gathering.findings);
    int r = audit_verify(store, &gathering.chain, err);
    r = r < 0 ? r : store_read(store, gather_tx, &gathering, err);
    json_object_set_new(report, "finding_count", json_integer(gathering.finding_count));
    char *text = r < 0 ? NULL : json_dumps(report, JSON_COMPACT);
    if (text != NULL) {
        buf_add_text(buf, text);
        free(text);
    }
    return r < 0 ? r
           : buf_ok(buf) ? 0
                         : err_set(err, ERR_TOO_LARGE, "the report of %s is too large",
                                   month->name);
}

/* ---- every entry, as a file ---- */

static const struct sheet_column columns[] = {
    {SHEET_NUMBER, "number", 0, NULL}, {SHEET_TIME, "at", 0, NULL},
    {SHEET_TEXT, "group", 0, NULL},    {SHEET_TEXT, "actor", 0, NULL},
    {SHEET_TEXT, "action", 0, NULL},   {SHEET_TEXT, "subject", 0, NULL},
    {SHEET_TEXT, "reason", 0, NULL},   {SHEET_TEXT, "hash", 0, NULL},
};

struct exporting {
    const struct audit_month *month;
    enum sheet_format format;
    struct buf *buf;
    struct sheet *sheet;
};

static int export_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct exporting *exporting = ctx;
    sheet_drop(exporting->sheet); /* a snapshot may have to be read again from its start */
    buf_clear(exporting->buf);
    exporting->sheet = sheet_open(exporting->format, exporting->month->name, columns,
                                  COUNT_OF(columns), xlsx_into_buf, exporting->buf);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number, at_us, actor, action, subject, reason, hash FROM audit_entry "
                      "WHERE at_us >= $1 AND at_us < $2 ORDER BY number LIMIT $3",
                      S_INT(exporting->month->from_us), S_INT(exporting->month->until_us),
                      S_INT(AUDIT_REPORT_EXPORT_MAX + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (sheet_rows(exporting->sheet) == AUDIT_REPORT_EXPORT_MAX) {
            return err_set(err, ERR_TOO_LARGE, "%s has more than %d entries: one file has no room",
                           exporting->month->name, AUDIT_REPORT_EXPORT_MAX);
        }
        const struct sheet_cell cells[COUNT_OF(columns)] = {
            {.number = sql_int(rows, 0), .said = true},
            {.number = sql_int(rows, 1), .said = true},
            {.text = groups[group_of(sql_text(rows, 3))].name},
            {.text = sql_text(rows, 2)},
            {.text = sql_text(rows, 3)},
            {.text = sql_text(rows, 4)},
            {.text = sql_text(rows, 5)},
            {.text = sql_text(rows, 6)},
        };
        sheet_row(exporting->sheet, cells);
    }
    return r;
}

int audit_report_entries(struct store *store, const struct audit_month *month,
                         enum sheet_format format, struct buf *buf, struct err *err) {
    struct exporting exporting = {.month = month, .format = format, .buf = buf};
    int r = store_read(store, export_tx, &exporting, err);
    if (r < 0) {
        sheet_drop(exporting.sheet);
        return r;
    }
    r = sheet_close(exporting.sheet, err);
    return r < 0 ? r
           : buf_ok(buf) ? 0
                         : err_set(err, ERR_TOO_LARGE, "the entries of %s are more than one file "
                                                       "holds", month->name);
}
