/* SPDX-License-Identifier: Apache-2.0
 * csv.c: records of delimited text, field by field. */
#include "statement/csv.h"

#include <glib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char NEVER_ENDS[] = "a quote is opened and never closed";
static const char AFTER_QUOTE[] = "something follows a closing quote";
static const char MANY_FIELDS[] = "more fields than are ever taken";
static const char LONG_RECORD[] = "a record longer than is ever taken";

void csv_open(struct csv *csv, const void *bytes, size_t count, char delimiter, char quote) {
    const char *at = bytes;
    if (count >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
        count -= 3;
    }
    *csv = (struct csv){
        .at = at, .end = at + count, .line = 1, .delimiter = delimiter, .quote = quote};
}

static enum csv_result bad(struct csv *csv, const char *begin, const char *why,
                           const char **ret_why) {
    const char *newline = memchr(begin, '\n', (size_t)(csv->end - begin));
    csv->at = newline != NULL ? newline + 1 : csv->end;
    csv->line++;
    *ret_why = why;
    return CSV_BAD;
}

/* Behind the closing quote of a field whose first byte is `at`, or why there is none. */
static const char *quoted_end(const struct csv *csv, const char *at, struct csv_field *field,
                              int64_t *lines, const char **ret_why) {
    field->bytes = at;
    field->doubled = false;
    for (;;) {
        const char *quote = memchr(at, csv->quote, (size_t)(csv->end - at));
        if (quote == NULL) {
            *ret_why = NEVER_ENDS;
            return NULL;
        }
        for (const char *line = at; (line = memchr(line, '\n', (size_t)(quote - line))) != NULL;
             line++) {
            *lines += 1;
        }
        if (quote + 1 == csv->end || quote[1] != csv->quote) {
            if (quote - field->bytes > CSV_RECORD_BYTES_MAX) {
                *ret_why = LONG_RECORD;
                return NULL;
            }
            field->count = (uint32_t)(quote - field->bytes);
            return quote + 1;
        }
        field->doubled = true;
        at = quote + 2;
    }
}

/* A carriage return before the line's end belongs to the end. */
static bool ends_line(const struct csv *csv, const char *at) {
    return at == csv->end || *at == '\n' || (*at == '\r' && (at + 1 == csv->end || at[1] == '\n'));
}

static void pass_empty_lines(struct csv *csv) {
    while (csv->at < csv->end) {
        const char *at = csv->at + (*csv->at == '\r');
        if (at < csv->end && *at != '\n') {
            return;
        }
        csv->at = at < csv->end ? at + 1 : at;
        csv->line++;
    }
}

/* ---- marks ---- */

/* What 64 bytes hold, a bit for each: where fields and records end, and what else is no ASCII that
 * is printed. */
enum { WINDOW = 64, AHEAD = 1024 };

#ifdef __SSE2__

static inline void look(struct csv *csv, const char *bytes) {
    const __m128i delimiters = _mm_set1_epi8(csv->delimiter), newlines = _mm_set1_epi8('\n');
    const __m128i one = _mm_set1_epi8(1), least = _mm_set1_epi8(' ' + 1);
    uint64_t marks = 0, odd = 0;
#pragma GCC unroll 4
    for (int i = 0; i < WINDOW; i += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(some, delimiters),
                                    _mm_cmpeq_epi8(some, newlines));
        /* One more than 0x7E is the largest with a sign; what lies above begins from below. */
        __m128i strange = _mm_cmplt_epi8(_mm_add_epi8(some, one), least);
        marks |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << i;
        odd |= (uint64_t)(unsigned)_mm_movemask_epi8(strange) << i;
    }
    csv->marks = marks;
    csv->odd = odd & ~marks;
}

/* The marks of 64 bytes, and how many of them are line ends. *ret_strange: among the bytes there is
 * something odd, or a quote. */
