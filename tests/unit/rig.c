// SPDX-License-Identifier: GPL-2.0
/* See rig.h. */
#include "rig.h"

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

/*
 * A ring and a driver at position @start, and a run that has begun. Without EVENT_IDX
 * there is no memory for the event words.
 */
struct rig *rig_new(unsigned int num, unsigned int features, u16 start)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct vhc_ring *ring = &rig->ring;
	struct driver *d = &rig->drv;
	size_t event;

	if (last)
		rig_free(last);
	last = rig;
	d->num = num;
	d->le = !(features & BIG_ENDIAN_RING);
	d->event_idx = features & EVENT_IDX;
	event = d->event_idx ? sizeof(u16) : 0;
	d->desc = guest_alloc(num * sizeof(*d->desc));
	d->avail = guest_alloc(sizeof(*d->avail) + num * sizeof(u16) + event);
	d->used = guest_alloc(sizeof(*d->used) + num * sizeof(d->used->ring[0]) + event);
	d->link = calloc(num, sizeof(*d->link));
	map_init(rig);
	driver_start(d, start, start);

	/* The engine must not count on what it was not given. */
	memset(ring, 0xa5, sizeof(*ring));
	vhc_ring_set_addr(ring, d->desc, d->avail, d->used, num);
	ring->little_endian = d->le;
	ring->event_idx = d->event_idx;
	ring->notify_on_empty = features & NOTIFY_ON_EMPTY;
	ring->translate = guest_translate;
	ring->log_used = NULL;
	ring->opaque = &rig->map;
	vhc_ring_start(ring, start, start);
	return rig;
}

void rig_free(struct rig *rig)
{
	guest_free_all();
	free(rig->drv.link);
	free(rig->table);
	free(rig);
	last = NULL;
}

/* Where to write an indirect table at GPA_TABLE + @offset. */
struct vring_desc *rig_table(struct rig *rig, unsigned int offset)
{
	return (struct vring_desc *)(rig->table + offset);
}

void rig_table_sync(struct rig *rig)
{
	memcpy(rig->table_part[0], rig->table, TABLE_SPLIT);
	memcpy(rig->table_part[1], rig->table + TABLE_SPLIT, TABLE_SIZE - TABLE_SPLIT);
}

/* Take a chain, and check what is true of any. */
int rig_take(struct rig *rig)
{
	u16 before = rig->ring.next_avail;
	int ret;

	memset(&rig->chain, 0xa5, sizeof(rig->chain));
	ret = vhc_ring_take(&rig->ring, &rig->chain, rig->iov, VHC_CHAIN_MAX);
	assert_true(guest_idle());
	assert_int_equal(rig->ring.next_avail,
			 (u16)(before + (ret == 1 || ret == -EBADMSG)));
	return ret;
}

/* Chain @head is one readable descriptor that tells which one it is. */
void rig_simple(struct rig *rig, u16 head)
{
	driver_desc(&rig->drv, &rig->drv.desc[head], GPA_A + head, 1 + head % 1000, 0, 0);
}

void rig_expect_simple(struct rig *rig, u16 head)
{
	assert_int_equal(rig_take(rig), 1);
	assert_int_equal(rig->chain.head, head);
	assert_int_equal(rig->chain.out_num, 1);
	assert_int_equal(rig->chain.in_num, 0);
	rig_expect_seg(rig, 0, HVA_A + head, 1 + head % 1000);
}

/* Make descriptors @first... available, each as a chain. */
void rig_offer_range(struct rig *rig, u16 first, unsigned int count)
{
	while (count--)
		driver_offer(&rig->drv, first++ & (rig->drv.num - 1));
	driver_expose(&rig->drv);
}

void rig_offer_one(struct rig *rig, u16 head)
{
	driver_offer(&rig->drv, head);
	driver_expose(&rig->drv);
}

void rig_expect_seg(const struct rig *rig, unsigned int index, u64 hva, u64 len)
{
	assert_int_equal((u64)rig->iov[index].iov_base, hva);
	assert_int_equal(rig->iov[index].iov_len, len);
}

u64 env_u64(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}
