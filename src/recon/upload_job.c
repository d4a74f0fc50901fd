/* SPDX-License-Identifier: Apache-2.0
 * upload_job.c: what becomes of an upload that is complete: its parts are put together, looked at
 * against the digest, taken in, and thrown away. And the sweep of what was left lying. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/seal.h"
#include "recon/intake.h"
#include "recon/take.h"
#include "recon/upload_impl.h"

enum { PARTS_A_READ = 64, PARTS_A_DELETE = 256, ERROR_BYTES_MAX = 4096, TEXTS = 10 };
/* A statement that nobody has gone on writing for so long is given up (intake.c: the same). */
#define ABANDONED_US (10 * 60 * US_PER_SECOND)
#define SWEEP_US (UPLOAD_IDLE_US + US_PER_SECOND)

struct upload {
    struct recon *recon;
    const char *id;
    int64_t state, byte_count, part_count;
    /* gateway, name, format, map, zone, supersedes, reason, sha256, actor, period */
    char *texts[TEXTS];
    char *bytes;
    size_t used;
    int64_t next; /* part */
    const char *files;
    char *error;
};

/* ---- putting together ---- */

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct upload *upload = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, name, format, map, time_zone, supersedes, reason, sha256, "
                      "actor, period, state, byte_count, part_count FROM statement_upload WHERE "
                      "id = $1",
                      S_TEXT(upload->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    for (int i = 0; i < TEXTS; i++) {
        free(upload->texts[i]);
        upload->texts[i] = strdup(sql_text(rows, i));
    }
    upload->state = sql_int(rows, 10);
    upload->byte_count = sql_int(rows, 11);
    upload->part_count = sql_int(rows, 12);
    return 0;
}

static int add_part(struct upload *upload, int64_t number, const char *sealed, struct err *err) {
    char context[UPLOAD_CONTEXT_CHARS_MAX + 1];
    SECRET_AUTO secret = NULL;
    upload_part_context(upload->id, number, context);
    int r = seal_read(upload->recon->options.seal, context, sealed, &secret, err);
    if (r < 0) {
        return r;
    }
    if (number != upload->next ||
        upload->used + secret_count(secret) > (size_t)upload->byte_count) {
        return err_set(err, ERR_STORE_CORRUPT, "the parts of %s are not what was given",
                       upload->id);
    }
    memcpy(upload->bytes + upload->used, secret_bytes(secret), secret_count(secret));
    upload->used += secret_count(secret);
    upload->next++;
    return 0;
}

static int read_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct upload *upload = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number, content FROM statement_upload_part WHERE upload_id = $1 AND "
                      "number >= $2 ORDER BY number LIMIT $3",
                      S_TEXT(upload->id), S_INT(upload->next), S_INT(PARTS_A_READ));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = add_part(upload, sql_int(rows, 0), sql_text(rows, 1), err);
    }
    return r;
}

static int read_parts(struct upload *upload, struct err *err) {
    int r = 0;
    upload->bytes = malloc((size_t)upload->byte_count + 1);
    INVARIANT(upload->bytes != NULL, "out of memory");
    while (r >= 0 && upload->next < upload->part_count) {
        int64_t before = upload->next;
        r = store_read(upload->recon->options.store, read_tx, upload, err);
        if (r >= 0 && upload->next == before) {
            r = err_set(err, ERR_STORE_CORRUPT, "part %lld of %s is gone", (long long)before,
                        upload->id);
        }
    }
    return r;
}

static int check_digest(const struct upload *upload, struct err *err) {
    char digest[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(upload->bytes, upload->used, digest);
    if (strcmp(digest, upload->texts[7]) == 0) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION,
                  "the bytes that came are not those that were announced: their SHA-256 is %s",
                  digest);
    return err_hint(err, "Has the file changed meanwhile? Give it again.");
}

/* ---- the end ---- */

static char *error_json(const struct err *why) {
    BUF_AUTO buf;
    buf_init(&buf, ERROR_BYTES_MAX);
    const struct {
        const char *key, *text;
    } members[] = {
        {"{\"type\":", err_type(why->code)}, {",\"title\":", err_title(why->code)},
        {",\"detail\":", why->detail},       {",\"place\":", why->place},
        {",\"hint\":", why->hint},
    };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        buf_add_text(&buf, members[i].key);
        if (members[i].text[0] != '\0') {
            buf_add_json(&buf, members[i].text);
        } else {
            buf_add_text(&buf, "null");
        }
    }
    buf_add_char(&buf, '}');
    return buf_take(&buf);
}

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct upload *upload = ctx;
    return sql_put_one(tx, err,
                       "UPDATE statement_upload SET state = $2, updated_us = $3, files = $4, error "
                       "= $5 WHERE id = $1 AND state = 2",
                       S_TEXT(upload->id),
                       S_INT(upload->error != NULL ? UPLOAD_REFUSED : UPLOAD_TAKEN),
                       S_INT(clock_wall_us()), S_TEXT(upload->files),
                       S_TEXT(upload->error != NULL ? upload->error : ""));
}

struct clearing {
    const char *upload_id;
    int64_t gone;
};

static int clear_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct clearing *clearing = ctx;
    clearing->gone = sql_exec(tx, err,
                              "DELETE FROM statement_upload_part WHERE upload_id = $1 AND number "
                              "IN (SELECT number FROM statement_upload_part WHERE upload_id = $1 "
                              "ORDER BY number LIMIT $2)",
                              S_TEXT(clearing->upload_id), S_INT(PARTS_A_DELETE));
    return clearing->gone < 0 ? (int)clearing->gone : 0;
}

