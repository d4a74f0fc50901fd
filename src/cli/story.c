/* SPDX-License-Identifier: Apache-2.0
 * story.c: `holdfast payment show`: everything that happened to one payment, in the order in which
 * it happened, and why each gateway was chosen. */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- the card ---- */

static void amounts(struct table *card, const json_t *payment) {
    static const struct {
        const char *key, *word;
    } parts[] = {
        {"amount_authorized", "authorized"},
        {"amount_captured", "captured"},
        {"amount_refunded", "refunded"},
        {"amount_refund_pending", "refund pending"},
    };
    char money[SHOW_CHARS_MAX], line[256];
    size_t used = (size_t)snprintf(line, sizeof line, "%s", field_money(payment, "amount", money));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (field_int(payment, parts[i].key) > 0 && used < sizeof line) {
            used += (size_t)snprintf(line + used, sizeof line - used, ", %s %s", parts[i].word,
                                     field_money(payment, parts[i].key, money));
        }
    }
    table_pair(card, "amount", line);
}

static void print_card(const struct cli *cli, const json_t *payment) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const char *gateway = field_text(payment, "gateway");
    const json_t *customer = json_object_get(payment, "customer");
    table_pair(card, "payment", field_text(payment, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(payment, "state"));
    table_pair(card, "customer reads", field_text(payment, "message"));
    amounts(card, payment);
    table_pairf(card, "paid by", "%s%s%s", field_word(payment, "method"),
                gateway != NULL ? " at " : "", gateway != NULL ? gateway : "");
    table_pair(card, "order", field_text(payment, "order_id"));
    if (field_text(customer, "id") != NULL) {
        const char *region = field_text(customer, "region");
        table_pairf(card, "customer", "%s%s%s%s", field_word(customer, "id"),
                    region != NULL ? ", " : "", region != NULL ? region : "",
                    field_true(customer, "vip") ? ", VIP" : "");
    }
    table_pair(card, "failure", json_peek_text(payment, "failure", "code", NULL));
    field_next(card, payment);
    table_pair(card, "next step", json_peek_text(payment, "action", "type", NULL));
    table_pair(card, "", json_peek_text(payment, "action", "url", NULL));
    table_pair(card, "to review", field_text(payment, "review"));
    table_pair(card, "description", field_text(payment, "description"));
    table_pair(card, "created", show_moment(field_text(payment, "created_at"), text));
    table_pair(card, "updated", show_moment(field_text(payment, "updated_at"), text));
    table_print(card, cli, NULL);
}

/* ---- what happened, in time ---- */

/* One line of the story. Lines of the same moment keep the order in which they were added. */
struct moment {
    int64_t at_us;
    guint order;
    const char *what; /* borrowed from the table below or from the answer */
    char *detail;     /* owned; NULL: none */
    const char *word; /* coloured as a state; NULL: none */
};

struct story {
    GArray *moments;
};

static void moment_clear(gpointer data) {
    struct moment *moment = data;
    g_free(moment->detail);
}

static void add_at(struct story *story, int64_t at_us, const char *what, const char *word,
                   char *detail) {
    struct moment moment = {
        .at_us = at_us, .what = what, .word = word, .detail = detail, .order = story->moments->len};
    g_array_append_val(story->moments, moment);
}

static void add(struct story *story, const char *time, const char *what, const char *word,
                char *detail) {
    int64_t at_us;
    if (time == NULL || !clock_parse(time, &at_us)) {
        g_free(detail);
        return;
    }
    add_at(story, at_us, what, word, detail);
}

