/* SPDX-License-Identifier: Apache-2.0
 * delivery.c: the job of a delivery. A run takes its turn in one transaction, sends without any,
 * and notes what became of it in another. When it dies in between, the job's lease ends, and the
 * message goes out again under the same name. */
#include "watch/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "meter/meter.h"
#include "store/audit.h"
#include "watch/delivery_impl.h"

static const char *const reason_words[NOTICE_LANGUAGES][2] = {
    {"told here because channel ", " did not get it: "},
    {"改由此处通知,因为渠道 ", " 未能送达:"},
};

static const int64_t pause_us[] = {
    5 * US_PER_SECOND,   15 * US_PER_SECOND,  30 * US_PER_SECOND,  60 * US_PER_SECOND,
    120 * US_PER_SECOND, 300 * US_PER_SECOND, 600 * US_PER_SECOND,
};
/* Of the runs themselves, when the store fails. */
static const int64_t backoff_us[] = {2 * US_PER_SECOND, 10 * US_PER_SECOND, 30 * US_PER_SECOND};
enum { SPARE_RUNS = 4 };

static const struct {
    enum delivery_state state;
    const char *name;
} states[] = {
#define X(NAME, number, name, meaning) {DELIVERY_##NAME, name},
#include "watch/delivery_states.def"
#undef X
};

const char *delivery_state_name(enum delivery_state state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (states[i].state == state) {
            return states[i].name;
        }
    }
    return "?";
}

bool delivery_state_parse(const char *name, enum delivery_state *ret_state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = states[i].state;
            return true;
        }
    }
    return false;
}

/* ---- beginning ---- */

static int insert(struct store_tx *tx, const char *channel, const struct notice *notice,
                  const char *fallback_for, struct delivery_id *ret_id, struct err *err) {
    struct delivery_id id = delivery_id_new();
    int64_t now_us = clock_wall_us();
    BUF_AUTO json;
    BUF_AUTO headline;
    buf_init(&json, NOTICE_JSON_BYTES_MAX);
    buf_init(&headline, NOTICE_TEXT_BYTES_MAX);
    int r = notice_check(notice, err);
    if (r < 0) {
        return r;
    }
    notice_write(notice, &json);
    notice_headline(notice, &headline);
    if (!buf_ok(&json) || !buf_ok(&headline)) {
        return err_set(err, ERR_VALIDATION, "a notice has at most %d bytes in all",
                       NOTICE_JSON_BYTES_MAX);
    }
    r = sql_put(
        tx, err,
        "INSERT INTO alert_delivery (id, channel, fingerprint, severity, headline, notice, "
        "state, tries, in_doubt, created_us, due_us, updated_us, last_code, last_error, "
        "provider_id, fallback_for, fallback_id, folded_into) VALUES ($1, $2, $3, $4, $5, $6, 1, "
        "0, 0, $7, $7, $7, '', '', '', $8, '', '')",
        S_TEXT(id.text), S_TEXT(channel), S_TEXT(notice->fingerprint), S_INT(notice->severity),
        S_TEXT(headline.data), S_TEXT(json.data), S_INT(now_us), S_TEXT(fallback_for));
    r = r < 0 ? r : job_put(tx, JOB_ALERT, id.text, now_us, "", err);
    if (r >= 0) {
        *ret_id = id;
    }
    return r;
}

int delivery_add(struct deliveries *deliveries, struct store_tx *tx, const char *channel,
                 const struct notice *notice, struct delivery_id *ret_id, struct err *err) {
    if (channels_find(deliveries->options.channels, channel) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no channel of that name");
    }
    return insert(tx, channel, notice, "", ret_id, err);
}

/* ---- one try ---- */

struct attempt {
    struct deliveries *deliveries;
    struct arena *arena;
    const char *id;
    const struct channel *channel; /* NULL: no longer configured */
    struct delivery_row row;
    bool turn, failed, fell_back;
    int64_t again_us; /* 0: the job is done */
    struct channel_verdict verdict;
};

