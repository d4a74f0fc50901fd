/* SPDX-License-Identifier: Apache-2.0
 * dispute_job.c: what happens to an open dispute by itself: its deadlines, our answer to the
 * gateway, and a look at where it stands.
 *
 * Deadlines first: they need no gateway, and are kept when it is down. A clock that jumps over one
 * tells of the latest only; one that jumps back tells of nothing twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "ledger/ledger.h"
#include "payment/disputes.h"

#define HOUR_US (3600 * US_PER_SECOND)
#define WATCH_US (6 * HOUR_US) /* so long a lost callback stays unnoticed */
enum { EVIDENCE_ROWS_MAX = 50, ANSWER_TRIES_MAX = 10 };

struct run {
    struct payments *payments;
    struct arena *arena;
    const char *id;
    struct dispute_row row;
    struct payment_row payment;
    struct gateway_evidence evidence[EVIDENCE_ROWS_MAX];
    int evidence_count;
    char reference[ID_TEXT_MAX + 24];
    enum dispute_answer_state to;
    const char *error;
    bool sends;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    return dispute_row_load(tx, run->arena, run->id, false, &run->row, err);
}

static int look(struct run *run, struct err *err) {
    return store_read(run->payments->options.store, look_tx, run, err);
}

/* ---- deadlines ---- */

static const struct {
    enum dispute_warning warning;
    int64_t before_us;
    const char *kind, *words;
} deadlines[] = {
    {WARNED_72H, 72 * HOUR_US, "dispute_due", "evidence is due in less than 72 hours"},
    {WARNED_24H, 24 * HOUR_US, "dispute_due", "evidence is due in less than 24 hours"},
    {WARNED_MISSED, 0, "dispute_missed", "the time for evidence is over"},
};

static bool is_waited_for(const struct dispute_row *row) {
    return row->state == DISPUTE_NEEDS_RESPONSE && row->due_us > 0 &&
           (row->answer_state == ANSWER_NONE || row->answer_state == ANSWER_REFUSED);
}

/* The latest deadline that has passed, as an index; -1: none that was not told of. */
static int deadline_of(const struct dispute_row *row, int64_t now_us) {
    int found = -1;
    for (size_t i = 0; is_waited_for(row) && i < COUNT_OF(deadlines); i++) {
        if (deadlines[i].warning > row->warned && now_us >= row->due_us - deadlines[i].before_us) {
            found = (int)i;
        }
    }
    return found;
}

static int warn_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    struct dispute_row *row = &run->row;
    char detail[240], time[CLOCK_TEXT_MAX];
    int r = dispute_row_take(tx, run->arena, run->id, row, &run->payment, err);
    int which = r < 0 ? -1 : deadline_of(row, clock_wall_us());
    if (r < 0 || which < 0) {
        return r;
    }
    row->warned = deadlines[which].warning;
    snprintf(detail, sizeof detail, "dispute %s: %s (%s)", row->id.text, deadlines[which].words,
             clock_format(row->due_us, time));
    struct case_note note = dispute_note(row, deadlines[which].kind, detail);
    note.again = true;
    r = row->warned == WARNED_MISSED
            ? dispute_case_end(tx, run->arena, "dispute_due", row->id.text, "it was missed", err)
            : 0;
    r = r < 0 ? r : case_open(tx, &note, err);
    r = r < 0 ? r : dispute_row_save(tx, row, err);
    return r < 0 ? r : dispute_tell(run->payments, tx, &run->payment, row, "dispute.updated", err);
}

static int warn(struct run *run, struct err *err) {
    return deadline_of(&run->row, clock_wall_us()) < 0
               ? 0
               : store_write(run->payments->options.store, warn_tx, run, err);
}

static int64_t next_us(const struct dispute_row *row, int64_t now_us) {
    int64_t next = now_us + WATCH_US;
    for (size_t i = 0; is_waited_for(row) && i < COUNT_OF(deadlines); i++) {
        int64_t at = row->due_us - deadlines[i].before_us;
        if (deadlines[i].warning > row->warned && at < next) {
            next = at;
        }
    }
    return next;
}

/* ---- our answer ---- */

static bool is_pending(const struct dispute_row *row) {
    return row->answer_state == ANSWER_WANTED || row->answer_state == ANSWER_SENDING;
}

