// SPDX-License-Identifier: GPL-2.0
/*
 * Backends: from a file descriptor to a socket that carries a queue's frames.
 *
 * Called by vhost_custom.c, rx.c and debugfs.c, in process context. A socket that is got holds a
 * reference to its file until it is put.
 */
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netdevice.h>
#include <linux/seq_file.h>
#include <net/sock.h>

#include "vhost_custom.h"

static struct socket *packet_socket(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	if (sock && sock->sk->sk_type == SOCK_RAW && sock->sk->sk_family == AF_PACKET)
		return sock;
	return NULL;
}

/**
 * vhc_sock_get() - the socket behind a file descriptor of the calling process
 * @fd: of a tun, tap or macvtap file, or of a raw packet socket.
 *
 * The descriptor is looked up once: another thread may give it another file meanwhile.
 *
 * Return: the socket, or -ENOTSOCK for everything else.
 */
struct socket *vhc_sock_get(int fd)
{
	struct file *file = fget(fd);
	struct socket *sock;

	if (!file)
		return ERR_PTR(-ENOTSOCK);
	sock = packet_socket(file);
	if (sock)
		return sock;
	sock = tun_get_socket(file);
	if (IS_ERR(sock))
		sock = tap_get_socket(file);
	if (IS_ERR(sock)) {
		fput(file);
		return ERR_PTR(-ENOTSOCK);
	}
	return sock;
}

/**
 * vhc_sock_put() - give the reference of vhc_sock_get() back
 * @sock: the socket, or NULL.
 */
void vhc_sock_put(struct socket *sock)
{
	if (sock)
		fput(sock->file);
}

/**
 * vhc_sock_ring() - the ring of frames that the network stack sends to a tap
 * @sock: from vhc_sock_get().
 *
 * Return: the ring, which lives as long as the socket's file; NULL for a packet socket, which
 * has a list of frames instead.
 */
struct ptr_ring *vhc_sock_ring(struct socket *sock)
{
	struct ptr_ring *ring = tun_get_tx_ring(sock->file);

	if (IS_ERR(ring))
		ring = tap_get_ptr_ring(sock->file);
	return IS_ERR(ring) ? NULL : ring;
}

static bool is_tun(const struct net_device *dev)
{
	return dev->rtnl_link_ops && !strcmp(dev->rtnl_link_ops->kind, "tun");
}

/*
 * tun tells nobody but its fdinfo which device a file is attached to, and that by name: the device
 * may be in another network namespace, and have a namesake here.
 */
static struct net_device *tun_device(struct file *file, struct net *net)
{
	char text[64] = "", name[IFNAMSIZ];
	struct seq_file m = { .buf = text, .size = sizeof(text) - 1 };
	struct net_device *dev;

	if (!file->f_op->show_fdinfo)
		return NULL;
	file->f_op->show_fdinfo(&m, file);
	if (sscanf(text, "iff:\t%15s", name) != 1)
		return NULL;
	dev = dev_get_by_name(net, name);
	if (!dev || is_tun(dev))
		return dev;
	dev_put(dev);
	return NULL;
}

static void packet_device_name(struct socket *sock, char *name)
{
	struct sockaddr_storage addr = {};
	const struct sockaddr_ll *ll = (const struct sockaddr_ll *)&addr;
	struct net_device *dev = NULL;

	if (sock->ops->getname(sock, (struct sockaddr *)&addr, 0) > 0)
		dev = dev_get_by_index(sock_net(sock->sk), ll->sll_ifindex);
	if (dev) {
		strscpy(name, dev->name, IFNAMSIZ);
		dev_put(dev);
	}
}

static void tap_device_name(struct socket *sock, char *name)
{
	struct tap_queue *queue = container_of(sock, struct tap_queue, sock);
	struct tap_dev *tap;

	rtnl_lock();
	tap = rtnl_dereference(queue->tap);
	if (tap)
		strscpy(name, tap->dev->name, IFNAMSIZ);
	rtnl_unlock();
}

/**
 * vhc_sock_device_name() - the network device that frames go to and come from
 * @file: of a socket from vhc_sock_get().
 * @name: %IFNAMSIZ bytes, for its name; as it was if there is none, or if it is in another
 *	network namespace than the file.
 *
 * Context: process; takes the RTNL.
 * Return: the inode number of the file's network namespace.
 */
