// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic through a port: numbered frames both ways, and an account of what became of them.
 *
 * Callers: the tools and the tests. See traffic.h for the ways that the frames take.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <endian.h>

#include "frame.h"
#include "stats.h"
#include "traffic.h"

enum {
	SEEN = 65536,		/* frames that can be told apart at a time */
	GAP = 64,		/* unused bytes between the pieces of a chain */
	BATCH = 64,		/* chains that are published together */
	FRAME_ROOM = VHC_FRAME_MAX + 1024,
	SEGMENTS_MAX = 1024,
};

static const uint64_t ns_per_s = 1000000000ULL;

/* One direction. A slot is the memory of one chain. */
struct flow {
	struct vhc_traffic *traffic;
	struct vhc_queue *queue;
	struct vhc_flow_report *report;
	uint64_t slots;		/* guest address of the first one */
	uint64_t stride;
	unsigned int slot_num;
	unsigned int slot_free;
	uint32_t *slot_stack;
	size_t room;		/* bytes of buffer in an RX slot */
	uint64_t goal;		/* frames to send in all */
	uint64_t highest;	/* number of the newest frame that arrived, plus 1 */
	uint8_t seen[SEEN];	/* by number */
	uint32_t random;
};

struct vhc_traffic {
	struct vhc_port *port;
	struct vhc_traffic_config config;
	struct vhc_traffic_report report;
	struct flow flow[VHC_QUEUES];
	struct vhc_seg seg[SEGMENTS_MAX];
	char frame[FRAME_ROOM];
	uint64_t next_restart;
	uint64_t next_progress;
	void (*progress)(const struct vhc_traffic_report *report);
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * ns_per_s + now.tv_nsec;
}

static void __attribute__((format(printf, 2, 3)))
trouble(struct vhc_traffic *traffic, const char *format, ...)
{
	va_list args;

	if (traffic->report.trouble[0])
		return;		/* the first one says most */
	va_start(args, format);
	vsnprintf(traffic->report.trouble, sizeof(traffic->report.trouble), format, args);
	va_end(args);
}

static bool active(const struct vhc_traffic *traffic, unsigned int index)
{
	return traffic->config.directions & (1U << index);
}

static bool mergeable(const struct vhc_traffic *traffic)
{
	return traffic->port->features & VHC_F_MRG_RXBUF;
}

static uint32_t next_random(struct flow *flow)
{
	flow->random = flow->random * 1664525 + 1013904223;
	return flow->random >> 8;
}

/* ---- slots and segments ---- */

static size_t longest(const struct vhc_traffic_config *config)
{
	return config->mixed ? 1514 : config->max;
}

static size_t rx_room(const struct vhc_traffic_config *config, uint64_t features)
{
	if (!(features & VHC_F_MRG_RXBUF))
		return vhc_header_len(features) + longest(config);
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
	size_t tx = vhc_header_len(features) + longest(config);
	uint64_t slots = slot_stride(tx, config->segments) +
			 slot_stride(rx_room(config, features), config->segments);
	uint64_t rings = 2 * (ring_size * 40ULL + 16384 + 16ULL * ring_size * table_max);

	return slots * chains_max(config, ring_size) + rings + (1 << 20);
}

/* Chains that an RX frame takes. */
static unsigned int chains_per_frame(const struct vhc_traffic *traffic)
{
	size_t room = traffic->flow[VHC_RX].room;

	if (!mergeable(traffic))
		return 1;
	return (traffic->port->header_len + longest(&traffic->config) + room - 1) / room;
}

static void open_flow(struct vhc_traffic *traffic, unsigned int index)
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
		flow->room = port->header_len + longest(&traffic->config);
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

static uint64_t slot_addr(const struct flow *flow, uint32_t slot)
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

/* Cuts @len bytes at a slot into the segments of a chain. */
static void cut(struct flow *flow, uint32_t slot, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	unsigned int i, pieces = traffic->config.segments;
	unsigned int gap = traffic->config.any_layout ? GAP : 0;
	uint64_t addr = slot_addr(flow, slot);

	for (i = 0; i < pieces; i++) {
		traffic->seg[i].addr = addr;
		traffic->seg[i].len = piece_len(flow, len, i, pieces);
		addr += traffic->seg[i].len + gap;
		len -= traffic->seg[i].len;
	}
}

