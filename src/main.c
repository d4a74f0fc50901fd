/* SPDX-License-Identifier: Apache-2.0
 * main.c: the program's only entry; everything it can do is a row of the command table in cli/. */
int main(void);
int main(void) { return 0; }
