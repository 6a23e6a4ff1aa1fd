// SPDX-License-Identifier: GPL-2.0
/*
 * One direction of traffic: its slots, of which each is the memory of one chain, and the account
 * of its frames.
 *
 * Callers: traffic.c, measure.c, flow_tx.c and flow_rx.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

enum { GAP = 64 };		/* unused bytes between the pieces of a chain */

/**
 * traffic_trouble() - say what went wrong, in the report
 * @traffic: whose.
 * @format: of printf, and its arguments.
 */
void __attribute__((format(printf, 2, 3)))
traffic_trouble(struct vhc_traffic *traffic, const char *format, ...)
{
	va_list args;

	if (traffic->report.trouble[0])
		return;		/* the first one says most */
	va_start(args, format);
	vsnprintf(traffic->report.trouble, sizeof(traffic->report.trouble), format, args);
	va_end(args);
}

static uint32_t next_random(struct flow *flow)
{
	flow->random = flow->random * 1664525 + 1013904223;
	return flow->random >> 8;
}

/**
 * flow_longest() - the longest frame
 * @config: what is to be sent.
 *
 * Return: bytes, without the virtio-net header.
 */
size_t flow_longest(const struct vhc_traffic_config *config)
{
	return config->mixed ? 1514 : config->max;
}

static size_t rx_room(const struct vhc_traffic_config *config, uint64_t features)
{
	if (!(features & VHC_F_MRG_RXBUF))
		return vhc_header_len(features) + flow_longest(config);
	return config->rx_buffer ? config->rx_buffer : 1536;
}

static uint64_t slot_stride(size_t room, unsigned int segments)
{
	return (room + (uint64_t)segments * GAP + 63) & ~63ULL;
}

static unsigned int chains_max(const struct vhc_traffic_config *config, unsigned int ring_size)
{
	return config->indirect ? ring_size : ring_size / config->segments;
}

/**
 * vhc_traffic_mem_size() - guest memory that traffic needs
 * @config: what is to be sent.
 * @features: of the port.
 * @ring_size: of both queues.
 * @table_max: of the port.
 *
 * Return: bytes, for &struct vhc_port_config.
 */
uint64_t vhc_traffic_mem_size(const struct vhc_traffic_config *config, uint64_t features,
			      unsigned int ring_size, unsigned int table_max)
{
	size_t tx = vhc_header_len(features) + flow_longest(config);
	uint64_t slots = slot_stride(tx, config->segments) +
			 slot_stride(rx_room(config, features), config->segments);
	uint64_t rings = 2 * (ring_size * 40ULL + 16384 + 16ULL * ring_size * table_max);

	return slots * chains_max(config, ring_size) + rings + (1 << 20);
}

/**
 * rx_chains_per_frame() - chains that an RX frame takes
 * @traffic: whose.
 *
 * Return: so many, at most.
 */
unsigned int rx_chains_per_frame(const struct vhc_traffic *traffic)
{
	size_t room = traffic->flow[VHC_RX].room;

	if (!rx_is_mergeable(traffic))
		return 1;
	return (traffic->port->header_len + flow_longest(&traffic->config) + room - 1) / room;
}

/**
 * flow_open() - get a direction ready
 * @traffic: whose; its port and configuration are set.
 * @index: of the queue.
 */
void flow_open(struct vhc_traffic *traffic, unsigned int index)
{
	struct vhc_port *port = traffic->port;
	struct flow *flow = &traffic->flow[index];
	unsigned int i;

	flow->traffic = traffic;
	flow->queue = &port->queue[index];
	flow->report = &traffic->report.flow[index];
	flow->random = index + 1;
	flow->room = rx_room(&traffic->config, port->features);
	if (index == VHC_TX)
		flow->room = port->header_len + flow_longest(&traffic->config);
	flow->stride = slot_stride(flow->room, traffic->config.segments);
	flow->slot_num = chains_max(&traffic->config, flow->queue->driver.num);
	if (!flow->slot_num)
		vhc_fail("a chain of %u descriptors does not fit into a ring of %u: use a bigger ring",
			 traffic->config.segments, flow->queue->driver.num);
	flow->slots = vhc_mem_alloc(&port->mem, flow->stride * flow->slot_num, 64);
	flow->slot_stack = calloc(flow->slot_num, sizeof(*flow->slot_stack));
	if (!flow->slot_stack)
		vhc_fail("out of memory");
	for (i = 0; i < flow->slot_num; i++)
		flow->slot_stack[i] = flow->slot_num - 1 - i;
	flow->slot_free = flow->slot_num;
}

/**
 * flow_slot_addr() - where a slot is
 * @flow: the direction.
 * @slot: which.
 *
 * Return: its guest address.
 */
uint64_t flow_slot_addr(const struct flow *flow, uint32_t slot)
{
	return flow->slots + slot * flow->stride;
}

/* How many of @left bytes go into the next of @pieces pieces. */
static size_t piece_len(struct flow *flow, size_t left, unsigned int piece, unsigned int pieces)
{
	const struct vhc_traffic *traffic = flow->traffic;
	unsigned int after = pieces - piece - 1;

	if (!after)
		return left;
	if (traffic->config.any_layout)
		return 1 + next_random(flow) % (left - after > 1 ? (left - after) / 2 + 1 : 1);
	if (!piece)
		return traffic->port->header_len;
	return left / (after + 1);
}

/**
 * flow_cut() - cut a slot into the segments of a chain
 * @flow: the direction.
 * @slot: which.
 * @len: bytes of the chain.
 */
