/* SPDX-License-Identifier: Apache-2.0
 * handlers_audit.c: the audit report of a month, and its entries as files. */
#include "api/audit_report.h"
#include "api/read.h"
#include "api/sheet_reply.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

static int read_month(const struct ask *ask, struct audit_month *ret_month, struct err *err) {
    char text[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, "month", text, err);
    if (r < 0 || audit_month_parse(text, ret_month)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "there is no month \"%.20s\"", text);
    err_hint(err, "Write it as 2026-11; months are those of UTC.");
    return err_place(err, "month");
}

int audit_report_get(struct ask *ask, struct err *err) {
    struct audit_month month;
    BUF_AUTO buf;
    buf_init(&buf, AUDIT_REPORT_BYTES_MAX);
    int r = read_month(ask, &month, err);
    r = r < 0 ? r : audit_report(ask->service->store, &month, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

static int export(struct ask *ask, enum sheet_format format, struct err *err) {
    struct audit_month month;
    char name[40];
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    int r = read_month(ask, &month, err);
    r = r < 0 ? r : audit_report_entries(ask->service->store, &month, format, &file, err);
    if (r >= 0) {
        snprintf(name, sizeof name, "audit-%s", month.name);
        reply_sheet(ask, format, name, &file);
    }
    return r < 0 ? r : 0;
}

int audit_csv_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_CSV, err);
}

int audit_xlsx_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_XLSX, err);
}
