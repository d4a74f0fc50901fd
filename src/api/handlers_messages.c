/* SPDX-License-Identifier: Apache-2.0
 * handlers_messages.c: messages to those whom it concerns, the texts they are made of, and the
 * linter. Nothing that comes in here carries a proof: that trouble is over is said by the gate's
 * own floor alone (comms/proof.h). */
#include <string.h>

#include "api/read.h"
#include "api/service_impl.h"
#include "base/json.h"
#include "gateway/gateway.h"

enum { LISTED_IN_BODY_MAX = 500, NAMES_MAX = 16, NAME_CHARS_MAX = 40, HASH_CHARS = 64 };

static int wrong(struct err *err, const char *place, const char *what, const char *hint) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "%s", hint);
    return err_place(err, "%s", place);
}

/* ---- a draft's parts ---- */

static int read_template(const json_t *body, struct message_draft *draft, struct err *err) {
    const char *name = NULL, *language = "en";
    int r = json_need_text(body, "", "template", 3, 60, &name, err);
    r = r < 0 ? r : json_may_text(body, "", "language", 2, 2, &language, err);
    if (r < 0) {
        return r;
    }
    if (!template_name_parse(name, &draft->audience, &draft->situation)) {
        return wrong(err, "/template", "there is no such text",
                     "AUDIENCE/SITUATION, as `holdfast template list` has them.");
    }
    return language_parse(language, &draft->language)
               ? 0
               : wrong(err, "/language", "there are no texts in it", "en or zh.");
}

