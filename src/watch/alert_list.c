/* SPDX-License-Identifier: Apache-2.0
 * alert_list.c: alerts, rules, silences and rotas as people look at them. */
#include <string.h>

#include "base/json.h"
#include "watch/alert_impl.h"

enum { LIST_BYTES_MAX = 64 * 1024 * 1024, SILENCES_SHOWN = 500 };
#define SILENCES_BACK_US (SILENCE_DAYS_MAX * 86400 * US_PER_SECOND)

void alert_json_text(struct buf *buf, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        buf_addf(buf, ",\"%s\":", key);
        buf_add_json(buf, value);
    }
}

void alert_json_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, time));
    }
}

/* ---- alerts ---- */

static void add_facts(struct buf *buf, const struct alert_row *row) {
    static const char *const keys[] = {"title",  "summary", "scope", "money",  "cause",
                                       "action", "runbook", "link",  "subject"};
    JSON_AUTO facts = NULL;
    struct err err = {0};
    if (json_read(row->facts, strlen(row->facts), NOTICE_JSON_BYTES_MAX, JSON_DEPTH_MAX, &facts,
                  &err) < 0) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        alert_json_text(buf, keys[i], json_string_value(json_object_get(facts, keys[i])));
    }
}

static void render(struct alerts *alerts, const struct alert_sight *sight,
                   const struct alert_row *row, struct buf *buf) {
    const struct {
        const char *key;
        int64_t wall_us;
    } times[] = {
        {"first_symptom_at", row->first_symptom_us}, {"seen_at", row->seen_us},
        {"found_at", row->fired_us},                 {"told_at", row->told_us},
        {"acknowledged_at", row->acked_us},          {"clear_since", row->clear_us},
        {"resolved_at", row->resolved_us},
    };
    buf_addf(buf, "{\"id\":\"%s\",\"fingerprint\":\"%s\"", row->id, row->fingerprint);
    alert_json_text(buf, "rule", row->face.rule);
    buf_addf(buf, ",\"severity\":\"%s\",\"team\":\"%s\",\"state\":\"%s\"",
             notice_severity_name(row->face.severity), alert_team_name(row->face.team),
             alert_state_name(row->state));
    add_facts(buf, row);
    alert_json_text(buf, "value", row->value);
    alert_json_text(buf, "threshold", row->threshold);
    alert_money_json(buf, row->money);
    buf_add_text(buf, ",\"labels\":{");
    for (int i = 0; i < row->face.label_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, row->face.labels[i].name);
        buf_add_char(buf, ':');
        buf_add_json(buf, row->face.labels[i].value);
    }
    buf_add_char(buf, '}');
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        alert_json_time(buf, times[i].key, times[i].wall_us);
    }
    alert_json_text(buf, "acknowledged_by", row->acked_by);
    alert_json_text(buf, "acknowledged_because", row->ack_reason);
    buf_addf(buf, ",\"steps_taken\":%lld", (long long)row->step);
    if (row->state != ALERT_RESOLVED) {
        alert_json_text(buf, "muted_by", alert_muted(alerts, sight, row));
        alert_json_explained(buf, alerts, sight, row);
    }
}

struct listing {
    struct alerts *alerts;
    const struct alerts_filter *filter;
    enum alert_state state; /* 0: live or all */
    bool all;
    int64_t team, severity;
    const char *id;
    struct buf *buf;
    bool found;
};

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(LIST_BYTES_MAX);
    struct listing *listing = ctx;
    const struct alerts_filter *filter = listing->filter;
    struct alert_sight sight;
    struct alert_row row = {.id = ""};
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = alert_sight_load(tx, arena, clock_wall_us(), &sight, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT " ALERT_COLUMNS " FROM alert a WHERE ($1 = 0 OR a.state = $1) "
                          "AND ($2 = 1 OR a.state <> 4) AND ($3 = '' OR a.rule = $3) AND "
                          "($4 = 0 OR a.team = $4) AND a.severity <= $5 AND "
                          "($6 = '' OR a.id < $6) ORDER BY a.id DESC LIMIT $7",
                          S_INT(listing->state), S_INT(listing->all ? 1 : 0),
                          S_TEXT(filter->rule != NULL ? filter->rule : ""), S_INT(listing->team),
                          S_INT(listing->severity),
                          S_TEXT(filter->before != NULL ? filter->before : ""),
                          S_INT(filter->limit + 1));
    buf_clear(listing->buf);
    buf_add_text(listing->buf, "{\"data\":[");
    bool more = false;
    while (r >= 0 && !more && (r = sql_next(rows, err)) > 0) {
        more = count == filter->limit;
        if (!more) {
            alert_row_take(arena, rows, &row);
            buf_add_text(listing->buf, count++ > 0 ? "," : "");
            render(listing->alerts, &sight, &row, listing->buf);
            buf_add_char(listing->buf, '}');
        }
    }
    buf_add_text(listing->buf, "],\"next_cursor\":");
    if (more) {
        buf_add_json(listing->buf, row.id);
    } else {
        buf_add_text(listing->buf, "null");
    }
    buf_add_char(listing->buf, '}');
    return r < 0 ? r : 0;
}

