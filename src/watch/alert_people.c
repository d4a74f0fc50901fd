/* SPDX-License-Identifier: Apache-2.0
 * alert_people.c: what people do: somebody looks at an alert, something is not to be told for a
 * while, somebody stands in for another. Each with its entry on the audit log. */
#include <string.h>

#include "base/text.h"
#include "store/audit.h"
#include "watch/alert_impl.h"

enum { REASON_BYTES_MAX = 2000 };
#define LONGEST_US (SILENCE_DAYS_MAX * 86400 * US_PER_SECOND)

/* ---- acknowledged ---- */

static int not_firing(const struct alert_row *row, struct err *err) {
    if (row->state == ALERT_ACKNOWLEDGED) {
        err_set(err, ERR_STATE, "%.60s has acknowledged it already", row->acked_by);
    } else {
        err_set(err, ERR_STATE, "the alert is not firing: it is %s", alert_state_name(row->state));
    }
    return err_hint(err, "`holdfast alert show %s` tells its story.", row->id);
}

int alert_acknowledge(struct alerts *alerts, struct store_tx *tx, const char *id,
                      const char *actor, const char *reason, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    int64_t now_us = clock_wall_us();
    struct alert_row row;
    int r = alert_row_load(tx, arena, id, &row, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no such alert");
    }
    if (!alert_move(&row.state, ALERT_EVENT_TAKEN)) {
        return not_firing(&row, err);
    }
    row.acked_us = now_us;
    row.acked_by = actor;
    row.ack_reason = reason;
    r = alert_entry_add(tx, &row, actor, "acknowledged", reason, err);
    r = r < 0 ? r : alert_row_save(tx, &row, err);
    r = r < 0 ? r : alert_group_due(alerts, tx, &row, true, now_us, err);
    r = r < 0 ? r : alert_show_tx(alerts, tx, id, buf, err);
    return r < 0 ? r : audit_append(tx, actor, "alert.acknowledge", id, reason, "{}", err);
}

/* ---- times ---- */

static int read_times(int64_t *from_us, int64_t until_us, int64_t now_us, struct err *err) {
    *from_us = *from_us > 0 ? *from_us : now_us;
    if (until_us <= now_us || until_us <= *from_us) {
        err_set(err, ERR_VALIDATION, "it must end at a time to come, after its beginning");
        return err_place(err, "/until");
    }
    if (until_us - *from_us > LONGEST_US || *from_us > now_us + LONGEST_US) {
        err_set(err, ERR_VALIDATION, "it lasts for %d days at most, and begins within as many",
                SILENCE_DAYS_MAX);
        err_place(err, "/until");
        return err_hint(err, "What is never to be told is a rule that is off: alerts.rules.");
    }
    return 0;
}

static int check_reason(const char *reason, struct err *err) {
    if (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the audit log");
        return err_place(err, "/reason");
    }
    return 0;
}

static void add_times(struct buf *buf, int64_t from_us, int64_t until_us) {
    alert_json_time(buf, "from", from_us);
    alert_json_time(buf, "until", until_us);
}

/* ---- silences ---- */

/* One that fits everything would be the end of alerting: something must be named. */
static int check_matchers(struct arena *arena, const struct silence_request *request,
                          const char **ret_text, struct err *err) {
    bool names = false;
    const char *text = "";
    if (request->matcher_count < 1 || request->matcher_count > MATCHERS_MAX) {
        err_set(err, ERR_VALIDATION, "a silence has 1 to %d matchers", MATCHERS_MAX);
        return err_place(err, "/matchers");
    }
    for (int i = 0; i < request->matcher_count; i++) {
        struct matcher matcher;
        int r = matcher_read(arena, request->matchers[i], &matcher, err);
        if (r < 0) {
            return err_place(err, "/matchers/%d", i);
        }
        if (strpbrk(request->matchers[i], ",") != NULL) {
            err_set(err, ERR_VALIDATION, "a matcher has no comma in it: give several");
            return err_place(err, "/matchers/%d", i);
        }
        bool all = matcher.how == MATCH_LIKE &&
                   strspn(matcher.value, "*?") == strlen(matcher.value);
        names = names || (matcher.how != MATCH_NOT && matcher.value[0] != '\0' && !all);
        text = arena_printf(arena, "%s%s\n", text, request->matchers[i]);
    }
    if (!names) {
        err_set(err, ERR_VALIDATION, "a silence says what it is about: at least one name=value");
        return err_place(err, "/matchers");
    }
    *ret_text = text;
    return 0;
}

