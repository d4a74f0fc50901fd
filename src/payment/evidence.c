/* SPDX-License-Identifier: Apache-2.0
 * evidence.c: texts and files that prove something, of disputes and of payments by hand. Both lie
 * in one table, under the id of what they are about. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/pan.h"
#include "payment/disputes.h"
#include "payment/later.h"

enum { EVIDENCE_PIECES_MAX = 30, EVIDENCE_ALL_BYTES_MAX = 1024 * 1024 };

int evidence_check(const struct evidence *evidence, struct err *err) {
    if (!evidence_kind_known(evidence->kind)) {
        err_set(err, ERR_VALIDATION, "there is no kind of evidence \"%.40s\"", evidence->kind);
        err_place(err, "/kind");
        return err_hint(err, "See evidence_kind in the contract; \"other\" is one.");
    }
    if ((evidence->text[0] == '\0') == (evidence->content[0] == '\0')) {
        err_set(err, ERR_VALIDATION, "evidence is either a text or a file");
        return err_place(err, "/text");
    }
    return 0;
}

/* What a file is, is what it begins with; not what it is called. */
static const struct {
    const char *media_type, *magic;
    size_t magic_bytes;
} file_types[] = {
    {"application/pdf", "%PDF-", 5},
    {"image/png", "\x89PNG\r\n\x1a\n", 8},
    {"image/jpeg", "\xff\xd8\xff", 3},
    {"text/plain", "", 0},
};

static int wrong_file(struct err *err, const char *place, const char *why) {
    err_set(err, ERR_VALIDATION, "%s", why);
    err_place(err, "%s", place);
    return err_hint(err, "application/pdf, image/png, image/jpeg or text/plain, up to %d bytes.",
                    EVIDENCE_FILE_BYTES_MAX);
}

static int check_file(const struct evidence *evidence, const unsigned char *bytes, size_t count,
                      struct err *err) {
    size_t type = 0;
    while (type < COUNT_OF(file_types) &&
           strcmp(file_types[type].media_type, evidence->media_type) != 0) {
        type++;
    }
    if (type == COUNT_OF(file_types)) {
        return wrong_file(err, "/media_type", "files of this type are not taken");
    }
    if (count == 0 || count > EVIDENCE_FILE_BYTES_MAX) {
        return wrong_file(err, "/content", "the file is empty or too large");
    }
    if (count < file_types[type].magic_bytes ||
        memcmp(bytes, file_types[type].magic, file_types[type].magic_bytes) != 0) {
        return wrong_file(err, "/content", "the file is not of the type that is said");
    }
    size_t at, length;
    if (pan_find((const char *)bytes, count, &at, &length)) {
        err_set(err, ERR_CARD_NUMBER, "the file holds a card number");
        return err_place(err, "/content");
    }
    return 0;
}

/* A name that can stand in a header, without a path. */
static bool good_name(const char *name) {
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr("\"/\\;", *c) != NULL) {
            return false;
        }
    }
    return name[0] != '.';
}

static int read_file(const struct evidence *evidence, char ret_hash[SHA256_HEX_CHARS + 1],
                     int64_t *ret_count, struct err *err) {
    size_t count = 0;
    if (!good_name(evidence->file_name)) {
        return wrong_file(err, "/file_name", "this cannot be the name of a file");
    }
    unsigned char *bytes = crypto_unbase64(evidence->content, &count);
    if (bytes == NULL) {
        return wrong_file(err, "/content", "this is not base64");
    }
    int r = check_file(evidence, bytes, count, err);
    crypto_sha256_hex(bytes, count, ret_hash);
    *ret_count = (int64_t)count;
    free(bytes);
    return r;
}

