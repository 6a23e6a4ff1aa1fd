// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vhost-custom: a host-kernel backend for virtio-net, in place of vhost_net.
 *
 * The kernel's vhost core is the control plane: owner and memory, rings and eventfds, the
 * worker. This module is the data plane: tx.c and rx.c move frames between the rings and a
 * tap's socket. This file owns the module, the device node and the ioctls; it never looks
 * into a ring.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/virtio_net.h>
#include <linux/vmalloc.h>

#include "compat/layout.h"
#include "vhost_custom.h"

/* Bit 27 is VIRTIO_F_ANY_LAYOUT, too, which there is nothing to do for. */
static const u64 vhc_known_features[VHC_FEATURE_WORDS] = {
	BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
	BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
	BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
	BIT_ULL(VIRTIO_F_VERSION_1) |
	BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
	BIT_ULL(VIRTIO_F_RING_PACKED) |
	BIT_ULL(VIRTIO_F_IN_ORDER) |
	BIT_ULL(VIRTIO_F_RING_RESET) |
	BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
	BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR) |
	BIT_ULL(VHOST_F_LOG_ALL),
	VHC_TUNNEL_FEATURES,
};

static unsigned long long features_mask[VHC_FEATURE_WORDS] = { ~0ULL, ~0ULL };
module_param_array(features_mask, ullong, NULL, 0444);
MODULE_PARM_DESC(features_mask,
		 "virtio features to offer, of those that are known, so that guests can migrate to hosts that lack the others: bits 0-63, and after a comma 64-127 (default: all)");

static bool takeover;
module_param(takeover, bool, 0444);
MODULE_PARM_DESC(takeover,
		 "be /dev/vhost-net, too, for programs that know no other path; vhost_net must not be loaded (default: N)");

static u64 vhc_features(unsigned int word)
{
	return vhc_known_features[word] & features_mask[word];
}

static const u64 vhc_backend_features = BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2);

static int vhc_open(struct inode *inode, struct file *file)
{
	static atomic_t instances;
	/*
	 * Page by page: kmalloc() would round up to the next power of two, twice as much. Who
	 * opens is told if there is no memory; the kernel log need not be.
	 */
	struct vhc_net *net = __vmalloc(sizeof(*net), GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	int i;

	if (!net)
		return -ENOMEM;

	kref_init(&net->ref);
	net->instance = atomic_inc_return(&instances);
	for (i = 0; i < VHC_QUEUES; i++)
		net->vqs[i] = &net->queue[i].vq;
	net->vqs[VHC_RX]->handle_kick = vhc_rx_kick;
	net->vqs[VHC_TX]->handle_kick = vhc_tx_kick;
	/*
	 * The engine has its own arrays; the core's, which are sized by the first number,
	 * are not used. Runs keep their own account of the weights, too.
	 */
	vhost_dev_init(&net->dev, net->vqs, VHC_QUEUES, 1, VHC_RUN_FRAMES, VHC_RUN_BYTES, true,
		       NULL);
	vhc_queue_init(&net->queue[VHC_RX], vhc_rx_ready, EPOLLIN);
	vhc_queue_init(&net->queue[VHC_TX], vhc_tx_ready, EPOLLOUT);
	vhc_debugfs_add(net);
	file->private_data = net;
	return 0;
}

/* Set a queue's socket, or none. The caller puts what is returned in @old after a flush. */
static int set_socket(struct vhc_net *net, unsigned int index, struct socket *sock,
		      struct socket **old)
{
	struct vhc_queue *queue = &net->queue[index];
	struct vhc_tun tun = {};
	bool ethernet = sock && vhc_sock_is_ethernet(sock, &tun);
	int err;

	lockdep_assert_held(&net->dev.mutex);
	mutex_lock(&queue->vq.mutex);
	err = vhc_queue_set_socket(queue, sock, old);
	if (!err && index == VHC_RX)
		vhc_rx_set_socket(queue, sock, &tun);
	if (!err && index == VHC_TX) {
		queue->tx.batches = ethernet;
		vhc_large_free(&queue->tx.large);
	}
	mutex_unlock(&queue->vq.mutex);
	return err;
}

/* Stop both queues; on return no run is under way. */
static void stop(struct vhc_net *net)
{
	struct socket *old[VHC_QUEUES];
	int i;

	for (i = 0; i < VHC_QUEUES; i++)
		set_socket(net, i, NULL, &old[i]);
	/* Kicks come from outside until vhost_dev_stop(); a run without socket does nothing. */
	vhc_worker_flush(net);
	vhost_dev_stop(&net->dev);
	vhc_worker_stop(net);
	for (i = 0; i < VHC_QUEUES; i++)
		vhc_sock_put(old[i]);
}

/*
 * The end of a file's life. Who may still use it?
 * 1. An ioctl: none, they hold a reference to the file.
 * 2. A run: stop() waits for those that began, and a later one finds no socket.
 * 3. A wake-up by a tap: its wait entry is removed in stop(), under the wait queue's lock.
 * 4. A wake-up by a kick: removed by vhost_dev_stop().
 * 5. A timer of signals that wait: it is off after stop(), and no run arms it any more.
 * 6. A reader of its state in debugfs: waited for when that is removed.
 * 7. A reader of its counters: they have a reference to the memory, which goes last.
 * 8. Work queued by one of these before: flushed by vhost_dev_stop() and vhc_worker_stop(); the
 *    workers are gone after vhost_dev_cleanup().
 */
static int vhc_release(struct inode *inode, struct file *file)
{
	struct vhc_net *net = file->private_data;

	vhc_debugfs_remove(net);
	mutex_lock(&net->dev.mutex);
	stop(net);
	mutex_unlock(&net->dev.mutex);
	vhost_dev_cleanup(&net->dev);
	vhc_tx_free(&net->queue[VHC_TX]);
	vhc_net_put(net);
	return 0;
}

/* Bytes of the virtio-net header in a chain (5.1.6). */
static unsigned int header_len(const u64 *features)
{
	const u64 long_header = BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_F_VERSION_1);

	if (features[1] & VHC_TUNNEL_FEATURES)
		return VHC_TUNNEL_HEADER;
	return features[0] & long_header ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
					   sizeof(struct virtio_net_hdr);
}

