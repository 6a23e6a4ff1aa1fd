// SPDX-License-Identifier: GPL-2.0
/*
 * Taking well-formed chains. Names are claims.
 */
#include "rig.h"

/* @out and @in descriptors, one byte longer each. */
static void row(struct driver_buf *buf, unsigned int out, unsigned int in)
{
	unsigned int i;

	for (i = 0; i < out + in; i++)
		buf[i] = (struct driver_buf){
			.addr = GPA_A + i * 16, .len = i + 1,
			.flags = i >= out ? VRING_DESC_F_WRITE : 0,
		};
}

/* Chain 0 is such a row. */
static void direct_chain(struct rig *rig, unsigned int out, unsigned int in)
{
	struct driver_buf buf[VHC_CHAIN_MAX];

	row(buf, out, in);
	driver_describe(&rig->drv, 0, buf, out + in);
}

/* Chain 0 is a table of one, at @at. */
static void indirect_chain(struct rig *rig, unsigned int at, unsigned int out, unsigned int in)
{
	struct driver_buf buf[VHC_CHAIN_MAX];

	row(buf, out, in);
	driver_table(&rig->drv, rig_table(rig, at), buf, out + in);
	rig_table_sync(rig);
	rig_one_desc(rig, 0, GPA_TABLE + at, (out + in) * 16, VRING_DESC_F_INDIRECT);
}

static void expect_row(struct rig *rig, unsigned int out, unsigned int in, unsigned int descs)
{
	u64 n = out + in, len = n * (n + 1) / 2, out_len = (u64)out * (out + 1) / 2;
	unsigned int i;

	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), 0);
	assert_int_equal(rig_descs(rig), rig->drv.packed ? descs : 1);
	assert_int_equal(rig->chain.out_num, out);
	assert_int_equal(rig->chain.in_num, in);
	assert_int_equal(rig->chain.out_len, out_len);
	assert_int_equal(rig->chain.in_len, len - out_len);
	for (i = 0; i < n; i++)
		rig_expect_seg(rig, i, HVA_A + i * 16, i + 1);
}

static void expect_direct_chain(struct rig *rig, unsigned int out, unsigned int in)
{
	expect_row(rig, out, in, out + in);
}

static void expect_indirect_chain(struct rig *rig, unsigned int out, unsigned int in)
{
	expect_row(rig, out, in, 1);
}

static void an_empty_ring_gives_nothing(void **state)
{
	struct rig *rig = rig_new(16, 0, 5);

	(void)state;
	assert_int_equal(rig_take(rig), 0);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void direct_chains_of_any_number_of_segments(void **state)
{
	static const unsigned int features[] = { 0, BIG_ENDIAN_RING, EVENT_IDX };
	struct rig *rig;
	unsigned int f, n;

	(void)state;
	for (f = 0; f < ARRAY_SIZE(features); f++) {
		rig = rig_new(1024, features[f], 65535);
		for (n = 1; n <= 1024; n += n < 40 ? 1 : 123) {
			direct_chain(rig, n / 3, n - n / 3);
			rig_offer_one(rig, 0);
			expect_direct_chain(rig, n / 3, n - n / 3);
			assert_int_equal(rig_take(rig), 0);
			rig_finish(rig);
		}
		rig_free(rig);
	}
}

static void a_chain_may_use_every_descriptor_of_the_ring(void **state)
{
	static const unsigned int nums[] = { 1, 2, 3, 5, 100, 255, 256, 1024 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		struct rig *rig;
		unsigned int at;

		if (!rig_num_ok(nums[i]))
			continue;
		rig = rig_new(nums[i], 0, 0);
		direct_chain(rig, nums[i], 0);
		/* anywhere */
		for (at = 0; at < 2 * nums[i]; at += 1 + nums[i] / 16) {
			vhc_ring_start(&rig->ring, rig_position(rig, at), rig_position(rig, at));
			driver_start(&rig->drv, rig_position(rig, at), rig_position(rig, at));
			rig_offer_one(rig, 0);
			expect_direct_chain(rig, nums[i], 0);
			assert_int_equal(rig_take(rig), 0);
			rig_finish(rig);
			assert_int_equal(rig_take(rig), 0);
		}
		rig_free(rig);
	}
}

/* No driver may offer one twice; but each is judged alone, whatever came before. */
static void a_chain_that_is_offered_twice_is_two_good_ones(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	unsigned int i;

	(void)state;
	direct_chain(rig, 2, 1);
	for (i = 0; i < 4; i++)
		driver_offer(&rig->drv, 0);
	driver_expose(&rig->drv);
	for (i = 0; i < 4; i++)
		expect_direct_chain(rig, 2, 1);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void indirect_tables_of_any_number_of_segments(void **state)
{
	struct rig *rig;
	unsigned int f, n;

	(void)state;
	for (f = 0; f < 2; f++) {
		rig = rig_new(4, f ? BIG_ENDIAN_RING : 0, 0);
		for (n = 1; n <= 1024; n += n < 20 ? 1 : 251) {
			indirect_chain(rig, 0, n / 2, n - n / 2);
			rig_offer_one(rig, 0);
			expect_indirect_chain(rig, n / 2, n - n / 2);
			rig_finish(rig);
		}
		rig_free(rig);
	}
}

static void a_table_may_be_in_any_order_and_longer_than_its_chain(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);
	struct vring_desc *table = rig_table(rig, 0);

	(void)state;
	driver_desc(&rig->drv, &table[0], GPA_A, 1, VRING_DESC_F_NEXT, 7);
	driver_desc(&rig->drv, &table[7], GPA_A + 7, 7, VRING_DESC_F_NEXT, 3);
	driver_desc(&rig->drv, &table[3], GPA_A + 3, 3, 0, 0);
	rig_table_sync(rig);
	driver_desc(&rig->drv, &rig->drv.desc[1], GPA_TABLE, 8 * 16, VRING_DESC_F_INDIRECT, 0);
	rig_offer_one(rig, 1);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 3);
	rig_expect_seg(rig, 0, HVA_A, 1);
	rig_expect_seg(rig, 1, HVA_A + 7, 7);
	rig_expect_seg(rig, 2, HVA_A + 3, 3);
	rig_free(rig);
}

