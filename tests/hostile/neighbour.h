/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Another VMM on the same host, which minds its own business: a process with a device of each
 * kind. Callers: hostile-test.c, sight.c.
 */
#ifndef TESTS_NEIGHBOUR_H
#define TESTS_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

void neighbour_start(void);
void neighbour_end(void);
bool neighbour_works(bool custom);
uint64_t neighbour_cost(bool custom);

#endif
