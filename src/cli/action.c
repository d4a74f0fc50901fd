/* SPDX-License-Identifier: Apache-2.0
 * action.c: what a customer is to do, as a terminal can show it: an address, a code to be scanned,
 * what to transfer where. `holdfast payment code`, and below each payment that waits for one. */
#include <string.h>

#include "base/clock.h"
#include "base/qr.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

enum { CODE_BYTES_MAX = 256 * 1024 };

static void print_code(const struct cli *cli, const char *data) {
    struct err err = {0};
    BUF_AUTO drawn;
    buf_init(&drawn, CODE_BYTES_MAX);
    if (qr_terminal(data, cli->screen.colour, &drawn, &err) == 0 && buf_ok(&drawn)) {
        cli_say(cli, "\n%s", drawn.data);
    }
    cli_say(cli, "\nTo scan:    %s\n", data);
}

static void print_members(const struct cli *cli, const json_t *object, const char *skip) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (json_is_string(value) && strcmp(name, skip) != 0) {
            cli_say(cli, "  %-14s  %s\n", name, json_string_value(value));
        }
    }
}

/* Gateways are asked for some minutes more whether it was paid in the last one. */
static bool is_over(const json_t *action) {
    const char *until = field_text(action, "expires_at");
    int64_t until_us = 0;
    return until != NULL && clock_parse(until, &until_us) && until_us <= clock_wall_us();
}

void print_action(const struct cli *cli, const json_t *payment) {
    const json_t *action = json_object_get(payment, "action");
    const char *type = field_text(action, "type");
    if (type == NULL) {
        return;
    }
    if (is_over(action)) {
        cli_say(cli,
                "\nIts time was over at %s: show it to nobody. The payment ends by itself, as soon "
                "as its gateway has said so.\n",
                field_text(action, "expires_at"));
        return;
    }
    if (strcmp(type, "qr_code") == 0) {
        print_code(cli, field_word(action, "data"));
    } else if (strcmp(type, "redirect") == 0) {
        cli_say(cli, "\nThe customer goes to: %s\n", field_word(action, "url"));
    } else if (strcmp(type, "pay_later") == 0) {
        cli_say(cli, "\nThe order is held; its customer pays by a link:\n");
        print_code(cli, field_word(payment, "pay_later_url"));
    } else if (strcmp(type, "choose_method") == 0) {
        cli_say(cli,
                "\nThe customer pays another way: `holdfast payment methods` shows which work.\n");
    } else if (strcmp(type, "form") == 0) {
        const json_t *form = json_object_get(action, "form");
        cli_say(cli, "\nThe customer's browser posts to %s:\n", field_word(form, "url"));
        print_members(cli, json_object_get(form, "fields"), "signature");
    } else if (strcmp(type, "bank_transfer") == 0) {
        cli_say(cli, "\nThe customer transfers to:\n");
        print_members(cli, json_object_get(action, "bank_transfer"), "");
    } else {
        cli_say(cli, "\nThe shop's app calls the wallet with: %s\n", field_word(action, "data"));
    }
    const char *until = field_text(action, "expires_at");
    if (until != NULL) {
        cli_say(cli, "Works until %s\n", until);
    }
}

static int print_link(struct cli *cli) {
    JSON_AUTO link = NULL;
    int status = talk_about(cli, "GET", "/v1/payments", "qr-link", NULL, &link);
    if (status == CLI_DONE) {
        cli_say(cli, "%s\nWorks until %s, as long as the payment waits for a scan.\n",
                field_word(link, "url"), field_word(link, "expires_at"));
    }
    return status;
}

int run_payment_code(struct cli *cli) {
    JSON_AUTO payment = NULL;
    if (cli_given(cli, "link")) {
        return print_link(cli);
    }
    int status = talk_about(cli, "GET", "/v1/payments", NULL, NULL, &payment);
    if (status != CLI_DONE) {
        return status;
    }
    if (field_text(json_object_get(payment, "action"), "type") == NULL) {
        cli_say(cli, "Payment %s is %s and waits for nobody.\n", field_word(payment, "id"),
                field_word(payment, "state"));
        return CLI_PROBLEM;
    }
    print_action(cli, payment);
    return is_over(json_object_get(payment, "action")) ? CLI_PROBLEM : CLI_DONE;
}
