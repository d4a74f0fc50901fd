/* SPDX-License-Identifier: Apache-2.0
 * ticket_job.c: escalation. A ticket that is live has one job, due when its next step is: so long
 * after its end as the configuration says.
 *
 * A step is taken under the ticket's lock, when its time has come and not before, and counts up the
 * level in the same transaction. So a run that comes twice (a crash after the commit, two
 * instances, a lease that ran out) finds the level counted up and waits for the next step; and the
 * index of ticket_event has no room for the same step of the same opening twice. Steps that were
 * due while nothing ran are taken one after the other, none is left out. */
#include <stdio.h>

#include "base/clock.h"
#include "desk/ticket_impl.h"

int64_t ticket_next_us(const struct ticket_settings *settings, const struct ticket_row *row) {
    if (!ticket_is_live(row->state) || row->level >= settings->step_count) {
        return TICKET_NEVER;
    }
    return row->due_us + settings->steps[row->level].after_us;
}

int ticket_schedule(struct desk *desk, struct store_tx *tx, const struct ticket_row *row,
                    struct err *err) {
    int64_t next_us = ticket_next_us(&desk->tickets->settings, row);
    if (next_us == TICKET_NEVER) {
        int r = job_cancel(tx, JOB_TICKET, row->id.text, err);
        return r < 0 ? r : 0;
    }
    int r = job_add(tx, JOB_TICKET, row->id.text, next_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_TICKET, row->id.text, next_us, err) : r;
    return r < 0 ? r : 0;
}

/* Whom the step is for, in words, and (but for the team's own) into the row. */
static int apply(struct desk *desk, struct store_tx *tx, struct arena *arena,
                 const struct ticket_step *step, struct ticket_row *row, const char **ret_to,
                 struct err *err) {
    const struct ticket_settings *settings = &desk->tickets->settings;
    const struct ticket_team_config *team = ticket_team_find(settings, row->team);
    const char *user = step->name;
    struct ticket_person person;
    if (step->to == STEP_TO_TEAM) {
        *ret_to = team != NULL ? arena_printf(arena, "team %s", team->name) : "everybody";
        return 0;
    }
    if (step->to == STEP_TO_TEAM_NAMED) {
        *ret_to = arena_printf(arena, "team %s", step->name);
        return ticket_give_team(desk, tx, arena, ticket_team_find(settings, step->name), row, err);
    }
    if (step->to == STEP_TO_LEAD) {
        user = team != NULL && team->lead != NULL ? team->lead : "";
    }
    int r = user[0] != '\0' ? ticket_worker(tx, arena, user, &person, err) : 0;
    if (r <= 0) {
        *ret_to = user[0] != '\0' ? arena_printf(arena, "%s, who does not work on tickets", user)
                                  : "the lead, and there is none";
        return r;
    }
    row->assignee = person.id;
    row->assignee_name = person.name;
    *ret_to = person.name;
    return 0;
}

static int take_step(struct desk *desk, struct store_tx *tx, struct arena *arena,
                     struct ticket_row *row, struct err *err) {
    const struct ticket_step *step = &desk->tickets->settings.steps[row->level];
    const char *to = "";
    char time[CLOCK_TEXT_MAX];
    int r = apply(desk, tx, arena, step, row, &to, err);
    if (r < 0) {
        return r;
    }
    row->level++;
    const struct ticket_entry entry = {
        .actor = "system",
        .what = "escalated",
        .body = arena_printf(arena, "It was to be done by %s. Step %lld: to %s.",
                             clock_format(row->due_us, time), (long long)row->level, to),
        .level = row->level,
        .type = "ticket.escalated",
    };
    return ticket_write(desk, tx, row, &entry, err);
}

struct look {
    struct desk *desk;
    const char *id;
    int64_t again_us;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look *look = ctx;
    const struct ticket_settings *settings = &look->desk->tickets->settings;
    struct ticket_row row;
    look->again_us = 0;
    int r = ticket_load(tx, arena, look->id, true, &row, err);
    if (r >= 0 && ticket_next_us(settings, &row) <= clock_wall_us()) {
        r = take_step(look->desk, tx, arena, &row, err);
    }
    int64_t next_us = r < 0 ? TICKET_NEVER : ticket_next_us(settings, &row);
    look->again_us = next_us == TICKET_NEVER ? 0 : next_us;
    return r;
}

int ticket_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct look look = {.desk = ctx, .id = job->key};
    int r = store_write(look.desk->options.store, look_tx, &look, err);
    if (r >= 0 && look.again_us > 0) {
        *ret_again_us = look.again_us;
    }
    return r;
}
