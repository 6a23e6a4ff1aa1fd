// SPDX-License-Identifier: GPL-2.0
/*
 * A measurement: what the device costs when its work comes in bursts.
 *
 * Caller: traffic.c.
 */
#include "flow.h"

/* RX frames that can wait in the tap and find room in the ring. */
static unsigned int burst_of(const struct vhc_traffic *traffic)
{
	const struct flow *rx = &traffic->flow[VHC_RX];
	unsigned int frames = rx->slot_num / rx_chains_per_frame(traffic);

	return frames < traffic->config.window ? frames : traffic->config.window;
}

static void rx_drop_chains(struct flow *flow)
{
	struct virtio_net_hdr_mrg_rxbuf header;
	struct vhc_used used;

	while (flow_take(flow, &used) == 1) {
		flow->report->received++;
		flow_free_slot(flow, used.cookie);
		vhc_mem_read(&flow->traffic->port->mem, flow_slot_addr(flow, used.cookie), &header,
			     sizeof(header));
		if (!rx_is_mergeable(flow->traffic))
			continue;
		for (; header.num_buffers > 1; header.num_buffers--)
			if (flow_take(flow, &used) == 1)
				flow_free_slot(flow, used.cookie);
	}
}

static void wait_until_back(struct flow *flow, unsigned int chains)
{
	const uint64_t before = flow->queue->signals;

	if (!vhc_queue_wait(flow->queue, chains, flow->traffic->config.stall_ms))
		traffic_explain_stall(flow->traffic);
	flow->report->signals += flow->queue->signals - before;
}

/* Fills the tap's queue, then makes the buffers available, then waits for all frames. */
static void rx_burst(struct vhc_traffic *traffic, unsigned int frames)
{
	struct flow *flow = &traffic->flow[VHC_RX];
	unsigned int i, chains = frames * rx_chains_per_frame(traffic);

	for (i = 0; i < frames; i++)
		rx_send_one(flow);
	rx_post(flow, chains);
	wait_until_back(flow, chains);
	rx_drop_chains(flow);
}

static void run_rx_measurement(struct vhc_traffic *traffic)
{
	struct flow *flow = &traffic->flow[VHC_RX];
	unsigned int burst = burst_of(traffic);

	while (flow->report->received < flow->goal && !traffic->report.trouble[0])
		rx_burst(traffic, burst);
}

/*
 * The same with as many frames to send: both queues have their work when the device is told of the
 * first one's, and both signals are wanted before.
 */
static void both_burst(struct vhc_traffic *traffic, unsigned int frames)
{
	struct flow *rx = &traffic->flow[VHC_RX], *tx = &traffic->flow[VHC_TX];
	unsigned int i, chains = frames * rx_chains_per_frame(traffic);

	for (i = 0; i < frames; i++)
		rx_send_one(rx);
	for (i = 0; i < frames; i++)
		tx_send_one(tx);
	rx_add(rx, chains);
	vhc_driver_enable_call_after(&rx->queue->driver, chains);
	vhc_driver_enable_call_after(&tx->queue->driver, frames);
	vhc_driver_publish(&tx->queue->driver);
	flow_publish(rx);
	flow_publish(tx);
	wait_until_back(rx, chains);
	wait_until_back(tx, frames);
	rx_drop_chains(rx);
	tx_reap(tx);
}

static void run_measurement_of_both(struct vhc_traffic *traffic)
{
	const struct flow *rx = &traffic->flow[VHC_RX], *tx = &traffic->flow[VHC_TX];
	unsigned int burst = burst_of(traffic);
	uint64_t left;

	if (burst > tx->slot_num)
		burst = tx->slot_num;
	while (rx->report->sent < rx->goal && !traffic->report.trouble[0]) {
		left = rx->goal - rx->report->sent;
		both_burst(traffic, left < burst ? left : burst);
	}
}

/**
 * traffic_measure() - send RX frames in bursts, and as many TX frames if these are wanted, too
 * @traffic: whose; its goals are set.
 */
void traffic_measure(struct vhc_traffic *traffic)
{
	if (flow_is_wanted(traffic, VHC_TX))
		run_measurement_of_both(traffic);
	else
		run_rx_measurement(traffic);
}