static int check_count(struct store_tx *tx, const char *about, int64_t more_bytes,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), CAST(COALESCE(SUM(byte_count), 0) AS bigint) FROM "
                      "dispute_evidence WHERE dispute_id = $1",
                      S_TEXT(about));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (sql_int(rows, 0) < EVIDENCE_PIECES_MAX &&
        sql_int(rows, 1) + more_bytes <= EVIDENCE_ALL_BYTES_MAX) {
        return 0;
    }
    return err_set(err, ERR_TOO_LARGE,
                   "there is room for %d pieces of evidence and %d bytes in all",
                   EVIDENCE_PIECES_MAX, EVIDENCE_ALL_BYTES_MAX);
}

int evidence_add(struct store_tx *tx, const char *about, const struct evidence *evidence,
                 const char *actor, struct err *err) {
    bool file = evidence->content[0] != '\0';
    struct evidence_id id = evidence_id_new();
    char hash[SHA256_HEX_CHARS + 1];
    int64_t count = (int64_t)strlen(evidence->text);
    int r = 0;
    if (file) {
        r = read_file(evidence, hash, &count, err);
    } else {
        crypto_sha256_hex(evidence->text, (size_t)count, hash);
    }
    r = r < 0 ? r : check_count(tx, about, count, err);
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO dispute_evidence (id, dispute_id, kind, text, file_name, "
                           "media_type, byte_count, sha256, content, actor, answer_round, "
                           "created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11)",
                           S_TEXT(id.text), S_TEXT(about), S_TEXT(evidence->kind),
                           S_TEXT(evidence->text), S_TEXT(file ? evidence->file_name : ""),
                           S_TEXT(file ? evidence->media_type : ""), S_INT(count), S_TEXT(hash),
                           S_TEXT(evidence->content), S_TEXT(actor), S_INT(clock_wall_us()));
}

/* ---- showing ---- */

static void render_evidence(struct buf *buf, const struct sql_rows *row, void *ctx) {
    (void)ctx;
    buf_add_char(buf, '{');
    render_member(buf, "id", sql_text(row, 0));
    render_member(buf, "kind", sql_text(row, 1));
    render_member(buf, "text", sql_text(row, 2));
    render_member(buf, "file_name", sql_text(row, 3));
    render_member(buf, "media_type", sql_text(row, 4));
    buf_addf(buf, "\"bytes\":%lld,", (long long)sql_int(row, 5));
    render_member(buf, "sha256", sql_text(row, 6));
    render_member(buf, "by", sql_text(row, 7));
    buf_addf(buf, "\"submitted\":%s,", sql_int(row, 8) > 0 ? "true" : "false");
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "\"created_at\":\"%s\"}", clock_format(sql_int(row, 9), time));
}

int evidence_render(struct store_tx *tx, const char *about, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, kind, text, file_name, media_type, byte_count, sha256, actor, "
                      "answer_round, created_us FROM dispute_evidence WHERE dispute_id = $1 ORDER "
                      "BY created_us, id",
                      S_TEXT(about));
    r = r < 0 ? r : render_rows(buf, rows, render_evidence, NULL, err);
    return r < 0 ? r : 0;
}

struct look {
    const char *id;
    struct answer *answer;
};

static int file_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, dispute_id, kind, text, file_name, media_type, sha256, content "
                      "FROM dispute_evidence WHERE id = $1",
                      S_TEXT(look->id));
    r = r < 0 ? r : row_found(rows, "piece of evidence", look->id, err);
    if (r < 0) {
        return r;
    }
    static const char *const names[] = {"id",        "dispute_id", "kind",   "text",
                                        "file_name", "media_type", "sha256", "content"};
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = sql_text(rows, (int)i);
        buf_addf(&buf, "%s\"%s\":", i == 0 ? "{" : ",", names[i]);
        if (value[0] == '\0') {
            buf_add_text(&buf, "null");
        } else {
            buf_add_json(&buf, value);
        }
    }
    buf_add_char(&buf, '}');
    return answer_take(look->answer, 200, &buf, err);
}

int evidence_get(struct payments *payments, const char *evidence_id, struct answer *ret_answer,
                 struct err *err) {
    struct look look = {.id = evidence_id, .answer = ret_answer};
    return store_read(payments->options.store, file_tx, &look, err);
}