/*
 * Cuts an RX slot, each time in the same way: when the chain comes back, its descriptors are
 * free and may have been used again.
 */
static void cut_rx(struct flow *flow, uint32_t slot)
{
	flow->random = slot * 2654435761U + 1;
	cut(flow, slot, flow->room);
}

static void scatter(struct vhc_traffic *traffic, size_t offset, const void *from, size_t len)
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

static void gather(struct vhc_traffic *traffic, size_t offset, void *to, size_t len)
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

static int add_chain(struct flow *flow, unsigned int out, unsigned int in, uint64_t cookie)
{
	struct vhc_traffic *traffic = flow->traffic;

	if (traffic->config.indirect)
		return vhc_driver_add_indirect(&flow->queue->driver, traffic->seg, out, in, cookie);
	return vhc_driver_add(&flow->queue->driver, traffic->seg, out, in, cookie);
}

static void publish(struct flow *flow)
{
	flow->report->kicks += vhc_queue_publish(flow->queue);
}

/* ---- the account ---- */

static uint64_t under_way(const struct flow *flow)
{
	return flow->report->sent - flow->report->received;
}

static bool may_send(const struct flow *flow)
{
	return flow->report->sent < flow->goal && under_way(flow) < flow->traffic->config.window;
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
		trouble(flow->traffic, "queue %u: frame %llu arrived, which is not under way",
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

static void inspect(struct flow *flow, const struct virtio_net_hdr *header, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	bool gso = traffic->config.gso;
	uint64_t number;
	int error;

	error = vhc_frame_check(traffic->frame, len, flow->queue->index, gso, &number);
	if (!error && gso && (header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 ||
			      header->gso_size != VHC_FRAME_GSO_SIZE)) {
		trouble(traffic, "queue %u: a frame arrived with gso_type %u, gso_size %u",
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

/* ---- TX ---- */

static size_t frame_len(const struct vhc_traffic *traffic, uint64_t number)
{
	const struct vhc_traffic_config *config = &traffic->config;

	return vhc_frame_size(config->min, config->max, config->mixed, number);
}

static void write_frame(struct flow *flow, uint64_t number, size_t len)
{
	struct vhc_traffic *traffic = flow->traffic;
	union {
		struct virtio_net_hdr hdr;
		char bytes[VHC_HEADER_MAX];
	} header = { .bytes = "" };

	vhc_frame_header(&header.hdr, traffic->config.gso);
	vhc_frame_build(traffic->frame, len, VHC_TX, number, traffic->config.gso);
	scatter(traffic, 0, &header, traffic->port->header_len);
	scatter(traffic, traffic->port->header_len, traffic->frame, len);
}

static bool send_one_tx(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	uint64_t number = flow->report->sent;
	size_t len = frame_len(traffic, number);
	uint32_t slot;

	if (!flow->slot_free || !may_send(flow))
		return false;
	slot = flow->slot_stack[flow->slot_free - 1];
	cut(flow, slot, traffic->port->header_len + len);
	if (!traffic->config.measure)
		write_frame(flow, number, len);
	if (add_chain(flow, traffic->config.segments, 0, slot) < 0)
		return false;
	flow->slot_free--;
	flow->report->sent++;
	flow->report->bytes += len;
	return true;
}

static bool tx_send(struct flow *flow)
{
	unsigned int batch, all = 0;

	do {
		for (batch = 0; batch < BATCH && send_one_tx(flow); batch++)
			;
		if (batch)
			publish(flow);
		all += batch;
	} while (batch == BATCH);
	return all;
}

static void free_slot(struct flow *flow, uint32_t slot)
{
	flow->slot_stack[flow->slot_free++] = slot;
	flow->report->chains++;
}

static int take(struct flow *flow, struct vhc_used *used)
{
	int result = vhc_driver_take_used(&flow->queue->driver, used);

	if (result < 0)
		trouble(flow->traffic, "queue %u: a chain came back that the device did not have",
			flow->queue->index);
	return result;
}

static bool tx_reap(struct flow *flow)
{
	struct vhc_used used;
	bool any = false;

	while (take(flow, &used) == 1) {
		any = true;
		free_slot(flow, used.cookie);
		if (used.len)
			trouble(flow->traffic, "TX: a chain came back with %u bytes written",
				used.len);
		if (flow->traffic->config.measure)
			flow->report->received++;
	}
	return any;
}

static bool tx_receive(struct flow *flow)
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
		inspect(flow, &header, len);
		any = true;
	}
}

/* ---- RX ---- */

/* Makes buffers available; whoever calls it publishes them. */
static unsigned int rx_add(struct flow *flow, unsigned int chains)
{
	struct vhc_traffic *traffic = flow->traffic;
	unsigned int posted;
	uint32_t slot;

	for (posted = 0; posted < chains && flow->slot_free; posted++) {
		slot = flow->slot_stack[flow->slot_free - 1];
		cut_rx(flow, slot);
		if (add_chain(flow, 0, traffic->config.segments, slot) < 0)
			break;
		flow->slot_free--;
		if (posted % BATCH == BATCH - 1)
			vhc_driver_publish(&flow->queue->driver);
	}
	return posted;
}

static void rx_post(struct flow *flow, unsigned int chains)
{
	if (rx_add(flow, chains))
		publish(flow);
}

static bool rx_send_one(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	uint64_t number = flow->report->sent;
	struct virtio_net_hdr header;
	size_t len = frame_len(traffic, number);
	int error;

	vhc_frame_header(&header, traffic->config.gso);
	vhc_frame_build(traffic->frame, len, VHC_RX, number, traffic->config.gso);
	error = vhc_tap_send(&traffic->port->tap, &header, traffic->frame, len);
	flow->report->sent++;
	flow->report->refused += error == -ENOBUFS || error == -EAGAIN;
	if (error && error != -ENOBUFS && error != -EAGAIN)
		vhc_fail("send to %s: %s", traffic->port->tap.name, strerror(-error));
	return true;
}

static bool rx_send(struct flow *flow)
{
	bool any = false;

	while (may_send(flow))
		any = rx_send_one(flow);
	return any;
}

/* Appends what one chain brought; @at is where the frame, with its header, goes on. */
static bool collect(struct flow *flow, const struct vhc_used *used, char *to, size_t at)
{
	if (used->len > flow->room || at + used->len > FRAME_ROOM) {
		trouble(flow->traffic, "RX: %u bytes in a chain of %zu", used->len, flow->room);
		return false;
	}
	cut_rx(flow, used->cookie);
	gather(flow->traffic, 0, to + at, used->len);
	return true;
}

/* Takes the chains of a frame after the first; they must all be there. */
static ssize_t collect_rest(struct flow *flow, char *to, size_t at, unsigned int num_buffers)
{
	struct vhc_used used;

	while (--num_buffers) {
		if (take(flow, &used) != 1) {
			trouble(flow->traffic, "RX: num_buffers says that %u more should be used",
				num_buffers);
			return -EPROTO;
		}
		free_slot(flow, used.cookie);
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

	free_slot(flow, used->cookie);
	if (used->len < traffic->port->header_len) {
		trouble(traffic, "RX: a chain came back with %u bytes, less than a header",
			used->len);
		return -EPROTO;
	}
	if (!collect(flow, used, to, 0))
		return -EPROTO;
	memcpy(&header, to, sizeof(header));
	if (mergeable(traffic))
		num_buffers = le16toh(header.num_buffers);
	if (!num_buffers) {
		trouble(traffic, "RX: num_buffers is 0");
		return -EPROTO;
	}
	return collect_rest(flow, to, used->len, num_buffers);
}

/* A frame in one piece. Pairs may run in threads of their own. */
static __thread char whole[FRAME_ROOM];

static bool rx_take(struct flow *flow)
{
	struct vhc_traffic *traffic = flow->traffic;
	size_t header_len = traffic->port->header_len;
	struct virtio_net_hdr header;
	struct vhc_used used;
	bool any = false;
	ssize_t len;

	while (take(flow, &used) == 1) {
		any = true;
		len = rx_take_frame(flow, whole, &used);
		if (len < 0) {
			flow->report->damaged++;
			continue;
		}
		flow->report->bytes += len - header_len;
		memcpy(&header, whole, sizeof(header));
		memcpy(traffic->frame, whole + header_len, len - header_len);
		inspect(flow, &header, len - header_len);
	}
	return any;
}

/* ---- one step of everything ---- */

static bool step(struct vhc_traffic *traffic)
{
	struct flow *rx = &traffic->flow[VHC_RX], *tx = &traffic->flow[VHC_TX];
	bool any = false;

	if (active(traffic, VHC_RX)) {
		any |= rx_take(rx);
		rx_post(rx, UINT32_MAX);
		any |= rx_send(rx);
	}
	if (active(traffic, VHC_TX)) {
		any |= tx_reap(tx);
		any |= tx_send(tx);
		any |= tx_receive(tx);
	}
	return any;
}

static bool flow_done(const struct flow *flow)
{
	const struct vhc_traffic *traffic = flow->traffic;

	if (!active(traffic, flow->queue->index))
		return true;
	if (flow->report->sent < flow->goal || under_way(flow))
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

	if (!active(flow->traffic, flow->queue->index) || !out)
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
		{ .fd = active(traffic, VHC_TX) ? port->tap.sock : -1, .events = POLLIN },
	};
	bool rx_ready = arm(&traffic->flow[VHC_RX]);
	bool ready = arm(&traffic->flow[VHC_TX]) || rx_ready;

	if (!ready)
		ready = poll(fds, 3, traffic->config.stall_ms) > 0;
	disarm(traffic);
	return ready;
}

static void explain_stall(struct vhc_traffic *traffic)
{
	struct vhc_driver *rx = &traffic->port->queue[VHC_RX].driver;
	struct vhc_driver *tx = &traffic->port->queue[VHC_TX].driver;

	trouble(traffic,
		"nothing happened for %u ms; RX avail %u used %u taken %u, TX avail %u used %u taken %u",
		traffic->config.stall_ms, rx->published, vhc_driver_used_idx(rx), rx->last_used,
		tx->published, vhc_driver_used_idx(tx), tx->last_used);
}

/* ---- stop and restart ---- */

static void restart_queue(struct vhc_traffic *traffic, unsigned int index)
{
	struct vhc_port *port = traffic->port;
	unsigned int base = vhc_port_stop_queue(port, index);
	unsigned int used = vhc_driver_base(&port->queue[index].driver);

	if (base != used)
		trouble(traffic, "queue %u stopped at base %#x, but chains were given back up to %#x",
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
			explain_stall(traffic);
		restart_if_due(traffic);
	}
}

/* ---- a measurement ---- */

/* RX frames that can wait in the tap and find room in the ring. */
static unsigned int burst_of(const struct vhc_traffic *traffic)
{
	const struct flow *rx = &traffic->flow[VHC_RX];
	unsigned int frames = rx->slot_num / chains_per_frame(traffic);

	return frames < traffic->config.window ? frames : traffic->config.window;
}

static void rx_drop_chains(struct flow *flow)
{
	struct virtio_net_hdr_mrg_rxbuf header;
	struct vhc_used used;

	while (take(flow, &used) == 1) {
		flow->report->received++;
		free_slot(flow, used.cookie);
		vhc_mem_read(&flow->traffic->port->mem, slot_addr(flow, used.cookie), &header,
			     sizeof(header));
		if (!mergeable(flow->traffic))
			continue;
		for (; header.num_buffers > 1; header.num_buffers--)
			if (take(flow, &used) == 1)
				free_slot(flow, used.cookie);
	}
}

static void wait_until_back(struct flow *flow, unsigned int chains)
{
	const uint64_t before = flow->queue->signals;

	if (!vhc_queue_wait(flow->queue, chains, flow->traffic->config.stall_ms))
		explain_stall(flow->traffic);
	flow->report->signals += flow->queue->signals - before;
}

/* Fills the tap's queue, then makes the buffers available, then waits for all frames. */
static void rx_burst(struct vhc_traffic *traffic, unsigned int frames)
{
	struct flow *flow = &traffic->flow[VHC_RX];
	unsigned int i, chains = frames * chains_per_frame(traffic);

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
	unsigned int i, chains = frames * chains_per_frame(traffic);

	for (i = 0; i < frames; i++)
		rx_send_one(rx);
	for (i = 0; i < frames; i++)
		send_one_tx(tx);
	rx_add(rx, chains);
	vhc_driver_enable_call_after(&rx->queue->driver, chains);
	vhc_driver_enable_call_after(&tx->queue->driver, frames);
	vhc_driver_publish(&tx->queue->driver);
	publish(rx);
	publish(tx);
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

static void run_measurement(struct vhc_traffic *traffic, uint64_t start)
{
	if (active(traffic, VHC_RX) && active(traffic, VHC_TX))
		run_measurement_of_both(traffic);
	else if (active(traffic, VHC_RX))
		run_rx_measurement(traffic);
	else
		run_checked(traffic, start);
}

static void close_account(struct vhc_traffic *traffic)
{
	unsigned int i;

	for (i = 0; i < VHC_QUEUES; i++) {
		traffic->flow[i].report->lost = under_way(&traffic->flow[i]);
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
	if (traffic->config.measure)
		run_measurement(traffic, start);
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

/* A measurement sends the same content again and again. */
static void write_all_slots(struct flow *flow)
{
	size_t len = longest(&flow->traffic->config);
	uint32_t slot;

	for (slot = 0; slot < flow->slot_num; slot++) {
		cut(flow, slot, flow->traffic->port->header_len + len);
		write_frame(flow, slot, len);
	}
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
		open_flow(traffic, i);
	if (traffic->flow[VHC_RX].slot_num < chains_per_frame(traffic))
		vhc_fail("an RX ring of %u is too small for frames of %zu bytes: use a bigger one",
			 port->queue[VHC_RX].driver.num, longest(config));
	if (config->measure && active(traffic, VHC_TX))
		write_all_slots(&traffic->flow[VHC_TX]);
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

static bool flow_clean(const struct vhc_flow_report *flow)
{
	return !flow->lost && !flow->doubled && !flow->reordered && !flow->damaged;
}

/**
 * vhc_report_clean() - did all go well?
 * @report: the account.
 *
 * Return: true if nothing was lost, doubled, reordered or damaged, and no other trouble.
 */
bool vhc_report_clean(const struct vhc_traffic_report *report)
{
	return flow_clean(&report->flow[VHC_RX]) && flow_clean(&report->flow[VHC_TX]) &&
	       !report->trouble[0];
}

static bool differ(char *why, size_t size, const char *what, uint64_t theirs, uint64_t ours)
{
	if (theirs == ours)
		return false;
	snprintf(why, size, "%s: the module counts %llu, we count %llu", what,
		 (unsigned long long)theirs, (unsigned long long)ours);
	return true;
}

/**
 * vhc_report_agrees() - do vhost_custom's counters say the same?
 * @report: the account; all traffic of the device was ours, and the queues are idle.
 * @dev: a /dev/vhost-custom.
 * @why: filled with the first difference.
 * @size: of @why.
 *
 * Return: true if they do.
 */
bool vhc_report_agrees(const struct vhc_traffic_report *report, const struct vhc_dev *dev,
		       char *why, size_t size)
{
	const struct vhc_flow_report *rx = &report->flow[VHC_RX], *tx = &report->flow[VHC_TX];

	return !differ(why, size, "TX packets", vhc_stat(dev, VHC_TX, "packets"), tx->chains) &&
	       !differ(why, size, "TX bytes", vhc_stat(dev, VHC_TX, "bytes"), tx->bytes) &&
	       !differ(why, size, "TX signals", vhc_stat(dev, VHC_TX, "signals"), tx->signals) &&
	       !differ(why, size, "RX packets", vhc_stat(dev, VHC_RX, "packets"),
		       rx->received + rx->doubled + rx->foreign + rx->damaged) &&
	       !differ(why, size, "RX bytes", vhc_stat(dev, VHC_RX, "bytes"), rx->bytes) &&
	       !differ(why, size, "RX signals", vhc_stat(dev, VHC_RX, "signals"), rx->signals);
}
