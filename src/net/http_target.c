/* SPDX-License-Identifier: Apache-2.0
 * http_target.c: see http_target.h. */
#include "net/http_target.h"

#include <glib.h>
#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535 };

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

ptrdiff_t http_decode(const char *text, size_t count, bool plus_is_blank, char *ret_text) {
    size_t to = 0;
    for (size_t from = 0; from < count; from++) {
        char c = text[from];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            int high = from + 2 < count ? hex_value(text[from + 1]) : -1;
            int low = high >= 0 ? hex_value(text[from + 2]) : -1;
            if (low < 0) {
                return -1;
            }
            c = (char)(high * 16 + low);
            from += 2;
        }
        ret_text[to++] = c;
    }
    return (ptrdiff_t)to;
}

static bool port_ok(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 5 && text[digits] == '\0' && strtol(text, NULL, 10) <= PORT_MAX;
}

bool http_host_ok(const char *host) {
    size_t name;
    if (host[0] == '[') {
        size_t inside = strspn(host + 1, "0123456789abcdefABCDEF:.");
        if (inside < 2 || host[1 + inside] != ']') {
            return false;
        }
        name = inside + 2;
    } else {
        name = 0;
        while (is_alnum(host[name]) || (host[name] != '\0' && strchr("-._", host[name]) != NULL)) {
            name++;
        }
    }
    return name > 0 && (host[name] == '\0' || (host[name] == ':' && port_ok(host + name + 1)));
}

/* Characters that must not stand raw: in any target, and in a path besides (RFC 3986 §3.3; queries
 * are taken as browsers send them). */
static bool raw_ok(const char *text, const char *refused) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= 0x20 || c >= 0x7f || strchr(refused, c) != NULL) {
            return false;
        }
    }
    return true;
}

static enum http_refusal path_segments(const char *path) {
    for (const char *slash = path; slash != NULL;) {
        const char *segment = slash + 1;
        const char *next = strchr(segment, '/');
        size_t bytes = next != NULL ? (size_t)(next - segment) : strlen(segment);
        if (bytes == 0 && next != NULL) {
            return HTTP_REFUSAL_PATH_EMPTY;
        }
        if ((bytes == 1 && segment[0] == '.') || (bytes == 2 && memcmp(segment, "..", 2) == 0)) {
            return HTTP_REFUSAL_PATH_DOTS;
        }
        slash = next;
    }
    return HTTP_REFUSAL_NONE;
}

/* Only an escape can bring in a control character or a backslash; a slash is looked for before. */
static enum http_refusal path_decode(char *path) {
    if (!raw_ok(path, "[\\]^`{|}")) {
        return HTTP_REFUSAL_TARGET_CHAR;
    }
    for (const char *escape = strchr(path, '%'); escape != NULL; escape = strchr(escape + 1, '%')) {
        if (strncasecmp(escape, "%2f", 3) == 0) {
            return HTTP_REFUSAL_PATH_ENCODED;
        }
    }
    ptrdiff_t bytes = http_decode(path, strlen(path), false, path);
    if (bytes < 0) {
        return HTTP_REFUSAL_PATH_ESCAPE;
    }
    for (ptrdiff_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c < 0x20 || c == 0x7f || c == '\\') {
            return HTTP_REFUSAL_PATH_ENCODED;
        }
    }
    path[bytes] = '\0';
    if (!g_utf8_validate(path, (gssize)bytes, NULL)) {
        return HTTP_REFUSAL_PATH_UTF8;
    }
    return path_segments(path);
}

/* Passes over "http://host"; `ret_rest` is where the path, the query or the end is. */
static enum http_refusal absolute_skip(char *target, bool tls, const char *host, char **ret_rest) {
    const char *scheme = tls ? "https://" : "http://";
    size_t scheme_bytes = strlen(scheme);
    if (strncasecmp(target, scheme, scheme_bytes) != 0) {
        return HTTP_REFUSAL_TARGET_FORM;
    }
    char *authority = target + scheme_bytes;
    size_t bytes = strcspn(authority, "/?");
    if (bytes != strlen(host) || strncasecmp(authority, host, bytes) != 0) {
        return HTTP_REFUSAL_OTHER_HOST;
    }
    *ret_rest = authority + bytes;
    return HTTP_REFUSAL_NONE;
}

enum http_refusal http_target_read(char *target, bool options, bool tls, const char *host,
                                   struct http_target *ret_target) {
    if (!raw_ok(target, "#\"<>")) {
        return HTTP_REFUSAL_TARGET_CHAR;
    }
    if (options && strcmp(target, "*") == 0) {
        *ret_target = (struct http_target){.path = "*", .query = ""};
        return HTTP_REFUSAL_NONE;
    }
    char *path = target;
    if (target[0] != '/') {
        enum http_refusal refusal = absolute_skip(target, tls, host, &path);
        if (refusal != HTTP_REFUSAL_NONE) {
            return refusal;
        }
    }
    struct http_target found = {.path = "/", .query = ""};
    char *question = strchr(path, '?');
    if (question != NULL) {
        *question = '\0';
        found.query = question + 1;
    }
    if (path[0] != '\0') {
        enum http_refusal refusal = path_decode(path);
        if (refusal != HTTP_REFUSAL_NONE) {
            return refusal;
        }
        found.path = path;
    }
    *ret_target = found;
    return HTTP_REFUSAL_NONE;
}
