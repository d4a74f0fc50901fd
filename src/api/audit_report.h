/* SPDX-License-Identifier: Apache-2.0
 * audit_report.h: who had access, what was changed, with which keys, and whether anybody sent card
 * numbers, in one month (REVIEW-3): for whoever audits by PCI DSS. Requirements are named as in its
 * version 4.0.1.
 *
 * It looks and changes nothing. What the month held comes from the audit log, whose chain is
 * verified first, and from the figures by the minute. Users, keys and credentials are those that
 * there were before the month's end, with the role and state that they have at the moment of the
 * look. Months are those of UTC; the present one is told as far as it is.
 * Threads: any. Owns: nothing. Errors: those of store.h, ERR_TOO_LARGE. Limits: those below.
 * Memory: a few megabytes. Reads the whole audit log: not on a payment's way. */
#ifndef HOLDFAST_API_AUDIT_REPORT_H
#define HOLDFAST_API_AUDIT_REPORT_H

#include "base/buf.h"
#include "base/sheet.h"
#include "store/store.h"

enum {
    AUDIT_REPORT_LISTED_MAX = 500,    /* entries of one group that are listed one by one */
    AUDIT_REPORT_ROWS_MAX = 2000,     /* users, keys, credentials, findings, each */
    AUDIT_REPORT_EXPORT_MAX = 200000, /* entries of one file */
    AUDIT_REPORT_BYTES_MAX = 8 * 1024 * 1024,
    AUDIT_IDLE_DAYS = 90,        /* 8.2.6 */
    AUDIT_CREDENTIAL_DAYS = 365, /* what is usual for a cryptoperiod */
    AUDIT_REFUSED_MIN = 10,      /* logins of one user in a month */
};

struct audit_month {
    char name[8];             /* "2026-11" */
    int64_t from_us, until_us; /* wall */
};
/* "2026-11"; of 2000 to 9998. */
MUST_USE bool audit_month_parse(const char *text, struct audit_month *ret_month);

/* One object (api/openapi.yaml: AuditReport). */
MUST_USE int audit_report(struct store *store, const struct audit_month *month, struct buf *buf,
                          struct err *err);
/* Every entry of the month as a file. ERR_TOO_LARGE: there are more than fit. */
MUST_USE int audit_report_entries(struct store *store, const struct audit_month *month,
                                  enum sheet_format format, struct buf *buf, struct err *err);

#endif
