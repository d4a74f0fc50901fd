/* SPDX-License-Identifier: Apache-2.0
 * message_draft.c: a draft is checked whole and becomes a row; its texts are frozen in it, so that
 * a template that is changed later changes nothing of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/money.h"
#include "comms/message_impl.h"
#include "desk/desk.h"
#include "store/audit.h"

enum { DRAFT_NOTE_CHARS_MAX = 200 };
#define SPAN_US_MAX (31LL * 24 * 3600 * US_PER_SECOND)

static int refuse(struct err *err, const char *place, const char *what, const char *hint) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "%s", hint);
    return err_place(err, "%s", place);
}

/* ---- checking ---- */

static int check_to_whom(const struct message_draft *draft, struct err *err) {
    int ways = (draft->listed_count > 0) + (draft->payment_count > 0) + (draft->until_us > 0);
    bool personal = situation_row(draft->situation)->personal;
    if (ways != 1) {
        return refuse(err, "/recipients", "it does not say to whom, or says it twice",
                      "Give one of: list, payments, payments_of.");
    }
    if (draft->listed_count > MESSAGE_LISTED_MAX || draft->payment_count > MESSAGE_LISTED_MAX) {
        return refuse(err, "/recipients", "too many are named one by one",
                      "Name 2,000 at the most, or a time and what was wrong with its payments.");
    }
    if (draft->until_us > 0 && (draft->since_us <= 0 || draft->since_us >= draft->until_us ||
                                draft->until_us - draft->since_us > SPAN_US_MAX)) {
        return refuse(err, "/recipients/payments_of",
                      "the time ends before it begins, or is too long",
                      "At most 31 days, from since until before until.");
    }
    if (draft->audience != AUDIENCE_CUSTOMER && draft->listed_count == 0) {
        return refuse(err, "/recipients", "only customers are found by their payments",
                      "Name the others with their e-mail addresses: list.");
    }
    if (personal && draft->audience != AUDIENCE_CUSTOMER) {
        return refuse(err, "/template", "this is said to customers only", "Take another template.");
    }
    return 0;
}

static int check_ways(const struct messages *messages, const struct message_draft *draft,
                      struct err *err) {
    if (draft->by_count == 0) {
        return refuse(err, "/channels", "it does not say by what channel",
                      "One or more of: email, sms, webhook. The first that reaches one is his.");
    }
    for (int i = 0; i < draft->by_count; i++) {
        if (messages->options.by[draft->by[i]] == NULL) {
            err_set(err, ERR_VALIDATION, "no channel is configured for %s",
                    message_by_name(draft->by[i]));
            err_hint(err, "Name one in the section messages: of the configuration.");
            return err_place(err, "/channels/%d", i);
        }
        if (draft->by[i] == BY_SMS && draft->audience != AUDIENCE_CUSTOMER) {
            return refuse(err, "/channels", "only texts for customers have a short form",
                          "Take email or webhook.");
        }
    }
    return 0;
}

/* What a field has, as it was given or from the configuration; NULL: nothing. */
static const char *given(const struct messages *messages, const struct message_draft *draft,
                         enum field field) {
    if (draft->fields[field] != NULL) {
        return draft->fields[field];
    }
    return field == FIELD_SHOP      ? messages->options.shop
           : field == FIELD_CONTACT ? messages->options.contact
                                    : NULL;
}

static int check_fields(const struct messages *messages, const struct message_draft *draft,
                        const struct template *one, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < FIELDS; i++) {
        enum field field = (enum field)i;
        const char *value = given(messages, draft, field);
        bool person = field_row(field)->kind == FIELD_KIND_PERSON;
        BUF_AUTO shown;
        buf_init(&shown, MESSAGE_JSON_BYTES_MAX);
        if (value != NULL) {
            r = field_show(field, one->language, messages->options.utc_offset_minutes, value,
                           &shown, err);
        } else if (!person && template_uses(one, field)) {
            err_set(err, ERR_VALIDATION, "the text needs \"%s\": %s", field_row(field)->name,
                    field_row(field)->what);
            r = err_place(err, "/fields/%s", field_row(field)->name);
        }
    }
    return r;
}