static int bad(const char *place, const char *why, struct err *err) {
    err_set(err, ERR_VALIDATION, "%s", why);
    return err_place(err, "%s", place);
}

int alerts_list(struct alerts *alerts, const struct alerts_filter *filter, struct buf *buf,
                struct err *err) {
    struct listing listing = {.alerts = alerts, .filter = filter, .buf = buf,
                              .severity = NOTICE_P3};
    const char *state = filter->state != NULL && filter->state[0] != '\0' ? filter->state : "live";
    enum notice_severity severity;
    enum alert_team team;
    listing.all = strcmp(state, "live") != 0;
    if (listing.all && strcmp(state, "all") != 0 && !alert_state_parse(state, &listing.state)) {
        return bad("state", "states are live, all, pending, firing, acknowledged, resolved", err);
    }
    if (filter->team != NULL && filter->team[0] != '\0') {
        if (!alert_team_parse(filter->team, &team)) {
            return bad("team", "teams are operations, engineering, product and support", err);
        }
        listing.team = team;
    }
    if (filter->severity != NULL && filter->severity[0] != '\0') {
        if (!notice_severity_parse(filter->severity, &severity)) {
            return bad("severity", "severities are P0, P1, P2 and P3", err);
        }
        listing.severity = severity;
    }
    if (filter->limit < 1 || filter->limit > ALERTS_LISTED_MAX) {
        return bad("limit", "1 to 100 alerts are listed at once", err);
    }
    return store_read(alerts->options.store, list_tx, &listing, err);
}

/* ---- one ---- */

static int add_history(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT at_us, actor, what, body FROM alert_entry WHERE alert_id = $1 "
                      "ORDER BY number",
                      S_TEXT(id));
    buf_add_text(buf, ",\"history\":[");
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s{\"at\":\"%s\"", count > 0 ? "," : "",
                 clock_format(sql_int(rows, 0), time));
        alert_json_text(buf, "actor", sql_text(rows, 1));
        alert_json_text(buf, "what", sql_text(rows, 2));
        alert_json_text(buf, "text", sql_text(rows, 3));
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return r;
}

static int add_told(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT channel, state, severity, at_us FROM alert_told WHERE alert_id = $1 "
                      "ORDER BY channel",
                      S_TEXT(id));
    buf_add_text(buf, ",\"told\":[");
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s{\"at\":\"%s\",\"state\":\"%s\",\"severity\":\"%s\"",
                 count > 0 ? "," : "", clock_format(sql_int(rows, 3), time),
                 notice_state_name((enum notice_state)sql_int(rows, 1)),
                 notice_severity_name((enum notice_severity)sql_int(rows, 2)));
        alert_json_text(buf, "channel", sql_text(rows, 0));
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return r;
}

static int add_sources(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT source, firing, until_us FROM alert_word WHERE alert_id = $1 "
                      "ORDER BY source",
                      S_TEXT(id));
    buf_add_text(buf, ",\"sources\":[");
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        buf_addf(buf, "%s{\"sees_it\":%s", count > 0 ? "," : "",
                 sql_int(rows, 1) == 1 ? "true" : "false");
        alert_json_text(buf, "source", sql_text(rows, 0));
        alert_json_time(buf, "counts_until", sql_int(rows, 2));
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return r;
}

static int load_row(struct store_tx *tx, struct arena *arena, const char *id,
                    struct alert_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " ALERT_COLUMNS " FROM alert a WHERE a.id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        alert_row_take(arena, rows, ret_row);
    }
    return r == 0 ? err_set(err, ERR_NOT_FOUND, "there is no such alert") : r;
}

