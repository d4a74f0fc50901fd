/* SPDX-License-Identifier: Apache-2.0
 * proof.h: that an incident is over, as the gate before "resolved" says it (I7). Only that gate, a
 * floor above, makes one, out of a verdict that it has stored; nothing that comes in by the API
 * does. What holds none says of no trouble that it is over.
 * Threads: any. Owns: nothing; it is a value. */
#ifndef HOLDFAST_COMMS_PROOF_H
#define HOLDFAST_COMMS_PROOF_H

#include "base/crypto.h"
#include "base/id.h"

struct proof {
    char incident_id[ID_TEXT_MAX];
    char evidence[SHA256_HEX_CHARS + 1]; /* the digest of the gate's verdict as it was stored */
    int64_t at_us;                       /* wall: when the gate let it through */
};

#endif