static int load_row(struct store_tx *tx, struct attempt *attempt, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT channel, notice, fallback_id, state, severity, tries, created_us, "
                      "due_us, in_doubt FROM alert_delivery WHERE id = $1",
                      S_TEXT(attempt->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        attempt->row = (struct delivery_row){.id = attempt->id};
        return r;
    }
    struct arena *arena = attempt->arena;
    attempt->row = (struct delivery_row){
        .id = attempt->id,
        .channel = arena_copy(arena, sql_text(rows, 0)),
        .notice_json = arena_copy(arena, sql_text(rows, 1)),
        .fallback_id = arena_copy(arena, sql_text(rows, 2)),
        .state = (enum delivery_state)sql_int(rows, 3),
        .severity = sql_int(rows, 4),
        .tries = sql_int(rows, 5),
        .created_us = sql_int(rows, 6),
        .due_us = sql_int(rows, 7),
        .in_doubt = sql_int(rows, 8) == 1,
    };
    return 1;
}

/* The same notice on the channel that stands in, with why it comes there. */
static int begin_fallback(struct store_tx *tx, struct attempt *attempt, const char *why,
                          struct err *err) {
    const char *name = attempt->channel != NULL ? channel_fallback(attempt->channel) : NULL;
    struct delivery_id id;
    struct notice notice;
    if (name == NULL || attempt->row.fallback_id[0] != '\0') {
        return 0;
    }
    int r = notice_read(attempt->arena, attempt->row.notice_json, strlen(attempt->row.notice_json),
                        &notice, err);
    if (r < 0) {
        return r;
    }
    const char *const *words = reason_words[notice.language];
    char *reason = arena_printf(attempt->arena, "%s%s%s%s", words[0], attempt->row.channel,
                                words[1], why);
    (void)notice_cut(reason, NOTICE_TITLE_BYTES_MAX);
    notice.reason = reason;
    r = insert(tx, name, &notice, attempt->id, &id, err);
    attempt->fell_back = true;
    attempt->row.fallback_id = arena_copy(attempt->arena, id.text);
    return r < 0 ? r
                 : sql_put(tx, err, "UPDATE alert_delivery SET fallback_id = $2 WHERE id = $1",
                           S_TEXT(attempt->id), S_TEXT(id.text));
}

static int give_up(struct store_tx *tx, struct attempt *attempt, const char *code, const char *why,
                   struct err *err) {
    int r = sql_put(tx, err,
                    "UPDATE alert_delivery SET state = $2, last_code = $3, last_error = $4, "
                    "updated_us = $5 WHERE id = $1",
                    S_TEXT(attempt->id), S_INT(DELIVERY_FAILED), S_TEXT(code), S_TEXT(why),
                    S_INT(clock_wall_us()));
    attempt->failed = true;
    attempt->again_us = 0;
    if (attempt->verdict.outcome == 0) {
        (void)snprintf(attempt->verdict.code, sizeof attempt->verdict.code, "%s", code);
        (void)snprintf(attempt->verdict.reason, sizeof attempt->verdict.reason, "%s", why);
    }
    return r < 0 ? r : begin_fallback(tx, attempt, why, err);
}

static int64_t patience_end_us(const struct attempt *attempt) {
    return attempt->row.created_us + channel_fallback_after_us(attempt->channel);
}

