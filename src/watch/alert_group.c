/* SPDX-License-Identifier: Apache-2.0
 * alert_group.c: who is told what. Alerts with the same values of the labels that group are told
 * together: a group has one job, which runs a little after something in it has changed, and then no
 * more often than its interval.
 *
 * A run looks at each alert and each channel, and at what the channel was last told:
 *   firing        not told yet: if a route leads there now and nothing mutes it. Told, but it is
 *                 graver now: again
 *   acknowledged  told that it fires: that somebody looks at it
 *   resolved      told that it fires: that it is over, whatever mutes it now
 * Where people read, all that has changed is one message that names the others; a machine gets each
 * by itself. What is muted, or out of hours, is looked at again every ALERT_RECHECK_US. */
#include <stdlib.h>
#include <string.h>

#include "watch/alert_impl.h"

enum { FLUSH_BYTES_MAX = 192 * 1024 * 1024, MEMBERS_MAX = ALERTS_LIVE_MAX * 2 };

struct told {
    const char *channel;
    enum notice_state state;
    enum notice_severity severity;
};
struct member {
    struct alert_row row;
    struct told *told;
    int told_count;
    struct alert_names targets;
    bool muted, hours;
    struct alert_names sent; /* by this run */
    const char *sent_reason;
    bool changed;
};
struct change {
    struct member *member;
    enum notice_state state;
    const char *reason;
};
struct flush {
    struct alerts *alerts;
    const char *group_key;
    struct arena *arena;
    struct member *members;
    int member_count;
    int64_t now_us, next_us;
    bool sent;
};

/* ---- loading ---- */

static int lock_group(struct store_tx *tx, const char *key, struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO alert_group (group_key, flushed_us) VALUES ($1, 0) "
                    "ON CONFLICT (group_key) DO NOTHING",
                    S_TEXT(key));
    if (r < 0) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT flushed_us FROM alert_group WHERE group_key = $1 FOR UPDATE",
                  S_TEXT(key));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r : 0;
}

static int load_members(struct store_tx *tx, struct flush *flush, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    flush->members = arena_alloc(flush->arena, sizeof *flush->members * MEMBERS_MAX);
    int r = sql_query(tx, err, &rows,
                      "SELECT " ALERT_COLUMNS " FROM alert a WHERE a.group_key = $1 AND "
                      "(a.state <> 4 OR a.owed = 1) ORDER BY a.id LIMIT $2 FOR UPDATE",
                      S_TEXT(flush->group_key), S_INT(MEMBERS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct member *member = &flush->members[flush->member_count++];
        alert_row_take(flush->arena, rows, &member->row);
    }
    return r;
}

/* Both in the order of their ids. */
static int load_told(struct store_tx *tx, struct flush *flush, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int at = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT t.alert_id, t.channel, t.state, t.severity FROM alert_told t "
                      "JOIN alert a ON a.id = t.alert_id WHERE a.group_key = $1 AND "
                      "(a.state <> 4 OR a.owed = 1) ORDER BY a.id",
                      S_TEXT(flush->group_key));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        while (at < flush->member_count &&
               strcmp(flush->members[at].row.id, sql_text(rows, 0)) != 0) {
            at++;
        }
        if (at == flush->member_count) {
            break;
        }
        struct member *member = &flush->members[at];
        if (member->told == NULL) {
            member->told = arena_alloc(flush->arena, sizeof *member->told * CHANNELS_MAX);
        }
        if (member->told_count < CHANNELS_MAX) {
            member->told[member->told_count++] = (struct told){
                .channel = arena_copy(flush->arena, sql_text(rows, 1)),
                .state = (enum notice_state)sql_int(rows, 2),
                .severity = (enum notice_severity)sql_int(rows, 3),
            };
        }
    }
    return r < 0 ? r : 0;
}

static int look(struct store_tx *tx, struct flush *flush, struct err *err) {
    struct alert_sight sight;
    int r = alert_sight_load(tx, flush->arena, flush->now_us, &sight, err);
    for (int i = 0; r >= 0 && i < flush->member_count; i++) {
        struct member *member = &flush->members[i];
        member->muted = alert_muted(flush->alerts, &sight, &member->row) != NULL;
        member->hours = alert_targets(&flush->alerts->settings, &member->row.face, flush->now_us,
                                      &member->targets);
        if (member->row.state == ALERT_FIRING && (member->muted || member->hours)) {
            flush->next_us = flush->now_us + ALERT_RECHECK_US;
        }
    }
    return r;
}

