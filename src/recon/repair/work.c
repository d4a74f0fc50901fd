/* SPDX-License-Identifier: Apache-2.0
 * work.c: one repair, from its plan to its end.
 *
 *   PLANNED ──▶ ASKED ──(the gateway says so)──▶ DOING ──▶ DONE
 *      │          │  └──(asking settled it)───────────────▲
 *      └──▶ MOOT ◀┴──▶ REFUSED, FAILED
 * The state is written before each step and after it, and never while a gateway is called. Each run
 * asks the gateway again, whatever the state says: what has been done meanwhile shows in what it
 * answers, and in our own rows. From DOING on nothing ends by waiting, since money may move; only a
 * refund that its gateway takes again and again and never knows is for a person after TRIES_MAX. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket.h"
#include "recon/repair/repair_impl.h"
#include "store/audit.h"

enum { TRIES_MAX = 12, KEY_CHARS = 60 };
#define HALTED_US (600 * US_PER_SECOND)

static const int64_t wait_us[] = {
    5 * US_PER_SECOND,   15 * US_PER_SECOND,  60 * US_PER_SECOND,
    300 * US_PER_SECOND, 900 * US_PER_SECOND, 3600 * US_PER_SECOND,
};

enum standing { GO, OVER, HALTED };
struct work {
    struct recon *recon;
    struct arena *arena;
    const char *break_id;
    struct repair_row row;
    struct break_row broken;
    const struct repair_rule *rule; /* NULL: the file has it no more */
    enum standing standing;
    struct repair_answer answer;
    char actor[REPAIR_ACTOR_CHARS_MAX + 1], key[KEY_CHARS];
    struct caller caller;
    char reason[REASON_CHARS_MAX + 1];
};

static void says(struct repair_answer *answer, enum repair_word word, const char *text) {
    answer->word = word;
    snprintf(answer->text, sizeof answer->text, "%s", text);
}

/* ---- what is asked, and what is done ---- */

static int ask_charge(struct work *work, struct err *err) {
    return repair_charge_ask(work->recon->options.payments, work->row.attempt_id, &work->answer,
                             err);
}

static int do_charge(struct work *work, struct err *err) {
    return repair_charge_accept(work->recon->options.payments, &work->caller, work->row.case_id,
                                work->reason, &work->answer, err);
}

static int ask_second(struct work *work, struct err *err) {
    enum match_class class = work->broken.class;
    bool own = class == CLASS_PAID_THERE || class == CLASS_TWO_GATEWAYS;
    const struct repair_second second = {
        .attempt_id = work->row.attempt_id,
        .gateway_id = own ? "" : work->row.second_id,
        .charge_id = own ? "" : work->row.second_charge_id,
        .by = &work->caller,
    };
    return repair_second_ask(work->recon->options.payments, &second, &work->answer, err);
}

static int do_second(struct work *work, struct err *err) {
    return repair_second_return(work->recon->options.payments, &work->caller, work->row.case_id,
                                work->reason, &work->answer, err);
}

/* Of a fee the break tells ours less theirs, and a refund's amounts are below zero. */
static int ask_difference(struct work *work, struct err *err) {
    const struct break_row *broken = &work->broken;
    enum repair_sum sum = broken->class == CLASS_FEE               ? REPAIR_SUM_FEE
                          : broken->class == CLASS_REFUND_MISMATCH ? REPAIR_SUM_REFUND
                                                                   : REPAIR_SUM_AMOUNT;
    const struct repair_difference difference = {
        .attempt_id = work->row.attempt_id,
        .operation_id = work->row.operation_id,
        .sum = sum,
        .difference_minor = sum == REPAIR_SUM_AMOUNT ? broken->difference_minor
                                                     : -broken->difference_minor,
        .currency = broken->currency,
    };
    return repair_difference_ask(work->recon->options.payments, &difference, &work->answer, err);
}

/* The posting is written by the transaction that ends it. */
static int do_difference(struct work *work, struct err *err) {
    (void)err;
    work->answer.word = REPAIR_ENDED;
    return 0;
}

