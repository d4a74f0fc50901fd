/* SPDX-License-Identifier: Apache-2.0
 * openapi.h: the contract (api/openapi.yaml), built into the program. Threads: any. */
#ifndef HOLDFAST_API_OPENAPI_H
#define HOLDFAST_API_OPENAPI_H

#include <stddef.h>

extern const char openapi_text[];
extern const size_t openapi_bytes;

#endif
