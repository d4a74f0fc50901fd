/* SPDX-License-Identifier: Apache-2.0
 * kb_edit.c: a page's next version, and all that there were (kb.h). Who edits says which version he
 * has looked at: what somebody else wrote meanwhile is not lost. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/kb_impl.h"
#include "store/audit.h"

enum { ANSWER_BYTES_MAX = 256 * 1024 };

struct editing {
    struct kb *kb;
    const struct caller *caller;
    const struct kb_edit *edit;
    /* What stood there when it began, unless it was edited: */
    char *base;
    int64_t base_version;
    bool runbook;
};

/* ---- versions ---- */

/* The newest that is stored; 0: none is. */
static int newest_of(struct store_tx *tx, const struct kb_edit *edit, int64_t *ret_version,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COALESCE(MAX(version), 0) FROM kb_version WHERE page = $1 AND "
                      "language = $2",
                      S_TEXT(edit->page), S_TEXT(edit->language));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_version = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static int changed_meanwhile(const struct kb_edit *edit, int64_t now, struct err *err) {
    if (now == 0) {
        err_set(err, ERR_STATE, "there is no page \"%s\" in %s yet", edit->page, edit->language);
        return err_hint(err, "A new page is written with if_version 0.");
    }
    err_set(err, ERR_STATE, "page \"%s\" is at version %lld, not %lld", edit->page, (long long)now,
            (long long)edit->if_version);
    return err_hint(err, "Look at what was written meanwhile: `holdfast kb history %s`.",
                    edit->page);
}

static int insert(struct store_tx *tx, const struct editing *editing, int64_t version, int64_t seq,
                  const char *text, bool base, struct err *err) {
    const struct kb_edit *edit = editing->edit;
    return (int)sql_exec(tx, err,
                         "INSERT INTO kb_version (page, language, version, seq, text, author, "
                         "reason, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                         S_TEXT(edit->page), S_TEXT(edit->language), S_INT(version), S_INT(seq),
                         S_TEXT(text), S_TEXT(base ? "" : editing->caller->actor),
                         S_TEXT(base ? "" : edit->reason), S_INT(base ? 0 : clock_wall_us()));
}

/* Holds the head until the end of the transaction. */
static int next_seq(struct store_tx *tx, int64_t *ret_seq, struct err *err) {
    int r = (int)sql_exec(tx, err, "UPDATE kb_head SET seq = seq + 1 WHERE id = $1", S_INT(1));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r : sql_query(tx, err, &rows, "SELECT seq FROM kb_head WHERE id = $1", S_INT(1));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_seq = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

/* ---- the text ---- */

/* Of an older version. */
static int text_of(struct store_tx *tx, const struct editing *editing, char **ret_text,
                   struct err *err) {
    const struct kb_edit *edit = editing->edit;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT text FROM kb_version WHERE page = $1 AND language = $2 AND version "
                      "= $3",
                      S_TEXT(edit->page), S_TEXT(edit->language), S_INT(edit->restore));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "page \"%s\" has no stored version %lld", edit->page,
                (long long)edit->restore);
        return err_hint(err, "`holdfast kb history %s` has its versions.", edit->page);
    }
    *ret_text = r < 0 ? NULL : strdup(sql_text(rows, 0));
    return r < 0 ? r : 0;
}

static int write_version(const struct editing *editing, struct store_tx *tx, const char *text,
                         int64_t *ret_version, struct err *err) {
    int64_t seq = 0, version = 0;
    int r = next_seq(tx, &seq, err);
    r = r < 0 ? r : newest_of(tx, editing->edit, &version, err);
    bool first = r >= 0 && version == 0 && editing->base != NULL;
    version = first ? editing->base_version : version;
    if (r >= 0 && version != editing->edit->if_version) {
        r = changed_meanwhile(editing->edit, version, err);
    }
    r = r < 0 || !first ? r : insert(tx, editing, version, seq, editing->base, true, err);
    *ret_version = version + 1;
    return r < 0 ? r : insert(tx, editing, version + 1, seq, text, false, err);
}

