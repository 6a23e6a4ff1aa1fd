// SPDX-License-Identifier: GPL-2.0
/*
 * Each reason to refuse a chain, produced by one fault while all else is right. What comes
 * behind must still work. Names are claims.
 */
#include <linux/overflow.h>

#include "rig.h"

enum {
	NUM = 4096,
	HEAD = 7,		/* the bad chain; 0 and 1 are good ones */
	NEXT = VRING_DESC_F_NEXT,
	WRITE = VRING_DESC_F_WRITE,
	INDIRECT = VRING_DESC_F_INDIRECT,
};

/* A split ring's descriptor, and a table's entry. */
static void desc(struct rig *rig, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	driver_desc(&rig->drv, &rig->drv.desc[index], addr, len, flags, next);
}

static void entry(struct rig *rig, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	driver_desc(&rig->drv, rig_table(rig, index * 16), addr, len, flags, next);
}

static void table(struct rig *rig, u64 addr, u32 len)
{
	rig_one_desc(rig, HEAD, addr, len, INDIRECT);
}

static void direct(struct rig *rig, const struct driver_buf *buf, unsigned int num)
{
	driver_describe(&rig->drv, HEAD, buf, num);
}

static void indirect(struct rig *rig, const struct driver_buf *buf, unsigned int num)
{
	driver_table(&rig->drv, rig_table(rig, 0), buf, num);
	table(rig, GPA_TABLE, num * 16);
}

/* @count buffers of one byte. */
static struct driver_buf *bytes(unsigned int count)
{
	static struct driver_buf buf[VHC_CHAIN_MAX + 1];
	unsigned int i;

	for (i = 0; i < count; i++)
		buf[i] = (struct driver_buf){ GPA_A, 1, 0 };
	return buf;
}

/* Take a chain that must be bad. */
static void expect_bad(struct rig *rig, unsigned int reason)
{
	assert_int_equal(rig_take(rig), -EBADMSG);
	assert_int_equal(rig->chain.bad, reason);
	if (reason != VHOST_CUSTOM_BAD_HEAD)
		assert_int_equal(rig_id(rig), HEAD);
	assert_true(rig->chain.in_len == U64_MAX);
}

/*
 * Between two good chains, in one fetch and in three, offer head @head with what the
 * caller wrote.
 */
static void one_bad(struct rig *rig, u16 head, unsigned int reason)
{
	rig_table_sync(rig);
	rig_simple(rig, 0);
	rig_simple(rig, 1);

	driver_offer(&rig->drv, 0);
	driver_offer(&rig->drv, head);
	rig_offer_one(rig, 1);
	rig_expect_simple(rig, 0);
	expect_bad(rig, reason);
	rig_expect_simple(rig, 1);
	assert_int_equal(rig_take(rig), 0);

	vhc_ring_forget_memory(&rig->ring);
	rig_offer_one(rig, head);
	expect_bad(rig, reason);
	rig_offer_one(rig, 1);
	rig_expect_simple(rig, 1);
	rig_free(rig);
}

static struct rig *start(void)
{
	return rig_new(NUM, 0, 65535);
}

static void head_beyond_the_table(void **state)
{
	(void)state;
	one_bad(start(), NUM, VHOST_CUSTOM_BAD_HEAD);
	one_bad(start(), 65535, VHOST_CUSTOM_BAD_HEAD);
	one_bad(rig_new(32768, 0, 0), 32768, VHOST_CUSTOM_BAD_HEAD);
	one_bad(rig_new(4, BIG_ENDIAN_RING, 0), 4, VHOST_CUSTOM_BAD_HEAD);
}

static void last_head_of_the_table_is_good(void **state)
{
	struct rig *rig = start();

	(void)state;
	rig_simple(rig, NUM - 1);
	rig_offer_one(rig, NUM - 1);
	rig_expect_simple(rig, NUM - 1);
	rig_free(rig);
}

static void next_case(u16 next)
{
	struct rig *rig = start();

	desc(rig, HEAD, GPA_A, 1, NEXT, next);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_NEXT);
}

static void next_beyond_the_table(void **state)
{
	(void)state;
	next_case(NUM);
	next_case(65535);
}

static void next_beyond_an_indirect_table(void **state)
{
	struct rig *rig = start();

	(void)state;
	entry(rig, 0, GPA_A, 1, NEXT, 1);
	entry(rig, 1, GPA_A, 1, NEXT, 2);
	entry(rig, 2, GPA_A, 1, 0, 0);
	table(rig, GPA_TABLE, 32);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_NEXT);

	rig = start();
	entry(rig, 0, GPA_A, 1, NEXT, 65535);
	table(rig, GPA_TABLE, 32);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_NEXT);

	rig = start();
	entry(rig, 0, GPA_A, 1, NEXT, 2000);
	table(rig, GPA_TABLE, 2000 * 16);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_NEXT);
}

