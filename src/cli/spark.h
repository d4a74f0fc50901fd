/* SPDX-License-Identifier: Apache-2.0
 * spark.h: a line of blocks that shows how a value went. Threads: any. Cannot fail. */
#ifndef HOLDFAST_CLI_SPARK_H
#define HOLDFAST_CLI_SPARK_H

#include "base/compiler.h"

enum { SPARK_POINTS_MAX = 60, SPARK_BYTES_MAX = 3 * SPARK_POINTS_MAX + 1 };

/* One block of eight heights a value, between the least and the greatest of them; a blank for NAN;
 * all alike: the middle one. At most SPARK_POINTS_MAX, the last ones. Returns `text`, UTF-8. */
const char *spark(const double *values, int count, char text[SPARK_BYTES_MAX]);

#endif