void flow_cut(struct flow *flow, uint32_t slot, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	unsigned int i, pieces = traffic->config.segments;
	unsigned int gap = traffic->config.any_layout ? GAP : 0;
	uint64_t addr = flow_slot_addr(flow, slot);

	for (i = 0; i < pieces; i++) {
		traffic->seg[i].addr = addr;
		traffic->seg[i].len = piece_len(flow, len, i, pieces);
		addr += traffic->seg[i].len + gap;
		len -= traffic->seg[i].len;
	}
}

/**
 * flow_scatter() - write into the chain that was cut last
 * @traffic: whose.
 * @offset: into the chain.
 * @from: what.
 * @len: its bytes.
 */
void flow_scatter(struct vhc_traffic *traffic, size_t offset, const void *from, size_t len)
{
	const char *data = from;
	const struct vhc_seg *seg;
	size_t n;

	for (seg = traffic->seg; len; seg++) {
		if (offset >= seg->len) {
			offset -= seg->len;
			continue;
		}
		n = seg->len - offset < len ? seg->len - offset : len;
		vhc_mem_write(&traffic->port->mem, seg->addr + offset, data, n);
		data += n;
		len -= n;
		offset = 0;
	}
}

/**
 * flow_gather() - read from the chain that was cut last
 * @traffic: whose.
 * @offset: into the chain.
 * @to: where to.
 * @len: bytes.
 */
void flow_gather(struct vhc_traffic *traffic, size_t offset, void *to, size_t len)
{
	const struct vhc_seg *seg;
	char *data = to;
	size_t n;

	for (seg = traffic->seg; len; seg++) {
		if (offset >= seg->len) {
			offset -= seg->len;
			continue;
		}
		n = seg->len - offset < len ? seg->len - offset : len;
		vhc_mem_read(&traffic->port->mem, seg->addr + offset, data, n);
		data += n;
		len -= n;
		offset = 0;
	}
}

/**
 * flow_add_chain() - add the chain that was cut last to the ring
 * @flow: the direction.
 * @out: segments that the device reads.
 * @in: segments that it writes to.
 * @cookie: its slot.
 *
 * Return: as vhc_driver_add().
 */
int flow_add_chain(struct flow *flow, unsigned int out, unsigned int in, uint64_t cookie)
{
	struct vhc_traffic *traffic = flow->traffic;

	if (traffic->config.indirect)
		return vhc_driver_add_indirect(&flow->queue->driver, traffic->seg, out, in, cookie);
	return vhc_driver_add(&flow->queue->driver, traffic->seg, out, in, cookie);
}

/**
 * flow_publish() - make added chains available
 * @flow: the direction.
 */
void flow_publish(struct flow *flow)
{
	flow->report->kicks += vhc_queue_publish(flow->queue);
}

/**
 * flow_free_slot() - a chain came back
 * @flow: the direction.
 * @slot: its slot.
 */
void flow_free_slot(struct flow *flow, uint32_t slot)
{
	flow->slot_stack[flow->slot_free++] = slot;
	flow->report->chains++;
}

/**
 * flow_take() - take a chain that the device has used
 * @flow: the direction.
 * @used: filled with it.
 *
 * Return: 1, 0 if there is none, or an error that is in the report.
 */
int flow_take(struct flow *flow, struct vhc_used *used)
{
	int result = vhc_driver_take_used(&flow->queue->driver, used);

	if (result < 0)
		traffic_trouble(flow->traffic, "queue %u: a chain came back that the device did not have",
				flow->queue->index);
	return result;
}

/**
 * flow_frame_len() - how long a frame is
 * @traffic: whose.
 * @number: of the frame.
 *
 * Return: bytes.
 */
size_t flow_frame_len(const struct vhc_traffic *traffic, uint64_t number)
{
	const struct vhc_traffic_config *config = &traffic->config;

	return vhc_frame_size(config->min, config->max, config->mixed, number);
}

static void forget_older(struct flow *flow, uint64_t number)
{
	uint64_t from = flow->highest, i;

	if (number - from >= SEEN)
		from = number - SEEN + 1;
	for (i = from; i <= number; i++)
		flow->seen[i % SEEN] = 0;
	flow->highest = number + 1;
}

/* A frame of ours arrived whole. */
static void arrived(struct flow *flow, uint64_t number)
{
	if (number >= flow->report->sent || number + SEEN < flow->highest) {
		flow->report->damaged++;
		traffic_trouble(flow->traffic, "queue %u: frame %llu arrived, which is not under way",
				flow->queue->index, (unsigned long long)number);
		return;
	}
	if (number < flow->highest && flow->seen[number % SEEN]) {
		flow->report->doubled++;
		return;
	}
	if (number < flow->highest)
		flow->report->reordered++;
	else
		forget_older(flow, number);
	flow->seen[number % SEEN] = 1;
	flow->report->received++;
}

/**
 * flow_inspect() - a frame arrived: what of it?
 * @flow: the direction.
 * @header: its virtio-net header; the frame is in @flow->traffic->frame.
 * @len: bytes of the frame.
 */
void flow_inspect(struct flow *flow, const struct virtio_net_hdr *header, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	bool gso = traffic->config.gso;
	uint64_t number;
	int error;

	error = vhc_frame_check(traffic->frame, len, flow->queue->index, gso, &number);
	if (!error && gso && (header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 ||
			      header->gso_size != VHC_FRAME_GSO_SIZE)) {
		traffic_trouble(traffic, "queue %u: a frame arrived with gso_type %u, gso_size %u",
				flow->queue->index, header->gso_type, header->gso_size);
		error = -EBADMSG;
	}
	if (error == -ENOMSG)
		flow->report->foreign++;
	else if (error)
		flow->report->damaged++;
	else
		arrived(flow, number);
}
