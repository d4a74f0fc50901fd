/* SPDX-License-Identifier: Apache-2.0
 * keyring.h: the credentials of a gateway over time (GW-6): rotated without a restart, a lost
 * payment or a genuine callback refused.
 *
 * What a gateway is used with at one time is a *set*: all its credentials as they were read
 * together, and the state that its adapter made of them (parsed keys, cached tokens). A set is a
 * whole `struct gateway` of its own, so an adapter that is called with it knows nothing of others.
 *
 *     read --> opened --> asked --> in force --(the next one)--> old --(overlap)--> gone
 *       |         |          |                                     |
 *       +---------+----------+--> freed; what is in force stays    +--(retired)--> gone
 *
 *  1. A call takes the set in force and keeps it for its whole life; one that began before a swap
 *     ends with what it began with. A set is freed when it is gone and its last call has ended.
 *  2. A set comes into force whole and at once, or not at all.
 *  3. A callback is verified with the set in force, then with each old one, the newest first, until
 *     its overlap has ended. One that could not be checked with one of them is not called forged.
 *  4. Calls go out with the set in force only.
 *     Where there is a store (keyring_remember()), old sets outlive the process: what verifies
 *     callbacks (adapter->callback_keys) of the set in force, and of each before it, is a row
 *     there, sealed with the master key, before the set comes into force. A set that was recalled
 *     from there verifies callbacks and nothing else. So it is the same whether a source changes
 *     while we run or between two runs (as the environment does), and a crash loses neither.
 *  5. What only callbacks show to be right (adapter->callback_names) is proven once one was
 *     verified with the set in force. Asking the gateway proves nothing about it.
 *
 * A credential whose name is one of the adapter's options (WeChat Pay's "merchant_serial") is read
 * like the others and becomes that option: so what names a key changes together with it.
 *
 * Threads: any. Owns: sets, until the keyring is closed; what is taken is borrowed until dropped.
 * Limits:  KEYRING_SETS_MAX sets; the oldest goes first.
 * Errors:  ERR_CONFIG, ERR_CRYPTO, ERR_IO (a source), ERR_GATEWAY_REJECTED, ERR_UNREACHABLE (it
 *          must say yes and did not answer), ERR_STATE (another change is under way),
 *          ERR_VALIDATION (the value that was given cannot be what it is given as). */
#ifndef HOLDFAST_GATEWAY_KEYRING_H
#define HOLDFAST_GATEWAY_KEYRING_H

#include "base/keystore.h"
#include "base/seal.h"
#include "gateway/gateway.h"
#include "store/store.h"

enum { KEYRING_SETS_MAX = 32, KEYRING_FINGERPRINT_CHARS = 8, KEYRING_NAME_CHARS_MAX = 31 };

struct keyring_settings {
    const struct keystore_place *keystore; /* NULL: there is none */
    int64_t overlap_us;                    /* 0: 24 h */
};

/* Reads the first set by the names and references of `gateway->credentials`, whose values stay
 * NULL. Sets gateway->keyring. */
MUST_USE int keyring_open(struct gateway *gateway, const struct keyring_settings *settings,
                          struct err *err);
/* From here on what callbacks are verified with is kept in the store (both borrowed until the
 * keyring is closed), and what was kept there by those before us is accepted until its overlap
 * ends. One that cannot be opened any more is left out, and keyring_view() says so. */
MUST_USE int keyring_remember(struct gateway *gateway, struct store *store, const struct seal *seal,
                              struct err *err);
/* When no call is under way any more. Nothing when there is none. */
void keyring_close(struct gateway *gateway);

/* The set in force, for one call; keyring_drop() gives it back. A gateway without a keyring (tests)
 * is its own set. */
struct gateway *keyring_take(struct gateway *gateway);
void keyring_drop(struct gateway *set);

/* adapter->verify_callback() by rule 3. `call->gateway` is not looked at. */
MUST_USE int keyring_verify_callback(struct gateway *gateway, const struct gateway_call *call,
                                     const struct gateway_callback_request *request,
                                     struct gateway_event *ret_event, struct err *err);

