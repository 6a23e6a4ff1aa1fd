// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of a split ring: see driver.h. The letters at the barriers are those
 * of the table in ring.h.
 */
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

/* The ring's memory is set and zero. */
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
	store(d, &d->avail->idx, avail_idx);
	store(d, &d->used->idx, used_idx);
}

void driver_desc(const struct driver *d, struct vring_desc *desc, u64 addr, u32 len,
		 u16 flags, u16 next)
{
	desc->addr = __cpu_to_virtio64(d->le, addr);
	desc->len = __cpu_to_virtio32(d->le, len);
	desc->flags = __cpu_to_virtio16(d->le, flags);
	desc->next = __cpu_to_virtio16(d->le, next);
}

/* Put a chain in the available ring; driver_expose() shows it. */
void driver_offer(struct driver *d, u16 head)
{
	d->avail->ring[d->avail_idx++ & (d->num - 1)] = __cpu_to_virtio16(d->le, head);
}

void driver_set_idx(struct driver *d, u16 idx)
{
	store(d, &d->avail->idx, idx);
}

static u16 buf_flags(const struct driver_buf *buf, bool last)
{
	return (buf->write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT);
}

/*
 * Describe a chain, in @table if that is not NULL, and offer it. Returns its head, or -1
 * if there are not enough descriptors.
 */
int driver_add(struct driver *d, const struct driver_buf *buf, unsigned int num,
	       struct vring_desc *table, u64 table_addr)
{
	unsigned int direct = table ? 1 : num;
	u16 head = d->free_head, next = head;
	unsigned int i;

	if (direct > d->free_num)
		return -1;
	for (i = 0; table && i < num; i++)
		driver_desc(d, &table[i], buf[i].addr, buf[i].len,
			    buf_flags(&buf[i], i == num - 1), i + 1);
	for (i = 0; i < direct; i++) {
		u16 at = next;

		next = d->link[at];
		if (table)
			driver_desc(d, &d->desc[at], table_addr, num * sizeof(*table),
				    VRING_DESC_F_INDIRECT, 0);
		else
			driver_desc(d, &d->desc[at], buf[i].addr, buf[i].len,
				    buf_flags(&buf[i], i == num - 1), next);
		if (i == direct - 1)
			d->link[at] = d->num;	/* end of the chain */
	}
	d->free_head = next;
	d->free_num -= direct;
	driver_offer(d, head);
	return head;
}

static void chain_free(struct driver *d, u16 head)
{
	u16 last = head;

	for (d->free_num++; d->link[last] != d->num; d->free_num++)
		last = d->link[last];
	d->link[last] = d->free_head;
	d->free_head = head;
}

/* Show what was offered to the device. */
void driver_expose(struct driver *d)
{
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

	/* H: the available index before the device's wish. */
	smp_mb();
	if (!d->event_idx)
		return !(load(d, &d->used->flags) & VRING_USED_F_NO_NOTIFY);
	event = load(d, avail_event_of(d));
	event -= d->asked;
	d->asked = d->exposed;
	return event < since;
}

bool driver_get_used(struct driver *d, u32 *id, u32 *len)
{
	struct vring_used_elem *elem = &d->used->ring[d->used_idx & (d->num - 1)];

	if (load(d, &d->used->idx) == d->used_idx)
		return false;
	/* D: the index before the entries that it covers. */
	smp_rmb();
	*id = __virtio32_to_cpu(d->le, elem->id);
	*len = __virtio32_to_cpu(d->le, elem->len);
	d->used_idx++;
	chain_free(d, *id);
	return true;
}

void driver_set_used_event(struct driver *d, u16 event)
{
	store(d, used_event_of(d), event);
}

/* Returns true if there is a used entry already: no signal may come for it. */
bool driver_enable_signals(struct driver *d)
{
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
	if (!d->event_idx)
		store(d, &d->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}
