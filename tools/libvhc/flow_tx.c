// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that the driver sends, until they come out of the tap.
 *
 * Callers: traffic.c and measure.c.
 */
#include <errno.h>
#include <string.h>

#include "flow.h"

/**
 * tx_write_frame() - write a frame into the chain that was cut last
 * @flow: TX.
 * @number: of the frame.
 * @len: its bytes.
 */
void tx_write_frame(struct flow *flow, uint64_t number, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	union {
		struct virtio_net_hdr hdr;
		char bytes[VHC_HEADER_MAX];
	} header = { .bytes = "" };

	vhc_frame_header(&header.hdr, traffic->config.gso);
	vhc_frame_build(traffic->frame, len, VHC_TX, number, traffic->config.gso);
	flow_scatter(traffic, 0, &header, traffic->port->header_len);
	flow_scatter(traffic, traffic->port->header_len, traffic->frame, len);
}

/**
 * tx_send_one() - add a frame to the ring
 * @flow: TX.
 *
 * Return: false if there is no room, or enough is under way.
 */
bool tx_send_one(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	uint64_t number = flow->report->sent;
	size_t len = flow_frame_len(traffic, number);
	uint32_t slot;

	if (!flow->slot_free || !flow_may_send(flow))
		return false;
	slot = flow->slot_stack[flow->slot_free - 1];
	flow_cut(flow, slot, traffic->port->header_len + len);
	if (!traffic->config.measure)
		tx_write_frame(flow, number, len);
	if (flow_add_chain(flow, traffic->config.segments, 0, slot) < 0)
		return false;
	flow->slot_free--;
	flow->report->sent++;
	flow->report->bytes += len;
	return true;
}

/**
 * tx_send() - send all that may be sent
 * @flow: TX.
 *
 * Return: whether anything was.
 */
bool tx_send(struct flow *flow)
{
	unsigned int batch, all = 0;

	do {
		for (batch = 0; batch < BATCH && tx_send_one(flow); batch++)
			;
		if (batch)
			flow_publish(flow);
		all += batch;
	} while (batch == BATCH);
	return all;
}

/**
 * tx_reap() - take the chains that came back
 * @flow: TX.
 *
 * Return: whether any did.
 */
bool tx_reap(struct flow *flow)
{
	struct vhc_used used;
	bool any = false;

	while (flow_take(flow, &used) == 1) {
		any = true;
		flow_free_slot(flow, used.cookie);
		if (used.len)
			traffic_trouble(flow->traffic, "TX: a chain came back with %u bytes written",
					used.len);
		if (flow->traffic->config.measure)
			flow->report->received++;
	}
	return any;
}

/**
 * tx_receive() - receive what came out of the tap
 * @flow: TX.
 *
 * Return: whether anything did.
 */
bool tx_receive(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	struct virtio_net_hdr header;
	bool any = false;
	ssize_t len;

	if (traffic->config.measure)
		return false;
	for (;;) {
		len = vhc_tap_receive(&traffic->port->tap, &header, traffic->frame, FRAME_ROOM);
		if (len == -EAGAIN)
			return any;
		if (len < 0)
			vhc_fail("receive from %s: %s", traffic->port->tap.name, strerror(-len));
		flow_inspect(flow, &header, len);
		any = true;
	}
}

/**
 * tx_write_all_slots() - write a frame into each slot
 * @flow: TX, of a measurement: it sends the same content again and again.
 */
void tx_write_all_slots(struct flow *flow)
{
	size_t len = flow_longest(&flow->traffic->config);
	uint32_t slot;

	for (slot = 0; slot < flow->slot_num; slot++) {
		flow_cut(flow, slot, flow->traffic->port->header_len + len);
		tx_write_frame(flow, slot, len);
	}
}
