/* SPDX-License-Identifier: Apache-2.0
 * test_keyring.c: credentials change whole and at once or not at all, calls end with what they
 * began with, and what the old ones signed is believed as long as their overlap lasts. */
#include "support/keys_fixture.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/keyring_impl.h"
#include "gateway/registry.h"
#include "store/migrate.h"
#include "support/store_fixture.h"
#include "support/test_clock.h"

static struct {
    char folder[80], key[KEYS_PATH_MAX], hook[KEYS_PATH_MAX], store[KEYS_PATH_MAX],
        master[KEYS_PATH_MAX];
    char key_reference[KEYS_PATH_MAX + 8], hook_reference[KEYS_PATH_MAX + 8];
    struct keystore_place place;
    struct keyring_settings keys;
    struct doorkeeper door;
    struct http_client *client;
    struct seal *seal;
    struct gateway_registry *registry;
    struct gateway *gateway;
} own;

static void open_registry(const char *hook_reference) {
    struct err err = {0};
    struct gateway_settings settings = {
        .name = "stripe-eu",
        .adapter = "stripe",
        .base_url = "http://127.0.0.1:7901",
        .credentials = {{"api_key", own.key_reference}, {"webhook_secret", hook_reference}},
        .credential_count = 2,
        .keys = &own.keys,
    };
    if (gateway_registry_open(&settings, 1, &own.registry, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    own.gateway = gateway_at(own.registry, 0);
}

static int setup(void **state) {
    struct err err = {0};
    char *folder = g_dir_make_tmp("holdfast-keyring-XXXXXX", NULL);
    memset(&own, 0, sizeof own);
    snprintf(own.folder, sizeof own.folder, "%s", folder);
    g_free(folder);
    snprintf(own.key, sizeof own.key, "%s/key", own.folder);
    snprintf(own.hook, sizeof own.hook, "%s/hook", own.folder);
    snprintf(own.store, sizeof own.store, "%s/sealed", own.folder);
    snprintf(own.master, sizeof own.master, "file:%s/sealed.key", own.folder);
    snprintf(own.key_reference, sizeof own.key_reference, "file:%s", own.key);
    snprintf(own.hook_reference, sizeof own.hook_reference, "file:%s", own.hook);
    own.place = (struct keystore_place){own.store, own.master};
    own.keys = (struct keyring_settings){.keystore = &own.place,
                                         .overlap_us = 3600 * US_PER_SECOND};
    lock_init(&own.door.lock);
    own.client = door_client(&own.door);
    char path[KEYS_PATH_MAX];
    snprintf(path, sizeof path, "%s/seal", own.folder);
    assert_int_equal(seal_open_or_make(path, &own.seal, &err), 0);
    put_file(own.key, "sk_1\n");
    put_file(own.hook, "whsec_1\n");
    door_open(&own.door, "sk_1");
    open_registry(own.hook_reference);
    return 0;
}

static int teardown(void **state) {
    gateway_registry_close(own.registry);
    http_client_free(own.client);
    lock_free(&own.door.lock);
    seal_close(own.seal);
    empty_folder(own.folder);
    return 0;
}

static int reload(enum keyring_ask ask, struct keyring_swap *swap, struct err *err) {
    const struct keyring_reload how = {.ask = ask, .client = own.client};
    *err = (struct err){0};
    *swap = (struct keyring_swap){0};
    return keyring_reload(own.gateway, &how, swap, err);
}

static void must_reload(bool swapped) {
    struct keyring_swap swap;
    struct err err;
    if (reload(KEYRING_ASK, &swap, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(swap.swapped, swapped);
}

static void assert_key(struct gateway *set, const char *key) {
    assert_true(secret_equal(gateway_credential(set, "api_key"), key, strlen(key)));
}

static void assert_in_force(const char *key) {
    struct gateway *set = keyring_take(own.gateway);
    assert_key(set, key);
    keyring_drop(set);
}

/* A genuine event, signed with this secret. */
static int callback(const char *secret) {
    static const char body[] = "{\"id\":\"evt_1\",\"type\":\"customer.updated\",\"created\":1,"
                               "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}";
    struct stripe_secret key = {secret, strlen(secret)};
    char signature[STRIPE_SIGNATURE_CHARS_MAX + 1];
    stripe_sign(&key, clock_wall_us() / US_PER_SECOND, body, strlen(body), signature);
    const struct http_header headers[] = {{"Stripe-Signature", signature}};
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = 1,
        .body = body,
        .body_bytes = strlen(body),
        .now_us = clock_wall_us(),
    };
    const struct gateway_call call = {.client = own.client};
    struct gateway_event event;
    struct err err = {0};
    int r = keyring_verify_callback(own.gateway, &call, &request, &event, &err);
    assert_int_equal(r, -(int)err.code);
    return r;
}

/* ---- swapping ---- */

static void a_call_ends_with_the_set_that_it_began_with(void **state) {
    struct gateway *before = keyring_take(own.gateway);
    put_file(own.key, "sk_2");
    door_open(&own.door, "sk_2");
    must_reload(true);
    struct gateway *after = keyring_take(own.gateway);
    assert_ptr_not_equal(before, after);
    assert_key(before, "sk_1");
    assert_key(after, "sk_2");
    /* Its overlap ends before the call does. */
    assert_int_equal(keyring_retire(own.gateway, NULL), 1);
    assert_key(before, "sk_1");
    assert_ptr_equal(before->health, own.gateway->health);
    assert_ptr_equal(before->bulkhead, own.gateway->bulkhead);
    keyring_drop(before);
    keyring_drop(after);
}

static void sources_that_say_the_same_change_nothing(void **state) {
    struct gateway *before = keyring_take(own.gateway);
    put_file(own.key, "sk_1");
    must_reload(false);
    struct gateway *after = keyring_take(own.gateway);
    assert_ptr_equal(before, after);
    keyring_drop(before);
    keyring_drop(after);
    assert_int_equal(keyring_retire(own.gateway, NULL), 0);
}

static void what_cannot_be_read_or_opened_leaves_the_old_set_in_force(void **state) {
    static const char *const broken[] = {"", "\n", "sk live", "sk_\x01"};
    struct keyring_swap swap;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        put_file(own.key, broken[i]);
        assert_int_equal(reload(KEYRING_ASK_NOT, &swap, &err), -ERR_CONFIG);
        assert_in_force("sk_1");
    }
    assert_int_equal(g_remove(own.key), 0);
    assert_int_equal(reload(KEYRING_ASK_NOT, &swap, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "api_key"));
    assert_in_force("sk_1");
    put_file(own.key, "sk_1");
    must_reload(false);
}

static void what_the_gateway_rejects_is_refused_unless_it_is_not_asked(void **state) {
    struct keyring_swap swap;
    struct err err;
    put_half(own.key, "sk_2_and_more");
    assert_int_equal(reload(KEYRING_ASK, &swap, &err), -ERR_GATEWAY_REJECTED);
    assert_int_equal(reload(KEYRING_ASK_MUST, &swap, &err), -ERR_GATEWAY_REJECTED);
    assert_in_force("sk_1");
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(reload(KEYRING_ASK_NOT, &swap, &err), 0);
    assert_true(swap.swapped && !swap.asked);
    assert_int_equal(swap.changed_count, 1);
    assert_string_equal(swap.changed[0], "api_key");
}

static void a_gateway_that_does_not_answer_is_waited_for_only_when_it_must_answer(void **state) {
    struct keyring_swap swap;
    struct err err;
    put_file(own.key, "sk_2");
    own.door.silent = true;
    assert_int_equal(reload(KEYRING_ASK_MUST, &swap, &err), -ERR_UNREACHABLE);
    assert_in_force("sk_1");
    assert_int_equal(reload(KEYRING_ASK, &swap, &err), 0);
    assert_true(swap.swapped && swap.asked);
    assert_int_equal(swap.outcome, GW_UNAVAILABLE);
    assert_in_force("sk_2");
}

/* ---- callbacks ---- */

static void callbacks_signed_with_the_old_secret_are_believed_until_its_overlap_ends(void **state) {
    put_file(own.hook, "whsec_2");
    must_reload(true);
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(callback("whsec_2"), 0);
    assert_int_equal(callback("whsec_3"), -ERR_SIGNATURE);
    test_clock_advance(3599 * US_PER_SECOND);
    assert_int_equal(callback("whsec_1"), 0);
    test_clock_advance(2 * US_PER_SECOND);
    assert_int_equal(callback("whsec_1"), -ERR_SIGNATURE);
    assert_int_equal(callback("whsec_2"), 0);
}

static void a_retired_secret_is_refused_at_once(void **state) {
    put_file(own.hook, "whsec_2");
    must_reload(true);
    put_file(own.hook, "whsec_3");
    must_reload(true);
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(keyring_retire(own.gateway, NULL), 2);
    assert_int_equal(callback("whsec_1"), -ERR_SIGNATURE);
    assert_int_equal(callback("whsec_2"), -ERR_SIGNATURE);
    assert_int_equal(callback("whsec_3"), 0);
}

static bool unproven(const char *name) {
    char said[KEYRING_NAME_CHARS_MAX + 1] = "";
    bool is = keyring_unproven(own.gateway, said);
    assert_string_equal(said, is ? name : "");
    return is;
}

static void a_new_secret_is_proven_by_the_first_callback_that_it_has_signed(void **state) {
    assert_false(unproven("")); /* there is nothing to retire */
    put_file(own.hook, "whsec_2");
    must_reload(true);
    assert_true(unproven("webhook_secret"));
    assert_int_equal(callback("whsec_1"), 0); /* says nothing about the new one */
    assert_int_equal(callback("whsec_3"), -ERR_SIGNATURE);
    assert_true(unproven("webhook_secret"));
    assert_int_equal(callback("whsec_2"), 0);
    assert_false(unproven(""));
    /* What was proven stays so when something else changes. */
    put_file(own.key, "sk_2");
    door_open(&own.door, "sk_2");
    must_reload(true);
    assert_false(unproven(""));
    put_file(own.hook, "whsec_4");
    must_reload(true);
    assert_true(unproven("webhook_secret"));
}

static void what_a_call_shows_to_be_right_needs_no_callback(void **state) {
    put_file(own.key, "sk_2");
    door_open(&own.door, "sk_2");
    must_reload(true);
    assert_false(unproven(""));
    assert_true(keyring_shown_by_callback(own.gateway, "webhook_secret"));
    assert_true(keyring_shown_by_callback(own.gateway, "webhook_secret_old"));
    assert_false(keyring_shown_by_callback(own.gateway, "webhook_secrets"));
    assert_false(keyring_shown_by_callback(own.gateway, "api_key"));
}

static void of_more_sets_than_are_kept_the_oldest_goes(void **state) {
    char secret[40];
    for (int i = 2; i <= KEYRING_SETS_MAX + 1; i++) {
        snprintf(secret, sizeof secret, "whsec_%d", i);
        put_file(own.hook, secret);
        must_reload(true);
    }
    assert_int_equal(callback("whsec_1"), -ERR_SIGNATURE);
    assert_int_equal(callback("whsec_2"), 0);
    snprintf(secret, sizeof secret, "whsec_%d", KEYRING_SETS_MAX + 1);
    assert_int_equal(callback(secret), 0);
}

/* ---- giving a new value ---- */

static int rotate(const char *credential, const char *value, struct err *err) {
    SECRET_AUTO secret = secret_new(value, strlen(value));
    const struct keyring_reload how = {
        .ask = KEYRING_ASK, .client = own.client, .credential = credential, .value = secret};
    struct keyring_swap swap;
    *err = (struct err){0};
    return keyring_reload(own.gateway, &how, &swap, err);
}

static void a_new_value_is_kept_in_its_file_once_the_gateway_takes_it(void **state) {
    struct err err;
    char bytes[80];
    size_t count = 0;
    assert_int_equal(rotate("api_key", "sk_2", &err), -ERR_GATEWAY_REJECTED);
    assert_int_equal(file_read(own.key, bytes, sizeof bytes - 1, &count, &err), 0);
    assert_string_equal(bytes, "sk_1\n");
    door_open(&own.door, "sk_2");
    assert_int_equal(rotate("api_key", "sk_2", &err), 0);
    assert_int_equal(file_read(own.key, bytes, sizeof bytes - 1, &count, &err), 0);
    assert_string_equal(bytes, "sk_2");
    assert_in_force("sk_2");
    must_reload(false);
    assert_int_equal(rotate("client_id", "x", &err), -ERR_NOT_FOUND);
}

static void a_new_value_is_kept_in_the_keystore_where_the_old_one_was(void **state) {
    struct err err = {0};
    SECRET_AUTO first = secret_new("whsec_1", 7);
    assert_int_equal(keystore_put(&own.place, "hook", first, &err), 0);
    gateway_registry_close(own.registry);
    open_registry("sealed:hook");
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(rotate("webhook_secret", "whsec_2", &err), 0);
    assert_int_equal(callback("whsec_2"), 0);
    must_reload(false);
    KEYSTORE_AUTO keystore = NULL;
    SECRET_AUTO kept = NULL;
    assert_int_equal(keystore_open(&own.place, &keystore, &err), 0);
    assert_int_equal(keystore_get(keystore, "hook", &kept, &err), 0);
    assert_true(secret_equal(kept, "whsec_2", 7));
}

static void what_comes_from_the_environment_cannot_be_given_a_new_value(void **state) {
    struct err err;
    assert_int_equal(setenv("HF_TEST_HOOK", "whsec_env", 1), 0);
    gateway_registry_close(own.registry);
    open_registry("env:HF_TEST_HOOK");
    assert_int_equal(rotate("webhook_secret", "whsec_2", &err), -ERR_STATE);
    assert_int_equal(callback("whsec_env"), 0);
}

static void a_keystore_that_was_altered_leaves_the_old_set_in_force(void **state) {
    struct keyring_swap swap;
    struct err err = {0};
    SECRET_AUTO first = secret_new("whsec_1", 7);
    assert_int_equal(keystore_put(&own.place, "hook", first, &err), 0);
    gateway_registry_close(own.registry);
    open_registry("sealed:hook");
    put_half(own.store, "holdfast-keystore 1\ncheck v1:AAAA\n");
    assert_int_equal(reload(KEYRING_ASK_NOT, &swap, &err), -ERR_CRYPTO);
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(g_remove(own.store), 0);
    assert_int_equal(reload(KEYRING_ASK_NOT, &swap, &err), -ERR_IO);
    assert_int_equal(callback("whsec_1"), 0);
}

/* ---- looking ---- */

static void the_view_names_fingerprints_and_never_a_value(void **state) {
    struct keyring_view view;
    put_file(own.hook, "whsec_2");
    must_reload(true);
    assert_int_equal(g_chmod(own.key, 0644), 0);
    keyring_view(own.gateway, own.seal, &view);
    assert_int_equal(view.item_count, 2);
    assert_string_equal(view.items[0].name, "api_key");
    assert_string_equal(view.items[0].reference, own.key_reference);
    assert_int_equal(strlen(view.items[0].fingerprint), KEYRING_FINGERPRINT_CHARS);
    assert_true(view.items[0].unguarded);
    assert_int_equal(view.items[0].old_count, 0);
    assert_false(view.items[1].unguarded);
    assert_int_equal(view.items[1].old_count, 1);
    assert_string_not_equal(view.items[1].old[0].fingerprint, view.items[1].fingerprint);
    assert_null(memmem(&view, sizeof view, "whsec_", 6));
    assert_null(memmem(&view, sizeof view, "sk_1", 4));
}

static void each_set_is_asked_whether_it_works(void **state) {
    static struct keyring_answer answers[KEYRING_SETS_MAX];
    put_file(own.key, "sk_2");
    door_open(&own.door, "sk_2");
    must_reload(true);
    assert_int_equal(keyring_ask_all(own.gateway, own.client, own.seal, answers), 2);
    assert_int_equal(answers[0].outcome, GW_NONE);
    assert_int_equal(answers[1].outcome, GW_NONE);
    door_close_all(&own.door);
    door_open(&own.door, "sk_2");
    assert_int_equal(keyring_ask_all(own.gateway, own.client, own.seal, answers), 2);
    assert_int_equal(answers[0].outcome, GW_NONE);
    assert_int_equal(answers[0].until_us, 0);
    assert_int_equal(answers[1].outcome, GW_REJECTED_CREDENTIALS);
    assert_true(answers[1].until_us > clock_wall_us());
    assert_false(answers[0].callback_seen || answers[1].callback_seen);
    assert_int_equal(callback("whsec_1"), 0);
    assert_int_equal(keyring_ask_all(own.gateway, own.client, own.seal, answers), 2);
    assert_true(answers[0].callback_seen && !answers[1].callback_seen);
    assert_string_not_equal(answers[0].fingerprint[0], answers[1].fingerprint[0]);
    assert_string_equal(answers[0].fingerprint[1], answers[1].fingerprint[1]);
}

/* ---- what is left of an old set after a restart ---- */

/* Of each adapter: what is changed while nobody runs, from one value to another, and under which
 * name the old one is afterwards; the rest is the set in force's. `from` and `to` a file of
 * tests/vectors, or the value itself. All come from the environment, where nothing old is left. */
struct changed {
    const char *name, *from, *to, *as;
};
static const struct recalled {
    const char *adapter;
    struct {
        const char *name, *value;
    } options[3], same[3];
    struct changed changed;
} recalled[] = {
    {"stripe",
     {{NULL, NULL}},
     {{"api_key", "sk_1"}},
     {"webhook_secret", "whsec_1", "whsec_2", "webhook_secret"}},
    {"paypal",
     {{NULL, NULL}},
     {{"client_id", "id"}, {"client_secret", "secret"}},
     {"webhook_id", "1AB", "2CD", "webhook_id"}},
    {"alipay",
     {{"app_id", "2021000000000001"}},
     {{"private_key", "merchant.key.pem"}},
     {"alipay_public_key", "platform.pub.pem", "merchant.pub.pem", "alipay_public_key"}},
    {"wechatpay",
     {{"appid", "wx1"}, {"mchid", "1900000001"}, {"merchant_serial", "AB12"}},
     {{"private_key", "merchant.key.pem"}},
     {"api_v3_key", "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210",
      "api_v3_key_old"}},
    {"unionpay",
     {{"merchant_id", "777290058110048"}, {"sign_method", "11"}},
     {{NULL, NULL}},
     {"secure_key", "key_1", "key_2", "secure_key"}},
};

static void set_environment(const char *name, const char *value) {
    char path[300], variable[64], bytes[8192];
    size_t count = 0;
    struct err err = {0};
    snprintf(path, sizeof path, TESTS_DIR "/vectors/%s", value);
    snprintf(variable, sizeof variable, "HF_KEYRING_%s", name);
    bool file = strstr(value, ".pem") != NULL;
    assert_true(!file || file_read(path, bytes, sizeof bytes - 1, &count, &err) >= 0);
    bytes[count] = '\0';
    assert_int_equal(setenv(variable, file ? bytes : value, 1), 0);
}

static struct gateway_registry *open_recalled(const struct recalled *row, struct store *store) {
    char references[4][64];
    struct err err = {0};
    struct gateway_registry *registry = NULL;
    struct gateway_settings settings = {.name = "one",
                                        .adapter = row->adapter,
                                        .base_url = "http://127.0.0.1:7901",
                                        .callback_url = "https://pay.test/callbacks/one"};
    for (int i = 0; i < 3 && row->options[i].name != NULL; i++) {
        settings.options[settings.option_count].name = row->options[i].name;
        settings.options[settings.option_count++].value = row->options[i].value;
    }
    for (int i = 0; i < 4; i++) {
        const char *name = i < 3 ? row->same[i].name : row->changed.name;
        if (name != NULL) {
            if (i < 3) {
                set_environment(name, row->same[i].value);
            }
            snprintf(references[i], sizeof references[i], "env:HF_KEYRING_%s", name);
            settings.credentials[settings.credential_count].name = name;
            settings.credentials[settings.credential_count++].reference = references[i];
        }
    }
    if (gateway_registry_open(&settings, 1, &registry, &err) < 0 ||
        keyring_remember(gateway_at(registry, 0), store, own.seal, &err) < 0) {
        fail_msg("%s: %s", row->adapter, err.detail);
    }
    return registry;
}

static void of_each_adapter_what_verifies_callbacks_is_recalled(void **state) {
    for (size_t i = 0; i < COUNT_OF(recalled); i++) {
        const struct changed *changed = &recalled[i].changed;
        struct test_store test;
        int applied = 0;
        struct err err = {0};
        test_store_start(&test, STORE_SQLITE, NULL);
        assert_int_equal(migrate_apply(test.store, NULL, &applied, &err), 0);
        set_environment(changed->name, changed->from);
        struct gateway_registry *registry = open_recalled(&recalled[i], test.store);
        struct key_set *first = gateway_at(registry, 0)->keyring->newest;
        struct secret *old = secret_copy(gateway_credential(&first->face, changed->name));
        assert_null(first->older);
        gateway_registry_close(registry);
        set_environment(changed->name, changed->to);
        registry = open_recalled(&recalled[i], test.store);
        const struct key_set *now = gateway_at(registry, 0)->keyring->newest;
        assert_non_null(now->older);
        const struct secret *again = gateway_credential(&now->older->face, changed->as);
        assert_non_null(again);
        assert_true(secret_equal(again, secret_bytes(old), secret_count(old)));
        for (int k = 0; k < 3 && recalled[i].same[k].name != NULL; k++) {
            assert_non_null(gateway_credential(&now->older->face, recalled[i].same[k].name));
        }
        assert_null(now->older->older);
        secret_free(old);
        gateway_registry_close(registry);
        test_store_end(&test);
    }
}

/* A new adapter says what its callbacks are verified with, or has none (the bank). */
static void each_adapter_has_a_row(void **state) {
    static const char *const adapters[] = {
#define X(folder, ...) #folder,
#include "gateway/adapters.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(adapters); i++) {
        bool found = strcmp(adapters[i], "bank") == 0;
        for (size_t k = 0; k < COUNT_OF(recalled); k++) {
            found = found || strcmp(recalled[k].adapter, adapters[i]) == 0;
        }
        if (!found) {
            fail_msg("%s has no row", adapters[i]);
        }
    }
}

int main(void) {
    crypto_init();
    test_clock_install();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_call_ends_with_the_set_that_it_began_with),
        TEST(sources_that_say_the_same_change_nothing),
        TEST(what_cannot_be_read_or_opened_leaves_the_old_set_in_force),
        TEST(what_the_gateway_rejects_is_refused_unless_it_is_not_asked),
        TEST(a_gateway_that_does_not_answer_is_waited_for_only_when_it_must_answer),
        TEST(callbacks_signed_with_the_old_secret_are_believed_until_its_overlap_ends),
        TEST(a_retired_secret_is_refused_at_once),
        TEST(a_new_secret_is_proven_by_the_first_callback_that_it_has_signed),
        TEST(what_a_call_shows_to_be_right_needs_no_callback),
        TEST(of_more_sets_than_are_kept_the_oldest_goes),
        TEST(a_new_value_is_kept_in_its_file_once_the_gateway_takes_it),
        TEST(a_new_value_is_kept_in_the_keystore_where_the_old_one_was),
        TEST(what_comes_from_the_environment_cannot_be_given_a_new_value),
        TEST(a_keystore_that_was_altered_leaves_the_old_set_in_force),
        TEST(the_view_names_fingerprints_and_never_a_value),
        TEST(each_set_is_asked_whether_it_works),
        TEST(of_each_adapter_what_verifies_callbacks_is_recalled),
        TEST(each_adapter_has_a_row),
    };
#undef TEST
    return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
