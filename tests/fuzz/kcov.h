/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of the module a program reaches: KCOV of who makes the calls, and of the workers that were
 * made for it, where the kernel has that.
 *
 * Callers: fuzz-test.c.
 */
#ifndef FUZZ_KCOV_H
#define FUZZ_KCOV_H

#include <stdbool.h>

bool kcov_open(void);
void kcov_begin(void);
void kcov_in_child(void);
unsigned int kcov_end(void);
unsigned int kcov_places(void);
bool kcov_save(const char *path, const char *module);

#endif
