// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of the counters: files in the kernel's format for statistics, and a short form in fdinfo.
 * The counters are written where things happen, by runs, under the queue's mutex; a reader does
 * not take it and may see a run's packets here and not yet there.
 *
 * Called by vhost_custom.c, and by the readers of the files, in process context.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "vhost_custom.h"

enum { STATS_NAME = 48 };	/* as KVM's */

/* A struct kvm_stats_desc with its name. */
struct stats_desc {
	u32 flags;
	s16 exponent;
	u16 size;
	u32 offset;
	u32 bucket_size;
	char name[STATS_NAME];
};

static_assert(offsetof(struct stats_desc, flags) == offsetof(struct kvm_stats_desc, flags));
static_assert(offsetof(struct stats_desc, exponent) == offsetof(struct kvm_stats_desc, exponent));
static_assert(offsetof(struct stats_desc, size) == offsetof(struct kvm_stats_desc, size));
static_assert(offsetof(struct stats_desc, offset) == offsetof(struct kvm_stats_desc, offset));
static_assert(offsetof(struct stats_desc, bucket_size) ==
	      offsetof(struct kvm_stats_desc, bucket_size));
static_assert(offsetof(struct stats_desc, name) == offsetof(struct kvm_stats_desc, name));

#define STATS_DESC(_name, _field, _flags, _size) {					\
	.flags = (_flags) | KVM_STATS_BASE_POW10,					\
	.size = (_size),								\
	.offset = offsetof(struct vhc_stats, _field),					\
	.name = _name,									\
}

