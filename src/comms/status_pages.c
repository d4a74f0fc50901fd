/* SPDX-License-Identifier: Apache-2.0
 * status_pages.c: all pages, made once and kept in memory. Whoever comes a second or more after the
 * last look finds out whether anything has changed; then all are made anew, and at least once a
 * minute. A store that does not answer leaves what was made last. The same pages as plain files. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "comms/status_impl.h"

enum { PATH_CHARS_MAX = 1000, FILE_MODE = 0644 };
#define LOOK_US US_PER_SECOND
#define KEEP_US (60 * US_PER_SECOND)

struct kept_page {
    char *bytes;
    size_t count;
    const char *type;
    char etag[STATUS_ETAG_CHARS_MAX + 1];
};
struct status_kept {
    struct lock lock;
    GHashTable *pages[LANGUAGES]; /* by path; NULL: none were ever made */
    int64_t looked_us, made_us;   /* monotonic */
    bool looking;                 /* somebody is at it */
    int64_t version;
    enum status_level levels[STATUS_COMPONENTS_MAX]; /* as measured */
    char policy[STATUS_POLICY_CHARS_MAX + 1];
};

/* ---- which there are ---- */

static const char html[] = "text/html; charset=utf-8";
static const char json[] = "application/json";
static const char script[] = "text/javascript; charset=utf-8";

typedef int page_fn(void *ctx, enum language language, const char *path, const char *type,
                    const struct buf *bytes, struct err *err);

struct making {
    struct status_out out;
    page_fn *fn;
    void *ctx;
};

static int give(struct making *making, const char *path, const char *type, struct err *err) {
    INVARIANT(buf_ok(making->out.buf), "a page fits into its buffer: all in it is bounded");
    int r = making->fn(making->ctx, making->out.language, path, type, making->out.buf, err);
    buf_clear(making->out.buf);
    return r;
}

static int make_html(struct making *making, struct err *err) {
    status_html_index(&making->out);
    int r = give(making, "index.html", html, err);
    if (r >= 0) {
        status_html_history(&making->out);
        r = give(making, "history.html", html, err);
    }
    making->out.depth = 1;
    for (int i = 0; r >= 0 && i < making->out.look->count; i++) {
        char path[64];
        snprintf(path, sizeof path, "incidents/%s.html", making->out.look->rows[i].id);
        status_html_incident(&making->out, &making->out.look->rows[i]);
        r = give(making, path, html, err);
    }
    making->out.depth = 0;
    return r;
}

static int make_json(struct making *making, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && status_json_names[i] != NULL; i++) {
        char path[80];
        snprintf(path, sizeof path, "api/v2/%s.json", status_json_names[i]);
        status_json(&making->out, status_json_names[i]);
        r = give(making, path, json, err);
    }
    return r;
}

static int make_rest(struct making *making, struct err *err) {
    static const struct {
        const char *path, *type;
        void (*write)(const struct status_out *out);
    } rest[] = {
        {"history.rss", "application/rss+xml; charset=utf-8", status_rss},
        {"history.atom", "application/atom+xml; charset=utf-8", status_atom},
        {"banner.json", json, status_banner_json},
        {"banner.js", script, status_banner_script},
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(rest); i++) {
        rest[i].write(&making->out);
        r = give(making, rest[i].path, rest[i].type, err);
    }
    return r;
}

static int make_all(const struct status *status, const struct status_look *look, bool files,
                    page_fn *fn, void *ctx, struct err *err) {
    struct buf buf;
    int r = 0;
    buf_init(&buf, STATUS_PAGE_BYTES_MAX);
    for (int language = 0; r >= 0 && language < LANGUAGES; language++) {
        struct making making = {.out = {.status = status,
                                        .look = look,
                                        .language = (enum language)language,
                                        .files = files,
                                        .buf = &buf},
                                .fn = fn,
                                .ctx = ctx};
        r = make_html(&making, err);
        r = r < 0 ? r : make_json(&making, err);
        r = r < 0 ? r : make_rest(&making, err);
    }
    buf_release(&buf);
    return r;
}

/* ---- kept ---- */

static void free_page(void *page) {
    free(((struct kept_page *)page)->bytes);
    g_free(page);
}

