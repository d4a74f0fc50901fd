/* SPDX-License-Identifier: Apache-2.0
 * message_write.c: what each person will get, page by page: written, judged by the linter, put
 * under the message's hash. A page and how far it went are one transaction. Nothing is read here
 * that a later run could find changed, but how customers are reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/money.h"
#include "comms/message_impl.h"

enum {
    PAGE = 200,
    PROBLEMS_SHOWN_MAX = 20,
    WEBHOOK_LANE_BASE = 1000000000, /* of its batches, which are counted apart */
    SMS_BYTES_MAX = 1500,           /* Twilio's 1,600 characters */
    TEXT_BYTES_MAX = 64 * 1024,
};

/* Texts and fields of one language as they were frozen. */
struct frozen {
    const char *subject, *brief, *text; /* NULL: there is none in this language */
    struct field_values values;
    const char *times[FIELDS];
    int time_count;
};

struct person {
    const char *id, *person, *email, *phone, *language;
    struct message_payment payments[MESSAGE_PERSON_PAYMENTS_MAX + 1];
    int payment_count;
    bool too_many;
    enum message_by by;
    const char *address, *subject, *body;
};

struct writing {
    struct messages *messages;
    const char *id;
    bool more;
    struct arena *arena;
    struct message_row row;
    enum message_by ways[MESSAGE_WAYS];
    int way_count;
    struct frozen frozen[LANGUAGES];
    struct person *persons;
    int count;
    struct proof proof;
    struct buf problems;
};

/* ---- reading ---- */

static const char *text_of(struct writing *writing, const json_t *set, const char *key) {
    const char *text = json_peek_text(set, key, NULL);
    return text != NULL ? arena_copy(writing->arena, text) : NULL;
}

static int read_frozen(struct writing *writing, struct err *err) {
    JSON_AUTO all = NULL;
    int r = json_read(writing->row.texts, strlen(writing->row.texts), MESSAGE_JSON_BYTES_MAX,
                      JSON_DEPTH_MAX, &all, err);
    for (int i = 0; r >= 0 && i < LANGUAGES; i++) {
        const json_t *set = json_peek(all, language_name((enum language)i), NULL);
        struct frozen *frozen = &writing->frozen[i];
        *frozen = (struct frozen){0};
        if (set == NULL) {
            continue;
        }
        frozen->subject = text_of(writing, set, "subject");
        frozen->brief = text_of(writing, set, "brief");
        frozen->text = text_of(writing, set, "text");
        for (int field = 0; field < FIELDS; field++) {
            const struct field_row *row = field_row((enum field)field);
            frozen->values.of[field] =
                text_of(writing, json_object_get(set, "fields"), row->name);
            bool time = row->kind == FIELD_KIND_TIME || row->kind == FIELD_KIND_SPAN;
            if (time && frozen->values.of[field] != NULL) {
                frozen->times[frozen->time_count++] = frozen->values.of[field];
            }
        }
    }
    return r;
}

static int read_persons(struct writing *writing, struct store_tx *tx, struct err *err) {
    struct arena *arena = writing->arena;
    SQL_ROWS_AUTO rows = NULL;
    writing->count = 0;
    int r = sql_query(
        tx, err, &rows,
        "SELECT m.id, m.person, m.email, m.phone, m.language, COALESCE(c.email, ''), "
        "COALESCE(c.phone, ''), COALESCE(c.language, '') FROM mailing m LEFT JOIN "
        "customer_contact c ON c.customer_id = m.customer_id AND m.customer_id <> '' WHERE "
        "m.message_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3",
        S_TEXT(writing->id), S_TEXT(writing->row.at), S_INT(PAGE));
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        const char *own[3];
        for (int i = 0; i < 3; i++) { /* what the shop says of a customer counts more */
            bool named = sql_text(rows, 5 + i)[0] != '\0';
            own[i] = arena_copy(arena, sql_text(rows, named ? 5 + i : 2 + i));
        }
        writing->persons[writing->count++] = (struct person){
            .id = arena_copy(arena, sql_text(rows, 0)),
            .person = arena_copy(arena, sql_text(rows, 1)),
            .email = own[0],
            .phone = own[1],
            .language = own[2],
        };
    }
    return r;
}

static int read_payments(struct writing *writing, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int at = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT m.id, p.reference, p.order_id, p.amount_minor, p.currency FROM "
                      "mailing m JOIN mailing_payment p ON p.message_id = m.message_id AND "
                      "p.person = m.person WHERE m.message_id = $1 AND m.id > $2 AND m.id <= $3 "
                      "ORDER BY m.id, p.order_id, p.reference",
                      S_TEXT(writing->id), S_TEXT(writing->row.at),
                      S_TEXT(writing->persons[writing->count - 1].id));
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        while (at < writing->count && strcmp(writing->persons[at].id, sql_text(rows, 0)) != 0) {
            at++;
        }
        if (at == writing->count) {
            break;
        }
        struct person *person = &writing->persons[at];
        if (person->payment_count == MESSAGE_PERSON_PAYMENTS_MAX) {
            person->too_many = true;
            continue;
        }
        person->payments[person->payment_count++] = (struct message_payment){
            .reference = arena_copy(writing->arena, sql_text(rows, 1)),
            .order_id = arena_copy(writing->arena, sql_text(rows, 2)),
            .amount_minor = sql_int(rows, 3),
            .currency = arena_copy(writing->arena, sql_text(rows, 4)),
        };
    }
    return r < 0 ? r : 0;
}