static int read_fields(const json_t *body, struct message_draft *draft, struct err *err) {
    const json_t *fields = NULL;
    const char *key;
    json_t *value;
    int r = json_may_object(body, "", "fields", &fields, err);
    if (r < 0 || fields == NULL) {
        return r;
    }
    json_object_foreach((json_t *)fields, key, value) {
        enum field field = FIELD_PAYMENTS;
        if (!field_parse(key, strlen(key), &field)) {
            err_set(err, ERR_VALIDATION, "there is no such field");
            err_hint(err, "`holdfast template show` names those of a text.");
            return err_place(err, "/fields/%.60s", key);
        }
        r = json_need_lines(fields, "/fields", key, 1, FIELD_CHARS_MAX, &draft->fields[field], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_channels(const json_t *body, struct message_draft *draft, struct err *err) {
    const json_t *channels = NULL;
    int r = json_may_array(body, "", "channels", MESSAGE_WAYS - 1, &channels, err);
    for (size_t i = 0; r >= 0 && i < json_array_size(channels); i++) {
        const char *name = json_string_value(json_array_get(channels, i));
        enum message_by by = BY_NOTHING;
        for (int way = BY_EMAIL; name != NULL && way < MESSAGE_WAYS; way++) {
            by = strcmp(message_by_name(way), name) == 0 ? (enum message_by)way : by;
        }
        for (int j = 0; j < draft->by_count; j++) {
            by = draft->by[j] == by ? BY_NOTHING : by;
        }
        if (by == BY_NOTHING) {
            return wrong(err, "/channels", "it is no channel, or stands there twice",
                         "email, sms, webhook, each once.");
        }
        draft->by[draft->by_count++] = by;
    }
    return r;
}

static int read_listed(const json_t *list, struct arena *arena, struct message_draft *draft,
                       struct err *err) {
    static const char *const keys[] = {"customer", "email", "phone",
                                       "language", "order", "reference", NULL};
    size_t count = json_array_size(list);
    struct message_recipient *listed = arena_alloc(arena, (count + 1) * sizeof *listed);
    int r = 0;
    for (size_t i = 0; r >= 0 && i < count; i++) {
        const json_t *one = json_array_get(list, i);
        const char *where = arena_printf(arena, "/recipients/list/%zu", i);
        struct message_recipient *to = &listed[i];
        *to = (struct message_recipient){"", "", "", "", "", "", ""};
        r = json_only(one, where, keys, err);
        r = r < 0 ? r : json_may_text(one, where, "customer", 1, 120, &to->customer, err);
        r = r < 0 || json_object_get(one, "email") == NULL ? r
                                                          : read_email(one, where, &to->email, err);
        r = r < 0 ? r : json_may_text(one, where, "phone", 8, 16, &to->phone, err);
        r = r < 0 ? r : json_may_text(one, where, "language", 2, 2, &to->language, err);
        r = r < 0 ? r : json_may_text(one, where, "order", 1, 120, &to->order, err);
        r = r < 0 ? r : json_may_text(one, where, "reference", 1, 120, &to->reference, err);
    }
    draft->listed = listed;
    draft->listed_count = (int)count;
    return r;
}

static int read_ids(const json_t *list, struct arena *arena, struct message_draft *draft,
                    struct err *err) {
    size_t count = json_array_size(list);
    const char **ids = arena_alloc(arena, (count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        struct payment_id id;
        ids[i] = json_string_value(json_array_get(list, i));
        if (ids[i] == NULL || payment_id_parse(ids[i], &id, NULL) < 0) {
            err_set(err, ERR_VALIDATION, "this is no payment's id");
            return err_place(err, "/recipients/payments/%zu", i);
        }
    }
    draft->payment_ids = ids;
    draft->payment_count = (int)count;
    return 0;
}

/* "" for what a name stands for that nobody knows. */
typedef const char *known_fn(struct arena *arena, const char *name);

static const char *as_it_is(struct arena *arena, const char *name) {
    (void)arena;
    bool fits = name[0] != '\0' && strlen(name) <= NAME_CHARS_MAX && strchr(name, ',') == NULL;
    return fits ? name : "";
}

static const char *method_number(struct arena *arena, const char *name) {
    enum payment_method method;
    return method_parse(name, &method) ? arena_printf(arena, "%d", (int)method) : "";
}

static const char *state_number(struct arena *arena, const char *name) {
    int64_t state = 0;
    return payment_state_parse(name, &state) ? arena_printf(arena, "%d", (int)state) : "";
}

/* ",a,b," */
static int read_names(const json_t *of, const char *key, known_fn *known, struct arena *arena,
                      const char **ret_list, struct err *err) {
    const json_t *names = NULL;
    int r = json_may_array(of, "/recipients/payments_of", key, NAMES_MAX, &names, err);
    *ret_list = "";
    for (size_t i = 0; r >= 0 && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const char *stands = name != NULL ? known(arena, name) : "";
        if (stands[0] == '\0') {
            err_set(err, ERR_VALIDATION, "there is no such name");
            return err_place(err, "/recipients/payments_of/%s/%zu", key, i);
        }
        *ret_list = arena_printf(arena, "%s%s,", (*ret_list)[0] != '\0' ? *ret_list : ",", stands);
    }
    return r;
}

static int read_moment(const json_t *of, const char *key, int64_t *ret_us, struct err *err) {
    const char *text = NULL;
    int r = json_need_text(of, "/recipients/payments_of", key, 1, 40, &text, err);
    if (r < 0 || clock_parse(text, ret_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
    return err_place(err, "/recipients/payments_of/%s", key);
}

static int read_payments_of(const json_t *of, struct arena *arena, struct message_draft *draft,
                            struct err *err) {
    static const char *const keys[] = {"since",   "until",      "gateways", "methods",
                                       "regions", "currencies", "states",   NULL};
    int r = json_only(of, "/recipients/payments_of", keys, err);
    r = r < 0 ? r : read_moment(of, "since", &draft->since_us, err);
    r = r < 0 ? r : read_moment(of, "until", &draft->until_us, err);
    r = r < 0 ? r : read_names(of, "gateways", as_it_is, arena, &draft->gateways, err);
    r = r < 0 ? r : read_names(of, "methods", method_number, arena, &draft->methods, err);
    r = r < 0 ? r : read_names(of, "regions", as_it_is, arena, &draft->regions, err);
    r = r < 0 ? r : read_names(of, "currencies", as_it_is, arena, &draft->currencies, err);
    return r < 0 ? r : read_names(of, "states", state_number, arena, &draft->states, err);
}

static int read_recipients(const json_t *body, struct arena *arena, struct message_draft *draft,
                           struct err *err) {
    static const char *const keys[] = {"list", "payments", "payments_of", NULL};
    const json_t *to = NULL, *list = NULL, *ids = NULL, *of = NULL;
    int r = json_need_object(body, "", "recipients", &to, err);
    r = r < 0 ? r : json_only(to, "/recipients", keys, err);
    r = r < 0 ? r : json_may_array(to, "/recipients", "list", LISTED_IN_BODY_MAX, &list, err);
    r = r < 0 ? r : json_may_array(to, "/recipients", "payments", MESSAGE_LISTED_MAX, &ids, err);
    r = r < 0 ? r : json_may_object(to, "/recipients", "payments_of", &of, err);
    r = r < 0 || list == NULL ? r : read_listed(list, arena, draft, err);
    r = r < 0 || ids == NULL ? r : read_ids(ids, arena, draft, err);
    return r < 0 || of == NULL ? r : read_payments_of(of, arena, draft, err);
}

int messages_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"template",   "language",    "fields", "channels",
                                       "recipients", "incident_id", "reason", NULL};
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct message_draft draft = {.incident_id = "",
                                  .gateways = "",
                                  .methods = "",
                                  .regions = "",
                                  .currencies = "",
                                  .states = ""};
    struct incident_id incident;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_template(ask->body, &draft, err);
    r = r < 0 ? r : read_fields(ask->body, &draft, err);
    r = r < 0 ? r : read_channels(ask->body, &draft, err);
    r = r < 0 ? r : read_recipients(ask->body, arena, &draft, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "incident_id", 1, 40, &draft.incident_id, err);
    if (r >= 0 && draft.incident_id[0] != '\0' &&
        incident_id_parse(draft.incident_id, &incident, err) < 0) {
        r = err_place(err, "/incident_id");
    }
    r = r < 0 ? r : read_reason(ask->body, &draft.reason, err);
    return r < 0 ? r
                 : message_draft(ask->service->messages, &ask->caller, &draft, &ask->answer, err);
}

/* ---- one ---- */

#define READ_MESSAGE_ID(ask, ret_id, err)                                                          \
    READ_LISTED_ID(ask, "a message", message_id, "message list", ret_id, err)

int message_get_one(struct ask *ask, struct err *err) {
    struct message_id id;
    int r = READ_MESSAGE_ID(ask, &id, err);
    return r < 0 ? r : message_get(ask->service->messages, id.text, &ask->answer, err);
}

int message_approve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"hash", "reason", NULL};
    const char *hash = NULL, *reason = NULL;
    struct message_id id;
    int r = READ_MESSAGE_ID(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "hash", HASH_CHARS, HASH_CHARS, &hash, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : message_approve(ask->service->messages, &ask->caller, id.text, hash, reason,
                                   &ask->answer, err);
}

int message_send_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {NULL};
    struct message_id id;
    int r = READ_MESSAGE_ID(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    return r < 0 ? r
                 : message_send(ask->service->messages, &ask->caller, id.text, &ask->answer, err);
}

int message_stop_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    const char *reason = NULL;
    struct message_id id;
    int r = READ_MESSAGE_ID(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : message_stop(ask->service->messages, &ask->caller, id.text, reason, &ask->answer,
                                err);
}

int message_mailings_get(struct ask *ask, struct err *err) {
    char name[QUERY_CHARS_MAX] = "", after[QUERY_CHARS_MAX] = "";
    enum mailing_state state = MAILING_WAITING;
    int64_t limit = 0;
    struct message_id id;
    int r = read_query_text(ask, "state", name, err);
    r = r < 0 ? r : read_query_text(ask, "after", after, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, MESSAGE_PAGE_MAX, &limit, err);
    if (r >= 0 && name[0] != '\0' && !mailing_state_parse(name, &state)) {
        return wrong(err, "state", "there is no such state",
                     "waiting, sending, sent, failed, in_doubt or unreachable.");
    }
    r = r < 0 ? r : READ_MESSAGE_ID(ask, &id, err);
    return r < 0 ? r
                 : message_mailings(ask->service->messages, id.text,
                                    name[0] != '\0' ? (int64_t)state : 0, after, (int)limit,
                                    &ask->answer, err);
}

/* ---- many ---- */

int messages_get(struct ask *ask, struct err *err) {
    int64_t limit = 0;
    int r = read_query_int(ask, "limit", 1, MESSAGE_PAGE_MAX, &limit, err);
    return r < 0 ? r : message_list(ask->service->messages, (int)limit, &ask->answer, err);
}

int customer_contacts_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"customer_id", "email", "phone", "language", NULL};
    const char *customer = NULL, *email = "", *phone = "", *language = "";
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "customer_id", 1, 120, &customer, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "email", 1, 250, &email, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "phone", 1, 20, &phone, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "language", 2, 2, &language, err);
    return r < 0 ? r
                 : message_contact(ask->service->messages, &ask->caller, customer, email, phone,
                                   language, &ask->answer, err);
}

