/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traffic through a port: numbered frames both ways, and an account of what became of them.
 *
 * TX: driver, ring, device, tap, packet socket. RX: packet socket, tap, device,
 * ring, driver. One thread does all of it and sleeps on the eventfds when there is
 * nothing to do. No queue can overflow: at most @window frames are on their way, and one
 * arrives before the next one is sent.
 *
 * Callers: the tools and the tests.
 */
#ifndef LIBVHC_TRAFFIC_H
#define LIBVHC_TRAFFIC_H

#include "port.h"
#include "worker.h"

/**
 * struct vhc_traffic_config - what to send
 * @directions: 1 << VHC_RX, 1 << VHC_TX or both.
 * @count: frames each way; 0: as many as go in @seconds.
 * @seconds: how long to send, with @count 0.
 * @min: shortest frame.
 * @max: longest frame.
 * @mixed: the simple internet mix instead of @min and @max.
 * @gso: TCP frames that ask for segmentation.
 * @segments: descriptors in a chain.
 * @any_layout: cut chains anywhere, also inside of the virtio-net header, with unused
 *	memory between the pieces. Otherwise the header is in the first descriptor, alone if
 *	there are more.
 * @indirect: use indirect tables.
 * @rx_buffer: bytes in an RX chain with mergeable buffers; 0 means 1536.
 * @window: frames on their way in each direction; 0 means 256.
 * @restart_every: stop and restart both queues after so many frames; 0: never.
 * @measure: find out what the device costs: nobody listens behind the tap, RX frames are
 *	put into the tap's queue before the buffers are made available, and content is not
 *	checked. Both directions get as many frames, and start at once. Not with @any_layout.
 * @stall_ms: give up when nothing happened for so long; 0 means 20 s.
 */
struct vhc_traffic_config {
	unsigned int directions;
	uint64_t count;
	unsigned int seconds;
	size_t min;
	size_t max;
	bool mixed;
	bool gso;
	unsigned int segments;
	bool any_layout;
	bool indirect;
	unsigned int rx_buffer;
	unsigned int window;
	unsigned int restart_every;
	bool measure;
	unsigned int stall_ms;
};

/**
 * struct vhc_flow_report - what became of the frames of one direction
 * @sent: frames given to the ring (TX) or to the tap (RX).
 * @received: frames that arrived whole, each counted once.
 * @lost: never arrived.
 * @doubled: arrivals of a frame that had arrived before.
 * @reordered: arrived after one that was sent later.
 * @damaged: arrivals with a wrong header, length or content.
 * @foreign: arrivals that are none of ours.
 * @refused: sends that the tap's queue did not take.
 * @bytes: in @sent for TX, in @received and @foreign for RX; without virtio-net header.
 * @chains: chains that the device gave back.
 * @kicks: that were sent to the device.
 * @signals: that came from the device.
 */
struct vhc_flow_report {
	uint64_t sent;
	uint64_t received;
	uint64_t lost;
	uint64_t doubled;
	uint64_t reordered;
	uint64_t damaged;
	uint64_t foreign;
	uint64_t refused;
	uint64_t bytes;
	uint64_t chains;
	uint64_t kicks;
	uint64_t signals;
};

/**
 * struct vhc_traffic_report - what became of all frames since vhc_traffic_open()
 * @flow: by VHC_RX and VHC_TX.
 * @restarts: times that the queues were stopped and restarted.
 * @nanoseconds: that vhc_traffic_run() took, in all.
 * @worker_ns: that the device's workers were on a CPU meanwhile.
 * @busiest_ns: that the one of them was that was most.
 * @workers: how many there are.
 * @trouble: what went wrong beside the frames; "" if nothing did.
 */
struct vhc_traffic_report {
	struct vhc_flow_report flow[VHC_QUEUES];
	uint64_t restarts;
	uint64_t nanoseconds;
	uint64_t worker_ns;
	uint64_t busiest_ns;
	unsigned int workers;
	char trouble[256];
};

struct vhc_traffic;

struct vhc_traffic *vhc_traffic_open(struct vhc_port *port,
				     const struct vhc_traffic_config *config);
void vhc_traffic_close(struct vhc_traffic *traffic);
bool vhc_traffic_run(struct vhc_traffic *traffic);
const struct vhc_traffic_report *vhc_traffic_report(const struct vhc_traffic *traffic);
void vhc_traffic_on_progress(struct vhc_traffic *traffic,
			     void (*progress)(const struct vhc_traffic_report *report));

bool vhc_report_clean(const struct vhc_traffic_report *report);
bool vhc_report_agrees(const struct vhc_traffic_report *report, const struct vhc_dev *dev,
		       char *why, size_t size);
uint64_t vhc_traffic_mem_size(const struct vhc_traffic_config *config, uint64_t features,
			      unsigned int ring_size, unsigned int table_max);

#endif
