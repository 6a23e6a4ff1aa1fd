// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's side of a split virtqueue, written from virtio 1.2, section 2.7.
 *
 * Callers: port.c, traffic.c and the tests; one thread. See driver.h for the order of use
 * and for the letters at the barriers.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "vhc.h"

/* Words that the device writes while we look, and the other way round. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* x86 keeps stores in order and loads in order; only a store before a load needs a fence. */
#define order_stores() __atomic_thread_fence(__ATOMIC_RELEASE)
#define order_loads() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define order_all() __atomic_thread_fence(__ATOMIC_SEQ_CST)

static uint16_t from16(const struct vhc_driver *driver, uint16_t value)
{
	return driver->little_endian ? le16toh(value) : value;
}

static uint32_t from32(const struct vhc_driver *driver, uint32_t value)
{
	return driver->little_endian ? le32toh(value) : value;
}

static uint16_t to16(const struct vhc_driver *driver, uint16_t value)
{
	return driver->little_endian ? htole16(value) : value;
}

static uint32_t to32(const struct vhc_driver *driver, uint32_t value)
{
	return driver->little_endian ? htole32(value) : value;
}

static uint64_t to64(const struct vhc_driver *driver, uint64_t value)
{
	return driver->little_endian ? htole64(value) : value;
}

/* The driver writes used_event behind the available ring, the device avail_event behind
 * the used ring.
 */
static uint16_t *used_event(const struct vhc_driver *driver)
{
	return &driver->avail->ring[driver->num];
}

static uint16_t *avail_event(const struct vhc_driver *driver)
{
	return (uint16_t *)&driver->used->ring[driver->num];
}

/* Was @event passed on the way from @before to @now? */
static bool passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static void place_ring(struct vhc_driver *driver)
{
	uint64_t table = sizeof(struct vring_desc) * driver->num;
	uint64_t avail = sizeof(uint16_t) * (driver->num + 3);
	uint64_t used_at = (table + avail + 63) & ~63ULL;
	uint64_t used = sizeof(uint16_t) * 3 + sizeof(struct vring_used_elem) * driver->num;
	char *host;

	driver->ring = vhc_mem_alloc_whole(driver->mem, used_at + used, 4096);
	host = vhc_mem_host(driver->mem, driver->ring);
	memset(host, 0, used_at + used);
	driver->desc = (void *)host;
	driver->avail = (void *)(host + table);
	driver->used = (void *)(host + used_at);
}

/**
 * vhc_driver_init() - set up an empty ring
 * @driver: filled.
 * @mem: where the ring and the indirect tables go.
 * @num: ring size.
 * @features: what was negotiated.
 * @table_max: descriptors in an indirect table; 0 if none is wanted.
 */
void vhc_driver_init(struct vhc_driver *driver, struct vhc_mem *mem, unsigned int num,
		     uint64_t features, unsigned int table_max)
{
	unsigned int i;

	memset(driver, 0, sizeof(*driver));
	driver->mem = mem;
	driver->num = num;
	driver->event_idx = features & VHC_F_EVENT_IDX;
	driver->little_endian = features & VHC_F_VERSION_1;
	driver->table_max = table_max;
	place_ring(driver);
	if (table_max)
		driver->tables = vhc_mem_alloc(mem, 16ULL * table_max * num, 16);
	driver->chain = calloc(num, sizeof(*driver->chain));
	driver->next = calloc(num, sizeof(*driver->next));
	if (!driver->chain || !driver->next)
		vhc_fail("out of memory");
	for (i = 0; i < num; i++)
		driver->next[i] = (i + 1) % num;
	driver->free_tail = num - 1;
	driver->free_num = num;
}

/**
 * vhc_driver_fini() - forget a ring; its guest memory goes with vhc_mem_destroy()
 * @driver: the driver.
 */
void vhc_driver_fini(struct vhc_driver *driver)
{
	free(driver->chain);
	free(driver->next);
	driver->chain = NULL;
	driver->next = NULL;
}

/**
 * vhc_driver_rewind() - begin at another index than 0
 * @driver: the driver; nothing was added yet, and no device runs on the ring.
 * @base: the index; tell the device by VHOST_SET_VRING_BASE.
 */
void vhc_driver_rewind(struct vhc_driver *driver, uint16_t base)
{
	driver->avail_idx = base;
	driver->published = base;
	driver->kicked = base;
	driver->last_used = base;
	driver->avail->idx = to16(driver, base);
	driver->used->idx = to16(driver, base);
	*used_event(driver) = to16(driver, base);
	*avail_event(driver) = to16(driver, base);
}

/**
 * vhc_driver_addr() - the argument of VHOST_SET_VRING_ADDR
 * @driver: the driver.
 * @addr: filled, but for the queue's index and the flags.
 */
