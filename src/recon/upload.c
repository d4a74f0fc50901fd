/* SPDX-License-Identifier: Apache-2.0
 * upload.c: a statement that a person gives by hand, in parts. What the job does with it is in
 * upload_job.c. */
#include "recon/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "recon/period.h"
#include "recon/upload_impl.h"
#include "store/audit.h"

enum { UPLOAD_ANSWER_BYTES_MAX = 8 * 1024 * 1024, NAMED = 10 };

static const char *const state_names[] = {
    [UPLOAD_OPEN] = "open",
    [UPLOAD_TAKING] = "taking",
    [UPLOAD_TAKEN] = "taken",
    [UPLOAD_REFUSED] = "refused",
};

/* ---- the answer ---- */

static void add_named(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] != '\0') {
        buf_add_json(buf, value);
    } else {
        buf_add_text(buf, "null");
    }
}

/* How far it is: the rows that were written of the statement that is being taken in for this
 * gateway. Where several are at it, it is the newest one's. */
static int add_progress(struct store_tx *tx, const char *gateway, bool taking, struct buf *buf,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = 0;
    if (taking) {
        r = sql_query(tx, err, &rows,
                      "SELECT row_count, (SELECT COALESCE(MAX(number), 0) FROM statement_row WHERE "
                      "statement_id = s.id) FROM statement s WHERE s.gateway = $1 AND s.state = 1 "
                      "ORDER BY s.id DESC LIMIT 1",
                      S_TEXT(gateway));
        r = r < 0 ? r : sql_next(rows, err);
    }
    if (r > 0) {
        buf_addf(buf, ",\"progress\":{\"rows\":%lld,\"row_count\":%lld}}",
                 (long long)sql_int(rows, 1), (long long)sql_int(rows, 0));
    } else {
        buf_add_text(buf, ",\"progress\":null}");
    }
    return r < 0 ? r : 0;
}

static void render(const struct sql_rows *rows, int64_t parts_here, struct buf *buf) {
    static const char *const names[NAMED] = {"gateway",    "name",   "format", "time_zone",
                                             "supersedes", "reason", "sha256", "actor"};
    char time[CLOCK_TEXT_MAX];
    int64_t state = sql_int(rows, 9);
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"statement_upload\",\"state\":\"%s\"",
             sql_text(rows, 0), state_names[state]);
    for (int i = 0; i < NAMED && names[i] != NULL; i++) {
        add_named(buf, names[i], sql_text(rows, i + 1));
    }
    add_named(buf, "period", sql_text(rows, 16));
    buf_addf(buf,
             ",\"byte_count\":%lld,\"part_bytes\":%d,\"part_count\":%lld,\"parts_here\":%lld,"
             "\"created_at\":\"%s\"",
             (long long)sql_int(rows, 10), UPLOAD_PART_BYTES, (long long)sql_int(rows, 11),
             (long long)(state == UPLOAD_OPEN ? parts_here : sql_int(rows, 11)),
             clock_format(sql_int(rows, 12), time));
    buf_addf(buf, ",\"updated_at\":\"%s\",\"files\":", clock_format(sql_int(rows, 13), time));
    buf_add_text(buf, sql_text(rows, 14)[0] != '\0' ? sql_text(rows, 14) : "[]");
    buf_add_text(buf, ",\"error\":");
    buf_add_text(buf, sql_text(rows, 15)[0] != '\0' ? sql_text(rows, 15) : "null");
}

