/* SPDX-License-Identifier: Apache-2.0
 * spark.c: see spark.h. */
#include "cli/spark.h"

#include <math.h>
#include <string.h>

const char *spark(const double *values, int count, char text[SPARK_BYTES_MAX]) {
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    int first = count > SPARK_POINTS_MAX ? count - SPARK_POINTS_MAX : 0;
    double least = INFINITY, most = -INFINITY;
    size_t used = 0;
    for (int i = first; i < count; i++) {
        least = fmin(least, values[i]); /* fmin() passes NAN over */
        most = fmax(most, values[i]);
    }
    for (int i = first; i < count; i++) {
        double part = most > least ? (values[i] - least) / (most - least) : 0.5;
        int height = (int)fmin(part * COUNT_OF(blocks), COUNT_OF(blocks) - 1);
        const char *block = isnan(values[i]) ? " " : blocks[height];
        memcpy(text + used, block, strlen(block));
        used += strlen(block);
    }
    text[used] = '\0';
    return text;
}
