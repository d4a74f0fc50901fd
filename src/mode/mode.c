/* SPDX-License-Identifier: Apache-2.0
 * mode.c: looks every second, moves the ladder where it belongs, and answers for every payment.
 *
 *   look    one transaction: what this instance sees is written (when it is new, or every few
 *           seconds), what the others see and where the ladder stands are read
 *   adopt   what somebody else has written since
 *   step    the rules, in memory
 *   move    one transaction, only when something differs: the row is locked and moved, unless it is
 *           not the one any more that the rules were held to; then the next look sees why
 *
 * A store that takes no writes cannot be told of it: for as long as this lasts the instance says
 * read_only by itself, and writes the two changes down when it can. */
#include "mode/mode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/plant.h"
#include "mode/internal.h"

#define LOOK_US (1 * US_PER_SECOND)
#define BEAT_US (5 * US_PER_SECOND)
#define PING_US (2 * US_PER_SECOND)
enum { RETRY_AFTER_S = 30 };

const char *mode_step_name(enum mode_step step) {
    static const char *const names[] = {
#define X(name, number, text, enter_s, exit_s, condition, effect, owner) [number] = (text),
#include "mode/mode_steps.def"
#undef X
    };
    return (size_t)step < COUNT_OF(names) ? names[step] : "?";
}

bool mode_step_parse(const char *name, enum mode_step *ret_step) {
    for (int i = MODE_NORMAL; i < MODE_STEPS; i++) {
        if (strcmp(name, mode_step_name((enum mode_step)i)) == 0) {
            *ret_step = (enum mode_step)i;
            return true;
        }
    }
    return false;
}

/* ---- moving the row ---- */

static int tell_step(struct mode *mode, struct store_tx *tx, const struct mode_row *row,
                     enum mode_step from, int64_t at_us, struct err *err) {
    char at[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, MODE_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"number\":%lld,\"from\":\"%s\",\"step\":\"%s\",\"rule\":\"%s\",\"reason\":",
             (long long)row->number, mode_step_name(from), mode_step_name(row->step), row->rule);
    buf_add_json(&buf, row->reason);
    buf_add_text(&buf, ",\"actor\":");
    buf_add_json(&buf, row->actor);
    buf_addf(&buf, ",\"simplified\":%s,\"at\":\"%s\"}", row->simplified ? "true" : "false",
             clock_format(at_us, at));
    return mode->tell == NULL
               ? 0
               : mode->tell(mode->tell_ctx, tx, "mode", row->number, "mode.changed", buf.data, err);
}

static int move_at(struct mode *mode, struct store_tx *tx, struct mode_row *row, enum mode_step to,
                   const char *rule, const char *reason, const char *actor, int64_t at_us,
                   struct err *err) {
    const enum mode_step from = row->step;
    const struct mode_row before = *row;
    row->number++;
    row->step = to;
    row->since_us = at_us;
    snprintf(row->rule, sizeof row->rule, "%s", rule);
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    snprintf(row->actor, sizeof row->actor, "%s", actor);
    int r = mode_change_add(tx, row->number, at_us, from, to, rule, reason, actor, err);
    r = r < 0 ? r : tell_step(mode, tx, row, from, at_us, err);
    if (from == to) { /* something else changed: why the step is what it is stays */
        row->since_us = before.since_us;
        memcpy(row->rule, before.rule, sizeof row->rule);
        memcpy(row->reason, before.reason, sizeof row->reason);
        memcpy(row->actor, before.actor, sizeof row->actor);
    }
    return r;
}

int mode_move(struct mode *mode, struct store_tx *tx, struct mode_row *row, enum mode_step to,
              const char *rule, const char *reason, const char *actor, struct err *err) {
    return move_at(mode, tx, row, to, rule, reason, actor, clock_wall_us(), err);
}

/* ---- the rules' words ---- */

struct look {
    struct mode *mode;
    struct sight sight;
    bool write;
    struct mode_row row;
    struct mode_switches switches;
    struct sights sights;
    struct outlook outlook;
    struct ladder_answer answer;
    int changed;
};

static void add_reason(char reason[MODE_REASON_BYTES], const char *method, const char *why) {
    size_t used = strlen(reason);
    if (used < MODE_REASON_CHARS_MAX / 2) {
        snprintf(reason + used, MODE_REASON_BYTES - used, "%s%s: %.200s", used > 0 ? "; " : "",
                 method, why);
    }
}