/* What the features mean for a queue; the ring's are looked up by each run. */
static void queue_set_features(struct vhc_net *net, unsigned int index, const u64 *features)
{
	struct vhc_queue *queue = &net->queue[index];

	mutex_lock(&queue->vq.mutex);
	queue->vq.acked_features = features[0];
	queue->hdr_len = header_len(features);
	queue->sock_hdr_len = features[0] & BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR) ? 0 :
										  queue->hdr_len;
	queue->mergeable = features[0] & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
	if (index == VHC_RX)
		queue->rx.direct = 0;
	/* An IOMMU may have gone. */
	vhc_ring_forget_memory(&queue->ring);
	mutex_unlock(&queue->vq.mutex);
}

/* Is a queue started whose features would become others? */
static bool features_are_in_use(const struct vhc_net *net, const u64 *features)
{
	if (!net->queue[VHC_RX].vq.private_data && !net->queue[VHC_TX].vq.private_data)
		return false;
	return ((features[0] ^ net->features[0]) & ~BIT_ULL(VHOST_F_LOG_ALL)) ||
	       features[1] != net->features[1];
}

/* May be called at any time; VMMs turn VHOST_F_LOG_ALL, and it alone, on and off under load. */
static long set_features(struct vhc_net *net, const u64 *features)
{
	int i;

	lockdep_assert_held(&net->dev.mutex);
	for (i = 0; i < VHC_FEATURE_WORDS; i++)
		if (features[i] & ~vhc_features(i))
			return -EOPNOTSUPP;
	if (features_are_in_use(net, features))
		return -EBUSY;
	if ((features[0] & BIT_ULL(VHOST_F_LOG_ALL)) && !vhost_log_access_ok(&net->dev))
		return -EFAULT;
	if (!(features[0] & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)))
		vhc_clear_iotlb(&net->dev);
	else if (vhc_init_iotlb(&net->dev))
		return -EFAULT;
	for (i = 0; i < VHC_QUEUES; i++)
		queue_set_features(net, i, features);
	/* debugfs looks at any time. */
	for (i = 0; i < VHC_FEATURE_WORDS; i++)
		WRITE_ONCE(net->features[i], features[i]);
	return 0;
}

