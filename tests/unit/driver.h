/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small guest-side driver of one ring, for the unit tests. One thread uses it. driver.c has
 * what both layouts share, and the split one; driver_packed.c the packed one.
 *
 * Chains have ids. Of a split ring, that is the index of the first descriptor; the next ones
 * follow, unless driver_add() chose them. Positions are what struct vhc_ring says.
 */
#ifndef UNIT_DRIVER_H
#define UNIT_DRIVER_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

/* A descriptor; but for the last one of a chain, NEXT is added. */
struct driver_buf {
	u64 addr;
	u32 len;
	u16 flags;
};

/* Length of a chain that was skipped in a batch (IN_ORDER). */
#define DRIVER_LEN_UNKNOWN	(~0U)

/* Of a packed ring: what a chain looks like, for it is written when it is offered. */
struct driver_chain {
	struct driver_buf *buf;
	u32 num;
};

struct driver {
	unsigned int num;
	bool packed;
	bool in_order;
	bool le;
	bool event_idx;
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *ring;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};
	u16 *link;		/* free list; of a split ring, the descriptors of each chain, too */
	u16 free_head;
	unsigned int free_num;	/* descriptors */
	u16 avail_idx;		/* next available entry to write */
	u16 exposed;		/* what the device sees of it */
	u16 asked;		/* exposed when a kick was last considered */
	u16 used_idx;		/* next used entry to read */
	struct driver_chain *chain;	/* packed: by id */
	u16 hidden_flags;	/* packed: of the descriptor at exposed, until it is */
	u16 *order;		/* IN_ORDER: ids as they were offered, by the low bits of ... */
	u16 order_in, order_out;
	bool batch;		/* IN_ORDER: an entry was read, the last chain of it was not yet */
	u16 batch_id;
	u32 batch_len;
};

void driver_start(struct driver *d, u16 avail_idx, u16 used_idx);
u16 driver_advance(const struct driver *d, u16 position, unsigned int count);

/* By hand, for tests that need to lie */
void driver_desc(const struct driver *d, struct vring_desc *desc, u64 addr, u32 len,
		 u16 flags, u16 next);
void driver_set_idx(struct driver *d, u16 idx);
void driver_describe(struct driver *d, u16 id, const struct driver_buf *buf, unsigned int num);
void driver_table(const struct driver *d, void *table, const struct driver_buf *buf,
		  unsigned int num);
void driver_offer(struct driver *d, u16 id);

/* As a driver does it */
int driver_add(struct driver *d, const struct driver_buf *buf, unsigned int num, void *table,
	       u64 table_addr);
void driver_expose(struct driver *d);
bool driver_must_kick(struct driver *d);
bool driver_get_used(struct driver *d, u32 *id, u32 *len);
void driver_set_used_event(struct driver *d, u16 event);
bool driver_enable_signals(struct driver *d);
void driver_disable_signals(struct driver *d);

/* driver_packed.c */
enum {
	PACKED_AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	PACKED_USED = 1 << VRING_PACKED_DESC_F_USED,
	PACKED_WRAP = 1 << VRING_PACKED_EVENT_F_WRAP_CTR,
};

u16 packed_advance(const struct driver *d, u16 position, unsigned int count);
unsigned int packed_distance(const struct driver *d, u16 from, u16 to);
u16 packed_avail_flags(u16 position);
void packed_set_flags(struct driver *d, u16 index, u16 flags);
void packed_offer(struct driver *d, u16 id);
void packed_expose(struct driver *d);
bool packed_must_kick(struct driver *d);
bool packed_used_read(struct driver *d, u16 *id, u32 *len);
void packed_set_used_event(struct driver *d, u16 event);
bool packed_enable_signals(struct driver *d);
void packed_disable_signals(struct driver *d);

#endif
