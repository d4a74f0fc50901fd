/* SPDX-License-Identifier: Apache-2.0
 * rotation.c: keys and certificates that change in mid-flight, see rotation.h. */
#include "sim/rotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "sandbox/alipay.h"
#include "sandbox/paypal.h"
#include "sandbox/stripe.h"
#include "sandbox/unionpay.h"
#include "sandbox/wechat.h"
#include "sim/gateways.h"

enum {
    FILES_MAX = 4,
    NAME_CHARS = 64,
    VALUE_CHARS = 96,
    FILE_BYTES_MAX = 64 * 1024,
    TRIES_MAX = 3000,
    TURNS_MAX = 12,
};
#define FOLDER "/sim/keys/"
#define ENV "HOLDFAST_SIM_"
/* When nothing of what was sent before is on its way any more. */
#define IN_FLIGHT_US (75 * US_PER_SECOND)
/* A request is on its way no longer than that (trouble.c: 20 s, and what each link takes). */
#define ON_WAY_US (25 * US_PER_SECOND)

/* ---- files ---- */

struct key_file {
    char *bytes;
    size_t count;
    int64_t version;
};

struct rotation {
    GHashTable *files; /* path → struct key_file */
    int64_t versions;
    int turns;
    struct gateway_keys {
        int64_t excused_until_us; /* the gateway signs by what the service does not have yet */
        /* Files that belong together may be read one by one, and what was signed in between may
         * arrive until then. */
        int64_t half_until_us;
        /* Pages that the shop's key before has signed are not younger than that (wall); the gateway
         * opens them no more once it is ended, and customers have them for longer. */
        int64_t pages_until_us;
        bool merchant, platform;  /* which of the two pairs is in force */
    } of[SB_GATEWAYS];
};

static struct key_file *put_file(struct rotation *rotation, const char *path, const void *bytes,
                                 size_t count) {
    struct key_file *file = g_hash_table_lookup(rotation->files, path);
    if (file == NULL) {
        file = g_new0(struct key_file, 1);
        g_hash_table_insert(rotation->files, g_strdup(path), file);
    }
    g_free(file->bytes);
    file->bytes = g_memdup2(bytes, count);
    file->count = count;
    file->version = ++rotation->versions;
    return file;
}

/* What was never replaced is what the environment says. */
static const struct key_file *find_file(struct rotation *rotation, const char *path) {
    struct key_file *file = g_hash_table_lookup(rotation->files, path);
    char name[NAME_CHARS + sizeof ENV];
    if (file != NULL || strncmp(path, FOLDER, sizeof FOLDER - 1) != 0) {
        return file;
    }
    snprintf(name, sizeof name, ENV "%s", path + sizeof FOLDER - 1);
    const char *value = getenv(name);
    return value != NULL ? put_file(rotation, path, value, strlen(value)) : NULL;
}

static int files_read(void *ctx, const char *path, char *bytes, size_t bytes_max, size_t *ret_count,
                      struct err *err) {
    const struct key_file *file = find_file(((struct run *)ctx)->rotation, path);
    if (file == NULL) {
        return err_set(err, ERR_IO, "%s cannot be opened: there is none", path);
    }
    if (file->count > bytes_max) {
        return err_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", path, bytes_max);
    }
    memcpy(bytes, file->bytes, file->count);
    bytes[file->count] = '\0';
    *ret_count = file->count;
    return 0;
}

/* Whole or not at all, whenever the service dies. */
static int files_replace(void *ctx, const char *path, const void *bytes, size_t count,
                         struct err *err) {
    struct run *run = ctx;
    sim_point(run->world, SIM_POINT_SYNC);
    if (run->phase == RUN_TROUBLE && run_sees(run, SEE_DISK_ERRORS) &&
        prng_below(sim_world_prng(run->world), 5) == 0) {
        return err_set(err, ERR_IO, "%s cannot be written: the disk fails", path);
    }
    put_file(run->rotation, path, bytes, count);
    sim_point(run->world, SIM_POINT_SYNC);
    return 0;
}

