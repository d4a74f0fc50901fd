/* SPDX-License-Identifier: Apache-2.0
 * pay_html.h: the page behind a held order's link, as HTML: for a phone, without scripts, without
 * anything from elsewhere, in English and Chinese. It shows what is to be paid and how that stands,
 * and nothing else of the customer; it has no field to write a card number into (I9).
 * Threads: any. Owns: nothing; the caller's buffer is added to. Errors: none; a buffer that is full
 * says so itself. */
#ifndef HOLDFAST_API_PAY_HTML_H
#define HOLDFAST_API_PAY_HTML_H

#include "payment/later.h"

enum { PAY_NONCE_CHARS = 32, PAY_PAGE_BYTES_MAX = 256 * 1024, PAY_ORIGIN_CHARS_MAX = 200 };

struct pay_page {
    const struct pay_look *look; /* NULL: there is nothing to show of a payment */
    bool chinese;
    bool go;           /* straight on to the gateway, where it has a page */
    bool not_now;      /* what was asked for before was not done */
    bool not_yet;      /* nor can it be before the time of what was chosen first is over */
    bool trouble;      /* `look` NULL: it is we who cannot show it; else there is no such link */
    const char *shop;  /* its name, or "" */
    const char *nonce; /* of the style, as the policy says it */
};
/* The whole page. `ret_form_origin` is the origin to which a form of it posts, besides ours; "". */
void pay_html(const struct pay_page *page, struct buf *html,
              char ret_form_origin[PAY_ORIGIN_CHARS_MAX + 1]);
/* The origin of a URL ("https://host:8443"); "" for what is not http or https, or too long. */
void pay_origin(const char *url, char ret_origin[PAY_ORIGIN_CHARS_MAX + 1]);

#endif
