// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a split virtqueue: virtio 1.2, section 2.7. Its indexes are driver.c's counts of
 * chains. Callers: driver.c; driver.h has the letters at the barriers.
 */
#include <errno.h>
#include <string.h>

#include "layout.h"

/*
 * The driver writes used_event behind the available ring, the device avail_event behind
 * the used ring.
 */
static uint16_t *used_event(const struct vhc_driver *driver)
{
	return &driver->split.avail->ring[driver->num];
}

static uint16_t *avail_event(const struct vhc_driver *driver)
{
	return (uint16_t *)&driver->split.used->ring[driver->num];
}

/* Was @event passed on the way from @before to @now? */
static bool passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static uint64_t place(const struct vhc_driver *driver, struct vhc_area area[VHC_AREAS])
{
	struct vhc_area *desc = &area[VHC_DESC_AREA], *avail = &area[VHC_DRIVER_AREA];
	struct vhc_area *used = &area[VHC_DEVICE_AREA];

	desc->len = sizeof(struct vring_desc) * driver->num;
	avail->addr = desc->len;
	avail->len = sizeof(uint16_t) * (driver->num + 3);
	used->addr = (avail->addr + avail->len + 63) & ~63ULL;
	used->len = sizeof(uint16_t) * 3 + sizeof(struct vring_used_elem) * driver->num;
	used->written = true;
	return used->addr + used->len;
}

static void rewind_to(struct vhc_driver *driver, uint16_t base)
{
	struct vhc_split *split = &driver->split;
	unsigned int i;

	split->desc = driver->area[VHC_DESC_AREA].host;
	split->avail = driver->area[VHC_DRIVER_AREA].host;
	split->used = driver->area[VHC_DEVICE_AREA].host;
	for (i = 0; i < VHC_AREAS; i++)
		memset(driver->area[i].host, 0, driver->area[i].len);
	split->avail->idx = to16(driver, base);
	split->used->idx = to16(driver, base);
	*used_event(driver) = to16(driver, base);
	*avail_event(driver) = to16(driver, base);
}

static unsigned int base(const struct vhc_driver *driver)
{
	return (uint16_t)(driver->last_used + driver->back_num);
}

static void set_desc(const struct vhc_driver *driver, struct vring_desc *desc, uint64_t addr,
		     uint32_t len, uint16_t flags, uint16_t next)
{
	desc->addr = to64(driver, addr);
	desc->len = to32(driver, len);
	desc->flags = to16(driver, flags);
	desc->next = to16(driver, next);
}

static void write_chain(struct vhc_driver *driver, uint16_t head, const struct vhc_seg *seg,
			unsigned int out, unsigned int in, uint16_t flags)
{
	const uint16_t slot = driver->added & (driver->num - 1);
	unsigned int i, all = out + in;
	uint16_t at = head;

	for (i = 0; i < all; i++, at = driver->next[at])
		set_desc(driver, &driver->split.desc[at], seg[i].addr, seg[i].len,
			 seg_flags(i, out, all) | flags, driver->next[at]);
	WRITE_ONCE(driver->split.avail->ring[slot], to16(driver, head));
}

static void publish(struct vhc_driver *driver)
{
	WRITE_ONCE(driver->split.avail->idx, to16(driver, driver->added));
}

static bool kick_wanted(struct vhc_driver *driver)
{
	if (!driver->event_idx)
		return !(from16(driver, READ_ONCE(driver->split.used->flags)) &
			 VRING_USED_F_NO_NOTIFY);
	return passed(from16(driver, READ_ONCE(*avail_event(driver))), driver->published,
		      driver->kicked);
}

static uint16_t came(const struct vhc_driver *driver)
{
	return from16(driver, READ_ONCE(driver->split.used->idx)) - base(driver);
}

static int next_used(const struct vhc_driver *driver, uint32_t *head, uint32_t *len)
{
	const uint16_t slot = base(driver) & (driver->num - 1);

	if (!came(driver))
		return 0;
	if (came(driver) > driver->num)
		return -EPROTO;
	/*
	 * Barrier D, pairs with C. Without this we may read an entry that the device wrote
	 * after the index that we saw.
	 */
	order_loads();
	*head = from32(driver, READ_ONCE(driver->split.used->ring[slot].id));
	*len = from32(driver, READ_ONCE(driver->split.used->ring[slot].len));
	return 1;
}

/* The next entry is as many slots away as there were chains: driver.c counts them. */
static int pass_used(struct vhc_driver *driver, unsigned int chains, unsigned int descs)
{
	return chains > came(driver) ? -EPROTO : 0;
}

static void want_call(struct vhc_driver *driver, unsigned int chains)
{
	if (driver->event_idx)
		WRITE_ONCE(*used_event(driver), to16(driver, driver->last_used + chains - 1));
	else
		WRITE_ONCE(driver->split.avail->flags, 0);
}

/* With EVENT_IDX there is nothing to do: the event that was asked for lies behind. */
static void want_none(struct vhc_driver *driver)
{
	if (!driver->event_idx)
		WRITE_ONCE(driver->split.avail->flags, to16(driver, VRING_AVAIL_F_NO_INTERRUPT));
}

static void rewrite(struct vhc_driver *driver, uint16_t head, uint64_t addr, uint32_t len,
		    uint16_t flags, uint16_t next)
{
	set_desc(driver, &driver->split.desc[head], addr, len, flags, next);
}

static void set_entry(const struct vhc_driver *driver, void *entry, uint64_t addr, uint32_t len,
		      uint16_t flags, uint16_t next)
{
	set_desc(driver, entry, addr, len, flags, next);
}

const struct vhc_layout vhc_split_layout = {
	.head_for_each_desc = true,
	.table_flags = VRING_DESC_F_WRITE | VRING_DESC_F_NEXT,
	.place = place,
	.rewind = rewind_to,
	.base = base,
	.write = write_chain,
	.publish = publish,
	.kick_wanted = kick_wanted,
	.next_used = next_used,
	.pass_used = pass_used,
	.want_call = want_call,
	.want_none = want_none,
	.rewrite = rewrite,
	.set_entry = set_entry,
};