/* Runs again when it may be sent, or when its fallback is due, whichever is first. */
static int64_t look_again_us(const struct attempt *attempt, int64_t due_us, int64_t now_us) {
    bool patient = channel_fallback(attempt->channel) != NULL &&
                   attempt->row.fallback_id[0] == '\0' && patience_end_us(attempt) > now_us;
    return patient && patience_end_us(attempt) < due_us ? patience_end_us(attempt) : due_us;
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct attempt *attempt = ctx;
    struct deliveries *deliveries = attempt->deliveries;
    int64_t now_us = clock_wall_us();
    attempt->turn = attempt->failed = attempt->fell_back = false;
    attempt->again_us = 0;
    attempt->verdict = (struct channel_verdict){0};
    int r = load_row(tx, attempt, err);
    if (r <= 0) {
        return r;
    }
    r = delivery_channel_lock(tx, attempt->row.channel, err);
    r = r < 0 ? r : load_row(tx, attempt, err);
    if (r <= 0 || attempt->row.state != DELIVERY_WAITING) {
        return r < 0 ? r : 0;
    }
    attempt->channel = channels_find(deliveries->options.channels, attempt->row.channel);
    if (attempt->channel == NULL) {
        return give_up(tx, attempt, "channel", "the channel is no longer configured", err);
    }
    if (now_us >= attempt->row.created_us + DELIVERY_LIFE_US) {
        return give_up(tx, attempt, "too late", "it could not be sent within six hours", err);
    }
    if (now_us >= patience_end_us(attempt)) {
        r = begin_fallback(tx, attempt, "it has waited for too long", err);
    }
    if (r >= 0 && attempt->row.due_us > now_us) {
        attempt->again_us = look_again_us(attempt, attempt->row.due_us, now_us);
        return 0;
    }
    int64_t due_us = 0;
    r = r < 0 ? r
              : delivery_turn(tx, attempt->channel, &attempt->row, attempt->arena, now_us, &due_us,
                              err);
    attempt->turn = r > 0;
    attempt->again_us = r == 0 ? look_again_us(attempt, due_us, now_us) : 0;
    return r < 0 ? r : 0;
}

static void send(struct attempt *attempt) {
    struct err err = {0};
    struct notice notice;
    const struct channel_moment moment = {clock_wall_us(), attempt->id, random_u64(),
                                          attempt->row.in_doubt};
    if (notice_read(attempt->arena, attempt->row.notice_json, strlen(attempt->row.notice_json),
                    &notice, &err) < 0) {
        attempt->verdict.outcome = CHANNEL_REJECTED;
        (void)snprintf(attempt->verdict.code, sizeof attempt->verdict.code, "message");
        (void)snprintf(attempt->verdict.reason, sizeof attempt->verdict.reason,
                       "what is stored of it cannot be read");
        return;
    }
    channel_send(attempt->channel, &attempt->deliveries->options.clients, &notice, &moment,
                 &attempt->verdict);
}

/* How the channel itself does: kept for whoever asks. */
static int note_channel(struct store_tx *tx, const char *name,
                        const struct channel_verdict *verdict, int64_t now_us, struct err *err) {
    bool sent = verdict->outcome == CHANNEL_SENT;
    bool blocks = verdict->outcome == CHANNEL_AGAIN && verdict->whole_channel;
    return sql_put(tx, err,
                   "UPDATE alert_channel SET sent_us = CASE WHEN $2 = 1 THEN $3 ELSE sent_us END, "
                   "failed_us = CASE WHEN $2 = 1 THEN failed_us ELSE $3 END, "
                   "failures = CASE WHEN $2 = 1 THEN 0 ELSE failures + 1 END, "
                   "blocked_us = CASE WHEN $4 > blocked_us THEN $4 ELSE blocked_us END, "
                   "last_code = CASE WHEN $2 = 1 THEN last_code ELSE $5 END, "
                   "last_error = CASE WHEN $2 = 1 THEN last_error ELSE $6 END WHERE name = $1",
                   S_TEXT(name), S_INT(sent ? 1 : 0), S_INT(now_us),
                   S_INT(blocks ? now_us + verdict->wait_us : 0), S_TEXT(verdict->code),
                   S_TEXT(verdict->reason));
}

