/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's side of a virtqueue, as a guest's virtio driver plays it: split or packed, in
 * order or not, as was negotiated.
 *
 * Owns: the ring's three areas, indirect tables and the state of each chain. Knows no
 * device file and no eventfd: port.c ties a driver to a device. Callers: port.c,
 * traffic.c and the tests; one thread. What depends on the layout of the ring is in
 * driver_split.c and driver_packed.c, behind layout.h.
 *
 * The order of use is add, add, …, publish, need_kick; and take_used until it returns 0,
 * then enable_call before sleeping. The letters are those of the device's ring.h:
 *
 *	A  pairs with B: entries before avail->idx; descriptors before the flags of the first
 *	D  pairs with C: used->idx before entries; flags before the ID and length
 *	F  pairs with E: the wish for a signal before looking once more for used chains
 *	H  pairs with G: what was published before looking at the device's wish for a kick
 */
#ifndef LIBVHC_DRIVER_H
#define LIBVHC_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>

#include "mem.h"

/**
 * struct vhc_seg - a piece of guest memory
 * @addr: guest address.
 * @len: bytes.
 */
struct vhc_seg {
	uint64_t addr;
	uint32_t len;
};

/**
 * struct vhc_used - a chain that the device gave back
 * @head: its identity: its first descriptor, or in a packed ring its buffer ID.
 * @len: bytes that the device wrote.
 * @cookie: what was given to vhc_driver_add().
 */
struct vhc_used {
	uint32_t head;
	uint32_t len;
	uint64_t cookie;
};

/* The areas of a ring, as virtio 1.2, section 2.6, names them. */
enum { VHC_DESC_AREA, VHC_DRIVER_AREA, VHC_DEVICE_AREA, VHC_AREAS };

/**
 * struct vhc_area - one of them
 * @addr: guest address.
 * @len: bytes.
 * @host: where it is in this process.
 * @written: the device writes to it.
 */
struct vhc_area {
	uint64_t addr;
	uint64_t len;
	void *host;
	bool written;
};

/* What the driver remembers of a chain, by its head. */
struct vhc_chain_state {
	uint64_t cookie;
	uint32_t descs;		/* of the ring; 0: not in use */
	uint32_t room;		/* bytes that the device may write */
	uint32_t at;		/* packed: where it begins */
};

/* The areas of a split ring. */
struct vhc_split {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/*
 * Those of a packed ring, and the driver's places in it. A place counts descriptors of two laps,
 * the first of which is the one where the wrap counter is 1: it is below 2 * num.
 */
struct vhc_packed {
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver;
	struct vring_packed_desc_event *device;
	uint32_t avail_at;	/* of the next chain */
	uint32_t used_at;	/* of the next used descriptor */
	uint32_t held_at;	/* whose flags wait for vhc_driver_publish() */
	uint16_t held_flags;
	uint32_t unpublished;	/* descriptors, from @held_at on */
	uint32_t unasked;	/* descriptors that were published since the last kick */
};

struct vhc_layout;

/**
 * struct vhc_driver - the driver's side of one virtqueue
 * @layout: how the ring looks.
 * @mem: guest memory.
 * @num: ring size.
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated.
 * @in_order: VIRTIO_F_IN_ORDER was negotiated.
 * @little_endian: VIRTIO_F_VERSION_1 was negotiated; otherwise native order.
 * @fifo: reuse the head that is free for longest, as IN_ORDER wants it; else, as Linux's driver
 *	does, the one that was freed last.
 * @table_max: descriptors in each indirect table; 0 if there are none.
 * @tables: guest address of @num indirect tables.
 * @area: by VHC_x_AREA.
 * @added: chains that were added, from the base on; avail->idx after the next publish.
 * @published: those that the device sees.
 * @kicked: @published when vhc_driver_need_kick() was last asked.
 * @last_used: chains that were taken back.
 * @free_head: first free head.
 * @free_tail: last free head.
 * @free_heads: number of free heads.
 * @free_num: number of free descriptors.
 * @next: which head follows; ours, since the tests write nonsense into the table.
 * @chain: by head.
 * @out: heads of the chains that the device has, in their order; a ring of @num.
 * @out_first: the oldest of them.
 * @out_num: how many there are.
 * @back: chains that came back and were not taken; a ring of @num.
 * @back_first: the oldest of them.
 * @back_num: how many there are.
 * @error: -EPROTO if the device gave back what it does not have.
 * @split: of a split ring.
 * @packed: of a packed ring.
 */
struct vhc_driver {
	const struct vhc_layout *layout;
	struct vhc_mem *mem;
	unsigned int num;
	bool event_idx;
	bool in_order;
	bool little_endian;
	bool fifo;
	unsigned int table_max;
	uint64_t tables;
	struct vhc_area area[VHC_AREAS];
	uint16_t added;
	uint16_t published;
	uint16_t kicked;
	uint16_t last_used;
	uint16_t free_head;
	uint16_t free_tail;
	unsigned int free_heads;
	unsigned int free_num;
	uint16_t *next;
	struct vhc_chain_state *chain;
	uint16_t *out;
	unsigned int out_first;
	unsigned int out_num;
	struct vhc_used *back;
	unsigned int back_first;
	unsigned int back_num;
	int error;
	union {
		struct vhc_split split;
		struct vhc_packed packed;
	};
};

void vhc_driver_init(struct vhc_driver *driver, struct vhc_mem *mem, unsigned int num,
		     uint64_t features, unsigned int table_max);
void vhc_driver_fini(struct vhc_driver *driver);
void vhc_driver_rewind(struct vhc_driver *driver, uint16_t base);
unsigned int vhc_driver_base(struct vhc_driver *driver);
void vhc_driver_addr(const struct vhc_driver *driver, struct vhost_vring_addr *addr);

int vhc_driver_add(struct vhc_driver *driver, const struct vhc_seg *seg, unsigned int out,
		   unsigned int in, uint64_t cookie);
int vhc_driver_add_indirect(struct vhc_driver *driver, const struct vhc_seg *seg,
			    unsigned int out, unsigned int in, uint64_t cookie);
void vhc_driver_publish(struct vhc_driver *driver);
bool vhc_driver_need_kick(struct vhc_driver *driver);

int vhc_driver_take_used(struct vhc_driver *driver, struct vhc_used *used);
uint16_t vhc_driver_used_idx(struct vhc_driver *driver);
bool vhc_driver_enable_call(struct vhc_driver *driver);
bool vhc_driver_enable_call_after(struct vhc_driver *driver, unsigned int chains);
void vhc_driver_disable_call(struct vhc_driver *driver);

/* Lies, for the tests */
void vhc_driver_rewrite(struct vhc_driver *driver, uint16_t head, uint64_t addr, uint32_t len,
			uint16_t flags, uint16_t next);
void vhc_driver_set_entry(struct vhc_driver *driver, uint64_t table, unsigned int at,
			  uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);

#endif
