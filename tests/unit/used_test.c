// SPDX-License-Identifier: GPL-2.0
/*
 * The used ring, signals and kicks. Names are claims.
 */
#include <linux/virtio_byteorder.h>

#include "rig.h"

static u16 used_word(const struct rig *rig, __virtio16 word)
{
	return __virtio16_to_cpu(rig->drv.le, word);
}

static u16 avail_event(const struct rig *rig)
{
	__virtio16 *word = (__virtio16 *)&rig->drv.used->ring[rig->drv.num];

	return used_word(rig, *word);
}

static void expect_used(const struct rig *rig, u16 slot, u32 id, u32 len)
{
	assert_int_equal(__virtio32_to_cpu(rig->drv.le, rig->drv.used->ring[slot].id), id);
	assert_int_equal(__virtio32_to_cpu(rig->drv.le, rig->drv.used->ring[slot].len), len);
}

static void publish(struct rig *rig, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		vhc_ring_fill(&rig->ring, i & (rig->drv.num - 1), i);
	assert_int_equal(vhc_ring_publish(&rig->ring), count);
}

static void publishing_nothing_does_nothing(void **state)
{
	struct rig *rig = rig_new(16, 0, 9);
	unsigned long before = guest_accesses;

	(void)state;
	assert_int_equal(vhc_ring_publish(&rig->ring), 0);
	assert_true(guest_accesses == before);
	assert_int_equal(used_word(rig, rig->drv.used->idx), 9);
	rig_free(rig);
}

static void entries_are_seen_when_they_are_published(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		struct rig *rig = rig_new(16, f ? BIG_ENDIAN_RING : 0, 65535);

		vhc_ring_fill(&rig->ring, 3, 0x01020304);
		vhc_ring_fill(&rig->ring, 15, 0xffffffff);
		assert_int_equal(used_word(rig, rig->drv.used->idx), 65535);
		assert_int_equal(vhc_ring_publish(&rig->ring), 2);
		assert_int_equal(used_word(rig, rig->drv.used->idx), 1);
		expect_used(rig, 15, 3, 0x01020304);
		expect_used(rig, 0, 15, 0xffffffff);
		expect_used(rig, 1, 0, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 0);
		rig_free(rig);
	}
}

static void as_many_entries_as_there_is_room_for(void **state)
{
	struct rig *rig = rig_new(2048, 0, 2000);
	unsigned int i;

	(void)state;
	assert_int_equal(rig->ring.done_num, 0);
	for (i = 0; rig->ring.done_num < VHC_DONE_MAX; i++)
		vhc_ring_fill(&rig->ring, i, 3 * i);
	assert_int_equal(i, VHC_DONE_MAX);
	assert_int_equal(vhc_ring_publish(&rig->ring), VHC_DONE_MAX);
	assert_int_equal(rig->ring.done_num, 0);
	for (i = 0; i < VHC_DONE_MAX; i++)
		expect_used(rig, (2000 + i) % 2048, i, 3 * i);
	rig_free(rig);
}

static void rings_of_any_size_publish(void **state)
{
	static const unsigned int nums[] = { 1, 2, 256, 32768 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		struct rig *rig = rig_new(nums[i], 0, 65535);

		for (k = 0; k < 70000; k++) {
			vhc_ring_fill(&rig->ring, k % nums[i], k);
			assert_int_equal(vhc_ring_publish(&rig->ring), 1);
			expect_used(rig, (65535 + k) % nums[i], k % nums[i], k);
			assert_int_equal(used_word(rig, rig->drv.used->idx), (u16)(65536 + k));
		}
		rig_free(rig);
	}
}

static void filled_entries_survive_a_new_run(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	vhc_ring_fill(&rig->ring, 3, 33);
	vhc_ring_forget_memory(&rig->ring);
	assert_int_equal(vhc_ring_publish(&rig->ring), 1);
	expect_used(rig, 0, 3, 33);
	rig_free(rig);
}

/* RX fills as it gathers, and puts all back if the frame does not fit. */
static void unfilled_entries_are_not_published(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	vhc_ring_fill(&rig->ring, 3, 33);
	vhc_ring_fill(&rig->ring, 4, 44);
	vhc_ring_fill(&rig->ring, 5, 55);
	vhc_ring_unfill(&rig->ring, 2);
	vhc_ring_fill(&rig->ring, 6, 66);
	assert_int_equal(vhc_ring_publish(&rig->ring), 2);
	expect_used(rig, 0, 3, 33);
	expect_used(rig, 1, 6, 66);
	vhc_ring_fill(&rig->ring, 7, 77);
	vhc_ring_unfill(&rig->ring, 1);
	assert_int_equal(rig->ring.done_num, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 0);
	rig_free(rig);
}

static void a_new_start_forgets_what_was_filled(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	vhc_ring_fill(&rig->ring, 3, 33);
	vhc_ring_start(&rig->ring, 0, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 0);
	rig_free(rig);
}

