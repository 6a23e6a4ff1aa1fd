// SPDX-License-Identifier: GPL-2.0
/*
 * A tap device for the guest's frames, and a packet socket at its other side.
 *
 * Callers: port.c and the tests. Needs CAP_NET_ADMIN and CAP_NET_RAW.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "tap.h"
#include "vhc.h"

enum {
	SOCKET_BUFFER = 256 << 20,
	RUNNING_MS = 10000,
};

static void must(int result, const char *what, const char *name)
{
	if (result < 0)
		vhc_fail("%s on %s: %s; are you root, with the tun module loaded?", what, name,
			 strerror(errno));
}

/* ioctl() on the interface rather than on the tap's file */
static void if_ioctl(unsigned long request, struct ifreq *ifr, const char *what)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(sock, "socket", ifr->ifr_name);
	must(ioctl(sock, request, ifr), what, ifr->ifr_name);
	close(sock);
}

/* The kernel would send frames of its own (IPv6 neighbour discovery) into the guest. */
static void silence(const char *name)
{
	char path[64 + IFNAMSIZ];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;		/* a kernel without IPv6 is silent anyway */
	must(write(fd, "1", 1), "disable_ipv6", name);
	close(fd);
}

/* Headers of older kernels lack it. */
#ifndef IFF_BACKPRESSURE
#define IFF_BACKPRESSURE 0x0080
#endif

static void open_tap(struct vhc_tap *tap)
{
	struct ifreq ifr = { .ifr_flags = IFF_NO_PI };

	if (tap->backend == VHC_TAP_WAITING)
		ifr.ifr_flags |= IFF_BACKPRESSURE;
	if (tap->backend == VHC_TAP_FRAGS)
		ifr.ifr_flags |= IFF_NAPI | IFF_NAPI_FRAGS;
	ifr.ifr_flags |= tap->backend == VHC_TUN ? IFF_TUN : IFF_TAP;
	if (tap->backend != VHC_TAP_BARE)
		ifr.ifr_flags |= IFF_VNET_HDR;

	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	must(tap->fd, "open of /dev/net/tun", "a new tap");
	strcpy(ifr.ifr_name, "vhct%d");
	must(ioctl(tap->fd, TUNSETIFF, &ifr), "TUNSETIFF", "a new tap");
	strcpy(tap->name, ifr.ifr_name);
	tap->ifindex = if_nametoindex(tap->name);
}

/* Headers of older kernels lack it. */
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#endif

static void set_header(const struct vhc_tap *tap, int len)
{
	unsigned int offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	must(ioctl(tap->fd, TUNSETVNETHDRSZ, &len), "TUNSETVNETHDRSZ", tap->name);
	must(ioctl(tap->fd, TUNSETOFFLOAD, offloads), "TUNSETOFFLOAD", tap->name);
}

/**
 * vhc_tap_can_wait() - does the kernel know IFF_BACKPRESSURE?
 * @tap: a tap.
 *
 * Return: whether who sends to a tap that is full waits, if it is made so.
 */
bool vhc_tap_can_wait(const struct vhc_tap *tap)
{
	unsigned int features;

	must(ioctl(tap->fd, TUNGETFEATURES, &features), "TUNGETFEATURES", tap->name);
	return features & IFF_BACKPRESSURE;
}

/**
 * vhc_tap_offload_tunnels() - let the guest segment what is in UDP tunnels
 * @tap: the tap.
 *
 * Return: whether the kernel's tun can.
 */
bool vhc_tap_offload_tunnels(const struct vhc_tap *tap)
{
	unsigned int offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_UDP_TUNNEL_GSO;

	return !ioctl(tap->fd, TUNSETOFFLOAD, offloads);
}

static void set_up(const char *name, bool up)
{
	struct ifreq ifr = { .ifr_flags = up ? IFF_UP | IFF_NOARP : IFF_NOARP };

	strcpy(ifr.ifr_name, name);
	if_ioctl(SIOCSIFFLAGS, &ifr, "SIOCSIFFLAGS");
}

