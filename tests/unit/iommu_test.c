// SPDX-License-Identifier: GPL-2.0
/*
 * Rings behind an IOMMU: in pages that are anywhere, with translations that are not there
 * yet; and the log of what is written to the ring. Names are claims.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

enum {
	AREA_PAGES = 12,	/* room for each area of a ring of 2048, at any offset */
	AREA_SIZE = AREA_PAGES * VHC_RING_PAGE,
	BEHIND = 64,		/* bytes behind an area that must not be logged */
};

/* One area: whole for the driver, with its pages in reverse order for the engine. */
struct scattered {
	char *whole;
	char *reversed;
	unsigned long page[AREA_PAGES];
};

/*
 * The engine gets addresses of the guest's, at which this process has nothing. @offset is
 * where the area begins in its first page.
 */
static void *scatter(struct scattered *area, struct vhc_area *to, unsigned long guest,
		     unsigned int offset)
{
	int fd = memfd_create("ring", 0);
	unsigned int i;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, AREA_SIZE), 0);
	area->whole = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	area->reversed = mmap(NULL, AREA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < AREA_PAGES; i++) {
		void *at = area->reversed + (AREA_PAGES - 1 - i) * VHC_RING_PAGE;

		at = mmap(at, VHC_RING_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			  i * VHC_RING_PAGE);
		assert_ptr_not_equal(at, MAP_FAILED);
		area->page[i] = (unsigned long)at;
	}
	close(fd);
	guest_share(area->reversed, AREA_SIZE);
	to->start = guest + offset;
	to->page = area->page;
	return area->whole + offset;
}

static void gather(struct scattered *area)
{
	munmap(area->whole, AREA_SIZE);
	munmap(area->reversed, AREA_SIZE);
}

/* What the engine said that it wrote, by area. */
struct log {
	unsigned char said[AREA_SIZE];
	unsigned char before[AREA_SIZE];
};

static struct log written[2];
static unsigned int log_calls;

static void log_written(void *opaque, enum vhc_ring_area area, u32 offset, u32 len)
{
	(void)opaque;
	assert_true(guest_idle());
	assert_true(area == VHC_AREA_USED || area == VHC_AREA_DESC);
	assert_true(len && offset + len <= AREA_SIZE);
	memset(written[area].said + offset, 1, len);
	log_calls++;
}

static void log_from_now(enum vhc_ring_area area, const void *memory, size_t size)
{
	memset(written[area].said, 0, size + BEHIND);
	memcpy(written[area].before, memory, size);
}

/* Each byte that changed was said, and none behind the area. */
static void log_is_right(enum vhc_ring_area area, const void *memory, size_t size)
{
	size_t i;

	for (i = 0; i < size + BEHIND; i++) {
		if (i >= size)
			assert_false(written[area].said[i]);
		else if (((const unsigned char *)memory)[i] != written[area].before[i])
			assert_true(written[area].said[i]);
	}
}

struct scattered_rig {
	struct rig *rig;
	struct scattered desc, avail, used;
	struct vhc_ring_size size;
};

static void scattered_log_from_now(struct scattered_rig *s)
{
	log_from_now(VHC_AREA_USED, s->rig->drv.used, s->size.used);
	log_from_now(VHC_AREA_DESC, s->rig->drv.desc, s->size.desc);
}

static void scattered_log_is_right(struct scattered_rig *s)
{
	log_is_right(VHC_AREA_USED, s->rig->drv.used, s->size.used);
	log_is_right(VHC_AREA_DESC, s->rig->drv.desc, s->size.desc);
}

