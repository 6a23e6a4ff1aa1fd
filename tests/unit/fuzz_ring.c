// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: the input is a few settings, the layout among them, a schedule of operations,
 * and guest memory. The sanitizers and guest.c say what is wrong; this file adds what must hold
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
	IS_PACKED = 128,	/* of the input's first byte */
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
	struct vhc_chain hand[TAKES];
	unsigned int held, marked;	/* marked: done then; -1: not */
	bool took;
	struct vhc_done done[VHC_DONE_MAX];
	unsigned int done_num;
};

/* Sizes of packed rings; those of split ones are powers of 2. */
static const u16 packed_num[] = { 1, 2, 3, 5, 8, 13, 21, 128 };

static bool wrap_of(u16 position)
{
	return position & VHC_WRAP;
}

static u16 advance(const struct fuzz *f, u16 position, unsigned int count)
{
	unsigned int index = (position & ~VHC_WRAP) + count;

	if (!f->ring.packed)
		return position + count;
	return index < f->ring.num ? index | (position & VHC_WRAP) :
				     (index - f->ring.num) | (~position & VHC_WRAP);
}

/* How much further its ring is behind a chain. */
static unsigned int entries(const struct fuzz *f, u32 id)
{
	return f->ring.packed ? id >> VHC_DESCS_SHIFT : 1;
}

/* The device has no more of a packed ring than there is, however the driver lies. */
static void check_room(const struct fuzz *f)
{
	unsigned int i, sum = 0;

	if (!f->ring.packed)
		return;
	for (i = 0; i < f->held; i++)
		sum += entries(f, f->hand[i].id);
	for (i = 0; i < f->done_num; i++)
		sum += entries(f, f->done[i].id);
	CHECK(sum <= f->ring.num);
	CHECK(vhc_ring_next_avail(&f->ring) == advance(f, f->ring.used_idx, sum));
}

static void ring_init(struct fuzz *f, u8 settings, u8 low, u8 high)
{
	struct vhc_ring *ring = &f->ring;
	unsigned int num = settings & IS_PACKED ? packed_num[settings & 7] : 1 << (settings & 7);
	u16 start = low | high << 8;
	size_t avail, used;
	int i;

	ring->packed = settings & IS_PACKED;
	ring->in_order = settings & 64;
	ring->little_endian = settings & 8;
	ring->event_idx = settings & 16;
	ring->notify_on_empty = settings & 32;
	avail = num * sizeof(*ring->desc);
	used = avail + sizeof(u16) * (num + 3);
	used = (used + 3) & ~3;
	if (ring->packed) {
		used = avail + sizeof(*ring->driver_event);
		start = (start & VHC_WRAP) | (start & ~VHC_WRAP) % num;
	}
	vhc_ring_set_addr(ring, (struct vring_desc *)memory, (struct vring_avail *)(memory + avail),
			  (struct vring_used *)(memory + used), num);
	ring->translate = guest_translate;
	ring->log = NULL;
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
	vhc_ring_start(ring, start, start);
}

