// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of a ring, and the split layout: see driver.h. The letters at the barriers
 * are those of the table in ring.h.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/barrier.h>
#include <linux/virtio_byteorder.h>

#include "driver.h"

static u16 load(const struct driver *d, __virtio16 *word)
{
	return __virtio16_to_cpu(d->le, __atomic_load_n(word, __ATOMIC_RELAXED));
}

static void store(const struct driver *d, __virtio16 *word, u16 value)
{
	__atomic_store_n(word, __cpu_to_virtio16(d->le, value), __ATOMIC_RELAXED);
}

static __virtio16 *used_event_of(struct driver *d)
{
	return &d->avail->ring[d->num];
}

static __virtio16 *avail_event_of(struct driver *d)
{
	return (__virtio16 *)&d->used->ring[d->num];
}

u16 driver_advance(const struct driver *d, u16 position, unsigned int count)
{
	return d->packed ? packed_advance(d, position, count) : position + count;
}

/* The ring's memory is set and zero, but for a packed ring's wrap counters. */
void driver_start(struct driver *d, u16 avail_idx, u16 used_idx)
{
	unsigned int i;

	for (i = 0; i < d->num; i++)
		d->link[i] = i + 1;
	d->free_head = 0;
	d->free_num = d->num;
	d->avail_idx = avail_idx;
	d->exposed = avail_idx;
	d->asked = avail_idx;
	d->used_idx = used_idx;
	d->order_in = 0;
	d->order_out = 0;
	d->batch = false;
	if (!d->packed) {
		store(d, &d->avail->idx, avail_idx);
		store(d, &d->used->idx, used_idx);
		return;
	}
	/* All before were used, in this round or in the last one. */
	for (i = 0; i < d->num; i++) {
		bool wrap = !!(avail_idx & PACKED_WRAP) == (i < (avail_idx & ~PACKED_WRAP));

		packed_set_flags(d, i, wrap ? PACKED_AVAIL | PACKED_USED : 0);
	}
}

void driver_desc(const struct driver *d, struct vring_desc *desc, u64 addr, u32 len,
		 u16 flags, u16 next)
{
	desc->addr = __cpu_to_virtio64(d->le, addr);
	desc->len = __cpu_to_virtio32(d->le, len);
	desc->flags = __cpu_to_virtio16(d->le, flags);
	desc->next = __cpu_to_virtio16(d->le, next);
}

void driver_set_idx(struct driver *d, u16 idx)
{
	store(d, &d->avail->idx, idx);
}

static u16 next_flag(const struct driver_buf *buf, unsigned int i, unsigned int num)
{
	return buf[i].flags | (i < num - 1 ? VRING_DESC_F_NEXT : 0);
}

/* Say what chain @id is; it is not offered yet. */
void driver_describe(struct driver *d, u16 id, const struct driver_buf *buf, unsigned int num)
{
	unsigned int i;

	if (d->packed) {
		struct driver_chain *chain = &d->chain[id];

		chain->buf = realloc(chain->buf, num * sizeof(*buf));
		memcpy(chain->buf, buf, num * sizeof(*buf));
		chain->num = num;
		return;
	}
	for (i = 0; i < num; i++) {
		driver_desc(d, &d->desc[id + i], buf[i].addr, buf[i].len, next_flag(buf, i, num),
			    id + i + 1);
		d->link[id + i] = i < num - 1 ? id + i + 1 : d->num;
	}
}

/* Write an indirect table. */
void driver_table(const struct driver *d, void *table, const struct driver_buf *buf,
		  unsigned int num)
{
	struct vring_packed_desc *packed = table;
	struct vring_desc *split = table;
	unsigned int i;

	for (i = 0; i < num; i++) {
		if (d->packed)
			/* 2.8.7: ids are ignored */
			packed[i] = (struct vring_packed_desc){
				.addr = htole64(buf[i].addr), .len = htole32(buf[i].len),
				.id = htole16(0xabcd), .flags = htole16(buf[i].flags),
			};
		else
			driver_desc(d, &split[i], buf[i].addr, buf[i].len, next_flag(buf, i, num),
				    i + 1);
	}
}

/* Put a chain in the ring, whatever is there; driver_expose() shows it. */
void driver_offer(struct driver *d, u16 id)
{
	if (d->in_order)
		d->order[d->order_in++] = id;
	if (d->packed)
		packed_offer(d, id);
	else
		d->avail->ring[d->avail_idx++ & (d->num - 1)] = __cpu_to_virtio16(d->le, id);
}

/* Take @num descriptors from the free list, and link them. Returns the first one. */
static u16 split_alloc(struct driver *d, const struct driver_buf *buf, unsigned int num)
{
	u16 head = d->free_head, next = head;
	unsigned int i;

	for (i = 0; i < num; i++) {
		u16 at = next;

		next = d->link[at];
		driver_desc(d, &d->desc[at], buf[i].addr, buf[i].len, next_flag(buf, i, num), next);
		if (i == num - 1)
			d->link[at] = d->num;	/* end of the chain */
	}
	d->free_head = next;
	return head;
}

