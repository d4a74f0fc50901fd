/* SPDX-License-Identifier: Apache-2.0
 * fault_text.c: faults as text and as JSON, in and out. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/fault.h"
#include "sandbox/gateway_kind.h"

enum { PAIR_CHARS_MAX = 200, NUMBER_MAX = 1000000000, SECONDS_MAX = 1000000, BYTES_MAX = 1000000 };

static const struct {
    const char *name;
    const char *help;
} kinds[SB_FAULT_KINDS] = {
#define X(name, text, group, help) {text, help},
#include "sandbox/fault_kinds.def"
#undef X
};

static const char *const operations[SB_OPS] = {
#define X(name, text) text,
#include "sandbox/operations.def"
#undef X
};

/* Fields with a whole number; `unit` turns it into what the struct holds. */
static const struct field {
    const char *name;
    size_t offset;
    int64_t unit, min, max;
} fields[] = {
    {"fixed_ms", offsetof(struct sb_fault, fixed_us), US_PER_MS, 0, 600000},
    {"median_ms", offsetof(struct sb_fault, median_us), US_PER_MS, 0, 600000},
    {"p99_ms", offsetof(struct sb_fault, p99_us), US_PER_MS, 0, 600000},
    {"seconds", offsetof(struct sb_fault, later_us), US_PER_SECOND, 0, SECONDS_MAX},
    {"on_s", offsetof(struct sb_fault, on_us), US_PER_SECOND, 0, SECONDS_MAX},
    {"off_s", offsetof(struct sb_fault, off_us), US_PER_SECOND, 0, SECONDS_MAX},
    {"for_s", offsetof(struct sb_fault, for_us), US_PER_SECOND, 0, SECONDS_MAX},
    {"bytes", offsetof(struct sb_fault, bytes), 1, 0, BYTES_MAX},
    {"copies", offsetof(struct sb_fault, copies), 1, 1, 100},
    {"amount_minor", offsetof(struct sb_fault, amount_minor), 1, -NUMBER_MAX, NUMBER_MAX},
    {"count", offsetof(struct sb_fault, count), 1, 1, NUMBER_MAX},
};

static int unknown_kind(const char *name, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no fault '%.40s'", name);
    return err_hint(
        err,
        "down, refuse, reset, slow, intermittent, timeout_before, timeout_after, error, "
        "decline, double_charge, wrong_signature, or callback_ lost, late, duplicate, reorder, "
        "forged, stale, truncated, amount, or statement_ missing, altered, duplicated, late, "
        "corrected, truncated");
}

/* Where a fault strikes unless it is told: what is about charges leaves the other calls alone. */
static unsigned usual_operations(enum sb_fault_kind kind) {
    switch (kind) {
    case SB_FAULT_DECLINE:
        return 1U << SB_OP_CHARGE | 1U << SB_OP_CAPTURE;
    case SB_FAULT_DOUBLE_CHARGE:
    case SB_FAULT_STATEMENT_DUPLICATED:
        return 1U << SB_OP_CHARGE;
    default: /* the bank's statement is another one's */
        return ((1U << SB_OPS) - 1) & ~(1U << SB_OP_PAYOUT);
    }
}

static int64_t usual_seconds(enum sb_fault_kind kind) {
    return kind == SB_FAULT_CALLBACK_LATE    ? 30
           : kind == SB_FAULT_CALLBACK_STALE ? 3600
           : kind == SB_FAULT_STATEMENT_LATE ? 21600
                                             : 2;
}

static int fault_begin(const char *kind, struct sb_fault *fault, struct err *err) {
    *fault = (struct sb_fault){.count = -1};
    for (int i = 0; i < SB_FAULT_KINDS; i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            fault->kind = (enum sb_fault_kind)i;
            fault->status = i == SB_FAULT_ERROR ? 500 : 503;
            fault->probability = i == SB_FAULT_INTERMITTENT ? 0.5 : 1;
            fault->operations = usual_operations((enum sb_fault_kind)i);
            fault->later_us = usual_seconds((enum sb_fault_kind)i) * US_PER_SECOND;
            fault->median_us = 2000 * US_PER_MS;
            fault->bytes = 60;
            fault->copies = 1;
            fault->amount_minor = 100;
            return 0;
        }
    }
    return unknown_kind(kind, err);
}

