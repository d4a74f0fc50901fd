/* SPDX-License-Identifier: Apache-2.0
 * statement_publish.c: PayPal's and the bank's files, put into a folder as PayPal's SFTP server and
 * a bank's own client have them. A file comes whole, under another name first; one that was
 * corrected takes the old one's place. */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "sandbox/statement.h"

enum { DAYS_BACK = 7, PATH_CHARS_MAX = 1000, FILE_MODE = 0644 };

struct publishing {
    struct sandbox *sandbox;
    struct buf *out;
    int64_t put;
};

/* Whether the folder has another one of that name, or none; it has this one from now on. */
static bool is_news(struct sandbox *sandbox, const char *name, const struct buf *file) {
    char digest[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(file->data, file->len, digest);
    lock_take(&sandbox->handed_lock);
    const char *old = g_hash_table_lookup(sandbox->put, name);
    bool news = old == NULL || strcmp(old, digest) != 0;
    if (news) {
        g_hash_table_insert(sandbox->put, g_strdup(name), g_strdup(digest));
    }
    lock_give(&sandbox->handed_lock);
    return news;
}

static int put_file(struct publishing *publishing, const char *name, const struct buf *file,
                    struct err *err) {
    char path[PATH_CHARS_MAX];
    if (!is_news(publishing->sandbox, name, file)) {
        return 0;
    }
    snprintf(path, sizeof(path), "%s/%s", publishing->sandbox->statement_dir, name);
    int rc = file_replace(path, file->data, file->len, FILE_MODE, err);
    if (rc == 0) {
        buf_addf(publishing->out, "%s\"%s\"", publishing->put++ > 0 ? "," : "", name);
    }
    return rc;
}

/* What is not published (yet), or is empty, is none. */
static int publish_paypal(struct publishing *publishing, const char *kind, const char *date,
                          struct err *err) {
    struct sb_statement *statement = NULL;
    char name[SB_STATEMENT_NAME_MAX];
    struct err ignored = {0};
    BUF_AUTO file;
    buf_init(&file, SB_STATEMENT_BYTES_MAX);
    if (sb_statement_open(publishing->sandbox, SB_PAYPAL, kind, date, SB_PUBLISHED, &statement,
                          &ignored) < 0) {
        return 0;
    }
    bool whole = sb_statement_write(statement, &file, name);
    sb_statement_free(statement);
    sb_statement_handed(publishing->sandbox, SB_PAYPAL, kind, date);
    return whole ? put_file(publishing, name, &file, err) : 0;
}

static int publish_bank(struct publishing *publishing, const char *kind, const char *date,
                        struct err *err) {
    char name[SB_STATEMENT_NAME_MAX], handed[SB_STATEMENT_NAME_MAX];
    struct err ignored = {0};
    BUF_AUTO file;
    buf_init(&file, SB_STATEMENT_BYTES_MAX);
    if (sb_bank_day(publishing->sandbox, kind, date, SB_PUBLISHED, &file, name, &ignored) < 0) {
        return 0;
    }
    sb_bank_file(kind, date, handed);
    sb_handed_add(publishing->sandbox, handed);
    return put_file(publishing, name, &file, err);
}

int sb_statement_publish(struct sandbox *sandbox, struct buf *out, struct err *err) {
    struct publishing publishing = {.sandbox = sandbox, .out = out};
    int rc = 0;
    if (sandbox->statement_dir == NULL) {
        (void)err_set(err, ERR_STATE, "there is no folder for statements");
        return err_hint(err, "Start the sandbox with --statement-dir DIR.");
    }
    buf_add_text(out, "{\"files\":[");
    for (int back = DAYS_BACK; rc == 0 && back > 0; back--) {
        char date[CLOCK_TEXT_MAX]; /* UTC's, as both have it */
        clock_format_at(clock_wall_us() - back * SB_DAY_US, 0, date);
        date[SB_DATE_CHARS] = '\0';
        rc = publish_paypal(&publishing, "trr", date, err);
        rc = rc == 0 ? publish_paypal(&publishing, "stl", date, err) : rc;
        rc = rc == 0 ? publish_bank(&publishing, "camt053", date, err) : rc;
        rc = rc == 0 ? publish_bank(&publishing, "mt940", date, err) : rc;
    }
    buf_add_text(out, "]}\n");
    return rc;
}