/*
 * VHOST_GET_FEATURES_ARRAY and VHOST_SET_FEATURES_ARRAY: a count, and as many words of 64
 * features.
 */
enum { FEATURES_ARRAY_MAX = 512 };

static long features_count(struct vhost_features_array __user *array, u64 *count)
{
	if (copy_from_user(count, &array->count, sizeof(*count)))
		return -EFAULT;
	return *count > FEATURES_ARRAY_MAX ? -E2BIG : 0;
}

static long get_features_array(struct vhost_features_array __user *to)
{
	u64 count, word, i;
	long err = features_count(to, &count);

	for (i = 0; !err && i < count; i++) {
		word = i < VHC_FEATURE_WORDS ? vhc_features(i) : 0;
		if (copy_to_user(&to->features[i], &word, sizeof(word)))
			return -EFAULT;
	}
	return err;
}

/* Fills the words that we know; the others have to be 0. */
static long read_features_array(struct vhost_features_array __user *from, u64 *features)
{
	u64 count, word, i;
	long err = features_count(from, &count);

	for (i = 0; !err && i < count; i++) {
		if (copy_from_user(&word, &from->features[i], sizeof(word)))
			return -EFAULT;
		if (i < VHC_FEATURE_WORDS)
			features[i] = word;
		else if (word)
			return -EOPNOTSUPP;
	}
	return err;
}

/*
 * As if it had never had one. What can be set before there is an owner stays, but the core's
 * cleanup forgets most of that, and translations, which no VMM has so early, are forgotten.
 */
static long undo_owner(struct vhc_net *net)
{
	const u64 backend_features = net->vqs[0]->acked_backend_features;
	u64 features[VHC_FEATURE_WORDS];
	int i;

	stop(net);
	vhost_dev_cleanup(&net->dev);
	WRITE_ONCE(net->owner, 0);
	for (i = 0; i < VHC_QUEUES; i++) {
		mutex_lock(&net->vqs[i]->mutex);
		net->vqs[i]->acked_backend_features = backend_features;
		mutex_unlock(&net->vqs[i]->mutex);
	}
	memcpy(features, net->features, sizeof(features));
	return set_features(net, features);
}

static long set_owner(struct vhc_net *net)
{
	long err = vhost_dev_set_owner(&net->dev);

	/* What some cores say of a thread that was not made because of a signal: see below. */
	if (err == -ENOMEM && signal_pending(current))
		return -ERESTARTNOINTR;
	if (err)
		return err;
	WRITE_ONCE(net->owner, task_tgid_nr(current));
	err = vhc_worker_start(net);
	return err ? undo_owner(net) ?: err : 0;
}

static long reset_owner(struct vhc_net *net)
{
	static const u64 no_features[VHC_FEATURE_WORDS];
	struct vhost_iotlb *umem;
	long err = vhost_dev_check_owner(&net->dev);

	if (err)
		return err;
	umem = vhost_dev_reset_owner_prepare();
	if (!umem)
		return -ENOMEM;
	stop(net);
	vhost_dev_reset_owner(&net->dev, umem);
	WRITE_ONCE(net->owner, 0);
	return set_features(net, no_features);
}

/* Start a queue, or move it to another socket. */
static long set_backend_fd(struct vhc_net *net, unsigned int index, int fd)
{
	struct vhc_queue *queue = &net->queue[index];
	struct socket *sock, *old;
	bool ready;
	long err;

	mutex_lock(&queue->vq.mutex);
	ready = vhost_vq_access_ok(&queue->vq);
	mutex_unlock(&queue->vq.mutex);
	if (!ready)
		return -EFAULT;

	sock = vhc_sock_get(fd);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	if (sock == queue->vq.private_data) {
		vhc_sock_put(sock);
		return 0;
	}
	err = set_socket(net, index, sock, &old);
	if (err) {
		vhc_sock_put(sock);
		return err;
	}
	vhc_worker_flush(net);
	vhc_sock_put(old);
	return 0;
}