static void take(struct fuzz *f, unsigned int iov_max)
{
	static struct iovec iov[VHC_CHAIN_MAX];
	unsigned long before = guest_accesses;
	u16 next = vhc_ring_next_avail(&f->ring);
	struct vhc_chain chain;
	struct iovec pair[2];
	unsigned int i;
	bool is_pair;
	int ret;

	if (f->held == TAKES)
		return;
	is_pair = iov_max > 1 && vhc_ring_peek_pair(&f->ring, pair);
	ret = vhc_ring_take(&f->ring, &chain, iov, iov_max);
	CHECK(guest_accesses - before <= MOST_ACCESSES);
	CHECK(!is_pair || (ret == 1 && chain.out_num == 2 && !chain.in_num &&
			   !memcmp(pair, iov, sizeof(pair))));
	CHECK(ret == 1 || ret == 0 || ret == -EBADMSG || ret == -EFAULT || ret == -EINVAL ||
	      ret == -EAGAIN);
	f->took = ret == 1 || ret == -EBADMSG;
	CHECK(vhc_ring_next_avail(&f->ring) ==
	      advance(f, next, f->took ? entries(f, chain.id) : 0));
	if (f->took)
		CHECK(entries(f, chain.id) && entries(f, chain.id) <= f->ring.num);
	if (ret == -EBADMSG)
		CHECK(chain.bad <= VHOST_CUSTOM_BAD_ORDER || chain.bad == VHOST_CUSTOM_BAD_FAULT);
	if (ret == 1 || ret == -EBADMSG)
		f->hand[f->held++] = chain;
	if (ret != 1)
		return;
	CHECK(f->ring.packed || (u16)chain.id < f->ring.num);
	CHECK(chain.out_num + chain.in_num <= iov_max);
	for (i = 0; i < chain.out_num + chain.in_num; i++) {
		u64 at = (u64)iov[i].iov_base - (u64)memory;

		CHECK(at < MEMORY && iov[i].iov_len && iov[i].iov_len <= MEMORY - at);
	}
}

static void put_back(struct fuzz *f)
{
	if (!f->took)
		return;
	vhc_ring_put_back(&f->ring);
	f->took = false;
	f->held--;
}

/* As RX does: with empty hands, so that all taken since may go back. */
static void mark(struct fuzz *f)
{
	if (f->held)
		return;
	vhc_ring_mark(&f->ring);
	f->marked = f->done_num;
}

static void rewind_all(struct fuzz *f)
{
	if (f->marked > f->done_num)
		return;
	vhc_ring_rewind(&f->ring);
	f->took = false;
	f->held = 0;
	f->done_num = f->marked;
}

/* What the driver sees at a position. */
static void check_used(const struct fuzz *f, u16 position, const struct vhc_done *done)
{
	const struct vring_packed_desc *desc = &f->ring.packed_desc[position & ~VHC_WRAP];
	u16 avail = 1 << VRING_PACKED_DESC_F_AVAIL, used = 1 << VRING_PACKED_DESC_F_USED;
	const struct vring_used_elem *elem;
	u32 id, len;

	if (f->ring.packed) {
		CHECK(desc->id == (u16)done->id && desc->len == done->len);
		CHECK(desc->flags == ((wrap_of(position) ? avail | used : 0) |
				      (done->len ? VRING_DESC_F_WRITE : 0)));
		return;
	}
	elem = &f->ring.used->ring[position % f->ring.num];
	id = f->ring.little_endian ? elem->id : __builtin_bswap32(elem->id);
	len = f->ring.little_endian ? elem->len : __builtin_bswap32(elem->len);
	CHECK(id == (u16)done->id && len == done->len);
}

/* Each chain is given back once, with its id; with IN_ORDER, some by that of a later one. */
static void publish(struct fuzz *f)
{
	u16 position = f->ring.used_idx, first = position;
	int ret = vhc_ring_publish(&f->ring);
	unsigned int i;

	CHECK(ret == f->done_num || ret == -EFAULT);
	for (i = 0; i < f->done_num; i++) {
		struct vhc_done *done = &f->done[i];

		position = advance(f, position, entries(f, done->id));
		if ((done->len & VHC_DONE_SKIP) && i + 1 < f->done_num)
			continue;
		done->len &= ~VHC_DONE_SKIP;
		/* A split ring's driver may have offered more than its ring. */
		if (ret > 0 && f->done_num <= f->ring.num)
			check_used(f, first, done);
		first = position;
	}
	/* Of a split ring, what could not be written comes again. */
	CHECK(f->ring.used_idx == (ret < 0 && !f->ring.packed ?
				   (u16)(position - f->done_num) : position));
	f->done_num = 0;
	f->marked = -1;
}

