/* SPDX-License-Identifier: Apache-2.0
 * commands.c: the table of everything `holdfast` can be told to do, and look-ups in it. A noun's
 * own row (no verb) stands before the rows of its verbs. */
#include "cli/commands.h"

#include <string.h>

#define OPTIONS(...) ((const struct cli_option[]){__VA_ARGS__, {0}})
/* Every command that has something to print has it as JSON, too. */
#define ASKS (CLI_TALKS | CLI_JSON)
#define CHANGES (CLI_TALKS | CLI_JSON | CLI_CHANGES)
#define ON_STORE (CLI_STORE | CLI_JSON)
#define METHODS "card|paypal|alipay|wechatpay|unionpay|bank_transfer"

/* Options that many commands have, so that one name always means one thing. */
#define OPT_LIMIT                                                                                  \
    { "limit", "N", "At most so many rows, 1 to 100 [20]" }
#define OPT_LAST                                                                                   \
    { "last", "TIME", "How far to look back: 30m, 1h, 7d [1h]" }
#define OPT_AMOUNT                                                                                 \
    { "amount", "DECIMAL", "In the payment's currency, 19.99 [all that is left]" }
#define OPT_GATEWAY                                                                                \
    { "gateway", "NAME", "Only this gateway" }
#define OPT_METHOD                                                                                 \
    { "method", "METHOD", "Way to pay", METHODS }
#define OPT_NEED_METHOD                                                                            \
    { "method", "METHOD", "Way to pay", METHODS, .needed = true }
#define OPT_TOKEN                                                                                  \
    { "token", "TOKEN", "A token for any gateway, or GATEWAY=TOKEN for one", .many = true }
#define OPT_NEED_CURRENCY                                                                          \
    { "currency", "CODE", "ISO 4217: USD, EUR, JPY", .needed = true }
#define OPT_NEED_AMOUNT                                                                            \
    { "amount", "DECIMAL", "In that currency: 19.99", .needed = true }
#define OPT_REGION                                                                                 \
    { "region", "CODE", "The customer's country: DE, CN, US" }

const enum cli_flag cli_common_flags[] = {CLI_REASON, CLI_STORE, CLI_CHANGES,
                                          CLI_TALKS,  CLI_JSON,  0};

static const struct cli_option talks[] = {
    {"url", "URL", "Where the service listens [HOLDFAST_URL or http://127.0.0.1:3000]"},
    {"key-ref", "REF", "API key: env:NAME or file:/path [HOLDFAST_KEY_REF]"},
    {"timeout", "TIME", "How long to wait for the answer [30s]"},
    {0},
};
static const struct cli_option changes[] = {
    {"idempotency-key", "KEY", "To repeat a command that got no answer [a fresh one]"},
    {0},
};
static const struct cli_option on_store[] = {
    {"config", "FILE", "The service's configuration: its database is used"},
    {"store", "DATABASE", "sqlite:/path or postgresql://…, instead of --config"},
    {0},
};
static const struct cli_option prints[] = {
    {"json", NULL, "JSON on one line, for machines: the service's own where it answers"},
    {0},
};
static const struct cli_option with_reason[] = {
    {"reason", "TEXT", "Why; it goes on the audit log", .needed = true},
    {0},
};

