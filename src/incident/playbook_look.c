/* SPDX-License-Identifier: Apache-2.0
 * playbook_look.c: queries are asked again: when somebody asks, and by a job while the incident is
 * live. What is asked is asked outside of any transaction, and written in one.
 *
 * The job looks at LOOKED_AT_ONCE incidents a minute, those first that were not looked at for
 * longest; what walks through many payments (the gate, the blast radius) it asks every five
 * minutes. It writes an entry of the log when a query comes to another end; a person who asks also
 * gets one when it only says something else. */
#include "incident/incident_impl.h"

#include <stdlib.h>
#include <string.h>

#include "incident/playbook_impl.h"

#define LOOK_US (60 * US_PER_SECOND)
#define HEAVY_US (5 * 60 * US_PER_SECOND)
#define JOB_LOOK "look"
enum { LOOKED_AT_ONCE = 5 };

/* ---- reading ---- */

struct looking {
    struct playbooks *playbooks;
    struct arena *arena;
    const char *actor;
    bool by_person; /* else by the job */
    const char *incident_id;
    struct incident_row incident;
    struct item_rows *rows;
    struct playbook_seen *seen; /* one a row; verdict NONE: it was not asked */
};

static int read_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    int r = incident_load(tx, looking->arena, looking->incident_id, false, &looking->incident,
                          err);
    return r < 0 ? r
                 : items_load(tx, looking->arena, looking->incident_id, &looking->rows, err);
}

static bool is_heavy(const struct item_row *row) {
    return strncmp(row->subject, "gate_", strlen("gate_")) == 0 ||
           strcmp(row->subject, "blast_radius") == 0;
}

static bool waits(const struct looking *looking, const struct item_row *row, int64_t now_us) {
    return !looking->by_person && is_heavy(row) && row->looked_us > now_us - HEAVY_US &&
           row->looked_us <= now_us;
}

/* ---- asking ---- */

static void verify(struct looking *looking, const struct item_row *row,
                   struct playbook_seen *seen) {
    const struct playbook_actions *actions = looking->playbooks->options.actions;
    const struct playbook_measure measure = {looking->incident_id, row->subject,   row->target,
                                             row->value,           row->reason,    row->reference};
    struct playbook_told told = {.verdict = VERDICT_UNKNOWN};
    struct err err = {0};
    if (actions->verify(actions->ctx, NULL, &measure, looking->arena, &told, &err) < 0) {
        told = (struct playbook_told){.verdict = VERDICT_UNKNOWN};
        told.said[NOTICE_EN] = arena_printf(looking->arena, "It could not be looked at: %s",
                                            err.detail);
        told.said[NOTICE_ZH] = "无法查看。";
    }
    *seen = (struct playbook_seen){.verdict = told.verdict,
                                   .said = {told.said[NOTICE_EN], told.said[NOTICE_ZH]},
                                   .evidence = told.evidence};
}

static void ask_all(struct looking *looking) {
    struct playbook_look look = {.playbooks = looking->playbooks,
                                 .arena = looking->arena,
                                 .incident = &looking->incident,
                                 .now_us = clock_wall_us()};
    struct item_rows *rows = looking->rows;
    looking->seen = arena_alloc(looking->arena, (size_t)(rows->count + 1) * sizeof *looking->seen);
    for (int i = 0; i < rows->count; i++) {
        const struct item_row *row = &rows->rows[i];
        if (row->kind == ITEM_QUERY && row->state != ITEM_STATE_SKIPPED &&
            !waits(looking, row, look.now_us)) {
            playbook_ask(&look, row->subject, &looking->seen[i]);
        } else if (row->kind == ITEM_ACTION && row->ran_us > 0 &&
                   looking->playbooks->options.actions != NULL) {
            verify(looking, row, &looking->seen[i]);
        }
    }
}

/* ---- writing ---- */

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int log_seen(const struct looking *looking, struct store_tx *tx, const struct item_row *row,
                    struct err *err) {
    BUF_AUTO evidence;
    buf_init(&evidence, INCIDENT_EVIDENCE_BYTES_MAX);
    const char *name = item_name(looking->arena, row);
    buf_addf(&evidence, "{\"item\":\"%s\",\"verdict\":\"%s\",\"state\":\"%s\",\"seen\":%s}", name,
             playbook_verdict_name(row->verdict), playbook_state_name(row->state), row->evidence);
    const struct incident_entry entry = {
        .actor = looking->actor,
        .kind = LOGGED_CHECK,
        .text = arena_printf(looking->arena, "%s: %s. %s", name,
                             playbook_verdict_name(row->verdict), row->said[NOTICE_EN]),
        .evidence = buf_ok(&evidence) ? evidence.data : "{}",
    };
    return incident_log_add(tx, looking->incident_id, &entry, err);
}

