/* SPDX-License-Identifier: Apache-2.0
 * commands.h: the table of everything `holdfast` can be told to do. Dispatch, help, the check of
 * options and arguments, and completion all come from its rows; a command that is not a row does
 * not exist. Threads: any; the table is constant. Cannot fail. */
#ifndef HOLDFAST_CLI_COMMANDS_H
#define HOLDFAST_CLI_COMMANDS_H

#include "cli/cli.h"

enum cli_flag {
    CLI_TALKS = 1,   /* --url, --key-ref, --timeout */
    CLI_CHANGES = 2, /* --idempotency-key */
    CLI_STORE = 4,   /* --config, --store: works on a database itself */
    CLI_OWN = 8,     /* reads its options itself, unlooked at */
    CLI_REASON = 16, /* --reason, needed: it goes on the audit log */
    CLI_JSON = 32,   /* --json */
};

struct cli_option {
    const char *name;    /* "amount" for --amount */
    const char *value;   /* what stands for its value in the help; NULL: a flag. "FILE" and
                            "FOLDER" are completed as paths */
    const char *summary; /* one line */
    const char *choices; /* "card|paypal": nothing else is taken; NULL: anything */
    bool needed, many;   /* must be given; may be given again */
};

typedef int cli_handler(struct cli *cli);

struct cli_command {
    const char *noun;
    const char *verb;    /* NULL: the noun's own row: a summary for its verbs, or a command alone */
    const char *summary; /* one line, no full stop */
    const char *details; /* more, or NULL; may have several lines */
    const struct cli_option *options; /* ends with a row of NULL; or NULL */
    const char *arguments;            /* "PAYMENT [NAME]"; NULL: none */
    unsigned flags;
    cli_handler *handler; /* NULL: only verbs */
};

extern const struct cli_command cli_commands[];
extern const int cli_command_count;

/* Options that come with a flag, in the order of the help. Ends with a row of NULL. */
const struct cli_option *cli_common_options(enum cli_flag flag);
/* Every flag that brings options, 0 ends. */
extern const enum cli_flag cli_common_flags[];

const struct cli_command *cli_command_find(const char *noun, const char *verb);
/* An option of this command, its own or a common one; NULL when it has none of that name. */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *name);
/* How many arguments a command takes. */
void cli_argument_bounds(const struct cli_command *command, int *ret_min, int *ret_max);

/* The handlers, by file. */
cli_handler run_serve, run_sandbox, run_demo, run_load, run_help, run_version, run_completion;
cli_handler run_status, run_ledger_show, run_audit_verify;
cli_handler run_payment_list, run_payment_show, run_payment_create, run_payment_capture,
    run_payment_cancel, run_payment_refund, run_payment_failed, run_payment_stuck,
    run_payment_check, run_payment_resolve, run_payment_methods;
cli_handler run_refund_list, run_refund_show, run_refund_retry;
cli_handler run_gateway_list, run_gateway_health, run_gateway_latency, run_gateway_watch,
    run_gateway_switch, run_gateway_enable, run_gateway_disable, run_gateway_drain,
    run_gateway_fallback, run_gateway_probe, run_gateway_explain;
/* Who switched fallback mode on, and when; nothing while it is off. */
void print_fallback(struct cli *cli);
cli_handler run_webhook_list, run_webhook_create, run_webhook_update, run_webhook_delete,
    run_webhook_rotate, run_webhook_deliveries, run_webhook_replay;
cli_handler run_callback_list, run_callback_replay, run_case_list, run_case_close;
cli_handler run_case_show, run_case_accept, run_case_return, run_case_release_order,
    run_operation_resolve;
cli_handler run_key_create, run_key_list, run_key_revoke;
cli_handler run_user_create, run_user_list, run_user_disable, run_user_enable, run_user_password;
cli_handler run_db_migrate, run_db_status, run_db_backup, run_db_check, run_db_pool, run_db_refresh;

#endif