static int clear_parts(struct recon *recon, const char *upload_id, struct err *err) {
    struct clearing clearing = {.upload_id = upload_id, .gone = 1};
    int r = 0;
    while (r >= 0 && clearing.gone > 0) {
        r = store_write(recon->options.store, clear_tx, &clearing, err);
    }
    return r;
}

/* What another attempt may mend: the store, or somebody who is taking the same file now. All else
 * is the file's or the request's own. */
static bool is_passing(int r) {
    enum err_code code = (enum err_code) - r;
    return err_retry_class(code) != ERR_RETRY_NEVER || code == ERR_STATE ||
           code == ERR_STORE_CORRUPT;
}

static int take(struct upload *upload, struct err *err) {
    struct recon *recon = upload->recon;
    BUF_AUTO files;
    buf_init(&files, TAKE_REPORT_BYTES_MAX);
    buf_add_text(&files, "[]");
    int r = read_parts(upload, err);
    if (r < 0) {
        return r;
    }
    r = check_digest(upload, err);
    const struct take_request request = {
        .gateway = upload->texts[0],
        .name = upload->texts[1],
        .bytes = upload->bytes,
        .count = upload->used,
        .format = upload->texts[2],
        .map = upload->texts[3],
        .time_zone = upload->texts[4],
        .supersedes = upload->texts[5],
        .reason = upload->texts[6],
        .actor = upload->texts[8],
        .period = upload->texts[9],
    };
    r = r < 0 ? r : recon_take(recon, &request, &files, err);
    if (r < 0 && is_passing(r)) {
        return r;
    }
    upload->error = r < 0 ? error_json(err) : NULL;
    upload->files = buf_ok(&files) ? files.data : "[]";
    return store_write(recon->options.store, end_tx, upload, err);
}

int recon_upload_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)ret_again_us;
    struct upload upload = {.recon = ctx, .id = job->key};
    int r = store_read(upload.recon->options.store, load_tx, &upload, err);
    if (r >= 0 && upload.state == UPLOAD_TAKING) {
        r = take(&upload, err);
    }
    /* A crash after its end leaves the parts to the next run of this very job. */
    r = r < 0 ? r : clear_parts(upload.recon, upload.id, err);
    for (int i = 0; i < TEXTS; i++) {
        free(upload.texts[i]);
    }
    if (upload.bytes != NULL) {
        explicit_bzero(upload.bytes, upload.used);
    }
    free(upload.bytes);
    free(upload.error);
    return r;
}

/* ---- what was left lying ---- */

int upload_sweep_later(struct store_tx *tx, struct err *err) {
    int r = job_add(tx, JOB_STATEMENT_SWEEP, "all", clock_wall_us() + SWEEP_US, "", err);
    return r < 0 ? r : 0;
}

struct sweeping {
    struct upload_id idle;
    int64_t left;
};

/* The parts first, piece by piece; an upload without any is gone at once. */
static int find_idle_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct sweeping *sweeping = ctx;
    SQL_ROWS_AUTO rows = NULL;
    SQL_ROWS_AUTO left = NULL;
    sweeping->idle = (struct upload_id){{0}};
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM statement_upload WHERE state = 1 AND updated_us < $1 ORDER "
                      "BY updated_us LIMIT 1 FOR UPDATE",
                      S_INT(clock_wall_us() - UPLOAD_IDLE_US));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        sweeping->idle = upload_id_stored(sql_text(rows, 0));
        sql_rows_free(rows);
        rows = NULL;
        /* From here on it is no more: nobody can add to it. Its parts go next. */
        r = sql_put(tx, err, "DELETE FROM statement_upload WHERE id = $1 AND state = 1",
                    S_TEXT(sweeping->idle.text));
    }
    r = r < 0 ? r
              : sql_put(tx, err,
                        "DELETE FROM statement_upload WHERE state IN (3, 4) AND "
                        "updated_us < $1",
                        S_INT(clock_wall_us() - UPLOAD_KEPT_US));
    r = r < 0 ? r : sql_query(tx, err, &left, "SELECT COUNT(*) FROM statement_upload");
    r = r < 0 ? r : sql_next(left, err);
    sweeping->left = r > 0 ? sql_int(left, 0) : 0;
    return r < 0 ? r : 0;
}

/* Parts of uploads that are no more: a crash left them between two steps. */
static int orphan_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t *gone = ctx;
    *gone = sql_exec(
        tx, err,
        "DELETE FROM statement_upload_part WHERE (upload_id, number) IN (SELECT "
        "p.upload_id, p.number FROM statement_upload_part p WHERE NOT EXISTS (SELECT 1 "
        "FROM statement_upload u WHERE u.id = p.upload_id) LIMIT $1)",
        S_INT(PARTS_A_DELETE));
    return *gone < 0 ? (int)*gone : 0;
}

int recon_sweep_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)job;
    struct recon *recon = ctx;
    struct store *store = recon->options.store;
    struct sweeping sweeping = {.idle = {{0}}};
    int64_t gone = 1;
    int r = 0;
    do {
        r = store_write(store, find_idle_tx, &sweeping, err);
    } while (r >= 0 && sweeping.idle.text[0] != '\0');
    while (r >= 0 && gone > 0) {
        r = store_write(store, orphan_tx, &gone, err);
    }
    r = r < 0 ? r : statement_sweep(store, clock_wall_us() - ABANDONED_US, err);
    if (r >= 0 && sweeping.left > 0) {
        *ret_again_us = clock_wall_us() + SWEEP_US;
    }
    return r;
}
