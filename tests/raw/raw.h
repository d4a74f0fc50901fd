/* SPDX-License-Identifier: Apache-2.0
 * raw.h: the tables of raw requests as arrays, for the tests of the parser and of the server. */
#ifndef HOLDFAST_TESTS_RAW_H
#define HOLDFAST_TESTS_RAW_H

#include "net/http_lines.h"

/* The limits that the tables are written for. */
enum {
    RAW_LINE_MAX = 256,
    RAW_HEADER_BYTES_MAX = 1024,
    RAW_HEADERS_MAX = 16,
    RAW_BODY_MAX = 64,
};

#define H "Host: h\r\n"
#define A16 "aaaaaaaaaaaaaaaa"
#define A32 A16 A16
#define A64 A32 A32
#define A256 A64 A64 A64 A64
/* A chunk of one byte with an extension of 250. */
#define EXTENDED "1;" A64 A64 A64 A32 A16 "aaaaaaaaaa\r\na\r\n"

struct raw_hostile {
    const char *title;
    int status;
    enum http_refusal refusal;
    const char *bytes;
    size_t count;
};

struct raw_benign {
    const char *title;
    const char *transcript;
    const char *bytes;
    size_t count;
};

static const struct raw_hostile raw_hostile[] = {
#define X(title, status, refusal, bytes)                                                           \
    {title, status, HTTP_REFUSAL_##refusal, bytes, sizeof(bytes) - 1},
#include "hostile.def"
#undef X
};

static const struct raw_benign raw_benign[] = {
#define X(title, transcript, bytes) {title, transcript, bytes, sizeof(bytes) - 1},
#include "benign.def"
#undef X
};

#endif
