/* SPDX-License-Identifier: Apache-2.0
 * break_render.c: a break as the API tells it, alone or with all that is known of it. */
#include <string.h>

#include "base/clock.h"
#include "recon/break_desk_impl.h"
#include "recon/fee_look.h"

#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)
#define USER "user:"
enum { HISTORY_MAX = 500 };

static void text_member(struct buf *buf, const char *name, const char *text) {
    buf_addf(buf, ",\"%s\":", name);
    if (text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void time_member(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    text_member(buf, name, wall_us > 0 ? clock_format(wall_us, text) : "");
}

static void int_member(struct buf *buf, const char *name, int64_t value) {
    buf_addf(buf, ",\"%s\":%lld", name, (long long)value);
}

/* "ann" for "user:usr_…", else what it says. */
static int name_member(struct store_tx *tx, struct buf *buf, const char *name, const char *actor,
                       struct err *err) {
    if (strncmp(actor, USER, strlen(USER)) != 0) {
        text_member(buf, name, actor);
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT name FROM app_user WHERE id = $1",
                      S_TEXT(actor + strlen(USER)));
    r = r < 0 ? r : sql_next(rows, err);
    text_member(buf, name, r > 0 ? sql_text(rows, 0) : actor);
    return r < 0 ? r : 0;
}

static void render_member(struct buf *buf, const struct break_member *member) {
    buf_addf(buf, "{\"side\":\"%s\",\"id\":", member->side == OURS ? "ours" : "theirs");
    buf_add_json(buf, member->movement_id);
    buf_addf(buf, ",\"gone\":%s", member->gone ? "true" : "false");
    if (member->currency.code[0] != '\0') {
        text_member(buf, "kind", row_kind_name(member->kind));
        text_member(buf, "status", row_status_name(member->status));
        text_member(buf, "currency", member->currency.code);
        int_member(buf, "amount", member->amount_minor);
        if (member->fee_minor != AMOUNT_UNSAID) {
            int_member(buf, "fee", member->fee_minor);
        }
        time_member(buf, "at", member->at_us);
    }
    text_member(buf, "payment_id", member->payment_id);
    text_member(buf, "order_id", member->order_id);
    text_member(buf, "attempt_id", member->attempt_id);
    text_member(buf, "operation_id", member->operation_id);
    text_member(buf, "statement_id", member->statement_id);
    if (member->side == THEIRS && member->line > 0) {
        int_member(buf, "line", member->line);
    }
    text_member(buf, "gateway_id", member->gateway_id);
    text_member(buf, "reference", member->reference);
    text_member(buf, "original_id", member->original_id);
    text_member(buf, "description", member->description);
    buf_add_char(buf, '}');
}

static int render_members(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                          struct buf *buf, struct err *err) {
    struct break_members members;
    int r = break_members_load(tx, arena, row, &members, err);
    buf_add_text(buf, ",\"members\":[");
    for (int i = 0; r >= 0 && i < members.count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        render_member(buf, &members.rows[i]);
    }
    buf_addf(buf, "],\"more_members\":%lld", (long long)members.more);
    return r;
}

static int render_event(struct store_tx *tx, const struct sql_rows *rows, struct buf *buf,
                        struct err *err) {
    buf_addf(buf, "{\"number\":%lld", (long long)sql_int(rows, 0));
    time_member(buf, "at", sql_int(rows, 1));
    text_member(buf, "actor", sql_text(rows, 2));
    int r = name_member(tx, buf, "actor_name", sql_text(rows, 2), err);
    text_member(buf, "what", sql_text(rows, 3));
    text_member(buf, "detail", sql_text(rows, 4));
    buf_add_char(buf, '}');
    return r;
}

/* The last ones, oldest first. */
static int render_history(struct store_tx *tx, const struct break_row *row, struct buf *buf,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number, at_us, actor, what, detail FROM recon_break_event WHERE "
                      "break_id = $1 AND number > $2 ORDER BY number",
                      S_TEXT(row->id.text), S_INT(row->version - HISTORY_MAX));
    buf_add_text(buf, ",\"history\":[");
    for (bool first = true; r >= 0 && (r = sql_next(rows, err)) > 0; first = false) {
        buf_add_text(buf, first ? "" : ",");
        r = render_event(tx, rows, buf, err);
    }
    buf_add_char(buf, ']');
    return r < 0 ? r : 0;
}

static int render_approval(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                           struct buf *buf, struct err *err) {
    struct approval_row approval;
    buf_add_text(buf, ",\"approval\":");
    if (row->approval_id[0] == '\0') {
        buf_add_text(buf, "null");
        return 0;
    }
    int r = approval_load(tx, arena, row->approval_id, false, &approval, err);
    if (r >= 0) {
        approval_render(buf, &approval);
    }
    return r;
}

int break_render(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                 int64_t now_us, bool whole, struct buf *buf, struct err *err) {
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"break\",\"version\":%lld", row->id.text,
             (long long)row->version);
    text_member(buf, "gateway", row->gateway);
    text_member(buf, "class", match_class_name(row->class));
    text_member(buf, "class_means", match_class_what(row->class));
    text_member(buf, "risk", match_risk_name(row->risk));
    text_member(buf, "risk_why", row->risk_why);
    text_member(buf, "state", break_state_name(row->state));
    text_member(buf, "owner", row->owner);
    int r = name_member(tx, buf, "owner_name", row->owner, err);
    text_member(buf, "kind", row_kind_name(row->kind));
    text_member(buf, "payment_id", row->payment_id);
    text_member(buf, "order_id", row->order_id);
    text_member(buf, "currency", row->currency.code);
    int_member(buf, "our_amount", row->our_minor);
    int_member(buf, "their_amount", row->their_minor);
    int_member(buf, "difference", row->difference_minor);
    int_member(buf, "at_stake", row->stake_minor);
    int_member(buf, "our_rows", row->our_rows);
    int_member(buf, "their_rows", row->their_rows);
    int_member(buf, "written_off", row->written_off_minor);
    buf_addf(buf, ",\"may_write_off\":%s", break_may_write_off(row, NULL) == 0 ? "true" : "false");
    text_member(buf, "movement_id", row->movement_id);
    text_member(buf, "detail", row->detail);
    time_member(buf, "at", row->at_us);
    time_member(buf, "opened_at", row->opened_us);
    time_member(buf, "updated_at", row->updated_us);
    time_member(buf, "closed_at", row->closed_us);
    int_member(buf, "age_days", (now_us - row->opened_us) / US_PER_DAY);
    text_member(buf, "age", break_age_name(row->opened_us, now_us));
    text_member(buf, "first_run", row->first_run);
    text_member(buf, "last_run", row->last_run);
    text_member(buf, "resolution", row->resolution);
    text_member(buf, "decided_by", row->decided_by);
    r = r < 0 ? r : name_member(tx, buf, "decided_by_name", row->decided_by, err);
    r = r < 0 ? r : render_approval(tx, arena, row, buf, err);
    r = r < 0 || !whole || row->class != CLASS_FEE ? r
                                                   : fee_render(tx, row->movement_id, buf, err);
    r = r < 0 || !whole ? r : render_members(tx, arena, row, buf, err);
    r = r < 0 || !whole ? r : render_history(tx, row, buf, err);
    buf_add_char(buf, '}');
    return r;
}
