/* SPDX-License-Identifier: Apache-2.0
 * stripe_lists.c: lists, newest first, and searches, which look through the same objects. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/stripe.h"

enum { LIMIT_USUAL = 10, CLAUSES_MAX = 4, CLAUSE_CHARS_MAX = 511 };

struct clause {
    char field[64]; /* "status", "currency", "customer", or a metadata key */
    bool metadata;
    char value[CLAUSE_CHARS_MAX + 1];
};

/* What is listed. Numbers are walked down from `above` - 1 (or up from `below` + 1). */
struct list {
    enum sb_kind kind;
    const char *url;
    int64_t limit, from_s, to_s; /* created, both inclusive */
    int64_t above, below;        /* -1: no bound */
    const char *customer, *intent, *charge;
    struct clause clauses[CLAUSES_MAX];
    int clause_count;
};

static int64_t created_us_of(enum sb_kind kind, const void *object) {
    switch (kind) {
    case SB_STRIPE_INTENT:
        return ((const struct sb_intent *)object)->created_us;
    case SB_STRIPE_CHARGE:
        return ((const struct sb_charge *)object)->created_us;
    case SB_STRIPE_REFUND:
        return ((const struct sb_refund *)object)->created_us;
    default:
        return ((const struct sb_dispute *)object)->created_us;
    }
}

static enum sb_shape shape_of(enum sb_kind kind) {
    return kind == SB_STRIPE_INTENT   ? SB_SHAPE_INTENT
           : kind == SB_STRIPE_CHARGE ? SB_SHAPE_CHARGE
           : kind == SB_STRIPE_REFUND ? SB_SHAPE_REFUND
                                      : SB_SHAPE_DISPUTE;
}

static struct sb_charge *charge_of(enum sb_kind kind, const void *object) {
    return kind == SB_STRIPE_CHARGE   ? (struct sb_charge *)object
           : kind == SB_STRIPE_REFUND ? ((const struct sb_refund *)object)->charge
                                      : ((const struct sb_dispute *)object)->charge;
}

/* The shard's lock is held. */
static bool clause_fits(const struct clause *clause, const struct sb_intent *intent) {
    char lower[CURRENCY_CHARS + 1];
    const char *is = "";
    if (clause->metadata) {
        is = sb_metadata_get(intent->now->metadata, clause->field);
    } else if (strcmp(clause->field, "status") == 0) {
        is = sb_intent_status_names[intent->now->status];
    } else if (strcmp(clause->field, "currency") == 0) {
        is = currency_lower(intent->currency, lower);
    } else if (strcmp(clause->field, "customer") == 0) {
        is = intent->now->texts->customer != NULL ? intent->now->texts->customer : "";
    }
    return strcmp(is, clause->value) == 0;
}

/* The shard's lock is held. */
static bool fits(struct sb_stripe_call *call, const struct list *list, const void *object) {
    if (list->kind == SB_STRIPE_INTENT) {
        const struct sb_intent *intent = object;
        const char *customer = intent->now->texts->customer;
        for (int i = 0; i < list->clause_count; i++) {
            if (!clause_fits(&list->clauses[i], intent)) {
                return false;
            }
        }
        return list->customer == NULL ||
               (customer != NULL && strcmp(customer, list->customer) == 0);
    }
    const struct sb_charge *charge = charge_of(list->kind, object);
    if (list->charge != NULL &&
        strcmp(sb_id_of(call->place, SB_STRIPE_CHARGE, charge->number).text, list->charge) != 0) {
        return false;
    }
    return list->intent == NULL ||
           strcmp(sb_id_of(call->place, SB_STRIPE_INTENT, charge->intent->number).text,
                  list->intent) == 0;
}

/* The lock is held. */
static void item_write(struct sb_stripe_call *call, enum sb_kind kind, const void *object,
                       struct buf *out) {
    struct sandbox *sandbox = call->sandbox;
    if (kind == SB_STRIPE_INTENT) {
        sb_intent_write(sandbox, object, ((const struct sb_intent *)object)->now, call->expand,
                        out);
    } else if (kind == SB_STRIPE_CHARGE) {
        sb_charge_write(sandbox, object, ((const struct sb_charge *)object)->now, call->expand,
                        out);
    } else if (kind == SB_STRIPE_REFUND) {
        sb_refund_write(sandbox, object, ((const struct sb_refund *)object)->now, call->expand,
                        out);
    } else {
        sb_dispute_write(sandbox, object, ((const struct sb_dispute *)object)->now, out);
    }
}

static bool item_fits(struct sb_stripe_call *call, const struct list *list, int64_t number,
                      bool *ret_too_old) {
    const void *object = sb_place_get(call->place, list->kind, (uint32_t)number);
    if (object == NULL) {
        return false;
    }
    int64_t created_s = created_us_of(list->kind, object) / US_PER_SECOND;
    *ret_too_old = created_s < list->from_s;
    if (*ret_too_old || created_s > list->to_s) {
        return false;
    }
    struct sb_shard *shard = sb_shape_shard(call->place, shape_of(list->kind), object);
    lock_take(&shard->lock);
    bool good = fits(call, list, object);
    lock_give(&shard->lock);
    return good;
}