const struct cli_command cli_commands[] = {
    {"serve", NULL, "Run the service",
     "Prints a line for each listener once it is ready. SIGTERM or Ctrl-C ends it gracefully:\n"
     "what was received is answered first. A second one ends it at once.",
     OPTIONS({"config", "FILE", "holdfast.yaml", .needed = true}), NULL, 0, run_serve},
    {"sandbox", NULL, "Run simulated gateways, with faults on demand", NULL, NULL, NULL, CLI_OWN,
     run_sandbox},
    {"demo", NULL, "Play a shop whose gateways misbehave, and prove what came of it",
     "Starts the service, simulated gateways and a shop that keeps buying; breaks the gateways in\n"
     "turn, kills the service, and compares the books. Ends 0 only if every promise held.",
     OPTIONS({"once", NULL, "End by itself when the last scene is over"},
             {"rate", "N", "Customers a second [40]"},
             {"seed", "N", "Of the simulated gateways and the shop [1]"},
             {"folder", "FOLDER", "For configuration, database and log [a new one]"},
             {"store", "URL", "A database of your own instead of SQLite in the folder"}),
     NULL, 0, run_demo},
    {"status", NULL, "How the service is, at a glance",
     "Database, gateways, unresolved payments and what waits for a person.\n"
     "Exit status 1 unless everything is well.",
     NULL, NULL, ASKS, run_status},

    {"payment", NULL, "Take payments, look at them, finish them"},
    {"payment", "list", "Newest payments first", NULL,
     OPTIONS({"state", "STATE", "Only in this state",
              "created|processing|requires_action|authorized|succeeded|failed|canceled"},
             {"order", "ORDER", "Only of this order"}, OPT_GATEWAY, OPT_METHOD,
             {"customer", "ID", "Only of this customer"},
             {"since", "TIME", "From then on: 1h, 7d or 2026-11-20T08:00:00Z"},
             {"until", "TIME", "Before then"}, {"review", NULL, "Only those marked for review"},
             OPT_LIMIT, {"cursor", "CURSOR", "Go on where the last list ended"}),
     NULL, ASKS, run_payment_list},
    {"payment", "show", "A payment's whole story",
     "Every attempt with why its gateway was chosen, callbacks, refunds, postings, in time. Takes\n"
     "the id of a payment (pay_…) or of an order.",
     NULL, "PAYMENT", ASKS, run_payment_show},
    {"payment", "create", "Take a payment",
     "Exit status 1 when it was declined or failed; 0 when it succeeded, is processing or needs\n"
     "the customer.",
     OPTIONS({"order", "ORDER", "The merchant's order id", .needed = true}, OPT_NEED_AMOUNT,
             OPT_NEED_CURRENCY, OPT_NEED_METHOD, OPT_TOKEN,
             {"capture-later", NULL, "Authorize only; capture it afterwards"},
             {"purpose", "PURPOSE", "What it is for [order]", "order|subscription|topup"},
             {"customer", "ID", "The customer's id"}, OPT_REGION,
             {"email", "ADDRESS", "The customer's e-mail address"},
             {"vip", NULL, "A customer who comes first"},
             {"return-url", "URL", "Where the customer comes back to"},
             {"description", "TEXT", "What the customer reads"},
             {"metadata", "KEY=VALUE", "Kept with the payment", .many = true},
             {"several-per-order", NULL, "The order may have other payments"}),
     NULL, CHANGES, run_payment_create},
    {"payment", "capture", "Take the money of an authorized payment", NULL,
     OPTIONS(OPT_AMOUNT, {"keep-rest", NULL, "Keep what is left for another capture"}), "PAYMENT",
     CHANGES, run_payment_capture},
    {"payment", "cancel", "Release a payment that was not captured", NULL,
     OPTIONS({"reason", "TEXT", "Why"}), "PAYMENT", CHANGES, run_payment_cancel},
    {"payment", "refund", "Give money back", NULL,
     OPTIONS(OPT_AMOUNT, {"reason", "TEXT", "Why"},
             {"store-credit", NULL, "As credit for the customer, not to the card"}),
     "PAYMENT", CHANGES, run_payment_refund},
    {"payment", "failed", "Attempts that failed lately, by error code", NULL,
     OPTIONS(OPT_LAST, OPT_LIMIT), NULL, ASKS, run_payment_failed},
    {"payment", "stuck", "Payments nobody has answered for yet",
     "Exit status 1 when there are any. `payment check` asks the gateway about one.",
     OPTIONS({"older", "TIME", "Only those older than this [60s]"}, OPT_LIMIT), NULL, ASKS,
     run_payment_stuck},
    {"payment", "check", "Ask the gateway now what became of a payment",
     "What it says is applied. Exit status 1 when it is still unresolved.", NULL, "PAYMENT",
     CHANGES, run_payment_check},
    {"payment", "resolve", "Decide about an unresolved payment by hand",
     "Only when the gateway cannot be asked: look into its dashboard or statement first.",
     OPTIONS({"status", "STATUS", "What became of it", "completed|failed", .needed = true}),
     "PAYMENT", CHANGES | CLI_REASON, run_payment_resolve},
    {"payment", "methods", "Success rates by method, and which methods work now", NULL,
     OPTIONS(OPT_LAST, {"currency", "CODE", "Methods for this currency"}, OPT_REGION), NULL, ASKS,
     run_payment_methods},

    {"refund", NULL, "Refunds: what became of them, and retrying"},
    {"refund", "list", "Newest refunds first", NULL,
     OPTIONS({"state", "STATE", "Only in this state", "sending|pending|unknown|succeeded|failed"},
             {"failed", NULL, "Short for --state failed"},
             {"last", "TIME", "How far to look back: 24h, 7d [all]"}, OPT_LIMIT),
     NULL, ASKS, run_refund_list},
    {"refund", "show", "One refund", NULL, NULL, "REFUND", ASKS, run_refund_show},
    {"refund", "retry", "Send a failed refund once more", NULL, NULL, "REFUND", CHANGES,
     run_refund_retry},

    {"operation", NULL, "Captures, cancellations, refunds and returns that nobody answered for"},
    {"operation", "resolve", "Decide about an unresolved one by hand",
     "Only when its gateway cannot say; the decision is on the audit log.",
     OPTIONS({"status", "STATUS", "What became of it", "completed|failed", .needed = true},
             {"evidence", "TEXT", "Where it was seen: a statement's line, a dashboard"}),
     "OPERATION", CHANGES | CLI_REASON, run_operation_resolve},

    {"gateway", NULL, "Gateways: health, switching, routing"},
    {"gateway", "list", "Gateways and whether they take payments", NULL, NULL, NULL, ASKS,
     run_gateway_list},
    {"gateway", "health", "Health by method and operation, and whom to call",
     "Exit status 1 when a gateway does not take payments.",
     OPTIONS({"all", NULL, "Idle ones too"}), "[GATEWAY]", ASKS, run_gateway_health},
    {"gateway", "latency", "Response times and timeouts",
     "CALLS and percentiles are of the same time, the last five minutes.",
     OPTIONS({"all", NULL, "Idle ones too"}), "[GATEWAY]", ASKS, run_gateway_latency},
    {"gateway", "watch", "Watch the gateways until Ctrl-C",
     "On a terminal the table is drawn anew each time; elsewhere a line tells of each change.",
     OPTIONS({"every", "TIME", "Pause between two looks [2s]"},
             {"count", "N", "End after so many looks"}),
     "[GATEWAY]", ASKS, run_gateway_watch},
    {"gateway", "switch", "Make a gateway the primary one",
     "`none` takes the choice back: priorities and health decide again.", NULL, "GATEWAY",
     CHANGES | CLI_REASON, run_gateway_switch},
    {"gateway", "enable", "Let a gateway take payments again", NULL, NULL, "GATEWAY",
     CHANGES | CLI_REASON, run_gateway_enable},
    {"gateway", "disable", "Send nothing more to a gateway", NULL,
     OPTIONS({"force", NULL, "Even if no other one is left"}), "GATEWAY", CHANGES | CLI_REASON,
     run_gateway_disable},
    {"gateway", "drain", "No new payments; what was begun is finished there", NULL,
     OPTIONS({"force", NULL, "Even if no other one is left"}), "GATEWAY", CHANGES | CLI_REASON,
     run_gateway_drain},
    {"gateway", "fallback", "Fallback mode: route past the primary gateway", NULL, NULL, "on|off",
     CHANGES | CLI_REASON, run_gateway_fallback},
    {"gateway", "probe", "One harmless call now: reachable, credentials good, how fast",
     "Exit status 1 when it did not go well.", NULL, "GATEWAY", ASKS, run_gateway_probe},
    {"gateway", "explain", "Which gateway such a payment would go to now, and why",
     "Nothing is written and no gateway is called. A card can be charged only where the customer\n"
     "has a token: --token GATEWAY=TOKEN, once for each. Without --token it is explained for a\n"
     "token that every gateway takes. Exit status 1 when no gateway can take it.",
     OPTIONS(OPT_NEED_AMOUNT, OPT_NEED_CURRENCY, OPT_NEED_METHOD, OPT_TOKEN, OPT_REGION,
             {"vip", NULL, "A customer who comes first"}),
     NULL, ASKS, run_gateway_explain},

    {"callback", NULL, "What gateways have told us"},
    {"callback", "list", "Newest callbacks first", NULL,
     OPTIONS({"state", "STATE", "Only in this state", "stored|applied|ignored|failed|parked"},
             {"parked", NULL, "Short for --state parked: those a person must look at"}, OPT_GATEWAY,
             OPT_LIMIT),
     NULL, ASKS, run_callback_list},
    {"callback", "replay", "Process a callback once more", NULL, NULL, "CALLBACK", CHANGES,
     run_callback_replay},

    {"case", NULL, "What a person must look at"},
    {"case", "list", "Open cases, newest first", "Exit status 1 when there are any.",
     OPTIONS({"all", NULL, "Closed ones too"}, OPT_LIMIT), NULL, ASKS, run_case_list},
    {"case", "show", "One case: what it posted, and what became of it", NULL, NULL, "CASE", ASKS,
     run_case_show},
    {"case", "accept", "Take its money out of suspense: it is ours, or the refund stands",
     "Money that came late becomes its payment; a refund of the dashboard's becomes a refund.",
     NULL, "CASE", CHANGES | CLI_REASON, run_case_accept},
    {"case", "return", "Send its money in suspense back through the gateway",
     "Exit status 1 when the gateway refuses; the case stays open then.", NULL, "CASE",
     CHANGES | CLI_REASON, run_case_return},
    {"case", "release-order", "Let the order go that late money holds: it may be paid again", NULL,
     NULL, "CASE", CHANGES | CLI_REASON, run_case_release_order},
    {"case", "close", "Close a case with its resolution", NULL,
     OPTIONS({"resolution", "TEXT", "What was found and done", .needed = true}), "CASE", CHANGES,
     run_case_close},

    {"webhook", NULL, "What we tell the merchant's systems"},
    {"webhook", "list", "Endpoints", NULL, NULL, NULL, ASKS, run_webhook_list},
    {"webhook", "create", "Add an endpoint; its secret is shown this once", NULL,
     OPTIONS({"types", "TYPES", "payment.succeeded,refund.failed [all]"},
             {"description", "TEXT", "For people"}),
     "URL", CHANGES, run_webhook_create},
    {"webhook", "update", "Change an endpoint, pause it, go on", NULL,
     OPTIONS({"to", "URL", "A new address"}, {"types", "TYPES", "Other types of events"},
             {"enable", NULL, "Deliver again"}, {"disable", NULL, "Deliver nothing"}),
     "ENDPOINT", CHANGES, run_webhook_update},
    {"webhook", "delete", "Remove an endpoint", NULL, NULL, "ENDPOINT", CHANGES,
     run_webhook_delete},
    {"webhook", "rotate", "A new secret; the old one signs as well for a while", NULL,
     OPTIONS({"overlap", "TIME", "How long [24h]"}), "ENDPOINT", CHANGES, run_webhook_rotate},
    {"webhook", "deliveries", "Deliveries, newest first", NULL,
     OPTIONS({"endpoint", "ENDPOINT", "Only to this endpoint"},
             {"state", "STATE", "Only in this state", "waiting|delivered|parked"}, OPT_LIMIT),
     NULL, ASKS, run_webhook_deliveries},
    {"webhook", "replay", "Deliver once more", NULL, NULL, "DELIVERY", CHANGES, run_webhook_replay},

    {"ledger", NULL, "The books"},
    {"ledger", "show", "Balances by account, and what each gateway took and returned", NULL, NULL,
     NULL, ASKS, run_ledger_show},

    {"key", NULL, "API keys"},
    {"key", "create", "Make a key; it is shown this once", NULL,
     OPTIONS({"role", "ROLE", "What it may do", "viewer|support|operator|finance|admin",
              .needed = true},
             {"scopes", "LIST", "Only these operations: getPayment,listPayments"},
             {"expires", "TIME", "When it stops working: 2027-01-31T00:00:00Z"}),
     "NAME", CHANGES, run_key_create},
    {"key", "list", "Keys, without the keys themselves", NULL, NULL, NULL, ASKS, run_key_list},
    {"key", "revoke", "End a key", NULL, NULL, "KEY", CHANGES, run_key_revoke},

    {"user", NULL, "People with a password"},
    {"user", "create", "Add a person; the password is asked for", NULL,
     OPTIONS({"role", "ROLE", "What they may do", "viewer|support|operator|finance|admin",
              .needed = true},
             {"password-file", "FILE", "Read the password there instead of asking"}),
     "NAME", CHANGES, run_user_create},
    {"user", "list", "People and their roles", NULL, NULL, NULL, ASKS, run_user_list},
    {"user", "disable", "End a person's access",
     "At once: the sessions end, and the API keys that the person made are refused. Give systems\n"
     "that pay with such a key a new one first.",
     NULL, "USER", CHANGES, run_user_disable},
    {"user", "enable", "Let a person in again",
     "Also one whose account waits after wrong passwords. API keys that the person made work "
     "again.",
     NULL, "USER", CHANGES, run_user_enable},
    {"user", "password", "Give a person a new password; it is asked for",
     "All sessions of the person end.",
     OPTIONS({"password-file", "FILE", "Read the password there instead of asking"}), "USER",
     CHANGES, run_user_password},

    {"db", NULL, "The database: schema, backup, proof",
     "migrate, status and backup work on the database itself and need --config or --store. check\n"
     "does so too when it is given one of them, and asks the running service otherwise."},
    {"db", "migrate", "Bring the schema forward", NULL,
     OPTIONS({"backup-dir", "FOLDER", "Back up there first, if there is data"}), NULL, ON_STORE,
     run_db_migrate},
    {"db", "status", "Which migrations have been applied",
     "Exit status 1 when one is missing or was altered.", NULL, NULL, ON_STORE, run_db_status},
    {"db", "backup", "Write a consistent copy of a live database", NULL, NULL, "FILE", ON_STORE,
     run_db_backup},
    {"db", "check", "Prove the invariants on the stored data",
     "With --config or --store: the engine's own check, the schema, every invariant and the audit\n"
     "chain, read from the database itself. Without: what the running service finds.\n"
     "Exit status 1 when anything is broken.",
     NULL, NULL, ON_STORE | CLI_TALKS, run_db_check},
    {"db", "pool", "Connections, commits and waiting", NULL, NULL, NULL, ASKS, run_db_pool},
    {"db", "refresh", "Drop the database connections and make new ones", NULL, NULL, NULL, CHANGES,
     run_db_refresh},

    {"audit", NULL, "The audit log"},
    {"audit", "verify", "Prove that no entry was changed, removed or put in",
     "With --config or --store it reads the database itself.\n"
     "Exit status 1 when the chain is broken.",
     NULL, NULL, ON_STORE | CLI_TALKS, run_audit_verify},

    {"load", NULL, "Generate load and measure",
     "By default an open model: orders come at --rate by chance (Poisson), whether or not the\n"
     "earlier ones are answered, and latency counts from the moment an order was meant to leave.\n"
     "--closed N keeps N under way instead: for measuring throughput. Tokens that fit the sandbox\n"
     "are found by asking which gateways there are, unless --token says otherwise.\n"
     "Exit status 1 when requests failed, 3 when none was answered.",
     OPTIONS({"target", "URL", "The public listener [http://127.0.0.1:8080]"},
             {"key-ref", "REF", "API key: env:NAME or file:/path [HOLDFAST_KEY_REF]"},
             {"rate", "N", "Orders a second, on average [10]"},
             {"closed", "N", "Closed model: so many under way at all times"},
             {"duration", "TIME", "How long [10s, unless --count]"},
             {"count", "N", "How many orders"},
             {"concurrency", "N", "At most so many under way [256]"},
             {"method", "MIX", "card, or card:80,paypal:20 [card]"},
             {"currency", "MIX", "USD, or USD:70,EUR:30 [USD]"},
             {"amount", "RANGE", "19.99, or 1.00..200.00 [1.00..200.00]"}, OPT_TOKEN,
             {"decline", "PERCENT", "Share of orders with a token that is declined: 2.5 [0]"},
             {"decline-token", "TOKEN", "That token, or GATEWAY=TOKEN", .many = true},
             {"answer-within", "TIME", "Give up on an answer after this [30s]"},
             {"seed", "N", "Of the arrivals and the mix [drawn]"}),
     NULL, CLI_JSON, run_load},

    {"completion", NULL, "Completion for a shell", "eval \"$(holdfast completion bash)\"", NULL,
     "bash", 0, run_completion},
    {"version", NULL, "Which version this is", NULL, NULL, NULL, CLI_JSON, run_version},
    {"help", NULL, "What there is", NULL, NULL, "[COMMAND] [VERB]", 0, run_help},
};
const int cli_command_count = COUNT_OF(cli_commands);

