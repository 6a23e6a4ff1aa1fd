/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One direction of traffic: its memory, its account, and how a frame gets into it and out of it.
 *
 * Callers: traffic.c and measure.c, and the files of the two directions.
 */
#ifndef LIBVHC_FLOW_H
#define LIBVHC_FLOW_H

#include <time.h>

#include "frame.h"
#include "traffic.h"

enum {
	SEEN = 65536,		/* frames that can be told apart at a time */
	BATCH = 64,		/* chains that are published together */
	FRAME_ROOM = VHC_FRAME_MAX + 1024,
	SEGMENTS_MAX = 1024,
};

static const uint64_t ns_per_s = 1000000000ULL;

/* A slot is the memory of one chain. */
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

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * ns_per_s + now.tv_nsec;
}

static inline bool flow_is_wanted(const struct vhc_traffic *traffic, unsigned int index)
{
	return traffic->config.directions & (1U << index);
}

static inline bool rx_is_mergeable(const struct vhc_traffic *traffic)
{
	return traffic->port->features & VHC_F_MRG_RXBUF;
}

static inline uint64_t flow_under_way(const struct flow *flow)
{
	return flow->report->sent - flow->report->received;
}

static inline bool flow_may_send(const struct flow *flow)
{
	return flow->report->sent < flow->goal &&
	       flow_under_way(flow) < flow->traffic->config.window;
}

/* flow.c */
void __attribute__((format(printf, 2, 3)))
traffic_trouble(struct vhc_traffic *traffic, const char *format, ...);
size_t flow_longest(const struct vhc_traffic_config *config);
unsigned int rx_chains_per_frame(const struct vhc_traffic *traffic);
void flow_open(struct vhc_traffic *traffic, unsigned int index);
uint64_t flow_slot_addr(const struct flow *flow, uint32_t slot);
void flow_cut(struct flow *flow, uint32_t slot, size_t len);
void flow_scatter(struct vhc_traffic *traffic, size_t offset, const void *from, size_t len);
void flow_gather(struct vhc_traffic *traffic, size_t offset, void *to, size_t len);
int flow_add_chain(struct flow *flow, unsigned int out, unsigned int in, uint64_t cookie);
void flow_publish(struct flow *flow);
void flow_inspect(struct flow *flow, const struct virtio_net_hdr *header, size_t len);
size_t flow_frame_len(const struct vhc_traffic *traffic, uint64_t number);
void flow_free_slot(struct flow *flow, uint32_t slot);
int flow_take(struct flow *flow, struct vhc_used *used);

/* flow_tx.c */
void tx_write_frame(struct flow *flow, uint64_t number, size_t len);
bool tx_send_one(struct flow *flow);
bool tx_send(struct flow *flow);
bool tx_reap(struct flow *flow);
bool tx_receive(struct flow *flow);
void tx_write_all_slots(struct flow *flow);

/* flow_rx.c */
unsigned int rx_add(struct flow *flow, unsigned int chains);
void rx_post(struct flow *flow, unsigned int chains);
void rx_send_one(struct flow *flow);
bool rx_send(struct flow *flow);
bool rx_take(struct flow *flow);

/* traffic.c */
void traffic_explain_stall(struct vhc_traffic *traffic);

/* measure.c */
void traffic_measure(struct vhc_traffic *traffic);

#endif
