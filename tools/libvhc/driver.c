// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's side of a virtqueue, written from virtio 1.2, sections 2.7 and 2.8: what is the
 * same for both layouts of the ring.
 *
 * Callers: port.c, traffic.c and the tests; one thread. See driver.h for the order of use
 * and for the letters at the barriers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "vhc.h"

static void place_ring(struct vhc_driver *driver)
{
	uint64_t size = driver->layout->place(driver, driver->area), ring;
	unsigned int i;

	ring = vhc_mem_alloc_whole(driver->mem, size, 4096);
	for (i = 0; i < VHC_AREAS; i++) {
		driver->area[i].addr += ring;
		driver->area[i].host = vhc_mem_host(driver->mem, driver->area[i].addr);
	}
}

static void *new_array(unsigned int num, size_t size)
{
	void *array = calloc(num, size);

	if (!array)
		vhc_fail("out of memory");
	return array;
}

/**
 * vhc_driver_init() - set up an empty ring
 * @driver: filled.
 * @mem: where the ring and the indirect tables go.
 * @num: ring size; of a split ring, a power of 2.
 * @features: what was negotiated.
 * @table_max: descriptors in an indirect table; 0 if none is wanted.
 */
void vhc_driver_init(struct vhc_driver *driver, struct vhc_mem *mem, unsigned int num,
		     uint64_t features, unsigned int table_max)
{
	memset(driver, 0, sizeof(*driver));
	driver->layout = features & VHC_F_RING_PACKED ? &vhc_packed_layout : &vhc_split_layout;
	driver->mem = mem;
	driver->num = num;
	driver->event_idx = features & VHC_F_EVENT_IDX;
	driver->in_order = features & VHC_F_IN_ORDER;
	driver->little_endian = features & VHC_F_VERSION_1;
	driver->fifo = driver->in_order;
	driver->table_max = table_max;
	place_ring(driver);
	if (table_max)
		driver->tables = vhc_mem_alloc(mem, 16ULL * table_max * num, 16);
	driver->chain = new_array(num, sizeof(*driver->chain));
	driver->next = new_array(num, sizeof(*driver->next));
	driver->out = new_array(num, sizeof(*driver->out));
	driver->back = new_array(num, sizeof(*driver->back));
	vhc_driver_rewind(driver, 0);
}

/**
 * vhc_driver_fini() - forget a ring; its guest memory goes with vhc_mem_destroy()
 * @driver: the driver.
 */
void vhc_driver_fini(struct vhc_driver *driver)
{
	free(driver->chain);
	free(driver->next);
	free(driver->out);
	free(driver->back);
	driver->chain = NULL;
	driver->next = NULL;
	driver->out = NULL;
	driver->back = NULL;
}

/**
 * vhc_driver_rewind() - begin anew with an empty ring
 * @driver: the driver; no device runs on the ring, and chains that it had are forgotten.
 * @base: how much went through the ring before: chains, or descriptors if it is packed. Tell
 *	the device vhc_driver_base() by VHOST_SET_VRING_BASE.
 */
void vhc_driver_rewind(struct vhc_driver *driver, uint16_t base)
{
	unsigned int i;

	driver->added = base;
	driver->published = base;
	driver->kicked = base;
	driver->last_used = base;
	memset(driver->chain, 0, driver->num * sizeof(*driver->chain));
	for (i = 0; i < driver->num; i++)
		driver->next[i] = (i + 1) % driver->num;
	driver->free_head = 0;
	driver->free_tail = driver->num - 1;
	driver->free_heads = driver->num;
	driver->free_num = driver->num;
	driver->out_num = 0;
	driver->back_num = 0;
	driver->error = 0;
	driver->layout->rewind(driver, base);
}

/**
 * vhc_driver_base() - where the device is, if it gave back all that it took
 * @driver: the driver.
 *
 * Return: what VHOST_SET_VRING_BASE wants and VHOST_GET_VRING_BASE should give.
 */
unsigned int vhc_driver_base(struct vhc_driver *driver)
{
	vhc_driver_used_idx(driver);
	return driver->layout->base(driver);
}

/**
 * vhc_driver_addr() - the argument of VHOST_SET_VRING_ADDR
 * @driver: the driver.
 * @addr: filled, but for the queue's index and the flags.
 */
void vhc_driver_addr(const struct vhc_driver *driver, struct vhost_vring_addr *addr)
{
	addr->desc_user_addr = (uintptr_t)driver->area[VHC_DESC_AREA].host;
	addr->avail_user_addr = (uintptr_t)driver->area[VHC_DRIVER_AREA].host;
	addr->used_user_addr = (uintptr_t)driver->area[VHC_DEVICE_AREA].host;
	addr->log_guest_addr = driver->area[VHC_DEVICE_AREA].addr;
}

