// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a packed virtqueue: virtio 1.2, section 2.8. Callers: driver.c; driver.h has the
 * letters at the barriers, and says what a place is.
 */
#include <errno.h>
#include <string.h>

#include "layout.h"

enum {
	AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
	WRAP = 1 << VRING_PACKED_EVENT_F_WRAP_CTR,
	EVENT_FLAGS = 3,
};

/* ---- places ---- */

static uint32_t place_after(const struct vhc_driver *driver, uint32_t at, uint32_t descs)
{
	return (at + descs) % (2 * driver->num);
}

static bool wrap_counter(const struct vhc_driver *driver, uint32_t at)
{
	return at < driver->num;
}

static struct vring_packed_desc *desc_at(const struct vhc_driver *driver, uint32_t at)
{
	return &driver->packed.desc[at % driver->num];
}

/* As vhost and event structures have it. */
static uint16_t encoded(const struct vhc_driver *driver, uint32_t at)
{
	return at % driver->num | (wrap_counter(driver, at) ? WRAP : 0);
}

static uint16_t available_flags(const struct vhc_driver *driver, uint32_t at)
{
	return wrap_counter(driver, at) ? AVAIL : USED;
}

static uint16_t used_flags(const struct vhc_driver *driver, uint32_t at)
{
	return wrap_counter(driver, at) ? AVAIL | USED : 0;
}

/* ---- the ring ---- */

static uint64_t place(const struct vhc_driver *driver, struct vhc_area area[VHC_AREAS])
{
	struct vhc_area *desc = &area[VHC_DESC_AREA], *own = &area[VHC_DRIVER_AREA];
	struct vhc_area *device = &area[VHC_DEVICE_AREA];

	desc->len = sizeof(struct vring_packed_desc) * driver->num;
	desc->written = true;
	own->addr = desc->len;
	own->len = sizeof(struct vring_packed_desc_event);
	device->addr = (own->addr + own->len + 63) & ~63ULL;
	device->len = sizeof(struct vring_packed_desc_event);
	device->written = true;
	return device->addr + device->len;
}

/* Descriptors look as if those of the last lap had been used. */
static void rewind_to(struct vhc_driver *driver, uint16_t base)
{
	struct vhc_packed *packed = &driver->packed;
	unsigned int i;

	memset(packed, 0, sizeof(*packed));
	packed->desc = driver->area[VHC_DESC_AREA].host;
	packed->driver = driver->area[VHC_DRIVER_AREA].host;
	packed->device = driver->area[VHC_DEVICE_AREA].host;
	for (i = 0; i < VHC_AREAS; i++)
		memset(driver->area[i].host, 0, driver->area[i].len);
	packed->avail_at = place_after(driver, 0, base);
	packed->used_at = packed->avail_at;
	for (i = 0; i < driver->num; i++) {
		const uint32_t at = place_after(driver, packed->avail_at, driver->num + i);

		desc_at(driver, at)->flags = to16(driver, used_flags(driver, at));
	}
}

/* For both sides: what the device takes, it gives back before it stops. */
static unsigned int base(const struct vhc_driver *driver)
{
	const unsigned int here = encoded(driver, driver->packed.used_at);

	return here | here << 16;
}

static void set_desc(const struct vhc_driver *driver, struct vring_packed_desc *desc,
		     uint64_t addr, uint32_t len, uint16_t id)
{
	desc->addr = to64(driver, addr);
	desc->len = to32(driver, len);
	desc->id = to16(driver, id);
}

/* The flags of the first descriptor since the last publish wait: the others are behind it. */
static void set_flags(struct vhc_driver *driver, uint32_t at, uint16_t flags)
{
	struct vhc_packed *packed = &driver->packed;

	flags |= available_flags(driver, at);
	if (packed->unpublished && at == packed->held_at)
		packed->held_flags = flags;
	else
		WRITE_ONCE(desc_at(driver, at)->flags, to16(driver, flags));
}

static void write_chain(struct vhc_driver *driver, uint16_t head, const struct vhc_seg *seg,
			unsigned int out, unsigned int in, uint16_t flags)
{
	struct vhc_packed *packed = &driver->packed;
	unsigned int i, all = out + in;
	uint32_t at = packed->avail_at;

	driver->chain[head].at = at;
	if (!packed->unpublished)
		packed->held_at = at;
	packed->unpublished += all;
	for (i = 0; i < all; i++, at = place_after(driver, at, 1)) {
		/* Of the buffer IDs, the last one counts. */
		set_desc(driver, desc_at(driver, at), seg[i].addr, seg[i].len,
			 i + 1 < all ? ~head : head);
		set_flags(driver, at, seg_flags(i, out, all) | flags);
	}
	packed->avail_at = at;
}

