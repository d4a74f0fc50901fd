/* SPDX-License-Identifier: Apache-2.0
 * gate.c: one look at all conditions, in one snapshot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident/gate_impl.h"

static const struct {
    const char *name;
    int (*function)(struct gate_look *look, struct gate_line *line, struct err *err);
    const char *must[NOTICE_LANGUAGES];
    const char *command;
} conditions[GATE_CONDITIONS] = {
#define X(NAME, name, function, must_en, must_zh, command)                                         \
    {name, function, {must_en, must_zh}, command},
#include "incident/gate_conditions.def"
#undef X
};

const char *gate_condition_name(enum gate_condition condition) {
    return conditions[condition].name;
}

const char *gate_condition_must(enum gate_condition condition, enum notice_language language) {
    return conditions[condition].must[language];
}

static int64_t clock_offset_us(void) {
    return clock_wall_us() - clock_mono_us();
}

int gate_open(const struct gate_options *options, struct gate **ret_gate, struct err *err) {
    struct gate_limits limits;
    int r = gate_limits_read(options->config, &limits, err);
    if (r < 0) {
        return r;
    }
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the gate");
    }
    *gate = (struct gate){
        .store = options->store,
        .status = options->status,
        .limits = limits,
        .offset_us = clock_offset_us(),
    };
    lock_init(&gate->lock);
    *ret_gate = gate;
    return 0;
}

void gate_close(struct gate *gate) {
    if (gate != NULL) {
        lock_free(&gate->lock);
        free(gate);
    }
}

/* By how much the wall's clock was moved within the hold time, as far as looks have seen it. */
static int64_t clock_moved(struct gate *gate) {
    int64_t hold_us = gate->limits.of[GATE_LIMIT_HOLD] * US_PER_SECOND;
    lock_take(&gate->lock);
    int64_t mono_us = clock_mono_us(), offset_us = clock_offset_us();
    int64_t by_us = offset_us - gate->offset_us;
    if (by_us > GATE_CLOCK_SLACK_US || by_us < -GATE_CLOCK_SLACK_US) {
        gate->moved_mono_us = mono_us;
        gate->moved_by_us = by_us;
    }
    gate->offset_us = offset_us;
    bool counts = gate->moved_by_us != 0 && mono_us - gate->moved_mono_us < hold_us;
    by_us = counts ? gate->moved_by_us : 0;
    lock_give(&gate->lock);
    return by_us;
}

/* ---- what conditions share ---- */

int gate_names_read(const struct incident_scope *scope, struct gate_names *ret_names,
                    struct err *err) {
    struct scope_names numbers = {0};
    scope_list(&scope->gateways, ret_names->gateways);
    scope_list(&scope->regions, ret_names->regions);
    scope_list(&scope->currencies, ret_names->currencies);
    for (int i = 0; i < scope->methods.count; i++) {
        enum payment_method method;
        char number[24];
        if (!method_parse(scope->methods.names[i], &method)) {
            err_set(err, ERR_VALIDATION, "there is no method \"%s\"", scope->methods.names[i]);
            return err_place(err, "/scope/methods/%d", i);
        }
        snprintf(number, sizeof number, "%d", (int)method);
        int r = scope_add(&numbers, number, err);
        if (r < 0) {
            return r;
        }
    }
    scope_list(&numbers, ret_names->methods);
    return 0;
}

struct gate_ids gate_ids(const char *prefix, int64_t from_us, int64_t until_us) {
    struct gate_ids ids;
    id_floor(prefix, from_us > GATE_ID_SLACK_US ? from_us - GATE_ID_SLACK_US : 0, ids.from);
    id_floor(prefix, until_us + GATE_ID_SLACK_US, ids.until);
    return ids;
}

const char *gate_number(const struct gate_look *look, int64_t number) {
    return phrase_number(look->arena, (long long)number);
}

const char *gate_moment(const struct gate_look *look, int64_t wall_us) {
    return phrase_moment(look->arena, (long long)wall_us);
}

const char *gate_minutes(const struct gate_look *look, int64_t us) {
    int64_t minutes = (us + 60 * US_PER_SECOND - 1) / (60 * US_PER_SECOND);
    return gate_number(look, minutes < 1 ? 1 : minutes);
}

int gate_evidence(const struct gate_look *look, struct gate_line *line, const struct buf *json,
                  struct err *err) {
    if (!buf_ok(json)) {
        return err_set(err, ERR_INTERNAL, "the evidence of \"%s\" is larger than its cap",
                       conditions[line->condition].name);
    }
    line->evidence = arena_copy(look->arena, json->data);
    return 0;
}

bool gate_tell(struct gate_told *told) {
    bool room = told->count++ < GATE_TOLD_MAX;
    if (room && told->count > 1) {
        buf_add_char(told->buf, ',');
    }
    return room;
}

/* ---- the look ---- */

/* A look that ends early has left a line as it is here: refused. */
static void begin_line(struct gate_line *line, enum gate_condition condition) {
    *line = (struct gate_line){
        .condition = condition,
        .why = {"It was not looked at.", "尚未检查。"},
        .evidence = "{}",
        .command = conditions[condition].command,
    };
}

static int look_at_all(struct gate_look *look, struct gate_verdict *verdict, struct err *err) {
    int r = gate_names_read(&look->subject->scope, &look->names, err);
    *verdict = (struct gate_verdict){.at_us = look->now_us, .passed = true};
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        begin_line(&verdict->lines[i], (enum gate_condition)i);
    }
    for (int i = 0; r >= 0 && i < GATE_CONDITIONS; i++) {
        struct gate_line *line = &verdict->lines[i];
        r = conditions[i].function(look, line, err);
        verdict->passed = verdict->passed && line->passed;
        line->command = line->passed ? "" : line->command;
    }
    verdict->passed = verdict->passed && r >= 0;
    return r < 0 ? r : 0;
}

int gate_look_in(struct gate *gate, struct store_tx *tx, const struct gate_subject *subject,
                 struct arena *arena, struct gate_verdict *ret_verdict, struct err *err) {
    struct gate_look look = {
        .gate = gate,
        .subject = subject,
        .tx = tx,
        .arena = arena,
        .now_us = clock_wall_us(),
        .clock_moved_by_us = clock_moved(gate),
    };
    look.until_us = subject->mitigated_us > 0 ? subject->mitigated_us : look.now_us;
    struct gate_verdict verdict;
    int r = look_at_all(&look, &verdict, err);
    if (r >= 0) {
        *ret_verdict = verdict;
    }
    return r;
}

struct looking {
    struct gate *gate;
    const struct gate_subject *subject;
    struct arena *arena;
    struct gate_verdict *verdict;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    return gate_look_in(looking->gate, tx, looking->subject, looking->arena, looking->verdict,
                        err);
}

int gate_look(struct gate *gate, const struct gate_subject *subject, struct arena *arena,
              struct gate_verdict *ret_verdict, struct err *err) {
    struct looking looking = {gate, subject, arena, ret_verdict};
    return store_read(gate->store, look_tx, &looking, err);
}
