// SPDX-License-Identifier: GPL-2.0
/*
 * What only packed rings have: wrap counters, and chains of any number of descriptors in a row.
 * Names are claims.
 */
#include "rig.h"

static const unsigned int sizes[] = { 1, 2, 3, 5, 100, 255, 32768 };

static void publish_all(struct rig *rig, unsigned int chains)
{
	assert_int_equal(rig->taken_num, chains);
	rig_finish(rig);
}

/* The driver gets chain @id back, with @len. */
static void expect_back(struct rig *rig, u16 expected, u32 expected_len)
{
	u32 id, len;

	assert_true(driver_get_used(&rig->drv, &id, &len));
	assert_int_equal(id, expected);
	assert_int_equal(len, expected_len);
}

/* Positions */

static void around(unsigned int num, unsigned int descs)
{
	struct rig *rig = rig_new(num, 0, 0);
	unsigned int at = 0, i;
	u32 id, len;

	/* twice all around, a multiple of the chain's length or not */
	for (i = 0; at <= 4 * num; i++) {
		u16 id_now = i % num;

		assert_int_equal(rig->ring.used_idx, rig_position(rig, at));
		rig_offer_bytes(rig, id_now, descs);
		assert_false(driver_get_used(&rig->drv, &id, &len));
		rig_expect_bytes(rig, id_now, descs);
		assert_int_equal(rig_take(rig), 0);
		publish_all(rig, 1);
		expect_back(rig, id_now, 0);
		assert_false(driver_get_used(&rig->drv, &id, &len));
		at += descs;
	}
	rig_free(rig);
}

static void chains_go_around_rings_of_any_size(void **state)
{
	unsigned int i, descs;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] > 1000) {
			around(sizes[i], 1000);
			around(sizes[i], 1024);
			continue;
		}
		for (descs = 1; descs <= sizes[i]; descs += 1 + descs / 8)
			around(sizes[i], descs);
	}
}

static int base(u32 num, u16 next_avail, u16 used_idx, u16 *corrected)
{
	*corrected = used_idx;
	return vhc_packed_base(num, next_avail, corrected);
}

static void positions_to_start_at(void **state)
{
	static const u16 wraps[] = { 0, VHC_WRAP };
	unsigned int i, w;
	u16 used;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 num = sizes[i];

		for (w = 0; w < 2; w++) {
			const u16 wrap = wraps[w];

			assert_int_equal(base(num, wrap, wrap, &used), 0);
			assert_int_equal(used, wrap);
			assert_int_equal(base(num, wrap | (num - 1), wrap | (num - 1), &used), 0);
			assert_int_equal(used, wrap | (num - 1));
			/* all but one are in flight */
			if (num > 1) {
				assert_int_equal(base(num, wrap | (num - 1), wrap, &used), 0);
				assert_int_equal(used, wrap);
				assert_int_equal(base(num, wrap, (wrap ^ VHC_WRAP) | 1, &used), 0);
				assert_int_equal(used, (wrap ^ VHC_WRAP) | 1);
			}
			/* none of it ever again; the half of it that says so was never written */
			assert_int_equal(base(num, wrap, wrap ^ VHC_WRAP, &used), 0);
			assert_int_equal(used, wrap);
			/* the used one is ahead */
			if (num > 1)
				assert_int_equal(base(num, wrap, wrap | 1, &used), -EINVAL);
			if (num < VHC_WRAP) {
				assert_int_equal(base(num, wrap | num, wrap, &used), -EINVAL);
				assert_int_equal(base(num, wrap, wrap | num, &used), -EINVAL);
				assert_int_equal(base(num, wrap | 0x7fff, wrap | 0x7fff, &used),
						 -EINVAL);
			}
		}
	}
	/* What QEMU and DPDK say at first. */
	assert_int_equal(base(256, VHC_WRAP, 0, &used), 0);
	assert_int_equal(used, VHC_WRAP);
}