static int count_parts(struct store_tx *tx, const char *id, int64_t *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM statement_upload_part WHERE upload_id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_count = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

int upload_none(const char *id, struct err *err) {
    (void)err_set(err, ERR_NOT_FOUND, "there is no upload %s", id);
    return err_hint(err, "One that nothing was added to for an hour is gone: begin anew.");
}

/* Into the answer as the transaction sees it; its state decides between 200 and 202. */
static int answer(struct store_tx *tx, const char *id, int status, struct answer *ret_answer,
                  struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t here = 0;
    BUF_AUTO buf;
    buf_init(&buf, UPLOAD_ANSWER_BYTES_MAX);
    int r = count_parts(tx, id, &here, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT id, gateway, name, format, time_zone, supersedes, reason, "
                          "sha256, actor, state, byte_count, part_count, created_us, updated_us, "
                          "files, error, period FROM statement_upload WHERE id = $1",
                          S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : upload_none(id, err);
    }
    render(rows, here, &buf);
    bool taking = sql_int(rows, 9) == UPLOAD_TAKING;
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    snprintf(gateway, sizeof gateway, "%s", sql_text(rows, 1));
    sql_rows_free(rows);
    rows = NULL;
    r = add_progress(tx, gateway, taking, &buf, err);
    if (r >= 0 && !buf_ok(&buf)) {
        r = err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    if (r < 0) {
        return r;
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){
        .status = status != 0 ? status
                  : taking    ? 202
                              : 200,
        .json = buf_take(&buf),
    };
    return 0;
}

/* What was answered in a transaction that failed after it is no answer. */
static int no_answer(int r, struct answer *ret_answer) {
    if (r < 0) {
        answer_release(ret_answer);
    }
    return r;
}

/* ---- begin ---- */

struct beginning {
    struct recon *recon;
    const struct caller *caller;
    const struct upload_request *request;
};

static int64_t part_count(int64_t byte_count) {
    return (byte_count + UPLOAD_PART_BYTES - 1) / UPLOAD_PART_BYTES;
}

static const char *period_of(const struct upload_request *request) {
    return request->period != NULL ? request->period : "";
}

/* The same person, the same words, the same bytes: the same upload. */
static int find_same(const struct beginning *beginning, struct store_tx *tx, struct upload_id *id,
                     struct err *err) {
    const struct upload_request *request = beginning->request;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM statement_upload WHERE state = 1 AND sha256 = $1 AND gateway "
                      "= $2 AND name = $3 AND format = $4 AND map = $5 AND time_zone = $6 AND "
                      "supersedes = $7 AND reason = $8 AND byte_count = $9 AND actor = $10 AND "
                      "period = $11 ORDER BY id LIMIT 1",
                      S_TEXT(request->sha256), S_TEXT(request->gateway), S_TEXT(request->name),
                      S_TEXT(request->format), S_TEXT(request->map), S_TEXT(request->time_zone),
                      S_TEXT(request->supersedes), S_TEXT(request->reason),
                      S_INT(request->byte_count), S_TEXT(beginning->caller->actor),
                      S_TEXT(period_of(request)));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *id = upload_id_stored(sql_text(rows, 0));
    }
    return r;
}

/* The head of the audit log is locked by now, so that nobody else begins meanwhile. */
static int check_room(const struct beginning *beginning, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COALESCE(SUM(byte_count), 0) FROM statement_upload WHERE "
                      "state IN (1, 2)");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t bytes = sql_int(rows, 1);
    if (sql_int(rows, 0) < UPLOADS_OPEN_MAX &&
        bytes + beginning->request->byte_count <= UPLOAD_BYTES_MAX) {
        return 0;
    }
    (void)err_set(err, ERR_OVERLOADED, "%lld other uploads are under way, with %lld MiB",
                  (long long)sql_int(rows, 0), (long long)(bytes >> 20));
    return err_hint(err, "Begin again when they are over; one that nothing is added to is given up "
                         "after an hour.");
}

static int begin_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct beginning *beginning = ctx;
    const struct upload_request *request = beginning->request;
    struct upload_id id = {{0}};
    char detail[200];
    int64_t now_us = clock_wall_us();
    int r = find_same(beginning, tx, &id, err);
    if (r != 0) {
        return r < 0 ? r : answer(tx, id.text, 200, ret_answer, err);
    }
    id = upload_id_new();
    snprintf(detail, sizeof detail, "{\"gateway\":\"%s\",\"bytes\":%lld,\"sha256\":\"%s\"}",
             request->gateway, (long long)request->byte_count, request->sha256);
    r = audit_append(tx, beginning->caller->actor, "statement.upload", id.text, request->reason,
                     detail, err);
    r = r < 0 ? r : check_room(beginning, tx, err);
    r = r < 0
            ? r
            : sql_put(tx, err,
                      "INSERT INTO statement_upload (id, gateway, name, format, map, time_zone, "
                      "supersedes, reason, sha256, byte_count, part_count, state, actor, "
                      "created_us, updated_us, files, error, period) VALUES ($1, $2, $3, $4, $5, "
                      "$6, $7, $8, $9, $10, $11, 1, $12, $13, $13, '', '', $14)",
                      S_TEXT(id.text), S_TEXT(request->gateway), S_TEXT(request->name),
                      S_TEXT(request->format), S_TEXT(request->map), S_TEXT(request->time_zone),
                      S_TEXT(request->supersedes), S_TEXT(request->reason), S_TEXT(request->sha256),
                      S_INT(request->byte_count), S_INT(part_count(request->byte_count)),
                      S_TEXT(beginning->caller->actor), S_INT(now_us),
                      S_TEXT(period_of(request)));
    r = r < 0 ? r : upload_sweep_later(tx, err);
    return r < 0 ? r : answer(tx, id.text, 201, ret_answer, err);
}