static int check(const struct messages *messages, const struct message_draft *draft,
                 struct err *err) {
    const struct situation_row *row = situation_row(draft->situation);
    int64_t next_us = 0;
    int r = check_to_whom(draft, err);
    r = r < 0 ? r : check_ways(messages, draft, err);
    for (int i = 0; r >= 0 && i < LANGUAGES; i++) {
        const struct template *one = templates_find(messages->options.templates, draft->audience,
                                                    draft->situation, (enum language)i);
        r = one != NULL ? check_fields(messages, draft, one, err)
            : i == (int)draft->language
                ? refuse(err, "/template", "there is no such text in that language",
                         "`holdfast template list` names all there are.")
                : 0;
    }
    if (r < 0) {
        return r;
    }
    if (row->proof && draft->proof == NULL) {
        err_set(err, ERR_STATE, "nobody says that it is over before the gate has passed");
        return err_hint(err, "Resolve the incident: its gate lists what is missing.");
    }
    const char *next = draft->fields[FIELD_NEXT_UPDATE];
    if (next != NULL && (!clock_parse(next, &next_us) || next_us <= clock_wall_us())) {
        return refuse(err, "/fields/next_update",
                      "the next word is promised for a time that is over", "Give a time to come.");
    }
    size_t reason = strlen(draft->reason);
    return reason == 0 || reason > REASON_CHARS_MAX
               ? refuse(err, "/reason", "a reason has 1 to 500 bytes", "Say why it is sent.")
               : 0;
}

/* ---- frozen ---- */

static void put(json_t *object, const char *key, const char *value) {
    (void)json_object_set_new(object, key, json_string(value));
}

/* {"en": {"subject", "brief", "text", "fields": {…}}, …} */
static char *frozen_texts(const struct messages *messages, const struct message_draft *draft) {
    JSON_AUTO all = json_object();
    for (int i = 0; i < LANGUAGES; i++) {
        const struct template *one = templates_find(messages->options.templates, draft->audience,
                                                    draft->situation, (enum language)i);
        if (one == NULL) {
            continue;
        }
        json_t *set = json_object(), *fields = json_object();
        put(set, "subject", one->subject);
        put(set, "brief", one->brief);
        put(set, "text", one->text);
        for (int field = 0; field < FIELDS; field++) {
            const char *value = given(messages, draft, (enum field)field);
            struct err unused = {0};
            BUF_AUTO shown;
            buf_init(&shown, MESSAGE_JSON_BYTES_MAX);
            if (value != NULL && field_show((enum field)field, one->language,
                                            messages->options.utc_offset_minutes, value, &shown,
                                            &unused) >= 0) {
                put(fields, field_row((enum field)field)->name, shown.data);
            }
        }
        (void)json_object_set_new(set, "fields", fields);
        (void)json_object_set_new(all, language_name((enum language)i), set);
    }
    return json_write(all);
}

static char *frozen_fields(const struct message_draft *draft) {
    JSON_AUTO fields = json_object();
    for (int i = 0; i < FIELDS; i++) {
        if (draft->fields[i] != NULL) {
            put(fields, field_row((enum field)i)->name, draft->fields[i]);
        }
    }
    return json_write(fields);
}

static char *frozen_recipients(const struct message_draft *draft) {
    JSON_AUTO to = json_object();
    if (draft->until_us == 0) {
        (void)json_object_set_new(to, draft->listed_count > 0 ? "list" : "payments",
                                  json_integer(draft->listed_count + draft->payment_count));
        return json_write(to);
    }
    (void)json_object_set_new(to, "since_us", json_integer(draft->since_us));
    (void)json_object_set_new(to, "until_us", json_integer(draft->until_us));
    put(to, "gateways", draft->gateways);
    put(to, "methods", draft->methods);
    put(to, "regions", draft->regions);
    put(to, "currencies", draft->currencies);
    put(to, "states", draft->states);
    return json_write(to);
}

/* ---- persons ---- */