/* ---- writing ---- */

static void add_amount(const struct message_payment *payment, struct buf *buf) {
    struct currency currency;
    struct err unknown = {0};
    char text[MONEY_TEXT_MAX];
    if (payment->currency[0] != '\0' &&
        currency_parse(payment->currency, &currency, &unknown) >= 0) {
        buf_addf(buf, ", %s", money_show(payment->amount_minor, currency, text));
    }
}

static void add_payments(const struct writing *writing, const struct person *person,
                         enum language language, const char *between, struct buf *buf) {
    const char *link = writing->messages->options.payment_link;
    for (int i = 0; i < person->payment_count; i++) {
        const struct message_payment *payment = &person->payments[i];
        buf_addf(buf, "%s%s", i > 0 ? between : "", "");
        if (payment->order_id[0] != '\0') {
            buf_addf(buf, "%s %s", language == LANGUAGE_ZH ? "订单" : "order", payment->order_id);
        }
        add_amount(payment, buf);
        buf_addf(buf, "%s%s %s", payment->order_id[0] != '\0' ? ", " : "",
                 language == LANGUAGE_ZH ? "付款编号" : "reference", payment->reference);
        if (link != NULL) {
            buf_addf(buf, ", %s%s", link, payment->reference);
        }
    }
}

static void choose_way(const struct writing *writing, struct person *person) {
    person->by = BY_NOTHING;
    person->address = "";
    for (int i = 0; i < writing->way_count && person->by == BY_NOTHING; i++) {
        enum message_by by = writing->ways[i];
        const char *address = by == BY_EMAIL ? person->email
                              : by == BY_SMS ? person->phone
                                             : person->person;
        if (address[0] != '\0') {
            person->by = by;
            person->address = address;
        }
    }
}

static enum language language_of(const struct writing *writing, const struct person *person) {
    enum language language = writing->row.language;
    bool known = language_parse(person->language, &language);
    return known && writing->frozen[language].text != NULL ? language : writing->row.language;
}

static const char *filled(struct writing *writing, const struct person *person,
                          enum language language, const char *text, const char *between) {
    struct field_values values = writing->frozen[language].values;
    BUF_AUTO payments;
    BUF_AUTO buf;
    buf_init(&payments, TEXT_BYTES_MAX);
    buf_init(&buf, TEXT_BYTES_MAX);
    add_payments(writing, person, language, between, &payments);
    values.of[FIELD_PAYMENTS] = payments.data;
    template_fill(text, &values, &buf);
    return arena_copy(writing->arena, buf.data);
}

static void write_person(struct writing *writing, struct person *person, enum language language) {
    const struct frozen *frozen = &writing->frozen[language];
    choose_way(writing, person);
    if (person->by == BY_SMS) {
        person->subject = "";
        person->body = filled(writing, person, language, frozen->brief, "; ");
    } else {
        person->subject = filled(writing, person, language, frozen->subject, "; ");
        person->body = filled(writing, person, language, frozen->text, "\n");
    }
}

/* ---- judging ---- */

static void add_problem(struct writing *writing, const struct person *person,
                        const struct lint_findings *findings) {
    if (writing->row.problem_count++ >= PROBLEMS_SHOWN_MAX) {
        return;
    }
    buf_addf(&writing->problems, "%s{\"mailing_id\":\"%s\",\"person\":",
             writing->problems.len > 1 ? "," : "", person->id);
    buf_add_json(&writing->problems, person->person);
    buf_add_text(&writing->problems, ",\"findings\":");
    lint_render(findings, &writing->problems);
    buf_add_char(&writing->problems, '}');
}

static void judge(struct writing *writing, const struct person *person, enum language language) {
    const struct situation_row *row = situation_row(writing->row.situation);
    const struct frozen *frozen = &writing->frozen[language];
    struct lint_findings findings = {0};
    const char *references[MESSAGE_PERSON_PAYMENTS_MAX + 1] = {""};
    for (int i = 0; i < person->payment_count; i++) {
        references[i] = person->payments[i].reference;
    }
    const struct lint_facts facts = {
        .audience = writing->row.audience,
        .language = language,
        .references = references,
        /* Who has no payment where there must be one lacks its reference. */
        .reference_count = row->personal && person->payment_count == 0 ? 1 : person->payment_count,
        .next_update = row->next ? frozen->values.of[FIELD_NEXT_UPDATE] : NULL,
        .times = frozen->times,
        .time_count = frozen->time_count,
        .proof = writing->row.proof[0] != '\0' ? &writing->proof : NULL,
    };
    struct lint_facts asked = facts;
    asked.reference_count = row->personal ? facts.reference_count : 0;
    const char *text =
        person->by == BY_SMS
            ? person->body
            : arena_printf(writing->arena, "%s\n\n%s", person->subject, person->body);
    (void)lint_text(writing->messages->options.lint, &asked, text, &findings);
    bool too_long = person->too_many ||
                    (person->by == BY_SMS && strlen(person->body) > SMS_BYTES_MAX);
    if (too_long && findings.count < LINT_FINDINGS_MAX) {
        findings.list[findings.count++] = (struct lint_finding){
            .rule = LINT_LENGTH, .quote = "more than one message holds"};
    }
    if (findings.count > 0) {
        add_problem(writing, person, &findings);
    }
}

