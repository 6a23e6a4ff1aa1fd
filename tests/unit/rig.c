// SPDX-License-Identifier: GPL-2.0
/* See rig.h. */
#include <linux/overflow.h>
#include <linux/virtio_byteorder.h>

#include "rig.h"

unsigned int rig_layout;

/* What a test that failed leaves for the next one to free. */
static struct rig *last;

static struct vhc_window window(u64 start, u64 size, u64 hva, const char *access)
{
	return (struct vhc_window){
		.start = start,
		.last = start + size - 1,
		.offset = hva - start,
		.readable = strchr(access, 'r'),
		.writable = strchr(access, 'w'),
	};
}

static void map_init(struct rig *rig)
{
	size_t rest = TABLE_SIZE - TABLE_SPLIT;

	rig->table = calloc(1, TABLE_SIZE);
	rig->table_part[0] = guest_alloc(TABLE_SPLIT);
	rig->table_part[1] = guest_alloc(rest);
	rig->window[0] = window(GPA_A, PART, HVA_A, "rw");
	rig->window[1] = window(GPA_B, PART, HVA_B, "rw");
	rig->window[2] = window(GPA_C, PART, HVA_C, "rw");
	rig->window[3] = window(GPA_RO, PART, HVA_RO, "r");
	rig->window[4] = window(GPA_WO, PART, HVA_WO, "w");
	rig->window[5] = window(GPA_TABLE, TABLE_SPLIT, (u64)rig->table_part[0], "r");
	rig->window[6] = window(GPA_TABLE + TABLE_SPLIT, rest, (u64)rig->table_part[1], "r");
	rig->window[7] = window(GPA_TOP, -GPA_TOP, HVA_TOP, "rw");
	rig->map.window = rig->window;
	rig->map.num = ARRAY_SIZE(rig->window);
}

/* A packed ring's descriptors may be as many as it likes. */
bool rig_num_ok(unsigned int num)
{
	return rig_layout & PACKED || !(num & (num - 1));
}

/* The position behind @count entries, from the start on. */
u16 rig_position(const struct rig *rig, unsigned int count)
{
	return driver_advance(&rig->drv, rig->start, count);
}

static void driver_alloc(struct driver *d, unsigned int features)
{
	const size_t event = d->event_idx ? sizeof(u16) : 0;

	if (d->packed) {
		d->ring = guest_alloc(d->num * sizeof(*d->ring));
		d->driver_event = guest_alloc(sizeof(*d->driver_event));
		d->device_event = guest_alloc(sizeof(*d->device_event));
		d->chain = calloc(1 << 16, sizeof(*d->chain));
	} else {
		d->desc = guest_alloc(d->num * sizeof(*d->desc));
		d->avail = guest_alloc(sizeof(*d->avail) + d->num * sizeof(u16) + event);
		d->used = guest_alloc(sizeof(*d->used) + d->num * sizeof(d->used->ring[0]) + event);
	}
	d->link = calloc(d->num, sizeof(*d->link));
	if (features & IN_ORDER)
		d->order = calloc(1 << 16, sizeof(*d->order));
}

static void driver_free(struct driver *d)
{
	unsigned int i;

	for (i = 0; d->chain && i < 1 << 16; i++)
		free(d->chain[i].buf);
	free(d->chain);
	free(d->link);
	free(d->order);
}

/*
 * A ring and a driver at position @start, and a run that has begun. Of a packed ring @start counts
 * from where it begins. Without EVENT_IDX a split ring has no memory for the event words.
 */
