/* SPDX-License-Identifier: Apache-2.0
 * err.c: errors as rows of errors.def, and the end of the program when a bug is found. */
#include "base/err.h"

#include <stdarg.h>
#include <unistd.h>

struct error_row {
    enum err_code code;
    int http_status;
    const char *name;
    const char *type;
    enum err_retry retry;
    const char *title;
};

/* INTERNAL stands first in errors.def: it is what an unknown code becomes. */
static const struct error_row errors[] = {
#define X(name, number, status, type, retry, title)                                                \
    {ERR_##name, (status), #name, (type), ERR_RETRY_##retry, (title)},
#include "base/errors.def"
#undef X
};

static const struct error_row *row_of(enum err_code code) {
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        if (errors[i].code == code) {
            return &errors[i];
        }
    }
    return &errors[0];
}

/* The text may have been cut inside a UTF-8 character: takes the broken rest away, so that the text
 * can go into JSON as it is. */
static void drop_broken_tail(char *text) {
    size_t len = strlen(text);
    size_t tail = 0;

    while (tail < len && tail < 3 && ((unsigned char)text[len - 1 - tail] & 0xC0) == 0x80) {
        tail++;
    }
    if (tail < len) {
        const unsigned char lead = (unsigned char)text[len - 1 - tail];
        const size_t follow = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;

        if (follow > tail) {
            text[len - 1 - tail] = '\0';
        }
    }
}

/* Formats first and copies then, since the arguments may point into `into` itself. */
static void PRINTF_LIKE(3, 0)
    write_text(char *into, size_t size, const char *format, va_list args) {
    char text[sizeof(((struct err *)NULL)->detail)];
    int wanted;

    static_assert(sizeof(text) >= sizeof(((struct err *)NULL)->hint), "any part fits");
    static_assert(sizeof(text) >= sizeof(((struct err *)NULL)->place), "any part fits");
    wanted = vsnprintf(text, size, format, args);
    if (wanted < 0) {
        text[0] = '\0';
    } else if ((size_t)wanted >= size) {
        drop_broken_tail(text);
    }
    memcpy(into, text, strlen(text) + 1);
}

int err_set(struct err *err, enum err_code code, const char *format, ...) {
    va_list args;

    if (err == NULL) {
        return -(int)code;
    }
    va_start(args, format);
    write_text(err->detail, sizeof(err->detail), format, args);
    va_end(args);
    err->code = code;
    err->hint[0] = '\0';
    err->place[0] = '\0';
    return -(int)code;
}

int err_place(struct err *err, const char *format, ...) {
    va_list args;

    if (err == NULL) {
        return -ERR_INTERNAL;
    }
    va_start(args, format);
    write_text(err->place, sizeof(err->place), format, args);
    va_end(args);
    return -(int)err->code;
}

int err_hint(struct err *err, const char *format, ...) {
    va_list args;

    if (err == NULL) {
        return -ERR_INTERNAL;
    }
    va_start(args, format);
    write_text(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return -(int)err->code;
}

int err_while(struct err *err, const char *format, ...) {
    static const char before[] = "while ";
    static const char after[] = ": ";
    char doing[sizeof(err->detail)];
    char whole[sizeof(err->detail)];
    size_t len = 0;
    va_list args;

    if (err == NULL) {
        return -ERR_INTERNAL;
    }
    va_start(args, format);
    write_text(doing, sizeof(doing), format, args);
    va_end(args);
    const char *const parts[] = {before, doing, after, err->detail};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const size_t room = sizeof(whole) - 1 - len;
        const size_t wanted = strlen(parts[i]);
        const size_t count = wanted < room ? wanted : room;

        memcpy(whole + len, parts[i], count);
        len += count;
    }
    whole[len] = '\0';
    drop_broken_tail(whole);
    memcpy(err->detail, whole, strlen(whole) + 1);
    return -(int)err->code;
}

void err_clear(struct err *err) {
    memset(err, 0, sizeof(*err));
}

int err_http_status(enum err_code code) {
    return row_of(code)->http_status;
}

const char *err_type(enum err_code code) {
    return row_of(code)->type;
}

const char *err_title(enum err_code code) {
    return row_of(code)->title;
}

const char *err_name(enum err_code code) {
    return row_of(code)->name;
}

enum err_retry err_retry_class(enum err_code code) {
    return row_of(code)->retry;
}

void invariant_broken(const char *file, int line, const char *condition, const char *why) {
    /* The build's own folders are nobody's business: the path starts at src/ or tests/. */
    const char *inside = strstr(file, "src/");

    if (inside == NULL) {
        inside = strstr(file, "tests/");
    }
    (void)dprintf(STDERR_FILENO, "holdfast: broken invariant at %s:%d: %s%s%s\n",
                  inside != NULL ? inside : file, line, condition, why[0] != '\0' ? ": " : "", why);
    abort();
}
