/* SPDX-License-Identifier: Apache-2.0
 * message_act.c: what people do with a message: approve, send, stop; and how customers are
 * reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/message_impl.h"
#include "desk/desk.h"
#include "store/audit.h"

enum { CONTACT_CHARS_MAX = 250, INCIDENT_NOTE_CHARS_MAX = 200 };

struct act {
    struct messages *messages;
    const struct caller *caller;
    const char *id, *hash, *reason;
    struct arena *arena;
    struct message_row row;
    const char *email, *phone, *language; /* of a contact */
};

static int refuse_state(const struct act *act, const char *what, struct err *err) {
    err_set(err, ERR_STATE, "the message is %s, so it cannot be %s",
            message_state_name(act->row.state), what);
    return err_hint(err, act->row.state == MESSAGE_REFUSED
                             ? "Look at its problems, and draft it again without them."
                             : "`holdfast message show` says where it stands.");
}

/* A word that comes later than it says is no longer true. */
static int check_next(const struct act *act, struct err *err) {
    if (act->row.next_us == 0 || act->row.next_us > clock_wall_us()) {
        return 0;
    }
    err_set(err, ERR_STATE, "the time of its next update is over");
    return err_hint(err, "Draft it again with another one.");
}

/* Whoever said that it is over says so still, of the same end. */
static int check_proof(const struct act *act, struct store_tx *tx, struct err *err) {
    const struct message_incident *incident = &act->messages->options.incident;
    struct proof proof;
    if (act->row.proof[0] == '\0' || act->row.incident_id[0] == '\0' || incident->prove == NULL) {
        return 0;
    }
    int r = incident->prove(incident->ctx, tx, act->row.incident_id, &proof, err);
    if (r >= 0 && strcmp(proof.evidence, act->row.proof) != 0) {
        r = err_set(err, ERR_STATE, "what proved that it is over has changed; draft it again");
    }
    return r;
}

static int answer(const struct act *act, enum message_state state, struct answer *ret_answer,
                  struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"id\":\"%s\",\"object\":\"message\",\"state\":\"%s\"}", act->id,
             message_state_name(state));
    return answer_take(ret_answer, 200, &buf, err);
}

/* On the log of its incident. */
static int note(const struct act *act, struct store_tx *tx, enum message_state state,
                struct err *err) {
    char text[INCIDENT_NOTE_CHARS_MAX];
    snprintf(text, sizeof text, "message %s (%s, %s) %s: %lld persons", act->id,
             audience_name(act->row.audience), situation_row(act->row.situation)->name,
             state == MESSAGE_SENDING ? "is sent" : message_state_name(state),
             (long long)act->row.persons);
    return message_note(act->messages, tx, act->row.incident_id, act->caller->actor, text,
                        state == MESSAGE_SENDING, err);
}

static int finish(const struct act *act, struct store_tx *tx, enum message_state state,
                  const char *action, struct answer *ret_answer, struct err *err) {
    char detail[SHA256_HEX_CHARS + 32];
    snprintf(detail, sizeof detail, "{\"hash\":\"%s\"}", act->row.hash);
    int r = message_put_state(tx, act->id, state, err);
    r = r < 0 ? r : note(act, tx, state, err);
    r = r < 0 ? r : answer(act, state, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, act->caller->actor, action, act->id,
                                act->reason != NULL ? act->reason : "", detail, err);
}

/* ---- approving ---- */

static int check_somebody(const struct act *act, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM mailing WHERE message_id = $1 AND state = 1 LIMIT 1",
                      S_TEXT(act->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    err_set(err, ERR_STATE, "it reaches nobody");
    return err_hint(err, "Find others, or give their addresses: `holdfast message contact`.");
}

static int approve_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    struct approval_row approval;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    int r = message_load(tx, arena, act->id, true, &act->row, err);
    if (r < 0) {
        return r;
    }
    if (act->row.state != MESSAGE_PREVIEWED) {
        return refuse_state(act, "approved", err);
    }
    if (strcmp(act->row.hash, act->hash) != 0) {
        err_set(err, ERR_STATE, "this is not what would be sent");
        err_hint(err, "Look at it again, and give the hash that stands there.");
        return err_place(err, "/hash");
    }
    r = check_next(act, err);
    r = r < 0 ? r : check_proof(act, tx, err);
    r = r < 0 ? r : check_somebody(act, tx, err);
    r = r < 0 ? r
              : approval_decide(tx, arena, act->caller, act->row.approval_id, true, act->reason,
                                &approval, err);
    return r < 0 ? r : finish(act, tx, MESSAGE_APPROVED, "message.approve", ret_answer, err);
}

