/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What /dev/vhost-custom offers beyond <linux/vhost.h>.
 *
 * The device takes every ioctl of <linux/vhost.h> that vhost_net takes, with the
 * same numbers, arguments and errors. One open file is one queue pair: queue 0 is
 * RX (the guest receives), queue 1 is TX (the guest transmits).
 */
#ifndef _UAPI_VHOST_CUSTOM_H
#define _UAPI_VHOST_CUSTOM_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vhost.h>

/**
 * enum vhost_custom_bad - why something the driver offered could not be used
 *
 * A chain with one of these faults is given back with length 0 and the queue goes on.
 * The last three concern no chain: nothing is given back. After INDEX and RING the queue
 * looks again at the next kick. Section numbers are those of virtio 1.2; packed rings have no
 * HEAD and NEXT.
 *
 * @VHOST_CUSTOM_BAD_HEAD: the available ring names a descriptor beyond the table
 *	(2.7.6); there is no chain, so nothing is given back.
 * @VHOST_CUSTOM_BAD_NEXT: a descriptor's next field points beyond the table (2.7.5).
 * @VHOST_CUSTOM_BAD_LOOP: a chain has more descriptors than its table (2.7.5.2), or than the
 *	driver has of a packed ring (2.8.6).
 * @VHOST_CUSTOM_BAD_LENGTH: a chain has more than 1024 segments, more bytes than any
 *	frame, or none at all.
 * @VHOST_CUSTOM_BAD_INDIRECT: an indirect table is empty, not a multiple of 16 bytes,
 *	contains an indirect descriptor, or its descriptor also has next (2.7.5.3, 2.8.7).
 * @VHOST_CUSTOM_BAD_ADDRESS: a buffer is outside of guest memory, or may not be
 *	accessed that way.
 * @VHOST_CUSTOM_BAD_ORDER: a readable descriptor follows a writable one (2.7.4.2).
 * @VHOST_CUSTOM_BAD_DIRECTION: a writable buffer to transmit, or a readable one to
 *	receive into.
 * @VHOST_CUSTOM_BAD_HEADER: the frame is shorter than its header, or the header asks
 *	for a checksum outside of the frame (5.1.6.2).
 * @VHOST_CUSTOM_BAD_FRAME: the socket refused the frame.
 * @VHOST_CUSTOM_BAD_FAULT: guest memory that is mapped for the device could not be
 *	read or written by the host.
 * @VHOST_CUSTOM_BAD_INDEX: the available index moved by more than the ring size, or the driver
 *	took chains back that it had made available.
 * @VHOST_CUSTOM_BAD_RING: the memory of the ring could not be read or written.
 * @VHOST_CUSTOM_BAD_LOG: the dirty log of a live migration could not be written; what
 *	it is for was done.
 * @VHOST_CUSTOM_BAD_MAX: number of reasons known to this header.
 */
enum vhost_custom_bad {
	VHOST_CUSTOM_BAD_HEAD,
	VHOST_CUSTOM_BAD_NEXT,
	VHOST_CUSTOM_BAD_LOOP,
	VHOST_CUSTOM_BAD_LENGTH,
	VHOST_CUSTOM_BAD_INDIRECT,
	VHOST_CUSTOM_BAD_ADDRESS,
	VHOST_CUSTOM_BAD_ORDER,
	VHOST_CUSTOM_BAD_DIRECTION,
	VHOST_CUSTOM_BAD_HEADER,
	VHOST_CUSTOM_BAD_FRAME,
	VHOST_CUSTOM_BAD_FAULT,
	VHOST_CUSTOM_BAD_INDEX,
	VHOST_CUSTOM_BAD_RING,
	VHOST_CUSTOM_BAD_LOG,
	VHOST_CUSTOM_BAD_MAX
};

/*
 * Get a file to read the counters of a queue from: 0 for RX, 1 for TX, by value. Needs no owner.
 * Returns the file descriptor, with O_CLOEXEC. Errors: ENOBUFS for another index, EMFILE, ENFILE,
 * ENOMEM.
 *
 * The file has the format of KVM_GET_STATS_FD, see there in the kernel's documentation and
 * <linux/kvm.h>: a header, an identifier, a descriptor for each counter, and the data. Names,
 * units and the sizes of histograms are all in it; vhost_custom(4) lists them. More may come.
 * Whoever has the file may read it after the device was closed, too: nothing changes then.
 */
#define VHOST_CUSTOM_GET_STATS_FD	_IO(VHOST_VIRTIO, 0xC0)

/* The longest time that a signal may wait, in microseconds. */
#define VHOST_CUSTOM_MODERATION_MAX	1000000

/**
 * struct vhost_custom_moderation - how long the driver's signals may wait, to be fewer
 * @index: the queue, 0 for RX, 1 for TX.
 * @chains: until so many were given back since the last signal, or the last time that the driver
 *	wanted none; 0 if their number does not count.
 * @usecs: for so many microseconds from the time on that the first of them was given back, at most
 *	%VHOST_CUSTOM_MODERATION_MAX. The signal may come an eighth of that time later. 0 if it
 *	does not wait, which is how it is at first.
 * @padding: 0.
 *
 * Whichever comes first; on RX also a frame that finds no buffer, as the driver may need the
 * signal to make more of them available. Only then is the driver asked whether it wants one.
 */
struct vhost_custom_moderation {
	__u32 index;
	__u32 chains;
	__u32 usecs;
	__u32 padding;
};

/*
 * Moderate the signals of a queue. Needs no owner. It holds until it is set again, or the file is
 * closed: not for the next VMM that the guest migrates to. A signal that waits comes at once, and
 * so it does when the queue is stopped, or gets another eventfd.
 *
 * Errors: EFAULT; ENOBUFS for another index; EINVAL if @usecs is too large, if it is 0 and @chains
 * is not, since the last signal would never come, or if @padding is not 0; EINTR.
 */
#define VHOST_CUSTOM_SET_MODERATION	_IOW(VHOST_VIRTIO, 0xC1, struct vhost_custom_moderation)

#endif
