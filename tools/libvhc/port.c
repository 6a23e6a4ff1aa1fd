// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's network port, set up in the order in which QEMU does it: owner, features,
 * memory table, then for each queue size, base, addresses and eventfds; then backends.
 *
 * Callers: traffic.c, the tools and the tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "port.h"

/**
 * vhc_header_len() - how long the virtio-net header is
 * @features: what was negotiated.
 *
 * Return: bytes.
 */
unsigned int vhc_header_len(uint64_t features)
{
	if (features & VHC_F_UDP_TUNNEL)
		return VHC_HEADER_MAX;
	if (features & (VHC_F_MRG_RXBUF | VHC_F_VERSION_1))
		return sizeof(struct virtio_net_hdr_mrg_rxbuf);
	return sizeof(struct virtio_net_hdr);
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		vhc_fail("eventfd: %s", strerror(errno));
	return fd;
}

/**
 * vhc_port_addr() - the argument of VHOST_SET_VRING_ADDR for a queue
 * @port: the port.
 * @index: VHC_RX or VHC_TX.
 * @addr: filled, with no flags; behind an IOMMU with IO virtual addresses.
 */
void vhc_port_addr(const struct vhc_port *port, unsigned int index,
		   struct vhost_vring_addr *addr)
{
	const struct vhc_driver *driver = &port->queue[index].driver;

	memset(addr, 0, sizeof(*addr));
	addr->index = index;
	vhc_driver_addr(driver, addr);
	if (!port->iommu.alias)
		return;
	addr->desc_user_addr = driver->area[VHC_DESC_AREA].addr;
	addr->avail_user_addr = driver->area[VHC_DRIVER_AREA].addr;
	addr->used_user_addr = driver->area[VHC_DEVICE_AREA].addr;
}

static void open_queue(struct vhc_port *port, unsigned int index,
		       const struct vhc_port_config *config)
{
	struct vhost_vring_addr addr;
	struct vhc_queue *queue = &port->queue[index];

	memset(queue, 0, sizeof(*queue));
	queue->index = index;
	queue->kick = new_eventfd();
	queue->call = new_eventfd();
	queue->err = new_eventfd();
	vhc_driver_init(&queue->driver, &port->mem, config->ring_size, port->features,
			config->table_max);
	vhc_driver_rewind(&queue->driver, config->base);
	queue->driver.fifo |= config->fifo;
	vhc_port_addr(port, index, &addr);
	vhc_set_vring_num(&port->dev, index, config->ring_size);
	vhc_set_vring_base(&port->dev, index, vhc_driver_base(&queue->driver));
	vhc_set_vring_addr(&port->dev, &addr);
	vhc_set_vring_kick(&port->dev, index, queue->kick);
	vhc_set_vring_call(&port->dev, index, queue->call);
	vhc_set_vring_err(&port->dev, index, queue->err);
}

static void set_memory(struct vhc_port *port)
{
	struct vhost_memory *table = port->iommu.alias ? vhc_iommu_table(&port->iommu) :
							 vhc_mem_table(&port->mem);

	vhc_set_mem_table(&port->dev, table);
	free(table);
}

static void open_iommu(struct vhc_port *port, const struct vhc_port_config *config)
{
	int flags = fcntl(port->dev.fd, F_GETFL);

	if (fcntl(port->dev.fd, F_SETFL, flags | O_NONBLOCK))
		vhc_fail("fcntl on %s: %s", port->dev.path, strerror(errno));
	vhc_set_backend_features(&port->dev, config->iotlb_v2 ?
				 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2 : 0);
	vhc_iommu_create(&port->iommu, &port->dev, &port->mem, config->iommu, config->iotlb_v2);
}

/**
 * vhc_port_open() - set up all but the backends
 * @port: filled.
 * @config: what to set up.
 */
void vhc_port_open(struct vhc_port *port, const struct vhc_port_config *config)
{
	uint64_t size = config->mem_size ? config->mem_size : 64 << 20;
	unsigned int i;

	memset(port, 0, sizeof(*port));
	port->features = config->features;
	port->header_len = vhc_header_len(config->features);
	port->queue_len = config->queue_len ? config->queue_len : 1000;
	vhc_open(&port->dev, config->device);
	vhc_set_owner(&port->dev);
	if (config->features & VHC_F_UDP_TUNNEL)
		vhc_set_tunnel_features(&port->dev, config->features & ~VHC_F_UDP_TUNNEL);
	else
		vhc_set_features(&port->dev, config->features);
	vhc_mem_create(&port->mem, size, config->regions ? config->regions : 1);
	if (config->iommu)
		open_iommu(port, config);
	set_memory(port);
	for (i = 0; i < VHC_QUEUES; i++)
		open_queue(port, i, config);
	vhc_tap_create(&port->tap, config->backend, port->header_len, port->queue_len);
}

