/* SPDX-License-Identifier: Apache-2.0
 * incident_log.c: each incident's log as a chain.
 *
 * hash = SHA-256 over the entry before's hash (64 zeros before the first), the incident's id and
 * the entry's own fields (seq, at_us, actor, actor_kind, role, kind, body, evidence, sealed), each
 * preceded by its length in bytes, in decimal, and a colon: no two different entries give the same
 * bytes. The last number and hash stand in incident_log_head as well, so that a tail that was cut
 * is found. That an incident was opened is also on the audit log, a chain of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "incident/incident_impl.h"

enum { HASHED_BYTES_MAX = 64 * 1024, ACTOR_BYTES_MAX = 200, PAGE = 200 };

/* Numbers as text, as they are hashed: what was read back must be the same to the last digit. */
struct link {
    const char *prev, *incident_id, *seq, *at_us, *actor, *actor_kind, *role, *kind, *body,
        *evidence, *sealed;
};

static bool link_hash(const struct link *link, char ret_hash[SHA256_HEX_CHARS + 1]) {
    const char *const fields[] = {link->prev, link->incident_id, link->seq,  link->at_us,
                                  link->actor, link->actor_kind, link->role, link->kind,
                                  link->body, link->evidence,    link->sealed};
    BUF_AUTO buf;
    buf_init(&buf, HASHED_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        buf_addf(&buf, "%zu:", strlen(fields[i]));
        buf_add_text(&buf, fields[i]);
    }
    crypto_sha256_hex(buf.data, buf.len, ret_hash);
    return buf_ok(&buf);
}

struct head {
    int64_t seq;
    char hash[SHA256_HEX_CHARS + 1];
};

static void head_zero(struct head *head) {
    *head = (struct head){0};
    memset(head->hash, '0', SHA256_HEX_CHARS);
}

/* 1, or 0: it has none. */
static int head_read(struct store_tx *tx, const char *incident_id, bool lock,
                     struct head *ret_head, struct err *err) {
    static const char plain[] = "SELECT seq, hash FROM incident_log_head WHERE incident_id = $1";
    static const char locked[] =
        "SELECT seq, hash FROM incident_log_head WHERE incident_id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(incident_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        ret_head->seq = sql_int(rows, 0);
        snprintf(ret_head->hash, sizeof ret_head->hash, "%s", sql_text(rows, 1));
    }
    return r;
}

int incident_log_begin(struct store_tx *tx, const char *incident_id, struct err *err) {
    struct head head;
    head_zero(&head);
    return sql_put(tx, err,
                   "INSERT INTO incident_log_head (incident_id, seq, hash) VALUES ($1, 0, $2)",
                   S_TEXT(incident_id), S_TEXT(head.hash));
}

/* ---- appending ---- */

static int check_entry(const struct incident_entry *entry, const char *evidence, struct err *err) {
    JSON_AUTO json = NULL;
    size_t bytes = strlen(entry->text);
    if (bytes == 0 || bytes > INCIDENT_TEXT_CHARS_MAX * 4 || text_has_controls(entry->text, true)) {
        err_set(err, ERR_VALIDATION, "an entry has 1 to %d characters and no control characters",
                INCIDENT_TEXT_CHARS_MAX);
        return err_place(err, "/text");
    }
    INVARIANT(strlen(entry->actor) <= ACTOR_BYTES_MAX, "actors are short");
    int r = json_read(evidence, strlen(evidence), INCIDENT_EVIDENCE_BYTES_MAX, JSON_DEPTH_MAX,
                      &json, err);
    return r < 0 || json_is_object(json)
               ? r
               : err_set(err, ERR_VALIDATION, "the evidence of an entry is an object");
}

struct writer {
    int64_t kind;
    const char *role;
};

/* The number that stands for user, agent or system, and the role that he has in this incident. */
static int writer_of(struct store_tx *tx, struct arena *arena, const char *incident_id,
                     const char *actor, struct writer *ret_writer, struct err *err) {
    enum {
#define X(NAME, number, name) WRITER_##NAME = (number),
#include "incident/log_actors.def"
#undef X
    };
    struct incident_person person;
    struct incident_row row;
    *ret_writer = (struct writer){WRITER_SYSTEM, ""};
    if (strcmp(actor, INCIDENT_SYSTEM) == 0) {
        return 0;
    }
    int r = incident_person(tx, arena, actor, &person, err);
    if (r <= 0) {
        /* A key that was made for nobody is a program's. */
        ret_writer->kind = strncmp(actor, "key:", 4) == 0 ? WRITER_AGENT : WRITER_USER;
        return r;
    }
    ret_writer->kind = WRITER_USER;
    r = incident_load(tx, arena, incident_id, false, &row, err);
    for (int role = 0; r >= 0 && role < INCIDENT_ROLES; role++) {
        if (incident_holds(&row, (enum incident_role)role, person.name)) {
            ret_writer->role = incident_role_name((enum incident_role)role);
            break;
        }
    }
    return r;
}

