// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about backends: which files are one, and how they are changed.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <linux/if_ether.h>

#include "device.h"
#include "parts.h"

static void a_backend_needs_memory(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	int null = open_null();

	/* said before the file is looked at, and by vhost-net for -1 too */
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, null), -EFAULT);
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, BAD_FD), -EFAULT);
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, -1),
		      variant->custom ? 0 : -EFAULT);	/* README: "`NET_SET_BACKEND` with fd -1" */
}

static void no_backend_never_fails(const struct variant *variant)
{
	struct vhc_port port;
	unsigned int i;

	set_up(&port, variant);
	for (i = 0; i < 100; i++) {
		assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, -1), 0);
		assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, -1), 0);
		if (i % 2)
			vhc_port_start(&port);
	}
	vhc_port_close(&port);
}

static void refused_as_backend(struct vhc_port *port, int fd)
{
	assert_result(__vhc_net_set_backend(&port->dev, VHC_TX, fd), -ENOTSOCK);
	if (fd >= 0 && fd != BAD_FD)
		close(fd);
}

static int new_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	assert_true(fd >= 0);
	return fd;
}

static void only_taps_and_packet_sockets_are_backends(const struct variant *variant)
{
	struct vhc_port port;
	int pipes[2];

	set_up(&port, variant);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	refused_as_backend(&port, BAD_FD);
	refused_as_backend(&port, -2);
	refused_as_backend(&port, open_null());
	refused_as_backend(&port, eventfd(0, EFD_CLOEXEC));
	refused_as_backend(&port, pipes[0]);
	refused_as_backend(&port, opened(variant).fd);
	refused_as_backend(&port, new_socket(AF_INET, SOCK_DGRAM, 0));
	refused_as_backend(&port, new_socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
	refused_as_backend(&port, new_socket(AF_UNIX, SOCK_STREAM, 0));
	refused_as_backend(&port, new_socket(AF_UNIX, SOCK_DGRAM, 0));
	refused_as_backend(&port, new_socket(AF_NETLINK, SOCK_RAW, 0));
	refused_as_backend(&port, new_socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)));
	vhc_port_close(&port);
}

static void a_packet_socket_is_a_backend(const struct variant *variant)
{
	int sock = new_socket(AF_PACKET, SOCK_RAW, 0);
	struct vhc_port port;

	set_up(&port, variant);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, sock), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, sock), 0);
	vhc_port_close(&port);
}

static void a_tun_file_without_interface_is_invalid(const struct variant *variant)
{
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct vhc_port port;

	assert_true(tun >= 0);
	set_up(&port, variant);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, tun), -EINVAL);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_port_close(&port);
}

static void a_backend_is_changed_and_set_twice(const struct variant *variant)
{
	struct vhc_port port;
	struct vhc_tap other;

	set_up(&port, variant);
	vhc_tap_create(&other, VHC_TAP, port.header_len, 100);
	vhc_port_start(&port);
	vhc_port_start(&port);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, other.fd), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, other.fd), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_tap_destroy(&other);
	vhc_port_close(&port);
}

static void one_queue_alone_runs(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start_queue(&port, VHC_TX);
	vhc_port_stop_queue(&port, VHC_TX);
	vhc_port_start_queue(&port, VHC_RX);
	vhc_port_close(&port);
}

static const struct claim claims[] = {
	ON(ON_BOTH, a_backend_needs_memory),
	RINGS(ON_BOTH, no_backend_never_fails),
	RINGS(ON_BOTH, only_taps_and_packet_sockets_are_backends),
	RINGS(ON_BOTH, a_packet_socket_is_a_backend),
	RINGS(ON_BOTH, a_tun_file_without_interface_is_invalid),
	RINGS(ON_BOTH, a_backend_is_changed_and_set_twice),
	RINGS(ON_BOTH, one_queue_alone_runs),
};

const struct part about_backend = PART(claims);
