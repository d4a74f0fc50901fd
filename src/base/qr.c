/* SPDX-License-Identifier: Apache-2.0
 * qr.c: QR codes as pictures. */
#include "base/qr.h"

#include <string.h>

#include <qrencode.h>

static int code_make(const char *text, QRcode **ret_code, struct err *err) {
    size_t bytes = text != NULL ? strlen(text) : 0;
    if (bytes == 0 || bytes > QR_TEXT_BYTES_MAX) {
        return err_set(err, ERR_VALIDATION, "a QR code holds 1 to %d bytes, and this is %zu",
                       QR_TEXT_BYTES_MAX, bytes);
    }
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL) {
        return err_set(err, ERR_VALIDATION, "the text cannot be drawn as a QR code");
    }
    *ret_code = code;
    return 0;
}

/* Outside of the code it is light: the quiet zone. */
static bool dark(const QRcode *code, int x, int y) {
    bool inside = x >= 0 && y >= 0 && x < code->width && y < code->width;
    return inside && (code->data[y * code->width + x] & 1) != 0;
}

/* The dark modules of a row, as runs. */
static void svg_row(const QRcode *code, int y, struct buf *out) {
    for (int x = 0; x < code->width;) {
        int from = x;
        while (dark(code, x, y)) {
            x++;
        }
        if (x > from) {
            buf_addf(out, "M%d %dh%dv1h-%dz", from + QR_QUIET_MODULES, y + QR_QUIET_MODULES,
                     x - from, x - from);
        }
        x++;
    }
}

int qr_svg(const char *text, struct buf *out, struct err *err) {
    QRcode *code = NULL;
    int r = code_make(text, &code, err);
    if (r < 0) {
        return r;
    }
    int side = code->width + 2 * QR_QUIET_MODULES;
    buf_addf(out,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
             "shape-rendering=\"crispEdges\"><rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>"
             "<path fill=\"#000\" d=\"",
             side, side, side, side);
    for (int y = 0; y < code->width; y++) {
        svg_row(code, y, out);
    }
    buf_add_text(out, "\"/></svg>\n");
    QRcode_free(code);
    return 0;
}

int qr_terminal(const char *text, bool colors, struct buf *out, struct err *err) {
    /* What is drawn is the light: above, below, both. */
    static const char *const halves[] = {" ", "\xe2\x96\x80", "\xe2\x96\x84", "\xe2\x96\x88"};
    QRcode *code = NULL;
    int r = code_make(text, &code, err);
    if (r < 0) {
        return r;
    }
    int end = code->width + QR_QUIET_MODULES;
    for (int y = -QR_QUIET_MODULES; y < end; y += 2) {
        buf_add_text(out, colors ? "\033[40;97m" : "");
        for (int x = -QR_QUIET_MODULES; x < end; x++) {
            int above = dark(code, x, y) ? 0 : 1;
            int below = dark(code, x, y + 1) || y + 1 >= end ? 0 : 2;
            buf_add_text(out, halves[above + below]);
        }
        buf_add_text(out, colors ? "\033[0m\n" : "\n");
    }
    QRcode_free(code);
    return 0;
}
