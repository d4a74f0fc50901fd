/* SPDX-License-Identifier: Apache-2.0
 * audit.c: appending to the chain of who did what, and checking the whole of it. */
#include "store/audit.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/plant.h"

enum {
    NAME_BYTES_MAX = 200, /* actor, action, subject */
    REASON_BYTES_MAX = 2000,
    DETAIL_BYTES_MAX = 16 * 1024,
    HASHED_BYTES_MAX = 64 * 1024,
    PAGE_ROWS = 500,
};

/* Numbers as text, as they are hashed: what was read back must be the same to the last digit. */
struct entry {
    const char *number, *id, *at_us, *actor, *action, *subject, *reason, *detail;
};

static void add_field(struct buf *buf, const char *text) {
    buf_addf(buf, "%zu:", strlen(text));
    buf_add_text(buf, text);
}

/* The lengths make the text unambiguous: no two different entries give the same bytes. Returns
 * false when an entry is longer than any that audit_append() writes. */
static bool entry_hash(const char *before, const struct entry *entry,
                       char ret_hash[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO buf;
    buf_init(&buf, HASHED_BYTES_MAX);
    const char *const fields[] = {before,         entry->number, entry->id,
                                  entry->at_us,   entry->actor,  entry->action,
                                  entry->subject, entry->reason, entry->detail};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        add_field(&buf, fields[i]);
    }
    crypto_sha256_hex(buf.data, buf.len, ret_hash);
    return buf_ok(&buf);
}

/* Appending. */

static int check_field(const char *text, size_t bytes_max, const char *name, struct err *err) {
    size_t bytes = strlen(text);
    if (bytes > bytes_max) {
        return err_set(err, ERR_VALIDATION,
                       "the audit entry's %s has %zu bytes; at most %zu are allowed", name, bytes,
                       bytes_max);
    }
    return 0;
}