static u16 packed_alloc(struct driver *d, const struct driver_buf *buf, unsigned int num)
{
	u16 id = d->free_head;

	d->free_head = d->link[id];
	driver_describe(d, id, buf, num);
	return id;
}

/*
 * Describe a chain, in @table if that is not NULL, and offer it. Returns its id, or -1
 * if there are not enough descriptors.
 */
int driver_add(struct driver *d, const struct driver_buf *buf, unsigned int num, void *table,
	       u64 table_addr)
{
	const struct driver_buf indirect = {
		.addr = table_addr, .len = num * sizeof(struct vring_desc),
		.flags = VRING_DESC_F_INDIRECT,
	};
	u16 id;

	if (table) {
		driver_table(d, table, buf, num);
		buf = &indirect;
		num = 1;
	}
	if (num > d->free_num)
		return -1;
	d->free_num -= num;
	id = d->packed ? packed_alloc(d, buf, num) : split_alloc(d, buf, num);
	driver_offer(d, id);
	return id;
}

static void chain_free(struct driver *d, u16 id)
{
	u16 last = id;

	if (d->packed)
		d->free_num += d->chain[id].num;
	else
		for (d->free_num++; d->link[last] != d->num; d->free_num++)
			last = d->link[last];
	d->link[last] = d->free_head;
	d->free_head = id;
}

/* Show what was offered to the device. */
void driver_expose(struct driver *d)
{
	if (d->packed) {
		packed_expose(d);
		return;
	}
	/* A: entries and descriptors before the index that covers them. */
	smp_wmb();
	d->exposed = d->avail_idx;
	store(d, &d->avail->idx, d->exposed);
}

/* Does the device want a kick for what was exposed since the last call? */
bool driver_must_kick(struct driver *d)
{
	u16 since = d->exposed - d->asked;
	u16 event;

	if (d->packed)
		return packed_must_kick(d);
	/* H: the available index before the device's wish. */
	smp_mb();
	if (!d->event_idx)
		return !(load(d, &d->used->flags) & VRING_USED_F_NO_NOTIFY);
	event = load(d, avail_event_of(d));
	event -= d->asked;
	d->asked = d->exposed;
	return event < since;
}

static bool split_used_read(struct driver *d, u16 *id, u32 *len)
{
	struct vring_used_elem *elem = &d->used->ring[d->used_idx & (d->num - 1)];

	if (load(d, &d->used->idx) == d->used_idx)
		return false;
	/* D: the index before the entries that it covers. */
	smp_rmb();
	*id = __virtio32_to_cpu(d->le, elem->id);
	*len = __virtio32_to_cpu(d->le, elem->len);
	return true;
}

static bool used_read(struct driver *d, u16 *id, u32 *len)
{
	return d->packed ? packed_used_read(d, id, len) : split_used_read(d, id, len);
}

static void violation(const char *what)
{
	fprintf(stderr, "driver: %s\n", what);
	abort();
}

/* With IN_ORDER an entry names the last chain of a batch; the others are given out before. */
static bool batch_read(struct driver *d, u16 *id, u32 *len)
{
	u16 i;

	if (!d->batch) {
		if (!used_read(d, &d->batch_id, &d->batch_len))
			return false;
		for (i = d->order_out; i != d->order_in && d->order[i] != d->batch_id; i++)
			;
		if (i == d->order_in)
			violation("a used chain was not offered");
		d->batch = true;
	}
	*id = d->order[d->order_out++];
	d->batch = *id != d->batch_id;
	*len = d->batch ? DRIVER_LEN_UNKNOWN : d->batch_len;
	if (!d->packed && d->used_idx == load(d, &d->used->idx))
		violation("a batch ends behind the used index");
	return true;
}

bool driver_get_used(struct driver *d, u32 *id, u32 *len)
{
	u16 which;

	if (d->in_order) {
		if (!batch_read(d, &which, len))
			return false;
	} else if (!used_read(d, &which, len)) {
		return false;
	}
	if (which >= d->num)
		violation("a used chain that cannot be");
	d->used_idx = driver_advance(d, d->used_idx, d->packed ? d->chain[which].num : 1);
	chain_free(d, which);
	*id = which;
	return true;
}

void driver_set_used_event(struct driver *d, u16 event)
{
	if (d->packed)
		packed_set_used_event(d, event);
	else
		store(d, used_event_of(d), event);
}

/* Returns true if there is a used entry already: no signal may come for it. */
bool driver_enable_signals(struct driver *d)
{
	if (d->packed)
		return packed_enable_signals(d);
	if (d->event_idx)
		driver_set_used_event(d, d->used_idx);
	else
		store(d, &d->avail->flags, 0);
	/* F: the wish before the used index. */
	smp_mb();
	return load(d, &d->used->idx) != d->used_idx;
}

/* With EVENT_IDX the event index stays behind. */
void driver_disable_signals(struct driver *d)
{
	if (d->packed)
		packed_disable_signals(d);
	else if (!d->event_idx)
		store(d, &d->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}
