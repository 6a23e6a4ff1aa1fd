/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a layout of the ring has to provide, and what all of them need. Owns nothing; the rules of
 * chains and heads are driver.c's. Callers: driver.c, driver_split.c and driver_packed.c.
 */
#ifndef LIBVHC_LAYOUT_H
#define LIBVHC_LAYOUT_H

#include <endian.h>

#include "driver.h"

/* Words that the device writes while we look, and the other way round. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* x86 keeps stores in order and loads in order; only a store before a load needs a fence. */
#define order_stores() __atomic_thread_fence(__ATOMIC_RELEASE)
#define order_loads() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define order_all() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/**
 * struct vhc_layout - a layout of the ring
 * @head_for_each_desc: a chain takes a head for each of its descriptors, not one alone.
 * @table_flags: those that an entry of an indirect table may have.
 * @place: say how large the areas are, by their offsets from a page's begin; returns the size of
 *	it all.
 * @rewind: write an empty ring that begins at a base.
 * @base: where the device is, for VHOST_SET_VRING_BASE.
 * @write: write a chain of descriptors, whose heads were taken, and make it available with the
 *	next @publish. @flags are those of the first, but for NEXT.
 * @publish: show the device what was written.
 * @kick_wanted: does it want to be told?
 * @next_used: the head and length of the next used entry; returns 1 or 0, or -EPROTO.
 * @pass_used: it stands for so many chains, with so many descriptors; returns 0 or -EPROTO.
 * @want_call: ask for a signal when so many chains came back.
 * @want_none: ask for none.
 * @rewrite: see vhc_driver_rewrite().
 * @set_entry: make an entry of an indirect table, 16 bytes.
 */
struct vhc_layout {
	bool head_for_each_desc;
	uint16_t table_flags;
	uint64_t (*place)(const struct vhc_driver *driver, struct vhc_area area[VHC_AREAS]);
	void (*rewind)(struct vhc_driver *driver, uint16_t base);
	unsigned int (*base)(const struct vhc_driver *driver);
	void (*write)(struct vhc_driver *driver, uint16_t head, const struct vhc_seg *seg,
		      unsigned int out, unsigned int in, uint16_t flags);
	void (*publish)(struct vhc_driver *driver);
	bool (*kick_wanted)(struct vhc_driver *driver);
	int (*next_used)(const struct vhc_driver *driver, uint32_t *head, uint32_t *len);
	int (*pass_used)(struct vhc_driver *driver, unsigned int chains, unsigned int descs);
	void (*want_call)(struct vhc_driver *driver, unsigned int chains);
	void (*want_none)(struct vhc_driver *driver);
	void (*rewrite)(struct vhc_driver *driver, uint16_t head, uint64_t addr, uint32_t len,
			uint16_t flags, uint16_t next);
	void (*set_entry)(const struct vhc_driver *driver, void *entry, uint64_t addr,
			  uint32_t len, uint16_t flags, uint16_t next);
};

extern const struct vhc_layout vhc_split_layout;
extern const struct vhc_layout vhc_packed_layout;

static inline uint16_t from16(const struct vhc_driver *driver, uint16_t value)
{
	return driver->little_endian ? le16toh(value) : value;
}

static inline uint32_t from32(const struct vhc_driver *driver, uint32_t value)
{
	return driver->little_endian ? le32toh(value) : value;
}

static inline uint16_t to16(const struct vhc_driver *driver, uint16_t value)
{
	return driver->little_endian ? htole16(value) : value;
}

static inline uint32_t to32(const struct vhc_driver *driver, uint32_t value)
{
	return driver->little_endian ? htole32(value) : value;
}

static inline uint64_t to64(const struct vhc_driver *driver, uint64_t value)
{
	return driver->little_endian ? htole64(value) : value;
}

/* Of segment @i of a chain. */
static inline uint16_t seg_flags(unsigned int i, unsigned int out, unsigned int all)
{
	return (i >= out ? VRING_DESC_F_WRITE : 0) | (i + 1 < all ? VRING_DESC_F_NEXT : 0);
}

#endif
