/* SPDX-License-Identifier: Apache-2.0
 * ticket.c: opening tickets, and closing them when what they were about is gone (ticket.h). */
#include "desk/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "desk/ticket_impl.h"
#include "store/audit.h"

static const int64_t backoff_us[] = {
    10 * US_PER_SECOND,
    60 * US_PER_SECOND,
    600 * US_PER_SECOND,
};
#define JOB_LEASE_US (120 * US_PER_SECOND)

int tickets_check(const struct ticket_config *config, const struct gateway_registry *registry,
                  struct err *err) {
    struct ticket_settings settings;
    int r = ticket_settings_read(config, registry, &settings, err);
    if (r >= 0) {
        ticket_clock_release(&settings.clock);
    }
    return r;
}

int tickets_open(struct desk *desk, const struct ticket_config *config,
                 const struct gateway_registry *registry, struct err *err) {
    INVARIANT(desk->tickets == NULL, "a desk's tickets are opened once");
    struct tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for tickets");
    }
    int r = ticket_settings_read(config, registry, &tickets->settings, err);
    if (r < 0) {
        free(tickets);
        return r;
    }
    desk->tickets = tickets;
    const struct job_kind kinds[] = {
        {
            .name = JOB_TICKET,
            .run = ticket_job,
            .ctx = desk,
            .backoff_us = backoff_us,
            .backoff_count = COUNT_OF(backoff_us),
            .attempts_max = 0,
            .lease_us = JOB_LEASE_US,
            .concurrency = 2,
        },
    };
    payments_also_run(desk->options.payments, kinds, COUNT_OF(kinds));
    return 0;
}

void tickets_follow(struct desk *desk, const char *kind, ticket_over_fn *over, void *ctx) {
    struct tickets *tickets = desk->tickets;
    int i = 0;
    INVARIANT(tickets != NULL, "tickets are opened before anybody follows them");
    while (i < tickets->follow_count && strcmp(tickets->follows[i].kind, kind) != 0) {
        i++;
    }
    INVARIANT(i < TICKET_FOLLOWS_MAX, "more follow tickets than there is room for");
    tickets->follows[i].kind = kind;
    tickets->follows[i].over = over;
    tickets->follows[i].ctx = ctx;
    tickets->follow_count += i == tickets->follow_count;
}

void tickets_close(struct tickets *tickets) {
    if (tickets != NULL) {
        ticket_clock_release(&tickets->settings.clock);
        free(tickets);
    }
}

/* ---- what is noted ---- */

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int check_text(const char *text, size_t bytes_max, const char *what, struct err *err) {
    if (text[0] == '\0' || strlen(text) > bytes_max || text_has_controls(text, true)) {
        return err_set(err, ERR_VALIDATION,
                       "a ticket's %s has 1 to %zu bytes and no control characters", what,
                       bytes_max);
    }
    return 0;
}

/* What is shown as it is must be what it says it is. */
static int check_facts(const char *facts, struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(facts, strlen(facts), TICKET_FACTS_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r >= 0 && !json_is_object(json)) {
        r = err_set(err, ERR_VALIDATION, "a ticket's facts are an object");
    }
    return r;
}

static int check_note(const struct ticket_note *note, struct err *err) {
    int r = check_text(note->subject.kind, TICKET_KIND_CHARS_MAX, "kind", err);
    r = r < 0 ? r : check_text(note->subject.id, TICKET_SUBJECT_CHARS_MAX, "subject", err);
    r = r < 0 ? r : check_text(note->title, TICKET_TITLE_CHARS_MAX * 4, "title", err);
    r = r < 0 ? r : check_text(note->class, TICKET_CLASS_CHARS_MAX * 4, "class", err);
    if (r >= 0 && (note->risk < TICKET_RISK_LOW || note->risk > TICKET_RISK_CRITICAL)) {
        r = err_set(err, ERR_VALIDATION, "a ticket has a risk");
    }
    if (r >= 0 &&
        (note->amount_minor < 0 || (note->amount_minor > 0 && note->currency.code[0] == '\0'))) {
        r = err_set(err, ERR_VALIDATION, "an amount has no sign, and a currency");
    }
    if (r >= 0 && strlen(or_empty(note->suggestion)) > TICKET_SUGGESTION_CHARS_MAX * 4) {
        r = err_set(err, ERR_VALIDATION, "the suggestion is too long");
    }
    return r < 0 || note->facts_json == NULL ? r : check_facts(note->facts_json, err);
}

