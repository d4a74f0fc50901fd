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
/* A noun with a handler of its own may have verbs beside it: a first word behind it
 * that is no option is a verb then. */
bool cli_has_verbs(const char *noun);
/* An option of this command, its own or a common one; NULL when it has none of that name. */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *name);
/* What stands for a value in the help stands for a path: any bytes are taken. */
bool cli_is_path(const char *value);
/* How many arguments a command takes. */
void cli_argument_bounds(const struct cli_command *command, int *ret_min, int *ret_max);

/* The handlers, by file. */
/* Of rows as a file: options of two tables. */
#define OPT_ROWS_OUT                                                                               \
    {"out", "FILE", "Where to write it: a new file", .needed = true}, {                            \
        "class", "CLASS", "Only rows of this class, such as missing_there"                         \
    }

cli_handler run_serve, run_sandbox, run_demo, run_load, run_help, run_version, run_completion;
cli_handler run_metric_show, run_observe;
cli_handler run_mcp;
cli_handler run_status, run_deps, run_doctor, run_ledger_show, run_audit_verify;
cli_handler run_payment_list, run_payment_show, run_payment_create, run_payment_capture,
    run_payment_cancel, run_payment_refund, run_payment_failed, run_payment_stuck,
    run_payment_check, run_payment_resolve, run_payment_methods, run_payment_code;
cli_handler run_plan_list, run_plan_create, run_plan_show, run_plan_update;
cli_handler run_subscription_list, run_subscription_create, run_subscription_show,
    run_subscription_invoices, run_subscription_cancel, run_subscription_keep,
    run_subscription_pause, run_subscription_resume, run_subscription_retry,
    run_subscription_change, run_subscription_method, run_subscription_status,
    run_subscription_pause_all, run_subscription_resume_all;
cli_handler run_refund_list, run_refund_failed, run_refund_show, run_refund_retry;
cli_handler run_gateway_list, run_gateway_health, run_gateway_latency, run_gateway_watch,
    run_gateway_switch, run_gateway_enable, run_gateway_disable, run_gateway_drain,
    run_gateway_fallback, run_gateway_check, run_gateway_probe, run_gateway_probes,
    run_gateway_explain,
    run_gateway_fees;
cli_handler run_dispute_list, run_dispute_show, run_dispute_record, run_dispute_attach,
    run_dispute_submit, run_dispute_accept, run_dispute_resolve;
cli_handler run_statement_formats, run_statement_check, run_statement_import, run_statement_list,
    run_statement_show, run_statement_withdraw, run_statement_export, run_statement_fetch,
    run_statement_fetches;
cli_handler run_manual_list, run_manual_show, run_manual_ask, run_manual_attach, run_manual_approve,
    run_manual_reject;
cli_handler run_credit_show, run_credit_grant, run_credit_take, run_refund_credit;
/* Who switched fallback mode on, and when; nothing while it is off. */
void print_fallback(struct cli *cli);
cli_handler run_webhook_list, run_webhook_create, run_webhook_update, run_webhook_delete,
    run_webhook_rotate, run_webhook_deliveries, run_webhook_replay;
cli_handler run_callback_list, run_callback_replay, run_case_list, run_case_close;
cli_handler run_bank_rows, run_bank_import, run_bank_match, run_bank_accounts, run_bank_payouts,
    run_bank_sent;
cli_handler run_case_credit, run_case_show, run_case_accept, run_case_return,
    run_case_release_order, run_operation_resolve;
cli_handler run_mode_show, run_mode_set, run_mode_simplified, run_switch_list, run_switch_off,
    run_switch_on;
cli_handler run_risk_show, run_risk_list, run_risk_block, run_risk_allow, run_risk_watch,
    run_risk_remove, run_risk_check, run_risk_dry_run, run_risk_on, run_risk_off;