static void a_ring_starts_with_chains_in_flight(void **state)
{
	struct rig *rig = rig_new(5, 0, 3);
	unsigned int i;

	(void)state;
	/* The device has three from 3 on; two more fit. */
	for (i = 0; i < 5; i++)
		rig_offer_bytes(rig, i, 1);
	vhc_ring_start(&rig->ring, rig_position(rig, 3), rig_position(rig, 0));
	rig_expect_bytes(rig, 3, 1);
	rig_expect_bytes(rig, 4, 1);
	assert_int_equal(rig_take(rig), 0);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 5));
	rig_free(rig);
}

/* Long chains */

static void a_chain_that_is_too_long_is_followed_to_its_end(void **state)
{
	static const unsigned int lens[] = { VHC_CHAIN_MAX + 1, 2000, 4095 };
	unsigned int i, behind;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (behind = 0; behind < 2; behind++) {
			struct rig *rig = rig_new(4096, 0, 4000);

			if (behind)
				rig_offer_bytes(rig, 7, 1);
			rig_offer_bytes(rig, 3, lens[i]);
			if (behind)
				rig_expect_bytes(rig, 7, 1);
			rig->ring.news = 0;
			rig_expect_long(rig, 3, VHOST_CUSTOM_BAD_LENGTH, lens[i]);
			/* What lies behind the snapshot is as it was. */
			assert_int_equal(rig->ring.news, !behind);
			assert_int_equal(rig_take(rig), 0);
			rig_finish(rig);
			if (behind)
				expect_back(rig, 7, 0);
			expect_back(rig, 3, 0);
			rig_offer_bytes(rig, 9, 2);
			rig_expect_bytes(rig, 9, 2);
			rig_free(rig);
		}
	}
}

static void the_longest_chain_is_good(void **state)
{
	struct rig *rig = rig_new(4096, 0, 4000);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		rig_offer_bytes(rig, i, VHC_CHAIN_MAX);
	for (i = 0; i < 3; i++)
		rig_expect_bytes(rig, i, VHC_CHAIN_MAX);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void a_ring_of_the_largest_size_is_one_chain(void **state)
{
	struct rig *rig = rig_new(32768, 0, 32767);

	(void)state;
	rig_offer_bytes(rig, 77, 32768);
	rig_expect_long(rig, 77, VHOST_CUSTOM_BAD_LENGTH, 32768);
	assert_int_equal(rig_take(rig), 0);
	rig_finish(rig);
	expect_back(rig, 77, 0);
	assert_int_equal(rig->ring.used_idx, rig->drv.used_idx);
	rig_free(rig);
}

/* The table is refused; the chain still ends where it ends. */
static void a_table_with_next_is_followed_to_its_end(void **state)
{
	static const struct driver_buf buf[] = {
		{ GPA_A, 1, 0 }, { GPA_TABLE, 16, VRING_DESC_F_INDIRECT }, { GPA_A, 1, 0 },
	};
	struct rig *rig = rig_new(16, 0, 14);

	(void)state;
	driver_describe(&rig->drv, 5, buf, 3);
	rig_offer_one(rig, 5);
	rig_offer_bytes(rig, 6, 2);
	rig_expect_long(rig, 5, VHOST_CUSTOM_BAD_INDIRECT, 3);
	rig_expect_bytes(rig, 6, 2);
	rig_finish(rig);
	expect_back(rig, 5, 0);
	expect_back(rig, 6, 0);
	rig_free(rig);
}

/* Tables */

static void only_the_write_flag_of_an_entry_counts(void **state)
{
	static const u16 noise[] = {
		VRING_DESC_F_NEXT, PACKED_AVAIL, PACKED_USED, 0x8, 0x100, 0x7f79,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(noise); i++) {
		struct driver_buf buf[] = {
			{ GPA_A, 1, 0 }, { GPA_B, 2, noise[i] },
			{ GPA_C, 3, noise[i] | VRING_DESC_F_WRITE },
		};
		struct rig *rig = rig_new(4, 0, 0);

		driver_table(&rig->drv, rig_table(rig, 0), buf, 3);
		rig_table_sync(rig);
		rig_one_desc(rig, 2, GPA_TABLE, 48, VRING_DESC_F_INDIRECT | (noise[i] & ~1));
		rig->drv.chain[2].buf[0].flags &= ~(PACKED_AVAIL | PACKED_USED);
		rig_offer_one(rig, 2);
		assert_int_equal(rig_take(rig), 1);
		assert_int_equal(rig->chain.out_num, 2);
		assert_int_equal(rig->chain.in_num, 1);
		rig_expect_seg(rig, 1, HVA_B, 2);
		rig_expect_seg(rig, 2, HVA_C, 3);
		rig_free(rig);
	}
}

/* As DPDK's driver has them: the header is said to be for writing, the frame is not. */
static void a_header_is_read_as_what_follows(void **state)
{
	const struct driver_buf buf[] = {
		{ GPA_A, 1, VRING_DESC_F_WRITE }, { GPA_B, 2, 0 }, { GPA_C, 3, 0 },
	};
	struct rig *rig = rig_new(4, 0, 0);

	(void)state;
	driver_table(&rig->drv, rig_table(rig, 0), buf, 3);
	rig_table_sync(rig);
	rig_one_desc(rig, 2, GPA_TABLE, 48, VRING_DESC_F_INDIRECT);
	rig_offer_one(rig, 2);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 3);
	assert_int_equal(rig->chain.in_num, 0);
	rig_expect_seg(rig, 0, HVA_A, 1);
	rig_expect_seg(rig, 2, HVA_C, 3);
	rig_free(rig);
}

