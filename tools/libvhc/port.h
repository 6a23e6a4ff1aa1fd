/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's network port: a vhost-net device, guest memory, two queues and a tap, set up
 * in the order in which QEMU does it.
 *
 * Callers: traffic.c, the tools and the tests.
 */
#ifndef LIBVHC_PORT_H
#define LIBVHC_PORT_H

#include "driver.h"
#include "iommu.h"
#include "mem.h"
#include "tap.h"
#include "vhc.h"

/* Bytes of the longest virtio-net header, which UDP tunnels need. */
enum { VHC_HEADER_MAX = 24 };

/**
 * struct vhc_queue - one queue of the port
 * @driver: the driver's side of its ring.
 * @index: VHC_RX or VHC_TX.
 * @kick: eventfd that we write to.
 * @call: eventfd that the device signals.
 * @err: eventfd that the device signals when the driver broke the rules.
 * @kicks: writes to @kick.
 * @signals: what was read from @call.
 */
struct vhc_queue {
	struct vhc_driver driver;
	unsigned int index;
	int kick;
	int call;
	int err;
	uint64_t kicks;
	uint64_t signals;
};

/**
 * struct vhc_port_config - what to set up
 * @device: path of the device.
 * @features: to negotiate.
 * @ring_size: of both queues.
 * @regions: of guest memory; 0 means 1.
 * @mem_size: bytes of guest memory; 0 means 64 MiB.
 * @table_max: descriptors in an indirect table; 0: no indirect tables.
 * @queue_len: frames that the tap holds for the guest; 0 means 1000.
 * @base: how much went through both rings before, see vhc_driver_rewind().
 * @fifo: see &struct vhc_driver.
 * @backend: what carries the frames.
 * @iommu: translations that an IOMMU gives the device at a time, with
 *	VIRTIO_F_ACCESS_PLATFORM in @features; 0: there is no IOMMU.
 * @iotlb_v2: its messages are of version 2.
 */
struct vhc_port_config {
	const char *device;
	uint64_t features;
	unsigned int ring_size;
	unsigned int regions;
	uint64_t mem_size;
	unsigned int table_max;
	unsigned int queue_len;
	uint16_t base;
	bool fifo;
	enum vhc_backend backend;
	unsigned int iommu;
	bool iotlb_v2;
};

/**
 * struct vhc_port - a guest's network port
 * @dev: the device.
 * @mem: guest memory.
 * @iommu: before the device; all zero without one.
 * @tap: the tap, without a packet socket until vhc_tap_attach().
 * @queue: by VHC_RX and VHC_TX.
 * @features: that were negotiated.
 * @header_len: bytes of the virtio-net header.
 * @queue_len: frames that the tap holds for the guest.
 */
struct vhc_port {
	struct vhc_dev dev;
	struct vhc_mem mem;
	struct vhc_iommu iommu;
	struct vhc_tap tap;
	struct vhc_queue queue[VHC_QUEUES];
	uint64_t features;
	unsigned int header_len;
	unsigned int queue_len;
};

unsigned int vhc_header_len(uint64_t features);
void vhc_port_open(struct vhc_port *port, const struct vhc_port_config *config);
void vhc_port_close(struct vhc_port *port);
void vhc_port_start(struct vhc_port *port);
void vhc_port_stop(struct vhc_port *port);
void vhc_port_addr(const struct vhc_port *port, unsigned int index,
		   struct vhost_vring_addr *addr);
void vhc_port_start_queue(struct vhc_port *port, unsigned int index);
unsigned int vhc_port_stop_queue(struct vhc_port *port, unsigned int index);

void vhc_queue_kick(struct vhc_queue *queue);
bool vhc_queue_publish(struct vhc_queue *queue);
uint64_t vhc_queue_signals(struct vhc_queue *queue);
bool vhc_queue_wait(struct vhc_queue *queue, unsigned int chains, unsigned int timeout_ms);
uint64_t vhc_eventfd_read(int fd);
bool vhc_eventfd_wait(int fd, unsigned int timeout_ms);

#endif
