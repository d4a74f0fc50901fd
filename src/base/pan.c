/* SPDX-License-Identifier: Apache-2.0
 * pan.c: finds payment card numbers.
 *
 * The text is cut into words, which are runs of letters and digits. A word of digits alone begins a
 * candidate; words of digits that follow it after one blank or hyphen each lengthen it. From each
 * word at most 19 digits are looked at, so the search is linear however the text is made.
 *
 * P1  A word with a letter in it, and a word of more than 19 digits, is no part of a card number.
 * P2  A UUID (8-4-4-4-12 hexadecimal digits) is no part of a card number.
 * P3  Up to 15 digits after a plus sign are a phone number (ITU-T E.164).
 * P4  Of candidates that begin at the same word, the longest is taken, so that masking it leaves no
 *     digit of a shorter one but the last four. */
#include "base/pan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/buf.h"

enum {
    DIGITS_MIN = 13,
    DIGITS_MAX = 19,
    DIGITS_KEPT = 4,
    PHONE_DIGITS_MAX = 15,
    UUID_BYTES = 36,
    WALK_DEPTH_MAX = 64,
    POINTER_BYTES_MAX = 256 * 1024,
};

#define LONG(digits) (1u << (digits))
#define LONG_16_19 (LONG(16) | LONG(17) | LONG(18) | LONG(19))
#define LONG_14_19 (LONG(14) | LONG(15) | LONG_16_19)
#define LONG_13_19 (LONG(13) | LONG_14_19)

/* How the schemes' numbers begin (the first four digits, from..to) and how long they are; ISO/IEC
 * 7812 and the schemes' published ranges. Wider than the ranges issued today where ranges move. */
static const struct scheme {
    int from;
    int to;
    unsigned lengths;
} schemes[] = {
    {1000, 1999, LONG(15)},              /* UATP; JCB 1800 */
    {2014, 2014, LONG(15)},              /* Diners Club enRoute */
    {2131, 2131, LONG(15)},              /* JCB */
    {2149, 2149, LONG(15)},              /* Diners Club enRoute */
    {2200, 2205, LONG_16_19},            /* Mir; Borica */
    {2221, 2720, LONG(16)},              /* Mastercard, second series */
    {3000, 3999, LONG_14_19},            /* American Express, Diners Club, JCB, RuPay co-branded */
    {4000, 4999, LONG(13) | LONG_16_19}, /* Visa */
    {5000, 5099, LONG_13_19},            /* Maestro, RuPay, Verve, Elo */
    {5100, 5599, LONG(16)},              /* Mastercard; Diners Club in North America */
    {5600, 5999, LONG_13_19},            /* Maestro, UzCard */
    {6000, 6999, LONG_13_19},            /* Discover, UnionPay, Maestro, RuPay, InterPayment */
    {8100, 8209, LONG_16_19},            /* UnionPay, RuPay */
    {8600, 8600, LONG(16)},              /* UzCard */
    {9550, 9559, LONG(16) | LONG(19)},   /* Chinese banks' cards from before the 62 range */
    {9792, 9792, LONG(16)},              /* Troy */
    {9860, 9860, LONG(16)},              /* Humo */
};

enum kind { OTHER, LETTER, DIGIT, SEPARATOR };

struct unit {
    enum kind kind;
    int digit;
    size_t bytes;
};

static bool is_separator(uint32_t c) {
    return c == 0x00A0 || (c >= 0x2000 && c <= 0x200A) || (c >= 0x2010 && c <= 0x2015) ||
           c == 0x202F || c == 0x2212 || c == 0x3000 || c == 0xFF0D;
}

/* The character that begins at bytes[at]. Beyond ASCII only the digits, blanks and hyphens of other
 * alphabets matter: full-width digits (U+FF10 to U+FF19) are what Chinese and Japanese input
 * makes. */