/* All of a table is the chain. */
static void a_table_longer_than_a_chain(void **state)
{
	static const u32 counts[] = { VHC_CHAIN_MAX + 1, 65535, 65536 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct rig *rig = rig_new(4, 0, 0);

		rig_one_desc(rig, 2, GPA_TABLE, counts[i] * 16, VRING_DESC_F_INDIRECT);
		rig_offer_one(rig, 2);
		rig_expect_long(rig, 2, VHOST_CUSTOM_BAD_LENGTH, 1);
		rig_free(rig);
	}
}

/* Memory that cannot be accessed */

static void descriptors_that_cannot_be_read(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		struct rig *rig = rig_new(16, EVENT_IDX, 14);
		struct vring_packed_desc *ring = rig->drv.ring;
		void *word[] = {
			&ring[15].addr, &ring[15].len, &ring[15].id, &ring[15].flags, ring,
		};

		rig_offer_bytes(rig, 1, 1);
		rig_offer_bytes(rig, 2, 1);
		guest_fault_at(word[i], i == 4 ? 16 * sizeof(*ring) : 2, false);
		assert_int_equal(rig_take(rig), -EFAULT);
		assert_int_equal(rig_take(rig), -EFAULT);
		assert_int_equal(vhc_ring_next_avail(&rig->ring), rig->start);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), i == 4 ? -EFAULT : 1);
		guest_fault_off();
		rig_expect_bytes(rig, 1, 1);
		rig_expect_bytes(rig, 2, 1);
		assert_int_equal(rig_take(rig), 0);
		rig_free(rig);
	}
}

static void a_chain_that_faults_amidst_comes_again(void **state)
{
	struct rig *rig = rig_new(16, 0, 14);

	(void)state;
	rig_offer_bytes(rig, 1, 5);
	guest_fault_at(&rig->drv.ring[1], 16, false);
	assert_int_equal(rig_take(rig), -EFAULT);
	guest_fault_off();
	rig_expect_bytes(rig, 1, 5);
	rig_free(rig);
}

static void used_descriptors_that_cannot_be_written(void **state)
{
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 7; i++) {
		struct rig *rig = rig_new(16, 0, 14);
		struct vring_packed_desc *ring = rig->drv.ring;
		void *word[] = {
			&ring[14].len, &ring[14].id, &ring[14].flags, &ring[1].len, &ring[1].id,
			&ring[1].flags, ring,
		};

		rig_offer_bytes(rig, 1, 3);
		rig_offer_bytes(rig, 2, 1);
		rig_expect_bytes(rig, 1, 3);
		rig_expect_bytes(rig, 2, 1);
		for (k = 0; k < 2; k++)
			vhc_ring_fill(&rig->ring, &rig->taken[k], 0);
		rig->taken_num = 0;
		guest_fault_at(word[i], i == 6 ? 16 * sizeof(*ring) : 2, true);
		assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
		assert_true(guest_idle());
		guest_fault_off();
		/* The driver sees nothing of it; the ring goes on behind. */
		assert_int_equal(le16toh(ring[14].flags) & (PACKED_AVAIL | PACKED_USED),
				 PACKED_AVAIL);
		assert_int_equal(rig->ring.used_idx, rig_position(rig, 4));
		assert_int_equal(vhc_ring_publish(&rig->ring), 0);
		rig_offer_bytes(rig, 3, 2);
		rig_expect_bytes(rig, 3, 2);
		rig_finish(rig);
		rig_expect_used(rig, 4, 3, 0);
		rig_free(rig);
	}
}