/* First what the gateway says, so that the callback only confirms it; late money is not for this
 * action, which decides about nothing. */
static int ask_callback(struct work *work, struct err *err) {
    int r = ask_charge(work, err);
    if (r >= 0 && work->answer.word == REPAIR_CONFIRMED) {
        work->answer.word = REPAIR_REFUSED;
    } else if (r >= 0 && work->answer.word == REPAIR_ENDED) {
        work->answer.word = REPAIR_CONFIRMED;
    }
    return r;
}

static int do_callback(struct work *work, struct err *err) {
    int replayed = 0;
    int r = repair_callbacks_replay(work->recon->options.payments, &work->caller,
                                    work->row.attempt_id, &replayed, err);
    work->answer.word = REPAIR_ENDED;
    return r;
}

static int ask_refund(struct work *work, struct err *err) {
    enum match_class class = work->broken.class;
    bool was_done = class == CLASS_REFUND_LOST || class == CLASS_REFUND_FAILED;
    int r = repair_refund_ask(work->recon->options.payments, work->row.operation_id, was_done,
                              &work->answer, err);
    if (r >= 0 && work->answer.word == REPAIR_CONFIRMED && work->row.state == REPAIR_IS_DOING &&
        work->row.tries >= TRIES_MAX) {
        work->answer.word = REPAIR_REFUSED;
        snprintf(work->answer.text, sizeof work->answer.text,
                 "%s was sent again for hours, and %s still says that it knows nothing of it: a "
                 "person has to ask there what became of it",
                 work->row.operation_id, work->row.gateway);
    }
    return r;
}

static int do_refund(struct work *work, struct err *err) {
    return repair_refund_send(work->recon->options.payments, work->row.operation_id, &work->answer,
                              err);
}

static const struct {
    int (*ask)(struct work *work, struct err *err);
    int (*go)(struct work *work, struct err *err);
} steps[] = {
    [REPAIR_COMPLETE] = {ask_charge, do_charge},
    [REPAIR_RETURN_SECOND] = {ask_second, do_second},
    [REPAIR_WRITE_OFF] = {ask_difference, do_difference},
    [REPAIR_REPLAY] = {ask_callback, do_callback},
    [REPAIR_REFUND] = {ask_refund, do_refund},
};

/* ---- the end ---- */

static int audit(const struct work *work, struct store_tx *tx, struct err *err) {
    BUF_AUTO detail;
    char action[40];
    buf_init(&detail, 8192);
    buf_addf(&detail,
             "{\"break\":\"%s\",\"action\":\"%s\",\"payment\":\"%s\",\"said\":", work->row.break_id,
             repair_action_name(work->row.action), work->row.payment_id);
    buf_add_json(&detail, work->row.said);
    buf_add_char(&detail, '}');
    snprintf(action, sizeof action, "repair.%s", repair_state_name(work->row.state));
    return audit_append(tx, work->actor, action, work->row.id.text,
                        work->rule != NULL ? work->rule->says : "", detail.data, err);
}

/* In the history of the break, or of the case's ticket. */
static int note(struct work *work, struct store_tx *tx, struct repair_facts *facts,
                const char *line, struct err *err) {
    if (facts->held == NULL) {
        return break_note(tx, &facts->row, work->actor, "repair", line, err);
    }
    const struct ticket_subject subject = {"case", facts->held->id};
    int r = work->recon->options.desk == NULL
                ? 0
                : ticket_tell(work->recon->options.desk, tx, &subject, work->actor, line, err);
    return r < 0 ? r : 0;
}