static int files_look(void *ctx, const char *path, struct file_face *ret_face, struct err *err) {
    const struct key_file *file = find_file(((struct run *)ctx)->rotation, path);
    if (file == NULL) {
        return err_set(err, ERR_IO, "%s cannot be looked at: there is none", path);
    }
    *ret_face = (struct file_face){
        .bytes = (int64_t)file->count,
        .changed_ns = file->version,
        .inode = file->version,
        .mode = 0600,
        .ours_to_keep = true,
    };
    return 0;
}

/* WeChat Pay's serial number stands among the options, and here among the credentials, so that it
 * changes together with the key that it names. */
static void move_serial(struct run *run, GString *text) {
    static const char option[] = "      - {name: merchant_serial, value: \"";
    static const char key[] = "WECHAT_PRIVATE_KEY\"}\n";
    char *at = strstr(text->str, option);
    if (at == NULL) {
        return;
    }
    const char *value = at + sizeof option - 1;
    size_t count = strcspn(value, "\"");
    put_file(run->rotation, FOLDER "WECHAT_MERCHANT_SERIAL", value, count);
    g_string_erase(text, at - text->str, (gssize)(strcspn(at, "\n") + 1));
    const char *after = strstr(text->str, key);
    INVARIANT(after != NULL, "WeChat Pay has a key of its merchant's");
    g_string_insert(text, after - text->str + (gssize)sizeof key - 1,
                    "      - {name: merchant_serial, from: \"file:" FOLDER
                    "WECHAT_MERCHANT_SERIAL\"}\n");
}

void rotation_config(struct run *run, struct buf *text) {
    static const struct file_ops ops = {files_read, files_replace, files_look};
    if (!run_sees(run, SEE_ROTATION)) {
        return;
    }
    run->rotation = g_new0(struct rotation, 1);
    run->rotation->files = g_hash_table_new(g_str_hash, g_str_equal);
    file_install(run, &ops);
    GString *changed = g_string_new(text->data);
    g_string_replace(changed, "from: \"env:" ENV, "from: \"file:" FOLDER, 0);
    move_serial(run, changed);
    buf_clear(text);
    buf_add_text(text, changed->str);
    g_string_free(changed, true);
}

/* ---- what can be replaced ---- */

enum what {
    SHOWN,    /* a text that the service shows */
    SIGNS,    /* a text that the gateway signs or seals by */
    MERCHANT, /* the shop's own key, which the gateway knows */
    PLATFORM, /* the gateway's, by which it signs answers as well */
};

static const struct kind {
    enum sb_gateway gateway;
    enum what what;
    int setting;
    const char *names[FILES_MAX]; /* of the credentials that change together */
} kinds[] = {
    {SB_STRIPE, SHOWN, SB_STRIPE_KEY, {"api_key"}},
    {SB_STRIPE, SIGNS, SB_STRIPE_WEBHOOK_SECRET, {"webhook_secret"}},
    {SB_PAYPAL, SHOWN, SB_PAYPAL_CLIENT_SECRET, {"client_secret"}},
    {SB_WECHAT, SIGNS, SB_WECHAT_API_V3_KEY, {"api_v3_key"}},
    {SB_WECHAT, MERCHANT, 0, {"private_key", "merchant_serial"}},
    {SB_ALIPAY, MERCHANT, 0, {"private_key"}},
    {SB_ALIPAY, PLATFORM, 0, {"alipay_public_key"}},
    {SB_UNIONPAY, MERCHANT, 0, {"private_key", "certificate"}},
    {SB_UNIONPAY, PLATFORM, 0, {"root_ca", "middle_ca"}},
};

/* UnionPay's next chain; what the wallets have else is borrowed from each other. */
static struct sb_up_identity next_chain;