/* The driver of a usual rig, moved to other memory. */
static void open_scattered(struct scattered_rig *s, unsigned int num, unsigned int features,
			   u16 start)
{
	struct driver *d;
	struct vhc_ring *ring;

	s->rig = rig_new(num, features, start);
	d = &s->rig->drv;
	ring = &s->rig->ring;
	d->desc = scatter(&s->desc, &ring->desc_area, 0x10000000, 48);
	/* An index, or a packed ring's position, at the end of a page, all else in the next. */
	d->avail = scatter(&s->avail, &ring->avail_area, 0x20000000, 4094);
	/* A multiple of 8: entries lie across pages. */
	d->used = scatter(&s->used, &ring->used_area, 0x30000000, 4088);
	s->size = vhc_ring_size(ring, num);
	assert_int_equal(s->size.desc, 16 * num);
	assert_int_equal(s->size.used, d->packed ? 4 : 4 + 8 * num + (d->event_idx ? 2 : 0));
	assert_int_equal(s->size.avail, d->packed ? 4 : 4 + 2 * num + (d->event_idx ? 2 : 0));
	assert_int_equal(s->size.desc_written, d->packed);
	driver_start(d, s->rig->start, s->rig->start);
	vhc_ring_set_addr(ring, (void *)ring->desc_area.start, (void *)ring->avail_area.start,
			  (void *)ring->used_area.start, num);
	ring->scattered = true;
	ring->log = log_written;
	vhc_ring_start(ring, s->rig->start, s->rig->start);
}

static void close_scattered(struct scattered_rig *s)
{
	gather(&s->desc);
	gather(&s->avail);
	gather(&s->used);
	rig_free(s->rig);
}

static void check_scattered(unsigned int num, unsigned int features)
{
	u64 random = 88172645463325252ULL;
	struct scattered_rig s;
	struct vhc_ring *ring;
	unsigned int round, i;
	struct rig *rig;
	u32 next = 0;

	open_scattered(&s, num, features, 65000);
	rig = s.rig;
	ring = &rig->ring;
	for (i = 0; i < num; i++)
		rig_simple(rig, i);
	for (round = 0; round < num / 16 + 50; round++) {
		unsigned int count = 1 + rnd(&random) % (num < 2 * VHC_BATCH ? num : 2 * VHC_BATCH);

		scattered_log_from_now(&s);
		assert_int_equal(vhc_ring_disable_notify(ring), 0);
		/* The driver's own writes are none of ours. */
		rig_offer_range(rig, next, count);
		log_from_now(VHC_AREA_DESC, rig->drv.desc, s.size.desc);
		for (i = 0; i < count; i++) {
			rig_expect_simple(rig, (next + i) % num);
			rig->chain.in_len = 1;
			vhc_ring_fill(ring, &rig->chain, round);
		}
		rig->taken_num = 0;
		assert_int_equal(vhc_ring_publish(ring), count);
		assert_int_equal(rig->ring.used_idx, rig_position(rig, next + count));
		assert_in_range(vhc_ring_need_signal(ring), 0, 1);
		assert_int_equal(vhc_ring_enable_notify(ring), 0);
		scattered_log_is_right(&s);
		for (i = 0; i < count; i++)
			rig_expect_used(rig, next + i, (next + i) % num, round);
		next += count;
	}
	assert_true(log_calls > round);
	close_scattered(&s);
}

static void scattered_rings_are_rings(void **state)
{
	static const unsigned int sizes[] = { 1, 2, 3, 100, 256, 2048 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (!rig_num_ok(sizes[i]))
			continue;
		check_scattered(sizes[i], 0);
		check_scattered(sizes[i], EVENT_IDX);
		check_scattered(sizes[i], EVENT_IDX | IN_ORDER);
	}
}

static void chains_of_scattered_rings_have_links(void **state)
{
	struct scattered_rig s;

	(void)state;
	open_scattered(&s, 16, 0, 65000);
	rig_offer_bytes(s.rig, 5, 3);
	assert_int_equal(rig_take(s.rig), 1);
	assert_int_equal(s.rig->chain.out_num, 3);
	rig_expect_seg(s.rig, 2, HVA_A + 2, 1);
	close_scattered(&s);
}

/* ---- a translation that is not there yet ---- */

