// SPDX-License-Identifier: GPL-2.0
/*
 * The event structures of a packed ring (2.8.10): who wants to be woken when. Names are
 * claims.
 */
#include "rig.h"

enum {
	ENABLE = VRING_PACKED_EVENT_FLAG_ENABLE,
	DISABLE = VRING_PACKED_EVENT_FLAG_DISABLE,
	DESC = VRING_PACKED_EVENT_FLAG_DESC,
};

static void wish(struct rig *rig, u16 off_wrap, u16 flags)
{
	rig->drv.driver_event->off_wrap = htole16(off_wrap);
	rig->drv.driver_event->flags = htole16(flags);
}

static void publish(struct rig *rig, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		rig_fill(rig, i, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), count);
}

static void expect_signal(struct rig *rig, int expected)
{
	assert_int_equal(vhc_ring_need_signal(&rig->ring), expected);
}

static void the_drivers_flags_decide(void **state)
{
	unsigned int features;

	(void)state;
	for (features = 0; features <= EVENT_IDX; features += EVENT_IDX) {
		struct rig *rig = rig_new(5, features | NOTIFY_ON_EMPTY, 3);
		unsigned int i;

		for (i = 0; i < 12; i++) {
			publish(rig, 1);
			wish(rig, 0, i % 2 ? ENABLE : DISABLE);
			expect_signal(rig, i % 2);
		}
		rig_free(rig);
	}
}

static void flags_that_make_no_sense_ask_for_signals(void **state)
{
	static const u16 flags[] = { 3, 4, 5, 6, 0x8001, 0x8002, 0xffff };
	struct rig *rig = rig_new(16, EVENT_IDX, 3);
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		wish(rig, rig_position(rig, 20), flags[i]);
		publish(rig, 1);
		expect_signal(rig, 1);
	}
	rig_free(rig);
}

static void without_event_idx_no_position_counts(void **state)
{
	struct rig *rig = rig_new(16, 0, 3);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		wish(rig, rig_position(rig, 20), DESC);
		publish(rig, 1);
		expect_signal(rig, 1);
	}
	rig_free(rig);
}

static void the_first_signal_is_always_sent(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 3);

	(void)state;
	wish(rig, rig_position(rig, 10), DESC);
	publish(rig, 1);
	expect_signal(rig, 1);
	publish(rig, 1);
	expect_signal(rig, 0);
	vhc_ring_start(&rig->ring, rig->ring.used_idx, rig->ring.used_idx);
	publish(rig, 1);
	expect_signal(rig, 1);
	rig_free(rig);
}

/* From everywhere, for each number of descriptors, each position that the driver may name. */
static void positions_of(unsigned int num)
{
	struct rig *rig = rig_new(num, EVENT_IDX, 0);
	unsigned int old, count, event;

	for (old = 0; old < 2 * num; old++) {
		for (count = 1; count <= num; count++) {
			for (event = 0; event < 2 * num; event++) {
				const u16 at = rig_position(rig, old);

				vhc_ring_start(&rig->ring, at, at);
				expect_signal(rig, 1);
				wish(rig, driver_advance(&rig->drv, at, event), DESC);
				publish(rig, count);
				expect_signal(rig, event < count);
			}
		}
	}
	rig_free(rig);
}

static void the_driver_names_a_position(void **state)
{
	(void)state;
	positions_of(1);
	positions_of(2);
	positions_of(3);
	positions_of(5);
}

static void positions_beyond_the_ring_ask_for_signals(void **state)
{
	static const u16 off[] = { 5, 6, 0x7fff };
	struct rig *rig = rig_new(5, EVENT_IDX, 0);
	unsigned int i, wrap;

	(void)state;
	expect_signal(rig, 1);
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		for (wrap = 0; wrap < 2; wrap++) {
			wish(rig, off[i] | (wrap ? PACKED_WRAP : 0), DESC);
			publish(rig, 1);
			expect_signal(rig, 1);
		}
	}
	rig_free(rig);
}

/* A signal that it did not want is no reason to send the next one. */
static void descriptors_while_it_was_disabled_are_past(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 0);

	(void)state;
	expect_signal(rig, 1);
	wish(rig, 0, DISABLE);
	publish(rig, 3);
	expect_signal(rig, 0);
	wish(rig, rig_position(rig, 2), DESC);
	publish(rig, 1);
	expect_signal(rig, 0);
	wish(rig, rig_position(rig, 4), DESC);
	publish(rig, 1);
	expect_signal(rig, 1);
	rig_free(rig);
}

static void a_wish_that_cannot_be_read(void **state)
{
	struct rig *rig = rig_new(4, EVENT_IDX, 0);
	unsigned int i;

	(void)state;
	expect_signal(rig, 1);
	wish(rig, 0, DESC);
	guest_fault_at(&rig->drv.driver_event->off_wrap, 2, false);
	expect_signal(rig, -EFAULT);
	guest_fault_at(&rig->drv.driver_event->flags, 2, false);
	expect_signal(rig, -EFAULT);
	/* Around twice: the driver was woken each time, and nothing is owed. */
	for (i = 0; i < 7; i++) {
		publish(rig, 1);
		expect_signal(rig, -EFAULT);
	}
	guest_fault_off();
	wish(rig, rig->ring.used_idx, DESC);
	publish(rig, 1);
	expect_signal(rig, 1);
	publish(rig, 1);
	expect_signal(rig, 0);
	rig_free(rig);
}