/* ---- texts ---- */

static void add_template(const struct template *one, struct buf *buf) {
    const struct situation_row *row = situation_row(one->situation);
    buf_addf(buf,
             "{\"name\":\"%s/%s\",\"language\":\"%s\",\"shipped\":%s,\"personal\":%s,"
             "\"needs_proof\":%s,\"when\":",
             audience_name(one->audience), row->name, language_name(one->language),
             one->shipped ? "true" : "false", row->personal ? "true" : "false",
             row->proof ? "true" : "false");
    buf_add_json(buf, row->when);
    buf_add_text(buf, ",\"fields\":[");
    bool first = true;
    for (int i = 0; i < FIELDS; i++) {
        bool given = field_row((enum field)i)->kind != FIELD_KIND_PERSON;
        if (given && template_uses(one, (enum field)i)) {
            buf_addf(buf, "%s\"%s\"", first ? "" : ",", field_row((enum field)i)->name);
            first = false;
        }
    }
    buf_add_text(buf, "],\"subject\":");
    buf_add_json(buf, one->subject);
    buf_add_text(buf, ",\"short\":");
    buf_add_json(buf, one->brief);
    buf_add_text(buf, ",\"text\":");
    buf_add_json(buf, one->text);
    buf_add_char(buf, '}');
}