static void untranslated(struct rig *rig, u64 start, u64 size)
{
	rig->map.again_start = start;
	rig->map.again_size = size;
	vhc_ring_forget_memory(&rig->ring);
}

static void a_chain_without_translation_is_not_taken(void **state)
{
	struct rig *rig = rig_new(256, 0, 65535);
	unsigned int i;

	(void)state;
	for (i = 0; i < 10; i++)
		rig_simple(rig, i);
	rig_offer_range(rig, 0, 10);
	rig_expect_simple(rig, 0);
	untranslated(rig, GPA_A, PART);
	for (i = 0; i < 3; i++)
		assert_int_equal(rig_take(rig), -EAGAIN);
	assert_false(rig->map.last_write);
	untranslated(rig, 0, 0);
	for (i = 1; i < 10; i++)
		rig_expect_simple(rig, i);
	assert_int_equal(rig_take(rig), 0);
	rig_free(rig);
}

static void a_later_buffer_without_translation_counts_too(void **state)
{
	struct rig *rig = rig_new(256, 0, 0);
	static const struct driver_buf buf[] = {
		{ GPA_A, 100, 0 }, { GPA_B, 200, VRING_DESC_F_WRITE },
	};
	struct driver *d = &rig->drv;

	(void)state;
	driver_describe(d, 0, buf, 2);
	rig_offer_one(rig, 0);
	untranslated(rig, GPA_B, PART);
	assert_int_equal(rig_take(rig), -EAGAIN);
	assert_true(rig->map.last_write);
	untranslated(rig, 0, 0);
	assert_int_equal(rig_take(rig), 1);

	/* A buffer that begins in one window and ends in one that is not there. */
	rig_one_desc(rig, 0, GPA_B - 10, 100, 0);
	rig_offer_one(rig, 0);
	untranslated(rig, GPA_B, PART);
	assert_int_equal(rig_take(rig), -EAGAIN);
	untranslated(rig, 0, 0);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_num, 2);
	rig_free(rig);
}

static void an_indirect_table_without_translation_counts_too(void **state)
{
	struct rig *rig = rig_new(256, 0, 0);
	const struct driver_buf buf = { GPA_A, 100, 0 };

	(void)state;
	driver_table(&rig->drv, rig_table(rig, 0), &buf, 1);
	rig_table_sync(rig);
	rig_one_desc(rig, 0, GPA_TABLE, 16, VRING_DESC_F_INDIRECT);
	rig_offer_one(rig, 0);
	untranslated(rig, GPA_TABLE, TABLE_SIZE);
	assert_int_equal(rig_take(rig), -EAGAIN);
	untranslated(rig, 0, 0);
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.out_len, 100);
	rig_free(rig);
}

/* Bad beats unknown: there is nothing to wait for, but the next chain must not wait either. */
static void a_bad_chain_behind_an_untranslated_one_is_bad(void **state)
{
	struct rig *rig = rig_new(256, 0, 0);

	(void)state;
	rig_simple(rig, 0);
	rig_one_desc(rig, 1, GPA_HOLE, 100, 0);
	rig_offer_range(rig, 0, 2);
	untranslated(rig, GPA_A, PART);
	assert_int_equal(rig_take(rig), -EAGAIN);
	untranslated(rig, 0, 0);
	rig_expect_simple(rig, 0);
	assert_int_equal(rig_take(rig), -EBADMSG);
	assert_int_equal(rig->chain.bad, VHOST_CUSTOM_BAD_ADDRESS);
	rig_free(rig);
}

static const struct test tests[] = {
	TEST(scattered_rings_are_rings),
	TEST(chains_of_scattered_rings_have_links),
	TEST(a_chain_without_translation_is_not_taken),
	TEST(a_later_buffer_without_translation_counts_too),
	TEST(an_indirect_table_without_translation_counts_too),
	TEST(a_bad_chain_behind_an_untranslated_one_is_bad),
};

const struct suite iommu_suite = { tests, ARRAY_SIZE(tests) };