/* Takes what is told now into the row. True: it is something else than before. */
static bool take_note(const struct ticket_note *note, struct ticket_row *row) {
    const char *suggestion = note->suggestion != NULL ? note->suggestion
                                                      : ticket_class_of(note->class)->suggestion;
    struct ticket_row before = *row;
    row->title = note->title;
    row->class = note->class;
    row->risk = (int64_t)note->risk;
    row->amount_minor = note->amount_minor;
    row->currency = note->currency;
    row->gateway = or_empty(note->gateway);
    row->payment_id = or_empty(note->payment_id);
    row->suggestion = suggestion;
    row->facts = note->facts_json != NULL ? note->facts_json : "{}";
    return before.title == NULL || strcmp(before.title, row->title) != 0 ||
           strcmp(before.class, row->class) != 0 || before.risk != row->risk ||
           before.amount_minor != row->amount_minor ||
           strcmp(before.currency.code, row->currency.code) != 0 ||
           strcmp(before.gateway, row->gateway) != 0 ||
           strcmp(before.payment_id, row->payment_id) != 0 ||
           strcmp(before.suggestion, row->suggestion) != 0 || strcmp(before.facts, row->facts) != 0;
}

static int64_t end_of(const struct desk *desk, int64_t priority, int64_t from_us) {
    const struct ticket_settings *settings = &desk->tickets->settings;
    return ticket_clock_end(&settings->clock, from_us, settings->sla[priority].hours,
                            settings->sla[priority].business);
}

/* From now on it is to be done, from the start: as when it was opened first. */
static void begin_round(const struct desk *desk, struct ticket_row *row) {
    row->round++;
    row->level = 0;
    row->opened_us = clock_wall_us();
    row->priority = ticket_priority_of(row->risk);
    row->due_us = end_of(desk, row->priority, row->opened_us);
    row->how = 0;
    row->reason = "";
    row->moved_minor = 0;
    row->moved_currency = (struct currency){0};
    row->approval_id = "";
}

/* 1; or 0: somebody else has opened it just now. */
static int open_new(struct desk *desk, struct store_tx *tx, struct arena *arena,
                    const struct ticket_note *note, const struct ticket_id *id,
                    struct ticket_row *row, struct err *err) {
    const char *actor = or_empty(note->actor);
    *row = (struct ticket_row){
        .id = *id,
        .kind = note->subject.kind,
        .subject = note->subject.id,
        .state = TICKET_OPEN,
        .team = "",
        .assignee = "",
        .assignee_name = "",
        .opened_by = actor[0] != '\0' ? actor : "system",
    };
    (void)take_note(note, row);
    begin_round(desk, row);
    const struct ticket_entry entry = {
        .actor = row->opened_by,
        .what = "opened",
        .type = "ticket.opened",
    };
    int r = ticket_give(desk, tx, arena, row, err);
    r = r < 0 ? r : ticket_insert(tx, row, err);
    if (r <= 0) {
        return r;
    }
    r = ticket_write(desk, tx, row, &entry, err);
    return r < 0 ? r : 1;
}

int ticket_begin_again(struct desk *desk, struct store_tx *tx, struct arena *arena,
                       struct ticket_row *row, const char *actor, const char *reason,
                       struct err *err) {
    int r = ticket_go(tx, row, MOVE_REOPEN, err);
    if (r < 0) {
        return r;
    }
    begin_round(desk, row);
    const struct ticket_entry entry = {
        .actor = actor,
        .what = "reopened",
        .body = reason,
        .type = "ticket.reopened",
    };
    struct ticket_person person;
    /* Who had it knows it; only where he works no more is it given out anew. */
    r = row->assignee[0] != '\0' ? ticket_worker(tx, arena, row->assignee, &person, err) : 0;
    r = r != 0 ? r : ticket_give(desk, tx, arena, row, err);
    return r < 0 ? r : ticket_write(desk, tx, row, &entry, err);
}

/* It is open, and told of again. What is due sooner now is due sooner; nothing is due later. */
static int refresh(struct desk *desk, struct store_tx *tx, struct ticket_row *row,
                   const char *actor, struct err *err) {
    int64_t priority = ticket_priority_of(row->risk);
    int64_t due_us = end_of(desk, priority, row->opened_us);
    if (due_us < row->due_us) {
        row->due_us = due_us;
        row->priority = priority;
    }
    const struct ticket_entry entry = {.actor = actor, .what = "updated"};
    return ticket_write(desk, tx, row, &entry, err);
}

