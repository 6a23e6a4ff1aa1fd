// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that writes anything anywhere while the device works. Whatever comes out must
 * stay inside of guest memory, after bounded work. guest.c ends the program if the engine
 * leaves the memory that it was given.
 *
 * TAKES= sets how many chains are taken from each ring, SEED= the random numbers.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "rig.h"

enum {
	/*
	 * The index, a batch of heads, four words of each descriptor, some table parts. A packed
	 * ring's chains are followed to their end: another word for each descriptor.
	 */
	MOST_ACCESSES = 3 + VHC_BATCH + 4 * VHC_CHAIN_MAX + 16,
	MOST_TRANSLATIONS = VHC_CHAIN_MAX + 1 + 16,
};

struct hostile {
	struct rig *rig;
	u64 rnd;
	bool stop;
	u16 next_avail;		/* as the device says */
};

static void put16(void *at, u16 value)
{
	__atomic_store_n((u16 *)at, value, __ATOMIC_RELAXED);
}

static void put32(void *at, u32 value)
{
	__atomic_store_n((u32 *)at, value, __ATOMIC_RELAXED);
}

/* Most of the time a value that gets past a check or two. */
static void scribble_desc(struct hostile *h, struct vring_desc *desc, unsigned int num)
{
	static const u64 gpa[] = {
		GPA_A, GPA_B - 4, GPA_C, GPA_RO, GPA_WO, GPA_TABLE, GPA_TABLE + TABLE_SPLIT - 8,
		GPA_HOLE - 4, -8ULL,
	};
	static const u32 lens[] = { 0, 1, 8, 16, 32, 1024 * 16, 65536 * 16, PART + 2, -1 };
	u32 r = rnd(&h->rnd);

	switch (r % 8) {
	case 0:
	case 1:
		__atomic_store_n((u64 *)&desc->addr, gpa[r / 8 % ARRAY_SIZE(gpa)],
				 __ATOMIC_RELAXED);
		break;
	case 2:
	case 3:
		put32(&desc->len, lens[r / 8 % ARRAY_SIZE(lens)]);
		break;
	case 4:
	case 5:
		put16(&desc->flags, r / 8 % 8 & (r & 0x10000 ? 1 : 7));
		break;
	case 6:
		put16(&desc->next, r / 8 % (num + 1));
		break;
	default:
		put32((u32 *)desc + r / 8 % 4, rnd(&h->rnd));
	}
}

static u16 packed_position(struct hostile *h)
{
	u16 at = __atomic_load_n(&h->next_avail, __ATOMIC_RELAXED);

	return packed_advance(&h->rig->drv, at, rnd(&h->rnd) % (h->rig->drv.num + 1));
}

static void scribble_packed(struct hostile *h)
{
	struct driver *d = &h->rig->drv;
	u32 r = rnd(&h->rnd);
	u16 at = packed_position(h);
	struct vring_packed_desc *desc = &d->ring[at & ~PACKED_WRAP];

	switch (r % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:		/* NEXT alone is likely: chains get long */
		put16(&desc->flags, packed_avail_flags(at) | (r >> 8 & (r & 0x10000 ? 1 : 7)));
		break;
	case 6:
		put16(&desc->flags, r >> 16);
		break;
	case 7:
		put32(d->driver_event, r & 0x100 ? rnd(&h->rnd) : at | 2 << 16);
		break;
	case 8:
		put32(d->device_event, rnd(&h->rnd));
		break;
	case 9:
	case 10:
	case 11:
		scribble_desc(h, (struct vring_desc *)h->rig->table_part[0] + (r >> 8) % 0x800,
			      0x400);
		break;
	case 12:
		scribble_desc(h, (struct vring_desc *)desc, d->num);
		break;
	default:
		__atomic_store_n((u64 *)&desc->addr, GPA_TABLE + (r >> 8) % 64 * 8,
				 __ATOMIC_RELAXED);
		put32(&desc->len, (r >> 14) % 2000 * 16);
	}
}