/* Signals */

static void without_event_idx_the_flag_decides(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		struct rig *rig = rig_new(16, f ? BIG_ENDIAN_RING : 0, 0);

		publish(rig, 1);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
		driver_disable_signals(&rig->drv);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 0);
		driver_enable_signals(&rig->drv);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
		/* other bits mean nothing */
		rig->drv.avail->flags = __cpu_to_virtio16(rig->drv.le, 0xfffe);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
		rig_free(rig);
	}
}

static void with_event_idx_the_first_signal_is_always_sent(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 100);

	(void)state;
	driver_set_used_event(&rig->drv, 5000);
	rig->drv.avail->flags = 1;	/* to be ignored */
	publish(rig, 1);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	publish(rig, 1);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 0);

	vhc_ring_start(&rig->ring, 100, 102);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	rig_free(rig);
}

/* After @count entries from @old, is there a signal for event index @event? */
static void event_case(unsigned int features, u16 old, u16 count, u16 event, int expected)
{
	struct rig *rig = rig_new(1024, EVENT_IDX | features, old);

	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	driver_set_used_event(&rig->drv, event);
	if (count)
		publish(rig, count);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), expected);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 0);
	rig_free(rig);
}

static void with_event_idx_the_driver_says_when(void **state)
{
	static const u16 old[] = { 0, 7, 32767, 65530, 65535 };
	unsigned int i, f;

	(void)state;
	for (f = 0; f < 2; f++) {
		for (i = 0; i < ARRAY_SIZE(old); i++) {
			u16 at = old[i];

			event_case(f, at, 0, at, 0);
			event_case(f, at, 1, at, 1);
			event_case(f, at, 1, at + 1, 0);
			event_case(f, at, 1, at - 1, 0);
			event_case(f, at, 10, at, 1);
			event_case(f, at, 10, at + 9, 1);
			event_case(f, at, 10, at + 10, 0);
			event_case(f, at, 10, at + 32768, 0);
		}
	}
}

static void notify_on_empty_overrides_the_driver(void **state)
{
	unsigned int features;

	(void)state;
	for (features = 0; features <= EVENT_IDX; features += EVENT_IDX) {
		struct rig *rig = rig_new(16, features | NOTIFY_ON_EMPTY, 0);
		unsigned int i;

		for (i = 0; i < 3; i++)
			rig_simple(rig, i);
		rig_offer_range(rig, 0, 3);
		rig_expect_simple(rig, 0);
		rig->drv.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
		if (features)
			driver_set_used_event(&rig->drv, 100);

		publish(rig, 1);	/* two chains are left */
		vhc_ring_need_signal(&rig->ring);
		publish(rig, 1);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 0);

		rig_expect_simple(rig, 1);
		rig_expect_simple(rig, 2);
		publish(rig, 1);	/* none is */
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
		rig_free(rig);
	}
}

/*
 * The used index goes all the way around between two looks at the event index: the
 * 16 bits of it look as if little had happened.
 */
static void no_signal_is_lost_when_the_used_index_wraps(void **state)
{
	struct rig *rig = rig_new(1024, EVENT_IDX, 0);
	unsigned int i;

	(void)state;
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	driver_set_used_event(&rig->drv, 32000);
	for (i = 0; i < 64; i++)
		publish(rig, 1024);
	publish(rig, 1);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	rig_free(rig);
}

/* The same when NOTIFY_ON_EMPTY answered every time. */
static void no_signal_is_lost_when_it_wraps_with_notify_on_empty(void **state)
{
	struct rig *rig = rig_new(1024, EVENT_IDX | NOTIFY_ON_EMPTY, 0);
	unsigned int i;

	(void)state;
	rig_simple(rig, 0);
	rig_offer_range(rig, 0, 1);
	rig_expect_simple(rig, 0);
	vhc_ring_rewind(&rig->ring, 1);
	vhc_ring_need_signal(&rig->ring);	/* at 0 */
	rig_expect_simple(rig, 0);
	for (i = 0; i < 65536 - 5; i++) {	/* empty each time */
		publish(rig, 1);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	}
	driver_set_used_event(&rig->drv, rig->ring.used_idx);
	publish(rig, 10);
	vhc_ring_rewind(&rig->ring, 1);		/* not empty */
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	rig_free(rig);
}

/* Kicks */

static void without_event_idx_a_flag_asks_for_kicks(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		struct rig *rig = rig_new(16, f ? BIG_ENDIAN_RING : 0, 7);

		assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
		assert_int_equal(used_word(rig, rig->drv.used->flags), VRING_USED_F_NO_NOTIFY);
		assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
		assert_int_equal(used_word(rig, rig->drv.used->flags), VRING_USED_F_NO_NOTIFY);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		assert_int_equal(used_word(rig, rig->drv.used->flags), 0);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		assert_int_equal(used_word(rig, rig->drv.used->flags), 0);
		rig_free(rig);
	}
}