struct rig *rig_new(unsigned int num, unsigned int features, u16 start)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct vhc_ring *ring = &rig->ring;
	struct driver *d = &rig->drv;

	features |= rig_layout;
	if (last)
		rig_free(last);
	last = rig;
	d->num = num;
	d->packed = features & PACKED;
	d->in_order = features & IN_ORDER;
	d->le = d->packed || !(features & BIG_ENDIAN_RING);
	d->event_idx = features & EVENT_IDX;
	driver_alloc(d, features);
	map_init(rig);
	rig->start = d->packed ? packed_advance(d, PACKED_WRAP, start) : start;
	driver_start(d, rig->start, rig->start);

	/* The engine must not count on what it was not given. */
	memset(ring, 0xa5, sizeof(*ring));
	ring->packed = d->packed;
	ring->in_order = d->in_order;
	vhc_ring_set_addr(ring, d->desc, d->avail, d->used, num);
	ring->little_endian = !(features & BIG_ENDIAN_RING);
	ring->event_idx = d->event_idx;
	ring->notify_on_empty = features & NOTIFY_ON_EMPTY;
	ring->translate = guest_translate;
	ring->log = NULL;
	ring->opaque = &rig->map;
	vhc_ring_start(ring, rig->start, rig->start);
	return rig;
}

void rig_free(struct rig *rig)
{
	guest_free_all();
	driver_free(&rig->drv);
	free(rig->table);
	free(rig);
	last = NULL;
}

/* Where to write an indirect table at GPA_TABLE + @offset. */
void *rig_table(struct rig *rig, unsigned int offset)
{
	return rig->table + offset;
}

void rig_table_sync(struct rig *rig)
{
	memcpy(rig->table_part[0], rig->table, TABLE_SPLIT);
	memcpy(rig->table_part[1], rig->table + TABLE_SPLIT, TABLE_SIZE - TABLE_SPLIT);
}

/* The chain's id, without what is beside it. */
u16 rig_id(const struct rig *rig)
{
	return rig->chain.id;
}

/* How much further its ring is behind the chain. */
unsigned int rig_descs(const struct rig *rig)
{
	return rig->drv.packed ? rig->chain.id >> VHC_DESCS_SHIFT : 1;
}

/* Take a chain, and check what is true of any. */
int rig_take(struct rig *rig)
{
	u16 before = vhc_ring_next_avail(&rig->ring);
	struct iovec pair[2];
	bool taken;
	int ret;

	/* The short way, where there is one, finds the same, and takes nothing. */
	rig->pair = vhc_ring_peek_pair(&rig->ring, pair);
	assert_int_equal(vhc_ring_next_avail(&rig->ring), before);
	memset(&rig->chain, 0xa5, sizeof(rig->chain));
	ret = vhc_ring_take(&rig->ring, &rig->chain, rig->iov, VHC_CHAIN_MAX);
	assert_true(guest_idle());
	if (rig->pair) {
		assert_int_equal(ret, 1);
		assert_int_equal(rig->chain.out_num, 2);
		assert_int_equal(rig->chain.in_num, 0);
		assert_memory_equal(rig->iov, pair, sizeof(pair));
	}
	taken = ret == 1 || ret == -EBADMSG;
	assert_int_equal(vhc_ring_next_avail(&rig->ring),
			 driver_advance(&rig->drv, before, taken ? rig_descs(rig) : 0));
	if (taken && rig->taken_num < RIG_TAKEN)
		rig->taken[rig->taken_num++] = rig->chain;
	return ret;
}

void rig_mark(struct rig *rig)
{
	vhc_ring_mark(&rig->ring);
	rig->mark = rig->taken_num;
}

void rig_rewind(struct rig *rig)
{
	vhc_ring_rewind(&rig->ring);
	rig->taken_num = rig->mark;
}

void rig_put_back(struct rig *rig)
{
	vhc_ring_put_back(&rig->ring);
	rig->taken_num--;
}

/* Give all chains that were taken back, or a packed ring has no more. */
void rig_finish(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < rig->taken_num; i++) {
		vhc_ring_fill(&rig->ring, &rig->taken[i], 0);
		if (vhc_ring_filled(&rig->ring) == VHC_DONE_MAX || i == rig->taken_num - 1)
			assert_true(vhc_ring_publish(&rig->ring) > 0);
	}
	rig->taken_num = 0;
}

