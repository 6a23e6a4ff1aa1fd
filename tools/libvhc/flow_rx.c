// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that go into the tap, until the driver has them.
 *
 * Callers: traffic.c and measure.c.
 */
#include <errno.h>
#include <string.h>
#include <endian.h>

#include "flow.h"

/*
 * Cuts an RX slot, each time in the same way: when the chain comes back, its descriptors are
 * free and may have been used again.
 */
static void rx_cut(struct flow *flow, uint32_t slot)
{
	flow->random = slot * 2654435761U + 1;
	flow_cut(flow, slot, flow->room);
}

/**
 * rx_add() - make buffers available; whoever calls it publishes them
 * @flow: RX.
 * @chains: at most.
 *
 * Return: how many.
 */
unsigned int rx_add(struct flow *flow, unsigned int chains)
{
	struct vhc_traffic *traffic = flow->traffic;
	unsigned int posted;
	uint32_t slot;

	for (posted = 0; posted < chains && flow->slot_free; posted++) {
		slot = flow->slot_stack[flow->slot_free - 1];
		rx_cut(flow, slot);
		if (flow_add_chain(flow, 0, traffic->config.segments, slot) < 0)
			break;
		flow->slot_free--;
		if (posted % BATCH == BATCH - 1)
			vhc_driver_publish(&flow->queue->driver);
	}
	return posted;
}

/**
 * rx_post() - make buffers available, and tell the device
 * @flow: RX.
 * @chains: at most.
 */
void rx_post(struct flow *flow, unsigned int chains)
{
	if (rx_add(flow, chains))
		flow_publish(flow);
}

/**
 * rx_send_one() - send a frame into the tap
 * @flow: RX.
 */
void rx_send_one(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	uint64_t number = flow->report->sent;
	struct virtio_net_hdr header;
	size_t len = flow_frame_len(traffic, number);
	int error;

	vhc_frame_header(&header, traffic->config.gso);
	vhc_frame_build(traffic->frame, len, VHC_RX, number, traffic->config.gso);
	error = vhc_tap_send(&traffic->port->tap, &header, traffic->frame, len);
	flow->report->sent++;
	flow->report->refused += error == -ENOBUFS || error == -EAGAIN;
	if (error && error != -ENOBUFS && error != -EAGAIN)
		vhc_fail("send to %s: %s", traffic->port->tap.name, strerror(-error));
}

/**
 * rx_send() - send all that may be sent into the tap
 * @flow: RX.
 *
 * Return: whether anything was.
 */
bool rx_send(struct flow *flow)
{
	bool any = false;

	for (; flow_may_send(flow); any = true)
		rx_send_one(flow);
	return any;
}

/* Appends what one chain brought; @at is where the frame, with its header, goes on. */
static bool collect(struct flow *flow, const struct vhc_used *used, char *to, size_t at)
{
	if (used->len > flow->room || at + used->len > FRAME_ROOM) {
		traffic_trouble(flow->traffic, "RX: %u bytes in a chain of %zu", used->len,
				flow->room);
		return false;
	}
	rx_cut(flow, used->cookie);
	flow_gather(flow->traffic, 0, to + at, used->len);
	return true;
}

/* Takes the chains of a frame after the first; they must all be there. */
static ssize_t collect_rest(struct flow *flow, char *to, size_t at, unsigned int num_buffers)
{
	struct vhc_used used;

	while (--num_buffers) {
		if (flow_take(flow, &used) != 1) {
			traffic_trouble(flow->traffic, "RX: num_buffers says that %u more should be used",
					num_buffers);
			return -EPROTO;
		}
		flow_free_slot(flow, used.cookie);
		if (!collect(flow, &used, to, at))
			return -EPROTO;
		at += used.len;
	}
	return at;
}

/* Puts a whole frame with its header at @to. */
static ssize_t rx_take_frame(struct flow *flow, char *to, const struct vhc_used *used)
{
	struct vhc_traffic *traffic = flow->traffic;
	struct virtio_net_hdr_mrg_rxbuf header;
	unsigned int num_buffers = 1;

	flow_free_slot(flow, used->cookie);
	if (used->len < traffic->port->header_len) {
		traffic_trouble(traffic, "RX: a chain came back with %u bytes, less than a header",
				used->len);
		return -EPROTO;
	}
	if (!collect(flow, used, to, 0))
		return -EPROTO;
	memcpy(&header, to, sizeof(header));
	if (rx_is_mergeable(traffic))
		num_buffers = le16toh(header.num_buffers);
	if (!num_buffers) {
		traffic_trouble(traffic, "RX: num_buffers is 0");
		return -EPROTO;
	}
	return collect_rest(flow, to, used->len, num_buffers);
}

/* A frame in one piece. Pairs may run in threads of their own. */
static __thread char whole[FRAME_ROOM];

/**
 * rx_take() - take the frames that the device has brought
 * @flow: RX.
 *
 * Return: whether there were any.
 */
bool rx_take(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	size_t header_len = traffic->port->header_len;
	struct virtio_net_hdr header;
	struct vhc_used used;
	bool any = false;
	ssize_t len;

	while (flow_take(flow, &used) == 1) {
		any = true;
		len = rx_take_frame(flow, whole, &used);
		if (len < 0) {
			flow->report->damaged++;
			continue;
		}
		flow->report->bytes += len - header_len;
		memcpy(&header, whole, sizeof(header));
		memcpy(traffic->frame, whole + header_len, len - header_len);
		flow_inspect(flow, &header, len - header_len);
	}
	return any;
}
