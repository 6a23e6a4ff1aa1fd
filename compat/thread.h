/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread of its own for one of a device's virtqueues, beside the worker that the vhost core
 * makes. Where the core knows several workers (compat/worker.c) it is another one of these; where
 * it has one for each device (compat/thread.c) it is ours. What a queue's polls have to do goes to
 * that thread, if there is one, and to the core's worker if not.
 */
#ifndef VHC_COMPAT_THREAD_H
#define VHC_COMPAT_THREAD_H

#include <linux/kthread.h>

#include "vhost.h"

#ifdef VHC_WORKER_IOCTL
struct vhc_thread {};

static inline void vhc_thread_init(struct vhc_thread *thread, struct vhost_poll *kick,
				   struct vhost_poll *sock, struct vhost_poll *signal)
{
}

int vhc_thread_start(struct vhc_thread *thread, struct vhost_virtqueue *vq);

/* The core's flush and cleanup do it. */
static inline void vhc_thread_flush(struct vhc_thread *thread)
{
}

static inline void vhc_thread_stop(struct vhc_thread *thread)
{
}

static inline void vhc_poll_queue(struct vhost_poll *poll)
{
	vhost_poll_queue(poll);
}

static inline int vhc_poll_start(struct vhost_poll *poll, struct file *file)
{
	return vhost_poll_start(poll, file);
}

/* Does another queue want the worker? */
static inline bool vhc_has_work(struct vhost_virtqueue *vq)
{
	return vhost_vq_has_work(vq);
}
#else
/**
 * struct vhc_route - where a poll's work goes; its poll.wait.private points here
 * @poll: the poll.
 * @fn: its function; that of its work is another one, which passes it on.
 * @worker: the queue's own thread, or NULL: the core's worker.
 * @work: of @worker.
 */
struct vhc_route {
	struct vhost_poll *poll;
	vhost_work_fn_t fn;
	struct kthread_worker *worker;
	struct kthread_work work;
};

/**
 * struct vhc_thread - a queue's own thread
 * @worker: the thread, or NULL.
 * @mm: the owner's memory, as long as there is one.
 * @kick: of the virtqueue's poll.
 * @sock: of the socket's.
 * @signal: of one whose work is queued by a timer.
 */
struct vhc_thread {
	struct kthread_worker *worker;
	struct mm_struct *mm;
	struct vhc_route kick;
	struct vhc_route sock;
	struct vhc_route signal;
};

void vhc_thread_init(struct vhc_thread *thread, struct vhost_poll *kick,
		     struct vhost_poll *sock, struct vhost_poll *signal);
int vhc_thread_start(struct vhc_thread *thread, struct vhost_virtqueue *vq);
void vhc_thread_flush(struct vhc_thread *thread);
void vhc_thread_stop(struct vhc_thread *thread);
void vhc_poll_queue(struct vhost_poll *poll);
int vhc_poll_start(struct vhost_poll *poll, struct file *file);
bool vhc_has_work(struct vhost_virtqueue *vq);
#endif

#endif