int alert_show_tx(struct alerts *alerts, struct store_tx *tx, const char *id, struct buf *buf,
                  struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct alert_sight sight;
    struct alert_row row;
    int r = alert_sight_load(tx, arena, clock_wall_us(), &sight, err);
    r = r < 0 ? r : load_row(tx, arena, id, &row, err);
    if (r < 0) {
        return r;
    }
    buf_clear(buf);
    render(alerts, &sight, &row, buf);
    r = alert_json_explains(buf, alerts, tx, &row, err);
    r = r < 0 ? r : add_history(tx, id, buf, err);
    r = r < 0 ? r : add_told(tx, id, buf, err);
    r = r < 0 ? r : add_sources(tx, id, buf, err);
    buf_add_char(buf, '}');
    return r < 0 ? r : 0;
}

static int show_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    return alert_show_tx(listing->alerts, tx, listing->id, listing->buf, err);
}

int alert_get(struct alerts *alerts, const char *id, struct buf *buf, struct err *err) {
    struct listing listing = {.alerts = alerts, .id = id, .buf = buf};
    return store_read(alerts->options.store, show_tx, &listing, err);
}

/* ---- rules ---- */

void alert_rules_list(const struct alerts *alerts, struct buf *buf) {
    enum notice_language language = alerts->settings.language;
    buf_clear(buf);
    buf_add_text(buf, "{\"data\":[");
    for (int i = 0; i < alert_rule_count(); i++) {
        struct alert_rule_state state;
        alert_rule_now(alerts, alert_rule_at(i)->name, &state);
        const struct alert_rule *rule = &state.rule;
        buf_addf(buf, "%s{\"name\":\"%s\",\"severity\":\"%s\",\"team\":\"%s\"", i > 0 ? "," : "",
                 rule->name, notice_severity_name(rule->severity), alert_team_name(rule->team));
        buf_addf(buf, ",\"for_seconds\":%lld,\"keep_seconds\":%lld,\"off\":%s",
                 (long long)(rule->for_us / US_PER_SECOND),
                 (long long)(rule->keep_us / US_PER_SECOND), state.off ? "true" : "false");
        alert_json_text(buf, "title", rule->title[language]);
        alert_json_text(buf, "action", rule->action[language]);
        buf_addf(buf, ",\"guide\":\"/guides/%s\"}", rule->guide);
    }
    buf_add_text(buf, "]}");
}

/* ---- silences ---- */

#define SILENCE_COLUMNS "id, matchers, from_us, until_us, actor, reason, ended_by, ended_us"

static void add_matchers(struct buf *buf, const char *text) {
    buf_add_text(buf, ",\"matchers\":[");
    for (int count = 0; text[0] != '\0'; count++) {
        char one[MATCHER_CHARS_MAX + 1];
        size_t bytes = strcspn(text, "\n");
        (void)snprintf(one, sizeof one, "%.*s", (int)bytes, text);
        buf_add_text(buf, count > 0 ? "," : "");
        buf_add_json(buf, one);
        text += bytes + (text[bytes] != '\0' ? 1 : 0);
    }
    buf_add_char(buf, ']');
}

static void render_silence(struct buf *buf, const struct sql_rows *rows) {
    int64_t now_us = clock_wall_us(), from_us = sql_int(rows, 2), until_us = sql_int(rows, 3);
    int64_t ended_us = sql_int(rows, 7);
    const char *state = ended_us > 0 || until_us <= now_us ? "ended"
                        : from_us > now_us                 ? "to_come"
                                                           : "active";
    buf_addf(buf, "{\"id\":\"%s\",\"state\":\"%s\"", sql_text(rows, 0), state);
    add_matchers(buf, sql_text(rows, 1));
    alert_json_time(buf, "from", from_us);
    alert_json_time(buf, "until", until_us);
    alert_json_text(buf, "actor", sql_text(rows, 4));
    alert_json_text(buf, "reason", sql_text(rows, 5));
    alert_json_text(buf, "ended_by", sql_text(rows, 6));
    alert_json_time(buf, "ended_at", ended_us);
    buf_add_char(buf, '}');
}

int silence_show_tx(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " SILENCE_COLUMNS " FROM alert_silence WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        buf_clear(buf);
        render_silence(buf, rows);
    }
    return r == 0 ? err_set(err, ERR_NOT_FOUND, "there is no such silence") : r < 0 ? r : 0;
}