static int put_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct editing *editing = ctx;
    const struct kb_edit *edit = editing->edit;
    char *old = NULL, subject[KB_PAGE_CHARS_MAX + 8], detail[40];
    int64_t version = 0;
    int r = edit->text == NULL ? text_of(tx, editing, &old, err) : 0;
    const char *text = old != NULL ? old : edit->text;
    r = r < 0 ? r : write_version(editing, tx, text, &version, err);
    free(old);
    if (r < 0) {
        return r;
    }
    snprintf(subject, sizeof subject, "%s %s", edit->page, edit->language);
    snprintf(detail, sizeof detail, "{\"version\":%lld}", (long long)version);
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_addf(&buf, "{\"object\":\"kb_version\",\"page\":\"%s\",\"language\":\"%s\",\"version\":%lld}",
             edit->page, edit->language, (long long)version);
    r = answer_take(ret_answer, edit->if_version == 0 ? 201 : 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, editing->caller->actor,
                                edit->text == NULL ? "kb.restore" : "kb.edit", subject,
                                edit->reason, detail, err);
}

static int check(const struct kb_edit *edit, struct err *err) {
    if (!kb_name_is_good(edit->page)) {
        err_set(err, ERR_VALIDATION, "this is no page's name");
        return err_hint(err, "2 to 60 small letters, digits and -.");
    }
    struct kb_page *page = NULL;
    int r = edit->text == NULL
                ? 0
                : kb_page_read(edit->page, edit->language, edit->text, &page, err);
    kb_page_free(page);
    return r;
}

int kb_put(struct kb *kb, const struct caller *caller, const struct kb_edit *edit,
           struct answer *ret_answer, struct err *err) {
    struct editing editing = {.kb = kb, .caller = caller, .edit = edit};
    int r = check(edit, err);
    if (r < 0) {
        return r;
    }
    lock_take(&kb->lock);
    r = kb_refresh(kb, err);
    const struct kb_page *now = r < 0 ? NULL : kb_find(kb, edit->page, edit->language);
    if (now != NULL) {
        editing.runbook = now->kind == KB_RUNBOOK;
        editing.base_version = now->version;
        editing.base = now->edited ? NULL : strdup(now->source);
    }
    lock_give(&kb->lock);
    if (r >= 0 && editing.runbook) {
        err_set(err, ERR_STATE, "page \"%s\" comes with the program: it is not edited here",
                edit->page);
        r = err_hint(err, "Write a page of your own that says what is different with you.");
    }
    r = r < 0 ? r
              : idempotent_run(kb->options.payments, caller, "kb.put", put_fn, &editing, ret_answer,
                               err);
    free(editing.base);
    return r;
}

/* ---- the history ---- */

struct history {
    const char *page, *language;
    struct buf *buf;
    int64_t unedited; /* the version that it came with, and was not stored; 0: it was */
};

static int history_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct history *history = ctx;
    char time[CLOCK_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    const char *comma = "";
    int r = sql_query(tx, err, &rows,
                      "SELECT version, author, reason, at_us FROM kb_version WHERE page = $1 AND "
                      "language = $2 ORDER BY version DESC LIMIT 500",
                      S_TEXT(history->page), S_TEXT(history->language));
    buf_clear(history->buf);
    buf_add_text(history->buf, "{\"data\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bool base = sql_text(rows, 1)[0] == '\0';
        buf_addf(history->buf, "%s{\"version\":%lld,\"author\":", comma,
                 (long long)sql_int(rows, 0));
        buf_add_json(history->buf, base ? "holdfast" : sql_text(rows, 1));
        buf_add_text(history->buf, ",\"reason\":");
        buf_add_json(history->buf, base ? "as it came" : sql_text(rows, 2));
        buf_add_text(history->buf, ",\"at\":");
        buf_add_text(history->buf, base ? "null}" : "\"");
        if (!base) {
            buf_addf(history->buf, "%s\"}", clock_format(sql_int(rows, 3), time));
        }
        comma = ",";
    }
    if (r >= 0 && comma[0] == '\0') {
        buf_addf(history->buf,
                 "{\"version\":%lld,\"author\":\"holdfast\",\"reason\":\"as it came\",\"at\":null}",
                 (long long)history->unedited);
    }
    buf_add_text(history->buf, "]}");
    return r;
}

int kb_versions(struct kb *kb, const char *page, const char *language, struct answer *ret_answer,
                struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX * 4);
    struct history history = {.page = page, .language = language, .buf = &buf};
    lock_take(&kb->lock);
    int r = kb_refresh(kb, err);
    const struct kb_page *now = r < 0 ? NULL : kb_find(kb, page, language);
    if (r >= 0 && now == NULL) {
        r = kb_no_page(kb, page, language, err);
    }
    history.unedited = now != NULL ? now->version : 0;
    lock_give(&kb->lock);
    r = r < 0 ? r : store_read(kb->options.store, history_tx, &history, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}
