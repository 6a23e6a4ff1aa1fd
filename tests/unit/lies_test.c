// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of a packed ring that lies: about what is available, where chains end, their ids, or
 * what it said before. Names are claims.
 */
#include "rig.h"

static const unsigned int sizes[] = { 1, 2, 3, 5, 100, 255 };

/* Room: no more than the ring in hand, whatever the driver says */

static void all_available_again(struct rig *rig)
{
	u16 at = vhc_ring_next_avail(&rig->ring);
	unsigned int i;

	for (i = 0; i < rig->drv.num; i++, at = packed_advance(&rig->drv, at, 1))
		packed_set_flags(&rig->drv, at & ~PACKED_WRAP, packed_avail_flags(at));
}

static void no_more_than_the_ring_is_in_hand(void **state)
{
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct rig *rig = rig_new(sizes[i], EVENT_IDX, 2);

		for (k = 0; k < sizes[i]; k++)
			rig_offer_bytes(rig, k, 1);
		for (k = 0; k < sizes[i]; k++)
			rig_expect_bytes(rig, k, 1);
		all_available_again(rig);
		assert_int_equal(rig_take(rig), 0);
		/* It will not be kicked for them either. */
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		assert_int_equal(rig_take(rig), 0);

		/* What is filled and not published is still in hand; one is published. */
		vhc_ring_fill(&rig->ring, &rig->taken[0], 0);
		assert_int_equal(rig_take(rig), 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 1);
		all_available_again(rig);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		assert_int_equal(rig_take(rig), 1);
		assert_int_equal(rig_descs(rig), 1);
		assert_int_equal(rig_take(rig), 0);
		rig_free(rig);
	}
}

static void a_chain_ends_where_the_room_does(void **state)
{
	static const unsigned int in_hand[] = { 0, 1, 3, 4 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(in_hand); i++) {
		struct rig *rig = rig_new(5, 0, 4);
		unsigned int k, room = 5 - in_hand[i];
		u16 at = rig->start;

		/* All have NEXT, but for those before; the last one's id counts. */
		for (k = 0; k < 5; k++, at = packed_advance(&rig->drv, at, 1)) {
			struct vring_packed_desc *desc = &rig->drv.ring[at & ~PACKED_WRAP];

			desc->addr = htole64(GPA_A);
			desc->len = htole32(1);
			desc->id = htole16(k);
			packed_set_flags(&rig->drv, at & ~PACKED_WRAP, packed_avail_flags(at) |
					 (k < in_hand[i] ? 0 : VRING_DESC_F_NEXT));
		}
		for (k = 0; k < in_hand[i]; k++)
			assert_int_equal(rig_take(rig), 1);
		rig_expect_long(rig, 4, VHOST_CUSTOM_BAD_LOOP, room);
		assert_int_equal(rig_take(rig), 0);
		assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 5));
		rig_finish(rig);
		rig_expect_used(rig, in_hand[i], 4, 0);
		assert_int_equal(rig->ring.used_idx, rig_position(rig, 5));

		/* and on */
		driver_start(&rig->drv, rig_position(rig, 5), rig_position(rig, 5));
		rig_offer_bytes(rig, 1, 2);
		rig_expect_bytes(rig, 1, 2);
		rig_free(rig);
	}
}

/* Flags */

static void any_flag_but_the_known_ones_is_ignored(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	rig_one_desc(rig, 4, GPA_A + 4, 5, 0x7f78);
	rig_offer_one(rig, 4);
	rig_expect_simple(rig, 4);
	rig_free(rig);
}

static void a_descriptor_is_available_by_two_flags(void **state)
{
	unsigned int wrap, flags;

	(void)state;
	for (wrap = 0; wrap < 2; wrap++) {
		for (flags = 0; flags < 4; flags++) {
			struct rig *rig = rig_new(5, 0, wrap ? 3 : 8);
			u16 word = (flags & 1 ? PACKED_AVAIL : 0) | (flags & 2 ? PACKED_USED : 0);
			bool good = word == packed_avail_flags(rig->start);

			rig_offer_bytes(rig, 1, 1);
			packed_set_flags(&rig->drv, 3, word);
			assert_int_equal(vhc_ring_enable_notify(&rig->ring), good);
			assert_int_equal(rig_take(rig), good);
			assert_int_equal(!!(rig->start & PACKED_WRAP), wrap);
			rig_free(rig);
		}
	}
}

