/* SPDX-License-Identifier: Apache-2.0
 * disputes.c: disputes, what is said to them, and store credit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/crypto.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"
#include "payment/payments.h"

/* ---- looking ---- */

int run_dispute_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/disputes", TALK_BY("state", "payment_id", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("DISPUTE", "STATE", ">AMOUNT", "~REASON", "EVIDENCE UNTIL", "ANSWER",
                             "GATEWAY", "PAYMENT");
    bool waits = false;
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        const json_t *said = json_object_get(row, "answer");
        const char *state = field_word(row, "state");
        waits = waits || strcmp(state, "needs_response") == 0;
        table_cell(table, field_text(row, "id"));
        table_state(table, state);
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_text(row, "reason"));
        table_cell(table, show_moment(field_text(row, "due_at"), text));
        table_cell(table, json_is_object(said) ? field_text(said, "state") : NULL);
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "payment_id"));
    }
    table_print(table, cli, "There is no such dispute.");
    return waits ? CLI_PROBLEM : CLI_DONE;
}

void print_evidence(const struct cli *cli, const json_t *evidence) {
    if (json_array_size(evidence) == 0) {
        return;
    }
    TABLE_AUTO table = TABLE("EVIDENCE", "KIND", "~WHAT", ">BYTES", "SUBMITTED", "BY");
    size_t i;
    json_t *piece;
    json_array_foreach((json_t *)evidence, i, piece) {
        const char *file = field_text(piece, "file_name");
        char text[SHOW_CHARS_MAX];
        snprintf(text, sizeof text, "%lld", (long long)field_int(piece, "bytes"));
        table_cell(table, field_text(piece, "id"));
        table_cell(table, field_text(piece, "kind"));
        table_cell(table, file != NULL ? file : field_text(piece, "text"));
        table_cell(table, text);
        table_cell(table, field_true(piece, "submitted") ? "yes" : "no");
        table_cell(table, field_text(piece, "by"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_answer(struct table *card, const json_t *said) {
    char text[SHOW_CHARS_MAX];
    if (!json_is_object(said)) {
        table_pair(card, "answer", "none yet");
        return;
    }
    long long tries = (long long)field_int(said, "tries");
    const char *state = field_word(said, "state");
    if (strcmp(state, "wanted") == 0) {
        table_pairf(card, "answer", "%s: written down, sent in a moment", field_word(said, "what"));
    } else {
        table_pairf(card, "answer", "%s: %s, sent %lld %s", field_word(said, "what"), state, tries,
                    tries == 1 ? "time" : "times");
    }
    table_pair(card, "answered by", field_text(said, "by"));
    table_pair(card, "answer sent", show_moment(field_text(said, "sent_at"), text));
    table_pair(card, "refused because", field_text(said, "error"));
}

static void print_dispute(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "dispute", field_text(row, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pair(card, "stage", field_text(row, "stage"));
    table_pair(card, "amount", field_money(row, "amount", text));
    if (field_int(row, "fee") > 0) {
        table_pair(card, "fee", field_money(row, "fee", text));
    }
    table_pair(card, "its money is in", field_text(row, "booked"));
    table_pair(card, "reason", field_text(row, "reason"));
    table_pair(card, "in their words", field_text(row, "network_reason"));
    table_pair(card, "note", field_text(row, "note"));
    table_pair(card, "evidence until", show_moment(field_text(row, "due_at"), text));
    table_pair(card, "warning", field_text(row, "warning"));
    table_pair(card, "payment", field_text(row, "payment_id"));
    table_pair(card, "gateway", field_text(row, "gateway"));
    table_pair(card, "its id there", field_text(row, "gateway_id"));
    table_pair(card, "reference", field_text(row, "reference"));
    print_answer(card, json_object_get(row, "answer"));
    table_pair(card, "opened", show_moment(field_text(row, "opened_at"), text));
    table_pair(card, "closed", show_moment(field_text(row, "closed_at"), text));
    table_print(card, cli, NULL);
    print_evidence(cli, json_object_get(row, "evidence"));
}

/* METHOD /v1/disputes/ARGUMENT/verb, and how it stands then. */
static int about_dispute(struct cli *cli, const char *method, const char *verb,
                         const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, "/v1/disputes", verb, body, &answer);
    if (status == CLI_DONE) {
        print_dispute(cli, answer);
    }
    return status;
}

int run_dispute_show(struct cli *cli) {
    return about_dispute(cli, "GET", NULL, NULL);
}

/* ---- telling and answering ---- */

int run_dispute_record(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = body_payment_amount(cli, body);
    if (status != CLI_DONE) {
        return status;
    }
    body_text(cli, body, "reference", "reference");
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "due", "due_at");
    if (cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    status = talk_about(cli, "POST", "/v1/payments", "disputes", body, &answer);
    if (status == CLI_DONE) {
        print_dispute(cli, answer);
    }
    return status;
}

/* By the end of the file's name; NULL: none that a bank takes. */
static const char *media_type_of(const char *path) {
    static const struct {
        const char *end, *type;
    } types[] = {{".pdf", "application/pdf"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".jpeg", "image/jpeg"},
                 {".txt", "text/plain"}};
    size_t chars = strlen(path);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        size_t end = strlen(types[i].end);
        if (chars > end && g_ascii_strcasecmp(path + chars - end, types[i].end) == 0) {
            return types[i].type;
        }
    }
    return NULL;
}

static int body_file(const char *path, json_t *body, struct err *err) {
    size_t count = 0;
    const char *slash = strrchr(path, '/');
    const char *type = media_type_of(path);
    if (type == NULL) {
        return err_set(err, ERR_USAGE, "%s: a file must end with .pdf, .png, .jpg or .txt", path);
    }
    char *bytes = malloc(EVIDENCE_FILE_BYTES_MAX + 1);
    int r = bytes == NULL ? err_set(err, ERR_INTERNAL, "no memory for the file")
                          : file_read(path, bytes, EVIDENCE_FILE_BYTES_MAX, &count, err);
    char *content = r < 0 ? NULL : crypto_base64(bytes, count);
    const char *name = slash != NULL ? slash + 1 : path;
    r = r < 0 ? r : body_foreign(body, "file_name", name, strlen(name), "the file's name", err);
    if (content != NULL) {
        json_object_set_new(body, "media_type", json_string(type));
        json_object_set_new(body, "content", json_string(content));
    }
    free(content);
    free(bytes);
    return r < 0 ? err_while(err, "reading the evidence") : 0;
}

int body_evidence(struct cli *cli, json_t *body) {
    struct err err = {0};
    const char *file = cli_text(cli, "file");
    if ((file == NULL) == (cli_text(cli, "text") == NULL)) {
        return cli_misuse(cli, "say either --text or --file");
    }
    body_text(cli, body, "kind", "kind");
    body_text(cli, body, "text", "text");
    if (file != NULL && body_file(file, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    return CLI_DONE;
}

int run_dispute_attach(struct cli *cli) {
    JSON_AUTO body = json_object();
    int status = body_evidence(cli, body);
    return status != CLI_DONE ? status : about_dispute(cli, "POST", "evidence", body);
}

/* What goes to the gateway is sent by a job: its end is seen later. */
static int answer_dispute(struct cli *cli, const char *verb, const json_t *body) {
    int status = about_dispute(cli, "POST", verb, body);
    if (status == CLI_DONE) {
        cli_say(cli, "\n`holdfast dispute show %s` says whether it arrived.\n",
                cli_argument(cli, 0));
    }
    return status;
}

int run_dispute_submit(struct cli *cli) {
    return answer_dispute(cli, "submit", NULL);
}

int run_dispute_accept(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return answer_dispute(cli, "accept", body);
}

int run_dispute_resolve(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "status", "status");
    body_text(cli, body, "reason", "reason");
    return about_dispute(cli, "POST", "resolve", body);
}

/* ---- store credit ---- */

static void print_credit(const struct cli *cli, const json_t *credit) {
    TABLE_AUTO table = TABLE("WHEN", "WHAT", ">AMOUNT", "~CAUSE", "PAYMENT");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(credit, "balances"), i, row) {
        cli_say(cli, "%s has %s %s.\n", field_word(credit, "customer_id"),
                field_word(row, "balance_decimal"), field_word(row, "currency"));
    }
    json_array_foreach(json_object_get(credit, "entries"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, show_moment(field_text(row, "at"), text));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_text(row, "cause"));
        table_cell(table, field_text(row, "payment_id"));
    }
    table_print(table, cli, "This customer was never given any store credit.");
}

int run_credit_show(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/customers");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "credit");
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        print_credit(cli, answer);
    }
    return status;
}

static int adjust(struct cli *cli, const char *act) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "act", json_string(act));
    body_text(cli, body, "currency", "currency");
    body_text(cli, body, "reason", "reason");
    if (body_amount(cli, body, cli_text(cli, "currency"), &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_about(cli, "POST", "/v1/customers", "credit", body, &answer);
    if (status == CLI_DONE) {
        print_credit(cli, answer);
    }
    return status;
}

int run_credit_grant(struct cli *cli) {
    return adjust(cli, "grant");
}

int run_credit_take(struct cli *cli) {
    return adjust(cli, "take");
}

int run_refund_credit(struct cli *cli) {
    JSON_AUTO answer = NULL;
    char text[SHOW_CHARS_MAX];
    int status = talk_about(cli, "POST", "/v1/refunds", "credit", NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "Given as store credit: %s (%s).\n", field_money(answer, "amount", text),
                field_word(answer, "id"));
    }
    return status;
}