static void a_table_may_follow_direct_descriptors(void **state)
{
	static const struct driver_buf buf[] = {
		{ GPA_B, 10, 0 },
		{ GPA_TABLE, 32, VRING_DESC_F_INDIRECT },
	};
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	indirect_chain(rig, 0, 1, 1);
	driver_describe(&rig->drv, 2, buf, 2);
	rig_offer_one(rig, 2);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 2);
	assert_int_equal(rig->chain.in_num, 1);
	assert_int_equal(rig->chain.out_len, 11);
	assert_int_equal(rig->chain.in_len, 2);
	rig_expect_seg(rig, 0, HVA_B, 10);
	rig_expect_seg(rig, 1, HVA_A, 1);
	rig_expect_seg(rig, 2, HVA_A + 16, 2);
	rig_free(rig);
}

/* 2.7.5.3.2, 2.8.7: the device ignores the write flag of a descriptor that refers to a table */
static void the_write_flag_of_a_table_is_ignored(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	indirect_chain(rig, 0, 2, 1);
	rig_one_desc(rig, 0, GPA_TABLE, 48, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE);
	rig_offer_one(rig, 0);
	expect_indirect_chain(rig, 2, 1);
	rig_free(rig);
}

/* Move a table of three over the border between two windows, 16 bytes being a descriptor. */
static void a_table_may_span_two_windows(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);
	unsigned int at;

	(void)state;
	for (at = TABLE_SPLIT - 48; at <= TABLE_SPLIT; at += 2) {
		struct driver_buf buf[3];
		struct vring_desc table[3];

		row(buf, 2, 1);
		driver_table(&rig->drv, table, buf, 3);
		memcpy(rig->table + at, table, sizeof(table));
		rig_table_sync(rig);
		rig_one_desc(rig, 0, GPA_TABLE + at, sizeof(table), VRING_DESC_F_INDIRECT);
		rig_offer_one(rig, 0);
		expect_indirect_chain(rig, 2, 1);
		rig_finish(rig);
	}
	rig_free(rig);
}

static void one_buffer(struct rig *rig, u64 addr, u32 len, u16 flags)
{
	rig_one_desc(rig, 0, addr, len, flags);
	rig_offer_one(rig, 0);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_len + rig->chain.in_len, len);
	rig_finish(rig);
}

static void a_buffer_over_adjacent_windows_is_one_segment_each(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	one_buffer(rig, GPA_B - 10, 10, 0);
	assert_int_equal(rig->chain.out_num, 1);
	rig_expect_seg(rig, 0, HVA_A + PART - 10, 10);

	one_buffer(rig, GPA_B - 10, 11, VRING_DESC_F_WRITE);
	assert_int_equal(rig->chain.in_num, 2);
	rig_expect_seg(rig, 0, HVA_A + PART - 10, 10);
	rig_expect_seg(rig, 1, HVA_B, 1);

	one_buffer(rig, GPA_A, 3 * PART, 0);
	assert_int_equal(rig->chain.out_num, 3);
	rig_expect_seg(rig, 0, HVA_A, PART);
	rig_expect_seg(rig, 1, HVA_B, PART);
	rig_expect_seg(rig, 2, HVA_C, PART);
	rig_free(rig);
}