int incident_log_sealed(struct store_tx *tx, const char *incident_id,
                        const struct incident_entry *entry, const char *seal, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *evidence = entry->evidence != NULL ? entry->evidence : "{}";
    struct writer writer;
    struct head head;
    int r = check_entry(entry, evidence, err);
    r = r < 0 ? r : writer_of(tx, arena, incident_id, entry->actor, &writer, err);
    r = r < 0 ? r : head_read(tx, incident_id, true, &head, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no incident %s", incident_id);
    }
    int64_t at_us = clock_wall_us();
    char hash[SHA256_HEX_CHARS + 1];
    const struct link link = {
        .prev = head.hash,
        .incident_id = incident_id,
        .seq = arena_printf(arena, "%" PRId64, head.seq + 1),
        .at_us = arena_printf(arena, "%" PRId64, at_us),
        .actor = entry->actor,
        .actor_kind = arena_printf(arena, "%" PRId64, writer.kind),
        .role = writer.role,
        .kind = arena_printf(arena, "%d", (int)entry->kind),
        .body = entry->text,
        .evidence = evidence,
        .sealed = seal,
    };
    bool fits = link_hash(&link, hash);
    INVARIANT(fits, "the limits of the fields keep an entry below the limit of the whole");
    r = sql_put(tx, err,
                "INSERT INTO incident_log (incident_id, seq, at_us, actor, actor_kind, role, kind, "
                "body, evidence, sealed, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                "$10, $11, $12)",
                S_TEXT(incident_id), S_INT(head.seq + 1), S_INT(at_us), S_TEXT(entry->actor),
                S_INT(writer.kind), S_TEXT(writer.role), S_INT(entry->kind), S_TEXT(entry->text),
                S_TEXT(evidence), S_TEXT(seal), S_TEXT(head.hash), S_TEXT(hash));
    return r < 0 ? r
                 : sql_put_one(tx, err,
                               "UPDATE incident_log_head SET seq = $2, hash = $3 WHERE incident_id "
                               "= $1",
                               S_TEXT(incident_id), S_INT(head.seq + 1), S_TEXT(hash));
}

int incident_log_add(struct store_tx *tx, const char *incident_id,
                     const struct incident_entry *entry, struct err *err) {
    return incident_log_sealed(tx, incident_id, entry, "", err);
}

/* ---- verifying ---- */

#define LINK_COLUMNS                                                                               \
    "seq, at_us, actor, actor_kind, role, kind, body, evidence, sealed, prev, hash"

struct verifying {
    const char *id;
    struct incident_verdict verdict;
    struct head last;                 /* the last entry that fits */
    char seal[SHA256_HEX_CHARS + 1];  /* of the last change; "": there was none */
};

static bool broken(struct verifying *verifying, int64_t seq, const char *why) {
    verifying->verdict.broken_seq = seq > 0 ? seq : 1;
    snprintf(verifying->verdict.why, sizeof verifying->verdict.why, "%s", why);
    return false;
}

static bool link_fits(struct verifying *verifying, const struct sql_rows *rows) {
    int64_t seq = sql_int(rows, 0), expected = verifying->last.seq + 1;
    char hash[SHA256_HEX_CHARS + 1];
    const struct link link = {
        .prev = verifying->last.hash,
        .incident_id = verifying->id,
        .seq = sql_text(rows, 0),
        .at_us = sql_text(rows, 1),
        .actor = sql_text(rows, 2),
        .actor_kind = sql_text(rows, 3),
        .role = sql_text(rows, 4),
        .kind = sql_text(rows, 5),
        .body = sql_text(rows, 6),
        .evidence = sql_text(rows, 7),
        .sealed = sql_text(rows, 8),
    };
    if (seq != expected) {
        return seq > expected ? broken(verifying, expected, "the entry is missing")
                              : broken(verifying, seq, "the entry's number is below the first");
    }
    if (!link_hash(&link, hash) || strcmp(hash, sql_text(rows, 10)) != 0 ||
        strcmp(verifying->last.hash, sql_text(rows, 9)) != 0) {
        return broken(verifying, expected,
                      "the entry's hash does not fit: it or the one before was altered or put in");
    }
    verifying->last.seq = seq;
    snprintf(verifying->last.hash, sizeof verifying->last.hash, "%s", hash);
    if (link.sealed[0] != '\0') {
        snprintf(verifying->seal, sizeof verifying->seal, "%s", link.sealed);
    }
    verifying->verdict.entries++;
    return true;
}

/* Up to PAGE entries from there on. Returns how many there were. */
static int page_fits(struct store_tx *tx, struct verifying *verifying, int64_t from, bool *ret_fit,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT " LINK_COLUMNS " FROM incident_log WHERE incident_id = $1 AND seq >= "
                      "$2 ORDER BY seq LIMIT $3",
                      S_TEXT(verifying->id), S_INT(from), S_INT(PAGE));
    while (r >= 0 && *ret_fit && (r = sql_next(rows, err)) > 0) {
        *ret_fit = link_fits(verifying, rows);
        count++;
    }
    return r < 0 ? r : count;
}

