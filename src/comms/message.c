/* SPDX-License-Identifier: Apache-2.0
 * message.c: opening, rows, and the job: "msg_…" prepares a message, "msg_…:3" sends its lane 3. */
#include "comms/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/message_impl.h"

enum { SPARE_RUNS = 2, ROUNDS_MAX = 40 };
/* Longer than a run of a lane or forty rounds of preparing take (message_send.c). */
#define LEASE_US (180 * US_PER_SECOND)
static const int64_t backoff_us[] = {2 * US_PER_SECOND, 10 * US_PER_SECOND, 30 * US_PER_SECOND};

static const char *const state_names[MESSAGE_STATES] = {
    "?",
#define X(NAME, number, name, meaning) [number] = name,
#include "comms/message_states.def"
#undef X
};
static const char *const mailing_names[MAILING_STATES] = {
    "?",
#define X(NAME, number, name, meaning) [number] = name,
#include "comms/mailing_states.def"
#undef X
};
static const char *const ways[MESSAGE_WAYS] = {"none", "email", "sms", "webhook"};

const char *message_state_name(int64_t state) {
    return state > 0 && state < MESSAGE_STATES ? state_names[state] : "?";
}

const char *mailing_state_name(int64_t state) {
    return state > 0 && state < MAILING_STATES ? mailing_names[state] : "?";
}

bool mailing_state_parse(const char *name, enum mailing_state *ret_state) {
    for (int i = 1; i < MAILING_STATES; i++) {
        if (strcmp(mailing_names[i], name) == 0) {
            *ret_state = (enum mailing_state)i;
            return true;
        }
    }
    return false;
}

const char *message_by_name(int64_t by) {
    return by >= 0 && by < MESSAGE_WAYS ? ways[by] : "?";
}

int messages_open(const struct messages_options *options, struct messages **ret_messages,
                  struct err *err) {
    for (int by = BY_EMAIL; by < MESSAGE_WAYS; by++) {
        const struct channel *channel = options->by[by];
        if (channel != NULL && !letter_fits(channel_kind(channel))) {
            err_set(err, ERR_CONFIG, "channel %s is of the kind %s, which takes no text of ours",
                    channel_name(channel), channel_kind_name(channel_kind(channel)));
            return err_place(err, "messages.%s", ways[by]);
        }
    }
    struct messages *messages = calloc(1, sizeof *messages);
    messages->options = *options;
    *ret_messages = messages;
    return 0;
}

void messages_close(struct messages *messages) {
    free(messages);
}

int message_note(const struct messages *messages, struct store_tx *tx, const char *incident_id,
                 const char *actor, const char *text, bool told, struct err *err) {
    const struct message_incident *incident = &messages->options.incident;
    return incident_id[0] == '\0' || incident->note == NULL
               ? 0
               : incident->note(incident->ctx, tx, incident_id, actor, text, told, err);
}

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "id, audience, situation, state, language, channels, fields, texts, recipients, incident_id, " \
    "proof, proof_us, next_us, reason, author, approval_id, gathered, at, persons, hash, "         \
    "problem_count, problems, created_us, updated_us, sent_us"

int message_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                 struct message_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " COLUMNS " FROM message WHERE id = $1";
    static const char locked[] = "SELECT " COLUMNS " FROM message WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no message %s", id);
    }
    enum language language = LANGUAGE_EN;
    if (!language_parse(sql_text(rows, 4), &language)) {
        return err_set(err, ERR_STORE_CORRUPT, "message %s has no language", id);
    }
    *ret_row = (struct message_row){
        .id = arena_copy(arena, sql_text(rows, 0)),
        .audience = (enum audience)sql_int(rows, 1),
        .situation = (enum situation)sql_int(rows, 2),
        .state = sql_int(rows, 3),
        .language = language,
        .channels = arena_copy(arena, sql_text(rows, 5)),
        .fields = arena_copy(arena, sql_text(rows, 6)),
        .texts = arena_copy(arena, sql_text(rows, 7)),
        .recipients = arena_copy(arena, sql_text(rows, 8)),
        .incident_id = arena_copy(arena, sql_text(rows, 9)),
        .proof = arena_copy(arena, sql_text(rows, 10)),
        .proof_us = sql_int(rows, 11),
        .next_us = sql_int(rows, 12),
        .reason = arena_copy(arena, sql_text(rows, 13)),
        .author = arena_copy(arena, sql_text(rows, 14)),
        .approval_id = arena_copy(arena, sql_text(rows, 15)),
        .gathered = sql_int(rows, 16),
        .at = arena_copy(arena, sql_text(rows, 17)),
        .persons = sql_int(rows, 18),
        .hash = arena_copy(arena, sql_text(rows, 19)),
        .problem_count = sql_int(rows, 20),
        .problems = arena_copy(arena, sql_text(rows, 21)),
        .created_us = sql_int(rows, 22),
        .updated_us = sql_int(rows, 23),
        .sent_us = sql_int(rows, 24),
    };
    return 0;
}

int message_put_state(struct store_tx *tx, const char *id, enum message_state state,
                      struct err *err) {
    return sql_put(tx, err, "UPDATE message SET state = $2, updated_us = $3 WHERE id = $1",
                   S_TEXT(id), S_INT(state), S_INT(clock_wall_us()));
}

int message_ways(const char *channels, enum message_by ret_by[MESSAGE_WAYS]) {
    int count = 0;
    for (const char *at = channels; *at != '\0';) {
        size_t chars = strcspn(at, ",");
        for (int by = BY_EMAIL; by < MESSAGE_WAYS; by++) {
            if (strlen(ways[by]) == chars && strncmp(at, ways[by], chars) == 0 &&
                count < MESSAGE_WAYS) {
                ret_by[count++] = (enum message_by)by;
            }
        }
        at += chars + (at[chars] == ',');
    }
    return count;
}

void mailing_digest(int64_t by, const char *address, const char *subject, const char *body,
                    char ret_hex[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    buf_addf(&buf, "%lld %zu:%s %zu:%s %zu:%s", (long long)by, strlen(address), address,
             strlen(subject), subject, strlen(body), body);
    crypto_sha256_hex(buf.data, buf.len, ret_hex);
}

/* ---- the job ---- */

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct messages *messages = ctx;
    char id[ID_TEXT_MAX];
    const char *colon = strchr(job->key, ':');
    size_t chars = colon != NULL ? (size_t)(colon - job->key) : strlen(job->key);
    if (chars >= sizeof id) {
        return 0; /* no key of ours */
    }
    snprintf(id, sizeof id, "%.*s", (int)chars, job->key);
    if (colon != NULL) {
        return message_run_lane(messages, id, (int)strtol(colon + 1, NULL, 10), ret_again_us, err);
    }
    int r = 1;
    for (int i = 0; r > 0 && i < ROUNDS_MAX; i++) {
        r = message_gather(messages, id, err);
        r = r == 0 ? message_write(messages, id, err) : r;
    }
    if (r > 0) {
        *ret_again_us = clock_wall_us();
    }
    return r < 0 ? r : 0;
}

struct job_kind messages_job(struct messages *messages) {
    return (struct job_kind){
        .name = JOB_MESSAGE,
        .run = run,
        .ctx = messages,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .lease_us = LEASE_US,
        .concurrency = MESSAGE_LANES + SPARE_RUNS,
    };
}
