/* SPDX-License-Identifier: Apache-2.0
 * guide_html.h: a page of docs/guides as HTML: what of Markdown these pages use, and nothing else:
 * headings, lists, paragraphs, blocks of code between ```, `code`, **bold**. Everything is escaped:
 * what looks like HTML in a page is text. [words](page) is a link where there are pages to link to:
 * to a name of small letters, digits and - alone; any other address stays text.
 * Threads: any. Owns nothing. Cannot fail: the buffer remembers. */
#ifndef HOLDFAST_API_GUIDE_HTML_H
#define HOLDFAST_API_GUIDE_HTML_H

#include "base/buf.h"

/* `pages`: what stands before a page's name in a link, "/kb/"; NULL: nothing is a link. */
void guide_html(const char *text, const char *language, const char *pages, struct buf *html);

#endif