static void a_buffer_may_end_at_the_last_address(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	one_buffer(rig, GPA_TOP, 0x1000, 0);
	rig_expect_seg(rig, 0, HVA_TOP, 0x1000);
	one_buffer(rig, -1ULL, 1, 0);
	rig_expect_seg(rig, 0, HVA_TOP + 0xfff, 1);
	rig_free(rig);
}

static void windows_are_used_as_they_permit(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	one_buffer(rig, GPA_RO, PART, 0);
	rig_expect_seg(rig, 0, HVA_RO, PART);
	one_buffer(rig, GPA_WO, PART, VRING_DESC_F_WRITE);
	rig_expect_seg(rig, 0, HVA_WO, PART);
	rig_free(rig);
}

static void empty_descriptors_give_no_segment(void **state)
{
	static const struct driver_buf buf[] = { { 0, 0, 0 }, { GPA_A, 5, 0 } };
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	one_buffer(rig, GPA_HOLE, 0, 0);
	assert_int_equal(rig->chain.out_num + rig->chain.in_num, 0);

	driver_describe(&rig->drv, 0, buf, 2);
	rig_offer_one(rig, 0);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 1);
	rig_expect_seg(rig, 0, HVA_A, 5);
	rig_free(rig);
}

/* A legal driver moves at most the ring's size ahead. */
static void take_all(unsigned int num, unsigned int count, u16 start)
{
	struct rig *rig = rig_new(num, 0, start);
	unsigned int i;

	for (i = 0; i < num; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, count);
	for (i = 0; i < count; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void batches_of_any_number_of_chains(void **state)
{
	static const unsigned int counts[] = { 1, 63, 64, 65, 127, 128, 129, 256 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		take_all(256, counts[i], 0);
		take_all(256, counts[i], 200);		/* wraps at the ring's end */
		take_all(256, counts[i], 65535);	/* and at the index's */
	}
}

static void rings_of_any_size(void **state)
{
	static const unsigned int nums[] = { 1, 2, 3, 4, 5, 100, 255, 256, 1024, 32767, 32768 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		if (!rig_num_ok(nums[i]))
			continue;
		take_all(nums[i], nums[i], 0);
		take_all(nums[i], nums[i], 65535);
		take_all(nums[i], nums[i], 65536 - nums[i]);
	}
}

/* Far around, as a driver does it: a few chains at a time. */
static void the_index_may_wrap_many_times(void **state)
{
	struct rig *rig = rig_new(64, 0, 65530);
	unsigned int i, n;

	(void)state;
	for (i = 0; i < 64; i++)
		rig_simple(rig, i);
	for (i = 0; i < 200000; i += n) {
		unsigned int k;

		n = 1 + i % 64;
		rig_offer_range(rig, i, n);
		for (k = 0; k < n; k++)
			rig_expect_simple(rig, (i + k) % 64);
		rig_finish(rig);
	}
	rig_free(rig);
}

/* Chains of @len descriptors each; id i * len. */
static void long_chains(unsigned int len, unsigned int count)
{
	struct rig *rig = rig_new(4096, 0, 0);
	unsigned int i, k;

	for (i = 0; i < count; i++) {
		struct driver_buf buf[VHC_CHAIN_MAX];

		for (k = 0; k < len; k++)
			buf[k] = (struct driver_buf){
				.addr = GPA_A + i * len + k, .len = 1 + i * len + k,
			};
		driver_describe(&rig->drv, i * len, buf, len);
		rig_offer_one(rig, i * len);
	}
	for (i = 0; i < count; i++) {
		assert_int_equal(rig_take(rig), 1);
		assert_int_equal(rig_id(rig), i * len);
		assert_int_equal(rig->chain.out_num, len);
		for (k = 0; k < len; k++)
			rig_expect_seg(rig, k, HVA_A + i * len + k, 1 + i * len + k);
	}
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void chains_that_do_not_fit_behind_others_come_later(void **state)
{
	(void)state;
	long_chains(16, 64);	/* a batch that fills the snapshot */
	long_chains(17, 64);
	long_chains(500, 8);
	long_chains(512, 8);
	long_chains(1023, 4);
	long_chains(1024, 4);
}

static void translations_are_kept_during_a_run_and_no_longer(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 8; i++)
		one_buffer(rig, i % 2 ? GPA_B : GPA_RO, 1, 0);
	one_buffer(rig, GPA_B + PART - 1, 1, 0);
	assert_int_equal(rig->map.calls, 2);

	vhc_ring_forget_memory(&rig->ring);
	rig->window[1].offset += 0x1000;
	one_buffer(rig, GPA_B, 1, 0);
	rig_expect_seg(rig, 0, HVA_B + 0x1000, 1);
	assert_int_equal(rig->map.calls, 3);
	rig_free(rig);
}

static void a_failed_translation_is_not_kept(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	rig_one_desc(rig, 0, GPA_HOLE, 1, 0);
	rig_offer_one(rig, 0);
	assert_int_equal(rig_take(rig), -EBADMSG);
	rig->window[4].start = GPA_HOLE;
	rig->window[4].readable = true;
	one_buffer(rig, GPA_HOLE, 1, 0);
	rig_free(rig);
}

static void more_windows_than_are_kept(void **state)
{
	static const struct { u64 gpa, hva; } part[] = {
		{ GPA_A, HVA_A }, { GPA_B, HVA_B }, { GPA_C, HVA_C },
		{ GPA_RO, HVA_RO }, { GPA_TOP, HVA_TOP },
	};
	struct rig *rig = rig_new(16, 0, 0);
	u64 seed = 1;
	unsigned int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		unsigned int k = rnd(&seed) % ARRAY_SIZE(part);
		u64 at = rnd(&seed) % 0x1000;

		one_buffer(rig, part[k].gpa + at, 1, 0);
		rig_expect_seg(rig, 0, part[k].hva + at, 1);
	}
	rig_free(rig);
}

static void segments_may_fill_the_callers_array(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	struct vhc_chain chain;
	struct iovec iov[3];

	(void)state;
	direct_chain(rig, 2, 1);
	rig_offer_one(rig, 0);
	assert_int_equal(vhc_ring_take(&rig->ring, &chain, iov, 3), 1);
	assert_int_equal(chain.out_num + chain.in_num, 3);
	rig_free(rig);
}

/* Chain 1, behind one that was taken, so that it is known already. */
static bool second_is_a_pair(struct rig *rig, unsigned int out, unsigned int in, bool table)
{
	struct driver_buf buf[VHC_CHAIN_MAX];
	bool pair;

	direct_chain(rig, 1, 0);
	rig_offer_one(rig, 0);
	row(buf, out, in);
	if (table) {
		driver_table(&rig->drv, rig_table(rig, 0), buf, out + in);
		rig_table_sync(rig);
		rig_one_desc(rig, 1, GPA_TABLE, (out + in) * 16, VRING_DESC_F_INDIRECT);
	} else {
		driver_describe(&rig->drv, 1, buf, out + in);
	}
	rig_offer_one(rig, 1);
	assert_int_equal(rig_take(rig), 1);
	assert_false(rig->pair);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, out);
	assert_int_equal(rig->chain.in_num, in);
	pair = rig->pair;
	rig_finish(rig);
	return pair;
}

