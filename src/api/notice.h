/* SPDX-License-Identifier: Apache-2.0
 * notice.h: the script for shops' pages (web/embed/notice.js), built into the program; the word
 * NOTICE_STATE in it stands where the present state goes. Threads: any. */
#ifndef HOLDFAST_API_NOTICE_H
#define HOLDFAST_API_NOTICE_H

#include <stddef.h>

#define NOTICE_STATE "HOLDFAST_STATE;"

extern const char notice_text[];
extern const size_t notice_bytes;

#endif