/**
 * vhc_port_close() - undo vhc_port_open()
 * @port: the port; may be running.
 */
void vhc_port_close(struct vhc_port *port)
{
	unsigned int i;

	vhc_iommu_stop(&port->iommu);
	vhc_close(&port->dev);
	vhc_tap_destroy(&port->tap);
	for (i = 0; i < VHC_QUEUES; i++) {
		vhc_driver_fini(&port->queue[i].driver);
		close(port->queue[i].kick);
		close(port->queue[i].call);
		close(port->queue[i].err);
	}
	vhc_iommu_destroy(&port->iommu);
	vhc_mem_destroy(&port->mem);
}

/**
 * vhc_port_start_queue() - give a queue its backend
 * @port: the port.
 * @index: VHC_RX or VHC_TX.
 *
 * The device looks at its area at once, and does not ask for its translation.
 */
void vhc_port_start_queue(struct vhc_port *port, unsigned int index)
{
	const struct vhc_area *area = port->queue[index].driver.area;

	if (port->iommu.alias)
		vhc_iommu_map(&port->iommu, area[VHC_DEVICE_AREA].addr, 4);
	vhc_net_set_backend(&port->dev, index, port->tap.fd);
}

/**
 * vhc_port_stop_queue() - take a queue's backend away
 * @port: the port.
 * @index: VHC_RX or VHC_TX.
 *
 * Return: where the device stopped, as vhc_driver_base() has it.
 */
unsigned int vhc_port_stop_queue(struct vhc_port *port, unsigned int index)
{
	vhc_net_set_backend(&port->dev, index, -1);
	return vhc_get_vring_base(&port->dev, index);
}

/**
 * vhc_port_start() - give both queues their backend
 * @port: the port.
 */
void vhc_port_start(struct vhc_port *port)
{
	vhc_port_start_queue(port, VHC_RX);
	vhc_port_start_queue(port, VHC_TX);
}

/**
 * vhc_port_stop() - take the backend of both queues away
 * @port: the port.
 */
void vhc_port_stop(struct vhc_port *port)
{
	vhc_port_stop_queue(port, VHC_RX);
	vhc_port_stop_queue(port, VHC_TX);
}

/**
 * vhc_queue_kick() - tell the device to look at the queue
 * @queue: the queue.
 */
void vhc_queue_kick(struct vhc_queue *queue)
{
	if (eventfd_write(queue->kick, 1))
		vhc_fail("kick of queue %u: %s", queue->index, strerror(errno));
	queue->kicks++;
}

/**
 * vhc_queue_publish() - show the device what was added, and kick it if it wants to
 * @queue: the queue.
 *
 * Return: true if a kick was needed.
 */
bool vhc_queue_publish(struct vhc_queue *queue)
{
	vhc_driver_publish(&queue->driver);
	if (!vhc_driver_need_kick(&queue->driver))
		return false;
	vhc_queue_kick(queue);
	return true;
}

/**
 * vhc_eventfd_read() - take what was signalled, without waiting
 * @fd: a non-blocking eventfd.
 *
 * Return: how many times it was signalled since the last read.
 */
uint64_t vhc_eventfd_read(int fd)
{
	eventfd_t count = 0;

	if (eventfd_read(fd, &count) && errno != EAGAIN)
		vhc_fail("read of an eventfd: %s", strerror(errno));
	return count;
}

/**
 * vhc_eventfd_wait() - wait for a signal
 * @fd: a non-blocking eventfd.
 * @timeout_ms: how long.
 *
 * Return: true if there is one; it is not taken.
 */
bool vhc_eventfd_wait(int fd, unsigned int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

/**
 * vhc_queue_signals() - take the device's signals, without waiting
 * @queue: the queue.
 *
 * Return: how many there were since the last call.
 */
uint64_t vhc_queue_signals(struct vhc_queue *queue)
{
	uint64_t count = vhc_eventfd_read(queue->call);

	queue->signals += count;
	return count;
}

/**
 * vhc_queue_wait() - sleep on the call eventfd until chains came back
 * @queue: the queue.
 * @chains: how many; those that came back already count.
 * @timeout_ms: longest time between two signals.
 *
 * Return: true if they did; false if no signal came in time.
 */
bool vhc_queue_wait(struct vhc_queue *queue, unsigned int chains, unsigned int timeout_ms)
{
	struct vhc_driver *driver = &queue->driver;

	for (;;) {
		vhc_driver_enable_call_after(driver, chains);
		if ((uint16_t)(vhc_driver_used_idx(driver) - driver->last_used) >= chains)
			break;
		if (!vhc_eventfd_wait(queue->call, timeout_ms))
			return false;
		vhc_queue_signals(queue);
	}
	vhc_driver_disable_call(driver);
	vhc_queue_signals(queue);
	return true;
}