static int count_silences(struct store_tx *tx, int64_t now_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM alert_silence WHERE until_us > $1 AND ended_us = 0",
                      S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0 && sql_int(rows, 0) >= SILENCES_MAX) {
        err_set(err, ERR_STATE, "there are %d silences already", SILENCES_MAX);
        return err_hint(err, "End some: `holdfast alert silences`, `holdfast alert unsilence ID`.");
    }
    return r;
}

int silence_add(struct alerts *alerts, struct store_tx *tx, const struct silence_request *request,
                const char *actor, struct buf *buf, struct err *err) {
    (void)alerts;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct silence_id id = silence_id_new();
    int64_t now_us = clock_wall_us(), from_us = request->from_us;
    const char *text = "";
    int r = check_reason(request->reason, err);
    r = r < 0 ? r : check_matchers(arena, request, &text, err);
    r = r < 0 ? r : read_times(&from_us, request->until_us, now_us, err);
    r = r < 0 ? r : count_silences(tx, now_us, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO alert_silence (id, matchers, from_us, until_us, actor, "
                        "reason, ended_by, ended_us) VALUES ($1, $2, $3, $4, $5, $6, '', 0)",
                        S_TEXT(id.text), S_TEXT(text), S_INT(from_us), S_INT(request->until_us),
                        S_TEXT(actor), S_TEXT(request->reason));
    r = r < 0 ? r : silence_show_tx(tx, id.text, buf, err);
    return r < 0 ? r
                 : audit_append(tx, actor, "alert.silence", id.text, request->reason, buf->data,
                                err);
}

int silence_end(struct alerts *alerts, struct store_tx *tx, const char *id, const char *actor,
                struct buf *buf, struct err *err) {
    (void)alerts;
    int64_t now_us = clock_wall_us();
    int64_t ended = sql_exec(tx, err,
                             "UPDATE alert_silence SET ended_us = $2, ended_by = $3 WHERE id = $1 "
                             "AND ended_us = 0 AND until_us > $2",
                             S_TEXT(id), S_INT(now_us), S_TEXT(actor));
    int r = ended < 0 ? (int)ended : silence_show_tx(tx, id, buf, err);
    if (r >= 0 && ended == 0) {
        return err_set(err, ERR_STATE, "the silence has ended already");
    }
    return r < 0 ? r : audit_append(tx, actor, "alert.unsilence", id, "", "{}", err);
}

/* ---- stand-ins ---- */

int rota_override_add(struct alerts *alerts, struct store_tx *tx,
                      const struct rota_override *override, const char *actor, const char *reason,
                      struct buf *buf, struct err *err) {
    struct override_id id = override_id_new();
    int64_t from_us = override->from_us;
    int r = check_reason(reason, err);
    if (r >= 0 && alert_rota_find(&alerts->settings, override->rota) == NULL) {
        r = err_set(err, ERR_NOT_FOUND, "there is no rota of that name");
    }
    if (r >= 0 && alert_person_find(&alerts->settings, override->person) == NULL) {
        err_set(err, ERR_VALIDATION, "there is nobody of that name in alerts.people");
        r = err_place(err, "/person");
    }
    r = r < 0 ? r : read_times(&from_us, override->until_us, clock_wall_us(), err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO alert_override (id, rota, person, from_us, until_us, actor, "
                        "reason) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        S_TEXT(id.text), S_TEXT(override->rota), S_TEXT(override->person),
                        S_INT(from_us), S_INT(override->until_us), S_TEXT(actor), S_TEXT(reason));
    if (r < 0) {
        return r;
    }
    buf_clear(buf);
    buf_addf(buf, "{\"id\":\"%s\"", id.text);
    alert_json_text(buf, "rota", override->rota);
    alert_json_text(buf, "person", override->person);
    add_times(buf, from_us, override->until_us);
    alert_json_text(buf, "actor", actor);
    alert_json_text(buf, "reason", reason);
    buf_add_char(buf, '}');
    return audit_append(tx, actor, "rota.override", override->rota, reason, buf->data, err);
}
