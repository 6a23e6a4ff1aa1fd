/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's own declarations, grouped by the file that owns them.
 *
 * RX and TX are named from the guest's side: RX is what the guest receives.
 *
 * Locks, outermost first: vhost_dev.mutex (ioctls, one at a time), vhost_worker.mutex (the core's,
 * and compat/worker.c), vhost_virtqueue.mutex (a queue's run, or a change of its configuration),
 * vhost_dev.iotlb_lock (questions to the VMM). The RTNL is taken under the first or under none of
 * them (sock.c). The two queues of a device run at the same time, as each has its thread. A run
 * holds its own queue's mutex alone, so that it may use what is that queue's, and of the device
 * only what changes under the mutexes of both.
 *
 * Layers: calls go down only.
 *	vhost_custom.c
 *	debugfs.c stats.c
 *	tx.c rx.c
 *	queue.c worker.c poll.c moderation.c log.c skb.c sock.c latency.c
 *	ring.c, ring_split.c, ring_packed.c, mem.c
 *	trace.h, compat/
 */
#ifndef VHOST_CUSTOM_H
#define VHOST_CUSTOM_H

#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/net.h>
#include <linux/ptr_ring.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "compat/compat.h"
#include "ring.h"
#include "uapi/vhost_custom.h"

enum { VHC_FEATURE_WORDS = 2 };

enum {
	VHC_RX = 0,
	VHC_TX = 1,
	VHC_QUEUES = 2,
};

/* A run ends after this much, so that another queue of the same worker gets its turn. */
enum {
	VHC_RUN_FRAMES = 256,
	VHC_RUN_BYTES = 512 * 1024,
};

/* Where the pages of a ring that the host sees in pieces are noted: see struct vhc_area. */
enum {
	VHC_DESC_PAGES = VHC_RING_MAX * sizeof(struct vring_desc) / VHC_RING_PAGE + 1,
	VHC_AVAIL_PAGES = VHC_RING_MAX * sizeof(__virtio16) / VHC_RING_PAGE + 2,
	VHC_USED_PAGES = VHC_RING_MAX * sizeof(struct vring_used_elem) / VHC_RING_PAGE + 2,
};

/* Buckets of log2 histograms: [0,1), [1,2), [2,4) and so on, up to a batch, or a chain. */
enum {
	VHC_BATCH_BUCKETS = 8,
	VHC_CHAIN_BUCKETS = 12,
	VHC_LATENCY_BUCKETS = 32,	/* of nanoseconds: up to one second */
};

/**
 * struct vhc_stats - what a queue counts
 *
 * Written by runs alone, under vq.mutex; but @device_dropped under dev.mutex. stats.c has the names
 * under which others see them, and vhost_custom(4) what they mean. u64 throughout.
 */
struct vhc_stats {
	u64 packets;
	u64 bytes;
	u64 gso;
	u64 batch[VHC_BATCH_BUCKETS];
	u64 buffers[VHC_CHAIN_BUCKETS];
	u64 kicks;
	u64 kicks_avoided;
	u64 signals;
	u64 signals_suppressed;
	u64 signals_delayed;
	u64 wakeups;
	u64 requeues;
	u64 poll_hits;
	u64 poll_misses;
	u64 dropped;
	u64 device_dropped;
	u64 stalls;
	u64 iotlb_misses;
	u64 log_writes;
	u64 kick_latency[VHC_LATENCY_BUCKETS];
	u64 arrival_latency[VHC_LATENCY_BUCKETS];
	u64 signal_latency[VHC_LATENCY_BUCKETS];
	u64 bad[VHOST_CUSTOM_BAD_MAX];
};

/**
 * struct vhc_tun - a tun device
 * @net: where it is; as long as the socket that it was found by.
 * @dev: to compare only, as it may be gone at any time; NULL if it is not known.
 * @ops: with @ifindex it shows that a device is still this one, and of tun.
 * @ifindex: its number in @net.
 */
struct vhc_tun {
	struct net *net;
	struct net_device *dev;
	const struct net_device_ops *ops;
	int ifindex;
};

/**
 * struct vhc_rx - what only the RX queue has
 * @ring: the tap's ring of frames, or NULL: there is no socket, or it is a packet socket,
 *	which queues frames by itself. Ours as long as the socket is.
 * @tun: the socket's device, if it is one of tun.
 * @dropped: frames that @tun dropped until its drops were last looked at; under dev.mutex.
 * @direct: how many more frames may go past recvmsg(), see skb.c.
 * @packets: frames that did, and that @tun has not counted yet; 0 between runs.
 * @bytes: theirs.
 * @frame: frames taken out of @ring and not delivered yet: from @pos up to @num.
 */
struct vhc_rx {
	struct ptr_ring *ring;
	struct vhc_tun tun;
	u64 dropped;
	unsigned int direct;
	unsigned int packets;
	unsigned int bytes;
	unsigned int pos;
	unsigned int num;
	void *frame[VHC_BATCH];
};

/* Of 64 KiB each: what is on its way from one queue without being copied twice. */
enum { VHC_LARGE_PAGES = 16 };

/**
 * struct vhc_large - the memory of large TX frames: see tx_large.c
 * @page: compound pages, each with a reference of ours.
 * @num: how many there are.
 * @current_page: the one that was filled last.
 * @used: bytes of it that frames have.
 * @retry: when to ask for more pages again, in jiffies, after there were none.
 * @waits: for that.
 * @refused: the socket does not take frames from here.
 * @bvec: the first one says where a frame is, the others are empty: see vhc_large_copy().
 */
struct vhc_large {
	struct page *page[VHC_LARGE_PAGES];
	unsigned int num;
	unsigned int current_page;
	unsigned int used;
	unsigned long retry;
	bool waits;
	bool refused;
	struct bio_vec bvec[MAX_SKB_FRAGS + 2];
};

/**
 * struct vhc_large_send - a frame, for sendmsg()
 * @msg: the message.
 * @ctl: its control data, as tun takes it.
 */
struct vhc_large_send {
	struct msghdr msg;
	struct tun_msg_ctl ctl;
};

/**
 * struct vhc_tx - what only the TX queue has
 * @frag: a page, or several, for the memory of small frames, or NULL.
 * @frag_size: its bytes.
 * @frag_used: those that frames have.
 * @frag_refs: references to it that no frame has yet.
 * @num: frames in @xdp that were not sent yet; 0 between runs.
 * @bytes: their bytes.
 * @gso: those of them that are for several segments.
 * @several: those that came in several buffers; the others are counted together.
 * @batches: the socket takes frames in batches; set with the socket.
 * @large: the memory of frames that are larger than that.
 * @xdp: frames for one sendmsg().
 */
struct vhc_tx {
	bool batches;
	void *frag;
	unsigned int frag_size;
	unsigned int frag_used;
	unsigned int frag_refs;
	unsigned int num;
	unsigned int bytes;
	unsigned int gso;
	unsigned int several;
	struct vhc_large large;
	struct xdp_buff xdp[VHC_BATCH];
};

/**
 * struct vhc_latency - when things happened, in nanoseconds; 0 if it is not known
 * @wakeup: what wakes the worker.
 * @kick: the first kick that no run saw; set by whoever kicks.
 * @arrival: the first wake-up by the socket that no run saw; set by whoever sends.
 * @arrived: the one that the run saw.
 * @published: the last time that chains were given back and none waited for a signal.
 */
struct vhc_latency {
	wait_queue_func_t wakeup;
	atomic64_t kick;
	atomic64_t arrival;
	u64 arrived;
	u64 published;
};

/**
 * struct vhc_polling - a queue without work: see poll.c
 * @since: when it had none any more, in nanoseconds; 0 if it has some, or if nobody cares.
 * @until: when the run has polled for so long that it has to end; 0 if it did not poll yet.
 * @interval: for how many nanoseconds it is worth to poll, as far as is known.
 * @active: the run polls.
 */
struct vhc_polling {
	u64 since;
	u64 until;
	u32 interval;
	bool active;
};

/**
 * struct vhc_moderation - signals that wait: see moderation.c
 * @usecs: for so long at most; 0 if none has to.
 * @limit: until so many chains wait for it; 0 if only the time counts.
 * @chains: that were given back, and of which the driver was not told yet.
 * @deadline: when it has to be, in nanoseconds.
 * @timer: that deadline.
 * @work: what it queues.
 */
struct vhc_moderation {
	u32 usecs;
	u32 limit;
	u32 chains;
	u64 deadline;
	struct hrtimer timer;
	struct vhost_poll work;
};

/**
 * struct vhc_queue - one virtqueue with its socket
 * @vq: the core's part. Its private_data is the socket.
 * @sock_poll: queues a run when the socket is ready, and when a run asks for another one.
 * @hdr_len: bytes of the virtio-net header in a chain, from the features.
 * @sock_hdr_len: bytes of it that the socket takes and gives: the same, or 0 if the device
 *	makes and removes the header (VHOST_NET_F_VIRTIO_NET_HDR).
 * @log: what is written to guest memory is logged (VHOST_F_LOG_ALL); of a run.
 * @mergeable: frames may be spread over several chains (VIRTIO_NET_F_MRG_RXBUF).
 * @ring: the ring engine's part.
 * @desc_page: of a scattered ring.
 * @avail_page: of a scattered ring.
 * @used_page: of a scattered ring.
 * @requeued: the run that was queued last is ours, and no wake-up by the socket.
 * @unasked: there was no memory for a question to the VMM.
 * @thread: its own one, if the core has one for all: see worker.c.
 * @worker: the thread that runs it, from the last run; 0 if that is not known, or there is none.
 * @stats: counters.
 * @run_packets: of @stats when the run began.
 * @run_bytes: of @stats when the run began.
 * @latency: see latency.c.
 * @kicks_pending: kicks whose chains were not seen; at most one of former runs'.
 * @polling: see poll.c.
 * @moderation: see moderation.c.
 * @rx: of the RX queue.
 * @tx: of the TX queue.
 */
struct vhc_queue {
	struct vhost_virtqueue vq;
	struct vhost_poll sock_poll;
	unsigned int hdr_len;
	unsigned int sock_hdr_len;
	bool mergeable;
	bool log;
	bool requeued;
	bool unasked;
	struct vhc_thread thread;
	pid_t worker;
	struct vhc_stats stats;
	u64 run_packets;
	u64 run_bytes;
	struct vhc_latency latency;
	unsigned int kicks_pending;
	struct vhc_polling polling;
	struct vhc_moderation moderation;
	union {
		struct vhc_rx rx;
		struct vhc_tx tx;
	};
	struct vhc_ring ring;
	unsigned long desc_page[VHC_DESC_PAGES];
	unsigned long avail_page[VHC_AVAIL_PAGES];
	unsigned long used_page[VHC_USED_PAGES];
};

/**
 * struct vhc_net - an open file: a queue pair
 * @dev: the core's part.
 * @vqs: what @dev points to.
 * @queue: by VHC_RX and VHC_TX.
 * @ref: the open file, and those from VHOST_CUSTOM_GET_STATS_FD.
 * @instance: counts files that were opened; the same number is in no two of them.
 * @owner: process that VHOST_SET_OWNER came from, or 0.
 * @features: that were set last, to show them.
 * @debugfs: see debugfs.c.
 */
struct vhc_net {
	struct vhost_dev dev;
	struct kref ref;
	unsigned int instance;
	pid_t owner;
	u64 features[VHC_FEATURE_WORDS];
	struct dentry *debugfs;
	struct vhost_virtqueue *vqs[VHC_QUEUES];
	struct vhc_queue queue[VHC_QUEUES];
};

/* The bucket of a log2 histogram. */
static inline void vhc_count(u64 *buckets, unsigned int value)
{
	buckets[likely(value == 1) ? 1 : fls(value)]++;
}

static inline void vhc_net_free(struct kref *ref)
{
	vfree(container_of(ref, struct vhc_net, ref));
}

/* One user less of an open file's memory, which its counters outlive it with. */
static inline void vhc_net_put(struct vhc_net *net)
{
	kref_put(&net->ref, vhc_net_free);
}

static inline struct vhc_net *vhc_queue_net(const struct vhc_queue *queue)
{
	return container_of(queue->vq.dev, struct vhc_net, dev);
}

static inline unsigned int vhc_queue_index(const struct vhc_queue *queue)
{
	return queue - vhc_queue_net(queue)->queue;
}

/* queue.c: a queue's life; under vq.mutex unless said otherwise */
void vhc_queue_init(struct vhc_queue *queue, vhost_work_fn_t ready, __poll_t mask);
int vhc_queue_set_socket(struct vhc_queue *queue, struct socket *sock, struct socket **old);
int vhc_queue_set_num(struct vhc_queue *queue, u32 num);
void vhc_queue_forget_memory(struct vhc_queue *queue);
bool vhc_queue_look(struct vhc_queue *queue);
struct socket *vhc_queue_begin(struct vhc_queue *queue);
void vhc_queue_end(struct vhc_queue *queue);
void vhc_queue_publish(struct vhc_queue *queue);
void vhc_queue_bad(struct vhc_queue *queue, enum vhost_custom_bad reason);
void vhc_queue_bad_ring(struct vhc_queue *queue, int err);
void vhc_queue_give_back(struct vhc_queue *queue, const struct vhc_chain *chain,
			 enum vhost_custom_bad reason);
bool vhc_queue_wait_for_driver(struct vhc_queue *queue);
void vhc_queue_wait_for_memory(struct vhc_queue *queue);
void vhc_queue_requeue(struct vhc_queue *queue);
void vhc_queue_woken(struct vhc_queue *queue);
void vhc_queue_signal(struct vhc_queue *queue);
void vhc_queue_call(struct vhc_queue *queue);

/* poll.c: runs without work; under vq.mutex */
enum vhc_poll {
	VHC_POLL_NOT,	/* wait for work */
	VHC_POLL_ON,	/* look for it */
	VHC_POLL_LATER,	/* end the run; the next one, which is queued, looks for it */
};

extern unsigned int vhc_poll_max_us;
enum vhc_poll vhc_poll_wait(struct vhc_queue *queue);
void vhc_poll_end(struct vhc_queue *queue);
void vhc_poll_forget(struct vhc_queue *queue);

/* There is nothing to do: should the run go on looking for work? */
static inline enum vhc_poll vhc_poll_goes_on(struct vhc_queue *queue)
{
	if (likely(!(READ_ONCE(queue->vq.busyloop_timeout) | READ_ONCE(vhc_poll_max_us))))
		return VHC_POLL_NOT;
	return vhc_poll_wait(queue);
}

/* There is: if it was waited for, somebody wants to know. */
static inline void vhc_poll_found(struct vhc_queue *queue)
{
	if (unlikely(queue->polling.since))
		vhc_poll_end(queue);
}

/* worker.c: which thread runs which queue; under dev->mutex */
int vhc_worker_start(struct vhc_net *net);
void vhc_worker_changed(struct vhc_net *net);
void vhc_worker_flush(struct vhc_net *net);
void vhc_worker_stop(struct vhc_net *net);

/* moderation.c: signals that wait; under vq.mutex, but vhc_moderation_init() and _set() */
void vhc_moderation_init(struct vhc_queue *queue);
long vhc_moderation_set(struct vhc_net *net, const void __user *argp);
bool vhc_moderation_wait(struct vhc_queue *queue, unsigned int chains);
void vhc_moderation_due(struct vhc_queue *queue, u64 now);
void vhc_moderation_flush(struct vhc_queue *queue);
void vhc_moderation_stop(struct vhc_queue *queue);

/* Chains were given back: should their signal wait? */
static inline bool vhc_moderation_delays(struct vhc_queue *queue, unsigned int chains)
{
	return unlikely(queue->moderation.usecs) && vhc_moderation_wait(queue, chains);
}

/* rx.c, tx.c: the work functions, on the worker */
void vhc_rx_kick(struct vhost_work *work);
void vhc_rx_ready(struct vhost_work *work);
void vhc_tx_kick(struct vhost_work *work);
void vhc_tx_ready(struct vhost_work *work);
void vhc_rx_set_socket(struct vhc_queue *queue, struct socket *sock,
		       const struct vhc_tun *tun);
void vhc_rx_count_drops(struct vhc_queue *queue);
void vhc_tx_free(struct vhc_queue *queue);

/* tx_large.c: under the queue's mutex */
int vhc_large_copy(struct vhc_large *large, struct vhc_large_send *send);
void vhc_large_refuse(struct vhc_large *large);
void vhc_large_free(struct vhc_large *large);

/* sock.c: backends; any process context */
struct socket *vhc_sock_get(int fd);
void vhc_sock_put(struct socket *sock);
struct ptr_ring *vhc_sock_ring(struct socket *sock);
unsigned int vhc_sock_device_name(struct file *file, char *name);
bool vhc_sock_is_ethernet(struct socket *sock, struct vhc_tun *tun);
bool vhc_tun_is_there(const struct vhc_tun *tun);
u64 vhc_tun_dropped(const struct vhc_tun *tun);
void vhc_tun_count(const struct vhc_tun *tun, unsigned int packets, unsigned int bytes);

/* skb.c: frames that go past the socket's recvmsg(); on the worker, under vq.mutex */
void vhc_skb_begin(struct vhc_queue *queue);
bool vhc_skb_is_proof(struct vhc_queue *queue, void *frame);
bool vhc_skb_is_gso(void *frame);
int vhc_skb_deliver(struct vhc_queue *queue, void *frame, const struct iovec *iov,
		    unsigned int chains);
void vhc_skb_end(struct vhc_queue *queue);

/* mem.c: guest memory; under vq.mutex */
int vhc_mem_translate(void *opaque, u64 addr, bool write, struct vhc_window *window);
int vhc_mem_find_ring(struct vhc_queue *queue);
void vhc_mem_withdraw(struct vhc_queue *queue);

/* log.c: the dirty log; under vq.mutex */
void vhc_log_buffers(struct vhc_queue *queue, unsigned int segments, size_t len);
void vhc_log_ring(void *opaque, enum vhc_ring_area which, u32 offset, u32 len);

/* latency.c: under vq.mutex, but vhc_latency_init() */
extern u64 vhc_latency_since;
void vhc_latency_init(struct vhc_queue *queue);
void vhc_latency_forget(struct vhc_queue *queue);
void vhc_latency_begin(struct vhc_queue *queue);
void vhc_latency_published(struct vhc_queue *queue);
void vhc_latency_signalled(struct vhc_queue *queue);

static inline bool vhc_latency_on(void)
{
	return unlikely(READ_ONCE(vhc_latency_since));
}

/* stats.c: readers of the counters; any process context */
int vhc_stats_get_fd(struct vhc_net *net, unsigned long index);
void vhc_stats_show(struct vhc_net *net, struct seq_file *m);

/* debugfs.c: the state of open files; any process context */
void vhc_debugfs_add(struct vhc_net *net);
void vhc_debugfs_remove(struct vhc_net *net);
void vhc_debugfs_init(void);
void vhc_debugfs_exit(void);

#endif