/* ---- deciding ---- */

static const struct told *told_of(const struct member *member, const char *channel) {
    for (int i = 0; i < member->told_count; i++) {
        if (strcmp(member->told[i].channel, channel) == 0) {
            return &member->told[i];
        }
    }
    return NULL;
}

static bool is_among(const struct alert_names *names, const char *channel) {
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], channel) == 0) {
            return true;
        }
    }
    return false;
}

static bool decide(const struct flush *flush, struct member *member, const char *channel,
                   struct change *ret_change) {
    const struct alert_row *row = &member->row;
    const struct told *told = told_of(member, channel);
    enum alert_word word = ALERT_WORD_FIRST;
    enum notice_state state = NOTICE_FIRING;
    const char *by = "";
    switch (row->state) {
    case ALERT_FIRING:
        if (member->muted || (told == NULL && !is_among(&member->targets, channel)) ||
            (told != NULL && told->state == NOTICE_FIRING &&
             told->severity <= row->face.severity)) {
            return false;
        }
        word = told != NULL ? ALERT_WORD_RAISED : ALERT_WORD_FIRST;
        break;
    case ALERT_ACKNOWLEDGED:
        if (told == NULL || told->state != NOTICE_FIRING) {
            return false;
        }
        state = NOTICE_ACKNOWLEDGED;
        word = ALERT_WORD_TAKEN;
        by = row->acked_by;
        break;
    case ALERT_RESOLVED:
        if (told == NULL || told->state == NOTICE_RESOLVED) {
            return false;
        }
        state = NOTICE_RESOLVED;
        word = ALERT_WORD_OVER;
        break;
    default:
        return false;
    }
    const char *reason = arena_printf(flush->arena, "%s%s", alert_word(flush->alerts, word), by);
    *ret_change = (struct change){member, state, reason};
    return true;
}

/* ---- telling ---- */

static int noted(struct store_tx *tx, struct flush *flush, const struct change *change,
                 const char *channel, struct err *err) {
    struct member *member = change->member;
    alert_names_add(&member->sent, channel);
    member->sent_reason = change->reason;
    member->changed = true;
    if (change->state == NOTICE_FIRING) {
        member->row.told_us = flush->now_us;
    }
    flush->sent = true;
    return alert_told_put(tx, &member->row, channel, change->state, flush->now_us, err);
}

static int tell_each(struct store_tx *tx, struct flush *flush, const char *channel,
                     const struct change *changes, int count, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct notice notice;
        struct delivery_id id;
        r = alert_notice(flush->arena, &changes[i].member->row, changes[i].state,
                         changes[i].reason, &notice, err);
        r = r < 0 ? r
                  : delivery_add(flush->alerts->options.deliveries, tx, channel, &notice, &id, err);
    }
    return r;
}

/* What fires before what does not, then the gravest, then where most is at stake, then the oldest.
 */
static int by_gravity(const void *a, const void *b) {
    const struct change *left = a, *right = b;
    int firing = (right->state == NOTICE_FIRING) - (left->state == NOTICE_FIRING);
    int grave = (int)left->member->row.face.severity - (int)right->member->row.face.severity;
    int64_t stakes = alert_money_stake(right->member->row.money) -
                     alert_money_stake(left->member->row.money);
    return firing != 0 ? firing
           : grave != 0 ? grave
           : stakes != 0 ? (stakes > 0 ? 1 : -1)
                        : strcmp(left->member->row.id, right->member->row.id);
}

static int add_headline(struct flush *flush, struct notice *notice, const struct change *change,
                        struct err *err) {
    struct notice other;
    if (notice->also_count == NOTICE_ALSO_MAX) {
        notice->also_more++;
        return 0;
    }
    int r = alert_notice(flush->arena, &change->member->row, change->state, change->reason, &other,
                         err);
    BUF_AUTO headline;
    buf_init(&headline, NOTICE_TEXT_BYTES_MAX);
    if (r >= 0) {
        notice_headline(&other, &headline);
        notice->also[notice->also_count++] = arena_copy(flush->arena, headline.data);
    }
    return r;
}

