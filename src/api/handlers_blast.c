/* SPDX-License-Identifier: Apache-2.0
 * handlers_blast.c: whom and what trouble has hit (incident/blast.h), by a scope in the query. */
#include <string.h>

#include "api/read.h"
#include "api/sheet_reply.h"
#include "incident/blast.h"

enum { FILE_BYTES_MAX = 32 * 1024 * 1024 };

/* "stripe-eu,stripe-us": names between commas. */
static int read_names(const struct ask *ask, const char *parameter, struct scope_names *names,
                      struct err *err) {
    char text[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, parameter, text, err);
    char *rest = NULL;
    for (char *name = strtok_r(text, ",", &rest); r >= 0 && name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        r = scope_add(names, name, err);
        if (r < 0) {
            err_place(err, "%s", parameter);
        }
    }
    return r;
}

static int read_scope(const struct ask *ask, struct incident_scope *scope, struct err *err) {
    int r = read_query_since(ask, "since", &scope->from_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &scope->until_us, err);
    r = r < 0 ? r : read_names(ask, "gateway", &scope->gateways, err);
    r = r < 0 ? r : read_names(ask, "method", &scope->methods, err);
    r = r < 0 ? r : read_names(ask, "region", &scope->regions, err);
    r = r < 0 ? r : read_names(ask, "currency", &scope->currencies, err);
    if (r >= 0 && scope->from_us <= 0) {
        err_set(err, ERR_VALIDATION, "when it began is missing");
        err_place(err, "since");
        return err_hint(err, "Write 2026-11-20T08:00:00Z, or how long ago: 90s, 30m, 2h, 7d.");
    }
    return r;
}

int blast_get(struct ask *ask, struct err *err) {
    struct incident_scope scope = {0};
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    int r = read_scope(ask, &scope, err);
    r = r < 0 ? r : blast_take(ask->service->store, &scope, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

static int export(struct ask *ask, enum sheet_format format, struct err *err) {
    struct incident_scope scope = {0};
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    int r = read_scope(ask, &scope, err);
    r = r < 0 ? r : blast_export(ask->service->store, &scope, format, &file, err);
    if (r >= 0) {
        reply_sheet(ask, format, "affected-orders", &file);
    }
    return r < 0 ? r : 0;
}

int blast_csv_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_CSV, err);
}

int blast_xlsx_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_XLSX, err);
}