/* Whether the gateway itself is asked (adapter->probe()) before a new set comes into force. */
enum keyring_ask {
    KEYRING_ASK_NOT,
    KEYRING_ASK,      /* what it rejects is refused; if it does not answer, the set is taken */
    KEYRING_ASK_MUST, /* it must have answered */
};
struct keyring_reload {
    enum keyring_ask ask;
    struct http_client *client;
    /* One credential's new value, which is written to its source once all else is well; NULL: the
     * sources are read as they are. */
    const char *credential;
    const struct secret *value;
};
struct keyring_swap {
    bool swapped; /* else nothing had changed */
    bool asked;
    enum gateway_outcome outcome; /* of asking; GW_NONE: they work */
    int changed_count;
    char changed[GATEWAY_CREDENTIALS_MAX][32]; /* names */
};
MUST_USE int keyring_reload(struct gateway *gateway, const struct keyring_reload *how,
                            struct keyring_swap *ret_swap, struct err *err);
/* Ends the overlap of all old sets now: what is signed with their keys is refused from here on,
 * also after a restart. Returns how many there were. ERR_STORE…: nothing was changed. */
MUST_USE int keyring_retire(struct gateway *gateway, struct err *err);
/* True: retiring may refuse genuine callbacks, since the set in force is not proven (rule 5) and
 * differs from an old one in this credential. */
bool keyring_unproven(struct gateway *gateway, char ret_name[KEYRING_NAME_CHARS_MAX + 1]);
/* Whether only a callback shows this credential or option to be right. */
bool keyring_shown_by_callback(const struct gateway *gateway, const char *name);
/* Frees old sets whose overlap has ended. Cheap. */
void keyring_tick(struct gateway *gateway);

/* One credential, and what it was before. Never a value: a fingerprint is the beginning of a digest
 * that only the master key can make. */
struct keyring_item {
    char name[32];
    char reference[256];
    char fingerprint[KEYRING_FINGERPRINT_CHARS + 1];
    int64_t not_after_us; /* of the certificate in it that ends first; 0: there is none */
    bool unguarded;       /* its file can be read by everybody, or written by others */
    struct {
        char fingerprint[KEYRING_FINGERPRINT_CHARS + 1];
        int64_t until_us;    /* accepted in callbacks until then (wall) */
    } old[KEYRING_SETS_MAX]; /* other values than this one, the newest first */
    int old_count;
};
struct keyring_view {
    int64_t since_us; /* wall: when the set in force came into force here */
    struct keyring_item items[GATEWAY_CREDENTIALS_MAX];
    int item_count;
    /* What the gateway itself signs with, where it hands that out (WeChat Pay's platform
     * certificates): as far as the set in force has seen it. */
    struct gateway_signer signers[GATEWAY_SIGNERS_MAX];
    int signer_count;
    char not_kept[200]; /* why a restart would forget an old set, or has; "" when none would */
};
void keyring_view(struct gateway *gateway, const struct seal *seal, struct keyring_view *ret_view);

/* The first of its credentials whose source cannot be read now; NULL: all can. */
const char *keyring_unreadable(const struct gateway *gateway);

/* Asks the gateway once with each set. Returns how many there are, the one in force first. */
struct keyring_answer {
    int64_t until_us;    /* 0: in force */
    bool callback_seen;  /* one was verified with it here */
    bool callbacks_only; /* it was recalled: nothing can be asked with it */
    char fingerprint[GATEWAY_CREDENTIALS_MAX][KEYRING_FINGERPRINT_CHARS + 1]; /* as in the view */
    enum gateway_outcome outcome; /* GW_NONE: it works */
    char code[GATEWAY_CODE_CHARS_MAX + 1];
};
int keyring_ask_all(struct gateway *gateway, struct http_client *client, const struct seal *seal,
                    struct keyring_answer ret_answers[KEYRING_SETS_MAX]);

/* The files that this gateway's credentials come from; borrowed. A sealed one comes from the
 * keystore's. Returns how many. */
int keyring_files(const struct gateway *gateway, const char *ret_paths[GATEWAY_CREDENTIALS_MAX]);

#endif
