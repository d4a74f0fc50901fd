/* SPDX-License-Identifier: Apache-2.0
 * files_quick.c: what a ref needs of a row, and whether the row is sound, without turning every
 * field into something. Only rows of the plainest writing are looked at here: "12.50", a time of
 * fixed width, texts of printed ASCII. Of those it says what csv_map_row() would say; whatever is
 * written in another way, or looks wrong, is left to csv_map_row(), which has the last word. */
#include <limits.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "match/files/files_impl.h"

enum { DIGITS_MAX = 15, EIGHT = 8, YEAR_LEAST = 1970, DAY_S = 86400 };
#define EACH UINT64_C(0x0101010101010101) /* times a byte: eight of it */
#define SPREAD UINT32_C(0x9E3779B1)       /* times few bits: many, the highest of them best */

static const int64_t powers[] = {1, 10, 100, 1000, 10000};

/* ---- times of fixed width ---- */

/* The pieces of a pattern that are numbers of two digits, and where they stand; the year is two. */
static bool form_add(struct quick_form *form, char piece) {
    static const struct {
        char piece;
        int digits, number;
    } numbers[] = {
        {'Y', 4, QUICK_CENTURY}, {'M', 2, QUICK_MONTH},  {'D', 2, QUICK_DAY}, {'H', 2, QUICK_HOUR},
        {'I', 2, QUICK_MINUTE},  {'S', 2, QUICK_SECOND}, {'F', 3, -1}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (numbers[i].piece != piece) {
            continue;
        }
        if (form->count + numbers[i].digits > QUICK_TIME_MAX) {
            return false;
        }
        if (numbers[i].number >= 0) {
            form->at[numbers[i].number] = (int8_t)form->count;
        }
        for (int j = 0; j < numbers[i].digits; j++) {
            form->digits[form->count++] = 0xFF;
        }
        return true;
    }
    return false;
}

static bool form_literal(struct quick_form *form, char c) {
    if (form->count == QUICK_TIME_MAX) {
        return false;
    }
    form->literals[form->count] = (uint8_t)c;
    form->digits[form->count++] = 0;
    return true;
}

/* Whether the day stands before the time, and is short enough to be looked at in one piece. */
static void find_day(struct quick_form *form) {
    int time_at = form->count, day_end = 0;
    for (int i = 0; i < QUICK_NUMBERS; i++) {
        int at = form->at[i];
        if (i >= QUICK_HOUR && at >= 0) {
            time_at = MIN(time_at, at);
        } else if (i < QUICK_HOUR) {
            day_end = MAX(day_end, at + (i == QUICK_CENTURY ? 4 : 2));
        }
    }
    bool apart = day_end <= time_at && time_at >= EIGHT && form->count - time_at >= EIGHT;
    form->date_bytes = apart ? (uint32_t)time_at : 0;
}

static void form_make(struct quick_form *form, const struct time_pattern *pattern) {
    bool fits = true;
    memset(form, 0, sizeof *form);
    memset(form->at, -1, sizeof form->at);
    for (int i = 0; i < pattern->count && fits; i++) {
        char piece = pattern->pieces[i].piece;
        if (piece == '\0' || piece == 'Z') {
            fits = form_literal(form, piece == 'Z' ? 'Z' : pattern->pieces[i].literal);
        } else {
            fits = form_add(form, piece);
        }
    }
    form->count = fits && form->count >= EIGHT ? form->count : 0;
    find_day(form);
}

static bool eight_fit(const struct quick_form *form, const char *bytes, int at) {
    uint64_t some, digits, literals;
    memcpy(&some, bytes + at, sizeof some);
    memcpy(&digits, form->digits + at, sizeof digits);
    memcpy(&literals, form->literals + at, sizeof literals);
    uint64_t tens = EACH * 0xF0, threes = EACH * 0x30;
    /* A digit is 0x30 to 0x39: what is added to it does not reach the next byte. */
    uint64_t low = (some & tens) ^ threes, high = ((some & EACH * 0x0F) + EACH * 6) & tens;
    return (((low | high) & digits) | ((some ^ literals) & ~digits)) == 0;
}

static int two(const char *bytes, int8_t at) {
    return at < 0 ? 0 : (bytes[at] - '0') * 10 + (bytes[at + 1] - '0');
}