/* Why that method has no route, or is not shown although it has one again. */
static const char *why_not(const struct look *look, int method) {
    if (look->outlook.switched_off[method]) {
        return look->switches.methods[method].reason;
    }
    if (look->outlook.route[method] == ROUTE_YES) {
        return "a gateway takes it again; it is shown when that has lasted";
    }
    if (look->outlook.route[method] == ROUTE_TRIAL) {
        return "its gateway was down; who asks for it now is the trial whether it is back";
    }
    return look->sight.why[method][0] != '\0' ? look->sight.why[method]
                                              : "other instances see no gateway that takes it";
}

static void reason_of(const struct look *look, enum mode_step step,
                      char ret_reason[MODE_REASON_BYTES]) {
    ret_reason[0] = '\0';
    if (step == MODE_REROUTE) {
        snprintf(ret_reason, MODE_REASON_BYTES, "breakers that are not closed: %s",
                 look->sights.broken_names);
    }
    for (int m = METHOD_CARD; step >= MODE_REDUCED && m < METHOD_COUNT; m++) {
        if (look->answer.hidden[m] || (step == MODE_DEFERRED && look->outlook.configured[m] &&
                                       look->outlook.route[m] != ROUTE_YES)) {
            add_reason(ret_reason, method_name((enum payment_method)m), why_not(look, m));
        }
    }
    if (step == MODE_NORMAL) {
        snprintf(ret_reason, MODE_REASON_BYTES, "every gateway is well");
    }
}

/* The row keeps why its step was entered, this why it still stands: what has failed or was switched
 * meanwhile moves no step. While nothing is the matter any more, only not for long enough, the
 * row's words are as good as any. The lock is held. */
static void note_reason(const struct look *look) {
    struct mode *mode = look->mode;
    mode->reason_step = look->row.step;
    mode->reason_now[0] = '\0';
    if (look->row.step >= MODE_REDUCED || look->sights.broken > 0) {
        reason_of(look, look->row.step, mode->reason_now);
    }
}

const char *mode_rule_of(enum mode_step step) {
    static const char *const names[] = {"recovered", "breaker", "no_route", "no_method", "store"};
    static_assert(COUNT_OF(names) == MODE_STEPS, "every step has its rule");
    return names[step];
}

static int move_step(struct look *look, struct store_tx *tx, struct mode_row *row, int64_t now_us,
                     struct err *err) {
    enum mode_step to = mode_row_step(row, now_us);
    char reason[MODE_REASON_BYTES];
    if (to == row->step) {
        return 0;
    }
    look->changed++;
    if (mode_row_by_hand(row, now_us) && to == row->hand_step && to != row->ruled) {
        return mode_move(look->mode, tx, row, to, "by_hand", row->hand_reason, row->hand_actor,
                         err);
    }
    reason_of(look, to, reason);
    return mode_move(look->mode, tx, row, to, mode_rule_of(to), reason, "system", err);
}

static int move_methods(struct look *look, struct store_tx *tx, struct mode_row *row,
                        struct err *err) {
    const struct ladder_answer *answer = &look->answer;
    memcpy(row->unrouted, answer->unrouted, sizeof row->unrouted);
    if (memcmp(row->hidden, answer->hidden, sizeof row->hidden) == 0) {
        return 0;
    }
    look->changed++;
    memcpy(row->hidden, answer->hidden, sizeof row->hidden);
    row->methods_number++;
    struct mode_view view = {.step = row->step};
    memcpy(view.configured, look->outlook.configured, sizeof view.configured);
    memcpy(view.hidden, row->hidden, sizeof view.hidden);
    BUF_AUTO buf;
    buf_init(&buf, MODE_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"number\":%lld,\"mode\":\"%s\",\"methods\":", (long long)row->methods_number,
             mode_step_name(row->step));
    mode_methods_json(&view, &buf);
    buf_add_char(&buf, '}');
    mode_tell_fn *tell = look->mode->tell;
    return tell == NULL ? 0
                        : tell(look->mode->tell_ctx, tx, "methods", row->methods_number,
                               "methods.changed", buf.data, err);
}

