// SPDX-License-Identifier: GPL-2.0
/*
 * A queue's life: its socket, the begin and end of a run, what is given back to the
 * driver, and who wakes whom. The only caller of eventfds.
 *
 * Called by vhost_custom.c (process context) and by tx.c and rx.c (worker); under
 * vq.mutex, except for vhc_queue_init() and vhc_queue_forget_memory().
 */
#include <linux/lockdep.h>
#include <linux/log2.h>

#include "trace.h"
#include "vhost_custom.h"

/**
 * vhc_queue_init() - set a new queue's fields, after vhost_dev_init()
 * @queue: the queue, zeroed before vhost_dev_init().
 * @ready: runs the queue when its socket is ready.
 * @mask: the readiness that it waits for.
 */
void vhc_queue_init(struct vhc_queue *queue, vhost_work_fn_t ready, __poll_t mask)
{
	vhc_poll_init(&queue->sock_poll, ready, mask, &queue->vq);
	vhc_moderation_init(queue);
	vhc_thread_init(&queue->thread, &queue->vq.poll, &queue->sock_poll,
			&queue->moderation.work);
	vhc_latency_init(queue);
	queue->hdr_len = sizeof(struct virtio_net_hdr);
	queue->sock_hdr_len = queue->hdr_len;
	queue->ring.desc_area.page = queue->desc_page;
	queue->ring.avail_area.page = queue->avail_page;
	queue->ring.used_area.page = queue->used_page;
	queue->ring.translate = vhc_mem_translate;
	queue->ring.opaque = &queue->vq;
}

/*
 * Get a virtqueue ready for its first run. The core does it for split rings; to a packed one, which
 * needs nothing written, it would write nonsense.
 */
static int init_access(struct vhost_virtqueue *vq)
{
	u16 used_idx = vq->last_used_idx;
	int err;

	if (!(vq->acked_features & BIT_ULL(VIRTIO_F_RING_PACKED)))
		return is_power_of_2(vq->num) ? vhost_vq_init_access(vq) : -EINVAL;

	if (!IS_ALIGNED((unsigned long)vq->desc, sizeof(struct vring_packed_desc)))
		return -EINVAL;
	err = vhc_packed_base(vq->num, vq->last_avail_idx, &used_idx);
	if (err)
		return err;
	vq->last_used_idx = used_idx;
	vq->is_le = true;
	return 0;
}

/**
 * vhc_queue_set_num() - set a size that is no power of 2, as packed rings may have (2.8.10.1)
 * @queue: the queue.
 * @num: entries.
 *
 * Return: 0; -EBUSY if the queue is started; -EINVAL if no such ring may have so many.
 */
int vhc_queue_set_num(struct vhc_queue *queue, u32 num)
{
	struct vhost_virtqueue *vq = &queue->vq;

	lockdep_assert_held(&vq->mutex);
	if (vq->private_data)
		return -EBUSY;
	if (!(vq->acked_features & BIT_ULL(VIRTIO_F_RING_PACKED)) || !num || num > VHC_RING_MAX)
		return -EINVAL;
	vq->num = num;
	return 0;
}

/**
 * vhc_queue_set_socket() - start, stop or move a queue
 * @queue: the queue.
 * @sock: the new socket, or NULL to stop. The queue takes over the reference on success.
 * @old: the socket before; the caller puts it once no run can use it any more.
 *
 * Context: process; dev->mutex and vq->mutex are held.
 * Return: 0. Otherwise the queue goes on as it was: -EFAULT if the used ring cannot be accessed,
 * -EINVAL if the socket has no network device, or if the ring's size, address or base is not one
 * for its layout. Never fails for a NULL @sock.
 */
int vhc_queue_set_socket(struct vhc_queue *queue, struct socket *sock, struct socket **old)
{
	struct vhost_virtqueue *vq = &queue->vq;
	int err = 0;

	lockdep_assert_held(&vq->mutex);
	*old = vq->private_data;

	vhost_poll_stop(&queue->sock_poll);
	vq->private_data = sock;
	vhc_latency_forget(queue);
	vhc_moderation_stop(queue);
	vhc_poll_forget(queue);
	queue->kicks_pending = 0;
	if (sock) {
		err = init_access(vq);
		if (!err)
			err = vhc_poll_start(&queue->sock_poll, sock->file);
		if (err)
			goto err_restore;
		/* Its layout says what the positions mean. */
		queue->ring.packed = vq->acked_features & BIT_ULL(VIRTIO_F_RING_PACKED);
		queue->ring.in_order = vq->acked_features & BIT_ULL(VIRTIO_F_IN_ORDER);
		vhc_ring_start(&queue->ring, vq->last_avail_idx, vq->last_used_idx);
		trace_queue_start(queue, vq->num, vq->last_avail_idx);
	} else {
		vhc_mem_withdraw(queue);
		if (*old)
			trace_queue_stop(queue);
	}
	return 0;

err_restore:
	vq->private_data = *old;
	if (*old)
		vhc_poll_start(&queue->sock_poll, (*old)->file);
	return err;
}

