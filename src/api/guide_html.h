/* SPDX-License-Identifier: Apache-2.0
 * guide_html.h: a page of docs/guides as HTML: what of Markdown these pages use, and nothing else:
 * headings, lists, paragraphs, blocks of code between ```, `code`, **bold**. Everything is escaped:
 * what looks like HTML in a page is text.
 * Threads: any. Owns nothing. Cannot fail: the buffer remembers. */
#ifndef HOLDFAST_API_GUIDE_HTML_H
#define HOLDFAST_API_GUIDE_HTML_H

#include "base/buf.h"

void guide_html(const char *text, const char *language, struct buf *html);

#endif
