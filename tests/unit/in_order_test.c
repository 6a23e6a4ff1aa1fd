// SPDX-License-Identifier: GPL-2.0
/*
 * VIRTIO_F_IN_ORDER (2.7.9, 2.8.9): chains that nothing was written to share one used entry with
 * what follows them. Names are claims.
 */
#include "rig.h"

enum { R = 0, W = VRING_DESC_F_WRITE };

/* Chain @id has @descs descriptors, all for one direction; offer, expose, take and fill it. */
static void use(struct rig *rig, u16 id, unsigned int descs, u16 flags, u32 len)
{
	struct driver_buf buf[4];
	unsigned int i;

	for (i = 0; i < descs; i++)
		buf[i] = (struct driver_buf){ GPA_A, 1, flags };
	driver_describe(&rig->drv, id, buf, descs);
	rig_offer_one(rig, id);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), id);
	vhc_ring_fill(&rig->ring, &rig->chain, len);
}

static void use_bad(struct rig *rig, u16 id)
{
	rig_one_desc(rig, id, GPA_HOLE, 1, 0);
	rig_offer_one(rig, id);
	assert_int_equal(rig_take(rig), -EBADMSG);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
}

static void expect_back(struct rig *rig, u16 expected, u32 expected_len)
{
	u32 id, len;

	assert_true(driver_get_used(&rig->drv, &id, &len));
	assert_int_equal(id, expected);
	assert_int_equal(len, expected_len);
}

static void expect_no_more(struct rig *rig)
{
	u32 id, len;

	assert_false(driver_get_used(&rig->drv, &id, &len));
	assert_int_equal(rig->ring.used_idx, rig->drv.used_idx);
}

/* Where no entry was written there is what was before. */
static void wipe(struct rig *rig)
{
	if (!rig->drv.packed)
		memset(rig->drv.used->ring, 0xee, rig->drv.num * sizeof(rig->drv.used->ring[0]));
}

static void expect_unwritten(struct rig *rig, unsigned int n)
{
	const struct driver *d = &rig->drv;
	u16 at = rig_position(rig, n);

	if (d->packed)	/* available, as the driver wrote it */
		assert_int_equal(le16toh(d->ring[at & ~PACKED_WRAP].flags) &
				 (PACKED_AVAIL | PACKED_USED), packed_avail_flags(at));
	else
		assert_int_equal(d->used->ring[at & (d->num - 1)].id, 0xeeeeeeee);
}

static void readable_chains_share_an_entry(void **state)
{
	struct rig *rig = rig_new(8, IN_ORDER, 6);
	unsigned int i;

	(void)state;
	wipe(rig);
	for (i = 0; i < 5; i++)
		use(rig, i, 1, R, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 5);
	/* at the first one's place, it names the last one */
	rig_expect_used(rig, 0, 4, 0);
	for (i = 1; i < 5; i++)
		expect_unwritten(rig, i);
	for (i = 0; i < 4; i++)
		expect_back(rig, i, DRIVER_LEN_UNKNOWN);
	expect_back(rig, 4, 0);
	expect_no_more(rig);
	assert_int_equal(rig->ring.used_idx, rig_position(rig, 5));
	rig_free(rig);
}

static void each_publish_is_a_batch(void **state)
{
	struct rig *rig = rig_new(8, IN_ORDER, 6);
	unsigned int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		use(rig, 0, 1, R, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 1);
		rig_expect_used(rig, 2 * i, 0, 0);
		expect_back(rig, 0, 0);
		use(rig, 1, 1, R, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 1);
		expect_back(rig, 1, 0);
		expect_no_more(rig);
	}
	rig_free(rig);
}

static void writable_chains_have_their_own(void **state)
{
	struct rig *rig = rig_new(8, IN_ORDER, 6);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		use(rig, i, 1, W, i);
	assert_int_equal(vhc_ring_publish(&rig->ring), 4);
	for (i = 0; i < 4; i++)
		rig_expect_used(rig, i, i, i);
	for (i = 0; i < 4; i++)
		expect_back(rig, i, i);
	expect_no_more(rig);
	rig_free(rig);
}