static void make_chain(void *ctx) {
    int64_t now_us = *(const int64_t *)ctx;
    struct err err = {0};
    const struct sb_pair_options root = {.name = "Holdfast sandbox UnionPay root, the next",
                                         .ca = true,
                                         .elliptic = true,
                                         .now_us = now_us};
    int r = sb_pair_new(&root, &next_chain.root, &err);
    const struct sb_pair_options middle = {.name = "Holdfast sandbox UnionPay middle CA, the next",
                                           .issuer = next_chain.root,
                                           .ca = true,
                                           .elliptic = true,
                                           .now_us = now_us};
    r = r < 0 ? r : sb_pair_new(&middle, &next_chain.middle, &err);
    const struct sb_pair_options signer = {.name = "041@Z2015-11-11@00040000:SIGN@00000001",
                                           .organization = "Holdfast sandbox",
                                           .issuer = next_chain.middle,
                                           .now_us = now_us};
    r = r < 0 ? r : sb_pair_new(&signer, &next_chain.signer, &err);
    INVARIANT(r == 0, "UnionPay has its next certificates");
}

void rotation_prepare(uint32_t gateways, int64_t now_us) {
    if ((gateways >> SB_UNIONPAY & 1) != 0 && next_chain.signer == NULL) {
        sim_gateways_draw(SB_GATEWAYS + 1, make_chain, &now_us);
    }
}

/* What takes turns with the wallets' own keys. */
static struct sb_pair *other_merchant(enum sb_gateway gateway) {
    const struct sb_ali_identity *alipay = sim_gateway_identity(SB_ALIPAY);
    const struct sb_wechat_identity *wechat = sim_gateway_identity(SB_WECHAT);
    switch (gateway) {
    case SB_ALIPAY:
        return wechat->public_key;
    case SB_WECHAT:
        return alipay->merchant;
    default:
        return alipay->platform;
    }
}

static bool may_turn(const struct run *run, const struct kind *kind) {
    bool lent = kind->what == SHOWN || kind->what == SIGNS ||
                (sim_gateway_identity(SB_ALIPAY) != NULL &&
                 sim_gateway_identity(SB_WECHAT) != NULL);
    /* Between the gateway's turn and ours answers cannot be believed, which a calm run must not
     * see. */
    bool gap = kind->what == PLATFORM || kind->what == SIGNS;
    return (run->gateways >> kind->gateway & 1) != 0 && lent &&
           !(run->calm && gap && kind->gateway != SB_STRIPE);
}

/* ---- at the portal ---- */

static void *renewed(struct run *run, const struct kind *kind) {
    struct gateway_keys *keys = &run->rotation->of[kind->gateway];
    const struct sb_ali_identity *alipay = sim_gateway_identity(SB_ALIPAY);
    const struct sb_wechat_identity *wechat = sim_gateway_identity(SB_WECHAT);
    const struct sb_up_identity *unionpay = sim_gateway_identity(SB_UNIONPAY);
    keys->merchant = keys->merchant != (kind->what == MERCHANT);
    keys->platform = keys->platform != (kind->what == PLATFORM);
    if (kind->gateway == SB_ALIPAY) {
        struct sb_ali_identity *made = g_memdup2(alipay, sizeof *alipay);
        made->merchant = keys->merchant ? other_merchant(SB_ALIPAY) : alipay->merchant;
        made->platform = keys->platform ? wechat->platform[1] : alipay->platform;
        return made;
    }
    if (kind->gateway == SB_WECHAT) {
        struct sb_wechat_identity *made = g_memdup2(wechat, sizeof *wechat);
        made->merchant = keys->merchant ? other_merchant(SB_WECHAT) : wechat->merchant;
        return made;
    }
    struct sb_up_identity *made = g_memdup2(unionpay, sizeof *unionpay);
    made->merchant = keys->merchant ? other_merchant(SB_UNIONPAY) : unionpay->merchant;
    if (keys->platform) {
        made->root = next_chain.root;
        made->middle = next_chain.middle;
        made->signer = next_chain.signer;
    }
    return made;
}

/* The texts that the service is to have. */
struct fresh {
    char text[VALUE_CHARS]; /* of a setting */
    void *identity;         /* of a gateway with keys */
    const char *values[FILES_MAX];
};

