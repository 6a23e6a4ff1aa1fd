// SPDX-License-Identifier: GPL-2.0
/*
 * Rings that make no sense, or cannot be accessed. They must work again once that is
 * over. Names are claims.
 */
#include "rig.h"

static void index_jump(unsigned int num, u16 at, u16 by, int expected)
{
	struct rig *rig = rig_new(num, EVENT_IDX, at);
	unsigned int i;

	for (i = 0; i < num; i++) {
		rig_simple(rig, i);
		driver_offer(&rig->drv, i);
	}
	driver_set_idx(&rig->drv, at + by);
	for (i = 0; i < 2; i++)		/* it stays bad, and nothing was taken */
		assert_int_equal(rig_take(rig), expected);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), expected);
	vhc_ring_forget_memory(&rig->ring);
	assert_int_equal(rig_take(rig), expected);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), expected);

	driver_set_idx(&rig->drv, at + 1);
	rig_expect_simple(rig, 0);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void index_that_moved_by_more_than_the_ring_size(void **state)
{
	static const u16 at[] = { 0, 1, 255, 32768, 65535 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		index_jump(256, at[i], 257, -EINVAL);
		index_jump(256, at[i], 32768, -EINVAL);
		index_jump(1, at[i], 2, -EINVAL);
		index_jump(32768, at[i], 32769, -EINVAL);
	}
}

static void index_that_moved_backwards(void **state)
{
	(void)state;
	index_jump(256, 0, -1, -EINVAL);
	index_jump(256, 5, -5, -EINVAL);
	index_jump(32768, 5, -1, -EINVAL);
	index_jump(1, 5, -1, -EINVAL);
}

static void index_that_moved_by_the_ring_size_is_good(void **state)
{
	static const unsigned int nums[] = { 1, 2, 256, 32768 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		struct rig *rig = rig_new(nums[i], 0, 65535);

		rig_simple(rig, 0);
		driver_set_idx(&rig->drv, 65535 + nums[i]);
		rig_expect_simple(rig, 0);
		vhc_ring_put_back(&rig->ring);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
		rig_free(rig);
	}
}

/* RX put chains back, and the driver takes them away: not what was agreed on. */
static void index_that_moved_back_behind_what_was_seen(void **state)
{
	struct rig *rig = rig_new(256, EVENT_IDX, 65530);
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 10);
	rig_expect_simple(rig, 0);
	rig_expect_simple(rig, 1);
	vhc_ring_put_back(&rig->ring);
	driver_set_idx(&rig->drv, (u16)(65530 + 3));
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EINVAL);
	driver_set_idx(&rig->drv, (u16)(65530 + 10));
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	for (i = 1; i < 10; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void ring_memory_that_cannot_be_read(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		struct rig *rig = rig_new(256, EVENT_IDX, 250);
		struct driver *d = &rig->drv;
		const void *word[] = {
			&d->avail->idx, &d->avail->ring[(250 + 20) % 256], &d->desc[20],
			&d->desc[20].flags, &d->desc[0],
		};
		unsigned int k;

		for (k = 0; k < 256; k++)
			rig_simple(rig, k);
		rig_offer_range(rig, 0, 30);
		guest_fault_at(word[i], 2, false);
		assert_int_equal(rig_take(rig), -EFAULT);
		assert_int_equal(rig_take(rig), -EFAULT);
		vhc_ring_forget_memory(&rig->ring);
		assert_int_equal(rig_take(rig), -EFAULT);
		assert_int_equal(vhc_ring_enable_notify(&rig->ring), i ? 0 : -EFAULT);
		assert_int_equal(vhc_ring_next_avail(&rig->ring), 250);
		guest_fault_off();
		for (k = 0; k < 30; k++)
			rig_expect_simple(rig, k);
		rig_free(rig);
	}
}

static void ring_memory_that_is_not_user_memory(void **state)
{
	struct rig *rig = rig_new(256, EVENT_IDX, 0);
	struct driver *d = &rig->drv;
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 100);
	for (i = 0; i < VHC_BATCH; i++)
		rig_expect_simple(rig, i);
	guest_fault_at(d->avail, sizeof(*d->avail) + 257 * sizeof(u16), false);
	assert_int_equal(rig_take(rig), -EFAULT);
	guest_fault_at(d->desc, 256 * sizeof(*d->desc), false);
	assert_int_equal(rig_take(rig), -EFAULT);
	guest_fault_off();
	for (; i < 100; i++)
		rig_expect_simple(rig, i);

	rig_fill(rig, 1, 100);
	guest_fault_at(d->used, sizeof(*d->used) + 256 * sizeof(d->used->ring[0]), true);
	assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
	assert_true(guest_idle());
	guest_fault_off();
	assert_int_equal(d->used->idx, 0);
	rig_free(rig);
}

static void used_ring_that_cannot_be_written(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct rig *rig = rig_new(16, 0, 15);
		struct driver *d = &rig->drv;
		const void *word[] = { &d->used->ring[1].len, &d->used->ring[15], &d->used->idx };

		rig_fill(rig, 1, 100);
		rig_fill(rig, 2, 200);
		rig_fill(rig, 3, 300);
		guest_fault_at(word[i], 2, true);
		assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
		assert_true(guest_idle());
		guest_fault_off();
		assert_int_equal(rig->ring.used_idx, 15);
		assert_int_equal(d->used->idx, 15);

		/* they are lost; the next ones are not */
		assert_int_equal(vhc_ring_publish(&rig->ring), 0);
		rig_fill(rig, 4, 400);
		assert_int_equal(vhc_ring_publish(&rig->ring), 1);
		assert_int_equal(d->used->idx, 16);
		assert_int_equal(d->used->ring[15].id, 4);
		rig_free(rig);
	}
}

static void wishes_that_cannot_be_read_or_written(void **state)
{
	struct rig *rig = rig_new(16, 0, 0);

	(void)state;
	guest_fault_at(&rig->drv.avail->flags, 2, false);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), -EFAULT);
	guest_fault_at(&rig->drv.used->flags, 2, true);
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), -EFAULT);
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), -EFAULT);
	guest_fault_off();
	assert_int_equal(vhc_ring_disable_notify(&rig->ring), 0);
	assert_int_equal(rig->drv.used->flags, VRING_USED_F_NO_NOTIFY);
	guest_fault_at(&rig->drv.used->flags, 2, true);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EFAULT);
	guest_fault_off();
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	assert_int_equal(rig->drv.used->flags, 0);
	rig_free(rig);

	rig = rig_new(16, EVENT_IDX, 0);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), 1);
	guest_fault_at(&rig->drv.avail->ring[16], 2, false);
	assert_int_equal(vhc_ring_need_signal(&rig->ring), -EFAULT);
	guest_fault_at(&rig->drv.used->ring[16], 2, true);
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), -EFAULT);
	guest_fault_off();
	assert_int_equal(vhc_ring_enable_notify(&rig->ring), 0);
	rig_free(rig);
}

static const struct test tests[] = {
	SPLIT_TEST(index_that_moved_by_more_than_the_ring_size),
	SPLIT_TEST(index_that_moved_backwards),
	SPLIT_TEST(index_that_moved_by_the_ring_size_is_good),
	SPLIT_TEST(index_that_moved_back_behind_what_was_seen),
	SPLIT_TEST(ring_memory_that_cannot_be_read),
	SPLIT_TEST(ring_memory_that_is_not_user_memory),
	SPLIT_TEST(used_ring_that_cannot_be_written),
	SPLIT_TEST(wishes_that_cannot_be_read_or_written),
};

const struct suite broken_suite = { tests, ARRAY_SIZE(tests) };