static struct unit unit_at(const char *bytes, size_t count, size_t at) {
    unsigned char c = (unsigned char)bytes[at];
    if (c >= '0' && c <= '9') {
        return (struct unit){DIGIT, c - '0', 1};
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return (struct unit){LETTER, 0, 1};
    }
    if (c == ' ' || c == '-' || c == '\t') {
        return (struct unit){SEPARATOR, 0, 1};
    }
    if (c == 0xC2 && at + 1 < count && (unsigned char)bytes[at + 1] == 0xA0) {
        return (struct unit){SEPARATOR, 0, 2};
    }
    if ((c & 0xF0) != 0xE0 || at + 2 >= count || ((unsigned char)bytes[at + 1] & 0xC0) != 0x80 ||
        ((unsigned char)bytes[at + 2] & 0xC0) != 0x80) {
        return (struct unit){OTHER, 0, 1};
    }
    uint32_t point = ((uint32_t)(c & 0x0F) << 12) |
                     ((uint32_t)((unsigned char)bytes[at + 1] & 0x3F) << 6) |
                     ((unsigned char)bytes[at + 2] & 0x3F);
    if (point >= 0xFF10 && point <= 0xFF19) {
        return (struct unit){DIGIT, (int)(point - 0xFF10), 3};
    }
    return (struct unit){is_separator(point) ? SEPARATOR : OTHER, 0, 3};
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Whether a UUID begins at bytes[at] and ends with its word. */
static bool is_uuid(const char *bytes, size_t count, size_t at) {
    if (count - at < UUID_BYTES || bytes[at + 8] != '-') {
        return false;
    }
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? bytes[at + i] != '-' : !is_hex(bytes[at + i])) {
            return false;
        }
    }
    if (at + UUID_BYTES == count) {
        return true;
    }
    enum kind next = unit_at(bytes, count, at + UUID_BYTES).kind;
    return next != LETTER && next != DIGIT;
}

/* The digits read so far. The Luhn sum is kept for both parities, because which digits are doubled
 * is known only at the last one. */
struct digits {
    int count;
    int first_four;
    int sum[2]; /* [0]: those at even places from the left doubled; [1]: those at odd places */
};

static void take_digit(struct digits *digits, int digit) {
    int doubled = digit < 5 ? 2 * digit : 2 * digit - 9;
    int place = digits->count & 1;
    digits->sum[place] += doubled;
    digits->sum[1 - place] += digit;
    if (digits->count < 4) {
        digits->first_four = 10 * digits->first_four + digit;
    }
    digits->count++;
}

static bool is_card_number(const struct digits *digits, bool after_plus) {
    if (digits->count < DIGITS_MIN || digits->count > DIGITS_MAX) {
        return false;
    }
    if (after_plus && digits->count <= PHONE_DIGITS_MAX) {
        return false;
    }
    /* The last digit is not doubled, so the doubled ones are those of the other parity. */
    if (digits->sum[digits->count & 1] % 10 != 0) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (digits->first_four >= schemes[i].from && digits->first_four <= schemes[i].to) {
            return (schemes[i].lengths & LONG(digits->count)) != 0;
        }
    }
    return false;
}

/* Bytes of the longest card number that begins with the word at bytes[from], or 0. */
static size_t match_at(const char *bytes, size_t count, size_t from) {
    bool after_plus = from > 0 && bytes[from - 1] == '+';
    struct digits digits = {0};
    size_t longest = 0;
    size_t at = from;
    while (at < count && !is_uuid(bytes, count, at)) {
        struct unit unit = unit_at(bytes, count, at);
        if (unit.kind != DIGIT) {
            break;
        }
        while (unit.kind == DIGIT && digits.count <= DIGITS_MAX) {
            take_digit(&digits, unit.digit);
            at += unit.bytes;
            unit = at < count ? unit_at(bytes, count, at) : (struct unit){OTHER, 0, 0};
        }
        if (unit.kind == LETTER || digits.count > DIGITS_MAX) {
            break;
        }
        if (is_card_number(&digits, after_plus)) {
            longest = at - from;
        }
        if (unit.kind != SEPARATOR) {
            break;
        }
        at += unit.bytes;
    }
    return longest;
}

/* Where the word, UUID or single character that begins at bytes[at] ends. */
static size_t skip_at(const char *bytes, size_t count, size_t at) {
    struct unit unit = unit_at(bytes, count, at);
    if (unit.kind != LETTER && unit.kind != DIGIT) {
        return at + unit.bytes;
    }
    if (is_uuid(bytes, count, at)) {
        return at + UUID_BYTES;
    }
    while (unit.kind == LETTER || unit.kind == DIGIT) {
        at += unit.bytes;
        if (at == count) {
            break;
        }
        unit = unit_at(bytes, count, at);
    }
    return at;
}

/* pan_find() from a place that is not inside a word. */
static bool find_from(const char *bytes, size_t count, size_t from, size_t *ret_offset,
                      size_t *ret_count) {
    for (size_t at = from; at < count; at = skip_at(bytes, count, at)) {
        size_t matched = match_at(bytes, count, at);
        if (matched > 0) {
            *ret_offset = at;
            *ret_count = matched;
            return true;
        }
    }
    return false;
}

bool pan_find(const char *bytes, size_t count, size_t *ret_offset, size_t *ret_count) {
    return find_from(bytes, count, 0, ret_offset, ret_count);
}

