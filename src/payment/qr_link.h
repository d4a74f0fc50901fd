/* SPDX-License-Identifier: Apache-2.0
 * qr_link.h: what a payment's customer is to scan, drawn, and a link to that drawing which a page
 * of the shop's shows without an API key.
 *
 * The link's secret names the payment and its own end and is authenticated with the master key:
 * nothing of it is stored, and every instance knows it. It shows the code that the payment has at
 * that moment, and nothing else of the payment. It is over after QR_LINK_LIFE_US, when the code is,
 * or when the payment waits for no scan any more, whichever comes first.
 *
 * Threads: any. Owns: nothing. Errors: ERR_STATE there is no code to show; ERR_NOT_FOUND a secret
 * that is none of ours, whatever is wrong with it; ERR_GONE one of ours that is over, whatever
 * ended it. */
#ifndef HOLDFAST_PAYMENT_QR_LINK_H
#define HOLDFAST_PAYMENT_QR_LINK_H

#include "base/buf.h"
#include "base/clock.h"
#include "payment/payments.h"

#define QR_LINK_LIFE_US (15 * 60 * US_PER_SECOND)
enum { QR_TOKEN_CHARS = 100, QR_LINK_URL_CHARS_MAX = 320 };

/* The code as SVG. ERR_STATE: the payment shows none, or not any more. */
MUST_USE int payment_qr(struct payments *payments, const char *payment_id, struct buf *svg,
                        struct err *err);

struct qr_link {
    char url[QR_LINK_URL_CHARS_MAX + 1];
    int64_t expires_us; /* wall: at the latest */
};
/* ERR_STATE: as above, or there is no address that links could begin with. */
MUST_USE int qr_link_make(struct payments *payments, const char *payment_id,
                          struct qr_link *ret_link, struct err *err);
/* The code behind the link's last part, as SVG. */
MUST_USE int qr_link_show(struct payments *payments, const char *token, struct buf *svg,
                          struct err *err);

#endif