int templates_get(struct ask *ask, struct err *err) {
    const struct templates *templates = ask->service->templates;
    BUF_AUTO buf;
    buf_init(&buf, 4 * 1024 * 1024);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; i < templates_count(templates); i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        add_template(templates_at(templates, i), &buf);
    }
    buf_add_text(&buf, "]}");
    return answer_take(&ask->answer, 200, &buf, err);
}

int text_lint_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"text", "audience", "language", NULL};
    const char *text = NULL, *audience = "customer", *language = "en";
    struct lint_facts facts = {0};
    struct lint_findings findings = {0};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_lines(ask->body, "", "text", 1, LINT_TEXT_BYTES_MAX, &text, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "audience", 1, 20, &audience, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "language", 2, 2, &language, err);
    if (r < 0) {
        return r;
    }
    if (!audience_parse(audience, &facts.audience)) {
        return wrong(err, "/audience", "there is no such audience",
                     "customer, support, internal, executive, provider or regulator.");
    }
    if (!language_parse(language, &facts.language)) {
        return wrong(err, "/language", "there are no texts in it", "en or zh.");
    }
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    int count = lint_text(ask->service->lint, &facts, text, &findings);
    buf_addf(&buf, "{\"count\":%d,\"findings\":", count);
    lint_render(&findings, &buf);
    buf_add_char(&buf, '}');
    return answer_take(&ask->answer, 200, &buf, err);
}