static void make_fresh(struct run *run, struct prng *prng, const struct kind *kind,
                       struct fresh *ret_fresh) {
    unsigned number = (unsigned)prng_below(prng, 100000000);
    *ret_fresh = (struct fresh){.identity = NULL};
    char *text = ret_fresh->text;
    if (kind->what == SHOWN || kind->what == SIGNS) {
        const char *begin = kind->gateway == SB_PAYPAL            ? SANDBOX_PAYPAL_CLIENT_SECRET
                            : kind->gateway == SB_WECHAT          ? "holdfast-sim-api-v3-key-"
                            : kind->setting == (int)SB_STRIPE_KEY ? SANDBOX_STRIPE_KEY
                                                                  : SANDBOX_STRIPE_WEBHOOK_SECRET;
        snprintf(text, VALUE_CHARS, "%s%08u", begin, number);
        ret_fresh->values[0] = text;
        return;
    }
    ret_fresh->identity = renewed(run, kind);
    if (kind->gateway == SB_ALIPAY) {
        const struct sb_ali_identity *made = ret_fresh->identity;
        ret_fresh->values[0] = kind->what == MERCHANT ? made->merchant->private_pem
                                                      : made->platform->public_pem;
    } else if (kind->gateway == SB_WECHAT) {
        const struct sb_wechat_identity *made = ret_fresh->identity;
        ret_fresh->values[0] = made->merchant->private_pem;
        ret_fresh->values[1] = made->merchant->serial_hex;
    } else {
        const struct sb_up_identity *made = ret_fresh->identity;
        bool ours = kind->what == MERCHANT;
        ret_fresh->values[0] = ours ? made->merchant->private_pem : made->root->cert_pem;
        ret_fresh->values[1] = ours ? made->merchant->cert_pem : made->middle->cert_pem;
    }
}

/* Stripe's webhook that the sandbox was started with has its secret written down beside it. */
static void sign_by(struct run *run, const char *secret) {
    struct sb_events *events = &run->sandbox->events[SB_STRIPE];
    lock_take(&events->lock);
    snprintf(events->endpoints[0].secret, sizeof events->endpoints[0].secret, "%s", secret);
    lock_give(&events->lock);
}

static void at_portal(struct run *run, const struct kind *kind, const struct fresh *fresh) {
    sim_say(run->world, "portal of %s: %s is replaced", sb_gateway_name(kind->gateway),
            kind->names[0]);
    if (fresh->identity != NULL) {
        sb_identity_renew(run->sandbox, kind->gateway, fresh->identity);
        return;
    }
    sb_setting_renew(run->sandbox, kind->gateway, kind->setting, fresh->text);
    if (kind->gateway == SB_STRIPE && kind->what == SIGNS) {
        sign_by(run, fresh->text);
    }
}

static void end_old(struct run *run, const struct kind *kind) {
    sim_say(run->world, "portal of %s: the old %s is ended", sb_gateway_name(kind->gateway),
            kind->names[0]);
    if (kind->what == SHOWN || kind->what == SIGNS) {
        sb_setting_end(run->sandbox, kind->gateway, kind->setting);
    } else {
        sb_identity_end(run->sandbox, kind->gateway);
    }
}

/* ---- at the service ---- */

static void file_of(const struct kind *kind, const char *name, char *ret_path, size_t bytes) {
    char *upper = g_ascii_strup(name, -1),
         *gateway = g_ascii_strup(sb_gateway_name(kind->gateway), -1);
    snprintf(ret_path, bytes, FOLDER "%s_%s", gateway, upper);
    g_free(upper);
    g_free(gateway);
}

/* Somebody changes the files, one after the other. */
static void change_files(struct run *run, struct prng *prng, const struct kind *kind,
                         const struct fresh *fresh) {
    char path[NAME_CHARS + sizeof FOLDER];
    for (int i = 0; i < FILES_MAX && kind->names[i] != NULL; i++) {
        file_of(kind, kind->names[i], path, sizeof path);
        put_file(run->rotation, path, fresh->values[i], strlen(fresh->values[i]));
        task_sleep_us((int64_t)prng_below(prng, 2500000));
    }
}