static long set_backend(struct vhc_net *net, const struct vhost_vring_file *file)
{
	struct socket *old;
	unsigned int index;
	long err = vhost_dev_check_owner(&net->dev);

	if (err)
		return err;
	if (file->index >= VHC_QUEUES)
		return -ENOBUFS;
	index = array_index_nospec(file->index, VHC_QUEUES);
	if (file->fd != VHOST_FILE_UNBIND)
		return set_backend_fd(net, index, file->fd);

	/* QEMU aborts if a queue cannot be stopped. */
	set_socket(net, index, NULL, &old);
	if (old)
		vhc_worker_flush(net);
	vhc_sock_put(old);
	return 0;
}

/* The core takes powers of 2 only. */
static long set_vring_num(struct vhc_net *net, const struct vhost_vring_state *state)
{
	struct vhc_queue *queue = &net->queue[array_index_nospec(state->index, VHC_QUEUES)];
	long err;

	mutex_lock(&queue->vq.mutex);
	err = vhc_queue_set_num(queue, state->num);
	mutex_unlock(&queue->vq.mutex);
	return err;
}

/* A signal that waited while the VMM had no eventfd, or the former one, waits no longer. */
static void call_changed(struct vhc_net *net)
{
	int i;

	for (i = 0; i < VHC_QUEUES; i++) {
		mutex_lock(&net->queue[i].vq.mutex);
		vhc_moderation_flush(&net->queue[i]);
		mutex_unlock(&net->queue[i].vq.mutex);
	}
}

/* Those that the core knows. */
static long core_ioctl(struct vhc_net *net, unsigned int cmd, void __user *argp)
{
	long ret = vhost_dev_ioctl(&net->dev, cmd, argp);
	int i;

	if (ret == -ENOIOCTLCMD) {
		ret = vhost_vring_ioctl(&net->dev, cmd, argp);
		if (!ret && cmd == VHOST_SET_VRING_CALL)
			call_changed(net);
		return ret;
	}
	if (cmd == VHOST_SET_MEM_TABLE)
		for (i = 0; i < VHC_QUEUES; i++)
			vhc_queue_forget_memory(&net->queue[i]);
	vhc_worker_flush(net);
	return ret;
}

static long vhc_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhc_net *net = file->private_data;
	void __user *argp = (void __user *)arg;
	struct vhost_vring_state state = { .index = VHC_QUEUES };
	struct vhost_vring_file backend;
	u64 features[VHC_FEATURE_WORDS] = {};
	long ret;

	/* What can be done without dev.mutex: answer, or copy the argument. */
	switch (cmd) {
	case VHOST_GET_FEATURES:
		features[0] = vhc_features(0);
		return copy_to_user(argp, features, sizeof(*features)) ? -EFAULT : 0;
	case VHOST_GET_FEATURES_ARRAY:
		return get_features_array(argp);
	case VHOST_GET_BACKEND_FEATURES:
		return copy_to_user(argp, &vhc_backend_features, sizeof(u64)) ? -EFAULT : 0;
	case VHOST_CUSTOM_GET_STATS_FD:
		return vhc_stats_get_fd(net, arg);
	case VHOST_CUSTOM_SET_MODERATION:
		return vhc_moderation_set(net, argp);
	case VHOST_SET_FEATURES:
		if (copy_from_user(features, argp, sizeof(*features)))
			return -EFAULT;
		break;
	case VHOST_SET_FEATURES_ARRAY:
		ret = read_features_array(argp, features);
		if (ret)
			return ret;
		break;
	case VHOST_SET_BACKEND_FEATURES:
		if (copy_from_user(features, argp, sizeof(*features)))
			return -EFAULT;
		if (*features & ~vhc_backend_features)
			return -EOPNOTSUPP;
		vhost_set_backend_features(&net->dev, *features);	/* takes dev.mutex */
		return 0;
	case VHOST_NET_SET_BACKEND:
		if (copy_from_user(&backend, argp, sizeof(backend)))
			return -EFAULT;
		break;
	case VHOST_SET_VRING_NUM:
		/* If that fails, it fails for the core, too. */
		if (copy_from_user(&state, argp, sizeof(state)))
			state.index = VHC_QUEUES;
		break;
	}

	mutex_lock(&net->dev.mutex);
	switch (cmd) {
	case VHOST_SET_FEATURES:
	case VHOST_SET_FEATURES_ARRAY:
		ret = set_features(net, features);
		break;
	case VHOST_NEW_WORKER:
	case VHOST_FREE_WORKER:
	case VHOST_ATTACH_VRING_WORKER:
	case VHOST_GET_VRING_WORKER:
		ret = vhc_worker_ioctl(&net->dev, cmd, argp);
		if (ret == -ENOIOCTLCMD)
			ret = core_ioctl(net, cmd, argp);
		else if (!ret && cmd == VHOST_ATTACH_VRING_WORKER)
			vhc_worker_changed(net);
		break;
	case VHOST_SET_VRING_NUM:
		ret = core_ioctl(net, cmd, argp);
		if (ret == -EINVAL && state.index < VHC_QUEUES)
			ret = set_vring_num(net, &state);
		break;
	case VHOST_NET_SET_BACKEND:
		ret = set_backend(net, &backend);
		break;
	case VHOST_SET_OWNER:
		ret = set_owner(net);
		break;
	case VHOST_RESET_OWNER:
		ret = reset_owner(net);
		break;
	default:
		ret = core_ioctl(net, cmd, argp);
	}
	mutex_unlock(&net->dev.mutex);
	return ret;
}