/* ---- heads ---- */

static unsigned int heads_of(const struct vhc_driver *driver, unsigned int descs)
{
	return driver->layout->head_for_each_desc ? descs : 1;
}

static uint16_t take_free(struct vhc_driver *driver, unsigned int descs)
{
	const unsigned int heads = heads_of(driver, descs);
	uint16_t head = driver->free_head, last = head;
	unsigned int i;

	for (i = 1; i < heads; i++)
		last = driver->next[last];
	driver->free_head = driver->next[last];
	driver->free_heads -= heads;
	driver->free_num -= descs;
	return head;
}

static void give_free(struct vhc_driver *driver, uint16_t head)
{
	const unsigned int descs = driver->chain[head].descs, heads = heads_of(driver, descs);
	uint16_t last = head;
	unsigned int i;

	for (i = 1; i < heads; i++)
		last = driver->next[last];
	if (!driver->free_heads) {
		driver->free_head = head;
		driver->free_tail = last;
	} else if (driver->fifo) {
		driver->next[driver->free_tail] = head;
		driver->free_tail = last;
	} else {
		driver->next[last] = driver->free_head;
		driver->free_head = head;
	}
	driver->free_heads += heads;
	driver->free_num += descs;
	driver->chain[head].descs = 0;
}

/* ---- what the device gets ---- */

/* Offers a chain of @descs descriptors of the ring; the device may write @room bytes. */
static int offer(struct vhc_driver *driver, const struct vhc_seg *seg, unsigned int out,
		 unsigned int in, uint16_t flags, uint64_t room, uint64_t cookie)
{
	const unsigned int descs = out + in;
	const uint16_t head = take_free(driver, descs);
	struct vhc_chain_state *chain = &driver->chain[head];

	chain->cookie = cookie;
	chain->descs = descs;
	chain->room = room;
	driver->layout->write(driver, head, seg, out, in, flags);
	driver->out[(driver->out_first + driver->out_num++) % driver->num] = head;
	driver->added++;
	return head;
}

static uint64_t room_in(const struct vhc_seg *seg, unsigned int out, unsigned int in)
{
	uint64_t room = 0;
	unsigned int i;

	for (i = out; i < out + in; i++)
		room += seg[i].len;
	return room;
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
	if (!(out + in) || out + in > driver->free_num)
		return -ENOSPC;
	return offer(driver, seg, out, in, 0, room_in(seg, out, in), cookie);
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
	struct vhc_seg table;

	if (!all || all > driver->table_max || !driver->free_num)
		return -ENOSPC;
	table.addr = driver->tables + 16ULL * driver->table_max * driver->free_head;
	table.len = 16 * all;
	for (i = 0; i < all; i++)
		vhc_driver_set_entry(driver, table.addr, i, seg[i].addr, seg[i].len,
				     seg_flags(i, out, all) & driver->layout->table_flags, i + 1);
	return offer(driver, &table, 1, 0, VRING_DESC_F_INDIRECT, room_in(seg, out, in), cookie);
}

/**
 * vhc_driver_publish() - show the device what was added
 * @driver: the driver.
 */
void vhc_driver_publish(struct vhc_driver *driver)
{
	/*
	 * Barrier A, pairs with B. Without this the device may see that there is something
	 * new, and read an entry or a descriptor that was not written yet.
	 */
	order_stores();
	driver->layout->publish(driver);
	driver->published = driver->added;
}

/**
 * vhc_driver_need_kick() - does the device want to be told of what was published?
 * @driver: the driver.
 *
 * Return: true if it does. Chains published up to now are not asked about again.
 */
bool vhc_driver_need_kick(struct vhc_driver *driver)
{
	bool wanted;

	/*
	 * Barrier H, pairs with G. Without this we may read the device's wish before what we
	 * published is visible, while the device writes its wish and still sees nothing new:
	 * both go to sleep.
	 */
	order_all();
	wanted = driver->layout->kick_wanted(driver);
	driver->kicked = driver->published;
	return wanted;
}

/* ---- what comes back ---- */

static uint16_t out_at(const struct vhc_driver *driver, unsigned int i)
{
	return driver->out[(driver->out_first + i) % driver->num];
}

static void drop_oldest_out(struct vhc_driver *driver, unsigned int chains)
{
	driver->out_first = (driver->out_first + chains) % driver->num;
	driver->out_num -= chains;
}

