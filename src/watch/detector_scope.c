/* SPDX-License-Identifier: Apache-2.0
 * detector_scope.c: for whom it fails: slices ranked by plain likelihood.
 *
 * For each slice that had a failure since the first symptom: how much likelier are its k failures
 * of n at the rate that it shows than at the rate that is usual for it? The whole is diluted by
 * what is well, a part of the broken thing has fewer failures to show; so the slice that is broken,
 * all of it and nothing else, stands out. A dimension more must be worth its words, except the
 * gateway's where nothing tells it from the whole: it is who can be asked, and turned away from.
 * Money at risk ranks beside likelihood: of slices for which the evidence is about the same, the
 * one that has more of the money that fails is named. Money is counted in usual payments of its
 * currency, so that currencies can be compared. */
#include <math.h>
#include <string.h>

#include "watch/detector_impl.h"

/* Per dimension of a scope: the natural logarithm of ten. */
static const double dimension_cost = 2.3;
/* All the money at risk is worth as much as evidence of e to one. */
static const double money_weight = 1;
/* How sure a proof is: e^3, twenty to one. */
static const double proof_likelihood = 3;

struct tally {
    struct detector_scope scope;
    uint32_t events, yes;
    double stake; /* of `yes` */
};

static guint scope_hash(gconstpointer key) {
    const struct detector_scope *scope = key;
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < DIMENSIONS; i++) {
        hash = (hash ^ scope->values[i]) * 0x100000001b3u;
    }
    return (guint)(hash ^ (hash >> 32));
}

static gboolean scope_equal(gconstpointer one, gconstpointer other) {
    return memcmp(one, other, sizeof(struct detector_scope)) == 0;
}

/* How much likelier k of n at their own rate than at p0; 0 when they are fewer than usual. */
static double likelihood_of(double n, double k, double p0) {
    double p = k / n;
    if (p <= p0) {
        return 0;
    }
    return k * log(p / p0) + (p < 1 ? (n - k) * log((1 - p) / (1 - p0)) : 0);
}

/* From the newest back to the first symptom. */
static const struct recent *recent_at(const struct detector *detector, uint64_t back) {
    if (back >= detector->taken_count || back >= DETECTOR_RECENT_MAX) {
        return NULL;
    }
    return &detector->recent[(detector->taken_count - 1 - back) % DETECTOR_RECENT_MAX];
}

static GHashTable *tally_all(const struct detector *detector, enum sign sign, int64_t since_us) {
    GHashTable *tallies = g_hash_table_new_full(scope_hash, scope_equal, NULL, g_free);
    const struct recent *recent;
    for (uint64_t back = 0; (recent = recent_at(detector, back)) != NULL; back++) {
        if (recent->event.at_us < since_us || recent->taken) {
            continue;
        }
        for (int i = 0; i < SHAPES; i++) {
            struct detector_scope scope;
            if (!scope_of(&scope, &recent->event, shapes[i])) {
                continue;
            }
            struct tally *tally = g_hash_table_lookup(tallies, &scope);
            if (tally == NULL) {
                tally = g_new0(struct tally, 1);
                tally->scope = scope;
                g_hash_table_insert(tallies, &tally->scope, tally);
            }
            tally->events++;
            if ((recent->signs >> sign) & 1) {
                tally->yes++;
                tally->stake += stake_of(detector, &recent->event);
            }
        }
    }
    return tallies;
}

/* Which of two equally likely ones is told must not depend on a table's order. */
static bool comes_before(const struct detector_scope *one, const struct detector_scope *other) {
    for (int i = 0; i < DIMENSIONS; i++) {
        if (one->values[i] != other->values[i]) {
            return one->values[i] > other->values[i];
        }
    }
    return false;
}

/* Which gateway all failures of the scope came from since then; payments that no gateway was left
 * for have none, and accuse nobody. 0: several failed, or none is known. */