static ssize_t vhc_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vhc_net *net = iocb->ki_filp->private_data;

	return vhost_chr_read_iter(&net->dev, to, iocb->ki_filp->f_flags & O_NONBLOCK);
}

static ssize_t vhc_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vhc_net *net = iocb->ki_filp->private_data;

	return vhost_chr_write_iter(&net->dev, from);
}

static __poll_t vhc_poll(struct file *file, poll_table *wait)
{
	struct vhc_net *net = file->private_data;

	return vhost_chr_poll(file, &net->dev, wait);
}

static void vhc_show_fdinfo(struct seq_file *m, struct file *file)
{
	vhc_stats_show(file->private_data, m);
}

static const struct file_operations vhc_fops = {
	.owner = THIS_MODULE,
	.open = vhc_open,
	.release = vhc_release,
	.unlocked_ioctl = vhc_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read_iter = vhc_read_iter,
	.write_iter = vhc_write_iter,
	.poll = vhc_poll,
	.show_fdinfo = vhc_show_fdinfo,
	.llseek = noop_llseek,
};

static struct miscdevice vhc_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-custom",
	.fops = &vhc_fops,
};

/* vhost_net's name and number: whoever wants that gets us. Neither can be had by two modules. */
static struct miscdevice vhc_misc_takeover = {
	.minor = VHOST_NET_MINOR,
	.name = "vhost-net",
	.fops = &vhc_fops,
};

static int __init take_over(void)
{
	int err;

	if (!takeover)
		return 0;
	err = misc_register(&vhc_misc_takeover);
	if (err == -EBUSY)
		pr_err("takeover=1, but vhost_net has /dev/vhost-net: not loaded. Unload vhost_net first, or use \"vhc-takeover on\"\n");
	return err;
}

static int __init vhc_init(void)
{
	int err = vhc_layout_check();

	if (err)
		return err;
	vhc_debugfs_init();
	/*
	 * What may well fail comes first: once a node is there it may be open, and a module that
	 * fails to load goes all the same.
	 */
	err = take_over();
	if (err)
		goto err_debugfs;
	err = misc_register(&vhc_misc);
	if (err)
		goto err_takeover;
	return 0;

err_takeover:
	if (takeover)
		misc_deregister(&vhc_misc_takeover);
err_debugfs:
	vhc_debugfs_exit();
	return err;
}

static void __exit vhc_exit(void)
{
	misc_deregister(&vhc_misc);
	if (takeover)
		misc_deregister(&vhc_misc_takeover);
	vhc_debugfs_exit();
}

module_init(vhc_init);
module_exit(vhc_exit);

MODULE_DESCRIPTION("Host-kernel backend for virtio-net, in place of vhost_net");
MODULE_AUTHOR("The vhost_custom developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
