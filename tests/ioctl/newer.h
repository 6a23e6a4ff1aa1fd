/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The claims of newer.c, for ioctl-test.c.
 */
#ifndef TESTS_NEWER_H
#define TESTS_NEWER_H

#include "claims.h"

extern const struct claim newer_claims[];
extern const size_t newer_claim_num;

#endif