unsigned int vhc_sock_device_name(struct file *file, char *name)
{
	struct socket *sock = packet_socket(file);
	struct net_device *dev;

	if (sock) {
		packet_device_name(sock, name);
		return sock_net(sock->sk)->ns.inum;
	}
	sock = tap_get_socket(file);
	if (!IS_ERR(sock)) {
		tap_device_name(sock, name);
		return sock_net(sock->sk)->ns.inum;
	}
	sock = tun_get_socket(file);
	if (IS_ERR(sock))
		return 0;
	dev = tun_device(file, sock_net(sock->sk));
	if (dev) {
		strscpy(name, dev->name, IFNAMSIZ);
		dev_put(dev);
	}
	return sock_net(sock->sk)->ns.inum;
}

/**
 * vhc_sock_is_ethernet() - does a socket take Ethernet frames by TUN_MSG_PTR?
 * @sock: from vhc_sock_get().
 * @tun: filled with its device, if it is one of tun; all zeros if not, or if it is not found,
 *	as it is in another network namespace than its file. There, a tun device of the same name
 *	may be found instead: see vhc_skb_is_proof().
 *
 * A tun device (IFF_TUN) carries IP packets, and would take what is in a batch for Ethernet
 * frames. It has no link-layer header, whatever type its owner gave it (TUNSETLINK).
 *
 * Context: process; takes the RTNL.
 * Return: false for such, and for packet sockets. A tun or tap that is not found passes for a
 * tap.
 */
bool vhc_sock_is_ethernet(struct socket *sock, struct vhc_tun *tun)
{
	struct net_device *dev;
	bool ethernet;

	*tun = (struct vhc_tun){ .net = sock_net(sock->sk) };
	if (!IS_ERR(tap_get_socket(sock->file)))
		return true;
	if (IS_ERR(tun_get_socket(sock->file)))
		return false;
	dev = tun_device(sock->file, tun->net);
	if (!dev)
		return true;
	ethernet = dev->hard_header_len;
	tun->dev = dev;
	tun->ops = dev->netdev_ops;
	tun->ifindex = dev->ifindex;
	dev_put(dev);
	return ethernet;
}

/* Another device at the same address is told by its number, or has statistics of tun's, too. */
static struct net_device *tun_find_rcu(const struct vhc_tun *tun)
{
	struct net_device *dev = dev_get_by_index_rcu(tun->net, tun->ifindex);

	return dev && dev == READ_ONCE(tun->dev) && dev->netdev_ops == tun->ops ? dev : NULL;
}

/**
 * vhc_tun_is_there() - is a tun device still where it was?
 * @tun: from vhc_sock_is_ethernet().
 *
 * Return: false if it was removed, or went to another network namespace.
 */
bool vhc_tun_is_there(const struct vhc_tun *tun)
{
	bool found;

	rcu_read_lock();
	found = tun_find_rcu(tun);
	rcu_read_unlock();
	return found;
}

/**
 * vhc_tun_dropped() - how many frames found no room in a tun device, or no reader
 * @tun: from vhc_sock_is_ethernet(), or all zeros.
 *
 * Return: those of all its queues, since it was made; 0 if it is not there any more.
 */
u64 vhc_tun_dropped(const struct vhc_tun *tun)
{
	struct rtnl_link_stats64 stats;
	struct net_device *dev;
	u64 dropped = 0;

	if (!READ_ONCE(tun->dev))
		return 0;
	rcu_read_lock();
	dev = tun_find_rcu(tun);
	if (dev)
		dropped = dev_get_stats(dev, &stats)->tx_dropped;
	rcu_read_unlock();
	return dropped;
}

/**
 * vhc_tun_count() - add to what a tun device has sent, if it is still there
 * @tun: from vhc_sock_is_ethernet().
 * @packets: frames.
 * @bytes: theirs.
 */
void vhc_tun_count(const struct vhc_tun *tun, unsigned int packets, unsigned int bytes)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = tun_find_rcu(tun);
	if (dev) {
		preempt_disable();
		dev_sw_netstats_tx_add(dev, packets, bytes);
		preempt_enable();
	}
	rcu_read_unlock();
}