static void scribble(struct hostile *h)
{
	struct rig *rig = h->rig;
	struct driver *d = &rig->drv;
	u32 r = rnd(&h->rnd);

	switch (r % 16) {
	case 0:
		put16(&d->avail->idx, rnd(&h->rnd) % 64 ? d->avail_idx : r >> 16);
		break;
	case 1:
	case 2:
		d->avail_idx = __atomic_load_n(&h->next_avail, __ATOMIC_RELAXED) +
			       (r >> 8) % (d->num + 1);
		put16(&d->avail->idx, d->avail_idx);
		break;
	case 3:
	case 4:
		put16(&d->avail->ring[(r >> 8) % (d->num + 1)], rnd(&h->rnd) % (d->num + 1));
		break;
	case 5:
		put16(&d->avail->flags, r >> 16);
		break;
	case 6:
		put32(&d->used->ring[(r >> 8) % d->num], rnd(&h->rnd));
		put32(d->used, rnd(&h->rnd));
		break;
	case 7:
	case 8:
	case 9:
		scribble_desc(h, (struct vring_desc *)rig->table_part[0] + (r >> 8) % 0x800, 0x400);
		break;
	default:
		scribble_desc(h, &d->desc[(r >> 8) % d->num], d->num);
	}
}

static void *hostile_side(void *arg)
{
	struct hostile *h = arg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		if (h->rig->drv.packed)
			scribble_packed(h);
		else
			scribble(h);
	}
	return NULL;
}

/* Is it one stretch of the guest's memory, of a window that permits the access? */
static void check_segment(const struct rig *rig, const struct iovec *iov, bool write)
{
	unsigned int i;

	assert_true(iov->iov_len);
	for (i = 0; i < rig->map.num; i++) {
		const struct vhc_window *w = &rig->window[i];
		u64 at = (u64)iov->iov_base - (w->start + w->offset);
		u64 size = w->last - w->start;

		if ((write ? w->writable : w->readable) && at <= size &&
		    iov->iov_len - 1 <= size - at)
			return;
	}
	fail_msg("segment outside of guest memory");
}

static void check_chain(const struct rig *rig, int ret)
{
	const struct vhc_chain *chain = &rig->chain;
	u64 len[2] = {};
	unsigned int i;

	if (ret == -EBADMSG) {
		assert_true(chain->bad <= VHOST_CUSTOM_BAD_ORDER ||
			    chain->bad == VHOST_CUSTOM_BAD_FAULT);
		if (rig->drv.packed)
			assert_true(chain->bad != VHOST_CUSTOM_BAD_HEAD &&
				    chain->bad != VHOST_CUSTOM_BAD_NEXT);
		else
			assert_true(((u16)chain->id < rig->ring.num) ==
				    (chain->bad != VHOST_CUSTOM_BAD_HEAD));
		return;
	}
	assert_int_equal(ret, 1);
	assert_true(rig->drv.packed || (u16)chain->id < rig->ring.num);
	assert_true(chain->out_num + chain->in_num <= VHC_CHAIN_MAX);
	for (i = 0; i < chain->out_num + chain->in_num; i++) {
		check_segment(rig, &rig->iov[i], i >= chain->out_num);
		len[i >= chain->out_num] += rig->iov[i].iov_len;
	}
	assert_true(len[0] == chain->out_len && len[1] == chain->in_len);
}

static int take_bounded(struct rig *rig)
{
	unsigned long accesses = guest_accesses, calls = rig->map.calls;
	int ret = rig_take(rig);

	assert_true(guest_accesses - accesses <=
		    MOST_ACCESSES + (rig->drv.packed ? rig->drv.num : 0));
	assert_true(rig->map.calls - calls <= MOST_TRANSLATIONS);
	if (ret == 1 || ret == -EBADMSG)
		check_chain(rig, ret);
	else
		assert_true(ret == 0 || ret == -EINVAL || ret == -EFAULT);
	return ret;
}

