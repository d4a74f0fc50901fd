/* SPDX-License-Identifier: Apache-2.0
 * test_cli_keys.c: credentials on the command line: what is shown, what is sent, how the commands
 * end, and that no secret is ever printed. */
#include "cli_fixture.h"

#include "base/keystore.h"

enum { WORDS_MAX = 900 };

#define ROW(name, state, why)                                                                      \
    "{\"gateway\":\"stripe-eu\",\"name\":\"" name "\",\"source\":\"sealed:stripe." name "\","      \
    "\"fingerprint\":\"0a1b2c3d\",\"state\":\"" state "\",\"why\":" why ",\"first_seen_at\":"      \
    "\"2020-01-01T00:00:00Z\",\"set_by\":\"user:ann\",\"set_reason\":\"yearly\",\"expires_at\":"   \
    "null,\"old\":[{\"fingerprint\":\"11111111\",\"accepted_until\":\"2099-01-01T00:00:00Z\"}]}"
#define MASTER(why)                                                                                \
    "{\"name\":\"c0ffee00\",\"source\":\"master_key\",\"other\":null,\"state\":\"warning\","       \
    "\"changing\":false,\"why\":" why "}"
#define LISTED(rows, refused, signers) LISTED_WITH(rows, refused, signers, "", "null")
#define LISTED_WITH(rows, refused, signers, not_kept, master_why)                                  \
    "{\"policy\":{\"overlap_hours\":24,\"max_age_days\":365,\"warn_days\":30,\"verify\":true},"    \
    "\"data\":[" rows "],\"refused\":[" refused "],\"certificates\":[{\"listener\":\"public\","    \
    "\"source\":\"/etc/tls.crt\",\"state\":\"ok\",\"why\":null,\"expires_at\":"                    \
    "\"2099-01-01T00:00:00Z\",\"trouble\":null}],\"platform_certificates\":[" signers "],"         \
    "\"not_kept\":[" not_kept "],\"master_key\":" MASTER(master_why) "}"
#define SIGNER(state, why)                                                                         \
    "{\"gateway\":\"wechat-cn\",\"serial\":\"5157F09EFDC096DE15EB\",\"state\":\"" state "\","      \
    "\"why\":" why ",\"expires_at\":\"2099-01-01T00:00:00Z\"}"
#define SWAP                                                                                       \
    "{\"gateway\":\"stripe-eu\",\"result\":\"taken\",\"changed\":[\"api_key\",\"webhook_secret\"]" \
    ","                                                                                            \
    "\"unverified\":[\"webhook_secret\"],\"gateway_says\":\"ok\",\"why\":null,\"read_at_start_"    \
    "only\":[\"webhook_secret\"]}"
#define REFUSED                                                                                    \
    "{\"gateway\":\"paypal-eu\",\"result\":\"refused\",\"changed\":[],\"unverified\":[],"          \
    "\"gateway_says\":null,"                                                                       \
    "\"why\":\"its file is empty\",\"read_at_start_only\":[]}"
#define SET(in_force, result)                                                                      \
    "{\"in_force\":" in_force ",\"result\":\"" result "\",\"outcome\":\"ok\",\"code\":null,"       \
    "\"accepted_until\":null,\"callback_seen\":" in_force                                          \
    ",\"fingerprints\":[{\"name\":\"api_key\",\"fingerprint\":"                                    \
    "\"0a1b2c3d\"}]}"

static const struct canned well[] = {
    {"GET", "/v1/credentials", 200, LISTED(ROW("api_key", "ok", "null"), "", SIGNER("ok", "null"))},
    {"GET", "/v1/gateways", 200, "{\"data\":[{\"name\":\"stripe-eu\"},{\"name\":\"other\"}]}"},
    {"GET", "/v1/gateways/stripe-eu", 200, "{\"name\":\"stripe-eu\",\"adapter\":\"stripe\"}"},
    {"POST", "/v1/gateways/stripe-eu/credentials/verify", 200,
     "{\"gateway\":\"stripe-eu\",\"ok\":true,\"sets\":[" SET("true", "works") "," SET(
         "false", "rejected") "]}"},
    {"POST", "/v1/gateways/other/credentials/verify", 200,
     "{\"gateway\":\"other\",\"ok\":false,\"sets\":[" SET("true", "rejected") "]}"},
    {"POST", "/v1/gateways/stripe-eu/credentials/reload", 200, SWAP},
    {"POST", "/v1/gateways/stripe-eu/credentials/rotate", 200, SWAP},
    {"POST", "/v1/gateways/stripe-eu/credentials/retire", 200,
     "{\"gateway\":\"stripe-eu\",\"retired\":2}"},
    {"POST", "/v1/credentials/master/rotate", 200, "{\"changing\":true}"},
    {"POST", "/internal/api/system/reload-api-keys", 200,
     "{\"ok\":true,\"gateways\":[" SWAP "],\"listeners_why\":null}"},
    {0},
};
static const struct canned ill[] = {
    {"GET", "/v1/credentials", 200,
     LISTED(ROW("api_key", "warning", "\"It is 400 days old.\""),
            "{\"gateway\":\"paypal-eu\",\"why\":\"its file is empty\"}", "")},
    {"POST", "/internal/api/system/reload-api-keys", 200,
     "{\"ok\":false,\"gateways\":[" SWAP "," REFUSED "],\"listeners_why\":\"no key\"}"},
    {0},
};