/* The row that the rules were held to, and not one that somebody moved meanwhile. */
static bool same_row(const struct mode_row *a, const struct mode_row *b) {
    return a->number == b->number && a->methods_number == b->methods_number &&
           a->ruled == b->ruled && a->hand == b->hand && a->hand_us == b->hand_us &&
           memcmp(a->unrouted, b->unrouted, sizeof a->unrouted) == 0;
}

static int move_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    struct mode_row row;
    int64_t now = clock_wall_us();
    look->changed = 0;
    int r = mode_row_load(tx, true, &row, err);
    if (r < 0 || !same_row(&row, &look->row)) {
        return r;
    }
    bool hand_over = row.hand != HAND_OFF && !mode_row_by_hand(&row, now);
    const struct mode_row before = row;
    row.ruled = (enum mode_step)look->answer.step;
    r = move_step(look, tx, &row, now, err);
    r = r < 0 ? r : move_methods(look, tx, &row, err);
    if (hand_over) {
        row.hand = HAND_OFF;
    }
    r = r < 0 ? r : mode_row_save(tx, &row, err);
    /* The audit log last: its entries wait for each other. */
    r = r < 0 || !hand_over ? r : mode_hand_end(tx, &before, err);
    return r < 0 ? r : mode_switches_end(look->mode, tx, now, err);
}

/* ---- looking ---- */

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    struct mode *mode = look->mode;
    look->sights = (struct sights){0};
    sights_add(&look->sights, look->sight.methods, look->sight.broken);
    int r = look->write ? mode_sight_save(tx, mode->instance, &look->sight, err) : 0;
    r = r < 0 ? r : mode_row_load(tx, false, &look->row, err);
    r = r < 0 ? r : mode_switches_load(tx, &look->switches, err);
    /* On SQLite this process is alone: what others wrote is of earlier runs. */
    return r < 0 || store_engine(mode->options.store) == STORE_SQLITE
               ? r
               : mode_sights_load(tx, mode->instance, &look->sights, err);
}

static bool is_news(const struct mode *mode, const struct sight *sight) {
    char text[sizeof mode->wrote];
    snprintf(text, sizeof text, "%s%s", sight->methods, sight->broken);
    return strcmp(text, mode->wrote) != 0;
}

static int look_now(struct look *look, struct err *err) {
    struct mode *mode = look->mode;
    int64_t now = clock_mono_us();
    look->write = mode->wrote_us == 0 || now - mode->wrote_us >= BEAT_US ||
                  mode->down_since_us > 0 || is_news(mode, &look->sight);
    atomic_store(&mode->writing_us, now);
    int r = store_ping(mode->options.store, PING_US, err);
    r = r < 0         ? r
        : look->write ? store_write(mode->options.store, look_tx, look, err)
                      : store_read(mode->options.store, look_tx, look, err);
    atomic_store(&mode->writing_us, 0);
    if (r >= 0 && look->write) {
        mode->wrote_us = now;
        snprintf(mode->wrote, sizeof mode->wrote, "%s%s", look->sight.methods, look->sight.broken);
    }
    return r;
}

/* ---- a store that takes no writes ---- */

static const char down_reason[] = "the database took no writes";

struct outage {
    struct mode *mode;
    int64_t began_us;
};

/* Another instance may have written the same one. */
static int outage_written(struct store_tx *tx, int64_t began_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number FROM mode_change WHERE rule = 'store' AND at_us > $1 LIMIT 1",
                      S_INT(began_us - 60 * US_PER_SECOND));
    return r < 0 ? r : sql_next(rows, err);
}

static int outage_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct outage *outage = ctx;
    struct mode_row row;
    int r = mode_row_load(tx, true, &row, err);
    r = r < 0 ? r : outage_written(tx, outage->began_us, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    enum mode_step back = row.step;
    char rule[sizeof row.rule];
    snprintf(rule, sizeof rule, "%s", row.rule);
    r = move_at(outage->mode, tx, &row, MODE_READ_ONLY, mode_rule_of(MODE_READ_ONLY), down_reason,
                "system", outage->began_us, err);
    r = r < 0 ? r
              : move_at(outage->mode, tx, &row, back, back == MODE_NORMAL ? "recovered" : rule,
                        "the database takes writes again", "system", clock_wall_us(), err);
    return r < 0 ? r : mode_row_save(tx, &row, err);
}