/* What is sent before is lost: a work item of the kernel's gives the interface its queue. */
static void wait_until_running(const char *name)
{
	struct ifreq ifr = { 0 };
	unsigned int waited;

	strcpy(ifr.ifr_name, name);
	for (waited = 0; waited < RUNNING_MS; waited++) {
		if_ioctl(SIOCGIFFLAGS, &ifr, "SIOCGIFFLAGS");
		if (ifr.ifr_flags & IFF_RUNNING)
			break;
		poll(NULL, 0, 1);
	}
	if (waited == RUNNING_MS)
		vhc_fail("%s does not run", name);
	/* The flag is set shortly before the queue; this waits for the kernel's lock of both. */
	set_up(name, true);
}

static void set_option(int sock, int level, int option, int value, const char *name)
{
	must(setsockopt(sock, level, option, &value, sizeof(value)), "setsockopt", name);
}

static int packet_socket(const char *name, uint16_t protocol, bool header)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = if_nametoindex(name),
	};
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(sock, "packet socket", name);
	if (header)
		set_option(sock, SOL_PACKET, PACKET_VNET_HDR, 1, name);
	set_option(sock, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER, name);
	set_option(sock, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER, name);
	must(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), "bind", name);
	return sock;
}

static void run(const char *format, const char *first, const char *second)
{
	char command[128];

	snprintf(command, sizeof(command), format, first, second);
	if (system(command))
		vhc_fail("\"%s\" failed; are you root, with the veth module?", command);
}

/* The far end is what the rest of this file calls the tap. */
static void open_veth(struct vhc_tap *tap, char near[IFNAMSIZ])
{
	snprintf(near, IFNAMSIZ, "vhcn%u", (unsigned int)getpid() % 100000);
	snprintf(tap->name, sizeof(tap->name), "vhcf%u", (unsigned int)getpid() % 100000);
	run("ip link add %s type veth peer name %s", near, tap->name);
	tap->ifindex = if_nametoindex(tap->name);
	silence(near);
	silence(tap->name);
	set_up(near, true);
	set_up(tap->name, true);
	wait_until_running(near);
	wait_until_running(tap->name);
}

static void open_packet(struct vhc_tap *tap)
{
	char near[IFNAMSIZ];

	open_veth(tap, near);
	tap->fd = packet_socket(near, ETH_P_ALL, false);
	/* Frames that the socket itself sent would come back to it. */
	set_option(tap->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, near);
}

static void open_macvtap(struct vhc_tap *tap, unsigned int header_len)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	char near[IFNAMSIZ], path[32];

	open_veth(tap, near);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "vhcm%u", (unsigned int)getpid() % 100000);
	run(tap->backend == VHC_IPVTAP ? "ip link add link %s name %s type ipvtap mode l2" :
	    "ip link add link %s name %s type macvtap mode passthru", near, ifr.ifr_name);
	silence(ifr.ifr_name);
	set_up(ifr.ifr_name, true);
	snprintf(path, sizeof(path), "/dev/tap%u", if_nametoindex(ifr.ifr_name));
	tap->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	must(tap->fd, "open", path);
	must(ioctl(tap->fd, TUNSETIFF, &ifr), "TUNSETIFF", path);
	set_header(tap, header_len);
}

/**
 * vhc_tap_create() - make a tap that is up
 * @tap: filled; without a packet socket.
 * @backend: or what else.
 * @header_len: bytes of the virtio-net header before each frame.
 * @queue_len: frames that the tap holds for the guest before it drops.
 */