static const struct canned signers_end[] = {
    {"GET", "/v1/credentials", 200,
     LISTED(ROW("api_key", "ok", "null"), "", SIGNER("urgent", "\"It expires in 6 days.\""))},
    {0},
};

static const struct canned not_well_kept[] = {
    {"GET", "/v1/credentials", 200,
     LISTED_WITH(ROW("api_key", "ok", "null"), "", "",
                 "{\"gateway\":\"alipay-cn\",\"why\":\"It is too long.\"}",
                 "\"Take master_key_next out.\"")},
    {0},
};

/* ---- looking ---- */

static void the_list_shows_what_is_in_force(void **state) {
    RAN ran = run_to(CLI_DONE, well, "keys list");
    assert_has(ran.out, "0a1b2c3d");
    assert_has(ran.out, "sealed:stripe.api_key");
    assert_has(ran.out, "user:ann");
    assert_has(ran.out, "/etc/tls.crt");
    assert_has(ran.out, "PLATFORM CERTIFICATE");
    assert_has(ran.out, "5157F09EFDC096DE15EB");
}

static void a_gateways_own_certificate_that_ends_is_a_worry(void **state) {
    RAN ran = run_to(CLI_PROBLEM, signers_end, "keys check");
    assert_has(ran.out, "urgent  wechat-cn  5157F09EFDC096DE15EB  It expires in 6 days.");
}

static void what_a_restart_would_forget_and_what_is_left_of_a_key_change_are_worries(void **state) {
    RAN ran = run_to(CLI_PROBLEM, not_well_kept, "keys check");
    assert_has(ran.out, "old callbacks  It is too long.");
    assert_has(ran.out, "master key     Take master_key_next out.");
    RAN list = run_to(CLI_DONE, well, "keys list");
    assert_has(list.out, "The database is sealed with master key c0ffee00 (master_key).");
}

static void the_master_key_is_changed_for_a_reason(void **state) {
    RAN ran = run_to(CLI_DONE, well, "keys master rotate --reason yearly");
    assert_has(service.requests[0], "\"reason\":\"yearly\"");
    assert_has(ran.out, "keys check");
    RAN wrong = run_to(CLI_USAGE, well, "keys master show --reason yearly");
    assert_has(wrong.err, "keys master show");
    assert_int_equal(service.seen, 0);
}

static void the_check_ends_with_1_when_there_is_anything(void **state) {
    RAN good = run_to(CLI_DONE, well, "keys check");
    assert_has(good.out, "All is well");
    RAN bad = run_to(CLI_PROBLEM, ill, "keys check");
    assert_has(bad.out, "It is 400 days old.");
    assert_has(bad.out, "its file is empty");
    ends(CLI_PROBLEM, ill, "keys check --json");
}

static void verifying_ends_with_1_when_a_set_in_force_does_not_work(void **state) {
    RAN one = run_to(CLI_DONE, well, "keys verify stripe-eu");
    assert_has(one.out, "in force");
    assert_has(one.out, "works");
    assert_has(one.out, "api_key=0a1b2c3d");
    assert_has(one.out, "seen");
    assert_has(one.out, "none yet");
    RAN all = run_to(CLI_PROBLEM, well, "keys verify");
    assert_has(all.out, "other");
}

/* ---- changing ---- */

static void a_reload_tells_of_each_gateway(void **state) {
    RAN all = run_to(CLI_DONE, well, "keys reload --reason due");
    assert_has(service.requests[0], "\"reason\":\"due\"");
    assert_has(all.out, "stripe-eu: taken, the gateway says ok");
    assert_has(all.out, "api_key is a new one");
    assert_has(all.out, "  webhook_secret is not verified: no call shows whether it is right, the "
                        "first callback does\n");
    assert_has_not(all.out, "api_key is not verified");
    assert_has(all.out, "1 of its credentials come from the environment");
    RAN bad = run_to(CLI_PROBLEM, ill, "keys reload --reason due");
    assert_has(bad.out, "paypal-eu: refused:\n  its file is empty");
    assert_has(bad.out, "listeners: refused:\n  no key");
    ends(CLI_DONE, well, "keys reload stripe-eu --unverified --reason due");
    assert_has(service.requests[0], "\"verify\":false");
    assert_true(service.keys[0][0] != '\0');
}