int message_add_person(struct store_tx *tx, const char *message_id,
                       const struct message_recipient *who, const struct message_payment *payment,
                       struct err *err) {
    char person[MESSAGE_PERSON_CHARS_MAX + 1];
    struct mailing_id id = mailing_id_new();
    snprintf(person, sizeof person, "%s:%.280s",
             who->customer[0] != '\0' ? "customer"
             : who->email[0] != '\0'  ? "email"
             : who->phone[0] != '\0'  ? "phone"
                                      : "payment",
             who->customer[0] != '\0' ? who->customer
             : who->email[0] != '\0'  ? who->email
             : who->phone[0] != '\0'  ? who->phone
                                      : payment->reference);
    int r = sql_put(tx, err,
                    "INSERT INTO mailing (id, message_id, person, customer_id, email, phone, "
                    "language, number, channel, address, subject, body, digest, lane, batch, "
                    "state, tries, due_us, code, why, provider_id, updated_us) VALUES ($1, $2, $3, "
                    "$4, $5, $6, $7, 0, 0, '', '', '', '', 0, 0, $8, 0, 0, '', '', '', $9) "
                    "ON CONFLICT (message_id, person) DO NOTHING",
                    S_TEXT(id.text), S_TEXT(message_id), S_TEXT(person), S_TEXT(who->customer),
                    S_TEXT(who->email), S_TEXT(who->phone), S_TEXT(who->language),
                    S_INT(MAILING_WAITING), S_INT(clock_wall_us()));
    return r < 0 || payment == NULL
               ? r
               : sql_put(tx, err,
                         "INSERT INTO mailing_payment (message_id, person, reference, order_id, "
                         "amount_minor, currency) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT "
                         "(message_id, person, reference) DO NOTHING",
                         S_TEXT(message_id), S_TEXT(person), S_TEXT(payment->reference),
                         S_TEXT(payment->order_id), S_INT(payment->amount_minor),
                         S_TEXT(payment->currency));
}

struct drafting {
    struct messages *messages;
    const struct caller *caller;
    const struct message_draft *draft;
    char *fields, *texts, *recipients;
    struct message_id id;
};

static int add_listed(struct store_tx *tx, struct drafting *drafting, struct err *err) {
    const struct message_draft *draft = drafting->draft;
    bool personal = situation_row(draft->situation)->personal;
    int r = 0;
    for (int i = 0; r >= 0 && i < draft->listed_count; i++) {
        const struct message_recipient *who = &draft->listed[i];
        const struct message_payment payment = {who->reference, who->order, 0, ""};
        if (who->customer[0] == '\0' && who->email[0] == '\0' && who->phone[0] == '\0') {
            err_set(err, ERR_VALIDATION, "nobody knows who this is");
            err_hint(err, "Give customer, email or phone.");
            return err_place(err, "/recipients/list/%d", i);
        }
        r = message_add_person(tx, drafting->id.text, who, personal ? &payment : NULL, err);
    }
    return r;
}

static int add_payment(struct store_tx *tx, struct drafting *drafting, int index, struct err *err) {
    const char *id = drafting->draft->payment_ids[index];
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, order_id, amount_minor, currency, customer_id, customer_email "
                      "FROM payment WHERE id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        r = r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no payment %s", id);
        return err_place(err, "/recipients/payments/%d", index) < 0 ? r : r;
    }
    const struct message_payment payment = {sql_text(rows, 0), sql_text(rows, 1), sql_int(rows, 2),
                                            sql_text(rows, 3)};
    const struct message_recipient who = {
        .customer = sql_text(rows, 4), .email = sql_text(rows, 5), .phone = "", .language = ""};
    return message_add_person(tx, drafting->id.text, &who, &payment, err);
}

/* ---- the draft ---- */