static int silences_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    int64_t now_us = clock_wall_us();
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " SILENCE_COLUMNS " FROM alert_silence WHERE until_us > $1 AND "
                      "($2 = 1 OR ended_us = 0) ORDER BY id DESC LIMIT $3",
                      S_INT(listing->all ? now_us - SILENCES_BACK_US : now_us),
                      S_INT(listing->all ? 1 : 0), S_INT(SILENCES_SHOWN));
    buf_clear(listing->buf);
    buf_add_text(listing->buf, "{\"data\":[");
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        buf_add_text(listing->buf, count > 0 ? "," : "");
        render_silence(listing->buf, rows);
    }
    buf_add_text(listing->buf, "]}");
    return r;
}

int silences_list(struct alerts *alerts, bool all, struct buf *buf, struct err *err) {
    struct listing listing = {.alerts = alerts, .all = all, .buf = buf};
    return store_read(alerts->options.store, silences_tx, &listing, err);
}

/* ---- rotas ---- */

static int add_overrides(struct store_tx *tx, const char *rota, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, person, from_us, until_us, actor, reason FROM alert_override "
                      "WHERE rota = $1 AND until_us > $2 ORDER BY id",
                      S_TEXT(rota), S_INT(clock_wall_us()));
    buf_add_text(buf, ",\"overrides\":[");
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        buf_addf(buf, "%s{\"id\":\"%s\"", count > 0 ? "," : "", sql_text(rows, 0));
        alert_json_text(buf, "person", sql_text(rows, 1));
        alert_json_time(buf, "from", sql_int(rows, 2));
        alert_json_time(buf, "until", sql_int(rows, 3));
        alert_json_text(buf, "actor", sql_text(rows, 4));
        alert_json_text(buf, "reason", sql_text(rows, 5));
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return r;
}

static int rotas_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct listing *listing = ctx;
    const struct alert_settings *settings = &listing->alerts->settings;
    int r = 0;
    buf_clear(listing->buf);
    buf_add_text(listing->buf, "{\"data\":[");
    for (int i = 0; r >= 0 && i < settings->rota_count; i++) {
        const char *person = NULL;
        r = alert_on_duty(tx, arena, &settings->rotas[i], clock_wall_us(), &person, err);
        buf_addf(listing->buf, "%s{\"name\":\"%s\",\"on_duty\":", i > 0 ? "," : "",
                 settings->rotas[i].name);
        if (person != NULL) {
            buf_add_json(listing->buf, person);
        } else {
            buf_add_text(listing->buf, "null");
        }
        r = r < 0 ? r : add_overrides(tx, settings->rotas[i].name, listing->buf, err);
        buf_add_char(listing->buf, '}');
    }
    buf_add_text(listing->buf, "]}");
    return r < 0 ? r : 0;
}

int rotas_list(struct alerts *alerts, struct buf *buf, struct err *err) {
    struct listing listing = {.alerts = alerts, .buf = buf};
    return store_read(alerts->options.store, rotas_tx, &listing, err);
}

/* ---- channels ---- */

static int self_tests_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT s.channel, s.delivery_id, s.at_us, coalesce(d.state, 0), "
                      "coalesce(d.last_error, '') FROM alert_self_test s "
                      "LEFT JOIN alert_delivery d ON d.id = s.delivery_id ORDER BY s.channel");
    buf_clear(listing->buf);
    buf_add_char(listing->buf, '[');
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        int64_t state = sql_int(rows, 3);
        buf_addf(listing->buf, "%s{\"state\":\"%s\"", count > 0 ? "," : "",
                 state > 0 ? delivery_state_name((enum delivery_state)state) : "removed");
        alert_json_text(listing->buf, "channel", sql_text(rows, 0));
        alert_json_text(listing->buf, "delivery", sql_text(rows, 1));
        alert_json_time(listing->buf, "at", sql_int(rows, 2));
        alert_json_text(listing->buf, "reason", sql_text(rows, 4));
        buf_add_char(listing->buf, '}');
    }
    buf_add_char(listing->buf, ']');
    return r;
}

int alert_channels_list(struct alerts *alerts, struct buf *buf, struct err *err) {
    BUF_AUTO channels;
    BUF_AUTO tests;
    buf_init(&channels, buf->max);
    buf_init(&tests, buf->max);
    struct listing listing = {.alerts = alerts, .buf = &tests};
    int r = deliveries_channels(alerts->options.deliveries, &channels, err);
    r = r < 0 ? r : store_read(alerts->options.store, self_tests_tx, &listing, err);
    buf_clear(buf);
    buf_add_text(buf, "{\"data\":");
    buf_add_text(buf, channels.data);
    buf_add_text(buf, ",\"self_tests\":");
    buf_add_text(buf, tests.data);
    buf_add_char(buf, '}');
    return r;
}
