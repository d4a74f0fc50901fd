/* SPDX-License-Identifier: Apache-2.0
 * sheet_reply.c: files for a spreadsheet as answers (sheet_reply.h). */
#include "api/sheet_reply.h"

#include <stdio.h>

#include "api/read.h"

int read_sheet_format(const struct ask *ask, enum sheet_format *ret_format, struct err *err) {
    char format[QUERY_CHARS_MAX] = "csv";
    int r = read_query_text(ask, "format", format, err);
    if (r < 0 || sheet_format_parse(format, ret_format)) {
        return r;
    }
    (void)err_set(err, ERR_VALIDATION, "there is no format \"%.20s\"", format);
    (void)err_place(err, "format");
    return err_hint(err, "One of: csv, xlsx.");
}

void reply_sheet(struct ask *ask, enum sheet_format format, const char *name,
                 const struct buf *file) {
    char disposition[80];
    bool csv = format == SHEET_CSV;
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.%s\"", name,
             csv ? "csv" : "xlsx");
    ask->reply->status = 200;
    http_reply_header(ask->reply, "Content-Disposition", disposition);
    http_reply_body(ask->reply,
                    csv ? "text/csv; charset=utf-8"
                        : "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                    file->data, file->len);
}