/* What the store did this time. Returns whether an outage has just ended. */
static bool note_store(struct mode *mode, bool failed, int64_t *ret_began_us) {
    lock_take(&mode->lock);
    bool was = mode->store_down.on;
    if (failed && mode->down_since_us == 0) {
        mode->down_since_us = clock_wall_us();
    }
    bool is = hold_step(&mode->store_down, &mode->settings.rules.read_only, failed,
                        clock_mono_us());
    *ret_began_us = mode->down_since_us;
    if (!failed && !is) {
        mode->down_since_us = 0;
    }
    lock_give(&mode->lock);
    if (was != is) {
        log_event(MODE_CHANGED, LT("step", is ? "read_only" : "as before"), LT("rule", "store"),
                  LT("reason", is ? down_reason : "the database takes writes again"));
    }
    return was && !is;
}

/* ---- one look ---- */

static void see(struct look *look) {
    struct mode *mode = look->mode;
    int64_t now = clock_wall_us();
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        look->outlook.configured[m] = look->sight.methods[m] != SIGHT_NOT_CONFIGURED;
        look->outlook.route[m] = sights_route(&look->sights, (enum payment_method)m);
        look->outlook.switched_off[m] = mode_switch_is_off(&look->switches.methods[m], now);
    }
    look->outlook.broken = look->sights.broken > 0;
    lock_take(&mode->lock);
    if (!same_row(&mode->row, &look->row)) {
        ladder_adopt(&mode->ladder, (int)look->row.ruled, look->row.unrouted);
    }
    mode->row = look->row;
    mode->switches = look->switches;
    mode->sight = look->sight;
    ladder_step(&mode->ladder, &mode->settings.rules, &look->outlook, clock_mono_us(),
                &look->answer);
    note_reason(look);
    lock_give(&mode->lock);
}

static bool differs(const struct look *look) {
    const struct mode_row *row = &look->row;
    int64_t now = clock_wall_us(), end = look->switches.next_end_us;
    struct mode_row wanted = *row;
    wanted.ruled = (enum mode_step)look->answer.step;
    return wanted.ruled != row->ruled || mode_row_step(&wanted, now) != row->step ||
           (row->hand != HAND_OFF && !mode_row_by_hand(row, now)) || (end > 0 && end <= now) ||
           memcmp(row->unrouted, look->answer.unrouted, sizeof row->unrouted) != 0 ||
           memcmp(row->hidden, look->answer.hidden, sizeof row->hidden) != 0;
}

int mode_tick(struct mode *mode, struct err *err) {
    struct look look = {.mode = mode};
    struct outage outage = {.mode = mode};
    sight_take(mode->options.registry, mode->options.control, &look.sight);
    int r = look_now(&look, err);
    bool over = note_store(mode, r < 0, &outage.began_us);
    if (r < 0) {
        err_clear(err);
        return 0;
    }
    see(&look);
    if (!over && !differs(&look)) {
        return 0;
    }
    r = over ? store_write(mode->options.store, outage_tx, &outage, err)
             : store_write(mode->options.store, move_tx, &look, err);
    r = r < 0 ? r : mode_reload(mode, err);
    if (r < 0) {
        return r;
    }
    if (look.changed > 0) {
        struct mode_view view;
        mode_view(mode, &view);
        log_event(MODE_CHANGED, LT("step", mode_step_name(view.step)), LT("rule", view.rule),
                  LT("reason", view.reason));
    }
    return look.changed + over;
}

/* ---- life ---- */

struct load {
    struct mode_row row;
    struct mode_switches switches;
};

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct load *load = ctx;
    int r = mode_row_load(tx, false, &load->row, err);
    return r < 0 ? r : mode_switches_load(tx, &load->switches, err);
}

int mode_reload(struct mode *mode, struct err *err) {
    struct load load;
    int r = store_read(mode->options.store, load_tx, &load, err);
    r = r < 0 ? r : gateway_control_reload(mode->options.control, err);
    if (r < 0) {
        return r;
    }
    lock_take(&mode->lock);
    if (!same_row(&mode->row, &load.row)) {
        ladder_adopt(&mode->ladder, (int)load.row.ruled, load.row.unrouted);
    }
    mode->row = load.row;
    mode->switches = load.switches;
    lock_give(&mode->lock);
    return 0;
}