#define COUNTER(_field) \
	STATS_DESC(#_field, _field, KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE, 1)
#define COUNTER_BYTES(_field) \
	STATS_DESC(#_field, _field, KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_BYTES, 1)
#define HISTOGRAM(_name, _field, _buckets) \
	STATS_DESC(_name, _field, KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_NONE, _buckets)
#define LATENCY(_field) {								\
	.flags = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10,	\
	.exponent = -9,									\
	.size = VHC_LATENCY_BUCKETS,							\
	.offset = offsetof(struct vhc_stats, _field),					\
	.name = #_field,								\
}

#define BAD(_name, _reason) \
	STATS_DESC("bad_" _name, bad[VHOST_CUSTOM_BAD_##_reason],			\
		   KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE, 1)

static const struct stats_desc stats_descs[] = {
	COUNTER(packets),
	COUNTER_BYTES(bytes),
	COUNTER(gso),
	HISTOGRAM("batch_packets", batch, VHC_BATCH_BUCKETS),
	HISTOGRAM("packet_buffers", buffers, VHC_CHAIN_BUCKETS),
	COUNTER(kicks),
	COUNTER(kicks_avoided),
	COUNTER(signals),
	COUNTER(signals_suppressed),
	COUNTER(signals_delayed),
	COUNTER(wakeups),
	COUNTER(requeues),
	COUNTER(poll_hits),
	COUNTER(poll_misses),
	COUNTER(dropped),
	COUNTER(device_dropped),
	COUNTER(stalls),
	COUNTER(iotlb_misses),
	COUNTER(log_writes),
	LATENCY(kick_latency),
	LATENCY(arrival_latency),
	LATENCY(signal_latency),
	BAD("head", HEAD),
	BAD("next", NEXT),
	BAD("loop", LOOP),
	BAD("length", LENGTH),
	BAD("indirect", INDIRECT),
	BAD("address", ADDRESS),
	BAD("order", ORDER),
	BAD("direction", DIRECTION),
	BAD("header", HEADER),
	BAD("frame", FRAME),
	BAD("fault", FAULT),
	BAD("index", INDEX),
	BAD("ring", RING),
	BAD("log", LOG),
};

/* All of a file. */
struct stats_image {
	struct kvm_stats_header header;
	char id[STATS_NAME];
	struct stats_desc desc[ARRAY_SIZE(stats_descs)];
	struct vhc_stats data;
};

static const char * const queue_names[VHC_QUEUES] = { [VHC_RX] = "rx", [VHC_TX] = "tx" };

/* An ioctl may wait for a run that waits for the VMM's memory. */
static int look_at_drops(struct vhc_queue *queue)
{
	if (vhc_queue_index(queue) != VHC_RX)
		return 0;
	if (mutex_lock_killable(&queue->vq.dev->mutex))
		return -EINTR;
	vhc_rx_count_drops(queue);
	mutex_unlock(&queue->vq.dev->mutex);
	return 0;
}

/* Runs go on counting. Each counter is read once, and whole. */
static void read_counters(struct vhc_stats *to, const struct vhc_stats *from)
{
	const u64 *counter = (const u64 *)from;
	u64 *copy = (u64 *)to;
	int i;

	for (i = 0; i < sizeof(*from) / sizeof(*counter); i++)
		copy[i] = READ_ONCE(counter[i]);
}

static ssize_t stats_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct vhc_queue *queue = file->private_data;
	struct stats_image *image;
	ssize_t ret;

	ret = look_at_drops(queue);
	if (ret)
		return ret;
	image = kzalloc(sizeof(*image), GFP_KERNEL);
	if (!image)
		return -ENOMEM;
	image->header = (struct kvm_stats_header) {
		.name_size = STATS_NAME,
		.num_desc = ARRAY_SIZE(stats_descs),
		.id_offset = offsetof(struct stats_image, id),
		.desc_offset = offsetof(struct stats_image, desc),
		.data_offset = offsetof(struct stats_image, data),
	};
	snprintf(image->id, sizeof(image->id), "vhost-custom-%u-%s",
		 vhc_queue_net(queue)->instance, queue_names[vhc_queue_index(queue)]);
	memcpy(image->desc, stats_descs, sizeof(image->desc));
	read_counters(&image->data, &queue->stats);
	ret = simple_read_from_buffer(to, size, pos, image, sizeof(*image));
	kfree(image);
	return ret;
}

static int stats_release(struct inode *inode, struct file *file)
{
	vhc_net_put(vhc_queue_net(file->private_data));
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.llseek = default_llseek,
	.release = stats_release,
};

/**
 * vhc_stats_get_fd() - VHOST_CUSTOM_GET_STATS_FD
 * @net: the open file.
 * @index: VHC_RX or VHC_TX.
 *
 * Return: the new file's descriptor, or an error as uapi/vhost_custom.h says.
 */
int vhc_stats_get_fd(struct vhc_net *net, unsigned long index)
{
	struct file *file;
	int fd;

	if (index >= VHC_QUEUES)
		return -ENOBUFS;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	index = array_index_nospec(index, VHC_QUEUES);
	file = anon_inode_getfile("vhost-custom-stats", &stats_fops, &net->queue[index], O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	kref_get(&net->ref);
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}

static void show_queue(struct seq_file *m, const struct vhc_queue *queue)
{
	const char *name = queue_names[vhc_queue_index(queue)];
	const struct vhc_stats *stats = &queue->stats;
	u64 errors = 0, count;
	int i, bad;

	for (i = 0; i < VHOST_CUSTOM_BAD_MAX; i++)
		errors += READ_ONCE(stats->bad[i]);

	seq_printf(m, "%s_packets:\t%llu\n", name, READ_ONCE(stats->packets));
	seq_printf(m, "%s_bytes:\t%llu\n", name, READ_ONCE(stats->bytes));
	seq_printf(m, "%s_kicks:\t%llu\n", name, READ_ONCE(stats->kicks));
	seq_printf(m, "%s_signals:\t%llu\n", name, READ_ONCE(stats->signals));
	seq_printf(m, "%s_dropped:\t%llu\n", name, READ_ONCE(stats->dropped));
	seq_printf(m, "%s_stalls:\t%llu\n", name, READ_ONCE(stats->stalls));
	seq_printf(m, "%s_errors:\t%llu\n", name, errors);
	for (i = 0; i < ARRAY_SIZE(stats_descs); i++) {
		const struct stats_desc *desc = &stats_descs[i];

		if (desc->offset < offsetof(struct vhc_stats, bad))
			continue;
		bad = (desc->offset - offsetof(struct vhc_stats, bad)) / sizeof(u64);
		count = READ_ONCE(stats->bad[bad]);
		if (count)
			seq_printf(m, "%s_%s:\t%llu\n", name, desc->name, count);
	}
}

/**
 * vhc_stats_show() - the file's number and the counters of both queues, for /proc/PID/fdinfo/FD
 * @net: the open file.
 * @m: where to.
 */
void vhc_stats_show(struct vhc_net *net, struct seq_file *m)
{
	int i;

	seq_printf(m, "instance:\t%u\n", net->instance);
	for (i = 0; i < VHC_QUEUES; i++)
		show_queue(m, &net->queue[i]);
}