/* Where the last four digits of the card number at [from, end) begin. */
static size_t kept_from(const char *bytes, size_t from, size_t end) {
    size_t starts[DIGITS_MAX];
    size_t digits = 0;
    for (size_t at = from; at < end;) {
        struct unit unit = unit_at(bytes, end, at);
        if (unit.kind == DIGIT) {
            starts[digits++] = at;
        }
        at += unit.bytes;
    }
    return starts[digits - DIGITS_KEPT];
}

int pan_mask(char *bytes, size_t count) {
    int found = 0;
    size_t offset = 0;
    size_t matched = 0;
    /* The four digits that are kept may begin another number together with what follows: the search
     * goes on from them. */
    for (size_t from = 0; find_from(bytes, count, from, &offset, &matched); found++) {
        from = kept_from(bytes, offset, offset + matched);
        for (size_t at = offset; at < from;) {
            struct unit unit = unit_at(bytes, count, at);
            if (unit.kind == DIGIT) {
                memset(bytes + at, '*', unit.bytes);
            }
            at += unit.bytes;
        }
    }
    return found;
}

/* ---- JSON text ---- */

/* What an escape of JSON at bytes[at] stands for, and how long it is; 0 when none begins there. */
static size_t read_escape(const char *bytes, size_t count, size_t at, uint32_t *ret_point) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (count - at < 2 || bytes[at] != '\\') {
        return 0;
    }
    const char *letter = memchr(letters, bytes[at + 1], sizeof letters - 1);
    if (letter != NULL) {
        *ret_point = (unsigned char)meant[letter - letters];
        return 2;
    }
    uint32_t point = 0;
    for (size_t i = 2; i < 6; i++) {
        if (bytes[at + 1] != 'u' || at + i >= count || !is_hex(bytes[at + i])) {
            return 0;
        }
        char digit = bytes[at + i];
        point = 16 * point + (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    *ret_point = point;
    return 6;
}

/* Writes the point as UTF-8 (half a surrogate pair as if it were a character: no digit is one).
 * Never longer than the escape that stood for it. */
static size_t write_point(uint32_t point, char *to) {
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    to[0] = (char)(0xE0 | point >> 12);
    to[1] = (char)(0x80 | (point >> 6 & 0x3F));
    to[2] = (char)(0x80 | (point & 0x3F));
    return 3;
}

/* Writes the bytes with their escapes resolved; `ret_lengths` says for each byte written how many
 * it stood for (0: counted with the one before). */
static size_t resolve(const char *bytes, size_t count, char *ret_plain,
                      unsigned char *ret_lengths) {
    size_t written = 0;
    for (size_t at = 0; at < count;) {
        uint32_t point = 0;
        size_t escape = read_escape(bytes, count, at, &point);
        size_t made = 1;
        if (escape > 0) {
            made = write_point(point, ret_plain + written);
        } else {
            ret_plain[written] = bytes[at];
        }
        memset(ret_lengths + written, 0, made);
        ret_lengths[written] = (unsigned char)(escape > 0 ? escape : 1);
        at += ret_lengths[written];
        written += made;
    }
    return written;
}

char *pan_mask_json_text(const char *bytes, size_t count, size_t *ret_count) {
    char *plain = g_malloc(count + 1), *was = g_malloc(count + 1), *masked = NULL;
    unsigned char *lengths = g_malloc(count + 1);
    size_t plain_count = resolve(bytes, count, plain, lengths);
    memcpy(was, plain, plain_count);
    if (pan_mask(plain, plain_count) > 0) {
        size_t written = 0;
        masked = g_malloc(count + 1);
        for (size_t i = 0, at = 0; i < plain_count; at += lengths[i++]) {
            if (plain[i] != was[i] && lengths[i] > 0) {
                masked[written++] = '*';
            } else {
                memcpy(masked + written, bytes + at, lengths[i]);
                written += lengths[i];
            }
        }
        masked[written] = '\0';
        *ret_count = written;
    }
    g_free(plain);
    g_free(was);
    g_free(lengths);
    return masked;
}

static bool holds_card_number(const char *text) {
    size_t offset = 0;
    size_t count = 0;
    return pan_find(text, strlen(text), &offset, &count);
}

/* Whether this value, not what it contains, is or holds a card number. */
static bool is_refused(const json_t *value) {
    if (json_is_string(value)) {
        return holds_card_number(json_string_value(value));
    }
    char text[32] = "";
    if (json_is_integer(value)) {
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)json_integer_value(value));
        return holds_card_number(text);
    }
    /* 4.242424242424242e15 is a card number too. */
    double real = json_is_real(value) ? json_real_value(value) : 0;
    if (real >= 1e12 && real < 1e19 && real == (double)(uint64_t)real) {
        snprintf(text, sizeof(text), "%.0f", real);
        return holds_card_number(text);
    }
    return false;
}