static bool form_fits(const struct quick_form *form, const char *bytes, uint32_t count) {
    static const int8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (form->count == 0 || count != (uint32_t)form->count) {
        return false;
    }
    for (int at = 0; at + EIGHT < form->count; at += EIGHT) {
        if (!eight_fit(form, bytes, at)) {
            return false;
        }
    }
    if (!eight_fit(form, bytes, form->count - EIGHT)) {
        return false;
    }
    int month = two(bytes, form->at[QUICK_MONTH]), day = two(bytes, form->at[QUICK_DAY]);
    int year = two(bytes, form->at[QUICK_CENTURY]) * 100 +
               two(bytes, (int8_t)(form->at[QUICK_CENTURY] + 2));
    /* The 29th of February is left to those who know the calendar. */
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month] && year >= YEAR_LEAST &&
           two(bytes, form->at[QUICK_HOUR]) < 24 && two(bytes, form->at[QUICK_MINUTE]) < 60 &&
           two(bytes, form->at[QUICK_SECOND]) < 60;
}

/* The rest of a field whose day is that of the row before. */
static inline bool clock_fits(const struct quick_form *form, const char *bytes) {
    int hour = form->at[QUICK_HOUR], minute = form->at[QUICK_MINUTE];
    int second = form->at[QUICK_SECOND];
    for (int at = (int)form->date_bytes; at + EIGHT < form->count; at += EIGHT) {
        if (!eight_fit(form, bytes, at)) {
            return false;
        }
    }
    return eight_fit(form, bytes, form->count - EIGHT) &&
           (hour < 0 || bytes[hour] < '2' || (bytes[hour] == '2' && bytes[hour + 1] < '4')) &&
           (minute < 0 || bytes[minute] < '6') && (second < 0 || bytes[second] < '6');
}

/* ---- what the map asks for ---- */

static void currency_set(struct quick_currency *slot, struct currency currency, uint32_t code) {
    slot->currency = currency;
    slot->decimals = currency_exponent(currency);
    slot->code = code;
    slot->face = face_of((enum row_kind)0, (enum row_status)0, currency);
}

void quick_init(struct quick *quick, const struct map_binding *binding, enum map_role key,
                bool other) {
    static const enum map_role texts[] = {MAP_GATEWAY_ID,         MAP_REFERENCE, MAP_ORIGINAL_ID,
                                          MAP_ORIGINAL_REFERENCE, MAP_BATCH,     MAP_METHOD};
    const struct csv_map *map = binding->map;
    *quick = (struct quick){.map = map, .binding = binding, .other = other ? MAP_REFERENCE : -1};
    quick->key = key == MAP_ROLE_COUNT ? -1 : (int)key;
    quick->date_last = INT_MAX;
    quick->day_form = -1;
    quick->possible = binding->column[MAP_GROSS] >= 0 && !map_has(map, MAP_DIRECTION) &&
                      map->positive == 0 && binding->column[MAP_TIME] >= 0 &&
                      (map->style.minor || map->style.implied == 0);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (binding->column[texts[i]] >= 0) {
            quick->texts[quick->text_count++] = binding->column[texts[i]];
        }
    }
    for (int i = 0; i < map->pattern_count; i++) {
        form_make(&quick->forms[i], &map->patterns[i]);
    }
    for (int kind = 1; kind < ROW_KIND_COUNT; kind++) {
        quick->signs[kind] = (int8_t)row_kind_sign((enum row_kind)kind);
    }
    quick->currency = &quick->currencies[0];
    if (map->has_currency) {
        currency_set(&quick->currencies[0], map->currency, 0);
    }
}

/* ---- fields ---- */

/* A field's bytes without the blanks around them. */
struct span {
    const char *bytes;
    uint32_t count;
};

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

G_GNUC_NO_INLINE static struct span without_blanks(const char *bytes, uint32_t count) {
    while (count > 0 && is_blank(*bytes)) {
        bytes++;
        count--;
    }
    while (count > 0 && is_blank(bytes[count - 1])) {
        count--;
    }
    return (struct span){bytes, count};
}

static inline struct span trimmed(const struct csv_field *field) {
    const char *bytes = field->bytes;
    uint32_t count = field->count;
    bool is_trimmed = count > 0 && (uint8_t)bytes[0] > ' ' && (uint8_t)bytes[count - 1] > ' ';
    return is_trimmed ? (struct span){bytes, count} : without_blanks(bytes, count);
}