/* What was seen into the row as it is now. A query is done while it passes; a measure that was run
 * and of which nothing was known yet is done, or failed, by what is seen of it now. */
static void apply(struct item_row *row, const struct playbook_seen *seen, int64_t now_us) {
    int64_t before = row->state;
    row->verdict = seen->verdict;
    row->said[NOTICE_EN] = or_empty(seen->said[NOTICE_EN]);
    row->said[NOTICE_ZH] = or_empty(seen->said[NOTICE_ZH]);
    row->evidence = seen->evidence != NULL ? seen->evidence : "{}";
    row->looked_us = now_us;
    if (row->kind == ITEM_QUERY) {
        row->state = seen->verdict == VERDICT_PASSED ? ITEM_STATE_DONE : ITEM_STATE_OPEN;
    } else if (row->state == ITEM_STATE_OPEN && seen->verdict == VERDICT_PASSED) {
        row->state = ITEM_STATE_DONE;
    } else if (row->state == ITEM_STATE_OPEN && seen->verdict == VERDICT_NOT) {
        row->state = ITEM_STATE_FAILED;
    }
    row->at_us = row->state != before ? now_us : row->at_us;
}

static const struct playbook_seen *seen_of(const struct looking *looking,
                                           const struct item_row *row) {
    for (int i = 0; i < looking->rows->count; i++) {
        const struct item_row *asked = &looking->rows->rows[i];
        if (strcmp(asked->item, row->item) == 0 && strcmp(asked->digest, row->digest) == 0 &&
            asked->ran_us == row->ran_us) {
            return &looking->seen[i];
        }
    }
    return NULL;
}

static int write_row(const struct looking *looking, struct store_tx *tx, struct item_row *row,
                     int64_t now_us, struct err *err) {
    const struct playbook_seen *seen = seen_of(looking, row);
    if (seen == NULL || seen->verdict == VERDICT_NONE || row->state == ITEM_STATE_SKIPPED) {
        return 0;
    }
    struct item_row before = *row;
    apply(row, seen, now_us);
    bool other_end = before.verdict != row->verdict || before.state != row->state;
    bool other_words = strcmp(before.said[NOTICE_EN], row->said[NOTICE_EN]) != 0;
    int r = item_save(tx, looking->incident_id, row, err);
    return r < 0 || !(other_end || (looking->by_person && other_words))
               ? r
               : log_seen(looking, tx, row, err);
}

static int write_all(struct looking *looking, struct store_tx *tx, struct arena *arena,
                     struct incident_row *incident, struct err *err) {
    struct item_rows *rows = NULL;
    int64_t now_us = clock_wall_us();
    int r = incident_load(tx, arena, looking->incident_id, true, incident, err);
    if (r >= 0 && (incident->state == INCIDENT_CLOSED || incident->state == INCIDENT_CANCELLED)) {
        return looking->by_person ? err_set(err, ERR_STATE, "incident %s is %s: its checklist "
                                                            "stays as it is",
                                            looking->incident_id,
                                            incident_state_name(incident->state))
                                  : 0;
    }
    r = r < 0 ? r : items_load(tx, arena, looking->incident_id, &rows, err);
    for (int i = 0; r >= 0 && i < rows->count; i++) {
        r = write_row(looking, tx, &rows->rows[i], now_us, err);
    }
    if (r >= 0) {
        int64_t changed = sql_exec(
            tx, err, "UPDATE incident_playbook SET looked_us = $2 WHERE incident_id = $1",
            S_TEXT(looking->incident_id), S_INT(now_us));
        r = changed < 0 ? (int)changed : 0;
    }
    return r;
}

/* ---- on demand ---- */

static int refresh_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct looking *looking = ctx;
    struct incident_row incident;
    (void)payments;
    int r = write_all(looking, tx, arena, &incident, err);
    return r < 0 ? r
                 : checklist_answer(looking->playbooks, tx, arena, &incident, ret_answer, err);
}

