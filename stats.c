// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of the counters. The counters themselves are written where things happen, by
 * runs, under the queue's mutex; a reader takes no lock and may see one packet more here
 * than there.
 *
 * Called by vhost_custom.c, in any process context.
 */
#include <linux/uaccess.h>

#include "vhost_custom.h"

enum { STATS_SIZE_MAX = 4096 };

static const char * const bad_names[VHOST_CUSTOM_BAD_MAX] = {
	[VHOST_CUSTOM_BAD_HEAD] = "head",
	[VHOST_CUSTOM_BAD_NEXT] = "next",
	[VHOST_CUSTOM_BAD_LOOP] = "loop",
	[VHOST_CUSTOM_BAD_LENGTH] = "length",
	[VHOST_CUSTOM_BAD_INDIRECT] = "indirect",
	[VHOST_CUSTOM_BAD_ADDRESS] = "address",
	[VHOST_CUSTOM_BAD_ORDER] = "order",
	[VHOST_CUSTOM_BAD_DIRECTION] = "direction",
	[VHOST_CUSTOM_BAD_HEADER] = "header",
	[VHOST_CUSTOM_BAD_FRAME] = "frame",
	[VHOST_CUSTOM_BAD_FAULT] = "fault",
	[VHOST_CUSTOM_BAD_INDEX] = "index",
	[VHOST_CUSTOM_BAD_RING] = "ring",
	[VHOST_CUSTOM_BAD_LOG] = "log",
};

/**
 * vhc_stats_ioctl() - VHOST_CUSTOM_GET_QUEUE_STATS
 * @net: the open file.
 * @to: the caller's struct.
 *
 * Return: 0, -EFAULT, -ENOBUFS, -EINVAL or -E2BIG, as uapi/vhost_custom.h says.
 */
long vhc_stats_ioctl(struct vhc_net *net, struct vhost_custom_queue_stats __user *to)
{
	struct vhost_custom_queue_stats stats;
	u32 index, size, known;

	if (get_user(index, &to->index) || get_user(size, &to->size))
		return -EFAULT;
	if (index >= VHC_QUEUES)
		return -ENOBUFS;
	if (size < offsetofend(struct vhost_custom_queue_stats, signals))
		return -EINVAL;
	if (size > STATS_SIZE_MAX)
		return -E2BIG;

	stats = net->queue[index].stats;
	stats.index = index;
	stats.size = sizeof(stats);
	known = min_t(u32, size, sizeof(stats));
	if (copy_to_user(to, &stats, known) ||
	    (size > known && clear_user((void __user *)to + known, size - known)))
		return -EFAULT;
	return 0;
}

static void show_queue(struct seq_file *m, const char *name, const struct vhc_queue *queue)
{
	const struct vhost_custom_queue_stats *stats = &queue->stats;
	u64 errors = 0;
	int i;

	for (i = 0; i < VHOST_CUSTOM_BAD_MAX; i++)
		errors += stats->bad[i];

	seq_printf(m, "%s_packets:\t%llu\n", name, stats->packets);
	seq_printf(m, "%s_bytes:\t%llu\n", name, stats->bytes);
	seq_printf(m, "%s_kicks:\t%llu\n", name, stats->kicks);
	seq_printf(m, "%s_signals:\t%llu\n", name, stats->signals);
	seq_printf(m, "%s_dropped:\t%llu\n", name, stats->dropped);
	seq_printf(m, "%s_stalls:\t%llu\n", name, stats->stalls);
	seq_printf(m, "%s_errors:\t%llu\n", name, errors);
	for (i = 0; i < VHOST_CUSTOM_BAD_MAX; i++)
		if (stats->bad[i])
			seq_printf(m, "%s_bad_%s:\t%llu\n", name, bad_names[i], stats->bad[i]);
}

/**
 * vhc_stats_show() - the file's number and the counters of both queues, for /proc/PID/fdinfo/FD
 * @net: the open file.
 * @m: where to.
 */
void vhc_stats_show(struct vhc_net *net, struct seq_file *m)
{
	seq_printf(m, "instance:\t%u\n", net->instance);
	show_queue(m, "rx", &net->queue[VHC_RX]);
	show_queue(m, "tx", &net->queue[VHC_TX]);
}