/* Chain @id is one descriptor. */
void rig_one_desc(struct rig *rig, u16 id, u64 addr, u32 len, u16 flags)
{
	const struct driver_buf buf = { .addr = addr, .len = len, .flags = flags };

	driver_describe(&rig->drv, id, &buf, 1);
}

/* Chain @id is one readable descriptor that tells which one it is. */
void rig_simple(struct rig *rig, u16 id)
{
	rig_one_desc(rig, id, GPA_A + id, 1 + id % 1000, 0);
}

void rig_expect_simple(struct rig *rig, u16 id)
{
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), id);
	assert_int_equal(rig_descs(rig), 1);
	assert_int_equal(rig->chain.out_num, 1);
	assert_int_equal(rig->chain.in_num, 0);
	rig_expect_seg(rig, 0, HVA_A + id, 1 + id % 1000);
}

/* Make chains @first... available. */
void rig_offer_range(struct rig *rig, u16 first, unsigned int count)
{
	while (count--)
		driver_offer(&rig->drv, first++ % rig->drv.num);
	driver_expose(&rig->drv);
}

void rig_offer_one(struct rig *rig, u16 id)
{
	driver_offer(&rig->drv, id);
	driver_expose(&rig->drv);
}

/* Fill a chain that was never taken; it could be written to. */
void rig_fill(struct rig *rig, u16 id, u32 len)
{
	const struct vhc_chain chain = {
		.id = rig->drv.packed ? id | 1 << VHC_DESCS_SHIFT : id,
		.in_len = 1,
	};

	vhc_ring_fill(&rig->ring, &chain, len);
}

void rig_expect_seg(const struct rig *rig, unsigned int index, u64 hva, u64 len)
{
	assert_int_equal((u64)rig->iov[index].iov_base, hva);
	assert_int_equal(rig->iov[index].iov_len, len);
}

static void describe_bytes(struct rig *rig, u16 id, unsigned int count)
{
	struct driver_buf *buf = calloc(count, sizeof(*buf));
	unsigned int i;

	for (i = 0; i < count; i++)
		buf[i] = (struct driver_buf){ GPA_A + i, 1, 0 };
	driver_describe(&rig->drv, id, buf, count);
	free(buf);
}

/* Chain @id has @count descriptors; offer and expose it. */
void rig_offer_bytes(struct rig *rig, u16 id, unsigned int count)
{
	describe_bytes(rig, id, count);
	rig_offer_one(rig, id);
}

void rig_expect_bytes(struct rig *rig, u16 id, unsigned int count)
{
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig_id(rig), id);
	assert_int_equal(rig_descs(rig), count);
	assert_int_equal(rig->chain.out_num, count);
	rig_expect_seg(rig, count - 1, HVA_A + count - 1, 1);
}

void rig_expect_long(struct rig *rig, u16 id, unsigned int reason, unsigned int descs)
{
	assert_int_equal(rig_take(rig), -EBADMSG);
	assert_int_equal(rig->chain.bad, reason);
	assert_int_equal(rig_id(rig), id);
	assert_int_equal(rig_descs(rig), descs);
	assert_true(rig->chain.in_len == U64_MAX);
}

/* Entry @n since the start, as the driver may see it. */
void rig_expect_used(const struct rig *rig, unsigned int n, u32 id, u32 len)
{
	const struct driver *d = &rig->drv;
	u16 at = rig_position(rig, n), index = at & ~PACKED_WRAP;
	u16 flags = at & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0;

	if (d->packed) {
		flags |= len ? VRING_DESC_F_WRITE : 0;
		assert_int_equal(le16toh(d->ring[index].flags), flags);
		assert_int_equal(le16toh(d->ring[index].id), id);
		assert_int_equal(le32toh(d->ring[index].len), len);
		return;
	}
	at &= d->num - 1;
	assert_int_equal(__virtio32_to_cpu(d->le, d->used->ring[at].id), id);
	assert_int_equal(__virtio32_to_cpu(d->le, d->used->ring[at].len), len);
}

u64 env_u64(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}