int playbook_refresh(struct playbooks *playbooks, const struct caller *caller,
                     const char *incident_id, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct looking looking = {.playbooks = playbooks,
                              .arena = arena,
                              .actor = caller->actor,
                              .by_person = true,
                              .incident_id = incident_id};
    int r = store_read(playbooks->options.store, read_tx, &looking, err);
    if (r < 0) {
        return r;
    }
    ask_all(&looking);
    return idempotent_run(playbooks->options.payments, caller, "incident.refresh", refresh_fn,
                          &looking, ret_answer, err);
}

/* ---- by the job ---- */

struct due {
    struct arena *arena;
    const char *ids[LOOKED_AT_ONCE];
    int count;
};

static int due_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct due *due = ctx;
    SQL_ROWS_AUTO rows = NULL;
    due->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT i.id, MIN(p.looked_us) FROM incident i JOIN incident_playbook p ON "
                      "p.incident_id = i.id WHERE i." INCIDENT_IS_LIVE " GROUP BY i.id ORDER BY 2, "
                      "1 LIMIT 5");
    while (r >= 0 && due->count < LOOKED_AT_ONCE && (r = sql_next(rows, err)) > 0) {
        due->ids[due->count++] = arena_copy(due->arena, sql_text(rows, 0));
    }
    return r;
}

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row incident;
    return write_all(ctx, tx, arena, &incident, err);
}

static int look_at(struct playbooks *playbooks, const char *id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct looking looking = {
        .playbooks = playbooks, .arena = arena, .actor = INCIDENT_SYSTEM, .incident_id = id};
    int r = store_read(playbooks->options.store, read_tx, &looking, err);
    if (r < 0) {
        return r;
    }
    ask_all(&looking);
    return store_write(playbooks->options.store, write_tx, &looking, err);
}

int playbooks_look(struct playbooks *playbooks, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct due due = {.arena = arena};
    int r = store_read(playbooks->options.store, due_tx, &due, err);
    for (int i = 0; r >= 0 && i < due.count; i++) {
        r = look_at(playbooks, due.ids[i], err);
    }
    return r;
}

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct playbooks *playbooks = ctx;
    int r = strcmp(job->key, JOB_LOOK) == 0 ? playbooks_look(playbooks, err) : 0;
    if (r >= 0) {
        *ret_again_us = clock_wall_us() + LOOK_US;
    }
    return r;
}

static int start_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    int r = job_add(tx, JOB_PLAYBOOKS, JOB_LOOK, clock_wall_us() + LOOK_US, "", err);
    return r < 0 ? r : 0;
}

int playbooks_start(struct playbooks *playbooks, struct err *err) {
    return store_write(playbooks->options.store, start_tx, playbooks, err);
}

struct job_kind playbooks_job(struct playbooks *playbooks) {
    static const int64_t backoff_us[] = {5 * US_PER_SECOND, 30 * US_PER_SECOND,
                                         60 * US_PER_SECOND};
    return (struct job_kind){
        .name = JOB_PLAYBOOKS,
        .run = run,
        .ctx = playbooks,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = 300 * US_PER_SECOND,
        .concurrency = 1,
    };
}

/* ---- opened, closed ---- */

int playbooks_open(const struct playbooks_options *options, struct playbooks **ret_playbooks,
                   struct err *err) {
    struct playbooks *playbooks = calloc(1, sizeof *playbooks);
    INVARIANT(playbooks != NULL, "no memory for playbooks");
    *playbooks = (struct playbooks){.options = *options, .gate = options->gate};
    if (playbooks->gate == NULL) {
        const struct gate_options usual = {.store = options->store};
        int r = gate_open(&usual, &playbooks->gate, err);
        if (r < 0) {
            free(playbooks);
            return r;
        }
        playbooks->owns_gate = true;
    }
    const struct job_kind kind = playbooks_job(playbooks);
    payments_also_run(options->payments, &kind, 1);
    *ret_playbooks = playbooks;
    return 0;
}

void playbooks_close(struct playbooks *playbooks) {
    if (playbooks != NULL) {
        if (playbooks->owns_gate) {
            gate_close(playbooks->gate);
        }
        free(playbooks);
    }
}