G_GNUC_NO_INLINE static bool is_printed(const struct csv_field *field) {
    bool printed = !field->doubled;
    for (uint32_t i = 0; i < field->count; i++) {
        printed = printed && field->bytes[i] >= ' ' && field->bytes[i] < 0x7F;
    }
    return printed;
}

/* The first eight bytes of a field, what is behind it too: `end` is that of all bytes. */
static inline uint64_t eight_of(const struct span *field, const char *end) {
    uint64_t eight = 0;
    if (end - field->bytes >= EIGHT) {
        memcpy(&eight, field->bytes, sizeof eight);
        return GUINT64_FROM_LE(eight);
    }
    for (uint32_t i = 0; i < field->count && i < EIGHT; i++) {
        eight |= (uint64_t)(uint8_t)field->bytes[i] << EIGHT * i;
    }
    return eight;
}

/* The low `count` bytes of eight. */
static inline uint64_t low_bytes(int count) {
    return count >= EIGHT ? UINT64_MAX : (UINT64_C(1) << EIGHT * count) - 1;
}

/* Amounts as most are: no more than eight bytes, no sign, all decimals. The last digit comes to
 * stand highest, zeros before the first; then pairs, fours and eights of them are put together. */
static inline bool eight_amount(uint64_t eight, uint32_t count, int decimals, char decimal,
                                int64_t *ret_minor) {
    int digits = (int)count - (decimals > 0);
    if (count < 1 || count > EIGHT || digits <= decimals) {
        return false;
    }
    eight <<= EIGHT * (EIGHT - (int)count);
    if (decimals > 0) {
        uint64_t below = low_bytes(EIGHT - 1 - decimals);
        if ((char)(eight >> EIGHT * (EIGHT - 1 - decimals)) != decimal) {
            return false;
        }
        eight = (eight & ~low_bytes(EIGHT - decimals)) | (eight & below) << EIGHT;
    }
    eight |= EACH * '0' & low_bytes(EIGHT - digits);
    if (((eight & EACH * 0xF0) ^ EACH * '0') != 0 ||
        (((eight & EACH * 0x0F) + EACH * 6) & EACH * 0xF0) != 0) {
        return false;
    }
    eight = (eight & EACH * 0x0F) * (10 << 8 | 1) >> 8;
    eight = (eight & UINT64_C(0x00FF00FF00FF00FF)) * (100 << 16 | 1) >> 16;
    eight = (eight & UINT64_C(0x0000FFFF0000FFFF)) * (UINT64_C(10000) << 32 | 1) >> 32;
    *ret_minor = (int64_t)eight;
    return true;
}

/* "-12.50" of a currency with two decimals or more. */
G_GNUC_NO_INLINE static bool any_amount(const struct amount_style *style, const struct span *field,
                                        int decimals, int64_t *ret_minor) {
    const char *at = field->bytes, *end = at + field->count;
    int behind = 0;
    int64_t value = 0;
    bool minus = at < end && *at == '-';
    at += minus;
    if (end - at < 1 || end - at > DIGITS_MAX || (unsigned char)(*at - '0') > 9) {
        return false;
    }
    while (at < end && (unsigned char)(*at - '0') <= 9) {
        value = value * 10 + (*at++ - '0');
    }
    if (at < end) {
        behind = (int)(end - at) - 1;
        if (*at++ != style->decimal || behind < 1 || behind > decimals) {
            return false;
        }
        for (; at < end; at++) {
            if ((unsigned char)(*at - '0') > 9) {
                return false;
            }
            value = value * 10 + (*at - '0');
        }
    }
    value *= powers[decimals - behind];
    *ret_minor = minus ? -value : value;
    return true;
}

static inline bool quick_amount(const struct quick *quick, const struct span *field,
                                const char *end, int64_t *ret_minor) {
    const struct amount_style *style = &quick->map->style;
    int decimals = style->minor ? 0 : quick->currency->decimals;
    return eight_amount(eight_of(field, end), field->count, decimals, style->decimal, ret_minor) ||
           any_amount(style, field, decimals, ret_minor);
}

/* Another word than that of the row before. */
G_GNUC_NO_INLINE static const struct map_word *other_word(const struct map_words *words,
                                                          const struct span *field,
                                                          const char *end,
                                                          struct quick_word *last) {
    for (int i = 0; i < words->count; i++) {
        const struct map_word *word = &words->words[i];
        if (word->bytes == field->count && same_bytes(word->text, field->bytes, field->count)) {
            if (field->count > 0 && field->count <= EIGHT) {
                *last = (struct quick_word){eight_of(field, end), low_bytes((int)field->count),
                                            field->count, word};
            }
            return word;
        }
    }
    return NULL;
}