void vhc_driver_addr(const struct vhc_driver *driver, struct vhost_vring_addr *addr)
{
	uint64_t used = (char *)driver->used - (char *)driver->desc;

	addr->desc_user_addr = (uintptr_t)driver->desc;
	addr->avail_user_addr = (uintptr_t)driver->avail;
	addr->used_user_addr = (uintptr_t)driver->used;
	addr->log_guest_addr = driver->ring + used;
}

/**
 * vhc_driver_set_desc() - write a descriptor
 * @driver: the driver.
 * @desc: in the table or in an indirect table.
 * @addr: guest address of the buffer.
 * @len: its length.
 * @flags: VRING_DESC_F_x.
 * @next: index of the next descriptor, with VRING_DESC_F_NEXT.
 */
void vhc_driver_set_desc(struct vhc_driver *driver, struct vring_desc *desc, uint64_t addr,
			 uint32_t len, uint16_t flags, uint16_t next)
{
	desc->addr = to64(driver, addr);
	desc->len = to32(driver, len);
	desc->flags = to16(driver, flags);
	desc->next = to16(driver, next);
}

static uint16_t desc_flags(unsigned int i, unsigned int out, unsigned int all)
{
	return (i >= out ? VRING_DESC_F_WRITE : 0) | (i + 1 < all ? VRING_DESC_F_NEXT : 0);
}

/* Takes @descs descriptors off the free list; @last becomes the list's new end. */
static uint16_t take_free(struct vhc_driver *driver, unsigned int descs, uint16_t *last)
{
	uint16_t head = driver->free_head;
	unsigned int i;

	*last = head;
	for (i = 1; i < descs; i++)
		*last = driver->next[*last];
	driver->free_head = driver->next[*last];
	driver->free_num -= descs;
	return head;
}

/**
 * vhc_driver_offer() - put a head into the available ring
 * @driver: the driver.
 * @head: the chain's first descriptor. The tests offer wrong ones too.
 */
void vhc_driver_offer(struct vhc_driver *driver, uint16_t head)
{
	uint16_t slot = driver->avail_idx++ & (driver->num - 1);

	WRITE_ONCE(driver->avail->ring[slot], to16(driver, head));
}

/**
 * vhc_driver_add() - offer a chain of buffers
 * @driver: the driver.
 * @seg: the segments; those that the device reads come first.
 * @out: number of segments that the device reads.
 * @in: number of segments that the device writes.
 * @cookie: comes back with the chain.
 *
 * The device sees the chain after vhc_driver_publish().
 *
 * Return: the chain's head, or -ENOSPC.
 */
int vhc_driver_add(struct vhc_driver *driver, const struct vhc_seg *seg, unsigned int out,
		   unsigned int in, uint64_t cookie)
{
	unsigned int i, all = out + in;
	uint16_t head, at, last;

	if (!all || all > driver->free_num)
		return -ENOSPC;
	head = take_free(driver, all, &last);
	for (i = 0, at = head; i < all; i++, at = driver->next[at])
		vhc_driver_set_desc(driver, &driver->desc[at], seg[i].addr, seg[i].len,
				    desc_flags(i, out, all), driver->next[at]);
	driver->chain[head].cookie = cookie;
	driver->chain[head].descs = all;
	vhc_driver_offer(driver, head);
	return head;
}

/**
 * vhc_driver_add_indirect() - offer a chain of buffers through an indirect table
 * @driver: the driver.
 * @seg: the segments; those that the device reads come first.
 * @out: number of segments that the device reads.
 * @in: number of segments that the device writes.
 * @cookie: comes back with the chain.
 *
 * Return: the chain's head, or -ENOSPC.
 */
int vhc_driver_add_indirect(struct vhc_driver *driver, const struct vhc_seg *seg,
			    unsigned int out, unsigned int in, uint64_t cookie)
{
	unsigned int i, all = out + in;
	struct vring_desc desc;
	uint16_t head, last;
	uint64_t table;

	if (!all || all > driver->table_max || !driver->free_num)
		return -ENOSPC;
	head = take_free(driver, 1, &last);
	table = driver->tables + 16ULL * driver->table_max * head;
	for (i = 0; i < all; i++) {
		vhc_driver_set_desc(driver, &desc, seg[i].addr, seg[i].len,
				    desc_flags(i, out, all), i + 1);
		vhc_mem_write(driver->mem, table + 16 * i, &desc, sizeof(desc));
	}
	vhc_driver_set_desc(driver, &driver->desc[head], table, 16 * all, VRING_DESC_F_INDIRECT, 0);
	driver->chain[head].cookie = cookie;
	driver->chain[head].descs = 1;
	vhc_driver_offer(driver, head);
	return head;
}

/**
 * vhc_driver_publish() - show the device what was added
 * @driver: the driver.
 */
void vhc_driver_publish(struct vhc_driver *driver)
{
	/*
	 * Barrier A, pairs with B. Without this the device may see the new avail->idx and
	 * read an entry or a descriptor that was not written yet.
	 */
	order_stores();
	WRITE_ONCE(driver->avail->idx, to16(driver, driver->avail_idx));
	driver->published = driver->avail_idx;
}