static int64_t next_try_us(const struct attempt *attempt, int64_t now_us) {
    int64_t index = attempt->row.tries > 0 ? attempt->row.tries - 1 : 0;
    int64_t last = (int64_t)COUNT_OF(pause_us) - 1;
    int64_t pause = pause_us[index < last ? index : last];
    pause += (int64_t)random_below((uint64_t)pause / 5 + 1); /* not all at one moment */
    return now_us + (pause > attempt->verdict.wait_us ? pause : attempt->verdict.wait_us);
}

static int note_sent(struct store_tx *tx, struct attempt *attempt, int64_t now_us,
                     struct err *err) {
    return sql_put(tx, err,
                   "UPDATE alert_delivery SET state = $2, updated_us = $3, last_code = '', "
                   "last_error = $4, provider_id = $5 WHERE id = $1",
                   S_TEXT(attempt->id), S_INT(DELIVERY_SENT), S_INT(now_us),
                   S_TEXT(attempt->verdict.reason), S_TEXT(attempt->verdict.provider_id));
}

static int note_again(struct store_tx *tx, struct attempt *attempt, int64_t now_us,
                      struct err *err) {
    int64_t due_us = next_try_us(attempt, now_us);
    if (due_us >= attempt->row.created_us + DELIVERY_LIFE_US) {
        return give_up(tx, attempt, attempt->verdict.code, attempt->verdict.reason, err);
    }
    attempt->again_us = look_again_us(attempt, due_us, now_us);
    return sql_put(tx, err,
                   "UPDATE alert_delivery SET due_us = $2, updated_us = $3, last_code = $4, "
                   "last_error = $5, in_doubt = $6 WHERE id = $1",
                   S_TEXT(attempt->id), S_INT(due_us), S_INT(now_us), S_TEXT(attempt->verdict.code),
                   S_TEXT(attempt->verdict.reason), S_INT(attempt->verdict.in_doubt ? 1 : 0));
}

/* When the sending took so long that another run did it meanwhile, what that one noted stands. */
static int note_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct attempt *attempt = ctx;
    struct attempt fresh = *attempt;
    int64_t now_us = clock_wall_us();
    attempt->failed = attempt->fell_back = false;
    int r = delivery_channel_lock(tx, attempt->row.channel, err);
    r = r < 0 ? r : load_row(tx, &fresh, err);
    if (r <= 0) {
        return r;
    }
    attempt->row.fallback_id = fresh.row.fallback_id;
    attempt->again_us = 0;
    r = note_channel(tx, attempt->row.channel, &attempt->verdict, now_us, err);
    if (r >= 0 && fresh.row.state == DELIVERY_WAITING) {
        r = attempt->verdict.outcome == CHANNEL_SENT ? note_sent(tx, attempt, now_us, err)
            : attempt->verdict.outcome == CHANNEL_REJECTED
                ? give_up(tx, attempt, attempt->verdict.code, attempt->verdict.reason, err)
                : note_again(tx, attempt, now_us, err);
    }
    return r < 0 ? r : delivery_turn_over(tx, attempt->channel, attempt->id, now_us, err);
}

static void tell(const struct attempt *attempt) {
    const struct channel_verdict *verdict = &attempt->verdict;
    const char *channel = attempt->row.channel != NULL ? attempt->row.channel : "";
    if (attempt->fell_back) {
        meter_count(METER_ALERT_DELIVERIES, channel, "fallback");
    }
    if (verdict->outcome == CHANNEL_SENT) {
        meter_count(METER_ALERT_DELIVERIES, channel, "sent");
    } else if (attempt->failed || verdict->outcome != 0) {
        const char *result = attempt->failed ? "failed" : "again";
        meter_count(METER_ALERT_DELIVERIES, channel, result);
        log_event(ALERT_DELIVERY_FAILED, LT("delivery", attempt->id), LT("channel", channel),
                  LT("code", verdict->code), LT("reason", verdict->reason), LT("result", result));
    }
}

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct deliveries *deliveries = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct attempt attempt = {.deliveries = deliveries, .arena = arena, .id = job->key};
    int r = store_write(deliveries->options.store, begin_tx, &attempt, err);
    if (r >= 0 && attempt.turn) {
        send(&attempt);
        r = store_write(deliveries->options.store, note_tx, &attempt, err);
    }
    if (r < 0) {
        return r;
    }
    tell(&attempt);
    if ((attempt.turn || attempt.fell_back) && deliveries->options.wake != NULL) {
        deliveries->options.wake(deliveries->options.wake_ctx);
    }
    *ret_again_us = attempt.again_us;
    return 0;
}