int mode_open(const struct mode_options *options, struct mode **ret_mode, struct err *err) {
    INVARIANT(options->store != NULL && options->registry != NULL && options->control != NULL,
              "mode_open needs what stands below it");
    struct mode *mode = calloc(1, sizeof *mode);
    if (mode == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the ladder");
    }
    struct request_id name = request_id_new();
    mode->options = *options;
    snprintf(mode->instance, sizeof mode->instance, "%s", name.text);
    lock_init(&mode->lock);
    cond_init(&mode->wake);
    atomic_init(&mode->writing_us, 0);
    int r = mode_settings_read(options->config, options->registry, &mode->settings, err);
    r = r < 0 ? r : mode_reload(mode, err);
    if (r < 0) {
        mode_close(mode);
        return r;
    }
    sight_take(options->registry, options->control, &mode->sight);
    ladder_adopt(&mode->ladder, (int)mode->row.ruled, mode->row.unrouted);
    *ret_mode = mode;
    return 0;
}

void mode_on_change(struct mode *mode, mode_tell_fn *fn, void *ctx) {
    mode->tell = fn;
    mode->tell_ctx = ctx;
}

static void ticker(void *arg) {
    struct mode *mode = arg;
    lock_take(&mode->lock);
    while (!mode->stopping) {
        lock_give(&mode->lock);
        struct err err = {0};
        if (mode_tick(mode, &err) < 0) {
            log_error(STORE_FAILED, &err, LT("while", "moving the ladder of degraded modes"));
        }
        lock_take(&mode->lock);
        if (!mode->stopping) {
            cond_wait_until(&mode->wake, &mode->lock, clock_mono_us() + LOOK_US);
        }
    }
    lock_give(&mode->lock);
}

int mode_start(struct mode *mode, struct err *err) {
    /* Before anybody is served, so that the first one is told how things stand. */
    int r = mode_tick(mode, err);
    if (r < 0) {
        return r;
    }
    mode->stopping = false;
    mode->task = task_start("mode", 0, ticker, mode);
    return mode->task != NULL
               ? 0
               : err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
}

static int leave_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct mode *mode = ctx;
    return sql_put(tx, err, "DELETE FROM mode_sight WHERE instance = $1", S_TEXT(mode->instance));
}

/* Who ends sees nothing any more. One that dies is forgotten after a few seconds. */
static void leave(struct mode *mode) {
    struct err err = {0};
    if (mode->wrote_us > 0 && mode->down_since_us == 0 &&
        (store_ping(mode->options.store, PING_US, &err) < 0 ||
         store_write(mode->options.store, leave_tx, mode, &err) < 0)) {
        log_error(STORE_FAILED, &err, LT("while", "leaving the ladder"));
    }
    mode->wrote_us = 0;
}

void mode_stop(struct mode *mode) {
    if (mode == NULL) {
        return;
    }
    lock_take(&mode->lock);
    mode->stopping = true;
    cond_broadcast(&mode->wake);
    lock_give(&mode->lock);
    if (mode->task != NULL) {
        task_join(mode->task);
        mode->task = NULL;
    }
    leave(mode);
}

void mode_close(struct mode *mode) {
    if (mode == NULL) {
        return;
    }
    mode_stop(mode);
    cond_free(&mode->wake);
    lock_free(&mode->lock);
    free(mode);
}

/* ---- for every payment ---- */

bool mode_switch_is_off(const struct mode_switch_state *state, int64_t now_us) {
    return state->off && (state->until_us == 0 || now_us < state->until_us);
}

/* With the lock held. A write that has not come back for as long as a failing one is given is one
 * that failed. */
static bool store_is_down(const struct mode *mode) {
    int64_t writing = atomic_load(&mode->writing_us);
    return mode->store_down.on ||
           (writing > 0 && clock_mono_us() - writing > mode->settings.rules.read_only.enter_us);
}

static enum mode_step step_now(const struct mode *mode) {
    if (PLANTED(CLOSED_IGNORED) && mode->row.step == MODE_READ_ONLY) {
        return MODE_NORMAL;
    }
    return store_is_down(mode) ? MODE_READ_ONLY : mode->row.step;
}

static void say(struct mode_admission *admission, enum mode_verdict verdict, enum err_code code,
                const char *english, const char *chinese, const char *why) {
    admission->verdict = verdict;
    admission->code = code;
    admission->retry_after_s = RETRY_AFTER_S;
    snprintf(admission->english, sizeof admission->english, "%s", english);
    snprintf(admission->chinese, sizeof admission->chinese, "%s", chinese);
    snprintf(admission->why, sizeof admission->why, "%s", why);
}