/* The bytes of a file as it was attached. */
static int read_file(struct run *run, const struct sql_rows *rows, struct gateway_evidence *one,
                     struct err *err) {
    size_t count = 0;
    const char *content = sql_text(rows, 4);
    if (content[0] == '\0') {
        return 0;
    }
    unsigned char *bytes = crypto_unbase64(content, &count);
    if (bytes == NULL) {
        return err_set(err, ERR_STORE_CORRUPT, "a file of dispute %s cannot be read", run->id);
    }
    one->bytes = arena_copy_bytes(run->arena, bytes, count);
    one->byte_count = count;
    free(bytes);
    return 0;
}

static int read_evidence(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, text, file_name, media_type, content FROM dispute_evidence "
                      "WHERE dispute_id = $1 AND answer_round = $2 ORDER BY created_us, id",
                      S_TEXT(run->id), S_INT(run->row.answer_round));
    run->evidence_count = 0;
    while (r >= 0 && run->evidence_count < EVIDENCE_ROWS_MAX && (r = sql_next(rows, err)) > 0) {
        struct gateway_evidence *one = &run->evidence[run->evidence_count++];
        *one = (struct gateway_evidence){
            .kind = arena_copy(run->arena, sql_text(rows, 0)),
            .text = arena_copy(run->arena, sql_text(rows, 1)),
            .file_name = arena_copy(run->arena, sql_text(rows, 2)),
            .media_type = arena_copy(run->arena, sql_text(rows, 3)),
        };
        r = read_file(run, rows, one, err);
    }
    return r < 0 ? r : 0;
}

/* D4: it is written that it may be there before it is sent. */
static int send_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    struct dispute_row *row = &run->row;
    run->sends = false;
    int r = dispute_row_take(tx, run->arena, run->id, row, &run->payment, err);
    if (r < 0 || !is_pending(row) || !dispute_state_open(row->state)) {
        return r;
    }
    r = read_evidence(run, tx, err);
    if (r < 0) {
        return r;
    }
    run->sends = true;
    row->answer_state = ANSWER_SENDING;
    row->answer_sent_us = clock_wall_us();
    row->answer_tries++;
    snprintf(run->reference, sizeof run->reference, "%s-%lld", row->id.text,
             (long long)row->answer_round);
    return dispute_row_save(tx, row, err);
}

static int refuse(struct run *run, struct store_tx *tx, struct err *err) {
    const struct dispute_row *row = &run->row;
    char detail[400];
    snprintf(detail, sizeof detail, "dispute %s: %s took no answer: %.240s", row->id.text,
             row->gateway, row->answer_error);
    struct case_note note = dispute_note(row, "dispute_answer", detail);
    note.again = true;
    int r = sql_put(tx, err,
                    "UPDATE dispute_evidence SET answer_round = 0 WHERE dispute_id = $1 AND "
                    "answer_round = $2",
                    S_TEXT(row->id.text), S_INT(row->answer_round));
    return r < 0 || !dispute_state_open(row->state) ? r : case_open(tx, &note, err);
}

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    struct dispute_row *row = &run->row;
    int r = dispute_row_take(tx, run->arena, run->id, row, &run->payment, err);
    if (r < 0 || !is_pending(row)) {
        return r;
    }
    row->answer_state = run->to;
    row->answer_error = run->error;
    r = run->to == ANSWER_REFUSED
            ? refuse(run, tx, err)
            : dispute_case_end(tx, run->arena, "dispute_due", row->id.text, "it was answered", err);
    r = r < 0 ? r : dispute_row_save(tx, row, err);
    return r < 0 ? r : dispute_tell(run->payments, tx, &run->payment, row, "dispute.updated", err);
}

static int end_answer(struct run *run, enum dispute_answer_state to, const char *why,
                      struct err *err) {
    run->to = to;
    run->error = why;
    return store_write(run->payments->options.store, end_tx, run, err);
}

/* 1: what the gateway says shows that our answer is there. */
static int is_there(struct run *run, struct err *err) {
    struct gateway_dispute said;
    const struct dispute_row *row = &run->row;
    int r = dispute_refresh(run->payments, row->gateway, row->gateway_id, NULL, "query", &said,
                            err);
    if (r <= 0) {
        return r;
    }
    bool over = said.status == GW_DISPUTE_LOST || said.status == GW_DISPUTE_WON ||
                said.status == GW_DISPUTE_WITHDRAWN;
    return over || (row->answer == DISPUTE_EVIDENCE && said.status != GW_DISPUTE_ASKS) ? 1 : 0;
}

