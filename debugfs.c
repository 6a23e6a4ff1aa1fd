// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs/vhost_custom/INSTANCE: the state of each open file, for people, whoever has it open.
 * INSTANCE is the number in its fdinfo. Lines are "name:\tvalue".
 *
 * Called by vhost_custom.c, and by readers, in process context. A reader waits for the queue's
 * run; a file is not removed while somebody reads it.
 */
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/if_tun.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vhost_custom.h"

static struct dentry *vhc_debugfs;

static const struct {
	unsigned int bit;
	const char *name;
} feature_names[] = {
	{ VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf" },
	{ VIRTIO_F_NOTIFY_ON_EMPTY, "notify_on_empty" },
	{ VHOST_F_LOG_ALL, "log_all" },
	{ VHOST_NET_F_VIRTIO_NET_HDR, "virtio_net_hdr" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "indirect_desc" },
	{ VIRTIO_RING_F_EVENT_IDX, "event_idx" },
	{ VIRTIO_F_VERSION_1, "version_1" },
	{ VIRTIO_F_ACCESS_PLATFORM, "access_platform" },
	{ VIRTIO_F_RING_PACKED, "ring_packed" },
	{ VIRTIO_F_IN_ORDER, "in_order" },
	{ VIRTIO_F_RING_RESET, "ring_reset" },
};

/* Those from 64 on are of UDP tunnels: no name, as not all kernels have one for them. */
static void show_features(struct seq_file *m, const u64 *features)
{
	int i;

	seq_puts(m, "features:\t");
	for (i = 0; i < ARRAY_SIZE(feature_names); i++)
		if (features[0] & BIT_ULL(feature_names[i].bit))
			seq_printf(m, "%s ", feature_names[i].name);
	seq_printf(m, "(0x%llx, 0x%llx)\n", features[0], features[1]);
}

/* Its number, name and CPU; "none" for 0 or for one that is gone. */
static void show_task(struct seq_file *m, pid_t pid, bool with_cpu)
{
	char comm[TASK_COMM_LEN];
	struct task_struct *task;

	rcu_read_lock();
	task = pid ? pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID) : NULL;
	if (!task) {
		seq_puts(m, "none\n");
	} else {
		get_task_comm(comm, task);
		seq_printf(m, "%d ", pid);
		/* Its owner chose it. */
		seq_escape(m, comm, " \t\n\\");
		if (with_cpu)
			seq_printf(m, " cpu %u", task_cpu(task));
		seq_putc(m, '\n');
	}
	rcu_read_unlock();
}

/* What a run leaves behind; a copy, so that the queue does not wait for the rest of us. */
struct queue_state {
	struct file *backend;
	pid_t worker;
	u32 num;
	u16 next_avail;
	u16 avail_seen;
	u16 used;
	u16 fetched;
	bool packed;
	bool kicks_off;
	bool kick;
	bool call;
	bool err;
	u32 poll_us;
	u32 poll_interval;
	u32 moderation_chains;
	u32 moderation_us;
};

static int read_state(struct vhc_queue *queue, struct queue_state *state)
{
	struct vhost_virtqueue *vq = &queue->vq;
	const struct vhc_ring *ring = &queue->ring;
	struct socket *sock;

	/* A run may wait for the VMM's memory for long. */
	if (mutex_lock_killable(&vq->mutex))
		return -EINTR;
	sock = vq->private_data;
	*state = (struct queue_state) {
		.backend = sock ? get_file(sock->file) : NULL,
		.worker = queue->worker,
		.num = vq->num,
		.next_avail = vq->last_avail_idx,
		.avail_seen = ring->avail_idx,
		.used = vq->last_used_idx,
		.fetched = ring->fetched_num - ring->now.fetched_pos,
		.packed = ring->packed,
		.kicks_off = ring->notify_off,
		.kick = vq->kick,
		.call = vq->call_ctx.ctx,
		.err = vq->error_ctx,
		.poll_us = vq->busyloop_timeout,
		.poll_interval = queue->polling.interval,
		.moderation_chains = queue->moderation.limit,
		.moderation_us = queue->moderation.usecs,
	};
	mutex_unlock(&vq->mutex);
	return 0;
}