static int read_operations(const char *text, struct sb_fault *fault, struct err *err) {
    fault->operations = 0;
    while (*text != '\0') {
        size_t count = strcspn(text, "|");
        unsigned before = fault->operations;
        for (int i = 0; i < SB_OPS; i++) {
            if (strlen(operations[i]) == count && memcmp(operations[i], text, count) == 0) {
                fault->operations |= 1U << i;
            }
        }
        if (fault->operations == before) {
            err_set(err, ERR_VALIDATION, "there is no operation '%.*s'",
                    (int)(count < 40 ? count : 40), text);
            return err_hint(err, "charge, capture, refund, query, token, create, cancel, other, "
                                 "payout");
        }
        text += count + (text[count] == '|' ? 1 : 0);
    }
    return 0;
}

static int read_number(const char *name, const char *text, int64_t min, int64_t max,
                       int64_t *ret_number, struct err *err) {
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < min || number > max) {
        return err_set(err, ERR_VALIDATION, "%s is a whole number from %" PRId64 " to %" PRId64,
                       name, min, max);
    }
    *ret_number = number;
    return 0;
}

static int set_probability(const char *text, struct sb_fault *fault, struct err *err) {
    char *end = NULL;
    double probability = strtod(text, &end);
    if (end == text || *end != '\0' || !(probability >= 0 && probability <= 1)) {
        return err_set(err, ERR_VALIDATION, "probability is a number from 0 to 1");
    }
    fault->probability = probability;
    return 0;
}

static int set_status(const char *text, struct sb_fault *fault, struct err *err) {
    int64_t status = 0;
    int rc = read_number("status", text, 400, 599, &status, err);
    if (rc == 0) {
        fault->status = (int)status;
    }
    return rc;
}

static int set_code(const char *text, struct sb_fault *fault, struct err *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    size_t count = strlen(text);
    if (count > SB_FAULT_CODE_MAX || strspn(text, allowed) != count) {
        return err_set(err, ERR_VALIDATION, "code is at most %d letters, digits and '_-./'",
                       SB_FAULT_CODE_MAX);
    }
    memcpy(fault->code, text, count + 1);
    return 0;
}

static int set_field(const char *name, const char *text, struct sb_fault *fault, struct err *err) {
    if (strcmp(name, "operation") == 0) {
        return read_operations(text, fault, err);
    }
    if (strcmp(name, "probability") == 0) {
        return set_probability(text, fault, err);
    }
    if (strcmp(name, "status") == 0) {
        return set_status(text, fault, err);
    }
    if (strcmp(name, "code") == 0) {
        return set_code(text, fault, err);
    }
    if (strcmp(name, "executed") == 0) {
        fault->executed = strcmp(text, "true") == 0;
        return fault->executed || strcmp(text, "false") == 0
                   ? 0
                   : err_set(err, ERR_VALIDATION, "executed is true or false");
    }
    if (strcmp(name, "totals") == 0) {
        fault->totals_kept = strcmp(text, "kept") == 0;
        return fault->totals_kept || strcmp(text, "adjusted") == 0
                   ? 0
                   : err_set(err, ERR_VALIDATION, "totals are kept or adjusted");
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].name, name) == 0) {
            int64_t number = 0;
            int rc = read_number(name, text, fields[i].min, fields[i].max, &number, err);
            number *= fields[i].unit;
            if (rc == 0) {
                memcpy((char *)fault + fields[i].offset, &number, sizeof(number));
            }
            return rc;
        }
    }
    return err_set(err, ERR_VALIDATION, "a fault has no '%.40s'", name);
}