struct frame {
    json_t *container;
    void *at;     /* in an object */
    size_t index; /* in an array */
};

/* RFC 6901 §3. */
static void add_pointer_key(struct buf *pointer, const char *key) {
    for (; *key != '\0'; key++) {
        if (*key == '~') {
            buf_add_text(pointer, "~0");
        } else if (*key == '/') {
            buf_add_text(pointer, "~1");
        } else {
            buf_add_char(pointer, *key);
        }
    }
}

static void add_pointer(struct buf *pointer, const struct frame *frames, size_t depth) {
    for (size_t i = 0; i < depth; i++) {
        buf_add_char(pointer, '/');
        if (json_is_array(frames[i].container)) {
            buf_add_int(pointer, (int64_t)frames[i].index);
        } else {
            add_pointer_key(pointer, json_object_iter_key(frames[i].at));
        }
    }
}

/* Whether a place is the pointer; a '*' in it stands for any one key or index. */
static bool is_place(const char *place, const char *pointer) {
    for (; *place != '\0' && *pointer != '\0'; place++) {
        if (*place == '*') {
            pointer += strcspn(pointer, "/");
        } else if (*place != *pointer++) {
            return false;
        }
    }
    return *place == *pointer;
}

static bool is_allowed(const char *const *allowed, const char *pointer) {
    for (; allowed != NULL && *allowed != NULL; allowed++) {
        if (is_place(*allowed, pointer)) {
            return true;
        }
    }
    return false;
}

static int refuse(const char *place, struct err *err) {
    err_set(err, ERR_CARD_NUMBER, "this looks like a payment card number; none may be sent here");
    err_hint(err, "send the token that the gateway gave for the card");
    err_place(err, "%s", place);
    if (err != NULL) {
        /* Cutting it may have made a number of a longer run. */
        pan_mask(err->place, strlen(err->place));
    }
    return -ERR_CARD_NUMBER;
}

/* Refuses what the topmost frame points at, unless it is a value at an allowed place. The pointer
 * of a key that is refused holds the number, so it is masked; those above it have been looked
 * at. */
static int refuse_current(const struct frame *frames, size_t depth, bool is_key,
                          const char *const *allowed, struct err *err) {
    BUF_AUTO pointer;
    buf_init(&pointer, POINTER_BYTES_MAX);
    add_pointer(&pointer, frames, depth);
    if (!is_key && buf_ok(&pointer) && is_allowed(allowed, pointer.data)) {
        return 0;
    }
    pan_mask(pointer.data, pointer.len);
    return refuse(pointer.data, err);
}

/* Moves the frame to its first or next item. Returns the item, or NULL after the last. */
static json_t *frame_next(struct frame *frame, bool first) {
    if (json_is_array(frame->container)) {
        frame->index = first ? 0 : frame->index + 1;
        return json_array_get(frame->container, frame->index);
    }
    frame->at = first ? json_object_iter(frame->container)
                      : json_object_iter_next(frame->container, frame->at);
    return json_object_iter_value(frame->at);
}

static bool is_container(const json_t *json) {
    return json_is_array(json) || json_is_object(json);
}

int pan_refuse_json(const json_t *json, const char *const *allowed, struct err *err) {
    struct frame frames[WALK_DEPTH_MAX];
    frames[0] = (struct frame){.container = NULL};
    if (!is_container(json)) {
        return is_refused(json) ? refuse_current(frames, 0, false, allowed, err) : 0;
    }
    /* jansson iterates only over what is not const; nothing is changed. */
    frames[0] = (struct frame){.container = (json_t *)(uintptr_t)json};
    size_t depth = 1;
    bool first = true;
    while (depth > 0) {
        struct frame *top = &frames[depth - 1];
        json_t *item = frame_next(top, first);
        first = false;
        if (item == NULL) {
            depth--;
            continue;
        }
        if (json_is_object(top->container) && holds_card_number(json_object_iter_key(top->at))) {
            return refuse_current(frames, depth, true, allowed, err);
        }
        if (is_refused(item)) {
            int result = refuse_current(frames, depth, false, allowed, err);
            if (result != 0) {
                return result;
            }
        }
        if (!is_container(item)) {
            continue;
        }
        if (depth == WALK_DEPTH_MAX) {
            return err_set(err, ERR_VALIDATION, "the JSON is nested too deeply");
        }
        frames[depth++] = (struct frame){.container = item};
        first = true;
    }
    return 0;
}

int pan_refuse_text(const char *text, const char *place, struct err *err) {
    return holds_card_number(text) ? refuse(place, err) : 0;
}