/* One run, as TX and RX do it. Returns the chains that were taken. */
static unsigned int run(struct hostile *h, u64 *seed, unsigned int reasons[])
{
	struct rig *rig = h->rig;
	struct vhc_ring *ring = &rig->ring;
	unsigned int taken = 0, held = 0, descs = 0, mark = 0, most = 1 + rnd(seed) % 300, i;
	struct vhc_chain hand[8];

	vhc_ring_forget_memory(ring);
	vhc_ring_disable_notify(ring);
	vhc_ring_mark(ring);
	while (taken < most) {
		int ret = take_bounded(rig);

		if (ret != 1 && ret != -EBADMSG)
			break;
		reasons[ret == 1 ? VHOST_CUSTOM_BAD_MAX : rig->chain.bad]++;
		hand[held++] = rig->chain;
		taken++;
		/* However the driver lies, the device has no more than the ring. */
		descs += rig->drv.packed ? rig_descs(rig) : 0;
		assert_true(descs <= ring->num);
		rig->taken_num = 0;
		if (held < 8)
			continue;
		for (i = 0; i < held; i++)
			vhc_ring_fill(ring, &hand[i], rnd(seed) / 2);
		held = 0;
		if (rnd(seed) % 4 == 0) {
			vhc_ring_rewind(ring);
			descs = mark;
		}
		if (rnd(seed) % 2 || vhc_ring_filled(ring) > VHC_DONE_MAX - 8) {
			vhc_ring_publish(ring);
			vhc_ring_need_signal(ring);
			descs = 0;
		}
		vhc_ring_mark(ring);
		mark = descs;
	}
	vhc_ring_rewind(ring);
	vhc_ring_publish(ring);
	vhc_ring_enable_notify(ring);
	__atomic_store_n(&h->next_avail, vhc_ring_next_avail(ring), __ATOMIC_RELAXED);
	return taken;
}

/* A table may be anywhere, and among the ring's own descriptors too. */
static void back_with_memory(struct rig *rig)
{
	static const unsigned int fake[] = { 0, 1, 3, 4, 7 };
	struct vhc_window *c = &rig->window[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fake); i++) {
		struct vhc_window *w = &rig->window[fake[i]];

		w->offset = (u64)guest_alloc(w->last - w->start + 1) - w->start;
	}
	c->last = GPA_C + rig->ring.num * sizeof(*rig->drv.desc) - 1;
	c->offset = (u64)rig->drv.desc - GPA_C;
}

static void survive(unsigned int num, unsigned int features, unsigned int reasons[])
{
	struct hostile h = { .rnd = env_u64("SEED", 1) };
	u64 seed = h.rnd + 1, todo = env_u64("TAKES", 150000), taken = 0;
	struct rig *rig = rig_new(num, features, 0);
	pthread_t thread;

	h.rig = rig;
	h.next_avail = rig->start;
	back_with_memory(rig);
	assert_int_equal(pthread_create(&thread, NULL, hostile_side, &h), 0);
	while (taken < todo) {
		unsigned int count;

		if (rnd(&seed) % 64 == 0)
			guest_fault_at(rig->table_part[0] + rnd(&seed) % 64, 1, false);
		count = run(&h, &seed, reasons);
		guest_fault_off();
		taken += count;
		if (!count)
			sched_yield();
	}
	__atomic_store_n(&h.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	rig_free(rig);
}

static bool all_seen(const unsigned int reasons[])
{
	unsigned int i;

	for (i = VHOST_CUSTOM_BAD_HEAD; i <= VHOST_CUSTOM_BAD_ORDER; i++) {
		if (rig_layout & PACKED &&
		    (i == VHOST_CUSTOM_BAD_HEAD || i == VHOST_CUSTOM_BAD_NEXT))
			continue;
		if (!reasons[i])
			return false;
	}
	return reasons[VHOST_CUSTOM_BAD_MAX];
}

static void a_hostile_driver_gets_nowhere(void **state)
{
	unsigned int reasons[VHOST_CUSTOM_BAD_MAX + 1] = {};

	(void)state;
	/* until it was hostile enough, and not too much so; main.c ends it */
	do {
		survive(16, 0, reasons);
		survive(256, EVENT_IDX, reasons);
		survive(4096, EVENT_IDX | NOTIFY_ON_EMPTY | IN_ORDER, reasons);
	} while (!all_seen(reasons));
}

static const struct test tests[] = {
	TEST(a_hostile_driver_gets_nowhere),
};

const struct suite hostile_suite = { tests, ARRAY_SIZE(tests) };
