/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The claims that ioctl-test.c runs beside its own, by the file that makes them.
 */
#ifndef IOCTL_PARTS_H
#define IOCTL_PARTS_H

#include "claims.h"

extern const struct claim newer_claims[];
extern const size_t newer_claim_num;
extern const struct claim packed_claims[];
extern const size_t packed_claim_num;

#endif
