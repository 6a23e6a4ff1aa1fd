// SPDX-License-Identifier: GPL-2.0
/*
 * Chains that are put back, and what is kept from fetch to fetch and from run to run.
 * Names are claims.
 */
#include "rig.h"

static void a_rewound_chain_comes_again(void **state)
{
	struct rig *rig = rig_new(256, 0, 65500);
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 40);
	rig_mark(rig);
	for (i = 0; i < 7; i++)
		rig_expect_simple(rig, i);
	rig_rewind(rig);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 0));
	rig_rewind(rig);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 0));
	for (i = 0; i < 7; i++)
		rig_expect_simple(rig, i);
	rig_mark(rig);
	for (; i < 10; i++)
		rig_expect_simple(rig, i);
	rig_rewind(rig);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 7));
	for (i = 7; i < 40; i++)
		rig_expect_simple(rig, i);
	rig_rewind(rig);
	for (i = 7; i < 40; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void a_chain_that_is_put_back_comes_again(void **state)
{
	struct rig *rig = rig_new(256, 0, 65500);
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 130);
	for (i = 0; i < 130; i++) {
		rig_expect_simple(rig, i);
		rig_put_back(rig);
		assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, i));
		rig_expect_simple(rig, i);
	}
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

/* Take @taken of 200, put @back back, and expect them and the rest. */
static void rewind_case(unsigned int taken, unsigned int back)
{
	struct rig *rig = rig_new(256, 0, 65500);
	unsigned int i;

	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 200);
	for (i = 0; i < taken; i++) {
		if (i == taken - back)
			rig_mark(rig);
		rig_expect_simple(rig, i);
	}
	rig_rewind(rig);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, taken - back));
	for (i = taken - back; i < 200; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void rewinding_may_cross_fetches(void **state)
{
	static const unsigned int edges[] = { 1, 2, 6, 63, 64, 65, 70, 127, 128, 129, 192, 200 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		for (k = 0; k <= i; k++)
			rewind_case(edges[i], edges[k]);
	}
}

static void rewinding_an_empty_ring_and_then_more(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 16; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 2);
	rig_mark(rig);
	rig_expect_simple(rig, 0);
	rig_expect_simple(rig, 1);
	assert_int_equal(rig_take(rig), 0);
	rig_rewind(rig);
	rig_offer_range(rig, 2, 2);
	for (i = 0; i < 4; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

/* RX gives up a frame when the ring faults: what it had taken must still be the same. */
static void rewinding_after_a_fetch_that_faulted(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 16; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 2);
	rig_mark(rig);
	rig_expect_simple(rig, 0);
	rig_expect_simple(rig, 1);
	rig_offer_range(rig, 2, 3);
	guest_fault_at(&rig->drv.desc[4], 16, false);
	assert_int_equal(rig_take(rig), -EFAULT);
	guest_fault_off();
	rig_rewind(rig);
	for (i = 0; i < 5; i++)
		rig_expect_simple(rig, i);
	rig_free(rig);
}

static void a_rewound_chain_that_is_bad_is_bad_again(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);
	unsigned int i;

	(void)state;
	rig_simple(rig, 0);
	rig_simple(rig, 2);
	rig_one_desc(rig, 1, GPA_HOLE, 1, 0);
	rig_offer_range(rig, 0, 3);
	rig_mark(rig);
	for (i = 0; i < 2; i++) {
		rig_expect_simple(rig, 0);
		assert_int_equal(rig_take(rig), -EBADMSG);
		assert_int_equal(rig->chain.bad, VHOST_CUSTOM_BAD_ADDRESS);
		rig_expect_simple(rig, 2);
		rig_rewind(rig);
	}
	rig_free(rig);
}

/*
 * Two chains are fetched and one is taken; then the other one changes. No driver may do
 * that: it shows what is fetched again, and when.
 */
static struct rig *rig_with_one_fetched(void)
{
	struct rig *rig = rig_new(16, 0, 0);

	rig_simple(rig, 0);
	rig_simple(rig, 1);
	rig_offer_range(rig, 0, 2);
	rig_expect_simple(rig, 0);
	if (rig->drv.packed)
		rig->drv.ring[1].addr = htole64(GPA_B), rig->drv.ring[1].len = htole32(77);
	else
		rig_one_desc(rig, 1, GPA_B, 77, 0);
	return rig;
}