static int check_entry(const struct entry *entry, struct err *err) {
    const struct {
        const char *text;
        size_t bytes_max;
        const char *name;
    } fields[] = {
        {entry->actor, NAME_BYTES_MAX, "actor"},     {entry->action, NAME_BYTES_MAX, "action"},
        {entry->subject, NAME_BYTES_MAX, "subject"}, {entry->reason, REASON_BYTES_MAX, "reason"},
        {entry->detail, DETAIL_BYTES_MAX, "detail"},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        int result = check_field(fields[i].text, fields[i].bytes_max, fields[i].name, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

struct head {
    int64_t number;
    char hash[SHA256_HEX_CHARS + 1];
};

/* `locked`: everybody else who appends waits until this transaction ends. Returns 1, or 0 when the
 * row is not there. */
static int head_read(struct store_tx *tx, bool locked, struct head *ret_head, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const char *sql = locked ? "SELECT number, hash FROM audit_head WHERE one = $1 FOR UPDATE"
                             : "SELECT number, hash FROM audit_head WHERE one = $1";
    int result = sql_query(tx, err, &rows, sql, S_INT(1));
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result == 1) {
        ret_head->number = sql_int(rows, 0);
        (void)snprintf(ret_head->hash, sizeof(ret_head->hash), "%s", sql_text(rows, 1));
    }
    return result;
}

int audit_append(struct store_tx *tx, const char *actor, const char *action, const char *subject,
                 const char *reason, const char *detail_json, struct err *err) {
    struct entry entry = {.actor = actor,
                          .action = action,
                          .subject = subject,
                          .reason = reason,
                          .detail = detail_json};
    int result = check_entry(&entry, err);
    if (result != 0) {
        return result;
    }
    struct head head;
    result = head_read(tx, true, &head, err);
    if (result < 0) {
        return result;
    }
    if (result == 0) {
        return err_set(err, ERR_STORE_CORRUPT, "the audit chain's head is gone");
    }
    struct audit_id id = audit_id_new();
    int64_t at_us = clock_wall_us();
    char number_text[24], at_text[24];
    (void)snprintf(number_text, sizeof(number_text), "%" PRId64, head.number + 1);
    (void)snprintf(at_text, sizeof(at_text), "%" PRId64, at_us);
    entry.number = number_text;
    entry.id = id.text;
    entry.at_us = at_text;
    char hash[SHA256_HEX_CHARS + 1];
    bool fits = entry_hash(PLANTED(AUDIT_UNCHAINED) ? "" : head.hash, &entry, hash);
    INVARIANT(fits, "the limits of the fields keep an entry below the limit of the whole");
    result = sql_put(tx, err,
                     "INSERT INTO audit_entry (number, id, at_us, actor, action, subject, reason,"
                     " detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                     S_INT(head.number + 1), S_TEXT(entry.id), S_INT(at_us), S_TEXT(actor),
                     S_TEXT(action), S_TEXT(subject), S_TEXT(reason), S_TEXT(detail_json),
                     S_TEXT(hash));
    if (result != 0) {
        return result;
    }
    return sql_put(tx, err, "UPDATE audit_head SET number = $1, hash = $2 WHERE one = $3",
                   S_INT(head.number + 1), S_TEXT(hash), S_INT(1));
}

/* Verifying. */

struct verifying {
    struct audit_verdict verdict;
    struct head last; /* the last entry that fits */
};

static void broken(struct verifying *verifying, int64_t number, const char *why) {
    verifying->verdict.broken_number = number > 0 ? number : 1;
    (void)snprintf(verifying->verdict.why, sizeof(verifying->verdict.why), "%s", why);
}

/* Checks one row against the entry before. Returns false when it does not fit. */
static bool entry_check(struct verifying *verifying, const struct sql_rows *rows) {
    int64_t expected = verifying->last.number + 1;
    int64_t number = sql_int(rows, 0);
    struct entry entry = {
        .number = sql_text(rows, 0),
        .id = sql_text(rows, 1),
        .at_us = sql_text(rows, 2),
        .actor = sql_text(rows, 3),
        .action = sql_text(rows, 4),
        .subject = sql_text(rows, 5),
        .reason = sql_text(rows, 6),
        .detail = sql_text(rows, 7),
    };
    if (number > expected) {
        broken(verifying, expected, "the entry is missing");
        return false;
    }
    if (number < expected) {
        broken(verifying, number, "the entry's number is below the first");
        return false;
    }
    char hash[SHA256_HEX_CHARS + 1];
    if (!entry_hash(verifying->last.hash, &entry, hash) || strcmp(hash, sql_text(rows, 8)) != 0) {
        broken(verifying, expected,
               "the entry's hash does not fit: it or the one before was altered or inserted");
        return false;
    }
    verifying->last.number = expected;
    (void)snprintf(verifying->last.hash, sizeof(verifying->last.hash), "%s", hash);
    verifying->verdict.entries++;
    return true;
}

/* Checks up to PAGE_ROWS entries from `from` on. Returns how many there were; *ret_fit says whether
 * all of them fit. */
static int page_check(struct store_tx *tx, struct verifying *verifying, int64_t from, bool *ret_fit,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows,
                           "SELECT number, id, at_us, actor, action, subject, reason, detail, hash"
                           " FROM audit_entry WHERE number >= $1 ORDER BY number LIMIT $2",
                           S_INT(from), S_INT(PAGE_ROWS));
    if (result != 0) {
        return result;
    }
    int count = 0;
    bool fit = true;
    while (fit && (result = sql_next(rows, err)) > 0) {
        fit = entry_check(verifying, rows);
        count++;
    }
    if (result < 0) {
        return result;
    }
    *ret_fit = fit;
    return count;
}

static int verify_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct verifying *verifying = ctx;
    *verifying = (struct verifying){0};
    memset(verifying->last.hash, '0', SHA256_HEX_CHARS);
    int64_t from = INT64_MIN; /* also what somebody numbered below 1 */
    int count;
    bool fit = true;
    do {
        count = page_check(tx, verifying, from, &fit, err);
        if (count < 0) {
            return count;
        }
        from = verifying->last.number + 1;
    } while (fit && count == PAGE_ROWS);
    if (!fit) {
        return 0;
    }
    struct head head;
    int result = head_read(tx, false, &head, err);
    if (result < 0) {
        return result;
    }
    if (result == 0) {
        broken(verifying, verifying->last.number, "the chain's head is missing");
    } else if (head.number > verifying->last.number) {
        broken(verifying, verifying->last.number + 1,
               "the entry is missing: the chain's tail was cut");
    } else if (head.number < verifying->last.number) {
        broken(verifying, head.number + 1, "the entry is beyond the chain's head");
    } else if (strcmp(head.hash, verifying->last.hash) != 0) {
        broken(verifying, head.number, "the chain's head has another hash than the last entry");
    }
    return 0;
}

int audit_verify(struct store *store, struct audit_verdict *ret_verdict, struct err *err) {
    struct verifying verifying;
    int result = store_read(store, verify_fn, &verifying, err);
    if (result == 0) {
        *ret_verdict = verifying.verdict;
    }
    return result;
}