/* No one is asked then; the positions go on all the same. */
static void descriptors_that_were_lost_are_past(void **state)
{
	struct rig *rig = rig_new(4, EVENT_IDX, 0);
	unsigned int i;

	(void)state;
	expect_signal(rig, 1);
	guest_fault_at(rig->drv.ring, 64, true);
	for (i = 0; i < 7; i++) {
		rig_fill(rig, 0, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
	}
	guest_fault_off();
	wish(rig, rig->ring.used_idx, DESC);
	publish(rig, 1);
	expect_signal(rig, 1);
	rig_free(rig);
}

/*
 * Signals may be moderated: then all of the ring goes around, and more, before the driver is asked.
 */
static void a_wish_is_seen_however_much_was_published(void **state)
{
	static const unsigned int sizes[] = { 1, 3, 256 };
	unsigned int i, j, more;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (more = 0; more < 3; more++) {
			struct rig *rig = rig_new(sizes[i], EVENT_IDX, 0);

			expect_signal(rig, 1);
			for (j = 0; j < 2 * sizes[i] + more; j++) {
				wish(rig, rig->ring.used_idx, DESC);
				publish(rig, 1);
			}
			expect_signal(rig, 1);
			rig_free(rig);
		}
	}
}

/* Kicks */

static void expect_event(struct rig *rig, u16 off_wrap, u16 flags)
{
	assert_int_equal(le16toh(rig->drv.device_event->off_wrap), off_wrap);
	assert_int_equal(le16toh(rig->drv.device_event->flags), flags);
}

static void the_devices_flags_ask_for_kicks(void **state)
{
	struct rig *rig = rig_new(5, 0, 3);
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
		expect_event(rig, 0, DISABLE);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		expect_event(rig, 0, ENABLE);
	}
	rig_free(rig);
}

/* It is written once; the driver's memory is not looked at. */
static void disabling_again_writes_nothing(void **state)
{
	struct rig *rig = rig_new(5, EVENT_IDX, 3);
	unsigned long before;

	(void)state;
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	before = guest_accesses;
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	assert_true(guest_accesses == before);
	/* A new start does not know what is there. */
	vhc_ring_start(&rig->ring, rig->start, rig->start);
	rig->drv.device_event->flags = ENABLE;
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	expect_event(rig, 0, DISABLE);
	rig_free(rig);
}

static void with_event_idx_a_position_asks_for_kicks(void **state)
{
	unsigned int num, start;

	(void)state;
	for (num = 1; num <= 5; num++) {
		for (start = 0; start < 2 * num; start++) {
			struct rig *rig = rig_new(num, EVENT_IDX, start);

			assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
			rig_simple(rig, 0);
			rig_offer_one(rig, 0);
			assert_false(driver_must_kick(&rig->drv));
			rig_expect_simple(rig, 0);
			rig_finish(rig);
			assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
			expect_event(rig, rig_position(rig, 1), DESC);
			rig_offer_one(rig, 0);
			assert_true(driver_must_kick(&rig->drv));
			if (num > 1) {
				rig_offer_one(rig, 0);
				assert_false(driver_must_kick(&rig->drv));
			}
			rig_free(rig);
		}
	}
}

static void enabling_looks_once_more(void **state)
{
	unsigned int features;

	(void)state;
	for (features = 0; features <= EVENT_IDX; features += EVENT_IDX) {
		struct rig *rig = rig_new(5, features, 3);
		static const struct driver_buf two[] = { { GPA_A, 1, 0 }, { GPA_A, 1, 0 } };

		driver_describe(&rig->drv, 1, two, 2);
		rig_simple(rig, 2);
		rig_offer_one(rig, 1);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		assert_int_equal(rig_take(rig), 1);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		expect_event(rig, features ? rig_position(rig, 2) : 0, features ? DESC : ENABLE);
		rig_offer_one(rig, 2);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 1);
		rig_expect_simple(rig, 2);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		rig_free(rig);
	}
}

static void wishes_that_cannot_be_written(void **state)
{
	struct rig *rig = rig_new(16, EVENT_IDX, 0);

	(void)state;
	guest_fault_at(rig->drv.device_event, 4, true);
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), -EFAULT);
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), -EFAULT);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EFAULT);
	guest_fault_off();
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	expect_event(rig, 0, DISABLE);
	guest_fault_at(rig->drv.device_event, 4, true);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EFAULT);
	guest_fault_off();
	/* It is still off. */
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	expect_event(rig, 0, DISABLE);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	expect_event(rig, rig->start, DESC);
	rig_free(rig);
}

static const struct test tests[] = {
	PACKED_TEST(the_drivers_flags_decide),
	PACKED_TEST(flags_that_make_no_sense_ask_for_signals),
	PACKED_TEST(without_event_idx_no_position_counts),
	PACKED_TEST(the_first_signal_is_always_sent),
	PACKED_TEST(the_driver_names_a_position),
	PACKED_TEST(positions_beyond_the_ring_ask_for_signals),
	PACKED_TEST(descriptors_while_it_was_disabled_are_past),
	PACKED_TEST(a_wish_that_cannot_be_read),
	PACKED_TEST(descriptors_that_were_lost_are_past),
	PACKED_TEST(a_wish_is_seen_however_much_was_published),
	PACKED_TEST(the_devices_flags_ask_for_kicks),
	PACKED_TEST(disabling_again_writes_nothing),
	PACKED_TEST(with_event_idx_a_position_asks_for_kicks),
	PACKED_TEST(enabling_looks_once_more),
	PACKED_TEST(wishes_that_cannot_be_written),
};

const struct suite event_suite = { tests, ARRAY_SIZE(tests) };