/* The switch and the repair are locked. */
static int end(struct work *work, struct store_tx *tx, enum repair_state to, struct err *err) {
    struct repair_facts facts;
    char line[REPAIR_TEXT_CHARS_MAX + 80];
    work->row.said = work->answer.text;
    if (repair_state_bad(to) && work->answer.case_id[0] != '\0') {
        work->row.case_id = work->answer.case_id; /* whose money no other repair takes on */
    }
    work->standing = OVER;
    int r = repair_row_save(tx, &work->row, to, err);
    r = r < 0 || repair_state_counts(to) ? r : repair_release(tx, &work->row, err);
    r = r < 0 ? r : repair_facts_load(tx, work->arena, work->break_id, true, &facts, err);
    if (r < 0) {
        return r;
    }
    snprintf(line, sizeof line, "%s %s: %s", work->row.id.text, repair_state_name(to),
             work->answer.text);
    if (to == REPAIR_IS_DONE && work->row.action == REPAIR_WRITE_OFF) {
        r = break_write_off(tx, work->arena, &facts.row, work->actor, work->reason, err);
        r = r < 0 ? r : recon_disagreement_follows(work->recon, tx, &facts.row, err);
    }
    r = r < 0 ? r : note(work, tx, &facts, line, err);
    if (r >= 0 && repair_state_bad(to) && break_is_live(facts.row.state)) {
        r = repair_ticket(work->recon, tx, &facts, &work->row, err);
    }
    if (r >= 0 && work->row.action == REPAIR_RETURN_SECOND && !repair_state_bad(to)) {
        r = repair_look_again(tx, &facts, err);
    }
    if (r >= 0 && !repair_state_bad(to)) {
        r = recon_ask_run(tx, work->row.gateway, work->actor, err);
    }
    if (r >= 0 && work->rule != NULL) {
        r = repair_check_errors(work->recon, tx, work->rule, err);
    }
    return r < 0 ? r : audit(work, tx, err);
}

struct ending {
    struct work *work;
    enum repair_state to;
};

/* 1: both locked, and it is live still. */
static int take_locks(struct work *work, struct store_tx *tx, struct repair_switch *ret_switch,
                      struct err *err) {
    int r = repair_switch_load(tx, true, ret_switch, err);
    r = r < 0 ? r : repair_row_of_break(tx, work->arena, work->break_id, true, &work->row, err);
    bool live = r > 0 && repair_state_live(work->row.state);
    work->standing = live ? GO : OVER;
    return r < 0 ? r : live;
}

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct ending *ending = ctx;
    struct repair_switch all;
    int r = take_locks(ending->work, tx, &all, err);
    return r <= 0 ? r : end(ending->work, tx, ending->to, err);
}

/* ---- the beginning ---- */

static int end_moot(struct work *work, struct store_tx *tx, const char *why, struct err *err) {
    says(&work->answer, REPAIR_MOOT, why);
    return end(work, tx, REPAIR_IS_MOOT, err);
}

static const char *closed_before(const struct work *work) {
    return repair_is_case(work->break_id) ? "the case was closed before anything was done"
                                          : "the break was closed before anything was done";
}

static int look_at(struct work *work, struct store_tx *tx, bool lock, struct err *err) {
    struct repair_facts facts;
    int r = repair_facts_load(tx, work->arena, work->break_id, lock, &facts, err);
    work->broken = facts.row;
    return r;
}

/* Written before the gateway is asked. What is being done already is followed to its end, whatever
 * people have switched off since. */
static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    struct repair_switch all;
    bool enabled = false;
    int r = take_locks(work, tx, &all, err);
    if (r <= 0) {
        return r;
    }
    work->rule = repair_rule_find(work->recon->options.rules, work->row.rule);
    repair_actor(work->row.rule, work->actor);
    r = work->rule != NULL ? repair_rule_enabled(tx, work->rule, &enabled, err) : 0;
    r = r < 0 ? r : look_at(work, tx, false, err);
    if (r < 0) {
        return r;
    }
    if (work->row.state != REPAIR_IS_DOING) {
        if (!break_is_live(work->broken.state)) {
            return end_moot(work, tx, closed_before(work), err);
        }
        if (!enabled) {
            return end_moot(work, tx, "the rule was switched off before anything was done", err);
        }
        if (all.stopped) {
            work->standing = HALTED;
            return 0;
        }
    }
    work->row.tries++;
    return repair_row_save(tx, &work->row,
                           work->row.state == REPAIR_IS_DOING ? REPAIR_IS_DOING : REPAIR_IS_ASKED,
                           err);
}