static int check_head(struct store_tx *tx, struct verifying *verifying, struct err *err) {
    struct head head;
    const struct head *last = &verifying->last;
    int r = head_read(tx, verifying->id, false, &head, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        (void)broken(verifying, last->seq, "the chain's head is missing");
    } else if (head.seq > last->seq) {
        (void)broken(verifying, last->seq + 1, "the entry is missing: the log's tail was cut");
    } else if (head.seq < last->seq) {
        (void)broken(verifying, head.seq + 1, "the entry is beyond the chain's head");
    } else if (strcmp(head.hash, last->hash) != 0) {
        (void)broken(verifying, head.seq, "the chain's head has another hash than the last entry");
    }
    return 0;
}

static int check_seal(struct store_tx *tx, struct verifying *verifying, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row row;
    char seal[SHA256_HEX_CHARS + 1];
    int r = incident_load(tx, arena, verifying->id, false, &row, err);
    r = r < 0 ? r : incident_seal(tx, &row, seal, err);
    if (r >= 0 && strcmp(seal, verifying->seal) != 0) {
        (void)broken(verifying, verifying->last.seq,
                     "the incident itself is not what its last change left: it was altered");
    }
    return r;
}

static int verify_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct verifying *verifying = ctx;
    verifying->verdict = (struct incident_verdict){0};
    verifying->seal[0] = '\0';
    head_zero(&verifying->last);
    {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct incident_row row;
        int r = incident_load(tx, arena, verifying->id, false, &row, err);
        if (r < 0) {
            return r;
        }
    }
    int64_t from = INT64_MIN; /* also what somebody numbered below 1 */
    bool fit = true;
    int count = PAGE;
    while (fit && count == PAGE) {
        count = page_fits(tx, verifying, from, &fit, err);
        from = verifying->last.seq + 1;
    }
    int r = count < 0 ? count : 0;
    if (r >= 0 && fit) {
        r = check_head(tx, verifying, err);
    }
    if (r >= 0 && fit && verifying->verdict.broken_seq == 0) {
        r = check_seal(tx, verifying, err);
    }
    memcpy(verifying->verdict.hash, verifying->last.hash, sizeof verifying->last.hash);
    return r;
}
static_assert(sizeof((struct incident_verdict){0}.hash) == SHA256_HEX_CHARS + 1, "a whole hash");

int incident_verify(struct incidents *incidents, const char *id,
                    struct incident_verdict *ret_verdict, struct err *err) {
    struct verifying verifying = {.id = id};
    int r = store_read(incidents->options.store, verify_fn, &verifying, err);
    if (r >= 0) {
        *ret_verdict = verifying.verdict;
    }
    return r;
}

/* ---- pages ---- */

struct page {
    const char *id;
    int64_t after_seq, limit;
    struct answer *answer;
};

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    buf_add_json(buf, value);
}

static void render_link(struct buf *buf, const struct sql_rows *rows) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"seq\":%" PRId64, sql_int(rows, 0));
    put(buf, "at", clock_format(sql_int(rows, 1), time));
    put(buf, "actor", sql_text(rows, 2));
    put(buf, "by", sql_text(rows, 11));
    put(buf, "actor_kind", incident_actor_kind_name(sql_int(rows, 3)));
    put(buf, "role", sql_text(rows, 4));
    put(buf, "kind", incident_log_kind_name(sql_int(rows, 5)));
    put(buf, "text", sql_text(rows, 6));
    buf_addf(buf, ",\"evidence\":%s", sql_text(rows, 7));
    put(buf, "sealed", sql_text(rows, 8));
    put(buf, "prev", sql_text(rows, 9));
    put(buf, "hash", sql_text(rows, 10));
    buf_add_char(buf, '}');
}

static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    struct incident_row row;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    int64_t count = 0, last = 0;
    buf_init(&buf, INCIDENT_JSON_BYTES_MAX * 4);
    buf_add_text(&buf, "{\"data\":[");
    int r = incident_load(tx, arena, page->id, false, &row, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT " LINK_COLUMNS
                          ", COALESCE((SELECT name FROM app_user WHERE 'user:' || id = "
                          "incident_log.actor), (SELECT name FROM api_key WHERE 'key:' || id = "
                          "incident_log.actor), '') FROM incident_log WHERE incident_id = $1 AND "
                          "seq > $2 ORDER BY seq LIMIT $3",
                          S_TEXT(page->id), S_INT(page->after_seq), S_INT(page->limit + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (count++ < page->limit) {
            buf_add_text(&buf, count > 1 ? "," : "");
            render_link(&buf, rows);
            last = sql_int(rows, 0);
        }
    }
    buf_add_text(&buf, "],\"next_seq\":");
    if (count > page->limit) {
        buf_add_int(&buf, last);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(page->answer, 200, &buf, err);
}

int incident_log_list(struct incidents *incidents, const char *id, int64_t after_seq, int limit,
                      struct answer *ret_answer, struct err *err) {
    struct page page = {id, after_seq, limit > 0 ? limit : INCIDENT_LOG_PAGE_MAX, ret_answer};
    return store_read(incidents->options.store, page_tx, &page, err);
}
