/* SPDX-License-Identifier: Apache-2.0
 * status_config.h: the section `status:` of holdfast.yaml (docs/status-page.md). What is absent
 * leaves a zero, for which status_components.c has the default. Owns: belongs to the configuration
 * that it is part of. Threads: read once. */
#ifndef HOLDFAST_COMMS_STATUS_CONFIG_H
#define HOLDFAST_COMMS_STATUS_CONFIG_H

struct status_component_config {
    char *id, *name, *name_zh;
    char *watches;  /* payments, refunds or nothing [payments] */
    char **methods; /* absent: all that are configured */
    unsigned methods_count;
    char **gateways; /* absent: all */
    unsigned gateways_count;
};

struct status_config {
    char *url;            /* where readers find the page: "https://shop.example/status" */
    char *name, *name_zh; /* whose it is */
    struct status_component_config *components;
    unsigned components_count;
};

#endif
