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
 * looks again at the next kick. Section numbers are those of virtio 1.2.
 *
 * @VHOST_CUSTOM_BAD_HEAD: the available ring names a descriptor beyond the table
 *	(2.7.6); there is no chain, so nothing is given back.
 * @VHOST_CUSTOM_BAD_NEXT: a descriptor's next field points beyond the table (2.7.5).
 * @VHOST_CUSTOM_BAD_LOOP: a chain has more descriptors than its table (2.7.5.2).
 * @VHOST_CUSTOM_BAD_LENGTH: a chain has more than 1024 segments, more bytes than any
 *	frame, or none at all.
 * @VHOST_CUSTOM_BAD_INDIRECT: an indirect table is empty, not a multiple of 16 bytes,
 *	contains an indirect descriptor, or its descriptor also has next (2.7.5.3).
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
 * @VHOST_CUSTOM_BAD_INDEX: the available index moved by more than the ring size.
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

/**
 * struct vhost_custom_queue_stats - counters of one queue since the file was opened
 * @index: in: 0 for RX, 1 for TX.
 * @size: in: bytes of this struct that the caller has; out: bytes that the kernel
 *	knows. Fields past the smaller of the two are zero.
 * @packets: frames that went from the guest to the socket (TX) or from the socket to
 *	the guest (RX).
 * @bytes: their bytes, without the virtio-net header.
 * @kicks: times that the worker ran because the driver notified the device, or because the
 *	VMM answered a question for a translation.
 * @signals: times that the device notified the driver.
 * @dropped: RX: frames that did not fit into the driver's buffers, or vanished before
 *	they could be read. TX: frames that the socket could not take for want of memory or
 *	because the tap is gone.
 * @stalls: TX: runs that ended because the socket's send buffer was full. RX: runs that
 *	ended with a frame waiting for the driver's buffers.
 * @bad: by &enum vhost_custom_bad. Stays the last field, as it grows with the reasons.
 */
struct vhost_custom_queue_stats {
	__u32 index;
	__u32 size;
	__u64 packets;
	__u64 bytes;
	__u64 kicks;
	__u64 signals;
	__u64 dropped;
	__u64 stalls;
	__u64 bad[VHOST_CUSTOM_BAD_MAX];
};

/*
 * Read the counters of one queue into a struct vhost_custom_queue_stats. Needs no owner.
 * Errors: EFAULT, ENOBUFS for an index other than 0 or 1, EINVAL for a size that is smaller
 * than the fields up to @signals, E2BIG for one that is larger than 4096.
 *
 * The size in the number is not the struct's: that grows, and the number stays.
 */
#define VHOST_CUSTOM_GET_QUEUE_STATS	_IOWR(VHOST_VIRTIO, 0xC0, __u64)

#endif
