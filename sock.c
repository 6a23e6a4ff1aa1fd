// SPDX-License-Identifier: GPL-2.0
/*
 * Backends: from a file descriptor to a socket that carries a queue's frames.
 *
 * Called by vhost_custom.c and queue.c, in process context. A socket that is got holds a
 * reference to its file until it is put.
 */
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>

#include "vhost_custom.h"

/**
 * vhc_sock_get() - the socket behind a file descriptor of the calling process
 * @fd: of a tun, tap or macvtap file.
 *
 * Return: the socket, or -ENOTSOCK for everything else.
 */
struct socket *vhc_sock_get(int fd)
{
	struct file *file = fget(fd);
	struct socket *sock;

	if (!file)
		return ERR_PTR(-ENOTSOCK);
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
		sockfd_put(sock);
}

/**
 * vhc_sock_ring() - the ring of frames that the network stack sends to a tap
 * @sock: from vhc_sock_get().
 *
 * Return: the ring; it lives as long as the socket's file.
 */
struct ptr_ring *vhc_sock_ring(struct socket *sock)
{
	struct ptr_ring *ring = tun_get_tx_ring(sock->file);

	return IS_ERR(ring) ? tap_get_ptr_ring(sock->file) : ring;
}
