/* SPDX-License-Identifier: Apache-2.0
 * main.c: the program's only entry; everything it can do is a row of the command table in cli/. */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv);
}