static int open_known(struct desk *desk, struct store_tx *tx, struct arena *arena,
                      const struct ticket_note *note, struct ticket_row *row, struct err *err) {
    const char *actor = note->actor != NULL && note->actor[0] != '\0' ? note->actor : "system";
    if (row->state == TICKET_RESOLVED && !note->again) {
        return 0;
    }
    bool news = take_note(note, row);
    if (!ticket_is_live(row->state)) {
        int r = ticket_begin_again(desk, tx, arena, row, actor, "It was found again.", err);
        return r < 0 ? r : 1;
    }
    return news ? refresh(desk, tx, row, actor, err) : 0;
}

int ticket_open(struct desk *desk, struct store_tx *tx, const struct ticket_note *note,
                struct ticket_id *ret_id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct ticket_row row;
    struct ticket_id id = ticket_id_new();
    int r = check_note(note, err);
    r = r < 0 ? r : ticket_find(tx, arena, &note->subject, &row, err);
    if (r < 0) {
        return r;
    }
    bool known = r > 0;
    if (!known) {
        r = open_new(desk, tx, arena, note, &id, &row, err);
        if (r == 0) {
            r = ticket_find(tx, arena, &note->subject, &row, err);
            known = r > 0;
        }
    }
    r = known ? open_known(desk, tx, arena, note, &row, err) : r;
    if (r >= 0 && ret_id != NULL) {
        *ret_id = row.id;
    }
    return r;
}

/* ---- when it is gone ---- */

int ticket_close_for(struct desk *desk, struct store_tx *tx, const struct ticket_subject *subject,
                     const char *actor, const char *why, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct ticket_row row;
    int r = ticket_find(tx, arena, subject, &row, err);
    if (r <= 0 || ticket_after(row.state, MOVE_HEAL) == TICKET_NONE) {
        return r < 0 ? r : 0;
    }
    if (row.state == TICKET_APPROVAL) {
        r = approval_withdraw(tx, row.approval_id, actor, why, err);
        row.how = 0;
        row.reason = "";
        row.moved_minor = 0;
        row.moved_currency = (struct currency){0};
    }
    r = r < 0 ? r : ticket_go(tx, &row, MOVE_HEAL, err);
    const struct ticket_entry entry = {
        .actor = actor,
        .what = "closed",
        .body = why,
        .type = "ticket.closed",
        .gone = true,
    };
    r = r < 0 ? r : ticket_write(desk, tx, &row, &entry, err);
    return r < 0 ? r : 1;
}

int ticket_tell(struct desk *desk, struct store_tx *tx, const struct ticket_subject *subject,
                const char *actor, const char *text, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct ticket_row row;
    const struct ticket_entry entry = {.actor = actor, .what = "told", .body = text};
    int r = check_text(text, TICKET_COMMENT_CHARS_MAX * 4, "line", err);
    r = r < 0 ? r : ticket_find(tx, arena, subject, &row, err);
    if (r <= 0) {
        return r;
    }
    r = ticket_write(desk, tx, &row, &entry, err);
    return r < 0 ? r : 1;
}

/* ---- by hand ---- */

struct create {
    struct desk *desk;
    const struct caller *caller;
    const struct ticket_note *note;
};

static int create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct create *create = ctx;
    struct ticket_id id = ticket_id_new();
    struct ticket_note note = *create->note;
    struct ticket_row row;
    note.subject = (struct ticket_subject){TICKET_KIND_MANUAL, id.text};
    note.actor = create->caller->actor;
    int r = check_note(&note, err);
    r = r < 0 ? r : open_new(create->desk, tx, arena, &note, &id, &row, err);
    r = r < 0 ? r : ticket_answer(tx, arena, &row, 201, ret_answer, err);
    return r < 0 ? r : audit_append(tx, note.actor, "ticket.create", id.text, "", "{}", err);
}

int ticket_create(struct desk *desk, const struct caller *caller, const struct ticket_note *note,
                  struct answer *ret_answer, struct err *err) {
    struct create create = {desk, caller, note};
    int r = idempotent_run(desk->options.payments, caller, "ticket.create", create_fn, &create,
                           ret_answer, err);
    if (r >= 0) {
        payments_wake(desk->options.payments);
    }
    return r;
}