static inline uint64_t marks_of(const struct csv *csv, const char *bytes, unsigned *ret_newlines,
                                bool *ret_strange) {
    const __m128i delimiters = _mm_set1_epi8(csv->delimiter), newlines = _mm_set1_epi8('\n');
    const __m128i one = _mm_set1_epi8(1), least = _mm_set1_epi8(' ' + 1);
    const __m128i quotes = _mm_set1_epi8(csv->quote);
    __m128i strange = _mm_setzero_si128(), counts = _mm_setzero_si128();
    uint64_t marks = 0;
#pragma GCC unroll 4
    for (int i = 0; i < WINDOW; i += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i newline = _mm_cmpeq_epi8(some, newlines);
        __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(some, delimiters), newline);
        __m128i odd = _mm_cmplt_epi8(_mm_add_epi8(some, one), least);
        strange = _mm_or_si128(strange, _mm_or_si128(_mm_andnot_si128(mark, odd),
                                                     _mm_cmpeq_epi8(some, quotes)));
        counts = _mm_sub_epi8(counts, newline);
        marks |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << i;
    }
    counts = _mm_sad_epu8(counts, _mm_setzero_si128());
    *ret_newlines = (unsigned)_mm_cvtsi128_si32(counts) +
                    (unsigned)_mm_cvtsi128_si32(_mm_srli_si128(counts, 8));
    *ret_strange = _mm_movemask_epi8(strange) != 0;
    return marks;
}

#else

#define EACH UINT64_C(0x0101010101010101) /* times a byte: eight of it */

/* The top bit of each byte that is zero, exactly: no carry leaves a byte. */
static uint64_t zeros(uint64_t eight) {
    return ~(((eight & EACH * 0x7F) + EACH * 0x7F) | eight | EACH * 0x7F);
}