/* What is written */

/* One descriptor for each chain, at its first; nothing else is touched. */
static void used_descriptors_are_where_the_chains_were(void **state)
{
	struct vring_packed_desc before[8], *ring;
	struct rig *rig = rig_new(8, 0, 13);
	unsigned int i;

	(void)state;
	ring = rig->drv.ring;
	rig_offer_bytes(rig, 1, 2);
	rig_offer_bytes(rig, 2, 3);
	rig_offer_bytes(rig, 3, 1);
	rig_expect_bytes(rig, 1, 2);
	rig_expect_bytes(rig, 2, 3);
	rig_expect_bytes(rig, 3, 1);
	vhc_ring_fill(&rig->ring, &rig->taken[0], 0);
	vhc_ring_fill(&rig->ring, &rig->taken[1], 0x7fffffff);
	vhc_ring_fill(&rig->ring, &rig->taken[2], 1);
	memcpy(before, ring, sizeof(before));
	assert_int_equal(vhc_ring_publish(&rig->ring), 3);
	rig_expect_used(rig, 0, 1, 0);
	rig_expect_used(rig, 2, 2, 0x7fffffff);
	rig_expect_used(rig, 5, 3, 1);
	for (i = 0; i < 8; i++) {
		if (i != 5 && i != 7 && i != 2)
			assert_memory_equal(&ring[i], &before[i], sizeof(before[i]));
		else
			assert_int_equal(ring[i].addr, before[i].addr);
	}
	rig_free(rig);
}

/* The log */

static char said[2][16 * 16 + 1];

static void say(void *opaque, enum vhc_ring_area area, u32 offset, u32 len)
{
	(void)opaque;
	assert_true(len && offset + len < sizeof(said[0]));
	memset(&said[area][offset], 'x', len);
}

static void expect_said(enum vhc_ring_area area, u32 from, u32 to)
{
	u32 i;

	for (i = 0; i < sizeof(said[0]); i++)
		assert_int_equal(said[area][i], i >= from && i < to ? 'x' : 0);
	memset(said[area], 0, sizeof(said[area]));
}

static void all_that_is_written_is_logged(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 14);
	unsigned int i;

	(void)state;
	rig->ring.log = say;
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	expect_said(VHC_AREA_USED, 0, 4);
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	expect_said(VHC_AREA_USED, 0, 0);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	expect_said(VHC_AREA_USED, 0, 4);

	/* over the end */
	rig_offer_bytes(rig, 1, 3);
	rig_offer_bytes(rig, 2, 1);
	rig_expect_bytes(rig, 1, 3);
	rig_expect_bytes(rig, 2, 1);
	rig_finish(rig);
	for (i = 0; i < sizeof(said[0]); i++)
		assert_int_equal(said[VHC_AREA_DESC][i], i < 32 || (i >= 224 && i < 256) ? 'x' : 0);
	memset(said[VHC_AREA_DESC], 0, sizeof(said[0]));
	expect_said(VHC_AREA_USED, 0, 0);

	rig_offer_bytes(rig, 3, 2);
	rig_expect_bytes(rig, 3, 2);
	rig_finish(rig);
	expect_said(VHC_AREA_DESC, 32, 64);

	/* all of it, and what was written before a fault */
	rig_offer_bytes(rig, 4, 16);
	rig_expect_bytes(rig, 4, 16);
	guest_fault_at(&rig->drv.ring[4].flags, 2, true);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
	expect_said(VHC_AREA_DESC, 0, 256);

	/* what was not written */
	guest_fault_at(rig->drv.device_event, 4, true);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EFAULT);
	expect_said(VHC_AREA_USED, 0, 0);
	rig_free(rig);
}

