/* SPDX-License-Identifier: Apache-2.0
 * seems.c: what a file seems to be, by its first bytes. */
#include "statement/seems.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

enum { ZIP_NAME_AT = 30 };

static const struct {
    const char *mark;
    size_t bytes;
    const char *hint;
    bool has_reader; /* of its own */
} marks[] = {
    {"\xD0\xCF\x11\xE0", 4, "It is an old workbook (XLS). Save its sheet as CSV.", false},
    {"%PDF", 4, "It is a PDF. Ask for the same as CSV.", false},
    {"\x1F\x8B", 2, "It is a gzip file in another file. Unpack it first.", false},
    {"PK\x03\x04", 4, "It is a ZIP archive in another file. Unpack it first.", false},
    {"<?xml", 5, "It is XML. Is it camt.053? Then it is read without a map.", true},
    {"<!DOCTYPE", 9, "It is a web page. Perhaps a login had run out: download it again.", false},
    {"<!doctype", 9, "It is a web page. Perhaps a login had run out: download it again.", false},
    {"<html", 5, "It is a web page. Perhaps a login had run out: download it again.", false},
    {"{", 1, "It is JSON. Ask for the same as CSV.", false},
    {"[{", 2, "It is JSON. Ask for the same as CSV.", false},
    {":20:", 4, "It is MT940, which is read without a map.", true},
    {"{1:", 3, "It is MT940, which is read without a map.", true},
};

static bool begins(const char *bytes, size_t count, const char *mark, size_t mark_bytes) {
    return count >= mark_bytes && memcmp(bytes, mark, mark_bytes) == 0;
}

bool seems_workbook(const void *bytes, size_t count) {
    static const char *const names[] = {"[Content_Types].xml", "_rels/", "xl/", "docProps/",
                                        "mimetypeapplication/vnd.oasis"};
    const char *at = bytes;
    if (!begins(at, count, "PK\x03\x04", 4) || count <= ZIP_NAME_AT) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (begins(at + ZIP_NAME_AT, count - ZIP_NAME_AT, names[i], strlen(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_utf16(const char *bytes, size_t count) {
    size_t looked = count < 64 ? count & ~(size_t)1 : 64, zeros[2] = {0};
    for (size_t i = 0; i < looked; i++) {
        zeros[i % 2] += bytes[i] == '\0';
    }
    bool halves = looked >= 8 && (zeros[0] > looked / 4) != (zeros[1] > looked / 4);
    return begins(bytes, count, "\xFF\xFE", 2) || begins(bytes, count, "\xFE\xFF", 2) || halves;
}

/* The delimiter that its first line has instead; 0: none. */
static char other_delimiter(const char *bytes, size_t count, char delimiter) {
    static const char known[] = {',', ';', '\t', '|'};
    const char *newline = memchr(bytes, '\n', count);
    size_t line = newline != NULL ? (size_t)(newline - bytes) : count, most = 0;
    char found = '\0';
    if (memchr(bytes, delimiter, line) != NULL) {
        return '\0';
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t times = 0;
        for (size_t at = 0; at < line; at++) {
            times += bytes[at] == known[i];
        }
        if (times > most) {
            most = times;
            found = known[i];
        }
    }
    return found;
}

static const char *name_of(char delimiter) {
    return delimiter == '\t'  ? "tab"
           : delimiter == ';' ? "semicolon"
           : delimiter == '|' ? "pipe"
                              : "comma";
}

bool seems_unreadable(const void *bytes, size_t count, char ret_hint[SEEMS_CHARS_MAX + 1]) {
    const char *at = bytes;
    if (count == 0) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1, "The file is empty: even of a day without a "
                                                "movement a statement has a header.");
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (!marks[i].has_reader && begins(at, count, marks[i].mark, marks[i].bytes)) {
            (void)seems(bytes, count, ',', NULL, ret_hint); /* an archive may be a workbook */
            return true;
        }
    }
    if (is_utf16(at, count)) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1,
                 "It seems to be UTF-16. Download it again as UTF-8, or read it with a map.");
        return true;
    }
    return false;
}

const char *seems(const void *bytes, size_t count, char delimiter, const char *charset,
                  char ret_hint[SEEMS_CHARS_MAX + 1]) {
    const char *at = bytes, *end = NULL;
    size_t looked = count < SEEMS_LOOK_BYTES ? count : SEEMS_LOOK_BYTES;
    ret_hint[0] = '\0';
    if (count == 0) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1, "The file is empty.");
        return ret_hint;
    }
    if (seems_workbook(at, count)) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1, "It is a workbook. Save its sheet as CSV.");
        return ret_hint;
    }
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (begins(at, count, marks[i].mark, marks[i].bytes)) {
            snprintf(ret_hint, SEEMS_CHARS_MAX + 1, "%s", marks[i].hint);
            return ret_hint;
        }
    }
    if (charset == NULL && is_utf16(at, count)) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1,
                 "It seems to be UTF-16. Say `charset: utf-16` in the map, or save it as UTF-8.");
        return ret_hint;
    }
    char other = other_delimiter(at, looked, delimiter);
    if (other != '\0') {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1,
                 "Its fields seem to be apart by a %s: say `delimiter: %s` in the map (it reads "
                 "them by a %s now).",
                 name_of(other), name_of(other), name_of(delimiter));
        return ret_hint;
    }
    /* A character that ends behind what is looked at is no fault. */
    if (charset == NULL && !g_utf8_validate(at, (gssize)looked, &end) &&
        (size_t)(end - at) + 4 < looked) {
        snprintf(ret_hint, SEEMS_CHARS_MAX + 1,
                 "It is no UTF-8. Say its `charset` in the map: gb18030, or latin1.");
    }
    return ret_hint;
}
