// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic through a port: numbered frames both ways, and an account of what became of them.
 *
 * Callers: the tools and the tests. See traffic.h for the ways that the frames take.
 */
#include <poll.h>
#include <stdlib.h>

#include "flow.h"

/* ---- one step of everything ---- */

static bool step(struct vhc_traffic *traffic)
{
	struct flow *rx = &traffic->flow[VHC_RX], *tx = &traffic->flow[VHC_TX];
	bool any = false;

	if (flow_is_wanted(traffic, VHC_RX)) {
		any |= rx_take(rx);
		rx_post(rx, UINT32_MAX);
		any |= rx_send(rx);
	}
	if (flow_is_wanted(traffic, VHC_TX)) {
		any |= tx_reap(tx);
		any |= tx_send(tx);
		any |= tx_receive(tx);
	}
	return any;
}

static bool flow_done(const struct flow *flow)
{
	const struct vhc_traffic *traffic = flow->traffic;

	if (!flow_is_wanted(traffic, flow->queue->index))
		return true;
	if (flow->report->sent < flow->goal || flow_under_way(flow))
		return false;
	return flow->queue->index == VHC_RX || flow->slot_free == flow->slot_num;
}

static bool done(const struct vhc_traffic *traffic)
{
	return flow_done(&traffic->flow[VHC_RX]) && flow_done(&traffic->flow[VHC_TX]);
}

/* Asks for a signal; true if there is something to take already. */
static bool arm(struct flow *flow)
{
	struct vhc_driver *driver = &flow->queue->driver;
	unsigned int out = flow->slot_num - flow->slot_free;

	if (!flow_is_wanted(flow->traffic, flow->queue->index) || !out)
		return false;
	if (flow->queue->index == VHC_RX)
		return vhc_driver_enable_call(driver);
	/* like Linux's driver: TX memory is not needed back at once */
	return vhc_driver_enable_call_after(driver, out - out / 4);
}

static void disarm(struct vhc_traffic *traffic)
{
	unsigned int i;

	for (i = 0; i < VHC_QUEUES; i++) {
		vhc_driver_disable_call(&traffic->flow[i].queue->driver);
		traffic->flow[i].report->signals += vhc_queue_signals(traffic->flow[i].queue);
	}
}

/* Sleeps until something may have happened. */
static bool sleep_until_signal(struct vhc_traffic *traffic)
{
	struct vhc_port *port = traffic->port;
	struct pollfd fds[] = {
		{ .fd = port->queue[VHC_RX].call, .events = POLLIN },
		{ .fd = port->queue[VHC_TX].call, .events = POLLIN },
		{ .fd = flow_is_wanted(traffic, VHC_TX) ? port->tap.sock : -1, .events = POLLIN },
	};
	bool rx_ready = arm(&traffic->flow[VHC_RX]);
	bool ready = arm(&traffic->flow[VHC_TX]) || rx_ready;

	if (!ready)
		ready = poll(fds, 3, traffic->config.stall_ms) > 0;
	disarm(traffic);
	return ready;
}

/**
 * traffic_explain_stall() - say in the report that nothing happens any more, and where
 * @traffic: whose.
 */
void traffic_explain_stall(struct vhc_traffic *traffic)
{
	struct vhc_driver *rx = &traffic->port->queue[VHC_RX].driver;
	struct vhc_driver *tx = &traffic->port->queue[VHC_TX].driver;

	traffic_trouble(traffic,
			"nothing happened for %u ms; "
			"RX avail %u used %u taken %u, TX avail %u used %u taken %u",
			traffic->config.stall_ms,
			rx->published, vhc_driver_used_idx(rx), rx->last_used,
			tx->published, vhc_driver_used_idx(tx), tx->last_used);
}

/* ---- stop and restart ---- */

static void restart_queue(struct vhc_traffic *traffic, unsigned int index)
{
	struct vhc_port *port = traffic->port;
	unsigned int base = vhc_port_stop_queue(port, index);
	unsigned int used = vhc_driver_base(&port->queue[index].driver);

	if (base != used)
		traffic_trouble(traffic,
				"queue %u stopped at base %#x, but chains were given back up to %#x",
				index, base, used);
	vhc_set_vring_base(&port->dev, index, base);
	vhc_port_start_queue(port, index);
}

static void restart_if_due(struct vhc_traffic *traffic)
{
	uint64_t arrived_now = traffic->report.flow[VHC_RX].received +
			       traffic->report.flow[VHC_TX].received;

	if (!traffic->config.restart_every || arrived_now < traffic->next_restart)
		return;
	traffic->next_restart = arrived_now + traffic->config.restart_every;
	traffic->report.restarts++;
	restart_queue(traffic, VHC_RX);
	restart_queue(traffic, VHC_TX);
}

/* ---- a run ---- */

