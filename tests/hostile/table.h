/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was seen of all attacks, as a page of documentation. Caller: hostile-test.c.
 */
#ifndef TESTS_TABLE_H
#define TESTS_TABLE_H

#include "hostile.h"

const char *table_name(const struct attack *attack);
int table_print(const struct attacks *const *all, size_t files, bool hammer);

#endif
