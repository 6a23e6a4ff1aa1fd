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

/* The driver sees @n entries since the start. */
static void expect_used_num(const struct rig *rig, unsigned int n)
{
	const struct driver *d = &rig->drv;
	u16 at = rig_position(rig, n), flags;

	assert_int_equal(rig->ring.used_idx, at);
	if (!d->packed) {
		assert_int_equal(used_word(rig, d->used->idx), at);
		return;
	}
	flags = le16toh(d->ring[at & ~PACKED_WRAP].flags);
	assert_false(!!(flags & PACKED_AVAIL) == !!(at & PACKED_WRAP) &&
		     !!(flags & PACKED_USED) == !!(at & PACKED_WRAP));
}

static void publish(struct rig *rig, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		rig_fill(rig, i % rig->drv.num, i);
	assert_int_equal(vhc_ring_publish(&rig->ring), count);
}

static void publishing_nothing_does_nothing(void **state)
{
	struct rig *rig = rig_new(16, 0, 9);
	unsigned long before = guest_accesses;

	(void)state;
	assert_int_equal(vhc_ring_publish(&rig->ring), 0);
	assert_true(guest_accesses == before);
	expect_used_num(rig, 0);
	rig_free(rig);
}

static void entries_are_seen_when_they_are_published(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		struct rig *rig = rig_new(16, f ? BIG_ENDIAN_RING : 0, 65535);

		rig_fill(rig, 3, 0x01020304);
		rig_fill(rig, 15, 0x7fffffff);
		expect_used_num(rig, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 2);
		expect_used_num(rig, 2);
		rig_expect_used(rig, 0, 3, 0x01020304);
		rig_expect_used(rig, 1, 15, 0x7fffffff);
		assert_int_equal(vhc_ring_publish(&rig->ring), 0);
		rig_free(rig);
	}
}

static void as_many_entries_as_there_is_room_for(void **state)
{
	struct rig *rig = rig_new(2048, 0, 2000);
	unsigned int i;

	(void)state;
	assert_int_equal(vhc_ring_filled(&rig->ring), 0);
	for (i = 0; vhc_ring_filled(&rig->ring) < VHC_DONE_MAX; i++)
		rig_fill(rig, i, 3 * i);
	assert_int_equal(i, VHC_DONE_MAX);
	assert_int_equal(vhc_ring_publish(&rig->ring), VHC_DONE_MAX);
	assert_int_equal(vhc_ring_filled(&rig->ring), 0);
	for (i = 0; i < VHC_DONE_MAX; i++)
		rig_expect_used(rig, i, i, 3 * i);
	rig_free(rig);
}

static void rings_of_any_size_publish(void **state)
{
	static const unsigned int nums[] = { 1, 2, 3, 5, 255, 256, 32768 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		struct rig *rig;

		if (!rig_num_ok(nums[i]))
			continue;
		rig = rig_new(nums[i], 0, 65535);
		for (k = 0; k < (rig->drv.packed ? 2 * nums[i] + 9 : 70000); k++) {
			rig_fill(rig, k % nums[i], k);
			assert_int_equal(vhc_ring_publish(&rig->ring), 1);
			rig_expect_used(rig, k, k % nums[i], k);
			expect_used_num(rig, k + 1);
		}
		rig_free(rig);
	}
}

static void filled_entries_survive_a_new_run(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	rig_fill(rig, 3, 33);
	vhc_ring_forget_memory(&rig->ring);
	assert_int_equal(vhc_ring_publish(&rig->ring), 1);
	rig_expect_used(rig, 0, 3, 33);
	rig_free(rig);
}

/* RX fills as it gathers, and puts all back if the frame does not fit. */
static void unfilled_entries_are_not_published(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	rig_fill(rig, 3, 33);
	rig_mark(rig);
	rig_fill(rig, 4, 44);
	rig_fill(rig, 5, 55);
	rig_rewind(rig);
	rig_fill(rig, 6, 66);
	assert_int_equal(vhc_ring_publish(&rig->ring), 2);
	rig_expect_used(rig, 0, 3, 33);
	rig_expect_used(rig, 1, 6, 66);
	rig_mark(rig);
	rig_fill(rig, 7, 77);
	rig_rewind(rig);
	assert_int_equal(vhc_ring_filled(&rig->ring), 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 0);
	rig_free(rig);
}

static void a_new_start_forgets_what_was_filled(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	rig_fill(rig, 3, 33);
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
	vhc_ring_put_back(&rig->ring);
	vhc_ring_need_signal(&rig->ring);	/* at 0 */
	rig_expect_simple(rig, 0);
	for (i = 0; i < 65536 - 5; i++) {	/* empty each time */
		publish(rig, 1);
		assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	}
	driver_set_used_event(&rig->drv, rig->ring.used_idx);
	publish(rig, 10);
	vhc_ring_put_back(&rig->ring);		/* not empty */
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
		/*
		 * Once, or RX would spin while it has too few. It sees one descriptor of a packed
		 * ring at a time.
		 */
		for (i = 1; rig->drv.packed && i < 3; i++)
			assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
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
		rig_mark(rig);
		for (i = 0; i < 3; i++)
			rig_expect_simple(rig, i);
		assert_int_equal(rig_take(rig), 0);
		rig_rewind(rig);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		driver_must_kick(&rig->drv);
		if (features && !rig->drv.packed)
			assert_int_equal(avail_event(rig), 1);
		if (features && rig->drv.packed)
			assert_int_equal(rig->drv.device_event->off_wrap, rig_position(rig, 3));

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
	rig_mark(rig);
	for (i = 0; i < 3; i++)
		rig_expect_simple(rig, i);
	rig_rewind(rig);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	assert_int_equal(avail_event(rig), 200);
	rig_offer_range(rig, 200, 1);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
	for (i = 0; i < 201; i++)
		rig_expect_simple(rig, i);
	rig_free(rig);
}

static const struct test tests[] = {
	TEST(publishing_nothing_does_nothing),
	TEST(entries_are_seen_when_they_are_published),
	TEST(as_many_entries_as_there_is_room_for),
	TEST(rings_of_any_size_publish),
	TEST(filled_entries_survive_a_new_run),
	TEST(unfilled_entries_are_not_published),
	TEST(a_new_start_forgets_what_was_filled),
	SPLIT_TEST(without_event_idx_the_flag_decides),
	SPLIT_TEST(with_event_idx_the_first_signal_is_always_sent),
	SPLIT_TEST(with_event_idx_the_driver_says_when),
	SPLIT_TEST(notify_on_empty_overrides_the_driver),
	SPLIT_TEST(no_signal_is_lost_when_the_used_index_wraps),
	SPLIT_TEST(no_signal_is_lost_when_it_wraps_with_notify_on_empty),
	SPLIT_TEST(without_event_idx_a_flag_asks_for_kicks),
	SPLIT_TEST(with_event_idx_an_index_asks_for_kicks),
	TEST(enabling_sees_chains_that_came_in_the_meantime),
	TEST(rewound_chains_do_not_keep_it_awake),
	SPLIT_TEST(chains_behind_the_fetched_ones_are_known),
};

const struct suite used_suite = { tests, ARRAY_SIZE(tests) };