/* A packed ring's has its wrap counter behind it. */
static void show_position(struct seq_file *m, const char *queue, const char *name, u16 position,
			  bool packed)
{
	if (packed)
		seq_printf(m, "%s_%s:\t%u wrap %u\n", queue, name, position & ~VHC_WRAP,
			   !!(position & VHC_WRAP));
	else
		seq_printf(m, "%s_%s:\t%u\n", queue, name, position);
}

static int show_queue(struct seq_file *m, const char *name, struct vhc_queue *queue)
{
	struct queue_state state;
	char device[IFNAMSIZ] = "";
	unsigned int netns = 0;
	int err;

	err = read_state(queue, &state);
	if (err)
		return err;
	if (state.backend) {
		netns = vhc_sock_device_name(state.backend, device);
		fput(state.backend);
	}
	seq_printf(m, "%s_state:\t%s\n", name, state.backend ? "runs" : "stopped");
	seq_printf(m, "%s_device:\t%s\n", name, *device ? device : "none");
	seq_printf(m, "%s_netns:\t%u\n", name, netns);
	seq_printf(m, "%s_worker:\t", name);
	show_task(m, state.worker, true);
	seq_printf(m, "%s_num:\t%u\n", name, state.num);
	show_position(m, name, "next_avail", state.next_avail, state.packed);
	show_position(m, name, "avail_seen", state.avail_seen, state.packed);
	show_position(m, name, "used", state.used, state.packed);
	seq_printf(m, "%s_fetched:\t%u\n", name, state.fetched);
	seq_printf(m, "%s_kicks_off:\t%u\n", name, state.kicks_off);
	seq_printf(m, "%s_eventfds:\t%s%s%s\n", name, state.kick ? "kick " : "",
		   state.call ? "call " : "", state.err ? "err" : "");
	seq_printf(m, "%s_poll_us:\t%u\n", name, state.poll_us);
	seq_printf(m, "%s_poll_interval_us:\t%lu\n", name, state.poll_interval / NSEC_PER_USEC);
	seq_printf(m, "%s_moderation_chains:\t%u\n", name, state.moderation_chains);
	seq_printf(m, "%s_moderation_us:\t%u\n", name, state.moderation_us);
	return 0;
}

static int state_show(struct seq_file *m, void *unused)
{
	struct vhc_net *net = m->private;
	u64 features[VHC_FEATURE_WORDS];
	int i, err;

	seq_printf(m, "instance:\t%u\n", net->instance);
	seq_puts(m, "owner:\t");
	show_task(m, READ_ONCE(net->owner), false);
	for (i = 0; i < VHC_FEATURE_WORDS; i++)
		features[i] = READ_ONCE(net->features[i]);
	show_features(m, features);
	err = show_queue(m, "rx", &net->queue[VHC_RX]);
	return err ?: show_queue(m, "tx", &net->queue[VHC_TX]);
}
DEFINE_SHOW_ATTRIBUTE(state);

/**
 * vhc_debugfs_add() - show an open file; failure is no error, as always with debugfs
 * @net: the open file.
 */
void vhc_debugfs_add(struct vhc_net *net)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", net->instance);
	net->debugfs = debugfs_create_file(name, 0400, vhc_debugfs, net, &state_fops);
}

/**
 * vhc_debugfs_remove() - the end of that; on return nobody reads it any more
 * @net: the open file.
 */
void vhc_debugfs_remove(struct vhc_net *net)
{
	debugfs_remove(net->debugfs);
}

/**
 * vhc_debugfs_init() - when the module is loaded
 */
void vhc_debugfs_init(void)
{
	vhc_debugfs = debugfs_create_dir("vhost_custom", NULL);
}

/**
 * vhc_debugfs_exit() - when it is unloaded; no file is open
 */
void vhc_debugfs_exit(void)
{
	debugfs_remove(vhc_debugfs);
}