static gint earlier(gconstpointer a, gconstpointer b) {
    const struct moment *x = a, *y = b;
    if (x->at_us != y->at_us) {
        return x->at_us < y->at_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The separator only between two things. */
static void append(GString *text, const char *separator, const char *more) {
    if (more != NULL && more[0] != '\0') {
        g_string_append_printf(text, "%s%s", text->len > 0 ? separator : "", more);
    }
}

/* "alipay-cn (breaker open), paypal-eu (does not take this method)". */
static char *passed_over(const json_t *row) {
    GString *others = g_string_new("");
    size_t i;
    json_t *candidate;
    json_array_foreach(json_object_get(json_object_get(row, "decision"), "candidates"), i,
                       candidate) {
        if (!field_true(candidate, "eligible")) {
            append(others, ", ", field_word(candidate, "gateway"));
            g_string_append_printf(others, " (%s)", field_word(candidate, "reason"));
        }
    }
    return g_string_free(others, FALSE);
}

/* "paypal, priority 2; passed over: stripe-eu (breaker open)". */
static char *decision_text(const json_t *attempt) {
    GString *text = g_string_new(field_word(attempt, "gateway"));
    const json_t *decision = json_object_get(attempt, "decision");
    const char *rule = field_text(decision, "rule");
    if (rule != NULL && rule[0] != '\0') {
        g_string_append_printf(text, " by rule \"%s\"", rule);
    }
    size_t i;
    json_t *candidate;
    json_array_foreach(json_object_get(decision, "candidates"), i, candidate) {
        if (strcmp(field_word(candidate, "gateway"), field_word(attempt, "gateway")) == 0) {
            append(text, ", ", field_text(candidate, "reason"));
        }
    }
    char *others = passed_over(attempt);
    append(text, "; passed over: ", others);
    g_free(others);
    return g_string_free(text, FALSE);
}

/* It is over, but for a while nobody knew: that belongs to how it ended. */
static const char *was_unknown(const json_t *row) {
    bool still = strcmp(field_word(row, "state"), "unknown") == 0;
    return field_true(row, "was_unknown") && !still ? "it had been unknown" : NULL;
}

/* What the attempt was when it was settled. What was held and then captured or released has another
 * state by now, and that has a line of its own, later. */
static const char *state_then(const json_t *attempt) {
    const char *outcome = field_word(attempt, "outcome");
    return strcmp(outcome, "authorized") == 0 ? outcome : field_text(attempt, "state");
}

static char *outcome_text(const json_t *attempt) {
    const char *outcome = field_word(attempt, "outcome"), *then = state_then(attempt);
    bool said = then != NULL && strcmp(outcome, then) == 0;
    GString *text = g_string_new(said ? "" : outcome);
    const char *code = field_text(attempt, "code"), *message = field_text(attempt, "message");
    const char *source = field_text(attempt, "source"), *id = field_text(attempt, "charge_id");
    append(text, ", ", code);
    append(text, ": ", message);
    append(text, "; ", was_unknown(attempt));
    if (source != NULL && strcmp(source, "answer") != 0) { /* an answer to the call is the rule */
        append(text, "; ", "told by ");
        g_string_append(text, source);
    }
    static const char not_sent[] = "nothing was sent"; /* the client's own words often say so */
    if (strcmp(field_word(attempt, "reach"), "not_sent") == 0 &&
        strstr(text->str, not_sent) == NULL) {
        append(text, "; ", not_sent);
    }
    if (field_int(attempt, "duration_ms") > 0) {
        char took[SHOW_CHARS_MAX];
        append(text, "; ", show_latency(field_int(attempt, "duration_ms") * US_PER_MS, took));
    }
    append(text, "; ", id);
    return g_string_free(text, FALSE);
}

/* "stripe-eu, repeat: timeout; 10 s". */
static char *inquiry_text(const json_t *inquiry) {
    char took[SHOW_CHARS_MAX];
    GString *text = g_string_new(field_word(inquiry, "gateway"));
    append(text, " about ", field_text(inquiry, "operation_id"));
    append(text, ", ", field_text(inquiry, "source"));
    append(text, ": ", field_text(inquiry, "code"));
    if (field_int(inquiry, "duration_ms") > 0) {
        append(text, "; ", show_latency(field_int(inquiry, "duration_ms") * US_PER_MS, took));
    }
    return g_string_free(text, FALSE);
}

/* The first reason; the others are in the JSON. */
static void add_checks(struct story *story, const json_t *answer) {
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(answer, "risk"), i, check) {
        const json_t *hits = json_object_get(check, "hits");
        const json_t *hit = json_array_get(hits, 0);
        GString *text = g_string_new(field_true(check, "skipped") ? "switched off" : "");
        append(text, ", ", field_text(hit, "rule"));
        append(text, ": ", field_text(hit, "why"));
        if (json_array_size(hits) > 1) {
            g_string_append_printf(text, "; and %zu more", json_array_size(hits) - 1);
        }
        add(story, field_text(check, "at"), "checked", field_text(check, "action"),
            g_string_free(text, FALSE));
    }
}

static void add_inquiries(struct story *story, const json_t *answer) {
    size_t i;
    json_t *inquiry;
    json_array_foreach(json_object_get(answer, "inquiries"), i, inquiry) {
        add(story, field_text(inquiry, "at"), "asked", field_text(inquiry, "outcome"),
            inquiry_text(inquiry));
    }
}

/* When an attempt that is not over yet was last heard of: the end of its last question, or of the
 * call itself. */
static bool last_word(const json_t *answer, const json_t *attempt, int64_t *ret_at_us) {
    const json_t *last = attempt;
    const char *time = field_text(attempt, "created_at"), *id = field_text(attempt, "id");
    size_t i;
    json_t *inquiry;
    json_array_foreach(json_object_get(answer, "inquiries"), i, inquiry) {
        if (id != NULL && field_text(inquiry, "operation_id") == NULL &&
            strcmp(field_word(inquiry, "attempt_id"), id) == 0) {
            last = inquiry;
            time = field_text(inquiry, "at");
        }
    }
    if (time == NULL || !clock_parse(time, ret_at_us)) {
        return false;
    }
    *ret_at_us += field_int(last, "duration_ms") * US_PER_MS;
    return true;
}

static void add_attempts(struct story *story, const json_t *answer) {
    size_t i;
    json_t *attempt;
    json_array_foreach(json_object_get(answer, "attempts"), i, attempt) {
        const char *settled = field_text(attempt, "settled_at");
        add(story, field_text(attempt, "created_at"), "sent to", NULL, decision_text(attempt));
        int64_t at_us;
        if (settled != NULL) {
            add(story, settled, "outcome", state_then(attempt), outcome_text(attempt));
        } else if (last_word(answer, attempt, &at_us)) {
            add_at(story, at_us, "outcome", field_text(attempt, "state"), outcome_text(attempt));
        }
    }
}

/* Nobody was asked: all that stood in the way. */
static void add_not_sent(struct story *story, const json_t *answer) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "not_sent"), i, row) {
        add(story, field_text(row, "at"), "not sent", field_text(row, "code"), passed_over(row));
    }
}