static void loop_of(unsigned int num, unsigned int count, unsigned int reason)
{
	struct rig *rig = rig_new(num, 0, 0);
	unsigned int i;

	for (i = 0; i < count; i++)
		desc(rig, 2 + i, GPA_A, 1, NEXT, 2 + (i + 1) % count);
	desc(rig, HEAD, GPA_A, 1, NEXT, 2);
	one_bad(rig, HEAD, reason);
}

static void loop_of_direct_descriptors(void **state)
{
	(void)state;
	loop_of(256, 1, VHOST_CUSTOM_BAD_LOOP);
	loop_of(256, 2, VHOST_CUSTOM_BAD_LOOP);
	loop_of(8, 5, VHOST_CUSTOM_BAD_LOOP);
	loop_of(1024, 3, VHOST_CUSTOM_BAD_LOOP);
}

/* It has more segments than a chain may have before it has more than the table. */
static void loop_in_a_large_ring_is_too_long(void **state)
{
	(void)state;
	loop_of(2048, 2, VHOST_CUSTOM_BAD_LENGTH);
	loop_of(32768, 1, VHOST_CUSTOM_BAD_LENGTH);
}

static void loop_in_an_indirect_table(void **state)
{
	struct rig *rig = start();

	(void)state;
	entry(rig, 0, GPA_A, 1, NEXT, 0);
	table(rig, GPA_TABLE, 16);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LOOP);

	rig = start();
	entry(rig, 0, GPA_A, 1, NEXT, 1);
	entry(rig, 1, GPA_A, 1, NEXT, 0);
	table(rig, GPA_TABLE, 1024 * 16);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LOOP);

	/* of empty buffers, which no limit of segments ends */
	rig = start();
	entry(rig, 0, GPA_A, 0, NEXT, 1);
	entry(rig, 1, GPA_A, 0, NEXT, 0);
	table(rig, GPA_TABLE, 65536 * 16);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LOOP);
}

static void more_segments_than_a_chain_may_have(void **state)
{
	static const struct driver_buf behind[] = {
		{ GPA_A, 1, 0 }, { GPA_TABLE, VHC_CHAIN_MAX * 16, INDIRECT },
	};
	struct rig *rig = start();
	struct driver_buf *buf;

	(void)state;
	direct(rig, bytes(VHC_CHAIN_MAX + 1), VHC_CHAIN_MAX + 1);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LENGTH);

	rig = start();
	indirect(rig, bytes(VHC_CHAIN_MAX + 1), VHC_CHAIN_MAX + 1);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LENGTH);

	/* 1022 whole ones, and one of three windows */
	rig = start();
	buf = bytes(VHC_CHAIN_MAX - 1);
	buf[500] = (struct driver_buf){ GPA_B - 1, PART + 2, 0 };
	indirect(rig, buf, VHC_CHAIN_MAX - 1);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LENGTH);

	/* direct ones, and then a table */
	rig = start();
	indirect(rig, bytes(VHC_CHAIN_MAX), VHC_CHAIN_MAX);
	direct(rig, behind, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_LENGTH);
}

static void more_segments_than_the_caller_has_room_for(void **state)
{
	struct rig *rig = start();
	struct vhc_chain chain;
	struct iovec iov[3] = { [2] = { .iov_len = 12345 } };

	(void)state;
	rig_simple(rig, 0);
	rig_one_desc(rig, HEAD, GPA_A, 3 * PART, 0);
	driver_offer(&rig->drv, HEAD);
	rig_offer_one(rig, 0);
	assert_int_equal(vhc_ring_take(&rig->ring, &chain, iov, 2), -EBADMSG);
	assert_int_equal(chain.bad, VHOST_CUSTOM_BAD_LENGTH);
	assert_int_equal(iov[2].iov_len, 12345);
	rig_expect_simple(rig, 0);
	rig_free(rig);
}

static void table_len_case(u32 len)
{
	struct rig *rig = start();

	indirect(rig, bytes(8), 8);
	table(rig, GPA_TABLE, len);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_INDIRECT);
}

static void indirect_table_of_an_impossible_size(void **state)
{
	(void)state;
	table_len_case(0);
	table_len_case(1);
	table_len_case(15);
	table_len_case(8 * 16 + 1);
	table_len_case(8 * 16 + 8);
	table_len_case(65537 * 16);
	table_len_case(-16);
}

static void largest_indirect_table_is_good(void **state)
{
	struct rig *rig = start();

	(void)state;
	indirect(rig, bytes(2), 2);
	rig_table_sync(rig);
	table(rig, GPA_TABLE, 65536 * 16);
	rig_offer_one(rig, HEAD);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 2);
	rig_free(rig);
}

static void indirect_descriptor_in_a_table(void **state)
{
	static const struct driver_buf buf[] = { { GPA_A, 1, 0 }, { GPA_TABLE, 32, INDIRECT } };
	struct rig *rig = start();

	(void)state;
	indirect(rig, buf, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_INDIRECT);
}