static void with_event_idx_an_index_asks_for_kicks(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		struct rig *rig = rig_new(16, EVENT_IDX | (f ? BIG_ENDIAN_RING : 0), 65535);
		unsigned int i;

		for (i = 0; i < 3; i++) {
			assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
			assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
			assert_int_equal(avail_event(rig), (u16)(65535 + 2 * i));
			rig_simple(rig, i);
			rig_offer_one(rig, i);
			assert_true(driver_must_kick(&rig->drv));
			rig_offer_one(rig, i);
			assert_false(driver_must_kick(&rig->drv));
			rig_expect_simple(rig, i);
			rig_expect_simple(rig, i);
		}
		assert_int_equal(used_word(rig, rig->drv.used->flags), 0);
		rig_free(rig);
	}
}

static void enabling_sees_chains_that_came_in_the_meantime(void **state)
{
	unsigned int features;

	(void)state;
	for (features = 0; features <= EVENT_IDX; features += EVENT_IDX) {
		struct rig *rig = rig_new(16, features, 65535);
		unsigned int i;

		for (i = 0; i < 4; i++)
			rig_simple(rig, i);
		rig_offer_range(rig, 0, 1);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		rig_expect_simple(rig, 0);
		assert_int_equal(rig_take(rig), 0);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		rig_offer_range(rig, 1, 3);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		/* once, or RX would spin while it has too few */
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		for (i = 1; i < 4; i++)
			rig_expect_simple(rig, i);
		assert_int_equal(rig_take(rig), 0);
		rig_free(rig);
	}
}

/* CVE-2026-74356: a frame that needs more chains than there are must let RX sleep. */
static void rewound_chains_do_not_keep_it_awake(void **state)
{
	unsigned int features;

	(void)state;
	for (features = 0; features <= EVENT_IDX; features += EVENT_IDX) {
		struct rig *rig = rig_new(16, features, 65534);
		unsigned int i;

		for (i = 0; i < 5; i++)
			rig_simple(rig, i);
		rig_offer_range(rig, 0, 3);
		for (i = 0; i < 3; i++)
			rig_expect_simple(rig, i);
		assert_int_equal(rig_take(rig), 0);
		vhc_ring_rewind(&rig->ring, 3);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		driver_must_kick(&rig->drv);
		if (features)
			assert_int_equal(avail_event(rig), 1);

		/* two more, in the meantime */
		rig_offer_range(rig, 3, 1);
		assert_true(driver_must_kick(&rig->drv));
		rig_offer_range(rig, 4, 1);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		for (i = 0; i < 5; i++)
			rig_expect_simple(rig, i);
		assert_int_equal(rig_take(rig), 0);
		rig_free(rig);
	}
}

/* avail_idx may be ahead of what was fetched. */
static void chains_behind_the_fetched_ones_are_known(void **state)
{
	struct rig *rig = rig_new(256, EVENT_IDX, 0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 200);
	for (i = 0; i < 3; i++)
		rig_expect_simple(rig, i);
	vhc_ring_rewind(&rig->ring, 3);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	assert_int_equal(avail_event(rig), 200);
	rig_offer_range(rig, 200, 1);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
	for (i = 0; i < 201; i++)
		rig_expect_simple(rig, i);
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(publishing_nothing_does_nothing),
	cmocka_unit_test(entries_are_seen_when_they_are_published),
	cmocka_unit_test(as_many_entries_as_there_is_room_for),
	cmocka_unit_test(rings_of_any_size_publish),
	cmocka_unit_test(filled_entries_survive_a_new_run),
	cmocka_unit_test(unfilled_entries_are_not_published),
	cmocka_unit_test(a_new_start_forgets_what_was_filled),
	cmocka_unit_test(without_event_idx_the_flag_decides),
	cmocka_unit_test(with_event_idx_the_first_signal_is_always_sent),
	cmocka_unit_test(with_event_idx_the_driver_says_when),
	cmocka_unit_test(notify_on_empty_overrides_the_driver),
	cmocka_unit_test(no_signal_is_lost_when_the_used_index_wraps),
	cmocka_unit_test(no_signal_is_lost_when_it_wraps_with_notify_on_empty),
	cmocka_unit_test(without_event_idx_a_flag_asks_for_kicks),
	cmocka_unit_test(with_event_idx_an_index_asks_for_kicks),
	cmocka_unit_test(enabling_sees_chains_that_came_in_the_meantime),
	cmocka_unit_test(rewound_chains_do_not_keep_it_awake),
	cmocka_unit_test(chains_behind_the_fetched_ones_are_known),
};

const struct suite used_suite = { tests, ARRAY_SIZE(tests) };
