/* SPDX-License-Identifier: Apache-2.0
 * qr.h: a text as a QR code (ISO/IEC 18004), for a customer's phone: as SVG for pages, as
 * characters for a terminal. The code itself is made by libqrencode, with error correction M.
 *
 * Threads: any. Owns: nothing; the caller's buffer is added to. Errors: ERR_VALIDATION, with the
 * buffer as it was: an empty text, or one of more than QR_TEXT_BYTES_MAX bytes. */
#ifndef HOLDFAST_BASE_QR_H
#define HOLDFAST_BASE_QR_H

#include "base/buf.h"
#include "base/err.h"

enum {
    QR_TEXT_BYTES_MAX = 1024, /* past it a phone hardly reads it off a screen */
    QR_QUIET_MODULES = 4,     /* light ones around it, as the standard wants */
};

/* One module is one unit of the picture, which scales to any size; dark on white whatever the page
 * looks like. */
MUST_USE int qr_svg(const char *text, struct buf *out, struct err *err);
/* Two rows of modules a line, in half blocks (UTF-8). `colors`: with the escapes that make it dark
 * on white in any terminal; without, it is right where letters are light on dark. */
MUST_USE int qr_terminal(const char *text, bool colors, struct buf *out, struct err *err);

#endif
