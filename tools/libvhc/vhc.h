/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of a vhost-net device, one function each.
 *
 * Owns: the open device file and the words in which a failure is told. Knows no ring, no
 * tap and no guest memory: those are driver.h, tap.h and mem.h. Callers: everything in
 * tools/ and tests/.
 *
 * Every ioctl has two forms. __vhc_x() returns what the kernel said: 0 or more, or -errno.
 * vhc_x() must not fail: if it does, the user is told which ioctl failed on which device,
 * with which error and why that usually happens, and the program ends with status 1. A
 * test that wants to go on sets another end with vhc_on_failure().
 *
 * RX and TX are named from the guest's side everywhere: queue 0 is RX, the guest receives.
 */
#ifndef LIBVHC_VHC_H
#define LIBVHC_VHC_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "uapi/vhost_custom.h"

/* What the headers of older systems lack. The numbers are fixed by the kernel's ABI. */
#ifndef VIRTIO_F_RING_PACKED
#define VIRTIO_F_RING_PACKED 34
#endif
#ifndef VIRTIO_F_IN_ORDER
#define VIRTIO_F_IN_ORDER 35
#endif
#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif
#ifndef VHOST_NEW_WORKER
struct vhost_worker_state {
	unsigned int worker_id;
};

struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER _IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER _IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER _IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER _IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif
#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x84, __u8)
#endif

enum {
	VHC_RX = 0,
	VHC_TX = 1,
	VHC_QUEUES = 2,
};

/* Feature bits as masks, under the names that --features takes. */
#define VHC_F_MRG_RXBUF (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define VHC_F_NOTIFY_ON_EMPTY (1ULL << VIRTIO_F_NOTIFY_ON_EMPTY)
#define VHC_F_LOG_ALL (1ULL << VHOST_F_LOG_ALL)
#define VHC_F_ANY_LAYOUT (1ULL << VIRTIO_F_ANY_LAYOUT)
#define VHC_F_INDIRECT (1ULL << VIRTIO_RING_F_INDIRECT_DESC)
#define VHC_F_EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define VHC_F_VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define VHC_F_ACCESS_PLATFORM (1ULL << VIRTIO_F_ACCESS_PLATFORM)
#define VHC_F_RING_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define VHC_F_IN_ORDER (1ULL << VIRTIO_F_IN_ORDER)
#define VHC_F_RING_RESET (1ULL << VIRTIO_F_RING_RESET)
/* Of a port's configuration: features 65 and 67, GUEST and HOST_UDP_TUNNEL_GSO. */
#define VHC_F_UDP_TUNNEL (1ULL << 63)

/**
 * struct vhc_dev - an open vhost-net device
 * @fd: its file descriptor.
 * @path: how it was opened, for messages.
 */
struct vhc_dev {
	int fd;
	const char *path;
};

/* failure */
void vhc_on_failure(void (*handler)(const char *message));
void vhc_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* the file */
int __vhc_open(struct vhc_dev *dev, const char *path);
void vhc_open(struct vhc_dev *dev, const char *path);
void vhc_close(struct vhc_dev *dev);
bool vhc_is_custom(const struct vhc_dev *dev);
int __vhc_ioctl(const struct vhc_dev *dev, unsigned long request, void *arg);

/* features */
const char *vhc_feature_names(uint64_t features, char *text, unsigned int size);
int vhc_parse_features(const char *text, uint64_t *features);