/* The gateway has confirmed it; and nobody has stopped the rules or closed the break meanwhile. */
static int doing_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    struct repair_switch all;
    int r = take_locks(work, tx, &all, err);
    r = r <= 0 ? r : look_at(work, tx, true, err);
    if (r < 0 || work->standing == OVER) {
        return r;
    }
    if (all.stopped) {
        work->standing = HALTED;
        return 0;
    }
    if (!break_is_live(work->broken.state)) {
        return end_moot(work, tx, closed_before(work), err);
    }
    work->row.case_id = work->answer.case_id;
    work->row.said = work->answer.text;
    return repair_row_save(tx, &work->row, REPAIR_IS_DOING, err);
}

/* ---- a run ---- */

static bool of_the_store(int r) {
    return r == -ERR_STORE || r == -ERR_STORE_UNKNOWN || r == -ERR_STORE_CONFLICT;
}

/* What could not be asked is asked again later. */
static int take_error(struct work *work, int r, struct err *err) {
    if (r >= 0 || of_the_store(r)) {
        return r;
    }
    says(&work->answer, REPAIR_WAIT, err->detail);
    err_clear(err);
    return 0;
}

static int ask_and_do(struct work *work, struct err *err) {
    int r = take_error(work, steps[work->row.action].ask(work, err), err);
    if (r < 0 || work->answer.word != REPAIR_CONFIRMED) {
        return r;
    }
    r = store_write(work->recon->options.store, doing_tx, work, err);
    return r < 0 || work->standing != GO
               ? r
               : take_error(work, steps[work->row.action].go(work, err), err);
}

static int finish(struct work *work, int64_t *ret_again_us, struct err *err) {
    static const enum repair_state ends[] = {
        [REPAIR_REFUSED] = REPAIR_IS_REFUSED,
        [REPAIR_MOOT] = REPAIR_IS_MOOT,
        [REPAIR_ENDED] = REPAIR_IS_DONE,
    };
    struct ending ending = {.work = work, .to = REPAIR_IS_FAILED};
    bool waits = work->answer.word == REPAIR_WAIT || work->answer.word == REPAIR_CONFIRMED;
    if (waits && (work->row.state == REPAIR_IS_DOING || work->row.tries < TRIES_MAX)) {
        size_t last = COUNT_OF(wait_us) - 1, try = (size_t)work->row.tries - 1;
        *ret_again_us = clock_wall_us() + wait_us[try < last ? try : last];
        return 0;
    }
    ending.to = waits ? REPAIR_IS_FAILED : ends[work->answer.word];
    int r = store_write(work->recon->options.store, end_tx, &ending, err);
    if (r >= 0) {
        payments_wake(work->recon->options.payments);
    }
    return r;
}

int repair_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct recon *recon = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct work work = {.recon = recon, .arena = arena, .break_id = job->key};
    int r = store_write(recon->options.store, begin_tx, &work, err);
    if (r < 0 || work.standing == OVER) {
        return r < 0 ? r : 0;
    }
    if (work.standing == GO) {
        snprintf(work.key, sizeof work.key, "%s", work.row.id.text);
        snprintf(work.reason, sizeof work.reason, "repair %s of %s %s: %s", work.row.id.text,
                 repair_is_case(work.break_id) ? "case" : "break", work.break_id,
                 work.rule != NULL ? work.rule->says : work.row.rule);
        work.caller = (struct caller){
            .actor = work.actor, .scope = "repair", .key = work.key, .request_hash = "repair"};
        r = ask_and_do(&work, err);
    }
    if (r < 0 || work.standing == OVER) {
        return r < 0 ? r : 0;
    }
    if (work.standing == HALTED) {
        *ret_again_us = clock_wall_us() + HALTED_US;
        return 0;
    }
    r = finish(&work, ret_again_us, err);
    return r < 0 ? r : 0;
}