const struct cli_option *cli_common_options(enum cli_flag flag) {
    switch (flag) {
    case CLI_TALKS:
        return talks;
    case CLI_CHANGES:
        return changes;
    case CLI_STORE:
        return on_store;
    case CLI_REASON:
        return with_reason;
    case CLI_JSON:
        return prints;
    case CLI_OWN:
        break;
    }
    return &talks[COUNT_OF(talks) - 1];
}

static bool same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

const struct cli_command *cli_command_find(const char *noun, const char *verb) {
    for (int i = 0; i < cli_command_count; i++) {
        if (same(cli_commands[i].noun, noun) && same(cli_commands[i].verb, verb)) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

static const struct cli_option *find_in(const struct cli_option *option, const char *name) {
    while (option != NULL && option->name != NULL) {
        if (strcmp(option->name, name) == 0) {
            return option;
        }
        option++;
    }
    return NULL;
}

const struct cli_option *cli_option_find(const struct cli_command *command, const char *name) {
    const struct cli_option *found = find_in(command->options, name);
    for (int i = 0; found == NULL && cli_common_flags[i] != 0; i++) {
        if ((command->flags & cli_common_flags[i]) != 0) {
            found = find_in(cli_common_options(cli_common_flags[i]), name);
        }
    }
    return found;
}

void cli_argument_bounds(const struct cli_command *command, int *ret_min, int *ret_max) {
    int min = 0, max = 0;
    bool inside = false;
    for (const char *at = command->arguments; at != NULL && *at != '\0'; at++) {
        if (*at == ' ') {
            inside = false;
        } else if (!inside) {
            inside = true;
            min += *at != '[';
            max++;
        }
    }
    *ret_min = min;
    *ret_max = max;
}