static void two_buffers_to_be_read_are_a_pair(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	int table;

	(void)state;
	/* Their memory, and the table's, is looked up once. */
	indirect_chain(rig, 0, 1, 1);
	rig_offer_one(rig, 0);
	expect_indirect_chain(rig, 1, 1);
	rig_finish(rig);
	for (table = 0; table < 2; table++) {
		assert_true(second_is_a_pair(rig, 2, 0, table));
		assert_false(second_is_a_pair(rig, 1, 0, table));
		assert_false(second_is_a_pair(rig, 1, 1, table));
		assert_false(second_is_a_pair(rig, 0, 2, table));
		assert_false(second_is_a_pair(rig, 3, 0, table));
	}
	rig_free(rig);
}

static const struct test tests[] = {
	TEST(an_empty_ring_gives_nothing),
	TEST(direct_chains_of_any_number_of_segments),
	TEST(a_chain_may_use_every_descriptor_of_the_ring),
	TEST(a_chain_that_is_offered_twice_is_two_good_ones),
	TEST(indirect_tables_of_any_number_of_segments),
	SPLIT_TEST(a_table_may_be_in_any_order_and_longer_than_its_chain),
	TEST(a_table_may_follow_direct_descriptors),
	TEST(the_write_flag_of_a_table_is_ignored),
	TEST(a_table_may_span_two_windows),
	TEST(a_buffer_over_adjacent_windows_is_one_segment_each),
	TEST(a_buffer_may_end_at_the_last_address),
	TEST(windows_are_used_as_they_permit),
	TEST(empty_descriptors_give_no_segment),
	TEST(batches_of_any_number_of_chains),
	TEST(rings_of_any_size),
	TEST(the_index_may_wrap_many_times),
	TEST(chains_that_do_not_fit_behind_others_come_later),
	TEST(translations_are_kept_during_a_run_and_no_longer),
	TEST(a_failed_translation_is_not_kept),
	TEST(more_windows_than_are_kept),
	TEST(segments_may_fill_the_callers_array),
	TEST(two_buffers_to_be_read_are_a_pair),
};

const struct suite take_suite = { tests, ARRAY_SIZE(tests) };