void vhc_tap_create(struct vhc_tap *tap, enum vhc_backend backend, unsigned int header_len,
		    unsigned int queue_len)
{
	struct ifreq ifr = { .ifr_qlen = queue_len };

	memset(tap, 0, sizeof(*tap));
	tap->backend = backend;
	tap->sock = -1;
	if (backend == VHC_PACKET) {
		open_packet(tap);
		return;
	}
	if (backend == VHC_MACVTAP || backend == VHC_IPVTAP) {
		open_macvtap(tap, header_len);
		return;
	}
	open_tap(tap);
	if (backend != VHC_TAP_BARE)
		set_header(tap, header_len);
	silence(tap->name);
	strcpy(ifr.ifr_name, tap->name);
	if_ioctl(SIOCSIFTXQLEN, &ifr, "SIOCSIFTXQLEN");
	vhc_tap_set_up(tap, true);
}

/**
 * vhc_tap_destroy() - remove the tap and its packet socket
 * @tap: the tap.
 */
void vhc_tap_destroy(struct vhc_tap *tap)
{
	vhc_tap_detach(tap);
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
	if (tap->backend == VHC_PACKET || tap->backend == VHC_MACVTAP)
		run("ip link del %s%s", tap->name, "");
}

/**
 * vhc_tap_set_up() - set the tap up or down
 * @tap: the tap.
 * @up: which.
 */
void vhc_tap_set_up(const struct vhc_tap *tap, bool up)
{
	set_up(tap->name, up);
}

/**
 * vhc_tap_wait_until_running() - after its other end came up
 * @tap: the tap, or the far end of a veth pair.
 */
void vhc_tap_wait_until_running(const struct vhc_tap *tap)
{
	wait_until_running(tap->name);
}

/**
 * vhc_tap_set_sndbuf() - bound what the guest may have in flight behind the tap
 * @tap: the tap.
 * @bytes: TUNSETSNDBUF.
 */
void vhc_tap_set_sndbuf(const struct vhc_tap *tap, int bytes)
{
	must(ioctl(tap->fd, TUNSETSNDBUF, &bytes), "TUNSETSNDBUF", tap->name);
}

/**
 * vhc_tap_attach() - open the packet socket
 * @tap: the tap.
 * @protocol: ethertype of the frames to receive.
 */
void vhc_tap_attach(struct vhc_tap *tap, uint16_t protocol)
{
	tap->sock = packet_socket(tap->name, protocol, true);
}

/**
 * vhc_tap_detach() - close the packet socket
 * @tap: the tap.
 */
void vhc_tap_detach(struct vhc_tap *tap)
{
	if (tap->sock >= 0)
		close(tap->sock);
	tap->sock = -1;
}

/**
 * vhc_tap_send() - send a frame to the guest
 * @tap: the tap, with a packet socket.
 * @header: what a driver would put before it; may ask for segmentation.
 * @frame: the frame.
 * @len: its length.
 *
 * Return: 0 or -errno; -ENOBUFS if the tap's queue is full.
 */
int vhc_tap_send(const struct vhc_tap *tap, const struct virtio_net_hdr *header,
		 const void *frame, size_t len)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)header, .iov_len = sizeof(*header) },
		{ .iov_base = (void *)frame, .iov_len = len },
	};

	return writev(tap->sock, iov, 2) < 0 ? -errno : 0;
}

/**
 * vhc_tap_receive() - receive a frame that the guest sent
 * @tap: the tap, with a packet socket.
 * @header: filled.
 * @frame: filled.
 * @size: of @frame.
 *
 * Return: the frame's length, or -errno; -EAGAIN if there is none now.
 */
ssize_t vhc_tap_receive(const struct vhc_tap *tap, struct virtio_net_hdr *header, void *frame,
			size_t size)
{
	struct iovec iov[2] = {
		{ .iov_base = header, .iov_len = sizeof(*header) },
		{ .iov_base = frame, .iov_len = size },
	};
	ssize_t len = readv(tap->sock, iov, 2);

	if (len < 0)
		return -errno;
	return len - (ssize_t)sizeof(*header);
}