/**
 * vhc_driver_need_kick() - does the device want to be told of what was published?
 * @driver: the driver.
 *
 * Return: true if it does. Chains published up to now are not asked about again.
 */
bool vhc_driver_need_kick(struct vhc_driver *driver)
{
	uint16_t before = driver->kicked;
	uint16_t event;

	driver->kicked = driver->published;
	/*
	 * Barrier H, pairs with G. Without this we may read avail_event before our avail->idx
	 * is visible, while the device writes avail_event and still sees the old index: both
	 * go to sleep.
	 */
	order_all();
	if (!driver->event_idx)
		return !(from16(driver, READ_ONCE(driver->used->flags)) & VRING_USED_F_NO_NOTIFY);
	event = from16(driver, READ_ONCE(*avail_event(driver)));
	return passed(event, driver->published, before);
}

/* Puts the chain of @head back on the free list. */
static void give_free(struct vhc_driver *driver, uint16_t head)
{
	unsigned int i, descs = driver->chain[head].descs;
	uint16_t last = head;

	for (i = 1; i < descs; i++)
		last = driver->next[last];
	if (!driver->free_num) {
		driver->free_head = head;
		driver->free_tail = last;
	} else if (driver->fifo) {
		driver->next[driver->free_tail] = head;
		driver->free_tail = last;
	} else {
		driver->next[last] = driver->free_head;
		driver->free_head = head;
	}
	driver->free_num += descs;
	driver->chain[head].descs = 0;
}

/**
 * vhc_driver_used_idx() - used->idx now
 * @driver: the driver.
 *
 * Return: the index.
 */
uint16_t vhc_driver_used_idx(const struct vhc_driver *driver)
{
	return from16(driver, READ_ONCE(driver->used->idx));
}

/**
 * vhc_driver_take_used() - take the next chain that the device gave back
 * @driver: the driver.
 * @used: filled.
 *
 * Return: 1 if there was one, 0 if not, -EPROTO if the device gave back what it does not
 * have.
 */
int vhc_driver_take_used(struct vhc_driver *driver, struct vhc_used *used)
{
	uint16_t slot = driver->last_used & (driver->num - 1);
	uint16_t idx = vhc_driver_used_idx(driver);

	if (idx == driver->last_used)
		return 0;
	if ((uint16_t)(idx - driver->last_used) > driver->num)
		return -EPROTO;
	/*
	 * Barrier D, pairs with C. Without this we may read an entry that the device wrote
	 * after the index that we saw.
	 */
	order_loads();
	used->head = from32(driver, READ_ONCE(driver->used->ring[slot].id));
	used->len = from32(driver, READ_ONCE(driver->used->ring[slot].len));
	if (used->head >= driver->num || !driver->chain[used->head].descs)
		return -EPROTO;
	used->cookie = driver->chain[used->head].cookie;
	give_free(driver, used->head);
	driver->last_used++;
	return 1;
}

/**
 * vhc_driver_set_used_event() - ask for a signal when used->idx passes an index
 * @driver: the driver, with EVENT_IDX.
 * @event: the index.
 */
void vhc_driver_set_used_event(struct vhc_driver *driver, uint16_t event)
{
	WRITE_ONCE(*used_event(driver), to16(driver, event));
}

/**
 * vhc_driver_enable_call_after() - ask for a signal when some chains came back
 * @driver: the driver.
 * @chains: how many; without EVENT_IDX each one signals.
 *
 * Return: true if so many came back already: take them instead of sleeping.
 */
bool vhc_driver_enable_call_after(struct vhc_driver *driver, unsigned int chains)
{
	if (driver->event_idx)
		vhc_driver_set_used_event(driver, driver->last_used + chains - 1);
	else
		WRITE_ONCE(driver->avail->flags, 0);
	/*
	 * Barrier F, pairs with E. Without this we may read used->idx before our wish is
	 * visible, while the device publishes and still sees the old wish: we sleep, and no
	 * signal comes.
	 */
	order_all();
	if (!driver->event_idx)
		chains = 1;
	return (uint16_t)(vhc_driver_used_idx(driver) - driver->last_used) >= chains;
}

/**
 * vhc_driver_enable_call() - ask for a signal when a chain comes back
 * @driver: the driver.
 *
 * Return: true if one came back already: take it instead of sleeping.
 */
bool vhc_driver_enable_call(struct vhc_driver *driver)
{
	return vhc_driver_enable_call_after(driver, 1);
}

/**
 * vhc_driver_disable_call() - say that no signal is needed
 * @driver: the driver.
 *
 * With EVENT_IDX there is nothing to do: the event that was asked for lies behind.
 */
void vhc_driver_disable_call(struct vhc_driver *driver)
{
	if (!driver->event_idx)
		WRITE_ONCE(driver->avail->flags, to16(driver, VRING_AVAIL_F_NO_INTERRUPT));
}