static void fill(struct fuzz *f)
{
	unsigned int i;

	for (i = 0; i < f->held; i++) {
		f->done[f->done_num++] = (struct vhc_done){
			.id = f->hand[i].id,
			.len = i | (f->ring.in_order && !f->hand[i].in_len ? VHC_DONE_SKIP : 0),
		};
		vhc_ring_fill(&f->ring, &f->hand[i], i);
	}
	f->held = 0;
	f->took = false;
	if (VHC_DONE_MAX - vhc_ring_filled(&f->ring) < TAKES)
		publish(f);
}

/* TX and RX take and fill a plain chain in one step, if they hold none. */
static void use_plain(struct fuzz *f, u16 flags)
{
	u16 next = vhc_ring_next_avail(&f->ring);
	const struct vhc_fetched *fetched;
	struct iovec iov;
	u64 at;

	fetched = f->held || f->marked != -1 ? NULL : vhc_ring_peek_plain(&f->ring, flags, &iov);
	if (!fetched)
		return;
	at = (u64)iov.iov_base - (u64)memory;
	CHECK(at < MEMORY && iov.iov_len && iov.iov_len <= MEMORY - at);
	f->done[f->done_num++] = (struct vhc_done){
		.id = fetched->id,
		.len = flags || !f->ring.in_order ? flags : VHC_DONE_SKIP,
	};
	vhc_ring_use_plain(&f->ring, fetched, flags);
	CHECK(vhc_ring_next_avail(&f->ring) ==
	      advance(f, next, entries(f, f->done[f->done_num - 1].id)));
	f->took = false;
	if (VHC_DONE_MAX - vhc_ring_filled(&f->ring) < TAKES)
		publish(f);
}

/* A descriptor that is available, with any other flags. */
static void offer_packed(struct fuzz *f, u8 arg)
{
	u16 position = vhc_ring_next_avail(&f->ring);
	unsigned int i;

	for (i = arg & 7; i; i--)
		position = advance(f, position, 1);
	f->ring.packed_desc[position & ~VHC_WRAP].flags = (arg >> 3 & 7) |
		1 << (wrap_of(position) ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED);
}

static void offer(struct fuzz *f, u8 by)
{
	u16 idx = vhc_ring_next_avail(&f->ring) + by;

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
		/* So many segments no caller has room for. */
		arg < 254 ? take(f, arg) : use_plain(f, arg == 254 ? 0 : VRING_DESC_F_WRITE);
		break;
	case 3:
		put_back(f);
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
		f->ring.packed ? offer_packed(f, arg) : offer(f, arg);
		break;
	case 11:
		arg & 1 ? mark(f) : rewind_all(f);
		break;
	default:		/* the rest of the memory faults, or nothing does */
		guest_fault_off();
		if (arg & 1)
			guest_fault_at(memory + arg * 8, MEMORY - arg * 8, arg & 2);
	}
	CHECK(guest_idle());
	CHECK(vhc_ring_filled(&f->ring) == f->done_num);
	check_room(f);
}

/* RING=split or RING=packed in the environment: only that layout, whatever the input says. */
static u8 settings_set, settings_kept = 0xff;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

__attribute__((constructor)) static void choose_layout(void)
{
	const char *ring = getenv("RING") ?: "";

	if (!strcmp(ring, "packed"))
		settings_set = IS_PACKED;
	else if (!strcmp(ring, "split"))
		settings_kept = (u8)~IS_PACKED;
	else
		CHECK(!*ring);
}

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
	f.done_num = 0;
	f.took = false;
	f.marked = -1;
	memset(memory, 0, MEMORY);
	memcpy(memory, op + 2 * ops, size < MEMORY ? size : MEMORY);
	ring_init(&f, (data[0] & settings_kept) | settings_set, data[1], data[2]);
	for (i = 0; i < ops; i++)
		step(&f, op[2 * i], op[2 * i + 1]);
	guest_free_all();
	return 0;
}