/* A word of the map; mostly that of the row before. */
static inline const struct map_word *quick_word(const struct map_words *words,
                                                const struct span *field, const char *end,
                                                struct quick_word *last) {
    bool is_last = field->count == last->bytes &&
                   ((eight_of(field, end) ^ last->eight) & last->mask) == 0;
    return is_last ? last->word : other_word(words, field, end, last);
}

G_GNUC_NO_INLINE static bool new_currency(struct quick_currency *slot, const struct span *field,
                                          uint32_t code) {
    char text[CURRENCY_CHARS + 1] = "";
    struct currency currency;
    memcpy(text, field->bytes, CURRENCY_CHARS);
    if (currency_parse(text, &currency, NULL) < 0) {
        return false;
    }
    currency_set(slot, currency, code);
    return true;
}

/* A currency is looked up once: files have few. */
static inline bool quick_currency(struct quick *quick, const struct span *field, const char *end) {
    if (quick->map->has_currency) {
        return true;
    }
    if (field->count != CURRENCY_CHARS) {
        return false;
    }
    uint32_t code = (uint32_t)(eight_of(field, end) & low_bytes(CURRENCY_CHARS));
    struct quick_currency *slot = &quick->currencies[code * SPREAD >> (32 - QUICK_CURRENCY_BITS)];
    quick->currency = slot;
    return slot->code == code || new_currency(slot, field, code);
}

/* The kind and what amounts without a sign are multiplied with. */
static inline bool quick_kind(struct quick *quick, const struct side_records *records,
                              enum row_kind *ret_kind, int *ret_sign) {
    const struct csv_map *map = quick->map;
    const struct csv_field *fields = records->fields;
    int column = quick->binding->column[MAP_KIND], own = 0;
    *ret_kind = map->kind;
    if (column >= 0) {
        struct span field = trimmed(&fields[column]);
        const struct map_word *word = field.count <= ROW_ID_CHARS_MAX
                                          ? quick_word(&map->kinds, &field, records->csv.end,
                                                       &quick->kind)
                                          : NULL;
        if (word == NULL || (!records->csv.plain && !is_printed(&fields[column]))) {
            return false;
        }
        *ret_kind = (enum row_kind)word->value;
        own = word->sign;
    }
    own = own != 0 ? own : quick->signs[*ret_kind];
    *ret_sign = map->sign == SIGN_BY_KIND ? own : map->sign == SIGN_REVERSED ? -1 : 1;
    return *ret_kind != ROW_AUTHORIZATION && *ret_sign != 0;
}

static inline bool quick_texts(const struct quick *quick, const struct csv_field *fields,
                               bool plain) {
    for (int i = 0; i < quick->text_count; i++) {
        const struct csv_field *field = &fields[quick->texts[i]];
        if (field->count > ROW_ID_CHARS_MAX || (!plain && !is_printed(field))) {
            return false;
        }
    }
    int note = quick->binding->column[MAP_DESCRIPTION];
    return plain || note < 0 || is_printed(&fields[note]);
}

static inline bool quick_amounts(struct quick *quick, const struct side_records *records,
                                 enum row_kind kind, int sign, struct quick_row *row) {
    const struct csv_map *map = quick->map;
    const struct csv_field *fields = records->fields;
    const char *end = records->csv.end;
    const int *column = quick->binding->column;
    struct span field = trimmed(&fields[column[MAP_GROSS]]);
    int64_t gross = 0, fee = AMOUNT_UNSAID, net = 0;
    if (!quick_amount(quick, &field, end, &gross) || (map->sign == SIGN_BY_KIND && gross < 0)) {
        return false;
    }
    gross *= sign;
    int own = quick->signs[kind];
    if ((own > 0 && gross < 0) || (own < 0 && gross > 0)) {
        return false;
    }
    if (column[MAP_FEE] >= 0) {
        field = trimmed(&fields[column[MAP_FEE]]);
        if (field.count > 0 && !quick_amount(quick, &field, end, &fee)) {
            return false;
        }
        fee = field.count > 0 ? fee * map->fee_sign : AMOUNT_UNSAID;
    }
    if (column[MAP_NET] >= 0) {
        field = trimmed(&fields[column[MAP_NET]]);
        if (field.count > 0 &&
            (!quick_amount(quick, &field, end, &net) ||
             (map->check_net && fee != AMOUNT_UNSAID && gross - fee != net * sign))) {
            return false;
        }
    }
    row->amount_minor = gross;
    row->fee_minor = fee;
    return true;
}