/* Those that the channel knows of and that go on are named as well. */
static int add_others(struct flush *flush, struct notice *notice, const char *channel,
                      struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < flush->member_count; i++) {
        struct member *member = &flush->members[i];
        const struct told *told = told_of(member, channel);
        bool goes_on = told != NULL && member->row.state == ALERT_FIRING &&
                       told->state == NOTICE_FIRING && !is_among(&member->sent, channel);
        if (goes_on) {
            const struct change stands = {member, NOTICE_FIRING, ""};
            r = add_headline(flush, notice, &stands, err);
        }
    }
    return r;
}

static int tell_together(struct store_tx *tx, struct flush *flush, const char *channel,
                         struct change *changes, int count, struct err *err) {
    struct notice notice;
    struct delivery_id id;
    qsort(changes, (size_t)count, sizeof *changes, by_gravity);
    int r = alert_notice(flush->arena, &changes[0].member->row, changes[0].state,
                         changes[0].reason, &notice, err);
    if (r < 0) {
        return r;
    }
    notice.fingerprint = arena_printf(flush->arena, "group:%s", flush->group_key);
    for (int i = 1; r >= 0 && i < count; i++) {
        r = add_headline(flush, &notice, &changes[i], err);
    }
    r = r < 0 ? r : add_others(flush, &notice, channel, err);
    return r < 0 ? r
                 : delivery_add(flush->alerts->options.deliveries, tx, channel, &notice, &id, err);
}

static int tell_channel(struct store_tx *tx, struct flush *flush, const struct channel *channel,
                        struct err *err) {
    const char *name = channel_name(channel);
    struct change *changes = arena_alloc(flush->arena,
                                         sizeof *changes * (size_t)(flush->member_count + 1));
    int count = 0;
    for (int i = 0; i < flush->member_count; i++) {
        count += decide(flush, &flush->members[i], name, &changes[count]) ? 1 : 0;
    }
    if (count == 0) {
        return 0;
    }
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = noted(tx, flush, &changes[i], name, err);
    }
    return r < 0                          ? r
           : channel_rate(channel).folds ? tell_together(tx, flush, name, changes, count, err)
                                         : tell_each(tx, flush, name, changes, count, err);
}

/* ---- one run ---- */

static int keep(struct store_tx *tx, struct flush *flush, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < flush->member_count; i++) {
        struct member *member = &flush->members[i];
        if (member->row.state == ALERT_RESOLVED) {
            member->row.owed = 0;
            member->changed = true;
        }
        if (!member->changed) {
            continue;
        }
        if (member->sent.count > 0) {
            BUF_AUTO text;
            buf_init(&text, NOTICE_TEXT_BYTES_MAX);
            for (int j = 0; j < member->sent.count; j++) {
                buf_addf(&text, "%s%s", j > 0 ? ", " : "", member->sent.names[j]);
            }
            buf_addf(&text, ": %s", member->sent_reason);
            r = alert_entry_add(tx, &member->row, "system", "told", text.data, err);
        }
        r = r < 0 ? r : alert_row_save(tx, &member->row, err);
    }
    if (r >= 0 && flush->sent) {
        r = sql_put(tx, err, "UPDATE alert_group SET flushed_us = $2 WHERE group_key = $1",
                    S_TEXT(flush->group_key), S_INT(flush->now_us));
    }
    return r;
}

static int flush_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct flush *flush = ctx;
    const struct channels *channels = flush->alerts->options.channels;
    ARENA_AUTO arena = arena_new(FLUSH_BYTES_MAX);
    *flush = (struct flush){.alerts = flush->alerts,
                            .group_key = flush->group_key,
                            .arena = arena,
                            .now_us = clock_wall_us()};
    int r = lock_group(tx, flush->group_key, err);
    r = r < 0 ? r : load_members(tx, flush, err);
    r = r < 0 ? r : load_told(tx, flush, err);
    r = r < 0 ? r : look(tx, flush, err);
    for (int i = 0; r >= 0 && i < channels_count(channels); i++) {
        r = tell_channel(tx, flush, channels_at(channels, i), err);
    }
    return r < 0 ? r : keep(tx, flush, err);
}

int alert_group_run(struct alerts *alerts, const char *group_key, int64_t *ret_next_us,
                    struct err *err) {
    struct flush flush = {.alerts = alerts, .group_key = group_key};
    int r = store_write(alerts->options.store, flush_tx, &flush, err);
    if (r >= 0) {
        *ret_next_us = flush.next_us;
        if (flush.sent) {
            alert_wake(alerts);
        }
    }
    return r;
}
