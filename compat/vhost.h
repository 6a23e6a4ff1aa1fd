/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vhost core, as the module sees it: the struct definitions that the build made from
 * the kernel's BTF (compat/vhost-types), and what vhost.ko exports.
 */
#ifndef VHC_COMPAT_VHOST_H
#define VHC_COMPAT_VHOST_H

#include <linux/eventfd.h>
#include <linux/kcov.h>
#include <linux/irqbypass.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/vhost_iotlb.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/xarray.h>

struct vhost_dev;
struct vhost_virtqueue;
struct vhost_work;
typedef void (*vhost_work_fn_t)(struct vhost_work *work);

#include "generated/vhost-types.h"

/* Older headers lack these; what they stand for is the same on every kernel here. */
#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

/* The same goes for the worker ioctls. */
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

#ifndef VHC_VHOST_H
/* The device. The ioctls need dev->mutex; the others say what they need in the kernel. */
typedef int (*vhc_msg_handler_t)(struct vhost_dev *dev, u32 asid, struct vhost_iotlb_msg *msg);
void vhost_dev_init(struct vhost_dev *dev, struct vhost_virtqueue **vqs, int nvqs, int iov_limit,
		    int weight, int byte_weight, bool use_worker, vhc_msg_handler_t handler);
bool vhost_dev_has_owner(struct vhost_dev *dev);
long vhost_dev_check_owner(struct vhost_dev *dev);
long vhost_dev_set_owner(struct vhost_dev *dev);
struct vhost_iotlb *vhost_dev_reset_owner_prepare(void);
void vhost_dev_reset_owner(struct vhost_dev *dev, struct vhost_iotlb *umem);
long vhost_dev_ioctl(struct vhost_dev *dev, unsigned int cmd, void __user *argp);
long vhost_vring_ioctl(struct vhost_dev *dev, unsigned int cmd, void __user *argp);
void vhost_dev_flush(struct vhost_dev *dev);
void vhost_dev_stop(struct vhost_dev *dev);
void vhost_dev_cleanup(struct vhost_dev *dev);

long vhost_worker_ioctl(struct vhost_dev *dev, unsigned int cmd, void __user *argp);

/* The IOTLB and its messages. */
#ifdef VHC_INIT_IOTLB_ENABLED
int vhost_init_device_iotlb(struct vhost_dev *dev, bool enabled);
#else
int vhost_init_device_iotlb(struct vhost_dev *dev);
#endif
void vhost_clear_device_iotlb(struct vhost_dev *dev);
struct vhost_msg_node *vhost_new_msg(struct vhost_virtqueue *vq, int type);
void vhost_enqueue_msg(struct vhost_dev *dev, struct list_head *head,
		       struct vhost_msg_node *node);
void vhost_clear_msg(struct vhost_dev *dev);
ssize_t vhost_chr_read_iter(struct vhost_dev *dev, struct iov_iter *to, int noblock);
ssize_t vhost_chr_write_iter(struct vhost_dev *dev, struct iov_iter *from);
__poll_t vhost_chr_poll(struct file *file, struct vhost_dev *dev, poll_table *wait);
/* Takes dev->mutex itself. */
void vhost_set_backend_features(struct vhost_dev *dev, u64 features);

/* The dirty log. */
bool vhost_log_access_ok(struct vhost_dev *dev);
int vhost_log_write(struct vhost_virtqueue *vq, struct vhost_log *log, unsigned int log_num,
		    u64 len, struct iovec *iov, int count);

/* One virtqueue, under vq->mutex. */
bool vhost_vq_access_ok(struct vhost_virtqueue *vq);
int vhost_vq_init_access(struct vhost_virtqueue *vq);

/* Work that a file's readiness queues. */
#ifdef VHC_POLL_INIT_HAS_VQ
void vhost_poll_init(struct vhost_poll *poll, vhost_work_fn_t fn, __poll_t mask,
		     struct vhost_dev *dev, struct vhost_virtqueue *vq);
#else
void vhost_poll_init(struct vhost_poll *poll, vhost_work_fn_t fn, __poll_t mask,
		     struct vhost_dev *dev);
#endif
int vhost_poll_start(struct vhost_poll *poll, struct file *file);
void vhost_poll_stop(struct vhost_poll *poll);
void vhost_poll_queue(struct vhost_poll *poll);
bool vhost_has_work(struct vhost_dev *dev);
bool vhost_vq_has_work(struct vhost_virtqueue *vq);
#endif /* VHC_VHOST_H */

#endif