static int date_of(const struct quick_form *form, const char *bytes) {
    int year = two(bytes, form->at[QUICK_CENTURY]) * 100 +
               two(bytes, (int8_t)(form->at[QUICK_CENTURY] + 2));
    int month = two(bytes, form->at[QUICK_MONTH]), day = two(bytes, form->at[QUICK_DAY]);
    return (year * 100 + month) * 100 + day;
}

/* On a day on which clocks change there are times that never were: csv_map_row() knows them. */
G_GNUC_NO_INLINE static bool is_of_plain_day(struct quick *quick, int date) {
    int year = date / 10000, month = date / 100 % 100, day = date % 100;
    if (quick->date != date) {
        int64_t begin_s = 0;
        quick->changes = !calendar_date(year, month, day, &begin_s) ||
                         wall_from_local(quick->map->zone, begin_s + DAY_S) -
                                 wall_from_local(quick->map->zone, begin_s) !=
                             DAY_S * US_PER_SECOND;
        quick->date = date;
    }
    return !quick->changes;
}

/* A time of another day, or in another form, than the row before. */
G_GNUC_NO_INLINE static bool other_day(struct quick *quick, const struct span *field) {
    const struct quick_form *form = &quick->forms[quick->form];
    bool fits = form_fits(form, field->bytes, field->count);
    for (int i = 0; i < quick->map->pattern_count && !fits; i++) {
        form = &quick->forms[i];
        fits = form_fits(form, field->bytes, field->count);
        quick->form = fits ? i : quick->form;
    }
    int date = fits ? date_of(form, field->bytes) : INT_MAX;
    fits = fits && date <= quick->date_last &&
           (quick->map->zone == NULL || is_of_plain_day(quick, date));
    if (fits && form->date_bytes > 0) {
        memcpy(quick->day, field->bytes, form->date_bytes);
        quick->day_form = quick->form;
    }
    return fits;
}

static inline bool quick_time(struct quick *quick, const struct csv_field *fields) {
    struct span field = trimmed(&fields[quick->binding->column[MAP_TIME]]);
    const struct quick_form *form = &quick->forms[quick->form];
    bool is_same_day = quick->day_form == quick->form && field.count == (uint32_t)form->count &&
                       same_bytes(field.bytes, quick->day, form->date_bytes);
    return is_same_day ? clock_fits(form, field.bytes) : other_day(quick, &field);
}

bool quick_look(struct quick *quick, const struct side_records *records,
                struct quick_row *ret_row) {
    const struct map_binding *binding = quick->binding;
    const struct csv_field *fields = records->fields;
    enum row_kind kind = ROW_CHARGE;
    enum row_status status = quick->map->status;
    int sign = 1, column = 0;
    if (!quick->possible || records->count < binding->fields_least ||
        records->count > binding->fields_most || !quick_texts(quick, fields, records->csv.plain) ||
        !quick_kind(quick, records, &kind, &sign)) {
        return false;
    }
    struct span field = {"", 0};
    if ((column = binding->column[MAP_CURRENCY]) >= 0) {
        field = trimmed(&fields[column]);
    }
    if (!quick_currency(quick, &field, records->csv.end) ||
        !quick_amounts(quick, records, kind, sign, ret_row) || !quick_time(quick, fields)) {
        return false;
    }
    if ((column = binding->column[MAP_STATUS]) >= 0) {
        field = trimmed(&fields[column]);
        const struct map_word *word = quick_word(&quick->map->statuses, &field, records->csv.end,
                                                 &quick->status);
        if (word == NULL) {
            return false;
        }
        status = (enum row_status)word->value;
    }
    ret_row->face = (uint32_t)kind | (uint32_t)status << STATUS_SHIFT | quick->currency->face;
    ret_row->key = ret_row->other = "";
    ret_row->key_bytes = ret_row->other_bytes = 0;
    if (quick->key >= 0) {
        field = trimmed(&fields[binding->column[quick->key]]);
        ret_row->key = field.bytes;
        ret_row->key_bytes = field.count;
    }
    if (quick->other >= 0) {
        field = trimmed(&fields[binding->column[quick->other]]);
        ret_row->other = field.bytes;
        ret_row->other_bytes = field.count;
    }
    return true;
}