static int keep(void *ctx, enum language language, const char *path, const char *type,
                const struct buf *bytes, struct err *err) {
    (void)err;
    GHashTable **pages = ctx;
    char hex[SHA256_HEX_CHARS + 1];
    struct kept_page *page = g_new0(struct kept_page, 1);
    page->bytes = malloc(bytes->len + 1);
    INVARIANT(page->bytes != NULL, "out of memory");
    memcpy(page->bytes, bytes->data, bytes->len);
    page->count = bytes->len;
    page->type = type;
    crypto_sha256_hex(bytes->data, bytes->len, hex);
    snprintf(page->etag, sizeof page->etag, "\"%.32s\"", hex);
    g_hash_table_replace(pages[language], g_strdup(path), page);
    return 0;
}

struct remaking {
    struct status *status;
    struct arena *arena;
    struct status_look look;
    bool same;
    int64_t known_version;
    enum status_level levels[STATUS_COMPONENTS_MAX];
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct remaking *remaking = ctx;
    int64_t version = 0;
    if (remaking->same) {
        int r = status_version(tx, &version, err);
        if (r < 0 || version == remaking->known_version) {
            return r;
        }
        remaking->same = false;
    }
    return status_look_tx(remaking->status, tx, remaking->arena, &remaking->look, err);
}

/* What is measured changes without a row. */
static bool is_measured_same(const struct status *status, const struct status_kept *kept) {
    struct status_measured measured[STATUS_COMPONENTS_MAX] = {0};
    status_measure(status, measured);
    for (int i = 0; i < status->component_count; i++) {
        if (measured[i].level != kept->levels[i]) {
            return false;
        }
    }
    return true;
}

static void swap_in(struct status *status, GHashTable *pages[LANGUAGES],
                    const struct status_look *look) {
    struct status_kept *kept = status->kept;
    lock_take(&kept->lock);
    for (int language = 0; language < LANGUAGES; language++) {
        GHashTable *old = kept->pages[language];
        kept->pages[language] = pages[language];
        pages[language] = old;
    }
    kept->version = look->version;
    kept->made_us = clock_mono_us();
    for (int i = 0; i < status->component_count; i++) {
        kept->levels[i] = look->components[i].measured.level;
    }
    lock_give(&kept->lock);
    for (int language = 0; language < LANGUAGES; language++) {
        if (pages[language] != NULL) {
            g_hash_table_unref(pages[language]);
        }
    }
}

static int remake(struct status *status, bool fresh, struct err *err) {
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    GHashTable *pages[LANGUAGES];
    struct remaking *remaking = arena_alloc(arena, sizeof *remaking);
    *remaking = (struct remaking){.status = status, .arena = arena};
    lock_take(&status->kept->lock);
    remaking->known_version = status->kept->version;
    remaking->same = fresh && is_measured_same(status, status->kept);
    lock_give(&status->kept->lock);
    int r = store_read(status->options.store, look_tx, remaking, err);
    if (r < 0 || remaking->same) {
        return r;
    }
    for (int language = 0; language < LANGUAGES; language++) {
        pages[language] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_page);
    }
    r = make_all(status, &remaking->look, false, keep, pages, err);
    swap_in(status, pages, &remaking->look);
    return r;
}

void status_page_release(struct status_page *page) {
    free(page->bytes);
    page->bytes = NULL;
}

static int find(struct status *status, enum language language, const char *path,
                struct status_page *ret_page, struct err *err) {
    const struct kept_page *page = g_hash_table_lookup(status->kept->pages[language], path);
    if (page == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the status page has no such part");
    }
    struct status_page found = {.count = page->count, .type = page->type};
    found.bytes = malloc(page->count + 1);
    INVARIANT(found.bytes != NULL, "out of memory");
    memcpy(found.bytes, page->bytes, page->count);
    memcpy(found.etag, page->etag, sizeof found.etag);
    if (page->type == html) {
        memcpy(found.policy, status->kept->policy, sizeof found.policy);
    }
    *ret_page = found;
    return 0;
}

int status_page_get(struct status *status, enum language language, const char *path,
                    struct status_page *ret_page, struct err *err) {
    struct status_kept *kept = status->kept;
    struct err why = {0};
    int64_t now_us = clock_mono_us();
    int r = 0;
    lock_take(&kept->lock);
    bool made = kept->pages[language] != NULL;
    bool look = !made || (!kept->looking && now_us - kept->looked_us >= LOOK_US);
    bool fresh = made && now_us - kept->made_us < KEEP_US;
    if (look) {
        kept->looking = true;
        kept->looked_us = now_us;
        lock_give(&kept->lock);
        r = remake(status, fresh, &why);
        lock_take(&kept->lock);
        kept->looking = false;
    }
    if (kept->pages[language] == NULL) {
        *err = why;
    } else {
        r = find(status, language, path, ret_page, err);
    }
    lock_give(&kept->lock);
    return r;
}