static int check_digest_text(const char *text, struct err *err) {
    if (strlen(text) == SHA256_HEX_CHARS && strspn(text, "0123456789abcdef") == SHA256_HEX_CHARS) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION, "sha256 is 64 hex digits in lower case");
    return err_place(err, "/sha256");
}

static int check_period(const struct recon *recon, const struct upload_request *request,
                        struct err *err) {
    int64_t from_us = 0, until_us = 0;
    const struct source *source = recon_source(recon, request->gateway);
    int r = period_parse_in(request->period, source->time_zone, &from_us, &until_us, err);
    return r < 0 ? err_place(err, "/period") : 0;
}

static int check_zone(const char *name, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    return time_zone_open(name, &zone, err) < 0 ? err_place(err, "/time_zone") : 0;
}

int upload_begin(struct recon *recon, const struct caller *caller,
                 const struct upload_request *request, struct answer *ret_answer, struct err *err) {
    struct beginning beginning = {recon, caller, request};
    if (recon_source(recon, request->gateway) == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"", request->gateway);
        (void)err_place(err, "/gateway");
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    if (request->byte_count > UPLOAD_BYTES_MAX) {
        (void)err_set(err, ERR_TOO_LARGE, "a statement that is given has at most %lld MiB",
                      (long long)(UPLOAD_BYTES_MAX >> 20));
        return err_hint(err, "Give it packed (gzip, ZIP), or in several files.");
    }
    if (request->supersedes[0] != '\0' && request->reason[0] == '\0') {
        (void)err_set(err, ERR_VALIDATION, "a correction needs a reason");
        (void)err_place(err, "/reason");
        return err_hint(err, "--reason WHY: it is kept on the record.");
    }
    int r = check_digest_text(request->sha256, err);
    r = r < 0 || request->time_zone[0] == '\0' ? r : check_zone(request->time_zone, err);
    r = r < 0 || period_of(request)[0] == '\0' ? r : check_period(recon, request, err);
    return r < 0 ? r
                 : idempotent_run(recon->options.payments, caller, "statement.upload", begin_fn,
                                  &beginning, ret_answer, err);
}

/* ---- parts ---- */

struct giving {
    struct recon *recon;
    const char *upload_id;
    int64_t number;
    size_t count;
    char digest[65];
    char *sealed;
    struct answer *ret_answer;
};

void upload_part_context(const char *upload_id, int64_t number,
                         char ret_context[UPLOAD_CONTEXT_CHARS_MAX + 1]) {
    snprintf(ret_context, UPLOAD_CONTEXT_CHARS_MAX + 1, "statement_upload:%s:%lld", upload_id,
             (long long)number);
}

/* How many bytes that part has; -1: there is no such part. */
static int64_t part_bytes(int64_t byte_count, int64_t number) {
    int64_t count = part_count(byte_count);
    return number < 0 || number >= count ? -1
           : number + 1 < count          ? UPLOAD_PART_BYTES
                                         : byte_count - number * UPLOAD_PART_BYTES;
}

static int check_part(const struct giving *giving, int64_t byte_count, struct err *err) {
    int64_t wanted = part_bytes(byte_count, giving->number);
    if (wanted < 0) {
        (void)err_set(err, ERR_VALIDATION, "there is no part %lld; its %lld parts begin at 0",
                      (long long)giving->number, (long long)part_count(byte_count));
        return err_place(err, "/number");
    }
    if ((int64_t)giving->count != wanted) {
        (void)err_set(err, ERR_VALIDATION, "part %lld has %zu bytes; it must have %lld",
                      (long long)giving->number, giving->count, (long long)wanted);
        return err_place(err, "/content");
    }
    return 0;
}

/* 1: it is here already. */
static int find_part(const struct giving *giving, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT digest FROM statement_upload_part WHERE upload_id = $1 AND number = "
                      "$2",
                      S_TEXT(giving->upload_id), S_INT(giving->number));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0 || strcmp(sql_text(rows, 0), giving->digest) == 0) {
        return r;
    }
    (void)err_set(err, ERR_EXISTS, "part %lld was given before, with other bytes",
                  (long long)giving->number);
    return err_hint(err, "Has the file changed meanwhile? Begin anew.");
}