/* What a statement's fault does, where there are several ways. */
static int code_fits(const struct sb_fault *fault, struct err *err) {
    const char *code = fault->code;
    if (fault->kind == SB_FAULT_STATEMENT_ALTERED && code[0] != '\0' &&
        strcmp(code, "amount") != 0 && strcmp(code, "fee") != 0 && strcmp(code, "currency") != 0) {
        return err_set(err, ERR_VALIDATION,
                       "what is altered (code) is the amount, the fee or the currency");
    }
    if (fault->kind == SB_FAULT_STATEMENT_DUPLICATED && code[0] != '\0' &&
        strcmp(code, "copy") != 0) {
        return err_set(err, ERR_VALIDATION, "a duplicate has another id, or is a copy (code=copy)");
    }
    return 0;
}

static int fault_end(struct sb_fault *fault, struct err *err) {
    if ((fault->on_us > 0) != (fault->off_us > 0)) {
        return err_set(err, ERR_VALIDATION, "on_s and off_s come together");
    }
    if (fault->on_us > 0 && fault->kind == SB_FAULT_INTERMITTENT && fault->probability == 0.5) {
        fault->probability = 1; /* time decides, not chance */
    }
    if (fault->p99_us == 0) {
        fault->p99_us = 2 * fault->median_us;
    }
    return code_fits(fault, err);
}

/* "name=value,…" */
static int read_pairs(const char *text, struct sb_fault *fault, struct err *err) {
    while (*text != '\0') {
        char pair[PAIR_CHARS_MAX + 1];
        size_t count = strcspn(text, ",");
        if (count > PAIR_CHARS_MAX) {
            return err_set(err, ERR_VALIDATION, "a part of a fault is too long");
        }
        memcpy(pair, text, count);
        pair[count] = '\0';
        char *equals = strchr(pair, '=');
        if (equals == NULL) {
            return err_set(err, ERR_VALIDATION, "'%.40s' is not name=value", pair);
        }
        *equals = '\0';
        int rc = set_field(pair, equals + 1, fault, err);
        if (rc < 0) {
            return rc;
        }
        text += count + (text[count] == ',' ? 1 : 0);
    }
    return 0;
}

int sb_fault_fits(const struct sb_fault *fault, enum sb_gateway gateway, struct err *err) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    if (fault->kind == SB_FAULT_CALLBACK_STALE && !kind->dated) {
        return err_set(err, ERR_VALIDATION, "a callback of %s does not say when it was signed",
                       sb_gateway_name(gateway));
    }
    if (fault->kind == SB_FAULT_WRONG_SIGNATURE && !kind->signs) {
        return err_set(err, ERR_VALIDATION, "%s signs no answers", sb_gateway_name(gateway));
    }
    if (fault->kind == SB_FAULT_STATEMENT_ALTERED && strcmp(fault->code, "currency") == 0 &&
        kind->place_minutes == BEIJING_MINUTES) {
        return err_set(err, ERR_VALIDATION, "statements of %s are in one currency",
                       sb_gateway_name(gateway));
    }
    return 0;
}

int sb_fault_read_spec(const char *spec, enum sb_gateway *ret_gateway, struct sb_fault *ret_fault,
                       struct err *err) {
    char head[2][32] = {{0}};
    const char *at = spec;
    for (int i = 0; i < 2; i++) {
        size_t count = strcspn(at, ":");
        if (count == 0 || count >= sizeof(head[i])) {
            return err_set(err, ERR_VALIDATION, "a fault is GATEWAY:KIND[:name=value,…]");
        }
        memcpy(head[i], at, count);
        at += count + (at[count] == ':' ? 1 : 0);
    }
    struct sb_fault fault;
    enum sb_gateway gateway;
    if (!sb_gateway_parse(head[0], &gateway)) {
        return sb_gateway_unknown(head[0], err);
    }
    int rc = fault_begin(head[1], &fault, err);
    rc = rc == 0 ? read_pairs(at, &fault, err) : rc;
    rc = rc == 0 ? fault_end(&fault, err) : rc;
    rc = rc == 0 ? sb_fault_fits(&fault, gateway, err) : rc;
    if (rc == 0) {
        *ret_gateway = gateway;
        *ret_fault = fault;
    }
    return rc;
}

