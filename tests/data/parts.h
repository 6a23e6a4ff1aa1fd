/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about drivers that break the rules. Caller: data-test.c.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "claims.h"

extern const struct claim hostile_claims[];
extern const size_t hostile_claim_num;

#endif