/* True: what the files say is in force. */
static bool is_taken(const json_t *answer, const char *gateway) {
    size_t i;
    json_t *row;
    const json_t *rows = json_peek(answer, "gateways", NULL);
    const char *result = json_peek_text(answer, "result", NULL);
    json_array_foreach((json_t *)rows, i, row) {
        const char *name = json_peek_text(row, "gateway", NULL);
        if (name != NULL && strcmp(name, gateway) == 0) {
            result = json_peek_text(row, "result", NULL);
        }
    }
    return result != NULL && (strcmp(result, "taken") == 0 || strcmp(result, "unchanged") == 0);
}

/* One try; `by_hand`: the operator types it. */
static bool take_once(struct run *run, const struct kind *kind, const struct fresh *fresh,
                      bool by_hand, bool by_runbook) {
    char path[128];
    const char *gateway = sim_gateway(kind->gateway)->name;
    int status = 0;
    json_t *answer = NULL;
    json_t *body = by_hand ? json_pack("{s:s, s:s, s:s}", "credential", kind->names[0], "value",
                                       fresh->values[0], "reason", "rotated")
                           : json_pack("{s:s}", "reason", "rotated");
    char *text = json_dumps(body, JSON_COMPACT);
    if (by_runbook && !by_hand) {
        snprintf(path, sizeof path, "/internal/api/system/reload-api-keys");
    } else {
        snprintf(path, sizeof path, "/v1/gateways/%s/credentials/%s", gateway,
                 by_hand ? "rotate" : "reload");
    }
    bool asked = stage_ask(run, "POST", path, text, &status, &answer);
    bool taken = asked && status == 200 && is_taken(answer, gateway);
    sim_say(run->world, "operator: %s -> %d%s", path, asked ? status : 0, taken ? ", taken" : "");
    json_decref(answer);
    json_decref(body);
    free(text);
    return taken;
}

static void take(struct run *run, struct prng *prng, const struct kind *kind,
                 const struct fresh *fresh) {
    bool by_hand = kind->names[1] == NULL && prng_below(prng, 2) == 0;
    bool by_runbook = prng_below(prng, 2) == 0;
    if (!by_hand) {
        change_files(run, prng, kind, fresh);
        task_sleep_us((int64_t)prng_below(prng, 6 * US_PER_SECOND)); /* it may notice by itself */
    }
    for (int i = 0; i < TRIES_MAX && !run_failed(run); i++) {
        if (take_once(run, kind, fresh, by_hand, by_runbook)) {
            return;
        }
        task_sleep_us(500000 + (int64_t)prng_below(prng, 2 * US_PER_SECOND));
    }
    run_fail(run, "operator", "", "%s of %s is not taken after %d tries", kind->names[0],
             sb_gateway_name(kind->gateway), TRIES_MAX);
}

/* ---- one after the other ---- */

static void pause_for(struct run *run, int64_t duration_us) {
    int64_t until = clock_mono_us() + duration_us;
    while (run->phase == RUN_TROUBLE && clock_mono_us() < until) {
        task_sleep_us(US_PER_SECOND);
    }
}

/* One of those that the run has. */
static const struct kind *draw_kind(const struct run *run, struct prng *prng) {
    const struct kind *may[COUNT_OF(kinds)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (may_turn(run, &kinds[i])) {
            may[count++] = &kinds[i];
        }
    }
    return count > 0 ? may[prng_below(prng, count)] : NULL;
}