int message_approve(struct messages *messages, const struct caller *caller, const char *id,
                    const char *hash, const char *reason, struct answer *ret_answer,
                    struct err *err) {
    struct act act = {
        .messages = messages, .caller = caller, .id = id, .hash = hash, .reason = reason};
    return idempotent_run(messages->options.payments, caller, "message.approve", approve_fn, &act,
                          ret_answer, err);
}

/* ---- sending ---- */

static int send_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    int r = message_load(tx, arena, act->id, true, &act->row, err);
    if (r < 0) {
        return r;
    }
    if (act->row.state != MESSAGE_APPROVED) {
        return refuse_state(act, "sent", err);
    }
    r = check_next(act, err);
    r = r < 0 ? r : check_proof(act, tx, err);
    for (int lane = 0; r >= 0 && lane < MESSAGE_LANES; lane++) {
        char key[ID_TEXT_MAX + 8];
        snprintf(key, sizeof key, "%s:%d", act->id, lane);
        r = job_put(tx, JOB_MESSAGE, key, clock_wall_us(), "", err);
    }
    return r < 0 ? r : finish(act, tx, MESSAGE_SENDING, "message.send", ret_answer, err);
}

int message_send(struct messages *messages, const struct caller *caller, const char *id,
                 struct answer *ret_answer, struct err *err) {
    struct act act = {.messages = messages, .caller = caller, .id = id};
    int r = idempotent_run(messages->options.payments, caller, "message.send", send_fn, &act,
                           ret_answer, err);
    if (r >= 0 && messages->options.wake != NULL) {
        messages->options.wake(messages->options.wake_ctx);
    }
    return r;
}

/* ---- stopping ---- */

static int stop_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    int r = message_load(tx, arena, act->id, true, &act->row, err);
    if (r < 0) {
        return r;
    }
    if (act->row.state == MESSAGE_SENT || act->row.state == MESSAGE_STOPPED) {
        return refuse_state(act, "stopped", err);
    }
    r = approval_withdraw(tx, act->row.approval_id, act->caller->actor, act->reason, err);
    return r < 0 ? r : finish(act, tx, MESSAGE_STOPPED, "message.stop", ret_answer, err);
}

int message_stop(struct messages *messages, const struct caller *caller, const char *id,
                 const char *reason, struct answer *ret_answer, struct err *err) {
    struct act act = {.messages = messages, .caller = caller, .id = id, .reason = reason};
    return idempotent_run(messages->options.payments, caller, "message.stop", stop_fn, &act,
                          ret_answer, err);
}

/* ---- contacts ---- */

static int contact_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    int r = sql_put(tx, err,
                    "INSERT INTO customer_contact (customer_id, email, phone, language, "
                    "updated_us) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer_id) DO UPDATE "
                    "SET email = $2, phone = $3, language = $4, updated_us = $5",
                    S_TEXT(act->id), S_TEXT(act->email), S_TEXT(act->phone),
                    S_TEXT(act->language), S_INT(clock_wall_us()));
    buf_add_text(&buf, "{\"object\":\"customer_contact\",\"customer_id\":");
    buf_add_json(&buf, act->id);
    buf_add_text(&buf, ",\"email\":");
    buf_add_json(&buf, act->email);
    buf_add_text(&buf, ",\"phone\":");
    buf_add_json(&buf, act->phone);
    buf_addf(&buf, ",\"language\":\"%s\"}", act->language);
    r = r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, act->caller->actor, "customer.contact", act->id, "", "{}", err);
}

static int refuse_contact(const char *place, const char *what, struct err *err) {
    err_set(err, ERR_VALIDATION, "%s", what);
    return err_place(err, "%s", place);
}

int message_contact(struct messages *messages, const struct caller *caller,
                    const char *customer_id, const char *email, const char *phone,
                    const char *language, struct answer *ret_answer, struct err *err) {
    struct act act = {.messages = messages,
                      .caller = caller,
                      .id = customer_id,
                      .email = email,
                      .phone = phone,
                      .language = language};
    enum language known;
    const char *at = strchr(email, '@');
    bool mail = email[0] == '\0' || (at != NULL && at > email && at[1] != '\0' &&
                                     strpbrk(email, " <>\r\n\t,;\"") == NULL);
    bool number = phone[0] == '\0' || (phone[0] == '+' && strlen(phone) >= 8 &&
                                       strlen(phone) <= 16 &&
                                       strspn(phone + 1, "0123456789") == strlen(phone + 1));
    if (!mail || strlen(email) > CONTACT_CHARS_MAX) {
        return refuse_contact("/email", "this is no e-mail address", err);
    }
    if (!number) {
        return refuse_contact("/phone", "a telephone number is \"+\" and 7 to 15 digits", err);
    }
    if (language[0] != '\0' && !language_parse(language, &known)) {
        return refuse_contact("/language", "a language is \"en\" or \"zh\"", err);
    }
    return idempotent_run(messages->options.payments, caller, "customer.contact", contact_fn, &act,
                          ret_answer, err);
}