/* Numbers are given in the order of creation: the first above `to_s`, by halves. */
static int64_t first_after(struct sb_stripe_call *call, const struct list *list) {
    int64_t low = 0, high = sb_place_count(call->place, list->kind);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const void *object = sb_place_get(call->place, list->kind, (uint32_t)middle);
        if (object != NULL && created_us_of(list->kind, object) / US_PER_SECOND <= list->to_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return high;
}

/* Finds up to limit + 1 numbers, newest first. */
static int find_items(struct sb_stripe_call *call, const struct list *list,
                      int64_t ret_numbers[SB_LIST_MAX + 1]) {
    int found = 0;
    bool too_old = false;
    if (list->below >= 0) {
        int64_t end = sb_place_count(call->place, list->kind);
        for (int64_t n = list->below + 1; n < end && found <= list->limit; n++) {
            if (item_fits(call, list, n, &too_old)) {
                ret_numbers[found++] = n;
            }
        }
        for (int i = 0; i < found / 2; i++) {
            int64_t swapped = ret_numbers[i];
            ret_numbers[i] = ret_numbers[found - 1 - i];
            ret_numbers[found - 1 - i] = swapped;
        }
        return found;
    }
    int64_t above = list->to_s < INT64_MAX ? first_after(call, list)
                                           : (int64_t)sb_place_count(call->place, list->kind);
    above = list->above >= 0 && list->above < above ? list->above : above;
    for (int64_t n = above - 1; n >= 0 && found <= list->limit && !too_old; n--) {
        if (item_fits(call, list, n, &too_old)) {
            ret_numbers[found++] = n;
        }
    }
    return found;
}

static void begin_list(struct sb_stripe_call *call) {
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json");
}

/* Writes the page. With `ending_before` the one too many is the newest, else the oldest. Returns
 * the number of the last item written, or -1. */
static int64_t list_write(struct sb_stripe_call *call, const struct list *list,
                          const char *object_name) {
    int64_t numbers[SB_LIST_MAX + 1];
    struct buf *out = &call->reply->body;
    int found = find_items(call, list, numbers);
    bool more = found > list->limit;
    int first = more && list->below >= 0 ? 1 : 0;
    int end = more && list->below < 0 ? found - 1 : found;
    begin_list(call);
    buf_addf(out, "{\"object\":\"%s\",\"data\":[", object_name);
    for (int i = first; i < end; i++) {
        const void *object = sb_place_get(call->place, list->kind, (uint32_t)numbers[i]);
        struct sb_shard *shard = sb_shape_shard(call->place, shape_of(list->kind), object);
        buf_add_text(out, i > first ? "," : "");
        lock_take(&shard->lock);
        item_write(call, list->kind, object, out);
        lock_give(&shard->lock);
    }
    buf_addf(out, "],\"has_more\":%s,\"url\":\"%s\"", more ? "true" : "false", list->url);
    return end > first ? numbers[end - 1] : -1;
}

/* ---- parameters ---- */

static bool read_limit(struct sb_stripe_call *call, int64_t *ret_limit) {
    *ret_limit = LIMIT_USUAL;
    if (!sb_param_int(call, "limit", ret_limit)) {
        return false;
    }
    if (*ret_limit < 1 || *ret_limit > SB_LIST_MAX) {
        struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_integer",
                                        "limit"};
        sb_stripe_fail(call, &error, "This value must be between 1 and %d.", SB_LIST_MAX);
        return false;
    }
    return true;
}

static bool read_created(struct sb_stripe_call *call, int64_t *ret_from_s, int64_t *ret_to_s) {
    int64_t from = INT64_MIN, above = INT64_MIN, to = INT64_MAX, below = INT64_MAX, exactly = -1;
    if (!sb_param_int(call, "created[gte]", &from) || !sb_param_int(call, "created[gt]", &above) ||
        !sb_param_int(call, "created[lte]", &to) || !sb_param_int(call, "created[lt]", &below) ||
        !sb_param_int(call, "created", &exactly)) {
        return false;
    }
    above += above > INT64_MIN ? 1 : 0;
    below -= below < INT64_MAX ? 1 : 0;
    *ret_from_s = exactly >= 0 ? exactly : from > above ? from : above;
    *ret_to_s = exactly >= 0 ? exactly : to < below ? to : below;
    return true;
}