void rotation_turn(struct run *run, struct prng *prng) {
    const struct kind *kind = draw_kind(run, prng);
    bool gateway_first = prng_below(prng, 4) == 0;
    struct fresh fresh;
    if (kind == NULL || run->rotation->turns >= TURNS_MAX) {
        return;
    }
    run->rotation->turns++;
    make_fresh(run, prng, kind, &fresh);
    struct gateway_keys *keys = &run->rotation->of[kind->gateway];
    /* What is shown must be known there first; after a reset of the APIv3 key nothing is sealed by
     * the old one. */
    gateway_first = kind->what == SHOWN || kind->what == MERCHANT || kind->gateway == SB_WECHAT ||
                    gateway_first;
    bool signs = kind->what == SIGNS || kind->what == PLATFORM;
    keys->excused_until_us = signs && gateway_first ? INT64_MAX : keys->excused_until_us;
    if (gateway_first) {
        at_portal(run, kind, &fresh);
    }
    bool half = kind->names[1] != NULL;
    keys->half_until_us = half ? INT64_MAX : keys->half_until_us;
    take(run, prng, kind, &fresh);
    keys->half_until_us = half ? sim_world_now_us(run->world) + ON_WAY_US : keys->half_until_us;
    keys->pages_until_us = kind->what == MERCHANT ? clock_wall_us() + ON_WAY_US
                                                  : keys->pages_until_us;
    pause_for(run, (int64_t)prng_below(prng, 10 * US_PER_SECOND));
    if (!gateway_first) {
        at_portal(run, kind, &fresh);
    }
    int64_t now = sim_world_now_us(run->world);
    keys->excused_until_us = signs && gateway_first ? now + US_PER_SECOND : keys->excused_until_us;
    pause_for(run, IN_FLIGHT_US);
    if (run->phase == RUN_TROUBLE) {
        end_old(run, kind);
    }
}

/* ---- what must be true ---- */

/* A callback that is genuine is believed, by the new or by the old one: no others come, and the
 * service's clock is right. What was in force before outlives the service (decision 0020). */
void rotation_heard(struct run *run, const char *path, int status) {
    enum sb_gateway gateway = SB_STRIPE;
    const char *name = strrchr(path, '/');
    bool denied = status == 400 || status == 401 || status == 403;
    if (run->rotation == NULL || !denied || name == NULL || !sim_gateway_find(name + 1, &gateway) ||
        run_sees(run, SEE_CALLBACKS_FORGED) || run_sees(run, SEE_CLOCK)) {
        return;
    }
    const struct gateway_keys *keys = &run->rotation->of[gateway];
    int64_t now = sim_world_now_us(run->world);
    if (now >= keys->excused_until_us) {
        run_fail(run, "keys", "", "a genuine callback of %s was answered with %d",
                 sb_gateway_name(gateway), status);
    }
}

/* A customer's browser shows what was signed when he was given it, by a clock that was right. */
static bool is_page_of_before(const struct run *run, const struct gateway_keys *keys,
                              const struct http_request *request) {
    char text[CLOCK_TEXT_MAX];
    int64_t signed_us;
    struct err err = {0};
    return strcmp(request->method, "GET") == 0 &&
           (run_sees(run, SEE_CLOCK) ||
            (http_query_get(request, "timestamp", text, sizeof text, &err) > 0 &&
             clock_parse_at(text, BEIJING_MINUTES, &signed_us) &&
             signed_us <= keys->pages_until_us));
}

/* A key that was ended is shown by nobody any more, but for the pages that customers had before,
 * and the present one is known. */
void rotation_called(struct run *run, enum sb_gateway gateway, const struct http_request *request,
                     const struct http_reply *reply) {
    bool unknown = reply->status == 401 &&
                   (gateway == SB_STRIPE || (gateway == SB_WECHAT && !run_sees(run, SEE_CLOCK)));
    unknown = unknown || (gateway == SB_PAYPAL && reply->status == 401 &&
                          strstr(reply->body.data, "invalid_client") != NULL);
    unknown = unknown ||
              (gateway == SB_ALIPAY && strstr(reply->body.data, "isv.invalid-signature") != NULL);
    const struct gateway_keys *keys = run->rotation != NULL ? &run->rotation->of[gateway] : NULL;
    if (keys != NULL && unknown && sim_world_now_us(run->world) >= keys->half_until_us &&
        !is_page_of_before(run, keys, request)) {
        run_fail(run, "keys", "", "%s was shown a key that it does not know",
                 sb_gateway_name(gateway));
    }
}