/* ---- the page ---- */

static int store_person(struct writing *writing, struct store_tx *tx, const struct person *person,
                        int64_t number, struct err *err) {
    char digest[SHA256_HEX_CHARS + 1], pair[2 * SHA256_HEX_CHARS + 1];
    char hash[SHA256_HEX_CHARS + 1];
    int64_t batch =
        person->by == BY_WEBHOOK ? WEBHOOK_LANE_BASE + number / MESSAGE_BATCH : number;
    mailing_digest(person->by, person->address, person->subject, person->body, digest);
    snprintf(pair, sizeof pair, "%s%s", writing->row.hash, digest);
    crypto_sha256_hex(pair, strlen(pair), hash);
    writing->row.hash = arena_copy(writing->arena, hash);
    return sql_put_one(
        tx, err,
        "UPDATE mailing SET number = $2, channel = $3, address = $4, subject = $5, body = $6, "
        "digest = $7, lane = $8, batch = $9, state = $10, email = $11, phone = $12, language = $13 "
        "WHERE id = $1",
        S_TEXT(person->id), S_INT(number), S_INT(person->by), S_TEXT(person->address),
        S_TEXT(person->subject), S_TEXT(person->body), S_TEXT(digest),
        S_INT(batch % MESSAGE_LANES), S_INT(batch),
        S_INT(person->by == BY_NOTHING ? MAILING_UNREACHABLE : MAILING_WAITING),
        S_TEXT(person->email), S_TEXT(person->phone), S_TEXT(person->language));
}

static int end_page(struct writing *writing, struct store_tx *tx, struct err *err) {
    struct message_row *row = &writing->row;
    const char *at = writing->count > 0 ? writing->persons[writing->count - 1].id : row->at;
    writing->more = writing->count == PAGE;
    int64_t state = writing->more            ? MESSAGE_PREPARING
                    : row->problem_count > 0 ? MESSAGE_REFUSED
                                             : MESSAGE_PREVIEWED;
    buf_add_char(&writing->problems, ']');
    return sql_put(tx, err,
                   "UPDATE message SET at = $2, persons = $3, hash = $4, problem_count = $5, "
                   "problems = $6, state = $7, updated_us = $8 WHERE id = $1",
                   S_TEXT(writing->id), S_TEXT(at), S_INT(row->persons), S_TEXT(row->hash),
                   S_INT(row->problem_count), S_TEXT(writing->problems.data), S_INT(state),
                   S_INT(clock_wall_us()));
}

static int write_page(struct writing *writing, struct store_tx *tx, struct err *err) {
    struct message_row *row = &writing->row;
    writing->persons = arena_alloc(writing->arena, PAGE * sizeof *writing->persons);
    writing->way_count = message_ways(row->channels, writing->ways);
    writing->proof.at_us = row->proof_us;
    size_t problems = strlen(row->problems);
    buf_add(&writing->problems, row->problems, problems > 0 ? problems - 1 : 0); /* without "]" */
    int r = read_frozen(writing, err);
    r = r < 0 ? r : read_persons(writing, tx, err);
    r = r < 0 || writing->count == 0 ? r : read_payments(writing, tx, err);
    for (int i = 0; r >= 0 && i < writing->count; i++) {
        struct person *person = &writing->persons[i];
        enum language language = language_of(writing, person);
        write_person(writing, person, language);
        judge(writing, person, language);
        r = store_person(writing, tx, person, row->persons++, err);
    }
    return r < 0 ? r : end_page(writing, tx, err);
}

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct writing *asked = ctx;
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    struct writing writing = {.messages = asked->messages, .id = asked->id, .arena = arena};
    buf_init(&writing.problems, MESSAGE_JSON_BYTES_MAX);
    asked->more = false;
    int r = message_load(tx, arena, writing.id, true, &writing.row, err);
    if (r >= 0 && writing.row.state == MESSAGE_PREPARING && writing.row.gathered == 1) {
        r = write_page(&writing, tx, err);
        asked->more = writing.more;
    }
    buf_release(&writing.problems);
    return r;
}

int message_write(struct messages *messages, const char *id, struct err *err) {
    struct writing asked = {.messages = messages, .id = id};
    int r = store_write(messages->options.store, write_tx, &asked, err);
    return r < 0 ? r : asked.more;
}