static int insert(struct store_tx *tx, struct drafting *drafting, struct err *err) {
    const struct message_draft *draft = drafting->draft;
    struct approval_id approval = {0};
    char channels[64] = "";
    int64_t next_us = 0, now_us = clock_wall_us();
    for (int i = 0; i < draft->by_count; i++) {
        snprintf(channels + strlen(channels), sizeof channels - strlen(channels), "%s%s",
                 i > 0 ? "," : "", message_by_name(draft->by[i]));
    }
    const char *next = draft->fields[FIELD_NEXT_UPDATE];
    if (next != NULL && !clock_parse(next, &next_us)) {
        next_us = 0; /* check() has let it through */
    }
    int r = approval_ask(tx, drafting->caller, APPROVES_MESSAGE, drafting->id.text, draft->reason,
                         &approval, err);
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO message (id, audience, situation, state, language, "
                           "channels, fields, texts, recipients, incident_id, proof, proof_us, "
                           "next_us, reason, author, approval_id, gathered, at, persons, hash, "
                           "problem_count, problems, created_us, updated_us, sent_us) VALUES ($1, "
                           "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
                           "$17, '', 0, '', 0, '[]', $18, $18, 0)",
                           S_TEXT(drafting->id.text), S_INT(draft->audience),
                           S_INT(draft->situation), S_INT(MESSAGE_PREPARING),
                           S_TEXT(language_name(draft->language)), S_TEXT(channels),
                           S_TEXT(drafting->fields), S_TEXT(drafting->texts),
                           S_TEXT(drafting->recipients), S_TEXT(draft->incident_id),
                           S_TEXT(draft->proof != NULL ? draft->proof->evidence : ""),
                           S_INT(draft->proof != NULL ? draft->proof->at_us : 0), S_INT(next_us),
                           S_TEXT(draft->reason), S_TEXT(drafting->caller->actor),
                           S_TEXT(approval.text), S_INT(draft->until_us == 0), S_INT(now_us));
}

static int draft_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct drafting *drafting = ctx;
    const struct message_draft *draft = drafting->draft;
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    char text[DRAFT_NOTE_CHARS_MAX];
    snprintf(text, sizeof text, "message %s (%s, %s) drafted", drafting->id.text,
             audience_name(draft->audience), situation_row(draft->situation)->name);
    int r = insert(tx, drafting, err);
    r = r < 0 ? r
              : message_note(drafting->messages, tx, draft->incident_id, drafting->caller->actor,
                             text, false, err);
    r = r < 0 ? r : add_listed(tx, drafting, err);
    for (int i = 0; r >= 0 && i < draft->payment_count; i++) {
        r = add_payment(tx, drafting, i, err);
    }
    r = r < 0 ? r : job_put(tx, JOB_MESSAGE, drafting->id.text, clock_wall_us(), "", err);
    r = r < 0 ? r
              : audit_append(tx, drafting->caller->actor, "message.draft", drafting->id.text,
                             draft->reason, "{}", err);
    buf_addf(&buf, "{\"id\":\"%s\",\"object\":\"message\",\"state\":\"%s\"}", drafting->id.text,
             message_state_name(MESSAGE_PREPARING));
    return r < 0 ? r : answer_take(ret_answer, 201, &buf, err);
}

/* The draft of an incident that is over gets the proof of it; one that says so needs it. */
static int ask_for_proof(const struct messages *messages, const struct message_draft *draft,
                         struct proof *proof, struct message_draft *ret_draft, struct err *err) {
    const struct message_incident *incident = &messages->options.incident;
    *ret_draft = *draft;
    if (draft->proof != NULL || draft->incident_id[0] == '\0' || incident->prove == NULL) {
        return 0;
    }
    int r = incident->prove(incident->ctx, NULL, draft->incident_id, proof, err);
    if (r >= 0) {
        ret_draft->proof = proof;
    } else if (r == -ERR_STATE && !situation_row(draft->situation)->proof) {
        r = 0;
    } else if (r == -ERR_NOT_FOUND) {
        err_place(err, "/incident_id");
    }
    return r;
}

int message_draft(struct messages *messages, const struct caller *caller,
                  const struct message_draft *wanted, struct answer *ret_answer,
                  struct err *err) {
    struct proof proof;
    struct message_draft asked;
    const struct message_draft *draft = &asked;
    int r = ask_for_proof(messages, wanted, &proof, &asked, err);
    r = r < 0 ? r : check(messages, draft, err);
    if (r < 0) {
        return r;
    }
    struct drafting drafting = {
        .messages = messages,
        .caller = caller,
        .draft = draft,
        .fields = frozen_fields(draft),
        .texts = frozen_texts(messages, draft),
        .recipients = frozen_recipients(draft),
        .id = message_id_new(),
    };
    r = idempotent_run(messages->options.payments, caller, "message.draft", draft_fn, &drafting,
                       ret_answer, err);
    free(drafting.fields);
    free(drafting.texts);
    free(drafting.recipients);
    if (r >= 0 && messages->options.wake != NULL) {
        messages->options.wake(messages->options.wake_ctx);
    }
    return r;
}
