/* SPDX-License-Identifier: Apache-2.0
 * mode_config.h: the section `modes:` of holdfast.yaml. What is absent has the default of
 * mode_steps.def; mode_open() checks what the schema cannot.
 * Owns: belongs to the configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_MODE_MODE_CONFIG_H
#define HOLDFAST_MODE_MODE_CONFIG_H

struct mode_hold_config {
    unsigned *enter_s, *exit_s; /* absent: the step's own */
};

struct mode_route_config {
    char *method, *gateway;
};

struct mode_simplified_config {
    char **core; /* purposes that are still taken; absent: orders alone */
    unsigned core_count;
    struct mode_route_config *route; /* absent: the primary gateway of the method */
    unsigned route_count;
};

struct mode_config {
    struct mode_hold_config reroute, reduced, deferred, read_only;
    char **not_enough; /* methods without which a shop cannot live: absent: bank transfers */
    unsigned not_enough_count;
    struct mode_simplified_config simplified;
};

#endif
