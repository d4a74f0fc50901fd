/* SPDX-License-Identifier: Apache-2.0
 * status_banner.h: the script for shops' pages (web/embed/status.js), built into the program; the
 * word STATUS_BANNER_STATE in it stands where the present state goes. Threads: any. */
#ifndef HOLDFAST_COMMS_STATUS_BANNER_H
#define HOLDFAST_COMMS_STATUS_BANNER_H

#include <stddef.h>

#define STATUS_BANNER_STATE "HOLDFAST_STATE;"

extern const char status_banner_text[];
extern const size_t status_banner_bytes;

#endif