/* The top bits of eight bytes as eight bits, the first byte's lowest. */
static uint64_t gather(uint64_t tops) {
    return (tops >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static void look(struct csv *csv, const char *bytes) {
    const uint64_t delimiters = EACH * (unsigned char)csv->delimiter;
    csv->marks = csv->odd = 0;
    for (int i = 0; i < WINDOW; i += 8) {
        uint64_t some;
        memcpy(&some, bytes + i, sizeof some);
        some = GUINT64_FROM_LE(some);
        uint64_t mark = zeros(some ^ delimiters) | zeros(some ^ EACH * '\n');
        /* Below a blank: without its low five bits nothing is left, or only the top one. */
        uint64_t odd = zeros(some & EACH * 0x60) | zeros(some ^ EACH * 0x7F) | some;
        csv->marks |= gather(mark) << i;
        csv->odd |= gather(odd & EACH * 0x80) << i;
    }
    csv->odd &= ~csv->marks;
}

/* The marks of 64 bytes, and how many of them are line ends. *ret_strange: among the bytes there is
 * something odd, or a quote. */
static uint64_t marks_of(const struct csv *csv, const char *bytes, unsigned *ret_newlines,
                         bool *ret_strange) {
    const uint64_t quotes = EACH * (unsigned char)csv->quote;
    struct csv window = *csv;
    uint64_t quoted = 0;
    *ret_newlines = 0;
    look(&window, bytes);
    for (int i = 0; i < WINDOW; i += 8) {
        uint64_t some;
        memcpy(&some, bytes + i, sizeof some);
        quoted |= zeros(some ^ quotes);
        *ret_newlines += (unsigned)(((zeros(some ^ EACH * '\n') >> 7) * EACH) >> 56);
    }
    *ret_strange = (window.odd | quoted) != 0;
    return window.marks;
}

#endif

/* The window that begins at `at`; what lies behind the file's end is neither mark nor odd. */
static inline void look_at(struct csv *csv, const char *at) {
    size_t left = (size_t)(csv->end - at);
    csv->window = at;
    if (left >= WINDOW) {
        look(csv, at);
        return;
    }
    char padded[WINDOW];
    memset(padded, 'x', sizeof padded);
    memcpy(padded, at, left);
    look(csv, padded);
    uint64_t inside = (UINT64_C(1) << left) - 1;
    csv->marks &= inside;
    csv->odd &= inside;
}

/* How far into the window `at` is; another window where it is in none. */
static inline size_t into_window(struct csv *csv, const char *at) {
    size_t into = (size_t)((uintptr_t)at - (uintptr_t)csv->window);
    if (into < WINDOW) {
        return into;
    }
    look_at(csv, at);
    return 0;
}

/* What is odd from `from` in the window to `end`. A carriage return that belongs to the line's end
 * is nothing odd. */
static inline uint64_t odd_until(const struct csv *csv, size_t from, const char *end) {
    uint64_t odd = csv->odd >> from;
    size_t count = (size_t)(end - csv->window) - from;
    if (count < WINDOW) {
        odd &= (UINT64_C(1) << count) - 1;
    }
    if (odd != 0 && count > 0 && count <= WINDOW && end[-1] == '\r' &&
        (end == csv->end || *end == '\n')) {
        odd &= ~(UINT64_C(1) << (count - 1));
    }
    return odd;
}

/* One field in quotes, whose first quote is at `at`: its end, or why it has none. */
static const char *quoted_field(const struct csv *csv, const char *at, struct csv_field *field,
                                int64_t *lines, const char **ret_why) {
    at = quoted_end(csv, at + 1, field, lines, ret_why);
    if (at == NULL) {
        return NULL;
    }
    at += ends_line(csv, at) && at < csv->end && *at == '\r';
    if (at < csv->end && *at != csv->delimiter && *at != '\n') {
        *ret_why = AFTER_QUOTE;
        return NULL;
    }
    return at;
}

/* A record without quotes that lies well before the file's end, which is nearly every one. False:
 * it is none, and nothing has been taken. */
static inline bool plain_record(struct csv *csv, struct csv_field *fields, int fields_max,
                                int *ret_count) {
    const char *at = csv->at, *scan = at, *odd_from = at;
    const char quote = csv->quote;
    const struct csv_field *const limit = fields + fields_max;
    struct csv_field *field = fields;
    if (csv->end - at < 2 * WINDOW || *at == quote || field == limit) {
        return false;
    }
    size_t into = into_window(csv, at);
    uint64_t left = csv->marks >> into; /* marks from `scan` on */
    uint64_t odd = 0, odds = csv->odd >> into;
    for (;;) {
        while (left == 0) {
            scan = csv->window + WINDOW;
            if (csv->end - scan < 2 * WINDOW) {
                return false;
            }
            odd |= odds;
            csv->window = odd_from = scan;
            /* What comes later is on its way meanwhile: the processor's own guess ends with each
             * page. */
            __builtin_prefetch((const void *)((uintptr_t)scan + AHEAD));
            look(csv, scan);
            left = csv->marks;
            odds = csv->odd;
        }
        int before = __builtin_ctzll(left);
        const char *stop = scan + before;
        *field++ = (struct csv_field){at, (uint32_t)(stop - at), false};
        left = left >> before >> 1;
        at = scan = stop + 1;
        if (*stop == '\n') {
            break;
        }
        if (*at == quote || field == limit) {
            return false;
        }
    }
    const char *stop = at - 1;
    odds &= (UINT64_C(1) << (stop - odd_from)) - 1;
    if (stop - csv->at > CSV_RECORD_BYTES_MAX) {
        return false;
    }
    if (stop[-1] == '\r' && field[-1].count > 0) {
        field[-1].count--;
        odds &= stop > odd_from ? ~(UINT64_C(1) << (stop - odd_from - 1)) : ~UINT64_C(0);
    }
    csv->plain = (odd | odds) == 0;
    csv->at = at;
    csv->line++;
    *ret_count = (int)(field - fields);
    return true;
}

enum csv_result csv_next(struct csv *csv, struct csv_field *fields, int fields_max, int *ret_count,
                         int64_t *ret_line, const char **ret_why) {
    if (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r')) {
        pass_empty_lines(csv);
    }
    if (csv->at == csv->end) {
        return CSV_END;
    }
    *ret_line = csv->line;
    if (plain_record(csv, fields, fields_max, ret_count)) {
        return CSV_RECORD;
    }
    const char *const begin = csv->at, *const end = csv->end, *at = begin, *scan = begin;
    const char quote = csv->quote;
    size_t odd_from = into_window(csv, begin);
    uint64_t left = csv->marks >> odd_from; /* marks from `scan` on */
    uint64_t odd = 0;
    int64_t lines = 1;
    int count = 0;
    for (;; at++) {
        if (count == fields_max) {
            return bad(csv, begin, MANY_FIELDS, ret_why);
        }
        struct csv_field *field = &fields[count++];
        if (at < end && *at == quote && quote != 0) {
            at = quoted_field(csv, at, field, &lines, ret_why);
            if (at == NULL) {
                return bad(csv, begin, *ret_why, ret_why);
            }
            odd = 1;
            odd_from = into_window(csv, at);
            left = csv->marks >> odd_from;
            scan = at;
        } else {
            while (left == 0 && csv->window + WINDOW < end) {
                odd |= csv->odd >> odd_from;
                scan = csv->window + WINDOW;
                look_at(csv, scan);
                left = csv->marks;
                odd_from = 0;
            }
            const char *stop = left != 0 ? scan + __builtin_ctzll(left) : end;
            *field = (struct csv_field){at, (uint32_t)(stop - at), false};
            at = stop;
        }
        if (at == end || *at == '\n') {
            break;
        }
        left = left >> (at - scan) >> 1;
        scan = at + 1;
    }
    if (at - begin > CSV_RECORD_BYTES_MAX) {
        return bad(csv, begin, LONG_RECORD, ret_why);
    }
    struct csv_field *last = &fields[count - 1];
    last->count -= last->bytes + last->count == at && last->count > 0 && at[-1] == '\r';
    csv->plain = (odd | odd_until(csv, odd_from, at)) == 0;
    csv->at = at < end ? at + 1 : at;
    csv->line += lines;
    *ret_count = count;
    return CSV_RECORD;
}

/* ---- records that are alike ---- */

enum { ALIKE_BYTES_MAX = 64 * 1024, MARKS_AT_ONCE = 8 };
static_assert(ALIKE_BYTES_MAX + WINDOW <= CSV_RECORD_BYTES_MAX, "a record that is found fits");

/* Whether what is strange in a window is nothing but carriage returns before line ends. */
static bool are_line_ends(const struct csv *csv, const char *bytes) {
    for (int i = 0; i < WINDOW; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool odd = (c < ' ' || c >= 0x7F) && c != '\n' && c != (unsigned char)csv->delimiter;
        if ((odd && (c != '\r' || bytes[i + 1] != '\n')) || c == (unsigned char)csv->quote) {
            return false;
        }
    }
    return true;
}

/* How many bits are set. */
static inline unsigned bits_of(uint64_t bits) {
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    return (unsigned)(((bits + (bits >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F)) *
                          UINT64_C(0x0101010101010101) >> 56);
}

/* Where the next marks are, of which so many are wanted: how many there were, and how many of them
 * are line ends. The numbers of a window are written eight at a time, also those that are none: no
 * branch depends on how many it has. */
static size_t marks_ahead(const struct csv *csv, size_t wanted, uint32_t *ret_ends,
                          size_t *ret_newlines) {
    const char *const from = csv->at;
    size_t count = 0, newlines = 0;
    for (uint32_t at = 0; count < wanted && at < ALIKE_BYTES_MAX; at += WINDOW) {
        if ((size_t)(csv->end - from) < (size_t)at + 2 * WINDOW) {
            break;
        }
        bool strange = false;
        unsigned ended = 0;
        __builtin_prefetch((const void *)((uintptr_t)from + at + AHEAD));
        uint64_t marks = marks_of(csv, from + at, &ended, &strange);
        if (strange && !are_line_ends(csv, from + at)) {
            break;
        }
        size_t more = bits_of(marks);
        for (size_t i = 0; i < more; i += MARKS_AT_ONCE) {
#pragma GCC unroll 8
            for (int j = 0; j < MARKS_AT_ONCE; j++) {
                ret_ends[count + i + (size_t)j] =
                    at + (uint32_t)__builtin_ctzll(marks | UINT64_C(1) << (WINDOW - 1));
                marks &= marks - 1;
            }
        }
        count += more;
        newlines += ended;
    }
    *ret_newlines = newlines;
    return count;
}

/* Whether these marks are those of a record of so many fields. */
static bool is_record(const struct csv *csv, const uint32_t *ends, size_t fields) {
    int other = csv->at[ends[fields - 1]] ^ '\n';
    for (size_t i = 0; i + 1 < fields; i++) {
        other |= csv->at[ends[i]] ^ csv->delimiter;
    }
    return other == 0;
}

void csv_alike_look(const struct csv *csv, int fields, int records_max, struct csv_alike *alike) {
    alike->from = csv->at;
    alike->fields = fields;
    alike->records = 0;
    if (fields < 2 || fields > CSV_ALIKE_FIELDS_MAX || records_max > CSV_ALIKE_RECORDS_MAX) {
        return;
    }
    size_t each = (size_t)fields, records = 0, newlines = 0;
    size_t count = marks_ahead(csv, each * (size_t)records_max, alike->ends, &newlines);
    /* When each line end is where it should be, all others are ends of fields. */
    while ((records + 1) * each <= count &&
           csv->at[alike->ends[(records + 1) * each - 1]] == '\n') {
        records++;
    }
    for (size_t i = 0; records != newlines && i < records; i++) {
        records = is_record(csv, alike->ends + i * each, each) ? records : i;
    }
    alike->records = (int)MIN(records, (size_t)records_max);
}

/* ---- passing over ---- */

struct lines_seen {
    uint64_t newlines, quotes; /* a bit for each of 64 bytes */
};

#ifdef __SSE2__

static inline struct lines_seen see(const char *bytes, char quote) {
    const __m128i quotes = _mm_set1_epi8(quote), newlines = _mm_set1_epi8('\n');
    struct lines_seen seen = {0, 0};
#pragma GCC unroll 4
    for (int i = 0; i < WINDOW; i += 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        unsigned newline = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(some, newlines));
        unsigned mark = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(some, quotes));
        seen.newlines |= (uint64_t)newline << i;
        seen.quotes |= (uint64_t)mark << i;
    }
    return seen;
}

#else

static inline struct lines_seen see(const char *bytes, char quote) {
    struct lines_seen seen = {0, 0};
    for (int i = 0; i < WINDOW; i += 8) {
        uint64_t some;
        memcpy(&some, bytes + i, sizeof some);
        some = GUINT64_FROM_LE(some);
        seen.newlines |= gather(zeros(some ^ EACH * '\n')) << i;
        seen.quotes |= gather(zeros(some ^ EACH * (unsigned char)quote)) << i;
    }
    return seen;
}

#endif

/* Records that are lines: without a quote, not empty, well before the file's end. How many of
 * `count` they were; what comes next may be another one, but has to be looked at. */
static int64_t pass_lines(struct csv *csv, int64_t count) {
    const char *at = csv->at, *begin = at;
    int64_t passed = 0;
    while (passed < count && csv->end - at > 2 * WINDOW && at - begin <= CSV_RECORD_BYTES_MAX) {
        __builtin_prefetch((const void *)((uintptr_t)at + AHEAD));
        struct lines_seen seen = see(at, csv->quote);
        uint64_t before = seen.quotes & (0 - seen.quotes); /* the first quote, or 0 */
        seen.newlines &= before - 1;
        for (; seen.newlines != 0 && passed < count; seen.newlines &= seen.newlines - 1) {
            const char *newline = at + __builtin_ctzll(seen.newlines);
            if (newline - begin < 2) {
                before = 1;
                break;
            }
            begin = newline + 1;
            passed++;
        }
        if (before != 0) {
            break;
        }
        at += WINDOW;
    }
    csv->at = begin;
    csv->line += passed;
    return passed;
}

bool csv_pass(struct csv *csv, int64_t count, struct csv_field *fields, int fields_max) {
    while (count > 0) {
        int64_t line = 0;
        int field_count = 0;
        const char *why = NULL;
        count -= pass_lines(csv, count);
        if (count > 0) {
            if (csv_next(csv, fields, fields_max, &field_count, &line, &why) != CSV_RECORD) {
                return false;
            }
            count--;
        }
    }
    return true;
}

static void trim(const char **bytes, const char **end) {
    while (*bytes < *end && (**bytes == ' ' || **bytes == '\t')) {
        *bytes += 1;
    }
    while (*end > *bytes && ((*end)[-1] == ' ' || (*end)[-1] == '\t')) {
        *end -= 1;
    }
}

bool csv_field_copy(const struct csv_field *field, char *text, size_t text_bytes) {
    const char *at = field->bytes, *end = at + field->count;
    size_t used = 0;
    trim(&at, &end);
    for (; at < end; at++) {
        if (*at == '\0' || used + 1 >= text_bytes) {
            return false;
        }
        text[used++] = *at;
        at += field->doubled && *at == '"' && at + 1 < end && at[1] == '"';
    }
    text[used] = '\0';
    return true;
}

bool csv_field_is(const struct csv_field *field, const char *text) {
    const char *at = field->bytes, *end = at + field->count;
    trim(&at, &end);
    return !field->doubled && (size_t)(end - at) == strlen(text) &&
           memcmp(at, text, (size_t)(end - at)) == 0;
}