int status_pages_open(struct status *status, struct err *err) {
    (void)err;
    status->kept = g_new0(struct status_kept, 1);
    lock_init(&status->kept->lock);
    status_style_policy(status->kept->policy);
    return 0;
}

void status_pages_close(struct status *status) {
    if (status->kept == NULL) {
        return;
    }
    for (int language = 0; language < LANGUAGES; language++) {
        if (status->kept->pages[language] != NULL) {
            g_hash_table_unref(status->kept->pages[language]);
        }
    }
    lock_free(&status->kept->lock);
    g_free(status->kept);
}

/* ---- as files ---- */

struct exporting {
    const char *folder;
    int files;
};

static int write_file(void *ctx, enum language language, const char *path, const char *type,
                      const struct buf *bytes, struct err *err) {
    (void)type;
    struct exporting *exporting = ctx;
    char whole[PATH_CHARS_MAX];
    int chars = snprintf(whole, sizeof whole, "%s/%s%s", exporting->folder,
                         language == LANGUAGE_ZH ? "zh/" : "", path);
    if (chars >= (int)sizeof whole) {
        return err_set(err, ERR_VALIDATION, "the folder's name is too long");
    }
    exporting->files++;
    return file_replace(whole, bytes->data, bytes->len, FILE_MODE, err);
}

static int add_file(void *ctx, enum language language, const char *path, const char *type,
                    const struct buf *bytes, struct err *err) {
    (void)type;
    struct buf *bundle = ctx;
    buf_addf(bundle, "%s{\"path\":\"%s%s\",\"text\":",
             bundle->data[bundle->len - 1] == '[' ? "" : ",", language == LANGUAGE_ZH ? "zh/" : "",
             path);
    buf_add_json(bundle, bytes->data);
    buf_add_char(bundle, '}');
    return buf_ok(bundle) ? 0 : err_set(err, ERR_TOO_LARGE, "the pages do not fit into one answer");
}

int status_bundle(struct status *status, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    struct remaking *remaking = arena_alloc(arena, sizeof *remaking);
    BUF_AUTO bundle;
    buf_init(&bundle, STATUS_BUNDLE_BYTES_MAX);
    *remaking = (struct remaking){.status = status, .arena = arena};
    int r = store_read(status->options.store, look_tx, remaking, err);
    buf_add_text(&bundle, "{\"object\":\"status_export\",\"files\":[");
    r = r < 0 ? r : make_all(status, &remaking->look, true, add_file, &bundle, err);
    buf_add_text(&bundle, "]}");
    return r < 0 ? r : answer_take(ret_answer, 200, &bundle, err);
}

static int make_folders(const char *folder, struct err *err) {
    static const char *const inside[] = {
        "", "/incidents", "/api", "/api/v2", "/api/v2/incidents", "/api/v2/scheduled-maintenances",
    };
    int r = 0;
    for (int language = 0; language < LANGUAGES; language++) {
        for (size_t i = 0; r >= 0 && i < COUNT_OF(inside); i++) {
            char path[PATH_CHARS_MAX];
            int chars = snprintf(path, sizeof path, "%s%s%s", folder,
                                 language == LANGUAGE_ZH ? "/zh" : "", inside[i]);
            r = chars >= (int)sizeof path
                    ? err_set(err, ERR_VALIDATION, "the folder's name is too long")
                    : folder_make(path, err);
        }
    }
    return r;
}

int status_export(struct status *status, const char *folder, int *ret_files, struct err *err) {
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    struct remaking *remaking = arena_alloc(arena, sizeof *remaking);
    struct exporting exporting = {.folder = folder};
    *remaking = (struct remaking){.status = status, .arena = arena};
    int r = store_read(status->options.store, look_tx, remaking, err);
    r = r < 0 ? r : make_folders(folder, err);
    r = r < 0 ? r : make_all(status, &remaking->look, true, write_file, &exporting, err);
    if (r >= 0) {
        *ret_files = exporting.files;
    }
    return r;
}