/* ---- opened ---- */

int deliveries_open(const struct deliveries_options *options, struct deliveries **ret_deliveries,
                    struct err *err) {
    INVARIANT(options->clients.timeout_us <= CHANNEL_TIMEOUT_US,
              "two sendings are over before their turn is");
    struct deliveries *deliveries = calloc(1, sizeof *deliveries);
    if (deliveries == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for deliveries");
    }
    deliveries->options = *options;
    *ret_deliveries = deliveries;
    return 0;
}

void deliveries_close(struct deliveries *deliveries) {
    free(deliveries);
}

struct job_kind deliveries_job(struct deliveries *deliveries) {
    return (struct job_kind){
        .name = JOB_ALERT,
        .run = run,
        .ctx = deliveries,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = DELIVERY_LEASE_US,
        .concurrency = channels_count(deliveries->options.channels) + SPARE_RUNS,
    };
}

/* ---- by hand ---- */

struct testing {
    const char *channel;
    struct channel_verdict verdict;
};

static int tested_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct testing *testing = ctx;
    int r = delivery_channel_lock(tx, testing->channel, err);
    return r < 0 ? r : note_channel(tx, testing->channel, &testing->verdict, clock_wall_us(), err);
}

int deliveries_test(struct deliveries *deliveries, const char *channel,
                    struct channel_verdict *ret_verdict, struct err *err) {
    struct testing testing = {.channel = channel};
    const struct channel *found = channels_find(deliveries->options.channels, channel);
    if (found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no channel of that name");
    }
    channel_test(found, &deliveries->options.clients, &testing.verdict);
    int r = store_write(deliveries->options.store, tested_tx, &testing, err);
    if (r >= 0) {
        *ret_verdict = testing.verdict;
    }
    return r;
}

struct again {
    struct deliveries *deliveries;
    const char *actor, *id;
};

int delivery_again_tx(struct store_tx *tx, const char *actor, const char *id, struct err *err) {
    int64_t now_us = clock_wall_us();
    int64_t changed = sql_exec(tx, err,
                               "UPDATE alert_delivery SET state = 1, tries = 0, created_us = $2, "
                               "due_us = $2, updated_us = $2, fallback_id = '' "
                               "WHERE id = $1 AND state = 4",
                               S_TEXT(id), S_INT(now_us));
    if (changed < 0) {
        return (int)changed;
    }
    if (changed == 0) {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows, "SELECT state FROM alert_delivery WHERE id = $1",
                          S_TEXT(id));
        r = r < 0 ? r : sql_next(rows, err);
        if (r <= 0) {
            return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no such delivery");
        }
        return err_set(err, ERR_STATE, "the delivery has not failed: it is %s",
                       delivery_state_name((enum delivery_state)sql_int(rows, 0)));
    }
    int r = job_add(tx, JOB_ALERT, id, now_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_ALERT, id, now_us, err) : r;
    return r < 0 ? r
                 : audit_append(tx, actor, "alert.delivery.again", id, "", "{}", err);
}

static int again_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct again *again = ctx;
    return delivery_again_tx(tx, again->actor, again->id, err);
}

int delivery_again(struct deliveries *deliveries, const char *actor, const char *id,
                   struct err *err) {
    struct again again = {deliveries, actor, id};
    return store_write(deliveries->options.store, again_tx, &again, err);
}
