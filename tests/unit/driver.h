/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small guest-side driver of one split ring, for the unit tests. One thread uses it.
 */
#ifndef UNIT_DRIVER_H
#define UNIT_DRIVER_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

struct driver_buf {
	u64 addr;
	u32 len;
	bool write;
};

struct driver {
	unsigned int num;
	bool le;
	bool event_idx;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 *link;		/* free list, and the descriptors of each chain */
	u16 free_head;
	unsigned int free_num;
	u16 avail_idx;		/* next available entry to write */
	u16 exposed;		/* avail->idx */
	u16 asked;		/* avail->idx when a kick was last considered */
	u16 used_idx;		/* next used entry to read */
};

void driver_start(struct driver *d, u16 avail_idx, u16 used_idx);

/* By hand, for tests that need to lie */
void driver_desc(const struct driver *d, struct vring_desc *desc, u64 addr, u32 len,
		 u16 flags, u16 next);
void driver_offer(struct driver *d, u16 head);
void driver_set_idx(struct driver *d, u16 idx);

/* As a driver does it */
int driver_add(struct driver *d, const struct driver_buf *buf, unsigned int num,
	       struct vring_desc *table, u64 table_addr);
void driver_expose(struct driver *d);
bool driver_must_kick(struct driver *d);
bool driver_get_used(struct driver *d, u32 *id, u32 *len);
void driver_set_used_event(struct driver *d, u16 event);
bool driver_enable_signals(struct driver *d);
void driver_disable_signals(struct driver *d);

#endif