static void indirect_descriptor_with_next(void **state)
{
	static const struct driver_buf buf[] = { { GPA_TABLE, 32, INDIRECT }, { GPA_A, 1, 0 } };
	struct rig *rig = start();

	(void)state;
	indirect(rig, bytes(2), 2);
	direct(rig, buf, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_INDIRECT);
}

static void address_case(u64 addr, u32 len, u16 flags)
{
	const struct driver_buf buf[] = { { GPA_A, 1, 0 }, { addr, len, flags } };
	struct rig *rig = start();

	direct(rig, buf + 1, 1);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ADDRESS);

	rig = start();
	direct(rig, buf, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ADDRESS);

	rig = start();
	indirect(rig, buf, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ADDRESS);
}

static void buffer_outside_of_memory(void **state)
{
	(void)state;
	address_case(GPA_HOLE, 1, 0);
	address_case(GPA_HOLE, 1, WRITE);
	address_case(GPA_HOLE - 1, 2, 0);
	address_case(GPA_A - 1, 2, 0);
	address_case(GPA_A, 3 * PART + 1, 0);
	address_case(0, 1, 0);
	address_case(GPA_A, -1, WRITE);
	address_case(GPA_TOP - 1, 1, 0);
}

static void buffer_beyond_the_last_address(void **state)
{
	(void)state;
	address_case(GPA_TOP, 0x1001, 0);
	address_case(-1ULL, 2, WRITE);
	address_case(-2ULL, -1, 0);
}

static void buffer_that_may_not_be_accessed_that_way(void **state)
{
	(void)state;
	address_case(GPA_RO, 1, WRITE);
	address_case(GPA_WO, 1, 0);
	address_case(GPA_WO - 1, 2, 0);
	address_case(GPA_WO - 1, 2, WRITE);
}

static void table_address_case(u64 addr, u32 len)
{
	struct rig *rig = start();

	indirect(rig, bytes(1), 1);
	table(rig, addr, len);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ADDRESS);
}

static void indirect_table_outside_of_memory(void **state)
{
	(void)state;
	table_address_case(GPA_HOLE, 16);
	table_address_case(GPA_TABLE + TABLE_SIZE - 16, 32);
	table_address_case(GPA_TABLE + TABLE_SIZE - 8, 16);
	table_address_case(GPA_WO, 16);
	table_address_case(-16ULL, 32);
}

static void readable_buffer_behind_a_writable_one(void **state)
{
	static const struct driver_buf buf[] = {
		{ GPA_A, 1, 0 }, { GPA_A, 1, WRITE }, { GPA_A, 1, 0 },
	};
	static const struct driver_buf behind[] = {
		{ GPA_A, 1, WRITE }, { GPA_TABLE, 16, INDIRECT },
	};
	struct rig *rig = start();

	(void)state;
	direct(rig, buf + 1, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ORDER);

	rig = start();
	indirect(rig, buf, 3);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ORDER);

	/* the writable one is before the table */
	rig = start();
	indirect(rig, bytes(1), 1);
	direct(rig, behind, 2);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_ORDER);
}

static void indirect_table_that_faults(void **state)
{
	struct rig *rig = start();

	(void)state;
	indirect(rig, bytes(8), 8);
	guest_fault_at(rig->table_part[0] + 100, 1, false);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_FAULT);

	rig = start();
	table(rig, GPA_TABLE + TABLE_SPLIT - 8, 16);
	guest_fault_at(rig->table_part[1], 8, false);
	one_bad(rig, HEAD, VHOST_CUSTOM_BAD_FAULT);
}

static const struct test tests[] = {
	SPLIT_TEST(head_beyond_the_table),
	TEST(last_head_of_the_table_is_good),
	SPLIT_TEST(next_beyond_the_table),
	SPLIT_TEST(next_beyond_an_indirect_table),
	SPLIT_TEST(loop_of_direct_descriptors),
	SPLIT_TEST(loop_in_a_large_ring_is_too_long),
	SPLIT_TEST(loop_in_an_indirect_table),
	TEST(more_segments_than_a_chain_may_have),
	TEST(more_segments_than_the_caller_has_room_for),
	TEST(indirect_table_of_an_impossible_size),
	SPLIT_TEST(largest_indirect_table_is_good),
	TEST(indirect_descriptor_in_a_table),
	TEST(indirect_descriptor_with_next),
	TEST(buffer_outside_of_memory),
	TEST(buffer_beyond_the_last_address),
	TEST(buffer_that_may_not_be_accessed_that_way),
	TEST(indirect_table_outside_of_memory),
	TEST(readable_buffer_behind_a_writable_one),
	TEST(indirect_table_that_faults),
};

const struct suite bad_suite = { tests, ARRAY_SIZE(tests) };