static const char read_only_en[] = "Payments are closed for a moment. Nothing was taken; please "
                                   "try again in a minute.";
static const char read_only_zh[] = "支付暂时关闭,未发生扣款,请稍后再试。";
static const char paused_en[] = "This kind of payment is paused just now. Nothing was taken; "
                                "please try again later.";
static const char paused_zh[] = "此类付款暂停办理,未发生扣款,请稍后再试。";
static const char held_en[] = "No way to pay is available at the moment. Your order is held, and "
                              "you can pay it later.";
static const char held_zh[] = "目前没有可用的支付方式,订单已为您保留,您可以稍后付款。";
static const char hidden_en[] = "This way to pay is unavailable just now. No money was taken; "
                                "please choose another one.";
static const char hidden_zh[] = "此支付方式暂时不可用,没有扣款,请选择其他支付方式。";

/* With the lock held, as the next one. At step deferred, what is declared not enough and works may
 * still be taken by whoever wants it. */
static bool is_held(const struct mode *mode, enum payment_method method) {
    bool usable = !mode->row.unrouted[method] &&
                  !mode_switch_is_off(&mode->switches.methods[method], clock_wall_us());
    return step_now(mode) == MODE_DEFERRED && (!mode->settings.rules.not_enough[method] || !usable);
}

/* Nobody is there to pay a renewal later: it is tried again as after any outage. */
static bool waits_for_better(const struct mode *mode, enum payment_purpose purpose,
                             enum payment_method method) {
    return purpose == PURPOSE_SUBSCRIPTION && is_held(mode, method);
}

/* In this order: nothing may be written; the purpose is paused; the order waits; the method is off.
 */
void mode_admits(struct mode *mode, enum payment_purpose purpose, enum payment_method method,
                 struct mode_admission *ret_admission) {
    ret_admission->verdict = MODE_TAKEN;
    ret_admission->code = ERR_OK;
    ret_admission->retry_after_s = 0;
    ret_admission->english[0] = ret_admission->chinese[0] = ret_admission->why[0] = '\0';
    if (mode == NULL) {
        return;
    }
    int64_t now = clock_wall_us();
    lock_take(&mode->lock);
    const struct mode_row *row = &mode->row;
    enum mode_step step = step_now(mode);
    const struct mode_switch_state *paused = &mode->switches.purposes[purpose];
    const struct mode_switch_state *off = &mode->switches.methods[method];
    if (step == MODE_READ_ONLY) {
        say(ret_admission, MODE_REFUSED, ERR_READ_ONLY, read_only_en, read_only_zh,
            row->step == MODE_READ_ONLY ? row->reason : down_reason);
    } else if (mode_switch_is_off(paused, now)) {
        say(ret_admission, MODE_REFUSED, ERR_PAUSED, paused_en, paused_zh, paused->reason);
    } else if (row->simplified && !mode->settings.core[purpose]) {
        say(ret_admission, MODE_REFUSED, ERR_PAUSED, paused_en, paused_zh, row->simplified_reason);
    } else if (waits_for_better(mode, purpose, method)) {
        say(ret_admission, MODE_HIDDEN, ERR_OK, hidden_en, hidden_zh, row->reason);
    } else if (is_held(mode, method)) {
        say(ret_admission, MODE_HELD, ERR_OK, held_en, held_zh, row->reason);
    } else if (mode_switch_is_off(off, now)) {
        say(ret_admission, MODE_HIDDEN, ERR_OK, hidden_en, hidden_zh, off->reason);
    }
    lock_give(&mode->lock);
}

int mode_refuse(const struct mode_admission *admission, struct err *err) {
    INVARIANT(admission->verdict == MODE_REFUSED, "only a refusal is an error");
    err_set(err, admission->code, "%s (%.200s)", admission->english, admission->why);
    return err_hint(err,
                    "Nothing was changed. Repeat it in %d s with the same Idempotency-Key; "
                    "GET /v1/mode says what is going on.",
                    admission->retry_after_s);
}