/* A JSON value as the text that set_field() takes; a list becomes "a|b". */
static bool value_text(const json_t *value, struct buf *text) {
    if (json_is_string(value)) {
        buf_add_text(text, json_string_value(value));
    } else if (json_is_integer(value)) {
        buf_add_int(text, json_integer_value(value));
    } else if (json_is_real(value)) {
        buf_addf(text, "%.12g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        buf_add_text(text, json_is_true(value) ? "true" : "false");
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            const char *item = json_string_value(json_array_get(value, i));
            buf_add_text(text, i > 0 ? "|" : "");
            buf_add_text(text, item != NULL ? item : "?");
        }
    } else {
        return false;
    }
    return buf_ok(text);
}

int sb_fault_read_json(const json_t *json, struct sb_fault *ret_fault, struct err *err) {
    const char *kind = NULL;
    struct sb_fault fault;
    if (!json_is_object(json)) {
        return err_set(err, ERR_VALIDATION, "a fault is an object with a kind");
    }
    int rc = json_need_text(json, "", "kind", 1, 31, &kind, err);
    rc = rc == 0 ? fault_begin(kind, &fault, err) : rc;
    for (void *at = json_object_iter((json_t *)json); rc == 0 && at != NULL;
         at = json_object_iter_next((json_t *)json, at)) {
        const char *name = json_object_iter_key(at);
        BUF_AUTO text;
        buf_init(&text, PAIR_CHARS_MAX);
        if (strcmp(name, "kind") == 0 || strcmp(name, "hits") == 0) {
            continue;
        }
        if (!value_text(json_object_iter_value(at), &text)) {
            rc = err_set(err, ERR_VALIDATION,
                         "%.40s is a text, a number, a truth value or a list of "
                         "texts",
                         name);
        } else {
            rc = set_field(name, text.data, &fault, err);
        }
        if (rc < 0) {
            (void)err_place(err, "/%.40s", name);
        }
    }
    rc = rc == 0 ? fault_end(&fault, err) : rc;
    if (rc == 0) {
        *ret_fault = fault;
    }
    return rc;
}

void sb_fault_write(const struct sb_fault *fault, struct buf *out) {
    struct sb_fault usual;
    int rc = fault_begin(kinds[fault->kind].name, &usual, NULL);
    INVARIANT(rc == 0, "the fault's kind has a name");
    usual.p99_us = 2 * usual.median_us;
    buf_addf(out, "{\"kind\":\"%s\",\"probability\":%.6g", kinds[fault->kind].name,
             fault->probability);
    if (fault->operations != usual.operations) {
        buf_add_text(out, ",\"operation\":[");
        bool first = true;
        for (int i = 0; i < SB_OPS; i++) {
            if ((fault->operations & (1U << i)) != 0) {
                buf_addf(out, "%s\"%s\"", first ? "" : ",", operations[i]);
                first = false;
            }
        }
        buf_add_char(out, ']');
    }
    if (fault->status != usual.status) {
        buf_addf(out, ",\"status\":%d", fault->status);
    }
    if (fault->code[0] != '\0') {
        buf_addf(out, ",\"code\":\"%s\"", fault->code);
    }
    if (fault->executed) {
        buf_add_text(out, ",\"executed\":true");
    }
    if (fault->totals_kept) {
        buf_add_text(out, ",\"totals\":\"kept\"");
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        int64_t number, before;
        memcpy(&number, (const char *)fault + fields[i].offset, sizeof(number));
        memcpy(&before, (const char *)&usual + fields[i].offset, sizeof(before));
        if (number != before) {
            buf_addf(out, ",\"%s\":%" PRId64, fields[i].name, number / fields[i].unit);
        }
    }
    buf_addf(out, ",\"hits\":%" PRId64 "}", fault->hits);
}
