/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, vhost_custom:*. Names and fields are for tools and stay as they are; vhost_custom(4)
 * explains them. Each has the number of the open file, as in its fdinfo, and the queue: 0 for RX,
 * 1 for TX.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_custom

#if !defined(VHC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VHC_TRACE_H

#include <linux/tracepoint.h>

#include "vhost_custom.h"

DECLARE_EVENT_CLASS(vhost_custom_queue,
	TP_PROTO(const struct vhc_queue *queue),
	TP_ARGS(queue),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
	),
	TP_printk("instance=%u queue=%u", __entry->instance, __entry->queue)
);

/* The worker runs the queue as the driver asked for it, or the VMM answered iotlb_miss. */
DEFINE_EVENT(vhost_custom_queue, kick,
	TP_PROTO(const struct vhc_queue *queue),
	TP_ARGS(queue)
);

/* A run begins, for whatever reason. */
DEFINE_EVENT(vhost_custom_queue, run_begin,
	TP_PROTO(const struct vhc_queue *queue),
	TP_ARGS(queue)
);

/* A run ends, after so many frames and their bytes without headers. */
TRACE_EVENT(run_end,
	TP_PROTO(const struct vhc_queue *queue, u64 packets, u64 bytes),
	TP_ARGS(queue, packets, bytes),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u64, packets)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->packets = packets;
		__entry->bytes = bytes;
	),
	TP_printk("instance=%u queue=%u packets=%llu bytes=%llu", __entry->instance,
		  __entry->queue, __entry->packets, __entry->bytes)
);

/* The queue gets a socket: entries of its ring, and the next available one that is taken. */
TRACE_EVENT(queue_start,
	TP_PROTO(const struct vhc_queue *queue, u32 num, u16 base),
	TP_ARGS(queue, num, base),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, num)
		__field(u16, base)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->num = num;
		__entry->base = base;
	),
	TP_printk("instance=%u queue=%u num=%u base=%u", __entry->instance, __entry->queue,
		  __entry->num, __entry->base)
);

/* The queue loses its socket. */
DEFINE_EVENT(vhost_custom_queue, queue_stop,
	TP_PROTO(const struct vhc_queue *queue),
	TP_ARGS(queue)
);

/* Small frames go to the tap together. */
TRACE_EVENT(tx_batch,
	TP_PROTO(const struct vhc_queue *queue, u32 packets, u32 bytes),
	TP_ARGS(queue, packets, bytes),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, packets)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->packets = packets;
		__entry->bytes = bytes;
	),
	TP_printk("instance=%u queue=%u packets=%u bytes=%u", __entry->instance, __entry->queue,
		  __entry->packets, __entry->bytes)
);

/* The driver gets so many chains back. */
TRACE_EVENT(used_publish,
	TP_PROTO(const struct vhc_queue *queue, u32 chains),
	TP_ARGS(queue, chains),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, chains)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->chains = chains;
	),
	TP_printk("instance=%u queue=%u chains=%u", __entry->instance, __entry->queue,
		  __entry->chains)
);

/*
 * After chains were given back, or could not be: was the driver signalled, or did it not want to
 * be, or has the VMM set no eventfd?
 */
TRACE_EVENT(signal,
	TP_PROTO(const struct vhc_queue *queue, bool sent),
	TP_ARGS(queue, sent),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, sent)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->sent = sent;
	),
	TP_printk("instance=%u queue=%u sent=%u", __entry->instance, __entry->queue,
		  __entry->sent)
);

/* A run that had nothing to do polled: did work come? */
TRACE_EVENT(poll,
	TP_PROTO(const struct vhc_queue *queue, bool hit),
	TP_ARGS(queue, hit),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, hit)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->hit = hit;
	),
	TP_printk("instance=%u queue=%u hit=%u", __entry->instance, __entry->queue, __entry->hit)
);

/* The VMM is asked for the translation of an address: perm is that of VHOST_IOTLB_MISS. */
TRACE_EVENT(iotlb_miss,
	TP_PROTO(const struct vhc_queue *queue, u64 iova, u8 perm),
	TP_ARGS(queue, iova, perm),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u64, iova)
		__field(u8, perm)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->iova = iova;
		__entry->perm = perm;
	),
	TP_printk("instance=%u queue=%u iova=0x%llx perm=%u", __entry->instance, __entry->queue,
		  __entry->iova, __entry->perm)
);

/* Something could not be used, in most cases by the driver's fault: enum vhost_custom_bad. */
TRACE_EVENT(bad_chain,
	TP_PROTO(const struct vhc_queue *queue, u32 reason),
	TP_ARGS(queue, reason),
	TP_STRUCT__entry(
		__field(u32, instance)
		__field(u32, queue)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->instance = vhc_queue_net(queue)->instance;
		__entry->queue = vhc_queue_index(queue);
		__entry->reason = reason;
	),
	TP_printk("instance=%u queue=%u reason=%u", __entry->instance, __entry->queue,
		  __entry->reason)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