int mode_may_change(struct mode *mode, struct err *err) {
    struct mode_admission admission = {
        .verdict = MODE_REFUSED, .code = ERR_READ_ONLY, .retry_after_s = RETRY_AFTER_S};
    if (mode == NULL) {
        return 0;
    }
    lock_take(&mode->lock);
    bool closed = step_now(mode) == MODE_READ_ONLY;
    if (closed) {
        say(&admission, MODE_REFUSED, ERR_READ_ONLY, "Nothing is changed at the moment.", "",
            mode->row.step == MODE_READ_ONLY ? mode->row.reason : down_reason);
    }
    lock_give(&mode->lock);
    return closed ? mode_refuse(&admission, err) : 0;
}

void mode_route(struct mode *mode, enum payment_purpose purpose, enum payment_method method,
                struct mode_route *ret_route) {
    ret_route->closed[0] = ret_route->only[0] = '\0';
    ret_route->fixed = false;
    if (mode == NULL) {
        return;
    }
    lock_take(&mode->lock);
    const struct mode_switch_state *off = &mode->switches.methods[method];
    bool simplified = mode->row.simplified;
    if (mode_switch_is_off(off, clock_wall_us())) {
        snprintf(ret_route->closed, sizeof ret_route->closed, "%s is switched off: %.100s",
                 method_name(method), off->reason);
    } else if (waits_for_better(mode, purpose, method)) {
        snprintf(ret_route->closed, sizeof ret_route->closed, "renewals wait: %.100s",
                 mode->row.reason);
    }
    lock_give(&mode->lock);
    ret_route->fixed = simplified;
    if (simplified) {
        snprintf(ret_route->only, sizeof ret_route->only, "%s", mode->settings.route[method]);
    }
}

/* ---- looking ---- */

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

/* A person's word and an outage's stand as they were said. */
static const char *reason_of_row(const struct mode *mode, const struct mode_row *row) {
    bool by_rule = row->step > MODE_NORMAL && row->step < MODE_READ_ONLY &&
                   strcmp(row->rule, mode_rule_of(row->step)) == 0;
    return by_rule && mode->reason_step == row->step && mode->reason_now[0] != '\0'
               ? mode->reason_now
               : row->reason;
}

/* With the lock held. */
static void view_of(const struct mode *mode, const struct mode_row *row,
                    const struct mode_switches *switches, struct mode_view *ret_view) {
    int64_t now = clock_wall_us();
    *ret_view = (struct mode_view){
        .step = store_is_down(mode) ? MODE_READ_ONLY : row->step,
        .store_failing = mode->down_since_us > 0,
        .since_us = row->since_us,
        .number = row->number,
        .ruled = row->ruled,
        .simplified = row->simplified,
        .simplified_us = row->simplified_us,
    };
    bool down = ret_view->step != row->step; /* and nobody could write it */
    ret_view->since_us = down ? mode->down_since_us : row->since_us;
    COPY(ret_view->rule, down ? mode_rule_of(MODE_READ_ONLY) : row->rule);
    COPY(ret_view->reason, down ? down_reason : reason_of_row(mode, row));
    COPY(ret_view->actor, down ? "system" : row->actor);
    if (mode_row_by_hand(row, now)) {
        ret_view->hand = row->hand;
        ret_view->hand_step = row->hand_step;
        ret_view->hand_us = row->hand_us;
        ret_view->hand_until_us = row->hand_until_us;
        COPY(ret_view->hand_reason, row->hand_reason);
        COPY(ret_view->hand_actor, row->hand_actor);
    }
    COPY(ret_view->simplified_reason, row->simplified_reason);
    COPY(ret_view->simplified_actor, row->simplified_actor);
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        ret_view->configured[m] = mode->sight.methods[m] != SIGHT_NOT_CONFIGURED;
        bool off = mode_switch_is_off(&switches->methods[m], now);
        ret_view->hidden[m] = ret_view->configured[m] && (off || row->unrouted[m]);
    }
}

void mode_view_of(struct mode *mode, const struct mode_row *row,
                  const struct mode_switches *switches, struct mode_view *ret_view) {
    lock_take(&mode->lock);
    view_of(mode, row, switches, ret_view);
    lock_give(&mode->lock);
}

void mode_view(struct mode *mode, struct mode_view *ret_view) {
    if (mode == NULL) {
        *ret_view = (struct mode_view){.rule = "recovered", .actor = "system"};
        return;
    }
    lock_take(&mode->lock);
    view_of(mode, &mode->row, &mode->switches, ret_view);
    lock_give(&mode->lock);
}