static void expect_fetched_again(struct rig *rig)
{
	assert_int_equal(vhc_ring_next_avail(&rig->ring), rig_position(rig, 1));
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), 1);
	rig_expect_seg(rig, 0, HVA_B, 77);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void fetched_chains_survive_a_run(void **state)
{
	struct rig *rig = rig_with_one_fetched();
	struct vhc_ring *ring = &rig->ring;

	(void)state;
	vhc_ring_set_addr(ring, ring->desc, ring->avail, ring->used, ring->num);
	vhc_ring_forget_memory(ring);
	rig_expect_simple(rig, 1);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void a_new_start_forgets_what_was_fetched(void **state)
{
	struct rig *rig = rig_with_one_fetched();

	(void)state;
	vhc_ring_start(&rig->ring, rig_position(rig, 1), rig_position(rig, 0));
	vhc_ring_forget_memory(&rig->ring);
	expect_fetched_again(rig);
}

static void a_ring_that_moved_is_fetched_again(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct rig *rig = rig_with_one_fetched();
		struct vhc_ring *ring = &rig->ring;
		struct vring_desc *desc = guest_alloc(16 * sizeof(*desc));
		struct vring_avail *avail = guest_alloc(sizeof(*avail) + 16 * sizeof(u16));

		memcpy(desc, ring->desc, 16 * sizeof(*desc));
		memcpy(avail, ring->avail, sizeof(*avail) + 16 * sizeof(u16));
		vhc_ring_set_addr(ring, i == 0 ? desc : ring->desc, i == 1 ? avail : ring->avail,
				  ring->used, i == 2 ? 8 : 16);
		vhc_ring_forget_memory(ring);
		expect_fetched_again(rig);
	}
}

static void a_ring_is_exhausted_by_what_was_filled_since_the_mark(void **state)
{
	struct rig *rig = rig_new(4, 0, 0);
	unsigned int i;

	(void)state;
	rig_mark(rig);
	for (i = 0; i < 4; i++) {
		assert_false(vhc_ring_is_exhausted(&rig->ring));
		rig_fill(rig, i, 0);
	}
	assert_true(vhc_ring_is_exhausted(&rig->ring));
	rig_mark(rig);
	assert_false(vhc_ring_is_exhausted(&rig->ring));
	rig_free(rig);
}

/* There is no room for another chain like these. */
static void a_split_ring_is_exhausted_by_descriptors(void **state)
{
	enum { NUM = 16 };
	unsigned int count, i;

	(void)state;
	for (count = 1; count <= NUM; count++) {
		struct rig *rig = rig_new(NUM, 0, 0);
		struct driver_buf buf[NUM];

		for (i = 0; i < count; i++)
			buf[i] = (struct driver_buf){ GPA_A + i, 1, VRING_DESC_F_WRITE };
		rig_mark(rig);
		for (i = 0; i < NUM / count; i++) {
			assert_false(vhc_ring_is_exhausted(&rig->ring));
			assert_int_equal(driver_add(&rig->drv, buf, count, NULL, 0), i * count);
			driver_expose(&rig->drv);
			assert_int_equal(rig_take(rig), 1);
			assert_int_equal(rig_id(rig), i * count);
			vhc_ring_fill(&rig->ring, &rig->chain, 1);
		}
		assert_true(vhc_ring_is_exhausted(&rig->ring));
		assert_int_equal(vhc_ring_publish(&rig->ring), NUM / count);
		for (i = 0; i < NUM / count; i++)
			rig_expect_used(rig, i, i * count, 1);
		rig_free(rig);
	}
}

static void a_packed_ring_that_moved_is_fetched_again(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct rig *rig = rig_with_one_fetched();
		struct vhc_ring *ring = &rig->ring;
		void *desc = guest_alloc(16 * sizeof(*ring->packed_desc));
		void *event = guest_alloc(sizeof(*ring->driver_event));

		memcpy(desc, ring->desc, 16 * sizeof(*ring->packed_desc));
		vhc_ring_set_addr(ring, i == 0 ? desc : ring->desc, i == 1 ? event : ring->avail,
				  ring->used, i == 2 ? 8 : 16);
		expect_fetched_again(rig);
	}
}

static const struct test tests[] = {
	TEST(a_rewound_chain_comes_again),
	TEST(a_chain_that_is_put_back_comes_again),
	TEST(rewinding_may_cross_fetches),
	TEST(rewinding_an_empty_ring_and_then_more),
	TEST(rewinding_after_a_fetch_that_faulted),
	TEST(a_rewound_chain_that_is_bad_is_bad_again),
	TEST(fetched_chains_survive_a_run),
	TEST(a_new_start_forgets_what_was_fetched),
	TEST(a_ring_is_exhausted_by_what_was_filled_since_the_mark),
	SPLIT_TEST(a_split_ring_is_exhausted_by_descriptors),
	SPLIT_TEST(a_ring_that_moved_is_fetched_again),
	PACKED_TEST(a_packed_ring_that_moved_is_fetched_again),
};

const struct suite rewind_suite = { tests, ARRAY_SIZE(tests) };
