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
#define OPT_LISTED_FOR                                                                             \
    { "for", "TIME", "How long: 90s, 24h, 30d [for good]" }
#define OPT_UNVERIFIED                                                                             \
    { "unverified", NULL, "Do not ask the gateway first" }
#define OPT_FROM                                                                                   \
    { "from", "FILE", "Where the new value is [typed, or piped in]" }
#define OPT_OFFLINE                                                                                \
    { "offline", NULL, "Do not tell a service: there is none yet" }
#define OPT_NEED_CONFIG                                                                            \
    { "config", "FILE", "The service's configuration: its keystore is used", .needed = true }
#define OPT_REGION                                                                                 \
    { "region", "CODE", "The customer's country: DE, CN, US" }
#define OPT_SEGMENT                                                                                \
    { "segment", "WORD", "What kind of customer: retail, wholesale" }

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
    {"deps", NULL, "What the service stands on, who stands on it, and how each is",
     "Each edge with its health, its latency and what stops working without it.\n"
     "Exit status 1 when one is down.",
     NULL, NULL, ASKS, run_deps},
    {"doctor", NULL, "Everything that is wrong right now, the gravest first, with the next step",
     "Alerts (also those that somebody looks at), figures past their thresholds, channels that\n"
     "fail, gateways out of use, silences, database, keys, callbacks, modes; payments without an\n"
     "answer, differences, cases, tickets, deadlines, jobs. What an alert tells is not told\n"
     "twice. Exit status 1 when anything has to be done.",
     NULL, NULL, ASKS, run_doctor},

    {"metric", NULL, "How payments fare: the nine figures"},
    {"metric", "show", "The figures with their thresholds, overall or by dimension",
     "Now is the last five minutes. With --since they come from what is stored, thirteen months\n"
     "back. \"no data\": too few events to say anything. By code: how many of all say it, counted\n"
     "by the second. Exit status 1 when one is past a threshold now.",
     OPTIONS({"by", "DIMENSIONS", "Apart by gateway,method,region,currency,segment,code: some"},
             {"since", "TIME", "From then on: 1h, 7d or 2026-11-20T08:00:00Z"},
             {"until", "TIME", "Before then"},
             {"watch", NULL, "Again and again until Ctrl-C"},
             {"every", "TIME", "Pause between two looks [2s]"},
             {"count", "N", "End after so many looks"}),
     "[NAME]", ASKS, run_metric_show},

    {"observe", NULL, "Tell the service of payments that are taken elsewhere, from their log",
     "FILE is a log with one JSON object a line, or a CSV; the map says what its fields mean\n"
     "(docs/observer.md; deploy/observe/ has examples). Mistakes are told with their line, and\n"
     "change no figure. Without --follow the whole file is read, once; exit status 1 when a line\n"
     "was wrong.",
     OPTIONS({"map", "MAP.yaml", "What the log's fields mean", .needed = true},
             {"follow", NULL, "What is written from now on, also over rotations, until Ctrl-C"},
             {"from-start", NULL, "With --follow: also what is there already"},
             {"place", "FILE", "Keeps where reading stands, to go on there after a restart"},
             {"check", NULL, "Only read, and tell the map's mistakes; nothing is sent"}),
     "FILE", ASKS, run_observe},

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
             {"flow", "FLOW", "How a customer without a token is asked [as the gateway does]",
              "page|mobile_page|qr|app"},
             {"capture-later", NULL, "Authorize only; capture it afterwards"},
             {"purpose", "PURPOSE", "What it is for [order]", "order|subscription|topup"},
             {"customer", "ID", "The customer's id"}, OPT_REGION,
             {"email", "ADDRESS", "The customer's e-mail address"},
             {"ip", "ADDRESS", "Where the customer comes from: 203.0.113.7"},
             {"vip", NULL, "A customer who comes first"}, OPT_SEGMENT,
             {"return-url", "URL", "Where the customer comes back to"},
             {"description", "TEXT", "What the customer reads"},
             {"metadata", "KEY=VALUE", "Kept with the payment", .many = true},
             {"several-per-order", NULL, "The order may have other payments"},
             {"defer", NULL, "Hold the order; its customer pays by a link"},
             {"queue", NULL, "Take it now and charge it by and by, where that is allowed"}),
     NULL, CHANGES, run_payment_create},
    {"payment", "code", "What the customer must do now: a code to scan, a page, a transfer",
     "Exit status 1 when the payment waits for nobody, or what it waits for is over.",
     OPTIONS({"link", NULL, "A link to the drawn code instead, for a page's <img>"}), "PAYMENT",
     ASKS, run_payment_code},
    {"payment", "capture", "Take the money of an authorized payment", NULL,
     OPTIONS(OPT_AMOUNT, {"keep-rest", NULL, "Keep what is left for another capture"}), "PAYMENT",
     CHANGES, run_payment_capture},
    {"payment", "cancel", "Release a payment that was not captured", NULL,
     OPTIONS({"reason", "TEXT", "Why"}), "PAYMENT", CHANGES, run_payment_cancel},
    {"payment", "refund", "Give money back", NULL,
     OPTIONS(OPT_AMOUNT, {"reason", "TEXT", "Why"},
             {"store-credit", NULL, "As credit for the customer, not to the card"}),
     "PAYMENT", CHANGES, run_payment_refund},
    {"payment", "failed", "What failed lately, by error code, asked or not", NULL,
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
    {"refund", "failed", "Refunds that failed lately",
     "Exit status 1 when there are any. `refund retry` sends one once more;\n"
     "what was sent again is listed no longer.",
     OPTIONS({"last", "TIME", "How far to look back: 30m, 24h, 7d [24h]"}, OPT_LIMIT), NULL, ASKS,
     run_refund_failed},
    {"refund", "show", "One refund", NULL, NULL, "REFUND", ASKS, run_refund_show},
    {"refund", "retry", "Send a failed refund once more", NULL, NULL, "REFUND", CHANGES,
     run_refund_retry},
    {"refund", "credit", "Give what a failed refund was to give back as store credit", NULL, NULL,
     "REFUND", CHANGES, run_refund_credit},

    {"dispute", NULL, "Payments that customers take back through their bank or wallet"},
    {"dispute", "list", "Newest disputes first", "Exit status 1 when evidence is waited for.",
     OPTIONS(
         {"state", "STATE", "Only in this state", "needs_response|under_review|won|lost|withdrawn"},
         {"payment", "PAYMENT", "Only of this payment"}, OPT_LIMIT),
     NULL, ASKS, run_dispute_list},
    {"dispute", "show", "One dispute: where it stands, its evidence, what was answered", NULL, NULL,
     "DISPUTE", ASKS, run_dispute_show},
    {"dispute", "record", "Tell of a chargeback that the gateway has not told of",
     "Where the gateway tells of it later, the two are one.",
     OPTIONS({"reference", "TEXT", "The bank's name for it", .needed = true}, OPT_AMOUNT,
             {"reason", "TEXT", "What the bank says"},
             {"due", "TIME", "Until when the bank takes evidence: 2026-11-20T08:00:00Z"},
             {"force", NULL, "Although another payment has this reference"}),
     "PAYMENT", CHANGES, run_dispute_record},
    {"dispute", "attach", "Put a piece of evidence into the file; nothing is sent yet",
     "Stripe takes texts and no files; PayPal takes both.",
     OPTIONS({"kind", "KIND", "What it is: receipt, shipping_documentation, access_log, …",
              .needed = true},
             {"text", "TEXT", "A text"},
             {"file", "FILE", "A .pdf, .png, .jpg or .txt, up to 44 KiB"}),
     "DISPUTE", CHANGES, run_dispute_attach},
    {"dispute", "submit", "Send the evidence to the gateway",
     "A gateway takes it once: attach everything first.", NULL, "DISPUTE", CHANGES,
     run_dispute_submit},
    {"dispute", "accept", "Give the money up", "The gateway is told; it cannot be taken back.",
     NULL, "DISPUTE", CHANGES | CLI_REASON, run_dispute_accept},
    {"dispute", "resolve", "Say by hand how one ended that no gateway tells of", NULL,
     OPTIONS(
         {"status", "STATE", "How it stands", "under_review|won|lost|withdrawn", .needed = true}),
     "DISPUTE", CHANGES | CLI_REASON, run_dispute_resolve},

    {"manual", NULL, "Payments by hand: past every gateway, with a second person's word"},
    {"manual", "list", "Newest first", "Exit status 1 when one waits to be decided.",
     OPTIONS({"state", "STATE", "Only in this state", "waiting|approved|rejected"}, OPT_LIMIT),
     NULL, ASKS, run_manual_list},
    {"manual", "show", "One, with its evidence", NULL, NULL, "PAYMENT", ASKS, run_manual_show},
    {"manual", "ask", "Tell of a payment that came past every gateway",
     "Its order is held from then on; it counts when another person has approved it. Customers "
     "who\n"
     "are neither VIP nor listed need a reason. It takes a key that a user has made (--key-ref).",
     OPTIONS({"order", "ORDER", "The merchant's order id", .needed = true}, OPT_NEED_AMOUNT,
             OPT_NEED_CURRENCY, {"by", "WAY", "How it was paid", "bank|cash|other", .needed = true},
             {"reference", "TEXT", "By which it can be found", .needed = true},
             {"received", "TIME", "When it came: 2026-11-20T08:00:00Z [now]"},
             {"customer", "ID", "The customer's id"}, OPT_REGION,
             {"email", "ADDRESS", "The customer's e-mail address"},
             {"vip", NULL, "A customer who comes first"}, OPT_SEGMENT,
             {"description", "TEXT", "What it is for"},
             {"reason", "TEXT", "Why by hand"}),
     NULL, CHANGES, run_manual_ask},
    {"manual", "attach", "Attach what shows that the money came", NULL,
     OPTIONS(
         {"kind", "KIND", "What it is: receipt, customer_communication, other, …", .needed = true},
         {"text", "TEXT", "A text"}, {"file", "FILE", "A .pdf, .png, .jpg or .txt, up to 44 KiB"}),
     "PAYMENT", CHANGES, run_manual_attach},
    {"manual", "approve", "Agree that the money came; never by who asked", NULL, NULL, "PAYMENT",
     CHANGES | CLI_REASON, run_manual_approve},
    {"manual", "reject", "Say that it did not, or take it back: the order is free again", NULL,
     NULL, "PAYMENT", CHANGES | CLI_REASON, run_manual_reject},

    {"credit", NULL, "Store credit of customers"},
    {"credit", "show", "A customer's balances and what they came from", NULL, NULL, "CUSTOMER",
     ASKS, run_credit_show},
    {"credit", "grant", "Give a customer credit", NULL, OPTIONS(OPT_NEED_AMOUNT, OPT_NEED_CURRENCY),
     "CUSTOMER", CHANGES | CLI_REASON, run_credit_grant},
    {"credit", "take", "Take credit back; never more than there is", NULL,
     OPTIONS(OPT_NEED_AMOUNT, OPT_NEED_CURRENCY), "CUSTOMER", CHANGES | CLI_REASON,
     run_credit_take},

    {"plan", NULL, "What can be subscribed to"},
    {"plan", "list", "Plans that take subscriptions", NULL,
     OPTIONS({"all", NULL, "Those too that take no more"}, OPT_LIMIT), NULL, ASKS, run_plan_list},
    {"plan", "create", "Make a plan; its price and rhythm never change", NULL,
     OPTIONS({"amount", "AMOUNT", "Of each period: 9.00", .needed = true}, OPT_NEED_CURRENCY,
             {"every", "UNIT", "Its interval", "day|week|month|year", .needed = true},
             {"count", "N", "So many of them [1]"}, {"trial-days", "N", "Days for nothing [0]"},
             {"when-unpaid", "WHAT", "What becomes of one that nobody pays [cancel]",
              "cancel|keep_unpaid"}),
     "NAME", CHANGES, run_plan_create},
    {"plan", "show", "One plan", NULL, NULL, "PLAN", ASKS, run_plan_show},
    {"plan", "update", "Rename a plan, or end its sale", NULL,
     OPTIONS({"name", "NAME", "Its new name"}, {"end", NULL, "Take no more subscriptions"},
             {"reopen", NULL, "Take them again"}),
     "PLAN", CHANGES, run_plan_update},

    {"subscription", NULL, "Subscriptions: renewals, pauses, what is owing"},
    {"subscription", "list", "Newest subscriptions first", NULL,
     OPTIONS({"customer", "CUSTOMER", "Only of this customer"},
             {"plan", "PLAN", "Only of this plan"},
             {"state", "STATE", "Only in this state",
              "starting|trialing|active|past_due|unpaid|paused|canceled"},
             OPT_LIMIT),
     NULL, ASKS, run_subscription_list},
    {"subscription", "create", "Subscribe a customer", NULL,
     OPTIONS({"method", "METHOD", "How it is paid [card]"}, OPT_TOKEN,
             {"time-zone", "ZONE", "The customer's, such as Europe/Berlin [UTC]"},
             {"trial-days", "N", "Instead of the plan's"}, {"email", "ADDRESS", "Of the customer"},
             {"region", "REGION", "Of the customer: EU"},
             {"description", "TEXT", "What the payments say that they are for"}),
     "PLAN CUSTOMER", CHANGES, run_subscription_create},
    {"subscription", "show", "One subscription", NULL, NULL, "SUBSCRIPTION", ASKS,
     run_subscription_show},
    {"subscription", "invoices", "What each period came to", NULL, NULL, "SUBSCRIPTION", ASKS,
     run_subscription_invoices},
    {"subscription", "cancel", "End it with the period that is paid for", NULL,
     OPTIONS({"now", NULL, "At once"}), "SUBSCRIPTION", CHANGES | CLI_REASON,
     run_subscription_cancel},
    {"subscription", "keep", "Take a cancellation back", NULL, NULL, "SUBSCRIPTION", CHANGES,
     run_subscription_keep},
    {"subscription", "pause", "Charge nothing for a while", NULL, NULL, "SUBSCRIPTION",
     CHANGES | CLI_REASON, run_subscription_pause},
    {"subscription", "resume", "Go on with the present period", NULL, NULL, "SUBSCRIPTION", CHANGES,
     run_subscription_resume},
    {"subscription", "change", "Another plan from the next period on", NULL, NULL,
     "SUBSCRIPTION PLAN", CHANGES, run_subscription_change},
    {"subscription", "method", "Another way to pay; what is owing is tried with it", NULL,
     OPTIONS({"method", "METHOD", "How it is paid [card]"}, OPT_TOKEN), "SUBSCRIPTION", CHANGES,
     run_subscription_method},
    {"subscription", "retry", "Try to be paid now", NULL, NULL, "SUBSCRIPTION", CHANGES,
     run_subscription_retry},
    {"subscription", "status", "Whether all of them are paused", NULL, NULL, NULL, ASKS,
     run_subscription_status},
    {"subscription", "pause-all", "Charge no subscription until resume-all", NULL, NULL, NULL,
     CHANGES | CLI_REASON, run_subscription_pause_all},
    {"subscription", "resume-all", "Begin what is due, one after the other", NULL, NULL, NULL,
     CHANGES | CLI_REASON, run_subscription_resume_all},

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
     OPTIONS(OPT_GATEWAY, {"every", "TIME", "Pause between two looks [2s]"},
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
    {"gateway", "check", "The way to each gateway: name, connection, TLS, certificate, answer",
     "From where the service runs, on a connection of its own; then one harmless call with the\n"
     "credentials. Exit status 1 when a step fails or a certificate ends within 14 days.",
     OPTIONS(OPT_GATEWAY), "[GATEWAY]", ASKS, run_gateway_check},
    {"gateway", "probe", "Probe a gateway now: one harmless call, or a payment of its probe",
     "Without --method one harmless call: reachable, credentials good, how fast. With it a "
     "payment\n"
     "is made, as `probes` of the configuration has it for gateway and method, and taken back.\n"
     "Exit status 1 when it did not go well.",
     OPTIONS({"method", "METHOD", "Make the payment of this method's probe"}), "GATEWAY", ASKS,
     run_gateway_probe},
    {"gateway", "probes", "Payments that probe gateways: last result, how long, when next",
     "Exit status 1 when one failed twice in a row.", NULL, NULL, ASKS, run_gateway_probes},
    {"gateway", "fees", "What a gateway keeps, as agreed, and what that comes to",
     "Of a refund --charge is what the charge had taken. Exit status 1 when no line speaks of it.",
     OPTIONS({"amount", "DECIMAL", "Of such a movement, with --currency"},
             {"currency", "CODE", "ISO 4217: USD, EUR, JPY"}, OPT_METHOD, OPT_REGION,
             {"statement-method", "WORD", "As its statement calls it: visa"},
             {"kind", "KIND", "charge, refund or dispute [charge]"},
             {"charge", "DECIMAL", "Of a refund: what was charged"},
             {"at", "TIME", "When it moved [now]"}),
     "GATEWAY", ASKS, run_gateway_fees},
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
    {"case", "credit", "Give its money to the customer of its payment as store credit", NULL, NULL,
     "CASE", CHANGES | CLI_REASON, run_case_credit},
    {"case", "release-order", "Let the order go that late money holds: it may be paid again", NULL,
     NULL, "CASE", CHANGES | CLI_REASON, run_case_release_order},
    {"case", "close", "Close a case with its resolution", NULL,
     OPTIONS({"resolution", "TEXT", "What was found and done", .needed = true}), "CASE", CHANGES,
     run_case_close},

    {"statement", NULL, "Statements of gateways and banks"},
    {"statement", "formats", "The formats that are understood", NULL, NULL, NULL, CLI_JSON,
     run_statement_formats},
    {"statement", "check", "Look at a file: its format, what is wrong with it, what it adds up to",
     "Works on the file alone: nothing is sent or stored. Packed files (gzip, ZIP) are unpacked.\n"
     "Whose it is and whether it is there already only the service knows. Days of --period are of\n"
     "--zone, else of the format's usual place. Exit status 1 when it would not be taken in.",
     OPTIONS({"format", "NAME", "Which format it has, when that is not found out"},
             {"map", "FILE", "How to read any delimited file: see docs/statements.md"},
             {"zone", "ZONE", "Of local times in it: Asia/Shanghai"},
             {"period", "FROM..TO", "The days it should be of: 2026-11-20..2026-11-22"}),
     "FILE", CLI_JSON, run_statement_check},
    {"statement", "import", "Give a gateway's or bank's file to the service, whole or not at all",
     "Packed files (gzip, ZIP) are unpacked there. The same file again changes nothing. Waits "
     "until "
     "it\nwas taken in. Exit status 1 when it was refused: then all that is wrong is printed.",
     OPTIONS({"gateway", "NAME", "Whose statement it is", .needed = true},
             {"format", "NAME", "Which format it has, when that is not found out"},
             {"map", "FILE", "How to read any delimited file: see docs/statements.md"},
             {"zone", "ZONE", "Of local times in it: Asia/Shanghai"},
             {"period", "FROM..TO", "The days it is of, where it does not tell them"},
             {"supersedes", "STATEMENT", "The statement that this file corrects"},
             {"reason", "TEXT", "Why it does"}),
     "FILE", CHANGES, run_statement_import},
    {"statement", "list", "The statements that were taken in, newest first", NULL,
     OPTIONS(OPT_GATEWAY,
             {"state", "STATE", "Only in this state",
              "writing|taken|superseded|given_up|withdrawn"},
             {"find", "TEXT",
              "In id, name, account, number; an order's id or a name at the gateway in whole"},
             {"since", "TIME", "Of a period from then on: 7d or 2026-11-20T08:00:00Z"},
             {"until", "TIME", "Before then"}, OPT_LIMIT,
             {"cursor", "CURSOR", "Go on where the last list ended"}),
     NULL, ASKS, run_statement_list},
    {"statement", "show", "What a statement says of itself, and what its rows have become", NULL,
     OPTIONS({"rows", NULL, "Its rows as well, each with its class and rule"},
             {"class", "CLASS", "Only rows in this class; none: those that no run has seen"},
             {"after", "N", "Only rows behind this number"},
             {"limit", "N", "At most so many rows, 1 to 500 [100]"}),
     "STATEMENT", ASKS, run_statement_show},
    {"statement", "export", "A statement's rows as a file for a spreadsheet, with totals", NULL,
     OPTIONS({"format", "FORMAT", "Which kind of file [csv]", "csv|xlsx"}, OPT_ROWS_OUT),
     "STATEMENT", ASKS, run_statement_export},
    {"statement", "withdraw", "A statement that was taken in by mistake no longer counts",
     "It stays on record. What it took the place of counts again; its rows leave with the next\n"
     "run, which heals the breaks that only it caused. Refused when something was done because\n"
     "of one of its rows. The file may be given again afterwards.",
     OPTIONS({"reason", "TEXT", "Why, for the record", .needed = true}), "STATEMENT", CHANGES,
     run_statement_withdraw},
    {"statement", "fetch", "Fetch the statement of a day from its gateway now",
     "One that is fetched already is only asked for again with --again: the same file changes\n"
     "nothing, another one takes the place of that day's statement, with a record.\n"
     "One that comes into a folder is looked at twice, settle_s apart (docs/statements.md).\n"
     "Exit status 1 when it is not there yet; then it goes on being asked for.",
     OPTIONS({"gateway", "NAME", "From where", .needed = true},
             {"day", "DAY", "In the gateway's time zone: 2026-11-21", .needed = true},
             {"kind", "KIND", "One of those that are configured [all of them]"},
             {"again", NULL, "Ask the gateway once more, also for what is fetched already"},
             {"no-wait", NULL, "Do not wait for what comes of it"}),
     NULL, CHANGES, run_statement_fetch},
    {"statement", "fetches", "What is fetched: due, waiting, there, given up", NULL,
     OPTIONS(OPT_GATEWAY, {"state", "STATE", "Only in this state", "waiting|fetched|none|given_up"},
             {"day", "DAY", "In the gateway's time zone: 2026-11-21"}, OPT_LIMIT),
     NULL, ASKS, run_statement_fetches},

    {"bank", NULL, "Bank transfers: statements, what they pay, and what is paid out"},
    {"bank", "rows", "Rows of the bank's statements, newest first", NULL,
     OPTIONS({"state", "STATE", "Only these",
              "new|matched|suspense|taken_back|takes_back|paid_out|came_back|payout"},
             OPT_GATEWAY, {"payment", "PAYMENT", "Only those of this payment"}, OPT_LIMIT),
     NULL, ASKS, run_bank_rows},
    {"bank", "import", "Take in a statement in Holdfast's own CSV, whole or not at all",
     "The same rows again change nothing. docs/bank-transfer.md has the columns.", NULL, "FILE",
     CHANGES, run_bank_import},
    {"bank", "match", "Say which payment unexplained money is for", NULL,
     OPTIONS({"payment", "PAYMENT", "The payment", .needed = true}), "ROW", CHANGES | CLI_REASON,
     run_bank_match},
    {"bank", "accounts", "The bank accounts, and what waits on each", NULL, NULL, NULL, ASKS,
     run_bank_accounts},
    {"bank", "payouts", "Refunds and returns that are to be paid by bank, oldest first",
     "With whole account numbers.",
     OPTIONS({"csv", NULL, "As a file for the bank's portal"}, OPT_LIMIT), NULL, ASKS,
     run_bank_payouts},
    {"bank", "sent", "Say that the bank was told to pay it",
     "It is done when the bank's own row with its reference is taken in.",
     OPTIONS({"row", "ROW", "Whose sender is paid, where there are several"}), "PAYOUT",
     CHANGES | CLI_REASON, run_bank_sent},

    {"mode", NULL, "Degraded modes: what is taken now, and why"},
    {"mode", "show", "Where the ladder stands, what is hidden, and how it came there", NULL, NULL,
     NULL, ASKS, run_mode_show},
    {"mode", "set", "Raise it to a step by hand, or leave it to its rules again",
     "STEP is reroute, reduced, deferred or read_only, or auto for the rules alone. A database\n"
     "that takes no writes is read_only whatever was said.",
     OPTIONS({"pin", NULL, "Exactly this step (also normal), whatever the rules say"},
             {"for", "TIME", "How long: 90s, 2h, 1d [until it is taken back]"},
             {"end-read-only", NULL, "End a read_only that somebody has set"}),
     "STEP", CHANGES | CLI_REASON, run_mode_set},
    {"mode", "simplified", "Core payments alone, unchecked, by one safe route",
     "For a disaster: see docs/degraded-modes.md. Off gives back what on has switched.", NULL,
     "on|off", CHANGES | CLI_REASON, run_mode_simplified},

    {"switch", NULL, "Switches: purposes, methods, gateways"},
    {"switch", "list", "Everything that can be switched, and how it stands", NULL, NULL, NULL, ASKS,
     run_switch_list},
    {"switch", "off", "Pause a purpose, hide a method, send nothing new to a gateway",
     "KIND is purpose (order, subscription, topup), method (card, alipay, ...) or gateway. The\n"
     "purpose subscription holds all renewals as well.",
     OPTIONS({"for", "TIME", "How long: 90s, 2h, 1d [until it is switched on]"},
             {"force", NULL, "Also the last gateway"}),
     "KIND NAME", CHANGES | CLI_REASON, run_switch_off},
    {"switch", "on", "Switch it on again", NULL, NULL, "KIND NAME", CHANGES | CLI_REASON,
     run_switch_on},

    {"risk", NULL, "The check for fraud: rules, lists, and what they would say"},
    {"risk", "show", "The rules in force, the scorer, the switch", NULL, NULL, NULL, ASKS,
     run_risk_show},
    {"risk", "list", "Who is blocked, allowed, watched; newest first", NULL,
     OPTIONS({"list", "LIST", "Only of this list", "block|allow|watch"},
             {"by", "WHAT", "Only these", "customer|card|ip|email|region"},
             {"all", NULL, "Removed and expired ones too"}, OPT_LIMIT,
             {"cursor", "CURSOR", "Go on where the last list ended"}),
     NULL, ASKS, run_risk_list},
    {"risk", "block", "Deny whatever comes from there",
     "WHAT is customer, card, ip, email or region; an ip may be a network: 192.0.2.0/24. A card\n"
     "goes by the name that `risk check` gives. Blocking beats everything else.",
     OPTIONS(OPT_LISTED_FOR), "WHAT VALUE", CHANGES | CLI_REASON, run_risk_block},
    {"risk", "allow", "Let it through without a look at rules and scorer",
     "WHAT as for `risk block`, which is stronger.", OPTIONS(OPT_LISTED_FOR), "WHAT VALUE",
     CHANGES | CLI_REASON, run_risk_allow},
    {"risk", "watch", "Mark it for the rules that ask who is watched", "WHAT as for `risk block`.",
     OPTIONS(OPT_LISTED_FOR), "WHAT VALUE", CHANGES | CLI_REASON, run_risk_watch},
    {"risk", "remove", "Take an entry off its list", NULL, NULL, "ENTRY", CHANGES | CLI_REASON,
     run_risk_remove},
    {"risk", "check", "What the rules would say of such a payment now",
     "Nothing is counted and the scorer is not asked. Exit status 1 when it would be denied.",
     OPTIONS(OPT_NEED_AMOUNT, OPT_NEED_CURRENCY, OPT_NEED_METHOD, OPT_TOKEN,
             {"purpose", "PURPOSE", "What it is for [order]", "order|subscription|topup"},
             {"customer", "ID", "Whose payment it would be"}, OPT_REGION,
             {"email", "EMAIL", "His address"}, {"ip", "ADDRESS", "Where he comes from"},
             {"vip", NULL, "A customer who comes first"}),
     NULL, ASKS, run_risk_check},
    {"risk", "dry-run", "What rules would have made of the payments of the past",
     "Of a file with the section `risk:` of a configuration; nothing is changed. What became of\n"
     "each payment stands beside it.",
     OPTIONS({"rules", "FILE", "The rules to try [those in force]"},
             {"since", "TIME", "From then on: 24h, 7d or 2026-11-20T08:00:00Z [7d]"}),
     NULL, ASKS, run_risk_dry_run},
    {"risk", "off", "Let payments go on unchecked", NULL, NULL, NULL, CHANGES | CLI_REASON,
     run_risk_off},
    {"risk", "on", "Check payments again", NULL, NULL, NULL, CHANGES | CLI_REASON, run_risk_on},

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

    {"keys", NULL, "Credentials of gateways, and certificates"},
    {"keys", "list", "What is in force: fingerprint, age, source, expiry, overlap", NULL, NULL,
     NULL, ASKS, run_keys_list},
    {"keys", "check", "What is too old, expires soon, is open to others or was refused",
     "Exit status 1 when there is anything.", NULL, NULL, ASKS, run_keys_check},
    {"keys", "verify", "Ask the gateways whether their credentials work, the old ones, too",
     "One harmless call with each set. Exit status 1 when one in force does not work.", NULL,
     "[GATEWAY]", ASKS, run_keys_verify},
    {"keys", "reload", "Read files and keystore again, and take what is new into force",
     "Without GATEWAY all of them and the listeners' certificates. What its gateway rejects is\n"
     "refused; what was in force stays.",
     OPTIONS(OPT_UNVERIFIED), "[GATEWAY]", CHANGES | CLI_REASON, run_keys_reload},
    {"keys", "rotate", "Give a gateway a new credential: ask it, keep it, take it into force",
     "The value is typed unseen, piped in, or read from --from FILE. It is kept where the old one\n"
     "stands, a file or the keystore. Callbacks signed with the old one are accepted for a while.",
     OPTIONS(OPT_FROM, OPT_UNVERIFIED), "GATEWAY CREDENTIAL", CHANGES | CLI_REASON,
     run_keys_rotate},
    {"keys", "retire", "End the overlap: refuse what the old credentials of a gateway sign",
     "Refused until a callback has shown that a new webhook secret is right.",
     OPTIONS({"force", NULL, "Also before a callback has shown it"}), "GATEWAY",
     CHANGES | CLI_REASON, run_keys_retire},
    {"keys", "master", "Seal what the database keeps with the next master key",
     "master_key_next must be configured on every instance. The argument is \"rotate\". The\n"
     "keystore has a master key of its own: `keys rekey`.",
     NULL, "rotate", CHANGES | CLI_REASON, run_keys_master},
    {"keys", "set", "Put a secret into the keystore",
     "Typed unseen, piped in, or read from --from FILE. Works on the file itself, which is made\n"
     "when it is not there, and then tells the running service.",
     OPTIONS(OPT_NEED_CONFIG, OPT_FROM, OPT_OFFLINE), "NAME", CHANGES | CLI_REASON, run_keys_set},
    {"keys", "remove", "Take a secret out of the keystore", NULL,
     OPTIONS(OPT_NEED_CONFIG, OPT_OFFLINE), "NAME", CHANGES | CLI_REASON, run_keys_remove},
    {"keys", "rekey", "Seal the keystore with a new master key", NULL,
     OPTIONS(OPT_NEED_CONFIG, OPT_OFFLINE), NULL, CHANGES | CLI_REASON, run_keys_rekey},
    {"keys", "sealed", "The names in the keystore", NULL, OPTIONS(OPT_NEED_CONFIG), NULL, CLI_JSON,
     run_keys_sealed},

    {"key", NULL, "API keys"},
    {"key", "create", "Make a key; it is shown this once", NULL,
     OPTIONS({"role", "ROLE", "What it may do", "viewer|support|operator|finance|admin",
              .needed = true},
             {"scopes", "LIST", "Only these operations: getPayment,listPayments"},
             {"expires", "TIME", "When it stops working: 2027-01-31T00:00:00Z"},
             {"user", "USER", "Whose it is; approvals take the key of a user [nobody's]"}),
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

    {"db", NULL, "The database: schema, backup, proof, and what it is busy with",
     "migrate and backup work on the database itself and need --config or --store. status and\n"
     "check do so too when they are given one of them, and ask the running service otherwise."},
    {"db", "migrate", "Bring the schema forward", NULL,
     OPTIONS({"backup-dir", "FOLDER", "Back up there first, if there is data"}), NULL, ON_STORE,
     run_db_migrate},
    {"db", "status", "Whether the database answers; which migrations have been applied",
     "With --config or --store: the migrations, read from the database itself; exit status 1 when\n"
     "one is missing or was altered. Without: whether it answers the running service; exit status\n"
     "1 when it does not.",
     NULL, NULL, ON_STORE | CLI_TALKS, run_db_status},
    {"db", "backup", "Write a consistent copy of a live database", NULL, NULL, "FILE", ON_STORE,
     run_db_backup},
    {"db", "check", "Prove the invariants on the stored data",
     "With --config or --store: the engine's own check, the schema, every invariant and the audit\n"
     "chain, read from the database itself. Without: what the running service finds.\n"
     "Exit status 1 when anything is broken.",
     NULL, NULL, ON_STORE | CLI_TALKS, run_db_check},
    {"db", "pool", "Connections, commits and waiting", NULL, NULL, NULL, ASKS, run_db_pool},
    {"db", "slow", "Statements that take long",
     "PostgreSQL's own figures where it has the extension pg_stat_statements, and those that took\n"
     "this instance 10 ms or longer.",
     OPTIONS({"over", "TIME", "Only those of at least so long: 100ms, 1s [10ms]"}, OPT_LIMIT), NULL,
     ASKS, run_db_slow},
    {"db", "long", "Transactions that are open, the oldest first", NULL, OPTIONS(OPT_LIMIT), NULL,
     ASKS, run_db_long},
    {"db", "locks", "Who waits for whom",
     "Exit status 1 when somebody waits. SQLite has one writer: who writes, and how many wait.",
     OPTIONS({"all", NULL, "Locks too that nobody waits for"}, OPT_LIMIT), NULL, ASKS,
     run_db_locks},
    {"db", "refresh", "Drop the database connections and make new ones", NULL, NULL, NULL, CHANGES,
     run_db_refresh},

    {"audit", NULL, "The audit log"},
    {"audit", "verify", "Prove that no entry was changed, removed or put in",
     "With --config or --store it reads the database itself.\n"
     "Exit status 1 when the chain is broken.",
     NULL, NULL, ON_STORE | CLI_TALKS, run_audit_verify},
    {"audit", "report", "A month for whoever audits: access, keys, changes, what stands out",
     "Months are those of UTC. With --out every entry of the month is written as a file.\n"
     "Exit status 1 when something stands out.",
     OPTIONS({"month", "MONTH", "Which: 2026-11", .needed = true},
             {"lang", "LANG", "In which language [en]", "en|zh"},
             {"out", "FILE", "Write the entries: a new file"},
             {"format", "FORMAT", "Which kind of file [csv]", "csv|xlsx"}),
     NULL, ASKS, run_audit_report},

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

#include "cli/commands_recon.def"
#include "cli/commands_tickets.def"
#include "cli/commands_desk.def"
#include "cli/commands_rules.def"
#include "cli/commands_alerts.def"
#include "cli/commands_reports.def"
#include "cli/commands_incidents.def"
#include "cli/commands_messages.def"
#include "cli/commands_status.def"

    {"mcp", NULL, "Serve agents by the Model Context Protocol, on standard input and output",
     "For an agent's program to start. Its tools read; what moves money, switches a gateway or\n"
     "tells customers something is none of them. See docs/agents.md.",
     OPTIONS({"enable-write-tools", NULL, "Also the tools that change something"}), NULL, CLI_TALKS,
     run_mcp},
    {"completion", NULL, "Completion for a shell", "eval \"$(holdfast completion bash)\"", NULL,
     "bash", 0, run_completion},
    {"version", NULL, "Which version this is", NULL, NULL, NULL, CLI_JSON, run_version},
    {"help", NULL, "What there is", NULL, NULL, "[COMMAND] [VERB]", 0, run_help},
};
const int cli_command_count = COUNT_OF(cli_commands);

bool cli_has_verbs(const char *noun) {
    for (int i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].noun, noun) == 0 && cli_commands[i].verb != NULL) {
            return true;
        }
    }
    return false;
}

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

bool cli_is_path(const char *value) {
    return strcmp(value, "FILE") == 0 || strcmp(value, "FOLDER") == 0;
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
