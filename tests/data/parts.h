/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The claims that data-test.c runs beside its own, by the file that makes them.
 */
#ifndef TESTS_PARTS_H
#define TESTS_PARTS_H

#include "claims.h"

extern const struct claim backend_claims[];
extern const size_t backend_claim_num;
extern const struct claim counter_claims[];
extern const size_t counter_claim_num;
extern const struct claim example_claims[];
extern const size_t example_claim_num;
extern const struct claim fair_claims[];
extern const size_t fair_claim_num;
extern const struct claim in_order_claims[];
extern const size_t in_order_claim_num;
extern const struct claim iommu_claims[];
extern const size_t iommu_claim_num;
extern const struct claim large_claims[];
extern const size_t large_claim_num;
extern const struct claim live_claims[];
extern const size_t live_claim_num;
extern const struct claim log_claims[];
extern const size_t log_claim_num;
extern const struct claim moderation_claims[];
extern const size_t moderation_claim_num;
extern const struct claim netns_claims[];
extern const size_t netns_claim_num;
extern const struct claim poll_claims[];
extern const size_t poll_claim_num;
extern const struct claim receive_claims[];
extern const size_t receive_claim_num;
extern const struct claim state_claims[];
extern const size_t state_claim_num;
extern const struct claim trace_claims[];
extern const size_t trace_claim_num;

#endif