static void bad_chains_have_their_own(void **state)
{
	struct rig *rig = rig_new(16, IN_ORDER, 14);

	(void)state;
	use_bad(rig, 1);
	use_bad(rig, 2);
	use(rig, 3, 1, R, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 3);
	rig_expect_used(rig, 0, 1, 0);
	rig_expect_used(rig, 1, 2, 0);
	rig_expect_used(rig, 2, 3, 0);
	expect_back(rig, 1, 0);
	expect_back(rig, 2, 0);
	expect_back(rig, 3, 0);
	expect_no_more(rig);
	rig_free(rig);
}

/* Of several descriptors each, with all kinds among them; at every place in the ring. */
static void batches_end_with_what_was_written_to(void **state)
{
	unsigned int start;

	(void)state;
	for (start = 0; start < 32; start++) {
		struct rig *rig = rig_new(16, IN_ORDER, start);
		const unsigned int d = rig->drv.packed;

		wipe(rig);
		use(rig, 0, 2, R, 0);
		use(rig, 2, 1, R, 0);
		use(rig, 4, 2, W, 7);
		use(rig, 6, 1, W, 8);
		use(rig, 7, 2, R, 0);
		use_bad(rig, 9);
		use(rig, 10, 2, R, 0);
		use(rig, 12, 1, R, 0);
		assert_int_equal(vhc_ring_publish(&rig->ring), 8);
		rig_expect_used(rig, 0, 4, 7);
		expect_unwritten(rig, 2);
		rig_expect_used(rig, d ? 5 : 3, 6, 8);
		rig_expect_used(rig, d ? 6 : 4, 9, 0);
		rig_expect_used(rig, d ? 9 : 6, 12, 0);
		assert_int_equal(rig->ring.used_idx, rig_position(rig, d ? 12 : 8));
		expect_back(rig, 0, DRIVER_LEN_UNKNOWN);
		expect_back(rig, 2, DRIVER_LEN_UNKNOWN);
		expect_back(rig, 4, 7);
		expect_back(rig, 6, 8);
		expect_back(rig, 7, DRIVER_LEN_UNKNOWN);
		expect_back(rig, 9, 0);
		expect_back(rig, 10, DRIVER_LEN_UNKNOWN);
		expect_back(rig, 12, 0);
		expect_no_more(rig);
		rig_free(rig);
	}
}

/* There is nothing in it that could be written. */
static void a_writable_chain_without_bytes_is_skipped(void **state)
{
	static const struct driver_buf empty = { GPA_A, 0, W };
	struct rig *rig = rig_new(8, IN_ORDER, 0);

	(void)state;
	driver_describe(&rig->drv, 1, &empty, 1);
	rig_offer_one(rig, 1);
	assert_int_equal(rig_take(rig), 1);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	use(rig, 2, 1, R, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 2);
	rig_expect_used(rig, 0, 2, 0);
	rig_free(rig);
}

static void rewound_chains_are_of_no_batch(void **state)
{
	struct rig *rig = rig_new(8, IN_ORDER, 6);
	u16 mark;

	(void)state;
	wipe(rig);
	use(rig, 0, 1, R, 0);
	use(rig, 1, 1, R, 0);
	rig_mark(rig);
	mark = vhc_ring_next_avail(&rig->ring);
	use(rig, 2, 1, R, 0);
	use(rig, 3, 1, W, 3);
	rig_rewind(rig);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), mark);
	assert_int_equal(vhc_ring_filled(&rig->ring), 2);
	assert_int_equal(vhc_ring_publish(&rig->ring), 2);
	rig_expect_used(rig, 0, 1, 0);
	expect_unwritten(rig, 1);
	expect_back(rig, 0, DRIVER_LEN_UNKNOWN);
	expect_back(rig, 1, 0);
	expect_no_more(rig);

	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), 2);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	assert_int_equal(rig_take(rig), 1);
	vhc_ring_fill(&rig->ring, &rig->chain, 3);
	assert_int_equal(vhc_ring_publish(&rig->ring), 2);
	rig_expect_used(rig, 2, 3, 3);
	expect_back(rig, 2, DRIVER_LEN_UNKNOWN);
	expect_back(rig, 3, 3);
	rig_free(rig);
}

