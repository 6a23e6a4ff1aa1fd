/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's side of a split virtqueue, as a guest's virtio driver plays it.
 *
 * Owns: the descriptor table, both rings and the state of each descriptor. Knows no
 * device file and no eventfd: port.c ties a driver to a device. Callers: port.c,
 * traffic.c and the tests; one thread.
 *
 * The order of use is add, add, …, publish, need_kick; and take_used until it returns 0,
 * then enable_call before sleeping. The letters are those of the device's ring.h:
 *
 *	A  pairs with B: entries before avail->idx
 *	D  pairs with C: used->idx before entries
 *	F  pairs with E: used_event before looking at used->idx once more
 *	H  pairs with G: avail->idx before looking at avail_event
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
 * @head: its first descriptor.
 * @len: bytes that the device wrote.
 * @cookie: what was given to vhc_driver_add().
 */
struct vhc_used {
	uint32_t head;
	uint32_t len;
	uint64_t cookie;
};

/* What the driver remembers of a chain, by its head. */
struct vhc_chain_state {
	uint64_t cookie;
	uint32_t descs;		/* taken from the table; 0: not in use */
};

/**
 * struct vhc_driver - the driver's side of one virtqueue
 * @mem: guest memory.
 * @num: ring size.
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated.
 * @little_endian: VIRTIO_F_VERSION_1 was negotiated; otherwise native order.
 * @fifo: reuse the descriptor that is free for longest; else, as Linux's driver does,
 *	the one that was freed last.
 * @table_max: descriptors in each indirect table; 0 if there are none.
 * @tables: guest address of @num indirect tables.
 * @desc: descriptor table.
 * @avail: available ring.
 * @used: used ring.
 * @ring: guest address of @desc.
 * @avail_idx: what avail->idx will be after the next vhc_driver_publish().
 * @published: avail->idx as the device sees it.
 * @kicked: avail->idx when vhc_driver_need_kick() was last asked.
 * @last_used: used entries taken so far.
 * @free_head: first free descriptor.
 * @free_tail: last free descriptor.
 * @free_num: number of free descriptors.
 * @chain: by head.
 * @next: which descriptor follows; ours, since the tests write nonsense into the table.
 */
struct vhc_driver {
	struct vhc_mem *mem;
	unsigned int num;
	bool event_idx;
	bool little_endian;
	bool fifo;
	unsigned int table_max;
	uint64_t tables;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint64_t ring;
	uint16_t avail_idx;
	uint16_t published;
	uint16_t kicked;
	uint16_t last_used;
	uint16_t free_head;
	uint16_t free_tail;
	unsigned int free_num;
	struct vhc_chain_state *chain;
	uint16_t *next;
};

void vhc_driver_init(struct vhc_driver *driver, struct vhc_mem *mem, unsigned int num,
		     uint64_t features, unsigned int table_max);
void vhc_driver_fini(struct vhc_driver *driver);
void vhc_driver_rewind(struct vhc_driver *driver, uint16_t base);
void vhc_driver_addr(const struct vhc_driver *driver, struct vhost_vring_addr *addr);

int vhc_driver_add(struct vhc_driver *driver, const struct vhc_seg *seg, unsigned int out,
		   unsigned int in, uint64_t cookie);
int vhc_driver_add_indirect(struct vhc_driver *driver, const struct vhc_seg *seg,
			    unsigned int out, unsigned int in, uint64_t cookie);
void vhc_driver_offer(struct vhc_driver *driver, uint16_t head);
void vhc_driver_publish(struct vhc_driver *driver);
bool vhc_driver_need_kick(struct vhc_driver *driver);

int vhc_driver_take_used(struct vhc_driver *driver, struct vhc_used *used);
bool vhc_driver_enable_call(struct vhc_driver *driver);
bool vhc_driver_enable_call_after(struct vhc_driver *driver, unsigned int chains);
void vhc_driver_disable_call(struct vhc_driver *driver);
void vhc_driver_set_used_event(struct vhc_driver *driver, uint16_t event);

uint16_t vhc_driver_used_idx(const struct vhc_driver *driver);
void vhc_driver_set_desc(struct vhc_driver *driver, struct vring_desc *desc, uint64_t addr,
			 uint32_t len, uint16_t flags, uint16_t next);

#endif