static detector_value only_gateway(const struct detector *detector, enum sign sign,
                                   int64_t since_us, const struct detector_scope *scope) {
    detector_value only = 0;
    const struct recent *recent;
    for (uint64_t back = 0; (recent = recent_at(detector, back)) != NULL; back++) {
        detector_value gateway = recent->event.values[DIMENSION_GATEWAY];
        if (recent->event.at_us < since_us || !((recent->signs >> sign) & 1) || gateway == 0 ||
            !scope_holds(scope, &recent->event)) {
            continue;
        }
        if (only != 0 && only != gateway) {
            return 0;
        }
        only = gateway;
    }
    return only;
}

/* Where one gateway takes all that comes, its slice and the whole show the same, and the whole is
 * shorter; yet the gateway is what can be acted on. It is named unless another has failed, too: by
 * itself when it has no other payments, else within the scope. */
static void name_gateway(const struct detector *detector, GHashTable *tallies, enum sign sign,
                         int64_t since_us, struct ranked *ranked) {
    struct detector_scope alone = {0}, within = ranked->scope;
    if (ranked->scope.values[DIMENSION_GATEWAY] != 0) {
        return;
    }
    detector_value gateway = only_gateway(detector, sign, since_us, &ranked->scope);
    alone.values[DIMENSION_GATEWAY] = within.values[DIMENSION_GATEWAY] = gateway;
    const struct tally *tally = g_hash_table_lookup(tallies, &alone);
    const struct tally *narrow = g_hash_table_lookup(tallies, &within);
    if (gateway == 0 || narrow == NULL) {
        return;
    }
    tally = tally->events == narrow->events ? tally : narrow;
    double normal = usual_rate(detector, slice_find(detector, &tally->scope), sign);
    double likelihood = likelihood_of(tally->events, tally->yes, normal);
    if (likelihood >= proof_likelihood) {
        *ranked = (struct ranked){tally->scope, likelihood, normal, tally->events, tally->yes};
    }
}

bool scope_rank(const struct detector *detector, enum sign sign, int64_t since_us,
                struct ranked *ret_ranked) {
    g_autoptr(GHashTable) tallies = tally_all(detector, sign, since_us);
    struct ranked best = {.likelihood = 0};
    double best_score = 0;
    static const struct detector_scope all = {{0}};
    const struct tally *whole = g_hash_table_lookup(tallies, &all);
    double stake = whole != NULL && whole->stake > 0 ? whole->stake : 1;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, tallies);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct tally *tally = value;
        if (tally->yes == 0) {
            continue;
        }
        double normal = usual_rate(detector, slice_find(detector, &tally->scope), sign);
        double likelihood = likelihood_of(tally->events, tally->yes, normal);
        if (likelihood <= 0) {
            continue;
        }
        double score = likelihood - dimension_cost * scope_dimensions(&tally->scope) +
                       money_weight * tally->stake / stake;
        bool equal = fabs(score - best_score) < 1e-9;
        if (score > best_score + 1e-9 || (equal && comes_before(&tally->scope, &best.scope))) {
            best_score = score;
            best = (struct ranked){tally->scope, likelihood, normal, tally->events, tally->yes};
        }
    }
    if (best.likelihood <= 0) {
        return false;
    }
    name_gateway(detector, tallies, sign, since_us, &best);
    *ret_ranked = best;
    return true;
}

enum detector_proof detector_beside(const struct detector *detector,
                                    const struct detector_finding *finding,
                                    enum detector_dimension dimension, detector_value value) {
    enum sign sign = finding->test == TEST_SILENCE ? SIGN_FAIL : test_kinds[finding->test].sign;
    double normal = finding->test == TEST_SILENCE ? 0.05 : finding->normal;
    double p1 = fmax(0.20, normal + 0.15), score = 0;
    const struct recent *recent;
    for (uint64_t back = 0; (recent = recent_at(detector, back)) != NULL; back++) {
        if (recent->event.at_us >= finding->first_symptom_us &&
            recent->event.values[dimension] == value) {
            bool yes = (recent->signs >> sign) & 1;
            score += yes ? log(p1 / normal) : log((1 - p1) / (1 - normal));
        }
    }
    return score <= -proof_likelihood  ? PROOF_WELL
           : score >= proof_likelihood ? PROOF_FAILING
                                       : PROOF_NONE;
}