static void publish(struct vhc_driver *driver)
{
	struct vhc_packed *packed = &driver->packed;

	if (!packed->unpublished)
		return;
	WRITE_ONCE(desc_at(driver, packed->held_at)->flags, to16(driver, packed->held_flags));
	packed->unasked += packed->unpublished;
	packed->unpublished = 0;
}

/* Is the place where the device wants a kick among those that were published since the last? */
static bool kick_wanted(struct vhc_driver *driver)
{
	struct vhc_packed *packed = &driver->packed;
	const uint16_t flags = from16(driver, READ_ONCE(packed->device->flags)) & EVENT_FLAGS;
	const uint32_t laps = 2 * driver->num, unasked = packed->unasked;
	uint32_t event, before;

	packed->unasked = 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	event = from16(driver, READ_ONCE(packed->device->off_wrap));
	event = event & WRAP ? event - WRAP : event + driver->num;
	before = packed->avail_at + laps - (packed->unpublished + unasked) % laps;
	return (event + 2 * laps - before) % laps < unasked;
}

static int next_used(const struct vhc_driver *driver, uint32_t *head, uint32_t *len)
{
	const uint32_t at = driver->packed.used_at;
	const struct vring_packed_desc *desc = desc_at(driver, at);
	const uint16_t flags = from16(driver, READ_ONCE(desc->flags));

	if (!driver->out_num || (flags & (AVAIL | USED)) != used_flags(driver, at))
		return 0;
	/*
	 * Barrier D, pairs with C. Without this we may read what the descriptor was before the
	 * device used it.
	 */
	order_loads();
	*head = from16(driver, READ_ONCE(desc->id));
	*len = from32(driver, READ_ONCE(desc->len));
	return 1;
}

static int pass_used(struct vhc_driver *driver, unsigned int chains, unsigned int descs)
{
	driver->packed.used_at = place_after(driver, driver->packed.used_at, descs);
	return 0;
}

/* Where the used descriptor will be after so many others, if chains are used in their order. */
static uint32_t used_place_after(const struct vhc_driver *driver, unsigned int chains)
{
	uint32_t at = driver->packed.used_at;
	unsigned int i;

	for (i = 0; i < chains && i < driver->out_num; i++) {
		const uint16_t head = driver->out[(driver->out_first + i) % driver->num];

		at = place_after(driver, at, driver->chain[head].descs);
	}
	return place_after(driver, at, chains - i);
}

static void set_event(struct vhc_driver *driver, uint16_t flags)
{
	WRITE_ONCE(driver->packed.driver->flags, to16(driver, flags));
}

static void want_call(struct vhc_driver *driver, unsigned int chains)
{
	uint32_t at;

	if (!driver->event_idx) {
		set_event(driver, VRING_PACKED_EVENT_FLAG_ENABLE);
		return;
	}
	/* Those that came back count, too; if they are enough, nobody will wait. */
	at = used_place_after(driver,
			      chains > driver->back_num ? chains - driver->back_num - 1 : 0);
	WRITE_ONCE(driver->packed.driver->off_wrap, to16(driver, encoded(driver, at)));
	/* The device must not find the flags with a place from before. */
	order_stores();
	set_event(driver, VRING_PACKED_EVENT_FLAG_DESC);
}

static void want_none(struct vhc_driver *driver)
{
	set_event(driver, VRING_PACKED_EVENT_FLAG_DISABLE);
}

static void rewrite(struct vhc_driver *driver, uint16_t head, uint64_t addr, uint32_t len,
		    uint16_t flags, uint16_t next)
{
	const uint32_t at = driver->chain[head].at;

	set_desc(driver, desc_at(driver, at), addr, len, head);
	set_flags(driver, at, flags);
}

static void set_entry(const struct vhc_driver *driver, void *entry, uint64_t addr, uint32_t len,
		      uint16_t flags, uint16_t next)
{
	struct vring_packed_desc *desc = entry;

	set_desc(driver, desc, addr, len, 0);
	desc->flags = to16(driver, flags);
}

const struct vhc_layout vhc_packed_layout = {
	.table_flags = VRING_DESC_F_WRITE,
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
