/* SPDX-License-Identifier: Apache-2.0
 * visitor.h: where somebody is who looks at a page of ours. WeChat Pay's page for phones is made
 * for the address that its customer comes from (docs/decisions/0037).
 * Threads: any. Cannot fail: what cannot be known is "". */
#ifndef HOLDFAST_API_VISITOR_H
#define HOLDFAST_API_VISITOR_H

#include "net/http.h"
#include "net/ip_range.h"

/* The peer's own address when it is a public one: then nothing that a header says counts. A peer in
 * a private network is a front of ours, and the last address of the last X-Forwarded-For is what it
 * saw; what stands before that anybody can have written. */
void visitor_address(const struct http_request *request, char ret_text[IP_TEXT_CHARS_MAX]);

#endif
