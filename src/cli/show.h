/* SPDX-License-Identifier: Apache-2.0
 * show.h: small things as people read them: money, ages, states, foreign text. Threads: any.
 * Owns nothing. Cannot fail: what cannot be read is shown as it came. */
#ifndef HOLDFAST_CLI_SHOW_H
#define HOLDFAST_CLI_SHOW_H

#include <jansson.h>

#include "base/compiler.h"

enum show_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_WARN };
enum { SHOW_CHARS_MAX = 64 };

/* The escape sequences round a text; "" without colour. */
const char *show_style_on(enum show_style style, bool colour);
const char *show_style_off(enum show_style style, bool colour);
/* How a word like "succeeded", "open", "parked" is coloured. */
enum show_style show_state_style(const char *word);

/* 1999, "USD" → "19.99 USD". A currency that we do not know: "1999 (minor) XYZ". */
const char *show_money(int64_t amount_minor, const char *currency, char text[SHOW_CHARS_MAX]);
/* The same with its thousands apart, for sums that are read and not copied: "1,127,430.00 EUR". */
const char *show_sum(int64_t amount_minor, const char *currency, char text[SHOW_CHARS_MAX]);
/* 8123456 → "8,123,456". */
const char *show_count(int64_t count, char text[SHOW_CHARS_MAX]);
/* 1, "break", "breaks" → "1 break"; 1234 → "1,234 breaks". */
const char *show_many(int64_t count, const char *one, const char *many, char text[SHOW_CHARS_MAX]);
/* A length of time in its largest unit, two where it helps: "45s", "3m", "2h05m", "6d". A negative
 * one, which two machines' clocks can make, is "0s". */
const char *show_span(int64_t span_us, char text[SHOW_CHARS_MAX]);
/* An exact short one: "850 µs", "12.3 ms", "1.52 s". */
const char *show_latency(int64_t span_us, char text[SHOW_CHARS_MAX]);
/* How long ago that RFC 3339 time is; "in 5m" for the future; "-" for NULL or what is no time. */
const char *show_age(const char *time, char text[SHOW_CHARS_MAX]);
/* "2026-11-20 08:00:00Z", without its fraction; "-" for NULL or what is no time. */
const char *show_time(const char *time, char text[SHOW_CHARS_MAX]);
/* "2026-11-20 08:00:00Z (3m ago)". */
const char *show_moment(const char *time, char text[SHOW_CHARS_MAX]);

/* Foreign text made fit for a terminal: invalid UTF-8, control characters and those that turn the
 * direction of writing become '?'. free() it. Never NULL. */
MUST_USE char *show_clean(const char *text);
/* How many columns it takes on a terminal: wide characters two, combining ones none. */
int show_width(const char *text);

#endif