/**
 * vhc_queue_forget_memory() - guest memory may be elsewhere in the host from now on
 * @queue: the queue. On return no run uses what was there before.
 *
 * Context: process.
 */
void vhc_queue_forget_memory(struct vhc_queue *queue)
{
	mutex_lock(&queue->vq.mutex);
	vhc_ring_forget_memory(&queue->ring);
	mutex_unlock(&queue->vq.mutex);
}

/*
 * A question that there was no memory for: nobody will answer, and nobody else may have a reason to
 * run the queue. RX does not listen to its socket meanwhile, and a driver without free buffers does
 * not kick.
 */
static void ask_again(struct vhc_queue *queue)
{
	if (likely(!queue->unasked))
		return;
	queue->unasked = false;
	vhc_queue_requeue(queue);
}

/* Returns false if the ring cannot be used now. */
static bool find_ring(struct vhc_queue *queue)
{
	struct vhost_virtqueue *vq = &queue->vq;
	int err;

	/* The core forgets addresses that an IOTLB that comes or goes makes meaningless. */
	if (unlikely(!vq->desc && !vq->avail && !vq->used))
		return false;
	if (likely(!vq->iotlb)) {
		vhc_ring_set_addr(&queue->ring, vq->desc, vq->avail, vq->used, vq->num);
		return true;
	}
	/* Translations come and go without a word to this module. */
	vhc_ring_forget_memory(&queue->ring);
	err = vhc_mem_find_ring(queue);
	if (err == -EFAULT)
		vhc_queue_bad(queue, VHOST_CUSTOM_BAD_RING);
	else if (err)
		ask_again(queue);
	return !err;
}

/**
 * vhc_queue_look() - look up whatever a VMM may change while the queue is active
 * @queue: the queue.
 *
 * Addresses, features and memory stay as they are until vq->mutex is released: changes need it.
 *
 * Return: false if the queue is stopped, or its ring is not translated yet.
 */
bool vhc_queue_look(struct vhc_queue *queue)
{
	struct vhost_virtqueue *vq = &queue->vq;
	struct vhc_ring *ring = &queue->ring;
	u64 features = vq->acked_features;

	lockdep_assert_held(&vq->mutex);
	queue->worker = task_pid_nr(current);
	if (!vq->private_data)
		return false;

	ring->little_endian = vq->is_le;
	ring->event_idx = features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	ring->notify_on_empty = features & BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY);
	ring->log = vq->log_used ? vhc_log_ring : NULL;
	queue->log = features & BIT_ULL(VHOST_F_LOG_ALL);
	return find_ring(queue);
}

/**
 * vhc_queue_begin() - begin a run
 * @queue: the queue.
 *
 * Return: the socket, or NULL if there is nothing to do, and to end.
 */
struct socket *vhc_queue_begin(struct vhc_queue *queue)
{
	if (!vhc_queue_look(queue))
		return NULL;
	queue->polling.until = 0;
	queue->run_packets = queue->stats.packets;
	queue->run_bytes = queue->stats.bytes;
	queue->polling.active = false;
	if (vhc_latency_on())
		vhc_latency_begin(queue);
	trace_run_begin(queue);
	return queue->vq.private_data;
}

/*
 * A kick announces chains that are seen now; or later, as RX looks only when there is a frame; or
 * that were seen just before it came.
 */
static void count_kicks_avoided(struct vhc_queue *queue)
{
	unsigned int kicks = queue->kicks_pending, news = queue->ring.news;

	if (news > kicks)
		queue->stats.kicks_avoided += news - kicks;
	queue->kicks_pending = news < kicks;
	queue->ring.news = 0;
}

/**
 * vhc_queue_end() - end a run: the driver gets all that was filled
 * @queue: the queue.
 *
 * From here on VHOST_GET_VRING_BASE sees where the next run begins.
 */
void vhc_queue_end(struct vhc_queue *queue)
{
	struct vhost_virtqueue *vq = &queue->vq;

	if (vhc_ring_filled(&queue->ring))
		vhc_queue_publish(queue);
	count_kicks_avoided(queue);
	vq->last_avail_idx = vhc_ring_next_avail(&queue->ring);
	vq->avail_idx = vq->last_avail_idx;
	vq->last_used_idx = queue->ring.used_idx;
	trace_run_end(queue, queue->stats.packets - queue->run_packets,
		      queue->stats.bytes - queue->run_bytes);
}

