// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: the input is a few settings, a schedule of operations, and guest
 * memory. The sanitizers and guest.c say what is wrong; this file adds what must hold
 * after each step. Run it with "make fuzz".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define CHECK(what) do { if (!(what)) abort(); } while (0)

enum {
	MEMORY = 0x2000,
	OPS = 128,
	TAKES = 16,		/* chains that may be held */
	UNKNOWN = 0x8000,	/* the VMM is asked about the addresses from here on */
	MOST_ACCESSES = 3 + VHC_BATCH + 4 * VHC_CHAIN_MAX + 16,
};

static _Alignas(4096) u8 memory[MEMORY];

/* Descriptors, rings and tables may overlap in the third window: it is all guest memory. */
static const struct { u64 start, size, at; bool readable, writable; } layout[] = {
	{ 0x0000, 0x1008, 0x0000, true, true },
	{ 0x1008, 0x0ff8, 0x1008, true, true },		/* in the middle of an entry */
	{ 0x2000, 0x1000, 0x0000, true, true },
	{ 0x4000, 0x1000, 0x1000, true, false },
	{ 0x5000, 0x1000, 0x1000, false, true },
	{ -0x1000ULL, 0x1000, 0x0000, true, true },
};

enum { WINDOWS = ARRAY_SIZE(layout) };

struct fuzz {
	struct vhc_ring ring;
	struct vhc_window window[WINDOWS];
	struct guest_map map;
	u16 head[TAKES];
	unsigned int held, done;
};

static void ring_init(struct fuzz *f, u8 settings, u8 low, u8 high)
{
	struct vhc_ring *ring = &f->ring;
	unsigned int num = 1 << (settings & 7);
	size_t avail, used;
	int i;

	ring->little_endian = settings & 8;
	ring->event_idx = settings & 16;
	ring->notify_on_empty = settings & 32;
	avail = num * sizeof(*ring->desc);
	used = avail + sizeof(u16) * (num + 3);
	used = (used + 3) & ~3;
	vhc_ring_set_addr(ring, (struct vring_desc *)memory, (struct vring_avail *)(memory + avail),
			  (struct vring_used *)(memory + used), num);
	ring->translate = guest_translate;
	ring->log_used = NULL;
	ring->opaque = &f->map;
	for (i = 0; i < WINDOWS; i++)
		f->window[i] = (struct vhc_window){
			.start = layout[i].start,
			.last = layout[i].start + layout[i].size - 1,
			.offset = (u64)memory + layout[i].at - layout[i].start,
			.readable = layout[i].readable,
			.writable = layout[i].writable,
		};
	f->map = (struct guest_map){
		.window = f->window, .num = WINDOWS,
		.again_start = UNKNOWN, .again_size = MEMORY,
	};
	guest_share(memory, MEMORY);
	vhc_ring_start(ring, low | high << 8, low | high << 8);
}

static void take(struct fuzz *f, unsigned int iov_max)
{
	static struct iovec iov[VHC_CHAIN_MAX];
	unsigned long before = guest_accesses;
	u16 next = f->ring.next_avail;
	struct vhc_chain chain;
	unsigned int i;
	int ret;

	if (f->held == TAKES)
		return;
	ret = vhc_ring_take(&f->ring, &chain, iov, iov_max);
	CHECK(guest_accesses - before <= MOST_ACCESSES);
	CHECK(ret == 1 || ret == 0 || ret == -EBADMSG || ret == -EFAULT || ret == -EINVAL ||
	      ret == -EAGAIN);
	CHECK(f->ring.next_avail == (u16)(next + (ret == 1 || ret == -EBADMSG)));
	if (ret == -EBADMSG)
		CHECK(chain.bad <= VHOST_CUSTOM_BAD_ORDER || chain.bad == VHOST_CUSTOM_BAD_FAULT);
	if (ret == 1 || ret == -EBADMSG)
		f->head[f->held++] = chain.head;
	if (ret != 1)
		return;
	CHECK(chain.head < f->ring.num && chain.out_num + chain.in_num <= iov_max);
	for (i = 0; i < chain.out_num + chain.in_num; i++) {
		u64 at = (u64)iov[i].iov_base - (u64)memory;

		CHECK(at < MEMORY && iov[i].iov_len && iov[i].iov_len <= MEMORY - at);
	}
}

/* RX does so when it puts chains back that it had filled. */
static void unfill(struct fuzz *f, unsigned int count)
{
	count %= f->done + 1;
	vhc_ring_unfill(&f->ring, count);
	f->done -= count;
}

static void publish(struct fuzz *f)
{
	u16 before = f->ring.used_idx;
	int ret = vhc_ring_publish(&f->ring);

	CHECK(ret == f->done || ret == -EFAULT);
	CHECK(f->ring.used_idx == (u16)(before + (ret < 0 ? 0 : ret)));
	f->done = 0;
}

static void fill(struct fuzz *f)
{
	while (f->held) {
		vhc_ring_fill(&f->ring, f->head[--f->held], f->held);
		f->done++;
	}
	if (VHC_DONE_MAX - f->ring.done_num < TAKES)
		publish(f);
}

static void offer(struct fuzz *f, u8 by)
{
	u16 idx = f->ring.next_avail + by;

	if (!f->ring.little_endian)
		idx = __builtin_bswap16(idx);
	f->ring.avail->idx = idx;
}

static void step(struct fuzz *f, u8 op, u8 arg)
{
	int ret;

	switch (op % 13) {
	case 0:
	case 1:
		take(f, VHC_CHAIN_MAX);
		break;
	case 2:
		take(f, arg);
		break;
	case 3:
		arg = arg % (f->held + 1);
		vhc_ring_rewind(&f->ring, arg);
		f->held -= arg;
		break;
	case 4:
		fill(f);
		break;
	case 5:
		publish(f);
		break;
	case 6:
		ret = vhc_ring_need_signal(&f->ring);
		CHECK(ret == 0 || ret == 1 || ret == -EFAULT);
		break;
	case 7:
		ret = vhc_ring_enable_notify(&f->ring);
		CHECK(ret == 0 || ret == 1 || ret == -EFAULT || ret == -EINVAL);
		break;
	case 8:
		ret = vhc_ring_disable_notify(&f->ring);
		CHECK(ret == 0 || ret == -EFAULT);
		break;
	case 9:
		fill(f);
		vhc_ring_forget_memory(&f->ring);
		break;
	case 10:
		offer(f, arg);
		break;
	case 11:
		unfill(f, arg);
		break;
	default:		/* the rest of the memory faults, or nothing does */
		guest_fault_off();
		if (arg & 1)
			guest_fault_at(memory + arg * 8, MEMORY - arg * 8, arg & 2);
	}
	CHECK(guest_idle());
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz f;
	const u8 *op = data + 4;
	unsigned int ops, i;

	if (size < 4 || size < 4 + 2 * (size_t)(data[3] % OPS))
		return 0;
	ops = data[3] % OPS;
	size -= 4 + 2 * ops;
	memset(&f, 0xa5, sizeof(f));
	f.held = 0;
	f.done = 0;
	memset(memory, 0, MEMORY);
	memcpy(memory, op + 2 * ops, size < MEMORY ? size : MEMORY);
	ring_init(&f, data[0], data[1], data[2]);
	for (i = 0; i < ops; i++)
		step(&f, op[2 * i], op[2 * i + 1]);
	guest_free_all();
	return 0;
}
