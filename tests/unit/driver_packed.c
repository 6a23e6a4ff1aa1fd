// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of a packed ring: see driver.h. The letters at the barriers are those
 * of the table in ring.h.
 */
#include <asm/barrier.h>
#include <asm/byteorder.h>

#include "driver.h"

static u16 load(const __le16 *word)
{
	return le16_to_cpu(__atomic_load_n(word, __ATOMIC_RELAXED));
}

static void store(__le16 *word, u16 value)
{
	__atomic_store_n(word, cpu_to_le16(value), __ATOMIC_RELAXED);
}

u16 packed_advance(const struct driver *d, u16 position, unsigned int count)
{
	unsigned int index = (position & ~PACKED_WRAP) + count;
	u16 wrap = position & PACKED_WRAP;

	for (; index >= d->num; index -= d->num)
		wrap ^= PACKED_WRAP;
	return index | wrap;
}

unsigned int packed_distance(const struct driver *d, u16 from, u16 to)
{
	int count = (to & ~PACKED_WRAP) - (from & ~PACKED_WRAP);

	if ((to ^ from) & PACKED_WRAP)
		count += d->num;
	return count < 0 ? count + 2 * d->num : count;
}

u16 packed_avail_flags(u16 position)
{
	return position & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;
}

static bool is_used(struct driver *d, u16 position)
{
	u16 flags = load(&d->ring[position & ~PACKED_WRAP].flags);
	bool wrap = position & PACKED_WRAP;

	return !!(flags & PACKED_AVAIL) == wrap && !!(flags & PACKED_USED) == wrap;
}

void packed_set_flags(struct driver *d, u16 index, u16 flags)
{
	store(&d->ring[index].flags, flags);
}

/*
 * Write the chain's descriptors. The first flags of all that is not exposed yet are withheld, for
 * the device looks at nothing behind.
 */
void packed_offer(struct driver *d, u16 id)
{
	const struct driver_chain *chain = &d->chain[id];
	unsigned int i;

	for (i = 0; i < chain->num; i++) {
		struct vring_packed_desc *desc = &d->ring[d->avail_idx & ~PACKED_WRAP];
		u16 flags = chain->buf[i].flags | packed_avail_flags(d->avail_idx);
		bool last = i == chain->num - 1;

		desc->addr = cpu_to_le64(chain->buf[i].addr);
		desc->len = cpu_to_le32(chain->buf[i].len);
		/* 2.8.6: only the last one's counts */
		desc->id = cpu_to_le16(last ? id : id ^ 0x5555);
		flags |= last ? 0 : VRING_DESC_F_NEXT;
		if (d->avail_idx == d->exposed)
			d->hidden_flags = flags;
		else
			store(&desc->flags, flags);
		d->avail_idx = packed_advance(d, d->avail_idx, 1);
	}
}

void packed_expose(struct driver *d)
{
	if (d->exposed == d->avail_idx)
		return;
	/* A: descriptors before the flags that cover them. */
	smp_wmb();
	packed_set_flags(d, d->exposed & ~PACKED_WRAP, d->hidden_flags);
	d->exposed = d->avail_idx;
}

bool packed_must_kick(struct driver *d)
{
	u16 since = d->asked;
	u32 word;

	d->asked = d->exposed;
	/* H: the available flags before the device's wish. */
	smp_mb();
	word = le32_to_cpu(__atomic_load_n((__le32 *)d->device_event, __ATOMIC_RELAXED));
	if (word >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
		return word >> 16 == VRING_PACKED_EVENT_FLAG_ENABLE;
	return packed_distance(d, since, word) < packed_distance(d, since, d->exposed);
}

bool packed_used_read(struct driver *d, u16 *id, u32 *len)
{
	const struct vring_packed_desc *desc = &d->ring[d->used_idx & ~PACKED_WRAP];

	if (!is_used(d, d->used_idx))
		return false;
	/* D: the flags before the descriptors that they cover. */
	smp_rmb();
	*id = load(&desc->id);
	*len = le32_to_cpu(desc->len);
	return true;
}

void packed_set_used_event(struct driver *d, u16 event)
{
	store(&d->driver_event->off_wrap, event);
	/* The device reads the flags first. */
	smp_wmb();
	store(&d->driver_event->flags, VRING_PACKED_EVENT_FLAG_DESC);
}

bool packed_enable_signals(struct driver *d)
{
	if (d->event_idx)
		packed_set_used_event(d, d->used_idx);
	else
		store(&d->driver_event->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	/* F: the wish before the used flags. */
	smp_mb();
	return is_used(d, d->used_idx);
}

void packed_disable_signals(struct driver *d)
{
	store(&d->driver_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
}
