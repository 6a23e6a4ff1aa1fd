/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the ring tests share: a ring in guest memory with a driver on one side and the
 * engine on the other. rig.c owns it; each *_test.c uses it.
 */
#ifndef UNIT_RIG_H
#define UNIT_RIG_H

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "driver.h"
#include "guest.h"
#include "ring.h"

/*
 * The guest's memory. A, B and C are neighbours in the guest and not in the host; then
 * comes a hole. The two parts of TABLE are neighbours too, and TOP ends at the last
 * address. Only TABLE is real memory, for the engine does not touch buffers.
 */
enum {
	PART	= 0x10000,
	GPA_A	= 0x10000,
	GPA_B	= 0x20000,
	GPA_C	= 0x30000,
	GPA_HOLE = 0x40000,
	GPA_RO	= 0x50000,
	GPA_WO	= 0x60000,
	GPA_TABLE = 0x100000,
	TABLE_SPLIT = 0x8008,	/* in the middle of an entry */
	TABLE_SIZE = 0x18000,
};

#define GPA_TOP	(-0x1000ULL)

#define HVA_A	0x7a0000000000UL
#define HVA_B	0x7b0000000000UL
#define HVA_C	0x7c0000000000UL
#define HVA_RO	0x7d0000000000UL
#define HVA_WO	0x7e0000000000UL
#define HVA_TOP	0x7f0000000000UL

enum {
	BIG_ENDIAN_RING = 1,
	EVENT_IDX = 2,
	NOTIFY_ON_EMPTY = 4,
	IN_ORDER = 8,
	PACKED = 16,
};

/* What rig_new() adds to the features: the layout that main.c runs a test with. */
extern unsigned int rig_layout;

/* Chains that were taken and not filled; more than the ring has, if the driver lies. */
enum { RIG_TAKEN = 4096 };

struct rig {
	struct driver drv;
	struct guest_map map;
	struct vhc_window window[8];
	bool pair;		/* the chain that was taken last was seen to be one before */
	char *table;		/* TABLE as the guest sees it, until rig_table_sync() */
	char *table_part[2];	/* as the host does */
	u16 start;		/* position of the first chain */
	struct vhc_chain chain;	/* of the last rig_take() */
	struct vhc_chain taken[RIG_TAKEN];
	unsigned int taken_num;
	unsigned int mark;
	struct iovec iov[VHC_CHAIN_MAX];
	struct vhc_ring ring;
};

struct rig *rig_new(unsigned int num, unsigned int features, u16 start);
void rig_free(struct rig *rig);

bool rig_num_ok(unsigned int num);
u16 rig_position(const struct rig *rig, unsigned int count);

void *rig_table(struct rig *rig, unsigned int offset);
void rig_table_sync(struct rig *rig);

int rig_take(struct rig *rig);
u16 rig_id(const struct rig *rig);
unsigned int rig_descs(const struct rig *rig);
void rig_mark(struct rig *rig);
void rig_rewind(struct rig *rig);
void rig_put_back(struct rig *rig);
void rig_finish(struct rig *rig);
void rig_offer_range(struct rig *rig, u16 first, unsigned int count);
void rig_offer_one(struct rig *rig, u16 id);
void rig_simple(struct rig *rig, u16 id);
void rig_expect_simple(struct rig *rig, u16 id);
void rig_fill(struct rig *rig, u16 id, u32 len);
void rig_one_desc(struct rig *rig, u16 id, u64 addr, u32 len, u16 flags);
void rig_offer_bytes(struct rig *rig, u16 id, unsigned int count);
void rig_expect_bytes(struct rig *rig, u16 id, unsigned int count);
void rig_expect_long(struct rig *rig, u16 id, unsigned int reason, unsigned int descs);
void rig_expect_used(const struct rig *rig, unsigned int n, u32 id, u32 len);
void rig_expect_seg(const struct rig *rig, unsigned int index, u64 hva, u64 len);

/* A random number; @state is not 0. */
static inline u32 rnd(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

u64 env_u64(const char *name, u64 otherwise);

/* Each *_test.c has one; main.c runs them all, for each layout that they are for. */
enum { SPLIT_LAYOUT = 1, PACKED_LAYOUT = 2, BOTH_LAYOUTS = 3 };

struct test {
	struct CMUnitTest test;
	unsigned int layouts;
};

#define TEST(name)		{ cmocka_unit_test(name), BOTH_LAYOUTS }
#define SPLIT_TEST(name)	{ cmocka_unit_test(name), SPLIT_LAYOUT }
#define PACKED_TEST(name)	{ cmocka_unit_test(name), PACKED_LAYOUT }

struct suite {
	const struct test *test;
	size_t num;
};

extern const struct suite take_suite, rewind_suite, bad_suite, broken_suite, used_suite;
extern const struct suite iommu_suite, model_suite, threads_suite, hostile_suite;
extern const struct suite packed_suite, lies_suite, event_suite, in_order_suite;

#endif