static int give_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct giving *giving = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, byte_count FROM statement_upload WHERE id = $1 FOR UPDATE",
                      S_TEXT(giving->upload_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : upload_none(giving->upload_id, err);
    }
    int64_t state = sql_int(rows, 0), byte_count = sql_int(rows, 1);
    sql_rows_free(rows);
    rows = NULL;
    if (state != UPLOAD_OPEN) {
        return err_set(err, ERR_STATE, "%s was completed: it is %s", giving->upload_id,
                       state_names[state]);
    }
    r = check_part(giving, byte_count, err);
    r = r < 0 ? r : find_part(giving, tx, err);
    if (r == 0) {
        r = sql_put(tx, err,
                    "INSERT INTO statement_upload_part (upload_id, number, digest, content) VALUES "
                    "($1, $2, $3, $4)",
                    S_TEXT(giving->upload_id), S_INT(giving->number), S_TEXT(giving->digest),
                    S_TEXT(giving->sealed));
        r = r < 0 ? r
                  : sql_put_one(tx, err,
                                "UPDATE statement_upload SET updated_us = $2 WHERE id = "
                                "$1",
                                S_TEXT(giving->upload_id), S_INT(clock_wall_us()));
    }
    return r < 0 ? r : answer(tx, giving->upload_id, 200, giving->ret_answer, err);
}

int upload_part(struct recon *recon, const char *upload_id, int64_t number, const char *content,
                struct answer *ret_answer, struct err *err) {
    char context[UPLOAD_CONTEXT_CHARS_MAX + 1];
    struct giving giving = {
        .recon = recon, .upload_id = upload_id, .number = number, .ret_answer = ret_answer};
    unsigned char *bytes = crypto_unbase64(content, &giving.count);
    SECRET_AUTO secret = bytes != NULL && giving.count > 0 ? secret_new(bytes, giving.count) : NULL;
    if (secret == NULL) {
        free(bytes);
        (void)err_set(err, ERR_VALIDATION, "the part is empty, too large or no base64");
        return err_place(err, "/content");
    }
    upload_part_context(upload_id, number, context);
    seal_digest(recon->options.seal, bytes, giving.count, giving.digest);
    giving.sealed = seal_text(recon->options.seal, context, secret);
    explicit_bzero(bytes, giving.count);
    free(bytes);
    int r = store_write(recon->options.store, give_tx, &giving, err);
    free(giving.sealed);
    return no_answer(r, ret_answer);
}

/* ---- complete, get ---- */

struct asking {
    struct recon *recon;
    const char *upload_id;
    struct answer *ret_answer;
    bool begun; /* the job is due */
};

/* The first part that is not there. */
static int check_whole(struct store_tx *tx, const char *id, int64_t parts, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t next = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT number FROM statement_upload_part WHERE upload_id = $1 ORDER BY "
                      "number",
                      S_TEXT(id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && sql_int(rows, 0) == next) {
        next++;
    }
    if (r < 0 || next == parts) {
        return r < 0 ? r : 0;
    }
    (void)err_set(err, ERR_STATE, "part %lld of %lld has not come", (long long)next,
                  (long long)parts);
    return err_hint(err, "Give it, then complete the upload.");
}

static int complete_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    asking->begun = false;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, part_count FROM statement_upload WHERE id = $1 FOR UPDATE",
                      S_TEXT(asking->upload_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : upload_none(asking->upload_id, err);
    }
    int64_t state = sql_int(rows, 0), parts = sql_int(rows, 1);
    sql_rows_free(rows);
    rows = NULL;
    r = 0;
    if (state == UPLOAD_OPEN) {
        int64_t now_us = clock_wall_us();
        r = check_whole(tx, asking->upload_id, parts, err);
        r = r < 0 ? r
                  : sql_put_one(tx, err,
                                "UPDATE statement_upload SET state = 2, updated_us = $2 WHERE id = "
                                "$1 AND state = 1",
                                S_TEXT(asking->upload_id), S_INT(now_us));
        r = r < 0 ? r : job_add(tx, JOB_STATEMENT_UPLOAD, asking->upload_id, now_us, "", err);
        asking->begun = true;
    }
    return r < 0 ? r : answer(tx, asking->upload_id, 0, asking->ret_answer, err);
}

int upload_complete(struct recon *recon, const char *upload_id, struct answer *ret_answer,
                    struct err *err) {
    struct asking asking = {.recon = recon, .upload_id = upload_id, .ret_answer = ret_answer};
    int r = store_write(recon->options.store, complete_tx, &asking, err);
    if (r >= 0 && asking.begun) {
        payments_wake(recon->options.payments);
    }
    return no_answer(r, ret_answer);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct asking *asking = ctx;
    return answer(tx, asking->upload_id, 200, asking->ret_answer, err);
}

int upload_get(struct recon *recon, const char *upload_id, struct answer *ret_answer,
               struct err *err) {
    struct asking asking = {.recon = recon, .upload_id = upload_id, .ret_answer = ret_answer};
    return no_answer(store_read(recon->options.store, get_tx, &asking, err), ret_answer);
}