static void a_new_credential_is_sent_and_not_shown(void **state) {
    char path[TEXT_MAX], words[WORDS_MAX];
    make_file("sk_live_new\n", path);
    snprintf(words, sizeof words, "keys rotate stripe-eu api_key --from %.350s --reason due", path);
    RAN ran = run_to(CLI_DONE, well, words);
    assert_has(service.requests[0], "\"value\":\"sk_live_new\"");
    assert_has(service.requests[0], "\"credential\":\"api_key\"");
    assert_has_not(ran.out, "sk_live_new");
    assert_has(ran.out, "Dashboard, Developers");
    assert_has(ran.out, "keys verify stripe-eu");
    unlink(path);
    RAN gone = run_to(CLI_USAGE, well, words);
    assert_has(gone.err, "cannot be found");
    assert_int_equal(service.seen, 0);
}

static void retiring_says_how_many(void **state) {
    RAN ran = run_to(CLI_DONE, well, "keys retire stripe-eu --reason leaked");
    assert_has(ran.out, "2 old sets are retired");
    assert_has(service.requests[0], "leaked");
    assert_has_not(service.requests[0], "force");
    ends(CLI_DONE, well, "keys retire stripe-eu --reason leaked --force");
    assert_has(service.requests[0], "\"force\":true");
}

/* ---- the keystore ---- */

static char config[TEXT_MAX], store[TEXT_MAX];

static void keystore_made(void) {
    char yaml[2 * TEXT_MAX];
    make_file("", store);
    unlink(store);
    snprintf(yaml, sizeof yaml,
             "store: {url: \"sqlite:x.db\"}\nkeys: {store: \"%s\"}\n"
             "gateways: [{name: g, adapter: stripe, base_url: https://g.example}]\n",
             store);
    make_file(yaml, config);
}

static void keystore_removed(void) {
    static const char *const suffixes[] = {"", ".key", ".lock"};
    char path[TEXT_MAX + 8];
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        snprintf(path, sizeof path, "%s%s", store, suffixes[i]);
        unlink(path);
    }
    unlink(config);
}

static void a_secret_is_put_into_the_keystore_and_the_service_told(void **state) {
    char value[TEXT_MAX], words[WORDS_MAX];
    keystore_made();
    make_file("whsec_of_ours\n", value);
    snprintf(words, sizeof words, "keys set stripe.hook --config %.350s --from %.350s --reason new",
             config, value);
    RAN set = run_to(CLI_DONE, well, words);
    assert_has(set.out, "sealed:stripe.hook");
    assert_has_not(set.out, "whsec_of_ours");
    assert_has(service.requests[0], "keys set stripe.hook: new");
    snprintf(words, sizeof words, "keys sealed --config %.350s", config);
    RAN names = run_to(CLI_DONE, NULL, words);
    assert_has(names.out, "stripe.hook");
    snprintf(words, sizeof words, "keys rekey --config %.350s --offline --reason yearly", config);
    ends(CLI_DONE, NULL, words);
    assert_int_equal(service.seen, 0);
    char reference[TEXT_MAX + 16];
    struct err err = {0};
    KEYSTORE_AUTO keystore = NULL;
    SECRET_AUTO secret = NULL;
    snprintf(reference, sizeof reference, "file:%s.key", store);
    const struct keystore_place place = {store, reference};
    assert_int_equal(keystore_open(&place, &keystore, &err), 0);
    assert_int_equal(keystore_get(keystore, "stripe.hook", &secret, &err), 0);
    assert_true(secret_equal(secret, "whsec_of_ours", 13));
    snprintf(words, sizeof words, "keys remove stripe.hook --config %.350s --offline --reason old",
             config);
    ends(CLI_DONE, NULL, words);
    ends(CLI_PROBLEM, NULL, words); /* it is gone */
    unlink(value);
    keystore_removed();
}

static void without_a_keystore_it_is_said_where_one_is_named(void **state) {
    char words[WORDS_MAX];
    make_file("store: {url: \"sqlite:x.db\"}\n"
              "gateways: [{name: g, adapter: stripe, base_url: https://g.example}]\n",
              config);
    snprintf(words, sizeof words, "keys sealed --config %.350s", config);
    RAN ran = run_to(CLI_PROBLEM, NULL, words);
    assert_has(ran.err, "keys.store");
    unlink(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_shows_what_is_in_force),
        cmocka_unit_test(a_gateways_own_certificate_that_ends_is_a_worry),
        cmocka_unit_test(what_a_restart_would_forget_and_what_is_left_of_a_key_change_are_worries),
        cmocka_unit_test(the_master_key_is_changed_for_a_reason),
        cmocka_unit_test(the_check_ends_with_1_when_there_is_anything),
        cmocka_unit_test(verifying_ends_with_1_when_a_set_in_force_does_not_work),
        cmocka_unit_test(a_reload_tells_of_each_gateway),
        cmocka_unit_test(a_new_credential_is_sent_and_not_shown),
        cmocka_unit_test(retiring_says_how_many),
        cmocka_unit_test(a_secret_is_put_into_the_keystore_and_the_service_told),
        cmocka_unit_test(without_a_keystore_it_is_said_where_one_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