/* They are lost; what comes behind is where the driver expects it. */
static void a_batch_that_cannot_be_written(void **state)
{
	struct rig *rig = rig_new(8, IN_ORDER, 0);
	const struct driver *d = &rig->drv;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		use(rig, i, 1, R, 0);
	guest_fault_at(d->packed ? (void *)&d->ring[0].len : &d->used->ring[0].len, 4, true);
	assert_int_equal(vhc_ring_publish(&rig->ring), -EFAULT);
	guest_fault_off();
	assert_int_equal(rig->ring.used_idx, rig_position(rig, d->packed ? 3 : 0));
	use(rig, 3, 1, R, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 1);
	rig_expect_used(rig, d->packed ? 3 : 0, 3, 0);
	rig_free(rig);
}

/* The short way, in one step, of chains that take need not look at. */
static void use_plain(unsigned int features)
{
	struct rig *rig = rig_new(8, features, 6);
	const struct vhc_fetched *fetched;
	struct iovec iov;
	unsigned int i;

	for (i = 0; i < 4; i++)
		rig_one_desc(rig, i, GPA_A + i, 1, i < 3 ? R : W);
	rig_offer_range(rig, 0, 4);
	assert_null(vhc_ring_peek_plain(&rig->ring, R, &iov));
	assert_int_equal(rig_take(rig), 1);
	vhc_ring_fill(&rig->ring, &rig->chain, 0);
	for (i = 1; i < 4; i++) {
		assert_null(vhc_ring_peek_plain(&rig->ring, i < 3 ? W : R, &iov));
		fetched = vhc_ring_peek_plain(&rig->ring, i < 3 ? R : W, &iov);
		assert_non_null(fetched);
		assert_int_equal((u64)iov.iov_base, HVA_A + i);
		assert_int_equal(iov.iov_len, 1);
		vhc_ring_use_plain(&rig->ring, fetched, i < 3 ? 0 : 1);
	}
	assert_int_equal(vhc_ring_filled(&rig->ring), 4);
	assert_null(vhc_ring_peek_plain(&rig->ring, R, &iov));
	assert_int_equal(vhc_ring_publish(&rig->ring), 4);
	for (i = 0; i < 3; i++)
		expect_back(rig, i, features ? ~0U : 0);
	expect_back(rig, 3, 1);
	expect_no_more(rig);
	rig_free(rig);
}

static void plain_chains_are_used_in_one_step(void **state)
{
	(void)state;
	use_plain(0);
	use_plain(IN_ORDER);
}

static void without_in_order_each_has_its_own(void **state)
{
	struct rig *rig = rig_new(8, 0, 6);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		use(rig, i, 1, R, 0);
	assert_int_equal(vhc_ring_publish(&rig->ring), 3);
	for (i = 0; i < 3; i++)
		rig_expect_used(rig, i, i, 0);
	rig_free(rig);
}

static const struct test tests[] = {
	TEST(readable_chains_share_an_entry),
	TEST(each_publish_is_a_batch),
	TEST(writable_chains_have_their_own),
	TEST(bad_chains_have_their_own),
	TEST(batches_end_with_what_was_written_to),
	TEST(a_writable_chain_without_bytes_is_skipped),
	TEST(rewound_chains_are_of_no_batch),
	TEST(a_batch_that_cannot_be_written),
	TEST(plain_chains_are_used_in_one_step),
	TEST(without_in_order_each_has_its_own),
};

const struct suite in_order_suite = { tests, ARRAY_SIZE(tests) };
