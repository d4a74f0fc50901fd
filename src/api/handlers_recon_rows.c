/* SPDX-License-Identifier: Apache-2.0
 * handlers_recon_rows.c: the rows of a statement and of a run, as pages and as files. */
#include "api/read.h"
#include "api/sheet_reply.h"
#include "recon/row_export.h"

enum { EXPORT_BYTES_MAX = 96 * 1024 * 1024 };
#define ROW_NUMBER_MAX INT64_C(1000000000000)

struct wanted {
    char class[QUERY_CHARS_MAX];
    enum sheet_format format;
    struct buf file;
};

static int read_wanted(struct ask *ask, struct wanted *wanted, struct err *err) {
    int r = read_query_text(ask, "class", wanted->class, err);
    return r < 0 ? r : read_sheet_format(ask, &wanted->format, err);
}

static int send_file(struct ask *ask, const struct wanted *wanted, const char *name) {
    reply_sheet(ask, wanted->format, name, &wanted->file);
    return 0;
}

int statement_export_get(struct ask *ask, struct err *err) {
    struct wanted wanted = {{0}};
    struct statement_id id;
    int64_t after = 0, limit = 0;
    buf_init(&wanted.file, EXPORT_BYTES_MAX);
    int r = read_wanted(ask, &wanted, err);
    r = r < 0 ? r : read_query_int(ask, "after", 0, ROW_NUMBER_MAX, &after, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, ROW_EXPORT_MAX, &limit, err);
    r = r < 0 ? r : READ_ID(ask, "a statement", statement_id, &id, err);
    r = r < 0 ? r
              : statement_export(ask->service->recon, id.text, wanted.class, after, limit,
                                 wanted.format, &wanted.file, err);
    r = r < 0 ? r : send_file(ask, &wanted, "statement");
    buf_release(&wanted.file);
    return r;
}

int reconciliation_rows_get(struct ask *ask, struct err *err) {
    char class[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    struct reconciliation_id id;
    int64_t limit = 0;
    int r = read_query_text(ask, "class", class, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, RUN_ROWS_PAGE_MAX, &limit, err);
    r = r < 0 ? r : READ_LISTED_ID(ask, "a run", reconciliation_id, "reconcile list", &id, err);
    return r < 0 ? r
                 : run_rows(ask->service->recon, id.text, class, cursor, (int)limit, &ask->answer,
                            err);
}

int reconciliation_export_get(struct ask *ask, struct err *err) {
    struct wanted wanted = {{0}};
    struct reconciliation_id id;
    buf_init(&wanted.file, EXPORT_BYTES_MAX);
    int r = read_wanted(ask, &wanted, err);
    r = r < 0 ? r : READ_LISTED_ID(ask, "a run", reconciliation_id, "reconcile list", &id, err);
    r = r < 0 ? r
              : run_export(ask->service->recon, id.text, wanted.class, wanted.format,
                           &wanted.file, err);
    r = r < 0 ? r : send_file(ask, &wanted, "run");
    buf_release(&wanted.file);
    return r;
}