static void push_back(struct vhc_driver *driver, uint16_t head, uint32_t len)
{
	struct vhc_used *used =
		&driver->back[(driver->back_first + driver->back_num++) % driver->num];

	used->head = head;
	used->len = len;
	used->cookie = driver->chain[head].cookie;
}

/*
 * The entry stands for the chains up to its own, which were used in their order; those that were
 * skipped were used completely.
 */
static int batch_back(struct vhc_driver *driver, unsigned int last, uint32_t len)
{
	unsigned int i, descs = 0;
	int result;

	for (i = 0; i <= last; i++)
		descs += driver->chain[out_at(driver, i)].descs;
	result = driver->layout->pass_used(driver, last + 1, descs);
	if (result)
		return result;
	for (i = 0; i <= last; i++) {
		const uint16_t head = out_at(driver, i);

		push_back(driver, head, i < last ? driver->chain[head].room : len);
	}
	drop_oldest_out(driver, last + 1);
	return 0;
}

/* Chain number @which of those that the device has came back before the older ones. */
static int one_back(struct vhc_driver *driver, unsigned int which, uint32_t len)
{
	const uint16_t head = out_at(driver, which);
	int result = driver->layout->pass_used(driver, 1, driver->chain[head].descs);

	if (result)
		return result;
	push_back(driver, head, len);
	for (; which; which--)
		driver->out[(driver->out_first + which) % driver->num] = out_at(driver, which - 1);
	drop_oldest_out(driver, 1);
	return 0;
}

static int entry_back(struct vhc_driver *driver, uint32_t head, uint32_t len)
{
	unsigned int which = 0;

	while (which < driver->out_num && out_at(driver, which) != head)
		which++;
	if (which == driver->out_num)
		return -EPROTO;
	return driver->in_order ? batch_back(driver, which, len) : one_back(driver, which, len);
}

/**
 * vhc_driver_used_idx() - how many chains came back
 * @driver: the driver.
 *
 * Return: that, from the base on, with those that were not taken; of a split ring, used->idx.
 */
uint16_t vhc_driver_used_idx(struct vhc_driver *driver)
{
	uint32_t head, len;
	int result;

	while (!driver->error) {
		result = driver->layout->next_used(driver, &head, &len);
		if (!result)
			break;
		driver->error = result < 0 ? result : entry_back(driver, head, len);
	}
	return driver->last_used + driver->back_num;
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
	if (!driver->back_num)
		vhc_driver_used_idx(driver);
	if (!driver->back_num)
		return driver->error;
	*used = driver->back[driver->back_first];
	driver->back_first = (driver->back_first + 1) % driver->num;
	driver->back_num--;
	give_free(driver, used->head);
	driver->last_used++;
	return 1;
}

/**
 * vhc_driver_enable_call_after() - ask for a signal when some chains came back
 * @driver: the driver.
 * @chains: how many, of those that were not taken; without EVENT_IDX each one signals. In a
 *	packed ring, those that were not added yet count as one descriptor each.
 *
 * Return: true if so many came back already: take them instead of sleeping.
 */
bool vhc_driver_enable_call_after(struct vhc_driver *driver, unsigned int chains)
{
	driver->layout->want_call(driver, chains);
	/*
	 * Barrier F, pairs with E. Without this we may look for used chains before our wish is
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
 */
void vhc_driver_disable_call(struct vhc_driver *driver)
{
	driver->layout->want_none(driver);
}

/* ---- lies ---- */

/**
 * vhc_driver_rewrite() - write the first descriptor of a chain anew
 * @driver: the driver.
 * @head: the chain, not published yet.
 * @addr: guest address of the buffer.
 * @len: its length.
 * @flags: VRING_DESC_F_x.
 * @next: index of the next descriptor, with VRING_DESC_F_NEXT; of a split ring only.
 */
void vhc_driver_rewrite(struct vhc_driver *driver, uint16_t head, uint64_t addr, uint32_t len,
			uint16_t flags, uint16_t next)
{
	driver->layout->rewrite(driver, head, addr, len, flags, next);
}

/**
 * vhc_driver_set_entry() - write an entry of an indirect table
 * @driver: the driver.
 * @table: guest address of the table.
 * @at: which entry.
 * @addr: guest address of the buffer.
 * @len: its length.
 * @flags: VRING_DESC_F_x.
 * @next: index of the next one, with VRING_DESC_F_NEXT; of a split ring only.
 */
void vhc_driver_set_entry(struct vhc_driver *driver, uint64_t table, unsigned int at,
			  uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	char entry[16];

	driver->layout->set_entry(driver, entry, addr, len, flags, next);
	vhc_mem_write(driver->mem, table + sizeof(entry) * at, entry, sizeof(entry));
}
