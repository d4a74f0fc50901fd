/* SPDX-License-Identifier: Apache-2.0
 * banned.h: functions that nobody may call here; included before everything else by the build.
 * Each turns into a name that does not exist, so that the compiler says why. */
#ifndef HOLDFAST_BASE_BANNED_H
#define HOLDFAST_BASE_BANNED_H

/* The system's own headers must come first: they declare what is banned below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) sorry_##function##_is_banned
#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef strncpy
#define strncpy(to, from, n) BANNED(strncpy)
#undef strncat
#define strncat(to, from, n) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef gets
#define gets(buffer) BANNED(gets)
#undef strtok
#define strtok(text, delimiters) BANNED(strtok)
#undef gmtime
#define gmtime(seconds) BANNED(gmtime)
#undef localtime
#define localtime(seconds) BANNED(localtime)
#undef ctime
#define ctime(seconds) BANNED(ctime)
#undef asctime
#define asctime(tm) BANNED(asctime)
#undef atoi
#define atoi(text) BANNED(atoi)
#undef atol
#define atol(text) BANNED(atol)
#undef atof
#define atof(text) BANNED(atof)
#undef alloca
#define alloca(bytes) BANNED(alloca)

#endif
