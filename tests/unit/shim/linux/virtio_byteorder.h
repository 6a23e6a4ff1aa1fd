/* SPDX-License-Identifier: GPL-2.0 */
/* Between the ring's byte order, chosen at run time, and the host's. Unit tests only. */
#ifndef SHIM_LINUX_VIRTIO_BYTEORDER_H
#define SHIM_LINUX_VIRTIO_BYTEORDER_H

#include <endian.h>
#include <linux/types.h>
#include <linux/virtio_types.h>

/* The kernel's answer is the host's; here both orders are tested. */
static inline bool virtio_legacy_is_little_endian(void)
{
	return false;
}

#define SHIM_VIRTIO_ORDER(bits)							\
static inline u##bits __virtio##bits##_to_cpu(bool le, __virtio##bits val)	\
{										\
	return le ? le##bits##toh(val) : be##bits##toh(val);			\
}										\
static inline __virtio##bits __cpu_to_virtio##bits(bool le, u##bits val)	\
{										\
	return le ? htole##bits(val) : htobe##bits(val);			\
}

SHIM_VIRTIO_ORDER(16)
SHIM_VIRTIO_ORDER(32)
SHIM_VIRTIO_ORDER(64)

#endif