static void set_goals(struct vhc_traffic *traffic)
{
	unsigned int i;

	for (i = 0; i < VHC_QUEUES; i++)
		traffic->flow[i].goal = traffic->config.count ?
			traffic->flow[i].report->sent + traffic->config.count : UINT64_MAX;
}

/* The time is over: what was sent up to now is all. */
static void end_if_due(struct vhc_traffic *traffic, uint64_t start)
{
	uint64_t now = now_ns();
	unsigned int i;

	if (!traffic->config.count && now - start >= traffic->config.seconds * ns_per_s)
		for (i = 0; i < VHC_QUEUES; i++)
			traffic->flow[i].goal = traffic->flow[i].report->sent;
	if (traffic->progress && now >= traffic->next_progress) {
		traffic->next_progress = now + ns_per_s / 2;
		traffic->progress(&traffic->report);
	}
}

static void run_checked(struct vhc_traffic *traffic, uint64_t start)
{
	while (!done(traffic) && !traffic->report.trouble[0]) {
		end_if_due(traffic, start);
		if (!step(traffic) && !done(traffic) && !sleep_until_signal(traffic))
			traffic_explain_stall(traffic);
		restart_if_due(traffic);
	}
}

static void close_account(struct vhc_traffic *traffic)
{
	unsigned int i;

	for (i = 0; i < VHC_QUEUES; i++) {
		traffic->flow[i].report->lost = flow_under_way(&traffic->flow[i]);
		traffic->flow[i].report->signals += vhc_queue_signals(traffic->flow[i].queue);
	}
}

/**
 * vhc_traffic_run() - send what was configured, once more
 * @traffic: the traffic; the port runs.
 *
 * Return: true if nothing was lost, doubled, reordered or damaged.
 */
bool vhc_traffic_run(struct vhc_traffic *traffic)
{
	struct vhc_workers before, after;
	uint64_t start = now_ns();

	set_goals(traffic);
	vhc_workers_settle(&before, 1000);
	if (traffic->config.measure && flow_is_wanted(traffic, VHC_RX))
		traffic_measure(traffic);
	else
		run_checked(traffic, start);
	traffic->report.nanoseconds += now_ns() - start;
	vhc_workers_settle(&after, 1000);
	traffic->report.worker_ns += after.nanoseconds - before.nanoseconds;
	traffic->report.busiest_ns += vhc_workers_busiest(&before, &after);
	traffic->report.workers = after.count;
	close_account(traffic);
	return vhc_report_clean(&traffic->report);
}

/**
 * vhc_traffic_open() - get ready to send
 * @port: the port; not running yet, or with rings that are empty.
 * @config: what to send.
 *
 * Return: traffic, for vhc_traffic_close().
 */
struct vhc_traffic *vhc_traffic_open(struct vhc_port *port,
				     const struct vhc_traffic_config *config)
{
	struct vhc_traffic *traffic = calloc(1, sizeof(*traffic));
	unsigned int i;

	if (!traffic)
		vhc_fail("out of memory");
	traffic->port = port;
	traffic->config = *config;
	if (!traffic->config.window)
		traffic->config.window = 256;
	if (traffic->config.window > port->queue_len)
		traffic->config.window = port->queue_len;
	if (!traffic->config.stall_ms)
		traffic->config.stall_ms = 20000;
	for (i = 0; i < VHC_QUEUES; i++)
		flow_open(traffic, i);
	if (traffic->flow[VHC_RX].slot_num < rx_chains_per_frame(traffic))
		vhc_fail("an RX ring of %u is too small for frames of %zu bytes: use a bigger one",
			 port->queue[VHC_RX].driver.num, flow_longest(config));
	if (config->measure && flow_is_wanted(traffic, VHC_TX))
		tx_write_all_slots(&traffic->flow[VHC_TX]);
	vhc_tap_attach(&port->tap, config->measure ? 0 : vhc_frame_protocol(config->gso));
	return traffic;
}

/**
 * vhc_traffic_close() - forget traffic
 * @traffic: the traffic.
 */
void vhc_traffic_close(struct vhc_traffic *traffic)
{
	unsigned int i;

	vhc_tap_detach(&traffic->port->tap);
	for (i = 0; i < VHC_QUEUES; i++)
		free(traffic->flow[i].slot_stack);
	free(traffic);
}

/**
 * vhc_traffic_report() - what became of the frames
 * @traffic: the traffic.
 *
 * Return: the account since vhc_traffic_open().
 */
const struct vhc_traffic_report *vhc_traffic_report(const struct vhc_traffic *traffic)
{
	return &traffic->report;
}

/**
 * vhc_traffic_on_progress() - be told twice a second
 * @traffic: the traffic.
 * @progress: called with the account up to then.
 */
void vhc_traffic_on_progress(struct vhc_traffic *traffic,
			     void (*progress)(const struct vhc_traffic_report *report))
{
	traffic->progress = progress;
}