static bool read_cursor(struct sb_stripe_call *call, enum sb_kind kind, const char *name,
                        int64_t *ret_at) {
    const char *id = sb_form_get(&call->form, name);
    uint32_t number = 0;
    if (id == NULL) {
        return true;
    }
    if (!sb_id_number(call->place, kind, id, &number)) {
        struct sb_stripe_error error = {400, "invalid_request_error", "resource_missing", name};
        sb_stripe_fail(call, &error, "No such object: '%.80s'", id);
        return false;
    }
    *ret_at = number;
    return true;
}

static bool read_list(struct sb_stripe_call *call, struct list *list) {
    list->above = list->below = -1;
    list->customer = sb_form_get(&call->form, "customer");
    list->intent = sb_form_get(&call->form, "payment_intent");
    list->charge = sb_form_get(&call->form, "charge");
    return read_limit(call, &list->limit) && read_created(call, &list->from_s, &list->to_s) &&
           read_cursor(call, list->kind, "starting_after", &list->above) &&
           read_cursor(call, list->kind, "ending_before", &list->below);
}

static void list_call(struct sb_stripe_call *call, enum sb_kind kind, const char *url) {
    struct list list = {.kind = kind, .url = url};
    if (read_list(call, &list)) {
        (void)list_write(call, &list, "list");
        buf_add_char(&call->reply->body, '}');
    }
}

void sb_intent_list(struct sb_stripe_call *call) {
    list_call(call, SB_STRIPE_INTENT, "/v1/payment_intents");
}

void sb_charge_list(struct sb_stripe_call *call) {
    list_call(call, SB_STRIPE_CHARGE, "/v1/charges");
}

void sb_refund_list(struct sb_stripe_call *call) {
    list_call(call, SB_STRIPE_REFUND, "/v1/refunds");
}

void sb_dispute_list(struct sb_stripe_call *call) {
    list_call(call, SB_STRIPE_DISPUTE, "/v1/disputes");
}

/* ---- search ---- */

/* A text in quotes, with \' and \" for quotes in it. Returns what follows, or NULL. */
static const char *read_quoted(const char *at, char *ret_text, size_t bytes_max) {
    char quote = *at;
    size_t count = 0;
    if (quote != '\'' && quote != '"') {
        return NULL;
    }
    for (at++; *at != quote; at++) {
        at += *at == '\\' ? 1 : 0;
        if (*at == '\0' || count + 1 >= bytes_max) {
            return NULL;
        }
        ret_text[count++] = *at;
    }
    ret_text[count] = '\0';
    return at + 1;
}

/* metadata['key']:'value' or field:'value'. Returns what follows, or NULL. */
static const char *read_clause(const char *at, struct clause *clause) {
    clause->metadata = strncmp(at, "metadata[", 9) == 0;
    if (clause->metadata) {
        at = read_quoted(at + 9, clause->field, sizeof(clause->field));
        if (at == NULL || at[0] != ']') {
            return NULL;
        }
        at++;
    } else {
        size_t count = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        if (count == 0 || count >= sizeof(clause->field)) {
            return NULL;
        }
        memcpy(clause->field, at, count);
        clause->field[count] = '\0';
        at += count;
    }
    return *at == ':' ? read_quoted(at + 1, clause->value, sizeof(clause->value)) : NULL;
}

static bool read_query(struct sb_stripe_call *call, struct list *list) {
    const char *at = sb_form_get(&call->form, "query");
    while (at != NULL && list->clause_count < CLAUSES_MAX) {
        at = read_clause(at + strspn(at, " "), &list->clauses[list->clause_count]);
        if (at == NULL) {
            break;
        }
        list->clause_count++;
        at += strspn(at, " ");
        if (*at == '\0') {
            return true;
        }
        at = strncmp(at, "AND ", 4) == 0 ? at + 4 : NULL;
    }
    struct sb_stripe_error error = {400, "invalid_request_error", NULL, "query"};
    sb_stripe_fail(call, &error,
                   "The search query is missing, or is not made of at most %d clauses such as "
                   "metadata['key']:'value' or status:'succeeded', joined by AND.",
                   CLAUSES_MAX);
    return false;
}

void sb_intent_search(struct sb_stripe_call *call) {
    struct list list = {.kind = SB_STRIPE_INTENT,
                        .url = "/v1/payment_intents/search",
                        .above = -1,
                        .below = -1,
                        .from_s = INT64_MIN,
                        .to_s = INT64_MAX};
    if (!read_query(call, &list) || !read_limit(call, &list.limit) ||
        !read_cursor(call, SB_STRIPE_INTENT, "page", &list.above)) {
        return;
    }
    struct buf *out = &call->reply->body;
    int64_t last = list_write(call, &list, "search_result");
    bool more = memmem(out->data, out->len, "\"has_more\":true", 15) != NULL;
    if (more && last >= 0) {
        buf_addf(out, ",\"next_page\":\"%s\"}",
                 sb_id_of(call->place, SB_STRIPE_INTENT, (uint32_t)last).text);
    } else {
        buf_add_text(out, ",\"next_page\":null}");
    }
}
