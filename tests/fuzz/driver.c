// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's driver does with the rings of a device, and what none should: see OP_LIE, OP_POKE.
 */
#include <err.h>
#include <string.h>
#include <sys/eventfd.h>

#include "player.h"

enum {
	SLOTS = 16,
	CHAIN_MAX = 4,
};

/* A descriptor of either layout. */
struct buffer {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* Who offers more than the ring has, or descriptors that are still offered, is at fault. */
static bool is_full(unsigned int index)
{
	const struct queue *queue = &played.queues[index];
	const struct vring_used *used = guest(index * RING_BYTES + 0x2000);

	return (uint16_t)(queue->next - used->idx) >= queue->num / CHAIN_MAX;
}

static unsigned int header_len(void)
{
	return played.features & (VHC_F_VERSION_1 | VHC_F_MRG_RXBUF) ? HEADER : HEADER - 2;
}

/* Fills the buffers of a chain; returns how many. */
static unsigned int make_chain(const struct op *op, struct buffer *chain)
{
	static const uint16_t frames[] = { 60, 1514, 300, 14, 4000, 90 };
	struct queue *queue = &played.queues[op->queue];
	unsigned int count = 1 + (op->pick & 3), i;
	unsigned int slot = queue->slot++ % SLOTS, frame = frames[op->value % ARRAY_SIZE(frames)];
	unsigned int header = header_len();
	unsigned long at = BUFFERS + op->queue * BUFFERS_BYTES + slot * BUFFER_BYTES;
	struct virtio_net_hdr *start = guest(at);

	if (count > queue->num)
		count = queue->num;
	if (op->queue == VHC_RX) {
		for (i = 0; i < count; i++)
			chain[i] = (struct buffer){
				.addr = MEM_GPA + at + i * (BUFFER_BYTES / CHAIN_MAX),
				.len = header + (op->pick & 0x100 ? 1514 : 256),
				.flags = VRING_DESC_F_WRITE,
			};
		return count;
	}
	memset(start, 0, HEADER);
	if (!played.around->both && op->pick & 0x10) {
		start->flags = op->value >> 8 & 1;
		start->gso_type = op->value >> 9 & 7;
		start->hdr_len = 54;
		start->gso_size = op->value >> 12 & 0x7ff;
		start->csum_start = 34 + (op->value >> 23 & 1);
		start->csum_offset = 16;
	}
	/* A broadcast of IPv4, or of something that nobody knows. */
	memset((char *)start + header, 0xff, 6);
	memcpy((char *)start + header + 12, op->pick & 0x20 ? "\x08\x00\x45" : "\x88\xb5\0", 3);
	chain[0] = (struct buffer){ .addr = MEM_GPA + at, .len = header };
	if (count == 1) {
		chain[0].len += frame;
		return 1;
	}
	for (i = 1; i < count; i++)
		chain[i] = (struct buffer){
			.addr = MEM_GPA + at + header + (i - 1) * (frame / (count - 1)),
			.len = i + 1 < count ? frame / (count - 1) :
					       frame - (count - 2) * (frame / (count - 1)),
		};
	return count;
}

/* One thing that is not true. */
static void lie(const struct op *op, struct buffer *chain, unsigned int count)
{
	struct buffer *buffer = &chain[op->value >> 3 & (CHAIN_MAX - 1)];

	if (buffer >= chain + count)
		buffer = chain;
	switch (op->value & 7) {
	case 0:
		buffer->addr += (uint64_t)op->value << (op->pick & 31);
		break;
	case 1:
		buffer->len = op->value & 0x40 ? 0 : op->value;
		break;
	case 2:
		buffer->flags ^= 1 << (op->value >> 8 & 15);
		break;
	case 3:
		buffer->next = op->value >> 8;
		buffer->flags |= VRING_DESC_F_NEXT;
		break;
	case 4:
		buffer->addr = MEM_GPA + MEM_SIZE - (op->value >> 8 & 0x7ff);
		break;
	case 5:
		buffer->flags ^= VRING_DESC_F_WRITE;
		break;
	default:
		buffer->flags |= VRING_DESC_F_INDIRECT;
		buffer->len = op->value >> 8 & 0xfff;
	}
}

static void offer_split(const struct op *op, const struct buffer *chain, unsigned int count,
			const struct buffer *table)
{
	struct queue *queue = &played.queues[op->queue];
	struct vring_desc *desc = guest(op->queue * RING_BYTES), *entries;
	struct vring_avail *avail = guest(op->queue * RING_BYTES + 0x1000);
	unsigned int num = queue->num, head = queue->slot * CHAIN_MAX % num, i;

	entries = table ? guest(table->addr - MEM_GPA) : desc;
	for (i = 0; i < count; i++) {
		unsigned int next = table ? i + 1 : (head + i + 1) % num;

		entries[table ? i : (head + i) % num] = (struct vring_desc) {
			chain[i].addr, chain[i].len,
			chain[i].flags | (i + 1 < count ? VRING_DESC_F_NEXT : 0),
			chain[i].next ? chain[i].next : next };
	}
	if (table)
		desc[head] = (struct vring_desc){ table->addr, table->len, table->flags, 0 };
	avail->ring[queue->next % num] = head;
	if (op->code == OP_LIE && (op->value & 7) == 7)
		avail->ring[queue->next % num] = op->value >> 8;
	queue->next++;
	__atomic_store_n(&avail->idx, queue->next, __ATOMIC_RELEASE);
	/* Sometimes the driver wants to be told about the next one. */
	if (op->pick & 0x40)
		avail->ring[num] = queue->next;
	avail->flags = op->pick >> 7 & 1;
}

static void put_packed(struct queue *queue, struct vring_packed_desc *ring,
		       const struct buffer *buffer, uint16_t position, uint16_t id, bool more)
{
	struct vring_packed_desc *desc = &ring[(position & 0x7fff) % queue->num];

	desc->addr = buffer->addr;
	desc->len = buffer->len;
	desc->id = id;
	__atomic_store_n(&desc->flags, buffer->flags | (more ? VRING_DESC_F_NEXT : 0) |
			 1 << (position & 0x8000 ? VRING_PACKED_DESC_F_AVAIL :
						   VRING_PACKED_DESC_F_USED), __ATOMIC_RELEASE);
}

static uint16_t behind(const struct queue *queue, uint16_t position, unsigned int count)
{
	unsigned int at = (position & 0x7fff) + count;

	return at < queue->num ? at | (position & 0x8000) :
				 (at - queue->num) | (~position & 0x8000);
}

static void offer_packed(const struct op *op, const struct buffer *chain, unsigned int count,
			 const struct buffer *table)
{
	struct queue *queue = &played.queues[op->queue];
	struct vring_packed_desc *ring = guest(op->queue * RING_BYTES), *entries;
	uint16_t *events = guest(op->queue * RING_BYTES + 0x1000);
	uint16_t id = queue->next & 0x7fff;
	unsigned int i;

	if (op->code == OP_LIE && (op->value & 7) == 7)
		id = op->value >> 8;
	if (table) {
		entries = guest(table->addr - MEM_GPA);
		for (i = 0; i < count; i++)
			entries[i] = (struct vring_packed_desc) {
				chain[i].addr, chain[i].len, 0, chain[i].flags };
		put_packed(queue, ring, table, queue->next, id, false);
	} else {
		/* The first one, which shows the others, comes last. */
		for (i = count; i--; )
			put_packed(queue, ring, &chain[i], behind(queue, queue->next, i), id,
				   i + 1 < count);
	}
	queue->next = behind(queue, queue->next, table ? 1 : count);
	events[0] = queue->next;
	events[1] = op->pick >> 6 & 3;
}

void offer(const struct op *op)
{
	struct buffer chain[CHAIN_MAX] = { { 0 } }, table = { .flags = VRING_DESC_F_INDIRECT };
	bool indirect = played.features & VHC_F_INDIRECT && op->pick & 4;
	unsigned int count;

	if (played.around->both && !(played.features & VHC_F_RING_PACKED) && is_full(op->queue))
		return;
	count = make_chain(op, chain);

	table.addr = MEM_GPA + TABLES + op->queue * TABLES_BYTES +
		     played.queues[op->queue].slot % SLOTS * TABLE_BYTES;
	table.len = count * sizeof(struct vring_desc);
	if (op->code == OP_LIE) {
		if (indirect && op->pick & 8)
			lie(op, &table, 1);
		else
			lie(op, chain, count);
		/* It has to be where we can write it. */
		table.addr = MEM_GPA + (table.addr - MEM_GPA) % (MEM_SIZE - 0x1000);
	}
	if (played.features & VHC_F_RING_PACKED)
		offer_packed(op, chain, count, indirect ? &table : NULL);
	else
		offer_split(op, chain, count, indirect ? &table : NULL);
}

/* Anything, anywhere in the rings and their tables. */
void poke(const struct op *op)
{
	static const uint16_t areas[] = { 0, 0, 0x1000, 0x1000, 0x2000, TABLES };
	unsigned int area = areas[op->pick % ARRAY_SIZE(areas)];
	unsigned int reach = op->pick & 0x800 ? 0xff0 : 0x3e;
	uint16_t *word = guest(area + op->queue * RING_BYTES + (op->pick >> 4 & reach & ~1U));

	*word = op->value & 0x10000 ? *word + (op->value & 7) : op->value;
}

void kick(void)
{
	if (eventfd_write(KICK_FD, 1))
		err(1, "kick");
	noted("kick", 0);
}