static char *operation_text(const json_t *operation) {
    char money[SHOW_CHARS_MAX];
    GString *text = g_string_new(field_word(operation, "id"));
    /* What a cancellation releases is the payment's amount, or nothing was held yet. */
    if (field_int(operation, "amount") > 0) {
        append(text, " of ", field_money(operation, "amount", money));
    }
    append(text, ", ", field_text(operation, "reason"));
    append(text, ": ", field_text(operation, "message"));
    append(text, "; ", was_unknown(operation));
    if (field_true(operation, "was_unknown")) {
        append(text, "; told by ", field_text(operation, "source"));
    }
    return g_string_free(text, FALSE);
}

static void add_operations(struct story *story, const json_t *answer) {
    size_t i;
    json_t *operation;
    json_array_foreach(json_object_get(answer, "operations"), i, operation) {
        add(story, field_text(operation, "created_at"), field_text(operation, "object"),
            field_text(operation, "state"), operation_text(operation));
    }
}

static void add_rest(struct story *story, const json_t *answer) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "events"), i, row) {
        add(story, field_text(row, "at"), "event", NULL, g_strdup(field_word(row, "type")));
    }
    json_array_foreach(json_object_get(answer, "callbacks"), i, row) {
        long long again = (long long)field_int(row, "duplicates");
        char *repeats = again > 0 ? g_strdup_printf(" (came %lld times more)", again)
                                  : g_strdup("");
        add(story, field_text(row, "received_at"), "callback", NULL,
            g_strdup_printf("%s from %s: %s%s", field_word(row, "type"), field_word(row, "gateway"),
                            field_word(row, "result"), repeats));
        g_free(repeats);
    }
    json_array_foreach(json_object_get(answer, "postings"), i, row) {
        char money[SHOW_CHARS_MAX];
        add(story, field_text(row, "at"), "posted", NULL,
            g_strdup_printf("%s %s: %s to %s", field_word(row, "kind"),
                            field_money(row, "amount", money), field_word(row, "credit"),
                            field_word(row, "debit")));
    }
    json_array_foreach(json_object_get(answer, "cases"), i, row) {
        add(story, field_text(row, "opened_at"), "case", field_text(row, "state"),
            g_strdup_printf("%s %s: %s", field_word(row, "id"), field_word(row, "kind"),
                            field_word(row, "detail")));
    }
}