/**
 * vhc_queue_bad() - account for something that the driver got wrong
 * @queue: the queue.
 * @reason: what.
 */
void vhc_queue_bad(struct vhc_queue *queue, enum vhost_custom_bad reason)
{
	queue->stats.bad[reason]++;
	trace_bad_chain(queue, reason);
	if (queue->vq.error_ctx)
		vhc_eventfd_signal(queue->vq.error_ctx);
}

/**
 * vhc_queue_bad_ring() - account for an error that the ring engine returned
 * @queue: the queue.
 * @err: -EINVAL or -EFAULT.
 */
void vhc_queue_bad_ring(struct vhc_queue *queue, int err)
{
	vhc_queue_bad(queue, err == -EINVAL ? VHOST_CUSTOM_BAD_INDEX : VHOST_CUSTOM_BAD_RING);
}

/**
 * vhc_queue_give_back() - complete a chain that could not be used
 * @queue: the queue; its ring has room.
 * @chain: the chain.
 * @reason: why.
 */
void vhc_queue_give_back(struct vhc_queue *queue, const struct vhc_chain *chain,
			 enum vhost_custom_bad reason)
{
	if (reason != VHOST_CUSTOM_BAD_HEAD)
		vhc_ring_fill(&queue->ring, chain, 0);
	vhc_queue_bad(queue, reason);
}

/**
 * vhc_queue_call() - signal the driver, whatever it wants
 * @queue: the queue.
 */
void vhc_queue_call(struct vhc_queue *queue)
{
	struct eventfd_ctx *call = queue->vq.call_ctx.ctx;

	trace_signal(queue, call);
	if (call) {
		queue->stats.signals++;
		vhc_eventfd_signal(call);
	}
}

/**
 * vhc_queue_signal() - signal the driver, if it wants to know of what was published
 * @queue: the queue; vhc_queue_look() found its ring.
 */
void vhc_queue_signal(struct vhc_queue *queue)
{
	int ret = vhc_ring_need_signal(&queue->ring);

	if (!ret) {
		queue->stats.signals_suppressed++;
		trace_signal(queue, false);
		return;
	}
	/* A driver whose wish cannot be read is rather woken once too often. */
	if (unlikely(ret < 0))
		vhc_queue_bad_ring(queue, ret);
	vhc_queue_call(queue);
	if (vhc_latency_on() && queue->vq.call_ctx.ctx)
		vhc_latency_signalled(queue);
}

/**
 * vhc_queue_publish() - hand the filled entries to the driver, and wake it if it wants
 * @queue: the queue.
 */
void vhc_queue_publish(struct vhc_queue *queue)
{
	int ret = vhc_ring_publish(&queue->ring);

	if (!ret)
		return;
	if (unlikely(ret < 0)) {
		vhc_queue_bad_ring(queue, ret);
		vhc_queue_call(queue);
		return;
	}
	if (vhc_latency_on())
		vhc_latency_published(queue);
	trace_used_publish(queue, ret);
	if (!vhc_moderation_delays(queue, ret))
		vhc_queue_signal(queue);
}

/**
 * vhc_queue_wait_for_driver() - ask for a kick, as there is nothing more to take
 * @queue: the queue.
 *
 * Return: true if chains came in the meantime; kicks are off again then.
 */
bool vhc_queue_wait_for_driver(struct vhc_queue *queue)
{
	int ret = vhc_ring_enable_notify(&queue->ring);

	if (ret > 0)
		ret = vhc_ring_disable_notify(&queue->ring) ?: 1;
	if (unlikely(ret < 0))
		vhc_queue_bad_ring(queue, ret);
	return ret > 0;
}

/**
 * vhc_queue_wait_for_memory() - ask for a kick, too, while the VMM was asked for a translation
 * @queue: the queue.
 *
 * Its answer has the queue run again. If it has none, the driver's next kick asks once more.
 */
void vhc_queue_wait_for_memory(struct vhc_queue *queue)
{
	/* No chain is taken meanwhile, so that no more than a ring of them can come. */
	while (vhc_ring_enable_notify(&queue->ring) > 0)
		;
	ask_again(queue);
}

/**
 * vhc_queue_requeue() - run the queue again, after the worker's other work
 * @queue: the queue; its run was long enough, or has to be tried again.
 */
void vhc_queue_requeue(struct vhc_queue *queue)
{
	queue->stats.requeues++;
	queue->requeued = true;
	vhc_poll_queue(&queue->sock_poll);
}

/**
 * vhc_queue_woken() - account for why the work of the queue's socket runs
 * @queue: the queue.
 */
void vhc_queue_woken(struct vhc_queue *queue)
{
	if (!queue->requeued)
		queue->stats.wakeups++;
	queue->requeued = false;
}