/* The first flags cover the chain: no other wrap bit is looked at. */
static void wrap_bits_amidst_a_chain_are_ignored(void **state)
{
	struct rig *rig = rig_new(5, 0, 3);

	(void)state;
	rig_offer_bytes(rig, 1, 4);
	packed_set_flags(&rig->drv, 4, VRING_DESC_F_NEXT);
	packed_set_flags(&rig->drv, 0, VRING_DESC_F_NEXT | PACKED_AVAIL | PACKED_USED);
	packed_set_flags(&rig->drv, 1, 0);
	rig_expect_bytes(rig, 1, 4);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

/* Ids */

static void any_id_is_given_back_as_it_is(void **state)
{
	static const u16 ids[] = { 0, 15, 16, 17, 0x7fff, 0x8000, 0xffff, 16, 16 };
	struct rig *rig = rig_new(16, 0, 10);
	unsigned int i, at = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		rig_offer_bytes(rig, ids[i], 1 + i % 2);
		rig_finish(rig);
		rig_expect_bytes(rig, ids[i], 1 + i % 2);
		rig_finish(rig);
		rig_expect_used(rig, at, ids[i], 0);
		at += 1 + i % 2;
	}
	/* All of the same */
	for (i = 0; i < 16; i++)
		rig_offer_bytes(rig, 3, 1);
	for (i = 0; i < 16; i++)
		rig_expect_bytes(rig, 3, 1);
	rig_finish(rig);
	for (i = 0; i < 16; i++)
		rig_expect_used(rig, at + i, 3, 0);
	rig_free(rig);
}

/* A driver that takes descriptors back */

static void descriptors_that_were_seen_must_stay(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 14);

	(void)state;
	rig_offer_bytes(rig, 1, 1);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
	packed_set_flags(&rig->drv, 14, 0);
	assert_int_equal(rig_take(rig), -EINVAL);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig->start);
	/* It was said once. */
	assert_int_equal(rig_take(rig), 0);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	assert_int_equal(rig->drv.device_event->off_wrap, rig->start);

	packed_set_flags(&rig->drv, 14, packed_avail_flags(rig->start));
	rig_expect_bytes(rig, 1, 1);
	rig_free(rig);
}

/* Also those that went back; what is fetched is the device's own, until it is fetched again. */
static void descriptors_that_were_put_back_must_stay(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 14);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		rig_offer_bytes(rig, i, 1);
	rig_expect_bytes(rig, 0, 1);
	rig_put_back(rig);
	rig_mark(rig);
	packed_set_flags(&rig->drv, 14, 0);
	for (i = 0; i < 3; i++)
		rig_expect_bytes(rig, i, 1);
	assert_int_equal(rig_take(rig), 0);
	rig_rewind(rig);
	assert_int_equal(rig_take(rig), -EINVAL);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig->start);
	rig_free(rig);
}

/* Chains of another length where others were: positions are those of what is there now. */
static void chains_that_change_when_they_are_put_back(void **state)
{
	struct rig *rig = rig_new(8, EVENT_IDX, 6);
	u16 start = rig->start;

	(void)state;
	rig_offer_bytes(rig, 1, 1);
	rig_offer_bytes(rig, 2, 1);
	rig_mark(rig);
	rig_expect_bytes(rig, 1, 1);
	rig_expect_bytes(rig, 2, 1);
	assert_int_equal(rig_take(rig), 0);
	rig_rewind(rig);
	rig->drv.avail_idx = start;
	rig->drv.exposed = start;
	rig_offer_bytes(rig, 3, 7);
	rig_expect_bytes(rig, 3, 7);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 7));
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	assert_int_equal(rig->drv.device_event->off_wrap, rig_position(rig, 7));
	rig_free(rig);
}

static const struct test tests[] = {
	PACKED_TEST(no_more_than_the_ring_is_in_hand),
	PACKED_TEST(a_chain_ends_where_the_room_does),
	PACKED_TEST(any_flag_but_the_known_ones_is_ignored),
	PACKED_TEST(a_descriptor_is_available_by_two_flags),
	PACKED_TEST(wrap_bits_amidst_a_chain_are_ignored),
	PACKED_TEST(any_id_is_given_back_as_it_is),
	PACKED_TEST(descriptors_that_were_seen_must_stay),
	PACKED_TEST(descriptors_that_were_put_back_must_stay),
	PACKED_TEST(chains_that_change_when_they_are_put_back),
};

const struct suite lies_suite = { tests, ARRAY_SIZE(tests) };