cli_handler run_keys_list, run_keys_check, run_keys_verify, run_keys_reload, run_keys_rotate,
    run_keys_retire, run_keys_master, run_keys_set, run_keys_remove, run_keys_rekey,
    run_keys_sealed;
cli_handler run_key_create, run_key_list, run_key_revoke;
cli_handler run_user_create, run_user_list, run_user_disable, run_user_enable, run_user_password;
cli_handler run_reconcile, run_window_of_noun, run_window_prove, run_window_list, run_window_show;
cli_handler run_reconcile_run, run_reconcile_list, run_reconcile_show, run_reconcile_rules,
    run_reconcile_report, run_reconcile_export,
    run_reconcile_explain;
cli_handler run_break_list, run_break_show, run_break_assign, run_break_write_off,
    run_break_approve, run_break_reject, run_break_resolve, run_break_reopen, run_break_export;
cli_handler run_incident_open, run_incident_list, run_incident_show, run_incident_ack,
    run_incident_move, run_incident_cancel, run_incident_severity, run_incident_role,
    run_incident_correct, run_incident_note, run_incident_link, run_incident_sign, run_incident_log,
    run_incident_timeline, run_incident_verify, run_incident_gate, run_incident_resolve,
    run_incident_brief, run_incident_postmortem, run_incident_report;
cli_handler run_incident_contain, run_incident_measures, run_incident_undo, run_incident_hand_over,
    run_deploy_gate, run_deploy_freeze, run_deploy_thaw;
cli_handler run_action_list, run_action_show, run_action_add, run_action_done, run_action_verify,
    run_action_reopen, run_action_assign;
cli_handler run_playbook_list, run_playbook_show, run_playbook_check, run_incident_playbook,
    run_incident_checklist, run_incident_tick, run_incident_skip, run_incident_untick,
    run_incident_run;
cli_handler run_ticket_list, run_ticket_show, run_ticket_sop, run_ticket_teams, run_ticket_create,
    run_ticket_assign, run_ticket_transfer, run_ticket_start, run_ticket_wait, run_ticket_comment,
    run_ticket_resolve, run_ticket_approve, run_ticket_reject, run_ticket_close, run_ticket_reopen,
    run_ticket_export;
cli_handler run_alert_rule, run_alert_tune, run_alert_changes, run_alert_backtest;
cli_handler run_alert_list, run_alert_history, run_alert_show, run_alert_ack, run_alert_rules,
    run_alert_silences, run_alert_silence, run_alert_unsilence, run_alert_rota, run_alert_stand_in,
    run_alert_channels, run_alert_test_channel, run_alert_deliveries, run_alert_resend;
cli_handler run_blast, run_incident_blast, run_audit_report, run_review;
cli_handler run_desk, run_payment_resend, run_refund_ask, run_refund_requests, run_refund_approve,
    run_refund_reject;
cli_handler run_kb_list, run_kb_search, run_kb_show, run_kb_edit, run_kb_history;
cli_handler run_complaint_record, run_complaint_list, run_change_record, run_change_list;
cli_handler run_statuspage_show, run_statuspage_list, run_statuspage_incident, run_statuspage_open,
    run_statuspage_update, run_statuspage_maintenance, run_statuspage_approve,
    run_statuspage_withdraw, run_statuspage_component, run_statuspage_subscribers,
    run_statuspage_export;
cli_handler run_message_draft, run_message_list, run_message_show, run_message_people,
    run_message_approve, run_message_send, run_message_stop, run_message_contact, run_template_list,
    run_template_show, run_template_lint;
cli_handler run_rule_list, run_rule_dry_run, run_rule_enable, run_rule_disable, run_rule_start,
    run_repair_list, run_repair_export, run_repair_show, run_repair_reverse, run_repair_approve,
    run_repair_reject;
cli_handler run_db_migrate, run_db_status, run_db_backup, run_db_check, run_db_pool, run_db_refresh,
    run_db_slow, run_db_long, run_db_locks;

#endif