/* Two are left over, which are too few for one like the first. */
static void the_longest_chain_tells_whether_there_is_room(void **state)
{
	struct rig *rig = rig_new(8, 0, 0);

	(void)state;
	rig_offer_bytes(rig, 1, 4);
	rig_offer_bytes(rig, 2, 1);
	rig_offer_bytes(rig, 3, 1);
	rig_mark(rig);
	rig_expect_bytes(rig, 1, 4);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_false(vhc_ring_is_exhausted(&rig->ring));
	rig_expect_bytes(rig, 2, 1);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_true(vhc_ring_is_exhausted(&rig->ring));
	rig_expect_bytes(rig, 3, 1);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_true(vhc_ring_is_exhausted(&rig->ring));
	rig_free(rig);
}

static void the_ring_is_exhausted_by_descriptors(void **state)
{
	struct rig *rig = rig_new(5, 0, 0);

	(void)state;
	rig_offer_bytes(rig, 1, 2);
	rig_offer_bytes(rig, 2, 3);
	rig_mark(rig);
	rig_expect_bytes(rig, 1, 2);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_false(vhc_ring_is_exhausted(&rig->ring));
	rig_expect_bytes(rig, 2, 3);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_true(vhc_ring_is_exhausted(&rig->ring));
	rig_mark(rig);
	assert_false(vhc_ring_is_exhausted(&rig->ring));
	rig_free(rig);
}

/* They count wake-ups that found something: see struct vhc_ring. */
static void each_look_that_sees_more_is_one_news(void **state)
{
	struct rig *rig = rig_new(512, EVENT_IDX, 400);
	unsigned int i;

	(void)state;
	rig->ring.news = 0;
	for (i = 0; i < 200; i++)
		rig_offer_bytes(rig, i, 1);
	for (i = 0; i < 200; i++)
		rig_expect_bytes(rig, i, 1);
	assert_int_equal(rig_take(rig), 0);
	assert_int_equal(rig->ring.news, 1);

	/* seen at first by the look for a kick, and one by one */
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	for (i = 0; i < 70; i++)
		rig_offer_bytes(rig, i, 1);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
	for (i = 0; i < 70; i++)
		rig_expect_bytes(rig, i, 1);
	assert_int_equal(rig_take(rig), 0);
	assert_int_equal(rig->ring.news, 2);
	/* put back and taken again */
	rig_mark(rig);
	rig_offer_bytes(rig, 5, 1);
	rig_expect_bytes(rig, 5, 1);
	assert_int_equal(rig->ring.news, 3);
	assert_int_equal(rig_take(rig), 0);
	rig_rewind(rig);
	rig_expect_bytes(rig, 5, 1);
	assert_int_equal(rig->ring.news, 3);
	rig_free(rig);
}

static const struct test tests[] = {
	PACKED_TEST(chains_go_around_rings_of_any_size),
	PACKED_TEST(positions_to_start_at),
	PACKED_TEST(a_ring_starts_with_chains_in_flight),
	PACKED_TEST(a_chain_that_is_too_long_is_followed_to_its_end),
	PACKED_TEST(the_longest_chain_is_good),
	PACKED_TEST(a_ring_of_the_largest_size_is_one_chain),
	PACKED_TEST(a_table_with_next_is_followed_to_its_end),
	PACKED_TEST(only_the_write_flag_of_an_entry_counts),
	PACKED_TEST(a_header_is_read_as_what_follows),
	PACKED_TEST(a_table_longer_than_a_chain),
	PACKED_TEST(descriptors_that_cannot_be_read),
	PACKED_TEST(a_chain_that_faults_amidst_comes_again),
	PACKED_TEST(used_descriptors_that_cannot_be_written),
	PACKED_TEST(used_descriptors_are_where_the_chains_were),
	PACKED_TEST(all_that_is_written_is_logged),
	PACKED_TEST(the_ring_is_exhausted_by_descriptors),
	PACKED_TEST(the_longest_chain_tells_whether_there_is_room),
	PACKED_TEST(each_look_that_sees_more_is_one_news),
};

const struct suite packed_suite = { tests, ARRAY_SIZE(tests) };