static bool is_refusal(enum gateway_outcome outcome) {
    return outcome == GW_REJECTED_REQUEST || outcome == GW_DECLINED || outcome == GW_NOT_FOUND ||
           outcome == GW_CANCELED;
}

static int send_answer(struct run *run, int64_t *ret_again_us, struct err *err) {
    struct gateway_result result;
    int r = store_write(run->payments->options.store, send_tx, run, err);
    if (r < 0 || !run->sends) {
        return r;
    }
    const struct gateway_dispute_answer answer = {
        .dispute_id = run->row.gateway_id,
        .reference = run->reference,
        .accept = run->row.answer == DISPUTE_ACCEPT,
        .evidence = run->evidence,
        .evidence_count = run->evidence_count,
    };
    const struct gateway_ask asked = {
        .gateway = gateway_find(run->payments->options.registry, run->row.gateway),
        .operation = OP_QUERY,
        .method = METHOD_CARD,
        .dispute_answer = &answer,
        .patient = true,
        .past_breaker = true,
    };
    gateway_ask(run->payments, &asked, &result);
    if (result.outcome == GW_NONE) {
        return end_answer(run, ANSWER_DONE, "", err);
    }
    /* So often sent, and it is asked for it still: what it says is no matter of luck. */
    if (is_refusal(result.outcome) || run->row.answer_tries >= ANSWER_TRIES_MAX) {
        /* Refused the second time, perhaps because the first has arrived; or since it is over. */
        bool repeat = run->row.answer_tries > 1;
        int there = is_there(run, err);
        return there < 0 ? there
               : there > 0 && repeat
                   ? end_answer(run, ANSWER_DONE, "", err)
                   : end_answer(run, ANSWER_REFUSED,
                                arena_copy(run->arena, result.message[0] != '\0' ? result.message
                                                                                 : result.code),
                                err);
    }
    *ret_again_us = clock_wall_us() + ON_ITS_WAY_US;
    return 0;
}

static int answer(struct run *run, int64_t *ret_again_us, struct err *err) {
    const struct dispute_row *row = &run->row;
    int64_t arrived_us = row->answer_sent_us + ON_ITS_WAY_US;
    if (!dispute_state_open(row->state)) {
        return end_answer(run, row->answer_state == ANSWER_SENDING ? ANSWER_DONE : ANSWER_REFUSED,
                          "the dispute was over", err);
    }
    if (!dispute_by_api(run->payments, row->gateway) || row->gateway_id[0] == '\0') {
        return err_set(err, ERR_NO_GATEWAY, "%s takes no answers to disputes", row->gateway);
    }
    if (row->answer_state == ANSWER_SENDING) {
        int there = is_there(run, err);
        if (there != 0) {
            return there < 0 ? there : end_answer(run, ANSWER_DONE, "", err);
        }
        int64_t now = clock_wall_us();
        if (now < arrived_us && arrived_us <= now + ON_ITS_WAY_US) {
            *ret_again_us = arrived_us;
            return 0;
        }
    }
    return send_answer(run, ret_again_us, err);
}

/* ---- the job ---- */

/* One that only a person has told of may be known there by his reference. */
static int refresh(struct run *run, struct err *err) {
    const struct dispute_row *row = &run->row;
    bool named = row->gateway_id[0] != '\0';
    if (!dispute_by_api(run->payments, row->gateway) || (!named && row->reference[0] == '\0')) {
        return 0;
    }
    int r = dispute_refresh(run->payments, row->gateway, named ? row->gateway_id : row->reference,
                            named ? NULL : row->id.text, "query", NULL, err);
    return r < 0 ? r : 0;
}

int dispute_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct run run = {.payments = ctx, .arena = arena, .id = job->key};
    int64_t again_us = 0;
    int r = look(&run, err);
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    r = warn(&run, err);
    r = r < 0 ? r : is_pending(&run.row) ? answer(&run, &again_us, err) : 0;
    r = r < 0 ? r : look(&run, err);
    r = r < 0 || !dispute_state_open(run.row.state) ? r : refresh(&run, err);
    r = r < 0 ? r : look(&run, err);
    if (r < 0) {
        return r;
    }
    bool pending = is_pending(&run.row);
    if (dispute_state_open(run.row.state) || pending) {
        int64_t now = clock_wall_us();
        *ret_again_us = again_us > 0 && pending ? again_us
                        : pending               ? now + ON_ITS_WAY_US
                                                : next_us(&run.row, now);
    }
    return 0;
}