/* "+0.120s", "+1m04s" after the payment's first moment. */
static const char *offset(int64_t span_us, char text[SHOW_CHARS_MAX]) {
    char span[SHOW_CHARS_MAX];
    if (span_us < 60 * US_PER_SECOND) {
        snprintf(text, SHOW_CHARS_MAX, "+%lld.%03llds", (long long)(span_us / US_PER_SECOND),
                 (long long)(span_us % US_PER_SECOND / US_PER_MS));
    } else {
        snprintf(text, SHOW_CHARS_MAX, "+%.40s", show_span(span_us, span));
    }
    return text;
}

static void print_story(const struct cli *cli, const json_t *answer) {
    struct story story = {g_array_new(FALSE, FALSE, sizeof(struct moment))};
    g_array_set_clear_func(story.moments, moment_clear);
    add_checks(&story, answer);
    add_inquiries(&story, answer); /* before what came of them in the same moment */
    add_attempts(&story, answer);
    add_not_sent(&story, answer);
    add_operations(&story, answer);
    add_rest(&story, answer);
    g_array_sort(story.moments, earlier);
    TABLE_AUTO table = TABLE(">", "", "", "~");
    int64_t first_us = 0;
    for (guint i = 0; i < story.moments->len; i++) {
        const struct moment *moment = &g_array_index(story.moments, struct moment, i);
        char text[SHOW_CHARS_MAX];
        first_us = i == 0 ? moment->at_us : first_us;
        table_styled(table, STYLE_DIM, offset(moment->at_us - first_us, text));
        table_cell(table, moment->what);
        if (moment->word != NULL) {
            table_state(table, moment->word);
        } else {
            table_blank(table);
        }
        table_cell(table, moment->detail);
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    g_array_free(story.moments, TRUE);
}

/* ---- the command ---- */

/* An order's payments: `ret_id` becomes its only one, or the person is told how to choose. */
static int find_by_order(struct cli *cli, const char *order, char *ret_id, size_t id_bytes) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    struct err err = {0};
    talk_path_init(&path, "/v1/payments");
    talk_path_add(&path, "order_id", order);
    int status = talk_ask(cli, path.text.data, &answer, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    size_t count = json_array_size(talk_rows(answer));
    if (count != 1) {
        err_set(&err, ERR_NOT_FOUND, "%s \"%.100s\"",
                count == 0 ? "there is no payment or order"
                           : "there are several payments for order",
                order);
        if (count > 1) {
            err_hint(&err, "`holdfast payment list --order %.60s` shows them.", order);
        } else {
            err_hint(&err, "`holdfast payment list` shows the newest ones.");
        }
        return cli_fail(cli, &err);
    }
    snprintf(ret_id, id_bytes, "%s", field_word(json_array_get(talk_rows(answer), 0), "id"));
    return CLI_DONE;
}

int run_payment_show(struct cli *cli) {
    char id[64];
    const char *wanted = cli_argument(cli, 0);
    if (strncmp(wanted, "pay_", 4) != 0) {
        int status = find_by_order(cli, wanted, id, sizeof id);
        if (status != CLI_DONE) {
            return status;
        }
        wanted = id;
    }
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/payments");
    talk_path_part(&path, wanted);
    talk_path_part(&path, "events");
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_card(cli, json_object_get(answer, "payment"));
    print_story(cli, answer);
    return CLI_DONE;
}