/* ioctls that must not be refused */
uint64_t vhc_get_features(const struct vhc_dev *dev);
void vhc_set_features(const struct vhc_dev *dev, uint64_t features);
void vhc_set_tunnel_features(const struct vhc_dev *dev, uint64_t features);
uint64_t vhc_get_backend_features(const struct vhc_dev *dev);
void vhc_set_backend_features(const struct vhc_dev *dev, uint64_t features);
void vhc_set_owner(const struct vhc_dev *dev);
void vhc_reset_owner(const struct vhc_dev *dev);
void vhc_set_mem_table(const struct vhc_dev *dev, struct vhost_memory *table);
void vhc_set_log_base(const struct vhc_dev *dev, uint64_t base);
void vhc_set_log_fd(const struct vhc_dev *dev, int fd);
void vhc_set_vring_num(const struct vhc_dev *dev, unsigned int index, unsigned int num);
void vhc_set_vring_addr(const struct vhc_dev *dev, struct vhost_vring_addr *addr);
void vhc_set_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int base);
unsigned int vhc_get_vring_base(const struct vhc_dev *dev, unsigned int index);
void vhc_set_vring_kick(const struct vhc_dev *dev, unsigned int index, int fd);
void vhc_set_vring_call(const struct vhc_dev *dev, unsigned int index, int fd);
void vhc_set_vring_err(const struct vhc_dev *dev, unsigned int index, int fd);
void vhc_set_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				    unsigned int usecs);
unsigned int vhc_get_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index);
void vhc_net_set_backend(const struct vhc_dev *dev, unsigned int index, int fd);
int vhc_get_stats_fd(const struct vhc_dev *dev, unsigned int index);
void vhc_set_moderation(const struct vhc_dev *dev, unsigned int index, unsigned int chains,
			unsigned int usecs);

/* the same, returning -errno */
int __vhc_get_features(const struct vhc_dev *dev, uint64_t *features);
int __vhc_set_features(const struct vhc_dev *dev, uint64_t features);
int __vhc_set_tunnel_features(const struct vhc_dev *dev, uint64_t features);
int __vhc_get_backend_features(const struct vhc_dev *dev, uint64_t *features);
int __vhc_set_backend_features(const struct vhc_dev *dev, uint64_t features);
int __vhc_set_owner(const struct vhc_dev *dev);
int __vhc_reset_owner(const struct vhc_dev *dev);
int __vhc_set_mem_table(const struct vhc_dev *dev, struct vhost_memory *table);
int __vhc_set_log_base(const struct vhc_dev *dev, uint64_t base);
int __vhc_set_log_fd(const struct vhc_dev *dev, int fd);
int __vhc_set_vring_num(const struct vhc_dev *dev, unsigned int index, unsigned int num);
int __vhc_set_vring_addr(const struct vhc_dev *dev, struct vhost_vring_addr *addr);
int __vhc_set_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int base);
int __vhc_get_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int *base);
int __vhc_set_vring_endian(const struct vhc_dev *dev, unsigned int index, unsigned int endian);
int __vhc_get_vring_endian(const struct vhc_dev *dev, unsigned int index, unsigned int *endian);
int __vhc_set_vring_kick(const struct vhc_dev *dev, unsigned int index, int fd);
int __vhc_set_vring_call(const struct vhc_dev *dev, unsigned int index, int fd);
int __vhc_set_vring_err(const struct vhc_dev *dev, unsigned int index, int fd);
int __vhc_set_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				     unsigned int usecs);
int __vhc_get_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				     unsigned int *usecs);
int __vhc_net_set_backend(const struct vhc_dev *dev, unsigned int index, int fd);
int __vhc_new_worker(const struct vhc_dev *dev, unsigned int *worker);
int __vhc_free_worker(const struct vhc_dev *dev, unsigned int worker);
int __vhc_attach_vring_worker(const struct vhc_dev *dev, unsigned int index,
			      unsigned int worker);
int __vhc_get_vring_worker(const struct vhc_dev *dev, unsigned int index,
			   unsigned int *worker);
int __vhc_set_fork_from_owner(const struct vhc_dev *dev, uint8_t value);
int __vhc_get_fork_from_owner(const struct vhc_dev *dev, uint8_t *value);
int __vhc_get_stats_fd(const struct vhc_dev *dev, unsigned long index);
int __vhc_set_moderation(const struct vhc_dev *dev, unsigned int index, unsigned int chains,
			 unsigned int usecs);

#endif
